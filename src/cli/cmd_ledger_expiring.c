/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_ledger_expiring.c: `xdsgate ledger expiring`: what has to be minted again soon.
 *
 * Owns its flags and its help. Must never change the ledger. One thread.
 */
#include <jansson.h>

#include "ledger_view.h"

#define NANOS_PER_SECOND 1000000000

static const xg_flag FLAGS[] = {
    XG_LEDGER_VIEW_PLACE,
    {"within", "DURATION", "how far to look ahead: 12h, 90d (default: 7d)", NULL, 0, false},
    {"check", NULL, "exit with 1 if there is any", NULL, 0, false},
    XG_LEDGER_VIEW_FILTERS,
    XG_OUTPUT_FLAG("table (the default), json or yaml"),
};

static bool read_within(const xg_args *args, int64_t *ret_seconds)
{
    int64_t nanos = 0;
    const char *within = xg_args_value(args, "within");
    if (!xg_duration_parse(xg_str_of(within != NULL ? within : "7d"), &nanos)) {
        xg_errors_summary("--within is not a duration");
        xg_errors_help("write a number with its unit, like 12h, 1h30m or 90d");
        return false;
    }
    if (nanos < NANOS_PER_SECOND) {
        xg_errors_summary("--within is shorter than a second");
        xg_errors_help("give how far to look ahead, like 12h or 90d; 'xdsgate ledger list' shows what has expired");
        return false;
    }
    *ret_seconds = nanos / NANOS_PER_SECOND;
    return true;
}

static int gather(xg_ledger_view *view, int64_t within, json_t **ret_rows)
{
    view->filter.is_by_expiry = true;
    view->filter.expires_after = view->now;
    if (__builtin_add_overflow(view->now, within, &view->filter.expires_before)) {
        view->filter.expires_before = INT64_MAX;
    }
    return xg_ledger_view_gather(view, ret_rows);
}

static int run(const xg_args *args)
{
    xg_output_format format = XG_OUTPUT_TABLE;
    int64_t within = 0;
    xg_ledger_view view;
    json_t *rows = NULL;
    if (!xg_output_pick(args, XG_OUTPUT_TABLE | XG_OUTPUT_JSON | XG_OUTPUT_YAML, XG_OUTPUT_TABLE, &format) ||
        !read_within(args, &within)) {
        return XG_EXIT_USAGE;
    }
    int code = xg_ledger_view_open(args, &view);
    if (code == XG_EXIT_OK) {
        code = gather(&view, within, &rows);
    }
    xg_ledger_view_close(&view);
    if (code == XG_EXIT_OK) {
        xg_ledger_view_print(&view, format, rows, "no token expires in that time");
        code = xg_args_has(args, "check") && json_array_size(rows) > 0 ? XG_EXIT_NO : XG_EXIT_OK;
    }
    json_decref(rows);
    return code;
}

const xg_command XG_CMD_LEDGER_EXPIRING = {
    .noun = "ledger",
    .verb = "expiring",
    .summary = "list the tokens that expire soon, the next one first",
    .usage = "(--authority DIR | --ledger FILE) [--within DURATION] [--check] [--mesh MESH]\n"
             "  [--zone ZONE] [--kid KID] [--workload WORKLOAD] [--name NAME] [--jti JTI]\n"
             "  [--purpose dataplane|zone] [--origin ORIGIN] [--limit N] [--now UNIX] [-o table|json|yaml]",
    .detail = "Shows live tokens alone. The exit code is 0 whether there are any or not; with --check, for cron and\n"
              "monitoring, it is 1 if there are.\n",
    .example = "  xdsgate ledger expiring --authority ./authority --within 30d --check\n",
    .flags = FLAGS,
    .num_flags = XG_ARRAY_LEN(FLAGS),
    .run = run,
};
