/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger_view.c: which part of the ledger somebody wants to see, and how an entry looks.
 *
 * Must never print while the ledger is being read: a pager that waits would keep others from minting. One thread.
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "ledger_view.h"

#define TEXT_MAX 4096 /* bytes of a filter: more than any name has */

static const xg_output_column COLUMNS[] = {
    {"JTI", "jti"},   {"KID", "kid"},           {"PURPOSE", "purpose"},    {"MESH", "mesh"},   {"ZONE", "zone"},
    {"NAME", "name"}, {"WORKLOAD", "workload"}, {"EXPIRES", "expires_at"}, {"STATE", "state"},
};

static const struct {
    const char *flag;
    size_t offset;
} FILTERS[] = {
    {"mesh", offsetof(xg_ledger_filter, mesh)},       {"zone", offsetof(xg_ledger_filter, zone)},
    {"kid", offsetof(xg_ledger_filter, kid)},         {"workload", offsetof(xg_ledger_filter, workload)},
    {"name", offsetof(xg_ledger_filter, name)},       {"jti", offsetof(xg_ledger_filter, jti)},
    {"purpose", offsetof(xg_ledger_filter, purpose)}, {"origin", offsetof(xg_ledger_filter, origin)},
};

/* An empty filter would show everything to whoever forgot to set a variable. */
static bool read_text(const xg_args *args, const char *name, xg_str *ret_text)
{
    *ret_text = xg_args_str(args, name);
    if (xg_args_has(args, name) && ret_text->len == 0) {
        xg_errors_summary("--%s is empty", name);
        xg_errors_help("leave it out to see all");
        return false;
    }
    return xg_args_check_text(args, name, TEXT_MAX);
}

static bool check_purpose(xg_str purpose)
{
    static const char *const WORDS[] = {"dataplane", "zone"};
    if (purpose.len == 0 || xg_str_eq(purpose, xg_str_of(WORDS[0])) || xg_str_eq(purpose, xg_str_of(WORDS[1]))) {
        return true;
    }
    xg_errors_summary("unknown --purpose '%.40s'", purpose.ptr);
    for (size_t i = 0; i < XG_ARRAY_LEN(WORDS); i++) {
        if (xg_errors_is_near(purpose.ptr, WORDS[i])) {
            xg_errors_help("did you mean '%s'?", WORDS[i]);
            return false;
        }
    }
    xg_errors_help("a token is for a dataplane or for a zone");
    return false;
}

static bool read_limit(const xg_args *args, uint64_t *ret_limit)
{
    *ret_limit = 0;
    if (!xg_args_has(args, "limit")) {
        return true;
    }
    if (!xg_str_to_u64(xg_args_str(args, "limit"), INT64_MAX, ret_limit) || *ret_limit == 0) {
        xg_errors_summary("--limit is not a number of tokens");
        xg_errors_help("write a whole number from 1, or leave it out to see all");
        return false;
    }
    return true;
}

static bool read_filter(const xg_args *args, xg_ledger_filter *ret_filter)
{
    *ret_filter = (xg_ledger_filter){0};
    for (size_t i = 0; i < XG_ARRAY_LEN(FILTERS); i++) {
        xg_str text = {0};
        if (!read_text(args, FILTERS[i].flag, &text)) {
            return false;
        }
        memcpy((char *)ret_filter + FILTERS[i].offset, &text, sizeof(text));
    }
    return check_purpose(ret_filter->purpose) && read_limit(args, &ret_filter->limit);
}

static bool read_now(const xg_args *args, int64_t *ret_now)
{
    int64_t nanos = 0;
    *ret_now = xg_clock_wall();
    if (!xg_args_has(args, "now")) {
        return true;
    }
    if (!xg_duration_parse_instant(xg_args_str(args, "now"), ret_now, &nanos) || *ret_now < 1) {
        xg_errors_summary("--now is not a time after 1970 began");
        xg_errors_help("write seconds since 1970, like 1767323045");
        return false;
    }
    return true;
}

static bool read_place(const xg_args *args, xg_ledger_view *view)
{
    const char *dir = xg_args_value(args, "authority");
    const char *file = xg_args_value(args, "ledger");
    xg_text text;
    xg_text_init(&text, view->path, sizeof(view->path));
    if ((dir == NULL) == (file == NULL)) {
        xg_errors_summary(dir == NULL ? "--authority or --ledger is required"
                                      : "--authority and --ledger exclude each other");
        xg_errors_help("the ledger of an authority is its ledger.db: give the directory, or the file itself");
        return false;
    }
    if ((dir != NULL ? dir : file)[0] == '\0') {
        xg_errors_summary("--%s is empty", dir != NULL ? "authority" : "ledger");
        xg_errors_help("check the script that it came from");
        return false;
    }
    xg_text_add(&text, xg_str_of(dir != NULL ? dir : file));
    if (dir != NULL) {
        xg_text_add(&text, XG_STR("/ledger.db"));
    }
    if (text.is_cut) {
        xg_errors_io("open the ledger", view->path, ENAMETOOLONG);
    }
    return !text.is_cut;
}

int xg_ledger_view_open(const xg_args *args, xg_ledger_view *ret_view)
{
    xg_trouble trouble = {0};
    *ret_view = (xg_ledger_view){0};
    if (!read_place(args, ret_view) || !read_now(args, &ret_view->now) || !read_filter(args, &ret_view->filter)) {
        return XG_EXIT_USAGE;
    }
    if (!xg_ledger_open(ret_view->path, false, &ret_view->ledger, &trouble)) {
        return xg_errors_trouble(&trouble);
    }
    if (ret_view->ledger == NULL) {
        xg_errors_summary("there is no ledger");
        xg_errors_where("%s", ret_view->path);
        xg_errors_help("check the path; the first token that is minted makes it");
        return XG_EXIT_IO;
    }
    return xg_ledger_check(ret_view->ledger, &trouble) ? XG_EXIT_OK : xg_errors_trouble(&trouble);
}

void xg_ledger_view_close(xg_ledger_view *view)
{
    xg_ledger_close(view->ledger);
    view->ledger = NULL;
}

/* ---- rows ---- */

static void add_text(json_t *row, const char *name, xg_str text)
{
    json_object_set_new(row, name, json_stringn(text.ptr, text.len));
}

/* A time twice: in words, and as the number that scripts compare. */
static void add_time(json_t *row, const char *name, const char *number_name, int64_t seconds)
{
    char storage[XG_CLOCK_TEXT_SIZE];
    add_text(row, name, xg_clock_format(seconds, storage));
    json_object_set_new(row, number_name, json_integer(seconds));
}

/* How many members a row has when none was lost to want of memory. */
#define NUM_MEMBERS 20

json_t *xg_ledger_view_row(const xg_ledger_view *view, const xg_ledger_entry *entry)
{
    json_t *row = json_object();
    json_object_set_new(row, "id", json_integer(entry->id));
    add_text(row, "jti", entry->jti);
    add_text(row, "kid", entry->kid);
    add_text(row, "purpose", entry->purpose);
    add_text(row, "mesh", entry->mesh);
    add_text(row, "zone", entry->zone);
    add_text(row, "name", entry->name);
    add_text(row, "workload", entry->workload);
    add_text(row, "tags", entry->tags);
    add_text(row, "origin", entry->origin);
    add_text(row, "state", entry->expires_at > view->now ? XG_STR("live") : XG_STR("expired"));
    add_time(row, "minted_at", "minted_unix", entry->minted_at);
    add_time(row, "issued_at", "issued_unix", entry->issued_at);
    add_time(row, "expires_at", "expires_unix", entry->expires_at);
    add_text(row, "key", entry->key);
    add_text(row, "fingerprint", entry->fingerprint);
    add_text(row, "claims", entry->claims);
    if (json_object_size(row) != NUM_MEMBERS) {
        json_decref(row);
        return NULL;
    }
    return row;
}

typedef struct gathering {
    const xg_ledger_view *view;
    json_t *rows;
    bool is_complete;
} gathering;

static bool gather(void *arg, const xg_ledger_entry *entry)
{
    gathering *all = arg;
    all->is_complete = json_array_append_new(all->rows, xg_ledger_view_row(all->view, entry)) == 0;
    return all->is_complete;
}

int xg_ledger_view_gather(xg_ledger_view *view, json_t **ret_rows)
{
    xg_trouble trouble = {0};
    gathering all = {view, json_array(), true};
    if (!xg_ledger_each(view->ledger, &view->filter, gather, &all, &trouble)) {
        json_decref(all.rows);
        return xg_errors_trouble(&trouble);
    }
    if (all.rows == NULL || !all.is_complete) {
        json_decref(all.rows);
        return xg_errors_io("read the ledger", view->path, ENOMEM);
    }
    *ret_rows = all.rows;
    return XG_EXIT_OK;
}

void xg_ledger_view_document(const xg_ledger_view *view, xg_output_format format, const json_t *rows)
{
    json_t *document =
        json_pack("{s:s, s:I, s:O}", "schema", XG_LEDGER_VIEW_SCHEMA, "now", (json_int_t)view->now, "entries", rows);
    xg_output_document(format, document);
    json_decref(document);
}

void xg_ledger_view_print(const xg_ledger_view *view, xg_output_format format, const json_t *rows, const char *nothing)
{
    if (format == XG_OUTPUT_TABLE) {
        xg_output_table(rows, COLUMNS, XG_ARRAY_LEN(COLUMNS), nothing);
    } else {
        xg_ledger_view_document(view, format, rows);
    }
}

void xg_ledger_view_distance(int64_t now, int64_t then, xg_text *text)
{
    static const struct {
        uint64_t seconds;
        char letter;
    } UNITS[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
    bool is_past = then <= now;
    uint64_t rest = is_past ? (uint64_t)now - (uint64_t)then : (uint64_t)then - (uint64_t)now;
    size_t i = 0;
    while (i + 2 < XG_ARRAY_LEN(UNITS) && rest < UNITS[i].seconds) {
        i++;
    }
    xg_text_printf(text, "%s%" PRIu64 "%c %" PRIu64 "%c%s", is_past ? "" : "in ", rest / UNITS[i].seconds,
                   UNITS[i].letter, rest % UNITS[i].seconds / UNITS[i + 1].seconds, UNITS[i + 1].letter,
                   is_past ? " ago" : "");
}
