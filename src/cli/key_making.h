/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key_making.h: putting a key in its place: private half, public half, state. Room: src/cli.
 *
 * Thread rule: one thread.
 */
#ifndef XDSGATE_CLI_KEY_MAKING_H
#define XDSGATE_CLI_KEY_MAKING_H

#include "keychain.h"

/* The flags of every command that puts a private key somewhere. */
#define XG_KEY_MAKING_FLAGS                                                                                            \
    {"authority", "DIR", "where private keys are kept; required", NULL, 0, false},                                     \
        {"store", "DIR", "where xdsgate.so reads public keys; required", NULL, 0, false},                              \
        {"kid", "KID", "id of the key (default: the next serial)", NULL, 0, false},                                    \
        {"plain", NULL, "keep the private half as unencrypted PEM, as kumactl does", NULL, 0, false},                  \
        XG_PASSPHRASE_FLAGS

#define XG_KEY_MAKING_BITS_FLAG                                                                                        \
    {                                                                                                                  \
        "bits", "N", "2048, 3072 or 4096 (default: 2048)", NULL, 0, false                                              \
    }

/* An authority and a store, open at one set, and the ledger. */
typedef struct xg_key_making {
    const xg_args *args;
    xg_custody_set set;
    xg_custody_dir authority;
    xg_custody_dir store;
    xg_secret passphrase; /* of the private half; none with --plain */
    xg_ledger *ledger;
    bool has_ledger;    /* the authority had one before */
    bool is_ledger_new; /* there was none, and this run came to make one: a failure removes it, if it is empty */
    char kid[XG_KID_MAX + 1];
    xg_ledger_state state;        /* what the key becomes */
    char signing[XG_KID_MAX + 1]; /* the key that signs already; empty if none does */
    bool is_signing_known;        /* to the ledger */
} xg_key_making;

/*
 * Reads the flags and, if there will be a private half, its passphrase; opens both directories, making what is missing,
 * and settles the kid: that of --kid or the next serial; it must be free. Reports. To be released with
 * xg_key_making_finish, on failure too.
 */
int xg_key_making_begin(const xg_args *args, bool is_private, xg_key_making *making);
/*
 * Puts both halves in their places and the state into the ledger: the first key of a set signs, every other one is
 * published. Either all of it is done or nothing. signer NULL: a public half alone, from public_pem. Reports.
 */
int xg_key_making_put(xg_key_making *making, const xg_signer *signer, xg_str public_pem);
/* All of it for a fresh key, as 'key new' and the first step of 'key rotate' have it. Returns the exit code. */
int xg_key_making_new(const xg_args *args);
/* Says what was done, on stdout. */
void xg_key_making_say(const xg_key_making *making, bool is_private);
/* Closes everything; after a failure (code) also removes the directories that begin made. Returns the exit code. */
int xg_key_making_finish(xg_key_making *making, int code);

#endif /* XDSGATE_CLI_KEY_MAKING_H */
