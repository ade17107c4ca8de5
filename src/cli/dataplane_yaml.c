/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dataplane_yaml.c: a Kuma resource as YAML: what of it the decision looks at.
 *
 * Reads the Universal form (type, mesh, name, labels, networking) and the Kubernetes form (kind, metadata, spec). Must
 * never guess: what has the wrong shape is reported with its line. One thread.
 */
#include <errno.h>
#include <libfyaml.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

struct xg_dataplane_yaml {
    const char *path;
    char *text;
    struct fy_diag *diag;
    struct fy_parser *parser;
    struct fy_document *document;
    xg_proxy *proxy;
    char *name; /* made from name and namespace, as Kuma does on Kubernetes */
};

static int refuse(const xg_dataplane_yaml *yaml, struct fy_node *node, const char *what)
{
    struct fy_token *token = node != NULL ? fy_node_get_scalar_token(node) : NULL;
    const struct fy_mark *mark = token != NULL ? fy_token_start_mark(token) : NULL;
    xg_errors_summary("%s", what);
    if (mark != NULL) {
        xg_errors_where("%s:%d:%d", yaml->path, mark->line + 1, mark->column + 1);
    } else {
        xg_errors_where("%s", yaml->path);
    }
    xg_errors_help("give a Kuma Dataplane, ZoneIngress or ZoneEgress, as kumactl or kubectl print it");
    return XG_EXIT_USAGE;
}

static struct fy_node *member(struct fy_node *node, const char *key)
{
    return node != NULL && fy_node_is_mapping(node) ? fy_node_mapping_lookup_by_string(node, key, strlen(key)) : NULL;
}

static bool is_scalar(struct fy_node *node)
{
    return node != NULL && fy_node_is_scalar(node) && !fy_node_is_alias(node);
}

/* The library's own test does not know the spelt forms. */
static bool is_null(struct fy_node *node)
{
    static const xg_str NULLS[] = {XG_STR_INIT(""), XG_STR_INIT("~"), XG_STR_INIT("null"), XG_STR_INIT("Null"),
                                   XG_STR_INIT("NULL")};
    xg_str text = {0};
    if (fy_node_is_null(node)) {
        return true;
    }
    if (!fy_node_is_scalar(node) || fy_node_get_style(node) != FYNS_PLAIN) {
        return false;
    }
    text.ptr = fy_node_get_scalar(node, &text.len);
    for (size_t i = 0; i < XG_ARRAY_LEN(NULLS); i++) {
        if (xg_str_eq(text, NULLS[i])) {
            return true;
        }
    }
    return false;
}

/* Null has no text: it is neither empty nor a '~'. */
static bool is_text(struct fy_node *node)
{
    return is_scalar(node) && !is_null(node);
}

static xg_str scalar(struct fy_node *node)
{
    xg_str text = {0};
    if (is_scalar(node)) {
        text.ptr = fy_node_get_scalar(node, &text.len);
    }
    return text;
}

/* A member that must be a plain value if it is there. */
static int take_text(const xg_dataplane_yaml *yaml, struct fy_node *node, const char *key, xg_str *ret_text)
{
    struct fy_node *value = member(node, key);
    char sentence[96];
    if (value == NULL) {
        return XG_EXIT_OK;
    }
    if (!is_text(value)) {
        snprintf(sentence, sizeof(sentence), "'%s' is %s", key,
                 is_null(value) ? "null: give it a value or leave it out" : "not a plain value");
        return refuse(yaml, value, sentence);
    }
    *ret_text = scalar(value);
    return XG_EXIT_OK;
}

/* A member that must be a map if it is there; null is as good as absent, as in Kuma. */
static int take_map(const xg_dataplane_yaml *yaml, struct fy_node *node, const char *key, struct fy_node **ret_map)
{
    struct fy_node *value = member(node, key);
    char sentence[96];
    *ret_map = NULL;
    if (value == NULL || is_null(value)) {
        return XG_EXIT_OK;
    }
    if (!fy_node_is_mapping(value)) {
        snprintf(sentence, sizeof(sentence), "'%s' is not a map", key);
        return refuse(yaml, value, sentence);
    }
    *ret_map = value;
    return XG_EXIT_OK;
}

static int take_pairs(const xg_dataplane_yaml *yaml, struct fy_node *map, xg_proxy_tags *tags)
{
    void *cursor = NULL;
    struct fy_node_pair *pair = NULL;
    if (map == NULL || is_null(map)) {
        return XG_EXIT_OK;
    }
    if (!fy_node_is_mapping(map)) {
        return refuse(yaml, map, "tags and labels must be a map of names to plain values");
    }
    while ((pair = fy_node_mapping_iterate(map, &cursor)) != NULL) {
        struct fy_node *key = fy_node_pair_key(pair);
        struct fy_node *value = fy_node_pair_value(pair);
        if (!is_text(key) || !is_text(value)) {
            return refuse(yaml, key, "tags and labels must be a map of names to plain values");
        }
        if (!xg_proxy_add(tags, scalar(key), scalar(value))) {
            return refuse(yaml, key, "there are too many tags or labels");
        }
    }
    return XG_EXIT_OK;
}

static int take_inbounds(const xg_dataplane_yaml *yaml, struct fy_node *inbounds)
{
    void *cursor = NULL;
    struct fy_node *inbound = NULL;
    int code = XG_EXIT_OK;
    if (inbounds == NULL || is_null(inbounds)) {
        return XG_EXIT_OK;
    }
    if (!fy_node_is_sequence(inbounds)) {
        return refuse(yaml, inbounds, "networking.inbound is not a list");
    }
    while (code == XG_EXIT_OK && (inbound = fy_node_sequence_iterate(inbounds, &cursor)) != NULL) {
        if (!fy_node_is_mapping(inbound)) {
            return refuse(yaml, inbound, "an entry of networking.inbound is not a map");
        }
        code = take_pairs(yaml, member(inbound, "tags"), &yaml->proxy->tags);
    }
    return code;
}

/* resource holds networking: the root, or spec on Kubernetes. */
static int take_networking(const xg_dataplane_yaml *yaml, struct fy_node *resource)
{
    struct fy_node *networking = NULL;
    struct fy_node *gateway = NULL;
    int code = take_map(yaml, resource, "networking", &networking);
    code = code != XG_EXIT_OK ? code : take_map(yaml, networking, "gateway", &gateway);
    code = code != XG_EXIT_OK ? code : take_pairs(yaml, member(gateway, "tags"), &yaml->proxy->tags);
    return code != XG_EXIT_OK ? code : take_inbounds(yaml, member(networking, "inbound"));
}

static int take_kind(const xg_dataplane_yaml *yaml, struct fy_node *node)
{
    static const struct {
        xg_str type;
        uint32_t kind;
    } TYPES[] = {
        {XG_STR_INIT("Dataplane"), XG_KIND_DATAPLANE},
        {XG_STR_INIT("ZoneIngress"), XG_KIND_ZONE_INGRESS},
        {XG_STR_INIT("ZoneEgress"), XG_KIND_ZONE_EGRESS},
    };
    for (size_t i = 0; i < XG_ARRAY_LEN(TYPES); i++) {
        if (xg_str_eq(scalar(node), TYPES[i].type)) {
            yaml->proxy->request.kind = TYPES[i].kind;
            return XG_EXIT_OK;
        }
    }
    return refuse(yaml, node, "the resource is neither a Dataplane, a ZoneIngress nor a ZoneEgress");
}

static int take_universal(xg_dataplane_yaml *yaml, struct fy_node *root)
{
    xg_request *request = &yaml->proxy->request;
    int code = take_kind(yaml, member(root, "type"));
    code = code != XG_EXIT_OK ? code : take_text(yaml, root, "mesh", &request->mesh);
    code = code != XG_EXIT_OK ? code : take_text(yaml, root, "name", &request->name);
    code = code != XG_EXIT_OK ? code : take_pairs(yaml, member(root, "labels"), &yaml->proxy->labels);
    return code != XG_EXIT_OK ? code : take_networking(yaml, root);
}

/* Kuma names a Kubernetes resource <name>.<namespace>. */
static int join_name(xg_dataplane_yaml *yaml, xg_str space)
{
    xg_str *name = &yaml->proxy->request.name;
    xg_text text;
    if (space.len == 0) {
        return XG_EXIT_OK;
    }
    size_t size = name->len + space.len + 2;
    yaml->name = malloc(size);
    if (yaml->name == NULL) {
        return xg_errors_io("read the resource", yaml->path, ENOMEM);
    }
    xg_text_init(&text, yaml->name, size);
    xg_text_add(&text, *name);
    xg_text_add(&text, XG_STR("."));
    xg_text_add(&text, space);
    *name = (xg_str){text.ptr, text.len};
    return XG_EXIT_OK;
}

/* There the workload stands in an annotation, which Kuma's store shows as a label. */
static int take_annotation(const xg_dataplane_yaml *yaml, struct fy_node *metadata)
{
    static const char KEY[] = "kuma.io/workload";
    struct fy_node *annotations = NULL;
    xg_str workload = {0};
    int code = take_map(yaml, metadata, "annotations", &annotations);
    if (code != XG_EXIT_OK || member(member(metadata, "labels"), KEY) != NULL || member(annotations, KEY) == NULL) {
        return code;
    }
    code = take_text(yaml, annotations, KEY, &workload);
    if (code == XG_EXIT_OK && !xg_proxy_add(&yaml->proxy->labels, xg_str_of(KEY), workload)) {
        return refuse(yaml, annotations, "there are too many tags or labels");
    }
    return code;
}

static int take_metadata(xg_dataplane_yaml *yaml, struct fy_node *root)
{
    struct fy_node *metadata = NULL;
    struct fy_node *labels = NULL;
    xg_request *request = &yaml->proxy->request;
    xg_str space = {0};
    int code = take_map(yaml, root, "metadata", &metadata);
    code = code != XG_EXIT_OK ? code : take_map(yaml, metadata, "labels", &labels);
    code = code != XG_EXIT_OK ? code : take_text(yaml, labels, "kuma.io/mesh", &request->mesh);
    code = code != XG_EXIT_OK ? code : take_text(yaml, root, "mesh", &request->mesh);
    code = code != XG_EXIT_OK ? code : take_text(yaml, metadata, "name", &request->name);
    code = code != XG_EXIT_OK ? code : take_text(yaml, metadata, "namespace", &space);
    code = code != XG_EXIT_OK ? code : join_name(yaml, space);
    code = code != XG_EXIT_OK ? code : take_pairs(yaml, labels, &yaml->proxy->labels);
    return code != XG_EXIT_OK ? code : take_annotation(yaml, metadata);
}

static int take_kubernetes(xg_dataplane_yaml *yaml, struct fy_node *root)
{
    struct fy_node *spec = NULL;
    int code = take_kind(yaml, member(root, "kind"));
    code = code != XG_EXIT_OK ? code : take_metadata(yaml, root);
    code = code != XG_EXIT_OK ? code : take_map(yaml, root, "spec", &spec);
    return code != XG_EXIT_OK ? code : take_networking(yaml, spec);
}

static int take_resource(xg_dataplane_yaml *yaml)
{
    struct fy_node *root = fy_document_root(yaml->document);
    if (root == NULL || !fy_node_is_mapping(root)) {
        return refuse(yaml, root, "the file holds no resource");
    }
    return member(root, "metadata") != NULL ? take_kubernetes(yaml, root) : take_universal(yaml, root);
}

/* The library prints some remarks even when it is told to collect errors; stderr is ours. */
static void swallow(struct fy_diag *diag, void *user, const char *text, size_t len)
{
    (void)diag;
    (void)user;
    (void)text;
    (void)len;
}

static int refuse_syntax(const xg_dataplane_yaml *yaml)
{
    void *cursor = NULL;
    const struct fy_diag_error *error = fy_diag_errors_iterate(yaml->diag, &cursor);
    if (error == NULL) {
        return refuse(yaml, NULL, "the file holds no resource");
    }
    xg_errors_summary("the file is not YAML");
    xg_errors_where("%s:%d:%d", yaml->path, error->line, error->column);
    xg_errors_note("%s", error->msg);
    return XG_EXIT_USAGE;
}

/* Which of several resources is meant, only the user can say. One that is empty, behind a last ---, is none. */
static int check_single(xg_dataplane_yaml *yaml)
{
    int code = XG_EXIT_OK;
    struct fy_document *document = NULL;
    while (code == XG_EXIT_OK && (document = fy_parse_load_document(yaml->parser)) != NULL) {
        struct fy_node *root = fy_document_root(document);
        if (root != NULL && !is_null(root)) {
            code = refuse(yaml, NULL, "the file holds more than one resource");
        }
        fy_parse_document_destroy(yaml->parser, document);
    }
    return code == XG_EXIT_OK && fy_parser_get_stream_error(yaml->parser) ? refuse_syntax(yaml) : code;
}

static int parse(xg_dataplane_yaml *yaml, size_t len)
{
    struct fy_parse_cfg config = {.flags = FYPCF_QUIET | FYPCF_RESOLVE_DOCUMENT};
    struct fy_diag_cfg diag_config;
    fy_diag_cfg_default(&diag_config);
    diag_config.fp = NULL;
    diag_config.output_fn = swallow;
    yaml->diag = fy_diag_create(&diag_config);
    if (yaml->diag == NULL) {
        return xg_errors_io("read the resource", yaml->path, ENOMEM);
    }
    fy_diag_set_collect_errors(yaml->diag, true);
    config.diag = yaml->diag;
    yaml->parser = fy_parser_create(&config);
    if (yaml->parser == NULL || fy_parser_set_string(yaml->parser, yaml->text, len) != 0) {
        return xg_errors_io("read the resource", yaml->path, ENOMEM);
    }
    yaml->document = fy_parse_load_document(yaml->parser);
    if (yaml->document == NULL) {
        return refuse_syntax(yaml);
    }
    int code = check_single(yaml);
    return code != XG_EXIT_OK ? code : take_resource(yaml);
}

int xg_dataplane_yaml_read(const char *path, xg_proxy *proxy, xg_dataplane_yaml **ret_yaml)
{
    size_t len = 0;
    xg_dataplane_yaml *yaml = calloc(1, sizeof(*yaml));
    if (yaml == NULL) {
        return xg_errors_io("read the resource", path, ENOMEM);
    }
    yaml->path = path;
    yaml->proxy = proxy;
    *ret_yaml = yaml;
    int code = xg_input_read("read the resource", path, &yaml->text, &len);
    return code == XG_EXIT_OK ? parse(yaml, len) : code;
}

void xg_dataplane_yaml_free(xg_dataplane_yaml *yaml)
{
    if (yaml == NULL) {
        return;
    }
    if (yaml->parser != NULL) {
        fy_parse_document_destroy(yaml->parser, yaml->document);
        fy_parser_destroy(yaml->parser);
    }
    fy_diag_destroy(yaml->diag);
    free(yaml->name);
    free(yaml->text);
    free(yaml);
}
