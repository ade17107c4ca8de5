/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_ledger_export.c: `xdsgate ledger export`: the ledger for spreadsheets and for other programs.
 *
 * Owns the two formats. Must never write a cell that a spreadsheet would run, nor begin before everything is gathered.
 * One thread.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "ledger_view.h"

#define ROW_SCHEMA "xdsgate.ledger.entry/1"

static const xg_flag FLAGS[] = {
    XG_LEDGER_VIEW_PLACE,
    {"format", "FORMAT", "csv or jsonl; required", NULL, 0, false},
    XG_LEDGER_VIEW_FILTERS,
    {"live", NULL, "only tokens that have not expired", NULL, 0, false},
};

static const char *const FORMATS[] = {"csv", "jsonl"};

static bool read_format(const xg_args *args, bool *ret_is_csv)
{
    static const char *const REQUIRED[] = {"format"};
    const char *value = xg_args_value(args, "format");
    if (!xg_args_require(args, REQUIRED, XG_ARRAY_LEN(REQUIRED))) {
        return false;
    }
    for (size_t i = 0; i < XG_ARRAY_LEN(FORMATS); i++) {
        if (strcmp(value, FORMATS[i]) == 0) {
            *ret_is_csv = i == 0;
            return true;
        }
    }
    xg_errors_summary("unknown --format '%.40s'", value);
    for (size_t i = 0; i < XG_ARRAY_LEN(FORMATS); i++) {
        if (xg_errors_is_near(value, FORMATS[i])) {
            xg_errors_help("did you mean '%s'?", FORMATS[i]);
            return false;
        }
    }
    xg_errors_help("formats of this command: csv, jsonl");
    return false;
}

/* Spreadsheets run what begins so. An apostrophe in front makes it text to them. */
static bool is_formula(const char *text)
{
    return text[0] != '\0' && strchr("=+-@\t\r", text[0]) != NULL;
}

/* RFC 4180: quotes around what holds a comma, a quote or a line end; quotes within are doubled. */
static void print_cell(const char *text)
{
    const char *mark = is_formula(text) ? "'" : "";
    if (strpbrk(text, ",\"\r\n") == NULL) {
        printf("%s%s", mark, text);
        return;
    }
    printf("\"%s", mark);
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '"') {
            putchar('"');
        }
        putchar(*p);
    }
    putchar('"');
}

/* One line: the names of the members, or their values. */
static void print_record(const json_t *row, bool is_head)
{
    const char *name = NULL;
    json_t *value = NULL;
    bool is_first = true;
    json_object_foreach((json_t *)(uintptr_t)row, name, value)
    {
        if (!is_first) {
            putchar(',');
        }
        is_first = false;
        if (is_head) {
            print_cell(name);
        } else if (json_is_integer(value)) {
            printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
        } else {
            print_cell(json_string_value(value));
        }
    }
    printf("\r\n");
}

/* The head stands there even when nothing else does. */
static bool print_csv(const xg_ledger_view *view, const json_t *rows)
{
    const xg_str none = {"", 0};
    const xg_ledger_entry empty = {.purpose = none,
                                   .mesh = none,
                                   .zone = none,
                                   .name = none,
                                   .workload = none,
                                   .tags = none,
                                   .jti = none,
                                   .kid = none,
                                   .key = none,
                                   .claims = none,
                                   .fingerprint = none,
                                   .origin = none};
    json_t *head = xg_ledger_view_row(view, &empty);
    if (head == NULL) {
        return false;
    }
    print_record(head, true);
    json_decref(head);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        print_record(json_array_get(rows, i), false);
    }
    return true;
}

static bool print_lines(const json_t *rows)
{
    for (size_t i = 0; i < json_array_size(rows); i++) {
        json_t *line = json_pack("{s:s}", "schema", ROW_SCHEMA);
        if (json_object_update(line, json_array_get(rows, i)) != 0 ||
            json_dumpf(line, stdout, JSON_COMPACT | JSON_ENSURE_ASCII) != 0) {
            json_decref(line);
            return false;
        }
        json_decref(line);
        putchar('\n');
    }
    return true;
}

static int run(const xg_args *args)
{
    bool is_csv = false;
    xg_ledger_view view;
    json_t *rows = NULL;
    if (!read_format(args, &is_csv)) {
        return XG_EXIT_USAGE;
    }
    int code = xg_ledger_view_open(args, &view);
    if (code == XG_EXIT_OK) {
        view.filter.expires_after = xg_args_has(args, "live") ? view.now : 0;
        code = xg_ledger_view_gather(&view, &rows);
    }
    xg_ledger_view_close(&view);
    if (code == XG_EXIT_OK && !(is_csv ? print_csv(&view, rows) : print_lines(rows))) {
        code = xg_errors_io("write the export", "stdout", ENOMEM);
    }
    json_decref(rows);
    return code;
}

const xg_command XG_CMD_LEDGER_EXPORT = {
    .noun = "ledger",
    .verb = "export",
    .summary = "write the ledger as CSV or as JSON lines",
    .usage = "--format csv|jsonl (--authority DIR | --ledger FILE) [--mesh MESH] [--zone ZONE]\n"
             "  [--kid KID] [--workload WORKLOAD] [--name NAME] [--jti JTI] [--purpose dataplane|zone]\n"
             "  [--origin ORIGIN] [--live] [--limit N] [--now UNIX]",
    .detail =
        "CSV follows RFC 4180: a line of names first, lines end with CR LF. A text that begins with =, +, - or @,\n"
        "which a spreadsheet would run as a formula, gets an apostrophe in front: for other programs take jsonl,\n"
        "which holds every byte as it was signed.\n",
    .example = "  xdsgate ledger export --format csv --authority ./authority > tokens.csv\n",
    .flags = FLAGS,
    .num_flags = XG_ARRAY_LEN(FLAGS),
    .run = run,
};
