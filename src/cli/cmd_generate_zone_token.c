/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_generate_zone_token.c: `xdsgate generate zone-token`, in kumactl's spelling.
 *
 * Gives what kumactl gives, even a token without a zone or without scopes; those it warns about.
 */
#include "generate.h"
#include "xdsgate/keys.h"

static const xg_flag FLAGS[] = {
    {"zone", "NAME", "the zone the proxies belong to; required", NULL, 0, true},
    {"scope", "S[,S]", "ingress, egress or both (default: ingress,egress)", NULL, 0, true},
    XG_GENERATE_TOKEN_FLAGS,
    XG_GENERATE_COMMON_FLAGS,
};

static bool fill_scopes(const xg_args *args, xg_generate_scopes *scopes)
{
    size_t cursor = 0;
    if (!xg_args_has(args, "scope")) {
        return xg_generate_lists_add_scopes(scopes, "ingress,egress");
    }
    for (;;) {
        const char *list = xg_args_next(args, "scope", &cursor);
        if (list == NULL) {
            return true;
        }
        if (!xg_generate_lists_add_scopes(scopes, list)) {
            return false;
        }
    }
}

static void warn_if_odd(xg_str zone, size_t num_scopes)
{
    if (zone.len == 0) {
        xg_errors_warning("--zone is empty: the token serves in every zone");
    }
    if (num_scopes == 0) {
        xg_errors_warning("--scope is empty: the token serves neither ingress nor egress");
    }
}

static int run(const xg_args *args)
{
    static const char *const REQUIRED[] = {"zone", "valid-for"};
    xg_generate_scopes scopes = {0};
    xg_minting minting = {0};

    if (!xg_args_require(args, REQUIRED, XG_ARRAY_LEN(REQUIRED)) || !xg_generate_check_common(args) ||
        !xg_args_check_text(args, "zone", XG_MESH_NAME_MAX) || !fill_scopes(args, &scopes)) {
        return XG_EXIT_USAGE;
    }
    xg_str zone = xg_str_of(xg_generate_last(args, "zone"));
    minting.request.kind = XG_TOKEN_ZONE;
    minting.request.zone = zone;
    minting.request.scopes = scopes.items;
    minting.request.num_scopes = scopes.num;
    int code = xg_generate_token(args, &(xg_custody_set){NULL, false}, &minting);
    if (code == XG_EXIT_OK) {
        warn_if_odd(zone, scopes.num);
    }
    return code;
}

const xg_command XG_CMD_GENERATE_ZONE_TOKEN = {
    .noun = "generate",
    .verb = "zone-token",
    .summary = "a zone token, in kumactl's spelling",
    .usage = "--zone NAME --valid-for DURATION --signing-key-path FILE --kid KID [flags]",
    .detail = XG_GENERATE_TOKEN_DETAIL "--scope may be repeated, which adds up.\n",
    .example = "  xdsgate generate zone-token --zone east --scope ingress --valid-for 24h \\\n"
               "      --signing-key-path /keys/key.pem --kid 1 > token\n",
    .flags = FLAGS,
    .num_flags = XG_ARRAY_LEN(FLAGS),
    .run = run,
};
