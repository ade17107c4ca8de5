/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_key_import.c: `xdsgate key import`: a key that was made elsewhere, by kumactl for one, into authority and store.
 *
 * Must never keep the private half in a weaker form than was asked for, and never print it.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

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

static int import_private(xg_key_making *making, const char *path, xg_secret *secret)
{
    xg_keychain chain;
    xg_signer *signer = NULL;
    xg_keychain_init(&chain, making->args);
    int code = xg_keychain_parse(&chain, path, "the key to import", secret, &signer);
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
    xg_result result = xg_signer_public_of((xg_str){secret->ptr, secret->len}, &pem, &len);
    if (!xg_is_ok(result)) {
        return xg_errors_reason("the key cannot be used", path, result);
    }
    int code = xg_key_making_put(making, NULL, (xg_str){pem, len});
    xg_signer_pem_free(pem, len);
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
    .detail = "A private key is kept as 'xdsgate key new' keeps it, encrypted unless --plain is given; of a public key "
              "there\n"
              "is only the half in the store: its tokens are verified, and none can be minted.\n",
    .example = "  xdsgate key import --mesh default --kid 1 --key kuma-signing-key.pem --authority ./authority \\\n"
               "      --store ./store\n",
    .flags = FLAGS,
    .num_flags = XG_ARRAY_LEN(FLAGS),
    .run = run,
};
