/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_mint.c: every byte of a token is the one that Kuma's issuer would have written (kuma-tokens 1.1).
 *
 * Expectations come from the reference and from running Go's encoder, never from the code under test. The signature is
 * compared with one made by libcrypto alone, and with libjwt's opinion. One thread.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jwt.h>

#include "../fixture.h"
#include "xdsgate/token.h"

#define JTI "00000000-0000-4000-8000-000000000001"

/* 2026-01-02T03:04:05.678Z, valid for an hour: the example of the reference. */
#define REFERENCE_TIMES .now = 1767323045, .now_nanos = 678000000, .valid_for_nanos = INT64_C(3600000000000)
#define REFERENCE_TAIL  "\"exp\":1767326645,\"nbf\":1767323040,\"iat\":1767323040,\"jti\":\"" JTI "\"}"

static xg_mint_request dataplane(void)
{
    return (xg_mint_request){
        .kind = XG_TOKEN_DATAPLANE, .kid = XG_STR("1"), .mesh = XG_STR("default"), .jti = XG_STR(JTI), REFERENCE_TIMES};
}

static xg_mint_request zone(void)
{
    return (xg_mint_request){
        .kind = XG_TOKEN_ZONE, .kid = XG_STR("1"), .zone = XG_STR("east"), .jti = XG_STR(JTI), REFERENCE_TIMES};
}

static void assert_claims(const xg_mint_request *request, const char *expected)
{
    char *json = NULL;
    size_t len = 0;
    assert_true(xg_is_ok(xg_mint_claims_json(request, &json, &len)));
    assert_string_equal(json, expected);
    assert_int_equal(len, strlen(expected));
    free(json);
}

static void assert_refused(const xg_mint_request *request, uint32_t reason)
{
    char *json = NULL;
    size_t len = 77;
    assert_int_equal(xg_result_reason(xg_mint_claims_json(request, &json, &len)), reason);
    assert_null(json);
    assert_int_equal(len, 77);
}

static void test_reference_example_is_met_byte_for_byte(void **state)
{
    static const char ENCODED[] =
        "eyJOYW1lIjoiIiwiTWVzaCI6ImRlZmF1bHQiLCJUYWdzIjp7fSwiVHlwZSI6IiIsIldvcmtsb2FkIjoiIiwiZXhwIjoxNzY3MzI2NjQ1LCJuYm"
        "YiOjE3NjczMjMwNDAsImlhdCI6MTc2NzMyMzA0MCwianRpIjoiMDAwMDAwMDAtMDAwMC00MDAwLTgwMDAtMDAwMDAwMDAwMDAxIn0";
    xg_mint_request request = dataplane();
    xg_signer *signer = NULL;
    char *token = NULL;
    size_t len = 0;
    (void)state;
    assert_claims(&request,
                  "{\"Name\":\"\",\"Mesh\":\"default\",\"Tags\":{},\"Type\":\"\",\"Workload\":\"\"," REFERENCE_TAIL);
    assert_true(xg_is_ok(xg_signer_parse(xg_str_of(fixture_private_pem(FIXTURE_KEY_M1)), &signer)));
    assert_true(xg_is_ok(xg_mint_token(&request, signer, &token, &len)));
    assert_int_equal(len, strlen(token));
    assert_memory_equal(token, "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEiLCJ0eXAiOiJKV1QifQ.", 51);
    assert_memory_equal(token + 51, ENCODED, sizeof(ENCODED) - 1);
    assert_int_equal(token[51 + sizeof(ENCODED) - 1], '.');
    free(token);
    xg_signer_free(signer);
}

/* Each row changes one thing of the reference example, and exactly that changes in the bytes. */
static void test_each_member_has_its_place(void **state)
{
    (void)state;
    xg_mint_request request = dataplane();
    request.name = XG_STR("a");
    assert_claims(&request,
                  "{\"Name\":\"a\",\"Mesh\":\"default\",\"Tags\":{},\"Type\":\"\",\"Workload\":\"\"," REFERENCE_TAIL);
    request = dataplane();
    request.mesh = (xg_str){0};
    assert_claims(&request, "{\"Name\":\"\",\"Mesh\":\"\",\"Tags\":{},\"Type\":\"\",\"Workload\":\"\"," REFERENCE_TAIL);
    request = dataplane();
    request.type = XG_STR("dataplane");
    assert_claims(&request, "{\"Name\":\"\",\"Mesh\":\"default\",\"Tags\":{},\"Type\":\"dataplane\",\"Workload\":"
                            "\"\"," REFERENCE_TAIL);
    request = dataplane();
    request.workload = XG_STR("web");
    assert_claims(&request, "{\"Name\":\"\",\"Mesh\":\"default\",\"Tags\":{},\"Type\":\"\",\"Workload\":"
                            "\"web\"," REFERENCE_TAIL);
    request = dataplane();
    request.jti = (xg_str){0};
    assert_claims(&request, "{\"Name\":\"\",\"Mesh\":\"default\",\"Tags\":{},\"Type\":\"\",\"Workload\":\"\","
                            "\"exp\":1767326645,\"nbf\":1767323040,\"iat\":1767323040}");
    request = dataplane();
    request.zone = XG_STR("east"); /* belongs to the other kind */
    assert_claims(&request,
                  "{\"Name\":\"\",\"Mesh\":\"default\",\"Tags\":{},\"Type\":\"\",\"Workload\":\"\"," REFERENCE_TAIL);
}

static void test_zone_token_has_zone_and_scope_in_the_order_given(void **state)
{
    static const xg_str BOTH[] = {XG_STR_INIT("ingress"), XG_STR_INIT("egress")};
    static const xg_str TURNED[] = {XG_STR_INIT("egress"), XG_STR_INIT("ingress")};
    (void)state;
    xg_mint_request request = zone();
    assert_claims(&request, "{\"Zone\":\"east\",\"Scope\":null," REFERENCE_TAIL);
    request.scopes = BOTH;
    assert_claims(&request, "{\"Zone\":\"east\",\"Scope\":[]," REFERENCE_TAIL);
    request.num_scopes = 1;
    assert_claims(&request, "{\"Zone\":\"east\",\"Scope\":[\"ingress\"]," REFERENCE_TAIL);
    request.num_scopes = 2;
    assert_claims(&request, "{\"Zone\":\"east\",\"Scope\":[\"ingress\",\"egress\"]," REFERENCE_TAIL);
    request.scopes = TURNED;
    assert_claims(&request, "{\"Zone\":\"east\",\"Scope\":[\"egress\",\"ingress\"]," REFERENCE_TAIL);
    request.mesh = XG_STR("default"); /* belongs to the other kind */
    request.zone = (xg_str){0};
    assert_claims(&request, "{\"Zone\":\"\",\"Scope\":[\"egress\",\"ingress\"]," REFERENCE_TAIL);
}

#define TAGS(json)                                                                                                     \
    "{\"Name\":\"\",\"Mesh\":\"default\",\"Tags\":" json ",\"Type\":\"\",\"Workload\":\"\"," REFERENCE_TAIL

static void test_tags_are_sorted_by_bytes_without_repeats_and_empty_lists(void **state)
{
    static const xg_str ONE[] = {XG_STR_INIT("1")};
    static const xg_str MIXED[] = {XG_STR_INIT("b"),        XG_STR_INIT("a"), XG_STR_INIT("b"),  XG_STR_INIT(""),
                                   XG_STR_INIT("\xc3\xa9"), XG_STR_INIT("B"), XG_STR_INIT("a<"), XG_STR_INIT("a")};
    static const xg_str EMPTY[] = {XG_STR_INIT("")};
    const xg_mint_tag tags[] = {
        {XG_STR("b"), ONE, 1},        {XG_STR("a<"), MIXED, XG_ARRAY_LEN(MIXED)},
        {XG_STR("\xc3\xa9"), ONE, 1}, {XG_STR("none"), ONE, 0},
        {XG_STR("Z"), EMPTY, 1},      {XG_STR("a"), ONE, 1},
        {XG_STR("absent"), NULL, 0},
    };
    (void)state;
    xg_mint_request request = dataplane();
    request.tags = tags;
    request.num_tags = XG_ARRAY_LEN(tags);
    assert_claims(&request,
                  TAGS("{\"Z\":[\"\"],\"a\":[\"1\"],\"a\\u003c\":[\"\",\"B\",\"a\",\"a\\u003c\",\"b\",\"\xc3\xa9\"],"
                       "\"b\":[\"1\"],\"\xc3\xa9\":[\"1\"]}"));
    request.num_tags = 1;
    assert_claims(&request, TAGS("{\"b\":[\"1\"]}"));
    request.tags = &tags[3];
    assert_claims(&request, TAGS("{}"));
    assert_string_equal(tags[0].key.ptr, "b"); /* the caller's order is left alone */
    assert_string_equal(MIXED[0].ptr, "b");
}

static void test_a_tag_given_twice_is_refused(void **state)
{
    static const xg_str ONE[] = {XG_STR_INIT("1")};
    xg_mint_tag tags[] = {{XG_STR("a"), ONE, 1}, {XG_STR("b"), ONE, 1}, {XG_STR("a"), ONE, 1}};
    (void)state;
    xg_mint_request request = dataplane();
    request.tags = tags;
    request.num_tags = 2;
    assert_claims(&request, TAGS("{\"a\":[\"1\"],\"b\":[\"1\"]}"));
    request.num_tags = 3;
    assert_refused(&request, XG_REASON_REQUEST_FIELD);
    tags[2].num_values = 0;
    assert_refused(&request, XG_REASON_REQUEST_FIELD);
    tags[2].key = XG_STR("a ");
    assert_claims(&request, TAGS("{\"a\":[\"1\"],\"b\":[\"1\"]}"));
}

/* now, fraction, duration: iat and exp. Run through Go's time package. */
static const struct {
    int64_t now;
    int64_t nanos;
    int64_t valid_for;
    int64_t iat;
    int64_t exp;
} TIMES[] = {
    {1767323045, 678000000, INT64_C(3600000000000), 1767323040, 1767326645},
    {1767323045, 678000000, 321999999, 1767323040, 1767323045},
    {1767323045, 678000000, 322000000, 1767323040, 1767323046},
    {1767323045, 678000000, 322000001, 1767323040, 1767323046},
    {1767323045, 0, -1, 1767323040, 1767323044},
    {1767323045, 0, 0, 1767323040, 1767323045},
    {1767323045, 1, -1, 1767323040, 1767323045},
    {1767323045, 0, 1500000000, 1767323040, 1767323046},
    {1767323045, 500000000, 1500000000, 1767323040, 1767323047},
    {0, 0, 0, -5, 0},
    {4, 999999999, 0, -1, 4},
    {-1, 0, 0, -6, -1},
    {-1, 500000000, -500000001, -6, -2},
    {-100, 1, -1000000001, -105, -101},
    {1767323045, 999999999, INT64_MAX, 1767323040, 10990695082},
    {1767323045, 0, INT64_MIN, 1767323040, -7456048992},
};

static void test_times_are_rounded_down_also_below_zero(void **state)
{
    char expected[256];
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(TIMES); i++) {
        xg_mint_request request = zone();
        request.now = TIMES[i].now;
        request.now_nanos = TIMES[i].nanos;
        request.valid_for_nanos = TIMES[i].valid_for;
        snprintf(expected, sizeof(expected),
                 "{\"Zone\":\"east\",\"Scope\":null,\"exp\":%lld,\"nbf\":%lld,\"iat\":%lld,\"jti\":\"" JTI "\"}",
                 (long long)TIMES[i].exp, (long long)TIMES[i].iat, (long long)TIMES[i].iat);
        assert_claims(&request, expected);
    }
}

static void test_times_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    xg_mint_request request = zone();
    request.now_nanos = 1000000000;
    assert_refused(&request, XG_REASON_REQUEST_FIELD);
    request.now_nanos = -1;
    assert_refused(&request, XG_REASON_REQUEST_FIELD);
    request = zone();
    request.now = INT64_MIN + 4;
    assert_refused(&request, XG_REASON_REQUEST_FIELD);
    request = zone();
    request.now = INT64_MAX - 3599;
    assert_refused(&request, XG_REASON_REQUEST_FIELD);
    request.valid_for_nanos = INT64_C(3600000000000) - 1000000000;
    request.jti = (xg_str){0};
    assert_claims(&request, "{\"Zone\":\"east\",\"Scope\":null,\"exp\":9223372036854775807,\"nbf\":9223372036854772203,"
                            "\"iat\":9223372036854772203}");
    request.kind = (xg_token_kind)0;
    assert_refused(&request, XG_REASON_REQUEST_FIELD);
}

/* ---- escapes.txt ---- */

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "41ff" to bytes; stops at the first character that is no digit. */
static size_t from_hex(const char *text, char *out)
{
    size_t len = 0;
    while (hex_digit(text[0]) >= 0 && hex_digit(text[1]) >= 0) {
        out[len++] = (char)(hex_digit(text[0]) * 16 + hex_digit(text[1]));
        text += 2;
    }
    return len;
}

/* \xNN stands for a byte; every other backslash is one. */
static void unescape(const char *text, char *out)
{
    while (*text != '\0') {
        if (text[0] == '\\' && text[1] == 'x') {
            out += from_hex((char[]){text[2], text[3], '\0'}, out);
            text += 4;
        } else {
            *out++ = *text++;
        }
    }
    *out = '\0';
}

static void check_escape_line(char *line)
{
    char bytes[64];
    char text[256];
    char expected[512];
    char *equals = strstr(line, "= ");
    assert_non_null(equals);
    line[strcspn(line, "\n")] = '\0';
    unescape(equals + 2, text);

    xg_mint_request request = dataplane();
    request.name = (xg_str){bytes, from_hex(line, bytes)};
    snprintf(expected, sizeof(expected),
             "{\"Name\":\"%s\",\"Mesh\":\"default\",\"Tags\":{},\"Type\":\"\",\"Workload\":\"\"," REFERENCE_TAIL, text);
    assert_claims(&request, expected);
}

static void test_strings_are_escaped_as_go_does(void **state)
{
    char path[4096];
    char line[256];
    size_t num = 0;
    (void)state;
    snprintf(path, sizeof(path), "%s/mint/escapes.txt", getenv("XG_TESTS"));
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        if (line[0] != '#' && line[0] != '\n') {
            check_escape_line(line);
            num++;
        }
    }
    fclose(file);
    assert_true(num >= 70);
}

static void test_endless_output_is_refused(void **state)
{
    (void)state;
    char *name = malloc(70000);
    assert_non_null(name);
    memset(name, 'a', 70000);
    xg_mint_request request = dataplane();
    request.name = (xg_str){name, 70000};
    assert_refused(&request, XG_REASON_NO_MEMORY);
    free(name);
}

/* ---- whole tokens ---- */

typedef struct suite {
    xg_signer *signer;
    xg_crypto *crypto;
    xg_pubkey *pubkey;
} suite;

static int setup(void **state)
{
    static suite s;
    if (!xg_is_ok(xg_crypto_new(&s.crypto)) ||
        !xg_is_ok(xg_signer_parse(xg_str_of(fixture_private_pem(FIXTURE_KEY_M1)), &s.signer)) ||
        !xg_is_ok(xg_keyfile_parse(s.crypto, xg_str_of(fixture_public_pem(FIXTURE_KEY_M1)), &s.pubkey))) {
        return -1;
    }
    *state = &s;
    return 0;
}

static int teardown(void **state)
{
    suite *s = *state;
    xg_pubkey_unref(s->pubkey);
    xg_signer_free(s->signer);
    xg_crypto_free(s->crypto);
    return 0;
}

static char *mint(const suite *s, const xg_mint_request *request)
{
    char *token = NULL;
    size_t len = 0;
    assert_true(xg_is_ok(xg_mint_token(request, s->signer, &token, &len)));
    assert_int_equal(strlen(token), len);
    return token;
}

static void test_tokens_equal_those_that_libcrypto_alone_signs(void **state)
{
    static const xg_str KIDS[] = {XG_STR_INIT("1"), XG_STR_INIT("2026-q1"), XG_STR_INIT("a\"<\\\xc3\xa9\n")};
    static const char *const HEADERS[] = {
        "{\"alg\":\"RS256\",\"kid\":\"1\",\"typ\":\"JWT\"}",
        "{\"alg\":\"RS256\",\"kid\":\"2026-q1\",\"typ\":\"JWT\"}",
        "{\"alg\":\"RS256\",\"kid\":\"a\\\"\\u003c\\\\\xc3\xa9\\n\",\"typ\":\"JWT\"}",
    };
    for (size_t i = 0; i < XG_ARRAY_LEN(KIDS); i++) {
        xg_mint_request request = dataplane();
        char *claims = NULL;
        size_t claims_len = 0;
        request.kid = KIDS[i];
        request.name = XG_STR("web-1");
        assert_true(xg_is_ok(xg_mint_claims_json(&request, &claims, &claims_len)));
        char *expected = fixture_sign(FIXTURE_KEY_M1, HEADERS[i], claims, claims_len);
        char *token = mint(*state, &request);
        assert_string_equal(token, expected);
        free(token);
        free(expected);
        free(claims);
    }
}

static void test_equal_requests_give_equal_tokens_and_one_edit_gives_another(void **state)
{
    xg_mint_request request = dataplane();
    char *first = mint(*state, &request);
    char *again = mint(*state, &request);
    assert_string_equal(first, again);
    free(again);
    const xg_mint_request base = request;
    for (int edit = 0; edit < 5; edit++) {
        request = base;
        switch (edit) {
        case 0:
            request.kid = XG_STR("2");
            break;
        case 1:
            request.mesh = XG_STR("defaulu");
            break;
        case 2:
            request.now += 1;
            break;
        case 3:
            request.valid_for_nanos += 1000000000;
            break;
        default:
            request.jti = XG_STR("00000000-0000-4000-8000-000000000002");
            break;
        }
        char *other = mint(*state, &request);
        assert_string_not_equal(other, first);
        free(other);
    }
    free(first);
}

static bool libjwt_verifies(const char *token, fixture_key key)
{
    jwt_t *jwt = NULL;
    const char *pem = fixture_public_pem(key);
    bool is_good =
        jwt_decode(&jwt, token, (const unsigned char *)pem, (int)strlen(pem)) == 0 && jwt_get_alg(jwt) == JWT_ALG_RS256;
    jwt_free(jwt);
    return is_good;
}

static bool we_verify(const suite *s, const char *token)
{
    static xg_jws jws;
    return xg_is_ok(xg_jws_split(xg_str_of(token), &XG_TOKEN_LIMITS_DEFAULT, &jws)) &&
           xg_is_ok(xg_pubkey_verify(s->pubkey, jws.signing_input, jws.signature));
}

static void test_libjwt_verifies_what_is_minted_and_nothing_one_edit_away(void **state)
{
    static const xg_str SCOPES[] = {XG_STR_INIT("ingress")};
    xg_mint_request requests[] = {dataplane(), dataplane(), zone(), zone()};
    requests[1].name = XG_STR("a\"b\\c<\xe2\x80\xa8");
    requests[3].scopes = SCOPES;
    requests[3].num_scopes = 1;
    for (size_t i = 0; i < XG_ARRAY_LEN(requests); i++) {
        char *token = mint(*state, &requests[i]);
        assert_true(libjwt_verifies(token, FIXTURE_KEY_M1));
        assert_true(we_verify(*state, token));
        assert_false(libjwt_verifies(token, FIXTURE_KEY_M2));
        size_t len = strlen(token);
        const size_t places[] = {20, 80, len - 200, len - 100, len - 10};
        for (size_t j = 0; j < XG_ARRAY_LEN(places); j++) {
            char *at = token + places[j];
            char before = *at;
            *at = before == 'A' ? 'B' : 'A';
            assert_false(libjwt_verifies(token, FIXTURE_KEY_M1));
            assert_false(we_verify(*state, token));
            *at = before;
        }
        token[len - 1] = '\0';
        assert_false(we_verify(*state, token));
        free(token);
    }
}

static void test_libjwt_reads_the_claims_that_were_asked_for(void **state)
{
    const char *pem = fixture_public_pem(FIXTURE_KEY_M1);
    jwt_t *jwt = NULL;
    xg_mint_request request = dataplane();
    request.name = XG_STR("web<1>");
    request.workload = XG_STR("back\"end");
    char *token = mint(*state, &request);
    assert_int_equal(jwt_decode(&jwt, token, (const unsigned char *)pem, (int)strlen(pem)), 0);
    assert_string_equal(jwt_get_grant(jwt, "Name"), "web<1>");
    assert_string_equal(jwt_get_grant(jwt, "Mesh"), "default");
    assert_string_equal(jwt_get_grant(jwt, "Workload"), "back\"end");
    assert_string_equal(jwt_get_grant(jwt, "jti"), JTI);
    assert_int_equal(jwt_get_grant_int(jwt, "exp"), 1767326645);
    assert_int_equal(jwt_get_grant_int(jwt, "nbf"), 1767323040);
    assert_int_equal(jwt_get_grant_int(jwt, "iat"), 1767323040);
    assert_string_equal(jwt_get_header(jwt, "kid"), "1");
    jwt_free(jwt);
    free(token);
}

static void assert_no_token(const suite *s, const xg_mint_request *request, uint32_t reason)
{
    char *token = NULL;
    size_t len = 0;
    assert_int_equal(xg_result_reason(xg_mint_token(request, s->signer, &token, &len)), reason);
    assert_null(token);
}

static void test_tokens_that_no_verifier_would_read_are_not_minted(void **state)
{
    char text[8192];
    memset(text, 'k', sizeof(text));
    xg_mint_request request = dataplane();
    request.kid = (xg_str){text, XG_KID_MAX};
    free(mint(*state, &request));
    request.kid.len = XG_KID_MAX + 1;
    assert_no_token(*state, &request, XG_REASON_KID_INVALID);
    request.kid.len = 0;
    assert_no_token(*state, &request, XG_REASON_KID_INVALID);

    request = dataplane();
    request.jti = (xg_str){text, XG_JTI_MAX};
    free(mint(*state, &request));
    request.jti.len = XG_JTI_MAX + 1;
    assert_no_token(*state, &request, XG_REASON_REQUEST_FIELD);

    request = dataplane();
    request.name = (xg_str){text, 5600};
    free(mint(*state, &request));
    request.name.len = 5700;
    assert_no_token(*state, &request, XG_REASON_CREDENTIAL_TOO_LONG);
    request.name.len = 8192;
    assert_no_token(*state, &request, XG_REASON_CREDENTIAL_TOO_LONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference_example_is_met_byte_for_byte),
        cmocka_unit_test(test_each_member_has_its_place),
        cmocka_unit_test(test_zone_token_has_zone_and_scope_in_the_order_given),
        cmocka_unit_test(test_tags_are_sorted_by_bytes_without_repeats_and_empty_lists),
        cmocka_unit_test(test_a_tag_given_twice_is_refused),
        cmocka_unit_test(test_times_are_rounded_down_also_below_zero),
        cmocka_unit_test(test_times_that_do_not_fit_are_refused),
        cmocka_unit_test(test_strings_are_escaped_as_go_does),
        cmocka_unit_test(test_endless_output_is_refused),
        cmocka_unit_test(test_tokens_equal_those_that_libcrypto_alone_signs),
        cmocka_unit_test(test_equal_requests_give_equal_tokens_and_one_edit_gives_another),
        cmocka_unit_test(test_libjwt_verifies_what_is_minted_and_nothing_one_edit_away),
        cmocka_unit_test(test_libjwt_reads_the_claims_that_were_asked_for),
        cmocka_unit_test(test_tokens_that_no_verifier_would_read_are_not_minted),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
