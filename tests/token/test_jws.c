/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_jws.c: a compact token is two dots between three non-empty segments of canonical base64url, within the limits
 * (RFC 7515 section 7.1). What the segments mean is no matter here.
 *
 * Every text is split in memory of its own size, and so is the result, for the sanitizers and valgrind. The oracle for
 * edits is libsodium's decoder. One thread.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "xdsgate/token.h"

static uint32_t split_within(xg_str compact, size_t credential_bytes)
{
    xg_token_limits limits = XG_TOKEN_LIMITS_DEFAULT;
    limits.credential_bytes = credential_bytes;
    xg_jws *jws = malloc(sizeof(*jws));
    char *copy = malloc(compact.len == 0 ? 1 : compact.len);
    assert_non_null(jws);
    assert_non_null(copy);
    if (compact.len > 0) {
        memcpy(copy, compact.ptr, compact.len);
    }
    uint32_t reason = xg_result_reason(xg_jws_split((xg_str){copy, compact.len}, &limits, jws));
    free(copy);
    free(jws);
    return reason;
}

static uint32_t split(xg_str compact)
{
    return split_within(compact, XG_CREDENTIAL_MAX);
}

#define OK       XG_REASON_OK
#define EMPTY    XG_REASON_CREDENTIAL_EMPTY
#define TOO_LONG XG_REASON_CREDENTIAL_TOO_LONG
#define SEGMENTS XG_REASON_CREDENTIAL_SEGMENTS
#define BASE64   XG_REASON_CREDENTIAL_BASE64

static const struct {
    xg_str compact;
    uint32_t reason;
} ONE_BY_ONE[] = {
    /* dots and segments */
    {XG_STR_INIT("e30.e30.AA"), OK},
    {XG_STR_INIT("e30.e30AA"), SEGMENTS},
    {XG_STR_INIT("e30.e30..AA"), SEGMENTS},
    {XG_STR_INIT("e30.e30.AA."), SEGMENTS},
    {XG_STR_INIT(".e30.e30.AA"), SEGMENTS},
    {XG_STR_INIT("e30.e30.AA.AA"), SEGMENTS},
    {XG_STR_INIT("e30.e30.AA.AA.AA"), SEGMENTS}, /* as many as an encrypted token has */
    {XG_STR_INIT("e30.e30."), SEGMENTS},
    {XG_STR_INIT("e30..AA"), SEGMENTS},
    {XG_STR_INIT(".e30.AA"), SEGMENTS},
    {XG_STR_INIT("..AA"), SEGMENTS},
    {XG_STR_INIT("e30.."), SEGMENTS},
    {XG_STR_INIT(".."), SEGMENTS},
    {XG_STR_INIT("."), SEGMENTS},
    {XG_STR_INIT("..."), SEGMENTS},
    {XG_STR_INIT("e30"), SEGMENTS},
    {XG_STR_INIT("e30."), SEGMENTS},
    {XG_STR_INIT("e30.e30"), SEGMENTS},
    {XG_STR_INIT("e30,e30,AA"), SEGMENTS},
    {XG_STR_INIT("e30%2Ee30%2EAA"), SEGMENTS},
    {XG_STR_INIT("{\"payload\":\"e30\",\"signature\":\"AA\"}"), SEGMENTS}, /* RFC 7515 section 7.2 */
    {XG_STR_INIT("\0"), SEGMENTS},
    {XG_STR_INIT(" "), SEGMENTS},
    {XG_STR_INIT(""), EMPTY},
    {{NULL, 0}, EMPTY},
    /* the alphabet */
    {XG_STR_INIT("e30.e30.-_--"), OK},
    {XG_STR_INIT("e30.e30.+_--"), BASE64},
    {XG_STR_INIT("e30.e30.-/--"), BASE64},
    {XG_STR_INIT("e30.e30.-_-~"), BASE64},
    {XG_STR_INIT("e30.e30.-_%2D"), BASE64},
    {XG_STR_INIT("e30.e30.\xff_--"), BASE64},
    {XG_STR_INIT("e30.-/--.AA"), BASE64},
    {XG_STR_INIT("-/--.e30.AA"), BASE64},
    /* padding */
    {XG_STR_INIT("e30=.e30.AA"), BASE64},
    {XG_STR_INIT("e30.e30=.AA"), BASE64},
    {XG_STR_INIT("e30.e30.AA=="), BASE64},
    {XG_STR_INIT("e30.e30.AA="), BASE64},
    {XG_STR_INIT("e30.e30.="), BASE64},
    {XG_STR_INIT("=.e30.AA"), BASE64},
    /* blanks, line ends, NUL */
    {XG_STR_INIT(" e30.e30.AA"), BASE64},
    {XG_STR_INIT("e30.e30.AA "), BASE64},
    {XG_STR_INIT("e30 .e30.AA"), BASE64},
    {XG_STR_INIT("e30. e30.AA"), BASE64},
    {XG_STR_INIT("e3 0.e30.AA"), BASE64},
    {XG_STR_INIT("e30.e30.AA\t"), BASE64},
    {XG_STR_INIT("e30.e30.AA\n"), BASE64},
    {XG_STR_INIT("e30.e30.AA\r"), BASE64},
    {XG_STR_INIT("e30.e30.AA\r\n"), BASE64},
    {XG_STR_INIT("e30\n.e30.AA"), BASE64},
    {XG_STR_INIT("e30.e30\r\n.AA"), BASE64},
    {XG_STR_INIT("\ne30.e30.AA"), BASE64},
    {XG_STR_INIT("e30.\n.AA"), BASE64},
    {XG_STR_INIT("e30.e30.AA\0"), BASE64},
    {XG_STR_INIT("e30.e30.\0"), BASE64},
    {XG_STR_INIT("\0e30.e30.AA"), BASE64},
    {XG_STR_INIT("e30\0.e30.AA"), BASE64},
    {XG_STR_INIT("e30.e30\0AA"), SEGMENTS},
    {XG_STR_INIT("Bearer e30.e30.AA"), BASE64},
    {XG_STR_INIT("\xef\xbb\xbf"
                 "e30.e30.AA"),
     BASE64},
    {XG_STR_INIT("\"e30.e30.AA\""), BASE64},
    /* unused bits */
    {XG_STR_INIT("AA.AA.AA"), OK},
    {XG_STR_INIT("AB.AA.AA"), BASE64},
    {XG_STR_INIT("AA.AI.AA"), BASE64},
    {XG_STR_INIT("AA.AA.AP"), BASE64},
    {XG_STR_INIT("AAA.AAA.AAA"), OK},
    {XG_STR_INIT("AAB.AAA.AAA"), BASE64},
    {XG_STR_INIT("AAA.AAC.AAA"), BASE64},
    {XG_STR_INIT("AAA.AAA.AAD"), BASE64},
    /* a length of 1 modulo 4 */
    {XG_STR_INIT("AAAA.AAAA.AAAA"), OK},
    {XG_STR_INIT("AAAAA.AAAA.AAAA"), BASE64},
    {XG_STR_INIT("AAAA.AAAAA.AAAA"), BASE64},
    {XG_STR_INIT("AAAA.AAAA.AAAAA"), BASE64},
    {XG_STR_INIT("A.AAAA.AAAA"), BASE64},
    {XG_STR_INIT("AAAA.A.AAAA"), BASE64},
    {XG_STR_INIT("AAAA.AAAA.A"), BASE64},
};

static void test_split_row_by_row(void **state)
{
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ONE_BY_ONE); i++) {
        uint32_t reason = split(ONE_BY_ONE[i].compact);
        if (reason != ONE_BY_ONE[i].reason) {
            fail_msg("row %zu: %s: %u", i, ONE_BY_ONE[i].compact.ptr, reason);
        }
    }
}

static void test_the_parts_are_decoded_and_the_signing_input_is_borrowed(void **state)
{
    static const struct {
        xg_str compact;
        size_t signing_len;
        xg_str header;
        xg_str payload;
        xg_str signature;
    } ROWS[] = {
        {XG_STR_INIT("eyJhbGciOiJSUzI1NiJ9.e30.AAH_"), 24, XG_STR_INIT("{\"alg\":\"RS256\"}"), XG_STR_INIT("{}"),
         XG_STR_INIT("\0\x01\xff")},
        {XG_STR_INIT("AA.AAAA.Zg"), 7, XG_STR_INIT("\0"), XG_STR_INIT("\0\0\0"), XG_STR_INIT("f")},
        {XG_STR_INIT("Zm9vYmFy.Zm9vYmE.Zm9vYg"), 16, XG_STR_INIT("foobar"), XG_STR_INIT("fooba"), XG_STR_INIT("foob")},
    };
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        xg_jws jws;
        assert_true(xg_is_ok(xg_jws_split(ROWS[i].compact, &XG_TOKEN_LIMITS_DEFAULT, &jws)));
        assert_ptr_equal(jws.signing_input.ptr, ROWS[i].compact.ptr);
        assert_int_equal(jws.signing_input.len, ROWS[i].signing_len);
        assert_true(xg_str_eq(jws.header, ROWS[i].header));
        assert_true(xg_str_eq(jws.payload, ROWS[i].payload));
        assert_true(xg_str_eq(jws.signature, ROWS[i].signature));
    }
}

/* ---- limits ---- */

/* A token of len characters in all, its segments of h, p and the rest. */
static xg_str long_token(size_t len, size_t h, size_t p)
{
    static char text[XG_CREDENTIAL_MAX + 64];
    assert_true(len <= sizeof(text) && h + p + 2 < len);
    memset(text, 'A', len);
    text[h] = '.';
    text[h + 1 + p] = '.';
    return (xg_str){text, len};
}

static void test_a_token_may_be_as_long_as_the_limit_and_no_longer(void **state)
{
    static const struct {
        size_t len;
        size_t limit;
        uint32_t reason;
    } ROWS[] = {
        {8192, 8192, OK},           {8193, 8192, TOO_LONG}, {8191, 8192, OK},       {8192, 8191, TOO_LONG},
        {8191, 8191, OK},           {8193, 8193, TOO_LONG}, {8193, 8400, TOO_LONG}, /* never above the ceiling */
        {8193, SIZE_MAX, TOO_LONG}, {8192, SIZE_MAX, OK},   {100, 100, OK},         {101, 100, TOO_LONG},
        {100, 99, TOO_LONG},        {100, 0, TOO_LONG},     {12, 1, TOO_LONG},
    };
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        uint32_t reason = split_within(long_token(ROWS[i].len, 3, ROWS[i].len % 4 == 3 ? 2 : 3), ROWS[i].limit);
        if (reason != ROWS[i].reason) {
            fail_msg("row %zu: %u", i, reason);
        }
    }
    assert_int_equal(split_within((xg_str){NULL, 0}, 0), EMPTY);
    assert_int_equal(XG_TOKEN_LIMITS_DEFAULT.credential_bytes, 8192);
}

static void test_what_is_too_long_is_not_looked_at(void **state)
{
    static const char SHORT[] = "e30.e30.AA";
    static const size_t LENGTHS[] = {8193, 1 << 20, SIZE_MAX / 2, SIZE_MAX};
    xg_jws jws;
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(LENGTHS); i++) { /* the memory ends long before */
        xg_result result = xg_jws_split((xg_str){SHORT, LENGTHS[i]}, &XG_TOKEN_LIMITS_DEFAULT, &jws);
        assert_int_equal(xg_result_reason(result), TOO_LONG);
    }
}

static void test_the_longest_token_fits_however_its_dots_stand(void **state)
{
    size_t num_accepted = 0;
    (void)state;
    for (size_t h = 1; h < 12; h++) {
        for (size_t p = 1; p < 12; p++) {
            size_t places[][2] = {{h, p}, {h, 8190 - h - p}, {8190 - h - p, p}, {2700 + h, 2700 + p}};
            for (size_t i = 0; i < XG_ARRAY_LEN(places); i++) {
                size_t s = 8190 - places[i][0] - places[i][1];
                bool is_right = places[i][0] % 4 != 1 && places[i][1] % 4 != 1 && s % 4 != 1;
                uint32_t reason = split(long_token(8192, places[i][0], places[i][1]));
                assert_int_equal(reason, is_right ? OK : BASE64);
                num_accepted += is_right ? 1 : 0;
            }
        }
    }
    assert_true(num_accepted > 100);
}

static void test_thousands_of_dots_are_refused_at_once(void **state)
{
    static char dots[XG_CREDENTIAL_MAX + 1];
    (void)state;
    memset(dots, '.', sizeof(dots));
    for (size_t len = 1; len <= 64; len++) {
        assert_int_equal(split((xg_str){dots, len}), SEGMENTS);
    }
    assert_int_equal(split((xg_str){dots, 5000}), SEGMENTS);
    assert_int_equal(split((xg_str){dots, 8192}), SEGMENTS);
    assert_int_equal(split((xg_str){dots, 8193}), TOO_LONG);
    memcpy(dots, "e30.e30.AA", 10); /* a token, and the dots behind it */
    assert_int_equal(split((xg_str){dots, 10}), OK);
    assert_int_equal(split((xg_str){dots, 11}), SEGMENTS);
    assert_int_equal(split((xg_str){dots, 8192}), SEGMENTS);
    memset(dots, '.', 10);
    memcpy(dots + 8182, "e30.e30.AA", 10);
    assert_int_equal(split((xg_str){dots, 8192}), SEGMENTS);
    for (size_t i = 0; i < 8192; i++) {
        dots[i] = i % 4 == 3 ? '.' : 'A';
    }
    assert_int_equal(split((xg_str){dots, 11}), OK);
    assert_int_equal(split((xg_str){dots, 8191}), SEGMENTS);
}

/* ---- edits ---- */

static bool is_segment(xg_str s)
{
    uint8_t bytes[64];
    size_t len = 0;
    const char *end = NULL;
    for (size_t i = 0; i < s.len; i++) {
        if ((unsigned char)s.ptr[i] >= 0x80) { /* libsodium 1.0.18 takes some of these for letters */
            return false;
        }
    }
    assert_true(s.len <= sizeof(bytes));
    return sodium_base642bin(bytes, sizeof(bytes), s.ptr, s.len, NULL, &len, &end,
                             sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0 &&
           end == s.ptr + s.len;
}

static uint32_t oracle(xg_str compact)
{
    xg_str segments[3] = {{compact.ptr, 0}};
    size_t num_dots = 0;
    bool is_right = true;
    if (compact.len == 0) {
        return EMPTY;
    }
    for (size_t i = 0; i < compact.len; i++) {
        if (compact.ptr[i] != '.') {
            segments[num_dots].len++;
        } else if (++num_dots > 2) {
            return SEGMENTS;
        } else {
            segments[num_dots] = (xg_str){compact.ptr + i + 1, 0};
        }
    }
    for (size_t i = 0; i < 3; i++) {
        if (segments[i].len == 0) {
            return SEGMENTS;
        }
        is_right = is_right && is_segment(segments[i]);
    }
    return is_right ? OK : BASE64;
}

static void check_against_oracle(xg_str compact)
{
    uint32_t reason = split(compact);
    uint32_t expected = oracle(compact);
    if (reason != expected) {
        fail_msg("%.*s: %u, the oracle says %u", (int)compact.len, compact.ptr, reason, expected);
    }
}

static const xg_str TOKENS[] = {
    XG_STR_INIT("eyJhbGciOiJSUzI1NiJ9.e30.AAH_"),
    XG_STR_INIT("AA.AAA.AAAA"),
    XG_STR_INIT("-_-_.Zm8.Zg"),
};

static void test_every_byte_in_every_place_agrees_with_the_oracle(void **state)
{
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(TOKENS); i++) {
        char text[64];
        xg_str token = {text, TOKENS[i].len};
        assert_int_equal(oracle(TOKENS[i]), OK);
        for (size_t at = 0; at < token.len; at++) {
            for (unsigned c = 0; c < 256; c++) {
                memcpy(text, TOKENS[i].ptr, token.len);
                text[at] = (char)c;
                check_against_oracle(token);
            }
        }
    }
}

static void test_every_byte_more_or_less_agrees_with_the_oracle(void **state)
{
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(TOKENS); i++) {
        size_t len = TOKENS[i].len;
        for (size_t at = 0; at <= len; at++) {
            char text[64];
            memcpy(text, TOKENS[i].ptr, at);
            memcpy(text + at + 1, TOKENS[i].ptr + at, len - at);
            for (unsigned c = 0; c < 256; c++) {
                text[at] = (char)c;
                check_against_oracle((xg_str){text, len + 1});
            }
            check_against_oracle((xg_str){text, at}); /* cut off here */
            if (at < len) {                           /* this one left out */
                memcpy(text + at, TOKENS[i].ptr + at + 1, len - at - 1);
                check_against_oracle((xg_str){text, len - 1});
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split_row_by_row),
        cmocka_unit_test(test_the_parts_are_decoded_and_the_signing_input_is_borrowed),
        cmocka_unit_test(test_a_token_may_be_as_long_as_the_limit_and_no_longer),
        cmocka_unit_test(test_what_is_too_long_is_not_looked_at),
        cmocka_unit_test(test_the_longest_token_fits_however_its_dots_stand),
        cmocka_unit_test(test_thousands_of_dots_are_refused_at_once),
        cmocka_unit_test(test_every_byte_in_every_place_agrees_with_the_oracle),
        cmocka_unit_test(test_every_byte_more_or_less_agrees_with_the_oracle),
    };
    return cmocka_run_group_tests_name("jws", tests, NULL, NULL);
}
