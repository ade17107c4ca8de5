/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yaml_input.c: one YAML document as a tree whose every value knows its line and column.
 *
 * Owns the tree and the texts in it. Must never expand an alias (a few lines could stand for gigabytes) nor look for a
 * member by walking (a hundred thousand meshes would be quadratic). Thread rule: one thread builds; a tree that was
 * read is immutable.
 */
#include "yaml_input.h"

#include <errno.h>
#include <libfyaml.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NONE     UINT32_MAX
#define TEXT_MAX ((size_t)16 * 1024 * 1024)

struct xg_yaml_input {
    xg_yaml_node *nodes;
    uint32_t num_nodes;
    uint32_t cap_nodes;
    uint32_t *sorted; /* of each map its keys in byte order */
    uint32_t num_sorted;
    uint32_t cap_sorted;
    char *text;
    size_t text_len;
    size_t text_cap;
};

typedef struct yaml_anchor {
    xg_str name; /* borrowed from the source's copy in input->text */
    uint32_t node;
} yaml_anchor;

/* A list or map that is open, and its latest child. */
typedef struct yaml_frame {
    uint32_t node;
    uint32_t last;
} yaml_frame;

typedef struct yaml_builder {
    xg_yaml_input *input;
    const char *file;
    xg_str source;
    xg_trouble *reterr;
    struct fy_diag *diag;
    struct fy_parser *parser;
    yaml_frame *frames; /* XG_YAML_INPUT_DEPTH_MAX */
    size_t depth;
    yaml_anchor anchors[XG_YAML_INPUT_ANCHORS_MAX];
    size_t num_anchors;
    uint32_t num_documents;
    uint32_t line; /* of the latest value: an empty one has no place of its own */
    uint32_t column;
} yaml_builder;

/* ---- reading the tree ---- */

const xg_yaml_node *xg_yaml_input_root(const xg_yaml_input *input)
{
    return input->num_nodes > 0 ? &input->nodes[0] : NULL;
}

xg_str xg_yaml_input_text(const xg_yaml_input *input, const xg_yaml_node *node)
{
    if (node->kind == XG_YAML_LIST || node->kind == XG_YAML_MAP) {
        return (xg_str){NULL, 0};
    }
    return (xg_str){input->text + node->at, node->len};
}

const xg_yaml_node *xg_yaml_input_first(const xg_yaml_input *input, const xg_yaml_node *node)
{
    return node->first == NONE ? NULL : &input->nodes[node->first];
}

const xg_yaml_node *xg_yaml_input_next(const xg_yaml_input *input, const xg_yaml_node *child)
{
    return child->next == NONE ? NULL : &input->nodes[child->next];
}

static const xg_yaml_node *own_member(const xg_yaml_input *input, const xg_yaml_node *map, xg_str key)
{
    size_t low = 0;
    size_t high = map->num / 2;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const xg_yaml_node *found = &input->nodes[input->sorted[map->at + middle]];
        int order = xg_str_cmp(xg_yaml_input_text(input, found), key);
        if (order == 0) {
            return xg_yaml_input_next(input, found);
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

const xg_yaml_node *xg_yaml_input_member(const xg_yaml_input *input, const xg_yaml_node *map, xg_str key)
{
    if (map == NULL || map->kind != XG_YAML_MAP) {
        return NULL;
    }
    const xg_yaml_node *found = own_member(input, map, key);
    const xg_yaml_node *merged = found == NULL ? own_member(input, map, XG_STR("<<")) : NULL;
    if (merged == NULL || merged->kind == XG_YAML_MAP) {
        return merged == NULL ? found : own_member(input, merged, key);
    }
    merged = xg_yaml_input_first(input, merged);
    while (merged != NULL && found == NULL) {
        found = own_member(input, merged, key);
        merged = xg_yaml_input_next(input, merged);
    }
    return found;
}

bool xg_yaml_input_has_template(xg_str text)
{
    for (size_t i = 1; i < text.len; i++) {
        char before = text.ptr[i - 1];
        if (text.ptr[i] == '{' && (before == '$' || before == '%' || before == '{')) {
            return true;
        }
    }
    return false;
}

/* ---- building it ---- */

static bool fail_at(yaml_builder *builder, uint32_t line, uint32_t column, const char *summary)
{
    xg_trouble_say(builder->reterr, XG_TROUBLE_CONFIG, "%s", summary);
    return xg_trouble_where(builder->reterr, "%s:%u:%u", builder->file, line, column);
}

static bool fail_here(yaml_builder *builder, const char *summary)
{
    return fail_at(builder, builder->line, builder->column, summary);
}

static bool fail_memory(yaml_builder *builder)
{
    return xg_trouble_io(builder->reterr, "read the values", builder->file, ENOMEM);
}

static bool is_one_of(xg_str text, const xg_str *words, size_t num_words)
{
    for (size_t i = 0; i < num_words; i++) {
        if (xg_str_eq(text, words[i])) {
            return true;
        }
    }
    return false;
}

static size_t count_of(xg_str text, const char *set)
{
    size_t n = 0;
    while (n < text.len && text.ptr[n] != '\0' && strchr(set, text.ptr[n]) != NULL) {
        n++;
    }
    return n;
}

static const char DIGITS[] = "0123456789_"; /* YAML 1.1 lets '_' stand between them */

static bool is_all_of(xg_str text, const char *set)
{
    return text.len > 0 && count_of(text, set) == text.len;
}

static xg_str skip_sign(xg_str text)
{
    return xg_str_skip(text, text.len > 0 && (text.ptr[0] == '-' || text.ptr[0] == '+') ? 1 : 0);
}

/* Digits, with a point before, between or behind them. */
static size_t count_decimal(xg_str text)
{
    size_t whole = count_of(text, DIGITS);
    if (whole == text.len || text.ptr[whole] != '.') {
        return whole;
    }
    size_t part = count_of(xg_str_skip(text, whole + 1), DIGITS);
    return whole + part == 0 ? 0 : whole + 1 + part;
}

/* 12, -1.5, 1e3, 0x1f, 1_000: what YAML 1.1 makes a number of. */
static bool is_number(xg_str text)
{
    text = skip_sign(text);
    if (xg_str_starts_with(text, XG_STR("0x"))) {
        return is_all_of(xg_str_skip(text, 2), "0123456789abcdefABCDEF_");
    }
    if (xg_str_starts_with(text, XG_STR("0o"))) {
        return is_all_of(xg_str_skip(text, 2), DIGITS);
    }
    size_t len = count_decimal(text);
    xg_str rest = xg_str_skip(text, len);
    if (len == 0 || rest.len == 0) {
        return len > 0;
    }
    bool is_power = rest.ptr[0] == 'e' || rest.ptr[0] == 'E';
    return is_power && is_all_of(skip_sign(xg_str_skip(rest, 1)), DIGITS);
}

static void classify(xg_yaml_node *node, xg_str text, bool is_plain)
{
    static const xg_str NULLS[] = {XG_STR_INIT(""), XG_STR_INIT("~"), XG_STR_INIT("null"), XG_STR_INIT("Null"),
                                   XG_STR_INIT("NULL")};
    static const xg_str YES[] = {XG_STR_INIT("true"), XG_STR_INIT("True"), XG_STR_INIT("TRUE"),
                                 XG_STR_INIT("yes"),  XG_STR_INIT("Yes"),  XG_STR_INIT("YES"),
                                 XG_STR_INIT("on"),   XG_STR_INIT("On"),   XG_STR_INIT("ON")};
    static const xg_str NO[] = {XG_STR_INIT("false"), XG_STR_INIT("False"), XG_STR_INIT("FALSE"),
                                XG_STR_INIT("no"),    XG_STR_INIT("No"),    XG_STR_INIT("NO"),
                                XG_STR_INIT("off"),   XG_STR_INIT("Off"),   XG_STR_INIT("OFF")};
    node->kind = XG_YAML_TEXT;
    if (!is_plain) {
        return;
    }
    node->is_true = is_one_of(text, YES, XG_ARRAY_LEN(YES));
    if (node->is_true || is_one_of(text, NO, XG_ARRAY_LEN(NO))) {
        node->kind = XG_YAML_BOOL;
    } else if (is_one_of(text, NULLS, XG_ARRAY_LEN(NULLS))) {
        node->kind = XG_YAML_NULL;
    } else if (is_number(text)) {
        node->kind = XG_YAML_NUMBER;
    }
}

/* Room for one more of `size` bytes each: the array as it is or larger, NULL if memory runs out. */
static void *grow(void *array, uint32_t num, uint32_t *cap, size_t size)
{
    if (num < *cap) {
        return array;
    }
    uint32_t wanted = *cap == 0 ? 256 : *cap * 2; /* at most XG_YAML_INPUT_NODES_MAX doubled: no overflow */
    void *more = realloc(array, wanted * size);
    if (more != NULL) {
        *cap = wanted;
    }
    return more;
}

/* The innermost list or map that is open; NULL at the top. */
static xg_yaml_node *parent_of(const yaml_builder *builder)
{
    if (builder->depth == 0 || builder->input->nodes == NULL) {
        return NULL;
    }
    return &builder->input->nodes[builder->frames[builder->depth - 1].node];
}

static bool is_key_next(const yaml_builder *builder)
{
    const xg_yaml_node *parent = parent_of(builder);
    return parent != NULL && parent->kind == XG_YAML_MAP && parent->num % 2 == 0;
}

static void hang_up(yaml_builder *builder, uint32_t child)
{
    xg_yaml_input *input = builder->input;
    xg_yaml_node *parent = parent_of(builder);
    if (parent == NULL) {
        return;
    }
    uint32_t *last = &builder->frames[builder->depth - 1].last;
    if (*last == NONE) {
        parent->first = child;
    } else {
        input->nodes[*last].next = child;
    }
    *last = child;
    parent->num++;
}

/* Which of several documents is meant, only the operator can say. */
static bool add_node(yaml_builder *builder, const xg_yaml_node *made, uint32_t *ret_index)
{
    xg_yaml_input *input = builder->input;
    if (builder->num_documents > 1) {
        return fail_here(builder, "the file holds more than one YAML document");
    }
    if (input->num_nodes >= XG_YAML_INPUT_NODES_MAX) {
        return fail_here(builder, "the file holds too many values: at most 4000000 are read");
    }
    xg_yaml_node *nodes = grow(input->nodes, input->num_nodes, &input->cap_nodes, sizeof(*nodes));
    if (nodes == NULL) {
        return fail_memory(builder);
    }
    input->nodes = nodes;
    *ret_index = input->num_nodes++;
    nodes[*ret_index] = *made;
    nodes[*ret_index].line = builder->line;
    nodes[*ret_index].column = builder->column;
    nodes[*ret_index].next = NONE;
    hang_up(builder, *ret_index);
    return true;
}

/* The texts of a document are at most half as long again as its source: "\L" stands for three bytes. */
static bool keep_text(yaml_builder *builder, struct fy_token *token, xg_str *ret_text)
{
    xg_yaml_input *input = builder->input;
    size_t len = 0;
    const char *text = token == NULL ? "" : fy_token_get_text(token, &len);
    if (text == NULL || len > input->text_cap - input->text_len) {
        return fail_memory(builder);
    }
    memcpy(input->text + input->text_len, text, len);
    *ret_text = (xg_str){input->text + input->text_len, len};
    input->text_len += len;
    return true;
}

static bool add_anchor(yaml_builder *builder, struct fy_token *token, uint32_t node)
{
    xg_str name = XG_STR("");
    if (token == NULL) {
        return true;
    }
    if (builder->num_anchors >= XG_YAML_INPUT_ANCHORS_MAX) {
        return fail_here(builder, "the file holds too many anchors: at most 64 are read");
    }
    if (!keep_text(builder, token, &name)) {
        return false;
    }
    builder->anchors[builder->num_anchors++] = (yaml_anchor){name, node};
    return true;
}

static bool add_scalar(yaml_builder *builder, const struct fy_event *event)
{
    struct fy_token *token = event->scalar.value;
    xg_yaml_node node = {.first = NONE};
    xg_str text = XG_STR("");
    uint32_t index = NONE;
    enum fy_scalar_style style = token == NULL ? FYSS_PLAIN : fy_token_scalar_style(token);
    if (style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED) {
        builder->column -= builder->column > 1 ? 1 : 0; /* the library points behind the quote */
    }
    if (event->scalar.tag != NULL) {
        fail_here(builder, "a YAML tag is not understood here");
        return xg_trouble_help(builder->reterr, "leave the tag out, and quote the value if it is to stay a text");
    }
    if (!keep_text(builder, token, &text)) {
        return false;
    }
    classify(&node, text, style == FYSS_PLAIN);
    if (node.kind == XG_YAML_NULL && builder->num_documents > 1) {
        return true; /* what stands behind a last "---" */
    }
    node.at = (uint32_t)(text.ptr - builder->input->text);
    node.len = (uint32_t)text.len;
    return add_node(builder, &node, &index) && add_anchor(builder, event->scalar.anchor, index);
}

/* An alias is a node like the one it names, with the same children: nothing is copied. */
static bool add_alias(yaml_builder *builder, const struct fy_event *event)
{
    xg_yaml_input *input = builder->input;
    xg_yaml_node node;
    xg_str name = XG_STR("");
    uint32_t index = NONE;
    if (!keep_text(builder, event->alias.anchor, &name)) {
        return false;
    }
    input->text_len -= name.len;
    size_t i = builder->num_anchors;
    while (i > 0 && !xg_str_eq(builder->anchors[i - 1].name, name)) {
        i--;
    }
    if (i == 0) {
        return fail_here(builder, "an alias names an anchor that does not stand before it");
    }
    node = input->nodes[builder->anchors[i - 1].node];
    if (node.is_open) {
        return fail_here(builder, "an alias stands within what it names");
    }
    if (is_key_next(builder) && (node.kind == XG_YAML_LIST || node.kind == XG_YAML_MAP)) {
        return fail_here(builder, "a key is a list or a map");
    }
    return add_node(builder, &node, &index);
}

static bool open_node(yaml_builder *builder, xg_yaml_kind kind, struct fy_token *anchor)
{
    xg_yaml_node node = {.kind = (uint8_t)kind, .is_open = true, .first = NONE};
    uint32_t index = NONE;
    if (is_key_next(builder)) {
        fail_here(builder, "a key is a list or a map");
        xg_trouble_note(builder->reterr, "'{{' in a value begins an expression of a template, which YAML cannot know");
        return xg_trouble_help(builder->reterr, "render the template first, then give the rendered file");
    }
    if (builder->depth >= XG_YAML_INPUT_DEPTH_MAX) {
        return fail_here(builder, "lists and maps stand more than 48 deep in one another");
    }
    if (!add_node(builder, &node, &index)) {
        return false;
    }
    builder->frames[builder->depth].node = index;
    builder->frames[builder->depth].last = NONE;
    builder->depth++;
    return add_anchor(builder, anchor, index);
}

static int compare_keys(const void *a, const void *b, void *user)
{
    const xg_yaml_input *input = user;
    uint32_t left = *(const uint32_t *)a;
    uint32_t right = *(const uint32_t *)b;
    int order =
        xg_str_cmp(xg_yaml_input_text(input, &input->nodes[left]), xg_yaml_input_text(input, &input->nodes[right]));
    return order != 0 ? order : (left > right) - (left < right);
}

static bool check_unique(yaml_builder *builder, const xg_yaml_node *map)
{
    const xg_yaml_input *input = builder->input;
    char sentence[160];
    xg_text text;
    for (uint32_t i = 1; i < map->num / 2; i++) {
        const xg_yaml_node *first = &input->nodes[input->sorted[map->at + i - 1]];
        const xg_yaml_node *second = &input->nodes[input->sorted[map->at + i]];
        xg_str key = xg_yaml_input_text(input, second);
        if (xg_str_eq(xg_yaml_input_text(input, first), key)) {
            xg_text_init(&text, sentence, sizeof(sentence));
            xg_text_add(&text, XG_STR("the key "));
            xg_text_quote(&text, key, 80);
            xg_text_add(&text, XG_STR(" stands twice in one map"));
            fail_at(builder, second->line, second->column, sentence);
            xg_trouble_note(builder->reterr, "it stands first at %u:%u", first->line, first->column);
            return xg_trouble_help(builder->reterr, "keep one of the two: of such a pair Helm and kubectl take either");
        }
    }
    return true;
}

/* Merges within merges could stand for any number of look-ups, and no chart has them. */
static bool check_merge(yaml_builder *builder, const xg_yaml_node *map)
{
    const xg_yaml_input *input = builder->input;
    const xg_yaml_node *merged = own_member(input, map, XG_STR("<<"));
    uint32_t num = 1;
    if (merged == NULL) {
        return true;
    }
    uint32_t line = merged->line;
    uint32_t column = merged->column;
    bool is_good = merged->kind == XG_YAML_MAP || merged->kind == XG_YAML_LIST;
    if (merged->kind == XG_YAML_LIST) {
        num = merged->num;
        merged = xg_yaml_input_first(input, merged);
    }
    is_good = is_good && num <= XG_YAML_INPUT_MERGES_MAX;
    for (uint32_t i = 0; is_good && i < num; i++) {
        is_good = merged->kind == XG_YAML_MAP && own_member(input, merged, XG_STR("<<")) == NULL;
        merged = i + 1 < num ? xg_yaml_input_next(input, merged) : NULL;
    }
    if (!is_good) {
        fail_at(builder, line, column, "'<<' merges something else than a map, or up to 16 maps, that merge nothing");
    }
    return is_good;
}

static bool close_map(yaml_builder *builder, xg_yaml_node *map)
{
    xg_yaml_input *input = builder->input;
    map->at = input->num_sorted;
    for (uint32_t key = map->first; key != NONE; key = input->nodes[input->nodes[key].next].next) {
        uint32_t *sorted = grow(input->sorted, input->num_sorted, &input->cap_sorted, sizeof(*sorted));
        if (sorted == NULL) {
            return fail_memory(builder);
        }
        input->sorted = sorted;
        sorted[input->num_sorted++] = key;
    }
    if (map->num > 2) {
        qsort_r(input->sorted + map->at, map->num / 2, sizeof(*input->sorted), compare_keys, input);
    }
    return check_unique(builder, map) && check_merge(builder, map);
}

static bool close_node(yaml_builder *builder)
{
    xg_yaml_node *node = parent_of(builder);
    if (node == NULL) {
        return fail_here(builder, "a list or a map ends that never began"); /* the library would have said so */
    }
    builder->depth--;
    node->is_open = false;
    return node->kind != XG_YAML_MAP || close_map(builder, node);
}

static void note_place(yaml_builder *builder, struct fy_event *event)
{
    struct fy_token *token = fy_event_get_token(event);
    const struct fy_mark *mark = token == NULL ? NULL : fy_token_start_mark(token);
    if (mark != NULL) {
        builder->line = (uint32_t)mark->line + 1;
        builder->column = (uint32_t)mark->column + 1;
    }
}

static bool take_event(yaml_builder *builder, struct fy_event *event)
{
    note_place(builder, event);
    switch ((int)event->type) {
    case FYET_DOCUMENT_START:
        builder->num_documents++;
        return true;
    case FYET_MAPPING_START:
        return open_node(builder, XG_YAML_MAP, event->mapping_start.anchor);
    case FYET_SEQUENCE_START:
        return open_node(builder, XG_YAML_LIST, event->sequence_start.anchor);
    case FYET_MAPPING_END:
    case FYET_SEQUENCE_END:
        return close_node(builder);
    case FYET_SCALAR:
        return add_scalar(builder, event);
    case FYET_ALIAS:
        return add_alias(builder, event);
    default:
        return true;
    }
}

/* ---- from the text ---- */

static xg_str line_of(xg_str source, uint32_t line)
{
    const char *at = source.ptr;
    const char *end = source.ptr + source.len;
    const char *stop = memchr(at, '\n', source.len);
    while (line > 1 && stop != NULL) {
        at = stop + 1;
        stop = memchr(at, '\n', (size_t)(end - at));
        line--;
    }
    return (xg_str){at, (size_t)((stop == NULL ? end : stop) - at)};
}

static bool fail_syntax(yaml_builder *builder)
{
    void *cursor = NULL;
    const struct fy_diag_error *error = fy_diag_errors_iterate(builder->diag, &cursor);
    if (error == NULL) {
        return fail_memory(builder);
    }
    uint32_t line = error->line > 0 ? (uint32_t)error->line : 1;
    fail_at(builder, line, error->column > 0 ? (uint32_t)error->column : 1, "the file is not YAML");
    xg_trouble_note(builder->reterr, "%s", error->msg);
    if (xg_yaml_input_has_template(line_of(builder->source, line))) {
        xg_trouble_note(builder->reterr, "%s; the line holds an expression of a template", error->msg);
        return xg_trouble_help(builder->reterr, "render the template first, then give the rendered file");
    }
    return xg_trouble_help(builder->reterr, "check the indentation there and in the line before");
}

/* The library prints some remarks even when it is told to collect errors. */
static void swallow(struct fy_diag *diag, void *user, const char *text, size_t len)
{
    (void)diag;
    (void)user;
    (void)text;
    (void)len;
}

static bool build(yaml_builder *builder)
{
    struct fy_parse_cfg config = {.flags = FYPCF_QUIET};
    struct fy_diag_cfg diag_config;
    struct fy_event *event = NULL;
    bool is_good = true;
    fy_diag_cfg_default(&diag_config);
    diag_config.fp = NULL;
    diag_config.output_fn = swallow;
    builder->diag = fy_diag_create(&diag_config);
    if (builder->diag == NULL) {
        return fail_memory(builder);
    }
    fy_diag_set_collect_errors(builder->diag, true);
    config.diag = builder->diag;
    builder->parser = fy_parser_create(&config);
    if (builder->parser == NULL ||
        fy_parser_set_string(builder->parser, builder->source.ptr, builder->source.len) != 0) {
        return fail_memory(builder);
    }
    while (is_good && (event = fy_parser_parse(builder->parser)) != NULL) {
        is_good = take_event(builder, event);
        fy_parser_event_free(builder->parser, event);
    }
    return is_good && fy_parser_get_stream_error(builder->parser) ? fail_syntax(builder) : is_good;
}

/* NUL and the other control bytes never belong into such a file; libfyaml does not see all of them. */
static bool check_bytes(yaml_builder *builder)
{
    xg_str source = builder->source;
    uint32_t line = 1;
    if (source.len > TEXT_MAX) {
        xg_trouble_say(builder->reterr, XG_TROUBLE_CONFIG, "the file is longer than 16 MiB");
        return xg_trouble_where(builder->reterr, "%s", builder->file);
    }
    if (xg_str_is_utf8(source) && memchr(source.ptr, '\0', source.len) == NULL) {
        return true;
    }
    for (size_t at = 0; at < source.len; line++) {
        const char *stop = memchr(source.ptr + at, '\n', source.len - at);
        xg_str one = {source.ptr + at, stop == NULL ? source.len - at : (size_t)(stop - (source.ptr + at))};
        if (!xg_str_is_utf8(one) || memchr(one.ptr, '\0', one.len) != NULL) {
            break;
        }
        at += one.len + 1;
    }
    return fail_at(builder, line, 1, "this line is not UTF-8 text");
}

bool xg_yaml_input_parse(xg_str text, const char *file, xg_yaml_input **ret_input, xg_trouble *reterr)
{
    yaml_builder builder = {.file = file, .source = text.len == 0 ? XG_STR("") : text, .reterr = reterr, .line = 1};
    yaml_frame frames[XG_YAML_INPUT_DEPTH_MAX];
    builder.frames = frames;
    builder.column = 1;
    if (!check_bytes(&builder)) {
        return false;
    }
    builder.input = calloc(1, sizeof(*builder.input));
    if (builder.input == NULL) {
        return fail_memory(&builder);
    }
    builder.input->text_cap = text.len * 2 + 64;
    builder.input->text = malloc(builder.input->text_cap);
    bool is_good = builder.input->text == NULL ? fail_memory(&builder) : build(&builder);
    if (builder.parser != NULL) {
        fy_parser_destroy(builder.parser);
    }
    fy_diag_destroy(builder.diag);
    if (!is_good) {
        xg_yaml_input_free(builder.input);
        return false;
    }
    *ret_input = builder.input;
    return true;
}

void xg_yaml_input_drop_tree(xg_yaml_input *input)
{
    free(input->nodes);
    free(input->sorted);
    input->nodes = NULL;
    input->sorted = NULL;
    input->num_nodes = 0;
}

void xg_yaml_input_free(xg_yaml_input *input)
{
    if (input == NULL) {
        return;
    }
    xg_yaml_input_drop_tree(input);
    free(input->text);
    free(input);
}
