/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor_report.c: the rows of `xdsgate doctor`.
 *
 * Must never drop a finding quietly. One thread.
 */
#include "doctor_report.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>

#define TEXT_SIZE 1024
#define QUOTE_MAX 900

static const char *const STATES[] = {"ok", "warn", "FAIL"};

void xg_doctor_report_begin(xg_doctor_report *report, const char *check)
{
    report->check = check;
    report->num_of_check = 0;
}

/* File names are whatever somebody made them. */
static json_t *text_json(const char *text)
{
    char storage[TEXT_SIZE];
    xg_text quoted;
    if (text == NULL) {
        return json_null();
    }
    if (xg_str_is_clean(xg_str_of(text))) {
        return json_string(text);
    }
    xg_text_init(&quoted, storage, sizeof(storage));
    xg_text_quote(&quoted, xg_str_of(text), QUOTE_MAX);
    return json_string(storage);
}

static void add_row(xg_doctor_report *report, xg_doctor_state state, const char *where, const char *help,
                    const char *found)
{
    json_t *row = json_pack("{s:s, s:s, s:o, s:o, s:o}", "state", STATES[state], "check", report->check, "where",
                            text_json(where), "found", text_json(found), "help", text_json(help));
    if (row == NULL || json_array_append_new(report->rows, row) != 0) {
        report->has_lost_rows = true;
    }
    report->nums[state]++;
    report->num_of_check++;
}

void xg_doctor_report_add(xg_doctor_report *report, xg_doctor_state state, const char *where, const char *help,
                          const char *format, ...)
{
    char found[TEXT_SIZE];
    va_list args;
    va_start(args, format);
    if (vsnprintf(found, sizeof(found), format, args) < 0) {
        found[0] = '\0';
    }
    va_end(args);
    add_row(report, state, where, help, found);
}

void xg_doctor_report_end(xg_doctor_report *report, const char *where, const char *format, ...)
{
    char found[TEXT_SIZE];
    va_list args;
    if (report->num_of_check > 0) {
        return;
    }
    va_start(args, format);
    if (vsnprintf(found, sizeof(found), format, args) < 0) {
        found[0] = '\0';
    }
    va_end(args);
    add_row(report, XG_DOCTOR_OK, where, NULL, found);
}
