/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_revoke_import.c: `xdsgate revoke import`: Kuma's comma list, read with care, onto the list of a set.
 *
 * Kuma compares byte for byte and trims nothing: what its list did not revoke until now is said. All ids of the list
 * are taken over, or none. One thread.
 */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "revoke_change.h"

#define SHOWN_MAX     60
#define SENTENCE_SIZE 512
#define LINTS_MAX     20

static const xg_flag FLAGS[] = {
    XG_REVOKE_SET_FLAGS,
    {"base64", NULL, "the input is base64, as the data of a Secret is shown", NULL, 0, false},
    {"reason", "TEXT", "put a comment with the date and this text above the new lines", NULL, 0, false},
    {"dry-run", NULL, "show what would be written, and write nothing", NULL, 0, false},
    XG_OUTPUT_FLAG("json or yaml: print a document about the change (default: nothing)"),
};

typedef struct import {
    const char *path;
    char *bytes; /* the list as Kuma reads it */
    size_t len;
    xg_revoked_entry *entries; /* by value once sorted; then each once */
    size_t num_entries;
    size_t num_elements;
    size_t num_trimmed;
    size_t num_repeated;
    size_t num_lints;
    size_t num_bad;
} import;

/* Where an element begins: byte offset, and line and column from 1. */
typedef struct place {
    size_t at;
    size_t line;
    size_t column;
} place;

static place place_of(const import *in, const char *ptr)
{
    place p = {.at = (size_t)(ptr - in->bytes), .line = 1, .column = 1};
    for (size_t i = 0; i < p.at; i++) {
        bool is_end = in->bytes[i] == '\n';
        p.line += is_end ? 1 : 0;
        p.column = is_end ? 1 : p.column + 1;
    }
    return p;
}

/* Finding a place costs a walk: only so many are shown. */
static void lint(import *in, const char *ptr, xg_str element, const char *what)
{
    char storage[SHOWN_MAX + 8];
    xg_text shown;
    if (++in->num_lints > LINTS_MAX) {
        return;
    }
    place p = place_of(in, ptr);
    xg_text_init(&shown, storage, sizeof(storage));
    xg_text_quote(&shown, element, SHOWN_MAX);
    xg_errors_warning("line %zu, column %zu (byte %zu): %s %s", p.line, p.column, p.at, storage, what);
}

/* ---- reading ---- */

static int decode(import *in)
{
    size_t cap = in->len / 4 * 3 + 4;
    size_t len = 0;
    const char *end = NULL;
    char *bytes = malloc(cap);
    if (bytes == NULL) {
        return xg_errors_io("decode the list", in->path, ENOMEM);
    }
    if (sodium_base642bin((unsigned char *)bytes, cap, in->bytes, in->len, " \t\r\n", &len, &end,
                          sodium_base64_VARIANT_ORIGINAL) != 0 ||
        end != in->bytes + in->len) {
        size_t at = end != NULL ? (size_t)(end - in->bytes) : 0;
        free(bytes);
        xg_errors_summary("the input is no base64: it goes wrong at byte %zu", at);
        xg_errors_where("%s", in->path);
        xg_errors_help("give the value of 'data' alone, whole and with its '='; a list as it is goes without --base64");
        return XG_EXIT_USAGE;
    }
    free(in->bytes);
    in->bytes = bytes;
    in->len = len;
    return XG_EXIT_OK;
}

static int read_input(const xg_args *args, import *in)
{
    in->path = args->operand != NULL ? args->operand : "-";
    int code = xg_input_read("read the list", in->path, &in->bytes, &in->len);
    if (strcmp(in->path, "-") == 0) {
        in->path = "stdin";
    }
    if (code == XG_EXIT_OK && xg_args_has(args, "base64")) {
        code = decode(in);
    }
    if (code == XG_EXIT_OK && in->len == 0) {
        xg_errors_summary("the list is empty: it revokes nothing");
        xg_errors_where("%s", in->path);
        xg_errors_help("if it should not be, see where it was lost; nothing was changed");
        return XG_EXIT_USAGE;
    }
    return code;
}

/* ---- elements ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static xg_str trim(xg_str s)
{
    while (s.len > 0 && is_blank(s.ptr[0])) {
        s = xg_str_skip(s, 1);
    }
    while (s.len > 0 && is_blank(s.ptr[s.len - 1])) {
        s.len--;
    }
    return s;
}

static void refuse_id(import *in, xg_str id, const char *why)
{
    char storage[SHOWN_MAX + 8];
    xg_text shown;
    if (++in->num_bad > LINTS_MAX) {
        return;
    }
    place p = place_of(in, id.ptr);
    xg_text_init(&shown, storage, sizeof(storage));
    xg_text_quote(&shown, id, SHOWN_MAX);
    xg_errors_summary("line %zu, column %zu (byte %zu): %s can be no jti", p.line, p.column, p.at, storage);
    xg_errors_note("%s", why);
}

static void take_id(import *in, xg_str id)
{
    const xg_revoked_entry entry = {.kind = XG_REVOKED_JTI, .value = id};
    char storage[SENTENCE_SIZE];
    xg_text why;
    xg_text_init(&why, storage, sizeof(storage));
    if (!xg_revoked_lines_is_valid(&entry, &why)) {
        refuse_id(in, id, storage);
        return;
    }
    in->entries[in->num_entries++] = entry;
}

/* Several ids between two commas, one on each line: for Kuma that is one id that no token has. */
static void take_lines(import *in, xg_str element)
{
    lint(in, element.ptr, element,
         "goes over a line end: Kuma separates by commas alone, so until now it revoked "
         "none of these");
    while (element.len > 0) {
        const char *end = memchr(element.ptr, '\n', element.len);
        size_t len = end != NULL ? (size_t)(end - element.ptr) : element.len;
        xg_str id = trim((xg_str){element.ptr, len});
        if (id.len > 0) {
            take_id(in, id);
        }
        element = xg_str_skip(element, end != NULL ? len + 1 : len);
    }
}

static void take_element(import *in, xg_str element)
{
    xg_str id = trim(element);
    in->num_elements++;
    if (element.len == 0) {
        lint(in, element.ptr, element, "is an empty element: it revokes every token without jti, here as in Kuma");
        in->entries[in->num_entries++] = (xg_revoked_entry){.kind = XG_REVOKED_NO_JTI};
        return;
    }
    if (id.len == 0) {
        lint(in, element.ptr, element, "is nothing but blanks: Kuma matches no token with it, and it is left out");
        return;
    }
    if (id.len != element.len) {
        in->num_trimmed++;
        lint(in, element.ptr, element,
             "has blanks or line ends around it: Kuma compares them too, so the token was "
             "alive until now");
    }
    if (memchr(id.ptr, '\n', id.len) != NULL) {
        take_lines(in, id);
    } else {
        take_id(in, id);
    }
}

/* One line end at the end is no part of the list, and nothing else is dropped: as Kuma has it. */
static void take_elements(import *in)
{
    xg_str rest = {in->bytes, in->len - (in->bytes[in->len - 1] == '\n' ? 1 : 0)};
    for (;;) {
        const char *comma = rest.len > 0 ? memchr(rest.ptr, ',', rest.len) : NULL;
        if (comma == NULL) {
            take_element(in, rest);
            return;
        }
        size_t len = (size_t)(comma - rest.ptr);
        take_element(in, (xg_str){rest.ptr, len});
        rest = xg_str_skip(rest, len + 1);
    }
}

static int compare_entries(const void *a, const void *b)
{
    const xg_revoked_entry *left = a;
    const xg_revoked_entry *right = b;
    int order = (int)left->kind - (int)right->kind;
    order = order != 0 ? order : xg_str_cmp(left->value, right->value);
    return order != 0 ? order : (left->value.ptr > right->value.ptr) - (left->value.ptr < right->value.ptr);
}

/* In the order of their bytes, each once. */
static void drop_repeated(import *in)
{
    size_t num = 0;
    qsort(in->entries, in->num_entries, sizeof(in->entries[0]), compare_entries);
    for (size_t i = 0; i < in->num_entries; i++) {
        if (num == 0 || !xg_revoked_lines_is_same(&in->entries[num - 1], &in->entries[i])) {
            in->entries[num++] = in->entries[i];
            continue;
        }
        in->num_repeated++;
        if (in->entries[i].kind == XG_REVOKED_JTI) {
            lint(in, in->entries[i].value.ptr, in->entries[i].value, "stands there more than once");
        }
    }
    in->num_entries = num;
}

static int parse(import *in)
{
    size_t max = 1;
    for (size_t i = 0; i < in->len; i++) {
        max += in->bytes[i] == ',' || in->bytes[i] == '\n' ? 1 : 0;
    }
    in->entries = calloc(max, sizeof(in->entries[0]));
    if (in->entries == NULL) {
        return xg_errors_io("read the list", in->path, ENOMEM);
    }
    take_elements(in);
    if (in->num_bad > 0) {
        xg_errors_summary("%zu of the ids could stand in no token and on no list", in->num_bad);
        xg_errors_where("%s", in->path);
        xg_errors_help("nothing was changed: take them out or correct them, and run this again");
        return XG_EXIT_USAGE;
    }
    drop_repeated(in);
    if (in->num_entries == 0) {
        xg_errors_summary("the list holds nothing but blanks: it revokes nothing");
        xg_errors_where("%s", in->path);
        xg_errors_help("if it should, see where it was lost; nothing was changed");
        return XG_EXIT_USAGE;
    }
    return XG_EXIT_OK;
}

/* ---- taking over ---- */

static size_t keep_new(const xg_revoked_file *file, import *in, json_t *document)
{
    size_t num = 0;
    size_t num_known = 0;
    for (size_t i = 0; i < in->num_entries; i++) {
        bool is_known = xg_revoked_lines_is_covered(file->list, &in->entries[i]);
        xg_revoke_picks_tell(document, &in->entries[i], is_known ? "already" : "added");
        if (is_known) {
            num_known++;
        } else {
            in->entries[num++] = in->entries[i];
        }
    }
    in->num_entries = num;
    return num_known;
}

static int take_over(const xg_args *args, const xg_revoked_file *file, import *in, json_t *document)
{
    char comment[XG_REVOKE_COMMENT_SIZE];
    xg_revoke_change change = {0};
    bool is_dry_run = xg_args_has(args, "dry-run");
    int code = xg_revoke_picks_reason(args, comment);
    if (code != XG_EXIT_OK) {
        return code;
    }
    size_t num_known = keep_new(file, in, document);
    if (in->num_entries > 0) {
        code = xg_revoke_change_begin(file, xg_str_of(comment), in->entries, in->num_entries, false, &change);
        if (code == XG_EXIT_OK) {
            code = xg_revoke_change_commit(&change, is_dry_run);
        }
        xg_revoke_change_done(&change);
    }
    if (code == XG_EXIT_OK) {
        if (in->num_lints > LINTS_MAX) {
            xg_errors_warning("%zu more remarks are not shown", in->num_lints - LINTS_MAX);
        }
        xg_errors_note("%s %zu, already there %zu, blanks trimmed %zu, repeated %zu",
                       is_dry_run ? "would import" : "imported", in->num_entries, num_known, in->num_trimmed,
                       in->num_repeated);
    }
    return code;
}

static int import_into(const xg_args *args, const xg_revoked_set *set, import *in, xg_output_format format)
{
    bool is_dry_run = xg_args_has(args, "dry-run");
    xg_revoked_file file;
    int code = xg_revoked_file_open(xg_args_value(args, "store"), set, !is_dry_run, &file);
    if (code != XG_EXIT_OK) {
        return code;
    }
    json_t *document = xg_revoke_picks_document("import", &file, is_dry_run);
    code = take_over(args, &file, in, document);
    xg_revoked_file_close(&file);
    if (code == XG_EXIT_OK && format != XG_OUTPUT_TABLE) {
        xg_output_document(format, document);
    }
    json_decref(document);
    return code;
}

static int run(const xg_args *args)
{
    xg_output_format format = XG_OUTPUT_TABLE;
    xg_revoked_set set = {0};
import in = {0 };
    if (!xg_output_pick(args, XG_OUTPUT_JSON | XG_OUTPUT_YAML, XG_OUTPUT_TABLE, &format)) {
        return XG_EXIT_USAGE;
    }
    int code = xg_revoke_picks_set(args, &set);
    if (code == XG_EXIT_OK) {
        code = read_input(args, &in);
    }
    if (code == XG_EXIT_OK) {
        code = parse(&in);
    }
    if (code == XG_EXIT_OK) {
        code = import_into(args, &set, &in, format);
    }
    free(in.entries);
    free(in.bytes);
    return code;
}

const xg_command XG_CMD_REVOKE_IMPORT = {
    .noun = "revoke",
    .verb = "import",
    .operand = "FILE",
    .is_operand_optional = true,
    .summary = "take over a revocation list of Kuma's",
    .usage = "--store DIR (--mesh NAME | --for-zone | --any-mesh) [--base64] [--dry-run] [flags] [FILE]",
    .detail =
        "FILE ('-' or nothing: stdin) holds ids with commas between them, as Kuma's Secret does. Kuma compares byte "
        "for\n"
        "byte: ids with blanks around them, or with line ends between them, were never revoked there. Each such place\n"
        "is named; what is imported is the id without the blanks. One id that can be none, and nothing is written.\n",
    .example = "  xdsgate revoke import --store ./store --mesh payments-mesh --base64 ./revocations.b64\n",
    .flags = FLAGS,
    .num_flags = XG_ARRAY_LEN(FLAGS),
    .run = run,
};
