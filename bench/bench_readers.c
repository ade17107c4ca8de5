/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_readers.c: what it costs to read a state that another thread may replace, in five ways.
 *
 * A read section is: go inside, load the pointer, read a field, leave. Owns no verdict: it prints. All ways take turns
 * in short rounds, and the median round of each is told; of single sections, which are timed one by one with the
 * clock's own cost in them, the 99th percentile and the longest of all rounds. The writer replaces the state in a loop,
 * without a pause, or with one of 100 us, which is still far more often than any store changes: without one, the ways
 * whose writer is quick take the line from their readers more often. "bare" protects nothing: the floor, and the noise.
 */
#include <stdalign.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <pthread.h>
#define URCU_INLINE_SMALL_FUNCTIONS
#include <urcu/urcu-bp.h>

#include "xdsgate/readers.h"

#define ROUNDS        15
#define ROUND_NANOS   20000000L
#define BATCH         64u
#define SINGLE_ROUNDS 10
#define SINGLES       50000u
#define PAUSE_NANOS   100000L
#define THREADS_MAX   2u

typedef struct state {
    atomic_uint num_refs; /* of the mutex's way alone */
    uint64_t field;
} state;

typedef struct guarded_lock {
    alignas(64) pthread_rwlock_t lock;
} guarded_lock;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static guarded_lock locks[XG_STRIPES_MAX];
static unsigned num_locks;
static xg_readers *readers;
static state *locked_state; /* under mutex, or under the locks */
static _Atomic(state *) bare_state, urcu_state, readers_state;
static uint64_t num_swaps; /* the writer's */

static state *state_new(void)
{
    state *made = malloc(sizeof(*made));
    if (made == NULL) {
        abort();
    }
    atomic_init(&made->num_refs, 1);
    made->field = num_swaps;
    return made;
}

/* ---- the ways: n read sections, and one swap ---- */

static uint64_t bare_read(unsigned n)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < n; i++) {
        sum += atomic_load_explicit(&bare_state, memory_order_acquire)->field;
    }
    return sum;
}

static void bare_swap(void)
{
    static state states[2];
    atomic_store_explicit(&bare_state, &states[num_swaps % 2], memory_order_release);
}

static void unref(state *seen)
{
    if (atomic_fetch_sub_explicit(&seen->num_refs, 1, memory_order_acq_rel) == 1) {
        free(seen);
    }
}

static uint64_t mutex_read(unsigned n)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < n; i++) {
        (void)pthread_mutex_lock(&mutex);
        state *seen = locked_state;
        atomic_fetch_add_explicit(&seen->num_refs, 1, memory_order_relaxed);
        (void)pthread_mutex_unlock(&mutex);
        sum += seen->field;
        unref(seen);
    }
    return sum;
}

static void mutex_swap(void)
{
    state *made = state_new();
    (void)pthread_mutex_lock(&mutex);
    state *old = locked_state;
    locked_state = made;
    (void)pthread_mutex_unlock(&mutex);
    unref(old);
}

static uint64_t big_reader_read(unsigned n)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < n; i++) {
        pthread_rwlock_t *lock = &locks[xg_stripe_here(num_locks)].lock;
        (void)pthread_rwlock_rdlock(lock);
        sum += locked_state->field;
        (void)pthread_rwlock_unlock(lock);
    }
    return sum;
}

static void big_reader_swap(void)
{
    state *made = state_new();
    for (unsigned i = 0; i < num_locks; i++) {
        (void)pthread_rwlock_wrlock(&locks[i].lock);
    }
    state *old = locked_state;
    locked_state = made;
    for (unsigned i = 0; i < num_locks; i++) {
        (void)pthread_rwlock_unlock(&locks[i].lock);
    }
    free(old);
}

static uint64_t urcu_read(unsigned n)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < n; i++) {
        urcu_bp_read_lock();
        sum += atomic_load_explicit(&urcu_state, memory_order_acquire)->field;
        urcu_bp_read_unlock();
    }
    return sum;
}

static void urcu_swap(void)
{
    state *old = atomic_exchange_explicit(&urcu_state, state_new(), memory_order_acq_rel);
    urcu_bp_synchronize_rcu();
    free(old);
}

static uint64_t readers_read(unsigned n)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < n; i++) {
        unsigned ticket = xg_readers_enter(readers);
        sum += atomic_load_explicit(&readers_state, memory_order_seq_cst)->field;
        xg_readers_leave(readers, ticket);
    }
    return sum;
}

static void readers_swap(void)
{
    state *old = atomic_exchange_explicit(&readers_state, state_new(), memory_order_seq_cst);
    xg_readers_wait(readers);
    free(old);
}

static const struct way {
    const char *name;
    const char *what;
    uint64_t (*read)(unsigned n);
    void (*swap)(void);
} WAYS[] = {
    {"readers", "xg_readers", readers_read, readers_swap}, /* the first: what the others are compared with */
    {"mutex", "mutex and reference count", mutex_read, mutex_swap},
    {"big_reader", "big-reader lock, one for each stripe", big_reader_read, big_reader_swap},
    {"urcu_bp", "liburcu, bulletproof flavour", urcu_read, urcu_swap},
    {"bare", "no protection", bare_read, bare_swap},
};

#define NUM_WAYS XG_ARRAY_LEN(WAYS)

/* ---- a round ---- */

typedef struct reader {
    pthread_t thread;
    const struct way *way;
    double nanos; /* of a section */
    uint64_t sum;
    uint32_t *singles; /* NULL: sections are timed together */
} reader;

static atomic_bool is_over;
static _Atomic(uint64_t) sink; /* so that no read is for nothing */
static bool is_writer_pausing; /* changed between rounds alone */

static uint64_t nanos_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void *read_together(void *arg)
{
    reader *self = arg;
    uint64_t num = 0, start = nanos_now();
    while (!atomic_load_explicit(&is_over, memory_order_relaxed)) {
        self->sum += self->way->read(BATCH);
        num += BATCH;
    }
    self->nanos = (double)(nanos_now() - start) / (double)(num == 0 ? 1 : num);
    return NULL;
}

static void *read_singly(void *arg)
{
    reader *self = arg;
    for (unsigned i = 0; i < SINGLES; i++) {
        uint64_t start = nanos_now();
        self->sum += self->way->read(1);
        uint64_t took = nanos_now() - start;
        self->singles[i] = took > UINT32_MAX ? UINT32_MAX : (uint32_t)took;
    }
    return NULL;
}

static void *write_in_a_loop(void *arg)
{
    const struct way *way = arg;
    const struct timespec pause = {.tv_nsec = PAUSE_NANOS};
    while (!atomic_load_explicit(&is_over, memory_order_relaxed)) {
        way->swap();
        num_swaps++;
        if (is_writer_pausing) {
            (void)nanosleep(&pause, NULL);
        }
    }
    return NULL;
}

static void start(pthread_t *thread, void *(*run)(void *), void *arg)
{
    if (pthread_create(thread, NULL, run, arg) != 0) {
        abort();
    }
}

/* Nanoseconds of a section, on average over the threads. */
static double run_round(const struct way *way, unsigned num_threads, bool has_writer, double *ret_swaps)
{
    const struct timespec pause = {.tv_nsec = ROUND_NANOS};
    reader all[THREADS_MAX] = {0};
    pthread_t writer;
    double sum = 0;
    uint64_t swaps_before = num_swaps;
    atomic_store(&is_over, false);
    if (has_writer) {
        static struct way chosen; /* pthread_create takes no const */
        chosen = *way;
        start(&writer, write_in_a_loop, &chosen);
    }
    for (unsigned i = 0; i < num_threads; i++) {
        all[i].way = way;
        start(&all[i].thread, read_together, &all[i]);
    }
    (void)nanosleep(&pause, NULL);
    atomic_store(&is_over, true);
    for (unsigned i = 0; i < num_threads; i++) {
        (void)pthread_join(all[i].thread, NULL);
        sum += all[i].nanos;
        atomic_fetch_add(&sink, all[i].sum);
    }
    if (has_writer) {
        (void)pthread_join(writer, NULL);
    }
    *ret_swaps = (double)(num_swaps - swaps_before) / ((double)ROUND_NANOS / 1e9);
    return sum / num_threads;
}

/* One reader beside the writer. */
static void run_singles(const struct way *way, uint32_t *singles)
{
    static struct way chosen;
    pthread_t writer;
    reader self = {.way = way, .singles = singles};
    chosen = *way;
    atomic_store(&is_over, false);
    start(&writer, write_in_a_loop, &chosen);
    start(&self.thread, read_singly, &self);
    (void)pthread_join(self.thread, NULL);
    atomic_store(&is_over, true);
    (void)pthread_join(writer, NULL);
}

/* ---- what is printed ---- */

static int compare_double(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static int compare_u32(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

static double median(double values[ROUNDS])
{
    qsort(values, ROUNDS, sizeof(double), compare_double);
    return values[ROUNDS / 2];
}

typedef struct figure {
    double nanos, swaps;
} figure;

static void measure(unsigned num_threads, bool has_writer, figure figures[NUM_WAYS])
{
    static double nanos[NUM_WAYS][ROUNDS], swaps[NUM_WAYS][ROUNDS];
    for (unsigned r = 0; r < ROUNDS; r++) {
        for (size_t w = 0; w < NUM_WAYS; w++) {
            nanos[w][r] = run_round(&WAYS[w], num_threads, has_writer, &swaps[w][r]);
        }
    }
    for (size_t w = 0; w < NUM_WAYS; w++) {
        figures[w] = (figure){median(nanos[w]), median(swaps[w])};
    }
    (void)printf("\n%u reading%s\n%-40s %10s %10s %10s\n", num_threads, has_writer ? ", one swaps in a loop" : "",
                 "median of rounds", "ns/section", "x readers", "swaps/s");
    for (size_t w = 0; w < NUM_WAYS; w++) {
        (void)printf("%-40s %10.1f %10.2f %10.0f\n", WAYS[w].what, figures[w].nanos,
                     figures[w].nanos / figures[0].nanos, figures[w].swaps);
    }
}

static void measure_singles(uint32_t ends[NUM_WAYS][2])
{
    static uint32_t singles[NUM_WAYS][SINGLE_ROUNDS * SINGLES];
    const size_t num = (size_t)SINGLE_ROUNDS * SINGLES;
    for (unsigned r = 0; r < SINGLE_ROUNDS; r++) {
        for (size_t w = 0; w < NUM_WAYS; w++) {
            run_singles(&WAYS[w], &singles[w][r * SINGLES]);
        }
    }
    (void)printf("\n1 reading, one swaps in a loop%s\n%-40s %10s %10s %10s\n",
                 is_writer_pausing ? ", 100 us apart" : "", "single sections, ns, clock included", "p99", "maximum",
                 "p99 x");
    for (size_t w = 0; w < NUM_WAYS; w++) {
        qsort(singles[w], num, sizeof(uint32_t), compare_u32);
        ends[w][0] = singles[w][num - num / 100];
        ends[w][1] = singles[w][num - 1];
        (void)printf("%-40s %10u %10u %10.2f\n", WAYS[w].what, ends[w][0], ends[w][1],
                     (double)ends[w][0] / (double)ends[0][0]);
    }
}

typedef struct run {
    unsigned num_threads;
    bool has_writer;
} run;

static void print_figures(run which, const figure figures[NUM_WAYS])
{
    for (size_t w = 0; w < NUM_WAYS; w++) {
        (void)printf("{\"bench\":\"readers\",\"variant\":\"%s\",\"threads\":%u,\"writer\":%s,\"ns\":%.1f,"
                     "\"ratio_to_readers\":%.3f,\"swaps_per_second\":%.0f}\n",
                     WAYS[w].name, which.num_threads, which.has_writer ? "true" : "false", figures[w].nanos,
                     figures[w].nanos / figures[0].nanos, figures[w].swaps);
    }
}

static void print_ends(bool has_pause, uint32_t ends[NUM_WAYS][2])
{
    for (size_t w = 0; w < NUM_WAYS; w++) {
        (void)printf("{\"bench\":\"readers_single\",\"variant\":\"%s\",\"pause\":%s,\"p99_ns\":%u,\"max_ns\":%u,"
                     "\"ratio_to_readers\":%.3f}\n",
                     WAYS[w].name, has_pause ? "true" : "false", ends[w][0], ends[w][1],
                     (double)ends[w][0] / (double)ends[0][0]);
    }
}

static bool set_up(void)
{
    num_locks = xg_stripe_count();
    for (unsigned i = 0; i < num_locks; i++) {
        (void)pthread_rwlock_init(&locks[i].lock, NULL);
    }
    if (!xg_is_ok(xg_readers_new(&readers))) {
        return false;
    }
    locked_state = state_new();
    atomic_store(&urcu_state, state_new());
    atomic_store(&readers_state, state_new());
    bare_swap();
    return true;
}

int main(void)
{
    static const run RUNS[] = {{1, false}, {2, false}, {1, true}, {2, true}};
    static figure figures[XG_ARRAY_LEN(RUNS)][NUM_WAYS];
    static uint32_t ends[2][NUM_WAYS][2];

    if (!set_up()) {
        return 2;
    }
    for (size_t r = 0; r < XG_ARRAY_LEN(RUNS); r++) {
        measure(RUNS[r].num_threads, RUNS[r].has_writer, figures[r]);
    }
    for (unsigned p = 0; p < 2; p++) {
        is_writer_pausing = p == 1;
        measure_singles(ends[p]);
    }
    (void)printf("\n");
    for (size_t r = 0; r < XG_ARRAY_LEN(RUNS); r++) {
        print_figures(RUNS[r], figures[r]);
    }
    for (unsigned p = 0; p < 2; p++) {
        print_ends(p == 1, ends[p]);
    }
    xg_readers_free(readers);
    free(locked_state);
    free(atomic_load(&urcu_state));
    free(atomic_load(&readers_state));
    return 0;
}
