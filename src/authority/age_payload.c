/* SPDX-License-Identifier: Apache-2.0 */
/*
 * age_payload.c: what the file key protects: the MAC of the header, and the plain text in chunks (STREAM).
 *
 * Keys are derived into the caller's guarded memory and nowhere else. Must never hand out a chunk as the last one that
 * was not sealed as such. Thread rule: works on the caller's memory only.
 */
#include "age_internal.h"

#define SEALED_CHUNK_SIZE (XG_AGE_CHUNK_SIZE + XG_AGE_TAG_SIZE)

/* HKDF-SHA-256 (RFC 5869) of the file key, for one block, which is all of the key. */
static void derive(xg_age_keys *keys, const uint8_t *salt, size_t salt_len, xg_str info)
{
    static const uint8_t block = 1;
    crypto_auth_hmacsha256_init(&keys->hmac, salt, salt_len);
    crypto_auth_hmacsha256_update(&keys->hmac, keys->file, sizeof(keys->file));
    crypto_auth_hmacsha256_final(&keys->hmac, keys->derived);

    crypto_auth_hmacsha256_init(&keys->hmac, keys->derived, sizeof(keys->derived));
    crypto_auth_hmacsha256_update(&keys->hmac, (const uint8_t *)info.ptr, info.len);
    crypto_auth_hmacsha256_update(&keys->hmac, &block, 1);
    crypto_auth_hmacsha256_final(&keys->hmac, keys->derived);
}

void xg_age_payload_mac(xg_age_keys *keys, xg_str sealed, uint8_t mac[XG_AGE_MAC_SIZE])
{
    static const uint8_t no_salt = 0;
    derive(keys, &no_salt, 0, XG_STR("header"));
    crypto_auth_hmacsha256_init(&keys->hmac, keys->derived, sizeof(keys->derived));
    crypto_auth_hmacsha256_update(&keys->hmac, (const uint8_t *)sealed.ptr, sealed.len);
    crypto_auth_hmacsha256_final(&keys->hmac, mac);
}

size_t xg_age_payload_size(size_t plain_len)
{
    size_t num_chunks = plain_len == 0 ? 1 : (plain_len - 1) / XG_AGE_CHUNK_SIZE + 1;
    return XG_AGE_NONCE_SIZE + plain_len + num_chunks * XG_AGE_TAG_SIZE;
}

bool xg_age_payload_measure(size_t len, size_t *ret_plain_len)
{
    if (len < XG_AGE_NONCE_SIZE + XG_AGE_TAG_SIZE) {
        return false;
    }
    size_t sealed = len - XG_AGE_NONCE_SIZE;
    size_t num_full = (sealed - 1) / SEALED_CHUNK_SIZE; /* all but the last, which may be full, too */
    size_t last = sealed - num_full * SEALED_CHUNK_SIZE;
    /* Only a whole text that is empty may end with an empty chunk. */
    if (last < XG_AGE_TAG_SIZE || (last == XG_AGE_TAG_SIZE && num_full > 0)) {
        return false;
    }
    *ret_plain_len = num_full * XG_AGE_CHUNK_SIZE + last - XG_AGE_TAG_SIZE;
    return true;
}

/* Eleven bytes that count the chunks, and one that marks the last. */
static void set_nonce(uint8_t nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES], uint64_t counter, bool is_last)
{
    memset(nonce, 0, crypto_aead_chacha20poly1305_ietf_NPUBBYTES);
    for (size_t i = 0; i < sizeof(counter); i++) {
        nonce[10 - i] = (uint8_t)(counter >> 8 * i);
    }
    nonce[11] = is_last ? 1 : 0;
}

void xg_age_payload_seal(xg_age_keys *keys, xg_str plain, uint8_t *out)
{
    uint8_t nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];
    bool is_last = false;
    derive(keys, out, XG_AGE_NONCE_SIZE, XG_STR("payload"));
    out += XG_AGE_NONCE_SIZE;
    for (uint64_t counter = 0; !is_last; counter++) {
        is_last = plain.len <= XG_AGE_CHUNK_SIZE;
        size_t len = is_last ? plain.len : XG_AGE_CHUNK_SIZE;
        set_nonce(nonce, counter, is_last);
        (void)crypto_aead_chacha20poly1305_ietf_encrypt(out, NULL, (const uint8_t *)plain.ptr, len, NULL, 0, NULL,
                                                        nonce, keys->derived);
        out += len + XG_AGE_TAG_SIZE;
        plain = xg_str_skip(plain, len);
    }
}

bool xg_age_payload_open(xg_age_keys *keys, xg_str payload, uint8_t *out)
{
    uint8_t nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];
    size_t plain_len = 0;
    bool is_last = false;
    if (!xg_age_payload_measure(payload.len, &plain_len)) {
        return false;
    }
    derive(keys, (const uint8_t *)payload.ptr, XG_AGE_NONCE_SIZE, XG_STR("payload"));
    xg_str rest = xg_str_skip(payload, XG_AGE_NONCE_SIZE);
    for (uint64_t counter = 0; !is_last; counter++) {
        is_last = rest.len <= SEALED_CHUNK_SIZE;
        size_t len = is_last ? rest.len : SEALED_CHUNK_SIZE;
        set_nonce(nonce, counter, is_last);
        if (crypto_aead_chacha20poly1305_ietf_decrypt(out, NULL, NULL, (const uint8_t *)rest.ptr, len, NULL, 0, nonce,
                                                      keys->derived) != 0) {
            return false;
        }
        out += len - XG_AGE_TAG_SIZE;
        rest = xg_str_skip(rest, len);
    }
    return true;
}
