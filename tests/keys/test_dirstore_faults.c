/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_dirstore_faults.c: the directory store on a machine that misbehaves, and in a directory that does not hold
 * still.
 *
 * The calls below stand in front of libc's: each can be told to fail, or to let something happen to the store first.
 */
#include "store_fixture.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/random.h>
#include <sys/stat.h>

static struct {
    const char *suffix; /* paths that fstatat is told about */
    int error;          /* and how it fails; 0: it does not */
    int num_actions;    /* how often the store changes at that moment */
    void (*action)(const store_fixture *fx);
    const store_fixture *fx;
    int inotify_init_error;
    int inotify_add_error;
    int readdir_error;
    int fstat_error;
    int getrandom_error;
    int num_interruptions;
} fault;

static void *libc(const char *name)
{
    void *function = dlsym(RTLD_NEXT, name);
    assert_non_null(function);
    return function;
}

static bool has_suffix(const char *path, const char *suffix)
{
    size_t len = strlen(path);
    size_t suffix_len = strlen(suffix);
    return len >= suffix_len && strcmp(path + len - suffix_len, suffix) == 0;
}

int fstatat(int dirfd, const char *path, struct stat *st, int flags)
{
    int (*next)(int, const char *, struct stat *, int);
    *(void **)&next = libc("fstatat64");
    if (fault.suffix != NULL && has_suffix(path, fault.suffix)) {
        if (fault.num_actions > 0) {
            fault.num_actions--;
            fault.action(fault.fx);
        }
        if (fault.error != 0) {
            errno = fault.error;
            return -1;
        }
    }
    return next(dirfd, path, st, flags);
}

int fstat(int fd, struct stat *st)
{
    int (*next)(int, struct stat *);
    *(void **)&next = libc("fstat64");
    if (fault.fstat_error != 0) {
        errno = fault.fstat_error;
        return -1;
    }
    return next(fd, st);
}

struct dirent *readdir(DIR *stream)
{
    struct dirent *(*next)(DIR *);
    *(void **)&next = libc("readdir64");
    if (fault.readdir_error != 0) {
        errno = fault.readdir_error;
        return NULL;
    }
    return next(stream);
}

int inotify_init1(int flags)
{
    int (*next)(int);
    *(void **)&next = libc("inotify_init1");
    if (fault.inotify_init_error != 0) {
        errno = fault.inotify_init_error;
        return -1;
    }
    return next(flags);
}

int inotify_add_watch(int fd, const char *path, uint32_t mask)
{
    int (*next)(int, const char *, uint32_t);
    *(void **)&next = libc("inotify_add_watch");
    if (fault.inotify_add_error != 0) {
        errno = fault.inotify_add_error;
        return -1;
    }
    return next(fd, path, mask);
}

ssize_t getrandom(void *bytes, size_t len, unsigned flags)
{
    ssize_t (*next)(void *, size_t, unsigned);
    *(void **)&next = libc("getrandom");
    if (fault.num_interruptions > 0) {
        fault.num_interruptions--;
        errno = EINTR;
        return -1;
    }
    if (fault.getrandom_error != 0) {
        errno = fault.getrandom_error;
        return -1;
    }
    return next(bytes, len, flags);
}

static void heal(void)
{
    memset(&fault, 0, sizeof(fault));
}

static void make_store(store_fixture *fx)
{
    heal();
    store_init(fx);
    store_key(fx, "meshes/m/keys/1.pem", 1);
    store_write(fx, "meshes/m/revoked", "r1");
    store_key(fx, "zone/keys/1.pem", 2);
}

static void load_good(store_fixture *fx)
{
    assert_ok(store_load(fx));
    assert_false(xg_snapshot_is_stale(fx->snapshot));
    assert_int_equal(fx->num_refusals, 0);
}

static void load_stale(store_fixture *fx)
{
    assert_ok(store_load(fx));
    assert_true(xg_snapshot_is_stale(fx->snapshot));
    assert_int_equal(store_num_keys(fx, "m"), 1);
    assert_true(store_is_revoked(fx, "m", "r1"));
}

/* ---- errors that pass ---- */

static void test_an_error_that_may_pass_is_tried_again_with_the_next_poll(void **state)
{
    (void)state;
    static const struct {
        const char *suffix;
        int error;
        bool may_pass;
    } rows[] = {
        {"1.pem", EIO, true},      {"1.pem", ETIMEDOUT, true}, {"1.pem", 4095, true},     {"revoked", EIO, true},
        {"revoked", ESTALE, true}, {"1.pem", EACCES, false},   {"revoked", EPERM, false},
    };
    for (size_t i = 0; i < XG_ARRAY_LEN(rows); i++) {
        store_fixture fx;
        make_store(&fx);
        load_good(&fx);
        fault.suffix = rows[i].suffix;
        fault.error = rows[i].error;
        assert_true(store_has_changed(&fx, true));
        load_stale(&fx);
        assert_int_equal(fx.last_reason, XG_REASON_STORE_UNREADABLE);
        assert_false(store_has_changed(&fx, false)); /* no busy loop */
        assert_int_equal(store_has_changed(&fx, true), rows[i].may_pass);
        heal();
        assert_true(store_has_changed(&fx, true));
        load_good(&fx);
        assert_int_equal(store_num_keys(&fx, "m"), 1);
        store_done(&fx);
    }
}

static void test_a_directory_that_cannot_be_read_to_its_end_is_not_a_short_one(void **state)
{
    (void)state;
    store_fixture fx;
    make_store(&fx);
    load_good(&fx);
    fault.readdir_error = EIO;
    assert_true(store_has_changed(&fx, true));
    assert_reason(store_load(&fx), STORE_UNREADABLE);
    heal();
    assert_true(store_has_changed(&fx, true));
    load_good(&fx);
    assert_int_equal(xg_snapshot_num_meshes(fx.snapshot), 1);
    store_done(&fx);
}

static void test_a_root_that_cannot_be_identified_is_unreadable(void **state)
{
    (void)state;
    store_fixture fx;
    make_store(&fx);
    load_good(&fx);
    fault.fstat_error = EIO;
    assert_true(store_has_changed(&fx, true));
    assert_reason(store_load(&fx), STORE_UNREADABLE);
    assert_non_null(strstr(fx.error, "Input/output error"));
    heal();
    load_good(&fx);
    store_done(&fx);
}

static void test_without_random_numbers_nothing_is_loaded(void **state)
{
    (void)state;
    store_fixture fx;
    make_store(&fx);
    fault.getrandom_error = ENOSYS;
    assert_reason(store_load(&fx), INTERNAL);
    heal();
    fault.num_interruptions = 3; /* a signal is no failure */
    load_good(&fx);
    store_done(&fx);
}

/* ---- a store that does not hold still ---- */

static unsigned next_key;

static void rewrite_key(const store_fixture *fx)
{
    fault.suffix = NULL; /* what the change itself does is not told */
    store_key(fx, "meshes/m/keys/1.pem", next_key++);
    fault.suffix = "1.pem";
}

static void rewrite_list(const store_fixture *fx)
{
    char text[32];
    snprintf(text, sizeof(text), "r1,x%u", next_key++);
    store_write(fx, "meshes/m/revoked", text);
}

static void new_mesh(const store_fixture *fx)
{
    char path[64];
    snprintf(path, sizeof(path), "meshes/new%u", next_key++);
    store_mkdir(fx, path);
    fault.suffix = NULL;
    snprintf(path, sizeof(path), "meshes/new%u/keys", next_key - 1);
    store_mkdir(fx, path);
    fault.suffix = "zone/revoked";
}

static void test_what_moves_while_it_is_read_is_read_again(void **state)
{
    (void)state;
    static const struct {
        const char *suffix;
        void (*action)(const store_fixture *fx);
    } rows[] = {{"1.pem", rewrite_key}, {"m/revoked", rewrite_list}, {"zone/revoked", new_mesh}};
    /* Changing once or twice is caught up with. */
    for (size_t i = 0; i < XG_ARRAY_LEN(rows) * 2; i++) {
        store_fixture fx;
        make_store(&fx);
        load_good(&fx);
        assert_false(store_has_changed(&fx, false));
        next_key = 50;
        store_key(&fx, "meshes/m/keys/0.pem", 40);
        fault.suffix = rows[i / 2].suffix;
        fault.action = rows[i / 2].action;
        fault.fx = &fx;
        fault.num_actions = 1 + (int)(i % 2);
        load_good(&fx);
        assert_int_equal(fault.num_actions, 0);
        heal();
        /* What was loaded is what there is: the walk finds nothing new, whatever inotify has told. */
        (void)store_has_changed(&fx, false);
        load_good(&fx);
        assert_false(store_has_changed(&fx, true));
        assert_int_equal(store_num_keys(&fx, "m"), 2);
        store_done(&fx);
    }
}

static void test_a_set_that_never_holds_still_goes_on_as_it_was(void **state)
{
    (void)state;
    store_fixture fx;
    make_store(&fx);
    load_good(&fx);
    assert_false(store_has_changed(&fx, false));
    next_key = 50;
    fault.suffix = "1.pem";
    fault.action = rewrite_key;
    fault.fx = &fx;
    fault.num_actions = 1000;
    load_stale(&fx);
    assert_non_null(strstr(fx.words, "kept changing while they were read"));
    heal();
    assert_true(store_has_changed(&fx, true));
    load_good(&fx);
    assert_int_equal(store_num_keys(&fx, "m"), 1);
    store_done(&fx);
}

/* Each set is whole by itself, and a change to one of them must not wait until nobody adds or removes a mesh. */
static void test_a_list_of_meshes_that_never_holds_still_is_served_and_read_again(void **state)
{
    (void)state;
    store_fixture fx;
    make_store(&fx);
    load_good(&fx);
    next_key = 50;
    fault.suffix = "zone/revoked";
    fault.action = new_mesh;
    fault.fx = &fx;
    fault.num_actions = 1000;
    load_good(&fx);
    heal();
    assert_true(store_has_changed(&fx, false));
    load_good(&fx);
    assert_false(store_has_changed(&fx, false));
    store_done(&fx);
}

/* ---- inotify at its limits ---- */

static void test_without_inotify_every_question_walks(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        store_fixture fx;
        make_store(&fx);
        fault.inotify_init_error = i == 0 ? EMFILE : 0;
        fault.inotify_add_error = i == 1 ? ENOSPC : 0;
        load_good(&fx);
        heal();
        assert_false(store_has_changed(&fx, false));
        store_key(&fx, "meshes/m/keys/2.pem", 3);
        assert_true(store_has_changed(&fx, false));
        load_good(&fx);
        assert_int_equal(store_num_keys(&fx, "m"), 2);
        assert_false(store_has_changed(&fx, false));
        store_key(&fx, "meshes/n/keys/2.pem", 4);
        assert_true(store_has_changed(&fx, false));
        load_good(&fx);
        assert_int_equal(store_num_keys(&fx, "n"), 1);
        store_done(&fx);
    }
}

/* More directories than the first table of watches has room for. */
static void test_every_one_of_many_meshes_is_watched(void **state)
{
    (void)state;
    enum { NUM_MESHES = 100 };
    store_fixture fx;
    make_store(&fx);
    char path[64];
    for (unsigned i = 0; i < NUM_MESHES; i++) {
        snprintf(path, sizeof(path), "meshes/x%u/keys", i);
        store_mkdir(&fx, path);
    }
    load_good(&fx);
    assert_false(store_has_changed(&fx, false));
    for (unsigned i = 0; i < NUM_MESHES; i += 7) {
        snprintf(path, sizeof(path), "meshes/x%u/keys/1.retired", i);
        store_write(&fx, path, "");
        assert_true(store_has_changed(&fx, false));
        load_good(&fx);
        snprintf(path, sizeof(path), "x%u", i);
        assert_int_equal(store_num_keys(&fx, path), 1);
        assert_false(store_has_changed(&fx, false));
    }
    store_done(&fx);
}

/* A file server whose clock is far ahead must not slow a load down, nor keep it from ending. */
static void test_times_in_the_future_are_taken_as_they_are(void **state)
{
    (void)state;
    store_fixture fx;
    make_store(&fx);
    char path[128];
    snprintf(path, sizeof(path), "%s/meshes/m/keys/1.pem", fx.root);
    const struct timespec times[2] = {{.tv_sec = INT64_C(4102444800)}, {.tv_sec = INT64_C(4102444800)}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    load_good(&fx);
    store_done(&fx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_error_that_may_pass_is_tried_again_with_the_next_poll),
        cmocka_unit_test(test_a_directory_that_cannot_be_read_to_its_end_is_not_a_short_one),
        cmocka_unit_test(test_a_root_that_cannot_be_identified_is_unreadable),
        cmocka_unit_test(test_without_random_numbers_nothing_is_loaded),
        cmocka_unit_test(test_what_moves_while_it_is_read_is_read_again),
        cmocka_unit_test(test_a_set_that_never_holds_still_goes_on_as_it_was),
        cmocka_unit_test(test_a_list_of_meshes_that_never_holds_still_is_served_and_read_again),
        cmocka_unit_test(test_without_inotify_every_question_walks),
        cmocka_unit_test(test_every_one_of_many_meshes_is_watched),
        cmocka_unit_test(test_times_in_the_future_are_taken_as_they_are),
    };
    return cmocka_run_group_tests_name("dirstore faults", tests, NULL, NULL);
}
