/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger_keys.c: in which state of its life each signing key is.
 *
 * Must never let two keys of a set sign, nor one kid name two keys. Which step may follow which is for the command
 * line to say. Thread rule: a ledger belongs to one thread.
 */
#include <stdio.h>

#include "ledger_db.h"

static const char PUT[] = "write the states of the keys into the ledger";
static const char READ[] = "read the keys of the ledger";

static const char *const STATES[] = {
    [XG_LEDGER_UNKNOWN] = "unknown",   [XG_LEDGER_PUBLISHED] = "published", [XG_LEDGER_SIGNING] = "signing",
    [XG_LEDGER_DRAINING] = "draining", [XG_LEDGER_RETIRED] = "retired",
};

const char *xg_ledger_state_name(xg_ledger_state state)
{
    return (size_t)state < XG_ARRAY_LEN(STATES) ? STATES[state] : STATES[XG_LEDGER_UNKNOWN];
}

static bool is_key(const xg_ledger_key *key)
{
    return key->set.len > 0 && key->kid.len > 0 && key->key.len == XG_LEDGER_FINGERPRINT_SIZE - 1 &&
           xg_str_is_clean(key->set) && xg_str_is_clean(key->kid) && xg_str_is_clean(key->key) &&
           key->state >= XG_LEDGER_PUBLISHED && key->state <= XG_LEDGER_RETIRED;
}

static bool refuse(const xg_ledger *ledger, const xg_ledger_key *key, bool is_other, xg_trouble *trouble)
{
    if (is_other) {
        xg_trouble_say(trouble, XG_TROUBLE_KEY, "kid '%.*s' of %.*s already names another key", (int)key->kid.len,
                       key->kid.ptr, (int)key->set.len, key->set.ptr);
        xg_trouble_help(trouble, "a kid is never used again: take another");
    } else {
        xg_trouble_say(trouble, XG_TROUBLE_KEY, "%.*s already has a key that signs", (int)key->set.len, key->set.ptr);
        xg_trouble_help(trouble, "one key of a set signs: let the other drain first");
    }
    return xg_trouble_where(trouble, "%s", ledger->path);
}

/* One key. The row stays as it is, and no row changes, where the kid names another key already. */
static bool put_key(const xg_ledger *ledger, sqlite3_stmt *statement, const xg_ledger_key *key, xg_trouble *trouble)
{
    bool is_bound = xg_ledger_db_bind(statement, 1, key->set) == SQLITE_OK &&
                    xg_ledger_db_bind(statement, 2, key->kid) == SQLITE_OK &&
                    xg_ledger_db_bind(statement, 3, key->key) == SQLITE_OK &&
                    sqlite3_bind_int64(statement, 4, (int64_t)key->state) == SQLITE_OK &&
                    sqlite3_bind_int64(statement, 5, key->since) == SQLITE_OK;
    if (!is_bound) {
        return xg_ledger_db_fail(ledger, PUT, trouble);
    }
    if (sqlite3_step(statement) != SQLITE_DONE) {
        bool is_second = sqlite3_extended_errcode(ledger->db) == SQLITE_CONSTRAINT_UNIQUE;
        return is_second ? refuse(ledger, key, false, trouble) : xg_ledger_db_fail(ledger, PUT, trouble);
    }
    bool is_changed = sqlite3_changes(ledger->db) == 1;
    if (sqlite3_reset(statement) != SQLITE_OK) {
        return xg_ledger_db_fail(ledger, PUT, trouble);
    }
    return is_changed || refuse(ledger, key, true, trouble);
}

/* Those that sign come last: the one before them has stopped by then, whatever the order they were given in. */
static bool put_all(const xg_ledger *ledger, sqlite3_stmt *statement, const xg_ledger_key *keys, size_t num_keys,
                    xg_trouble *trouble)
{
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < num_keys; i++) {
            if ((keys[i].state == XG_LEDGER_SIGNING) == (pass == 1) && !put_key(ledger, statement, &keys[i], trouble)) {
                return false;
            }
        }
    }
    return true;
}

bool xg_ledger_put_keys(xg_ledger *ledger, const xg_ledger_key *keys, size_t num_keys, xg_trouble *trouble)
{
    for (size_t i = 0; i < num_keys; i++) {
        if (!is_key(&keys[i])) {
            xg_trouble_say(trouble, XG_TROUBLE_INPUT, "cannot %s: a key is not what a ledger holds", PUT);
            return xg_trouble_where(trouble, "%s", ledger->path);
        }
    }
    if (!xg_ledger_db_begin(ledger, PUT, trouble)) {
        return false;
    }
    sqlite3_stmt *statement =
        xg_ledger_db_prepare(ledger, PUT,
                             "INSERT INTO signing_key (key_set, kid, key, state, since) VALUES (?, ?, ?, ?, ?) "
                             "ON CONFLICT (key_set, kid) DO UPDATE SET state = excluded.state, since = excluded.since "
                             "WHERE key = excluded.key",
                             trouble);
    bool is_good = statement != NULL && put_all(ledger, statement, keys, num_keys, trouble);
    (void)sqlite3_finalize(statement);
    return xg_ledger_db_end(ledger, PUT, is_good, trouble);
}

bool xg_ledger_each_key(xg_ledger *ledger, xg_str set, xg_ledger_visit_key *visit, void *arg, xg_trouble *trouble)
{
    /* Serials are decimal without leading zeros: the shorter is the smaller. */
    sqlite3_stmt *statement = xg_ledger_db_prepare(
        ledger, READ,
        "SELECT key_set, kid, key, state, since FROM signing_key WHERE ?1 = '' OR key_set = ?1 "
        "ORDER BY key_set, kid GLOB '*[^0-9]*', CASE WHEN kid GLOB '*[^0-9]*' THEN 0 ELSE length(kid) END, kid",
        trouble);
    if (statement == NULL) {
        return false;
    }
    int code = SQLITE_ROW;
    bool is_going = true;
    bool is_good = xg_ledger_db_bind(statement, 1, set) == SQLITE_OK || xg_ledger_db_fail(ledger, READ, trouble);
    while (is_good && is_going && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        const xg_ledger_key key = {
            .set = xg_ledger_db_text(statement, 0),
            .kid = xg_ledger_db_text(statement, 1),
            .key = xg_ledger_db_text(statement, 2),
            .state = (xg_ledger_state)sqlite3_column_int(statement, 3),
            .since = sqlite3_column_int64(statement, 4),
        };
        if (!is_key(&key)) {
            xg_trouble_say(trouble, XG_TROUBLE_IO, "the ledger is damaged");
            xg_trouble_note(trouble, "a key in it is not what a ledger holds");
            is_good = xg_trouble_where(trouble, "%s", ledger->path);
        }
        is_going = is_good && visit(arg, &key);
    }
    if (is_good && code != SQLITE_ROW && code != SQLITE_DONE) {
        is_good = xg_ledger_db_fail(ledger, READ, trouble);
    }
    (void)sqlite3_finalize(statement);
    return is_good;
}
