/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_contract.c: the rules of plugin-api/ABI.md that a host sees call by call: query, arguments, kinds, reload,
 * callbacks, several contexts, several copies. Sizes, processes, threads and unloading have programs of their own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "abi_support.h"

static fixture fx;
static xg_loader plugin;
static xg_ctx *ctx;
static char *dataplane_token;
static char *zone_token;

typedef const void *query_function(const char *iface, uint32_t abi_min, uint32_t abi_max, uint32_t *abi_have);

static query_function *find_query(void)
{
    query_function *query = NULL;
    void *symbol = dlsym(plugin.handle, "xdsgate_plugin_query");
    assert_non_null(symbol);
    memcpy(&query, &symbol, sizeof(query));
    return query;
}

static void test_query_answers_for_its_interface_alone(void **state)
{
    (void)state;
    static const struct {
        const char *iface;
        uint32_t min;
        uint32_t max;
        bool is_table;
        uint32_t have;
    } rows[] = {
        {"xdsgate.auth/1", XG_ABI(1, 0), XG_ABI(1, 0), true, XG_ABI(1, 0)},
        {"xdsgate.auth/1", XG_ABI(1, 0), XG_ABI(1, 65535), true, XG_ABI(1, 0)},
        {"xdsgate.auth/1", 0, UINT32_MAX, true, XG_ABI(1, 0)},
        {"xdsgate.auth/1", XG_ABI(1, 1), XG_ABI(1, 9), false, XG_ABI(1, 0)},
        {"xdsgate.auth/1", 0, XG_ABI(0, 65535), false, XG_ABI(1, 0)},
        {"xdsgate.auth/1", XG_ABI(1, 1), XG_ABI(1, 0), false, XG_ABI(1, 0)},
        {"xdsgate.auth/2", XG_ABI(1, 0), XG_ABI(1, 0), false, 0},
        {"xdsgate.auth", XG_ABI(1, 0), XG_ABI(1, 0), false, 0},
        {"xdsgate.auth/10", XG_ABI(1, 0), XG_ABI(1, 0), false, 0},
        {"XDSGATE.AUTH/1", XG_ABI(1, 0), XG_ABI(1, 0), false, 0},
        {"", XG_ABI(1, 0), XG_ABI(1, 0), false, 0},
        {NULL, XG_ABI(1, 0), XG_ABI(1, 0), false, 0},
    };
    query_function *query = find_query();
    const void *table = query(XG_IFACE_AUTH, XG_ABI(1, 0), XG_ABI(1, 0), NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint32_t have = 0xa5a5a5a5;
        const void *answer = query(rows[i].iface, rows[i].min, rows[i].max, &have);
        assert_ptr_equal(answer, rows[i].is_table ? table : NULL);
        assert_int_equal(have, rows[i].have);
    }
}

static void test_the_table_is_of_version_1_0_and_tracks_sessions(void **state)
{
    (void)state;
    assert_int_equal(plugin.table_size, sizeof(xg_auth));
    assert_int_equal(plugin.abi, XG_ABI(1, 0));
    assert_int_equal(plugin.auth.features, XG_FEATURE_SESSIONS);
}

static void test_null_arguments_deny(void **state)
{
    (void)state;
    xg_request request = fixture_dataplane_request(dataplane_token);
    xg_decision decision = {.struct_size = sizeof(decision)};
    uint32_t (*const entries[])(xg_ctx *, const xg_request *, xg_decision *) = {
        plugin.auth.authenticate, plugin.auth.auth_dataplane, plugin.auth.auth_zone_entity};
    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
        assert_int_equal(entries[i](ctx, &request, NULL), 0);
        assert_int_equal(entries[i](NULL, NULL, NULL), 0);
        decision.outcome = XG_OUTCOME_ALLOWED;
        assert_int_equal(entries[i](NULL, &request, &decision), 0);
        assert_int_equal(decision.outcome, XG_OUTCOME_DENIED);
        assert_int_not_equal(decision.reason, XG_REASON_OK);
        decision.outcome = XG_OUTCOME_ALLOWED;
        assert_int_equal(entries[i](ctx, NULL, &decision), 0);
        assert_int_equal(decision.outcome, XG_OUTCOME_DENIED);
        assert_int_equal(decision.reason, XG_REASON_REQUEST_SIZE);
    }
    assert_int_not_equal(plugin.auth.reload(NULL, fixture_str(""), NULL, 0), XG_REASON_OK);
    assert_true(plugin.auth.tick(NULL, FIXTURE_NOW) < 0);
    assert_int_equal(plugin.auth.destroy(NULL), XG_REASON_OK);
    plugin.auth.session_close(NULL, 1);
    plugin.auth.session_close(ctx, 1);
}

static void test_create_says_why_it_fails(void **state)
{
    (void)state;
    char *good = fixture_config(&fx, "");
    char *unknown = fixture_config(&fx, ",\"profil\":\"strict\"");
    char *typed = fixture_config(&fx, ",\"allow_mesh_wide\":1");
    xg_host host = fixture_host(plugin.abi);
    xg_host old = host;
    xg_host other = host;
    old.abi = XG_ABI(0, 9);
    other.abi = XG_ABI(2, 0);
    const struct {
        const xg_host *host;
        xg_str config;
    } rows[] = {
        {NULL, fixture_str(good)},
        {&old, fixture_str(good)},
        {&other, fixture_str(good)},
        {&host, fixture_str("")},
        {&host, {NULL, 0}},
        {&host, fixture_str("null")},
        {&host, fixture_str(unknown)},
        {&host, fixture_str(typed)},
        {&host, {good, strlen(good) - 1}},
        {&host, fixture_str("{}")},
        {&host, fixture_str("{\"store\":\"/no/such/store\"}")},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char err[512];
        memset(err, 'x', sizeof(err));
        assert_null(plugin.auth.create(rows[i].host, rows[i].config, err, sizeof(err)));
        assert_non_null(memchr(err, '\0', sizeof(err)));
        assert_true(strlen(err) > 10);
        assert_null(plugin.auth.create(rows[i].host, rows[i].config, NULL, 0));
    }
    free(good);
    free(unknown);
    free(typed);
}

typedef struct entry_row {
    uint32_t (*entry)(xg_ctx *, const xg_request *, xg_decision *);
    uint32_t kind;
    bool is_zone_token;
    uint32_t reason;
} entry_row;

static void test_each_entry_point_serves_its_kinds(void **state)
{
    (void)state;
    const entry_row rows[] = {
        {plugin.auth.authenticate, XG_KIND_DATAPLANE, false, XG_REASON_OK},
        {plugin.auth.authenticate, XG_KIND_ZONE_INGRESS, true, XG_REASON_OK},
        {plugin.auth.authenticate, XG_KIND_ZONE_EGRESS, true, XG_REASON_BINDING_SCOPE},
        {plugin.auth.authenticate, 0, false, XG_REASON_REQUEST_KIND},
        {plugin.auth.authenticate, 4, false, XG_REASON_REQUEST_KIND},
        {plugin.auth.authenticate, 33, false, XG_REASON_REQUEST_KIND},
        {plugin.auth.authenticate, UINT32_MAX, false, XG_REASON_REQUEST_KIND},
        {plugin.auth.auth_dataplane, XG_KIND_DATAPLANE, false, XG_REASON_OK},
        {plugin.auth.auth_dataplane, XG_KIND_ZONE_INGRESS, true, XG_REASON_REQUEST_KIND},
        {plugin.auth.auth_dataplane, XG_KIND_ZONE_EGRESS, true, XG_REASON_REQUEST_KIND},
        {plugin.auth.auth_zone_entity, XG_KIND_ZONE_INGRESS, true, XG_REASON_OK},
        {plugin.auth.auth_zone_entity, XG_KIND_DATAPLANE, false, XG_REASON_REQUEST_KIND},
        {plugin.auth.auth_zone_entity, 0, true, XG_REASON_REQUEST_KIND},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        xg_request request =
            rows[i].is_zone_token ? fixture_zone_request(zone_token) : fixture_dataplane_request(dataplane_token);
        xg_decision decision = {.struct_size = sizeof(decision)};
        request.kind = rows[i].kind;
        uint32_t allowed = rows[i].entry(ctx, &request, &decision);
        if (decision.reason != rows[i].reason) {
            fail_msg("row %zu: reason %u, expected %u: %s", i, decision.reason, rows[i].reason, decision.text);
        }
        assert_int_equal(allowed, rows[i].reason == XG_REASON_OK ? 1 : 0);
        assert_int_equal(decision.outcome, allowed);
    }
}

static void test_a_token_of_the_other_kind_never_admits(void **state)
{
    (void)state;
    xg_request request = fixture_dataplane_request(zone_token);
    assert_int_equal(support_ask(&plugin, ctx, &request).outcome, XG_OUTCOME_DENIED);
    request = fixture_zone_request(dataplane_token);
    assert_int_equal(support_ask(&plugin, ctx, &request).outcome, XG_OUTCOME_DENIED);
}

static void test_demands_that_are_not_known_deny(void **state)
{
    (void)state;
    for (unsigned bit = 1; bit < 32; bit++) {
        xg_request request = fixture_dataplane_request(dataplane_token);
        request.flags = UINT32_C(1) << bit;
        assert_int_equal(support_ask(&plugin, ctx, &request).reason, XG_REASON_REQUEST_FLAGS);
    }
    xg_request request = fixture_dataplane_request(dataplane_token);
    request.flags = XG_FLAG_IDENTITY_FROM_WORKLOAD;
    assert_int_equal(support_ask(&plugin, ctx, &request).reason, XG_REASON_OK);
    request.session = 7; /* of a host that cannot be told */
    assert_int_equal(support_ask(&plugin, ctx, &request).reason, XG_REASON_SESSION_UNSUPPORTED);
    request.session = 0;
    request.reserved = 0xffffffff; /* growth rule 2: ignored when read */
    assert_int_equal(support_ask(&plugin, ctx, &request).reason, XG_REASON_OK);
}

static void test_lengths_without_bytes_deny(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 7; i++) {
        xg_request request = fixture_dataplane_request(dataplane_token);
        xg_tag tag = request.tags[0];
        request.tags = &tag;
        xg_str *strings[] = {&request.credential, &request.node_id, &request.mesh, &request.name,
                             &request.zone,       &tag.key,         &tag.value};
        strings[i]->ptr = NULL;
        strings[i]->len = 3;
        assert_int_equal(support_ask(&plugin, ctx, &request).reason, XG_REASON_REQUEST_FIELD);
    }
    xg_request request = fixture_dataplane_request(dataplane_token);
    request.tags = NULL;
    assert_int_equal(support_ask(&plugin, ctx, &request).reason, XG_REASON_REQUEST_FIELD);
    request = fixture_dataplane_request(dataplane_token);
    request.labels = NULL;
    assert_int_equal(support_ask(&plugin, ctx, &request).reason, XG_REASON_REQUEST_FIELD);
    request = fixture_dataplane_request(dataplane_token);
    request.node_id = (xg_str){NULL, 0};
    assert_int_equal(support_ask(&plugin, ctx, &request).reason, XG_REASON_OK);
}

static void test_ids_speak_only_once_the_signature_held(void **state)
{
    (void)state;
    char *tampered = fixture_dataplane_token("tampered");
    tampered[strlen(tampered) - 10] = tampered[strlen(tampered) - 10] == 'A' ? 'B' : 'A';
    xg_request request = fixture_dataplane_request(tampered);
    xg_decision decision = support_ask(&plugin, ctx, &request);
    assert_int_equal(decision.reason, XG_REASON_SIGNATURE_INVALID);
    assert_int_equal(decision.token_id_len, 0);
    assert_int_equal(decision.kid_len, 0);
    assert_string_equal(decision.token_id, "");
    assert_string_equal(decision.kid, "");
    assert_int_equal(decision.not_after, 0);
    request = fixture_dataplane_request(dataplane_token);
    request.name = fixture_str("web-2");
    request.node_id = fixture_str("");
    decision = support_ask(&plugin, ctx, &request);
    assert_int_equal(decision.reason, XG_REASON_BINDING_NAME);
    assert_int_equal(decision.failed_binding, XG_BINDING_NAME);
    assert_string_equal(decision.token_id, "contract");
    assert_string_equal(decision.kid, "1");
    assert_int_equal(decision.not_after, 0);
    assert_int_equal(decision.text_len, strlen(decision.text));
    request = fixture_dataplane_request(dataplane_token);
    decision = support_ask(&plugin, ctx, &request);
    assert_int_equal(decision.not_after, FIXTURE_NOW + 3600);
    free(tampered);
}

static void test_workload_names_are_made_or_refused(void **state)
{
    (void)state;
    static const struct {
        const char *mesh;
        uint32_t scopes;
        uint32_t reason;
        const char *name;
    } rows[] = {
        {"payments-mesh", XG_SCOPE_INGRESS, XG_REASON_OK, "zone-proxy-payments-mesh-ingress"},
        {"payments-mesh", XG_SCOPE_EGRESS, XG_REASON_OK, "zone-proxy-payments-mesh-egress"},
        {"payments-mesh", XG_SCOPE_INGRESS | XG_SCOPE_EGRESS, XG_REASON_OK, "zone-proxy-payments-mesh-all"},
        {"payments-mesh", 0, XG_REASON_WORKLOAD_SCOPE, ""},
        {"payments-mesh", 4, XG_REASON_WORKLOAD_SCOPE, ""},
        {"payments-mesh", 7, XG_REASON_WORKLOAD_SCOPE, ""},
        {"a234567890123456789012345678901234567890123456ef", 3, XG_REASON_OK,
         "zone-proxy-a234567890123456789012345678901234567890123456ef-all"},
        {"a234567890123456789012345678901234567890123456efg", 3, XG_REASON_WORKLOAD_MESH, ""},
        {"Payments", 3, XG_REASON_WORKLOAD_MESH, ""},
        {"1payments", 3, XG_REASON_WORKLOAD_MESH, ""},
        {"payments-", 3, XG_REASON_WORKLOAD_MESH, ""},
        {"pay.ments", 3, XG_REASON_WORKLOAD_MESH, ""},
        {"", 3, XG_REASON_WORKLOAD_MESH, ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char out[64];
        memset(out, 'x', sizeof(out));
        assert_int_equal(plugin.auth.workload_for_scope(fixture_str(rows[i].mesh), rows[i].scopes, out, sizeof(out)),
                         rows[i].reason);
        assert_string_equal(out, rows[i].name);
    }
}

static void test_a_reload_that_fails_changes_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *config;
        uint32_t reason;
    } rows[] = {
        {"{", XG_REASON_CONFIG_JSON},
        {"[]", XG_REASON_CONFIG_JSON},
        {"{\"store\":\"/x\",\"store\":\"/x\"}", XG_REASON_CONFIG_JSON},
        {"{\"store\":5}", XG_REASON_CONFIG_MEMBER},
        {"{\"store\":\"/x\",\"unknown\":1}", XG_REASON_CONFIG_MEMBER},
        {"{\"store\":\"/no/such/store\"}", XG_REASON_STORE_UNREADABLE},
    };
    xg_request request = fixture_dataplane_request(dataplane_token);
    xg_decision before = support_ask(&plugin, ctx, &request);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char err[512] = "";
        assert_int_equal(plugin.auth.reload(ctx, fixture_str(rows[i].config), err, sizeof(err)), rows[i].reason);
        assert_true(strlen(err) > 10);
        xg_decision after = support_ask(&plugin, ctx, &request);
        assert_memory_equal(&before, &after, sizeof(before));
    }
    assert_int_equal(plugin.auth.reload(ctx, fixture_str(""), NULL, 0), XG_REASON_OK);
    assert_true(support_ask(&plugin, ctx, &request).generation > before.generation);
}

static void test_tick_follows_the_store(void **state)
{
    (void)state;
    xg_request request = fixture_dataplane_request(dataplane_token);
    fixture_write(&fx, "meshes/m1/revoked", "contract\n", 9);
    assert_true(plugin.auth.tick(ctx, FIXTURE_NOW) > FIXTURE_NOW);
    assert_int_equal(support_ask(&plugin, ctx, &request).reason, XG_REASON_REVOKED_JTI);
    fixture_write(&fx, "meshes/m1/revoked", "other\n", 6);
    assert_true(plugin.auth.tick(ctx, 0) > FIXTURE_NOW);
    assert_int_equal(support_ask(&plugin, ctx, &request).reason, XG_REASON_OK);
}

/* What a log callback saw and did. */
typedef struct witness {
    xg_ctx *ctx;
    unsigned num_messages;
    unsigned num_dirty;
    uint32_t reload;
    int64_t tick;
    uint32_t destroy;
    uint32_t outcome;
} witness;

static void witness_log(uintptr_t cookie, uint32_t level, uint32_t event, const char *message, size_t len)
{
    witness *w = (witness *)cookie; /* NOLINT: our own cookie */
    w->num_messages++;
    w->num_dirty += level > XG_LOG_DEBUG || event == 0 || len == 0 ? 1u : 0u;
    for (size_t i = 0; i < len; i++) {
        w->num_dirty += message[i] < ' ' || message[i] > '~' ? 1u : 0u;
    }
    if (w->ctx != NULL) {
        xg_request request = fixture_dataplane_request(dataplane_token);
        w->reload = plugin.auth.reload(w->ctx, fixture_str(""), NULL, 0);
        w->tick = plugin.auth.tick(w->ctx, FIXTURE_NOW);
        w->destroy = plugin.auth.destroy(w->ctx);
        w->outcome = support_ask(&plugin, w->ctx, &request).outcome;
    }
}

static void test_callbacks_cannot_reenter(void **state)
{
    (void)state;
    witness w = {.reload = 1};
    char err[512] = "";
    char *config = fixture_config(&fx, "");
    xg_host host = fixture_host(plugin.abi);
    host.log = witness_log;
    host.cookie = (uintptr_t)&w;
    xg_ctx *told = plugin.auth.create(&host, fixture_str(config), err, sizeof(err));
    assert_non_null(told);
    assert_true(w.num_messages > 0);
    w.ctx = told;
    w.num_messages = 0;
    assert_int_equal(plugin.auth.reload(told, fixture_str(""), err, sizeof(err)), XG_REASON_OK);
    assert_true(w.num_messages > 0);
    assert_int_equal(w.num_dirty, 0);
    assert_int_equal(w.reload, XG_REASON_REENTRANT);
    assert_int_equal(w.tick, -XG_REASON_REENTRANT);
    assert_int_equal(w.destroy, XG_REASON_REENTRANT);
    assert_int_equal(w.outcome, XG_OUTCOME_ALLOWED);
    /* The same from inside tick, with a store that is bad, so that more is said; and the name holds control bytes. */
    w.num_messages = 0;
    fixture_write(&fx, "meshes/m1/keys/2\x1b[31m.pem", "no key", 6);
    assert_true(plugin.auth.tick(told, FIXTURE_NOW) > 0);
    assert_true(w.num_messages > 0);
    assert_int_equal(w.num_dirty, 0);
    assert_int_equal(w.tick, -XG_REASON_REENTRANT);
    fixture_remove(&fx, "meshes/m1/keys/2\x1b[31m.pem");
    w.ctx = NULL;
    assert_int_equal(plugin.auth.destroy(told), XG_REASON_OK);
    free(config);
}

/* A second store in which mesh m1 has the key that is m2's in the first. */
static void init_other_store(fixture *other)
{
    fixture_init(other);
    fixture_remove(other, "meshes/m2/keys/1.pem");
    fixture_write(other, "meshes/m1/keys/1.pem", fixture_public_pem(FIXTURE_KEY_M2),
                  strlen(fixture_public_pem(FIXTURE_KEY_M2)));
}

static void assert_no_cross_talk(const xg_loader *first, const xg_loader *second)
{
    fixture other;
    init_other_store(&other);
    xg_ctx *one = support_create(first, &fx);
    xg_ctx *two = support_create(second, &other);
    xg_request request = fixture_dataplane_request(dataplane_token);
    for (int round = 0; round < 3; round++) {
        assert_int_equal(support_ask(first, one, &request).reason, XG_REASON_OK);
        assert_int_equal(support_ask(second, two, &request).reason, XG_REASON_SIGNATURE_INVALID);
        assert_int_equal(second->auth.reload(two, fixture_str(""), NULL, 0), XG_REASON_OK);
    }
    assert_true(support_ask(second, two, &request).generation > support_ask(first, one, &request).generation);
    assert_int_equal(second->auth.destroy(two), XG_REASON_OK);
    assert_int_equal(support_ask(first, one, &request).reason, XG_REASON_OK);
    assert_int_equal(first->auth.destroy(one), XG_REASON_OK);
    fixture_done(&other);
}

static void test_two_contexts_know_nothing_of_each_other(void **state)
{
    (void)state;
    assert_no_cross_talk(&plugin, &plugin);
}

static void test_two_copies_know_nothing_of_each_other(void **state)
{
    (void)state;
    char path[256];
    char block[65536];
    size_t n = 0;
    (void)snprintf(path, sizeof(path), "%s/second-copy.so", fx.dir);
    FILE *in = fopen(support_plugin_path(), "re");
    FILE *out = fopen(path, "we");
    assert_true(in != NULL && out != NULL);
    while ((n = fread(block, 1, sizeof(block), in)) > 0) {
        assert_int_equal(fwrite(block, 1, n, out), n);
    }
    assert_int_equal(fclose(in), 0);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(chmod(path, 0755), 0);
    xg_loader second;
    char err[XG_LOADER_ERROR_SIZE];
    if (!xg_loader_open(path, NULL, &second, err, sizeof(err))) {
        fail_msg("%s", err);
    }
    assert_ptr_not_equal(second.handle, plugin.handle);
    assert_no_cross_talk(&plugin, &second);
    assert_no_cross_talk(&second, &plugin);
    xg_loader_close(&second);
}

/* Rule A20: what a clock that is set back would revive. */
static void test_a_clock_set_back_revives_nothing(void **state)
{
    (void)state;
    xg_request request = fixture_dataplane_request(dataplane_token);
    fixture_set_now(FIXTURE_NOW + 3599);
    assert_int_equal(support_ask(&plugin, ctx, &request).reason, XG_REASON_OK);
    fixture_set_now(FIXTURE_NOW + 3600);
    assert_int_equal(support_ask(&plugin, ctx, &request).reason, XG_REASON_EXPIRED);
    fixture_set_now(FIXTURE_NOW);
    assert_int_equal(support_ask(&plugin, ctx, &request).reason, XG_REASON_EXPIRED);
    xg_ctx *fresh = support_create(&plugin, &fx);
    assert_int_equal(support_ask(&plugin, fresh, &request).reason, XG_REASON_OK);
    assert_int_equal(plugin.auth.destroy(fresh), XG_REASON_OK);
}

static int set_up(void **state)
{
    (void)state;
    fixture_init(&fx);
    support_load(&plugin);
    dataplane_token = fixture_dataplane_token("contract");
    zone_token = fixture_zone_token("contract-zone");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(dataplane_token);
    free(zone_token);
    xg_loader_close(&plugin);
    fixture_done(&fx);
    return 0;
}

static int set_up_context(void **state)
{
    (void)state;
    fixture_set_now(FIXTURE_NOW);
    ctx = support_create(&plugin, &fx);
    return 0;
}

static int tear_down_context(void **state)
{
    (void)state;
    return plugin.auth.destroy(ctx) == XG_REASON_OK ? 0 : -1;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_context, tear_down_context)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_query_answers_for_its_interface_alone),
        TEST(test_the_table_is_of_version_1_0_and_tracks_sessions),
        TEST(test_null_arguments_deny),
        TEST(test_create_says_why_it_fails),
        TEST(test_each_entry_point_serves_its_kinds),
        TEST(test_a_token_of_the_other_kind_never_admits),
        TEST(test_demands_that_are_not_known_deny),
        TEST(test_lengths_without_bytes_deny),
        TEST(test_ids_speak_only_once_the_signature_held),
        TEST(test_workload_names_are_made_or_refused),
        TEST(test_a_reload_that_fails_changes_nothing),
        TEST(test_tick_follows_the_store),
        TEST(test_callbacks_cannot_reenter),
        TEST(test_two_contexts_know_nothing_of_each_other),
        TEST(test_two_copies_know_nothing_of_each_other),
        TEST(test_a_clock_set_back_revives_nothing),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
