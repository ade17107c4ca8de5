/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest_job.h: one run of `mint manifest`: from a plan to what has to be done for each proxy, and doing it. Room:
 * src/cli.
 *
 * Thread rule: one thread; the signing is manifest_pool's.
 */
#ifndef XDSGATE_CLI_MANIFEST_JOB_H
#define XDSGATE_CLI_MANIFEST_JOB_H

#include "manifest_files.h"
#include "manifest_pool.h"

typedef struct xg_manifest_job {
    const xg_args *args;
    const xg_manifest_plan *plan;
    xg_manifest_files files; /* fd -1: there is no directory yet (a dry run) */
    xg_keychain keychain;
    xg_signer *shared;               /* of --key, or of the set that counts for every mesh, once one needs it */
    char shared_kid[XG_KID_MAX + 1]; /* empty when there is no such key */
    char shared_key[XG_KEYCHAIN_FINGERPRINT_SIZE]; /* its fingerprint; empty when nobody knows it yet */
    bool is_shared_only;                           /* --key: it signs for all */
    xg_signer *tried;  /* the first encrypted key that signs, opened to see whether the passphrase is right */
    xg_ledger *ledger; /* NULL: there is none yet */
    xg_manifest_known known;
    xg_minting_policies policies;
    xg_mint_request base;               /* what all tokens have in common */
    int64_t renew_before;               /* seconds: a token that expires sooner is minted anew */
    char origin[XG_MESH_NAME_MAX + 16]; /* for the ledger */
    xg_manifest_item *items;            /* one for each proxy of the plan */
    size_t num_to_sign;
    size_t num_recorded; /* in the ledger by this run, whatever became of their files */
    size_t num_minted;
    size_t num_restored;
    size_t num_kept;
    size_t num_left_alone; /* files that somebody changed */
} xg_manifest_job;

/*
 * Looks at ledger, keys, policies and files, and settles what happens to each proxy. Changes nothing. Every mesh
 * without a key and every file that is not ours is reported, the first 20 of each; of what the policies forbid the
 * first, which is that of all where it is about times.
 */
int xg_manifest_job_prepare(xg_manifest_job *job);
/*
 * Asks for the passphrase if it takes one, and opens what every mesh has in common and the first encrypted key: a wrong
 * passphrase shows before anything is changed. Reports.
 */
int xg_manifest_job_unlock(xg_manifest_job *job);
/* Mints, records, writes. What was done before a failure stays; the next run goes on from there. Reports. */
int xg_manifest_job_run(xg_manifest_job *job);
/* "mint", "restore" or "keep". */
const char *xg_manifest_job_action(xg_manifest_action action);
void xg_manifest_job_done(xg_manifest_job *job);

#endif /* XDSGATE_CLI_MANIFEST_JOB_H */
