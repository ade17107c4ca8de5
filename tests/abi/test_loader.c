/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_loader.c: what the reference loader refuses, and with which words. Uses variants of the fake plugin, from the
 * folder $XG_FAKES.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "abi_support.h"

static fixture fx;
static char path_storage[4][512];

static const char *fake(const char *name)
{
    const char *folder = getenv("XG_FAKES");
    if (folder == NULL) {
        support_give_up("go on: XG_FAKES must name the folder of the fake plugins");
    }
    (void)snprintf(path_storage[0], sizeof(path_storage[0]), "%s/%s.so", folder, name);
    return path_storage[0];
}

static const char *in_dir(unsigned slot, const char *name)
{
    (void)snprintf(path_storage[slot], sizeof(path_storage[slot]), "%s/%s", fx.dir, name);
    return path_storage[slot];
}

/* A private copy of a fake plugin, with that mode. */
static const char *copy_fake(const char *name, const char *as, mode_t mode)
{
    const char *source = fake(name);
    const char *target = in_dir(1, as);
    int in = open(source, O_RDONLY | O_CLOEXEC);
    int out = open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
    char block[65536];
    ssize_t n = 0;
    while ((n = read(in, block, sizeof(block))) > 0) {
        assert_int_equal(write(out, block, (size_t)n), n);
    }
    assert_int_equal(fchmod(out, mode), 0);
    assert_int_equal(close(in), 0);
    assert_int_equal(close(out), 0);
    return target;
}

static void assert_refused(const char *path, const xg_loader_options *options, const char *expected)
{
    xg_loader plugin;
    char err[XG_LOADER_ERROR_SIZE];
    memset(&plugin, 0x5a, sizeof(plugin));
    memset(err, 'x', sizeof(err));
    unsigned fds = support_count_fds();
    assert_false(xg_loader_open(path, options, &plugin, err, sizeof(err)));
    assert_non_null(memchr(err, '\0', sizeof(err)));
    if (strstr(err, expected) == NULL) {
        fail_msg("expected '%s' in '%s'", expected, err);
    }
    assert_null(plugin.handle);
    assert_null(plugin.auth.create);
    assert_int_equal(support_count_fds(), fds);
    assert_int_equal(support_count_maps(path != NULL && path[0] == '/' ? path : "no such file"), 0);
}

static void assert_loads(const char *path, const xg_loader_options *options)
{
    xg_loader plugin;
    char err[XG_LOADER_ERROR_SIZE];
    unsigned fds = support_count_fds();
    if (!xg_loader_open(path, options, &plugin, err, sizeof(err))) {
        fail_msg("%s", err);
    }
    assert_string_equal(err, "");
    assert_int_equal(support_count_fds(), fds);
    xg_loader_close(&plugin);
    assert_null(plugin.handle);
    assert_null(plugin.auth.create);
}

static void test_a_sound_plugin_loads(void **state)
{
    (void)state;
    assert_loads(fake("fake"), NULL);
    assert_loads(copy_fake("fake", "mode-0755.so", 0755), NULL);
    assert_loads(copy_fake("fake", "mode-0400.so", 0400), NULL);
}

static void test_the_path_must_be_absolute_unless_resolved(void **state)
{
    (void)state;
    const xg_loader_options resolve = {.resolve_path = true};
    const char *path = copy_fake("fake", "path.so", 0700);
    assert_int_equal(chdir(fx.dir), 0);
    assert_refused("path.so", NULL, "not an absolute path");
    assert_refused("./path.so", NULL, "not an absolute path");
    assert_refused("", NULL, "no plugin named");
    assert_refused(NULL, NULL, "no plugin named");
    assert_refused("missing.so", &resolve, "cannot find 'missing.so': No such file");
    assert_loads("path.so", &resolve);
    assert_int_equal(symlink(path, in_dir(2, "link.so")), 0);
    assert_refused(in_dir(2, "link.so"), NULL, "symbolic link");
    assert_loads("link.so", &resolve);
    assert_int_equal(chdir("/"), 0);
}

static void test_the_file_must_be_regular_and_ours_alone(void **state)
{
    (void)state;
    assert_refused(copy_fake("fake", "mode-0720.so", 0720), NULL, "writable by others (mode 0720)");
    assert_refused(copy_fake("fake", "mode-0702.so", 0702), NULL, "writable by others (mode 0702)");
    assert_refused(fx.dir, NULL, "not a regular file");
    assert_int_equal(mkfifo(in_dir(2, "fifo.so"), 0600), 0);
    assert_refused(in_dir(2, "fifo.so"), NULL, "not a regular file");
    assert_refused(in_dir(2, "missing.so"), NULL, "No such file");
    if (geteuid() == 0) {
        const char *path = copy_fake("fake", "owner.so", 0755);
        assert_int_equal(chown(path, 65534, 0), 0);
        assert_refused(path, NULL, "belongs to user 65534");
    }
}

static void hash_file(const char *path, char text[65])
{
    unsigned char content[1 << 17];
    unsigned char digest[EVP_MAX_MD_SIZE];
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    size_t len = fread(content, 1, sizeof(content), file);
    assert_int_equal(fclose(file), 0);
    assert_true(len > 0 && len < sizeof(content));
    assert_int_equal(EVP_Digest(content, len, digest, NULL, EVP_sha256(), NULL), 1);
    for (size_t i = 0; i < 32; i++) {
        (void)snprintf(text + 2 * i, 3, "%02X", digest[i]);
    }
}

static void test_a_pinned_file_must_have_that_content(void **state)
{
    (void)state;
    char pin[66] = "";
    const char *path = copy_fake("fake", "pin.so", 0755);
    hash_file(path, pin);
    const xg_loader_options options = {.sha256 = pin};
    assert_loads(path, &options);
    pin[63] = pin[63] == '0' ? '1' : '0';
    assert_refused(path, &options, "is not the pinned file");
    pin[63] = 'g';
    assert_refused(path, &options, "64 hexadecimal digits");
    pin[63] = '\0';
    assert_refused(path, &options, "it has 63 characters");
    pin[63] = pin[64] = '0';
    assert_refused(path, &options, "it has 65 characters");
}

static void test_the_library_must_be_a_plugin_itself(void **state)
{
    (void)state;
    FILE *file = fopen(in_dir(2, "text.so"), "we");
    assert_non_null(file);
    assert_true(fputs("no library\n", file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_refused(in_dir(2, "text.so"), NULL, "cannot load");
    assert_refused(fake("no_plugin"), NULL, "does not export xdsgate_plugin_query");
    assert_refused(fake("fake_outer"), NULL, "comes from another library");
}

static void test_versions_are_negotiated(void **state)
{
    (void)state;
    const xg_loader_options newer = {.abi_min = XG_ABI(1, 7), .abi_max = XG_ABI(1, 9)};
    assert_refused(fake("fake"), &newer, "has version 1.0 of xdsgate.auth/1, this host needs 1.7 to 1.9");
    assert_loads(fake("fake_1_7"), &newer);
    assert_refused(fake("fake_1_7"), NULL, "has version 1.7 of xdsgate.auth/1, this host needs 1.0 to 1.0");
    assert_refused(fake("fake_lawless"), NULL, "version 1.7 outside the range asked for, 1.0 to 1.0");
    assert_refused(fake("fake_other"), NULL, "does not have the interface xdsgate.auth/1");
}

static void test_the_table_is_copied_up_to_what_both_know(void **state)
{
    (void)state;
    xg_loader plugin;
    assert_true(xg_loader_open(fake("fake_larger"), NULL, &plugin, NULL, 0));
    assert_true(plugin.table_size > sizeof(xg_auth));
    assert_int_equal(plugin.auth.struct_size, sizeof(xg_auth));
    assert_int_equal(plugin.abi, XG_ABI(1, 0));
    assert_int_equal(plugin.abi_have, XG_ABI(1, 0));
    xg_loader_close(&plugin);
    assert_refused(fake("fake_tiny"), NULL, "a table of 8 bytes");
    assert_refused(fake("fake_short"), NULL, "lacks the function 'destroy'");
}

static void test_every_slot_must_be_filled(void **state)
{
    (void)state;
    static const char *const slots[] = {
        "create",        "authenticate", "auth_dataplane", "auth_zone_entity", "workload_for_scope",
        "session_close", "reload",       "tick",           "destroy"};
    for (unsigned i = 0; i < sizeof(slots) / sizeof(slots[0]); i++) {
        char name[32];
        char expected[64];
        (void)snprintf(name, sizeof(name), "fake_null_%u", i);
        (void)snprintf(expected, sizeof(expected), "lacks the function '%s'", slots[i]);
        assert_refused(fake(name), NULL, expected);
    }
}

/* They decide nothing: a plugin loads whatever it says of them, and only a sound table is taken. */
static void test_statistics_are_optional(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t have;
        bool is_taken;
    } rows[] = {
        {"fake", 0, false},
        {"fake_stats", XG_ABI(1, 0), true},
        {"fake_stats_larger", XG_ABI(1, 0), true},
        {"fake_stats_1_7", XG_ABI(1, 7), false},
        {"fake_stats_tiny", XG_ABI(1, 0), false},
        {"fake_stats_short", XG_ABI(1, 0), false},
        {"fake_stats_null_0", XG_ABI(1, 0), false},
        {"fake_stats_null_1", XG_ABI(1, 0), false},
        {"fake_stats_lawless", XG_ABI(1, 7), false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        static const xg_stats_table none;
        xg_loader plugin;
        assert_true(xg_loader_open(fake(rows[i].name), NULL, &plugin, NULL, 0));
        assert_int_equal(plugin.stats_have, rows[i].have);
        if (rows[i].is_taken) {
            assert_int_equal(plugin.stats.struct_size, sizeof(xg_stats_table));
            assert_true(plugin.stats.read != NULL && plugin.stats.denials != NULL);
        } else {
            assert_memory_equal(&plugin.stats, &none, sizeof(none));
        }
        xg_loader_close(&plugin);
    }
}

/* The C library finds libraries by name first, and descriptors reuse their numbers: the loader must not be fooled. */
static void test_a_second_library_is_never_taken_for_the_first(void **state)
{
    (void)state;
    xg_loader first;
    xg_loader again;
    xg_loader other;
    const char *path = copy_fake("fake", "reuse.so", 0755);
    assert_true(xg_loader_open(path, NULL, &first, NULL, 0));
    assert_true(xg_loader_open(path, NULL, &again, NULL, 0));
    assert_ptr_equal(first.handle, again.handle);
    xg_loader_close(&first);
    assert_true(xg_loader_open(fake("fake_larger"), NULL, &other, NULL, 0));
    assert_ptr_not_equal(other.handle, again.handle);
    assert_true(other.table_size > again.table_size);
    xg_loader_close(&other);
    /* An update: the path now names another file, while the old one still runs. */
    assert_int_equal(unlink(path), 0);
    path = copy_fake("fake_larger", "reuse.so", 0755);
    assert_true(xg_loader_open(path, NULL, &other, NULL, 0));
    assert_ptr_not_equal(other.handle, again.handle);
    assert_true(other.table_size > again.table_size);
    xg_loader_close(&other);
    xg_loader_close(&again);
    xg_loader_close(&again);
    xg_loader_close(NULL);
}

static void test_kept_libraries_stay_mapped(void **state)
{
    (void)state;
    const xg_loader_options keep = {.keep_loaded = true};
    const char *path = copy_fake("fake", "keep-me.so", 0755);
    assert_loads(path, NULL);
    assert_int_equal(support_count_maps("keep-me.so"), 0);
    assert_loads(path, &keep);
    assert_true(support_count_maps("keep-me.so") > 0);
}

static void test_sentences_fit_any_buffer(void **state)
{
    (void)state;
    xg_loader plugin;
    char err[8];
    for (size_t cap = 0; cap <= sizeof(err); cap++) {
        memset(err, 'x', sizeof(err));
        assert_false(xg_loader_open("relative", NULL, &plugin, cap == 0 ? NULL : err, cap));
        for (size_t i = cap; i < sizeof(err); i++) {
            assert_int_equal(err[i], 'x');
        }
        assert_true(cap == 0 || strlen(err) == cap - 1);
    }
}

static int set_up(void **state)
{
    (void)state;
    fixture_init(&fx);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fixture_done(&fx);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_sound_plugin_loads),
        cmocka_unit_test(test_the_path_must_be_absolute_unless_resolved),
        cmocka_unit_test(test_the_file_must_be_regular_and_ours_alone),
        cmocka_unit_test(test_a_pinned_file_must_have_that_content),
        cmocka_unit_test(test_the_library_must_be_a_plugin_itself),
        cmocka_unit_test(test_versions_are_negotiated),
        cmocka_unit_test(test_the_table_is_copied_up_to_what_both_know),
        cmocka_unit_test(test_every_slot_must_be_filled),
        cmocka_unit_test(test_statistics_are_optional),
        cmocka_unit_test(test_a_second_library_is_never_taken_for_the_first),
        cmocka_unit_test(test_kept_libraries_stay_mapped),
        cmocka_unit_test(test_sentences_fit_any_buffer),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
