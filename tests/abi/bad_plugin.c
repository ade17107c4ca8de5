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

const void *xdsgate_plugin_query(const char *iface, uint32_t abi_min, uint32_t abi_max, uint32_t *abi_have)
{
    static unsigned turn;
    int is_known = iface != NULL && strcmp(iface, XG_IFACE_AUTH) == 0;
    if (abi_have != NULL) {
        *abi_have = !BAD_GREEDY || is_known ? XG_ABI(1, 0) : 0;
    }
    if (BAD_GREEDY) {
        return is_known && abi_min <= XG_ABI(1, 0) && abi_max >= XG_ABI(1, 0) ? &tables[0] : NULL;
    }
    return &tables[turn++ % 2];
}
