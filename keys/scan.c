/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan.c: what stands in a store directory, without reading any file. See scan.h.
 *
 * Directories are opened beneath the store's root only. Must never open a file for reading its content. Thread rule:
 * works on the caller's memory only.
 */
#include "scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

xg_file_id xg_scan_file_id(const struct stat *st)
{
    return (xg_file_id){
        .dev = st->st_dev, .ino = st->st_ino, .size = st->st_size, .mtime = st->st_mtim, .ctime = st->st_ctim};
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool xg_scan_same_file(const xg_file_id *a, const xg_file_id *b)
{
    return a->dev == b->dev && a->ino == b->ino && a->size == b->size && same_time(&a->mtime, &b->mtime) &&
           same_time(&a->ctime, &b->ctime);
}

xg_str xg_scan_name(const xg_scan_dir *dir, size_t index)
{
    return (xg_str){dir->names + dir->items[index].name_at, dir->items[index].name_len};
}

void xg_scan_done_dir(xg_scan_dir *dir)
{
    free(dir->items);
    free(dir->names);
    *dir = (xg_scan_dir){0};
}

static xg_result grow(xg_scan_dir *dir, size_t name_len)
{
    if (dir->num_items == dir->max_items) {
        size_t max_items = dir->max_items == 0 ? 4 : dir->max_items * 2;
        xg_scan_item *items = reallocarray(dir->items, max_items, sizeof(*items));
        XG_CHECK(items != NULL, NO_MEMORY);
        dir->items = items;
        dir->max_items = max_items;
    }
    if (dir->names_size - dir->names_len < name_len + 1) {
        size_t names_size = dir->names_size * 2 + name_len + 1;
        char *names = realloc(dir->names, names_size);
        XG_CHECK(names != NULL, NO_MEMORY);
        dir->names = names;
        dir->names_size = names_size;
    }
    return XG_OK;
}

/* Links are followed, also out of the store: only opening decides whether that is allowed. */
static int identify(int dirfd, const char *path, xg_file_id *ret_id)
{
    struct stat st;
    if (fstatat(dirfd, path, &st, 0) != 0) {
        return errno;
    }
    *ret_id = xg_scan_file_id(&st);
    return 0;
}

static xg_result add_item(xg_scan_dir *dir, int dirfd, const char *name, bool with_ids)
{
    size_t name_len = strlen(name);
    XG_TRY(grow(dir, name_len));
    xg_scan_item *item = &dir->items[dir->num_items++];
    *item = (xg_scan_item){.name_at = dir->names_len, .name_len = name_len};
    memcpy(dir->names + dir->names_len, name, name_len + 1);
    dir->names_len += name_len + 1;
    if (with_ids) {
        item->error = identify(dirfd, name, &item->id);
    }
    return XG_OK;
}

/* The order in which a directory gives its names is nobody's: sorted, two scans can be compared side by side. */
static int compare_items(const void *a, const void *b, void *names)
{
    const xg_scan_item *left = a;
    const xg_scan_item *right = b;
    return strcmp((const char *)names + left->name_at, (const char *)names + right->name_at);
}

static xg_result read_names(DIR *stream, size_t max_items, bool with_ids, xg_scan_dir *dir)
{
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(stream);
        if (entry == NULL) {
            dir->error = errno;
            break;
        }
        if (entry->d_name[0] == '.') {
            continue;
        }
        if (dir->num_items == max_items) {
            dir->error = E2BIG;
            break;
        }
        XG_TRY(add_item(dir, dirfd(stream), entry->d_name, with_ids));
    }
    if (dir->num_items > 1) {
        qsort_r(dir->items, dir->num_items, sizeof(dir->items[0]), compare_items, dir->names);
    }
    return XG_OK;
}

xg_result xg_scan_read_dir(int rootfd, const char *path, size_t max_items, bool with_ids, xg_scan_dir *ret_dir)
{
    *ret_dir = (xg_scan_dir){0};
    int fd = xg_file_open_beneath(rootfd, path, O_RDONLY | O_DIRECTORY);
    DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
    if (stream == NULL) {
        ret_dir->error = errno;
        if (fd >= 0) {
            close(fd);
        }
        XG_CHECK(ret_dir->error != ENOMEM, NO_MEMORY);
        return XG_OK;
    }
    xg_result result = read_names(stream, max_items, with_ids, ret_dir);
    closedir(stream);
    if (!xg_is_ok(result)) {
        xg_scan_done_dir(ret_dir);
    }
    return result;
}

bool xg_scan_same_dir(const xg_scan_dir *a, const xg_scan_dir *b)
{
    if (a->error != b->error || a->num_items != b->num_items) {
        return false;
    }
    for (size_t i = 0; i < a->num_items; i++) {
        if (!xg_str_eq(xg_scan_name(a, i), xg_scan_name(b, i)) || a->items[i].error != b->items[i].error ||
            !xg_scan_same_file(&a->items[i].id, &b->items[i].id)) {
            return false;
        }
    }
    return true;
}

xg_result xg_scan_read(int rootfd, const char *path, xg_scan *ret_scan)
{
    char below[XG_SCAN_PATH_SIZE];
    *ret_scan = (xg_scan){0};
    snprintf(below, sizeof(below), "%s/revoked", path);
    ret_scan->list_error = identify(rootfd, below, &ret_scan->list);
    snprintf(below, sizeof(below), "%s/keys", path);
    XG_TRY(xg_scan_read_dir(rootfd, below, XG_SCAN_KEYS_MAX, true, &ret_scan->keys));
    if (ret_scan->keys.error != 0) {
        xg_file_id ignored;
        ret_scan->set_error = identify(rootfd, path, &ignored);
    }
    return XG_OK;
}

void xg_scan_done(xg_scan *scan)
{
    xg_scan_done_dir(&scan->keys);
}

bool xg_scan_same(const xg_scan *a, const xg_scan *b)
{
    return a->set_error == b->set_error && a->list_error == b->list_error && xg_scan_same_file(&a->list, &b->list) &&
           xg_scan_same_dir(&a->keys, &b->keys);
}

static bool is_before(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec < b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

/* Saturates beyond a few seconds. */
static int64_t nanoseconds_between(const struct timespec *from, const struct timespec *to)
{
    int64_t seconds = (int64_t)to->tv_sec - (int64_t)from->tv_sec;
    if (seconds > 2 || seconds < -2) {
        return seconds > 0 ? INT64_MAX : INT64_MIN;
    }
    return seconds * INT64_C(1000000000) + to->tv_nsec - from->tv_nsec;
}

static struct timespec youngest_of(const xg_scan *scan)
{
    struct timespec youngest = scan->list.ctime;
    for (size_t i = 0; i < scan->keys.num_items; i++) {
        const struct timespec *ctime = &scan->keys.items[i].id.ctime;
        if (is_before(&youngest, ctime)) {
            youngest = *ctime;
        }
    }
    return youngest;
}

/* How far the clock that stamps files goes in one step: 1 to 10 milliseconds. */
static int64_t tick_of_stamps(void)
{
    const int64_t longest = INT64_C(10000000);
    struct timespec tick;
    bool is_known = clock_getres(CLOCK_REALTIME_COARSE, &tick) == 0 && tick.tv_sec == 0 && tick.tv_nsec < longest;
    return is_known ? tick.tv_nsec : longest;
}

bool xg_scan_settle(const xg_scan *scan)
{
    const int64_t one_tick = tick_of_stamps();
    const int64_t one_second = INT64_C(1000000000);
    struct timespec youngest = youngest_of(scan);
    for (int i = 0; i < 12; i++) {
        struct timespec now;
        if (clock_gettime(CLOCK_REALTIME_COARSE, &now) != 0) {
            break;
        }
        int64_t ahead = nanoseconds_between(&now, &youngest);
        if (youngest.tv_nsec == 0 && ahead >= -one_second && ahead <= one_second) {
            return false;
        }
        /* A stamp far ahead (a clock that stepped back, a file server's own) will not be reached by waiting. */
        if (ahead < 0 || ahead > one_tick) {
            break;
        }
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    return true;
}
