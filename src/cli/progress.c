/* SPDX-License-Identifier: Apache-2.0 */
/*
 * progress.c: how far a long job is, on stderr.
 *
 * Must never write to stdout, and never animate what is not a terminal. One thread; errors of others end its line.
 */
#include "progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define NANOS_PER_SECOND INT64_C(1000000000)
#define TERMINAL_PERIOD  (NANOS_PER_SECOND / 10)
#define LINE_PERIOD      (NANOS_PER_SECOND * 5)

/* A line stands unfinished on the terminal. Looked at with stderr locked. */
static bool has_line = false;

static void end_line(void)
{
    flockfile(stderr);
    if (has_line) {
        fputc('\n', stderr);
    }
    has_line = false;
    funlockfile(stderr);
}

static int64_t monotonic(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * NANOS_PER_SECOND + now.tv_nsec;
}

void xg_progress_begin(xg_progress *progress, const char *verb, size_t total, bool is_quiet)
{
    int64_t now = monotonic();
    *progress = (xg_progress){
        .verb = verb,
        .total = total,
        .is_quiet = is_quiet,
        .is_terminal = isatty(STDERR_FILENO) == 1,
        .begun = now,
        .last_shown = now,
    };
    xg_errors_before_line(progress->is_terminal ? end_line : NULL);
}

double xg_progress_rate(const xg_progress *progress)
{
    int64_t passed = monotonic() - progress->begun;
    return passed > 0 ? (double)progress->done * (double)NANOS_PER_SECOND / (double)passed : 0;
}

static void show(xg_progress *progress)
{
    double rate = xg_progress_rate(progress);
    double left = rate > 0 ? (double)(progress->total - progress->done) / rate : 0;
    flockfile(stderr);
    fprintf(stderr, "%s%s %zu of %zu, %.0f a second, %.0f s left%s", progress->is_terminal ? "\r" : "", progress->verb,
            progress->done, progress->total, rate, left, progress->is_terminal ? "\033[K" : "\n");
    has_line = progress->is_terminal;
    funlockfile(stderr);
}

void xg_progress_add(xg_progress *progress, size_t num)
{
    progress->done += num;
    int64_t now = monotonic();
    int64_t period = progress->is_terminal ? TERMINAL_PERIOD : LINE_PERIOD;
    if (!progress->is_quiet && now - progress->last_shown >= period) {
        show(progress);
        progress->last_shown = now;
    }
}

void xg_progress_end(xg_progress *progress)
{
    if (!progress->is_quiet && progress->is_terminal && progress->total > 0) {
        show(progress);
    }
    end_line();
    xg_errors_before_line(NULL);
}
