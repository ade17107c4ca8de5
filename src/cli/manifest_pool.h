/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest_pool.h: signing on every processor at once. Room: src/cli.
 *
 * Workers take one mesh after the other: its key is loaded once, all its tokens are signed, and what is signed waits in
 * a bounded queue for whoever records and writes it. Nothing here releases a token. Thread rule: begun, asked and ended
 * by one thread; the workers are its own.
 */
#ifndef XDSGATE_CLI_MANIFEST_POOL_H
#define XDSGATE_CLI_MANIFEST_POOL_H

#include "manifest_known.h"
#include "minting.h"
#include "xdsgate/manifest.h"

typedef enum xg_manifest_action {
    XG_MANIFEST_MINT = 1,
    XG_MANIFEST_RESTORE, /* the ledger knows the token, its file is gone: the same bytes again */
    XG_MANIFEST_KEEP
} xg_manifest_action;

/* One proxy and what becomes of it. */
typedef struct xg_manifest_item {
    const xg_manifest_proxy *proxy;
    xg_manifest_action action;
    const xg_manifest_known_token *known; /* to be restored or kept */
    const xg_signer *shared;              /* already open; NULL: the key of its mesh is opened for it */
    const char *key;                      /* fingerprint of the key that signs; NULL: nobody knows it yet */
    bool is_any_mesh;                     /* the key for every mesh signs */
    bool is_encrypted;                    /* the key of its mesh is */
    char kid[XG_KID_MAX + 1];
    char fingerprint[XG_LEDGER_FINGERPRINT_SIZE]; /* of the token, once there is one */
    char jti[XG_JTI_MAX + 1];
    int64_t expires_at;
    bool is_done;
} xg_manifest_item;

typedef struct xg_manifest_signed {
    xg_manifest_item *item;
    xg_minted minted;
} xg_manifest_signed;

typedef struct xg_manifest_pool xg_manifest_pool;

/* Opens the key of an item's mesh. Reports. */
int xg_manifest_pool_load(const char *authority, xg_keychain *keychain, const xg_manifest_item *item,
                          xg_signer **ret_signer);
/*
 * Begins to sign the items that are to be minted or restored, in order. base holds what all tokens have in common.
 * keychain knows the passphrase if any key needs it. Everything must stay until xg_manifest_pool_end. Reports.
 */
int xg_manifest_pool_begin(const char *authority, xg_keychain *keychain, const xg_mint_request *base,
                           xg_manifest_item *items, size_t num_items, unsigned num_workers,
                           xg_manifest_pool **ret_pool);
/*
 * Takes up to max signed tokens; waits for some. 0: there are no more, or a worker failed (see xg_manifest_pool_end).
 * Each is to be given back with xg_manifest_pool_release.
 */
size_t xg_manifest_pool_take(xg_manifest_pool *pool, xg_manifest_signed **ret_signed, size_t max);
void xg_manifest_pool_release(xg_manifest_signed *one);
/* Stops the workers, if they have not ended. The exit code of the first failure, which was reported. */
int xg_manifest_pool_end(xg_manifest_pool *pool);

#endif /* XDSGATE_CLI_MANIFEST_POOL_H */
