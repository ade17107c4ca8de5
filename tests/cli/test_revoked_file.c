/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_revoked_file.c: whichever call of the system fails, a list is the new one or the old one, whole.
 *
 * The linker puts the functions below in place of those that change a directory or a file; one of their calls fails.
 * One thread.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "revoked_file.h"

static const char OLD_LIST[] = "# kept\na\n";
static const char NEW_LIST[] = "# kept\na\nb\n";

static unsigned num_calls;
static unsigned failing_call; /* counted from 1; 0: none */
static int failure;
static bool has_no_flags; /* a file system whose rename knows no flags */
static int lock_failure;  /* errno of every lock; 0: locks are to be had */
static unsigned num_pauses;

static bool fails(void)
{
    num_calls++;
    if (num_calls == failing_call) {
        errno = failure;
        return true;
    }
    return false;
}

/* What the linker makes of the names is prescribed. */
int __real_fsync(int fd);
int __real_fchmod(int fd, mode_t mode);
int __real_renameat(int from_fd, const char *from, int to_fd, const char *to);
int __real_renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags);
int __real_linkat(int from_fd, const char *from, int to_fd, const char *to, int flags);
ssize_t __real_write(int fd, const void *bytes, size_t len);
int __real_flock(int fd, int operation);
int __wrap_flock(int fd, int operation);
int __wrap_nanosleep(const struct timespec *time, struct timespec *left);
int __wrap_fsync(int fd);
int __wrap_fchmod(int fd, mode_t mode);
int __wrap_renameat(int from_fd, const char *from, int to_fd, const char *to);
int __wrap_renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags);
int __wrap_linkat(int from_fd, const char *from, int to_fd, const char *to, int flags);
ssize_t __wrap_write(int fd, const void *bytes, size_t len);

int __wrap_fsync(int fd)
{
    return fails() ? -1 : __real_fsync(fd);
}

int __wrap_fchmod(int fd, mode_t mode)
{
    return fails() ? -1 : __real_fchmod(fd, mode);
}

int __wrap_renameat(int from_fd, const char *from, int to_fd, const char *to)
{
    return fails() ? -1 : __real_renameat(from_fd, from, to_fd, to);
}

int __wrap_renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
    if (has_no_flags) {
        errno = EINVAL;
        return -1;
    }
    return fails() ? -1 : __real_renameat2(from_fd, from, to_fd, to, flags);
}

int __wrap_linkat(int from_fd, const char *from, int to_fd, const char *to, int flags)
{
    return fails() ? -1 : __real_linkat(from_fd, from, to_fd, to, flags);
}

ssize_t __wrap_write(int fd, const void *bytes, size_t len)
{
    return fails() ? -1 : __real_write(fd, bytes, len);
}

int __wrap_flock(int fd, int operation)
{
    if (lock_failure != 0) {
        errno = lock_failure;
        return -1;
    }
    return __real_flock(fd, operation);
}

int __wrap_nanosleep(const struct timespec *time, struct timespec *left)
{
    (void)time;
    (void)left;
    num_pauses++;
    return 0;
}

static char root[64];
static char set_path[96];

static const xg_revoked_set SET = {.folder = "zone", .mesh = NULL};

static void put_list(const char *text)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/revoked", set_path);
    unlink(path);
    if (text == NULL) {
        return;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    assert_true(fd >= 0);
    assert_int_equal(__real_write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

/* The list is these bytes (NULL: there is none), and nothing else stands beside it. */
static void assert_list(const char *text)
{
    DIR *stream = opendir(set_path);
    const struct dirent *entry = NULL;
    size_t num_names = 0;
    xg_revoked_file file;
    assert_non_null(stream);
    while ((entry = readdir(stream)) != NULL) {
        num_names++;
    }
    closedir(stream);
    assert_int_equal(num_names, text != NULL ? 3 : 2);
    assert_int_equal(xg_revoked_file_open(root, &SET, false, &file), XG_EXIT_OK);
    assert_int_equal(file.is_there, text != NULL);
    if (text != NULL) {
        assert_string_equal(file.text, text);
    }
    xg_revoked_file_close(&file);
}

static int replace(const char *old)
{
    xg_revoked_file file;
    put_list(old);
    assert_int_equal(xg_revoked_file_open(root, &SET, true, &file), XG_EXIT_OK);
    num_calls = 0;
    int code = xg_revoked_file_replace(&file, NEW_LIST, strlen(NEW_LIST));
    failing_call = 0;
    xg_revoked_file_close(&file);
    return code;
}

static int set_up(void **state)
{
    (void)state;
    snprintf(root, sizeof(root), "/tmp/xdsgate-revoked-XXXXXX");
    if (mkdtemp(root) == NULL) {
        return -1;
    }
    snprintf(set_path, sizeof(set_path), "%s/zone", root);
    return mkdir(set_path, 0755);
}

static int tear_down(void **state)
{
    (void)state;
    put_list(NULL);
    return rmdir(set_path) == 0 && rmdir(root) == 0 ? 0 : -1;
}

static void try_every_call(const char *old, unsigned num_expected)
{
    failing_call = 0;
    assert_int_equal(replace(old), XG_EXIT_OK);
    assert_list(NEW_LIST);
    unsigned num = num_calls;
    assert_int_equal(num, num_expected);
    for (unsigned i = 1; i <= num; i++) {
        failing_call = i;
        assert_int_equal(replace(old), XG_EXIT_IO);
        assert_list(old);
    }
}

/* fchmod, write, fsync of the file, the rename, fsync of the directory. */
static void test_whichever_call_fails_the_old_list_is_there(void **state)
{
    (void)state;
    failure = EIO;
    has_no_flags = false;
    try_every_call(OLD_LIST, 5);
    try_every_call(NULL, 5);
}

/* The rename takes a link and two renames, for a list that was not there a link. */
static void test_the_same_where_names_cannot_be_exchanged(void **state)
{
    (void)state;
    failure = EPERM;
    has_no_flags = true;
    try_every_call(OLD_LIST, 7);
    try_every_call(NULL, 5);
    has_no_flags = false;
}

static void test_a_write_that_was_interrupted_goes_on(void **state)
{
    (void)state;
    failure = EINTR;
    failing_call = 2;
    assert_int_equal(replace(OLD_LIST), XG_EXIT_OK);
    assert_list(NEW_LIST);
}

static void test_a_list_that_somebody_else_changed_meanwhile_is_not_replaced(void **state)
{
    static const char *const OLD[] = {OLD_LIST, NULL};
    static const char OTHER[] = "other\n";
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(OLD); i++) {
        xg_revoked_file file;
        put_list(OLD[i]);
        assert_int_equal(xg_revoked_file_open(root, &SET, true, &file), XG_EXIT_OK);
        put_list(OTHER);
        assert_int_equal(xg_revoked_file_replace(&file, NEW_LIST, strlen(NEW_LIST)), XG_EXIT_IO);
        xg_revoked_file_close(&file);
        assert_list(OTHER);
    }
    xg_revoked_file file;
    put_list(OLD_LIST);
    assert_int_equal(xg_revoked_file_open(root, &SET, true, &file), XG_EXIT_OK);
    put_list(NULL);
    assert_int_equal(xg_revoked_file_replace(&file, NEW_LIST, strlen(NEW_LIST)), XG_EXIT_IO);
    xg_revoked_file_close(&file);
    assert_list(NULL);
}

/* The name of the lock is another's then, and stays. */
static void test_a_lock_that_is_not_to_be_had_is_waited_for_but_not_for_ever(void **state)
{
    char path[128];
    xg_revoked_file file;
    (void)state;
    snprintf(path, sizeof(path), "%s/.revoked.lock", set_path);
    put_list(OLD_LIST);
    num_pauses = 0;
    lock_failure = ENOLCK;
    assert_int_equal(xg_revoked_file_open(root, &SET, true, &file), XG_EXIT_IO);
    assert_int_equal(num_pauses, 0);
    assert_int_equal(unlink(path), 0);
    lock_failure = EWOULDBLOCK;
    assert_int_equal(xg_revoked_file_open(root, &SET, true, &file), XG_EXIT_IO);
    assert_true(num_pauses >= 1000);
    lock_failure = 0;
    assert_int_equal(unlink(path), 0);
    assert_list(OLD_LIST);
    assert_int_equal(xg_revoked_file_open(root, &SET, true, &file), XG_EXIT_OK);
    xg_revoked_file_close(&file);
    assert_list(OLD_LIST);
}

static void test_text_that_the_plugin_would_refuse_never_takes_the_place(void **state)
{
    xg_revoked_file file;
    (void)state;
    put_list(OLD_LIST);
    assert_int_equal(xg_revoked_file_open(root, &SET, true, &file), XG_EXIT_OK);
    assert_int_equal(xg_revoked_file_replace(&file, "a b\n", 4), XG_EXIT_IO);
    xg_revoked_file_close(&file);
    assert_list(OLD_LIST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whichever_call_fails_the_old_list_is_there),
        cmocka_unit_test(test_the_same_where_names_cannot_be_exchanged),
        cmocka_unit_test(test_a_write_that_was_interrupted_goes_on),
        cmocka_unit_test(test_a_list_that_somebody_else_changed_meanwhile_is_not_replaced),
        cmocka_unit_test(test_a_lock_that_is_not_to_be_had_is_waited_for_but_not_for_ever),
        cmocka_unit_test(test_text_that_the_plugin_would_refuse_never_takes_the_place),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
