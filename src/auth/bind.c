/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bind.c: what the token binds against what the proxy presents (design, section 5, row 12).
 *
 * Owns the comparisons, byte for byte with lengths. Must never treat an absent value on the proxy's side as a match.
 * Source: Kuma pkg/xds/auth/universal/authenticator.go (kuma-tokens, section 4). Pure, thread-safe.
 */
#include "xdsgate/auth.h"

static const xg_str WORKLOAD_LABEL = XG_STR_INIT("kuma.io/workload");

/* items is the inside of a checked array of strings. */
static bool list_has(xg_str items, xg_str value)
{
    xg_json item;
    for (xg_str rest = items; xg_json_next(&rest, &item);) {
        if (xg_json_is(&item, value)) {
            return true;
        }
    }
    return false;
}

/* "a, b": the strings of an array, in the token's order, for the explanation. */
static xg_str join(xg_str items, char *storage, size_t cap)
{
    xg_text text;
    xg_json item;
    bool is_first = true;
    xg_text_init(&text, storage, cap);
    for (xg_str rest = items; xg_json_next(&rest, &item);) {
        xg_text_add(&text, is_first ? XG_STR("") : XG_STR(", "));
        xg_json_decode(&item, &text);
        is_first = false;
    }
    return (xg_str){text.ptr, text.len};
}

/* What one tag of the token meets on the proxy. */
typedef struct tag_match {
    bool is_present;
    bool has_forbidden;
    xg_str forbidden; /* the first forbidden value in byte order */
} tag_match;

static void match_tag(const xg_json *key, xg_str allowed, const xg_tag *tags, size_t num_tags, tag_match *match)
{
    for (size_t i = 0; i < num_tags; i++) {
        if (!xg_json_is(key, tags[i].key)) {
            continue;
        }
        match->is_present = true;
        if (!list_has(allowed, tags[i].value) &&
            (!match->has_forbidden || xg_str_cmp(tags[i].value, match->forbidden) < 0)) {
            match->has_forbidden = true;
            match->forbidden = tags[i].value;
        }
    }
}

static tag_match match_sources(const xg_json *key, xg_str allowed, const xg_request *request, xg_tag_source source)
{
    tag_match match = {0};
    if ((source & XG_TAGS_INBOUND) != 0) {
        match_tag(key, allowed, request->tags, request->num_tags, &match);
    }
    if ((source & XG_TAGS_LABELS) != 0) {
        match_tag(key, allowed, request->labels, request->num_labels, &match);
    }
    return match;
}

static void describe_tag(const xg_json *key, xg_str allowed, const tag_match *match, xg_finding *finding)
{
    xg_text field;
    xg_finding_set(finding, XG_BINDING_TAG, XG_STR(""), match->forbidden);
    xg_text_init(&field, finding->field_storage, sizeof(finding->field_storage));
    xg_json_decode(key, &field);
    finding->field = (xg_str){field.ptr, field.len};
    finding->token = join(allowed, finding->token_storage, sizeof(finding->token_storage));
}

/* Every tag of the token must be present, with allowed values only. Reports the first failing tag in byte order. */
static xg_result bind_tags(const xg_claims *claims, const xg_request *request, xg_tag_source source, xg_finding *reterr)
{
    xg_json key, allowed, first = {0};
    xg_result result = XG_OK;
    for (xg_str rest = claims->tags; xg_json_next_member(&rest, &key, &allowed);) {
        tag_match match = match_sources(&key, allowed.raw, request, source);
        if ((match.is_present && !match.has_forbidden) || (!xg_is_ok(result) && xg_json_cmp(&key, &first) > 0)) {
            continue;
        }
        result = match.is_present ? XG_FAIL(BINDING_TAG_VALUE) : XG_FAIL(BINDING_TAG_MISSING);
        first = key;
        describe_tag(&key, allowed.raw, &match, reterr);
    }
    return result;
}

/*
 * The workload label against the claim. When the host says that the proxy's identity derives from the label, a label
 * without a claim is refused, and the claim is compared whatever the profile says. A label that stands twice must agree
 * both times.
 */
static xg_result bind_workload(const xg_claims *claims, const xg_request *request, const xg_profile *profile,
                               xg_finding *reterr)
{
    bool is_demanded = (request->flags & XG_FLAG_IDENTITY_FROM_WORKLOAD) != 0;
    bool is_compared = profile->workload_enforced || is_demanded;
    bool is_bound = claims->workload.len > 0;
    bool has_label = false;

    xg_finding_set(reterr, XG_BINDING_WORKLOAD, claims->workload, XG_STR(""));
    for (size_t i = 0; i < request->num_labels; i++) {
        if (!xg_str_eq(request->labels[i].key, WORKLOAD_LABEL)) {
            continue;
        }
        has_label = true;
        reterr->proxy = request->labels[i].value;
        XG_CHECK(is_bound || !is_demanded, BINDING_WORKLOAD_REQUIRED);
        XG_CHECK(!is_bound || !is_compared || xg_str_eq(reterr->proxy, claims->workload), BINDING_WORKLOAD);
    }
    XG_CHECK(!is_bound || !is_compared || has_label, BINDING_WORKLOAD_MISSING);
    return XG_OK;
}

static xg_result bind_name_and_mesh(const xg_claims *claims, const xg_request *request, xg_finding *reterr)
{
    xg_finding_set(reterr, XG_BINDING_NAME, claims->name, request->name);
    XG_CHECK(claims->name.len == 0 || xg_str_eq(claims->name, request->name), BINDING_NAME);
    xg_finding_set(reterr, XG_BINDING_MESH, claims->mesh, request->mesh);
    XG_CHECK(claims->mesh.len == 0 || xg_str_eq(claims->mesh, request->mesh), BINDING_MESH);
    return XG_OK;
}

static xg_result bind_type(const xg_claims *claims, const xg_profile *profile, xg_finding *reterr)
{
    xg_finding_set(reterr, XG_BINDING_TYPE, claims->type, XG_STR(""));
    XG_CHECK(!profile->type_checked || claims->type.len == 0 || xg_str_eq(claims->type, XG_STR("dataplane")),
             BINDING_TYPE);
    return XG_OK;
}

xg_result xg_bind_dataplane(const xg_claims *claims, const xg_request *request, const xg_profile *profile,
                            xg_finding *reterr)
{
    XG_TRY(bind_name_and_mesh(claims, request, reterr));
    XG_TRY(bind_tags(claims, request, profile->tag_source, reterr));
    XG_TRY(bind_workload(claims, request, profile, reterr));
    return bind_type(claims, profile, reterr);
}

xg_result xg_bind_zone(const xg_claims *claims, const xg_request *request, xg_str zone, xg_finding *reterr)
{
    xg_str needed = request->kind == XG_KIND_ZONE_INGRESS ? XG_STR("ingress") : XG_STR("egress");

    xg_finding_set(reterr, XG_BINDING_SCOPE, XG_STR(""), needed);
    reterr->token = join(claims->scope, reterr->token_storage, sizeof(reterr->token_storage));
    XG_CHECK(list_has(claims->scope, needed), BINDING_SCOPE);

    xg_finding_set(reterr, XG_BINDING_ZONE, claims->zone, zone);
    XG_CHECK(claims->zone.len == 0 || zone.len > 0, POLICY_NO_ZONE);
    XG_CHECK(claims->zone.len == 0 || xg_str_eq(claims->zone, zone), BINDING_ZONE);
    return XG_OK;
}
