/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_sign.c: which private keys may sign, what their PEM looks like, and that a signature is what it should be.
 *
 * Keys other than the fixture's are made here with libcrypto: TEST KEYS, NOT SECRETS. One thread.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "../fixture.h"
#include "xdsgate/token.h"

#define TEXT_SIZE 16384

static xg_signer *fixture_signer(void)
{
    xg_signer *signer = NULL;
    assert_true(xg_is_ok(xg_signer_parse(xg_str_of(fixture_private_pem(FIXTURE_KEY_M1)), &signer)));
    return signer;
}

static uint32_t parse(const char *pem)
{
    xg_signer *signer = NULL;
    xg_result result = xg_signer_parse(xg_str_of(pem), &signer);
    assert_true(xg_is_ok(result) == (signer != NULL));
    xg_signer_free(signer);
    return xg_result_reason(result);
}

static void test_pem_of_a_key_goes_out_as_it_came_in(void **state)
{
    (void)state;
    char *pem = NULL;
    size_t len = 0;
    xg_signer *signer = fixture_signer();
    assert_true(xg_is_ok(xg_signer_private_pem(signer, &pem, &len)));
    assert_string_equal(pem, fixture_private_pem(FIXTURE_KEY_M1));
    assert_int_equal(len, strlen(pem));
    xg_signer_pem_free(pem, len);
    assert_true(xg_is_ok(xg_signer_public_pem(signer, &pem, &len)));
    assert_string_equal(pem, fixture_public_pem(FIXTURE_KEY_M1));
    xg_signer_pem_free(pem, len);
    assert_int_equal(xg_signer_bits(signer), 2048);
    xg_signer_free(signer);
}

static void test_new_keys_have_the_size_asked_for_and_are_not_alike(void **state)
{
    (void)state;
    xg_signer *a = NULL;
    xg_signer *b = NULL;
    char *pem = NULL;
    size_t len = 0;
    assert_true(xg_is_ok(xg_signer_generate(2048, &a)));
    assert_true(xg_is_ok(xg_signer_generate(2304, &b)));
    assert_int_equal(xg_signer_bits(a), 2048);
    assert_int_equal(xg_signer_bits(b), 2304);
    assert_true(xg_is_ok(xg_signer_private_pem(a, &pem, &len)));
    assert_memory_equal(pem, "-----BEGIN RSA PRIVATE KEY-----\n", 32);
    assert_int_equal(parse(pem), XG_REASON_OK);
    xg_signer_pem_free(pem, len);
    assert_memory_not_equal(xg_pubkey_fingerprint(xg_signer_pubkey(a)), xg_pubkey_fingerprint(xg_signer_pubkey(b)),
                            XG_FINGERPRINT_LEN);
    xg_signer_free(a);
    xg_signer_free(b);
}

static void test_sizes_that_no_verifier_takes_are_not_made(void **state)
{
    static const unsigned SIZES[] = {0, 1, 1024, 2047, 8193, 16384};
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(SIZES); i++) {
        xg_signer *signer = NULL;
        assert_int_equal(xg_result_reason(xg_signer_generate(SIZES[i], &signer)), XG_REASON_KEY_SIZE);
        assert_null(signer);
    }
}

static void test_signature_is_verified_by_its_own_key_alone(void **state)
{
    (void)state;
    uint8_t signature[XG_SIGNATURE_MAX];
    size_t len = 0;
    xg_signer *signer = fixture_signer();
    xg_signer *other = NULL;
    assert_true(xg_is_ok(xg_signer_parse(xg_str_of(fixture_private_pem(FIXTURE_KEY_M2)), &other)));
    assert_true(xg_is_ok(xg_signer_sign(signer, XG_STR("head.body"), signature, &len)));
    assert_int_equal(len, 256);
    xg_str bytes = {(const char *)signature, len};
    assert_true(xg_is_ok(xg_pubkey_verify(xg_signer_pubkey(signer), XG_STR("head.body"), bytes)));
    assert_int_equal(xg_result_reason(xg_pubkey_verify(xg_signer_pubkey(signer), XG_STR("head.bodz"), bytes)),
                     XG_REASON_SIGNATURE_INVALID);
    assert_int_equal(xg_result_reason(xg_pubkey_verify(xg_signer_pubkey(other), XG_STR("head.body"), bytes)),
                     XG_REASON_SIGNATURE_INVALID);
    signature[100] ^= 1;
    assert_int_equal(xg_result_reason(xg_pubkey_verify(xg_signer_pubkey(signer), XG_STR("head.body"), bytes)),
                     XG_REASON_SIGNATURE_INVALID);
    xg_signer_free(signer);
    xg_signer_free(other);
}

/* ---- key files ---- */

static EVP_PKEY *fixture_pkey(void)
{
    BIO *bio = BIO_new_mem_buf(fixture_private_pem(FIXTURE_KEY_M1), -1);
    EVP_PKEY *pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
    assert_non_null(pkey);
    return pkey;
}

typedef enum form {
    FORM_PKCS1,
    FORM_PKCS8,
    FORM_PKCS1_ENCRYPTED,
    FORM_PKCS8_ENCRYPTED,
    FORM_PKCS1_PUBLIC,
    FORM_SPKI
} form;

/* The key in one of the forms, TEXT_SIZE bytes of caller storage. Releases the key. */
static const char *write_form(EVP_PKEY *pkey, form how, char *text)
{
    unsigned char phrase[] = "test";
    BIO *bio = BIO_new(BIO_s_mem());
    int is_written = 0;
    assert_non_null(pkey);
    switch (how) {
    case FORM_PKCS1:
        is_written = PEM_write_bio_PrivateKey_traditional(bio, pkey, NULL, NULL, 0, NULL, NULL);
        break;
    case FORM_PKCS8:
        is_written = PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL);
        break;
    case FORM_PKCS1_ENCRYPTED:
        is_written = PEM_write_bio_PrivateKey_traditional(bio, pkey, EVP_aes_128_cbc(), phrase, 4, NULL, NULL);
        break;
    case FORM_PKCS8_ENCRYPTED:
        is_written = PEM_write_bio_PKCS8PrivateKey(bio, pkey, EVP_aes_128_cbc(), (char *)phrase, 4, NULL, NULL);
        break;
    case FORM_SPKI:
        is_written = PEM_write_bio_PUBKEY(bio, pkey);
        break;
    case FORM_PKCS1_PUBLIC:
    default:
        break;
    }
    assert_int_equal(is_written, 1);
    int len = BIO_read(bio, text, TEXT_SIZE - 1);
    assert_true(len > 0);
    text[len] = '\0';
    BIO_free(bio);
    EVP_PKEY_free(pkey);
    return text;
}

static EVP_PKEY *rsa_key(size_t bits)
{
    return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", bits);
}

/* Made once: keys are dear. The reference goes to the caller. */
static EVP_PKEY *pss_key(void)
{
    static EVP_PKEY *pkey;
    if (pkey != NULL) {
        EVP_PKEY_up_ref(pkey);
        return pkey;
    }
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
    assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 1024), 1); /* its type is looked at first */
    assert_int_equal(EVP_PKEY_keygen(ctx, &pkey), 1);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_up_ref(pkey);
    return pkey;
}

static EVP_PKEY *exponent_3_key(void)
{
    static EVP_PKEY *pkey;
    if (pkey != NULL) {
        EVP_PKEY_up_ref(pkey);
        return pkey;
    }
    BIGNUM *e = BN_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    assert_int_equal(BN_set_word(e, 3), 1);
    assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 2048), 1);
    assert_int_equal(EVP_PKEY_CTX_set1_rsa_keygen_pubexp(ctx, e), 1);
    assert_int_equal(EVP_PKEY_keygen(ctx, &pkey), 1);
    EVP_PKEY_CTX_free(ctx);
    BN_free(e);
    EVP_PKEY_up_ref(pkey);
    return pkey;
}

static void test_pkcs1_and_pkcs8_sign_alike(void **state)
{
    (void)state;
    char text[TEXT_SIZE];
    uint8_t first[XG_SIGNATURE_MAX];
    uint8_t second[XG_SIGNATURE_MAX];
    size_t len = 0;
    xg_signer *one = fixture_signer();
    xg_signer *eight = NULL;
    assert_true(xg_is_ok(xg_signer_parse(xg_str_of(write_form(fixture_pkey(), FORM_PKCS8, text)), &eight)));
    assert_true(xg_is_ok(xg_signer_sign(one, XG_STR("x"), first, &len)));
    assert_true(xg_is_ok(xg_signer_sign(eight, XG_STR("x"), second, &len)));
    assert_memory_equal(first, second, len);
    xg_signer_free(one);
    xg_signer_free(eight);
}

static void test_other_keys_do_not_sign(void **state)
{
    (void)state;
    char text[TEXT_SIZE];
    assert_int_equal(parse(write_form(fixture_pkey(), FORM_PKCS1, text)), XG_REASON_OK);
    assert_int_equal(parse(write_form(rsa_key(1024), FORM_PKCS1, text)), XG_REASON_KEY_SIZE);
    assert_int_equal(parse(write_form(exponent_3_key(), FORM_PKCS1, text)), XG_REASON_KEY_EXPONENT);
    assert_int_equal(parse(write_form(pss_key(), FORM_PKCS8, text)), XG_REASON_KEY_TYPE);
    assert_int_equal(parse(write_form(EVP_EC_gen("P-256"), FORM_PKCS8, text)), XG_REASON_KEY_TYPE);
    assert_int_equal(parse(write_form(fixture_pkey(), FORM_SPKI, text)), XG_REASON_KEY_FILE);
    assert_int_equal(parse(fixture_public_pem(FIXTURE_KEY_M1)), XG_REASON_KEY_FILE);
    assert_int_equal(parse(write_form(fixture_pkey(), FORM_PKCS1_ENCRYPTED, text)), XG_REASON_KEY_FILE);
    assert_int_equal(parse(write_form(fixture_pkey(), FORM_PKCS8_ENCRYPTED, text)), XG_REASON_KEY_FILE);
}

static void test_files_that_are_not_one_key_do_not_sign(void **state)
{
    (void)state;
    char text[TEXT_SIZE];
    const char *good = fixture_private_pem(FIXTURE_KEY_M1);
    static char huge[70000];
    assert_int_equal(parse(good), XG_REASON_OK);
    assert_int_equal(parse(""), XG_REASON_KEY_FILE);
    assert_int_equal(parse("no key\n"), XG_REASON_KEY_FILE);
    snprintf(text, sizeof(text), "%s%s", good, good);
    assert_int_equal(parse(text), XG_REASON_KEY_FILE);
    snprintf(text, sizeof(text), "%s%s", good, fixture_public_pem(FIXTURE_KEY_M1));
    assert_int_equal(parse(text), XG_REASON_KEY_FILE);
    snprintf(text, sizeof(text), "%s", good);
    text[strlen(text) / 2] = '!';
    assert_int_equal(parse(text), XG_REASON_KEY_FILE);
    snprintf(text, sizeof(text), "%s", good);
    text[strlen(text) / 2] = '\0';
    assert_int_equal(parse(text), XG_REASON_KEY_FILE);
    memset(huge, '\n', sizeof(huge) - 1);
    memcpy(huge, good, strlen(good));
    assert_int_equal(parse(huge), XG_REASON_KEY_FILE);
}

static void test_key_with_bytes_behind_its_der_does_not_sign(void **state)
{
    (void)state;
    char text[TEXT_SIZE];
    unsigned char der[4096];
    unsigned char *end = der;
    EVP_PKEY *pkey = fixture_pkey();
    int len = i2d_PrivateKey(pkey, &end);
    EVP_PKEY_free(pkey);
    assert_true(len > 0 && (size_t)len < sizeof(der) - 1);
    for (int more = 0; more <= 1; more++) {
        BIO *bio = BIO_new(BIO_s_mem());
        der[len] = 0;
        assert_true(PEM_write_bio(bio, "RSA PRIVATE KEY", "", der, len + more) > 0);
        int text_len = BIO_read(bio, text, TEXT_SIZE - 1);
        text[text_len] = '\0';
        BIO_free(bio);
        assert_int_equal(parse(text), more == 0 ? XG_REASON_OK : XG_REASON_KEY_FILE);
    }
}

/* ---- the public half of anything ---- */

static uint32_t public_of(const char *pem, const char *expected)
{
    char *out = NULL;
    size_t len = 0;
    xg_result result = xg_signer_public_of(xg_str_of(pem), &out, &len);
    if (xg_is_ok(result)) {
        assert_string_equal(out, expected);
        assert_int_equal(len, strlen(expected));
        xg_signer_pem_free(out, len);
    } else {
        assert_null(out);
    }
    return xg_result_reason(result);
}

static void test_public_half_is_the_same_from_every_form(void **state)
{
    (void)state;
    char text[TEXT_SIZE];
    const char *expected = fixture_public_pem(FIXTURE_KEY_M1);
    assert_int_equal(public_of(fixture_private_pem(FIXTURE_KEY_M1), expected), XG_REASON_OK);
    assert_int_equal(public_of(expected, expected), XG_REASON_OK);
    assert_int_equal(public_of(write_form(fixture_pkey(), FORM_PKCS8, text), expected), XG_REASON_OK);
    assert_int_equal(public_of(write_form(fixture_pkey(), FORM_SPKI, text), expected), XG_REASON_OK);
}

static void test_public_half_of_unusable_files_is_refused(void **state)
{
    (void)state;
    char text[TEXT_SIZE];
    assert_int_equal(public_of("", ""), XG_REASON_KEY_FILE);
    assert_int_equal(public_of(write_form(fixture_pkey(), FORM_PKCS8_ENCRYPTED, text), ""), XG_REASON_KEY_TYPE);
    assert_int_equal(public_of(write_form(rsa_key(1024), FORM_SPKI, text), ""), XG_REASON_KEY_SIZE);
    assert_int_equal(public_of(write_form(exponent_3_key(), FORM_SPKI, text), ""), XG_REASON_KEY_EXPONENT);
    assert_int_not_equal(public_of(write_form(EVP_EC_gen("P-256"), FORM_SPKI, text), ""), XG_REASON_OK);
    assert_int_not_equal(public_of(write_form(pss_key(), FORM_SPKI, text), ""), XG_REASON_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pem_of_a_key_goes_out_as_it_came_in),
        cmocka_unit_test(test_new_keys_have_the_size_asked_for_and_are_not_alike),
        cmocka_unit_test(test_sizes_that_no_verifier_takes_are_not_made),
        cmocka_unit_test(test_signature_is_verified_by_its_own_key_alone),
        cmocka_unit_test(test_pkcs1_and_pkcs8_sign_alike),
        cmocka_unit_test(test_other_keys_do_not_sign),
        cmocka_unit_test(test_files_that_are_not_one_key_do_not_sign),
        cmocka_unit_test(test_key_with_bytes_behind_its_der_does_not_sign),
        cmocka_unit_test(test_public_half_is_the_same_from_every_form),
        cmocka_unit_test(test_public_half_of_unusable_files_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
