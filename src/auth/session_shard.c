/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session_shard.c: one shard of the table of sessions. See session_shard.h.
 *
 * Must never leave a record half in: what can fail comes first. Thread rule: the shard's lock.
 */
#include "session_shard.h"

#include <stdlib.h>

#define LANE_SHIFT 40u /* bits of an id's hash that pick neither the shard nor the bucket */

/* ---- groups ---- */

static xg_session_group *group_of(xg_session_link *link)
{
    return (xg_session_group *)(void *)((char *)link - offsetof(xg_session_group, link));
}

xg_session_group *xg_session_shard_find_group(const xg_session_shard *shard, const xg_session_set *set)
{
    xg_session_link *link = xg_session_index_find(&shard->meshes, set->hash);
    for (; link != NULL; link = xg_session_index_next(link)) {
        xg_session_group *found = group_of(link);
        if (found->class == set->class && xg_str_eq((xg_str){found->mesh, found->mesh_len}, set->mesh)) {
            return found;
        }
    }
    return NULL;
}

static xg_session_group *add_group(xg_session_shard *shard, const xg_session_set *set)
{
    xg_session_group *group = malloc(sizeof(*group) + set->mesh.len);
    if (group == NULL) {
        return NULL;
    }
    xg_session_group **list = &shard->groups[set->class];
    *group = (xg_session_group){.class = set->class, .next = *list, .back = list, .mesh_len = set->mesh.len};
    if (set->mesh.len > 0) {
        memcpy(group->mesh, set->mesh.ptr, set->mesh.len);
    }
    if (group->next != NULL) {
        group->next->back = &group->next;
    }
    *list = group;
    xg_session_index_add(&shard->meshes, &group->link, set->hash);
    return group;
}

void xg_session_shard_drop_if_empty(xg_session_shard *shard, xg_session_group *group)
{
    if (group->count > 0) {
        return;
    }
    *group->back = group->next;
    if (group->next != NULL) {
        group->next->back = group->back;
    }
    xg_session_index_remove(&shard->meshes, &group->link);
    free(group);
}

/* ---- records ---- */

static xg_str copy_str(char **at, xg_str s)
{
    xg_str copy = {*at, s.len};
    if (s.len > 0) {
        memcpy(*at, s.ptr, s.len);
        *at += s.len;
    }
    return copy;
}

xg_session_record *xg_session_record_new(uint64_t id, const xg_grant *grant, int64_t ends)
{
    size_t len =
        grant->mesh.len + grant->proxy.len + grant->kid.len + grant->jti.len + grant->name.len + grant->workload.len;
    xg_session_record *record = malloc(sizeof(*record) + len);
    if (record == NULL) {
        return NULL;
    }
    *record = (xg_session_record){.ended = {.id = id}, .due = {.ends = ends}, .grant = *grant};
    char *at = record->bytes;
    record->grant.mesh = copy_str(&at, grant->mesh);
    record->grant.proxy = copy_str(&at, grant->proxy);
    record->grant.kid = copy_str(&at, grant->kid);
    record->grant.jti = copy_str(&at, grant->jti);
    record->grant.name = copy_str(&at, grant->name);
    record->grant.workload = copy_str(&at, grant->workload);
    return record;
}

bool xg_session_record_is_ending(const xg_session_record *record)
{
    return record->due.ends != INT64_MAX;
}

/* ---- the shard ---- */

void xg_session_shard_init(xg_session_shard *shard)
{
    *shard = (xg_session_shard){0};
    (void)pthread_mutex_init(&shard->lock, NULL);
    xg_session_index_init(&shard->ids);
    xg_session_index_init(&shard->meshes);
}

static void free_records(xg_session_record *record)
{
    while (record != NULL) {
        xg_session_record *next = record->next;
        free(record);
        record = next;
    }
}

static void free_groups(xg_session_group *group)
{
    while (group != NULL) {
        xg_session_group *next_group = group->next;
        for (size_t i = 0; i < XG_SESSION_LANES; i++) {
            free_records(group->lanes[i]);
        }
        free(group);
        group = next_group;
    }
}

void xg_session_shard_done(xg_session_shard *shard)
{
    for (size_t i = 0; i < XG_ARRAY_LEN(shard->groups); i++) {
        free_groups(shard->groups[i]);
    }
    xg_session_index_done(&shard->ids);
    xg_session_index_done(&shard->meshes);
    xg_session_heap_done(&shard->heap);
    (void)pthread_mutex_destroy(&shard->lock);
}

static xg_session_record *record_of_link(xg_session_link *link)
{
    return (xg_session_record *)(void *)((char *)link - offsetof(xg_session_record, link));
}

xg_session_record *xg_session_shard_find(const xg_session_shard *shard, uint64_t id, uint64_t hash)
{
    xg_session_link *link = xg_session_index_find(&shard->ids, hash);
    for (; link != NULL; link = xg_session_index_next(link)) {
        if (record_of_link(link)->ended.id == id) {
            return record_of_link(link);
        }
    }
    return NULL;
}

xg_session_record *xg_session_shard_first_due(const xg_session_shard *shard)
{
    xg_session_due *due = xg_session_heap_first(&shard->heap);
    return due == NULL ? NULL : (xg_session_record *)(void *)((char *)due - offsetof(xg_session_record, due));
}

xg_result xg_session_shard_reserve(xg_session_shard *shard, const xg_session_record *record, const xg_session_set *set,
                                   xg_session_group **ret_group)
{
    if (xg_session_record_is_ending(record)) {
        XG_TRY(xg_session_heap_reserve(&shard->heap));
    }
    xg_session_group *group = xg_session_shard_find_group(shard, set);
    if (group == NULL) {
        group = add_group(shard, set);
    }
    XG_CHECK(group != NULL, NO_MEMORY);
    *ret_group = group;
    return XG_OK;
}

void xg_session_shard_attach(xg_session_shard *shard, xg_session_group *group, xg_session_record *record, uint64_t hash)
{
    xg_session_record **lane = &group->lanes[hash >> LANE_SHIFT & (XG_SESSION_LANES - 1)];
    record->group = group;
    record->next = *lane;
    record->back = lane;
    if (record->next != NULL) {
        record->next->back = &record->next;
    }
    *lane = record;
    group->count++;
    xg_session_index_add(&shard->ids, &record->link, hash);
    if (xg_session_record_is_ending(record)) {
        xg_session_heap_add(&shard->heap, &record->due);
    }
}

void xg_session_shard_detach(xg_session_shard *shard, xg_session_record *record)
{
    *record->back = record->next;
    if (record->next != NULL) {
        record->next->back = record->back;
    }
    record->group->count--;
    xg_session_index_remove(&shard->ids, &record->link);
    if (xg_session_record_is_ending(record)) {
        xg_session_heap_remove(&shard->heap, &record->due);
    }
    xg_session_shard_drop_if_empty(shard, record->group);
}
