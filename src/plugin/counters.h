/* SPDX-License-Identifier: Apache-2.0 */
/*
 * counters.h: what a context counts of itself, and what it remembers of its loads, for this room alone.
 *
 * adapter.c counts decisions, context.c tells of loads and failures, stats.c reads.
 */
#ifndef XDSGATE_PLUGIN_COUNTERS_H
#define XDSGATE_PLUGIN_COUNTERS_H

#include "xdsgate/keys.h"

typedef struct xg_counters xg_counters;

xg_result xg_counters_new(xg_counters **ret_counters) XG_MUST_USE; /* or NO_MEMORY */
void xg_counters_free(xg_counters *counters);                      /* NULL is allowed */

/* One answer more: OK allowed it, any other reason denied it. A number that is no reason counts as INTERNAL. */
void xg_counters_count_decision(xg_counters *counters, uint32_t reason);

/* A snapshot, as large as it is. */
typedef struct xg_extent {
    uint64_t meshes;
    uint64_t keys; /* retired kids included */
    uint64_t revoked_ids;
    uint64_t sets_refused; /* stale, or without any good state */
} xg_extent;

/* Looks at every set: on the side of who loads, never of who decides or reads counters. */
xg_extent xg_counters_measure(const xg_snapshot *snapshot);

/* A state went into service at second `at`. */
void xg_counters_note_load(xg_counters *counters, int64_t at, uint64_t generation, const xg_extent *extent);
/* A reload or a tick failed and changed nothing. The sentence is cut to XG_STATS_ERROR_SIZE - 1 bytes. */
void xg_counters_note_failure(xg_counters *counters, int64_t at, uint32_t reason, xg_str sentence);
/* One set was refused, in a load that may well succeed. */
void xg_counters_note_refused_set(xg_counters *counters, int64_t at, uint32_t reason, xg_str sentence);

/* Fills in what is known here: answers, loads, extent, error, and XG_STATS_LOAD_FAILED and XG_STATS_STALE as far as
 * sets are refused. Waits for no load: the lock is held for copying alone. */
void xg_counters_describe(xg_counters *counters, xg_stats *stats);
/* As xg_stats_table.denials. */
size_t xg_counters_denials(xg_counters *counters, xg_denial_count *out, size_t cap);

#endif /* XDSGATE_PLUGIN_COUNTERS_H */
