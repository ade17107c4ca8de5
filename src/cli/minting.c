/* SPDX-License-Identifier: Apache-2.0 */
/*
 * minting.c: what minting any kind of token shares: the key, the times, the jti, the last look before it is printed.
 *
 * Must never print anything but the token on stdout, and never a token that xdsgate.so could not read. One thread.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sodium.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include "cli.h"
#include "xdsgate/keys.h"

#define NANOS_PER_SECOND INT64_C(1000000000)
#define SECONDS_TO_SPARE INT64_C(10)

static int load_signer(xg_minting *minting, int dirfd, const char *name, const char *path)
{
    xg_secret secret = {0};
    int code = xg_secret_read_key(dirfd, name, path, XG_SECRET_PRIVATE, &secret);
    if (code != XG_EXIT_OK) {
        return code;
    }
    xg_result result = xg_signer_parse((xg_str){secret.ptr, secret.len}, &minting->signer);
    xg_secret_done(&secret);
    if (xg_result_reason(result) == XG_REASON_KEY_FILE) {
        /* The reason's own sentence speaks of public keys. */
        xg_errors_summary("the signing key is not exactly one unencrypted RSA private key in PEM");
        xg_errors_where("%s", path);
        xg_errors_help("give a file with one RSA PRIVATE KEY or PRIVATE KEY block, as 'xdsgate key new' writes it");
        return XG_EXIT_KEY;
    }
    return xg_is_ok(result) ? XG_EXIT_OK : xg_errors_reason("the signing key cannot be used", path, result);
}

static int no_key(const char *root, const xg_custody_set *set, const char *kid)
{
    char name[XG_MESH_NAME_MAX + 16];
    xg_custody_set_name(set, name, sizeof(name));
    if (kid != NULL) {
        xg_errors_summary("the authority has no key '%.80s' of %s", kid, xg_custody_set_name(set, name, sizeof(name)));
    } else {
        xg_errors_summary("the authority has no key of %s", xg_custody_set_name(set, name, sizeof(name)));
    }
    xg_errors_where("%s", root);
    xg_errors_help("make one: xdsgate key new %s --authority DIR --store DIR",
                   set->mesh != NULL ? "--mesh NAME" : "--for-zone");
    return XG_EXIT_KEY;
}

/* The highest serial signs, as in Kuma; a lone key with a name of its own will do too. */
static int newest_kid(const xg_custody_dir *dir, const xg_custody_set *set, char kid[XG_KID_MAX + 1])
{
    xg_custody_kids kids = {0};
    int code = xg_custody_scan(dir, &kids);
    if (code != XG_EXIT_OK) {
        return code;
    }
    if (kids.highest > 0) {
        snprintf(kid, XG_KID_MAX + 1, "%" PRIu64, kids.highest);
        return XG_EXIT_OK;
    }
    if (kids.num_named == 1) {
        memcpy(kid, kids.named, sizeof(kids.named));
        return XG_EXIT_OK;
    }
    if (xg_custody_has(dir, "0")) {
        snprintf(kid, XG_KID_MAX + 1, "0");
        return XG_EXIT_OK;
    }
    if (kids.num_named == 0) {
        return no_key(dir->path, set, NULL);
    }
    xg_errors_summary("the authority has several keys and none is the newest: their kids are not serials");
    xg_errors_where("%.3000s", dir->path);
    xg_errors_help("choose one with --kid");
    return XG_EXIT_KEY;
}

static int load_from_authority(const xg_args *args, const xg_custody_set *set, xg_minting *minting)
{
    const char *root = xg_args_value(args, "authority");
    const char *kid = xg_args_value(args, "kid");
    char name[XG_KID_MAX + 8];
    char path[XG_CUSTODY_PATH_SIZE + sizeof(name)];
    xg_custody_dir dir;
    bool is_absent = false;

    if ((set->mesh != NULL && !xg_custody_is_name(set->mesh, XG_MESH_NAME_MAX)) ||
        (kid != NULL && !xg_custody_is_name(kid, XG_KID_MAX))) {
        return no_key(root, set, kid);
    }
    int code = xg_custody_open(root, set, XG_CUSTODY_AUTHORITY, false, &dir, &is_absent);
    if (code != XG_EXIT_OK) {
        return code;
    }
    if (is_absent) {
        return no_key(dir.path, set, kid);
    }
    if (kid != NULL && !xg_custody_has(&dir, kid)) {
        code = no_key(dir.path, set, kid);
    } else if (kid != NULL) {
        snprintf(minting->kid, sizeof(minting->kid), "%s", kid);
    } else {
        code = newest_kid(&dir, set, minting->kid);
    }
    if (code == XG_EXIT_OK) {
        snprintf(name, sizeof(name), "%s.pem", minting->kid);
        snprintf(path, sizeof(path), "%s/%s", dir.path, name);
        code = load_signer(minting, dir.fd, name, path);
    }
    xg_custody_close(&dir);
    return code;
}

static int load_key(const xg_args *args, const xg_custody_set *set, xg_minting *minting)
{
    const char *file = xg_args_value(args, "key");
    const char *kid = xg_args_value(args, "kid");
    if ((file != NULL) == xg_args_has(args, "authority")) {
        xg_errors_summary("exactly one of --authority and --key is required");
        xg_errors_help("--authority DIR takes the newest key of the set; --key FILE --kid KID takes that file");
        return XG_EXIT_USAGE;
    }
    if (!xg_args_check_text(args, "kid", XG_KID_MAX)) {
        return XG_EXIT_USAGE;
    }
    if (file == NULL) {
        return load_from_authority(args, set, minting);
    }
    if (kid == NULL || kid[0] == '\0') {
        xg_errors_summary("--kid is required with --key");
        xg_errors_note("the file does not say which key it is, and a token that names the wrong kid never verifies");
        return XG_EXIT_USAGE;
    }
    snprintf(minting->kid, sizeof(minting->kid), "%s", kid);
    return load_signer(minting, AT_FDCWD, file, file);
}

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

static bool parse_times(const xg_args *args, xg_mint_request *request)
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

static bool choose_jti(const xg_args *args, xg_minting *minting)
{
    uuid_t uuid;
    if (!xg_args_has(args, "jti")) {
        uuid_generate_random(uuid);
        uuid_unparse_lower(uuid, minting->jti);
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

int xg_minting_begin(const xg_args *args, const xg_custody_set *set, xg_minting *minting)
{
    if (!parse_times(args, &minting->request) || !choose_jti(args, minting)) {
        return XG_EXIT_USAGE;
    }
    int code = load_key(args, set, minting);
    minting->request.kid = xg_str_of(minting->kid);
    return code;
}

/* The token as the plugin will read it, up to its claims. */
static xg_result read_back(const xg_minting *minting, xg_str token, char field[XG_CLAIM_FIELD_SIZE])
{
    xg_jws jws;
    xg_header header;
    xg_claims claims;
    const xg_token_limits *limits = &XG_TOKEN_LIMITS_DEFAULT;
    XG_TRY(xg_jws_split(token, limits, &jws));
    XG_TRY(xg_header_scan(jws.header, limits, &header));
    XG_TRY(xg_claims_parse(jws.payload, minting->request.kind, limits, &claims, field));
    return XG_OK;
}

static int refuse_unreadable(xg_result result, const char *field)
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

int xg_minting_finish(xg_minting *minting)
{
    char *token = NULL;
    size_t len = 0;
    char field[XG_CLAIM_FIELD_SIZE] = "";
    int code = XG_EXIT_OK;

    xg_result result = xg_mint_token(&minting->request, minting->signer, &token, &len);
    if (xg_is_ok(result)) {
        result = read_back(minting, (xg_str){token, len}, field);
    }
    if (xg_is_ok(result)) {
        xg_output_token((xg_str){token, len});
    } else {
        code = refuse_unreadable(result, field);
    }
    if (token != NULL) {
        sodium_memzero(token, len);
        free(token);
    }
    return code;
}

void xg_minting_done(xg_minting *minting)
{
    xg_signer_free(minting->signer);
    minting->signer = NULL;
}
