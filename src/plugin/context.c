/* SPDX-License-Identifier: Apache-2.0 */
/*
 * context.c: what lives as long as a context: the state that decisions are made from, and how it is replaced.
 *
 * Owns the store, the present state, the clock's high mark and the locks. Must never start a thread, register a handler
 * or keep anything outside the context. reload_lock is held while the store is read, serialises reload and tick, and is
 * never held while sessions are told. Decisions take no lock: they are counted while they look at the present state,
 * and a state that was replaced is freed when all who may have seen it have looked away.
 */
#include <assert.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "context.h"
#include "live.h"
#include "xdsgate/readers.h"

#define CLOCK_STEP_TOLERATED 60 /* seconds back before the host is told */
#define LOG_LINE_MAX         512

/* What decisions are made from; immutable, replaced whole. */
typedef struct xg_state {
    uint64_t generation;
    uint64_t epoch; /* the generation in which the token limits became what they are */
    xg_policy policy;
    xg_snapshot *keys;
    xg_verified *verified; /* goes from state to state until its size is changed; NULL = no cache */
} xg_state;

struct xg_ctx {
    xg_host host;
    xg_crypto *crypto;
    xg_counters *counters;
    unsigned char *fork_mark; /* one page that a fork wipes in the child: 1 in the process that made it (rule A16) */
    xg_readers *calls;        /* who is inside any function: destroy refuses while somebody is */
    xg_readers *lookers;      /* who looks at the present state */
    atomic_llong latest_now;  /* the latest second ever seen */
    atomic_bool is_clock_behind;
    atomic_bool is_store_unusable; /* the last look at the store failed: what serves is the last good state */

    _Atomic(xg_state *) state; /* replaced under reload_lock */
    xg_live live;

    pthread_mutex_t reload_lock;
    atomic_ulong reloading_thread; /* who holds reload_lock; 0 = nobody */
    xg_config config;
    xg_dirstore *store;
    xg_ended *ended; /* sessions to be told of once the lock is given back */
};

static_assert(sizeof(pthread_t) == sizeof(unsigned long), "a thread id fits reloading_thread");

#define FORK_MARK_SIZE 4096u

/* ---- telling the host ---- */

static void tell(const xg_ctx *ctx, uint32_t level, uint32_t event, xg_str message)
{
    if (ctx->host.log != NULL) {
        ctx->host.log(ctx->host.cookie, level, event, message.ptr, message.len);
    }
}

XG_PRINTF(4, 5) static void tellf(const xg_ctx *ctx, uint32_t level, uint32_t event, const char *format, ...)
{
    char line[LOG_LINE_MAX];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    if (length > 0) {
        size_t len = (size_t)length < sizeof(line) ? (size_t)length : sizeof(line) - 1;
        tell(ctx, level, event, (xg_str){line, len});
    }
}

/* Where nothing was said of a failure, the reason's own sentence. */
static void complete(xg_text *reterr, xg_result result)
{
    if (!xg_is_ok(result) && reterr->len == 0) {
        xg_text_add(reterr, xg_str_of(xg_reason_find(xg_result_reason(result))->text));
    }
}

/* The clock as the host or the machine has it, and nothing else. */
static int64_t ask_clock(const xg_ctx *ctx)
{
    return ctx->host.now != NULL ? ctx->host.now(ctx->host.cookie) : xg_clock_wall();
}

static void report_set(void *arg, uint32_t reason, const char *sentence, size_t len)
{
    const xg_ctx *ctx = arg;
    bool is_refused = reason != XG_REASON_OK;
    tell(ctx, is_refused ? XG_LOG_ERROR : XG_LOG_WARN, is_refused ? XG_EVENT_SET_REFUSED : XG_EVENT_STORE_REMARK,
         (xg_str){sentence, len});
    if (is_refused) {
        xg_counters_note_refused_set(ctx->counters, ask_clock(ctx), reason, (xg_str){sentence, len});
    }
}

/* ---- entering and leaving ---- */

xg_result xg_context_enter(xg_ctx *ctx, unsigned *ret_ticket)
{
    XG_CHECK(ctx != NULL, INTERNAL);
    XG_CHECK(*(volatile unsigned char *)ctx->fork_mark == 1, FORKED);
    *ret_ticket = xg_readers_enter(ctx->calls);
    return XG_OK;
}

void xg_context_leave(xg_ctx *ctx, unsigned ticket)
{
    xg_readers_leave(ctx->calls, ticket);
}

/* ---- time ---- */

/* The clock now. Raises the high mark, which never falls: a clock that is set back revives no expired token. */
static int64_t read_clock(xg_ctx *ctx, int64_t *ret_latest)
{
    int64_t now = ask_clock(ctx);
    long long latest = atomic_load_explicit(&ctx->latest_now, memory_order_relaxed);
    while (now > latest && !atomic_compare_exchange_weak_explicit(&ctx->latest_now, &latest, now, memory_order_relaxed,
                                                                  memory_order_relaxed)) {
    }
    *ret_latest = now > latest ? now : latest;

    int64_t behind;
    bool is_behind = __builtin_sub_overflow(*ret_latest, now, &behind) || behind > CLOCK_STEP_TOLERATED;
    if (is_behind != atomic_load_explicit(&ctx->is_clock_behind, memory_order_relaxed) &&
        atomic_exchange_explicit(&ctx->is_clock_behind, is_behind, memory_order_relaxed) != is_behind && is_behind) {
        char from[XG_CLOCK_TEXT_SIZE], to[XG_CLOCK_TEXT_SIZE];
        tellf(ctx, XG_LOG_WARN, XG_EVENT_CLOCK_BACKWARDS,
              "the clock went back from %s to %s; expiry goes on from the later time. If the later time was wrong, "
              "create the context anew.",
              xg_clock_format(*ret_latest, from).ptr, xg_clock_format(now, to).ptr);
    }
    return now;
}

/* ---- the state ---- */

static xg_view view_of(const xg_ctx *ctx, const xg_state *state)
{
    return (xg_view){
        .keys = state->keys,
        .policy = &state->policy,
        .generation = state->generation,
        .epoch = state->epoch,
        .verified = state->verified,
        .sessions = ctx->host.on_session_invalidated != NULL ? ctx->live.sessions : NULL,
        .is_stale = atomic_load_explicit(&ctx->is_store_unusable, memory_order_relaxed),
    };
}

unsigned xg_context_look(xg_ctx *ctx, xg_view *ret_view)
{
    int64_t latest;
    int64_t now = read_clock(ctx, &latest);
    unsigned ticket = xg_readers_enter(ctx->lookers);
    *ret_view = view_of(ctx, atomic_load_explicit(&ctx->state, memory_order_seq_cst));
    ret_view->now = now;
    ret_view->latest_now = latest;
    return ticket;
}

void xg_context_look_away(xg_ctx *ctx, unsigned ticket)
{
    xg_readers_leave(ctx->lookers, ticket);
}

/* The state that serves, for whoever holds reload_lock: nobody else replaces it. NULL before the first. */
static xg_state *present_state(const xg_ctx *ctx)
{
    return atomic_load_explicit(&ctx->state, memory_order_relaxed);
}

/* Frees a state, and its cache unless `next` goes on with it. */
static void state_free(xg_state *state, const xg_state *next)
{
    if (state != NULL) {
        xg_snapshot_unref(state->keys);
        if (next == NULL || next->verified != state->verified) {
            xg_verified_free(state->verified);
        }
        free(state);
    }
}

/* A state without keys yet, which takes over the cache if its size is right. */
static xg_result state_new(const xg_ctx *ctx, const xg_config *config, xg_state **ret_state)
{
    const xg_state *present = present_state(ctx);
    xg_state *state = calloc(1, sizeof(*state));
    XG_CHECK(state != NULL, NO_MEMORY);
    state->policy = config->policy;
    state->generation = present == NULL ? 1 : present->generation + 1;
    state->epoch =
        present == NULL || memcmp(&present->policy.token, &config->policy.token, sizeof(xg_token_limits)) != 0
            ? state->generation
            : present->epoch;
    if (present != NULL && config->cached_tokens == ctx->config.cached_tokens) {
        state->verified = present->verified;
    } else if (config->cached_tokens > 0) {
        xg_result made = xg_verified_new(config->cached_tokens, &state->verified);
        if (!xg_is_ok(made)) {
            free(state);
            return made;
        }
    }
    *ret_state = state;
    return XG_OK;
}

/* Nobody may look at the old state any more when this returns, and every session is judged by the new one. */
static void swap_state(xg_ctx *ctx, xg_state *state, bool has_new_policy)
{
    xg_state *old = atomic_exchange_explicit(&ctx->state, state, memory_order_seq_cst);
    if (old != NULL) {
        int64_t latest;
        xg_view before = view_of(ctx, old);
        xg_view after = view_of(ctx, state);
        after.now = read_clock(ctx, &latest);
        after.latest_now = latest;
        xg_live_follow(&ctx->live, &before, &after, has_new_policy, &ctx->ended);
        xg_readers_wait(ctx->lookers);
        state_free(old, state);
    }
}

/*
 * Reads a store into a new state under this configuration and puts it into service. Under reload_lock. Nothing can fail
 * once the store has been read: it then counts as followed, and what it said must be served. Without a previous
 * snapshot, sets that are refused have no last good state: is_whole makes that a failure.
 */
static xg_result load(xg_ctx *ctx, const xg_config *config, xg_dirstore *store, xg_snapshot *previous, bool is_whole,
                      xg_text *reterr)
{
    xg_state *state = NULL;
    XG_TRY(state_new(ctx, config, &state));
    xg_result loaded = xg_dirstore_load(store, previous, report_set, ctx, &state->keys, reterr);
    if (!xg_is_ok(loaded)) {
        /* Until the store is read again, which it says itself that it must be. */
        if (store == ctx->store && present_state(ctx) != NULL) {
            atomic_store_explicit(&ctx->is_store_unusable, true, memory_order_relaxed);
        }
        state_free(state, present_state(ctx));
        return loaded;
    }
    bool is_stale = xg_snapshot_is_stale(state->keys);
    if (is_stale && is_whole) {
        xg_text_printf(reterr,
                       "some key sets of the new store are refused, see the log; the old store goes on serving");
        state_free(state, present_state(ctx));
        return XG_FAIL(KEYS_UNUSABLE);
    }
    xg_extent extent = xg_counters_measure(state->keys);
    uint64_t generation = state->generation;
    atomic_store_explicit(&ctx->is_store_unusable, false, memory_order_relaxed);
    xg_sessions_set_capacity(ctx->live.sessions, config->sessions);
    swap_state(ctx, state, config != &ctx->config);
    xg_counters_note_load(ctx->counters, ask_clock(ctx), generation, &extent);
    tellf(ctx, is_stale ? XG_LOG_WARN : XG_LOG_NOTICE, XG_EVENT_STORE_LOADED, "generation %llu serves %llu meshes%s",
          (unsigned long long)generation, (unsigned long long)extent.meshes,
          is_stale ? "; some sets are refused, see above" : "");
    if (is_stale) {
        xg_text_printf(reterr,
                       "loaded, but some key sets were refused and go on with their last good state; see the log");
    }
    return XG_OK;
}

/* ---- reload and tick ---- */

/* This thread is inside a callback that reload or tick made. */
static bool is_reentrant(xg_ctx *ctx)
{
    return atomic_load_explicit(&ctx->reloading_thread, memory_order_relaxed) == (unsigned long)pthread_self() ||
           xg_live_is_telling_here(&ctx->live);
}

static void lock_reload(xg_ctx *ctx)
{
    (void)pthread_mutex_lock(&ctx->reload_lock);
    atomic_store_explicit(&ctx->reloading_thread, (unsigned long)pthread_self(), memory_order_relaxed);
}

static bool try_lock_reload(xg_ctx *ctx)
{
    if (pthread_mutex_trylock(&ctx->reload_lock) != 0) {
        return false;
    }
    atomic_store_explicit(&ctx->reloading_thread, (unsigned long)pthread_self(), memory_order_relaxed);
    return true;
}

/* Gives the lock back, and then tells the host whose sessions ended while it was held. */
static void unlock_reload(xg_ctx *ctx)
{
    xg_ended *ended = ctx->ended;
    ctx->ended = NULL;
    atomic_store_explicit(&ctx->reloading_thread, 0, memory_order_relaxed);
    (void)pthread_mutex_unlock(&ctx->reload_lock);
    xg_live_tell(&ctx->live, &ended);
}

/* Ends the sessions that have ended by `now`, or by the clock's high mark if that is later. */
static void sweep(xg_ctx *ctx, int64_t now)
{
    xg_view view;
    xg_ended *ended = NULL;
    unsigned ticket = xg_context_look(ctx, &view);
    view.latest_now = now > view.latest_now ? now : view.latest_now;
    xg_live_sweep(&ctx->live, &view, &ended);
    xg_context_look_away(ctx, ticket);
    xg_live_tell(&ctx->live, &ended);
}

/* The present store, under a configuration that may have changed. */
static xg_result reload_store(xg_ctx *ctx, const xg_config *config, xg_text *reterr)
{
    return load(ctx, config, ctx->store, present_state(ctx)->keys, false, reterr);
}

/*
 * Another store, or other limits of it, is opened and read beside the present one, which goes on until all is well. A
 * path, or a directory, that was followed until now goes on from what served, revocations of meshes that are gone
 * included.
 */
static xg_result change_store(xg_ctx *ctx, const xg_config *config, xg_text *reterr)
{
    xg_dirstore *store = NULL;
    XG_TRY(xg_dirstore_open(config->store_path, ctx->crypto, &config->store, &store, reterr));
    bool is_same = strcmp(config->store_path, ctx->config.store_path) == 0 || xg_dirstore_is_same(store, ctx->store);
    xg_result loaded = load(ctx, config, store, is_same ? present_state(ctx)->keys : NULL, !is_same, reterr);
    if (!xg_is_ok(loaded)) {
        xg_dirstore_close(store);
        return loaded;
    }
    xg_dirstore_close(ctx->store);
    ctx->store = store;
    return XG_OK;
}

static xg_result reload_with(xg_ctx *ctx, const xg_config *config, xg_text *reterr)
{
    bool is_same_path = strcmp(config->store_path, ctx->config.store_path) == 0;
    bool has_same_limits =
        config->store.meshes == ctx->config.store.meshes && config->store.revoked_ids == ctx->config.store.revoked_ids;
    if (is_same_path && has_same_limits) {
        XG_TRY(reload_store(ctx, config, reterr));
    } else {
        XG_TRY(change_store(ctx, config, reterr));
    }
    ctx->config = *config;
    return XG_OK;
}

/* The configuration as the host passes it: a NULL pointer is no text of any length. */
static xg_result parse_config(xg_str text, xg_config *ret_config, xg_text *reterr)
{
    XG_CHECK(text.ptr != NULL, CONFIG_JSON);
    return xg_config_parse(text, ret_config, reterr);
}

static void note_failure(xg_ctx *ctx, xg_result result, xg_text *reterr)
{
    if (!xg_is_ok(result)) {
        complete(reterr, result);
        xg_counters_note_failure(ctx->counters, ask_clock(ctx), xg_result_reason(result),
                                 (xg_str){reterr->ptr, reterr->len});
    }
}

static xg_result reload_with_text(xg_ctx *ctx, xg_str text, xg_text *reterr)
{
    xg_config config;
    XG_TRY(parse_config(text, &config, reterr));
    return reload_with(ctx, &config, reterr);
}

uint32_t xg_context_reload(xg_ctx *ctx, xg_str config_text, char *err, size_t err_cap)
{
    /* The operator reads the sentence whole even if the host gave no room for it. */
    char own[XG_STATS_ERROR_SIZE];
    bool is_room_enough = err != NULL && err_cap >= sizeof(own);
    xg_text reterr, cut;
    unsigned ticket;
    xg_text_init(&cut, err, err_cap);
    xg_text_init(&reterr, is_room_enough ? err : own, is_room_enough ? err_cap : sizeof(own));
    xg_result result = xg_context_enter(ctx, &ticket);
    if (!xg_is_ok(result)) {
        return xg_result_reason(result);
    }
    if (is_reentrant(ctx)) {
        result = XG_FAIL(REENTRANT);
    } else {
        lock_reload(ctx);
        result = config_text.len == 0 ? reload_store(ctx, &ctx->config, &reterr)
                                      : reload_with_text(ctx, config_text, &reterr);
        note_failure(ctx, result, &reterr);
        unlock_reload(ctx);
        sweep(ctx, INT64_MIN);
    }
    complete(&reterr, result);
    if (!is_room_enough) {
        xg_text_add(&cut, (xg_str){reterr.ptr, reterr.len});
    }
    xg_context_leave(ctx, ticket);
    return xg_result_reason(result);
}

/* Follows the store. A failure is told and changes nothing: the state that serves goes on serving. */
static void follow_store(xg_ctx *ctx, int64_t now)
{
    char message[LOG_LINE_MAX];
    xg_text reterr;
    if (!xg_dirstore_has_changed(ctx->store, now, ctx->config.poll_seconds)) {
        return;
    }
    xg_text_init(&reterr, message, sizeof(message));
    xg_result loaded = reload_store(ctx, &ctx->config, &reterr);
    if (!xg_is_ok(loaded)) {
        note_failure(ctx, loaded, &reterr);
        tell(ctx, XG_LOG_ERROR, XG_EVENT_STORE_FAILED, (xg_str){reterr.ptr, reterr.len});
    }
}

/* OK, or why this call of tick is refused. */
static xg_result tick_entered(xg_ctx *ctx, int64_t *now)
{
    XG_CHECK(!is_reentrant(ctx), REENTRANT);
    XG_CHECK(*now >= 0, REQUEST_FIELD);
    if (*now == 0) {
        int64_t latest;
        *now = read_clock(ctx, &latest);
    }
    /* If someone else is reloading at this moment, the store is being followed already. */
    if (try_lock_reload(ctx)) {
        follow_store(ctx, *now);
        unlock_reload(ctx);
    }
    sweep(ctx, *now);
    return XG_OK;
}

int64_t xg_context_tick(xg_ctx *ctx, int64_t now)
{
    int64_t next;
    unsigned ticket;
    xg_result result = xg_context_enter(ctx, &ticket);
    if (xg_is_ok(result)) {
        result = tick_entered(ctx, &now);
        xg_context_leave(ctx, ticket);
    }
    if (!xg_is_ok(result)) {
        return -(int64_t)xg_result_reason(result);
    }
    if (__builtin_add_overflow(now, 1, &next)) {
        return INT64_MAX;
    }
    return next > 0 ? next : 1; /* a clock before 1970: anything else would be taken for a reason */
}

void xg_context_session_close(xg_ctx *ctx, uint64_t session)
{
    unsigned ticket;
    if (xg_is_ok(xg_context_enter(ctx, &ticket))) {
        (void)xg_sessions_close(ctx->live.sessions, session);
        xg_context_leave(ctx, ticket);
    }
}

/* ---- what stats.c tells ---- */

xg_counters *xg_context_counters(xg_ctx *ctx)
{
    return ctx->counters;
}

static void describe_cache(const xg_verified *verified, xg_stats *stats)
{
    xg_verified_counts counts = {0};
    if (verified != NULL) {
        xg_verified_read_counts(verified, &counts);
    }
    stats->cache_hits = counts.hits;
    stats->cache_misses = counts.misses;
    stats->cache_entries = counts.tokens;
    stats->cache_capacity = counts.capacity;
    stats->cache_evictions = counts.evictions;
}

static void describe_sessions(const xg_live *live, xg_stats *stats)
{
    xg_session_counts counts;
    xg_sessions_read_counts(live->sessions, &counts);
    stats->sessions = counts.live;
    stats->sessions_capacity = counts.capacity;
    stats->sessions_registered = counts.registered;
    stats->sessions_moved = counts.moved;
    stats->sessions_closed = counts.closed;
    stats->sessions_invalidated = atomic_load_explicit(&live->num_told, memory_order_relaxed);
    stats->batches = atomic_load_explicit(&live->num_batches, memory_order_relaxed);
}

void xg_context_describe(xg_ctx *ctx, xg_stats *stats)
{
    xg_counters_describe(ctx->counters, stats);
    describe_sessions(&ctx->live, stats);
    stats->now = ask_clock(ctx); /* and the high mark stays: who only reads decides nothing */
    unsigned ticket = xg_readers_enter(ctx->lookers);
    const xg_state *state = atomic_load_explicit(&ctx->state, memory_order_seq_cst);
    describe_cache(state->verified, stats);
    xg_readers_leave(ctx->lookers, ticket);
    stats->flags |= atomic_load_explicit(&ctx->is_store_unusable, memory_order_relaxed) ? XG_STATS_STALE : 0u;
}

/* ---- create and destroy ---- */

/* Frees whatever of a context there is. */
static void context_free(xg_ctx *ctx)
{
    state_free(present_state(ctx), NULL);
    xg_live_done(&ctx->live);
    xg_readers_free(ctx->lookers);
    xg_readers_free(ctx->calls);
    xg_dirstore_close(ctx->store);
    xg_crypto_free(ctx->crypto);
    xg_counters_free(ctx->counters);
    if (ctx->fork_mark != NULL) {
        (void)munmap(ctx->fork_mark, FORK_MARK_SIZE);
    }
    (void)pthread_mutex_destroy(&ctx->reload_lock);
    explicit_bzero(ctx, sizeof(*ctx));
    free(ctx);
}

static unsigned char *map_fork_mark(void)
{
    unsigned char *page = mmap(NULL, FORK_MARK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) {
        return NULL;
    }
    if (madvise(page, FORK_MARK_SIZE, MADV_WIPEONFORK) != 0) {
        (void)munmap(page, FORK_MARK_SIZE);
        return NULL;
    }
    *page = 1;
    return page;
}

static xg_result set_up(xg_ctx *ctx, xg_str config, xg_text *reterr)
{
    XG_TRY(xg_selftest_check_providers(reterr));
    XG_TRY(xg_crypto_new(&ctx->crypto));
    XG_TRY(xg_counters_new(&ctx->counters));
    XG_TRY(xg_readers_new(&ctx->calls));
    XG_TRY(xg_readers_new(&ctx->lookers));
    XG_TRY(xg_selftest_check_answers(ctx->crypto, reterr));
    XG_TRY(parse_config(config, &ctx->config, reterr));
    ctx->fork_mark = map_fork_mark();
    XG_CHECK(ctx->fork_mark != NULL, NO_MEMORY);
    XG_TRY(xg_dirstore_open(ctx->config.store_path, ctx->crypto, &ctx->config.store, &ctx->store, reterr));
    return load(ctx, &ctx->config, ctx->store, NULL, false, reterr);
}

/* Copies as much of the host's table as both sides know. */
static bool copy_host(const xg_host *host, xg_host *ret_host)
{
    if (host == NULL || host->struct_size < sizeof(*host)) {
        return false;
    }
    memcpy(ret_host, host, sizeof(*ret_host));
    return ret_host->abi >> 16 == XG_ABI_CURRENT >> 16 && ret_host->abi <= XG_ABI_CURRENT;
}

xg_ctx *xg_context_create(const xg_host *host, xg_str config, char *err, size_t err_cap)
{
    xg_text reterr;
    xg_text_init(&reterr, err, err_cap);
    xg_ctx *ctx = calloc(1, sizeof(*ctx));
    if (ctx == NULL) {
        xg_text_printf(&reterr, "memory ran out");
        return NULL;
    }
    (void)pthread_mutex_init(&ctx->reload_lock, NULL);
    atomic_init(&ctx->latest_now, INT64_MIN);
    xg_result result = xg_live_init(&ctx->live, &ctx->host);
    if (xg_is_ok(result) && copy_host(host, &ctx->host)) {
        result = set_up(ctx, config, &reterr);
    } else if (xg_is_ok(result)) {
        result = XG_FAIL(REQUEST_SIZE);
        xg_text_printf(&reterr, "the host table is missing, smaller than the 1.0 layout, or of another ABI version");
    }
    if (!xg_is_ok(result)) {
        complete(&reterr, result);
        context_free(ctx);
        return NULL;
    }
    return ctx;
}

uint32_t xg_context_destroy(xg_ctx *ctx)
{
    if (ctx == NULL) {
        return XG_REASON_OK;
    }
    if (*(volatile unsigned char *)ctx->fork_mark != 1) {
        return XG_REASON_FORKED;
    }
    if (is_reentrant(ctx)) {
        return XG_REASON_REENTRANT;
    }
    if (!xg_readers_is_empty(ctx->calls)) {
        return XG_REASON_BUSY;
    }
    context_free(ctx);
    return XG_REASON_OK;
}
