/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_config_check.c: `xdsgate config check`: the plugin's configuration, before a control plane is started with it.
 *
 * It is read by the code that the plugin reads it with, and shown to the plugin itself where there is one. Must never
 * accept what the plugin would refuse. One thread.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "xdsgate/auth.h"

#define NAME_SIZE 128

static const xg_flag FLAGS[] = {
    {"plugin", "PATH", "the xdsgate.so to ask (default: the installed one, if there is one)", NULL, 0, false},
    XG_OUTPUT_FLAG("table, json or yaml (default: table)"),
};

/* ---- members that are none ---- */

/* The name that comes nearest to word, among those of the same object. */
typedef struct search {
    char parent[NAME_SIZE]; /* empty: the outermost object */
    char word[NAME_SIZE];
    bool is_known;
    size_t best;
    char nearest[NAME_SIZE]; /* empty: none is near */
} search;

static void compare(search *s, const char *name)
{
    size_t distance = xg_errors_distance(s->word, name);
    if (strcmp(name, s->word) == 0) {
        s->is_known = true;
    } else if (xg_errors_is_near(s->word, name) && distance < s->best) {
        s->best = distance;
        snprintf(s->nearest, sizeof(s->nearest), "%s", name);
    }
}

static void visit_name(void *arg, const char *parent, const char *name, xg_str value)
{
    search *s = arg;
    (void)value;
    if (parent != NULL && s->parent[0] == '\0') {
        compare(s, parent); /* the name of an object is one of the outermost */
    } else if (strcmp(parent != NULL ? parent : "", s->parent) == 0) {
        compare(s, name);
    }
}

/* The first member that is none, in the object itself or in those that it holds. */
static bool find_unknown(const char *parent, const xg_json *object, search *found)
{
    static const xg_config BLANK; /* the names are the same whatever the values */
    xg_json name, value;
    for (xg_str rest = object->raw; xg_json_next_member(&rest, &name, &value);) {
        xg_text word;
        *found = (search){.best = SIZE_MAX};
        snprintf(found->parent, sizeof(found->parent), "%s", parent);
        xg_text_init(&word, found->word, sizeof(found->word));
        xg_json_decode(&name, &word);
        xg_config_describe(&BLANK, visit_name, found);
        if (!found->is_known) {
            return true;
        }
        if (parent[0] == '\0' && value.kind == XG_JSON_OBJECT) {
            char inner[NAME_SIZE];
            memcpy(inner, found->word, sizeof(inner));
            if (find_unknown(inner, &value, found)) {
                return true;
            }
        }
    }
    return false;
}

static bool read_object(xg_str text, xg_json *ret_object)
{
    static const xg_json_limits SHAPE = {.depth = 4, .members = XG_JSON_MEMBERS_MAX};
    return xg_is_ok(xg_json_check_object(text, SHAPE, XG_REASON_CONFIG_JSON, ret_object, NULL));
}

static int refuse(xg_result result, const char *path, const char *sentence, xg_str json)
{
    const xg_reason_info *info = xg_reason_find(xg_result_reason(result));
    search found = {0};
    xg_json object;
    bool is_unknown =
        result.code == XG_REASON_CONFIG_MEMBER && read_object(json, &object) && find_unknown("", &object, &found);
    xg_errors_summary("the configuration cannot be used: %s", info->name);
    xg_errors_where("%s", path);
    xg_errors_note("%s", sentence);
    if (is_unknown && found.nearest[0] != '\0') {
        xg_errors_help("did you mean '%s'?", found.nearest);
    } else {
        xg_errors_help("plugin-api/ABI.md lists the members; 'xdsgate config check' shows what they are by default");
    }
    return XG_EXIT_CONFIG;
}

/* ---- what the members are ---- */

typedef struct listing {
    json_t *rows;
    const xg_json *root;
} listing;

/* Whether the text says it itself. */
static bool is_written(const xg_json *root, const char *parent, const char *name)
{
    xg_json member, value;
    for (xg_str rest = root->raw; xg_json_next_member(&rest, &member, &value);) {
        if (parent != NULL && xg_json_is(&member, xg_str_of(parent))) {
            return is_written(&value, NULL, name);
        }
        if (parent == NULL && xg_json_is(&member, xg_str_of(name))) {
            return true;
        }
    }
    return false;
}

static void visit_member(void *arg, const char *parent, const char *name, xg_str value)
{
    listing *list = arg;
    char path[NAME_SIZE];
    bool is_switch = parent != NULL && strcmp(parent, "switches") == 0;
    const char *from = is_switch ? "profile" : "default";
    snprintf(path, sizeof(path), "%s%s%s", parent != NULL ? parent : "", parent != NULL ? "." : "", name);
    if (is_written(list->root, parent, name)) {
        from = "file";
    }
    json_array_append_new(list->rows,
                          json_pack("{s:s, s:s%, s:s}", "member", path, "value", value.ptr, value.len, "from", from));
}

static void print(const xg_config *config, const xg_json *root, bool is_asked, xg_output_format format)
{
    static const xg_output_column COLUMNS[] = {{"MEMBER", "member"}, {"VALUE", "value"}, {"FROM", "from"}};
    listing list = {json_array(), root};
    xg_config_describe(config, visit_member, &list);
    if (format == XG_OUTPUT_TABLE) {
        xg_output_table(list.rows, COLUMNS, XG_ARRAY_LEN(COLUMNS), "no members");
        puts(is_asked ? "The plugin accepts the configuration and has read the store."
                      : "The store can be read. No plugin was found to ask: --plugin PATH names one.");
        json_decref(list.rows);
        return;
    }
    json_t *document = json_pack("{s:s, s:b, s:o}", "schema", "xdsgate.config-check/1", "plugin_asked", is_asked,
                                 "members", list.rows);
    xg_output_document(format, document);
    json_decref(document);
}

/* ---- the store ---- */

static void report(void *arg, uint32_t reason, const char *sentence, size_t len)
{
    (void)arg;
    (void)reason;
    xg_errors_warning("%.*s", (int)len, sentence);
}

static xg_result load(const xg_config *config, xg_crypto *crypto, xg_text *reterr)
{
    xg_dirstore *store = NULL;
    xg_snapshot *snapshot = NULL;
    XG_TRY(xg_dirstore_open(config->store_path, crypto, &config->store, &store, reterr));
    xg_result result = xg_dirstore_load(store, NULL, report, NULL, &snapshot, reterr);
    if (xg_is_ok(result)) {
        xg_snapshot_unref(snapshot);
    }
    xg_dirstore_close(store);
    return result;
}

static int check_store(const xg_config *config)
{
    char sentence[1024];
    xg_text error;
    xg_crypto *crypto = NULL;
    if (!xg_is_ok(xg_crypto_new(&crypto))) {
        return xg_errors_io("read the store", "memory", ENOMEM);
    }
    xg_text_init(&error, sentence, sizeof(sentence));
    xg_result result = load(config, crypto, &error);
    xg_crypto_free(crypto);
    if (!xg_is_ok(result)) {
        xg_errors_reason("the store of the configuration cannot be read", config->store_path, result);
        if (error.len > 0) {
            xg_errors_note("%s", sentence);
        }
        return XG_EXIT_CONFIG;
    }
    return XG_EXIT_OK;
}

/* ---- the command ---- */

static int check(const xg_args *args, const char *path, const char *text, size_t len, xg_output_format format)
{
    char sentence[1024];
    xg_text error;
    xg_config config;
    xg_json root;
    xg_gate *gate = NULL;
    const xg_str json = {text, len};
    bool is_asked = xg_gate_has_plugin(args);

    xg_text_init(&error, sentence, sizeof(sentence));
    xg_result result = xg_config_parse(json, &config, &error);
    if (!xg_is_ok(result) || !read_object(json, &root)) {
        return refuse(result, path, sentence, json);
    }
    int code = is_asked ? xg_gate_open_with(args, text, &gate) : check_store(&config);
    if (code == XG_EXIT_OK) {
        print(&config, &root, is_asked, format);
    }
    xg_gate_close(gate);
    return code;
}

static int run(const xg_args *args)
{
    xg_output_format format = XG_OUTPUT_TABLE;
    const char *path = args->operand != NULL ? args->operand : "-";
    char *text = NULL;
    size_t len = 0;
    if (!xg_output_pick(args, XG_OUTPUT_TABLE | XG_OUTPUT_JSON | XG_OUTPUT_YAML, XG_OUTPUT_TABLE, &format)) {
        return XG_EXIT_USAGE;
    }
    int code = xg_input_read("read the configuration", path, &text, &len);
    if (code == XG_EXIT_OK) {
        code = check(args, strcmp(path, "-") == 0 ? "stdin" : path, text, len, format);
    }
    free(text);
    return code;
}

const xg_command XG_CMD_CONFIG_CHECK = {
    .noun = "config",
    .verb = "check",
    .operand = "FILE",
    .is_operand_optional = true,
    .summary = "check the plugin's configuration and show what it comes to",
    .usage = "[FILE] [--plugin PATH] [-o FORMAT]",
    .detail =
        "FILE is the JSON text that a control plane passes to the plugin ('-' or none: stdin). Every member is shown\n"
        "with what it will be, and whether the file, the profile or the default says so. Exit code: 0 the plugin\n"
        "would start with it, 3 it would not.\n",
    .example = "  xdsgate config check config.json\n"
               "  xdsgate config check -o json < config.json\n",
    .flags = FLAGS,
    .num_flags = XG_ARRAY_LEN(FLAGS),
    .run = run,
};
