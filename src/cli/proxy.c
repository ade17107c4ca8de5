/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy.c: one question to the plugin, growing as it is read from flags, YAML or JSON.
 *
 * Owns the two arrays of pairs and nothing they point to. Must never judge what it is given: the plugin does. One
 * thread.
 */
#include <stdlib.h>

#include "cli.h"

static const struct {
    xg_str name;
    uint32_t kind;
} KINDS[] = {
    {XG_STR_INIT("dataplane"), XG_KIND_DATAPLANE},
    {XG_STR_INIT("zone-ingress"), XG_KIND_ZONE_INGRESS},
    {XG_STR_INIT("zone-egress"), XG_KIND_ZONE_EGRESS},
};

void xg_proxy_clear(xg_proxy *proxy)
{
    proxy->request = (xg_request){.struct_size = sizeof(proxy->request)};
    proxy->tags.num = 0;
    proxy->labels.num = 0;
}

void xg_proxy_init(xg_proxy *proxy)
{
    *proxy = (xg_proxy){0};
    xg_proxy_clear(proxy);
}

void xg_proxy_done(xg_proxy *proxy)
{
    free(proxy->tags.items);
    free(proxy->labels.items);
    *proxy = (xg_proxy){0};
}

bool xg_proxy_add(xg_proxy_tags *tags, xg_str key, xg_str value)
{
    if (tags->num == XG_PROXY_TAGS_MAX) {
        return false;
    }
    if (tags->num == tags->cap) {
        size_t cap = tags->cap == 0 ? 16 : tags->cap * 2;
        xg_tag *items = realloc(tags->items, cap * sizeof(*items));
        if (items == NULL) {
            return false;
        }
        tags->items = items;
        tags->cap = cap;
    }
    tags->items[tags->num++] = (xg_tag){key, value};
    return true;
}

const xg_request *xg_proxy_request(xg_proxy *proxy)
{
    proxy->request.tags = proxy->tags.items;
    proxy->request.num_tags = proxy->tags.num;
    proxy->request.labels = proxy->labels.items;
    proxy->request.num_labels = proxy->labels.num;
    return &proxy->request;
}

bool xg_proxy_kind(xg_str name, uint32_t *ret_kind)
{
    for (size_t i = 0; i < XG_ARRAY_LEN(KINDS); i++) {
        if (xg_str_eq(name, KINDS[i].name)) {
            *ret_kind = KINDS[i].kind;
            return true;
        }
    }
    return false;
}
