/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pubkey.c: an RSA public key with ready verify contexts.
 *
 * Owns the signature check, and the lints that keep out keys with which a signature proves nothing. Must never accept a
 * second algorithm, padding or digest: there is no parameter for one. Counted and immutable but for its pool of
 * contexts; any number of threads verify at once.
 */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <sched.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto.h"
#include "weakness.h"

#define BITS_MIN     2048
#define BITS_MAX     8192
#define EXPONENT_MIN 65537u
#define SLOTS_MAX    16u

/* One ready pair of contexts. Each has a duplicate of the key: threads that share one key object wait for its lock and
 * for its reference count (OpenSSL 3.0: 75k/s against 106k/s with duplicates, on two threads). */
typedef struct verifier {
    EVP_PKEY_CTX *key;
    EVP_MD_CTX *digest;
} verifier;

/* A place for a verifier that is not in use; a thread takes it out and puts it back. One cache line each. */
typedef struct slot {
    alignas(64) _Atomic(verifier *) idle;
} slot;

struct xg_pubkey {
    atomic_size_t num_refs;
    xg_crypto *crypto;
    EVP_PKEY *key;
    size_t modulus_len;
    unsigned bits;
    uint8_t fingerprint[XG_FINGERPRINT_LEN];
    unsigned num_slots;
    slot slots[];
};

static void verifier_free(verifier *v)
{
    if (v != NULL) {
        EVP_PKEY_CTX_free(v->key);
        EVP_MD_CTX_free(v->digest);
        free(v);
    }
}

/* A context that checks RSASSA-PKCS1-v1_5 with SHA-256 and nothing else. NULL when memory ran out. */
static verifier *verifier_new(const xg_pubkey *key)
{
    verifier *v = calloc(1, sizeof(*v));
    EVP_PKEY *copy = v == NULL ? NULL : EVP_PKEY_dup(key->key);
    if (copy == NULL) {
        free(v);
        return NULL;
    }
    v->key = EVP_PKEY_CTX_new_from_pkey(key->crypto->context, copy, NULL);
    EVP_PKEY_free(copy); /* the context holds its own reference */
    v->digest = EVP_MD_CTX_new();
    if (v->key == NULL || v->digest == NULL || EVP_PKEY_verify_init(v->key) != 1 ||
        EVP_PKEY_CTX_set_rsa_padding(v->key, RSA_PKCS1_PADDING) != 1 ||
        EVP_PKEY_CTX_set_signature_md(v->key, key->crypto->sha256) != 1) {
        verifier_free(v);
        return NULL;
    }
    return v;
}

static slot *my_slot(xg_pubkey *key)
{
    int cpu = sched_getcpu();
    return &key->slots[cpu < 0 ? 0 : (unsigned)cpu % key->num_slots];
}

static verifier *take_verifier(xg_pubkey *key, slot *at)
{
    verifier *v = atomic_exchange_explicit(&at->idle, NULL, memory_order_acquire);
    return v != NULL ? v : verifier_new(key);
}

static void put_verifier(slot *at, verifier *v)
{
    verifier *none = NULL;
    if (!atomic_compare_exchange_strong_explicit(&at->idle, &none, v, memory_order_release, memory_order_relaxed)) {
        verifier_free(v);
    }
}

/* DER of one length; returns the number of bytes written. Lengths here are below 65536. */
static size_t put_length(uint8_t *out, size_t len)
{
    if (len < 0x80) {
        out[0] = (uint8_t)len;
        return 1;
    }
    if (len < 0x100) {
        out[0] = 0x81;
        out[1] = (uint8_t)len;
        return 2;
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

static bool make_fingerprint(const xg_crypto *crypto, const uint8_t *n, size_t n_len, const uint8_t *e, size_t e_len,
                             uint8_t out[XG_FINGERPRINT_LEN])
{
    uint8_t numbers[BITS_MAX / 8 + 32];
    uint8_t head[4] = {0x30};
    unsigned out_len = 0;
    size_t len = put_integer(numbers, n, n_len);
    len += put_integer(numbers + len, e, e_len);
    size_t head_len = 1 + put_length(head + 1, len);
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    bool is_done = digest != NULL && EVP_DigestInit_ex2(digest, crypto->sha256, NULL) == 1 &&
                   EVP_DigestUpdate(digest, head, head_len) == 1 && EVP_DigestUpdate(digest, numbers, len) == 1 &&
                   EVP_DigestFinal_ex(digest, out, &out_len) == 1 && out_len == XG_FINGERPRINT_LEN;
    EVP_MD_CTX_free(digest);
    return is_done;
}

static EVP_PKEY *make_pkey(const xg_crypto *crypto, const BIGNUM *n, const BIGNUM *e)
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM *params = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(crypto->context, "RSA", NULL);
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    if (context != NULL && builder != NULL && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) == 1) {
        params = OSSL_PARAM_BLD_to_param(builder);
    }
    if (params == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) != 1) {
        key = NULL;
    }
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(builder);
    EVP_PKEY_CTX_free(context);
    return key;
}

static xg_pubkey *pubkey_alloc(void)
{
    long num_cpus = sysconf(_SC_NPROCESSORS_CONF);
    unsigned num_slots = num_cpus < 1 ? 1 : num_cpus > (long)SLOTS_MAX ? SLOTS_MAX : (unsigned)num_cpus;
    size_t size = sizeof(xg_pubkey) + num_slots * sizeof(slot);
    xg_pubkey *key =
        aligned_alloc(alignof(xg_pubkey), (size + alignof(xg_pubkey) - 1) / alignof(xg_pubkey) * alignof(xg_pubkey));
    if (key == NULL) {
        return NULL;
    }
    memset(key, 0, size);
    atomic_init(&key->num_refs, 1);
    key->num_slots = num_slots;
    for (unsigned i = 0; i < num_slots; i++) {
        atomic_init(&key->slots[i].idle, NULL);
    }
    return key;
}

static xg_result check_numbers(const BIGNUM *n, const BIGNUM *e)
{
    int bits = BN_num_bits(n);
    XG_CHECK(bits >= BITS_MIN && bits <= BITS_MAX, KEY_SIZE);
    XG_CHECK(BN_is_odd(e) && BN_num_bits(e) <= 32 && BN_get_word(e) >= EXPONENT_MIN, KEY_EXPONENT);
    return xg_weakness_check(n);
}

static xg_result pubkey_make(xg_crypto *crypto, const BIGNUM *n, const BIGNUM *e, xg_pubkey **ret_key)
{
    uint8_t n_bytes[BITS_MAX / 8], e_bytes[4];
    XG_TRY(check_numbers(n, e));
    xg_pubkey *key = pubkey_alloc();
    XG_CHECK(key != NULL, NO_MEMORY);
    key->crypto = crypto;
    key->bits = (unsigned)BN_num_bits(n);
    key->modulus_len = (size_t)BN_bn2bin(n, n_bytes);
    size_t e_len = (size_t)BN_bn2bin(e, e_bytes);
    key->key = make_pkey(crypto, n, e);
    if (key->key == NULL || !make_fingerprint(crypto, n_bytes, key->modulus_len, e_bytes, e_len, key->fingerprint)) {
        xg_pubkey_unref(key);
        return XG_FAIL(NO_MEMORY);
    }
    *ret_key = key;
    return XG_OK;
}

xg_result xg_pubkey_new(xg_crypto *crypto, const uint8_t *n, size_t n_len, const uint8_t *e, size_t e_len,
                        xg_pubkey **ret_key)
{
    /* Bounds before conversion: a megabyte of modulus is refused without work. */
    XG_CHECK(n_len >= BITS_MIN / 8 && n_len <= BITS_MAX / 8, KEY_SIZE);
    XG_CHECK(e_len >= 1 && e_len <= 4, KEY_EXPONENT);
    (void)ERR_set_mark();
    BIGNUM *modulus = BN_bin2bn(n, (int)n_len, NULL);
    BIGNUM *exponent = BN_bin2bn(e, (int)e_len, NULL);
    xg_result result = XG_FAIL(NO_MEMORY);
    if (modulus != NULL && exponent != NULL) {
        result = pubkey_make(crypto, modulus, exponent, ret_key);
    }
    BN_free(modulus);
    BN_free(exponent);
    (void)ERR_pop_to_mark();
    return result;
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
    for (unsigned i = 0; i < key->num_slots; i++) {
        verifier_free(atomic_load_explicit(&key->slots[i].idle, memory_order_relaxed));
    }
    EVP_PKEY_free(key->key);
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
 * Why OpenSSL's verify did not say 1. Memory that ran out is not the token's fault; OpenSSL reports it first and puts
 * more on top, and only the two ends of its queue can be looked at. So where the host left errors of its own, it cannot
 * be told apart.
 */
static xg_result find_fault(bool was_queue_empty)
{
    bool is_memory = was_queue_empty && ERR_GET_REASON(ERR_peek_error()) == ERR_R_MALLOC_FAILURE;
    return is_memory ? XG_FAIL(NO_MEMORY) : XG_FAIL(SIGNATURE_INVALID);
}

static xg_result verify_with(const verifier *v, const xg_crypto *crypto, xg_str signing_input, xg_str signature)
{
    uint8_t hash[EVP_MAX_MD_SIZE];
    unsigned hash_len = 0;
    bool was_queue_empty = ERR_peek_error() == 0;
    XG_CHECK(EVP_DigestInit_ex2(v->digest, crypto->sha256, NULL) == 1, NO_MEMORY);
    XG_CHECK(EVP_DigestUpdate(v->digest, signing_input.ptr, signing_input.len) == 1, INTERNAL);
    XG_CHECK(EVP_DigestFinal_ex(v->digest, hash, &hash_len) == 1, INTERNAL);
    if (EVP_PKEY_verify(v->key, (const unsigned char *)signature.ptr, signature.len, hash, hash_len) != 1) {
        return find_fault(was_queue_empty);
    }
    return XG_OK;
}

xg_result xg_pubkey_verify(xg_pubkey *key, xg_str signing_input, xg_str signature)
{
    XG_CHECK(signature.len == key->modulus_len, SIGNATURE_LENGTH);
    (void)ERR_set_mark();
    slot *at = my_slot(key);
    verifier *v = take_verifier(key, at);
    xg_result result = XG_FAIL(NO_MEMORY);
    if (v != NULL) {
        result = verify_with(v, key->crypto, signing_input, signature);
        put_verifier(at, v);
    }
    (void)ERR_pop_to_mark();
    return result;
}
