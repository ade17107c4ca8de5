/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_json.c: which texts are one JSON object, where a refused one went wrong, and the walk over what was accepted.
 *
 * Tables of one accepted text and its neighbours, which differ by one edit and are refused; then the same question put
 * to jansson for mutated texts. Texts are checked in memory of exactly their length, so that a sanitizer or valgrind
 * sees every byte read beyond it. One thread.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "xdsgate/base.h"

#define S(text) XG_STR_INIT(text)
#define V(text) S("{\"a\":" text "}") /* a value */
#define T(text) V("\"" text "\"")     /* the inside of a string */

static const xg_json_limits WIDE = {.depth = 8, .members = XG_JSON_MEMBERS_MAX};

/* ---- one text, one verdict ---- */

static const char *show(xg_str s)
{
    static char storage[1024];
    xg_text text;
    xg_text_init(&text, storage, sizeof(storage));
    xg_text_quote(&text, s, 400);
    return storage;
}

static char *copy_exactly(xg_str s)
{
    char *copy = malloc(s.len > 0 ? s.len : 1);
    assert_non_null(copy);
    if (s.len > 0) {
        memcpy(copy, s.ptr, s.len);
    }
    return copy;
}

/* The same piece of the same text. */
static bool is_piece(xg_json a, xg_json b)
{
    return a.kind == b.kind && a.raw.ptr == b.raw.ptr && a.raw.len == b.raw.len;
}

/* The verdict, with all that must hold whatever it is. complaint may be NULL. */
static bool is_accepted(xg_str s, xg_json_limits limits, char *complaint, size_t cap)
{
    const xg_json unset = {XG_JSON_NULL, {"unset", 5}};
    xg_json object = unset, again = unset;
    xg_text text;
    char *copy = copy_exactly(s);
    xg_text_init(&text, complaint, cap);
    uint32_t code =
        xg_result_reason(xg_json_check_object((xg_str){copy, s.len}, limits, XG_REASON_CLAIMS_JSON, &object, &text));
    uint32_t other_code =
        xg_result_reason(xg_json_check_object((xg_str){copy, s.len}, limits, XG_REASON_HEADER_JSON, &again, NULL));
    if (code == XG_REASON_OK) {
        assert_int_equal(other_code, XG_REASON_OK);
        assert_int_equal(object.kind, XG_JSON_OBJECT);
        assert_true(object.raw.ptr > copy && object.raw.len < s.len - 1);
        assert_true(object.raw.ptr[-1] == '{' && object.raw.ptr[object.raw.len] == '}');
        assert_true(is_piece(again, object));
        assert_int_equal(text.len, 0);
    } else {
        assert_int_equal(code, XG_REASON_CLAIMS_JSON);
        assert_int_equal(other_code, XG_REASON_HEADER_JSON);
        assert_true(is_piece(object, unset));
        assert_true(is_piece(again, unset));
        assert_true(text.len > 0 || complaint == NULL);
    }
    free(copy);
    return code == XG_REASON_OK;
}

static void assert_verdict(xg_str s, xg_json_limits limits, bool expected)
{
    if (is_accepted(s, limits, NULL, 0) != expected) {
        fail_msg("%s: expected to be %s", show(s), expected ? "accepted" : "refused");
    }
}

/* One accepted text, and texts that differ from it by one edit and are refused. */
typedef struct family {
    xg_str good;
    xg_str bad[10];
} family;

static void check_families(const family *families, size_t num_families, xg_json_limits limits)
{
    for (size_t i = 0; i < num_families; i++) {
        size_t num_bad = 0;
        assert_verdict(families[i].good, limits, true);
        while (num_bad < XG_ARRAY_LEN(families[i].bad) && families[i].bad[num_bad].ptr != NULL) {
            assert_verdict(families[i].bad[num_bad], limits, false);
            num_bad++;
        }
        assert_in_range(num_bad, 3, XG_ARRAY_LEN(families[i].bad));
    }
}

#define CHECK_FAMILIES(table, limits) check_families(table, XG_ARRAY_LEN(table), limits)

/* ---- the grammar ---- */

static void test_the_text_is_one_object_and_nothing_else(void **state)
{
    static const family ROWS[] = {
        {S("{}"), {S(""), S("{"), S("}"), S("{}}"), S("{{}"), S("{}{}"), S("{},"), S("[]"), S("{]")}},
        {S("{} "), {S("{}\0"), S("{}x"), S("{}\x1a"), S("{}\f"), S("{}/"), S("{}#"), S("{};"), S("{}0"), S("{}\"")}},
        {S(" {}"), {S("\f{}"), S("\v{}"), S("\0{}"), S("\x85{}"), S("x{}"), S(",{}"), S(":{}"), S("\"{}"), S("({}")}},
        {S("{}\n"), {S("{}\n{}"), S("{}\n[]"), S("{}\nnull"), S("{}\n,"), S("{}\n1"), S("{}\n\"\""), S("{}\n//")}},
        {S("{\"a\":1}"),
         {S("\xef\xbb\xbf{\"a\":1}"), S("\xef\xbb{\"a\":1}"), S("\xff\xfe{\"a\":1}"), S("[{\"a\":1}]"),
          S("({\"a\":1})"), S("({\"a\":1}"), S("\"a\":1"), S("<{\"a\":1}"), S("{\"a\":1}\0")}},
        {S("{\"a\":{}}"), {S("[\"a\",{}]"), S("[{}]"), S("\"a\""), S("5"), S("true"), S("null"), S("{\"a\":{}")}},
    };
    (void)state;
    CHECK_FAMILIES(ROWS, WIDE);
    assert_verdict((xg_str){NULL, 0}, WIDE, false);
}

static void test_members_are_strings_colons_values_and_single_commas(void **state)
{
    static const family ROWS[] = {
        {S("{\"a\":1}"),
         {S("{\"a\" 1}"), S("{\"a\":}"), S("{\"a\"}"), S("{:1}"), S("{\"a\"::1}"), S("{\"a\":1,}"), S("{,\"a\":1}"),
          S("{\"a\",1}"), S("{\"a\":1]"), S("{\"a\":1")}},
        {S("{\"a\":1}"),
         {S("{a:1}"), S("{'a':1}"), S("{\"a:1}"), S("{a\":1}"), S("{1:1}"), S("{null:1}"), S("{[\"a\"]:1}"),
          S("{\"a\"=1}"), S("{\"a\":1;}"), S("{\"a\":1 2}")}},
        {S("{\"a\":1,\"b\":2}"),
         {S("{\"a\":1 \"b\":2}"), S("{\"a\":1,,\"b\":2}"), S("{\"a\":1,\"b\"}"), S("{\"a\":1,\"b\":}"),
          S("{\"a\":1:\"b\":2}"), S("{\"a\":1,\"b\":2,}"), S("{\"a\":1;\"b\":2}"), S("{\"a\":1,2}"),
          S("{\"a\":1}\"b\":2}"), S("{\"a\":1,\"b\":2,,,}")}},
        {S("{\"\":1}"), {S("{:1}"), S("{\":1}"), S("{\"\"1}"), S("{'':1}")}},
        {S("{\"a\":{\"b\":1}}"),
         {S("{\"a\":{\"b\":1}"), S("{\"a\":\"b\":1}"), S("{\"a\":{\"b\":1}}}"), S("{\"a\":{\"b\":1]}"),
          S("{\"a\":{\"b\":1,}}"), S("{\"a\":{b\":1}}"), S("{\"a\"{\"b\":1}}"), S("{{\"b\":1}}")}},
    };
    (void)state;
    CHECK_FAMILIES(ROWS, WIDE);
}

static void test_arrays_are_values_and_single_commas(void **state)
{
    static const family ROWS[] = {
        {V("[]"), {V("["), V("]"), V("[}"), V("[]]"), V("[[]"), V("[,]"), V("()"), V("[:]"), V("{]"), V("[")}},
        {V("[1,2]"),
         {V("[1 2]"), V("[1,,2]"), V("[,1,2]"), V("[1,2,]"), V("[1;2]"), V("[1,2}"), V("[1,2"), V("1,2]"), V("[1:2]"),
          V("(1,2)")}},
        {V("[[1],{}]"),
         {V("[[1]{}]"), V("[[1],{]"), V("[[1],}]"), V("[[1,{}]"), V("[1],{}]"), V("[[1],{}"), V("[[1],{},]")}},
        {V("[\"a\"]"), {V("[\"a\":1]"), V("[a]"), V("['a']"), V("[\"a]"), V("[a\"]"), V("[\"a\"\"\"]"), V("[*]")}},
    };
    (void)state;
    CHECK_FAMILIES(ROWS, WIDE);
}

static void test_literals_are_three_words_in_lower_case(void **state)
{
    static const family ROWS[] = {
        {V("true"),
         {V("True"), V("TRUE"), V("tru"), V("truee"), V("ttrue"), V("trUe"), V("t"), V("yes"), V("t rue"),
          V("\"true")}},
        {V("false"),
         {V("False"), V("FALSE"), V("fals"), V("falsee"), V("falsx"), V("no"), V("f"), V("false true"), V("-false")}},
        {V("null"),
         {V("Null"), V("NULL"), V("nul"), V("nullx"), V("nil"), V("None"), V("undefined"), V("n"), V("null null")}},
        {V("1"),
         {V("NaN"), V("nan"), V("-NaN"), V("Infinity"), V("-Infinity"), V("inf"), V("Inf"), V("1/2"), V("1+2")}},
    };
    (void)state;
    CHECK_FAMILIES(ROWS, WIDE);
}

static void test_comments_are_refused_wherever_they_stand(void **state)
{
    static const family ROWS[] = {
        {S("{ \"a\" : 1 } "),
         {S("{/**/ \"a\" : 1 } "), S("{ \"a\"/**/ : 1 } "), S("{ \"a\" :/**/ 1 } "), S("{ \"a\" : 1/**/ } "),
          S("{ \"a\" : 1 }/**/ "), S("/**/{ \"a\" : 1 } "), S("{ \"a\" : 1 /} "), S("{ \"a\" : 1 <!---->} ")}},
        {S("\n{\n\"a\":\n1\n}\n"),
         {S("//\n{\n\"a\":\n1\n}\n"), S("\n{//\n\"a\":\n1\n}\n"), S("\n{\n\"a\"://\n1\n}\n"),
          S("\n{\n\"a\":\n1//\n}\n"), S("\n{\n\"a\":\n1\n}//\n"), S("#\n{\n\"a\":\n1\n}\n"), S("\n{\n\"a\":#\n1\n}\n"),
          S("\n{\n\"a\":\n1\n}#\n")}},
        {T("/**/ // #"), {T("/**/ // \t"), V("/**/\"//\""), V("\"/**/\"//"), V("\"/**/\"#")}},
    };
    (void)state;
    CHECK_FAMILIES(ROWS, WIDE);
}

/* Every byte in the place of a blank: RFC 8259 section 2 has four. */
static void test_white_space_is_four_bytes(void **state)
{
    static const char *const PLACES[] = {
        "*{\"a\":[null,\"b\"]}", "{*\"a\":[null,\"b\"]}", "{\"a\"*:[null,\"b\"]}", "{\"a\":*[null,\"b\"]}",
        "{\"a\":[*null,\"b\"]}", "{\"a\":[null*,\"b\"]}", "{\"a\":[null,*\"b\"]}", "{\"a\":[null,\"b\"*]}",
        "{\"a\":[null,\"b\"]*}", "{\"a\":[null,\"b\"]}*",
    };
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(PLACES); i++) {
        for (int byte = 0; byte < 256; byte++) {
            char text[32];
            size_t len = strlen(PLACES[i]);
            memcpy(text, PLACES[i], len);
            *(char *)memchr(text, '*', len) = (char)byte;
            bool is_blank = byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
            assert_verdict((xg_str){text, len}, WIDE, is_blank);
        }
    }
}

/* ---- numbers ---- */

static void test_integers_have_no_leading_zero_plus_or_other_base(void **state)
{
    static const family ROWS[] = {
        {V("0"), {V("00"), V("01"), V("+0"), V("0x0"), V("0."), V(".0"), V("0 0"), V("O"), V("0-"), V("00000000")}},
        {V("-0"),
         {V("-00"), V("-01"), V("--0"), V("- 0"), V("+0"), V("-"), V("-.0"), V("-0x0"), V("-0-"), V("-\"0\"")}},
        {V("-1"),
         {V("-"), V("--1"), V("-01"), V("- 1"), V("+1"), V("-a"), V("-\xef\xbc\x91"), V("1-"), V("~1"), V("-+1")}},
        {V("10"),
         {V("1_0"), V("1,0"), V("1.0"), V("1e0"), V("1E0"), V("1O"), V("1 0"), V("10."), V("\xef\xbc\x91\x30"),
          V("1'0")}},
        {V("[1,-2]"), {V("[1,-]"), V("[1,+2]"), V("[1-2]"), V("[01,-2]"), V("[1,-02]"), V("[1L,-2]"), V("[0b1,-2]")}},
    };
    (void)state;
    CHECK_FAMILIES(ROWS, WIDE);
}

static void test_integers_end_where_int64_ends(void **state)
{
    static const family ROWS[] = {
        {V("9223372036854775807"),
         {V("9223372036854775808"), V("9223372036854775809"), V("9223372036854775817"), V("92233720368547758070"),
          V("19223372036854775807"), V("9323372036854775807"), V("09223372036854775807"), V("+9223372036854775807")}},
        {V("-9223372036854775808"),
         {V("-9223372036854775809"), V("-9223372036854775818"), V("-92233720368547758080"), V("-19223372036854775808"),
          V("-9323372036854775808"), V("-09223372036854775808"), V("9223372036854775808")}},
        {V("1844674407370955161"),
         {V("18446744073709551615"), V("18446744073709551616"), V("18446744073709551617"), V("184467440737095516160"),
          V("340282366920938463463374607431768211456")}},
    };
    (void)state;
    CHECK_FAMILIES(ROWS, WIDE);
}

static void test_fractions_and_exponents_are_refused(void **state)
{
    static const family ROWS[] = {
        {V("15"),
         {V("1.5"), V("1e5"), V("1E5"), V("15.0"), V("15e0"), V("15E-0"), V("15E+0"), V("1.5e1"), V("15."), V(".15")}},
        {V("0"),
         {V("0.0"), V("0e0"), V("0E0"), V("-0.0"), V("-0e0"), V("0e"), V("0e+"), V("0.e1"), V("0.1.2"), V("0.3e+")}},
        {V("[1400]"), {V("[1e400]"), V("[1e-400]"), V("[14e00]"), V("[140.0]"), V("[1eE2]"), V("[9.e+]"), V("[2.e3]")}},
    };
    (void)state;
    CHECK_FAMILIES(ROWS, WIDE);
}

/* ---- strings ---- */

static void test_escapes_are_eight_letters_and_u(void **state)
{
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        char text[] = "{\"a\":\"\\*\"}";
        text[7] = (char)byte;
        assert_verdict((xg_str){text, sizeof(text) - 1}, WIDE, byte != 0 && strchr("\"\\/bfnrt", byte) != NULL);
    }
    static const family ROWS[] = {
        {T("\\n"), {T("\\N"), T("\\"), T("\\ n"), T("\\\\\\"), T("\\x0a"), T("\\012"), T("\\\n"), T("\\\0"), T("\\")}},
        {T("\\\\"), {T("\\"), T("\\\\\\"), T("\\a"), T("\\v"), T("\\'"), T("\\0"), T("\\e"), T("\\\xc3\xa9")}},
        {T("\\u0041"),
         {T("\\u004"), T("\\u"), T("\\u00G1"), T("\\U0041"), T("\\u 041"), T("\\u-041"), T("\\u+041"), T("\\u{41}"),
          T("\\u0x41")}},
        {T("\\uABCD\\uabcd"),
         {T("\\uABCD\\uabc"), T("\\uABC\\uabcd"), T("\\uABCG\\uabcd"), T("\\uABCD\\uabc\\"), T("\\u\\uabcd")}},
        {T("\\\\u0000"), {T("\\u0000"), T("\\\\\\u0000"), T("\\\\u0000\0"), T("\\\\u0000\\")}},
    };
    CHECK_FAMILIES(ROWS, WIDE);
}

static void test_raw_bytes_of_strings_are_printable_or_del(void **state)
{
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        char text[] = "{\"*\":\"*\"}";
        bool is_plain = byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
        text[2] = (char)byte;
        assert_verdict((xg_str){text, sizeof(text) - 1}, WIDE, is_plain);
        text[2] = '*';
        text[6] = (char)byte;
        assert_verdict((xg_str){text, sizeof(text) - 1}, WIDE, is_plain);
    }
}

static void test_nul_is_refused_in_any_form(void **state)
{
    static const family ROWS[] = {
        {T("\\u0001"),
         {T("\\u0000"), T("\0"), T("\\u0001\0"), T("\\0"), T("\\x00"), T("\\u0001\\u0000"), T("\xc0\x80")}},
        {S("{\"a\\u0020\":1}"),
         {S("{\"a\\u0000\":1}"), S("{\"a\0\":1}"), S("{\"\\u0000a\":1}"), S("{\"a\\u0020\":\0}")}},
        {S("{\"a\":\"b\"}"), {S("{\"a\":\"b\0\"}"), S("{\"a\0\":\"b\"}"), S("{\"a\":\"\0b\"}"), S("{\"a\"\0:\"b\"}")}},
    };
    (void)state;
    CHECK_FAMILIES(ROWS, WIDE);
}

static void test_strings_end_at_a_quote_of_their_own(void **state)
{
    static const family ROWS[] = {
        {T("b"),
         {S("{\"a\":\"b}"), S("{\"a\":b\"}"), S("{\"a\":\"b\"\"}"), S("{\"a\":\"b\\\"}"), S("{\"a\":'b'}"),
          S("{\"a:\"b\"}")}},
        {T("\\\""), {T("\""), T("\\\\\""), S("{\"a\":\"\\\"}"), T("\\\"\"")}},
        {T("\\\\"), {S("{\"a\":\"\\\\}"), S("{\"a\":\"\\\"}"), S("{\"a\":\"\\\\\\\"}"), S("{\"a\":\"\\")}},
        {T("]}"), {S("{\"a\":\"]}"), S("{\"a\":]}\"}"), T("]}\"")}},
    };
    (void)state;
    CHECK_FAMILIES(ROWS, WIDE);
}

static void test_surrogates_are_pairs_in_their_order(void **state)
{
    static const family ROWS[] = {
        {T("\\ud83d\\ude00"),
         {T("\\ud83d"), T("\\ude00"), T("\\ude00\\ud83d"), T("\\ud83d\\ud83d"), T("\\ude00\\ude00"),
          T("\\ud83d\\u0041"), T("\\ud83d \\ude00"), T("\\ud83d\\ude0"), T("\\ud83d\\nde00"), T("\\ud83dxude00")}},
        {T("\\ud83d\\ude00"),
         {T("\\ud83d\\\\ude00"), T("\\ud83d\\"), T("\\ud83d\\u"), T("\\ud83d\\ude00\\ude00"),
          T("\\ud83d\\ud83d\\ude00"), T("\\ud83d\\Ude00"), T("\\ud83d\\udg00"), T("\\ud83d\xed\xb8\x80")}},
        {T("\\ud800\\udc00"), {T("\\ud7ff\\udc00"), T("\\ud800\\udbff"), T("\\ud800\\ue000"), T("\\udc00\\udc00")}},
        {T("\\uDBFF\\uDFFF"), {T("\\uDC00\\uDFFF"), T("\\uDBFF\\uE000"), T("\\uDBFF\\uDFF"), T("\\uDBFF")}},
        {T("\\ud7ff\\ue000"), {T("\\ud800\\ue000"), T("\\ud7ff\\udfff"), T("\\udbff\\ue000"), T("\\ud7ff\\udc00")}},
        {S("{\"\\ud83d\\ude00\":1}"), {S("{\"\\ud83d\":1}"), S("{\"\\ude00\":1}"), S("{\"\\ude00\\ud83d\":1}")}},
    };
    (void)state;
    CHECK_FAMILIES(ROWS, WIDE);
}

/* RFC 3629 section 4: the ends of each range, and what lies one beyond. */
static void test_strings_are_utf8_in_shortest_form(void **state)
{
    static const family ROWS[] = {
        {T("\xc2\x80"),
         {T("\x80"), T("\xc2"), T("\xc1\xbf"), T("\xc0\x80"), T("\xc2\x7f"), T("\xc2\xc0"), T("\xc2\x80\x80"),
          T("\xbf\x80")}},
        {T("\xdf\xbf"), {T("\xdf"), T("\xdf\x3f"), T("\xdf\xc0"), T("\xdf\xdf\xbf"), T("\xe0\xbf"), T("\xdf\xbf\xbf")}},
        {T("\xe0\xa0\x80"),
         {T("\xe0\x9f\xbf"), T("\xe0\x80\x80"), T("\xe0\xa0"), T("\xe0"), T("\xe0\xa0\x7f"), T("\xe0\xa0\xc0"),
          T("\xf0\xa0\x80")}},
        {T("\xed\x9f\xbf"),
         {T("\xed\xa0\x80"), T("\xed\xbf\xbf"), T("\xed\xb0\x80"), T("\xed\x9f"), T("\xed\xa0\x80\xed\xb0\x80")}},
        {T("\xee\x80\x80"), {T("\xee\x7f\x80"), T("\xee\x80"), T("\xee\x80\xc0"), T("\xee\xc0\x80")}},
        {T("\xef\xbf\xbf"),
         {T("\xef\xbf"), T("\xef\xbf\x7f"), T("\xef\xc0\xbf"), T("\xff\xbf\xbf"), T("\xfe\xbf\xbf")}},
        {T("\xf0\x90\x80\x80"),
         {T("\xf0\x8f\xbf\xbf"), T("\xf0\x80\x80\x80"), T("\xf0\x90\x80"), T("\xf0\x90\x80\x80\x80"),
          T("\xf0\x90\x80\xc0"), T("\xf0\x90\x7f\x80")}},
        {T("\xf4\x8f\xbf\xbf"),
         {T("\xf4\x90\x80\x80"), T("\xf5\x8f\xbf\xbf"), T("\xf4\x8f\xbf"), T("\xf7\xbf\xbf\xbf"),
          T("\xf8\x88\x80\x80\x80"), T("\xfc\x84\x80\x80\x80\x80")}},
        {S("{\"\xc3\xa9\":1}"), {S("{\"\xc3\":1}"), S("{\"\xa9\":1}"), S("{\"\xe9\":1}"), S("{\"\xa9\xc3\":1}")}},
        {T("\\u00e9\xc3\xa9"), {T("\\u00e9\xc3"), T("\\u00e9\xa9"), T("\xc3\\u00e9\xa9"), T("\\u00e9\xc3\\n\xa9")}},
    };
    (void)state;
    CHECK_FAMILIES(ROWS, WIDE);
}

/* Every \uXXXX alone: jansson reads the same bytes or, as we do, refuses. */
static void test_unicode_escapes_mean_their_code_point(void **state)
{
    (void)state;
    for (unsigned unit = 0; unit <= 0xffff; unit++) {
        char text[32];
        size_t len = (size_t)snprintf(text, sizeof(text), "{\"a\":\"\\u%04x\"}", unit);
        json_t *tree = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
        const json_t *string = json_object_get(tree, "a");
        xg_json object, name, value;
        bool is_good = xg_is_ok(xg_json_check_object((xg_str){text, len}, WIDE, XG_REASON_CLAIMS_JSON, &object, NULL));
        assert_int_equal(is_good, tree != NULL);
        assert_int_equal(is_good, unit != 0 && (unit < 0xd800 || unit > 0xdfff));
        if (is_good) {
            assert_true(xg_json_next_member(&object.raw, &name, &value));
            assert_true(xg_json_is(&value, (xg_str){json_string_value(string), json_string_length(string)}));
        }
        json_decref(tree);
    }
}

/* ---- members that repeat ---- */

static void test_a_member_stands_once_in_its_object(void **state)
{
    static const family ROWS[] = {
        {S("{\"a\":1,\"b\":2}"),
         {S("{\"a\":1,\"a\":2}"), S("{\"b\":1,\"b\":2}"), S("{\"a\":1,\"\\u0061\":2}"), S("{\"\\u0061\":1,\"a\":2}"),
          S("{\"\\u0062\":1,\"b\":2}"), S("{\"\\u0061\":1,\"\\u0061\":2}"), S("{\"a\":1,\"b\":2,\"a\":3}"),
          S("{\"a\":1,\"b\":2,\"b\":3}"), S("{\"a\":1,\"b\":2,\"\\u0062\":3}"), S("{\"a\":1, \"a\" :1}")}},
        {S("{\"a\":{\"b\":1,\"c\":2}}"),
         {S("{\"a\":{\"b\":1,\"b\":2}}"), S("{\"a\":{\"c\":1,\"c\":2}}"), S("{\"a\":{\"\\u0063\":1,\"c\":2}}"),
          S("{\"a\":{\"b\":1,\"c\":2},\"a\":3}"), S("{\"a\":{\"b\":1,\"c\":2,\"c\":3}}")}},
        {S("{\"a\":[{\"b\":1},{\"b\":1,\"c\":2}]}"),
         {S("{\"a\":[{\"b\":1},{\"b\":1,\"b\":2}]}"), S("{\"a\":[{\"b\":1,\"b\":1},{\"b\":1,\"c\":2}]}"),
          S("{\"a\":[{\"b\":1},{\"c\":1,\"c\":2}]}"), S("{\"a\":[{\"b\":1},{\"b\":1,\"c\":2}],\"a\":1}")}},
        {S("{\"\":1,\" \":2}"), {S("{\"\":1,\"\":2}"), S("{\" \":1,\" \":2}"), S("{\"\\u0020\":1,\" \":2}")}},
        {S("{\"/\":1,\"\\\\\":2}"),
         {S("{\"/\":1,\"\\/\":2}"), S("{\"\\/\":1,\"\\u002f\":2}"), S("{\"\\\\\":1,\"\\u005c\":2}"),
          S("{\"\\u005C\":1,\"\\\\\":2}")}},
        {S("{\"\xc3\xa9\":1,\"e\":2}"),
         {S("{\"\xc3\xa9\":1,\"\\u00e9\":2}"), S("{\"\\u00E9\":1,\"\xc3\xa9\":2}"),
          S("{\"\xc3\xa9\":1,\"\xc3\xa9\":2}")}},
        {S("{\"\xf0\x9f\x98\x80\":1,\"e\":2}"),
         {S("{\"\xf0\x9f\x98\x80\":1,\"\\ud83d\\ude00\":2}"), S("{\"\\uD83D\\uDE00\":1,\"\\ud83d\\ude00\":2}"),
          S("{\"\xf0\x9f\x98\x80\":1,\"\xf0\x9f\x98\x80\":2}")}},
        {S("{\"ab\":1,\"a\":2}"),
         {S("{\"ab\":1,\"\\u0061b\":2}"), S("{\"ab\":1,\"a\\u0062\":2}"), S("{\"\\u0061\":1,\"a\":2}")}},
        {S("{\"\\n\":1,\"n\":2}"),
         {S("{\"\\n\":1,\"\\u000a\":2}"), S("{\"\\u000A\":1,\"\\n\":2}"), S("{\"\\u006e\":1,\"n\":2}")}},
        /* Two names that share a mark. */
        {S("{\"ab\":1,\"`B\":2}"),
         {S("{\"ab\":1,\"a\\u0062\":2}"), S("{\"`B\":1,\"\\u0060B\":2}"), S("{\"ab\":1,\"`B\":2,\"ab\":3}")}},
        /* What both begin with is skipped up to an escape, and again behind it. */
        {S("{\"aaa\\u0061bbb\":1,\"aaaabbc\":2}"),
         {S("{\"aaa\\u0061bbb\":1,\"aaaabbb\":2}"), S("{\"aaaabbb\":1,\"aaa\\u0061bbb\":2}"),
          S("{\"aaa\\u0061bbb\":1,\"aa\\u0061abbb\":2}"), S("{\"\\u0061aa\\u0061bbb\":1,\"aaaabb\\u0062\":2}")}},
    };
    (void)state;
    CHECK_FAMILIES(ROWS, WIDE);
}

static void test_the_same_name_may_stand_in_different_objects(void **state)
{
    static const xg_str GOOD[] = {
        S("{\"a\":{\"a\":{\"a\":1}}}"),
        S("{\"a\":[{\"a\":1},{\"a\":2}]}"),
        S("{\"b\":{\"a\":1},\"a\":2}"),
        S("{\"b\":{\"a\":1},\"c\":{\"a\":1}}"),
        S("{\"a\":1,\"A\":2}"),
        S("{\"e\xcc\x81\":1,\"\xc3\xa9\":2}"), /* not normalised */
        S("{\"a\":\"a\",\"b\":\"a\"}"),
        S("{\"a\":[\"a\",\"a\"]}"),
        S("{\"a\\u002e\":{\"b\":1},\"a\":{\"b\":1}}"),
    };
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(GOOD); i++) {
        assert_verdict(GOOD[i], WIDE, true);
    }
}

/* ---- limits ---- */

typedef struct builder {
    char bytes[32768];
    size_t len;
} builder;

static void put(builder *b, const char *text)
{
    size_t len = strlen(text);
    assert_true(b->len + len <= sizeof(b->bytes));
    memcpy(b->bytes + b->len, text, len);
    b->len += len;
}

static void put_times(builder *b, const char *text, size_t times)
{
    for (size_t i = 0; i < times; i++) {
        put(b, text);
    }
}

static void put_members(builder *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char member[32];
        (void)snprintf(member, sizeof(member), "%s\"m%zu\":0", i == 0 ? "" : ",", i);
        put(b, member);
    }
}

static xg_str built(const builder *b)
{
    return (xg_str){b->bytes, b->len};
}

/* One object around `depth` - 1 arrays or objects. */
static void check_depth(size_t depth, size_t limit)
{
    static const char *const OPEN[] = {"[", "{\"a\":"};
    static const char *const CLOSE[] = {"]", "}"};
    for (size_t which = 0; which < 2; which++) {
        builder b = {.len = 0};
        put(&b, "{\"a\":");
        put_times(&b, OPEN[which], depth - 1);
        put(&b, "0");
        put_times(&b, CLOSE[which], depth - 1);
        put(&b, "}");
        assert_verdict(built(&b), (xg_json_limits){.depth = limit, .members = XG_JSON_MEMBERS_MAX}, depth <= limit);
    }
}

static void test_nesting_ends_at_the_limit(void **state)
{
    (void)state;
    for (size_t limit = 0; limit <= 9; limit++) {
        for (size_t depth = 1; depth <= 11; depth++) {
            check_depth(depth, limit);
        }
    }
    const xg_json_limits three = {.depth = 3, .members = 9};
    static const family ROWS[] = {
        {V("[[1]]"), {V("[[[1]]]"), V("[[{}]]"), V("[[[]]]"), V("[{\"b\":[]}]")}},
        {V("[[],[],{},[]]"), {V("[[],[[]],{},[]]"), V("[[],[],{\"b\":{}},[]]"), V("[[],[],{},[[]]]")}},
        {V("{\"b\":{}}"), {V("{\"b\":{\"c\":{}}}"), V("{\"b\":{\"c\":[]}}"), V("{\"b\":[[]]}")}},
        {V("[[\"[[{{\"]]"), {V("[[[\"[{{\"]]]"), V("[[{\"{{\":1}]]"), V("[[[]]]")}},
    };
    CHECK_FAMILIES(ROWS, three);
}

/* However long the text: the recursion ends at the limit, not with the stack. */
static void test_a_text_of_brackets_is_refused(void **state)
{
    enum { LENGTH = 1000000 };
    char *text = malloc(LENGTH);
    (void)state;
    assert_non_null(text);
    memset(text, '[', LENGTH);
    memcpy(text, "{\"a\":", 5);
    assert_verdict((xg_str){text, LENGTH}, WIDE, false);
    memset(text, '{', LENGTH);
    assert_verdict((xg_str){text, LENGTH}, WIDE, false);
    for (size_t i = 0; i + 5 <= LENGTH; i += 5) {
        memcpy(text + i, "{\"a\":", 5);
    }
    assert_verdict((xg_str){text, LENGTH}, WIDE, false);
    free(text);
}

/* A flat object of `count` members, and the same below a member and inside an array. */
static void check_members(size_t count, size_t limit, bool expected)
{
    const xg_json_limits limits = {.depth = 8, .members = limit};
    builder flat = {.len = 0}, inner = {.len = 0}, many = {.len = 0};
    put(&flat, "{");
    put_members(&flat, count);
    put(&flat, "}");
    assert_verdict(built(&flat), limits, expected);
    if (count == 0) {
        return;
    }
    put(&inner, "{\"a\":{");
    put_members(&inner, count - 1);
    put(&inner, "}}");
    assert_verdict(built(&inner), limits, expected);
    put(&many, "{\"a\":[{");
    put_members(&many, count - 1);
    put(&many, "},{");
    put_members(&many, count - 1);
    put(&many, "}]}");
    assert_verdict(built(&many), limits, expected);
}

static void test_members_end_at_the_limit(void **state)
{
    static const size_t LIMITS[] = {0, 1, 2, 3, 16, 255, 256};
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(LIMITS); i++) {
        if (LIMITS[i] > 0) {
            check_members(LIMITS[i] - 1, LIMITS[i], true);
        }
        check_members(LIMITS[i], LIMITS[i], true);
        check_members(LIMITS[i] + 1, LIMITS[i], false);
        check_members(LIMITS[i] + 2, LIMITS[i], false);
    }
    /* Whatever the caller asks for. */
    check_members(XG_JSON_MEMBERS_MAX, SIZE_MAX, true);
    check_members(XG_JSON_MEMBERS_MAX + 1, SIZE_MAX, false);
    check_members(XG_JSON_MEMBERS_MAX + 1, XG_JSON_MEMBERS_MAX + 1, false);
}

/* Only members of objects that are open at one place count together. */
static void test_members_of_closed_objects_no_longer_count(void **state)
{
    static const family ROWS[] = {
        {S("{\"a\":{\"b\":1,\"c\":2}}"),
         {S("{\"a\":{\"b\":1,\"c\":2,\"d\":3}}"), S("{\"a\":{\"b\":1,\"c\":{\"d\":1}}}"),
          S("{\"z\":0,\"a\":{\"b\":1,\"c\":2}}"), S("{\"a\":{\"b\":1,\"c\":[{\"d\":1}]}}")}},
        {S("{\"a\":{\"b\":1,\"c\":2},\"d\":{\"e\":1},\"f\":0}"),
         {S("{\"a\":{\"b\":1,\"c\":2},\"d\":{\"e\":1,\"g\":2},\"f\":0}"),
          S("{\"a\":{\"b\":1,\"c\":2},\"d\":{\"e\":1},\"f\":{\"g\":1}}"),
          S("{\"a\":{\"b\":1,\"c\":2},\"d\":{\"e\":1},\"f\":0,\"g\":0}")}},
        {S("{\"a\":[{\"b\":1,\"c\":2},{\"b\":1,\"c\":2},{\"b\":1}]}"),
         {S("{\"a\":[{\"b\":1,\"c\":2},{\"b\":1,\"c\":2,\"d\":3},{\"b\":1}]}"),
          S("{\"z\":1,\"a\":[{\"b\":1,\"c\":2},{\"b\":1,\"c\":2},{\"b\":1}]}"),
          S("{\"a\":[{\"b\":1,\"c\":2},{\"b\":1,\"c\":2},{\"b\":{\"c\":{\"d\":0}}}]}")}},
    };
    const xg_json_limits three = {.depth = 8, .members = 3};
    (void)state;
    CHECK_FAMILIES(ROWS, three);
}

/* ---- the complaint ---- */

static void test_the_complaint_says_where_and_what(void **state)
{
    static const struct {
        xg_str text;
        const char *complaint;
    } ROWS[] = {
        {S(""), "line 1, column 1: expected an object"},
        {S(" \n\t []"), "line 2, column 3: expected an object"},
        {S("\xef\xbb\xbf{}"), "line 1, column 1: expected an object"},
        {S("{"), "line 1, column 2: expected a string"},
        {S("{a:1}"), "line 1, column 2: expected a string"},
        {S("{\"a\":1,}"), "line 1, column 8: expected a string"},
        {S("{\"a\":1,\n\n }"), "line 3, column 2: expected a string"},
        {S("{\"a\" 1}"), "line 1, column 6: expected ':'"},
        {S("{\n\"a\"\n=1}"), "line 3, column 1: expected ':'"},
        {S("{\"a\":}"), "line 1, column 6: expected a value"},
        {S("{\n \"a\": x}"), "line 2, column 7: expected a value"},
        {S("{\"a\":[1,\r\n 01]}"), "line 2, column 2: expected a value"},
        {S("{\"a\":-}"), "line 1, column 6: expected a value"},
        {S("{\"a\":1 2}"), "line 1, column 8: expected ',' or '}'"},
        {S("{\"a\":{\"b\":1]}"), "line 1, column 12: expected ',' or '}'"},
        {S("{\"a\":[1 2]}"), "line 1, column 9: expected ',' or ']'"},
        {S("{\"a\":[1}"), "line 1, column 8: expected ',' or ']'"},
        {S("{\"a\":1"), "line 1, column 7: expected ',' or '}'"},
        {S("{\"a\":1.5}"), "line 1, column 6: a number with a fraction or an exponent"},
        {S("{\"a\":[0,\n  12E4]}"), "line 2, column 3: a number with a fraction or an exponent"},
        {S("{\"a\":9223372036854775808}"), "line 1, column 6: an integer of more than 64 bits"},
        {S("{\"a\":\"b}"), "line 1, column 7: a string without end"},
        {S("{\"a\":\"b\\\"}\n"), "line 1, column 7: a string without end"},
        {S("{\"a\":[[]]}"), "line 1, column 7: nested too deep"},
        {S("{\"a\":{\n\"b\":{}}}"), "line 2, column 5: nested too deep"},
        {S("{} {}"), "line 1, column 4: something behind the object"},
        {S("{}\n\n\0"), "line 3, column 1: something behind the object"},
        /* What is wrong inside a string or with a name is told behind its closing quote. */
        {S("{\"a\":\"\t\"}"), "line 1, column 9: a control byte in a string"},
        {S("{\"a\":\"\n\"}"), "line 2, column 2: a control byte in a string"},
        {S("{\"a\":\"\\x\"}"), "line 1, column 10: an escape that is none, or a NUL, in a string"},
        {S("{\"a\\u0000\":1}"), "line 1, column 11: an escape that is none, or a NUL, in a string"},
        {S("{\"a\":\"\\ud83d\"}"), "line 1, column 14: an escape that is none, or a NUL, in a string"},
        {S("{\"a\":\"\xff\"}"), "line 1, column 9: a string that is not UTF-8"},
        {S("{\"a\":1,\"a\":2}"), "line 1, column 11: a member that was there before"},
        {S("{\"a\":1,\n\"b\":2,\n\"\\u0061\":3}"), "line 3, column 9: a member that was there before"},
        {S("{\"a\":1,\"b\":2,\"c\":3}"), "line 1, column 17: too many members"},
        {S("{\"a\":1,\"b\":2,\"b\":3}"), "line 1, column 17: a member that was there before"},
    };
    const xg_json_limits narrow = {.depth = 2, .members = 2};
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        char complaint[128];
        assert_false(is_accepted(ROWS[i].text, narrow, complaint, sizeof(complaint)));
        if (strcmp(complaint, ROWS[i].complaint) != 0) {
            fail_msg("%s: expected <%s>, found <%s>", show(ROWS[i].text), ROWS[i].complaint, complaint);
        }
    }
}

/* ---- the walk ---- */

static xg_json checked(xg_str text)
{
    xg_json object = {0};
    if (!xg_is_ok(xg_json_check_object(text, WIDE, XG_REASON_CLAIMS_JSON, &object, NULL))) {
        fail_msg("%s: expected to be accepted", show(text));
    }
    return object;
}

/* The value of the only member. */
static xg_json value_of(xg_str text)
{
    xg_json object = checked(text), name, value, more;
    xg_str rest = object.raw;
    assert_true(xg_json_next_member(&rest, &name, &value));
    assert_int_equal(name.kind, XG_JSON_STRING);
    assert_false(xg_json_next_member(&rest, &name, &more));
    return value;
}

static void render(const xg_json *value, xg_text *text);

static void render_string(const xg_json *string, xg_text *text)
{
    char storage[256];
    xg_text decoded;
    xg_text_init(&decoded, storage, sizeof(storage));
    xg_json_decode(string, &decoded);
    assert_false(decoded.is_cut);
    xg_text_quote(text, (xg_str){decoded.ptr, decoded.len}, sizeof(storage));
}

static void render_container(const xg_json *container, xg_text *text)
{
    bool is_object = container->kind == XG_JSON_OBJECT;
    size_t count = 0;
    xg_json name, value;
    xg_text_printf(text, is_object ? "{" : "[");
    for (xg_str rest = container->raw;
         is_object ? xg_json_next_member(&rest, &name, &value) : xg_json_next(&rest, &value); count++) {
        xg_text_printf(text, count == 0 ? "" : ",");
        if (is_object) {
            assert_int_equal(name.kind, XG_JSON_STRING);
            render_string(&name, text);
            xg_text_printf(text, "=");
        }
        render(&value, text);
    }
    xg_text_printf(text, is_object ? "}%zu" : "]%zu", count);
    assert_int_equal(xg_json_count(container), count);
}

/* What the walk sees: 'strings' decoded and escaped, containers with their count behind them. */
static void render(const xg_json *value, xg_text *text)
{
    int64_t number = 0;
    switch (value->kind) {
    case XG_JSON_OBJECT:
    case XG_JSON_ARRAY:
        render_container(value, text);
        break;
    case XG_JSON_STRING:
        render_string(value, text);
        break;
    case XG_JSON_INTEGER:
        assert_true(xg_json_to_int64(value, &number));
        xg_text_printf(text, "%lld", (long long)number);
        break;
    case XG_JSON_NULL:
    case XG_JSON_FALSE:
    case XG_JSON_TRUE:
    default:
        xg_text_printf(text, value->kind == XG_JSON_NULL ? "null" : value->kind == XG_JSON_TRUE ? "true" : "false");
        break;
    }
}

static void test_the_walk_gives_every_value_in_its_order(void **state)
{
    static const struct {
        xg_str text;
        const char *rendered;
    } ROWS[] = {
        {S("{}"), "{}0"},
        {S(" {\t\r\n } "), "{}0"},
        {S("{\"a\":1}"), "{'a'=1}1"},
        {S("{\"b\":1,\"a\":2,\"c\":3}"), "{'b'=1,'a'=2,'c'=3}3"},
        {S("{\"a\":true,\"b\":false,\"c\":null,\"d\":\"\",\"e\":-0}"), "{'a'=true,'b'=false,'c'=null,'d'='','e'=0}5"},
        {S("{\"a\":[]}"), "{'a'=[]0}1"},
        {S("{\"a\":[ \n ]}"), "{'a'=[]0}1"},
        {S("{\"a\":[1,true,[],{},\"\",null]}"), "{'a'=[1,true,[]0,{}0,'',null]6}1"},
        {S("{\"a\":[[[1],2],3]}"), "{'a'=[[[1]1,2]2,3]2}1"},
        {S("{\"a\":{\"b\":{\"c\":[{\"d\":1},{\"e\":2}]}},\"f\":0}"), "{'a'={'b'={'c'=[{'d'=1}1,{'e'=2}1]2}1}1,'f'=0}2"},
        {S("\n{ \"a\" :\t[ 1 ,\r\n2 ] , \"b\" : { \"c\" : \"d\" } }\n"), "{'a'=[1,2]2,'b'={'c'='d'}1}2"},
        {S("{\"a\":\"]}\",\"b\":[\"}\",\"[{\",\",\",\":\"],\"c\":2}"), "{'a'=']}','b'=['}','[{',',',':']4,'c'=2}3"},
        {S("{\"{\":[\"\\\"\",\"\\\\\",\"]\\\\\\\"]\"],\"b\":1}"), "{'{'=['\"','\\x5c',']\\x5c\"]']3,'b'=1}2"},
        {S("{\"\\u0061\":\"\\b\\f\\n\\r\\t\\/\"}"), "{'a'='\\x08\\x0c\\x0a\\x0d\\x09/'}1"},
        {S("{\"\xc3\xa9\":\"\\u00e9\\ud83d\\ude00\"}"), "{'\\xc3\\xa9'='\\xc3\\xa9\\xf0\\x9f\\x98\\x80'}1"},
        {S("{\"\":{\"\":[\"\"]}}"), "{''={''=['']1}1}1"},
        {S("{\"a\":-1,\"b\":[-9223372036854775808,9223372036854775807]}"),
         "{'a'=-1,'b'=[-9223372036854775808,9223372036854775807]2}2"},
        {S("{\"a\":{},\"b\":[],\"c\":{}}"), "{'a'={}0,'b'=[]0,'c'={}0}3"},
        {S("{\"a\":1\n,\"b\":true\t,\"c\":null\r}"), "{'a'=1,'b'=true,'c'=null}3"},
    };
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        char storage[512];
        xg_text text;
        char *copy = copy_exactly(ROWS[i].text);
        xg_json object = checked((xg_str){copy, ROWS[i].text.len});
        xg_text_init(&text, storage, sizeof(storage));
        render(&object, &text);
        assert_string_equal(storage, ROWS[i].rendered);
        free(copy);
    }
}

static void test_raw_is_what_stands_between_quotes_or_brackets(void **state)
{
    static const struct {
        xg_str text;
        xg_json_kind kind;
        const char *raw;
    } ROWS[] = {
        {V("null"), XG_JSON_NULL, "null"},
        {V(" true "), XG_JSON_TRUE, "true"},
        {V("false\n"), XG_JSON_FALSE, "false"},
        {V(" -12 "), XG_JSON_INTEGER, "-12"},
        {T("b\\n\\\""), XG_JSON_STRING, "b\\n\\\""},
        {T(""), XG_JSON_STRING, ""},
        {T(" "), XG_JSON_STRING, " "},
        {V("[]"), XG_JSON_ARRAY, ""},
        {V(" [ 1 , \"]\" ] "), XG_JSON_ARRAY, " 1 , \"]\" "},
        {V("{ }"), XG_JSON_OBJECT, " "},
        {V("{\"b\":{\"c\":[]}}"), XG_JSON_OBJECT, "\"b\":{\"c\":[]}"},
    };
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        xg_json value = value_of(ROWS[i].text);
        assert_int_equal(value.kind, ROWS[i].kind);
        assert_int_equal(value.raw.len, strlen(ROWS[i].raw));
        assert_memory_equal(value.raw.ptr, ROWS[i].raw, value.raw.len);
    }
}

static void test_is_compares_all_bytes_a_string_stands_for(void **state)
{
    static const struct {
        xg_str text;
        xg_str same;
        xg_str other[4];
    } ROWS[] = {
        {T("web"), S("web"), {S("we"), S("webs"), S("Web"), S("")}},
        {T(""), S(""), {S("\""), S(" "), S("\0"), S("a")}},
        {T("w\\u0065b"), S("web"), {S("w\\u0065b"), S("we"), S("webs"), S("wfb")}},
        {T("\\u0077eb"), S("web"), {S("Web"), S("eb"), S("wwb"), S("web\0")}},
        {T("we\\u0062"), S("web"), {S("we"), S("wec"), S("webb"), S("w")}},
        {T("a\\/b"), S("a/b"), {S("a\\/b"), S("a"), S("a/"), S("a\\b")}},
        {T("\\\\n"), S("\\n"), {S("\n"), S("\\\\n"), S("\\"), S("n")}},
        {T("\\n"), S("\n"), {S("\\n"), S("n"), S("\r"), S("")}},
        {T("\\u00e9"), S("\xc3\xa9"), {S("\xe9"), S("\xc3"), S("e"), S("\xc3\xa9\xa9")}},
        {T("\\ud83d\\ude00x"),
         S("\xf0\x9f\x98\x80x"),
         {S("\xf0\x9f\x98\x80"), S("\xf0\x9f\x98\x80y"), S("\xf0\x9f\x98"), S("x")}},
    };
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        xg_json value = value_of(ROWS[i].text);
        assert_true(xg_json_is(&value, ROWS[i].same));
        for (size_t k = 0; k < XG_ARRAY_LEN(ROWS[i].other); k++) {
            assert_false(xg_json_is(&value, ROWS[i].other[k]));
        }
    }
    static const struct {
        xg_str text;
        const char *raw;
    } NO_STRINGS[] = {{V("true"), "true"}, {V("5"), "5"},           {V("null"), "null"},
                      {V("[]"), ""},       {V("[\"a\"]"), "\"a\""}, {V("{}"), ""}};
    for (size_t i = 0; i < XG_ARRAY_LEN(NO_STRINGS); i++) {
        xg_json value = value_of(NO_STRINGS[i].text);
        assert_false(xg_json_is(&value, xg_str_of(NO_STRINGS[i].raw)));
    }
}

static void test_cmp_is_the_byte_order_of_what_stands_there(void **state)
{
    static const struct {
        xg_str left;
        xg_str right;
        int order;
    } ROWS[] = {
        {T("a"), T("a"), 0},
        {T("a"), T("b"), -1},
        {T("a"), T("ab"), -1},
        {T(""), T("a"), -1},
        {T(""), T(""), 0},
        {T("Z"), T("a"), -1},
        {T("a"), T("\\u0061"), 0},
        {T("\\u0061"), T("\\u0061"), 0},
        {T("\\u0061b"), T("a\\u0062"), 0},
        {T("\\u0061"), T("b"), -1},
        {T("b"), T("\\u0061"), 1},
        {T("\\u0061"), T("ab"), -1},
        {T("a\\u0062"), T("a"), 1},
        {T(""), T("\\n"), -1},
        {T("\\\\"), T("\\/"), 1},
        {T("["), T("\\\\"), -1}, /* 5b, 5c; raw, both differ at the first byte */
        {T("]"), T("\\n"), 1},   /* 5d, 0a; raw, 5d against 5c */
        {T("z"), T("\xc3\xa9"), -1},
        {T("z"), T("\\u00e9"), -1},
        {T("\\u00e9"), T("\xc3\xa9"), 0},
        {T("\\u00e9"), T("\xc3\xa8"), 1},
        {T("\\u00e9"), T("\\u00e9a"), -1},
        {T("\\uffff"), T("\\ud83d\\ude00"), -1}, /* bytes, not UTF-16 units */
        {T("\xef\xbf\xbf"), T("\\ud83d\\ude00"), -1},
        {T("\\ud83d\\ude00"), T("\xf0\x9f\x98\x80"), 0},
        {T("\\ud83d\\ude00"), T("\xf0\x9f\x98\x81"), -1},
        {T("aaa\\u0061bbb"), T("aaaabbc"), -1},
        {T("aaa\\u0061bbb"), T("aaaabb"), 1},
        {T("aa\\\\"), T("aa\\n"), 1},
        {T("aa\\\\"), T("aa\\\\"), 0},
        {T("\\u00e9zz"), T("\xc3\xa9zzz"), -1},
    };
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        xg_json left = value_of(ROWS[i].left), right = value_of(ROWS[i].right);
        int order = xg_json_cmp(&left, &right);
        assert_int_equal((order > 0) - (order < 0), ROWS[i].order);
        order = xg_json_cmp(&right, &left);
        assert_int_equal((order > 0) - (order < 0), -ROWS[i].order);
        assert_int_equal(xg_json_cmp(&left, &left), 0);
    }
}

static void test_decode_gives_bytes_and_says_when_it_cuts(void **state)
{
    static const struct {
        xg_str text;
        xg_str bytes;
        bool has_escape;
    } ROWS[] = {
        {T(""), S(""), false},
        {T("plain \x7f\xc3\xa9"), S("plain \x7f\xc3\xa9"), false},
        {T("\\\"\\\\\\/\\b\\f\\n\\r\\t"), S("\"\\/\b\f\n\r\t"), true},
        {T("\\u0001\\u007f\\u0080\\u07ff\\u0800\\uffff"), S("\x01\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf"), true},
        {T("\\ud800\\udc00\\udbff\\udfff"), S("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"), true},
        {T("\\\\u0061"), S("\\u0061"), true},
        {T("a\\u0062c"), S("abc"), true},
    };
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        char storage[64];
        xg_json value = value_of(ROWS[i].text);
        assert_int_equal(xg_json_has_escape(&value), ROWS[i].has_escape);
        for (size_t cap = 1; cap <= ROWS[i].bytes.len + 2; cap++) {
            xg_text text;
            bool is_cut = cap < ROWS[i].bytes.len + 1;
            xg_text_init(&text, storage, cap);
            xg_json_decode(&value, &text);
            assert_int_equal(text.is_cut, is_cut);
            assert_int_equal(text.len, is_cut ? cap - 1 : ROWS[i].bytes.len);
            assert_memory_equal(storage, ROWS[i].bytes.ptr, text.len);
            assert_int_equal(storage[text.len], '\0');
        }
    }
}

static void test_to_int64_takes_integers_alone(void **state)
{
    static const struct {
        xg_str text;
        int64_t number;
    } INTEGERS[] = {
        {V("0"), 0},
        {V("-0"), 0},
        {V("-1"), -1},
        {V("10"), 10},
        {V("9007199254740993"), INT64_C(9007199254740993)}, /* 2^53 + 1: no double has it */
        {V("9223372036854775807"), INT64_MAX},
        {V("9223372036854775806"), INT64_MAX - 1},
        {V("-9223372036854775808"), INT64_MIN},
        {V("-9223372036854775807"), INT64_MIN + 1},
    };
    static const xg_str OTHERS[] = {V("null"), V("true"), V("false"), V("\"1\""),
                                    V("\"\""), V("[]"),   V("[1]"),   V("{}")};
    int64_t number = 77;
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(INTEGERS); i++) {
        xg_json value = value_of(INTEGERS[i].text);
        assert_true(xg_json_to_int64(&value, &number));
        assert_true(number == INTEGERS[i].number);
    }
    number = 77;
    for (size_t i = 0; i < XG_ARRAY_LEN(OTHERS); i++) {
        xg_json value = value_of(OTHERS[i]);
        assert_false(xg_json_to_int64(&value, &number));
        assert_int_equal(number, 77);
    }
}

/* ---- jansson's opinion ---- */

/* What a tree of jansson's has that we refuse on purpose. */
typedef struct measure {
    bool has_real;
    size_t depth;
    size_t members; /* the most that are open at one place */
} measure;

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static void measure_tree(json_t *tree, size_t depth, size_t open, measure *m)
{
    m->has_real = m->has_real || json_is_real(tree);
    if (json_is_object(tree)) {
        m->depth = larger(m->depth, depth + 1);
        for (void *at = json_object_iter(tree); at != NULL; at = json_object_iter_next(tree, at)) {
            m->members = larger(m->members, ++open);
            measure_tree(json_object_iter_value(at), depth + 1, open, m);
        }
    } else if (json_is_array(tree)) {
        m->depth = larger(m->depth, depth + 1);
        for (size_t i = 0; i < json_array_size(tree); i++) {
            measure_tree(json_array_get(tree, i), depth + 1, open, m);
        }
    }
}

static bool is_same_string(const xg_json *string, const char *bytes, size_t len)
{
    char storage[1024];
    xg_text text;
    xg_text_init(&text, storage, sizeof(storage));
    xg_json_decode(string, &text);
    return string->kind == XG_JSON_STRING && !text.is_cut &&
           xg_str_eq((xg_str){text.ptr, text.len}, (xg_str){bytes, len}) && xg_json_is(string, (xg_str){bytes, len}) &&
           !xg_json_is(string, (xg_str){bytes, len + 1});
}

static bool is_same(const xg_json *value, json_t *tree);

/* Also in jansson's order, which is that of the text. */
static bool is_same_object(const xg_json *object, json_t *tree)
{
    xg_str rest = object->raw;
    xg_json name, value;
    for (void *at = json_object_iter(tree); at != NULL; at = json_object_iter_next(tree, at)) {
        if (!xg_json_next_member(&rest, &name, &value) ||
            !is_same_string(&name, json_object_iter_key(at), json_object_iter_key_len(at)) ||
            !is_same(&value, json_object_iter_value(at))) {
            return false;
        }
    }
    return !xg_json_next_member(&rest, &name, &value) && xg_json_count(object) == json_object_size(tree);
}

static bool is_same_array(const xg_json *array, json_t *tree)
{
    xg_str rest = array->raw;
    xg_json value;
    for (size_t i = 0; i < json_array_size(tree); i++) {
        if (!xg_json_next(&rest, &value) || !is_same(&value, json_array_get(tree, i))) {
            return false;
        }
    }
    return !xg_json_next(&rest, &value) && xg_json_count(array) == json_array_size(tree);
}

static bool is_same(const xg_json *value, json_t *tree)
{
    int64_t number = 0;
    switch (json_typeof(tree)) {
    case JSON_OBJECT:
        return value->kind == XG_JSON_OBJECT && is_same_object(value, tree);
    case JSON_ARRAY:
        return value->kind == XG_JSON_ARRAY && is_same_array(value, tree);
    case JSON_STRING:
        return is_same_string(value, json_string_value(tree), json_string_length(tree));
    case JSON_INTEGER:
        return xg_json_to_int64(value, &number) && number == json_integer_value(tree);
    case JSON_TRUE:
        return value->kind == XG_JSON_TRUE;
    case JSON_FALSE:
        return value->kind == XG_JSON_FALSE;
    case JSON_NULL:
        return value->kind == XG_JSON_NULL;
    case JSON_REAL:
    default:
        return false;
    }
}

/* xorshift64*: the same texts on every machine and in every run. */
static uint64_t random_state = UINT64_C(0x9e3779b97f4a7c15);

static size_t below(size_t bound)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (size_t)((random_state * UINT64_C(2685821657736338717)) >> 33) % bound;
}

static const xg_str SEEDS[] = {
    S("{}"),
    S("{\"Name\":\"web-1\",\"Mesh\":\"m1\",\"exp\":1800003600}"),
    S("{\"Tags\":{\"kuma.io/service\":[\"web\",\"api\"],\"t\":[]},\"Type\":\"\"}"),
    S("{\"Zone\":\"east\",\"Scope\":[\"ingress\",\"egress\"],\"jti\":\"j-\\u0031\"}"),
    S("{\"alg\":\"RS256\",\"kid\":\"1\",\"typ\":\"JWT\"}"),
    S("{ \"a\" : [ 1 , -2 , { \"b\" : [ [ ] , null ] } ] ,\n\t\"c\" : true }\r\n"),
    S("{\"a\":{\"a\":{\"a\":{\"a\":0}}},\"b\":[[[[1]]]]}"),
    S("{\"s\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"}"),
    S("{\"n\":[9223372036854775807,-9223372036854775808,0,-0,10]}"),
    S("{\"n\":[1.5,-0.0,2e3,1E-2]}"),
    S("[1,{\"a\":\"b\"},[]]"),
    S("{\"ab\":1,\"\\u0061c\":2,\"a\\u0064\":{\"ab\":3,\"ac\":4}}"),
    S("{\"a\":1,\"b\":2,\"c\":3,\"d\":{\"e\":4,\"f\":5},\"g\":{\"h\":6}}"),
};

/* NUL is one of them. */
static const char BYTES[] = "{}[],:\"\\ \n\t\r019-.e'/\x1f\x7f\x80\xff";

static const xg_str PIECES[] = {
    S("1.5"),
    S("2e3"),
    S("1E400"),
    S("true"),
    S("false"),
    S("null"),
    S("\"a\""),
    S("\"a\":1,"),
    S(",\"b\":[]"),
    S("{}"),
    S("[]"),
    S("\"x\","),
    S("\\u0061"),
    S("\\u0000"),
    S("\\ud83d"),
    S("\\ude00"),
    S("\\n"),
    S("\\x"),
    S("\xc3\xa9"),
    S("\xed\xa0"),
    S("/**/"),
    S("\xef\xbb\xbf"),
    S(",\"\\u0062\":{}"),
    S("[[[[1]]]]"),
    S("{\"a\":{}}"),
    S("9223372036854775808"),
    S("-9223372036854775809"),
    S("\"ab\":1,"),
    S(",\"ac\":2"),
    S("\"\\u0061\":1,"),
    S(",\"\\u0061b\":1"),
};

#define TEXT_MAX 600u

/* Replaces what stands at `at`, cut bytes of it, by s, unless that would get too long. */
static void splice(char *text, size_t *len, size_t at, size_t cut, xg_str s)
{
    if (*len - cut + s.len <= TEXT_MAX) {
        memmove(text + at + s.len, text + at + cut, *len - at - cut);
        memcpy(text + at, s.ptr, s.len);
        *len = *len - cut + s.len;
    }
}

static void mutate(char *text, size_t *len)
{
    size_t at = below(*len + 1);
    size_t run = below(larger(1, *len - at < 12 ? *len - at + 1 : 12));
    char part[16];
    switch (below(6)) {
    case 0:
        splice(text, len, at, 0, PIECES[below(XG_ARRAY_LEN(PIECES))]);
        break;
    case 1:
        splice(text, len, at, run, PIECES[below(XG_ARRAY_LEN(PIECES))]);
        break;
    case 2:
        splice(text, len, at, run, (xg_str){"", 0});
        break;
    case 3: /* the same again, somewhere else */
        memcpy(part, text + at, run);
        splice(text, len, below(*len + 1), 0, (xg_str){part, run});
        break;
    case 4:
        splice(text, len, at, 0, SEEDS[below(XG_ARRAY_LEN(SEEDS))]);
        break;
    default:
        part[0] = BYTES[below(sizeof(BYTES))];
        splice(text, len, at, run > 0 ? 1 : 0, (xg_str){part, 1});
        break;
    }
}

/* How often each verdict was met: a generator that makes only rubbish would show nothing. */
typedef struct tally {
    size_t accepted;
    size_t refused_by_both;
    size_t duplicates; /* of these */
    size_t nul;
    size_t no_object;
    size_t real;
    size_t too_deep;
    size_t too_many;
} tally;

/*
 * Whether jansson's tree of the text is one that we take, and the count of the reason if not. A NUL behind a number or
 * a literal has no reason: jansson 2.14 puts it back into its buffer, and then takes it for the buffer's end.
 */
static bool is_to_be_accepted(json_t *tree, xg_str text, xg_json_limits limits, tally *count)
{
    measure m = {0};
    if (tree == NULL) {
        count->refused_by_both++;
        return false;
    }
    measure_tree(tree, 0, 0, &m);
    bool has_nul = memchr(text.ptr, '\0', text.len) != NULL;
    count->nul += has_nul;
    count->no_object += !json_is_object(tree);
    count->real += m.has_real;
    count->too_deep += m.depth > limits.depth;
    count->too_many += m.members > limits.members;
    bool is_ours =
        json_is_object(tree) && !has_nul && !m.has_real && m.depth <= limits.depth && m.members <= limits.members;
    count->accepted += is_ours;
    return is_ours;
}

static void compare_verdicts(xg_str text, xg_json_limits limits, tally *count)
{
    xg_json object;
    char *copy = copy_exactly(text);
    json_error_t error = {0};
    json_t *tree = json_loadb(copy, text.len, JSON_REJECT_DUPLICATES, &error);
    bool is_good =
        xg_is_ok(xg_json_check_object((xg_str){copy, text.len}, limits, XG_REASON_CLAIMS_JSON, &object, NULL));
    count->duplicates += tree == NULL && json_error_code(&error) == json_error_duplicate_key;
    bool expected = is_to_be_accepted(tree, text, limits, count);
    if (is_good != expected) {
        fail_msg("%s, depth %zu, members %zu: expected to be %s", show(text), limits.depth, limits.members,
                 expected ? "accepted" : "refused");
    }
    if (is_good && !is_same(&object, tree)) {
        fail_msg("%s: jansson reads something else", show(text));
    }
    json_decref(tree);
    free(copy);
}

/*
 * Accepted if and only if jansson, refusing duplicates, accepts it, and it is an object within the limits, without NUL,
 * fractions and exponents; and then with the same tree.
 */
static void test_jansson_agrees_on_mutated_texts(void **state)
{
    tally count = {0};
    (void)state;
    for (size_t i = 0; i < 200000; i++) {
        char text[TEXT_MAX];
        xg_str seed = SEEDS[i % XG_ARRAY_LEN(SEEDS)];
        size_t len = seed.len;
        memcpy(text, seed.ptr, len);
        for (size_t mutations = below(4); mutations > 0; mutations--) {
            mutate(text, &len);
        }
        const xg_json_limits limits = {.depth = 2 + below(6), .members = 2 + below(8)};
        compare_verdicts((xg_str){text, len}, limits, &count);
    }
    print_message("accepted %zu; refused by both %zu (duplicates %zu)\n", count.accepted, count.refused_by_both,
                  count.duplicates);
    print_message("refused by us: NUL %zu, no object %zu, fraction or exponent %zu, depth %zu, members %zu\n",
                  count.nul, count.no_object, count.real, count.too_deep, count.too_many);
    assert_in_range(count.accepted, 20000, 180000);
    assert_in_range(count.refused_by_both, 20000, 180000);
    assert_in_range(count.duplicates, 200, 20000);
    assert_in_range(count.nul, 1, 500);
    assert_in_range(count.no_object, 1000, 20000);
    assert_in_range(count.real, 1000, 20000);
    assert_in_range(count.too_deep, 1000, 20000);
    assert_in_range(count.too_many, 1000, 20000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_text_is_one_object_and_nothing_else),
        cmocka_unit_test(test_members_are_strings_colons_values_and_single_commas),
        cmocka_unit_test(test_arrays_are_values_and_single_commas),
        cmocka_unit_test(test_literals_are_three_words_in_lower_case),
        cmocka_unit_test(test_comments_are_refused_wherever_they_stand),
        cmocka_unit_test(test_white_space_is_four_bytes),
        cmocka_unit_test(test_integers_have_no_leading_zero_plus_or_other_base),
        cmocka_unit_test(test_integers_end_where_int64_ends),
        cmocka_unit_test(test_fractions_and_exponents_are_refused),
        cmocka_unit_test(test_escapes_are_eight_letters_and_u),
        cmocka_unit_test(test_raw_bytes_of_strings_are_printable_or_del),
        cmocka_unit_test(test_nul_is_refused_in_any_form),
        cmocka_unit_test(test_strings_end_at_a_quote_of_their_own),
        cmocka_unit_test(test_surrogates_are_pairs_in_their_order),
        cmocka_unit_test(test_strings_are_utf8_in_shortest_form),
        cmocka_unit_test(test_unicode_escapes_mean_their_code_point),
        cmocka_unit_test(test_a_member_stands_once_in_its_object),
        cmocka_unit_test(test_the_same_name_may_stand_in_different_objects),
        cmocka_unit_test(test_nesting_ends_at_the_limit),
        cmocka_unit_test(test_a_text_of_brackets_is_refused),
        cmocka_unit_test(test_members_end_at_the_limit),
        cmocka_unit_test(test_members_of_closed_objects_no_longer_count),
        cmocka_unit_test(test_the_complaint_says_where_and_what),
        cmocka_unit_test(test_the_walk_gives_every_value_in_its_order),
        cmocka_unit_test(test_raw_is_what_stands_between_quotes_or_brackets),
        cmocka_unit_test(test_is_compares_all_bytes_a_string_stands_for),
        cmocka_unit_test(test_cmp_is_the_byte_order_of_what_stands_there),
        cmocka_unit_test(test_decode_gives_bytes_and_says_when_it_cuts),
        cmocka_unit_test(test_to_int64_takes_integers_alone),
        cmocka_unit_test(test_jansson_agrees_on_mutated_texts),
    };
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
