/* SPDX-License-Identifier: Apache-2.0 */
/*
 * entry.c: the one export, and the tables behind it.
 *
 * Owns nothing but constant data. Must never allocate, lock or log (rule A1). Any thread.
 */
#include <string.h>

#include "context.h"

static const xg_auth AUTH_1_0 = {
    .struct_size = sizeof(xg_auth),
    .abi = XG_ABI(1, 0),
    .features = XG_FEATURE_SESSIONS,
    .create = xg_context_create,
    .authenticate = xg_adapter_authenticate,
    .auth_dataplane = xg_adapter_auth_dataplane,
    .auth_zone_entity = xg_adapter_auth_zone_entity,
    .workload_for_scope = xg_adapter_workload_for_scope,
    .session_close = xg_context_session_close,
    .reload = xg_context_reload,
    .tick = xg_context_tick,
    .destroy = xg_context_destroy,
};

static const xg_stats_table STATS_1_0 = {
    .struct_size = sizeof(xg_stats_table),
    .abi = XG_ABI(1, 0),
    .features = 0,
    .read = xg_stats_read,
    .denials = xg_stats_denials,
};

const void *xdsgate_plugin_query(const char *iface, uint32_t abi_min, uint32_t abi_max, uint32_t *abi_have)
{
    static const struct {
        const char *iface;
        uint32_t abi;
        const void *table;
    } INTERFACES[] = {
        {XG_IFACE_AUTH, XG_ABI_CURRENT, &AUTH_1_0},
        {XG_IFACE_STATS, XG_ABI_STATS_CURRENT, &STATS_1_0},
    };
    uint32_t abi = 0;
    const void *table = NULL;
    for (size_t i = 0; iface != NULL && i < XG_ARRAY_LEN(INTERFACES); i++) {
        if (strcmp(iface, INTERFACES[i].iface) == 0) {
            abi = INTERFACES[i].abi;
            table = INTERFACES[i].table;
        }
    }
    if (abi_have != NULL) {
        *abi_have = abi;
    }
    return abi_min <= abi && abi <= abi_max ? table : NULL;
}
