/* SPDX-License-Identifier: Apache-2.0 */
/*
 * revoked_lines.h: the text of a revocation list, entry by entry, with the place of each.
 *
 * The plugin's parser (keys/revocations.c) says what a list means; this says where in the text it says so, and changes
 * the text without touching what it was not asked to change. Thread rule: works on the caller's memory only.
 */
#ifndef XDSGATE_REVOKED_LINES_H
#define XDSGATE_REVOKED_LINES_H

#include "xdsgate/keys.h"

typedef enum xg_revoked_kind {
    XG_REVOKED_JTI = 1,
    XG_REVOKED_KID = 2,
    XG_REVOKED_NAME = 3,
    XG_REVOKED_WORKLOAD = 4,
    XG_REVOKED_ISSUED_BEFORE = 5,
    XG_REVOKED_NO_JTI = 6 /* an empty element: tokens without jti */
} xg_revoked_kind;

typedef struct xg_revoked_entry {
    xg_revoked_kind kind;
    xg_str value;    /* as it stands in the text; empty for XG_REVOKED_NO_JTI */
    int64_t seconds; /* of XG_REVOKED_ISSUED_BEFORE */
    size_t line;     /* from 1; 0 when it comes from no text */
} xg_revoked_entry;

/* "jti", "kid", "name", "workload", "issued-before", "no-jti" */
const char *xg_revoked_lines_kind_name(xg_revoked_kind kind);
/* Adds the line that an entry makes, without its end. */
void xg_revoked_lines_write(const xg_revoked_entry *entry, xg_text *text);
/* Room for the longest such line. */
#define XG_REVOKED_LINE_SIZE 320

/* Every entry of a list that the plugin's parser accepts, in order, until visit returns false. */
typedef bool xg_revoked_lines_visit(void *arg, const xg_revoked_entry *entry);
void xg_revoked_lines_each(xg_str list, xg_revoked_lines_visit *visit, void *arg);
/* Both say the same, wherever they stand. */
bool xg_revoked_lines_is_same(const xg_revoked_entry *a, const xg_revoked_entry *b);

/* Whether the entry, on a line of its own, is read back by the plugin's parser as just that; otherwise why not. */
bool xg_revoked_lines_is_valid(const xg_revoked_entry *entry, xg_text *reterr);
/* Whether what the entry revokes is revoked by the list, as the plugin matches. */
bool xg_revoked_lines_is_covered(const xg_revocations *list, const xg_revoked_entry *entry);

/*
 * The list with the comment (may be empty) and the entries behind it, or without every entry that is one of them. What
 * stood there stays byte for byte. Allocated (free with free); NULL: memory ran out. *ret_num_removed counts.
 */
char *xg_revoked_lines_add(xg_str list, xg_str comment, const xg_revoked_entry *entries, size_t num_entries,
                           size_t *ret_len) XG_MUST_USE;
char *xg_revoked_lines_remove(xg_str list, const xg_revoked_entry *entries, size_t num_entries, size_t *ret_len,
                              size_t *ret_num_removed) XG_MUST_USE;

#endif /* XDSGATE_REVOKED_LINES_H */
