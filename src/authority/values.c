/* SPDX-License-Identifier: Apache-2.0 */
/*
 * values.c: a deployment's values file: Helm's, as written by hand, by Konnect or by a rendered template.
 *
 * Knows both shapes of an entry of `meshes:` and every member that the chart knows. Must never guess: what has the
 * wrong shape is reported with line and column, and the next entry is read, so that one run shows everything. Thread
 * rule: works on the caller's memory only.
 */
#include "values.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUOTE_MAX    80u
#define REPLICAS_MAX 10000u
#define NESTING_MAX  3 /* an umbrella over kong-mesh over kuma */

typedef struct reader {
    const xg_yaml_input *input;
    const char *file;
    xg_manifest_reports *troubles;
    xg_manifest_reports *warnings;
} reader;

/* The words that may stand at one place, for near misses too. */
typedef struct wordlist {
    const xg_str *words;
    size_t num;
} wordlist;

static const char RENDER_HELP[] = "render the template first, then give the rendered file";

/* ---- reports ---- */

xg_trouble *xg_values_report(xg_manifest_reports *reports, const char *file, xg_manifest_at at, const char *summary)
{
    xg_trouble *trouble = &reports->items[reports->num];
    reports->num += reports->num < XG_MANIFEST_REPORTS_MAX ? 1 : 0;
    reports->total++;
    xg_trouble_say(trouble, XG_TROUBLE_CONFIG, "%s", summary);
    if (at.line > 0) {
        xg_trouble_where(trouble, "%s:%u:%u", file, at.line, at.column);
    } else {
        xg_trouble_where(trouble, "%s", file);
    }
    return trouble;
}

static xg_manifest_at at_of(const xg_yaml_node *node)
{
    xg_manifest_at at = {0};
    if (node != NULL) {
        at.line = node->line;
        at.column = node->column;
    }
    return at;
}

static xg_trouble *report(const reader *r, const xg_yaml_node *node, const char *summary)
{
    return xg_values_report(r->troubles, r->file, at_of(node), summary);
}

/* "<before>'<quoted>'<after>" */
static xg_trouble *report_quoted(const reader *r, xg_manifest_reports *reports, const xg_yaml_node *node,
                                 const char *before, xg_str quoted, const char *after)
{
    char sentence[320];
    xg_text text;
    xg_text_init(&text, sentence, sizeof(sentence));
    xg_text_add(&text, xg_str_of(before));
    xg_text_quote(&text, quoted, QUOTE_MAX);
    xg_text_add(&text, xg_str_of(after));
    return xg_values_report(reports, r->file, at_of(node), sentence);
}

/* A quoted text as the help of a report. */
static void help_quoted(xg_trouble *trouble, const char *before, xg_str quoted, const char *after)
{
    char sentence[200];
    xg_text text;
    xg_text_init(&text, sentence, sizeof(sentence));
    xg_text_add(&text, xg_str_of(before));
    xg_text_quote(&text, quoted, QUOTE_MAX);
    xg_text_add(&text, xg_str_of(after));
    xg_trouble_help(trouble, "%s", sentence);
}

static void report_kind(const reader *r, const xg_yaml_node *node, const char *path, const char *expected)
{
    static const char *const KINDS[] = {
        [XG_YAML_NULL] = "nothing",   [XG_YAML_BOOL] = "the truth value ", [XG_YAML_NUMBER] = "the number ",
        [XG_YAML_TEXT] = "the text ", [XG_YAML_LIST] = "a list",           [XG_YAML_MAP] = "a map",
    };
    char sentence[320];
    xg_text text;
    xg_str value = xg_yaml_input_text(r->input, node);
    xg_text_init(&text, sentence, sizeof(sentence));
    xg_text_printf(&text, "'%s' must be %s, and is %s", path, expected, KINDS[node->kind]);
    if (node->kind != XG_YAML_NULL && node->kind != XG_YAML_LIST && node->kind != XG_YAML_MAP) {
        xg_text_quote(&text, value, QUOTE_MAX);
    }
    xg_trouble *trouble = report(r, node, sentence);
    if (node->kind == XG_YAML_BOOL || node->kind == XG_YAML_NUMBER) {
        xg_trouble_help(trouble, "put it in quotes if the text is meant: YAML takes it for something else");
    }
}

static bool is_rendered(const reader *r, const xg_yaml_node *node, const char *path)
{
    char after[120];
    xg_text text;
    if (!xg_yaml_input_has_template(xg_yaml_input_text(r->input, node))) {
        return true;
    }
    xg_text_init(&text, after, sizeof(after));
    xg_text_printf(&text, ": the template was not rendered, in '%s'", path);
    xg_trouble *trouble =
        report_quoted(r, r->troubles, node, "the value is ", xg_yaml_input_text(r->input, node), after);
    xg_trouble_help(trouble, "%s", RENDER_HELP);
    return false;
}

/* ---- near misses ---- */

#define WORD_MAX 31u

static int lower(char c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Edits between two words, case aside; a pair of neighbours that changed places counts two. */
static size_t distance(xg_str a, xg_str b)
{
    size_t rows[2][WORD_MAX + 1];
    if (a.len > WORD_MAX || b.len > WORD_MAX) {
        return WORD_MAX;
    }
    for (size_t k = 0; k <= b.len; k++) {
        rows[0][k] = k;
    }
    for (size_t i = 1; i <= a.len; i++) {
        const size_t *above = rows[(i - 1) % 2];
        size_t *row = rows[i % 2];
        row[0] = i;
        for (size_t k = 1; k <= b.len; k++) {
            size_t change = above[k - 1] + (lower(a.ptr[i - 1]) == lower(b.ptr[k - 1]) ? 0u : 1u);
            row[k] = smaller(change, smaller(above[k], row[k - 1]) + 1);
        }
    }
    return rows[a.len % 2][b.len];
}

/* An empty text if no word is near. */
static xg_str nearest(xg_str word, wordlist known)
{
    size_t best = word.len < 4 ? 1 : 2;
    xg_str found = {NULL, 0};
    for (size_t i = 0; i < known.num; i++) {
        size_t edits = distance(word, known.words[i]);
        if (edits < best || (edits == best && found.len == 0)) {
            best = edits;
            found = known.words[i];
        }
    }
    return found;
}

static bool is_known(xg_str word, wordlist known)
{
    for (size_t i = 0; i < known.num; i++) {
        if (xg_str_eq(word, known.words[i])) {
            return true;
        }
    }
    return false;
}

static void suggest(xg_trouble *trouble, xg_str word, wordlist known)
{
    xg_str near = nearest(word, known);
    if (near.len > 0) {
        help_quoted(trouble, "did you mean ", near, "?");
    }
}

#define WORDLIST(array) ((wordlist){array, XG_ARRAY_LEN(array)})

static void warn_unknown(const reader *r, const xg_yaml_node *map, const char *what, wordlist known)
{
    const xg_yaml_node *key = map == NULL || map->kind != XG_YAML_MAP ? NULL : xg_yaml_input_first(r->input, map);
    while (key != NULL) {
        xg_str name = xg_yaml_input_text(r->input, key);
        if (!is_known(name, known) && !xg_str_eq(name, XG_STR("<<"))) {
            xg_trouble *warning = report_quoted(r, r->warnings, key, "unknown member ", name, what);
            suggest(warning, name, known);
        }
        key = xg_yaml_input_next(r->input, xg_yaml_input_next(r->input, key));
    }
}

/* ---- single values ---- */

/* The member, or NULL if it is absent or null, which is the same to Helm. */
static const xg_yaml_node *present(const reader *r, const xg_yaml_node *map, xg_str key)
{
    const xg_yaml_node *node = xg_yaml_input_member(r->input, map, key);
    return node == NULL || node->kind == XG_YAML_NULL ? NULL : node;
}

/* An empty text is as good as none: the chart's own defaults are such. */
static void take_text(const reader *r, const xg_yaml_node *map, xg_str key, const char *path, xg_values_text *ret_text)
{
    const xg_yaml_node *node = present(r, map, key);
    if (node == NULL || !is_rendered(r, node, path)) {
        return;
    }
    if (node->kind != XG_YAML_TEXT) {
        report_kind(r, node, path, "a text");
        return;
    }
    if (node->len > 0) {
        *ret_text = (xg_values_text){xg_yaml_input_text(r->input, node), at_of(node)};
    }
}

static bool take_flag(const reader *r, const xg_yaml_node *map, xg_str key, const char *path)
{
    const xg_yaml_node *node = present(r, map, key);
    if (node == NULL || !is_rendered(r, node, path)) {
        return false;
    }
    if (node->kind != XG_YAML_BOOL) {
        report_kind(r, node, path, "true or false");
        return false;
    }
    return node->is_true;
}

/* Whether ret_value was set. */
static bool take_number(const reader *r, const xg_yaml_node *map, xg_str key, const char *path, uint32_t max,
                        uint32_t *ret_value)
{
    const xg_yaml_node *node = present(r, map, key);
    char expected[64];
    xg_text text;
    uint64_t value = 0;
    if (node == NULL || !is_rendered(r, node, path)) {
        return false;
    }
    if (node->kind == XG_YAML_NUMBER && xg_str_to_u64(xg_yaml_input_text(r->input, node), max, &value)) {
        *ret_value = (uint32_t)value;
        return true;
    }
    xg_text_init(&text, expected, sizeof(expected));
    xg_text_printf(&text, "a whole number up to %u", max);
    char sentence[320];
    if (node->kind == XG_YAML_NUMBER) {
        xg_text_init(&text, sentence, sizeof(sentence));
        xg_text_printf(&text, "'%s' must be %s, and is ", path, expected);
        xg_text_quote(&text, xg_yaml_input_text(r->input, node), QUOTE_MAX);
        report(r, node, sentence);
    } else {
        report_kind(r, node, path, expected);
    }
    return false;
}

static const xg_yaml_node *take_map(const reader *r, const xg_yaml_node *map, xg_str key, const char *path)
{
    const xg_yaml_node *node = present(r, map, key);
    if (node == NULL || !is_rendered(r, node, path)) {
        return NULL;
    }
    if (node->kind != XG_YAML_MAP) {
        report_kind(r, node, path, "a map");
        return NULL;
    }
    return node;
}

/* ---- where an ingress is reached from outside ---- */

static const char HATCH_ADDRESS[] = "kuma.io/ingress-public-address";
static const char HATCH_PORT[] = "kuma.io/ingress-public-port";

/* The old annotations, which are texts even for a port. */
static void take_hatch(const reader *r, const xg_yaml_node *annotations, xg_values_mesh *mesh)
{
    const xg_yaml_node *address = present(r, annotations, xg_str_of(HATCH_ADDRESS));
    const xg_yaml_node *port = present(r, annotations, xg_str_of(HATCH_PORT));
    uint64_t number = 0;
    if (address == NULL || !is_rendered(r, address, HATCH_ADDRESS)) {
        return;
    }
    if (address->kind != XG_YAML_TEXT) {
        report_kind(r, address, HATCH_ADDRESS, "a text");
        return;
    }
    const char *after = mesh->advertised.at.line > 0 ? " is deprecated, and left aside for 'advertisedAddress'"
                                                     : " is deprecated, and taken as 'advertisedAddress'";
    xg_trouble *warning = report_quoted(r, r->warnings, address, "", xg_str_of(HATCH_ADDRESS), after);
    xg_trouble_help(warning, "write 'advertisedAddress' and 'advertisedPort' in the mesh's entry instead");
    if (mesh->advertised.at.line > 0) {
        return;
    }
    mesh->advertised = (xg_values_text){xg_yaml_input_text(r->input, address), at_of(address)};
    if (port == NULL || mesh->advertised_port > 0) {
        return;
    }
    if (!xg_str_to_u64(xg_yaml_input_text(r->input, port), 65535, &number) || number == 0) {
        report_kind(r, port, HATCH_PORT, "a port from 1 to 65535");
        return;
    }
    mesh->advertised_port = (uint32_t)number;
    mesh->advertised_port_at = at_of(port);
}

static void take_hatches(const reader *r, const xg_yaml_node *owner, xg_values_mesh *mesh)
{
    take_hatch(r, present(r, owner, XG_STR("annotations")), mesh);
    take_hatch(r, present(r, owner, XG_STR("podAnnotations")), mesh);
    take_hatch(r, present(r, owner, XG_STR("labels")), mesh);
}

static void take_addresses(const reader *r, const xg_yaml_node *entry, xg_values_mesh *mesh)
{
    static const xg_str PARTS[] = {XG_STR_INIT("ingress"), XG_STR_INIT("combinedProxies")};
    const xg_yaml_node *port = present(r, entry, XG_STR("advertisedPort"));
    take_text(r, entry, XG_STR("address"), "address", &mesh->address);
    take_text(r, entry, XG_STR("advertisedAddress"), "advertisedAddress", &mesh->advertised);
    if (take_number(r, entry, XG_STR("advertisedPort"), "advertisedPort", 65535, &mesh->advertised_port)) {
        mesh->advertised_port_at = at_of(port);
        if (mesh->advertised_port == 0) {
            report(r, port, "'advertisedPort' must be a port from 1 to 65535, and is 0");
        }
    }
    take_hatches(r, entry, mesh);
    for (size_t i = 0; i < XG_ARRAY_LEN(PARTS); i++) {
        const xg_yaml_node *part = present(r, entry, PARTS[i]);
        take_hatches(r, part, mesh);
        take_hatches(r, present(r, part, XG_STR("service")), mesh);
        take_hatches(r, present(r, part, XG_STR("deployment")), mesh);
    }
}

/* ---- the draft's shape ---- */

static void take_draft(const reader *r, const xg_yaml_node *entry, xg_values_mesh *mesh)
{
    static const xg_str ROLES[] = {XG_STR_INIT("all"), XG_STR_INIT("ingress"), XG_STR_INIT("egress"),
                                   XG_STR_INIT("separate")};
    const xg_yaml_node *role = present(r, entry, XG_STR("role"));
    xg_str word = role == NULL ? ROLES[0] : xg_yaml_input_text(r->input, role);
    uint32_t replicas = 1;
    (void)take_number(r, entry, XG_STR("replicas"), "replicas", REPLICAS_MAX, &replicas);
    take_text(r, entry, XG_STR("namespace"), "namespace", &mesh->space);
    if (role != NULL && !is_rendered(r, role, "role")) {
        return;
    }
    if (!is_known(word, WORDLIST(ROLES))) {
        if (role->kind == XG_YAML_TEXT) {
            xg_trouble *trouble = report_quoted(r, r->troubles, role, "unknown role ", word, "");
            xg_trouble_note(trouble, "the roles are all, ingress, egress and separate, which is one proxy of each");
            suggest(trouble, word, WORDLIST(ROLES));
        } else {
            report_kind(r, role, "role", "all, ingress, egress or separate");
        }
        return;
    }
    const xg_yaml_node *where = role == NULL ? entry : role;
    bool is_separate = xg_str_eq(word, ROLES[3]);
    mesh->parts[XG_MANIFEST_ALL].is_on = xg_str_eq(word, ROLES[0]);
    mesh->parts[XG_MANIFEST_INGRESS].is_on = is_separate || xg_str_eq(word, ROLES[1]);
    mesh->parts[XG_MANIFEST_EGRESS].is_on = is_separate || xg_str_eq(word, ROLES[2]);
    for (size_t i = 0; i < XG_MANIFEST_NUM_ROLES; i++) {
        mesh->parts[i].at = at_of(where);
        mesh->parts[i].replicas = replicas;
    }
}

/* ---- the chart's shape ---- */

static const xg_str PART_NAMES[XG_MANIFEST_NUM_ROLES] = {
    [XG_MANIFEST_INGRESS] = XG_STR_INIT("ingress"),
    [XG_MANIFEST_EGRESS] = XG_STR_INIT("egress"),
    [XG_MANIFEST_ALL] = XG_STR_INIT("combinedProxies"),
};

/* The paths of one part, spelt out for reports. */
static const struct part_paths {
    const char *part;
    const char *enabled;
    const char *service;
    const char *name;
    const char *deployment;
    const char *replicas;
} PATHS[XG_MANIFEST_NUM_ROLES] = {
#define PART_PATHS(part)                                                                                               \
    {                                                                                                                  \
        part, part ".enabled", part ".service", part ".service.name", part ".deployment", part ".deployment.replicas"  \
    }
    [XG_MANIFEST_INGRESS] = PART_PATHS("ingress"),
    [XG_MANIFEST_EGRESS] = PART_PATHS("egress"),
    [XG_MANIFEST_ALL] = PART_PATHS("combinedProxies"),
};

static void take_part(const reader *r, const xg_yaml_node *entry, xg_manifest_role role, xg_values_mesh *mesh)
{
    static const xg_str PART[] = {
        XG_STR_INIT("enabled"),
        XG_STR_INIT("podSpec"),
        XG_STR_INIT("hpa"),
        XG_STR_INIT("pdb"),
        XG_STR_INIT("service"),
        XG_STR_INIT("resources"),
        XG_STR_INIT("image"),
        XG_STR_INIT("restartPolicy"),
        XG_STR_INIT("terminationGracePeriodSeconds"),
        XG_STR_INIT("automountServiceAccountToken"),
        XG_STR_INIT("imagePullPolicy"),
        XG_STR_INIT("serviceAccountAnnotations"),
        XG_STR_INIT("deployment"),
        XG_STR_INIT("annotations"),
        XG_STR_INIT("podAnnotations"),
        XG_STR_INIT("labels"),
    };
    static const xg_str SERVICE[] = {XG_STR_INIT("name"), XG_STR_INIT("type"),        XG_STR_INIT("port"),
                                     XG_STR_INIT("spec"), XG_STR_INIT("annotations"), XG_STR_INIT("labels")};
    static const xg_str DEPLOYMENT[] = {XG_STR_INIT("replicas"), XG_STR_INIT("annotations"), XG_STR_INIT("labels"),
                                        XG_STR_INIT("podSpec")};
    const struct part_paths *paths = &PATHS[role];
    xg_values_part *part = &mesh->parts[role];
    const xg_yaml_node *node = take_map(r, entry, PART_NAMES[role], paths->part);
    const xg_yaml_node *enabled = present(r, node, XG_STR("enabled"));
    part->replicas = 1;
    if (node == NULL) {
        return;
    }
    const xg_yaml_node *service = take_map(r, node, XG_STR("service"), paths->service);
    const xg_yaml_node *deployment = take_map(r, node, XG_STR("deployment"), paths->deployment);
    part->is_on = take_flag(r, node, XG_STR("enabled"), paths->enabled);
    part->at = at_of(enabled == NULL ? node : enabled);
    take_text(r, service, XG_STR("name"), paths->name, &part->service);
    (void)take_number(r, deployment, XG_STR("replicas"), paths->replicas, REPLICAS_MAX, &part->replicas);
    warn_unknown(r, node, " of an ingress, egress or combinedProxies", WORDLIST(PART));
    warn_unknown(r, service, " of a service", WORDLIST(SERVICE));
    warn_unknown(r, deployment, " of a deployment", WORDLIST(DEPLOYMENT));
}

static void take_shipped(const reader *r, const xg_yaml_node *entry, xg_values_mesh *mesh)
{
    const xg_values_part *combined = &mesh->parts[XG_MANIFEST_ALL];
    for (size_t i = 0; i < XG_MANIFEST_NUM_ROLES; i++) {
        take_part(r, entry, (xg_manifest_role)i, mesh);
    }
    for (size_t i = XG_MANIFEST_INGRESS; combined->is_on && i <= XG_MANIFEST_EGRESS; i++) {
        if (mesh->parts[i].is_on) {
            xg_trouble *trouble = xg_values_report(r->troubles, r->file, combined->at,
                                                   "'combinedProxies' stands for ingress and egress in one proxy: it "
                                                   "cannot be enabled beside either");
            xg_trouble_note(trouble, "'%s' is enabled at %u:%u", PATHS[i].enabled, mesh->parts[i].at.line,
                            mesh->parts[i].at.column);
            xg_trouble_help(trouble, "enable combinedProxies, or ingress and egress");
        }
    }
}

/* ---- entries ---- */

static const xg_str DRAFT_MEMBERS[] = {XG_STR_INIT("role"), XG_STR_INIT("replicas"), XG_STR_INIT("namespace")};
static const xg_str SHIPPED_MEMBERS[] = {XG_STR_INIT("ingress"), XG_STR_INIT("egress"), XG_STR_INIT("combinedProxies"),
                                         XG_STR_INIT("createMesh"), XG_STR_INIT("createPolicies")};

/* The first of some members that an entry has. */
typedef struct spot {
    bool is_there;
    xg_str name;
    uint32_t line;
    uint32_t column;
} spot;

static spot first_of(const reader *r, const xg_yaml_node *entry, wordlist members)
{
    for (size_t i = 0; i < members.num; i++) {
        const xg_yaml_node *found = xg_yaml_input_member(r->input, entry, members.words[i]);
        if (found != NULL) {
            return (spot){true, members.words[i], found->line, found->column};
        }
    }
    return (spot){0};
}

static void take_shape(const reader *r, const xg_yaml_node *entry, xg_values_mesh *mesh)
{
    spot draft = first_of(r, entry, WORDLIST(DRAFT_MEMBERS));
    spot shipped = first_of(r, entry, WORDLIST(SHIPPED_MEMBERS));
    if (draft.is_there && shipped.is_there) {
        xg_trouble *trouble = report(r, entry, "this entry has members of both shapes");
        xg_trouble_note(trouble,
                        "'%s' at %u:%u is of {name, role, replicas, namespace}, '%s' at %u:%u of the chart's "
                        "{name, ingress, egress, combinedProxies}",
                        draft.name.ptr, draft.line, draft.column, shipped.name.ptr, shipped.line, shipped.column);
        xg_trouble_help(trouble, "write the entry in one of the two; entries of both may stand in one list");
    }
    mesh->shape = shipped.is_there ? XG_MANIFEST_SHIPPED : draft.is_there ? XG_MANIFEST_DRAFT : XG_MANIFEST_BARE;
}

static void take_name(const reader *r, const xg_yaml_node *entry, xg_values_mesh *mesh)
{
    const xg_yaml_node *node = xg_yaml_input_member(r->input, entry, XG_STR("name"));
    size_t before = r->troubles->total;
    take_text(r, entry, XG_STR("name"), "name", &mesh->name);
    if (mesh->name.at.line == 0 && r->troubles->total == before) {
        xg_trouble *trouble =
            report(r, node == NULL ? entry : node, node == NULL ? "this entry has no 'name'" : "'name' is empty");
        xg_trouble_help(trouble, "give the name of the mesh: '- name: default'");
    }
}

static void take_entry(const reader *r, const xg_yaml_node *entry, xg_values_mesh *mesh)
{
    static const xg_str ENTRY[] = {
        XG_STR_INIT("name"),
        XG_STR_INIT("role"),
        XG_STR_INIT("replicas"),
        XG_STR_INIT("namespace"),
        XG_STR_INIT("ingress"),
        XG_STR_INIT("egress"),
        XG_STR_INIT("combinedProxies"),
        XG_STR_INIT("createMesh"),
        XG_STR_INIT("createPolicies"),
        XG_STR_INIT("address"),
        XG_STR_INIT("advertisedAddress"),
        XG_STR_INIT("advertisedPort"),
        XG_STR_INIT("annotations"),
        XG_STR_INIT("podAnnotations"),
        XG_STR_INIT("labels"),
    };
    if (entry->kind != XG_YAML_MAP) {
        if (is_rendered(r, entry, "meshes")) {
            report_kind(r, entry, "an entry of meshes", "a map");
        }
        return;
    }
    take_name(r, entry, mesh);
    take_shape(r, entry, mesh);
    take_addresses(r, entry, mesh);
    warn_unknown(r, entry, " of an entry of meshes", WORDLIST(ENTRY));
}

/* A bare entry follows the file: see manifest.h. */
static xg_manifest_shape shape_of_bare(const xg_values *values)
{
    bool has_shipped = false;
    for (size_t i = 0; i < values->num_meshes; i++) {
        if (values->meshes[i].shape == XG_MANIFEST_DRAFT) {
            return XG_MANIFEST_DRAFT;
        }
        has_shipped = has_shipped || values->meshes[i].shape == XG_MANIFEST_SHIPPED;
    }
    return has_shipped ? XG_MANIFEST_SHIPPED : XG_MANIFEST_DRAFT;
}

static void take_entries(const reader *r, const xg_yaml_node *list, xg_values *values)
{
    const xg_yaml_node *entry = xg_yaml_input_first(r->input, list);
    for (size_t i = 0; i < values->num_meshes; i++) {
        take_entry(r, entry, &values->meshes[i]);
        entry = xg_yaml_input_next(r->input, entry);
    }
    xg_manifest_shape bare = shape_of_bare(values);
    entry = xg_yaml_input_first(r->input, list);
    for (size_t i = 0; i < values->num_meshes; i++) {
        xg_values_mesh *mesh = &values->meshes[i];
        mesh->shape = mesh->shape == XG_MANIFEST_BARE ? bare : mesh->shape;
        if (entry->kind == XG_YAML_MAP && mesh->shape == XG_MANIFEST_DRAFT) {
            take_draft(r, entry, mesh);
        } else if (entry->kind == XG_YAML_MAP) {
            take_shipped(r, entry, mesh);
        }
        entry = xg_yaml_input_next(r->input, entry);
    }
}

static void report_no_meshes(const reader *r, const xg_yaml_node *chart)
{
    static const xg_str MESHES[] = {XG_STR_INIT("meshes")};
    xg_trouble *trouble = report(r, chart, "the file has no 'meshes' list");
    xg_trouble_help(trouble, "write 'meshes: [{name: default, role: separate}]', or give the file that has it");
    const xg_yaml_node *key = xg_yaml_input_first(r->input, chart);
    while (key != NULL) {
        if (nearest(xg_yaml_input_text(r->input, key), WORDLIST(MESHES)).len > 0) {
            xg_trouble_where(trouble, "%s:%u:%u", r->file, key->line, key->column);
            help_quoted(trouble, "did you mean 'meshes' by ", xg_yaml_input_text(r->input, key), "?");
        }
        key = xg_yaml_input_next(r->input, xg_yaml_input_next(r->input, key));
    }
}

static void take_meshes(const reader *r, const xg_yaml_node *chart, xg_values *values)
{
    const xg_yaml_node *list = present(r, chart, XG_STR("meshes"));
    if (list == NULL) {
        report_no_meshes(r, chart);
        return;
    }
    if (!is_rendered(r, list, "meshes")) {
        return;
    }
    if (list->kind != XG_YAML_LIST) {
        report_kind(r, list, "meshes", "a list");
        return;
    }
    if (list->num > XG_MANIFEST_MESHES_MAX) {
        report(r, list, "there are more than 100000 meshes");
        return;
    }
    values->meshes = calloc(list->num + 1, sizeof(*values->meshes));
    if (values->meshes == NULL) {
        xg_trouble_io(report(r, NULL, ""), "read the values", r->file, ENOMEM);
        return;
    }
    values->num_meshes = list->num;
    take_entries(r, list, values);
}

/* ---- the file ---- */

static void take_control_plane(const reader *r, const xg_yaml_node *chart, xg_values *values)
{
    static const xg_str MODES[] = {XG_STR_INIT("zone"), XG_STR_INIT("global")};
    const xg_yaml_node *plane = take_map(r, chart, XG_STR("controlPlane"), "controlPlane");
    const xg_yaml_node *mode_node = present(r, plane, XG_STR("mode"));
    xg_values_text mode = {0};
    take_text(r, plane, XG_STR("zone"), "controlPlane.zone", &values->zone);
    take_text(r, plane, XG_STR("mode"), "controlPlane.mode", &mode);
    take_text(r, plane, XG_STR("kdsGlobalAddress"), "controlPlane.kdsGlobalAddress", &values->global_address);
    take_text(r, chart, XG_STR("nameOverride"), "nameOverride", &values->name_override);
    if (xg_str_eq(mode.text, MODES[1])) {
        xg_trouble *trouble = report(r, mode_node, "'controlPlane.mode' is global: no zone proxy runs there");
        xg_trouble_note(trouble, "the chart refuses 'meshes' beside it");
        xg_trouble_help(trouble, "give the values of a zone");
    } else if (mode.text.len > 0 && !xg_str_eq(mode.text, MODES[0])) {
        xg_trouble *trouble = report_quoted(r, r->troubles, mode_node, "unknown 'controlPlane.mode' ", mode.text, "");
        xg_trouble_note(trouble, "the modes are zone and global");
        suggest(trouble, mode.text, WORDLIST(MODES));
    }
    if (values->global_address.at.line > 0 && values->zone.at.line == 0) {
        xg_trouble *warning = xg_values_report(
            r->warnings, r->file, values->global_address.at,
            "'controlPlane.kdsGlobalAddress' stands without 'controlPlane.zone': the zone counts as unfederated");
        xg_trouble_help(warning, "set 'controlPlane.zone' to the zone's name");
    }
}

/* The zone-wide proxies of Kuma 2 are left over silently by Helm when a zone moves on. */
static void warn_leftovers(const reader *r, const xg_yaml_node *chart)
{
    static const xg_str NAMES[] = {XG_STR_INIT("ingress"), XG_STR_INIT("egress")};
    for (size_t i = 0; i < XG_ARRAY_LEN(NAMES); i++) {
        const xg_yaml_node *enabled = present(r, present(r, chart, NAMES[i]), XG_STR("enabled"));
        if (enabled != NULL && enabled->kind == XG_YAML_BOOL && enabled->is_true) {
            xg_trouble *warning = report_quoted(r, r->warnings, enabled, "'enabled' of ", NAMES[i],
                                                " beside 'meshes' is the zone-wide proxy of Kuma 2: nothing is "
                                                "planned for it");
            xg_trouble_help(warning, "a mesh's own is enabled in its entry of 'meshes'");
        }
    }
}

/* The values of the chart itself: at the top, or under the name that an umbrella chart gives it. */
static const xg_yaml_node *find_chart(const reader *r, const xg_yaml_node *root)
{
    const xg_yaml_node *chart = root;
    for (int i = 0; i < NESTING_MAX; i++) {
        const xg_yaml_node *kuma = present(r, chart, XG_STR("kuma"));
        const xg_yaml_node *kong = present(r, chart, XG_STR("kong-mesh"));
        if (present(r, chart, XG_STR("meshes")) != NULL || present(r, chart, XG_STR("controlPlane")) != NULL) {
            break;
        }
        if (kuma != NULL && kong != NULL) {
            xg_trouble *trouble = report(r, kong, "'kuma' and 'kong-mesh' stand side by side");
            xg_trouble_note(trouble, "'kuma' is at %u:%u", kuma->line, kuma->column);
            xg_trouble_help(trouble, "give a file that has the values of one of them");
            return NULL;
        }
        const xg_yaml_node *next = kuma != NULL ? kuma : kong;
        if (next == NULL || next->kind != XG_YAML_MAP) {
            break;
        }
        chart = next;
    }
    return chart;
}

void xg_values_read(xg_str text, const char *file, xg_values *values, xg_manifest_reports *troubles,
                    xg_manifest_reports *warnings)
{
    reader r = {.file = file, .troubles = troubles, .warnings = warnings};
    xg_trouble trouble;
    *values = (xg_values){0};
    if (!xg_yaml_input_parse(text, file, &values->input, &trouble)) {
        *xg_values_report(troubles, file, (xg_manifest_at){0}, "") = trouble;
        return;
    }
    r.input = values->input;
    const xg_yaml_node *root = xg_yaml_input_root(values->input);
    if (root == NULL || root->kind == XG_YAML_NULL) {
        xg_trouble_help(report(&r, NULL, "the file holds no values"), "give the values.yaml of the deployment");
        return;
    }
    if (root->kind != XG_YAML_MAP) {
        report_kind(&r, root, "the file", "a map");
        return;
    }
    const xg_yaml_node *chart = find_chart(&r, root);
    if (chart != NULL) {
        take_control_plane(&r, chart, values);
        take_meshes(&r, chart, values);
        warn_leftovers(&r, chart);
    }
}

void xg_values_done(xg_values *values)
{
    xg_yaml_input_free(values->input);
    free(values->meshes);
    *values = (xg_values){0};
}
