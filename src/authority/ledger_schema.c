/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger_schema.c: the ledger's tables, and whether a file has them.
 *
 * Owns the numbers by which a ledger is known. A released statement never changes: a change is a new version. Must
 * never change a file that it did not make. Thread rule: a ledger belongs to one thread.
 */
#include <stdio.h>

#include "ledger_db.h"

#define APPLICATION 2019849068 /* "xdsl": what file(1) and SQLite's own tools show */
#define VERSION     1

/* What SQLite keeps of a statement is its text, so that the text can be compared. */
static const char *const STATEMENTS[] = {
    ("CREATE TABLE mint (id INTEGER PRIMARY KEY AUTOINCREMENT,"
     " purpose TEXT NOT NULL CHECK (purpose IN ('dataplane', 'zone')),"
     " mesh TEXT NOT NULL, zone TEXT NOT NULL, name TEXT NOT NULL, workload TEXT NOT NULL, tags TEXT NOT NULL,"
     " jti TEXT NOT NULL CHECK (jti <> ''), kid TEXT NOT NULL CHECK (kid <> ''),"
     " key TEXT NOT NULL CHECK (length(key) = 64), claims TEXT NOT NULL CHECK (claims <> ''),"
     " fingerprint TEXT NOT NULL CHECK (length(fingerprint) = 64), origin TEXT NOT NULL CHECK (origin <> ''),"
     " minted_at INTEGER NOT NULL, issued_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,"
     " UNIQUE (jti, fingerprint)) STRICT"),
    /* Each index costs every mint; what has none is found by reading the table. */
    "CREATE INDEX mint_key_expires ON mint (key, expires_at)",
    "CREATE INDEX mint_expires ON mint (expires_at)",
    ("CREATE TABLE signing_key (key_set TEXT NOT NULL CHECK (key_set <> ''), kid TEXT NOT NULL CHECK (kid <> ''),"
     " key TEXT NOT NULL CHECK (length(key) = 64), state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 4),"
     " since INTEGER NOT NULL, PRIMARY KEY (key_set, kid)) STRICT, WITHOUT ROWID"),
    "CREATE UNIQUE INDEX signing_key_signing ON signing_key (key_set) WHERE state = 2",
};

bool xg_ledger_schema_make(const xg_ledger *ledger, xg_trouble *trouble)
{
    static const char ACTION[] = "make the ledger";
    char numbers[96];
    snprintf(numbers, sizeof(numbers), "PRAGMA application_id = %d; PRAGMA user_version = %d", APPLICATION, VERSION);
    if (!xg_ledger_db_begin(ledger, ACTION, trouble)) {
        return false;
    }
    bool is_good = xg_ledger_db_run(ledger, ACTION, numbers, trouble);
    for (size_t i = 0; is_good && i < XG_ARRAY_LEN(STATEMENTS); i++) {
        is_good = xg_ledger_db_run(ledger, ACTION, STATEMENTS[i], trouble);
    }
    return xg_ledger_db_end(ledger, ACTION, is_good, trouble);
}

static bool read_number(const xg_ledger *ledger, const char *sql, int64_t *ret_number, xg_trouble *trouble)
{
    static const char ACTION[] = "read the ledger";
    sqlite3_stmt *statement = xg_ledger_db_prepare(ledger, ACTION, sql, trouble);
    if (statement == NULL) {
        return false;
    }
    bool is_good = sqlite3_step(statement) == SQLITE_ROW;
    *ret_number = is_good ? sqlite3_column_int64(statement, 0) : 0;
    is_good = is_good || xg_ledger_db_fail(ledger, ACTION, trouble);
    (void)sqlite3_finalize(statement);
    return is_good;
}

static bool is_ours(xg_str sql)
{
    for (size_t i = 0; i < XG_ARRAY_LEN(STATEMENTS); i++) {
        if (xg_str_eq(sql, xg_str_of(STATEMENTS[i]))) {
            return true;
        }
    }
    return false;
}

/* An index or trigger that somebody added could keep a mint from being recorded, or change it: all or none are ours. */
static bool check_tables(const xg_ledger *ledger, xg_trouble *trouble)
{
    static const char ACTION[] = "read the ledger";
    size_t num_ours = 0;
    size_t num_others = 0;
    int code = SQLITE_ROW;
    sqlite3_stmt *statement = xg_ledger_db_prepare(
        ledger, ACTION, "SELECT sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'", trouble);
    if (statement == NULL) {
        return false;
    }
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
        if (is_ours(xg_ledger_db_text(statement, 0))) {
            num_ours++;
        } else {
            num_others++;
        }
    }
    bool is_good = code == SQLITE_DONE || xg_ledger_db_fail(ledger, ACTION, trouble);
    (void)sqlite3_finalize(statement);
    if (is_good && (num_ours != XG_ARRAY_LEN(STATEMENTS) || num_others > 0)) {
        xg_trouble_say(trouble, XG_TROUBLE_IO, "the ledger is damaged");
        xg_trouble_where(trouble, "%s", ledger->path);
        xg_trouble_note(trouble, "expected %zu tables and indexes of xdsgate, found %zu and %zu of others",
                        XG_ARRAY_LEN(STATEMENTS), num_ours, num_others);
        return xg_trouble_help(trouble, "take it from a backup; until then nothing is minted");
    }
    return is_good;
}

bool xg_ledger_schema_check(const xg_ledger *ledger, xg_trouble *trouble)
{
    int64_t application = 0;
    int64_t version = 0;
    if (!read_number(ledger, "PRAGMA application_id", &application, trouble) ||
        !read_number(ledger, "PRAGMA user_version", &version, trouble)) {
        return false;
    }
    if (application != APPLICATION) {
        xg_trouble_say(trouble, XG_TROUBLE_IO, "this is not a ledger");
        xg_trouble_where(trouble, "%s", ledger->path);
        xg_trouble_note(trouble, "it is an SQLite file of another program (application_id %lld)",
                        (long long)application);
        return xg_trouble_help(trouble, "check the path");
    }
    if (version > VERSION) {
        xg_trouble_say(trouble, XG_TROUBLE_IO, "the ledger was made by a newer xdsgate");
        xg_trouble_where(trouble, "%s", ledger->path);
        xg_trouble_note(trouble, "its version is %lld; this program knows %d", (long long)version, VERSION);
        return xg_trouble_help(trouble, "use that xdsgate");
    }
    return check_tables(ledger, trouble); /* a version before 1 never was: its tables are missing */
}

bool xg_ledger_check(xg_ledger *ledger, xg_trouble *trouble)
{
    static const char ACTION[] = "check the ledger";
    sqlite3_stmt *statement = xg_ledger_db_prepare(ledger, ACTION, "PRAGMA integrity_check(1)", trouble);
    if (statement == NULL) {
        return false;
    }
    bool is_good = true;
    if (sqlite3_step(statement) != SQLITE_ROW) {
        is_good = xg_ledger_db_fail(ledger, ACTION, trouble);
    } else if (!xg_str_eq(xg_ledger_db_text(statement, 0), XG_STR("ok"))) {
        xg_trouble_say(trouble, XG_TROUBLE_IO, "the ledger is damaged");
        xg_trouble_where(trouble, "%s", ledger->path);
        xg_trouble_note(trouble, "%s", xg_ledger_db_text(statement, 0).ptr);
        is_good = xg_trouble_help(trouble, "take it from a backup; until then nothing is minted");
    }
    (void)sqlite3_finalize(statement);
    return is_good;
}
