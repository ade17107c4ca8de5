/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session_heap.h: who is due first: a binary heap by second. Private to src/auth.
 *
 * Knows seconds, not sessions. Room is made before anything else is touched, so that adding cannot fail. Must never own
 * what is in it. Thread rule: the caller's lock.
 */
#ifndef XDSGATE_SESSION_HEAP_H
#define XDSGATE_SESSION_HEAP_H

#include "xdsgate/base.h"

/* Stands inside what is due. */
typedef struct xg_session_due {
    int64_t ends;
    size_t at; /* its place in the heap */
} xg_session_due;

/* The second beside the pointer: most comparisons look into the array alone. */
typedef struct xg_session_turn {
    int64_t ends;
    xg_session_due *due;
} xg_session_turn;

/* Zeroed memory is the empty heap. */
typedef struct xg_session_heap {
    xg_session_turn *turns;
    size_t count;
    size_t cap;
} xg_session_heap;

void xg_session_heap_done(xg_session_heap *heap);
/* Room for one more: the next add will not fail. NO_MEMORY. */
xg_result xg_session_heap_reserve(xg_session_heap *heap) XG_MUST_USE;
void xg_session_heap_add(xg_session_heap *heap, xg_session_due *due); /* due->ends is set */
void xg_session_heap_remove(xg_session_heap *heap, xg_session_due *due);
xg_session_due *xg_session_heap_first(const xg_session_heap *heap); /* NULL if it is empty */

#endif /* XDSGATE_SESSION_HEAP_H */
