/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_hammer_sessions.c [SECONDS]: no invalidation is lost (rule A11). Sixteen threads register sessions and close
 * some of them at random, one revokes a random half of the tokens and reloads, one turns the clock and ticks. Made for
 * ThreadSanitizer; judged in every build. Two seconds unless told otherwise: tools/hammer.sh runs it for ten minutes.
 *
 * The oracle is the host's own book. A session stands in it as live from the moment authenticate has allowed it until
 * its owner closes it or the host is told of it. Once a revocation is in force (its reload has returned, and so has
 * every tick that may have read it first), no live session may rest on a revoked token; once a tick has ended a second,
 * none on a token that ended by then. So what the plugin denied and what it told must cover every token made invalid.
 * Nobody may be told of twice, nor for a token that was always good, nor for a reason that does not fit.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "abi_support.h"
#include "xdsgate/base.h"

#define NUM_THREADS  16u
#define SLOTS_EACH   64u
#define NUM_SLOTS    (NUM_THREADS * SLOTS_EACH)
#define NUM_TOKENS   24u /* of mesh m1, sometimes revoked; one more is always good */
#define GOOD         NUM_TOKENS
#define FLEETING     (NUM_TOKENS + 1) /* the present one of those that end within seconds */
#define FLEETING_MAX 100000u
#define FLEETING_FOR 6 /* seconds */

enum { FREE = 0, ASKING = 1, LIVE = 2 };

/* A line of the host's book. Written by its owner, but for is_told. */
typedef struct slot {
    atomic_uint_least64_t id;
    atomic_uint state;
    atomic_uint token;
    atomic_llong exp;
    atomic_uint num_told;
} slot;

static fixture fx;
static xg_loader plugin;
static xg_ctx *ctx;
static char *configs[2];
static slot slots[NUM_SLOTS];
static char *tokens[NUM_TOKENS + 1];
static char *all_fleeting[FLEETING_MAX];
static _Atomic(char *) fleeting;
static atomic_llong fleeting_exp;

static atomic_uint turns[NUM_THREADS]; /* of each thread's loop */
static atomic_bool is_over;
static atomic_bool is_keeping; /* nobody closes: what is lost stays to be seen */
static atomic_llong now;
static atomic_uint num_ticks;
static atomic_uint num_wrong;
static atomic_ullong num_allowed, num_denied, num_told, num_closed, num_checked;
static atomic_bool was_revoked[NUM_TOKENS + 1]; /* in some round so far */

static void complain(const char *what, uint64_t id, uint32_t detail)
{
    (void)fprintf(stderr, "%s: session %llu, %u\n", what, (unsigned long long)id, detail);
    atomic_fetch_add(&num_wrong, 1);
}

/* ---- the host ---- */

static void be_told(uintptr_t cookie, const xg_invalidation *items, size_t n)
{
    (void)cookie;
    if (n == 0 || n > 256) {
        complain("a batch of a size that may not be", 0, (uint32_t)n);
    }
    for (size_t i = 0; i < n; i++) {
        slot *s = &slots[items[i].session % NUM_SLOTS];
        uint32_t reason = items[i].reason;
        atomic_fetch_add(&num_told, 1);
        unsigned token = atomic_load(&s->token);
        if (atomic_load(&s->id) != items[i].session) {
            continue; /* its owner closed it, and has gone on, while it was on its way here */
        }
        if (atomic_fetch_add(&s->num_told, 1) != 0) {
            complain("told twice", items[i].session, reason);
        }
        bool fits = token == FLEETING ? reason == XG_REASON_EXPIRED
                                      : reason == XG_REASON_REVOKED_JTI && atomic_load(&was_revoked[token]);
        if (!fits && atomic_load(&s->id) == items[i].session) {
            complain("told for a reason that does not fit", items[i].session, reason);
        }
    }
}

static int64_t tell_time(uintptr_t cookie)
{
    (void)cookie;
    return atomic_load(&now);
}

/* ---- those who come and go ---- */

typedef struct worker {
    unsigned number;
    uint64_t random; /* xorshift: each thread its own, and the same in every run */
} worker;

static uint64_t draw(worker *w)
{
    w->random ^= w->random << 13;
    w->random ^= w->random >> 7;
    w->random ^= w->random << 17;
    return w->random;
}

static void register_in(worker *w, slot *s)
{
    static const uint32_t EXPECTED[] = {XG_REASON_OK, XG_REASON_REVOKED_JTI, XG_REASON_EXPIRED};
    unsigned token = (unsigned)(draw(w) % (FLEETING + 1));
    const char *text = token == FLEETING ? atomic_load(&fleeting) : tokens[token];
    uint64_t id = atomic_load(&s->id) + NUM_SLOTS;
    atomic_store(&s->id, id); /* first: be_told looks at it last */
    atomic_store(&s->token, token);
    atomic_store(&s->exp, token == FLEETING ? atomic_load(&fleeting_exp) : INT64_MAX);
    atomic_store(&s->num_told, 0);
    atomic_store(&s->state, ASKING);
    xg_request request = fixture_dataplane_request(text);
    request.session = id;
    uint32_t reason = support_ask(&plugin, ctx, &request).reason;
    bool is_known = reason == EXPECTED[0] || (token < GOOD && reason == EXPECTED[1]) ||
                    (token == FLEETING && reason == EXPECTED[2]);
    if (!is_known) {
        complain("denied for a reason that does not fit", id, reason);
    }
    atomic_fetch_add(reason == XG_REASON_OK ? &num_allowed : &num_denied, 1);
    atomic_store(&s->state, reason == XG_REASON_OK ? LIVE : FREE);
}

static void close_slot(slot *s)
{
    atomic_store(&s->state, FREE); /* in the book first: the plugin owes nothing for it from now on */
    plugin.auth.session_close(ctx, atomic_load(&s->id));
    atomic_fetch_add(&num_closed, 1);
}

static void *come_and_go(void *arg)
{
    worker *w = arg;
    while (!atomic_load(&is_over)) {
        slot *s = &slots[w->number * SLOTS_EACH + draw(w) % SLOTS_EACH];
        if (atomic_load(&s->state) == FREE) {
            register_in(w, s);
        } else if (atomic_load(&s->num_told) > 0) {
            atomic_store(&s->state, FREE);
        } else if (!atomic_load(&is_keeping) && draw(w) % 4 == 0) {
            close_slot(s);
        }
        atomic_fetch_add(&turns[w->number], 1);
    }
    return NULL;
}

/* ---- time ---- */

static void *tick_in_a_loop(void *arg)
{
    (void)arg;
    const struct timespec pause = {0, 5000000};
    while (!atomic_load(&is_over)) {
        int64_t second = atomic_fetch_add(&now, 1) + 1;
        if (plugin.auth.tick(ctx, second % 2 == 0 ? 0 : second) <= 0) {
            complain("tick", 0, 0);
        }
        atomic_fetch_add(&num_ticks, 1);
        (void)nanosleep(&pause, NULL);
    }
    return NULL;
}

/* ---- the writer, and the judge ---- */

/*
 * Two ticks from now, whatever a tick has read or ended before has been told; one turn of each thread from now, every
 * call that was under way has returned and stands in the book.
 */
static void wait_for_everyone(void)
{
    const struct timespec pause = {0, 1000000};
    unsigned ticks = atomic_load(&num_ticks);
    unsigned before[NUM_THREADS];
    for (unsigned i = 0; i < NUM_THREADS; i++) {
        before[i] = atomic_load(&turns[i]);
    }
    while (atomic_load(&num_ticks) - ticks < 2 && !atomic_load(&is_over)) {
        (void)nanosleep(&pause, NULL);
    }
    for (unsigned i = 0; i < NUM_THREADS; i++) {
        while (atomic_load(&turns[i]) == before[i] && !atomic_load(&is_over)) {
            (void)nanosleep(&pause, NULL);
        }
    }
}

static void check_book(const bool revoked[NUM_TOKENS + 1], int64_t ended)
{
    for (size_t i = 0; i < NUM_SLOTS; i++) {
        slot *s = &slots[i];
        uint64_t id = atomic_load(&s->id);
        bool is_live = atomic_load(&s->state) == LIVE && atomic_load(&s->num_told) == 0;
        unsigned token = atomic_load(&s->token);
        int64_t exp = atomic_load(&s->exp);
        /* Looked at again in the opposite order: its owner may have gone on meanwhile. */
        is_live =
            is_live && atomic_load(&s->num_told) == 0 && atomic_load(&s->state) == LIVE && atomic_load(&s->id) == id;
        if (is_live && token <= GOOD && revoked[token]) {
            complain("lost: lives on a revoked token", id, token);
        } else if (is_live && exp <= ended) {
            complain("lost: lives on a token that has ended", id, token);
        }
        atomic_fetch_add(&num_checked, is_live ? 1 : 0);
    }
}

static void mint_fleeting(unsigned in_round)
{
    char claims[256];
    int64_t exp = atomic_load(&now) + FLEETING_FOR;
    (void)snprintf(claims, sizeof(claims),
                   "{\"Name\":\"web-1\",\"Mesh\":\"m1\",\"exp\":%lld,\"iat\":%lld,\"jti\":\"f-%u\"}", (long long)exp,
                   (long long)FIXTURE_NOW, in_round);
    all_fleeting[in_round] = fixture_sign_claims(FIXTURE_KEY_M1, claims);
    /* Between the two a session may be booked with the new end and the old token: an end too late proves less. */
    atomic_store(&fleeting_exp, exp);
    atomic_store(&fleeting, all_fleeting[in_round]);
}

static void revoke(worker *w, bool revoked[NUM_TOKENS + 1])
{
    char storage[NUM_TOKENS * 8 + 16];
    xg_text list;
    xg_text_init(&list, storage, sizeof(storage));
    xg_text_printf(&list, "# half\n");
    for (unsigned i = 0; i < NUM_TOKENS; i++) {
        revoked[i] = draw(w) % 2 == 0;
        if (revoked[i]) {
            xg_text_printf(&list, "t%u\n", i);
            atomic_store(&was_revoked[i], true);
        }
    }
    fixture_write(&fx, "meshes/m1/revoked", list.ptr, list.len);
}

/*
 * By turns without the cache: a verification lies between judging and registering then, which is where a change must
 * not be missed. In the rounds between, the configuration stays, and only what changed in the store is walked.
 */
static void reload(unsigned in_round)
{
    const char *text = in_round % 8 == 1 ? configs[in_round / 8 % 2] : "";
    if (plugin.auth.reload(ctx, fixture_str(text), NULL, 0) != XG_REASON_OK) {
        complain("reload", 0, in_round);
    }
}

static void *write_in_a_loop(void *arg)
{
    worker *w = arg;
    bool revoked[NUM_TOKENS + 1];
    for (unsigned round = 1; !atomic_load(&is_over) && round < FLEETING_MAX; round++) {
        memset(revoked, 0, sizeof(revoked));
        mint_fleeting(round);
        revoke(w, revoked);
        atomic_store(&is_keeping, round % 2 == 0);
        reload(round);
        int64_t ended = atomic_load(&now);
        wait_for_everyone();
        if (!atomic_load(&is_over)) {
            check_book(revoked, ended);
        }
        if (atomic_exchange(&is_keeping, false)) {
            wait_for_everyone(); /* who may close now */
        }
    }
    atomic_store(&is_over, true);
    return NULL;
}

/* ---- all of it ---- */

static void set_up(void)
{
    char err[512] = "";
    fixture_init(&fx);
    configs[0] = fixture_config(&fx, ",\"limits\":{\"cached_tokens\":0}");
    configs[1] = fixture_config(&fx, "");
    for (unsigned i = 0; i <= NUM_TOKENS; i++) {
        char claims[256];
        (void)snprintf(claims, sizeof(claims),
                       "{\"Name\":\"web-1\",\"Mesh\":\"m1\",\"exp\":%lld,\"iat\":%lld,\"jti\":\"t%u\"}",
                       (long long)FIXTURE_NOW + 100000000, (long long)FIXTURE_NOW, i);
        tokens[i] = fixture_sign_claims(FIXTURE_KEY_M1, claims);
    }
    for (unsigned i = 0; i < NUM_SLOTS; i++) {
        atomic_init(&slots[i].id, i);
    }
    atomic_store(&now, FIXTURE_NOW);
    mint_fleeting(0);
    support_load(&plugin);
    xg_host host = fixture_host(plugin.abi);
    host.now = tell_time;
    host.on_session_invalidated = be_told;
    ctx = plugin.auth.create(&host, fixture_str(configs[1]), err, sizeof(err));
    if (ctx == NULL) {
        support_give_up(err);
    }
}

static void run_for(long seconds)
{
    pthread_t threads[NUM_THREADS + 2];
    worker workers[NUM_THREADS + 1];
    const struct timespec pause = {.tv_sec = seconds};
    for (unsigned i = 0; i < NUM_THREADS + 2; i++) {
        void *(*run)(void *) = i < NUM_THREADS ? come_and_go : i == NUM_THREADS ? write_in_a_loop : tick_in_a_loop;
        if (i <= NUM_THREADS) {
            workers[i] = (worker){.number = i, .random = (i + 1) * UINT64_C(0x9e3779b97f4a7c15)};
        }
        if (pthread_create(&threads[i], NULL, run, i <= NUM_THREADS ? &workers[i] : NULL) != 0) {
            support_give_up("run threads");
        }
    }
    (void)nanosleep(&pause, NULL);
    atomic_store(&is_over, true);
    for (unsigned i = 0; i < NUM_THREADS + 2; i++) {
        (void)pthread_join(threads[i], NULL);
    }
}

/* Everything is quiet: what is live in the book is live in the plugin, and can be closed and registered anew. */
static void check_the_end(void)
{
    for (size_t i = 0; i < NUM_SLOTS; i++) {
        if (atomic_load(&slots[i].state) == LIVE && atomic_load(&slots[i].num_told) == 0) {
            xg_request request = fixture_dataplane_request(tokens[GOOD]);
            request.name = fixture_str("web-1");
            request.session = atomic_load(&slots[i].id);
            if (support_ask(&plugin, ctx, &request).reason != XG_REASON_SESSION_DUPLICATE) {
                complain("lost: the plugin does not know a session that was never told of", request.session, 0);
            }
        }
    }
}

int main(int argc, char **argv)
{
    long seconds = argc > 1 ? strtol(argv[1], NULL, 10) : 2;
    set_up();
    run_for(seconds);
    check_the_end();
    if (plugin.auth.destroy(ctx) != XG_REASON_OK) {
        complain("destroy", 0, 0);
    }
    xg_loader_close(&plugin);
    fixture_done(&fx);
    for (unsigned i = 0; i < FLEETING_MAX; i++) {
        free(all_fleeting[i]);
    }
    for (unsigned i = 0; i <= NUM_TOKENS; i++) {
        free(tokens[i]);
    }
    free(configs[0]);
    free(configs[1]);
    printf("%u wrong; %llu allowed, %llu denied, %llu told, %llu closed, %llu live sessions checked\n",
           atomic_load(&num_wrong), atomic_load(&num_allowed), atomic_load(&num_denied), atomic_load(&num_told),
           atomic_load(&num_closed), atomic_load(&num_checked));
    bool was_tried = atomic_load(&num_allowed) > 0 && atomic_load(&num_denied) > 0 && atomic_load(&num_told) > 0 &&
                     atomic_load(&num_checked) > 0;
    return atomic_load(&num_wrong) == 0 && was_tried ? 0 : 1;
}
