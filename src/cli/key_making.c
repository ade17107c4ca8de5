/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key_making.c: putting a key in its place: private half, public half, state.
 *
 * Either everything is in place at the end or all is as it was. Must never overwrite or print a key. One thread.
 */
#include "key_making.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "xdsgate/age.h"

static bool parse_bits(const xg_args *args, unsigned *ret_bits)
{
    const char *text = xg_args_value(args, "bits");
    static const struct {
        const char *text;
        unsigned bits;
    } SIZES[] = {{"2048", 2048}, {"3072", 3072}, {"4096", 4096}};
    for (size_t i = 0; i < XG_ARRAY_LEN(SIZES); i++) {
        if (strcmp(text != NULL ? text : "2048", SIZES[i].text) == 0) {
            *ret_bits = SIZES[i].bits;
            return true;
        }
    }
    xg_errors_summary("--bits must be 2048, 3072 or 4096");
    xg_errors_note("longer keys make every connection of every proxy dearer, shorter ones are refused by the plugin");
    return false;
}

static bool count_known(void *arg, const xg_ledger_key *key)
{
    xg_custody_kids *kids = arg;
    uint64_t serial = 0;
    if (xg_str_to_u64(key->kid, UINT64_MAX, &serial) && serial > kids->highest) {
        kids->highest = serial;
    }
    return true;
}

/* A kid that the ledger knows names that key for ever, even when both its halves are gone. */
static int scan_ledger(const xg_key_making *making, xg_custody_kids *kids)
{
    char id[XG_CUSTODY_SET_SIZE];
    xg_ledger *ledger = NULL;
    xg_trouble trouble = {0};
    int code = xg_keychain_ledger(xg_args_value(making->args, "authority"), false, &ledger);
    if (ledger != NULL &&
        !xg_ledger_each_key(ledger, xg_custody_set_id(&making->set, id), count_known, kids, &trouble)) {
        code = xg_errors_trouble(&trouble);
    }
    xg_ledger_close(ledger);
    return code;
}

static int next_kid(const xg_key_making *making, char kid[XG_KID_MAX + 1])
{
    xg_custody_kids kids = {0};
    int code = scan_ledger(making, &kids);
    if (code == XG_EXIT_OK) {
        code = xg_custody_scan(&making->authority, &kids);
    }
    if (code == XG_EXIT_OK) {
        code = xg_custody_scan(&making->store, &kids);
    }
    if (code == XG_EXIT_OK && kids.highest == UINT64_MAX) {
        xg_errors_summary("there is no serial after %" PRIu64, kids.highest);
        xg_errors_help("choose one with --kid");
        return XG_EXIT_USAGE;
    }
    snprintf(kid, XG_KID_MAX + 1, "%" PRIu64, kids.highest + 1);
    return code;
}

static int refuse_existing(const xg_key_making *making, const xg_custody_dir *dir)
{
    char storage[XG_MESH_NAME_MAX + 16];
    xg_errors_summary("%s already has a key '%s'", xg_custody_set_name(&making->set, storage, sizeof(storage)),
                      making->kid);
    xg_errors_where("%.3000s", dir->path);
    xg_errors_note("nothing was changed");
    xg_errors_help("leave --kid out to get the next serial, or choose another");
    return XG_EXIT_KEY;
}

static int settle_kid(xg_key_making *making)
{
    const char *wanted = xg_args_value(making->args, "kid");
    int code = XG_EXIT_OK;
    if (wanted == NULL) {
        code = next_kid(making, making->kid);
    } else {
        snprintf(making->kid, sizeof(making->kid), "%s", wanted);
    }
    if (code == XG_EXIT_OK && xg_custody_has(&making->authority, making->kid)) {
        return refuse_existing(making, &making->authority);
    }
    if (code == XG_EXIT_OK && xg_custody_has(&making->store, making->kid)) {
        return refuse_existing(making, &making->store);
    }
    return code;
}

static bool check_flags(const xg_args *args, xg_custody_set *set)
{
    static const char *const REQUIRED[] = {"authority", "store"};
    const char *kid = xg_args_value(args, "kid");
    if (!xg_keychain_choose_set(args, set) || !xg_args_require(args, REQUIRED, XG_ARRAY_LEN(REQUIRED))) {
        return false;
    }
    if (xg_args_has(args, "plain") && (xg_args_has(args, "passphrase-file") || xg_args_has(args, "passphrase-fd"))) {
        xg_errors_summary("--plain and a passphrase exclude each other");
        xg_errors_help("--plain leaves the private half unencrypted");
        return false;
    }
    return kid == NULL || xg_keychain_check_kid(kid);
}

/* Asked for before anything is made. */
static int read_passphrase(xg_key_making *making)
{
    char purpose[XG_MESH_NAME_MAX + 32];
    char name[XG_MESH_NAME_MAX + 16];
    if (xg_args_has(making->args, "plain")) {
        return XG_EXIT_OK;
    }
    snprintf(purpose, sizeof(purpose), "the key of %s", xg_custody_set_name(&making->set, name, sizeof(name)));
    return xg_passphrase_read(making->args, purpose, true, &making->passphrase);
}

int xg_key_making_begin(const xg_args *args, bool is_private, xg_key_making *making)
{
    bool is_absent = false;
    *making = (xg_key_making){.args = args, .authority = {.fd = -1}, .store = {.fd = -1}};
    if (!check_flags(args, &making->set)) {
        return XG_EXIT_USAGE;
    }
    int code = is_private ? read_passphrase(making) : XG_EXIT_OK;
    if (code == XG_EXIT_OK) {
        code = xg_custody_open(xg_args_value(args, "authority"), &making->set, XG_CUSTODY_AUTHORITY, true,
                               &making->authority, &is_absent);
    }
    if (code == XG_EXIT_OK) {
        code = xg_custody_open(xg_args_value(args, "store"), &making->set, XG_CUSTODY_STORE, true, &making->store,
                               &is_absent);
    }
    return code == XG_EXIT_OK ? settle_kid(making) : code;
}

static int put_file(const xg_key_making *making, const xg_custody_dir *dir, xg_custody_form form, xg_str bytes)
{
    int error = xg_custody_put(dir, making->kid, form, bytes.ptr, bytes.len);
    if (error == EEXIST) {
        return refuse_existing(making, dir);
    }
    return error == 0 ? XG_EXIT_OK : xg_errors_io("write the key", dir->path, error);
}

static int no_memory(void)
{
    return xg_errors_reason("the key cannot be written", NULL, XG_FAIL(NO_MEMORY));
}

static int put_encrypted(const xg_key_making *making, xg_str pem)
{
    char *text = NULL;
    size_t len = 0;
    xg_age_status status =
        xg_age_encrypt(pem, (xg_str){making->passphrase.ptr, making->passphrase.len}, XG_AGE_WORK_DEFAULT, &text, &len);
    if (status != XG_AGE_OK) {
        return no_memory();
    }
    int code = put_file(making, &making->authority, XG_CUSTODY_ENCRYPTED, (xg_str){text, len});
    free(text);
    return code;
}

static int put_private(const xg_key_making *making, const xg_signer *signer)
{
    char *pem = NULL;
    size_t len = 0;
    if (!xg_is_ok(xg_signer_private_pem(signer, &pem, &len))) {
        return no_memory();
    }
    int code = making->passphrase.ptr != NULL
                   ? put_encrypted(making, (xg_str){pem, len})
                   : put_file(making, &making->authority, XG_CUSTODY_PLAIN, (xg_str){pem, len});
    xg_signer_pem_free(pem, len);
    return code;
}

/* The first key of a set signs; a later one is published, and waits for its turn. */
static int choose_state(xg_key_making *making)
{
    xg_ledger *ledger = NULL;
    xg_ledger_state state = XG_LEDGER_UNKNOWN;
    int code = xg_keychain_ledger(xg_args_value(making->args, "authority"), false, &ledger);
    making->has_ledger = ledger != NULL;
    if (code == XG_EXIT_OK) {
        code = xg_keychain_find_signing(ledger, &making->authority, &making->set, making->signing);
    }
    if (code == XG_EXIT_OK && making->signing[0] != '\0') {
        code = xg_keychain_state(ledger, &making->set, making->signing, &state);
    }
    making->state = making->signing[0] == '\0' ? XG_LEDGER_SIGNING : XG_LEDGER_PUBLISHED;
    making->is_signing_known = state != XG_LEDGER_UNKNOWN;
    xg_ledger_close(ledger);
    return code;
}

static bool note_any(void *arg, const xg_ledger_key *key)
{
    (void)key;
    *(bool *)arg = true;
    return false;
}

/*
 * The ledger that this run made goes again, but never one into which somebody else has written meanwhile. Its making
 * may have failed when the file was there already, so it is looked for.
 */
static void undo_ledger(const xg_key_making *making)
{
    const xg_ledger_filter everything = {0};
    const xg_str all_sets = {NULL, 0};
    char path[XG_CUSTODY_PATH_SIZE];
    xg_ledger *ledger = NULL;
    xg_trouble trouble = {0};
    uint64_t num = 0;
    int64_t latest = 0;
    bool has_key = false;
    snprintf(path, sizeof(path), "%.4000s/ledger.db", xg_args_value(making->args, "authority"));
    if (!making->is_ledger_new || !xg_ledger_open(path, false, &ledger, &trouble) || ledger == NULL) {
        return;
    }
    if (xg_ledger_each_key(ledger, all_sets, note_any, &has_key, &trouble) && !has_key &&
        xg_ledger_count(ledger, &everything, &num, &latest, &trouble) && num == 0) {
        unlink(path);
    }
    xg_ledger_close(ledger);
}

/* A key from before there was a ledger signs by being the newest; from now on the ledger says so. */
static int adopt_signing(const xg_key_making *making, char fingerprint[XG_KEYCHAIN_FINGERPRINT_SIZE])
{
    fingerprint[0] = '\0';
    if (making->signing[0] == '\0' || making->is_signing_known ||
        xg_custody_find(&making->store, making->signing) != XG_CUSTODY_PLAIN) {
        return XG_EXIT_OK;
    }
    return xg_keychain_public_fingerprint(&making->store, making->signing, fingerprint);
}

static int put_state(xg_key_making *making, const xg_signer *signer)
{
    char id[XG_CUSTODY_SET_SIZE];
    char old_key[XG_KEYCHAIN_FINGERPRINT_SIZE];
    char new_key[XG_KEYCHAIN_FINGERPRINT_SIZE];
    xg_trouble trouble = {0};
    xg_str set = xg_custody_set_id(&making->set, id);
    int64_t now = xg_clock_wall();
    making->is_ledger_new = !making->has_ledger;
    int code = xg_keychain_ledger(xg_args_value(making->args, "authority"), true, &making->ledger);
    if (code == XG_EXIT_OK) {
        code = adopt_signing(making, old_key);
    }
    if (code != XG_EXIT_OK) {
        return code;
    }
    xg_keychain_fingerprint(xg_signer_pubkey(signer), new_key);
    const xg_ledger_key keys[] = {
        {set, xg_str_of(making->kid), xg_str_of(new_key), making->state, now},
        {set, xg_str_of(making->signing), xg_str_of(old_key), XG_LEDGER_SIGNING, now},
    };
    return xg_ledger_put_keys(making->ledger, keys, old_key[0] != '\0' ? 2 : 1, &trouble) ? XG_EXIT_OK
                                                                                          : xg_errors_trouble(&trouble);
}

static int put_public(xg_key_making *making, const xg_signer *signer, xg_str public_pem)
{
    char *pem = NULL;
    size_t len = 0;
    if (signer == NULL) {
        return put_file(making, &making->store, XG_CUSTODY_PLAIN, public_pem);
    }
    if (!xg_is_ok(xg_signer_public_pem(signer, &pem, &len))) {
        return no_memory();
    }
    int code = put_file(making, &making->store, XG_CUSTODY_PLAIN, (xg_str){pem, len});
    xg_signer_pem_free(pem, len);
    return code;
}

/* The private half first: should the machine stop in between, 'key public' makes the other one from it. */
int xg_key_making_put(xg_key_making *making, const xg_signer *signer, xg_str public_pem)
{
    xg_custody_form form = making->passphrase.ptr != NULL ? XG_CUSTODY_ENCRYPTED : XG_CUSTODY_PLAIN;
    int code = choose_state(making);
    if (code == XG_EXIT_OK && signer != NULL) {
        code = put_private(making, signer);
    }
    if (code != XG_EXIT_OK) {
        return code;
    }
    code = put_public(making, signer, public_pem);
    bool has_public = code == XG_EXIT_OK;
    if (has_public && signer != NULL) {
        code = put_state(making, signer);
    }
    if (code != XG_EXIT_OK && signer != NULL) {
        (void)xg_custody_remove(&making->authority, making->kid, form); /* best effort: the first failure is reported */
    }
    if (code != XG_EXIT_OK && has_public) {
        (void)xg_custody_remove(&making->store, making->kid, XG_CUSTODY_PLAIN);
    }
    return code;
}

void xg_key_making_say(const xg_key_making *making, bool is_private)
{
    char storage[XG_MESH_NAME_MAX + 16];
    char file[XG_CUSTODY_NAME_SIZE];
    const char *name = xg_custody_set_name(&making->set, storage, sizeof(storage));
    xg_custody_file_name(making->kid, making->passphrase.ptr != NULL ? XG_CUSTODY_ENCRYPTED : XG_CUSTODY_PLAIN, file);
    if (!is_private) {
        printf("key %s of %s: public half in %s/%s.pem\n", making->kid, name, making->store.path, making->kid);
        return;
    }
    printf("key %s of %s: private half in %s/%s, public half in %s/%s.pem\n", making->kid, name, making->authority.path,
           file, making->store.path, making->kid);
    if (making->state == XG_LEDGER_SIGNING) {
        printf("key %s signs from now on\n", making->kid);
    } else {
        printf("key %s is published and signs nothing yet: when every control plane has read the store,\n"
               "'xdsgate key rotate' lets it sign\n",
               making->kid);
    }
}

int xg_key_making_finish(xg_key_making *making, int code)
{
    xg_ledger_close(making->ledger);
    xg_secret_done(&making->passphrase);
    if (code != XG_EXIT_OK) {
        undo_ledger(making);
        xg_custody_undo(&making->store);
        xg_custody_undo(&making->authority);
        return code;
    }
    int error = making->set.mesh == NULL ? xg_custody_complete_store(&making->store) : 0;
    if (error != 0) {
        code = xg_errors_io("make the directory 'meshes', which every store has; the key was made", making->store.path,
                            error);
    }
    xg_custody_close(&making->store);
    xg_custody_close(&making->authority);
    return code;
}

static int generate(xg_key_making *making, unsigned bits)
{
    xg_signer *signer = NULL;
    xg_result made = xg_signer_generate(bits, &signer);
    if (!xg_is_ok(made)) {
        return xg_errors_reason("no key could be made", NULL, made);
    }
    int code = xg_key_making_put(making, signer, (xg_str){NULL, 0});
    xg_signer_free(signer);
    return code;
}

int xg_key_making_new(const xg_args *args)
{
    xg_key_making making;
    unsigned bits = 0;
    if (!parse_bits(args, &bits)) {
        return XG_EXIT_USAGE;
    }
    int code = xg_key_making_begin(args, true, &making);
    if (code == XG_EXIT_OK) {
        code = generate(&making, bits);
    }
    if (code == XG_EXIT_OK) {
        xg_key_making_say(&making, true);
    }
    return xg_key_making_finish(&making, code);
}
