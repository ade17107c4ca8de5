/* SPDX-License-Identifier: Apache-2.0 */
/*
 * readers.pml: src/base/readers.c for spin. One writer replaces the state several times and frees what it replaced; the
 * readers come and go without end. Every access to shared memory is a step of its own, in the order of the seq_cst
 * accesses there. Holds: nobody has a freed state; nobody is stuck; and (ltl) the writer comes to its end however the
 * readers come and go. Broken on purpose, one step each: DRAIN_OLD_ONLY, DRAIN_OTHER_ONLY, COUNT_LATE, PUBLISH_LATE,
 * NO_FLIP. Run by tools/check_models.sh.
 */
#ifndef READERS
#define READERS 3
#endif
#define STRIPES 2
#define SWAPS   3

byte counts[4]; /* of stripe s and phase p at 2 * s + p */
bit phase;
byte present; /* the number of the state that serves */
bool is_freed[4];
bool is_done;

active [READERS] proctype reader()
{
    byte at, held;
end:
    do
    :: atomic { if :: at = phase :: at = 2 + phase fi } /* any stripe: threads move */
#ifdef COUNT_LATE
       held = present;
       counts[at]++;
#else
       counts[at]++;
       held = present;
#endif
       d_step { assert(!is_freed[held]); counts[at]--; at = 0; held = 0 }
    od
}

inline drain(which)
{
    at = which;
    do
    :: at < 2 * STRIPES -> counts[at] == 0; at = at + 2 /* blocked until it finds it so: the poll */
    :: else -> break
    od;
    at = 0
}

inline wait_for_readers()
{
#ifndef DRAIN_OLD_ONLY
    drain(1 - phase);
#endif
#ifndef NO_FLIP
    phase = 1 - phase;
#endif
#ifndef DRAIN_OTHER_ONLY
#ifdef NO_FLIP
    drain(phase)
#else
    drain(1 - phase)
#endif
#endif
}

active proctype writer()
{
    byte at, old;
    do
    :: old < SWAPS ->
#ifdef PUBLISH_LATE
       wait_for_readers();
       present = old + 1;
#else
       present = old + 1;
       wait_for_readers();
#endif
       atomic { is_freed[old] = true; old++ }
    :: else -> break
    od;
    is_done = true
}

#ifdef ENDS
ltl ends { <> is_done }
#endif
