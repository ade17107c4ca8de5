/* SPDX-License-Identifier: Apache-2.0 */
/*
 * minting.h: what minting any kind of token shares: key, times, jti, policies, the ledger, the output. Room: src/cli.
 *
 * Thread rule: one thread.
 */
#ifndef XDSGATE_CLI_MINTING_H
#define XDSGATE_CLI_MINTING_H

#include "keychain.h"
#include "xdsgate/minted.h"
#include "xdsgate/policy.h"

#define XG_MINTING_JTI_SIZE 37

/* An authority's policy, and one that was named with --policy: a token has to pass both. */
typedef struct xg_minting_policies {
    xg_policy *items[2];
} xg_minting_policies;

typedef struct xg_minting {
    /* The caller fills in what the token says, and these: */
    xg_mint_request request;
    const char *origin;    /* for the ledger; "mint" when NULL */
    bool is_kuma_lifetime; /* as kumactl: any lifetime, unless a policy says otherwise */
    xg_signer *signer;     /* NULL: the key is looked for as the flags say; otherwise --kid names it */
    /* The rest is minting.c's. */
    const xg_args *args;
    xg_keychain keychain;
    xg_ledger *ledger;
    xg_minting_policies policies;
    xg_output_format format;
    char kid[XG_KID_MAX + 1];
    char jti[XG_MINTING_JTI_SIZE];
} xg_minting;

/* The flags every mint command has, to be put first in its table. */
#define XG_MINTING_FLAGS                                                                                               \
    {"valid-for", "DURATION", "how long the token is valid: 24h, 1h30m, 90d; required", NULL, 0, false},               \
        {"authority", "DIR", "directory of the private keys, the ledger and policy.yaml", NULL, 0, false},             \
        {"key", "FILE", "sign with this private key in PEM instead ('-' = stdin); needs --kid", "signing-key-path",    \
         0,     false},                                                                                                \
        {"kid", "KID", "id of the signing key (default: the one that signs in the authority)", NULL, 0, false},        \
        XG_PASSPHRASE_FLAGS, {"policy",                                                                                \
                              "FILE",                                                                                  \
                              "guard rails in YAML that the token must keep, beside the authority's own",              \
                              NULL,                                                                                    \
                              0,                                                                                       \
                              false},                                                                                  \
        {"ledger", "FILE", "with --key: where the mint is recorded (default: see below)", NULL, 0, false},             \
        {"jti", "ID", "id of the token, for revoking it (default: a random UUID)", NULL, 0, false},                    \
        {"now", "UNIX[.NANOS]", "mint as if it were this time", NULL, 0, false},                                       \
    {                                                                                                                  \
        "dry-run", NULL, "check everything and print the claims: no token is released or recorded", NULL, 0, false     \
    }

/* Help text that belongs to these flags. */
#define XG_MINTING_DETAIL                                                                                              \
    "A mesh without keys of its own is served by those that 'xdsgate key new --any-mesh' made, if there are any.\n"    \
    "The mint is recorded before the token is printed: in DIR/ledger.db of the authority, or with --key in the file\n" \
    "that --ledger or XDSGATE_LEDGER names, or else in xdsgate/ledger.db below XDG_STATE_HOME or ~/.local/state.\n"

/*
 * Finds the key, the times, the jti, the policies and the ledger. Reports. To be released with xg_minting_done, on
 * failure too.
 */
int xg_minting_begin(const xg_args *args, const xg_custody_set *set, xg_minting *minting);
/* Checks the policies, mints, reads the token back as xdsgate.so would, records it, and prints it. Reports. */
int xg_minting_finish(xg_minting *minting);
void xg_minting_done(xg_minting *minting);

/* ---- for jobs that mint many ---- */

/* Loads the policies that the flags name. Reports. To be released with xg_minting_policies_done, on failure too. */
int xg_minting_policies_load(const xg_args *args, xg_minting_policies *policies);
void xg_minting_policies_done(xg_minting_policies *policies);
/* Whether the token may be minted; reports the rule that forbids it. lifetime in nanoseconds. */
int xg_minting_policies_check(const xg_minting_policies *policies, const xg_mint_request *request,
                              bool is_kuma_lifetime);
/* Opens the ledger that belongs to the flags. Without is_made one that is not there is NULL. Reports. */
int xg_minting_ledger(const xg_args *args, bool is_made, xg_ledger **ret_ledger);
/* --authority, --key, --kid, --ledger: whether they fit together. Reports. */
bool xg_minting_check_source(const xg_args *args);
/* --now and --valid-for. Reports. */
bool xg_minting_times(const xg_args *args, xg_mint_request *request);
void xg_minting_new_jti(char jti[XG_MINTING_JTI_SIZE]);
/* The key, from --authority or --key, and its kid. Reports. */
int xg_minting_load_key(const xg_args *args, const xg_custody_set *set, xg_ledger *ledger, xg_keychain *keychain,
                        xg_signer **ret_signer, char kid[XG_KID_MAX + 1]);
/* What made a token impossible, in words. field: of xg_minted. Returns the exit code. */
int xg_minting_refuse(xg_result result, const char *field);

#endif /* XDSGATE_CLI_MINTING_H */
