/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trouble.c: what went wrong, carried upward in words for a person.
 *
 * Must never print and never be given a secret. Thread rule: works on the caller's memory only.
 */
#include <stdarg.h>
#include <stdio.h>

#include "xdsgate/authority.h"

XG_PRINTF(3, 0)
static void fill(char *part, size_t cap, const char *format, va_list args)
{
    if (vsnprintf(part, cap, format, args) < 0) {
        part[0] = '\0';
    }
}

bool xg_trouble_say(xg_trouble *trouble, xg_trouble_kind kind, const char *format, ...)
{
    va_list args;
    *trouble = (xg_trouble){.kind = kind};
    va_start(args, format);
    fill(trouble->summary, sizeof(trouble->summary), format, args);
    va_end(args);
    return false;
}

#define DEFINE_PART(part)                                                                                              \
    bool xg_trouble_##part(xg_trouble *trouble, const char *format, ...)                                               \
    {                                                                                                                  \
        va_list args;                                                                                                  \
        va_start(args, format);                                                                                        \
        fill(trouble->part, sizeof(trouble->part), format, args);                                                      \
        va_end(args);                                                                                                  \
        return false;                                                                                                  \
    }

DEFINE_PART(where)
DEFINE_PART(note)
DEFINE_PART(help)

bool xg_trouble_io(xg_trouble *trouble, const char *action, const char *path, int error)
{
    char words[128];
    xg_trouble_say(trouble, XG_TROUBLE_IO, "cannot %s: %s", action, strerror_r(error, words, sizeof(words)));
    return xg_trouble_where(trouble, "%s", path);
}
