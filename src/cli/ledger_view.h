/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger_view.h: what the commands that look into the ledger share. Room: src/cli.
 *
 * Thread rule: one thread.
 */
#ifndef XDSGATE_LEDGER_VIEW_H
#define XDSGATE_LEDGER_VIEW_H

#include "cli.h"
#include "xdsgate/ledger.h"

struct json_t;

#define XG_LEDGER_VIEW_SCHEMA "xdsgate.ledger/1"

/* Where the ledger is, and what time it is. */
#define XG_LEDGER_VIEW_PLACE                                                                                           \
    {"authority", "DIR", "the authority whose ledger it is: DIR/ledger.db", NULL, 0, false},                           \
        {"ledger", "FILE", "the ledger itself, instead of --authority", NULL, 0, false},                               \
    {                                                                                                                  \
        "now", "UNIX", "look as if it were this time", NULL, 0, false                                                  \
    }

/* Which entries, by what is bound in them and who asked for them. */
#define XG_LEDGER_VIEW_FILTERS                                                                                         \
    {"mesh", "MESH", "only tokens of this mesh", NULL, 0, false},                                                      \
        {"zone", "ZONE", "only zone tokens of this zone", NULL, 0, false},                                             \
        {"kid", "KID", "only tokens signed with this kid", NULL, 0, false},                                            \
        {"workload", "WORKLOAD", "only tokens bound to this workload", NULL, 0, false},                                \
        {"name", "NAME", "only tokens bound to this name", NULL, 0, false},                                            \
        {"jti", "JTI", "only the token with this id", NULL, 0, false},                                                 \
        {"purpose", "PURPOSE", "dataplane or zone", NULL, 0, false},                                                   \
        {"origin", "ORIGIN", "what asked for them: mint, generate, manifest:ZONE", NULL, 0, false},                    \
    {                                                                                                                  \
        "limit", "N", "at most so many: the newest, or the first to expire", NULL, 0, false                            \
    }

/* One look into the ledger. */
typedef struct xg_ledger_view {
    xg_ledger *ledger;
    xg_ledger_filter filter; /* slices borrow from the arguments */
    int64_t now;
    char path[XG_CUSTODY_PATH_SIZE];
} xg_ledger_view;

/*
 * Reads the flags and opens the ledger, which is checked as a whole: what is not in a damaged one proves nothing.
 * Reports; XG_EXIT_OK, _USAGE or _IO. To be released with xg_ledger_view_close, on failure too.
 */
int xg_ledger_view_open(const xg_args *args, xg_ledger_view *ret_view);
void xg_ledger_view_close(xg_ledger_view *view);
/* One entry as a JSON object, as it stands in every kind of output; NULL when memory ran out. */
struct json_t *xg_ledger_view_row(const xg_ledger_view *view, const xg_ledger_entry *entry);
/* All that the filter lets through, as an array to be released. Reports. */
int xg_ledger_view_gather(xg_ledger_view *view, struct json_t **ret_rows);
/* Prints rows in the format of -o: columns for people, with `nothing` when there are none, or a document. */
void xg_ledger_view_print(const xg_ledger_view *view, xg_output_format format, const struct json_t *rows,
                          const char *nothing);
/* Prints rows as a document of the schema. */
void xg_ledger_view_document(const xg_ledger_view *view, xg_output_format format, const struct json_t *rows);
/* "in 6d 3h", "5m 2s ago". */
void xg_ledger_view_distance(int64_t now, int64_t then, xg_text *text);

#endif /* XDSGATE_LEDGER_VIEW_H */
