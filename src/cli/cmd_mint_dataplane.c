/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_mint_dataplane.c: `xdsgate mint dataplane`: a dataplane token, for services and for mesh-scoped zone proxies.
 *
 * Must never mint a token that would admit any proxy of its mesh unless --unbound says so.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mint_tags.h"
#include "minting.h"
#include "xdsgate/auth.h"

static const xg_flag FLAGS[] = {
    XG_MINTING_FLAGS,
    XG_OUTPUT_FLAG("token (default), json or yaml"),
    {"mesh", "NAME", "the mesh the proxy belongs to; required", NULL, 'm', false},
    {"name", "NAME", "bind to this Dataplane name", NULL, 0, false},
    {"workload", "NAME", "bind to this workload (label kuma.io/workload)", NULL, 0, false},
    {"role", "ROLE", "zone proxy: bind to workload zone-proxy-<mesh>-<ingress|egress|all>", NULL, 0, false},
    {"tag", "KEY=V1,V2", "bind to these tag values; once for each key", NULL, 0, true},
    {"type", "TYPE", "the Type claim (default: empty)", "proxy-type", 0, false},
    {"unbound", NULL, "allow a token without name, workload and tags: it admits every proxy of the mesh", NULL, 0,
     false},
};

typedef struct job {
    xg_minting minting;
    mint_tags tags;
    char workload[XG_WORKLOAD_SIZE];
} job;

static bool check_texts(const xg_args *args)
{
    return xg_args_check_text(args, "mesh", XG_MESH_NAME_MAX) && xg_args_check_text(args, "name", 253) &&
           xg_args_check_text(args, "workload", 253) && xg_args_check_text(args, "type", 63);
}

static bool fill_role(const xg_args *args, job *work)
{
    static const struct {
        const char *name;
        uint32_t bits;
    } ROLES[] = {
        {"ingress", XG_SCOPE_INGRESS}, {"egress", XG_SCOPE_EGRESS}, {"all", XG_SCOPE_INGRESS | XG_SCOPE_EGRESS}};
    const char *role = xg_args_value(args, "role");
    xg_mint_request *request = &work->minting.request;

    if (xg_args_has(args, "workload")) {
        xg_errors_summary("--role and --workload exclude each other");
        xg_errors_help("--role fills in the workload of a zone proxy");
        return false;
    }
    for (size_t i = 0; i < XG_ARRAY_LEN(ROLES); i++) {
        if (strcmp(role, ROLES[i].name) == 0) {
            xg_result result = xg_workload_for_scope(request->mesh, ROLES[i].bits, work->workload, XG_WORKLOAD_SIZE);
            if (!xg_is_ok(result)) {
                xg_errors_reason("--role: no workload name can be made from this mesh", NULL, result);
                return false;
            }
            request->workload = xg_str_of(work->workload);
            return true;
        }
    }
    xg_errors_summary("invalid --role value '%.40s'", role);
    xg_errors_help("roles: ingress, egress, all");
    return false;
}

static bool fill_tags(const xg_args *args, job *work)
{
    size_t cursor = 0;
    for (;;) {
        const char *value = xg_args_next(args, "tag", &cursor);
        if (value == NULL) {
            break;
        }
        if (!xg_mint_tags_add(&work->tags, value)) {
            return false;
        }
    }
    work->minting.request.tags = work->tags.tags;
    work->minting.request.num_tags = work->tags.num;
    return true;
}

static bool check_bound(const xg_args *args, const xg_mint_request *request)
{
    bool is_bound = request->name.len > 0 || request->workload.len > 0 || request->num_tags > 0;
    if (is_bound && xg_args_has(args, "unbound")) {
        xg_errors_summary("--unbound contradicts --name, --workload, --role and --tag");
        xg_errors_help("leave --unbound out: the token is bound");
        return false;
    }
    if (!is_bound && !xg_args_has(args, "unbound")) {
        xg_errors_summary("the token would be bound to no name, workload or tag");
        xg_errors_note("whoever holds it could connect as any proxy of the mesh");
        xg_errors_help("add --workload, --role, --name or --tag; or --unbound if that is what you want");
        return false;
    }
    return true;
}

static bool fill(const xg_args *args, job *work)
{
    static const char *const REQUIRED[] = {"mesh", "valid-for"};
    xg_mint_request *request = &work->minting.request;

    if (!xg_args_require(args, REQUIRED, XG_ARRAY_LEN(REQUIRED)) || !check_texts(args)) {
        return false;
    }
    request->kind = XG_TOKEN_DATAPLANE;
    request->mesh = xg_args_str(args, "mesh");
    request->name = xg_args_str(args, "name");
    request->workload = xg_args_str(args, "workload");
    request->type = xg_args_str(args, "type");
    if (request->mesh.len == 0) {
        xg_errors_summary("--mesh is empty");
        return false;
    }
    return (!xg_args_has(args, "role") || fill_role(args, work)) && fill_tags(args, work) && check_bound(args, request);
}

static int run(const xg_args *args)
{
    xg_custody_set set = {xg_args_value(args, "mesh"), false};
    int code = XG_EXIT_USAGE;
    job *work = calloc(1, sizeof(*work));
    if (work == NULL) {
        xg_errors_summary("memory ran out");
        return XG_EXIT_IO;
    }
    if (fill(args, work)) {
        code = xg_minting_begin(args, &set, &work->minting);
        if (code == XG_EXIT_OK) {
            code = xg_minting_finish(&work->minting);
        }
        xg_minting_done(&work->minting);
    }
    free(work);
    return code;
}

const xg_command XG_CMD_MINT_DATAPLANE = {
    .noun = "mint",
    .verb = "dataplane",
    .summary = "mint a dataplane token",
    .usage = "--mesh NAME --valid-for DURATION (--authority DIR | --key FILE --kid KID) [flags]",
    .detail =
        "Prints the token alone; a newline follows only on a terminal. Equal key, --jti and --now give equal bytes,\n"
        "the same that Kuma's own issuer would write.\n" XG_MINTING_DETAIL,
    .example =
        "  xdsgate mint dataplane --mesh payments-mesh --role all --valid-for 24h --authority ./authority > token\n"
        "  xdsgate mint dataplane --mesh default --name web-01 --tag kuma.io/service=web,web-api --valid-for 30d \\\n"
        "      --authority ./authority > token\n",
    .flags = FLAGS,
    .num_flags = XG_ARRAY_LEN(FLAGS),
    .run = run,
};
