/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapshot.c: everything a store holds, at one moment.
 *
 * Owns the references inside its key sets and the mesh table: open addressing over a keyed hash, so that a lookup costs
 * the same with one mesh and with a hundred thousand, whatever they are called. Must never change once built. Thread
 * rule: any number of readers; the last reference may be dropped on any thread.
 */
#include "xdsgate/keys.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "gone.h"
#include "hashset.h"

struct xg_snapshot {
    atomic_size_t refs;
    bool is_stale;
    bool has_zone;
    bool has_any_mesh;
    xg_keyset zone;
    xg_keyset any_mesh;
    xg_keyset *meshes;
    size_t num_meshes;
    xg_gone *gone;     /* may be NULL */
    char *names;       /* the meshes' names, one after the other */
    uint32_t *slots;   /* 0: free, else index + 1 into meshes */
    size_t slots_mask; /* number of slots - 1 */
    uint8_t hash_key[XG_HASH_KEY_LEN];
};

static void release(const xg_keyset *set)
{
    if (set != NULL) {
        xg_keyring_unref(set->ring);
        xg_revocations_unref(set->revoked);
    }
}

static void release_all(const xg_keyset *zone, const xg_keyset *any_mesh, const xg_keyset *meshes, size_t num_meshes)
{
    release(zone);
    release(any_mesh);
    for (size_t i = 0; i < num_meshes; i++) {
        release(&meshes[i]);
    }
}

/* The slot of the mesh, or the free one where it belongs. Half of the slots are free. */
static size_t find_slot(const xg_snapshot *snapshot, xg_str mesh)
{
    size_t at = (size_t)xg_hashset_digest(snapshot->hash_key, mesh).a & snapshot->slots_mask;
    while (snapshot->slots[at] != 0 && !xg_str_eq(snapshot->meshes[snapshot->slots[at] - 1].name, mesh)) {
        at = (at + 1) & snapshot->slots_mask;
    }
    return at;
}

static xg_result allocate_meshes(xg_snapshot *snapshot, const xg_keyset *meshes, size_t num_meshes)
{
    size_t names_len = 0;
    for (size_t i = 0; i < num_meshes; i++) {
        names_len += meshes[i].name.len;
    }
    size_t num_slots = 2;
    while (num_slots < num_meshes * 2) {
        num_slots *= 2;
    }
    snapshot->slots_mask = num_slots - 1;
    snapshot->slots = calloc(num_slots, sizeof(*snapshot->slots));
    snapshot->names = malloc(names_len + 1);
    snapshot->meshes = calloc(num_meshes + 1, sizeof(*snapshot->meshes));
    XG_CHECK(snapshot->slots != NULL && snapshot->names != NULL && snapshot->meshes != NULL, NO_MEMORY);
    return XG_OK;
}

/* Fills the mesh table. The sets are counted in only by the caller, once nothing can fail any more. */
static xg_result index_meshes(xg_snapshot *snapshot, const xg_keyset *meshes, size_t num_meshes)
{
    XG_CHECK(num_meshes <= XG_MESHES_MAX, STORE_UNREADABLE);
    XG_TRY(xg_hashset_draw_key(snapshot->hash_key));
    XG_TRY(allocate_meshes(snapshot, meshes, num_meshes));
    char *name = snapshot->names;
    for (size_t i = 0; i < num_meshes; i++) {
        size_t at = find_slot(snapshot, meshes[i].name);
        XG_CHECK(snapshot->slots[at] == 0, STORE_UNREADABLE);
        snapshot->slots[at] = (uint32_t)i + 1;
        snapshot->meshes[i] = meshes[i];
        snapshot->meshes[i].name = (xg_str){name, meshes[i].name.len};
        memcpy(name, meshes[i].name.len > 0 ? meshes[i].name.ptr : "", meshes[i].name.len);
        name += meshes[i].name.len;
        snapshot->is_stale = snapshot->is_stale || meshes[i].is_stale || meshes[i].ring == NULL;
    }
    return XG_OK;
}

static void take_single(xg_snapshot *snapshot, const xg_keyset *from, xg_keyset *to, bool *has)
{
    if (from == NULL) {
        return;
    }
    *to = *from;
    to->name = XG_STR("");
    *has = true;
    snapshot->is_stale = snapshot->is_stale || from->is_stale || from->ring == NULL;
}

static void free_snapshot(xg_snapshot *snapshot)
{
    free(snapshot->slots);
    free(snapshot->names);
    free(snapshot->meshes);
    free(snapshot);
}

xg_result xg_snapshot_new(const xg_keyset *zone, const xg_keyset *any_mesh, const xg_keyset *meshes, size_t num_meshes,
                          xg_gone *gone, xg_snapshot **ret_snapshot)
{
    xg_snapshot *snapshot = calloc(1, sizeof(*snapshot));
    xg_result result = snapshot != NULL ? index_meshes(snapshot, meshes, num_meshes) : XG_FAIL(NO_MEMORY);
    if (!xg_is_ok(result)) {
        if (snapshot != NULL) {
            free_snapshot(snapshot);
        }
        release_all(zone, any_mesh, meshes, num_meshes);
        xg_gone_free(gone);
        return result;
    }
    atomic_init(&snapshot->refs, 1);
    snapshot->num_meshes = num_meshes;
    snapshot->gone = gone;
    take_single(snapshot, zone, &snapshot->zone, &snapshot->has_zone);
    take_single(snapshot, any_mesh, &snapshot->any_mesh, &snapshot->has_any_mesh);
    *ret_snapshot = snapshot;
    return XG_OK;
}

xg_snapshot *xg_snapshot_ref(xg_snapshot *snapshot)
{
    if (snapshot != NULL) {
        atomic_fetch_add_explicit(&snapshot->refs, 1, memory_order_relaxed);
    }
    return snapshot;
}

void xg_snapshot_unref(xg_snapshot *snapshot)
{
    if (snapshot == NULL || atomic_fetch_sub_explicit(&snapshot->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    release_all(&snapshot->zone, &snapshot->any_mesh, snapshot->meshes, snapshot->num_meshes);
    xg_gone_free(snapshot->gone);
    free_snapshot(snapshot);
}

const xg_keyset *xg_snapshot_mesh(const xg_snapshot *snapshot, xg_str mesh)
{
    uint32_t found = snapshot->slots[find_slot(snapshot, mesh)];
    return found != 0 ? &snapshot->meshes[found - 1] : NULL;
}

xg_result xg_snapshot_find_mesh(const xg_snapshot *snapshot, xg_str mesh, xg_trust *ret_trust)
{
    const xg_keyset *own = xg_snapshot_mesh(snapshot, mesh);
    XG_CHECK(own != NULL, MESH_UNKNOWN);
    XG_CHECK(own->ring != NULL, KEYS_UNUSABLE);
    *ret_trust = (xg_trust){.own = own, .shared = xg_snapshot_any_mesh(snapshot)};
    return XG_OK;
}

xg_result xg_snapshot_find_zone(const xg_snapshot *snapshot, xg_trust *ret_trust)
{
    XG_CHECK(snapshot->has_zone, ZONE_UNKNOWN);
    XG_CHECK(snapshot->zone.ring != NULL, KEYS_UNUSABLE);
    *ret_trust = (xg_trust){.own = &snapshot->zone, .shared = NULL};
    return XG_OK;
}

size_t xg_snapshot_num_meshes(const xg_snapshot *snapshot)
{
    return snapshot->num_meshes;
}

const xg_keyset *xg_snapshot_mesh_at(const xg_snapshot *snapshot, size_t index)
{
    return &snapshot->meshes[index];
}

const xg_keyset *xg_snapshot_zone(const xg_snapshot *snapshot)
{
    return snapshot->has_zone ? &snapshot->zone : NULL;
}

const xg_keyset *xg_snapshot_any_mesh(const xg_snapshot *snapshot)
{
    return snapshot->has_any_mesh ? &snapshot->any_mesh : NULL;
}

const xg_gone *xg_snapshot_gone(const xg_snapshot *snapshot)
{
    return snapshot->gone;
}

bool xg_snapshot_is_stale(const xg_snapshot *snapshot)
{
    return snapshot->is_stale;
}

xg_result xg_trust_find_key(xg_trust *trust, xg_str kid, xg_pubkey **ret_key)
{
    xg_result result = xg_keyring_find(trust->own->ring, kid, ret_key);
    trust->is_key_shared = false;
    if (trust->shared == NULL || xg_result_reason(result) != XG_REASON_KEY_UNKNOWN) {
        return result;
    }
    /* The key may well stand in a shared set that could not be read: that is no verdict on the token. */
    XG_CHECK(trust->shared->ring != NULL, KEYS_UNUSABLE);
    result = xg_keyring_find(trust->shared->ring, kid, ret_key);
    trust->is_key_shared = xg_is_ok(result);
    return result;
}

xg_result xg_trust_check_revoked(const xg_trust *trust, const xg_revocable *token, bool with_shared,
                                 int64_t *ret_issued_before)
{
    XG_TRY(xg_revocations_check(trust->own->revoked, token, ret_issued_before));
    if (trust->shared == NULL || (!with_shared && !trust->is_key_shared)) {
        return XG_OK;
    }
    /* A refused set has no list that could be asked; that never means "nothing is revoked". */
    XG_CHECK(trust->shared->ring != NULL, KEYS_UNUSABLE);
    return xg_revocations_check(trust->shared->revoked, token, ret_issued_before);
}
