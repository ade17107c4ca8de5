/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xdsgate_plugin.h: the ABI between a control plane (the host) and xdsgate.so (the plugin), and nothing else.
 *
 * ABI.md beside this file states the contract: rules A1 to A23, the growth rules, the configuration. In short:
 *  - the host calls xdsgate_plugin_query once and uses the table it returns; the tables are constant;
 *  - only the value 1 means allowed; everything else, now and in any later version, is a denial;
 *  - nothing allocated on one side is freed on the other; strings are pointer and length, borrowed for the call;
 *  - every structure begins with its size as its maker knows it, so either side may be older than the other;
 *  - the plugin owns no thread: the host drives time (tick) and reload.
 *
 * Thread rule: any function of the table may be called from any thread at any time, except destroy, which must be the
 * last call on its context. Callbacks: log and now must not call the plugin. Inside on_session_invalidated,
 * session_close and authenticate may be called; reload, tick and destroy return XG_REASON_REENTRANT there, as in every
 * callback that reload or tick make.
 */
#ifndef XDSGATE_PLUGIN_H
#define XDSGATE_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#if !defined(__LP64__)
#error "the xdsgate ABI is defined for LP64 systems only"
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define XG_EXPORT __attribute__((visibility("default")))

#define XG_ABI(major, minor) (((uint32_t)(major) << 16) | (uint32_t)(minor))
#define XG_ABI_CURRENT       XG_ABI(1, 0)
#define XG_IFACE_AUTH        "xdsgate.auth/1"
#define XG_IFACE_STATS       "xdsgate.stats/1"
#define XG_ABI_STATS_CURRENT XG_ABI(1, 0) /* of xdsgate.stats/1, which counts its minors itself */

/* True if *p, as long as its maker declared it, contains field. */
#define XG_HAS(p, field) ((p)->struct_size >= offsetof(__typeof__(*(p)), field) + sizeof((p)->field))

/* The only sentence a peer should hear. Which check failed is the operator's business (rule A6). */
#define XG_PEER_MESSAGE "authentication failed"

/* xg_request.kind */
enum { XG_KIND_DATAPLANE = 1, XG_KIND_ZONE_INGRESS = 2, XG_KIND_ZONE_EGRESS = 3 };

/* xg_request.flags: each bit is a demand; a bit the plugin does not know is a denial (rule A22). */
enum {
    /* The proxy's identity derives from its label kuma.io/workload (Kuma: the best matching MeshIdentity uses it),
     * so a token that is not bound to a workload must not admit a proxy that carries the label. */
    XG_FLAG_IDENTITY_FROM_WORKLOAD = 1
};

/* xg_decision.outcome */
enum { XG_OUTCOME_DENIED = 0, XG_OUTCOME_ALLOWED = 1, XG_OUTCOME_UNDECIDED = 2 };

/* xg_decision.failed_binding (rule A9) */
enum {
    XG_BINDING_NONE = 0,
    XG_BINDING_NODE = 1,
    XG_BINDING_NAME = 2,
    XG_BINDING_MESH = 3,
    XG_BINDING_TAG = 4,
    XG_BINDING_WORKLOAD = 5,
    XG_BINDING_ZONE = 6,
    XG_BINDING_SCOPE = 7,
    XG_BINDING_TYPE = 8
};

/* xg_decision.warnings: bits beside an allowed decision, for metrics and logs. */
enum {
    XG_WARN_LEGACY_ZONE_TOKEN = 1, /* admitted by a zone token while legacy_zone_tokens is "warn" */
    XG_WARN_EXPIRES_SOON = 2,      /* less than a day is left */
    XG_WARN_MESH_WIDE = 4,         /* bound to no Name, Workload or Tags */
    XG_WARN_NO_EXPIRY = 8,         /* no exp: not_after is INT64_MAX */
    XG_WARN_STALE_KEYS = 16,       /* the store's newer state is unusable: the last good set answered */
    XG_WARN_NO_WORKLOAD = 32       /* a dataplane token that is bound to no workload */
};

/* Scope bits of a zone token, for workload_for_scope. */
enum { XG_SCOPE_INGRESS = 1, XG_SCOPE_EGRESS = 2 };

/* xg_host.log levels */
enum { XG_LOG_ERROR = 0, XG_LOG_WARN = 1, XG_LOG_NOTICE = 2, XG_LOG_INFO = 3, XG_LOG_DEBUG = 4 };

/* xg_host.log event numbers: stable, as reasons are. */
enum {
    XG_EVENT_STORE_LOADED = 1,    /* a new snapshot serves */
    XG_EVENT_STORE_FAILED = 2,    /* the store could not be loaded; the last good snapshot serves */
    XG_EVENT_SET_REFUSED = 3,     /* one key set was refused; its last good state serves, if there is one */
    XG_EVENT_CLOCK_BACKWARDS = 4, /* the clock went back by more than a minute */
    XG_EVENT_STORE_REMARK = 5     /* something in the store is ignored; nothing is refused */
};

/* XG_REASON_OK and the rest: see reasons.def for number, text name, gRPC status and texts. */
enum {
#define XG_REASON(number, NAME, name, grpc, text, help) XG_REASON_##NAME = number,
#include "reasons.def"
#undef XG_REASON
    XG_REASON_LIMIT_ = 1000
};

/* A context: one configuration, one store, any number of threads. Plugin-owned. */
typedef struct xg_ctx xg_ctx;

/* Bytes borrowed for the duration of the call. No NUL needed; NULL is allowed only with length 0. */
typedef struct xg_str {
    const char *ptr;
    size_t len;
} xg_str;

typedef struct xg_tag {
    xg_str key;
    xg_str value;
} xg_tag;

/* One session that is no longer valid, and why. */
typedef struct xg_invalidation {
    uint64_t session;
    uint32_t reason;
    uint32_t reserved;
} xg_invalidation;

/*
 * What the host offers. Copied by create; may die afterwards. The functions must stay callable until destroy returned.
 *   cookie  passed back untouched; an integer, never dereferenced.
 *   log     may be NULL. msg is ASCII, not NUL-terminated, valid during the call only, free of secrets; control bytes
 *           are escaped. Must not call back into the plugin.
 *   on_session_invalidated  may be NULL: then requests that name a session are denied. n is at most 256; items are
 *           valid during the call only. Called from inside tick and reload only, with no lock held; each session once,
 *           perhaps before authenticate has returned. session_close and authenticate may be called from it.
 *   now     seconds since 1970-01-01T00:00:00Z; NULL means the system's wall clock.
 */
typedef struct xg_host {
    uint32_t struct_size;
    uint32_t abi; /* the version negotiated through xdsgate_plugin_query */
    uintptr_t cookie;
    void (*log)(uintptr_t cookie, uint32_t level, uint32_t event, const char *msg, size_t len);
    void (*on_session_invalidated)(uintptr_t cookie, const xg_invalidation *items, size_t n);
    int64_t (*now)(uintptr_t cookie);
} xg_host;

/*
 * One question: may this proxy, which presents this credential, connect? node_id, mesh, name and zone are UTF-8 without
 * control bytes; keys and values of tags and labels are compared byte for byte, each of at most 1024 bytes.
 *   session     the host's own stream id, unused so far; 0 = decide only. Needs on_session_invalidated. A newer token
 *               of the same proxy may be presented under the id of its live session, which then rests on that token.
 *   credential  the token's bytes as the peer sent them, no scheme prefix. Never logged.
 *   node_id     empty = not checked; else it must be "<mesh>.<name>".
 *   mesh, name  of the proxy's resource; both are needed for a Dataplane.
 *   zone        the control plane's own zone, for zone proxies; empty = the configured one. If both are given they
 *               must agree.
 *   tags        inbound and gateway tags of the resource; a key may repeat.
 *   labels      labels of the resource; kuma.io/workload is read here.
 */
typedef struct xg_request {
    uint32_t struct_size;
    uint32_t kind;
    uint32_t flags;
    uint32_t reserved;
    uint64_t session;
    xg_str credential;
    xg_str node_id;
    xg_str mesh;
    xg_str name;
    xg_str zone;
    const xg_tag *tags;
    size_t num_tags;
    const xg_tag *labels;
    size_t num_labels;
} xg_request;

/*
 * The answer. Caller-owned; the caller sets struct_size, the plugin writes no byte beyond it. Holds no pointer.
 *   outcome         1 = allowed; everything else is a denial.
 *   reason          XG_REASON_*; its class is number / 100.
 *   failed_binding  XG_BINDING_*: the first binding that failed, in the order of ABI.md.
 *   grpc_status     what to answer the peer, with XG_PEER_MESSAGE.
 *   warnings        XG_WARN_* bits.
 *   not_after       when allowed, the second from which the token is no longer valid; INT64_MAX if it never ends.
 *   generation      the policy snapshot that answered.
 *   token_id, kid   NUL-terminated; filled only once the signature held.
 *   text            NUL-terminated ASCII sentence for the operator; not for the peer.
 */
typedef struct xg_decision {
    uint32_t struct_size;
    uint32_t outcome;
    uint32_t reason;
    uint32_t failed_binding;
    uint32_t grpc_status;
    uint32_t warnings;
    int64_t not_after;
    uint64_t generation;
    uint16_t token_id_len;
    uint16_t kid_len;
    uint16_t text_len;
    uint16_t reserved;
    char token_id[128];
    char kid[64];
    char text[256];
} xg_decision;

/* Bits of xg_auth.features. */
#define XG_FEATURE_SESSIONS UINT64_C(1) /* xg_request.session is honoured */

/*
 * The table. `static const` inside the plugin: lives until unload, must not be written to.
 *
 * create             A new context from a host table and a configuration (JSON text, ABI.md). NULL on failure, with a
 *                    NUL-terminated sentence in err when err_cap > 0. Runs the self-test of rule A23.
 * authenticate       Decides; switches on req->kind. Returns 1 if and only if out->outcome is 1, else 0.
 * auth_dataplane     The same for dataplane tokens only: any other kind is a denial.
 * auth_zone_entity   The same for legacy zone tokens only: any other kind is a denial.
 * workload_for_scope The workload that replaces a zone token's scope: zone-proxy-<mesh>-<ingress|egress|all>. Writes a
 *                    NUL-terminated name of at most 63 bytes to out and returns XG_REASON_OK, else the reason, with
 *                    out an empty string if cap allows. Pure.
 * session_close      The stream is gone. Unknown ids are ignored. A session that was being told of at that moment may
 *                    still be told.
 * reload             Reads the store again, with config as the new configuration, or the present one if config is
 *                    empty. All or nothing: on failure the old state serves, the reason is returned and err says
 *                    why. XG_REASON_OK on success. A key set that is refused goes on with its last good state, and
 *                    err says so too; where the configuration names another store there is none, and reload fails.
 * tick               Follows the store and ends the sessions of expired tokens, at `now` seconds (0 = ask the clock;
 *                    negative is refused). Returns the next second at which it wants to be called, or a negative
 *                    reason number.
 * destroy            Frees and wipes the context. XG_REASON_BUSY, and nothing freed, while calls are in flight.
 */
typedef struct xg_auth {
    uint32_t struct_size;
    uint32_t abi;
    uint64_t features;
    xg_ctx *(*create)(const xg_host *host, xg_str config, char *err, size_t err_cap);
    uint32_t (*authenticate)(xg_ctx *ctx, const xg_request *req, xg_decision *out);
    uint32_t (*auth_dataplane)(xg_ctx *ctx, const xg_request *req, xg_decision *out);
    uint32_t (*auth_zone_entity)(xg_ctx *ctx, const xg_request *req, xg_decision *out);
    uint32_t (*workload_for_scope)(xg_str mesh, uint32_t scope_bits, char *out, size_t cap);
    void (*session_close)(xg_ctx *ctx, uint64_t session);
    uint32_t (*reload)(xg_ctx *ctx, xg_str config, char *err, size_t err_cap);
    int64_t (*tick)(xg_ctx *ctx, int64_t now);
    uint32_t (*destroy)(xg_ctx *ctx);
} xg_auth;

/* ---- xdsgate.stats/1: what an operator wants to know of a context. Optional: a host gets on without it. ---- */

/* xg_stats.flags */
enum {
    XG_STATS_STALE = 1,      /* not all that serves is what the store says now: a set is refused, or it is unreadable */
    XG_STATS_LOAD_FAILED = 2 /* the last reload, or the last tick that had something to load, failed */
};

#define XG_STATS_ERROR_SIZE 256

/*
 * The state of a context and its counters since create. Caller-owned; the caller sets struct_size, the plugin writes no
 * byte beyond it. Holds no pointer. Times are seconds since 1970-01-01T00:00:00Z by the context's clock.
 *   flags        XG_STATS_* bits; ignore those that you do not know.
 *   now          the clock at this call: now - loaded_at is the age of what serves.
 *   generation   the policy snapshot that serves.
 *   allowed      answers with outcome 1. denied: all others; denials() has them by reason.
 *   cache_*      of verified tokens. hits and misses: of decisions that came so far; entries: held now, at most
 *                capacity; evictions: entries that made room for others.
 *   sessions     live now, at most sessions_capacity. registered, moved (to a newer token of the same stream), closed
 *                (by session_close), invalidated (told to the host, in that many batches): since create.
 *   loads_ok     loads that went into service, that of create included; loads_failed: reloads and ticks that changed
 *                nothing, since they failed.
 *   loaded_at    the last of loads_ok. failed_at: of the last failure; 0 = there was none.
 *   meshes       that serve. keys: of all sets, retired ones included; revoked_ids: of all lists, without rules.
 *   sets_refused sets whose present state in the store is unusable: their last good state serves, or nothing does.
 *   failed_reason, error  of the last failure: a reload, a tick, or a set that was refused. The reason is 0 and the
 *                sentence empty if there was none; it stays when all is well again. NUL-terminated ASCII, no secrets.
 */
typedef struct xg_stats {
    uint32_t struct_size;
    uint32_t flags;
    int64_t now;
    uint64_t generation;
    uint64_t allowed;
    uint64_t denied;
    uint64_t cache_hits;
    uint64_t cache_misses;
    uint64_t cache_entries;
    uint64_t cache_capacity;
    uint64_t cache_evictions;
    uint64_t sessions;
    uint64_t sessions_capacity;
    uint64_t sessions_registered;
    uint64_t sessions_moved;
    uint64_t sessions_closed;
    uint64_t sessions_invalidated;
    uint64_t batches;
    uint64_t loads_ok;
    uint64_t loads_failed;
    int64_t loaded_at;
    int64_t failed_at;
    uint64_t meshes;
    uint64_t keys;
    uint64_t revoked_ids;
    uint64_t sets_refused;
    uint32_t failed_reason;
    uint16_t error_len;
    uint16_t reserved;
    char error[XG_STATS_ERROR_SIZE];
} xg_stats;

/* How often a reason denied. */
typedef struct xg_denial_count {
    uint32_t reason;
    uint32_t reserved;
    uint64_t count;
} xg_denial_count;

/*
 * The table of xdsgate.stats/1, constant as that of xdsgate.auth/1. For contexts which that one's create made. Any
 * thread at any time before destroy, on_session_invalidated included; not from log and now. Never waits for a reload.
 * What a call counts is in the counters once it has returned; what is read at once need not be of one instant.
 *
 * read     Fills *out. XG_REASON_OK, or the reason: XG_REASON_REQUEST_SIZE, and nothing written, if out is NULL or does
 *          not reach to the end of flags; otherwise, with out all zero as far as it reaches, XG_REASON_FORKED in a
 *          forked child, and XG_REASON_INTERNAL without a context.
 * denials  Every reason that has denied, with its count, by ascending number. Writes the first cap of them to out (may
 *          be NULL if cap is 0) and returns how many there are. 0 in a forked child and without a context.
 */
typedef struct xg_stats_table {
    uint32_t struct_size;
    uint32_t abi;
    uint64_t features; /* 0 */
    uint32_t (*read)(xg_ctx *ctx, xg_stats *out);
    size_t (*denials)(xg_ctx *ctx, xg_denial_count *out, size_t cap);
} xg_stats_table;

/*
 * The one export. Returns the table of interface `iface` for the newest version inside [abi_min, abi_max], or NULL.
 * *abi_have, if not NULL, receives the newest version the plugin has of that interface, also on refusal; 0 if it does
 * not know the interface. Pure: no allocation, no lock, no log; any thread, any number of times.
 */
XG_EXPORT const void *xdsgate_plugin_query(const char *iface, uint32_t abi_min, uint32_t abi_max, uint32_t *abi_have);

#ifdef __cplusplus
}
#endif

#endif /* XDSGATE_PLUGIN_H */
