/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sharing.c: no key in two sets.
 *
 * A key that stands in two sets makes a token of the one good for the other (hostile-input, finding 5). Compared is
 * what would serve: the new files of a set that changed, the last good ones of a set that is refused. Refusing one set
 * brings its last good keys back into the comparison, so it is repeated until nothing is left to refuse. Thread rule:
 * one store belongs to one thread at a time.
 */
#include "store.h"

#include <stdlib.h>
#include <string.h>

#include "hashset.h"

/* Chains of refusals longer than this are broken by refusing everything that changed. */
#define MAX_ROUNDS 8
#define WHAT_SIZE  640
#define QUOTE_MAX  80

/* One key, and up to two of the sets that have it. */
typedef struct owned {
    const xg_pubkey *key; /* NULL: free slot */
    size_t entry;
    xg_str kid;
    size_t other;
    xg_str other_kid;
} owned;

/* What is wrong with one entry. */
typedef struct clash {
    bool is_there;
    bool is_new; /* the entry did not serve that key before */
    size_t slot;
    xg_str kid; /* the entry's own name for the key */
} clash;

#define NUM_HASH_KEYS 4

/* The keys of the sets that can still be refused. */
typedef struct table {
    uint64_t hash_keys[NUM_HASH_KEYS];
    owned *slots;
    size_t mask;
    clash *clashes; /* by entry */
} table;

static const xg_keyring *serving_ring(const xg_store_entry *entry)
{
    if (entry->set->is_refused) {
        return entry->previous != NULL ? entry->previous->ring : NULL;
    }
    return entry->set->ring; /* NULL if the set is absent */
}

static bool can_be_refused(const xg_store_entry *entry)
{
    return !entry->is_carried && !entry->set->is_refused && !entry->set->is_absent;
}

/*
 * A multilinear hash of half of the fingerprint, which a fixed pair of fingerprints shares by chance alone, whoever
 * chose them: the keys are drawn for each load.
 */
static size_t hash_of(const table *tbl, const uint8_t print[XG_FINGERPRINT_LEN])
{
    uint32_t words[NUM_HASH_KEYS];
    uint64_t sum = 0;
    memcpy(words, print, sizeof(words));
    for (size_t i = 0; i < NUM_HASH_KEYS; i++) {
        sum += tbl->hash_keys[i] * words[i];
    }
    return (size_t)(sum >> 32);
}

/* The slot of the key, or the free one where it belongs. */
static size_t find_slot(const table *tbl, const xg_pubkey *key)
{
    const uint8_t *print = xg_pubkey_fingerprint(key);
    size_t at = hash_of(tbl, print) & tbl->mask;
    while (tbl->slots[at].key != NULL &&
           memcmp(xg_pubkey_fingerprint(tbl->slots[at].key), print, XG_FINGERPRINT_LEN) != 0) {
        at = (at + 1) & tbl->mask;
    }
    return at;
}

static bool served_before(const xg_store_entry *entry, const xg_pubkey *key)
{
    const xg_keyring *last = entry->previous != NULL ? entry->previous->ring : NULL;
    for (size_t i = 0; last != NULL && i < xg_keyring_count(last); i++) {
        xg_str kid;
        xg_pubkey *other = NULL;
        xg_keyring_at(last, i, &kid, &other);
        if (other != NULL &&
            memcmp(xg_pubkey_fingerprint(other), xg_pubkey_fingerprint(key), XG_FINGERPRINT_LEN) == 0) {
            return true;
        }
    }
    return false;
}

static void put_clash(table *tbl, const xg_store_entry *entries, size_t entry, size_t slot, xg_str kid)
{
    clash *own = &tbl->clashes[entry];
    bool is_new = !served_before(&entries[entry], tbl->slots[slot].key);
    if (!own->is_there || is_new) {
        *own = (clash){.is_there = true, .is_new = is_new, .slot = slot, .kid = kid};
    }
}

/* Looks up the keys with which the entry would serve. If it can be refused, those that are not there are put in. */
static void enter(table *tbl, const xg_store_entry *entries, size_t entry, bool is_refusable)
{
    const xg_keyring *ring = serving_ring(&entries[entry]);
    if (ring == NULL) {
        return;
    }
    for (size_t i = 0; i < xg_keyring_count(ring); i++) {
        xg_str kid;
        xg_pubkey *key = NULL;
        xg_keyring_at(ring, i, &kid, &key);
        if (key == NULL) {
            continue;
        }
        size_t at = find_slot(tbl, key);
        owned *slot = &tbl->slots[at];
        if (slot->key == NULL) {
            if (is_refusable) {
                *slot = (owned){.key = key, .entry = entry, .kid = kid};
            }
            continue;
        }
        slot->other = entry;
        slot->other_kid = kid;
        put_clash(tbl, entries, entry, at, kid);
        put_clash(tbl, entries, slot->entry, at, slot->kid);
    }
}

static void refuse(const xg_setload *context, const table *tbl, xg_store_entry *entries, size_t index)
{
    const clash *own = &tbl->clashes[index];
    const owned *slot = &tbl->slots[own->slot];
    bool is_first = slot->entry == index;
    char storage[WHAT_SIZE];
    xg_text what;
    xg_text_init(&what, storage, sizeof(storage));
    xg_text_add(&what, XG_STR("Its key "));
    xg_text_quote(&what, own->kid, QUOTE_MAX);
    xg_text_add(&what, XG_STR(" is also key "));
    xg_text_quote(&what, is_first ? slot->other_kid : slot->kid, QUOTE_MAX);
    xg_text_add(&what, XG_STR(" of "));
    xg_setload_label(entries[is_first ? slot->other : slot->entry].set, &what);
    xg_text_printf(&what, ". %s", xg_reason_find(XG_REASON_KEY_SHARED)->help);
    xg_setload_refuse(context, &entries[index], XG_REASON_KEY_SHARED, storage);
}

/* Compares everything once. True if a set was refused, and the comparison does not hold any more. */
static bool run_round(const xg_setload *context, table *tbl, xg_store_entry *entries, size_t num_entries)
{
    memset(tbl->slots, 0, (tbl->mask + 1) * sizeof(*tbl->slots));
    memset(tbl->clashes, 0, num_entries * sizeof(*tbl->clashes));
    for (int refusable = 1; refusable >= 0; refusable--) {
        for (size_t i = 0; i < num_entries; i++) {
            if (can_be_refused(&entries[i]) == (refusable == 1)) {
                enter(tbl, entries, i, refusable == 1);
            }
        }
    }
    /* Who takes over a key that serves elsewhere is refused; only if there is no such set, all that changed. */
    bool has_refused = false;
    for (int newcomers = 1; newcomers >= 0 && !has_refused; newcomers--) {
        for (size_t i = 0; i < num_entries; i++) {
            bool is_meant = tbl->clashes[i].is_there && (newcomers == 0 || tbl->clashes[i].is_new);
            if (is_meant && can_be_refused(&entries[i])) {
                refuse(context, tbl, entries, i);
                has_refused = true;
            }
        }
    }
    return has_refused;
}

static void refuse_rest(const xg_setload *context, xg_store_entry *entries, size_t num_entries)
{
    for (size_t i = 0; i < num_entries; i++) {
        if (can_be_refused(&entries[i])) {
            xg_setload_refuse(context, &entries[i], XG_REASON_KEY_SHARED,
                              "Too many sets took over each other's keys at once. Repair the sets named before.");
        }
    }
}

static xg_result init_table(table *tbl, size_t num_keys, size_t num_entries)
{
    size_t num_slots = 2;
    while (num_slots < num_keys + num_keys / 2) {
        num_slots *= 2;
    }
    tbl->mask = num_slots - 1;
    tbl->slots = calloc(num_slots, sizeof(*tbl->slots));
    tbl->clashes = calloc(num_entries + 1, sizeof(*tbl->clashes));
    XG_CHECK(tbl->slots != NULL && tbl->clashes != NULL, NO_MEMORY);
    _Static_assert(sizeof(tbl->hash_keys) == (size_t)2 * XG_HASH_KEY_LEN, "two draws are what is needed");
    XG_TRY(xg_hashset_draw_key((uint8_t *)tbl->hash_keys));
    return xg_hashset_draw_key((uint8_t *)tbl->hash_keys + XG_HASH_KEY_LEN);
}

xg_result xg_sharing_check(const xg_setload *context, xg_store_entry *entries, size_t num_entries)
{
    table tbl = {0};
    size_t num_keys = 0;
    for (size_t i = 0; i < num_entries; i++) {
        num_keys += can_be_refused(&entries[i]) ? xg_keyring_num_keys(entries[i].set->ring) : 0;
    }
    if (num_keys == 0) {
        return XG_OK; /* nobody took over anything */
    }
    xg_result result = init_table(&tbl, num_keys, num_entries);
    if (xg_is_ok(result)) {
        bool is_open = true;
        for (int round = 0; round < MAX_ROUNDS && is_open; round++) {
            is_open = run_round(context, &tbl, entries, num_entries);
        }
        if (is_open) {
            refuse_rest(context, entries, num_entries);
        }
    }
    free(tbl.slots);
    free(tbl.clashes);
    return result;
}
