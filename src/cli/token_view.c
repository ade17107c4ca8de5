/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token_view.c: a token taken apart for people, whoever wrote it.
 *
 * Owns what can be said of a token without a key: what is in it, where it is malformed, what profile `strict` would
 * miss. Must never say or suggest that a token was verified. Reads at most XG_CREDENTIAL_MAX bytes. One thread.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "token_view.h"
#include "xdsgate/auth.h"

static const char *const SEGMENTS[] = {"1 (header)", "2 (claims)", "3 (signature)"};

int xg_token_view_read(const xg_args *args, xg_secret *ret_token)
{
    const char *path = xg_args_value(args, "token-file");
    if (path != NULL && args->operand != NULL) {
        xg_errors_summary("%s and --token-file exclude each other", args->command->operand);
        xg_errors_help("name the token's file once");
        return XG_EXIT_USAGE;
    }
    path = path != NULL ? path : args->operand;
    return xg_secret_read_token(path != NULL ? path : "-", ret_token);
}

/* ---- where it is malformed ---- */

XG_PRINTF(2, 3)
static void note(xg_token_view *view, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (vsnprintf(view->note, sizeof(view->note), format, args) < 0) {
        view->note[0] = '\0';
    }
    va_end(args);
}

static size_t count_dots(xg_str token)
{
    size_t count = 0;
    for (size_t i = 0; i < token.len; i++) {
        count += token.ptr[i] == '.' ? 1 : 0;
    }
    return count;
}

static bool is_base64url(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* The segments one by one, by the dots. */
static bool next_segment(xg_str *rest, xg_str *ret_segment)
{
    if (rest->ptr == NULL) {
        return false;
    }
    const char *dot = rest->len > 0 ? memchr(rest->ptr, '.', rest->len) : NULL;
    *ret_segment = (xg_str){rest->ptr, dot != NULL ? (size_t)(dot - rest->ptr) : rest->len};
    *rest = dot != NULL ? xg_str_skip(*rest, ret_segment->len + 1) : (xg_str){NULL, 0};
    return true;
}

static void locate_segments(xg_str token, xg_token_view *view)
{
    size_t num_segments = count_dots(token) + 1;
    xg_str segment;
    size_t index = 0;
    if (num_segments == 5) {
        note(view, "expected 3 segments, found 5, as an encrypted token (JWE) has");
    } else if (num_segments != 3) {
        note(view, "expected 3 segments joined by dots, found %zu", num_segments);
    } else {
        for (xg_str rest = token; next_segment(&rest, &segment) && segment.len > 0;) {
            index++;
        }
        snprintf(view->where, sizeof(view->where), "segment %s", SEGMENTS[index < 3 ? index : 2]);
        note(view, "the segment is empty");
    }
}

/* One segment: false, with the place, if it is not canonical base64url. */
static bool check_segment(xg_str token, xg_str segment, size_t index, xg_token_view *view)
{
    uint8_t decoded[XG_CREDENTIAL_MAX / 4 * 3 + 8];
    size_t len = 0;
    size_t at = 0;
    while (at < segment.len && is_base64url(segment.ptr[at])) {
        at++;
    }
    if (at == segment.len && xg_b64url_decode(segment, decoded, &len)) {
        sodium_memzero(decoded, sizeof(decoded));
        return true;
    }
    size_t place = at < segment.len ? at : segment.len - 1;
    snprintf(view->where, sizeof(view->where), "segment %s, byte %zu of it, byte %zu of the token", SEGMENTS[index],
             place + 1, (size_t)(segment.ptr - token.ptr) + place + 1);
    if (at < segment.len) {
        note(view, "expected a letter, a digit, '-' or '_', found byte 0x%02x",
             (unsigned)(unsigned char)segment.ptr[at]);
    } else if (segment.len % 4 == 1) {
        note(view, "the segment is one letter too long or cut: no base64url has %zu letters", segment.len);
    } else {
        note(view, "the last letter carries bits beyond the last byte: cut or altered");
    }
    sodium_memzero(decoded, sizeof(decoded));
    return false;
}

static void locate(xg_str token, xg_result result, xg_token_view *view)
{
    xg_str segment;
    size_t index = 0;
    if (xg_str_starts_with(token, XG_STR("Bearer "))) {
        snprintf(view->where, sizeof(view->where), "byte 1 of the token");
        note(view, "it begins with 'Bearer ', which belongs to a request, not to a token");
        return;
    }
    switch (xg_result_reason(result)) {
    case XG_REASON_CREDENTIAL_EMPTY:
        note(view, "there is nothing in it");
        break;
    case XG_REASON_CREDENTIAL_TOO_LONG:
        snprintf(view->where, sizeof(view->where), "byte %d", XG_CREDENTIAL_MAX + 1);
        note(view, "expected at most %d bytes, found %zu", XG_CREDENTIAL_MAX, token.len);
        break;
    case XG_REASON_CREDENTIAL_SEGMENTS:
        locate_segments(token, view);
        break;
    default:
        for (xg_str rest = token; index < 3 && next_segment(&rest, &segment); index++) {
            if (!check_segment(token, segment, index, view)) {
                break;
            }
        }
        break;
    }
}

/* ---- what it holds ---- */

/* For showing only: a member that stands twice is refused first, and shown, as such, then. */
static json_t *read_object(xg_str text, size_t segment, xg_token_view *view)
{
    json_error_t error;
    json_t *object = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, &error);
    if (object == NULL && json_error_code(&error) == json_error_duplicate_key) {
        view->has_duplicates = true;
        object = json_loadb(text.ptr, text.len, 0, &error);
    }
    if (json_is_object(object)) {
        return object;
    }
    if (object == NULL) {
        snprintf(view->where, sizeof(view->where), "segment %s, byte %d of the JSON in it", SEGMENTS[segment],
                 error.position);
        note(view, "not JSON that can be read: %.180s", error.text);
    } else {
        snprintf(view->where, sizeof(view->where), "segment %s, byte 1 of the JSON in it", SEGMENTS[segment]);
        note(view, "expected an object in braces, found something else");
    }
    json_decref(object);
    return NULL;
}

/* Which kinds of token a claim belongs to. */
typedef enum claim_class { CLASS_UNKNOWN, CLASS_ANY, CLASS_DATAPLANE, CLASS_ZONE, CLASS_OTHER } claim_class;

/*
 * The plugin's own reader knows the claims; what it says of {"<name>":null}, which no claim but Scope may be, tells the
 * class of the name, so that no second table can go its own way.
 */
static uint32_t ask_reader(xg_str object, xg_token_kind kind)
{
    xg_claims claims;
    char field[XG_CLAIM_FIELD_SIZE];
    return xg_result_reason(xg_claims_parse(object, kind, &XG_TOKEN_LIMITS_DEFAULT, &claims, field));
}

static claim_class classify(const char *name)
{
    json_t *pair = json_pack("{s:n}", name);
    char *text = json_dumps(pair, JSON_COMPACT);
    uint32_t dataplane = text != NULL ? ask_reader(xg_str_of(text), XG_TOKEN_DATAPLANE) : XG_REASON_OK;
    uint32_t zone = text != NULL ? ask_reader(xg_str_of(text), XG_TOKEN_ZONE) : XG_REASON_OK;
    free(text);
    json_decref(pair);
    if (dataplane == XG_REASON_CLAIMS_OTHER_KIND) {
        return zone == XG_REASON_CLAIMS_OTHER_KIND ? CLASS_OTHER : CLASS_ZONE;
    }
    if (zone == XG_REASON_CLAIMS_OTHER_KIND) {
        return CLASS_DATAPLANE;
    }
    return dataplane == XG_REASON_OK ? CLASS_UNKNOWN : CLASS_ANY; /* a misspelt name is refused as any kind */
}

/* The kind by its members; *ret_nearest, never 0, is what the claims are read as. */
static xg_token_kind find_kind(const json_t *claims, xg_token_kind *ret_nearest)
{
    size_t counts[CLASS_OTHER + 1] = {0};
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)(uintptr_t)claims, name, value)
    {
        counts[classify(name)]++;
    }
    bool is_pure = counts[CLASS_OTHER] == 0;
    *ret_nearest = counts[CLASS_ZONE] > counts[CLASS_DATAPLANE] ? XG_TOKEN_ZONE : XG_TOKEN_DATAPLANE;
    if (is_pure && counts[CLASS_DATAPLANE] > 0 && counts[CLASS_ZONE] == 0) {
        return XG_TOKEN_DATAPLANE;
    }
    return is_pure && counts[CLASS_ZONE] > 0 && counts[CLASS_DATAPLANE] == 0 ? XG_TOKEN_ZONE : (xg_token_kind)0;
}

xg_result xg_token_view_open(xg_str token, xg_token_view *view)
{
    xg_token_kind nearest = XG_TOKEN_DATAPLANE;
    memset(view, 0, sizeof(*view));
    xg_result split = xg_jws_split(token, &XG_TOKEN_LIMITS_DEFAULT, &view->jws);
    if (!xg_is_ok(split)) {
        locate(token, split, view);
        return split;
    }
    view->header = read_object(view->jws.header, 0, view);
    XG_CHECK(view->header != NULL, HEADER_JSON);
    view->header_result = xg_header_scan(view->jws.header, &XG_TOKEN_LIMITS_DEFAULT, &view->strict_header);
    if (xg_is_ok(view->header_result) && !view->strict_header.has_kid) {
        view->header_result = XG_FAIL(KID_MISSING);
    }
    view->claims = read_object(view->jws.payload, 1, view);
    XG_CHECK(view->claims != NULL, CLAIMS_JSON);
    view->kind = find_kind(view->claims, &nearest);
    view->claims_result =
        xg_claims_parse(view->jws.payload, nearest, &XG_TOKEN_LIMITS_DEFAULT, &view->strict_claims, view->claims_field);
    return XG_OK;
}

void xg_token_view_done(xg_token_view *view)
{
    json_decref(view->header);
    json_decref(view->claims);
    sodium_memzero(view, sizeof(*view));
}

const char *xg_token_view_kind_name(const xg_token_view *view)
{
    switch (view->kind) {
    case XG_TOKEN_DATAPLANE:
        return "dataplane";
    case XG_TOKEN_ZONE:
        return "zone";
    default:
        return "other";
    }
}

xg_str xg_token_view_text(const xg_token_view *view, const char *claim)
{
    const json_t *value = json_object_get(view->claims, claim);
    return (xg_str){json_string_value(value), json_string_length(value)};
}

/* Two units at most: "3h2m", "2d", "45s". */
static void add_span(uint64_t seconds, xg_text *text)
{
    static const struct {
        uint64_t seconds;
        char letter;
    } UNITS[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
    size_t first = 0;
    while (first < 3 && seconds < UNITS[first].seconds) {
        first++;
    }
    uint64_t left = seconds % UNITS[first].seconds;
    xg_text_printf(text, "%" PRIu64 "%c", seconds / UNITS[first].seconds, UNITS[first].letter);
    if (first < 3 && left / UNITS[first + 1].seconds > 0) {
        xg_text_printf(text, "%" PRIu64 "%c", left / UNITS[first + 1].seconds, UNITS[first + 1].letter);
    }
}

void xg_token_view_relative(int64_t seconds, int64_t now, const char *future, const char *past, xg_text *text)
{
    if (seconds > now) {
        xg_text_printf(text, "%s in ", future);
        add_span((uint64_t)seconds - (uint64_t)now, text);
    } else {
        xg_text_printf(text, "%s ", past);
        add_span((uint64_t)now - (uint64_t)seconds, text);
        xg_text_add(text, XG_STR(" ago"));
    }
}

/* ---- what profile strict would miss ---- */

static void add_reason(json_t *findings, const xg_token_view *view, xg_result result, const char *field)
{
    const xg_finding finding = {.field = xg_str_of(field)};
    const xg_str kid = {view->strict_header.kid, view->strict_header.kid_len};
    const xg_reason_info *info = xg_reason_find(xg_result_reason(result));
    char storage[1024];
    xg_text text;
    xg_text_init(&text, storage, sizeof(storage));
    xg_explain(info->number, &finding, xg_token_view_text(view, "Mesh"), kid, &text);
    json_array_append_new(findings, json_pack("{s:I, s:s, s:s}", "number", (json_int_t)info->number, "name", info->name,
                                              "text", storage));
}

static void add_remark(json_t *findings, const char *name, const char *text)
{
    json_array_append_new(findings, json_pack("{s:n, s:s, s:s}", "number", "name", name, "text", text));
}

static void add_if(json_t *findings, const xg_token_view *view, bool is_missed, xg_result result)
{
    if (is_missed) {
        add_reason(findings, view, result, NULL);
    }
}

/* The demands of the default profile, in the order in which the plugin makes them. */
static void add_dataplane_demands(json_t *findings, const xg_token_view *view, const xg_profile *strict)
{
    const xg_claims *c = &view->strict_claims;
    bool is_wide = c->name.len == 0 && c->tags.len == 0 && c->workload.len == 0;
    bool is_typed = c->type.len == 0 || xg_str_eq(c->type, XG_STR("dataplane"));
    add_if(findings, view, strict->mesh_required && c->mesh.len == 0, XG_FAIL(POLICY_MESH));
    add_if(findings, view, strict->binding_required && is_wide, XG_FAIL(POLICY_MESH_WIDE));
    if (strict->type_checked && !is_typed) {
        add_remark(findings, "binding_type",
                   "Type is neither empty nor 'dataplane': no Dataplane is admitted with it.");
    }
}

static void add_zone_demands(json_t *findings, const xg_token_view *view, const xg_profile *strict)
{
    const xg_claims *c = &view->strict_claims;
    add_if(findings, view, strict->mesh_required && c->zone.len == 0, XG_FAIL(POLICY_ZONE));
    if (c->scope.len == 0) {
        add_remark(findings, "no_scope", "The Scope is empty: neither ingress nor egress is admitted with it.");
    }
}

static void add_demands(json_t *findings, const xg_token_view *view)
{
    const xg_profile *strict = xg_profile_at(0);
    const xg_claims *c = &view->strict_claims;
    add_if(findings, view, strict->exp_required && !c->has_exp, XG_FAIL(POLICY_EXP));
    add_if(findings, view, strict->jti_required && c->jti.len == 0, XG_FAIL(POLICY_JTI));
    if (view->kind == XG_TOKEN_ZONE) {
        add_zone_demands(findings, view, strict);
    } else {
        add_dataplane_demands(findings, view, strict);
    }
}

static void add_unknown_members(json_t *findings, const xg_token_view *view)
{
    char storage[512];
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach(view->claims, name, value)
    {
        xg_text text;
        if (classify(name) != CLASS_UNKNOWN) {
            continue;
        }
        xg_text_init(&text, storage, sizeof(storage));
        xg_text_add(&text, XG_STR("Claim "));
        xg_text_quote(&text, xg_str_of(name), 60);
        xg_text_add(&text, XG_STR(" is none that Kuma writes: it binds nothing and is ignored."));
        add_remark(findings, "unknown_member", storage);
    }
}

json_t *xg_token_view_findings(const xg_token_view *view)
{
    json_t *findings = json_array();
    if (findings == NULL) {
        return NULL;
    }
    if (!xg_is_ok(view->header_result)) {
        add_reason(findings, view, view->header_result, NULL);
    }
    if (view->has_duplicates) {
        add_remark(findings, "duplicate_member", "A member stands twice; of those only the last is shown here.");
    }
    if (!xg_is_ok(view->claims_result)) {
        add_reason(findings, view, view->claims_result, view->claims_field);
    } else if (view->kind == 0) {
        add_remark(findings, "no_kind", "No claim says that it is a dataplane token or a zone token.");
    } else {
        add_demands(findings, view);
    }
    add_unknown_members(findings, view);
    return findings;
}
