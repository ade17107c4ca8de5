/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_snapshot.c: which keys and lists answer for a mesh, and for the zone.
 */
#include "store_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static xg_crypto *crypto;

static int set_up(void **state)
{
    (void)state;
    assert_ok(xg_crypto_new(&crypto));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    xg_crypto_free(crypto);
    return 0;
}

/* A ring with kid "1" and, for number 0, without a key: retired. */
static xg_keyring *ring_of(const char *kid, unsigned number)
{
    xg_keyring *ring = NULL;
    assert_ok(xg_keyring_new(&ring));
    xg_pubkey *key = number > 0 ? key_new(crypto, number) : NULL;
    assert_ok(xg_keyring_add(ring, xg_str_of(kid), key));
    if (key != NULL) {
        xg_pubkey_unref(key);
    }
    return ring;
}

static xg_revocations *list_of(const char *text)
{
    xg_revocations *list = NULL;
    assert_ok(xg_revocations_parse(xg_str_of(text), 100, &list, NULL));
    return list;
}

static void assert_is_key(const xg_pubkey *key, unsigned number)
{
    xg_pubkey *expected = key_new(crypto, number);
    assert_memory_equal(xg_pubkey_fingerprint(key), xg_pubkey_fingerprint(expected), XG_FINGERPRINT_LEN);
    xg_pubkey_unref(expected);
}

static void test_an_empty_snapshot_knows_nothing(void **state)
{
    (void)state;
    xg_snapshot *snapshot = NULL;
    assert_ok(xg_snapshot_new(NULL, NULL, NULL, 0, NULL, &snapshot));
    xg_trust trust;
    assert_reason(xg_snapshot_find_mesh(snapshot, XG_STR(""), &trust), MESH_UNKNOWN);
    assert_reason(xg_snapshot_find_mesh(snapshot, XG_STR("m"), &trust), MESH_UNKNOWN);
    assert_reason(xg_snapshot_find_zone(snapshot, &trust), ZONE_UNKNOWN);
    assert_int_equal(xg_snapshot_num_meshes(snapshot), 0);
    assert_null(xg_snapshot_zone(snapshot));
    assert_null(xg_snapshot_any_mesh(snapshot));
    assert_false(xg_snapshot_is_stale(snapshot));
    xg_snapshot_unref(snapshot);
    assert_null(xg_snapshot_ref(NULL));
    xg_snapshot_unref(NULL);
}

static void test_a_mesh_is_found_by_its_exact_name(void **state)
{
    (void)state;
    char name[] = "payments"; /* the snapshot copies names */
    xg_keyset meshes[] = {{.name = {name, 8}, .ring = ring_of("1", 1)},
                          {.name = XG_STR("pay"), .ring = ring_of("1", 2)},
                          {.name = XG_STR("unusable"), .is_stale = true}};
    xg_snapshot *snapshot = NULL;
    assert_ok(xg_snapshot_new(NULL, NULL, meshes, 3, NULL, &snapshot));
    memset(name, 'x', sizeof(name));
    static const struct {
        xg_str mesh;
        uint32_t reason;
        unsigned number;
    } rows[] = {
        {{"payments", 8}, XG_REASON_OK, 1},
        {{"pay", 3}, XG_REASON_OK, 2},
        {{"unusable", 8}, XG_REASON_KEYS_UNUSABLE, 0},
        {{"payment", 7}, XG_REASON_MESH_UNKNOWN, 0},
        {{"paymentss", 9}, XG_REASON_MESH_UNKNOWN, 0},
        {{"Payments", 8}, XG_REASON_MESH_UNKNOWN, 0},
        {{"payments\0", 9}, XG_REASON_MESH_UNKNOWN, 0},
        {{"", 0}, XG_REASON_MESH_UNKNOWN, 0},
    };
    for (size_t i = 0; i < XG_ARRAY_LEN(rows); i++) {
        xg_trust trust = {0};
        assert_int_equal(xg_result_reason(xg_snapshot_find_mesh(snapshot, rows[i].mesh, &trust)), rows[i].reason);
        if (rows[i].number > 0) {
            xg_pubkey *key = NULL;
            assert_ok(xg_trust_find_key(&trust, XG_STR("1"), &key));
            assert_is_key(key, rows[i].number);
            assert_true(xg_str_eq(trust.own->name, rows[i].mesh));
        } else {
            assert_null(trust.own);
        }
    }
    assert_int_equal(xg_snapshot_num_meshes(snapshot), 3);
    assert_true(xg_str_eq(xg_snapshot_mesh_at(snapshot, 1)->name, XG_STR("pay")));
    xg_snapshot_unref(snapshot);
}

static void test_a_mesh_name_twice_is_refused(void **state)
{
    (void)state;
    xg_keyset meshes[] = {{.name = XG_STR("m"), .ring = ring_of("1", 1), .revoked = list_of("a")},
                          {.name = XG_STR("m"), .ring = ring_of("1", 2)}};
    xg_keyset zone = {.ring = ring_of("1", 3)};
    xg_snapshot *snapshot = NULL;
    assert_reason(xg_snapshot_new(&zone, NULL, meshes, 2, NULL, &snapshot), STORE_UNREADABLE);
    assert_null(snapshot); /* and the leak check says that the references were dropped */
}

static void test_more_meshes_than_the_maximum_are_refused(void **state)
{
    (void)state;
    xg_keyset *meshes = calloc(XG_MESHES_MAX + 1, sizeof(*meshes));
    assert_non_null(meshes);
    xg_snapshot *snapshot = NULL;
    assert_reason(xg_snapshot_new(NULL, NULL, meshes, XG_MESHES_MAX + 1, NULL, &snapshot), STORE_UNREADABLE);
    assert_null(snapshot);
    free(meshes);
}

static void test_all_of_many_meshes_are_found(void **state)
{
    (void)state;
    enum { NUM_MESHES = 20000 };
    xg_keyring *ring = ring_of("1", 1);
    xg_keyset *meshes = calloc(NUM_MESHES, sizeof(*meshes));
    char(*names)[16] = calloc(NUM_MESHES, sizeof(*names));
    assert_non_null(meshes);
    assert_non_null(names);
    for (size_t i = 0; i < NUM_MESHES; i++) {
        snprintf(names[i], sizeof(names[i]), "m-%zu", i);
        meshes[i] = (xg_keyset){.name = xg_str_of(names[i]), .ring = xg_keyring_ref(ring)};
    }
    xg_snapshot *snapshot = NULL;
    assert_ok(xg_snapshot_new(NULL, NULL, meshes, NUM_MESHES, NULL, &snapshot));
    for (size_t i = 0; i < NUM_MESHES; i++) {
        xg_trust trust;
        assert_ok(xg_snapshot_find_mesh(snapshot, xg_str_of(names[i]), &trust));
        assert_ptr_equal(trust.own, xg_snapshot_mesh_at(snapshot, i));
        names[i][0] = 'n';
        assert_reason(xg_snapshot_find_mesh(snapshot, xg_str_of(names[i]), &trust), MESH_UNKNOWN);
    }
    xg_snapshot_unref(snapshot);
    xg_keyring_unref(ring);
    free(names);
    free(meshes);
}

static void test_a_meshs_own_key_wins_over_the_shared_one(void **state)
{
    (void)state;
    xg_keyset meshes[] = {{.name = XG_STR("own"), .ring = ring_of("1", 1)},
                          {.name = XG_STR("retired"), .ring = ring_of("1", 0)},
                          {.name = XG_STR("other"), .ring = ring_of("2", 2)}};
    xg_keyset any_mesh = {.name = XG_STR("ignored"), .ring = ring_of("1", 3)};
    xg_snapshot *snapshot = NULL;
    assert_ok(xg_snapshot_new(NULL, &any_mesh, meshes, 3, NULL, &snapshot));
    xg_trust trust;
    xg_pubkey *key = NULL;
    assert_ok(xg_snapshot_find_mesh(snapshot, XG_STR("own"), &trust));
    assert_ptr_equal(trust.shared, xg_snapshot_any_mesh(snapshot));
    assert_int_equal(trust.shared->name.len, 0);
    assert_ok(xg_trust_find_key(&trust, XG_STR("1"), &key));
    assert_is_key(key, 1);
    assert_reason(xg_trust_find_key(&trust, XG_STR("2"), &key), KEY_UNKNOWN);
    assert_ok(xg_snapshot_find_mesh(snapshot, XG_STR("retired"), &trust));
    assert_reason(xg_trust_find_key(&trust, XG_STR("1"), &key), KEY_RETIRED);
    assert_ok(xg_snapshot_find_mesh(snapshot, XG_STR("other"), &trust));
    assert_ok(xg_trust_find_key(&trust, XG_STR("1"), &key));
    assert_is_key(key, 3);
    xg_snapshot_unref(snapshot);
}

static void test_the_zone_has_no_shared_keys(void **state)
{
    (void)state;
    xg_keyset zone = {.ring = ring_of("1", 1)};
    xg_keyset any_mesh = {.ring = ring_of("2", 2)};
    xg_snapshot *snapshot = NULL;
    assert_ok(xg_snapshot_new(&zone, &any_mesh, NULL, 0, NULL, &snapshot));
    xg_trust trust;
    xg_pubkey *key = NULL;
    assert_ok(xg_snapshot_find_zone(snapshot, &trust));
    assert_ok(xg_trust_find_key(&trust, XG_STR("1"), &key));
    assert_reason(xg_trust_find_key(&trust, XG_STR("2"), &key), KEY_UNKNOWN);
    assert_ptr_equal(trust.own, xg_snapshot_zone(snapshot));
    xg_snapshot_unref(snapshot);
}

static void test_both_lists_are_asked_only_when_the_profile_says_so(void **state)
{
    (void)state;
    xg_keyset mesh = {.name = XG_STR("m"), .ring = ring_of("1", 1), .revoked = list_of("own")};
    xg_keyset any_mesh = {.ring = ring_of("2", 2), .revoked = list_of("shared")};
    xg_snapshot *snapshot = NULL;
    assert_ok(xg_snapshot_new(NULL, &any_mesh, &mesh, 1, NULL, &snapshot));
    xg_trust trust;
    assert_ok(xg_snapshot_find_mesh(snapshot, XG_STR("m"), &trust));
    static const struct {
        xg_str jti;
        bool with_shared;
        uint32_t reason;
    } rows[] = {
        {{"own", 3}, false, XG_REASON_REVOKED_JTI},   {{"own", 3}, true, XG_REASON_REVOKED_JTI},
        {{"shared", 6}, true, XG_REASON_REVOKED_JTI}, {{"shared", 6}, false, XG_REASON_OK},
        {{"neither", 7}, true, XG_REASON_OK},
    };
    for (size_t i = 0; i < XG_ARRAY_LEN(rows); i++) {
        int64_t before = 0;
        xg_revocable token = {.jti = rows[i].jti};
        assert_int_equal(xg_result_reason(xg_trust_check_revoked(&trust, &token, rows[i].with_shared, &before)),
                         rows[i].reason);
    }
    int64_t before = 0;
    xg_pubkey *key = NULL;
    xg_revocable token = {.jti = XG_STR("shared")};
    assert_ok(xg_trust_find_key(&trust, XG_STR("2"), &key)); /* a key of that set is subject to that set's list */
    assert_reason(xg_trust_check_revoked(&trust, &token, false, &before), REVOKED_JTI);
    assert_ok(xg_trust_find_key(&trust, XG_STR("1"), &key));
    assert_ok(xg_trust_check_revoked(&trust, &token, false, &before));
    trust.shared = NULL;
    assert_ok(xg_trust_check_revoked(&trust, &token, true, &before));
    xg_snapshot_unref(snapshot);
}

static void test_a_refused_shared_set_is_never_taken_for_an_empty_one(void **state)
{
    (void)state;
    xg_keyset mesh = {.name = XG_STR("m"), .ring = ring_of("1", 1)};
    xg_keyset any_mesh = {.is_stale = true};
    xg_snapshot *snapshot = NULL;
    assert_ok(xg_snapshot_new(NULL, &any_mesh, &mesh, 1, NULL, &snapshot));
    xg_trust trust;
    xg_pubkey *key = NULL;
    int64_t before = 0;
    xg_revocable token = {.jti = XG_STR("j")};
    assert_ok(xg_snapshot_find_mesh(snapshot, XG_STR("m"), &trust));
    assert_ok(xg_trust_find_key(&trust, XG_STR("1"), &key));
    assert_reason(xg_trust_find_key(&trust, XG_STR("2"), &key), KEYS_UNUSABLE);
    assert_ok(xg_trust_check_revoked(&trust, &token, false, &before));
    assert_reason(xg_trust_check_revoked(&trust, &token, true, &before), KEYS_UNUSABLE);
    xg_snapshot_unref(snapshot);
}

static void test_one_stale_or_refused_set_makes_the_snapshot_stale(void **state)
{
    (void)state;
    /* Which of zone, any-mesh and a mesh is what: 0 fresh, 1 stale, 2 refused. */
    for (unsigned combination = 0; combination < 27; combination++) {
        unsigned kinds[3] = {combination % 3, combination / 3 % 3, combination / 9};
        xg_keyset sets[3];
        for (unsigned i = 0; i < 3; i++) {
            sets[i] = (xg_keyset){
                .name = XG_STR("m"), .ring = kinds[i] == 2 ? NULL : ring_of("1", i + 1), .is_stale = kinds[i] == 1};
        }
        xg_snapshot *snapshot = NULL;
        assert_ok(xg_snapshot_new(&sets[0], &sets[1], &sets[2], 1, NULL, &snapshot));
        assert_int_equal(xg_snapshot_is_stale(snapshot), combination != 0);
        xg_trust trust;
        uint32_t expected = kinds[0] == 2 ? XG_REASON_KEYS_UNUSABLE : XG_REASON_OK;
        assert_int_equal(xg_result_reason(xg_snapshot_find_zone(snapshot, &trust)), expected);
        xg_snapshot_unref(snapshot);
    }
}

static void test_a_snapshot_lives_as_long_as_its_last_reference(void **state)
{
    (void)state;
    xg_keyset zone = {.ring = ring_of("1", 1), .revoked = list_of("a")};
    xg_snapshot *snapshot = NULL;
    assert_ok(xg_snapshot_new(&zone, NULL, NULL, 0, NULL, &snapshot));
    assert_ptr_equal(xg_snapshot_ref(snapshot), snapshot);
    xg_snapshot_unref(snapshot);
    xg_trust trust;
    assert_ok(xg_snapshot_find_zone(snapshot, &trust));
    xg_snapshot_unref(snapshot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_empty_snapshot_knows_nothing),
        cmocka_unit_test(test_a_mesh_is_found_by_its_exact_name),
        cmocka_unit_test(test_a_mesh_name_twice_is_refused),
        cmocka_unit_test(test_more_meshes_than_the_maximum_are_refused),
        cmocka_unit_test(test_all_of_many_meshes_are_found),
        cmocka_unit_test(test_a_meshs_own_key_wins_over_the_shared_one),
        cmocka_unit_test(test_the_zone_has_no_shared_keys),
        cmocka_unit_test(test_both_lists_are_asked_only_when_the_profile_says_so),
        cmocka_unit_test(test_a_refused_shared_set_is_never_taken_for_an_empty_one),
        cmocka_unit_test(test_one_stale_or_refused_set_makes_the_snapshot_stale),
        cmocka_unit_test(test_a_snapshot_lives_as_long_as_its_last_reference),
    };
    return cmocka_run_group_tests_name("snapshot", tests, set_up, tear_down);
}
