/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session_shard.h: one shard of the table of sessions. Private to src/auth.
 *
 * Owns the records, found by id, by the key set they hang on, and by who ends first. Decides nothing: who may come and
 * who must go is said by session.c. Thread rule: everything but init, done and record_new under the shard's lock.
 */
#ifndef XDSGATE_SESSION_SHARD_H
#define XDSGATE_SESSION_SHARD_H

#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>

#include "session_heap.h"
#include "session_index.h"
#include "xdsgate/session.h"

#define XG_SESSION_ALIGN 128 /* two cache lines: processors fetch them in pairs */

struct xg_ended {
    xg_ended *next;
    uint64_t id;
    uint32_t reason;
};

/* The key sets that a change can concern: those of meshes, the any-mesh set, the zone's. */
typedef enum xg_session_class {
    XG_SESSION_MESH,
    XG_SESSION_SHARED,
    XG_SESSION_ZONE,
    XG_SESSION_NUM_CLASSES
} xg_session_class;

/* What a group goes by. */
typedef struct xg_session_set {
    xg_session_class class;
    xg_str mesh; /* empty for the zone's */
    uint64_t hash;
} xg_session_set;

typedef struct xg_session_record xg_session_record;

/*
 * The sessions of one shard that hang on one key set, in several lists: a walk follows all of them at once, so that it
 * waits for memory an eighth of the time. Lives as long as it has any.
 */
#define XG_SESSION_LANES 8u
typedef struct xg_session_group {
    xg_session_link link; /* by mesh */
    xg_session_class class;
    struct xg_session_group *next;
    struct xg_session_group **back;
    xg_session_record *lanes[XG_SESSION_LANES];
    size_t count;
    size_t mesh_len;
    char mesh[];
} xg_session_group;

struct xg_session_record {
    xg_ended ended; /* its id; and once it is out of the table, the rest */
    xg_session_link link;
    xg_session_due due; /* INT64_MAX: never, and not in the heap */
    xg_session_group *group;
    xg_session_record **back;
    xg_session_record *next; /* beside the grant: a walk reads these two */
    xg_grant grant;
    char bytes[];
};

_Static_assert(offsetof(xg_session_record, ended) == 0, "an ended session is freed as its record");

typedef struct xg_session_shard {
    alignas(XG_SESSION_ALIGN) pthread_mutex_t lock;
    xg_session_index ids;
    xg_session_index meshes;
    xg_session_group *groups[XG_SESSION_NUM_CLASSES];
    xg_session_heap heap;
    bool is_expiring;
    int64_t swept; /* the latest second of a sweep, if is_expiring */
    /* Read and, the first of them, written without the lock too. */
    atomic_size_t num_spare; /* places reserved for who comes next */
    atomic_uint_least64_t num_registered;
    atomic_uint_least64_t num_moved;
    atomic_uint_least64_t num_closed;
} xg_session_shard;

void xg_session_shard_init(xg_session_shard *shard);
void xg_session_shard_done(xg_session_shard *shard); /* frees its records too */

/* One allocation: the strings stand behind the record. NULL when memory ran out. Free with free. */
xg_session_record *xg_session_record_new(uint64_t id, const xg_grant *grant, int64_t ends);
bool xg_session_record_is_ending(const xg_session_record *record);

/* NULL if there is none. */
xg_session_record *xg_session_shard_find(const xg_session_shard *shard, uint64_t id, uint64_t hash);
xg_session_group *xg_session_shard_find_group(const xg_session_shard *shard, const xg_session_set *set);
xg_session_record *xg_session_shard_first_due(const xg_session_shard *shard);

/* Everything that attach needs; *ret_group may be empty, and is then to be attached to or dropped. NO_MEMORY: nothing
 * has changed. */
xg_result xg_session_shard_reserve(xg_session_shard *shard, const xg_session_record *record, const xg_session_set *set,
                                   xg_session_group **ret_group) XG_MUST_USE;
void xg_session_shard_drop_if_empty(xg_session_shard *shard, xg_session_group *group);
void xg_session_shard_attach(xg_session_shard *shard, xg_session_group *group, xg_session_record *record,
                             uint64_t hash);
/* The record is the caller's then; its group goes with its last one. */
void xg_session_shard_detach(xg_session_shard *shard, xg_session_record *record);

#endif /* XDSGATE_SESSION_SHARD_H */
