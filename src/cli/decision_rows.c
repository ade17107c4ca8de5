/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decision_rows.c: how far a decision came: which check a reason belongs to, and what each check compared.
 *
 * The verdicts follow from the decision alone, so they cannot contradict it. Every check before the one that the reason
 * names has held, because the plugin looks at nothing before the check above it held; that one failed; what comes
 * behind was not reached, and is not guessed at. Must never decide anything, and never show a claim of a token whose
 * signature did not hold. One thread.
 */
#include <jansson.h>
#include <sodium.h>

#include "decision_view.h"
#include "xdsgate/auth.h"

#define CELL_SIZE 1024

static const struct {
    unsigned number;
    const char *title;
} STAGES[] = {
    [XG_STAGE_UNKNOWN] = {0, "any check: the decision could not be completed"},
    [XG_STAGE_REQUEST] = {1, "the request is complete and within the limits"},
    [XG_STAGE_NODE] = {2, "the node id is <mesh>.<name>"},
    [XG_STAGE_TOKEN] = {3, "the token is three segments of base64url"},
    [XG_STAGE_HEADER] = {4, "the header says RS256 and names a key"},
    [XG_STAGE_TRUST] = {5, "the mesh or the zone is known and has keys"},
    [XG_STAGE_KEY] = {6, "the key is known there and not retired"},
    [XG_STAGE_SIGNATURE] = {7, "the signature is of that key"},
    [XG_STAGE_CLAIMS] = {8, "the claims are those of the kind of token"},
    [XG_STAGE_TIMES] = {9, "the time is within those of the token"},
    [XG_STAGE_REVOKED] = {10, "the token is not revoked"},
    [XG_STAGE_POLICY] = {11, "the token has what the profile demands"},
    [XG_STAGE_BINDINGS] = {12, "the proxy presents what the token is bound to"},
    [XG_STAGE_SESSION] = {13, "the session can be tracked, if the host asks for that"},
    [XG_STAGE_NEVER] = {0,
                        "no check of a decision: a key file, a configuration, a call of the plugin or a live session"},
    [XG_STAGE_NONE] = {0, "none: every check held"},
};

/* The first row that holds a reason counts. */
static const struct {
    uint32_t first;
    uint32_t last;
    xg_decision_stage stage;
} REASONS[] = {
    {XG_REASON_OK, XG_REASON_OK, XG_STAGE_NONE},
    {XG_REASON_REQUEST_SIZE, XG_REASON_REQUEST_TOO_MANY, XG_STAGE_REQUEST},
    {XG_REASON_CREDENTIAL_EMPTY, XG_REASON_CREDENTIAL_BASE64, XG_STAGE_TOKEN},
    {XG_REASON_CLAIMS_JSON, XG_REASON_CLAIMS_TOO_MANY, XG_STAGE_CLAIMS},
    {XG_REASON_HEADER_JSON, XG_REASON_HEADER_FORBIDDEN, XG_STAGE_HEADER},
    {XG_REASON_MESH_UNKNOWN, XG_REASON_KEYS_UNUSABLE, XG_STAGE_TRUST},
    {XG_REASON_KEY_UNKNOWN, XG_REASON_KEY_RETIRED, XG_STAGE_KEY},
    {XG_REASON_SIGNATURE_LENGTH, XG_REASON_SIGNATURE_INVALID, XG_STAGE_SIGNATURE},
    {XG_REASON_KEY_FILE, XG_REASON_STORE_UNREADABLE, XG_STAGE_NEVER},
    {XG_REASON_EXPIRED, XG_REASON_NOT_YET_VALID, XG_STAGE_TIMES},
    {XG_REASON_REVOKED_JTI, XG_REASON_REVOKED_NO_JTI, XG_STAGE_REVOKED},
    {XG_REASON_BINDING_NODE, XG_REASON_BINDING_NODE, XG_STAGE_NODE},
    {XG_REASON_BINDING_NAME, XG_REASON_BINDING_TYPE, XG_STAGE_BINDINGS},
    {XG_REASON_SESSION_UNSUPPORTED, XG_REASON_SESSION_UNSUPPORTED, XG_STAGE_REQUEST},
    {XG_REASON_SESSION_DUPLICATE, XG_REASON_SESSION_UNSETTLED, XG_STAGE_SESSION},
    {XG_REASON_SESSION_POLICY, XG_REASON_REENTRANT, XG_STAGE_NEVER},
    {XG_REASON_POLICY_EXP, XG_REASON_POLICY_ZONE_ENTITIES, XG_STAGE_POLICY},
    {XG_REASON_POLICY_NO_ZONE, XG_REASON_POLICY_NO_ZONE, XG_STAGE_BINDINGS},
    {XG_REASON_CONFIG_JSON, XG_REASON_WORKLOAD_SPACE, XG_STAGE_NEVER},
    {XG_REASON_SELF_TEST, XG_REASON_SELF_TEST, XG_STAGE_NEVER},
};

xg_decision_stage xg_decision_rows_stage(uint32_t reason)
{
    for (size_t i = 0; i < XG_ARRAY_LEN(REASONS); i++) {
        if (reason >= REASONS[i].first && reason <= REASONS[i].last) {
            return REASONS[i].stage;
        }
    }
    return XG_STAGE_UNKNOWN;
}

const char *xg_decision_rows_title(xg_decision_stage stage)
{
    return STAGES[stage].title;
}

unsigned xg_decision_rows_number(xg_decision_stage stage)
{
    return STAGES[stage].number;
}

typedef struct builder {
    json_t *rows;
    const xg_decision *decision;
    const xg_request *request;
    const xg_policy *policy; /* may be NULL */
    int64_t now;
    xg_decision_stage failing;
    uint32_t binding; /* the one that failed, XG_BINDING_*; NONE if it was none of the token's */
    bool has_failed;  /* the rows have come to the one that failed */
    bool has_lost;    /* memory ran out */
    bool has_claims;  /* they may be shown: the decision proves that they held */
    xg_jws jws;
    xg_claims claims;
    bool has_tag; /* which tag failed is known */
    xg_finding finding;
} builder;

/* What a proxy presents need not be UTF-8. */
static json_t *cell(xg_str s)
{
    char storage[CELL_SIZE];
    xg_text text;
    json_t *value = s.len > 0 ? json_stringn(s.ptr, s.len) : json_string("");
    if (value == NULL) {
        xg_text_init(&text, storage, sizeof(storage));
        xg_text_quote(&text, s, CELL_SIZE / 2);
        value = json_string(storage);
    }
    return value;
}

static void add(builder *b, const char *binding, xg_str expected, xg_str presented, const char *verdict)
{
    json_t *row = json_pack("{s:s, s:o, s:o, s:s}", "binding", binding, "expected", cell(expected), "presented",
                            cell(presented), "verdict", verdict);
    b->has_lost = json_array_append_new(b->rows, row) != 0 || b->has_lost;
}

/* A row for the checks from first to last; held: what is said of it when the decision went on behind it. */
static void add_stage(builder *b, xg_decision_stage first, xg_decision_stage last, const char *name, xg_str expected,
                      xg_str presented, const char *held)
{
    const char *verdict = held;
    if (b->failing < first) {
        verdict = "not reached";
    } else if (b->failing <= last) {
        verdict = "FAILED";
        b->has_failed = true;
    }
    add(b, name, expected, presented, verdict);
}

/* What stands in place of claims that are no facts. */
static xg_str unknown(const builder *b)
{
    return b->decision->kid_len > 0 ? XG_STR("(claims not read)") : XG_STR("(token not verified)");
}

/* A row of what the token is bound to. */
static void add_binding(builder *b, bool is_failing, const char *name, xg_str expected, xg_str presented,
                        const char *held)
{
    const char *verdict = held;
    if (b->has_failed) {
        verdict = "not reached";
    } else if (is_failing) {
        verdict = "FAILED";
        b->has_failed = true;
    } else if (!b->has_claims) {
        verdict = "not checked"; /* by this program: the plugin knows more than it */
    }
    add(b, name, b->has_claims ? expected : unknown(b), presented, verdict);
}

static const char *bound(xg_str expected)
{
    return expected.len > 0 ? "ok" : "not bound";
}

/* ---- tags ---- */

static void add_word(xg_text *list, xg_str word)
{
    xg_text_add(list, list->len > 0 ? XG_STR(", ") : XG_STR(""));
    xg_text_add(list, word);
}

static xg_str join(xg_str items, char *storage)
{
    xg_text list;
    xg_json item;
    xg_text_init(&list, storage, CELL_SIZE);
    for (xg_str rest = items; xg_json_next(&rest, &item);) {
        add_word(&list, (xg_str){NULL, 0});
        xg_json_decode(&item, &list);
    }
    return (xg_str){list.ptr, list.len};
}

static bool has_pair(const xg_tag *tags, size_t num_tags, const xg_json *key, xg_str value)
{
    for (size_t i = 0; i < num_tags; i++) {
        if (xg_json_is(key, tags[i].key) && xg_str_eq(tags[i].value, value)) {
            return true;
        }
    }
    return false;
}

/* The values that the proxy has for a tag, each once, from where the profile looks for them. */
static xg_str presented_values(const builder *b, const xg_json *key, char *storage)
{
    const xg_request *r = b->request;
    xg_tag_source source = b->policy != NULL ? b->policy->profile.tag_source : XG_TAGS_UNION;
    size_t num_tags = (source & XG_TAGS_INBOUND) != 0 ? r->num_tags : 0;
    size_t num_labels = (source & XG_TAGS_LABELS) != 0 ? r->num_labels : 0;
    xg_text list;
    xg_text_init(&list, storage, CELL_SIZE);
    for (size_t i = 0; i < num_tags; i++) {
        if (xg_json_is(key, r->tags[i].key) && !has_pair(r->tags, i, key, r->tags[i].value)) {
            add_word(&list, r->tags[i].value);
        }
    }
    for (size_t i = 0; i < num_labels; i++) {
        if (xg_json_is(key, r->labels[i].key) && !has_pair(r->labels, i, key, r->labels[i].value) &&
            !has_pair(r->tags, num_tags, key, r->labels[i].value)) {
            add_word(&list, r->labels[i].value);
        }
    }
    return (xg_str){list.ptr, list.len};
}

/* The next tag in byte order behind *last, which is how the plugin goes through them. */
static bool next_tag(xg_str tags, const xg_json *last, xg_json *ret_key, xg_json *ret_values)
{
    xg_json key, values;
    bool is_found = false;
    for (xg_str rest = tags; xg_json_next_member(&rest, &key, &values);) {
        if ((last != NULL && xg_json_cmp(&key, last) <= 0) || (is_found && xg_json_cmp(&key, ret_key) >= 0)) {
            continue;
        }
        *ret_key = key;
        *ret_values = values;
        is_found = true;
    }
    return is_found;
}

static void add_tag(builder *b, const xg_json *key, xg_str allowed)
{
    char name[CELL_SIZE];
    char expected[CELL_SIZE];
    char presented[CELL_SIZE];
    xg_text text;
    xg_text_init(&text, name, sizeof(name));
    xg_text_add(&text, XG_STR("tag "));
    xg_json_decode(key, &text);
    bool is_failing = b->binding == XG_BINDING_TAG && b->has_tag && xg_json_is(key, b->finding.field);
    add_binding(b, is_failing, xg_str_is_utf8((xg_str){text.ptr, text.len}) ? name : "tag", join(allowed, expected),
                presented_values(b, key, presented), "ok");
}

static void add_tags(builder *b)
{
    xg_json key = {0}, values = {0}, last = {0};
    if (b->binding == XG_BINDING_TAG && !b->has_tag) { /* which one, only the sentence says */
        add_binding(b, true, "tags", XG_STR("(see the text)"), (xg_str){NULL, 0}, "");
        return;
    }
    for (bool is_first = true; next_tag(b->claims.tags, is_first ? NULL : &last, &key, &values); is_first = false) {
        add_tag(b, &key, values.raw);
        last = key;
    }
}

/* ---- the other bindings ---- */

static xg_str workload_label(const xg_request *r)
{
    for (size_t i = 0; i < r->num_labels; i++) {
        if (xg_str_eq(r->labels[i].key, XG_STR("kuma.io/workload"))) {
            return r->labels[i].value;
        }
    }
    return (xg_str){NULL, 0};
}

static void add_workload(builder *b)
{
    xg_str presented = workload_label(b->request);
    bool is_compared =
        (b->request->flags & XG_FLAG_IDENTITY_FROM_WORKLOAD) != 0 ||
        (b->policy != NULL ? b->policy->profile.workload_enforced : xg_str_eq(presented, b->claims.workload));
    const char *held = b->claims.workload.len > 0 && !is_compared ? "not checked" : bound(b->claims.workload);
    add_binding(b, b->binding == XG_BINDING_WORKLOAD, "workload", b->claims.workload, presented, held);
}

static void add_dataplane(builder *b)
{
    const xg_request *r = b->request;
    bool is_checked = b->policy != NULL && b->policy->profile.type_checked;
    add_binding(b, b->binding == XG_BINDING_NAME, "name", b->claims.name, r->name, bound(b->claims.name));
    add_binding(b, b->binding == XG_BINDING_MESH, "mesh", b->claims.mesh, r->mesh, bound(b->claims.mesh));
    add_tags(b);
    add_workload(b);
    if (b->claims.type.len > 0 || b->binding == XG_BINDING_TYPE) {
        add_binding(b, b->binding == XG_BINDING_TYPE, "type", b->claims.type, XG_STR("dataplane"),
                    is_checked ? "ok" : "not checked");
    }
}

static void add_zone(builder *b)
{
    char scope[CELL_SIZE];
    xg_str zone = b->request->zone;
    if (zone.len == 0 && b->policy != NULL) {
        zone = xg_str_of(b->policy->zone);
    }
    add_binding(b, b->binding == XG_BINDING_SCOPE, "scope", join(b->claims.scope, scope),
                b->request->kind == XG_KIND_ZONE_INGRESS ? XG_STR("ingress") : XG_STR("egress"), "ok");
    add_binding(b, b->binding == XG_BINDING_ZONE, "zone", b->claims.zone, zone, bound(b->claims.zone));
}

/* Whether the binding that failed is one of the rows. */
static bool has_row(const builder *b)
{
    switch (b->binding) {
    case XG_BINDING_NAME:
    case XG_BINDING_MESH:
    case XG_BINDING_TAG:
    case XG_BINDING_WORKLOAD:
    case XG_BINDING_TYPE:
        return b->request->kind == XG_KIND_DATAPLANE;
    case XG_BINDING_SCOPE:
    case XG_BINDING_ZONE:
        return b->request->kind != XG_KIND_DATAPLANE;
    default:
        return false;
    }
}

static void add_bindings(builder *b)
{
    if (b->failing == XG_STAGE_BINDINGS && !has_row(b)) {
        add_binding(b, true, "binding", XG_STR("(see the text)"), (xg_str){NULL, 0}, "");
    }
    if (b->request->kind == XG_KIND_DATAPLANE) {
        add_dataplane(b);
    } else {
        add_zone(b);
    }
}

/* ---- what comes before them ---- */

static void add_node(builder *b)
{
    char storage[CELL_SIZE];
    xg_text expected;
    xg_text_init(&expected, storage, sizeof(storage));
    if (b->request->name.len > 0 || b->request->node_id.len > 0) {
        xg_text_add(&expected, b->request->mesh);
        xg_text_add(&expected, XG_STR("."));
        xg_text_add(&expected, b->request->name);
    }
    add_stage(b, XG_STAGE_NODE, XG_STAGE_NODE, "node id", (xg_str){expected.ptr, expected.len}, b->request->node_id,
              b->request->node_id.len > 0 ? "ok" : "not checked");
}

static void add_key(builder *b)
{
    char storage[CELL_SIZE];
    xg_text expected;
    xg_text_init(&expected, storage, sizeof(storage));
    xg_text_add(&expected, b->request->kind == XG_KIND_DATAPLANE ? XG_STR("a key of mesh ") : XG_STR("a key of zones"));
    if (b->request->kind == XG_KIND_DATAPLANE) {
        xg_text_add(&expected, b->request->mesh);
    }
    add_stage(b, XG_STAGE_TRUST, XG_STAGE_KEY, "key", (xg_str){expected.ptr, expected.len},
              (xg_str){b->decision->kid, b->decision->kid_len}, "ok");
    add_stage(b, XG_STAGE_SIGNATURE, XG_STAGE_SIGNATURE, "signature", XG_STR("by that key"), (xg_str){NULL, 0}, "ok");
}

static void add_times(builder *b)
{
    char from[XG_CLOCK_TEXT_SIZE];
    char to[XG_CLOCK_TEXT_SIZE];
    char now[XG_CLOCK_TEXT_SIZE];
    char storage[CELL_SIZE];
    xg_text expected;
    const xg_claims *c = &b->claims;
    xg_text_init(&expected, storage, sizeof(storage));
    if (b->has_claims) {
        xg_text_add(&expected, c->has_nbf ? XG_STR("from ") : XG_STR("from ever"));
        xg_text_add(&expected, c->has_nbf ? xg_clock_format(c->nbf, from) : XG_STR(""));
        xg_text_add(&expected, c->has_exp ? XG_STR(" until ") : XG_STR(" for ever"));
        xg_text_add(&expected, c->has_exp ? xg_clock_format(c->exp, to) : XG_STR(""));
    } else {
        xg_text_add(&expected, unknown(b));
    }
    add_stage(b, XG_STAGE_TIMES, XG_STAGE_TIMES, "times", (xg_str){expected.ptr, expected.len},
              xg_clock_format(b->now, now), "ok");
}

static void add_policy(builder *b)
{
    char storage[CELL_SIZE];
    xg_text expected;
    xg_text_init(&expected, storage, sizeof(storage));
    xg_text_add(&expected, XG_STR("what the profile demands"));
    if (b->policy != NULL) {
        xg_text_printf(&expected, ": %s", b->policy->profile.name);
    }
    add_stage(b, XG_STAGE_REVOKED, XG_STAGE_REVOKED, "revoked", XG_STR("not on a list"),
              (xg_str){b->decision->token_id, b->decision->token_id_len}, "ok");
    add_stage(b, XG_STAGE_POLICY, XG_STAGE_POLICY, "policy", (xg_str){expected.ptr, expected.len}, (xg_str){NULL, 0},
              "ok");
}

static void add_all(builder *b)
{
    const xg_str none = {NULL, 0};
    if (b->failing == XG_STAGE_UNKNOWN) {
        add_stage(b, XG_STAGE_UNKNOWN, XG_STAGE_UNKNOWN, "decision", XG_STR("complete"), none, "");
    }
    add_stage(b, XG_STAGE_REQUEST, XG_STAGE_REQUEST, "request", XG_STR("complete, within limits"), none, "ok");
    add_node(b);
    add_stage(b, XG_STAGE_TOKEN, XG_STAGE_HEADER, "token", XG_STR("three segments, RS256, a key"), none, "ok");
    add_key(b);
    add_stage(b, XG_STAGE_CLAIMS, XG_STAGE_CLAIMS, "claims",
              b->request->kind == XG_KIND_DATAPLANE ? XG_STR("of a dataplane token") : XG_STR("of a zone token"), none,
              "ok");
    add_times(b);
    add_policy(b);
    add_bindings(b);
    if (b->failing == XG_STAGE_SESSION) { /* no row else: a decision need not be asked for a session */
        add_stage(b, XG_STAGE_SESSION, XG_STAGE_SESSION, "session", XG_STR("a free id, and room"), none, "");
    }
}

/* ---- what is known about the decision ---- */

static xg_decision_stage find_failing(const xg_decision *d)
{
    xg_decision_stage stage = xg_decision_rows_stage(d->reason);
    if (d->outcome == XG_OUTCOME_ALLOWED) {
        return XG_STAGE_NONE;
    }
    if (d->reason == XG_REASON_KEYS_UNUSABLE && d->kid_len > 0) {
        return XG_STAGE_REVOKED; /* behind the signature: it is the shared list that cannot be read */
    }
    return stage >= XG_STAGE_NEVER ? XG_STAGE_UNKNOWN : stage;
}

/* The plugin writes the kid only once the signature held; with a failure behind the claims they held too. */
static void read_claims(builder *b)
{
    const xg_token_limits *limits = b->policy != NULL ? &b->policy->token : &XG_TOKEN_LIMITS_DEFAULT;
    xg_token_kind kind = b->request->kind == XG_KIND_DATAPLANE ? XG_TOKEN_DATAPLANE : XG_TOKEN_ZONE;
    char field[XG_CLAIM_FIELD_SIZE];
    b->has_claims = b->decision->kid_len > 0 && b->failing > XG_STAGE_CLAIMS &&
                    xg_is_ok(xg_jws_split(b->request->credential, limits, &b->jws)) &&
                    xg_is_ok(xg_claims_parse(b->jws.payload, kind, limits, &b->claims, field));
}

/* Which of the tags failed is in the decision's sentence only. The same comparison finds it again. */
static void find_tag(builder *b)
{
    if (!b->has_claims || b->policy == NULL || b->binding != XG_BINDING_TAG) {
        return;
    }
    xg_result result = xg_bind_dataplane(&b->claims, b->request, &b->policy->profile, &b->finding);
    b->has_tag =
        xg_result_reason(result) == b->decision->reason && b->finding.field.len + 1 < sizeof(b->finding.field_storage);
}

json_t *xg_decision_rows_new(const xg_decision *decision, const xg_request *request, const xg_policy *policy,
                             int64_t now)
{
    builder b = {.decision = decision, .request = request, .policy = policy, .now = now};
    b.rows = json_array();
    b.failing = find_failing(decision);
    if (b.failing == XG_STAGE_BINDINGS) {
        b.binding = decision->reason == XG_REASON_POLICY_NO_ZONE ? (uint32_t)XG_BINDING_ZONE : decision->failed_binding;
    }
    b.has_failed = b.failing < XG_STAGE_BINDINGS; /* for the bindings, which come last */
    read_claims(&b);
    find_tag(&b);
    add_all(&b);
    sodium_memzero(&b.jws, sizeof(b.jws)); /* the token's own bytes */
    if (b.has_lost) {                      /* a table without the row that failed would be another answer */
        json_decref(b.rows);
        return NULL;
    }
    return b.rows;
}
