/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_key_retire.c: `xdsgate key retire`: the end of a key: its tokens are denied, its private half is removed.
 *
 * Must never retire a key while a token of it is alive, or may be, unless its kid is said twice. Each step can be taken
 * again: a run that was cut short is finished by the next.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "keychain.h"

static const xg_flag FLAGS[] = {
    XG_KEYCHAIN_SET_FLAGS,
    {"authority", "DIR", "where private keys are kept; required", NULL, 0, false},
    {"store", "DIR", "where xdsgate.so reads public keys; required", NULL, 0, false},
    {"kid", "KID", "the key to retire; required", NULL, 0, false},
    {"force", "KID", "retire it although tokens of it are alive: name it again", NULL, 0, false},
    {"dry-run", NULL, "say whether it can be retired, and do nothing", NULL, 0, false},
    {"now", "UNIX", "judge by this time", NULL, 0, false},
};

/* One key that is to go, and what is known of it. */
typedef struct retirement {
    const xg_args *args;
    xg_custody_set set;
    const char *kid;
    xg_custody_dir store;
    xg_custody_dir authority;
    xg_ledger *ledger;
    xg_custody_form public_form;
    xg_custody_form private_form;
    xg_ledger_state state;
    char known[XG_KEYCHAIN_FINGERPRINT_SIZE];       /* the key by the ledger; empty if that does not know it */
    char fingerprint[XG_KEYCHAIN_FINGERPRINT_SIZE]; /* by the store; empty once it is retired there */
    int64_t now;
} retirement;

static bool check_flags(const xg_args *args, retirement *r)
{
    static const char *const REQUIRED[] = {"authority", "store", "kid"};
    const char *force = xg_args_value(args, "force");
    int64_t nanos = 0;
    r->args = args;
    r->kid = xg_args_value(args, "kid");
    r->now = xg_clock_wall();
    if (!xg_keychain_choose_set(args, &r->set) || !xg_args_require(args, REQUIRED, XG_ARRAY_LEN(REQUIRED)) ||
        !xg_keychain_check_kid(r->kid)) {
        return false;
    }
    if (force != NULL && strcmp(force, r->kid) != 0) {
        xg_errors_summary("--force names another key than --kid");
        xg_errors_help("to retire a key whose tokens are alive, name it in both");
        return false;
    }
    if (xg_args_has(args, "now") && !xg_duration_parse_instant(xg_args_str(args, "now"), &r->now, &nanos)) {
        xg_errors_summary("--now is not a time");
        xg_errors_help("write seconds since 1970, like 1767323045");
        return false;
    }
    return true;
}

/* The store's key and the ledger's must be one: the tokens of another are not its tokens. */
static int check_same(const retirement *r)
{
    if (r->known[0] == '\0' || strcmp(r->known, r->fingerprint) == 0) {
        return XG_EXIT_OK;
    }
    xg_errors_summary("key '%s' of the store is another one than the ledger's", r->kid);
    xg_errors_where("%.3000s", r->store.path);
    xg_errors_note("the ledger knows SHA-256 %s, the store has %s", r->known, r->fingerprint);
    xg_errors_help("put the right public half there: 'xdsgate key public' prints it");
    return XG_EXIT_KEY;
}

static int find_key(retirement *r)
{
    bool is_absent = false;
    int code =
        xg_custody_open(xg_args_value(r->args, "store"), &r->set, XG_CUSTODY_STORE, false, &r->store, &is_absent);
    if (code == XG_EXIT_OK) {
        code = xg_custody_open(xg_args_value(r->args, "authority"), &r->set, XG_CUSTODY_AUTHORITY, false, &r->authority,
                               &is_absent);
    }
    if (code == XG_EXIT_OK) {
        code = xg_keychain_ledger(xg_args_value(r->args, "authority"), false, &r->ledger);
    }
    if (code == XG_EXIT_OK) {
        code = xg_keychain_known(r->ledger, &r->set, r->kid, &r->state, r->known);
    }
    if (code != XG_EXIT_OK) {
        return code;
    }
    r->public_form = r->store.fd >= 0 ? xg_custody_find(&r->store, r->kid) : XG_CUSTODY_ABSENT;
    r->private_form = r->authority.fd >= 0 ? xg_custody_find(&r->authority, r->kid) : XG_CUSTODY_ABSENT;
    if (r->public_form == XG_CUSTODY_PLAIN) {
        code = xg_keychain_public_fingerprint(&r->store, r->kid, r->fingerprint);
        return code == XG_EXIT_OK ? check_same(r) : code;
    }
    if (r->public_form == XG_CUSTODY_RETIRED) {
        return XG_EXIT_OK;
    }
    char name[XG_MESH_NAME_MAX + 16];
    xg_errors_summary("the store has no key '%s' of %s", r->kid, xg_custody_set_name(&r->set, name, sizeof(name)));
    xg_errors_where("%.3000s", r->store.path);
    xg_errors_help("'xdsgate key list --store DIR' shows which there are");
    return XG_EXIT_KEY;
}

static int refuse_signing(const retirement *r)
{
    xg_errors_summary("key '%s' signs", r->kid);
    xg_errors_note("without it nothing could be minted for its set");
    xg_errors_help("let another one sign first: xdsgate key rotate; or --force %s", r->kid);
    return XG_EXIT_NO;
}

static int refuse_unknown(const retirement *r)
{
    xg_errors_summary("nobody knows which tokens of key '%s' are alive", r->kid);
    xg_errors_note("%s", r->ledger == NULL ? "the authority has no ledger" : "it is older than the authority's ledger");
    xg_errors_help("when you are sure that none is: --force %s", r->kid);
    return XG_EXIT_NO;
}

static int refuse_alive(const retirement *r, uint64_t num, int64_t latest)
{
    char storage[XG_CLOCK_TEXT_SIZE];
    xg_str until = xg_clock_format(latest, storage);
    xg_errors_summary("%" PRIu64 " token%s of key '%s' %s alive", num, num == 1 ? "" : "s", r->kid,
                      num == 1 ? "is" : "are");
    xg_errors_note("the last one expires at %.*s", (int)until.len, until.ptr);
    xg_errors_help(
        "wait until then, or mint new ones ('xdsgate ledger list --authority DIR --kid %s --live'); or --force %s",
        r->kid, r->kid);
    return XG_EXIT_NO;
}

/* That a store has retired the kid shows nothing where the ledger knows better: it may be the store of others. */
static bool is_retired_already(const retirement *r)
{
    return r->public_form == XG_CUSTODY_RETIRED && (r->state == XG_LEDGER_UNKNOWN || r->state == XG_LEDGER_RETIRED);
}

/* Whether it may go. A key that never signed has no tokens. */
static int check_alive(const retirement *r)
{
    const char *key = r->known[0] != '\0' ? r->known : r->fingerprint;
    const xg_ledger_filter filter = {.key = xg_str_of(key), .expires_after = r->now};
    xg_trouble trouble = {0};
    uint64_t num = 0;
    int64_t latest = 0;
    if (is_retired_already(r) || xg_args_has(r->args, "force")) {
        return XG_EXIT_OK;
    }
    if (r->state == XG_LEDGER_SIGNING) {
        return refuse_signing(r);
    }
    if (r->ledger == NULL || r->state == XG_LEDGER_UNKNOWN) {
        return refuse_unknown(r);
    }
    /* A damaged ledger may have lost the very entry that forbids it. */
    if (!xg_ledger_check(r->ledger, &trouble) || !xg_ledger_count(r->ledger, &filter, &num, &latest, &trouble)) {
        return xg_errors_trouble(&trouble);
    }
    return num > 0 ? refuse_alive(r, num, latest) : XG_EXIT_OK;
}

/* Into the ledger, if that is not there yet: a run that was cut short left a key which the store names no more. */
static int put_state(const retirement *r)
{
    char id[XG_CUSTODY_SET_SIZE];
    xg_trouble trouble = {0};
    const xg_ledger_key key = {
        .set = xg_custody_set_id(&r->set, id),
        .kid = xg_str_of(r->kid),
        .key = xg_str_of(r->known[0] != '\0' ? r->known : r->fingerprint),
        .state = XG_LEDGER_RETIRED,
        .since = xg_clock_wall(),
    };
    if (r->ledger == NULL || r->state == XG_LEDGER_RETIRED || key.key.len == 0) {
        return XG_EXIT_OK;
    }
    return xg_ledger_put_keys(r->ledger, &key, 1, &trouble) ? XG_EXIT_OK : xg_errors_trouble(&trouble);
}

/* Encrypted and plain: an authority may hold both. An errno value. */
static int remove_private(const retirement *r)
{
    int error = 0;
    for (xg_custody_form form = r->private_form; error == 0 && form != XG_CUSTODY_ABSENT;
         form = xg_custody_find(&r->authority, r->kid)) {
        error = xg_custody_remove(&r->authority, r->kid, form);
    }
    return error;
}

/* The store first: from then on nothing that the key signs counts. */
static int retire(const retirement *r)
{
    int error = r->public_form == XG_CUSTODY_PLAIN ? xg_custody_retire(&r->store, r->kid) : 0;
    if (error != 0) {
        return xg_errors_io("retire the key in the store", r->store.path, error);
    }
    int code = put_state(r);
    if (code != XG_EXIT_OK) {
        return code;
    }
    error = remove_private(r);
    return error == 0 ? XG_EXIT_OK : xg_errors_io("remove the private half", r->authority.path, error);
}

static const char *outcome(const retirement *r)
{
    if (xg_args_has(r->args, "dry-run")) {
        return "can be retired";
    }
    return r->private_form != XG_CUSTODY_ABSENT
               ? "is retired: its tokens are denied, its private half is removed"
               : "is retired: its tokens are denied; the authority has no private half of it";
}

static int run_on(retirement *r)
{
    char name[XG_MESH_NAME_MAX + 16];
    int code = find_key(r);
    if (code == XG_EXIT_OK) {
        code = check_alive(r);
    }
    if (code == XG_EXIT_OK && !xg_args_has(r->args, "dry-run")) {
        code = retire(r);
    }
    if (code == XG_EXIT_OK) {
        printf("key %s of %s %s\n", r->kid, xg_custody_set_name(&r->set, name, sizeof(name)), outcome(r));
    }
    return code;
}

static int run(const xg_args *args)
{
    retirement r = {.store = {.fd = -1}, .authority = {.fd = -1}};
    if (!check_flags(args, &r)) {
        return XG_EXIT_USAGE;
    }
    int code = run_on(&r);
    xg_ledger_close(r.ledger);
    xg_custody_close(&r.authority);
    xg_custody_close(&r.store);
    return code;
}

const xg_command XG_CMD_KEY_RETIRE = {
    .noun = "key",
    .verb = "retire",
    .summary = "end a key: its tokens are denied",
    .usage = "(--mesh NAME | --for-zone) --kid KID --authority DIR --store DIR [--force KID]",
    .detail = "Refused, with exit code 1, while the ledger holds tokens of the key that have not expired, while it "
              "signs, and\n"
              "when the ledger does not know it; --force KID retires it all the same. In the store KID.pem becomes\n"
              "KID.retired, so that a proxy is told which key its token needs no more.\n",
    .example = "  xdsgate key retire --mesh payments-mesh --kid 1 --authority ./authority --store ./store\n",
    .flags = FLAGS,
    .num_flags = XG_ARRAY_LEN(FLAGS),
    .run = run,
};
