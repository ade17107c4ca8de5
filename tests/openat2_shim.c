/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openat2_shim.c: openat2 for programs under valgrind 3.19, which does not know this call and answers ENOSYS. Preloaded
 * by tools/run_valgrind.sh, nowhere else. Follows links by itself, as RESOLVE_BENEATH does; what changes meanwhile goes
 * unnoticed, which is too little for real use and enough for tests. Thread-safe.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "xdsgate/base.h"

XG_EXPORT long syscall(long number, ...);

#define LINKS_MAX 40

/* What of the path is already free of links, and what is still to be looked at. */
typedef struct path_walk {
    char done[PATH_MAX];
    char rest[PATH_MAX];
    int num_links;
} path_walk;

/* Writes a, b and c one after the other: 0, or ENAMETOOLONG. */
static int join(char *out, size_t cap, const char *a, const char *b, const char *c)
{
    xg_text text;
    xg_text_init(&text, out, cap);
    xg_text_add(&text, xg_str_of(a));
    xg_text_add(&text, xg_str_of(b));
    xg_text_add(&text, xg_str_of(c));
    return text.is_cut ? ENAMETOOLONG : 0;
}

/* Takes the first name off rest; an empty one at the end. */
static void take_name(path_walk *walk, char *name)
{
    const char *start = walk->rest + strspn(walk->rest, "/");
    size_t len = strcspn(start, "/");
    memcpy(name, start, len);
    name[len] = '\0';
    memmove(walk->rest, start + len, strlen(start + len) + 1);
}

/* Puts the target of a link in front of rest. */
static int follow(path_walk *walk, const char *target)
{
    char rest[PATH_MAX];
    int error = target[0] == '/' ? EXDEV : join(rest, sizeof(rest), target, walk->rest, "");
    if (error == 0 && ++walk->num_links > LINKS_MAX) {
        error = ELOOP;
    }
    return error != 0 ? error : join(walk->rest, sizeof(walk->rest), rest, "", "");
}

/* One name further: 0, or an errno value. */
static int step(int dirfd, path_walk *walk, const char *name)
{
    char target[PATH_MAX] = "";
    char next[PATH_MAX];
    char *slash = strrchr(walk->done, '/');
    if (strcmp(name, ".") == 0) {
        return 0;
    }
    if (strcmp(name, "..") == 0) {
        bool is_top = walk->done[0] == '\0';
        walk->done[slash == NULL ? 0 : slash - walk->done] = '\0';
        return is_top ? EXDEV : 0;
    }
    int error = join(next, sizeof(next), walk->done, walk->done[0] == '\0' ? "" : "/", name);
    if (error == 0 && readlinkat(dirfd, next, target, sizeof(target) - 1) >= 0) {
        return follow(walk, target);
    }
    /* No link. Whether there is anything at all, openat will say. */
    return error != 0 ? error : join(walk->done, sizeof(walk->done), next, "", "");
}

static long open_beneath(int dirfd, const char *path, int flags)
{
    path_walk walk = {0};
    char name[PATH_MAX];
    int error = path[0] == '/' ? EXDEV : join(walk.rest, sizeof(walk.rest), path, "", "");
    for (take_name(&walk, name); error == 0 && name[0] != '\0'; take_name(&walk, name)) {
        error = step(dirfd, &walk, name);
    }
    if (error != 0) {
        errno = error;
        return -1;
    }
    return openat(dirfd, walk.done[0] == '\0' ? "." : walk.done, flags | O_NOFOLLOW);
}

/* glibc's syscall hands over six words whatever the call takes; so does this. */
long syscall(long number, ...)
{
    long word[6];
    va_list args;
    long (*next)(long, ...) = (long (*)(long, ...))(uintptr_t)dlsym(RTLD_NEXT, "syscall");
    va_start(args, number);
    for (int i = 0; i < 6; i++) {
        word[i] = va_arg(args, long);
    }
    va_end(args);
    if (number == SYS_openat2) {
        const struct open_how *how = (const struct open_how *)word[2];
        return open_beneath((int)word[0], (const char *)word[1], (int)how->flags);
    }
    return next(number, word[0], word[1], word[2], word[3], word[4], word[5]);
}
