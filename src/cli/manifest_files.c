/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest_files.c: the directory that `mint manifest` writes into.
 *
 * Must never follow a symbolic link in it, nor leave half a file under a name that somebody reads. One thread.
 */
#include "manifest_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#define TEMPORARY  ".xdsgate-tmp"
#define FILE_MAX   65536
#define READ_FLAGS (O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)

/* Tokens lie here: nobody else may put a file in their place. */
static int check(const xg_manifest_files *files)
{
    struct stat status;
    if (fstat(files->fd, &status) != 0) {
        return xg_errors_io("read the directory", files->path, errno);
    }
    if (status.st_uid != geteuid()) {
        xg_errors_summary("the output directory belongs to another user (uid %u)", (unsigned)status.st_uid);
        xg_errors_where("%s", files->path);
        xg_errors_help("make it yours with chown, or use another");
        return XG_EXIT_IO;
    }
    if ((status.st_mode & 022) != 0) {
        xg_errors_summary("the output directory can be written by group or others (mode %03o)",
                          (unsigned)(status.st_mode & 0777));
        xg_errors_where("%s", files->path);
        xg_errors_help("close it: chmod 700 DIR");
        return XG_EXIT_IO;
    }
    return XG_EXIT_OK;
}

/* What a run that was killed left behind. The lock is ours, so nobody is writing it. */
static void remove_temporary(const xg_manifest_files *files)
{
    if (unlinkat(files->fd, TEMPORARY, 0) != 0 && errno != ENOENT) {
        xg_errors_warning("%s/%s cannot be removed", files->path, TEMPORARY);
    }
}

static int lock(int fd, const char *path)
{
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        return XG_EXIT_OK;
    }
    if (errno != EWOULDBLOCK) {
        return xg_errors_io("lock the directory", path, errno);
    }
    xg_errors_summary("another 'xdsgate mint manifest' is at work here");
    xg_errors_where("%s", path);
    xg_errors_note("the two would mint the same tokens twice");
    xg_errors_help("wait until it is done");
    return XG_EXIT_IO;
}

static int take(const xg_manifest_files *files)
{
    int code = lock(files->fd, files->path);
    if (code == XG_EXIT_OK) {
        remove_temporary(files);
    }
    return code;
}

int xg_manifest_files_open(const char *path, bool is_made, xg_manifest_files *ret_files)
{
    *ret_files = (xg_manifest_files){.fd = -1, .path = path};
    if (is_made && mkdir(path, 0700) == 0) {
        ret_files->is_made = true;
    } else if (is_made && errno != EEXIST) {
        return xg_errors_io("make the output directory", path, errno);
    }
    ret_files->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (ret_files->fd < 0 && errno == ENOENT && !is_made) {
        return XG_EXIT_OK;
    }
    if (ret_files->fd < 0) {
        return xg_errors_io("open the output directory", path, errno);
    }
    int code = check(ret_files);
    return code == XG_EXIT_OK && is_made ? take(ret_files) : code;
}

void xg_manifest_files_close(xg_manifest_files *files)
{
    if (files->fd >= 0) {
        close(files->fd);
    }
    if (files->is_made) {
        (void)rmdir(files->path); /* refuses if anything was written */
    }
    files->fd = -1;
}

int xg_manifest_files_lock(const char *dir, int *ret_lock_fd)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return xg_errors_io("open the directory", dir, errno);
    }
    int code = lock(fd, dir);
    if (code != XG_EXIT_OK) {
        close(fd);
        return code;
    }
    *ret_lock_fd = fd;
    return XG_EXIT_OK;
}

/* Reads a file whole. An absent one is *ret_len 0 and *ret_is_there false. 0, or an errno value. */
static int read_file(const xg_manifest_files *files, const char *name, char *buffer, size_t *ret_len,
                     bool *ret_is_there)
{
    size_t len = 0;
    *ret_len = 0;
    int fd = openat(files->fd, name, READ_FLAGS);
    *ret_is_there = fd >= 0;
    if (fd < 0) {
        return errno == ENOENT ? 0 : errno;
    }
    for (;;) {
        ssize_t got = read(fd, buffer + len, FILE_MAX - len);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0 || len + (size_t)got == FILE_MAX) {
            int error = got < 0 ? errno : got > 0 ? EFBIG : 0;
            close(fd);
            *ret_len = len;
            return error;
        }
        len += (size_t)got;
    }
}

/* Where a file lies, for people. */
static void path_of(const xg_manifest_files *files, const char *name, char path[XG_CUSTODY_PATH_SIZE])
{
    xg_text text;
    xg_text_init(&text, path, XG_CUSTODY_PATH_SIZE);
    xg_text_add(&text, xg_str_of(files->path));
    xg_text_add(&text, XG_STR("/"));
    xg_text_add(&text, xg_str_of(name));
}

static int report(const xg_manifest_files *files, const char *action, const char *name, int error)
{
    char path[XG_CUSTODY_PATH_SIZE];
    path_of(files, name, path);
    return xg_errors_io(action, path, error);
}

/* One that is not there is empty. */
int xg_manifest_files_token(const xg_manifest_files *files, const char *name, xg_secret *ret_token)
{
    char path[XG_CUSTODY_PATH_SIZE];
    xg_secret token = {0};
    int fd = openat(files->fd, name, READ_FLAGS);
    if (fd < 0) {
        return errno == ENOENT ? XG_EXIT_OK : report(files, "read the token", name, errno);
    }
    path_of(files, name, path);
    int code = xg_secret_read_fd(fd, path, &token);
    close(fd);
    while (token.len > 0 && (token.ptr[token.len - 1] == '\n' || token.ptr[token.len - 1] == '\r')) {
        token.len--;
    }
    if (code == XG_EXIT_OK) {
        *ret_token = token;
    }
    return code;
}

int xg_manifest_files_fingerprint(const xg_manifest_files *files, const char *name,
                                  char text[XG_OUTPUT_FINGERPRINT_SIZE])
{
    xg_secret token = {0};
    text[0] = '\0';
    int code = xg_manifest_files_token(files, name, &token);
    if (code == XG_EXIT_OK && token.len > 0) { /* what a power cut left of a file is none */
        xg_output_fingerprint((xg_str){token.ptr, token.len}, text);
    }
    xg_secret_done(&token);
    return code;
}

/* A text without its line of a token: what stands before that line, and what stands behind it. */
static bool without_token(xg_str text, xg_str *ret_head, xg_str *ret_tail)
{
    static const char LINE[] = "\n  token: ";
    const char *begin = text.len > 0 ? memmem(text.ptr, text.len, LINE, sizeof(LINE) - 1) : NULL;
    if (begin == NULL) {
        return false;
    }
    xg_str rest = xg_str_skip(text, (size_t)(begin - text.ptr) + 1);
    const char *end = memchr(rest.ptr, '\n', rest.len);
    *ret_head = (xg_str){text.ptr, (size_t)(begin - text.ptr)};
    *ret_tail = end != NULL ? xg_str_skip(rest, (size_t)(end - rest.ptr)) : (xg_str){rest.ptr, 0};
    return true;
}

static xg_manifest_state compare(xg_str found, xg_str wanted)
{
    xg_str heads[2];
    xg_str tails[2];
    if (xg_str_eq(found, wanted)) {
        return XG_MANIFEST_SAME;
    }
    bool is_stale = without_token(found, &heads[0], &tails[0]) && without_token(wanted, &heads[1], &tails[1]) &&
                    xg_str_eq(heads[0], heads[1]) && xg_str_eq(tails[0], tails[1]);
    return is_stale ? XG_MANIFEST_STALE : XG_MANIFEST_OTHER;
}

int xg_manifest_files_compare(const xg_manifest_files *files, const char *name, xg_str bytes,
                              xg_manifest_state *ret_state)
{
    char buffer[FILE_MAX];
    size_t len = 0;
    bool is_there = false;
    int error = read_file(files, name, buffer, &len, &is_there);
    *ret_state = !is_there ? XG_MANIFEST_ABSENT : XG_MANIFEST_OTHER;
    if (is_there && error == 0) {
        *ret_state = len > 0 ? compare((xg_str){buffer, len}, bytes) : XG_MANIFEST_ABSENT; /* as above */
    }
    sodium_memzero(buffer, len);
    return error == 0 || error == EFBIG ? XG_EXIT_OK : report(files, "read", name, error);
}

int xg_manifest_files_write(const xg_manifest_files *files, const char *name, mode_t mode, xg_str bytes)
{
    int fd = openat(files->fd, TEMPORARY, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0) {
        return report(files, "write", name, errno);
    }
    int error = xg_output_bytes(fd, bytes.ptr, bytes.len);
    if (close(fd) != 0 && error == 0) {
        error = errno;
    }
    if (error == 0 && renameat(files->fd, TEMPORARY, files->fd, name) != 0) {
        error = errno;
    }
    if (error != 0) {
        (void)unlinkat(files->fd, TEMPORARY, 0);
        return report(files, "write", name, error);
    }
    return XG_EXIT_OK;
}

int xg_manifest_files_sync(const xg_manifest_files *files)
{
    return syncfs(files->fd) == 0 ? XG_EXIT_OK : xg_errors_io("write down to the disk", files->path, errno);
}
