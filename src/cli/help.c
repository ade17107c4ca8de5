/* SPDX-License-Identifier: Apache-2.0 */
/*
 * help.c: what --help and `xdsgate help` print.
 *
 * Owns the one list of exit codes, of environment variables, of files. Must never say what a row of the command table
 * says already. One thread.
 */
#include "help.h"

#include <stdio.h>
#include <string.h>

#include "commands.h"

static const xg_help_row EXIT_CODES[] = {
    {"0", "yes", "it is done, or the answer is yes: the token is allowed, the key is there", NULL},
    {"1", "the answer is no", "the command did its work, and the answer is no: refused, revoked, not found", NULL},
    {"2", "usage", "the command line or the input is wrong; nothing was done", NULL},
    {"3", "configuration", "the plugin or its configuration cannot be used", NULL},
    {"4", "key", "a key or a passphrase is missing, unusable, or already there", NULL},
    {"5", "input/output", "a file cannot be read or written", NULL},
    {"6", "partly done", "some of many were done: stderr says which were not", NULL},
};

static const xg_help_row ENVIRONMENT[] = {
    {"NO_COLOR", NULL, "if it is set and not empty, there are no colours", NULL},
    {"TERM", NULL, "if it is dumb or not set, there are no colours", NULL},
    {"XDSGATE_LEDGER", NULL, "the ledger of tokens that are minted with --key, unless --ledger names one", NULL},
    {"XDG_STATE_HOME", NULL, "without either, it is xdsgate/ledger.db below this directory", NULL},
    {"HOME", NULL, "without XDG_STATE_HOME, that is .local/state below this one", NULL},
};

static const xg_help_row FILES[] = {
    {"DIR/meshes/NAME/KID.pem.age", NULL, "a mesh's private key, encrypted with a passphrase (mode 600)", "authority"},
    {"DIR/meshes/NAME/KID.pem", NULL, "the same, unencrypted: made with --plain", "authority"},
    {"DIR/zone, DIR/any-mesh", NULL, "the same for zone tokens, and for every mesh", "authority"},
    {"DIR/ledger.db", NULL, "what was minted: ids and fingerprints, never a token", "authority"},
    {"DIR/policy.yaml", NULL, "guard rails that every minted token must keep", "authority"},
    {"DIR/meshes/NAME/keys/KID.pem", NULL, "a mesh's public key, as xdsgate.so reads it", "store"},
    {"DIR/meshes/NAME/revoked", NULL, "a mesh's revocation list", "store"},
    {"DIR/zone, DIR/any-mesh", NULL, "keys and list for zone tokens, and for every mesh", "store"},
};

static const xg_help_row COMMON_FLAGS[] = {
    {"help", "h", "this text", NULL},
    {"no-color", NULL, "no colours, whatever the terminal can do", NULL},
};

static const xg_help_table EXIT_CODES_TABLE = {EXIT_CODES, XG_ARRAY_LEN(EXIT_CODES)};
static const xg_help_table ENVIRONMENT_TABLE = {ENVIRONMENT, XG_ARRAY_LEN(ENVIRONMENT)};

static const xg_help_topic TOPICS[] = {
    {"exit-codes", "how a run says what came of it", &EXIT_CODES_TABLE,
     "The numbers are frozen: a script may rely on them. Whatever is not 0 has a reason on stderr, except the 1 of a\n"
     "command that was asked a question: its answer is on stdout.\n"},
    {"environment", "which variables are read", &ENVIRONMENT_TABLE,
     "No key, token or passphrase is ever read from the environment: other processes can see it.\n"},
    {"formatting", "what goes to stdout and stderr, and in which form", NULL,
     "stdout holds data alone; everything that is said about it goes to stderr.\n"
     "\n"
     "-o table is for people: its columns and sentences may change with any version.\n"
     "-o json is one document on one line, -o yaml the same document in lines. Its first member, schema, holds a name\n"
     "and a number, like xdsgate.keys/1. Members may be added under the same number; none is ever removed or given\n"
     "another meaning.\n"
     "-o token is the token's bytes alone; a line end follows on a terminal, and nowhere else.\n"
     "\n"
     "Colours mark the labels of errors and warnings, on stderr, if it is a terminal. NO_COLOR, TERM=dumb and\n"
     "--no-color turn them off. stdout is never coloured.\n"},
};

const xg_help_topic *xg_help_topic_at(size_t index)
{
    return index < XG_ARRAY_LEN(TOPICS) ? &TOPICS[index] : NULL;
}

xg_help_table xg_help_exit_codes(void)
{
    return EXIT_CODES_TABLE;
}

xg_help_table xg_help_environment(void)
{
    return ENVIRONMENT_TABLE;
}

xg_help_table xg_help_files(void)
{
    return (xg_help_table){FILES, XG_ARRAY_LEN(FILES)};
}

xg_help_table xg_help_common_flags(void)
{
    return (xg_help_table){COMMON_FLAGS, XG_ARRAY_LEN(COMMON_FLAGS)};
}

char xg_help_letter(const xg_help_row *row)
{
    if (row->brief == NULL) {
        return '\0';
    }
    return row->brief[0];
}

static void print_commands(const char *noun)
{
    for (size_t i = 0; i < xg_commands_count(); i++) {
        const xg_command *command = xg_commands_at(i);
        if (noun == NULL || strcmp(noun, command->noun) == 0) {
            char name[XG_COMMANDS_NAME_SIZE];
            xg_commands_name(command, ' ', name);
            printf("  %-25s %s\n", name, command->summary);
        }
    }
}

static void print_foot(void)
{
    printf("\n'xdsgate COMMAND --help' shows the flags and an example; 'xdsgate --version' the version.\n"
           "'xdsgate help TOPIC' tells more of:");
    for (size_t i = 0; i < XG_ARRAY_LEN(TOPICS); i++) {
        printf(" %s%s", TOPICS[i].name, i + 1 < XG_ARRAY_LEN(TOPICS) ? "," : ".\nExit codes:");
    }
    for (size_t i = 0; i < XG_ARRAY_LEN(EXIT_CODES); i++) {
        printf("%s %s %s", i > 0 ? "," : "", EXIT_CODES[i].name, EXIT_CODES[i].brief);
    }
    puts(".");
}

void xg_help_overview(void)
{
    printf("xdsgate: keys and tokens for the proxies of a mesh, offline\n\n"
           "usage: xdsgate COMMAND [flags]\n\ncommands:\n");
    print_commands(NULL);
    print_foot();
}

void xg_help_noun(const char *noun)
{
    printf("xdsgate %s\n\ncommands:\n", noun);
    print_commands(noun);
    print_foot();
}

static void print_flag(const char *name, char letter, const char *value, const char *help)
{
    char left[64];
    snprintf(left, sizeof(left), "--%s%s%s", name, value != NULL ? " " : "", value != NULL ? value : "");
    if (letter != 0) {
        printf("  -%c, %-24s %s\n", letter, left, help);
    } else {
        printf("      %-24s %s\n", left, help);
    }
}

void xg_help_command(const xg_command *command)
{
    char name[XG_COMMANDS_NAME_SIZE];
    xg_commands_name(command, ' ', name);
    printf("xdsgate %s: %s\n\nusage: xdsgate %s %s\n\nflags:\n", name, command->summary, name, command->usage);
    for (size_t i = 0; i < command->num_flags; i++) {
        const xg_flag *flag = &command->flags[i];
        print_flag(flag->name, flag->letter, flag->value, flag->help);
    }
    for (size_t i = 0; i < XG_ARRAY_LEN(COMMON_FLAGS); i++) {
        print_flag(COMMON_FLAGS[i].name, xg_help_letter(&COMMON_FLAGS[i]), NULL, COMMON_FLAGS[i].text);
    }
    if (command->detail != NULL) {
        printf("\n%s", command->detail);
    }
    printf("\nexample:\n%s", command->example);
}

static void print_topic(const xg_help_topic *topic)
{
    printf("%s: %s\n\n", topic->name, topic->summary);
    for (size_t i = 0; topic->table != NULL && i < topic->table->num; i++) {
        printf("  %-15s %s\n", topic->table->rows[i].name, topic->table->rows[i].text);
    }
    printf("%s%s", topic->table != NULL ? "\n" : "", topic->detail);
}

static int refuse_topic(const char *word)
{
    for (size_t i = 0; i < XG_ARRAY_LEN(TOPICS); i++) {
        if (xg_errors_is_near(word, TOPICS[i].name)) {
            xg_errors_summary("unknown help topic '%.40s'", word);
            xg_errors_help("did you mean 'xdsgate help %s'?", TOPICS[i].name);
            return XG_EXIT_USAGE;
        }
    }
    return xg_commands_refuse(word, NULL);
}

static int help_one(const char *word)
{
    for (size_t i = 0; i < XG_ARRAY_LEN(TOPICS); i++) {
        if (strcmp(word, TOPICS[i].name) == 0) {
            print_topic(&TOPICS[i]);
            return XG_EXIT_OK;
        }
    }
    if (!xg_commands_is_noun(word)) {
        return refuse_topic(word);
    }
    const xg_command *command = xg_commands_find(word, NULL);
    if (command != NULL) {
        xg_help_command(command);
    } else {
        xg_help_noun(word);
    }
    return XG_EXIT_OK;
}

int xg_help_words(int argc, char **argv)
{
    if (argc == 0) {
        xg_help_overview();
        return XG_EXIT_OK;
    }
    if (argc == 1) {
        return help_one(argv[0]);
    }
    const xg_command *command = xg_commands_find(argv[0], argv[1]);
    if (command == NULL) {
        return xg_commands_refuse(argv[0], argv[1]);
    }
    if (argc > (command->verb != NULL ? 2 : 1)) {
        xg_errors_summary("'xdsgate help' takes one command or one topic");
        xg_errors_help("see 'xdsgate --help'");
        return XG_EXIT_USAGE;
    }
    xg_help_command(command);
    return XG_EXIT_OK;
}
