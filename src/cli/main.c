/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c: the xdsgate command line: process hygiene, the table of commands, help.
 *
 * Owns what happens before any input is read. Must never do a command's work. One thread.
 */
#include <jansson.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <openssl/crypto.h>
#include <sodium.h>

#include "cli.h"

/* Room for a few private keys of 4096 bits with all that signing needs. */
#define SECURE_HEAP_BYTES 262144
#define SECURE_HEAP_UNIT  32

/* In the order of the help. */
/* clang-format off */
static const xg_command *const COMMANDS[] = {
    &XG_CMD_KEY_NEW,
    &XG_CMD_KEY_IMPORT,
    &XG_CMD_KEY_EXPORT,
    &XG_CMD_KEY_LIST,
    &XG_CMD_KEY_PUBLIC,
    &XG_CMD_KEY_ROTATE,
    &XG_CMD_KEY_RETIRE,
    &XG_CMD_MINT_DATAPLANE,
    &XG_CMD_MINT_ZONE,
    &XG_CMD_MINT_MANIFEST,
    &XG_CMD_LEDGER_LIST,
    &XG_CMD_LEDGER_SHOW,
    &XG_CMD_LEDGER_EXPIRING,
    &XG_CMD_LEDGER_EXPORT,
    &XG_CMD_INSPECT,
    &XG_CMD_VERIFY,
    &XG_CMD_TRY,
    &XG_CMD_EXPLAIN,
    &XG_CMD_REVOKE_ADD,
    &XG_CMD_REVOKE_REMOVE,
    &XG_CMD_REVOKE_LIST,
    &XG_CMD_REVOKE_IMPORT,
    &XG_CMD_REVOKE_CHECK,
    &XG_CMD_CONFIG_CHECK,
    &XG_CMD_DOCTOR,
    &XG_CMD_GENERATE_DATAPLANE_TOKEN,
    &XG_CMD_GENERATE_ZONE_TOKEN,
    &XG_CMD_GENERATE_SIGNING_KEY,
    &XG_CMD_GENERATE_PUBLIC_KEY,
};
/* clang-format on */

/* Tokens pass through documents: what jansson gives back holds nothing any more. */
static void wipe_and_free(void *block)
{
    if (block != NULL) {
        sodium_memzero(block, malloc_usable_size(block));
        free(block);
    }
}

/* Private keys must not reach a core file, a debugger of the same user, or freed memory. */
static bool harden(void)
{
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
#if !defined(__SANITIZE_ADDRESS__) /* its leak check has to attach to the process */
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
    json_set_alloc_funcs(malloc, wipe_and_free);
    /* Nor may an openssl.cnf, which can name any library as an engine, have a part in signing. */
    return OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) == 1 && sodium_init() >= 0 &&
           CRYPTO_secure_malloc_init(SECURE_HEAP_BYTES, SECURE_HEAP_UNIT) != 0;
}

static void print_commands(const char *noun)
{
    for (size_t i = 0; i < XG_ARRAY_LEN(COMMANDS); i++) {
        const xg_command *command = COMMANDS[i];
        if (noun == NULL || strcmp(noun, command->noun) == 0) {
            char name[64];
            snprintf(name, sizeof(name), "%s%s%s", command->noun, command->verb != NULL ? " " : "",
                     command->verb != NULL ? command->verb : "");
            printf("  %-25s %s\n", name, command->summary);
        }
    }
}

static int help(const char *noun)
{
    if (noun == NULL) {
        printf("xdsgate: keys and tokens for the proxies of a mesh, offline\n\n"
               "usage: xdsgate COMMAND [flags]\n\ncommands:\n");
    } else {
        printf("xdsgate %s\n\ncommands:\n", noun);
    }
    print_commands(noun);
    printf("\n'xdsgate COMMAND --help' shows the flags and an example; 'xdsgate --version' the version.\n"
           "Exit codes: 0 yes, 1 the answer is no, 2 usage, 3 configuration, 4 key, 5 input/output, 6 partly done.\n"
           "Environment: NO_COLOR and TERM=dumb turn colours off; XDSGATE_LEDGER names the ledger of tokens that are\n"
           "minted with --key.\n");
    return XG_EXIT_OK;
}

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0;
}

static bool is_noun(const char *word)
{
    for (size_t i = 0; i < XG_ARRAY_LEN(COMMANDS); i++) {
        if (strcmp(COMMANDS[i]->noun, word) == 0) {
            return true;
        }
    }
    return false;
}

static int refuse_noun(const char *word)
{
    xg_errors_summary("unknown command '%.40s'", word);
    for (size_t i = 0; i < XG_ARRAY_LEN(COMMANDS); i++) {
        if (xg_errors_is_near(word, COMMANDS[i]->noun)) {
            xg_errors_help("did you mean 'xdsgate %s'?", COMMANDS[i]->noun);
            return XG_EXIT_USAGE;
        }
    }
    xg_errors_help("see 'xdsgate --help'");
    return XG_EXIT_USAGE;
}

static int refuse_verb(const char *noun, const char *word)
{
    if (word == NULL) {
        xg_errors_summary("'xdsgate %s' needs a verb", noun);
    } else {
        xg_errors_summary("unknown command '%s %.40s'", noun, word);
    }
    for (size_t i = 0; word != NULL && i < XG_ARRAY_LEN(COMMANDS); i++) {
        const xg_command *command = COMMANDS[i];
        if (strcmp(command->noun, noun) == 0 && xg_errors_is_near(word, command->verb)) {
            xg_errors_help("did you mean 'xdsgate %s %s'?", noun, command->verb);
            return XG_EXIT_USAGE;
        }
    }
    xg_errors_help("see 'xdsgate %s --help'", noun);
    return XG_EXIT_USAGE;
}

static int run(const xg_command *command, int argc, char **argv)
{
    xg_args args;
    int code = XG_EXIT_OK;
    if (xg_args_parse(command, argc, argv, &args, &code)) {
        code = command->run(&args);
    }
    return code;
}

static int dispatch(int argc, char **argv)
{
    const char *noun = argv[1];
    const char *verb = argc > 2 ? argv[2] : NULL;
    if (!is_noun(noun)) {
        return refuse_noun(noun);
    }
    for (size_t i = 0; i < XG_ARRAY_LEN(COMMANDS); i++) {
        const xg_command *command = COMMANDS[i];
        if (strcmp(command->noun, noun) != 0) {
            continue;
        }
        if (command->verb == NULL) {
            return run(command, argc - 1, argv + 1);
        }
        if (verb != NULL && strcmp(command->verb, verb) == 0) {
            return run(command, argc - 2, argv + 2);
        }
    }
    return verb != NULL && is_help(verb) ? help(noun) : refuse_verb(noun, verb);
}

int main(int argc, char **argv)
{
    int code = XG_EXIT_USAGE;
    xg_errors_choose_colour(true);
    if (!harden()) {
        xg_errors_summary("no protected memory for private keys can be had");
        return XG_EXIT_IO;
    }
    xg_generate_reorder(argc, argv);
    if (argc < 2) {
        xg_errors_summary("no command given");
        xg_errors_help("see 'xdsgate --help'");
    } else if (strcmp(argv[1], "--version") == 0) {
        puts("xdsgate " XG_VERSION);
        code = XG_EXIT_OK;
    } else if (is_help(argv[1])) {
        code = help(NULL);
    } else {
        code = dispatch(argc, argv);
    }
    int written = xg_output_finish();
    return code == XG_EXIT_OK || code == XG_EXIT_NO ? (written != XG_EXIT_OK ? written : code) : code;
}
