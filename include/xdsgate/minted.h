/* SPDX-License-Identifier: Apache-2.0 */
/*
 * minted.h: a token that was just made, read back as xdsgate.so will read it, and its row in the ledger. Room:
 * src/authority.
 *
 * Thread rule: works on the caller's memory only; any thread at once.
 */
#ifndef XDSGATE_MINTED_H
#define XDSGATE_MINTED_H

#include "xdsgate/ledger.h"
#include "xdsgate/token.h"

typedef struct xg_minted {
    char *token; /* a credential: to be wiped with xg_minted_done */
    size_t len;
    xg_jws jws; /* decoded; its payload is the claims JSON */
    xg_claims claims;
    char kid[XG_KID_MAX + 1];
    char tags[XG_CREDENTIAL_MAX]; /* the Tags or Scope claim as JSON */
    char fingerprint[XG_LEDGER_FINGERPRINT_SIZE];
    char key[XG_LEDGER_FINGERPRINT_SIZE];
    char field[XG_CLAIM_FIELD_SIZE]; /* of a failure: the claim that nobody could read */
} xg_minted;

/*
 * Mints and reads back. On failure the reason, and field where it is about a claim; nothing to release then. A token
 * that no xdsgate.so would read is a failure.
 */
xg_result xg_minted_make(const xg_mint_request *request, const xg_signer *signer, xg_minted *ret_minted) XG_MUST_USE;
/* The same bytes again, from what the ledger kept. */
xg_result xg_minted_repeat(const xg_ledger_entry *entry, const xg_signer *signer, xg_minted *ret_minted) XG_MUST_USE;
/* The row of the ledger; slices borrow from minted. now: the machine's clock. */
void xg_minted_entry(const xg_minted *minted, xg_token_kind kind, xg_str origin, int64_t now,
                     xg_ledger_entry *ret_entry);
/* Wipes the token and releases it. */
void xg_minted_done(xg_minted *minted);

#endif /* XDSGATE_MINTED_H */
