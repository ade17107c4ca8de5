/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest_pool.c: signing on every processor at once.
 *
 * Must never write, record or print a token. Thread rule: see manifest_pool.h; what the threads share is behind one
 * mutex, but for the number of the next mesh, which is atomic.
 */
#include "manifest_pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define QUEUE_MAX      512
#define WORKERS_MAX    256
#define BATCH_MIN      128
#define BATCH_WAIT_MS  100
#define NANOS_PER_MS   1000000L
#define NANOS_PER_UNIT 1000000000L

/* The items of one mesh that are to be signed: items[first] to items[first + num - 1]. */
typedef struct group {
    size_t first;
    size_t num;
} group;

struct xg_manifest_pool {
    const char *authority;
    xg_keychain *keychain;
    const xg_mint_request *base;
    xg_manifest_item *items;
    group *groups;
    size_t num_groups;
    atomic_size_t next_group;
    pthread_t threads[WORKERS_MAX];
    unsigned num_threads;

    pthread_mutex_t mutex;
    pthread_cond_t has_room;
    pthread_cond_t has_more;
    xg_manifest_signed *queue[QUEUE_MAX];
    size_t num_queued;
    size_t num_wanted; /* by whoever takes: so many are worth waking it for */
    unsigned num_running;
    bool is_stopped;
    int code;
};

static void fail(xg_manifest_pool *pool, int code)
{
    pthread_mutex_lock(&pool->mutex);
    pool->code = pool->code == XG_EXIT_OK ? code : pool->code;
    pool->is_stopped = true;
    pthread_cond_broadcast(&pool->has_room);
    pthread_cond_broadcast(&pool->has_more);
    pthread_mutex_unlock(&pool->mutex);
}

/* False when the pool is to end. */
static bool push(xg_manifest_pool *pool, xg_manifest_signed *one)
{
    pthread_mutex_lock(&pool->mutex);
    while (pool->num_queued == QUEUE_MAX && !pool->is_stopped) {
        pthread_cond_wait(&pool->has_room, &pool->mutex);
    }
    bool is_pushed = !pool->is_stopped;
    if (is_pushed) {
        pool->queue[pool->num_queued++] = one;
        if (pool->num_queued >= pool->num_wanted) {
            pthread_cond_signal(&pool->has_more);
        }
    }
    pthread_mutex_unlock(&pool->mutex);
    return is_pushed;
}

static xg_result sign_item(const xg_manifest_pool *pool, const xg_manifest_item *item, const xg_signer *signer,
                           xg_minted *minted)
{
    char jti[XG_MINTING_JTI_SIZE];
    if (item->action == XG_MANIFEST_RESTORE) {
        const xg_ledger_entry entry = {
            .purpose = XG_STR("dataplane"),
            .kid = xg_str_of(item->known->kid),
            .claims = xg_str_of(item->known->claims),
        };
        return xg_minted_repeat(&entry, signer, minted);
    }
    xg_mint_request request = *pool->base;
    xg_minting_new_jti(jti);
    request.kind = XG_TOKEN_DATAPLANE;
    request.kid = xg_str_of(item->kid);
    request.mesh = item->proxy->mesh;
    request.workload = xg_str_of(item->proxy->workload);
    request.jti = xg_str_of(jti);
    return xg_minted_make(&request, signer, minted);
}

/* A token that is minted again must be the one that the ledger knows. */
static int check_same(const xg_manifest_item *item, const xg_minted *minted)
{
    if (item->action != XG_MANIFEST_RESTORE || strcmp(minted->fingerprint, item->known->fingerprint) == 0) {
        return XG_EXIT_OK;
    }
    xg_errors_summary("the token of '%s' cannot be made again: the key '%s' is not the one that signed it",
                      item->proxy->workload, item->kid);
    xg_errors_note("the ledger holds its fingerprint");
    xg_errors_help("mint new tokens with --renew");
    return XG_EXIT_KEY;
}

/* *ret_is_ended is set when nobody will take what is signed any more. */
static int sign_and_push(xg_manifest_pool *pool, xg_manifest_item *item, const xg_signer *signer, bool *ret_is_ended)
{
    xg_manifest_signed *one = malloc(sizeof(*one));
    if (one == NULL) {
        return xg_errors_io("mint", "memory", ENOMEM);
    }
    one->item = item;
    xg_result result = sign_item(pool, item, signer, &one->minted);
    if (!xg_is_ok(result)) {
        int code = xg_minting_refuse(result, one->minted.field);
        free(one);
        return code;
    }
    int code = check_same(item, &one->minted);
    *ret_is_ended = code == XG_EXIT_OK && !push(pool, one);
    if (code != XG_EXIT_OK || *ret_is_ended) {
        xg_manifest_pool_release(one);
    }
    return code;
}

int xg_manifest_pool_load(const char *authority, xg_keychain *keychain, const xg_manifest_item *item,
                          xg_signer **ret_signer)
{
    char mesh[XG_MESH_NAME_MAX + 1];
    xg_text text;
    xg_custody_dir dir;
    bool is_absent = false;
    xg_text_init(&text, mesh, sizeof(mesh));
    xg_text_add(&text, item->proxy->mesh);
    const xg_custody_set set = {mesh, false};
    int code = xg_custody_open(authority, &set, XG_CUSTODY_AUTHORITY, false, &dir, &is_absent);
    if (code == XG_EXIT_OK && is_absent) {
        return xg_keychain_no_key(dir.path, &set, item->kid);
    }
    if (code == XG_EXIT_OK) {
        code = xg_keychain_load(keychain, &dir, &set, item->kid, ret_signer);
        xg_custody_close(&dir);
    }
    return code;
}

/* The first that is to be signed, NULL if none is: of those that are kept nobody opened the key. */
static const xg_manifest_item *first_to_sign(const xg_manifest_item *items, const group *of_mesh)
{
    for (size_t i = 0; i < of_mesh->num; i++) {
        if (items[of_mesh->first + i].action != XG_MANIFEST_KEEP) {
            return &items[of_mesh->first + i];
        }
    }
    return NULL;
}

static int sign_group(xg_manifest_pool *pool, const group *of_mesh, bool *ret_is_ended)
{
    xg_signer *own = NULL;
    const xg_manifest_item *first = first_to_sign(pool->items, of_mesh);
    if (first == NULL) {
        return XG_EXIT_OK;
    }
    int code = first->shared == NULL ? xg_manifest_pool_load(pool->authority, pool->keychain, first, &own) : XG_EXIT_OK;
    const xg_signer *signer = first->shared != NULL ? first->shared : own;
    for (size_t i = 0; code == XG_EXIT_OK && !*ret_is_ended && i < of_mesh->num; i++) {
        xg_manifest_item *item = &pool->items[of_mesh->first + i];
        if (item->action != XG_MANIFEST_KEEP) {
            code = sign_and_push(pool, item, signer, ret_is_ended);
        }
    }
    xg_signer_free(own);
    return code;
}

static void *work(void *arg)
{
    xg_manifest_pool *pool = arg;
    bool is_ended = false;
    while (!is_ended) {
        size_t at = atomic_fetch_add_explicit(&pool->next_group, 1, memory_order_relaxed);
        if (at >= pool->num_groups) {
            break;
        }
        int code = sign_group(pool, &pool->groups[at], &is_ended);
        if (code != XG_EXIT_OK) {
            fail(pool, code);
            break;
        }
    }
    pthread_mutex_lock(&pool->mutex);
    pool->num_running--;
    pthread_cond_signal(&pool->has_more);
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

/* Neighbours of one mesh that one key signs. */
static bool make_groups(xg_manifest_pool *pool, size_t num_items)
{
    pool->groups = calloc(num_items + 1, sizeof(*pool->groups));
    if (pool->groups == NULL) {
        return false;
    }
    for (size_t i = 0; i < num_items;) {
        group of_mesh = {i, 1};
        const xg_manifest_item *first = &pool->items[i];
        while (i + of_mesh.num < num_items && xg_str_eq(first->proxy->mesh, first[of_mesh.num].proxy->mesh) &&
               strcmp(first->kid, first[of_mesh.num].kid) == 0) {
            of_mesh.num++;
        }
        if (first_to_sign(pool->items, &of_mesh) != NULL) {
            pool->groups[pool->num_groups++] = of_mesh;
        }
        i += of_mesh.num;
    }
    return true;
}

static int start(xg_manifest_pool *pool, unsigned num_workers)
{
    pthread_condattr_t attributes;
    int error = pthread_condattr_init(&attributes);
    if (error == 0) {
        (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        error = pthread_cond_init(&pool->has_more, &attributes);
        (void)pthread_condattr_destroy(&attributes);
    }
    if (error != 0) {
        return error;
    }
    for (unsigned i = 0; i < num_workers && i < WORKERS_MAX && error == 0; i++) {
        pool->num_running++; /* before it can end */
        error = pthread_create(&pool->threads[i], NULL, work, pool);
        pool->num_threads += error == 0 ? 1 : 0;
        pool->num_running -= error == 0 ? 0 : 1;
    }
    return pool->num_threads > 0 ? 0 : error;
}

int xg_manifest_pool_begin(const char *authority, xg_keychain *keychain, const xg_mint_request *base,
                           xg_manifest_item *items, size_t num_items, unsigned num_workers, xg_manifest_pool **ret_pool)
{
    xg_manifest_pool *pool = calloc(1, sizeof(*pool));
    if (pool == NULL) {
        return xg_errors_io("mint", "memory", ENOMEM);
    }
    pool->authority = authority;
    pool->keychain = keychain;
    pool->base = base;
    pool->items = items;
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->has_room, NULL);
    int error = make_groups(pool, num_items) ? 0 : ENOMEM;
    pthread_mutex_lock(&pool->mutex);
    if (error == 0) {
        error = start(pool, num_workers);
    }
    pthread_mutex_unlock(&pool->mutex);
    if (error != 0) {
        free(pool->groups);
        free(pool);
        return xg_errors_io("start threads for", "signing", error);
    }
    *ret_pool = pool;
    return XG_EXIT_OK;
}

static void wait_for_batch(xg_manifest_pool *pool)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += BATCH_WAIT_MS * NANOS_PER_MS;
    until.tv_sec += until.tv_nsec / NANOS_PER_UNIT;
    until.tv_nsec %= NANOS_PER_UNIT;
    /* After the time is up, whatever there is will do: an encrypted key takes a second to open. */
    pool->num_wanted = BATCH_MIN;
    while (pool->num_running > 0 && !pool->is_stopped && pool->num_queued < pool->num_wanted) {
        int error = pool->num_wanted > 1 ? pthread_cond_timedwait(&pool->has_more, &pool->mutex, &until)
                                         : pthread_cond_wait(&pool->has_more, &pool->mutex);
        pool->num_wanted = error == 0 ? pool->num_wanted : 1;
    }
}

size_t xg_manifest_pool_take(xg_manifest_pool *pool, xg_manifest_signed **ret_signed, size_t max)
{
    pthread_mutex_lock(&pool->mutex);
    wait_for_batch(pool);
    /* What was signed before somebody failed is whole, and is taken too. */
    size_t num = pool->num_queued < max ? pool->num_queued : max;
    for (size_t i = 0; i < num; i++) {
        ret_signed[i] = pool->queue[i];
    }
    pool->num_queued -= num;
    for (size_t i = 0; i < pool->num_queued; i++) {
        pool->queue[i] = pool->queue[num + i];
    }
    pthread_cond_broadcast(&pool->has_room);
    pthread_mutex_unlock(&pool->mutex);
    return num;
}

void xg_manifest_pool_release(xg_manifest_signed *one)
{
    xg_minted_done(&one->minted);
    free(one);
}

int xg_manifest_pool_end(xg_manifest_pool *pool)
{
    pthread_mutex_lock(&pool->mutex);
    pool->is_stopped = true;
    pthread_cond_broadcast(&pool->has_room);
    pthread_mutex_unlock(&pool->mutex);
    for (unsigned i = 0; i < pool->num_threads; i++) {
        (void)pthread_join(pool->threads[i], NULL);
    }
    for (size_t i = 0; i < pool->num_queued; i++) {
        xg_manifest_pool_release(pool->queue[i]);
    }
    int code = pool->code;
    pthread_cond_destroy(&pool->has_more);
    pthread_cond_destroy(&pool->has_room);
    pthread_mutex_destroy(&pool->mutex);
    free(pool->groups);
    free(pool);
    return code;
}
