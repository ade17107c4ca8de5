/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_config.c: the configuration text of create and reload. Input: the JSON text. Not thread-safe.
 *
 * Targets: xg_config_parse, xg_profile_find, xg_json_check_object.
 * Properties: jansson, refusing duplicates, accepts what is accepted and reads the same store path; no limit of an
 * accepted configuration is above its ceiling and the leeway is at most 60 s; a refusal has a sentence; a refused text
 * leaves the result untouched; the same answer twice.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "xdsgate/auth.h"

static void check_limits(const xg_config *config)
{
    const xg_policy *policy = &config->policy;
    const xg_token_limits *token = &policy->token;
    FUZZ_REQUIRE(policy->leeway >= 0 && policy->leeway <= 60, "leeway is at most a minute");
    FUZZ_REQUIRE(token->credential_bytes <= XG_CREDENTIAL_MAX && token->header_bytes <= XG_HEADER_MAX &&
                     token->kid_bytes <= XG_KID_MAX && token->jti_bytes <= XG_JTI_MAX,
                 "lengths are below their ceilings");
    FUZZ_REQUIRE(token->json_depth <= XG_JSON_DEPTH_MAX && token->tag_keys <= XG_TAG_KEYS_MAX &&
                     token->tag_values <= XG_TAG_VALUES_MAX && policy->request_tags <= 256,
                 "counts are below their ceilings");
    FUZZ_REQUIRE(config->store.meshes <= XG_MESHES_MAX && config->store.revoked_ids <= XG_REVOKED_MAX,
                 "the store's limits are below their ceilings");
    FUZZ_REQUIRE(policy->legacy_zone_tokens >= XG_LEGACY_ALLOW && policy->legacy_zone_tokens <= XG_LEGACY_DENY,
                 "the policy for zone tokens is one of three");
    FUZZ_REQUIRE(policy->profile.tag_source >= XG_TAGS_INBOUND && policy->profile.tag_source <= XG_TAGS_UNION,
                 "the tag source is one of three");
    FUZZ_REQUIRE(xg_profile_find(xg_str_of(policy->profile.name)) != NULL, "the profile is a known one");
    FUZZ_REQUIRE(config->poll_seconds >= 0, "the polling interval is not negative");
    FUZZ_REQUIRE(memchr(policy->zone, '\0', sizeof policy->zone) != NULL, "the zone is terminated");
    FUZZ_REQUIRE(config->store_path[0] != '\0', "there is a store");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    xg_str text = {(const char *)data, size};
    char sentence[256];
    xg_text reterr;
    xg_text_init(&reterr, sentence, sizeof sentence);
    xg_config *configs = calloc(3, sizeof *configs);
    FUZZ_REQUIRE(configs != NULL, "harness: memory");

    xg_result result = xg_config_parse(text, &configs[0], &reterr);
    FUZZ_REQUIRE(strlen(sentence) == reterr.len && reterr.len < sizeof sentence, "the sentence is terminated");
    FUZZ_REQUIRE(xg_is_ok(result) || reterr.len > 0, "a refusal has a sentence");
    FUZZ_REQUIRE(xg_config_parse(text, &configs[1], &reterr).code == result.code, "the same answer twice");
    /* The memory was zeroed, padding too. NOLINTNEXTLINE(bugprone-suspicious-memory-comparison,cert-*) */
    FUZZ_REQUIRE(memcmp(&configs[0], &configs[1], sizeof *configs) == 0, "the same configuration twice");
    if (xg_is_ok(result)) {
        json_t *object = NULL;
        FUZZ_REQUIRE(fuzz_jansson_load(text, &object) == FUZZ_ACCEPTS, "jansson accepts what is accepted");
        const char *store = json_string_value(json_object_get(object, "store"));
        FUZZ_REQUIRE(store != NULL && strcmp(store, configs[0].store_path) == 0, "the same store");
        check_limits(&configs[0]);
        json_decref(object);
    } else {
        /* As above. NOLINTNEXTLINE(bugprone-suspicious-memory-comparison,cert-*) */
        FUZZ_REQUIRE(memcmp(&configs[0], &configs[2], sizeof *configs) == 0, "a refusal leaves the result untouched");
    }
    free(configs);
    return 0;
}
