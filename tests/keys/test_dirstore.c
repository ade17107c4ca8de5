/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_dirstore.c: what the directory store serves when its files are as they should be, and when they are not.
 *
 * Every scenario runs twice: with changes told by inotify, and found by the stat walk alone.
 */
#include "store_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A store with one of everything. Keys 1 to 3. */
static void make_good_store(store_fixture *fx)
{
    store_init(fx);
    store_key(fx, "meshes/m/keys/1.pem", 1);
    store_write(fx, "meshes/m/revoked", "r1\n");
    store_key(fx, "meshes/n/keys/1.pem", 4);
    store_key(fx, "zone/keys/1.pem", 2);
    store_write(fx, "zone/revoked", "z1\n");
    store_key(fx, "any-mesh/keys/9.pem", 3);
}

static void assert_all_fresh(const store_fixture *fx)
{
    assert_false(xg_snapshot_is_stale(fx->snapshot));
    assert_int_equal(fx->num_refusals, 0);
}

/* Loads the store, and uses up the first question, which always walks. */
static void load_good(store_fixture *fx)
{
    assert_ok(store_load(fx));
    assert_all_fresh(fx);
    assert_false(store_has_changed(fx, false));
    assert_false(store_has_changed(fx, true));
}

/* ---- what stands in the store serves ---- */

static void test_a_store_gives_its_sets(void **state)
{
    (void)state;
    store_fixture fx;
    make_good_store(&fx);
    store_key(&fx, "meshes/m/keys/2.pem", 5);
    store_write(&fx, "meshes/m/keys/3.retired", "");
    store_mkdir(&fx, "meshes/bare");
    store_mkdir(&fx, "meshes/bare/keys");
    store_mkdir(&fx, "meshes/.hidden");
    store_write(&fx, "meshes/m/keys/.hidden.pem", "no key");
    store_write(&fx, "meshes/m/keys/..data.pem", "no key");
    assert_true(store_has_changed(&fx, true)); /* it was never loaded */
    load_good(&fx);
    assert_int_equal(fx.num_warnings, 0);
    assert_int_equal(xg_snapshot_num_meshes(fx.snapshot), 3);
    assert_int_equal(store_num_keys(&fx, "m"), 3);
    assert_int_equal(store_num_keys(&fx, "bare"), 0);
    assert_non_null(store_set(&fx, "bare")->ring);
    assert_int_equal(store_num_keys(&fx, "zone"), 1);
    assert_int_equal(store_num_keys(&fx, "any-mesh"), 1);
    assert_true(store_has_kid(&fx, "m", "1"));
    assert_true(store_has_kid(&fx, "m", "2"));
    xg_pubkey *key = NULL;
    assert_reason(xg_keyring_find(store_set(&fx, "m")->ring, XG_STR("3"), &key), KEY_RETIRED);
    assert_true(store_is_revoked(&fx, "m", "r1"));
    assert_false(store_is_revoked(&fx, "m", "z1"));
    assert_true(store_is_revoked(&fx, "zone", "z1"));
    assert_null(store_set(&fx, "n")->revoked);
    store_done(&fx);
}

static void test_zone_and_any_mesh_may_be_absent(void **state)
{
    (void)state;
    store_fixture fx;
    store_init(&fx);
    load_good(&fx);
    assert_null(xg_snapshot_zone(fx.snapshot));
    assert_null(xg_snapshot_any_mesh(fx.snapshot));
    assert_int_equal(xg_snapshot_num_meshes(fx.snapshot), 0);
    store_key(&fx, "zone/keys/1.pem", 1);
    assert_true(store_has_changed(&fx, false));
    load_good(&fx);
    assert_int_equal(store_num_keys(&fx, "zone"), 1);
    store_key(&fx, "any-mesh/keys/1.pem", 2);
    assert_true(store_has_changed(&fx, true));
    load_good(&fx);
    assert_int_equal(store_num_keys(&fx, "any-mesh"), 1);
    store_done(&fx);
}

static void test_any_mesh_may_hold_a_list_alone(void **state)
{
    (void)state;
    store_fixture fx;
    store_init(&fx);
    store_write(&fx, "any-mesh/revoked", "r\n");
    load_good(&fx);
    assert_int_equal(store_num_keys(&fx, "any-mesh"), 0);
    assert_true(store_is_revoked(&fx, "any-mesh", "r"));
    store_done(&fx);
}

static void test_other_names_are_ignored_and_reported(void **state)
{
    (void)state;
    store_fixture fx;
    make_good_store(&fx);
    store_write(&fx, "meshes/m/keys/README", "?");
    store_write(&fx, "meshes/m/keys/2.pem~", "?");
    store_mkdir(&fx, "meshes/bad\xff");
    load_good(&fx);
    assert_int_equal(fx.num_warnings, 3);
    assert_non_null(strstr(fx.words, "mesh 'm': In 'keys', 'README' is ignored"));
    assert_non_null(strstr(fx.words, "mesh 'm': In 'keys', '2.pem~' is ignored"));
    assert_non_null(strstr(fx.words, "In 'meshes', 'bad\\xff' is ignored"));
    assert_int_equal(store_num_keys(&fx, "m"), 1);
    assert_int_equal(xg_snapshot_num_meshes(fx.snapshot), 2);
    xg_snapshot *loaded = NULL;
    assert_ok(xg_dirstore_load(fx.store, NULL, NULL, NULL, &loaded, NULL)); /* a report is optional */
    xg_snapshot_unref(loaded);
    store_done(&fx);
}

/* ---- changes that are meant ---- */

static void add_key(const store_fixture *fx)
{
    store_key(fx, "meshes/m/keys/2.pem", 12);
}
static void replace_key(const store_fixture *fx)
{
    store_key(fx, "meshes/m/keys/1.pem", 12);
}
static void replace_key_in_place(const store_fixture *fx)
{
    store_write_in_place(fx, "meshes/m/keys/1.pem", key_pem(12));
}
static void remove_key(const store_fixture *fx)
{
    store_remove(fx, "meshes/m/keys/1.pem");
}
static void retire_key(const store_fixture *fx)
{
    store_rename(fx, "meshes/m/keys/1.pem", "meshes/m/keys/1.retired");
}
static void rename_key(const store_fixture *fx)
{
    store_rename(fx, "meshes/m/keys/1.pem", "meshes/m/keys/2.pem");
}
static void link_key(const store_fixture *fx)
{
    store_key(fx, "meshes/m/..pool/k", 12);
    store_link(fx, "../..pool/k", "meshes/m/keys/2.pem");
}
static void revoke_another(const store_fixture *fx)
{
    store_write(fx, "meshes/m/revoked", "r1,r2");
}
static void revoke_another_in_place(const store_fixture *fx)
{
    store_write_in_place(fx, "meshes/m/revoked", "r1\nr2\n");
}
static void lift(const store_fixture *fx)
{
    store_write(fx, "meshes/m/revoked", "# none\n");
}
static void add_mesh(const store_fixture *fx)
{
    store_key(fx, "meshes/m2/keys/1.pem", 12);
}
static void remove_mesh(const store_fixture *fx)
{
    store_remove(fx, "meshes/m");
}
static void rename_mesh(const store_fixture *fx)
{
    store_rename(fx, "meshes/m", "meshes/m2");
}
static void first_list(const store_fixture *fx)
{
    store_write(fx, "meshes/n/revoked", "n1");
}
static void share_nothing_but_a_directory(const store_fixture *fx)
{
    store_mkdir(fx, "meshes/m2");
    store_mkdir(fx, "pool");
    store_link(fx, "../../pool", "meshes/m2/keys");
}

typedef void store_change(const store_fixture *fx);

static void test_changes_take_effect(void **state)
{
    (void)state;
    static const struct {
        store_change *change;
        int num_meshes, m_keys, m2_keys;
        bool has_1, has_2, is_r1, is_r2, is_n1;
    } rows[] = {
        {add_key, 2, 2, -1, true, true, true, false, false},
        {replace_key, 2, 1, -1, true, false, true, false, false},
        {replace_key_in_place, 2, 1, -1, true, false, true, false, false},
        {remove_key, 2, 0, -1, false, false, true, false, false},
        {retire_key, 2, 1, -1, false, false, true, false, false},
        {rename_key, 2, 1, -1, false, true, true, false, false},
        {link_key, 2, 2, -1, true, true, true, false, false},
        {revoke_another, 2, 1, -1, true, false, true, true, false},
        {revoke_another_in_place, 2, 1, -1, true, false, true, true, false},
        {lift, 2, 1, -1, true, false, false, false, false},
        {add_mesh, 3, 1, 1, true, false, true, false, false},
        {remove_mesh, 1, -1, -1, false, false, false, false, false},
        {rename_mesh, 2, -1, 1, false, false, false, false, false},
        {first_list, 2, 1, -1, true, false, true, false, true},
        {share_nothing_but_a_directory, 3, 1, 0, true, false, true, false, false},
    };
    for (size_t i = 0; i < XG_ARRAY_LEN(rows) * 2; i++) {
        bool by_poll = i % 2 == 0;
        store_fixture fx;
        make_good_store(&fx);
        load_good(&fx);
        rows[i / 2].change(&fx);
        assert_true(store_has_changed(&fx, by_poll));
        load_good(&fx);
        assert_int_equal(xg_snapshot_num_meshes(fx.snapshot), rows[i / 2].num_meshes);
        assert_int_equal(store_num_keys(&fx, "m"), rows[i / 2].m_keys);
        assert_int_equal(store_num_keys(&fx, "m2"), rows[i / 2].m2_keys);
        assert_int_equal(store_has_kid(&fx, "m", "1"), rows[i / 2].has_1);
        assert_int_equal(store_has_kid(&fx, "m", "2"), rows[i / 2].has_2);
        assert_int_equal(store_is_revoked(&fx, "m", "r1"), rows[i / 2].is_r1);
        assert_int_equal(store_is_revoked(&fx, "m", "r2"), rows[i / 2].is_r2);
        assert_int_equal(store_is_revoked(&fx, "n", "n1"), rows[i / 2].is_n1);
        store_done(&fx);
    }
}

static void test_a_write_of_the_same_length_is_not_missed(void **state)
{
    (void)state;
    store_fixture fx;
    make_good_store(&fx);
    load_good(&fx);
    /* At once, again and again: within one tick of the clock that stamps files. */
    for (int i = 0; i < 50; i++) {
        char text[16];
        snprintf(text, sizeof(text), "r%02d", i);
        store_write_in_place(&fx, "meshes/m/revoked", text);
        assert_ok(store_load(&fx));
        assert_true(store_is_revoked(&fx, "m", text));
    }
    store_done(&fx);
}

/* ---- Kubernetes: everything behind one link that is swapped ---- */

static void project(const store_fixture *fx, const char *base, const char *version, unsigned key, const char *list)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/..%s/keys/1.pem", base, version);
    store_key(fx, path, key);
    snprintf(path, sizeof(path), "%s/..%s/revoked", base, version);
    store_write(fx, path, list);
}

static void swap_data(const store_fixture *fx, const char *base, const char *version)
{
    char target[64];
    char link[256];
    char temporary[256];
    snprintf(target, sizeof(target), "..%s", version);
    snprintf(link, sizeof(link), "%s/..data", base);
    snprintf(temporary, sizeof(temporary), "%s/..data_tmp", base);
    store_link(fx, target, temporary);
    store_rename(fx, temporary, link);
}

static void test_a_swap_of_the_data_link_is_one_change(void **state)
{
    (void)state;
    /* Where the Secret is mounted, and the links that a mount has beside ..data. */
    static const struct {
        const char *base;
        const char *links[4];
    } rows[] = {
        {"meshes/m", {"..data/keys", "meshes/m/keys", "..data/revoked", "meshes/m/revoked"}},
        {".", {"../..data", "meshes/m", NULL, NULL}},
    };
    for (size_t i = 0; i < XG_ARRAY_LEN(rows) * 2; i++) {
        bool by_poll = i % 2 == 0;
        const char *base = rows[i / 2].base;
        store_fixture fx;
        store_init(&fx);
        project(&fx, base, "v1", 1, "r1");
        swap_data(&fx, base, "v1");
        store_link(&fx, rows[i / 2].links[0], rows[i / 2].links[1]);
        if (rows[i / 2].links[2] != NULL) {
            store_link(&fx, rows[i / 2].links[2], rows[i / 2].links[3]);
        }
        load_good(&fx);
        const xg_keyring *first = store_set(&fx, "m")->ring;
        assert_true(store_is_revoked(&fx, "m", "r1"));
        project(&fx, base, "v2", 2, "r2");
        swap_data(&fx, base, "v2");
        assert_true(store_has_changed(&fx, by_poll));
        load_good(&fx);
        assert_ptr_not_equal(store_set(&fx, "m")->ring, first);
        assert_true(store_is_revoked(&fx, "m", "r2"));
        assert_false(store_is_revoked(&fx, "m", "r1"));
        /* A bad version is refused, and the next good one serves again. */
        project(&fx, base, "v3", 3, "@oops");
        swap_data(&fx, base, "v3");
        assert_true(store_has_changed(&fx, by_poll));
        assert_ok(store_load(&fx));
        assert_true(store_set(&fx, "m")->is_stale);
        assert_true(store_is_revoked(&fx, "m", "r2"));
        project(&fx, base, "v4", 4, "r4");
        swap_data(&fx, base, "v4");
        assert_true(store_has_changed(&fx, by_poll));
        load_good(&fx);
        assert_true(store_is_revoked(&fx, "m", "r4"));
        store_done(&fx);
    }
}

/* ---- trouble in one set ---- */

static const char HALF_PEM[] = "-----BEGIN RSA PUBLIC KEY-----\nMIIBCgKCAQEA1LEgP3apKGjNW/aTtLEVEqEStZS1XVgY27GD2dlO\n";

static void half_key(const store_fixture *fx)
{
    store_write(fx, "meshes/m/keys/1.pem", HALF_PEM);
}
static void half_key_in_place(const store_fixture *fx)
{
    store_write_in_place(fx, "meshes/m/keys/1.pem", HALF_PEM);
}
static void empty_key(const store_fixture *fx)
{
    store_write_in_place(fx, "meshes/m/keys/1.pem", "");
}
static void second_key_half(const store_fixture *fx)
{
    store_write(fx, "meshes/m/keys/2.pem", HALF_PEM);
}
static void long_key(const store_fixture *fx)
{
    char text[17000];
    memset(text, '\n', sizeof(text));
    snprintf(text + sizeof(text) - 600, 600, "%s", key_pem(12));
    store_write(fx, "meshes/m/keys/1.pem", text);
}
static void key_is_directory(const store_fixture *fx)
{
    store_remove(fx, "meshes/m/keys/1.pem");
    store_mkdir(fx, "meshes/m/keys/1.pem");
}
static void key_is_fifo(const store_fixture *fx)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/meshes/m/keys/2.pem", fx->root);
    assert_int_equal(mkfifo(path, 0644), 0);
}
static void key_is_dangling(const store_fixture *fx)
{
    store_remove(fx, "meshes/m/keys/1.pem");
    store_link(fx, "nowhere", "meshes/m/keys/1.pem");
}
static void key_is_loop(const store_fixture *fx)
{
    store_link(fx, "2.pem", "meshes/m/keys/2.pem");
}
static void key_leaves_store(const store_fixture *fx)
{
    store_rename(fx, "meshes/m/keys/1.pem", "../outside.pem");
    store_link(fx, "../../../../outside.pem", "meshes/m/keys/1.pem");
}
static void key_is_absolute(const store_fixture *fx)
{
    char target[256];
    snprintf(target, sizeof(target), "%s/meshes/m/k", fx->root);
    store_rename(fx, "meshes/m/keys/1.pem", "meshes/m/k");
    store_link(fx, target, "meshes/m/keys/1.pem");
}
static void key_is_for_everyone(const store_fixture *fx)
{
    store_chmod(fx, "meshes/m/keys/1.pem", 0646);
}
static void kid_is_padded(const store_fixture *fx)
{
    store_key(fx, "meshes/m/keys/02.pem", 12);
}
static void kid_is_twice(const store_fixture *fx)
{
    store_write(fx, "meshes/m/keys/1.retired", "");
}
static void kid_is_too_long(const store_fixture *fx)
{
    char path[128];
    snprintf(path, sizeof(path), "meshes/m/keys/%064d.pem", 1);
    path[strlen("meshes/m/keys/")] = 'a';
    store_key(fx, path, 12);
}
static void kid_is_no_text(const store_fixture *fx)
{
    store_key(fx, "meshes/m/keys/a\xff.pem", 12);
}
static void key_is_twice(const store_fixture *fx)
{
    store_key(fx, "meshes/m/keys/2.pem", 1);
}
static void key_is_the_zones(const store_fixture *fx)
{
    store_key(fx, "meshes/m/keys/2.pem", 2);
}
static void key_is_for_any_mesh(const store_fixture *fx)
{
    store_key(fx, "meshes/m/keys/2.pem", 3);
}
static void key_is_of_another_mesh(const store_fixture *fx)
{
    store_key(fx, "meshes/m/keys/2.pem", 4);
}
static void too_many_keys(const store_fixture *fx)
{
    for (int i = 0; i < 1024; i++) {
        char path[64];
        snprintf(path, sizeof(path), "meshes/m/keys/%d.retired", i + 2);
        store_write_in_place(fx, path, "");
    }
}
static void keys_are_gone(const store_fixture *fx)
{
    store_remove(fx, "meshes/m/keys");
}
static void keys_are_a_file(const store_fixture *fx)
{
    keys_are_gone(fx);
    store_write(fx, "meshes/m/keys", "");
}
static void keys_leave_store(const store_fixture *fx)
{
    store_rename(fx, "meshes/m/keys", "../keys");
    store_link(fx, "../../../keys", "meshes/m/keys");
}
static void mesh_is_a_file(const store_fixture *fx)
{
    store_remove(fx, "meshes/m");
    store_write(fx, "meshes/m", "");
}
static void mesh_is_dangling(const store_fixture *fx)
{
    store_remove(fx, "meshes/m");
    store_link(fx, "nowhere", "meshes/m");
}
static void mesh_is_a_loop(const store_fixture *fx)
{
    store_remove(fx, "meshes/m");
    store_link(fx, "m", "meshes/m");
}
static void list_is_bad(const store_fixture *fx)
{
    store_write(fx, "meshes/m/revoked", "r1\n@kid 1 2\n");
}
static void list_is_too_long(const store_fixture *fx)
{
    char text[512] = "";
    for (size_t i = 0; i <= 100; i++) {
        snprintf(text + i * 4, 5, "%03zu,", i);
    }
    store_write(fx, "meshes/m/revoked", text);
}
static void list_is_gone(const store_fixture *fx)
{
    store_remove(fx, "meshes/m/revoked");
}
static void list_is_empty(const store_fixture *fx)
{
    store_write_in_place(fx, "meshes/m/revoked", "");
}
static void list_is_directory(const store_fixture *fx)
{
    store_remove(fx, "meshes/m/revoked");
    store_mkdir(fx, "meshes/m/revoked");
}
static void list_is_dangling(const store_fixture *fx)
{
    store_remove(fx, "meshes/m/revoked");
    store_link(fx, "nowhere", "meshes/m/revoked");
}
static void list_is_a_loop(const store_fixture *fx)
{
    store_remove(fx, "meshes/m/revoked");
    store_link(fx, "revoked", "meshes/m/revoked");
}
static void list_leaves_store(const store_fixture *fx)
{
    store_rename(fx, "meshes/m/revoked", "../revoked");
    store_link(fx, "../../../revoked", "meshes/m/revoked");
}
static void list_is_for_everyone(const store_fixture *fx)
{
    store_chmod(fx, "meshes/m/revoked", 0666);
}

/* Each breaks mesh m of the good store in one way. needs_last: harmless if there never was a good set. */
static const struct breakage {
    store_change *change;
    uint32_t reason;
    const char *words;
    bool needs_last;
} BREAKAGES[] = {
    {half_key, XG_REASON_KEY_FILE, "mesh 'm': 'keys/1.pem' is refused. ", false},
    {half_key_in_place, XG_REASON_KEY_FILE, "'keys/1.pem'", false},
    {empty_key, XG_REASON_KEY_FILE, "'keys/1.pem'", false},
    {second_key_half, XG_REASON_KEY_FILE, "'keys/2.pem'", false},
    {long_key, XG_REASON_STORE_UNREADABLE, "'keys/1.pem' cannot be read: it is too large", false},
    {key_is_directory, XG_REASON_STORE_UNREADABLE, "'keys/1.pem' cannot be read: it is not a regular file", false},
    {key_is_fifo, XG_REASON_STORE_UNREADABLE, "'keys/2.pem' cannot be read: it is not a regular file", false},
    {key_is_dangling, XG_REASON_STORE_UNREADABLE, "'keys/1.pem' cannot be read: No such file", false},
    {key_is_loop, XG_REASON_STORE_UNREADABLE, "'keys/2.pem' cannot be read: Too many levels", false},
    {key_leaves_store, XG_REASON_STORE_UNREADABLE, "'keys/1.pem' cannot be read: it is a link that leaves", false},
    {key_is_absolute, XG_REASON_STORE_UNREADABLE, "'keys/1.pem' cannot be read: it is a link that leaves", false},
    {key_is_for_everyone, XG_REASON_STORE_UNREADABLE, "'keys/1.pem' may be written by everyone", false},
    {kid_is_padded, XG_REASON_KID_PADDED, "'keys/02.pem': ", false},
    {kid_is_twice, XG_REASON_KID_TWICE, "'keys/1.retired': ", false},
    {kid_is_too_long, XG_REASON_KID_INVALID, "a kid is 1 to 63 bytes", false},
    {kid_is_no_text, XG_REASON_KID_INVALID, "'keys/a\\xff.pem': a kid is", false},
    {key_is_twice, XG_REASON_KEY_SHARED, "'keys/2.pem' holds a key that the set has under another kid", false},
    {key_is_the_zones, XG_REASON_KEY_SHARED, "mesh 'm': Its key '2' is also key '1' of zone.", true},
    {key_is_for_any_mesh, XG_REASON_KEY_SHARED, "Its key '2' is also key '9' of any-mesh.", true},
    {key_is_of_another_mesh, XG_REASON_KEY_SHARED, "Its key '2' is also key '1' of mesh 'n'.", true},
    {too_many_keys, XG_REASON_STORE_UNREADABLE, "'keys' cannot be read: it holds too many files", false},
    {keys_are_gone, XG_REASON_STORE_UNREADABLE, "There is no directory 'keys'", false},
    {keys_are_a_file, XG_REASON_STORE_UNREADABLE, "'keys' cannot be read: Not a directory", false},
    {keys_leave_store, XG_REASON_STORE_UNREADABLE, "'keys' cannot be read: it is a link that leaves", false},
    {mesh_is_a_file, XG_REASON_STORE_UNREADABLE, "'keys' cannot be read: Not a directory", false},
    {mesh_is_dangling, XG_REASON_STORE_UNREADABLE, "mesh 'm': Its directory is gone", false},
    {mesh_is_a_loop, XG_REASON_STORE_UNREADABLE, "'directory' cannot be read: Too many levels", false},
    {list_is_bad, XG_REASON_LIST_INVALID, "'revoked', line 2: expected one value", false},
    {list_is_too_long, XG_REASON_LIST_INVALID, "more than the 100 ids allowed", false},
    {list_is_gone, XG_REASON_STORE_UNREADABLE, "'revoked' is gone", true},
    {list_is_empty, XG_REASON_LIST_INVALID, "'revoked' has become empty", true},
    {list_is_directory, XG_REASON_STORE_UNREADABLE, "'revoked' cannot be read: it is not a regular file", false},
    {list_is_dangling, XG_REASON_STORE_UNREADABLE, "'revoked' is gone", true},
    {list_is_a_loop, XG_REASON_STORE_UNREADABLE, "'revoked' cannot be read: Too many levels", false},
    {list_leaves_store, XG_REASON_STORE_UNREADABLE, "'revoked' cannot be read: it is a link that leaves", false},
    {list_is_for_everyone, XG_REASON_STORE_UNREADABLE, "'revoked' may be written by everyone", false},
};

static void assert_last_good_serves(const store_fixture *fx, const xg_keyring *ring)
{
    const xg_keyset *mesh = store_set(fx, "m");
    assert_true(mesh->is_stale);
    assert_ptr_equal(mesh->ring, ring);
    assert_true(store_is_revoked(fx, "m", "r1"));
    assert_true(xg_snapshot_is_stale(fx->snapshot));
    assert_int_equal(fx->num_refusals, 1);
    /* and nobody else notices */
    assert_false(store_set(fx, "n")->is_stale);
    assert_false(store_set(fx, "zone")->is_stale);
    assert_false(store_set(fx, "any-mesh")->is_stale);
}

static void test_the_last_good_set_serves_flagged_until_the_store_is_good_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(BREAKAGES) * 2; i++) {
        const struct breakage *row = &BREAKAGES[i / 2];
        bool by_poll = i % 2 == 0;
        store_fixture fx;
        make_good_store(&fx);
        load_good(&fx);
        const xg_keyring *ring = store_set(&fx, "m")->ring;
        row->change(&fx);
        assert_true(store_has_changed(&fx, by_poll));
        assert_ok(store_load(&fx));
        assert_last_good_serves(&fx, ring);
        assert_int_equal(fx.last_reason, row->reason);
        assert_non_null(strstr(fx.words, row->words));
        assert_non_null(strstr(fx.words, " The last good set goes on serving."));
        /* Nothing to be done until something changes; asked anyway, the answer stays. */
        assert_false(store_has_changed(&fx, false));
        assert_false(store_has_changed(&fx, true));
        assert_ok(store_load(&fx));
        assert_last_good_serves(&fx, ring);
        store_remove(&fx, "meshes/m");
        store_key(&fx, "meshes/m/keys/7.pem", 7);
        store_write(&fx, "meshes/m/revoked", "r7");
        assert_true(store_has_changed(&fx, by_poll));
        load_good(&fx);
        assert_true(store_has_kid(&fx, "m", "7"));
        assert_false(store_has_kid(&fx, "m", "1"));
        assert_true(store_is_revoked(&fx, "m", "r7"));
        store_done(&fx);
    }
}

static void test_a_set_that_never_was_good_denies(void **state)
{
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(BREAKAGES); i++) {
        const struct breakage *row = &BREAKAGES[i];
        if (row->needs_last) {
            continue;
        }
        store_fixture fx;
        make_good_store(&fx);
        row->change(&fx);
        assert_ok(store_load(&fx));
        assert_int_equal(fx.num_refusals, 1);
        assert_int_equal(fx.last_reason, row->reason);
        assert_non_null(strstr(fx.words, " No good set is known: its tokens are denied."));
        assert_true(xg_snapshot_is_stale(fx.snapshot));
        xg_trust trust;
        assert_reason(xg_snapshot_find_mesh(fx.snapshot, XG_STR("m"), &trust), KEYS_UNUSABLE);
        assert_ok(xg_snapshot_find_mesh(fx.snapshot, XG_STR("n"), &trust));
        assert_ok(xg_snapshot_find_zone(fx.snapshot, &trust));
        store_done(&fx);
    }
}

static void test_a_list_may_be_empty_or_missing_as_long_as_nothing_is_lost(void **state)
{
    (void)state;
    store_fixture fx;
    make_good_store(&fx);
    store_remove(&fx, "meshes/m/revoked");
    load_good(&fx);
    assert_null(store_set(&fx, "m")->revoked);
    store_write(&fx, "meshes/m/revoked", "");
    load_good(&fx);
    assert_non_null(store_set(&fx, "m")->revoked);
    store_write(&fx, "meshes/m/revoked", "# none\n");
    load_good(&fx);
    store_write(&fx, "meshes/m/revoked", "");
    load_good(&fx);
    store_done(&fx);
}

static void test_zone_and_any_mesh_do_not_vanish(void **state)
{
    (void)state;
    static const char *const names[] = {"zone", "any-mesh"};
    for (size_t i = 0; i < XG_ARRAY_LEN(names) * 2; i++) {
        const char *name = names[i / 2];
        bool by_poll = i % 2 == 0;
        store_fixture fx;
        make_good_store(&fx);
        load_good(&fx);
        store_rename(&fx, name, "aside");
        assert_true(store_has_changed(&fx, by_poll));
        assert_ok(store_load(&fx));
        assert_int_equal(fx.num_refusals, 1);
        assert_non_null(strstr(fx.words, ": Its directory is gone. Put it back."));
        assert_int_equal(store_num_keys(&fx, name), 1);
        assert_true(store_set(&fx, name)->is_stale);
        store_rename(&fx, "aside", name);
        assert_true(store_has_changed(&fx, by_poll));
        load_good(&fx);
        assert_int_equal(store_num_keys(&fx, name), 1);
        store_done(&fx);
    }
}

static void test_a_zone_that_never_was_good_may_go(void **state)
{
    (void)state;
    store_fixture fx;
    make_good_store(&fx);
    store_write(&fx, "zone/keys/1.pem", HALF_PEM);
    assert_ok(store_load(&fx));
    xg_trust trust;
    assert_reason(xg_snapshot_find_zone(fx.snapshot, &trust), KEYS_UNUSABLE);
    assert_non_null(strstr(fx.words, "zone: 'keys/1.pem' is refused."));
    store_remove(&fx, "zone");
    load_good(&fx);
    assert_reason(xg_snapshot_find_zone(fx.snapshot, &trust), ZONE_UNKNOWN);
    store_done(&fx);
}

/* ---- trouble with the whole store ---- */

static void root_is_gone(const store_fixture *fx)
{
    store_rename(fx, "../store", "../aside");
}
static void root_is_back(const store_fixture *fx)
{
    char from[96];
    snprintf(from, sizeof(from), "%s/aside", fx->dir);
    assert_int_equal(rename(from, fx->root), 0);
}
static void meshes_are_gone(const store_fixture *fx)
{
    store_rename(fx, "meshes", "aside");
}
static void meshes_are_back(const store_fixture *fx)
{
    store_rename(fx, "aside", "meshes");
}
static void meshes_are_a_file(const store_fixture *fx)
{
    store_rename(fx, "meshes", "aside");
    store_write(fx, "meshes", "");
}
static void meshes_are_no_file(const store_fixture *fx)
{
    store_remove(fx, "meshes");
    store_rename(fx, "aside", "meshes");
}
static void too_many_meshes(const store_fixture *fx)
{
    for (int i = 0; i < 1000; i++) {
        char path[64];
        snprintf(path, sizeof(path), "meshes/x%d", i);
        store_mkdir(fx, path);
    }
}
static void fewer_meshes(const store_fixture *fx)
{
    for (int i = 0; i < 1000; i++) {
        char path[64];
        snprintf(path, sizeof(path), "meshes/x%d", i);
        store_remove(fx, path);
    }
}

static void test_an_unreadable_store_leaves_the_last_snapshot_serving(void **state)
{
    (void)state;
    static const struct {
        store_change *change;
        store_change *repair;
        const char *words;
    } rows[] = {
        {root_is_gone, root_is_back, "/store' cannot be read: No such file or directory."},
        {meshes_are_gone, meshes_are_back, "/store'/meshes cannot be read: No such file or directory."},
        {meshes_are_a_file, meshes_are_no_file, "/store'/meshes cannot be read: Not a directory."},
        {too_many_meshes, fewer_meshes, "it holds more than the 1000 meshes allowed"},
    };
    for (size_t i = 0; i < XG_ARRAY_LEN(rows) * 2; i++) {
        bool by_poll = i % 2 == 0;
        store_fixture fx;
        make_good_store(&fx);
        load_good(&fx);
        xg_snapshot *last = fx.snapshot;
        rows[i / 2].change(&fx);
        assert_true(store_has_changed(&fx, by_poll));
        assert_reason(store_load(&fx), STORE_UNREADABLE);
        assert_non_null(strstr(fx.error, rows[i / 2].words));
        assert_ptr_equal(fx.snapshot, last);
        /* Not again before the next poll, but then, whatever it was. */
        assert_false(store_has_changed(&fx, false));
        assert_true(store_has_changed(&fx, true));
        assert_reason(store_load(&fx), STORE_UNREADABLE);
        rows[i / 2].repair(&fx);
        assert_true(store_has_changed(&fx, true));
        load_good(&fx);
        assert_int_equal(store_num_keys(&fx, "m"), 1);
        store_done(&fx);
    }
}

static void test_a_replaced_root_is_noticed(void **state)
{
    (void)state;
    for (int by_poll = 0; by_poll < 2; by_poll++) {
        store_fixture fx;
        make_good_store(&fx);
        load_good(&fx);
        root_is_gone(&fx);
        assert_int_equal(mkdir(fx.root, 0755), 0);
        store_key(&fx, "meshes/other/keys/1.pem", 1);
        store_key(&fx, "zone/keys/1.pem", 2);
        store_write(&fx, "zone/revoked", "z1");
        store_key(&fx, "any-mesh/keys/1.pem", 3);
        assert_true(store_has_changed(&fx, by_poll != 0));
        load_good(&fx);
        assert_int_equal(store_num_keys(&fx, "m"), -1);
        assert_int_equal(store_num_keys(&fx, "other"), 1);
        store_done(&fx);
    }
}

static void test_open_wants_a_directory(void **state)
{
    (void)state;
    store_fixture fx;
    make_good_store(&fx);
    static const char *const below[] = {"/nowhere", "/zone/revoked"};
    for (size_t i = 0; i < XG_ARRAY_LEN(below); i++) {
        char path[128];
        snprintf(path, sizeof(path), "%s%s", fx.root, below[i]);
        xg_dirstore_limits limits = {.meshes = 1, .revoked_ids = 1};
        xg_dirstore *store = NULL;
        char words[256];
        xg_text text;
        xg_text_init(&text, words, sizeof(words));
        assert_reason(xg_dirstore_open(path, fx.crypto, &limits, &store, &text), STORE_UNREADABLE);
        assert_null(store);
        assert_non_null(strstr(words, below[i]));
        assert_reason(xg_dirstore_open(path, fx.crypto, &limits, &store, NULL), STORE_UNREADABLE);
    }
    xg_dirstore_close(NULL);
    store_done(&fx);
}

static void test_a_relative_path_survives_a_change_of_directory(void **state)
{
    (void)state;
    store_fixture fx;
    make_good_store(&fx);
    char *before = getcwd(NULL, 0);
    assert_non_null(before);
    assert_int_equal(chdir(fx.dir), 0);
    xg_dirstore_limits limits = {.meshes = SIZE_MAX, .revoked_ids = SIZE_MAX};
    xg_dirstore *store = NULL;
    assert_ok(xg_dirstore_open("store", fx.crypto, &limits, &store, NULL));
    assert_int_equal(chdir(before), 0);
    free(before);
    xg_snapshot *snapshot = NULL;
    assert_ok(xg_dirstore_load(store, NULL, NULL, NULL, &snapshot, NULL));
    assert_int_equal(xg_snapshot_num_meshes(snapshot), 2);
    xg_snapshot_unref(snapshot);
    xg_dirstore_close(store);
    store_done(&fx);
}

/* ---- what did not change is not read again ---- */

static const xg_pubkey *key_of(const store_fixture *fx, const char *set, const char *kid)
{
    xg_pubkey *key = NULL;
    assert_ok(xg_keyring_find(store_set(fx, set)->ring, xg_str_of(kid), &key));
    return key;
}

static void test_unchanged_keys_and_lists_are_carried_over(void **state)
{
    (void)state;
    for (int is_partial = 0; is_partial < 2; is_partial++) {
        store_fixture fx;
        make_good_store(&fx);
        load_good(&fx);
        const xg_keyring *zone = store_set(&fx, "zone")->ring;
        const xg_keyring *other = store_set(&fx, "n")->ring;
        const xg_pubkey *key = key_of(&fx, "m", "1");
        const xg_revocations *list = store_set(&fx, "m")->revoked;
        store_key(&fx, "meshes/m/keys/0.pem", 12);
        store_write(&fx, "meshes/m/keys/5.retired", "");
        assert_true(is_partial == 0 || store_has_changed(&fx, false));
        load_good(&fx);
        assert_ptr_equal(store_set(&fx, "zone")->ring, zone);
        assert_ptr_equal(store_set(&fx, "n")->ring, other);
        assert_ptr_equal(key_of(&fx, "m", "1"), key);
        assert_ptr_equal(store_set(&fx, "m")->revoked, list);
        assert_int_equal(store_num_keys(&fx, "m"), 3);
        /* Nothing changed at all: everything is the same. */
        const xg_keyring *ring = store_set(&fx, "m")->ring;
        load_good(&fx);
        assert_ptr_equal(store_set(&fx, "m")->ring, ring);
        store_done(&fx);
    }
}

static void test_good_files_of_a_refused_set_are_carried_over(void **state)
{
    (void)state;
    store_fixture fx;
    make_good_store(&fx);
    load_good(&fx);
    const xg_pubkey *key = key_of(&fx, "m", "1");
    second_key_half(&fx);
    assert_ok(store_load(&fx));
    store_remove(&fx, "meshes/m/keys/2.pem");
    load_good(&fx);
    assert_ptr_equal(key_of(&fx, "m", "1"), key);
    store_done(&fx);
}

static void test_a_fallback_comes_from_the_snapshot_that_is_passed(void **state)
{
    (void)state;
    store_fixture fx;
    make_good_store(&fx);
    load_good(&fx);
    half_key(&fx);
    assert_true(store_has_changed(&fx, false));
    xg_snapshot *loaded = NULL;
    assert_ok(xg_dirstore_load(fx.store, NULL, NULL, NULL, &loaded, NULL));
    xg_trust trust;
    assert_reason(xg_snapshot_find_mesh(loaded, XG_STR("m"), &trust), KEYS_UNUSABLE);
    xg_snapshot_unref(loaded);
    /* With the old one it serves again, though the store has loaded another one since. */
    assert_ok(store_load(&fx));
    assert_int_equal(store_num_keys(&fx, "m"), 1);
    assert_true(store_set(&fx, "m")->is_stale);
    store_done(&fx);
}

/* ---- one key, one set ---- */

static void test_sets_that_share_a_key_from_the_start_are_all_refused(void **state)
{
    (void)state;
    store_fixture fx;
    make_good_store(&fx);
    store_key(&fx, "meshes/a/keys/7.pem", 20);
    store_key(&fx, "meshes/b/keys/8.pem", 20);
    store_key(&fx, "meshes/c/keys/9.pem", 20);
    for (int i = 0; i < 2; i++) { /* looking again changes nothing */
        assert_ok(store_load(&fx));
        assert_int_equal(fx.num_refusals, 3);
        assert_int_equal(fx.last_reason, XG_REASON_KEY_SHARED);
        assert_non_null(strstr(fx.words, "mesh 'b': Its key '8' is also key '7' of mesh 'a'."));
        assert_int_equal(store_num_keys(&fx, "a"), 0);
        assert_int_equal(store_num_keys(&fx, "b"), 0);
        assert_int_equal(store_num_keys(&fx, "c"), 0);
        assert_int_equal(store_num_keys(&fx, "m"), 1);
    }
    assert_false(store_has_changed(&fx, false));
    store_remove(&fx, "meshes/b");
    store_key(&fx, "meshes/c/keys/9.pem", 21);
    assert_true(store_has_changed(&fx, true));
    load_good(&fx);
    assert_int_equal(store_num_keys(&fx, "a"), 1); /* although nothing of a's own changed */
    assert_int_equal(store_num_keys(&fx, "c"), 1);
    store_done(&fx);
}

/* Whoever writes mesh a must not hold up what b revokes. */
static void test_who_copies_a_key_is_refused_alone(void **state)
{
    (void)state;
    static const char *const VICTIMS[] = {"meshes/b", "zone", "any-mesh"};
    for (size_t i = 0; i < XG_ARRAY_LEN(VICTIMS); i++) {
        char path[64];
        const char *name = i == 0 ? "b" : VICTIMS[i];
        store_fixture fx;
        store_init(&fx);
        store_key(&fx, "meshes/a/keys/1.pem", 20);
        (void)snprintf(path, sizeof(path), "%s/keys/1.pem", VICTIMS[i]);
        store_key(&fx, path, 21);
        load_good(&fx);
        store_key(&fx, "meshes/a/keys/9.pem", 21);
        assert_true(store_has_changed(&fx, false));
        assert_ok(store_load(&fx));
        assert_true(store_set(&fx, "a")->is_stale);
        (void)snprintf(path, sizeof(path), "%s/revoked", VICTIMS[i]);
        store_write(&fx, path, "j-1");
        assert_true(store_has_changed(&fx, false));
        assert_ok(store_load(&fx));
        assert_true(store_set(&fx, "a")->is_stale);
        assert_false(store_set(&fx, name)->is_stale);
        assert_true(store_is_revoked(&fx, name, "j-1"));
        store_done(&fx);
    }
}

static void test_a_repaired_neighbour_is_enough(void **state)
{
    (void)state;
    store_fixture fx;
    store_init(&fx);
    store_key(&fx, "meshes/a/keys/1.pem", 20);
    store_key(&fx, "meshes/b/keys/1.pem", 20);
    assert_ok(store_load(&fx));
    assert_int_equal(fx.num_refusals, 2);
    assert_false(store_has_changed(&fx, false));
    store_key(&fx, "meshes/b/keys/1.pem", 21);
    assert_true(store_has_changed(&fx, false)); /* a partial load */
    load_good(&fx);
    assert_int_equal(store_num_keys(&fx, "a"), 1);
    store_done(&fx);
}

static void test_a_key_may_move_from_one_set_to_another(void **state)
{
    (void)state;
    store_fixture fx;
    make_good_store(&fx);
    load_good(&fx);
    store_rename(&fx, "meshes/m/keys/1.pem", "meshes/n/keys/2.pem");
    assert_true(store_has_changed(&fx, false));
    load_good(&fx);
    assert_int_equal(store_num_keys(&fx, "m"), 0);
    assert_int_equal(store_num_keys(&fx, "n"), 2);
    store_done(&fx);
}

static void test_a_retired_kid_shares_nothing(void **state)
{
    (void)state;
    store_fixture fx;
    make_good_store(&fx);
    store_write(&fx, "meshes/m/keys/5.retired", key_pem(4));
    store_write(&fx, "meshes/n/keys/5.retired", key_pem(4));
    load_good(&fx);
    store_done(&fx);
}

/* The last good keys of a refused set serve on, so nobody may take them over meanwhile. */
static void test_the_keys_of_a_stale_set_are_still_taken(void **state)
{
    (void)state;
    store_fixture fx;
    make_good_store(&fx);
    load_good(&fx);
    half_key(&fx);                               /* m goes on with key 1 */
    store_key(&fx, "meshes/n/keys/1.pem", 1);    /* which n takes over */
    store_key(&fx, "meshes/late/keys/1.pem", 4); /* and this is n's, who has to go on with it */
    assert_ok(store_load(&fx));
    assert_int_equal(fx.num_refusals, 3);
    assert_true(store_set(&fx, "m")->is_stale);
    assert_true(store_set(&fx, "n")->is_stale);
    assert_int_equal(store_num_keys(&fx, "late"), 0);
    assert_true(store_has_kid(&fx, "n", "1"));
    store_key(&fx, "meshes/m/keys/1.pem", 12);
    load_good(&fx);
    assert_int_equal(store_num_keys(&fx, "late"), 1);
    store_done(&fx);
}

static void test_a_long_chain_of_take_overs_is_cut(void **state)
{
    (void)state;
    enum { NUM_MESHES = 14 };
    store_fixture fx;
    store_init(&fx);
    char path[64];
    for (unsigned i = 0; i < NUM_MESHES; i++) {
        snprintf(path, sizeof(path), "meshes/c%02u/keys/1.pem", i);
        store_key(&fx, path, 100 + i);
    }
    load_good(&fx);
    /* Each takes its predecessor's key; the first one breaks and has to keep its own. */
    store_write(&fx, "meshes/c00/keys/1.pem", HALF_PEM);
    for (unsigned i = 1; i < NUM_MESHES; i++) {
        snprintf(path, sizeof(path), "meshes/c%02u/keys/1.pem", i);
        store_key(&fx, path, 100 + i - 1);
    }
    assert_ok(store_load(&fx));
    assert_int_equal(fx.num_refusals, NUM_MESHES);
    assert_non_null(strstr(fx.words, "Too many sets took over each other's keys at once."));
    for (size_t i = 0; i < xg_snapshot_num_meshes(fx.snapshot); i++) {
        const xg_keyset *mesh = xg_snapshot_mesh_at(fx.snapshot, i);
        assert_true(mesh->is_stale);
        xg_pubkey *expected = key_new(fx.crypto, 100 + (unsigned)i);
        xg_pubkey *found = NULL;
        assert_ok(xg_keyring_find(mesh->ring, XG_STR("1"), &found));
        assert_memory_equal(xg_pubkey_fingerprint(found), xg_pubkey_fingerprint(expected), XG_FINGERPRINT_LEN);
        xg_pubkey_unref(expected);
    }
    store_key(&fx, "meshes/c00/keys/1.pem", 200);
    load_good(&fx);
    store_done(&fx);
}

/* ---- when to look ---- */

static void test_polls_come_when_they_are_due(void **state)
{
    (void)state;
    static const struct {
        int64_t now;
        int64_t poll_seconds;
        bool is_due;
    } rows[] = {
        {1000, 10, true},        {1000, 10, false},        {1009, 10, false},     {1010, 10, true},
        {1019, 10, false},       {1019, 0, true},          {1019, -5, true},      {1018, 10, true},
        {1027, 10, false},       {1028, 10, true},         {INT64_MAX, 10, true}, {INT64_MIN, 10, true},
        {INT64_MAX, 1000, true}, {INT64_MAX, 1000, false},
    };
    store_fixture fx;
    make_good_store(&fx);
    assert_ok(store_load(&fx));
    meshes_are_gone(&fx);
    assert_reason(store_load(&fx), STORE_UNREADABLE);     /* from here on every poll says "again" */
    assert_true(xg_dirstore_has_changed(fx.store, 0, 0)); /* and takes the events */
    for (size_t i = 0; i < XG_ARRAY_LEN(rows); i++) {
        assert_int_equal(xg_dirstore_has_changed(fx.store, rows[i].now, rows[i].poll_seconds), rows[i].is_due);
    }
    meshes_are_back(&fx);
    store_done(&fx);
}

static void test_a_flood_of_events_means_everything(void **state)
{
    (void)state;
    store_fixture fx;
    make_good_store(&fx);
    load_good(&fx);
    store_key(&fx, "meshes/m/keys/2.pem", 12);
    for (int i = 0; i < 10000; i++) { /* four events each; the kernel keeps 16384 */
        store_rename(&fx, "meshes/m/keys/2.pem", "meshes/n/keys/2.pem");
        store_rename(&fx, "meshes/n/keys/2.pem", "meshes/m/keys/2.pem");
    }
    store_key(&fx, "zone/keys/2.pem", 13); /* its event is lost */
    assert_true(store_has_changed(&fx, false));
    load_good(&fx);
    assert_int_equal(store_num_keys(&fx, "m"), 2);
    assert_int_equal(store_num_keys(&fx, "zone"), 2);
    store_done(&fx);
}

/* A good store whose mesh 'm' has its list, r1, behind a link: in a directory that is not watched. */
static void make_store_with_linked_list(store_fixture *fx)
{
    make_good_store(fx);
    store_write(fx, "pool/deep/list", "r1");
    store_remove(fx, "meshes/m/revoked");
    store_link(fx, "../../pool/deep/list", "meshes/m/revoked");
    load_good(fx);
}

static void test_a_change_behind_a_link_is_found_by_the_walk(void **state)
{
    (void)state;
    store_fixture fx;
    make_store_with_linked_list(&fx);
    store_write_in_place(&fx, "pool/deep/list", "r2");
    assert_false(store_has_changed(&fx, false));
    assert_true(store_has_changed(&fx, true));
    load_good(&fx);
    assert_true(store_is_revoked(&fx, "m", "r2"));
    store_done(&fx);
}

/* What happens elsewhere all the time must not keep the walk away. */
static void test_the_walk_comes_among_events(void **state)
{
    (void)state;
    store_fixture fx;
    make_store_with_linked_list(&fx);
    (void)xg_dirstore_has_changed(fx.store, 0, 10); /* the first poll */
    store_write_in_place(&fx, "pool/deep/list", "r2");
    for (int64_t now = 1; now <= 10; now++) {
        store_write(&fx, "meshes/n/revoked", now % 2 == 0 ? "x" : "y");
        assert_true(xg_dirstore_has_changed(fx.store, now, 10));
        assert_ok(store_load(&fx));
        assert_int_equal(store_is_revoked(&fx, "m", "r2"), now == 10);
    }
    store_done(&fx);
}

/* A directory that is copied anew has its keys before it has its list. */
static void test_a_mesh_does_not_come_back_without_its_list(void **state)
{
    (void)state;
    store_fixture fx;
    store_init(&fx);
    store_key(&fx, "meshes/a/keys/1.pem", 20);
    store_write(&fx, "meshes/a/revoked", "j-1");
    store_key(&fx, "meshes/b/keys/1.pem", 21);
    load_good(&fx);
    store_remove(&fx, "meshes/a");
    store_remove(&fx, "meshes/b");
    assert_true(store_has_changed(&fx, false));
    load_good(&fx);
    assert_null(store_set(&fx, "a"));
    load_good(&fx); /* remembered for as long as it takes */
    store_key(&fx, "meshes/a/keys/1.pem", 20);
    store_key(&fx, "meshes/b/keys/1.pem", 21);
    assert_true(store_has_changed(&fx, false));
    assert_ok(store_load(&fx));
    assert_int_equal(fx.num_refusals, 1);
    assert_non_null(strstr(fx.words, "mesh 'a': 'revoked' is gone."));
    assert_int_equal(store_num_keys(&fx, "a"), 0);
    assert_int_equal(store_num_keys(&fx, "b"), 1); /* it had revoked nothing */
    store_write(&fx, "meshes/a/revoked", "j-1\nj-2");
    assert_true(store_has_changed(&fx, false));
    load_good(&fx);
    assert_true(store_is_revoked(&fx, "a", "j-2"));
    store_done(&fx);
}

/* One comes back while another goes: what is remembered changes while it is being used. */
static void test_meshes_that_come_and_go_at_once_keep_their_own_lists(void **state)
{
    (void)state;
    store_fixture fx;
    store_init(&fx);
    store_key(&fx, "meshes/b/keys/1.pem", 20);
    store_write(&fx, "meshes/b/revoked", "id-of-b");
    store_key(&fx, "meshes/y/keys/1.pem", 21);
    store_write(&fx, "meshes/y/revoked", "id-of-y");
    load_good(&fx);
    store_remove(&fx, "meshes/y");
    load_good(&fx);
    for (int i = 0; i < 3; i++) {
        const char *back = i % 2 == 0 ? "y" : "b";
        const char *gone = i % 2 == 0 ? "b" : "y";
        char path[32];
        snprintf(path, sizeof(path), "meshes/%s/keys/1.pem", back);
        store_key(&fx, path, 22);
        snprintf(path, sizeof(path), "meshes/%s", gone);
        store_remove(&fx, path);
        assert_ok(store_load(&fx));
        assert_int_equal(fx.num_refusals, 1);
        assert_null(store_set(&fx, gone));
        assert_int_equal(store_num_keys(&fx, back), 0);
        assert_int_equal(store_is_revoked(&fx, back, "id-of-y"), i % 2 == 0);
        assert_int_equal(store_is_revoked(&fx, back, "id-of-b"), i % 2 == 1);
    }
    store_done(&fx);
}

static void test_a_directory_of_two_sets_tells_both(void **state)
{
    (void)state;
    store_fixture fx;
    make_good_store(&fx);
    store_write(&fx, "pool/5.retired", "");
    store_mkdir(&fx, "meshes/p");
    store_mkdir(&fx, "meshes/q");
    store_link(&fx, "../../pool", "meshes/p/keys");
    store_link(&fx, "../../pool", "meshes/q/keys");
    load_good(&fx);
    store_write(&fx, "pool/6.retired", "");
    assert_true(store_has_changed(&fx, false));
    load_good(&fx);
    assert_int_equal(store_num_keys(&fx, "p"), 2);
    assert_int_equal(store_num_keys(&fx, "q"), 2);
    store_done(&fx);
}

static void test_changes_in_several_sets_are_all_loaded(void **state)
{
    (void)state;
    for (int by_poll = 0; by_poll < 2; by_poll++) {
        store_fixture fx;
        make_good_store(&fx);
        load_good(&fx);
        store_key(&fx, "meshes/m/keys/2.pem", 31);
        store_key(&fx, "zone/keys/2.pem", 32);
        store_key(&fx, "any-mesh/keys/2.pem", 33);
        assert_true(store_has_changed(&fx, by_poll != 0));
        load_good(&fx);
        assert_int_equal(store_num_keys(&fx, "m"), 2);
        assert_int_equal(store_num_keys(&fx, "zone"), 2);
        assert_int_equal(store_num_keys(&fx, "any-mesh"), 2);
        store_done(&fx);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_store_gives_its_sets),
        cmocka_unit_test(test_zone_and_any_mesh_may_be_absent),
        cmocka_unit_test(test_any_mesh_may_hold_a_list_alone),
        cmocka_unit_test(test_other_names_are_ignored_and_reported),
        cmocka_unit_test(test_changes_take_effect),
        cmocka_unit_test(test_a_write_of_the_same_length_is_not_missed),
        cmocka_unit_test(test_a_swap_of_the_data_link_is_one_change),
        cmocka_unit_test(test_the_last_good_set_serves_flagged_until_the_store_is_good_again),
        cmocka_unit_test(test_a_set_that_never_was_good_denies),
        cmocka_unit_test(test_a_list_may_be_empty_or_missing_as_long_as_nothing_is_lost),
        cmocka_unit_test(test_zone_and_any_mesh_do_not_vanish),
        cmocka_unit_test(test_a_zone_that_never_was_good_may_go),
        cmocka_unit_test(test_an_unreadable_store_leaves_the_last_snapshot_serving),
        cmocka_unit_test(test_a_replaced_root_is_noticed),
        cmocka_unit_test(test_open_wants_a_directory),
        cmocka_unit_test(test_a_relative_path_survives_a_change_of_directory),
        cmocka_unit_test(test_unchanged_keys_and_lists_are_carried_over),
        cmocka_unit_test(test_good_files_of_a_refused_set_are_carried_over),
        cmocka_unit_test(test_a_fallback_comes_from_the_snapshot_that_is_passed),
        cmocka_unit_test(test_sets_that_share_a_key_from_the_start_are_all_refused),
        cmocka_unit_test(test_who_copies_a_key_is_refused_alone),
        cmocka_unit_test(test_a_repaired_neighbour_is_enough),
        cmocka_unit_test(test_a_key_may_move_from_one_set_to_another),
        cmocka_unit_test(test_a_retired_kid_shares_nothing),
        cmocka_unit_test(test_the_keys_of_a_stale_set_are_still_taken),
        cmocka_unit_test(test_a_long_chain_of_take_overs_is_cut),
        cmocka_unit_test(test_polls_come_when_they_are_due),
        cmocka_unit_test(test_a_flood_of_events_means_everything),
        cmocka_unit_test(test_a_change_behind_a_link_is_found_by_the_walk),
        cmocka_unit_test(test_the_walk_comes_among_events),
        cmocka_unit_test(test_a_mesh_does_not_come_back_without_its_list),
        cmocka_unit_test(test_meshes_that_come_and_go_at_once_keep_their_own_lists),
        cmocka_unit_test(test_a_directory_of_two_sets_tells_both),
        cmocka_unit_test(test_changes_in_several_sets_are_all_loaded),
    };
    return cmocka_run_group_tests_name("dirstore", tests, NULL, NULL);
}
