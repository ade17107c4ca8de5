/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_live.c: what a new state means for who is about to be registered under the old one (rule A11).
 *
 * No call of the ABI can be stopped between its judgement and its registration, so that live.c is asked itself. The
 * tables are empty: whom a change ends is the matter of test_sessions.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "live.h"

static const xg_host DEAF = {.struct_size = sizeof(DEAF)};

static uint32_t add(xg_live *live, uint64_t session, uint64_t generation)
{
    const xg_grant grant = {.token_kind = XG_TOKEN_ZONE, .proxy = XG_STR("ingress-1"), .kid = XG_STR("1")};
    return xg_result_reason(xg_sessions_add(live->sessions, session, &grant, generation, INT64_MAX));
}

static void test_who_was_judged_by_the_state_before_is_not_registered(void **state)
{
    static const struct {
        uint64_t generation;
        uint32_t reason;
    } ROWS[] = {
        {1, XG_REASON_SESSION_UNSETTLED},
        {2, XG_REASON_SESSION_UNSETTLED},
        {3, XG_REASON_OK},
        {4, XG_REASON_OK}, /* a state that is public, and that is about to be followed */
    };
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        xg_live live = {0};
        xg_ended *ended = NULL;
        xg_policy policy = {0};
        const xg_view before = {.policy = &policy, .generation = 2};
        const xg_view after = {.policy = &policy, .generation = 3};
        assert_true(xg_is_ok(xg_live_init(&live, &DEAF)));
        xg_sessions_set_capacity(live.sessions, 2);
        assert_int_equal(add(&live, 1, 2), XG_REASON_OK);
        xg_sessions_close(live.sessions, 1);
        xg_live_follow(&live, &before, &after, true, &ended);
        assert_null(ended);
        assert_int_equal(add(&live, 2, ROWS[i].generation), ROWS[i].reason);
        xg_live_done(&live);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_was_judged_by_the_state_before_is_not_registered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
