/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_keyfile.c: which keys are taken, and which signatures they hold for (hostile-input, section 1.2).
 *
 * Keys are made by OpenSSL at run time, or built from numbers; every refusal differs by one edit from an accepted key.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/encoder.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "xdsgate/token.h"

static xg_crypto *crypto;
static EVP_PKEY *good;

static const char INPUT[] = "eyJhbGciOiJSUzI1NiJ9.e30";

static int set_up(void **state)
{
    (void)state;
    good = EVP_RSA_gen(2048);
    return good != NULL && xg_is_ok(xg_crypto_new(&crypto)) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    EVP_PKEY_free(good);
    xg_crypto_free(crypto);
    return 0;
}

/* ---- writing keys ---- */

static char *encode(EVP_PKEY *key, int selection, const char *format, const char *structure)
{
    unsigned char *bytes = NULL;
    size_t len = 0;
    OSSL_ENCODER_CTX *encoder = OSSL_ENCODER_CTX_new_for_pkey(key, selection, format, structure, NULL);
    assert_int_equal(OSSL_ENCODER_to_data(encoder, &bytes, &len), 1);
    OSSL_ENCODER_CTX_free(encoder);
    char *text = strndup((char *)bytes, len);
    OPENSSL_free(bytes);
    return text;
}

static char *public_pem(EVP_PKEY *key)
{
    return encode(key, EVP_PKEY_PUBLIC_KEY, "PEM", "type-specific");
}

static uint32_t parse(const char *pem)
{
    xg_pubkey *key = NULL;
    xg_result result = xg_keyfile_parse(crypto, xg_str_of(pem), &key);
    assert_true(xg_is_ok(result) == (key != NULL));
    xg_pubkey_unref(key);
    return xg_result_reason(result);
}

/* Parses text made by replacing the first `from` in pem by `to`. */
static uint32_t parse_edited(const char *pem, const char *from, const char *to)
{
    const char *at = strstr(pem, from);
    assert_non_null(at);
    char *edited = calloc(1, strlen(pem) + strlen(to) + 1);
    assert_non_null(edited);
    memcpy(edited, pem, (size_t)(at - pem));
    (void)strcat(strcat(edited, to), at + strlen(from));
    uint32_t reason = parse(edited);
    free(edited);
    return reason;
}

static void test_all_four_shapes_of_one_key_have_one_fingerprint(void **state)
{
    (void)state;
    const struct {
        int selection;
        const char *structure;
    } shapes[] = {
        {EVP_PKEY_PUBLIC_KEY, "type-specific"},
        {EVP_PKEY_PUBLIC_KEY, "SubjectPublicKeyInfo"},
        {EVP_PKEY_KEYPAIR, "type-specific"},
        {EVP_PKEY_KEYPAIR, "PrivateKeyInfo"},
    };
    uint8_t first[XG_FINGERPRINT_LEN] = {0};
    for (size_t i = 0; i < XG_ARRAY_LEN(shapes); i++) {
        xg_pubkey *key = NULL;
        char *pem = encode(good, shapes[i].selection, "PEM", shapes[i].structure);
        assert_true(xg_is_ok(xg_keyfile_parse(crypto, xg_str_of(pem), &key)));
        assert_int_equal(xg_pubkey_bits(key), 2048);
        if (i == 0) {
            memcpy(first, xg_pubkey_fingerprint(key), sizeof(first));
        }
        assert_memory_equal(first, xg_pubkey_fingerprint(key), sizeof(first));
        xg_pubkey_unref(key);
        free(pem);
    }
}

static void test_a_damaged_key_file_is_refused(void **state)
{
    (void)state;
    char *pem = public_pem(good);
    char twice[4096];
    (void)snprintf(twice, sizeof(twice), "%s%s", pem, pem);
    assert_int_equal(parse(pem), XG_REASON_OK);
    assert_int_equal(parse(twice), XG_REASON_KEY_FILE);
    assert_int_equal(parse(""), XG_REASON_KEY_FILE);
    assert_int_equal(parse("not a key"), XG_REASON_KEY_FILE);
    assert_int_equal(parse_edited(pem, "-----BEGIN RSA PUBLIC KEY-----", "-----BEGIN CERTIFICATE-----"),
                     XG_REASON_KEY_FILE);
    assert_int_equal(parse_edited(pem, "MIIB", "MII!"), XG_REASON_KEY_FILE);
    assert_int_equal(parse_edited(pem, "MIIB", "MIIC"), XG_REASON_KEY_FILE);
    assert_int_equal(parse_edited(pem, "MIIB", "MAIB"), XG_REASON_KEY_FILE);
    assert_int_equal(parse_edited(pem, "-----\n", "-----\nComment: none\n\n"), XG_REASON_KEY_FILE);
    pem[strlen(pem) / 2] = '\0';
    assert_int_equal(parse(pem), XG_REASON_KEY_FILE);
    free(pem);
}

static void test_other_kinds_of_key_are_refused(void **state)
{
    (void)state;
    EVP_PKEY *ec = EVP_EC_gen("P-256");
    EVP_PKEY *ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    EVP_PKEY *pss = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
    assert_int_equal(EVP_PKEY_keygen_init(context), 1);
    assert_int_equal(EVP_PKEY_generate(context, &pss), 1);
    EVP_PKEY *others[] = {ec, ed, pss};
    for (size_t i = 0; i < XG_ARRAY_LEN(others); i++) {
        char *pem = encode(others[i], EVP_PKEY_PUBLIC_KEY, "PEM", "SubjectPublicKeyInfo");
        assert_int_equal(parse(pem), XG_REASON_KEY_TYPE);
        free(pem);
        EVP_PKEY_free(others[i]);
    }
    EVP_PKEY_CTX_free(context);
    assert_int_equal(parse("-----BEGIN EC PRIVATE KEY-----\nMAA=\n-----END EC PRIVATE KEY-----\n"), XG_REASON_KEY_TYPE);
}

static void test_an_encrypted_private_key_is_refused(void **state)
{
    (void)state;
    BIO *out = BIO_new(BIO_s_mem());
    char *pem = NULL;
    assert_int_equal(PEM_write_bio_PrivateKey_traditional(out, good, EVP_aes_128_cbc(), (const unsigned char *)"test",
                                                          4, NULL, NULL),
                     1);
    long len = BIO_get_mem_data(out, &pem);
    xg_pubkey *key = NULL;
    assert_int_equal(xg_result_reason(xg_keyfile_parse(crypto, (xg_str){pem, (size_t)len}, &key)), XG_REASON_KEY_FILE);
    BIO_free(out);
}

/* ---- numbers ---- */

static uint32_t make(const BIGNUM *n, unsigned long e)
{
    uint8_t n_bytes[2048], e_bytes[8];
    BIGNUM *exponent = BN_new();
    xg_pubkey *key = NULL;
    assert_int_equal(BN_set_word(exponent, e), 1);
    size_t n_len = (size_t)BN_bn2bin(n, n_bytes);
    size_t e_len = (size_t)BN_bn2bin(exponent, e_bytes);
    xg_result result = xg_pubkey_new(crypto, n_bytes, n_len, e_bytes, e_len, &key);
    xg_pubkey_unref(key);
    BN_free(exponent);
    return xg_result_reason(result);
}

static void test_only_odd_exponents_from_65537_below_2_32_are_taken(void **state)
{
    (void)state;
    BIGNUM *n = NULL;
    assert_int_equal(EVP_PKEY_get_bn_param(good, "n", &n), 1);
    assert_int_equal(make(n, 65537), XG_REASON_OK);
    assert_int_equal(make(n, 4294967295), XG_REASON_OK);
    const unsigned long refused[] = {1, 3, 17, 65535, 65536, 65538, 4294967296, 4294967297};
    for (size_t i = 0; i < XG_ARRAY_LEN(refused); i++) {
        assert_int_equal(make(n, refused[i]), XG_REASON_KEY_EXPONENT);
    }
    BN_free(n);
}

static bool has_small_odd_factor(const BIGNUM *n)
{
    for (unsigned long d = 3; d < 1000; d += 2) {
        if (BN_mod_word(n, d) == 0) {
            return true;
        }
    }
    return false;
}

static void test_only_moduli_of_2048_to_8192_bits_are_taken(void **state)
{
    (void)state;
    BN_CTX *scratch = BN_CTX_new();
    BIGNUM *p = BN_new(), *q = BN_new(), *n = BN_new();
    const struct {
        int p_bits;
        int q_bits;
        uint32_t reason;
    } sizes[] = {
        {512, 512, XG_REASON_KEY_SIZE}, {1023, 1024, XG_REASON_KEY_SIZE}, {1024, 1024, XG_REASON_OK},
        {1024, 7168, XG_REASON_OK},     {1024, 7169, XG_REASON_KEY_SIZE}, {1024, 15360, XG_REASON_KEY_SIZE},
    };
    for (size_t i = 0; i < XG_ARRAY_LEN(sizes); i++) {
        /* No primes needed: odd numbers without small factors do for a lint. */
        BIGNUM *const factors[] = {p, q};
        const int bits[] = {sizes[i].p_bits, sizes[i].q_bits};
        for (size_t k = 0; k < 2; k++) {
            do {
                assert_int_equal(BN_rand(factors[k], bits[k], BN_RAND_TOP_TWO, BN_RAND_BOTTOM_ODD), 1);
            } while (has_small_odd_factor(factors[k]));
        }
        assert_int_equal(BN_mul(n, p, q, scratch), 1);
        assert_int_equal(make(n, 65537), sizes[i].reason);
    }
    BN_free(p);
    BN_free(q);
    BN_free(n);
    BN_CTX_free(scratch);
}

static void test_moduli_with_small_factors_are_refused(void **state)
{
    (void)state;
    BIGNUM *n = NULL;
    BIGNUM *edited = BN_new();
    assert_int_equal(EVP_PKEY_get_bn_param(good, "n", &n), 1);
    assert_int_equal(make(n, 65537), XG_REASON_OK);
    BN_copy(edited, n);
    BN_clear_bit(edited, 0); /* even */
    assert_int_equal(make(edited, 65537), XG_REASON_KEY_WEAK);
    const unsigned long factors[] = {3, 7, 997};
    for (size_t i = 0; i < XG_ARRAY_LEN(factors); i++) { /* the next odd multiple of a small prime */
        BN_copy(edited, n);
        BN_add_word(edited, factors[i] - BN_mod_word(edited, factors[i]));
        if (!BN_is_odd(edited)) {
            BN_add_word(edited, factors[i]);
        }
        assert_int_equal(make(edited, 65537), XG_REASON_KEY_WEAK);
    }
    BN_free(n);
    BN_free(edited);
}

static void test_perfect_powers_are_refused(void **state)
{
    static const struct {
        int bits;
        int power;
    } POWERS[] = {{1024, 2}, {700, 3}, {420, 5}, {300, 7}};
    (void)state;
    BN_CTX *scratch = BN_CTX_new();
    BIGNUM *p = BN_new(), *n = BN_new();
    for (size_t i = 0; i < XG_ARRAY_LEN(POWERS); i++) {
        do { /* the top two bits are set, so the power has all its bits */
            assert_int_equal(BN_rand(p, POWERS[i].bits, BN_RAND_TOP_TWO, BN_RAND_BOTTOM_ODD), 1);
        } while (has_small_odd_factor(p));
        BN_one(n);
        for (int k = 0; k < POWERS[i].power; k++) {
            assert_int_equal(BN_mul(n, n, p, scratch), 1);
        }
        assert_int_equal(make(n, 65537), XG_REASON_KEY_WEAK);
    }
    BN_free(p);
    BN_free(n);
    BN_CTX_free(scratch);
}

static void multiply_primes_up_to(unsigned long limit, BIGNUM *product)
{
    BN_one(product);
    for (unsigned long q = 2; q <= limit; q++) {
        bool is_prime = q == 2 || q % 2 == 1;
        for (unsigned long d = 3; d * d <= q; d += 2) {
            is_prime = is_prime && q % d != 0;
        }
        if (is_prime) {
            BN_mul_word(product, q);
        }
    }
}

/* CVE-2017-15361: a power of 65537 modulo a primorial M, plus a multiple of M. */
static void test_the_roca_form_is_refused(void **state)
{
    (void)state;
    BN_CTX *scratch = BN_CTX_new();
    BIGNUM *m = BN_new(), *g = BN_new(), *n = BN_new();
    multiply_primes_up_to(701, m);
    BN_set_word(g, 65537);
    BN_set_word(n, 123457);
    assert_int_equal(BN_mod_exp(g, g, n, m, scratch), 1);
    unsigned long k = 0;
    do { /* n = (2^s + k) * M + g has no factor of M; a few tries until it has none below 1000 */
        BN_one(n);
        BN_lshift(n, n, 2048 - BN_num_bits(m) + 1);
        BN_add_word(n, k++);
        assert_int_equal(BN_mul(n, n, m, scratch), 1);
        BN_add(n, n, g);
    } while (has_small_odd_factor(n));
    assert_int_equal(make(n, 65537), XG_REASON_KEY_WEAK);
    BN_free(m);
    BN_free(g);
    BN_free(n);
    BN_CTX_free(scratch);
}

/* ---- signatures ---- */

static size_t sign(EVP_PKEY *key, const char *digest, int padding, uint8_t out[1024])
{
    size_t len = 1024;
    EVP_PKEY_CTX *options = NULL;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit_ex(context, &options, digest, NULL, NULL, key, NULL), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(options, padding), 1);
    assert_int_equal(EVP_DigestSign(context, out, &len, (const unsigned char *)INPUT, sizeof(INPUT) - 1), 1);
    EVP_MD_CTX_free(context);
    return len;
}

static uint32_t verify(xg_pubkey *key, const uint8_t *signature, size_t len)
{
    return xg_result_reason(
        xg_pubkey_verify(key, (xg_str){INPUT, sizeof(INPUT) - 1}, (xg_str){(const char *)signature, len}));
}

/* Signs a whole encoded block with the raw private operation. */
static void sign_raw(EVP_PKEY *key, const uint8_t block[256], uint8_t out[256])
{
    size_t len = 256;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    assert_int_equal(EVP_PKEY_sign_init(context), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(context, RSA_NO_PADDING), 1);
    assert_int_equal(EVP_PKEY_sign(context, out, &len, block, 256), 1);
    EVP_PKEY_CTX_free(context);
}

static void test_only_pkcs1_sha256_of_exactly_the_input_verifies(void **state)
{
    (void)state;
    uint8_t signature[1024], other[1024], zero_prefixed[257] = {0};
    char *pem = public_pem(good);
    xg_pubkey *key = NULL;
    assert_true(xg_is_ok(xg_keyfile_parse(crypto, xg_str_of(pem), &key)));
    free(pem);
    size_t len = sign(good, "SHA256", RSA_PKCS1_PADDING, signature);
    for (int i = 0; i < 3; i++) { /* good, bad, good: a failed call leaves nothing behind */
        assert_int_equal(verify(key, signature, len), XG_REASON_OK);
        signature[i] ^= 1;
        assert_int_equal(verify(key, signature, len), XG_REASON_SIGNATURE_INVALID);
        signature[i] ^= 1;
    }
    assert_int_equal(verify(key, signature, len - 1), XG_REASON_SIGNATURE_LENGTH);
    assert_int_equal(verify(key, signature, 0), XG_REASON_SIGNATURE_LENGTH);
    memcpy(zero_prefixed + 1, signature, 256);
    assert_int_equal(verify(key, zero_prefixed, 257), XG_REASON_SIGNATURE_LENGTH);

    const struct {
        const char *digest;
        int padding;
    } wrong[] = {{"SHA1", RSA_PKCS1_PADDING},
                 {"SHA384", RSA_PKCS1_PADDING},
                 {"SHA512", RSA_PKCS1_PADDING},
                 {"SHA256", RSA_PKCS1_PSS_PADDING}};
    for (size_t i = 0; i < XG_ARRAY_LEN(wrong); i++) {
        len = sign(good, wrong[i].digest, wrong[i].padding, other);
        assert_int_equal(verify(key, other, len), XG_REASON_SIGNATURE_INVALID);
    }
    BIGNUM *n = NULL;
    assert_int_equal(EVP_PKEY_get_bn_param(good, "n", &n), 1);
    for (unsigned long i = 0; i < 4; i++) { /* 0, 1, n - 1, n */
        BIGNUM *s = BN_new();
        assert_int_equal(i < 2 ? BN_set_word(s, i) : BN_copy(s, n) != NULL, 1);
        if (i == 2) {
            BN_sub_word(s, 1);
        }
        assert_int_equal(BN_bn2binpad(s, other, 256), 256);
        assert_int_equal(verify(key, other, 256), XG_REASON_SIGNATURE_INVALID);
        BN_free(s);
    }
    memset(other, 0xff, 256);
    assert_int_equal(verify(key, other, 256), XG_REASON_SIGNATURE_INVALID);
    BN_free(n);
    xg_pubkey_unref(key);
}

static void test_every_byte_of_the_encoded_block_counts(void **state)
{
    (void)state;
    static const uint8_t DIGEST_INFO[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                          0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
    uint8_t block[256], edited[256], signature[256];
    unsigned len = 32;
    char *pem = public_pem(good);
    xg_pubkey *key = NULL;
    assert_true(xg_is_ok(xg_keyfile_parse(crypto, xg_str_of(pem), &key)));
    free(pem);
    memset(block, 0xff, sizeof(block));
    block[0] = 0;
    block[1] = 1;
    block[256 - 32 - sizeof(DIGEST_INFO) - 1] = 0;
    memcpy(block + 256 - 32 - sizeof(DIGEST_INFO), DIGEST_INFO, sizeof(DIGEST_INFO));
    assert_int_equal(EVP_Digest(INPUT, sizeof(INPUT) - 1, block + 224, &len, EVP_sha256(), NULL), 1);
    sign_raw(good, block, signature);
    assert_int_equal(verify(key, signature, 256), XG_REASON_OK);
    for (size_t i = 1; i < 256; i++) { /* the first byte must be 0 for the block to be below n */
        memcpy(edited, block, sizeof(block));
        edited[i] ^= 0x10;
        sign_raw(good, edited, signature);
        assert_int_equal(verify(key, signature, 256), XG_REASON_SIGNATURE_INVALID);
    }
    /* Bleichenbacher 2006: short padding, the hash in front, garbage behind. */
    memset(edited, 0x5a, sizeof(edited));
    memcpy(edited, "\x00\x01\xff\xff\xff\xff\xff\xff\xff\xff\x00", 11);
    memcpy(edited + 11, DIGEST_INFO, sizeof(DIGEST_INFO));
    memcpy(edited + 11 + sizeof(DIGEST_INFO), block + 224, 32);
    sign_raw(good, edited, signature);
    assert_int_equal(verify(key, signature, 256), XG_REASON_SIGNATURE_INVALID);
    xg_pubkey_unref(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_four_shapes_of_one_key_have_one_fingerprint),
        cmocka_unit_test(test_a_damaged_key_file_is_refused),
        cmocka_unit_test(test_other_kinds_of_key_are_refused),
        cmocka_unit_test(test_an_encrypted_private_key_is_refused),
        cmocka_unit_test(test_only_odd_exponents_from_65537_below_2_32_are_taken),
        cmocka_unit_test(test_only_moduli_of_2048_to_8192_bits_are_taken),
        cmocka_unit_test(test_moduli_with_small_factors_are_refused),
        cmocka_unit_test(test_perfect_powers_are_refused),
        cmocka_unit_test(test_the_roca_form_is_refused),
        cmocka_unit_test(test_only_pkcs1_sha256_of_exactly_the_input_verifies),
        cmocka_unit_test(test_every_byte_of_the_encoded_block_counts),
    };
    return cmocka_run_group_tests_name("keyfile", tests, set_up, tear_down);
}
