/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commands.h: the table of all commands, to look words up in and to walk. Thread rule: the table is constant.
 */
#ifndef XDSGATE_COMMANDS_H
#define XDSGATE_COMMANDS_H

#include "cli.h"

#define XG_COMMANDS_NAME_SIZE 64

size_t xg_commands_count(void);
const xg_command *xg_commands_at(size_t index);
/* Whether it is the first command of its noun: what walks nouns goes by it. */
bool xg_commands_is_first(size_t index);
bool xg_commands_is_noun(const char *word);
/* The command of these words; a noun that has no verbs is found whatever verb is. NULL: there is none. */
const xg_command *xg_commands_find(const char *noun, const char *verb);
/* Noun and verb with a separator between them. */
void xg_commands_name(const xg_command *command, char separator, char name[XG_COMMANDS_NAME_SIZE]);
/* Says why these words (verb may be NULL) are no command, and which is near. Returns XG_EXIT_USAGE. */
int xg_commands_refuse(const char *noun, const char *verb);

#endif /* XDSGATE_COMMANDS_H */
