/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commands.c: the one table of commands, and what is said about words that are not in it.
 *
 * Help, completion and man pages walk this table. Must never run a command. One thread.
 */
#include "commands.h"

#include <string.h>

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
    &XG_CMD_COMPLETION,
    &XG_CMD_MAN,
};
/* clang-format on */

size_t xg_commands_count(void)
{
    return XG_ARRAY_LEN(COMMANDS);
}

const xg_command *xg_commands_at(size_t index)
{
    return COMMANDS[index];
}

bool xg_commands_is_first(size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (strcmp(COMMANDS[i]->noun, COMMANDS[index]->noun) == 0) {
            return false;
        }
    }
    return true;
}

bool xg_commands_is_noun(const char *word)
{
    for (size_t i = 0; i < XG_ARRAY_LEN(COMMANDS); i++) {
        if (strcmp(COMMANDS[i]->noun, word) == 0) {
            return true;
        }
    }
    return false;
}

const xg_command *xg_commands_find(const char *noun, const char *verb)
{
    for (size_t i = 0; i < XG_ARRAY_LEN(COMMANDS); i++) {
        const xg_command *command = COMMANDS[i];
        if (strcmp(command->noun, noun) == 0 &&
            (command->verb == NULL || (verb != NULL && strcmp(command->verb, verb) == 0))) {
            return command;
        }
    }
    return NULL;
}

void xg_commands_name(const xg_command *command, char separator, char name[XG_COMMANDS_NAME_SIZE])
{
    xg_text text;
    xg_text_init(&text, name, XG_COMMANDS_NAME_SIZE);
    xg_text_add(&text, xg_str_of(command->noun));
    if (command->verb != NULL) {
        xg_text_add(&text, (xg_str){&separator, 1});
        xg_text_add(&text, xg_str_of(command->verb));
    }
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

int xg_commands_refuse(const char *noun, const char *verb)
{
    const char *word = xg_commands_is_noun(noun) ? verb : noun;
    if (word != NULL && xg_args_refuse_secret("", "COMMAND", "COMMAND", word)) {
        return XG_EXIT_USAGE;
    }
    if (word == noun) {
        return refuse_noun(noun);
    }
    if (verb == NULL) {
        xg_errors_summary("'xdsgate %s' needs a verb", noun);
    } else {
        xg_errors_summary("unknown command '%s %.40s'", noun, verb);
    }
    for (size_t i = 0; verb != NULL && i < XG_ARRAY_LEN(COMMANDS); i++) {
        const xg_command *command = COMMANDS[i];
        if (command->verb != NULL && strcmp(command->noun, noun) == 0 && xg_errors_is_near(verb, command->verb)) {
            xg_errors_help("did you mean 'xdsgate %s %s'?", noun, command->verb);
            return XG_EXIT_USAGE;
        }
    }
    xg_errors_help("see 'xdsgate %s --help'", noun);
    return XG_EXIT_USAGE;
}
