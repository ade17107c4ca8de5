/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yaml_input.h: one YAML document as a tree whose every value knows its line and column. Room: src/authority.
 *
 * For files that an operator wrote. Bounded in every direction, and never quadratic: an alias costs one node, whatever
 * it stands for, and members are found by bisection. Must never guess: what YAML allows and nobody means (two
 * documents, members that repeat, tags, keys that are no plain values) is refused. Thread rule: a tree that was read is
 * immutable.
 */
#ifndef XDSGATE_YAML_INPUT_H
#define XDSGATE_YAML_INPUT_H

#include "xdsgate/authority.h"

#define XG_YAML_INPUT_NODES_MAX   4000000u
#define XG_YAML_INPUT_DEPTH_MAX   48u
#define XG_YAML_INPUT_ANCHORS_MAX 64u
#define XG_YAML_INPUT_MERGES_MAX  16u

/* What a value is to Helm, which reads YAML 1.1: a plain yes is a truth value. */
typedef enum xg_yaml_kind {
    XG_YAML_NULL = 1,
    XG_YAML_BOOL,
    XG_YAML_NUMBER,
    XG_YAML_TEXT,
    XG_YAML_LIST,
    XG_YAML_MAP
} xg_yaml_kind;

/* A value. Everything behind column belongs to yaml_input.c. */
typedef struct xg_yaml_node {
    uint8_t kind; /* xg_yaml_kind */
    bool is_true; /* of a truth value */
    bool is_open; /* still being read: nothing may point to it */
    uint32_t line;
    uint32_t column;
    uint32_t first;
    uint32_t next;
    uint32_t num;
    uint32_t at;
    uint32_t len;
} xg_yaml_node;

typedef struct xg_yaml_input xg_yaml_input;

/*
 * Reads text, of at most 16 MiB. False with reterr set (XG_TROUBLE_CONFIG with file:line:column, or XG_TROUBLE_IO when
 * memory runs out); *ret_input only on success, free with xg_yaml_input_free. The text may go away afterwards.
 */
bool xg_yaml_input_parse(xg_str text, const char *file, xg_yaml_input **ret_input, xg_trouble *reterr) XG_MUST_USE;
void xg_yaml_input_free(xg_yaml_input *input);
/* Gives the tree's memory back. The texts that xg_yaml_input_text gave stay until xg_yaml_input_free. */
void xg_yaml_input_drop_tree(xg_yaml_input *input);

/* NULL if the document is empty. */
const xg_yaml_node *xg_yaml_input_root(const xg_yaml_input *input);
/* The text of a value that is neither a list nor a map, borrowed from the input. */
xg_str xg_yaml_input_text(const xg_yaml_input *input, const xg_yaml_node *node);
/* The value of a map's member, merges ("<<") looked through; NULL if there is none, or if map is NULL or no map. */
const xg_yaml_node *xg_yaml_input_member(const xg_yaml_input *input, const xg_yaml_node *map, xg_str key);
/* The children one by one: items of a list; of a map its keys and values in turn, without what it merges. */
const xg_yaml_node *xg_yaml_input_first(const xg_yaml_input *input, const xg_yaml_node *node);
const xg_yaml_node *xg_yaml_input_next(const xg_yaml_input *input, const xg_yaml_node *child);
/* Whether a value still holds an expression of a template: "${", "%{" or "{{". */
bool xg_yaml_input_has_template(xg_str text);

#endif /* XDSGATE_YAML_INPUT_H */
