/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_ledger_list.c: `xdsgate ledger list`: what was minted.
 *
 * Owns its flags and its help. Must never change the ledger. One thread.
 */
#include <jansson.h>

#include "ledger_view.h"

static const xg_flag FLAGS[] = {
    XG_LEDGER_VIEW_PLACE,
    XG_LEDGER_VIEW_FILTERS,
    {"live", NULL, "only tokens that have not expired", NULL, 0, false},
    XG_OUTPUT_FLAG("table (the default), json or yaml"),
};

static int run(const xg_args *args)
{
    xg_output_format format = XG_OUTPUT_TABLE;
    xg_ledger_view view;
    json_t *rows = NULL;
    if (!xg_output_pick(args, XG_OUTPUT_TABLE | XG_OUTPUT_JSON | XG_OUTPUT_YAML, XG_OUTPUT_TABLE, &format)) {
        return XG_EXIT_USAGE;
    }
    int code = xg_ledger_view_open(args, &view);
    if (code == XG_EXIT_OK) {
        view.filter.expires_after = xg_args_has(args, "live") ? view.now : 0;
        code = xg_ledger_view_gather(&view, &rows);
    }
    xg_ledger_view_close(&view);
    if (code == XG_EXIT_OK) {
        xg_ledger_view_print(&view, format, rows, "no tokens");
    }
    json_decref(rows);
    return code;
}

const xg_command XG_CMD_LEDGER_LIST = {
    .noun = "ledger",
    .verb = "list",
    .summary = "list the tokens that were minted",
    .usage = "(--authority DIR | --ledger FILE) [--mesh MESH] [--zone ZONE] [--kid KID]\n"
             "  [--workload WORKLOAD] [--name NAME] [--jti JTI] [--purpose dataplane|zone] [--origin ORIGIN]\n"
             "  [--live] [--limit N] [--now UNIX] [-o table|json|yaml]",
    .detail = "Shows the oldest first; with --limit the newest first. Filters are exact, and all of them must hold.\n"
              "The ledger knows tokens by jti and by SHA-256; it never held one.\n",
    .example = "  xdsgate ledger list --authority ./authority --mesh m1 --live\n",
    .flags = FLAGS,
    .num_flags = XG_ARRAY_LEN(FLAGS),
    .run = run,
};
