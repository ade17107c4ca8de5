/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bare_host.c: see bare_host.h. Must never call a function of a library that the plugin links.
 */
#include "bare_host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void bare_host_give_up(const char *what)
{
    (void)fprintf(stderr, "test: %s\n", what);
    exit(99);
}

static char *read_file(const char *folder, const char *name)
{
    char path[512];
    char *text = calloc(1, 8192);
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "re");
    if (text == NULL || file == NULL || fread(text, 1, 8191, file) == 0) {
        bare_host_give_up("cannot read the fixture");
    }
    (void)fclose(file);
    return text;
}

void bare_host_init(bare_host *host, const char *folder)
{
    host->config = read_file(folder, "config.json");
    host->token = read_file(folder, "dataplane.jwt");
    host->forged = read_file(folder, "forged.jwt");
}

void bare_host_done(bare_host *host)
{
    free(host->config);
    free(host->token);
    free(host->forged);
}

void bare_host_load(xg_loader *plugin)
{
    char err[XG_LOADER_ERROR_SIZE];
    const char *path = getenv("XG_PLUGIN");
    if (!xg_loader_open(path, NULL, plugin, err, sizeof(err))) {
        bare_host_give_up(err);
    }
}

static int64_t tell_time(uintptr_t cookie)
{
    (void)cookie;
    return 1800000000; /* FIXTURE_NOW */
}

static xg_str str(const char *text)
{
    return (xg_str){text, strlen(text)};
}

xg_ctx *bare_host_create(const bare_host *host, const xg_loader *plugin, char *err, size_t err_cap)
{
    const xg_host table = {.struct_size = sizeof(table), .abi = plugin->abi, .now = tell_time};
    return plugin->auth.create(&table, str(host->config), err, err_cap);
}

uint32_t bare_host_ask(const xg_loader *plugin, xg_ctx *ctx, const char *token)
{
    const xg_tag tag = {str("kuma.io/service"), str("web")};
    const xg_tag label = {str("kuma.io/workload"), str("web")};
    const xg_request request = {
        .struct_size = sizeof(request),
        .kind = XG_KIND_DATAPLANE,
        .credential = str(token),
        .mesh = str("m1"),
        .name = str("web-1"),
        .tags = &tag,
        .num_tags = 1,
        .labels = &label,
        .num_labels = 1,
    };
    xg_decision decision = {.struct_size = sizeof(decision)};
    uint32_t allowed = plugin->auth.authenticate(ctx, &request, &decision);
    if (allowed != (decision.outcome == XG_OUTCOME_ALLOWED ? 1u : 0u) ||
        (allowed == 1) != (decision.reason == XG_REASON_OK)) {
        bare_host_give_up("the returned value, the outcome and the reason contradict each other");
    }
    return decision.reason;
}
