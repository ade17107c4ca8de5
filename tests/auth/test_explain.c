/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_explain.c: the operator's sentence for every reason of reasons.def: whole, printable, with every brace filled,
 * and with no byte of token or proxy unescaped, whatever they hold. One thread.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "xdsgate/auth.h"

static const struct {
    uint32_t number;
    const char *text;
    const char *help;
} REASONS[] = {
#define XG_REASON(number, NAME, name, grpc, text, help) {number, text, help},
#include "reasons.def"
#undef XG_REASON
};

/* As large as what it is for. */
typedef struct sentence {
    char bytes[sizeof(((xg_decision *)NULL)->text)];
    xg_text text;
} sentence;

static void explain(uint32_t reason, xg_str token, xg_str proxy, xg_str field, xg_str mesh, xg_str kid, sentence *ret)
{
    const xg_finding finding = {.field = field, .token = token, .proxy = proxy};
    xg_text_init(&ret->text, ret->bytes, sizeof(ret->bytes));
    xg_explain(reason, &finding, mesh, kid, &ret->text);
}

static void explain_all(uint32_t reason, xg_str value, sentence *ret)
{
    explain(reason, value, value, value, value, value, ret);
}

static void assert_printable(const sentence *s)
{
    assert_int_equal(strlen(s->bytes), s->text.len);
    for (size_t i = 0; i < s->text.len; i++) {
        assert_in_range(s->bytes[i], 0x20, 0x7e);
    }
}

static size_t count_of(const char *text, const char *what)
{
    size_t count = 0;
    for (const char *at = strstr(text, what); at != NULL; at = strstr(at + strlen(what), what)) {
        count++;
    }
    return count;
}

/* ---- every reason ---- */

static void test_every_brace_is_filled_with_its_own_value(void **state)
{
    static const struct {
        const char *brace;
        const char *shown;
    } SLOTS[] = {
        {"{token}", "'T-1'"}, {"{proxy}", "'P-2'"}, {"{field}", "'F-3'"}, {"{mesh}", "'M-4'"}, {"{kid}", "'K-5'"}};
    size_t num_braces = 0;
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(REASONS); i++) {
        sentence s;
        size_t len = strlen(REASONS[i].text) + (REASONS[i].help[0] == '\0' ? 0 : 1 + strlen(REASONS[i].help));
        explain(REASONS[i].number, XG_STR("T-1"), XG_STR("P-2"), XG_STR("F-3"), XG_STR("M-4"), XG_STR("K-5"), &s);
        assert_null(strpbrk(s.bytes, "{}"));
        for (size_t k = 0; k < XG_ARRAY_LEN(SLOTS); k++) {
            size_t count = count_of(REASONS[i].text, SLOTS[k].brace) + count_of(REASONS[i].help, SLOTS[k].brace);
            assert_int_equal(count_of(s.bytes, SLOTS[k].shown), count);
            len += count * strlen(SLOTS[k].shown) - count * strlen(SLOTS[k].brace);
            num_braces += count;
        }
        assert_int_equal(s.text.len, len); /* and nothing else was lost or added */
        assert_false(s.text.is_cut);
    }
    assert_in_range(num_braces, 20, 200);
}

/* What a token or a proxy may hold, as often as it takes to be cut. */
static const xg_str HOSTILE[] = {
    XG_STR_INIT("\xff"),         XG_STR_INIT("\0"),         XG_STR_INIT("'"),
    XG_STR_INIT("\\"),           XG_STR_INIT("\n"),         XG_STR_INIT("\x1b[31m"),
    XG_STR_INIT("%s%n"),         XG_STR_INIT("\xc3\xa9"),   XG_STR_INIT("x"),
    XG_STR_INIT("\x7f\x80x"),    XG_STR_INIT("' is ok. '"), XG_STR_INIT("\r\n"),
    XG_STR_INIT("\xe2\x80\xae"), /* right to left */
};

static size_t repeat(xg_str piece, char *out, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        out[i] = piece.ptr[i % piece.len];
    }
    return len;
}

static void check_hostile(xg_str value)
{
    for (size_t i = 0; i < XG_ARRAY_LEN(REASONS); i++) {
        sentence s;
        explain_all(REASONS[i].number, value, &s);
        assert_printable(&s);
        if (s.text.is_cut) {
            fail_msg("reason %u with %zu bytes from %02x: cut to <%s>", REASONS[i].number, value.len,
                     (unsigned char)value.ptr[0], s.bytes);
        }
    }
}

static void test_every_sentence_fits_whole_and_printable_whatever_the_values(void **state)
{
    static const size_t LENGTHS[] = {1, 2, 14, 15, 16, 17, 28, 29, 57, 58, 59, 60, 61, 62, 63, 127, 253, 511, 1024};
    char value[1024] = "";
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(HOSTILE); i++) {
        for (size_t k = 0; k < XG_ARRAY_LEN(LENGTHS); k++) {
            check_hostile((xg_str){value, repeat(HOSTILE[i], value, LENGTHS[k])});
        }
    }
    check_hostile((xg_str){"", 0});
}

static void test_sentences_without_braces_do_not_depend_on_values(void **state)
{
    size_t num_constant = 0;
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(REASONS); i++) {
        sentence one, other;
        explain_all(REASONS[i].number, XG_STR("a"), &one);
        explain_all(REASONS[i].number, XG_STR("b"), &other);
        bool is_constant = strchr(REASONS[i].text, '{') == NULL && strchr(REASONS[i].help, '{') == NULL;
        assert_int_equal(strcmp(one.bytes, other.bytes) == 0, is_constant);
        num_constant += is_constant;
    }
    assert_in_range(num_constant, 20, XG_ARRAY_LEN(REASONS) - 20);
}

/* ---- single sentences ---- */

static void test_sentences_say_what_is_wrong_and_then_what_to_do(void **state)
{
    static const struct {
        uint32_t reason;
        const char *sentence;
    } ROWS[] = {
        {XG_REASON_OK, "Allowed."},
        {XG_REASON_CREDENTIAL_EMPTY, "No token was presented. Give the proxy its token file and restart it."},
        {XG_REASON_CLAIMS_TYPE, "Claim 'F' has the wrong type or an invalid value. Mint a new token."},
        {XG_REASON_MESH_UNKNOWN, "Mesh 'M' not found. Create the mesh and its keys in the store; the proxy may retry."},
        {XG_REASON_KEY_UNKNOWN,
         "The token is signed with key 'K', which this mesh or zone does not have. If the key was "
         "rotated, mint a new token with a current key."},
        {XG_REASON_EXPIRED, "The token expired at 'T'; it is 'P'. Mint a new token."},
        {XG_REASON_BINDING_NAME,
         "Name: the token is for 'T', the proxy is 'P'. Mint a token for this name, or start the "
         "proxy with its own token."},
        {XG_REASON_BINDING_TAG_VALUE, "Tag 'F': the token allows 'T', the proxy has 'P'. Mint a token that allows the "
                                      "value, or correct the Dataplane."},
        {XG_REASON_BINDING_TYPE,
         "Type: the token is for 'T', a Dataplane needs '' or 'dataplane'. Mint a dataplane token."},
        {XG_REASON_INTERNAL, "The decision was not completed. See the log; report it if it happens again."},
    };
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        sentence s;
        explain(ROWS[i].reason, XG_STR("T"), XG_STR("P"), XG_STR("F"), XG_STR("M"), XG_STR("K"), &s);
        assert_string_equal(s.bytes, ROWS[i].sentence);
    }
}

static void test_values_are_quoted_escaped_and_shortened_in_the_middle(void **state)
{
    static const struct {
        xg_str token;
        const char *shown;
    } ROWS[] = {
        {XG_STR_INIT(""), "''"},
        {{NULL, 0}, "''"},
        {XG_STR_INIT("web-1"), "'web-1'"},
        {XG_STR_INIT(" "), "' '"},
        {XG_STR_INIT("a'b\\c"), "'a\\x27b\\x5cc'"},
        {XG_STR_INIT("a\nb"), "'a\\x0ab'"},
        {XG_STR_INIT("a\0b"), "'a\\x00b'"},
        {XG_STR_INIT("\x7f\xc3\xa9\xff"), "'\\x7f\\xc3\\xa9\\xff'"},
        {XG_STR_INIT("{proxy}"), "'{proxy}'"}, /* a value is no template */
        {XG_STR_INIT("{token}{kid}"), "'{token}{kid}'"},
        {XG_STR_INIT("%s%n"), "'%s%n'"},
        {XG_STR_INIT("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"),
         "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbbbbbbbbbbbbbbb'"}, /* 60 */
        {XG_STR_INIT("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaacbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"),
         "'aaaaaaaaaaaaaaaaaaaaaaaaaaaa...bbbbbbbbbbbbbbbbbbbbbbbbbbbb'"}, /* 61 */
    };
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        char expected[256];
        sentence s;
        explain(XG_REASON_REVOKED_NAME, ROWS[i].token, XG_STR("P"), XG_STR("F"), XG_STR("M"), XG_STR("K"), &s);
        (void)snprintf(expected, sizeof(expected),
                       "All tokens for the name %s are revoked (@name). Remove the rule, or use another name.",
                       ROWS[i].shown);
        assert_string_equal(s.bytes, expected);
    }
}

static void test_an_unknown_number_is_explained_as_internal(void **state)
{
    static const uint32_t NUMBERS[] = {1, 99, 114, 899, 904, 1000, 0x80000000, UINT32_MAX};
    sentence internal;
    (void)state;
    explain_all(XG_REASON_INTERNAL, XG_STR("x"), &internal);
    for (size_t i = 0; i < XG_ARRAY_LEN(NUMBERS); i++) {
        sentence s;
        explain_all(NUMBERS[i], XG_STR("x"), &s);
        assert_string_equal(s.bytes, internal.bytes);
    }
}

static void test_a_small_buffer_is_filled_and_says_so(void **state)
{
    const xg_finding finding = {.token = XG_STR("T"), .proxy = XG_STR("P")};
    static const char WHOLE[] = "The token expired at 'T'; it is 'P'. Mint a new token.";
    (void)state;
    for (size_t cap = 0; cap <= sizeof(WHOLE) + 1; cap++) {
        char *storage = malloc(cap > 0 ? cap : 1);
        xg_text text;
        assert_non_null(storage);
        xg_text_init(&text, storage, cap);
        xg_explain(XG_REASON_EXPIRED, &finding, XG_STR("M"), XG_STR("K"), &text);
        assert_int_equal(text.is_cut, cap < sizeof(WHOLE));
        assert_int_equal(text.len, cap == 0 ? 0 : cap < sizeof(WHOLE) ? cap - 1 : sizeof(WHOLE) - 1);
        assert_memory_equal(storage, WHOLE, text.len);
        assert_true(cap == 0 || storage[text.len] == '\0');
        free(storage);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_brace_is_filled_with_its_own_value),
        cmocka_unit_test(test_every_sentence_fits_whole_and_printable_whatever_the_values),
        cmocka_unit_test(test_sentences_without_braces_do_not_depend_on_values),
        cmocka_unit_test(test_sentences_say_what_is_wrong_and_then_what_to_do),
        cmocka_unit_test(test_values_are_quoted_escaped_and_shortened_in_the_middle),
        cmocka_unit_test(test_an_unknown_number_is_explained_as_internal),
        cmocka_unit_test(test_a_small_buffer_is_filled_and_says_so),
    };
    return cmocka_run_group_tests_name("explain", tests, NULL, NULL);
}
