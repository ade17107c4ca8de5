/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_revoke_check.c: `xdsgate revoke check`: whether a token is still good as far as revocation goes, and why not.
 *
 * The verdict is that of the plugin's own matching code on the store as the plugin loads it; the line is found by
 * asking the same code about parts of the list. Must never print the token. One thread.
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "revoke_picks.h"
#include "store_view.h"

#define SENTENCE_SIZE 1024
#define HITS_MAX      16
#define SHOWN_MAX     160

static const xg_flag FLAGS[] = {
    {"store", "DIR", "where xdsgate.so reads keys and lists; required", NULL, 0, false},
    {"mesh", "NAME", "the mesh that the token is for", NULL, 'm', false},
    {"for-zone", NULL, "it is a zone token", NULL, 0, false},
    {"token-file", "FILE", "the token in this file ('-' = stdin)", NULL, 0, false},
    {"jti", "ID", "id of the token, when there is no file", NULL, 0, false},
    {"kid", "KID", "key that signed it, beside --jti", NULL, 0, false},
    {"name", "NAME", "Dataplane name it is bound to, beside --jti", NULL, 0, false},
    {"workload", "NAME", "workload it is bound to, beside --jti", NULL, 0, false},
    {"issued-at", "TIME", "its iat, beside --jti: 2026-11-01T00:00:00Z, or seconds since 1970", NULL, 0, false},
    XG_OUTPUT_FLAG("table (default), json or yaml"),
};

typedef struct inquiry {
    xg_revoked_set set;
    const char *store;
    xg_revoke_token *token; /* NULL: only its id is known */
    xg_revocable revocable;
    bool is_age_unknown;
    xg_result verdict;
    json_t *lines; /* what revokes it */
    json_t *other; /* what else it would be denied for */
} inquiry;

/* ---- where ---- */

typedef struct search {
    const inquiry *inquiry;
    const xg_revoked_file *file;
    xg_str whole;
    size_t num_hits;
} search;

static xg_result ask(const search *s, xg_str text)
{
    xg_revocations *list = NULL;
    int64_t issued_before = 0;
    /* A lone line end means something only when it is the whole file. */
    if (xg_str_eq(text, XG_STR("\n")) && s->whole.len > 1) {
        return XG_OK;
    }
    XG_TRY(xg_revoked_file_parse(text, &list, NULL));
    xg_result result = xg_revocations_check(list, &s->inquiry->revocable, &issued_before);
    xg_revocations_unref(list);
    return result;
}

static void add_hit(search *s, xg_str line, size_t number, xg_result result)
{
    const xg_reason_info *info = xg_reason_find(xg_result_reason(result));
    while (line.len > 0 && (line.ptr[line.len - 1] == '\n' || line.ptr[line.len - 1] == '\r')) {
        line.len--;
    }
    if (s->num_hits++ < HITS_MAX) {
        json_t *text = line.len <= XG_REVOKED_LINE_SIZE ? json_stringn(line.ptr, line.len) : NULL;
        json_array_append_new(s->inquiry->lines, json_pack("{s:s, s:s, s:I, s:s, s:o}", "set", s->file->label, "file",
                                                           s->file->path, "line", (json_int_t)number, "reason",
                                                           info->name, "text", text != NULL ? text : json_null()));
    }
}

/* The line end nearest behind the middle that leaves something on both sides; 0: it is one line. */
static size_t middle_of(xg_str text)
{
    size_t half = text.len / 2;
    const char *end = memchr(text.ptr + half, '\n', text.len - half);
    if (end == NULL || (size_t)(end - text.ptr) + 1 == text.len) {
        end = memrchr(text.ptr, '\n', half);
    }
    return end != NULL ? (size_t)(end - text.ptr) + 1 : 0;
}

static size_t count_lines(xg_str text)
{
    size_t num = 0;
    for (size_t i = 0; i < text.len; i++) {
        num += text.ptr[i] == '\n' ? 1 : 0;
    }
    return num;
}

/* Halves the text as long as it revokes the token: deeper than the logarithm of its lines it cannot go. */
static void find_lines(search *s, xg_str text, size_t first_line)
{
    xg_result result = text.len > 0 && s->num_hits < HITS_MAX ? ask(s, text) : XG_OK;
    if (xg_is_ok(result)) {
        return;
    }
    size_t at = middle_of(text);
    if (at == 0) {
        add_hit(s, text, first_line, result);
        return;
    }
    const xg_str before = {text.ptr, at};
    find_lines(s, before, first_line);
    find_lines(s, xg_str_skip(text, at), first_line + count_lines(before));
}

static int search_list(inquiry *q, const xg_revoked_set *set)
{
    xg_revoked_file file;
    bool is_absent = false;
    int code = xg_revoked_file_look(q->store, set, &file, &is_absent);
    if (code != XG_EXIT_OK) {
        return code;
    }
    search s = {.inquiry = q, .file = &file, .whole = {file.text, file.len}};
    find_lines(&s, s.whole, 1);
    xg_revoked_file_close(&file);
    return XG_EXIT_OK;
}

/* ---- whether ---- */

static void add_other(inquiry *q, xg_result result)
{
    const xg_reason_info *info = xg_reason_find(xg_result_reason(result));
    json_array_append_new(q->other, json_string(info->name));
}

/* Key, signature and times, in the order of the decision. Only the key says which lists count. */
static void look_at_token(inquiry *q, xg_trust *trust)
{
    xg_pubkey *key = NULL;
    const xg_str kid = q->revocable.kid;
    xg_result result = kid.len > 0 ? xg_trust_find_key(trust, kid, &key) : XG_OK;
    if (xg_is_ok(result) && q->token != NULL) {
        result = key != NULL ? xg_pubkey_verify(key, q->token->jws.signing_input, q->token->jws.signature)
                             : XG_FAIL(KID_MISSING);
    }
    if (!xg_is_ok(result)) {
        add_other(q, result);
    }
    if (q->token == NULL) {
        return;
    }
    const xg_claims *claims = &q->token->claims;
    int64_t now = xg_clock_wall();
    if (claims->has_exp && claims->exp <= now) {
        add_other(q, XG_FAIL(EXPIRED));
    }
    if (claims->has_nbf && claims->nbf > now) {
        add_other(q, XG_FAIL(NOT_YET_VALID));
    }
}

static xg_result judge(inquiry *q, const xg_snapshot *snapshot)
{
    xg_trust trust = {0};
    int64_t issued_before = 0;
    if (q->set.mesh != NULL) {
        XG_TRY(xg_snapshot_find_mesh(snapshot, xg_str_of(q->set.mesh), &trust));
    } else {
        XG_TRY(xg_snapshot_find_zone(snapshot, &trust));
    }
    look_at_token(q, &trust);
    q->verdict = xg_trust_check_revoked(&trust, &q->revocable, true, &issued_before);
    XG_CHECK(xg_result_reason(q->verdict) != XG_REASON_KEYS_UNUSABLE, KEYS_UNUSABLE);
    if (xg_is_ok(q->verdict) && q->is_age_unknown) {
        xg_revocable ageless = q->revocable;
        ageless.has_iat = false;
        if (!xg_is_ok(xg_trust_check_revoked(&trust, &ageless, true, &issued_before))) {
            char storage[XG_CLOCK_TEXT_SIZE];
            xg_str time = xg_clock_format(issued_before, storage);
            xg_errors_note("tokens issued before %.*s are revoked too: say --issued-at TIME to ask for that",
                           (int)time.len, time.ptr);
        }
    }
    return XG_OK;
}

/* What the store refuses elsewhere is no part of the question; what it refuses of the set makes the set unusable. */
typedef struct refusal {
    char label[XG_MESH_NAME_MAX + 16]; /* as its sentences begin */
    char sentence[SENTENCE_SIZE];
} refusal;

static void name_set(const xg_revoked_set *set, refusal *r)
{
    xg_text text;
    xg_text_init(&text, r->label, sizeof(r->label));
    xg_text_add(&text, set->mesh != NULL ? XG_STR("mesh ") : XG_STR("zone"));
    if (set->mesh != NULL) {
        xg_text_quote(&text, xg_str_of(set->mesh), SHOWN_MAX / 2);
    }
    xg_text_add(&text, XG_STR(":"));
}

static void remember(void *arg, uint32_t reason, const char *sentence, size_t len)
{
    refusal *r = arg;
    const xg_str said = {sentence, len};
    bool is_ours = xg_str_starts_with(said, xg_str_of(r->label)) || xg_str_starts_with(said, XG_STR("any-mesh:"));
    if (reason != XG_REASON_OK && is_ours && r->sentence[0] == '\0') {
        xg_text text;
        xg_text_init(&text, r->sentence, sizeof(r->sentence));
        xg_text_add(&text, said);
    }
}

static int ask_store(inquiry *q)
{
    char storage[SENTENCE_SIZE];
    refusal refused = {.sentence = ""};
    xg_store_view view;
    xg_text error;
    name_set(&q->set, &refused);
    xg_text_init(&error, storage, sizeof(storage));
    xg_result result = xg_store_view_open(q->store, remember, &refused, &view, &error);
    bool is_open = xg_is_ok(result);
    if (is_open) {
        result = judge(q, view.snapshot);
    }
    xg_store_view_close(&view);
    if (xg_is_ok(result)) {
        return XG_EXIT_OK;
    }
    xg_errors_summary("nothing can be said of the token: the store cannot answer");
    xg_errors_where("%s", q->store);
    if (error.len > 0 || refused.sentence[0] != '\0') {
        xg_errors_note("%s", error.len > 0 ? storage : refused.sentence);
    } else {
        xg_errors_note_reason(result, xg_str_of(q->set.mesh));
    }
    xg_errors_help("'xdsgate doctor --store DIR' shows what is wrong with it");
    return is_open ? XG_EXIT_KEY : XG_EXIT_IO;
}

static bool is_revoked(const inquiry *q)
{
    return !xg_is_ok(q->verdict);
}

static int find_why(inquiry *q)
{
    const xg_revoked_set any_mesh = {.folder = "any-mesh"};
    int code = is_revoked(q) ? search_list(q, &q->set) : XG_EXIT_OK;
    if (code == XG_EXIT_OK && is_revoked(q) && q->set.mesh != NULL) {
        code = search_list(q, &any_mesh);
    }
    return code;
}

/* ---- the question and the answer ---- */

static bool read_time(const xg_args *args, inquiry *q)
{
    xg_str value = xg_args_str(args, "issued-at");
    uint64_t seconds = 0;
    q->revocable.has_iat = true;
    q->revocable.iat = INT64_MAX;
    q->is_age_unknown = !xg_args_has(args, "issued-at");
    if (q->is_age_unknown || xg_clock_parse(value, &q->revocable.iat)) {
        return true;
    }
    if (!xg_str_to_u64(value, INT64_MAX, &seconds)) {
        xg_errors_summary("--issued-at is no time");
        xg_errors_help("write 2026-11-01T00:00:00Z, in UTC with whole seconds, or seconds since 1970");
        return false;
    }
    q->revocable.iat = (int64_t)seconds;
    return true;
}

static int read_flags(const xg_args *args, inquiry *q)
{
    static const char *const BESIDE[] = {"kid", "name", "workload", "issued-at"};
    bool has_file = xg_args_has(args, "token-file");
    if (has_file == xg_args_has(args, "jti")) {
        xg_errors_summary("exactly one of --token-file and --jti is required");
        xg_errors_help("--token-file FILE reads the token itself; --jti ID asks for its id alone");
        return XG_EXIT_USAGE;
    }
    for (size_t i = 0; i < XG_ARRAY_LEN(BESIDE); i++) {
        if (has_file && xg_args_has(args, BESIDE[i])) {
            xg_errors_summary("--%s goes with --jti, not with --token-file", BESIDE[i]);
            xg_errors_help("the token says that itself: leave it out");
            return XG_EXIT_USAGE;
        }
    }
    if (!xg_args_check_text(args, "jti", XG_JTI_MAX) || !xg_args_check_text(args, "kid", XG_KID_MAX) ||
        !xg_args_check_text(args, "name", XG_MESH_NAME_MAX) ||
        !xg_args_check_text(args, "workload", XG_MESH_NAME_MAX)) {
        return XG_EXIT_USAGE;
    }
    q->revocable.jti = xg_args_str(args, "jti");
    q->revocable.kid = xg_args_str(args, "kid");
    q->revocable.name = xg_args_str(args, "name");
    q->revocable.workload = xg_args_str(args, "workload");
    return has_file || read_time(args, q) ? XG_EXIT_OK : XG_EXIT_USAGE;
}

static int read_token(const xg_args *args, inquiry *q, xg_revoke_token *token)
{
    int code = xg_revoke_picks_token(xg_args_value(args, "token-file"), &q->set, token);
    if (code != XG_EXIT_OK) {
        return code;
    }
    q->token = token;
    q->revocable = (xg_revocable){.jti = token->claims.jti,
                                  .kid = {token->header.kid, token->header.kid_len},
                                  .name = token->claims.name,
                                  .workload = token->claims.workload,
                                  .has_iat = token->claims.has_iat,
                                  .iat = token->claims.iat};
    return XG_EXIT_OK;
}

static void print_id(const char *label, xg_str id)
{
    char storage[SHOWN_MAX + 8];
    xg_text text;
    if (id.len > 0) {
        xg_text_init(&text, storage, sizeof(storage));
        xg_text_quote(&text, id, SHOWN_MAX);
        printf("%s%s\n", label, storage);
    }
}

static void print_words(const inquiry *q)
{
    puts(is_revoked(q) ? "revoked" : "not revoked");
    print_id("token id: ", q->revocable.jti);
    print_id("kid:      ", q->revocable.kid);
    for (size_t i = 0; i < json_array_size(q->lines); i++) {
        const json_t *line = json_array_get(q->lines, i);
        printf("by:       %s line %d (%s)\n", json_string_value(json_object_get(line, "file")),
               (int)json_integer_value(json_object_get(line, "line")),
               json_string_value(json_object_get(line, "reason")));
    }
    for (size_t i = 0; i < json_array_size(q->other); i++) {
        const char *name = json_string_value(json_array_get(q->other, i));
        printf("%s %s\n", is_revoked(q) ? "and also: " : "denied all the same:", name);
    }
    if (q->token == NULL) {
        puts("note:     the token itself was not looked at");
    }
}

static json_t *id_json(xg_str id)
{
    json_t *text = id.len > 0 ? json_stringn(id.ptr, id.len) : json_null();
    return text != NULL ? text : json_null();
}

static void print(const inquiry *q, xg_output_format format)
{
    char label[XG_MESH_NAME_MAX + 16];
    if (format == XG_OUTPUT_TABLE) {
        print_words(q);
        return;
    }
    xg_revoked_file_label(&q->set, label, sizeof(label));
    json_t *document =
        json_pack("{s:s, s:s, s:o, s:o, s:b, s:O, s:O, s:b}", "schema", "xdsgate.revocation/1", "set", label, "jti",
                  id_json(q->revocable.jti), "kid", id_json(q->revocable.kid), "revoked", is_revoked(q), "lines",
                  q->lines, "denied_for", q->other, "token_seen", q->token != NULL);
    xg_output_document(format, document);
    json_decref(document);
}

static int answer(inquiry *q, xg_output_format format)
{
    q->lines = json_array();
    q->other = json_array();
    int code = ask_store(q);
    if (code == XG_EXIT_OK) {
        code = find_why(q);
    }
    if (code == XG_EXIT_OK) {
        print(q, format);
        code = is_revoked(q) ? XG_EXIT_NO : XG_EXIT_OK;
    }
    json_decref(q->lines);
    json_decref(q->other);
    return code;
}

static int run(const xg_args *args)
{
    inquiry q = {.store = xg_args_value(args, "store")};
    xg_output_format format = XG_OUTPUT_TABLE;
    xg_revoke_token token;
    if (!xg_output_pick(args, XG_OUTPUT_TABLE | XG_OUTPUT_JSON | XG_OUTPUT_YAML, XG_OUTPUT_TABLE, &format)) {
        return XG_EXIT_USAGE;
    }
    int code = xg_revoke_picks_set(args, &q.set);
    if (code == XG_EXIT_OK) {
        code = read_flags(args, &q);
    }
    if (code == XG_EXIT_OK && xg_args_has(args, "token-file")) {
        code = read_token(args, &q, &token);
    }
    if (code == XG_EXIT_OK) {
        code = answer(&q, format);
    }
    if (q.token != NULL) {
        xg_revoke_picks_token_done(&token);
    }
    return code;
}

const xg_command XG_CMD_REVOKE_CHECK = {
    .noun = "revoke",
    .verb = "check",
    .summary = "say whether a token is revoked, and by which line",
    .usage = "--store DIR (--mesh NAME | --for-zone) (--token-file FILE | --jti ID [--kid KID]) [flags]",
    .detail =
        "The question is whether the token is still good as far as revocation goes: exit code 0 when nothing revokes\n"
        "it, 1 when something does. What else it would be denied for (expired, key retired or unknown, signature) is\n"
        "said too, without changing the exit code: 'xdsgate try' asks for the whole decision.\n",
    .example = "  xdsgate revoke check --store ./store --mesh payments-mesh --token-file ./token\n",
    .flags = FLAGS,
    .num_flags = XG_ARRAY_LEN(FLAGS),
    .run = run,
};
