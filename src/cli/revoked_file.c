/* SPDX-License-Identifier: Apache-2.0 */
/*
 * revoked_file.c: the file `revoked` of one set of a store: read, locked, replaced as a whole.
 *
 * Owns the steps that put a new list in an old one's place. Must never leave a list half written or shorter than it
 * was, follow a symbolic link below the store, or take "cannot be read" for "empty". One thread.
 */
#include "revoked_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#define LIST_NAME      "revoked"
#define LOCK_NAME      ".revoked.lock"
#define TEMPORARY_SIZE 48
#define SENTENCE_SIZE  512
#define LIST_LINE_MAX  64 /* the plugin's own ceiling on the size of a list */
#define LIST_BYTES_MIN (1u << 20)

/* Thirty seconds: a change takes milliseconds, and one of a list of millions a second or two. */
#define LOCK_TRIES 3000
#define LOCK_NANOS 10000000

void xg_revoked_file_label(const xg_revoked_set *set, char *storage, size_t cap)
{
    xg_text text;
    xg_text_init(&text, storage, cap);
    xg_text_add(&text, set->mesh != NULL ? XG_STR("mesh/") : xg_str_of(set->folder));
    xg_text_add(&text, xg_str_of(set->mesh));
}

xg_result xg_revoked_file_parse(xg_str text, xg_revocations **ret_list, xg_text *reterr)
{
    return xg_revocations_parse(text, XG_REVOKED_MAX, ret_list, reterr);
}

void xg_revoked_file_close(xg_revoked_file *file)
{
    if (file->lockfd >= 0) {
        unlinkat(file->dirfd, LOCK_NAME, 0); /* still locked: whoever waits finds that the name has gone */
        close(file->lockfd);
    }
    if (file->dirfd >= 0) {
        close(file->dirfd);
    }
    xg_revocations_unref(file->list);
    free(file->text);
    *file = (xg_revoked_file){.dirfd = -1, .lockfd = -1};
}

/* ---- the lock ---- */

static void pause_briefly(void)
{
    const struct timespec pause = {0, LOCK_NANOS};
    nanosleep(&pause, NULL);
}

/* The name may have been taken away, or given to another file, between opening it and having the lock. */
static bool is_named(int dirfd, int fd)
{
    struct stat mine;
    struct stat named;
    return fstat(fd, &mine) == 0 && fstatat(dirfd, LOCK_NAME, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           mine.st_dev == named.st_dev && mine.st_ino == named.st_ino;
}

/* A file of its own, closed to others: a lock on the directory could be held by anybody who can read the store. */
static int take_lock(xg_revoked_file *file)
{
    for (int i = 0; i < LOCK_TRIES; i++) {
        int fd = openat(file->dirfd, LOCK_NAME, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
        if (fd < 0) {
            return xg_errors_io("lock the list", file->path, errno);
        }
        int error = flock(fd, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
        if (error == 0 && is_named(file->dirfd, fd)) {
            file->lockfd = fd;
            return XG_EXIT_OK;
        }
        close(fd);
        if (error != 0 && error != EWOULDBLOCK && error != EINTR) {
            return xg_errors_io("lock the list", file->path, error);
        }
        if (error != 0) {
            pause_briefly();
        }
    }
    xg_errors_summary("another process has been changing the list for too long");
    xg_errors_where("%s", file->path);
    xg_errors_help("nothing was changed: see who holds " LOCK_NAME " beside it, and run this again");
    return XG_EXIT_IO;
}

/* ---- reading ---- */

static int refuse_link(const xg_revoked_file *file)
{
    xg_errors_summary("the list is a symbolic link");
    xg_errors_where("%s", file->path);
    xg_errors_note("that is how Kubernetes projects a Secret (..data): a change here would not last, or would miss the "
                   "file that counts");
    xg_errors_help("change the Secret instead, or give the store that it is made from");
    return XG_EXIT_IO;
}

static int check_status(const xg_revoked_file *file)
{
    if (!S_ISREG(file->status.st_mode)) {
        return xg_errors_io("read the list", file->path, EINVAL);
    }
    if ((file->status.st_mode & S_IWOTH) != 0) {
        xg_errors_summary("the list may be written by everyone (mode %03o): xdsgate.so refuses it",
                          (unsigned)(file->status.st_mode & 0777));
        xg_errors_where("%s", file->path);
        xg_errors_help("look at what it says, then take that right away: chmod o-w FILE");
        return XG_EXIT_KEY;
    }
    return XG_EXIT_OK;
}

static int read_fd(xg_revoked_file *file, int fd)
{
    const size_t max = (size_t)XG_REVOKED_MAX * LIST_LINE_MAX + LIST_BYTES_MIN;
    if (fstat(fd, &file->status) != 0) {
        return xg_errors_io("read the list", file->path, errno);
    }
    int code = check_status(file);
    if (code != XG_EXIT_OK) {
        return code;
    }
    int error = xg_file_read_all(fd, max, &file->text, &file->len);
    if (error != 0) {
        return xg_errors_io("read the list", file->path, error);
    }
    file->is_there = true;
    return XG_EXIT_OK;
}

static int parse(xg_revoked_file *file)
{
    char storage[SENTENCE_SIZE];
    xg_text sentence;
    xg_text_init(&sentence, storage, sizeof(storage));
    xg_result result = xg_revoked_file_parse((xg_str){file->text, file->len}, &file->list, &sentence);
    if (xg_is_ok(result)) {
        return XG_EXIT_OK;
    }
    xg_errors_summary("the list is damaged: xdsgate.so refuses it, and the set with it");
    xg_errors_where("%s", file->path);
    if (sentence.len > 0) {
        xg_errors_note("%s", storage);
    }
    xg_errors_help("repair that line by hand; nothing was changed");
    return XG_EXIT_KEY;
}

static int read_list(xg_revoked_file *file)
{
    int fd = openat(file->dirfd, LIST_NAME, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        if (errno == ENOENT) {
            return XG_EXIT_OK;
        }
        return errno == ELOOP ? refuse_link(file) : xg_errors_io("read the list", file->path, errno);
    }
    int code = read_fd(file, fd);
    close(fd);
    return code == XG_EXIT_OK ? parse(file) : code;
}

/* path is that of the set's directory. */
static void begin(xg_revoked_file *file, const xg_revoked_set *set, int dirfd, const char *path)
{
    xg_text text;
    *file = (xg_revoked_file){.dirfd = dirfd, .lockfd = -1};
    xg_revoked_file_label(set, file->label, sizeof(file->label));
    xg_text_init(&text, file->path, sizeof(file->path));
    xg_text_add(&text, xg_str_of(path));
    xg_text_add(&text, XG_STR("/" LIST_NAME));
}

static int open_at(int dirfd, const char *path, const xg_revoked_set *set, bool with_lock, xg_revoked_file *ret_file)
{
    begin(ret_file, set, dirfd, path);
    int code = with_lock ? take_lock(ret_file) : XG_EXIT_OK;
    if (code == XG_EXIT_OK) {
        code = read_list(ret_file);
    }
    if (code != XG_EXIT_OK) {
        xg_revoked_file_close(ret_file);
    }
    return code;
}

/* ---- the directory ---- */

static int refuse_set(const xg_revoked_set *set, const char *path, int error)
{
    char label[XG_MESH_NAME_MAX + 16];
    if (error != ENOENT) {
        return xg_errors_io("open the set", path, error);
    }
    xg_revoked_file_label(set, label, sizeof(label));
    xg_errors_summary("the store has no set '%s'", label);
    xg_errors_where("%s", path);
    xg_errors_help("check the name and the store: 'xdsgate key list --store DIR' shows what is there");
    return XG_EXIT_KEY;
}

int xg_revoked_file_open(const char *store, const xg_revoked_set *set, bool with_lock, xg_revoked_file *ret_file)
{
    const char *names[] = {store, set->folder, set->mesh};
    char path[XG_CUSTODY_PATH_SIZE];
    xg_text text;
    int fd = AT_FDCWD;
    *ret_file = (xg_revoked_file){.dirfd = -1, .lockfd = -1};
    xg_text_init(&text, path, sizeof(path));
    for (size_t i = 0; i < XG_ARRAY_LEN(names) && names[i] != NULL; i++) {
        int parent = fd;
        xg_text_add(&text, i > 0 ? XG_STR("/") : XG_STR(""));
        xg_text_add(&text, xg_str_of(names[i]));
        fd = openat(parent, names[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC | (i > 0 ? O_NOFOLLOW : 0));
        int error = errno;
        if (parent >= 0) {
            close(parent);
        }
        if (fd < 0) {
            return i == 0 ? xg_errors_io("open the store", store, error) : refuse_set(set, path, error);
        }
    }
    return open_at(fd, path, set, with_lock, ret_file);
}

static int look_in(xg_revoked_file *file, const xg_revoked_set *set, const char *below, bool *ret_is_absent)
{
    char storage[XG_CUSTODY_PATH_SIZE];
    xg_text name;
    struct stat status;
    int fd = xg_file_open_beneath(file->dirfd, below, O_RDONLY | O_DIRECTORY);
    if (fd < 0) {
        int error = errno;
        if (error == ENOENT && ret_is_absent != NULL) {
            *ret_is_absent = true;
            return XG_EXIT_OK;
        }
        return refuse_set(set, file->path, error);
    }
    close(fd);
    xg_text_init(&name, storage, sizeof(storage));
    xg_text_add(&name, xg_str_of(below));
    xg_text_add(&name, XG_STR("/" LIST_NAME));
    fd = xg_file_open_beneath(file->dirfd, storage, O_RDONLY);
    if (fd < 0) {
        int error = errno;
        bool is_none = error == ENOENT && fstatat(file->dirfd, storage, &status, AT_SYMLINK_NOFOLLOW) != 0;
        return is_none ? XG_EXIT_OK : xg_errors_io("read the list", file->path, error);
    }
    int code = read_fd(file, fd);
    close(fd);
    return code == XG_EXIT_OK ? parse(file) : code;
}

int xg_revoked_file_look(const char *store, const xg_revoked_set *set, xg_revoked_file *ret_file, bool *ret_is_absent)
{
    char path[XG_CUSTODY_PATH_SIZE];
    xg_text text;
    int fd = open(store, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (ret_is_absent != NULL) {
        *ret_is_absent = false;
    }
    *ret_file = (xg_revoked_file){.dirfd = -1, .lockfd = -1};
    if (fd < 0) {
        return xg_errors_io("open the store", store, errno);
    }
    xg_text_init(&text, path, sizeof(path));
    xg_text_add(&text, xg_str_of(store));
    xg_text_add(&text, XG_STR("/"));
    size_t root_len = text.len;
    xg_text_add(&text, xg_str_of(set->folder));
    xg_text_add(&text, set->mesh != NULL ? XG_STR("/") : XG_STR(""));
    xg_text_add(&text, xg_str_of(set->mesh));
    begin(ret_file, set, fd, path);
    int code = look_in(ret_file, set, path + root_len, ret_is_absent);
    if (code != XG_EXIT_OK) {
        xg_revoked_file_close(ret_file);
    }
    return code;
}

/* ---- replacing ---- */

/* Owner first: changing it may take bits of the mode away. */
static int set_rights(const xg_revoked_file *file, int fd)
{
    struct stat mine;
    if (!file->is_there) {
        return fchmod(fd, 0644) == 0 ? 0 : errno;
    }
    if (fstat(fd, &mine) != 0) {
        return errno;
    }
    if ((mine.st_uid != file->status.st_uid || mine.st_gid != file->status.st_gid) &&
        fchown(fd, file->status.st_uid, file->status.st_gid) != 0) {
        return errno;
    }
    return fchmod(fd, file->status.st_mode & 0777) == 0 ? 0 : errno;
}

static int write_temporary(const xg_revoked_file *file, const char *name, const char *text, size_t len)
{
    int fd = openat(file->dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return errno == EEXIST ? EIO : errno; /* 64 random bits repeated */
    }
    int error = set_rights(file, fd);
    if (error == 0) {
        error = xg_output_bytes(fd, text, len);
    }
    if (error == 0 && fsync(fd) != 0) {
        error = errno;
    }
    if (close(fd) != 0 && error == 0) {
        error = errno;
    }
    return error;
}

/* Whether a name in the set's directory holds just these bytes, and the plugin would take them for a list. */
static bool holds(const xg_revoked_file *file, const char *name, const char *text, size_t len)
{
    char *found = NULL;
    size_t found_len = 0;
    xg_revocations *list = NULL;
    int fd = openat(file->dirfd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return false;
    }
    int error = xg_file_read_all(fd, len + 1, &found, &found_len);
    close(fd);
    if (error != 0) {
        return false;
    }
    bool is_same = found_len == len && memcmp(found, text, len) == 0 &&
                   xg_is_ok(xg_revoked_file_parse((xg_str){found, found_len}, &list, NULL));
    xg_revocations_unref(list);
    free(found);
    return is_same;
}

static bool is_same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* An editor or a copy knows nothing of the lock. */
static bool is_as_read(const xg_revoked_file *file)
{
    struct stat now;
    if (fstatat(file->dirfd, LIST_NAME, &now, AT_SYMLINK_NOFOLLOW) != 0) {
        return errno == ENOENT && !file->is_there;
    }
    return file->is_there && now.st_dev == file->status.st_dev && now.st_ino == file->status.st_ino &&
           now.st_size == file->status.st_size && is_same_time(&now.st_mtim, &file->status.st_mtim) &&
           is_same_time(&now.st_ctim, &file->status.st_ctim);
}

/* What exchanging the two names does, where the file system cannot: the old list is never without a name. */
static int exchange_by_link(const xg_revoked_file *file, const char *temporary)
{
    char backup[TEMPORARY_SIZE + 4];
    snprintf(backup, sizeof(backup), "%s.old", temporary);
    if (linkat(file->dirfd, LIST_NAME, file->dirfd, backup, 0) != 0) {
        return errno;
    }
    if (renameat(file->dirfd, temporary, file->dirfd, LIST_NAME) != 0) {
        int error = errno;
        unlinkat(file->dirfd, backup, 0);
        return error;
    }
    if (renameat(file->dirfd, backup, file->dirfd, temporary) != 0) {
        int error = errno;
        renameat(file->dirfd, backup, file->dirfd, LIST_NAME);
        return error;
    }
    return 0;
}

/* The old list is kept under the temporary name until the new one is known to be good. */
static int rename_list(const xg_revoked_file *file, const char *temporary)
{
    if (!file->is_there) {
        if (renameat2(file->dirfd, temporary, file->dirfd, LIST_NAME, RENAME_NOREPLACE) == 0) {
            return 0;
        }
        if (errno != EINVAL && errno != ENOSYS) {
            return errno;
        }
        return linkat(file->dirfd, temporary, file->dirfd, LIST_NAME, 0) == 0 ? 0 : errno;
    }
    if (renameat2(file->dirfd, temporary, file->dirfd, LIST_NAME, RENAME_EXCHANGE) == 0) {
        return 0;
    }
    return errno == EINVAL || errno == ENOSYS ? exchange_by_link(file, temporary) : errno;
}

static void restore(const xg_revoked_file *file, const char *temporary)
{
    if (file->is_there) {
        renameat(file->dirfd, temporary, file->dirfd, LIST_NAME);
    } else {
        unlinkat(file->dirfd, LIST_NAME, 0);
    }
}

static int put_in_place(const xg_revoked_file *file, const char *temporary, const char *text, size_t len)
{
    int error = rename_list(file, temporary);
    if (error != 0) {
        return error;
    }
    if (!holds(file, LIST_NAME, text, len)) {
        error = EIO;
    } else if (fsync(file->dirfd) != 0) {
        error = errno; /* what may not outlive a crash was not done */
    }
    if (error != 0) {
        restore(file, temporary);
    }
    return error;
}

int xg_revoked_file_replace(const xg_revoked_file *file, const char *text, size_t len)
{
    char temporary[TEMPORARY_SIZE];
    snprintf(temporary, sizeof(temporary), ".revoked.%08x%08x", randombytes_random(), randombytes_random());
    int error = write_temporary(file, temporary, text, len);
    if (error == 0 && !holds(file, temporary, text, len)) {
        error = EIO;
    }
    if (error == 0 && !is_as_read(file)) {
        unlinkat(file->dirfd, temporary, 0);
        xg_errors_summary("the list was changed by somebody else meanwhile");
        xg_errors_where("%s", file->path);
        xg_errors_help("nothing was changed by this run: run it again");
        return XG_EXIT_IO;
    }
    if (error == 0) {
        error = put_in_place(file, temporary, text, len);
    }
    unlinkat(file->dirfd, temporary, 0); /* the new file, or the one that it took the place of */
    if (error != 0) {
        return xg_errors_io("replace the list, which is as it was", file->path, error);
    }
    return XG_EXIT_OK;
}
