/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keychain.h: the private keys of an authority: which set a command means, which key signs, and opening one. Room:
 * src/cli.
 *
 * Thread rule: opened and closed alone; xg_keychain_load from any number of threads once the passphrase is known.
 */
#ifndef XDSGATE_CLI_KEYCHAIN_H
#define XDSGATE_CLI_KEYCHAIN_H

#include "cli.h"
#include "passphrase.h"
#include "xdsgate/ledger.h"

/* The flags that say which set. */
#define XG_KEYCHAIN_SET_FLAGS                                                                                          \
    {"mesh", "NAME", "the keys for dataplane tokens of this mesh", NULL, 'm', false},                                  \
        {"for-zone", NULL, "the keys for zone tokens", NULL, 0, false},                                                \
    {                                                                                                                  \
        "any-mesh", NULL, "the keys that count for every mesh (any-mesh in the store)", NULL, 0, false                 \
    }

/* Reads those flags: exactly one. Reports. */
bool xg_keychain_choose_set(const xg_args *args, xg_custody_set *ret_set);
/* Whether kid can be one; reports. NULL is none and fails. */
bool xg_keychain_check_kid(const char *kid);

typedef struct xg_keychain {
    const xg_args *args;
    xg_crypto *crypto;    /* of all signers; NULL until the first */
    xg_secret passphrase; /* of the first encrypted key; the others have the same */
} xg_keychain;

void xg_keychain_init(xg_keychain *chain, const xg_args *args);
void xg_keychain_done(xg_keychain *chain); /* every signer must be gone */
/*
 * Turns what a file holds into plain PEM: an encrypted key is opened, for which the passphrase may be asked, everything
 * else stays. Consumes *secret on failure. path and purpose are for reports and the prompt. Reports.
 */
int xg_keychain_open_pem(xg_keychain *chain, const char *path, const char *purpose, xg_secret *secret);
/* The signer of what *secret holds, encrypted or not; wipes it. Reports. */
int xg_keychain_parse(xg_keychain *chain, const char *path, const char *purpose, xg_secret *secret,
                      xg_signer **ret_signer);
/* The signer of a key in an open authority directory. Reports. */
int xg_keychain_load(xg_keychain *chain, const xg_custody_dir *dir, const xg_custody_set *set, const char *kid,
                     xg_signer **ret_signer);
/* Fingerprint in hexadecimal. */
#define XG_KEYCHAIN_FINGERPRINT_SIZE (XG_FINGERPRINT_LEN * 2 + 1)
void xg_keychain_fingerprint(const xg_pubkey *key, char text[XG_KEYCHAIN_FINGERPRINT_SIZE]);

/*
 * The ledger of an authority: <authority>/ledger.db. Without is_made, and when there is none, *ret_ledger is NULL.
 * Reports.
 */
int xg_keychain_ledger(const char *authority, bool is_made, xg_ledger **ret_ledger);
/*
 * The kid that signs for a set: the one whose state is signing; where the ledger knows none, the highest serial among
 * the keys it does not know, as in Kuma. ledger may be NULL. Reports.
 */
int xg_keychain_signing_kid(xg_ledger *ledger, const xg_custody_dir *dir, const xg_custody_set *set,
                            char kid[XG_KID_MAX + 1]);
/* The same without a report when none signs: kid is empty then. */
int xg_keychain_find_signing(xg_ledger *ledger, const xg_custody_dir *dir, const xg_custody_set *set,
                             char kid[XG_KID_MAX + 1]);
/* The fingerprint of a key by its public half in an open store directory. Reports. */
int xg_keychain_public_fingerprint(const xg_custody_dir *store, const char *kid,
                                   char text[XG_KEYCHAIN_FINGERPRINT_SIZE]);
/* State of one key by the ledger (may be NULL). Reports. */
int xg_keychain_state(xg_ledger *ledger, const xg_custody_set *set, const char *kid, xg_ledger_state *ret_state);
/* The same with the key's fingerprint, empty for a key that the ledger does not know. Reports. */
int xg_keychain_known(xg_ledger *ledger, const xg_custody_set *set, const char *kid, xg_ledger_state *ret_state,
                      char fingerprint[XG_KEYCHAIN_FINGERPRINT_SIZE]);
/* "the authority has no key … of …", with what to do. Returns XG_EXIT_KEY. */
int xg_keychain_no_key(const char *where, const xg_custody_set *set, const char *kid);

#endif /* XDSGATE_CLI_KEYCHAIN_H */
