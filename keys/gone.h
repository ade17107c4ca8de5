/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gone.h: what meshes had revoked whose directories are gone. Private to keys/.
 *
 * A mesh that is removed is unknown, and its tokens are denied. If its directory comes back without its list, as it
 * does for a moment when it is copied anew, it must not come back as a mesh that never revoked anything. A snapshot
 * owns what was gone when it was made, so whoever goes on from that snapshot goes on from its lists. Never changed once
 * made.
 */
#ifndef XDSGATE_KEYS_GONE_H
#define XDSGATE_KEYS_GONE_H

#include "store.h"

/*
 * The lists of the meshes that previous (may be NULL) had, or remembered, and that are not among the entries, which are
 * sorted as the store sorts them. *ret_gone is NULL if there are none. NO_MEMORY.
 */
xg_result xg_gone_new(const xg_snapshot *previous, const xg_store_entry *entries, size_t num_entries,
                      xg_gone **ret_gone) XG_MUST_USE;
void xg_gone_free(xg_gone *gone); /* NULL is allowed */

/* The mesh's list, as a set without keys; NULL if it is not remembered. gone may be NULL. */
const xg_keyset *xg_gone_find(const xg_gone *gone, xg_str mesh);

#endif /* XDSGATE_KEYS_GONE_H */
