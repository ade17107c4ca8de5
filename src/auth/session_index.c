/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session_index.c: a chained hash whose links stand inside what it finds. See session_index.h.
 *
 * Must never fail: without memory for more buckets its chains get longer. Thread rule: the caller's lock.
 */
#include "session_index.h"

#include <stdlib.h>

void xg_session_index_init(xg_session_index *index)
{
    *index = (xg_session_index){.num_buckets = 1};
    index->buckets = &index->only;
}

void xg_session_index_done(xg_session_index *index)
{
    if (index->buckets != &index->only) {
        free(index->buckets);
    }
    *index = (xg_session_index){0};
}

static void push(xg_session_link **bucket, xg_session_link *link)
{
    link->next = *bucket;
    link->back = bucket;
    if (link->next != NULL) {
        link->next->back = &link->next;
    }
    *bucket = link;
}

static void grow(xg_session_index *index)
{
    size_t num_buckets = index->num_buckets * 2;
    xg_session_link **buckets = calloc(num_buckets, sizeof(xg_session_link *));
    if (buckets == NULL) {
        return;
    }
    for (size_t i = 0; i < index->num_buckets; i++) {
        xg_session_link *next;
        for (xg_session_link *link = index->buckets[i]; link != NULL; link = next) {
            next = link->next;
            push(&buckets[link->hash & (num_buckets - 1)], link);
        }
    }
    if (index->buckets != &index->only) {
        free(index->buckets);
    }
    index->buckets = buckets;
    index->num_buckets = num_buckets;
}

void xg_session_index_add(xg_session_index *index, xg_session_link *link, uint64_t hash)
{
    if (index->count >= index->num_buckets) {
        grow(index);
    }
    link->hash = hash;
    push(&index->buckets[hash & (index->num_buckets - 1)], link);
    index->count++;
}

void xg_session_index_remove(xg_session_index *index, xg_session_link *link)
{
    *link->back = link->next;
    if (link->next != NULL) {
        link->next->back = link->back;
    }
    index->count--;
}

static xg_session_link *skip_others(xg_session_link *link, uint64_t hash)
{
    while (link != NULL && link->hash != hash) {
        link = link->next;
    }
    return link;
}

xg_session_link *xg_session_index_find(const xg_session_index *index, uint64_t hash)
{
    return skip_others(index->buckets[hash & (index->num_buckets - 1)], hash);
}

xg_session_link *xg_session_index_next(const xg_session_link *link)
{
    return skip_others(link->next, link->hash);
}
