/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crypto.c: scratch for verifications, picked by processor, and SHA-256.
 *
 * Owns one idle scratch for each processor. Must never use OpenSSL's EVP or RSA layers: in 3.0 both ask the process for
 * its default engine and method, and read its openssl.cnf, even under a library context of one's own; whoever sets
 * those would decide what verifies. BIGNUM and the SHA256_ functions do neither. Thread rule: create and free alone,
 * use from anywhere.
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* the SHA256_ functions; why not EVP: see above */

#include <openssl/bn.h>
#include <openssl/sha.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "crypto.h"
#include "xdsgate/readers.h"

/* A place for scratch that is not in use; a thread takes it out and puts it back. One cache line each. */
typedef struct slot {
    alignas(64) _Atomic(xg_scratch *) idle;
} slot;

struct xg_crypto {
    unsigned num_slots;
    slot slots[XG_STRIPES_MAX];
};

xg_result xg_crypto_new(xg_crypto **ret_crypto)
{
    xg_crypto *crypto = aligned_alloc(alignof(xg_crypto), sizeof(*crypto));
    XG_CHECK(crypto != NULL, NO_MEMORY);
    crypto->num_slots = xg_stripe_count();
    for (unsigned i = 0; i < XG_STRIPES_MAX; i++) {
        atomic_init(&crypto->slots[i].idle, NULL);
    }
    *ret_crypto = crypto;
    return XG_OK;
}

static void scratch_free(xg_scratch *scratch)
{
    if (scratch != NULL) {
        BN_free(scratch->signature);
        BN_free(scratch->block);
        BN_CTX_free(scratch->context);
        free(scratch);
    }
}

void xg_crypto_free(xg_crypto *crypto)
{
    for (unsigned i = 0; crypto != NULL && i < crypto->num_slots; i++) {
        scratch_free(atomic_load_explicit(&crypto->slots[i].idle, memory_order_relaxed));
    }
    free(crypto);
}

static xg_scratch *scratch_new(void)
{
    xg_scratch *scratch = calloc(1, sizeof(*scratch));
    if (scratch == NULL) {
        return NULL;
    }
    scratch->context = BN_CTX_new();
    scratch->signature = BN_new();
    scratch->block = BN_new();
    if (scratch->context == NULL || scratch->signature == NULL || scratch->block == NULL) {
        scratch_free(scratch);
        return NULL;
    }
    return scratch;
}

xg_scratch *xg_crypto_take(xg_crypto *crypto)
{
    unsigned at = xg_stripe_here(crypto->num_slots);
    xg_scratch *scratch = atomic_exchange_explicit(&crypto->slots[at].idle, NULL, memory_order_acquire);
    if (scratch == NULL) {
        scratch = scratch_new();
    }
    if (scratch != NULL) {
        scratch->slot = at;
    }
    return scratch;
}

void xg_crypto_put(xg_crypto *crypto, xg_scratch *scratch)
{
    xg_scratch *none = NULL;
    if (!atomic_compare_exchange_strong_explicit(&crypto->slots[scratch->slot].idle, &none, scratch,
                                                 memory_order_release, memory_order_relaxed)) {
        scratch_free(scratch);
    }
}

/* Nothing here can fail in OpenSSL 3.0: no allocation, no look-up. */
void xg_crypto_sha256(xg_str data, uint8_t digest[XG_SHA256_LEN])
{
    SHA256_CTX context;
    (void)SHA256_Init(&context);
    (void)SHA256_Update(&context, data.ptr, data.len);
    (void)SHA256_Final(digest, &context);
}
