/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_mint_zone.c: `xdsgate mint zone`: a legacy zone token, for ZoneIngress and ZoneEgress.
 */
#include <stdio.h>
#include <string.h>

#include "minting.h"
#include "xdsgate/keys.h"

#define SCOPES_MAX 8

static const xg_flag FLAGS[] = {
    XG_MINTING_FLAGS,
    XG_OUTPUT_FLAG("token (default), json or yaml"),
    {"zone", "NAME", "the zone the proxies belong to; required", NULL, 0, false},
    {"scope", "S[,S]", "ingress, egress or both (default: ingress,egress)", NULL, 0, true},
};

typedef struct scope_list {
    xg_str items[SCOPES_MAX];
    size_t num;
} scope_list;

static bool add_scope(scope_list *scopes, xg_str scope)
{
    if (!xg_str_eq(scope, XG_STR("ingress")) && !xg_str_eq(scope, XG_STR("egress"))) {
        xg_errors_summary("invalid --scope value '%.*s'", (int)(scope.len < 40 ? scope.len : 40), scope.ptr);
        xg_errors_help("supported scopes: ingress, egress");
        return false;
    }
    for (size_t i = 0; i < scopes->num; i++) {
        if (xg_str_eq(scopes->items[i], scope)) {
            xg_errors_summary("--scope names '%.*s' twice", (int)scope.len, scope.ptr);
            return false;
        }
    }
    scopes->items[scopes->num++] = scope;
    return true;
}

/* kumactl takes lists and repeats: both add up. */
static bool parse_scopes(const xg_args *args, scope_list *scopes)
{
    size_t cursor = 0;
    if (!xg_args_has(args, "scope")) {
        return add_scope(scopes, XG_STR("ingress")) && add_scope(scopes, XG_STR("egress"));
    }
    for (;;) {
        const char *list = xg_args_next(args, "scope", &cursor);
        if (list == NULL) {
            return true;
        }
        for (;;) {
            size_t len = strcspn(list, ",");
            if (!add_scope(scopes, (xg_str){list, len})) {
                return false;
            }
            if (list[len] == '\0') {
                break;
            }
            list += len + 1;
        }
    }
}

static int run(const xg_args *args)
{
    static const char *const REQUIRED[] = {"zone", "valid-for"};
    scope_list scopes = {0};
    xg_minting minting = {.request = {.kind = XG_TOKEN_ZONE, .zone = xg_args_str(args, "zone")}};

    if (!xg_args_require(args, REQUIRED, XG_ARRAY_LEN(REQUIRED)) ||
        !xg_args_check_text(args, "zone", XG_MESH_NAME_MAX) || !parse_scopes(args, &scopes)) {
        return XG_EXIT_USAGE;
    }
    if (minting.request.zone.len == 0) {
        xg_errors_summary("--zone is empty");
        xg_errors_note("a zone token without a zone would serve in every zone");
        return XG_EXIT_USAGE;
    }
    minting.request.scopes = scopes.items;
    minting.request.num_scopes = scopes.num;
    int code = xg_minting_begin(args, &(xg_custody_set){NULL, false}, &minting);
    if (code == XG_EXIT_OK) {
        code = xg_minting_finish(&minting);
    }
    xg_minting_done(&minting);
    return code;
}

const xg_command XG_CMD_MINT_ZONE = {
    .noun = "mint",
    .verb = "zone",
    .summary = "mint a zone token (legacy: ZoneIngress and ZoneEgress)",
    .usage = "--zone NAME --valid-for DURATION (--authority DIR | --key FILE --kid KID) [flags]",
    .detail =
        "Prints the token alone; a newline follows only on a terminal. Zone proxies that run as Dataplanes need a\n"
        "dataplane token instead: xdsgate mint dataplane --role ROLE.\n" XG_MINTING_DETAIL,
    .example = "  xdsgate mint zone --zone east --scope ingress --valid-for 24h --authority ./authority > token\n",
    .flags = FLAGS,
    .num_flags = XG_ARRAY_LEN(FLAGS),
    .run = run,
};
