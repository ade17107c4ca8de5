/* SPDX-License-Identifier: Apache-2.0 */
/*
 * completion_zsh.c: completion for zsh.
 *
 * Texts stand in single quotes; what _arguments and _describe take for a mark of their own is escaped with a backslash
 * too. One thread.
 */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "completion.h"
#include "help.h"

static void print_text(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            fputs("'\\''", stdout);
            continue;
        }
        if (strchr("\\:[]", *text) != NULL) {
            putchar('\\');
        }
        putchar(*text);
    }
}

static void print_action(const xg_completion_value *value)
{
    switch (value->kind) {
    case XG_COMPLETION_FILE:
        fputs("_files", stdout);
        break;
    case XG_COMPLETION_DIR:
        fputs("_files -/", stdout);
        break;
    case XG_COMPLETION_MESH:
    case XG_COMPLETION_KID:
        printf(" _xdsgate_found %s", xg_completion_kind_name(value->kind));
        break;
    case XG_COMPLETION_WORDS:
        printf("(%s)", value->words);
        break;
    case XG_COMPLETION_NOTHING:
    case XG_COMPLETION_COMMANDS:
        putchar(' ');
        break;
    }
}

/* One spelling of a flag; it rules out all spellings unless the flag may be repeated. */
static void print_spelling(const xg_command *command, const xg_flag *flag, const char *dashes, const char *name,
                           const char *mark)
{
    fputs(" \\\n        '", stdout);
    if (flag->is_repeatable) {
        putchar('*');
    } else {
        printf("(--%s", flag->name);
        if (flag->alias != NULL) {
            printf(" --%s", flag->alias);
        }
        if (flag->letter != 0) {
            printf(" -%c", flag->letter);
        }
        putchar(')');
    }
    printf("%s%s%s[", dashes, name, flag->value != NULL ? mark : "");
    print_text(flag->help);
    putchar(']');
    if (flag->value != NULL) {
        xg_completion_value value;
        xg_completion_of_flag(command, flag, &value);
        putchar(':');
        print_text(flag->value);
        putchar(':');
        print_action(&value);
    }
    putchar('\'');
}

static void print_flag(const xg_command *command, const xg_flag *flag)
{
    const char letter[] = {flag->letter, '\0'};
    print_spelling(command, flag, "--", flag->name, "=");
    if (flag->alias != NULL) {
        print_spelling(command, flag, "--", flag->alias, "=");
    }
    if (flag->letter != 0) {
        print_spelling(command, flag, "-", letter, "+");
    }
}

static void print_common_flags(void)
{
    xg_help_table common = xg_help_common_flags();
    for (size_t i = 0; i < common.num; i++) {
        fputs(" \\\n        '--", stdout);
        printf("%s[", common.rows[i].name);
        print_text(common.rows[i].text);
        fputs("]'", stdout);
        if (common.rows[i].brief != NULL) {
            printf(" \\\n        '-%s[", common.rows[i].brief);
            print_text(common.rows[i].text);
            fputs("]'", stdout);
        }
    }
}

static void print_command(const xg_command *command)
{
    char name[XG_COMMANDS_NAME_SIZE];
    xg_completion_value value;
    xg_commands_name(command, ' ', name);
    printf("    '%s')\n        _arguments -s -S", name);
    print_common_flags();
    for (size_t i = 0; i < command->num_flags; i++) {
        print_flag(command, &command->flags[i]);
    }
    if (xg_completion_of_operand(command, &value)) {
        printf(" \\\n        '1:%s:", command->operand);
        if (value.kind == XG_COMPLETION_COMMANDS) {
            fputs("_xdsgate_nouns' \\\n        '2:VERB: _xdsgate_verbs \"$words[2]\"'", stdout);
        } else {
            print_action(&value);
            putchar('\'');
        }
    }
    puts("\n        ;;");
}

static void print_item(const char *word, const char *summary)
{
    printf("        '%s:", word);
    print_text(summary);
    puts("'");
}

static void describe_noun(size_t first)
{
    const char *noun = xg_commands_at(first)->noun;
    printf("        '%s:", noun);
    for (size_t i = first; i < xg_commands_count(); i++) {
        const xg_command *command = xg_commands_at(i);
        if (strcmp(command->noun, noun) == 0) {
            fputs(i > first ? ", " : "", stdout);
            print_text(command->verb != NULL ? command->verb : command->summary);
        }
    }
    puts("'");
}

static void print_nouns(void)
{
    puts("_xdsgate_nouns()\n{\n    local -a items=(");
    for (size_t i = 0; i < xg_commands_count(); i++) {
        if (xg_commands_is_first(i)) {
            describe_noun(i);
        }
    }
    puts("    )\n    _describe -t commands command items\n}\n");
    puts("_xdsgate_topics()\n{\n    local -a items=(");
    for (size_t i = 0; xg_help_topic_at(i) != NULL; i++) {
        print_item(xg_help_topic_at(i)->name, xg_help_topic_at(i)->summary);
    }
    puts("    )\n    _describe -t topics topic items\n}\n");
}

static void print_verbs(void)
{
    puts("_xdsgate_verbs()\n{\n    local -a items\n    case $1 in");
    for (size_t i = 0; i < xg_commands_count(); i++) {
        const char *noun = xg_commands_at(i)->noun;
        if (!xg_commands_is_first(i) || xg_commands_at(i)->verb == NULL) {
            continue;
        }
        printf("    '%s') items=(\n", noun);
        for (size_t j = i; j < xg_commands_count(); j++) {
            if (strcmp(xg_commands_at(j)->noun, noun) == 0) {
                print_item(xg_commands_at(j)->verb, xg_commands_at(j)->summary);
            }
        }
        puts("        ) ;;");
    }
    puts("    *) return 1 ;;\n    esac\n    _describe -t commands command items\n}\n");
}

static void print_has_verbs(void)
{
    puts("_xdsgate_has_verbs()\n{\n    case $1 in");
    for (size_t i = 0; i < xg_commands_count(); i++) {
        if (xg_commands_is_first(i) && xg_commands_at(i)->verb != NULL) {
            printf("    '%s') return 0 ;;\n", xg_commands_at(i)->noun);
        }
    }
    puts("    *) return 1 ;;\n    esac\n}\n");
}

static void print_arguments(void)
{
    puts("# Flags and operand of a command.\n"
         "_xdsgate_arguments()\n{\n    case $1 in");
    for (size_t i = 0; i < xg_commands_count(); i++) {
        print_command(xg_commands_at(i));
    }
    puts("    esac\n}\n");
}

static const char FOUND[] =
    "# Names of meshes or keys, from the directories that the line names.\n"
    "_xdsgate_found()\n"
    "{\n"
    "    local -a names\n"
    "    names=(${(f)\"$(xdsgate completion-words $1 \"$PREFIX\" \"${xdsgate_line[@]}\" 2>/dev/null)\"})\n"
    "    compadd -a names\n"
    "}\n";

static const char ENGINE[] = "_xdsgate()\n"
                             "{\n"
                             "    local -a xdsgate_line=(\"${(@)words[2,-1]}\")\n"
                             "    local command=$words[2]\n"
                             "    if (( CURRENT == 2 )); then\n"
                             "        _xdsgate_nouns\n"
                             "        compadd -- help --help --version\n"
                             "        return\n"
                             "    fi\n"
                             "    if [[ $command == help ]]; then\n"
                             "        case $CURRENT in\n"
                             "        3) _xdsgate_nouns; _xdsgate_topics ;;\n"
                             "        4) _xdsgate_verbs \"$words[3]\" ;;\n"
                             "        esac\n"
                             "        return\n"
                             "    fi\n"
                             "    if _xdsgate_has_verbs \"$command\"; then\n"
                             "        if (( CURRENT == 3 )); then\n"
                             "            _xdsgate_verbs \"$command\"\n"
                             "            return\n"
                             "        fi\n"
                             "        command+=\" $words[3]\"\n"
                             "        shift words\n"
                             "        (( CURRENT-- ))\n"
                             "    fi\n"
                             "    shift words\n"
                             "    (( CURRENT-- ))\n"
                             "    _xdsgate_arguments \"$command\"\n"
                             "}\n"
                             "\n"
                             "_xdsgate \"$@\"\n";

void xg_completion_zsh(void)
{
    puts("#compdef xdsgate\n"
         "# Completion of xdsgate for zsh, printed by 'xdsgate completion zsh'.\n");
    print_nouns();
    print_verbs();
    print_has_verbs();
    print_arguments();
    puts(FOUND);
    fputs(ENGINE, stdout);
}
