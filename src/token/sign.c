/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sign.c: private RSA keys: make, read, write, sign.
 *
 * Must never be linked into xdsgate.so, never write a file and never print. Key material stays inside OpenSSL's objects
 * (in its secure heap, where the process has set one up) and in buffers that are wiped before they are released.
 * Thread rule: a signer is immutable once made; any number of threads may sign with it.
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* the RSA_ functions: EVP decodes a key in half a millisecond, they in ten us */

#include <string.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "crypto.h"
#include "xdsgate/token.h"

#define MODULUS_BITS_MIN 2048
#define MODULUS_BITS_MAX 8192
#define PEM_TEXT_MAX     65536

struct xg_signer {
    xg_crypto *crypto;     /* what pubkey verifies with */
    xg_crypto *own_crypto; /* the same, if nobody else's */
    RSA *rsa;
    xg_pubkey *pubkey; /* what xdsgate.so will verify with */
};

static xg_result signer_new(xg_crypto *crypto, xg_signer **ret_signer)
{
    xg_signer *signer = OPENSSL_zalloc(sizeof(*signer));
    XG_CHECK(signer != NULL, NO_MEMORY);
    if (crypto == NULL) {
        xg_result result = xg_crypto_new(&signer->own_crypto);
        if (!xg_is_ok(result)) {
            OPENSSL_free(signer);
            return result;
        }
        crypto = signer->own_crypto;
    }
    signer->crypto = crypto;
    *ret_signer = signer;
    return XG_OK;
}

void xg_signer_free(xg_signer *signer)
{
    if (signer == NULL) {
        return;
    }
    xg_pubkey_unref(signer->pubkey);
    RSA_free(signer->rsa); /* clears the private numbers */
    xg_crypto_free(signer->own_crypto);
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
    const BIGNUM *n = RSA_get0_n(signer->rsa);
    const BIGNUM *e = RSA_get0_e(signer->rsa);
    XG_CHECK(n != NULL && e != NULL, KEY_TYPE);
    return pubkey_of(signer->crypto, n, e, &signer->pubkey);
}

/* Lints what stands in signer->rsa and hands the signer over, or releases it. */
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
    EVP_PKEY *pkey = EVP_RSA_gen(bits);
    signer->rsa = pkey != NULL ? EVP_PKEY_get1_RSA(pkey) : NULL;
    EVP_PKEY_free(pkey);
    XG_CHECK(signer->rsa != NULL, NO_MEMORY);
    return XG_OK;
}

xg_result xg_signer_generate(unsigned bits, xg_signer **ret_signer)
{
    xg_signer *signer = NULL;
    XG_CHECK(bits >= MODULUS_BITS_MIN && bits <= MODULUS_BITS_MAX, KEY_SIZE);
    XG_TRY(signer_new(NULL, &signer));
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

/* The key inside is read where it lies: what EVP_PKCS82PKEY makes of it on the way, it does not wipe. */
static xg_result decode_pkcs8(const unsigned char **der, long len, RSA **ret_rsa)
{
    PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, der, len);
    const ASN1_OBJECT *algorithm = NULL;
    const unsigned char *inner = NULL;
    int inner_len = 0;
    xg_result result = XG_FAIL(KEY_FILE);
    if (info != NULL && PKCS8_pkey_get0(&algorithm, &inner, &inner_len, NULL, info) == 1) {
        const unsigned char *end = inner + inner_len;
        bool is_rsa = OBJ_obj2nid(algorithm) == NID_rsaEncryption;
        *ret_rsa = is_rsa ? d2i_RSAPrivateKey(NULL, &inner, inner_len) : NULL;
        bool is_whole = *ret_rsa != NULL && inner == end;
        result = !is_rsa ? XG_FAIL(KEY_TYPE) : is_whole ? XG_OK : XG_FAIL(KEY_FILE);
    }
    PKCS8_PRIV_KEY_INFO_free(info);
    return result;
}

static xg_result decode(xg_signer *signer, const pem_block *block)
{
    const unsigned char *der = block->der;
    /* Encrypted traditional keys announce themselves in RFC 1421 headers. */
    XG_CHECK(block->headers[0] == '\0', KEY_FILE);
    if (strcmp(block->label, "RSA PRIVATE KEY") == 0) {
        signer->rsa = d2i_RSAPrivateKey(NULL, &der, block->der_len);
    } else if (strcmp(block->label, "PRIVATE KEY") == 0) {
        XG_TRY(decode_pkcs8(&der, block->der_len, &signer->rsa));
    }
    XG_CHECK(signer->rsa != NULL, KEY_FILE);
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

xg_result xg_signer_parse_with(xg_crypto *crypto, xg_str pem, xg_signer **ret_signer)
{
    xg_signer *signer = NULL;
    XG_CHECK(pem.len > 0 && pem.len <= PEM_TEXT_MAX, KEY_FILE);
    BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len); /* read-only, no copy */
    XG_CHECK(bio != NULL, NO_MEMORY);
    xg_result result = signer_new(crypto, &signer);
    if (xg_is_ok(result)) {
        ERR_set_mark();
        result = signer_finish(parse(signer, bio), signer, ret_signer);
        ERR_pop_to_mark();
    }
    BIO_free(bio);
    return result;
}

xg_result xg_signer_parse(xg_str pem, xg_signer **ret_signer)
{
    return xg_signer_parse_with(NULL, pem, ret_signer);
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
static xg_result write_pem(const RSA *rsa, bool is_private, char **ret_pem, size_t *ret_len)
{
    xg_result result = XG_FAIL(NO_MEMORY);
    BIO *bio = BIO_new(BIO_s_secmem());
    if (bio != NULL && (is_private ? PEM_write_bio_RSAPrivateKey(bio, rsa, NULL, NULL, 0, NULL, NULL)
                                   : PEM_write_bio_RSAPublicKey(bio, rsa)) == 1) {
        result = pem_from_bio(bio, ret_pem, ret_len);
    }
    BIO_free(bio);
    return result;
}

xg_result xg_signer_private_pem(const xg_signer *signer, char **ret_pem, size_t *ret_len)
{
    return write_pem(signer->rsa, true, ret_pem, ret_len);
}

xg_result xg_signer_public_pem(const xg_signer *signer, char **ret_pem, size_t *ret_len)
{
    return write_pem(signer->rsa, false, ret_pem, ret_len);
}

static RSA *read_public(xg_str pem)
{
    EVP_PKEY *pkey = NULL;
    const unsigned char *bytes = (const unsigned char *)pem.ptr;
    size_t len = pem.len;
    OSSL_DECODER_CTX *decoder = OSSL_DECODER_CTX_new_for_pkey(&pkey, "PEM", NULL, "RSA", 0, NULL, NULL);
    if (decoder != NULL && OSSL_DECODER_from_data(decoder, &bytes, &len) != 1) {
        pkey = NULL;
    }
    OSSL_DECODER_CTX_free(decoder);
    RSA *rsa = pkey != NULL ? EVP_PKEY_get1_RSA(pkey) : NULL;
    EVP_PKEY_free(pkey);
    return rsa;
}

static xg_result public_of(xg_crypto *crypto, xg_str pem, char **ret_pem, size_t *ret_len)
{
    static const char PRIVATE[] = "PRIVATE KEY-----";
    xg_pubkey *linted = NULL;
    xg_signer *signer = NULL;
    XG_TRY(xg_keyfile_parse(crypto, pem, &linted));
    xg_pubkey_unref(linted);
    /* OpenSSL's decoder, which knows every public form, leaves private keys in memory that it gives back unwiped. */
    if (memmem(pem.ptr, pem.len, PRIVATE, sizeof(PRIVATE) - 1) != NULL) {
        XG_TRY(xg_signer_parse_with(crypto, pem, &signer));
        xg_result written = xg_signer_public_pem(signer, ret_pem, ret_len);
        xg_signer_free(signer);
        return written;
    }
    RSA *rsa = read_public(pem);
    XG_CHECK(rsa != NULL, KEY_FILE);
    xg_result result = write_pem(rsa, false, ret_pem, ret_len);
    RSA_free(rsa);
    return result;
}

xg_result xg_signer_public_of(xg_str pem, char **ret_pem, size_t *ret_len)
{
    xg_crypto *crypto = NULL;
    XG_TRY(xg_crypto_new(&crypto));
    ERR_set_mark();
    xg_result result = public_of(crypto, pem, ret_pem, ret_len);
    ERR_pop_to_mark();
    xg_crypto_free(crypto);
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
    uint8_t digest[XG_SHA256_LEN];
    unsigned len = 0;
    xg_crypto_sha256(input, digest);
    ERR_set_mark();
    /* Blinded by OpenSSL, as it does for every key unless told otherwise. */
    bool is_signed = RSA_sign(NID_sha256, digest, sizeof(digest), ret_signature, &len, signer->rsa) == 1;
    ERR_pop_to_mark();
    XG_CHECK(is_signed, INTERNAL);
    /* A signature with one faulty CRT half gives the private key away: no unverified signature leaves this file. */
    XG_TRY(xg_pubkey_verify(signer->pubkey, input, (xg_str){(const char *)ret_signature, len}));
    *ret_len = len;
    return XG_OK;
}
