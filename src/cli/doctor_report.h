/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor_report.h: what `xdsgate doctor` finds, row by row, and the parts that find it.
 *
 * Thread rule: one thread.
 */
#ifndef XDSGATE_DOCTOR_REPORT_H
#define XDSGATE_DOCTOR_REPORT_H

#include <time.h>

#include "cli.h"
#include "store_view.h"

typedef enum xg_doctor_state { XG_DOCTOR_OK = 0, XG_DOCTOR_WARN = 1, XG_DOCTOR_FAIL = 2 } xg_doctor_state;

typedef struct xg_doctor_report {
    struct json_t *rows;
    const char *check;      /* the one at hand */
    size_t num_of_check;    /* rows that it has made */
    size_t nums[3];         /* of each state */
    bool has_lost_rows;     /* memory ran out: nothing is fine */
    struct timespec newest; /* the youngest file seen */
} xg_doctor_report;

/* Everything from here on belongs to this check. */
void xg_doctor_report_begin(xg_doctor_report *report, const char *check);
/* One finding: where (may be NULL), what to do (may be NULL), and what was found. */
void xg_doctor_report_add(xg_doctor_report *report, xg_doctor_state state, const char *where, const char *help,
                          const char *format, ...) XG_PRINTF(5, 6);
/* Ends a check: all was well with it if nothing was found. */
void xg_doctor_report_end(xg_doctor_report *report, const char *where, const char *format, ...) XG_PRINTF(3, 4);

/* doctor_places.c: owners, modes and names of what stands there. */
void xg_doctor_places_authority(xg_doctor_report *report, const char *root);
void xg_doctor_places_store(xg_doctor_report *report, const char *root);

/* doctor_keys.c: the store as the plugin loads it; and private halves beside public ones. */
void xg_doctor_keys_store(xg_doctor_report *report, const char *root, xg_store_view *view);
void xg_doctor_keys_pairs(xg_doctor_report *report, const char *authority, const xg_store_view *view);

/* doctor_lists.c: what revocation lists say that they should not. */
void xg_doctor_lists_check(xg_doctor_report *report, const char *root, const xg_snapshot *snapshot);

/* doctor_machine.c: the clock, and what the kernel grants. */
void xg_doctor_machine_check(xg_doctor_report *report);

#endif /* XDSGATE_DOCTOR_REPORT_H */
