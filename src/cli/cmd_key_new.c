/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_key_new.c: `xdsgate key new`: a signing key, its private half to the authority, its public half to the store.
 *
 * Either both halves are in place at the end or everything is as it was. Must never overwrite or print a key.
 */
#include "key_making.h"

static const xg_flag FLAGS[] = {
    XG_KEYCHAIN_SET_FLAGS,
    XG_KEY_MAKING_FLAGS,
    XG_KEY_MAKING_BITS_FLAG,
};

const xg_command XG_CMD_KEY_NEW = {
    .noun = "key",
    .verb = "new",
    .summary = "make a signing key",
    .usage = "(--mesh NAME | --for-zone) --authority DIR --store DIR [--plain] [flags]",
    .detail =
        "The private half goes to DIR/meshes/NAME/KID.pem.age, DIR/zone or DIR/any-mesh of the authority (mode 600, "
        "in\n"
        "directories of mode 700), encrypted with a passphrase so that 'age -d' opens it too; the public half to\n"
        "DIR/meshes/NAME/keys/KID.pem and so on of the store. Nothing is ever overwritten. The first key of a set "
        "signs\n"
        "at once, a later one when 'xdsgate key rotate' says so.\n",
    .example = "  xdsgate key new --mesh payments-mesh --authority ./authority --store ./store\n"
               "  xdsgate key new --for-zone --authority ./authority --store ./store --passphrase-fd 3 3< phrase\n",
    .flags = FLAGS,
    .num_flags = XG_ARRAY_LEN(FLAGS),
    .run = xg_key_making_new,
};
