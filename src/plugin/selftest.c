/* SPDX-License-Identifier: Apache-2.0 */
/*
 * selftest.c: does this process verify what it should, and with whose code? (rule A23)
 *
 * Owns the check of who provides the functions that verification rests on, and the known answers. A host that exports
 * functions of these names would otherwise have our calls answered by it. Must never be skipped: create runs it every
 * time, since the global scope may have changed since the last. Any thread.
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* the SHA256_ functions, see src/token/crypto.c */

#include <dlfcn.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <sodium.h>
#include <string.h>

#include "context.h"
#include "selftest_vectors.h"

/* A function that a verdict rests on, and the library that must provide it. */
typedef struct provider {
    const char *function;
    void (*address)(void); /* as our calls resolve it; NULL: we do not call it, but its family must not be split */
    const char *library;
} provider;

#define CRYPTO "libcrypto.so.3"
#define SODIUM "libsodium.so"

#define OURS(function, library)                                                                                        \
    {                                                                                                                  \
#function, (void (*)(void))function, library                                                                   \
    }
#define FAMILY(function, library)                                                                                      \
    {                                                                                                                  \
#function, NULL, library                                                                                       \
    }

/* The object that contains address; false if there is none or it is not `library`. */
static bool is_provided_by(const void *address, const char *library, xg_text *reterr, const char *function)
{
    Dl_info info = {0};
    const char *file = dladdr(address, &info) != 0 && info.dli_fname != NULL ? info.dli_fname : "an unknown object";
    const char *slash = strrchr(file, '/');
    if (strncmp(slash == NULL ? file : slash + 1, library, strlen(library)) == 0) {
        return true;
    }
    xg_text_printf(reterr, "self-test: %s is provided by ", function);
    xg_text_quote(reterr, xg_str_of(file), 100);
    xg_text_printf(reterr, ", expected %s; load xdsgate.so into a host that does not export it", library);
    return false;
}

xg_result xg_selftest_check_providers(xg_text *reterr)
{
    /* Everything that we import of the two, as tests/abi/check_object.sh compares, and what must not be split off. */
    static const provider PROVIDERS[] = {
        OURS(BIO_free, CRYPTO),
        OURS(BIO_new_mem_buf, CRYPTO),
        OURS(BN_CTX_free, CRYPTO),
        OURS(BN_CTX_new, CRYPTO),
        OURS(BN_MONT_CTX_free, CRYPTO),
        OURS(BN_MONT_CTX_new, CRYPTO),
        OURS(BN_MONT_CTX_set, CRYPTO),
        OURS(BN_bin2bn, CRYPTO),
        OURS(BN_bn2bin, CRYPTO),
        OURS(BN_bn2binpad, CRYPTO),
        OURS(BN_free, CRYPTO),
        OURS(BN_get_word, CRYPTO),
        OURS(BN_is_odd, CRYPTO),
        OURS(BN_mod_exp_mont, CRYPTO),
        OURS(BN_new, CRYPTO),
        OURS(BN_num_bits, CRYPTO),
        OURS(BN_ucmp, CRYPTO),
        OURS(CRYPTO_secure_clear_free, CRYPTO),
        OURS(CRYPTO_secure_free, CRYPTO),
        OURS(ERR_peek_error, CRYPTO),
        OURS(ERR_pop_to_mark, CRYPTO),
        OURS(ERR_set_mark, CRYPTO),
        OURS(PEM_read_bio_ex, CRYPTO),
        OURS(SHA256_Final, CRYPTO),
        OURS(SHA256_Init, CRYPTO),
        OURS(SHA256_Update, CRYPTO),
        OURS(crypto_shorthash_siphashx24, SODIUM),
        OURS(sodium_memzero, SODIUM),
        FAMILY(EVP_DigestVerify, CRYPTO),
        FAMILY(EVP_DigestVerifyInit, CRYPTO),
        FAMILY(EVP_PKEY_verify, CRYPTO),
        FAMILY(RSA_verify, CRYPTO),
        FAMILY(sodium_memcmp, SODIUM),
    };
    for (size_t i = 0; i < XG_ARRAY_LEN(PROVIDERS); i++) {
        const provider *p = &PROVIDERS[i];
        const void *address =
            p->address != NULL ? (const void *)(uintptr_t)p->address : dlsym(RTLD_DEFAULT, p->function);
        if (address != NULL && !is_provided_by(address, p->library, reterr, p->function)) {
            return XG_FAIL(SELF_TEST);
        }
    }
    return XG_OK;
}

/* What rows 3, 4 and 7 of the decision say of a token under the test key. */
static xg_result verify(xg_pubkey *key, const char *token)
{
    xg_jws jws;
    xg_header header;
    XG_TRY(xg_jws_split(xg_str_of(token), &XG_TOKEN_LIMITS_DEFAULT, &jws));
    XG_TRY(xg_header_scan(jws.header, &XG_TOKEN_LIMITS_DEFAULT, &header));
    return xg_pubkey_verify(key, jws.signing_input, jws.signature);
}

static xg_result check_known_answers(xg_pubkey *key, xg_text *reterr)
{
    static const struct {
        const char *what;
        const char *token;
        uint32_t reason;
    } ANSWERS[] = {
        {"a good RS256 token", SELFTEST_GOOD, XG_REASON_OK},
        {"a bad signature", SELFTEST_BAD, XG_REASON_SIGNATURE_INVALID},
        {"alg none", SELFTEST_NONE, XG_REASON_ALG_REFUSED},
        {"HMAC keyed with the public key", SELFTEST_HMAC, XG_REASON_ALG_REFUSED},
    };
    for (size_t i = 0; i < XG_ARRAY_LEN(ANSWERS); i++) {
        uint32_t reason = xg_result_reason(verify(key, ANSWERS[i].token));
        XG_CHECK(reason != XG_REASON_NO_MEMORY, NO_MEMORY);
        if (reason != ANSWERS[i].reason) {
            xg_text_printf(reterr, "self-test: %s gave '%s', expected '%s'; check which libcrypto is loaded",
                           ANSWERS[i].what, xg_reason_find(reason)->name, xg_reason_find(ANSWERS[i].reason)->name);
            return XG_FAIL(SELF_TEST);
        }
    }
    return XG_OK;
}

xg_result xg_selftest_check_answers(xg_crypto *crypto, xg_text *reterr)
{
    xg_pubkey *key = NULL;
    XG_TRY(xg_keyfile_parse(crypto, (xg_str){SELFTEST_KEY, sizeof(SELFTEST_KEY) - 1}, &key));
    xg_result result = check_known_answers(key, reterr);
    xg_pubkey_unref(key);
    return result;
}
