/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_pubkey.c: which numbers make a key, which signatures hold for it, and what is left behind in OpenSSL.
 *
 * Moduli are built from numbers, keys that sign from primes; the usual key is the fixture's. libcrypto allocates by the
 * functions of this program, so that memory can run out at a known moment. One thread.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "fixture.h"
#include "xdsgate/token.h"

#define BYTES_MAX 1024
#define LEN       256 /* of the usual key's modulus */

static xg_crypto *crypto;
static BN_CTX *scratch;
static EVP_PKEY *usual;      /* signs */
static BIGNUM *usual_n;      /* begins with 0xd4 */
static xg_pubkey *usual_key; /* verifies */

static const char INPUT[] = "eyJhbGciOiJSUzI1NiJ9.e30";

/* ---- libcrypto's memory ---- */

static struct {
    unsigned countdown; /* 0: no fault planned; n: the n-th allocation from now fails, and that one only */
    bool has_failed;
} memory;

static bool is_refused(void)
{
    if (memory.countdown == 0 || --memory.countdown > 0) {
        return false;
    }
    memory.has_failed = true;
    return true;
}

static void *crypto_malloc(size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return size == 0 || is_refused() ? NULL : malloc(size);
}

static void *crypto_realloc(void *old, size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return is_refused() ? NULL : realloc(old, size);
}

static void crypto_free(void *ptr, const char *file, int line)
{
    (void)file, (void)line;
    free(ptr);
}

static void plan_fault(unsigned countdown)
{
    memory.countdown = countdown;
    memory.has_failed = false;
}

/* ---- numbers and keys ---- */

static BIGNUM *number(void)
{
    BIGNUM *n = BN_new();
    assert_non_null(n);
    return n;
}

/* A key of n and e as they are, big-endian, without leading zeros. */
static uint32_t make(const BIGNUM *n, uint64_t e, xg_pubkey **ret_key)
{
    uint8_t n_bytes[BYTES_MAX + 8], e_bytes[8];
    size_t e_len = 0;
    assert_in_range(BN_num_bytes(n), 0, sizeof(n_bytes));
    for (int shift = 56; shift >= 0; shift -= 8) {
        if (e >> shift != 0) {
            e_bytes[e_len++] = (uint8_t)(e >> shift);
        }
    }
    size_t n_len = (size_t)BN_bn2bin(n, n_bytes);
    *ret_key = NULL;
    xg_result result = xg_pubkey_new(crypto, n_bytes, n_len, e_bytes, e_len, ret_key);
    assert_int_equal(xg_is_ok(result), *ret_key != NULL);
    return xg_result_reason(result);
}

static uint32_t reason_for(const BIGNUM *n, uint64_t e)
{
    xg_pubkey *key = NULL;
    uint32_t reason = make(n, e, &key);
    xg_pubkey_unref(key);
    return reason;
}

static int set_up(void **state)
{
    (void)state;
    BIO *pem = BIO_new_mem_buf(fixture_private_pem(FIXTURE_KEY_M1), -1);
    usual = PEM_read_bio_PrivateKey(pem, NULL, NULL, NULL);
    BIO_free(pem);
    scratch = BN_CTX_new();
    if (usual == NULL || scratch == NULL || EVP_PKEY_get_bn_param(usual, OSSL_PKEY_PARAM_RSA_N, &usual_n) != 1 ||
        !xg_is_ok(xg_crypto_new(&crypto))) {
        return -1;
    }
    return make(usual_n, 65537, &usual_key) == XG_REASON_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    xg_pubkey_unref(usual_key);
    xg_crypto_free(crypto);
    EVP_PKEY_free(usual);
    BN_free(usual_n);
    BN_CTX_free(scratch);
    return 0;
}

static bool has_small_factor(const BIGNUM *n)
{
    for (unsigned d = 2; d < 1000; d++) {
        if (BN_mod_word(n, d) == 0) {
            return true;
        }
    }
    return false;
}

/* The next number from n on, in steps, that has no factor below 1000. */
static void skip_small_factors(BIGNUM *n, int step)
{
    while (has_small_factor(n)) {
        assert_int_equal(step > 0 ? BN_add_word(n, (BN_ULONG)step) : BN_sub_word(n, (BN_ULONG)-step), 1);
    }
}

/* ---- lints ---- */

static void test_a_modulus_has_2048_to_8192_bits(void **state)
{
    static const struct {
        int power;
        int step; /* the first sound modulus above, or below, two to the power */
        unsigned bits;
        uint32_t reason;
    } ROWS[] = {
        {1024, 1, 1025, XG_REASON_KEY_SIZE}, {2047, -1, 2047, XG_REASON_KEY_SIZE}, {2047, 1, 2048, XG_REASON_OK},
        {2048, -1, 2048, XG_REASON_OK},      {2048, 1, 2049, XG_REASON_OK},        {4096, 1, 4097, XG_REASON_OK},
        {8191, -1, 8191, XG_REASON_OK},      {8191, 1, 8192, XG_REASON_OK},        {8192, -1, 8192, XG_REASON_OK},
        {8192, 1, 8193, XG_REASON_KEY_SIZE}, {8200, 1, 8201, XG_REASON_KEY_SIZE},
    };
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        BIGNUM *n = number();
        xg_pubkey *key = NULL;
        assert_int_equal(BN_set_bit(n, ROWS[i].power), 1);
        skip_small_factors(n, ROWS[i].step);
        assert_int_equal(BN_num_bits(n), ROWS[i].bits);
        uint32_t reason = make(n, 65537, &key);
        if (reason != ROWS[i].reason) {
            fail_msg("row %zu: %u", i, reason);
        }
        assert_true(key == NULL || xg_pubkey_bits(key) == ROWS[i].bits);
        xg_pubkey_unref(key);
        BN_free(n);
    }
}

static void test_an_exponent_is_odd_and_from_65537_below_2_32(void **state)
{
    static const struct {
        uint64_t e;
        uint32_t reason;
    } ROWS[] = {
        {65537, XG_REASON_OK},
        {65539, XG_REASON_OK},
        {UINT32_MAX, XG_REASON_OK},
        {0, XG_REASON_KEY_EXPONENT},
        {1, XG_REASON_KEY_EXPONENT},
        {3, XG_REASON_KEY_EXPONENT},
        {17, XG_REASON_KEY_EXPONENT},
        {65535, XG_REASON_KEY_EXPONENT},
        {65536, XG_REASON_KEY_EXPONENT},
        {65538, XG_REASON_KEY_EXPONENT},
        {UINT32_MAX - 1, XG_REASON_KEY_EXPONENT},
        {UINT64_C(1) << 32, XG_REASON_KEY_EXPONENT},
        {(UINT64_C(1) << 32) + 1, XG_REASON_KEY_EXPONENT},
        {(UINT64_C(1) << 32) + 65537, XG_REASON_KEY_EXPONENT}, /* right in its low half */
        {UINT64_MAX, XG_REASON_KEY_EXPONENT},
    };
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        uint32_t reason = reason_for(usual_n, ROWS[i].e);
        if (reason != ROWS[i].reason) {
            fail_msg("row %zu: %u", i, reason);
        }
    }
}

/* What is out of bounds by its length alone is not looked at: the memory ends long before. */
static void test_numbers_of_a_wrong_length_are_refused_unseen(void **state)
{
    static const struct {
        size_t n_len;
        size_t e_len;
        uint32_t reason;
    } ROWS[] = {
        {LEN, 3, XG_REASON_OK},           {LEN - 1, 3, XG_REASON_KEY_SIZE},        {0, 3, XG_REASON_KEY_SIZE},
        {1025, 3, XG_REASON_KEY_SIZE},    {1 << 20, 3, XG_REASON_KEY_SIZE},        {SIZE_MAX, 3, XG_REASON_KEY_SIZE},
        {LEN, 0, XG_REASON_KEY_EXPONENT}, {LEN, 2, XG_REASON_KEY_EXPONENT}, /* 256 */
        {LEN, 5, XG_REASON_KEY_EXPONENT}, {LEN, SIZE_MAX, XG_REASON_KEY_EXPONENT},
    };
    (void)state;
    uint8_t *n = malloc(LEN);
    uint8_t *e = malloc(3);
    assert_non_null(n);
    assert_non_null(e);
    memcpy(e, "\x01\x00\x01", 3);
    assert_int_equal(BN_bn2bin(usual_n, n), LEN);
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        xg_pubkey *key = NULL;
        xg_result result = xg_pubkey_new(crypto, n, ROWS[i].n_len, e, ROWS[i].e_len, &key);
        assert_int_equal(xg_result_reason(result), ROWS[i].reason);
        assert_int_equal(key != NULL, ROWS[i].reason == XG_REASON_OK);
        xg_pubkey_unref(key);
    }
    memset(n, 0, LEN); /* long enough, but zero */
    xg_pubkey *key = NULL;
    assert_int_equal(xg_result_reason(xg_pubkey_new(crypto, n, LEN, e, 3, &key)), XG_REASON_KEY_SIZE);
    assert_null(key);
    free(n);
    free(e);
}

static void test_an_even_modulus_is_refused_and_its_odd_neighbours_are_not(void **state)
{
    (void)state;
    BIGNUM *n = BN_dup(usual_n);
    for (int i = 0; i < 3; i++) { /* both neighbours of two sound moduli */
        assert_int_equal(reason_for(n, 65537), XG_REASON_OK);
        assert_int_equal(BN_add_word(n, 1), 1);
        assert_int_equal(reason_for(n, 65537), XG_REASON_KEY_WEAK);
        assert_int_equal(BN_sub_word(n, 2), 1);
        assert_int_equal(reason_for(n, 65537), XG_REASON_KEY_WEAK);
        assert_int_equal(BN_sub_word(n, 1), 1);
        skip_small_factors(n, -2);
    }
    BN_free(n);
}

static bool is_prime(unsigned value)
{
    for (unsigned d = 2; d * d <= value; d++) {
        if (value % d == 0) {
            return false;
        }
    }
    return value > 1;
}

static void test_every_prime_below_1000_is_a_small_factor_and_none_above(void **state)
{
    unsigned num_primes = 0;
    (void)state;
    for (unsigned p = 2; p < 1050; p++) {
        if (!is_prime(p)) {
            continue;
        }
        BIGNUM *n = number(); /* p times a number without small factors, of 2048 bits in all */
        assert_int_equal(BN_set_bit(n, 2047), 1);
        assert_int_equal(BN_set_bit(n, 2046), 1);
        assert_int_not_equal(BN_div_word(n, p), -1);
        skip_small_factors(n, 1);
        assert_int_equal(BN_mul_word(n, p), 1);
        assert_int_equal(BN_num_bits(n), 2048);
        uint32_t reason = reason_for(n, 65537);
        if (reason != (p < 1000 ? XG_REASON_KEY_WEAK : XG_REASON_OK)) {
            fail_msg("%u: %u", p, reason);
        }
        num_primes++;
        BN_free(n);
    }
    assert_int_equal(num_primes, 168 + 8);
}

/* The first number without small factors from high * 2^shift on. */
static BIGNUM *sound_number(unsigned high, int shift)
{
    BIGNUM *n = number();
    assert_int_equal(BN_set_word(n, high), 1);
    assert_int_equal(BN_lshift(n, n, shift), 1);
    skip_small_factors(n, 1);
    return n;
}

static void test_a_power_of_any_degree_is_refused_and_a_product_beside_it_is_not(void **state)
{
    static const struct {
        int root_bits;
        unsigned degree;
    } ROWS[] = {{1024, 2}, {4095, 2}, {683, 3},  {2730, 3}, {512, 4}, {410, 5},  {342, 6},  {293, 7},  {228, 9},
                {187, 11}, {158, 13}, {121, 17}, {67, 31},  {34, 61}, {17, 127}, {11, 199}, {13, 613}, {10, 811}};
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        BIGNUM *root = sound_number(1, ROWS[i].root_bits);
        BIGNUM *beside = sound_number(3, ROWS[i].root_bits - 1);
        BIGNUM *n = number(), *degree = number();
        assert_int_equal(BN_set_word(degree, ROWS[i].degree - 1), 1);
        assert_int_equal(BN_exp(n, root, degree, scratch), 1);
        assert_int_equal(BN_mul(beside, n, beside, scratch), 1); /* one factor of the power is another number */
        assert_int_equal(BN_mul(n, n, root, scratch), 1);
        uint32_t reason = reason_for(n, 65537), reason_beside = reason_for(beside, 65537);
        if (reason != XG_REASON_KEY_WEAK || reason_beside != XG_REASON_OK) {
            fail_msg("row %zu: %u, %u", i, reason, reason_beside);
        }
        BN_free(root);
        BN_free(beside);
        BN_free(n);
        BN_free(degree);
    }
}

/* ---- fingerprints ---- */

/* SHA-256 over what OpenSSL writes for RSAPublicKey. */
static void oracle_fingerprint(const BIGNUM *n, uint64_t e, uint8_t out[XG_FINGERPRINT_LEN])
{
    unsigned char *der = NULL;
    unsigned len = XG_FINGERPRINT_LEN;
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    assert_int_equal(OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n), 1);
    assert_int_equal(OSSL_PARAM_BLD_push_uint64(builder, OSSL_PKEY_PARAM_RSA_E, e), 1);
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
    assert_int_equal(EVP_PKEY_fromdata_init(context), 1);
    assert_int_equal(EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params), 1);
    int der_len = i2d_PublicKey(key, &der);
    assert_true(der_len > 0);
    assert_int_equal(EVP_Digest(der, (size_t)der_len, out, &len, EVP_sha256(), NULL), 1);
    OPENSSL_free(der);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(builder);
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(key);
}

static void test_a_fingerprint_is_that_of_the_der_of_the_public_key(void **state)
{
    static const struct {
        unsigned high;
        int shift;
        uint64_t e;
    } ROWS[] = {
        {1, 2047, 65537},       {3, 2046, 65537},      {1, 2048, 65537},      {3, 2050, 65539},
        {127, 2048, 8388607},   {255, 2048, 8388609},  {1, 4096, 2147483647}, {3, 4094, 65537},
        {1, 8190, 2147483649U}, {3, 8190, UINT32_MAX}, {255, 8184, 16777217},
    };
    uint8_t seen[XG_ARRAY_LEN(ROWS)][XG_FINGERPRINT_LEN];
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) { /* with and without a leading zero, in every length of length */
        BIGNUM *n = sound_number(ROWS[i].high, ROWS[i].shift);
        xg_pubkey *key = NULL;
        uint8_t expected[XG_FINGERPRINT_LEN];
        assert_int_equal(make(n, ROWS[i].e, &key), XG_REASON_OK);
        oracle_fingerprint(n, ROWS[i].e, expected);
        memcpy(seen[i], xg_pubkey_fingerprint(key), XG_FINGERPRINT_LEN);
        assert_memory_equal(seen[i], expected, XG_FINGERPRINT_LEN);
        for (size_t k = 0; k < i; k++) {
            assert_memory_not_equal(seen[i], seen[k], XG_FINGERPRINT_LEN);
        }
        xg_pubkey_unref(key);
        BN_free(n);
    }
}

static void test_equal_keys_have_equal_fingerprints_and_no_others(void **state)
{
    const uint8_t *usual_print = xg_pubkey_fingerprint(usual_key);
    uint8_t n[LEN + 1] = {0};
    static const uint8_t E[] = {0, 1, 0, 1};
    xg_pubkey *same = NULL, *padded = NULL, *other_e = NULL, *other_n = NULL;
    (void)state;
    assert_int_equal(make(usual_n, 65537, &same), XG_REASON_OK);
    assert_memory_equal(xg_pubkey_fingerprint(same), usual_print, XG_FINGERPRINT_LEN);
    assert_int_equal(BN_bn2bin(usual_n, n + 1), LEN);
    assert_true(xg_is_ok(xg_pubkey_new(crypto, n, sizeof(n), E, sizeof(E), &padded))); /* leading zeros do not count */
    assert_int_equal(xg_pubkey_bits(padded), 2048);
    assert_memory_equal(xg_pubkey_fingerprint(padded), usual_print, XG_FINGERPRINT_LEN);
    assert_int_equal(make(usual_n, 65539, &other_e), XG_REASON_OK);
    assert_memory_not_equal(xg_pubkey_fingerprint(other_e), usual_print, XG_FINGERPRINT_LEN);
    BIGNUM *next = BN_dup(usual_n);
    assert_int_equal(BN_add_word(next, 2), 1);
    skip_small_factors(next, 2);
    assert_int_equal(make(next, 65537, &other_n), XG_REASON_OK);
    assert_memory_not_equal(xg_pubkey_fingerprint(other_n), usual_print, XG_FINGERPRINT_LEN);
    BN_free(next);
    xg_pubkey_unref(same);
    xg_pubkey_unref(padded);
    xg_pubkey_unref(other_e);
    xg_pubkey_unref(other_n);
}

/* ---- signatures ---- */

static xg_str slice(const uint8_t *bytes, size_t len)
{
    return (xg_str){(const char *)bytes, len};
}

static uint32_t verify(xg_pubkey *key, xg_str input, const uint8_t *signature, size_t len)
{
    uint8_t *copy = malloc(len == 0 ? 1 : len);
    assert_non_null(copy);
    memcpy(copy, signature, len);
    uint32_t reason = xg_result_reason(xg_pubkey_verify(key, input, slice(copy, len)));
    free(copy);
    return reason;
}

static uint32_t verify_usual(const uint8_t *signature, size_t len)
{
    return verify(usual_key, XG_STR("eyJhbGciOiJSUzI1NiJ9.e30"), signature, len);
}

/* Signs with the usual key. */
static void sign_usual(const char *digest, int padding, xg_str input, uint8_t out[LEN])
{
    size_t len = LEN;
    EVP_PKEY_CTX *options = NULL;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit_ex(context, &options, digest, NULL, NULL, usual, NULL), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(options, padding), 1);
    assert_int_equal(EVP_DigestSign(context, out, &len, (const unsigned char *)input.ptr, input.len), 1);
    assert_int_equal(len, LEN);
    EVP_MD_CTX_free(context);
}

static void sign(xg_str input, uint8_t out[LEN])
{
    sign_usual("SHA256", RSA_PKCS1_PADDING, input, out);
}

static void test_a_good_signature_verifies_over_its_input_alone(void **state)
{
    static char kilobytes[9000];
    static const struct {
        xg_str input;
        xg_str other;
    } ROWS[] = {
        {XG_STR_INIT("e30.e30"), XG_STR_INIT("e30.e31")},
        {XG_STR_INIT("e30.e30"), XG_STR_INIT("e30.e30.")},
        {XG_STR_INIT("e30.e30"), XG_STR_INIT("e30.e3")},
        {XG_STR_INIT("e30.e30"), XG_STR_INIT("")},
        {XG_STR_INIT(""), XG_STR_INIT("\0")},
        {{NULL, 0}, XG_STR_INIT("e")},
        {XG_STR_INIT("a\0b"), XG_STR_INIT("a")},
        {XG_STR_INIT("a\0b"), XG_STR_INIT("a\0c")},
        {{kilobytes, sizeof(kilobytes)}, {kilobytes, sizeof(kilobytes) - 1}},
    };
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        uint8_t signature[LEN];
        sign(ROWS[i].input, signature);
        assert_int_equal(verify(usual_key, ROWS[i].input, signature, LEN), XG_REASON_OK);
        assert_int_equal(verify(usual_key, ROWS[i].other, signature, LEN), XG_REASON_SIGNATURE_INVALID);
        assert_int_equal(verify(usual_key, ROWS[i].input, signature, LEN), XG_REASON_OK);
    }
}

static void test_a_flipped_bit_in_any_byte_is_refused(void **state)
{
    uint8_t signature[LEN];
    (void)state;
    sign(xg_str_of(INPUT), signature);
    for (size_t i = 0; i < LEN; i++) {
        uint8_t bit = (uint8_t)(1U << i % 8);
        signature[i] ^= bit;
        assert_int_equal(verify_usual(signature, LEN), XG_REASON_SIGNATURE_INVALID);
        signature[i] ^= bit;
    }
    assert_int_equal(verify_usual(signature, LEN), XG_REASON_OK);
}

static void test_a_signature_is_exactly_as_long_as_the_modulus(void **state)
{
    uint8_t wide[1 + LEN + 1] = {0}; /* the signature between two zero bytes */
    static const struct {
        size_t from;
        size_t len;
        uint32_t reason;
    } ROWS[] = {
        {1, LEN, XG_REASON_OK},
        {1, LEN - 1, XG_REASON_SIGNATURE_LENGTH},
        {2, LEN - 1, XG_REASON_SIGNATURE_LENGTH},
        {1, LEN + 1, XG_REASON_SIGNATURE_LENGTH},
        {0, LEN + 1, XG_REASON_SIGNATURE_LENGTH},
        {0, LEN + 2, XG_REASON_SIGNATURE_LENGTH},
        {0, LEN, XG_REASON_SIGNATURE_INVALID}, /* shifted by a byte */
        {2, LEN, XG_REASON_SIGNATURE_INVALID},
        {1, 0, XG_REASON_SIGNATURE_LENGTH},
        {1, 1, XG_REASON_SIGNATURE_LENGTH},
        {1, LEN / 2, XG_REASON_SIGNATURE_LENGTH},
    };
    (void)state;
    sign(xg_str_of(INPUT), wide + 1);
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        uint32_t reason = verify_usual(wide + ROWS[i].from, ROWS[i].len);
        if (reason != ROWS[i].reason) {
            fail_msg("row %zu: %u", i, reason);
        }
    }
    assert_int_equal(xg_result_reason(xg_pubkey_verify(usual_key, xg_str_of(INPUT), (xg_str){NULL, 0})),
                     XG_REASON_SIGNATURE_LENGTH);
    /* Lengths that only claim to be: nothing is read. */
    static const size_t LENGTHS[] = {LEN * 2, 65536 + LEN, (size_t)UINT32_MAX + 1 + LEN, SIZE_MAX};
    for (size_t i = 0; i < XG_ARRAY_LEN(LENGTHS); i++) {
        xg_result result = xg_pubkey_verify(usual_key, xg_str_of(INPUT), slice(wide + 1, LENGTHS[i]));
        assert_int_equal(xg_result_reason(result), XG_REASON_SIGNATURE_LENGTH);
    }
}

/* s + n means the same as s to the arithmetic: a second spelling, as long as the first wherever it fits. */
static void test_a_signature_is_below_the_modulus(void **state)
{
    BIGNUM *s = number(), *sum = number(), *again = number();
    char input[] = "input a";
    uint8_t signature[LEN], other[LEN];
    (void)state;
    do { /* the modulus leaves room for one signature in five */
        sign(xg_str_of(input), signature);
        assert_non_null(BN_bin2bn(signature, LEN, s));
        assert_int_equal(BN_add(sum, s, usual_n), 1);
        assert_in_range(++input[6], 'a', '~');
    } while (BN_num_bits(sum) > LEN * 8);
    input[6]--;
    assert_int_equal(BN_mod(again, sum, usual_n, scratch), 1);
    assert_int_equal(BN_cmp(again, s), 0);
    assert_int_equal(verify(usual_key, xg_str_of(input), signature, LEN), XG_REASON_OK);
    assert_int_equal(BN_bn2binpad(sum, other, LEN), LEN);
    assert_int_equal(verify(usual_key, xg_str_of(input), other, LEN), XG_REASON_SIGNATURE_INVALID);
    assert_int_equal(BN_sub(sum, usual_n, s), 1); /* and its mirror image */
    assert_int_equal(BN_bn2binpad(sum, other, LEN), LEN);
    assert_int_equal(verify(usual_key, xg_str_of(input), other, LEN), XG_REASON_SIGNATURE_INVALID);
    BN_free(s);
    BN_free(sum);
    BN_free(again);
}

static void test_numbers_that_anybody_can_write_are_no_signatures(void **state)
{
    uint8_t bytes[LEN] = {0};
    (void)state;
    assert_int_equal(verify_usual(bytes, LEN), XG_REASON_SIGNATURE_INVALID); /* 0 */
    bytes[LEN - 1] = 1;
    assert_int_equal(verify_usual(bytes, LEN), XG_REASON_SIGNATURE_INVALID); /* 1 */
    bytes[LEN - 1] = 2;
    assert_int_equal(verify_usual(bytes, LEN), XG_REASON_SIGNATURE_INVALID);
    BIGNUM *n = BN_dup(usual_n);
    assert_int_equal(BN_add_word(n, 2), 1);
    for (int i = 0; i < 5; i++) { /* n + 2 to n - 2 */
        assert_int_equal(BN_bn2binpad(n, bytes, LEN), LEN);
        assert_int_equal(verify_usual(bytes, LEN), XG_REASON_SIGNATURE_INVALID);
        assert_int_equal(BN_sub_word(n, 1), 1);
    }
    BN_free(n);
    memset(bytes, 0xff, LEN);
    assert_int_equal(verify_usual(bytes, LEN), XG_REASON_SIGNATURE_INVALID);
    memset(bytes, 0x80, LEN);
    assert_int_equal(verify_usual(bytes, LEN), XG_REASON_SIGNATURE_INVALID);
}

static void test_another_digest_or_padding_is_refused(void **state)
{
    static const struct {
        const char *digest;
        int padding;
        uint32_t reason;
    } ROWS[] = {
        {"SHA256", RSA_PKCS1_PADDING, XG_REASON_OK},
        {"SHA256", RSA_PKCS1_PSS_PADDING, XG_REASON_SIGNATURE_INVALID},
        {"SHA256", RSA_X931_PADDING, XG_REASON_SIGNATURE_INVALID},
        {"SHA224", RSA_PKCS1_PADDING, XG_REASON_SIGNATURE_INVALID},
        {"SHA384", RSA_PKCS1_PADDING, XG_REASON_SIGNATURE_INVALID},
        {"SHA512", RSA_PKCS1_PADDING, XG_REASON_SIGNATURE_INVALID},
        {"SHA512-256", RSA_PKCS1_PADDING, XG_REASON_SIGNATURE_INVALID},
        {"SHA3-256", RSA_PKCS1_PADDING, XG_REASON_SIGNATURE_INVALID},
        {"SHA1", RSA_PKCS1_PADDING, XG_REASON_SIGNATURE_INVALID},
        {"MD5", RSA_PKCS1_PADDING, XG_REASON_SIGNATURE_INVALID},
    };
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        uint8_t signature[LEN];
        sign_usual(ROWS[i].digest, ROWS[i].padding, xg_str_of(INPUT), signature);
        uint32_t reason = verify_usual(signature, LEN);
        if (reason != ROWS[i].reason) {
            fail_msg("row %zu: %u", i, reason);
        }
    }
}

/* ---- keys that sign, of any size ---- */

#define PRIMES_MAX 36

/* n is the product of primes of about 256 bits: nothing for real use, and made at once. */
typedef struct small_primes {
    BIGNUM *n;
    BIGNUM *prime[PRIMES_MAX];
    size_t num_primes;
    uint64_t e;
} small_primes;

/* A prime of so many bits for which e has an inverse. */
static BIGNUM *make_prime(int bits, uint64_t e)
{
    BIGNUM *p = number();
    BN_ULONG a = 0;
    do {
        assert_int_equal(BN_generate_prime_ex(p, bits, 0, NULL, NULL, NULL), 1);
        BN_ULONG b = e;
        a = BN_mod_word(p, b); /* p - 1 and e have no common factor: Euclid's algorithm, the first step */
        a = a == 0 ? b - 1 : a - 1;
        while (b != 0) {
            BN_ULONG rest = a % b;
            a = b;
            b = rest;
        }
    } while (a != 1);
    return p;
}

static small_primes make_small_primes(int bits, uint64_t e)
{
    small_primes key = {.n = number(), .e = e};
    assert_int_equal(BN_one(key.n), 1);
    while (BN_num_bits(key.n) < bits - 400) {
        BIGNUM *p = make_prime(256, e);
        key.prime[key.num_primes++] = p;
        assert_int_equal(BN_mul(key.n, key.n, p, scratch), 1);
    }
    BIGNUM *last = NULL, *product = number();
    for (int extra = 0; BN_num_bits(product) != bits; extra = (extra + 1) % 2) {
        BN_free(last);
        last = make_prime(bits - BN_num_bits(key.n) + extra, e);
        assert_int_equal(BN_mul(product, key.n, last, scratch), 1);
    }
    key.prime[key.num_primes++] = last;
    BN_free(key.n);
    key.n = product;
    return key;
}

static void free_small_primes(small_primes *key)
{
    for (size_t i = 0; i < key->num_primes; i++) {
        BN_free(key->prime[i]);
    }
    BN_free(key->n);
}

/* PKCS#1 v1.5 with SHA-256, by hand (RFC 8017 section 9.2). */
static BIGNUM *encoded_message(xg_str input, size_t len)
{
    static const uint8_t DIGEST_INFO[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                          0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
    uint8_t block[BYTES_MAX];
    unsigned hash_len = 32;
    size_t at = len - 32 - sizeof(DIGEST_INFO);
    memset(block, 0xff, len);
    block[0] = 0;
    block[1] = 1;
    block[at - 1] = 0;
    memcpy(block + at, DIGEST_INFO, sizeof(DIGEST_INFO));
    assert_int_equal(EVP_Digest(input.ptr, input.len, block + len - 32, &hash_len, EVP_sha256(), NULL), 1);
    return BN_bin2bn(block, (int)len, NULL);
}

/* Signs modulo each prime, and puts the results together (RFC 8017 section 5.1.2). */
static size_t sign_with(const small_primes *key, xg_str input, uint8_t out[BYTES_MAX])
{
    size_t len = (size_t)BN_num_bytes(key->n);
    BIGNUM *message = encoded_message(input, len), *e = number(), *d = number(), *part = number(), *s = number();
    BIGNUM *product = number();
    assert_int_equal(BN_set_word(e, key->e), 1);
    assert_int_equal(BN_one(product), 1);
    for (size_t i = 0; i < key->num_primes; i++) {
        const BIGNUM *p = key->prime[i];
        assert_non_null(BN_copy(d, p));
        assert_int_equal(BN_sub_word(d, 1), 1);
        assert_non_null(BN_mod_inverse(d, e, d, scratch));
        assert_int_equal(BN_mod_exp(part, message, d, p, scratch), 1);
        assert_int_equal(BN_mod_sub(part, part, s, p, scratch), 1);
        assert_non_null(BN_mod_inverse(d, product, p, scratch));
        assert_int_equal(BN_mod_mul(part, part, d, p, scratch), 1);
        assert_int_equal(BN_mul(part, part, product, scratch), 1);
        assert_int_equal(BN_add(s, s, part), 1);
        assert_int_equal(BN_mul(product, product, p, scratch), 1);
    }
    assert_int_equal(BN_bn2binpad(s, out, (int)len), (int)len);
    BIGNUM *all[] = {message, e, d, part, s, product};
    for (size_t i = 0; i < XG_ARRAY_LEN(all); i++) {
        BN_free(all[i]);
    }
    return len;
}

static void test_every_size_and_exponent_that_is_taken_verifies(void **state)
{
    static const struct {
        int bits;
        uint64_t e;
    } ROWS[] = {
        {2048, 65537}, {2048, UINT32_MAX}, {2049, 65539}, {2055, 65537},
        {3072, 65537}, {4096, UINT32_MAX}, {8191, 65537}, {8192, UINT32_MAX},
    };
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        uint8_t signature[BYTES_MAX];
        xg_pubkey *key = NULL;
        small_primes signer = make_small_primes(ROWS[i].bits, ROWS[i].e);
        assert_int_equal(make(signer.n, ROWS[i].e, &key), XG_REASON_OK);
        assert_int_equal(xg_pubkey_bits(key), ROWS[i].bits);
        size_t len = sign_with(&signer, xg_str_of(INPUT), signature);
        assert_int_equal(len, (ROWS[i].bits + 7) / 8);
        assert_int_equal(verify(key, xg_str_of(INPUT), signature, len), XG_REASON_OK);
        assert_int_equal(verify(key, xg_str_of(INPUT), signature, len - 1), XG_REASON_SIGNATURE_LENGTH);
        assert_int_equal(verify(key, XG_STR("e30.e30"), signature, len), XG_REASON_SIGNATURE_INVALID);
        signature[len - 1] ^= 1;
        assert_int_equal(verify(key, xg_str_of(INPUT), signature, len), XG_REASON_SIGNATURE_INVALID);
        signature[len - 1] ^= 1;
        xg_pubkey *other_e = NULL; /* the same modulus with another exponent is another key */
        assert_int_equal(make(signer.n, ROWS[i].e - 2 < 65537 ? ROWS[i].e + 2 : ROWS[i].e - 2, &other_e), XG_REASON_OK);
        assert_int_equal(verify(other_e, xg_str_of(INPUT), signature, len), XG_REASON_SIGNATURE_INVALID);
        xg_pubkey_unref(other_e);
        xg_pubkey_unref(key);
        free_small_primes(&signer);
    }
}

static void test_a_key_lives_as_long_as_its_last_reference(void **state)
{
    uint8_t signature[LEN];
    xg_pubkey *key = NULL;
    (void)state;
    sign(xg_str_of(INPUT), signature);
    assert_int_equal(make(usual_n, 65537, &key), XG_REASON_OK);
    assert_ptr_equal(xg_pubkey_ref(key), key);
    assert_int_equal(verify(key, xg_str_of(INPUT), signature, LEN), XG_REASON_OK);
    xg_pubkey_unref(key);
    assert_int_equal(verify(key, xg_str_of(INPUT), signature, LEN), XG_REASON_OK);
    xg_pubkey_unref(key);
    assert_null(xg_pubkey_ref(NULL));
    xg_pubkey_unref(NULL);
}

/* ---- what is left behind in OpenSSL ---- */

/* Each of these must come out as it says, and none may leave an error. */
static void call_everything(const uint8_t good[LEN])
{
    uint8_t bad[LEN], ones[LEN];
    memcpy(bad, good, LEN);
    bad[9] ^= 1;
    memset(ones, 0xff, LEN);
    assert_int_equal(verify_usual(good, LEN), XG_REASON_OK);
    assert_int_equal(verify_usual(bad, LEN), XG_REASON_SIGNATURE_INVALID);
    assert_int_equal(verify_usual(ones, LEN), XG_REASON_SIGNATURE_INVALID);
    assert_int_equal(verify_usual(good, LEN - 1), XG_REASON_SIGNATURE_LENGTH);
    assert_int_equal(reason_for(usual_n, 65537), XG_REASON_OK);
    assert_int_equal(reason_for(usual_n, 65538), XG_REASON_KEY_EXPONENT);
    BIGNUM *n = BN_dup(usual_n);
    assert_int_equal(BN_clear_bit(n, 0), 1);
    assert_int_equal(reason_for(n, 65537), XG_REASON_KEY_WEAK);
    BN_free(n);
}

/* The queue holds 15 errors, and a bad signature makes three more: if the host left over twelve, its oldest go. */
static void test_the_error_queue_is_left_as_it_was(void **state)
{
    static const int REASONS[] = {101, 102, ERR_R_MALLOC_FAILURE, 104, ERR_R_INTERNAL_ERROR, 106, 107, 108,
                                  109, 110, ERR_R_MALLOC_FAILURE, 112};
    uint8_t good[LEN];
    (void)state;
    sign(xg_str_of(INPUT), good);
    for (size_t num_errors = 0; num_errors <= XG_ARRAY_LEN(REASONS); num_errors++) {
        ERR_clear_error();
        for (size_t i = 0; i < num_errors; i++) {
            ERR_raise_data(ERR_LIB_USER, REASONS[i], "of the host, %zu", i);
        }
        call_everything(good);
        for (size_t i = 0; i < num_errors; i++) {
            const char *data = NULL;
            char expected[32];
            int flags = 0;
            unsigned long error = ERR_get_error_all(NULL, NULL, NULL, &data, &flags);
            assert_int_equal(ERR_GET_LIB(error), ERR_LIB_USER);
            assert_int_equal(ERR_GET_REASON(error), REASONS[i]);
            assert_int_equal(flags & ERR_TXT_STRING, ERR_TXT_STRING);
            (void)BIO_snprintf(expected, sizeof(expected), "of the host, %zu", i);
            assert_string_equal(data, expected);
        }
        assert_int_equal(ERR_peek_error(), 0);
    }
}

static void test_a_mark_of_the_host_stays_where_it_is(void **state)
{
    uint8_t good[LEN];
    (void)state;
    sign(xg_str_of(INPUT), good);
    ERR_clear_error();
    ERR_raise(ERR_LIB_USER, 101);
    assert_int_equal(ERR_set_mark(), 1);
    call_everything(good);
    ERR_raise(ERR_LIB_USER, 102);
    call_everything(good);
    assert_int_equal(ERR_pop_to_mark(), 1);
    assert_int_equal(ERR_GET_REASON(ERR_get_error()), 101);
    assert_int_equal(ERR_peek_error(), 0);
}

/* ---- memory that runs out ---- */

/* Lets one allocation of libcrypto fail after the other, until the call does without. */
static void sweep_verify(const uint8_t *signature, bool is_warm, uint32_t expected)
{
    bool has_failed = true;
    for (unsigned n = 1; has_failed; n++) {
        xg_pubkey *key = NULL;
        assert_int_equal(make(usual_n, 65537, &key), XG_REASON_OK);
        if (is_warm) {
            assert_int_equal(verify(key, xg_str_of(INPUT), signature, LEN), expected);
        }
        plan_fault(n);
        uint32_t reason = verify(key, xg_str_of(INPUT), signature, LEN);
        has_failed = memory.has_failed;
        plan_fault(0);
        if (reason != expected && (reason != XG_REASON_NO_MEMORY || !has_failed)) {
            fail_msg("allocation %u: %u", n, reason);
        }
        assert_int_equal(ERR_peek_error(), 0);
        assert_int_equal(verify(key, xg_str_of(INPUT), signature, LEN), expected); /* the next one works */
        xg_pubkey_unref(key);
        assert_true(n < 1000);
    }
}

static void test_lack_of_memory_is_neither_a_good_nor_a_bad_signature(void **state)
{
    uint8_t signature[LEN];
    (void)state;
    ERR_clear_error();
    sign(xg_str_of(INPUT), signature);
    sweep_verify(signature, true, XG_REASON_OK);
    sweep_verify(signature, false, XG_REASON_OK);
    signature[9] ^= 1;
    sweep_verify(signature, true, XG_REASON_SIGNATURE_INVALID);
    sweep_verify(signature, false, XG_REASON_SIGNATURE_INVALID);
}

static void test_lack_of_memory_is_no_fault_of_a_key(void **state)
{
    (void)state;
    ERR_clear_error();
    bool has_failed = true;
    for (unsigned n = 1; has_failed; n++) {
        xg_pubkey *key = NULL;
        plan_fault(n);
        uint32_t reason = make(usual_n, 65537, &key);
        has_failed = memory.has_failed;
        plan_fault(0);
        if (reason != XG_REASON_OK && (reason != XG_REASON_NO_MEMORY || !has_failed)) {
            fail_msg("allocation %u: %u", n, reason);
        }
        assert_int_equal(ERR_peek_error(), 0);
        xg_pubkey_unref(key);
        assert_true(n < 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_modulus_has_2048_to_8192_bits),
        cmocka_unit_test(test_an_exponent_is_odd_and_from_65537_below_2_32),
        cmocka_unit_test(test_numbers_of_a_wrong_length_are_refused_unseen),
        cmocka_unit_test(test_an_even_modulus_is_refused_and_its_odd_neighbours_are_not),
        cmocka_unit_test(test_every_prime_below_1000_is_a_small_factor_and_none_above),
        cmocka_unit_test(test_a_power_of_any_degree_is_refused_and_a_product_beside_it_is_not),
        cmocka_unit_test(test_a_fingerprint_is_that_of_the_der_of_the_public_key),
        cmocka_unit_test(test_equal_keys_have_equal_fingerprints_and_no_others),
        cmocka_unit_test(test_a_good_signature_verifies_over_its_input_alone),
        cmocka_unit_test(test_a_flipped_bit_in_any_byte_is_refused),
        cmocka_unit_test(test_a_signature_is_exactly_as_long_as_the_modulus),
        cmocka_unit_test(test_a_signature_is_below_the_modulus),
        cmocka_unit_test(test_numbers_that_anybody_can_write_are_no_signatures),
        cmocka_unit_test(test_another_digest_or_padding_is_refused),
        cmocka_unit_test(test_every_size_and_exponent_that_is_taken_verifies),
        cmocka_unit_test(test_a_key_lives_as_long_as_its_last_reference),
        cmocka_unit_test(test_the_error_queue_is_left_as_it_was),
        cmocka_unit_test(test_a_mark_of_the_host_stays_where_it_is),
        cmocka_unit_test(test_lack_of_memory_is_neither_a_good_nor_a_bad_signature),
        cmocka_unit_test(test_lack_of_memory_is_no_fault_of_a_key),
    };
    /* Before libcrypto allocates anything. */
    if (CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free) != 1) {
        return 1;
    }
    return cmocka_run_group_tests_name("pubkey", tests, set_up, tear_down);
}
