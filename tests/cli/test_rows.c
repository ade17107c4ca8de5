/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_rows.c: the rows of a decision never contradict it, whatever a plugin answers, also one that is newer than this
 * program. Owns no decision: those of the real plugin are tried in cli_try.py. One thread.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "decision_view.h"
#include "xdsgate/auth.h"

#define NOW 1800000000

/* A token of which nothing but the claims matters here, and the request that brings it. */
typedef struct question {
    char credential[1024];
    xg_tag tags[2];
    xg_request request;
} question;

static void ask(question *q, uint32_t kind, const char *claims)
{
    static const char HEADER[] = "{\"alg\":\"RS256\",\"kid\":\"1\"}";
    memset(q, 0, sizeof(*q));
    size_t len = xg_b64url_encode((const uint8_t *)HEADER, strlen(HEADER), q->credential);
    q->credential[len++] = '.';
    len += xg_b64url_encode((const uint8_t *)claims, strlen(claims), q->credential + len);
    memcpy(q->credential + len, ".AAAA", 6);
    q->tags[0] = (xg_tag){XG_STR("a"), XG_STR("1")};
    q->tags[1] = (xg_tag){XG_STR("b"), XG_STR("3")};
    q->request = (xg_request){
        .struct_size = sizeof(q->request),
        .kind = kind,
        .credential = xg_str_of(q->credential),
        .mesh = XG_STR("m"),
        .name = XG_STR("n"),
        .tags = q->tags,
        .num_tags = 2,
    };
}

static const char DATAPLANE[] =
    "{\"Name\":\"n\",\"Mesh\":\"m\",\"Tags\":{\"a\":[\"1\"],\"b\":[\"2\"]},\"Workload\":\"w\","
    "\"Type\":\"t\",\"exp\":1800000001}";
static const char ZONE[] = "{\"Zone\":\"z\",\"Scope\":[\"ingress\"]}";

static const char *verdict_at(const json_t *rows, size_t index)
{
    return json_string_value(json_object_get(json_array_get(rows, index), "verdict"));
}

static const char *binding_at(const json_t *rows, size_t index)
{
    return json_string_value(json_object_get(json_array_get(rows, index), "binding"));
}

static bool is_one_of(const char *word, const char *const *words)
{
    while (*words != NULL && strcmp(word, *words) != 0) {
        words++;
    }
    return *words != NULL;
}

/* Nothing fails in an admission; in a denial one row does, with nothing behind it looked at. */
static void check(const json_t *rows, const xg_decision *decision)
{
    static const char *const HELD[] = {"ok", "not bound", "not checked", NULL};
    bool has_failed = false;
    assert_true(json_array_size(rows) >= 10);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const char *verdict = verdict_at(rows, i);
        bool is_failed = strcmp(verdict, "FAILED") == 0;
        bool is_right = has_failed ? strcmp(verdict, "not reached") == 0 : is_failed || is_one_of(verdict, HELD);
        if (!is_right) {
            fail_msg("reason %u, binding %u: row %s is %s", decision->reason, decision->failed_binding,
                     binding_at(rows, i), verdict);
        }
        has_failed = has_failed || is_failed;
    }
    assert_int_equal(has_failed, decision->outcome != XG_OUTCOME_ALLOWED);
}

/* Every reason there is, and some that there are not yet. */
static bool is_of_interest(uint32_t reason)
{
    return xg_reason_find(reason)->number == reason || reason % 50 == 49;
}

static void check_all(const question *q, const xg_policy *policy)
{
    for (uint32_t outcome = XG_OUTCOME_DENIED; outcome <= XG_OUTCOME_UNDECIDED; outcome++) {
        for (uint32_t reason = 0; reason < XG_REASON_LIMIT_ + 50; reason++) {
            for (uint32_t i = 0; is_of_interest(reason) && i < 22; i++) {
                const xg_decision decision = {
                    .outcome = outcome,
                    .reason = reason,
                    .failed_binding = i / 2,
                    .kid = "1",
                    .kid_len = i % 2 == 0 ? 0 : 1,
                };
                json_t *rows = xg_decision_rows_new(&decision, &q->request, policy, NOW);
                check(rows, &decision);
                json_decref(rows);
            }
        }
    }
}

static void test_no_answer_is_contradicted(void **state)
{
    question q;
    xg_policy policy = {.profile = *xg_profile_at(0), .token = XG_TOKEN_LIMITS_DEFAULT};
    (void)state;
    ask(&q, XG_KIND_DATAPLANE, DATAPLANE);
    check_all(&q, &policy);
    check_all(&q, NULL);
    ask(&q, XG_KIND_ZONE_INGRESS, ZONE);
    check_all(&q, &policy);
    ask(&q, XG_KIND_DATAPLANE, "{\"Name\":7}");
    check_all(&q, &policy);
}

/* The row that failed, by its name. */
static void assert_failed(const question *q, const xg_policy *policy, xg_decision decision, const char *binding)
{
    decision.kid_len = 1;
    json_t *rows = xg_decision_rows_new(&decision, &q->request, policy, NOW);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        assert_int_equal(strcmp(verdict_at(rows, i), "FAILED") == 0, strcmp(binding_at(rows, i), binding) == 0);
    }
    json_decref(rows);
}

static void test_what_only_a_newer_plugin_knows_has_a_row_of_its_own(void **state)
{
    question q;
    const xg_policy policy = {.profile = *xg_profile_at(0), .token = XG_TOKEN_LIMITS_DEFAULT};
    (void)state;
    ask(&q, XG_KIND_DATAPLANE, DATAPLANE);
    const struct {
        const xg_policy *policy;
        xg_decision decision;
        const char *binding;
    } cases[] = {
        {&policy, {.reason = 450}, "decision"},
        {&policy, {.reason = XG_REASON_NO_MEMORY}, "decision"},
        {&policy, {.reason = XG_REASON_OK}, "decision"}, /* denied without a reason */
        {&policy, {.reason = XG_REASON_BINDING_NAME, .failed_binding = 9}, "binding"},
        {&policy, {.reason = XG_REASON_BINDING_NAME, .failed_binding = XG_BINDING_NAME}, "name"},
        {&policy, {.reason = XG_REASON_BINDING_TAG_VALUE, .failed_binding = XG_BINDING_TAG}, "tag b"},
        {NULL, {.reason = XG_REASON_BINDING_TAG_VALUE, .failed_binding = XG_BINDING_TAG}, "tags"},
        {&policy, {.reason = XG_REASON_BINDING_TAG_MISSING, .failed_binding = XG_BINDING_TAG}, "tags"},
        {&policy, {.reason = XG_REASON_BINDING_TYPE, .failed_binding = XG_BINDING_TYPE}, "type"},
        {&policy, {.reason = XG_REASON_KEYS_UNUSABLE}, "revoked"}, /* with the kid known, it is the shared list */
        {&policy, {.reason = XG_REASON_SESSION_DUPLICATE}, "session"},
        {&policy, {.reason = XG_REASON_SESSION_UNSETTLED}, "session"},
        {&policy, {.reason = XG_REASON_SESSION_UNSUPPORTED}, "request"},
        {&policy, {.reason = XG_REASON_SESSION_POLICY}, "decision"}, /* ends a session, and denies none */
    };
    for (size_t i = 0; i < XG_ARRAY_LEN(cases); i++) {
        assert_failed(&q, cases[i].policy, cases[i].decision, cases[i].binding);
    }
}

/* Rows show nothing of a token unless the decision proves that its signature held. */
static void test_claims_are_shown_only_once_the_signature_held(void **state)
{
    question q;
    const xg_policy policy = {.profile = *xg_profile_at(0), .token = XG_TOKEN_LIMITS_DEFAULT};
    (void)state;
    ask(&q, XG_KIND_DATAPLANE, DATAPLANE);
    for (uint32_t reason = 0; reason < XG_REASON_LIMIT_; reason++) {
        const xg_decision decision = {.reason = reason, .failed_binding = XG_BINDING_WORKLOAD};
        json_t *rows = xg_decision_rows_new(&decision, &q.request, &policy, NOW);
        char *text = json_dumps(rows, JSON_COMPACT);
        assert_null(strstr(text, "\"w\""));
        assert_null(strstr(text, "tag a"));
        free(text);
        json_decref(rows);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_answer_is_contradicted),
        cmocka_unit_test(test_what_only_a_newer_plugin_knows_has_a_row_of_its_own),
        cmocka_unit_test(test_claims_are_shown_only_once_the_signature_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
