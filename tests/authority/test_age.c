/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_age.c: age files under a passphrase: what is written can be read, what others wrote too, and what differs from
 * that by one edit is refused for its own reason.
 *
 * The files below were made once by stock age (filippo.io/age v1.3.2) and hold "twelve bytes". The linker puts the
 * functions below in place of those that can fail for lack of memory. One thread.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "age_internal.h"

#define PASSPHRASE "TEST PASSPHRASE, NOT A SECRET"
#define PLAIN      "twelve bytes"
#define BEGIN      "-----BEGIN AGE ENCRYPTED FILE-----"
#define END        "-----END AGE ENCRYPTED FILE-----"

/* Work factor 1, as no file of an operator may have: cheap enough to be read a thousand times. */
#define CHEAP_LINE_1 "YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IHNjcnlwdCBYeDNTWnVrTjRXT1U5N3BC"
#define CHEAP_LINE_2 "RkJFbHV3IDEKY0dpbnlING52TjY4Nm1LcXZjU1NMTTRvQ0J1RG9kQmcrbkd0RnhJ"
#define CHEAP_LINE_3 "QWlaSQotLS0gNDNmVlJnb3dST3c4WVI4WCs5cHFmemo2QW10VDJ0UXdFZFpsR0Nj"
#define CHEAP_LINE_4 "Ykg4cwo7RWHVW474l3AIFP5qcfoOsCB8s9qJEXGrtSJsxnQiwcCslZDUAS7RGpOf"
#define CHEAP_LINE_5 "rg=="
#define CHEAP_LINES  CHEAP_LINE_1 "\n" CHEAP_LINE_2 "\n" CHEAP_LINE_3 "\n" CHEAP_LINE_4 "\n" CHEAP_LINE_5 "\n"
#define CHEAP        BEGIN "\n" CHEAP_LINES END "\n"

/* The least work factor of age.h. */
#define LEAST                                                                                                          \
    BEGIN "\n"                                                                                                         \
          "YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IHNjcnlwdCBOTWRHMXp1TnJxS3Ivekx4\n"                                         \
          "cW5aWmVRIDE1Ckg3MFI0YjE4Rmw4dWdLQ3FDRGQ3YlVZQis2WlkvYlEzcmg1TjFO\n"                                         \
          "VHNUMzQKLS0tIEQxeHJETm93amFaeXJ1V2kwdXZPRVhKdHpHTW9JUjh3citEYVBR\n"                                         \
          "cFdEazQK1tglwqaZ8A4V8c8EqL8Vsq6Sg2MdxtgPkWZU0RGMG3js0my35rSHsSNZ\n"                                         \
          "CJI=\n" END "\n"

/* For an X25519 identity that was not kept. */
#define FOR_IDENTITY                                                                                                   \
    BEGIN "\n"                                                                                                         \
          "YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBmZm45eXF4UmlxMnJPcklw\n"                                         \
          "WDVxNXVtdmxTZmJRTVBJQTFjRVZTRmdWMkNJCnZyQ01STVVnOWRRaGZNZGNFYnFG\n"                                         \
          "ZjMwQ0N6TGxNT1ZJakNtMThIeUtLMWMKLS0tIDZVOSs5QkZSd1MxOGVDL3MwKzd5\n"                                         \
          "ZWYwOWpiVVBQeWtBU0M2bG16bHlSUHMK5NqDFVWqUKK0YdBdnNuUzZU3M0DkrTsT\n"                                         \
          "wb4tnXlLIqvoj/Yv6E6WmLIEdqA=\n" END "\n"

static const xg_age_limits CHEAP_LIMITS = {1, 3, 4 * XG_AGE_CHUNK_SIZE};

/* ---- calls that fail ---- */

static unsigned num_calls;
static unsigned failing_call; /* counted from 1; 0: none */

static bool fails(void)
{
    num_calls++;
    return num_calls == failing_call;
}

/* What the linker makes of the names is prescribed. */
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_sodium_malloc(size_t size);
void *__wrap_sodium_malloc(size_t size);
int __real_crypto_pwhash_scryptsalsa208sha256_ll(const uint8_t *passphrase, size_t passphrase_len, const uint8_t *salt,
                                                 size_t salt_len, uint64_t n, uint32_t r, uint32_t p, uint8_t *key,
                                                 size_t key_len);
int __wrap_crypto_pwhash_scryptsalsa208sha256_ll(const uint8_t *passphrase, size_t passphrase_len, const uint8_t *salt,
                                                 size_t salt_len, uint64_t n, uint32_t r, uint32_t p, uint8_t *key,
                                                 size_t key_len);

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_sodium_malloc(size_t size)
{
    return fails() ? NULL : __real_sodium_malloc(size);
}

int __wrap_crypto_pwhash_scryptsalsa208sha256_ll(const uint8_t *passphrase, size_t passphrase_len, const uint8_t *salt,
                                                 size_t salt_len, uint64_t n, uint32_t r, uint32_t p, uint8_t *key,
                                                 size_t key_len)
{
    return fails() ? -1
                   : __real_crypto_pwhash_scryptsalsa208sha256_ll(passphrase, passphrase_len, salt, salt_len, n, r, p,
                                                                  key, key_len);
}

/* ---- what the tests share ---- */

static xg_age_status cheap_status(xg_str text, const char *passphrase)
{
    char *plain = NULL;
    size_t len = 0;
    xg_age_status status = xg_age_decrypt_within(&CHEAP_LIMITS, text, xg_str_of(passphrase), &plain, &len);
    assert_int_equal(plain != NULL, status == XG_AGE_OK);
    sodium_free(plain);
    return status;
}

/* The file in its binary form; to be released with free. */
static xg_str dearmor(const char *text)
{
    size_t len = 0;
    uint8_t *bytes = malloc(strlen(text));
    assert_non_null(bytes);
    assert_true(xg_age_armor_read(xg_str_of(text), bytes, &len));
    return (xg_str){(const char *)bytes, len};
}

static void release(xg_str bytes)
{
    char *ptr = NULL;
    memcpy(&ptr, &bytes.ptr, sizeof(ptr));
    free(ptr);
}

/* A copy of file, of its exact size, with the first `from` replaced; to be released with free. */
static xg_str edit(xg_str file, const char *from, const char *to)
{
    size_t from_len = strlen(from);
    size_t to_len = strlen(to);
    const char *at = memmem(file.ptr, file.len, from, from_len);
    assert_non_null(at);
    size_t before = (size_t)(at - file.ptr);
    size_t len = file.len - from_len + to_len;
    char *copy = malloc(len);
    assert_non_null(copy);
    memcpy(copy, file.ptr, before);
    memcpy(copy + before, to, to_len);
    memcpy(copy + before + to_len, at + from_len, file.len - before - from_len);
    return (xg_str){copy, len};
}

static char *make_plain(size_t len)
{
    char *plain = malloc(len + 1);
    assert_non_null(plain);
    for (size_t i = 0; i < len; i++) {
        plain[i] = (char)(i * 31 + i / 251);
    }
    return plain;
}

/* ---- what is accepted ---- */

static void test_what_is_written_is_read_at_any_length(void **state)
{
    static const size_t lengths[] = {0,     1,     2,     47,    48,         49,     65519, 65520,
                                     65535, 65536, 65537, 65552, 2 * 65536L, 131073, 262144};
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(lengths); i++) {
        char *plain = make_plain(lengths[i]);
        char *text = NULL;
        char *back = NULL;
        size_t text_len = 0;
        size_t back_len = 0;
        assert_int_equal(
            xg_age_encrypt_within(&CHEAP_LIMITS, (xg_str){plain, lengths[i]}, XG_STR(PASSPHRASE), 1, &text, &text_len),
            XG_AGE_OK);
        assert_int_equal(strlen(text), text_len);
        assert_true(xg_age_is((xg_str){text, text_len}));
        assert_int_equal(
            xg_age_decrypt_within(&CHEAP_LIMITS, (xg_str){text, text_len}, XG_STR(PASSPHRASE), &back, &back_len),
            XG_AGE_OK);
        assert_int_equal(back_len, lengths[i]);
        assert_memory_equal(back, plain, back_len);
        assert_int_equal(back[back_len], '\0');
        sodium_free(back);
        free(text);
        free(plain);
    }
}

static void test_bounds_of_the_header_are_kept(void **state)
{
    char *text = NULL;
    char *plain = make_plain(XG_AGE_PLAIN_MAX + 1);
    size_t len = 0;
    xg_str longest = {plain, XG_AGE_PLAIN_MAX};
    xg_str too_long = {plain, XG_AGE_PLAIN_MAX + 1};
    (void)state;
    assert_int_equal(xg_age_encrypt(longest, XG_STR(PASSPHRASE), XG_AGE_WORK_MIN - 1, &text, &len), XG_AGE_WORK);
    assert_int_equal(xg_age_encrypt(longest, XG_STR(PASSPHRASE), XG_AGE_WORK_MAX + 1, &text, &len), XG_AGE_WORK);
    assert_int_equal(xg_age_encrypt(longest, (xg_str){NULL, 0}, XG_AGE_WORK_MIN, &text, &len), XG_AGE_PASSPHRASE);
    assert_int_equal(xg_age_encrypt(too_long, XG_STR(PASSPHRASE), XG_AGE_WORK_MIN, &text, &len), XG_AGE_TOO_LONG);
    assert_null(text);
    assert_int_equal(xg_age_encrypt(longest, XG_STR(PASSPHRASE), XG_AGE_WORK_MIN, &text, &len), XG_AGE_OK);

    char *back = NULL;
    size_t back_len = 0;
    assert_int_equal(xg_age_decrypt((xg_str){text, len}, XG_STR(PASSPHRASE), &back, &back_len), XG_AGE_OK);
    assert_int_equal(back_len, XG_AGE_PLAIN_MAX);
    assert_memory_equal(back, plain, back_len);
    sodium_free(back);
    free(text);
    free(plain);
}

static void test_what_stock_age_wrote_is_read(void **state)
{
    xg_str binary = dearmor(LEAST);
    xg_str spellings[] = {XG_STR(LEAST), binary};
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(spellings); i++) {
        char *plain = NULL;
        size_t len = 0;
        assert_true(xg_age_is(spellings[i]));
        assert_int_equal(xg_age_decrypt(spellings[i], XG_STR(PASSPHRASE), &plain, &len), XG_AGE_OK);
        assert_int_equal(len, strlen(PLAIN));
        assert_string_equal(plain, PLAIN);
        sodium_free(plain);
    }
    release(binary);
}

static void test_two_files_of_one_text_share_nothing(void **state)
{
    char *texts[2] = {NULL, NULL};
    xg_str files[2];
    xg_age_header headers[2];
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        size_t len = 0;
        assert_int_equal(xg_age_encrypt_within(&CHEAP_LIMITS, XG_STR(PLAIN), XG_STR(PASSPHRASE), 1, &texts[i], &len),
                         XG_AGE_OK);
        files[i] = dearmor(texts[i]);
        assert_true(xg_age_header_parse(files[i], &headers[i]));
    }
    assert_false(xg_str_eq(headers[0].first.args, headers[1].first.args));
    assert_memory_not_equal(headers[0].first.body, headers[1].first.body, XG_AGE_WRAPPED_SIZE);
    assert_memory_not_equal(headers[0].payload.ptr, headers[1].payload.ptr, XG_AGE_NONCE_SIZE);
    for (size_t i = 0; i < 2; i++) {
        release(files[i]);
        free(texts[i]);
    }
}

/* ---- armor ---- */

typedef struct armor_case {
    const char *name;
    const char *text;
    xg_age_status status;
} armor_case;

/* clang-format off */
static const armor_case ARMORS[] = {
    {"as written", CHEAP, XG_AGE_OK},
    {"no end of the last line", BEGIN "\n" CHEAP_LINES END, XG_AGE_OK},
    {"blanks around it", " \t\r\n" CHEAP "\n \t\r\n", XG_AGE_OK},
    {"CRLF throughout", BEGIN "\r\n" CHEAP_LINE_1 "\r\n" CHEAP_LINE_2 "\r\n" CHEAP_LINE_3 "\r\n" CHEAP_LINE_4 "\r\n"
        CHEAP_LINE_5 "\r\n" END "\r\n", XG_AGE_OK},
    {"CRLF in the first line alone", BEGIN "\r\n" CHEAP_LINES END "\n", XG_AGE_FORMAT},
    {"CRLF in another line alone", BEGIN "\n" CHEAP_LINE_1 "\r\n" CHEAP_LINE_2 "\n" CHEAP_LINE_3 "\n" CHEAP_LINE_4 "\n"
        CHEAP_LINE_5 "\n" END "\n", XG_AGE_FORMAT},
    {"words before it", "x" CHEAP, XG_AGE_FORMAT},
    {"words behind it", CHEAP "x", XG_AGE_FORMAT},
    {"twice", CHEAP CHEAP, XG_AGE_FORMAT},
    {"another label", "-----BEGIN AGE ENCRYPTED FIL-----\n" CHEAP_LINES END "\n", XG_AGE_FORMAT},
    {"another case", "-----BEGIN age ENCRYPTED FILE-----\n" CHEAP_LINES END "\n", XG_AGE_FORMAT},
    {"another label at the end", BEGIN "\n" CHEAP_LINES "-----END AGE ENCRYPTED FIL-----\n", XG_AGE_FORMAT},
    {"more in the first line", BEGIN "-\n" CHEAP_LINES END "\n", XG_AGE_FORMAT},
    {"a blank behind the first line", BEGIN " \n" CHEAP_LINES END "\n", XG_AGE_FORMAT},
    {"no last line", BEGIN "\n" CHEAP_LINES, XG_AGE_FORMAT},
    {"the first line alone", BEGIN, XG_AGE_FORMAT},
    {"nothing inside", BEGIN "\n" END "\n", XG_AGE_FORMAT},
    {"an empty line inside", BEGIN "\n\n" END "\n", XG_AGE_FORMAT},
    {"an empty line first", BEGIN "\n\n" CHEAP_LINES END "\n", XG_AGE_FORMAT},
    {"an empty line last", BEGIN "\n" CHEAP_LINES "\n" END "\n", XG_AGE_FORMAT},
    {"a blank before the last line", BEGIN "\n" CHEAP_LINES " " END "\n", XG_AGE_FORMAT},
    {"headers", BEGIN "\nA: b\n\n" CHEAP_LINES END "\n", XG_AGE_FORMAT},
    {"a short line", BEGIN "\n" CHEAP_LINE_1 "\n" CHEAP_LINE_2 "\n" CHEAP_LINE_3 "\n" "Ykg4\n"
        "cwo7RWHVW474l3AIFP5qcfoOsCB8s9qJEXGrtSJsxnQiwcCslZDUAS7RGpOf\n" CHEAP_LINE_5 "\n" END "\n", XG_AGE_FORMAT},
    {"a long line", BEGIN "\n" CHEAP_LINE_1 CHEAP_LINE_2 "\n" CHEAP_LINE_3 "\n" CHEAP_LINE_4 "\n" CHEAP_LINE_5 "\n"
        END "\n", XG_AGE_FORMAT},
    {"a last line that is too long", BEGIN "\n" CHEAP_LINE_1 "\n" CHEAP_LINE_2 "\n" CHEAP_LINE_3 "\n" CHEAP_LINE_4
        CHEAP_LINE_5 "\n" END "\n", XG_AGE_FORMAT},
    {"no padding", BEGIN "\n" CHEAP_LINE_1 "\n" CHEAP_LINE_2 "\n" CHEAP_LINE_3 "\n" CHEAP_LINE_4 "\nrg\n" END "\n",
        XG_AGE_FORMAT},
    {"half the padding", BEGIN "\n" CHEAP_LINE_1 "\n" CHEAP_LINE_2 "\n" CHEAP_LINE_3 "\n" CHEAP_LINE_4 "\nrg=\n" END
        "\n", XG_AGE_FORMAT},
    {"too much padding", BEGIN "\n" CHEAP_LINE_1 "\n" CHEAP_LINE_2 "\n" CHEAP_LINE_3 "\n" CHEAP_LINE_4 "\nrg===\n" END
        "\n", XG_AGE_FORMAT},
    {"another spelling of the last byte", BEGIN "\n" CHEAP_LINE_1 "\n" CHEAP_LINE_2 "\n" CHEAP_LINE_3 "\n" CHEAP_LINE_4
        "\nrh==\n" END "\n", XG_AGE_FORMAT},
    {"the alphabet of URLs", BEGIN "\n" CHEAP_LINE_1 "\n" CHEAP_LINE_2 "\n" CHEAP_LINE_3 "\n" CHEAP_LINE_4 "\n-g==\n"
        END "\n", XG_AGE_FORMAT},
    {"a byte that libsodium takes for a letter", BEGIN "\n" CHEAP_LINE_1 "\n" CHEAP_LINE_2 "\n" CHEAP_LINE_3 "\n"
        CHEAP_LINE_4 "\n\xffg==\n" END "\n", XG_AGE_FORMAT},
    {"a blank behind the padding", BEGIN "\n" CHEAP_LINE_1 "\n" CHEAP_LINE_2 "\n" CHEAP_LINE_3 "\n" CHEAP_LINE_4
        "\nrg== \n" END "\n", XG_AGE_FORMAT},
    {"a sum of its own", BEGIN "\n" CHEAP_LINES "=yjEF\n" END "\n", XG_AGE_FORMAT},
    {"one byte less", BEGIN "\n" CHEAP_LINE_1 "\n" CHEAP_LINE_2 "\n" CHEAP_LINE_3 "\n" CHEAP_LINE_4 "\n" END "\n",
        XG_AGE_DAMAGED},
    {"another last byte", BEGIN "\n" CHEAP_LINE_1 "\n" CHEAP_LINE_2 "\n" CHEAP_LINE_3 "\n" CHEAP_LINE_4 "\nrw==\n" END
        "\n", XG_AGE_DAMAGED},
    {"one byte more", BEGIN "\n" CHEAP_LINE_1 "\n" CHEAP_LINE_2 "\n" CHEAP_LINE_3 "\n" CHEAP_LINE_4 "\nrgA=\n" END
        "\n", XG_AGE_DAMAGED},
};
/* clang-format on */

static void test_armor_is_canonical_or_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ARMORS); i++) {
        xg_str copy = edit(xg_str_of(ARMORS[i].text), "-", "-"); /* of its exact size, for a sanitizer to see */
        xg_age_status status = cheap_status(copy, PASSPHRASE);
        if (status != ARMORS[i].status) {
            fail_msg("%s: %d instead of %d", ARMORS[i].name, (int)status, (int)ARMORS[i].status);
        }
        release(copy);
    }
}

static void test_a_full_last_line_has_no_empty_one_behind_it(void **state)
{
    static const char plain[XG_AGE_LINE_BYTES] = {0};
    unsigned num_full = 0;
    (void)state;
    for (size_t i = 0; i < sizeof(plain); i++) {
        char *text = NULL;
        size_t len = 0;
        assert_int_equal(xg_age_encrypt_within(&CHEAP_LIMITS, (xg_str){plain, i}, XG_STR(PASSPHRASE), 1, &text, &len),
                         XG_AGE_OK);
        if (text[len - strlen("\n" END "\n") - XG_AGE_COLUMNS - 1] == '\n') {
            num_full++;
            xg_str gap = edit((xg_str){text, len}, "\n" END, "\n\n" END);
            assert_int_equal(cheap_status((xg_str){text, len}, PASSPHRASE), XG_AGE_OK);
            assert_int_equal(cheap_status(gap, PASSPHRASE), XG_AGE_FORMAT);
            release(gap);
        }
        free(text);
    }
    assert_int_equal(num_full, 3); /* 46, 47 and 48 bytes in it, the first two with padding */
}

/* ---- header ---- */

typedef struct header_case {
    const char *name;
    const char *from;
    const char *to;
    xg_age_status status;
} header_case;

#define SALT "Xx3SZukN4WOU97pBFBEluw"
#define BODY "cGinyH4nvN686mKqvcSSLM4oCBuDodBg+nGtFxIAiZI"
#define MAC  "43fVRgowROw8YR8X+9pqfzj6AmtT2tQwEdZlGCcbH8s"

static const header_case HEADERS[] = {
    {"as it is", "age", "age", XG_AGE_OK},
    {"another version", "/v1\n", "/v2\n", XG_AGE_FORMAT},
    {"more than the version", "/v1\n", "/v1 \n", XG_AGE_FORMAT},
    {"CRLF behind the version", "/v1\n", "/v1\r\n", XG_AGE_FORMAT},
    {"a blank first", "age-", " age-", XG_AGE_FORMAT},
    {"an empty line", "/v1\n", "/v1\n\n", XG_AGE_FORMAT},
    {"no stanza", "-> scrypt " SALT " 1\n" BODY "\n", "", XG_AGE_FORMAT},
    {"no arguments", "scrypt " SALT " 1\n", "\n", XG_AGE_FORMAT},
    {"no blank behind the arrow", "-> ", "->", XG_AGE_FORMAT},
    {"two blanks behind the arrow", "-> ", "->  ", XG_AGE_FORMAT},
    {"two blanks between arguments", "scrypt ", "scrypt  ", XG_AGE_FORMAT},
    {"a tab between arguments", "scrypt ", "scrypt\t", XG_AGE_FORMAT},
    {"a blank behind the arguments", " 1\n", " 1 \n", XG_AGE_FORMAT},
    {"CRLF behind the arguments", " 1\n", " 1\r\n", XG_AGE_FORMAT},
    {"a byte that is not ASCII", "scrypt", "\xb9", XG_AGE_FORMAT},
    {"DEL", "scrypt", "\x7f", XG_AGE_FORMAT},
    {"NUL's neighbour", "scrypt", "\x01", XG_AGE_FORMAT},
    {"the last byte that is visible", "scrypt", "~", XG_AGE_RECIPIENT},
    {"a salt that is short", SALT, "Xx3SZukN4WOU97pBFBEl", XG_AGE_FORMAT},
    {"a salt that is long", SALT, "Xx3SZukN4WOU97pBFBEluwAA", XG_AGE_FORMAT},
    {"a salt in another spelling", SALT, "Xx3SZukN4WOU97pBFBElux", XG_AGE_FORMAT},
    {"a salt with padding", SALT, SALT "==", XG_AGE_FORMAT},
    {"no salt", SALT " ", "", XG_AGE_FORMAT},
    {"no work factor", " 1\n", "\n", XG_AGE_FORMAT},
    {"one argument more", " 1\n", " 1 1\n", XG_AGE_FORMAT},
    {"a work factor with a zero first", " 1\n", " 01\n", XG_AGE_FORMAT},
    {"a work factor with a plus", " 1\n", " +1\n", XG_AGE_FORMAT},
    {"a work factor with a minus", " 1\n", " -1\n", XG_AGE_FORMAT},
    {"a work factor of zero", " 1\n", " 0\n", XG_AGE_FORMAT},
    {"a hexadecimal work factor", " 1\n", " 0x1\n", XG_AGE_FORMAT},
    {"letters behind the work factor", " 1\n", " 1a\n", XG_AGE_FORMAT},
    {"letters before the work factor", " 1\n", " a1\n", XG_AGE_FORMAT},
    {"no body", BODY "\n", "", XG_AGE_FORMAT},
    {"an empty body", BODY "\n", "\n", XG_AGE_FORMAT},
    {"a body that is short", BODY, "cGinyH4nvN686mKqvcSSLM4oCBuDodBg+nGtFxIAiQ", XG_AGE_FORMAT},
    {"a body that is long", BODY, "cGinyH4nvN686mKqvcSSLM4oCBuDodBg+nGtFxIAiZIA", XG_AGE_FORMAT},
    {"a body of two lines", BODY "\n", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n\n",
     XG_AGE_FORMAT},
    {"a body in another spelling", BODY, "cGinyH4nvN686mKqvcSSLM4oCBuDodBg+nGtFxIAiZJ", XG_AGE_FORMAT},
    {"a body with padding", BODY, BODY "=", XG_AGE_FORMAT},
    {"a body with a blank", BODY, BODY " ", XG_AGE_FORMAT},
    {"a body with CRLF", BODY, BODY "\r", XG_AGE_FORMAT},
    {"an empty line behind the body", BODY "\n", BODY "\n\n", XG_AGE_FORMAT},
    {"no MAC", "--- " MAC "\n", "", XG_AGE_FORMAT},
    {"no blank before the MAC", "--- ", "---", XG_AGE_FORMAT},
    {"two blanks before the MAC", "--- ", "---  ", XG_AGE_FORMAT},
    {"four dashes", "--- ", "---- ", XG_AGE_FORMAT},
    {"a MAC that is short", MAC, "43fVRgowROw8YR8X+9pqfzj6AmtT2tQwEdZlGCcbHw", XG_AGE_FORMAT},
    {"a MAC that is long", MAC, MAC "A", XG_AGE_FORMAT},
    {"a MAC in another spelling", MAC, "43fVRgowROw8YR8X+9pqfzj6AmtT2tQwEdZlGCcbH8t", XG_AGE_FORMAT},
    {"a MAC with padding", MAC, MAC "=", XG_AGE_FORMAT},
    {"a MAC with a blank", MAC, MAC " ", XG_AGE_FORMAT},
    {"a MAC with CRLF", MAC, MAC "\r", XG_AGE_FORMAT},
    {"another recipient", "scrypt", "Scrypt", XG_AGE_RECIPIENT},
    {"a recipient whose name begins so", "scrypt", "scrypt2", XG_AGE_RECIPIENT},
    {"another recipient first", "-> ", "-> grease\n\n-> ", XG_AGE_RECIPIENT},
    {"another recipient behind it", "--- ", "-> grease x y\nAAAA\n--- ", XG_AGE_RECIPIENT},
    {"two passphrases", "--- ", "-> scrypt " SALT " 1\n" BODY "\n--- ", XG_AGE_RECIPIENT},
    {"a work factor above the bounds", " 1\n", " 4\n", XG_AGE_WORK},
    {"a work factor that no number holds", " 1\n", " 18446744073709551617\n", XG_AGE_WORK},
    {"another salt", "Xx3", "Xx4", XG_AGE_PASSPHRASE},
    {"another work factor", " 1\n", " 2\n", XG_AGE_PASSPHRASE},
    {"another body", "cGi", "cGj", XG_AGE_PASSPHRASE},
    {"another MAC", "43f", "43g", XG_AGE_DAMAGED},
};

static void test_one_edit_of_the_header_is_refused_for_what_it_is(void **state)
{
    xg_str good = dearmor(CHEAP);
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(HEADERS); i++) {
        xg_str file = edit(good, HEADERS[i].from, HEADERS[i].to);
        xg_age_status status = cheap_status(file, PASSPHRASE);
        if (status != HEADERS[i].status) {
            fail_msg("%s: %d instead of %d", HEADERS[i].name, (int)status, (int)HEADERS[i].status);
        }
        release(file);
    }
    release(good);
}

static void test_another_passphrase_opens_nothing(void **state)
{
    static const char *const others[] = {"", " ", "TEST PASSPHRASE, NOT A SECRET ", "TEST PASSPHRASE, NOT A SECRE",
                                         "test passphrase, not a secret"};
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(others); i++) {
        assert_int_equal(cheap_status(XG_STR(CHEAP), others[i]), XG_AGE_PASSPHRASE);
    }
}

static void test_a_file_for_an_identity_is_no_file_for_a_passphrase(void **state)
{
    char *plain = NULL;
    size_t len = 0;
    (void)state;
    assert_true(xg_age_is(XG_STR(FOR_IDENTITY)));
    assert_int_equal(xg_age_decrypt(XG_STR(FOR_IDENTITY), XG_STR(PASSPHRASE), &plain, &len), XG_AGE_RECIPIENT);
    assert_null(plain);
}

static void test_a_work_factor_outside_of_the_bounds_costs_nothing(void **state)
{
    static const char *const works[] = {"1", "14", "21", "63", "64", "4294967311"};
    xg_str good = dearmor(LEAST);
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(works); i++) {
        char *plain = NULL;
        char to[32];
        size_t len = 0;
        (void)snprintf(to, sizeof(to), " %s\n", works[i]);
        xg_str file = edit(good, " 15\n", to);
        num_calls = 0;
        assert_int_equal(xg_age_decrypt(file, XG_STR(PASSPHRASE), &plain, &len), XG_AGE_WORK);
        assert_int_equal(num_calls, 0);
        release(file);
    }
    release(good);
}

/* ---- payload ---- */

static void test_every_bit_counts(void **state)
{
    xg_str good = dearmor(CHEAP);
    (void)state;
    for (size_t i = 0; i < good.len * 8; i++) {
        xg_str file = edit(good, "age", "age");
        char *bytes = NULL;
        memcpy(&bytes, &file.ptr, sizeof(bytes));
        bytes[i / 8] = (char)(bytes[i / 8] ^ 1 << i % 8);
        assert_int_not_equal(cheap_status(file, PASSPHRASE), XG_AGE_OK);
        free(bytes);
    }
    release(good);
}

static void test_a_cut_file_is_refused_wherever_it_is_cut(void **state)
{
    xg_str good = dearmor(CHEAP);
    xg_age_header header;
    (void)state;
    assert_true(xg_age_header_parse(good, &header));
    for (size_t len = 0; len < good.len; len++) {
        char *file = malloc(len == 0 ? 1 : len);
        assert_non_null(file);
        memcpy(file, good.ptr, len);
        assert_int_equal(cheap_status((xg_str){file, len}, PASSPHRASE),
                         len < good.len - header.payload.len ? XG_AGE_FORMAT : XG_AGE_DAMAGED);
        free(file);
    }
    for (size_t len = 1; len < strlen(CHEAP) - 1; len++) {
        assert_int_equal(cheap_status((xg_str){CHEAP, len}, PASSPHRASE), XG_AGE_FORMAT);
    }
    release(good);
}

/* Chunks put together by hand: with each of them of a length, and marked as last or not. */
typedef struct stream_case {
    const char *name;
    size_t lens[3];
    bool is_last[3];
    size_t num_chunks;
    size_t num_more; /* bytes behind the last */
    xg_age_status status;
} stream_case;

#define FULL XG_AGE_CHUNK_SIZE

static const stream_case STREAMS[] = {
    {"one empty chunk", {0}, {true}, 1, 0, XG_AGE_OK},
    {"one chunk", {5}, {true}, 1, 0, XG_AGE_OK},
    {"one full chunk", {FULL}, {true}, 1, 0, XG_AGE_OK},
    {"two chunks", {FULL, 1}, {false, true}, 2, 0, XG_AGE_OK},
    {"two full chunks", {FULL, FULL}, {false, true}, 2, 0, XG_AGE_OK},
    {"three chunks", {FULL, FULL, 7}, {false, false, true}, 3, 0, XG_AGE_OK},
    {"no chunk", {0}, {false}, 0, 0, XG_AGE_DAMAGED},
    {"one chunk that is not the last", {5}, {false}, 1, 0, XG_AGE_DAMAGED},
    {"one full chunk that is not the last", {FULL}, {false}, 1, 0, XG_AGE_DAMAGED},
    {"an empty chunk at the end", {FULL, 0}, {false, true}, 2, 0, XG_AGE_DAMAGED},
    {"the last two chunks missing", {FULL, 1}, {false, false}, 2, 0, XG_AGE_DAMAGED},
    {"two last chunks", {FULL, 1}, {true, true}, 2, 0, XG_AGE_DAMAGED},
    {"a short chunk in the middle", {5, 5}, {false, true}, 2, 0, XG_AGE_DAMAGED},
    {"two short last chunks", {5, 5}, {true, true}, 2, 0, XG_AGE_DAMAGED},
    {"a byte behind the last chunk", {5}, {true}, 1, 1, XG_AGE_DAMAGED},
    {"a byte behind a full last chunk", {FULL}, {true}, 1, 1, XG_AGE_DAMAGED},
    {"a tag's length behind a full last chunk", {FULL}, {true}, 1, XG_AGE_TAG_SIZE, XG_AGE_DAMAGED},
    {"more than a tag behind a full last chunk", {FULL}, {true}, 1, XG_AGE_TAG_SIZE + 1, XG_AGE_DAMAGED},
};

static const uint8_t FILE_KEY[XG_AGE_FILE_KEY_SIZE] = "YELLOW SUBMARINE"; /* no secret either */

/* HKDF by the caller's hand: RFC 5869 with one block. */
static void payload_key(const uint8_t *nonce, uint8_t key[32])
{
    crypto_auth_hmacsha256_state hmac;
    crypto_auth_hmacsha256_init(&hmac, nonce, XG_AGE_NONCE_SIZE);
    crypto_auth_hmacsha256_update(&hmac, FILE_KEY, sizeof(FILE_KEY));
    crypto_auth_hmacsha256_final(&hmac, key);
    crypto_auth_hmacsha256_init(&hmac, key, 32);
    crypto_auth_hmacsha256_update(&hmac, (const uint8_t *)"payload\x01", 8);
    crypto_auth_hmacsha256_final(&hmac, key);
}

static size_t build_stream(const stream_case *stream, const char *plain, uint8_t *out)
{
    uint8_t key[32];
    size_t len = XG_AGE_NONCE_SIZE;
    memset(out, 0x5a, XG_AGE_NONCE_SIZE);
    payload_key(out, key);
    for (size_t i = 0; i < stream->num_chunks; i++) {
        uint8_t nonce[12] = {0};
        nonce[10] = (uint8_t)i;
        nonce[11] = stream->is_last[i];
        (void)crypto_aead_chacha20poly1305_ietf_encrypt(out + len, NULL, (const uint8_t *)plain, stream->lens[i], NULL,
                                                        0, NULL, nonce, key);
        plain += stream->lens[i];
        len += stream->lens[i] + XG_AGE_TAG_SIZE;
    }
    memset(out + len, 0, stream->num_more);
    return len + stream->num_more;
}

static void test_the_last_chunk_is_the_last(void **state)
{
    char *plain = make_plain(3 * FULL);
    uint8_t *out = malloc(4 * FULL);
    uint8_t *back = malloc(4 * FULL);
    xg_age_keys keys;
    (void)state;
    assert_non_null(out);
    assert_non_null(back);
    memcpy(keys.file, FILE_KEY, sizeof(FILE_KEY));
    for (size_t i = 0; i < XG_ARRAY_LEN(STREAMS); i++) {
        size_t plain_len = 0;
        xg_str payload = {(const char *)out, build_stream(&STREAMS[i], plain, out)};
        bool is_opened = xg_age_payload_open(&keys, payload, back);
        if (is_opened != (STREAMS[i].status == XG_AGE_OK)) {
            fail_msg("%s: opened: %d", STREAMS[i].name, (int)is_opened);
        }
        if (is_opened) {
            assert_true(xg_age_payload_measure(payload.len, &plain_len));
            assert_int_equal(plain_len, STREAMS[i].lens[0] + STREAMS[i].lens[1] + STREAMS[i].lens[2]);
            assert_memory_equal(back, plain, plain_len);
        }
    }
    free(back);
    free(out);
    free(plain);
}

static void test_lengths_that_no_payload_has(void **state)
{
    static const struct {
        size_t len;
        bool is_one;
        size_t plain_len;
    } lengths[] = {
        {0, false, 0},
        {XG_AGE_NONCE_SIZE, false, 0},
        {XG_AGE_NONCE_SIZE + 15, false, 0},
        {XG_AGE_NONCE_SIZE + 16, true, 0},
        {XG_AGE_NONCE_SIZE + 17, true, 1},
        {XG_AGE_NONCE_SIZE + FULL + 16, true, FULL},
        {XG_AGE_NONCE_SIZE + FULL + 17, false, 0},
        {XG_AGE_NONCE_SIZE + FULL + 31, false, 0},
        {XG_AGE_NONCE_SIZE + FULL + 32, false, 0},
        {XG_AGE_NONCE_SIZE + FULL + 33, true, FULL + 1},
        {XG_AGE_NONCE_SIZE + 2 * (FULL + 16), true, 2 * FULL},
    };
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(lengths); i++) {
        size_t plain_len = 0;
        assert_int_equal(xg_age_payload_measure(lengths[i].len, &plain_len), lengths[i].is_one);
        assert_int_equal(plain_len, lengths[i].plain_len);
        assert_true(!lengths[i].is_one || xg_age_payload_size(plain_len) == lengths[i].len);
    }
}

static void test_a_length_that_is_too_long_is_refused_before_any_work(void **state)
{
    xg_str good = dearmor(LEAST);
    size_t len = good.len + XG_AGE_PLAIN_MAX + XG_AGE_TAG_SIZE - strlen(PLAIN) + 1;
    char *file = calloc(len, 1);
    char *plain = NULL;
    size_t plain_len = 0;
    (void)state;
    assert_non_null(file);
    memcpy(file, good.ptr, good.len);
    num_calls = 0;
    assert_int_equal(xg_age_decrypt((xg_str){file, len}, XG_STR(PASSPHRASE), &plain, &plain_len), XG_AGE_TOO_LONG);
    assert_int_equal(num_calls, 0);
    free(file);

    size_t armored_len = (size_t)2 * XG_AGE_PLAIN_MAX;
    file = malloc(armored_len);
    assert_non_null(file);
    memset(file, 'A', armored_len);
    memcpy(file, BEGIN, strlen(BEGIN));
    num_calls = 0;
    assert_int_equal(xg_age_decrypt((xg_str){file, armored_len}, XG_STR(PASSPHRASE), &plain, &plain_len),
                     XG_AGE_TOO_LONG);
    assert_int_equal(num_calls, 0);
    free(file);
    release(good);
}

/* ---- memory, and what is an age file ---- */

static void test_whatever_memory_is_refused_there_is_no_result(void **state)
{
    (void)state;
    unsigned num_failures = 0;
    for (failing_call = 1;; failing_call++) {
        char *text = NULL;
        size_t len = 0;
        num_calls = 0;
        xg_age_status status = xg_age_encrypt_within(&CHEAP_LIMITS, XG_STR(PLAIN), XG_STR(PASSPHRASE), 1, &text, &len);
        if (status == XG_AGE_OK) {
            free(text);
            break;
        }
        num_failures++;
        assert_int_equal(status, XG_AGE_NO_MEMORY);
        assert_null(text);
    }
    assert_int_equal(num_failures, 4); /* keys, scrypt, file, armor */
    for (failing_call = 1; failing_call <= 4; failing_call++) {
        num_calls = 0;
        assert_int_equal(cheap_status(XG_STR(CHEAP), PASSPHRASE), XG_AGE_NO_MEMORY); /* file, keys, scrypt, plain */
    }
    num_calls = 0;
    assert_int_equal(cheap_status(XG_STR(CHEAP), PASSPHRASE), XG_AGE_OK);
    for (failing_call = 1; failing_call <= 3; failing_call++) {
        char *plain = NULL;
        size_t len = 0;
        num_calls = 0;
        assert_int_equal(xg_age_decrypt_with_key(&CHEAP_LIMITS, XG_STR(CHEAP), FILE_KEY, &plain, &len),
                         failing_call < 3 ? XG_AGE_NO_MEMORY : XG_AGE_DAMAGED); /* it is not this file's key */
    }
    failing_call = 0;
}

static void test_what_looks_like_an_age_file(void **state)
{
    (void)state;
    assert_true(xg_age_is(XG_STR("age-encryption.org/v1\n")));
    assert_true(xg_age_is(XG_STR("age-encryption.org/v2\n")));
    assert_true(xg_age_is(XG_STR(BEGIN)));
    assert_true(xg_age_is(XG_STR("\r\n " BEGIN "\n")));
    assert_false(xg_age_is((xg_str){NULL, 0}));
    assert_false(xg_age_is(XG_STR("\n")));
    assert_false(xg_age_is(XG_STR(" age-encryption.org/v1\n")));
    assert_false(xg_age_is(XG_STR("age-encryption.org")));
    assert_false(xg_age_is(XG_STR("-----BEGIN RSA PRIVATE KEY-----\n")));
    assert_false(xg_age_is(XG_STR("-----BEGIN AGE ENCRYPTED FILE----")));
    assert_int_equal(cheap_status((xg_str){NULL, 0}, PASSPHRASE), XG_AGE_FORMAT);
    assert_int_equal(cheap_status(XG_STR("-----BEGIN RSA PRIVATE KEY-----\n"), PASSPHRASE), XG_AGE_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_is_read_at_any_length),
        cmocka_unit_test(test_bounds_of_the_header_are_kept),
        cmocka_unit_test(test_what_stock_age_wrote_is_read),
        cmocka_unit_test(test_two_files_of_one_text_share_nothing),
        cmocka_unit_test(test_armor_is_canonical_or_refused),
        cmocka_unit_test(test_a_full_last_line_has_no_empty_one_behind_it),
        cmocka_unit_test(test_one_edit_of_the_header_is_refused_for_what_it_is),
        cmocka_unit_test(test_another_passphrase_opens_nothing),
        cmocka_unit_test(test_a_file_for_an_identity_is_no_file_for_a_passphrase),
        cmocka_unit_test(test_a_work_factor_outside_of_the_bounds_costs_nothing),
        cmocka_unit_test(test_every_bit_counts),
        cmocka_unit_test(test_a_cut_file_is_refused_wherever_it_is_cut),
        cmocka_unit_test(test_the_last_chunk_is_the_last),
        cmocka_unit_test(test_lengths_that_no_payload_has),
        cmocka_unit_test(test_a_length_that_is_too_long_is_refused_before_any_work),
        cmocka_unit_test(test_whatever_memory_is_refused_there_is_no_result),
        cmocka_unit_test(test_what_looks_like_an_age_file),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests_name("age", tests, NULL, NULL);
}
