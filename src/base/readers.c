/* SPDX-License-Identifier: Apache-2.0 */
/*
 * readers.c: who is inside, counted by processor and phase.
 *
 * Owns the counters and the phase, not what is read under them. Must never make a reader wait, keep anything of a
 * thread beyond its ticket, or use atomic_thread_fence, which ThreadSanitizer of gcc 12 does not know. Thread rule:
 * readers.h.
 *
 * Why wait is right. A reader counts itself before it loads the pointer, a writer replaces the pointer before it looks
 * at the counters; all four are seq_cst. So a reader that still got the old pointer had counted itself before wait
 * began, in one of the two phases of one stripe; wait sees each of these without anybody once, and that reader left
 * before. Both phases are looked at, because a reader may be stopped between reading the phase and counting itself: by
 * then the phase may have turned any number of times.
 * Why wait ends. The phase decides nothing else: it steers those who come now away from the counters that wait looks
 * at. The few that read it before it turned and count themselves after come once each.
 * tools/models/readers.pml says the same to a machine, and what breaks when a step is left out.
 *
 * Why this, and neither a big-reader lock nor liburcu. `meson test -C build --benchmark --verbose readers` puts them
 * side by side; on two cores of an AMD EPYC a section of two threads took 6 ns here, 9 under one rwlock for each
 * processor, 11 with liburcu-bp, 70 to 80 under one mutex; beside a writer that swaps without a pause 6, 30, 14 and
 * 100. A reader of the rwlocks waits for a writer that lost its processor: its longest section was 4 to 5 ms in each
 * run, ours below 0.2 ms, and 0.08 ms without any protection. liburcu-bp has the better 99th percentile beside that
 * writer (80 to our 180 ns, and the same 40 once swaps are 100 us apart), but the plugin may not load it at any price:
 * it has thread-locals, a key's destructor, a constructor, threads and abort (nm -D and readelf -d of
 * liburcu-bp.so.8).
 */
#include <sched.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "xdsgate/readers.h"

/*
 * One counter: how many are inside, and above that how many ever came, which never falls: two equal looks at it mean
 * that nobody came between them. 2^24 are more than there are threads, and 2^40 more than come during a call.
 */
#define CAME_ONE    ((UINT64_C(1) << 24) + 1)
#define LEFT_ONE    UINT64_C(1)
#define INSIDE_MASK ((UINT64_C(1) << 24) - 1)

#define NUM_PHASES   2u
#define YIELDS       16u
#define PAUSE_NANOS  50000L
#define TICKET_SHIFT 1u /* a ticket is stripe and phase */

typedef struct stripe {
    alignas(64) _Atomic(uint64_t) counts[NUM_PHASES];
} stripe;

struct xg_readers {
    unsigned num_stripes;
    atomic_uint phase; /* written by wait alone; the line is otherwise only read */
    stripe stripes[];
};

xg_result xg_readers_new(xg_readers **ret_readers)
{
    unsigned num_stripes = xg_stripe_count();
    xg_readers *readers = aligned_alloc(alignof(xg_readers), sizeof(*readers) + num_stripes * sizeof(stripe));
    XG_CHECK(readers != NULL, NO_MEMORY);
    readers->num_stripes = num_stripes;
    atomic_init(&readers->phase, 0);
    for (unsigned i = 0; i < num_stripes; i++) {
        atomic_init(&readers->stripes[i].counts[0], 0);
        atomic_init(&readers->stripes[i].counts[1], 0);
    }
    *ret_readers = readers;
    return XG_OK;
}

void xg_readers_free(xg_readers *readers)
{
    free(readers);
}

unsigned xg_readers_enter(xg_readers *readers)
{
    unsigned at = xg_stripe_here(readers->num_stripes);
    unsigned phase = atomic_load_explicit(&readers->phase, memory_order_relaxed);
    atomic_fetch_add_explicit(&readers->stripes[at].counts[phase], CAME_ONE, memory_order_seq_cst);
    return at << TICKET_SHIFT | phase;
}

void xg_readers_leave(xg_readers *readers, unsigned ticket)
{
    /* Release: what was read is read before anyone sees the reader gone. */
    atomic_fetch_sub_explicit(&readers->stripes[ticket >> TICKET_SHIFT].counts[ticket % NUM_PHASES], LEFT_ONE,
                              memory_order_release);
}

/* Readers are short, but one may lose its processor. Sleep: under real-time scheduling a yield lets no other run. */
static void pause_for_readers(unsigned round)
{
    if (round < YIELDS) {
        (void)sched_yield();
    } else {
        const struct timespec pause = {.tv_nsec = PAUSE_NANOS};
        (void)nanosleep(&pause, NULL);
    }
}

static void drain(xg_readers *readers, unsigned phase)
{
    for (unsigned i = 0; i < readers->num_stripes; i++) {
        unsigned round = 0;
        while ((atomic_load_explicit(&readers->stripes[i].counts[phase], memory_order_seq_cst) & INSIDE_MASK) != 0) {
            pause_for_readers(round++);
        }
    }
}

void xg_readers_wait(xg_readers *readers)
{
    unsigned phase = atomic_load_explicit(&readers->phase, memory_order_relaxed);
    drain(readers, 1 - phase);
    atomic_store_explicit(&readers->phase, 1 - phase, memory_order_relaxed);
    drain(readers, phase);
}

/* Whether each counter was without anybody when it was looked at; *ret_sum grows with everyone who comes. */
static bool look(const xg_readers *readers, uint64_t *ret_sum)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < readers->num_stripes; i++) {
        for (unsigned phase = 0; phase < NUM_PHASES; phase++) {
            uint64_t count = atomic_load_explicit(&readers->stripes[i].counts[phase], memory_order_seq_cst);
            if ((count & INSIDE_MASK) != 0) {
                return false;
            }
            sum += count;
        }
    }
    *ret_sum = sum;
    return true;
}

/* One look is not enough: someone may come where it has been before another leaves where it has yet to go. */
bool xg_readers_is_empty(const xg_readers *readers)
{
    uint64_t before = 0, after = 0;
    return look(readers, &before) && look(readers, &after) && before == after;
}
