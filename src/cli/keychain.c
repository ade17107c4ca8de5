/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keychain.c: the private keys of an authority: which set a command means, which key signs, and opening one.
 *
 * Must never keep a private key outside guarded memory, and never guess which key signs where the ledger knows it.
 */
#include "keychain.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "xdsgate/age.h"

#define PURPOSE_SIZE (XG_KID_MAX + XG_MESH_NAME_MAX + 32)

bool xg_keychain_choose_set(const xg_args *args, xg_custody_set *ret_set)
{
    const char *mesh = xg_args_value(args, "mesh");
    int num = (mesh != NULL) + xg_args_has(args, "for-zone") + xg_args_has(args, "any-mesh");
    if (num != 1) {
        xg_errors_summary("exactly one of --mesh, --for-zone and --any-mesh is required");
        xg_errors_help("--mesh NAME means the keys for dataplane tokens of a mesh, --for-zone those for zone tokens");
        return false;
    }
    if (mesh != NULL && !xg_custody_is_name(mesh, XG_MESH_NAME_MAX)) {
        xg_errors_summary("'%.80s' cannot be a mesh name", mesh);
        xg_errors_help("use letters, digits, '.', '_' and '-', beginning with a letter or digit");
        return false;
    }
    *ret_set = (xg_custody_set){mesh, xg_args_has(args, "any-mesh")};
    return true;
}

bool xg_keychain_check_kid(const char *kid)
{
    if (!xg_custody_is_name(kid, XG_KID_MAX)) {
        xg_errors_summary("'%.80s' cannot be a kid", kid);
        xg_errors_help("use at most %d letters, digits, '.', '_' and '-', beginning with a letter or digit",
                       XG_KID_MAX);
        return false;
    }
    if (xg_keyring_is_padded(xg_str_of(kid))) {
        xg_errors_summary("the serial '%s' has leading zeros", kid);
        xg_errors_note("Kuma signs with key 0002 but then looks for key 2, so no such token would ever verify");
        xg_errors_help("write %s", kid + strspn(kid, "0") - (strspn(kid, "0") == strlen(kid) ? 1 : 0));
        return false;
    }
    return true;
}

void xg_keychain_init(xg_keychain *chain, const xg_args *args)
{
    *chain = (xg_keychain){.args = args};
}

void xg_keychain_done(xg_keychain *chain)
{
    xg_secret_done(&chain->passphrase);
    xg_crypto_free(chain->crypto);
    chain->crypto = NULL;
}

static int refuse_age(xg_age_status status, const char *path)
{
    static const struct {
        xg_age_status status;
        const char *summary;
        const char *help;
    } WORDS[] = {
        {XG_AGE_FORMAT, "the encrypted key file is damaged", "restore it from a backup"},
        {XG_AGE_RECIPIENT, "the key file is not encrypted with a passphrase alone",
         "decrypt it with age, and take it in with 'xdsgate key import'"},
        {XG_AGE_WORK, "the key file asks for more or less work than this program does",
         "encrypt it again with age -p, whose work factor is 18"},
        {XG_AGE_PASSPHRASE, "the passphrase is wrong", "nothing was changed: try again"},
        {XG_AGE_DAMAGED, "the encrypted key file is damaged: it was altered or cut", "restore it from a backup"},
        {XG_AGE_TOO_LONG, "the key file holds more than a key", "give a file with one private key"},
    };
    for (size_t i = 0; i < XG_ARRAY_LEN(WORDS); i++) {
        if (WORDS[i].status == status) {
            xg_errors_summary("%s", WORDS[i].summary);
            xg_errors_where("%s", path);
            xg_errors_help("%s", WORDS[i].help);
            return XG_EXIT_KEY;
        }
    }
    xg_errors_summary("there is not enough memory to open the encrypted key");
    xg_errors_where("%s", path);
    xg_errors_help("a key needs 256 MiB for a moment: free some memory");
    return XG_EXIT_IO;
}

int xg_keychain_open_pem(xg_keychain *chain, const char *path, const char *purpose, xg_secret *secret)
{
    char *plain = NULL;
    size_t len = 0;
    if (!xg_age_is((xg_str){secret->ptr, secret->len})) {
        return XG_EXIT_OK;
    }
    int code = chain->passphrase.ptr != NULL ? XG_EXIT_OK
                                             : xg_passphrase_read(chain->args, purpose, false, &chain->passphrase);
    if (code == XG_EXIT_OK) {
        xg_age_status status = xg_age_decrypt((xg_str){secret->ptr, secret->len},
                                              (xg_str){chain->passphrase.ptr, chain->passphrase.len}, &plain, &len);
        code = status == XG_AGE_OK ? XG_EXIT_OK : refuse_age(status, path);
    }
    xg_secret_done(secret);
    *secret = (xg_secret){plain, len};
    return code;
}

static int refuse_pem(const char *path, xg_result result)
{
    if (xg_result_reason(result) != XG_REASON_KEY_FILE) {
        return xg_errors_reason("the signing key cannot be used", path, result);
    }
    /* The reason's own sentence speaks of public keys. */
    xg_errors_summary("the signing key is not exactly one unencrypted RSA private key in PEM");
    xg_errors_where("%s", path);
    xg_errors_help(
        "give a file with one RSA PRIVATE KEY or PRIVATE KEY block, or one that 'xdsgate key new' encrypted");
    return XG_EXIT_KEY;
}

int xg_keychain_parse(xg_keychain *chain, const char *path, const char *purpose, xg_secret *secret,
                      xg_signer **ret_signer)
{
    int code = xg_keychain_open_pem(chain, path, purpose, secret);
    xg_result result = XG_OK;
    if (code != XG_EXIT_OK) {
        return code;
    }
    if (chain->crypto == NULL) {
        result = xg_crypto_new(&chain->crypto);
    }
    if (xg_is_ok(result)) {
        result = xg_signer_parse_with(chain->crypto, (xg_str){secret->ptr, secret->len}, ret_signer);
    }
    xg_secret_done(secret);
    return xg_is_ok(result) ? XG_EXIT_OK : refuse_pem(path, result);
}

int xg_keychain_load(xg_keychain *chain, const xg_custody_dir *dir, const xg_custody_set *set, const char *kid,
                     xg_signer **ret_signer)
{
    char file[XG_CUSTODY_NAME_SIZE];
    char path[XG_CUSTODY_PATH_SIZE + XG_CUSTODY_NAME_SIZE];
    char name[XG_MESH_NAME_MAX + 16];
    char purpose[PURPOSE_SIZE];
    xg_secret secret = {0};
    xg_custody_form form = xg_custody_find(dir, kid);
    if (form == XG_CUSTODY_ABSENT) {
        return xg_keychain_no_key(dir->path, set, kid);
    }
    xg_custody_file_name(kid, form, file);
    snprintf(path, sizeof(path), "%s/%s", dir->path, file);
    snprintf(purpose, sizeof(purpose), "key %s of %s", kid, xg_custody_set_name(set, name, sizeof(name)));
    int code = xg_secret_read_key(dir->fd, file, path, XG_SECRET_PRIVATE, &secret);
    return code == XG_EXIT_OK ? xg_keychain_parse(chain, path, purpose, &secret, ret_signer) : code;
}

void xg_keychain_fingerprint(const xg_pubkey *key, char text[XG_KEYCHAIN_FINGERPRINT_SIZE])
{
    sodium_bin2hex(text, XG_KEYCHAIN_FINGERPRINT_SIZE, xg_pubkey_fingerprint(key), XG_FINGERPRINT_LEN);
}

int xg_keychain_ledger(const char *authority, bool is_made, xg_ledger **ret_ledger)
{
    char path[XG_CUSTODY_PATH_SIZE];
    xg_trouble trouble = {0};
    if ((size_t)snprintf(path, sizeof(path), "%s/ledger.db", authority) >= sizeof(path)) {
        return xg_errors_io("open the ledger in", authority, ENAMETOOLONG);
    }
    return xg_ledger_open(path, is_made, ret_ledger, &trouble) ? XG_EXIT_OK : xg_errors_trouble(&trouble);
}

int xg_keychain_no_key(const char *where, const xg_custody_set *set, const char *kid)
{
    char storage[XG_MESH_NAME_MAX + 16];
    const char *name = xg_custody_set_name(set, storage, sizeof(storage));
    if (kid != NULL) {
        xg_errors_summary("the authority has no key '%.80s' of %s", kid, name);
    } else {
        xg_errors_summary("the authority has no key of %s", name);
    }
    xg_errors_where("%.3000s", where);
    xg_errors_help("make one: xdsgate key new %s --authority DIR --store DIR", xg_custody_set_flag(set));
    return XG_EXIT_KEY;
}

/* What the ledger says of the keys of a set, beside what the directory holds. */
typedef struct choice {
    const xg_custody_dir *dir;
    xg_ledger *ledger;
    const xg_custody_set *set;
    char signing[XG_KID_MAX + 1];
    size_t num_known;
    uint64_t highest; /* among the keys that the ledger does not know */
    bool has_zero;
    size_t num_named;
    char named[XG_KID_MAX + 1];
    int code;
} choice;

static bool find_signing(void *arg, const xg_ledger_key *key)
{
    choice *found = arg;
    if (key->state == XG_LEDGER_SIGNING && key->kid.len <= XG_KID_MAX) {
        memcpy(found->signing, key->kid.ptr, key->kid.len);
        found->signing[key->kid.len] = '\0';
    }
    return true;
}

static void weigh(void *arg, const char *kid, xg_custody_form form)
{
    choice *found = arg;
    xg_ledger_state state = XG_LEDGER_UNKNOWN;
    uint64_t serial = 0;
    (void)form;
    if (found->code == XG_EXIT_OK) {
        found->code = xg_keychain_state(found->ledger, found->set, kid, &state);
    }
    if (state != XG_LEDGER_UNKNOWN) {
        found->num_known++;
    } else if (!xg_str_to_u64(xg_str_of(kid), UINT64_MAX, &serial)) {
        found->num_named++;
        snprintf(found->named, sizeof(found->named), "%s", kid);
    } else if (serial == 0) {
        found->has_zero = true;
    } else if (serial > found->highest) {
        found->highest = serial;
    }
}

/* The highest serial signs, as in Kuma; a lone key with a name of its own will do too. */
static void choose_unknown(const choice *found, char kid[XG_KID_MAX + 1])
{
    if (found->highest > 0) {
        snprintf(kid, XG_KID_MAX + 1, "%" PRIu64, found->highest);
    } else if (found->num_named == 1) {
        memcpy(kid, found->named, sizeof(found->named));
    } else if (found->has_zero) {
        snprintf(kid, XG_KID_MAX + 1, "0");
    }
}

static int find(choice *found, char kid[XG_KID_MAX + 1])
{
    char id[XG_CUSTODY_SET_SIZE];
    xg_trouble trouble = {0};
    xg_str set = xg_custody_set_id(found->set, id);
    kid[0] = '\0';
    if (found->ledger != NULL && !xg_ledger_each_key(found->ledger, set, find_signing, found, &trouble)) {
        return xg_errors_trouble(&trouble);
    }
    if (found->signing[0] != '\0') {
        memcpy(kid, found->signing, sizeof(found->signing));
        return XG_EXIT_OK;
    }
    if (!xg_custody_list(found->dir, weigh, found)) {
        return xg_errors_io("list the directory", found->dir->path, errno);
    }
    choose_unknown(found, kid);
    return found->code;
}

int xg_keychain_find_signing(xg_ledger *ledger, const xg_custody_dir *dir, const xg_custody_set *set,
                             char kid[XG_KID_MAX + 1])
{
    choice found = {.dir = dir, .ledger = ledger, .set = set};
    return find(&found, kid);
}

int xg_keychain_signing_kid(xg_ledger *ledger, const xg_custody_dir *dir, const xg_custody_set *set,
                            char kid[XG_KID_MAX + 1])
{
    char storage[XG_MESH_NAME_MAX + 16];
    choice found = {.dir = dir, .ledger = ledger, .set = set};
    int code = find(&found, kid);
    if (code != XG_EXIT_OK || kid[0] != '\0') {
        return code;
    }
    if (found.num_named > 1) {
        xg_errors_summary("the authority has several keys and none is the newest: their kids are not serials");
        xg_errors_where("%.3000s", dir->path);
        xg_errors_help("choose one with --kid");
        return XG_EXIT_KEY;
    }
    if (found.num_known == 0) {
        return xg_keychain_no_key(dir->path, set, NULL);
    }
    xg_errors_summary("no key of %s signs at present", xg_custody_set_name(set, storage, sizeof(storage)));
    xg_errors_where("%.3000s", dir->path);
    xg_errors_help("'xdsgate key list' shows their states, 'xdsgate key rotate' lets the next one sign");
    return XG_EXIT_KEY;
}

int xg_keychain_public_fingerprint(const xg_custody_dir *store, const char *kid,
                                   char text[XG_KEYCHAIN_FINGERPRINT_SIZE])
{
    char file[XG_CUSTODY_NAME_SIZE];
    char path[XG_CUSTODY_PATH_SIZE + XG_CUSTODY_NAME_SIZE];
    xg_secret secret = {0};
    xg_crypto *crypto = NULL;
    xg_pubkey *key = NULL;
    xg_custody_file_name(kid, XG_CUSTODY_PLAIN, file);
    snprintf(path, sizeof(path), "%s/%s", store->path, file);
    int code = xg_secret_read_key(store->fd, file, path, XG_SECRET_EITHER, &secret);
    if (code != XG_EXIT_OK) {
        return code;
    }
    xg_result result = xg_crypto_new(&crypto);
    if (xg_is_ok(result)) {
        result = xg_keyfile_parse(crypto, (xg_str){secret.ptr, secret.len}, &key);
    }
    if (xg_is_ok(result)) {
        xg_keychain_fingerprint(key, text);
        xg_pubkey_unref(key);
    }
    xg_secret_done(&secret);
    xg_crypto_free(crypto);
    return xg_is_ok(result) ? XG_EXIT_OK : xg_errors_reason("the public key cannot be read", path, result);
}

typedef struct state_query {
    xg_str kid;
    xg_ledger_state state;
    char *fingerprint;
} state_query;

static bool match_state(void *arg, const xg_ledger_key *key)
{
    state_query *query = arg;
    xg_text text;
    if (xg_str_eq(key->kid, query->kid)) {
        query->state = key->state;
        xg_text_init(&text, query->fingerprint, XG_KEYCHAIN_FINGERPRINT_SIZE);
        xg_text_add(&text, key->key);
    }
    return true;
}

int xg_keychain_known(xg_ledger *ledger, const xg_custody_set *set, const char *kid, xg_ledger_state *ret_state,
                      char fingerprint[XG_KEYCHAIN_FINGERPRINT_SIZE])
{
    char id[XG_CUSTODY_SET_SIZE];
    xg_trouble trouble = {0};
    state_query query = {xg_str_of(kid), XG_LEDGER_UNKNOWN, fingerprint};
    fingerprint[0] = '\0';
    if (ledger != NULL && !xg_ledger_each_key(ledger, xg_custody_set_id(set, id), match_state, &query, &trouble)) {
        return xg_errors_trouble(&trouble);
    }
    *ret_state = query.state;
    return XG_EXIT_OK;
}

int xg_keychain_state(xg_ledger *ledger, const xg_custody_set *set, const char *kid, xg_ledger_state *ret_state)
{
    char fingerprint[XG_KEYCHAIN_FINGERPRINT_SIZE];
    return xg_keychain_known(ledger, set, kid, ret_state, fingerprint);
}
