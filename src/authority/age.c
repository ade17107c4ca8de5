/* SPDX-License-Identifier: Apache-2.0 */
/*
 * age.c: files in the age format under one passphrase, put together from armor, header and payload.
 *
 * Keys and plain text live in guarded memory, which is wiped on every way out. Must never ask for memory because a file
 * says so before it is known to be within the limits. Thread rule: pure functions, any thread at once.
 */
#include <stdlib.h>

#include "age_internal.h"

#define FILE_HEADER_MAX 16384 /* of a file for many recipients, which we refuse by that name */
#define BLANKS_MAX      4096  /* around the armor, with its first and last line */

static const xg_age_limits LIMITS = {XG_AGE_WORK_MIN, XG_AGE_WORK_MAX, XG_AGE_PLAIN_MAX};

bool xg_age_is(xg_str text)
{
    return xg_str_starts_with(text, XG_STR("age-encryption.org/")) || xg_age_armor_is(text);
}

/* No guarded memory without libsodium's own start, which may be asked for any number of times. */
static xg_age_keys *new_keys(void)
{
    return sodium_init() < 0 ? NULL : sodium_malloc(sizeof(xg_age_keys));
}

/* The key that wraps the file key: scrypt of the passphrase. */
static bool stretch(const xg_age_scrypt *scrypt, xg_str passphrase, uint8_t key[XG_AGE_KEY_SIZE])
{
    static const char label[] = "age-encryption.org/v1/scrypt";
    uint8_t salt[sizeof(label) - 1 + XG_AGE_SALT_SIZE];
    memcpy(salt, label, sizeof(label) - 1);
    memcpy(salt + sizeof(label) - 1, scrypt->salt, sizeof(scrypt->salt));
    return crypto_pwhash_scryptsalsa208sha256_ll((const uint8_t *)passphrase.ptr, passphrase.len, salt, sizeof(salt),
                                                 UINT64_C(1) << scrypt->work, 8, 1, key, XG_AGE_KEY_SIZE) == 0;
}

/* One key wraps one file key, so that its nonce never changes. */
static const uint8_t WRAP_NONCE[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];

/* ---- writing ---- */

static xg_age_status wrap(xg_age_keys *keys, xg_str passphrase, xg_age_scrypt *scrypt)
{
    randombytes_buf(keys->file, sizeof(keys->file));
    randombytes_buf(scrypt->salt, sizeof(scrypt->salt));
    if (!stretch(scrypt, passphrase, keys->wrap)) {
        return XG_AGE_NO_MEMORY;
    }
    (void)crypto_aead_chacha20poly1305_ietf_encrypt(scrypt->wrapped, NULL, keys->file, sizeof(keys->file), NULL, 0,
                                                    NULL, WRAP_NONCE, keys->wrap);
    return XG_AGE_OK;
}

static xg_age_status write_file(xg_age_keys *keys, const xg_age_scrypt *scrypt, xg_str plain, char **ret_text,
                                size_t *ret_len)
{
    char storage[XG_AGE_HEADER_SIZE];
    uint8_t mac[XG_AGE_MAC_SIZE];
    xg_text header;
    xg_text_init(&header, storage, sizeof(storage));
    xg_age_header_write(scrypt, &header);
    xg_age_payload_mac(keys, (xg_str){header.ptr, header.len}, mac);
    xg_age_header_finish(mac, &header);

    size_t len = header.len + xg_age_payload_size(plain.len);
    uint8_t *file = malloc(len);
    if (file == NULL) {
        return XG_AGE_NO_MEMORY;
    }
    memcpy(file, header.ptr, header.len);
    randombytes_buf(file + header.len, XG_AGE_NONCE_SIZE);
    xg_age_payload_seal(keys, plain, file + header.len);
    char *text = xg_age_armor_write(file, len, ret_len);
    free(file);
    if (text == NULL) {
        return XG_AGE_NO_MEMORY;
    }
    *ret_text = text;
    return XG_AGE_OK;
}

xg_age_status xg_age_encrypt_within(const xg_age_limits *limits, xg_str plain, xg_str passphrase, unsigned work,
                                    char **ret_text, size_t *ret_len)
{
    xg_age_scrypt scrypt = {.work = work};
    if (work < limits->work_min || work > limits->work_max) {
        return XG_AGE_WORK;
    }
    if (plain.len > limits->plain_max) {
        return XG_AGE_TOO_LONG;
    }
    if (passphrase.len == 0) {
        return XG_AGE_PASSPHRASE;
    }
    xg_age_keys *keys = new_keys();
    if (keys == NULL) {
        return XG_AGE_NO_MEMORY;
    }
    xg_age_status status = wrap(keys, passphrase, &scrypt);
    if (status == XG_AGE_OK) {
        status = write_file(keys, &scrypt, plain, ret_text, ret_len);
    }
    sodium_free(keys);
    return status;
}

xg_age_status xg_age_encrypt(xg_str plain, xg_str passphrase, unsigned work, char **ret_text, size_t *ret_len)
{
    return xg_age_encrypt_within(&LIMITS, plain, passphrase, work, ret_text, ret_len);
}

/* ---- reading ---- */

static size_t armored_max(const xg_age_limits *limits)
{
    size_t num_lines = (FILE_HEADER_MAX + xg_age_payload_size(limits->plain_max)) / XG_AGE_LINE_BYTES;
    return num_lines * (XG_AGE_COLUMNS + 2) + BLANKS_MAX; /* at most two bytes end a line */
}

/* The file's header. *ret_bytes, to be released with free, is what it borrows from if the file was armored. */
static xg_age_status read_file(const xg_age_limits *limits, xg_str text, uint8_t **ret_bytes, xg_age_header *ret_header)
{
    xg_str file = text;
    size_t plain_len = 0;
    *ret_bytes = NULL;
    if (xg_age_armor_is(text)) {
        if (text.len > armored_max(limits)) {
            return XG_AGE_TOO_LONG;
        }
        *ret_bytes = malloc(text.len);
        if (*ret_bytes == NULL) {
            return XG_AGE_NO_MEMORY;
        }
        if (!xg_age_armor_read(text, *ret_bytes, &file.len)) {
            return XG_AGE_FORMAT;
        }
        file.ptr = (const char *)*ret_bytes;
    }
    if (!xg_age_header_parse(file, ret_header)) {
        return XG_AGE_FORMAT;
    }
    bool is_measured = xg_age_payload_measure(ret_header->payload.len, &plain_len);
    return is_measured && plain_len > limits->plain_max ? XG_AGE_TOO_LONG : XG_AGE_OK;
}

/* What the file key opens, once it is known. */
static xg_age_status open_file(xg_age_keys *keys, const xg_age_header *header, char **ret_plain, size_t *ret_len)
{
    uint8_t mac[XG_AGE_MAC_SIZE];
    size_t len = 0;
    xg_age_payload_mac(keys, header->sealed, mac);
    if (sodium_memcmp(mac, header->mac, sizeof(mac)) != 0 || !xg_age_payload_measure(header->payload.len, &len)) {
        return XG_AGE_DAMAGED;
    }
    char *plain = sodium_malloc(len + 1);
    if (plain == NULL) {
        return XG_AGE_NO_MEMORY;
    }
    if (!xg_age_payload_open(keys, header->payload, (uint8_t *)plain)) {
        sodium_free(plain);
        return XG_AGE_DAMAGED;
    }
    plain[len] = '\0';
    *ret_plain = plain;
    *ret_len = len;
    return XG_AGE_OK;
}

static xg_age_status unwrap(xg_age_keys *keys, const xg_age_scrypt *scrypt, xg_str passphrase)
{
    if (!stretch(scrypt, passphrase, keys->wrap)) {
        return XG_AGE_NO_MEMORY;
    }
    int status = crypto_aead_chacha20poly1305_ietf_decrypt(keys->file, NULL, NULL, scrypt->wrapped,
                                                           sizeof(scrypt->wrapped), NULL, 0, WRAP_NONCE, keys->wrap);
    return status == 0 ? XG_AGE_OK : XG_AGE_PASSPHRASE;
}

static xg_age_status decrypt_header(const xg_age_limits *limits, const xg_age_header *header, xg_str passphrase,
                                    char **ret_plain, size_t *ret_len)
{
    xg_age_scrypt scrypt;
    xg_age_status status = xg_age_header_scrypt(header, limits, &scrypt);
    if (status != XG_AGE_OK) {
        return status;
    }
    if (passphrase.len == 0) {
        return XG_AGE_PASSPHRASE;
    }
    xg_age_keys *keys = new_keys();
    if (keys == NULL) {
        return XG_AGE_NO_MEMORY;
    }
    status = unwrap(keys, &scrypt, passphrase);
    if (status == XG_AGE_OK) {
        status = open_file(keys, header, ret_plain, ret_len);
    }
    sodium_free(keys);
    return status;
}

xg_age_status xg_age_decrypt_within(const xg_age_limits *limits, xg_str text, xg_str passphrase, char **ret_plain,
                                    size_t *ret_len)
{
    uint8_t *bytes = NULL;
    xg_age_header header;
    xg_age_status status = read_file(limits, text, &bytes, &header);
    if (status == XG_AGE_OK) {
        status = decrypt_header(limits, &header, passphrase, ret_plain, ret_len);
    }
    free(bytes);
    return status;
}

xg_age_status xg_age_decrypt(xg_str text, xg_str passphrase, char **ret_plain, size_t *ret_len)
{
    return xg_age_decrypt_within(&LIMITS, text, passphrase, ret_plain, ret_len);
}

xg_age_status xg_age_decrypt_with_key(const xg_age_limits *limits, xg_str text,
                                      const uint8_t file_key[XG_AGE_FILE_KEY_SIZE], char **ret_plain, size_t *ret_len)
{
    uint8_t *bytes = NULL;
    xg_age_header header;
    xg_age_status status = read_file(limits, text, &bytes, &header);
    if (status == XG_AGE_OK) {
        xg_age_keys *keys = new_keys();
        status = XG_AGE_NO_MEMORY;
        if (keys != NULL) {
            memcpy(keys->file, file_key, sizeof(keys->file));
            status = open_file(keys, &header, ret_plain, ret_len);
            sodium_free(keys);
        }
    }
    free(bytes);
    return status;
}
