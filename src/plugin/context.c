/* SPDX-License-Identifier: Apache-2.0 */
/*
 * context.c: what lives as long as a context: the state that decisions are made from, and how it is replaced.
 *
 * Owns the store, the present state, the clock's high mark and the locks. Must never start a thread, register a handler
 * or keep anything outside the context. Locks: reload_lock is held while the store is read and serialises reload and
 * tick; state_lock only while the pointer to the present state is read or replaced, so readers never wait for files.
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

#define CLOCK_STEP_TOLERATED 60 /* seconds back before the host is told */
#define LOG_LINE_MAX         512

struct xg_state {
    atomic_size_t num_refs;
    uint64_t generation;
    xg_policy policy;
    xg_snapshot *keys;
};

struct xg_ctx {
    xg_host host;
    xg_crypto *crypto;
    xg_counters *counters;
    unsigned char *fork_mark; /* one page that a fork wipes in the child: 1 in the process that made it (rule A16) */
    atomic_size_t num_in_flight;
    atomic_llong latest_now; /* the latest second ever seen */
    atomic_bool is_clock_behind;
    atomic_bool is_store_unusable; /* the last look at the store failed: what serves is the last good state */

    pthread_mutex_t state_lock;
    xg_state *state;

    pthread_mutex_t reload_lock;
    atomic_ulong reloading_thread; /* who holds reload_lock; 0 = nobody */
    xg_config config;
    xg_dirstore *store;
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

xg_result xg_context_enter(xg_ctx *ctx)
{
    XG_CHECK(ctx != NULL, INTERNAL);
    XG_CHECK(*(volatile unsigned char *)ctx->fork_mark == 1, FORKED);
    atomic_fetch_add_explicit(&ctx->num_in_flight, 1, memory_order_acq_rel);
    return XG_OK;
}

void xg_context_leave(xg_ctx *ctx)
{
    atomic_fetch_sub_explicit(&ctx->num_in_flight, 1, memory_order_acq_rel);
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

static xg_state *state_new(const xg_policy *policy, uint64_t generation)
{
    xg_state *state = calloc(1, sizeof(*state));
    if (state != NULL) {
        atomic_init(&state->num_refs, 1);
        state->policy = *policy;
        state->generation = generation;
    }
    return state;
}

void xg_context_unpin(xg_state *state)
{
    if (state != NULL && atomic_fetch_sub_explicit(&state->num_refs, 1, memory_order_acq_rel) == 1) {
        xg_snapshot_unref(state->keys);
        free(state);
    }
}

xg_state *xg_context_pin(xg_ctx *ctx, xg_view *ret_view)
{
    /* The pointer is read and its count raised under the lock: between the two a swap could free it. */
    (void)pthread_mutex_lock(&ctx->state_lock);
    xg_state *state = ctx->state;
    atomic_fetch_add_explicit(&state->num_refs, 1, memory_order_relaxed);
    (void)pthread_mutex_unlock(&ctx->state_lock);
    *ret_view = (xg_view){.keys = state->keys, .policy = &state->policy, .generation = state->generation};
    ret_view->is_stale = atomic_load_explicit(&ctx->is_store_unusable, memory_order_relaxed);
    ret_view->now = read_clock(ctx, &ret_view->latest_now);
    return state;
}

static void swap_state(xg_ctx *ctx, xg_state *state)
{
    (void)pthread_mutex_lock(&ctx->state_lock);
    xg_state *old = ctx->state;
    ctx->state = state;
    (void)pthread_mutex_unlock(&ctx->state_lock);
    xg_context_unpin(old);
}

/*
 * Reads a store into a new state under this configuration and puts it into service. Under reload_lock. Nothing can fail
 * once the store has been read: it then counts as followed, and what it said must be served. Without a previous
 * snapshot, sets that are refused have no last good state: is_whole makes that a failure.
 */
static xg_result load(xg_ctx *ctx, const xg_config *config, xg_dirstore *store, xg_snapshot *previous, bool is_whole,
                      xg_text *reterr)
{
    uint64_t generation = ctx->state == NULL ? 1 : ctx->state->generation + 1;
    xg_state *state = state_new(&config->policy, generation);
    XG_CHECK(state != NULL, NO_MEMORY);
    xg_result loaded = xg_dirstore_load(store, previous, report_set, ctx, &state->keys, reterr);
    if (!xg_is_ok(loaded)) {
        /* Until the store is read again, which it says itself that it must be. */
        if (store == ctx->store && ctx->state != NULL) {
            atomic_store_explicit(&ctx->is_store_unusable, true, memory_order_relaxed);
        }
        xg_context_unpin(state);
        return loaded;
    }
    bool is_stale = xg_snapshot_is_stale(state->keys);
    if (is_stale && is_whole) {
        xg_text_printf(reterr,
                       "some key sets of the new store are refused, see the log; the old store goes on serving");
        xg_context_unpin(state);
        return XG_FAIL(KEYS_UNUSABLE);
    }
    xg_extent extent = xg_counters_measure(state->keys); /* before it serves: then others may free it */
    swap_state(ctx, state);
    atomic_store_explicit(&ctx->is_store_unusable, false, memory_order_relaxed);
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

static bool is_reloading_here(const xg_ctx *ctx)
{
    return atomic_load_explicit(&ctx->reloading_thread, memory_order_relaxed) == (unsigned long)pthread_self();
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

static void unlock_reload(xg_ctx *ctx)
{
    atomic_store_explicit(&ctx->reloading_thread, 0, memory_order_relaxed);
    (void)pthread_mutex_unlock(&ctx->reload_lock);
}

/* The present store, under a configuration that may have changed. */
static xg_result reload_store(xg_ctx *ctx, const xg_config *config, xg_text *reterr)
{
    return load(ctx, config, ctx->store, ctx->state->keys, false, reterr);
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
    xg_result loaded = load(ctx, config, store, is_same ? ctx->state->keys : NULL, !is_same, reterr);
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

uint32_t xg_context_reload(xg_ctx *ctx, xg_str config_text, char *err, size_t err_cap)
{
    /* The operator reads the sentence whole even if the host gave no room for it. */
    char own[XG_STATS_ERROR_SIZE];
    bool is_room_enough = err != NULL && err_cap >= sizeof(own);
    xg_text reterr, cut;
    xg_text_init(&cut, err, err_cap);
    xg_text_init(&reterr, is_room_enough ? err : own, is_room_enough ? err_cap : sizeof(own));
    xg_result result = xg_context_enter(ctx);
    if (!xg_is_ok(result)) {
        return xg_result_reason(result);
    }
    if (is_reloading_here(ctx)) {
        result = XG_FAIL(REENTRANT);
    } else {
        lock_reload(ctx);
        xg_config config = ctx->config;
        result = config_text.len == 0 ? XG_OK : parse_config(config_text, &config, &reterr);
        if (xg_is_ok(result)) {
            result = reload_with(ctx, &config, &reterr);
        }
        note_failure(ctx, result, &reterr);
        unlock_reload(ctx);
    }
    complete(&reterr, result);
    if (!is_room_enough) {
        xg_text_add(&cut, (xg_str){reterr.ptr, reterr.len});
    }
    xg_context_leave(ctx);
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

int64_t xg_context_tick(xg_ctx *ctx, int64_t now)
{
    int64_t next;
    xg_result entered = xg_context_enter(ctx);
    if (!xg_is_ok(entered)) {
        return -(int64_t)xg_result_reason(entered);
    }
    if (is_reloading_here(ctx)) {
        xg_context_leave(ctx);
        return -(int64_t)XG_REASON_REENTRANT;
    }
    if (now < 0) {
        xg_context_leave(ctx);
        return -(int64_t)XG_REASON_REQUEST_FIELD;
    }
    if (now == 0) {
        int64_t latest;
        now = read_clock(ctx, &latest);
    }
    /* If someone else is reloading at this moment, the store is being followed already. */
    if (try_lock_reload(ctx)) {
        follow_store(ctx, now);
        unlock_reload(ctx);
    }
    xg_context_leave(ctx);
    if (__builtin_add_overflow(now, 1, &next)) {
        return INT64_MAX;
    }
    return next > 0 ? next : 1; /* a clock before 1970: anything else would be taken for a reason */
}

/* ---- what stats.c tells ---- */

xg_counters *xg_context_counters(xg_ctx *ctx)
{
    return ctx->counters;
}

void xg_context_describe(xg_ctx *ctx, xg_stats *stats)
{
    xg_counters_describe(ctx->counters, stats);
    stats->now = ask_clock(ctx);
    stats->flags |= atomic_load_explicit(&ctx->is_store_unusable, memory_order_relaxed) ? XG_STATS_STALE : 0u;
    /* Nothing is cached and no session is registered yet: cache_*, sessions_* and batches belong here. */
}

/* ---- create and destroy ---- */

/* Frees whatever of a context there is. */
static void context_free(xg_ctx *ctx)
{
    xg_context_unpin(ctx->state);
    xg_dirstore_close(ctx->store);
    xg_crypto_free(ctx->crypto);
    xg_counters_free(ctx->counters);
    if (ctx->fork_mark != NULL) {
        (void)munmap(ctx->fork_mark, FORK_MARK_SIZE);
    }
    (void)pthread_mutex_destroy(&ctx->state_lock);
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
    (void)pthread_mutex_init(&ctx->state_lock, NULL);
    (void)pthread_mutex_init(&ctx->reload_lock, NULL);
    atomic_init(&ctx->latest_now, INT64_MIN);
    xg_result result = XG_FAIL(REQUEST_SIZE);
    if (copy_host(host, &ctx->host)) {
        result = set_up(ctx, config, &reterr);
    } else {
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
    if (is_reloading_here(ctx)) {
        return XG_REASON_REENTRANT;
    }
    if (atomic_load_explicit(&ctx->num_in_flight, memory_order_acquire) != 0) {
        return XG_REASON_BUSY;
    }
    context_free(ctx);
    return XG_REASON_OK;
}
