/* SPDX-License-Identifier: Apache-2.0 */
/*
 * revoke_life.h: whether the tokens that lists name still live, as far as the ledger knows them.
 *
 * Thread rule: one thread.
 */
#ifndef XDSGATE_REVOKE_LIFE_H
#define XDSGATE_REVOKE_LIFE_H

#include "ledger_view.h"

/*
 * Puts into each row of kind "jti" what became of the token: member "token" is "live", "expired", or "unknown" when the
 * ledger has none of that id in the row's set, and "expires_at" the time in RFC 3339 or null. Rows of rules get null
 * for both: tokens to come fall under them too. args: --authority, --ledger and --now. Reports.
 */
int xg_revoke_life_add(const xg_args *args, struct json_t *rows);

#endif /* XDSGATE_REVOKE_LIFE_H */
