/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_custody.c: whichever call of the system fails, the commands about keys do all of their work or nothing; 'key
 * retire', which cannot go back, is finished by the next run.
 *
 * The linker puts the functions below in place of those that change a directory, a file or the states of the keys; one
 * of their calls fails.
 * All keys are TEST KEYS, NOT SECRETS, made for the run and removed with it. One thread.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <ftw.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../fixture.h"
#include "cli.h"
#include "xdsgate/ledger.h"

static unsigned num_calls;
static unsigned failing_call; /* counted from 1; 0: none */
static bool has_no_rename;    /* a file system that cannot rename without replacing */
static bool is_put_failing;   /* the next change of states fails */
static void (*others)(void);  /* what another process does just before the next rename or change of states */

static void let_others(void)
{
    void (*run)(void) = others;
    others = NULL;
    if (run != NULL) {
        run();
    }
}

static bool fails(void)
{
    num_calls++;
    if (num_calls == failing_call) {
        errno = EIO;
        return true;
    }
    return false;
}

/* What the linker makes of the names is prescribed. */
int __real_fsync(int fd);
int __real_fchmod(int fd, mode_t mode);
int __real_fchmodat(int dirfd, const char *name, mode_t mode, int flags);
int __real_mkdirat(int dirfd, const char *name, mode_t mode);
int __real_renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags);
int __real_linkat(int from_fd, const char *from, int to_fd, const char *to, int flags);
int __real_unlinkat(int dirfd, const char *name, int flags);
ssize_t __real_write(int fd, const void *bytes, size_t len);
int __real_renameat(int from_fd, const char *from, int to_fd, const char *to);
bool __real_xg_ledger_put_keys(xg_ledger *ledger, const xg_ledger_key *keys, size_t num_keys, xg_trouble *trouble);
int __wrap_fsync(int fd);
int __wrap_fchmod(int fd, mode_t mode);
int __wrap_fchmodat(int dirfd, const char *name, mode_t mode, int flags);
int __wrap_mkdirat(int dirfd, const char *name, mode_t mode);
int __wrap_renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags);
int __wrap_linkat(int from_fd, const char *from, int to_fd, const char *to, int flags);
int __wrap_unlinkat(int dirfd, const char *name, int flags);
ssize_t __wrap_write(int fd, const void *bytes, size_t len);
int __wrap_renameat(int from_fd, const char *from, int to_fd, const char *to);
bool __wrap_xg_ledger_put_keys(xg_ledger *ledger, const xg_ledger_key *keys, size_t num_keys, xg_trouble *trouble);

int __wrap_fsync(int fd)
{
    return fails() ? -1 : __real_fsync(fd);
}

int __wrap_fchmod(int fd, mode_t mode)
{
    return fails() ? -1 : __real_fchmod(fd, mode);
}

int __wrap_fchmodat(int dirfd, const char *name, mode_t mode, int flags)
{
    return fails() ? -1 : __real_fchmodat(dirfd, name, mode, flags);
}

int __wrap_mkdirat(int dirfd, const char *name, mode_t mode)
{
    return fails() ? -1 : __real_mkdirat(dirfd, name, mode);
}

int __wrap_renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
    let_others();
    if (has_no_rename) {
        errno = EINVAL;
        return -1;
    }
    return fails() ? -1 : __real_renameat2(from_fd, from, to_fd, to, flags);
}

int __wrap_linkat(int from_fd, const char *from, int to_fd, const char *to, int flags)
{
    return fails() ? -1 : __real_linkat(from_fd, from, to_fd, to, flags);
}

int __wrap_unlinkat(int dirfd, const char *name, int flags)
{
    return fails() ? -1 : __real_unlinkat(dirfd, name, flags);
}

ssize_t __wrap_write(int fd, const void *bytes, size_t len)
{
    return fails() ? -1 : __real_write(fd, bytes, len);
}

int __wrap_renameat(int from_fd, const char *from, int to_fd, const char *to)
{
    return fails() ? -1 : __real_renameat(from_fd, from, to_fd, to);
}

bool __wrap_xg_ledger_put_keys(xg_ledger *ledger, const xg_ledger_key *keys, size_t num_keys, xg_trouble *trouble)
{
    let_others();
    return fails() || is_put_failing ? xg_trouble_say(trouble, XG_TROUBLE_IO, "the ledger failed")
                                     : __real_xg_ledger_put_keys(ledger, keys, num_keys, trouble);
}

static char root[] = "/tmp/xdsgate-custody-XXXXXX";
static char found[16384]; /* the names below root, a line each, and the states of the keys */
static xg_text found_text;

static int add_name(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    xg_text_add(&found_text, xg_str_of(path + strlen(root)));
    xg_text_add(&found_text, XG_STR("\n"));
    return 0;
}

static bool add_state(void *arg, const xg_ledger_key *key)
{
    (void)arg;
    xg_text_add(&found_text, key->set);
    xg_text_add(&found_text, XG_STR(" "));
    xg_text_add(&found_text, key->kid);
    xg_text_add(&found_text, XG_STR(" "));
    xg_text_add(&found_text, xg_str_of(xg_ledger_state_name(key->state)));
    xg_text_add(&found_text, XG_STR("\n"));
    return true;
}

/* Reads the ledger of <root>/<name>, if there is one. */
static void add_states(const char *name)
{
    char path[128];
    xg_ledger *ledger = NULL;
    xg_trouble trouble = {0};
    const xg_str all_sets = {NULL, 0};
    (void)snprintf(path, sizeof(path), "%s/%s/ledger.db", root, name);
    assert_true(xg_ledger_open(path, false, &ledger, &trouble));
    if (ledger != NULL) {
        assert_true(xg_ledger_each_key(ledger, all_sets, add_state, NULL, &trouble));
        xg_ledger_close(ledger);
    }
}

static const char *names(void)
{
    xg_text_init(&found_text, found, sizeof(found));
    assert_int_equal(nftw(root, add_name, 8, FTW_PHYS), 0);
    add_states("authority");
    assert_false(found_text.is_cut);
    return found;
}

#define WORDS_MAX 16

/* A command line: what stands between blanks; '@' stands for the directory of the test. */
static int run(const xg_command *command, const char *line)
{
    char words[WORDS_MAX][128];
    char *argv[WORDS_MAX];
    xg_args args;
    int argc = 0;
    int code = -1;
    while (*line != '\0') {
        size_t len = strcspn(line, " ");
        assert_in_range(argc, 0, WORDS_MAX - 1);
        bool is_path = line[0] == '@';
        xg_text word;
        xg_text_init(&word, words[argc], sizeof(words[0]));
        xg_text_add(&word, xg_str_of(is_path ? root : ""));
        xg_text_add(&word, xg_str_skip((xg_str){line, len}, is_path ? 1 : 0));
        assert_false(word.is_cut);
        argv[argc] = words[argc];
        argc++;
        line += len + (line[len] == ' ' ? 1 : 0);
    }
    assert_true(xg_args_parse(command, argc, argv, &args, &code));
    code = command->run(&args);
    (void)fflush(stdout);
    return code;
}

#define PLACES " --authority @/authority --store @/store"

static int new_key(void)
{
    return run(&XG_CMD_KEY_NEW, "new --mesh m --plain" PLACES);
}

static int rotate(void)
{
    return run(&XG_CMD_KEY_ROTATE, "rotate --mesh m --plain" PLACES);
}

static int import(void)
{
    return run(&XG_CMD_KEY_IMPORT, "import --mesh i --plain --key @/import.pem" PLACES);
}

static int import_public(void)
{
    return run(&XG_CMD_KEY_IMPORT, "import --mesh p --key @/import-public.pem" PLACES);
}

static int export(void)
{
    return run(&XG_CMD_KEY_EXPORT, "export --mesh m --authority @/authority --out @/export.pem");
}

/* Fails one call after the other, until a run has no such call any more: that one has done its work. */
static void sweep(int (*job)(void), unsigned min_calls)
{
    char before[sizeof(found)];
    int code = XG_EXIT_IO;
    unsigned at = 0;
    memcpy(before, names(), sizeof(before));
    while (code != XG_EXIT_OK) {
        num_calls = 0;
        failing_call = ++at;
        code = job();
        if (code == XG_EXIT_OK) {
            assert_true(num_calls < failing_call);
        } else {
            assert_int_equal(code, XG_EXIT_IO);
            failing_call = 0;
            assert_string_equal(names(), before);
        }
    }
    failing_call = 0;
    assert_true(at > min_calls);
    assert_string_not_equal(names(), before);
}

static void assert_has(const char *line)
{
    if (strstr(names(), line) == NULL) {
        fail_msg("no %s in\n%s", line, found);
    }
}

static void assert_has_not(const char *line)
{
    if (strstr(names(), line) != NULL) {
        fail_msg("%s in\n%s", line, found);
    }
}

static void test_a_failure_leaves_everything_as_it_was(void **state)
{
    (void)state;
    sweep(new_key, 8); /* two files, each made, written, synced and put in its place */
    assert_has("/authority/meshes/m/1.pem\n");
    assert_has("/store/meshes/m/keys/1.pem\n");
    assert_has("mesh/m 1 signing\n");
    sweep(new_key, 8); /* the directories are there now */
    assert_has("/store/meshes/m/keys/2.pem\n");
    assert_has("mesh/m 2 published\n");
}

static void test_so_it_does_where_files_cannot_be_renamed_safely(void **state)
{
    (void)state;
    has_no_rename = true;
    sweep(new_key, 8);
    has_no_rename = false;
    assert_has("/authority/meshes/m/3.pem\n");
    assert_has("/store/meshes/m/keys/3.pem\n");
}

static void test_a_failure_leaves_a_rotation_where_it_was(void **state)
{
    (void)state;
    sweep(rotate, 1); /* one change of states */
    assert_has("mesh/m 1 draining\n");
    assert_has("mesh/m 2 signing\n");
    sweep(rotate, 1);
    assert_has("mesh/m 3 signing\n");
    sweep(rotate, 8);
    assert_has("/authority/meshes/m/4.pem\n");
    assert_has("mesh/m 4 published\n");
}

static void test_a_failure_leaves_an_import_undone(void **state)
{
    (void)state;
    sweep(import, 8);
    assert_has("/authority/meshes/i/1.pem\n");
    assert_has("/store/meshes/i/keys/1.pem\n");
    assert_has("mesh/i 1 signing\n");
    sweep(import_public, 5);
    assert_has_not("/authority/meshes/p/1.pem\n");
    assert_has("/store/meshes/p/keys/1.pem\n");
    assert_has_not("mesh/p ");
}

static void test_a_failure_leaves_no_exported_key(void **state)
{
    (void)state;
    sweep(export, 2);
    assert_has("/export.pem\n");
}

/* The n-th key of mesh r: made, then left by the next one, so that it can be retired. */
static void make_draining(unsigned kid)
{
    if (kid == 1) {
        assert_int_equal(run(&XG_CMD_KEY_NEW, "new --mesh r --plain" PLACES), XG_EXIT_OK);
    }
    assert_int_equal(run(&XG_CMD_KEY_ROTATE, "rotate --mesh r --plain --step publish" PLACES), XG_EXIT_OK);
    assert_int_equal(run(&XG_CMD_KEY_ROTATE, "rotate --mesh r --plain --step sign" PLACES), XG_EXIT_OK);
}

/* "<before><kid><after>" stands among the names and states, or does not. */
static void check_kid(bool is_there, const char *before, unsigned kid, const char *after)
{
    char line[64];
    (void)snprintf(line, sizeof(line), "%.30s%u%.20s\n", before, kid, after);
    if (is_there) {
        assert_has(line);
    } else {
        assert_has_not(line);
    }
}

static void check_retired(unsigned kid)
{
    check_kid(false, "/authority/meshes/r/", kid, ".pem");
    check_kid(false, "/store/meshes/r/keys/", kid, ".pem");
    check_kid(true, "/store/meshes/r/keys/", kid, ".retired");
    check_kid(true, "mesh/r ", kid, " retired");
    check_kid(true, "mesh/r ", kid + 1, " signing");
}

static void test_a_retiring_that_was_cut_short_is_finished_by_the_next_run(void **state)
{
    int code = XG_EXIT_IO;
    unsigned kid = 0;
    (void)state;
    while (code != XG_EXIT_OK) {
        char line[128];
        make_draining(++kid);
        (void)snprintf(line, sizeof(line), "retire --mesh r --kid %u" PLACES, kid);
        num_calls = 0;
        failing_call = kid;
        code = run(&XG_CMD_KEY_RETIRE, line);
        failing_call = 0;
        if (code != XG_EXIT_OK) {
            assert_int_equal(code, XG_EXIT_IO);
            assert_int_equal(run(&XG_CMD_KEY_RETIRE, line), XG_EXIT_OK);
        }
        check_retired(kid);
    }
    assert_true(kid > 5); /* a rename, a change of states, a removal, and two of them synced */
}

/* ---- another process at the same time ---- */

static void write_ledger(const char *set)
{
    char path[128];
    xg_ledger *ledger = NULL;
    xg_trouble trouble = {0};
    const xg_ledger_key key = {
        .set = xg_str_of(set),
        .kid = XG_STR("1"),
        .key = XG_STR("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
        .state = XG_LEDGER_SIGNING,
        .since = 1,
    };
    (void)snprintf(path, sizeof(path), "%s/race/ledger.db", root);
    assert_true(xg_ledger_open(path, true, &ledger, &trouble));
    assert_true(set[0] == '\0' || __real_xg_ledger_put_keys(ledger, &key, 1, &trouble));
    xg_ledger_close(ledger);
}

/* Their key file is there; of the ledger only what `set` says: nothing yet, when it is empty. */
static void put_others_key(const char *set)
{
    char path[128];
    write_ledger(set);
    (void)snprintf(path, sizeof(path), "%s/race/meshes/m/1.pem", root);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fclose(file);
}

static void others_make_the_same_key(void)
{
    put_others_key("mesh/m");
}

static void others_have_yet_to_write(void)
{
    put_others_key("");
}

static void others_make_a_key_of_another_set(void)
{
    write_ledger("zone");
}

static void others_let_a_key_of_the_set_sign(void)
{
    write_ledger("mesh/m");
}

static const char *race_states(void)
{
    xg_text_init(&found_text, found, sizeof(found));
    add_states("race");
    return found;
}

static int race(void)
{
    return run(&XG_CMD_KEY_NEW, "new --mesh m --plain --authority @/race --store @/race-store");
}

static void remove_file(const char *name)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/race/%s", root, name);
    assert_int_equal(unlink(path), 0);
}

static void test_the_ledger_of_another_process_stays(void **state)
{
    static const struct {
        void (*job)(void);
        const char *states;
    } ROWS[] = {{others_make_the_same_key, "mesh/m 1 signing\n"}, {others_have_yet_to_write, ""}};
    (void)state;
    /* The first key of an authority, made by two at once: the other's file is there first. */
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        others = ROWS[i].job;
        assert_int_equal(race(), XG_EXIT_KEY);
        assert_string_equal(race_states(), ROWS[i].states);
        assert_has("/race/meshes/m/1.pem\n");
        assert_has_not("/race-store/");
        remove_file("ledger.db"); /* it is there */
        remove_file("meshes/m/1.pem");
    }
}

static void (*last_of_others)(void);

static void others_let_another_go_by(void)
{
    others = last_of_others;
}

/* Two renames go by: then come the states. */
static void others_wait(void)
{
    others = others_let_another_go_by;
}

static void test_the_ledger_stays_when_others_wrote_into_it_before_a_failure(void **state)
{
    static const struct {
        void (*job)(void);
        const char *states;
    } ROWS[] = {{others_make_a_key_of_another_set, "zone 1 signing\n"},
                {others_let_a_key_of_the_set_sign, "mesh/m 1 signing\n"}};
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        last_of_others = ROWS[i].job;
        others = others_wait;
        is_put_failing = i == 0;
        assert_int_equal(race(), i == 0 ? XG_EXIT_IO : XG_EXIT_KEY);
        is_put_failing = false;
        assert_null(others);
        assert_string_equal(race_states(), ROWS[i].states);
        assert_has_not("/race/meshes/m/1.pem\n");
        assert_has_not("/race-store/");
        remove_file("ledger.db");
    }
}

static int write_key(const char *name, const char *pem)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/%s", root, name);
    FILE *file = fopen(path, "we");
    if (file == NULL || fputs(pem, file) < 0 || fclose(file) != 0) {
        return -1;
    }
    return chmod(path, 0600);
}

static int set_up(void **state)
{
    (void)state;
    return sodium_init() >= 0 && mkdtemp(root) != NULL &&
                   write_key("import.pem", fixture_private_pem(FIXTURE_KEY_M1)) == 0 &&
                   write_key("import-public.pem", fixture_public_pem(FIXTURE_KEY_M2)) == 0
               ? 0
               : -1;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

static int tear_down(void **state)
{
    (void)state;
    return nftw(root, remove_one, 8, FTW_PHYS | FTW_DEPTH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_failure_leaves_everything_as_it_was),
        cmocka_unit_test(test_so_it_does_where_files_cannot_be_renamed_safely),
        cmocka_unit_test(test_a_failure_leaves_a_rotation_where_it_was),
        cmocka_unit_test(test_a_failure_leaves_an_import_undone),
        cmocka_unit_test(test_a_failure_leaves_no_exported_key),
        cmocka_unit_test(test_a_retiring_that_was_cut_short_is_finished_by_the_next_run),
        cmocka_unit_test(test_the_ledger_of_another_process_stays),
        cmocka_unit_test(test_the_ledger_stays_when_others_wrote_into_it_before_a_failure),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
