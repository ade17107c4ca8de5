/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger_db.h: what the files of the ledger share: the open database and how its failures are told. Room:
 * src/authority.
 *
 * Nobody outside the ledger includes it. Thread rule: a ledger belongs to one thread.
 */
#ifndef XDSGATE_LEDGER_DB_H
#define XDSGATE_LEDGER_DB_H

#include <sqlite3.h>

#include "xdsgate/ledger.h"

struct xg_ledger {
    sqlite3 *db;
    char *path; /* as it was given: for reports */
};

/* ---- ledger_db.c: the file and the connection ---- */

/* What SQLite said last about the ledger, as "cannot <action>: …". Returns false. */
bool xg_ledger_db_fail(const xg_ledger *ledger, const char *action, xg_trouble *trouble);
/* Statements without values, all of them constants of this program. */
bool xg_ledger_db_run(const xg_ledger *ledger, const char *action, const char *sql, xg_trouble *trouble) XG_MUST_USE;
/* NULL on failure, with the trouble told. */
sqlite3_stmt *xg_ledger_db_prepare(const xg_ledger *ledger, const char *action, const char *sql, xg_trouble *trouble);
bool xg_ledger_db_begin(const xg_ledger *ledger, const char *action, xg_trouble *trouble) XG_MUST_USE;
/* Commits when is_good, and otherwise undoes; false when either it was not good or could not be committed. */
bool xg_ledger_db_end(const xg_ledger *ledger, const char *action, bool is_good, xg_trouble *trouble) XG_MUST_USE;
/* Binds text as it is; one without bytes is the empty text, never NULL. SQLITE_OK or SQLite's code. */
int xg_ledger_db_bind(sqlite3_stmt *statement, int position, xg_str text);
xg_str xg_ledger_db_text(sqlite3_stmt *statement, int column);

/* ---- ledger_schema.c: the tables ---- */

bool xg_ledger_schema_make(const xg_ledger *ledger, xg_trouble *trouble) XG_MUST_USE;
/* Refuses what is not a ledger, or one of another version, or one whose tables somebody changed. */
bool xg_ledger_schema_check(const xg_ledger *ledger, xg_trouble *trouble) XG_MUST_USE;

#endif /* XDSGATE_LEDGER_DB_H */
