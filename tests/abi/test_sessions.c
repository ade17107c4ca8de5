/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_sessions.c: live sessions as the host sees them (rules A10 to A13; design, section 10): who is registered, which
 * change ends whom and for which reason, when and how the host is told.
 *
 * Owns the collecting host below. One thread but where a test says otherwise.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <pthread.h>

#include "abi_support.h"

#define TOLD_MAX  2048
#define BATCH_MAX 256
#define EXP       (FIXTURE_NOW + 3600) /* of the fixture's tokens */

static xg_loader plugin;
static fixture fx;
static xg_ctx *ctx;

/* ---- a host that collects ---- */

static struct {
    xg_invalidation items[TOLD_MAX];
    size_t num_items;
    size_t batches[16];
    size_t num_batches;
    bool is_in_call; /* of reload or tick */
    bool was_told_elsewhere;
    void (*during)(void);
} told;

static void collect(uintptr_t cookie, const xg_invalidation *items, size_t n)
{
    (void)cookie;
    told.was_told_elsewhere = told.was_told_elsewhere || !told.is_in_call;
    for (size_t i = 0; i < n && told.num_items < TOLD_MAX; i++) {
        told.items[told.num_items++] = items[i];
    }
    told.batches[told.num_batches++ % 16] = n;
    if (told.during != NULL) {
        told.during();
    }
}

static void forget_told(void)
{
    memset(&told, 0, sizeof(told));
}

/* The reason with which the host was told of the session: 0 if not at all. */
static uint32_t reason_told(uint64_t session)
{
    uint32_t reason = 0;
    for (size_t i = 0; i < told.num_items; i++) {
        if (told.items[i].session == session) {
            assert_int_equal(reason, 0); /* once at most */
            assert_int_equal(told.items[i].reserved, 0);
            reason = told.items[i].reason;
            assert_int_not_equal(reason, 0);
        }
    }
    return reason;
}

static xg_ctx *create_with(const char *more, bool has_callback)
{
    char err[512] = "";
    char *config = fixture_config(&fx, more);
    xg_host host = fixture_host(plugin.abi);
    host.on_session_invalidated = has_callback ? collect : NULL;
    xg_ctx *made = plugin.auth.create(&host, fixture_str(config), err, sizeof(err));
    if (made == NULL) {
        fail_msg("create: %s", err);
    }
    free(config);
    return made;
}

static void reload_text(const char *config)
{
    char err[512] = "";
    told.is_in_call = true;
    uint32_t reason = plugin.auth.reload(ctx, fixture_str(config), err, sizeof(err));
    told.is_in_call = false;
    if (reason != XG_REASON_OK) {
        fail_msg("reload: %u %s", reason, err);
    }
}

static void reload_with(const char *more)
{
    char *config = fixture_config(&fx, more);
    reload_text(config);
    free(config);
}

static void reload(void)
{
    told.is_in_call = true;
    assert_int_equal(plugin.auth.reload(ctx, fixture_str(""), NULL, 0), XG_REASON_OK);
    told.is_in_call = false;
}

static void tick(int64_t now)
{
    told.is_in_call = true;
    assert_true(plugin.auth.tick(ctx, now) > 0);
    told.is_in_call = false;
}

/* ---- tokens and requests ---- */

static char *claims_of(const char *more, const char *jti, int64_t iat, int64_t exp)
{
    static char claims[512];
    (void)snprintf(claims, sizeof(claims), "{\"Mesh\":\"m1\",%s\"exp\":%lld,\"iat\":%lld,\"jti\":\"%s\"}", more,
                   (long long)exp, (long long)iat, jti);
    return claims;
}

static uint32_t ask_as(xg_ctx *of, const xg_request *base, uint64_t session, const char *token)
{
    xg_request request = *base;
    request.session = session;
    request.credential = fixture_str(token);
    return support_ask(&plugin, of, &request).reason;
}

static uint32_t ask(uint64_t session, const char *token)
{
    xg_request request = fixture_dataplane_request(token);
    return ask_as(ctx, &request, session, token);
}

static void admit(uint64_t session, const char *jti)
{
    char *token = fixture_dataplane_token(jti);
    assert_int_equal(ask(session, token), XG_REASON_OK);
    free(token);
}

static char *forged_token(const char *jti)
{
    char *token = fixture_dataplane_token(jti);
    char *at = token + strlen(token) - 10;
    *at = *at == 'A' ? 'B' : 'A';
    return token;
}

static void admit_zone(uint64_t session, const char *jti)
{
    char *token = fixture_zone_token(jti);
    xg_request request = fixture_zone_request(token);
    assert_int_equal(ask_as(ctx, &request, session, token), XG_REASON_OK);
    free(token);
}

static void write_file(const char *path, const char *text)
{
    fixture_write(&fx, path, text, strlen(text));
}

/* Everything that the fixture writes for a mesh. */
static void remove_mesh(const char *path)
{
    static const char *const PARTS[] = {"/keys/1.pem", "/keys", ""};
    for (size_t i = 0; i < sizeof(PARTS) / sizeof(PARTS[0]); i++) {
        char part[128];
        (void)snprintf(part, sizeof(part), "%s%s", path, PARTS[i]);
        fixture_remove(&fx, part);
    }
}

static int set_up(void **state)
{
    (void)state;
    fixture_init(&fx);
    fixture_set_now(FIXTURE_NOW);
    forget_told();
    ctx = create_with("", true);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    assert_false(told.was_told_elsewhere);
    assert_int_equal(plugin.auth.destroy(ctx), XG_REASON_OK);
    fixture_done(&fx);
    fixture_set_now(FIXTURE_NOW);
    return 0;
}

/* ---- A10: who is registered ---- */

static void test_the_feature_bit_says_that_sessions_are_tracked(void **state)
{
    (void)state;
    assert_int_equal(plugin.auth.features & XG_FEATURE_SESSIONS, XG_FEATURE_SESSIONS);
}

static void test_a_host_that_cannot_be_told_gets_no_session(void **state)
{
    (void)state;
    xg_ctx *deaf = create_with("", false);
    char *token = fixture_dataplane_token("j");
    xg_request request = fixture_dataplane_request(token);
    assert_int_equal(ask_as(deaf, &request, 1, token), XG_REASON_SESSION_UNSUPPORTED);
    assert_int_equal(ask_as(deaf, &request, 0, token), XG_REASON_OK);
    assert_int_equal(plugin.auth.destroy(deaf), XG_REASON_OK);
    free(token);
}

static void test_an_id_in_use_is_refused_until_it_is_closed(void **state)
{
    (void)state;
    char *token = fixture_dataplane_token("j");
    assert_int_equal(ask(7, token), XG_REASON_OK);
    assert_int_equal(ask(7, token), XG_REASON_SESSION_DUPLICATE);
    assert_int_equal(ask(8, token), XG_REASON_OK); /* another stream of the same token */
    assert_int_equal(ask(0, token), XG_REASON_OK); /* 0 is no session, however often */
    assert_int_equal(ask(0, token), XG_REASON_OK);
    plugin.auth.session_close(ctx, 9);
    assert_int_equal(ask(7, token), XG_REASON_SESSION_DUPLICATE);
    plugin.auth.session_close(ctx, 7);
    assert_int_equal(ask(7, token), XG_REASON_OK);
    assert_int_equal(ask(8, token), XG_REASON_SESSION_DUPLICATE);
    free(token);
}

static void test_a_refused_request_registers_nothing(void **state)
{
    (void)state;
    char *good = fixture_dataplane_token("good");
    char *forged = forged_token("good");
    assert_int_equal(ask(7, forged), XG_REASON_SIGNATURE_INVALID);
    assert_int_equal(ask(7, good), XG_REASON_OK);
    free(good);
    free(forged);
}

static void test_the_configured_number_of_sessions_is_the_limit(void **state)
{
    (void)state;
    reload_with(",\"limits\":{\"sessions\":2}");
    char *token = fixture_dataplane_token("j");
    assert_int_equal(ask(1, token), XG_REASON_OK);
    assert_int_equal(ask(2, token), XG_REASON_OK);
    assert_int_equal(ask(3, token), XG_REASON_SESSION_LIMIT);
    assert_int_equal(ask(0, token), XG_REASON_OK);
    plugin.auth.session_close(ctx, 1);
    assert_int_equal(ask(3, token), XG_REASON_OK);
    assert_int_equal(ask(4, token), XG_REASON_SESSION_LIMIT);
    reload_with(",\"limits\":{\"sessions\":1}"); /* ends nobody */
    assert_int_equal(told.num_items, 0);
    plugin.auth.session_close(ctx, 2);
    assert_int_equal(ask(2, token), XG_REASON_SESSION_LIMIT); /* its place is gone, whoever had it */
    assert_int_equal(ask(4, token), XG_REASON_SESSION_LIMIT);
    plugin.auth.session_close(ctx, 3);
    assert_int_equal(ask(4, token), XG_REASON_OK);
    free(token);
}

static void test_a_newer_token_of_the_same_proxy_moves_its_session_over(void **state)
{
    static const char NAME[] = "\"Name\":\"web-1\",";
    (void)state;
    char *old = fixture_sign_claims(FIXTURE_KEY_M1, claims_of(NAME, "old", FIXTURE_NOW - 10, EXP));
    char *same_age = fixture_sign_claims(FIXTURE_KEY_M1, claims_of(NAME, "same-age", FIXTURE_NOW - 10, EXP + 9));
    char *newer = fixture_sign_claims(FIXTURE_KEY_M1, claims_of(NAME, "newer", FIXTURE_NOW - 9, EXP));
    char *other =
        fixture_sign_claims(FIXTURE_KEY_M1, claims_of("\"Workload\":\"web\",", "other", FIXTURE_NOW - 8, EXP));
    xg_request request = fixture_dataplane_request("");
    assert_int_equal(ask(7, old), XG_REASON_OK);
    assert_int_equal(ask(7, same_age), XG_REASON_SESSION_DUPLICATE);
    request.name = fixture_str("web-2"); /* newer, but of another proxy */
    request.node_id = fixture_str("m1.web-2");
    assert_int_equal(ask_as(ctx, &request, 7, other), XG_REASON_SESSION_DUPLICATE);
    assert_int_equal(ask(7, newer), XG_REASON_OK);
    assert_int_equal(ask(7, old), XG_REASON_SESSION_DUPLICATE);
    write_file("meshes/m1/revoked", "old\n");
    reload();
    assert_int_equal(told.num_items, 0); /* nobody lives on the old token any more */
    write_file("meshes/m1/revoked", "old\nnewer\n");
    reload();
    assert_int_equal(reason_told(7), XG_REASON_REVOKED_JTI);
    free(old);
    free(same_age);
    free(newer);
    free(other);
}

/* ---- which change ends whom ---- */

/* Sessions 1 (jti a) and 2 (jti b) are dataplanes of m1, 3 (jti z) is a zone ingress. What happens, and who is told. */
typedef struct change {
    const char *title;
    const char *path; /* of the store; NULL: none */
    const char *text; /* NULL: the file is removed */
    const char *more; /* configuration; NULL: as it is */
    uint32_t told[3];
} change;

static const change CHANGES[] = {
    {"nothing", NULL, NULL, NULL, {0, 0, 0}},
    {"a list that names nobody", "meshes/m1/revoked", "c\n", NULL, {0, 0, 0}},
    {"the list of another mesh", "meshes/m2/revoked", "a\nb\nz\n", NULL, {0, 0, 0}},
    {"a jti", "meshes/m1/revoked", "a\n", NULL, {XG_REASON_REVOKED_JTI, 0, 0}},
    {"both", "meshes/m1/revoked", "a,b", NULL, {XG_REASON_REVOKED_JTI, XG_REASON_REVOKED_JTI, 0}},
    {"the zone's list", "zone/revoked", "a\nz\n", NULL, {0, 0, XG_REASON_REVOKED_JTI}},
    {"@kid", "meshes/m1/revoked", "@kid 1\n", NULL, {XG_REASON_REVOKED_KID, XG_REASON_REVOKED_KID, 0}},
    {"@kid of another key", "meshes/m1/revoked", "@kid 2\n", NULL, {0, 0, 0}},
    {"@name", "meshes/m1/revoked", "@name web-1\n", NULL, {XG_REASON_REVOKED_NAME, XG_REASON_REVOKED_NAME, 0}},
    {"@name of another", "meshes/m1/revoked", "@name web-2\n", NULL, {0, 0, 0}},
    {"@workload",
     "meshes/m1/revoked",
     "@workload web\n",
     NULL,
     {XG_REASON_REVOKED_WORKLOAD, XG_REASON_REVOKED_WORKLOAD, 0}},
    {"@issued-before",
     "meshes/m1/revoked",
     "@issued-before 2027-01-15T08:00:00Z\n",
     NULL,
     {XG_REASON_REVOKED_ISSUED_BEFORE, XG_REASON_REVOKED_ISSUED_BEFORE, 0}},
    {"@issued-before an earlier time", "meshes/m1/revoked", "@issued-before 2027-01-15T07:00:00Z\n", NULL, {0, 0, 0}},
    {"a retired key", "meshes/m1/keys/1.retired", "", NULL, {XG_REASON_KEY_RETIRED, XG_REASON_KEY_RETIRED, 0}},
    {"a removed zone key", "zone/keys/1.pem", NULL, NULL, {0, 0, XG_REASON_KEY_UNKNOWN}},
    {"a removed mesh", "meshes/m1", NULL, NULL, {XG_REASON_MESH_UNKNOWN, XG_REASON_MESH_UNKNOWN, 0}},
    {"zone tokens denied", NULL, NULL, ",\"legacy_zone_tokens\":\"deny\"", {0, 0, XG_REASON_POLICY_ZONE_TOKENS}},
    {"zone tokens denied since today",
     NULL,
     NULL,
     ",\"legacy_zone_tokens_deny_after\":\"2027-01-15T08:00:00Z\"",
     {0, 0, XG_REASON_POLICY_ZONE_TOKENS}},
    {"zone tokens denied from tomorrow",
     NULL,
     NULL,
     ",\"legacy_zone_tokens_deny_after\":\"2027-01-16T08:00:00Z\"",
     {0, 0, 0}},
    {"zone entities denied",
     NULL,
     NULL,
     ",\"switches\":{\"zone_entities\":false}",
     {0, 0, XG_REASON_POLICY_ZONE_ENTITIES}},
    {"another source of tags",
     NULL,
     NULL,
     ",\"switches\":{\"tag_source\":\"inbound\"}",
     {XG_REASON_SESSION_POLICY, XG_REASON_SESSION_POLICY, 0}},
    {"a lower limit on tokens",
     NULL,
     NULL,
     ",\"limits\":{\"credential_bytes\":4096}",
     {XG_REASON_SESSION_POLICY, XG_REASON_SESSION_POLICY, XG_REASON_SESSION_POLICY}},
    {"the same configuration", NULL, NULL, "", {0, 0, 0}},
    {"looser rules",
     NULL,
     NULL,
     ",\"switches\":{\"workload_enforced\":false,\"type_checked\":false,\"exp_required\":false},\"leeway_seconds\":60",
     {0, 0, 0}},
};

static void apply(const change *c)
{
    if (c->path != NULL && strcmp(c->path, "meshes/m1") == 0) {
        remove_mesh(c->path);
    } else if (c->path != NULL && c->text == NULL) {
        fixture_remove(&fx, c->path);
    } else if (c->path != NULL) {
        if (strstr(c->path, ".retired") != NULL) {
            fixture_remove(&fx, "meshes/m1/keys/1.pem");
        }
        write_file(c->path, c->text);
    }
}

static void check_change(const change *c, bool is_ticked)
{
    admit(1, "a");
    admit(2, "b");
    admit_zone(3, "z");
    forget_told();
    apply(c);
    if (c->more != NULL) {
        reload_with(c->more);
    } else if (is_ticked) {
        tick(FIXTURE_NOW + 3600 - 1); /* late enough for the store to be polled, and nobody has expired */
    } else {
        reload();
    }
    for (uint64_t session = 1; session <= 3; session++) {
        uint32_t reason = reason_told(session);
        if (reason != c->told[session - 1]) {
            fail_msg("[%s] session %u: told %u, expected %u", c->title, (unsigned)session, reason,
                     c->told[session - 1]);
        }
    }
    forget_told();
    reload(); /* nobody is told twice */
    assert_int_equal(told.num_items, 0);
}

static void test_a_change_ends_the_sessions_it_concerns_and_no_other(void **state)
{
    for (size_t i = 0; i < sizeof(CHANGES) / sizeof(CHANGES[0]); i++) {
        for (unsigned is_ticked = 0; is_ticked < 2; is_ticked++) {
            check_change(&CHANGES[i], is_ticked != 0);
            (void)tear_down(state);
            (void)set_up(state);
        }
    }
}

/* Sessions 1 (name, tags, workload) and 2 (name, type) are dataplanes, 3 is a zone ingress with a zone. */
typedef struct tightening {
    const char *before;
    const char *after;
    uint32_t told[3];
} tightening;

#define END XG_REASON_SESSION_POLICY

static const tightening TIGHTENINGS[] = {
    {",\"switches\":{\"workload_enforced\":false}", "", {END, 0, 0}},
    {",\"switches\":{\"type_checked\":false}", "", {0, END, 0}},
    {",\"switches\":{\"tag_source\":\"inbound\"}", "", {END, 0, 0}},
    {"", ",\"switches\":{\"tag_source\":\"labels\"}", {END, 0, 0}},
    {"", ",\"limits\":{\"header_bytes\":256}", {END, END, END}},
    {"", ",\"limits\":{\"kid_bytes\":16}", {END, END, END}},
    {"", ",\"limits\":{\"jti_bytes\":16}", {END, END, END}},
    {"", ",\"limits\":{\"json_depth\":4}", {END, END, END}},
    {"", ",\"limits\":{\"tag_keys\":4}", {END, END, END}},
    {"", ",\"limits\":{\"tag_values\":4}", {END, END, END}},
    {"", ",\"limits\":{\"request_tags\":4}", {END, END, END}},
    {",\"limits\":{\"header_bytes\":256,\"kid_bytes\":16,\"jti_bytes\":16,\"json_depth\":4}", "", {0, 0, 0}},
    {",\"limits\":{\"tag_keys\":4,\"tag_values\":4,\"request_tags\":4}", "", {0, 0, 0}},
};

static void test_who_was_compared_under_looser_rules_ends(void **state)
{
    for (size_t i = 0; i < sizeof(TIGHTENINGS) / sizeof(TIGHTENINGS[0]); i++) {
        char *typed = fixture_sign_claims(
            FIXTURE_KEY_M1, claims_of("\"Name\":\"web-1\",\"Type\":\"dataplane\",", "b", FIXTURE_NOW - 5, EXP));
        reload_with(TIGHTENINGS[i].before);
        admit(1, "a");
        assert_int_equal(ask(2, typed), XG_REASON_OK);
        admit_zone(3, "z");
        reload_with(TIGHTENINGS[i].after);
        for (uint64_t session = 1; session <= 3; session++) {
            if (reason_told(session) != TIGHTENINGS[i].told[session - 1]) {
                fail_msg("from [%s] to [%s], session %u: told %u", TIGHTENINGS[i].before, TIGHTENINGS[i].after,
                         (unsigned)session, reason_told(session));
            }
        }
        free(typed);
        (void)tear_down(state);
        (void)set_up(state);
    }
}

/* The request named no zone of its own or the same one: which of both, a session does not remember. */
static void test_another_zone_of_the_control_plane_ends_who_is_bound_to_a_zone(void **state)
{
    static const struct {
        const char *zone;
        uint32_t reason;
    } ROWS[] = {{",\"zone\":\"east\"", XG_REASON_OK}, {",\"zone\":\"west\"", END}, {"", END}};
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        char config[512];
        (void)snprintf(config, sizeof(config), "{\"store\":\"%s\"%s}", fx.store, ROWS[i].zone);
        admit(1, "a");
        admit_zone(3, "z");
        reload_text(config);
        assert_int_equal(reason_told(1), 0);
        assert_int_equal(reason_told(3), ROWS[i].reason);
        (void)tear_down(state);
        (void)set_up(state);
    }
}

/* A change that concerns all: each is judged by the keys of its own mesh, whoever was judged before it. */
static void test_everyone_is_judged_by_the_keys_of_their_own_mesh(void **state)
{
    (void)state;
    char *token = fixture_sign_claims(
        FIXTURE_KEY_M2, "{\"Name\":\"web-1\",\"Mesh\":\"m2\",\"exp\":1800003600,\"iat\":1799999995,\"jti\":\"b\"}");
    xg_request request = fixture_dataplane_request(token);
    request.mesh = fixture_str("m2");
    request.node_id = fixture_str("m2.web-1");
    for (uint64_t session = 1; session <= 200; session += 2) { /* enough for some to share a shard */
        admit(session, "a");
        assert_int_equal(ask_as(ctx, &request, session + 1, token), XG_REASON_OK);
    }
    reload_with(",\"allow_mesh_wide\":true");
    assert_int_equal(told.num_items, 0);
    free(token);
}

/* The key of an old session must be the very key that verified it, whatever it is called. */
static void test_another_key_of_the_same_kid_ends_the_sessions_of_the_first(void **state)
{
    (void)state;
    admit(1, "a");
    remove_mesh("meshes/m2");
    reload();
    write_file("meshes/m1/keys/1.pem", fixture_public_pem(FIXTURE_KEY_M2));
    reload();
    assert_int_equal(reason_told(1), XG_REASON_SIGNATURE_INVALID);
}

/* Where the list of the shared set counts for every mesh, it ends sessions of other keys too. */
static void check_shared_set(const char *more, uint32_t reason_of_own)
{
    remove_mesh("meshes/m2");
    reload_with(more);
    write_file("any-mesh/keys/s.pem", fixture_public_pem(FIXTURE_KEY_M2));
    reload();
    char *shared = fixture_sign(FIXTURE_KEY_M2, "{\"alg\":\"RS256\",\"kid\":\"s\",\"typ\":\"JWT\"}",
                                claims_of("\"Name\":\"web-1\",", "shared", FIXTURE_NOW - 5, EXP),
                                strlen(claims_of("\"Name\":\"web-1\",", "shared", FIXTURE_NOW - 5, EXP)));
    assert_int_equal(ask(1, shared), XG_REASON_OK);
    admit(2, "mine");
    admit_zone(3, "zone");
    write_file("any-mesh/revoked", "nobody\n");
    reload();
    assert_int_equal(told.num_items, 0);
    write_file("any-mesh/revoked", "shared\nmine\nzone\n");
    reload();
    assert_int_equal(reason_told(1), XG_REASON_REVOKED_JTI);
    assert_int_equal(reason_told(2), reason_of_own);
    assert_int_equal(reason_told(3), 0);
    free(shared);
}

static void test_sessions_of_a_shared_key_end_with_the_shared_set(void **state)
{
    check_shared_set(",\"switches\":{\"shared_revocations\":true}", XG_REASON_REVOKED_JTI);
    (void)tear_down(state);
    (void)set_up(state);
    check_shared_set(",\"switches\":{\"shared_revocations\":false}", 0);
}

/* Own and shared set change places in one load: the session goes on, and hangs on the shared set from then on. */
static void test_sessions_follow_their_key_into_the_shared_set(void **state)
{
    static const struct {
        const char *path;
        const char *text; /* NULL: the file is removed */
        uint32_t reason;
    } ROWS[] = {
        {"any-mesh/revoked", "b\n", 0},
        {"any-mesh/revoked", "a\n", XG_REASON_REVOKED_JTI},
        {"any-mesh/revoked", "@kid 1\n", XG_REASON_REVOKED_KID},
        {"any-mesh/keys/1.pem", NULL, XG_REASON_KEY_UNKNOWN},
        {"meshes/m1/revoked", "a\n", XG_REASON_REVOKED_JTI},
    };
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        reload_with(",\"switches\":{\"shared_revocations\":false}");
        admit(1, "a");
        fixture_remove(&fx, "meshes/m1/keys/1.pem");
        write_file("any-mesh/keys/1.pem", fixture_public_pem(FIXTURE_KEY_M1));
        reload();
        assert_int_equal(told.num_items, 0); /* the token is as good as it was */
        const change c = {.path = ROWS[i].path, .text = ROWS[i].text};
        apply(&c);
        reload();
        assert_int_equal(reason_told(1), ROWS[i].reason);
        (void)tear_down(state);
        (void)set_up(state);
    }
}

/* ---- time ---- */

static void test_a_session_ends_with_its_token(void **state)
{
    static const struct {
        const char *more;
        int64_t now;
        uint32_t reason;
    } ROWS[] = {
        {"", EXP - 1, 0},
        {"", EXP, XG_REASON_EXPIRED},
        {",\"leeway_seconds\":60", EXP + 59, 0},
        {",\"leeway_seconds\":60", EXP + 60, XG_REASON_EXPIRED},
        {",\"expiry\":\"end\"", EXP, XG_REASON_EXPIRED},
        {",\"expiry\":\"bar-new\"", EXP - 1, 0},
        {",\"expiry\":\"bar-new\"", EXP, 0},
        {",\"expiry\":\"bar-new\"", EXP + 1000000, 0},
    };
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        reload_with(ROWS[i].more);
        admit(1, "a");
        tick(ROWS[i].now);
        assert_int_equal(reason_told(1), ROWS[i].reason);
        (void)tear_down(state);
        (void)set_up(state);
    }
}

static void test_a_session_that_outlives_its_token_can_still_be_revoked(void **state)
{
    (void)state;
    reload_with(",\"expiry\":\"bar-new\"");
    admit(1, "a");
    fixture_set_now(EXP + 10);
    tick(0);
    assert_int_equal(told.num_items, 0);
    char *token = fixture_dataplane_token("a");
    assert_int_equal(ask(2, token), XG_REASON_EXPIRED); /* new ones are barred */
    write_file("meshes/m1/revoked", "a\n");
    reload();
    assert_int_equal(reason_told(1), XG_REASON_REVOKED_JTI);
    free(token);
}

static void test_expiry_may_be_made_to_end_sessions_later_on(void **state)
{
    (void)state;
    reload_with(",\"expiry\":\"bar-new\"");
    admit(1, "a");
    fixture_set_now(EXP + 10);
    tick(0);
    assert_int_equal(told.num_items, 0);
    reload_with(",\"expiry\":\"end\"");
    assert_int_equal(reason_told(1), XG_REASON_EXPIRED);
}

static void test_the_end_of_zone_tokens_ends_their_sessions(void **state)
{
    (void)state;
    reload_with(",\"legacy_zone_tokens_deny_after\":\"2027-01-15T08:30:00Z\"");
    admit(1, "a");
    admit_zone(2, "z");
    tick(FIXTURE_NOW + 1799);
    assert_int_equal(told.num_items, 0);
    tick(FIXTURE_NOW + 1800);
    assert_int_equal(reason_told(2), XG_REASON_POLICY_ZONE_TOKENS);
    assert_int_equal(told.num_items, 1);
}

static void test_what_a_tick_has_ended_is_not_admitted_again_by_a_slower_clock(void **state)
{
    (void)state;
    char *token = fixture_dataplane_token("a");
    tick(EXP);
    xg_request request = fixture_dataplane_request(token);
    request.session = 1;
    xg_decision decision = support_ask(&plugin, ctx, &request); /* by a clock that says that an hour is left */
    assert_int_equal(decision.reason, XG_REASON_EXPIRED);
    assert_non_null(strstr(decision.text, "expired at '2027-01-15T09:00:00Z'; it is '2027-01-15T08:00:00Z'"));
    assert_int_equal(ask(0, token), XG_REASON_OK);
    free(token);
}

/* ---- A13: how the host is told ---- */

static void test_batches_hold_at_most_256(void **state)
{
    (void)state;
    char *token = fixture_dataplane_token("a");
    for (uint64_t session = 1; session <= 600; session++) {
        assert_int_equal(ask(session, token), XG_REASON_OK);
    }
    write_file("meshes/m1/revoked", "a\n");
    reload();
    assert_int_equal(told.num_items, 600);
    assert_int_equal(told.num_batches, 3);
    assert_int_equal(told.batches[0], BATCH_MAX);
    assert_int_equal(told.batches[1], BATCH_MAX);
    assert_int_equal(told.batches[2], 600 - 2 * BATCH_MAX);
    for (uint64_t session = 1; session <= 600; session++) {
        assert_int_equal(reason_told(session), XG_REASON_REVOKED_JTI);
    }
    free(token);
}

static void *tick_elsewhere(void *arg)
{
    (void)arg;
    return (void *)(uintptr_t)(plugin.auth.tick(ctx, EXP - 1) > 0);
}

static uint64_t present_generation(void)
{
    const xg_request request = fixture_dataplane_request("");
    return support_ask(&plugin, ctx, &request).generation;
}

static void *reload_elsewhere(void *arg)
{
    (void)arg;
    return (void *)(uintptr_t)plugin.auth.reload(ctx, fixture_str(""), NULL, 0);
}

static void call_back(void)
{
    char *token =
        fixture_sign_claims(FIXTURE_KEY_M1, claims_of("\"Name\":\"web-1\",", "other", FIXTURE_NOW - 5, EXP + 3600));
    told.during = NULL;
    assert_int_equal(ask(50, token), XG_REASON_OK);
    plugin.auth.session_close(ctx, 50);
    plugin.auth.session_close(ctx, 1);
    assert_int_equal(plugin.auth.reload(ctx, fixture_str(""), NULL, 0), XG_REASON_REENTRANT);
    assert_int_equal(plugin.auth.tick(ctx, 0), -(int64_t)XG_REASON_REENTRANT);
    assert_int_equal(plugin.auth.destroy(ctx), XG_REASON_REENTRANT);
    /* No lock is held: another thread follows the store, and gets through, while this one waits for it. */
    const uint64_t generation = present_generation();
    write_file("zone/revoked", "nobody\n");
    assert_true(support_on_thread(tick_elsewhere, NULL, 0) != NULL);
    assert_true(present_generation() > generation);
    assert_int_equal((uintptr_t)support_on_thread(reload_elsewhere, NULL, 0), XG_REASON_OK);
    free(token);
}

static void test_the_host_may_call_back_while_it_is_told(void **state)
{
    (void)state;
    for (unsigned is_ticked = 0; is_ticked < 2; is_ticked++) {
        admit(1, "a");
        told.during = call_back;
        if (is_ticked != 0) {
            tick(EXP);
        } else {
            write_file("meshes/m1/revoked", "a\n");
            reload();
            write_file("meshes/m1/revoked", "nobody\n");
            reload();
        }
        assert_null(told.during); /* it was called */
        assert_int_equal(told.num_items, 1);
        fixture_remove(&fx, "zone/revoked");
        forget_told();
    }
    assert_int_equal(plugin.auth.reload(ctx, fixture_str(""), NULL, 0), XG_REASON_OK);
}

static void test_contexts_know_nothing_of_each_other(void **state)
{
    (void)state;
    char *token = fixture_dataplane_token("a");
    xg_request request = fixture_dataplane_request(token);
    xg_ctx *other = create_with("", true);
    assert_int_equal(ask(1, token), XG_REASON_OK);
    assert_int_equal(ask_as(other, &request, 1, token), XG_REASON_OK);
    plugin.auth.session_close(other, 1);
    assert_int_equal(ask(1, token), XG_REASON_SESSION_DUPLICATE);
    assert_int_equal(plugin.auth.destroy(other), XG_REASON_OK);
    free(token);
}

static void test_a_forked_child_closes_nothing(void **state)
{
    (void)state;
    char *token = fixture_dataplane_token("a");
    assert_int_equal(ask(1, token), XG_REASON_OK);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        plugin.auth.session_close(ctx, 1);
        _exit(ask(1, token) == XG_REASON_FORKED ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(ask(1, token), XG_REASON_SESSION_DUPLICATE);
    free(token);
}

/* ---- a token seen before is looked at as sharply as a new one ---- */

static void test_a_token_seen_before_is_refused_for_every_new_reason(void **state)
{
    static const struct {
        const char *path;
        const char *text;
        const char *more;
        int64_t now;
        uint32_t reason;
    } ROWS[] = {
        {NULL, NULL, NULL, FIXTURE_NOW, XG_REASON_OK},
        {"meshes/m1/revoked", "a\n", NULL, FIXTURE_NOW, XG_REASON_REVOKED_JTI},
        {"meshes/m1/revoked", "@kid 1\n", NULL, FIXTURE_NOW, XG_REASON_REVOKED_KID},
        {"meshes/m1/keys/1.pem", NULL, NULL, FIXTURE_NOW, XG_REASON_KEY_UNKNOWN},
        {"meshes/m1", NULL, NULL, FIXTURE_NOW, XG_REASON_MESH_UNKNOWN},
        {NULL, NULL, NULL, EXP, XG_REASON_EXPIRED},
        {NULL, NULL, ",\"limits\":{\"credential_bytes\":64}", FIXTURE_NOW, XG_REASON_CREDENTIAL_TOO_LONG},
        {NULL, NULL, ",\"limits\":{\"header_bytes\":16}", FIXTURE_NOW, XG_REASON_HEADER_TOO_LONG},
        {NULL, NULL, ",\"limits\":{\"jti_bytes\":1}", FIXTURE_NOW, XG_REASON_CLAIMS_TYPE},
        {NULL, NULL, ",\"limits\":{\"cached_tokens\":0}", FIXTURE_NOW, XG_REASON_OK},
    };
    char *token = fixture_dataplane_token("aa");
    char *listed = fixture_dataplane_token("a");
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        const char *asked = ROWS[i].text != NULL ? listed : token;
        assert_int_equal(ask(0, asked), XG_REASON_OK);
        assert_int_equal(ask(0, asked), XG_REASON_OK);
        const change c = {.path = ROWS[i].path, .text = ROWS[i].text};
        apply(&c);
        fixture_set_now(ROWS[i].now);
        reload_with(ROWS[i].more != NULL ? ROWS[i].more : "");
        assert_int_equal(ask(0, asked), ROWS[i].reason);
        assert_int_equal(ask(0, asked), ROWS[i].reason);
        (void)tear_down(state);
        (void)set_up(state);
    }
    free(token);
    free(listed);
}

static uint64_t count_remembered(void)
{
    xg_stats stats = {.struct_size = sizeof(stats)};
    assert_int_equal(plugin.stats.read(ctx, &stats), XG_REASON_OK);
    return stats.cache_entries;
}

static void test_only_a_token_that_admitted_somebody_is_remembered(void **state)
{
    static const struct {
        const char *name;
        uint32_t reason;
        uint64_t num_remembered;
        bool is_forged;
        int64_t now;
    } ROWS[] = {
        {"web-1", XG_REASON_SIGNATURE_INVALID, 0, true, FIXTURE_NOW},
        {"web-2", XG_REASON_BINDING_NAME, 0, false, FIXTURE_NOW},
        {"web-1", XG_REASON_EXPIRED, 0, false, EXP},
        {"web-1", XG_REASON_OK, 1, false, FIXTURE_NOW},
    };
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        char *token = ROWS[i].is_forged ? forged_token("a") : fixture_dataplane_token("a");
        xg_request request = fixture_dataplane_request(token);
        request.name = fixture_str(ROWS[i].name);
        request.node_id = fixture_str("");
        fixture_set_now(ROWS[i].now);
        for (unsigned n = 0; n < 2; n++) {
            assert_int_equal(ask_as(ctx, &request, 0, token), ROWS[i].reason);
            assert_int_equal(count_remembered(), ROWS[i].num_remembered);
        }
        free(token);
        (void)tear_down(state);
        (void)set_up(state);
    }
}

/* The same kid, another key: what the first verified proves nothing about the second. */
static void test_a_token_seen_before_is_verified_anew_under_another_key(void **state)
{
    (void)state;
    char *token = fixture_dataplane_token("a");
    assert_int_equal(ask(0, token), XG_REASON_OK);
    remove_mesh("meshes/m2");
    reload();
    write_file("meshes/m1/keys/1.pem", fixture_public_pem(FIXTURE_KEY_M2));
    reload();
    assert_int_equal(ask(0, token), XG_REASON_SIGNATURE_INVALID);
    write_file("meshes/m1/keys/1.pem", fixture_public_pem(FIXTURE_KEY_M1));
    reload();
    assert_int_equal(ask(0, token), XG_REASON_OK);
    free(token);
}

/* A token of one mesh, seen there, is judged by the keys of the mesh that the next proxy claims. */
static void test_a_token_seen_in_one_mesh_admits_nobody_in_another(void **state)
{
    (void)state;
    char *token = fixture_dataplane_token("a");
    xg_request request = fixture_dataplane_request(token);
    assert_int_equal(ask(0, token), XG_REASON_OK);
    request.mesh = fixture_str("m2");
    request.node_id = fixture_str("m2.web-1");
    assert_int_equal(ask_as(ctx, &request, 0, token), XG_REASON_SIGNATURE_INVALID);
    request = fixture_zone_request(token);
    assert_int_not_equal(ask_as(ctx, &request, 0, token), XG_REASON_OK);
    request = fixture_dataplane_request(token);
    request.name = fixture_str("web-2");
    request.node_id = fixture_str("m1.web-2");
    assert_int_equal(ask_as(ctx, &request, 0, token), XG_REASON_BINDING_NAME);
    free(token);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_feature_bit_says_that_sessions_are_tracked),
        TEST(test_a_host_that_cannot_be_told_gets_no_session),
        TEST(test_an_id_in_use_is_refused_until_it_is_closed),
        TEST(test_a_refused_request_registers_nothing),
        TEST(test_the_configured_number_of_sessions_is_the_limit),
        TEST(test_a_newer_token_of_the_same_proxy_moves_its_session_over),
        TEST(test_a_change_ends_the_sessions_it_concerns_and_no_other),
        TEST(test_who_was_compared_under_looser_rules_ends),
        TEST(test_another_zone_of_the_control_plane_ends_who_is_bound_to_a_zone),
        TEST(test_everyone_is_judged_by_the_keys_of_their_own_mesh),
        TEST(test_another_key_of_the_same_kid_ends_the_sessions_of_the_first),
        TEST(test_sessions_of_a_shared_key_end_with_the_shared_set),
        TEST(test_sessions_follow_their_key_into_the_shared_set),
        TEST(test_a_session_ends_with_its_token),
        TEST(test_a_session_that_outlives_its_token_can_still_be_revoked),
        TEST(test_expiry_may_be_made_to_end_sessions_later_on),
        TEST(test_the_end_of_zone_tokens_ends_their_sessions),
        TEST(test_what_a_tick_has_ended_is_not_admitted_again_by_a_slower_clock),
        TEST(test_batches_hold_at_most_256),
        TEST(test_the_host_may_call_back_while_it_is_told),
        TEST(test_contexts_know_nothing_of_each_other),
        TEST(test_a_forked_child_closes_nothing),
        TEST(test_a_token_seen_before_is_refused_for_every_new_reason),
        TEST(test_only_a_token_that_admitted_somebody_is_remembered),
        TEST(test_a_token_seen_before_is_verified_anew_under_another_key),
        TEST(test_a_token_seen_in_one_mesh_admits_nobody_in_another),
    };
    support_load(&plugin);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    xg_loader_close(&plugin);
    return failed;
}
