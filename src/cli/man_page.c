/* SPDX-License-Identifier: Apache-2.0 */
/*
 * man_page.c: man pages in roff, from the table of commands.
 *
 * Owns the escaping: no text of a table may become a request. Must never word what a table says. One thread.
 */
#include "man_page.h"

#include <string.h>

#include "commands.h"
#include "help.h"

/* When the form of the pages last changed. Not the day of the build: equal sources give equal pages. */
#define PAGE_DATE "2026-11-25"

static void put_letter(FILE *page, char letter)
{
    static const struct {
        char letter;
        const char *roff;
    } ESCAPES[] = {{'\\', "\\e"}, {'-', "\\-"}, {'\'', "\\(aq"}, {'`', "\\(ga"}, {'^', "\\(ha"}, {'~', "\\(ti"}};
    for (size_t i = 0; i < XG_ARRAY_LEN(ESCAPES); i++) {
        if (ESCAPES[i].letter == letter) {
            fputs(ESCAPES[i].roff, page);
            return;
        }
    }
    fputc(letter, page);
}

static void put(FILE *page, xg_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        put_letter(page, text.ptr[i]);
    }
}

/* One line of text; a dot at its beginning would make it a request. */
static void put_line(FILE *page, xg_str text)
{
    fputs(text.len > 0 && text.ptr[0] == '.' ? "\\&" : "", page);
    put(page, text);
    fputc('\n', page);
}

static xg_str take_line(const char **text)
{
    size_t len = strcspn(*text, "\n");
    xg_str line = {*text, len};
    *text += (*text)[len] == '\n' ? len + 1 : len;
    return line;
}

static xg_str without_indent(xg_str line)
{
    size_t blanks = 0;
    while (blanks < line.len && line.ptr[blanks] == ' ') {
        blanks++;
    }
    return xg_str_skip(line, blanks);
}

/* Lines that flow together; an empty one parts paragraphs. */
static void put_paragraphs(FILE *page, const char *text)
{
    while (*text != '\0') {
        xg_str line = without_indent(take_line(&text));
        if (line.len == 0) {
            fputs(".PP\n", page);
        } else {
            put_line(page, line);
        }
    }
}

static void put_examples(FILE *page, const char *text)
{
    fputs(".nf\n", page);
    while (*text != '\0') {
        xg_str line = take_line(&text);
        put_line(page, line.len >= 2 ? xg_str_skip(line, 2) : line);
    }
    fputs(".fi\n", page);
}

static void put_heading(FILE *page, const char *name)
{
    fprintf(page, ".SH %s\n", name);
}

/* "xdsgate", or "xdsgate-key-new". */
static void put_page_name(FILE *page, const xg_command *command)
{
    fputs("xdsgate", page);
    if (command != NULL) {
        char name[XG_COMMANDS_NAME_SIZE];
        xg_commands_name(command, '-', name);
        fputs("\\-", page);
        put(page, xg_str_of(name));
    }
}

static void put_reference(FILE *page, const xg_command *command, const char *end)
{
    fputs(".BR ", page);
    put_page_name(page, command);
    fprintf(page, " (1)%s\n", end);
}

static void put_head(FILE *page, const xg_command *command, const char *summary)
{
    fputs(".\\\" Printed by 'xdsgate man' from its table of commands.\n.TH ", page);
    fputs("XDSGATE", page);
    if (command != NULL) {
        char name[XG_COMMANDS_NAME_SIZE];
        xg_commands_name(command, '-', name);
        fputs("\\-", page);
        for (const char *p = name; *p != '\0'; p++) {
            if (*p >= 'a' && *p <= 'z') {
                fputc(*p - 'a' + 'A', page);
            } else {
                put_letter(page, *p);
            }
        }
    }
    fputs(" 1 " PAGE_DATE " \"xdsgate " XG_VERSION "\" \"xdsgate manual\"\n", page);
    put_heading(page, "NAME");
    put_page_name(page, command);
    fputs(" \\- ", page);
    put_line(page, xg_str_of(summary));
}

static void put_option(FILE *page, char letter, const char *name, const char *value)
{
    fputs(".TP\n", page);
    if (letter != 0) {
        fprintf(page, "\\fB\\-%c\\fR, ", letter);
    }
    fputs("\\fB\\-\\-", page);
    put(page, xg_str_of(name));
    fputs("\\fR", page);
    if (value != NULL) {
        fputs(" \\fI", page);
        put(page, xg_str_of(value));
        fputs("\\fR", page);
    }
    fputc('\n', page);
}

static void put_options(FILE *page, const xg_command *command)
{
    put_heading(page, "OPTIONS");
    for (size_t i = 0; command != NULL && i < command->num_flags; i++) {
        const xg_flag *flag = &command->flags[i];
        put_option(page, flag->letter, flag->name, flag->value);
        put_line(page, xg_str_of(flag->help));
        if (flag->alias != NULL) {
            fputs(".br\nAlso spelt \\fB\\-\\-", page);
            put(page, xg_str_of(flag->alias));
            fputs("\\fR.\n", page);
        }
    }
    xg_help_table common = xg_help_common_flags();
    for (size_t i = 0; i < common.num; i++) {
        const xg_help_row *row = &common.rows[i];
        put_option(page, xg_help_letter(row), row->name, NULL);
        put_line(page, xg_str_of(row->text));
    }
}

static void put_row(FILE *page, const xg_help_row *row)
{
    fputs(".TP\n\\fB", page);
    put(page, xg_str_of(row->name));
    fputs("\\fR\n", page);
    put_line(page, xg_str_of(row->text));
}

static bool has_flag(const xg_command *command, const char *name)
{
    for (size_t i = 0; i < command->num_flags; i++) {
        if (strcmp(command->flags[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* Those of the directories that the command has to do with. */
static void put_files(FILE *page, const xg_command *command)
{
    xg_help_table files = xg_help_files();
    const char *last = "";
    for (size_t i = 0; i < files.num; i++) {
        const xg_help_row *row = &files.rows[i];
        if (command != NULL && !has_flag(command, row->flag)) {
            continue;
        }
        if (last[0] == '\0') {
            put_heading(page, "FILES");
        }
        if (strcmp(last, row->flag) != 0) {
            fprintf(page, "%sOf the directory that \\fB\\-\\-%s\\fR names:\n", last[0] == '\0' ? "" : ".PP\n",
                    row->flag);
            last = row->flag;
        }
        put_row(page, row);
    }
}

/* Exit codes, environment and what else every page says. */
static void put_tables(FILE *page, const xg_command *command)
{
    xg_help_table codes = xg_help_exit_codes();
    xg_help_table environment = xg_help_environment();
    put_heading(page, "EXIT STATUS");
    for (size_t i = 0; i < codes.num; i++) {
        put_row(page, &codes.rows[i]);
    }
    put_heading(page, "ENVIRONMENT");
    for (size_t i = 0; i < environment.num; i++) {
        put_row(page, &environment.rows[i]);
    }
    put_files(page, command);
}

static void put_neighbours(FILE *page, const xg_command *command)
{
    put_heading(page, "SEE ALSO");
    for (size_t i = 0; i < xg_commands_count(); i++) {
        const xg_command *other = xg_commands_at(i);
        if (other != command && strcmp(other->noun, command->noun) == 0) {
            put_reference(page, other, ",");
        }
    }
    put_reference(page, NULL, "");
}

static void put_command_page(FILE *page, const xg_command *command)
{
    char name[XG_COMMANDS_NAME_SIZE];
    xg_commands_name(command, ' ', name);
    put_head(page, command, command->summary);
    put_heading(page, "SYNOPSIS");
    fputs("\\fBxdsgate ", page);
    put(page, xg_str_of(name));
    fputs("\\fR\n", page);
    put_paragraphs(page, command->usage);
    put_heading(page, "DESCRIPTION");
    put_paragraphs(page, command->detail != NULL ? command->detail : command->summary);
    put_options(page, command);
    put_heading(page, "EXAMPLES");
    put_examples(page, command->example);
    put_tables(page, command);
    put_neighbours(page, command);
}

static void put_overview(FILE *page)
{
    put_head(page, NULL, "keys and tokens for the proxies of a mesh, offline");
    put_heading(page, "SYNOPSIS");
    fputs("\\fBxdsgate\\fR \\fICOMMAND\\fR [flags]\n.br\n"
          "\\fBxdsgate help\\fR [\\fICOMMAND\\fR | \\fITOPIC\\fR]\n.br\n"
          "\\fBxdsgate \\-\\-version\\fR\n",
          page);
    put_heading(page, "DESCRIPTION");
    for (size_t i = 0; xg_help_topic_at(i) != NULL; i++) {
        fputs(i > 0 ? ".PP\n" : "", page);
        put_paragraphs(page, xg_help_topic_at(i)->detail);
    }
    put_heading(page, "COMMANDS");
    for (size_t i = 0; i < xg_commands_count(); i++) {
        fputs(".TP\n", page);
        put_reference(page, xg_commands_at(i), "");
        put_line(page, xg_str_of(xg_commands_at(i)->summary));
    }
    put_options(page, NULL);
    put_tables(page, NULL);
    put_heading(page, "SEE ALSO");
    for (size_t i = 0; i < xg_commands_count(); i++) {
        put_reference(page, xg_commands_at(i), i + 1 < xg_commands_count() ? "," : "");
    }
}

void xg_man_page(FILE *page, const xg_command *command)
{
    if (command != NULL) {
        put_command_page(page, command);
    } else {
        put_overview(page);
    }
}
