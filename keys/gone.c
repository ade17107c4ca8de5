/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gone.c: what meshes had revoked whose directories are gone. See gone.h.
 *
 * Owns the names and a reference to each list. Must never leave one out, unless the mesh is back: then its list is the
 * set's again. Thread rule: any number of readers.
 */
#include "gone.h"

#include <stdlib.h>
#include <string.h>

#include "revocations.h"

struct xg_gone {
    size_t num;
    xg_keyset sets[]; /* each a name and a list; sorted by name */
};

/* A walk along three sorted lists: the meshes there were, those that were gone already, and those there are. */
typedef struct walk {
    const xg_snapshot *previous;
    const xg_store_entry *entries;
    size_t num_entries;
    size_t mesh;
    size_t gone;
    size_t entry;
} walk;

/* The next of those that were there and those that were gone already: no mesh is both. */
static const xg_keyset *next_previous(walk *w)
{
    const xg_gone *old = xg_snapshot_gone(w->previous);
    const xg_keyset *mesh =
        w->mesh < xg_snapshot_num_meshes(w->previous) ? xg_snapshot_mesh_at(w->previous, w->mesh) : NULL;
    const xg_keyset *gone = old != NULL && w->gone < old->num ? &old->sets[w->gone] : NULL;
    if (gone == NULL || (mesh != NULL && xg_str_cmp(mesh->name, gone->name) < 0)) {
        w->mesh++;
        return mesh;
    }
    w->gone++;
    return gone;
}

static bool is_there(walk *w, xg_str name)
{
    while (w->entry < w->num_entries && xg_str_cmp(w->entries[w->entry].set->name, name) < 0) {
        w->entry++;
    }
    return w->entry < w->num_entries && xg_str_eq(w->entries[w->entry].set->name, name);
}

/* The next one to remember; NULL at the end. */
static const xg_keyset *next(walk *w)
{
    const xg_keyset *set = next_previous(w);
    while (set != NULL && (set->revoked == NULL || xg_revocations_is_blank(set->revoked) || is_there(w, set->name))) {
        set = next_previous(w);
    }
    return set;
}

static xg_result add(xg_gone *gone, const xg_keyset *set)
{
    char *name = malloc(set->name.len + 1);
    XG_CHECK(name != NULL, NO_MEMORY);
    memcpy(name, set->name.ptr, set->name.len);
    name[set->name.len] = '\0';
    gone->sets[gone->num++] =
        (xg_keyset){.name = {name, set->name.len}, .revoked = xg_revocations_ref(set->revoked), .is_stale = true};
    return XG_OK;
}

xg_result xg_gone_new(const xg_snapshot *previous, const xg_store_entry *entries, size_t num_entries,
                      xg_gone **ret_gone)
{
    const walk start = {.previous = previous, .entries = entries, .num_entries = num_entries};
    size_t num = 0;
    *ret_gone = NULL;
    if (previous == NULL) {
        return XG_OK;
    }
    for (walk w = start; next(&w) != NULL;) {
        num++;
    }
    if (num == 0) {
        return XG_OK;
    }
    xg_gone *gone = calloc(1, sizeof(*gone) + num * sizeof(gone->sets[0]));
    XG_CHECK(gone != NULL, NO_MEMORY);
    walk w = start;
    for (const xg_keyset *set = next(&w); set != NULL; set = next(&w)) {
        xg_result added = add(gone, set);
        if (!xg_is_ok(added)) {
            xg_gone_free(gone);
            return added;
        }
    }
    *ret_gone = gone;
    return XG_OK;
}

const xg_keyset *xg_gone_find(const xg_gone *gone, xg_str mesh)
{
    size_t low = 0;
    size_t high = gone != NULL ? gone->num : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = xg_str_cmp(gone->sets[middle].name, mesh);
        if (order == 0) {
            return &gone->sets[middle];
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

void xg_gone_free(xg_gone *gone)
{
    if (gone == NULL) {
        return;
    }
    for (size_t i = 0; i < gone->num; i++) {
        xg_revocations_unref(gone->sets[i].revoked);
        free((char *)(uintptr_t)gone->sets[i].name.ptr);
    }
    free(gone);
}
