/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch.c: inotify over the directories of a store. See watch.h.
 *
 * Owns one inotify descriptor. Must never block and never fail its caller. Thread rule: one thread at a time.
 */
#include "watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "scan.h"

/* IN_CLOSE_WRITE, not IN_MODIFY: a file that is still being written is not looked at yet. */
#define EVENTS                                                                                                         \
    (IN_CLOSE_WRITE | IN_ATTRIB | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF)

#define OWNER_NONE (UINT32_MAX - 1)

xg_watch xg_watch_none(void)
{
    return (xg_watch){.fd = -1};
}

xg_watch xg_watch_start(void)
{
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    return (xg_watch){.fd = fd, .is_complete = fd >= 0};
}

void xg_watch_stop(xg_watch *watch)
{
    if (watch->fd >= 0) {
        close(watch->fd);
    }
    free(watch->owners);
    *watch = xg_watch_none();
}

static bool grow(xg_watch *watch, size_t min_owners)
{
    size_t num_owners = watch->num_owners < 64 ? 64 : watch->num_owners * 2;
    if (num_owners < min_owners) {
        num_owners = min_owners;
    }
    uint32_t *owners = reallocarray(watch->owners, num_owners, sizeof(*owners));
    if (owners == NULL) {
        return false;
    }
    for (size_t i = watch->num_owners; i < num_owners; i++) {
        owners[i] = OWNER_NONE;
    }
    watch->owners = owners;
    watch->num_owners = num_owners;
    return true;
}

void xg_watch_add(xg_watch *watch, int rootfd, const char *path, uint32_t owner)
{
    if (watch->fd < 0) {
        return;
    }
    /* Through the descriptor, so that it is the directory that was opened, however long the store's own path is. */
    char full[XG_SCAN_PATH_SIZE + 32];
    snprintf(full, sizeof(full), "/proc/self/fd/%d/%s", rootfd, path);
    int wd = inotify_add_watch(watch->fd, full, EVENTS | IN_ONLYDIR);
    if (wd < 0) {
        /* Nothing may be there yet, but the root is: without it, /proc is what is missing. */
        bool may_come = (errno == ENOENT || errno == ENOTDIR) && strcmp(path, ".") != 0;
        watch->is_complete = watch->is_complete && may_come;
        return;
    }
    size_t at = (size_t)wd;
    if (at >= watch->num_owners && !grow(watch, at + 1)) {
        watch->is_complete = false; /* its events will count for everything */
        return;
    }
    bool is_shared = watch->owners[at] != OWNER_NONE && watch->owners[at] != owner;
    watch->owners[at] = is_shared ? XG_WATCH_EVERYTHING : owner;
}

static uint32_t owner_of(const xg_watch *watch, const struct inotify_event *event)
{
    bool is_known = event->wd >= 0 && (size_t)event->wd < watch->num_owners && (event->mask & IN_Q_OVERFLOW) == 0;
    uint32_t owner = is_known ? watch->owners[event->wd] : OWNER_NONE;
    return owner == OWNER_NONE ? XG_WATCH_EVERYTHING : owner;
}

bool xg_watch_drain(xg_watch *watch, xg_watch_mark *mark, void *arg)
{
    if (watch->fd < 0) {
        return false;
    }
    bool has_event = false;
    _Alignas(struct inotify_event) char events[4096];
    for (;;) {
        ssize_t len = read(watch->fd, events, sizeof(events));
        if (len < 0 && errno == EINTR) {
            continue;
        }
        if (len <= 0) {
            return has_event;
        }
        for (size_t at = 0; at < (size_t)len;) {
            struct inotify_event event;
            memcpy(&event, events + at, sizeof(event));
            mark(arg, owner_of(watch, &event));
            has_event = true;
            at += sizeof(event) + event.len;
        }
    }
}
