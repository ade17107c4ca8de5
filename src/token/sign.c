/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sign.c: private RSA keys: make, read, write, sign.
 *
 * Must never be linked into xdsgate.so, never write a file and never print. Key material stays inside OpenSSL's objects
 * (in its secure heap, where the process has set one up) and in buffers that are wiped before they are released.
 * Thread rule: a signer is immutable once made; any number of threads may sign with it.
 */
#include <string.h>

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/decoder.h>
#include <openssl/encoder.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "xdsgate/token.h"

#define MODULUS_BITS_MIN 2048
#define MODULUS_BITS_MAX 8192
#define PEM_TEXT_MAX     65536

struct xg_signer {
    OSSL_LIB_CTX *context;
    xg_crypto *crypto;
    EVP_PKEY *pkey;
    xg_pubkey *pubkey; /* what xdsgate.so will verify with */
};

static xg_result signer_new(xg_signer **ret_signer)
{
    xg_signer *signer = OPENSSL_zalloc(sizeof(*signer));
    XG_CHECK(signer != NULL, NO_MEMORY);
    signer->context = OSSL_LIB_CTX_new();
    xg_result result = signer->context != NULL ? xg_crypto_new(&signer->crypto) : XG_FAIL(NO_MEMORY);
    if (!xg_is_ok(result)) {
        OSSL_LIB_CTX_free(signer->context);
        OPENSSL_free(signer);
        return result;
    }
    *ret_signer = signer;
    return XG_OK;
}

void xg_signer_free(xg_signer *signer)
{
    if (signer == NULL) {
        return;
    }
    xg_pubkey_unref(signer->pubkey);
    EVP_PKEY_free(signer->pkey);
    xg_crypto_free(signer->crypto);
    OSSL_LIB_CTX_free(signer->context);
    OPENSSL_free(signer);
}

static xg_result pubkey_of(xg_crypto *crypto, const BIGNUM *n, const BIGNUM *e, xg_pubkey **ret_key)
{
    uint8_t n_bytes[MODULUS_BITS_MAX / 8];
    uint8_t e_bytes[8];
    XG_CHECK(BN_num_bits(n) >= MODULUS_BITS_MIN && BN_num_bits(n) <= MODULUS_BITS_MAX, KEY_SIZE);
    XG_CHECK(BN_num_bytes(e) <= (int)sizeof(e_bytes), KEY_EXPONENT);
    int n_len = BN_bn2bin(n, n_bytes);
    int e_len = BN_bn2bin(e, e_bytes);
    return xg_pubkey_new(crypto, n_bytes, (size_t)n_len, e_bytes, (size_t)e_len, ret_key);
}

/* Passes the public half through the lints that xdsgate.so applies: a key that it refuses must not sign. */
static xg_result signer_lint(xg_signer *signer)
{
    BIGNUM *n = NULL;
    BIGNUM *e = NULL;
    xg_result result = XG_FAIL(KEY_TYPE);
    if (EVP_PKEY_is_a(signer->pkey, "RSA") && EVP_PKEY_get_bn_param(signer->pkey, OSSL_PKEY_PARAM_RSA_N, &n) == 1 &&
        EVP_PKEY_get_bn_param(signer->pkey, OSSL_PKEY_PARAM_RSA_E, &e) == 1) {
        result = pubkey_of(signer->crypto, n, e, &signer->pubkey);
    }
    BN_free(n);
    BN_free(e);
    return result;
}

/* Lints what stands in signer->pkey and hands the signer over, or releases it. */
static xg_result signer_finish(xg_result made, xg_signer *signer, xg_signer **ret_signer)
{
    xg_result result = xg_is_ok(made) ? signer_lint(signer) : made;
    if (!xg_is_ok(result)) {
        xg_signer_free(signer);
        return result;
    }
    *ret_signer = signer;
    return XG_OK;
}

static xg_result generate(xg_signer *signer, unsigned bits)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(signer->context, "RSA", NULL);
    bool is_made = ctx != NULL && EVP_PKEY_keygen_init(ctx) == 1 &&
                   EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, (int)bits) == 1 && EVP_PKEY_keygen(ctx, &signer->pkey) == 1;
    EVP_PKEY_CTX_free(ctx);
    XG_CHECK(is_made, NO_MEMORY);
    return XG_OK;
}

xg_result xg_signer_generate(unsigned bits, xg_signer **ret_signer)
{
    xg_signer *signer = NULL;
    XG_CHECK(bits >= MODULUS_BITS_MIN && bits <= MODULUS_BITS_MAX, KEY_SIZE);
    XG_TRY(signer_new(&signer));
    ERR_set_mark();
    xg_result made = generate(signer, bits);
    ERR_pop_to_mark();
    return signer_finish(made, signer, ret_signer);
}

/* One PEM block, decoded into OpenSSL's secure heap. */
typedef struct pem_block {
    char *label;
    char *headers;
    unsigned char *der;
    long der_len;
} pem_block;

static void pem_block_done(pem_block *block)
{
    OPENSSL_secure_free(block->label);
    OPENSSL_secure_free(block->headers);
    OPENSSL_secure_clear_free(block->der, block->der_len > 0 ? (size_t)block->der_len : 0);
    *block = (pem_block){0};
}

static bool pem_read(BIO *bio, pem_block *block)
{
    return PEM_read_bio_ex(bio, &block->label, &block->headers, &block->der, &block->der_len,
                           PEM_FLAG_SECURE | PEM_FLAG_EAY_COMPATIBLE) == 1;
}

static EVP_PKEY *decode_pkcs8(xg_signer *signer, const unsigned char **der, long len)
{
    EVP_PKEY *pkey = NULL;
    PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, der, len);
    if (info != NULL) {
        pkey = EVP_PKCS82PKEY_ex(info, signer->context, NULL);
    }
    PKCS8_PRIV_KEY_INFO_free(info);
    return pkey;
}

static xg_result decode(xg_signer *signer, const pem_block *block)
{
    const unsigned char *der = block->der;
    /* Encrypted traditional keys announce themselves in RFC 1421 headers. */
    XG_CHECK(block->headers[0] == '\0', KEY_FILE);
    if (strcmp(block->label, "RSA PRIVATE KEY") == 0) {
        signer->pkey = d2i_PrivateKey_ex(EVP_PKEY_RSA, NULL, &der, block->der_len, signer->context, NULL);
    } else if (strcmp(block->label, "PRIVATE KEY") == 0) {
        signer->pkey = decode_pkcs8(signer, &der, block->der_len);
    }
    XG_CHECK(signer->pkey != NULL, KEY_FILE);
    XG_CHECK(der == block->der + block->der_len, KEY_FILE);
    return XG_OK;
}

static xg_result parse(xg_signer *signer, BIO *bio)
{
    pem_block first = {0};
    pem_block second = {0};
    xg_result result = XG_FAIL(KEY_FILE);
    if (pem_read(bio, &first)) {
        result = decode(signer, &first);
        if (pem_read(bio, &second)) {
            result = XG_FAIL(KEY_FILE); /* which of the two did the operator mean? */
        }
    }
    pem_block_done(&second);
    pem_block_done(&first);
    return result;
}

xg_result xg_signer_parse(xg_str pem, xg_signer **ret_signer)
{
    xg_signer *signer = NULL;
    XG_CHECK(pem.len > 0 && pem.len <= PEM_TEXT_MAX, KEY_FILE);
    BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len); /* read-only, no copy */
    XG_CHECK(bio != NULL, NO_MEMORY);
    xg_result result = signer_new(&signer);
    if (xg_is_ok(result)) {
        ERR_set_mark();
        result = signer_finish(parse(signer, bio), signer, ret_signer);
        ERR_pop_to_mark();
    }
    BIO_free(bio);
    return result;
}

static xg_result pem_from_bio(BIO *bio, char **ret_pem, size_t *ret_len)
{
    char *bytes = NULL;
    long len = BIO_get_mem_data(bio, &bytes);
    XG_CHECK(len > 0 && len <= PEM_TEXT_MAX, INTERNAL);
    char *pem = OPENSSL_secure_malloc((size_t)len + 1);
    XG_CHECK(pem != NULL, NO_MEMORY);
    memcpy(pem, bytes, (size_t)len);
    pem[len] = '\0';
    *ret_pem = pem;
    *ret_len = (size_t)len;
    return XG_OK;
}

/* PKCS#1 is the form that Kuma reads in every place where it reads a key (kuma-tokens 2.3). */
static xg_result write_pem(const EVP_PKEY *pkey, int selection, char **ret_pem, size_t *ret_len)
{
    xg_result result = XG_FAIL(NO_MEMORY);
    BIO *bio = BIO_new(BIO_s_secmem());
    OSSL_ENCODER_CTX *encoder = OSSL_ENCODER_CTX_new_for_pkey(pkey, selection, "PEM", "type-specific", NULL);
    if (bio != NULL && encoder != NULL && OSSL_ENCODER_to_bio(encoder, bio) == 1) {
        result = pem_from_bio(bio, ret_pem, ret_len);
    }
    OSSL_ENCODER_CTX_free(encoder);
    BIO_free(bio);
    return result;
}

xg_result xg_signer_private_pem(const xg_signer *signer, char **ret_pem, size_t *ret_len)
{
    return write_pem(signer->pkey, EVP_PKEY_KEYPAIR, ret_pem, ret_len);
}

xg_result xg_signer_public_pem(const xg_signer *signer, char **ret_pem, size_t *ret_len)
{
    return write_pem(signer->pkey, EVP_PKEY_PUBLIC_KEY, ret_pem, ret_len);
}

static EVP_PKEY *read_any(OSSL_LIB_CTX *context, xg_str pem)
{
    EVP_PKEY *pkey = NULL;
    const unsigned char *bytes = (const unsigned char *)pem.ptr;
    size_t len = pem.len;
    OSSL_DECODER_CTX *decoder = OSSL_DECODER_CTX_new_for_pkey(&pkey, "PEM", NULL, "RSA", 0, context, NULL);
    if (decoder != NULL && OSSL_DECODER_from_data(decoder, &bytes, &len) != 1) {
        pkey = NULL;
    }
    OSSL_DECODER_CTX_free(decoder);
    return pkey;
}

static xg_result public_of(const xg_signer *empty, xg_str pem, char **ret_pem, size_t *ret_len)
{
    xg_pubkey *linted = NULL;
    XG_TRY(xg_keyfile_parse(empty->crypto, pem, &linted));
    xg_pubkey_unref(linted);
    EVP_PKEY *pkey = read_any(empty->context, pem);
    XG_CHECK(pkey != NULL, KEY_FILE);
    xg_result result = write_pem(pkey, EVP_PKEY_PUBLIC_KEY, ret_pem, ret_len);
    EVP_PKEY_free(pkey);
    return result;
}

xg_result xg_signer_public_of(xg_str pem, char **ret_pem, size_t *ret_len)
{
    xg_signer *empty = NULL;
    XG_TRY(signer_new(&empty));
    ERR_set_mark();
    xg_result result = public_of(empty, pem, ret_pem, ret_len);
    ERR_pop_to_mark();
    xg_signer_free(empty);
    return result;
}

void xg_signer_pem_free(char *pem, size_t len)
{
    OPENSSL_secure_clear_free(pem, len + 1);
}

unsigned xg_signer_bits(const xg_signer *signer)
{
    return xg_pubkey_bits(signer->pubkey);
}

xg_pubkey *xg_signer_pubkey(const xg_signer *signer)
{
    return signer->pubkey;
}

xg_result xg_signer_sign(const xg_signer *signer, xg_str input, uint8_t *ret_signature, size_t *ret_len)
{
    size_t len = XG_SIGNATURE_MAX;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pkey_ctx = NULL;
    XG_CHECK(ctx != NULL, NO_MEMORY);
    ERR_set_mark();
    bool is_signed = EVP_DigestSignInit_ex(ctx, &pkey_ctx, "SHA256", signer->context, NULL, signer->pkey, NULL) == 1 &&
                     EVP_PKEY_CTX_set_rsa_padding(pkey_ctx, RSA_PKCS1_PADDING) == 1 &&
                     EVP_DigestSign(ctx, ret_signature, &len, (const unsigned char *)input.ptr, input.len) == 1;
    ERR_pop_to_mark();
    EVP_MD_CTX_free(ctx);
    XG_CHECK(is_signed, INTERNAL);
    /* A signature with one faulty CRT half gives the private key away: no unverified signature leaves this file. */
    XG_TRY(xg_pubkey_verify(signer->pubkey, input, (xg_str){(const char *)ret_signature, len}));
    *ret_len = len;
    return XG_OK;
}
