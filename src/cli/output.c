/* SPDX-License-Identifier: Apache-2.0 */
/*
 * output.c: what goes to stdout: tokens, tables, documents, JSON.
 *
 * Owns stdout. Must never print a credential other than a token that was just minted. One thread.
 */
#include <errno.h>
#include <jansson.h>
#include <libsmartcols.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "cli.h"

static const char *const BINDINGS[] = {"none", "node", "name", "mesh", "tag", "workload", "zone", "scope", "type"};

static const struct {
    const char *name;
    xg_output_format format;
} FORMATS[] = {
    {"table", XG_OUTPUT_TABLE}, {"json", XG_OUTPUT_JSON}, {"yaml", XG_OUTPUT_YAML}, {"token", XG_OUTPUT_TOKEN}};

bool xg_output_pick(const xg_args *args, unsigned allowed, xg_output_format fallback, xg_output_format *ret_format)
{
    const char *value = xg_args_value(args, "output");
    char names[64];
    xg_text text;
    xg_text_init(&text, names, sizeof(names));
    *ret_format = fallback;
    if (value == NULL) {
        return true;
    }
    for (size_t i = 0; i < XG_ARRAY_LEN(FORMATS); i++) {
        if ((allowed & FORMATS[i].format) == 0) {
            continue;
        }
        if (strcmp(value, FORMATS[i].name) == 0) {
            *ret_format = FORMATS[i].format;
            return true;
        }
        xg_text_add(&text, text.len > 0 ? XG_STR(", ") : XG_STR(""));
        xg_text_add(&text, xg_str_of(FORMATS[i].name));
    }
    xg_errors_summary("invalid --output value");
    xg_errors_help("formats of this command: %s", names);
    return false;
}

/* Lists of strings become "a,b". */
static void cell_list(xg_text *text, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        if (i > 0) {
            xg_text_add(text, XG_STR(","));
        }
        xg_text_add(text, (xg_str){json_string_value(item), json_string_length(item)});
    }
}

static void cell_text(xg_text *text, const json_t *value)
{
    char number[24];
    if (json_is_string(value)) {
        xg_text_add(text, (xg_str){json_string_value(value), json_string_length(value)});
    } else if (json_is_integer(value)) {
        snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        xg_text_add(text, xg_str_of(number));
    } else if (json_is_boolean(value)) {
        xg_text_add(text, json_is_true(value) ? XG_STR("yes") : XG_STR("no"));
    } else if (json_is_array(value)) {
        cell_list(text, value);
    }
    if (text->len == 0) {
        xg_text_add(text, XG_STR("-"));
    }
}

static void table_row(struct libscols_table *table, const json_t *row, const xg_output_column *columns, size_t num)
{
    char storage[1024];
    struct libscols_line *line = scols_table_new_line(table, NULL);
    for (size_t i = 0; line != NULL && i < num; i++) {
        xg_text text;
        xg_text_init(&text, storage, sizeof(storage));
        cell_text(&text, json_object_get(row, columns[i].member));
        scols_line_set_data(line, i, storage); /* libsmartcols escapes what could steer a terminal */
    }
}

void xg_output_table(const json_t *rows, const xg_output_column *columns, size_t num_columns, const char *nothing)
{
    struct libscols_table *table = json_array_size(rows) > 0 ? scols_new_table() : NULL;
    if (table == NULL) {
        puts(nothing);
        return;
    }
    for (size_t i = 0; i < num_columns; i++) {
        scols_table_new_column(table, columns[i].head, 0, 0);
    }
    for (size_t i = 0; i < json_array_size(rows); i++) {
        table_row(table, json_array_get(rows, i), columns, num_columns);
    }
    scols_print_table(table);
    scols_unref_table(table);
}

static void yaml_value(const json_t *value, int depth);

static void yaml_indent(int depth)
{
    for (int i = 0; i < depth; i++) {
        fputs("  ", stdout);
    }
}

/* JSON's double-quoted strings are YAML's too, and nothing in them can be taken for a number, a date or a tag. */
static void yaml_scalar(const json_t *value)
{
    json_dumpf(value, stdout, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
    putchar('\n');
}

static bool is_leaf(const json_t *value)
{
    return json_object_size(value) == 0 && json_array_size(value) == 0;
}

/* Names that are words of more than three letters stand as they are: shorter ones can be truth values (y, no, off). */
static void yaml_key(const char *key)
{
    size_t len = strlen(key);
    if (len > 3 && strspn(key, "abcdefghijklmnopqrstuvwxyz_") == len && strcmp(key, "true") != 0 &&
        strcmp(key, "false") != 0 && strcmp(key, "null") != 0) {
        fputs(key, stdout);
        return;
    }
    json_t *name = json_string(key);
    json_dumpf(name, stdout, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
    json_decref(name);
}

/* is_inline: the first member stands on a line that has begun already, behind "- ". */
static void yaml_object(const json_t *object, int depth, bool is_inline)
{
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        if (!is_inline) {
            yaml_indent(depth);
        }
        is_inline = false;
        yaml_key(key);
        fputs(is_leaf(value) ? ": " : ":\n", stdout);
        yaml_value(value, depth + 1);
    }
}

static void yaml_array(const json_t *array, int depth)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *item = json_array_get(array, i);
        yaml_indent(depth);
        fputs("- ", stdout);
        if (json_is_object(item) && !is_leaf(item)) {
            yaml_object(item, depth + 1, true);
        } else if (is_leaf(item)) {
            yaml_scalar(item);
        } else {
            putchar('\n');
            yaml_array(item, depth + 1);
        }
    }
}

static void yaml_value(const json_t *value, int depth)
{
    if (is_leaf(value)) {
        yaml_scalar(value);
    } else if (json_is_object(value)) {
        yaml_object(value, depth, false);
    } else {
        yaml_array(value, depth);
    }
}

void xg_output_document(xg_output_format format, const json_t *document)
{
    if (format == XG_OUTPUT_YAML && document != NULL) {
        yaml_value(document, 0);
        return;
    }
    if (document == NULL || json_dumpf(document, stdout, JSON_COMPACT | JSON_ENSURE_ASCII) != 0) {
        fputs("{\"error\":\"memory ran out\"}", stdout);
    }
    putchar('\n');
}

void xg_output_fingerprint(xg_str token, char text[XG_OUTPUT_FINGERPRINT_SIZE])
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(digest, (const unsigned char *)token.ptr, token.len);
    sodium_bin2hex(text, XG_OUTPUT_FINGERPRINT_SIZE, digest, sizeof(digest));
}

static bool is_line_ended = true;

void xg_output_never_end_line(void)
{
    is_line_ended = false;
}

void xg_output_token(xg_str token)
{
    fwrite(token.ptr, 1, token.len, stdout);
    if (is_line_ended && isatty(STDOUT_FILENO)) {
        putchar('\n');
    }
}

int xg_output_bytes(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t put = write(fd, bytes, len);
        if (put < 0 && errno != EINTR) {
            return errno;
        }
        if (put > 0) {
            bytes += put;
            len -= (size_t)put;
        }
    }
    return 0;
}

int xg_output_finish(void)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout)) {
        return XG_EXIT_OK;
    }
    return xg_errors_io("write the output", "stdout", errno != 0 ? errno : EIO);
}

const char *xg_output_binding_name(uint32_t binding)
{
    return binding < XG_ARRAY_LEN(BINDINGS) ? BINDINGS[binding] : "unknown";
}

/* A string of the decision; what is not UTF-8, which the plugin never writes, becomes an empty one. */
static json_t *text_json(const char *bytes, size_t len)
{
    json_t *text = json_stringn(bytes, len);
    return text != NULL ? text : json_string("");
}

json_t *xg_output_decision(const xg_decision *d)
{
    return json_pack("{s:s, s:I, s:s, s:s, s:I, s:o, s:o, s:o}", "outcome",
                     d->outcome == XG_OUTCOME_ALLOWED ? "allowed" : "denied", "reason", (json_int_t)d->reason,
                     "reason_name", xg_reason_find(d->reason)->name, "binding",
                     xg_output_binding_name(d->failed_binding), "grpc", (json_int_t)d->grpc_status, "token_id",
                     text_json(d->token_id, d->token_id_len), "kid", text_json(d->kid, d->kid_len), "text",
                     text_json(d->text, d->text_len));
}

void xg_output_json(const json_t *value)
{
    if (value == NULL || json_dumpf(value, stdout, JSON_COMPACT | JSON_ENSURE_ASCII) != 0) {
        fputs("{\"outcome\":\"denied\",\"reason\":902,\"reason_name\":\"no_memory\",\"binding\":\"none\",\"grpc\":13,"
              "\"token_id\":\"\",\"kid\":\"\",\"text\":\"\",\"error\":\"memory ran out\"}",
              stdout);
    }
    putchar('\n');
}
