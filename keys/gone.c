/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gone.c: what meshes had revoked whose directories are gone. See gone.h.
 *
 * Owns the names and a reference to each list. Must never forget one while the context lives, unless the mesh came back
 * with a list. Thread rule: one store belongs to one thread at a time.
 */
#include "gone.h"

#include <stdlib.h>
#include <string.h>

/* Where the mesh stands, or belongs. */
static size_t find_position(const xg_gone *gone, xg_str mesh, bool *ret_is_there)
{
    size_t low = 0;
    size_t high = gone->num;
    *ret_is_there = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = xg_str_cmp(gone->sets[middle].name, mesh);
        if (order == 0) {
            *ret_is_there = true;
            return middle;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

xg_result xg_gone_add(xg_gone *gone, xg_str mesh, xg_revocations *revoked)
{
    bool is_there = false;
    size_t at = find_position(gone, mesh, &is_there);
    if (is_there) {
        xg_revocations_unref(gone->sets[at].revoked);
        gone->sets[at].revoked = xg_revocations_ref(revoked);
        return XG_OK;
    }
    xg_keyset *sets = reallocarray(gone->sets, gone->num + 1, sizeof(*sets));
    XG_CHECK(sets != NULL, NO_MEMORY);
    gone->sets = sets;
    char *name = malloc(mesh.len + 1);
    XG_CHECK(name != NULL, NO_MEMORY);
    memcpy(name, mesh.ptr, mesh.len);
    name[mesh.len] = '\0';
    memmove(&sets[at + 1], &sets[at], (gone->num - at) * sizeof(*sets));
    sets[at] = (xg_keyset){.name = {name, mesh.len}, .revoked = xg_revocations_ref(revoked), .is_stale = true};
    gone->num++;
    return XG_OK;
}

const xg_keyset *xg_gone_find(const xg_gone *gone, xg_str mesh)
{
    bool is_there = false;
    size_t at = find_position(gone, mesh, &is_there);
    return is_there ? &gone->sets[at] : NULL;
}

static void release(const xg_keyset *set)
{
    xg_revocations_unref(set->revoked);
    free((char *)(uintptr_t)set->name.ptr);
}

void xg_gone_remove(xg_gone *gone, xg_str mesh)
{
    bool is_there = false;
    size_t at = find_position(gone, mesh, &is_there);
    if (is_there) {
        release(&gone->sets[at]);
        gone->num--;
        memmove(&gone->sets[at], &gone->sets[at + 1], (gone->num - at) * sizeof(gone->sets[0]));
    }
}

void xg_gone_done(xg_gone *gone)
{
    for (size_t i = 0; i < gone->num; i++) {
        release(&gone->sets[i]);
    }
    free(gone->sets);
    *gone = (xg_gone){0};
}
