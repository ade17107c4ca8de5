/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setload.c: one key set, from its files.
 *
 * A set is taken whole or not at all. Files are opened beneath the store's root only, must be the very files of the
 * scan, and are scanned again afterwards: what moved meanwhile is read again. Must never take "cannot be read" for
 * "empty". Thread rule: one store belongs to one thread at a time.
 */
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium/utils.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "revocations.h"

#define NUM_TRIES      3
#define KEY_FILE_MAX   16384
#define WHAT_SIZE      640
#define SENTENCE_SIZE  1024
#define QUOTE_MAX      80
#define LIST_LINE_MAX  64 /* an id and a word on it, for the ceiling on the size of a list */
#define LIST_BYTES_MIN (1u << 20)

/* Why the files at hand make no set. */
typedef struct fault {
    bool is_transient;
    xg_text what;
    char storage[WHAT_SIZE];
} fault;

xg_store_set *xg_setload_ref(xg_store_set *set)
{
    set->refs++;
    return set;
}

void xg_setload_unref(xg_store_set *set)
{
    if (set == NULL || --set->refs > 0) {
        return;
    }
    for (size_t i = 0; set->keys != NULL && i < set->scan.keys.num_items; i++) {
        if (set->keys[i] != NULL) {
            xg_pubkey_unref(set->keys[i]);
        }
    }
    free(set->keys);
    xg_scan_done(&set->scan);
    xg_keyring_unref(set->ring);
    xg_revocations_unref(set->list);
    free(set);
}

/* ---- words ---- */

void xg_setload_label(const xg_store_set *set, xg_text *text)
{
    if (set->name.len == 0) {
        xg_text_add(text, xg_str_of(set->path));
        return;
    }
    xg_text_add(text, XG_STR("mesh "));
    xg_text_quote(text, set->name, QUOTE_MAX);
}

static void say(const xg_setload *context, const xg_store_set *set, uint32_t reason, const char *what,
                const char *outcome)
{
    if (context->report == NULL) {
        return;
    }
    char storage[SENTENCE_SIZE];
    xg_text text;
    xg_text_init(&text, storage, sizeof(storage));
    xg_setload_label(set, &text);
    xg_text_add(&text, XG_STR(": "));
    xg_text_add(&text, xg_str_of(what));
    xg_text_add(&text, xg_str_of(outcome));
    context->report(context->report_arg, reason, text.ptr, text.len);
}

void xg_setload_warn(const xg_setload *context, const xg_store_set *set, const char *what)
{
    say(context, set, XG_REASON_OK, what, "");
}

void xg_setload_refuse(const xg_setload *context, xg_store_entry *entry, uint32_t reason, const char *what)
{
    entry->set->is_refused = true;
    bool has_good = entry->previous != NULL && entry->previous->ring != NULL;
    say(context, entry->set, reason, what,
        has_good ? " The last good set goes on serving." : " No good set is known: its tokens are denied.");
}

static void add_reason(fault *flt, uint32_t reason)
{
    const xg_reason_info *info = xg_reason_find(reason);
    xg_text_printf(&flt->what, "%s %s", info->text, info->help);
}

static const char *error_words(int error)
{
    switch (error) {
    case EXDEV:
        return "it is a link that leaves the store";
    case EINVAL:
        return "it is not a regular file";
    case EFBIG:
        return "it is too large";
    case E2BIG:
        return "it holds too many files";
    case ESTALE:
        return "it changed while it was read";
    default:
        return strerrordesc_np(error);
    }
}

/* An error that repairing the directory would leave a trace of needs no retry until then; any other does. */
static bool may_pass(int error)
{
    static const int lasting[] = {EXDEV, ELOOP,   EINVAL, EFBIG,        E2BIG, EACCES,
                                  EPERM, ENOTDIR, EISDIR, ENAMETOOLONG, ENXIO};
    for (size_t i = 0; i < XG_ARRAY_LEN(lasting); i++) {
        if (error == lasting[i]) {
            return false;
        }
    }
    return true;
}

static xg_result fail_path(fault *flt, const char *path, int error, bool is_transient)
{
    XG_CHECK(error != ENOMEM, NO_MEMORY);
    flt->is_transient = is_transient;
    const char *words = error_words(error);
    xg_text_quote(&flt->what, xg_str_of(path), QUOTE_MAX);
    xg_text_printf(&flt->what, " cannot be read: %s. ", words != NULL ? words : "unknown error");
    xg_text_add(&flt->what, xg_str_of(xg_reason_find(XG_REASON_STORE_UNREADABLE)->help));
    return XG_FAIL(STORE_UNREADABLE);
}

/* ---- files ---- */

/* Reads the open file if it still is the one that was scanned. */
static xg_result read_open_file(int fd, const char *path, const xg_file_id *id, size_t max, char **ret_bytes,
                                size_t *ret_len, fault *flt)
{
    struct stat st;
    if (fstat(fd, &st) != 0) {
        return fail_path(flt, path, errno, true);
    }
    xg_file_id found = xg_scan_file_id(&st);
    if (!xg_scan_same_file(&found, id)) {
        return fail_path(flt, path, ESTALE, true);
    }
    /* Directories are not judged: Kubernetes mounts Secrets in directories of mode 1777. */
    if (S_ISREG(st.st_mode) && (st.st_mode & S_IWOTH) != 0) {
        xg_text_quote(&flt->what, xg_str_of(path), QUOTE_MAX);
        xg_text_add(&flt->what, XG_STR(" may be written by everyone. Take that right away: chmod o-w."));
        return XG_FAIL(STORE_UNREADABLE);
    }
    int error = xg_file_read_all(fd, max, ret_bytes, ret_len);
    if (error == ENOMEM) { /* too large for this process: no reason to hold up the other sets */
        xg_text_quote(&flt->what, xg_str_of(path), QUOTE_MAX);
        xg_text_printf(&flt->what, " cannot be read: there is no memory for its %lld bytes. Shorten it.",
                       (long long)st.st_size);
        flt->is_transient = true;
        return XG_FAIL(STORE_UNREADABLE);
    }
    if (error != 0) {
        return fail_path(flt, path, error, may_pass(error));
    }
    return XG_OK;
}

static xg_result read_file(const xg_setload *context, const xg_store_set *set, const char *name, const xg_file_id *id,
                           size_t max, char **ret_bytes, size_t *ret_len, fault *flt)
{
    char path[XG_SCAN_PATH_SIZE];
    snprintf(path, sizeof(path), "%s/%s", set->path, name);
    int fd = xg_file_open_beneath(context->rootfd, path, O_RDONLY);
    if (fd < 0) {
        return fail_path(flt, name, errno, may_pass(errno));
    }
    xg_result result = read_open_file(fd, name, id, max, ret_bytes, ret_len, flt);
    close(fd);
    return result;
}

static xg_result read_key(const xg_setload *context, const xg_store_set *set, const char *name, const xg_file_id *id,
                          xg_pubkey **ret_key, fault *flt)
{
    char *pem = NULL;
    size_t len = 0;
    XG_TRY(read_file(context, set, name, id, KEY_FILE_MAX, &pem, &len, flt));
    xg_result result = xg_keyfile_parse(context->crypto, (xg_str){pem, len}, ret_key);
    if (xg_result_reason(result) == XG_REASON_KEY_FILE) {
        /* OpenSSL's PEM reader does not always say that it ran out of memory. A set refused for that would stay so
         * until its files change: only what fails twice is the file's fault. */
        result = xg_keyfile_parse(context->crypto, (xg_str){pem, len}, ret_key);
    }
    sodium_memzero(pem, len); /* it may have been a private key */
    free(pem);
    if (!xg_is_ok(result)) {
        xg_text_quote(&flt->what, xg_str_of(name), QUOTE_MAX);
        xg_text_add(&flt->what, XG_STR(" is refused. "));
        add_reason(flt, xg_result_reason(result));
    }
    return result;
}

/* The key of a file that has not changed since. Both scans are sorted: *cursor only moves up. */
static xg_pubkey *carried_key(const xg_store_set *old, size_t *cursor, xg_str name, const xg_file_id *id)
{
    if (old == NULL || old->keys == NULL) {
        return NULL;
    }
    const xg_scan_dir *dir = &old->scan.keys;
    while (*cursor < dir->num_items && xg_str_cmp(xg_scan_name(dir, *cursor), name) < 0) {
        (*cursor)++;
    }
    bool is_same = *cursor < dir->num_items && xg_str_eq(xg_scan_name(dir, *cursor), name) &&
                   xg_scan_same_file(&dir->items[*cursor].id, id);
    return is_same ? old->keys[*cursor] : NULL;
}

/* ---- keys ---- */

typedef enum key_kind { KEY_ACTIVE, KEY_RETIRED, KEY_NONE } key_kind;

static key_kind kind_of(xg_str name, xg_str *ret_kid)
{
    static const struct {
        xg_str suffix;
        key_kind kind;
    } kinds[] = {{{".pem", 4}, KEY_ACTIVE}, {{".retired", 8}, KEY_RETIRED}};
    for (size_t i = 0; i < XG_ARRAY_LEN(kinds); i++) {
        xg_str suffix = kinds[i].suffix;
        if (name.len > suffix.len && xg_str_eq(xg_str_skip(name, name.len - suffix.len), suffix)) {
            *ret_kid = (xg_str){name.ptr, name.len - suffix.len};
            return kinds[i].kind;
        }
    }
    return KEY_NONE;
}

static void explain_add(fault *flt, const char *name, xg_result result)
{
    xg_text_quote(&flt->what, xg_str_of(name), QUOTE_MAX);
    switch (xg_result_reason(result)) {
    case XG_REASON_KID_INVALID:
        xg_text_printf(&flt->what, ": a kid is 1 to %d bytes of UTF-8 without control bytes. Rename the file.",
                       XG_KID_MAX);
        break;
    case XG_REASON_KEY_SHARED:
        xg_text_add(&flt->what, XG_STR(" holds a key that the set has under another kid. Keep one of the two files."));
        break;
    default:
        xg_text_add(&flt->what, XG_STR(": "));
        add_reason(flt, xg_result_reason(result));
    }
}

static xg_result load_key(const xg_setload *context, const xg_store_set *old, size_t *cursor, xg_store_set *set,
                          size_t index, fault *flt)
{
    const xg_scan_item *item = &set->scan.keys.items[index];
    xg_str name = xg_scan_name(&set->scan.keys, index);
    char path[XG_SCAN_PATH_SIZE];
    snprintf(path, sizeof(path), "keys/%s", name.ptr);
    xg_str kid = {0};
    key_kind kind = kind_of(name, &kid);
    if (kind == KEY_NONE) {
        return XG_OK;
    }
    if (kind == KEY_ACTIVE) {
        if (item->error != 0) {
            return fail_path(flt, path, item->error, item->error != ENOENT && may_pass(item->error));
        }
        xg_pubkey *known = carried_key(old, cursor, name, &item->id);
        if (known != NULL) {
            set->keys[index] = xg_pubkey_ref(known);
        } else {
            XG_TRY(read_key(context, set, path, &item->id, &set->keys[index], flt));
        }
    }
    xg_result result = xg_keyring_add(set->ring, kid, set->keys[index]);
    if (!xg_is_ok(result)) {
        explain_add(flt, path, result);
    }
    return result;
}

static xg_result load_keys(const xg_setload *context, const xg_store_set *old, xg_store_set *set, fault *flt)
{
    set->keys = calloc(set->scan.keys.num_items + 1, sizeof(xg_pubkey *));
    XG_CHECK(set->keys != NULL, NO_MEMORY);
    XG_TRY(xg_keyring_new(&set->ring));
    size_t cursor = 0;
    for (size_t i = 0; i < set->scan.keys.num_items; i++) {
        XG_TRY(load_key(context, old, &cursor, set, i, flt));
    }
    return XG_OK;
}

/*
 * Files that were written anew with the same keys make the same ring: then the one that serves goes on, and nothing
 * looks changed to whoever compares snapshots.
 */
static void keep_ring(const xg_keyset *previous, xg_store_set *set)
{
    if (previous != NULL && previous->ring != NULL && xg_keyring_is_same(previous->ring, set->ring)) {
        xg_keyring_unref(set->ring);
        set->ring = xg_keyring_ref(previous->ring);
    }
}

/* ---- the list ---- */

/* Takes the parsed list of a file that has not changed since. */
static bool carry_list(const xg_store_set *old, xg_store_set *set)
{
    bool is_same = set->scan.list_error == 0 && old != NULL && old->list != NULL &&
                   xg_scan_same_file(&old->scan.list, &set->scan.list);
    if (is_same) {
        set->list = xg_revocations_ref(old->list);
    }
    return is_same;
}

static xg_result parse_list(const xg_setload *context, xg_store_set *set, fault *flt)
{
    char *bytes = NULL;
    size_t len = 0;
    size_t max = context->max_revoked * LIST_LINE_MAX + LIST_BYTES_MIN;
    XG_TRY(read_file(context, set, "revoked", &set->scan.list, max, &bytes, &len, flt));
    char storage[256];
    xg_text where;
    xg_text_init(&where, storage, sizeof(storage));
    xg_result result = xg_revocations_parse((xg_str){bytes, len}, context->max_revoked, &set->list, &where);
    free(bytes);
    if (!xg_is_ok(result)) {
        xg_text_printf(&flt->what, "'revoked', %s. %s", storage, xg_reason_find(XG_REASON_LIST_INVALID)->help);
    }
    return result;
}

static xg_result load_list(const xg_setload *context, const xg_store_set *old, const xg_keyset *previous,
                           xg_store_set *set, fault *flt)
{
    bool had_list = previous != NULL && previous->revoked != NULL;
    int error = set->scan.list_error;
    if (error == ENOENT && !had_list) {
        return XG_OK;
    }
    if (error == ENOENT) {
        xg_text_add(&flt->what,
                    XG_STR("'revoked' is gone. To lift all revocations, leave the file with the line '# none'."));
        return XG_FAIL(STORE_UNREADABLE);
    }
    if (error != 0) {
        return fail_path(flt, "revoked", error, may_pass(error));
    }
    /* A file that is being rewritten in place looks like this for a moment, and revoked tokens would come in. */
    if (set->scan.list.size == 0 && had_list && !xg_revocations_is_blank(previous->revoked)) {
        xg_text_add(&flt->what,
                    XG_STR("'revoked' has become empty. To lift all revocations, write the line '# none'."));
        return XG_FAIL(LIST_INVALID);
    }
    return carry_list(old, set) ? XG_OK : parse_list(context, set, flt);
}

/* ---- the set ---- */

static xg_result new_set(const char *path, xg_store_set **ret_set)
{
    size_t len = strlen(path);
    xg_store_set *set = calloc(1, sizeof(*set) + len + 1);
    XG_CHECK(set != NULL, NO_MEMORY);
    set->refs = 1;
    memcpy(set->path, path, len + 1);
    const char *slash = strchr(set->path, '/');
    set->name = slash != NULL ? xg_str_of(slash + 1) : XG_STR("");
    *ret_set = set;
    return XG_OK;
}

/* any-mesh may hold a list alone. If it ever had keys, their directory cannot just be gone. */
static bool may_lack_keys(const xg_store_set *set, const xg_keyset *previous)
{
    bool had_keys = previous != NULL && previous->ring != NULL && xg_keyring_count(previous->ring) > 0;
    return strcmp(set->path, "any-mesh") == 0 && set->scan.set_error == 0 && set->scan.keys.error == ENOENT &&
           !had_keys;
}

static xg_result check_directory(const xg_store_set *set, const xg_keyset *previous, fault *flt)
{
    const xg_scan *scan = &set->scan;
    if (scan->keys.error == 0 || may_lack_keys(set, previous)) {
        return XG_OK;
    }
    if (scan->set_error == ENOENT) {
        xg_text_add(&flt->what, XG_STR("Its directory is gone. Put it back."));
        return XG_FAIL(STORE_UNREADABLE);
    }
    if (scan->set_error != 0) {
        return fail_path(flt, "directory", scan->set_error, may_pass(scan->set_error));
    }
    if (scan->keys.error == ENOENT) {
        xg_text_add(&flt->what, XG_STR("There is no directory 'keys'. Create it; it may be empty."));
        return XG_FAIL(STORE_UNREADABLE);
    }
    return fail_path(flt, "keys", scan->keys.error, may_pass(scan->keys.error));
}

static xg_result build(const xg_setload *context, const xg_store_set *old, const xg_keyset *previous, xg_store_set *set,
                       fault *flt)
{
    XG_TRY(check_directory(set, previous, flt));
    set->is_unsettled = !xg_scan_settle(&set->scan);
    xg_result result = load_keys(context, old, set, flt);
    if (!xg_is_ok(result)) {
        (void)carry_list(old, set); /* for the load that follows the repair */
        return result;
    }
    keep_ring(previous, set);
    return load_list(context, old, previous, set, flt);
}

static bool is_as_served(const xg_store_set *old, const xg_keyset *previous)
{
    return old != NULL && previous != NULL && !old->is_refused && !previous->is_stale && previous->ring != NULL &&
           previous->ring == old->ring && previous->revoked == old->list;
}

static void warn_of_other_files(const xg_setload *context, const xg_store_set *set)
{
    for (size_t i = 0; i < set->scan.keys.num_items; i++) {
        xg_str kid;
        if (kind_of(xg_scan_name(&set->scan.keys, i), &kid) == KEY_NONE) {
            char storage[WHAT_SIZE];
            xg_text what;
            xg_text_init(&what, storage, sizeof(storage));
            xg_text_add(&what, XG_STR("In 'keys', "));
            xg_text_quote(&what, xg_scan_name(&set->scan.keys, i), QUOTE_MAX);
            xg_text_add(&what, XG_STR(" is ignored: it ends neither in .pem nor in .retired. Rename or remove it."));
            xg_setload_warn(context, set, storage);
        }
    }
}

/* One reading of the files as they are now, into set. *ret_is_steady: they were still the same afterwards. */
static xg_result try_read(const xg_setload *context, const xg_store_set *old, const xg_keyset *previous,
                          xg_store_set *set, fault *flt, xg_result *ret_verdict, bool *ret_is_steady)
{
    xg_text_init(&flt->what, flt->storage, sizeof(flt->storage));
    flt->is_transient = false;
    *ret_verdict = build(context, old, previous, set, flt);
    XG_CHECK(xg_result_reason(*ret_verdict) != XG_REASON_NO_MEMORY, NO_MEMORY);
    xg_scan after;
    XG_TRY(xg_scan_read(context->rootfd, set->path, &after));
    *ret_is_steady = xg_scan_same(&set->scan, &after);
    xg_scan_done(&after);
    return XG_OK;
}

/* Reads until the files hold still, three times at most; the last reading stays in entry->set. */
static xg_result read_steady(const xg_setload *context, const char *path, xg_store_set *old, xg_store_entry *entry,
                             fault *flt, xg_result *ret_verdict)
{
    bool is_steady = false;
    for (int i = 0; i < NUM_TRIES && !is_steady; i++) {
        xg_setload_unref(entry->set);
        entry->set = NULL;
        XG_TRY(new_set(path, &entry->set));
        xg_store_set *set = entry->set;
        XG_TRY(xg_scan_read(context->rootfd, path, &set->scan));
        if (is_as_served(old, entry->previous) && xg_scan_same(&old->scan, &set->scan)) {
            xg_setload_unref(set);
            entry->set = xg_setload_ref(old);
            entry->is_carried = true;
            return XG_OK;
        }
        bool was_there = entry->previous != NULL && entry->previous->ring != NULL;
        if (set->name.len == 0 && set->scan.set_error == ENOENT && !was_there) {
            set->is_absent = true;
            return XG_OK;
        }
        XG_TRY(try_read(context, old, entry->previous, set, flt, ret_verdict, &is_steady));
    }
    if (!is_steady) {
        xg_text_init(&flt->what, flt->storage, sizeof(flt->storage));
        xg_text_add(&flt->what, XG_STR("Its files kept changing while they were read; they will be read again."));
        flt->is_transient = true;
        *ret_verdict = XG_FAIL(STORE_UNREADABLE);
    }
    return XG_OK;
}

xg_result xg_setload_read(const xg_setload *context, const char *path, xg_store_set *old, xg_store_entry *entry)
{
    fault flt;
    xg_result verdict = XG_OK;
    entry->set = NULL;
    entry->is_carried = false;
    bool is_known = old != NULL && !old->is_unsettled; /* else equal stamps say nothing */
    xg_result result = read_steady(context, path, is_known ? old : NULL, entry, &flt, &verdict);
    if (!xg_is_ok(result)) {
        xg_setload_unref(entry->set);
        entry->set = NULL;
        return result;
    }
    if (entry->is_carried || entry->set->is_absent) {
        return XG_OK;
    }
    entry->set->is_due = entry->set->is_unsettled;
    warn_of_other_files(context, entry->set);
    if (!xg_is_ok(verdict)) {
        entry->set->is_due = entry->set->is_due || flt.is_transient;
        xg_setload_refuse(context, entry, xg_result_reason(verdict), flt.storage);
    }
    return XG_OK;
}
