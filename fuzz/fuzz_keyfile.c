/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_keyfile.c: PEM to RSA public key. Input: the file's text. Not thread-safe.
 *
 * Base64 hides the DER from a byte-wise mutator, so the custom one also opens the first block, mutates the DER, and
 * armours it again.
 *
 * Targets: xg_keyfile_parse, xg_pubkey_new, xg_pubkey_fingerprint, xg_pubkey_bits, xg_pubkey_unref.
 * Properties: OpenSSL's own decoder accepts what is accepted and finds the same n and e (by fingerprint, which covers
 * both); what is accepted has 2048 to 8192 bits and an odd exponent from 65537 below 2^32; the same answer twice.
 */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

static EVP_PKEY *decode_with_openssl(xg_str pem)
{
    EVP_PKEY *key = NULL;
    OSSL_DECODER_CTX *decoder = OSSL_DECODER_CTX_new_for_pkey(&key, "PEM", NULL, "RSA", 0, NULL, NULL);
    BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    FUZZ_REQUIRE(decoder != NULL && bio != NULL, "harness: memory");
    (void)OSSL_DECODER_from_bio(decoder, bio);
    (void)BIO_free(bio);
    OSSL_DECODER_CTX_free(decoder);
    ERR_clear_error();
    return key;
}

static void check_key(const EVP_PKEY *openssl_key, const xg_pubkey *key)
{
    unsigned char *der = NULL;
    uint8_t digest[SHA256_DIGEST_LENGTH];
    BIGNUM *e = NULL;
    int der_len = i2d_PublicKey(openssl_key, &der);
    FUZZ_REQUIRE(der_len > 0 && EVP_PKEY_get_bn_param(openssl_key, OSSL_PKEY_PARAM_RSA_E, &e) == 1, "harness: key");
    FUZZ_REQUIRE(EVP_Digest(der, (size_t)der_len, digest, NULL, EVP_sha256(), NULL) == 1, "harness: digest");
    FUZZ_REQUIRE(memcmp(digest, xg_pubkey_fingerprint(key), sizeof digest) == 0, "OpenSSL finds the same n and e");
    FUZZ_REQUIRE((unsigned)EVP_PKEY_get_bits(openssl_key) == xg_pubkey_bits(key), "OpenSSL finds the same size");
    FUZZ_REQUIRE(xg_pubkey_bits(key) >= 2048 && xg_pubkey_bits(key) <= 8192, "the size is within its limits");
    FUZZ_REQUIRE(BN_is_odd(e) && BN_num_bits(e) <= 32 && BN_get_word(e) >= 65537, "the exponent is within its limits");
    BN_free(e);
    OPENSSL_free(der);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    xg_str pem = {(const char *)data, size};
    xg_pubkey *key = NULL;
    xg_pubkey *again = NULL;
    xg_result result = xg_keyfile_parse(fuzz_crypto(), pem, &key);
    FUZZ_REQUIRE(xg_keyfile_parse(fuzz_crypto(), pem, &again).code == result.code, "the same answer twice");
    FUZZ_REQUIRE(ERR_peek_error() == 0, "OpenSSL's error queue is left as it was");
    if (xg_is_ok(result)) {
        EVP_PKEY *openssl_key = decode_with_openssl(pem);
        FUZZ_REQUIRE(openssl_key != NULL, "OpenSSL accepts what is accepted");
        check_key(openssl_key, key);
        EVP_PKEY_free(openssl_key);
        xg_pubkey_unref(key);
        xg_pubkey_unref(again);
    }
    return 0;
}

/* Mutates the DER of the first PEM block in place of the whole text; 0 if there is no block or no room. */
static size_t mutate_der(uint8_t *data, size_t size, size_t max_size)
{
    char *name = NULL;
    char *header = NULL;
    unsigned char *der = NULL;
    long der_len = 0;
    size_t text_len = 0;
    BIO *in = BIO_new_mem_buf(data, (int)size);
    BIO *out = BIO_new(BIO_s_mem());
    FUZZ_REQUIRE(in != NULL && out != NULL, "harness: memory");
    if (PEM_read_bio(in, &name, &header, &der, &der_len) == 1) {
        uint8_t room[4096];
        size_t len = (size_t)der_len < sizeof room ? (size_t)der_len : sizeof room;
        memcpy(room, der, len);
        len = LLVMFuzzerMutate(room, len, sizeof room);
        const char *text = NULL;
        if (PEM_write_bio(out, name, "", room, (long)len) > 0) {
            text_len = (size_t)BIO_get_mem_data(out, &text);
        }
        if (text_len > 0 && text_len <= max_size) {
            memcpy(data, text, text_len);
        } else {
            text_len = 0;
        }
    }
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(der);
    (void)BIO_free(in);
    (void)BIO_free(out);
    ERR_clear_error();
    return text_len;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
    size_t len = seed % 2 == 0 ? mutate_der(data, size, max_size) : 0;
    return len > 0 ? len : LLVMFuzzerMutate(data, size, max_size);
}
