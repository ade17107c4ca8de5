/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys.h: what verifies a token of one purpose and mesh (keys, revocations), and where it comes from. Room: keys.
 *
 * A snapshot is immutable once built: readers share it without locks and drop their reference when done. Stores build
 * snapshots; whatever a store cannot read never means "empty": the last good set serves, flagged stale.
 */
#ifndef XDSGATE_KEYS_H
#define XDSGATE_KEYS_H

#include "xdsgate/base.h"
#include "xdsgate/token.h"

#define XG_MESHES_MAX    100000
#define XG_REVOKED_MAX   16000000
#define XG_MESH_NAME_MAX 253

/* ---- keyring.c: kid to key, inside one (purpose, mesh) ---- */

typedef struct xg_keyring xg_keyring; /* counted, immutable once it is part of a snapshot */

xg_result xg_keyring_new(xg_keyring **ret_ring) XG_MUST_USE;
xg_keyring *xg_keyring_ref(xg_keyring *ring);
void xg_keyring_unref(xg_keyring *ring);
/*
 * Adds a key (the ring takes a reference of its own), or a retired kid if key is NULL. KID_INVALID: empty, longer than
 * XG_KID_MAX, or not clean; KID_PADDED: a decimal serial with leading zeros (hostile-input 1.2, kuma-tokens 2.2);
 * KID_TWICE; KEY_SHARED: the ring has this very key under another kid.
 */
xg_result xg_keyring_add(xg_keyring *ring, xg_str kid, xg_pubkey *key) XG_MUST_USE;
/* KEY_UNKNOWN or KEY_RETIRED; the key is borrowed from the ring. */
xg_result xg_keyring_find(const xg_keyring *ring, xg_str kid, xg_pubkey **ret_key) XG_MUST_USE;
size_t xg_keyring_count(const xg_keyring *ring);
size_t xg_keyring_num_keys(const xg_keyring *ring); /* without retired kids */
/* Both say the same: the same kids, each retired in both or naming the same key. */
bool xg_keyring_is_same(const xg_keyring *a, const xg_keyring *b);
/* For lints and listings; index below count. *ret_key is NULL for a retired kid. */
void xg_keyring_at(const xg_keyring *ring, size_t index, xg_str *ret_kid, xg_pubkey **ret_key);

/*
 * A decimal serial with leading zeros. Kuma's issuer would sign with the plain number, which then names another key
 * (kuma-tokens 2.2), so neither a key nor a rule may be written that way.
 */
bool xg_keyring_is_padded(xg_str kid);

/* ---- revocations.c: one parsed list ---- */

/* counted, immutable once parsed. Ids are kept as keyed 128-bit hashes: constant cost, at most 24 bytes an id. A
 * collision (2^-128) could only deny. */
typedef struct xg_revocations xg_revocations;

/* What a token can be revoked by. Empty slices are absent. */
typedef struct xg_revocable {
    xg_str jti;
    xg_str kid;
    xg_str name;
    xg_str workload;
    bool has_iat;
    int64_t iat;
} xg_revocable;

/*
 * Parses a list: ids separated by commas or line ends, blanks and CR trimmed, a UTF-8 byte order mark skipped, comments
 * from a '#' at the start of a line or behind a blank to the end of the line, lines that begin with '@' are rules (@kid
 * K, @name N, @workload W, @issued-before 2026-11-01T00:00:00Z). A superset of Kuma's reading (kuma-tokens 3): an empty
 * element between commas revokes tokens without jti. Control bytes, over-long ids, unknown or malformed rules:
 * LIST_INVALID with the line in reterr.
 */
xg_result xg_revocations_parse(xg_str list, size_t max_ids, xg_revocations **ret_list, xg_text *reterr) XG_MUST_USE;
xg_revocations *xg_revocations_ref(xg_revocations *list);
void xg_revocations_unref(xg_revocations *list);
size_t xg_revocations_count(const xg_revocations *list); /* ids, without rules */
/*
 * OK if nothing in the list (NULL = no list) revokes the token, else REVOKED_*. An @issued-before rule also revokes
 * tokens without iat; *ret_issued_before receives its time when that is the reason.
 */
xg_result xg_revocations_check(const xg_revocations *list, const xg_revocable *token,
                               int64_t *ret_issued_before) XG_MUST_USE;

/* ---- snapshot.c: everything a store holds, at one moment ---- */

typedef struct xg_snapshot xg_snapshot;
typedef struct xg_gone xg_gone; /* what meshes had revoked that are gone, see keys/gone.h */

/* The state of one key set: the zone's, one mesh's, or the one for any mesh. Rings and lists are counted. */
typedef struct xg_keyset {
    xg_str name;             /* the mesh; empty for the zone's and the shared set */
    xg_keyring *ring;        /* NULL: refused, and there never was a good one */
    xg_revocations *revoked; /* NULL: there never was a list */
    bool is_stale;           /* the store's newer state is unusable; this is the last good one */
} xg_keyset;

/* What verifies the tokens of one purpose and mesh. Borrowed from the snapshot. */
typedef struct xg_trust {
    const xg_keyset *own;    /* the mesh's, or the zone's */
    const xg_keyset *shared; /* any-mesh; NULL for the zone, or when the store has none */
    bool is_key_shared;      /* the key that was found is one of shared */
} xg_trust;

/*
 * A snapshot with one reference. Takes over the references inside the keysets, and gone (on failure too). zone,
 * any_mesh and gone may be NULL. Mesh names must be unique. NO_MEMORY, or STORE_UNREADABLE for a name twice.
 */
xg_result xg_snapshot_new(const xg_keyset *zone, const xg_keyset *any_mesh, const xg_keyset *meshes, size_t num_meshes,
                          xg_gone *gone, xg_snapshot **ret_snapshot) XG_MUST_USE;
xg_snapshot *xg_snapshot_ref(xg_snapshot *snapshot);
void xg_snapshot_unref(xg_snapshot *snapshot);

/* The mesh's set, whatever its state; NULL if there is no such mesh. */
const xg_keyset *xg_snapshot_mesh(const xg_snapshot *snapshot, xg_str mesh);
/* MESH_UNKNOWN, KEYS_UNUSABLE. */
xg_result xg_snapshot_find_mesh(const xg_snapshot *snapshot, xg_str mesh, xg_trust *ret_trust) XG_MUST_USE;
/* ZONE_UNKNOWN, KEYS_UNUSABLE. */
xg_result xg_snapshot_find_zone(const xg_snapshot *snapshot, xg_trust *ret_trust) XG_MUST_USE;
size_t xg_snapshot_num_meshes(const xg_snapshot *snapshot);
const xg_keyset *xg_snapshot_mesh_at(const xg_snapshot *snapshot, size_t index);
const xg_keyset *xg_snapshot_zone(const xg_snapshot *snapshot);     /* NULL if there is none */
const xg_keyset *xg_snapshot_any_mesh(const xg_snapshot *snapshot); /* NULL if there is none */
const xg_gone *xg_snapshot_gone(const xg_snapshot *snapshot);       /* NULL if nothing is remembered */
/* Some set is stale or was refused. */
bool xg_snapshot_is_stale(const xg_snapshot *snapshot);

/* The key of kid: the mesh's own wins over the shared one. KEY_UNKNOWN, KEY_RETIRED; KEYS_UNUSABLE if it could only
 * stand in a shared set that was refused. */
xg_result xg_trust_find_key(xg_trust *trust, xg_str kid, xg_pubkey **ret_key) XG_MUST_USE;
/* Checks the own list and, if with_shared or the key is of that set, the any-mesh list: KEYS_UNUSABLE if that set was
 * refused. */
xg_result xg_trust_check_revoked(const xg_trust *trust, const xg_revocable *token, bool with_shared,
                                 int64_t *ret_issued_before) XG_MUST_USE;

/* ---- difference.c: what changed from one snapshot to the next ---- */

typedef enum xg_changed {
    XG_CHANGED_MESH = 1,    /* its keys, its list, or whether there is such a mesh */
    XG_CHANGED_ZONE,        /* the same of the zone */
    XG_CHANGED_SHARED_KEYS, /* of any-mesh */
    XG_CHANGED_SHARED_LIST
} xg_changed;

/* mesh is empty unless a mesh changed; borrowed from one of the two snapshots. */
typedef void xg_difference_visit(void *arg, xg_changed what, xg_str mesh);

/*
 * Calls visit for everything that changed, once for each mesh. A ring or a list that is another object has changed: the
 * store carries over what says the same as before. Flags (is_stale) are no change. The two snapshots need not be in the
 * same order, but it costs less. No allocation, no failure.
 */
void xg_difference_find(const xg_snapshot *from, const xg_snapshot *to, xg_difference_visit *visit, void *arg);

/* ---- dirstore.c, watch.c: the directory store ---- */

/*
 * <dir>/zone/keys/<kid>.pem          <dir>/zone/revoked
 * <dir>/meshes/<mesh>/keys/<kid>.pem <dir>/meshes/<mesh>/revoked
 * <dir>/any-mesh/keys/<kid>.pem      <dir>/any-mesh/revoked
 *
 * <kid>.retired instead of <kid>.pem names a retired kid. Names that begin with a dot are skipped. One store belongs
 * to one context; its functions must not run at the same time (the context's reload lock sees to that).
 */
typedef struct xg_dirstore xg_dirstore;

typedef struct xg_dirstore_limits {
    size_t meshes;
    size_t revoked_ids; /* of one list */
} xg_dirstore_limits;

/* Told of every set that is refused, in words: set ("mesh 'm'", "zone", "any-mesh") and what to do.
 * XG_REASON_OK as the reason: nothing is refused, but somebody should know. May be NULL. */
typedef void xg_dirstore_report(void *arg, uint32_t reason, const char *sentence, size_t len);

xg_result xg_dirstore_open(const char *path, xg_crypto *crypto, const xg_dirstore_limits *limits,
                           xg_dirstore **ret_store, xg_text *reterr) XG_MUST_USE;
void xg_dirstore_close(xg_dirstore *store);

/*
 * Reads the whole store into a new snapshot. previous (may be NULL) is the last good one: files whose identity (device,
 * inode, size, times) did not change are carried over, not parsed again, and a set that fails its checks is taken
 * from it, flagged stale. What meshes had revoked that are gone since is remembered with the snapshot. What changes
 * while it is being read is read again, up to three times. STORE_UNREADABLE when the root, or `meshes`, cannot be read:
 * then nothing is returned and previous goes on serving.
 */
xg_result xg_dirstore_load(xg_dirstore *store, xg_snapshot *previous, xg_dirstore_report *report, void *report_arg,
                           xg_snapshot **ret_snapshot, xg_text *reterr) XG_MUST_USE;

/*
 * True when the store may differ from what was last loaded (also after a load that failed): inotify says so, or a full
 * stat walk does, which is made when inotify is not available or poll_seconds have passed since the last one.
 */
bool xg_dirstore_has_changed(xg_dirstore *store, int64_t now, int64_t poll_seconds);

/* Both lead to the same directory, by whatever path. */
bool xg_dirstore_is_same(const xg_dirstore *a, const xg_dirstore *b);

#endif /* XDSGATE_KEYS_H */
