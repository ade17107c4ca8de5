/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_generate_signing_key.c: `xdsgate generate signing-key`, in kumactl's spelling: a new private key on stdout.
 *
 * Must never leave the key in a buffer that is not wiped.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "generate.h"

#define BITS 2048

static const xg_flag FLAGS[] = {
    {"format", "FORMAT", "pem-base64 (default: for a Secret) or pem (for a file)", NULL, 0, true},
    XG_GENERATE_COMMON_FLAGS,
};

/* Without stdio's own buffer, which would keep the key. */
static int print(const char *bytes, size_t len)
{
    (void)setvbuf(stdout, NULL, _IONBF, 0);
    errno = 0;
    if (fwrite(bytes, 1, len, stdout) == len) {
        return XG_EXIT_OK;
    }
    int error = errno != 0 ? errno : EIO;
    clearerr(stdout); /* reported here */
    return xg_errors_io("write the output", "stdout", error);
}

static int print_base64(const char *pem, size_t len)
{
    size_t cap = sodium_base64_ENCODED_LEN(len, sodium_base64_VARIANT_ORIGINAL);
    char *text = sodium_malloc(cap);
    if (text == NULL) {
        return xg_errors_io("reserve guarded memory for", "the key", ENOMEM);
    }
    sodium_bin2base64(text, cap, (const unsigned char *)pem, len, sodium_base64_VARIANT_ORIGINAL);
    int code = print(text, cap - 1);
    sodium_free(text);
    return code;
}

static int run(const xg_args *args)
{
    const char *format = xg_generate_last(args, "format");
    xg_signer *signer = NULL;
    char *pem = NULL;
    size_t len = 0;

    bool is_pem = format != NULL && strcmp(format, "pem") == 0;
    if (format != NULL && !is_pem && strcmp(format, "pem-base64") != 0) {
        xg_errors_summary("invalid --format value '%.40s'", format);
        xg_errors_help("formats: pem-base64, pem");
        return XG_EXIT_USAGE;
    }
    if (!xg_generate_check_common(args)) {
        return XG_EXIT_USAGE;
    }
    xg_result result = xg_signer_generate(BITS, &signer);
    if (xg_is_ok(result)) {
        result = xg_signer_private_pem(signer, &pem, &len);
    }
    xg_signer_free(signer);
    if (!xg_is_ok(result)) {
        return xg_errors_reason("no key could be made", NULL, result);
    }
    int code = is_pem ? print(pem, len) : print_base64(pem, len);
    xg_signer_pem_free(pem, len);
    return code;
}

const xg_command XG_CMD_GENERATE_SIGNING_KEY = {
    .noun = "generate",
    .verb = "signing-key",
    .summary = "a new private key on stdout, in kumactl's spelling",
    .usage = "[--format FORMAT] [flags]",
    .detail = "Prints a private key: RSA with 2048 bits, PKCS#1. Set a umask of 077 before it goes to a file.\n"
              "A Secret that is to hold it ends in the key's number without zeros before it: the second one of mesh\n"
              "demo is dataplane-token-signing-key-demo-2. kumactl's help has a name in -0002: tokens of such a key\n"
              "say kid 2, which Kuma looks for under -2, and no control plane accepts them.\n"
              "'xdsgate key new' keeps both halves where they belong.\n",
    .example = "  xdsgate generate signing-key\n"
               "  (umask 077; xdsgate generate signing-key --format pem > /keys/key.pem)\n",
    .flags = FLAGS,
    .num_flags = XG_ARRAY_LEN(FLAGS),
    .run = run,
};
