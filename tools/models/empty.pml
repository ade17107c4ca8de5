/* SPDX-License-Identifier: Apache-2.0 */
/*
 * empty.pml: xg_readers_is_empty for spin. While readers come and go, one looks whether nobody is inside. Holds: it
 * says so only if nobody was at some moment since it began. Broken on purpose: ONE_LOOK, and NO_SUM, which looks twice
 * but does not see who came between. Run by tools/check_models.sh.
 */
#define READERS  3
#define COUNTERS 2 /* of whatever stripe and phase */
#define ROUNDS   2

byte inside[COUNTERS], came[COUNTERS]; /* two halves of one word: written and read together */
byte num_inside;                       /* what the oracle knows */
bool was_empty;                        /* nobody was inside since the look began */

active [READERS] proctype reader()
{
    byte at, round;
    do
    :: round < ROUNDS ->
       atomic { if :: at = 0 :: at = 1 fi; inside[at]++; came[at]++; num_inside++ }
       d_step { inside[at]--; num_inside--; was_empty = was_empty || num_inside == 0; at = 0; round++ }
    :: else -> break
    od
}

inline look(sum)
{
    at = 0;
    do
    :: at < COUNTERS -> d_step { is_empty = is_empty && inside[at] == 0; sum = sum + came[at]; at++ }
    :: else -> break
    od
}

active proctype watcher()
{
    byte at, before, after;
    bool is_empty = true;
    d_step { was_empty = num_inside == 0 }
    look(before);
#ifdef ONE_LOOK
    after = before;
#else
    look(after);
#endif
#ifdef NO_SUM
    after = before;
#endif
    assert(!(is_empty && before == after) || was_empty)
}
