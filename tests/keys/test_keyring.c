/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_keyring.c: kid to key, inside one set.
 */
#include "store_fixture.h"

#include <stdio.h>
#include <string.h>

static int set_up(void **state)
{
    static xg_crypto *crypto;
    assert_ok(xg_crypto_new(&crypto));
    *state = crypto;
    return 0;
}

static int tear_down(void **state)
{
    xg_crypto_free(*state);
    return 0;
}

static xg_result add(xg_keyring *ring, xg_crypto *crypto, const char *kid, unsigned number)
{
    xg_pubkey *key = number > 0 ? key_new(crypto, number) : NULL;
    xg_result result = xg_keyring_add(ring, xg_str_of(kid), key);
    if (key != NULL) {
        xg_pubkey_unref(key); /* the ring has a reference of its own */
    }
    return result;
}

static void test_find_matches_the_kid_exactly(void **state)
{
    xg_keyring *ring = NULL;
    assert_ok(xg_keyring_new(&ring));
    assert_ok(add(ring, *state, "2", 1));
    assert_ok(add(ring, *state, "10", 2));
    assert_ok(add(ring, *state, "blue", 3));
    assert_ok(add(ring, *state, "old", 0));
    static const struct {
        xg_str kid;
        uint32_t reason;
    } rows[] = {
        {{"2", 1}, XG_REASON_OK},
        {{"10", 2}, XG_REASON_OK},
        {{"blue", 4}, XG_REASON_OK},
        {{"old", 3}, XG_REASON_KEY_RETIRED},
        {{"1", 1}, XG_REASON_KEY_UNKNOWN},
        {{"100", 3}, XG_REASON_KEY_UNKNOWN},
        {{"02", 2}, XG_REASON_KEY_UNKNOWN},
        {{"2 ", 2}, XG_REASON_KEY_UNKNOWN},
        {{"2\0", 2}, XG_REASON_KEY_UNKNOWN},
        {{"Blue", 4}, XG_REASON_KEY_UNKNOWN},
        {{"blu", 3}, XG_REASON_KEY_UNKNOWN},
        {{"blue2", 5}, XG_REASON_KEY_UNKNOWN},
        {{"", 0}, XG_REASON_KEY_UNKNOWN},
    };
    for (size_t i = 0; i < XG_ARRAY_LEN(rows); i++) {
        xg_pubkey *key = NULL;
        assert_int_equal(xg_result_reason(xg_keyring_find(ring, rows[i].kid, &key)), rows[i].reason);
        assert_int_equal(key != NULL, rows[i].reason == XG_REASON_OK);
    }
    assert_int_equal(xg_keyring_count(ring), 4);
    xg_keyring_unref(ring);
}

static void test_find_gives_the_key_that_was_added(void **state)
{
    xg_keyring *ring = NULL;
    assert_ok(xg_keyring_new(&ring));
    /* In no order: the ring sorts. */
    static const unsigned numbers[] = {5, 1, 4, 2, 3};
    for (size_t i = 0; i < XG_ARRAY_LEN(numbers); i++) {
        char kid[16];
        snprintf(kid, sizeof(kid), "%u", numbers[i]);
        assert_ok(add(ring, *state, kid, numbers[i]));
    }
    for (unsigned i = 1; i <= 5; i++) {
        char kid[16];
        snprintf(kid, sizeof(kid), "%u", i);
        xg_pubkey *expected = key_new(*state, i);
        xg_pubkey *found = NULL;
        assert_ok(xg_keyring_find(ring, xg_str_of(kid), &found));
        assert_memory_equal(xg_pubkey_fingerprint(found), xg_pubkey_fingerprint(expected), XG_FINGERPRINT_LEN);
        xg_pubkey_unref(expected);
        xg_str at = {0};
        xg_keyring_at(ring, i - 1, &at, &found);
        assert_true(xg_str_eq(at, xg_str_of(kid)));
    }
    xg_keyring_unref(ring);
}

static void test_add_checks_the_kid(void **state)
{
    static const char long_63[] = "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg";
    static const struct {
        xg_str kid;
        uint32_t reason;
    } rows[] = {
        {{"0", 1}, XG_REASON_OK},
        {{"00", 2}, XG_REASON_KID_PADDED},
        {{"2", 1}, XG_REASON_OK},
        {{"02", 2}, XG_REASON_KID_PADDED},
        {{"0002", 4}, XG_REASON_KID_PADDED},
        {{"02a", 3}, XG_REASON_OK},
        {{"0x2", 3}, XG_REASON_OK},
        {{"20", 2}, XG_REASON_OK},
        {{"bl\xc3\xbc", 4}, XG_REASON_OK},
        {{"bl\xc3", 3}, XG_REASON_KID_INVALID},
        {{"bl\n", 3}, XG_REASON_KID_INVALID},
        {{"bl\0u", 4}, XG_REASON_KID_INVALID},
        {{"bl\x7f", 3}, XG_REASON_KID_INVALID},
        {{"", 0}, XG_REASON_KID_INVALID},
        {{long_63, 63}, XG_REASON_OK},
        {{"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggg", 64}, XG_REASON_KID_INVALID},
    };
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(rows); i++) {
        xg_keyring *ring = NULL;
        assert_ok(xg_keyring_new(&ring));
        assert_int_equal(xg_result_reason(xg_keyring_add(ring, rows[i].kid, NULL)), rows[i].reason);
        assert_int_equal(xg_keyring_count(ring), rows[i].reason == XG_REASON_OK ? 1 : 0);
        xg_keyring_unref(ring);
    }
}

static void test_add_refuses_a_kid_twice_and_a_key_twice(void **state)
{
    xg_keyring *ring = NULL;
    assert_ok(xg_keyring_new(&ring));
    assert_ok(add(ring, *state, "1", 1));
    assert_reason(add(ring, *state, "1", 2), KID_TWICE);
    assert_reason(add(ring, *state, "1", 0), KID_TWICE);
    assert_reason(add(ring, *state, "2", 1), KEY_SHARED);
    assert_ok(add(ring, *state, "2", 0));
    assert_reason(add(ring, *state, "2", 2), KID_TWICE);
    assert_ok(add(ring, *state, "3", 2));
    assert_ok(add(ring, *state, "4", 0)); /* any number of retired kids: they have no key to share */
    assert_int_equal(xg_keyring_count(ring), 4);
    xg_keyring_unref(ring);
}

static void test_rings_are_the_same_if_they_say_the_same(void **state)
{
    /* Kids "a" and "b" of each ring: 0 retired, -1 not there, else the key's number. */
    static const struct {
        int left[2];
        int right[2];
        bool is_same;
    } rows[] = {
        {{-1, -1}, {-1, -1}, true}, {{1, -1}, {1, -1}, true},  {{1, 2}, {1, 2}, true},    {{0, 2}, {0, 2}, true},
        {{1, -1}, {-1, -1}, false}, {{1, -1}, {-1, 1}, false}, {{1, -1}, {2, -1}, false}, {{1, 2}, {2, 1}, false},
        {{1, 2}, {1, -1}, false},   {{0, -1}, {1, -1}, false}, {{1, 0}, {1, 2}, false},   {{0, -1}, {-1, 0}, false},
    };
    for (size_t i = 0; i < XG_ARRAY_LEN(rows); i++) {
        xg_keyring *rings[2] = {NULL, NULL};
        for (int r = 0; r < 2; r++) {
            const int *numbers = r == 0 ? rows[i].left : rows[i].right;
            size_t num_keys = 0;
            assert_ok(xg_keyring_new(&rings[r]));
            for (int k = 0; k < 2; k++) {
                int at = r == 0 ? k : 1 - k; /* the order in which they were added says nothing */
                if (numbers[at] >= 0) {
                    assert_ok(add(rings[r], *state, at == 0 ? "a" : "b", (unsigned)numbers[at]));
                    num_keys += numbers[at] > 0 ? 1 : 0;
                }
            }
            assert_int_equal(xg_keyring_num_keys(rings[r]), num_keys);
        }
        assert_int_equal(xg_keyring_is_same(rings[0], rings[1]), rows[i].is_same);
        assert_int_equal(xg_keyring_is_same(rings[1], rings[0]), rows[i].is_same);
        assert_true(xg_keyring_is_same(rings[0], rings[0]));
        xg_keyring_unref(rings[0]);
        xg_keyring_unref(rings[1]);
    }
}

static void test_a_ring_lives_as_long_as_its_last_reference(void **state)
{
    xg_keyring *ring = NULL;
    assert_ok(xg_keyring_new(&ring));
    assert_ok(add(ring, *state, "1", 1));
    assert_ptr_equal(xg_keyring_ref(ring), ring);
    xg_keyring_unref(ring);
    xg_pubkey *key = NULL;
    assert_ok(xg_keyring_find(ring, XG_STR("1"), &key));
    xg_keyring_unref(ring);
    assert_null(xg_keyring_ref(NULL));
    xg_keyring_unref(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find_matches_the_kid_exactly),
        cmocka_unit_test(test_find_gives_the_key_that_was_added),
        cmocka_unit_test(test_add_checks_the_kid),
        cmocka_unit_test(test_add_refuses_a_kid_twice_and_a_key_twice),
        cmocka_unit_test(test_rings_are_the_same_if_they_say_the_same),
        cmocka_unit_test(test_a_ring_lives_as_long_as_its_last_reference),
    };
    return cmocka_run_group_tests_name("keyring", tests, set_up, tear_down);
}
