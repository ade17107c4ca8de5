/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file.c: files that others may be writing to.
 *
 * Owns no descriptor beyond a call. Must never map a file: a truncation by its writer would kill the host with SIGBUS.
 * Must never block: everything is opened O_NONBLOCK, so a FIFO in the store cannot stop a reload. Thread-safe.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "xdsgate/base.h"

int xg_file_open_beneath(int dirfd, const char *path, int flags)
{
    struct open_how how = {
        .flags = (unsigned)(flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY),
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    };
    return (int)syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
}

static bool is_same_state(const struct stat *a, const struct stat *b)
{
    return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
           a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Fills bytes with len bytes of fd: 0, or an errno value; ESTALE if there are fewer or more. */
static int read_exactly(int fd, char *bytes, size_t len)
{
    size_t done = 0;
    while (done <= len) { /* one byte beyond: the file must end where fstat said */
        char beyond;
        ssize_t got = done < len ? read(fd, bytes + done, len - done) : read(fd, &beyond, 1);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return errno;
        }
        if (got == 0) {
            return done == len ? 0 : ESTALE;
        }
        done += (size_t)got;
    }
    return ESTALE;
}

int xg_file_read_all(int fd, size_t max, char **ret_bytes, size_t *ret_len)
{
    struct stat before, after;
    if (fstat(fd, &before) != 0) {
        return errno;
    }
    if (!S_ISREG(before.st_mode)) {
        return EINVAL;
    }
    if (before.st_size < 0 || (uint64_t)before.st_size > max) {
        return EFBIG;
    }
    size_t len = (size_t)before.st_size;
    char *bytes = malloc(len + 1);
    if (bytes == NULL) {
        return ENOMEM;
    }
    int error = read_exactly(fd, bytes, len);
    if (error == 0 && fstat(fd, &after) != 0) {
        error = errno;
    }
    if (error == 0 && !is_same_state(&before, &after)) {
        error = ESTALE;
    }
    if (error != 0) {
        explicit_bzero(bytes, len); /* it may have been a private key */
        free(bytes);
        return error;
    }
    bytes[len] = '\0';
    *ret_bytes = bytes;
    *ret_len = len;
    return 0;
}
