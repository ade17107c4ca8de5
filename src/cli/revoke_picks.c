/* SPDX-License-Identifier: Apache-2.0 */
/*
 * revoke_picks.c: what the `revoke` commands share: which set, which entries, the token in a file, the document.
 *
 * Must never print, keep or pass on a token; its jti and claims alone leave the guarded memory. One thread.
 */
#include "revoke_picks.h"

#include <jansson.h>
#include <string.h>

#include <sodium.h>

#define SENTENCE_SIZE 512
#define REASON_MAX    256
#define SHOWN_MAX     120

static bool has_flag(const xg_command *command, const char *name)
{
    for (size_t i = 0; i < command->num_flags; i++) {
        if (strcmp(command->flags[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static int refuse_sets(const xg_command *command)
{
    bool has_any = has_flag(command, "any-mesh");
    xg_errors_summary("exactly one of --mesh%s --for-zone%s is required", has_any ? "," : " and",
                      has_any ? " and --any-mesh" : "");
    xg_errors_help("--mesh NAME for dataplane tokens, --for-zone for zone tokens%s",
                   has_any ? ", --any-mesh for dataplane tokens of every mesh" : "");
    return XG_EXIT_USAGE;
}

int xg_revoke_picks_set(const xg_args *args, xg_revoked_set *ret_set)
{
    static const char *const REQUIRED[] = {"store"};
    const char *mesh = xg_args_value(args, "mesh");
    if (!xg_args_require(args, REQUIRED, XG_ARRAY_LEN(REQUIRED))) {
        return XG_EXIT_USAGE;
    }
    bool is_any = xg_args_has(args, "any-mesh");
    if ((mesh != NULL) + xg_args_has(args, "for-zone") + is_any != 1) {
        return refuse_sets(args->command);
    }
    if (mesh != NULL && !xg_custody_is_name(mesh, XG_MESH_NAME_MAX)) {
        xg_errors_summary("'%.80s' cannot be a mesh name", mesh);
        xg_errors_help("a mesh is named with letters, digits, '.', '_' and '-', the first a letter or digit");
        return XG_EXIT_USAGE;
    }
    const char *whole = is_any ? "any-mesh" : "zone";
    *ret_set = (xg_revoked_set){.folder = mesh != NULL ? "meshes" : whole, .mesh = mesh};
    return XG_EXIT_OK;
}

/* ---- a token ---- */

void xg_revoke_picks_token_done(xg_revoke_token *token)
{
    xg_secret_done(&token->secret);
    sodium_memzero(token, sizeof(*token));
}

static bool is_of_zone(const xg_revoked_set *set)
{
    return strcmp(set->folder, "zone") == 0;
}

static xg_result read_parts(const xg_revoked_set *set, xg_revoke_token *token, char field[XG_CLAIM_FIELD_SIZE])
{
    const xg_token_limits *limits = &XG_TOKEN_LIMITS_DEFAULT;
    const xg_token_kind kind = is_of_zone(set) ? XG_TOKEN_ZONE : XG_TOKEN_DATAPLANE;
    XG_TRY(xg_jws_split((xg_str){token->secret.ptr, token->secret.len}, limits, &token->jws));
    XG_TRY(xg_header_scan(token->jws.header, limits, &token->header));
    return xg_claims_parse(token->jws.payload, kind, limits, &token->claims, field);
}

static int check_mesh(const char *path, const xg_revoked_set *set, const xg_revoke_token *token)
{
    char storage[SHOWN_MAX + 8];
    xg_text text;
    if (set->mesh == NULL || xg_str_eq(token->claims.mesh, xg_str_of(set->mesh))) {
        return XG_EXIT_OK;
    }
    xg_text_init(&text, storage, sizeof(storage));
    xg_text_quote(&text, token->claims.mesh, SHOWN_MAX);
    xg_errors_summary("the token is for mesh %s, not for mesh '%s'", storage, set->mesh);
    xg_errors_where("%s", path);
    xg_errors_help("give the mesh that the token is for with --mesh");
    return XG_EXIT_USAGE;
}

int xg_revoke_picks_token(const char *path, const xg_revoked_set *set, xg_revoke_token *ret_token)
{
    char field[XG_CLAIM_FIELD_SIZE] = "";
    *ret_token = (xg_revoke_token){0};
    int code = xg_secret_read_token(path, &ret_token->secret);
    if (code == XG_EXIT_OK) {
        xg_result result = read_parts(set, ret_token, field);
        if (!xg_is_ok(result)) {
            xg_errors_summary("that is no %s token that xdsgate.so could admit",
                              is_of_zone(set) ? "zone" : "dataplane");
            xg_errors_where("%s", path);
            xg_errors_note_reason(result, xg_str_of(field));
            xg_errors_help("give the file with the token alone; tokens of the zone go with --for-zone, others with "
                           "--mesh");
            code = XG_EXIT_USAGE;
        }
    }
    if (code == XG_EXIT_OK) {
        code = check_mesh(path, set, ret_token);
    }
    if (code != XG_EXIT_OK) {
        xg_revoke_picks_token_done(ret_token);
    }
    return code;
}

/* ---- entries ---- */

static bool add_pick(xg_revoke_picks *picks, const char *flag, xg_revoked_entry entry)
{
    char storage[SENTENCE_SIZE];
    xg_text why;
    xg_text_init(&why, storage, sizeof(storage));
    if (!xg_revoked_lines_is_valid(&entry, &why)) {
        xg_errors_summary("--%s: this value cannot stand on a list", flag);
        xg_errors_note("%s", storage);
        xg_errors_help("an id or name has no blanks, commas or control bytes in it; lists of them go through 'xdsgate "
                       "revoke import'");
        return false;
    }
    for (size_t i = 0; i < picks->num; i++) {
        if (xg_revoked_lines_is_same(&picks->items[i], &entry)) {
            return true;
        }
    }
    picks->items[picks->num++] = entry;
    return true;
}

static bool add_values(const xg_args *args, xg_revoke_picks *picks)
{
    static const xg_revoked_kind KINDS[] = {XG_REVOKED_JTI, XG_REVOKED_KID, XG_REVOKED_NAME, XG_REVOKED_WORKLOAD};
    for (size_t i = 0; i < XG_ARRAY_LEN(KINDS); i++) {
        const char *flag = xg_revoked_lines_kind_name(KINDS[i]);
        size_t cursor = 0;
        const char *value = NULL;
        while ((value = xg_args_next(args, flag, &cursor)) != NULL) {
            if (!add_pick(picks, flag, (xg_revoked_entry){.kind = KINDS[i], .value = xg_str_of(value)})) {
                return false;
            }
        }
    }
    return !xg_args_has(args, "no-jti") || add_pick(picks, "no-jti", (xg_revoked_entry){.kind = XG_REVOKED_NO_JTI});
}

static bool add_time(const xg_args *args, xg_revoke_picks *picks)
{
    xg_str value = xg_args_str(args, "issued-before");
    uint64_t seconds = 0;
    xg_revoked_entry entry = {.kind = XG_REVOKED_ISSUED_BEFORE, .value = value};
    if (!xg_args_has(args, "issued-before")) {
        return true;
    }
    if (xg_str_to_u64(value, INT64_MAX, &seconds)) {
        entry.seconds = (int64_t)seconds;
        entry.value = xg_clock_format(entry.seconds, picks->time);
    }
    if (!xg_clock_parse(entry.value, &entry.seconds)) {
        xg_errors_summary("--issued-before is no time that a list can hold");
        xg_errors_help("write 2026-11-01T00:00:00Z, in UTC with whole seconds, or seconds since 1970");
        return false;
    }
    return add_pick(picks, "issued-before", entry);
}

static int add_token(const xg_args *args, const xg_revoked_set *set, xg_revoke_picks *picks)
{
    const char *path = xg_args_value(args, "token-file");
    xg_revoke_token token;
    xg_text jti;
    if (path == NULL) {
        return XG_EXIT_OK;
    }
    int code = xg_revoke_picks_token(path, set, &token);
    if (code != XG_EXIT_OK) {
        return code;
    }
    xg_text_init(&jti, picks->jti, sizeof(picks->jti));
    xg_text_add(&jti, token.claims.jti);
    xg_revoke_picks_token_done(&token);
    if (jti.len == 0) {
        xg_errors_summary("the token has no jti: no list can name it alone");
        xg_errors_where("%s", path);
        xg_errors_help(
            "revoke every token without one (--no-jti), every older one (--issued-before TIME), or all of its "
            "key (--kid KID)");
        return XG_EXIT_USAGE;
    }
    const xg_revoked_entry entry = {.kind = XG_REVOKED_JTI, .value = {jti.ptr, jti.len}};
    return add_pick(picks, "token-file", entry) ? XG_EXIT_OK : XG_EXIT_USAGE;
}

int xg_revoke_picks_read(const xg_args *args, const xg_revoked_set *set, xg_revoke_picks *ret_picks)
{
    ret_picks->num = 0;
    if (!add_values(args, ret_picks) || !add_time(args, ret_picks)) {
        return XG_EXIT_USAGE;
    }
    int code = add_token(args, set, ret_picks);
    if (code == XG_EXIT_OK && ret_picks->num == 0) {
        xg_errors_summary("nothing is named");
        xg_errors_help("name it with --jti, --token-file, --kid, --name, --workload, --issued-before or --no-jti");
        return XG_EXIT_USAGE;
    }
    return code;
}

int xg_revoke_picks_reason(const xg_args *args, char comment[XG_REVOKE_COMMENT_SIZE])
{
    char storage[XG_CLOCK_TEXT_SIZE];
    xg_text text;
    xg_text_init(&text, comment, XG_REVOKE_COMMENT_SIZE);
    if (!xg_args_has(args, "reason")) {
        return XG_EXIT_OK;
    }
    if (!xg_args_check_text(args, "reason", REASON_MAX)) {
        return XG_EXIT_USAGE;
    }
    xg_str date = xg_clock_format(xg_clock_wall(), storage);
    xg_text_add(&text, (xg_str){date.ptr, date.len < 10 ? date.len : 10});
    xg_text_add(&text, XG_STR(" "));
    xg_text_add(&text, xg_args_str(args, "reason"));
    return XG_EXIT_OK;
}

/* ---- the document ---- */

json_t *xg_revoke_picks_document(const char *action, const xg_revoked_file *file, bool is_dry_run)
{
    return json_pack("{s:s, s:s, s:s, s:b, s:[]}", "schema", "xdsgate.revoke/1", "action", action, "set", file->label,
                     "dry_run", is_dry_run, "entries");
}

void xg_revoke_picks_tell(json_t *document, const xg_revoked_entry *entry, const char *result)
{
    json_array_append_new(json_object_get(document, "entries"),
                          json_pack("{s:s, s:s%, s:s}", "kind", xg_revoked_lines_kind_name(entry->kind), "value",
                                    entry->value.ptr != NULL ? entry->value.ptr : "", entry->value.len, "result",
                                    result));
}

int xg_revoke_picks_run(const xg_args *args, const char *action, xg_revoke_picks_change *change)
{
    xg_output_format format = XG_OUTPUT_TABLE;
    xg_revoked_set set = {0};
    xg_revoke_picks picks;
    xg_revoked_file file;
    bool is_dry_run = xg_args_has(args, "dry-run");
    if (!xg_output_pick(args, XG_OUTPUT_JSON | XG_OUTPUT_YAML, XG_OUTPUT_TABLE, &format)) {
        return XG_EXIT_USAGE;
    }
    int code = xg_revoke_picks_set(args, &set);
    if (code == XG_EXIT_OK) {
        code = xg_revoke_picks_read(args, &set, &picks);
    }
    if (code == XG_EXIT_OK) {
        code = xg_revoked_file_open(xg_args_value(args, "store"), &set, !is_dry_run, &file);
    }
    if (code != XG_EXIT_OK) {
        return code;
    }
    json_t *document = xg_revoke_picks_document(action, &file, is_dry_run);
    code = change(args, &set, &file, &picks, document);
    xg_revoked_file_close(&file);
    if (code == XG_EXIT_OK && format != XG_OUTPUT_TABLE) {
        xg_output_document(format, document);
    }
    json_decref(document);
    return code;
}
