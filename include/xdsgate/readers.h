/* SPDX-License-Identifier: Apache-2.0 */
/*
 * readers.h: stripes by processor, and who is inside: how many threads read what one of them replaces. Room: src/base.
 *
 * Must never make a reader wait, nor write a cache line that all of them write. Thread rule: new and free alone; wait
 * by one thread at a time; all else from anywhere.
 */
#ifndef XDSGATE_READERS_H
#define XDSGATE_READERS_H

#include "xdsgate/base.h"

/* ---- stripe.c: one place for each processor, so that threads seldom meet in one ---- */

#define XG_STRIPES_MAX 64u

/* How many places are worth having: as many as the machine may have processors, 1 to XG_STRIPES_MAX. */
unsigned xg_stripe_count(void);
/* The place of the present processor, below count, which is not 0. A hint: the thread may move on at any time. */
unsigned xg_stripe_here(unsigned count);

/* ---- readers.c: who is inside ---- */

/*
 * How a state that cannot change is replaced under those who read it:
 *
 *   reader:  ticket = enter; load the pointer, seq_cst; use what it points to; leave(ticket)
 *   writer:  exchange the pointer, seq_cst; wait; free what it pointed to before
 *
 * Weaker loads and stores of the pointer are wrong: a reader that wait did not see must see the new pointer.
 */
typedef struct xg_readers xg_readers;

xg_result xg_readers_new(xg_readers **ret_readers) XG_MUST_USE; /* or NO_MEMORY */
void xg_readers_free(xg_readers *readers);                      /* nobody is inside; NULL is allowed */

/* Goes inside. A thread may do so more than once, and leave on another processor, or on another thread. */
unsigned xg_readers_enter(xg_readers *readers) XG_MUST_USE;
void xg_readers_leave(xg_readers *readers, unsigned ticket);

/*
 * Returns when all who were inside at its call have left. Whoever comes later does not prolong it for ever. One caller
 * at a time, and never from inside: it would wait for itself.
 */
void xg_readers_wait(xg_readers *readers);

/* True: at some moment during the call nobody was inside. False: someone was, or came meanwhile. */
bool xg_readers_is_empty(const xg_readers *readers);

#endif /* XDSGATE_READERS_H */
