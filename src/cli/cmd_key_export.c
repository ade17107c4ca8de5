/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_key_export.c: `xdsgate key export`: a private key in the plain form that kumactl reads.
 *
 * The one command that writes a private key out. Must never write it to a terminal unless asked to, or over a file.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "keychain.h"

static const xg_flag FLAGS[] = {
    XG_KEYCHAIN_SET_FLAGS,
    {"authority", "DIR", "where private keys are kept; required", NULL, 0, false},
    {"kid", "KID", "id of the key (default: the one that signs)", NULL, 0, false},
    {"format", "FORMAT", "pem (default), or pem-base64, as kumactl's signing-key gives it", NULL, 0, false},
    {"out", "FILE", "write to this new file (mode 600) instead of stdout", NULL, 0, false},
    {"terminal", NULL, "write to stdout even if it is a terminal", NULL, 0, false},
    XG_PASSPHRASE_FLAGS,
};

static bool check_flags(const xg_args *args)
{
    static const char *const REQUIRED[] = {"authority"};
    const char *format = xg_args_value(args, "format");
    const char *kid = xg_args_value(args, "kid");
    if (!xg_args_require(args, REQUIRED, XG_ARRAY_LEN(REQUIRED)) || (kid != NULL && !xg_keychain_check_kid(kid))) {
        return false;
    }
    if (format != NULL && strcmp(format, "pem") != 0 && strcmp(format, "pem-base64") != 0) {
        xg_errors_summary("invalid --format value");
        xg_errors_help("formats: pem, pem-base64");
        return false;
    }
    if (!xg_args_has(args, "out") && !xg_args_has(args, "terminal") && isatty(STDOUT_FILENO)) {
        xg_errors_summary("a private key is not shown on a terminal");
        xg_errors_note("it would stay in the window and in what the terminal keeps");
        xg_errors_help("give --out FILE or a pipe; or --terminal if that is what you want");
        return false;
    }
    return true;
}

static int write_bytes(int fd, const char *path, const char *bytes, size_t len)
{
    int error = xg_output_bytes(fd, bytes, len);
    return error == 0 ? XG_EXIT_OK : xg_errors_io("write the key", path, error);
}

static int write_file(const char *path, const char *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return xg_errors_io("make the file", path, errno);
    }
    int code = write_bytes(fd, path, bytes, len);
    if (code == XG_EXIT_OK && fsync(fd) != 0 && errno != EINVAL) {
        code = xg_errors_io("write the key", path, errno);
    }
    close(fd);
    if (code != XG_EXIT_OK) {
        unlink(path);
    }
    return code;
}

/* Straight to the descriptor: no copy may stay in a buffer of stdio. */
static int write_out(const xg_args *args, const char *bytes, size_t len)
{
    const char *path = xg_args_value(args, "out");
    return path != NULL ? write_file(path, bytes, len) : write_bytes(STDOUT_FILENO, "stdout", bytes, len);
}

static int write_base64(const xg_args *args, const char *pem, size_t len)
{
    size_t cap = sodium_base64_ENCODED_LEN(len, sodium_base64_VARIANT_ORIGINAL);
    char *text = sodium_malloc(cap);
    if (text == NULL) {
        return xg_errors_io("reserve guarded memory for", "the key", ENOMEM);
    }
    sodium_bin2base64(text, cap, (const unsigned char *)pem, len, sodium_base64_VARIANT_ORIGINAL);
    int code = write_out(args, text, strlen(text));
    sodium_free(text);
    return code;
}

static int export(const xg_args *args, const xg_signer *signer)
{
    const char *format = xg_args_value(args, "format");
    char *pem = NULL;
    size_t len = 0;
    xg_result result = xg_signer_private_pem(signer, &pem, &len);
    if (!xg_is_ok(result)) {
        return xg_errors_reason("the key cannot be written", NULL, result);
    }
    bool is_base64 = format != NULL && strcmp(format, "pem-base64") == 0;
    int code = is_base64 ? write_base64(args, pem, len) : write_out(args, pem, len);
    xg_signer_pem_free(pem, len);
    return code;
}

static int load(const xg_args *args, const xg_custody_set *set, const xg_custody_dir *dir, xg_keychain *chain,
                xg_signer **ret_signer)
{
    const char *wanted = xg_args_value(args, "kid");
    char kid[XG_KID_MAX + 1];
    xg_ledger *ledger = NULL;
    int code = XG_EXIT_OK;
    if (wanted != NULL) {
        snprintf(kid, sizeof(kid), "%s", wanted);
    } else {
        code = xg_keychain_ledger(xg_args_value(args, "authority"), false, &ledger);
        code = code == XG_EXIT_OK ? xg_keychain_signing_kid(ledger, dir, set, kid) : code;
        xg_ledger_close(ledger);
    }
    return code == XG_EXIT_OK ? xg_keychain_load(chain, dir, set, kid, ret_signer) : code;
}

static int run(const xg_args *args)
{
    xg_custody_set set = {0};
    xg_custody_dir dir;
    xg_keychain chain;
    xg_signer *signer = NULL;
    bool is_absent = false;
    if (!xg_keychain_choose_set(args, &set) || !check_flags(args)) {
        return XG_EXIT_USAGE;
    }
    int code = xg_custody_open(xg_args_value(args, "authority"), &set, XG_CUSTODY_AUTHORITY, false, &dir, &is_absent);
    if (code != XG_EXIT_OK) {
        return code;
    }
    if (is_absent) {
        return xg_keychain_no_key(dir.path, &set, xg_args_value(args, "kid"));
    }
    xg_keychain_init(&chain, args);
    code = load(args, &set, &dir, &chain, &signer);
    xg_custody_close(&dir);
    if (code == XG_EXIT_OK) {
        code = export(args, signer);
    }
    xg_signer_free(signer);
    xg_keychain_done(&chain);
    return code;
}

const xg_command XG_CMD_KEY_EXPORT = {
    .noun = "key",
    .verb = "export",
    .summary = "write a private key out, unencrypted",
    .usage = "(--mesh NAME | --for-zone) --authority DIR [--kid KID] [--out FILE] [flags]",
    .detail = "Writes an RSA PRIVATE KEY block (PKCS#1), the form that kumactl and Kuma's secrets take. Whoever reads "
              "it can\n"
              "mint any token of the set.\n",
    .example = "  xdsgate key export --mesh default --authority ./authority --out signing-key.pem\n",
    .flags = FLAGS,
    .num_flags = XG_ARRAY_LEN(FLAGS),
    .run = run,
};
