/* SPDX-License-Identifier: Apache-2.0 */
/*
 * passphrase.h: the passphrase of encrypted private keys, from a file, a descriptor or the terminal. Room: src/cli.
 *
 * Never from an argument or the environment. Thread rule: one thread.
 */
#ifndef XDSGATE_CLI_PASSPHRASE_H
#define XDSGATE_CLI_PASSPHRASE_H

#include "cli.h"

/* The flags of every command that may open or make an encrypted key. */
#define XG_PASSPHRASE_FLAGS                                                                                            \
    {                                                                                                                  \
        "passphrase-file",                                                                                             \
        "FILE",                                                                                                        \
        "passphrase of encrypted keys: the first line of this file (mode 600)",                                        \
        NULL,                                                                                                          \
        0,                                                                                                             \
        false},                                                                                                        \
    {                                                                                                                  \
        "passphrase-fd", "N", "the same from an open file descriptor (default: ask at the terminal)", NULL, 0, false   \
    }

#define XG_PASSPHRASE_MAX 1024 /* bytes */
#define XG_PASSPHRASE_MIN 8    /* bytes of a new one */

/*
 * Reads the passphrase into guarded memory; to be released with xg_secret_done. purpose is for the prompt, like "key 1
 * of mesh 'm'". is_new: asked for twice at the terminal, and not shorter than XG_PASSPHRASE_MIN. Reports.
 */
int xg_passphrase_read(const xg_args *args, const char *purpose, bool is_new, xg_secret *ret_secret);

#endif /* XDSGATE_CLI_PASSPHRASE_H */
