/* SPDX-License-Identifier: Apache-2.0 */
/*
 * adapter.c: from the ABI's structures to the engine and back.
 *
 * Owns the sizes: nothing beyond a structure's declared size is read or written. Must never decide anything: the first
 * thing it writes is a denial, the last thing is the engine's outcome. Any thread.
 */
#include <stddef.h>
#include <string.h>

#include "context.h"

#define DECISION_MIN (offsetof(xg_decision, reason) + sizeof(uint32_t)) /* rule A3 */

#define JUDGED_MAX 16 /* a store that changes more often than this during one call is no store */

static const uint32_t KINDS_ALL = XG_KINDS_DATAPLANE | XG_KINDS_ZONE;

/* Where each field of a decision ends: a field that the caller's structure holds only in part stays zero. */
#define END_OF(field) (offsetof(xg_decision, field) + sizeof(((xg_decision *)0)->field))
static const size_t FIELD_ENDS[] = {
    END_OF(text),      END_OF(kid),      END_OF(token_id),     END_OF(reserved),
    END_OF(text_len),  END_OF(kid_len),  END_OF(token_id_len), END_OF(generation),
    END_OF(not_after), END_OF(warnings), END_OF(grpc_status),  END_OF(failed_binding),
    END_OF(reason),
};

static size_t usable_size(uint32_t struct_size)
{
    size_t i = 0;
    while (FIELD_ENDS[i] > struct_size) { /* ends at DECISION_MIN, which the caller has checked */
        i++;
    }
    return FIELD_ENDS[i];
}

static void deny_first(xg_decision *out)
{
    size_t size = out->struct_size < sizeof(*out) ? out->struct_size : sizeof(*out);
    out->outcome = XG_OUTCOME_DENIED;
    out->reason = XG_REASON_INTERNAL;
    memset((char *)out + DECISION_MIN, 0, size - DECISION_MIN);
}

static void publish(const xg_decision *decision, xg_decision *out)
{
    const size_t start = offsetof(xg_decision, reason);
    memcpy((char *)out + start, (const char *)decision + start, usable_size(out->struct_size) - start);
    out->outcome = decision->outcome;
}

static void deny_without_engine(uint32_t reason, xg_decision *out)
{
    xg_decision denial = {.outcome = XG_OUTCOME_DENIED, .reason = reason};
    xg_finding nothing = {0};
    xg_text text;
    denial.grpc_status = xg_reason_find(reason)->grpc_status;
    xg_text_init(&text, denial.text, sizeof(denial.text));
    xg_explain(reason, &nothing, (xg_str){NULL, 0}, (xg_str){NULL, 0}, &text);
    denial.text_len = (uint16_t)text.len;
    publish(&denial, out);
}

/* From the plugin's own copy: the host's memory may change. Whatever is not allowed is a denial. */
static void count(xg_ctx *ctx, uint32_t outcome, uint32_t reason)
{
    uint32_t denied_by = reason != XG_REASON_OK ? reason : XG_REASON_INTERNAL;
    xg_counters_count_decision(xg_context_counters(ctx), outcome == XG_OUTCOME_ALLOWED ? XG_REASON_OK : denied_by);
}

/* Judged again when the state changed between the judgement and the registration of its session (rule A11). */
static void decide(xg_ctx *ctx, uint32_t kinds, const xg_request *req, xg_decision *out)
{
    xg_view view;
    xg_request request;
    xg_decision decision;
    memcpy(&request, req, sizeof(request));
    memset(&decision, 0, sizeof(decision));
    for (unsigned i = 0; i < JUDGED_MAX && (i == 0 || decision.reason == XG_REASON_SESSION_UNSETTLED); i++) {
        unsigned ticket = xg_context_look(ctx, &view);
        xg_engine_decide(&view, kinds, &request, &decision);
        xg_context_look_away(ctx, ticket);
    }
    count(ctx, decision.outcome, decision.reason);
    publish(&decision, out);
}

static uint32_t authenticate(xg_ctx *ctx, uint32_t kinds, const xg_request *req, xg_decision *out)
{
    unsigned ticket;
    if (out == NULL || out->struct_size < DECISION_MIN) {
        return 0;
    }
    deny_first(out);
    xg_result entered = xg_context_enter(ctx, &ticket);
    if (!xg_is_ok(entered)) {
        deny_without_engine(xg_result_reason(entered), out);
        return 0;
    }
    if (req == NULL || req->struct_size < sizeof(*req)) {
        deny_without_engine(XG_REASON_REQUEST_SIZE, out);
        count(ctx, XG_OUTCOME_DENIED, XG_REASON_REQUEST_SIZE);
    } else {
        decide(ctx, kinds, req, out);
    }
    xg_context_leave(ctx, ticket);
    return out->outcome == XG_OUTCOME_ALLOWED ? 1 : 0;
}

uint32_t xg_adapter_authenticate(xg_ctx *ctx, const xg_request *req, xg_decision *out)
{
    return authenticate(ctx, KINDS_ALL, req, out);
}

uint32_t xg_adapter_auth_dataplane(xg_ctx *ctx, const xg_request *req, xg_decision *out)
{
    return authenticate(ctx, XG_KINDS_DATAPLANE, req, out);
}

uint32_t xg_adapter_auth_zone_entity(xg_ctx *ctx, const xg_request *req, xg_decision *out)
{
    return authenticate(ctx, XG_KINDS_ZONE, req, out);
}

uint32_t xg_adapter_workload_for_scope(xg_str mesh, uint32_t scope_bits, char *out, size_t cap)
{
    return xg_result_reason(xg_workload_for_scope(mesh, scope_bits, out, cap));
}
