/* SPDX-License-Identifier: Apache-2.0 */
/*
 * age_internal.h: the parts of the age format behind xdsgate/age.h, open to its tests and its fuzz target.
 *
 * Nobody else includes it: limits that are not those of age.h are for foreign test vectors alone. Thread rule: pure
 * functions on the caller's memory.
 */
#ifndef XDSGATE_AGE_INTERNAL_H
#define XDSGATE_AGE_INTERNAL_H

#include <sodium.h>

#include "xdsgate/age.h"

#define XG_AGE_KEY_SIZE      32
#define XG_AGE_FILE_KEY_SIZE 16
#define XG_AGE_TAG_SIZE      16
#define XG_AGE_WRAPPED_SIZE  (XG_AGE_FILE_KEY_SIZE + XG_AGE_TAG_SIZE)
#define XG_AGE_SALT_SIZE     16
#define XG_AGE_NONCE_SIZE    16
#define XG_AGE_MAC_SIZE      32
#define XG_AGE_CHUNK_SIZE    65536
/* A full line, of armor and of a stanza's body, and the bytes that it stands for. */
#define XG_AGE_COLUMNS    64
#define XG_AGE_LINE_BYTES 48

typedef struct xg_age_limits {
    unsigned work_min; /* 1 at least */
    unsigned work_max;
    size_t plain_max; /* far below SIZE_MAX */
} xg_age_limits;

/* Everything of one file that must stay secret. Lives in guarded memory only. */
typedef struct xg_age_keys {
    uint8_t file[XG_AGE_FILE_KEY_SIZE];
    uint8_t wrap[XG_AGE_KEY_SIZE];
    uint8_t derived[XG_AGE_KEY_SIZE];
    crypto_auth_hmacsha256_state hmac;
} xg_age_keys;

typedef struct xg_age_stanza {
    xg_str args; /* one or more, with single blanks between them */
    size_t num_args;
    uint8_t body[XG_AGE_WRAPPED_SIZE]; /* its beginning, if body_len is more */
    size_t body_len;
} xg_age_stanza;

/* Borrows from the file. */
typedef struct xg_age_header {
    xg_str sealed; /* what the MAC covers */
    uint8_t mac[XG_AGE_MAC_SIZE];
    size_t num_stanzas;
    xg_age_stanza first;
    xg_str payload; /* what follows the header */
} xg_age_header;

typedef struct xg_age_scrypt {
    unsigned work;
    uint8_t salt[XG_AGE_SALT_SIZE];
    uint8_t wrapped[XG_AGE_WRAPPED_SIZE];
} xg_age_scrypt;

/* ---- age_text.c: lines and base64 ---- */

/* Takes the line at the beginning of *rest, with its line feed, which must be there. *ret_line is without it. */
bool xg_age_text_take_line(xg_str *rest, xg_str *ret_line) XG_MUST_USE;
/* Canonical base64 of at most cap bytes and nothing else, padded or not as libsodium's variant says. */
bool xg_age_text_decode(xg_str s, int variant, uint8_t *out, size_t cap, size_t *ret_len) XG_MUST_USE;

/* ---- age_armor.c ---- */

/* Whether text, behind blanks, begins with the first line of the armor. */
bool xg_age_armor_is(xg_str text);
/* out has room for text.len bytes. */
bool xg_age_armor_read(xg_str text, uint8_t *out, size_t *ret_len) XG_MUST_USE;
/* A NUL follows the text. Free with free; NULL if there is no memory. */
char *xg_age_armor_write(const uint8_t *bytes, size_t len, size_t *ret_len) XG_MUST_USE;

/* ---- age_header.c ---- */

#define XG_AGE_HEADER_SIZE 256 /* room for what is written here */

bool xg_age_header_parse(xg_str file, xg_age_header *ret_header) XG_MUST_USE;
/* The passphrase stanza, if it is one, whole, alone and within limits. */
xg_age_status xg_age_header_scrypt(const xg_age_header *header, const xg_age_limits *limits,
                                   xg_age_scrypt *ret_scrypt) XG_MUST_USE;
/* Adds the header as far as the MAC covers it, then the rest. */
void xg_age_header_write(const xg_age_scrypt *scrypt, xg_text *text);
void xg_age_header_finish(const uint8_t mac[XG_AGE_MAC_SIZE], xg_text *text);

/* ---- age_payload.c: what the file key protects ---- */

void xg_age_payload_mac(xg_age_keys *keys, xg_str sealed, uint8_t mac[XG_AGE_MAC_SIZE]);
size_t xg_age_payload_size(size_t plain_len);
/* The length of the plain text in a payload of so many bytes; false if no payload has that length. */
bool xg_age_payload_measure(size_t len, size_t *ret_plain_len) XG_MUST_USE;
/* out has room for xg_age_payload_size(plain.len) bytes and begins with the nonce, put there by the caller. */
void xg_age_payload_seal(xg_age_keys *keys, xg_str plain, uint8_t *out);
/* out has room for what xg_age_payload_measure says. Nothing is said about its content on failure. */
bool xg_age_payload_open(xg_age_keys *keys, xg_str payload, uint8_t *out) XG_MUST_USE;

/* ---- age.c ---- */

xg_age_status xg_age_encrypt_within(const xg_age_limits *limits, xg_str plain, xg_str passphrase, unsigned work,
                                    char **ret_text, size_t *ret_len) XG_MUST_USE;
xg_age_status xg_age_decrypt_within(const xg_age_limits *limits, xg_str text, xg_str passphrase, char **ret_plain,
                                    size_t *ret_len) XG_MUST_USE;
/* With the file key itself, whatever the stanzas are. */
xg_age_status xg_age_decrypt_with_key(const xg_age_limits *limits, xg_str text,
                                      const uint8_t file_key[XG_AGE_FILE_KEY_SIZE], char **ret_plain,
                                      size_t *ret_len) XG_MUST_USE;

#endif /* XDSGATE_AGE_INTERNAL_H */
