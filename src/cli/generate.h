/* SPDX-License-Identifier: Apache-2.0 */
/* generate.h: what the four `generate` commands share, and nobody else: kumactl's flags, key files and lists. */
#ifndef XDSGATE_GENERATE_H
#define XDSGATE_GENERATE_H

#include "minting.h"

/* ---- generate.c: flags as pflag reads them, and minting with them ---- */

/* Flags that kumactl takes before every command. Scripts pass them; offline there is nothing for them to do. Each flag
 * of these tables may be given more than once: the last one counts, as with kumactl. */
#define XG_GENERATE_COMMON_FLAGS                                                                                       \
    {"config-file", "FILE", "of kumactl: taken, never read", NULL, 0, true},                                           \
        {"api-timeout", "DURATION", "of kumactl: taken, without effect", NULL, 0, true},                               \
        {"log-level", "LEVEL", "of kumactl: off, info or debug; without effect", NULL, 0, true},                       \
    {                                                                                                                  \
        "no-config", NULL, "of kumactl: taken, without effect", NULL, 0, true                                          \
    }

#define XG_GENERATE_TOKEN_FLAGS                                                                                        \
    {"valid-for", "DURATION", "how long the token is valid: 24h, 1h30m, 90d; required", NULL, 0, true},                \
        {"signing-key-path", "FILE", "RSA PRIVATE KEY in PEM that signs ('-' = stdin); needs --kid", NULL, 0, true},   \
        {"kid", "KID", "id of the signing key", NULL, 0, true},                                                        \
        {"authority", "DIR", "not in kumactl: sign with a key of this directory", NULL, 0, true}, XG_PASSPHRASE_FLAGS, \
        {"policy", "FILE", "not in kumactl: guard rails in YAML that the token must keep", NULL, 0, true},             \
        {"ledger", "FILE", "not in kumactl: where the mint is recorded (default: see below)", NULL, 0, true},          \
        {"jti", "ID", "not in kumactl: id of the token (default: a random UUID)", NULL, 0, true},                      \
    {                                                                                                                  \
        "now", "UNIX[.NANOS]", "not in kumactl: mint as if it were this time", NULL, 0, true                           \
    }

#define XG_GENERATE_TOKEN_DETAIL                                                                                       \
    "Takes kumactl's flags and prints the bytes that kumactl prints: the token, without a newline. It never asks a\n"  \
    "control plane. Like kumactl, and unlike the other commands here, it follows links to a key file and reads one\n"  \
    "that is open to others, but warns: chmod 600 FILE. Of a flag given twice, the last counts.\n" XG_MINTING_DETAIL

/* The last value of a flag, as pflag keeps it; NULL if absent. */
const char *xg_generate_last(const xg_args *args, const char *name);
/* The values of kumactl's own flags. Reports. */
bool xg_generate_check_common(const xg_args *args);
/* Mints with the key, times and id that args name, and prints the token. Reports. Releases minting. */
int xg_generate_token(const xg_args *args, const xg_custody_set *set, xg_minting *minting);

/* ---- generate_key.c: a private key as kumactl reads it ---- */

/*
 * Reads a file, link, pipe or, for "-", stdin, and leaves in *ret_pem its first well-formed PEM block, alone and tidy,
 * which is an unencrypted RSA PRIVATE KEY that passed every lint. *ret_signer is that key. Warns if the file is open
 * to others. Reports; XG_EXIT_OK, _KEY or _IO.
 */
int xg_generate_key_read(const char *path, xg_secret *ret_pem, xg_signer **ret_signer);

/* ---- generate_lists.c: --tag and --scope as pflag reads them ---- */

typedef struct xg_generate_tags {
    size_t num;
    xg_mint_tag tags[XG_TAG_KEYS_MAX];
    xg_str values[XG_TAG_KEYS_MAX][XG_TAG_VALUES_MAX];
    size_t text_len;
    char text[65536]; /* what tags and values borrow from */
} xg_generate_tags;

typedef struct xg_generate_scopes {
    size_t num;
    xg_str items[XG_TAG_VALUES_MAX];
} xg_generate_scopes;

/* Adds what one --tag says; a key that is there already gets the new values. Reports. */
bool xg_generate_lists_add_tag(xg_generate_tags *tags, const char *value);
/* Adds what one --scope says; empty text adds nothing. Reports. */
bool xg_generate_lists_add_scopes(xg_generate_scopes *scopes, const char *value);

#endif /* XDSGATE_GENERATE_H */
