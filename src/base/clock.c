/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock.c: seconds, and how to write them.
 *
 * Owns nothing. Must never use the C library's calendar functions, which read the time zone and the locale. Pure but
 * for xg_clock_wall; thread-safe.
 */
#include <stdio.h>
#include <time.h>

#include "xdsgate/base.h"

#define SECONDS_PER_DAY 86400
#define DAYS_TO_YEAR_0  719528 /* from 0000-01-01 to 1970-01-01 */

int64_t xg_clock_wall(void)
{
    struct timespec now;
    /* Cannot fail for CLOCK_REALTIME with a valid pointer; if it ever did, no token would be in time. */
    return clock_gettime(CLOCK_REALTIME, &now) == 0 ? (int64_t)now.tv_sec : INT64_MAX;
}

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int64_t days_in_month(int64_t year, int64_t month)
{
    static const int8_t DAYS[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return DAYS[month - 1] + (month == 2 && is_leap(year) ? 1 : 0);
}

/* Days from 0000-01-01 to the first day of year, 0 <= year <= 10000. */
static int64_t days_before_year(int64_t year)
{
    return year == 0 ? 0 : year * 365 + (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400 + 1;
}

xg_str xg_clock_format(int64_t seconds, char storage[XG_CLOCK_TEXT_SIZE])
{
    int64_t day = seconds / SECONDS_PER_DAY;
    int64_t second = seconds % SECONDS_PER_DAY;
    if (second < 0) {
        second += SECONDS_PER_DAY;
        day--;
    }
    int length;
    if (day < -DAYS_TO_YEAR_0 || day >= days_before_year(10000) - DAYS_TO_YEAR_0) {
        length = snprintf(storage, XG_CLOCK_TEXT_SIZE, "%lld s", (long long)seconds);
    } else {
        day += DAYS_TO_YEAR_0;
        int64_t year = day / 366;
        while (days_before_year(year + 1) <= day) {
            year++;
        }
        day -= days_before_year(year);
        int64_t month = 1;
        while (day >= days_in_month(year, month)) {
            day -= days_in_month(year, month++);
        }
        length = snprintf(storage, XG_CLOCK_TEXT_SIZE, "%04d-%02d-%02dT%02d:%02d:%02dZ", (int)year, (int)month,
                          (int)day + 1, (int)(second / 3600), (int)(second / 60 % 60), (int)(second % 60));
    }
    return (xg_str){storage, length < 0 || length >= XG_CLOCK_TEXT_SIZE ? 0 : (size_t)length};
}

/* The fields of "2026-01-02T03:04:05Z": where, how many digits, the byte behind, and the range. */
static const struct {
    size_t at;
    size_t num_digits;
    char behind;
    int64_t min;
    int64_t max;
} FIELDS[] = {
    {0, 4, '-', 0, 9999}, {5, 2, '-', 1, 12},  {8, 2, 'T', 1, 31},
    {11, 2, ':', 0, 23},  {14, 2, ':', 0, 59}, {17, 2, 'Z', 0, 59},
};

static bool parse_field(xg_str s, size_t which, int64_t *ret_value)
{
    int64_t value = 0;
    size_t end = FIELDS[which].at + FIELDS[which].num_digits;
    for (size_t i = FIELDS[which].at; i < end; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9') {
            return false;
        }
        value = value * 10 + (s.ptr[i] - '0');
    }
    *ret_value = value;
    return s.ptr[end] == FIELDS[which].behind && value >= FIELDS[which].min && value <= FIELDS[which].max;
}

bool xg_clock_parse(xg_str s, int64_t *ret_seconds)
{
    int64_t field[XG_ARRAY_LEN(FIELDS)];
    if (s.len != 20) {
        return false;
    }
    for (size_t i = 0; i < XG_ARRAY_LEN(FIELDS); i++) {
        if (!parse_field(s, i, &field[i])) {
            return false;
        }
    }
    if (field[2] > days_in_month(field[0], field[1])) {
        return false;
    }
    int64_t days = days_before_year(field[0]) - DAYS_TO_YEAR_0 + field[2] - 1;
    for (int64_t month = 1; month < field[1]; month++) {
        days += days_in_month(field[0], month);
    }
    *ret_seconds = days * SECONDS_PER_DAY + field[3] * 3600 + field[4] * 60 + field[5];
    return true;
}
