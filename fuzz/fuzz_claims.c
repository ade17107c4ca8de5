/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_claims.c: the payload after the signature. Input: one letter, 'd' or 'z' for the kind of token, then the JSON.
 * Not thread-safe.
 *
 * Targets: xg_claims_parse, xg_json_check_object and the walk over what it checked.
 * Properties: jansson, refusing duplicates, accepts what is accepted and reads the same value for every claim; no
 * member of accepted claims is another spelling of a known one or belongs to another kind of token; no claim is lost:
 * a binding that stands in the text is never reported as absent; the same answer twice.
 */
#include <jansson.h>
#include <string.h>

#include "fuzz.h"

static const char *const DATAPLANE_NAMES[] = {"Name", "Mesh", "Tags", "Type", "Workload"};
static const char *const ZONE_NAMES[] = {"Zone", "Scope"};
static const char *const OTHER_NAMES[] = {"Groups", "iss", "sub", "aud", "exp", "nbf", "iat", "jti"};

/* Lower case as Go's encoding/json folds names: ASCII, U+017F to s, U+212A to k. out has room for strlen(name) + 1. */
static void fold(const char *name, char *out)
{
    while (*name != '\0') {
        if (strncmp(name, "\xc5\xbf", 2) == 0) {
            *out++ = 's';
            name += 2;
        } else if (strncmp(name, "\xe2\x84\xaa", 3) == 0) {
            *out++ = 'k';
            name += 3;
        } else {
            *out++ = (char)(*name >= 'A' && *name <= 'Z' ? *name + 'a' - 'A' : *name);
            name++;
        }
    }
    *out = '\0';
}

static void check_spelling(const char *key, const char *const *names, size_t num_names, bool is_of_kind)
{
    char folded[8192];
    char known[16];
    if (strlen(key) >= sizeof folded) {
        return;
    }
    fold(key, folded);
    for (size_t i = 0; i < num_names; i++) {
        fold(names[i], known);
        if (strcmp(folded, known) == 0) {
            FUZZ_REQUIRE(strcmp(key, names[i]) == 0, "no other spelling of a known claim");
            FUZZ_REQUIRE(is_of_kind, "no claim of another kind of token");
        }
    }
}

static void check_string(const json_t *object, const char *key, xg_str value)
{
    const json_t *member = json_object_get(object, key);
    FUZZ_REQUIRE(member == NULL || json_is_string(member), "a string claim is a string");
    FUZZ_REQUIRE(json_string_length(member) == value.len &&
                     (value.len == 0 || memcmp(json_string_value(member), value.ptr, value.len) == 0),
                 "jansson reads the same string");
}

static void check_time(const json_t *object, const char *key, bool has_value, int64_t value)
{
    const json_t *member = json_object_get(object, key);
    FUZZ_REQUIRE((member != NULL) == has_value, "a time is there for both or for none");
    FUZZ_REQUIRE(!has_value || (json_is_integer(member) && json_integer_value(member) == value), "the same time");
}

/* Our walk over the inside of an array gives jansson's strings in jansson's order. */
static void check_list(const json_t *array, xg_str items)
{
    xg_json item;
    size_t i = 0;
    for (xg_str rest = items; xg_json_next(&rest, &item); i++) {
        const json_t *other = json_array_get(array, i);
        FUZZ_REQUIRE(json_is_string(other), "an item for both");
        FUZZ_REQUIRE(xg_json_is(&item, (xg_str){json_string_value(other), json_string_length(other)}),
                     "jansson reads the same item");
    }
    FUZZ_REQUIRE(json_array_size(array) == i, "as many items");
}

static void check_tags(const json_t *object, xg_str members)
{
    xg_json name, values;
    size_t count = 0;
    FUZZ_REQUIRE(object == NULL || json_is_object(object), "Tags is an object");
    for (xg_str rest = members; xg_json_next_member(&rest, &name, &values); count++) {
        char storage[XG_CREDENTIAL_MAX];
        xg_text key;
        xg_text_init(&key, storage, sizeof storage);
        xg_json_decode(&name, &key);
        FUZZ_REQUIRE(!key.is_cut, "the name fits");
        const json_t *other = json_object_get(object, storage);
        FUZZ_REQUIRE(json_is_array(other), "a tag for both");
        check_list(other, values.raw);
    }
    FUZZ_REQUIRE(json_object_size(object) == count, "as many tags");
}

static void check_claims(const json_t *object, bool is_zone, const xg_claims *claims)
{
    check_string(object, "Name", claims->name);
    check_string(object, "Mesh", claims->mesh);
    check_string(object, "Type", claims->type);
    check_string(object, "Workload", claims->workload);
    check_string(object, "Zone", claims->zone);
    check_string(object, "jti", claims->jti);
    check_time(object, "exp", claims->has_exp, claims->exp);
    check_time(object, "nbf", claims->has_nbf, claims->nbf);
    check_time(object, "iat", claims->has_iat, claims->iat);

    check_tags(json_object_get(object, "Tags"), claims->tags);
    const json_t *scope = json_object_get(object, "Scope");
    FUZZ_REQUIRE(scope == NULL || json_is_null(scope) || json_is_array(scope), "Scope is an array");
    check_list(json_is_array(scope) ? scope : NULL, claims->scope);

    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        check_spelling(key, DATAPLANE_NAMES, XG_ARRAY_LEN(DATAPLANE_NAMES), !is_zone);
        check_spelling(key, ZONE_NAMES, XG_ARRAY_LEN(ZONE_NAMES), is_zone);
        check_spelling(key, OTHER_NAMES, 1, false);
        check_spelling(key, OTHER_NAMES + 1, XG_ARRAY_LEN(OTHER_NAMES) - 1, true);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || (data[0] != 'd' && data[0] != 'z')) {
        return 0;
    }
    bool is_zone = data[0] == 'z';
    xg_token_kind kind = is_zone ? XG_TOKEN_ZONE : XG_TOKEN_DATAPLANE;
    xg_str text = {(const char *)data + 1, size - 1};
    xg_claims claims = {0};
    xg_claims again = {0};
    char field[XG_CLAIM_FIELD_SIZE];

    xg_result result = xg_claims_parse(text, kind, &XG_TOKEN_LIMITS_DEFAULT, &claims, field);
    FUZZ_REQUIRE(xg_claims_parse(text, kind, &XG_TOKEN_LIMITS_DEFAULT, &again, field).code == result.code,
                 "the same answer twice");
    if (xg_is_ok(result)) {
        json_t *object = NULL;
        /* No NO_OPINION here: a claim that overflows must have been refused. */
        FUZZ_REQUIRE(fuzz_jansson_load(text, &object) == FUZZ_ACCEPTS, "jansson accepts what is accepted");
        FUZZ_REQUIRE(json_is_object(object), "jansson reads an object");
        check_claims(object, is_zone, &claims);
        json_decref(object);
    }
    return 0;
}
