/* SPDX-License-Identifier: Apache-2.0 */
/*
 * completion.c: what the values of flags can be.
 *
 * Owns the fixed words of flags; the tests hold them against what the commands take and refuse. One thread.
 */
#include "completion.h"

#include <string.h>

#include "xdsgate/auth.h"

/* noun and verb may be NULL: any. The first row that fits counts. */
static const struct {
    const char *noun;
    const char *verb;
    const char *flag;
    const char *words; /* NULL: nothing can be guessed */
} ROWS[] = {
    {"mint", "dataplane", "output", "token json yaml"},
    {"mint", "zone", "output", "token json yaml"},
    {"revoke", "add", "output", "json yaml"},
    {"revoke", "remove", "output", "json yaml"},
    {"revoke", "import", "output", "json yaml"},
    {NULL, NULL, "output", "table json yaml"},
    {"key", "export", "format", "pem pem-base64"},
    {"ledger", "export", "format", "csv jsonl"},
    {"generate", "signing-key", "format", "pem-base64 pem"},
    {"generate", NULL, "log-level", "off info debug"},
    {"key", "rotate", "step", "publish sign"},
    {"key", NULL, "bits", "2048 3072 4096"},
    {"mint", "dataplane", "role", "ingress egress all"},
    {"mint", "manifest", "meshes", "universal kubernetes"},
    {NULL, NULL, "scope", "ingress egress ingress,egress"},
    {"ledger", NULL, "purpose", "dataplane zone"},
    {"try", NULL, "kind", "dataplane zone-ingress zone-egress"},
    /* Ids of keys that are yet to be made. */
    {"key", "new", "kid", NULL},
    {"key", "import", "kid", NULL},
    {"key", "rotate", "kid", NULL},
};

static const char *const KINDS[] = {
    [XG_COMPLETION_NOTHING] = "nothing",   [XG_COMPLETION_FILE] = "file", [XG_COMPLETION_DIR] = "dir",
    [XG_COMPLETION_MESH] = "mesh",         [XG_COMPLETION_KID] = "kid",   [XG_COMPLETION_WORDS] = "words",
    [XG_COMPLETION_COMMANDS] = "commands",
};

const char *xg_completion_kind_name(xg_completion_kind kind)
{
    return KINDS[kind];
}

static bool is_word(const char *a, const char *b)
{
    return a == NULL || (b != NULL && strcmp(a, b) == 0);
}

static void add_word(xg_completion_value *value, const char *word)
{
    xg_text text = {value->words, sizeof(value->words), strlen(value->words), false};
    value->kind = XG_COMPLETION_WORDS;
    if (text.len > 0) {
        xg_text_add(&text, XG_STR(" "));
    }
    xg_text_add(&text, xg_str_of(word));
}

static void add_profiles(xg_completion_value *value)
{
    for (size_t i = 0; xg_profile_at(i) != NULL; i++) {
        add_word(value, xg_profile_at(i)->name);
    }
}

static void add_reasons(xg_completion_value *value)
{
    for (uint32_t i = 0; i < XG_REASON_LIMIT_; i++) {
        const xg_reason_info *info = xg_reason_find(i);
        if (info->number == i) {
            add_word(value, info->name);
        }
    }
}

static xg_completion_kind kind_of_placeholder(const char *placeholder)
{
    if (!xg_args_is_path(placeholder)) {
        return XG_COMPLETION_NOTHING;
    }
    return strcmp(placeholder, "DIR") == 0 ? XG_COMPLETION_DIR : XG_COMPLETION_FILE;
}

void xg_completion_of_flag(const xg_command *command, const xg_flag *flag, xg_completion_value *ret_value)
{
    *ret_value = (xg_completion_value){.kind = kind_of_placeholder(flag->value)};
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        if (is_word(ROWS[i].noun, command->noun) && is_word(ROWS[i].verb, command->verb) &&
            strcmp(ROWS[i].flag, flag->name) == 0) {
            if (ROWS[i].words != NULL) {
                add_word(ret_value, ROWS[i].words);
            }
            return;
        }
    }
    if (strcmp(flag->name, "profile") == 0) {
        add_profiles(ret_value);
    } else if (strcmp(flag->name, "mesh") == 0) {
        ret_value->kind = XG_COMPLETION_MESH;
    } else if (flag->value != NULL && strcmp(flag->value, "KID") == 0) {
        ret_value->kind = XG_COMPLETION_KID;
    }
}

bool xg_completion_of_operand(const xg_command *command, xg_completion_value *ret_value)
{
    *ret_value = (xg_completion_value){.kind = kind_of_placeholder(command->operand)};
    if (command->operand == NULL) {
        return false;
    }
    if (strcmp(command->operand, "CODE") == 0) {
        add_reasons(ret_value);
    } else if (strcmp(command->operand, "SHELL") == 0) {
        add_word(ret_value, "bash zsh fish");
    } else if (strcmp(command->operand, "NOUN") == 0) {
        ret_value->kind = XG_COMPLETION_COMMANDS;
    }
    return true;
}
