/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch.h: inotify over the directories of a store. Private to keys/.
 *
 * A hint, never the truth: what it misses (limits, network file systems, files reached through links) the stat walk of
 * dirstore.c finds. Directories are watched, not files, so that renames and swaps of links are seen. Must never be the
 * reason for a failure. Thread rule: one thread at a time.
 */
#ifndef XDSGATE_KEYS_WATCH_H
#define XDSGATE_KEYS_WATCH_H

#include "xdsgate/base.h"

#define XG_WATCH_EVERYTHING UINT32_MAX

/* Zeroed memory is not a watch: use xg_watch_none or xg_watch_start. */
typedef struct xg_watch {
    int fd;
    bool is_complete; /* every directory that should be watched is */
    uint32_t *owners; /* by watch descriptor: who is told */
    size_t num_owners;
} xg_watch;

xg_watch xg_watch_none(void);
xg_watch xg_watch_start(void);
void xg_watch_stop(xg_watch *watch);

/*
 * Watches directory `path` below rootfd for owner. A directory that does not exist is no failure (its parent is
 * watched); any other failure makes the watch incomplete. A directory with two owners belongs to XG_WATCH_EVERYTHING.
 */
void xg_watch_add(xg_watch *watch, int rootfd, const char *path, uint32_t owner);

/* Takes all events there are and calls mark for each one's owner. True if there was one. Never blocks. */
typedef void xg_watch_mark(void *arg, uint32_t owner);
bool xg_watch_drain(xg_watch *watch, xg_watch_mark *mark, void *arg);

#endif /* XDSGATE_KEYS_WATCH_H */
