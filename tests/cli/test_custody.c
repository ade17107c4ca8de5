/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_custody.c: whichever call of the system fails, 'key new' leaves both halves of a key or everything as it was.
 *
 * The linker puts the functions below in place of those that change a directory or a file; one of their calls fails.
 * All keys are TEST KEYS, NOT SECRETS, made for the run and removed with it. One thread.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"

static unsigned num_calls;
static unsigned failing_call; /* counted from 1; 0: none */
static bool has_no_rename;    /* a file system that cannot rename without replacing */

static bool fails(void)
{
    num_calls++;
    if (num_calls == failing_call) {
        errno = EIO;
        return true;
    }
    return false;
}

/* What the linker makes of the names is prescribed. */
int __real_fsync(int fd);
int __real_fchmod(int fd, mode_t mode);
int __real_fchmodat(int dirfd, const char *name, mode_t mode, int flags);
int __real_mkdirat(int dirfd, const char *name, mode_t mode);
int __real_renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags);
int __real_linkat(int from_fd, const char *from, int to_fd, const char *to, int flags);
int __real_unlinkat(int dirfd, const char *name, int flags);
ssize_t __real_write(int fd, const void *bytes, size_t len);
int __wrap_fsync(int fd);
int __wrap_fchmod(int fd, mode_t mode);
int __wrap_fchmodat(int dirfd, const char *name, mode_t mode, int flags);
int __wrap_mkdirat(int dirfd, const char *name, mode_t mode);
int __wrap_renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags);
int __wrap_linkat(int from_fd, const char *from, int to_fd, const char *to, int flags);
int __wrap_unlinkat(int dirfd, const char *name, int flags);
ssize_t __wrap_write(int fd, const void *bytes, size_t len);

int __wrap_fsync(int fd)
{
    return fails() ? -1 : __real_fsync(fd);
}

int __wrap_fchmod(int fd, mode_t mode)
{
    return fails() ? -1 : __real_fchmod(fd, mode);
}

int __wrap_fchmodat(int dirfd, const char *name, mode_t mode, int flags)
{
    return fails() ? -1 : __real_fchmodat(dirfd, name, mode, flags);
}

int __wrap_mkdirat(int dirfd, const char *name, mode_t mode)
{
    return fails() ? -1 : __real_mkdirat(dirfd, name, mode);
}

int __wrap_renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
    if (has_no_rename) {
        errno = EINVAL;
        return -1;
    }
    return fails() ? -1 : __real_renameat2(from_fd, from, to_fd, to, flags);
}

int __wrap_linkat(int from_fd, const char *from, int to_fd, const char *to, int flags)
{
    return fails() ? -1 : __real_linkat(from_fd, from, to_fd, to, flags);
}

int __wrap_unlinkat(int dirfd, const char *name, int flags)
{
    return fails() ? -1 : __real_unlinkat(dirfd, name, flags);
}

ssize_t __wrap_write(int fd, const void *bytes, size_t len)
{
    return fails() ? -1 : __real_write(fd, bytes, len);
}

static char root[] = "/tmp/xdsgate-custody-XXXXXX";
static char found[4096]; /* the names below root, a line each */
static xg_text found_text;

static int add_name(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    xg_text_add(&found_text, xg_str_of(path + strlen(root)));
    xg_text_add(&found_text, XG_STR("\n"));
    return 0;
}

static const char *names(void)
{
    xg_text_init(&found_text, found, sizeof(found));
    assert_int_equal(nftw(root, add_name, 8, FTW_PHYS), 0);
    assert_false(found_text.is_cut);
    return found;
}

static int new_key(void)
{
    char words[][64] = {"new", "--mesh", "m", "--authority", "", "--store", "", "--plain"};
    char *argv[XG_ARRAY_LEN(words)];
    xg_args args;
    int code = -1;
    (void)snprintf(words[4], sizeof(words[4]), "%s/authority", root);
    (void)snprintf(words[6], sizeof(words[6]), "%s/store", root);
    for (size_t i = 0; i < XG_ARRAY_LEN(words); i++) {
        argv[i] = words[i];
    }
    assert_true(xg_args_parse(&XG_CMD_KEY_NEW, (int)XG_ARRAY_LEN(words), argv, &args, &code));
    return XG_CMD_KEY_NEW.run(&args);
}

/* Fails one call after the other, until a run has no such call any more: that one has made a key. */
static void sweep(void)
{
    char before[sizeof(found)];
    int code = XG_EXIT_IO;
    unsigned at = 0;
    memcpy(before, names(), sizeof(before));
    while (code != XG_EXIT_OK) {
        num_calls = 0;
        failing_call = ++at;
        code = new_key();
        if (code == XG_EXIT_OK) {
            assert_true(num_calls < failing_call);
        } else {
            assert_int_equal(code, XG_EXIT_IO);
            assert_string_equal(names(), before);
        }
    }
    failing_call = 0;
    assert_true(at > 8); /* two files, each made, written, synced and put in its place */
}

static void test_a_failure_leaves_everything_as_it_was(void **state)
{
    (void)state;
    sweep();
    assert_non_null(strstr(names(), "/authority/meshes/m/1.pem\n"));
    assert_non_null(strstr(names(), "/store/meshes/m/keys/1.pem\n"));
    sweep(); /* the directories are there now */
    assert_non_null(strstr(names(), "/store/meshes/m/keys/2.pem\n"));
}

static void test_so_it_does_where_files_cannot_be_renamed_safely(void **state)
{
    (void)state;
    has_no_rename = true;
    sweep();
    assert_non_null(strstr(names(), "/authority/meshes/m/3.pem\n"));
    assert_non_null(strstr(names(), "/store/meshes/m/keys/3.pem\n"));
}

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(root) != NULL ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

static int tear_down(void **state)
{
    (void)state;
    return nftw(root, remove_one, 8, FTW_PHYS | FTW_DEPTH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_failure_leaves_everything_as_it_was),
        cmocka_unit_test(test_so_it_does_where_files_cannot_be_renamed_safely),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
