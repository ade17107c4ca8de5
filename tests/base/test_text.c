/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_text.c: a text never leaves its storage, is always terminated, says when it was cut, and lets no byte of others
 * through unescaped.
 *
 * Storage is memory of exactly the capacity, for the sanitizers and valgrind. One thread.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "xdsgate/base.h"

static xg_text text_new(size_t cap)
{
    xg_text text;
    char *storage = malloc(cap == 0 ? 1 : cap);
    assert_non_null(storage);
    memset(storage, '#', cap == 0 ? 1 : cap);
    xg_text_init(&text, storage, cap);
    return text;
}

/* What holds after every call. */
static void check_invariants(const xg_text *text)
{
    if (text->cap == 0) {
        assert_int_equal(text->len, 0);
        return;
    }
    assert_true(text->len < text->cap);
    assert_int_equal(text->ptr[text->len], '\0');
}

static void test_an_empty_text_is_terminated(void **state)
{
    (void)state;
    for (size_t cap = 1; cap < 4; cap++) {
        xg_text text = text_new(cap);
        check_invariants(&text);
        assert_int_equal(text.len, 0);
        assert_int_equal(text.cap, cap);
        assert_false(text.is_cut);
        free(text.ptr);
    }
}

static void test_capacity_0_stores_nothing_and_says_so(void **state)
{
    char canary = '#';
    xg_text texts[2];
    (void)state;
    xg_text_init(&texts[0], &canary, 0);
    xg_text_init(&texts[1], NULL, 100); /* no storage has no capacity */
    for (size_t i = 0; i < 2; i++) {
        xg_text *text = &texts[i];
        assert_int_equal(text->cap, 0);
        xg_text_add(text, XG_STR(""));
        xg_text_printf(text, "%s", "");
        assert_false(text->is_cut); /* nothing was to be stored */
        xg_text_add(text, XG_STR("a"));
        assert_true(text->is_cut);
        xg_text_printf(text, "%d", 1);
        xg_text_quote(text, XG_STR("a"), 10);
        xg_text_quote(text, XG_STR("abcdefghijklmnopqrstuvwxyz"), 10);
        check_invariants(text);
    }
    assert_int_equal(canary, '#');
}

static void test_what_fits_exactly_is_not_cut_and_one_more_is(void **state)
{
    (void)state;
    for (size_t len = 0; len < 12; len++) {
        for (size_t cap = 1; cap < 16; cap++) {
            xg_text text = text_new(cap);
            xg_text_add(&text, (xg_str){"abcdefghijkl", len});
            check_invariants(&text);
            assert_int_equal(text.is_cut, len > cap - 1);
            assert_int_equal(text.len, len > cap - 1 ? cap - 1 : len);
            assert_memory_equal(text.ptr, "abcdefghijkl", text.len);
            free(text.ptr);
        }
    }
}

static void test_adding_goes_on_where_it_ended_and_a_cut_stays_known(void **state)
{
    xg_text text = text_new(8);
    (void)state;
    xg_text_add(&text, XG_STR("ab"));
    xg_text_printf(&text, "%d", 42);
    xg_text_add(&text, (xg_str){NULL, 0});
    xg_text_add(&text, XG_STR("xy"));
    assert_string_equal(text.ptr, "ab42xy");
    assert_false(text.is_cut);
    xg_text_printf(&text, "%s", "123");
    assert_string_equal(text.ptr, "ab42xy1");
    assert_true(text.is_cut);
    xg_text_add(&text, XG_STR(""));
    xg_text_printf(&text, "%s", "");
    xg_text_add(&text, XG_STR("z"));
    assert_string_equal(text.ptr, "ab42xy1");
    assert_true(text.is_cut);
    free(text.ptr);
}

static void test_add_takes_bytes_as_they_are(void **state)
{
    xg_text text = text_new(16);
    (void)state;
    xg_text_add(&text, XG_STR("a\0'\\\n\xff"));
    assert_int_equal(text.len, 6);
    assert_memory_equal(text.ptr, "a\0'\\\n\xff", 7);
    free(text.ptr);
}

static void test_printf_is_bounded_in_itself_and_by_the_text(void **state)
{
    static const struct {
        int width;
        size_t cap;
        size_t len;
        bool is_cut;
    } ROWS[] = {
        {1000, 2000, 1000, false}, {1023, 2000, 1023, false}, {1024, 2000, 1023, true}, {5000, 2000, 1023, true},
        {1023, 1024, 1023, false}, {1023, 1023, 1022, true},  {5, 6, 5, false},         {6, 6, 5, true},
        {5, 1, 0, true},           {1024, 1024, 1023, true},
    };
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        xg_text text = text_new(ROWS[i].cap);
        xg_text_printf(&text, "%*d", ROWS[i].width, 7);
        check_invariants(&text);
        if (text.len != ROWS[i].len || text.is_cut != ROWS[i].is_cut) {
            fail_msg("row %zu: %zu, %d", i, text.len, text.is_cut);
        }
        free(text.ptr);
    }
}

/* ---- quoting ---- */

static void test_quote_escapes_all_but_printable_ascii_without_quote_and_backslash(void **state)
{
    (void)state;
    for (unsigned c = 0; c < 256; c++) {
        char expected[16];
        char byte = (char)c;
        xg_text text = text_new(16);
        if (c >= ' ' && c <= '~' && c != '\'' && c != '\\') {
            (void)snprintf(expected, sizeof(expected), "'%c'", (int)c);
        } else {
            (void)snprintf(expected, sizeof(expected), "'\\x%02x'", c);
        }
        xg_text_quote(&text, (xg_str){&byte, 1}, 4);
        assert_string_equal(text.ptr, expected);
        assert_false(text.is_cut);
        free(text.ptr);
    }
}

static void test_quote_row_by_row(void **state)
{
    static const struct {
        xg_str s;
        size_t max_len;
        const char *quoted;
    } ROWS[] = {
        {XG_STR_INIT(""), 20, "''"},
        {{NULL, 0}, 20, "''"},
        {{NULL, 0}, 0, "''"},
        {XG_STR_INIT("web-1"), 20, "'web-1'"},
        {XG_STR_INIT("web-1"), 5, "'web-1'"},
        {XG_STR_INIT("it's"), 20, "'it\\x27s'"},
        {XG_STR_INIT("a\\x27b"), 20, "'a\\x5cx27b'"}, /* what looks escaped is not what was escaped */
        {XG_STR_INIT("a\0b"), 20, "'a\\x00b'"},
        {XG_STR_INIT("a\r\nb"), 20, "'a\\x0d\\x0ab'"},
        {XG_STR_INIT("\x1b[31m"), 20, "'\\x1b[31m'"},
        {XG_STR_INIT("bl\xc3\xbc"), 20, "'bl\\xc3\\xbc'"},
        {XG_STR_INIT("%s%n"), 20, "'%s%n'"},
        {XG_STR_INIT("abcdefghijklmnopqrst"), 20, "'abcdefghijklmnopqrst'"},
        {XG_STR_INIT("abcdefghijklmnopqrstu"), 20, "'abcdefgh...nopqrstu'"},
        {XG_STR_INIT("abcdefghijklmnopqrstu"), 21, "'abcdefghijklmnopqrstu'"},
        {XG_STR_INIT("abcdefghijklmnopqrstuv"), 21, "'abcdefghi...nopqrstuv'"},
        {XG_STR_INIT("ab\n\n\n\n\n\nyz"), 20, "'ab\\x0a...\\x0ayz'"},
        {XG_STR_INIT("\0\0\0\0\0\0"), 20, "'\\x00\\x00...\\x00\\x00'"},
        {XG_STR_INIT("\0\0\0\0\0\0"), 24, "'\\x00\\x00\\x00\\x00\\x00\\x00'"},
        {XG_STR_INIT("\0\0\0\0\0\0"), 11, "'\\x00...\\x00'"},
        {XG_STR_INIT("abcdefghijklmnopqrstu"), 5, "'a...u'"},
    };
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        xg_text text = text_new(64);
        xg_text_quote(&text, ROWS[i].s, ROWS[i].max_len);
        if (strcmp(text.ptr, ROWS[i].quoted) != 0) {
            fail_msg("row %zu: %s", i, text.ptr);
        }
        assert_int_equal(text.len, strlen(ROWS[i].quoted));
        free(text.ptr);
    }
}

/* The number of characters that a byte takes in a quote. */
static size_t width_of(char c)
{
    return c == '\n' ? 4 : 1;
}

/* The whole text if it fits; else it is shortened, no longer than max_len, and both ends are those of s. */
static void check_quote(xg_str s, size_t max_len)
{
    size_t width = 0;
    xg_text text = text_new(256);
    for (size_t i = 0; i < s.len; i++) {
        width += width_of(s.ptr[i]);
    }
    xg_text_quote(&text, s, max_len);
    assert_false(text.is_cut);
    assert_true(text.ptr[0] == '\'' && text.ptr[text.len - 1] == '\'');
    const char *gap = strstr(text.ptr, "...");
    assert_int_equal(gap != NULL, width > max_len);
    if (gap == NULL) {
        assert_int_equal(text.len, width + 2);
    } else {
        const char *head = s.ptr[0] == '\n' ? "\\x0a" : "x";
        const char *tail = s.ptr[s.len - 1] == '\n' ? "\\x0a" : "x";
        assert_in_range(text.len, 5 + 2, max_len + 2);
        assert_memory_equal(text.ptr + 1, head, strlen(head));
        assert_memory_equal(text.ptr + text.len - 1 - strlen(tail), tail, strlen(tail));
        assert_true(gap > text.ptr + 1 && gap + 3 < text.ptr + text.len - 1);
    }
    free(text.ptr);
}

static void test_a_long_quote_keeps_both_ends_and_its_bound(void **state)
{
    (void)state;
    for (size_t len = 1; len <= 11; len++) {
        for (unsigned pattern = 0; pattern < 1U << len; pattern++) { /* each byte plain or to be escaped */
            char bytes[16];
            for (size_t i = 0; i < len; i++) {
                bytes[i] = (pattern >> i & 1) != 0 ? '\n' : 'x';
            }
            check_quote((xg_str){bytes, len}, 11); /* from here on both ends fit even when escaped */
            check_quote((xg_str){bytes, len}, 12);
            check_quote((xg_str){bytes, len}, 19);
        }
    }
}

static void test_a_quote_that_the_text_cuts_stays_terminated(void **state)
{
    (void)state;
    for (size_t cap = 1; cap <= 16; cap++) {
        xg_text text = text_new(cap);
        xg_text_quote(&text, XG_STR("a\nb'c"), 100); /* 'a\x0ab\x27c' */
        check_invariants(&text);
        assert_int_equal(text.is_cut, cap < 14);
        assert_memory_equal(text.ptr, "'a\\x0ab\\x27c'", text.len);
        free(text.ptr);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_empty_text_is_terminated),
        cmocka_unit_test(test_capacity_0_stores_nothing_and_says_so),
        cmocka_unit_test(test_what_fits_exactly_is_not_cut_and_one_more_is),
        cmocka_unit_test(test_adding_goes_on_where_it_ended_and_a_cut_stays_known),
        cmocka_unit_test(test_add_takes_bytes_as_they_are),
        cmocka_unit_test(test_printf_is_bounded_in_itself_and_by_the_text),
        cmocka_unit_test(test_quote_escapes_all_but_printable_ascii_without_quote_and_backslash),
        cmocka_unit_test(test_quote_row_by_row),
        cmocka_unit_test(test_a_long_quote_keeps_both_ends_and_its_bound),
        cmocka_unit_test(test_a_quote_that_the_text_cuts_stays_terminated),
    };
    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
