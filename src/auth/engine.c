/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine.c: the decision. decide() below is the table of the design, section 5, row by row.
 *
 * Owns the order of the checks and the one line that can say "allowed". Must never look at anything before the row
 * above it held: nothing that is not authenticated reaches a general parser. Touches no clock and no file, and no lock
 * but that of the session table in row 13; any thread.
 *
 * A token seen before has passed rows 3, 4, 7 and 8: its bytes are the same, and so are the limits (the epoch) and the
 * key, which rows 5 and 6 find anew. Every other row is as for any token.
 */
#include <stddef.h>
#include <string.h>

#include "xdsgate/auth.h"

#define KNOWN_FLAGS    ((uint32_t)XG_FLAG_IDENTITY_FROM_WORKLOAD)
#define TAG_TEXT_MAX   1024u
#define EXPIRES_SOON   86400
#define NEVER_EXPIRES  INT64_MAX
#define BINDS_ANYTHING (1u << 31) /* what every session depends on */
#define SEEN_BYTES_MAX 2048       /* longer tokens are verified each time: what is refused early must cost little */

/* One decision under way: what came in, and what the rows so far have established. */
typedef struct xg_case {
    const xg_view *view;
    const xg_request *request;
    uint32_t kinds;
    xg_token_kind token_kind;
    xg_str zone; /* the control plane's own */
    xg_jws *jws;
    xg_header header;
    xg_trust trust;
    xg_pubkey *key;
    xg_token_mark mark;
    xg_verified_token seen;
    bool is_seen; /* the token was found among those that verified before */
    bool is_verified;
    bool has_claims;
    xg_claims *claims;
    uint32_t binds;    /* XG_BINDS_* of the claims */
    int64_t not_after; /* exp with the leeway; for zone tokens, not after the policy's own end */
    xg_finding finding;
    char claim_field[XG_CLAIM_FIELD_SIZE];
} xg_case;

/* ---- row 1: the request is well-formed ---- */

static bool is_field(xg_str s, size_t max)
{
    return s.len <= max && (s.len == 0 || s.ptr != NULL) && xg_str_is_clean(s);
}

/* Keys and values are compared by bytes only, so their content needs no check. */
static bool are_tags(const xg_tag *tags, size_t num_tags)
{
    for (size_t i = 0; i < num_tags; i++) {
        if (tags[i].key.len > TAG_TEXT_MAX || tags[i].value.len > TAG_TEXT_MAX ||
            (tags[i].key.len > 0 && tags[i].key.ptr == NULL) || (tags[i].value.len > 0 && tags[i].value.ptr == NULL)) {
            return false;
        }
    }
    return true;
}

static xg_result check_tags(xg_case *c, xg_str field, const xg_tag *tags, size_t num_tags)
{
    c->finding.field = field;
    XG_CHECK(num_tags <= c->view->policy->request_tags, REQUEST_TOO_MANY);
    XG_CHECK((num_tags == 0 || tags != NULL) && are_tags(tags, num_tags), REQUEST_FIELD);
    return XG_OK;
}

static xg_result check_names(xg_case *c)
{
    const xg_request *r = c->request;
    const struct {
        xg_str field;
        xg_str value;
        size_t max;
        bool is_required;
    } names[] = {
        {XG_STR("node_id"), r->node_id, 2 * XG_MESH_NAME_MAX + 1, false},
        {XG_STR("mesh"), r->mesh, XG_MESH_NAME_MAX, r->kind == XG_KIND_DATAPLANE},
        {XG_STR("name"), r->name, XG_MESH_NAME_MAX, r->kind == XG_KIND_DATAPLANE},
        {XG_STR("zone"), r->zone, XG_MESH_NAME_MAX, false},
    };
    for (size_t i = 0; i < XG_ARRAY_LEN(names); i++) {
        c->finding.field = names[i].field;
        XG_CHECK(is_field(names[i].value, names[i].max), REQUEST_FIELD);
        XG_CHECK(!names[i].is_required || names[i].value.len > 0, REQUEST_FIELD);
    }
    return XG_OK;
}

/* The control plane's zone comes from the configuration, from the request, or from both if they agree. */
static xg_result find_own_zone(xg_case *c)
{
    xg_str configured = xg_str_of(c->view->policy->zone);
    c->finding.field = XG_STR("zone");
    XG_CHECK(configured.len == 0 || c->request->zone.len == 0 || xg_str_eq(configured, c->request->zone),
             REQUEST_FIELD);
    c->zone = c->request->zone.len > 0 ? c->request->zone : configured;
    return XG_OK;
}

static xg_result check_request(xg_case *c)
{
    const xg_request *r = c->request;
    XG_CHECK(r->kind <= XG_KIND_ZONE_EGRESS && (c->kinds & 1u << r->kind) != 0, REQUEST_KIND);
    c->token_kind = r->kind == XG_KIND_DATAPLANE ? XG_TOKEN_DATAPLANE : XG_TOKEN_ZONE;
    XG_CHECK((r->flags & ~KNOWN_FLAGS) == 0, REQUEST_FLAGS);
    XG_CHECK(r->flags == 0 || c->token_kind == XG_TOKEN_DATAPLANE, REQUEST_FLAGS); /* no zone token meets it */
    XG_CHECK(r->session == 0 || c->view->sessions != NULL, SESSION_UNSUPPORTED);
    XG_TRY(check_names(c));
    XG_TRY(find_own_zone(c));
    XG_TRY(check_tags(c, XG_STR("tags"), r->tags, r->num_tags));
    XG_TRY(check_tags(c, XG_STR("labels"), r->labels, r->num_labels));
    c->finding.field = XG_STR("credential");
    XG_CHECK(r->credential.len == 0 || r->credential.ptr != NULL, REQUEST_FIELD);
    return XG_OK;
}

/* ---- row 2: the node id is the proxy's ---- */

static xg_result check_node_id(xg_case *c)
{
    const xg_request *r = c->request;
    xg_text expected;
    if (r->node_id.len == 0) {
        return XG_OK;
    }
    xg_finding_set(&c->finding, XG_BINDING_NODE, r->node_id, XG_STR(""));
    xg_text_init(&expected, c->finding.proxy_storage, sizeof(c->finding.proxy_storage));
    xg_text_add(&expected, r->mesh);
    xg_text_add(&expected, XG_STR("."));
    xg_text_add(&expected, r->name);
    c->finding.proxy = (xg_str){expected.ptr, expected.len};
    /* Kuma splits at the first dot: behind a mesh with a dot in it, the id would name another mesh. */
    bool is_ambiguous = r->mesh.len > 0 && memchr(r->mesh.ptr, '.', r->mesh.len) != NULL;
    XG_CHECK(!expected.is_cut && !is_ambiguous && xg_str_eq(r->node_id, c->finding.proxy), BINDING_NODE);
    return XG_OK;
}

/* ---- rows 3 to 8: the token ---- */

static bool recall(xg_case *c)
{
    xg_verified *verified = c->view->verified;
    if (verified == NULL || c->request->credential.len == 0 || c->request->credential.len > SEEN_BYTES_MAX) {
        return false;
    }
    xg_verified_mark(verified, c->request->credential, &c->mark);
    c->seen = (xg_verified_token){.header = &c->header, .claims = c->claims};
    return xg_verified_find(verified, &c->mark, c->token_kind, c->view->epoch, &c->seen);
}

static xg_result take_apart(xg_case *c)
{
    XG_TRY(xg_jws_split(c->request->credential, &c->view->policy->token, c->jws)); /* 3 */
    XG_TRY(xg_header_scan(c->jws->header, &c->view->policy->token, &c->header));   /* 4 */
    XG_CHECK(c->header.has_kid, KID_MISSING);
    return XG_OK;
}

static xg_result read_token(xg_case *c)
{
    c->is_seen = recall(c);
    return c->is_seen ? XG_OK : take_apart(c);
}

static xg_str kid_of(const xg_case *c)
{
    return (xg_str){c->header.kid, c->header.kid_len};
}

static xg_result find_trust(xg_case *c)
{
    if (c->token_kind == XG_TOKEN_DATAPLANE) {
        return xg_snapshot_find_mesh(c->view->keys, c->request->mesh, &c->trust);
    }
    return xg_snapshot_find_zone(c->view->keys, &c->trust);
}

static xg_result find_key(xg_case *c)
{
    return xg_trust_find_key(&c->trust, kid_of(c), &c->key);
}

static bool is_key_of(const xg_pubkey *key, const uint8_t fingerprint[XG_FINGERPRINT_LEN])
{
    return memcmp(xg_pubkey_fingerprint(key), fingerprint, XG_FINGERPRINT_LEN) == 0;
}

static xg_result check_signature(xg_case *c)
{
    if (c->is_seen && !is_key_of(c->key, c->seen.fingerprint)) {
        c->is_seen = false; /* the set has another key of this kid by now */
        XG_TRY(take_apart(c));
    }
    if (!c->is_seen) {
        XG_TRY(xg_pubkey_verify(c->key, c->jws->signing_input, c->jws->signature));
    }
    c->is_verified = true;
    return XG_OK;
}

static uint32_t find_binds(const xg_claims *claims)
{
    return (claims->name.len > 0 ? XG_BINDS_NAME : 0u) | (claims->mesh.len > 0 ? XG_BINDS_MESH : 0u) |
           (claims->tags.len > 0 ? XG_BINDS_TAGS : 0u) | (claims->workload.len > 0 ? XG_BINDS_WORKLOAD : 0u) |
           (claims->type.len > 0 ? XG_BINDS_TYPE : 0u) | (claims->zone.len > 0 ? XG_BINDS_ZONE : 0u);
}

static xg_result parse_claims(xg_case *c)
{
    if (!c->is_seen) {
        xg_result parsed =
            xg_claims_parse(c->jws->payload, c->token_kind, &c->view->policy->token, c->claims, c->claim_field);
        xg_finding_set(&c->finding, XG_BINDING_NONE, XG_STR(""), XG_STR(""));
        c->finding.field = xg_str_of(c->claim_field);
        XG_TRY(parsed);
    }
    c->has_claims = true;
    c->binds = find_binds(c->claims);
    return XG_OK;
}

/* ---- row 9: time; both comparisons are exact, also at the ends of the range ---- */

static xg_result fail_time(xg_case *c, int64_t token, int64_t now, xg_result failure)
{
    c->finding.token = xg_clock_format(token, c->finding.token_storage);
    c->finding.proxy = xg_clock_format(now, c->finding.proxy_storage);
    return failure;
}

static xg_result check_time(xg_case *c)
{
    int64_t end, start;
    int64_t leeway = c->view->policy->leeway;
    if (__builtin_add_overflow(c->claims->exp, leeway, &end)) {
        end = INT64_MAX;
    }
    if (__builtin_sub_overflow(c->claims->nbf, leeway, &start)) {
        start = INT64_MIN;
    }
    c->not_after = c->claims->has_exp ? end : NEVER_EXPIRES;
    if (c->token_kind == XG_TOKEN_ZONE && c->view->policy->deny_after < c->not_after) {
        c->not_after = c->view->policy->deny_after;
    }
    if (c->claims->has_exp && c->view->latest_now >= end) {
        return fail_time(c, c->claims->exp, c->view->latest_now, XG_FAIL(EXPIRED));
    }
    if (c->claims->has_nbf && c->view->now < start) {
        return fail_time(c, c->claims->nbf, c->view->now, XG_FAIL(NOT_YET_VALID));
    }
    return XG_OK;
}

/* ---- row 10: revoked ---- */

/* What the explanation of a revocation names: the claim by which the token is revoked. */
static void find_revoked_by(xg_case *c, uint32_t reason, int64_t issued_before)
{
    xg_finding_set(&c->finding, XG_BINDING_NONE, c->claims->jti, XG_STR(""));
    if (reason == XG_REASON_REVOKED_NAME) {
        c->finding.token = c->claims->name;
    } else if (reason == XG_REASON_REVOKED_WORKLOAD) {
        c->finding.token = c->claims->workload;
    } else if (reason == XG_REASON_REVOKED_ISSUED_BEFORE) {
        c->finding.token =
            c->claims->has_iat ? xg_clock_format(c->claims->iat, c->finding.token_storage) : XG_STR("nothing");
        c->finding.proxy = xg_clock_format(issued_before, c->finding.proxy_storage);
    }
}

static xg_result check_revoked(xg_case *c)
{
    int64_t issued_before = 0;
    const xg_revocable token = {
        .jti = c->claims->jti,
        .kid = kid_of(c),
        .name = c->claims->name,
        .workload = c->claims->workload,
        .has_iat = c->claims->has_iat,
        .iat = c->claims->iat,
    };
    xg_result result =
        xg_trust_check_revoked(&c->trust, &token, c->view->policy->profile.shared_revocations, &issued_before);
    if (!xg_is_ok(result)) {
        find_revoked_by(c, xg_result_reason(result), issued_before);
    }
    return result;
}

/* ---- row 11: what the profile demands ---- */

/* The Workload claim binds only where something compares it. */
static bool is_workload_bound(const xg_case *c)
{
    return (c->binds & XG_BINDS_WORKLOAD) != 0 &&
           (c->view->policy->profile.workload_enforced || (c->request->flags & XG_FLAG_IDENTITY_FROM_WORKLOAD) != 0);
}

static bool is_mesh_wide(const xg_case *c)
{
    return (c->binds & (XG_BINDS_NAME | XG_BINDS_TAGS)) == 0 && !is_workload_bound(c);
}

static xg_result check_zone_demands(const xg_case *c)
{
    const xg_policy *policy = c->view->policy;
    XG_CHECK(policy->profile.zone_entities, POLICY_ZONE_ENTITIES);
    XG_CHECK(policy->legacy_zone_tokens != XG_LEGACY_DENY, POLICY_ZONE_TOKENS);
    XG_CHECK(c->view->latest_now < policy->deny_after, POLICY_ZONE_TOKENS);
    XG_CHECK(!policy->profile.mesh_required || (c->binds & XG_BINDS_ZONE) != 0, POLICY_ZONE);
    return XG_OK;
}

static xg_result check_demands(const xg_case *c)
{
    const xg_profile *profile = &c->view->policy->profile;
    XG_CHECK(!profile->exp_required || c->claims->has_exp, POLICY_EXP);
    XG_CHECK(!profile->jti_required || c->claims->jti.len > 0, POLICY_JTI);
    if (c->token_kind == XG_TOKEN_ZONE) {
        return check_zone_demands(c);
    }
    XG_CHECK(!profile->mesh_required || (c->binds & XG_BINDS_MESH) != 0, POLICY_MESH);
    XG_CHECK(!profile->binding_required || c->view->policy->allow_mesh_wide || !is_mesh_wide(c), POLICY_MESH_WIDE);
    return XG_OK;
}

/* ---- row 12: what the token binds ---- */

static xg_result check_bindings(xg_case *c)
{
    if (c->token_kind == XG_TOKEN_DATAPLANE) {
        return xg_bind_dataplane(c->claims, c->request, &c->view->policy->profile, &c->finding);
    }
    return xg_bind_zone(c->claims, c->request, c->zone, &c->finding);
}

/* ---- row 13: the session is registered ---- */

static xg_grant make_grant(const xg_case *c)
{
    bool is_dataplane = c->token_kind == XG_TOKEN_DATAPLANE;
    xg_grant grant = {
        .token_kind = c->token_kind,
        .request_kind = c->request->kind,
        .request_flags = c->request->flags,
        .binds = c->binds,
        .is_key_shared = c->trust.is_key_shared,
        .has_exp = c->claims->has_exp,
        .has_iat = c->claims->has_iat,
        .exp = c->claims->exp,
        .iat = c->claims->iat,
        .mesh = is_dataplane ? c->request->mesh : XG_STR(""),
        .proxy = c->request->name,
        .kid = kid_of(c),
        .jti = c->claims->jti,
        .name = c->claims->name,
        .workload = c->claims->workload,
    };
    memcpy(grant.fingerprint, xg_pubkey_fingerprint(c->key), sizeof(grant.fingerprint));
    return grant;
}

/* By the end that the token says: the sweep takes the leeway off its own time, so that it may change. */
static xg_result register_session(xg_case *c)
{
    if (c->request->session == 0) {
        return XG_OK;
    }
    xg_grant grant = make_grant(c);
    int64_t end = c->claims->has_exp ? c->claims->exp : NEVER_EXPIRES;
    xg_result added = xg_sessions_add(c->view->sessions, c->request->session, &grant, c->view->generation, end);
    bool is_swept = xg_result_reason(added) == XG_REASON_EXPIRED; /* only a token with exp can be */
    return is_swept ? fail_time(c, c->claims->exp, c->view->latest_now, added) : added;
}

/* ---- the table ---- */

static xg_result decide(xg_case *c)
{
    XG_TRY(check_request(c));    /*  1 */
    XG_TRY(check_node_id(c));    /*  2 */
    XG_TRY(read_token(c));       /*  3, 4 */
    XG_TRY(find_trust(c));       /*  5 */
    XG_TRY(find_key(c));         /*  6 */
    XG_TRY(check_signature(c));  /*  7 */
    XG_TRY(parse_claims(c));     /*  8 */
    XG_TRY(check_time(c));       /*  9 */
    XG_TRY(check_revoked(c));    /* 10 */
    XG_TRY(check_demands(c));    /* 11 */
    XG_TRY(check_bindings(c));   /* 12 */
    XG_TRY(register_session(c)); /* 13 */
    return XG_OK;
}

/* Only what admitted somebody is remembered: a flood of anything else drives nobody out. */
static void remember(xg_case *c)
{
    xg_verified *verified = c->view->verified;
    if (verified == NULL || c->request->credential.len > SEEN_BYTES_MAX) {
        return;
    }
    xg_verified_count(verified, c->is_seen);
    if (!c->is_seen) {
        c->seen = (xg_verified_token){.header = &c->header, .claims = c->claims};
        memcpy(c->seen.fingerprint, xg_pubkey_fingerprint(c->key), sizeof(c->seen.fingerprint));
        xg_verified_add(verified, &c->mark, c->token_kind, c->view->epoch, &c->seen);
    }
}

/* ---- judging a session again ---- */

static bool is_any_lower(const xg_policy *before, const xg_policy *after)
{
    const xg_token_limits *old = &before->token;
    const xg_token_limits *new = &after->token;
    return new->credential_bytes < old->credential_bytes || new->header_bytes < old->header_bytes ||
           new->kid_bytes < old->kid_bytes || new->jti_bytes < old->jti_bytes || new->json_depth < old->json_depth ||
           new->tag_keys < old->tag_keys || new->tag_values < old->tag_values ||
           after->request_tags < before->request_tags;
}

/* What was compared with the proxy under looser rules than the new policy's: only the proxy can tell whether it would
 * pass. Another source of tags is never looser: what the token names must be found there. */
static uint32_t find_tightened(const xg_policy *before, const xg_policy *after)
{
    const xg_profile *old = &before->profile;
    const xg_profile *new = &after->profile;
    uint32_t binds = is_any_lower(before, after) ? BINDS_ANYTHING : 0u;
    binds |= new->tag_source != old->tag_source ? XG_BINDS_TAGS : 0u;
    binds |= new->workload_enforced && !old->workload_enforced ? XG_BINDS_WORKLOAD : 0u;
    binds |= new->type_checked && !old->type_checked ? XG_BINDS_TYPE : 0u;
    binds |= strcmp(before->zone, after->zone) != 0 ? XG_BINDS_ZONE : 0u;
    return binds;
}

void xg_engine_begin_rejudge(xg_rejudge *rejudge, const xg_view *view, const xg_policy *before)
{
    *rejudge = (xg_rejudge){.view = view, .tightened = find_tightened(before, view->policy)};
}

/* Row 5, once for all sessions of a set that come one after the other. */
static xg_result find_set_again(xg_rejudge *rejudge, xg_case *c)
{
    if (rejudge->has_set && rejudge->set_kind == c->token_kind &&
        xg_str_eq(rejudge->set_trust.own->name, c->request->mesh)) {
        c->trust = rejudge->set_trust;
        return XG_OK;
    }
    XG_TRY(find_trust(c));
    rejudge->set_trust = c->trust;
    rejudge->set_kind = c->token_kind;
    rejudge->has_set = true;
    return XG_OK;
}

xg_result xg_engine_rejudge(void *arg, const xg_grant *grant)
{
    xg_rejudge *rejudge = arg;
    const xg_request request = {.kind = grant->request_kind, .flags = grant->request_flags, .mesh = grant->mesh};
    XG_UNSET xg_claims claims;
    XG_UNSET xg_case c;
    memset(&claims, 0, offsetof(xg_claims, storage));
    claims.jti = grant->jti;
    claims.name = grant->name;
    claims.workload = grant->workload;
    claims.has_exp = grant->has_exp;
    claims.exp = grant->exp;
    claims.has_iat = grant->has_iat;
    claims.iat = grant->iat;
    memset(&c, 0, offsetof(xg_case, finding));
    c.view = rejudge->view;
    c.request = &request;
    c.token_kind = grant->token_kind;
    c.claims = &claims;
    c.binds = grant->binds;
    XG_CHECK(grant->kid.len < sizeof(c.header.kid), INTERNAL);
    memcpy(c.header.kid, grant->kid.ptr, grant->kid.len);
    c.header.kid_len = grant->kid.len;

    XG_TRY(find_set_again(rejudge, &c));                                                   /*  5 */
    XG_TRY(find_key(&c));                                                                  /*  6 */
    XG_CHECK(is_key_of(c.key, grant->fingerprint), SIGNATURE_INVALID);                     /*  7 */
    XG_TRY(check_revoked(&c));                                                             /* 10 */
    XG_TRY(check_demands(&c));                                                             /* 11 */
    XG_CHECK(((grant->binds | BINDS_ANYTHING) & rejudge->tightened) == 0, SESSION_POLICY); /* 12 */
    rejudge->has_strayed = rejudge->has_strayed || (c.trust.is_key_shared && !grant->is_key_shared);
    return XG_OK;
}

/* ---- writing it down ---- */

static bool is_ending_soon(const xg_case *c)
{
    int64_t left;
    return c->claims->has_exp && !__builtin_sub_overflow(c->not_after, c->view->now, &left) && left < EXPIRES_SOON;
}

static bool is_stale(const xg_trust *trust)
{
    return trust->own->is_stale || (trust->shared != NULL && trust->shared->is_stale);
}

static uint32_t find_warnings(const xg_case *c)
{
    bool is_zone = c->token_kind == XG_TOKEN_ZONE;
    const struct {
        bool is_given;
        uint32_t bit;
    } warnings[] = {
        {is_zone && c->view->policy->legacy_zone_tokens == XG_LEGACY_WARN, XG_WARN_LEGACY_ZONE_TOKEN},
        {is_ending_soon(c), XG_WARN_EXPIRES_SOON},
        {!is_zone && is_mesh_wide(c), XG_WARN_MESH_WIDE},
        {!c->claims->has_exp, XG_WARN_NO_EXPIRY},
        {c->view->is_stale || is_stale(&c->trust), XG_WARN_STALE_KEYS},
        {!is_zone && !is_workload_bound(c), XG_WARN_NO_WORKLOAD},
    };
    uint32_t bits = 0;
    for (size_t i = 0; i < XG_ARRAY_LEN(warnings); i++) {
        bits |= warnings[i].is_given ? warnings[i].bit : 0;
    }
    return bits;
}

static uint16_t copy_id(char *out, size_t cap, xg_str id)
{
    xg_text text;
    xg_text_init(&text, out, cap);
    xg_text_add(&text, id);
    return (uint16_t)text.len;
}

/* Everything but the outcome. Ids only once the signature held: before that they are the peer's invention. */
static void describe(const xg_case *c, uint32_t reason, xg_decision *out)
{
    xg_text text;
    out->reason = reason;
    out->grpc_status = xg_reason_find(reason)->grpc_status;
    out->failed_binding =
        reason >= XG_REASON_BINDING_NODE && reason <= XG_REASON_BINDING_TYPE ? c->finding.binding : XG_BINDING_NONE;
    if (c->is_verified) {
        out->kid_len = copy_id(out->kid, sizeof(out->kid), kid_of(c));
    }
    if (c->has_claims) {
        out->token_id_len = copy_id(out->token_id, sizeof(out->token_id), c->claims->jti);
    }
    xg_text_init(&text, out->text, sizeof(out->text));
    xg_explain(reason, &c->finding, c->request->mesh, kid_of(c), &text);
    out->text_len = (uint16_t)text.len;
}

void xg_engine_decide(const xg_view *view, uint32_t kinds, const xg_request *request, xg_decision *out)
{
    const uint32_t struct_size = out->struct_size;
    XG_UNSET xg_jws jws;
    XG_UNSET xg_claims claims;
    XG_UNSET xg_case c; /* zeroed below but for its storage */

    *out = (xg_decision){.struct_size = struct_size, .outcome = XG_OUTCOME_DENIED, .reason = XG_REASON_INTERNAL};
    out->generation = view->generation;
    memset(&c, 0, offsetof(xg_case, finding));
    xg_finding_set(&c.finding, XG_BINDING_NONE, XG_STR(""), XG_STR(""));
    c.claim_field[0] = '\0';
    c.view = view;
    c.request = request;
    c.kinds = kinds;
    memset(&claims, 0, offsetof(xg_claims, storage));
    c.jws = &jws;
    c.claims = &claims;

    xg_result result = decide(&c);
    describe(&c, xg_result_reason(result), out);
    if (xg_is_ok(result)) {
        remember(&c);
        out->warnings = find_warnings(&c);
        out->not_after = c.not_after;
        out->outcome = XG_OUTCOME_ALLOWED;
    }
}
