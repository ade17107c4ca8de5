/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stats.c: xdsgate.stats/1: the counters and the state of a context, for its operator.
 *
 * Owns the sizes, as adapter.c does for decisions: nothing beyond a structure's declared size is written. Must never
 * wait for a load, nor change anything that a decision rests on. Any thread.
 */
#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "context.h"
#include "counters.h"

#define END_OF(field) (offsetof(xg_stats, field) + sizeof(((xg_stats *)0)->field))
#define STATS_MIN     END_OF(flags) /* rule A3 */
#define NUMBERS_END   offsetof(xg_stats, failed_reason)

/* Up to where the caller's structure is filled: a member that it holds only in part stays zero. */
static size_t usable_size(uint32_t struct_size)
{
    static const size_t ENDS[] = {END_OF(error), END_OF(reserved), END_OF(error_len), END_OF(failed_reason)};
    for (size_t i = 0; i < XG_ARRAY_LEN(ENDS); i++) {
        if (ENDS[i] <= struct_size) {
            return ENDS[i];
        }
    }
    return struct_size < NUMBERS_END ? struct_size & ~UINT32_C(7) : NUMBERS_END; /* all before are of 8 bytes */
}

static_assert(NUMBERS_END == 200 && END_OF(error) == sizeof(xg_stats), "usable_size knows every member");

uint32_t xg_stats_read(xg_ctx *ctx, xg_stats *out)
{
    if (out == NULL || out->struct_size < STATS_MIN) {
        return XG_REASON_REQUEST_SIZE;
    }
    const size_t start = sizeof(out->struct_size);
    size_t size = out->struct_size < sizeof(*out) ? out->struct_size : sizeof(*out);
    memset((char *)out + start, 0, size - start);
    unsigned ticket;
    xg_result entered = xg_context_enter(ctx, &ticket);
    if (!xg_is_ok(entered)) {
        return xg_result_reason(entered);
    }
    xg_stats stats;
    memset(&stats, 0, sizeof(stats));
    xg_context_describe(ctx, &stats);
    xg_context_leave(ctx, ticket);
    memcpy((char *)out + start, (const char *)&stats + start, usable_size((uint32_t)size) - start);
    return XG_REASON_OK;
}

size_t xg_stats_denials(xg_ctx *ctx, xg_denial_count *out, size_t cap)
{
    unsigned ticket;
    if (!xg_is_ok(xg_context_enter(ctx, &ticket))) {
        return 0;
    }
    size_t num_reasons = xg_counters_denials(xg_context_counters(ctx), out, cap);
    xg_context_leave(ctx, ticket);
    return num_reasons;
}
