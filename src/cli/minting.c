/* SPDX-License-Identifier: Apache-2.0 */
/*
 * minting.c: what minting any kind of token shares: the key, the times, the jti, policies, the ledger, the output.
 *
 * Must never print anything but the token on stdout, never a token that xdsgate.so could not read, and none that the
 * ledger does not know. One thread.
 */
#include "minting.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <uuid/uuid.h>

#define NANOS_PER_SECOND INT64_C(1000000000)
#define SECONDS_TO_SPARE INT64_C(10)
#define LIFETIME_MAX     (INT64_C(87600) * 3600 * NANOS_PER_SECOND) /* ten years: what Kuma itself once gave */

/* ---- the key ---- */

/* Opens a set's directory. *ret_is_there says whether it holds any key; if it does not, it is closed. */
static int open_set(const char *root, const xg_custody_set *set, xg_custody_dir *ret_dir, bool *ret_is_there)
{
    xg_custody_kids kids = {0};
    bool is_absent = false;
    int code = xg_custody_open(root, set, XG_CUSTODY_AUTHORITY, false, ret_dir, &is_absent);
    if (code == XG_EXIT_OK && !is_absent) {
        code = xg_custody_scan(ret_dir, &kids);
    }
    *ret_is_there = code == XG_EXIT_OK && kids.has_any;
    if (!*ret_is_there) {
        xg_custody_close(ret_dir);
    }
    return code;
}

/* The keys of a mesh; if it has none, those for every mesh, which xdsgate.so takes for it as well. */
static int open_serving(const char *root, const xg_custody_set **set, xg_custody_dir *ret_dir, bool *ret_is_there)
{
    static const xg_custody_set ANY_MESH = {NULL, true};
    xg_custody_dir any_mesh;
    int code = open_set(root, *set, ret_dir, ret_is_there);
    if (code != XG_EXIT_OK || *ret_is_there || (*set)->mesh == NULL) {
        return code;
    }
    code = open_set(root, &ANY_MESH, &any_mesh, ret_is_there);
    if (*ret_is_there) {
        *ret_dir = any_mesh;
        *set = &ANY_MESH;
    }
    return code;
}

static int load_from_authority(const xg_args *args, const xg_custody_set *set, xg_ledger *ledger, xg_keychain *keychain,
                               xg_signer **ret_signer, char kid[XG_KID_MAX + 1])
{
    const char *root = xg_args_value(args, "authority");
    const char *wanted = xg_args_value(args, "kid");
    xg_custody_dir dir;
    bool is_there = false;

    if ((set->mesh != NULL && !xg_custody_is_name(set->mesh, XG_MESH_NAME_MAX)) ||
        (wanted != NULL && !xg_custody_is_name(wanted, XG_KID_MAX))) {
        return xg_keychain_no_key(root, set, wanted);
    }
    int code = open_serving(root, &set, &dir, &is_there);
    if (code != XG_EXIT_OK) {
        return code;
    }
    if (!is_there) {
        return xg_keychain_no_key(dir.path, set, wanted);
    }
    if (wanted != NULL) {
        snprintf(kid, XG_KID_MAX + 1, "%s", wanted);
    } else {
        code = xg_keychain_signing_kid(ledger, &dir, set, kid);
    }
    if (code == XG_EXIT_OK) {
        code = xg_keychain_load(keychain, &dir, set, kid, ret_signer);
    }
    xg_custody_close(&dir);
    return code;
}

bool xg_minting_check_source(const xg_args *args)
{
    if (xg_args_has(args, "key") == xg_args_has(args, "authority")) {
        xg_errors_summary("exactly one of --authority and --key is required");
        xg_errors_help("--authority DIR takes the signing key of the set; --key FILE --kid KID takes that file");
        return false;
    }
    if (xg_args_has(args, "authority") && xg_args_has(args, "ledger")) {
        xg_errors_summary("--ledger and --authority exclude each other");
        xg_errors_help("an authority has a ledger of its own: DIR/ledger.db");
        return false;
    }
    const char *kid = xg_args_value(args, "kid");
    return xg_args_check_text(args, "kid", XG_KID_MAX) &&
           (kid == NULL || !xg_keyring_is_padded(xg_str_of(kid)) || xg_keychain_check_kid(kid));
}

int xg_minting_load_key(const xg_args *args, const xg_custody_set *set, xg_ledger *ledger, xg_keychain *keychain,
                        xg_signer **ret_signer, char kid[XG_KID_MAX + 1])
{
    const char *file = xg_args_value(args, "key");
    const char *wanted = xg_args_value(args, "kid");
    xg_secret secret = {0};
    if (!xg_minting_check_source(args)) {
        return XG_EXIT_USAGE;
    }
    if (file == NULL) {
        return load_from_authority(args, set, ledger, keychain, ret_signer, kid);
    }
    if (wanted == NULL || wanted[0] == '\0') {
        xg_errors_summary("--kid is required with --key");
        xg_errors_note("the file does not say which key it is, and a token that names the wrong kid never verifies");
        return XG_EXIT_USAGE;
    }
    snprintf(kid, XG_KID_MAX + 1, "%s", wanted);
    int code = xg_secret_read_key(AT_FDCWD, file, file, XG_SECRET_PRIVATE, &secret);
    return code == XG_EXIT_OK ? xg_keychain_parse(keychain, file, "the signing key", &secret, ret_signer) : code;
}

/* ---- the times ---- */

/* 64 bits of seconds end somewhere; a few of them to spare for the skew and the fractions. */
static bool check_times(const xg_mint_request *request)
{
    int64_t length = request->valid_for_nanos / NANOS_PER_SECOND;
    int64_t edge = 0;
    if (__builtin_add_overflow(request->now, (length > 0 ? length : 0) + SECONDS_TO_SPARE, &edge)) {
        xg_errors_summary("the token would expire past the end of time");
        xg_errors_note("--now and --valid-for together must stay below %" PRId64 " seconds since 1970",
                       INT64_MAX - SECONDS_TO_SPARE);
        xg_errors_help("give an earlier --now or a shorter --valid-for");
        return false;
    }
    if (__builtin_add_overflow(request->now, (length < 0 ? length : 0) - SECONDS_TO_SPARE, &edge)) {
        xg_errors_summary("the token would begin or expire before the beginning of time");
        xg_errors_note("--now and --valid-for together must stay above %" PRId64 " seconds since 1970",
                       INT64_MIN + SECONDS_TO_SPARE);
        xg_errors_help("give a later --now or a longer --valid-for");
        return false;
    }
    return true;
}

bool xg_minting_times(const xg_args *args, xg_mint_request *request)
{
    struct timespec now;
    if (!xg_duration_parse(xg_args_str(args, "valid-for"), &request->valid_for_nanos)) {
        xg_errors_summary("--valid-for is not a duration");
        xg_errors_help("write it like 24h, 1h30m, 90s or 30d; at most 292 years");
        return false;
    }
    if (xg_args_has(args, "now")) {
        if (!xg_duration_parse_instant(xg_args_str(args, "now"), &request->now, &request->now_nanos)) {
            xg_errors_summary("--now is not a time");
            xg_errors_help("write seconds since 1970 with up to nine digits after a point, like 1767323045.678");
            return false;
        }
        return check_times(request);
    }
    clock_gettime(CLOCK_REALTIME, &now);
    request->now = now.tv_sec;
    request->now_nanos = now.tv_nsec;
    return check_times(request);
}

/* ---- the jti ---- */

void xg_minting_new_jti(char jti[XG_MINTING_JTI_SIZE])
{
    uuid_t uuid;
    uuid_generate_random(uuid);
    uuid_unparse_lower(uuid, jti);
}

static bool choose_jti(const xg_args *args, xg_minting *minting)
{
    if (!xg_args_has(args, "jti")) {
        xg_minting_new_jti(minting->jti);
        minting->request.jti = xg_str_of(minting->jti);
        return true;
    }
    if (!xg_args_check_text(args, "jti", XG_JTI_MAX)) {
        return false;
    }
    minting->request.jti = xg_args_str(args, "jti");
    if (minting->request.jti.len == 0) {
        xg_errors_summary("--jti is empty");
        xg_errors_help("leave it out to get a random one: a token without a jti could never be revoked");
        return false;
    }
    return true;
}

/* ---- policies ---- */

/* Guard rails that somebody else can move are none. */
static int check_policy_file(const struct stat *status, const char *path)
{
    if (status->st_uid != geteuid() && status->st_uid != 0) {
        xg_errors_summary("the policy belongs to another user (uid %u)", (unsigned)status->st_uid);
    } else if ((status->st_mode & 022) != 0) {
        xg_errors_summary("the policy can be written by group or others (mode %03o)",
                          (unsigned)(status->st_mode & 0777));
    } else {
        return XG_EXIT_OK;
    }
    xg_errors_where("%s", path);
    xg_errors_help("who can change the file can lift its rules: make it yours, and chmod 644 FILE");
    return XG_EXIT_CONFIG;
}

static int load_policy(const char *path, xg_policy **ret_policy)
{
    char *text = NULL;
    size_t len = 0;
    struct stat status;
    xg_trouble trouble = {0};
    if (strcmp(path, "-") != 0 && stat(path, &status) == 0) {
        int code = check_policy_file(&status, path);
        if (code != XG_EXIT_OK) {
            return code;
        }
    }
    int code = xg_input_read("read the policy", path, &text, &len);
    if (code != XG_EXIT_OK) {
        return code;
    }
    bool is_read = xg_policy_parse((xg_str){text, len}, path, ret_policy, &trouble);
    free(text);
    return is_read ? XG_EXIT_OK : xg_errors_trouble(&trouble);
}

/* Guard rails under the other spelling would be none, and nobody would notice. */
static int refuse_misnamed(const char *path)
{
    xg_errors_summary("the policy would not be kept: the file must be called policy.yaml");
    xg_errors_where("%.4000s", path);
    xg_errors_help("rename it, or take it away if it is no policy");
    return XG_EXIT_CONFIG;
}

static int load_authority_policy(const char *authority, xg_policy **ret_policy)
{
    char path[XG_CUSTODY_PATH_SIZE];
    struct stat status;
    if ((size_t)snprintf(path, sizeof(path), "%s/policy.yaml", authority) >= sizeof(path)) {
        return xg_errors_io("read the policy in", authority, ENAMETOOLONG);
    }
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode)) { /* a pipe would be waited for */
        xg_errors_summary("the authority's policy is not a regular file");
        xg_errors_where("%.4000s", path);
        xg_errors_help("write the rules into a file");
        return XG_EXIT_CONFIG;
    }
    if (lstat(path, &status) == 0 || errno != ENOENT) {
        return load_policy(path, ret_policy);
    }
    snprintf(path, sizeof(path), "%.*s/policy.yml", XG_CUSTODY_PATH_SIZE - 16, authority);
    return lstat(path, &status) == 0 ? refuse_misnamed(path) : XG_EXIT_OK;
}

int xg_minting_policies_load(const xg_args *args, xg_minting_policies *policies)
{
    const char *authority = xg_args_value(args, "authority");
    const char *named = xg_args_value(args, "policy");
    int code = XG_EXIT_OK;
    *policies = (xg_minting_policies){0};
    if (authority != NULL) {
        code = load_authority_policy(authority, &policies->items[0]);
    }
    if (code == XG_EXIT_OK && named != NULL) {
        code = load_policy(named, &policies->items[1]);
    }
    return code;
}

void xg_minting_policies_done(xg_minting_policies *policies)
{
    for (size_t i = 0; i < XG_ARRAY_LEN(policies->items); i++) {
        xg_policy_free(policies->items[i]);
        policies->items[i] = NULL;
    }
}

int xg_minting_policies_check(const xg_minting_policies *policies, const xg_mint_request *request,
                              bool is_kuma_lifetime)
{
    bool has_lifetime = is_kuma_lifetime;
    for (size_t i = 0; i < XG_ARRAY_LEN(policies->items); i++) {
        const xg_policy *policy = policies->items[i];
        xg_trouble trouble = {0};
        if (policy != NULL && !xg_policy_check(policy, request, &trouble)) {
            return xg_errors_trouble(&trouble);
        }
        has_lifetime = has_lifetime || (policy != NULL && xg_policy_has_lifetime(policy));
    }
    if (!has_lifetime && request->valid_for_nanos > LIFETIME_MAX) {
        xg_errors_summary("--valid-for is longer than ten years");
        xg_errors_note("a token that outlives its operators cannot be taken back by waiting");
        xg_errors_help("give a shorter one, or a policy whose longest_lifetime allows it");
        return XG_EXIT_NO;
    }
    return XG_EXIT_OK;
}

/* ---- the ledger ---- */

/* Makes the directories of a path that nobody named. */
static int make_parents(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int error = mkdir(path, 0700) == 0 || errno == EEXIST ? 0 : errno;
        if (error != 0) {
            int code = xg_errors_io("make the ledger's directory", path, error);
            xg_errors_help("name another ledger: --ledger FILE or XDSGATE_LEDGER");
            return code;
        }
        *slash = '/';
    }
    return XG_EXIT_OK;
}

/* Where mints with --key are recorded when nobody says where (the XDG base directories' place for state). */
static int default_ledger(char path[XG_CUSTODY_PATH_SIZE], bool is_made)
{
    const char *state = secure_getenv("XDG_STATE_HOME");
    const char *home = secure_getenv("HOME");
    int len = -1;
    if (state != NULL && state[0] == '/') {
        len = snprintf(path, XG_CUSTODY_PATH_SIZE, "%s/xdsgate/ledger.db", state);
    } else if (home != NULL && home[0] == '/') {
        len = snprintf(path, XG_CUSTODY_PATH_SIZE, "%s/.local/state/xdsgate/ledger.db", home);
    }
    if (len < 0 || len >= XG_CUSTODY_PATH_SIZE) {
        xg_errors_summary("there is no place to record the mint: neither XDG_STATE_HOME nor HOME is a directory");
        xg_errors_note("a token that no ledger knows could be missed when it has to be revoked");
        xg_errors_help("name one: --ledger FILE or XDSGATE_LEDGER");
        return XG_EXIT_IO;
    }
    return is_made ? make_parents(path) : XG_EXIT_OK;
}

int xg_minting_ledger(const xg_args *args, bool is_made, xg_ledger **ret_ledger)
{
    const char *authority = xg_args_value(args, "authority");
    const char *named = xg_args_value(args, "ledger");
    const char *from_environment = secure_getenv("XDSGATE_LEDGER");
    char path[XG_CUSTODY_PATH_SIZE];
    xg_trouble trouble = {0};
    if (authority != NULL) {
        return xg_keychain_ledger(authority, is_made, ret_ledger);
    }
    if (named == NULL && from_environment != NULL && from_environment[0] != '\0') {
        named = from_environment;
    }
    if (named == NULL) {
        int code = default_ledger(path, is_made);
        if (code != XG_EXIT_OK) {
            return code;
        }
        named = path;
    }
    return xg_ledger_open(named, is_made, ret_ledger, &trouble) ? XG_EXIT_OK : xg_errors_trouble(&trouble);
}

/* ---- one token ---- */

int xg_minting_begin(const xg_args *args, const xg_custody_set *set, xg_minting *minting)
{
    minting->args = args;
    xg_keychain_init(&minting->keychain, args);
    if (!(minting->signer == NULL ? xg_minting_check_source(args) : xg_args_check_text(args, "kid", XG_KID_MAX)) ||
        !xg_minting_times(args, &minting->request) || !choose_jti(args, minting) ||
        !xg_output_pick(args, XG_OUTPUT_TOKEN | XG_OUTPUT_JSON | XG_OUTPUT_YAML, XG_OUTPUT_TOKEN, &minting->format)) {
        return XG_EXIT_USAGE;
    }
    int code = xg_minting_policies_load(args, &minting->policies);
    if (code == XG_EXIT_OK && xg_args_has(args, "authority")) {
        code = xg_keychain_ledger(xg_args_value(args, "authority"), false, &minting->ledger);
    }
    if (code == XG_EXIT_OK && minting->signer == NULL) {
        code = xg_minting_load_key(args, set, minting->ledger, &minting->keychain, &minting->signer, minting->kid);
    } else if (code == XG_EXIT_OK) {
        snprintf(minting->kid, sizeof(minting->kid), "%.*s", XG_KID_MAX, xg_args_value(args, "kid"));
    }
    minting->request.kid = xg_str_of(minting->kid);
    return code;
}

int xg_minting_refuse(xg_result result, const char *field)
{
    xg_errors_summary("no xdsgate.so would read this token");
    xg_errors_note_reason(result, xg_str_of(field));
    if (strcmp(field, "jti") == 0) {
        xg_errors_help("a jti is printable ASCII without blanks and commas, and begins with neither '#' nor '@'");
    } else {
        xg_errors_help("see the limits in ABI.md");
    }
    return XG_EXIT_USAGE;
}

static json_t *text_json(xg_str text)
{
    return json_stringn(text.ptr != NULL ? text.ptr : "", text.len);
}

static void print_document(const xg_minting *minting, const xg_minted *minted, const xg_ledger_entry *entry)
{
    char issued[XG_CLOCK_TEXT_SIZE];
    char expires[XG_CLOCK_TEXT_SIZE];
    json_t *document =
        json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:I, s:s, s:s, s:o}", "schema",
                  "xdsgate.mint/1", "purpose", text_json(entry->purpose), "jti", text_json(entry->jti), "kid",
                  text_json(entry->kid), "mesh", text_json(entry->mesh), "zone", text_json(entry->zone), "name",
                  text_json(entry->name), "workload", text_json(entry->workload), "bindings",
                  json_loadb(minted->tags, strlen(minted->tags), JSON_REJECT_DUPLICATES, NULL), "issued_at",
                  text_json(xg_clock_format(entry->issued_at, issued)), "issued_unix", (json_int_t)entry->issued_at,
                  "expires_at", text_json(xg_clock_format(entry->expires_at, expires)), "expires_unix",
                  (json_int_t)entry->expires_at, "fingerprint", minted->fingerprint, "key", minted->key, "token",
                  text_json((xg_str){minted->token, minted->len}));
    xg_output_document(minting->format, document);
    json_decref(document);
}

static int record_and_print(xg_minting *minting, const xg_minted *minted)
{
    xg_ledger_entry entry;
    xg_trouble trouble = {0};
    const char *origin = minting->origin != NULL ? minting->origin : "mint";
    if (minting->ledger == NULL) {
        int code = xg_minting_ledger(minting->args, true, &minting->ledger);
        if (code != XG_EXIT_OK) {
            return code;
        }
    }
    xg_minted_entry(minted, minting->request.kind, xg_str_of(origin), xg_clock_wall(), &entry);
    if (!xg_ledger_record(minting->ledger, &entry, 1, &trouble)) {
        return xg_errors_trouble(&trouble);
    }
    if (minting->format == XG_OUTPUT_TOKEN) {
        xg_output_token((xg_str){minted->token, minted->len});
    } else {
        print_document(minting, minted, &entry);
    }
    return XG_EXIT_OK;
}

int xg_minting_finish(xg_minting *minting)
{
    int code = xg_minting_policies_check(&minting->policies, &minting->request, minting->is_kuma_lifetime);
    if (code != XG_EXIT_OK) {
        return code;
    }
    if (minting->request.valid_for_nanos <= 0) {
        xg_errors_warning("the token has expired already: --valid-for is not above zero");
    }
    xg_minted *minted = malloc(sizeof(*minted));
    if (minted == NULL) {
        return xg_errors_io("mint", "memory", ENOMEM);
    }
    xg_result result = xg_minted_make(&minting->request, minting->signer, minted);
    if (xg_is_ok(result)) {
        if (xg_args_has(minting->args, "dry-run")) {
            printf("%.*s\n", (int)minted->jws.payload.len, minted->jws.payload.ptr);
        } else {
            code = record_and_print(minting, minted);
        }
        xg_minted_done(minted);
    } else {
        code = xg_minting_refuse(result, minted->field);
    }
    free(minted);
    return code;
}

void xg_minting_done(xg_minting *minting)
{
    xg_signer_free(minting->signer);
    minting->signer = NULL;
    xg_ledger_close(minting->ledger);
    minting->ledger = NULL;
    xg_minting_policies_done(&minting->policies);
    xg_keychain_done(&minting->keychain);
}
