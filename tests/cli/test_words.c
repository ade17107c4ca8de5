/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_words.c: near misses, names that may become files, --tag. One thread.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli.h"
#include "mint_tags.h"

static void test_distance_counts_one_for_each_slip_of_the_fingers(void **state)
{
    static const struct {
        const char *a;
        const char *b;
        size_t distance;
    } PAIRS[] = {
        {"mesh", "mesh", 0}, {"mesh", "mes", 1},  {"mesh", "meshh", 1}, {"mesh", "mash", 1},      {"mesh", "mehs", 1},
        {"mesh", "emsh", 1}, {"mesh", "hsem", 3}, {"mesh", "", 4},      {"", "mesh", 4},          {"", "", 0},
        {"mint", "mnt", 1},  {"key", "kye", 1},   {"ca", "abc", 3},     {"sunday", "saturday", 3}};
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(PAIRS); i++) {
        assert_int_equal(xg_errors_distance(PAIRS[i].a, PAIRS[i].b), PAIRS[i].distance);
    }
}

static void test_suggestions_are_near(void **state)
{
    (void)state;
    assert_true(xg_errors_is_near("mehs", "mesh"));
    assert_true(xg_errors_is_near("dataplan", "dataplane"));
    assert_true(xg_errors_is_near("work", "workload"));
    assert_false(xg_errors_is_near("m", "mesh"));
    assert_false(xg_errors_is_near("", "mesh"));
    assert_false(xg_errors_is_near("role", "mesh"));
    assert_false(xg_errors_is_near("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "mesh"));
}

static void test_names_that_may_become_files_cannot_leave_the_directory(void **state)
{
    static const char *const GOOD[] = {"1", "m1", "payments-mesh", "a.b_c-d", "Z"};
    static const char *const BAD[] = {"",   ".",   "..",  ".a",   "-a",       "_a", "a/b",
                                      "/a", "a b", "a\n", "a\\b", "\xc3\xa9", "a*", "12345678901"};
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(GOOD); i++) {
        assert_true(xg_custody_is_name(GOOD[i], 13));
    }
    for (size_t i = 0; i < XG_ARRAY_LEN(BAD); i++) {
        assert_false(xg_custody_is_name(BAD[i], 10));
    }
}

/* What the tags came to, written out: "key=[v][v];key=[v]"; NULL if one of the values was refused. */
static const char *tags_text(const char *first, const char *second)
{
    static char text[1024];
    mint_tags *tags = calloc(1, sizeof(*tags));
    assert_non_null(tags);
    bool is_good = xg_mint_tags_add(tags, first) && (second == NULL || xg_mint_tags_add(tags, second));
    size_t len = 0;
    for (size_t i = 0; i < tags->num; i++) {
        const xg_mint_tag *tag = &tags->tags[i];
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%.*s=", i > 0 ? ";" : "", (int)tag->key.len,
                                tag->key.ptr);
        for (size_t j = 0; j < tag->num_values; j++) {
            len +=
                (size_t)snprintf(text + len, sizeof(text) - len, "[%.*s]", (int)tag->values[j].len, tag->values[j].ptr);
        }
    }
    free(tags);
    return is_good ? text : NULL;
}

/* kuma-tokens 2.6 */
static void test_tags_are_read_as_kumactl_reads_them(void **state)
{
    static const struct {
        const char *value;
        const char *expected;
    } CASES[] = {
        {"a=1", "a=[1]"},
        {"a=1,2", "a=[1][2]"},
        {"a=", "a=[]"},
        {"a=,", "a=[][]"},
        {"a= 1, 2 ", "a=[ 1][ 2 ]"},
        {"kuma.io/service=web", "kuma.io/service=[web]"},
        {"a=\"x\"", "a=[\"x\"]"},
        /* two or more '=': a line of CSV */
        {"a=1,b=2", "a=[1];b=[2]"},
        {"a=1=2", "a=[1=2]"},
        {"\"a=1,2\",b=3", "a=[1][2];b=[3]"},
        {"\"a=1,2\",\"b=3,4\"", "a=[1][2];b=[3][4]"},
        {"\"a=\"\"q\"\"\",b=2", "a=[\"q\"];b=[2]"},
        {"a=,b=", "a=[];b=[]"},
    };
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(CASES); i++) {
        const char *text = tags_text(CASES[i].value, NULL);
        assert_non_null(text);
        assert_string_equal(text, CASES[i].expected);
    }
    assert_string_equal(tags_text("a=1", "b=2,3"), "a=[1];b=[2][3]");
}

static void test_tags_of_another_form_are_refused(void **state)
{
    static const char *const BAD[] = {"",          "a",           "=1",       "=",         "a,b",
                                      "a=1,2,b=3", "a=1,b=2,",    "a=1,,b=2", "\"a=1,b=2", "\"a=1\"x,b=2",
                                      "a\"=1,b=2", "a=1,b=\"2\"", "a=1,a=2",  "a=\n",      "a=\x1b[31m",
                                      "a=\xff",    "\xc3=1"};
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(BAD); i++) {
        if (tags_text(BAD[i], NULL) != NULL) {
            fail_msg("accepted: %s", BAD[i]);
        }
    }
    assert_null(tags_text("a=1", "a=2"));
    assert_null(tags_text("a=1", "b=2,a=2,c=3"));
}

static void test_tags_have_limits(void **state)
{
    static char value[70000];
    (void)state;
    strcpy(value, "a=1");
    for (int i = 2; i <= XG_TAG_VALUES_MAX; i++) {
        strcat(value, ",1");
    }
    assert_non_null(tags_text(value, NULL));
    strcat(value, ",1");
    assert_null(tags_text(value, NULL));

    value[0] = '\0';
    for (int i = 0; i < XG_TAG_KEYS_MAX; i++) {
        char pair[16];
        snprintf(pair, sizeof(pair), "%sk%d=", i > 0 ? "," : "", i);
        strcat(value, pair);
    }
    assert_non_null(tags_text(value, NULL));
    assert_null(tags_text(value, "one-more=1"));

    memset(value, 'a', sizeof(value) - 1);
    value[1] = '=';
    assert_null(tags_text(value, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_distance_counts_one_for_each_slip_of_the_fingers),
        cmocka_unit_test(test_suggestions_are_near),
        cmocka_unit_test(test_names_that_may_become_files_cannot_leave_the_directory),
        cmocka_unit_test(test_tags_are_read_as_kumactl_reads_them),
        cmocka_unit_test(test_tags_of_another_form_are_refused),
        cmocka_unit_test(test_tags_have_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
