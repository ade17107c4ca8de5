/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_ledger_show.c: `xdsgate ledger show`: everything that is known of one token.
 *
 * Owns how an entry looks to a person. Must never change the ledger. One thread.
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "ledger_view.h"

#define NEAR_MAX 3

static const xg_flag FLAGS[] = {
    XG_LEDGER_VIEW_PLACE,
    XG_OUTPUT_FLAG("table (the default), json or yaml"),
};

static const struct {
    const char *label;
    const char *member;
} LINES[] = {
    {"jti", "jti"},           {"kid", "kid"},
    {"purpose", "purpose"},   {"mesh", "mesh"},
    {"zone", "zone"},         {"name", "name"},
    {"workload", "workload"}, {"tags", "tags"},
    {"origin", "origin"},     {"minted", "minted_at"},
    {"issued", "issued_at"},  {"expires", "expires_at"},
    {"key", "key"},           {"SHA-256", "fingerprint"},
    {"claims", "claims"},
};

/* ---- what the word may have meant ---- */

typedef struct near_misses {
    const char *word;
    size_t num;
    char text[256];
    xg_text list;
} near_misses;

static bool take_near(void *arg, const xg_ledger_entry *entry)
{
    near_misses *near = arg;
    if (xg_errors_is_near(near->word, entry->jti.ptr)) {
        xg_text_add(&near->list, near->num > 0 ? XG_STR(", ") : XG_STR(""));
        xg_text_quote(&near->list, entry->jti, 64);
        near->num++;
    }
    return near->num < NEAR_MAX;
}

static int refuse_unknown(xg_ledger_view *view, const char *jti)
{
    const xg_ledger_filter all = {0};
    xg_trouble trouble = {0};
    near_misses near = {.word = jti};
    xg_text_init(&near.list, near.text, sizeof(near.text));
    if (!xg_ledger_each(view->ledger, &all, take_near, &near, &trouble)) {
        return xg_errors_trouble(&trouble);
    }
    xg_errors_summary("no token with jti '%.64s' is in the ledger", jti);
    xg_errors_where("%s", view->path);
    if (near.num > 0) {
        xg_errors_help("did you mean %s?", near.text);
    } else {
        xg_errors_help("see 'xdsgate ledger list'; a token that another tool minted is not in it");
    }
    return XG_EXIT_NO;
}

/* ---- the entries ---- */

/* Somebody else chose these bytes: nothing of them may steer the terminal. Nothing is cut. */
static void print_safely(const char *text)
{
    for (const char *p = text; *p != '\0'; p++) {
        if (*p >= 0x20 && *p < 0x7f) {
            putchar(*p);
        } else {
            printf("\\x%02x", (unsigned)(unsigned char)*p);
        }
    }
}

static void print_entry(const xg_ledger_view *view, const json_t *row)
{
    char storage[64];
    xg_text distance;
    xg_text_init(&distance, storage, sizeof(storage));
    for (size_t i = 0; i < XG_ARRAY_LEN(LINES); i++) {
        const char *value = json_string_value(json_object_get(row, LINES[i].member));
        printf("%s:%*s", LINES[i].label, 10 - (int)strlen(LINES[i].label), "");
        print_safely(value != NULL && value[0] != '\0' ? value : "-");
        putchar('\n');
    }
    xg_ledger_view_distance(view->now, json_integer_value(json_object_get(row, "expires_unix")), &distance);
    const char *state = json_string_value(json_object_get(row, "state"));
    bool is_live = state != NULL && strcmp(state, "live") == 0;
    printf("state:%5s%s %s\n", "", is_live ? "live, expires" : "expired", storage);
}

static void print_entries(const xg_ledger_view *view, xg_output_format format, const json_t *rows)
{
    if (format != XG_OUTPUT_TABLE) {
        xg_ledger_view_document(view, format, rows);
        return;
    }
    for (size_t i = 0; i < json_array_size(rows); i++) {
        if (i > 0) {
            putchar('\n');
        }
        print_entry(view, json_array_get(rows, i));
    }
}

static bool check_jti(xg_str jti)
{
    if (jti.len > 0 && xg_str_is_clean(jti)) {
        return true;
    }
    xg_errors_summary(jti.len == 0 ? "JTI is empty" : "JTI holds control bytes or is not UTF-8");
    xg_errors_help("check the script or the terminal that it came from");
    return false;
}

static int run(const xg_args *args)
{
    xg_output_format format = XG_OUTPUT_TABLE;
    xg_ledger_view view;
    json_t *rows = NULL;
    if (!xg_output_pick(args, XG_OUTPUT_TABLE | XG_OUTPUT_JSON | XG_OUTPUT_YAML, XG_OUTPUT_TABLE, &format) ||
        !check_jti(xg_str_of(args->operand))) {
        return XG_EXIT_USAGE;
    }
    int code = xg_ledger_view_open(args, &view);
    if (code == XG_EXIT_OK) {
        view.filter.jti = xg_str_of(args->operand);
        code = xg_ledger_view_gather(&view, &rows);
    }
    if (code == XG_EXIT_OK && json_array_size(rows) == 0) {
        code = refuse_unknown(&view, args->operand);
    }
    xg_ledger_view_close(&view);
    if (code == XG_EXIT_OK) {
        print_entries(&view, format, rows);
    }
    json_decref(rows);
    return code;
}

const xg_command XG_CMD_LEDGER_SHOW = {
    .noun = "ledger",
    .verb = "show",
    .operand = "JTI",
    .summary = "show everything that is known of a token",
    .usage = "JTI (--authority DIR | --ledger FILE) [--now UNIX] [-o table|json|yaml]",
    .detail = "Two keys may have signed one jti: then both tokens are shown. The exit code is 1 when there is none.\n"
              "Whether the token was revoked is not in the ledger: the store knows that.\n",
    .example = "  xdsgate ledger show 7f9b2c1e-3f0d-4f53-9d3c-2b7d5f1f8a10 --authority ./authority\n",
    .flags = FLAGS,
    .num_flags = XG_ARRAY_LEN(FLAGS),
    .run = run,
};
