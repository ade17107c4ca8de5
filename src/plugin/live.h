/* SPDX-License-Identifier: Apache-2.0 */
/*
 * live.h: what a change means for live sessions, for this room alone.
 *
 * context.c calls follow and sweep while it changes or has changed the state, and tell when it holds no lock.
 */
#ifndef XDSGATE_PLUGIN_LIVE_H
#define XDSGATE_PLUGIN_LIVE_H

#include <pthread.h>
#include <stdatomic.h>

#include "xdsgate/auth.h"

#define XG_BATCH_MAX 256 /* rule A13 */

/* One thread that is inside the host's callback; on that thread's stack. */
typedef struct xg_teller {
    pthread_t thread;
    struct xg_teller *next;
} xg_teller;

typedef struct xg_live {
    const xg_host *host;
    xg_sessions *sessions;
    /* Sessions stand with their mesh's own set although their key went over to the shared one: what concerns that one
     * is looked for everywhere. For good: it is a rare move, and a walk over all misses nothing. Of follow alone. */
    bool has_strayed;
    pthread_mutex_t lock; /* of the list below */
    xg_teller *tellers;
    atomic_uint_least64_t num_told;
    atomic_uint_least64_t num_batches;
} xg_live;

xg_result xg_live_init(xg_live *live, const xg_host *host) XG_MUST_USE; /* zeroed memory; NO_MEMORY, INTERNAL */
void xg_live_done(xg_live *live);                                       /* also what init has not got to */

/*
 * `after` is in force from now on and has been published. Every session that it can concern is judged by it, and those
 * that end join *chain. has_new_policy: the configuration was given anew, so it can concern all.
 */
void xg_live_follow(xg_live *live, const xg_view *before, const xg_view *after, bool has_new_policy, xg_ended **chain);
/* Ends what the time has ended. */
void xg_live_sweep(xg_live *live, const xg_view *view, xg_ended **chain);
/* Tells the host, in batches, and empties the chain. No lock may be held: the host may call back. */
void xg_live_tell(xg_live *live, xg_ended **chain);
/* This thread is inside the host's callback. */
bool xg_live_is_telling_here(xg_live *live);

#endif /* XDSGATE_PLUGIN_LIVE_H */
