/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan.h: what stands in a store directory, without reading any file. Private to keys/.
 *
 * A scan is a manifest: names and identities. Two equal scans mean the same files with the same content; a scan that
 * hit an error remembers it, so that "still broken" and "broken in another way" can be told apart. Must never open a
 * file for reading its content. Thread rule: works on the caller's memory only.
 */
#ifndef XDSGATE_KEYS_SCAN_H
#define XDSGATE_KEYS_SCAN_H

#include "xdsgate/base.h"

#include <sys/stat.h>
#include <time.h>

/* "meshes/" name "/keys/" file, each of the two at most 255 bytes. */
#define XG_SCAN_PATH_SIZE 544

/* More files than this in one directory of keys is a mistake, not a key set. */
#define XG_SCAN_KEYS_MAX 1024

/* Which content a path names: any write, rename or change of mode gives another identity. */
typedef struct xg_file_id {
    uint64_t dev;
    uint64_t ino;
    int64_t size;
    struct timespec mtime;
    struct timespec ctime;
} xg_file_id;

xg_file_id xg_scan_file_id(const struct stat *st);
bool xg_scan_same_file(const xg_file_id *a, const xg_file_id *b);

typedef struct xg_scan_item {
    size_t name_at; /* into names */
    size_t name_len;
    int error; /* errno of looking at it; 0: id is set */
    xg_file_id id;
} xg_scan_item;

/* The names in one directory, sorted by byte order, without those that begin with a dot. */
typedef struct xg_scan_dir {
    int error; /* errno of opening or reading the directory; E2BIG: too many names */
    xg_scan_item *items;
    size_t num_items;
    size_t max_items;
    char *names;
    size_t names_len;
    size_t names_size;
} xg_scan_dir;

xg_str xg_scan_name(const xg_scan_dir *dir, size_t index);

/* One key set: its directory of keys and its revocation list. */
typedef struct xg_scan {
    int set_error;  /* ENOENT: there is no such set */
    int list_error; /* ENOENT: there is no list */
    xg_file_id list;
    xg_scan_dir keys;
} xg_scan;

/*
 * Reads directory `path` below rootfd. with_ids: looks at every file too. NO_MEMORY is the only failure, and leaves
 * nothing to release; whatever else goes wrong is part of the scan.
 */
xg_result xg_scan_read_dir(int rootfd, const char *path, size_t max_items, bool with_ids,
                           xg_scan_dir *ret_dir) XG_MUST_USE;
void xg_scan_done_dir(xg_scan_dir *dir);
bool xg_scan_same_dir(const xg_scan_dir *a, const xg_scan_dir *b);

/* Scans the set at `path` ("zone", "meshes/m") below rootfd. NO_MEMORY is the only failure. */
xg_result xg_scan_read(int rootfd, const char *path, xg_scan *ret_scan) XG_MUST_USE;
void xg_scan_done(xg_scan *scan);
bool xg_scan_same(const xg_scan *a, const xg_scan *b);

/*
 * Waits, a few milliseconds at most, until the clock that stamps files has left the tick in which the youngest file of
 * the scan was written: from then on no write can go unnoticed for leaving size and times as they are. False if waiting
 * does not help: the file system stamps by the second, and the second is not over.
 */
bool xg_scan_settle(const xg_scan *scan);

#endif /* XDSGATE_KEYS_SCAN_H */
