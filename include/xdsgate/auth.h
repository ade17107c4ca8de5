/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth.h: the rules. Profiles, policy, configuration, bindings, the decision. Room: src/auth.
 *
 * Start with src/auth/engine.c: it is the table of checks, top to bottom. Nothing here touches files, clocks or locks;
 * all inputs are arguments. Thread rule: everything is pure over immutable inputs.
 */
#ifndef XDSGATE_AUTH_H
#define XDSGATE_AUTH_H

#include "xdsgate/base.h"
#include "xdsgate/keys.h"
#include "xdsgate/token.h"

/* ---- profile.c: which Kuma's semantics, as one table of data ---- */

typedef enum xg_tag_source {
    XG_TAGS_INBOUND = 1, /* Kuma 2.x: inbound and gateway tags */
    XG_TAGS_LABELS = 2,  /* Kuma 3: resource labels */
    XG_TAGS_UNION = 3    /* both; every value found in either must be allowed */
} xg_tag_source;

typedef enum xg_legacy { XG_LEGACY_ALLOW = 1, XG_LEGACY_WARN = 2, XG_LEGACY_DENY = 3 } xg_legacy;

typedef struct xg_profile {
    const char *name;
    xg_tag_source tag_source;
    bool workload_enforced; /* the Workload claim is compared with the label */
    bool zone_entities;     /* ZoneIngress and ZoneEgress are admitted */
    bool exp_required;
    bool jti_required;
    bool mesh_required;      /* dataplane: Mesh; zone token: Zone */
    bool binding_required;   /* dataplane: one of Name, Workload, Tags, unless allow_mesh_wide */
    bool type_checked;       /* Type must be empty or "dataplane" */
    bool shared_revocations; /* the any-mesh list counts too */
} xg_profile;

/* "strict", "kuma-3.0", "kuma-2.14", "kuma-2.13", "kuma-2.12"; NULL for any other name. */
const xg_profile *xg_profile_find(xg_str name);
const xg_profile *xg_profile_at(size_t index); /* NULL past the end; 0 is the default, strict */

/* ---- config.c: the JSON text of create and reload; every member is in plugin-api/ABI.md ---- */

typedef struct xg_policy {
    xg_profile profile; /* a copy, with single switches applied */
    char zone[XG_MESH_NAME_MAX + 1];
    xg_legacy legacy_zone_tokens;
    int64_t deny_after; /* zone tokens are denied from this second on; INT64_MAX = never */
    bool allow_mesh_wide;
    int64_t leeway;
    xg_token_limits token;
    size_t request_tags; /* of each of tags and labels */
} xg_policy;

#define XG_STORE_PATH_MAX 4095
typedef struct xg_config {
    char store_path[XG_STORE_PATH_MAX + 1];
    int64_t poll_seconds;
    xg_policy policy;
    xg_dirstore_limits store;
} xg_config;

/* CONFIG_JSON or CONFIG_MEMBER, with the member's path and what was expected in reterr. *ret_config only on success. */
xg_result xg_config_parse(xg_str json, xg_config *ret_config, xg_text *reterr) XG_MUST_USE;
/* Calls visit for every member there is, with the object it stands in (NULL: the outermost) and its value in config. */
typedef void xg_config_visit(void *arg, const char *parent, const char *name, xg_str value);
void xg_config_describe(const xg_config *config, xg_config_visit *visit, void *arg);

/* ---- workload.c: scope to workload ---- */

/* zone-proxy-<mesh>-<ingress|egress|all>: at most 63 characters, mesh a DNS-1035 label. WORKLOAD_*. */
#define XG_WORKLOAD_SIZE 64
xg_result xg_workload_for_scope(xg_str mesh, uint32_t scope_bits, char *out, size_t cap) XG_MUST_USE;

/* ---- bind.c: what the token binds against what the proxy presents ---- */

/* What an explanation needs beside the reason. Slices borrow from the token, the request or the storage below. */
typedef struct xg_finding {
    uint32_t binding; /* XG_BINDING_* */
    xg_str field;
    xg_str token;
    xg_str proxy;
    char field_storage[128];
    char token_storage[128];
    char proxy_storage[512];
} xg_finding;

xg_result xg_bind_dataplane(const xg_claims *claims, const xg_request *request, const xg_profile *profile,
                            xg_finding *reterr) XG_MUST_USE;
xg_result xg_bind_zone(const xg_claims *claims, const xg_request *request, xg_str zone, xg_finding *reterr) XG_MUST_USE;

/* ---- explain.c: reason and finding to the operator's sentence ---- */

void xg_explain(uint32_t reason, const xg_finding *finding, xg_str mesh, xg_str kid, xg_text *text);

/* ---- engine.c: the decision ---- */

/* Everything a decision may depend on beside the request. */
typedef struct xg_view {
    const xg_snapshot *keys;
    const xg_policy *policy;
    uint64_t generation;
    bool is_stale;      /* the store's newer state cannot be read at all */
    int64_t now;        /* the clock now; for nbf */
    int64_t latest_now; /* the latest time ever seen: a clock that steps back revives nothing; for exp */
} xg_view;

/*
 * Decides. *out is complete whatever happens; out->struct_size is left alone. request must be a full 1.0 structure
 * (the adapter has seen to that). kinds is the set of request kinds the entry point serves, one bit (1 << kind) each.
 * The one thing it may allocate is scratch for a verification, when this processor's is in use (xg_crypto_take).
 */
#define XG_KINDS_DATAPLANE (1u << XG_KIND_DATAPLANE)
#define XG_KINDS_ZONE      (1u << XG_KIND_ZONE_INGRESS | 1u << XG_KIND_ZONE_EGRESS)
void xg_engine_decide(const xg_view *view, uint32_t kinds, const xg_request *request, xg_decision *out);

#endif /* XDSGATE_AUTH_H */
