/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_header.c: what a JOSE header may say (hostile-input, section 1.1; RFC 7515 section 4).
 *
 * Every accepted header stands beside headers that differ from it by one edit and are refused. A refused header leaves
 * the caller's as it was: the decision shows its kid. Texts lie in memory of exactly their length. One thread.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "xdsgate/token.h"

#define S(text)       XG_STR_INIT(text)
#define BESIDE(text)  S("{\"alg\":\"RS256\"," text "}")         /* further members */
#define KID(text)     S("{\"alg\":\"RS256\",\"kid\":" text "}") /* a kid that is no string */
#define KID_TEXT(kid) KID("\"" kid "\"")                        /* the inside of a kid */
#define TEN           "abcdefghij"
#define SIXTY         TEN TEN TEN TEN TEN TEN

/* ---- one header, one verdict ---- */

static uint32_t scan(xg_str json, const xg_token_limits *limits, xg_header *ret_header)
{
    xg_header untouched;
    char *copy = malloc(json.len > 0 ? json.len : 1);
    assert_non_null(copy);
    if (json.len > 0) {
        memcpy(copy, json.ptr, json.len);
    }
    memset(&untouched, 0xa5, sizeof(untouched));
    *ret_header = untouched;
    uint32_t reason = xg_result_reason(xg_header_scan((xg_str){copy, json.len}, limits, ret_header));
    free(copy);
    if (reason != XG_REASON_OK) {
        assert_memory_equal(ret_header, &untouched, sizeof(untouched));
    }
    return reason;
}

static void assert_reason(xg_str json, const xg_token_limits *limits, uint32_t expected)
{
    xg_header header;
    uint32_t found = scan(json, limits, &header);
    if (found != expected) {
        char shown[1024];
        xg_text text;
        xg_text_init(&text, shown, sizeof(shown));
        xg_text_quote(&text, json, 600);
        fail_msg("%s: expected %s, found %s", shown, xg_reason_find(expected)->name, xg_reason_find(found)->name);
    }
}

typedef struct row {
    xg_str json;
    uint32_t reason;
} row;

static void check_rows(const row *rows, size_t num_rows)
{
    for (size_t i = 0; i < num_rows; i++) {
        assert_reason(rows[i].json, &XG_TOKEN_LIMITS_DEFAULT, rows[i].reason);
    }
}

#define CHECK_ROWS(table) check_rows(table, XG_ARRAY_LEN(table))

/* ---- alg ---- */

static void test_alg_is_rs256_byte_for_byte(void **state)
{
    static const row ROWS[] = {
        {S("{\"alg\":\"RS256\"}"), XG_REASON_OK},
        {S(" { \"alg\" : \"RS256\" } "), XG_REASON_OK},
        {S("{\"alg\":\"RS25\"}"), XG_REASON_ALG_REFUSED},
        {S("{\"alg\":\"RS2560\"}"), XG_REASON_ALG_REFUSED},
        {S("{\"alg\":\"RS257\"}"), XG_REASON_ALG_REFUSED},
        {S("{\"alg\":\"rs256\"}"), XG_REASON_ALG_REFUSED},
        {S("{\"alg\":\"Rs256\"}"), XG_REASON_ALG_REFUSED},
        {S("{\"alg\":\" RS256\"}"), XG_REASON_ALG_REFUSED},
        {S("{\"alg\":\"RS256 \"}"), XG_REASON_ALG_REFUSED},
        {S("{\"alg\":\"RS256\\n\"}"), XG_REASON_ALG_REFUSED},
        {S("{\"alg\":\"RS384\"}"), XG_REASON_ALG_REFUSED},
        {S("{\"alg\":\"RS512\"}"), XG_REASON_ALG_REFUSED},
        {S("{\"alg\":\"PS256\"}"), XG_REASON_ALG_REFUSED},
        {S("{\"alg\":\"ES256\"}"), XG_REASON_ALG_REFUSED},
        {S("{\"alg\":\"HS256\"}"), XG_REASON_ALG_REFUSED},
        {S("{\"alg\":\"EdDSA\"}"), XG_REASON_ALG_REFUSED},
        {S("{\"alg\":\"none\"}"), XG_REASON_ALG_REFUSED},
        {S("{\"alg\":\"nOnE\"}"), XG_REASON_ALG_REFUSED},
        {S("{\"alg\":\"\"}"), XG_REASON_ALG_REFUSED},
        /* Written otherwise it is the same string, but no issuer writes it so. */
        {S("{\"alg\":\"RS\\u003256\"}"), XG_REASON_ALG_REFUSED},
        {S("{\"alg\":\"\\u0052S256\"}"), XG_REASON_ALG_REFUSED},
        {S("{\"alg\":\"RS256\\u0000\"}"), XG_REASON_HEADER_JSON},
        {S("{\"alg\":\"RS256\0\"}"), XG_REASON_HEADER_JSON},
        {S("{\"alg\":\"\xef\xbc\xb2S256\"}"), XG_REASON_ALG_REFUSED}, /* a fullwidth R */
    };
    (void)state;
    CHECK_ROWS(ROWS);
}

static void test_alg_is_a_string(void **state)
{
    static const row ROWS[] = {
        {S("{\"alg\":null}"), XG_REASON_ALG_REFUSED},  {S("{\"alg\":true}"), XG_REASON_ALG_REFUSED},
        {S("{\"alg\":false}"), XG_REASON_ALG_REFUSED}, {S("{\"alg\":256}"), XG_REASON_ALG_REFUSED},
        {S("{\"alg\":[]}"), XG_REASON_ALG_REFUSED},    {S("{\"alg\":[\"RS256\"]}"), XG_REASON_ALG_REFUSED},
        {S("{\"alg\":{}}"), XG_REASON_ALG_REFUSED},    {S("{\"alg\":{\"alg\":\"RS256\"}}"), XG_REASON_ALG_REFUSED},
        {S("{\"alg\":25.6}"), XG_REASON_HEADER_JSON},  {S("{\"alg\":RS256}"), XG_REASON_HEADER_JSON},
    };
    (void)state;
    CHECK_ROWS(ROWS);
}

static void test_alg_must_be_there_once_under_its_name(void **state)
{
    static const row ROWS[] = {
        {S("{}"), XG_REASON_ALG_MISSING},
        {S("{\"kid\":\"1\"}"), XG_REASON_ALG_MISSING},
        {S("{\"al\":\"RS256\"}"), XG_REASON_ALG_MISSING},
        {S("{\"algo\":\"RS256\"}"), XG_REASON_ALG_MISSING},
        {S("{\"alg \":\"RS256\"}"), XG_REASON_ALG_MISSING},
        {S("{\"\":\"RS256\"}"), XG_REASON_ALG_MISSING},
        {S("{\"Alg\":\"RS256\"}"), XG_REASON_HEADER_FORBIDDEN},
        {S("{\"ALG\":\"RS256\"}"), XG_REASON_HEADER_FORBIDDEN},
        {S("{\"alG\":\"RS256\"}"), XG_REASON_HEADER_FORBIDDEN},
        {BESIDE("\"Alg\":\"RS256\""), XG_REASON_HEADER_FORBIDDEN},
        {BESIDE("\"ALG\":\"none\""), XG_REASON_HEADER_FORBIDDEN},
        {BESIDE("\"alg\":\"RS256\""), XG_REASON_HEADER_JSON},
        {BESIDE("\"alg\":\"none\""), XG_REASON_HEADER_JSON},
        {BESIDE("\"\\u0061lg\":\"RS256\""), XG_REASON_HEADER_JSON},
        {S("{\"\\u0061lg\":\"RS256\"}"), XG_REASON_HEADER_JSON},
    };
    (void)state;
    CHECK_ROWS(ROWS);
}

/* ---- kid ---- */

static void test_kid_is_what_the_string_stands_for(void **state)
{
    static const struct {
        xg_str json;
        xg_str kid;
    } ROWS[] = {
        {KID_TEXT("1"), S("1")},
        {KID_TEXT("a b"), S("a b")},
        {KID_TEXT(" "), S(" ")},
        {KID_TEXT("\\u0031"), S("1")},
        {KID_TEXT("a\\/\\\"\\\\"), S("a/\"\\")},
        {KID_TEXT("\\u00e9"), S("\xc3\xa9")},
        {KID_TEXT("\xc3\xa9"), S("\xc3\xa9")},
        {KID_TEXT("\\ud83d\\ude00"), S("\xf0\x9f\x98\x80")},
        {KID_TEXT("' OR 1=1 --"), S("' OR 1=1 --")},
        {KID_TEXT("%s%n"), S("%s%n")},
        {KID_TEXT("../../etc"), S("../../etc")},
        {KID_TEXT(SIXTY "123"), S(SIXTY "123")},
    };
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        xg_header header;
        assert_int_equal(scan(ROWS[i].json, &XG_TOKEN_LIMITS_DEFAULT, &header), XG_REASON_OK);
        assert_true(header.has_kid);
        assert_int_equal(header.kid_len, ROWS[i].kid.len);
        assert_memory_equal(header.kid, ROWS[i].kid.ptr, header.kid_len);
        assert_int_equal(header.kid[header.kid_len], '\0');
    }
}

static void test_kid_is_a_clean_string_of_at_least_a_byte(void **state)
{
    static const row ROWS[] = {
        {KID_TEXT("a"), XG_REASON_OK},
        {KID_TEXT(""), XG_REASON_KID_INVALID},
        {KID_TEXT("a\\n"), XG_REASON_KID_INVALID},
        {KID_TEXT("\\ta"), XG_REASON_KID_INVALID},
        {KID_TEXT("\\u0001"), XG_REASON_KID_INVALID},
        {KID_TEXT("a\\u001f"), XG_REASON_KID_INVALID},
        {KID_TEXT("a\\u007f"), XG_REASON_KID_INVALID},
        {KID_TEXT("a\x7f"), XG_REASON_KID_INVALID},
        {KID_TEXT("a\n"), XG_REASON_HEADER_JSON},
        {KID_TEXT("a\\u0000"), XG_REASON_HEADER_JSON},
        {KID_TEXT("a\0"), XG_REASON_HEADER_JSON},
        {KID_TEXT("a\xc3"), XG_REASON_HEADER_JSON},
        {KID_TEXT("\\ud83d"), XG_REASON_HEADER_JSON},
        {KID("1"), XG_REASON_KID_INVALID},
        {KID("-1"), XG_REASON_KID_INVALID},
        {KID("null"), XG_REASON_KID_INVALID},
        {KID("true"), XG_REASON_KID_INVALID},
        {KID("false"), XG_REASON_KID_INVALID},
        {KID("[]"), XG_REASON_KID_INVALID},
        {KID("[\"1\"]"), XG_REASON_KID_INVALID},
        {KID("{}"), XG_REASON_KID_INVALID},
        {KID("{\"kid\":\"1\"}"), XG_REASON_KID_INVALID},
        {KID("1.0"), XG_REASON_HEADER_JSON},
    };
    (void)state;
    CHECK_ROWS(ROWS);
}

static void test_kid_stands_once_under_its_name(void **state)
{
    static const row ROWS[] = {
        {KID_TEXT("1"), XG_REASON_OK},
        {S("{\"kid\":\"1\",\"alg\":\"RS256\"}"), XG_REASON_OK},
        {BESIDE("\"Kid\":\"1\""), XG_REASON_HEADER_FORBIDDEN},
        {BESIDE("\"KID\":\"1\""), XG_REASON_HEADER_FORBIDDEN},
        {BESIDE("\"kid\":\"1\",\"kiD\":\"1\""), XG_REASON_HEADER_FORBIDDEN},
        {BESIDE("\"kid\":\"1\",\"kid\":\"1\""), XG_REASON_HEADER_JSON},
        {BESIDE("\"kid\":\"1\",\"k\\u0069d\":\"2\""), XG_REASON_HEADER_JSON},
        {BESIDE("\"k\\u0069d\":\"1\""), XG_REASON_HEADER_JSON},
    };
    xg_header header;
    (void)state;
    CHECK_ROWS(ROWS);
    /* Without one, that is what the header says; whether it matters is decided above. */
    assert_int_equal(scan((xg_str)BESIDE("\"ki\":\"1\",\"kid2\":\"2\""), &XG_TOKEN_LIMITS_DEFAULT, &header),
                     XG_REASON_OK);
    assert_false(header.has_kid);
    assert_int_equal(header.kid_len, 0);
    assert_string_equal(header.kid, "");
}

static void test_kid_ends_at_its_limit_in_bytes_it_stands_for(void **state)
{
    static const struct {
        size_t limit;
        xg_str json;
        uint32_t reason;
    } ROWS[] = {
        {XG_KID_MAX, KID_TEXT(SIXTY "123"), XG_REASON_OK},
        {XG_KID_MAX, KID_TEXT(SIXTY "1234"), XG_REASON_KID_INVALID},
        {XG_KID_MAX, KID_TEXT(SIXTY "12\xc3\xa9"), XG_REASON_KID_INVALID},
        {XG_KID_MAX, KID_TEXT(SIXTY "12\\u00e9"), XG_REASON_KID_INVALID},
        {XG_KID_MAX, KID_TEXT(SIXTY SIXTY SIXTY SIXTY), XG_REASON_KID_INVALID},
        {XG_KID_MAX, KID_TEXT(SIXTY "12\\u0033"), XG_REASON_OK},
        {XG_KID_MAX, KID_TEXT(SIXTY "1\xc3\xa9"), XG_REASON_OK},
        {5, KID_TEXT("abcde"), XG_REASON_OK},
        {5, KID_TEXT("abcdef"), XG_REASON_KID_INVALID},
        {5, KID_TEXT("abcd\xc3\xa9"), XG_REASON_KID_INVALID},
        {5, KID_TEXT("abcd\\u00e9"), XG_REASON_KID_INVALID},
        {5, KID_TEXT("\\u0061\\u0062\\u0063\\u0064\\u0065"), XG_REASON_OK},
        {5, KID_TEXT("\\ud83d\\ude00e"), XG_REASON_OK},
        {5, KID_TEXT("\\ud83d\\ude00ef"), XG_REASON_KID_INVALID},
        {1, KID_TEXT("a"), XG_REASON_OK},
        {1, KID_TEXT("ab"), XG_REASON_KID_INVALID},
        {0, KID_TEXT("a"), XG_REASON_KID_INVALID},
        {SIZE_MAX, KID_TEXT(SIXTY "123"), XG_REASON_OK}, /* a limit is no leave to write beyond the storage */
        {SIZE_MAX, KID_TEXT(SIXTY "1234"), XG_REASON_KID_INVALID},
    };
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        xg_token_limits limits = XG_TOKEN_LIMITS_DEFAULT;
        limits.kid_bytes = ROWS[i].limit;
        assert_reason(ROWS[i].json, &limits, ROWS[i].reason);
    }
}

/* ---- members that are refused by name ---- */

/* Every way to write name in upper and lower case, the name itself left out, is put through `check`. */
static void for_each_case(const char *name, void (*check)(const char *spelling))
{
    char spelling[16];
    size_t letters[16];
    size_t num_letters = 0;
    for (size_t i = 0; name[i] != '\0'; i++) {
        if ((name[i] | 0x20) >= 'a' && (name[i] | 0x20) <= 'z') {
            letters[num_letters++] = i;
        }
    }
    for (size_t mask = 1; mask < (size_t)1 << num_letters; mask++) {
        (void)snprintf(spelling, sizeof(spelling), "%s", name);
        for (size_t i = 0; i < num_letters; i++) {
            spelling[letters[i]] = (char)(spelling[letters[i]] ^ ((mask >> i & 1) != 0 ? 0x20 : 0));
        }
        check(spelling);
    }
}

static void assert_member(const char *name, const char *value, uint32_t reason)
{
    char json[128];
    int len = snprintf(json, sizeof(json), "{\"alg\":\"RS256\",\"kid\":\"1\",\"%s\":%s}", name, value);
    assert_reason((xg_str){json, (size_t)len}, &XG_TOKEN_LIMITS_DEFAULT, reason);
    len = snprintf(json, sizeof(json), "{\"%s\":%s,\"alg\":\"RS256\",\"kid\":\"1\"}", name, value);
    assert_reason((xg_str){json, (size_t)len}, &XG_TOKEN_LIMITS_DEFAULT, reason);
}

static void assert_forbidden(const char *name)
{
    assert_member(name, "\"x\"", XG_REASON_HEADER_FORBIDDEN);
    assert_member(name, "null", XG_REASON_HEADER_FORBIDDEN);
    assert_member(name, "true", XG_REASON_HEADER_FORBIDDEN);
}

static void test_members_that_bring_a_key_or_an_encoding_are_refused_in_any_case(void **state)
{
    static const char *const FORBIDDEN[] = {"jwk", "jku", "x5u", "x5c", "x5t", "x5t#S256", "b64", "zip", "enc"};
    static const char *const VALUES[] = {"null",    "true", "false",   "0",  "\"\"",
                                         "\"DEF\"", "[]",   "[\"x\"]", "{}", "{\"kty\":\"RSA\"}"};
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(FORBIDDEN); i++) {
        for (size_t k = 0; k < XG_ARRAY_LEN(VALUES); k++) {
            assert_member(FORBIDDEN[i], VALUES[k], XG_REASON_HEADER_FORBIDDEN);
        }
        for_each_case(FORBIDDEN[i], assert_forbidden);
    }
}

static void test_crit_is_refused_whatever_it_lists(void **state)
{
    static const char *const VALUES[] = {"null", "true", "1", "\"\"", "\"b64\"", "[]", "[\"b64\"]", "[\"exp\"]", "{}"};
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(VALUES); i++) {
        assert_member("crit", VALUES[i], XG_REASON_HEADER_CRIT);
    }
    for_each_case("crit", assert_forbidden);
}

static void test_case_variants_of_alg_and_kid_are_refused(void **state)
{
    (void)state;
    for_each_case("alg", assert_forbidden);
    for_each_case("kid", assert_forbidden);
}

static void test_other_members_are_ignored_unless_they_hold_others(void **state)
{
    static const char *const NAMES[] = {
        "typ", "cty",  "Typ",  "jw",  "jwks",  "x5",       "x5t#S25", "x5t#S2566", "x5t#", "b6",  "b64 ",
        "zi",  "zipp", "encc", "cri", "crits", "elg",      "did",     "grit",      "c64",  "sip", "inc",
        "kwk", "kku",  "y5u",  "y5c", "y5t",   "y5t#S256", "",        "iss",       "exp",  "epk", "\xc3\xa9"};
    static const char *const IGNORED[] = {"null", "true", "false", "0", "-1", "\"\"", "\"JWT\"", "\"\\u0041\""};
    static const char *const REFUSED[] = {"[]", "{}", "[1]", "[\"JWT\"]", "{\"alg\":\"none\"}", "1.5", "1e3", "nul"};
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(NAMES); i++) {
        for (size_t k = 0; k < XG_ARRAY_LEN(IGNORED); k++) {
            assert_member(NAMES[i], IGNORED[k], XG_REASON_OK);
        }
        for (size_t k = 0; k < XG_ARRAY_LEN(REFUSED); k++) {
            assert_member(NAMES[i], REFUSED[k], XG_REASON_HEADER_JSON);
        }
    }
}

static void test_names_with_escapes_are_refused(void **state)
{
    static const char *const NAMES[] = {"\\u0074yp", "t\\u0079p", "typ\\n",     "\\/",
                                        "\\\\",      "\\u006awk", "cri\\u0074", "\\u004bid"};
    (void)state;
    assert_member("typ", "\"JWT\"", XG_REASON_OK);
    for (size_t i = 0; i < XG_ARRAY_LEN(NAMES); i++) {
        assert_member(NAMES[i], "\"JWT\"", XG_REASON_HEADER_JSON);
    }
}

/* ---- the text as a whole ---- */

static void test_the_header_is_one_object(void **state)
{
    static const row ROWS[] = {
        {KID_TEXT("1"), XG_REASON_OK},
        {S(""), XG_REASON_HEADER_JSON},
        {S("null"), XG_REASON_HEADER_JSON},
        {S("[]"), XG_REASON_HEADER_JSON},
        {S("\"RS256\""), XG_REASON_HEADER_JSON},
        {S("[{\"alg\":\"RS256\",\"kid\":\"1\"}]"), XG_REASON_HEADER_JSON},
        {S("{\"alg\":\"RS256\",\"kid\":\"1\"}x"), XG_REASON_HEADER_JSON},
        {S("{\"alg\":\"RS256\",\"kid\":\"1\"}\0"), XG_REASON_HEADER_JSON},
        {S("{\"alg\":\"RS256\",\"kid\":\"1\"}{}"), XG_REASON_HEADER_JSON},
        {S("{\"alg\":\"RS256\",\"kid\":\"1\""), XG_REASON_HEADER_JSON},
        {S("{\"alg\":\"RS256\",\"kid\":\"1\",}"), XG_REASON_HEADER_JSON},
        {S("{\"alg\":\"RS256\" \"kid\":\"1\"}"), XG_REASON_HEADER_JSON},
        {S("{'alg':'RS256','kid':'1'}"), XG_REASON_HEADER_JSON},
        {S("{\"alg\":\"RS256\",\"kid\":\"1\"}//"), XG_REASON_HEADER_JSON},
        {S("\xef\xbb\xbf{\"alg\":\"RS256\",\"kid\":\"1\"}"), XG_REASON_HEADER_JSON},
    };
    (void)state;
    CHECK_ROWS(ROWS);
}

/* Nothing of a header is looked at before the whole of it is known to be JSON; then the first offence counts. */
static void test_json_comes_first_and_then_the_members_in_their_order(void **state)
{
    static const row ROWS[] = {
        {S("{\"alg\":\"none\",\"crit\":[]}"), XG_REASON_ALG_REFUSED},
        {S("{\"crit\":[],\"alg\":\"none\"}"), XG_REASON_HEADER_CRIT},
        {S("{\"jwk\":{},\"crit\":[]}"), XG_REASON_HEADER_FORBIDDEN},
        {S("{\"kid\":1,\"jwk\":{}}"), XG_REASON_KID_INVALID},
        {S("{\"typ\":[],\"alg\":\"none\"}"), XG_REASON_HEADER_JSON},
        {S("{\"kid\":\"\"}"), XG_REASON_KID_INVALID},
        {S("{\"alg\":\"none\",\"crit\":[],}"), XG_REASON_HEADER_JSON},
        {S("{\"jwk\":{}}{"), XG_REASON_HEADER_JSON},
    };
    (void)state;
    CHECK_ROWS(ROWS);
}

static void check_length(size_t len, size_t limit, uint32_t expected)
{
    static const char HEADER[] = "{\"alg\":\"RS256\"}";
    xg_token_limits limits = XG_TOKEN_LIMITS_DEFAULT;
    char json[2048];
    limits.header_bytes = limit;
    memset(json, ' ', sizeof(json));
    memcpy(json, HEADER, sizeof(HEADER) - 1);
    assert_reason((xg_str){json, len}, &limits, expected);
    memset(json, 'x', sizeof(json)); /* too long counts before what it says */
    assert_reason((xg_str){json, len}, &limits, len > limit ? XG_REASON_HEADER_TOO_LONG : XG_REASON_HEADER_JSON);
}

static void test_the_header_ends_at_its_limit(void **state)
{
    (void)state;
    check_length(XG_HEADER_MAX - 1, XG_HEADER_MAX, XG_REASON_OK);
    check_length(XG_HEADER_MAX, XG_HEADER_MAX, XG_REASON_OK);
    check_length(XG_HEADER_MAX + 1, XG_HEADER_MAX, XG_REASON_HEADER_TOO_LONG);
    check_length(2 * XG_HEADER_MAX, XG_HEADER_MAX, XG_REASON_HEADER_TOO_LONG);
    check_length(15, 15, XG_REASON_OK);
    check_length(16, 15, XG_REASON_HEADER_TOO_LONG);
    check_length(15, 14, XG_REASON_HEADER_TOO_LONG);
    check_length(16, 16, XG_REASON_OK);
}

static void test_nesting_ends_at_the_limit_also_where_nothing_may_nest(void **state)
{
    static const struct {
        size_t depth;
        xg_str json;
        uint32_t reason;
    } ROWS[] = {
        {0, S("{\"alg\":\"RS256\"}"), XG_REASON_HEADER_JSON},
        {1, S("{\"alg\":\"RS256\"}"), XG_REASON_OK},
        {1, BESIDE("\"crit\":[]"), XG_REASON_HEADER_JSON},
        {2, BESIDE("\"crit\":[]"), XG_REASON_HEADER_CRIT},
        {2, BESIDE("\"crit\":[[]]"), XG_REASON_HEADER_JSON},
        {3, BESIDE("\"crit\":[[]]"), XG_REASON_HEADER_CRIT},
        {8, BESIDE("\"crit\":[[[[[[[]]]]]]]"), XG_REASON_HEADER_CRIT},
        {8, BESIDE("\"crit\":[[[[[[[[]]]]]]]]"), XG_REASON_HEADER_JSON},
    };
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        xg_token_limits limits = XG_TOKEN_LIMITS_DEFAULT;
        limits.json_depth = ROWS[i].depth;
        assert_reason(ROWS[i].json, &limits, ROWS[i].reason);
    }
}

/* A header of `count` members. */
static xg_str make_members(size_t count, char *json, size_t cap)
{
    size_t len = (size_t)snprintf(json, cap, "{\"alg\":\"RS256\"");
    for (size_t i = 1; i < count; i++) {
        len += (size_t)snprintf(json + len, cap - len, ",\"m%zu\":%zu", i, i);
    }
    len += (size_t)snprintf(json + len, cap - len, "}");
    assert_true(len < cap);
    return (xg_str){json, len};
}

static void test_a_header_has_at_most_16_members(void **state)
{
    char json[512];
    (void)state;
    assert_reason(make_members(1, json, sizeof(json)), &XG_TOKEN_LIMITS_DEFAULT, XG_REASON_OK);
    assert_reason(make_members(15, json, sizeof(json)), &XG_TOKEN_LIMITS_DEFAULT, XG_REASON_OK);
    assert_reason(make_members(16, json, sizeof(json)), &XG_TOKEN_LIMITS_DEFAULT, XG_REASON_OK);
    assert_reason(make_members(17, json, sizeof(json)), &XG_TOKEN_LIMITS_DEFAULT, XG_REASON_HEADER_JSON);
    assert_reason(make_members(18, json, sizeof(json)), &XG_TOKEN_LIMITS_DEFAULT, XG_REASON_HEADER_JSON);
    assert_reason(make_members(40, json, sizeof(json)), &XG_TOKEN_LIMITS_DEFAULT, XG_REASON_HEADER_JSON);
}

/*
 * The usual header is recognised by its bytes, every other one is scanned; a blank before it makes the usual one be
 * scanned too. Both ways must agree on it and on everything that differs from it by one edit.
 */
static void assert_agreement(xg_str json)
{
    char spaced[256] = " ";
    xg_header recognised, scanned;
    assert_true(json.len + 1 < sizeof(spaced));
    memcpy(spaced + 1, json.ptr, json.len);
    uint32_t found = scan(json, &XG_TOKEN_LIMITS_DEFAULT, &recognised);
    uint32_t expected = scan((xg_str){spaced, json.len + 1}, &XG_TOKEN_LIMITS_DEFAULT, &scanned);
    if (found != expected) {
        fail_msg("%.*s: %s, scanned %s", (int)json.len, json.ptr, xg_reason_find(found)->name,
                 xg_reason_find(expected)->name);
    }
    if (found == XG_REASON_OK) { /* else neither has been written */
        assert_int_equal(recognised.has_kid, scanned.has_kid);
        assert_int_equal(recognised.kid_len, scanned.kid_len);
        assert_memory_equal(recognised.kid, scanned.kid, sizeof(scanned.kid));
    }
}

static void test_recognising_the_usual_header_agrees_with_scanning_it(void **state)
{
    static const char *const KIDS[] = {"1", "42",      "key-1", "a.b_C", SIXTY "abc", SIXTY "abcd",
                                       "",  "\\u0031", "a b",   "\"",    "0"};
    (void)state;
    for (size_t k = 0; k < XG_ARRAY_LEN(KIDS); k++) {
        char usual[256], edited[256];
        int written = snprintf(usual, sizeof(usual), "{\"alg\":\"RS256\",\"kid\":\"%s\",\"typ\":\"JWT\"}", KIDS[k]);
        size_t len = (size_t)written;
        assert_true(written > 0 && len < sizeof(usual));
        assert_agreement((xg_str){usual, len});
        for (size_t at = 0; at < len; at++) {
            assert_agreement((xg_str){usual, at}); /* cut */
            memcpy(edited, usual, at);             /* one byte left out */
            memcpy(edited + at, usual + at + 1, len - at - 1);
            assert_agreement((xg_str){edited, len - 1});
            for (unsigned byte = 0; byte < 256; byte++) { /* another byte */
                memcpy(edited, usual, len);
                edited[at] = (char)byte;
                assert_agreement((xg_str){edited, len});
            }
        }
    }
}

static void test_the_usual_header_obeys_the_limits(void **state)
{
    static const char USUAL[] = "{\"alg\":\"RS256\",\"kid\":\"abc\",\"typ\":\"JWT\"}";
    (void)state;
    xg_token_limits limits = XG_TOKEN_LIMITS_DEFAULT;
    limits.header_bytes = sizeof(USUAL) - 1;
    limits.kid_bytes = 3;
    assert_reason(xg_str_of(USUAL), &limits, XG_REASON_OK);
    limits.header_bytes--;
    assert_reason(xg_str_of(USUAL), &limits, XG_REASON_HEADER_TOO_LONG);
    limits.header_bytes++;
    limits.kid_bytes--;
    assert_reason(xg_str_of(USUAL), &limits, XG_REASON_KID_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alg_is_rs256_byte_for_byte),
        cmocka_unit_test(test_alg_is_a_string),
        cmocka_unit_test(test_alg_must_be_there_once_under_its_name),
        cmocka_unit_test(test_kid_is_what_the_string_stands_for),
        cmocka_unit_test(test_kid_is_a_clean_string_of_at_least_a_byte),
        cmocka_unit_test(test_kid_stands_once_under_its_name),
        cmocka_unit_test(test_kid_ends_at_its_limit_in_bytes_it_stands_for),
        cmocka_unit_test(test_members_that_bring_a_key_or_an_encoding_are_refused_in_any_case),
        cmocka_unit_test(test_crit_is_refused_whatever_it_lists),
        cmocka_unit_test(test_case_variants_of_alg_and_kid_are_refused),
        cmocka_unit_test(test_other_members_are_ignored_unless_they_hold_others),
        cmocka_unit_test(test_names_with_escapes_are_refused),
        cmocka_unit_test(test_the_header_is_one_object),
        cmocka_unit_test(test_json_comes_first_and_then_the_members_in_their_order),
        cmocka_unit_test(test_the_header_ends_at_its_limit),
        cmocka_unit_test(test_nesting_ends_at_the_limit_also_where_nothing_may_nest),
        cmocka_unit_test(test_a_header_has_at_most_16_members),
        cmocka_unit_test(test_recognising_the_usual_header_agrees_with_scanning_it),
        cmocka_unit_test(test_the_usual_header_obeys_the_limits),
    };
    return cmocka_run_group_tests_name("header", tests, NULL, NULL);
}
