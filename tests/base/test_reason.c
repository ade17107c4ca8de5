/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_reason.c: the table of reasons is complete and means what it says; a result is a failure until success is said.
 *
 * Reads plugin-api/reasons.def once more, for a list of its own. The numbers themselves are frozen by tests/abi. One
 * thread.
 */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "xdsgate/base.h"

static const struct row {
    uint32_t number;
    uint32_t constant;
    uint32_t grpc;
    const char *c_name;
    const char *name;
    const char *text;
    const char *help;
} ROWS[] = {
#define XG_REASON(number, NAME, name, grpc, text, help) {number, XG_REASON_##NAME, grpc, #NAME, name, text, help},
#include "reasons.def"
#undef XG_REASON
};

static void test_every_reason_is_found_with_all_it_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        const xg_reason_info *info = xg_reason_find(ROWS[i].number);
        assert_int_equal(info->number, ROWS[i].number);
        assert_int_equal(info->number, ROWS[i].constant);
        assert_int_equal(info->grpc_status, ROWS[i].grpc);
        assert_string_equal(info->name, ROWS[i].name);
        assert_string_equal(info->text, ROWS[i].text);
        assert_string_equal(info->help, ROWS[i].help);
    }
}

static bool is_known(uint32_t number)
{
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        if (ROWS[i].number == number) {
            return true;
        }
    }
    return false;
}

static void test_an_unknown_number_is_an_internal_denial(void **state)
{
    static const uint32_t FAR[] = {65536, 65636, INT32_MAX, (uint32_t)INT32_MAX + 1, UINT32_MAX - 1, UINT32_MAX};
    (void)state;
    for (uint32_t number = 0; number < 2 * XG_REASON_LIMIT_; number++) {
        assert_int_equal(xg_reason_find(number)->number, is_known(number) ? number : XG_REASON_INTERNAL);
    }
    for (size_t i = 0; i < XG_ARRAY_LEN(FAR); i++) {
        assert_int_equal(xg_reason_find(FAR[i])->number, XG_REASON_INTERNAL);
    }
    assert_int_equal(xg_reason_find(XG_RESULT_SUCCESS)->number, XG_REASON_INTERNAL);
}

static void test_numbers_and_names_are_unique(void **state)
{
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        for (size_t k = 0; k < i; k++) {
            assert_int_not_equal(ROWS[i].number, ROWS[k].number);
            assert_string_not_equal(ROWS[i].name, ROWS[k].name);
        }
    }
}

static void test_numbers_are_ok_or_in_a_class_below_the_limit(void **state)
{
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        if (strcmp(ROWS[i].c_name, "OK") == 0) {
            assert_int_equal(ROWS[i].number, 0);
        } else {
            assert_in_range(ROWS[i].number, 100, XG_REASON_LIMIT_ - 1);
        }
    }
}

static void test_a_name_is_the_constant_in_lower_snake_case(void **state)
{
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        const char *name = ROWS[i].name;
        assert_int_equal(strlen(name), strlen(ROWS[i].c_name));
        assert_in_range(name[0], 'a', 'z');
        for (size_t k = 0; name[k] != '\0'; k++) {
            bool is_snake = (name[k] >= 'a' && name[k] <= 'z') || (name[k] >= '0' && name[k] <= '9') ||
                            (name[k] == '_' && name[k + 1] != '_' && name[k + 1] != '\0');
            assert_true(is_snake);
            assert_int_equal(toupper(name[k]), ROWS[i].c_name[k]);
        }
    }
}

/* OK, INVALID_ARGUMENT, PERMISSION_DENIED, RESOURCE_EXHAUSTED, INTERNAL, UNAVAILABLE, UNAUTHENTICATED */
#define GRPC_CODES (1U << 0 | 1U << 3 | 1U << 7 | 1U << 8 | 1U << 13 | 1U << 14 | 1U << 16)

static void test_grpc_codes_are_these_seven_and_only_ok_is_ok(void **state)
{
    uint32_t used = 0;
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        assert_in_range(ROWS[i].grpc, 0, 16);
        assert_int_equal(ROWS[i].grpc == 0, ROWS[i].number == XG_REASON_OK);
        used |= 1U << ROWS[i].grpc;
    }
    assert_int_equal(used, GRPC_CODES);
}

/* One sentence or more: printable ASCII, ended by a full stop. */
static void check_sentence(const char *text)
{
    size_t len = strlen(text);
    assert_true(len >= 10);
    assert_int_equal(text[len - 1], '.');
    for (size_t i = 0; i < len; i++) {
        assert_in_range(text[i], 0x20, 0x7e);
    }
}

static void test_every_denial_says_what_is_wrong_and_what_to_do(void **state)
{
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        if (ROWS[i].number != XG_REASON_OK) {
            check_sentence(ROWS[i].text);
            check_sentence(ROWS[i].help);
        }
    }
}

static void check_braces(const char *at)
{
    static const xg_str PLACES[] = {
        XG_STR_INIT("{token}"), XG_STR_INIT("{proxy}"), XG_STR_INIT("{field}"),
        XG_STR_INIT("{mesh}"),  XG_STR_INIT("{kid}"),
    };
    while ((at = strpbrk(at, "{}")) != NULL) {
        size_t len = 0;
        for (size_t i = 0; i < XG_ARRAY_LEN(PLACES); i++) {
            len += xg_str_starts_with(xg_str_of(at), PLACES[i]) ? PLACES[i].len : 0;
        }
        assert_int_not_equal(len, 0);
        at += len;
    }
}

static void test_braces_are_places_that_can_be_filled_in(void **state)
{
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        check_braces(ROWS[i].text);
        check_braces(ROWS[i].help);
    }
}

/* ---- results ---- */

static xg_result check_all(bool first, xg_result second, bool third)
{
    XG_CHECK(first, EXPIRED);
    XG_TRY(second);
    XG_CHECK(third, KEY_WEAK);
    return XG_OK;
}

static void test_a_result_is_a_failure_until_success_is_said(void **state)
{
    (void)state;
    assert_false(xg_is_ok((xg_result){0}));
    assert_int_equal(xg_result_reason((xg_result){0}), XG_REASON_INTERNAL);
    assert_true(xg_is_ok(XG_OK));
    assert_int_equal(xg_result_reason(XG_OK), XG_REASON_OK);
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) { /* not even the reason OK is a success */
        uint32_t expected = ROWS[i].number == XG_REASON_OK ? XG_REASON_INTERNAL : ROWS[i].number;
        assert_false(xg_is_ok((xg_result){ROWS[i].number}));
        assert_int_equal(xg_result_reason((xg_result){ROWS[i].number}), expected);
    }
    assert_false(xg_is_ok((xg_result){2}));
    assert_false(xg_is_ok((xg_result){UINT32_MAX}));
}

static void test_the_first_failure_leaves_the_function(void **state)
{
    static const struct {
        bool first;
        xg_result second;
        bool third;
        uint32_t reason;
    } CASES[] = {
        {true, {XG_RESULT_SUCCESS}, true, XG_REASON_OK},
        {false, {XG_RESULT_SUCCESS}, true, XG_REASON_EXPIRED},
        {true, {XG_REASON_REVOKED_JTI}, true, XG_REASON_REVOKED_JTI},
        {true, {0}, true, XG_REASON_INTERNAL},
        {true, {XG_RESULT_SUCCESS}, false, XG_REASON_KEY_WEAK},
        {false, {XG_REASON_REVOKED_JTI}, false, XG_REASON_EXPIRED},
        {true, {XG_REASON_REVOKED_JTI}, false, XG_REASON_REVOKED_JTI},
    };
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(CASES); i++) {
        xg_result result = check_all(CASES[i].first, CASES[i].second, CASES[i].third);
        assert_int_equal(xg_result_reason(result), CASES[i].reason);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_reason_is_found_with_all_it_says),
        cmocka_unit_test(test_an_unknown_number_is_an_internal_denial),
        cmocka_unit_test(test_numbers_and_names_are_unique),
        cmocka_unit_test(test_numbers_are_ok_or_in_a_class_below_the_limit),
        cmocka_unit_test(test_a_name_is_the_constant_in_lower_snake_case),
        cmocka_unit_test(test_grpc_codes_are_these_seven_and_only_ok_is_ok),
        cmocka_unit_test(test_every_denial_says_what_is_wrong_and_what_to_do),
        cmocka_unit_test(test_braces_are_places_that_can_be_filled_in),
        cmocka_unit_test(test_a_result_is_a_failure_until_success_is_said),
        cmocka_unit_test(test_the_first_failure_leaves_the_function),
    };
    return cmocka_run_group_tests_name("reason", tests, NULL, NULL);
}
