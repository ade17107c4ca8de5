/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.c: the table of live sessions: who may come, who must go. See session.h.
 *
 * Owns the shards (session_shard.h), the capacity and the generation. Must never call the host, look at a clock or hold
 * two locks. Thread rule: a shard's members belong to its lock; what all shards share is atomic.
 *
 * No invalidation is lost (rule A11). add compares generations under its shard's lock. A writer makes its state public,
 * begins the generation, and then takes the lock of every shard in turn, also where it finds nothing to judge. Who
 * registers before that is seen by the walk; who comes after finds the newer generation, and is sent back to be judged
 * by the state that goes with it. A sweep of expire leaves its second in each shard, for the same reason.
 */
#include "xdsgate/session.h"

#include <errno.h>
#include <sodium/crypto_shorthash_siphash24.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/random.h>

#include "session_shard.h"

#define NUM_SHARDS  64u /* a power of two */
#define SHARD_SHIFT 58u /* the high bits of an id's hash pick the shard, the low ones the bucket */

#define CHUNK_MAX 64u /* places */

#define STRINGS_FETCHED 64u /* of the bytes behind a record, as most have them */

_Static_assert(UINT64_C(1) << (64 - SHARD_SHIFT) == NUM_SHARDS, "the shift leaves the number of a shard");

typedef struct session_keys {
    uint8_t mesh[crypto_shorthash_siphashx24_KEYBYTES];
    uint64_t id;
} session_keys;

struct xg_sessions {
    /* Seldom written. */
    alignas(XG_SESSION_ALIGN) session_keys keys;
    atomic_size_t capacity;
    _Atomic(uint64_t) generation;
    /* Places taken, those that shards keep in spare included. Written once for many who come and go. */
    alignas(XG_SESSION_ALIGN) atomic_size_t num_reserved;
    xg_session_shard shards[NUM_SHARDS];
};

/* ---- the table ---- */

static bool draw_keys(session_keys *ret_keys)
{
    ssize_t got;
    do {
        got = getrandom(ret_keys, sizeof(*ret_keys), 0);
    } while (got < 0 && errno == EINTR);
    return got == (ssize_t)sizeof(*ret_keys);
}

xg_result xg_sessions_new(xg_sessions **ret_sessions)
{
    session_keys keys;
    XG_CHECK(draw_keys(&keys), INTERNAL);
    xg_sessions *sessions = aligned_alloc(alignof(xg_sessions), sizeof(*sessions));
    XG_CHECK(sessions != NULL, NO_MEMORY);
    sessions->keys = keys;
    atomic_init(&sessions->capacity, 0);
    atomic_init(&sessions->generation, 0);
    atomic_init(&sessions->num_reserved, 0);
    for (size_t i = 0; i < NUM_SHARDS; i++) {
        xg_session_shard_init(&sessions->shards[i]);
    }
    *ret_sessions = sessions;
    return XG_OK;
}

void xg_sessions_free(xg_sessions *sessions)
{
    for (size_t i = 0; sessions != NULL && i < NUM_SHARDS; i++) {
        xg_session_shard_done(&sessions->shards[i]);
    }
    free(sessions);
}

void xg_sessions_set_capacity(xg_sessions *sessions, size_t capacity)
{
    atomic_store_explicit(&sessions->capacity, capacity, memory_order_relaxed);
}

static size_t count_spare(const xg_sessions *sessions)
{
    size_t spare = 0;
    for (size_t i = 0; i < NUM_SHARDS; i++) {
        spare += atomic_load_explicit(&sessions->shards[i].num_spare, memory_order_relaxed);
    }
    return spare;
}

/* Of two figures that others move places between: never below none. */
size_t xg_sessions_count(const xg_sessions *sessions)
{
    size_t spare = count_spare(sessions);
    size_t reserved = atomic_load_explicit(&sessions->num_reserved, memory_order_relaxed);
    return reserved > spare ? reserved - spare : 0;
}

void xg_sessions_read_counts(const xg_sessions *sessions, xg_session_counts *ret_counts)
{
    *ret_counts = (xg_session_counts){
        .live = xg_sessions_count(sessions),
        .capacity = atomic_load_explicit(&sessions->capacity, memory_order_relaxed),
    };
    for (size_t i = 0; i < NUM_SHARDS; i++) {
        const xg_session_shard *shard = &sessions->shards[i];
        ret_counts->registered += atomic_load_explicit(&shard->num_registered, memory_order_relaxed);
        ret_counts->moved += atomic_load_explicit(&shard->num_moved, memory_order_relaxed);
        ret_counts->closed += atomic_load_explicit(&shard->num_closed, memory_order_relaxed);
    }
}

static void lock_shard(xg_session_shard *shard)
{
    (void)pthread_mutex_lock(&shard->lock);
}

static void unlock_shard(xg_session_shard *shard)
{
    (void)pthread_mutex_unlock(&shard->lock);
}

/* Ids are the host's own numbers, often consecutive ones: every bit of an id moves every bit of its hash. */
static uint64_t hash_id(const xg_sessions *sessions, uint64_t id)
{
    uint64_t hash = id ^ sessions->keys.id;
    hash = (hash ^ hash >> 32) * UINT64_C(0x9e3779b97f4a7c15);
    hash = (hash ^ hash >> 29) * UINT64_C(0xd6e8feb86659fd93);
    return hash ^ hash >> 32;
}

static xg_session_shard *shard_of(xg_sessions *sessions, uint64_t hash)
{
    return &sessions->shards[hash >> SHARD_SHIFT];
}

static xg_session_set set_of_mesh(const xg_sessions *sessions, xg_session_class class, xg_str mesh)
{
    xg_session_set set = {.class = class, .mesh = mesh};
    uint8_t digest[crypto_shorthash_siphashx24_BYTES];
    const char *bytes = mesh.len > 0 ? mesh.ptr : "";
    crypto_shorthash_siphashx24(digest, (const unsigned char *)bytes, mesh.len, sessions->keys.mesh);
    memcpy(&set.hash, digest, sizeof(set.hash));
    return set;
}

static xg_session_set set_of_grant(const xg_sessions *sessions, const xg_grant *grant)
{
    if (grant->token_kind == XG_TOKEN_ZONE) {
        return (xg_session_set){.class = XG_SESSION_ZONE};
    }
    return set_of_mesh(sessions, grant->is_key_shared ? XG_SESSION_SHARED : XG_SESSION_MESH, grant->mesh);
}

/* ---- coming and going ---- */

static bool is_same_proxy(const xg_grant *a, const xg_grant *b)
{
    return a->token_kind == b->token_kind && a->request_kind == b->request_kind && xg_str_eq(a->mesh, b->mesh) &&
           xg_str_eq(a->proxy, b->proxy);
}

static bool is_newer(const xg_grant *grant, const xg_grant *old)
{
    if (grant->has_iat && old->has_iat) {
        return grant->iat > old->iat;
    }
    if (grant->has_exp && old->has_exp) {
        return grant->exp > old->exp;
    }
    return !grant->has_exp && old->has_exp;
}

/* How many places a shard fetches at once, so that those who come and go do not all write one line. */
static size_t chunk_of(size_t capacity)
{
    size_t share = capacity / ((size_t)NUM_SHARDS * 16);
    return share < 1 ? 1 : share > CHUNK_MAX ? CHUNK_MAX : share;
}

/* Up to `wanted` of the places that nobody has reserved; 0 if there is none. */
static size_t reserve_places(xg_sessions *sessions, size_t wanted, size_t capacity)
{
    size_t reserved = atomic_load_explicit(&sessions->num_reserved, memory_order_relaxed);
    size_t taken;
    do {
        size_t left = reserved < capacity ? capacity - reserved : 0;
        taken = left < wanted ? left : wanted;
    } while (taken > 0 && !atomic_compare_exchange_weak_explicit(&sessions->num_reserved, &reserved, reserved + taken,
                                                                 memory_order_relaxed, memory_order_relaxed));
    return taken;
}

static void return_spare(xg_sessions *sessions, xg_session_shard *shard)
{
    size_t spare = atomic_exchange_explicit(&shard->num_spare, 0, memory_order_relaxed);
    atomic_fetch_sub_explicit(&sessions->num_reserved, spare, memory_order_relaxed);
}

static bool take_spare(xg_session_shard *shard)
{
    size_t spare = atomic_load_explicit(&shard->num_spare, memory_order_relaxed);
    while (spare > 0 && !atomic_compare_exchange_weak_explicit(&shard->num_spare, &spare, spare - 1,
                                                               memory_order_relaxed, memory_order_relaxed)) {
    }
    return spare > 0;
}

/*
 * One place more. The capacity is never passed: a place is one of the shard's own, or is reserved from what is left,
 * for which in need all shards return what they have in spare.
 */
static xg_result take_place(xg_sessions *sessions, xg_session_shard *shard)
{
    size_t capacity = atomic_load_explicit(&sessions->capacity, memory_order_relaxed);
    bool is_within = atomic_load_explicit(&sessions->num_reserved, memory_order_relaxed) <= capacity;
    if (is_within && take_spare(shard)) {
        return XG_OK;
    }
    size_t taken = reserve_places(sessions, chunk_of(capacity), capacity);
    for (size_t i = 0; i < NUM_SHARDS && taken == 0; i++) {
        return_spare(sessions, &sessions->shards[i]);
        taken = reserve_places(sessions, 1, capacity);
    }
    XG_CHECK(taken > 0, SESSION_LIMIT);
    atomic_fetch_add_explicit(&shard->num_spare, taken - 1, memory_order_relaxed);
    return XG_OK;
}

static void give_back(xg_sessions *sessions, xg_session_shard *shard, size_t num_places)
{
    size_t spare = atomic_fetch_add_explicit(&shard->num_spare, num_places, memory_order_relaxed) + num_places;
    if (spare > (size_t)2 * CHUNK_MAX) {
        return_spare(sessions, shard);
    }
}

static void count_one(atomic_uint_least64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static bool is_swept(const xg_session_shard *shard, const xg_session_record *record)
{
    return shard->is_expiring && xg_session_record_is_ending(record) && record->due.ends <= shard->swept;
}

/*
 * Under the shard's lock. The place is taken last, so that no failure has to give it back. *ret_old is the record that
 * was replaced, if there was one.
 */
static xg_result admit(xg_sessions *sessions, xg_session_shard *shard, xg_session_record *record, uint64_t hash,
                       const xg_session_set *set, xg_session_record **ret_old)
{
    xg_session_group *group = NULL;
    XG_CHECK(!is_swept(shard, record), EXPIRED);
    xg_session_record *old = xg_session_shard_find(shard, record->ended.id, hash);
    XG_CHECK(old == NULL || (is_same_proxy(&record->grant, &old->grant) && is_newer(&record->grant, &old->grant)),
             SESSION_DUPLICATE);
    XG_TRY(xg_session_shard_reserve(shard, record, set, &group));
    xg_result placed = old != NULL ? XG_OK : take_place(sessions, shard);
    if (!xg_is_ok(placed)) {
        xg_session_shard_drop_if_empty(shard, group);
        return placed;
    }
    xg_session_shard_attach(shard, group, record, hash);
    count_one(old != NULL ? &shard->num_moved : &shard->num_registered);
    if (old != NULL) {
        xg_session_shard_detach(shard, old);
        *ret_old = old;
    }
    return XG_OK;
}

xg_result xg_sessions_add(xg_sessions *sessions, uint64_t id, const xg_grant *grant, uint64_t generation, int64_t ends)
{
    uint64_t hash = hash_id(sessions, id);
    const xg_session_set set = set_of_grant(sessions, grant);
    xg_session_shard *shard = shard_of(sessions, hash);
    xg_session_record *old = NULL;
    xg_session_record *record = xg_session_record_new(id, grant, ends);
    XG_CHECK(record != NULL, NO_MEMORY);
    lock_shard(shard);
    xg_result result = XG_FAIL(SESSION_UNSETTLED);
    if (generation >= atomic_load_explicit(&sessions->generation, memory_order_acquire)) {
        result = admit(sessions, shard, record, hash, &set, &old);
    }
    unlock_shard(shard);
    free(xg_is_ok(result) ? old : record);
    return result;
}

bool xg_sessions_close(xg_sessions *sessions, uint64_t id)
{
    uint64_t hash = hash_id(sessions, id);
    xg_session_shard *shard = shard_of(sessions, hash);
    lock_shard(shard);
    xg_session_record *record = xg_session_shard_find(shard, id, hash);
    if (record != NULL) {
        xg_session_shard_detach(shard, record);
        give_back(sessions, shard, 1);
        count_one(&shard->num_closed);
    }
    unlock_shard(shard);
    free(record);
    return record != NULL;
}

/* ---- walks ---- */

/* A walk through the shards: whose sessions it looks at, the judge, and what has ended. */
typedef struct walk {
    xg_sessions *sessions;
    const xg_str *mesh; /* NULL: of any mesh */
    xg_sessions_judge *judge;
    void *arg;
    xg_ended **chain;
    size_t num_ended; /* in the shard whose lock is held */
} walk;

static void end_session(walk *w, xg_session_shard *shard, xg_session_record *record, uint32_t reason)
{
    xg_session_shard_detach(shard, record);
    record->ended.reason = reason;
    record->ended.next = *w->chain;
    *w->chain = &record->ended;
    w->num_ended++;
}

static void leave_shard(walk *w, xg_session_shard *shard)
{
    give_back(w->sessions, shard, w->num_ended);
    w->num_ended = 0;
    unlock_shard(shard);
}

/* Asks the processor for what judging and ending will look at. */
static void fetch(const xg_session_record *record)
{
    for (size_t at = 0; record != NULL && at < sizeof(*record) + STRINGS_FETCHED; at += 64) {
        __builtin_prefetch((const char *)record + at);
    }
}

/* The group may be gone when this returns. */
static void judge_group(walk *w, xg_session_shard *shard, const xg_session_group *group)
{
    xg_session_record *lanes[XG_SESSION_LANES];
    size_t num_left = group->count;
    memcpy(lanes, group->lanes, sizeof(lanes));
    for (size_t i = 0; num_left > 0; i = (i + 1) % XG_SESSION_LANES) {
        xg_session_record *record = lanes[i];
        if (record == NULL) {
            continue;
        }
        num_left--;
        lanes[i] = record->next;
        fetch(record->next);
        xg_result verdict = w->judge(w->arg, &record->grant);
        if (!xg_is_ok(verdict)) {
            end_session(w, shard, record, xg_result_reason(verdict));
        }
    }
}

/* The groups that hang on this key set; if the walk is not of one mesh, those of all sets of its class. */
static void judge_set(walk *w, xg_session_shard *shard, const xg_session_set *set)
{
    if (w->mesh != NULL) {
        const xg_session_group *group = xg_session_shard_find_group(shard, set);
        if (group != NULL) {
            judge_group(w, shard, group);
        }
        return;
    }
    xg_session_group *next;
    for (xg_session_group *group = shard->groups[set->class]; group != NULL; group = next) {
        next = group->next;
        judge_group(w, shard, group);
    }
}

/* Every shard is locked once, whatever there is in it: see the head of this file. */
static void judge_sets(walk *w, const xg_session_set *sets, size_t num_sets)
{
    for (size_t i = 0; i < NUM_SHARDS; i++) {
        xg_session_shard *shard = &w->sessions->shards[i];
        lock_shard(shard);
        for (size_t k = 0; k < num_sets; k++) {
            judge_set(w, shard, &sets[k]);
        }
        leave_shard(w, shard);
    }
}

void xg_sessions_judge_mesh(xg_sessions *sessions, xg_str mesh, xg_sessions_judge *judge, void *arg, xg_ended **chain)
{
    const xg_session_set sets[] = {set_of_mesh(sessions, XG_SESSION_MESH, mesh),
                                   set_of_mesh(sessions, XG_SESSION_SHARED, mesh)};
    walk w = {.sessions = sessions, .mesh = &mesh, .judge = judge, .arg = arg, .chain = chain};
    judge_sets(&w, sets, XG_ARRAY_LEN(sets));
}

void xg_sessions_judge_zone(xg_sessions *sessions, xg_sessions_judge *judge, void *arg, xg_ended **chain)
{
    static const xg_session_set SETS[] = {{.class = XG_SESSION_ZONE}};
    walk w = {.sessions = sessions, .judge = judge, .arg = arg, .chain = chain};
    judge_sets(&w, SETS, XG_ARRAY_LEN(SETS));
}

void xg_sessions_judge_shared(xg_sessions *sessions, xg_sessions_judge *judge, void *arg, xg_ended **chain)
{
    static const xg_session_set SETS[] = {{.class = XG_SESSION_SHARED}};
    walk w = {.sessions = sessions, .judge = judge, .arg = arg, .chain = chain};
    judge_sets(&w, SETS, XG_ARRAY_LEN(SETS));
}

void xg_sessions_judge_all(xg_sessions *sessions, xg_sessions_judge *judge, void *arg, xg_ended **chain)
{
    static const xg_session_set SETS[] = {
        {.class = XG_SESSION_MESH}, {.class = XG_SESSION_SHARED}, {.class = XG_SESSION_ZONE}};
    walk w = {.sessions = sessions, .judge = judge, .arg = arg, .chain = chain};
    judge_sets(&w, SETS, XG_ARRAY_LEN(SETS));
}

void xg_sessions_begin_generation(xg_sessions *sessions, uint64_t generation)
{
    uint64_t present = atomic_load_explicit(&sessions->generation, memory_order_relaxed);
    while (generation > present && !atomic_compare_exchange_weak_explicit(&sessions->generation, &present, generation,
                                                                          memory_order_release, memory_order_relaxed)) {
    }
}

/* ---- time ---- */

void xg_sessions_expire(xg_sessions *sessions, int64_t now, xg_ended **chain)
{
    walk w = {.sessions = sessions, .chain = chain};
    for (size_t i = 0; i < NUM_SHARDS; i++) {
        xg_session_shard *shard = &sessions->shards[i];
        lock_shard(shard);
        shard->swept = shard->is_expiring && shard->swept > now ? shard->swept : now;
        shard->is_expiring = true;
        xg_session_record *record = xg_session_shard_first_due(shard);
        while (record != NULL && record->due.ends <= now) {
            end_session(&w, shard, record, XG_REASON_EXPIRED);
            record = xg_session_shard_first_due(shard);
        }
        leave_shard(&w, shard);
    }
}

void xg_sessions_stop_expiring(xg_sessions *sessions)
{
    for (size_t i = 0; i < NUM_SHARDS; i++) {
        lock_shard(&sessions->shards[i]);
        sessions->shards[i].is_expiring = false;
        unlock_shard(&sessions->shards[i]);
    }
}

/* ---- what has ended ---- */

size_t xg_ended_take(xg_ended **chain, xg_invalidation *items, size_t cap)
{
    size_t count = 0;
    while (count < cap && *chain != NULL) {
        xg_ended *ended = *chain;
        items[count++] = (xg_invalidation){.session = ended->id, .reason = ended->reason};
        *chain = ended->next;
        __builtin_prefetch(*chain);
        free(ended);
    }
    return count;
}
