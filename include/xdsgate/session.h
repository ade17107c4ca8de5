/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.h: the table of live sessions: who was admitted, by which token, until when. Room: src/auth.
 *
 * Knows nothing of keys, policies or clocks: whether a session may stay is asked of a function that the caller brings,
 * and time is an argument. Must never call the host: what ends is handed out as a chain, to be told without any lock.
 * Thread rule: every function but xg_sessions_new and xg_sessions_free may run at once with every other.
 */
#ifndef XDSGATE_SESSION_H
#define XDSGATE_SESSION_H

#include "xdsgate/base.h"
#include "xdsgate/token.h"

/* What the claims of a token bind it to; one bit each. */
enum {
    XG_BINDS_NAME = 1,
    XG_BINDS_MESH = 2,
    XG_BINDS_TAGS = 4,
    XG_BINDS_WORKLOAD = 8,
    XG_BINDS_TYPE = 16,
    XG_BINDS_ZONE = 32
};

/* All of an admission that a later change can concern. Slices are borrowed; the table keeps copies. */
typedef struct xg_grant {
    xg_token_kind token_kind;
    uint32_t request_kind; /* XG_KIND_* */
    uint32_t request_flags;
    uint32_t binds;     /* XG_BINDS_* */
    bool is_key_shared; /* verified by a key of the any-mesh set */
    bool has_exp;
    bool has_iat;
    int64_t exp; /* as the token says, without leeway */
    int64_t iat;
    xg_str mesh;  /* of the proxy; empty for zone proxies: with token_kind, the key set concerned */
    xg_str proxy; /* the proxy's own name */
    xg_str kid;
    xg_str jti;
    xg_str name; /* this and workload: the token's claims */
    xg_str workload;
    uint8_t fingerprint[XG_FINGERPRINT_LEN]; /* of the key that verified it */
} xg_grant;

typedef struct xg_sessions xg_sessions;
typedef struct xg_ended
    xg_ended; /* a chain of sessions taken out of the table, not yet told to the host; NULL: empty */

/* An empty table with room for nobody: see xg_sessions_set_capacity. NO_MEMORY; INTERNAL if the kernel gives no random
 * bytes. */
xg_result xg_sessions_new(xg_sessions **ret_sessions) XG_MUST_USE;
void xg_sessions_free(xg_sessions *sessions); /* tells nobody; NULL is allowed */

/* At any time. Lowering it ends nobody: what is above it stays, and nobody comes until there is room. */
void xg_sessions_set_capacity(xg_sessions *sessions, size_t capacity);
size_t xg_sessions_count(const xg_sessions *sessions);

typedef struct xg_session_counts {
    size_t live;
    size_t capacity;
    uint64_t registered;
    uint64_t moved;
    uint64_t closed; /* by xg_sessions_close */
} xg_session_counts;

/* Takes no lock. */
void xg_sessions_read_counts(const xg_sessions *sessions, xg_session_counts *ret_counts);

/*
 * Takes a session in. `generation`: of the state that judged it. `ends`: the second from which its token is no longer
 * valid, by the clock that xg_sessions_expire is given; INT64_MAX never. A newer token of the same proxy moves its
 * session over: one record replaces the other, nobody is told, and the count stays, also at capacity. The same proxy:
 * token_kind, request_kind, mesh and proxy agree. Newer: a later iat where both tokens have one; else a later exp, none
 * counting as the latest. On any failure the session that was there stays as it was.
 *
 * SESSION_UNSETTLED: a newer generation is in force, judge again. EXPIRED: xg_sessions_expire has passed `ends`
 * already. SESSION_DUPLICATE: the id belongs to another proxy, or to this one with a token that is not older.
 * SESSION_LIMIT: no room. NO_MEMORY.
 */
xg_result xg_sessions_add(xg_sessions *sessions, uint64_t id, const xg_grant *grant, uint64_t generation,
                          int64_t ends) XG_MUST_USE;
bool xg_sessions_close(xg_sessions *sessions, uint64_t id); /* false: unknown */

/* From now on grants of generations below this one are SESSION_UNSETTLED. To be called once the new state was
 * published, before the walks below. A generation that is not above the present one changes nothing. */
void xg_sessions_begin_generation(xg_sessions *sessions, uint64_t generation);

/*
 * Judges sessions again: OK, or the reason for which the session ends. Called with a shard's lock held: it must not
 * call the table or the host, and not allocate. What ends is out of the table at once and joins *chain, which the walk
 * does not look at otherwise: one chain may collect several walks.
 */
typedef xg_result xg_sessions_judge(void *arg, const xg_grant *grant);

/* Dataplanes of one mesh, whichever set their key is of. */
void xg_sessions_judge_mesh(xg_sessions *sessions, xg_str mesh, xg_sessions_judge *judge, void *arg, xg_ended **chain);
/* Zone proxies. */
void xg_sessions_judge_zone(xg_sessions *sessions, xg_sessions_judge *judge, void *arg, xg_ended **chain);
/* Dataplanes of any mesh whose key is of the any-mesh set. */
void xg_sessions_judge_shared(xg_sessions *sessions, xg_sessions_judge *judge, void *arg, xg_ended **chain);
void xg_sessions_judge_all(xg_sessions *sessions, xg_sessions_judge *judge, void *arg, xg_ended **chain);

/* Ends what ends at or before now, as EXPIRED: for policy "end". The latest now is remembered, so that xg_sessions_add
 * refuses what this would have ended; a clock that is set back revives nothing. */
void xg_sessions_expire(xg_sessions *sessions, int64_t now, xg_ended **chain);
/* For policy "bar-new": xg_sessions_add no longer refuses by an earlier sweep. */
void xg_sessions_stop_expiring(xg_sessions *sessions);

/* Moves up to cap sessions of the chain into items and frees their memory. Returns how many: 0 when the chain is
 * empty. The chain may outlive the table. */
size_t xg_ended_take(xg_ended **chain, xg_invalidation *items, size_t cap);

#endif /* XDSGATE_SESSION_H */
