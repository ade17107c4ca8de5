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
#include "xdsgate/session.h"
#include "xdsgate/token.h"

/* ---- profile.c: which Kuma's semantics, as one table of data ---- */

typedef enum xg_tag_source {
    XG_TAGS_INBOUND = 1, /* Kuma 2.x: inbound and gateway tags */
    XG_TAGS_LABELS = 2,  /* Kuma 3: resource labels */
    XG_TAGS_UNION = 3    /* both; every value found in either must be allowed */
} xg_tag_source;

/* What the end of a token means for the session that it admitted. */
typedef enum xg_expiry { XG_EXPIRY_END = 1, XG_EXPIRY_BAR_NEW = 2 } xg_expiry;

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
    xg_expiry expiry;
} xg_policy;

#define XG_STORE_PATH_MAX 4095
typedef struct xg_config {
    char store_path[XG_STORE_PATH_MAX + 1];
    int64_t poll_seconds;
    xg_policy policy;
    xg_dirstore_limits store;
    size_t sessions;      /* how many may be live at once */
    size_t cached_tokens; /* how many verified ones are remembered; 0 = none */
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

/* Begins anew with these; the storage is left as it is. */
static inline void xg_finding_set(xg_finding *finding, uint32_t binding, xg_str token, xg_str proxy)
{
    finding->binding = binding;
    finding->field = (xg_str){NULL, 0};
    finding->token = token;
    finding->proxy = proxy;
}

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
    uint64_t epoch;        /* of the token limits: changes when they do */
    bool is_stale;         /* the store's newer state cannot be read at all */
    int64_t now;           /* the clock now; for nbf */
    int64_t latest_now;    /* the latest time ever seen: a clock that steps back revives nothing; for exp */
    xg_verified *verified; /* tokens seen before; NULL = every token is verified anew */
    xg_sessions *sessions; /* where sessions are registered; NULL = none can be */
} xg_view;

/*
 * Decides. *out is complete whatever happens; out->struct_size is left alone. request must be a full 1.0 structure
 * (the adapter has seen to that). kinds is the set of request kinds the entry point serves, one bit (1 << kind) each.
 * What it may allocate is scratch for a verification, when this processor's is in use (xg_crypto_take), and the record
 * of a session. SESSION_UNSETTLED asks for another call with the view as it is by then.
 */
#define XG_KINDS_DATAPLANE (1u << XG_KIND_DATAPLANE)
#define XG_KINDS_ZONE      (1u << XG_KIND_ZONE_INGRESS | 1u << XG_KIND_ZONE_EGRESS)
void xg_engine_decide(const xg_view *view, uint32_t kinds, const xg_request *request, xg_decision *out);

/* Judges live sessions by another view than the one that admitted them. */
typedef struct xg_rejudge {
    const xg_view *view;
    uint32_t tightened; /* XG_BINDS_*: what was compared under looser rules, so that only the proxy can tell */
    bool has_set;       /* what row 5 found last: sessions of one set come one after the other */
    xg_token_kind set_kind;
    xg_trust set_trust; /* borrows from the view, not from the session for which it was found */
    bool has_strayed;   /* told back: a key that was the mesh's own when it admitted somebody is the shared set's now */
} xg_rejudge;

/* Begins for view. before is the policy that admitted the sessions so far. */
void xg_engine_begin_rejudge(xg_rejudge *rejudge, const xg_view *view, const xg_policy *before);
/*
 * An xg_sessions_judge; arg is an xg_rejudge. Rows 5, 6, 10 and 11 as in a decision, and that the key is the one which
 * verified the token. The end of a token is the business of the table's sweep. What the token binds was compared with
 * the proxy when it came, and is settled as long as the rules of comparing are not tightened: if they are, the reason
 * is SESSION_POLICY.
 */
xg_result xg_engine_rejudge(void *arg, const xg_grant *grant) XG_MUST_USE;

#endif /* XDSGATE_AUTH_H */
