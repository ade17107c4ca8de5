/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_jws.c: a compact token through the whole of src/token. Input: the credential's bytes. Not thread-safe.
 *
 * Mutations of a signed token would all stop at the signature, so the mutator also takes a token apart, mutates header
 * or payload, and signs the result again with the test key.
 *
 * Targets: xg_jws_split, xg_header_scan, xg_pubkey_verify, xg_claims_parse.
 * Properties: a token that splits, joins again to the same text; its signing input is the text before the last dot; a
 * token whose signature holds and whose claims parse is accepted by libjwt too; the same answer twice.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

static char *join(const xg_jws *jws, size_t *ret_len)
{
    const xg_str parts[] = {jws->header, jws->payload, jws->signature};
    char *text = malloc((parts[0].len + parts[1].len + parts[2].len) / 3 * 4 + 16);
    FUZZ_REQUIRE(text != NULL, "harness: memory");
    size_t len = 0;
    for (size_t i = 0; i < XG_ARRAY_LEN(parts); i++) {
        len += xg_b64url_encode((const uint8_t *)parts[i].ptr, parts[i].len, text + len);
        text[len++] = '.';
    }
    *ret_len = len - 1;
    return text;
}

/* The reason of the first step that fails, or XG_REASON_OK. */
static uint32_t judge(xg_str compact, xg_token_kind kind)
{
    xg_jws jws;
    xg_header header;
    xg_claims claims;
    char field[XG_CLAIM_FIELD_SIZE];
    xg_result result = xg_jws_split(compact, &XG_TOKEN_LIMITS_DEFAULT, &jws);
    if (!xg_is_ok(result)) {
        return xg_result_reason(result);
    }
    size_t len = 0;
    char *again = join(&jws, &len);
    FUZZ_REQUIRE(xg_str_eq((xg_str){again, len}, compact), "a token that splits joins again to the same text");
    free(again);
    size_t dot = compact.len;
    while (compact.ptr[dot - 1] != '.') {
        dot--;
    }
    FUZZ_REQUIRE(xg_str_eq(jws.signing_input, (xg_str){compact.ptr, dot - 1}), "signing input");

    result = xg_header_scan(jws.header, &XG_TOKEN_LIMITS_DEFAULT, &header);
    if (xg_is_ok(result)) {
        result = xg_pubkey_verify(fuzz_pubkey(FUZZ_MESH), jws.signing_input, jws.signature);
    }
    if (xg_is_ok(result)) {
        result = xg_claims_parse(jws.payload, kind, &XG_TOKEN_LIMITS_DEFAULT, &claims, field);
    }
    if (xg_is_ok(result)) {
        FUZZ_REQUIRE(fuzz_libjwt_decode(FUZZ_MESH, compact) != FUZZ_REJECTS, "libjwt accepts what is accepted");
    }
    return xg_result_reason(result);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    xg_str compact = {(const char *)data, size};
    uint32_t dataplane = judge(compact, XG_TOKEN_DATAPLANE);
    uint32_t zone = judge(compact, XG_TOKEN_ZONE);
    FUZZ_REQUIRE(judge(compact, XG_TOKEN_DATAPLANE) == dataplane, "the same answer twice");
    bool is_about_claims = dataplane == XG_REASON_OK || dataplane / 10 == XG_REASON_CLAIMS_JSON / 10;
    FUZZ_REQUIRE(is_about_claims || dataplane == zone, "before the claims, the kind of token does not matter");
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
    xg_str compact = {(const char *)data, size};
    xg_str parts[2];
    unsigned choice = seed % 4;
    if (choice >= 2) {
        return LLVMFuzzerMutate(data, size, max_size);
    }
    char *header = fuzz_segment(compact, 0, &parts[0].len);
    char *payload = fuzz_segment(compact, 1, &parts[1].len);
    if (header != NULL && payload != NULL) {
        parts[0].ptr = header;
        parts[1].ptr = payload;
        uint8_t room[XG_CREDENTIAL_MAX];
        size_t len = parts[choice].len < sizeof room ? parts[choice].len : sizeof room;
        if (len > 0) {
            memcpy(room, parts[choice].ptr, len);
        }
        parts[choice] = (xg_str){(const char *)room, LLVMFuzzerMutate(room, len, sizeof room)};
        size_t token_len = 0;
        char *token = fuzz_sign(FUZZ_MESH, parts[0], parts[1], &token_len);
        if (token_len <= max_size) {
            memcpy(data, token, token_len);
            size = token_len;
        }
        free(token);
    } else {
        size = LLVMFuzzerMutate(data, size, max_size);
    }
    free(header);
    free(payload);
    return size;
}
