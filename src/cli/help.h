/* SPDX-License-Identifier: Apache-2.0 */
/*
 * help.h: help on stdout, and the few tables that help topics and man pages share. Thread rule: one thread.
 */
#ifndef XDSGATE_HELP_H
#define XDSGATE_HELP_H

#include "cli.h"

/* A line of a table: what it is about, the same in a few words (or NULL; of flags the letter), and in a sentence. */
typedef struct xg_help_row {
    const char *name;
    const char *brief;
    const char *text;
    const char *flag; /* of files: the flag that names the directory */
} xg_help_row;

typedef struct xg_help_table {
    const xg_help_row *rows;
    size_t num;
} xg_help_table;

/* A text that belongs to no command alone. */
typedef struct xg_help_topic {
    const char *name;
    const char *summary;
    const xg_help_table *table; /* or NULL */
    const char *detail;
} xg_help_topic;

const xg_help_topic *xg_help_topic_at(size_t index); /* NULL past the end */
xg_help_table xg_help_exit_codes(void);
xg_help_table xg_help_environment(void);
xg_help_table xg_help_files(void);
/* The flags that every command takes besides its own. */
xg_help_table xg_help_common_flags(void);
char xg_help_letter(const xg_help_row *row); /* short form of such a flag, or 0 */

void xg_help_overview(void);
void xg_help_noun(const char *noun);
void xg_help_command(const xg_command *command);
/* `xdsgate help WORD...`: a command's help, a noun's, a topic's; reports words that are none of them. */
int xg_help_words(int argc, char **argv);

#endif /* XDSGATE_HELP_H */
