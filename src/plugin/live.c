/* SPDX-License-Identifier: Apache-2.0 */
/*
 * live.c: what a change means for live sessions: which ones it can concern, what becomes of them, who is told.
 *
 * Must never call the host with a lock held, or walk sessions that a change cannot concern. Nothing is lost (rule A11):
 * a new state is published, then its generation is begun, then the walks look into every shard. A session that was
 * registered before the walk came to its shard is judged there; one that comes later sees the newer generation under
 * the shard's lock, and is judged by it. Thread rule: follow by one thread at a time; all else from any.
 */
#include <stdatomic.h>
#include <string.h>

#include "live.h"

xg_result xg_live_init(xg_live *live, const xg_host *host)
{
    live->host = host;
    (void)pthread_mutex_init(&live->lock, NULL);
    return xg_sessions_new(&live->sessions);
}

void xg_live_done(xg_live *live)
{
    xg_sessions_free(live->sessions);
    (void)pthread_mutex_destroy(&live->lock);
}

/* ---- a new state ---- */

typedef struct walk {
    xg_live *live;
    xg_rejudge rejudge;
    xg_ended **chain;
} walk;

static void judge_changed_set(void *arg, xg_changed what, xg_str mesh)
{
    walk *w = arg;
    xg_sessions *sessions = w->live->sessions;
    switch (what) {
    case XG_CHANGED_MESH:
        xg_sessions_judge_mesh(sessions, mesh, xg_engine_rejudge, &w->rejudge, w->chain);
        break;
    case XG_CHANGED_ZONE:
        xg_sessions_judge_zone(sessions, xg_engine_rejudge, &w->rejudge, w->chain);
        break;
    case XG_CHANGED_SHARED_KEYS:
    case XG_CHANGED_SHARED_LIST:
    default:
        if (w->rejudge.view->policy->profile.shared_revocations || w->live->has_strayed) {
            xg_sessions_judge_all(sessions, xg_engine_rejudge, &w->rejudge, w->chain);
        } else {
            xg_sessions_judge_shared(sessions, xg_engine_rejudge, &w->rejudge, w->chain);
        }
        break;
    }
}

void xg_live_follow(xg_live *live, const xg_view *before, const xg_view *after, bool has_new_policy, xg_ended **chain)
{
    walk w = {.live = live, .chain = chain};
    xg_sessions_begin_generation(live->sessions, after->generation);
    xg_engine_begin_rejudge(&w.rejudge, after, before->policy);
    if (has_new_policy) {
        xg_sessions_judge_all(live->sessions, xg_engine_rejudge, &w.rejudge, chain);
    } else {
        xg_difference_find(before->keys, after->keys, judge_changed_set, &w);
    }
    live->has_strayed = live->has_strayed || w.rejudge.has_strayed;
}

/* ---- time ---- */

void xg_live_sweep(xg_live *live, const xg_view *view, xg_ended **chain)
{
    int64_t until;
    if (__builtin_sub_overflow(view->latest_now, view->policy->leeway, &until)) {
        until = INT64_MIN;
    }
    if (view->policy->expiry == XG_EXPIRY_END) {
        xg_sessions_expire(live->sessions, until, chain);
    } else {
        xg_sessions_stop_expiring(live->sessions);
    }
    if (view->latest_now >= view->policy->deny_after) {
        xg_rejudge rejudge;
        xg_engine_begin_rejudge(&rejudge, view, view->policy);
        xg_sessions_judge_zone(live->sessions, xg_engine_rejudge, &rejudge, chain);
    }
}

/* ---- telling the host ---- */

static void begin_telling(xg_live *live, xg_teller *self)
{
    self->thread = pthread_self();
    (void)pthread_mutex_lock(&live->lock);
    self->next = live->tellers;
    live->tellers = self;
    (void)pthread_mutex_unlock(&live->lock);
}

static void end_telling(xg_live *live, const xg_teller *self)
{
    (void)pthread_mutex_lock(&live->lock);
    xg_teller **at = &live->tellers;
    while (*at != self) {
        at = &(*at)->next;
    }
    *at = self->next;
    (void)pthread_mutex_unlock(&live->lock);
}

void xg_live_tell(xg_live *live, xg_ended **chain)
{
    xg_invalidation items[XG_BATCH_MAX];
    xg_teller self;
    if (*chain == NULL) {
        return;
    }
    begin_telling(live, &self);
    for (size_t n; (n = xg_ended_take(chain, items, XG_BATCH_MAX)) > 0;) {
        atomic_fetch_add_explicit(&live->num_told, n, memory_order_relaxed);
        atomic_fetch_add_explicit(&live->num_batches, 1, memory_order_relaxed);
        live->host->on_session_invalidated(live->host->cookie, items, n);
    }
    end_telling(live, &self);
}

bool xg_live_is_telling_here(xg_live *live)
{
    bool is_here = false;
    (void)pthread_mutex_lock(&live->lock);
    for (const xg_teller *teller = live->tellers; teller != NULL; teller = teller->next) {
        is_here = is_here || pthread_equal(teller->thread, pthread_self()) != 0;
    }
    (void)pthread_mutex_unlock(&live->lock);
    return is_here;
}
