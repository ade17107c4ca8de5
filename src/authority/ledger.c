/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger.c: what was minted: recorded before it is released, and found again.
 *
 * Must never hold a token or a signature, and never call anything recorded that is not on the disk. Thread rule: a
 * ledger belongs to one thread; several processes may use one file at once.
 */
#include <stdio.h>

#include "ledger_db.h"

#define COLUMNS                                                                                                        \
    "purpose, mesh, zone, name, workload, tags, jti, kid, key, claims, fingerprint, origin, minted_at, issued_at, "    \
    "expires_at"
#define SQL_SIZE   1024
#define DIGITS_LEN 64 /* SHA-256 in hexadecimal */

static const char RECORD[] = "record the tokens in the ledger";
static const char READ[] = "read the ledger";

/* What a text of an entry has to be. */
typedef enum text_rule {
    TEXT_NAME = 1, /* clean UTF-8, or empty */
    TEXT_FILLED,   /* the same, not empty */
    TEXT_JSON,     /* UTF-8 without control bytes, which JSON escapes, or empty */
    TEXT_CLAIMS,   /* a JSON object by its first byte: a token, which begins with a letter, is none */
    TEXT_DIGEST,   /* 64 lower-case hexadecimal digits */
    TEXT_PURPOSE   /* one of two words */
} text_rule;

static const struct {
    const char *name;
    size_t offset;
    text_rule rule;
} TEXTS[] = {
    {"purpose", offsetof(xg_ledger_entry, purpose), TEXT_PURPOSE},
    {"mesh", offsetof(xg_ledger_entry, mesh), TEXT_NAME},
    {"zone", offsetof(xg_ledger_entry, zone), TEXT_NAME},
    {"name", offsetof(xg_ledger_entry, name), TEXT_NAME},
    {"workload", offsetof(xg_ledger_entry, workload), TEXT_NAME},
    {"tags", offsetof(xg_ledger_entry, tags), TEXT_JSON},
    {"jti", offsetof(xg_ledger_entry, jti), TEXT_FILLED},
    {"kid", offsetof(xg_ledger_entry, kid), TEXT_FILLED},
    {"key", offsetof(xg_ledger_entry, key), TEXT_DIGEST},
    {"claims", offsetof(xg_ledger_entry, claims), TEXT_CLAIMS},
    {"fingerprint", offsetof(xg_ledger_entry, fingerprint), TEXT_DIGEST},
    {"origin", offsetof(xg_ledger_entry, origin), TEXT_FILLED},
};

static const struct {
    const char *condition;
    size_t offset;
} FILTERS[] = {
    {" AND purpose = ?", offsetof(xg_ledger_filter, purpose)},
    {" AND mesh = ?", offsetof(xg_ledger_filter, mesh)},
    {" AND zone = ?", offsetof(xg_ledger_filter, zone)},
    {" AND name = ?", offsetof(xg_ledger_filter, name)},
    {" AND workload = ?", offsetof(xg_ledger_filter, workload)},
    {" AND kid = ?", offsetof(xg_ledger_filter, kid)},
    {" AND key = ?", offsetof(xg_ledger_filter, key)},
    {" AND jti = ?", offsetof(xg_ledger_filter, jti)},
    {" AND fingerprint = ?", offsetof(xg_ledger_filter, fingerprint)},
    {" AND origin = ?", offsetof(xg_ledger_filter, origin)},
};

static xg_str member(const void *object, size_t offset)
{
    xg_str text;
    memcpy(&text, (const char *)object + offset, sizeof(text));
    return text;
}

static bool is_digest(xg_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        bool is_digit = (text.ptr[i] >= '0' && text.ptr[i] <= '9') || (text.ptr[i] >= 'a' && text.ptr[i] <= 'f');
        if (!is_digit) {
            return false;
        }
    }
    return text.len == DIGITS_LEN;
}

static bool is_plain(xg_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] < 0x20) {
            return false;
        }
    }
    return xg_str_is_utf8(text);
}

static bool is_right(text_rule rule, xg_str text)
{
    if (text.len > XG_LEDGER_TEXT_MAX) {
        return false;
    }
    switch (rule) {
    case TEXT_NAME:
        return xg_str_is_clean(text);
    case TEXT_FILLED:
        return text.len > 0 && xg_str_is_clean(text);
    case TEXT_CLAIMS:
        if (text.len == 0 || text.ptr[0] != '{') {
            return false;
        }
        __attribute__((fallthrough));
    case TEXT_JSON:
        return is_plain(text);
    case TEXT_DIGEST:
        return is_digest(text);
    case TEXT_PURPOSE:
        return xg_str_eq(text, XG_STR("dataplane")) || xg_str_eq(text, XG_STR("zone"));
    }
    return false;
}

/* The name of the first member that cannot be right; NULL when all can. */
static const char *find_wrong(const xg_ledger_entry *entry)
{
    for (size_t i = 0; i < XG_ARRAY_LEN(TEXTS); i++) {
        if (!is_right(TEXTS[i].rule, member(entry, TEXTS[i].offset))) {
            return TEXTS[i].name;
        }
    }
    return NULL;
}

/* ---- recording ---- */

static bool insert(const xg_ledger *ledger, sqlite3_stmt *statement, const xg_ledger_entry *entry, xg_trouble *trouble)
{
    const int64_t times[] = {entry->minted_at, entry->issued_at, entry->expires_at};
    int position = 1;
    int code = SQLITE_OK;
    for (size_t i = 0; code == SQLITE_OK && i < XG_ARRAY_LEN(TEXTS); i++) {
        code = xg_ledger_db_bind(statement, position++, member(entry, TEXTS[i].offset));
    }
    for (size_t i = 0; code == SQLITE_OK && i < XG_ARRAY_LEN(times); i++) {
        code = sqlite3_bind_int64(statement, position++, times[i]);
    }
    if (code == SQLITE_OK && sqlite3_step(statement) == SQLITE_DONE) {
        return sqlite3_reset(statement) == SQLITE_OK || xg_ledger_db_fail(ledger, RECORD, trouble);
    }
    return xg_ledger_db_fail(ledger, RECORD, trouble);
}

/* Equal key, claims and jti give the same token again: it is in the ledger already, and stays there once. */
static bool insert_all(const xg_ledger *ledger, const xg_ledger_entry *entries, size_t num, xg_trouble *trouble)
{
    sqlite3_stmt *statement =
        xg_ledger_db_prepare(ledger, RECORD,
                             "INSERT INTO mint (" COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                             " ON CONFLICT (jti, fingerprint) DO NOTHING",
                             trouble);
    bool is_good = statement != NULL;
    for (size_t i = 0; is_good && i < num; i++) {
        is_good = insert(ledger, statement, &entries[i], trouble);
    }
    (void)sqlite3_finalize(statement);
    return is_good;
}

static bool check_entries(const xg_ledger *ledger, const xg_ledger_entry *entries, size_t num_entries,
                          xg_trouble *trouble)
{
    for (size_t i = 0; i < num_entries; i++) {
        const char *wrong = find_wrong(&entries[i]);
        if (wrong != NULL) {
            xg_trouble_say(trouble, XG_TROUBLE_INPUT, "cannot %s: its %s is not what a ledger holds", RECORD, wrong);
            return xg_trouble_where(trouble, "%s", ledger->path);
        }
    }
    return true;
}

bool xg_ledger_record(xg_ledger *ledger, const xg_ledger_entry *entries, size_t num_entries, xg_trouble *trouble)
{
    if (!check_entries(ledger, entries, num_entries, trouble) || !xg_ledger_db_begin(ledger, RECORD, trouble)) {
        return false;
    }
    bool is_good = insert_all(ledger, entries, num_entries, trouble);
    return xg_ledger_db_end(ledger, RECORD, is_good, trouble);
}

/* Whether nothing of the origin stands behind an id. */
static bool check_last(const xg_ledger *ledger, xg_str origin, int64_t last_id, xg_trouble *trouble)
{
    sqlite3_stmt *statement =
        xg_ledger_db_prepare(ledger, RECORD, "SELECT 1 FROM mint WHERE id > ? AND origin = ? LIMIT 1", trouble);
    if (statement == NULL) {
        return false;
    }
    int code = sqlite3_bind_int64(statement, 1, last_id);
    code = code == SQLITE_OK ? xg_ledger_db_bind(statement, 2, origin) : code;
    code = code == SQLITE_OK ? sqlite3_step(statement) : code;
    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        xg_ledger_db_fail(ledger, RECORD, trouble);
    }
    (void)sqlite3_finalize(statement);
    if (code == SQLITE_ROW) {
        xg_trouble_say(trouble, XG_TROUBLE_IO, "another run has minted the like meanwhile");
        xg_trouble_where(trouble, "%s", ledger->path);
        xg_trouble_note(trouble, "what this one was about to record would have been minted twice, and was dropped");
        return xg_trouble_help(trouble, "wait until the other is done, and run the same command again");
    }
    return code == SQLITE_DONE;
}

bool xg_ledger_record_next(xg_ledger *ledger, const xg_ledger_entry *entries, size_t num_entries, int64_t *last_id,
                           xg_trouble *trouble)
{
    if (num_entries == 0 || !check_entries(ledger, entries, num_entries, trouble)) {
        return num_entries == 0;
    }
    if (!xg_ledger_db_begin(ledger, RECORD, trouble)) {
        return false;
    }
    bool is_good =
        check_last(ledger, entries[0].origin, *last_id, trouble) && insert_all(ledger, entries, num_entries, trouble);
    int64_t last = sqlite3_last_insert_rowid(ledger->db);
    is_good = xg_ledger_db_end(ledger, RECORD, is_good, trouble);
    if (is_good && last > *last_id) {
        *last_id = last;
    }
    return is_good;
}

/* ---- reading ---- */

static void add_conditions(xg_text *sql, const xg_ledger_filter *filter)
{
    xg_text_add(sql, XG_STR(" FROM mint WHERE 1"));
    for (size_t i = 0; i < XG_ARRAY_LEN(FILTERS); i++) {
        if (member(filter, FILTERS[i].offset).len > 0) {
            xg_text_add(sql, xg_str_of(FILTERS[i].condition));
        }
    }
    if (filter->expires_after != 0) {
        xg_text_add(sql, XG_STR(" AND expires_at > ?"));
    }
    if (filter->expires_before != 0) {
        xg_text_add(sql, XG_STR(" AND expires_at <= ?"));
    }
}

/* Binds what add_conditions asked for, in its order, and the limit where the statement has one. */
static bool bind_filter(sqlite3_stmt *statement, const xg_ledger_filter *filter, bool has_limit)
{
    int position = 1;
    int code = SQLITE_OK;
    for (size_t i = 0; code == SQLITE_OK && i < XG_ARRAY_LEN(FILTERS); i++) {
        xg_str value = member(filter, FILTERS[i].offset);
        if (value.len > 0) {
            code = xg_ledger_db_bind(statement, position++, value);
        }
    }
    if (code == SQLITE_OK && filter->expires_after != 0) {
        code = sqlite3_bind_int64(statement, position++, filter->expires_after);
    }
    if (code == SQLITE_OK && filter->expires_before != 0) {
        code = sqlite3_bind_int64(statement, position++, filter->expires_before);
    }
    if (code == SQLITE_OK && has_limit) {
        code = sqlite3_bind_int64(statement, position, filter->limit > INT64_MAX ? INT64_MAX : (int64_t)filter->limit);
    }
    return code == SQLITE_OK;
}

static void take_row(sqlite3_stmt *statement, xg_ledger_entry *ret_entry)
{
    int column = 1;
    *ret_entry = (xg_ledger_entry){.id = sqlite3_column_int64(statement, 0)};
    for (size_t i = 0; i < XG_ARRAY_LEN(TEXTS); i++) {
        xg_str text = xg_ledger_db_text(statement, column++);
        memcpy((char *)ret_entry + TEXTS[i].offset, &text, sizeof(text));
    }
    ret_entry->minted_at = sqlite3_column_int64(statement, column);
    ret_entry->issued_at = sqlite3_column_int64(statement, column + 1);
    ret_entry->expires_at = sqlite3_column_int64(statement, column + 2);
}

/* What SQLite gives when memory runs out is an empty text: that is told apart by its error code. */
static bool check_row(const xg_ledger *ledger, const xg_ledger_entry *entry, xg_trouble *trouble)
{
    const char *wrong = find_wrong(entry);
    if (wrong == NULL) {
        return true;
    }
    if (sqlite3_errcode(ledger->db) == SQLITE_NOMEM) {
        return xg_ledger_db_fail(ledger, READ, trouble);
    }
    xg_trouble_say(trouble, XG_TROUBLE_IO, "the ledger is damaged");
    xg_trouble_where(trouble, "%s", ledger->path);
    xg_trouble_note(trouble, "the %s of entry %lld is not what a ledger holds", wrong, (long long)entry->id);
    return xg_trouble_help(trouble, "take it from a backup; until then nothing is minted");
}

/* The statement of a visit, with its values. NULL on failure, with the trouble told. */
static sqlite3_stmt *prepare_rows(const xg_ledger *ledger, const xg_ledger_filter *filter, xg_trouble *trouble)
{
    char storage[SQL_SIZE];
    xg_text sql;
    xg_text_init(&sql, storage, sizeof(storage));
    xg_text_add(&sql, XG_STR("SELECT id, " COLUMNS));
    add_conditions(&sql, filter);
    xg_text_add(&sql, filter->is_by_expiry ? XG_STR(" ORDER BY expires_at, id") : XG_STR(" ORDER BY id"));
    if (filter->limit > 0) {
        xg_text_add(&sql, filter->is_by_expiry ? XG_STR(" LIMIT ?") : XG_STR(" DESC LIMIT ?"));
    }
    sqlite3_stmt *statement = xg_ledger_db_prepare(ledger, READ, storage, trouble);
    if (statement != NULL && !bind_filter(statement, filter, filter->limit > 0)) {
        xg_ledger_db_fail(ledger, READ, trouble);
        (void)sqlite3_finalize(statement);
        statement = NULL;
    }
    return statement;
}

bool xg_ledger_each(xg_ledger *ledger, const xg_ledger_filter *filter, xg_ledger_visit *visit, void *arg,
                    xg_trouble *trouble)
{
    sqlite3_stmt *statement = prepare_rows(ledger, filter, trouble);
    int code = SQLITE_ROW;
    bool is_good = statement != NULL;
    bool is_going = is_good;
    while (is_going && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        xg_ledger_entry entry;
        take_row(statement, &entry);
        is_good = check_row(ledger, &entry, trouble);
        is_going = is_good && visit(arg, &entry);
    }
    if (is_good && code != SQLITE_ROW && code != SQLITE_DONE) {
        is_good = xg_ledger_db_fail(ledger, READ, trouble);
    }
    (void)sqlite3_finalize(statement);
    return is_good;
}

bool xg_ledger_count(xg_ledger *ledger, const xg_ledger_filter *filter, uint64_t *ret_num, int64_t *ret_latest,
                     xg_trouble *trouble)
{
    char storage[SQL_SIZE];
    xg_text sql;
    xg_text_init(&sql, storage, sizeof(storage));
    xg_text_add(&sql, XG_STR("SELECT count(*), coalesce(max(expires_at), 0)"));
    add_conditions(&sql, filter);
    sqlite3_stmt *statement = xg_ledger_db_prepare(ledger, READ, storage, trouble);
    if (statement == NULL) {
        return false;
    }
    bool is_good = bind_filter(statement, filter, false) && sqlite3_step(statement) == SQLITE_ROW;
    if (is_good) {
        *ret_num = (uint64_t)sqlite3_column_int64(statement, 0);
        *ret_latest = sqlite3_column_int64(statement, 1);
    } else {
        xg_ledger_db_fail(ledger, READ, trouble);
    }
    (void)sqlite3_finalize(statement);
    return is_good;
}
