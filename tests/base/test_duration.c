/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_duration.c: durations.txt, and points in time. One thread.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "xdsgate/base.h"

static void check_line(const char *line)
{
    char wanted[32] = "";
    char got[32];
    int64_t nanos = 77;
    const char *end = strrchr(line, '|');
    assert_true(end > line);
    assert_int_equal(sscanf(end + 1, "%31s", wanted), 1);
    xg_str text = {line + 1, (size_t)(end - line - 1)};
    if (xg_duration_parse(text, &nanos)) {
        snprintf(got, sizeof(got), "%lld", (long long)nanos);
    } else {
        snprintf(got, sizeof(got), "refused");
        assert_int_equal(nanos, 77);
    }
    if (strcmp(got, wanted) != 0) {
        print_error("%s", line);
    }
    assert_string_equal(got, wanted);
}

static void test_durations_are_what_go_makes_of_them(void **state)
{
    char path[4096];
    char line[256];
    size_t num = 0;
    (void)state;
    snprintf(path, sizeof(path), "%s/base/durations.txt", getenv("XG_TESTS"));
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        if (line[0] == '|') {
            check_line(line);
            num++;
        }
    }
    fclose(file);
    assert_true(num >= 99);
}

static void test_instants_are_seconds_rounded_down_and_a_fraction(void **state)
{
    static const struct {
        const char *text;
        int64_t seconds;
        int64_t nanos;
    } GOOD[] = {
        {"0", 0, 0},
        {"-0", 0, 0},
        {"1767323045", 1767323045, 0},
        {"+1767323045", 1767323045, 0},
        {"1767323045.678", 1767323045, 678000000},
        {"1767323045.000000001", 1767323045, 1},
        {"1767323045.999999999", 1767323045, 999999999},
        {"-1", -1, 0},
        {"-1.5", -2, 500000000},
        {"-0.000000001", -1, 999999999},
        {"-1.0", -1, 0},
        {"9223372036854775807", INT64_MAX, 0},
    };
    static const char *const BAD[] = {"",
                                      "-",
                                      ".",
                                      "1.",
                                      ".5",
                                      "1.0000000001",
                                      "1.5.",
                                      "1,5",
                                      "1.5s",
                                      "1e9",
                                      " 1",
                                      "1 ",
                                      "--1",
                                      "0x1",
                                      "9223372036854775808",
                                      "99999999999999999999",
                                      "2026-01-02T03:04:05Z",
                                      "1.-5",
                                      "1.+5"};
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(GOOD); i++) {
        int64_t seconds = 77;
        int64_t nanos = 77;
        assert_true(xg_duration_parse_instant(xg_str_of(GOOD[i].text), &seconds, &nanos));
        assert_int_equal(seconds, GOOD[i].seconds);
        assert_int_equal(nanos, GOOD[i].nanos);
    }
    for (size_t i = 0; i < XG_ARRAY_LEN(BAD); i++) {
        int64_t seconds = 77;
        int64_t nanos = 77;
        assert_false(xg_duration_parse_instant(xg_str_of(BAD[i]), &seconds, &nanos));
        assert_int_equal(seconds, 77);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_durations_are_what_go_makes_of_them),
        cmocka_unit_test(test_instants_are_seconds_rounded_down_and_a_fraction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
