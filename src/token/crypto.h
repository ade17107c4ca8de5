/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crypto.h: the inside of xg_crypto, for this room alone: scratch to compute with.
 */
#ifndef XDSGATE_TOKEN_CRYPTO_H
#define XDSGATE_TOKEN_CRYPTO_H

#include <openssl/types.h>

#include "xdsgate/token.h"

/* What one verification at a time computes with. Grows to the largest key it has seen and stays so. */
typedef struct xg_scratch {
    BN_CTX *context;
    BIGNUM *signature;
    BIGNUM *block;
    unsigned slot; /* where it is put back */
} xg_scratch;

/* Scratch that nobody else has until it is put back. NULL when memory ran out. */
xg_scratch *xg_crypto_take(xg_crypto *crypto);
void xg_crypto_put(xg_crypto *crypto, xg_scratch *scratch);

#define XG_SHA256_LEN 32
void xg_crypto_sha256(xg_str data, uint8_t digest[XG_SHA256_LEN]);

#endif /* XDSGATE_TOKEN_CRYPTO_H */
