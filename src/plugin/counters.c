/* SPDX-License-Identifier: Apache-2.0 */
/*
 * counters.c: what a context counts of itself, and what it remembers of its loads.
 *
 * Answers are counted in stripes by processor, each on cache lines of its own: threads that decide share no line that
 * they write. Loads are seldom, so what is known of them is one record under a lock that nobody holds for longer than a
 * copy takes; above all not while a store is read. Must never call the host. Any thread, except new and free.
 */
#include <assert.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "counters.h"
#include "xdsgate/readers.h"

#define LINE 128 /* two lines of 64: processors fetch them in pairs */

/* The place of each reason among the counters, in the order of reasons.def, which is that of their numbers. */
enum {
    PLACE_NONE = 0, /* of no reason, so that a number without a place is never taken for OK */
#define XG_REASON(number, NAME, name, grpc, text, help) PLACE_##NAME,
#include "reasons.def"
#undef XG_REASON
    NUM_PLACES
};

static const uint8_t PLACES[XG_REASON_LIMIT_] = {
#define XG_REASON(number, NAME, name, grpc, text, help) [number] = PLACE_##NAME,
#include "reasons.def"
#undef XG_REASON
};

static const uint32_t NUMBERS[NUM_PLACES] = {
#define XG_REASON(number, NAME, name, grpc, text, help) [PLACE_##NAME] = (number),
#include "reasons.def"
#undef XG_REASON
};

static_assert(NUM_PLACES <= UINT8_MAX, "a place fits into PLACES");

typedef struct stripe {
    alignas(LINE) atomic_uint_least64_t answers[NUM_PLACES];
} stripe;

/* What is known of loads. */
typedef struct load_record {
    uint64_t num_ok;
    uint64_t num_failed;
    uint64_t generation;
    int64_t loaded_at;
    int64_t failed_at;
    xg_extent extent;
    bool has_failed; /* the last one */
    uint32_t reason; /* of the last failure, with its sentence */
    uint16_t error_len;
    char error[XG_STATS_ERROR_SIZE];
} load_record;

struct xg_counters {
    stripe *stripes;
    unsigned num_stripes;
    pthread_mutex_t lock; /* of record */
    load_record record;
};

xg_result xg_counters_new(xg_counters **ret_counters)
{
    xg_counters *counters = calloc(1, sizeof(*counters));
    XG_CHECK(counters != NULL, NO_MEMORY);
    counters->num_stripes = xg_stripe_count();
    counters->stripes = aligned_alloc(alignof(stripe), counters->num_stripes * sizeof(stripe));
    if (counters->stripes == NULL) {
        free(counters);
        return XG_FAIL(NO_MEMORY);
    }
    for (unsigned i = 0; i < counters->num_stripes; i++) {
        for (size_t place = 0; place < NUM_PLACES; place++) {
            atomic_init(&counters->stripes[i].answers[place], 0);
        }
    }
    (void)pthread_mutex_init(&counters->lock, NULL);
    *ret_counters = counters;
    return XG_OK;
}

void xg_counters_free(xg_counters *counters)
{
    if (counters != NULL) {
        (void)pthread_mutex_destroy(&counters->lock);
        free(counters->stripes);
        free(counters);
    }
}

/* ---- answers ---- */

void xg_counters_count_decision(xg_counters *counters, uint32_t reason)
{
    size_t place = reason < XG_REASON_LIMIT_ ? PLACES[reason] : PLACE_NONE;
    stripe *here = &counters->stripes[xg_stripe_here(counters->num_stripes)];
    atomic_fetch_add_explicit(&here->answers[place != PLACE_NONE ? place : PLACE_INTERNAL], 1, memory_order_relaxed);
}

static uint64_t sum_answers(const xg_counters *counters, size_t place)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < counters->num_stripes; i++) {
        sum += atomic_load_explicit(&counters->stripes[i].answers[place], memory_order_relaxed);
    }
    return sum;
}

size_t xg_counters_denials(xg_counters *counters, xg_denial_count *out, size_t cap)
{
    size_t num_found = 0;
    for (size_t place = PLACE_OK + 1; place < NUM_PLACES; place++) {
        uint64_t count = sum_answers(counters, place);
        if (count == 0) {
            continue;
        }
        if (out != NULL && num_found < cap) {
            out[num_found] = (xg_denial_count){.reason = NUMBERS[place], .count = count};
        }
        num_found++;
    }
    return num_found;
}

/* ---- loads ---- */

static void measure_set(const xg_keyset *set, xg_extent *extent)
{
    if (set != NULL) {
        extent->keys += set->ring != NULL ? xg_keyring_count(set->ring) : 0;
        extent->revoked_ids += set->revoked != NULL ? xg_revocations_count(set->revoked) : 0;
        extent->sets_refused += set->ring == NULL || set->is_stale ? 1 : 0;
    }
}

xg_extent xg_counters_measure(const xg_snapshot *snapshot)
{
    xg_extent extent = {.meshes = xg_snapshot_num_meshes(snapshot)};
    measure_set(xg_snapshot_zone(snapshot), &extent);
    measure_set(xg_snapshot_any_mesh(snapshot), &extent);
    for (size_t i = 0; i < extent.meshes; i++) {
        measure_set(xg_snapshot_mesh_at(snapshot, i), &extent);
    }
    return extent;
}

void xg_counters_note_load(xg_counters *counters, int64_t at, uint64_t generation, const xg_extent *extent)
{
    load_record *record = &counters->record;
    (void)pthread_mutex_lock(&counters->lock);
    record->num_ok++;
    record->has_failed = false;
    record->loaded_at = at;
    record->generation = generation;
    record->extent = *extent;
    (void)pthread_mutex_unlock(&counters->lock);
}

/* Under the lock. */
static void remember_error(load_record *record, int64_t at, uint32_t reason, xg_str sentence)
{
    xg_text text;
    record->failed_at = at;
    record->reason = reason;
    xg_text_init(&text, record->error, sizeof(record->error));
    xg_text_add(&text, sentence);
    record->error_len = (uint16_t)text.len;
}

void xg_counters_note_failure(xg_counters *counters, int64_t at, uint32_t reason, xg_str sentence)
{
    (void)pthread_mutex_lock(&counters->lock);
    counters->record.num_failed++;
    counters->record.has_failed = true;
    remember_error(&counters->record, at, reason, sentence);
    (void)pthread_mutex_unlock(&counters->lock);
}

void xg_counters_note_refused_set(xg_counters *counters, int64_t at, uint32_t reason, xg_str sentence)
{
    (void)pthread_mutex_lock(&counters->lock);
    remember_error(&counters->record, at, reason, sentence);
    (void)pthread_mutex_unlock(&counters->lock);
}

/* ---- reading ---- */

void xg_counters_describe(xg_counters *counters, xg_stats *stats)
{
    stats->allowed = sum_answers(counters, PLACE_OK);
    stats->denied = 0;
    for (size_t place = PLACE_OK + 1; place < NUM_PLACES; place++) {
        stats->denied += sum_answers(counters, place);
    }
    (void)pthread_mutex_lock(&counters->lock);
    load_record record = counters->record;
    (void)pthread_mutex_unlock(&counters->lock);
    stats->flags |= record.has_failed ? XG_STATS_LOAD_FAILED : 0u;
    stats->flags |= record.extent.sets_refused != 0 ? XG_STATS_STALE : 0u;
    stats->generation = record.generation;
    stats->loads_ok = record.num_ok;
    stats->loads_failed = record.num_failed;
    stats->loaded_at = record.loaded_at;
    stats->failed_at = record.failed_at;
    stats->meshes = record.extent.meshes;
    stats->keys = record.extent.keys;
    stats->revoked_ids = record.extent.revoked_ids;
    stats->sets_refused = record.extent.sets_refused;
    stats->failed_reason = record.reason;
    stats->error_len = record.error_len;
    memcpy(stats->error, record.error, sizeof(stats->error));
}
