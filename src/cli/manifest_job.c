/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest_job.c: one run of `mint manifest`.
 *
 * Must never write a token that the ledger does not hold, nor mint one while a good one is at hand. The token file is
 * written last: where it is right, everything of its proxy is. One thread.
 */
#include "manifest_job.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "progress.h"

#define REPORTS_MAX 20
#define BATCH_MAX   512
#define NAME_SIZE   160
#define WORKERS_MAX 256

const char *xg_manifest_job_action(xg_manifest_action action)
{
    static const char *const NAMES[] = {
        [XG_MANIFEST_MINT] = "mint", [XG_MANIFEST_RESTORE] = "restore", [XG_MANIFEST_KEEP] = "keep"};
    return NAMES[action];
}

/* ---- preparing ---- */

/* Counts one refusal; true while it is to be told in full. */
static bool is_told(size_t *num)
{
    return (*num)++ < REPORTS_MAX;
}

static void tell_rest(size_t num, const char *what)
{
    if (num > REPORTS_MAX) {
        xg_errors_note("and %zu more %s", num - REPORTS_MAX, what);
    }
}

/* Which key of the mesh signs, by the ledger or by Kuma's rule; empty when the mesh has none. */
static int find_kid(xg_manifest_job *job, xg_str mesh, xg_manifest_item *item)
{
    char name[XG_MESH_NAME_MAX + 1];
    char id[XG_CUSTODY_SET_SIZE];
    xg_text text;
    xg_custody_dir dir;
    bool is_absent = false;
    bool has_set = false;
    xg_text_init(&text, name, sizeof(name));
    xg_text_add(&text, mesh);
    const xg_custody_set set = {name, false};
    const xg_manifest_known_key *key = xg_manifest_known_signing(&job->known, xg_custody_set_id(&set, id), &has_set);
    int code =
        xg_custody_open(xg_args_value(job->args, "authority"), &set, XG_CUSTODY_AUTHORITY, false, &dir, &is_absent);
    if (code != XG_EXIT_OK || is_absent) {
        return code;
    }
    if (key != NULL) {
        snprintf(item->kid, sizeof(item->kid), "%s", key->kid);
    } else { /* a ledger that does not know the set need not be asked for each of its keys */
        code = xg_keychain_find_signing(has_set ? job->ledger : NULL, &dir, &set, item->kid);
    }
    xg_custody_form form = item->kid[0] != '\0' ? xg_custody_find(&dir, item->kid) : XG_CUSTODY_ABSENT;
    if (form == XG_CUSTODY_ABSENT) {
        item->kid[0] = '\0';
    }
    item->key = key != NULL ? key->key : NULL;
    item->is_encrypted = form == XG_CUSTODY_ENCRYPTED;
    xg_custody_close(&dir);
    return code;
}

static int choose_key(xg_manifest_job *job, xg_manifest_item *item, size_t *num_missing)
{
    int code = job->is_shared_only ? XG_EXIT_OK : find_kid(job, item->proxy->mesh, item);
    if (code == XG_EXIT_OK && item->kid[0] == '\0' && job->shared_kid[0] != '\0') {
        item->is_any_mesh = true;
        item->key = job->shared_key[0] != '\0' ? job->shared_key : NULL;
        memcpy(item->kid, job->shared_kid, sizeof(item->kid));
    }
    if (code == XG_EXIT_OK && item->kid[0] == '\0' && is_told(num_missing)) {
        xg_errors_summary("the authority has no key of mesh '%.*s' that signs", (int)item->proxy->mesh.len,
                          item->proxy->mesh.ptr);
    }
    return code;
}

/* One look for each mesh, not for each of its proxies. */
static int choose_keys(xg_manifest_job *job)
{
    size_t num_missing = 0;
    int code = XG_EXIT_OK;
    for (size_t i = 0; code == XG_EXIT_OK && i < job->plan->num_proxies; i++) {
        xg_manifest_item *item = &job->items[i];
        item->proxy = &job->plan->proxies[i];
        if (i > 0 && xg_str_eq(item->proxy->mesh, item[-1].proxy->mesh)) {
            item->key = item[-1].key;
            item->is_any_mesh = item[-1].is_any_mesh;
            item->is_encrypted = item[-1].is_encrypted;
            memcpy(item->kid, item[-1].kid, sizeof(item->kid));
        } else {
            code = choose_key(job, item, &num_missing);
        }
    }
    if (code == XG_EXIT_OK && num_missing > 0) {
        tell_rest(num_missing, "meshes");
        xg_errors_help(
            "make them: xdsgate key new --mesh NAME --authority DIR --store DIR; or one for all: --any-mesh");
        return XG_EXIT_KEY;
    }
    return code;
}

static int check_policies(xg_manifest_job *job)
{
    int code = XG_EXIT_OK;
    for (size_t i = 0; code == XG_EXIT_OK && i < job->plan->num_proxies; i++) {
        xg_mint_request request = job->base;
        request.kind = XG_TOKEN_DATAPLANE;
        request.mesh = job->items[i].proxy->mesh;
        request.workload = xg_str_of(job->items[i].proxy->workload);
        code = xg_minting_policies_check(&job->policies, &request, false);
    }
    return code;
}

static bool name_of(const xg_manifest_item *item, xg_manifest_file file, char name[NAME_SIZE])
{
    xg_text text;
    xg_text_init(&text, name, NAME_SIZE);
    return xg_manifest_render_name(item->proxy, file, &text);
}

/* Whether the token that the ledger knows will do. */
static bool is_good(const xg_manifest_job *job, const xg_manifest_item *item, const xg_manifest_known_token *known)
{
    return known != NULL && !xg_args_has(job->args, "renew") && strcmp(known->kid, item->kid) == 0 &&
           (item->key == NULL || strcmp(known->key, item->key) == 0) && known->expires_at > job->base.now &&
           known->expires_at - job->base.now > job->renew_before;
}

/* Neither is right: to keep a token that counts for nobody yet, or to replace good ones because the clock fell back. */
static int check_future(const xg_manifest_job *job, const xg_manifest_item *item, const xg_manifest_known_token *known)
{
    char issued[XG_CLOCK_TEXT_SIZE];
    char now[XG_CLOCK_TEXT_SIZE];
    if (!is_good(job, item, known) || known->issued_at <= job->base.now) {
        return XG_EXIT_OK;
    }
    (void)xg_clock_format(known->issued_at, issued);
    (void)xg_clock_format(job->base.now, now);
    xg_errors_summary("the newest token of '%s' was issued in the future: %s", item->proxy->workload, issued);
    xg_errors_note("a clock is wrong, or was when it was minted; now it is %s", now);
    xg_errors_help("set the clock of this machine; if it is right, --renew mints tokens that count now");
    return XG_EXIT_CONFIG;
}

static int choose_action(xg_manifest_job *job, xg_manifest_item *item, size_t *num_strange)
{
    char name[NAME_SIZE];
    char found[XG_OUTPUT_FINGERPRINT_SIZE] = "";
    const xg_manifest_known_token *known =
        xg_manifest_known_find(&job->known, item->proxy->mesh, xg_str_of(item->proxy->workload));
    if (!name_of(item, XG_MANIFEST_TOKEN_FILE, name)) {
        return xg_errors_io("name the files of", item->proxy->workload, EINVAL);
    }
    int code = job->files.fd >= 0 ? xg_manifest_files_fingerprint(&job->files, name, found) : XG_EXIT_OK;
    if (code == XG_EXIT_OK) {
        code = check_future(job, item, known);
    }
    if (code != XG_EXIT_OK) {
        return code;
    }
    bool is_strange = found[0] != '\0' && !xg_manifest_known_has(&job->known, found);
    if (is_strange && !xg_args_has(job->args, "overwrite") && is_told(num_strange)) {
        xg_errors_summary("a token file is there that this authority did not mint for the deployment");
        xg_errors_where("%s/%s", job->files.path, name);
    }
    item->action = XG_MANIFEST_MINT;
    if (is_good(job, item, known)) {
        item->known = known;
        item->action = strcmp(found, known->fingerprint) == 0 ? XG_MANIFEST_KEEP : XG_MANIFEST_RESTORE;
        snprintf(item->fingerprint, sizeof(item->fingerprint), "%s", known->fingerprint);
        snprintf(item->jti, sizeof(item->jti), "%s", known->jti);
        item->expires_at = known->expires_at;
    }
    job->num_to_sign += item->action != XG_MANIFEST_KEEP ? 1 : 0;
    return XG_EXIT_OK;
}

static int choose_actions(xg_manifest_job *job)
{
    size_t num_strange = 0;
    int code = XG_EXIT_OK;
    for (size_t i = 0; code == XG_EXIT_OK && i < job->plan->num_proxies; i++) {
        code = choose_action(job, &job->items[i], &num_strange);
    }
    if (code == XG_EXIT_OK && num_strange > 0 && !xg_args_has(job->args, "overwrite")) {
        tell_rest(num_strange, "files");
        xg_errors_note("nothing was changed");
        xg_errors_help("write into another directory, or replace them: --overwrite");
        return XG_EXIT_IO;
    }
    return code;
}

int xg_manifest_job_prepare(xg_manifest_job *job)
{
    job->items = calloc(job->plan->num_proxies + 1, sizeof(*job->items));
    if (job->items == NULL) {
        return xg_errors_io("plan the run in", "memory", ENOMEM);
    }
    int code = xg_manifest_known_load(job->ledger, job->origin, &job->known);
    if (code == XG_EXIT_OK) {
        code = choose_keys(job);
    }
    if (code == XG_EXIT_OK) {
        code = check_policies(job);
    }
    return code == XG_EXIT_OK ? choose_actions(job) : code;
}

/* ---- opening what signs ---- */

static bool signs(const xg_manifest_item *item)
{
    return item->action != XG_MANIFEST_KEEP;
}

/* The key for every mesh, unless it is open already. */
static int open_any_mesh(xg_manifest_job *job)
{
    xg_custody_dir dir;
    bool is_absent = false;
    if (job->shared != NULL) {
        return XG_EXIT_OK;
    }
    const xg_custody_set set = {NULL, true};
    int code =
        xg_custody_open(xg_args_value(job->args, "authority"), &set, XG_CUSTODY_AUTHORITY, false, &dir, &is_absent);
    if (code == XG_EXIT_OK && is_absent) {
        return xg_keychain_no_key(dir.path, &set, job->shared_kid);
    }
    if (code == XG_EXIT_OK) {
        code = xg_keychain_load(&job->keychain, &dir, &set, job->shared_kid, &job->shared);
        xg_custody_close(&dir);
    }
    return code;
}

/* Opened here, it is not opened again: its mesh signs with it. */
static int try_encrypted(xg_manifest_job *job, xg_manifest_item *first)
{
    int code = XG_EXIT_OK;
    if (job->keychain.passphrase.ptr == NULL) {
        code = xg_passphrase_read(job->args, "the keys of the authority", false, &job->keychain.passphrase);
    }
    if (code == XG_EXIT_OK) {
        code = xg_manifest_pool_load(xg_args_value(job->args, "authority"), &job->keychain, first, &job->tried);
    }
    const xg_manifest_item *end = job->items + job->plan->num_proxies;
    for (xg_manifest_item *item = first; item < end && xg_str_eq(item->proxy->mesh, first->proxy->mesh); item++) {
        item->shared = job->tried;
    }
    return code;
}

int xg_manifest_job_unlock(xg_manifest_job *job)
{
    int code = XG_EXIT_OK;
    xg_manifest_item *encrypted = NULL;
    if (job->keychain.crypto == NULL && !xg_is_ok(xg_crypto_new(&job->keychain.crypto))) {
        return xg_errors_io("sign in", "memory", ENOMEM);
    }
    for (size_t i = 0; code == XG_EXIT_OK && i < job->plan->num_proxies; i++) {
        xg_manifest_item *item = &job->items[i];
        if (item->is_any_mesh && signs(item)) {
            code = open_any_mesh(job);
            item->shared = job->shared;
        }
        if (encrypted == NULL && item->is_encrypted && signs(item)) {
            encrypted = item;
        }
    }
    return code == XG_EXIT_OK && encrypted != NULL ? try_encrypted(job, encrypted) : code;
}

/* ---- doing it ---- */

/* A file that somebody changed is left alone, unless --overwrite says otherwise; a token in it may be an old one. */
static int put(xg_manifest_job *job, const char *name, mode_t mode, xg_str bytes)
{
    xg_manifest_state state = XG_MANIFEST_ABSENT;
    int code = xg_manifest_files_compare(&job->files, name, bytes, &state);
    if (code != XG_EXIT_OK || state == XG_MANIFEST_SAME) {
        return code;
    }
    if (state == XG_MANIFEST_OTHER && !xg_args_has(job->args, "overwrite")) {
        if (is_told(&job->num_left_alone)) {
            xg_errors_warning("%s/%s is there with other content and was left alone", job->files.path, name);
        }
        return XG_EXIT_OK;
    }
    return xg_manifest_files_write(&job->files, name, mode, bytes);
}

static int put_dataplane(xg_manifest_job *job, const xg_manifest_item *item, char *storage)
{
    char name[NAME_SIZE];
    xg_text text;
    xg_text_init(&text, storage, XG_MANIFEST_RENDER_SIZE);
    if (!name_of(item, XG_MANIFEST_DATAPLANE_FILE, name) || !xg_manifest_render_dataplane(item->proxy, &text)) {
        return xg_errors_io("write the Dataplane of", item->proxy->workload, EINVAL);
    }
    return put(job, name, 0644, (xg_str){storage, text.len});
}

/* The Mesh of each mesh once: beside its first proxy. */
static int put_mesh(xg_manifest_job *job, const xg_manifest_item *item, char *storage)
{
    char name[NAME_SIZE];
    xg_text text;
    bool is_kubernetes = strcmp(xg_args_value(job->args, "meshes"), "kubernetes") == 0;
    if (item > job->items && xg_str_eq(item->proxy->mesh, item[-1].proxy->mesh)) {
        return XG_EXIT_OK;
    }
    xg_text_init(&text, storage, XG_MANIFEST_RENDER_SIZE);
    if (!name_of(item, is_kubernetes ? XG_MANIFEST_MESH_KUBE_FILE : XG_MANIFEST_MESH_FILE, name) ||
        !xg_manifest_render_mesh(item->proxy->mesh, is_kubernetes, &text)) {
        return xg_errors_io("write the Mesh of", item->proxy->workload, EINVAL);
    }
    return put(job, name, 0644, (xg_str){storage, text.len});
}

static int put_secret(xg_manifest_job *job, const xg_manifest_item *item, xg_str token)
{
    char name[NAME_SIZE];
    char storage[XG_MANIFEST_RENDER_SIZE];
    xg_text text;
    xg_text_init(&text, storage, sizeof(storage));
    if (!name_of(item, XG_MANIFEST_SECRET_FILE, name) || !xg_manifest_render_secret(item->proxy, token, &text)) {
        return xg_errors_io("write the Secret of", item->proxy->workload, EINVAL);
    }
    int code = put(job, name, 0600, (xg_str){storage, text.len});
    sodium_memzero(storage, text.len);
    return code;
}

/* Everything beside the token itself. */
static int put_others(xg_manifest_job *job, const xg_manifest_item *item, xg_str token)
{
    char storage[XG_MANIFEST_RENDER_SIZE];
    int code = XG_EXIT_OK;
    if (xg_args_has(job->args, "dataplanes")) {
        code = put_dataplane(job, item, storage);
    }
    if (code == XG_EXIT_OK && xg_args_has(job->args, "meshes") && !job->plan->is_federated) {
        code = put_mesh(job, item, storage);
    }
    if (code == XG_EXIT_OK && xg_args_has(job->args, "secrets")) {
        code = put_secret(job, item, token);
    }
    return code;
}

static int write_signed(xg_manifest_job *job, const xg_manifest_signed *one)
{
    char name[NAME_SIZE];
    xg_manifest_item *item = one->item;
    xg_str token = {one->minted.token, one->minted.len};
    int code = put_others(job, item, token);
    if (code == XG_EXIT_OK && !name_of(item, XG_MANIFEST_TOKEN_FILE, name)) {
        code = xg_errors_io("name the files of", item->proxy->workload, EINVAL);
    }
    if (code == XG_EXIT_OK) {
        code = xg_manifest_files_write(&job->files, name, 0600, token);
    }
    if (code == XG_EXIT_OK) {
        const xg_str jti = one->minted.claims.jti;
        xg_text text;
        xg_text_init(&text, item->jti, sizeof(item->jti));
        xg_text_add(&text, jti);
        memcpy(item->fingerprint, one->minted.fingerprint, sizeof(item->fingerprint));
        item->expires_at = one->minted.claims.exp;
        item->is_done = true;
        job->num_minted += item->action == XG_MANIFEST_MINT ? 1 : 0;
        job->num_restored += item->action == XG_MANIFEST_RESTORE ? 1 : 0;
    }
    return code;
}

/* All of a batch in one transaction, and only then the files. */
static int record(xg_manifest_job *job, xg_manifest_signed *const *signed_tokens, size_t num)
{
    xg_ledger_entry entries[BATCH_MAX];
    size_t num_new = 0;
    xg_trouble trouble = {0};
    int64_t now = xg_clock_wall();
    for (size_t i = 0; i < num; i++) {
        if (signed_tokens[i]->item->action == XG_MANIFEST_MINT) {
            xg_minted_entry(&signed_tokens[i]->minted, XG_TOKEN_DATAPLANE, xg_str_of(job->origin), now,
                            &entries[num_new++]);
        }
    }
    if (num_new == 0 || xg_ledger_record_next(job->ledger, entries, num_new, &job->known.last_id, &trouble)) {
        job->num_recorded += num_new;
        return XG_EXIT_OK;
    }
    return xg_errors_trouble(&trouble);
}

static int finish_batch(xg_manifest_job *job, xg_manifest_signed *const *signed_tokens, size_t num)
{
    int code = record(job, signed_tokens, num);
    for (size_t i = 0; i < num; i++) {
        if (code == XG_EXIT_OK) {
            code = write_signed(job, signed_tokens[i]);
        }
        xg_manifest_pool_release(signed_tokens[i]);
    }
    return code;
}

static unsigned num_workers(const xg_manifest_job *job)
{
    uint64_t wanted = 0;
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    if (xg_args_has(job->args, "jobs") && xg_str_to_u64(xg_args_str(job->args, "jobs"), WORKERS_MAX, &wanted)) {
        return (unsigned)wanted;
    }
    return online > 0 && online < WORKERS_MAX ? (unsigned)online : 1;
}

static int sign_all(xg_manifest_job *job, xg_progress *progress)
{
    xg_manifest_pool *pool = NULL;
    xg_manifest_signed *batch[BATCH_MAX];
    int code = xg_manifest_pool_begin(xg_args_value(job->args, "authority"), &job->keychain, &job->base, job->items,
                                      job->plan->num_proxies, num_workers(job), &pool);
    while (code == XG_EXIT_OK) {
        size_t num = xg_manifest_pool_take(pool, batch, BATCH_MAX);
        if (num == 0) {
            break;
        }
        code = finish_batch(job, batch, num);
        xg_progress_add(progress, job->num_minted + job->num_restored - progress->done);
    }
    int failure = pool != NULL ? xg_manifest_pool_end(pool) : XG_EXIT_OK;
    return code == XG_EXIT_OK ? failure : code;
}

static int keep_all(xg_manifest_job *job)
{
    bool has_secrets = xg_args_has(job->args, "secrets");
    int code = XG_EXIT_OK;
    for (size_t i = 0; code == XG_EXIT_OK && i < job->plan->num_proxies; i++) {
        char name[NAME_SIZE];
        xg_secret token = {0};
        xg_manifest_item *item = &job->items[i];
        if (item->action != XG_MANIFEST_KEEP) {
            continue;
        }
        if (has_secrets && name_of(item, XG_MANIFEST_TOKEN_FILE, name)) {
            code = xg_manifest_files_token(&job->files, name, &token);
        }
        if (code == XG_EXIT_OK) {
            code = put_others(job, item, (xg_str){token.ptr, token.len});
        }
        xg_secret_done(&token);
        item->is_done = code == XG_EXIT_OK;
        job->num_kept += item->is_done ? 1 : 0;
    }
    return code;
}

int xg_manifest_job_run(xg_manifest_job *job)
{
    xg_progress progress;
    int code = keep_all(job);
    xg_progress_begin(&progress, "minted", job->num_to_sign, xg_args_has(job->args, "quiet"));
    if (code == XG_EXIT_OK && job->num_to_sign > 0) {
        code = sign_all(job, &progress);
    }
    xg_progress_end(&progress);
    int synced = xg_manifest_files_sync(&job->files);
    return code == XG_EXIT_OK ? synced : code;
}

void xg_manifest_job_done(xg_manifest_job *job)
{
    xg_manifest_files_close(&job->files);
    xg_ledger_close(job->ledger);
    xg_minting_policies_done(&job->policies);
    xg_manifest_known_done(&job->known);
    xg_signer_free(job->tried);
    xg_signer_free(job->shared);
    xg_keychain_done(&job->keychain);
    free(job->items);
}
