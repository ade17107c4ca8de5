/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_authenticate.c: the whole decision. Input: lines of text, "word value", that describe a request, a token and a
 * policy; see read_line. The token is signed here with a test key, so that what stands behind the signature is reached,
 * unless a line "credential" gives its bytes outright. Not thread-safe.
 *
 * Targets: xg_engine_decide, xg_bind_dataplane, xg_bind_zone, xg_trust_find_key, xg_trust_check_revoked, xg_explain,
 * xg_snapshot_find_mesh, xg_snapshot_find_zone, xg_claims_parse, xg_header_scan, xg_jws_split.
 * Properties: allowed implies what may_be_allowed says, which is written from the design, with libjwt and jansson,
 * and shares no code with src/; a denial names a reason; the answer is one printable sentence that holds no part of
 * the signature; ids are filled only if the signature holds; the same answer twice.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "xdsgate/auth.h"

#define TAGS_MAX 8
#define MESH     "payments-mesh"
#define LIST     "revoked-jti, other-jti\n@kid 9\n@name revoked-name\n@workload revoked-workload\n"

typedef struct fuzz_scene {
    xg_request request;
    xg_policy policy;
    xg_tag tags[TAGS_MAX];
    xg_tag labels[TAGS_MAX];
    xg_str header;
    xg_str claims;
    xg_str credential; /* given outright, if it is not empty */
    fuzz_role signer;
    uint32_t damage; /* not 0: which character of the token is replaced */
} fuzz_scene;

/* ---- the input ---- */

static void add_tag(xg_tag *tags, size_t *num_tags, xg_str value)
{
    const char *equals = value.len == 0 ? NULL : memchr(value.ptr, '=', value.len);
    if (equals != NULL && *num_tags < TAGS_MAX) {
        size_t key_len = (size_t)(equals - value.ptr);
        tags[(*num_tags)++] = (xg_tag){{value.ptr, key_len}, {equals + 1, value.len - key_len - 1}};
    }
}

static uint32_t number(xg_str value)
{
    uint32_t n = 0;
    for (size_t i = 0; i < value.len && value.ptr[i] >= '0' && value.ptr[i] <= '9'; i++) {
        n = n * 10 + (uint32_t)(value.ptr[i] - '0');
    }
    return n;
}

static void set_switch(xg_str value, xg_policy *policy)
{
    const struct {
        const char *name;
        bool *place;
    } switches[] = {
        {"workload_enforced", &policy->profile.workload_enforced},
        {"exp_required", &policy->profile.exp_required},
        {"jti_required", &policy->profile.jti_required},
        {"mesh_required", &policy->profile.mesh_required},
        {"binding_required", &policy->profile.binding_required},
        {"type_checked", &policy->profile.type_checked},
        {"zone_entities", &policy->profile.zone_entities},
        {"shared_revocations", &policy->profile.shared_revocations},
        {"allow_mesh_wide", &policy->allow_mesh_wide},
    };
    for (size_t i = 0; i < XG_ARRAY_LEN(switches); i++) {
        if (xg_str_eq(value, xg_str_of(switches[i].name))) {
            *switches[i].place = !*switches[i].place;
        }
    }
}

static void set_policy(xg_str word, xg_str value, xg_policy *policy)
{
    const xg_profile *profile = xg_profile_find(value);
    if (xg_str_eq(word, XG_STR("profile")) && profile != NULL) {
        policy->profile = *profile;
    } else if (xg_str_eq(word, XG_STR("switch"))) {
        set_switch(value, policy);
    } else if (xg_str_eq(word, XG_STR("legacy"))) {
        policy->legacy_zone_tokens = (xg_legacy)(1 + number(value) % 3);
    } else if (xg_str_eq(word, XG_STR("leeway"))) {
        policy->leeway = number(value) % 61;
    } else if (xg_str_eq(word, XG_STR("deny-after"))) {
        policy->deny_after = FUZZ_NOW + number(value) % 2;
    } else if (xg_str_eq(word, XG_STR("own-zone"))) {
        size_t len = value.len < XG_MESH_NAME_MAX ? value.len : XG_MESH_NAME_MAX;
        (void)snprintf(policy->zone, sizeof policy->zone, "%.*s", (int)len, value.ptr);
    }
}

static void read_line(xg_str word, xg_str value, fuzz_scene *scene)
{
    xg_request *request = &scene->request;
    const struct {
        const char *name;
        xg_str *place;
    } texts[] = {
        {"mesh", &request->mesh},           {"name", &request->name},   {"node", &request->node_id},
        {"zone", &request->zone},           {"header", &scene->header}, {"claims", &scene->claims},
        {"credential", &scene->credential},
    };
    for (size_t i = 0; i < XG_ARRAY_LEN(texts); i++) {
        if (xg_str_eq(word, xg_str_of(texts[i].name))) {
            *texts[i].place = value;
        }
    }
    if (xg_str_eq(word, XG_STR("tag"))) {
        add_tag(scene->tags, &request->num_tags, value);
    } else if (xg_str_eq(word, XG_STR("label"))) {
        add_tag(scene->labels, &request->num_labels, value);
    } else if (xg_str_eq(word, XG_STR("kind"))) {
        request->kind = number(value);
    } else if (xg_str_eq(word, XG_STR("flags"))) {
        request->flags = number(value);
    } else if (xg_str_eq(word, XG_STR("signer"))) {
        scene->signer = xg_str_eq(value, XG_STR("zone")) ? FUZZ_ZONE : FUZZ_MESH;
    } else if (xg_str_eq(word, XG_STR("damage"))) {
        scene->damage = number(value);
    } else {
        set_policy(word, value, &scene->policy);
    }
}

static void read_scene(xg_str text, fuzz_scene *scene)
{
    *scene = (fuzz_scene){
        .request = {.struct_size = sizeof scene->request, .kind = XG_KIND_DATAPLANE},
        .policy = {.profile = *xg_profile_at(0),
                   .legacy_zone_tokens = XG_LEGACY_WARN,
                   .deny_after = INT64_MAX,
                   .request_tags = 256},
        .header = XG_STR("{\"alg\":\"RS256\",\"kid\":\"1\",\"typ\":\"JWT\"}"),
    };
    scene->policy.token = XG_TOKEN_LIMITS_DEFAULT;
    scene->request.tags = scene->tags;
    scene->request.labels = scene->labels;
    while (text.len > 0) {
        const char *end = memchr(text.ptr, '\n', text.len);
        xg_str line = {text.ptr, end == NULL ? text.len : (size_t)(end - text.ptr)};
        text = xg_str_skip(text, line.len + (end != NULL ? 1 : 0));
        const char *blank = line.len == 0 ? NULL : memchr(line.ptr, ' ', line.len);
        if (blank != NULL) {
            size_t word_len = (size_t)(blank - line.ptr);
            read_line((xg_str){line.ptr, word_len}, xg_str_skip(line, word_len + 1), scene);
        }
    }
}

/* ---- the store ---- */

static void fill_keyset(fuzz_role role, xg_keyset *set)
{
    char sentence[256];
    xg_text reterr;
    xg_text_init(&reterr, sentence, sizeof sentence);
    FUZZ_REQUIRE(xg_is_ok(xg_keyring_new(&set->ring)) &&
                     xg_is_ok(xg_keyring_add(set->ring, XG_STR("1"), fuzz_pubkey(role))) &&
                     xg_is_ok(xg_keyring_add(set->ring, XG_STR("7"), NULL)) &&
                     xg_is_ok(xg_revocations_parse(XG_STR(LIST), 100, &set->revoked, &reterr)),
                 "harness: key set");
}

static const xg_snapshot *snapshot(void)
{
    static xg_snapshot *made;
    if (made == NULL) {
        xg_keyset mesh = {.name = XG_STR(MESH)};
        xg_keyset zone = {0};
        fill_keyset(FUZZ_MESH, &mesh);
        fill_keyset(FUZZ_ZONE, &zone);
        FUZZ_REQUIRE(xg_is_ok(xg_snapshot_new(&zone, NULL, &mesh, 1, NULL, &made)), "harness: snapshot");
    }
    return made;
}

/* ---- the oracle: what must be true of a token that was let in ---- */

static bool text_is(const json_t *value, xg_str text)
{
    return json_is_string(value) && json_string_length(value) == text.len &&
           (text.len == 0 || memcmp(json_string_value(value), text.ptr, text.len) == 0);
}

/* True if the claim is absent or empty, that is: binds nothing. */
static bool is_unbound(const json_t *claims, const char *name)
{
    return text_is(json_object_get(claims, name), XG_STR("")) || json_object_get(claims, name) == NULL;
}

static bool text_is_any(const json_t *array, xg_str text)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (text_is(json_array_get(array, i), text)) {
            return true;
        }
    }
    return false;
}

/* Every value that the proxy has for the key is allowed; at least one is there. *found counts. */
static bool values_allowed(const json_t *allowed, const char *key, const xg_tag *tags, size_t num_tags, size_t *found)
{
    for (size_t i = 0; i < num_tags; i++) {
        if (xg_str_eq(tags[i].key, xg_str_of(key))) {
            (*found)++;
            if (!text_is_any(allowed, tags[i].value)) {
                return false;
            }
        }
    }
    return true;
}

static bool tags_allowed(const fuzz_scene *scene, const json_t *claimed)
{
    const xg_request *request = &scene->request;
    unsigned source = scene->policy.profile.tag_source;
    const char *key;
    json_t *allowed;
    json_object_foreach((json_t *)(uintptr_t)claimed, key, allowed)
    {
        size_t found = 0;
        if ((source & XG_TAGS_INBOUND) != 0 &&
            !values_allowed(allowed, key, request->tags, request->num_tags, &found)) {
            return false;
        }
        if ((source & XG_TAGS_LABELS) != 0 &&
            !values_allowed(allowed, key, request->labels, request->num_labels, &found)) {
            return false;
        }
        if (found == 0) {
            return false;
        }
    }
    return true;
}

static xg_str workload_label(const xg_request *request)
{
    for (size_t i = 0; i < request->num_labels; i++) {
        if (xg_str_eq(request->labels[i].key, XG_STR("kuma.io/workload"))) {
            return request->labels[i].value;
        }
    }
    return (xg_str){NULL, 0};
}

static bool is_unbound_or(const json_t *claims, const char *name, xg_str value)
{
    return is_unbound(claims, name) || text_is(json_object_get(claims, name), value);
}

static bool has_none_of(const json_t *claims, const char *const *names, size_t num_names)
{
    for (size_t i = 0; i < num_names; i++) {
        if (json_object_get(claims, names[i]) != NULL) {
            return false;
        }
    }
    return true;
}

static bool workload_may_be_allowed(const fuzz_scene *scene, const json_t *claims)
{
    const xg_request *request = &scene->request;
    xg_str label = workload_label(request);
    bool is_identity = (request->flags & XG_FLAG_IDENTITY_FROM_WORKLOAD) != 0;
    if (is_unbound(claims, "Workload")) {
        return !is_identity || label.len == 0;
    }
    return (!scene->policy.profile.workload_enforced && !is_identity) ||
           text_is(json_object_get(claims, "Workload"), label);
}

/* One of Name, Tags and Workload binds; the last only where it is compared. */
static bool is_bound_somehow(const fuzz_scene *scene, const json_t *claims)
{
    bool is_compared = scene->policy.profile.workload_enforced || scene->request.flags != 0;
    return !is_unbound(claims, "Name") || json_object_size(json_object_get(claims, "Tags")) > 0 ||
           (is_compared && !is_unbound(claims, "Workload"));
}

static bool demands_hold(const fuzz_scene *scene, const json_t *claims)
{
    const xg_profile *profile = &scene->policy.profile;
    return (!profile->mesh_required || !is_unbound(claims, "Mesh")) &&
           (!profile->binding_required || scene->policy.allow_mesh_wide || is_bound_somehow(scene, claims)) &&
           (!profile->type_checked || is_unbound_or(claims, "Type", XG_STR("dataplane")));
}

static bool dataplane_may_be_allowed(const fuzz_scene *scene, const json_t *claims)
{
    static const char *const others[] = {"Scope", "Zone", "Groups"};
    return demands_hold(scene, claims) && xg_str_eq(scene->request.mesh, XG_STR(MESH)) &&
           has_none_of(claims, others, XG_ARRAY_LEN(others)) && is_unbound_or(claims, "Name", scene->request.name) &&
           is_unbound_or(claims, "Mesh", XG_STR(MESH)) && workload_may_be_allowed(scene, claims) &&
           tags_allowed(scene, json_object_get(claims, "Tags"));
}

static bool zone_may_be_allowed(const fuzz_scene *scene, const json_t *claims)
{
    static const char *const others[] = {"Name", "Mesh", "Tags", "Type", "Workload", "Groups"};
    const xg_request *request = &scene->request;
    xg_str zone = request->zone.len > 0 ? request->zone : xg_str_of(scene->policy.zone);
    xg_str scope = request->kind == XG_KIND_ZONE_INGRESS ? XG_STR("ingress") : XG_STR("egress");
    return has_none_of(claims, others, XG_ARRAY_LEN(others)) && scene->policy.profile.zone_entities &&
           scene->policy.legacy_zone_tokens != XG_LEGACY_DENY && scene->policy.deny_after > FUZZ_NOW &&
           text_is_any(json_object_get(claims, "Scope"), scope) &&
           (is_unbound(claims, "Zone") ? !scene->policy.profile.mesh_required
                                       : text_is(json_object_get(claims, "Zone"), zone));
}

static bool times_may_be_allowed(const fuzz_scene *scene, const json_t *claims)
{
    const json_t *exp = json_object_get(claims, "exp");
    const json_t *nbf = json_object_get(claims, "nbf");
    bool exp_holds = exp == NULL ? !scene->policy.profile.exp_required
                                 : json_is_integer(exp) && json_integer_value(exp) > FUZZ_NOW - scene->policy.leeway;
    bool nbf_holds =
        nbf == NULL || (json_is_integer(nbf) && json_integer_value(nbf) <= FUZZ_NOW + scene->policy.leeway);
    return exp_holds && nbf_holds;
}

static bool header_may_be_allowed(const json_t *header)
{
    return text_is(json_object_get(header, "alg"), XG_STR("RS256")) &&
           text_is(json_object_get(header, "kid"), XG_STR("1")) && json_object_get(header, "crit") == NULL;
}

static bool node_may_be_allowed(const xg_request *request)
{
    xg_str rest = request->node_id;
    return rest.len == 0 || request->kind != XG_KIND_DATAPLANE ||
           (rest.len == request->mesh.len + 1 + request->name.len && xg_str_starts_with(rest, request->mesh) &&
            rest.ptr[request->mesh.len] == '.' && xg_str_eq(xg_str_skip(rest, request->mesh.len + 1), request->name));
}

static bool is_revoked(const json_t *claims)
{
    const json_t *jti = json_object_get(claims, "jti");
    return text_is(jti, XG_STR("revoked-jti")) || text_is(jti, XG_STR("other-jti")) ||
           text_is(json_object_get(claims, "Name"), XG_STR("revoked-name")) ||
           text_is(json_object_get(claims, "Workload"), XG_STR("revoked-workload"));
}

static bool may_be_allowed(const fuzz_scene *scene, const json_t *header, const json_t *claims)
{
    bool is_dataplane = scene->request.kind == XG_KIND_DATAPLANE;
    return (header == NULL || header_may_be_allowed(header)) && json_is_object(claims) &&
           node_may_be_allowed(&scene->request) && times_may_be_allowed(scene, claims) && !is_revoked(claims) &&
           (!scene->policy.profile.jti_required || json_object_get(claims, "jti") != NULL) &&
           (is_dataplane ? dataplane_may_be_allowed(scene, claims) : zone_may_be_allowed(scene, claims));
}

/* exp with the leeway; for zone tokens, not after the policy's own end. */
static void check_end(const fuzz_scene *scene, const json_t *exp, int64_t not_after)
{
    int64_t end = exp == NULL ? INT64_MAX : json_integer_value(exp);
    bool is_ended_by_policy = scene->request.kind != XG_KIND_DATAPLANE && scene->policy.deny_after < end;
    FUZZ_REQUIRE(not_after >= (is_ended_by_policy ? scene->policy.deny_after : end), "allowed: not before its end");
    FUZZ_REQUIRE(exp != NULL || is_ended_by_policy || not_after == INT64_MAX, "allowed: without end");
}

static void check_allowed(const fuzz_scene *scene, const xg_decision *decision)
{
    xg_str credential = scene->request.credential;
    fuzz_role role = scene->request.kind == XG_KIND_DATAPLANE ? FUZZ_MESH : FUZZ_ZONE;
    FUZZ_REQUIRE(scene->request.kind >= 1 && scene->request.kind <= 3, "allowed: a known kind");
    FUZZ_REQUIRE((scene->request.flags & ~(uint32_t)XG_FLAG_IDENTITY_FROM_WORKLOAD) == 0, "allowed: known flags");
    FUZZ_REQUIRE(fuzz_libjwt_decode(role, credential) != FUZZ_REJECTS, "allowed: libjwt accepts");

    xg_str texts[2];
    json_t *objects[2];
    for (unsigned i = 0; i < 2; i++) {
        texts[i].ptr = fuzz_segment(credential, i, &texts[i].len);
        FUZZ_REQUIRE(texts[i].ptr != NULL, "allowed: libsodium decodes");
        FUZZ_REQUIRE(fuzz_jansson_load(texts[i], &objects[i]) != FUZZ_REJECTS, "allowed: jansson accepts");
    }
    FUZZ_REQUIRE(may_be_allowed(scene, objects[0], objects[1]), "allowed: every check of the design holds");

    const json_t *exp = json_object_get(objects[1], "exp");
    const json_t *jti = json_object_get(objects[1], "jti");
    FUZZ_REQUIRE(decision->reason == XG_REASON_OK && decision->grpc_status == 0 && decision->failed_binding == 0,
                 "allowed: no reason, no binding");
    check_end(scene, exp, decision->not_after);
    FUZZ_REQUIRE(jti == NULL ? decision->token_id_len == 0
                             : text_is(jti, (xg_str){decision->token_id, decision->token_id_len}),
                 "allowed: the id is the token's");
    for (unsigned i = 0; i < 2; i++) {
        json_decref(objects[i]);
        free((void *)(uintptr_t)texts[i].ptr);
    }
}

static void check_sentence(const xg_decision *decision, xg_str credential)
{
    FUZZ_REQUIRE(decision->text_len < sizeof decision->text && strlen(decision->text) == decision->text_len,
                 "the sentence is terminated");
    for (size_t i = 0; i < decision->text_len; i++) {
        FUZZ_REQUIRE(decision->text[i] >= ' ' && decision->text[i] <= '~', "the sentence is printable ASCII");
    }
    if (credential.len > 32) {
        FUZZ_REQUIRE(memmem(decision->text, decision->text_len, credential.ptr + credential.len - 32, 32) == NULL,
                     "the sentence holds no part of the signature");
    }
}

static void check_any(const fuzz_scene *scene, const xg_decision *decision)
{
    xg_str credential = scene->request.credential;
    fuzz_role role = scene->request.kind == XG_KIND_DATAPLANE ? FUZZ_MESH : FUZZ_ZONE;
    FUZZ_REQUIRE(decision->struct_size == sizeof *decision, "struct_size is left alone");
    check_sentence(decision, credential);
    FUZZ_REQUIRE((decision->kid_len == 0 && decision->token_id_len == 0) || fuzz_signature_holds(role, credential),
                 "ids only once the signature held");
    if (decision->outcome == XG_OUTCOME_ALLOWED) {
        check_allowed(scene, decision);
        return;
    }
    FUZZ_REQUIRE(decision->outcome == XG_OUTCOME_DENIED || decision->outcome == XG_OUTCOME_UNDECIDED, "outcome");
    FUZZ_REQUIRE(decision->reason >= 100 && decision->grpc_status != 0 && decision->text_len > 0,
                 "a denial names its reason");
    FUZZ_REQUIRE(decision->not_after == 0, "a denial has no end");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static fuzz_scene scene;
    read_scene((xg_str){(const char *)data, size}, &scene);
    char *token = NULL;
    if (scene.credential.len == 0 && scene.claims.len > 0 && scene.claims.len <= 2ul * XG_CREDENTIAL_MAX) {
        token = fuzz_sign(scene.signer, scene.header, scene.claims, &scene.credential.len);
        scene.credential.ptr = token;
        if (scene.damage != 0) {
            char *damaged = &token[scene.damage % scene.credential.len];
            *damaged = *damaged == 'A' ? 'B' : 'A';
        }
    }
    scene.request.credential = scene.credential;

    xg_view view = {
        .keys = snapshot(), .policy = &scene.policy, .generation = 3, .now = FUZZ_NOW, .latest_now = FUZZ_NOW};
    xg_decision decisions[3];
    for (int i = 0; i < 3; i++) {
        /* First without a cache, then with one that has never seen the token, then with one that may have. */
        FUZZ_REQUIRE(i != 1 || xg_is_ok(xg_verified_new(1, &view.verified)), "memory");
        memset(&decisions[i], 0x5A, sizeof decisions[i]); /* what the engine leaves out, shows */
        decisions[i].struct_size = sizeof decisions[i];
        xg_engine_decide(&view, XG_KINDS_DATAPLANE | XG_KINDS_ZONE, &scene.request, &decisions[i]);
    }
    check_any(&scene, &decisions[0]);
    xg_verified_free(view.verified);
    FUZZ_REQUIRE(memcmp(&decisions[0], &decisions[1], sizeof decisions[0]) == 0 &&
                     memcmp(&decisions[0], &decisions[2], sizeof decisions[0]) == 0,
                 "the same answer each time, whatever was seen before");
    free(token);
    return 0;
}
