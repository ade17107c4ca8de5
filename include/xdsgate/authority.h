/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authority.h: what the parts of the offline authority share. Room: src/authority.
 *
 * The room knows operators' jobs: key files at rest, the ledger of what was minted, policies, and what a deployment's
 * values ask for. It is never linked into xdsgate.so. It never prints: what goes wrong comes back as an xg_trouble.
 * Thread rule: each header says its own.
 */
#ifndef XDSGATE_AUTHORITY_H
#define XDSGATE_AUTHORITY_H

#include "xdsgate/base.h"

/* Whose fault it is; the command line makes its exit code of it. */
typedef enum xg_trouble_kind {
    XG_TROUBLE_NONE = 0,
    XG_TROUBLE_NO = 1,     /* the answer is no: a rule forbids it */
    XG_TROUBLE_INPUT = 2,  /* what was given is wrong */
    XG_TROUBLE_CONFIG = 3, /* a configuration or values file is wrong */
    XG_TROUBLE_KEY = 4,    /* a key or a passphrase is missing or wrong */
    XG_TROUBLE_IO = 5      /* the system refused, or memory ran out */
} xg_trouble_kind;

/* What went wrong, in the four parts that a person reads. A part that is empty is left out. Holds no secret. */
typedef struct xg_trouble {
    xg_trouble_kind kind;
    char summary[320];
    char where[320]; /* file, or file:line:column */
    char note[640];
    char help[320];
} xg_trouble;

/* Each sets one part, cut to its room; xg_trouble_say also sets the kind. They return false, for `return`. */
bool xg_trouble_say(xg_trouble *trouble, xg_trouble_kind kind, const char *format, ...) XG_PRINTF(3, 4);
bool xg_trouble_where(xg_trouble *trouble, const char *format, ...) XG_PRINTF(2, 3);
bool xg_trouble_note(xg_trouble *trouble, const char *format, ...) XG_PRINTF(2, 3);
bool xg_trouble_help(xg_trouble *trouble, const char *format, ...) XG_PRINTF(2, 3);
/* "cannot <action>: <errno's sentence>", about path. */
bool xg_trouble_io(xg_trouble *trouble, const char *action, const char *path, int error);

#endif /* XDSGATE_AUTHORITY_H */
