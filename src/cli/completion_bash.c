/* SPDX-License-Identifier: Apache-2.0 */
/*
 * completion_bash.c: completion for bash 4 and later, without the bash-completion package.
 *
 * All words that are printed are lower-case letters, digits, dots, commas and hyphens, so no quoting is needed. One
 * thread.
 */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "completion.h"
#include "help.h"

static void print_value(const xg_completion_value *value)
{
    printf(" kind='%s'", xg_completion_kind_name(value->kind));
    if (value->kind == XG_COMPLETION_WORDS) {
        printf(" words='%s'", value->words);
    }
    puts(" ;;");
}

static void print_flag_value(const xg_command *command, const char *name, const xg_flag *flag)
{
    xg_completion_value value;
    if (flag->value == NULL) {
        return;
    }
    printf("    '%s --%s'", name, flag->name);
    if (flag->alias != NULL) {
        printf(" | '%s --%s'", name, flag->alias);
    }
    if (flag->letter != 0) {
        printf(" | '%s -%c'", name, flag->letter);
    }
    putchar(')');
    xg_completion_of_flag(command, flag, &value);
    print_value(&value);
}

static void print_values(void)
{
    puts("# What can stand behind a flag of a command, and in the place of its operand.\n"
         "_xdsgate_value()\n"
         "{\n"
         "    kind='' words=''\n"
         "    case $1 in");
    for (size_t i = 0; i < xg_commands_count(); i++) {
        const xg_command *command = xg_commands_at(i);
        char name[XG_COMMANDS_NAME_SIZE];
        xg_completion_value value;
        xg_commands_name(command, ' ', name);
        for (size_t j = 0; j < command->num_flags; j++) {
            print_flag_value(command, name, &command->flags[j]);
        }
        if (xg_completion_of_operand(command, &value) && value.kind != XG_COMPLETION_NOTHING) {
            printf("    '%s operand')", name);
            print_value(&value);
        }
    }
    puts("    esac\n"
         "}\n");
}

static void print_flags_of(const xg_command *command)
{
    char name[XG_COMMANDS_NAME_SIZE];
    xg_commands_name(command, ' ', name);
    printf("    '%s') words='", name);
    for (size_t j = 0; j < command->num_flags; j++) {
        const xg_flag *flag = &command->flags[j];
        printf("--%s ", flag->name);
        if (flag->alias != NULL) {
            printf("--%s ", flag->alias);
        }
        if (flag->letter != 0) {
            printf("-%c ", flag->letter);
        }
    }
    xg_help_table common = xg_help_common_flags();
    for (size_t j = 0; j < common.num; j++) {
        printf("--%s%s", common.rows[j].name, j + 1 < common.num ? " " : "' ;;\n");
    }
}

static void print_flags(void)
{
    puts("# The flags of a command.\n"
         "_xdsgate_flags()\n"
         "{\n"
         "    words=''\n"
         "    case $1 in");
    for (size_t i = 0; i < xg_commands_count(); i++) {
        print_flags_of(xg_commands_at(i));
    }
    puts("    esac\n"
         "}\n");
}

/* For each noun its verbs; for none, the nouns and what else can stand there. */
static void print_words(void)
{
    puts("# What can follow a word in the place of a command.\n"
         "_xdsgate_verbs()\n"
         "{\n"
         "    words=''\n"
         "    case $1 in");
    for (size_t i = 0; i < xg_commands_count(); i++) {
        const char *noun = xg_commands_at(i)->noun;
        if (!xg_commands_is_first(i) || xg_commands_at(i)->verb == NULL) {
            continue;
        }
        printf("    '%s') words='", noun);
        for (size_t j = i; j < xg_commands_count(); j++) {
            const xg_command *command = xg_commands_at(j);
            if (strcmp(command->noun, noun) == 0) {
                printf("%s%s", j > i ? " " : "", command->verb);
            }
        }
        puts("' ;;");
    }
    fputs("    '') words='", stdout);
    for (size_t i = 0; i < xg_commands_count(); i++) {
        if (xg_commands_is_first(i)) {
            printf("%s%s", i > 0 ? " " : "", xg_commands_at(i)->noun);
        }
    }
    puts("' ;;\n"
         "    esac\n"
         "}\n");
}

static void print_topics(void)
{
    fputs("_xdsgate_topics='", stdout);
    for (size_t i = 0; xg_help_topic_at(i) != NULL; i++) {
        printf("%s%s", i > 0 ? " " : "", xg_help_topic_at(i)->name);
    }
    puts("'\n");
}

static const char ENGINE[] =
    "# Offers what kind and words say.\n"
    "_xdsgate_offer()\n"
    "{\n"
    "    case $kind in\n"
    "    file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- \"$cur\") ;;\n"
    "    dir) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- \"$cur\") ;;\n"
    "    mesh | kid) mapfile -t COMPREPLY < <(\n"
    "        xdsgate completion-words \"$kind\" \"$cur\" \"${COMP_WORDS[@]:1}\" 2>/dev/null) ;;\n"
    "    words) mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\") ;;\n"
    "    esac\n"
    "}\n"
    "\n"
    "# A noun or a verb at this place of the line, in words. Fails if the command stands complete before it.\n"
    "_xdsgate_command()\n"
    "{\n"
    "    local noun=${COMP_WORDS[1]} at=$COMP_CWORD extra=''\n"
    "    kind=words\n"
    "    if [[ $at == 1 ]]; then\n"
    "        _xdsgate_verbs ''\n"
    "        words+=' help --help --version'\n"
    "        return 0\n"
    "    fi\n"
    "    if [[ $noun == help || $noun == man ]]; then\n"
    "        [[ $cur == -* ]] && return 1\n"
    "        [[ $noun == help ]] && extra=\" $_xdsgate_topics\"\n"
    "        if [[ $at == 2 ]]; then\n"
    "            _xdsgate_verbs ''\n"
    "            words+=$extra\n"
    "        elif [[ $at == 3 ]]; then\n"
    "            _xdsgate_verbs \"${COMP_WORDS[2]}\"\n"
    "        else\n"
    "            words=''\n"
    "        fi\n"
    "        [[ $noun == help || $before != -* ]]\n"
    "        return\n"
    "    fi\n"
    "    _xdsgate_verbs \"$noun\"\n"
    "    [[ $at == 2 && -n $words ]]\n"
    "}\n"
    "\n"
    "_xdsgate()\n"
    "{\n"
    "    local cur=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} kind='' words='' command\n"
    "    COMPREPLY=()\n"
    "    # bash takes --flag=value apart into three words.\n"
    "    if [[ $cur == '=' ]]; then\n"
    "        cur=''\n"
    "    elif [[ $before == '=' && $COMP_CWORD -gt 2 ]]; then\n"
    "        before=${COMP_WORDS[COMP_CWORD - 2]}\n"
    "    fi\n"
    "    if _xdsgate_command; then\n"
    "        _xdsgate_offer\n"
    "        return\n"
    "    fi\n"
    "    kind='' command=${COMP_WORDS[1]}\n"
    "    _xdsgate_verbs \"$command\"\n"
    "    [[ -n $words ]] && command+=\" ${COMP_WORDS[2]}\"\n"
    "    if [[ $before == -* ]]; then\n"
    "        _xdsgate_value \"$command $before\"\n"
    "    fi\n"
    "    if [[ -z $kind && $cur != -* ]]; then\n"
    "        _xdsgate_value \"$command operand\"\n"
    "    fi\n"
    "    if [[ -z $kind ]]; then\n"
    "        kind=words\n"
    "        _xdsgate_flags \"$command\"\n"
    "    fi\n"
    "    _xdsgate_offer\n"
    "}\n"
    "\n"
    "complete -F _xdsgate xdsgate\n";

void xg_completion_bash(void)
{
    puts("# Completion of xdsgate for bash, printed by 'xdsgate completion bash'.\n"
         "# shellcheck shell=bash\n");
    print_values();
    print_flags();
    print_words();
    print_topics();
    fputs(ENGINE, stdout);
}
