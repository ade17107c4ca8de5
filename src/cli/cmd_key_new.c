/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_key_new.c: `xdsgate key new`: a signing key, its private half to the authority, its public half to the store.
 *
 * Either both halves are in place at the end or everything is as it was. Must never overwrite or print a key.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "xdsgate/keys.h"

static const xg_flag FLAGS[] = {
    {"mesh", "NAME", "a key for the dataplane tokens of this mesh", NULL, 'm', false},
    {"for-zone", NULL, "a key for zone tokens instead", NULL, 0, false},
    {"authority", "DIR", "where private keys are kept; required", NULL, 0, false},
    {"store", "DIR", "where xdsgate.so reads public keys; required", NULL, 0, false},
    {"kid", "KID", "id of the key (default: the next serial)", NULL, 0, false},
    {"bits", "N", "2048, 3072 or 4096 (default: 2048)", NULL, 0, false},
};

typedef struct places {
    xg_custody_dir authority;
    xg_custody_dir store;
} places;

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

static bool parse_set(const xg_args *args, xg_custody_set *ret_set)
{
    const char *mesh = xg_args_value(args, "mesh");
    if ((mesh != NULL) == xg_args_has(args, "for-zone")) {
        xg_errors_summary("exactly one of --mesh and --for-zone is required");
        xg_errors_help("--mesh NAME makes a key for dataplane tokens, --for-zone one for zone tokens");
        return false;
    }
    if (mesh != NULL && !xg_custody_is_name(mesh, XG_MESH_NAME_MAX)) {
        xg_errors_summary("'%.80s' cannot be a mesh name", mesh);
        xg_errors_help("use letters, digits, '.', '_' and '-', beginning with a letter or digit");
        return false;
    }
    ret_set->mesh = mesh;
    return true;
}

static bool check_kid(const char *kid)
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

static int next_kid(const places *in, char kid[XG_KID_MAX + 1])
{
    xg_custody_kids kids = {0};
    int code = xg_custody_scan(&in->authority, &kids);
    if (code == XG_EXIT_OK) {
        code = xg_custody_scan(&in->store, &kids);
    }
    if (code == XG_EXIT_OK && kids.highest == UINT64_MAX) {
        xg_errors_summary("there is no serial after %" PRIu64, kids.highest);
        xg_errors_help("choose one with --kid");
        return XG_EXIT_USAGE;
    }
    snprintf(kid, XG_KID_MAX + 1, "%" PRIu64, kids.highest + 1);
    return code;
}

static int refuse_existing(const xg_custody_dir *dir, const xg_custody_set *set, const char *kid)
{
    char storage[XG_MESH_NAME_MAX + 16];
    xg_errors_summary("%s already has a key '%s'", xg_custody_set_name(set, storage, sizeof(storage)), kid);
    xg_errors_where("%.3000s", dir->path);
    xg_errors_note("nothing was changed");
    xg_errors_help("leave --kid out to get the next serial, or choose another");
    return XG_EXIT_KEY;
}

static int put(const xg_custody_dir *dir, const xg_custody_set *set, const char *kid, const char *pem, size_t len)
{
    int error = xg_custody_put(dir, kid, pem, len);
    if (error == EEXIST) {
        return refuse_existing(dir, set, kid);
    }
    return error == 0 ? XG_EXIT_OK : xg_errors_io("write the key", dir->path, error);
}

/* The private half first: should the machine stop in between, 'key public' makes the other one from it. */
static int write_halves(const places *in, const xg_custody_set *set, const char *kid, const xg_signer *signer)
{
    char *pem = NULL;
    size_t len = 0;
    if (!xg_is_ok(xg_signer_private_pem(signer, &pem, &len))) {
        return xg_errors_reason("the key cannot be written as PEM", NULL, XG_FAIL(NO_MEMORY));
    }
    int code = put(&in->authority, set, kid, pem, len);
    xg_signer_pem_free(pem, len);
    if (code != XG_EXIT_OK) {
        return code;
    }
    pem = NULL;
    if (xg_is_ok(xg_signer_public_pem(signer, &pem, &len))) {
        code = put(&in->store, set, kid, pem, len);
        xg_signer_pem_free(pem, len);
    } else {
        code = xg_errors_reason("the key cannot be written as PEM", NULL, XG_FAIL(NO_MEMORY));
    }
    if (code != XG_EXIT_OK) {
        xg_custody_remove(&in->authority, kid);
    }
    return code;
}

static int make_key(const places *in, const xg_custody_set *set, const char *wanted, unsigned bits)
{
    char kid[XG_KID_MAX + 1];
    char name[XG_MESH_NAME_MAX + 16];
    xg_signer *signer = NULL;
    int code = XG_EXIT_OK;

    if (wanted == NULL) {
        code = next_kid(in, kid);
    } else {
        snprintf(kid, sizeof(kid), "%s", wanted);
    }
    if (code != XG_EXIT_OK) {
        return code;
    }
    if (xg_custody_has(&in->authority, kid)) {
        return refuse_existing(&in->authority, set, kid);
    }
    if (xg_custody_has(&in->store, kid)) {
        return refuse_existing(&in->store, set, kid);
    }
    xg_result made = xg_signer_generate(bits, &signer);
    if (!xg_is_ok(made)) {
        return xg_errors_reason("no key could be made", NULL, made);
    }
    code = write_halves(in, set, kid, signer);
    xg_signer_free(signer);
    if (code == XG_EXIT_OK) {
        printf("key %s of %s: private half in %s/%s.pem, public half in %s/%s.pem\n", kid,
               xg_custody_set_name(set, name, sizeof(name)), in->authority.path, kid, in->store.path, kid);
    }
    return code;
}

static int run(const xg_args *args)
{
    static const char *const REQUIRED[] = {"authority", "store"};
    const char *kid = xg_args_value(args, "kid");
    xg_custody_set set = {0};
    unsigned bits = 0;
    places in;

    if (!parse_set(args, &set) || !xg_args_require(args, REQUIRED, XG_ARRAY_LEN(REQUIRED)) ||
        !parse_bits(args, &bits) || (kid != NULL && !check_kid(kid))) {
        return XG_EXIT_USAGE;
    }
    int code = xg_custody_open(xg_args_value(args, "authority"), &set, XG_CUSTODY_AUTHORITY, true, &in.authority, NULL);
    if (code != XG_EXIT_OK) {
        return code;
    }
    code = xg_custody_open(xg_args_value(args, "store"), &set, XG_CUSTODY_STORE, true, &in.store, NULL);
    if (code != XG_EXIT_OK) {
        xg_custody_undo(&in.authority);
        return code;
    }
    code = make_key(&in, &set, kid, bits);
    if (code != XG_EXIT_OK) {
        xg_custody_undo(&in.store);
        xg_custody_undo(&in.authority);
        return code;
    }
    int error = set.mesh == NULL ? xg_custody_complete_store(&in.store) : 0;
    if (error != 0) {
        code =
            xg_errors_io("make the directory 'meshes', which every store has; the key was made", in.store.path, error);
    }
    xg_custody_close(&in.store);
    xg_custody_close(&in.authority);
    return code;
}

const xg_command XG_CMD_KEY_NEW = {
    .noun = "key",
    .verb = "new",
    .summary = "make a signing key",
    .usage = "(--mesh NAME | --for-zone) --authority DIR --store DIR [--kid KID] [--bits N]",
    .detail = "The private half goes to DIR/meshes/NAME/KID.pem or DIR/zone/KID.pem of the authority (mode 600, in\n"
              "directories of mode 700); the public half to DIR/meshes/NAME/keys/KID.pem or DIR/zone/keys/KID.pem of\n"
              "the store. Nothing is ever overwritten.\n",
    .example = "  xdsgate key new --mesh payments-mesh --authority ./authority --store ./store\n",
    .flags = FLAGS,
    .num_flags = XG_ARRAY_LEN(FLAGS),
    .run = run,
};
