/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_readers.c: who is inside, by one thread and by several. No test here knows a time: what would never end is ended
 * by the test's limit. Where a rule depends on how threads meet, a right program passes always, and a wrong one seldom.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>

#include "xdsgate/readers.h"

#define ALIVE       UINT64_C(0x616c697665)
#define NUM_READERS 4
#define NUM_SWAPS   3000
#define NUM_LOOKS   200000

static int make(void **state)
{
    xg_readers *readers = NULL;
    if (!xg_is_ok(xg_readers_new(&readers))) {
        return -1;
    }
    *state = readers;
    return 0;
}

static int drop(void **state)
{
    xg_readers_free(*state);
    return 0;
}

static void test_there_are_1_to_64_stripes_and_one_is_always_here(void **state)
{
    unsigned count = xg_stripe_count();
    (void)state;
    assert_in_range(count, 1, XG_STRIPES_MAX);
    assert_int_equal(count, xg_stripe_count());
    for (unsigned i = 1; i <= XG_STRIPES_MAX; i++) {
        assert_in_range(xg_stripe_here(i), 0, i - 1);
    }
    assert_int_equal(xg_stripe_here(1), 0);
}

static void stay_on_processor(unsigned cpu)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    (void)sched_setaffinity(0, sizeof(one), &one);
}

static void test_stripes_differ_where_processors_do(void **state)
{
    cpu_set_t allowed;
    unsigned count = xg_stripe_count();
    (void)state;
    assert_int_equal(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
    for (unsigned cpu = 0; cpu < count; cpu++) {
        if (CPU_ISSET(cpu, &allowed)) {
            stay_on_processor(cpu);
            assert_int_equal(xg_stripe_here(count), cpu);
        }
    }
    assert_int_equal(sched_setaffinity(0, sizeof(allowed), &allowed), 0);
}

static void test_it_is_empty_until_someone_enters_and_after_all_have_left(void **state)
{
    xg_readers *readers = *state;
    xg_readers_free(NULL);
    assert_true(xg_readers_is_empty(readers));
    unsigned outer = xg_readers_enter(readers);
    assert_false(xg_readers_is_empty(readers));
    unsigned inner = xg_readers_enter(readers);
    assert_false(xg_readers_is_empty(readers));
    xg_readers_leave(readers, outer);
    assert_false(xg_readers_is_empty(readers));
    xg_readers_leave(readers, inner);
    assert_true(xg_readers_is_empty(readers));
}

static void test_waiting_for_nobody_ends_and_readers_come_and_go_between_waits(void **state)
{
    xg_readers *readers = *state;
    xg_readers_wait(readers);
    for (unsigned i = 0; i < 100; i++) {
        unsigned ticket = xg_readers_enter(readers);
        assert_false(xg_readers_is_empty(readers));
        xg_readers_leave(readers, ticket);
        assert_true(xg_readers_is_empty(readers));
        xg_readers_wait(readers);
        assert_true(xg_readers_is_empty(readers));
    }
}

/* ---- a thread that waits ---- */

typedef struct waiter {
    pthread_t thread;
    xg_readers *readers;
    atomic_bool has_begun, has_ended;
} waiter;

static void *wait_once(void *arg)
{
    waiter *self = arg;
    atomic_store(&self->has_begun, true);
    xg_readers_wait(self->readers);
    atomic_store(&self->has_ended, true);
    return NULL;
}

static void waiter_start(waiter *self, xg_readers *readers)
{
    self->readers = readers;
    atomic_init(&self->has_begun, false);
    atomic_init(&self->has_ended, false);
    assert_int_equal(pthread_create(&self->thread, NULL, wait_once, self), 0);
    while (!atomic_load(&self->has_begun)) {
        (void)sched_yield();
    }
}

static void test_wait_does_not_end_while_someone_is_inside_who_was_before(void **state)
{
    xg_readers *readers = *state;
    waiter self;
    for (unsigned i = 0; i < 20; i++) { /* of either phase */
        unsigned ticket = xg_readers_enter(readers);
        waiter_start(&self, readers);
        for (unsigned look = 0; look < 50; look++) {
            assert_false(atomic_load(&self.has_ended));
            (void)sched_yield();
        }
        xg_readers_leave(readers, ticket);
        assert_int_equal(pthread_join(self.thread, NULL), 0);
        assert_true(atomic_load(&self.has_ended));
    }
}

static void test_wait_ends_though_someone_is_always_inside(void **state)
{
    xg_readers *readers = *state;
    waiter self;
    for (unsigned i = 0; i < 20; i++) {
        unsigned ticket = xg_readers_enter(readers);
        waiter_start(&self, readers);
        while (!atomic_load(&self.has_ended)) {
            unsigned next = xg_readers_enter(readers);
            xg_readers_leave(readers, ticket);
            ticket = next;
            (void)sched_yield();
        }
        assert_false(xg_readers_is_empty(readers));
        xg_readers_leave(readers, ticket);
        assert_int_equal(pthread_join(self.thread, NULL), 0);
        assert_true(xg_readers_is_empty(readers));
    }
}

/* ---- two threads that relieve each other ---- */

typedef struct relay {
    xg_readers *readers;
    atomic_uint turns;
    atomic_bool is_over;
} relay;

typedef struct runner {
    pthread_t thread;
    relay *shared;
    unsigned number; /* 0 or 1 */
} runner;

/* Is inside from before the other leaves until the other is inside again. */
static void *relieve(void *arg)
{
    runner *self = arg;
    relay *shared = self->shared;
    stay_on_processor(self->number); /* of a stripe of its own, where the machine has two */
    for (;;) {
        while (atomic_load(&shared->turns) % 2 != self->number && !atomic_load(&shared->is_over)) {
            (void)sched_yield();
        }
        if (atomic_load(&shared->is_over)) {
            return NULL;
        }
        unsigned ticket = xg_readers_enter(shared->readers);
        unsigned mine = atomic_fetch_add(&shared->turns, 1) + 1;
        while (atomic_load(&shared->turns) == mine && !atomic_load(&shared->is_over)) {
            (void)sched_yield();
        }
        xg_readers_leave(shared->readers, ticket);
    }
}

static void test_it_is_never_empty_while_two_relieve_each_other(void **state)
{
    relay shared = {.readers = *state};
    runner runners[2];
    unsigned num_empty = 0;
    unsigned ticket = xg_readers_enter(shared.readers); /* until the first of them is inside */
    for (unsigned i = 0; i < 2; i++) {
        runners[i] = (runner){.shared = &shared, .number = i};
        assert_int_equal(pthread_create(&runners[i].thread, NULL, relieve, &runners[i]), 0);
    }
    while (atomic_load(&shared.turns) < 2) {
        (void)sched_yield();
    }
    xg_readers_leave(shared.readers, ticket);
    for (unsigned i = 0; i < NUM_LOOKS; i++) {
        num_empty += xg_readers_is_empty(shared.readers);
    }
    atomic_store(&shared.is_over, true);
    assert_int_equal(pthread_join(runners[0].thread, NULL), 0);
    assert_int_equal(pthread_join(runners[1].thread, NULL), 0);
    assert_int_equal(num_empty, 0);
    assert_true(xg_readers_is_empty(shared.readers));
}

/* ---- what all of it is for ---- */

typedef struct object {
    uint64_t alive, number, check;
} object;

typedef struct world {
    xg_readers *readers;
    _Atomic(object *) present;
    atomic_bool is_over;
    atomic_uint num_ready; /* readers that have read once */
    atomic_uint num_dead;  /* objects that a reader found freed, or older than one it had seen */
} world;

static object *object_new(uint64_t number)
{
    object *made = malloc(sizeof(*made));
    assert_non_null(made);
    *made = (object){.alive = ALIVE, .number = number, .check = ~number};
    return made;
}

static void object_free(object *old)
{
    memset(old, 0xdd, sizeof(*old)); /* even where no sanitizer looks */
    free(old);
}

static void *read_until_over(void *arg)
{
    world *shared = arg;
    uint64_t latest = 0;
    for (unsigned round = 0; !atomic_load(&shared->is_over); round++) {
        unsigned ticket = xg_readers_enter(shared->readers);
        const object *seen = atomic_load_explicit(&shared->present, memory_order_seq_cst);
        if (round % 16 == 0) {
            (void)sched_yield();
        }
        if (seen->alive != ALIVE || seen->check != ~seen->number || seen->number < latest) {
            atomic_fetch_add(&shared->num_dead, 1);
        }
        latest = seen->number;
        xg_readers_leave(shared->readers, ticket);
        if (round == 0) {
            atomic_fetch_add(&shared->num_ready, 1);
        }
    }
    return NULL;
}

static void test_what_was_replaced_is_not_read_once_wait_has_ended(void **state)
{
    world shared = {.readers = *state};
    pthread_t threads[NUM_READERS];
    atomic_store(&shared.present, object_new(0));
    for (unsigned i = 0; i < NUM_READERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, read_until_over, &shared), 0);
    }
    while (atomic_load(&shared.num_ready) < NUM_READERS) {
        (void)sched_yield();
    }
    for (uint64_t number = 1; number <= NUM_SWAPS; number++) {
        object *old = atomic_exchange_explicit(&shared.present, object_new(number), memory_order_seq_cst);
        xg_readers_wait(shared.readers);
        object_free(old);
    }
    atomic_store(&shared.is_over, true);
    for (unsigned i = 0; i < NUM_READERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(atomic_load(&shared.num_dead), 0);
    assert_true(xg_readers_is_empty(shared.readers));
    assert_int_equal(atomic_load(&shared.present)->number, NUM_SWAPS);
    object_free(atomic_load(&shared.present));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_are_1_to_64_stripes_and_one_is_always_here),
        cmocka_unit_test(test_stripes_differ_where_processors_do),
        cmocka_unit_test_setup_teardown(test_it_is_empty_until_someone_enters_and_after_all_have_left, make, drop),
        cmocka_unit_test_setup_teardown(test_waiting_for_nobody_ends_and_readers_come_and_go_between_waits, make, drop),
        cmocka_unit_test_setup_teardown(test_wait_does_not_end_while_someone_is_inside_who_was_before, make, drop),
        cmocka_unit_test_setup_teardown(test_wait_ends_though_someone_is_always_inside, make, drop),
        cmocka_unit_test_setup_teardown(test_it_is_never_empty_while_two_relieve_each_other, make, drop),
        cmocka_unit_test_setup_teardown(test_what_was_replaced_is_not_read_once_wait_has_ended, make, drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
