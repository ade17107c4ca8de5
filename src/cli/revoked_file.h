/* SPDX-License-Identifier: Apache-2.0 */
/*
 * revoked_file.h: the file `revoked` of one set of a store: read, and replaced as a whole.
 *
 * Thread rule: one thread; several processes may change one list at once.
 */
#ifndef XDSGATE_REVOKED_FILE_H
#define XDSGATE_REVOKED_FILE_H

#include <sys/stat.h>

#include "cli.h"
#include "xdsgate/keys.h"

typedef struct xg_revoked_set {
    const char *folder; /* "zone", "any-mesh" or "meshes" */
    const char *mesh;   /* inside "meshes"; else NULL */
} xg_revoked_set;

typedef struct xg_revoked_file {
    int dirfd;  /* the set's directory */
    int lockfd; /* -1: not locked */
    bool is_there;
    struct stat status; /* of what was read */
    char *text;         /* NULL when there was no list */
    size_t len;
    xg_revocations *list; /* the text as the plugin reads it; NULL when there was no list */
    char label[XG_MESH_NAME_MAX + 16];
    char path[XG_CUSTODY_PATH_SIZE];
} xg_revoked_file;

/* "mesh/m", "zone", "any-mesh": as the documents of other commands name sets. */
void xg_revoked_file_label(const xg_revoked_set *set, char *storage, size_t cap);

/*
 * Reads the list of a set, which may have none. No symbolic link below the store is followed; a list that the plugin
 * would refuse is refused. with_lock: nobody else that asks for the lock changes it until it is closed. Reports.
 */
int xg_revoked_file_open(const char *store, const xg_revoked_set *set, bool with_lock, xg_revoked_file *ret_file);
/*
 * Reads the list as the plugin does, links below the store and all: to look at, never to replace. *ret_is_absent (NULL:
 * that is reported) is set, with XG_EXIT_OK, when the store has no such set. Reports the rest.
 */
int xg_revoked_file_look(const char *store, const xg_revoked_set *set, xg_revoked_file *ret_file, bool *ret_is_absent);
/*
 * Puts new text, which the plugin's parser accepts, in the list's place: whole and on the disk, or everything is as it
 * was. Owner and mode stay; a new file gets 0644. Only while locked. Reports.
 */
int xg_revoked_file_replace(const xg_revoked_file *file, const char *text, size_t len);
void xg_revoked_file_close(xg_revoked_file *file);
/* Parses as the plugin does. On failure the sentence with the line is in reterr. */
xg_result xg_revoked_file_parse(xg_str text, xg_revocations **ret_list, xg_text *reterr);

#endif /* XDSGATE_REVOKED_FILE_H */
