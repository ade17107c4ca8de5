/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dirstore.c: the directory store: which sets there are, which of them are looked at, and when.
 *
 * A load either succeeds and becomes what the store knows, or fails and leaves everything as it was. A load that
 * follows a change seen by xg_dirstore_has_changed looks at the changed sets alone; any other looks at all. Must never
 * write, never log but through the report, and own no thread. Thread rule: one store belongs to one thread at a time.
 */
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gone.h"
#include "watch.h"

#define NUM_TRIES 3
#define QUOTE_MAX 120

/* What failed for a reason that may pass is tried again after so many seconds, if the poll does not come earlier. */
#define RETRY_SECONDS 10

/* The places in the array of sets; the meshes follow, sorted by name. */
enum { SET_ZONE = 0, SET_ANY_MESH = 1, NUM_FIXED_SETS = 2 };

typedef enum pending { PENDING_NONE, PENDING_SOME, PENDING_ALL } pending;

struct xg_dirstore {
    char *path; /* absolute */
    xg_crypto *crypto;
    xg_dirstore_limits limits;
    /* What the last load that succeeded saw. */
    xg_snapshot *last;
    xg_file_id root; /* dev and ino alone */
    xg_scan_dir meshes;
    xg_store_set **sets;
    size_t num_sets;
    xg_watch watch;
    /* What is known to have changed since. */
    pending pending;
    bool is_due; /* something failed that may pass without a trace */
    bool has_polled;
    int64_t last_poll;
};

/* A load under way. */
typedef struct load {
    xg_dirstore *store;
    xg_setload context;
    const xg_snapshot *previous;
    bool is_full;
    bool is_restless; /* the list of meshes kept changing: what was read counts, and everything is read again */
    xg_watch watch;   /* of a full load */
    xg_file_id root;
    xg_scan_dir meshes;
    xg_store_entry *entries;
    size_t num_entries;
    xg_text *reterr;
} load;

/* ---- the root ---- */

/* Opens the root by its path: the directory may have been replaced, or be reached by a link that was. */
static int open_root(const xg_dirstore *store, xg_file_id *ret_root)
{
    int fd = open(store->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        int error = errno;
        if (fd >= 0) {
            close(fd);
        }
        errno = error;
        return -1;
    }
    *ret_root = (xg_file_id){.dev = st.st_dev, .ino = st.st_ino};
    return fd;
}

static xg_result fail_unreadable(const xg_dirstore *store, const char *below, const char *why, xg_text *reterr)
{
    if (reterr != NULL) {
        xg_text_add(reterr, XG_STR("store "));
        xg_text_quote(reterr, xg_str_of(store->path), QUOTE_MAX);
        xg_text_printf(reterr, "%s cannot be read: %s. %s", below, why != NULL ? why : "unknown error",
                       xg_reason_find(XG_REASON_STORE_UNREADABLE)->help);
    }
    return XG_FAIL(STORE_UNREADABLE);
}

static xg_result absolute_path(const char *path, char **ret_path)
{
    if (path[0] == '/') {
        *ret_path = strdup(path);
        XG_CHECK(*ret_path != NULL, NO_MEMORY);
        return XG_OK;
    }
    /* The host may change its working directory later. */
    char *cwd = getcwd(NULL, 0);
    XG_CHECK(cwd != NULL || errno != ENOMEM, NO_MEMORY);
    XG_CHECK(cwd != NULL, STORE_UNREADABLE);
    size_t cwd_len = strlen(cwd);
    size_t path_len = strlen(path);
    char *full = malloc(cwd_len + path_len + 2);
    if (full != NULL) {
        memcpy(full, cwd, cwd_len);
        full[cwd_len] = '/';
        memcpy(full + cwd_len + 1, path, path_len + 1);
    }
    free(cwd);
    XG_CHECK(full != NULL, NO_MEMORY);
    *ret_path = full;
    return XG_OK;
}

static size_t limit(size_t wanted, size_t ceiling)
{
    return wanted < ceiling ? wanted : ceiling;
}

xg_result xg_dirstore_open(const char *path, xg_crypto *crypto, const xg_dirstore_limits *limits,
                           xg_dirstore **ret_store, xg_text *reterr)
{
    xg_dirstore *store = calloc(1, sizeof(*store));
    XG_CHECK(store != NULL, NO_MEMORY);
    store->crypto = crypto;
    store->limits =
        (xg_dirstore_limits){limit(limits->meshes, XG_MESHES_MAX), limit(limits->revoked_ids, XG_REVOKED_MAX)};
    store->watch = xg_watch_none();
    store->pending = PENDING_ALL;
    xg_result result = absolute_path(path, &store->path);
    if (xg_is_ok(result)) {
        int fd = open_root(store, &store->root);
        if (fd >= 0) {
            close(fd);
        } else {
            result = fail_unreadable(store, "", strerrordesc_np(errno), reterr);
        }
    }
    if (!xg_is_ok(result)) {
        xg_dirstore_close(store);
        return result;
    }
    *ret_store = store;
    return XG_OK;
}

static void forget(xg_dirstore *store)
{
    for (size_t i = 0; i < store->num_sets; i++) {
        xg_setload_unref(store->sets[i]);
    }
    free(store->sets);
    store->sets = NULL;
    store->num_sets = 0;
}

void xg_dirstore_close(xg_dirstore *store)
{
    if (store == NULL) {
        return;
    }
    forget(store);
    xg_scan_done_dir(&store->meshes);
    xg_watch_stop(&store->watch);
    xg_snapshot_unref(store->last);
    free(store->path);
    free(store);
}

/* ---- the list of sets ---- */

static xg_store_set *find_known(const xg_dirstore *store, xg_str mesh)
{
    size_t low = NUM_FIXED_SETS;
    size_t high = store->num_sets;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = xg_str_cmp(store->sets[middle]->name, mesh);
        if (order == 0) {
            return store->sets[middle];
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

/* What served of this set until now; of a mesh that comes back, what it had revoked when it went. */
static const xg_keyset *find_previous(const load *ld, size_t index, xg_str mesh)
{
    if (ld->previous == NULL) {
        return NULL;
    }
    if (index < NUM_FIXED_SETS) {
        return index == SET_ZONE ? xg_snapshot_zone(ld->previous) : xg_snapshot_any_mesh(ld->previous);
    }
    /* Meshes keep their places until one comes or goes: looking there first spares hashing ten thousand names. */
    size_t place = index - NUM_FIXED_SETS;
    const xg_keyset *served =
        place < xg_snapshot_num_meshes(ld->previous) ? xg_snapshot_mesh_at(ld->previous, place) : NULL;
    if (served == NULL || !xg_str_eq(served->name, mesh)) {
        served = xg_snapshot_mesh(ld->previous, mesh);
    }
    return served != NULL ? served : xg_gone_find(xg_snapshot_gone(ld->previous), mesh);
}

static bool is_mesh_name(xg_str name)
{
    return name.len <= XG_MESH_NAME_MAX && xg_str_is_clean(name);
}

static void warn_of_name(const load *ld, xg_str name)
{
    if (ld->context.report == NULL) {
        return;
    }
    char storage[512];
    xg_text text;
    xg_text_init(&text, storage, sizeof(storage));
    xg_text_add(&text, XG_STR("In 'meshes', "));
    xg_text_quote(&text, name, QUOTE_MAX);
    xg_text_printf(&text, " is ignored: a mesh's name is at most %d bytes of UTF-8 without control bytes.",
                   XG_MESH_NAME_MAX);
    ld->context.report(ld->context.report_arg, XG_REASON_OK, text.ptr, text.len);
}

static xg_result list_meshes(load *ld)
{
    size_t max = ld->store->limits.meshes;
    XG_TRY(xg_scan_read_dir(ld->context.rootfd, "meshes", max, false, &ld->meshes));
    if (ld->meshes.error == 0) {
        return XG_OK;
    }
    char why[64];
    snprintf(why, sizeof(why), "it holds more than the %zu meshes allowed", max);
    return fail_unreadable(ld->store, "/meshes", ld->meshes.error == E2BIG ? why : strerrordesc_np(ld->meshes.error),
                           ld->reterr);
}

/* ---- one load ---- */

/* Loads one set, or carries it over unseen if a partial load has no reason to look. */
static xg_result load_entry(load *ld, const char *path, xg_str mesh, xg_store_set *old)
{
    size_t index = ld->num_entries;
    xg_store_entry *entry = &ld->entries[index];
    entry->previous = find_previous(ld, index, mesh);
    if (!ld->is_full && !old->is_dirty && !old->is_refused) {
        entry->set = xg_setload_ref(old);
        entry->is_carried = true;
        ld->num_entries++;
        return XG_OK;
    }
    /* Watched before it is read: what changes afterwards is an event. */
    xg_watch *watch = ld->is_full ? &ld->watch : &ld->store->watch;
    char keys[XG_SCAN_PATH_SIZE];
    snprintf(keys, sizeof(keys), "%s/keys", path);
    xg_watch_add(watch, ld->context.rootfd, path, (uint32_t)index);
    xg_watch_add(watch, ld->context.rootfd, keys, (uint32_t)index);
    XG_TRY(xg_setload_read(&ld->context, path, old, entry));
    ld->num_entries++;
    return XG_OK;
}

static xg_result load_known(load *ld)
{
    xg_dirstore *store = ld->store;
    ld->entries = calloc(store->num_sets, sizeof(*ld->entries));
    XG_CHECK(ld->entries != NULL, NO_MEMORY);
    for (size_t i = 0; i < store->num_sets; i++) {
        XG_TRY(load_entry(ld, store->sets[i]->path, store->sets[i]->name, store->sets[i]));
    }
    return XG_OK;
}

static xg_result load_listed(load *ld)
{
    xg_dirstore *store = ld->store;
    bool has_known = store->num_sets > 0;
    ld->entries = calloc(NUM_FIXED_SETS + ld->meshes.num_items, sizeof(*ld->entries));
    XG_CHECK(ld->entries != NULL, NO_MEMORY);
    XG_TRY(load_entry(ld, "zone", XG_STR(""), has_known ? store->sets[SET_ZONE] : NULL));
    XG_TRY(load_entry(ld, "any-mesh", XG_STR(""), has_known ? store->sets[SET_ANY_MESH] : NULL));
    for (size_t i = 0; i < ld->meshes.num_items; i++) {
        xg_str name = xg_scan_name(&ld->meshes, i);
        if (!is_mesh_name(name)) {
            warn_of_name(ld, name);
            continue;
        }
        char path[XG_SCAN_PATH_SIZE];
        snprintf(path, sizeof(path), "meshes/%s", name.ptr);
        XG_TRY(load_entry(ld, path, name, find_known(store, name)));
    }
    return XG_OK;
}

static void drop(load *ld)
{
    for (size_t i = 0; i < ld->num_entries; i++) {
        xg_setload_unref(ld->entries[i].set);
    }
    free(ld->entries);
    ld->entries = NULL;
    ld->num_entries = 0;
    xg_scan_done_dir(&ld->meshes);
    xg_watch_stop(&ld->watch);
}

/* Reads everything once. *ret_is_steady: the list of meshes was still the same afterwards. */
static xg_result read_all(load *ld, bool *ret_is_steady)
{
    ld->watch = xg_watch_start();
    xg_watch_add(&ld->watch, ld->context.rootfd, ".", XG_WATCH_EVERYTHING);
    xg_watch_add(&ld->watch, ld->context.rootfd, "meshes", XG_WATCH_EVERYTHING);
    XG_TRY(list_meshes(ld));
    XG_TRY(load_listed(ld));
    xg_scan_dir after;
    XG_TRY(xg_scan_read_dir(ld->context.rootfd, "meshes", ld->store->limits.meshes, false, &after));
    *ret_is_steady = xg_scan_same_dir(&ld->meshes, &after);
    xg_scan_done_dir(&after);
    return XG_OK;
}

static xg_result read_sets(load *ld)
{
    if (!ld->is_full) {
        return load_known(ld);
    }
    bool is_steady = false;
    for (int i = 0; i < NUM_TRIES && !is_steady; i++) {
        drop(ld);
        XG_TRY(read_all(ld, &is_steady));
    }
    ld->is_restless = !is_steady; /* each set is whole all the same */
    return XG_OK;
}

/* ---- from sets to a snapshot ---- */

/* The set as it serves. The references are the snapshot's. */
static xg_keyset make_keyset(const xg_store_entry *entry)
{
    const xg_store_set *set = entry->set;
    if (!set->is_refused) {
        return (xg_keyset){
            .name = set->name, .ring = xg_keyring_ref(set->ring), .revoked = xg_revocations_ref(set->list)};
    }
    const xg_keyset *last = entry->previous;
    return (xg_keyset){.name = set->name,
                       .ring = last != NULL ? xg_keyring_ref(last->ring) : NULL,
                       .revoked = last != NULL ? xg_revocations_ref(last->revoked) : NULL,
                       .is_stale = true};
}

static xg_result make_snapshot(const load *ld, xg_snapshot **ret_snapshot)
{
    xg_gone *gone = NULL;
    xg_keyset *keysets = calloc(ld->num_entries, sizeof(*keysets));
    XG_CHECK(keysets != NULL, NO_MEMORY);
    xg_result result = xg_gone_new(ld->previous, ld->entries + NUM_FIXED_SETS, ld->num_entries - NUM_FIXED_SETS, &gone);
    if (!xg_is_ok(result)) {
        free(keysets);
        return result;
    }
    for (size_t i = 0; i < ld->num_entries; i++) {
        keysets[i] = make_keyset(&ld->entries[i]);
    }
    bool has_zone = !ld->entries[SET_ZONE].set->is_absent;
    bool has_any_mesh = !ld->entries[SET_ANY_MESH].set->is_absent;
    result = xg_snapshot_new(has_zone ? &keysets[SET_ZONE] : NULL, has_any_mesh ? &keysets[SET_ANY_MESH] : NULL,
                             keysets + NUM_FIXED_SETS, ld->num_entries - NUM_FIXED_SETS, gone, ret_snapshot);
    free(keysets);
    return result;
}

/* Makes what was loaded what the store knows. Nothing can fail here; sets is room for ld->num_entries. */
static void commit(load *ld, xg_store_set **sets, xg_snapshot *snapshot)
{
    xg_dirstore *store = ld->store;
    forget(store);
    store->is_due = false;
    for (size_t i = 0; i < ld->num_entries; i++) {
        sets[i] = xg_setload_ref(ld->entries[i].set);
        sets[i]->is_dirty = false;
        store->is_due = store->is_due || sets[i]->is_due;
    }
    store->sets = sets;
    store->num_sets = ld->num_entries;
    if (ld->is_full) {
        xg_scan_done_dir(&store->meshes);
        store->meshes = ld->meshes;
        ld->meshes = (xg_scan_dir){0};
        xg_watch_stop(&store->watch);
        store->watch = ld->watch;
        ld->watch = xg_watch_none();
        store->root = ld->root;
    }
    xg_snapshot_unref(store->last);
    store->last = xg_snapshot_ref(snapshot);
    store->pending = ld->is_restless ? PENDING_ALL : PENDING_NONE;
}

static xg_result run(load *ld, xg_snapshot **ret_snapshot)
{
    XG_TRY(read_sets(ld));
    XG_TRY(xg_sharing_check(&ld->context, ld->entries, ld->num_entries));
    xg_store_set **sets = calloc(ld->num_entries, sizeof(xg_store_set *));
    XG_CHECK(sets != NULL, NO_MEMORY);
    xg_result result = make_snapshot(ld, ret_snapshot);
    if (!xg_is_ok(result)) {
        free(sets);
        return result;
    }
    commit(ld, sets, *ret_snapshot);
    return XG_OK;
}

xg_result xg_dirstore_load(xg_dirstore *store, xg_snapshot *previous, xg_dirstore_report *report, void *report_arg,
                           xg_snapshot **ret_snapshot, xg_text *reterr)
{
    load ld = {.store = store,
               .context = {.crypto = store->crypto,
                           .max_revoked = store->limits.revoked_ids,
                           .report = report,
                           .report_arg = report_arg},
               .previous = previous,
               .is_full = store->pending != PENDING_SOME || store->last == NULL || previous != store->last,
               .watch = xg_watch_none(),
               .reterr = reterr};
    /* Until it succeeds: whatever a failure leaves behind, everything is looked at again, with the next poll. */
    store->pending = PENDING_ALL;
    store->is_due = true;
    ld.context.rootfd = open_root(store, &ld.root);
    if (ld.context.rootfd < 0) {
        return fail_unreadable(store, "", strerrordesc_np(errno), reterr);
    }
    /* The path may lead somewhere else by now, while the old place still has events. */
    ld.is_full = ld.is_full || ld.root.dev != store->root.dev || ld.root.ino != store->root.ino;
    xg_result result = run(&ld, ret_snapshot);
    drop(&ld);
    close(ld.context.rootfd);
    return result;
}

/* ---- has it changed? ---- */

static void mark(void *arg, uint32_t owner)
{
    xg_dirstore *store = arg;
    if (owner >= store->num_sets) {
        store->pending = PENDING_ALL;
        return;
    }
    store->sets[owner]->is_dirty = true;
    if (store->pending == PENDING_NONE) {
        store->pending = PENDING_SOME;
    }
}

/* Marks every set whose scan differs from what was loaded. False: something above the sets differs. */
static bool walk_sets(xg_dirstore *store, int rootfd)
{
    xg_scan_dir meshes;
    if (!xg_is_ok(xg_scan_read_dir(rootfd, "meshes", store->limits.meshes, false, &meshes))) {
        return false;
    }
    bool is_same = xg_scan_same_dir(&store->meshes, &meshes);
    xg_scan_done_dir(&meshes);
    for (size_t i = 0; is_same && i < store->num_sets; i++) {
        xg_scan now;
        is_same = xg_is_ok(xg_scan_read(rootfd, store->sets[i]->path, &now));
        if (is_same && !xg_scan_same(&store->sets[i]->scan, &now)) {
            mark(store, (uint32_t)i);
        }
        if (is_same) {
            xg_scan_done(&now);
        }
    }
    return is_same;
}

static void walk(xg_dirstore *store)
{
    xg_file_id root;
    int rootfd = open_root(store, &root);
    bool is_same = rootfd >= 0 && root.dev == store->root.dev && root.ino == store->root.ino;
    if (!is_same || !walk_sets(store, rootfd)) {
        store->pending = PENDING_ALL;
    }
    if (rootfd >= 0) {
        close(rootfd);
    }
}

static bool is_poll_due(xg_dirstore *store, int64_t now, int64_t poll_seconds)
{
    bool is_due = !store->has_polled || poll_seconds <= 0 || now < store->last_poll ||
                  (uint64_t)now - (uint64_t)store->last_poll >= (uint64_t)poll_seconds;
    if (is_due) {
        store->has_polled = true;
        store->last_poll = now;
    }
    return is_due;
}

bool xg_dirstore_has_changed(xg_dirstore *store, int64_t now, int64_t poll_seconds)
{
    bool is_retry = store->is_due && poll_seconds > RETRY_SECONDS;
    bool is_due = is_poll_due(store, now, is_retry ? RETRY_SECONDS : poll_seconds);
    bool has_event = xg_watch_drain(&store->watch, mark, store);
    if (store->is_due) {
        if (is_due) {
            store->pending = PENDING_ALL;
        }
        return is_due || has_event;
    }
    if (is_due || !store->watch.is_complete) {
        walk(store);
    }
    return store->pending != PENDING_NONE;
}

bool xg_dirstore_is_same(const xg_dirstore *a, const xg_dirstore *b)
{
    return a->root.dev == b->root.dev && a->root.ino == b->root.ino;
}
