/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest_known.h: what the ledger knows of a deployment: the tokens that earlier runs minted for it, and which key of
 * each set signs. Room: src/cli.
 *
 * Read once, then looked up in memory: thousands of meshes must not mean thousands of queries. Thread rule: immutable
 * once loaded.
 */
#ifndef XDSGATE_CLI_MANIFEST_KNOWN_H
#define XDSGATE_CLI_MANIFEST_KNOWN_H

#include "cli.h"
#include "xdsgate/ledger.h"

/* One token that was minted before. Texts belong to the whole. */
typedef struct xg_manifest_known_token {
    int64_t id;
    const char *mesh;
    const char *workload;
    const char *jti;
    const char *kid;
    const char *key;
    const char *claims;
    const char *fingerprint;
    int64_t issued_at;
    int64_t expires_at;
} xg_manifest_known_token;

typedef struct xg_manifest_known_key {
    const char *set;
    const char *kid;
    const char *key;
    xg_ledger_state state;
} xg_manifest_known_key;

typedef struct xg_manifest_known {
    xg_manifest_known_token *tokens; /* by mesh, workload, newest first */
    size_t num_tokens;
    size_t cap_tokens;
    xg_manifest_known_key *keys; /* by set */
    size_t num_keys;
    size_t cap_keys;
    const char **fingerprints;              /* of all tokens, sorted */
    struct xg_manifest_known_block *blocks; /* of the texts */
    int64_t last_id;                        /* the highest; 0 without any */
    bool has_failed;                        /* memory ran out */
} xg_manifest_known;

/* Loads what the ledger knows of an origin. Reports. To be released with xg_manifest_known_done, on failure too. */
int xg_manifest_known_load(xg_ledger *ledger, const char *origin, xg_manifest_known *ret_known);
void xg_manifest_known_done(xg_manifest_known *known);
/* The newest token for a proxy, or NULL. */
const xg_manifest_known_token *xg_manifest_known_find(const xg_manifest_known *known, xg_str mesh, xg_str workload);
/* Whether a token of that fingerprint was minted for the deployment, ever. */
bool xg_manifest_known_has(const xg_manifest_known *known, const char *fingerprint);
/* The key that signs for a set; NULL with *ret_has_set when the ledger knows the set and none signs, or not at all. */
const xg_manifest_known_key *xg_manifest_known_signing(const xg_manifest_known *known, xg_str set, bool *ret_has_set);

#endif /* XDSGATE_CLI_MANIFEST_KNOWN_H */
