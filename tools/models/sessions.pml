/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sessions.pml: how sessions are registered and judged again, for spin. Processes authenticate, each with a token of any
 * kind and a session of its own in one of two shards; a writer makes two changes, a tick ends what has expired, a host
 * closes sessions. Holds: when a change or a sweep has returned there is no session that it should have ended, and none
 * comes later; each session taken out is told once, and no other; nobody is refused or told without a cause.
 *
 * Each access to what is not a shard's own is a step of its own. Taking a lock is one step with the first such access
 * under it, and the last one with the release: what lies between cannot be seen by others.
 *
 * Broken on purpose, one step each: UNCHECKED (no look at the generation), CHECK_UNLOCKED (before the lock is taken),
 * JUDGE_ONCE (a newer generation is seen, but the old verdict kept), GENERATION_LATE (after the walk), SKIP_EMPTY (a
 * shard that looks empty is not locked), CLOSE_UNLOCKED, UNSWEPT (no look at the sweep), SWEPT_LATE (told after it).
 * Run by tools/check_models.sh.
 */
#ifndef CALLERS
#define CALLERS 2
#endif
#ifndef LAST_KIND
#define LAST_KIND 4
#endif
#define CHANGES     2
#define SHARDS      2
#define SHARD_OF(s) ((s) % SHARDS)

/* Kinds of tokens: good; refused from the first change on; from the second on; by the first alone; expired at second 1. */
#define IS_REFUSED(kind, g) ((kind) == 1 && (g) >= 1 || (kind) == 2 && (g) >= 2 || (kind) == 3 && (g) == 1)
#define IS_OVER(kind, second) ((kind) == 4 && (second) >= 1)

#define OUT   0 /* not there yet */
#define LIVE  1 /* in the table: allowed */
#define ENDED 2 /* taken out, to be told */
#define SHUT  3 /* closed by the host */
#define NO    4 /* denied */

byte kinds[CALLERS], sessions[CALLERS], told[CALLERS];
byte state;      /* the state that serves, by its generation: an atomic pointer */
byte generation; /* of the table */
byte changed;    /* the last generation whose change has returned; known to the oracle alone */
bit now;         /* the host's clock */
bit swept;       /* of the table */
bit ticked;      /* the last second whose sweep has returned; known to the oracle alone */
bool is_locked[SHARDS];
byte num_done;

#define LOCK(s)   !is_locked[SHARD_OF(s)] -> is_locked[SHARD_OF(s)] = true
#define UNLOCK(s) is_locked[SHARD_OF(s)] = false

inline judge()
{
    atomic { g = state; is_denied = IS_REFUSED(kinds[self], g) }
}

inline insert()
{
    /* A state that is published but not in force yet may have judged already, and allowed it again. */
    assert(!IS_REFUSED(kinds[self], changed) || !IS_REFUSED(kinds[self], state));
    assert(!IS_OVER(kinds[self], ticked));
    sessions[self] = LIVE
}

/* In the order of the decision: rows 9, 10, 13. */
proctype caller(byte self)
{
    byte g;
    bool is_denied, is_new;
    is_denied = IS_OVER(kinds[self], now);
    if
    :: !is_denied -> judge()
    :: else
    fi;
    do
    :: is_denied -> atomic { sessions[self] = NO; break }
    :: else ->
#ifdef CHECK_UNLOCKED
       is_new = g < generation;
       atomic { LOCK(self) }
#else
       atomic { LOCK(self); is_new = g < generation }
#endif
#ifdef UNCHECKED
       is_new = false;
#endif
       if
       :: is_new ->
          UNLOCK(self);
#ifdef JUDGE_ONCE
          g = state
#else
          judge()
#endif
       :: else ->
          atomic {
#ifndef UNSWEPT
              is_denied = IS_OVER(kinds[self], swept);
#endif
              if
              :: is_denied -> UNLOCK(self)
              :: else -> insert(); UNLOCK(self); break
              fi
          }
       fi
    od;
    atomic { g = 0; is_denied = false; is_new = false; num_done++ }
}

/* Locks a shard, takes out what `verdict` says, unlocks it. */
#define WALK(shard, verdict)                                                                                           \
    atomic {                                                                                                           \
        !is_locked[shard];                                                                                             \
        s = shard;                                                                                                     \
        do                                                                                                             \
        :: s >= CALLERS -> break                                                                                       \
        :: s < CALLERS && sessions[s] == LIVE && (verdict) -> sessions[s] = ENDED; is_mine[s] = true; s = s + SHARDS   \
        :: else -> s = s + SHARDS                                                                                      \
        od;                                                                                                            \
        s = 0                                                                                                          \
    }

/* The batch goes to the host, and the change, or the sweep, returns: no session is left that it should have ended. */
#define TELL(verdict)                                                                                                  \
    do                                                                                                                 \
    :: s < CALLERS ->                                                                                                  \
       told[s] = told[s] + is_mine[s];                                                                                 \
       is_mine[s] = false;                                                                                             \
       assert(sessions[s] != LIVE || !(verdict));                                                                      \
       s++                                                                                                             \
    :: else -> break                                                                                                   \
    od;                                                                                                                \
    s = 0

inline walk_unless_empty(shard)
{
    if
    :: atomic { sessions[shard] != LIVE && (shard + SHARDS >= CALLERS || sessions[(shard + SHARDS) % CALLERS] != LIVE) }
    :: else -> WALK(shard, IS_REFUSED(kinds[s], g))
    fi
}

proctype writer()
{
    byte g, s;
    bool is_mine[CALLERS];
    do
    :: atomic { g < CHANGES -> g++; state = g }
#ifndef GENERATION_LATE
       generation = g;
#endif
#ifdef SKIP_EMPTY
       walk_unless_empty(0);
       walk_unless_empty(1);
#else
       WALK(0, IS_REFUSED(kinds[s], g));
       WALK(1, IS_REFUSED(kinds[s], g));
#endif
#ifdef GENERATION_LATE
       generation = g;
#endif
       atomic { changed = g; TELL(IS_REFUSED(kinds[s], g)) }
    :: else -> break
    od;
    num_done++
}

proctype ticker()
{
    byte s;
    bool is_mine[CALLERS];
    now = 1;
#ifndef SWEPT_LATE
    swept = 1;
#endif
    WALK(0, IS_OVER(kinds[s], 1));
    WALK(1, IS_OVER(kinds[s], 1));
#ifdef SWEPT_LATE
    swept = 1;
#endif
    atomic { ticked = 1; TELL(IS_OVER(kinds[s], 1)); num_done++ }
}

/* Closes any one session, if it is there. */
proctype closer(byte s)
{
#ifdef CLOSE_UNLOCKED
    if
    :: sessions[s] == LIVE -> sessions[s] = SHUT
    :: else
    fi;
#else
    atomic {
        !is_locked[SHARD_OF(s)];
        if
        :: sessions[s] == LIVE -> sessions[s] = SHUT
        :: else
        fi
    }
#endif
    num_done++
}

init
{
    byte s, kind;
    atomic {
        run writer();
#ifdef CHANGES_ALONE
        num_done = 2;
#else
        run ticker();
        select(s : 0 .. CALLERS - 1);
        run closer(s);
        s = 0;
#endif
        do
        :: s < CALLERS ->
           select(kind : 0 .. LAST_KIND);
           kinds[s] = kind;
           kind = 0;
           run caller(s);
           s++
        :: else -> break
        od;
        s = 0
    }
    atomic {
        num_done == CALLERS + 3;
        do
        :: s < CALLERS ->
           assert(sessions[s] != OUT);
           assert(sessions[s] != LIVE || !IS_REFUSED(kinds[s], CHANGES) && !IS_OVER(kinds[s], 1));
           assert(told[s] == (sessions[s] == ENDED));
           assert(kinds[s] != 0 || sessions[s] == LIVE || sessions[s] == SHUT);
           s++
        :: else -> break
        od
    }
}
