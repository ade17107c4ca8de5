/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_b64url.c: one spelling for the same bytes, and only that (RFC 4648 sections 3.5, 5 and 10; RFC 7515 section 2).
 *
 * The oracle is libsodium. Every call works on memory of exactly the size that base.h asks for, so that sanitizers and
 * valgrind see a byte beyond it. One thread.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "xdsgate/base.h"

static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void *memory(size_t size)
{
    void *fresh = malloc(size == 0 ? 1 : size);
    assert_non_null(fresh);
    return fresh;
}

/* libsodium's strict decoder. */
static bool oracle_decode(xg_str s, uint8_t *out, size_t *ret_len)
{
    const char *end = NULL;
    *ret_len = 0;
    for (size_t i = 0; i < s.len; i++) {
        if ((unsigned char)s.ptr[i] >= 0x80) { /* libsodium 1.0.18 takes some of these for letters */
            return false;
        }
    }
    return sodium_base642bin(out, s.len, s.ptr, s.len, NULL, ret_len, &end, sodium_base64_VARIANT_URLSAFE_NO_PADDING) ==
               0 &&
           end == s.ptr + s.len;
}

/* The same verdict and the same bytes as the oracle. */
static void check_against_oracle(xg_str s)
{
    uint8_t expected[16], bytes[16];
    size_t expected_len = 0, len = 0;
    assert_true(s.len <= 8);
    bool is_right = oracle_decode(s, expected, &expected_len);
    if (xg_b64url_decode(s, bytes, &len) != is_right) {
        fail_msg("%zu characters, the first two %02x %02x: libsodium says %d", s.len, (unsigned char)s.ptr[0],
                 (unsigned char)s.ptr[1], is_right);
    }
    if (is_right) {
        assert_int_equal(len, expected_len);
        assert_memory_equal(bytes, expected, len);
    }
}

static bool is_decoded(xg_str s)
{
    size_t len = 0;
    char *copy = memory(s.len);
    uint8_t *out = memory(s.len / 4 * 3 + 2);
    memcpy(copy, s.ptr, s.len);
    bool is_right = xg_b64url_decode((xg_str){copy, s.len}, out, &len);
    free(copy);
    free(out);
    return is_right;
}

static const struct {
    xg_str bytes;
    xg_str text;
} VECTORS[] = {
    {XG_STR_INIT(""), XG_STR_INIT("")},
    {XG_STR_INIT("f"), XG_STR_INIT("Zg")},
    {XG_STR_INIT("f"
                 "o"),
     XG_STR_INIT("Zm8")}, /* one word less for the spelling check */
    {XG_STR_INIT("foo"), XG_STR_INIT("Zm9v")},
    {XG_STR_INIT("foob"), XG_STR_INIT("Zm9vYg")},
    {XG_STR_INIT("fooba"), XG_STR_INIT("Zm9vYmE")},
    {XG_STR_INIT("foobar"), XG_STR_INIT("Zm9vYmFy")},
    {XG_STR_INIT("\0"), XG_STR_INIT("AA")},
    {XG_STR_INIT("\0\0\0"), XG_STR_INIT("AAAA")},
    {XG_STR_INIT("\xff"), XG_STR_INIT("_w")},
    {XG_STR_INIT("\xfb\xff\xbe"), XG_STR_INIT("-_--")},
    {XG_STR_INIT("{\"alg\":\"RS256\"}"), XG_STR_INIT("eyJhbGciOiJSUzI1NiJ9")},
};

static void test_the_vectors_of_the_rfc_go_both_ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(VECTORS); i++) {
        xg_str text = VECTORS[i].text;
        xg_str bytes = VECTORS[i].bytes;
        size_t len = 99;
        uint8_t *decoded = memory(text.len / 4 * 3 + 2);
        char *encoded = memory((bytes.len * 4 + 2) / 3 + 1);
        assert_true(xg_b64url_decode(text, decoded, &len));
        assert_int_equal(len, bytes.len);
        assert_memory_equal(decoded, bytes.ptr, len);
        assert_int_equal(xg_b64url_encode((const uint8_t *)bytes.ptr, bytes.len, encoded), text.len);
        assert_string_equal(encoded, text.ptr);
        free(decoded);
        free(encoded);
    }
}

static void test_an_empty_slice_needs_no_pointer(void **state)
{
    (void)state;
    uint8_t out[2];
    char text[1] = {'x'};
    size_t len = 99;
    assert_true(xg_b64url_decode((xg_str){NULL, 0}, out, &len));
    assert_int_equal(len, 0);
    assert_int_equal(xg_b64url_encode(NULL, 0, text), 0);
    assert_int_equal(text[0], '\0');
}

/* Each group: one accepted text, and its neighbours by one edit. */
static void test_one_edit_makes_another_spelling_and_is_refused(void **state)
{
    static const struct {
        xg_str text;
        bool is_right;
    } ROWS[] = {
        {XG_STR_INIT("Zg"), true},         {XG_STR_INIT("Zh"), false},       {XG_STR_INIT("Zo"), false},
        {XG_STR_INIT("Zv"), false},        {XG_STR_INIT("Z"), false},        {XG_STR_INIT("Zg="), false},
        {XG_STR_INIT("Zg=="), false},      {XG_STR_INIT("Zg\n"), false},     {XG_STR_INIT(" Zg"), false},
        {XG_STR_INIT("Zm8"), true},        {XG_STR_INIT("Zm9"), false},      {XG_STR_INIT("Zm-"), false},
        {XG_STR_INIT("Zm_"), false},       {XG_STR_INIT("Zm8="), false},     {XG_STR_INIT("Zm8\n"), false},
        {XG_STR_INIT("Zm8\r"), false},     {XG_STR_INIT("Zm8\0"), false},    {XG_STR_INIT("Zm "), false},
        {XG_STR_INIT("Zm9v"), true},       {XG_STR_INIT("Zm9vY"), false},    {XG_STR_INIT("Zm9v="), false},
        {XG_STR_INIT("Zm9v===="), false},  {XG_STR_INIT("Zm9\0"), false},    {XG_STR_INIT("Zm 9v"), false},
        {XG_STR_INIT("-_--"), true},       {XG_STR_INIT("+_--"), false},     {XG_STR_INIT("-/--"), false},
        {XG_STR_INIT("-_-+"), false},      {XG_STR_INIT("-_-."), false},     {XG_STR_INIT("-_-,"), false},
        {XG_STR_INIT("Zm9vYmFy"), true},   {XG_STR_INIT("Zm9vYmF"), false},  {XG_STR_INIT("Zm9\nYmFy"), false},
        {XG_STR_INIT("Zm9v\nmFy"), false}, {XG_STR_INIT("Zm9v.mFy"), false}, {XG_STR_INIT("Zm9vYmFyA"), false},
        {XG_STR_INIT("_w"), true},         {XG_STR_INIT("\xff\x77"), false}, {XG_STR_INIT("_\xf7"), false},
        {XG_STR_INIT("/w"), false},        {XG_STR_INIT("\xdf\x77"), false}, {XG_STR_INIT("_W"), false},
        {XG_STR_INIT("AAAAAA"), true},     {XG_STR_INIT("AAAAAB"), false},   {XG_STR_INIT("AAAAAI"), false},
        {XG_STR_INIT("AAAA=="), false},    {XG_STR_INIT("AA==AAAA"), false}, {XG_STR_INIT("AAAAA"), false},
    };
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        if (is_decoded(ROWS[i].text) != ROWS[i].is_right) {
            fail_msg("row %zu: %s", i, ROWS[i].text.ptr);
        }
    }
}

static void test_what_lies_behind_the_slice_does_not_count(void **state)
{
    static const char TEXT[] = "AAAAAAAA====";
    (void)state;
    for (size_t len = 0; len <= sizeof(TEXT); len++) {
        uint8_t out[12];
        size_t decoded_len = 99;
        bool is_right = len <= 8 && len % 4 != 1;
        assert_int_equal(xg_b64url_decode((xg_str){TEXT, len}, out, &decoded_len), is_right);
        assert_true(!is_right || decoded_len == len * 3 / 4);
    }
}

static void test_every_text_of_up_to_two_bytes_agrees_with_the_oracle(void **state)
{
    char text[2] = {0};
    size_t num_accepted = 0;
    (void)state;
    for (unsigned a = 0; a < 256; a++) {
        text[0] = (char)a;
        assert_false(is_decoded((xg_str){text, 1}));
        for (unsigned b = 0; b < 256; b++) {
            uint8_t out[2];
            size_t len = 0;
            text[1] = (char)b;
            check_against_oracle((xg_str){text, 2});
            num_accepted += xg_b64url_decode((xg_str){text, 2}, out, &len) ? 1 : 0;
        }
    }
    assert_int_equal(num_accepted, 256); /* as many as there are bytes */
}

/* Every value of every two places of one text; the other places hold what is there. */
static void check_every_pair(xg_str s)
{
    char text[8];
    for (size_t i = 0; i < s.len; i++) {
        for (size_t k = i + 1; k < s.len; k++) {
            memcpy(text, s.ptr, s.len);
            for (unsigned pair = 0; pair < 65536; pair++) {
                text[i] = (char)(pair >> 8);
                text[k] = (char)(pair & 255);
                check_against_oracle((xg_str){text, s.len});
            }
        }
    }
}

static void test_every_pair_of_bytes_in_a_group_agrees_with_the_oracle(void **state)
{
    (void)state;
    check_every_pair(XG_STR("Zm8"));
    check_every_pair(XG_STR("Zm9v"));
}

/* 64 x 64 x 64 texts, 65536 values of two bytes: each value must have one text, no more. */
static void test_no_two_texts_have_the_same_bytes(void **state)
{
    static bool is_seen[65536];
    size_t num_accepted = 0;
    (void)state;
    memset(is_seen, 0, sizeof(is_seen));
    for (unsigned i = 0; i < 64 * 64 * 64; i++) {
        char text[3] = {ALPHABET[i >> 12], ALPHABET[i >> 6 & 63], ALPHABET[i & 63]};
        uint8_t out[2];
        size_t len = 0;
        if (xg_b64url_decode((xg_str){text, 3}, out, &len)) {
            unsigned value = (unsigned)out[0] << 8 | out[1];
            assert_int_equal(len, 2);
            assert_false(is_seen[value]);
            is_seen[value] = true;
            num_accepted++;
        }
    }
    assert_int_equal(num_accepted, 65536);
}

static void test_one_byte_outside_the_alphabet_is_found_at_every_place(void **state)
{
    static const char OUTSIDE[] = {'=', '+', '/', '.', ' ', '\n', '\0', (char)0x80, (char)0xff};
    char text[103];
    (void)state;
    for (size_t len = sizeof(text) - 3; len <= sizeof(text); len++) { /* with every kind of tail */
        for (size_t i = 0; i < len * sizeof(OUTSIDE); i++) {
            memset(text, 'A', sizeof(text));
            assert_int_equal(is_decoded((xg_str){text, len}), len % 4 != 1);
            text[i / sizeof(OUTSIDE)] = OUTSIDE[i % sizeof(OUTSIDE)];
            assert_false(is_decoded((xg_str){text, len}));
        }
    }
}

static void test_any_bytes_survive_the_round_trip_and_look_as_the_oracle_writes_them(void **state)
{
    uint32_t random = 1;
    (void)state;
    for (size_t len = 0; len < 300; len++) {
        size_t expected_cap = sodium_base64_encoded_len(len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
        uint8_t *bytes = memory(len);
        char *expected = memory(expected_cap);
        char *text = memory((len * 4 + 2) / 3 + 1);
        for (size_t i = 0; i < len; i++) {
            random = random * 1664525 + 1013904223;
            bytes[i] = (uint8_t)(random >> 24);
        }
        (void)sodium_bin2base64(expected, expected_cap, bytes, len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
        size_t text_len = xg_b64url_encode(bytes, len, text);
        assert_int_equal(text_len, strlen(text));
        assert_string_equal(text, expected);
        size_t decoded_len = 0;
        uint8_t *decoded = memory(text_len / 4 * 3 + 2);
        assert_true(xg_b64url_decode((xg_str){text, text_len}, decoded, &decoded_len));
        assert_int_equal(decoded_len, len);
        assert_memory_equal(decoded, bytes, len);
        free(bytes);
        free(expected);
        free(text);
        free(decoded);
    }
}

static void test_every_value_of_one_and_two_bytes_is_written_as_the_oracle_writes_it(void **state)
{
    char text[4], expected[4];
    (void)state;
    for (unsigned i = 0; i < 65536; i++) {
        uint8_t bytes[2] = {(uint8_t)(i >> 8), (uint8_t)i};
        for (size_t len = i < 256 ? 1 : 2; len <= 2; len++) {
            const uint8_t *from = bytes + 2 - len;
            (void)sodium_bin2base64(expected, sizeof(expected), from, len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
            assert_int_equal(xg_b64url_encode(from, len, text), len + 1);
            assert_string_equal(text, expected);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_vectors_of_the_rfc_go_both_ways),
        cmocka_unit_test(test_an_empty_slice_needs_no_pointer),
        cmocka_unit_test(test_one_edit_makes_another_spelling_and_is_refused),
        cmocka_unit_test(test_what_lies_behind_the_slice_does_not_count),
        cmocka_unit_test(test_every_text_of_up_to_two_bytes_agrees_with_the_oracle),
        cmocka_unit_test(test_every_pair_of_bytes_in_a_group_agrees_with_the_oracle),
        cmocka_unit_test(test_no_two_texts_have_the_same_bytes),
        cmocka_unit_test(test_one_byte_outside_the_alphabet_is_found_at_every_place),
        cmocka_unit_test(test_any_bytes_survive_the_round_trip_and_look_as_the_oracle_writes_them),
        cmocka_unit_test(test_every_value_of_one_and_two_bytes_is_written_as_the_oracle_writes_it),
    };
    return cmocka_run_group_tests_name("b64url", tests, NULL, NULL);
}
