/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_events.c: what a host is told beside its decisions: log events, the flag of a stale key set, busy contexts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi_support.h"

#define NUM_EVENTS 8

static fixture fx;
static xg_loader plugin;
static xg_ctx *ctx;
static char *token;

/* What the callbacks saw and did. */
static unsigned num_told[NUM_EVENTS];
static uint32_t last_level[NUM_EVENTS];
static char last_message[512];
static int64_t now;
static bool shall_destroy;
static uint32_t destroyed;
static const xg_decision *watched;
static xg_decision seen; /* what the decision under way looked like when the clock was asked */

static void remember(uintptr_t cookie, uint32_t level, uint32_t event, const char *msg, size_t len)
{
    assert_int_equal(cookie, 7);
    assert_true(event > 0 && event < NUM_EVENTS && len < sizeof(last_message));
    num_told[event]++;
    last_level[event] = level;
    memcpy(last_message, msg, len);
    last_message[len] = '\0';
}

static int64_t tell_time(uintptr_t cookie)
{
    assert_int_equal(cookie, 7);
    if (shall_destroy) {
        shall_destroy = false;
        destroyed = plugin.auth.destroy(ctx);
    }
    if (watched != NULL) {
        seen = *watched;
    }
    return now;
}

static xg_decision ask(void)
{
    xg_request request = fixture_dataplane_request(token);
    return support_ask(&plugin, ctx, &request);
}

static void tick(void)
{
    now += 60; /* more than store_poll_seconds */
    assert_int_equal(plugin.auth.tick(ctx, 0), now + 1);
}

static int set_up_context(void **state)
{
    (void)state;
    char err[512] = "";
    static xg_host host;
    memset(num_told, 0, sizeof(num_told));
    now = FIXTURE_NOW;
    host = fixture_host(plugin.abi);
    host.log = remember;
    host.now = tell_time;
    host.cookie = 7;
    fixture_init(&fx);
    char *config = fixture_config(&fx, "");
    ctx = plugin.auth.create(&host, fixture_str(config), err, sizeof(err));
    free(config);
    return ctx != NULL ? 0 : -1;
}

static int tear_down_context(void **state)
{
    (void)state;
    uint32_t reason = plugin.auth.destroy(ctx);
    fixture_done(&fx);
    return reason == XG_REASON_OK ? 0 : -1;
}

static void test_loading_is_told(void **state)
{
    (void)state;
    assert_int_equal(num_told[XG_EVENT_STORE_LOADED], 1);
    assert_int_equal(last_level[XG_EVENT_STORE_LOADED], XG_LOG_NOTICE);
    assert_int_equal(plugin.auth.reload(ctx, fixture_str(""), NULL, 0), XG_REASON_OK);
    assert_int_equal(num_told[XG_EVENT_STORE_LOADED], 2);
    assert_non_null(strstr(last_message, "generation 2 serves 2 meshes"));
    assert_int_equal(ask().generation, 2);
}

static void test_a_refused_set_is_told_and_flagged_until_it_is_good(void **state)
{
    (void)state;
    assert_int_equal(ask().warnings & XG_WARN_STALE_KEYS, 0);
    fixture_write(&fx, "meshes/m1/keys/2.pem", "no key", 6);
    tick();
    assert_int_equal(num_told[XG_EVENT_SET_REFUSED], 1);
    assert_int_equal(last_level[XG_EVENT_SET_REFUSED], XG_LOG_ERROR);
    assert_int_equal(last_level[XG_EVENT_STORE_LOADED], XG_LOG_WARN);
    xg_decision decision = ask();
    assert_int_equal(decision.outcome, XG_OUTCOME_ALLOWED);
    assert_int_equal(decision.warnings & XG_WARN_STALE_KEYS, XG_WARN_STALE_KEYS);
    char err[512] = "";
    assert_int_equal(plugin.auth.reload(ctx, fixture_str(""), err, sizeof(err)), XG_REASON_OK);
    assert_non_null(strstr(err, "refused"));
    fixture_remove(&fx, "meshes/m1/keys/2.pem");
    tick();
    assert_int_equal(ask().warnings & XG_WARN_STALE_KEYS, 0);
}

static void test_a_refused_set_for_any_mesh_flags_every_mesh(void **state)
{
    (void)state;
    fixture_write(&fx, "any-mesh/revoked", "other\n", 6);
    tick();
    assert_int_equal(ask().warnings & XG_WARN_STALE_KEYS, 0);
    fixture_write(&fx, "any-mesh/revoked", "@no-such-rule\n", 14);
    tick();
    assert_int_equal(ask().outcome, XG_OUTCOME_ALLOWED);
    assert_int_equal(ask().warnings & XG_WARN_STALE_KEYS, XG_WARN_STALE_KEYS);
    fixture_write(&fx, "any-mesh/revoked", "# none\n", 7);
    tick();
    assert_int_equal(ask().warnings & XG_WARN_STALE_KEYS, 0);
}

static void test_an_unreadable_store_is_told_and_the_last_state_serves(void **state)
{
    (void)state;
    char aside[128];
    (void)snprintf(aside, sizeof(aside), "%s.aside", fx.store);
    uint64_t generation = ask().generation;
    assert_int_equal(rename(fx.store, aside), 0);
    tick();
    assert_int_equal(num_told[XG_EVENT_STORE_FAILED], 1);
    assert_int_equal(last_level[XG_EVENT_STORE_FAILED], XG_LOG_ERROR);
    assert_int_equal(ask().outcome, XG_OUTCOME_ALLOWED);
    assert_int_equal(ask().generation, generation);
    assert_int_equal(ask().warnings & XG_WARN_STALE_KEYS, XG_WARN_STALE_KEYS);
    assert_int_equal(rename(aside, fx.store), 0);
    tick();
    assert_true(ask().generation > generation);
    assert_int_equal(ask().warnings & XG_WARN_STALE_KEYS, 0);
}

static void test_what_is_ignored_is_a_remark_and_no_refusal(void **state)
{
    (void)state;
    fixture_write(&fx, "meshes/m1/keys/README", "x", 1);
    tick();
    assert_int_equal(num_told[XG_EVENT_SET_REFUSED], 0);
    assert_int_equal(num_told[XG_EVENT_STORE_REMARK], 1);
    assert_int_equal(last_level[XG_EVENT_STORE_REMARK], XG_LOG_WARN);
    assert_int_equal(ask().warnings & XG_WARN_STALE_KEYS, 0);
}

/* Rule A14: where there is no last good state to go on with, the old store does. */
static void test_a_reload_to_a_store_with_a_bad_set_changes_nothing(void **state)
{
    (void)state;
    fixture other;
    char err[512] = "";
    fixture_init(&other);
    fixture_write(&other, "meshes/m1/keys/2.pem", "no key", 6);
    char *config = fixture_config(&other, "");
    assert_int_equal(plugin.auth.reload(ctx, fixture_str(config), err, sizeof(err)), XG_REASON_KEYS_UNUSABLE);
    assert_non_null(strstr(err, "refused"));
    assert_int_equal(ask().generation, 1);
    assert_int_equal(ask().outcome, XG_OUTCOME_ALLOWED);
    fixture_remove(&other, "meshes/m1/keys/2.pem");
    assert_int_equal(plugin.auth.reload(ctx, fixture_str(config), err, sizeof(err)), XG_REASON_OK);
    assert_int_equal(ask().generation, 2);
    free(config);
    fixture_done(&other);
}

/* The same store under other limits is the same store: what was good in it still is. */
static void test_a_reload_with_other_limits_keeps_the_last_good_sets(void **state)
{
    (void)state;
    char err[512] = "";
    fixture_write(&fx, "meshes/m1/keys/2.pem", "no key", 6);
    char *config = fixture_config(&fx, ",\"limits\":{\"meshes\":10}");
    assert_int_equal(plugin.auth.reload(ctx, fixture_str(config), err, sizeof(err)), XG_REASON_OK);
    assert_int_equal(ask().outcome, XG_OUTCOME_ALLOWED);
    assert_int_equal(ask().warnings & XG_WARN_STALE_KEYS, XG_WARN_STALE_KEYS);
    free(config);
}

/* The same directory by another path is the same store: its vanished list still counts. */
static void test_a_reload_by_another_path_forgets_nothing(void **state)
{
    (void)state;
    char path[160];
    char err[512] = "";
    fixture_write(&fx, "meshes/m1/revoked", "events\n", 7);
    tick();
    assert_int_equal(ask().reason, XG_REASON_REVOKED_JTI);
    fixture_remove(&fx, "meshes/m1/revoked");
    (void)snprintf(path, sizeof(path), "{\"store\":\"%s/\",\"zone\":\"east\"}", fx.store);
    assert_int_equal(plugin.auth.reload(ctx, fixture_str(path), err, sizeof(err)), XG_REASON_OK);
    assert_non_null(strstr(err, "last good state"));
    assert_int_equal(ask().reason, XG_REASON_REVOKED_JTI);
}

/* Kuma's case I1. */
static void test_an_added_key_serves_beside_the_old_one_until_that_is_deleted(void **state)
{
    (void)state;
    static const char CLAIMS[] =
        "{\"Name\":\"web-1\",\"Mesh\":\"m1\",\"Workload\":\"web\",\"exp\":1800003600,\"jti\":\"new\"}";
    const char *pem = fixture_public_pem(FIXTURE_KEY_M2);
    char *rotated =
        fixture_sign(FIXTURE_KEY_M2, "{\"alg\":\"RS256\",\"kid\":\"2\",\"typ\":\"JWT\"}", CLAIMS, strlen(CLAIMS));
    xg_request request = fixture_dataplane_request(rotated);
    assert_int_equal(support_ask(&plugin, ctx, &request).reason, XG_REASON_KEY_UNKNOWN);
    fixture_remove(&fx, "meshes/m2/keys/1.pem"); /* one key in two sets would be refused */
    fixture_remove(&fx, "meshes/m2/keys");
    fixture_remove(&fx, "meshes/m2");
    fixture_write(&fx, "meshes/m1/keys/2.pem", pem, strlen(pem));
    tick();
    assert_int_equal(ask().reason, XG_REASON_OK);
    assert_int_equal(support_ask(&plugin, ctx, &request).reason, XG_REASON_OK);
    fixture_remove(&fx, "meshes/m1/keys/1.pem");
    tick();
    assert_int_equal(ask().reason, XG_REASON_KEY_UNKNOWN);
    assert_int_equal(support_ask(&plugin, ctx, &request).reason, XG_REASON_OK);
    free(rotated);
}

static void move_mesh(bool is_away)
{
    char inside[160];
    char outside[160];
    (void)snprintf(inside, sizeof(inside), "%s/meshes/m1", fx.store);
    (void)snprintf(outside, sizeof(outside), "%s/m1", fx.dir);
    assert_int_equal(is_away ? rename(inside, outside) : rename(outside, inside), 0);
}

/* A context anew, whose mesh has revoked the token. */
static void start_with_the_token_revoked(void)
{
    assert_int_equal(tear_down_context(NULL), 0);
    assert_int_equal(set_up_context(NULL), 0);
    fixture_write(&fx, "meshes/m1/revoked", "events\n", 7);
    tick();
    assert_int_equal(ask().reason, XG_REASON_REVOKED_JTI);
}

/* The mesh comes back without the list that it had when it went, whatever was reloaded in between. */
static void test_a_mesh_that_was_gone_stays_revoked_across_reloads(void **state)
{
    (void)state;
    enum { STEPS = 5 };
    static const struct {
        const char *config; /* after "store":"PATH */
        char steps[STEPS];  /* (a)way, (b)ack, (t)ick, (r)eload; tick and reload take what there is */
    } rows[] = {
        {"\"", "atbt"},
        {"\"", "arbr"},
        {"/.\"", "atrbt"},
        {"/.\"", "arbt"},
        {"\",\"limits\":{\"revoked_ids\":1000}", "atrbt"},
        {"\",\"limits\":{\"revoked_ids\":1000}", "arbt"},
        {"\",\"limits\":{\"revoked_ids\":1000}", "atbr"},
        {"\",\"limits\":{\"revoked_ids\":1000}", "abr"},
        {"\",\"limits\":{\"meshes\":1000}", "atbr"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char config[256];
        char err[512] = "";
        start_with_the_token_revoked();
        (void)snprintf(config, sizeof(config), "{\"store\":\"%s%s,\"zone\":\"east\"}", fx.store, rows[i].config);
        for (size_t at = 0; at < STEPS && rows[i].steps[at] != '\0'; at++) {
            switch (rows[i].steps[at]) {
            case 'a':
                fixture_remove(&fx, "meshes/m1/revoked");
                move_mesh(true);
                break;
            case 'b':
                move_mesh(false);
                break;
            case 't':
                tick();
                break;
            default:
                assert_int_equal(plugin.auth.reload(ctx, fixture_str(config), err, sizeof(err)), XG_REASON_OK);
            }
            assert_int_not_equal(ask().outcome, XG_OUTCOME_ALLOWED);
        }
        assert_true(ask().reason == XG_REASON_KEYS_UNUSABLE || ask().reason == XG_REASON_REVOKED_JTI);
    }
}

/* A directory put in place of the store is the store: what its path had revoked still is. */
static void test_a_store_put_in_place_of_the_old_one_forgets_nothing(void **state)
{
    (void)state;
    static const char *const more[] = {"", ",\"limits\":{\"revoked_ids\":1000}"};
    for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
        char aside[128];
        char copy[800];
        char err[512] = "";
        start_with_the_token_revoked();
        (void)snprintf(aside, sizeof(aside), "%s.aside", fx.store);
        (void)snprintf(copy, sizeof(copy), "mv '%s' '%s' && cp -r '%s' '%s' && rm '%s/meshes/m1/revoked'", fx.store,
                       aside, aside, fx.store, fx.store);
        assert_int_equal(system(copy), 0);
        char *config = fixture_config(&fx, more[i]);
        assert_int_equal(plugin.auth.reload(ctx, fixture_str(config), err, sizeof(err)), XG_REASON_OK);
        assert_non_null(strstr(err, "last good state"));
        assert_int_equal(ask().reason, XG_REASON_REVOKED_JTI);
        free(config);
    }
}

static void test_a_clock_that_goes_back_is_told_once(void **state)
{
    (void)state;
    now += 3;
    assert_int_equal(ask().outcome, XG_OUTCOME_ALLOWED);
    now -= 60;
    (void)ask(); /* the token begins 5 seconds before FIXTURE_NOW: not yet valid, which is no news for the log */
    assert_int_equal(num_told[XG_EVENT_CLOCK_BACKWARDS], 0);
    now -= 1;
    (void)ask();
    (void)ask();
    assert_int_equal(num_told[XG_EVENT_CLOCK_BACKWARDS], 1);
    assert_int_equal(last_level[XG_EVENT_CLOCK_BACKWARDS], XG_LOG_WARN);
}

/* Rule A4: whatever happens from there on, a host that looks at what it has got sees no. */
static void test_the_first_thing_written_is_a_denial(void **state)
{
    (void)state;
    xg_request request = fixture_dataplane_request(token);
    xg_decision decision;
    memset(&decision, 0x01, sizeof(decision));
    decision.struct_size = sizeof(decision);
    decision.outcome = XG_OUTCOME_ALLOWED;
    watched = &decision;
    assert_int_equal(plugin.auth.authenticate(ctx, &request, &decision), 1);
    watched = NULL;
    assert_int_equal(seen.outcome, XG_OUTCOME_DENIED);
    assert_int_equal(seen.reason, XG_REASON_INTERNAL);
    assert_int_equal(seen.text_len, 0);
    assert_int_equal(seen.not_after, 0);
}

/* Rule A15: the clock is asked in the middle of a call, so the call is in flight then. */
static void test_a_context_in_use_is_busy(void **state)
{
    (void)state;
    shall_destroy = true;
    destroyed = XG_REASON_OK;
    assert_int_equal(ask().outcome, XG_OUTCOME_ALLOWED);
    assert_int_equal(destroyed, XG_REASON_BUSY);
    assert_int_equal(ask().outcome, XG_OUTCOME_ALLOWED);
}

static int set_up(void **state)
{
    (void)state;
    support_load(&plugin);
    token = fixture_dataplane_token("events");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(token);
    xg_loader_close(&plugin);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_context, tear_down_context)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_loading_is_told),
        TEST(test_a_refused_set_is_told_and_flagged_until_it_is_good),
        TEST(test_a_refused_set_for_any_mesh_flags_every_mesh),
        TEST(test_an_unreadable_store_is_told_and_the_last_state_serves),
        TEST(test_what_is_ignored_is_a_remark_and_no_refusal),
        TEST(test_a_reload_to_a_store_with_a_bad_set_changes_nothing),
        TEST(test_a_reload_with_other_limits_keeps_the_last_good_sets),
        TEST(test_a_reload_by_another_path_forgets_nothing),
        TEST(test_a_mesh_that_was_gone_stays_revoked_across_reloads),
        TEST(test_a_store_put_in_place_of_the_old_one_forgets_nothing),
        TEST(test_an_added_key_serves_beside_the_old_one_until_that_is_deleted),
        TEST(test_a_clock_that_goes_back_is_told_once),
        TEST(test_the_first_thing_written_is_a_denial),
        TEST(test_a_context_in_use_is_busy),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
