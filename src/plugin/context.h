/* SPDX-License-Identifier: Apache-2.0 */
/*
 * context.h: the inside of xg_ctx, for this room alone.
 *
 * context.c owns what lives as long as the context (store, state, locks); adapter.c turns requests into decisions with
 * it.
 */
#ifndef XDSGATE_PLUGIN_CONTEXT_H
#define XDSGATE_PLUGIN_CONTEXT_H

#include "counters.h"
#include "xdsgate/auth.h"

/* What every call begins with: OK and a ticket to leave with, or the reason why this context cannot serve it (FORKED,
 * INTERNAL for NULL). */
xg_result xg_context_enter(xg_ctx *ctx, unsigned *ret_ticket) XG_MUST_USE;
/* Ends a call that xg_context_enter let in. */
void xg_context_leave(xg_ctx *ctx, unsigned ticket);

/* Fills *ret_view with the present state, which stays until the ticket is given back. Asks the clock first: inside,
 * nothing may call the host or wait, since a reload waits for it. */
unsigned xg_context_look(xg_ctx *ctx, xg_view *ret_view) XG_MUST_USE;
void xg_context_look_away(xg_ctx *ctx, unsigned ticket);

/* What this context counts. Never NULL once create has returned. */
xg_counters *xg_context_counters(xg_ctx *ctx);
/* Fills in zeroed stats. Raises no high mark of the clock and says nothing: who watches changes nothing. */
void xg_context_describe(xg_ctx *ctx, xg_stats *stats);

/* The slots of the table that context.c implements. */
xg_ctx *xg_context_create(const xg_host *host, xg_str config, char *err, size_t err_cap);
uint32_t xg_context_reload(xg_ctx *ctx, xg_str config, char *err, size_t err_cap);
int64_t xg_context_tick(xg_ctx *ctx, int64_t now);
void xg_context_session_close(xg_ctx *ctx, uint64_t session);
uint32_t xg_context_destroy(xg_ctx *ctx);

/* The slots that adapter.c implements. */
uint32_t xg_adapter_authenticate(xg_ctx *ctx, const xg_request *req, xg_decision *out);
uint32_t xg_adapter_auth_dataplane(xg_ctx *ctx, const xg_request *req, xg_decision *out);
uint32_t xg_adapter_auth_zone_entity(xg_ctx *ctx, const xg_request *req, xg_decision *out);
uint32_t xg_adapter_workload_for_scope(xg_str mesh, uint32_t scope_bits, char *out, size_t cap);

/* The slots of the second table, which stats.c implements. */
uint32_t xg_stats_read(xg_ctx *ctx, xg_stats *out);
size_t xg_stats_denials(xg_ctx *ctx, xg_denial_count *out, size_t cap);

/* selftest.c, rule A23. Providers first: before anything of the libraries is called. SELF_TEST with a sentence in
 * reterr, or what making the test key failed with. */
xg_result xg_selftest_check_providers(xg_text *reterr) XG_MUST_USE;
xg_result xg_selftest_check_answers(xg_crypto *crypto, xg_text *reterr) XG_MUST_USE;

#endif /* XDSGATE_PLUGIN_CONTEXT_H */
