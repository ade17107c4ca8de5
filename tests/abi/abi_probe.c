/* SPDX-License-Identifier: Apache-2.0 */
/*
 * abi_probe.c: a library whose functions take every public type, so that abidiff can compare two versions of the
 * header. Built twice: from plugin-api/ and from plugin-api/frozen/<version>/, and a third time from a changed copy.
 * (On xdsgate.so itself abidiff proves nothing: its one export returns a pointer to void.)
 */
#ifdef PROBE_HEADER
#include PROBE_HEADER
#else
#include "xdsgate_plugin.h"
#endif

/* The bodies differ, or the compiler folds them into one function and abidiff would see only one type. */
#define PROBE(name, type)                                                                                              \
    XG_EXPORT size_t probe_##name(const type *value);                                                                  \
    XG_EXPORT size_t probe_##name(const type *value)                                                                   \
    {                                                                                                                  \
        return value == (const type *)0 ? 0u : (size_t)__LINE__;                                                       \
    }

PROBE(str, xg_str)
PROBE(tag, xg_tag)
PROBE(invalidation, xg_invalidation)
PROBE(host, xg_host)
PROBE(request, xg_request)
PROBE(decision, xg_decision)
PROBE(auth, xg_auth)
PROBE(stats, xg_stats)
PROBE(denial_count, xg_denial_count)
PROBE(stats_table, xg_stats_table)

const void *xdsgate_plugin_query(const char *iface, uint32_t abi_min, uint32_t abi_max, uint32_t *abi_have)
{
    (void)iface;
    (void)abi_min;
    (void)abi_max;
    (void)abi_have;
    return (const void *)0;
}
