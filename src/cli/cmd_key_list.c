/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_key_list.c: `xdsgate key list`: the keys of a store as xdsgate.so would serve them, beside the private halves.
 *
 * Reads the store with the plugin's own code, so the list and the decisions agree. Never opens a private key. One
 * thread.
 */
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "keychain.h"

static const xg_flag FLAGS[] = {
    {"store", "DIR", "where xdsgate.so reads public keys; required", NULL, 0, false},
    {"authority", "DIR", "where private keys are kept: shows which keys can sign, their states and live tokens", NULL,
     0, false},
    {"json", NULL, "print one JSON array of the keys alone", NULL, 0, false},
    XG_OUTPUT_FLAG("table (default), json or yaml"),
};

typedef struct listing {
    const char *authority; /* NULL: not asked for */
    xg_ledger *ledger;     /* NULL: there is none */
    json_t *rows;
    bool has_refused;
    int code; /* of the first failure */
} listing;

/* Whether one kid stands among those a directory holds. */
typedef struct kid_query {
    xg_str kid;
    xg_custody_form form;
} kid_query;

static void match_kid(void *arg, const char *kid, xg_custody_form form)
{
    kid_query *query = arg;
    if (xg_str_eq(query->kid, xg_str_of(kid))) {
        query->form = form;
    }
}

static int find_private(const listing *list, const xg_custody_set *set, xg_str kid, xg_custody_form *ret_form)
{
    xg_custody_dir dir;
    bool is_absent = false;
    kid_query query = {kid, XG_CUSTODY_ABSENT};
    *ret_form = XG_CUSTODY_ABSENT;
    if (set->mesh != NULL && !xg_custody_is_name(set->mesh, XG_MESH_NAME_MAX)) {
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
    *ret_form = query.form;
    return code;
}

static int count_live(const listing *list, const char *fingerprint, uint64_t *ret_num)
{
    const xg_ledger_filter filter = {.key = xg_str_of(fingerprint), .expires_after = xg_clock_wall()};
    xg_trouble trouble = {0};
    int64_t latest = 0;
    *ret_num = 0;
    if (list->ledger == NULL || xg_ledger_count(list->ledger, &filter, ret_num, &latest, &trouble)) {
        return XG_EXIT_OK;
    }
    return xg_errors_trouble(&trouble);
}

/* What the authority adds to a row. */
static void add_authority(listing *list, const xg_custody_set *set, xg_str kid, const char *fingerprint, json_t *row)
{
    static const char *const FORMS[] = {[XG_CUSTODY_ABSENT] = "no",
                                        [XG_CUSTODY_PLAIN] = "plain",
                                        [XG_CUSTODY_ENCRYPTED] = "encrypted",
                                        [XG_CUSTODY_RETIRED] = "no"};
    char name[XG_KID_MAX + 1];
    xg_custody_form form = XG_CUSTODY_ABSENT;
    xg_ledger_state state = XG_LEDGER_UNKNOWN;
    uint64_t num_live = 0;
    xg_text text;
    xg_text_init(&text, name, sizeof(name));
    xg_text_add(&text, kid);
    int code = find_private(list, set, kid, &form);
    if (code == XG_EXIT_OK) {
        code = xg_keychain_state(list->ledger, set, name, &state);
    }
    if (code == XG_EXIT_OK && fingerprint[0] != '\0') {
        code = count_live(list, fingerprint, &num_live);
    }
    list->code = list->code == XG_EXIT_OK ? code : list->code;
    json_object_set_new(row, "private", json_boolean(form != XG_CUSTODY_ABSENT));
    json_object_set_new(row, "private_half", json_string(FORMS[form]));
    if (state != XG_LEDGER_UNKNOWN && fingerprint[0] != '\0') {
        json_object_set_new(row, "state", json_string(xg_ledger_state_name(state)));
    }
    json_object_set_new(row, "live_tokens", list->ledger != NULL ? json_integer((json_int_t)num_live) : json_null());
}

static void add_row(listing *list, const xg_custody_set *set, const char *set_name, xg_str kid, const xg_pubkey *key)
{
    char fingerprint[XG_KEYCHAIN_FINGERPRINT_SIZE] = "";
    if (key != NULL) {
        xg_keychain_fingerprint(key, fingerprint);
    }
    json_t *bits = key != NULL ? json_integer(xg_pubkey_bits(key)) : json_null();
    json_t *row = json_pack("{s:s, s:s%, s:o, s:s, s:s, s:n}", "set", set_name, "kid", kid.ptr, kid.len, "bits", bits,
                            "fingerprint", fingerprint, "state", key != NULL ? "active" : "retired", "private");
    if (list->authority != NULL) {
        add_authority(list, set, kid, fingerprint, row);
    }
    json_array_append_new(list->rows, row);
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
    xg_custody_set set = {name + text.len, false};
    xg_text_add(&text, keys->name);
    add_set(list, keys, &set, name);
}

static void add_all(listing *list, const xg_snapshot *snapshot)
{
    const xg_custody_set zone = {NULL, false};
    const xg_custody_set any_mesh = {NULL, true};
    add_set(list, xg_snapshot_zone(snapshot), &zone, "zone");
    add_set(list, xg_snapshot_any_mesh(snapshot), &any_mesh, "any-mesh");
    for (size_t i = 0; i < xg_snapshot_num_meshes(snapshot); i++) {
        add_mesh(list, xg_snapshot_mesh_at(snapshot, i));
    }
}

static void print_table(const listing *list)
{
    static const xg_output_column COLUMNS[] = {
        {"SET", "set"},
        {"KID", "kid"},
        {"STATE", "state"},
        {"PRIVATE", "private_half"},
        {"LIVE", "live_tokens"},
        {"BITS", "bits"},
        {"SHA-256 OF THE KEY", "fingerprint"},
    };
    xg_output_table(list->rows, COLUMNS, XG_ARRAY_LEN(COLUMNS), "no keys");
}

static void print(const xg_args *args, const listing *list, xg_output_format format)
{
    if (xg_args_has(args, "json")) {
        xg_output_json(list->rows);
    } else if (format == XG_OUTPUT_TABLE) {
        print_table(list);
    } else {
        json_t *document = json_pack("{s:s, s:O}", "schema", "xdsgate.keys/1", "keys", list->rows);
        xg_output_document(format, document);
        json_decref(document);
    }
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
    xg_output_format format = XG_OUTPUT_TABLE;
    listing list = {.authority = xg_args_value(args, "authority")};
    if (!xg_args_require(args, REQUIRED, XG_ARRAY_LEN(REQUIRED)) ||
        !xg_output_pick(args, XG_OUTPUT_TABLE | XG_OUTPUT_JSON | XG_OUTPUT_YAML, XG_OUTPUT_TABLE, &format)) {
        return XG_EXIT_USAGE;
    }
    list.rows = json_array();
    int code = list.rows != NULL ? XG_EXIT_OK : xg_errors_io("list", "memory", ENOMEM);
    if (code == XG_EXIT_OK && list.authority != NULL) {
        code = xg_keychain_ledger(list.authority, false, &list.ledger);
    }
    if (code == XG_EXIT_OK) {
        code = list_keys(args, &list);
    }
    if (code == XG_EXIT_OK) {
        print(args, &list, format);
        code = list.has_refused ? XG_EXIT_KEY : list.code;
    }
    xg_ledger_close(list.ledger);
    json_decref(list.rows);
    return code;
}

const xg_command XG_CMD_KEY_LIST = {
    .noun = "key",
    .verb = "list",
    .summary = "list the keys of a store",
    .usage = "--store DIR [--authority DIR] [-o FORMAT]",
    .detail =
        "Shows what xdsgate.so would verify with. A set that fails the checks is reported and left out, and the exit\n"
        "code is 4.\n",
    .example = "  xdsgate key list --store ./store --authority ./authority\n",
    .flags = FLAGS,
    .num_flags = XG_ARRAY_LEN(FLAGS),
    .run = run,
};
