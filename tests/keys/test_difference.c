/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_difference.c: what is told to have changed between two snapshots, of hand-made sets and of a store's loads.
 */
#include "store_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static xg_crypto *crypto;

/* Writes what it is told as text: "zone", "shared-keys", "shared-list" and names of meshes, in the order told. */
static void take_change(void *arg, xg_changed what, xg_str mesh)
{
    static const char *const names[] = {
        [XG_CHANGED_ZONE] = "zone", [XG_CHANGED_SHARED_KEYS] = "shared-keys", [XG_CHANGED_SHARED_LIST] = "shared-list"};
    xg_text *told = arg;
    if (told->len > 0) {
        xg_text_add(told, XG_STR(" "));
    }
    if (what == XG_CHANGED_MESH) {
        xg_text_add(told, mesh);
        return;
    }
    assert_in_range(what, XG_CHANGED_ZONE, XG_CHANGED_SHARED_LIST);
    assert_int_equal(mesh.len, 0);
    xg_text_add(told, xg_str_of(names[what]));
}

static void assert_changes(const xg_snapshot *from, const xg_snapshot *to, const char *expected)
{
    char storage[512];
    xg_text told;
    xg_text_init(&told, storage, sizeof(storage));
    xg_difference_find(from, to, take_change, &told);
    assert_string_equal(storage, expected);
}

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

/* ---- hand-made snapshots ---- */

/*
 * A snapshot as text: words NAME:RL, where R and L name a ring and a list by a digit, '-' for none. "@zone" and "@any"
 * are those two sets, '!' at the end flags the set stale.
 */
#define NUM_OBJECTS 10
static xg_keyring *rings[NUM_OBJECTS];
static xg_revocations *lists[NUM_OBJECTS];

static xg_keyring *ring_of(char digit)
{
    if (digit == '-') {
        return NULL;
    }
    xg_keyring **ring = &rings[digit - '0'];
    if (*ring == NULL) {
        assert_ok(xg_keyring_new(ring));
    }
    return xg_keyring_ref(*ring);
}

static xg_revocations *list_of(char digit)
{
    if (digit == '-') {
        return NULL;
    }
    xg_revocations **list = &lists[digit - '0'];
    if (*list == NULL) {
        assert_ok(xg_revocations_parse(XG_STR("a\n"), 10, list, NULL));
    }
    return xg_revocations_ref(*list);
}

static void release_objects(void)
{
    for (size_t i = 0; i < NUM_OBJECTS; i++) {
        xg_keyring_unref(rings[i]);
        xg_revocations_unref(lists[i]);
        rings[i] = NULL;
        lists[i] = NULL;
    }
}

static xg_snapshot *snapshot_of(const char *text)
{
    xg_keyset zone, any_mesh, meshes[16];
    bool has_zone = false, has_any_mesh = false;
    size_t num_meshes = 0;
    for (const char *at = text; *at != '\0';) {
        const char *colon = strchr(at, ':');
        assert_non_null(colon);
        xg_keyset set = {.name = {at, (size_t)(colon - at)}, .ring = ring_of(colon[1]), .revoked = list_of(colon[2])};
        at = colon + 3;
        if (*at == '!') {
            set.is_stale = true;
            at++;
        }
        at += *at == ' ' ? 1 : 0;
        if (xg_str_eq(set.name, XG_STR("@zone"))) {
            zone = set;
            has_zone = true;
        } else if (xg_str_eq(set.name, XG_STR("@any"))) {
            any_mesh = set;
            has_any_mesh = true;
        } else {
            assert_in_range(num_meshes, 0, XG_ARRAY_LEN(meshes) - 1);
            meshes[num_meshes++] = set;
        }
    }
    xg_snapshot *snapshot = NULL;
    assert_ok(
        xg_snapshot_new(has_zone ? &zone : NULL, has_any_mesh ? &any_mesh : NULL, meshes, num_meshes, NULL, &snapshot));
    return snapshot;
}

static const struct {
    const char *from;
    const char *to;
    const char *changes;
} HAND_MADE[] = {
    /* nothing */
    {"", "", ""},
    {"a:11", "a:11", ""},
    {"a:1-", "a:1-", ""},
    {"a:--!", "a:--!", ""},
    {"@zone:11 @any:22 a:33 b:44", "@zone:11 @any:22 a:33 b:44", ""},
    {"a:11", "a:11!", ""},
    {"@zone:11!", "@zone:11", ""},
    {"a:11 b:11", "b:11 a:11", ""},
    {"a:11 b:22 c:33", "c:33 a:11 b:22", ""},
    /* one mesh */
    {"a:11", "a:21", "a"},
    {"a:11", "a:12", "a"},
    {"a:11", "a:22", "a"},
    {"a:1-", "a:11", "a"},
    {"a:11", "a:1-", "a"},
    {"a:--!", "a:1-", "a"},
    {"a:11", "a:-1", "a"},
    {"a:11", "A:11", "A a"},
    {"a:11 b:22", "a:22 b:11", "a b"},
    /* meshes that come and go */
    {"", "a:11", "a"},
    {"", "a:--!", "a"},
    {"a:11", "", "a"},
    {"a:11 c:33", "a:11 b:22 c:33", "b"},
    {"a:11 b:22 c:33", "a:11 c:33", "b"},
    {"b:11 c:22", "a:33 b:11 c:22", "a"},
    {"a:33 b:11 c:22", "b:11 c:22", "a"},
    {"a:11 b:22", "a:11 b:22 c:33 d:44", "c d"},
    {"a:11 b:22 c:33 d:44", "a:11 b:22", "c d"},
    {"a:11 b:22", "c:11 d:22", "c d a b"},
    {"a:11 b:22 c:33 d:44", "b:22 d:45 e:55", "d e a c"},
    {"a:11 b:22 c:33", "c:34 a:11", "c b"},
    {"a:11 aa:11", "aa:11 aaa:11", "aaa a"},
    /* the zone */
    {"@zone:11 a:11", "@zone:12 a:11", "zone"},
    {"@zone:11 a:11", "@zone:21 a:11", "zone"},
    {"@zone:11 a:11", "a:11", "zone"},
    {"a:11", "@zone:11 a:11", "zone"},
    {"a:11", "@zone:--! a:11", "zone"},
    {"@zone:--!", "@zone:1-", "zone"},
    /* any-mesh */
    {"@any:11 a:11", "@any:21 a:11", "shared-keys"},
    {"@any:11 a:11", "@any:12 a:11", "shared-list"},
    {"@any:1- a:11", "@any:11 a:11", "shared-list"},
    {"@any:11 a:11", "@any:22 a:11", "shared-keys shared-list"},
    {"@any:11 a:11", "a:11", "shared-keys shared-list"},
    {"a:11", "@any:1- a:11", "shared-keys shared-list"},
    /* a refused set's list cannot be asked, so what it revokes has changed too */
    {"@any:11", "@any:-1!", "shared-keys shared-list"},
    {"@any:-1!", "@any:11", "shared-keys shared-list"},
    {"@any:--!", "@any:1-", "shared-keys shared-list"},
    {"", "@any:--!", "shared-keys shared-list"},
    /* everything */
    {"@zone:11 @any:22 a:33", "@zone:12 @any:33 a:34 b:11", "zone shared-keys shared-list a b"},
};

static void test_exactly_what_is_another_object_has_changed(void **state)
{
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(HAND_MADE); i++) {
        xg_snapshot *from = snapshot_of(HAND_MADE[i].from);
        xg_snapshot *to = snapshot_of(HAND_MADE[i].to);
        assert_changes(from, to, HAND_MADE[i].changes);
        assert_changes(to, to, "");
        xg_snapshot_unref(from);
        xg_snapshot_unref(to);
    }
    release_objects();
}

static void test_a_change_is_told_once_among_many_meshes(void **state)
{
    (void)state;
    enum { NUM_MESHES = 5000, LIST_AT = 17, RING_AT = 2500, GONE_AT = 4000 };
    xg_keyset *meshes = calloc(NUM_MESHES, sizeof(*meshes));
    char(*names)[16] = calloc(NUM_MESHES, sizeof(*names));
    assert_non_null(meshes);
    assert_non_null(names);
    xg_snapshot *snapshots[2] = {NULL, NULL};
    for (int round = 0; round < 2; round++) {
        size_t num_meshes = 0;
        for (size_t i = 0; i < NUM_MESHES; i++) {
            snprintf(names[i], sizeof(names[i]), "m-%04zu", i);
            if (round == 1 && i == GONE_AT) {
                continue;
            }
            meshes[num_meshes++] = (xg_keyset){.name = xg_str_of(names[i]),
                                               .ring = ring_of(round == 1 && i == RING_AT ? '2' : '1'),
                                               .revoked = list_of(round == 1 && i == LIST_AT ? '2' : '1')};
        }
        assert_ok(xg_snapshot_new(NULL, NULL, meshes, num_meshes, NULL, &snapshots[round]));
    }
    assert_changes(snapshots[0], snapshots[1], "m-0017 m-2500 m-4000");
    assert_changes(snapshots[1], snapshots[0], "m-0017 m-2500 m-4000");
    xg_snapshot_unref(snapshots[0]);
    xg_snapshot_unref(snapshots[1]);
    release_objects();
    free(names);
    free(meshes);
}

/* ---- loads of a store ---- */

/* A PEM of the same key with other bytes around it. */
static void store_key_anew(const store_fixture *fx, const char *path, unsigned number)
{
    char text[600];
    snprintf(text, sizeof(text), "written anew\n%s", key_pem(number));
    store_write(fx, path, text);
}

static void replace_key(const store_fixture *fx)
{
    store_key(fx, "meshes/m/keys/1.pem", 11);
}

static void add_key(const store_fixture *fx)
{
    store_key(fx, "meshes/m/keys/2.pem", 12);
}

static void rename_key(const store_fixture *fx)
{
    store_rename(fx, "meshes/m/keys/1.pem", "meshes/m/keys/7.pem");
}

static void retire_key(const store_fixture *fx)
{
    store_rename(fx, "meshes/m/keys/1.pem", "meshes/m/keys/1.retired");
}

static void rewrite_key(const store_fixture *fx)
{
    store_key_anew(fx, "meshes/m/keys/1.pem", 1);
}

static void rewrite_all_keys(const store_fixture *fx)
{
    store_key_anew(fx, "meshes/m/keys/1.pem", 1);
    store_key_anew(fx, "meshes/n/keys/1.pem", 4);
    store_key_anew(fx, "zone/keys/1.pem", 2);
    store_key_anew(fx, "any-mesh/keys/9.pem", 3);
}

static void change_list(const store_fixture *fx)
{
    store_write(fx, "meshes/m/revoked", "r1\nr2\n");
}

static void first_list(const store_fixture *fx)
{
    store_write(fx, "meshes/n/revoked", "r1\n");
}

static void add_mesh(const store_fixture *fx)
{
    store_key(fx, "meshes/a/keys/1.pem", 13);
}

static void remove_mesh(const store_fixture *fx)
{
    store_remove(fx, "meshes/n");
}

static void change_zone_list(const store_fixture *fx)
{
    store_write(fx, "zone/revoked", "z1\nz2\n");
}

static void change_zone_key(const store_fixture *fx)
{
    store_key(fx, "zone/keys/2.pem", 14);
}

static void change_shared_list(const store_fixture *fx)
{
    store_write(fx, "any-mesh/revoked", "s1\ns2\n");
}

static void change_shared_key(const store_fixture *fx)
{
    store_key(fx, "any-mesh/keys/8.pem", 15);
}

static void remove_shared(const store_fixture *fx)
{
    store_remove(fx, "any-mesh"); /* refused, so what was there goes on */
}

static void break_key(const store_fixture *fx)
{
    store_write(fx, "meshes/m/keys/1.pem", "no key");
}

static void add_other_file(const store_fixture *fx)
{
    store_write(fx, "meshes/m/keys/README", "?");
}

typedef struct change_row {
    void (*change)(const store_fixture *fx);
    const char *changes;
    bool keeps_ring; /* of mesh m */
    bool keeps_list; /* of mesh m */
} change_row;

static const change_row CHANGES[] = {
    {replace_key, "m", false, true},
    {add_key, "m", false, true},
    {rename_key, "m", false, true},
    {retire_key, "m", false, true},
    {change_list, "m", true, false},
    {first_list, "n", true, true},
    {add_mesh, "a", true, true},
    {remove_mesh, "n", true, true},
    {change_zone_list, "zone", true, true},
    {change_zone_key, "zone", true, true},
    {change_shared_list, "shared-list", true, true},
    {change_shared_key, "shared-keys", true, true},
    /* what looks like a change and is none */
    {rewrite_key, "", true, true},
    {rewrite_all_keys, "", true, true},
    {remove_shared, "", true, true},
    {break_key, "", true, true},
    {add_other_file, "", true, true},
};

static void make_store(store_fixture *fx)
{
    store_init(fx);
    store_key(fx, "meshes/m/keys/1.pem", 1);
    store_write(fx, "meshes/m/revoked", "r1\n");
    store_key(fx, "meshes/n/keys/1.pem", 4);
    store_key(fx, "zone/keys/1.pem", 2);
    store_write(fx, "zone/revoked", "z1\n");
    store_key(fx, "any-mesh/keys/9.pem", 3);
    store_write(fx, "any-mesh/revoked", "s1\n");
    assert_ok(store_load(fx));
    assert_false(store_has_changed(fx, true));
}

/* How the store comes to look: told by inotify, found by the walk, or asked to look at everything. */
typedef enum look { LOOK_EVENTS, LOOK_WALK, LOOK_EVERYWHERE, NUM_LOOKS } look;

static void run_change(const change_row *row, look how)
{
    store_fixture fx;
    make_store(&fx);
    xg_snapshot *before = xg_snapshot_ref(fx.snapshot);
    const xg_keyset *m = store_set(&fx, "m");
    const xg_keyring *ring = m->ring;
    const xg_revocations *list = m->revoked;
    row->change(&fx);
    if (how != LOOK_EVERYWHERE) {
        assert_true(store_has_changed(&fx, how == LOOK_WALK));
    }
    assert_ok(store_load(&fx));
    assert_ptr_not_equal(fx.snapshot, before);
    assert_changes(before, fx.snapshot, row->changes);
    m = store_set(&fx, "m");
    assert_int_equal(m->ring == ring, row->keeps_ring);
    assert_int_equal(m->revoked == list, row->keeps_list);
    xg_snapshot_unref(before);
    store_done(&fx);
}

static void test_a_load_tells_exactly_what_was_changed(void **state)
{
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(CHANGES); i++) {
        for (int how = 0; how < NUM_LOOKS; how++) {
            run_change(&CHANGES[i], (look)how);
        }
    }
}

static void test_a_set_that_was_refused_for_a_while_has_not_changed(void **state)
{
    (void)state;
    store_fixture fx;
    make_store(&fx);
    xg_snapshot *before = xg_snapshot_ref(fx.snapshot);
    store_write(&fx, "meshes/m/keys/1.pem", "no key");
    assert_true(store_has_changed(&fx, false));
    assert_ok(store_load(&fx));
    assert_int_equal(fx.num_refusals, 1);
    assert_true(store_set(&fx, "m")->is_stale);
    assert_changes(before, fx.snapshot, "");
    store_key(&fx, "meshes/m/keys/1.pem", 1);
    assert_true(store_has_changed(&fx, false));
    assert_ok(store_load(&fx));
    assert_false(store_set(&fx, "m")->is_stale);
    assert_changes(before, fx.snapshot, "");
    /* But a set that comes back with another list has. */
    store_write(&fx, "meshes/m/keys/1.pem", "no key");
    assert_true(store_has_changed(&fx, false));
    assert_ok(store_load(&fx));
    store_write(&fx, "meshes/m/revoked", "r2\n");
    store_key(&fx, "meshes/m/keys/1.pem", 1);
    assert_true(store_has_changed(&fx, false));
    assert_ok(store_load(&fx));
    assert_changes(before, fx.snapshot, "m");
    assert_true(store_is_revoked(&fx, "m", "r2"));
    assert_false(store_is_revoked(&fx, "m", "r1"));
    xg_snapshot_unref(before);
    store_done(&fx);
}

static void test_a_mesh_that_went_and_came_back_has_changed(void **state)
{
    (void)state;
    store_fixture fx;
    make_store(&fx);
    xg_snapshot *before = xg_snapshot_ref(fx.snapshot);
    store_rename(&fx, "meshes/m", "meshes/.m");
    assert_true(store_has_changed(&fx, false));
    assert_ok(store_load(&fx));
    assert_changes(before, fx.snapshot, "m");
    xg_snapshot *without = xg_snapshot_ref(fx.snapshot);
    store_rename(&fx, "meshes/.m", "meshes/m");
    assert_true(store_has_changed(&fx, false));
    assert_ok(store_load(&fx));
    assert_changes(without, fx.snapshot, "m");
    assert_true(store_is_revoked(&fx, "m", "r1"));
    xg_snapshot_unref(without);
    xg_snapshot_unref(before);
    store_done(&fx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exactly_what_is_another_object_has_changed),
        cmocka_unit_test(test_a_change_is_told_once_among_many_meshes),
        cmocka_unit_test(test_a_load_tells_exactly_what_was_changed),
        cmocka_unit_test(test_a_set_that_was_refused_for_a_while_has_not_changed),
        cmocka_unit_test(test_a_mesh_that_went_and_came_back_has_changed),
    };
    return cmocka_run_group_tests_name("difference", tests, set_up, tear_down);
}
