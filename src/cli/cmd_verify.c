/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_verify.c: `xdsgate verify`: is this token good for that store now, whatever proxy may bring it.
 *
 * The plugin is asked about the proxy that suits the token best: one that presents just what the token is bound to. So
 * the bindings hold by construction, and a denial is one of everything else: form, key, signature, claims, times,
 * revocations, the profile's demands; or the token binds what no proxy can present, and is good for nobody. The claims
 * are read before anybody verified them, but all they do is to shape the question. A forged token shapes it as it likes
 * and is refused for its signature, which comes first. So the verdict is the plugin's, as `try` gives it.
 * Must never decide anything itself. One thread.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decision_view.h"
#include "token_view.h"

static const xg_flag FLAGS[] = {
    {"store", "DIR", "the key store to decide with; required", NULL, 0, false},
    {"mesh", "NAME", "as a dataplane token of this mesh (default: the mesh that the token names)", NULL, 'm', false},
    {"zone-token", NULL, "as a zone token (default: if its claims are those of one)", NULL, 0, false},
    {"profile", "NAME", "strict, kuma-3.0, kuma-2.14, kuma-2.13 or kuma-2.12 (default: strict)", NULL, 0, false},
    {"now", "UNIX", "decide as if it were this time", NULL, 0, false},
    {"token-file", "FILE", "the token ('-' = stdin; default: FILE, or stdin)", NULL, 0, false},
    {"plugin", "PATH", "the xdsgate.so to ask (default: the installed one)", NULL, 0, false},
    XG_OUTPUT_FLAG("table, json or yaml (default: table)"),
};

static const char WORKLOAD_LABEL[] = "kuma.io/workload";

static xg_str text_of(const json_t *value)
{
    return (xg_str){json_string_value(value), json_string_length(value)};
}

/* The workload if the tag allows it, since that is what the label must be; otherwise the first value there is. */
static const json_t *choose(const json_t *values, bool is_workload, xg_str workload)
{
    size_t index = 0;
    json_t *value = NULL;
    json_array_foreach((json_t *)(uintptr_t)values, index, value)
    {
        if (is_workload && xg_str_eq(text_of(value), workload)) {
            return value;
        }
    }
    return json_array_get(values, 0);
}

/* Profiles differ in whether they look at tags, at labels or at both: the proxy has both. */
static bool present_tags(const json_t *tags, xg_str workload, xg_proxy *proxy)
{
    const char *key = NULL;
    size_t key_len = 0;
    json_t *values = NULL;
    json_object_keylen_foreach((json_t *)(uintptr_t)tags, key, key_len, values)
    {
        xg_str name = {key, key_len};
        bool is_workload = xg_str_eq(name, xg_str_of(WORKLOAD_LABEL));
        const json_t *value = choose(values, is_workload, workload);
        if (!json_is_string(value)) {
            continue; /* allows nothing: no proxy has that */
        }
        /* The workload label is one, and it is the claim's. */
        bool has_label = is_workload && workload.len > 0;
        if (!xg_proxy_add(&proxy->tags, name, text_of(value)) ||
            (!has_label && !xg_proxy_add(&proxy->labels, name, text_of(value)))) {
            return false;
        }
    }
    return true;
}

/* A Dataplane without a name, or without a mesh before that matters, cannot be asked about. */
static void fill(xg_str *s)
{
    if (s->len == 0) {
        *s = XG_STR("any");
    }
}

static bool present_dataplane(const xg_token_view *view, xg_proxy *proxy)
{
    xg_str workload = xg_token_view_text(view, "Workload");
    proxy->request.kind = XG_KIND_DATAPLANE;
    proxy->request.name = xg_token_view_text(view, "Name");
    fill(&proxy->request.name);
    fill(&proxy->request.mesh);
    return (workload.len == 0 || xg_proxy_add(&proxy->labels, xg_str_of(WORKLOAD_LABEL), workload)) &&
           present_tags(json_object_get(view->claims, "Tags"), workload, proxy);
}

static void present_zone(const xg_token_view *view, xg_proxy *proxy)
{
    size_t index = 0;
    json_t *value = NULL;
    proxy->request.kind = XG_KIND_ZONE_INGRESS; /* which it is refused as, if it has no scope at all */
    proxy->request.zone = xg_token_view_text(view, "Zone");
    json_array_foreach(json_object_get(view->claims, "Scope"), index, value)
    {
        if (xg_str_eq(text_of(value), XG_STR("ingress"))) {
            proxy->request.kind = XG_KIND_ZONE_INGRESS;
            return;
        }
        if (xg_str_eq(text_of(value), XG_STR("egress"))) {
            proxy->request.kind = XG_KIND_ZONE_EGRESS;
        }
    }
}

/* The question. Reports. */
static int ask_for(const xg_args *args, const xg_token_view *view, xg_proxy *proxy)
{
    xg_str *mesh = &proxy->request.mesh;
    if (xg_args_has(args, "zone-token") || (!xg_args_has(args, "mesh") && view->kind == XG_TOKEN_ZONE)) {
        present_zone(view, proxy);
        return XG_EXIT_OK;
    }
    *mesh = xg_args_has(args, "mesh") ? xg_args_str(args, "mesh") : xg_token_view_text(view, "Mesh");
    /* A token whose form or header is refused is refused before the mesh counts. */
    if (mesh->len == 0 && xg_is_ok(view->header_result)) {
        xg_errors_summary("the token names no mesh, so it is not known whose keys to verify it with");
        xg_errors_help("say it with --mesh NAME, or --zone-token if it is meant to be one");
        return XG_EXIT_USAGE;
    }
    if (!present_dataplane(view, proxy)) {
        return xg_errors_io("verify", "memory", ENOMEM); /* no token has room for more tags than a proxy may have */
    }
    return XG_EXIT_OK;
}

static void print_text(const xg_decision *decision, const char *fingerprint, const xg_request *request)
{
    char storage[512];
    xg_text mesh;
    xg_text_init(&mesh, storage, sizeof(storage));
    xg_text_quote(&mesh, request->mesh, 160);
    xg_decision_view_print(decision, NULL);
    if (request->kind == XG_KIND_DATAPLANE) {
        printf("as:       dataplane token of mesh %s\n", storage);
    } else {
        printf("as:       zone token\n");
    }
    printf("SHA-256:  %s\n", fingerprint);
    if (decision->outcome == XG_OUTCOME_ALLOWED) {
        printf("Good for a proxy that presents what it is bound to; 'xdsgate try' asks about a proxy of yours.\n");
    }
}

static void print_document(const xg_decision *decision, const char *fingerprint, const xg_request *request,
                           xg_output_format format)
{
    json_t *document = xg_decision_view_document("xdsgate.verification/1", decision, NULL);
    bool is_zone = request->kind != XG_KIND_DATAPLANE;
    json_object_set_new(document, "help", json_string(xg_reason_find(decision->reason)->help));
    json_object_set_new(document, "fingerprint", json_string(fingerprint));
    json_object_set_new(document, "purpose", json_string(is_zone ? "zone" : "dataplane"));
    json_object_set_new(document, "mesh", is_zone ? json_null() : json_stringn(request->mesh.ptr, request->mesh.len));
    xg_output_document(format, document);
    json_decref(document);
}

static int ask(const xg_args *args, xg_str token, xg_output_format format, xg_proxy *proxy)
{
    char fingerprint[XG_OUTPUT_FINGERPRINT_SIZE];
    xg_gate *gate = NULL;
    xg_decision decision;
    int code = xg_gate_open(args, &gate);
    if (code != XG_EXIT_OK) {
        return code;
    }
    proxy->request.credential = token;
    xg_gate_decide(gate, xg_proxy_request(proxy), &decision);
    xg_gate_close(gate);
    xg_output_fingerprint(token, fingerprint);
    if (format == XG_OUTPUT_TABLE) {
        print_text(&decision, fingerprint, &proxy->request);
    } else {
        print_document(&decision, fingerprint, &proxy->request, format);
    }
    return decision.outcome == XG_OUTCOME_ALLOWED ? XG_EXIT_OK : XG_EXIT_NO;
}

static int verify(const xg_args *args, xg_str token, xg_output_format format)
{
    xg_token_view view;
    xg_proxy proxy;
    xg_result opened = xg_token_view_open(token, &view);
    (void)opened; /* what cannot be read is the plugin's to refuse */
    xg_proxy_init(&proxy);
    int code = ask_for(args, &view, &proxy);
    if (code == XG_EXIT_OK) {
        code = ask(args, token, format, &proxy);
    }
    xg_proxy_done(&proxy);
    xg_token_view_done(&view);
    return code;
}

static int run(const xg_args *args)
{
    static const char *const REQUIRED[] = {"store"};
    xg_output_format format = XG_OUTPUT_TABLE;
    xg_secret token = {0};
    if (!xg_args_require(args, REQUIRED, XG_ARRAY_LEN(REQUIRED)) ||
        !xg_output_pick(args, XG_OUTPUT_TABLE | XG_OUTPUT_JSON | XG_OUTPUT_YAML, XG_OUTPUT_TABLE, &format)) {
        return XG_EXIT_USAGE;
    }
    if (xg_args_has(args, "mesh") && xg_args_has(args, "zone-token")) {
        xg_errors_summary("--mesh and --zone-token exclude each other");
        xg_errors_help("a zone token belongs to no mesh");
        return XG_EXIT_USAGE;
    }
    int code = xg_token_view_read(args, &token);
    if (code == XG_EXIT_OK) {
        code = verify(args, (xg_str){token.ptr, token.len}, format);
    }
    xg_secret_done(&token);
    return code;
}

const xg_command XG_CMD_VERIFY = {
    .noun = "verify",
    .operand = "FILE",
    .is_operand_optional = true,
    .summary = "ask xdsgate.so whether a token is good, whatever proxy brings it",
    .usage = "--store DIR [FILE] [--mesh NAME | --zone-token] [--profile NAME] [flags]",
    .detail =
        "Signature, times, revocations and what the profile demands, without a proxy: it is asked as if by one that\n"
        "presents just what the token is bound to. Exit code: 0 good, 1 refused, with the reason.\n",
    .example = "  xdsgate verify --store ./store --token-file token\n"
               "  xdsgate verify --store ./store --mesh payments --profile kuma-2.14 < token\n",
    .flags = FLAGS,
    .num_flags = XG_ARRAY_LEN(FLAGS),
    .run = run,
};
