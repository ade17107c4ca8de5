/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_header.c: the JOSE header scanner. Input: the decoded header. Not thread-safe.
 *
 * Targets: xg_header_scan.
 * Properties: jansson, refusing duplicates, accepts what is accepted and reads the same alg and kid; no member of an
 * accepted header is one of the refused ones, in any letter case; the same answer twice; lower limits never accept
 * more.
 */
#include <jansson.h>
#include <string.h>
#include <strings.h>

#include "fuzz.h"

static void check_members(json_t *object, const xg_header *header)
{
    static const char *const forbidden[] = {"crit", "b64", "zip", "enc", "jwk", "jku", "x5u", "x5c", "x5t", "x5t#S256"};
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        for (size_t i = 0; i < XG_ARRAY_LEN(forbidden); i++) {
            FUZZ_REQUIRE(strcasecmp(key, forbidden[i]) != 0, "no refused member");
        }
        FUZZ_REQUIRE(strcasecmp(key, "alg") != 0 || strcmp(key, "alg") == 0, "no other spelling of alg");
        FUZZ_REQUIRE(strcasecmp(key, "kid") != 0 || strcmp(key, "kid") == 0, "no other spelling of kid");
    }
    const json_t *alg = json_object_get(object, "alg");
    FUZZ_REQUIRE(json_string_length(alg) == 5 && memcmp(json_string_value(alg), "RS256", 5) == 0, "alg is RS256");
    const json_t *kid = json_object_get(object, "kid");
    FUZZ_REQUIRE((kid != NULL) == header->has_kid, "kid is there for both or for none");
    if (header->has_kid) {
        FUZZ_REQUIRE(header->kid_len >= 1 && header->kid_len <= XG_KID_MAX && header->kid[header->kid_len] == '\0',
                     "kid within its limits");
        FUZZ_REQUIRE(json_is_string(kid) && json_string_length(kid) == header->kid_len &&
                         memcmp(json_string_value(kid), header->kid, header->kid_len) == 0,
                     "jansson reads the same kid");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    xg_str text = {(const char *)data, size};
    xg_header header = {0};
    xg_header again = {0};
    xg_result result = xg_header_scan(text, &XG_TOKEN_LIMITS_DEFAULT, &header);
    FUZZ_REQUIRE(xg_header_scan(text, &XG_TOKEN_LIMITS_DEFAULT, &again).code == result.code, "the same answer twice");

    xg_token_limits lower = XG_TOKEN_LIMITS_DEFAULT;
    lower.header_bytes = 64;
    lower.kid_bytes = 8;
    lower.json_depth = 2;
    FUZZ_REQUIRE(xg_is_ok(result) || !xg_is_ok(xg_header_scan(text, &lower, &again)), "lower limits accept no more");

    if (xg_is_ok(result)) {
        json_t *object = NULL;
        fuzz_verdict verdict = fuzz_jansson_load(text, &object);
        FUZZ_REQUIRE(verdict != FUZZ_REJECTS, "jansson accepts what is accepted");
        if (verdict == FUZZ_ACCEPTS) {
            FUZZ_REQUIRE(json_is_object(object), "jansson reads an object");
            check_members(object, &header);
        }
        json_decref(object);
    }
    return 0;
}
