/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor_places.c: who may read and change what stands in an authority directory and in a store.
 *
 * Follows no symbolic link below the roots, opens directories only, changes nothing. One thread.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doctor_report.h"

#define DEPTH_MAX 4

/* One walk. Depth 0 is the root, 1 what stands in it. */
typedef struct walk walk;
typedef void judge(walk *w, const char *name, const struct stat *status);
struct walk {
    xg_doctor_report *report;
    judge *judge;
    uid_t owner; /* who everything should belong to */
    int depth;   /* of the entry at hand */
    size_t num_entries;
    char path[XG_CUSTODY_PATH_SIZE];
    char parent[XG_MESH_NAME_MAX + 3]; /* the directory that the entry stands in; empty for the root */
};

static void fail(const walk *w, const char *help, const char *found)
{
    xg_doctor_report_add(w->report, XG_DOCTOR_FAIL, w->path, help, "%s", found);
}

static void warn(const walk *w, const char *help, const char *found)
{
    xg_doctor_report_add(w->report, XG_DOCTOR_WARN, w->path, help, "%s", found);
}

static bool ends_with(const char *name, const char *suffix)
{
    size_t len = strlen(name);
    size_t suffix_len = strlen(suffix);
    return len > suffix_len && strcmp(name + len - suffix_len, suffix) == 0;
}

/* What may stand where: in the root (no parent), in the directory of that name, or anywhere below a set. */
typedef struct known {
    int depth;
    bool is_dir;
    const char *parent; /* NULL: any */
    const char *name;   /* NULL: any */
    const char *suffix; /* NULL: any */
} known;

static bool is_known(const walk *w, const char *name, bool is_dir, const known *table, size_t num)
{
    for (size_t i = 0; i < num; i++) {
        if (table[i].depth == w->depth && table[i].is_dir == is_dir &&
            (table[i].parent == NULL || strcmp(table[i].parent, w->parent) == 0) &&
            (table[i].name == NULL || strcmp(table[i].name, name) == 0) &&
            (table[i].suffix == NULL || ends_with(name, table[i].suffix))) {
            return true;
        }
    }
    return false;
}

/* ---- the authority ---- */

static const known IN_AUTHORITY[] = {
    {1, true, NULL, "meshes", NULL},
    {1, true, NULL, "zone", NULL},
    {1, true, NULL, "any-mesh", NULL},
    {1, false, NULL, "ledger.db", NULL},
    {1, false, NULL, "ledger.db-wal", NULL},
    {1, false, NULL, "ledger.db-shm", NULL},
    {1, false, NULL, "ledger.db-journal", NULL},
    {1, false, NULL, "policy.json", NULL},
    {1, false, NULL, "policy.yaml", NULL},
    {2, true, "meshes", NULL, NULL},
    {2, false, "zone", NULL, ".pem"},
    {2, false, "zone", NULL, ".pem.age"},
    {2, false, "any-mesh", NULL, ".pem"},
    {2, false, "any-mesh", NULL, ".pem.age"},
    {3, false, NULL, NULL, ".pem"},
    {3, false, NULL, NULL, ".pem.age"},
};

static void judge_name_in_authority(const walk *w, const char *name, bool is_dir)
{
    if (name[0] == '.') {
        warn(w, "look at it and remove it", "a file that an interrupted run may have left");
    } else if (!is_known(w, name, is_dir, IN_AUTHORITY, XG_ARRAY_LEN(IN_AUTHORITY))) {
        warn(w, "take it away: whoever copies the directory copies it too", "it is no part of an authority directory");
    }
}

static void judge_authority(walk *w, const char *name, const struct stat *status)
{
    bool is_dir = S_ISDIR(status->st_mode);
    if (S_ISLNK(status->st_mode)) {
        fail(w, "put the file itself there: links are not followed", "a symbolic link");
        return;
    }
    if (!is_dir && !S_ISREG(status->st_mode)) {
        fail(w, "remove it", "neither a file nor a directory");
        return;
    }
    if (status->st_uid != w->owner) {
        xg_doctor_report_add(w->report, XG_DOCTOR_FAIL, w->path,
                             "whoever owns it can replace the keys: chown it, or run this as its owner",
                             "it belongs to another user (uid %u)", (unsigned)status->st_uid);
    }
    if ((status->st_mode & 077) != 0) {
        xg_doctor_report_add(w->report, XG_DOCTOR_FAIL, w->path, is_dir ? "chmod 700" : "chmod 600; make new keys",
                             "open to group or others (mode %03o)", (unsigned)(status->st_mode & 0777));
    }
    if (w->depth > 0) {
        judge_name_in_authority(w, name, is_dir);
    }
}

/* ---- the store ---- */

/* What stands in 'keys' is the loader's to judge. */
static const known IN_STORE[] = {
    {1, true, NULL, "meshes", NULL},     {1, true, NULL, "zone", NULL},           {1, true, NULL, "any-mesh", NULL},
    {2, true, "meshes", NULL, NULL},     {2, true, "zone", "keys", NULL},         {2, false, "zone", "revoked", NULL},
    {2, true, "any-mesh", "keys", NULL}, {2, false, "any-mesh", "revoked", NULL}, {3, false, "keys", NULL, NULL},
    {3, true, NULL, "keys", NULL},       {3, false, NULL, "revoked", NULL},       {4, false, "keys", NULL, NULL},
};

static void judge_name_in_store(const walk *w, const char *name, bool is_dir)
{
    if (name[0] == '.') {
        if (strncmp(name, "..", 2) != 0 && !is_dir) { /* Kubernetes keeps its data under such names */
            warn(w, "remove it if no xdsgate is running", "a file that an interrupted run may have left");
        }
    } else if (!is_known(w, name, is_dir, IN_STORE, XG_ARRAY_LEN(IN_STORE))) {
        warn(w, "rename or remove it", "xdsgate.so takes no notice of it");
    }
}

static void judge_writers(const walk *w, const struct stat *status, bool is_dir)
{
    bool is_sticky = is_dir && (status->st_mode & S_ISVTX) != 0;
    if ((status->st_mode & S_IWOTH) != 0 && !is_sticky) {
        fail(w, is_dir ? "chmod o-w: whoever can write here can add a key" : "look at it, then chmod o-w",
             "everybody may write it");
    } else if ((status->st_mode & S_IWOTH) != 0) {
        warn(w, "as Kubernetes mounts Secrets; elsewhere chmod o-w", "everybody may make files in it (mode 1777)");
    } else if ((status->st_mode & S_IWGRP) != 0) {
        xg_doctor_report_add(w->report, XG_DOCTOR_WARN, w->path, "chmod g-w, unless that group runs the authority",
                             "its group (gid %u) may write it", (unsigned)status->st_gid);
    }
}

static void judge_store(walk *w, const char *name, const struct stat *status)
{
    bool is_dir = S_ISDIR(status->st_mode);
    mode_t needed = is_dir ? S_IROTH | S_IXOTH : S_IROTH;
    if (S_ISLNK(status->st_mode)) {
        return; /* the loader says whether a link leads where it may */
    }
    if (w->depth > 0) {
        judge_name_in_store(w, name, is_dir);
    }
    if (name[0] == '.') {
        return;
    }
    if (status->st_uid != w->owner && status->st_uid != 0) {
        xg_doctor_report_add(w->report, XG_DOCTOR_FAIL, w->path, "whoever owns it can replace it: chown it",
                             "it belongs to uid %u, the store to uid %u", (unsigned)status->st_uid, (unsigned)w->owner);
    }
    judge_writers(w, status, is_dir);
    if ((status->st_mode & needed) != needed) {
        xg_doctor_report_add(w->report, XG_DOCTOR_WARN, w->path,
                             is_dir ? "chmod o+rx, unless the control plane is that user or of that group"
                                    : "chmod o+r, unless the control plane is that user or of that group",
                             "only uid %u or gid %u can read it (mode %03o)", (unsigned)status->st_uid,
                             (unsigned)status->st_gid, (unsigned)(status->st_mode & 0777));
    }
}

/* ---- the walk ---- */

static void note_time(xg_doctor_report *report, const struct stat *status)
{
    if (status->st_mtim.tv_sec > report->newest.tv_sec) {
        report->newest = status->st_mtim;
    }
}

static void walk_dir(walk *w, int fd);

/* The path grows by one name, and shrinks again. */
static void visit(walk *w, int dirfd, const char *name)
{
    struct stat status;
    size_t len = strlen(w->path);
    size_t room = sizeof(w->path) - len;
    if (snprintf(w->path + len, room, "/%s", name) >= (int)room) {
        fail(w, "use shorter names", "the path is too long");
    } else if (fstatat(dirfd, name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        fail(w, "check the rights of the directories above", "it cannot be looked at");
    } else {
        w->num_entries++;
        note_time(w->report, &status);
        w->judge(w, name, &status);
        if (S_ISDIR(status.st_mode) && w->depth < DEPTH_MAX && name[0] != '.') {
            char parent[sizeof(w->parent)];
            xg_text text;
            memcpy(parent, w->parent, sizeof(parent));
            xg_text_init(&text, w->parent, sizeof(w->parent));
            xg_text_add(&text, xg_str_of(name));
            walk_dir(w, openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
            memcpy(w->parent, parent, sizeof(parent));
        }
    }
    w->path[len] = '\0';
}

/* Takes fd over. */
static void walk_dir(walk *w, int fd) /* DEPTH_MAX deep at most */
{
    DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry = NULL;
    if (stream == NULL) {
        const char *words = strerrordesc_np(errno);
        fail(w, "check the rights of the directory", words != NULL ? words : "it cannot be opened");
        if (fd >= 0) {
            close(fd);
        }
        return;
    }
    w->depth++;
    errno = 0;
    while ((entry = readdir(stream)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            visit(w, dirfd(stream), entry->d_name);
        }
        errno = 0;
    }
    if (errno != 0) {
        fail(w, "check the file system", "it cannot be read to its end");
    }
    w->depth--;
    closedir(stream);
}

static void walk_root(xg_doctor_report *report, const char *root, judge *judge_entry, bool is_ours)
{
    walk w = {.report = report, .judge = judge_entry};
    struct stat status;
    xg_text text;
    xg_text_init(&text, w.path, sizeof(w.path));
    xg_text_add(&text, xg_str_of(root));
    int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) != 0) {
        const char *words = strerrordesc_np(errno);
        fail(&w, "check the path, and run this as a user who can read it",
             words != NULL ? words : "it cannot be opened");
        if (fd >= 0) {
            close(fd);
        }
        return;
    }
    w.owner = is_ours ? geteuid() : status.st_uid;
    judge_entry(&w, "", &status);
    walk_dir(&w, fd);
    xg_doctor_report_end(report, root, "%zu files and directories", w.num_entries);
}

void xg_doctor_places_authority(xg_doctor_report *report, const char *root)
{
    xg_doctor_report_begin(report, "authority directory");
    walk_root(report, root, judge_authority, true);
}

void xg_doctor_places_store(xg_doctor_report *report, const char *root)
{
    xg_doctor_report_begin(report, "store directory");
    walk_root(report, root, judge_store, false);
}
