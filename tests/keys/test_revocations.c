/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_revocations.c: which spellings of a list revoke what, and which are refused.
 */
#include "store_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "revocations.h"

static char error_storage[256];

static xg_result parse(xg_str text, size_t max_ids, xg_revocations **ret_list)
{
    xg_text reterr;
    xg_text_init(&reterr, error_storage, sizeof(error_storage));
    return xg_revocations_parse(text, max_ids, ret_list, &reterr);
}

static xg_revocations *parse_good(xg_str text)
{
    xg_revocations *list = NULL;
    assert_ok(parse(text, 100, &list));
    assert_string_equal(error_storage, "");
    return list;
}

static uint32_t check(const xg_revocations *list, xg_revocable token)
{
    int64_t before = -1;
    uint32_t reason = xg_result_reason(xg_revocations_check(list, &token, &before));
    assert_int_equal(before != -1, reason == XG_REASON_REVOKED_ISSUED_BEFORE);
    return reason;
}

static uint32_t check_jti(const xg_revocations *list, xg_str jti)
{
    return check(list, (xg_revocable){.jti = jti});
}

#define TEXT(literal)                                                                                                  \
    {                                                                                                                  \
        "" literal, sizeof(literal) - 1                                                                                \
    }

/* hostile-input K1 and kuma-tokens 3: what Kuma's reading revokes is revoked by ours too. */
static void test_every_spelling_revokes_its_ids(void **state)
{
    (void)state;
    static const struct {
        xg_str text;
        size_t num_ids;
        bool has_a, has_b, has_blank;
    } rows[] = {
        {TEXT(""), 0, false, false, false},
        {TEXT("a"), 1, true, false, false},
        {TEXT("a\n"), 1, true, false, false},
        {TEXT("a,b"), 2, true, true, false},
        {TEXT("a,b\n"), 2, true, true, false},
        {TEXT("a, b"), 2, true, true, false},
        {TEXT(" a\t,\tb "), 2, true, true, false},
        {TEXT("a\nb"), 2, true, true, false},
        {TEXT("a\nb\n"), 2, true, true, false},
        {TEXT("a\r\nb\r\n"), 2, true, true, false},
        {TEXT("a\r\nb"), 2, true, true, false},
        {TEXT("a\n\n\nb\n\n"), 2, true, true, false},
        {TEXT("\n a\n"), 1, true, false, false},
        {TEXT("a,a\na"), 1, true, false, false},
        {TEXT("\xef\xbb\xbf"
              "a,b"),
         2, true, true, false},
        {TEXT("# a\nb # a\n#"), 1, false, true, false},
        {TEXT("a # \xff latin-1\n"), 1, true, false, false},
        {TEXT("#a,\nb"), 1, false, true, false},
        {TEXT("a#1,b"), 2, false, true, false}, /* a '#' inside a word begins no comment */
        {TEXT("a #1,b"), 1, true, false, false},
        {TEXT("\n"), 0, false, false, true},
        {TEXT("\n\n"), 0, false, false, false},
        {TEXT(","), 0, false, false, true},
        {TEXT(",a"), 1, true, false, true},
        {TEXT("a,"), 1, true, false, true},
        {TEXT("a,\n"), 1, true, false, true},
        {TEXT("a,,b"), 2, true, true, true},
        {TEXT("a, ,b"), 2, true, true, true},
        {TEXT("a,b\n,"), 2, true, true, true},
    };
    for (size_t i = 0; i < XG_ARRAY_LEN(rows); i++) {
        xg_revocations *list = parse_good(rows[i].text);
        assert_int_equal(xg_revocations_count(list), rows[i].num_ids);
        assert_int_equal(check_jti(list, XG_STR("a")), rows[i].has_a ? XG_REASON_REVOKED_JTI : XG_REASON_OK);
        assert_int_equal(check_jti(list, XG_STR("b")), rows[i].has_b ? XG_REASON_REVOKED_JTI : XG_REASON_OK);
        assert_int_equal(check_jti(list, XG_STR("")), rows[i].has_blank ? XG_REASON_REVOKED_NO_JTI : XG_REASON_OK);
        xg_revocations_unref(list);
    }
}

static void test_ids_match_exactly(void **state)
{
    (void)state;
    xg_revocations *list = parse_good(XG_STR("6f1c,Case,a@b,x#1"));
    static const struct {
        xg_str jti;
        bool is_revoked;
    } rows[] = {
        {TEXT("6f1c"), true},    {TEXT("6f1"), false}, {TEXT("6f1cc"), false}, {TEXT("6F1C"), false},
        {TEXT("6f1c\0"), false}, {TEXT("Case"), true}, {TEXT("case"), false},  {TEXT("6f1c,Case"), false},
        {TEXT("a@b"), true},     {TEXT("a"), false},   {TEXT(" 6f1c"), false}, {TEXT("6f1c "), false},
        {TEXT("x#1"), true},     {TEXT("x"), false},
    };
    for (size_t i = 0; i < XG_ARRAY_LEN(rows); i++) {
        assert_int_equal(check_jti(list, rows[i].jti), rows[i].is_revoked ? XG_REASON_REVOKED_JTI : XG_REASON_OK);
    }
    xg_revocations_unref(list);
}

#define ID_127                                                                                                         \
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"             \
    "012345678901234567890123456"

static const struct {
    xg_str text;
    const char *words;
} BAD_ELEMENTS[] = {
    {TEXT("a\nb\x01"
          "c"),
     "line 2: "},
    {TEXT("a\0b"), "line 1: "},
    {TEXT("a\rb"), "line 1: "},
    {TEXT("a\tb"), "line 1: "},
    {TEXT("12345678\x7f"), "line 1: "},
    {TEXT("1234567\x7f"), "line 1: "},
    {TEXT("1234567\x1f"), "line 1: "},
    {TEXT("1234567\xff"), "line 1: "},
    {TEXT("\xc3"), "line 1: "},
    {TEXT("a\xff\xfe"), "line 1: "},
    {TEXT("a\n\n\xef\xbb\xbf"
          "b"),
     "line 3: expected ids separated by commas or line ends"},
    {TEXT("j-1 j-2"), "line 1: expected ids separated by commas or line ends, of printable ASCII without blanks"},
    {TEXT("j-1# stolen laptop"), "found 'j-1# stolen laptop'"},
    {TEXT("j-1 @kid 2"), "line 1: "},
    {TEXT("jti: j-1"), "line 1: "},
    {TEXT("j-1\xc2\xa0"), "line 1: "},
    {TEXT("# \0"), "line 1: expected a comment without control bytes"},
    {TEXT("a # \x7f"), "line 1: expected a comment without control bytes"},
    {TEXT("a\n" ID_127 "7"), "line 2: expected an id of at most 127 bytes"},
    {TEXT("a, @kid 2"), "line 1: expected rules on lines of their own"},
    {TEXT("@"), "line 1: expected @kid, @name, @workload or @issued-before, found '@'"},
    {TEXT("@Kid 2"), "found '@Kid'"},
    {TEXT("@kid2"), "found '@kid2'"},
    {TEXT("@kids 2"), "found '@kids'"},
    {TEXT("\n @kid"), "line 2: expected one value after the rule's name, found ''"},
    {TEXT("@kid 1,2"), "found '1,2'"},
    {TEXT("@kid 1 2"), "found '1 2'"},
    {TEXT("@kid 1\t2"), "line 1: "},
    {TEXT("@kid 02"), "expected a key serial without leading zeros, found '02'"},
    {TEXT("@kid " ID_127), "line 1: "},
    {TEXT("@name \xff"), "line 1: "},
    {TEXT("@name " ID_127 ID_127), "line 1: "},
    {TEXT("@workload "), "line 1: "},
    {TEXT("@issued-before"), "expected a time such as 2026-11-01T00:00:00Z, found ''"},
    {TEXT("@issued-before 2026-11-01"), "found '2026-11-01'"},
    {TEXT("@issued-before 2026-11-01T00:00:00"), "line 1: "},
    {TEXT("@issued-before 2026-13-01T00:00:00Z"), "line 1: "},
    {TEXT("@issued-befo"), "found '@issued-befo'"},
};

static void test_a_bad_element_refuses_the_whole_list(void **state)
{
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(BAD_ELEMENTS); i++) {
        xg_revocations *list = NULL;
        assert_reason(parse(BAD_ELEMENTS[i].text, 100, &list), LIST_INVALID);
        assert_null(list);
        assert_non_null(strstr(error_storage, BAD_ELEMENTS[i].words));
        /* reterr is optional */
        assert_reason(xg_revocations_parse(BAD_ELEMENTS[i].text, 100, &list, NULL), LIST_INVALID);
    }
    xg_revocations *list = parse_good(XG_STR("a\n" ID_127));
    assert_int_equal(check_jti(list, XG_STR(ID_127)), XG_REASON_REVOKED_JTI);
    xg_revocations_unref(list);
}

static void test_the_ceiling_counts_ids(void **state)
{
    (void)state;
    xg_revocations *list = NULL;
    assert_ok(parse(XG_STR("a,b\nc\n#d\n@kid 1\n"), 3, &list));
    xg_revocations_unref(list);
    list = NULL;
    assert_reason(parse(XG_STR("a,b\nc\nd"), 3, &list), LIST_INVALID);
    assert_string_equal(error_storage, "line 3: the list holds more than the 3 ids allowed");
    assert_reason(xg_revocations_parse(XG_STR("a,b\nc\nd"), 3, &list, NULL), LIST_INVALID);
    assert_reason(parse(XG_STR("a"), 0, &list), LIST_INVALID);
    assert_null(list);
    assert_ok(parse(XG_STR("# none\n"), 0, &list));
    xg_revocations_unref(list);
}

static void test_rules_revoke_by_what_they_name(void **state)
{
    (void)state;
    xg_revocations *list = parse_good(XG_STR("@kid 2\n\t@kid  blue \r\n@name web-1 # stolen\n@workload web\n"));
    assert_int_equal(xg_revocations_count(list), 0);
    static const struct {
        xg_revocable token;
        uint32_t reason;
    } rows[] = {
        {{.kid = TEXT("2")}, XG_REASON_REVOKED_KID},
        {{.kid = TEXT("blue")}, XG_REASON_REVOKED_KID},
        {{.kid = TEXT("1")}, XG_REASON_OK},
        {{.kid = TEXT("22")}, XG_REASON_OK},
        {{.kid = TEXT("Blue")}, XG_REASON_OK},
        {{.name = TEXT("web-1")}, XG_REASON_REVOKED_NAME},
        {{.name = TEXT("web-11")}, XG_REASON_OK},
        {{.name = TEXT("web-")}, XG_REASON_OK},
        {{.name = TEXT("web-1 ")}, XG_REASON_OK},
        {{.workload = TEXT("web")}, XG_REASON_REVOKED_WORKLOAD},
        {{.workload = TEXT("web-1")}, XG_REASON_OK},
        {{.workload = TEXT("we")}, XG_REASON_OK},
        {{.workload = TEXT("2")}, XG_REASON_OK},
        /* a rule never speaks about another field */
        {{.jti = TEXT("2"), .kid = TEXT("web"), .name = TEXT("blue"), .workload = TEXT("web-1")}, XG_REASON_OK},
        {{.jti = TEXT("@kid 2")}, XG_REASON_OK},
        {{.kid = TEXT("2"), .name = TEXT("web-1"), .workload = TEXT("web")}, XG_REASON_REVOKED_KID},
        {{.name = TEXT("web-1"), .workload = TEXT("web")}, XG_REASON_REVOKED_NAME},
        {{.has_iat = false}, XG_REASON_OK},
    };
    for (size_t i = 0; i < XG_ARRAY_LEN(rows); i++) {
        assert_int_equal(check(list, rows[i].token), rows[i].reason);
    }
    xg_revocations_unref(list);
}

static void test_an_id_is_no_rule(void **state)
{
    (void)state;
    xg_revocations *list = parse_good(XG_STR("x"));
    assert_int_equal(check(list, (xg_revocable){.jti = XG_STR("x")}), XG_REASON_REVOKED_JTI);
    assert_int_equal(check(list, (xg_revocable){.kid = XG_STR("x")}), XG_REASON_OK);
    assert_int_equal(check(list, (xg_revocable){.name = XG_STR("x")}), XG_REASON_OK);
    assert_int_equal(check(list, (xg_revocable){.workload = XG_STR("x")}), XG_REASON_OK);
    xg_revocations_unref(list);
}

static void test_issued_before_is_exact_and_the_latest_rule_counts(void **state)
{
    (void)state;
    /* 2026-11-01T00:00:00Z is 1793491200. */
    static const char *const lists[] = {
        "@issued-before 2026-11-01T00:00:00Z",
        "@issued-before 2026-11-01T00:00:00Z\n@issued-before 2025-11-01T00:00:00Z\n",
        "@issued-before 2025-11-01T00:00:00Z\n@issued-before 2026-11-01T00:00:00Z\n",
    };
    const int64_t limit = INT64_C(1793491200);
    for (size_t i = 0; i < XG_ARRAY_LEN(lists); i++) {
        xg_revocations *list = parse_good(xg_str_of(lists[i]));
        assert_int_equal(check(list, (xg_revocable){.has_iat = true, .iat = limit}), XG_REASON_OK);
        assert_int_equal(check(list, (xg_revocable){.has_iat = true, .iat = INT64_MAX}), XG_REASON_OK);
        xg_revocable older[] = {
            {.has_iat = true, .iat = limit - 1}, {.has_iat = true, .iat = INT64_MIN}, {.has_iat = false, .iat = limit}};
        for (size_t k = 0; k < XG_ARRAY_LEN(older); k++) {
            int64_t before = 0;
            assert_reason(xg_revocations_check(list, &older[k], &before), REVOKED_ISSUED_BEFORE);
            assert_int_equal(before, limit);
        }
        xg_revocations_unref(list);
    }
}

static void test_blank_lists_are_told_from_lists_that_revoke(void **state)
{
    (void)state;
    static const struct {
        xg_str text;
        bool is_blank;
    } rows[] = {
        {TEXT(""), true},        {TEXT("# none\n"), true}, {TEXT("\n\n"), true},
        {TEXT("a"), false},      {TEXT(","), false},       {TEXT("\n"), false},
        {TEXT("@kid 1"), false}, {TEXT("@name n"), false}, {TEXT("@issued-before 2026-11-01T00:00:00Z"), false},
    };
    for (size_t i = 0; i < XG_ARRAY_LEN(rows); i++) {
        xg_revocations *list = parse_good(rows[i].text);
        assert_int_equal(xg_revocations_is_blank(list), rows[i].is_blank);
        xg_revocations_unref(list);
    }
}

static void test_no_list_revokes_nothing(void **state)
{
    (void)state;
    assert_int_equal(check(NULL, (xg_revocable){.kid = XG_STR("1")}), XG_REASON_OK);
    assert_int_equal(xg_revocations_count(NULL), 0);
    assert_null(xg_revocations_ref(NULL));
    xg_revocations_unref(NULL);
}

/* Design 9: at most 24 bytes an id, and none is lost on the way. */
static void test_a_million_ids_fit_their_memory(void **state)
{
    (void)state;
    const size_t num_ids = 1000000;
    char *text = malloc(num_ids * 24);
    assert_non_null(text);
    size_t len = 0;
    for (size_t i = 0; i < num_ids; i++) {
        len += (size_t)snprintf(text + len, 24, "id-%zu\n", i);
    }
    xg_revocations *list = NULL;
    assert_ok(parse((xg_str){text, len}, num_ids, &list));
    free(text);
    assert_int_equal(xg_revocations_count(list), num_ids);
    assert_true(xg_revocations_bytes(list) <= num_ids * 24);
    for (size_t i = 0; i < 2 * num_ids; i += 997) {
        char id[24];
        snprintf(id, sizeof(id), "id-%zu", i);
        assert_int_equal(check_jti(list, xg_str_of(id)), i < num_ids ? XG_REASON_REVOKED_JTI : XG_REASON_OK);
    }
    xg_revocations_unref(list);
}

/* Every size of table, so also every wrap around its end. */
static void test_small_lists_of_every_size(void **state)
{
    (void)state;
    char text[1024] = "";
    size_t len = 0;
    for (size_t num_ids = 1; num_ids <= 100; num_ids++) {
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%zu,", num_ids);
        xg_revocations *list = parse_good((xg_str){text, len - 1});
        assert_int_equal(xg_revocations_count(list), num_ids);
        for (size_t i = 1; i <= 120; i++) {
            char id[24];
            snprintf(id, sizeof(id), "%zu", i);
            assert_int_equal(check_jti(list, xg_str_of(id)), i <= num_ids ? XG_REASON_REVOKED_JTI : XG_REASON_OK);
        }
        xg_revocations_unref(list);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_spelling_revokes_its_ids),
        cmocka_unit_test(test_ids_match_exactly),
        cmocka_unit_test(test_a_bad_element_refuses_the_whole_list),
        cmocka_unit_test(test_the_ceiling_counts_ids),
        cmocka_unit_test(test_rules_revoke_by_what_they_name),
        cmocka_unit_test(test_an_id_is_no_rule),
        cmocka_unit_test(test_issued_before_is_exact_and_the_latest_rule_counts),
        cmocka_unit_test(test_blank_lists_are_told_from_lists_that_revoke),
        cmocka_unit_test(test_no_list_revokes_nothing),
        cmocka_unit_test(test_a_million_ids_fit_their_memory),
        cmocka_unit_test(test_small_lists_of_every_size),
    };
    return cmocka_run_group_tests_name("revocations", tests, NULL, NULL);
}
