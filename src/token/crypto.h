/* SPDX-License-Identifier: Apache-2.0 */
/* crypto.h: the inside of xg_crypto, for this room alone. */
#ifndef XDSGATE_TOKEN_CRYPTO_H
#define XDSGATE_TOKEN_CRYPTO_H

#include <openssl/types.h>

#include "xdsgate/token.h"

struct xg_crypto {
    OSSL_LIB_CTX *context;
    OSSL_PROVIDER *provider;
    EVP_MD *sha256;
};

#endif /* XDSGATE_TOKEN_CRYPTO_H */
