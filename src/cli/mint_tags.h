/* SPDX-License-Identifier: Apache-2.0 */
/* mint_tags.h: the tags of a token from --tag values, for cmd_mint_dataplane.c alone. */
#ifndef XDSGATE_MINT_TAGS_H
#define XDSGATE_MINT_TAGS_H

#include "cli.h"

typedef struct mint_tags {
    size_t num;
    xg_mint_tag tags[XG_TAG_KEYS_MAX];
    xg_str values[XG_TAG_KEYS_MAX][XG_TAG_VALUES_MAX];
    size_t text_len;
    char text[65536]; /* what tags and values borrow from */
} mint_tags;

/* Adds what one --tag says, by kumactl's rules (kuma-tokens 2.6). Reports. */
bool xg_mint_tags_add(mint_tags *tags, const char *value);

#endif /* XDSGATE_MINT_TAGS_H */
