/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gone.h: what meshes had revoked whose directories are gone. Private to keys/.
 *
 * A mesh that is removed is unknown, and its tokens are denied. If its directory comes back without its list, as it
 * does for a moment when it is copied anew, it must not come back as a mesh that never revoked anything. Thread rule:
 * one store belongs to one thread at a time.
 */
#ifndef XDSGATE_KEYS_GONE_H
#define XDSGATE_KEYS_GONE_H

#include "xdsgate/keys.h"

/* Sorted by name. Zeroed memory is the empty set. */
typedef struct xg_gone {
    xg_keyset *sets; /* each without keys: a name and a list */
    size_t num;
} xg_gone;

/* Remembers a list under the mesh's name. NO_MEMORY. */
xg_result xg_gone_add(xg_gone *gone, xg_str mesh, xg_revocations *revoked) XG_MUST_USE;
const xg_keyset *xg_gone_find(const xg_gone *gone, xg_str mesh);
void xg_gone_remove(xg_gone *gone, xg_str mesh);
void xg_gone_done(xg_gone *gone);

#endif /* XDSGATE_KEYS_GONE_H */
