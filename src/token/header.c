/* SPDX-License-Identifier: Apache-2.0 */
/*
 * header.c: the JOSE header, read before anything is authenticated (RFC 7515 section 4).
 *
 * Owns the table of members that mean something. Must never allocate, or fetch or read a key: the header is written by
 * whoever connects. Member names with escapes are refused outright, so that comparing the raw bytes is comparing the
 * names. Pure, thread-safe.
 */
#include <string.h>

#include "xdsgate/token.h"

#define MEMBERS_MAX 16 /* each is compared with those before it, for anyone who connects */

static bool is_equal_folded(xg_str a, xg_str lower)
{
    if (a.len != lower.len) {
        return false;
    }
    for (size_t i = 0; i < a.len; i++) {
        char c = a.ptr[i];
        if ((c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c) != lower.ptr[i]) {
            return false;
        }
    }
    return true;
}

/* What a member name means to us. A known name in another case is as bad as a forbidden one. */
typedef enum member { MEMBER_OTHER, MEMBER_ALG, MEMBER_KID, MEMBER_CRIT, MEMBER_FORBIDDEN } member;

static member classify(xg_str name)
{
    static const struct {
        xg_str name;
        member member;
    } KNOWN[] = {
        {XG_STR_INIT("alg"), MEMBER_ALG},       {XG_STR_INIT("kid"), MEMBER_KID},
        {XG_STR_INIT("crit"), MEMBER_CRIT},     {XG_STR_INIT("b64"), MEMBER_FORBIDDEN},
        {XG_STR_INIT("zip"), MEMBER_FORBIDDEN}, {XG_STR_INIT("enc"), MEMBER_FORBIDDEN},
        {XG_STR_INIT("jwk"), MEMBER_FORBIDDEN}, {XG_STR_INIT("jku"), MEMBER_FORBIDDEN},
        {XG_STR_INIT("x5u"), MEMBER_FORBIDDEN}, {XG_STR_INIT("x5c"), MEMBER_FORBIDDEN},
        {XG_STR_INIT("x5t"), MEMBER_FORBIDDEN}, {XG_STR_INIT("x5t#s256"), MEMBER_FORBIDDEN},
    };
    for (size_t i = 0; i < XG_ARRAY_LEN(KNOWN); i++) {
        if (is_equal_folded(name, KNOWN[i].name)) {
            return xg_str_eq(name, KNOWN[i].name) ? KNOWN[i].member : MEMBER_FORBIDDEN;
        }
    }
    return MEMBER_OTHER;
}

static xg_result read_alg(const xg_json *value)
{
    XG_CHECK(value->kind == XG_JSON_STRING && xg_str_eq(value->raw, XG_STR("RS256")), ALG_REFUSED);
    return XG_OK;
}

static xg_result read_kid(const xg_json *value, const xg_token_limits *limits, xg_header *header)
{
    xg_text kid;
    XG_CHECK(value->kind == XG_JSON_STRING, KID_INVALID);
    xg_text_init(&kid, header->kid, sizeof(header->kid));
    xg_json_decode(value, &kid);
    XG_CHECK(!kid.is_cut && kid.len > 0 && kid.len <= limits->kid_bytes, KID_INVALID);
    XG_CHECK(xg_str_is_clean((xg_str){kid.ptr, kid.len}), KID_INVALID);
    header->kid_len = kid.len;
    header->has_kid = true;
    return XG_OK;
}

static xg_result read_member(const xg_json *name, const xg_json *value, const xg_token_limits *limits,
                             xg_header *header, bool *has_alg)
{
    XG_CHECK(!xg_json_has_escape(name), HEADER_JSON);
    switch (classify(name->raw)) {
    case MEMBER_ALG:
        *has_alg = true;
        return read_alg(value);
    case MEMBER_KID:
        return read_kid(value, limits, header);
    case MEMBER_CRIT:
        return XG_FAIL(HEADER_CRIT);
    case MEMBER_OTHER:
        /* Every member that may be ignored is a string, a number or a literal in the wild. */
        XG_CHECK(value->kind != XG_JSON_OBJECT && value->kind != XG_JSON_ARRAY, HEADER_JSON);
        return XG_OK;
    case MEMBER_FORBIDDEN:
    default:
        return XG_FAIL(HEADER_FORBIDDEN);
    }
}

/* Letters, digits, and what serials and UUIDs have between them: bytes that no reading of JSON could change. */
static bool is_plain_kid(xg_str kid)
{
    for (size_t i = 0; i < kid.len; i++) {
        char c = (char)(kid.ptr[i] | 0x20);
        bool is_letter = c >= 'a' && c <= 'z' && (kid.ptr[i] & 0x40) != 0;
        bool is_digit = kid.ptr[i] >= '0' && kid.ptr[i] <= '9';
        if (!is_letter && !is_digit && memchr("-_.", kid.ptr[i], 3) == NULL) {
            return false;
        }
    }
    return kid.len > 0;
}

/*
 * The header that Kuma's issuer and ours write, recognised by its bytes: {"alg":"RS256","kid":"1","typ":"JWT"}, with a
 * plain kid. False for all others, which are scanned.
 */
static bool take_usual(xg_str json, const xg_token_limits *limits, xg_header *ret_header)
{
    static const xg_str BEFORE = XG_STR_INIT("{\"alg\":\"RS256\",\"kid\":\"");
    static const xg_str AFTER = XG_STR_INIT("\",\"typ\":\"JWT\"}");
    const size_t frame = BEFORE.len + AFTER.len;
    if (json.len <= frame || json.len > limits->header_bytes || json.len - frame > limits->kid_bytes) {
        return false;
    }
    xg_str kid = {json.ptr + BEFORE.len, json.len - frame};
    if (!xg_str_starts_with(json, BEFORE) || !xg_str_eq(xg_str_skip(json, BEFORE.len + kid.len), AFTER) ||
        !is_plain_kid(kid)) {
        return false;
    }
    *ret_header = (xg_header){.has_kid = true, .kid_len = kid.len};
    memcpy(ret_header->kid, kid.ptr, kid.len); /* at most kid_bytes, which is at most XG_KID_MAX */
    return true;
}

xg_result xg_header_scan(xg_str json, const xg_token_limits *limits, xg_header *ret_header)
{
    const xg_json_limits shape = {.depth = limits->json_depth, .members = MEMBERS_MAX};
    xg_json object, name, value;
    xg_header header = {0};
    bool has_alg = false;

    if (take_usual(json, limits, ret_header)) {
        return XG_OK;
    }
    XG_CHECK(json.len <= limits->header_bytes, HEADER_TOO_LONG);
    XG_TRY(xg_json_check_object(json, shape, XG_REASON_HEADER_JSON, &object, NULL));
    for (xg_str rest = object.raw; xg_json_next_member(&rest, &name, &value);) {
        XG_TRY(read_member(&name, &value, limits, &header, &has_alg));
    }
    XG_CHECK(has_alg, ALG_MISSING);
    *ret_header = header;
    return XG_OK;
}
