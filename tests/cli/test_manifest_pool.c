/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_manifest_pool.c: signing on many threads: each item once, no waiting for what will not come, and an end at once
 * when somebody failed.
 *
 * Nothing is signed: __wrap_xg_minted_make stands in, and can be told to wait or to fail. Also run under
 * ThreadSanitizer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "manifest_pool.h"

#define ITEMS_MAX 5000
#define BATCH     512
#define NEVER     SIZE_MAX

static xg_manifest_item items[ITEMS_MAX];
static xg_manifest_proxy proxies[ITEMS_MAX];
static char meshes[ITEMS_MAX][32];
static atomic_size_t num_made;
static size_t failing_at;      /* the call that fails */
static size_t failing_threads; /* so many calls of pthread_create succeed first; NEVER: all */
static bool is_gated;
static sem_t gate; /* what may be made, when is_gated */
static xg_keychain keychain;
static const xg_mint_request BASE = {.valid_for_nanos = 1000000000};

/* Any address will do: whoever signs is never looked at. */
static const xg_signer *const SIGNER = (const xg_signer *)&gate;

xg_result __wrap_xg_minted_make(const xg_mint_request *request, const xg_signer *signer, xg_minted *ret_minted);
xg_result __wrap_xg_minted_repeat(const xg_ledger_entry *entry, const xg_signer *signer, xg_minted *ret_minted);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*work)(void *), void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*work)(void *), void *arg);

static xg_result fake(xg_str jti, xg_minted *ret_minted)
{
    while (is_gated && sem_wait(&gate) != 0) {
    }
    if (atomic_fetch_add(&num_made, 1) == failing_at) {
        snprintf(ret_minted->field, sizeof(ret_minted->field), "jti");
        return XG_FAIL(CLAIMS_TYPE);
    }
    *ret_minted = (xg_minted){.token = strndup(jti.ptr, jti.len), .len = jti.len};
    assert_non_null(ret_minted->token);
    return XG_OK;
}

xg_result __wrap_xg_minted_make(const xg_mint_request *request, const xg_signer *signer, xg_minted *ret_minted)
{
    (void)signer;
    return fake(request->jti, ret_minted);
}

xg_result __wrap_xg_minted_repeat(const xg_ledger_entry *entry, const xg_signer *signer, xg_minted *ret_minted)
{
    (void)signer;
    xg_result result = fake(entry->claims, ret_minted);
    xg_text text;
    xg_text_init(&text, ret_minted->fingerprint, sizeof(ret_minted->fingerprint));
    xg_text_add(&text, entry->claims);
    return result;
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*work)(void *), void *arg)
{
    if (failing_threads == 0) {
        return EAGAIN;
    }
    failing_threads -= failing_threads != NEVER ? 1 : 0;
    return __real_pthread_create(thread, attr, work, arg);
}

/* So many items, a mesh for each `per_mesh` of them. */
static void prepare(size_t num, size_t per_mesh)
{
    memset(items, 0, sizeof(items));
    memset(proxies, 0, sizeof(proxies));
    atomic_store(&num_made, 0);
    failing_at = NEVER;
    failing_threads = NEVER;
    is_gated = false;
    for (size_t i = 0; i < num; i++) {
        snprintf(meshes[i], sizeof(meshes[i]), "m%zu", i / per_mesh);
        proxies[i].mesh = xg_str_of(meshes[i]);
        items[i] = (xg_manifest_item){.proxy = &proxies[i], .action = XG_MANIFEST_MINT, .shared = SIGNER, .kid = "1"};
    }
}

static xg_manifest_pool *begin(size_t num, unsigned num_workers)
{
    xg_manifest_pool *pool = NULL;
    assert_int_equal(xg_manifest_pool_begin(NULL, &keychain, &BASE, items, num, num_workers, &pool), XG_EXIT_OK);
    assert_non_null(pool);
    return pool;
}

/* Takes all there is; how many. Each item may come once. */
static size_t take_all(xg_manifest_pool *pool, size_t max)
{
    xg_manifest_signed *batch[BATCH];
    size_t total = 0;
    for (;;) {
        size_t num = xg_manifest_pool_take(pool, batch, max);
        assert_true(num <= max);
        if (num == 0) {
            return total;
        }
        for (size_t i = 0; i < num; i++) {
            assert_false(batch[i]->item->is_done);
            batch[i]->item->is_done = true;
            xg_manifest_pool_release(batch[i]);
        }
        total += num;
    }
}

static void test_each_item_is_signed_once_whatever_the_numbers(void **state)
{
    static const struct {
        size_t num;
        size_t per_mesh;
        unsigned num_workers;
        size_t max;
    } CASES[] = {{1, 1, 1, 1},     {1, 1, 256, 512},     {0, 1, 4, 512},     {127, 2, 3, 512},
                 {128, 1, 2, 512}, {129, 3, 2, 512},     {5000, 2, 1, 512},  {5000, 2, 16, 512},
                 {5000, 1, 8, 1},  {5000, 5000, 8, 100}, {5000, 1, 256, 128}};
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(CASES); i++) {
        prepare(CASES[i].num, CASES[i].per_mesh);
        xg_manifest_pool *pool = begin(CASES[i].num, CASES[i].num_workers);
        assert_int_equal(take_all(pool, CASES[i].max), CASES[i].num);
        assert_int_equal(xg_manifest_pool_end(pool), XG_EXIT_OK);
        assert_int_equal(atomic_load(&num_made), CASES[i].num);
    }
}

static void test_what_is_kept_is_not_signed(void **state)
{
    (void)state;
    prepare(1000, 3);
    for (size_t i = 0; i < 1000; i++) {
        items[i].action = i % 5 == 0 ? XG_MANIFEST_MINT : XG_MANIFEST_KEEP;
    }
    xg_manifest_pool *pool = begin(1000, 4);
    assert_int_equal(take_all(pool, BATCH), 200);
    assert_int_equal(xg_manifest_pool_end(pool), XG_EXIT_OK);
    for (size_t i = 0; i < 1000; i++) {
        assert_int_equal(items[i].is_done, i % 5 == 0);
    }
}

/* Opens the gate for the rest, and takes it. */
static void finish_gated(xg_manifest_pool *pool, size_t num)
{
    for (size_t i = 0; i < num; i++) {
        assert_int_equal(sem_post(&gate), 0);
    }
    assert_int_equal(take_all(pool, BATCH), num);
    assert_int_equal(xg_manifest_pool_end(pool), XG_EXIT_OK);
    sem_destroy(&gate);
}

static void test_a_token_that_is_ready_does_not_wait_for_a_whole_batch(void **state)
{
    xg_manifest_signed *batch[BATCH];
    (void)state;
    prepare(10, 1);
    is_gated = true;
    assert_int_equal(sem_init(&gate, 0, 1), 0);
    xg_manifest_pool *pool = begin(10, 2);
    assert_int_equal(xg_manifest_pool_take(pool, batch, BATCH), 1);
    xg_manifest_pool_release(batch[0]);
    finish_gated(pool, 9);
}

static void *open_gate(void *arg)
{
    const struct timespec pause = {0, 300000000}; /* longer than a batch is waited for */
    (void)arg;
    nanosleep(&pause, NULL);
    sem_post(&gate);
    return NULL;
}

static void test_the_first_token_after_a_long_silence_wakes_whoever_waits(void **state)
{
    xg_manifest_signed *batch[BATCH];
    pthread_t thread;
    (void)state;
    prepare(10, 1);
    is_gated = true;
    assert_int_equal(sem_init(&gate, 0, 0), 0);
    xg_manifest_pool *pool = begin(10, 2);
    assert_int_equal(__real_pthread_create(&thread, NULL, open_gate, NULL), 0);
    assert_int_equal(xg_manifest_pool_take(pool, batch, BATCH), 1);
    pthread_join(thread, NULL);
    xg_manifest_pool_release(batch[0]);
    finish_gated(pool, 9);
}

static void test_a_failure_ends_all_workers_and_what_was_signed_is_whole(void **state)
{
    static const size_t FAILING[] = {0, 1, 10, 300, 4999};
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(FAILING); i++) {
        prepare(ITEMS_MAX, 2);
        failing_at = FAILING[i];
        xg_manifest_pool *pool = begin(ITEMS_MAX, 4);
        size_t taken = take_all(pool, BATCH);
        assert_int_equal(xg_manifest_pool_end(pool), XG_EXIT_USAGE);
        /* The one that failed, and one more at most in each of the three others. */
        assert_true(taken < atomic_load(&num_made));
        assert_true(atomic_load(&num_made) <= taken + 4);
    }
}

static void test_whoever_takes_no_more_ends_the_workers(void **state)
{
    xg_manifest_signed *batch[BATCH];
    (void)state;
    for (size_t max = 0; max <= BATCH; max += 128) {
        prepare(ITEMS_MAX, 2);
        xg_manifest_pool *pool = begin(ITEMS_MAX, 4);
        size_t num = max > 0 ? xg_manifest_pool_take(pool, batch, max) : 0;
        for (size_t i = 0; i < num; i++) {
            xg_manifest_pool_release(batch[i]);
        }
        assert_int_equal(xg_manifest_pool_end(pool), XG_EXIT_OK);
        /* What was taken, a full queue, and one more in each worker. */
        assert_true(atomic_load(&num_made) <= num + BATCH + 4);
    }
}

static void test_a_token_that_comes_out_different_is_not_restored(void **state)
{
    static const xg_manifest_known_token SAME = {.kid = "1", .claims = "abc", .fingerprint = "abc"};
    static const xg_manifest_known_token OTHER = {.kid = "1", .claims = "abc", .fingerprint = "abd"};
    (void)state;
    for (int is_other = 0; is_other < 2; is_other++) {
        prepare(1, 1);
        items[0].action = XG_MANIFEST_RESTORE;
        items[0].known = is_other != 0 ? &OTHER : &SAME;
        xg_manifest_pool *pool = begin(1, 2);
        assert_int_equal(take_all(pool, BATCH), is_other != 0 ? 0 : 1);
        assert_int_equal(xg_manifest_pool_end(pool), is_other != 0 ? XG_EXIT_KEY : XG_EXIT_OK);
    }
}

static void test_fewer_threads_than_asked_for_will_do_but_not_none(void **state)
{
    xg_manifest_pool *pool = NULL;
    (void)state;
    for (size_t num_threads = 1; num_threads < 4; num_threads++) {
        prepare(700, 1);
        failing_threads = num_threads;
        pool = begin(700, 4);
        assert_int_equal(take_all(pool, BATCH), 700);
        assert_int_equal(xg_manifest_pool_end(pool), XG_EXIT_OK);
    }
    prepare(700, 1);
    failing_threads = 0;
    pool = NULL;
    assert_int_equal(xg_manifest_pool_begin(NULL, &keychain, &BASE, items, 700, 4, &pool), XG_EXIT_IO);
    assert_null(pool);
    assert_int_equal(atomic_load(&num_made), 0);
}

int main(void)
{
    static const struct CMUnitTest TESTS[] = {
        cmocka_unit_test(test_each_item_is_signed_once_whatever_the_numbers),
        cmocka_unit_test(test_what_is_kept_is_not_signed),
        cmocka_unit_test(test_a_token_that_is_ready_does_not_wait_for_a_whole_batch),
        cmocka_unit_test(test_the_first_token_after_a_long_silence_wakes_whoever_waits),
        cmocka_unit_test(test_a_failure_ends_all_workers_and_what_was_signed_is_whole),
        cmocka_unit_test(test_whoever_takes_no_more_ends_the_workers),
        cmocka_unit_test(test_a_token_that_comes_out_different_is_not_restored),
        cmocka_unit_test(test_fewer_threads_than_asked_for_will_do_but_not_none),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
