/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_key_rotate.c: `xdsgate key rotate`: the next step of a rotation: publish a new key, or let that one sign.
 *
 * publish -> sign -> drain -> retire: the first two steps are here, the last is cmd_key_retire.c. Must never let a key
 * sign that no control plane could know, and never two keys of a set at once.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "key_making.h"

static const xg_flag FLAGS[] = {
    XG_KEYCHAIN_SET_FLAGS,
    XG_KEY_MAKING_FLAGS,
    XG_KEY_MAKING_BITS_FLAG,
    {"step", "STEP", "do this step or none: publish or sign (default: whichever is next)", NULL, 0, false},
    {"dry-run", NULL, "say which step is next, and do nothing", NULL, 0, false},
};

/* Where a rotation stands. */
typedef struct position {
    char signing[XG_KID_MAX + 1];
    char signing_key[XG_KEYCHAIN_FINGERPRINT_SIZE];
    char published[XG_KID_MAX + 1]; /* the one that signs next: the one that was published first */
    char published_key[XG_KEYCHAIN_FINGERPRINT_SIZE];
    int64_t published_since;
} position;

static void copy(char *to, size_t cap, xg_str from)
{
    xg_text text;
    xg_text_init(&text, to, cap);
    xg_text_add(&text, from);
}

static bool note_key(void *arg, const xg_ledger_key *key)
{
    position *at = arg;
    if (key->state == XG_LEDGER_SIGNING) {
        copy(at->signing, sizeof(at->signing), key->kid);
        copy(at->signing_key, sizeof(at->signing_key), key->key);
    } else if (key->state == XG_LEDGER_PUBLISHED && (at->published[0] == '\0' || key->since < at->published_since)) {
        copy(at->published, sizeof(at->published), key->kid);
        copy(at->published_key, sizeof(at->published_key), key->key);
        at->published_since = key->since;
    }
    return true;
}

static int find_position(const xg_custody_set *set, xg_ledger *ledger, position *at)
{
    char id[XG_CUSTODY_SET_SIZE];
    xg_trouble trouble = {0};
    *at = (position){0};
    if (ledger != NULL && !xg_ledger_each_key(ledger, xg_custody_set_id(set, id), note_key, at, &trouble)) {
        return xg_errors_trouble(&trouble);
    }
    return XG_EXIT_OK;
}

/* A set without any key is begun with 'key new'. */
static int refuse_empty(const xg_args *args, const xg_custody_set *set)
{
    xg_custody_dir dir;
    xg_custody_kids kids = {0};
    bool is_absent = false;
    int code = xg_custody_open(xg_args_value(args, "authority"), set, XG_CUSTODY_AUTHORITY, false, &dir, &is_absent);
    if (code == XG_EXIT_OK && !is_absent) {
        code = xg_custody_scan(&dir, &kids);
    }
    if (code == XG_EXIT_OK && !kids.has_any) {
        code = xg_keychain_no_key(dir.path, set, NULL);
    }
    xg_custody_close(&dir);
    return code;
}

/* What signs next must be able to. */
static int check_private(const xg_args *args, const xg_custody_set *set, const position *at)
{
    xg_custody_dir dir;
    bool is_absent = false;
    int code = xg_custody_open(xg_args_value(args, "authority"), set, XG_CUSTODY_AUTHORITY, false, &dir, &is_absent);
    if (code != XG_EXIT_OK) {
        return code;
    }
    if (is_absent || !xg_custody_has(&dir, at->published)) {
        xg_errors_summary("the authority has no private half of key '%s'", at->published);
        xg_errors_where("%.3000s", dir.path);
        xg_errors_note("it could sign nothing");
        xg_errors_help("restore it from a backup, or end the key: xdsgate key retire --kid %s", at->published);
        code = XG_EXIT_KEY;
    }
    xg_custody_close(&dir);
    return code;
}

/* Another store may have a key of that name too: its control planes know nothing of this one. */
static int check_same(const xg_custody_dir *store, const position *at)
{
    char found[XG_KEYCHAIN_FINGERPRINT_SIZE];
    int code = xg_keychain_public_fingerprint(store, at->published, found);
    if (code != XG_EXIT_OK || strcmp(found, at->published_key) == 0) {
        return code;
    }
    xg_errors_summary("key '%s' of the store is another one than the authority's", at->published);
    xg_errors_where("%.3000s", store->path);
    xg_errors_note("the ledger knows SHA-256 %s, the store has %s", at->published_key, found);
    xg_errors_help("give the store that belongs to this authority");
    return XG_EXIT_KEY;
}

static int sign(const xg_args *args, const xg_custody_set *set, xg_ledger *ledger, const position *at)
{
    char id[XG_CUSTODY_SET_SIZE];
    char storage[XG_MESH_NAME_MAX + 16];
    xg_trouble trouble = {0};
    xg_custody_dir store;
    bool is_absent = false;
    int64_t now = xg_clock_wall();
    int code = check_private(args, set, at);
    if (code == XG_EXIT_OK) {
        code = xg_custody_open(xg_args_value(args, "store"), set, XG_CUSTODY_STORE, false, &store, &is_absent);
    }
    if (code != XG_EXIT_OK) {
        return code;
    }
    if (is_absent || xg_custody_find(&store, at->published) != XG_CUSTODY_PLAIN) {
        xg_errors_summary("the store has no public half of key '%s'", at->published);
        xg_errors_where("%.3000s", store.path);
        xg_errors_note("no control plane could verify what it signs");
        xg_errors_help("put it there again: 'xdsgate key public' prints it");
        xg_custody_close(&store);
        return XG_EXIT_KEY;
    }
    code = check_same(&store, at);
    xg_custody_close(&store);
    if (code != XG_EXIT_OK) {
        return code;
    }
    const xg_ledger_key keys[] = {
        {xg_custody_set_id(set, id), xg_str_of(at->published), xg_str_of(at->published_key), XG_LEDGER_SIGNING, now},
        {xg_custody_set_id(set, id), xg_str_of(at->signing), xg_str_of(at->signing_key), XG_LEDGER_DRAINING, now},
    };
    if (!xg_ledger_put_keys(ledger, keys, at->signing[0] != '\0' ? 2 : 1, &trouble)) {
        return xg_errors_trouble(&trouble);
    }
    printf("key %s of %s signs from now on\n", at->published, xg_custody_set_name(set, storage, sizeof(storage)));
    if (at->signing[0] != '\0') {
        printf("key %s drains: its tokens count until they expire; then 'xdsgate key retire --kid %s'\n", at->signing,
               at->signing);
    }
    return XG_EXIT_OK;
}

static int refuse_step(const position *at, bool is_sign)
{
    if (is_sign) {
        xg_errors_summary("no key is published, so none can begin to sign");
        xg_errors_help("publish one first: --step publish");
    } else {
        xg_errors_summary("key '%s' is published already", at->published);
        xg_errors_help("let it sign first: --step sign");
    }
    return XG_EXIT_NO;
}

static int step(const xg_args *args, const xg_custody_set *set, xg_ledger *ledger, const position *at)
{
    const char *wanted = xg_args_value(args, "step");
    const char *kid = xg_args_value(args, "kid");
    bool is_sign = at->published[0] != '\0'; /* one at a time */
    if (wanted != NULL && (strcmp(wanted, "sign") == 0) != is_sign) {
        return refuse_step(at, !is_sign);
    }
    if (is_sign && kid != NULL && strcmp(kid, at->published) != 0) {
        xg_errors_summary("the next step is to let key '%s' sign, and --kid names another", at->published);
        xg_errors_help("leave --kid out: it is for a new key");
        return XG_EXIT_NO;
    }
    if (xg_args_has(args, "dry-run")) {
        printf("next step: %s%s%s\n", is_sign ? "sign" : "publish", is_sign ? " with key " : "", at->published);
        return XG_EXIT_OK;
    }
    return is_sign ? sign(args, set, ledger, at) : xg_key_making_new(args);
}

static int run(const xg_args *args)
{
    static const char *const REQUIRED[] = {"authority", "store"};
    const char *wanted = xg_args_value(args, "step");
    xg_custody_set set = {0};
    xg_ledger *ledger = NULL;
    position at;
    if (!xg_keychain_choose_set(args, &set) || !xg_args_require(args, REQUIRED, XG_ARRAY_LEN(REQUIRED))) {
        return XG_EXIT_USAGE;
    }
    if (wanted != NULL && strcmp(wanted, "publish") != 0 && strcmp(wanted, "sign") != 0) {
        xg_errors_summary("invalid --step value");
        xg_errors_help("steps: publish, sign; a key is retired with 'xdsgate key retire'");
        return XG_EXIT_USAGE;
    }
    int code = xg_keychain_ledger(xg_args_value(args, "authority"), false, &ledger);
    if (code == XG_EXIT_OK) {
        code = find_position(&set, ledger, &at);
    }
    if (code == XG_EXIT_OK) {
        code = refuse_empty(args, &set);
    }
    if (code == XG_EXIT_OK) {
        code = step(args, &set, ledger, &at);
    }
    xg_ledger_close(ledger);
    return code;
}

const xg_command XG_CMD_KEY_ROTATE = {
    .noun = "key",
    .verb = "rotate",
    .summary = "take the next step of a rotation: publish a new key, then let it sign",
    .usage = "(--mesh NAME | --for-zone) --authority DIR --store DIR [--step publish|sign] [flags]",
    .detail =
        "publish: a new key appears in the store; the old one goes on signing. Wait until every control plane has "
        "read\n"
        "the store. sign: the published key signs, the old one drains. When the ledger holds no live token of the old\n"
        "one, 'xdsgate key retire' ends it.\n",
    .example = "  xdsgate key rotate --mesh payments-mesh --authority ./authority --store ./store\n",
    .flags = FLAGS,
    .num_flags = XG_ARRAY_LEN(FLAGS),
    .run = run,
};
