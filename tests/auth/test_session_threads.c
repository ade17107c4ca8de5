/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_session_threads.c: sessions come and go on several threads while one changes what is admitted and judges again,
 * one lets time pass, and one changes the capacity. Made for ThreadSanitizer; the verdicts are checked in every build.
 *
 * The oracle. Who comes in does what the decision does: takes the state that is public, judges by it, and registers
 * with its generation. Each id comes in once at most, so in the end it is still in the table, or was closed, or was
 * told, and exactly one of these once; a few proxies come again and again with newer tokens, and may have been told as
 * often as they came. And whenever the writer has judged again, nobody is left whom its state refuses (rule A11); nor,
 * once time has passed, who should have ended.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "xdsgate/session.h"

#define NUM_COMERS      4u
#define NUM_GENERATIONS 400u
#define IDS_OF_EACH     6000u
#define NUM_IDS         (NUM_COMERS * IDS_OF_EACH)
#define NUM_REPEATED    64u /* the ids behind the others: proxies that come again and again */
#define CAPACITY        600u
#define LAST_SECOND     300u
#define STEP            (NUM_IDS / NUM_GENERATIONS) /* ids for each generation, so that neither is through early */
#define YIELDS          10u

/* The key sets: of three meshes, the one for any mesh, the zone's. */
#define NUM_MESHES 3u
#define SHARED     3u
#define ZONE       4u
#define NUM_SETS   5u

/* Immutable once it is public. A set refuses a fifth of its sessions; which, depends on its salt. */
typedef struct state {
    uint64_t generation;
    uint32_t salts[NUM_SETS];
} state;

static xg_sessions *sessions;
static state states[NUM_GENERATIONS + 1];
static _Atomic(const state *) public_state;
static atomic_bool is_over;
static atomic_uint num_wrong;
static atomic_uint num_tried; /* ids */

/* How often each id came in, was closed by us, and was told. */
static atomic_uint num_come[NUM_IDS + NUM_REPEATED];
static atomic_uint num_closed[NUM_IDS + NUM_REPEATED];
static atomic_uint num_told[NUM_IDS + NUM_REPEATED];
static atomic_uint num_outcomes[5]; /* come, refused by the state, unsettled, expired, full: all must have been met */

enum { COME, REFUSED, UNSETTLED, TOO_LATE, FULL };

static void wrong_unless(bool is_right)
{
    if (!is_right) {
        atomic_fetch_add(&num_wrong, 1);
    }
}

static uint64_t draw(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 33;
}

/* ---- the rules ---- */

static uint64_t number_of(const xg_grant *grant)
{
    uint64_t id;
    memcpy(&id, grant->fingerprint, sizeof(id));
    return id;
}

static unsigned set_of(const xg_grant *grant)
{
    if (grant->token_kind == XG_TOKEN_ZONE) {
        return ZONE;
    }
    return grant->is_key_shared ? SHARED : (unsigned)(grant->mesh.ptr[0] - 'a');
}

static bool is_refused(const state *s, const xg_grant *grant)
{
    uint64_t seed = number_of(grant) * NUM_GENERATIONS + s->salts[set_of(grant)];
    (void)draw(&seed);
    return draw(&seed) % 5 == 0;
}

static xg_result judge(void *arg, const xg_grant *grant)
{
    return is_refused(arg, grant) ? XG_FAIL(REVOKED_JTI) : XG_OK;
}

static xg_result check_settled(void *arg, const xg_grant *grant)
{
    wrong_unless(!is_refused(arg, grant));
    return XG_OK;
}

static xg_grant make_grant(uint64_t id, int64_t iat, char mesh[2])
{
    xg_grant grant = {.token_kind = XG_TOKEN_DATAPLANE, .request_kind = XG_KIND_DATAPLANE, .has_iat = true, .iat = iat};
    mesh[0] = (char)('a' + id % NUM_MESHES);
    mesh[1] = '\0';
    if (id % 7 == 0) {
        grant.token_kind = XG_TOKEN_ZONE;
        grant.request_kind = XG_KIND_ZONE_EGRESS;
    } else {
        grant.mesh = (xg_str){mesh, 1};
        grant.is_key_shared = (id + (uint64_t)iat) % 4 == 0; /* which can change when the proxy comes again */
    }
    memcpy(grant.fingerprint, &id, sizeof(id));
    return grant;
}

/* ---- coming ---- */

static void come(uint64_t id, int64_t iat, int64_t ends)
{
    char mesh[2];
    const xg_grant grant = make_grant(id, iat, mesh);
    for (;;) {
        const state *s = atomic_load(&public_state);
        if (is_refused(s, &grant)) {
            atomic_fetch_add(&num_outcomes[REFUSED], 1);
            return;
        }
        for (unsigned i = 0; id % 16 == 0 && i < YIELDS && s == atomic_load(&public_state); i++) {
            sched_yield(); /* or a change hardly ever falls in between */
        }
        uint32_t reason = xg_result_reason(xg_sessions_add(sessions, id, &grant, s->generation, ends));
        wrong_unless(xg_sessions_count(sessions) <= CAPACITY);
        if (reason == XG_REASON_OK) {
            atomic_fetch_add(&num_come[id], 1);
            atomic_fetch_add(&num_outcomes[COME], 1);
        } else if (reason == XG_REASON_SESSION_UNSETTLED) {
            atomic_fetch_add(&num_outcomes[UNSETTLED], 1);
            continue;
        } else if (reason == XG_REASON_EXPIRED) {
            atomic_fetch_add(&num_outcomes[TOO_LATE], 1);
        } else if (reason == XG_REASON_SESSION_LIMIT) {
            atomic_fetch_add(&num_outcomes[FULL], 1);
        } else {
            wrong_unless(reason == XG_REASON_SESSION_DUPLICATE && id >= NUM_IDS);
        }
        return;
    }
}

static void *come_in_a_loop(void *arg)
{
    uint64_t first = *(const uint64_t *)arg;
    uint64_t seed = first + 1;
    for (unsigned i = 0; i < IDS_OF_EACH; i++) {
        come(first + i, 1, draw(&seed) % 2 == 0 ? INT64_MAX : (int64_t)(draw(&seed) % (2 * LAST_SECOND)));
        come(NUM_IDS + draw(&seed) % NUM_REPEATED, i + 2, INT64_MAX);
        uint64_t tried = atomic_fetch_add(&num_tried, 1);
        while (tried > (atomic_load(&public_state)->generation + 2) * STEP) {
            sched_yield();
        }
    }
    return NULL;
}

static void *close_in_a_loop(void *arg)
{
    uint64_t seed = *(const uint64_t *)arg + 77;
    for (unsigned i = 0; !atomic_load(&is_over); i++) {
        if (i % 16 == 0) {
            sched_yield();
        }
        uint64_t id = draw(&seed) % (NUM_IDS + NUM_REPEATED);
        if (xg_sessions_close(sessions, id)) {
            atomic_fetch_add(&num_closed[id], 1);
        }
    }
    return NULL;
}

/* ---- changing ---- */

static void tell(xg_ended **chain, uint32_t reason)
{
    xg_invalidation items[16];
    for (size_t n = xg_ended_take(chain, items, 16); n > 0; n = xg_ended_take(chain, items, 16)) {
        for (size_t i = 0; i < n; i++) {
            wrong_unless(items[i].reason == reason);
            atomic_fetch_add(&num_told[items[i].session], 1);
        }
    }
}

static void judge_set(unsigned set, state *s, xg_ended **chain)
{
    static const char MESHES[NUM_MESHES][2] = {"a", "b", "c"};
    if (set == SHARED) {
        xg_sessions_judge_shared(sessions, judge, s, chain);
    } else if (set == ZONE) {
        xg_sessions_judge_zone(sessions, judge, s, chain);
    } else {
        xg_sessions_judge_mesh(sessions, xg_str_of(MESHES[set]), judge, s, chain);
    }
}

/* One set changes with each generation, all of them with some. */
static void *change_in_a_loop(void *arg)
{
    (void)arg;
    for (unsigned g = 1; g <= NUM_GENERATIONS; g++) {
        state *s = &states[g];
        xg_ended *chain = NULL;
        while (atomic_load(&num_tried) + STEP < g * STEP) {
            sched_yield();
        }
        *s = states[g - 1];
        s->generation = g + 1;
        bool is_all = g % 8 == 0;
        for (unsigned set = 0; set < NUM_SETS; set++) {
            s->salts[set] = is_all || set == g % NUM_SETS ? g : s->salts[set];
        }
        atomic_store(&public_state, s);
        xg_sessions_begin_generation(sessions, s->generation);
        if (is_all) {
            xg_sessions_judge_all(sessions, judge, s, &chain);
        } else {
            judge_set(g % NUM_SETS, s, &chain);
        }
        xg_ended *none = NULL;
        xg_sessions_judge_all(sessions, check_settled, s, &none);
        wrong_unless(none == NULL);
        tell(&chain, XG_REASON_REVOKED_JTI);
        sched_yield();
    }
    return NULL;
}

static void *let_time_pass(void *arg)
{
    (void)arg;
    for (unsigned now = 0; now < LAST_SECOND;) {
        xg_ended *chain = NULL;
        now = atomic_load(&num_tried) * LAST_SECOND / NUM_IDS;
        xg_sessions_expire(sessions, now, &chain);
        tell(&chain, XG_REASON_EXPIRED);
        sched_yield();
    }
    return NULL;
}

/* Never above what is asserted. */
static void *change_the_capacity(void *arg)
{
    (void)arg;
    for (size_t i = 0; !atomic_load(&is_over); i++) {
        xg_sessions_set_capacity(sessions, CAPACITY - i % 5 * (CAPACITY / 4));
        sched_yield();
    }
    xg_sessions_set_capacity(sessions, CAPACITY);
    return NULL;
}

/* ---- the verdict ---- */

static xg_result count_left(void *arg, const xg_grant *grant)
{
    unsigned *num_left = arg;
    num_left[number_of(grant)]++;
    return XG_OK;
}

static void check_everyone(void)
{
    unsigned *num_left = test_calloc(NUM_IDS + NUM_REPEATED, sizeof(*num_left));
    size_t count = 0;
    xg_ended *chain = NULL;
    xg_sessions_judge_all(sessions, count_left, num_left, &chain);
    assert_null(chain);
    for (size_t id = 0; id < NUM_IDS + NUM_REPEATED; id++) {
        unsigned gone = atomic_load(&num_closed[id]) + atomic_load(&num_told[id]);
        unsigned come = atomic_load(&num_come[id]);
        assert_in_range(num_left[id], 0, 1);
        if (id < NUM_IDS) {
            assert_int_equal(gone + num_left[id], come);
        } else { /* a token that moved a session over is nobody's leaving */
            assert_in_range(gone + num_left[id], come > 0 ? 1 : 0, come);
        }
        count += num_left[id];
    }
    assert_int_equal(xg_sessions_count(sessions), count);
    xg_sessions_judge_all(sessions, check_settled, &states[NUM_GENERATIONS], &chain);
    assert_int_equal(atomic_load(&num_wrong), 0);
    test_free(num_left);
}

static void test_everyone_who_came_is_there_or_was_closed_or_was_told_and_nobody_stays_who_is_refused(void **unused)
{
    void *(*const loops[])(void *) = {come_in_a_loop,   come_in_a_loop,  come_in_a_loop,     come_in_a_loop,
                                      change_in_a_loop, let_time_pass, /* those above come to an end of their own */
                                      close_in_a_loop,  close_in_a_loop, change_the_capacity};
    pthread_t threads[XG_ARRAY_LEN(loops)];
    uint64_t firsts[XG_ARRAY_LEN(loops)];
    xg_ended *chain = NULL;
    (void)unused;
    assert_true(xg_is_ok(xg_sessions_new(&sessions)));
    states[0].generation = 1;
    xg_sessions_begin_generation(sessions, 1);
    atomic_store(&public_state, &states[0]);
    for (size_t i = 0; i < XG_ARRAY_LEN(loops); i++) {
        firsts[i] = i * IDS_OF_EACH;
        assert_int_equal(pthread_create(&threads[i], NULL, loops[i], &firsts[i]), 0);
    }
    for (size_t i = 0; i < XG_ARRAY_LEN(loops); i++) {
        /* cppcheck-suppress uninitvar */
        if (loops[i] == close_in_a_loop) {
            atomic_store(&is_over, true);
        }
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    check_everyone();
    for (size_t i = 0; i < XG_ARRAY_LEN(num_outcomes); i++) {
        assert_in_range(atomic_load(&num_outcomes[i]), 1, UINT32_MAX);
    }
    xg_sessions_expire(sessions, LAST_SECOND, &chain);
    assert_null(chain); /* the last sweep, and what add refused since, left nobody who should have ended */
    xg_sessions_free(sessions);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everyone_who_came_is_there_or_was_closed_or_was_told_and_nobody_stays_who_is_refused),
    };
    return cmocka_run_group_tests_name("session threads", tests, NULL, NULL);
}
