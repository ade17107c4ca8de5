/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bad_plugin.c: a plugin that breaks every rule xg-plugin-check can see, so that its checks are known to bite.
 *
 * BAD_GREEDY 0: says yes to everything: a table for any interface, a context for any configuration, 1 for any request.
 * BAD_GREEDY 1: gives the right answers and writes beyond every buffer (8 bytes, which the caller watches).
 * Not thread-safe: the tables take turns.
 */
#include <string.h>

#include "xdsgate_plugin.h"

#ifndef BAD_GREEDY
#define BAD_GREEDY 0
#endif

#define BEYOND 8

struct xg_ctx {
    int unused;
};

static xg_ctx only_context;

static void spill(char *out, size_t cap)
{
    if (out != NULL) {
        memset(out, 'x', cap + BEYOND);
    }
}

static xg_ctx *create(const xg_host *host, xg_str config, char *err, size_t err_cap)
{
    (void)host;
    (void)config;
    if (BAD_GREEDY) {
        spill(err, err_cap);
        return NULL;
    }
    return &only_context;
}

static uint32_t authenticate(xg_ctx *ctx, const xg_request *req, xg_decision *out)
{
    (void)ctx;
    (void)req;
    if (BAD_GREEDY && out != NULL) {
        uint32_t size = out->struct_size;
        memset(out, 0, sizeof(*out) + BEYOND);
        out->struct_size = size;
    }
    return BAD_GREEDY ? 0 : 1;
}

static uint32_t workload_for_scope(xg_str mesh, uint32_t scope_bits, char *out, size_t cap)
{
    (void)mesh;
    (void)scope_bits;
    if (BAD_GREEDY) {
        spill(out, cap);
    }
    return XG_REASON_OK;
}

static void session_close(xg_ctx *ctx, uint64_t session)
{
    (void)ctx;
    (void)session;
}

static uint32_t reload(xg_ctx *ctx, xg_str config, char *err, size_t err_cap)
{
    (void)ctx;
    (void)config;
    (void)err;
    (void)err_cap;
    return XG_REASON_OK;
}

static int64_t tick(xg_ctx *ctx, int64_t now)
{
    (void)ctx;
    return now;
}

static uint32_t destroy(xg_ctx *ctx)
{
    return ctx == NULL && !BAD_GREEDY ? XG_REASON_INTERNAL : XG_REASON_OK;
}

#define TABLE                                                                                                          \
    {                                                                                                                  \
        .struct_size = sizeof(xg_auth), .abi = XG_ABI(1, 0), .create = create, .authenticate = authenticate,           \
        .auth_dataplane = authenticate, .auth_zone_entity = authenticate, .workload_for_scope = workload_for_scope,    \
        .session_close = session_close, .reload = reload, .tick = tick, .destroy = destroy,                            \
    }

static const xg_auth tables[2] = {TABLE, TABLE};

static uint32_t read_stats(xg_ctx *ctx, xg_stats *out)
{
    (void)ctx;
    if (BAD_GREEDY && out != NULL) {
        uint32_t size = out->struct_size;
        memset(out, 0, sizeof(*out) + BEYOND);
        out->struct_size = size;
    }
    return BAD_GREEDY ? XG_REASON_INTERNAL : XG_REASON_OK;
}

static size_t count_denials(xg_ctx *ctx, xg_denial_count *out, size_t cap)
{
    (void)ctx;
    if (BAD_GREEDY) {
        spill((char *)out, cap * sizeof(*out));
    }
    return BAD_GREEDY ? 0 : 1;
}

#define STATS_TABLE                                                                                                    \
    {                                                                                                                  \
        .struct_size = sizeof(xg_stats_table), .abi = XG_ABI(1, 0), .read = read_stats, .denials = count_denials,      \
    }

static const xg_stats_table stats_tables[2] = {STATS_TABLE, STATS_TABLE};

static int is_same(const char *iface, const char *known)
{
    return iface != NULL && strcmp(iface, known) == 0;
}

/* Each time the other of two. */
static const void *take_turns(int is_stats)
{
    static unsigned turn;
    turn++;
    return is_stats ? (const void *)&stats_tables[turn % 2] : (const void *)&tables[turn % 2];
}

const void *xdsgate_plugin_query(const char *iface, uint32_t abi_min, uint32_t abi_max, uint32_t *abi_have)
{
    int is_stats = is_same(iface, XG_IFACE_STATS);
    int is_known = is_stats || is_same(iface, XG_IFACE_AUTH);
    if (abi_have != NULL) {
        *abi_have = !BAD_GREEDY || is_known ? XG_ABI(1, 0) : 0;
    }
    if (!BAD_GREEDY) {
        return take_turns(is_stats);
    }
    if (!is_known || abi_min > XG_ABI(1, 0) || abi_max < XG_ABI(1, 0)) {
        return NULL;
    }
    return is_stats ? (const void *)&stats_tables[0] : (const void *)&tables[0];
}
