/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_file.c: opening stays beneath a directory and never blocks; reading gives the whole of one state of a regular
 * file, or nothing.
 *
 * fstat and read stand in front of libc's and can be told to fail, or to let something happen to the file first: so a
 * file changes while it is read, at a known moment. One thread.
 */
#undef _FORTIFY_SOURCE /* it would define read here, inline; the library may still call __read_chk */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "xdsgate/base.h"

/* ---- calls that can go wrong ---- */

static struct {
    bool is_armed;
    unsigned num_fstats; /* so far */
    unsigned num_reads;
    unsigned failing_fstat; /* the n-th call fails with `error`; 0: none */
    unsigned failing_read;
    int error;
    size_t read_max;                /* no read gives more; 0: no limit */
    void (*before_fstat)(unsigned); /* called with the number of the call */
    void (*before_read)(unsigned);
    void (*edit)(struct stat *); /* what the second fstat sees */
} fault;

static void *libc(const char *name)
{
    void *function = dlsym(RTLD_NEXT, name);
    assert_non_null(function);
    return function;
}

int fstat(int fd, struct stat *st)
{
    int (*next)(int, struct stat *);
    *(void **)&next = libc("fstat64");
    if (!fault.is_armed) {
        return next(fd, st);
    }
    unsigned number = ++fault.num_fstats;
    if (fault.before_fstat != NULL) {
        fault.before_fstat(number);
    }
    if (number == fault.failing_fstat) {
        errno = fault.error;
        return -1;
    }
    int status = next(fd, st);
    if (status == 0 && number == 2 && fault.edit != NULL) {
        fault.edit(st);
    }
    return status;
}

ssize_t read(int fd, void *bytes, size_t len)
{
    ssize_t (*next)(int, void *, size_t);
    *(void **)&next = libc("read");
    if (!fault.is_armed) {
        return next(fd, bytes, len);
    }
    unsigned number = ++fault.num_reads;
    if (fault.before_read != NULL) {
        fault.before_read(number);
    }
    if (number == fault.failing_read) {
        errno = fault.error;
        return -1;
    }
    return next(fd, bytes, fault.read_max > 0 && len > fault.read_max ? fault.read_max : len);
}

/* What read is called when FORTIFY knows the size of the buffer. */
ssize_t __read_chk(int fd, void *bytes, size_t len, size_t room);
ssize_t __read_chk(int fd, void *bytes, size_t len, size_t room)
{
    assert_true(len <= room);
    return read(fd, bytes, len);
}

/* ---- a directory ---- */

static char dir[64];
static int dirfd_;

static const char *full_path(const char *path)
{
    static char full[512];
    assert_in_range(snprintf(full, sizeof(full), "%s/%s", dir, path), 1, sizeof(full) - 1);
    return full;
}

static void write_bytes(const char *path, const char *bytes, size_t len)
{
    int fd = open(full_path(path), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), (ssize_t)len);
    close(fd);
}

static void write_text(const char *path, const char *text)
{
    write_bytes(path, text, strlen(text));
}

static void make_link(const char *target, const char *path)
{
    assert_int_equal(symlink(target, full_path(path)), 0);
}

static void make_dir(const char *path)
{
    assert_int_equal(mkdir(full_path(path), 0755), 0);
}

/* dir/outside is a file beside the tree dir/top, which the descriptor stands for. */
static int set_up(void **state)
{
    char target[128];
    (void)state;
    memset(&fault, 0, sizeof(fault));
    (void)snprintf(dir, sizeof(dir), "/tmp/xdsgate-file-XXXXXX");
    assert_non_null(mkdtemp(dir));
    make_dir("top");
    make_dir("top/sub");
    make_dir("top/..v1");
    write_text("outside", "outside");
    write_text("top/file", "file");
    write_text("top/sub/file", "sub");
    write_text("top/..v1/key", "key");
    make_link("file", "top/link");
    make_link("../file", "top/sub/up");
    make_link("sub", "top/sub-link");
    make_link("..v1", "top/..data");
    make_link("..data/key", "top/key");
    make_link("../outside", "top/out");
    make_link("../../outside", "top/sub/out");
    make_link("..", "top/out-dir");
    make_link("../top/file", "top/out-and-back");
    make_link("out", "top/link-to-out");
    make_link("loop", "top/loop");
    make_link("missing", "top/dangling");
    (void)snprintf(target, sizeof(target), "%s/top/file", dir);
    make_link(target, "top/absolute");
    make_link("/proc/self/cwd", "top/magic");
    dirfd_ = open(full_path("top"), O_PATH | O_DIRECTORY | O_CLOEXEC);
    return dirfd_ >= 0 ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(path);
}

static int tear_down(void **state)
{
    (void)state;
    memset(&fault, 0, sizeof(fault));
    close(dirfd_);
    return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* ---- opening ---- */

/* Opens and reads: the text, or "" if nothing was opened. */
static const char *text_of(const char *path)
{
    static char text[64];
    int fd = xg_file_open_beneath(dirfd_, path, O_RDONLY);
    if (fd < 0) {
        assert_int_equal(fd, -1);
        return "";
    }
    ssize_t len = read(fd, text, sizeof(text) - 1);
    assert_true(len >= 0);
    text[len] = '\0';
    close(fd);
    return text;
}

static void test_only_what_lies_beneath_is_opened(void **state)
{
    static const struct {
        const char *path;
        const char *text; /* "": refused */
        int error;
    } ROWS[] = {
        {"file", "file", 0},
        {"./file", "file", 0},
        {"sub//file", "sub", 0},
        {"sub/../file", "file", 0},
        {"sub/../../outside", "", EXDEV},
        {"../outside", "", EXDEV},
        {"../top/file", "", EXDEV},
        {"..", "", EXDEV},
        {"link", "file", 0},
        {"out", "", EXDEV},
        {"link-to-out", "", EXDEV},
        {"out-and-back", "", EXDEV},
        {"absolute", "", EXDEV}, /* though it leads to a file beneath */
        {"sub/up", "file", 0},
        {"sub/out", "", EXDEV},
        {"sub-link/up", "file", 0},
        {"sub-link/out", "", EXDEV},
        {"out-dir/outside", "", EXDEV},
        {"out-dir/top/file", "", EXDEV},
        {"key", "key", 0}, /* as Kubernetes projects a Secret */
        {"..data/key", "key", 0},
        {"..v1/key", "key", 0},
        {"magic/file", "", EXDEV},
        {"missing", "", ENOENT},
        {"dangling", "", ENOENT},
        {"file/file", "", ENOTDIR},
        {"loop", "", ELOOP},
        {"/", "", EXDEV},
        {"/etc/passwd", "", EXDEV},
        {"/proc/self/cwd", "", EXDEV},
    };
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        errno = 0;
        if (strcmp(text_of(ROWS[i].path), ROWS[i].text) != 0) {
            fail_msg("row %zu: %s", i, ROWS[i].path);
        }
        if (ROWS[i].error != 0) {
            assert_int_not_equal(errno, 0);
        }
        if (ROWS[i].error == EXDEV || ROWS[i].error == ENOENT) {
            assert_int_equal(errno, ROWS[i].error);
        }
    }
}

static void test_an_absolute_path_is_refused_even_to_a_file_beneath(void **state)
{
    char path[128];
    (void)state;
    (void)snprintf(path, sizeof(path), "%s/top/file", dir);
    assert_int_equal(access(path, R_OK), 0);
    assert_int_equal(xg_file_open_beneath(dirfd_, path, O_RDONLY), -1);
    assert_int_equal(errno, EXDEV);
    assert_int_equal(xg_file_open_beneath(AT_FDCWD, path, O_RDONLY), -1);
    assert_int_equal(errno, EXDEV);
}

static void test_a_descriptor_is_not_inherited_and_does_not_block(void **state)
{
    static const int FLAGS[] = {O_RDONLY, O_RDONLY | O_DIRECTORY, O_RDONLY | O_NONBLOCK};
    static const char *const PATHS[] = {"file", "sub", "sub/../link"};
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(PATHS); i++) {
        int fd = xg_file_open_beneath(dirfd_, PATHS[i], FLAGS[i]);
        assert_true(fd >= 0);
        assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
        assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
        assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
        close(fd);
    }
    assert_int_equal(xg_file_open_beneath(dirfd_, "file", O_RDONLY | O_DIRECTORY), -1);
    assert_int_equal(errno, ENOTDIR);
    assert_int_equal(xg_file_open_beneath(-1, "file", O_RDONLY), -1);
}

/* ---- reading ---- */

/* Reads path with the faults of now. What was read must end in a NUL; a failure must hand out nothing. */
static int read_path(const char *path, size_t max, char *text, size_t *ret_len)
{
    char *bytes = NULL;
    size_t len = 0;
    int fd = xg_file_open_beneath(dirfd_, path, O_RDONLY);
    assert_true(fd >= 0);
    fault.is_armed = true;
    int error = xg_file_read_all(fd, max, &bytes, &len);
    fault.is_armed = false;
    close(fd);
    assert_int_equal(error == 0, bytes != NULL);
    if (error == 0) {
        assert_true(len <= max && len < 64);
        assert_int_equal(bytes[len], '\0');
        memcpy(text, bytes, len + 1);
        *ret_len = len;
        free(bytes);
    }
    return error;
}

static int read_error(const char *path)
{
    char text[64];
    size_t len = 0;
    return read_path(path, 1000, text, &len);
}

static void test_a_file_of_up_to_max_bytes_is_read_as_it_is(void **state)
{
    static const struct {
        xg_str content;
        size_t max;
        int error;
    } ROWS[] = {
        {XG_STR_INIT("0123456789"), 11, 0},
        {XG_STR_INIT("0123456789"), 10, 0},
        {XG_STR_INIT("0123456789"), 9, EFBIG},
        {XG_STR_INIT("0123456789"), 0, EFBIG},
        {XG_STR_INIT("0123456789a"), 10, EFBIG},
        {XG_STR_INIT("0123456789"), SIZE_MAX, 0},
        {XG_STR_INIT("a\0b\n\0"), 5, 0},
        {XG_STR_INIT("a\0b\n\0"), 4, EFBIG},
        {XG_STR_INIT("\0"), 1, 0},
        {XG_STR_INIT("\0"), 0, EFBIG},
        {XG_STR_INIT(""), 0, 0},
        {XG_STR_INIT(""), 1, 0},
    };
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        char text[64];
        size_t len = 0;
        write_bytes("top/file", ROWS[i].content.ptr, ROWS[i].content.len);
        if (read_path("file", ROWS[i].max, text, &len) != ROWS[i].error) {
            fail_msg("row %zu", i);
        }
        if (ROWS[i].error == 0) {
            assert_true(xg_str_eq((xg_str){text, len}, ROWS[i].content));
        }
    }
}

static void test_what_is_no_regular_file_is_not_read(void **state)
{
    char *bytes = NULL;
    size_t len = 0;
    int ends[2];
    (void)state;
    assert_int_equal(read_error("sub"), EINVAL);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    const int fds[] = {null, ends[0], ends[1]};
    for (size_t i = 0; i < XG_ARRAY_LEN(fds); i++) {
        assert_int_equal(xg_file_read_all(fds[i], 10, &bytes, &len), EINVAL);
        close(fds[i]);
    }
    assert_int_equal(xg_file_read_all(-1, 10, &bytes, &len), EBADF);
    assert_null(bytes);
}

/* If it blocked, the test would run into its time limit. */
static void test_a_fifo_and_a_socket_do_not_block(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)state;
    assert_int_equal(mkfifo(full_path("top/fifo"), 0644), 0);
    make_link("fifo", "top/to-fifo");
    assert_int_equal(read_error("fifo"), EINVAL);
    assert_int_equal(read_error("to-fifo"), EINVAL);
    assert_int_equal(xg_file_open_beneath(dirfd_, "fifo", O_WRONLY), -1); /* nobody reads */
    assert_int_equal(errno, ENXIO);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%.100s", full_path("top/socket"));
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(xg_file_open_beneath(dirfd_, "socket", O_RDONLY), -1);
    close(listener);
}

static void test_reading_needs_a_descriptor_that_may_read(void **state)
{
    char *bytes = NULL;
    size_t len = 0;
    (void)state;
    int fd = xg_file_open_beneath(dirfd_, "file", O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(xg_file_read_all(fd, 10, &bytes, &len), EBADF);
    assert_null(bytes);
    close(fd);
}

/* ---- a file that does not hold still ---- */

static void append(unsigned number)
{
    if (number == 1) {
        int fd = open(full_path("top/file"), O_WRONLY | O_APPEND | O_CLOEXEC);
        assert_int_equal(write(fd, "x", 1), 1);
        close(fd);
    }
}

static void cut(unsigned number)
{
    if (number == 1) {
        assert_int_equal(truncate(full_path("top/file"), 3), 0);
    }
}

static void empty(unsigned number)
{
    if (number == 1) {
        assert_int_equal(truncate(full_path("top/file"), 0), 0);
    }
}

/* The size stays. The time is set by hand, as the kernel's clock may stand still between two writes. */
static void rewrite(const char *text)
{
    const struct timespec times[2] = {{1000, 1}, {1000, 1}};
    write_text("top/file", text);
    assert_int_equal(utimensat(AT_FDCWD, full_path("top/file"), times, 0), 0);
}

static void rewrite_at_first(unsigned number)
{
    if (number == 1) {
        rewrite("FILE");
    }
}

static void rewrite_at_second(unsigned number)
{
    if (number == 2) {
        rewrite("FILE");
    }
}

static void append_at_second(unsigned number)
{
    append(number - 1);
}

static void test_a_file_that_changes_while_it_is_read_is_stale(void **state)
{
    static const struct {
        void (*before_fstat)(unsigned);
        void (*before_read)(unsigned);
        int error;
    } ROWS[] = {
        {NULL, NULL, 0},
        {append, NULL, 0}, /* before the first look: no change that anybody could see */
        {NULL, append, ESTALE},
        {NULL, cut, ESTALE},
        {NULL, empty, ESTALE},
        {NULL, rewrite_at_first, ESTALE},
        {NULL, append_at_second, ESTALE},
        {NULL, rewrite_at_second, ESTALE},
        {append_at_second, NULL, ESTALE},
        {rewrite_at_second, NULL, ESTALE},
    };
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        memset(&fault, 0, sizeof(fault));
        write_text("top/file", "file");
        fault.before_fstat = ROWS[i].before_fstat;
        fault.before_read = ROWS[i].before_read;
        int error = read_error("file");
        if (error != ROWS[i].error) {
            fail_msg("row %zu: %d", i, error);
        }
    }
}

static void edit_nothing(struct stat *st)
{
    st->st_atim.tv_sec++; /* reading itself may do that */
    st->st_nlink++;
}

static void edit_size(struct stat *st)
{
    st->st_size++;
}

static void edit_mtime(struct stat *st)
{
    st->st_mtim.tv_sec++;
}

static void edit_mtime_nanos(struct stat *st)
{
    st->st_mtim.tv_nsec ^= 1;
}

static void edit_ctime(struct stat *st)
{
    st->st_ctim.tv_sec--;
}

static void edit_ctime_nanos(struct stat *st)
{
    st->st_ctim.tv_nsec ^= 1;
}

static void test_size_and_both_times_must_stay_to_the_nanosecond(void **state)
{
    static const struct {
        void (*edit)(struct stat *);
        int error;
    } ROWS[] = {
        {edit_nothing, 0},          {edit_size, ESTALE},  {edit_mtime, ESTALE},
        {edit_mtime_nanos, ESTALE}, {edit_ctime, ESTALE}, {edit_ctime_nanos, ESTALE},
    };
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        memset(&fault, 0, sizeof(fault));
        fault.edit = ROWS[i].edit;
        if (read_error("file") != ROWS[i].error) {
            fail_msg("row %zu", i);
        }
    }
}

static struct stat first_look;

static void look_first(unsigned number)
{
    if (number == 1) {
        assert_int_equal(stat(full_path("top/file"), &first_look), 0);
    }
}

static void edit_back(struct stat *st)
{
    *st = first_look;
}

/* As if the file had been restored with all its times: what was read counts all the same. */
static void test_an_end_in_another_place_is_stale_whatever_fstat_says(void **state)
{
    static const struct {
        void (*before_read)(unsigned);
        int error;
    } ROWS[] = {{NULL, 0}, {cut, ESTALE}, {empty, ESTALE}, {append, ESTALE}, {append_at_second, ESTALE}};
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        memset(&fault, 0, sizeof(fault));
        write_text("top/file", "file");
        fault.before_fstat = look_first;
        fault.before_read = ROWS[i].before_read;
        fault.edit = edit_back;
        if (read_error("file") != ROWS[i].error) {
            fail_msg("row %zu", i);
        }
    }
}

static void test_an_interrupted_or_short_read_goes_on(void **state)
{
    (void)state;
    for (unsigned failing = 0; failing <= 6; failing++) { /* four bytes, one at a time, and the look beyond */
        char text[64];
        size_t len = 0;
        memset(&fault, 0, sizeof(fault));
        fault.read_max = 1;
        fault.error = EINTR;
        fault.failing_read = failing;
        assert_int_equal(read_path("file", 10, text, &len), 0);
        assert_int_equal(fault.num_reads, failing >= 1 && failing <= 5 ? 6 : 5);
        assert_int_equal(len, 4);
        assert_string_equal(text, "file");
    }
}

static void test_a_call_that_fails_is_named_by_its_error(void **state)
{
    static const struct {
        unsigned failing_fstat;
        unsigned failing_read;
        int error;
    } ROWS[] = {{1, 0, EIO}, {1, 0, EOVERFLOW}, {2, 0, EIO}, {0, 1, EIO}, {0, 1, EAGAIN}, {0, 2, EIO}, {0, 5, EIO}};
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        memset(&fault, 0, sizeof(fault));
        fault.read_max = 1;
        fault.failing_fstat = ROWS[i].failing_fstat;
        fault.failing_read = ROWS[i].failing_read;
        fault.error = ROWS[i].error;
        if (read_error("file") != ROWS[i].error) {
            fail_msg("row %zu", i);
        }
    }
}

#define UNIT(rule) cmocka_unit_test_setup_teardown(rule, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(test_only_what_lies_beneath_is_opened),
        UNIT(test_an_absolute_path_is_refused_even_to_a_file_beneath),
        UNIT(test_a_descriptor_is_not_inherited_and_does_not_block),
        UNIT(test_a_file_of_up_to_max_bytes_is_read_as_it_is),
        UNIT(test_what_is_no_regular_file_is_not_read),
        UNIT(test_a_fifo_and_a_socket_do_not_block),
        UNIT(test_reading_needs_a_descriptor_that_may_read),
        UNIT(test_a_file_that_changes_while_it_is_read_is_stale),
        UNIT(test_size_and_both_times_must_stay_to_the_nanosecond),
        UNIT(test_an_end_in_another_place_is_stale_whatever_fstat_says),
        UNIT(test_an_interrupted_or_short_read_goes_on),
        UNIT(test_a_call_that_fails_is_named_by_its_error),
    };
    return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}
