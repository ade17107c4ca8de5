/* SPDX-License-Identifier: Apache-2.0 */
/*
 * custody.c: the directories that hold keys: the authority's (private halves) and the plugin's store (public halves).
 *
 * Every file appears whole or not at all and never replaces another. Must never follow a symbolic link below a root,
 * and never use an authority directory that others can get into. One thread.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "cli.h"

#define NAME_SIZE 320 /* of temporary files */

bool xg_custody_is_name(const char *name, size_t max)
{
    static const char LETTERS[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t len = strlen(name);
    return len > 0 && len <= max && strspn(name, LETTERS) == len && strchr("._-", name[0]) == NULL;
}

const char *xg_custody_set_name(const xg_custody_set *set, char *storage, size_t cap)
{
    if (set->mesh == NULL) {
        return set->is_any_mesh ? "every mesh" : "the zone";
    }
    snprintf(storage, cap, "mesh '%s'", set->mesh);
    return storage;
}

xg_str xg_custody_set_id(const xg_custody_set *set, char storage[XG_CUSTODY_SET_SIZE])
{
    xg_text text;
    if (set->mesh == NULL) {
        return set->is_any_mesh ? XG_STR("any-mesh") : XG_STR("zone");
    }
    xg_text_init(&text, storage, XG_CUSTODY_SET_SIZE);
    xg_text_add(&text, XG_STR("mesh/"));
    xg_text_add(&text, xg_str_of(set->mesh));
    return (xg_str){storage, text.len};
}

const char *xg_custody_set_flag(const xg_custody_set *set)
{
    if (set->mesh != NULL) {
        return "--mesh NAME";
    }
    return set->is_any_mesh ? "--any-mesh" : "--for-zone";
}

void xg_custody_close(xg_custody_dir *dir)
{
    if (dir->fd >= 0) {
        close(dir->fd);
    }
    dir->fd = -1;
}

void xg_custody_undo(xg_custody_dir *dir)
{
    xg_custody_close(dir);
    while (dir->num_made > 0) {
        char *slash = strrchr(dir->path, '/');
        if (rmdir(dir->path) == 0) {
            dir->num_made--;
        } else if (errno != ENOENT) { /* the last step may have failed to make its directory */
            return;
        }
        if (slash == NULL) {
            return;
        }
        *slash = '\0';
    }
}

static mode_t dir_mode(xg_custody_place place)
{
    return place == XG_CUSTODY_AUTHORITY ? 0700 : 0755;
}

static int check_dir(const xg_custody_dir *dir)
{
    struct stat status;
    if (fstat(dir->fd, &status) != 0) {
        return xg_errors_io("read the directory", dir->path, errno);
    }
    if (dir->place != XG_CUSTODY_AUTHORITY) {
        return XG_EXIT_OK;
    }
    if (status.st_uid != geteuid()) {
        xg_errors_summary("the authority directory belongs to another user (uid %u)", (unsigned)status.st_uid);
        xg_errors_where("%s", dir->path);
        xg_errors_help("whoever owns it can replace the keys: make it yours with chown, or use your own");
        return XG_EXIT_KEY;
    }
    if ((status.st_mode & 077) != 0) {
        xg_errors_summary("the authority directory is open to group or others (mode %03o)",
                          (unsigned)(status.st_mode & 0777));
        xg_errors_where("%s", dir->path);
        xg_errors_help("close it: chmod 700 DIR");
        return XG_EXIT_KEY;
    }
    return XG_EXIT_OK;
}

static bool join(char *path, const char *name)
{
    size_t len = strlen(path);
    int more = snprintf(path + len, XG_CUSTODY_PATH_SIZE - len, "%s%s", len > 0 ? "/" : "", name);
    return more > 0 && (size_t)more < XG_CUSTODY_PATH_SIZE - len;
}

/* Makes name inside dirfd; one that is there already is as good. An errno value. */
static int make_dir(xg_custody_dir *dir, int dirfd, const char *name)
{
    if (mkdirat(dirfd, name, dir_mode(dir->place)) != 0) {
        return errno == EEXIST ? 0 : errno;
    }
    dir->num_made++;
    /* The mode is said here, not left to the umask: the control plane has to read the store. */
    if (fchmodat(dirfd, name, dir_mode(dir->place), 0) != 0) {
        return errno;
    }
    return dirfd == AT_FDCWD || fsync(dirfd) == 0 ? 0 : errno;
}

/* Goes one component down. path is what the user will read; name is what is opened, relative to dir->fd. */
static int step(xg_custody_dir *dir, const char *name, bool is_made, bool *ret_is_absent)
{
    int parent = dir->fd;
    int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | (parent == AT_FDCWD ? 0 : O_NOFOLLOW);
    int error = 0;
    if (!join(dir->path, name)) {
        return xg_errors_io("use the directory", dir->path, ENAMETOOLONG);
    }
    if (is_made) {
        error = make_dir(dir, parent, name);
    }
    dir->fd = error == 0 ? openat(parent, name, flags) : -1;
    error = error == 0 && dir->fd < 0 ? errno : error;
    if (parent >= 0) {
        close(parent);
    }
    if (error == ENOENT && !is_made) {
        *ret_is_absent = true;
        return XG_EXIT_OK;
    }
    if (error != 0) {
        return xg_errors_io(is_made ? "make the directory" : "open the directory", dir->path, error);
    }
    return check_dir(dir);
}

int xg_custody_complete_store(const xg_custody_dir *keys)
{
    struct stat status;
    /* Upwards from a directory that no link led to. */
    if (fstatat(keys->fd, "../../meshes", &status, 0) == 0) {
        return 0;
    }
    if (mkdirat(keys->fd, "../../meshes", 0755) != 0) {
        return errno == EEXIST ? 0 : errno;
    }
    return fchmodat(keys->fd, "../../meshes", 0755, 0) == 0 ? 0 : errno;
}

int xg_custody_open(const char *root, const xg_custody_set *set, xg_custody_place place, bool is_made,
                    xg_custody_dir *ret_dir, bool *ret_is_absent)
{
    const char *whole = set->is_any_mesh ? "any-mesh" : "zone";
    const char *names[4] = {root, set->mesh != NULL ? "meshes" : whole, NULL, NULL};
    size_t num_names = 2;
    bool is_absent = false;
    int code = XG_EXIT_OK;

    if (set->mesh != NULL) {
        names[num_names++] = set->mesh;
    }
    if (place == XG_CUSTODY_STORE) {
        names[num_names++] = "keys";
    }
    *ret_dir = (xg_custody_dir){.fd = AT_FDCWD, .place = place};
    for (size_t i = 0; i < num_names && code == XG_EXIT_OK && !is_absent; i++) {
        code = step(ret_dir, names[i], is_made, &is_absent);
    }
    if (ret_is_absent != NULL) {
        *ret_is_absent = is_absent;
    }
    if (code != XG_EXIT_OK) {
        xg_custody_undo(ret_dir);
    }
    return code;
}

static bool has_suffix(const char *name, const char *suffix, size_t *ret_stem)
{
    size_t len = strlen(name);
    size_t suffix_len = strlen(suffix);
    if (len <= suffix_len || strcmp(name + len - suffix_len, suffix) != 0) {
        return false;
    }
    *ret_stem = len - suffix_len;
    return true;
}

/* The endings of what the two places hold; the longest first. */
static const struct {
    const char *suffix;
    xg_custody_form form;
} FORMS[] = {{".pem.age", XG_CUSTODY_ENCRYPTED}, {".pem", XG_CUSTODY_PLAIN}, {".retired", XG_CUSTODY_RETIRED}};

static const char *suffix_of(xg_custody_form form)
{
    for (size_t i = 0; i < XG_ARRAY_LEN(FORMS); i++) {
        if (FORMS[i].form == form) {
            return FORMS[i].suffix;
        }
    }
    return "";
}

static bool belongs(xg_custody_place place, xg_custody_form form)
{
    return form == XG_CUSTODY_PLAIN || (form == XG_CUSTODY_ENCRYPTED) == (place == XG_CUSTODY_AUTHORITY);
}

static void visit_entry(const xg_custody_dir *dir, const char *name, xg_custody_visit *visit, void *arg)
{
    char kid[XG_KID_MAX + 1];
    size_t stem = 0;
    for (size_t i = 0; i < XG_ARRAY_LEN(FORMS); i++) {
        if (!has_suffix(name, FORMS[i].suffix, &stem)) {
            continue;
        }
        if (belongs(dir->place, FORMS[i].form) && name[0] != '.' && stem <= XG_KID_MAX) {
            memcpy(kid, name, stem);
            kid[stem] = '\0';
            visit(arg, kid, FORMS[i].form);
        }
        return;
    }
}

bool xg_custody_list(const xg_custody_dir *dir, xg_custody_visit *visit, void *arg)
{
    int fd = openat(dir->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
    if (stream == NULL) {
        int error = errno;
        if (fd >= 0) {
            close(fd);
        }
        errno = error;
        return false;
    }
    struct dirent *entry = NULL;
    errno = 0;
    while ((entry = readdir(stream)) != NULL) {
        visit_entry(dir, entry->d_name, visit, arg);
        errno = 0;
    }
    int error = errno;
    closedir(stream);
    errno = error;
    return error == 0;
}

static void count_kid(void *arg, const char *kid, xg_custody_form form)
{
    xg_custody_kids *kids = arg;
    uint64_t serial = 0;
    (void)form;
    kids->has_any = true;
    if (xg_str_to_u64(xg_str_of(kid), UINT64_MAX, &serial) && serial > kids->highest) {
        kids->highest = serial;
    }
}

int xg_custody_scan(const xg_custody_dir *dir, xg_custody_kids *kids)
{
    if (!xg_custody_list(dir, count_kid, kids)) {
        return xg_errors_io("list the directory", dir->path, errno);
    }
    return XG_EXIT_OK;
}

void xg_custody_file_name(const char *kid, xg_custody_form form, char name[XG_CUSTODY_NAME_SIZE])
{
    xg_text text;
    xg_text_init(&text, name, XG_CUSTODY_NAME_SIZE);
    xg_text_add(&text, xg_str_of(kid));
    xg_text_add(&text, xg_str_of(suffix_of(form)));
}

xg_custody_form xg_custody_find(const xg_custody_dir *dir, const char *kid)
{
    char name[XG_CUSTODY_NAME_SIZE];
    struct stat status;
    for (size_t i = 0; i < XG_ARRAY_LEN(FORMS); i++) {
        xg_custody_file_name(kid, FORMS[i].form, name);
        if (belongs(dir->place, FORMS[i].form) && fstatat(dir->fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
            return FORMS[i].form;
        }
    }
    return XG_CUSTODY_ABSENT;
}

bool xg_custody_has(const xg_custody_dir *dir, const char *kid)
{
    return xg_custody_find(dir, kid) != XG_CUSTODY_ABSENT;
}

/* Fills a new file completely, down to the disk. */
static int write_new(int dirfd, const char *name, mode_t mode, const char *bytes, size_t len)
{
    int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return errno;
    }
    int error = fchmod(fd, mode) == 0 ? 0 : errno;
    if (error == 0) {
        error = xg_output_bytes(fd, bytes, len);
    }
    if (error == 0 && fsync(fd) != 0) {
        error = errno;
    }
    if (close(fd) != 0 && error == 0) {
        error = errno;
    }
    return error;
}

/* Moves a file to a name that must not exist. Not every file system knows RENAME_NOREPLACE; a hard link refuses too. */
static int rename_new(int dirfd, const char *from, const char *to)
{
    if (renameat2(dirfd, from, dirfd, to, RENAME_NOREPLACE) == 0) {
        return 0;
    }
    if (errno != EINVAL && errno != ENOSYS) {
        return errno;
    }
    if (linkat(dirfd, from, dirfd, to, 0) != 0) {
        return errno;
    }
    if (unlinkat(dirfd, from, 0) != 0) {
        int error = errno;
        unlinkat(dirfd, to, 0);
        return error;
    }
    return 0;
}

int xg_custody_put(const xg_custody_dir *dir, const char *kid, xg_custody_form form, const char *bytes, size_t len)
{
    char temporary[NAME_SIZE];
    char name[XG_CUSTODY_NAME_SIZE];
    mode_t mode = dir->place == XG_CUSTODY_AUTHORITY ? 0600 : 0644;
    /* The dot keeps it out of what the plugin reads. */
    snprintf(temporary, sizeof(temporary), ".%s.%08x%08x", kid, randombytes_random(), randombytes_random());
    xg_custody_file_name(kid, form, name);
    int error = write_new(dir->fd, temporary, mode, bytes, len);
    if (error == EEXIST) {
        return EIO; /* 64 random bits repeated: not the kid's fault */
    }
    if (error == 0) {
        error = rename_new(dir->fd, temporary, name);
    }
    if (error != 0) {
        unlinkat(dir->fd, temporary, 0);
        return error;
    }
    if (fsync(dir->fd) != 0) {
        error = errno;
        unlinkat(dir->fd, name, 0); /* what may not outlive a crash is not there */
    }
    return error;
}

int xg_custody_remove(const xg_custody_dir *dir, const char *kid, xg_custody_form form)
{
    char name[XG_CUSTODY_NAME_SIZE];
    xg_custody_file_name(kid, form, name);
    return unlinkat(dir->fd, name, 0) == 0 && fsync(dir->fd) == 0 ? 0 : errno;
}

int xg_custody_retire(const xg_custody_dir *dir, const char *kid)
{
    char from[XG_CUSTODY_NAME_SIZE];
    char to[XG_CUSTODY_NAME_SIZE];
    xg_custody_file_name(kid, XG_CUSTODY_PLAIN, from);
    xg_custody_file_name(kid, XG_CUSTODY_RETIRED, to);
    /* In one step: there is no moment at which the kid is unknown, or both. */
    return renameat(dir->fd, from, dir->fd, to) == 0 && fsync(dir->fd) == 0 ? 0 : errno;
}
