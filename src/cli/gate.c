/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gate.c: the plugin, loaded as a control plane loads it, and asked.
 *
 * Knows the ABI and nothing behind it. Must never decide anything itself. One thread.
 */
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "xdsgate/auth.h"
#include "xdsgate_loader.h"

struct xg_gate {
    xg_loader loader;
    xg_ctx *ctx;
    bool is_clock_fixed;
    int64_t now;
    bool has_policy;
    xg_policy policy; /* what this program understands of the configuration: for showing, never for deciding */
};

static int64_t host_now(uintptr_t cookie)
{
    const xg_gate *gate = (const xg_gate *)cookie;
    return gate->is_clock_fixed ? gate->now : xg_clock_wall();
}

static void host_log(uintptr_t cookie, uint32_t level, uint32_t event, const char *msg, size_t len)
{
    (void)cookie;
    (void)event;
    if (level <= XG_LOG_WARN) {
        xg_errors_warning("%.*s", (int)len, msg);
    }
}

/* In a build tree the plugin lies beside the directory of the program. */
static bool built_plugin(char path[PATH_MAX])
{
    ssize_t len = readlink("/proc/self/exe", path, PATH_MAX - 1);
    if (len <= 0) {
        return false;
    }
    path[len] = '\0';
    char *slash = strrchr(path, '/');
    size_t left = slash != NULL ? (size_t)(path + PATH_MAX - slash) : 0;
    if (slash == NULL || snprintf(slash, left, "/../plugin/xdsgate.so") >= (int)left) {
        return false;
    }
    return access(path, R_OK) == 0;
}

bool xg_gate_has_plugin(const xg_args *args)
{
    char built[PATH_MAX];
    return xg_args_has(args, "plugin") || access(XG_PLUGIN_PATH, F_OK) == 0 || built_plugin(built);
}

static int load_plugin(const xg_args *args, xg_gate *gate)
{
    const xg_loader_options options = {.resolve_path = true};
    char built[PATH_MAX];
    char error[XG_LOADER_ERROR_SIZE];
    const char *path = xg_args_value(args, "plugin");

    if (path == NULL) {
        path = access(XG_PLUGIN_PATH, R_OK) != 0 && built_plugin(built) ? built : XG_PLUGIN_PATH;
    }
    if (!xg_loader_open(path, &options, &gate->loader, error, sizeof(error))) {
        xg_errors_summary("the plugin cannot be loaded");
        xg_errors_where("%s", path);
        xg_errors_note("%s", error);
        xg_errors_help("name another one with --plugin PATH");
        return XG_EXIT_CONFIG;
    }
    return XG_EXIT_OK;
}

static bool add_text(json_t *config, const char *name, const char *value)
{
    return value == NULL || json_object_set_new(config, name, json_string(value)) == 0;
}

/* The configuration that the flags stand for. The plugin demands an absolute path: it must not depend on a directory
 * that the host may leave. */
static int config_from_flags(const xg_args *args, char **ret_config)
{
    char store[PATH_MAX];
    const char *path = xg_args_value(args, "store");
    json_t *config = json_object();

    if (realpath(path, store) == NULL) {
        json_decref(config);
        return xg_errors_io("open the store", path, errno);
    }
    if (add_text(config, "store", store) && add_text(config, "profile", xg_args_value(args, "profile")) &&
        add_text(config, "zone", xg_args_value(args, "zone"))) {
        *ret_config = json_dumps(config, JSON_COMPACT);
    }
    json_decref(config);
    if (*ret_config == NULL) {
        xg_errors_summary("the path or a name in the flags is not UTF-8");
        return XG_EXIT_USAGE;
    }
    return XG_EXIT_OK;
}

static int config_from_file(const char *path, char **ret_config)
{
    size_t len = 0;
    int code = xg_input_read("read the configuration", path, ret_config, &len);
    if (code == XG_EXIT_OK && strlen(*ret_config) != len) {
        xg_errors_summary("the configuration holds NUL bytes");
        xg_errors_where("%s", path);
        return XG_EXIT_CONFIG;
    }
    return code;
}

static int read_config(const xg_args *args, char **ret_config)
{
    const char *file = xg_args_value(args, "config");
    if ((file != NULL) == xg_args_has(args, "store")) {
        xg_errors_summary("exactly one of --store and --config is required");
        xg_errors_help("--store DIR with --profile and --zone will do; --config FILE is the control plane's own JSON");
        return XG_EXIT_USAGE;
    }
    if (file != NULL && (xg_args_has(args, "profile") || xg_args_has(args, "zone"))) {
        xg_errors_summary("--profile and --zone go with --store");
        xg_errors_help("write them into the configuration file");
        return XG_EXIT_USAGE;
    }
    return file != NULL ? config_from_file(file, ret_config) : config_from_flags(args, ret_config);
}

static int create_context(const char *config, xg_gate *gate)
{
    char error[1024] = "";
    xg_host host = {
        .struct_size = sizeof(host),
        .abi = gate->loader.abi,
        .cookie = (uintptr_t)gate,
        .log = host_log,
        .now = host_now,
    };
    gate->ctx = gate->loader.auth.create(&host, xg_str_of(config), error, sizeof(error));
    if (gate->ctx == NULL) {
        xg_errors_summary("the plugin refused the configuration or the store");
        xg_errors_note("%s", error);
        return XG_EXIT_CONFIG;
    }
    return XG_EXIT_OK;
}

/* A configuration of a newer plugin may hold what is unknown here. */
static void keep_policy(const char *config, xg_gate *gate)
{
    char storage[256];
    xg_text error;
    xg_config parsed;
    xg_text_init(&error, storage, sizeof(storage));
    gate->has_policy = xg_is_ok(xg_config_parse(xg_str_of(config), &parsed, &error));
    if (gate->has_policy) {
        gate->policy = parsed.policy;
    }
}

static int open_gate(const xg_args *args, const char *given, xg_gate *gate)
{
    int64_t nanos = 0;
    char *config = NULL;
    gate->is_clock_fixed = xg_args_has(args, "now");
    if (gate->is_clock_fixed && !xg_duration_parse_instant(xg_args_str(args, "now"), &gate->now, &nanos)) {
        xg_errors_summary("--now is not a time");
        xg_errors_help("write seconds since 1970, like 1767323045");
        return XG_EXIT_USAGE;
    }
    int code = given == NULL ? read_config(args, &config) : XG_EXIT_OK;
    const char *text = given == NULL ? config : given;
    if (code == XG_EXIT_OK) {
        code = load_plugin(args, gate);
    }
    if (code == XG_EXIT_OK) {
        code = create_context(text, gate);
    }
    if (code == XG_EXIT_OK) {
        keep_policy(text, gate);
    }
    free(config);
    return code;
}

int xg_gate_open(const xg_args *args, xg_gate **ret_gate)
{
    return xg_gate_open_with(args, NULL, ret_gate);
}

int xg_gate_open_with(const xg_args *args, const char *config, xg_gate **ret_gate)
{
    xg_gate *gate = calloc(1, sizeof(*gate));
    if (gate == NULL) {
        return xg_errors_io("start", "memory", ENOMEM);
    }
    int code = open_gate(args, config, gate);
    if (code != XG_EXIT_OK) {
        xg_gate_close(gate);
        return code;
    }
    *ret_gate = gate;
    return XG_EXIT_OK;
}

void xg_gate_decide(const xg_gate *gate, const xg_request *request, xg_decision *ret_decision)
{
    *ret_decision = (xg_decision){.struct_size = sizeof(*ret_decision), .reason = XG_REASON_INTERNAL};
    if (gate->loader.auth.authenticate(gate->ctx, request, ret_decision) != 1) {
        ret_decision->outcome = XG_OUTCOME_DENIED;
    }
}

const xg_policy *xg_gate_policy(const xg_gate *gate)
{
    return gate->has_policy ? &gate->policy : NULL;
}

int64_t xg_gate_now(const xg_gate *gate)
{
    return host_now((uintptr_t)gate);
}

void xg_gate_close(xg_gate *gate)
{
    if (gate == NULL) {
        return;
    }
    if (gate->ctx != NULL) {
        gate->loader.auth.destroy(gate->ctx);
    }
    xg_loader_close(&gate->loader);
    free(gate);
}
