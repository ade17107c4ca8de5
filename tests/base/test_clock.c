/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_clock.c: seconds as text and back. The text has one form, and only dates that exist.
 *
 * Oracles: a calendar that counts days one by one, and the C library's timegm and gmtime_r. One thread.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "xdsgate/base.h"

#define DAY      INT64_C(86400)
#define YEAR_0   INT64_C(-62167219200) /* 0000-01-01T00:00:00Z */
#define YEAR_10K INT64_C(253402300800) /* 10000-01-01T00:00:00Z */

static void check_both_ways(int64_t seconds, const char *expected)
{
    char storage[XG_CLOCK_TEXT_SIZE];
    int64_t parsed = seconds + 1;
    memset(storage, '#', sizeof(storage));
    xg_str text = xg_clock_format(seconds, storage);
    assert_ptr_equal(text.ptr, storage);
    assert_int_equal(text.len, strlen(storage));
    assert_string_equal(storage, expected);
    assert_true(xg_clock_parse(text, &parsed));
    assert_true(parsed == seconds);
}

static void test_known_moments_go_both_ways(void **state)
{
    static const struct {
        int64_t seconds;
        const char *text;
    } ROWS[] = {
        {0, "1970-01-01T00:00:00Z"},
        {-1, "1969-12-31T23:59:59Z"},
        {1, "1970-01-01T00:00:01Z"},
        {59, "1970-01-01T00:00:59Z"},
        {60, "1970-01-01T00:01:00Z"},
        {3599, "1970-01-01T00:59:59Z"},
        {3600, "1970-01-01T01:00:00Z"},
        {86399, "1970-01-01T23:59:59Z"},
        {86400, "1970-01-02T00:00:00Z"},
        {-86400, "1969-12-31T00:00:00Z"},
        {-86401, "1969-12-30T23:59:59Z"},
        {951782400, "2000-02-29T00:00:00Z"},
        {951868800, "2000-03-01T00:00:00Z"},
        {1709164800, "2024-02-29T00:00:00Z"},
        {1800000000, "2027-01-15T08:00:00Z"},
        {2147483647, "2038-01-19T03:14:07Z"},
        {2147483648, "2038-01-19T03:14:08Z"},
        {-2147483649, "1901-12-13T20:45:51Z"},
        {4102444800, "2100-01-01T00:00:00Z"},
        {4107542399, "2100-02-28T23:59:59Z"},
        {4107542400, "2100-03-01T00:00:00Z"},
        {YEAR_10K - 1, "9999-12-31T23:59:59Z"},
        {YEAR_0, "0000-01-01T00:00:00Z"},
        {YEAR_0 + 59 * DAY, "0000-02-29T00:00:00Z"},
        {YEAR_0 + 366 * DAY, "0001-01-01T00:00:00Z"},
    };
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        check_both_ways(ROWS[i].seconds, ROWS[i].text);
    }
}

/* ---- a calendar that counts ---- */

typedef struct date {
    unsigned year;
    unsigned month;
    unsigned day;
} date;

static unsigned days_of(unsigned year, unsigned month)
{
    if (month == 2) {
        return year % 400 == 0 || (year % 4 == 0 && year % 100 != 0) ? 29 : 28;
    }
    return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

static void check_day(int64_t day, date d)
{
    char expected[64];
    unsigned second = (unsigned)(day % DAY + DAY) * 7919 % (unsigned)DAY; /* any time of day, the same in every run */
    (void)snprintf(expected, sizeof(expected), "%04u-%02u-%02uT%02u:%02u:%02uZ", d.year, d.month, d.day, second / 3600,
                   second / 60 % 60, second % 60);
    check_both_ways(day * DAY + (int64_t)second, expected);
}

static void test_both_ends_of_every_month_of_10000_years_go_both_ways(void **state)
{
    int64_t day = YEAR_0 / DAY;
    (void)state;
    for (unsigned year = 0; year < 10000; year++) {
        for (unsigned month = 1; month <= 12; month++) {
            unsigned last = days_of(year, month);
            check_day(day, (date){year, month, 1});
            check_day(day + last - 1, (date){year, month, last});
            day += last;
        }
    }
    assert_true(day * DAY == YEAR_10K);
}

static void test_every_day_of_400_years_goes_both_ways(void **state)
{
    int64_t day = (YEAR_0 + 366 * DAY) / DAY; /* from year 1 on: all kinds of year once */
    (void)state;
    for (unsigned year = 1; year <= 400; year++) {
        for (unsigned month = 1; month <= 12; month++) {
            for (unsigned d = 1; d <= days_of(year, month); d++) {
                check_day(day++, (date){year, month, d});
            }
        }
    }
}

/* ---- what has no date ---- */

static void test_years_outside_0_to_9999_are_plain_seconds(void **state)
{
    static const struct {
        int64_t seconds;
        const char *text;
    } ROWS[] = {
        {YEAR_10K, "253402300800 s"},
        {YEAR_10K + 1, "253402300801 s"},
        {YEAR_0 - 1, "-62167219201 s"},
        {YEAR_0 - DAY, "-62167305600 s"},
        {INT64_MAX, "9223372036854775807 s"},
        {INT64_MAX - 1, "9223372036854775806 s"},
        {INT64_MIN, "-9223372036854775808 s"},
        {INT64_MIN + 1, "-9223372036854775807 s"},
        {INT64_MAX / DAY * DAY, "9223372036854720000 s"},
        {INT64_MIN / DAY * DAY, "-9223372036854720000 s"},
    };
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        char storage[XG_CLOCK_TEXT_SIZE];
        int64_t parsed = 0;
        xg_str text = xg_clock_format(ROWS[i].seconds, storage);
        assert_string_equal(storage, ROWS[i].text);
        assert_int_equal(text.len, strlen(ROWS[i].text));
        assert_false(xg_clock_parse(text, &parsed)); /* and is no date to read back */
    }
}

/* ---- reading ---- */

static bool is_date(xg_str s)
{
    int64_t seconds = 0;
    return xg_clock_parse(s, &seconds);
}

static void test_a_day_is_read_only_if_its_month_has_it(void **state)
{
    static const struct {
        const char *text;
        bool is_right;
    } ROWS[] = {
        {"2023-02-28T00:00:00Z", true},  {"2023-02-29T00:00:00Z", false}, {"2024-02-29T00:00:00Z", true},
        {"2024-02-30T00:00:00Z", false}, {"1900-02-29T00:00:00Z", false}, {"2000-02-29T00:00:00Z", true},
        {"2100-02-29T00:00:00Z", false}, {"2400-02-29T00:00:00Z", true},  {"0000-02-29T00:00:00Z", true},
        {"0001-02-29T00:00:00Z", false}, {"0004-02-29T00:00:00Z", true},  {"0100-02-29T00:00:00Z", false},
        {"2026-01-31T00:00:00Z", true},  {"2026-01-32T00:00:00Z", false}, {"2026-04-30T00:00:00Z", true},
        {"2026-04-31T00:00:00Z", false}, {"2026-06-31T00:00:00Z", false}, {"2026-09-31T00:00:00Z", false},
        {"2026-11-31T00:00:00Z", false}, {"2026-12-31T00:00:00Z", true},  {"2026-12-00T00:00:00Z", false},
        {"2026-00-31T00:00:00Z", false}, {"2026-13-31T00:00:00Z", false}, {"9999-12-31T23:59:59Z", true},
        {"9999-12-31T24:00:00Z", false}, {"9999-12-31T23:60:00Z", false}, {"9999-12-31T23:59:60Z", false},
        {"2016-12-31T23:59:60Z", false}, {"2026-01-02T00:00:00Z", true},
    };
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        if (is_date(xg_str_of(ROWS[i].text)) != ROWS[i].is_right) {
            fail_msg("row %zu: %s", i, ROWS[i].text);
        }
    }
}

static void test_one_form_is_read_and_none_beside_it(void **state)
{
    static const xg_str REFUSED[] = {
        {NULL, 0},
        XG_STR_INIT(""),
        XG_STR_INIT("2026-01-02T03:04:05"),
        XG_STR_INIT("2026-01-02T03:04:05z"),
        XG_STR_INIT("2026-01-02t03:04:05Z"),
        XG_STR_INIT("2026-01-02 03:04:05Z"),
        XG_STR_INIT("2026-01-02T03:04:05Z "),
        XG_STR_INIT(" 2026-01-02T03:04:05Z"),
        XG_STR_INIT("2026-01-02T03:04:05Z\n"),
        XG_STR_INIT("2026-01-02T03:04:05Z\0"),
        XG_STR_INIT("2026-01-02T03:04:05\0"),
        XG_STR_INIT("2026-01-02T03:04:05ZZ"),
        XG_STR_INIT("2026-01-02T03:04:05.0Z"),
        XG_STR_INIT("2026-01-02T03:04:05,0Z"),
        XG_STR_INIT("2026-01-02T03:04:05+00:00"),
        XG_STR_INIT("2026-01-02T03:04:05-00:00"),
        XG_STR_INIT("2026-01-02T03:04Z"),
        XG_STR_INIT("2026-01-02T3:04:005Z"),
        XG_STR_INIT("2026-01-02"),
        XG_STR_INIT("2026-1-02T03:04:05Z"),
        XG_STR_INIT("2026-001-2T03:04:05Z"),
        XG_STR_INIT("026-01-02T03:04:05Z"),
        XG_STR_INIT("02026-01-02T03:04:05Z"),
        XG_STR_INIT("+026-01-02T03:04:05Z"),
        XG_STR_INIT("-026-01-02T03:04:05Z"),
        XG_STR_INIT("2026/01/02T03:04:05Z"),
        XG_STR_INIT("2026-01-02T03.04.05Z"),
        XG_STR_INIT("20260102T030405Z"),
        XG_STR_INIT("2026-W01-5T03:04:05Z"),
        XG_STR_INIT("2026-01-02T03:04: 5Z"),
        XG_STR_INIT("2026-01-02T03:04:+5Z"),
        XG_STR_INIT("1767323045"),
        XG_STR_INIT("00000000001767323045"),
    };
    int64_t seconds = 0;
    (void)state;
    assert_true(xg_clock_parse(XG_STR("2026-01-02T03:04:05Z"), &seconds));
    assert_int_equal(seconds, 1767323045);
    for (size_t i = 0; i < XG_ARRAY_LEN(REFUSED); i++) {
        if (is_date(REFUSED[i])) {
            fail_msg("row %zu: %s", i, REFUSED[i].ptr);
        }
    }
}

static int number_at(const char *text, size_t at, size_t num_digits)
{
    int value = 0;
    for (size_t i = at; i < at + num_digits; i++) {
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

static bool is_same_date(const struct tm *a, const struct tm *b)
{
    return a->tm_year == b->tm_year && a->tm_mon == b->tm_mon && a->tm_mday == b->tm_mday && a->tm_hour == b->tm_hour &&
           a->tm_min == b->tm_min && a->tm_sec == b->tm_sec;
}

/* The pattern, and a date that the C library does not have to correct. */
static bool oracle_parse(const char text[20], int64_t *ret_seconds)
{
    static const char PATTERN[] = "dddd-dd-ddTdd:dd:ddZ";
    struct tm fields = {0}, corrected = {0}, again = {0};
    for (size_t i = 0; i < 20; i++) {
        bool is_digit = text[i] >= '0' && text[i] <= '9';
        if (PATTERN[i] == 'd' ? !is_digit : text[i] != PATTERN[i]) {
            return false;
        }
    }
    fields.tm_year = number_at(text, 0, 4) - 1900;
    fields.tm_mon = number_at(text, 5, 2) - 1;
    fields.tm_mday = number_at(text, 8, 2);
    fields.tm_hour = number_at(text, 11, 2);
    fields.tm_min = number_at(text, 14, 2);
    fields.tm_sec = number_at(text, 17, 2);
    corrected = fields;
    time_t seconds = timegm(&corrected);
    *ret_seconds = seconds;
    return gmtime_r(&seconds, &again) != NULL && is_same_date(&fields, &again);
}

static void check_against_oracle(const char text[20])
{
    int64_t seconds = 0, expected = 0;
    bool is_right = oracle_parse(text, &expected);
    if (xg_clock_parse((xg_str){text, 20}, &seconds) != is_right || (is_right && seconds != expected)) {
        fail_msg("%.20s: the oracle says %d", text, is_right);
    }
}

static void test_every_one_byte_edit_of_a_date_agrees_with_the_oracle(void **state)
{
    static const char *const DATES[] = {"2026-01-02T03:04:05Z", "2024-02-29T19:59:59Z", "1999-10-31T20:00:30Z",
                                        "0000-11-30T23:30:00Z"};
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(DATES); i++) {
        for (size_t at = 0; at < 20; at++) {
            for (unsigned c = 0; c < 256; c++) {
                char text[20];
                memcpy(text, DATES[i], sizeof(text));
                text[at] = (char)c;
                check_against_oracle(text);
            }
        }
    }
}

static void test_every_pair_of_digits_in_a_field_agrees_with_the_oracle(void **state)
{
    static const size_t FIELDS[] = {0, 2, 5, 8, 11, 14, 17};
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(FIELDS); i++) {
        for (unsigned value = 0; value < 100; value++) {
            char text[] = "2024-02-29T03:04:05Z";
            text[FIELDS[i]] = (char)('0' + value / 10);
            text[FIELDS[i] + 1] = (char)('0' + value % 10);
            check_against_oracle(text);
        }
    }
}

static void test_the_wall_clock_is_in_whole_seconds_rounded_down(void **state)
{
    struct timespec before, after;
    (void)state;
    assert_int_equal(clock_gettime(CLOCK_REALTIME, &before), 0);
    int64_t now = xg_clock_wall();
    assert_int_equal(clock_gettime(CLOCK_REALTIME, &after), 0);
    assert_true(now >= before.tv_sec && now <= after.tv_sec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_moments_go_both_ways),
        cmocka_unit_test(test_both_ends_of_every_month_of_10000_years_go_both_ways),
        cmocka_unit_test(test_every_day_of_400_years_goes_both_ways),
        cmocka_unit_test(test_years_outside_0_to_9999_are_plain_seconds),
        cmocka_unit_test(test_a_day_is_read_only_if_its_month_has_it),
        cmocka_unit_test(test_one_form_is_read_and_none_beside_it),
        cmocka_unit_test(test_every_one_byte_edit_of_a_date_agrees_with_the_oracle),
        cmocka_unit_test(test_every_pair_of_digits_in_a_field_agrees_with_the_oracle),
        cmocka_unit_test(test_the_wall_clock_is_in_whole_seconds_rounded_down),
    };
    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
