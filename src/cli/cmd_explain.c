/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_explain.c: `xdsgate explain`: what a reason means and what to do about it.
 *
 * Every number, name and sentence comes from reasons.def, every check from decision_rows.c. Must never word a reason
 * itself. One thread.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "decision_view.h"

#define SENTENCE_SIZE 1024

static const xg_flag FLAGS[] = {
    XG_OUTPUT_FLAG("table, json or yaml (default: table)"),
};

static const char *const CLASSES[] = {"none",    "malformed", "key or signature", "time",          "revoked",
                                      "binding", "capacity",  "policy",           "configuration", "internal"};

static const struct {
    uint32_t number;
    const char *name;
} GRPC[] = {
    {0, "OK"},        {3, "INVALID_ARGUMENT"}, {7, "PERMISSION_DENIED"}, {8, "RESOURCE_EXHAUSTED"},
    {13, "INTERNAL"}, {14, "UNAVAILABLE"},     {16, "UNAUTHENTICATED"},
};

static const struct {
    xg_str brace;
    xg_str words;
} PLACEHOLDERS[] = {
    {XG_STR_INIT("{token}"), XG_STR_INIT("<what the token says>")},
    {XG_STR_INIT("{proxy}"), XG_STR_INIT("<what the proxy or the control plane says>")},
    {XG_STR_INIT("{field}"), XG_STR_INIT("<name of the field>")},
    {XG_STR_INIT("{mesh}"), XG_STR_INIT("<mesh asked for>")},
    {XG_STR_INIT("{kid}"), XG_STR_INIT("<key id>")},
};

/* The entry of exactly this number; NULL if there is none. */
static const xg_reason_info *reason_at(uint32_t number)
{
    const xg_reason_info *info = xg_reason_find(number);
    return info->number == number ? info : NULL;
}

static const xg_reason_info *find(const char *code)
{
    uint64_t number = 0;
    if (xg_str_to_u64(xg_str_of(code), XG_REASON_LIMIT_ - 1, &number)) {
        return reason_at((uint32_t)number);
    }
    for (uint32_t i = 0; i < XG_REASON_LIMIT_; i++) {
        const xg_reason_info *info = reason_at(i);
        if (info != NULL && strcmp(info->name, code) == 0) {
            return info;
        }
    }
    return NULL;
}

static const char *grpc_name(uint32_t number)
{
    for (size_t i = 0; i < XG_ARRAY_LEN(GRPC); i++) {
        if (GRPC[i].number == number) {
            return GRPC[i].name;
        }
    }
    return "UNKNOWN";
}

static const char *class_name(const xg_reason_info *info)
{
    uint32_t class = info->number / 100;
    return class < XG_ARRAY_LEN(CLASSES) ? CLASSES[class] : "unknown";
}

static void add_words(const char *template, xg_text *text)
{
    xg_str rest = xg_str_of(template);
    while (rest.len > 0) {
        xg_str out = {rest.ptr, 1};
        size_t step = 1;
        for (size_t i = 0; i < XG_ARRAY_LEN(PLACEHOLDERS); i++) {
            if (xg_str_starts_with(rest, PLACEHOLDERS[i].brace)) {
                out = PLACEHOLDERS[i].words;
                step = PLACEHOLDERS[i].brace.len;
            }
        }
        xg_text_add(text, out);
        rest = xg_str_skip(rest, step);
    }
}

/* What a peer is told: a constant, or nothing at all. */
static const char *peer_message(const xg_reason_info *info, xg_decision_stage stage)
{
    return info->number == XG_REASON_OK || stage == XG_STAGE_NEVER ? NULL : XG_PEER_MESSAGE;
}

static json_t *describe(const xg_reason_info *info)
{
    char sentence[SENTENCE_SIZE];
    char help[SENTENCE_SIZE];
    xg_text text;
    xg_decision_stage stage = xg_decision_rows_stage(info->number);
    unsigned row = xg_decision_rows_number(stage);
    xg_text_init(&text, sentence, sizeof(sentence));
    add_words(info->text, &text);
    xg_text_init(&text, help, sizeof(help));
    add_words(info->help, &text);
    return json_pack("{s:I, s:s, s:s, s:I, s:s, s:s?, s:s, s:s, s:o, s:s}", "number", (json_int_t)info->number, "name",
                     info->name, "class", class_name(info), "grpc", (json_int_t)info->grpc_status, "grpc_name",
                     grpc_name(info->grpc_status), "peer_hears", peer_message(info, stage), "sentence", sentence,
                     "help", help, "row", row > 0 ? json_integer((json_int_t)row) : json_null(), "check",
                     xg_decision_rows_title(stage));
}

static const char *member(const json_t *reason, const char *name)
{
    const char *value = json_string_value(json_object_get(reason, name));
    return value != NULL && value[0] != '\0' ? value : "-";
}

static void print_reason(const json_t *reason)
{
    json_int_t row = json_integer_value(json_object_get(reason, "row"));
    printf("%" JSON_INTEGER_FORMAT " %s\n", json_integer_value(json_object_get(reason, "number")),
           member(reason, "name"));
    printf("class:    %s\n", member(reason, "class"));
    printf("sentence: %s\n", member(reason, "sentence"));
    printf("help:     %s\n", member(reason, "help"));
    if (row > 0) {
        printf("check:    %" JSON_INTEGER_FORMAT ", %s\n", row, member(reason, "check"));
    } else {
        printf("check:    %s\n", member(reason, "check"));
    }
    printf("gRPC:     %" JSON_INTEGER_FORMAT " %s\n", json_integer_value(json_object_get(reason, "grpc")),
           member(reason, "grpc_name"));
    printf("the peer hears: %s\n", member(reason, "peer_hears"));
}

static int explain_one(const xg_reason_info *info, xg_output_format format)
{
    json_t *reason = describe(info);
    if (format == XG_OUTPUT_TABLE) {
        print_reason(reason);
    } else {
        json_t *document = json_pack("{s:s}", "schema", "xdsgate.reason/1");
        json_object_update(document, reason);
        xg_output_document(format, document);
        json_decref(document);
    }
    json_decref(reason);
    return XG_EXIT_OK;
}

static int explain_all(xg_output_format format)
{
    static const xg_output_column COLUMNS[] = {
        {"NUMBER", "number"}, {"NAME", "name"}, {"CLASS", "class"}, {"CHECK", "row"}, {"GRPC", "grpc_name"}};
    json_t *rows = json_array();
    for (uint32_t i = 0; i < XG_REASON_LIMIT_; i++) {
        const xg_reason_info *info = reason_at(i);
        if (info != NULL) {
            json_array_append_new(rows, describe(info));
        }
    }
    if (format == XG_OUTPUT_TABLE) {
        xg_output_table(rows, COLUMNS, XG_ARRAY_LEN(COLUMNS), "no reasons");
        json_decref(rows);
        return XG_EXIT_OK;
    }
    json_t *document = json_pack("{s:s, s:o}", "schema", "xdsgate.reasons/1", "reasons", rows);
    xg_output_document(format, document);
    json_decref(document);
    return XG_EXIT_OK;
}

/* Names that begin alike, or hold the word, or are a slip of the keyboard away; three at most. */
static void suggest(const char *code)
{
    char storage[256];
    xg_text text;
    size_t num_names = 0;
    xg_text_init(&text, storage, sizeof(storage));
    for (uint32_t i = 0; i < XG_REASON_LIMIT_ && num_names < 3; i++) {
        const xg_reason_info *info = reason_at(i);
        bool is_near = info != NULL &&
                       (xg_errors_is_near(code, info->name) || (strlen(code) >= 3 && strstr(info->name, code) != NULL));
        if (is_near) {
            xg_text_printf(&text, "%s%s", num_names > 0 ? ", " : "", info->name);
            num_names++;
        }
    }
    if (num_names > 0) {
        xg_errors_help("did you mean %s?", storage);
    } else {
        xg_errors_help("'xdsgate explain' lists every reason");
    }
}

static int run(const xg_args *args)
{
    xg_output_format format = XG_OUTPUT_TABLE;
    if (!xg_output_pick(args, XG_OUTPUT_TABLE | XG_OUTPUT_JSON | XG_OUTPUT_YAML, XG_OUTPUT_TABLE, &format)) {
        return XG_EXIT_USAGE;
    }
    if (args->operand == NULL) {
        return explain_all(format);
    }
    const xg_reason_info *info = find(args->operand);
    if (info != NULL) {
        return explain_one(info, format);
    }
    xg_errors_summary("no reason is called '%.40s'", args->operand);
    suggest(args->operand);
    return XG_EXIT_USAGE;
}

const xg_command XG_CMD_EXPLAIN = {
    .noun = "explain",
    .operand = "CODE",
    .is_operand_optional = true,
    .summary = "say what a reason means and what to do",
    .usage = "[CODE] [-o FORMAT]",
    .detail = "CODE is the number or the name of a reason, as decisions and logs give it. Without it all are listed.\n",
    .example = "  xdsgate explain 501\n"
               "  xdsgate explain binding_name -o json\n",
    .flags = FLAGS,
    .num_flags = XG_ARRAY_LEN(FLAGS),
    .run = run,
};
