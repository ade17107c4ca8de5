/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mint.c: header and claims, byte for byte as Kuma's issuer writes them (kuma-tokens 1.1), and the compact token.
 *
 * Owns the encoding only: what a token should say is decided by the caller. Must never read a clock, a file or a random
 * number: equal input gives equal bytes. Thread rule: pure.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xdsgate/token.h"

#define NANOS_PER_SECOND INT64_C(1000000000)
#define SKEW_SECONDS     5     /* Kuma issues tokens as if 5 seconds ago; the only allowance for skew in its system */
#define OUTPUT_MAX       65536 /* far above what fits a token; stops a runaway caller */

/* Growing output with a sticky failure, so that writers need not check every byte. */
typedef struct output {
    char *ptr;
    size_t len;
    size_t cap;
    bool has_failed;
} output;

static bool output_reserve(output *out, size_t more)
{
    if (out->has_failed || more >= OUTPUT_MAX - out->len) {
        out->has_failed = true;
        return false;
    }
    if (out->len + more + 1 > out->cap) {
        size_t cap = (out->len + more + 1) * 2;
        char *ptr = realloc(out->ptr, cap);
        if (ptr == NULL) {
            out->has_failed = true;
            return false;
        }
        out->ptr = ptr;
        out->cap = cap;
    }
    return true;
}

static void put(output *out, xg_str s)
{
    if (s.len > 0 && output_reserve(out, s.len)) {
        memcpy(out->ptr + out->len, s.ptr, s.len);
        out->len += s.len;
        out->ptr[out->len] = '\0';
    }
}

static void put_int(output *out, int64_t value)
{
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%" PRId64, value);
    put(out, (xg_str){digits, (size_t)len});
}

/* Bytes of the UTF-8 character that s begins with; 0 if it begins with none. */
static size_t rune_len(xg_str s)
{
    unsigned char lead = (unsigned char)s.ptr[0];
    size_t len = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    return len <= s.len && xg_str_is_utf8((xg_str){s.ptr, len}) ? len : 0;
}

/* Go's encoding/json with HTML escaping, the default: one ASCII byte. */
static void put_ascii(output *out, char c)
{
    static const char SHORT[] = {'\b', 'b', '\f', 'f', '\n', 'n', '\r', 'r', '\t', 't', '"', '"', '\\', '\\'};
    for (size_t i = 0; i < sizeof(SHORT); i += 2) {
        if (SHORT[i] == c) {
            put(out, (xg_str){(const char[]){'\\', SHORT[i + 1]}, 2});
            return;
        }
    }
    if ((unsigned char)c < 0x20 || c == '<' || c == '>' || c == '&') {
        char escape[8];
        int len = snprintf(escape, sizeof(escape), "\\u%04x", (unsigned)(unsigned char)c);
        put(out, (xg_str){escape, (size_t)len});
        return;
    }
    put(out, (xg_str){&c, 1});
}

static void put_string(output *out, xg_str s)
{
    put(out, XG_STR("\""));
    for (size_t i = 0; i < s.len;) {
        xg_str rest = xg_str_skip(s, i);
        size_t len = rune_len(rest);
        if (len == 0) {
            put(out, XG_STR("\\ufffd"));
            len = 1;
        } else if (len == 1) {
            put_ascii(out, rest.ptr[0]);
        } else if (len == 3 && memcmp(rest.ptr, "\xe2\x80\xa8", 3) == 0) {
            put(out, XG_STR("\\u2028"));
        } else if (len == 3 && memcmp(rest.ptr, "\xe2\x80\xa9", 3) == 0) {
            put(out, XG_STR("\\u2029"));
        } else {
            put(out, (xg_str){rest.ptr, len});
        }
        i += len;
    }
    put(out, XG_STR("\""));
}

static void put_member(output *out, xg_str prefix, xg_str value)
{
    put(out, prefix);
    put_string(out, value);
}

static int compare_strs(const void *a, const void *b)
{
    return xg_str_cmp(*(const xg_str *)a, *(const xg_str *)b);
}

static int compare_tags(const void *a, const void *b)
{
    return xg_str_cmp(((const xg_mint_tag *)a)->key, ((const xg_mint_tag *)b)->key);
}

/* Sorted and without repeats, as Kuma's MultiValueTagSet gives them. */
static xg_result put_values(output *out, const xg_mint_tag *tag)
{
    xg_str *values = calloc(tag->num_values, sizeof(*values));
    XG_CHECK(values != NULL, NO_MEMORY);
    memcpy(values, tag->values, tag->num_values * sizeof(*values));
    qsort(values, tag->num_values, sizeof(*values), compare_strs);
    put(out, XG_STR("["));
    for (size_t i = 0; i < tag->num_values; i++) {
        if (i > 0 && xg_str_eq(values[i], values[i - 1])) {
            continue;
        }
        put_member(out, i > 0 ? XG_STR(",") : XG_STR(""), values[i]);
    }
    put(out, XG_STR("]"));
    free(values);
    return XG_OK;
}

static xg_result put_sorted_tags(output *out, const xg_mint_tag *tags, size_t num_tags)
{
    bool is_first = true;
    for (size_t i = 0; i < num_tags; i++) {
        /* Which of two lists for one tag should count? A JSON object with the name twice must not come of it. */
        XG_CHECK(i == 0 || !xg_str_eq(tags[i].key, tags[i - 1].key), REQUEST_FIELD);
        if (tags[i].num_values == 0) {
            continue; /* Kuma drops these before it encodes */
        }
        put_member(out, is_first ? XG_STR("") : XG_STR(","), tags[i].key);
        put(out, XG_STR(":"));
        XG_TRY(put_values(out, &tags[i]));
        is_first = false;
    }
    return XG_OK;
}

static xg_result put_tags(output *out, const xg_mint_request *request)
{
    put(out, XG_STR(",\"Tags\":{"));
    if (request->num_tags > 0) {
        xg_mint_tag *tags = calloc(request->num_tags, sizeof(*tags));
        XG_CHECK(tags != NULL, NO_MEMORY);
        memcpy(tags, request->tags, request->num_tags * sizeof(*tags));
        qsort(tags, request->num_tags, sizeof(*tags), compare_tags);
        xg_result result = put_sorted_tags(out, tags, request->num_tags);
        free(tags);
        XG_TRY(result);
    }
    put(out, XG_STR("}"));
    return XG_OK;
}

static void put_scopes(output *out, const xg_mint_request *request)
{
    if (request->scopes == NULL) {
        put(out, XG_STR(",\"Scope\":null"));
        return;
    }
    put(out, XG_STR(",\"Scope\":["));
    for (size_t i = 0; i < request->num_scopes; i++) {
        put_member(out, i > 0 ? XG_STR(",") : XG_STR(""), request->scopes[i]);
    }
    put(out, XG_STR("]"));
}

/*
 * exp, nbf, iat. now = seconds + nanos with nanos in [0, 1e9), so the 5 whole seconds of skew come off the seconds; exp
 * = floor(now - 5 s + valid_for + 5 s). The sum of two parts that each fit is taken apart so that nothing overflows.
 */
static xg_result put_times(output *out, const xg_mint_request *request)
{
    int64_t issued = 0;
    int64_t expires = 0;
    XG_CHECK(request->now_nanos >= 0 && request->now_nanos < NANOS_PER_SECOND, REQUEST_FIELD);
    int64_t whole = request->valid_for_nanos / NANOS_PER_SECOND;
    int64_t fraction = request->valid_for_nanos % NANOS_PER_SECOND;
    if (fraction < 0) { /* C rounds to zero */
        whole--;
        fraction += NANOS_PER_SECOND;
    }
    whole += (fraction + request->now_nanos) / NANOS_PER_SECOND;
    XG_CHECK(!__builtin_sub_overflow(request->now, SKEW_SECONDS, &issued), REQUEST_FIELD);
    XG_CHECK(!__builtin_add_overflow(request->now, whole, &expires), REQUEST_FIELD);
    put(out, XG_STR(",\"exp\":"));
    put_int(out, expires);
    put(out, XG_STR(",\"nbf\":"));
    put_int(out, issued);
    put(out, XG_STR(",\"iat\":"));
    put_int(out, issued);
    return XG_OK;
}

static xg_result put_claims(output *out, const xg_mint_request *request)
{
    if (request->kind == XG_TOKEN_ZONE) {
        put_member(out, XG_STR("{\"Zone\":"), request->zone);
        put_scopes(out, request);
    } else {
        put_member(out, XG_STR("{\"Name\":"), request->name);
        put_member(out, XG_STR(",\"Mesh\":"), request->mesh);
        XG_TRY(put_tags(out, request));
        put_member(out, XG_STR(",\"Type\":"), request->type);
        put_member(out, XG_STR(",\"Workload\":"), request->workload);
    }
    XG_TRY(put_times(out, request));
    if (request->jti.len > 0) {
        put_member(out, XG_STR(",\"jti\":"), request->jti);
    }
    put(out, XG_STR("}"));
    XG_CHECK(!out->has_failed, NO_MEMORY);
    return XG_OK;
}

/* Hands the bytes over, or releases them if anything failed on the way. */
static xg_result output_finish(xg_result result, output *out, char **ret_bytes, size_t *ret_len)
{
    if (!xg_is_ok(result)) {
        free(out->ptr);
        return result;
    }
    *ret_bytes = out->ptr;
    *ret_len = out->len;
    return XG_OK;
}

xg_result xg_mint_claims_json(const xg_mint_request *request, char **ret_json, size_t *ret_len)
{
    output out = {0};
    XG_CHECK(request->kind == XG_TOKEN_DATAPLANE || request->kind == XG_TOKEN_ZONE, REQUEST_FIELD);
    xg_result result = put_claims(&out, request);
    return output_finish(result, &out, ret_json, ret_len);
}

static xg_result put_base64url(output *out, const void *bytes, size_t len)
{
    XG_CHECK(len < OUTPUT_MAX, CREDENTIAL_TOO_LONG);
    XG_CHECK(output_reserve(out, (len * 4 + 2) / 3 + 1), NO_MEMORY);
    out->len += xg_b64url_encode(bytes, len, out->ptr + out->len);
    return XG_OK;
}

static xg_result put_header(output *token, xg_str kid)
{
    output header = {0};
    put_member(&header, XG_STR("{\"alg\":\"RS256\",\"kid\":"), kid);
    put(&header, XG_STR(",\"typ\":\"JWT\"}"));
    xg_result result = header.has_failed ? XG_FAIL(NO_MEMORY) : put_base64url(token, header.ptr, header.len);
    free(header.ptr);
    return result;
}

static xg_result put_token(output *token, xg_str kid, xg_str claims, const xg_signer *signer)
{
    uint8_t signature[XG_SIGNATURE_MAX];
    size_t signature_len = 0;

    XG_TRY(put_header(token, kid));
    put(token, XG_STR("."));
    XG_TRY(put_base64url(token, claims.ptr, claims.len));
    XG_CHECK(!token->has_failed, NO_MEMORY);
    XG_TRY(xg_signer_sign(signer, (xg_str){token->ptr, token->len}, signature, &signature_len));
    put(token, XG_STR("."));
    XG_TRY(put_base64url(token, signature, signature_len));
    /* What no xdsgate.so would read must not be handed out. */
    XG_CHECK(token->len <= XG_CREDENTIAL_MAX, CREDENTIAL_TOO_LONG);
    return XG_OK;
}

xg_result xg_mint_sign_claims(xg_str kid, xg_str claims, const xg_signer *signer, char **ret_token, size_t *ret_len)
{
    output token = {0};
    XG_CHECK(kid.len > 0 && kid.len <= XG_KID_MAX, KID_INVALID);
    xg_result result = put_token(&token, kid, claims, signer);
    return output_finish(result, &token, ret_token, ret_len);
}

xg_result xg_mint_token(const xg_mint_request *request, const xg_signer *signer, char **ret_token, size_t *ret_len)
{
    char *claims = NULL;
    size_t claims_len = 0;
    XG_CHECK(request->kid.len > 0 && request->kid.len <= XG_KID_MAX, KID_INVALID);
    XG_CHECK(request->jti.len <= XG_JTI_MAX, REQUEST_FIELD);
    XG_TRY(xg_mint_claims_json(request, &claims, &claims_len));
    xg_result result = xg_mint_sign_claims(request->kid, (xg_str){claims, claims_len}, signer, ret_token, ret_len);
    free(claims);
    return result;
}
