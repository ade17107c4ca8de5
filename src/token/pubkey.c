/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pubkey.c: an RSA public key, and the signature check.
 *
 * Owns the check of RSASSA-PKCS1-v1_5 with SHA-256, as RFC 8017 section 8.2.2 has it: what the signature stands for is
 * compared whole with the one block that it must be; nothing of it is parsed. Owns the lints that keep out keys with
 * which a signature proves nothing. Must never accept a second algorithm, padding or digest: there is no parameter for
 * one. Counted and immutable; any number of threads verify at once.
 */
#include <openssl/bn.h>
#include <openssl/err.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "weakness.h"

#define BITS_MIN     2048
#define BITS_MAX     8192
#define BYTES_MAX    (BITS_MAX / 8)
#define EXPONENT_MIN 65537u

struct xg_pubkey {
    atomic_size_t num_refs;
    xg_crypto *crypto;
    BIGNUM *n;
    BIGNUM *e;
    BN_MONT_CTX *montgomery; /* of n; only read once it is made */
    size_t modulus_len;
    unsigned bits;
    uint8_t fingerprint[XG_FINGERPRINT_LEN];
};

/* DER of one length; returns the number of bytes written. Lengths here are from 128 to 65535, or one byte. */
static size_t put_length(uint8_t *out, size_t len)
{
    if (len < 0x80) {
        out[0] = (uint8_t)len;
        return 1;
    }
    out[0] = 0x82;
    out[1] = (uint8_t)(len >> 8);
    out[2] = (uint8_t)len;
    return 3;
}

/* DER of one positive INTEGER whose first byte is not zero. */
static size_t put_integer(uint8_t *out, const uint8_t *bytes, size_t len)
{
    size_t sign = bytes[0] >= 0x80 ? 1 : 0;
    size_t at = 1 + put_length(out + 1, len + sign);
    out[0] = 0x02;
    if (sign == 1) {
        out[at++] = 0;
    }
    memcpy(out + at, bytes, len);
    return at + len;
}

/* The key is 2048 bits or more, so the lengths of the modulus and of the whole take two bytes. */
static void make_fingerprint(const BIGNUM *n, const BIGNUM *e, uint8_t out[XG_FINGERPRINT_LEN])
{
    enum { HEAD = 4 };
    uint8_t n_bytes[BYTES_MAX], e_bytes[4];
    uint8_t der[HEAD + BYTES_MAX + 32];
    size_t n_len = (size_t)BN_bn2bin(n, n_bytes);
    size_t e_len = (size_t)BN_bn2bin(e, e_bytes);
    size_t len = put_integer(der + HEAD, n_bytes, n_len);
    len += put_integer(der + HEAD + len, e_bytes, e_len);
    der[0] = 0x30;
    (void)put_length(der + 1, len);
    xg_crypto_sha256((xg_str){(const char *)der, HEAD + len}, out);
}

static xg_result check_numbers(const BIGNUM *n, const BIGNUM *e)
{
    int bits = BN_num_bits(n);
    XG_CHECK(bits >= BITS_MIN && bits <= BITS_MAX, KEY_SIZE);
    XG_CHECK(BN_is_odd(e) && BN_num_bits(e) <= 32 && BN_get_word(e) >= EXPONENT_MIN, KEY_EXPONENT);
    return xg_weakness_check(n);
}

static xg_result prepare(xg_pubkey *key, BN_CTX *context)
{
    XG_TRY(check_numbers(key->n, key->e));
    key->montgomery = BN_MONT_CTX_new();
    XG_CHECK(key->montgomery != NULL && BN_MONT_CTX_set(key->montgomery, key->n, context) == 1, NO_MEMORY);
    key->bits = (unsigned)BN_num_bits(key->n);
    key->modulus_len = (key->bits + 7) / 8;
    make_fingerprint(key->n, key->e, key->fingerprint);
    return XG_OK;
}

static xg_result pubkey_make(xg_crypto *crypto, xg_str n, xg_str e, xg_pubkey *key)
{
    key->n = BN_bin2bn((const unsigned char *)n.ptr, (int)n.len, NULL);
    key->e = BN_bin2bn((const unsigned char *)e.ptr, (int)e.len, NULL);
    xg_scratch *scratch = xg_crypto_take(crypto);
    xg_result result = XG_FAIL(NO_MEMORY);
    if (key->n != NULL && key->e != NULL && scratch != NULL) {
        result = prepare(key, scratch->context);
    }
    if (scratch != NULL) {
        xg_crypto_put(crypto, scratch);
    }
    return result;
}

xg_result xg_pubkey_new(xg_crypto *crypto, const uint8_t *n, size_t n_len, const uint8_t *e, size_t e_len,
                        xg_pubkey **ret_key)
{
    /* Bounds before conversion: a megabyte of modulus is refused without work. */
    XG_CHECK(n_len >= BITS_MIN / 8 && n_len <= BYTES_MAX, KEY_SIZE);
    XG_CHECK(e_len >= 1 && e_len <= 4, KEY_EXPONENT);
    xg_pubkey *key = calloc(1, sizeof(*key));
    XG_CHECK(key != NULL, NO_MEMORY);
    atomic_init(&key->num_refs, 1);
    key->crypto = crypto;
    (void)ERR_set_mark();
    xg_result result = pubkey_make(crypto, (xg_str){(const char *)n, n_len}, (xg_str){(const char *)e, e_len}, key);
    (void)ERR_pop_to_mark();
    if (!xg_is_ok(result)) {
        xg_pubkey_unref(key);
        return result;
    }
    *ret_key = key;
    return XG_OK;
}

xg_pubkey *xg_pubkey_ref(xg_pubkey *key)
{
    if (key != NULL) {
        atomic_fetch_add_explicit(&key->num_refs, 1, memory_order_relaxed);
    }
    return key;
}

void xg_pubkey_unref(xg_pubkey *key)
{
    if (key == NULL || atomic_fetch_sub_explicit(&key->num_refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    BN_free(key->n);
    BN_free(key->e);
    BN_MONT_CTX_free(key->montgomery);
    free(key);
}

const uint8_t *xg_pubkey_fingerprint(const xg_pubkey *key)
{
    return key->fingerprint;
}

unsigned xg_pubkey_bits(const xg_pubkey *key)
{
    return key->bits;
}

/*
 * The block that a signature over input must stand for: EMSA-PKCS1-v1_5 (RFC 8017 section 9.2): 00 01 FF ... FF 00,
 * then the DigestInfo of SHA-256 with its NULL parameters, then the digest.
 */
static void make_block(xg_str input, uint8_t *block, size_t len)
{
    static const uint8_t DIGEST_INFO[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                          0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
    size_t digest_at = len - XG_SHA256_LEN;
    size_t info_at = digest_at - sizeof(DIGEST_INFO);
    block[0] = 0x00;
    block[1] = 0x01;
    memset(block + 2, 0xff, info_at - 3);
    block[info_at - 1] = 0x00;
    memcpy(block + info_at, DIGEST_INFO, sizeof(DIGEST_INFO));
    xg_crypto_sha256(input, block + digest_at);
}

static xg_result verify_with(xg_scratch *scratch, const xg_pubkey *key, xg_str signing_input, xg_str signature)
{
    uint8_t expected[BYTES_MAX], found[BYTES_MAX];
    XG_CHECK(BN_bin2bn((const unsigned char *)signature.ptr, (int)signature.len, scratch->signature) != NULL,
             NO_MEMORY);
    XG_CHECK(BN_ucmp(scratch->signature, key->n) < 0, SIGNATURE_INVALID); /* RFC 8017 section 5.2.2: one spelling */
    XG_CHECK(BN_mod_exp_mont(scratch->block, scratch->signature, key->e, key->n, scratch->context, key->montgomery) ==
                 1,
             NO_MEMORY);
    XG_CHECK(BN_bn2binpad(scratch->block, found, (int)key->modulus_len) == (int)key->modulus_len, INTERNAL);
    make_block(signing_input, expected, key->modulus_len);
    XG_CHECK(memcmp(expected, found, key->modulus_len) == 0, SIGNATURE_INVALID);
    return XG_OK;
}

xg_result xg_pubkey_verify(const xg_pubkey *key, xg_str signing_input, xg_str signature)
{
    XG_CHECK(signature.len == key->modulus_len, SIGNATURE_LENGTH);
    (void)ERR_set_mark();
    xg_scratch *scratch = xg_crypto_take(key->crypto);
    xg_result result = XG_FAIL(NO_MEMORY);
    if (scratch != NULL) {
        result = verify_with(scratch, key, signing_input, signature);
        xg_crypto_put(key->crypto, scratch);
    }
    (void)ERR_pop_to_mark();
    return result;
}
