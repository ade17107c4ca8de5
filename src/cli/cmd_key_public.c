/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_key_public.c: `xdsgate key public`: the public half of a key, private or public, in the form that both xdsgate.so
 * and Kuma read (PKCS#1 PEM).
 *
 * Must never print anything of a private key.
 */
#include <fcntl.h>
#include <stdio.h>

#include "keychain.h"

static const xg_flag FLAGS[] = {
    {"key", "FILE", "private or public key in PEM, encrypted or not ('-' = stdin); required", "signing-key-path", 0,
     false},
    XG_PASSPHRASE_FLAGS,
};

static int open_pem(const xg_args *args, const char *path, xg_secret *secret)
{
    xg_keychain chain;
    xg_keychain_init(&chain, args);
    int code = xg_keychain_open_pem(&chain, path, "the key", secret);
    xg_keychain_done(&chain);
    return code;
}

static int run(const xg_args *args)
{
    static const char *const REQUIRED[] = {"key"};
    const char *path = xg_args_value(args, "key");
    xg_secret secret = {0};
    char *pem = NULL;
    size_t len = 0;

    if (!xg_args_require(args, REQUIRED, XG_ARRAY_LEN(REQUIRED))) {
        return XG_EXIT_USAGE;
    }
    int code = xg_secret_read_key(AT_FDCWD, path, path, XG_SECRET_EITHER, &secret);
    if (code != XG_EXIT_OK) {
        return code;
    }
    code = open_pem(args, path, &secret);
    if (code != XG_EXIT_OK) {
        return code;
    }
    xg_result result = xg_signer_public_of((xg_str){secret.ptr, secret.len}, &pem, &len);
    xg_secret_done(&secret);
    if (!xg_is_ok(result)) {
        return xg_errors_reason("the key cannot be used", path, result);
    }
    fwrite(pem, 1, len, stdout);
    xg_signer_pem_free(pem, len);
    return XG_EXIT_OK;
}

const xg_command XG_CMD_KEY_PUBLIC = {
    .noun = "key",
    .verb = "public",
    .summary = "print the public half of a key",
    .usage = "--key FILE",
    .detail = "Prints an RSA PUBLIC KEY block (PKCS#1). A file that holds a private key must be closed to others.\n",
    .example = "  xdsgate key public --key ./authority/meshes/payments-mesh/1.pem > 1.pem\n",
    .flags = FLAGS,
    .num_flags = XG_ARRAY_LEN(FLAGS),
    .run = run,
};
