/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest_known.c: what the ledger knows of a deployment.
 *
 * Must never ask the ledger for one mesh at a time. One thread until it is loaded.
 */
#include "manifest_known.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE ((size_t)128 * 1024) /* two of the longest texts that a ledger holds */

/* Texts live in blocks that are released together. */
struct xg_manifest_known_block {
    struct xg_manifest_known_block *next;
    size_t used;
    char bytes[BLOCK_SIZE];
};

/* A block with room for so many bytes; NULL when memory ran out, or for a text longer than any in a ledger. */
static struct xg_manifest_known_block *block_for(xg_manifest_known *known, size_t size)
{
    struct xg_manifest_known_block *block = known->blocks;
    if (block != NULL && BLOCK_SIZE - block->used >= size) {
        return block;
    }
    block = size <= BLOCK_SIZE ? malloc(sizeof(*block)) : NULL;
    if (block == NULL) {
        known->has_failed = true;
        return NULL;
    }
    block->next = known->blocks;
    block->used = 0;
    known->blocks = block;
    return block;
}

static const char *copy(xg_manifest_known *known, xg_str text)
{
    struct xg_manifest_known_block *block = block_for(known, text.len + 1);
    if (block == NULL) {
        return "";
    }
    char *copied = block->bytes + block->used;
    if (text.len > 0) {
        memcpy(copied, text.ptr, text.len);
    }
    copied[text.len] = '\0';
    block->used += text.len + 1;
    return copied;
}

/* Room for one item more; false when memory ran out. */
static bool grow(xg_manifest_known *known, void **items, size_t num, size_t *cap, size_t size)
{
    if (num < *cap) {
        return true;
    }
    size_t wanted = *cap > 0 ? *cap * 2 : 64;
    void *grown = reallocarray(*items, wanted, size);
    if (grown == NULL) {
        known->has_failed = true;
        return false;
    }
    *items = grown;
    *cap = wanted;
    return true;
}

static bool take_token(void *arg, const xg_ledger_entry *entry)
{
    xg_manifest_known *known = arg;
    void *tokens = known->tokens;
    if (!grow(known, &tokens, known->num_tokens, &known->cap_tokens, sizeof(*known->tokens))) {
        return false;
    }
    known->tokens = tokens;
    known->last_id = entry->id > known->last_id ? entry->id : known->last_id;
    known->tokens[known->num_tokens++] = (xg_manifest_known_token){
        .id = entry->id,
        .mesh = copy(known, entry->mesh),
        .workload = copy(known, entry->workload),
        .jti = copy(known, entry->jti),
        .kid = copy(known, entry->kid),
        .key = copy(known, entry->key),
        .claims = copy(known, entry->claims),
        .fingerprint = copy(known, entry->fingerprint),
        .issued_at = entry->issued_at,
        .expires_at = entry->expires_at,
    };
    return !known->has_failed;
}

static bool take_key(void *arg, const xg_ledger_key *key)
{
    xg_manifest_known *known = arg;
    void *keys = known->keys;
    if (!grow(known, &keys, known->num_keys, &known->cap_keys, sizeof(*known->keys))) {
        return false;
    }
    known->keys = keys;
    known->keys[known->num_keys++] = (xg_manifest_known_key){
        .set = copy(known, key->set),
        .kid = copy(known, key->kid),
        .key = copy(known, key->key),
        .state = key->state,
    };
    return !known->has_failed;
}

static int compare_names(const xg_manifest_known_token *a, const xg_manifest_known_token *b)
{
    int order = strcmp(a->mesh, b->mesh);
    return order != 0 ? order : strcmp(a->workload, b->workload);
}

static int compare_tokens(const void *a, const void *b)
{
    const xg_manifest_known_token *x = a;
    const xg_manifest_known_token *y = b;
    int order = compare_names(x, y);
    if (order != 0) {
        return order;
    }
    return x->id > y->id ? -1 : x->id < y->id;
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(((const xg_manifest_known_key *)a)->set, ((const xg_manifest_known_key *)b)->set);
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* qsort wants an array even of nothing. */
static void sort_some(void *items, size_t num, size_t size, int (*compare)(const void *, const void *))
{
    if (num > 0) {
        qsort(items, num, size, compare);
    }
}

static void sort(xg_manifest_known *known)
{
    sort_some(known->tokens, known->num_tokens, sizeof(*known->tokens), compare_tokens);
    sort_some(known->keys, known->num_keys, sizeof(*known->keys), compare_keys);
    known->fingerprints = calloc(known->num_tokens + 1, sizeof(*known->fingerprints));
    known->has_failed = known->has_failed || known->fingerprints == NULL;
    for (size_t i = 0; !known->has_failed && i < known->num_tokens; i++) {
        known->fingerprints[i] = known->tokens[i].fingerprint;
    }
    if (!known->has_failed) {
        qsort(known->fingerprints, known->num_tokens, sizeof(*known->fingerprints), compare_texts);
    }
}

int xg_manifest_known_load(xg_ledger *ledger, const char *origin, xg_manifest_known *ret_known)
{
    const xg_ledger_filter filter = {.origin = xg_str_of(origin)};
    xg_trouble trouble = {0};
    *ret_known = (xg_manifest_known){0};
    if (ledger != NULL && (!xg_ledger_each(ledger, &filter, take_token, ret_known, &trouble) ||
                           !xg_ledger_each_key(ledger, (xg_str){NULL, 0}, take_key, ret_known, &trouble))) {
        return xg_errors_trouble(&trouble);
    }
    if (!ret_known->has_failed) {
        sort(ret_known);
    }
    return ret_known->has_failed ? xg_errors_io("read the ledger into", "memory", ENOMEM) : XG_EXIT_OK;
}

void xg_manifest_known_done(xg_manifest_known *known)
{
    while (known->blocks != NULL) {
        struct xg_manifest_known_block *next = known->blocks->next;
        free(known->blocks);
        known->blocks = next;
    }
    free(known->tokens);
    free(known->keys);
    free((void *)(uintptr_t)known->fingerprints);
    *known = (xg_manifest_known){0};
}

static int compare_to(xg_str wanted, const char *text)
{
    return xg_str_cmp(wanted, xg_str_of(text));
}

const xg_manifest_known_token *xg_manifest_known_find(const xg_manifest_known *known, xg_str mesh, xg_str workload)
{
    size_t low = 0;
    size_t high = known->num_tokens;
    while (low < high) { /* the first that is not before: the newest of its proxy */
        size_t middle = low + (high - low) / 2;
        int order = compare_to(mesh, known->tokens[middle].mesh);
        order = order != 0 ? order : compare_to(workload, known->tokens[middle].workload);
        if (order > 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    bool is_found = low < known->num_tokens && compare_to(mesh, known->tokens[low].mesh) == 0 &&
                    compare_to(workload, known->tokens[low].workload) == 0;
    return is_found ? &known->tokens[low] : NULL;
}

bool xg_manifest_known_has(const xg_manifest_known *known, const char *fingerprint)
{
    return known->num_tokens > 0 && bsearch(&fingerprint, known->fingerprints, known->num_tokens,
                                            sizeof(*known->fingerprints), compare_texts) != NULL;
}

const xg_manifest_known_key *xg_manifest_known_signing(const xg_manifest_known *known, xg_str set, bool *ret_has_set)
{
    size_t low = 0;
    size_t high = known->num_keys;
    *ret_has_set = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_to(set, known->keys[middle].set) > 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    for (; low < known->num_keys && compare_to(set, known->keys[low].set) == 0; low++) {
        *ret_has_set = true;
        if (known->keys[low].state == XG_LEDGER_SIGNING) {
            return &known->keys[low];
        }
    }
    return NULL;
}
