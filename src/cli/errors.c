/* SPDX-License-Identifier: Apache-2.0 */
/*
 * errors.c: what goes wrong, in words for people: what was found, where, what to do.
 *
 * Owns stderr. Must never be given a secret; escapes everything that could steer a terminal. Any thread may report: a
 * line comes whole.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "xdsgate/auth.h"

#define LINE_SIZE     2048
#define SENTENCE_SIZE 1024
#define WORD_MAX      40

static void print_escaped(const char *text)
{
    for (const char *p = text; *p != '\0'; p++) {
        if (*p >= 0x20 && *p < 0x7f) {
            fputc(*p, stderr);
        } else {
            fprintf(stderr, "\\x%02x", (unsigned)(unsigned char)*p);
        }
    }
}

static bool is_coloured = false;

void xg_errors_choose_colour(bool is_wanted)
{
    const char *term = secure_getenv("TERM");
    const char *no_colour = secure_getenv("NO_COLOR");
    is_coloured = is_wanted && isatty(STDERR_FILENO) == 1 && (no_colour == NULL || no_colour[0] == '\0') &&
                  term != NULL && strcmp(term, "dumb") != 0;
}

static void (*before_line)(void) = NULL;

void xg_errors_before_line(void (*hook)(void))
{
    before_line = hook;
}

XG_PRINTF(3, 0)
static void print_line(const char *label, const char *colour, const char *format, va_list args)
{
    char line[LINE_SIZE];
    if (vsnprintf(line, sizeof(line), format, args) < 0) {
        line[0] = '\0';
    }
    flockfile(stderr);
    if (before_line != NULL) {
        before_line();
    }
    if (is_coloured) {
        fprintf(stderr, "\033[%sm%s\033[0m", colour, label);
    } else {
        fputs(label, stderr);
    }
    print_escaped(line);
    fputc('\n', stderr);
    funlockfile(stderr);
}

#define DEFINE_LINE(name, label, colour)                                                                               \
    void xg_errors_##name(const char *format, ...)                                                                     \
    {                                                                                                                  \
        va_list args;                                                                                                  \
        va_start(args, format);                                                                                        \
        print_line(label, colour, format, args);                                                                       \
        va_end(args);                                                                                                  \
    }

/* Bold red, bold yellow; the rest in bold. */
DEFINE_LINE(summary, "error: ", "1;31")
DEFINE_LINE(warning, "warning: ", "1;33")
DEFINE_LINE(where, "  where: ", "1")
DEFINE_LINE(note, "  note: ", "1")
DEFINE_LINE(help, "  help: ", "1")

static void print_rest(const xg_trouble *trouble)
{
    if (trouble->where[0] != '\0') {
        xg_errors_where("%s", trouble->where);
    }
    if (trouble->note[0] != '\0') {
        xg_errors_note("%s", trouble->note);
    }
    if (trouble->help[0] != '\0') {
        xg_errors_help("%s", trouble->help);
    }
}

int xg_errors_trouble(const xg_trouble *trouble)
{
    static const int CODES[] = {
        [XG_TROUBLE_NONE] = XG_EXIT_IO,       [XG_TROUBLE_NO] = XG_EXIT_NO,   [XG_TROUBLE_INPUT] = XG_EXIT_USAGE,
        [XG_TROUBLE_CONFIG] = XG_EXIT_CONFIG, [XG_TROUBLE_KEY] = XG_EXIT_KEY, [XG_TROUBLE_IO] = XG_EXIT_IO,
    };
    xg_errors_summary("%s", trouble->summary);
    print_rest(trouble);
    return trouble->kind < XG_ARRAY_LEN(CODES) ? CODES[trouble->kind] : XG_EXIT_IO;
}

void xg_errors_trouble_warning(const xg_trouble *trouble)
{
    xg_errors_warning("%s", trouble->summary);
    print_rest(trouble);
}

static const char *advice(int error)
{
    switch (error) {
    case ENOENT:
        return "check the spelling, or create it first";
    case EACCES:
    case EPERM:
        return "check its owner and mode, and those of the directories above it";
    case EROFS:
        return "the file system is read-only: use another directory";
    case ENOSPC:
    case EDQUOT:
        return "make room on the file system";
    case ELOOP:
        return "give the file itself: symbolic links are not followed here";
    case ENOTDIR:
    case EISDIR:
    case EINVAL:
        return "files and directories must be what their names say";
    default:
        return NULL;
    }
}

int xg_errors_io(const char *action, const char *path, int error)
{
    xg_errors_summary("cannot %s: %s", action, strerror(error));
    xg_errors_where("%s", path);
    if (advice(error) != NULL) {
        xg_errors_help("%s", advice(error));
    }
    return XG_EXIT_IO;
}

/* The sentence ends with the reason's help, which is left to the caller here. */
void xg_errors_note_reason(xg_result result, xg_str field)
{
    const xg_reason_info *info = xg_reason_find(xg_result_reason(result));
    const xg_finding finding = {.field = field};
    const xg_str nothing = {NULL, 0};
    char storage[SENTENCE_SIZE];
    xg_text text;
    xg_text_init(&text, storage, sizeof(storage));
    xg_explain(xg_result_reason(result), &finding, field, nothing, &text); /* mesh_unknown is about a mesh */
    size_t help_len = info->help[0] != '\0' ? strlen(info->help) + 1 : 0;
    size_t len = text.len > help_len ? text.len - help_len : 0;
    xg_errors_note("%.*s (%s)", (int)len, storage, info->name);
}

int xg_errors_reason(const char *summary, const char *where, xg_result result)
{
    const xg_reason_info *info = xg_reason_find(xg_result_reason(result));
    xg_errors_summary("%s", summary);
    if (where != NULL) {
        xg_errors_where("%s", where);
    }
    xg_errors_note_reason(result, (xg_str){NULL, 0});
    if (info->help[0] != '\0') {
        xg_errors_help("%s", info->help);
    }
    return XG_EXIT_KEY;
}

static size_t min2(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* One letter changed, missing or too many counts 1, and so do two neighbours swapped, which is how people mistype. */
size_t xg_errors_distance(const char *a, const char *b)
{
    size_t rows[3][WORD_MAX + 1] = {{0}};
    size_t a_len = strlen(a);
    size_t b_len = strlen(b);
    if (a_len > WORD_MAX || b_len > WORD_MAX) {
        return WORD_MAX;
    }
    for (size_t j = 0; j <= b_len; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= a_len; i++) {
        const size_t *last = rows[(i - 1) % 3];
        size_t *row = rows[i % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            row[j] = min2(min2(last[j], row[j - 1]) + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = min2(row[j], rows[(i - 2) % 3][j - 2] + 1);
            }
        }
    }
    return rows[a_len % 3][b_len];
}

bool xg_errors_is_near(const char *word, const char *candidate)
{
    size_t len = strlen(word);
    if (len >= 3 && strncmp(word, candidate, len) == 0) {
        return true;
    }
    return len >= 2 && xg_errors_distance(word, candidate) <= (len < 5 ? 1u : 2u);
}
