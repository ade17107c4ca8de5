/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_hammer.c: sixteen threads authenticate while one revokes, admits again, renews keys, turns the clock and reloads
 * in a loop, one ticks and one closes sessions. Made for ThreadSanitizer; the verdicts are checked in every build.
 *
 * The oracle (rule A11, as far as it goes without sessions) knows four phases. The writer says "revoked" only after the
 * reload that revokes has returned, and "admitted" only after the reload that admits again has; it takes either back
 * before it touches the store. A call that begins and ends within one such phase has one right answer. The writer goes
 * on when some calls have. Tokens that were always good or always bad never change.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi_support.h"

#define NUM_THREADS  16
#define NUM_ROUNDS   20
#define MIN_CALLS    50
#define CALLS_WANTED 4     /* of each phase that has one right answer */
#define WAIT_MS      20000 /* for them, on a machine with other things to do */

/* The phase is counted up and never back, so that a call can tell whether it spanned two. What it is, modulo four: */
enum { ADMITTED = 0, REVOKING = 1, REVOKED = 2, ADMITTING = 3 };

static fixture fx;
static xg_loader plugin;
static xg_ctx *ctx;
static char *config;
static char *good;
static char *sometimes_revoked;
static char *always_revoked;
static char *forged;
static char *zone;

static atomic_bool is_over;
static atomic_uint phase;
static atomic_uint num_wrong;
static atomic_uint num_calls[4]; /* within a phase, by what it is */
static atomic_uint num_events[XG_EVENT_STORE_REMARK + 1];

static void expect(uint32_t reason, uint32_t expected, const char *what)
{
    if (reason != expected) {
        (void)fprintf(stderr, "%s: reason %u, expected %u\n", what, reason, expected);
        atomic_fetch_add(&num_wrong, 1);
    }
}

/* ---- the threads that ask ---- */

static void ask_about_revoked(void)
{
    xg_request request = fixture_dataplane_request(sometimes_revoked);
    unsigned before = atomic_load(&phase);
    uint32_t reason = support_ask(&plugin, ctx, &request).reason;
    bool is_within = before == atomic_load(&phase);
    if (is_within && before % 4 == REVOKED) {
        expect(reason, XG_REASON_REVOKED_JTI, "a token whose revocation was in force");
    } else if (is_within && before % 4 == ADMITTED) {
        expect(reason, XG_REASON_OK, "a token that was admitted again");
    } else if (reason != XG_REASON_OK) {
        expect(reason, XG_REASON_REVOKED_JTI, "a token that is revoked at times");
    }
    if (is_within) {
        atomic_fetch_add(&num_calls[before % 4], 1);
    }
}

static void *authenticate_in_a_loop(void *arg)
{
    (void)arg;
    uint64_t generation = 0;
    for (unsigned calls = 0; calls < MIN_CALLS || !atomic_load(&is_over); calls++) {
        xg_request request = fixture_dataplane_request(good);
        xg_decision decision = support_ask(&plugin, ctx, &request);
        expect(decision.reason, XG_REASON_OK, "a good token");
        expect(decision.generation < generation, 0, "the generation went back for one thread:");
        generation = decision.generation;
        ask_about_revoked();
        request = fixture_dataplane_request(always_revoked);
        expect(support_ask(&plugin, ctx, &request).reason, XG_REASON_REVOKED_JTI, "a token that is always revoked");
        request = fixture_dataplane_request(forged);
        expect(support_ask(&plugin, ctx, &request).reason, XG_REASON_SIGNATURE_INVALID, "a forged token");
        request = fixture_zone_request(zone);
        expect(support_ask(&plugin, ctx, &request).reason, XG_REASON_OK, "a zone token");
    }
    return NULL;
}

/* ---- the writer ---- */

/* Into the next phase, 20 seconds later; in every other revocation, almost two minutes earlier. */
static void go_on(void)
{
    unsigned next = atomic_load(&phase) + 1;
    fixture_set_now(FIXTURE_NOW + 20 * (int64_t)next - (next % 8 == 4 + REVOKED ? 110 : 0));
    atomic_store(&phase, next);
}

static void wait_for_calls(unsigned in)
{
    const struct timespec pause = {0, 1000000};
    unsigned before = atomic_load(&num_calls[in]);
    for (unsigned ms = 0; ms < WAIT_MS && atomic_load(&num_calls[in]) - before < CALLS_WANTED; ms++) {
        (void)nanosleep(&pause, NULL);
    }
    expect(atomic_load(&num_calls[in]) - before >= CALLS_WANTED, 1, "calls that began and ended within one phase:");
}

static void write_list(const char *list)
{
    fixture_write(&fx, "meshes/m1/revoked", list, strlen(list));
}

/* The same key in a new file, of which the plugin makes a new object, while the old one is in use. */
static void renew_key(void)
{
    const char *pem = fixture_public_pem(FIXTURE_KEY_M1);
    fixture_write(&fx, "meshes/m1/keys/1.pem", pem, strlen(pem));
}

/* Once only: what it has read must serve when it returns. With another limit on the store, it is opened anew. */
static void reload(unsigned in_round)
{
    char *other = fixture_config(&fx, ",\"limits\":{\"meshes\":10}");
    const char *const texts[] = {"", other, "", config};
    expect(plugin.auth.reload(ctx, fixture_str(texts[in_round % 4]), NULL, 0), XG_REASON_OK, "reload");
    free(other);
}

static void *write_in_a_loop(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < NUM_ROUNDS; i++) {
        wait_for_calls(ADMITTED);
        go_on();
        write_list("always\nsometimes\n");
        renew_key(); /* and not below, where the object goes from one generation into the next */
        reload(i);
        go_on();
        wait_for_calls(REVOKED);
        go_on();
        write_list("always\n");
        reload(i);
        go_on();
    }
    wait_for_calls(ADMITTED);
    atomic_store(&is_over, true);
    return NULL;
}

/* ---- the others ---- */

/* With pauses: a tick at once would hide a reload that has not read everything. */
static void *tick_in_a_loop(void *arg)
{
    (void)arg;
    const struct timespec pause = {0, 3000000};
    while (!atomic_load(&is_over)) {
        expect(plugin.auth.tick(ctx, 0) > 0, 1, "tick");
        (void)nanosleep(&pause, NULL);
    }
    return NULL;
}

static void *close_in_a_loop(void *arg)
{
    (void)arg;
    for (uint64_t session = 1; !atomic_load(&is_over); session++) {
        plugin.auth.session_close(ctx, session);
        char name[64];
        expect(plugin.auth.workload_for_scope(fixture_str("m1"), 3, name, sizeof(name)), XG_REASON_OK, "workload");
    }
    return NULL;
}

static void run_threads(void)
{
    void *(*const others[])(void *) = {write_in_a_loop, tick_in_a_loop, close_in_a_loop};
    pthread_t threads[NUM_THREADS + 3];
    for (unsigned i = 0; i < NUM_THREADS + 3; i++) {
        if (pthread_create(&threads[i], NULL, i < NUM_THREADS ? authenticate_in_a_loop : others[i - NUM_THREADS],
                           NULL) != 0) {
            support_give_up("run threads");
        }
    }
    for (unsigned i = 0; i < NUM_THREADS + 3; i++) {
        (void)pthread_join(threads[i], NULL);
    }
}

/* ---- destroy while somebody is inside ---- */

static sem_t is_inside;
static sem_t may_leave;
static atomic_bool is_stopping;

/* A clock that keeps the call that asks it inside the plugin. */
static int64_t stop_time(uintptr_t cookie)
{
    (void)cookie;
    if (atomic_load(&is_stopping)) { /* not yet while the context is created, which asks for the time as well */
        (void)sem_post(&is_inside);
        (void)sem_wait(&may_leave);
    }
    return FIXTURE_NOW;
}

static void *authenticate_once(void *busy)
{
    xg_request request = fixture_dataplane_request(good);
    expect(support_ask(&plugin, busy, &request).reason, XG_REASON_OK, "a call during which destroy was tried");
    return NULL;
}

static void destroy_while_inside(void)
{
    char err[512] = "";
    pthread_t caller;
    xg_host host = fixture_host(plugin.abi);
    host.now = stop_time;
    xg_ctx *busy = plugin.auth.create(&host, fixture_str(config), err, sizeof(err));
    atomic_store(&is_stopping, true);
    if (busy == NULL || sem_init(&is_inside, 0, 0) != 0 || sem_init(&may_leave, 0, 0) != 0 ||
        pthread_create(&caller, NULL, authenticate_once, busy) != 0) {
        support_give_up("stop a call inside the plugin");
    }
    (void)sem_wait(&is_inside);
    expect(plugin.auth.destroy(busy), XG_REASON_BUSY, "destroy while a call is inside");
    (void)sem_post(&may_leave);
    (void)pthread_join(caller, NULL);
    expect(plugin.auth.destroy(busy), XG_REASON_OK, "destroy after it has returned");
    (void)sem_destroy(&is_inside);
    (void)sem_destroy(&may_leave);
}

/* ---- all of it ---- */

static void count_line(uintptr_t cookie, uint32_t level, uint32_t event, const char *message, size_t len)
{
    (void)cookie;
    expect(level <= XG_LOG_DEBUG && event <= XG_EVENT_STORE_REMARK && memchr(message, '\n', len) == NULL, 1, "log");
    atomic_fetch_add(&num_events[event % (XG_EVENT_STORE_REMARK + 1)], 1);
}

static void set_up(void)
{
    char err[512] = "";
    fixture_init(&fx);
    write_list("always\n");
    config = fixture_config(&fx, "");
    good = fixture_dataplane_token("good");
    sometimes_revoked = fixture_dataplane_token("sometimes");
    always_revoked = fixture_dataplane_token("always");
    forged = fixture_dataplane_token("forged");
    forged[strlen(forged) - 10] = forged[strlen(forged) - 10] == 'A' ? 'B' : 'A';
    zone = fixture_zone_token("zone");
    support_load(&plugin);
    xg_host host = fixture_host(plugin.abi);
    host.log = count_line;
    ctx = plugin.auth.create(&host, fixture_str(config), err, sizeof(err));
    if (ctx == NULL) {
        support_give_up(err);
    }
}

static void tear_down(void)
{
    xg_loader_close(&plugin);
    fixture_done(&fx);
    free(config);
    free(good);
    free(sometimes_revoked);
    free(always_revoked);
    free(forged);
    free(zone);
}

int main(void)
{
    set_up();
    run_threads();
    expect(plugin.auth.destroy(ctx), XG_REASON_OK, "destroy");
    destroy_while_inside();
    tear_down();
    unsigned num_loads = atomic_load(&num_events[XG_EVENT_STORE_LOADED]);
    unsigned num_refused =
        atomic_load(&num_events[XG_EVENT_SET_REFUSED]) + atomic_load(&num_events[XG_EVENT_STORE_FAILED]);
    unsigned num_backwards = atomic_load(&num_events[XG_EVENT_CLOCK_BACKWARDS]);
    expect(num_loads > 2 * NUM_ROUNDS, 1, "the store was loaded as often as it was to be:");
    expect(num_refused, 0, "sets that were refused:");
    expect(num_backwards >= NUM_ROUNDS / 2, 1, "the host was told each time that the clock went back:");
    printf("%u wrong; %u calls while a revocation was in force, %u while none was; %u loads, %u steps back\n",
           atomic_load(&num_wrong), atomic_load(&num_calls[REVOKED]), atomic_load(&num_calls[ADMITTED]), num_loads,
           num_backwards);
    return atomic_load(&num_wrong) == 0 ? 0 : 1;
}
