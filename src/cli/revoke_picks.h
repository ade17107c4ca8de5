/* SPDX-License-Identifier: Apache-2.0 */
/*
 * revoke_picks.h: what the `revoke` commands share: which set, which entries, the token in a file, the change itself.
 *
 * Thread rule: one thread.
 */
#ifndef XDSGATE_REVOKE_PICKS_H
#define XDSGATE_REVOKE_PICKS_H

#include "revoked_file.h"
#include "revoked_lines.h"

struct json_t;

/* The rows that say which set; to be put first. */
#define XG_REVOKE_SET_FLAGS                                                                                            \
    {"store", "DIR", "where xdsgate.so reads keys and lists; required", NULL, 0, false},                               \
        {"mesh", "NAME", "the list for dataplane tokens of this mesh", NULL, 'm', false},                              \
        {"for-zone", NULL, "the list for zone tokens", NULL, 0, false},                                                \
    {                                                                                                                  \
        "any-mesh", NULL, "the list for dataplane tokens of every mesh", NULL, 0, false                                \
    }

/* The rows that say which entries. */
#define XG_REVOKE_PICK_FLAGS                                                                                           \
    {"jti", "ID", "id of a token; repeatable", NULL, 0, true},                                                         \
        {"kid", "KID", "every token that this key signed; repeatable", NULL, 0, true},                                 \
        {"name", "NAME", "every token bound to this Dataplane name; repeatable", NULL, 0, true},                       \
        {"workload", "NAME", "every token bound to this workload; repeatable", NULL, 0, true},                         \
        {"issued-before", "TIME", "every older token: 2026-11-01T00:00:00Z, or seconds since 1970", NULL, 0, false},   \
    {                                                                                                                  \
        "no-jti", NULL, "every token that has no jti", NULL, 0, false                                                  \
    }

/* Reads --store, --mesh, --for-zone and, where the command has it, --any-mesh. Reports. XG_EXIT_OK or XG_EXIT_USAGE. */
int xg_revoke_picks_set(const xg_args *args, xg_revoked_set *ret_set);

/* A token that was read, to be looked at: claims and all, in memory that is wiped. */
typedef struct xg_revoke_token {
    xg_secret secret;
    xg_jws jws;
    xg_header header;
    xg_claims claims;
} xg_revoke_token;

/* Reads a token of the set's kind and, for a mesh, of that mesh. Its signature is not looked at. Reports. */
int xg_revoke_picks_token(const char *path, const xg_revoked_set *set, xg_revoke_token *ret_token);
void xg_revoke_picks_token_done(xg_revoke_token *token);

typedef struct xg_revoke_picks {
    size_t num;
    xg_revoked_entry items[XG_ARGS_MAX + 1];
    char time[XG_CLOCK_TEXT_SIZE];
    char jti[XG_JTI_MAX + 1]; /* of --token-file */
} xg_revoke_picks;

/* The entries that the flags name, each once and each valid. Reports. */
int xg_revoke_picks_read(const xg_args *args, const xg_revoked_set *set, xg_revoke_picks *ret_picks);
/* Reads the comment that --reason asks for: date and text; empty without. Reports. */
#define XG_REVOKE_COMMENT_SIZE 320
int xg_revoke_picks_reason(const xg_args *args, char comment[XG_REVOKE_COMMENT_SIZE]);

/* A document about a change: xdsgate.revoke/1. Entries are put in with xg_revoke_picks_tell. NULL: no memory. */
struct json_t *xg_revoke_picks_document(const char *action, const xg_revoked_file *file, bool is_dry_run);
void xg_revoke_picks_tell(struct json_t *document, const xg_revoked_entry *entry, const char *result);

/* What a command does with the entries that were picked; it may drop some. Reports. */
typedef int xg_revoke_picks_change(const xg_args *args, const xg_revoked_set *set, const xg_revoked_file *file,
                                   xg_revoke_picks *picks, struct json_t *document);
/* Reads set and entries, opens the list, calls change, prints the document. action names it there. Returns the exit
 * code. */
int xg_revoke_picks_run(const xg_args *args, const char *action, xg_revoke_picks_change *change);

#endif /* XDSGATE_REVOKE_PICKS_H */
