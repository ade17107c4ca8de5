/* SPDX-License-Identifier: Apache-2.0 */
/*
 * claims.c: the payload, read only after its signature held.
 *
 * Owns the rule that a claim either has exactly its name and type or the token is refused: an absent, empty or misspelt
 * binding claim would be an unbound token. Must never default a claim of the wrong type to "absent". Thread-safe.
 */
#include <string.h>

#include "xdsgate/token.h"

typedef enum claim {
    CLAIM_NAME,
    CLAIM_MESH,
    CLAIM_TAGS,
    CLAIM_TYPE,
    CLAIM_WORKLOAD,
    CLAIM_ZONE,
    CLAIM_SCOPE,
    CLAIM_GROUPS,
    CLAIM_ISS,
    CLAIM_SUB,
    CLAIM_AUD,
    CLAIM_EXP,
    CLAIM_NBF,
    CLAIM_IAT,
    CLAIM_JTI,
    NUM_CLAIMS
} claim;

#define DATAPLANE 1u
#define ZONE      2u
#define USER      4u
#define ANY       (DATAPLANE | ZONE | USER)

/* Every claim of Kuma's three kinds of token, and the kinds it stands in (kuma-tokens 1.1). */
static const struct {
    xg_str name;
    unsigned kinds;
} CLAIMS[NUM_CLAIMS] = {
    [CLAIM_NAME] = {XG_STR_INIT("Name"), DATAPLANE | USER},
    [CLAIM_MESH] = {XG_STR_INIT("Mesh"), DATAPLANE},
    [CLAIM_TAGS] = {XG_STR_INIT("Tags"), DATAPLANE},
    [CLAIM_TYPE] = {XG_STR_INIT("Type"), DATAPLANE},
    [CLAIM_WORKLOAD] = {XG_STR_INIT("Workload"), DATAPLANE},
    [CLAIM_ZONE] = {XG_STR_INIT("Zone"), ZONE},
    [CLAIM_SCOPE] = {XG_STR_INIT("Scope"), ZONE},
    [CLAIM_GROUPS] = {XG_STR_INIT("Groups"), USER},
    [CLAIM_ISS] = {XG_STR_INIT("iss"), ANY},
    [CLAIM_SUB] = {XG_STR_INIT("sub"), ANY},
    [CLAIM_AUD] = {XG_STR_INIT("aud"), ANY},
    [CLAIM_EXP] = {XG_STR_INIT("exp"), ANY},
    [CLAIM_NBF] = {XG_STR_INIT("nbf"), ANY},
    [CLAIM_IAT] = {XG_STR_INIT("iat"), ANY},
    [CLAIM_JTI] = {XG_STR_INIT("jti"), ANY},
};

/* Folds the next character of *s as Go's decoder does: ASCII case, and the two others that fold to ASCII. */
static char fold_next(xg_str *s)
{
    static const xg_str LONG_S = {"\xc5\xbf", 2};          /* U+017F */
    static const xg_str KELVIN_SIGN = {"\xe2\x84\xaa", 3}; /* U+212A */
    char c = s->ptr[0];
    size_t step = 1;
    if (xg_str_starts_with(*s, LONG_S)) {
        c = 's';
        step = LONG_S.len;
    } else if (xg_str_starts_with(*s, KELVIN_SIGN)) {
        c = 'k';
        step = KELVIN_SIGN.len;
    } else if (c >= 'A' && c <= 'Z') {
        c = (char)(c | 0x20);
    }
    *s = xg_str_skip(*s, step);
    return c;
}

static bool is_equal_folded(xg_str a, xg_str b)
{
    while (a.len > 0 && b.len > 0) {
        if (fold_next(&a) != fold_next(&b)) {
            return false;
        }
    }
    return a.len == 0 && b.len == 0;
}

/* The claim of exactly this name, else the one whose name folds to the same, else NUM_CLAIMS. */
static claim find_claim(xg_str name)
{
    claim found = CLAIM_NAME;
    while (found < NUM_CLAIMS && !xg_str_eq(name, CLAIMS[found].name)) {
        found++;
    }
    if (found < NUM_CLAIMS) {
        return found;
    }
    found = CLAIM_NAME;
    while (found < NUM_CLAIMS && !is_equal_folded(name, CLAIMS[found].name)) {
        found++;
    }
    return found;
}

/* The bytes of a string: where they lie, or unescaped in the claims' own storage, which is as large as any payload. */
static bool take_string(const xg_json *value, xg_claims *claims, xg_str *ret)
{
    if (value->kind != XG_JSON_STRING) {
        return false;
    }
    if (!xg_json_has_escape(value)) {
        *ret = value->raw;
        return true;
    }
    size_t start = claims->unescaped.len;
    xg_json_decode(value, &claims->unescaped);
    *ret = (xg_str){claims->unescaped.ptr + start, claims->unescaped.len - start};
    return !claims->unescaped.is_cut;
}

static bool take_time(const xg_json *value, bool *ret_has, int64_t *ret)
{
    *ret_has = xg_json_to_int64(value, ret);
    return *ret_has;
}

static bool is_array_of_strings(const xg_json *value)
{
    xg_json item;
    for (xg_str rest = value->raw; value->kind == XG_JSON_ARRAY && xg_json_next(&rest, &item);) {
        if (item.kind != XG_JSON_STRING) {
            return false;
        }
    }
    return value->kind == XG_JSON_ARRAY;
}

/* A jti must be something that a revocation list can name: see revocations.c for what separates entries there. */
static bool is_revocable_jti(xg_str jti, const xg_token_limits *limits)
{
    if (jti.len == 0 || jti.len > limits->jti_bytes || jti.len > XG_JTI_MAX || jti.ptr[0] == '#' || jti.ptr[0] == '@') {
        return false;
    }
    for (size_t i = 0; i < jti.len; i++) {
        if (jti.ptr[i] <= ' ' || jti.ptr[i] >= 0x7f || jti.ptr[i] == ',') {
            return false;
        }
    }
    return true;
}

static xg_result take_tags(const xg_json *value, const xg_token_limits *limits, xg_claims *claims)
{
    xg_json name, values;
    XG_CHECK(value->kind == XG_JSON_OBJECT, CLAIMS_TYPE);
    size_t count = xg_json_count(value);
    XG_CHECK(count <= limits->tag_keys, CLAIMS_TOO_MANY);
    for (xg_str rest = value->raw; xg_json_next_member(&rest, &name, &values);) {
        XG_CHECK(is_array_of_strings(&values), CLAIMS_TYPE);
        XG_CHECK(xg_json_count(&values) <= limits->tag_values, CLAIMS_TOO_MANY);
    }
    claims->tags = count > 0 ? value->raw : (xg_str){NULL, 0}; /* blanks between the braces bind nothing */
    return XG_OK;
}

static xg_result take_scope(const xg_json *value, const xg_token_limits *limits, xg_claims *claims)
{
    if (value->kind == XG_JSON_NULL) { /* Kuma's issuer writes null for "no scope": it admits nothing */
        return XG_OK;
    }
    XG_CHECK(is_array_of_strings(value), CLAIMS_TYPE);
    XG_CHECK(xg_json_count(value) <= limits->tag_values, CLAIMS_TOO_MANY);
    claims->scope = value->raw;
    return XG_OK;
}

static bool take_claim(claim which, const xg_json *value, const xg_token_limits *limits, xg_claims *claims)
{
    switch (which) {
    case CLAIM_NAME:
        return take_string(value, claims, &claims->name);
    case CLAIM_MESH:
        return take_string(value, claims, &claims->mesh);
    case CLAIM_TYPE:
        return take_string(value, claims, &claims->type);
    case CLAIM_WORKLOAD:
        return take_string(value, claims, &claims->workload);
    case CLAIM_ZONE:
        return take_string(value, claims, &claims->zone);
    case CLAIM_ISS:
    case CLAIM_SUB:
        return value->kind == XG_JSON_STRING;
    case CLAIM_AUD:
        return value->kind == XG_JSON_STRING || is_array_of_strings(value);
    case CLAIM_EXP:
        return take_time(value, &claims->has_exp, &claims->exp);
    case CLAIM_NBF:
        return take_time(value, &claims->has_nbf, &claims->nbf);
    case CLAIM_IAT:
        return take_time(value, &claims->has_iat, &claims->iat);
    case CLAIM_JTI:
        return take_string(value, claims, &claims->jti) && is_revocable_jti(claims->jti, limits);
    case CLAIM_TAGS:
    case CLAIM_SCOPE:
    case CLAIM_GROUPS:
    case NUM_CLAIMS:
    default:
        return false;
    }
}

static xg_result read_claim(xg_str name, const xg_json *value, xg_token_kind kind, const xg_token_limits *limits,
                            xg_claims *claims)
{
    claim which = find_claim(name);
    if (which == NUM_CLAIMS) {
        return XG_OK;
    }
    XG_CHECK(xg_str_eq(name, CLAIMS[which].name), CLAIMS_CASE);
    XG_CHECK((CLAIMS[which].kinds & (kind == XG_TOKEN_DATAPLANE ? DATAPLANE : ZONE)) != 0, CLAIMS_OTHER_KIND);
    if (which == CLAIM_TAGS) {
        return take_tags(value, limits, claims);
    }
    if (which == CLAIM_SCOPE) {
        return take_scope(value, limits, claims);
    }
    XG_CHECK(take_claim(which, value, limits, claims), CLAIMS_TYPE);
    return XG_OK;
}

/* The storage is not cleared: unescaped tells how much of it counts. */
static void clear(xg_claims *claims)
{
    memset(claims, 0, offsetof(xg_claims, storage));
    xg_text_init(&claims->unescaped, claims->storage, sizeof(claims->storage));
}

xg_result xg_claims_parse(xg_str json, xg_token_kind kind, const xg_token_limits *limits, xg_claims *ret_claims,
                          char reterr_field[XG_CLAIM_FIELD_SIZE])
{
    const xg_json_limits shape = {.depth = limits->json_depth, .members = XG_JSON_MEMBERS_MAX};
    xg_json object, name, value;
    xg_text field;

    clear(ret_claims);
    XG_TRY(xg_json_check_object(json, shape, XG_REASON_CLAIMS_JSON, &object, NULL));
    for (xg_str rest = object.raw; xg_json_next_member(&rest, &name, &value);) {
        /* A name that is cut here is longer than any that is known. */
        xg_text_init(&field, reterr_field, XG_CLAIM_FIELD_SIZE);
        xg_json_decode(&name, &field);
        xg_result read = read_claim((xg_str){field.ptr, field.len}, &value, kind, limits, ret_claims);
        if (!xg_is_ok(read)) {
            clear(ret_claims);
            return read;
        }
    }
    return XG_OK;
}
