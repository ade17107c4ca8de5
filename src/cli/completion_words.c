/* SPDX-License-Identifier: Apache-2.0 */
/*
 * completion_words.c: names of meshes and keys for the completion scripts.
 *
 * It runs while somebody types, so it must never open a file, ask anything, or write to stderr: it lists directories
 * alone. One thread.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "completion.h"

/* More than anybody reads. */
#define NAMES_MAX 10000

/* What the unfinished line says already. */
typedef struct line {
    char store[XG_CUSTODY_PATH_SIZE];
    char authority[XG_CUSTODY_PATH_SIZE];
    char mesh[XG_MESH_NAME_MAX + 1];
    const char *whole; /* "zone" or "any-mesh" */
} line;

typedef struct listing {
    const char *prefix;
    size_t num;
} listing;

/* A word as the shell has it, with its quotes and a tilde, as a path. One that does not fit is left out. */
static void unquote(char *place, size_t cap, const char *word)
{
    const char *home = secure_getenv("HOME");
    size_t len = 0;
    if (strncmp(word, "~/", 2) == 0 && home != NULL && strlen(home) < cap) {
        len = strlen(home);
        memcpy(place, home, len);
        word++;
    }
    for (; *word != '\0' && len + 1 < cap; word++) {
        if (*word == '\\' && word[1] != '\0') {
            place[len++] = *++word;
        } else if (*word != '\'' && *word != '"') {
            place[len++] = *word;
        }
    }
    place[*word == '\0' ? len : 0] = '\0';
}

/* The value of a flag: in the same word, in the next, or, as bash takes it apart, behind a word "=". */
static const char *value_of(const char *name, int argc, char **argv, int at)
{
    size_t len = strlen(name);
    if (strncmp(argv[at], name, len) != 0) {
        return NULL;
    }
    if (argv[at][len] == '=') {
        return argv[at] + len + 1;
    }
    if (argv[at][len] != '\0' || at + 1 >= argc) {
        return NULL;
    }
    return strcmp(argv[at + 1], "=") == 0 && at + 2 < argc ? argv[at + 2] : argv[at + 1];
}

static void take(char *place, size_t cap, const char *value)
{
    if (value != NULL) {
        unquote(place, cap, value);
    }
}

static void read_line(int argc, char **argv, line *ret_line)
{
    *ret_line = (line){0};
    for (int i = 0; i < argc; i++) {
        take(ret_line->store, sizeof(ret_line->store), value_of("--store", argc, argv, i));
        take(ret_line->authority, sizeof(ret_line->authority), value_of("--authority", argc, argv, i));
        take(ret_line->mesh, sizeof(ret_line->mesh), value_of("--mesh", argc, argv, i));
        take(ret_line->mesh, sizeof(ret_line->mesh), value_of("-m", argc, argv, i));
        if (strcmp(argv[i], "--for-zone") == 0) {
            ret_line->whole = "zone";
        } else if (strcmp(argv[i], "--any-mesh") == 0) {
            ret_line->whole = "any-mesh";
        }
    }
}

static void offer(listing *list, const char *name)
{
    if (strncmp(name, list->prefix, strlen(list->prefix)) == 0 && list->num < NAMES_MAX) {
        puts(name);
        list->num++;
    }
}

static void offer_kid(void *arg, const char *kid, xg_custody_form form)
{
    if (form != XG_CUSTODY_RETIRED && xg_custody_is_name(kid, XG_KID_MAX)) {
        offer(arg, kid);
    }
}

static void list_meshes(const char *path, listing *list)
{
    DIR *stream = opendir(path);
    for (struct dirent *entry = NULL; stream != NULL && (entry = readdir(stream)) != NULL;) {
        bool may_be_dir = entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN || entry->d_type == DT_LNK;
        if (may_be_dir && xg_custody_is_name(entry->d_name, XG_MESH_NAME_MAX)) {
            offer(list, entry->d_name);
        }
    }
    if (stream != NULL) {
        closedir(stream);
    }
}

static void list_kids(const char *path, xg_custody_place place, listing *list)
{
    xg_custody_dir dir = {.place = place};
    dir.fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir.fd >= 0) {
        (void)xg_custody_list(&dir, offer_kid, list);
        close(dir.fd);
    }
}

/* The directory below root; false if it is not known yet, or too long. */
static bool join(xg_text *path, const char *root, const line *from, bool is_mesh_list, xg_custody_place place)
{
    xg_text_add(path, xg_str_of(root));
    if (is_mesh_list) {
        xg_text_add(path, XG_STR("/meshes"));
    } else if (from->whole != NULL) {
        xg_text_printf(path, "/%s", from->whole);
    } else if (xg_custody_is_name(from->mesh, XG_MESH_NAME_MAX)) {
        xg_text_printf(path, "/meshes/%s", from->mesh);
    } else {
        return false;
    }
    if (!is_mesh_list && place == XG_CUSTODY_STORE) {
        xg_text_add(path, XG_STR("/keys"));
    }
    return !path->is_cut;
}

int xg_completion_words(int argc, char **argv)
{
    char storage[2 * XG_CUSTODY_PATH_SIZE];
    line from;
    xg_text path;
    if (argc < 2) {
        return XG_EXIT_USAGE;
    }
    bool is_mesh_list = strcmp(argv[0], "mesh") == 0;
    listing list = {.prefix = argv[1]};
    read_line(argc - 2, argv + 2, &from);
    xg_custody_place place = from.store[0] != '\0' ? XG_CUSTODY_STORE : XG_CUSTODY_AUTHORITY;
    const char *root = place == XG_CUSTODY_STORE ? from.store : from.authority;
    xg_text_init(&path, storage, sizeof(storage));
    if (root[0] == '\0' || !join(&path, root, &from, is_mesh_list, place)) {
        return XG_EXIT_NO;
    }
    if (is_mesh_list) {
        list_meshes(storage, &list);
    } else if (strcmp(argv[0], "kid") == 0) {
        list_kids(storage, place, &list);
    }
    return list.num > 0 ? XG_EXIT_OK : XG_EXIT_NO;
}
