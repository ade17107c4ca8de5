/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_sizes.c: rules A3 and A4: every declared size from 0 to 4096, with the structure ending at a page that must not
 * be touched; and every buffer and string ending there too.
 *
 * A structure has to begin at a multiple of 8, so up to seven bytes lie between its declared end and the page: they
 * hold a pattern, and are compared.
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

#define SIZE_MAX_SWEPT 4096u
#define PATTERN        0xa5

static fixture fx;
static xg_loader plugin;
static xg_ctx *ctx;
static char *token;

/* A structure of `declared` bytes: the first bytes of `full`, then the pattern; at least 8 bytes, aligned. */
static void *place(const void *full, size_t full_size, uint32_t declared)
{
    size_t room = declared < 8 ? 8 : ((size_t)declared + 7) / 8 * 8;
    unsigned char *at = support_guarded(room, PATTERN);
    memcpy(at, full, full_size < declared ? full_size : declared);
    memcpy(at, &declared, sizeof(declared));
    return at;
}

static void assert_pattern(const unsigned char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        assert_int_equal(bytes[i], PATTERN);
    }
}

static void test_requests_of_every_size(void **state)
{
    (void)state;
    xg_request request = fixture_dataplane_request(token);
    for (uint32_t size = 0; size <= SIZE_MAX_SWEPT; size++) {
        xg_decision decision = support_ask(&plugin, ctx, place(&request, sizeof(request), size));
        uint32_t expected = size < sizeof(xg_request) ? XG_REASON_REQUEST_SIZE : XG_REASON_OK;
        if (decision.reason != expected) {
            fail_msg("a request of %u bytes gave reason %u, expected %u", size, decision.reason, expected);
        }
    }
}

/* Where the last field that a structure of `size` bytes holds whole ends. */
static size_t whole_fields(size_t size)
{
    static const size_t ends[] = {
        offsetof(xg_decision, failed_binding),
        offsetof(xg_decision, grpc_status),
        offsetof(xg_decision, warnings),
        offsetof(xg_decision, not_after),
        offsetof(xg_decision, generation),
        offsetof(xg_decision, token_id_len),
        offsetof(xg_decision, kid_len),
        offsetof(xg_decision, text_len),
        offsetof(xg_decision, reserved),
        offsetof(xg_decision, token_id),
        offsetof(xg_decision, kid),
        offsetof(xg_decision, text),
        sizeof(xg_decision),
    };
    size_t end = 0;
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]) && ends[i] <= size; i++) {
        end = ends[i];
    }
    return end;
}

static void sweep_decisions(const xg_request *request, uint32_t expected)
{
    const size_t after_size = sizeof(uint32_t);
    xg_decision full = support_ask(&plugin, ctx, request);
    xg_decision blank;
    memset(&blank, PATTERN, sizeof(blank));
    for (uint32_t size = 0; size <= SIZE_MAX_SWEPT; size++) {
        unsigned char *at = place(&blank, sizeof(blank), size);
        uint32_t declared = 0;
        uint32_t allowed = plugin.auth.authenticate(ctx, request, (xg_decision *)(void *)at);
        size_t room = size < 8 ? 8 : ((size_t)size + 7) / 8 * 8;
        memcpy(&declared, at, sizeof(declared));
        assert_int_equal(declared, size);
        if (size < offsetof(xg_decision, reason) + sizeof(full.reason)) {
            assert_int_equal(allowed, 0);
            assert_pattern(at + after_size, room - after_size);
            continue;
        }
        size_t end = whole_fields(size);
        assert_int_equal(allowed, expected);
        assert_memory_equal(at + after_size, (const unsigned char *)&full + after_size, end - after_size);
        assert_pattern(at + (size > sizeof(full) ? room : size), size > sizeof(full) ? 0 : room - size);
    }
}

static void test_decisions_of_every_size(void **state)
{
    (void)state;
    xg_request request = fixture_dataplane_request(token);
    sweep_decisions(&request, 1);
    request.name = fixture_str("web-2");
    request.node_id = fixture_str("");
    sweep_decisions(&request, 0);
}

static void test_hosts_of_every_size(void **state)
{
    (void)state;
    char *config = fixture_config(&fx, "");
    xg_host host = fixture_host(plugin.abi);
    for (uint32_t size = 0; size <= SIZE_MAX_SWEPT; size += size < sizeof(host) + 8 ? 1 : 128) {
        char err[512] = "";
        xg_ctx *made = plugin.auth.create(place(&host, sizeof(host), size), fixture_str(config), err, sizeof(err));
        assert_int_equal(made != NULL, size >= sizeof(host));
        assert_int_equal(err[0] == '\0', made != NULL);
        assert_int_equal(made != NULL ? plugin.auth.destroy(made) : XG_REASON_OK, XG_REASON_OK);
    }
    free(config);
}

static void test_sentences_stay_in_their_buffer(void **state)
{
    (void)state;
    xg_host host = fixture_host(plugin.abi);
    for (size_t cap = 0; cap <= 600; cap += cap < 40 ? 1 : 37) {
        char *err = support_guarded(cap, PATTERN);
        assert_null(plugin.auth.create(&host, fixture_str("{\"stor\":1}"), cap == 0 ? NULL : err, cap));
        assert_true(cap == 0 || memchr(err, '\0', cap) != NULL);
        err = support_guarded(cap, PATTERN);
        assert_int_equal(plugin.auth.reload(ctx, fixture_str("[1]"), cap == 0 ? NULL : err, cap),
                         XG_REASON_CONFIG_JSON);
        assert_true(cap == 0 || memchr(err, '\0', cap) != NULL);
    }
}

static void test_workload_names_stay_in_their_buffer(void **state)
{
    (void)state;
    const xg_str mesh = fixture_str("payments-mesh");
    const char *expected = "zone-proxy-payments-mesh-all";
    for (size_t cap = 0; cap <= 128; cap++) {
        char *out = support_guarded(cap, PATTERN);
        uint32_t reason = plugin.auth.workload_for_scope(mesh, 3, cap == 0 ? NULL : out, cap);
        if (reason == XG_REASON_OK) {
            assert_true(cap > strlen(expected));
            assert_string_equal(out, expected);
        } else {
            assert_int_equal(reason, XG_REASON_WORKLOAD_SPACE);
            assert_true(cap < 64);
            assert_true(cap == 0 || out[0] == '\0');
        }
    }
}

/* Each string of the request in turn ends at the page: none needs a NUL. */
static void test_strings_need_no_terminator(void **state)
{
    (void)state;
    xg_request request = fixture_dataplane_request(token);
    xg_tag tag = request.tags[0];
    xg_tag label = request.labels[0];
    request.tags = &tag;
    request.labels = &label;
    request.num_labels = 1;
    xg_str *strings[] = {&request.credential, &request.node_id, &request.mesh, &request.name, &tag.key,
                         &tag.value,          &label.key,       &label.value};
    char *config = fixture_config(&fx, ",\"switches\":{\"tag_source\":\"inbound\"}");
    assert_int_equal(plugin.auth.reload(ctx, fixture_str(config), NULL, 0), XG_REASON_OK);
    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
        xg_str saved = *strings[i];
        char *at = support_guarded(saved.len, PATTERN);
        memcpy(at, saved.ptr, saved.len);
        strings[i]->ptr = at;
        xg_decision decision = support_ask(&plugin, ctx, &request);
        assert_int_equal(decision.reason, XG_REASON_OK);
        *strings[i] = saved;
    }
    free(config);
}

static int set_up(void **state)
{
    (void)state;
    fixture_init(&fx);
    support_load(&plugin);
    ctx = support_create(&plugin, &fx);
    token = fixture_dataplane_token("sizes");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(token);
    uint32_t reason = plugin.auth.destroy(ctx);
    xg_loader_close(&plugin);
    fixture_done(&fx);
    return reason == XG_REASON_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests_of_every_size),
        cmocka_unit_test(test_decisions_of_every_size),
        cmocka_unit_test(test_hosts_of_every_size),
        cmocka_unit_test(test_sentences_stay_in_their_buffer),
        cmocka_unit_test(test_workload_names_stay_in_their_buffer),
        cmocka_unit_test(test_strings_need_no_terminator),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
