/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest_dump.c: a plan as lines of text, for tests that compare all of it.
 *
 * Must leave nothing of a plan out: what is not shown is not tested. One thread.
 */
#include "manifest_dump.h"

#include <stdio.h>
#include <stdlib.h>

static void print_reports(FILE *out, const xg_manifest_reports *reports, const char *label)
{
    for (size_t i = 0; i < reports->num; i++) {
        const xg_trouble *trouble = &reports->items[i];
        fprintf(out, "%s: %s\n", label, trouble->summary);
        if (trouble->where[0] != '\0') {
            fprintf(out, "  where: %s\n", trouble->where);
        }
        if (trouble->note[0] != '\0') {
            fprintf(out, "  note: %s\n", trouble->note);
        }
        if (trouble->help[0] != '\0') {
            fprintf(out, "  help: %s\n", trouble->help);
        }
    }
    if (reports->total > reports->num) {
        fprintf(out, "and %zu more\n", reports->total - reports->num);
    }
}

static int width(xg_str s)
{
    return (int)s.len;
}

static void print_proxy(FILE *out, const xg_manifest_proxy *proxy)
{
    xg_str role = xg_manifest_plan_role(proxy->role);
    fprintf(out, "  %.*s %s\n", width(role), role.ptr, proxy->workload);
    fprintf(out, "    namespace %.*s, replicas %u, at %u:%u\n", width(proxy->space), proxy->space.ptr, proxy->replicas,
            proxy->at.line, proxy->at.column);
    fprintf(out, "    service %s, in the chart %s\n", proxy->service,
            proxy->chart_service[0] == '\0' ? "the same" : proxy->chart_service);
    fprintf(out, "    address <%.*s>, advertised <%.*s> %u, ports %u %u\n", width(proxy->address), proxy->address.ptr,
            width(proxy->advertised_address), proxy->advertised_address.ptr, proxy->advertised_port, proxy->ports[0],
            proxy->ports[1]);
}

static FILE *open_text(char **ret_text, size_t *ret_len)
{
    FILE *out = open_memstream(ret_text, ret_len);
    if (out == NULL) {
        abort();
    }
    return out;
}

char *manifest_dump_reports(const xg_manifest_reports *reports, const char *label)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_text(&text, &len);
    print_reports(out, reports, label);
    fclose(out);
    return text;
}

char *manifest_dump_plan(const xg_manifest_plan *plan)
{
    static const char *const SHAPES[] = {"bare", "draft", "shipped"};
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_text(&text, &len);
    fprintf(out, "zone <%.*s>, global <%.*s>, %s\n", width(plan->zone), plan->zone.ptr, width(plan->global_address),
            plan->global_address.ptr, plan->is_federated ? "federated" : "unfederated");
    for (size_t i = 0; i < plan->num_meshes; i++) {
        const xg_manifest_mesh *mesh = &plan->meshes[i];
        fprintf(out, "mesh %.*s, %s, at %u:%u\n", width(mesh->name), mesh->name.ptr, SHAPES[mesh->shape], mesh->at.line,
                mesh->at.column);
        for (size_t k = 0; k < mesh->num_proxies; k++) {
            print_proxy(out, &plan->proxies[mesh->first_proxy + k]);
        }
    }
    fprintf(out, "%zu proxies\n", plan->num_proxies);
    print_reports(out, &plan->warnings, "warning");
    print_reports(out, &plan->troubles, "error");
    fclose(out);
    return text;
}
