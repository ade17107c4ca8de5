/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jws.c: the compact serialization taken apart (RFC 7515 section 7.1).
 *
 * Owns the rule that a token has exactly one spelling: two dots, three non-empty segments, canonical base64url. Must
 * never allocate, and never look at what the segments mean. Pure, thread-safe.
 */
#include <string.h>

#include "xdsgate/token.h"

const xg_token_limits XG_TOKEN_LIMITS_DEFAULT = {
    .credential_bytes = XG_CREDENTIAL_MAX,
    .header_bytes = XG_HEADER_MAX,
    .kid_bytes = XG_KID_MAX,
    .jti_bytes = XG_JTI_MAX,
    .json_depth = XG_JSON_DEPTH_MAX,
    .tag_keys = XG_TAG_KEYS_MAX,
    .tag_values = XG_TAG_VALUES_MAX,
};

/* Cuts the text before the first dot off *rest into *ret_segment. False if there is no dot. */
static bool cut_at_dot(xg_str *rest, xg_str *ret_segment)
{
    const char *dot = rest->len == 0 ? NULL : memchr(rest->ptr, '.', rest->len);
    if (dot == NULL) {
        return false;
    }
    size_t len = (size_t)(dot - rest->ptr);
    *ret_segment = (xg_str){rest->ptr, len};
    *rest = xg_str_skip(*rest, len + 1);
    return true;
}

/* Decodes a segment to the free end of the token's own bytes. */
static bool decode_segment(xg_str segment, xg_jws *jws, size_t *used, xg_str *ret_decoded)
{
    size_t len = 0;
    if (!xg_b64url_decode(segment, jws->bytes + *used, &len)) {
        return false;
    }
    *ret_decoded = (xg_str){(const char *)jws->bytes + *used, len};
    *used += len;
    return true;
}

xg_result xg_jws_split(xg_str compact, const xg_token_limits *limits, xg_jws *ret_jws)
{
    xg_str header, payload;
    xg_str rest = compact;
    size_t used = 0;

    XG_CHECK(compact.len > 0, CREDENTIAL_EMPTY);
    XG_CHECK(compact.len <= limits->credential_bytes && compact.len <= XG_CREDENTIAL_MAX, CREDENTIAL_TOO_LONG);
    XG_CHECK(cut_at_dot(&rest, &header) && cut_at_dot(&rest, &payload), CREDENTIAL_SEGMENTS);
    XG_CHECK(memchr(rest.ptr, '.', rest.len) == NULL, CREDENTIAL_SEGMENTS);
    XG_CHECK(header.len > 0 && payload.len > 0 && rest.len > 0, CREDENTIAL_SEGMENTS);
    XG_CHECK(decode_segment(header, ret_jws, &used, &ret_jws->header), CREDENTIAL_BASE64);
    XG_CHECK(decode_segment(payload, ret_jws, &used, &ret_jws->payload), CREDENTIAL_BASE64);
    XG_CHECK(decode_segment(rest, ret_jws, &used, &ret_jws->signature), CREDENTIAL_BASE64);
    ret_jws->signing_input = (xg_str){compact.ptr, header.len + 1 + payload.len};
    return XG_OK;
}
