/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyring.c: kid to key, inside one (purpose, mesh).
 *
 * A small array sorted by kid. A kid is only ever compared with its length, never used as a path or a pattern. Must
 * never fall back to "any key". Thread rule: counted; immutable and shared freely once it is part of a snapshot.
 */
#include "xdsgate/keys.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

typedef struct ring_entry {
    xg_pubkey *key; /* NULL: retired */
    size_t kid_len;
    char kid[XG_KID_MAX + 1];
} ring_entry;

struct xg_keyring {
    atomic_size_t refs;
    size_t count;
    size_t num_retired;
    size_t capacity;
    ring_entry *entries;
};

xg_result xg_keyring_new(xg_keyring **ret_ring)
{
    xg_keyring *ring = calloc(1, sizeof(*ring));
    XG_CHECK(ring != NULL, NO_MEMORY);
    atomic_init(&ring->refs, 1);
    *ret_ring = ring;
    return XG_OK;
}

xg_keyring *xg_keyring_ref(xg_keyring *ring)
{
    if (ring != NULL) {
        atomic_fetch_add_explicit(&ring->refs, 1, memory_order_relaxed);
    }
    return ring;
}

void xg_keyring_unref(xg_keyring *ring)
{
    if (ring == NULL || atomic_fetch_sub_explicit(&ring->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (size_t i = 0; i < ring->count; i++) {
        if (ring->entries[i].key != NULL) {
            xg_pubkey_unref(ring->entries[i].key);
        }
    }
    free(ring->entries);
    free(ring);
}

bool xg_keyring_is_padded(xg_str kid)
{
    if (kid.len < 2 || kid.ptr[0] != '0') {
        return false;
    }
    for (size_t i = 1; i < kid.len; i++) {
        if (kid.ptr[i] < '0' || kid.ptr[i] > '9') {
            return false;
        }
    }
    return true;
}

/* The position of kid, or where it belongs. */
static size_t find_position(const xg_keyring *ring, xg_str kid, bool *ret_is_there)
{
    size_t low = 0;
    size_t high = ring->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const ring_entry *entry = &ring->entries[middle];
        int order = xg_str_cmp((xg_str){entry->kid, entry->kid_len}, kid);
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
    *ret_is_there = false;
    return low;
}

/* Either may be NULL, for a retired kid. */
static bool is_same_key(const xg_pubkey *a, const xg_pubkey *b)
{
    if (a == NULL || b == NULL) {
        return a == b;
    }
    return a == b || memcmp(xg_pubkey_fingerprint(a), xg_pubkey_fingerprint(b), XG_FINGERPRINT_LEN) == 0;
}

static bool has_key(const xg_keyring *ring, const xg_pubkey *key)
{
    for (size_t i = 0; i < ring->count; i++) {
        if (is_same_key(ring->entries[i].key, key)) {
            return true;
        }
    }
    return false;
}

static xg_result grow(xg_keyring *ring)
{
    if (ring->count < ring->capacity) {
        return XG_OK;
    }
    size_t capacity = ring->capacity == 0 ? 2 : ring->capacity * 2;
    ring_entry *entries = reallocarray(ring->entries, capacity, sizeof(*entries));
    XG_CHECK(entries != NULL, NO_MEMORY);
    ring->entries = entries;
    ring->capacity = capacity;
    return XG_OK;
}

xg_result xg_keyring_add(xg_keyring *ring, xg_str kid, xg_pubkey *key)
{
    XG_CHECK(kid.len > 0 && kid.len <= XG_KID_MAX && xg_str_is_clean(kid), KID_INVALID);
    XG_CHECK(!xg_keyring_is_padded(kid), KID_PADDED);
    bool is_there = false;
    size_t at = find_position(ring, kid, &is_there);
    XG_CHECK(!is_there, KID_TWICE);
    XG_CHECK(key == NULL || !has_key(ring, key), KEY_SHARED);
    XG_TRY(grow(ring));
    memmove(&ring->entries[at + 1], &ring->entries[at], (ring->count - at) * sizeof(ring->entries[0]));
    ring_entry *entry = &ring->entries[at];
    *entry = (ring_entry){.key = key != NULL ? xg_pubkey_ref(key) : NULL, .kid_len = kid.len};
    memcpy(entry->kid, kid.ptr, kid.len);
    ring->count++;
    ring->num_retired += key == NULL ? 1 : 0;
    return XG_OK;
}

xg_result xg_keyring_find(const xg_keyring *ring, xg_str kid, xg_pubkey **ret_key)
{
    bool is_there = false;
    size_t at = find_position(ring, kid, &is_there);
    XG_CHECK(is_there, KEY_UNKNOWN);
    XG_CHECK(ring->entries[at].key != NULL, KEY_RETIRED);
    *ret_key = ring->entries[at].key;
    return XG_OK;
}

size_t xg_keyring_count(const xg_keyring *ring)
{
    return ring->count;
}

size_t xg_keyring_num_keys(const xg_keyring *ring)
{
    return ring->count - ring->num_retired;
}

bool xg_keyring_is_same(const xg_keyring *a, const xg_keyring *b)
{
    if (a == b || a->count != b->count) {
        return a == b;
    }
    for (size_t i = 0; i < a->count; i++) {
        const ring_entry *left = &a->entries[i];
        const ring_entry *right = &b->entries[i];
        if (!xg_str_eq((xg_str){left->kid, left->kid_len}, (xg_str){right->kid, right->kid_len}) ||
            !is_same_key(left->key, right->key)) {
            return false;
        }
    }
    return true;
}

void xg_keyring_at(const xg_keyring *ring, size_t index, xg_str *ret_kid, xg_pubkey **ret_key)
{
    const ring_entry *entry = &ring->entries[index];
    *ret_kid = (xg_str){entry->kid, entry->kid_len};
    *ret_key = entry->key;
}
