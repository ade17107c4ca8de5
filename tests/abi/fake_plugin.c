/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_plugin.c: a plugin that answers what its configuration says; for tests of hosts, which then need no keys.
 *
 * The configuration is words: allow | undecided | deny=<reason> | not-after=<seconds> | invalidate=<n> (of every tick)
 * | log=<n> (of every create) | next=<seconds> (what tick returns) | reload=<reason> | lie (returns 1 for a denial)
 * | fail-create. "allow" alone admits every request; the default is deny=900. Sessions count upwards from 1.
 *
 * Variants for tests of loaders, chosen when it is compiled: FAKE_ABI, FAKE_IFACE, FAKE_TABLE_SIZE, FAKE_LARGER (a
 * table of a later minor, with one slot more), FAKE_NULL_SLOT (index of a slot that is NULL), FAKE_LAWLESS (hands out
 * its table whatever range was asked for), FAKE_STATS (version of an xdsgate.stats/1 that answers nothing) with
 * FAKE_STATS_SIZE and FAKE_STATS_NULL (index of a slot that is NULL). Thread rule: any thread, except destroy.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "xdsgate_plugin.h"

#ifndef FAKE_ABI
#define FAKE_ABI XG_ABI_CURRENT
#endif
#ifndef FAKE_IFACE
#define FAKE_IFACE XG_IFACE_AUTH
#endif
#ifndef FAKE_LAWLESS
#define FAKE_LAWLESS 0
#endif

#define BATCH 256

struct xg_ctx {
    xg_host host;
    uint32_t outcome;
    uint32_t reason;
    uint32_t invalidate;
    uint32_t reload_reason;
    int64_t not_after;
    int64_t next;
    bool lies;
};

static bool next_word(xg_str *rest, xg_str *ret_word)
{
    while (rest->len > 0 && *rest->ptr == ' ') {
        rest->ptr++;
        rest->len--;
    }
    *ret_word = (xg_str){rest->ptr, 0};
    while (rest->len > 0 && *rest->ptr != ' ') {
        ret_word->len++;
        rest->ptr++;
        rest->len--;
    }
    return ret_word->len > 0;
}

/* True if word is name, or begins with name when that ends in '='; then *ret_value is the number after it. */
static bool is_word(xg_str word, const char *name, int64_t *ret_value)
{
    size_t len = strlen(name);
    bool has_value = name[len - 1] == '=';
    if (word.len < len || memcmp(word.ptr, name, len) != 0 || (!has_value && word.len != len)) {
        return false;
    }
    *ret_value = 0;
    for (size_t i = len; i < word.len && word.ptr[i] >= '0' && word.ptr[i] <= '9'; i++) {
        *ret_value = *ret_value * 10 + (word.ptr[i] - '0');
    }
    return true;
}

static void log_some(const xg_host *host, int64_t count)
{
    static const char message[] = "fake: loaded";
    for (int64_t i = 0; host->log != NULL && i < count; i++) {
        host->log(host->cookie, XG_LOG_INFO, XG_EVENT_STORE_LOADED, message, sizeof(message) - 1);
    }
}

/* False if the word is unknown or says that create shall fail. */
static bool apply_word(xg_ctx *ctx, xg_str word)
{
    int64_t value = 0;
    if (is_word(word, "allow", &value)) {
        ctx->outcome = XG_OUTCOME_ALLOWED;
        ctx->reason = XG_REASON_OK;
    } else if (is_word(word, "undecided", &value)) {
        ctx->outcome = XG_OUTCOME_UNDECIDED;
    } else if (is_word(word, "deny=", &value)) {
        ctx->outcome = XG_OUTCOME_DENIED;
        ctx->reason = (uint32_t)value;
    } else if (is_word(word, "not-after=", &value)) {
        ctx->not_after = value;
    } else if (is_word(word, "invalidate=", &value)) {
        ctx->invalidate = (uint32_t)value;
    } else if (is_word(word, "log=", &value)) {
        log_some(&ctx->host, value);
    } else if (is_word(word, "next=", &value)) {
        ctx->next = value;
    } else if (is_word(word, "reload=", &value)) {
        ctx->reload_reason = (uint32_t)value;
    } else if (is_word(word, "lie", &value)) {
        ctx->lies = true;
    } else {
        return false;
    }
    return true;
}

static void say(char *err, size_t err_cap, const char *sentence)
{
    if (err != NULL && err_cap > 0) {
        err[0] = '\0';
        strncat(err, sentence, err_cap - 1);
    }
}

static xg_ctx *create(const xg_host *host, xg_str config, char *err, size_t err_cap)
{
    say(err, err_cap, "");
    xg_ctx *ctx = host != NULL && host->struct_size >= sizeof(xg_host) ? calloc(1, sizeof(*ctx)) : NULL;
    if (ctx == NULL) {
        say(err, err_cap, "fake: no host, or no memory");
        return NULL;
    }
    ctx->host = *host;
    ctx->reason = XG_REASON_INTERNAL;
    xg_str word;
    while (next_word(&config, &word)) {
        if (!apply_word(ctx, word)) {
            say(err, err_cap, "fake: the configuration says to fail, or is not understood");
            free(ctx);
            return NULL;
        }
    }
    return ctx;
}

static void copy_text(char *target, size_t cap, uint16_t *ret_len, const char *text)
{
    size_t len = strlen(text) < cap ? strlen(text) : cap - 1;
    memcpy(target, text, len);
    target[len] = '\0';
    *ret_len = (uint16_t)len;
}

static uint32_t authenticate(xg_ctx *ctx, const xg_request *req, xg_decision *out)
{
    if (ctx == NULL || req == NULL || out == NULL ||
        out->struct_size < offsetof(xg_decision, reason) + sizeof(out->reason)) {
        return 0;
    }
    size_t size = out->struct_size < sizeof(*out) ? out->struct_size : sizeof(*out);
    xg_decision decision = {.struct_size = out->struct_size, .outcome = ctx->outcome, .reason = ctx->reason};
    decision.generation = 1;
    if (ctx->outcome == XG_OUTCOME_ALLOWED) {
        decision.not_after = ctx->not_after;
        copy_text(decision.token_id, sizeof(decision.token_id), &decision.token_id_len, "fake-token");
        copy_text(decision.kid, sizeof(decision.kid), &decision.kid_len, "fake-key");
    } else {
        decision.grpc_status = 16;
    }
    copy_text(decision.text, sizeof(decision.text), &decision.text_len, "fake: as configured");
    memcpy(out, &decision, size);
    return ctx->lies || ctx->outcome == XG_OUTCOME_ALLOWED ? 1 : 0;
}

static uint32_t workload_for_scope(xg_str mesh, uint32_t scope_bits, char *out, size_t cap)
{
    static const char *const roles[] = {"", "ingress", "egress", "all"};
    say(out, cap, "");
    if (scope_bits < 1 || scope_bits > 3) {
        return XG_REASON_WORKLOAD_SCOPE;
    }
    if (mesh.len > 44 || mesh.len == 0) {
        return XG_REASON_WORKLOAD_MESH;
    }
    if (cap < 64) {
        return XG_REASON_WORKLOAD_SPACE;
    }
    say(out, cap, "zone-proxy-");
    strncat(out, mesh.ptr, mesh.len);
    strncat(out, "-", 2);
    strncat(out, roles[scope_bits], cap - strlen(out) - 1);
    return XG_REASON_OK;
}

static void session_close(xg_ctx *ctx, uint64_t session)
{
    (void)ctx;
    (void)session;
}

static uint32_t reload(xg_ctx *ctx, xg_str config, char *err, size_t err_cap)
{
    (void)config;
    say(err, err_cap, ctx->reload_reason != 0 ? "fake: the configuration says so" : "");
    return ctx->reload_reason;
}

static int64_t tick(xg_ctx *ctx, int64_t now)
{
    (void)now;
    uint64_t session = 1;
    for (uint32_t left = ctx->invalidate; left > 0 && ctx->host.on_session_invalidated != NULL;) {
        xg_invalidation items[BATCH];
        uint32_t n = left < BATCH ? left : BATCH;
        for (uint32_t i = 0; i < n; i++) {
            items[i] = (xg_invalidation){.session = session++, .reason = XG_REASON_REVOKED_JTI};
        }
        ctx->host.on_session_invalidated(ctx->host.cookie, items, n);
        left -= n;
    }
    return ctx->next;
}

static uint32_t destroy(xg_ctx *ctx)
{
    free(ctx);
    return XG_REASON_OK;
}

/* A later minor: the table of today and a slot that today's host does not know. */
typedef struct larger_table {
    xg_auth auth;
    void (*slot_of_tomorrow)(void);
} larger_table;

#ifndef FAKE_TABLE_SIZE
#ifdef FAKE_LARGER
#define FAKE_TABLE_SIZE sizeof(larger_table)
#else
#define FAKE_TABLE_SIZE sizeof(xg_auth)
#endif
#endif

#ifndef FAKE_NULL_SLOT
#define FAKE_NULL_SLOT 99
#endif
#define SLOT(index, function) ((index) == FAKE_NULL_SLOT ? NULL : (function))

static const larger_table table = {
    .auth =
        {
            .struct_size = FAKE_TABLE_SIZE,
            .abi = FAKE_ABI,
            .create = SLOT(0, create),
            .authenticate = SLOT(1, authenticate),
            .auth_dataplane = SLOT(2, authenticate),
            .auth_zone_entity = SLOT(3, authenticate),
            .workload_for_scope = SLOT(4, workload_for_scope),
            .session_close = SLOT(5, session_close),
            .reload = SLOT(6, reload),
            .tick = SLOT(7, tick),
            .destroy = SLOT(8, destroy),
        },
};

#ifdef FAKE_STATS
#ifndef FAKE_STATS_SIZE
#define FAKE_STATS_SIZE sizeof(xg_stats_table)
#endif
#ifndef FAKE_STATS_NULL
#define FAKE_STATS_NULL 99
#endif
#define STATS_SLOT(index, function) ((index) == FAKE_STATS_NULL ? NULL : (function))

static uint32_t read_stats(xg_ctx *ctx, xg_stats *out)
{
    (void)ctx;
    (void)out;
    return XG_REASON_INTERNAL;
}

static size_t count_denials(xg_ctx *ctx, xg_denial_count *out, size_t cap)
{
    (void)ctx;
    (void)out;
    (void)cap;
    return 0;
}

static const xg_stats_table stats_table = {
    .struct_size = FAKE_STATS_SIZE,
    .abi = FAKE_STATS,
    .read = STATS_SLOT(0, read_stats),
    .denials = STATS_SLOT(1, count_denials),
};
#endif

/* What this plugin has of an interface, and of which version; NULL if it does not know it. */
static const void *find_table(const char *iface, uint32_t *ret_abi)
{
    if (iface != NULL && strcmp(iface, FAKE_IFACE) == 0) {
        *ret_abi = FAKE_ABI;
        return &table;
    }
#ifdef FAKE_STATS
    if (iface != NULL && strcmp(iface, XG_IFACE_STATS) == 0) {
        *ret_abi = FAKE_STATS;
        return &stats_table;
    }
#endif
    *ret_abi = 0;
    return NULL;
}

const void *xdsgate_plugin_query(const char *iface, uint32_t abi_min, uint32_t abi_max, uint32_t *abi_have)
{
    uint32_t abi = 0;
    const void *found = find_table(iface, &abi);
    if (abi_have != NULL) {
        *abi_have = abi;
    }
    return (abi_min <= abi && abi <= abi_max) || FAKE_LAWLESS ? found : NULL;
}
