/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_common.c: the fixed keys and the oracles behind fuzz.h. Must use nothing of src/ but the key parser that hands
 * the public keys to the targets: an oracle that shares code with what it judges is none. Not thread-safe.
 */
#include "fuzz.h"

#include <jansson.h>
#include <jwt.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fuzz_keys.h"

static const char *const PRIVATE_PEMS[] = {FUZZ_MESH_PRIVATE_PEM, FUZZ_ZONE_PRIVATE_PEM};
static const char *const PUBLIC_PEMS[] = {FUZZ_MESH_PUBLIC_PEM, FUZZ_ZONE_PUBLIC_PEM};

void fuzz_broken(const char *file, int line, const char *property)
{
    (void)fprintf(stderr, "%s:%d: property broken: %s\n", file, line, property);
    abort();
}

/* ---- the fixed keys ---- */

xg_crypto *fuzz_crypto(void)
{
    static xg_crypto *crypto;
    if (crypto == NULL) {
        FUZZ_REQUIRE(xg_is_ok(xg_crypto_new(&crypto)), "harness: crypto");
    }
    return crypto;
}

xg_str fuzz_public_pem(fuzz_role role)
{
    return (xg_str){PUBLIC_PEMS[role], strlen(PUBLIC_PEMS[role])};
}

xg_pubkey *fuzz_pubkey(fuzz_role role)
{
    static xg_pubkey *keys[2];
    if (keys[role] == NULL) {
        xg_result result = xg_keyfile_parse(fuzz_crypto(), fuzz_public_pem(role), &keys[role]);
        FUZZ_REQUIRE(xg_is_ok(result), "harness: public key");
    }
    return keys[role];
}

static EVP_PKEY *private_key(fuzz_role role)
{
    static EVP_PKEY *keys[2];
    if (keys[role] == NULL) {
        BIO *bio = BIO_new_mem_buf(PRIVATE_PEMS[role], -1);
        keys[role] = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
        (void)BIO_free(bio);
        FUZZ_REQUIRE(keys[role] != NULL, "harness: private key");
    }
    return keys[role];
}

/* ---- oracles ---- */

static size_t encode(const void *bytes, size_t len, char *out)
{
    size_t cap = sodium_base64_encoded_len(len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    (void)sodium_bin2base64(out, cap, bytes, len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    return cap - 1;
}

char *fuzz_sign(fuzz_role role, xg_str header, xg_str payload, size_t *ret_len)
{
    uint8_t signature[512];
    size_t signature_len = sizeof signature;
    char *token = malloc((header.len + payload.len + sizeof signature) / 3 * 4 + 16);
    FUZZ_REQUIRE(token != NULL, "harness: memory");
    size_t len = encode(header.ptr, header.len, token);
    token[len++] = '.';
    len += encode(payload.ptr, payload.len, token + len);

    EVP_MD_CTX *md = EVP_MD_CTX_new();
    FUZZ_REQUIRE(EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, private_key(role)) == 1 &&
                     EVP_DigestSign(md, signature, &signature_len, (const uint8_t *)token, len) == 1,
                 "harness: signature");
    EVP_MD_CTX_free(md);

    token[len++] = '.';
    len += encode(signature, signature_len, token + len);
    *ret_len = len;
    return token;
}

bool fuzz_sodium_decode(xg_str s, uint8_t *out, size_t *ret_len)
{
    const char *end = NULL;
    *ret_len = 0;
    for (size_t i = 0; i < s.len; i++) {
        /* libsodium 1.0.18 takes bytes from 0x80 on, as char is signed, for letters: 0xff decodes as if it were "_". */
        if ((unsigned char)s.ptr[i] >= 0x80) {
            return false;
        }
    }
    if (s.len == 0) {
        return true;
    }
    int status =
        sodium_base642bin(out, s.len, s.ptr, s.len, NULL, ret_len, &end, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    return status == 0 && end == s.ptr + s.len;
}

bool fuzz_signature_holds(fuzz_role role, xg_str compact)
{
    uint8_t signature[512];
    size_t signature_len = 0;
    const char *dot = memrchr(compact.ptr, '.', compact.len);
    xg_str text = {dot == NULL ? NULL : dot + 1, dot == NULL ? 0 : (size_t)(compact.ptr + compact.len - dot - 1)};
    if (text.len == 0 || text.len > sizeof signature || !fuzz_sodium_decode(text, signature, &signature_len)) {
        return false;
    }
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    bool holds =
        EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL, private_key(role)) == 1 &&
        EVP_DigestVerify(md, signature, signature_len, (const uint8_t *)compact.ptr, compact.len - text.len - 1) == 1;
    EVP_MD_CTX_free(md);
    ERR_clear_error();
    return holds;
}

char *fuzz_segment(xg_str compact, unsigned index, size_t *ret_len)
{
    xg_str rest = compact;
    for (unsigned i = 0; i < index; i++) {
        const char *dot = rest.len == 0 ? NULL : memchr(rest.ptr, '.', rest.len);
        if (dot == NULL) {
            return NULL;
        }
        rest.len -= (size_t)(dot + 1 - rest.ptr);
        rest.ptr = dot + 1;
    }
    const char *dot = rest.len == 0 ? NULL : memchr(rest.ptr, '.', rest.len);
    if (dot != NULL) {
        rest.len = (size_t)(dot - rest.ptr);
    }
    uint8_t *bytes = malloc(rest.len + 1);
    FUZZ_REQUIRE(bytes != NULL, "harness: memory");
    if (!fuzz_sodium_decode(rest, bytes, ret_len)) {
        free(bytes);
        return NULL;
    }
    return (char *)bytes;
}

fuzz_verdict fuzz_jansson_load(xg_str text, json_t **ret_object)
{
    json_error_t error = {0};
    *ret_object = json_loadb(text.ptr == NULL ? "" : text.ptr, text.len, JSON_REJECT_DUPLICATES, &error);
    if (*ret_object != NULL) {
        return FUZZ_ACCEPTS;
    }
    return json_error_code(&error) == json_error_numeric_overflow ? FUZZ_NO_OPINION : FUZZ_REJECTS;
}

/* libjwt 1.10.2 demands that typ, if it is a string, is JWT; RFC 7515 section 4.1.9 leaves that to the application. */
static bool libjwt_abstains(xg_str compact)
{
    bool abstains = false;
    for (unsigned i = 0; i < 2; i++) {
        xg_str text = {NULL, 0};
        json_t *object = NULL;
        char *bytes = fuzz_segment(compact, i, &text.len);
        text.ptr = bytes;
        abstains = abstains || (bytes != NULL && fuzz_jansson_load(text, &object) == FUZZ_NO_OPINION);
        const char *typ = i == 0 ? json_string_value(json_object_get(object, "typ")) : NULL;
        abstains = abstains || (typ != NULL && strcasecmp(typ, "JWT") != 0);
        json_decref(object);
        free(bytes);
    }
    return abstains;
}

fuzz_verdict fuzz_libjwt_decode(fuzz_role role, xg_str compact)
{
    jwt_t *jwt = NULL;
    char *text = calloc(compact.len + 1, 1); /* libjwt reads C strings */
    FUZZ_REQUIRE(text != NULL, "harness: memory");
    memcpy(text, compact.ptr, compact.len);
    xg_str pem = fuzz_public_pem(role);
    int status = jwt_decode(&jwt, text, (const unsigned char *)pem.ptr, (int)pem.len);
    jwt_free(jwt);
    free(text);
    if (status == 0) {
        return FUZZ_ACCEPTS;
    }
    return libjwt_abstains(compact) ? FUZZ_NO_OPINION : FUZZ_REJECTS;
}
