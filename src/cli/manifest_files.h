/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest_files.h: the directory that `mint manifest` writes into. Room: src/cli.
 *
 * Every file appears whole or not at all. Thread rule: one thread.
 */
#ifndef XDSGATE_CLI_MANIFEST_FILES_H
#define XDSGATE_CLI_MANIFEST_FILES_H

#include "cli.h"

typedef struct xg_manifest_files {
    int fd;
    const char *path;
    bool is_made; /* by this run */
} xg_manifest_files;

/*
 * Opens the directory; it must be ours and closed to writers. With is_made it is made, with mode 700, if it is not
 * there, and nobody else may write into it at the same time. Without is_made one that is not there is fd -1. Reports.
 */
int xg_manifest_files_open(const char *path, bool is_made, xg_manifest_files *ret_files);
/* Closes it, and removes it again if this run made it and nothing is in it. */
void xg_manifest_files_close(xg_manifest_files *files);
/* Nobody else may do the same here at the same time. Reports; XG_EXIT_IO when somebody does. */
int xg_manifest_files_lock(const char *dir, int *ret_lock_fd);

/* SHA-256 of a token file in hexadecimal, line ends around it left out; empty when there is none or it is. Reports. */
int xg_manifest_files_fingerprint(const xg_manifest_files *files, const char *name,
                                  char text[XG_OUTPUT_FINGERPRINT_SIZE]);
/* The token of a file, in guarded memory; empty when there is none. Reports. */
int xg_manifest_files_token(const xg_manifest_files *files, const char *name, xg_secret *ret_token);

typedef enum xg_manifest_state {
    XG_MANIFEST_ABSENT = 1,
    XG_MANIFEST_SAME,
    XG_MANIFEST_STALE, /* the same but for its data.token line */
    XG_MANIFEST_OTHER  /* there is something else under that name */
} xg_manifest_state;
int xg_manifest_files_compare(const xg_manifest_files *files, const char *name, xg_str bytes,
                              xg_manifest_state *ret_state);
/* Writes a file, in place of one that is there. Durable after xg_manifest_files_sync. Reports. */
int xg_manifest_files_write(const xg_manifest_files *files, const char *name, mode_t mode, xg_str bytes);
int xg_manifest_files_sync(const xg_manifest_files *files);

#endif /* XDSGATE_CLI_MANIFEST_FILES_H */
