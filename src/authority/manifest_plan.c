/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest_plan.c: from a deployment's values to the zone proxies they ask for, and to every name these will have.
 *
 * Owns the plan. Must never shorten a name: Helm cuts names at 63 characters without a word, so that two meshes can end
 * up with one Service; here both are shown and neither is planned. Nothing quadratic: what must be unique is sorted.
 * Thread rule: works on the caller's memory only.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "values.h"
#include "xdsgate/manifest.h"

#define LABEL_MAX 63u  /* of a DNS label, and so of a Service, a namespace and a workload */
#define HOST_MAX  253u /* of a DNS name */
#define QUOTE_MAX 120u

#define DEFAULT_RELEASE      "kuma"
#define DEFAULT_SPACE        "kuma-system"
#define DEFAULT_INGRESS_PORT 10001
#define DEFAULT_EGRESS_PORT  10002

/* A Service's name, which must be its own: base-mesh-suffix, or base alone. */
typedef struct service_name {
    xg_str space;
    xg_str base;
    xg_str mesh;
    xg_str suffix;
    size_t len; /* of the whole name */
    xg_manifest_at at;
    char cut[LABEL_MAX + 1]; /* what Helm makes of it */
} service_name;

typedef struct planner {
    xg_manifest_plan *plan;
    xg_values values;
    xg_manifest_options options; /* defaults filled in */
    xg_str chart;                /* what the chart's own names begin with */
    service_name *names;
    size_t num_names;
    bool *is_repeated; /* meshes that an earlier entry has planned */
} planner;

/* ---- words ---- */

xg_str xg_manifest_plan_role(xg_manifest_role role)
{
    static const xg_str ROLES[XG_MANIFEST_NUM_ROLES] = {XG_STR_INIT("ingress"), XG_STR_INIT("egress"),
                                                        XG_STR_INIT("all")};
    return ROLES[role];
}

uint32_t xg_manifest_plan_scope(xg_manifest_role role)
{
    static const uint32_t SCOPES[XG_MANIFEST_NUM_ROLES] = {XG_SCOPE_INGRESS, XG_SCOPE_EGRESS,
                                                           XG_SCOPE_INGRESS | XG_SCOPE_EGRESS};
    return SCOPES[role];
}

static bool is_lower_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* The letters of a DNS-1123 label (RFC 1123 section 2.1); its length is checked apart, for a sentence of its own. */
static bool has_label_letters(xg_str s)
{
    if (s.len == 0 || !is_lower_or_digit(s.ptr[0]) || !is_lower_or_digit(s.ptr[s.len - 1])) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] != '-' && !is_lower_or_digit(s.ptr[i])) {
            return false;
        }
    }
    return true;
}

/* DNS-1035: it begins with a letter, too. */
static bool has_service_letters(xg_str s)
{
    return has_label_letters(s) && s.ptr[0] >= 'a';
}

static bool is_host_name(xg_str s)
{
    if (s.len > HOST_MAX) {
        return false;
    }
    while (s.len > 0) {
        const char *dot = memchr(s.ptr, '.', s.len);
        xg_str label = {s.ptr, dot == NULL ? s.len : (size_t)(dot - s.ptr)};
        if (!has_label_letters(label) || label.len > LABEL_MAX) {
            return false;
        }
        if (dot == NULL) {
            return true;
        }
        s = xg_str_skip(s, label.len + 1);
    }
    return false;
}

/* What a Dataplane may be reached at. All digits and dots but no address of version 4 is a slip, not a name. */
static bool is_address(xg_str s)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;
    if (s.len > 0 && s.len < sizeof(text)) {
        memcpy(text, s.ptr, s.len);
        text[s.len] = '\0';
        if (inet_pton(AF_INET, text, &address) == 1 || inet_pton(AF_INET6, text, &address) == 1) {
            return strcmp(text, "0.0.0.0") != 0 && strcmp(text, "::") != 0;
        }
        if (strspn(text, "0123456789.") == s.len) {
            return false;
        }
    }
    return is_host_name(s);
}

/* ---- reports ---- */

static xg_trouble *report(planner *p, xg_manifest_at at, const char *summary)
{
    return xg_values_report(&p->plan->troubles, p->options.file, at, summary);
}

/* "<before>'<quoted>'<after>" */
static xg_trouble *report_quoted(planner *p, xg_manifest_at at, const char *before, xg_str quoted, const char *after)
{
    char sentence[320];
    xg_text text;
    xg_text_init(&text, sentence, sizeof(sentence));
    xg_text_add(&text, xg_str_of(before));
    xg_text_quote(&text, quoted, QUOTE_MAX);
    xg_text_add(&text, xg_str_of(after));
    return report(p, at, sentence);
}

static void report_memory(planner *p)
{
    xg_trouble_io(report(p, (xg_manifest_at){0}, ""), "plan the manifests", p->options.file, ENOMEM);
}

/* What the command line gave; such a report points nowhere. */
static void report_option(planner *p, const char *what, xg_str value, const char *rule)
{
    xg_trouble *trouble = report_quoted(p, (xg_manifest_at){0}, what, value, rule);
    trouble->kind = XG_TROUBLE_INPUT;
    trouble->where[0] = '\0';
}

/* ---- names of Services ---- */

static void compose(const service_name *name, xg_text *text)
{
    xg_text_add(text, name->base);
    if (name->mesh.len > 0) {
        xg_text_add(text, XG_STR("-"));
        xg_text_add(text, name->mesh);
        xg_text_add(text, XG_STR("-"));
        xg_text_add(text, name->suffix);
    }
}

/* The whole of a name, however long, shown with both its ends. */
static void quote_name(const service_name *name, xg_text *text)
{
    char whole[512];
    xg_text composed;
    xg_text_init(&composed, whole, sizeof(whole));
    compose(name, &composed);
    xg_text_quote(text, (xg_str){composed.ptr, composed.len}, QUOTE_MAX);
}

/* As the chart's helpers do: 63 characters, then one '-' off the end. */
static void cut_like_helm(xg_text *text)
{
    if (text->len > 0 && text->ptr[text->len - 1] == '-') {
        text->ptr[--text->len] = '\0';
    }
}

static void add_name(planner *p, service_name name)
{
    xg_text text;
    name.len = name.base.len + (name.mesh.len > 0 ? name.mesh.len + name.suffix.len + 2 : 0);
    xg_text_init(&text, name.cut, sizeof(name.cut));
    compose(&name, &text);
    if (text.is_cut) {
        cut_like_helm(&text);
    }
    p->names[p->num_names++] = name;
}

static int compare_names(const void *a, const void *b)
{
    const service_name *left = a;
    const service_name *right = b;
    int order = strcmp(left->cut, right->cut);
    order = order != 0 ? order : xg_str_cmp(left->space, right->space);
    order = order != 0 ? order : (left->at.line > right->at.line) - (left->at.line < right->at.line);
    order = order != 0 ? order : (left->at.column > right->at.column) - (left->at.column < right->at.column);
    return order != 0 ? order : xg_str_cmp(left->suffix, right->suffix);
}

static bool is_same_service(const service_name *a, const service_name *b)
{
    return strcmp(a->cut, b->cut) == 0 && xg_str_eq(a->space, b->space);
}

static void report_collision(planner *p, const service_name *first, const service_name *second)
{
    char words[600];
    xg_text text;
    xg_text_init(&text, words, sizeof(words));
    xg_text_add(&text, XG_STR("two Services would both be named "));
    xg_text_quote(&text, xg_str_of(second->cut), QUOTE_MAX);
    xg_trouble *trouble = report(p, second->at, words);
    xg_text_init(&text, words, sizeof(words));
    xg_text_printf(&text, "the one asked for at %u:%u is ", first->at.line, first->at.column);
    quote_name(first, &text);
    xg_text_printf(&text, " (%zu long); the one at %u:%u is ", first->len, second->at.line, second->at.column);
    quote_name(second, &text);
    xg_text_printf(&text, " (%zu long)", second->len);
    xg_text_add(&text,
                first->len > LABEL_MAX || second->len > LABEL_MAX ? XG_STR("; Helm cuts names at 63") : XG_STR(""));
    xg_trouble_note(trouble, "%s", words);
    xg_trouble_help(trouble, "give one of them a 'service.name' of its own, or one of the meshes a shorter name");
}

static void report_long_name(planner *p, const service_name *name)
{
    char words[400];
    xg_text text;
    xg_text_init(&text, words, sizeof(words));
    xg_text_add(&text, XG_STR("the Service name "));
    quote_name(name, &text);
    xg_text_printf(&text, " has %zu characters, and 63 are allowed", name->len);
    xg_trouble *trouble = report(p, name->at, words);
    xg_text_init(&text, words, sizeof(words));
    xg_text_quote(&text, xg_str_of(name->cut), QUOTE_MAX);
    xg_trouble_note(trouble, "Helm would cut it to %s without a word", words);
    xg_trouble_help(trouble, "give the mesh or the release a shorter name, or set 'service.name'");
}

static void check_names(planner *p)
{
    if (p->num_names > 1) {
        qsort(p->names, p->num_names, sizeof(*p->names), compare_names);
    }
    for (size_t i = 0; i < p->num_names; i++) {
        const service_name *name = &p->names[i];
        if (i > 0 && is_same_service(name - 1, name)) {
            report_collision(p, name - 1, name);
        } else if (name->len > LABEL_MAX && (i + 1 == p->num_names || !is_same_service(name, name + 1))) {
            report_long_name(p, name);
        }
    }
}

/* ---- options ---- */

static void fill_options(planner *p)
{
    xg_manifest_options *options = &p->options;
    options->release = options->release.len > 0 ? options->release : XG_STR(DEFAULT_RELEASE);
    options->space = options->space.len > 0 ? options->space : XG_STR(DEFAULT_SPACE);
    options->ingress_port = options->ingress_port > 0 ? options->ingress_port : DEFAULT_INGRESS_PORT;
    options->egress_port = options->egress_port > 0 ? options->egress_port : DEFAULT_EGRESS_PORT;
}

static void check_options(planner *p)
{
    const xg_manifest_options *options = &p->options;
    if (!has_service_letters(options->release) || options->release.len > LABEL_MAX) {
        report_option(p, "the release ", options->release,
                      " is no DNS label: letters in lower case, digits and '-', beginning with a letter");
    }
    if (!has_label_letters(options->space) || options->space.len > LABEL_MAX) {
        report_option(p, "the namespace ", options->space,
                      " is no DNS label: letters in lower case, digits and '-', at most 63");
    }
    if (options->address.len > 0 && !is_address(options->address)) {
        report_option(p, "the address ", options->address, " is neither an IP address nor a DNS name");
    }
    if (options->advertised_address.len > 0 && !is_address(options->advertised_address)) {
        report_option(p, "the advertised address ", options->advertised_address,
                      " is neither an IP address nor a DNS name");
    }
    if (options->ingress_port == options->egress_port) {
        report_option(p, "the listeners of ingress and egress have one ", XG_STR("port"), "");
    }
}

/* ---- meshes ---- */

static void check_mesh_name(planner *p, const xg_values_text *name)
{
    if (!has_service_letters(name->text)) {
        xg_trouble *trouble =
            report_quoted(p, name->at, "the mesh name ", name->text, " cannot stand in the name of a workload");
        xg_trouble_note(trouble, "'kuma.io/workload' takes letters in lower case, digits and '-', beginning with a "
                                 "letter and ending with a letter or digit (DNS-1035)");
        xg_trouble_help(trouble,
                        "mint this mesh's tokens one by one, bound to the proxy's name: mint dataplane --name");
    }
}

static void check_values_texts(planner *p, const xg_values_mesh *mesh)
{
    static const char NEITHER[] = " is neither an IP address that can be reached nor a DNS name";
    const xg_values_text *space = &mesh->space;
    if (space->at.line > 0 && (!has_label_letters(space->text) || space->text.len > LABEL_MAX)) {
        report_quoted(p, space->at, "the namespace ", space->text,
                      " is no DNS label: letters in lower case, digits and '-', at most 63");
    }
    if (mesh->address.at.line > 0 && !is_address(mesh->address.text)) {
        report_quoted(p, mesh->address.at, "the address ", mesh->address.text, NEITHER);
    }
    if (mesh->advertised.at.line > 0 && !is_address(mesh->advertised.text)) {
        report_quoted(p, mesh->advertised.at, "the advertised address ", mesh->advertised.text, NEITHER);
    }
}

static int compare_meshes(const void *a, const void *b, void *user)
{
    const xg_values_mesh *meshes = user;
    size_t left = *(const size_t *)a;
    size_t right = *(const size_t *)b;
    int order = xg_str_cmp(meshes[left].name.text, meshes[right].name.text);
    return order != 0 ? order : (left > right) - (left < right);
}

static void report_repeated(planner *p, const xg_values_mesh *first, const xg_values_mesh *again)
{
    xg_trouble *trouble = report_quoted(p, again->name.at, "the mesh ", again->name.text, " stands twice in 'meshes'");
    xg_trouble_note(trouble, "it stands first at %u:%u", first->name.at.line, first->name.at.column);
    xg_trouble_help(trouble, "make one entry of the two");
}

static bool find_repeated(planner *p)
{
    xg_values_mesh *meshes = p->values.meshes;
    size_t num = p->values.num_meshes;
    size_t *order = calloc(num + 1, sizeof(*order));
    if (order == NULL) {
        return false;
    }
    for (size_t i = 0; i < num; i++) {
        order[i] = i;
    }
    qsort_r(order, num, sizeof(*order), compare_meshes, meshes);
    for (size_t i = 1; i < num; i++) {
        const xg_values_mesh *first = &meshes[order[i - 1]];
        const xg_values_mesh *again = &meshes[order[i]];
        if (first->name.text.len > 0 && xg_str_eq(first->name.text, again->name.text)) {
            p->is_repeated[order[i]] = true;
            report_repeated(p, first, again);
        }
    }
    free(order);
    return true;
}

/* ---- proxies ---- */

static void name_workload(planner *p, xg_manifest_proxy *proxy)
{
    static const xg_str PREFIX = XG_STR_INIT("zone-proxy-");
    char words[320];
    char cut[LABEL_MAX + 1];
    xg_text text;
    xg_str role = xg_manifest_plan_role(proxy->role);
    size_t len = PREFIX.len + proxy->mesh.len + 1 + role.len;
    if (xg_is_ok(xg_workload_for_scope(proxy->mesh, xg_manifest_plan_scope(proxy->role), proxy->workload,
                                       sizeof(proxy->workload))) ||
        len <= LABEL_MAX) {
        return; /* a mesh name with other letters was reported once for all of its proxies */
    }
    service_name whole = {.base = XG_STR("zone-proxy"), .mesh = proxy->mesh, .suffix = role};
    xg_text_init(&text, words, sizeof(words));
    xg_text_add(&text, XG_STR("the workload name "));
    quote_name(&whole, &text);
    xg_text_printf(&text, " has %zu characters, and 63 are allowed", len);
    xg_trouble *trouble = report(p, proxy->at, words);
    xg_text_init(&text, cut, sizeof(cut));
    compose(&whole, &text);
    cut_like_helm(&text);
    xg_text_init(&text, words, sizeof(words));
    xg_text_quote(&text, xg_str_of(cut), QUOTE_MAX);
    xg_trouble_note(trouble, "cut, it would be %s, which other meshes could have too", words);
    xg_trouble_help(trouble, "a mesh with a proxy of role %s has at most %zu characters in its name", role.ptr,
                    LABEL_MAX - PREFIX.len - 1 - role.len);
}

static void name_override(planner *p, const xg_values_text *service, xg_manifest_proxy *proxy)
{
    xg_text text;
    if (!has_service_letters(service->text)) {
        report_quoted(p, service->at, "the Service name ", service->text,
                      " is no DNS label: letters in lower case, digits and '-', beginning with a letter");
        return;
    }
    add_name(p, (service_name){.space = proxy->space, .base = service->text, .at = service->at});
    xg_text_init(&text, proxy->service, sizeof(proxy->service));
    xg_text_add(&text, service->text);
}

/* The mesh's own Service is asked for once, whatever the number of its proxies. */
static void name_services(planner *p, const xg_values_mesh *mesh, xg_manifest_proxy *proxy, bool *is_named)
{
    const xg_values_part *part = &mesh->parts[proxy->role];
    service_name name = {.space = proxy->space,
                         .base = p->options.release,
                         .mesh = proxy->mesh,
                         .suffix = XG_STR("zoneproxy"),
                         .at = mesh->name.at};
    xg_text text;
    if (part->service.at.line > 0) {
        name_override(p, &part->service, proxy);
        return;
    }
    xg_text_init(&text, proxy->service, sizeof(proxy->service));
    compose(&name, &text);
    if (!*is_named) {
        add_name(p, name);
        *is_named = true;
    }
    if (mesh->shape == XG_MANIFEST_SHIPPED && proxy->role != XG_MANIFEST_ALL) {
        name.base = p->chart;
        name.suffix = xg_manifest_plan_role(proxy->role);
        add_name(p, name);
        xg_text_init(&text, proxy->chart_service, sizeof(proxy->chart_service));
        compose(&name, &text);
    }
}

static void place(planner *p, const xg_values_mesh *mesh, xg_manifest_proxy *proxy)
{
    const xg_manifest_options *options = &p->options;
    proxy->ports[XG_MANIFEST_INGRESS] = options->ingress_port;
    proxy->ports[XG_MANIFEST_EGRESS] = options->egress_port;
    proxy->address = mesh->address.at.line > 0 ? mesh->address.text : options->address;
    if (proxy->role == XG_MANIFEST_EGRESS) {
        return;
    }
    /* One address with a port for each mesh is what a shared load balancer looks like. */
    proxy->advertised_address = mesh->advertised.at.line > 0 ? mesh->advertised.text : options->advertised_address;
    if (proxy->advertised_address.len == 0) {
        if (mesh->advertised_port_at.line > 0) {
            xg_trouble *trouble =
                report(p, mesh->advertised_port_at, "'advertisedPort' stands without an advertised address");
            xg_trouble_help(trouble, "write 'advertisedAddress' beside it, or give one for all on the command line");
        }
        return;
    }
    proxy->advertised_port = options->advertised_port > 0 ? options->advertised_port : options->ingress_port;
    if (mesh->advertised_port > 0) {
        proxy->advertised_port = (uint16_t)mesh->advertised_port;
    }
}

static void plan_mesh(planner *p, size_t index)
{
    const xg_values_mesh *values = &p->values.meshes[index];
    xg_manifest_mesh *mesh = &p->plan->meshes[index];
    bool is_named = false;
    *mesh = (xg_manifest_mesh){
        .name = values->name.text, .at = values->name.at, .shape = values->shape, .first_proxy = p->plan->num_proxies};
    if (values->name.at.line == 0 || p->is_repeated[index]) {
        return; /* reported */
    }
    check_mesh_name(p, &values->name);
    check_values_texts(p, values);
    for (size_t role = 0; role < XG_MANIFEST_NUM_ROLES; role++) {
        if (!values->parts[role].is_on) {
            continue;
        }
        xg_manifest_proxy *proxy = &p->plan->proxies[p->plan->num_proxies++];
        *proxy = (xg_manifest_proxy){.mesh = values->name.text,
                                     .role = (xg_manifest_role)role,
                                     .at = values->name.at,
                                     .space = values->space.at.line > 0 ? values->space.text : p->options.space,
                                     .replicas = values->parts[role].replicas};
        name_workload(p, proxy);
        name_services(p, values, proxy, &is_named);
        place(p, values, proxy);
        mesh->num_proxies++;
    }
}

static void warn_idle(planner *p)
{
    for (size_t i = 0; i < p->plan->num_meshes; i++) {
        const xg_manifest_mesh *mesh = &p->plan->meshes[i];
        char words[320];
        xg_text text;
        if (mesh->num_proxies > 0) {
            continue;
        }
        xg_text_init(&text, words, sizeof(words));
        xg_text_add(&text, XG_STR("the mesh "));
        xg_text_quote(&text, mesh->name, QUOTE_MAX);
        xg_text_add(&text, XG_STR(" enables no zone proxy: nothing is planned for it"));
        xg_trouble *warning = xg_values_report(&p->plan->warnings, p->options.file, mesh->at, words);
        xg_trouble_help(warning, "set 'ingress.enabled' or 'egress.enabled' in its entry if it is to have one");
    }
}

static void check_placed(planner *p)
{
    const xg_manifest_proxy *first = NULL;
    size_t num_missing = 0;
    for (size_t i = 0; i < p->plan->num_proxies; i++) {
        if (p->plan->proxies[i].address.len == 0) {
            first = first == NULL ? &p->plan->proxies[i] : first;
            num_missing++;
        }
    }
    if (first == NULL || !p->options.wants_dataplanes) {
        return;
    }
    xg_trouble *trouble = report_quoted(p, first->at, "the Dataplane of mesh ", first->mesh, " has no address");
    if (num_missing > 1) {
        xg_trouble_note(trouble, "so have %zu others", num_missing - 1);
    }
    xg_trouble_help(trouble, "write 'address' into the mesh's entry, or give one for all on the command line");
}

/* ---- the whole ---- */

/* Each array holds what the largest plan for so many meshes needs. */
static bool make_room(planner *p)
{
    size_t num = p->values.num_meshes;
    p->plan->meshes = calloc(num + 1, sizeof(*p->plan->meshes));
    p->plan->proxies = calloc(num * XG_MANIFEST_NUM_ROLES + 1, sizeof(*p->plan->proxies));
    p->names = calloc(num * XG_MANIFEST_NUM_ROLES * 2 + 1, sizeof(*p->names));
    p->is_repeated = calloc(num + 1, sizeof(*p->is_repeated));
    return p->plan->meshes != NULL && p->plan->proxies != NULL && p->names != NULL && p->is_repeated != NULL;
}

static void plan_all(planner *p)
{
    xg_manifest_plan *plan = p->plan;
    const xg_values *values = &p->values;
    p->chart = values->name_override.at.line > 0 ? values->name_override.text : XG_STR(DEFAULT_RELEASE);
    if (!has_service_letters(p->chart)) {
        report_quoted(p, values->name_override.at, "'nameOverride' ", p->chart,
                      " is no DNS label: letters in lower case, digits and '-', beginning with a letter");
        p->chart = XG_STR(DEFAULT_RELEASE);
    }
    if (!make_room(p) || !find_repeated(p)) {
        report_memory(p);
        return;
    }
    plan->num_meshes = values->num_meshes;
    for (size_t i = 0; i < values->num_meshes; i++) {
        plan_mesh(p, i);
    }
    check_names(p);
    check_placed(p);
    plan->zone = values->zone.text;
    plan->global_address = values->global_address.text;
    plan->is_federated = values->zone.at.line > 0 && values->global_address.at.line > 0;
}

xg_manifest_plan *xg_manifest_plan_new(xg_str text, const xg_manifest_options *options)
{
    xg_manifest_plan *plan = calloc(1, sizeof(*plan));
    planner p = {.plan = plan, .options = *options};
    if (plan == NULL) {
        return NULL;
    }
    fill_options(&p);
    check_options(&p);
    xg_values_read(text, options->file, &p.values, &plan->troubles, &plan->warnings);
    plan_all(&p);
    if (plan->troubles.total > 0) {
        plan->num_proxies = 0;
        plan->num_meshes = 0;
    }
    warn_idle(&p);
    /* The texts stay; the tree that they were found by does not. */
    plan->input = p.values.input;
    p.values.input = NULL;
    if (plan->input != NULL) {
        xg_yaml_input_drop_tree(plan->input);
    }
    xg_values_done(&p.values);
    free(p.names);
    free(p.is_repeated);
    return plan;
}

void xg_manifest_plan_free(xg_manifest_plan *plan)
{
    if (plan == NULL) {
        return;
    }
    xg_yaml_input_free(plan->input);
    free(plan->meshes);
    free(plan->proxies);
    free(plan);
}
