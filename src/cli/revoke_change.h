/* SPDX-License-Identifier: Apache-2.0 */
/*
 * revoke_change.h: one change of a revocation list: made in memory, proved with the plugin's parser, then written.
 *
 * Thread rule: one thread.
 */
#ifndef XDSGATE_REVOKE_CHANGE_H
#define XDSGATE_REVOKE_CHANGE_H

#include "revoke_picks.h"

typedef struct xg_revoke_change {
    const xg_revoked_file *file;
    const xg_revoked_entry *entries; /* what is added, or removed */
    size_t num_entries;
    bool is_removal;
    char *text; /* the list as it will be */
    size_t len;
    xg_revocations *list; /* the same, parsed */
} xg_revoke_change;

/*
 * Makes the new list and proves, by asking the plugin's parser about every entry, that it revokes what the old one did,
 * plus or minus just the entries. Reports. To be released with xg_revoke_change_done, on failure too.
 */
int xg_revoke_change_begin(const xg_revoked_file *file, xg_str comment, const xg_revoked_entry *entries,
                           size_t num_entries, bool is_removal, xg_revoke_change *ret_change);
/* Shows the lines on stderr and, unless it is a dry run, writes the list. Reports. */
int xg_revoke_change_commit(const xg_revoke_change *change, bool is_dry_run);
void xg_revoke_change_done(xg_revoke_change *change);

#endif /* XDSGATE_REVOKE_CHANGE_H */
