/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_try.c: `xdsgate try`: what xdsgate.so would answer, before a control plane asks it.
 *
 * The token comes from a file or stdin, never from an argument. Must never decide anything itself. One thread.
 */
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "decision_view.h"

static const xg_flag FLAGS[] = {
    {"store", "DIR", "the key store to decide with", NULL, 0, false},
    {"profile", "NAME", "strict, kuma-3.0, kuma-2.14, kuma-2.13 or kuma-2.12 (default: strict)", NULL, 0, false},
    {"zone", "NAME", "the control plane's own zone, which zone tokens are checked against", NULL, 0, false},
    {"config", "FILE", "the plugin's configuration in JSON, instead of the three above", NULL, 0, false},
    {"now", "UNIX", "decide as if it were this time", NULL, 0, false},
    {"plugin", "PATH", "the xdsgate.so to ask (default: the installed one)", NULL, 0, false},
    {"token-file", "FILE", "the token ('-' = stdin); required", NULL, 0, false},
    {"file", "FILE", "the proxy's resource in YAML: Dataplane, ZoneIngress or ZoneEgress", NULL, 'f', false},
    {"kind", "KIND", "dataplane, zone-ingress or zone-egress (default: dataplane)", NULL, 0, false},
    {"mesh", "NAME", "the proxy's mesh", NULL, 'm', false},
    {"name", "NAME", "the proxy's name", NULL, 0, false},
    {"node-id", "ID", "the id in the proxy's bootstrap, <mesh>.<name>", NULL, 0, false},
    {"label", "KEY=VALUE", "a label of the resource; repeat it for more", NULL, 0, true},
    {"tag", "KEY=VALUE", "an inbound tag of the resource; repeat it for more", NULL, 0, true},
    {"identity-from-workload", NULL, "the proxy's identity derives from its workload label", NULL, 0, false},
    XG_OUTPUT_FLAG("table, json or yaml: the decision with every check (default: table)"),
    {"json", NULL, "print the decision alone as one JSON object, as --batch does", NULL, 0, false},
    {"batch", "FILE", "JSON lines in ('-' = stdin), one decision per line out; see below", NULL, 0, false},
};

static bool add_pairs(const xg_args *args, const char *flag, xg_proxy_tags *tags)
{
    size_t cursor = 0;
    for (;;) {
        const char *pair = xg_args_next(args, flag, &cursor);
        if (pair == NULL) {
            return true;
        }
        const char *equals = strchr(pair, '=');
        if (equals == NULL || equals == pair) {
            xg_errors_summary("--%s is not of the form key=value", flag);
            xg_errors_help("repeat the flag for more values: --%s k=v1 --%s k=v2", flag, flag);
            return false;
        }
        if (!xg_proxy_add(tags, (xg_str){pair, (size_t)(equals - pair)}, xg_str_of(equals + 1))) {
            xg_errors_summary("--%s: too many", flag);
            return false;
        }
    }
}

static void take(const xg_args *args, const char *flag, xg_str *text)
{
    if (xg_args_has(args, flag)) {
        *text = xg_args_str(args, flag);
    }
}

/* Flags count over what the file says, so that one resource can be tried in variations. */
static bool apply_flags(const xg_args *args, xg_proxy *proxy)
{
    xg_request *request = &proxy->request;
    if (xg_args_has(args, "kind") && !xg_proxy_kind(xg_args_str(args, "kind"), &request->kind)) {
        xg_errors_summary("invalid --kind value");
        xg_errors_help("kinds: dataplane, zone-ingress, zone-egress");
        return false;
    }
    if (request->kind == 0) {
        request->kind = XG_KIND_DATAPLANE;
    }
    take(args, "mesh", &request->mesh);
    take(args, "name", &request->name);
    take(args, "node-id", &request->node_id);
    request->flags = xg_args_has(args, "identity-from-workload") ? XG_FLAG_IDENTITY_FROM_WORKLOAD : 0;
    return add_pairs(args, "label", &proxy->labels) && add_pairs(args, "tag", &proxy->tags);
}

static bool check_complete(const xg_request *request)
{
    if (request->kind != XG_KIND_DATAPLANE) {
        return true;
    }
    if (request->mesh.len == 0 || request->name.len == 0) {
        xg_errors_summary("a Dataplane needs a %s", request->mesh.len == 0 ? "mesh" : "name");
        xg_errors_help("write it into the resource, or give --mesh and --name");
        return false;
    }
    return true;
}

/* --json is older than -o, and the line that --batch prints too. */
static void print_decision(const xg_args *args, xg_output_format format, const xg_gate *gate, xg_proxy *proxy,
                           const xg_decision *decision)
{
    if (xg_args_has(args, "json")) {
        json_t *object = xg_output_decision(decision);
        xg_output_json(object);
        json_decref(object);
        return;
    }
    json_t *rows = xg_decision_rows_new(decision, xg_proxy_request(proxy), xg_gate_policy(gate), xg_gate_now(gate));
    if (format == XG_OUTPUT_TABLE) {
        xg_decision_view_print(decision, rows);
        json_decref(rows);
        return;
    }
    json_t *document = xg_decision_view_document("xdsgate.decision/1", decision, rows);
    xg_output_document(format, document);
    json_decref(document);
}

static bool pick_output(const xg_args *args, xg_output_format *ret_format)
{
    if (!xg_output_pick(args, XG_OUTPUT_TABLE | XG_OUTPUT_JSON | XG_OUTPUT_YAML, XG_OUTPUT_TABLE, ret_format)) {
        return false;
    }
    if (xg_args_has(args, "json") && xg_args_has(args, "output")) {
        xg_errors_summary("--json and --output exclude each other");
        xg_errors_help("-o json prints a document with every check, --json the line that --batch prints");
        return false;
    }
    return true;
}

static int try_one(const xg_args *args, xg_output_format format, xg_proxy *proxy)
{
    xg_secret token = {0};
    xg_gate *gate = NULL;
    xg_decision decision;

    int code = xg_secret_read_token(xg_args_value(args, "token-file"), &token);
    if (code == XG_EXIT_OK) {
        code = xg_gate_open(args, &gate);
    }
    if (code == XG_EXIT_OK) {
        proxy->request.credential = (xg_str){token.ptr, token.len};
        xg_gate_decide(gate, xg_proxy_request(proxy), &decision);
        print_decision(args, format, gate, proxy, &decision);
        code = decision.outcome == XG_OUTCOME_ALLOWED ? XG_EXIT_OK : XG_EXIT_NO;
    }
    xg_gate_close(gate);
    xg_secret_done(&token);
    return code;
}

static bool is_twice_stdin(const xg_args *args)
{
    const char *token = xg_args_value(args, "token-file");
    const char *file = xg_args_value(args, "file");
    if (token == NULL || file == NULL || strcmp(token, "-") != 0 || strcmp(file, "-") != 0) {
        return false;
    }
    xg_errors_summary("--token-file and --file cannot both be stdin");
    return true;
}

static int run_one(const xg_args *args)
{
    static const char *const REQUIRED[] = {"token-file"};
    const char *file = xg_args_value(args, "file");
    xg_proxy proxy;
    xg_dataplane_yaml *yaml = NULL;
    xg_output_format format = XG_OUTPUT_TABLE;
    int code = XG_EXIT_OK;

    if (!xg_args_require(args, REQUIRED, XG_ARRAY_LEN(REQUIRED)) || is_twice_stdin(args) ||
        !pick_output(args, &format)) {
        return XG_EXIT_USAGE;
    }
    xg_proxy_init(&proxy);
    if (file != NULL) {
        code = xg_dataplane_yaml_read(file, &proxy, &yaml);
    }
    if (code == XG_EXIT_OK && (!apply_flags(args, &proxy) || !check_complete(&proxy.request))) {
        code = XG_EXIT_USAGE;
    }
    if (code == XG_EXIT_OK) {
        code = try_one(args, format, &proxy);
    }
    xg_dataplane_yaml_free(yaml);
    xg_proxy_done(&proxy);
    return code;
}

static int run_batch(const xg_args *args)
{
    static const char *const SINGLE[] = {
        "token-file", "file",  "kind", "mesh", "name", "label", "tag", "node-id", "identity-from-workload",
        "json",       "output"};
    xg_gate *gate = NULL;
    for (size_t i = 0; i < XG_ARRAY_LEN(SINGLE); i++) {
        if (xg_args_has(args, SINGLE[i])) {
            xg_errors_summary("--batch and --%s exclude each other", SINGLE[i]);
            xg_errors_help("each line of the batch says what it asks");
            return XG_EXIT_USAGE;
        }
    }
    int code = xg_gate_open(args, &gate);
    if (code == XG_EXIT_OK) {
        code = xg_batch_run(gate, xg_args_value(args, "batch"));
    }
    xg_gate_close(gate);
    return code;
}

static int run(const xg_args *args)
{
    return xg_args_has(args, "batch") ? run_batch(args) : run_one(args);
}

const xg_command XG_CMD_TRY = {
    .noun = "try",
    .summary = "ask xdsgate.so whether a token admits a proxy",
    .usage = "--store DIR --token-file FILE (-f FILE | --mesh NAME --name NAME ...) [flags]",
    .detail =
        "Exit code: 0 allowed, 1 denied, 2 usage or malformed input, 3 plugin or configuration, 4 key, 5 "
        "input/output.\n"
        "\n"
        "The table shows the checks in the order in which they are made. The first that fails is the answer; what "
        "comes\n"
        "behind it was not looked at. What the token says is shown only once its signature held.\n"
        "\n"
        "A batch line is "
        "{\"kind\":\"dataplane\",\"mesh\":\"\",\"name\":\"\",\"zone\":\"\",\"node_id\":\"\",\"labels\":{\"k\":\"v\"},\n"
        "\"tags\":{\"k\":[\"v\"]},\"identity_from_workload\":false,\"credential\":\"...\"}; a missing or empty kind "
        "is\n"
        "dataplane, what else is missing is empty or false, and \"credential_base64\" takes a credential that is not\n"
        "text. The answer is one line with outcome, reason, reason_name, binding, grpc, token_id, kid and text; for a\n"
        "malformed line also error. A batch ends with 0 whatever it decided, with 2 if a line was malformed.\n",
    .example = "  xdsgate try --store ./store --token-file token -f dataplane.yaml\n"
               "  xdsgate try --store ./store --zone east --token-file - --kind zone-ingress < token\n",
    .flags = FLAGS,
    .num_flags = XG_ARRAY_LEN(FLAGS),
    .run = run,
};
