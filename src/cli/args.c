/* SPDX-License-Identifier: Apache-2.0 */
/*
 * args.c: flags of a command, by its row of the command table.
 *
 * Owns the spelling of the command line. Must never print the value of a flag: somebody will put a
 * token there one day. One thread (getopt_long has static state).
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "help.h"

#define OPTIONS_MAX 64
#define HELP_VALUE  (-2)
#define COLOR_VALUE (-3)
#define OPERAND     1

typedef struct option_table {
    struct option longs[OPTIONS_MAX + 1];
    char shorts[OPTIONS_MAX * 2 + 3];
    size_t num;
} option_table;

static void add_option(option_table *table, const char *name, bool has_value, int value)
{
    if (table->num < OPTIONS_MAX) {
        table->longs[table->num++] = (struct option){name, has_value ? required_argument : no_argument, NULL, value};
    }
}

/* getopt_long's own tables; the value of an option is the index of its row, past the range of letters. */
static void build_options(const xg_command *command, option_table *table)
{
    size_t len = 0;
    *table = (option_table){0};
    table->shorts[len++] = '-'; /* a word that is no flag comes as an option of value OPERAND, wherever it stands */
    table->shorts[len++] = ':';
    table->shorts[len++] = 'h';
    add_option(table, "help", false, HELP_VALUE);
    add_option(table, "no-color", false, COLOR_VALUE);
    for (size_t i = 0; i < command->num_flags; i++) {
        const xg_flag *flag = &command->flags[i];
        int value = (int)i + 256;
        add_option(table, flag->name, flag->value != NULL, value);
        if (flag->alias != NULL) {
            add_option(table, flag->alias, flag->value != NULL, value);
        }
        if (flag->letter != 0 && len + 3 < sizeof(table->shorts)) {
            table->shorts[len++] = flag->letter;
            if (flag->value != NULL) {
                table->shorts[len++] = ':';
            }
        }
    }
    table->shorts[len] = '\0';
}

static const xg_flag *flag_of(const xg_command *command, int value)
{
    for (size_t i = 0; i < command->num_flags; i++) {
        if (value == (int)i + 256 || (command->flags[i].letter != 0 && value == command->flags[i].letter)) {
            return &command->flags[i];
        }
    }
    return NULL;
}

/* getopt_long takes unambiguous abbreviations; a script that uses one breaks when a flag is added. */
static bool is_abbreviated(const option_table *table, const char *word)
{
    if (strncmp(word, "--", 2) != 0) {
        return false;
    }
    size_t len = strcspn(word + 2, "=");
    for (size_t i = 0; i < table->num; i++) {
        if (strlen(table->longs[i].name) == len && strncmp(table->longs[i].name, word + 2, len) == 0) {
            return false;
        }
    }
    return true;
}

static void help_for(const xg_command *command)
{
    xg_errors_help("see 'xdsgate %s%s%s --help'", command->noun, command->verb != NULL ? " " : "",
                   command->verb != NULL ? command->verb : "");
}

static bool is_path(const char *placeholder)
{
    static const char *const PLACES[] = {"FILE", "DIR", "PATH"};
    for (size_t i = 0; placeholder != NULL && i < XG_ARRAY_LEN(PLACES); i++) {
        if (strcmp(placeholder, PLACES[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* The text of a token or a PEM block where something else should stand: what cannot be found would be shown. */
bool xg_args_refuse_secret(const char *dashes, const char *name, const char *placeholder, const char *value)
{
    bool is_key = strstr(value, "-----BEGIN") != NULL;
    bool is_dir = strcmp(placeholder, "DIR") == 0;
    if (!is_key && strncmp(value + strspn(value, " \t\r\n"), "eyJ", 3) != 0) {
        return false;
    }
    if (is_path(placeholder)) {
        xg_errors_summary("%s%s: that is a %s, not a %s", dashes, name, is_key ? "key" : "token",
                          is_dir ? "directory" : "file");
    } else {
        xg_errors_summary("%s%s: that is a %s", dashes, name, is_key ? "key" : "token");
    }
    xg_errors_note("arguments are visible to other users of this machine: it may have to be replaced");
    if (!is_path(placeholder)) {
        xg_errors_help("give the %s itself; a token or a key is given by the name of the file that holds it",
                       placeholder);
    } else if (!is_dir) {
        xg_errors_help("give the name of a file that holds it; one whose name begins like a token is written ./NAME");
    } else {
        xg_errors_help("give the path of a directory; one whose name begins like a token is written ./NAME");
    }
    return true;
}

static int refuse_unknown(const xg_command *command, const option_table *table, const char *word)
{
    char name[64];
    size_t len = strcspn(word, "=");
    /* A PEM block begins with hyphens, as a flag does. */
    if (xg_args_refuse_secret("", command->operand != NULL ? command->operand : "argument",
                              command->operand != NULL ? command->operand : "FILE", word)) {
        return XG_EXIT_USAGE;
    }
    snprintf(name, sizeof(name), "%.*s", (int)(len < sizeof(name) ? len : sizeof(name) - 1), word);
    if (strncmp(name, "--", 2) == 0 && !is_abbreviated(table, word)) {
        xg_errors_summary("%s takes no value", name);
        help_for(command);
        return XG_EXIT_USAGE;
    }
    xg_errors_summary("unknown flag %s", name);
    for (size_t i = 0; i < table->num && strncmp(name, "--", 2) == 0; i++) {
        if (xg_errors_is_near(name + 2, table->longs[i].name)) {
            xg_errors_help("did you mean --%s?", table->longs[i].name);
            return XG_EXIT_USAGE;
        }
    }
    help_for(command);
    return XG_EXIT_USAGE;
}

static int refuse_missing_value(const xg_command *command, const char *word)
{
    xg_errors_summary("%s needs a value", word);
    help_for(command);
    return XG_EXIT_USAGE;
}

static bool take_operand(xg_args *args, const char *word)
{
    const xg_command *command = args->command;
    if (command->operand == NULL) {
        xg_errors_summary("unexpected argument: this command takes flags only");
        xg_errors_note("tokens and keys are read from files or stdin, never from arguments");
        help_for(command);
        return false;
    }
    const char *name = args->operand != NULL && command->second != NULL ? command->second : command->operand;
    if (xg_args_refuse_secret("", name, name, word)) {
        return false;
    }
    if (args->operand == NULL) {
        args->operand = word;
    } else if (command->second != NULL && args->second == NULL) {
        args->second = word;
    } else {
        xg_errors_summary("more than one %s", name);
        help_for(command);
        return false;
    }
    return true;
}

static bool take(xg_args *args, const xg_flag *flag, const char *value)
{
    if (is_path(flag->value) && xg_args_refuse_secret("--", flag->name, flag->value, value)) {
        return false;
    }
    if (!flag->is_repeatable && xg_args_has(args, flag->name)) {
        xg_errors_summary("--%s was given twice", flag->name);
        xg_errors_help("give it once");
        return false;
    }
    if (args->num_items == XG_ARGS_MAX) {
        xg_errors_summary("more than %d flags", XG_ARGS_MAX);
        return false;
    }
    args->items[args->num_items].flag = flag;
    args->items[args->num_items++].value = value;
    return true;
}

/* What one option of getopt_long means. True to go on. */
static bool handle(const option_table *table, int value, const char *word, xg_args *args, int *ret_exit)
{
    const xg_flag *flag = flag_of(args->command, value);
    *ret_exit = XG_EXIT_USAGE;
    if (value == COLOR_VALUE && !is_abbreviated(table, word)) {
        return true; /* main saw it before anything could be said in colour */
    }
    if (value == HELP_VALUE || value == 'h') {
        xg_help_command(args->command);
        *ret_exit = XG_EXIT_OK;
        return false;
    }
    if (value == OPERAND) {
        return take_operand(args, optarg);
    }
    if (value == '?' || is_abbreviated(table, word)) {
        *ret_exit = refuse_unknown(args->command, table, word);
        return false;
    }
    if (flag == NULL) { /* ':', the value is missing */
        *ret_exit = refuse_missing_value(args->command, word);
        return false;
    }
    return take(args, flag, optarg);
}

bool xg_args_parse(const xg_command *command, int argc, char **argv, xg_args *ret_args, int *ret_exit)
{
    option_table table;
    int value = 0;

    build_options(command, &table);
    *ret_args = (xg_args){.command = command};
    opterr = 0;
    optind = 1;
    for (;;) {
        const char *word = optind < argc ? argv[optind] : "";
        value = getopt_long(argc, argv, table.shorts, table.longs, NULL);
        if (value == -1) {
            break;
        }
        if (!handle(&table, value, word, ret_args, ret_exit)) {
            return false;
        }
    }
    *ret_exit = XG_EXIT_USAGE;
    for (; optind < argc; optind++) { /* behind "--" */
        if (!take_operand(ret_args, argv[optind])) {
            return false;
        }
    }
    if (command->operand != NULL && !command->is_operand_optional && ret_args->operand == NULL) {
        xg_errors_summary("%s is missing", command->operand);
        help_for(command);
        return false;
    }
    return true;
}

bool xg_args_is_path(const char *placeholder)
{
    return is_path(placeholder);
}

const char *xg_args_next(const xg_args *args, const char *name, size_t *cursor)
{
    for (size_t i = *cursor; i < args->num_items; i++) {
        if (strcmp(args->items[i].flag->name, name) == 0) {
            *cursor = i + 1;
            return args->items[i].value != NULL ? args->items[i].value : "";
        }
    }
    *cursor = args->num_items;
    return NULL;
}

const char *xg_args_value(const xg_args *args, const char *name)
{
    size_t cursor = 0;
    return xg_args_next(args, name, &cursor);
}

bool xg_args_has(const xg_args *args, const char *name)
{
    return xg_args_value(args, name) != NULL;
}

xg_str xg_args_str(const xg_args *args, const char *name)
{
    return xg_str_of(xg_args_value(args, name));
}

bool xg_args_require(const xg_args *args, const char *const *names, size_t num_names)
{
    for (size_t i = 0; i < num_names; i++) {
        if (!xg_args_has(args, names[i])) {
            xg_errors_summary("--%s is required", names[i]);
            help_for(args->command);
            return false;
        }
    }
    return true;
}

bool xg_args_check_text(const xg_args *args, const char *name, size_t max)
{
    size_t cursor = 0;
    for (;;) {
        const char *value = xg_args_next(args, name, &cursor);
        if (value == NULL) {
            return true;
        }
        if (strlen(value) > max) {
            xg_errors_summary("--%s is longer than %zu bytes", name, max);
            xg_errors_help("use a shorter one: names are never cut");
            return false;
        }
        if (!xg_str_is_clean(xg_str_of(value))) {
            xg_errors_summary("--%s holds control bytes or is not UTF-8", name);
            xg_errors_help("check the script or the terminal that it came from");
            return false;
        }
    }
}
