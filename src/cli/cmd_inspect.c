/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_inspect.c: `xdsgate inspect`: what is inside a token.
 *
 * The first thing it says is whether anybody checked the signature. Must never say "verified" unless the plugin's own
 * code has just verified the bytes shown, and never print the token. One thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "token_view.h"
#include "xdsgate/auth.h"

static const xg_flag FLAGS[] = {
    {"token-file", "FILE", "the token ('-' = stdin; default: FILE, or stdin)", NULL, 0, false},
    {"store", "DIR", "check the signature with the keys of this store", NULL, 0, false},
    {"mesh", "NAME", "with the keys of this mesh (default: the mesh that the token names)", NULL, 'm', false},
    {"key", "FILE", "check the signature with this public key in PEM", NULL, 0, false},
    {"now", "UNIX", "say what is past and what is to come as if it were this time", NULL, 0, false},
    XG_OUTPUT_FLAG("table, json or yaml (default: table)"),
};

/* What became of the signature. */
typedef struct verdict {
    bool is_asked;
    bool is_verified;
    char sentence[512]; /* ASCII */
} verdict;

XG_PRINTF(2, 3)
static void say(verdict *v, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (vsnprintf(v->sentence, sizeof(v->sentence), format, args) < 0) {
        v->sentence[0] = '\0';
    }
    va_end(args);
}

static void say_reason(verdict *v, xg_result result, xg_str mesh, xg_str kid)
{
    const xg_finding finding = {0};
    xg_text text;
    xg_text_init(&text, v->sentence, sizeof(v->sentence));
    xg_explain(xg_result_reason(result), &finding, mesh, kid, &text);
}

static xg_str kid_of(const xg_token_view *view)
{
    return (xg_str){view->strict_header.kid, view->strict_header.kid_len};
}

static void quote(xg_str s, char storage[256])
{
    xg_text text;
    xg_text_init(&text, storage, 256);
    xg_text_quote(&text, s, 80);
}

/* The header has to be one that the plugin would read: it names algorithm and key. */
static xg_result verify_with(const xg_token_view *view, const xg_pubkey *key)
{
    XG_TRY(view->header_result);
    return xg_pubkey_verify(key, view->jws.signing_input, view->jws.signature);
}

/* ---- --key ---- */

static int check_with_key(const char *path, const xg_token_view *view, xg_crypto *crypto, verdict *v)
{
    xg_secret pem = {0};
    xg_pubkey *key = NULL;
    char kid[256];
    int code = xg_secret_read_key(AT_FDCWD, path, path, XG_SECRET_EITHER, &pem);
    if (code != XG_EXIT_OK) {
        return code;
    }
    xg_result result = xg_keyfile_parse(crypto, (xg_str){pem.ptr, pem.len}, &key);
    xg_secret_done(&pem);
    if (!xg_is_ok(result)) {
        return xg_errors_reason("the key cannot be used", path, result);
    }
    result = verify_with(view, key);
    xg_pubkey_unref(key);
    v->is_verified = xg_is_ok(result);
    if (v->is_verified) {
        quote(kid_of(view), kid);
        say(v, "signature verified with the key that was given; the token calls it %s", kid);
    } else {
        say_reason(v, result, (xg_str){NULL, 0}, kid_of(view));
    }
    return XG_EXIT_OK;
}

/* ---- --store ---- */

static void report(void *arg, uint32_t reason, const char *sentence, size_t len)
{
    (void)arg;
    (void)reason;
    xg_errors_warning("%.*s", (int)len, sentence);
}

static xg_result check_with_snapshot(const xg_snapshot *snapshot, xg_str mesh, const xg_token_view *view,
                                     xg_trust *trust)
{
    xg_pubkey *key = NULL;
    XG_TRY(view->header_result);
    XG_TRY(mesh.len > 0 ? xg_snapshot_find_mesh(snapshot, mesh, trust) : xg_snapshot_find_zone(snapshot, trust));
    XG_TRY(xg_trust_find_key(trust, kid_of(view), &key));
    return verify_with(view, key);
}

/* Says so if the keys are not those of the mesh that the token itself names. */
static void say_verified(verdict *v, xg_str mesh, bool is_shared, const xg_token_view *view)
{
    char kid_text[256];
    char mesh_text[256];
    char other_text[256];
    xg_str named = xg_token_view_text(view, "Mesh");
    bool is_other = named.len > 0 && !xg_str_eq(named, mesh);
    quote(kid_of(view), kid_text);
    quote(mesh, mesh_text);
    quote(named, other_text);
    if (mesh.len == 0) {
        say(v, "signature verified with key %s of the zone", kid_text);
    } else if (is_shared) {
        say(v, "signature verified with key %s, which serves any mesh", kid_text);
    } else {
        say(v, "signature verified with key %s of mesh %s%s%s", kid_text, mesh_text,
            is_other ? "; but the token is for mesh " : "", is_other ? other_text : "");
    }
}

static xg_result load_store(const char *path, xg_crypto *crypto, xg_snapshot **ret_snapshot, xg_text *reterr)
{
    const xg_dirstore_limits limits = {XG_MESHES_MAX, XG_REVOKED_MAX};
    xg_dirstore *store = NULL;
    XG_TRY(xg_dirstore_open(path, crypto, &limits, &store, reterr));
    xg_result result = xg_dirstore_load(store, NULL, report, NULL, ret_snapshot, reterr);
    xg_dirstore_close(store);
    return result;
}

static int check_with_store(const char *given, xg_str mesh, const xg_token_view *view, xg_crypto *crypto, verdict *v)
{
    char path[PATH_MAX];
    char sentence[1024];
    xg_text error;
    xg_snapshot *snapshot = NULL;
    xg_trust trust = {0};
    if (realpath(given, path) == NULL) {
        return xg_errors_io("open the store", given, errno);
    }
    xg_text_init(&error, sentence, sizeof(sentence));
    xg_result result = load_store(path, crypto, &snapshot, &error);
    if (!xg_is_ok(result)) {
        xg_errors_reason("the store cannot be read", path, result);
        if (error.len > 0) {
            xg_errors_note("%s", sentence);
        }
        return XG_EXIT_IO;
    }
    result = check_with_snapshot(snapshot, mesh, view, &trust);
    v->is_verified = xg_is_ok(result);
    if (v->is_verified) {
        say_verified(v, mesh, trust.is_key_shared, view);
    } else {
        say_reason(v, result, mesh, kid_of(view));
    }
    xg_snapshot_unref(snapshot);
    return XG_EXIT_OK;
}

/* The mesh whose keys count: a zone token has none. What the token says may choose among keys that are all trusted. */
static bool find_mesh(const xg_args *args, const xg_token_view *view, xg_str *ret_mesh)
{
    *ret_mesh = xg_args_has(args, "mesh") ? xg_args_str(args, "mesh") : xg_token_view_text(view, "Mesh");
    if (ret_mesh->len > 0 || view->kind == XG_TOKEN_ZONE) {
        return true;
    }
    xg_errors_summary("the token names no mesh, so it is not known whose keys to check it with");
    xg_errors_help("say it with --mesh NAME");
    return false;
}

static int check(const xg_args *args, const xg_token_view *view, verdict *v)
{
    xg_crypto *crypto = NULL;
    xg_str mesh = {NULL, 0};
    v->is_asked = xg_args_has(args, "store") || xg_args_has(args, "key");
    if (!v->is_asked) {
        say(v, "nobody checked the signature");
        return XG_EXIT_OK;
    }
    if (xg_args_has(args, "store") && !find_mesh(args, view, &mesh)) {
        return XG_EXIT_USAGE;
    }
    if (!xg_is_ok(xg_crypto_new(&crypto))) {
        return xg_errors_io("verify", "memory", ENOMEM);
    }
    int code = xg_args_has(args, "key") ? check_with_key(xg_args_value(args, "key"), view, crypto, v)
                                        : check_with_store(xg_args_value(args, "store"), mesh, view, crypto, v);
    xg_crypto_free(crypto);
    return code;
}

/* ---- showing ---- */

static const struct {
    const char *claim;
    const char *future;
    const char *past;
} TIMES[] = {{"iat", "issued", "issued"}, {"nbf", "begins", "began"}, {"exp", "expires", "expired"}};

/* The claim as a time, and how far it is from now; false if it is none. */
static bool describe_time(const json_t *claims, size_t which, int64_t now, char at[XG_CLOCK_TEXT_SIZE], xg_text *text)
{
    const json_t *value = json_object_get(claims, TIMES[which].claim);
    if (!json_is_integer(value)) {
        return false;
    }
    xg_clock_format(json_integer_value(value), at);
    xg_token_view_relative(json_integer_value(value), now, TIMES[which].future, TIMES[which].past, text);
    return true;
}

static bool is_binding(const char *name)
{
    static const char *const BINDINGS[] = {"Name", "Mesh", "Tags", "Workload", "Zone", "Scope"};
    for (size_t i = 0; i < XG_ARRAY_LEN(BINDINGS); i++) {
        if (strcmp(name, BINDINGS[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_empty(const json_t *value)
{
    return json_is_null(value) || (json_is_string(value) && json_string_length(value) == 0) ||
           ((json_is_array(value) || json_is_object(value)) && json_object_size(value) + json_array_size(value) == 0);
}

static void add_row(json_t *rows, const char *part, const char *name, const json_t *value, const char *meaning)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
    json_array_append_new(
        rows, json_pack("{s:s, s:s, s:s?, s:s}", "part", part, "member", name, "value", text, "meaning", meaning));
    free(text);
}

/* What a claim means: a time, a binding or nothing. */
static void add_meaning(const json_t *claims, const char *name, const json_t *value, int64_t now, xg_text *text)
{
    char at[XG_CLOCK_TEXT_SIZE];
    char storage[80];
    xg_text relative;
    xg_text_init(&relative, storage, sizeof(storage));
    for (size_t i = 0; i < XG_ARRAY_LEN(TIMES); i++) {
        if (strcmp(name, TIMES[i].claim) == 0 && describe_time(claims, i, now, at, &relative)) {
            xg_text_printf(text, "%s, %s", at, storage);
        }
    }
    if (is_binding(name)) {
        xg_text_add(text, is_empty(value) ? XG_STR("not bound") : XG_STR("binding"));
    }
}

static json_t *claim_rows(const xg_token_view *view, int64_t now)
{
    json_t *rows = json_array();
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach(view->header, name, value)
    {
        add_row(rows, "header", name, value, "");
    }
    json_object_foreach(view->claims, name, value)
    {
        char storage[200];
        xg_text text;
        xg_text_init(&text, storage, sizeof(storage));
        add_meaning(view->claims, name, value, now, &text);
        add_row(rows, "claims", name, value, storage);
    }
    return rows;
}

static void print_findings(const json_t *findings)
{
    size_t index = 0;
    json_t *finding = NULL;
    if (json_array_size(findings) == 0) {
        printf("profile strict: nothing that it demands of a token is missing\n");
        return;
    }
    printf("profile strict, and what else there is to know:\n");
    json_array_foreach(findings, index, finding)
    {
        printf("  %s: %s\n", json_string_value(json_object_get(finding, "name")),
               json_string_value(json_object_get(finding, "text")));
    }
}

static void print_text(const xg_token_view *view, const verdict *v, const char *fingerprint, int64_t now,
                       const json_t *findings)
{
    static const xg_output_column COLUMNS[] = {
        {"PART", "part"}, {"MEMBER", "member"}, {"VALUE", "value"}, {"MEANING", "meaning"}};
    json_t *rows = claim_rows(view, now);
    printf("%s%s\n", v->is_verified ? "" : "NOT VERIFIED: ", v->sentence);
    printf("kind:    %s\n", xg_token_view_kind_name(view));
    printf("SHA-256: %s\n\n", fingerprint);
    xg_output_table(rows, COLUMNS, XG_ARRAY_LEN(COLUMNS), "nothing");
    putchar('\n');
    print_findings(findings);
    if (v->is_verified) {
        printf("Times, revocations and bindings were not judged: 'xdsgate verify' and 'xdsgate try' do.\n");
    }
    json_decref(rows);
}

static json_t *times_json(const xg_token_view *view, int64_t now)
{
    json_t *times = json_object();
    for (size_t i = 0; i < XG_ARRAY_LEN(TIMES); i++) {
        char at[XG_CLOCK_TEXT_SIZE];
        char storage[80];
        xg_text text;
        xg_text_init(&text, storage, sizeof(storage));
        bool is_time = describe_time(view->claims, i, now, at, &text);
        json_object_set_new(times, TIMES[i].claim,
                            is_time ? json_pack("{s:s, s:s}", "at", at, "relative", storage) : json_null());
    }
    return times;
}

static json_t *bindings_json(const xg_token_view *view)
{
    json_t *bindings = json_object();
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach(view->claims, name, value)
    {
        if (is_binding(name) && !is_empty(value)) {
            json_object_set(bindings, name, value);
        }
    }
    return bindings;
}

static json_t *document(const xg_token_view *view, const verdict *v, const char *fingerprint, int64_t now,
                        json_t *findings)
{
    return json_pack("{s:s, s:b, s:s, s:s, s:s, s:O?, s:O?, s:O, s:O, s:o, s:o, s:O}", "schema", "xdsgate.token/1",
                     "verified", v->is_verified, "verification", v->sentence, "kind", xg_token_view_kind_name(view),
                     "fingerprint", fingerprint, "jti", json_object_get(view->claims, "jti"), "kid",
                     json_object_get(view->header, "kid"), "header", view->header, "claims", view->claims, "times",
                     times_json(view, now), "bindings", bindings_json(view), "findings", findings);
}

static void print(const xg_token_view *view, const verdict *v, xg_str token, int64_t now, xg_output_format format)
{
    char fingerprint[XG_OUTPUT_FINGERPRINT_SIZE];
    json_t *findings = xg_token_view_findings(view);
    xg_output_fingerprint(token, fingerprint);
    if (format == XG_OUTPUT_TABLE) {
        print_text(view, v, fingerprint, now, findings);
    } else {
        json_t *whole = document(view, v, fingerprint, now, findings);
        xg_output_document(format, whole);
        json_decref(whole);
    }
    json_decref(findings);
}

/* ---- the command ---- */

static int refuse_malformed(const xg_token_view *view, xg_result result)
{
    const xg_reason_info *info = xg_reason_find(xg_result_reason(result));
    xg_errors_summary("the token is malformed: %s", view->note);
    if (view->where[0] != '\0') {
        xg_errors_where("%s", view->where);
    }
    xg_errors_note("%s (%s)", info->text, info->name);
    xg_errors_help("%s", info->help);
    return XG_EXIT_USAGE;
}

static int inspect(const xg_args *args, xg_str token, int64_t now, xg_output_format format)
{
    xg_token_view view;
    verdict v = {0};
    xg_result result = xg_token_view_open(token, &view);
    int code = xg_is_ok(result) ? check(args, &view, &v) : refuse_malformed(&view, result);
    if (code == XG_EXIT_OK) {
        print(&view, &v, token, now, format);
        code = v.is_asked && !v.is_verified ? XG_EXIT_NO : XG_EXIT_OK;
    }
    xg_token_view_done(&view);
    return code;
}

static bool check_flags(const xg_args *args)
{
    if (xg_args_has(args, "store") && xg_args_has(args, "key")) {
        xg_errors_summary("--store and --key exclude each other");
        xg_errors_help("one signature, one answer: ask twice");
        return false;
    }
    if (xg_args_has(args, "mesh") && !xg_args_has(args, "store")) {
        xg_errors_summary("--mesh goes with --store");
        xg_errors_help("it says whose keys of the store count");
        return false;
    }
    return true;
}

static int run(const xg_args *args)
{
    xg_output_format format = XG_OUTPUT_TABLE;
    xg_secret token = {0};
    int64_t now = xg_clock_wall();
    int64_t nanos = 0;
    if (!xg_output_pick(args, XG_OUTPUT_TABLE | XG_OUTPUT_JSON | XG_OUTPUT_YAML, XG_OUTPUT_TABLE, &format) ||
        !check_flags(args)) {
        return XG_EXIT_USAGE;
    }
    if (xg_args_has(args, "now") && !xg_duration_parse_instant(xg_args_str(args, "now"), &now, &nanos)) {
        xg_errors_summary("--now is not a time");
        xg_errors_help("write seconds since 1970, like 1767323045");
        return XG_EXIT_USAGE;
    }
    int code = xg_token_view_read(args, &token);
    if (code == XG_EXIT_OK) {
        code = inspect(args, (xg_str){token.ptr, token.len}, now, format);
    }
    xg_secret_done(&token);
    return code;
}

const xg_command XG_CMD_INSPECT = {
    .noun = "inspect",
    .operand = "FILE",
    .is_operand_optional = true,
    .summary = "show what is inside a token",
    .usage = "[FILE] [--store DIR [--mesh NAME] | --key FILE] [--now UNIX] [-o FORMAT]",
    .detail = "Without --store and --key nobody checks the signature, and what is shown may be anybody's invention. "
              "With one\n"
              "of them the first line says which key verified it, or why none did; then the exit code is 1. That a "
              "signature\n"
              "holds does not make a token good: see 'xdsgate verify'.\n",
    .example = "  xdsgate inspect token\n"
               "  xdsgate inspect --store ./store -o json < token\n",
    .flags = FLAGS,
    .num_flags = XG_ARRAY_LEN(FLAGS),
    .run = run,
};
