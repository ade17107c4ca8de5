/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token_view.h: what is inside a token, for showing. Room: src/cli.
 *
 * Everything here is what the token says of itself. Whether its signature holds is for others to find out; what is
 * taken from here may shape a question to the plugin, never an answer. Thread rule: one thread.
 */
#ifndef XDSGATE_TOKEN_VIEW_H
#define XDSGATE_TOKEN_VIEW_H

#include "cli.h"

/* Slices point into it: keep it on the stack of one call, do not copy it. Release with xg_token_view_done. */
typedef struct xg_token_view {
    xg_jws jws;
    struct json_t *header; /* as the bytes read, with nothing demanded of them; NULL when there is no such object */
    struct json_t *claims;
    bool has_duplicates; /* some member stands twice: the last one is shown */
    xg_token_kind kind;  /* by the members of the claims; 0 if it is neither of ours */
    /* What the plugin's own readers make of it. The claims are read as those of kind, or of the nearest kind. */
    xg_result header_result;
    xg_header strict_header;
    xg_result claims_result;
    xg_claims strict_claims;
    char claims_field[XG_CLAIM_FIELD_SIZE]; /* which claim is refused */
    /* Why there is no header or no claims, and where. */
    char where[160];
    char note[256];
} xg_token_view;

/* Reads the token that --token-file or the operand names; stdin without either. Reports. */
int xg_token_view_read(const xg_args *args, xg_secret *ret_token);

/* OK if header and claims can be shown; else CREDENTIAL_*, HEADER_JSON or CLAIMS_JSON, with where and note filled in.
 * To be released on failure too. */
xg_result xg_token_view_open(xg_str token, xg_token_view *view);
void xg_token_view_done(xg_token_view *view);

/* "dataplane", "zone" or "other". */
const char *xg_token_view_kind_name(const xg_token_view *view);
/* A claim that is a string, else empty: of whatever the token says. */
xg_str xg_token_view_text(const xg_token_view *view, const char *claim);
/* "expires in 3h2m", "expired 2d ago": prefix future or past, then how far seconds lies from now. */
void xg_token_view_relative(int64_t seconds, int64_t now, const char *future, const char *past, xg_text *text);

/*
 * What stands between the token and profile `strict`, each as an object with the members number (null if it is no
 * reason of the plugin's), name and text. NULL when memory ran out.
 */
struct json_t *xg_token_view_findings(const xg_token_view *view);

#endif /* XDSGATE_TOKEN_VIEW_H */
