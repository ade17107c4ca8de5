/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_str.c: slices. The length is the truth, bytes are unsigned, and text is UTF-8 as RFC 3629 has it.
 *
 * UTF-8 is checked against an encoder below that knows code points alone, not the table of lead bytes. One thread.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "xdsgate/base.h"

/* ---- slices ---- */

static void test_a_slice_of_a_c_string_ends_at_its_nul(void **state)
{
    static const char TEXT[] = "ab\0c";
    (void)state;
    xg_str s = xg_str_of(TEXT);
    assert_ptr_equal(s.ptr, TEXT);
    assert_int_equal(s.len, 2);
    assert_int_equal(xg_str_of("").len, 0);
    assert_int_equal(xg_str_of(NULL).len, 0);
    assert_int_equal(XG_STR("ab\0c").len, 4);
    assert_int_equal(XG_STR("").len, 0);
}

static void test_slices_are_equal_in_all_bytes_or_not_at_all(void **state)
{
    static const struct {
        xg_str a;
        xg_str b;
        bool is_equal;
    } ROWS[] = {
        {XG_STR_INIT("abc"), XG_STR_INIT("abc"), true},
        {XG_STR_INIT("abc"), XG_STR_INIT("abd"), false},
        {XG_STR_INIT("abc"), XG_STR_INIT("ab"), false},
        {XG_STR_INIT("abc"), XG_STR_INIT("abc\0"), false},
        {XG_STR_INIT("abc"), XG_STR_INIT("Abc"), false},
        {XG_STR_INIT("a\0c"), XG_STR_INIT("a\0c"), true},
        {XG_STR_INIT("a\0c"), XG_STR_INIT("a\0d"), false},
        {XG_STR_INIT("a\0c"), XG_STR_INIT("a"), false},
        {XG_STR_INIT("a\0c"), XG_STR_INIT("a\0"), false},
        {{NULL, 0}, XG_STR_INIT(""), true},
        {{NULL, 0}, {NULL, 0}, true},
        {{NULL, 0}, XG_STR_INIT("\0"), false},
        {XG_STR_INIT("\xff"), XG_STR_INIT("\x7f"), false},
        {XG_STR_INIT(""), XG_STR_INIT(" "), false},
    };
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        if (xg_str_eq(ROWS[i].a, ROWS[i].b) != ROWS[i].is_equal ||
            xg_str_eq(ROWS[i].b, ROWS[i].a) != ROWS[i].is_equal) {
            fail_msg("row %zu", i);
        }
        assert_int_equal(xg_str_cmp(ROWS[i].a, ROWS[i].b) == 0, ROWS[i].is_equal);
    }
}

static void test_the_order_is_that_of_unsigned_bytes_and_a_prefix_comes_first(void **state)
{
    static const xg_str SORTED[] = {
        XG_STR_INIT(""),     XG_STR_INIT("\0"),   XG_STR_INIT("\0\0"),   XG_STR_INIT("\0a"),      XG_STR_INIT("10"),
        XG_STR_INIT("2"),    XG_STR_INIT("A"),    XG_STR_INIT("a"),      XG_STR_INIT("a\0"),      XG_STR_INIT("a\0b"),
        XG_STR_INIT("aa"),   XG_STR_INIT("ab"),   XG_STR_INIT("abc"),    XG_STR_INIT("b"),        XG_STR_INIT("\x7f"),
        XG_STR_INIT("\x80"), XG_STR_INIT("\xff"), XG_STR_INIT("\xff\0"), XG_STR_INIT("\xff\xff"),
    };
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(SORTED); i++) {
        for (size_t k = 0; k < XG_ARRAY_LEN(SORTED); k++) {
            int order = xg_str_cmp(SORTED[i], SORTED[k]);
            if ((order > 0) - (order < 0) != (i > k) - (i < k)) {
                fail_msg("rows %zu and %zu", i, k);
            }
        }
    }
    assert_int_equal(xg_str_cmp((xg_str){NULL, 0}, XG_STR("")), 0);
    assert_true(xg_str_cmp((xg_str){NULL, 0}, XG_STR("\0")) < 0);
}

static void test_starts_with_compares_the_whole_prefix(void **state)
{
    static const struct {
        xg_str s;
        xg_str prefix;
        bool does;
    } ROWS[] = {
        {XG_STR_INIT("kuma.io/service"), XG_STR_INIT("kuma.io/"), true},
        {XG_STR_INIT("kuma.io"), XG_STR_INIT("kuma.io/"), false},
        {XG_STR_INIT("Kuma.io/service"), XG_STR_INIT("kuma.io/"), false},
        {XG_STR_INIT(" kuma.io/service"), XG_STR_INIT("kuma.io/"), false},
        {XG_STR_INIT("a"), XG_STR_INIT("a"), true},
        {XG_STR_INIT("a"), XG_STR_INIT("a\0"), false},
        {XG_STR_INIT("a\0b"), XG_STR_INIT("a\0"), true},
        {XG_STR_INIT("a"), XG_STR_INIT(""), true},
        {XG_STR_INIT("a"), {NULL, 0}, true},
        {{NULL, 0}, {NULL, 0}, true},
        {{NULL, 0}, XG_STR_INIT("a"), false},
    };
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        if (xg_str_starts_with(ROWS[i].s, ROWS[i].prefix) != ROWS[i].does) {
            fail_msg("row %zu", i);
        }
    }
}

static void test_skip_takes_bytes_off_the_front(void **state)
{
    static const char TEXT[] = "abc";
    xg_str s = {TEXT, 3};
    (void)state;
    for (size_t n = 0; n <= 3; n++) {
        assert_ptr_equal(xg_str_skip(s, n).ptr, TEXT + n);
        assert_int_equal(xg_str_skip(s, n).len, 3 - n);
    }
    assert_null(xg_str_skip((xg_str){NULL, 0}, 0).ptr);
}

/* ---- UTF-8 ---- */

/* Writes a code point in `len` bytes, whether it needs so many or not. */
static xg_str encode(uint32_t point, size_t len, char out[4])
{
    static const unsigned char LEADS[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = len - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (point & 0x3f));
        point >>= 6;
    }
    out[0] = (char)(LEADS[len] | point);
    return (xg_str){out, len};
}

static size_t shortest(uint32_t point)
{
    return point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
}

static bool is_right_utf8(xg_str s)
{
    char *copy = malloc(s.len == 0 ? 1 : s.len); /* its end is the end of the memory, for the sanitizers */
    assert_non_null(copy);
    if (s.len > 0) {
        memcpy(copy, s.ptr, s.len);
    }
    bool is_right = xg_str_is_utf8((xg_str){copy, s.len});
    free(copy);
    return is_right;
}

static void test_every_code_point_but_the_surrogates_has_one_encoding(void **state)
{
    char bytes[4];
    (void)state;
    for (uint32_t point = 0; point < 0x200000; point++) { /* as far as four bytes reach */
        bool is_right = point <= 0x10ffff && !(point >= 0xd800 && point <= 0xdfff);
        size_t len = shortest(point);
        if (xg_str_is_utf8(encode(point, len, bytes)) != is_right) {
            fail_msg("U+%06X in %zu bytes", point, len);
        }
        for (len++; len <= 4; len++) { /* overlong */
            if (xg_str_is_utf8(encode(point, len, bytes))) {
                fail_msg("U+%06X in %zu bytes", point, len);
            }
        }
    }
}

static void test_utf8_row_by_row(void **state)
{
    static const struct {
        xg_str s;
        bool is_right;
    } ROWS[] = {
        {XG_STR_INIT(""), true},
        {{NULL, 0}, true},
        {XG_STR_INIT("a\0b\x7f"), true}, /* bytes of ASCII, whatever they mean */
        {XG_STR_INIT("\xc2\x80"), true},
        {XG_STR_INIT("\xc1\xbf"), false},
        {XG_STR_INIT("\xc0\x80"), false},
        {XG_STR_INIT("\xc2\x7f"), false},
        {XG_STR_INIT("\xc2\xc0"), false},
        {XG_STR_INIT("\xdf\xbf"), true},
        {XG_STR_INIT("\xe0\xa0\x80"), true},
        {XG_STR_INIT("\xe0\x9f\xbf"), false},
        {XG_STR_INIT("\xe0\x80\x80"), false},
        {XG_STR_INIT("\xe0\xa0\x7f"), false},
        {XG_STR_INIT("\xe0\xa0\xc0"), false},
        {XG_STR_INIT("\xed\x9f\xbf"), true},              /* U+D7FF */
        {XG_STR_INIT("\xed\xa0\x80"), false},             /* U+D800 */
        {XG_STR_INIT("\xed\xbf\xbf"), false},             /* U+DFFF */
        {XG_STR_INIT("\xed\xa0\xbd\xed\xb8\x80"), false}, /* a pair of them, as CESU-8 writes U+1F600 */
        {XG_STR_INIT("\xee\x80\x80"), true},              /* U+E000 */
        {XG_STR_INIT("\xef\xbb\xbf"), true},              /* a byte order mark is a character */
        {XG_STR_INIT("\xef\xbf\xbf"), true},              /* U+FFFF */
        {XG_STR_INIT("\xf0\x90\x80\x80"), true},          /* U+10000 */
        {XG_STR_INIT("\xf0\x8f\xbf\xbf"), false},
        {XG_STR_INIT("\xf0\x90\x80"), false},
        {XG_STR_INIT("\xf0\x90\x80\x7f"), false},
        {XG_STR_INIT("\xf0\x90\xc0\x80"), false},
        {XG_STR_INIT("\xf4\x8f\xbf\xbf"), true},  /* U+10FFFF */
        {XG_STR_INIT("\xf4\x90\x80\x80"), false}, /* U+110000 */
        {XG_STR_INIT("\xf5\x80\x80\x80"), false},
        {XG_STR_INIT("\xf8\x88\x80\x80\x80"), false},
        {XG_STR_INIT("\xfc\x84\x80\x80\x80\x80"), false},
        {XG_STR_INIT("\x80"), false},
        {XG_STR_INIT("\xbf"), false},
        {XG_STR_INIT("\xfe"), false},
        {XG_STR_INIT("\xff"), false},
        {XG_STR_INIT("\xc3\xa4\xa4"), false},
        {XG_STR_INIT("\xc3\xc3\xa4"), false},
        {XG_STR_INIT("abc\xc3\xa4xyz"), true},
        {XG_STR_INIT("abc\xc3xyz"), false},
        {XG_STR_INIT("abc\xe4xyz"), false}, /* Latin-1 */
        {XG_STR_INIT("abcxyz\xc3"), false},
    };
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        if (is_right_utf8(ROWS[i].s) != ROWS[i].is_right) {
            fail_msg("row %zu", i);
        }
    }
}

static void test_a_truncated_sequence_is_refused_wherever_it_is_cut(void **state)
{
    static const uint32_t POINTS[] = {0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xffff, 0x10000, 0x10ffff};
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(POINTS); i++) {
        char text[8] = "ab";
        size_t len = encode(POINTS[i], shortest(POINTS[i]), text + 2).len;
        assert_true(is_right_utf8((xg_str){text, 2 + len}));
        for (size_t cut = 1; cut < len; cut++) {
            assert_false(is_right_utf8((xg_str){text, 2 + cut}));
            assert_false(is_right_utf8((xg_str){text + 2, cut}));
        }
        for (size_t start = 1; start < len; start++) { /* and without its head */
            assert_false(is_right_utf8((xg_str){text + 2 + start, len - start}));
        }
    }
}

static void test_every_pair_of_bytes_is_utf8_or_not_as_its_parts_are(void **state)
{
    (void)state;
    for (unsigned a = 0; a < 256; a++) {
        for (unsigned b = 0; b < 256; b++) {
            char text[2] = {(char)a, (char)b};
            bool is_right = (a < 0x80 && b < 0x80) || (a >= 0xc2 && a <= 0xdf && b >= 0x80 && b <= 0xbf);
            assert_int_equal(xg_str_is_utf8((xg_str){text, 2}), is_right);
        }
    }
}

static void test_a_clean_text_has_neither_control_bytes_nor_del_anywhere(void **state)
{
    (void)state;
    for (unsigned c = 0; c < 256; c++) {
        char text[3] = {'a', 'b', 'c'};
        for (size_t at = 0; at < 3; at++) {
            memcpy(text, "abc", 3);
            text[at] = (char)c;
            assert_int_equal(xg_str_is_clean((xg_str){text, 3}), c >= 0x20 && c < 0x7f);
        }
    }
    static const struct {
        xg_str s;
        bool is_clean;
    } ROWS[] = {
        {XG_STR_INIT(""), true},
        {XG_STR_INIT("bl\xc3\xbc-1"), true},
        {XG_STR_INIT("bl\xc3-1"), false},
        {XG_STR_INIT("bl\xc3\xbc\n"), false},
        {XG_STR_INIT("\0bl\xc3\xbc"), false},
        {XG_STR_INIT("bl\xc3\xbc\x7f"), false},
        {XG_STR_INIT("bl\xc0\x80-1"), false},    /* no NUL by the back door */
        {XG_STR_INIT("\xc2\x80\xc2\x9f"), true}, /* C1 is not refused: base.h speaks of C0 */
        {XG_STR_INIT("\xed\xa0\x80"), false},
        {XG_STR_INIT("\xf4\x8f\xbf\xbf"), true},
    };
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        if (xg_str_is_clean(ROWS[i].s) != ROWS[i].is_clean) {
            fail_msg("row %zu", i);
        }
    }
}

/* ---- numbers ---- */

#define REFUSED UINT64_C(0xdeadbeef)

static const struct {
    xg_str s;
    uint64_t max;
    uint64_t value;
} NUMBERS[] = {
    {XG_STR_INIT("0"), UINT64_MAX, 0},
    {XG_STR_INIT("00"), UINT64_MAX, REFUSED},
    {XG_STR_INIT("-0"), UINT64_MAX, REFUSED},
    {XG_STR_INIT("+0"), UINT64_MAX, REFUSED},
    {XG_STR_INIT(""), UINT64_MAX, REFUSED},
    {{NULL, 0}, UINT64_MAX, REFUSED},
    {XG_STR_INIT("7"), UINT64_MAX, 7},
    {XG_STR_INIT("8"), 8, 8},
    {XG_STR_INIT("9"), 8, REFUSED},
    {XG_STR_INIT("1"), 0, REFUSED},
    {XG_STR_INIT("07"), UINT64_MAX, REFUSED},
    {XG_STR_INIT("+7"), UINT64_MAX, REFUSED},
    {XG_STR_INIT("-7"), UINT64_MAX, REFUSED},
    {XG_STR_INIT(" 7"), UINT64_MAX, REFUSED},
    {XG_STR_INIT("7 "), UINT64_MAX, REFUSED},
    {XG_STR_INIT("7\n"), UINT64_MAX, REFUSED},
    {XG_STR_INIT("7\0"), UINT64_MAX, REFUSED},
    {XG_STR_INIT("\0"), UINT64_MAX, REFUSED},
    {XG_STR_INIT("7."), UINT64_MAX, REFUSED},
    {XG_STR_INIT("7e1"), UINT64_MAX, REFUSED},
    {XG_STR_INIT("0x7"), UINT64_MAX, REFUSED},
    {XG_STR_INIT("7_0"), UINT64_MAX, REFUSED},
    {XG_STR_INIT("/"), UINT64_MAX, REFUSED}, /* the neighbours of the digits */
    {XG_STR_INIT(":"), UINT64_MAX, REFUSED},
    {XG_STR_INIT("1/"), UINT64_MAX, REFUSED},
    {XG_STR_INIT("1:"), UINT64_MAX, REFUSED},
    {XG_STR_INIT("\xef\xbc\x97"), UINT64_MAX, REFUSED}, /* FULLWIDTH DIGIT SEVEN */
    {XG_STR_INIT("\xb7"), UINT64_MAX, REFUSED},
    {XG_STR_INIT("18446744073709551615"), UINT64_MAX, UINT64_MAX},
    {XG_STR_INIT("18446744073709551616"), UINT64_MAX, REFUSED},
    {XG_STR_INIT("18446744073709551620"), UINT64_MAX, REFUSED},
    {XG_STR_INIT("18446744073709551625"), UINT64_MAX, REFUSED},
    {XG_STR_INIT("28446744073709551615"), UINT64_MAX, REFUSED},
    {XG_STR_INIT("184467440737095516150"), UINT64_MAX, REFUSED},
    {XG_STR_INIT("018446744073709551615"), UINT64_MAX, REFUSED},
    {XG_STR_INIT("18446744073709551615"), UINT64_MAX - 1, REFUSED},
    {XG_STR_INIT("18446744073709551614"), UINT64_MAX - 1, UINT64_MAX - 1},
    {XG_STR_INIT("9223372036854775807"), INT64_MAX, INT64_MAX},
    {XG_STR_INIT("9223372036854775808"), INT64_MAX, REFUSED},
    {XG_STR_INIT("4294967295"), UINT32_MAX, UINT32_MAX},
    {XG_STR_INIT("4294967296"), UINT32_MAX, REFUSED},
    {XG_STR_INIT("4294967300"), UINT32_MAX, REFUSED},
    {XG_STR_INIT("42949672950"), UINT32_MAX, REFUSED},
    {XG_STR_INIT("0"), 0, 0},
    {XG_STR_INIT("9"), 9, 9},
    {XG_STR_INIT("10"), 9, REFUSED},
    {XG_STR_INIT("10"), 10, 10},
    {XG_STR_INIT("11"), 10, REFUSED},
    {XG_STR_INIT("100"), 10, REFUSED},
};

static void test_a_number_is_digits_without_a_leading_zero_up_to_max(void **state)
{
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(NUMBERS); i++) {
        uint64_t value = 1;
        bool is_right = xg_str_to_u64(NUMBERS[i].s, NUMBERS[i].max, &value);
        if (is_right != (NUMBERS[i].value != REFUSED) || (is_right && value != NUMBERS[i].value)) {
            fail_msg("row %zu: %d", i, is_right);
        }
    }
}

static void test_max_is_a_bound_for_every_number_near_it(void **state)
{
    (void)state;
    for (uint64_t max = 0; max < 130; max++) {
        for (uint64_t number = 0; number < 1300; number++) {
            char text[8] = {0};
            size_t at = sizeof(text);
            uint64_t rest = number, value = 0;
            do {
                text[--at] = (char)('0' + rest % 10);
                rest /= 10;
            } while (rest > 0);
            bool is_right = xg_str_to_u64((xg_str){text + at, sizeof(text) - at}, max, &value);
            assert_int_equal(is_right, number <= max);
            assert_true(!is_right || value == number);
        }
    }
}

/* Every byte at every place of texts up to 20 bytes, against the plainest way to say it. */
static void test_plain_bytes_are_counted_up_to_the_first_other(void **state)
{
    static const char EXCEPTED[] = {' ', '\\', 0x7f};
    (void)state;
    for (size_t len = 0; len <= 20; len++) {
        for (size_t at = 0; at < len; at++) {
            for (unsigned byte = 0; byte < 256; byte++) {
                char text[20];
                memset(text, 'a', sizeof(text));
                text[at] = (char)byte;
                for (size_t e = 0; e < XG_ARRAY_LEN(EXCEPTED); e++) {
                    unsigned except = (unsigned char)EXCEPTED[e];
                    bool is_plain = byte >= 0x20 && byte < 0x80 && byte != except;
                    assert_int_equal(xg_str_count_plain((xg_str){text, len}, (char)except), is_plain ? len : at);
                }
                assert_int_equal(xg_str_count_plain((xg_str){text, len}, 'a'),
                                 at == 0 && byte >= 0x20 && byte < 0x80 && byte != 'a' ? 1 : 0);
            }
        }
    }
    assert_int_equal(xg_str_count_plain((xg_str){NULL, 0}, 'a'), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_slice_of_a_c_string_ends_at_its_nul),
        cmocka_unit_test(test_slices_are_equal_in_all_bytes_or_not_at_all),
        cmocka_unit_test(test_the_order_is_that_of_unsigned_bytes_and_a_prefix_comes_first),
        cmocka_unit_test(test_starts_with_compares_the_whole_prefix),
        cmocka_unit_test(test_skip_takes_bytes_off_the_front),
        cmocka_unit_test(test_every_code_point_but_the_surrogates_has_one_encoding),
        cmocka_unit_test(test_utf8_row_by_row),
        cmocka_unit_test(test_a_truncated_sequence_is_refused_wherever_it_is_cut),
        cmocka_unit_test(test_every_pair_of_bytes_is_utf8_or_not_as_its_parts_are),
        cmocka_unit_test(test_a_clean_text_has_neither_control_bytes_nor_del_anywhere),
        cmocka_unit_test(test_a_number_is_digits_without_a_leading_zero_up_to_max),
        cmocka_unit_test(test_max_is_a_bound_for_every_number_near_it),
        cmocka_unit_test(test_plain_bytes_are_counted_up_to_the_first_other),
    };
    return cmocka_run_group_tests_name("str", tests, NULL, NULL);
}
