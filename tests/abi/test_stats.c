/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_stats.c: xdsgate.stats/1 as an operator's host sees it: every size, every counter, loads and failures, forks,
 * several contexts, many threads. The clock is the fixture's, so that ages are exact.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "abi_support.h"

#define SIZE_MAX_SWEPT 4096u
#define PATTERN        0xa5
#define NUM_THREADS    8u
#define NUM_ROUNDS     200u

static fixture fx;
static xg_loader plugin;
static xg_ctx *ctx;
static char *good;
static char *tampered;
static char *zone_token;

static xg_stats read_of(xg_ctx *of)
{
    xg_stats stats;
    memset(&stats, PATTERN, sizeof(stats));
    stats.struct_size = sizeof(stats);
    assert_int_equal(plugin.stats.read(of, &stats), XG_REASON_OK);
    assert_int_equal(stats.struct_size, sizeof(stats));
    assert_int_equal(stats.error_len, strnlen(stats.error, sizeof(stats.error)));
    assert_int_equal(stats.reserved, 0);
    return stats;
}

static xg_stats read_stats(void)
{
    return read_of(ctx);
}

/* ---- the interface ---- */

typedef const void *query_function(const char *iface, uint32_t abi_min, uint32_t abi_max, uint32_t *abi_have);

static void test_query_knows_the_interface_by_its_whole_name(void **state)
{
    (void)state;
    static const struct {
        const char *iface;
        uint32_t min;
        uint32_t max;
        bool is_table;
        uint32_t have;
    } rows[] = {
        {XG_IFACE_STATS, XG_ABI(1, 0), XG_ABI(1, 0), true, XG_ABI(1, 0)},
        {XG_IFACE_STATS, 0, UINT32_MAX, true, XG_ABI(1, 0)},
        {XG_IFACE_STATS, XG_ABI(1, 1), XG_ABI(1, 9), false, XG_ABI(1, 0)},
        {XG_IFACE_STATS, 0, XG_ABI(0, 65535), false, XG_ABI(1, 0)},
        {XG_IFACE_STATS, XG_ABI(1, 1), XG_ABI(1, 0), false, XG_ABI(1, 0)},
        {"xdsgate.stats/2", 0, UINT32_MAX, false, 0},
        {"xdsgate.stats/10", 0, UINT32_MAX, false, 0},
        {"xdsgate.stats", 0, UINT32_MAX, false, 0},
        {"xdsgate.STATS/1", 0, UINT32_MAX, false, 0},
    };
    query_function *query = NULL;
    void *symbol = dlsym(plugin.handle, "xdsgate_plugin_query");
    assert_non_null(symbol);
    memcpy(&query, &symbol, sizeof(query));
    const void *auth = query(XG_IFACE_AUTH, XG_ABI(1, 0), XG_ABI(1, 0), NULL);
    const void *table = query(XG_IFACE_STATS, XG_ABI(1, 0), XG_ABI(1, 0), NULL);
    assert_ptr_not_equal(table, auth);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint32_t have = 0xa5a5a5a5;
        assert_ptr_equal(query(rows[i].iface, rows[i].min, rows[i].max, &have), rows[i].is_table ? table : NULL);
        assert_int_equal(have, rows[i].have);
    }
    assert_int_equal(plugin.stats.struct_size, sizeof(xg_stats_table));
    assert_int_equal(plugin.stats.abi, XG_ABI(1, 0));
    assert_int_equal(plugin.stats.features, 0);
}

/* Where the last member that a structure of `size` bytes holds whole ends. */
static size_t whole_members(size_t size)
{
    const size_t tail[] = {offsetof(xg_stats, error_len), offsetof(xg_stats, reserved), offsetof(xg_stats, error)};
    size_t end = size < offsetof(xg_stats, failed_reason) ? size / 8 * 8 : offsetof(xg_stats, failed_reason);
    for (size_t i = 0; i < sizeof(tail) / sizeof(tail[0]); i++) {
        end = size >= tail[i] ? tail[i] : end;
    }
    return size >= sizeof(xg_stats) ? sizeof(xg_stats) : end;
}

/* With the structure ending at a page that must not be touched. All of it is filled, so that what is cut shows. */
static void test_statistics_of_every_size(void **state)
{
    (void)state;
    assert_int_equal(plugin.auth.reload(ctx, fixture_str("{"), NULL, 0), XG_REASON_CONFIG_JSON);
    const xg_stats full = read_stats();
    assert_true(full.error_len > 10);
    for (uint32_t size = 0; size <= SIZE_MAX_SWEPT; size++) {
        size_t room = size < 8 ? 8 : ((size_t)size + 7) / 8 * 8;
        unsigned char *at = support_guarded(room, PATTERN);
        memcpy(at, &size, sizeof(size));
        uint32_t reason = plugin.stats.read(ctx, (xg_stats *)(void *)at);
        assert_memory_equal(at, &size, sizeof(size));
        size_t written = size < offsetof(xg_stats, now) ? sizeof(size) : size < sizeof(full) ? size : sizeof(full);
        size_t whole = written < offsetof(xg_stats, now) ? written : whole_members(size);
        assert_int_equal(reason, size < offsetof(xg_stats, now) ? XG_REASON_REQUEST_SIZE : XG_REASON_OK);
        assert_memory_equal(at + sizeof(size), (const unsigned char *)&full + sizeof(size), whole - sizeof(size));
        for (size_t i = whole; i < room; i++) {
            assert_int_equal(at[i], i < written ? 0 : PATTERN);
        }
    }
}

static void test_without_a_context_or_room_nothing_is_read(void **state)
{
    (void)state;
    static const xg_stats zero;
    xg_stats stats;
    xg_denial_count row = {.reason = 7};
    memset(&stats, PATTERN, sizeof(stats));
    stats.struct_size = sizeof(stats);
    assert_int_equal(plugin.stats.read(ctx, NULL), XG_REASON_REQUEST_SIZE);
    assert_int_equal(plugin.stats.read(NULL, NULL), XG_REASON_REQUEST_SIZE);
    assert_int_equal(plugin.stats.read(NULL, &stats), XG_REASON_INTERNAL);
    assert_memory_equal((char *)&stats + sizeof(uint32_t), (const char *)&zero + sizeof(uint32_t),
                        sizeof(stats) - sizeof(uint32_t));
    assert_int_equal(plugin.stats.denials(NULL, &row, 1), 0);
    assert_int_equal(plugin.stats.denials(NULL, NULL, 0), 0);
    assert_int_equal(row.reason, 7);
}

/* ---- answers ---- */

static void test_a_fresh_context_has_loaded_once_and_answered_nothing(void **state)
{
    (void)state;
    static const xg_stats zero;
    xg_stats stats = read_stats();
    assert_int_equal(stats.now, FIXTURE_NOW);
    assert_int_equal(stats.loaded_at, FIXTURE_NOW);
    assert_int_equal(stats.generation, 1);
    assert_int_equal(stats.loads_ok, 1);
    assert_int_equal(stats.meshes, 2);
    assert_int_equal(stats.keys, 3);
    assert_int_equal(plugin.stats.denials(ctx, NULL, 0), 0);
    stats.struct_size = 0;
    stats.now = stats.loaded_at = 0;
    stats.generation = stats.loads_ok = stats.meshes = stats.keys = 0;
    stats.cache_capacity = stats.sessions_capacity = 0;
    assert_memory_equal(&stats, &zero, sizeof(stats));
}

typedef enum request_kind {
    GOOD,
    WRONG_NAME,
    FORGED,
    NO_CREDENTIAL,
    SHORT_REQUEST,
    NO_REQUEST,
    WRONG_SCOPE
} request_kind;

/* One call; the reason it must give. */
static void call(xg_ctx *of, request_kind kind, uint32_t expected)
{
    xg_request request = fixture_dataplane_request(kind == FORGED ? tampered : good);
    xg_decision decision = {.struct_size = sizeof(decision)};
    if (kind == WRONG_NAME) {
        request.name = fixture_str("web-2");
        request.node_id = fixture_str("");
    } else if (kind == NO_CREDENTIAL) {
        request.credential = fixture_str("");
    } else if (kind == SHORT_REQUEST) {
        request.struct_size = 16;
    } else if (kind == WRONG_SCOPE) {
        request = fixture_zone_request(zone_token);
        request.kind = XG_KIND_ZONE_EGRESS;
    }
    (void)plugin.auth.authenticate(of, kind == NO_REQUEST ? NULL : &request, &decision);
    if (decision.reason != expected) {
        fail_msg("request %d: reason %u, expected %u: %s", kind, decision.reason, expected, decision.text);
    }
}

static void test_answers_are_counted_by_reason(void **state)
{
    (void)state;
    static const struct {
        request_kind kind;
        uint32_t reason;
        unsigned times;
    } calls[] = {
        {WRONG_SCOPE, XG_REASON_BINDING_SCOPE, 1}, {GOOD, XG_REASON_OK, 5},
        {WRONG_NAME, XG_REASON_BINDING_NAME, 2},   {NO_CREDENTIAL, XG_REASON_CREDENTIAL_EMPTY, 4},
        {FORGED, XG_REASON_SIGNATURE_INVALID, 3},  {SHORT_REQUEST, XG_REASON_REQUEST_SIZE, 1},
        {NO_REQUEST, XG_REASON_REQUEST_SIZE, 1},
    };
    static const xg_denial_count expected[] = {
        {.reason = XG_REASON_REQUEST_SIZE, .count = 2},      {.reason = XG_REASON_CREDENTIAL_EMPTY, .count = 4},
        {.reason = XG_REASON_SIGNATURE_INVALID, .count = 3}, {.reason = XG_REASON_BINDING_NAME, .count = 2},
        {.reason = XG_REASON_BINDING_SCOPE, .count = 1},
    };
    const size_t num_expected = sizeof(expected) / sizeof(expected[0]);
    uint64_t num_denied = 0;
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        for (unsigned n = 0; n < calls[i].times; n++) {
            call(ctx, calls[i].kind, calls[i].reason);
        }
        num_denied += calls[i].reason != XG_REASON_OK ? calls[i].times : 0;
        assert_int_equal(read_stats().denied, num_denied);
    }
    assert_int_equal(read_stats().allowed, 5);
    for (size_t cap = 0; cap <= num_expected + 2; cap++) {
        xg_denial_count rows[sizeof(expected) / sizeof(expected[0]) + 2];
        xg_denial_count untouched;
        memset(rows, PATTERN, sizeof(rows));
        memset(&untouched, PATTERN, sizeof(untouched));
        assert_int_equal(plugin.stats.denials(ctx, cap == 0 ? NULL : rows, cap), num_expected);
        size_t num_rows = cap < num_expected ? cap : num_expected;
        assert_memory_equal(rows, expected, num_rows * sizeof(rows[0]));
        for (size_t i = num_rows; i < num_expected + 2; i++) {
            assert_memory_equal(&rows[i], &untouched, sizeof(untouched));
        }
    }
}

/* No answer was given, or not by this context. */
static void test_calls_without_an_answer_are_not_counted(void **state)
{
    (void)state;
    xg_request request = fixture_dataplane_request(good);
    xg_decision decision = {.struct_size = 8};
    assert_int_equal(plugin.auth.authenticate(ctx, &request, NULL), 0);
    assert_int_equal(plugin.auth.authenticate(ctx, &request, &decision), 0);
    decision.struct_size = sizeof(decision);
    assert_int_equal(plugin.auth.authenticate(NULL, &request, &decision), 0);
    xg_stats stats = read_stats();
    assert_int_equal(stats.allowed + stats.denied, 0);
}

static void test_every_entry_point_counts(void **state)
{
    (void)state;
    xg_request request = fixture_dataplane_request(good);
    xg_decision decision = {.struct_size = sizeof(decision)};
    assert_int_equal(plugin.auth.auth_dataplane(ctx, &request, &decision), 1);
    assert_int_equal(plugin.auth.auth_zone_entity(ctx, &request, &decision), 0);
    xg_stats stats = read_stats();
    xg_denial_count row = {0};
    assert_int_equal(stats.allowed, 1);
    assert_int_equal(stats.denied, 1);
    assert_int_equal(plugin.stats.denials(ctx, &row, 1), 1);
    assert_int_equal(row.reason, XG_REASON_REQUEST_KIND);
}

static void test_two_contexts_share_no_counter(void **state)
{
    (void)state;
    xg_ctx *other = support_create(&plugin, &fx);
    call(ctx, GOOD, XG_REASON_OK);
    call(ctx, FORGED, XG_REASON_SIGNATURE_INVALID);
    call(other, WRONG_NAME, XG_REASON_BINDING_NAME);
    assert_int_equal(plugin.auth.reload(other, fixture_str("{"), NULL, 0), XG_REASON_CONFIG_JSON);
    xg_stats mine = read_stats();
    xg_stats others = read_of(other);
    assert_int_equal(mine.allowed, 1);
    assert_int_equal(mine.denied, 1);
    assert_int_equal(mine.loads_failed, 0);
    assert_string_equal(mine.error, "");
    assert_int_equal(others.allowed, 0);
    assert_int_equal(others.denied, 1);
    assert_int_equal(others.loads_failed, 1);
    assert_int_equal(plugin.auth.destroy(other), XG_REASON_OK);
}

/* ---- loads ---- */

static void test_loads_are_counted_and_dated(void **state)
{
    (void)state;
    fixture_set_now(FIXTURE_NOW + 100);
    fixture_write(&fx, "meshes/m1/revoked", "a\nb\nc\n", 6);
    fixture_write(&fx, "meshes/m1/keys/0.retired", "", 0);
    assert_int_equal(plugin.auth.reload(ctx, fixture_str(""), NULL, 0), XG_REASON_OK);
    fixture_set_now(FIXTURE_NOW + 130);
    xg_stats stats = read_stats();
    assert_int_equal(stats.loads_ok, 2);
    assert_int_equal(stats.generation, 2);
    assert_int_equal(stats.now - stats.loaded_at, 30);
    assert_int_equal(stats.revoked_ids, 3);
    assert_int_equal(stats.keys, 4);
    fixture_remove(&fx, "meshes/m1/keys/0.retired");
    fixture_write(&fx, "meshes/m1/revoked", "# none\n", 7);
    assert_true(plugin.auth.tick(ctx, FIXTURE_NOW + 130) > 0);
    stats = read_stats();
    assert_int_equal(stats.loads_ok, 3);
    assert_int_equal(stats.loaded_at, FIXTURE_NOW + 130);
    assert_int_equal(stats.revoked_ids, 0);
    assert_int_equal(stats.keys, 3);
    /* A tick that finds nothing new is neither a load nor a failure. */
    assert_true(plugin.auth.tick(ctx, FIXTURE_NOW + 131) > 0);
    stats = read_stats();
    assert_int_equal(stats.loads_ok, 3);
    assert_int_equal(stats.loads_failed, 0);
    assert_int_equal(stats.failed_at, 0);
    assert_int_equal(stats.flags, 0);
}

/* A look at the clock from here is not "seen" in the sense of A20: a slip of it ends no token that nobody asked of. */
static void test_reading_leaves_the_clock_alone(void **state)
{
    (void)state;
    call(ctx, GOOD, XG_REASON_OK);
    fixture_set_now(FIXTURE_NOW + 100000);
    assert_int_equal(read_stats().now, FIXTURE_NOW + 100000);
    fixture_set_now(FIXTURE_NOW);
    call(ctx, GOOD, XG_REASON_OK);
    assert_int_equal(read_stats().now, FIXTURE_NOW);
}

static void reload_with(const char *more)
{
    char *config = fixture_config(&fx, more);
    assert_int_equal(plugin.auth.reload(ctx, fixture_str(config), NULL, 0), XG_REASON_OK);
    free(config);
}

static void check_cache(uint64_t capacity, uint64_t hits, uint64_t misses)
{
    xg_stats stats = read_stats();
    assert_int_equal(stats.cache_capacity, capacity);
    assert_int_equal(stats.cache_hits, hits);
    assert_int_equal(stats.cache_misses, misses);
    assert_int_equal(stats.cache_entries, misses); /* of one token */
    assert_int_equal(stats.cache_evictions, 0);
}

static void test_the_cache_counts_until_its_capacity_is_changed(void **state)
{
    static const char EIGHT[] = ",\"limits\":{\"cached_tokens\":8}";
    (void)state;
    reload_with(EIGHT);
    call(ctx, GOOD, XG_REASON_OK);
    call(ctx, GOOD, XG_REASON_OK);
    check_cache(8, 1, 1);
    reload_with(EIGHT);
    call(ctx, GOOD, XG_REASON_OK);
    check_cache(8, 2, 1);
    reload_with(",\"limits\":{\"cached_tokens\":16}");
    check_cache(16, 0, 0);
    call(ctx, GOOD, XG_REASON_OK);
    check_cache(16, 0, 1);
    reload_with(",\"limits\":{\"cached_tokens\":0}");
    call(ctx, GOOD, XG_REASON_OK);
    check_cache(0, 0, 0);
    assert_int_equal(read_stats().allowed, 5);
}

static void test_a_refused_set_is_told_until_it_is_good_again(void **state)
{
    (void)state;
    fixture_set_now(FIXTURE_NOW + 5);
    fixture_write(&fx, "meshes/m1/keys/2.pem", "no key", 6);
    assert_true(plugin.auth.tick(ctx, FIXTURE_NOW + 5) > 0);
    xg_stats stats = read_stats();
    assert_int_equal(stats.flags, XG_STATS_STALE); /* the load itself went well */
    assert_int_equal(stats.sets_refused, 1);
    assert_int_equal(stats.loads_ok, 2);
    assert_int_equal(stats.loads_failed, 0);
    assert_int_equal(stats.failed_at, FIXTURE_NOW + 5);
    assert_int_equal(stats.failed_reason, XG_REASON_KEY_FILE);
    assert_non_null(strstr(stats.error, "mesh 'm1'"));
    fixture_remove(&fx, "meshes/m1/keys/2.pem");
    fixture_set_now(FIXTURE_NOW + 6);
    assert_true(plugin.auth.tick(ctx, FIXTURE_NOW + 6) > 0);
    xg_stats repaired = read_stats();
    assert_int_equal(repaired.flags, 0);
    assert_int_equal(repaired.sets_refused, 0);
    assert_int_equal(repaired.failed_at, FIXTURE_NOW + 5); /* the last error stays, dated */
    assert_string_equal(repaired.error, stats.error);
}

static void test_an_unreadable_store_is_a_failed_load_until_it_is_back(void **state)
{
    (void)state;
    char away[sizeof(fx.store) + 8];
    (void)snprintf(away, sizeof(away), "%s.away", fx.store);
    assert_int_equal(rename(fx.store, away), 0);
    fixture_set_now(FIXTURE_NOW + 20);
    assert_true(plugin.auth.tick(ctx, FIXTURE_NOW + 20) > 0);
    xg_stats stats = read_stats();
    assert_int_equal(stats.flags, XG_STATS_STALE | XG_STATS_LOAD_FAILED);
    assert_int_equal(stats.loads_ok, 1);
    assert_int_equal(stats.loads_failed, 1);
    assert_int_equal(stats.failed_at, FIXTURE_NOW + 20);
    assert_int_equal(stats.failed_reason, XG_REASON_STORE_UNREADABLE);
    assert_true(stats.error_len > 10);
    assert_int_equal(stats.generation, 1);
    assert_int_equal(stats.meshes, 2); /* that serve */
    assert_int_equal(plugin.auth.reload(ctx, fixture_str(""), NULL, 0), XG_REASON_STORE_UNREADABLE);
    assert_int_equal(read_stats().loads_failed, 2);
    assert_int_equal(rename(away, fx.store), 0);
    fixture_set_now(FIXTURE_NOW + 40);
    assert_true(plugin.auth.tick(ctx, FIXTURE_NOW + 40) > 0);
    stats = read_stats();
    assert_int_equal(stats.flags, 0);
    assert_int_equal(stats.loads_ok, 2);
    assert_int_equal(stats.loaded_at, FIXTURE_NOW + 40);
    assert_int_equal(stats.loads_failed, 2);
}

/* The operator reads the sentence whole, however little room the host had for it; and the host gets what fits. */
static void test_the_sentence_of_a_failed_reload_is_kept_whole(void **state)
{
    (void)state;
    char whole[512] = "";
    assert_int_equal(plugin.auth.reload(ctx, fixture_str("{\"stor\":1}"), whole, sizeof(whole)),
                     XG_REASON_CONFIG_MEMBER);
    assert_true(strlen(whole) > 20 && strlen(whole) < XG_STATS_ERROR_SIZE);
    for (size_t cap = 0; cap < 300; cap += 7) {
        char err[300];
        memset(err, PATTERN, sizeof(err));
        assert_int_equal(plugin.auth.reload(ctx, fixture_str("{"), NULL, 0), XG_REASON_CONFIG_JSON);
        assert_string_not_equal(read_stats().error, whole);
        assert_int_equal(plugin.auth.reload(ctx, fixture_str("{\"stor\":1}"), cap == 0 ? NULL : err, cap),
                         XG_REASON_CONFIG_MEMBER);
        xg_stats stats = read_stats();
        assert_string_equal(stats.error, whole);
        assert_int_equal(stats.failed_reason, XG_REASON_CONFIG_MEMBER);
        assert_int_equal(stats.flags, XG_STATS_LOAD_FAILED); /* what serves is what the store says */
        if (cap > 0) {
            size_t len = strlen(whole) < cap ? strlen(whole) : cap - 1;
            assert_memory_equal(err, whole, len);
            assert_int_equal(err[len], 0);
            assert_int_equal((unsigned char)err[len + 1 < sizeof(err) ? len + 1 : len],
                             len + 1 < sizeof(err) ? PATTERN : 0);
        }
    }
}

/* ---- waiting, forking, threads ---- */

static sem_t is_inside;
static sem_t may_leave;

/* Keeps a reload inside the plugin, with its lock held. */
static void stop_in_log(uintptr_t cookie, uint32_t level, uint32_t event, const char *message, size_t len)
{
    (void)level;
    (void)event;
    (void)message;
    (void)len;
    if (*(const bool *)cookie) { /* NOLINT: our own cookie */
        (void)sem_post(&is_inside);
        (void)sem_wait(&may_leave);
    }
}

static void *reload_once(void *of)
{
    (void)plugin.auth.reload(of, fixture_str(""), NULL, 0);
    return NULL;
}

/* The set that is refused is told while the store is being read: there the reload stands still. */
static void test_reading_never_waits_for_a_reload(void **state)
{
    (void)state;
    static bool is_stopping;
    char err[512] = "";
    pthread_t thread;
    char *config = fixture_config(&fx, "");
    xg_host host = fixture_host(plugin.abi);
    host.log = stop_in_log;
    host.cookie = (uintptr_t)&is_stopping;
    assert_int_equal(sem_init(&is_inside, 0, 0), 0);
    assert_int_equal(sem_init(&may_leave, 0, 0), 0);
    xg_ctx *slow = plugin.auth.create(&host, fixture_str(config), err, sizeof(err));
    assert_non_null(slow);
    fixture_write(&fx, "meshes/m1/keys/2.pem", "no key", 6);
    is_stopping = true;
    assert_int_equal(pthread_create(&thread, NULL, reload_once, slow), 0);
    (void)sem_wait(&is_inside);
    call(slow, FORGED, XG_REASON_SIGNATURE_INVALID);
    xg_stats stats = read_of(slow);
    assert_int_equal(stats.loads_ok, 1);
    assert_int_equal(stats.denied, 1);
    assert_int_equal(plugin.stats.denials(slow, NULL, 0), 1);
    is_stopping = false;
    (void)sem_post(&may_leave);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(read_of(slow).loads_ok, 2);
    assert_int_equal(plugin.auth.destroy(slow), XG_REASON_OK);
    fixture_remove(&fx, "meshes/m1/keys/2.pem");
    (void)sem_destroy(&is_inside);
    (void)sem_destroy(&may_leave);
    free(config);
}

static int child_reads_nothing(void)
{
    xg_stats stats = {.struct_size = sizeof(stats), .allowed = 7, .error = "before"};
    xg_denial_count row = {.reason = 7};
    if (plugin.stats.read(ctx, &stats) != XG_REASON_FORKED || stats.allowed != 0 || stats.error[0] != '\0') {
        return 1;
    }
    return plugin.stats.denials(ctx, &row, 1) == 0 && row.reason == 7 ? 0 : 2;
}

static void test_a_forked_child_reads_nothing(void **state)
{
    (void)state;
    int status = -1;
    call(ctx, GOOD, XG_REASON_OK);
    call(ctx, FORGED, XG_REASON_SIGNATURE_INVALID);
    pid_t child = fork();
    if (child == 0) {
        _exit(child_reads_nothing());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(read_stats().allowed, 1);
}

static void *call_in_a_loop(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < NUM_ROUNDS; i++) {
        xg_decision decision = {.struct_size = sizeof(decision)};
        xg_request request = fixture_dataplane_request(i % 8 == 0 ? good : "");
        (void)plugin.auth.authenticate(ctx, &request, &decision);
        request.credential = fixture_str("a.b");
        (void)plugin.auth.authenticate(ctx, &request, &decision);
    }
    return NULL;
}

/* Reads what never falls, while the others count. */
static void *read_in_a_loop(void *ret_is_right)
{
    uint64_t before = 0;
    *(bool *)ret_is_right = true;
    for (unsigned i = 0; i < NUM_ROUNDS; i++) {
        xg_stats stats = {.struct_size = sizeof(stats)};
        xg_denial_count rows[8];
        uint32_t reason = plugin.stats.read(ctx, &stats);
        size_t num_rows = plugin.stats.denials(ctx, rows, 8);
        bool is_falling = stats.allowed + stats.denied < before;
        before = stats.allowed + stats.denied;
        if (reason != XG_REASON_OK || is_falling || num_rows > 2) {
            *(bool *)ret_is_right = false;
        }
        (void)plugin.auth.reload(ctx, fixture_str(i % 2 == 0 ? "" : "{"), NULL, 0);
    }
    return NULL;
}

static void test_what_many_threads_count_adds_up(void **state)
{
    (void)state;
    pthread_t threads[NUM_THREADS + 2];
    bool is_right[2] = {false, false};
    for (unsigned i = 0; i < NUM_THREADS + 2; i++) {
        bool is_reader = i >= NUM_THREADS;
        assert_int_equal(pthread_create(&threads[i], NULL, is_reader ? read_in_a_loop : call_in_a_loop,
                                        is_reader ? &is_right[i - NUM_THREADS] : NULL),
                         0);
    }
    for (unsigned i = 0; i < NUM_THREADS + 2; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_true(is_right[0] && is_right[1]);
    static const xg_denial_count expected[] = {
        {.reason = XG_REASON_CREDENTIAL_EMPTY, .count = NUM_THREADS * NUM_ROUNDS / 8 * 7},
        {.reason = XG_REASON_CREDENTIAL_SEGMENTS, .count = NUM_THREADS * NUM_ROUNDS},
    };
    xg_denial_count rows[2];
    xg_stats stats = read_stats();
    assert_int_equal(stats.allowed, NUM_THREADS * NUM_ROUNDS / 8);
    assert_int_equal(stats.denied, expected[0].count + expected[1].count);
    assert_int_equal(stats.loads_ok, 1 + NUM_ROUNDS);
    assert_int_equal(stats.loads_failed, NUM_ROUNDS);
    assert_int_equal(stats.generation, stats.loads_ok);
    assert_int_equal(plugin.stats.denials(ctx, rows, 2), 2);
    assert_memory_equal(rows, expected, sizeof(rows));
}

/* ---- all of it ---- */

static int set_up(void **state)
{
    (void)state;
    support_load(&plugin);
    good = fixture_dataplane_token("stats");
    zone_token = fixture_zone_token("stats-zone");
    tampered = fixture_dataplane_token("tampered");
    tampered[strlen(tampered) - 10] = tampered[strlen(tampered) - 10] == 'A' ? 'B' : 'A';
    return plugin.stats.read != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    free(good);
    free(zone_token);
    free(tampered);
    xg_loader_close(&plugin);
    return 0;
}

static int set_up_context(void **state)
{
    (void)state;
    fixture_init(&fx);
    fixture_set_now(FIXTURE_NOW);
    ctx = support_create(&plugin, &fx);
    return 0;
}

static int tear_down_context(void **state)
{
    (void)state;
    uint32_t reason = plugin.auth.destroy(ctx);
    fixture_done(&fx);
    return reason == XG_REASON_OK ? 0 : -1;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_context, tear_down_context)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_query_knows_the_interface_by_its_whole_name),
        TEST(test_statistics_of_every_size),
        TEST(test_without_a_context_or_room_nothing_is_read),
        TEST(test_a_fresh_context_has_loaded_once_and_answered_nothing),
        TEST(test_answers_are_counted_by_reason),
        TEST(test_calls_without_an_answer_are_not_counted),
        TEST(test_every_entry_point_counts),
        TEST(test_two_contexts_share_no_counter),
        TEST(test_loads_are_counted_and_dated),
        TEST(test_reading_leaves_the_clock_alone),
        TEST(test_the_cache_counts_until_its_capacity_is_changed),
        TEST(test_a_refused_set_is_told_until_it_is_good_again),
        TEST(test_an_unreadable_store_is_a_failed_load_until_it_is_back),
        TEST(test_the_sentence_of_a_failed_reload_is_kept_whole),
        TEST(test_reading_never_waits_for_a_reload),
        TEST(test_a_forked_child_reads_nothing),
        TEST(test_what_many_threads_count_adds_up),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
