/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_session.c: the table of live sessions: who is taken in, what each walk looks at, what ends and is told, and that
 * no failure changes anything. One thread; what threads do to each other is in test_session_threads.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <sys/types.h>

#include "xdsgate/session.h"

#define ROOM 100000u

#define CHECK(result, reason) assert_int_equal(xg_result_reason(result), (reason))

/* ---- seams: this program is linked with --wrap for each of them ---- */

static struct {
    long num_left; /* allocations until one fails; below 0: none does */
    bool is_lasting;
    bool is_of_buckets_only; /* calloc */
    long num_asked;
} memory = {.num_left = -1};

static bool must_fail(void)
{
    memory.num_asked++;
    if (memory.num_left != 0) {
        memory.num_left -= memory.num_left > 0 ? 1 : 0;
        return false;
    }
    memory.num_left = memory.is_lasting ? 0 : -1;
    errno = ENOMEM;
    return true;
}

extern void *__real_malloc(size_t size);
extern void *__real_calloc(size_t count, size_t size);
extern void *__real_realloc(void *old, size_t size);
extern void *__real_aligned_alloc(size_t alignment, size_t size);
extern ssize_t __real_getrandom(void *buffer, size_t len, unsigned flags);
extern int __real_pthread_mutex_lock(pthread_mutex_t *lock);
extern int __real_pthread_mutex_unlock(pthread_mutex_t *lock);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
ssize_t __wrap_getrandom(void *buffer, size_t len, unsigned flags);
int __wrap_pthread_mutex_lock(pthread_mutex_t *lock);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *lock);

void *__wrap_malloc(size_t size)
{
    return !memory.is_of_buckets_only && must_fail() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return must_fail() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return !memory.is_of_buckets_only && must_fail() ? NULL : __real_realloc(old, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return !memory.is_of_buckets_only && must_fail() ? NULL : __real_aligned_alloc(alignment, size);
}

static struct {
    int num_interrupted;
    bool is_short;
    bool is_refused;
} kernel;

ssize_t __wrap_getrandom(void *buffer, size_t len, unsigned flags)
{
    if (kernel.num_interrupted > 0) {
        kernel.num_interrupted--;
        errno = EINTR;
        return -1;
    }
    if (kernel.is_refused) {
        errno = ENOSYS;
        return -1;
    }
    ssize_t got = __real_getrandom(buffer, len, flags);
    return kernel.is_short ? got - 1 : got;
}

static struct {
    long num_taken;
    long num_held;
    long most_held;
    pthread_mutex_t *last;
    bool is_twice; /* one lock twice in a row */
} locks;

int __wrap_pthread_mutex_lock(pthread_mutex_t *lock)
{
    locks.num_taken++;
    locks.num_held++;
    locks.most_held = locks.num_held > locks.most_held ? locks.num_held : locks.most_held;
    locks.is_twice = locks.is_twice || locks.last == lock;
    locks.last = lock;
    return __real_pthread_mutex_lock(lock);
}

int __wrap_pthread_mutex_unlock(pthread_mutex_t *lock)
{
    locks.num_held--;
    return __real_pthread_mutex_unlock(lock);
}

/* ---- a table, and what is in it ---- */

static int set_up(void **state)
{
    xg_sessions *sessions = NULL;
    CHECK(xg_sessions_new(&sessions), XG_REASON_OK);
    xg_sessions_set_capacity(sessions, ROOM);
    *state = sessions;
    return 0;
}

static int tear_down(void **state)
{
    xg_sessions_free(*state);
    return 0;
}

/* A grant whose fingerprint begins with the number of the session, so that a judge knows which it is. */
static xg_grant a_grant(uint64_t id)
{
    xg_grant grant = {
        .token_kind = XG_TOKEN_DATAPLANE,
        .request_kind = XG_KIND_DATAPLANE,
        .request_flags = XG_FLAG_IDENTITY_FROM_WORKLOAD,
        .binds = XG_BINDS_NAME | XG_BINDS_WORKLOAD,
        .has_exp = true,
        .has_iat = true,
        .exp = 2000,
        .iat = 1000,
        .mesh = XG_STR("m"),
        .proxy = XG_STR("p"),
        .kid = XG_STR("1"),
        .jti = XG_STR("j"),
        .name = XG_STR("n"),
        .workload = XG_STR("w"),
    };
    memcpy(grant.fingerprint, &id, sizeof(id));
    return grant;
}

static xg_grant a_zone_grant(uint64_t id, uint32_t kind)
{
    xg_grant grant = a_grant(id);
    grant.token_kind = XG_TOKEN_ZONE;
    grant.request_kind = kind;
    grant.mesh = (xg_str){NULL, 0};
    return grant;
}

static void add(xg_sessions *sessions, uint64_t id, const xg_grant *grant, int64_t ends)
{
    CHECK(xg_sessions_add(sessions, id, grant, 1, ends), XG_REASON_OK);
}

/* What a judge saw: the numbers of the sessions below 64, each as often as it was asked about. */
typedef struct bench {
    uint64_t seen;
    size_t count;
    uint64_t refused; /* one bit for each number */
    xg_result failure;
    xg_grant last; /* slices are the table's */
} bench;

static uint64_t number_of(const xg_grant *grant)
{
    uint64_t id;
    memcpy(&id, grant->fingerprint, sizeof(id));
    return id;
}

static uint64_t bit(uint64_t id)
{
    return id < 64 ? UINT64_C(1) << id : 0;
}

static xg_result judge(void *arg, const xg_grant *grant)
{
    bench *b = arg;
    b->seen |= bit(number_of(grant));
    b->count++;
    b->last = *grant;
    return (b->refused & bit(number_of(grant))) != 0 ? b->failure : XG_OK;
}

static xg_result judge_away(void *arg, const xg_grant *grant)
{
    (void)arg;
    (void)grant;
    return XG_FAIL(REVOKED_KID);
}

/* Who is in the table, each once. */
static uint64_t who(xg_sessions *sessions)
{
    bench b = {0};
    xg_ended *chain = NULL;
    xg_sessions_judge_all(sessions, judge, &b, &chain);
    assert_null(chain);
    assert_int_equal(b.count, xg_sessions_count(sessions));
    assert_int_equal(b.count, (size_t)__builtin_popcountll(b.seen));
    return b.seen;
}

/* All of the chain, as one bit for each number; every reason is this one. */
static uint64_t told(xg_ended **chain, uint32_t reason)
{
    uint64_t ids = 0;
    xg_invalidation item;
    while (xg_ended_take(chain, &item, 1) == 1) {
        assert_int_equal(item.reason, reason);
        assert_int_equal(item.reserved, 0);
        assert_int_equal(ids & bit(item.session), 0);
        ids |= bit(item.session);
    }
    assert_null(*chain);
    return ids;
}

static void assert_same(const xg_grant *a, const xg_grant *b)
{
    assert_int_equal(a->token_kind, b->token_kind);
    assert_int_equal(a->request_kind, b->request_kind);
    assert_int_equal(a->request_flags, b->request_flags);
    assert_int_equal(a->binds, b->binds);
    assert_int_equal(a->is_key_shared, b->is_key_shared);
    assert_int_equal(a->has_exp, b->has_exp);
    assert_int_equal(a->has_iat, b->has_iat);
    assert_true(a->exp == b->exp && a->iat == b->iat);
    assert_true(xg_str_eq(a->mesh, b->mesh) && xg_str_eq(a->proxy, b->proxy) && xg_str_eq(a->kid, b->kid));
    assert_true(xg_str_eq(a->jti, b->jti) && xg_str_eq(a->name, b->name) && xg_str_eq(a->workload, b->workload));
    assert_memory_equal(a->fingerprint, b->fingerprint, sizeof(a->fingerprint));
}

/* The one session of the table is this. */
static void assert_only(xg_sessions *sessions, const xg_grant *grant)
{
    bench b = {0};
    xg_ended *chain = NULL;
    xg_sessions_judge_all(sessions, judge, &b, &chain);
    assert_int_equal(b.count, 1);
    assert_same(&b.last, grant);
}

/* ---- a table ---- */

static void test_a_new_table_has_nobody_and_room_for_nobody(void **state)
{
    xg_sessions *sessions = NULL;
    const xg_grant grant = a_grant(1);
    (void)state;
    CHECK(xg_sessions_new(&sessions), XG_REASON_OK);
    assert_int_equal(xg_sessions_count(sessions), 0);
    CHECK(xg_sessions_add(sessions, 1, &grant, 0, 5), XG_REASON_SESSION_LIMIT);
    assert_int_equal(xg_sessions_count(sessions), 0);
    assert_false(xg_sessions_close(sessions, 1));
    assert_int_equal(who(sessions), 0);
    xg_sessions_free(sessions);
    xg_sessions_free(NULL);
}

static void test_a_kernel_without_random_bytes_gives_no_table(void **state)
{
    xg_sessions *sessions = NULL;
    (void)state;
    kernel.is_short = true;
    CHECK(xg_sessions_new(&sessions), XG_REASON_INTERNAL);
    kernel.is_short = false;
    kernel.is_refused = true;
    CHECK(xg_sessions_new(&sessions), XG_REASON_INTERNAL);
    kernel.is_refused = false;
    assert_null(sessions);
    kernel.num_interrupted = 3;
    CHECK(xg_sessions_new(&sessions), XG_REASON_OK);
    assert_int_equal(kernel.num_interrupted, 0);
    xg_sessions_free(sessions);
}

static void test_freeing_a_table_frees_who_is_in_it_and_leaves_the_chain(void **state)
{
    xg_sessions *sessions = NULL;
    xg_ended *chain = NULL;
    bench b = {.refused = bit(2), .failure = XG_FAIL(REVOKED_JTI)};
    (void)state;
    CHECK(xg_sessions_new(&sessions), XG_REASON_OK);
    xg_sessions_set_capacity(sessions, 3);
    for (uint64_t id = 1; id <= 3; id++) {
        const xg_grant grant = a_grant(id);
        add(sessions, id, &grant, 5);
    }
    xg_sessions_judge_all(sessions, judge, &b, &chain);
    xg_sessions_free(sessions);
    assert_int_equal(told(&chain, XG_REASON_REVOKED_JTI), bit(2));
}

/* ---- coming and going ---- */

static void test_a_session_is_known_until_it_is_closed(void **state)
{
    static const uint64_t IDS[] = {0, 1, 2, 63, UINT64_C(1) << 32, UINT64_C(1) << 63, UINT64_MAX};
    xg_sessions *sessions = *state;
    for (size_t i = 0; i < XG_ARRAY_LEN(IDS); i++) {
        const xg_grant grant = a_grant(i);
        add(sessions, IDS[i], &grant, 5);
        assert_int_equal(xg_sessions_count(sessions), i + 1);
    }
    for (size_t i = 0; i < XG_ARRAY_LEN(IDS); i++) {
        assert_false(xg_sessions_close(sessions, IDS[i] + 1000));
        assert_true(xg_sessions_close(sessions, IDS[i]));
        assert_false(xg_sessions_close(sessions, IDS[i]));
        assert_int_equal(xg_sessions_count(sessions), XG_ARRAY_LEN(IDS) - i - 1);
        assert_int_equal(who(sessions), (bit(XG_ARRAY_LEN(IDS)) - 1) & ~(bit(i + 1) - 1));
    }
}

static void test_the_id_of_a_closed_session_is_free(void **state)
{
    xg_sessions *sessions = *state;
    const xg_grant grant = a_grant(1);
    xg_grant other = a_grant(2);
    other.proxy = XG_STR("other");
    add(sessions, 7, &grant, 5);
    CHECK(xg_sessions_add(sessions, 7, &other, 1, 5), XG_REASON_SESSION_DUPLICATE);
    assert_true(xg_sessions_close(sessions, 7));
    add(sessions, 7, &other, 5);
    assert_only(sessions, &other);
}

static void test_the_table_keeps_copies(void **state)
{
    xg_sessions *sessions = *state;
    char words[6][8] = {"mesh", "proxy", "kid", "", "name", "load"};
    const xg_grant expected = {
        .token_kind = XG_TOKEN_DATAPLANE,
        .request_kind = XG_KIND_DATAPLANE,
        .request_flags = 7,
        .binds = 42,
        .is_key_shared = true,
        .exp = INT64_MIN,
        .iat = INT64_MAX,
        .mesh = XG_STR("mesh"),
        .proxy = XG_STR("proxy"),
        .kid = XG_STR("kid"),
        .name = XG_STR("name"),
        .workload = XG_STR("load"),
        .fingerprint = {1, 2, 3},
    };
    xg_grant grant = expected;
    xg_str *slices[] = {&grant.mesh, &grant.proxy, &grant.kid, &grant.jti, &grant.name, &grant.workload};
    for (size_t i = 0; i < XG_ARRAY_LEN(slices); i++) {
        *slices[i] = xg_str_of(words[i]);
    }
    add(sessions, 1, &grant, 5);
    memset(words, 'x', sizeof(words));
    grant = (xg_grant){0};
    assert_only(sessions, &expected);
}

/* ---- the id is in use ---- */

typedef void edit(xg_grant *grant);

static void other_token_kind(xg_grant *g)
{
    g->token_kind = XG_TOKEN_ZONE;
}

static void other_request_kind(xg_grant *g)
{
    g->request_kind = XG_KIND_ZONE_EGRESS;
}

static void other_mesh(xg_grant *g)
{
    g->mesh = XG_STR("m2");
}

static void no_mesh(xg_grant *g)
{
    g->mesh = (xg_str){NULL, 0};
}

static void other_proxy(xg_grant *g)
{
    g->proxy = XG_STR("P");
}

static void no_proxy(xg_grant *g)
{
    g->proxy = (xg_str){NULL, 0};
}

static void moved_boundary(xg_grant *g) /* the same bytes, cut elsewhere */
{
    g->mesh = XG_STR("mp");
    g->proxy = (xg_str){NULL, 0};
}

static void all_that_is_not_the_proxy(xg_grant *g)
{
    g->request_flags = 0;
    g->binds = 0;
    g->is_key_shared = true;
    g->kid = XG_STR("2");
    g->jti = XG_STR("another");
    g->name = (xg_str){NULL, 0};
    g->workload = XG_STR("other");
    g->fingerprint[31] = 1;
}

static void nothing(xg_grant *g)
{
    (void)g;
}

static void test_an_id_belongs_to_one_proxy(void **state)
{
    static const struct {
        edit *edit;
        uint32_t reason;
    } ROWS[] = {
        {nothing, XG_REASON_OK},
        {all_that_is_not_the_proxy, XG_REASON_OK},
        {other_token_kind, XG_REASON_SESSION_DUPLICATE},
        {other_request_kind, XG_REASON_SESSION_DUPLICATE},
        {other_mesh, XG_REASON_SESSION_DUPLICATE},
        {no_mesh, XG_REASON_SESSION_DUPLICATE},
        {other_proxy, XG_REASON_SESSION_DUPLICATE},
        {no_proxy, XG_REASON_SESSION_DUPLICATE},
        {moved_boundary, XG_REASON_SESSION_DUPLICATE},
    };
    xg_sessions *sessions = *state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        const xg_grant grant = a_grant(1);
        xg_grant newer = a_grant(1);
        newer.iat++;
        ROWS[i].edit(&newer);
        add(sessions, 1, &grant, 5);
        CHECK(xg_sessions_add(sessions, 1, &newer, 1, 5), ROWS[i].reason);
        assert_only(sessions, ROWS[i].reason == XG_REASON_OK ? &newer : &grant);
        assert_true(xg_sessions_close(sessions, 1));
    }
}

#define NONE INT64_C(-1)

static void test_only_a_newer_token_moves_a_session_over(void **state)
{
    static const struct {
        int64_t iat[2]; /* before, now */
        int64_t exp[2];
        bool is_newer;
    } ROWS[] = {
        /* iat decides where both have one, whatever exp says */
        {{1000, 1001}, {2000, 2000}, true},
        {{1000, 1001}, {2000, 1999}, true},
        {{1000, 1001}, {NONE, 2000}, true},
        {{1000, 1000}, {2000, 2000}, false},
        {{1000, 1000}, {2000, 2001}, false},
        {{1000, 1000}, {2000, NONE}, false},
        {{1000, 999}, {2000, 2001}, false},
        {{1000, 999}, {2000, NONE}, false},
        {{0, INT64_MAX}, {2000, 2000}, true},
        {{INT64_MAX, 0}, {2000, 2001}, false},
        /* else exp, none counting as the latest */
        {{NONE, 1000}, {2000, 2001}, true},
        {{NONE, 1000}, {2000, 2000}, false},
        {{1000, NONE}, {2000, 2001}, true},
        {{1000, NONE}, {2000, 1999}, false},
        {{NONE, NONE}, {2000, 2001}, true},
        {{NONE, NONE}, {2000, 2000}, false},
        {{NONE, NONE}, {2000, 1999}, false},
        {{NONE, NONE}, {INT64_MAX, NONE}, true},
        {{NONE, NONE}, {NONE, INT64_MAX}, false},
        {{NONE, NONE}, {NONE, NONE}, false},
        {{NONE, 1000}, {NONE, NONE}, false},
        {{1000, NONE}, {2000, NONE}, true},
    };
    xg_sessions *sessions = *state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        xg_grant grants[2];
        for (size_t k = 0; k < 2; k++) {
            grants[k] = a_grant(k);
            grants[k].has_iat = ROWS[i].iat[k] != NONE;
            grants[k].iat = grants[k].has_iat ? ROWS[i].iat[k] : 5000 - (int64_t)k; /* what is not there says nothing */
            grants[k].has_exp = ROWS[i].exp[k] != NONE;
            grants[k].exp = grants[k].has_exp ? ROWS[i].exp[k] : 5000 - (int64_t)k;
        }
        add(sessions, 1, &grants[0], 5);
        xg_result result = xg_sessions_add(sessions, 1, &grants[1], 1, 5);
        if (xg_is_ok(result) != ROWS[i].is_newer) {
            fail_msg("row %zu", i);
        }
        CHECK(result, ROWS[i].is_newer ? XG_REASON_OK : XG_REASON_SESSION_DUPLICATE);
        assert_only(sessions, &grants[ROWS[i].is_newer ? 1 : 0]);
        assert_true(xg_sessions_close(sessions, 1));
    }
}

static void test_moving_over_tells_nobody_and_leaves_the_count_also_at_capacity(void **state)
{
    xg_sessions *sessions = *state;
    const xg_grant others[] = {a_grant(1), a_grant(2)};
    xg_grant newer = a_grant(3);
    newer.iat++;
    xg_sessions_set_capacity(sessions, 2);
    add(sessions, 1, &others[0], 5);
    add(sessions, 2, &others[1], 5);
    CHECK(xg_sessions_add(sessions, 3, &newer, 1, 5), XG_REASON_SESSION_LIMIT);
    add(sessions, 1, &newer, 6);
    assert_int_equal(xg_sessions_count(sessions), 2);
    assert_int_equal(who(sessions), bit(2) | bit(3));
    xg_sessions_set_capacity(sessions, 0);
    newer.iat++;
    add(sessions, 1, &newer, 7);
    assert_int_equal(who(sessions), bit(2) | bit(3));
    assert_true(xg_sessions_close(sessions, 1));
    assert_int_equal(who(sessions), bit(2));
}

static uint64_t seen_by_shared(xg_sessions *sessions)
{
    bench b = {0};
    xg_ended *chain = NULL;
    xg_sessions_judge_shared(sessions, judge, &b, &chain);
    return b.seen;
}

static void test_a_session_that_moved_over_hangs_on_its_new_key_and_ends_with_its_new_token(void **state)
{
    xg_sessions *sessions = *state;
    xg_ended *chain = NULL;
    xg_grant grant = a_grant(1);
    static const struct {
        bool is_key_shared;
        int64_t ends;
    } MOVES[] = {{true, 20},        {false, 30},        {false, INT64_MAX}, {true, 40},
                 {true, INT64_MAX}, {false, INT64_MAX}, {true, 50}};
    add(sessions, 1, &grant, 10);
    for (size_t i = 0; i < XG_ARRAY_LEN(MOVES); i++) {
        grant.iat++;
        grant.is_key_shared = MOVES[i].is_key_shared;
        add(sessions, 1, &grant, MOVES[i].ends);
        assert_int_equal(seen_by_shared(sessions), MOVES[i].is_key_shared ? bit(1) : 0);
        assert_only(sessions, &grant);
    }
    xg_sessions_expire(sessions, 49, &chain);
    assert_null(chain);
    xg_sessions_expire(sessions, 50, &chain);
    assert_int_equal(told(&chain, XG_REASON_EXPIRED), bit(1));
    assert_int_equal(xg_sessions_count(sessions), 0);
}

/* ---- capacity ---- */

static void test_capacity_is_exact_and_lowering_it_ends_nobody(void **state)
{
    xg_sessions *sessions = *state;
    xg_ended *chain = NULL;
    bench b = {.refused = bit(4), .failure = XG_FAIL(REVOKED_NAME)};
    xg_sessions_set_capacity(sessions, 6);
    for (uint64_t id = 1; id <= 6; id++) {
        const xg_grant grant = a_grant(id);
        add(sessions, id, &grant, id == 5 ? 10 : 100);
    }
    const xg_grant grant = a_grant(7);
    CHECK(xg_sessions_add(sessions, 7, &grant, 1, 100), XG_REASON_SESSION_LIMIT);
    xg_sessions_set_capacity(sessions, 4);
    assert_int_equal(xg_sessions_count(sessions), 6);
    /* Each way to leave gives its place back; there is room once there are fewer than the capacity. */
    assert_true(xg_sessions_close(sessions, 6));
    CHECK(xg_sessions_add(sessions, 7, &grant, 1, 100), XG_REASON_SESSION_LIMIT);
    xg_sessions_expire(sessions, 10, &chain);
    assert_int_equal(xg_sessions_count(sessions), 4);
    CHECK(xg_sessions_add(sessions, 7, &grant, 1, 100), XG_REASON_SESSION_LIMIT);
    assert_int_equal(told(&chain, XG_REASON_EXPIRED), bit(5));
    xg_sessions_judge_all(sessions, judge, &b, &chain);
    assert_int_equal(xg_sessions_count(sessions), 3);
    add(sessions, 7, &grant, 100);
    CHECK(xg_sessions_add(sessions, 8, &grant, 1, 100), XG_REASON_SESSION_LIMIT);
    assert_int_equal(told(&chain, XG_REASON_REVOKED_NAME), bit(4));
    assert_int_equal(who(sessions), bit(1) | bit(2) | bit(3) | bit(7));
}

/* ---- generations ---- */

static void test_a_grant_of_an_older_generation_is_unsettled(void **state)
{
    xg_sessions *sessions = *state;
    const xg_grant grant = a_grant(1);
    xg_grant newer = grant;
    newer.iat++;
    xg_sessions_begin_generation(sessions, 7);
    CHECK(xg_sessions_add(sessions, 1, &grant, 6, 5), XG_REASON_SESSION_UNSETTLED);
    CHECK(xg_sessions_add(sessions, 1, &grant, 0, 5), XG_REASON_SESSION_UNSETTLED);
    assert_int_equal(xg_sessions_count(sessions), 0);
    CHECK(xg_sessions_add(sessions, 1, &grant, 7, 5), XG_REASON_OK);
    CHECK(xg_sessions_add(sessions, 2, &grant, 8, 5), XG_REASON_OK); /* published, not yet begun */
    CHECK(xg_sessions_add(sessions, 3, &grant, UINT64_MAX, 5), XG_REASON_OK);
    assert_int_equal(xg_sessions_count(sessions), 3);

    xg_sessions_begin_generation(sessions, 8);
    CHECK(xg_sessions_add(sessions, 1, &newer, 7, 5), XG_REASON_SESSION_UNSETTLED); /* nor does it move over */
    CHECK(xg_sessions_add(sessions, 1, &newer, 8, 5), XG_REASON_OK);
    assert_int_equal(xg_sessions_count(sessions), 3);
}

static void test_generations_never_go_back(void **state)
{
    static const uint64_t LOWER[] = {0, 1, 6, 7};
    xg_sessions *sessions = *state;
    const xg_grant grant = a_grant(1);
    xg_sessions_begin_generation(sessions, 7);
    for (size_t i = 0; i < XG_ARRAY_LEN(LOWER); i++) {
        xg_sessions_begin_generation(sessions, LOWER[i]);
        CHECK(xg_sessions_add(sessions, 1, &grant, 6, 5), XG_REASON_SESSION_UNSETTLED);
        CHECK(xg_sessions_add(sessions, 1, &grant, 7, 5), XG_REASON_OK);
        assert_true(xg_sessions_close(sessions, 1));
    }
}

/* ---- walks ---- */

/* Who hangs on what; the number is the index. */
static const struct {
    xg_token_kind token_kind;
    uint32_t request_kind;
    xg_str mesh;
    bool is_key_shared;
} PEOPLE[] = {
    {XG_TOKEN_DATAPLANE, XG_KIND_DATAPLANE, XG_STR_INIT("a"), false},  /* 0 */
    {XG_TOKEN_DATAPLANE, XG_KIND_DATAPLANE, XG_STR_INIT("a"), false},  /* 1 */
    {XG_TOKEN_DATAPLANE, XG_KIND_DATAPLANE, XG_STR_INIT("a"), true},   /* 2 */
    {XG_TOKEN_DATAPLANE, XG_KIND_DATAPLANE, XG_STR_INIT("aa"), false}, /* 3 */
    {XG_TOKEN_DATAPLANE, XG_KIND_DATAPLANE, XG_STR_INIT("aa"), true},  /* 4 */
    {XG_TOKEN_DATAPLANE, XG_KIND_DATAPLANE, XG_STR_INIT("A"), false},  /* 5 */
    {XG_TOKEN_DATAPLANE, XG_KIND_DATAPLANE, XG_STR_INIT(""), false},   /* 6 */
    {XG_TOKEN_DATAPLANE, XG_KIND_DATAPLANE, XG_STR_INIT("a\0"), true}, /* 7 */
    {XG_TOKEN_ZONE, XG_KIND_ZONE_INGRESS, XG_STR_INIT(""), false},     /* 8 */
    {XG_TOKEN_ZONE, XG_KIND_ZONE_EGRESS, XG_STR_INIT(""), false},      /* 9 */
    {XG_TOKEN_ZONE, XG_KIND_ZONE_EGRESS, XG_STR_INIT("a"), false},     /* 10: the zone's all the same */
    {XG_TOKEN_ZONE, XG_KIND_ZONE_EGRESS, XG_STR_INIT(""), true},       /* 11 */
};

#define EVERYONE (bit(XG_ARRAY_LEN(PEOPLE)) - 1)
#define ZONES    (bit(8) | bit(9) | bit(10) | bit(11))

static void add_people(xg_sessions *sessions)
{
    for (uint64_t i = 0; i < XG_ARRAY_LEN(PEOPLE); i++) {
        xg_grant grant = a_grant(i);
        grant.token_kind = PEOPLE[i].token_kind;
        grant.request_kind = PEOPLE[i].request_kind;
        grant.mesh = PEOPLE[i].mesh;
        grant.is_key_shared = PEOPLE[i].is_key_shared;
        add(sessions, i, &grant, 100);
    }
}

typedef enum walk_kind { MESH, SHARED, ZONE, ALL } walk_kind;

static void walk_through(xg_sessions *sessions, walk_kind kind, xg_str mesh, bench *b, xg_ended **chain)
{
    switch (kind) {
    case MESH:
        xg_sessions_judge_mesh(sessions, mesh, judge, b, chain);
        break;
    case SHARED:
        xg_sessions_judge_shared(sessions, judge, b, chain);
        break;
    case ZONE:
        xg_sessions_judge_zone(sessions, judge, b, chain);
        break;
    case ALL:
    default:
        xg_sessions_judge_all(sessions, judge, b, chain);
        break;
    }
}

static const struct {
    walk_kind kind;
    xg_str mesh;
    uint64_t seen;
} WALKS[] = {
    {MESH, XG_STR_INIT("a"), 1u << 0 | 1u << 1 | 1u << 2},
    {MESH, XG_STR_INIT("aa"), 1u << 3 | 1u << 4},
    {MESH, XG_STR_INIT("A"), 1u << 5},
    {MESH, XG_STR_INIT(""), 1u << 6},
    {MESH, {NULL, 0}, 1u << 6},
    {MESH, XG_STR_INIT("a\0"), 1u << 7},
    {MESH, XG_STR_INIT("aaa"), 0},
    {MESH, XG_STR_INIT("b"), 0},
    {SHARED, {NULL, 0}, 1u << 2 | 1u << 4 | 1u << 7},
    {ZONE, {NULL, 0}, 1u << 8 | 1u << 9 | 1u << 10 | 1u << 11},
    {ALL, {NULL, 0}, (1u << 12) - 1},
};

static void test_a_walk_looks_at_whom_it_concerns_and_at_each_once(void **state)
{
    xg_sessions *sessions = *state;
    add_people(sessions);
    for (size_t i = 0; i < XG_ARRAY_LEN(WALKS); i++) {
        bench b = {0};
        xg_ended *chain = NULL;
        walk_through(sessions, WALKS[i].kind, WALKS[i].mesh, &b, &chain);
        assert_null(chain);
        assert_int_equal(b.seen, WALKS[i].seen);
        assert_int_equal(b.count, (size_t)__builtin_popcountll(WALKS[i].seen));
    }
    assert_int_equal(who(sessions), EVERYONE);
}

static void test_a_walk_ends_whom_the_judge_refuses_and_nobody_else(void **state)
{
    static const struct {
        xg_result failure;
        uint32_t reason;
    } FAILURES[] = {
        {{XG_REASON_REVOKED_JTI}, XG_REASON_REVOKED_JTI},
        {{XG_REASON_SESSION_POLICY}, XG_REASON_SESSION_POLICY},
        {{0}, XG_REASON_INTERNAL}, /* a verdict that was never given is no permission */
    };
    xg_sessions *sessions = *state;
    for (size_t i = 0; i < XG_ARRAY_LEN(WALKS); i++) {
        for (uint64_t refused = 0; refused <= XG_ARRAY_LEN(PEOPLE); refused++) {
            bench b = {.refused = refused == XG_ARRAY_LEN(PEOPLE) ? EVERYONE : bit(refused)};
            uint64_t ended = b.refused & WALKS[i].seen;
            xg_ended *chain = NULL;
            b.failure = FAILURES[refused % 3].failure;
            add_people(sessions);
            walk_through(sessions, WALKS[i].kind, WALKS[i].mesh, &b, &chain);
            assert_int_equal(b.seen, WALKS[i].seen);
            assert_int_equal(who(sessions), EVERYONE & ~ended);
            assert_int_equal(told(&chain, FAILURES[refused % 3].reason), ended);
            for (uint64_t id = 0; id < XG_ARRAY_LEN(PEOPLE); id++) {
                assert_int_equal(xg_sessions_close(sessions, id), (ended & bit(id)) == 0);
            }
        }
    }
}

static void test_one_chain_collects_several_walks_and_is_taken_in_parts(void **state)
{
    xg_sessions *sessions = *state;
    xg_ended *chain = NULL;
    xg_invalidation items[8];
    bench own = {.refused = bit(1), .failure = XG_FAIL(REVOKED_JTI)};
    bench zone = {.refused = ZONES, .failure = XG_FAIL(REVOKED_KID)};
    add_people(sessions);
    assert_int_equal(xg_ended_take(&chain, items, 8), 0);
    xg_sessions_judge_mesh(sessions, XG_STR("a"), judge, &own, &chain);
    xg_sessions_judge_mesh(sessions, XG_STR("a"), judge, &own, &chain);
    xg_sessions_judge_zone(sessions, judge, &zone, &chain);
    xg_sessions_expire(sessions, 99, &chain);
    assert_int_equal(xg_ended_take(&chain, items, 0), 0);
    assert_int_equal(xg_ended_take(&chain, items, 3), 3);
    assert_int_equal(xg_ended_take(&chain, items + 3, 5), 2);
    assert_int_equal(xg_ended_take(&chain, items, 8), 0);
    uint64_t ids = 0;
    for (size_t i = 0; i < 5; i++) {
        ids |= bit(items[i].session);
        assert_int_equal(items[i].reason, items[i].session == 1 ? XG_REASON_REVOKED_JTI : XG_REASON_REVOKED_KID);
    }
    assert_int_equal(ids, ZONES | bit(1));
}

static void test_a_session_that_ended_may_come_back_before_it_is_told(void **state)
{
    xg_sessions *sessions = *state;
    xg_ended *chain = NULL;
    const xg_grant grant = a_grant(1);
    add(sessions, 1, &grant, 5);
    xg_sessions_judge_all(sessions, judge_away, NULL, &chain);
    add(sessions, 1, &grant, 5);
    assert_int_equal(told(&chain, XG_REASON_REVOKED_KID), bit(1));
    assert_only(sessions, &grant);
}

/* Rule A11 rests on it: whoever comes to a shard after the walk has been there finds the newer generation. */
static void test_every_walk_takes_the_lock_of_every_shard_one_at_a_time_also_of_empty_ones(void **state)
{
    xg_sessions *sessions = *state;
    xg_ended *chain = NULL;
    for (size_t i = 0; i < XG_ARRAY_LEN(WALKS) + 2; i++) {
        bench b = {0};
        memset(&locks, 0, sizeof(locks));
        if (i < XG_ARRAY_LEN(WALKS)) {
            walk_through(sessions, WALKS[i].kind, WALKS[i].mesh, &b, &chain);
        } else if (i == XG_ARRAY_LEN(WALKS)) {
            xg_sessions_expire(sessions, 5, &chain);
        } else {
            xg_sessions_stop_expiring(sessions);
        }
        assert_int_equal(locks.num_taken, 64);
        assert_int_equal(locks.most_held, 1);
        assert_int_equal(locks.num_held, 0);
        assert_false(locks.is_twice);
    }
}

/* ---- time ---- */

static void test_a_sweep_ends_what_ends_at_or_before_now(void **state)
{
    static const int64_t ENDS[] = {INT64_MIN, -1, 0, 1, 10, 10, 11, INT64_MAX - 1, INT64_MAX};
    static const struct {
        int64_t now;
        uint64_t ended;
    } SWEEPS[] = {{INT64_MIN, 1u << 0},
                  {-2, 0},
                  {-1, 1u << 1},
                  {0, 1u << 2},
                  {9, 1u << 3},
                  {10, 1u << 4 | 1u << 5},
                  {10, 0},
                  {INT64_MAX - 2, 1u << 6},
                  {INT64_MAX - 1, 1u << 7},
                  {INT64_MAX, 0}};
    xg_sessions *sessions = *state;
    uint64_t left = bit(XG_ARRAY_LEN(ENDS)) - 1;
    for (uint64_t i = 0; i < XG_ARRAY_LEN(ENDS); i++) {
        const xg_grant grant = i % 2 == 0 ? a_grant(i) : a_zone_grant(i, XG_KIND_ZONE_INGRESS);
        add(sessions, i, &grant, ENDS[i]);
    }
    for (size_t i = 0; i < XG_ARRAY_LEN(SWEEPS); i++) {
        xg_ended *chain = NULL;
        xg_sessions_expire(sessions, SWEEPS[i].now, &chain);
        assert_int_equal(told(&chain, XG_REASON_EXPIRED), SWEEPS[i].ended);
        left &= ~SWEEPS[i].ended;
        assert_int_equal(who(sessions), left);
    }
    assert_int_equal(left, bit(8)); /* who never ends */
}

static void test_what_a_sweep_would_have_ended_does_not_come_in(void **state)
{
    xg_sessions *sessions = *state;
    xg_ended *chain = NULL;
    const xg_grant grant = a_grant(1);
    xg_grant newer = grant;
    newer.iat++;
    add(sessions, 1, &grant, 50);
    xg_sessions_expire(sessions, 10, &chain);
    xg_sessions_expire(sessions, 3, &chain); /* a clock that was set back */
    assert_null(chain);
    for (uint64_t id = 100; id < 400; id++) { /* in every shard */
        CHECK(xg_sessions_add(sessions, id, &grant, 1, 10), XG_REASON_EXPIRED);
        CHECK(xg_sessions_add(sessions, id, &grant, 1, INT64_MIN), XG_REASON_EXPIRED);
        CHECK(xg_sessions_add(sessions, id, &grant, 1, id % 2 == 0 ? 11 : INT64_MAX), XG_REASON_OK);
    }
    CHECK(xg_sessions_add(sessions, 1, &newer, 1, 10), XG_REASON_EXPIRED);
    assert_int_equal(xg_sessions_count(sessions), 301);
    /* Moving over, it would have ended at 10. */
    xg_sessions_expire(sessions, 49, &chain);
    for (xg_invalidation item; xg_ended_take(&chain, &item, 1) == 1;) {
        assert_int_not_equal(item.session, 1);
    }
    assert_int_equal(xg_sessions_count(sessions), 151);
    xg_sessions_expire(sessions, INT64_MAX, &chain);
    CHECK(xg_sessions_add(sessions, 500, &grant, 1, INT64_MAX - 1), XG_REASON_EXPIRED);
    CHECK(xg_sessions_add(sessions, 500, &grant, 1, INT64_MAX), XG_REASON_OK); /* no sweep ends who never ends */
    assert_int_equal(told(&chain, XG_REASON_EXPIRED), bit(1));
}

static void test_before_the_first_sweep_and_after_the_last_nothing_is_too_late(void **state)
{
    xg_sessions *sessions = *state;
    xg_ended *chain = NULL;
    const xg_grant grant = a_grant(1);
    for (uint64_t id = 100; id < 200; id++) {
        add(sessions, id, &grant, INT64_MIN);
        assert_true(xg_sessions_close(sessions, id));
    }
    xg_sessions_expire(sessions, 10, &chain);
    xg_sessions_stop_expiring(sessions);
    for (uint64_t id = 200; id < 300; id++) {
        add(sessions, id, &grant, 5);
        assert_true(xg_sessions_close(sessions, id));
    }
    /* What was swept before the stop is forgotten. */
    xg_sessions_expire(sessions, 4, &chain);
    assert_null(chain);
    CHECK(xg_sessions_add(sessions, 1, &grant, 1, 4), XG_REASON_EXPIRED);
    CHECK(xg_sessions_add(sessions, 1, &grant, 1, 5), XG_REASON_OK);
}

/* ---- many ---- */

#define MANY 30000u

/* What the table should hold of one id. */
typedef struct person {
    bool is_in;
    int64_t ends;
} person;

/* Numbers without rhyme, the same in every run. */
static uint64_t draw(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 33;
}

static xg_grant grant_of_many(uint64_t number)
{
    static const xg_str MESHES[] = {XG_STR_INIT("a"), XG_STR_INIT("b"), XG_STR_INIT("c")};
    xg_grant grant = a_grant(number);
    grant.mesh = MESHES[number % 3];
    grant.is_key_shared = number % 5 == 0;
    return grant;
}

static void fill(xg_sessions *sessions, person *people, uint64_t step)
{
    uint64_t seed = step;
    for (uint64_t i = 0; i < MANY; i++) {
        const xg_grant grant = grant_of_many(i);
        people[i].is_in = true;
        people[i].ends = draw(&seed) % 8 == 0 ? INT64_MAX : (int64_t)(draw(&seed) % 1000);
        add(sessions, i * step, &grant, people[i].ends);
    }
    for (uint64_t i = 0; i < MANY; i++) { /* half of them go, and half of those return with another end */
        if (draw(&seed) % 2 == 0) {
            assert_true(xg_sessions_close(sessions, i * step));
            people[i].is_in = false;
        }
        if (!people[i].is_in && draw(&seed) % 2 == 0) {
            const xg_grant grant = grant_of_many(i);
            people[i].is_in = true;
            people[i].ends = (int64_t)(draw(&seed) % 1000);
            add(sessions, i * step, &grant, people[i].ends);
        }
    }
}

/* How many should be there, of whom none is due. */
static size_t count_people(const person *people, int64_t now)
{
    size_t count = 0;
    for (size_t i = 0; i < MANY; i++) {
        assert_false(people[i].is_in && people[i].ends <= now);
        count += people[i].is_in ? 1 : 0;
    }
    return count;
}

/* Sweep by sweep exactly those who are due are told, each once. Returns how many are left. */
static size_t sweep(xg_sessions *sessions, person *people, uint64_t step)
{
    size_t num_left = 0;
    xg_invalidation item;
    for (int64_t now = -1; now <= 1000; now += 7) {
        xg_ended *chain = NULL;
        xg_sessions_expire(sessions, now, &chain);
        while (xg_ended_take(&chain, &item, 1) == 1) {
            uint64_t number = item.session / step;
            assert_in_range(number, 0, MANY - 1);
            assert_true(people[number].is_in && people[number].ends <= now);
            people[number].is_in = false;
        }
        num_left = count_people(people, now);
        assert_int_equal(xg_sessions_count(sessions), num_left);
    }
    return num_left;
}

static void test_many_are_found_and_end_in_time_whatever_their_ids(void **state)
{
    static const uint64_t STEPS[] = {1, 64, UINT64_C(1) << 40, UINT64_C(0x10001)};
    xg_sessions *sessions = *state;
    for (size_t k = 0; k < XG_ARRAY_LEN(STEPS); k++) {
        person *people = test_calloc(MANY, sizeof(*people));
        fill(sessions, people, STEPS[k]);
        size_t num_left = sweep(sessions, people, STEPS[k]);
        for (uint64_t i = 0; i < MANY; i++) {
            assert_true(!people[i].is_in || people[i].ends == INT64_MAX);
            assert_int_equal(xg_sessions_close(sessions, i * STEPS[k]), people[i].is_in);
            num_left -= people[i].is_in ? 1 : 0;
        }
        assert_int_equal(num_left, 0);
        assert_int_equal(xg_sessions_count(sessions), 0);
        xg_sessions_stop_expiring(sessions);
        test_free(people);
    }
}

static xg_result judge_by_number(void *arg, const xg_grant *grant)
{
    size_t *seen = arg;
    (*seen)++;
    return number_of(grant) % 4 == 0 ? XG_FAIL(REVOKED_NAME) : XG_OK;
}

static void test_a_walk_through_many_misses_none_while_some_end(void **state)
{
    xg_sessions *sessions = *state;
    uint8_t *is_told = test_calloc(MANY, 1);
    xg_invalidation items[256];
    xg_ended *chain = NULL;
    size_t seen = 0;
    for (uint64_t i = 0; i < MANY; i++) {
        const xg_grant grant = grant_of_many(i);
        add(sessions, i, &grant, 5);
    }
    xg_sessions_judge_mesh(sessions, XG_STR("b"), judge_by_number, &seen, &chain);
    assert_int_equal(seen, MANY / 3);
    for (size_t n = xg_ended_take(&chain, items, 256); n > 0; n = xg_ended_take(&chain, items, 256)) {
        for (size_t i = 0; i < n; i++) {
            assert_false(is_told[items[i].session]);
            is_told[items[i].session] = 1;
        }
    }
    for (uint64_t i = 0; i < MANY; i++) {
        bool is_ended = i % 3 == 1 && i % 4 == 0;
        assert_int_equal(is_told[i], is_ended);
        assert_int_equal(xg_sessions_close(sessions, i), !is_ended);
    }
    test_free(is_told);
}

/* ---- memory ---- */

static void test_a_table_that_memory_fails_for_is_none(void **state)
{
    xg_sessions *sessions = NULL;
    (void)state;
    memory.num_left = 0;
    CHECK(xg_sessions_new(&sessions), XG_REASON_NO_MEMORY);
    assert_null(sessions);
}

/* Adds with the n-th allocation failing, for every n, until no more are asked for. Returns how often it was refused. */
static long add_sweeping(xg_sessions *sessions, uint64_t id, const xg_grant *grant, int64_t ends, bool is_lasting)
{
    uint64_t before = who(sessions);
    size_t count = xg_sessions_count(sessions);
    for (long n = 0;; n++) {
        memory.num_left = n;
        memory.is_lasting = is_lasting;
        xg_result result = xg_sessions_add(sessions, id, grant, 1, ends);
        memory.num_left = -1;
        if (xg_is_ok(result)) {
            return n;
        }
        CHECK(result, XG_REASON_NO_MEMORY);
        assert_int_equal(who(sessions), before);
        assert_int_equal(xg_sessions_count(sessions), count);
    }
}

static void test_without_memory_nobody_comes_in_and_nothing_changes(void **state)
{
    xg_sessions *sessions = *state;
    long num_refused = 0;
    for (uint64_t id = 0; id < 60; id++) {
        char mesh[] = {(char)('A' + id), '\0'};
        xg_grant grant = a_grant(id);
        grant.mesh = xg_str_of(mesh);
        num_refused += add_sweeping(sessions, id, &grant, id % 3 == 0 ? INT64_MAX : 5, id % 2 == 0);
        assert_int_equal(who(sessions), bit(id + 1) - 1);
    }
    assert_true(num_refused >= 2 * 60 + 10); /* the record and the group of each, and heaps */
}

static void test_without_memory_a_session_that_would_move_over_stays_as_it_was(void **state)
{
    xg_sessions *sessions = *state;
    xg_ended *chain = NULL;
    xg_grant grant = a_grant(1);
    add(sessions, 1, &grant, INT64_MAX);
    xg_grant newer = grant;
    newer.iat++;
    newer.is_key_shared = true;
    for (long n = 0; n < 3; n++) { /* record, heap, group */
        memory.num_left = n;
        CHECK(xg_sessions_add(sessions, 1, &newer, 1, 5), XG_REASON_NO_MEMORY);
        memory.num_left = -1;
        assert_only(sessions, &grant);
        assert_int_equal(seen_by_shared(sessions), 0);
        xg_sessions_expire(sessions, 4, &chain);
        assert_null(chain);
    }
    add(sessions, 1, &newer, 5);
    assert_only(sessions, &newer);
}

static void test_indexes_that_cannot_grow_still_find_everyone(void **state)
{
    xg_sessions *sessions = *state;
    memory.is_of_buckets_only = true;
    memory.is_lasting = true;
    memory.num_left = 0;
    for (uint64_t i = 0; i < 2000; i++) {
        const xg_grant grant = grant_of_many(i);
        add(sessions, i, &grant, 5);
    }
    memory.num_left = -1; /* and grow when they can */
    for (uint64_t i = 2000; i < 4000; i++) {
        const xg_grant grant = grant_of_many(i);
        add(sessions, i, &grant, 5);
    }
    memory.is_of_buckets_only = false;
    for (uint64_t i = 0; i < 4000; i++) {
        assert_true(xg_sessions_close(sessions, i));
    }
    assert_int_equal(xg_sessions_count(sessions), 0);
}

static long num_allocations_of_adding(xg_sessions *sessions, uint64_t id, const xg_grant *grant, uint32_t reason)
{
    memory.num_asked = 0;
    CHECK(xg_sessions_add(sessions, id, grant, 1, 5), reason);
    return memory.num_asked;
}

static void test_who_is_refused_and_who_has_left_leave_nothing_behind(void **state)
{
    xg_sessions *sessions = *state;
    const xg_grant grant = a_grant(1);
    xg_sessions_set_capacity(sessions, 0);
    (void)num_allocations_of_adding(sessions, 1, &grant, XG_REASON_SESSION_LIMIT); /* room in the heap, which stays */
    for (size_t i = 0; i < 100; i++) { /* a record and a group, which go again */
        assert_int_equal(num_allocations_of_adding(sessions, 1, &grant, XG_REASON_SESSION_LIMIT), 2);
    }
    xg_sessions_set_capacity(sessions, 1);
    for (size_t i = 0; i < 100; i++) { /* and no buckets beyond the first */
        assert_int_equal(num_allocations_of_adding(sessions, 1, &grant, XG_REASON_OK), 2);
        assert_true(xg_sessions_close(sessions, 1));
    }
}

static void test_nothing_but_coming_in_needs_memory(void **state)
{
    xg_sessions *sessions = *state;
    xg_invalidation items[64];
    add_people(sessions);
    memory.num_left = 0;
    memory.is_lasting = true;
    memory.num_asked = 0;
    for (size_t i = 0; i < XG_ARRAY_LEN(WALKS); i++) {
        bench b = {.refused = bit(i), .failure = XG_FAIL(REVOKED_JTI)};
        xg_ended *chain = NULL;
        walk_through(sessions, WALKS[i].kind, WALKS[i].mesh, &b, &chain);
        (void)xg_ended_take(&chain, items, 64);
    }
    xg_ended *chain = NULL;
    xg_sessions_begin_generation(sessions, 5);
    xg_sessions_set_capacity(sessions, 1);
    (void)xg_sessions_close(sessions, 5);
    xg_sessions_expire(sessions, 100, &chain);
    size_t num_told = xg_ended_take(&chain, items, 64);
    xg_sessions_stop_expiring(sessions);
    memory.num_left = -1;
    assert_int_equal(memory.num_asked, 0);
    assert_in_range(num_told, 1, XG_ARRAY_LEN(PEOPLE));
    assert_int_equal(xg_sessions_count(sessions), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_new_table_has_nobody_and_room_for_nobody),
        cmocka_unit_test(test_a_kernel_without_random_bytes_gives_no_table),
        cmocka_unit_test(test_freeing_a_table_frees_who_is_in_it_and_leaves_the_chain),
        TEST(test_a_session_is_known_until_it_is_closed),
        TEST(test_the_id_of_a_closed_session_is_free),
        TEST(test_the_table_keeps_copies),
        TEST(test_an_id_belongs_to_one_proxy),
        TEST(test_only_a_newer_token_moves_a_session_over),
        TEST(test_moving_over_tells_nobody_and_leaves_the_count_also_at_capacity),
        TEST(test_a_session_that_moved_over_hangs_on_its_new_key_and_ends_with_its_new_token),
        TEST(test_capacity_is_exact_and_lowering_it_ends_nobody),
        TEST(test_a_grant_of_an_older_generation_is_unsettled),
        TEST(test_generations_never_go_back),
        TEST(test_a_walk_looks_at_whom_it_concerns_and_at_each_once),
        TEST(test_a_walk_ends_whom_the_judge_refuses_and_nobody_else),
        TEST(test_one_chain_collects_several_walks_and_is_taken_in_parts),
        TEST(test_a_session_that_ended_may_come_back_before_it_is_told),
        TEST(test_every_walk_takes_the_lock_of_every_shard_one_at_a_time_also_of_empty_ones),
        TEST(test_a_sweep_ends_what_ends_at_or_before_now),
        TEST(test_what_a_sweep_would_have_ended_does_not_come_in),
        TEST(test_before_the_first_sweep_and_after_the_last_nothing_is_too_late),
        TEST(test_many_are_found_and_end_in_time_whatever_their_ids),
        TEST(test_a_walk_through_many_misses_none_while_some_end),
        cmocka_unit_test(test_a_table_that_memory_fails_for_is_none),
        TEST(test_without_memory_nobody_comes_in_and_nothing_changes),
        TEST(test_without_memory_a_session_that_would_move_over_stays_as_it_was),
        TEST(test_indexes_that_cannot_grow_still_find_everyone),
        TEST(test_who_is_refused_and_who_has_left_leave_nothing_behind),
        TEST(test_nothing_but_coming_in_needs_memory),
    };
    return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
