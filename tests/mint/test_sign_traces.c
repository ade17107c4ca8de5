/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_sign_traces.c: no memory that OpenSSL gives back holds a private number: it was wiped before.
 *
 * Everything that is released while a call is watched is kept, and searched for a part of each prime and of the private
 * exponent, in both byte orders. Keys are the fixture's or made here: TEST KEYS, NOT SECRETS. One thread.
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* as sign.c */

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "../fixture.h"
#include "xdsgate/token.h"

#define TRACES_MAX (64u << 20)
#define PART_LEN   16
#define PART_AT    24 /* somewhere inside: the ends of numbers can be cut or shifted */
#define TEXT_SIZE  16384

static char *traces;
static size_t num_traces;
static bool is_watching;
static bool is_full;

static void keep(const void *block, size_t len)
{
    if (!is_watching || block == NULL) {
        return;
    }
    is_full = is_full || len > TRACES_MAX - num_traces;
    if (!is_full) {
        memcpy(traces + num_traces, block, len);
        num_traces += len;
    }
}

static void *watched_malloc(size_t len, const char *file, int line)
{
    (void)file;
    (void)line;
    return calloc(1, len > 0 ? len : 1); /* what lay there before is not this call's trace */
}

static void watched_free(void *block, const char *file, int line)
{
    (void)file;
    (void)line;
    keep(block, block != NULL ? malloc_usable_size(block) : 0);
    free(block);
}

static void *watched_realloc(void *block, size_t len, const char *file, int line)
{
    size_t old = block != NULL ? malloc_usable_size(block) : 0;
    void *moved = watched_malloc(len, file, line);
    if (moved != NULL && block != NULL) {
        memcpy(moved, block, old < len ? old : len);
        watched_free(block, file, line);
    }
    return moved;
}

static void watch(void)
{
    num_traces = 0;
    is_full = false;
    is_watching = true;
}

static bool has_trace(const BIGNUM *number)
{
    unsigned char bytes[1024];
    int len = BN_num_bytes(number);
    assert_in_range(len, PART_AT + PART_LEN, sizeof(bytes));
    assert_int_equal(BN_bn2binpad(number, bytes, len), len);
    if (memmem(traces, num_traces, bytes + PART_AT, PART_LEN) != NULL) {
        return true;
    }
    assert_int_equal(BN_bn2lebinpad(number, bytes, len), len);
    return memmem(traces, num_traces, bytes + PART_AT, PART_LEN) != NULL;
}

/* The watch ends; what was released knows nothing of the key in pem. */
static void assert_wiped(const char *pem)
{
    is_watching = false;
    assert_false(is_full);
    assert_true(num_traces > 0);
    BIO *bio = BIO_new_mem_buf(pem, -1);
    RSA *rsa = PEM_read_bio_RSAPrivateKey(bio, NULL, NULL, NULL);
    assert_non_null(rsa);
    assert_false(has_trace(RSA_get0_p(rsa)));
    assert_false(has_trace(RSA_get0_q(rsa)));
    assert_false(has_trace(RSA_get0_d(rsa)));
    RSA_free(rsa);
    BIO_free(bio);
}

static void write_pkcs8(const char *pem, char text[TEXT_SIZE])
{
    BIO *in = BIO_new_mem_buf(pem, -1);
    BIO *out = BIO_new(BIO_s_mem());
    EVP_PKEY *pkey = PEM_read_bio_PrivateKey(in, NULL, NULL, NULL);
    assert_int_equal(PEM_write_bio_PKCS8PrivateKey(out, pkey, NULL, NULL, 0, NULL, NULL), 1);
    int len = BIO_read(out, text, TEXT_SIZE - 1);
    assert_true(len > 0);
    text[len] = '\0';
    EVP_PKEY_free(pkey);
    BIO_free(out);
    BIO_free(in);
}

static void use(const char *pem)
{
    uint8_t signature[512];
    size_t signature_len = 0;
    xg_signer *signer = NULL;
    char *text = NULL;
    size_t len = 0;
    assert_true(xg_is_ok(xg_signer_parse(xg_str_of(pem), &signer)));
    assert_true(xg_is_ok(xg_signer_sign(signer, XG_STR("text"), signature, &signature_len)));
    assert_true(xg_is_ok(xg_signer_private_pem(signer, &text, &len)));
    xg_signer_pem_free(text, len);
    xg_signer_free(signer);
}

static void test_watch_sees_what_is_not_wiped(void **state)
{
    (void)state;
    const char *pem = fixture_private_pem(FIXTURE_KEY_M1);
    BIO *bio = BIO_new_mem_buf(pem, -1);
    RSA *rsa = PEM_read_bio_RSAPrivateKey(bio, NULL, NULL, NULL);
    unsigned char *der = NULL;
    watch();
    assert_true(i2d_RSAPrivateKey(rsa, &der) > 0);
    OPENSSL_free(der);
    is_watching = false;
    assert_true(has_trace(RSA_get0_p(rsa)));
    RSA_free(rsa);
    BIO_free(bio);
}

static void test_key_that_is_read_and_signs_leaves_no_trace(void **state)
{
    (void)state;
    char pkcs8[TEXT_SIZE];
    const char *pem = fixture_private_pem(FIXTURE_KEY_M1);
    write_pkcs8(pem, pkcs8);
    const char *const forms[] = {pem, pkcs8};
    for (size_t i = 0; i < XG_ARRAY_LEN(forms); i++) {
        watch();
        use(forms[i]);
        assert_wiped(pem);
    }
}

static void test_public_half_is_taken_without_a_trace_of_the_private_one(void **state)
{
    (void)state;
    char pkcs8[TEXT_SIZE];
    const char *pem = fixture_private_pem(FIXTURE_KEY_M1);
    write_pkcs8(pem, pkcs8);
    const char *const forms[] = {pem, pkcs8};
    for (size_t i = 0; i < XG_ARRAY_LEN(forms); i++) {
        char *text = NULL;
        size_t len = 0;
        watch();
        assert_true(xg_is_ok(xg_signer_public_of(xg_str_of(forms[i]), &text, &len)));
        assert_wiped(pem);
        assert_string_equal(text, fixture_public_pem(FIXTURE_KEY_M1));
        xg_signer_pem_free(text, len);
    }
}

static void test_new_key_leaves_no_trace(void **state)
{
    (void)state;
    xg_signer *signer = NULL;
    char *text = NULL;
    size_t len = 0;
    watch();
    assert_true(xg_is_ok(xg_signer_generate(2048, &signer)));
    assert_true(xg_is_ok(xg_signer_private_pem(signer, &text, &len)));
    assert_wiped(text);
    xg_signer_pem_free(text, len);
    xg_signer_free(signer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_watch_sees_what_is_not_wiped),
        cmocka_unit_test(test_key_that_is_read_and_signs_leaves_no_trace),
        cmocka_unit_test(test_public_half_is_taken_without_a_trace_of_the_private_one),
        cmocka_unit_test(test_new_key_leaves_no_trace),
    };
    traces = malloc(TRACES_MAX);
    if (traces == NULL || CRYPTO_set_mem_functions(watched_malloc, watched_realloc, watched_free) != 1) {
        return 1;
    }
    int failed = cmocka_run_group_tests_name("mint sign traces", tests, NULL, NULL);
    free(traces);
    return failed;
}
