/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session_heap.c: who is due first: a binary heap by second. See session_heap.h.
 *
 * Must never allocate outside xg_session_heap_reserve. Thread rule: the caller's lock.
 */
#include "session_heap.h"

#include <stdlib.h>

#define FIRST_CAP 16u

void xg_session_heap_done(xg_session_heap *heap)
{
    free(heap->turns);
    *heap = (xg_session_heap){0};
}

xg_result xg_session_heap_reserve(xg_session_heap *heap)
{
    if (heap->count < heap->cap) {
        return XG_OK;
    }
    size_t cap = heap->cap == 0 ? FIRST_CAP : heap->cap * 2;
    xg_session_turn *turns = realloc(heap->turns, cap * sizeof(*turns));
    XG_CHECK(turns != NULL, NO_MEMORY);
    heap->turns = turns;
    heap->cap = cap;
    return XG_OK;
}

static void put(xg_session_heap *heap, size_t at, xg_session_turn turn)
{
    heap->turns[at] = turn;
    turn.due->at = at;
}

/* Puts a turn where it belongs on the way from `at` to the top. */
static void rise(xg_session_heap *heap, size_t at, xg_session_turn turn)
{
    while (at > 0 && heap->turns[(at - 1) / 2].ends > turn.ends) {
        put(heap, at, heap->turns[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    put(heap, at, turn);
}

/* Puts a turn where it belongs below `at`, by the side of what is due sooner. */
static void sink(xg_session_heap *heap, size_t at, xg_session_turn turn)
{
    for (;;) {
        size_t below = at * 2 + 1;
        if (below + 1 < heap->count && heap->turns[below + 1].ends < heap->turns[below].ends) {
            below++;
        }
        if (below >= heap->count || heap->turns[below].ends >= turn.ends) {
            break;
        }
        put(heap, at, heap->turns[below]);
        at = below;
    }
    put(heap, at, turn);
}

void xg_session_heap_add(xg_session_heap *heap, xg_session_due *due)
{
    heap->count++;
    rise(heap, heap->count - 1, (xg_session_turn){due->ends, due});
}

void xg_session_heap_remove(xg_session_heap *heap, xg_session_due *due)
{
    size_t at = due->at;
    heap->count--;
    xg_session_turn last = heap->turns[heap->count];
    if (at == heap->count) {
        return;
    }
    if (last.ends < due->ends) {
        rise(heap, at, last);
    } else {
        sink(heap, at, last);
    }
}

xg_session_due *xg_session_heap_first(const xg_session_heap *heap)
{
    return heap->count == 0 ? NULL : heap->turns[0].due;
}
