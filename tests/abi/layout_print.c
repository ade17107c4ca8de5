/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layout_print.c: prints the size of every public structure and the offset of every member, for comparison with
 * layout.txt. A line that changes is a break of the ABI; a line that is added is an append (growth rule 1).
 *
 * The assertions hold what must stay even if someone edits both this file's golden text and the header.
 */
#include <stdio.h>

#include "xdsgate_plugin.h"

_Static_assert(sizeof(xg_str) == 16, "xg_str");
_Static_assert(sizeof(xg_tag) == 32, "xg_tag");
_Static_assert(sizeof(xg_invalidation) == 16, "xg_invalidation");
_Static_assert(offsetof(xg_host, now) + sizeof(void *) == 40, "xg_host 1.0");
_Static_assert(offsetof(xg_request, num_labels) + sizeof(size_t) == 136, "xg_request 1.0");
_Static_assert(offsetof(xg_decision, text) + 256 == 496, "xg_decision 1.0");
_Static_assert(offsetof(xg_auth, destroy) + sizeof(void *) == 88, "xg_auth 1.0");
_Static_assert(sizeof(((xg_decision *)0)->token_id) == 128 && sizeof(((xg_decision *)0)->kid) == 64, "frozen (M14)");
_Static_assert(offsetof(xg_stats, error) + 256 == 464, "xg_stats 1.0");
_Static_assert(offsetof(xg_stats_table, denials) + sizeof(void *) == 32, "xg_stats_table 1.0");
_Static_assert(XG_ABI(1, 0) == 0x10000u, "version");

#define STRUCT(type) printf("%-16s %4zu\n", #type, sizeof(type))
#define MEMBER(type, member)                                                                                           \
    printf("%-16s %4zu %4zu %s\n", #type, offsetof(type, member), sizeof(((type *)0)->member), #member)

static void print_inputs(void)
{
    STRUCT(xg_str);
    MEMBER(xg_str, ptr);
    MEMBER(xg_str, len);
    STRUCT(xg_tag);
    MEMBER(xg_tag, key);
    MEMBER(xg_tag, value);
    STRUCT(xg_request);
    MEMBER(xg_request, struct_size);
    MEMBER(xg_request, kind);
    MEMBER(xg_request, flags);
    MEMBER(xg_request, reserved);
    MEMBER(xg_request, session);
    MEMBER(xg_request, credential);
    MEMBER(xg_request, node_id);
    MEMBER(xg_request, mesh);
    MEMBER(xg_request, name);
    MEMBER(xg_request, zone);
    MEMBER(xg_request, tags);
    MEMBER(xg_request, num_tags);
    MEMBER(xg_request, labels);
    MEMBER(xg_request, num_labels);
}

static void print_outputs(void)
{
    STRUCT(xg_decision);
    MEMBER(xg_decision, struct_size);
    MEMBER(xg_decision, outcome);
    MEMBER(xg_decision, reason);
    MEMBER(xg_decision, failed_binding);
    MEMBER(xg_decision, grpc_status);
    MEMBER(xg_decision, warnings);
    MEMBER(xg_decision, not_after);
    MEMBER(xg_decision, generation);
    MEMBER(xg_decision, token_id_len);
    MEMBER(xg_decision, kid_len);
    MEMBER(xg_decision, text_len);
    MEMBER(xg_decision, reserved);
    MEMBER(xg_decision, token_id);
    MEMBER(xg_decision, kid);
    MEMBER(xg_decision, text);
    STRUCT(xg_invalidation);
    MEMBER(xg_invalidation, session);
    MEMBER(xg_invalidation, reason);
    MEMBER(xg_invalidation, reserved);
}

static void print_tables(void)
{
    STRUCT(xg_host);
    MEMBER(xg_host, struct_size);
    MEMBER(xg_host, abi);
    MEMBER(xg_host, cookie);
    MEMBER(xg_host, log);
    MEMBER(xg_host, on_session_invalidated);
    MEMBER(xg_host, now);
    STRUCT(xg_auth);
    MEMBER(xg_auth, struct_size);
    MEMBER(xg_auth, abi);
    MEMBER(xg_auth, features);
    MEMBER(xg_auth, create);
    MEMBER(xg_auth, authenticate);
    MEMBER(xg_auth, auth_dataplane);
    MEMBER(xg_auth, auth_zone_entity);
    MEMBER(xg_auth, workload_for_scope);
    MEMBER(xg_auth, session_close);
    MEMBER(xg_auth, reload);
    MEMBER(xg_auth, tick);
    MEMBER(xg_auth, destroy);
}

static void print_stats(void)
{
    STRUCT(xg_stats);
    MEMBER(xg_stats, struct_size);
    MEMBER(xg_stats, flags);
    MEMBER(xg_stats, now);
    MEMBER(xg_stats, generation);
    MEMBER(xg_stats, allowed);
    MEMBER(xg_stats, denied);
    MEMBER(xg_stats, cache_hits);
    MEMBER(xg_stats, cache_misses);
    MEMBER(xg_stats, cache_entries);
    MEMBER(xg_stats, cache_capacity);
    MEMBER(xg_stats, cache_evictions);
    MEMBER(xg_stats, sessions);
    MEMBER(xg_stats, sessions_capacity);
    MEMBER(xg_stats, sessions_registered);
    MEMBER(xg_stats, sessions_moved);
    MEMBER(xg_stats, sessions_closed);
    MEMBER(xg_stats, sessions_invalidated);
    MEMBER(xg_stats, batches);
    MEMBER(xg_stats, loads_ok);
    MEMBER(xg_stats, loads_failed);
    MEMBER(xg_stats, loaded_at);
    MEMBER(xg_stats, failed_at);
    MEMBER(xg_stats, meshes);
    MEMBER(xg_stats, keys);
    MEMBER(xg_stats, revoked_ids);
    MEMBER(xg_stats, sets_refused);
    MEMBER(xg_stats, failed_reason);
    MEMBER(xg_stats, error_len);
    MEMBER(xg_stats, reserved);
    MEMBER(xg_stats, error);
    STRUCT(xg_denial_count);
    MEMBER(xg_denial_count, reason);
    MEMBER(xg_denial_count, reserved);
    MEMBER(xg_denial_count, count);
    STRUCT(xg_stats_table);
    MEMBER(xg_stats_table, struct_size);
    MEMBER(xg_stats_table, abi);
    MEMBER(xg_stats_table, features);
    MEMBER(xg_stats_table, read);
    MEMBER(xg_stats_table, denials);
}

int main(void)
{
    printf("version %u.%u interface %s\n", XG_ABI_CURRENT >> 16, XG_ABI_CURRENT & 0xffffu, XG_IFACE_AUTH);
    print_inputs();
    print_outputs();
    print_tables();
    printf("version %u.%u interface %s\n", XG_ABI_STATS_CURRENT >> 16, XG_ABI_STATS_CURRENT & 0xffffu, XG_IFACE_STATS);
    print_stats();
    return 0;
}
