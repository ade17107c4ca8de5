/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_key_list.c: `xdsgate key list`: the keys of a store as xdsgate.so would serve them, beside the private halves.
 *
 * Reads the store with the plugin's own code, so the list and the decisions agree. Never opens a private key. One
 * thread.
 */
#include <errno.h>
#include <jansson.h>
#include <libsmartcols.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli.h"
#include "xdsgate/keys.h"

static const xg_flag FLAGS[] = {
    {"store", "DIR", "where xdsgate.so reads public keys; required", NULL, 0, false},
    {"authority", "DIR", "where private keys are kept: shows which keys can sign", NULL, 0, false},
    {"json", NULL, "print one JSON array", NULL, 0, false},
};

typedef struct listing {
    const char *authority; /* NULL: not asked for */
    json_t *rows;
    bool has_refused;
    bool has_failed;
} listing;

/* Whether one kid stands among those a directory holds. */
typedef struct kid_query {
    xg_str kid;
    bool is_found;
} kid_query;

static void match_kid(void *arg, const char *kid, bool is_retired)
{
    kid_query *query = arg;
    query->is_found = query->is_found || (!is_retired && xg_str_eq(query->kid, xg_str_of(kid)));
}

static int find_private(const listing *list, const xg_custody_set *set, xg_str kid, bool *ret_found)
{
    xg_custody_dir dir;
    bool is_absent = false;
    kid_query query = {kid, false};
    *ret_found = false;
    if (list->authority == NULL || (set->mesh != NULL && !xg_custody_is_name(set->mesh, XG_MESH_NAME_MAX))) {
        return XG_EXIT_OK;
    }
    int code = xg_custody_open(list->authority, set, XG_CUSTODY_AUTHORITY, false, &dir, &is_absent);
    if (code != XG_EXIT_OK || is_absent) {
        return code;
    }
    if (!xg_custody_list(&dir, match_kid, &query)) {
        code = xg_errors_io("list the directory", dir.path, errno);
    }
    xg_custody_close(&dir);
    *ret_found = query.is_found;
    return code;
}

static void fingerprint_text(const xg_pubkey *key, char text[XG_FINGERPRINT_LEN * 2 + 1])
{
    const uint8_t *bytes = xg_pubkey_fingerprint(key);
    for (size_t i = 0; i < XG_FINGERPRINT_LEN; i++) {
        snprintf(text + i * 2, 3, "%02x", (unsigned)bytes[i]);
    }
}

static void add_row(listing *list, const xg_custody_set *set, const char *set_name, xg_str kid, const xg_pubkey *key)
{
    char fingerprint[XG_FINGERPRINT_LEN * 2 + 1] = "";
    bool has_private = false;
    if (set != NULL && find_private(list, set, kid, &has_private) != XG_EXIT_OK) {
        list->has_failed = true;
    }
    if (key != NULL) {
        fingerprint_text(key, fingerprint);
    }
    json_array_append_new(list->rows,
                          json_pack("{s:s, s:s%, s:I, s:s, s:s, s:o}", "set", set_name, "kid", kid.ptr, kid.len, "bits",
                                    (json_int_t)(key != NULL ? xg_pubkey_bits(key) : 0), "fingerprint", fingerprint,
                                    "state", key != NULL ? "active" : "retired", "private",
                                    list->authority != NULL ? json_boolean(has_private) : json_null()));
}

static void add_set(listing *list, const xg_keyset *keys, const xg_custody_set *set, const char *set_name)
{
    if (keys == NULL || keys->ring == NULL) {
        return;
    }
    for (size_t i = 0; i < xg_keyring_count(keys->ring); i++) {
        xg_str kid = {0};
        xg_pubkey *key = NULL;
        xg_keyring_at(keys->ring, i, &kid, &key);
        add_row(list, set, set_name, kid, key);
    }
}

static void add_mesh(listing *list, const xg_keyset *keys)
{
    char name[XG_MESH_NAME_MAX + 16];
    xg_text text;
    xg_text_init(&text, name, sizeof(name));
    xg_text_add(&text, XG_STR("mesh/"));
    xg_custody_set set = {name + text.len};
    xg_text_add(&text, keys->name);
    add_set(list, keys, &set, name);
}

static void add_all(listing *list, const xg_snapshot *snapshot)
{
    const xg_custody_set zone = {NULL};
    add_set(list, xg_snapshot_zone(snapshot), &zone, "zone");
    add_set(list, xg_snapshot_any_mesh(snapshot), NULL, "any-mesh");
    for (size_t i = 0; i < xg_snapshot_num_meshes(snapshot); i++) {
        add_mesh(list, xg_snapshot_mesh_at(snapshot, i));
    }
}

static const char *private_text(const json_t *row)
{
    const json_t *value = json_object_get(row, "private");
    if (json_is_null(value)) {
        return "-";
    }
    return json_is_true(value) ? "yes" : "no";
}

static void print_row(struct libscols_table *table, const json_t *row)
{
    char bits[16];
    struct libscols_line *line = scols_table_new_line(table, NULL);
    if (line == NULL) {
        return;
    }
    snprintf(bits, sizeof(bits), "%d", (int)json_integer_value(json_object_get(row, "bits")));
    scols_line_set_data(line, 0, json_string_value(json_object_get(row, "set")));
    scols_line_set_data(line, 1, json_string_value(json_object_get(row, "kid")));
    scols_line_set_data(line, 2, json_string_value(json_object_get(row, "state")));
    scols_line_set_data(line, 3, private_text(row));
    bool is_active = json_integer_value(json_object_get(row, "bits")) > 0;
    scols_line_set_data(line, 4, is_active ? bits : "-");
    scols_line_set_data(line, 5, is_active ? json_string_value(json_object_get(row, "fingerprint")) : "-");
}

static void print_table(const json_t *rows)
{
    static const char *const HEADS[] = {"SET", "KID", "STATE", "PRIVATE", "BITS", "SHA-256 OF THE KEY"};
    struct libscols_table *table = scols_new_table();
    if (table == NULL) {
        return;
    }
    for (size_t i = 0; i < XG_ARRAY_LEN(HEADS); i++) {
        scols_table_new_column(table, HEADS[i], 0, 0);
    }
    for (size_t i = 0; i < json_array_size(rows); i++) {
        print_row(table, json_array_get(rows, i));
    }
    if (json_array_size(rows) > 0) {
        scols_print_table(table);
    } else {
        puts("no keys");
    }
    scols_unref_table(table);
}

/* With XG_REASON_OK nothing is refused: the store says what somebody should look at, like a stray file. */
static void report(void *arg, uint32_t reason, const char *sentence, size_t len)
{
    listing *list = arg;
    if (reason == XG_REASON_OK) {
        xg_errors_warning("%.*s", (int)len, sentence);
        return;
    }
    list->has_refused = true;
    xg_errors_summary("a key set is refused: %s", xg_reason_find(reason)->name);
    xg_errors_note("%.*s", (int)len, sentence);
}

static xg_result load(const char *path, xg_crypto *crypto, listing *list, xg_text *reterr)
{
    const xg_dirstore_limits limits = {XG_MESHES_MAX, XG_REVOKED_MAX};
    xg_dirstore *store = NULL;
    xg_snapshot *snapshot = NULL;
    XG_TRY(xg_dirstore_open(path, crypto, &limits, &store, reterr));
    xg_result result = xg_dirstore_load(store, NULL, report, list, &snapshot, reterr);
    if (xg_is_ok(result)) {
        add_all(list, snapshot);
        xg_snapshot_unref(snapshot);
    }
    xg_dirstore_close(store);
    return result;
}

static int list_keys(const xg_args *args, listing *list)
{
    char path[PATH_MAX];
    char sentence[1024];
    xg_text error;
    xg_crypto *crypto = NULL;
    const char *given = xg_args_value(args, "store");

    if (realpath(given, path) == NULL) {
        return xg_errors_io("open the store", given, errno);
    }
    xg_text_init(&error, sentence, sizeof(sentence));
    xg_result result = xg_crypto_new(&crypto);
    if (xg_is_ok(result)) {
        result = load(path, crypto, list, &error);
        xg_crypto_free(crypto);
    }
    if (!xg_is_ok(result)) {
        xg_errors_reason("the store cannot be listed", path, result);
        if (error.len > 0) {
            xg_errors_note("%s", sentence);
        }
        return XG_EXIT_IO;
    }
    return XG_EXIT_OK;
}

static int run(const xg_args *args)
{
    static const char *const REQUIRED[] = {"store"};
    listing list = {.authority = xg_args_value(args, "authority")};
    if (!xg_args_require(args, REQUIRED, XG_ARRAY_LEN(REQUIRED))) {
        return XG_EXIT_USAGE;
    }
    list.rows = json_array();
    int code = list.rows != NULL ? list_keys(args, &list) : xg_errors_io("list", "memory", ENOMEM);
    if (code == XG_EXIT_OK && xg_args_has(args, "json")) {
        xg_output_json(list.rows);
    } else if (code == XG_EXIT_OK) {
        print_table(list.rows);
    }
    json_decref(list.rows);
    return code == XG_EXIT_OK && (list.has_refused || list.has_failed) ? XG_EXIT_KEY : code;
}

const xg_command XG_CMD_KEY_LIST = {
    .noun = "key",
    .verb = "list",
    .summary = "list the keys of a store",
    .usage = "--store DIR [--authority DIR] [--json]",
    .detail =
        "Shows what xdsgate.so would verify with. A set that fails the checks is reported and left out, and the exit\n"
        "code is 4.\n",
    .example = "  xdsgate key list --store ./store --authority ./authority\n",
    .flags = FLAGS,
    .num_flags = XG_ARRAY_LEN(FLAGS),
    .run = run,
};
