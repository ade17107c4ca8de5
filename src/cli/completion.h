/* SPDX-License-Identifier: Apache-2.0 */
/*
 * completion.h: what the completion of the three shells has in common. Thread rule: one thread.
 */
#ifndef XDSGATE_COMPLETION_H
#define XDSGATE_COMPLETION_H

#include "cli.h"

#define XG_COMPLETION_WORDS_SIZE 4096

typedef enum xg_completion_kind {
    XG_COMPLETION_NOTHING = 0, /* a value that cannot be guessed */
    XG_COMPLETION_FILE,
    XG_COMPLETION_DIR,
    XG_COMPLETION_MESH,    /* found in the store or authority on the line, by `xdsgate completion-words` */
    XG_COMPLETION_KID,     /* the same */
    XG_COMPLETION_WORDS,   /* one of `words` */
    XG_COMPLETION_COMMANDS /* a noun, and behind it a verb */
} xg_completion_kind;

typedef struct xg_completion_value {
    xg_completion_kind kind;
    char words[XG_COMPLETION_WORDS_SIZE]; /* with blanks between them */
} xg_completion_value;

/* What the value of a flag can be. */
void xg_completion_of_flag(const xg_command *command, const xg_flag *flag, xg_completion_value *ret_value);
/* What the word that is no flag can be; false if the command takes none. */
bool xg_completion_of_operand(const xg_command *command, xg_completion_value *ret_value);
/* "file", "dir", "mesh" and so on, as the scripts call it. */
const char *xg_completion_kind_name(xg_completion_kind kind);

/* The script of a shell, on stdout. */
void xg_completion_bash(void);
void xg_completion_zsh(void);
void xg_completion_fish(void);

/*
 * `xdsgate completion-words mesh|kid PREFIX WORD...`: names that begin with PREFIX, one a line, from the directories
 * that the words of an unfinished command line name. It lists directories and opens no file in them. Called by the
 * scripts, so it says nothing on stderr; XG_EXIT_NO if there is nothing.
 */
int xg_completion_words(int argc, char **argv);

#endif /* XDSGATE_COMPLETION_H */
