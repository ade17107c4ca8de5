/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_key_import.c: `xdsgate key import`: a key that was made elsewhere, by kumactl for one, into authority and store.
 *
 * Must never keep the private half in a weaker form than was asked for, and never print it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <sodium.h>

#include "key_making.h"
#include "xdsgate/age.h"

static const xg_flag FLAGS[] = {
    XG_KEYCHAIN_SET_FLAGS,
    XG_KEY_MAKING_FLAGS,
    {"key", "FILE", "the key in PEM, kumactl's base64 of it, or age ('-' = stdin); required", "signing-key-path", 0,
     false},
};

/* kumactl writes a signing key as base64 of its PEM unless it is told otherwise. */
static void unwrap_base64(xg_secret *secret)
{
    xg_secret plain = {.ptr = sodium_malloc(secret->len + 1)};
    const char *end = NULL;
    if (plain.ptr != NULL &&
        sodium_base642bin((unsigned char *)plain.ptr, secret->len, secret->ptr, secret->len, " \r\n", &plain.len, &end,
                          sodium_base64_VARIANT_ORIGINAL) == 0 &&
        end == secret->ptr + secret->len && plain.len > 0) {
        xg_secret_done(secret);
        *secret = plain;
    } else {
        xg_secret_done(&plain);
    }
}

static bool holds(const xg_secret *secret, const char *text)
{
    return secret->len > 0 && memmem(secret->ptr, secret->len, text, strlen(text)) != NULL;
}

/*
 * From a file or a descriptor comes one passphrase, for the key as it is and as it will be kept: a descriptor cannot be
 * read twice. At the terminal both are asked for.
 */
static int share_passphrase(const xg_key_making *making, xg_keychain *chain)
{
    const xg_secret *shared = &making->passphrase;
    if (shared->ptr == NULL ||
        !(xg_args_has(making->args, "passphrase-file") || xg_args_has(making->args, "passphrase-fd"))) {
        return XG_EXIT_OK;
    }
    chain->passphrase.ptr = sodium_malloc(shared->len + 1);
    if (chain->passphrase.ptr == NULL) {
        return xg_errors_io("reserve guarded memory for", "the passphrase", ENOMEM);
    }
    memcpy(chain->passphrase.ptr, shared->ptr, shared->len);
    chain->passphrase.len = shared->len;
    return XG_EXIT_OK;
}

/* ---- a key stands once in a store: xdsgate.so refuses a set that brings it a second time ---- */

static int refuse_twin(const xg_keyset *keys, const char *kind, xg_str kid)
{
    xg_errors_summary("the store has this key already");
    xg_errors_where("key '%.*s' of %s%.*s", (int)kid.len, kid.ptr, kind, (int)keys->name.len, keys->name.ptr);
    xg_errors_note("a key that stands twice makes xdsgate.so refuse the set: all its tokens would be denied");
    xg_errors_help("every set needs keys of its own: xdsgate key new, or xdsgate key rotate");
    return XG_EXIT_KEY;
}

static int find_twin(const xg_keyset *keys, const char *kind, const xg_pubkey *wanted)
{
    for (size_t i = 0; keys != NULL && keys->ring != NULL && i < xg_keyring_count(keys->ring); i++) {
        xg_str kid = {0};
        xg_pubkey *key = NULL;
        xg_keyring_at(keys->ring, i, &kid, &key);
        if (key != NULL && memcmp(xg_pubkey_fingerprint(key), xg_pubkey_fingerprint(wanted), XG_FINGERPRINT_LEN) == 0) {
            return refuse_twin(keys, kind, kid);
        }
    }
    return XG_EXIT_OK;
}

static int find_twins(const xg_snapshot *snapshot, const xg_pubkey *wanted)
{
    int code = find_twin(xg_snapshot_zone(snapshot), "the zone", wanted);
    if (code == XG_EXIT_OK) {
        code = find_twin(xg_snapshot_any_mesh(snapshot), "every mesh", wanted);
    }
    for (size_t i = 0; code == XG_EXIT_OK && i < xg_snapshot_num_meshes(snapshot); i++) {
        code = find_twin(xg_snapshot_mesh_at(snapshot, i), "mesh ", wanted);
    }
    return code;
}

/* Sets that are refused already are another's trouble: 'xdsgate key list' and 'xdsgate doctor' tell of them. */
static void pass_over(void *arg, uint32_t reason, const char *sentence, size_t len)
{
    (void)arg;
    (void)reason;
    (void)sentence;
    (void)len;
}

/* A store is none before it has meshes; its first key, of the zone, has nothing beside it. */
static bool is_first(const xg_key_making *making)
{
    struct stat status;
    return making->set.mesh == NULL && fstatat(making->store.fd, "../../meshes", &status, 0) != 0 && errno == ENOENT;
}

static int check_twins(const xg_key_making *making, xg_crypto *crypto, const xg_pubkey *wanted)
{
    const xg_dirstore_limits limits = {XG_MESHES_MAX, XG_REVOKED_MAX};
    const char *given = xg_args_value(making->args, "store");
    char path[PATH_MAX];
    char storage[256];
    xg_text error;
    xg_dirstore *store = NULL;
    xg_snapshot *snapshot = NULL;
    int code = XG_EXIT_OK;
    xg_text_init(&error, storage, sizeof(storage));
    if (realpath(given, path) == NULL) {
        return xg_errors_io("open the store", given, errno);
    }
    if (is_first(making)) {
        return XG_EXIT_OK;
    }
    xg_result result = xg_dirstore_open(path, crypto, &limits, &store, &error);
    if (xg_is_ok(result)) {
        result = xg_dirstore_load(store, NULL, pass_over, NULL, &snapshot, &error);
    }
    if (xg_is_ok(result)) {
        code = find_twins(snapshot, wanted);
        xg_snapshot_unref(snapshot);
    } else {
        xg_errors_reason("the store cannot be read, so this key might stand in it already", path, result);
        code = XG_EXIT_IO;
    }
    xg_dirstore_close(store);
    return code;
}

static int import_private(xg_key_making *making, const char *path, xg_secret *secret)
{
    xg_keychain chain;
    xg_signer *signer = NULL;
    xg_keychain_init(&chain, making->args);
    int code = xg_age_is((xg_str){secret->ptr, secret->len}) ? share_passphrase(making, &chain) : XG_EXIT_OK;
    if (code != XG_EXIT_OK) {
        return code;
    }
    code = xg_keychain_parse(&chain, path, "the key to import", secret, &signer);
    if (code == XG_EXIT_OK) {
        code = check_twins(making, chain.crypto, xg_signer_pubkey(signer));
    }
    if (code == XG_EXIT_OK) {
        code = xg_key_making_put(making, signer, (xg_str){NULL, 0});
    }
    xg_signer_free(signer);
    xg_keychain_done(&chain);
    return code;
}

static int import_public(xg_key_making *making, const char *path, const xg_secret *secret)
{
    char *pem = NULL;
    size_t len = 0;
    xg_crypto *crypto = NULL;
    xg_pubkey *key = NULL;
    int code = XG_EXIT_OK;
    xg_result result = xg_signer_public_of((xg_str){secret->ptr, secret->len}, &pem, &len);
    if (xg_is_ok(result)) {
        result = xg_crypto_new(&crypto);
    }
    if (xg_is_ok(result)) {
        result = xg_keyfile_parse(crypto, (xg_str){pem, len}, &key);
    }
    if (xg_is_ok(result)) {
        code = check_twins(making, crypto, key);
        xg_pubkey_unref(key);
    } else {
        code = xg_errors_reason("the key cannot be used", path, result);
    }
    if (code == XG_EXIT_OK) {
        code = xg_key_making_put(making, NULL, (xg_str){pem, len});
    }
    xg_signer_pem_free(pem, len);
    xg_crypto_free(crypto);
    return code;
}

static int import(const xg_args *args, const char *path, xg_secret *secret)
{
    xg_key_making making;
    bool is_private = holds(secret, "PRIVATE KEY") || xg_age_is((xg_str){secret->ptr, secret->len});
    int code = xg_key_making_begin(args, is_private, &making);
    if (code == XG_EXIT_OK) {
        code = is_private ? import_private(&making, path, secret) : import_public(&making, path, secret);
    }
    if (code == XG_EXIT_OK) {
        xg_key_making_say(&making, is_private);
    }
    return xg_key_making_finish(&making, code);
}

static int run(const xg_args *args)
{
    static const char *const REQUIRED[] = {"key"};
    const char *path = xg_args_value(args, "key");
    xg_secret secret = {0};
    if (!xg_args_require(args, REQUIRED, XG_ARRAY_LEN(REQUIRED))) {
        return XG_EXIT_USAGE;
    }
    int code = xg_secret_read_key(AT_FDCWD, path, path, XG_SECRET_EITHER, &secret);
    if (code != XG_EXIT_OK) {
        return code;
    }
    if (!holds(&secret, "-----BEGIN")) {
        unwrap_base64(&secret);
    }
    code = import(args, path, &secret);
    xg_secret_done(&secret);
    return code;
}

const xg_command XG_CMD_KEY_IMPORT = {
    .noun = "key",
    .verb = "import",
    .summary = "take in a key that was made elsewhere",
    .usage = "(--mesh NAME | --for-zone) --key FILE --authority DIR --store DIR [--kid KID] [flags]",
    .detail =
        "A private key is kept as 'xdsgate key new' keeps it, encrypted unless --plain is given; of a public key "
        "there\n"
        "is only the half in the store: its tokens are verified, and none can be minted. Of an age file the\n"
        "passphrase stays the same, unless both are asked for at the terminal. A key that the store has already,\n"
        "in whatever set, is refused: xdsgate.so would refuse the set that brings it again.\n",
    .example = "  xdsgate key import --mesh default --kid 1 --key kuma-signing-key.pem --authority ./authority \\\n"
               "      --store ./store\n",
    .flags = FLAGS,
    .num_flags = XG_ARRAY_LEN(FLAGS),
    .run = run,
};
