/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crypto.c: what OpenSSL needs once.
 *
 * Owns a library context, its default provider and the fetched SHA-256. Must never touch the default library context,
 * which belongs to the host. Thread rule: create and free alone, use from anywhere.
 */
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <stdlib.h>

#include "crypto.h"

xg_result xg_crypto_new(xg_crypto **ret_crypto)
{
    xg_crypto *crypto = calloc(1, sizeof(*crypto));
    XG_CHECK(crypto != NULL, NO_MEMORY);
    (void)ERR_set_mark();
    crypto->context = OSSL_LIB_CTX_new();
    if (crypto->context != NULL) {
        crypto->provider = OSSL_PROVIDER_load(crypto->context, "default");
    }
    if (crypto->provider != NULL) {
        crypto->sha256 = EVP_MD_fetch(crypto->context, "SHA256", NULL);
    }
    (void)ERR_pop_to_mark();
    if (crypto->sha256 == NULL) {
        xg_crypto_free(crypto);
        return XG_FAIL(NO_MEMORY);
    }
    *ret_crypto = crypto;
    return XG_OK;
}

void xg_crypto_free(xg_crypto *crypto)
{
    if (crypto == NULL) {
        return;
    }
    EVP_MD_free(crypto->sha256);
    if (crypto->provider != NULL) {
        (void)OSSL_PROVIDER_unload(crypto->provider);
    }
    OSSL_LIB_CTX_free(crypto->context);
    free(crypto);
}
