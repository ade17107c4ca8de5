/* SPDX-License-Identifier: Apache-2.0 */
/*
 * generate.c: what the `generate` commands share: kumactl's spelling of the command line, and minting with it.
 *
 * Owns the translation from kumactl's flags to those of minting.c, which does the work. Must never ask a control plane,
 * and never refuse what kumactl takes unless it is unsafe or could never work: keys below 2048 bits, tags without a
 * name, control bytes in names, kids and ids that xdsgate.so would not read. (Of --no-config only the plain form is
 * taken, without a value.) One thread.
 */
#include "generate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the words of the command line ---- */

/* How many words a flag of kumactl itself takes, which may stand before `generate`; 0 if this is none. */
static int common_words(const char *word)
{
    static const char *const VALUED[] = {"--config-file", "--api-timeout", "--log-level"};
    if (strcmp(word, "--no-config") == 0) {
        return 1;
    }
    for (size_t i = 0; i < XG_ARRAY_LEN(VALUED); i++) {
        size_t len = strlen(VALUED[i]);
        if (strncmp(word, VALUED[i], len) == 0 && (word[len] == '\0' || word[len] == '=')) {
            return word[len] == '=' ? 1 : 2;
        }
    }
    return 0;
}

static int skip_common(int argc, char **argv, int at)
{
    while (at < argc && common_words(argv[at]) > 0) {
        at += common_words(argv[at]);
    }
    return at;
}

static void move_to(char **argv, int from, int to)
{
    char *word = argv[from];
    memmove(argv + to + 1, argv + to, (size_t)(from - to) * sizeof(*argv));
    argv[to] = word;
}

void xg_generate_reorder(int argc, char **argv)
{
    int noun = skip_common(argc, argv, 1);
    if (noun >= argc || strcmp(argv[noun], "generate") != 0) {
        return;
    }
    move_to(argv, noun, 1);
    int verb = skip_common(argc, argv, 2);
    if (verb < argc && argv[verb][0] != '-') {
        move_to(argv, verb, 2);
    }
}

const char *xg_generate_last(const xg_args *args, const char *name)
{
    const char *last = NULL;
    size_t cursor = 0;
    for (;;) {
        const char *value = xg_args_next(args, name, &cursor);
        if (value == NULL) {
            return last;
        }
        last = value;
    }
}

bool xg_generate_check_common(const xg_args *args)
{
    static const char *const LEVELS[] = {"off", "info", "debug"};
    const char *level = xg_generate_last(args, "log-level");
    const char *timeout = xg_generate_last(args, "api-timeout");
    int64_t nanos = 0;
    bool is_known = level == NULL;
    for (size_t i = 0; !is_known && i < XG_ARRAY_LEN(LEVELS); i++) {
        is_known = strcmp(level, LEVELS[i]) == 0;
    }
    if (!is_known) {
        xg_errors_summary("invalid --log-level value '%.40s'", level);
        xg_errors_help("levels: off, info, debug; or leave it out: it has no effect here");
        return false;
    }
    if (timeout != NULL && !xg_duration_parse(xg_str_of(timeout), &nanos)) {
        xg_errors_summary("--api-timeout is not a duration");
        xg_errors_help("write it like 30s or 1m; or leave it out: it has no effect here");
        return false;
    }
    return true;
}

/* ---- the key ---- */

typedef struct job {
    xg_args forwarded; /* what minting.c sees */
    xg_secret pem;
} job;

static bool is_given(const char *value)
{
    return value != NULL && value[0] != '\0'; /* empty is absent to kumactl */
}

static bool check_key_flags(const char *path, const char *authority, const char *kid)
{
    if (is_given(path) && is_given(authority)) {
        xg_errors_summary("--signing-key-path and --authority exclude each other");
        xg_errors_help("--signing-key-path FILE --kid KID signs with that file; --authority DIR with a key of its own");
        return false;
    }
    if (is_given(path) && !is_given(kid)) {
        xg_errors_summary("--kid is required when --signing-key-path is used");
        xg_errors_note("the file does not say which key it is, and a token that names the wrong kid never verifies");
        xg_errors_help("add --kid KID: the end of the name of the Secret that holds this key, like 2 for ...-2");
        return false;
    }
    if (!is_given(path) && !is_given(authority) && is_given(kid)) {
        xg_errors_summary("--kid cannot be used without --signing-key-path or --authority");
        xg_errors_note("a kid only names a key: which key signs is not said");
        xg_errors_help("add --signing-key-path FILE, or --authority DIR");
        return false;
    }
    if (!is_given(path) && !is_given(authority)) {
        xg_errors_summary("no signing key: neither --signing-key-path nor --authority is given");
        xg_errors_note("here kumactl would ask the control plane for the token; xdsgate works offline and asks nobody");
        xg_errors_help("add --signing-key-path FILE --kid KID, or --authority DIR; 'xdsgate key new' makes a key");
        return false;
    }
    return true;
}

/* ---- minting ---- */

static void forward(xg_args *forwarded, const char *name, const char *value)
{
    static const xg_flag FLAGS[] = {XG_MINTING_FLAGS};
    for (size_t i = 0; value != NULL && i < XG_ARRAY_LEN(FLAGS); i++) {
        if (strcmp(FLAGS[i].name, name) == 0) {
            forwarded->items[forwarded->num_items].flag = &FLAGS[i];
            forwarded->items[forwarded->num_items++].value = value;
        }
    }
}

/* The key as kumactl takes it: what it only warns of, minting.c would refuse. */
static int take_key(const char *path, xg_minting *minting)
{
    xg_secret pem = {0};
    int code = xg_generate_key_read(path, &pem, &minting->signer);
    xg_secret_done(&pem);
    return code;
}

static int mint(const xg_args *args, const xg_custody_set *set, xg_minting *minting, xg_args *forwarded)
{
    static const char *const SAME[] = {"valid-for",      "jti", "now", "policy", "ledger", "passphrase-fd",
                                       "passphrase-file"};
    const char *path = xg_generate_last(args, "signing-key-path");
    const char *authority = xg_generate_last(args, "authority");
    const char *kid = xg_generate_last(args, "kid");
    int code = XG_EXIT_OK;

    if (!check_key_flags(path, authority, kid)) {
        return XG_EXIT_USAGE;
    }
    forwarded->command = args->command;
    for (size_t i = 0; i < XG_ARRAY_LEN(SAME); i++) {
        forward(forwarded, SAME[i], xg_generate_last(args, SAME[i]));
    }
    forward(forwarded, "kid", is_given(kid) ? kid : NULL);
    if (is_given(path)) {
        code = take_key(path, minting);
    } else {
        forward(forwarded, "authority", authority);
    }
    minting->origin = "generate";
    minting->is_kuma_lifetime = true;
    if (code == XG_EXIT_OK) {
        code = xg_minting_begin(forwarded, set, minting);
    }
    return code == XG_EXIT_OK ? xg_minting_finish(minting) : code;
}

int xg_generate_token(const xg_args *args, const xg_custody_set *set, xg_minting *minting)
{
    xg_args *forwarded = calloc(1, sizeof(*forwarded));
    if (forwarded == NULL) {
        return xg_errors_io("mint", "memory", ENOMEM);
    }
    xg_output_never_end_line();
    int code = mint(args, set, minting, forwarded);
    xg_minting_done(minting);
    free(forwarded);
    return code;
}
