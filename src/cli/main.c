/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c: the xdsgate command line: process hygiene, and which command it is to be.
 *
 * Owns what happens before any input is read. Must never do a command's work. One thread.
 */
#include <fcntl.h>
#include <jansson.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <sodium.h>

#include "cli.h"
#include "commands.h"
#include "completion.h"
#include "help.h"

/* Room for a private key of 4096 bits, with all that reading it and signing needs, in each of 256 threads. */
#define SECURE_HEAP_BYTES 4194304
#define SECURE_HEAP_UNIT  32

/* Tokens pass through documents: what jansson gives back holds nothing any more. */
static void wipe_and_free(void *block)
{
    if (block != NULL) {
        sodium_memzero(block, malloc_usable_size(block));
        free(block);
    }
}

/*
 * Where stdin, stdout or stderr is closed, the next file that is opened would take its place, and get what is said
 * there. What takes it now can only be used the wrong way round, so that using it fails as before.
 */
static bool fill_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd) {
            return false;
        }
    }
    return true;
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

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0;
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
    const xg_command *command = xg_commands_find(noun, verb);
    if (command != NULL) {
        int num_words = command->verb != NULL ? 2 : 1;
        return run(command, argc - num_words, argv + num_words);
    }
    if (xg_commands_is_noun(noun) && verb != NULL && is_help(verb)) {
        xg_help_noun(noun);
        return XG_EXIT_OK;
    }
    return xg_commands_refuse(noun, verb);
}

/* What may stand in the place of a command. */
static int start(int argc, char **argv)
{
    if (argc < 2) {
        xg_errors_summary("no command given");
        xg_errors_help("see 'xdsgate --help'");
        return XG_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("xdsgate " XG_VERSION);
        return XG_EXIT_OK;
    }
    if (strcmp(argv[1], "completion-words") == 0) {
        return xg_completion_words(argc - 2, argv + 2);
    }
    if (is_help(argv[1])) {
        return xg_help_words(argc - 2, argv + 2);
    }
    return dispatch(argc, argv);
}

/* --no-color, wherever it stands: already what is wrong with the words before it is said without colours. */
static bool wants_colour(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--no-color") == 0) {
            return false;
        }
    }
    return true;
}

/* Before the noun and before the verb too. */
static void skip_no_color(int *argc, char **argv)
{
    for (int at = 1; at <= 2; at++) {
        while (*argc > at && strcmp(argv[at], "--no-color") == 0) {
            memmove(argv + at, argv + at + 1, (size_t)(*argc - at) * sizeof(*argv)); /* with the NULL at the end */
            --*argc;
        }
    }
}

int main(int argc, char **argv)
{
    if (!fill_standard_descriptors()) {
        return XG_EXIT_IO;
    }
    xg_errors_choose_colour(wants_colour(argc, argv));
    if (!harden()) {
        xg_errors_summary("no protected memory for private keys can be had");
        return XG_EXIT_IO;
    }
    skip_no_color(&argc, argv);
    xg_generate_reorder(argc, argv);
    int code = start(argc, argv);
    int written = xg_output_finish();
    return code == XG_EXIT_OK || code == XG_EXIT_NO ? (written != XG_EXIT_OK ? written : code) : code;
}
