/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decision_view.h: a decision of the plugin as a person reads it. Room: src/cli.
 *
 * decision_view.c prints, decision_rows.c says how far the decision came, row by row. Neither decides anything: what
 * the plugin answered is what is shown. Thread rule: one thread.
 */
#ifndef XDSGATE_DECISION_VIEW_H
#define XDSGATE_DECISION_VIEW_H

#include "cli.h"

/* ---- decision_rows.c ---- */

/* The checks in the order in which the plugin makes them: one row of the table that `try` prints, or several. */
typedef enum xg_decision_stage {
    XG_STAGE_UNKNOWN = 0, /* no row alone can fail so: internal reasons, and those of a newer plugin */
    XG_STAGE_REQUEST,
    XG_STAGE_NODE,
    XG_STAGE_TOKEN,
    XG_STAGE_HEADER,
    XG_STAGE_TRUST,
    XG_STAGE_KEY,
    XG_STAGE_SIGNATURE,
    XG_STAGE_CLAIMS,
    XG_STAGE_TIMES,
    XG_STAGE_REVOKED,
    XG_STAGE_POLICY,
    XG_STAGE_BINDINGS,
    XG_STAGE_SESSION,
    XG_STAGE_NEVER, /* not a reason of a decision: a key file, a configuration, a misuse of the plugin */
    XG_STAGE_NONE   /* nothing failed */
} xg_decision_stage;

/* Which check gives a reason. */
xg_decision_stage xg_decision_rows_stage(uint32_t reason);
/* What that check is, in a few words; and its number in the order of the decision (ABI.md), 0 if it has none. */
const char *xg_decision_rows_title(xg_decision_stage stage);
unsigned xg_decision_rows_number(xg_decision_stage stage);

/*
 * A decision as an array of objects with the strings binding, expected, presented and verdict ("ok", "FAILED", "not
 * checked", "not bound", "not reached"), in the order of the decision. A denial has exactly one FAILED row: nothing
 * before it failed, and nothing behind it was looked at; an admission has none. What the token says is shown only if
 * the decision proves that its signature held. policy may be NULL. NULL when memory ran out.
 */
struct json_t *xg_decision_rows_new(const xg_decision *decision, const xg_request *request,
                                    const struct xg_policy *policy, int64_t now);

/* ---- decision_view.c ---- */

/* In words, with the rows as a table before the sentence; rows may be NULL. The first line is the outcome. */
void xg_decision_view_print(const xg_decision *decision, const struct json_t *rows);
/* The members of xg_output_decision behind the schema, then until, warnings and, unless NULL, rows (its reference is
 * taken over). NULL when memory ran out. */
struct json_t *xg_decision_view_document(const char *schema, const xg_decision *decision, struct json_t *rows);

#endif /* XDSGATE_DECISION_VIEW_H */
