/* SPDX-License-Identifier: Apache-2.0 */
/*
 * constants_print.c: prints every number of the ABI that has a name, for comparison with constants.txt: the reasons
 * with their gRPC status, kinds, bindings, warnings and the rest. Numbers are never changed and never reused (rule A8).
 */
#include <stdio.h>

#include "xdsgate_plugin.h"

#define CONSTANT(name) printf("%s %llu\n", #name, (unsigned long long)(name))

static void print_reasons(void)
{
#define XG_REASON(number, NAME, name, grpc, text, help) printf("reason %d %s %s %d\n", number, #NAME, name, grpc);
#include "reasons.def"
#undef XG_REASON
}

static void print_decision_constants(void)
{
    CONSTANT(XG_OUTCOME_DENIED);
    CONSTANT(XG_OUTCOME_ALLOWED);
    CONSTANT(XG_OUTCOME_UNDECIDED);
    CONSTANT(XG_BINDING_NONE);
    CONSTANT(XG_BINDING_NODE);
    CONSTANT(XG_BINDING_NAME);
    CONSTANT(XG_BINDING_MESH);
    CONSTANT(XG_BINDING_TAG);
    CONSTANT(XG_BINDING_WORKLOAD);
    CONSTANT(XG_BINDING_ZONE);
    CONSTANT(XG_BINDING_SCOPE);
    CONSTANT(XG_BINDING_TYPE);
    CONSTANT(XG_WARN_LEGACY_ZONE_TOKEN);
    CONSTANT(XG_WARN_EXPIRES_SOON);
    CONSTANT(XG_WARN_MESH_WIDE);
    CONSTANT(XG_WARN_NO_EXPIRY);
    CONSTANT(XG_WARN_STALE_KEYS);
    CONSTANT(XG_WARN_NO_WORKLOAD);
}

static void print_other_constants(void)
{
    CONSTANT(XG_KIND_DATAPLANE);
    CONSTANT(XG_KIND_ZONE_INGRESS);
    CONSTANT(XG_KIND_ZONE_EGRESS);
    CONSTANT(XG_FLAG_IDENTITY_FROM_WORKLOAD);
    CONSTANT(XG_SCOPE_INGRESS);
    CONSTANT(XG_SCOPE_EGRESS);
    CONSTANT(XG_LOG_ERROR);
    CONSTANT(XG_LOG_WARN);
    CONSTANT(XG_LOG_NOTICE);
    CONSTANT(XG_LOG_INFO);
    CONSTANT(XG_LOG_DEBUG);
    CONSTANT(XG_EVENT_STORE_LOADED);
    CONSTANT(XG_EVENT_STORE_FAILED);
    CONSTANT(XG_EVENT_SET_REFUSED);
    CONSTANT(XG_EVENT_CLOCK_BACKWARDS);
    CONSTANT(XG_EVENT_STORE_REMARK);
    CONSTANT(XG_FEATURE_SESSIONS);
    CONSTANT(XG_STATS_STALE);
    CONSTANT(XG_STATS_LOAD_FAILED);
    CONSTANT(XG_STATS_ERROR_SIZE);
}

int main(void)
{
    print_reasons();
    print_decision_constants();
    print_other_constants();
    return 0;
}
