/* SPDX-License-Identifier: Apache-2.0 */
/*
 * matrix_host.c PLUGIN.so: a host that drives the fake plugin through every slot of version 1.0.
 *
 * Built from today's header and from each frozen one, and run against fake plugins built from each: an old host must
 * get on with a new plugin and the other way round (growth rules of plugin-api/ABI.md). Nothing of a later minor
 * belongs here. One thread.
 */
#include <stdio.h>
#include <string.h>

#include "xdsgate_loader.h"

static xg_loader plugin;
static unsigned num_wrong;

/* What the callbacks saw. */
static unsigned num_messages;
static uint64_t num_invalidated;
static size_t largest_batch;

static void expect(bool is_right, const char *what)
{
    if (!is_right) {
        (void)fprintf(stderr, "wrong: %s\n", what);
        num_wrong++;
    }
}

static xg_str str(const char *text)
{
    return (xg_str){text, strlen(text)};
}

static void count_message(uintptr_t cookie, uint32_t level, uint32_t event, const char *msg, size_t len)
{
    num_messages += cookie == 7 && level <= XG_LOG_DEBUG && event != 0 && msg != NULL && len > 0 ? 1u : 0u;
}

static void count_invalidated(uintptr_t cookie, const xg_invalidation *items, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        num_invalidated += cookie == 7 && items[i].reason == XG_REASON_REVOKED_JTI ? 1u : 0u;
    }
    largest_batch = n > largest_batch ? n : largest_batch;
}

static int64_t tell_time(uintptr_t cookie)
{
    return (int64_t)cookie;
}

static xg_ctx *create(const char *config, char *err, size_t err_cap)
{
    const xg_host host = {
        .struct_size = sizeof(host),
        .abi = plugin.abi,
        .cookie = 7,
        .log = count_message,
        .on_session_invalidated = count_invalidated,
        .now = tell_time,
    };
    return plugin.auth.create(&host, str(config), err, err_cap);
}

/* Creates, asks one entry point, destroys. Only the value 1 with the outcome 1 counts as allowed. */
static bool is_allowed(uint32_t (*entry)(xg_ctx *, const xg_request *, xg_decision *), const char *config,
                       xg_decision *decision)
{
    char err[256];
    xg_ctx *ctx = create(config, err, sizeof(err));
    const xg_request request = {
        .struct_size = sizeof(request),
        .kind = XG_KIND_DATAPLANE,
        .credential = str("a.b.c"),
        .mesh = str("m1"),
        .name = str("web-1"),
    };
    *decision = (xg_decision){.struct_size = sizeof(*decision)};
    if (ctx == NULL) {
        expect(false, err);
        return false;
    }
    uint32_t value = entry(ctx, &request, decision);
    plugin.auth.session_close(ctx, 1);
    expect(plugin.auth.destroy(ctx) == XG_REASON_OK, "destroy");
    return value == 1 && decision->outcome == XG_OUTCOME_ALLOWED;
}

static void check_decisions(void)
{
    uint32_t (*const entries[])(xg_ctx *, const xg_request *, xg_decision *) = {
        plugin.auth.authenticate, plugin.auth.auth_dataplane, plugin.auth.auth_zone_entity};
    xg_decision decision;
    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
        expect(is_allowed(entries[i], "allow not-after=5", &decision), "an allowed request is allowed");
        expect(decision.reason == XG_REASON_OK && decision.not_after == 5, "reason and not_after arrive");
        expect(strcmp(decision.token_id, "fake-token") == 0 && strcmp(decision.kid, "fake-key") == 0, "ids arrive");
        expect(!is_allowed(entries[i], "deny=231", &decision), "a denied request is denied");
        expect(decision.reason == XG_REASON_SIGNATURE_INVALID && decision.grpc_status == 16, "its reason arrives");
        expect(decision.text_len == strlen(decision.text) && decision.text_len > 0, "its text arrives");
        expect(!is_allowed(entries[i], "undecided", &decision), "an undecided request is denied");
        expect(!is_allowed(entries[i], "deny=231 lie", &decision), "a value that the outcome contradicts is denied");
    }
}

static void check_life(void)
{
    char err[256] = "";
    char name[64];
    expect(create("fail-create", err, sizeof(err)) == NULL && err[0] != '\0', "create fails with a sentence");
    xg_ctx *ctx = create("log=3 invalidate=600 next=9 reload=249", err, sizeof(err));
    expect(ctx != NULL && num_messages == 3, "create logs");
    expect(plugin.auth.tick(ctx, 1) == 9, "tick returns the next second");
    expect(num_invalidated == 600 && largest_batch == 256, "invalidations come in batches");
    expect(plugin.auth.reload(ctx, str(""), err, sizeof(err)) == XG_REASON_STORE_UNREADABLE && err[0] != '\0',
           "reload");
    expect(plugin.auth.workload_for_scope(str("m1"), XG_SCOPE_EGRESS, name, sizeof(name)) == XG_REASON_OK &&
               strcmp(name, "zone-proxy-m1-egress") == 0,
           "the name of a workload");
    expect(plugin.auth.destroy(ctx) == XG_REASON_OK, "destroy");
}

int main(int argc, char **argv)
{
    char err[XG_LOADER_ERROR_SIZE];
    if (argc != 2) {
        (void)fprintf(stderr, "usage: matrix_host PLUGIN.so\n");
        return 99;
    }
    if (!xg_loader_open(argv[1], NULL, &plugin, err, sizeof(err))) {
        (void)fprintf(stderr, "%s\n", err);
        return 1;
    }
    check_decisions();
    check_life();
    printf("host %u.%u, table of %u bytes of %u.%u: %u wrong\n", XG_ABI_CURRENT >> 16, XG_ABI_CURRENT & 0xffffu,
           plugin.table_size, plugin.abi_have >> 16, plugin.abi_have & 0xffffu, num_wrong);
    xg_loader_close(&plugin);
    return num_wrong == 0 ? 0 : 1;
}
