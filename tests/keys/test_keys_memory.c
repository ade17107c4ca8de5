/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_keys_memory.c: every allocation of the directory store fails once.
 *
 * The allocator below stands in front of libc's and fails the n-th call, for every n. Whatever fails: no crash, no
 * leak, the last snapshot serves, and the next load works. Not built with sanitizers, which bring an allocator of their
 * own.
 */
#include "store_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);

/* Volatile: the C library declares its functions as leaves, so the compiler would not expect them to come back here. */
static volatile long fail_at = -1; /* allocations left until one fails; below 0: none does */
static volatile bool has_failed;
static volatile bool is_failing_on; /* all later ones too */

static bool must_fail(void)
{
    if (fail_at < 0) {
        return false;
    }
    if (fail_at > 0) {
        fail_at--;
        return false;
    }
    fail_at = is_failing_on ? 0 : -1;
    has_failed = true;
    errno = ENOMEM;
    return true;
}

XG_EXPORT void *malloc(size_t size)
{
    return must_fail() ? NULL : __libc_malloc(size);
}

XG_EXPORT void *calloc(size_t count, size_t size)
{
    return must_fail() ? NULL : __libc_calloc(count, size);
}

XG_EXPORT void *realloc(void *old, size_t size)
{
    return must_fail() ? NULL : __libc_realloc(old, size);
}

static bool is_intercepted(void)
{
    fail_at = 0;
    is_failing_on = false;
    char *volatile block = strdup("x"); /* a caller elsewhere, as everything that is swept */
    fail_at = -1;
    bool is_ours = block == NULL;
    free(block);
    return is_ours;
}

typedef void action(store_fixture *fx);

/* Runs the action with the n-th allocation failing, until it needs no more than n. Returns n. */
static long sweep(store_fixture *fx, action *act, bool is_failing_on_too)
{
    is_failing_on = is_failing_on_too;
    for (long n = 0;; n++) {
        has_failed = false;
        fail_at = n;
        act(fx);
        fail_at = -1;
        if (!has_failed) {
            return n;
        }
    }
}

static void make_store(store_fixture *fx)
{
    store_init(fx);
    store_key(fx, "meshes/m/keys/1.pem", 1);
    store_key(fx, "meshes/m/keys/2.pem", 2);
    store_key(fx, "meshes/m/keys/3.pem", 3);
    store_write(fx, "meshes/m/revoked", "r1\nr2\n@kid 7\n");
    store_key(fx, "meshes/n/keys/1.pem", 4);
    store_key(fx, "zone/keys/1.pem", 5);
    store_mkdir(fx, "meshes/many");
    store_mkdir(fx, "meshes/many/keys");
    char path[64];
    for (int i = 0; i < 20; i++) {
        snprintf(path, sizeof(path), "meshes/x%d", i);
        store_mkdir(fx, path);
        snprintf(path, sizeof(path), "meshes/x%d/keys", i);
        store_mkdir(fx, path);
        snprintf(path, sizeof(path), "meshes/many/keys/%d.retired", i + 1);
        store_write(fx, path, "");
    }
}

static void open_once(store_fixture *fx)
{
    xg_dirstore_limits limits = {.meshes = 10, .revoked_ids = 10};
    xg_dirstore *store = NULL;
    xg_result result = xg_dirstore_open("/proc/self", fx->crypto, &limits, &store, NULL);
    assert_true(xg_is_ok(result) || xg_result_reason(result) == XG_REASON_NO_MEMORY);
    assert_int_equal(store != NULL, xg_is_ok(result));
    xg_dirstore_close(store);
    result = xg_dirstore_open(".", fx->crypto, &limits, &store, NULL);
    assert_true(xg_is_ok(result) || xg_result_reason(result) == XG_REASON_NO_MEMORY);
    if (xg_is_ok(result)) {
        xg_dirstore_close(store);
    }
}

/* A whole load in a store that knows nothing yet. */
static void load_first(store_fixture *fx)
{
    xg_dirstore_limits limits = {.meshes = 100, .revoked_ids = 10};
    xg_dirstore *store = NULL;
    if (!xg_is_ok(xg_dirstore_open(fx->root, fx->crypto, &limits, &store, NULL))) {
        return;
    }
    xg_snapshot *snapshot = NULL;
    xg_result result = xg_dirstore_load(store, NULL, NULL, NULL, &snapshot, NULL);
    assert_int_equal(snapshot != NULL, xg_is_ok(result));
    if (snapshot != NULL) {
        xg_trust trust;
        bool is_stale = xg_snapshot_is_stale(snapshot);
        assert_true(!is_stale || has_failed);
        xg_result found = xg_snapshot_find_mesh(snapshot, XG_STR("m"), &trust);
        assert_true(xg_is_ok(found) || (is_stale && xg_result_reason(found) == XG_REASON_KEYS_UNUSABLE));
        if (xg_is_ok(found)) { /* whole, or not at all */
            assert_int_equal(xg_keyring_count(trust.own->ring), 3);
            assert_int_equal(xg_revocations_count(trust.own->revoked), 2);
        }
    }
    xg_snapshot_unref(snapshot);
    xg_dirstore_close(store);
}

/* A load on top of another, with a change in between. */
static void load_again(store_fixture *fx)
{
    long left = fail_at;
    fail_at = -1;
    static unsigned turn;
    store_key(fx, "meshes/m/keys/2.pem", 20 + turn++ % 2);
    xg_dirstore_has_changed(fx->store, 0, 0);
    xg_snapshot *before = fx->snapshot;
    fail_at = left;
    xg_result result = store_load(fx);
    assert_true(xg_is_ok(result) || xg_result_reason(result) == XG_REASON_NO_MEMORY);
    assert_true(xg_is_ok(result) || fx->snapshot == before);
    assert_int_equal(store_num_keys(fx, "m"), 3);
    assert_true(store_is_revoked(fx, "m", "r1"));
    /* Memory for one file is the matter of its set: the last good one serves until it is tried again. */
    assert_true(!xg_snapshot_is_stale(fx->snapshot) || has_failed);
    /* A question never fails either: without memory the answer is "look". */
    left = fail_at;
    fail_at = -1;
    if (!has_failed) {
        assert_false(xg_dirstore_has_changed(fx->store, 0, 0));
        fail_at = left;
        bool has_changed = xg_dirstore_has_changed(fx->store, 0, 0);
        assert_int_equal(has_changed, has_failed);
    }
}

static void test_every_failed_allocation_leaves_the_last_good_state(void **state)
{
    (void)state;
    if (!is_intercepted()) {
        assert_non_null(getenv("XG_VALGRIND_PRELOAD")); /* valgrind puts its own allocator in front of ours */
        skip();
    }
    store_fixture fx;
    make_store(&fx);
    assert_true(sweep(&fx, open_once, false) >= 2);
    assert_ok(store_load(&fx));
    for (int on = 0; on < 2; on++) {
        assert_true(sweep(&fx, load_first, on != 0) > 50);
        assert_true(sweep(&fx, load_again, on != 0) > 20);
    }
    assert_ok(store_load(&fx));
    store_done(&fx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_failed_allocation_leaves_the_last_good_state),
    };
    return cmocka_run_group_tests_name("keys memory", tests, NULL, NULL);
}
