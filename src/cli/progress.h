/* SPDX-License-Identifier: Apache-2.0 */
/*
 * progress.h: how far a long job is, on stderr. Room: src/cli.
 *
 * A line that is rewritten on a terminal, a line every few seconds elsewhere. Errors, from any thread, come on lines of
 * their own. Thread rule: one thread, one progress at a time.
 */
#ifndef XDSGATE_CLI_PROGRESS_H
#define XDSGATE_CLI_PROGRESS_H

#include "cli.h"

typedef struct xg_progress {
    const char *verb; /* "minted" */
    size_t total;
    size_t done;
    bool is_quiet;
    bool is_terminal;
    int64_t begun;      /* monotonic nanoseconds */
    int64_t last_shown; /* the same */
} xg_progress;

void xg_progress_begin(xg_progress *progress, const char *verb, size_t total, bool is_quiet);
/* num more are done. Shows it if it is time to. */
void xg_progress_add(xg_progress *progress, size_t num);
/* Ends the line on a terminal. */
void xg_progress_end(xg_progress *progress);
/* Per second since the beginning; 0 before any time has passed. */
double xg_progress_rate(const xg_progress *progress);

#endif /* XDSGATE_CLI_PROGRESS_H */
