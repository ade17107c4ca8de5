/* SPDX-License-Identifier: Apache-2.0 */
/*
 * difference.c: what changed from one snapshot to the next.
 *
 * Compares objects, not contents: stores carry over every ring and list that says what it said before, so another
 * object means another content. Must never miss a change that could alter a verdict; a change too many only costs.
 * Thread rule: both snapshots are immutable, so any thread at any time.
 */
#include "xdsgate/keys.h"

typedef struct comparison {
    const xg_snapshot *from;
    const xg_snapshot *to;
    xg_difference_visit *visit;
    void *arg;
} comparison;

static bool is_same_set(const xg_keyset *a, const xg_keyset *b)
{
    return a->ring == b->ring && a->revoked == b->revoked;
}

static void compare_zone(const comparison *cmp)
{
    const xg_keyset *from = xg_snapshot_zone(cmp->from);
    const xg_keyset *to = xg_snapshot_zone(cmp->to);
    bool is_there = from != NULL && to != NULL;
    if (is_there ? !is_same_set(from, to) : from != to) {
        cmp->visit(cmp->arg, XG_CHANGED_ZONE, XG_STR(""));
    }
}

/* A shared set without a ring was refused, and has no list that could be asked either: that concerns both. */
static void compare_shared(const comparison *cmp)
{
    const xg_keyset *from = xg_snapshot_any_mesh(cmp->from);
    const xg_keyset *to = xg_snapshot_any_mesh(cmp->to);
    bool has_keys_changed = from != to;
    bool has_list_changed = from != to;
    if (from != NULL && to != NULL) {
        has_keys_changed = from->ring != to->ring;
        has_list_changed = from->revoked != to->revoked || (from->ring == NULL) != (to->ring == NULL);
    }
    if (has_keys_changed) {
        cmp->visit(cmp->arg, XG_CHANGED_SHARED_KEYS, XG_STR(""));
    }
    if (has_list_changed) {
        cmp->visit(cmp->arg, XG_CHANGED_SHARED_LIST, XG_STR(""));
    }
}

/*
 * The mesh of that name. Snapshots of one store are in the same order, so it nearly always stands at *cursor, and no
 * name needs to be hashed.
 */
static const xg_keyset *find_along(const xg_snapshot *snapshot, size_t *cursor, xg_str mesh)
{
    if (*cursor < xg_snapshot_num_meshes(snapshot)) {
        const xg_keyset *guess = xg_snapshot_mesh_at(snapshot, *cursor);
        if (xg_str_eq(guess->name, mesh)) {
            (*cursor)++;
            return guess;
        }
    }
    const xg_keyset *found = xg_snapshot_mesh(snapshot, mesh);
    if (found != NULL) {
        *cursor = (size_t)(found - xg_snapshot_mesh_at(snapshot, 0)) + 1;
    }
    return found;
}

static void compare_meshes(const comparison *cmp)
{
    size_t num_from = xg_snapshot_num_meshes(cmp->from);
    size_t num_to = xg_snapshot_num_meshes(cmp->to);
    size_t num_kept = 0;
    size_t cursor = 0;
    for (size_t i = 0; i < num_to; i++) {
        const xg_keyset *to = xg_snapshot_mesh_at(cmp->to, i);
        const xg_keyset *from = find_along(cmp->from, &cursor, to->name);
        num_kept += from != NULL ? 1 : 0;
        if (from == NULL || !is_same_set(from, to)) {
            cmp->visit(cmp->arg, XG_CHANGED_MESH, to->name);
        }
    }
    cursor = 0;
    for (size_t i = 0; i < num_from && num_kept < num_from; i++) {
        const xg_keyset *from = xg_snapshot_mesh_at(cmp->from, i);
        if (find_along(cmp->to, &cursor, from->name) == NULL) {
            cmp->visit(cmp->arg, XG_CHANGED_MESH, from->name);
            num_kept++; /* accounted for: the walk ends with the last that went */
        }
    }
}

void xg_difference_find(const xg_snapshot *from, const xg_snapshot *to, xg_difference_visit *visit, void *arg)
{
    const comparison cmp = {.from = from, .to = to, .visit = visit, .arg = arg};
    if (from == to) {
        return;
    }
    compare_zone(&cmp);
    compare_shared(&cmp);
    compare_meshes(&cmp);
}
