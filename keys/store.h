/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store.h: what the parts of the directory store share. Private to keys/.
 *
 * dirstore.c decides which sets are looked at, setload.c makes one set of its files, sharing.c compares the sets.
 * Thread rule: one store belongs to one thread at a time.
 */
#ifndef XDSGATE_KEYS_STORE_H
#define XDSGATE_KEYS_STORE_H

#include "xdsgate/keys.h"

#include "scan.h"

/*
 * What the store knows of one set: which files there were and what they made. Counted (not atomically), and no longer
 * changed once loaded, but for the flags.
 */
typedef struct xg_store_set {
    size_t refs;
    xg_str name; /* the mesh, inside path; empty for the zone's and the shared set */
    xg_scan scan;
    xg_pubkey **keys; /* beside scan.keys.items: the key of that file; NULL if it gave none */
    xg_keyring *ring; /* NULL if the set is absent or was refused before it was whole */
    xg_revocations *list;
    bool is_absent;    /* zone and any-mesh only: not there, and never was */
    bool is_refused;   /* its files must not serve; the previous snapshot's set does */
    bool is_due;       /* must be looked at again: what is wrong may pass, or a write go unnoticed, without a trace */
    bool is_unsettled; /* its files were so young that their next write may leave the same stamps */
    bool is_dirty;     /* known to have changed since */
    char path[];       /* "zone", "any-mesh", "meshes/m" */
} xg_store_set;

xg_store_set *xg_setload_ref(xg_store_set *set);
void xg_setload_unref(xg_store_set *set);

/* What loading a set takes beside the set. */
typedef struct xg_setload {
    int rootfd;
    xg_crypto *crypto;
    size_t max_revoked;
    xg_dirstore_report *report; /* may be NULL */
    void *report_arg;
} xg_setload;

/* One set of a load under way. */
typedef struct xg_store_entry {
    xg_store_set *set;
    const xg_keyset *previous; /* the last good one, or NULL; borrowed */
    bool is_carried;           /* set is what previous was made of */
} xg_store_entry;

/*
 * Reads the set at `path` into entry->set; entry->previous must be set. old (may be NULL) is what the store knew:
 * unchanged files are taken from it, and if nothing changed the whole of it. A set that fails its checks is a success
 * with is_refused, and reported. NO_MEMORY is the only failure.
 */
xg_result xg_setload_read(const xg_setload *context, const char *path, xg_store_set *old,
                          xg_store_entry *entry) XG_MUST_USE;

/* Refuses a set in words: `what` is a sentence or two on what is wrong and what to do. */
void xg_setload_refuse(const xg_setload *context, xg_store_entry *entry, uint32_t reason, const char *what);
/* Says something about a set that is not refused. */
void xg_setload_warn(const xg_setload *context, const xg_store_set *set, const char *what);
/* "mesh 'm'", "zone", "any-mesh" */
void xg_setload_label(const xg_store_set *set, xg_text *text);

/*
 * Refuses every set that changed in this load and shares a key with another set as it would serve. NO_MEMORY or
 * INTERNAL.
 */
xg_result xg_sharing_check(const xg_setload *context, xg_store_entry *entries, size_t num_entries) XG_MUST_USE;

#endif /* XDSGATE_KEYS_STORE_H */
