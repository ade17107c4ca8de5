/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_generate_dataplane_token.c: `xdsgate generate dataplane-token`, in kumactl's spelling.
 *
 * Gives what kumactl gives, even a token that admits every proxy of a mesh; that it warns about.
 */
#include <stdlib.h>

#include "generate.h"
#include "xdsgate/keys.h"

static const xg_flag FLAGS[] = {
    {"mesh", "NAME", "the mesh the proxy belongs to (default: default)", NULL, 'm', true},
    {"name", "NAME", "bind to this Dataplane name", NULL, 0, true},
    {"tag", "KEY=V1,V2", "bind to these tag values", NULL, 0, true},
    {"workload", "NAME", "bind to this workload (label kuma.io/workload)", NULL, 0, true},
    {"proxy-type", "TYPE", "the Type claim (default: empty); --type is the old spelling", "type", 0, true},
    XG_GENERATE_TOKEN_FLAGS,
    XG_GENERATE_COMMON_FLAGS,
};

typedef struct job {
    xg_minting minting;
    xg_generate_tags tags;
} job;

/* "-m=NAME" reaches us with its '=', which kumactl takes off; no mesh is named so. */
static const char *mesh_of(const xg_args *args)
{
    const char *mesh = xg_generate_last(args, "mesh");
    mesh = mesh != NULL && mesh[0] == '=' ? mesh + 1 : mesh;
    return mesh != NULL && mesh[0] != '\0' ? mesh : "default";
}

static bool check_texts(const xg_args *args)
{
    return xg_generate_check_common(args) && xg_args_check_text(args, "mesh", XG_MESH_NAME_MAX) &&
           xg_args_check_text(args, "name", 253) && xg_args_check_text(args, "workload", 253) &&
           xg_args_check_text(args, "proxy-type", 63);
}

static bool fill(const xg_args *args, job *work)
{
    static const char *const REQUIRED[] = {"valid-for"};
    xg_mint_request *request = &work->minting.request;
    size_t cursor = 0;

    if (!xg_args_require(args, REQUIRED, XG_ARRAY_LEN(REQUIRED)) || !check_texts(args)) {
        return false;
    }
    for (;;) {
        const char *tag = xg_args_next(args, "tag", &cursor);
        if (tag == NULL) {
            break;
        }
        if (!xg_generate_lists_add_tag(&work->tags, tag)) {
            return false;
        }
    }
    request->kind = XG_TOKEN_DATAPLANE;
    request->mesh = xg_str_of(mesh_of(args));
    request->name = xg_str_of(xg_generate_last(args, "name"));
    request->workload = xg_str_of(xg_generate_last(args, "workload"));
    request->type = xg_str_of(xg_generate_last(args, "proxy-type"));
    request->tags = work->tags.tags;
    request->num_tags = work->tags.num;
    return true;
}

static int run(const xg_args *args)
{
    int code = XG_EXIT_USAGE;
    job *work = calloc(1, sizeof(*work));
    if (work == NULL) {
        xg_errors_summary("memory ran out");
        return XG_EXIT_IO;
    }
    if (fill(args, work)) {
        const xg_mint_request *request = &work->minting.request;
        bool is_bound = request->name.len > 0 || request->workload.len > 0 || request->num_tags > 0;
        code = xg_generate_token(args, &(xg_custody_set){mesh_of(args), false}, &work->minting);
        if (code == XG_EXIT_OK && !is_bound) {
            xg_errors_warning("the token is bound to no name, workload or tag: its holder can connect as any proxy of "
                              "the mesh");
        }
    }
    free(work);
    return code;
}

const xg_command XG_CMD_GENERATE_DATAPLANE_TOKEN = {
    .noun = "generate",
    .verb = "dataplane-token",
    .summary = "a dataplane token, in kumactl's spelling",
    .usage = "--valid-for DURATION --signing-key-path FILE --kid KID [flags]",
    .detail = XG_GENERATE_TOKEN_DETAIL
    "--tag may be repeated; given twice for one key, the later one counts. 'xdsgate mint dataplane' is the command\n"
    "with more care: it demands a binding.\n",
    .example = "  xdsgate generate dataplane-token --mesh demo --name web-01 --valid-for 24h \\\n"
               "      --signing-key-path /keys/key.pem --kid 1 > token\n",
    .flags = FLAGS,
    .num_flags = XG_ARRAY_LEN(FLAGS),
    .run = run,
};
