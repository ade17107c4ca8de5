/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_generate_public_key.c: `xdsgate generate public-key`, in kumactl's spelling: the public half of a private key.
 *
 * Must never print anything of the private half.
 */
#include <stdio.h>

#include "generate.h"

static const xg_flag FLAGS[] = {
    {"signing-key-path", "FILE", "the RSA PRIVATE KEY in PEM ('-' = stdin); required", NULL, 0, true},
    XG_GENERATE_COMMON_FLAGS,
};

static int run(const xg_args *args)
{
    static const char *const REQUIRED[] = {"signing-key-path"};
    xg_secret private_pem = {0};
    xg_signer *signer = NULL;
    char *pem = NULL;
    size_t len = 0;

    if (!xg_args_require(args, REQUIRED, XG_ARRAY_LEN(REQUIRED)) || !xg_generate_check_common(args)) {
        return XG_EXIT_USAGE;
    }
    int code = xg_generate_key_read(xg_generate_last(args, "signing-key-path"), &private_pem, &signer);
    if (code == XG_EXIT_OK) {
        xg_result result = xg_signer_public_pem(signer, &pem, &len);
        code = xg_is_ok(result) ? XG_EXIT_OK : xg_errors_reason("the public half cannot be made", NULL, result);
    }
    xg_signer_free(signer);
    xg_secret_done(&private_pem);
    if (code == XG_EXIT_OK) {
        fwrite(pem, 1, len, stdout);
        xg_signer_pem_free(pem, len);
    }
    return code;
}

const xg_command XG_CMD_GENERATE_PUBLIC_KEY = {
    .noun = "generate",
    .verb = "public-key",
    .summary = "the public half of a signing key, in kumactl's spelling",
    .usage = "--signing-key-path FILE [flags]",
    .detail =
        "Prints an RSA PUBLIC KEY block (PKCS#1), as kumactl does. A key file that is open to others is read with\n"
        "a warning, as in the other commands of kumactl's spelling.\n",
    .example = "  xdsgate generate public-key --signing-key-path /keys/key.pem > 1.pem\n",
    .flags = FLAGS,
    .num_flags = XG_ARRAY_LEN(FLAGS),
    .run = run,
};
