/* SPDX-License-Identifier: Apache-2.0 */
/*
 * completion_fish.c: completion for fish.
 *
 * Texts stand in single quotes, where only the quote and the backslash mean something. One thread.
 */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "completion.h"
#include "help.h"

static void print_quoted(const char *text)
{
    putchar('\'');
    for (; *text != '\0'; text++) {
        if (*text == '\'' || *text == '\\') {
            putchar('\\');
        }
        putchar(*text);
    }
    putchar('\'');
}

static void print_description(const char *text)
{
    fputs(" -d ", stdout);
    print_quoted(text);
    putchar('\n');
}

static void print_value(const xg_completion_value *value)
{
    switch (value->kind) {
    case XG_COMPLETION_FILE:
        fputs(" -r -F", stdout);
        break;
    case XG_COMPLETION_DIR:
        fputs(" -x -a '(__fish_complete_directories)'", stdout);
        break;
    case XG_COMPLETION_MESH:
    case XG_COMPLETION_KID:
        printf(" -x -a '(__xdsgate_found %s)'", xg_completion_kind_name(value->kind));
        break;
    case XG_COMPLETION_WORDS:
        printf(" -x -a '%s'", value->words);
        break;
    case XG_COMPLETION_NOTHING:
    case XG_COMPLETION_COMMANDS:
        fputs(" -x", stdout);
        break;
    }
}

/* name: one spelling of the flag. */
static void print_flag(const xg_command *command, const xg_flag *flag, const char *name, char letter)
{
    char words[XG_COMMANDS_NAME_SIZE];
    xg_completion_value value;
    xg_commands_name(command, ' ', words);
    printf("complete -c xdsgate -n '__xdsgate_in %s' -l %s", words, name);
    if (letter != 0) {
        printf(" -s %c", letter);
    }
    if (flag->value != NULL) {
        xg_completion_of_flag(command, flag, &value);
        print_value(&value);
    }
    print_description(flag->help);
}

static void print_command(const xg_command *command)
{
    char words[XG_COMMANDS_NAME_SIZE];
    xg_completion_value value;
    xg_commands_name(command, ' ', words);
    for (size_t i = 0; i < command->num_flags; i++) {
        const xg_flag *flag = &command->flags[i];
        print_flag(command, flag, flag->name, flag->letter);
        if (flag->alias != NULL) {
            print_flag(command, flag, flag->alias, 0);
        }
    }
    if (!xg_completion_of_operand(command, &value)) {
        return;
    }
    if (value.kind == XG_COMPLETION_FILE) {
        printf("complete -c xdsgate -n '__xdsgate_in %s' -F\n", words);
    } else if (value.kind == XG_COMPLETION_WORDS) {
        printf("complete -c xdsgate -n '__xdsgate_in %s' -f -a '%s'\n", words, value.words);
    }
}

/* The verbs of a noun as a description of it. */
static void describe_noun(const char *noun, xg_text *text)
{
    for (size_t i = 0; i < xg_commands_count(); i++) {
        const xg_command *command = xg_commands_at(i);
        if (strcmp(command->noun, noun) == 0) {
            xg_text_add(text, text->len > 0 ? XG_STR(", ") : XG_STR(""));
            xg_text_add(text, xg_str_of(command->verb != NULL ? command->verb : command->summary));
        }
    }
}

/* The words of commands, where the condition holds with `prefix` words before them. */
static void print_words(const char *prefix)
{
    for (size_t i = 0; i < xg_commands_count(); i++) {
        const xg_command *command = xg_commands_at(i);
        char storage[256];
        xg_text text;
        xg_text_init(&text, storage, sizeof(storage));
        if (xg_commands_is_first(i)) {
            describe_noun(command->noun, &text);
            printf("complete -c xdsgate -n '__xdsgate_at%s' -f -a %s", prefix, command->noun);
            print_description(storage);
        }
        if (command->verb != NULL) {
            printf("complete -c xdsgate -n '__xdsgate_at%s %s' -f -a %s", prefix, command->noun, command->verb);
            print_description(command->summary);
        }
    }
}

static const char ENGINE[] = "# Whether the words before the cursor are exactly these.\n"
                             "function __xdsgate_at\n"
                             "    set -l line (commandline -opc)\n"
                             "    test \"$line[2..]\" = \"$argv\"\n"
                             "end\n"
                             "\n"
                             "# Whether the line begins with this command.\n"
                             "function __xdsgate_in\n"
                             "    set -l line (commandline -opc)\n"
                             "    set -l last (math 1 + (count $argv))\n"
                             "    test (count $line) -ge $last; and test \"$line[2..$last]\" = \"$argv\"\n"
                             "end\n"
                             "\n"
                             "# Names of meshes or keys, from the directories that the line names.\n"
                             "function __xdsgate_found\n"
                             "    set -l line (commandline -opc)\n"
                             "    xdsgate completion-words $argv[1] '' $line[2..] 2>/dev/null\n"
                             "end\n"
                             "\n"
                             "complete -c xdsgate -f\n"
                             "complete -c xdsgate -n __xdsgate_at -l version -d 'print the version'\n"
                             "complete -c xdsgate -n __xdsgate_at -f -a help -d 'help on a command or a topic'\n";

void xg_completion_fish(void)
{
    xg_help_table common = xg_help_common_flags();
    puts("# Completion of xdsgate for fish, printed by 'xdsgate completion fish'.\n");
    fputs(ENGINE, stdout);
    for (size_t i = 0; i < common.num; i++) {
        printf("complete -c xdsgate -l %s", common.rows[i].name);
        if (common.rows[i].brief != NULL) {
            printf(" -s %s", common.rows[i].brief);
        }
        print_description(common.rows[i].text);
    }
    print_words("");
    print_words(" help");
    print_words(" man");
    for (size_t i = 0; xg_help_topic_at(i) != NULL; i++) {
        printf("complete -c xdsgate -n '__xdsgate_at help' -f -a %s", xg_help_topic_at(i)->name);
        print_description(xg_help_topic_at(i)->summary);
    }
    for (size_t i = 0; i < xg_commands_count(); i++) {
        print_command(xg_commands_at(i));
    }
}
