/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_hammer.c: sixteen threads authenticate while one revokes, admits again and reloads in a loop, one ticks and one
 * closes sessions. Made for ThreadSanitizer; the verdicts are checked in every build.
 *
 * The oracle (rule A11, as far as it goes without sessions): the writer says "revoked" only after the reload that
 * revokes has returned, and takes it back before it admits again. A call that begins while "revoked" is said, and ends
 * before it is taken back, must deny. Tokens that were always good or always bad never change.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi_support.h"

#define NUM_THREADS 16
#define NUM_SWAPS   15
#define MIN_CALLS   50

static fixture fx;
static xg_loader plugin;
static xg_ctx *ctx;
static char *good;
static char *sometimes_revoked;
static char *always_revoked;
static char *forged;
static char *zone;

static atomic_bool is_over;
static atomic_uint revoked_epoch; /* odd while "revoked" is said */
static atomic_uint num_wrong;
static atomic_uint num_denied_in_time;

static void expect(uint32_t reason, uint32_t expected, const char *what)
{
    if (reason != expected) {
        (void)fprintf(stderr, "%s: reason %u, expected %u\n", what, reason, expected);
        atomic_fetch_add(&num_wrong, 1);
    }
}

static void ask_about_revoked(void)
{
    xg_request request = fixture_dataplane_request(sometimes_revoked);
    unsigned before = atomic_load(&revoked_epoch);
    uint32_t reason = support_ask(&plugin, ctx, &request).reason;
    unsigned after = atomic_load(&revoked_epoch);
    if (before == after && before % 2 == 1) {
        expect(reason, XG_REASON_REVOKED_JTI, "a token whose revocation was in force");
        atomic_fetch_add(&num_denied_in_time, 1);
    } else if (reason != XG_REASON_OK) {
        expect(reason, XG_REASON_REVOKED_JTI, "a token that is revoked at times");
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

static void write_list(const char *list)
{
    fixture_write(&fx, "meshes/m1/revoked", list, strlen(list));
}

static void *reload_in_a_loop(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < NUM_SWAPS; i++) {
        write_list("always\nsometimes\n");
        expect(plugin.auth.reload(ctx, fixture_str(""), NULL, 0), XG_REASON_OK, "reload");
        atomic_fetch_add(&revoked_epoch, 1);
        struct timespec pause = {0, 2000000}; /* lets calls begin and end in between; nothing depends on it */
        (void)nanosleep(&pause, NULL);
        atomic_fetch_add(&revoked_epoch, 1);
        write_list("always\n");
        expect(plugin.auth.reload(ctx, fixture_str(""), NULL, 0), XG_REASON_OK, "reload");
    }
    atomic_store(&is_over, true);
    return NULL;
}

static void *tick_in_a_loop(void *arg)
{
    (void)arg;
    while (!atomic_load(&is_over)) {
        expect(plugin.auth.tick(ctx, FIXTURE_NOW) > 0, 1, "tick");
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

/* destroy while others are inside: busy, or refused later, never freed under them. Here: nobody is inside any more. */
static void run_threads(void)
{
    void *(*const others[])(void *) = {reload_in_a_loop, tick_in_a_loop, close_in_a_loop};
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

int main(void)
{
    fixture_init(&fx);
    write_list("always\n");
    good = fixture_dataplane_token("good");
    sometimes_revoked = fixture_dataplane_token("sometimes");
    always_revoked = fixture_dataplane_token("always");
    forged = fixture_dataplane_token("forged");
    forged[strlen(forged) - 10] = forged[strlen(forged) - 10] == 'A' ? 'B' : 'A';
    zone = fixture_zone_token("zone");
    support_load(&plugin);
    ctx = support_create(&plugin, &fx);
    run_threads();
    expect(plugin.auth.destroy(ctx), XG_REASON_OK, "destroy");
    xg_loader_close(&plugin);
    fixture_done(&fx);
    free(good);
    free(sometimes_revoked);
    free(always_revoked);
    free(forged);
    free(zone);
    printf("%u wrong, %u calls while a revocation was in force\n", atomic_load(&num_wrong),
           atomic_load(&num_denied_in_time));
    return atomic_load(&num_wrong) == 0 && atomic_load(&num_denied_in_time) > 0 ? 0 : 1;
}
