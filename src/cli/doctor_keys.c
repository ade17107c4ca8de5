/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor_keys.c: the keys of a store as xdsgate.so would load them, and private halves beside public ones.
 *
 * What is refused, the plugin's own loader refuses. A private key is read into guarded memory, reduced to its public
 * half and wiped; one that is encrypted is known by its name alone. One thread.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doctor_report.h"

#define PATH_SIZE     XG_CUSTODY_PATH_SIZE
#define SENTENCE_SIZE 1024
#define KID_SIZE      (XG_KID_MAX + 1)

/* ---- the store ---- */

static void hear(void *arg, uint32_t reason, const char *sentence, size_t len)
{
    xg_doctor_report *report = arg;
    int shown = (int)(len < SENTENCE_SIZE ? len : SENTENCE_SIZE);
    if (reason == XG_REASON_OK) {
        xg_doctor_report_add(report, XG_DOCTOR_WARN, NULL, NULL, "%.*s", shown, sentence);
    } else {
        xg_doctor_report_add(report, XG_DOCTOR_FAIL, NULL, xg_reason_find(reason)->help, "%.*s", shown, sentence);
    }
}

static size_t count_keys(const xg_keyset *set)
{
    return set != NULL && set->ring != NULL ? xg_keyring_count(set->ring) : 0;
}

void xg_doctor_keys_store(xg_doctor_report *report, const char *root, xg_store_view *view)
{
    char storage[SENTENCE_SIZE];
    xg_text error;
    size_t num_keys = 0;
    xg_text_init(&error, storage, sizeof(storage));
    xg_doctor_report_begin(report, "keys and lists load");
    xg_result result = xg_store_view_open(root, hear, report, view, &error);
    if (!xg_is_ok(result)) {
        const xg_reason_info *info = xg_reason_find(xg_result_reason(result));
        xg_doctor_report_add(report, XG_DOCTOR_FAIL, root, info->help, "%s", error.len > 0 ? storage : info->text);
        return;
    }
    num_keys += count_keys(xg_snapshot_zone(view->snapshot)) + count_keys(xg_snapshot_any_mesh(view->snapshot));
    for (size_t i = 0; i < xg_snapshot_num_meshes(view->snapshot); i++) {
        num_keys += count_keys(xg_snapshot_mesh_at(view->snapshot, i));
    }
    xg_doctor_report_end(report, root, "%zu keys, %zu meshes", num_keys, xg_snapshot_num_meshes(view->snapshot));
}

/* ---- pairs ---- */

typedef struct pairs {
    xg_doctor_report *report;
    const char *authority;
    const xg_store_view *view;
    size_t num_pairs;
} pairs;

/* One set: its directory in the authority, and its keys in the store. */
typedef struct pair_set {
    pairs *all;
    const xg_keyset *keys; /* NULL: the store has no such set */
    int fd;                /* of the authority's directory; -1: there is none */
    char path[PATH_SIZE];
} pair_set;

static bool stem_of(const char *name, char kid[KID_SIZE], bool *ret_is_encrypted)
{
    size_t len = strlen(name);
    *ret_is_encrypted = len > 8 && strcmp(name + len - 8, ".pem.age") == 0;
    size_t suffix = *ret_is_encrypted ? 8 : 4;
    if (name[0] == '.' || len <= suffix || len - suffix > XG_KID_MAX ||
        (!*ret_is_encrypted && strcmp(name + len - 4, ".pem") != 0)) {
        return false;
    }
    memcpy(kid, name, len - suffix);
    kid[len - suffix] = '\0';
    return true;
}

/* Only what doctor_places found no fault with is opened: the rest has been reported. */
static bool is_safe(int dirfd, const char *name)
{
    struct stat status;
    return fstatat(dirfd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode) &&
           status.st_uid == geteuid() && (status.st_mode & 077) == 0;
}

static void compare_halves(const pair_set *set, const char *name, const char *path, const xg_pubkey *public_half)
{
    xg_secret secret = {0};
    xg_pubkey *key = NULL;
    if (!is_safe(set->fd, name) || xg_secret_read_key(set->fd, name, path, XG_SECRET_PRIVATE, &secret) != XG_EXIT_OK) {
        return;
    }
    xg_result result = xg_keyfile_parse(set->all->view->crypto, (xg_str){secret.ptr, secret.len}, &key);
    xg_secret_done(&secret);
    if (!xg_is_ok(result)) {
        const xg_reason_info *info = xg_reason_find(xg_result_reason(result));
        xg_doctor_report_add(set->all->report, XG_DOCTOR_FAIL, path, info->help, "%s", info->text);
        return;
    }
    if (memcmp(xg_pubkey_fingerprint(key), xg_pubkey_fingerprint(public_half), XG_FINGERPRINT_LEN) != 0) {
        xg_doctor_report_add(set->all->report, XG_DOCTOR_FAIL, path,
                             "its tokens are denied: put the public half that belongs to it into the store",
                             "it is another key than the store has under that kid");
    } else {
        set->all->num_pairs++;
    }
    xg_pubkey_unref(key);
}

static void check_private(const pair_set *set, const char *name)
{
    static const char PUBLISH[] = "its tokens are denied: publish it with 'xdsgate key public', or remove it";
    char kid[KID_SIZE];
    char path[PATH_SIZE];
    bool is_encrypted = false;
    xg_pubkey *key = NULL;
    xg_text text;
    if (!stem_of(name, kid, &is_encrypted)) {
        return;
    }
    xg_text_init(&text, path, sizeof(path));
    xg_text_add(&text, xg_str_of(set->path));
    xg_text_add(&text, XG_STR("/"));
    xg_text_add(&text, xg_str_of(name));
    if (set->keys != NULL && set->keys->ring == NULL) {
        return; /* the set was refused, and reported */
    }
    xg_result result =
        set->keys != NULL ? xg_keyring_find(set->keys->ring, xg_str_of(kid), &key) : XG_FAIL(KEY_UNKNOWN);
    if (xg_result_reason(result) == XG_REASON_KEY_RETIRED) {
        xg_doctor_report_add(set->all->report, XG_DOCTOR_WARN, path, "nothing trusts it any more: remove it",
                             "the private half of a retired key");
    } else if (!xg_is_ok(result)) {
        xg_doctor_report_add(set->all->report, XG_DOCTOR_FAIL, path, PUBLISH,
                             "a private half without a public half in the store");
    } else if (is_encrypted) {
        set->all->num_pairs++;
    } else {
        compare_halves(set, name, path, key);
    }
}

static void check_privates(const pair_set *set)
{
    int fd = openat(set->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry = NULL;
    if (stream == NULL) {
        if (fd >= 0) {
            close(fd);
        }
        return; /* doctor_places reported it */
    }
    while ((entry = readdir(stream)) != NULL) {
        check_private(set, entry->d_name);
    }
    closedir(stream);
}

static bool has_private(const pair_set *set, xg_str kid)
{
    static const char *const SUFFIXES[] = {".pem", ".pem.age"};
    struct stat status;
    for (size_t i = 0; set->fd >= 0 && i < XG_ARRAY_LEN(SUFFIXES); i++) {
        char name[KID_SIZE + 16];
        xg_text text;
        xg_text_init(&text, name, sizeof(name));
        xg_text_add(&text, kid);
        xg_text_add(&text, xg_str_of(SUFFIXES[i]));
        if (fstatat(set->fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
            return true;
        }
    }
    return false;
}

static void check_publics(const pair_set *set)
{
    for (size_t i = 0; i < count_keys(set->keys); i++) {
        xg_str kid = {0};
        xg_pubkey *key = NULL;
        xg_keyring_at(set->keys->ring, i, &kid, &key);
        if (key != NULL && !has_private(set, kid)) {
            xg_doctor_report_add(set->all->report, XG_DOCTOR_WARN, set->path,
                                 "if it signs elsewhere, that is as it should be; else retire it",
                                 "key '%.*s' of the store has no private half here", (int)kid.len, kid.ptr);
        }
    }
}

static void check_set(pairs *all, const xg_keyset *keys, const char *folder, const char *mesh)
{
    pair_set set = {.all = all, .keys = keys, .fd = -1};
    char below[PATH_SIZE];
    xg_text text;
    int rootfd = open(all->authority, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    xg_text_init(&text, below, sizeof(below));
    xg_text_add(&text, xg_str_of(folder));
    xg_text_add(&text, mesh != NULL ? XG_STR("/") : XG_STR(""));
    xg_text_add(&text, xg_str_of(mesh));
    xg_text_init(&text, set.path, sizeof(set.path));
    xg_text_add(&text, xg_str_of(all->authority));
    xg_text_add(&text, XG_STR("/"));
    xg_text_add(&text, xg_str_of(below));
    if (rootfd >= 0) {
        set.fd = xg_file_open_beneath(rootfd, below, O_RDONLY | O_DIRECTORY);
        close(rootfd);
    }
    if (set.fd >= 0) {
        check_privates(&set);
    }
    check_publics(&set);
    if (set.fd >= 0) {
        close(set.fd);
    }
}

/* Sets of the authority that the store does not have: all their keys are alone. */
static void check_strangers(pairs *all)
{
    int rootfd = open(all->authority, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd = rootfd >= 0 ? xg_file_open_beneath(rootfd, "meshes", O_RDONLY | O_DIRECTORY) : -1;
    DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry = NULL;
    if (rootfd >= 0) {
        close(rootfd);
    }
    if (stream == NULL) {
        if (fd >= 0) {
            close(fd);
        }
        return;
    }
    while ((entry = readdir(stream)) != NULL) {
        if (entry->d_name[0] != '.' && xg_snapshot_mesh(all->view->snapshot, xg_str_of(entry->d_name)) == NULL) {
            check_set(all, NULL, "meshes", entry->d_name);
        }
    }
    closedir(stream);
}

void xg_doctor_keys_pairs(xg_doctor_report *report, const char *authority, const xg_store_view *view)
{
    pairs all = {.report = report, .authority = authority, .view = view};
    xg_doctor_report_begin(report, "halves of keys");
    check_set(&all, xg_snapshot_zone(view->snapshot), "zone", NULL);
    check_set(&all, xg_snapshot_any_mesh(view->snapshot), "any-mesh", NULL);
    for (size_t i = 0; i < xg_snapshot_num_meshes(view->snapshot); i++) {
        const xg_keyset *keys = xg_snapshot_mesh_at(view->snapshot, i);
        char mesh[XG_MESH_NAME_MAX + 3];
        xg_text text;
        xg_text_init(&text, mesh, sizeof(mesh));
        xg_text_add(&text, keys->name);
        check_set(&all, keys, "meshes", mesh);
    }
    check_strangers(&all);
    xg_doctor_report_end(report, authority, "%zu pairs belong together", all.num_pairs);
}
