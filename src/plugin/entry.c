/* SPDX-License-Identifier: Apache-2.0 */
/*
 * entry.c: the one export, and the table behind it.
 *
 * Owns nothing but constant data. Must never allocate, lock or log (rule A1). Any thread.
 */
#include <string.h>

#include "context.h"

static const xg_auth AUTH_1_0 = {
    .struct_size = sizeof(xg_auth),
    .abi = XG_ABI(1, 0),
    .features = 0,
    .create = xg_context_create,
    .authenticate = xg_adapter_authenticate,
    .auth_dataplane = xg_adapter_auth_dataplane,
    .auth_zone_entity = xg_adapter_auth_zone_entity,
    .workload_for_scope = xg_adapter_workload_for_scope,
    .session_close = xg_adapter_session_close,
    .reload = xg_context_reload,
    .tick = xg_context_tick,
    .destroy = xg_context_destroy,
};

const void *xdsgate_plugin_query(const char *iface, uint32_t abi_min, uint32_t abi_max, uint32_t *abi_have)
{
    bool is_known = iface != NULL && strcmp(iface, XG_IFACE_AUTH) == 0;
    if (abi_have != NULL) {
        *abi_have = is_known ? XG_ABI_CURRENT : 0;
    }
    return is_known && abi_min <= AUTH_1_0.abi && AUTH_1_0.abi <= abi_max ? &AUTH_1_0 : NULL;
}
