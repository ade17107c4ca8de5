/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_ledger.c: what was minted stays recorded, all of it or none, in a file that nobody else can have put there.
 *
 * Every test has a fresh directory. Where a call of the system has to fail it fails for real: a limit on the size of
 * files, another process that holds the lock, a kill. One thread.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "xdsgate/ledger.h"

#define NOBODY    65534
#define PATH_SIZE 256
#define KEY_A     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define KEY_B     "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define DIGEST    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define MANY      30000 /* entries that do not fit into SQLite's cache: it writes before the end */

static char dir[64];
static char path[PATH_SIZE];

static int setup(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/xdsgate-ledger-XXXXXX");
    if (mkdtemp(dir) == NULL) {
        return -1;
    }
    snprintf(path, sizeof(path), "%s/ledger.db", dir);
    return 0;
}

static int remove_one(const char *name, const struct stat *status, int kind, struct FTW *info)
{
    (void)status;
    (void)kind;
    (void)info;
    return remove(name);
}

static int teardown(void **state)
{
    (void)state;
    chmod(dir, 0700);
    return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static xg_ledger_entry entry_of(const char *jti)
{
    return (xg_ledger_entry){
        .purpose = XG_STR("dataplane"),
        .mesh = XG_STR("m1"),
        .name = XG_STR("web-1"),
        .workload = XG_STR("web"),
        .tags = XG_STR("{\"kuma.io/service\":[\"web\"]}"),
        .jti = xg_str_of(jti),
        .kid = XG_STR("1"),
        .key = XG_STR(KEY_A),
        .claims = XG_STR("{\"Name\":\"web-1\"}"),
        .fingerprint = XG_STR(DIGEST),
        .origin = XG_STR("mint"),
        .minted_at = 1800000000,
        .issued_at = 1799999995,
        .expires_at = 1800003600,
    };
}

static xg_ledger *open_made(void)
{
    xg_trouble trouble = {0};
    xg_ledger *ledger = NULL;
    if (!xg_ledger_open(path, true, &ledger, &trouble)) {
        fail_msg("%s: %s: %s", trouble.summary, trouble.where, trouble.note);
    }
    assert_non_null(ledger);
    return ledger;
}

static void record_one(xg_ledger *ledger, const xg_ledger_entry *entry)
{
    xg_trouble trouble = {0};
    if (!xg_ledger_record(ledger, entry, 1, &trouble)) {
        fail_msg("%s: %s", trouble.summary, trouble.note);
    }
}

static uint64_t count_in(xg_ledger *ledger)
{
    const xg_ledger_filter all = {0};
    xg_trouble trouble = {0};
    uint64_t num = 0;
    int64_t latest = 0;
    if (!xg_ledger_count(ledger, &all, &num, &latest, &trouble)) {
        fail_msg("%s: %s", trouble.summary, trouble.note);
    }
    return num;
}

/* How many a process that opens the file now finds, the file being whole. */
static uint64_t count_now(void)
{
    xg_trouble trouble = {0};
    xg_ledger *ledger = open_made();
    assert_true(xg_ledger_check(ledger, &trouble));
    uint64_t num = count_in(ledger);
    xg_ledger_close(ledger);
    return num;
}

/* Entries with numbered jtis; *ret_texts holds them. Both to be freed. */
static xg_ledger_entry *many(size_t num, const char *prefix, char **ret_texts)
{
    const size_t size = 32;
    xg_ledger_entry *entries = calloc(num, sizeof(*entries));
    *ret_texts = calloc(num, size);
    assert_non_null(entries);
    assert_non_null(*ret_texts);
    for (size_t i = 0; i < num; i++) {
        snprintf(*ret_texts + i * size, size, "%s-%zu", prefix, i);
        entries[i] = entry_of(*ret_texts + i * size);
    }
    return entries;
}

static void run_sql(const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void write_file(const char *name, const void *bytes, size_t len, mode_t mode)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), (ssize_t)len);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static void overwrite(long offset, const char *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, len, offset), (ssize_t)len);
    close(fd);
}

/* What a look at the path tells: kind, owner, mode, size and time. */
static struct stat seen(void)
{
    struct stat status = {0};
    (void)lstat(path, &status);
    return status;
}

static void assert_same(const struct stat *a, const struct stat *b)
{
    assert_int_equal(a->st_ino, b->st_ino);
    assert_int_equal(a->st_mode, b->st_mode);
    assert_int_equal(a->st_uid, b->st_uid);
    assert_int_equal(a->st_size, b->st_size);
    assert_memory_equal(&a->st_mtim, &b->st_mtim, sizeof(a->st_mtim));
}

static size_t num_files(void)
{
    size_t num = 0;
    DIR *stream = opendir(dir);
    assert_non_null(stream);
    for (struct dirent *item = readdir(stream); item != NULL; item = readdir(stream)) {
        num += item->d_name[0] != '.' || strlen(item->d_name) > 2 ? 1 : 0;
    }
    closedir(stream);
    return num;
}

/* ---- opening ---- */

static void test_absent_is_told_apart_from_broken(void **state)
{
    (void)state;
    xg_trouble trouble = {0};
    xg_ledger *ledger = (xg_ledger *)1;
    assert_true(xg_ledger_open(path, false, &ledger, &trouble));
    assert_null(ledger);
    assert_int_equal(num_files(), 0);
    snprintf(path, sizeof(path), "%s/nowhere/ledger.db", dir);
    ledger = (xg_ledger *)1;
    assert_true(xg_ledger_open(path, false, &ledger, &trouble));
    assert_null(ledger);
    assert_false(xg_ledger_open(path, true, &ledger, &trouble));
    assert_int_equal(trouble.kind, XG_TROUBLE_IO);
    assert_string_equal(trouble.summary, "cannot open the directory of the ledger: No such file or directory");
    assert_string_equal(trouble.where, path);
}

static void test_made_closed_whatever_the_umask(void **state)
{
    static const mode_t MASKS[] = {0, 022, 0777};
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(MASKS); i++) {
        mode_t before = umask(MASKS[i]);
        xg_ledger *ledger = open_made();
        const xg_ledger_entry entry = entry_of("a");
        record_one(ledger, &entry);
        umask(before);
        assert_int_equal(seen().st_mode, S_IFREG | 0600);
        xg_ledger_close(ledger);
        assert_int_equal(num_files(), 1);
        assert_int_equal(unlink(path), 0);
    }
}

static void test_opened_by_a_name_without_directory(void **state)
{
    (void)state;
    char here[4096];
    xg_trouble trouble = {0};
    xg_ledger *ledger = NULL;
    assert_non_null(getcwd(here, sizeof(here)));
    assert_int_equal(chdir(dir), 0);
    bool is_good = xg_ledger_open("ledger.db", true, &ledger, &trouble);
    assert_int_equal(chdir(here), 0);
    assert_true(is_good);
    xg_ledger_close(ledger);
    assert_int_equal(seen().st_mode, S_IFREG | 0600);
}

static void test_a_link_on_the_way_is_no_link_to_the_ledger(void **state)
{
    (void)state;
    char real[PATH_SIZE];
    char link[PATH_SIZE];
    xg_ledger_close(open_made());
    snprintf(real, sizeof(real), "%s", path);
    snprintf(link, sizeof(link), "%s/other", dir);
    assert_int_equal(symlink(dir, link), 0);
    snprintf(path, sizeof(path), "%s/other/ledger.db", dir);
    xg_ledger_close(open_made());
    struct stat status = {0};
    assert_int_equal(stat(real, &status), 0);
    assert_int_equal(status.st_ino, seen().st_ino);
}

static void spoil_symlink(void)
{
    char other[PATH_SIZE + 8];
    snprintf(other, sizeof(other), "%s.real", path);
    assert_int_equal(rename(path, other), 0);
    assert_int_equal(symlink(other, path), 0);
}

static void spoil_dangling(void)
{
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("nothing", path), 0);
}

static void spoil_directory(void)
{
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
}

static void spoil_fifo(void)
{
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
}

static void spoil_group(void)
{
    assert_int_equal(chmod(path, 0640), 0);
}

static void spoil_others(void)
{
    assert_int_equal(chmod(path, 0602), 0);
}

/* Root gives it away; anybody else takes a file of root's. */
static void spoil_owner(void)
{
    if (geteuid() == 0) {
        assert_int_equal(chown(path, NOBODY, NOBODY), 0);
    } else {
        strcpy(path, "/etc/passwd");
    }
}

static void spoil_emptied(void)
{
    assert_int_equal(truncate(path, 0), 0);
}

static void spoil_text(void)
{
    char text[4096];
    memset(text, 'x', sizeof(text));
    write_file(path, text, sizeof(text), 0600);
}

static void spoil_magic(void)
{
    overwrite(0, "X", 1);
}

static void spoil_application(void)
{
    run_sql("PRAGMA application_id = 7");
}

static void spoil_newer(void)
{
    run_sql("PRAGMA user_version = 2");
}

static void spoil_index_gone(void)
{
    run_sql("DROP INDEX mint_expires");
}

static void spoil_trigger(void)
{
    run_sql("CREATE TRIGGER t BEFORE INSERT ON mint BEGIN SELECT raise(IGNORE); END");
}

static void spoil_view(void)
{
    run_sql("DROP INDEX mint_expires; CREATE VIEW mint_expires AS SELECT 1");
}

static void spoil_cut(void)
{
    assert_int_equal(truncate(path, 4096), 0);
}

static void spoil_schema_page(void)
{
    char zeros[1024] = {0};
    overwrite(100, zeros, sizeof(zeros));
}

static void spoil_dir_mode(void)
{
    assert_int_equal(chmod(dir, 0720), 0);
}

static void spoil_dir_sticky(void)
{
    assert_int_equal(chmod(dir, 01702), 0);
}

static void spoil_name(void)
{
    strcat(path, "/x");
}

static void spoil_slash(void)
{
    snprintf(path, sizeof(path), "%s/", dir);
}

static const struct {
    const char *rule;
    void (*spoil)(void);
    const char *summary;
    const char *note;
} SPOILS[] = {
    {"symbolic link", spoil_symlink, "the ledger is a symbolic link", ""},
    {"link to nothing", spoil_dangling, "the ledger is a symbolic link", ""},
    {"directory", spoil_directory, "the ledger is not a regular file", ""},
    {"fifo", spoil_fifo, "the ledger is not a regular file", ""},
    {"no name", spoil_slash, "the ledger is not a regular file", ""},
    {"file as directory", spoil_name, "cannot open the directory of the ledger: Not a directory", ""},
    {"open to the group", spoil_group, "the ledger is open to group or others", "its mode is 640"},
    {"open to others", spoil_others, "the ledger is open to group or others", "its mode is 602"},
    {"of somebody else", spoil_owner, "the ledger belongs to another user", "expected uid "},
    {"empty", spoil_emptied, "the ledger is empty", "this one was emptied"},
    {"text", spoil_text, "this is not a ledger", "expected an SQLite file"},
    {"one byte of its head", spoil_magic, "this is not a ledger", "expected an SQLite file"},
    {"another program's", spoil_application, "this is not a ledger", "(application_id 7)"},
    {"newer", spoil_newer, "the ledger was made by a newer xdsgate", "its version is 2; this program knows 1"},
    {"index gone", spoil_index_gone, "the ledger is damaged", "found 4 and 0 of others"},
    {"trigger added", spoil_trigger, "the ledger is damaged", "found 5 and 1 of others"},
    {"view for an index", spoil_view, "the ledger is damaged", "found 4 and 1 of others"},
    {"cut", spoil_cut, "the ledger is damaged", "malformed"},
    {"tables zeroed", spoil_schema_page, "the ledger is damaged", "malformed"},
    {"directory open to the group", spoil_dir_mode, "others can write to the directory of the ledger", "mode is 720"},
    {"directory like /tmp", spoil_dir_sticky, "others can write to the directory of the ledger", "mode is 1702"},
};

static void test_what_is_not_a_safe_ledger_is_refused_and_left_alone(void **state)
{
    for (size_t i = 0; i < XG_ARRAY_LEN(SPOILS); i++) {
        for (int is_made = 0; is_made < 2; is_made++) {
            xg_trouble trouble = {0};
            xg_ledger *ledger = NULL;
            assert_int_equal(setup(state), 0);
            xg_ledger_close(open_made());
            SPOILS[i].spoil();
            const struct stat before = seen();
            if (xg_ledger_open(path, is_made == 1, &ledger, &trouble)) {
                fail_msg("%s: opened", SPOILS[i].rule);
            }
            const struct stat after = seen();
            assert_same(&before, &after);
            assert_null(ledger);
            assert_int_equal(trouble.kind, XG_TROUBLE_IO);
            if (strcmp(trouble.summary, SPOILS[i].summary) != 0 || strstr(trouble.note, SPOILS[i].note) == NULL) {
                fail_msg("%s: %s: %s", SPOILS[i].rule, trouble.summary, trouble.note);
            }
            assert_true(strncmp(trouble.where, path, strlen(dir)) == 0);
            assert_int_equal(teardown(state), 0);
        }
    }
    assert_int_equal(setup(state), 0);
}

static void test_a_directory_of_somebody_else_is_refused(void **state)
{
    (void)state;
    xg_trouble trouble = {0};
    xg_ledger *ledger = NULL;
    if (geteuid() != 0) { /* root's own counts as safe: who is root can do everything anyway */
        assert_true(xg_ledger_open("/etc/xdsgate-ledger.db", false, &ledger, &trouble));
        assert_null(ledger);
        return;
    }
    assert_int_equal(chown(dir, NOBODY, NOBODY), 0);
    assert_false(xg_ledger_open(path, true, &ledger, &trouble));
    assert_string_equal(trouble.summary, "the directory of the ledger belongs to another user");
    assert_string_equal(trouble.note, "expected uid 0, found 65534");
    assert_int_equal(num_files(), 0);
}

/* ---- recording and finding ---- */

static bool take_copy(void *arg, const xg_ledger_entry *entry)
{
    xg_text *text = arg;
    const xg_str parts[] = {entry->purpose, entry->mesh, entry->zone, entry->name,   entry->workload,    entry->tags,
                            entry->jti,     entry->kid,  entry->key,  entry->claims, entry->fingerprint, entry->origin};
    xg_text_printf(text, "%lld", (long long)entry->id);
    for (size_t i = 0; i < XG_ARRAY_LEN(parts); i++) {
        assert_int_equal(parts[i].ptr[parts[i].len], '\0');
        xg_text_printf(text, "|%.*s", (int)parts[i].len, parts[i].ptr);
    }
    xg_text_printf(text, "|%lld|%lld|%lld\n", (long long)entry->minted_at, (long long)entry->issued_at,
                   (long long)entry->expires_at);
    return true;
}

static void test_every_member_comes_back(void **state)
{
    (void)state;
    char storage[2048];
    xg_text text;
    xg_trouble trouble = {0};
    const xg_ledger_filter all = {0};
    xg_ledger *ledger = open_made();
    xg_ledger_entry entries[2] = {entry_of("a"), entry_of("b")};
    entries[1].purpose = XG_STR("zone");
    entries[1].mesh = (xg_str){NULL, 0};
    entries[1].zone = XG_STR("east");
    entries[1].name = (xg_str){"no byte of this", 0};
    entries[1].workload = XG_STR("w\xc3\xb6rk 'x'; --");
    entries[1].expires_at = INT64_MAX;
    entries[1].issued_at = INT64_MIN;
    assert_true(xg_ledger_record(ledger, entries, 2, &trouble));
    xg_ledger_close(ledger);
    ledger = open_made();
    xg_text_init(&text, storage, sizeof(storage));
    assert_true(xg_ledger_each(ledger, &all, take_copy, &text, &trouble));
    xg_ledger_close(ledger);
    assert_string_equal(storage,
                        "1|dataplane|m1||web-1|web|{\"kuma.io/service\":[\"web\"]}|a|1|" KEY_A
                        "|{\"Name\":\"web-1\"}|" DIGEST "|mint|1800000000|1799999995|1800003600\n"
                        "2|zone||east||w\xc3\xb6rk 'x'; --|{\"kuma.io/service\":[\"web\"]}|b|1|" KEY_A
                        "|{\"Name\":\"web-1\"}|" DIGEST "|mint|1800000000|-9223372036854775808|9223372036854775807\n");
}

static bool take_jti(void *arg, const xg_ledger_entry *entry)
{
    xg_text *text = arg;
    xg_text_add(text, entry->jti);
    return entry->jti.ptr[0] != 'z';
}

/* Six entries; a filter; the jtis that it lets through, in order. */
static const struct {
    const char *jtis;
    xg_ledger_filter filter;
} FILTERS[] = {
    {"abcdef", {.limit = 0}},
    {"abcde", {.purpose = XG_STR_INIT("dataplane")}},
    {"f", {.purpose = XG_STR_INIT("zone")}},
    {"ab", {.mesh = XG_STR_INIT("m1")}},
    {"", {.mesh = XG_STR_INIT("m")}},
    {"", {.mesh = XG_STR_INIT("M1")}},
    {"", {.mesh = XG_STR_INIT("m1' OR '1'='1")}},
    {"f", {.zone = XG_STR_INIT("east")}},
    {"b", {.mesh = XG_STR_INIT("m1"), .name = XG_STR_INIT("web-2")}},
    {"c", {.workload = XG_STR_INIT("db")}},
    {"d", {.kid = XG_STR_INIT("2")}},
    {"de", {.key = XG_STR_INIT(KEY_B)}},
    {"e", {.key = XG_STR_INIT(KEY_B), .kid = XG_STR_INIT("1")}},
    {"a", {.jti = XG_STR_INIT("a")}},
    {"abcdef", {.fingerprint = XG_STR_INIT(DIGEST)}},
    {"", {.fingerprint = XG_STR_INIT(KEY_A)}},
    {"c", {.origin = XG_STR_INIT("manifest:east")}},
    {"bcdef", {.expires_after = 100}},
    {"abcdef", {.expires_after = 99}},
    {"ab", {.expires_before = 200}},
    {"a", {.expires_before = 199}},
    {"bcd", {.expires_after = 100, .expires_before = 400}},
    {"fe", {.limit = 2}},
    {"fedcba", {.limit = UINT64_MAX}},
    {"ba", {.mesh = XG_STR_INIT("m1"), .limit = 3}},
    {"abcdfe", {.is_by_expiry = true}},
    {"ab", {.is_by_expiry = true, .limit = 2}},
    {"f", {.purpose = XG_STR_INIT("zone"), .zone = XG_STR_INIT("east"), .origin = XG_STR_INIT("mint"), .limit = 1}},
};

static void fill_six(xg_ledger *ledger)
{
    xg_trouble trouble = {0};
    xg_ledger_entry entries[] = {entry_of("a"), entry_of("b"), entry_of("c"),
                                 entry_of("d"), entry_of("e"), entry_of("f")};
    static const int64_t EXPIRY[] = {100, 200, 300, 400, 600, 500};
    for (size_t i = 0; i < XG_ARRAY_LEN(entries); i++) {
        entries[i].expires_at = EXPIRY[i];
        entries[i].mesh = i < 2 ? XG_STR("m1") : XG_STR("m2");
    }
    entries[1].name = XG_STR("web-2");
    entries[2].workload = XG_STR("db");
    entries[2].origin = XG_STR("manifest:east");
    entries[3].kid = XG_STR("2");
    entries[3].key = XG_STR(KEY_B);
    entries[4].key = XG_STR(KEY_B);
    entries[5].purpose = XG_STR("zone");
    entries[5].mesh = (xg_str){NULL, 0};
    entries[5].zone = XG_STR("east");
    assert_true(xg_ledger_record(ledger, entries, XG_ARRAY_LEN(entries), &trouble));
}

static void test_a_filter_lets_through_what_it_says_in_order(void **state)
{
    (void)state;
    xg_trouble trouble = {0};
    xg_ledger *ledger = open_made();
    fill_six(ledger);
    for (size_t i = 0; i < XG_ARRAY_LEN(FILTERS); i++) {
        static const int64_t EXPIRY[] = {100, 200, 300, 400, 600, 500};
        char jtis[16];
        xg_text text;
        uint64_t num = 99;
        int64_t latest = 99;
        int64_t expected = 0;
        xg_text_init(&text, jtis, sizeof(jtis));
        assert_true(xg_ledger_each(ledger, &FILTERS[i].filter, take_jti, &text, &trouble));
        if (strcmp(jtis, FILTERS[i].jtis) != 0) {
            fail_msg("filter %zu: %s, expected %s", i, jtis, FILTERS[i].jtis);
        }
        xg_ledger_filter filter = FILTERS[i].filter;
        filter.limit = 0;
        assert_true(xg_ledger_count(ledger, &filter, &num, &latest, &trouble));
        if (FILTERS[i].filter.limit == 0) {
            assert_int_equal(num, text.len);
            for (size_t k = 0; k < text.len; k++) {
                int64_t expiry = EXPIRY[jtis[k] - 'a'];
                expected = expiry > expected ? expiry : expected;
            }
            assert_int_equal(latest, expected);
        }
    }
    xg_ledger_close(ledger);
}

static bool take_one(void *arg, const xg_ledger_entry *entry)
{
    (void)entry;
    ++*(unsigned *)arg;
    return false;
}

static void test_a_visit_that_says_no_is_the_last(void **state)
{
    (void)state;
    const xg_ledger_filter all = {0};
    xg_trouble trouble = {0};
    unsigned num = 0;
    xg_ledger *ledger = open_made();
    fill_six(ledger);
    assert_true(xg_ledger_each(ledger, &all, take_one, &num, &trouble));
    assert_int_equal(num, 1);
    xg_ledger_close(ledger);
}

static void test_a_token_is_recorded_once(void **state)
{
    (void)state;
    xg_ledger *ledger = open_made();
    xg_trouble trouble = {0};
    xg_ledger_entry entries[3] = {entry_of("a"), entry_of("b"), entry_of("a")};
    assert_true(xg_ledger_record(ledger, entries, 3, &trouble));
    assert_int_equal(count_in(ledger), 2);
    record_one(ledger, &entries[0]);
    assert_int_equal(count_in(ledger), 2);
    /* Another token with the jti is another mint. */
    entries[2].fingerprint = XG_STR(KEY_B);
    record_one(ledger, &entries[2]);
    assert_int_equal(count_in(ledger), 3);
    xg_ledger_close(ledger);
}

static xg_ledger_entry wrong_entry(size_t offset, xg_str value)
{
    xg_ledger_entry entry = entry_of("wrong");
    memcpy((char *)&entry + offset, &value, sizeof(value));
    return entry;
}

#define WRONG(member, literal)                                                                                         \
    {                                                                                                                  \
#member, offsetof(xg_ledger_entry, member), XG_STR_INIT(literal)                                               \
    }
static const struct {
    const char *name;
    size_t offset;
    xg_str value;
} WRONGS[] = {
    WRONG(purpose, ""),
    WRONG(purpose, "dataplanes"),
    WRONG(purpose, "Zone"),
    WRONG(mesh, "m\n1"),
    WRONG(mesh, "m\xff"),
    WRONG(zone, "\x1b[2J"),
    WRONG(name, "a\0b"),
    WRONG(workload, "\x7f"),
    WRONG(tags, "{\"a\0\"}"),
    WRONG(tags, "\xc0\x80"),
    WRONG(tags, "{\n}"),
    WRONG(jti, ""),
    WRONG(jti, "a\tb"),
    WRONG(kid, ""),
    WRONG(key, ""),
    WRONG(key, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
    WRONG(key, "Aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
    WRONG(key, "gaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
    WRONG(key, KEY_A "a"),
    WRONG(claims, ""),
    WRONG(claims, "eyJhbGciOiJSUzI1NiJ9.e30.c2ln"),
    WRONG(fingerprint, "0123"),
    WRONG(fingerprint, "/123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
    WRONG(origin, ""),
};

static void test_an_entry_that_cannot_be_right_takes_all_with_it(void **state)
{
    (void)state;
    char expected[160];
    xg_trouble trouble = {0};
    xg_ledger *ledger = open_made();
    for (size_t i = 0; i < XG_ARRAY_LEN(WRONGS); i++) {
        const xg_ledger_entry entries[2] = {entry_of("right"), wrong_entry(WRONGS[i].offset, WRONGS[i].value)};
        if (xg_ledger_record(ledger, entries, 2, &trouble)) {
            fail_msg("%zu: a wrong %s was recorded", i, WRONGS[i].name);
        }
        snprintf(expected, sizeof(expected),
                 "cannot record the tokens in the ledger: its %s is not what a ledger holds", WRONGS[i].name);
        assert_int_equal(trouble.kind, XG_TROUBLE_INPUT);
        assert_string_equal(trouble.summary, expected);
    }
    char *text = malloc(XG_LEDGER_TEXT_MAX + 1);
    assert_non_null(text);
    memset(text, 'x', XG_LEDGER_TEXT_MAX + 1);
    xg_ledger_entry entry = wrong_entry(offsetof(xg_ledger_entry, name), (xg_str){text, XG_LEDGER_TEXT_MAX + 1});
    assert_false(xg_ledger_record(ledger, &entry, 1, &trouble));
    assert_int_equal(count_in(ledger), 0);
    entry.name.len--;
    record_one(ledger, &entry);
    free(text);
    xg_ledger_close(ledger);
}

/* ---- other processes, kills, full disks ---- */

static void wait_for(pid_t child)
{
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* In a child: opens, making the file if it is the first, and records one by one. */
static _Noreturn void record_alone(const char *prefix, size_t num)
{
    xg_trouble trouble = {0};
    xg_ledger *ledger = NULL;
    char *texts = NULL;
    xg_ledger_entry *entries = many(num, prefix, &texts);
    bool is_good = xg_ledger_open(path, true, &ledger, &trouble);
    for (size_t i = 0; is_good && i < num; i++) {
        is_good = xg_ledger_record(ledger, &entries[i], 1, &trouble);
    }
    xg_ledger_close(ledger);
    free(entries);
    free(texts);
    if (!is_good) {
        fprintf(stderr, "%s: %s: %s\n", prefix, trouble.summary, trouble.note);
    }
    _exit(is_good ? 0 : 1);
}

static void test_processes_at_once_record_everything_of_each(void **state)
{
    static const char *const NAMES[] = {"p", "q", "r"};
    pid_t children[XG_ARRAY_LEN(NAMES)];
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(NAMES); i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0) {
            record_alone(NAMES[i], 40);
        }
    }
    for (size_t i = 0; i < XG_ARRAY_LEN(NAMES); i++) {
        wait_for(children[i]);
    }
    assert_int_equal(count_now(), 120);
    assert_int_equal(num_files(), 1);
}

static void test_a_ledger_that_stays_busy_is_refused(void **state)
{
    (void)state;
    xg_trouble trouble = {0};
    sqlite3 *other = NULL; /* a second connection excludes like another process */
    xg_ledger *ledger = open_made();
    const xg_ledger_entry entry = entry_of("a");
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(count_in(ledger), 0); /* readers are not kept waiting */
    assert_false(xg_ledger_record(ledger, &entry, 1, &trouble));
    assert_int_equal(trouble.kind, XG_TROUBLE_IO);
    assert_string_equal(trouble.summary, "cannot record the tokens in the ledger: another process is using the ledger");
    assert_string_equal(trouble.note, "waited 5 seconds for it");
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    assert_int_equal(count_in(ledger), 0);
    record_one(ledger, &entry);
    xg_ledger_close(ledger);
}

/* Two that look first and record later: the second finds that it has looked at what is no more. */
static void test_who_decided_by_an_older_state_records_nothing(void **state)
{
    (void)state;
    xg_trouble trouble = {0};
    xg_ledger *ledger = open_made();
    xg_ledger *other = open_made();
    const xg_ledger_entry entries[] = {entry_of("a"), entry_of("b"), entry_of("c"), entry_of("d")};
    int64_t last = 0;
    int64_t last_of_other = 0;
    assert_true(xg_ledger_record_next(ledger, entries, 2, &last, &trouble));
    assert_int_equal(last, 2);
    assert_false(xg_ledger_record_next(other, &entries[2], 2, &last_of_other, &trouble));
    assert_int_equal(trouble.kind, XG_TROUBLE_IO);
    assert_string_equal(trouble.summary, "another run has minted the like meanwhile");
    assert_string_equal(trouble.where, path);
    assert_int_equal(last_of_other, 0);
    assert_int_equal(count_in(ledger), 2);
    last_of_other = 1; /* one is still unknown to it */
    assert_false(xg_ledger_record_next(other, &entries[2], 1, &last_of_other, &trouble));
    last_of_other = 2;
    assert_true(xg_ledger_record_next(other, &entries[2], 1, &last_of_other, &trouble));
    assert_int_equal(last_of_other, 3);
    assert_false(xg_ledger_record_next(ledger, &entries[3], 1, &last, &trouble));
    assert_true(xg_ledger_record_next(ledger, NULL, 0, &last, &trouble)); /* nothing to record is nothing to lose */
    assert_int_equal(last, 2);
    assert_int_equal(count_in(ledger), 3);
    xg_ledger_close(other);
    xg_ledger_close(ledger);
}

static void test_what_others_record_for_another_purpose_is_no_hindrance(void **state)
{
    (void)state;
    xg_trouble trouble = {0};
    xg_ledger *ledger = open_made();
    xg_ledger_entry mine = entry_of("a");
    xg_ledger_entry next = entry_of("b");
    xg_ledger_entry wrong = entry_of("d");
    const xg_ledger_entry theirs = entry_of("c");
    int64_t last = 0;
    mine.origin = next.origin = wrong.origin = XG_STR("manifest:z1");
    wrong.kid = XG_STR("");
    assert_true(xg_ledger_record_next(ledger, &mine, 1, &last, &trouble));
    record_one(ledger, &theirs);
    assert_true(xg_ledger_record_next(ledger, &next, 1, &last, &trouble));
    assert_int_equal(last, 3);
    assert_false(xg_ledger_record_next(ledger, &wrong, 1, &last, &trouble));
    assert_int_equal(trouble.kind, XG_TROUBLE_INPUT);
    assert_int_equal(last, 3);
    assert_int_equal(count_in(ledger), 3);
    xg_ledger_close(ledger);
}

static bool has_journal(void)
{
    char journal[PATH_SIZE + 16];
    struct stat status;
    snprintf(journal, sizeof(journal), "%s-journal", path);
    return stat(journal, &status) == 0 && status.st_size > 0;
}

/* Kills a child in the middle of recording, when a part stands in the file already. False: it was too fast. */
static bool kill_in_the_middle(const xg_ledger_entry *entries, size_t num)
{
    int status = 0;
    const off_t size = seen().st_size;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        xg_trouble trouble = {0};
        xg_ledger *ledger = NULL;
        bool is_good = xg_ledger_open(path, false, &ledger, &trouble) && ledger != NULL;
        _exit(is_good && xg_ledger_record(ledger, entries, num, &trouble) ? 0 : 1);
    }
    while (seen().st_size == size && waitpid(child, &status, WNOHANG) == 0) {
        usleep(200);
    }
    kill(child, SIGKILL);
    (void)waitpid(child, &status, 0);
    return has_journal() && seen().st_size > size;
}

static void test_a_kill_in_the_middle_leaves_none(void **state)
{
    (void)state;
    char *texts = NULL;
    xg_ledger_entry *entries = many(MANY, "k", &texts);
    xg_ledger *ledger = open_made();
    const xg_ledger_entry first = entry_of("first");
    bool was_killed = false;
    record_one(ledger, &first);
    xg_ledger_close(ledger);
    const off_t size = seen().st_size;
    for (unsigned i = 0; i < 3; i++) {
        was_killed = kill_in_the_middle(entries, MANY);
        if (was_killed) {
            break;
        }
        assert_int_equal(unlink(path), 0);
        ledger = open_made();
        record_one(ledger, &first);
        xg_ledger_close(ledger);
    }
    assert_true(was_killed);
    assert_int_equal(count_now(), 1);
    assert_int_equal(seen().st_size, size);
    ledger = open_made();
    xg_trouble trouble = {0};
    assert_true(xg_ledger_record(ledger, entries, 1000, &trouble)); /* and it goes on */
    xg_ledger_close(ledger);
    assert_int_equal(count_now(), 1001);
    assert_int_equal(num_files(), 1);
    free(entries);
    free(texts);
}

static void limit_files(rlim_t max)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void test_a_file_that_cannot_grow_keeps_what_it_had(void **state)
{
    static const size_t NUMS[] = {1, 1000, MANY}; /* the journal, the end, and the middle of it do not fit */
    (void)state;
    char *texts = NULL;
    xg_trouble trouble = {0};
    xg_ledger_entry *entries = many(MANY, "f", &texts);
    xg_ledger *ledger = open_made();
    const xg_ledger_entry first = entry_of("first");
    record_one(ledger, &first);
    const off_t size = seen().st_size;
    signal(SIGXFSZ, SIG_IGN);
    for (size_t i = 0; i < XG_ARRAY_LEN(NUMS); i++) {
        limit_files(NUMS[i] == 1 ? 1024 : (rlim_t)size + 4096);
        bool is_recorded = xg_ledger_record(ledger, entries, NUMS[i], &trouble);
        limit_files(RLIM_INFINITY);
        assert_false(is_recorded);
        assert_int_equal(trouble.kind, XG_TROUBLE_IO);
        assert_string_equal(trouble.summary, "cannot record the tokens in the ledger: disk I/O error");
        assert_string_equal(trouble.note, "the system says: File too large");
        assert_string_equal(trouble.where, path);
        assert_int_equal(count_in(ledger), 1);
    }
    xg_ledger_close(ledger);
    assert_int_equal(count_now(), 1);
    assert_int_equal(seen().st_size, size);

    assert_int_equal(unlink(path), 0);
    limit_files(1024);
    assert_false(xg_ledger_open(path, true, &ledger, &trouble));
    limit_files(RLIM_INFINITY);
    signal(SIGXFSZ, SIG_DFL);
    assert_string_equal(trouble.summary, "cannot make the ledger: disk I/O error");
    assert_int_equal(num_files(), 0);
    free(entries);
    free(texts);
}

/* As a user without privileges, in a directory that cannot be written. 0: as it should be. */
static int try_read_only(bool is_there)
{
    xg_trouble trouble = {0};
    xg_ledger *ledger = NULL;
    const xg_ledger_entry entry = entry_of("b");
    if (geteuid() == 0 && (setgid(NOBODY) != 0 || setuid(NOBODY) != 0)) {
        return 1;
    }
    if (!is_there) {
        return !xg_ledger_open(path, true, &ledger, &trouble) &&
                       strcmp(trouble.summary, "cannot make the ledger: Permission denied") == 0
                   ? 0
                   : 2;
    }
    if (!xg_ledger_open(path, false, &ledger, &trouble) || ledger == NULL) {
        return 3;
    }
    if (xg_ledger_record(ledger, &entry, 1, &trouble)) {
        return 4;
    }
    if (strcmp(trouble.summary, "cannot record the tokens in the ledger: attempt to write a readonly database") != 0) {
        fprintf(stderr, "%s: %s\n", trouble.summary, trouble.note);
        return 5;
    }
    return count_in(ledger) == 1 ? 0 : 6; /* reading goes on */
}

static void test_a_directory_that_cannot_be_written_can_be_read(void **state)
{
    (void)state;
    for (int is_there = 0; is_there < 2; is_there++) {
        if (is_there == 1) {
            assert_int_equal(chmod(dir, 0700), 0);
            xg_ledger *ledger = NULL;
            assert_int_equal(chown(dir, geteuid(), getegid()), 0);
            const xg_ledger_entry entry = entry_of("a");
            ledger = open_made();
            record_one(ledger, &entry);
            xg_ledger_close(ledger);
            if (geteuid() == 0) {
                assert_int_equal(chown(path, NOBODY, NOBODY), 0);
            }
        }
        if (geteuid() == 0) {
            assert_int_equal(chown(dir, NOBODY, NOBODY), 0);
        }
        assert_int_equal(chmod(dir, 0500), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            _exit(try_read_only(is_there == 1));
        }
        wait_for(child);
    }
}

static void test_damage_inside_is_found(void **state)
{
    (void)state;
    char noise[4096];
    xg_trouble trouble = {0};
    char *texts = NULL;
    xg_ledger_entry *entries = many(1000, "d", &texts);
    xg_ledger *ledger = open_made();
    assert_true(xg_ledger_record(ledger, entries, 1000, &trouble));
    assert_true(xg_ledger_check(ledger, &trouble));
    xg_ledger_close(ledger);
    memset(noise, 0x5a, sizeof(noise));
    overwrite(seen().st_size / 8192 * 4096, noise, sizeof(noise));
    if (xg_ledger_open(path, false, &ledger, &trouble)) {
        assert_false(xg_ledger_check(ledger, &trouble));
        xg_ledger_close(ledger);
    }
    assert_int_equal(trouble.kind, XG_TROUBLE_IO);
    assert_string_equal(trouble.summary, "the ledger is damaged");
    free(entries);
    free(texts);
}

static void test_a_row_that_nobody_recorded_so_is_damage(void **state)
{
    static const char *const CHANGES[] = {"UPDATE mint SET jti = 'a' || char(27)",
                                          "UPDATE mint SET key = replace(key, 'a', 'A')",
                                          "UPDATE mint SET claims = 'x'", "UPDATE mint SET mesh = CAST(x'ff' AS TEXT)"};
    static const char *const NAMES[] = {"jti", "key", "claims", "mesh"};
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(CHANGES); i++) {
        char note[96];
        const xg_ledger_filter all = {0};
        const xg_ledger_entry entry = entry_of("a");
        unsigned num = 0;
        xg_trouble trouble = {0};
        xg_ledger *ledger = open_made();
        record_one(ledger, &entry);
        xg_ledger_close(ledger);
        run_sql(CHANGES[i]);
        ledger = open_made();
        assert_false(xg_ledger_each(ledger, &all, take_one, &num, &trouble));
        xg_ledger_close(ledger);
        snprintf(note, sizeof(note), "the %s of entry 1 is not what a ledger holds", NAMES[i]);
        assert_string_equal(trouble.summary, "the ledger is damaged");
        assert_string_equal(trouble.note, note);
        assert_int_equal(num, 0);
        assert_int_equal(unlink(path), 0);
    }
}

/* ---- memory ---- */

static sqlite3_mem_methods real_memory;
static long calls_left = -1; /* -1: as many as are wanted */

static bool runs_out(void)
{
    if (calls_left > 0) {
        calls_left--;
    }
    return calls_left == 0;
}

static void *scarce_malloc(int size)
{
    return runs_out() ? NULL : real_memory.xMalloc(size);
}

static void *scarce_realloc(void *block, int size)
{
    return runs_out() ? NULL : real_memory.xRealloc(block, size);
}

static bool work(long allowed, bool is_read)
{
    xg_trouble trouble = {0};
    xg_ledger *ledger = NULL;
    const xg_ledger_filter all = {.mesh = XG_STR("m1")};
    const xg_ledger_entry entry = entry_of("a");
    char storage[2048];
    xg_text text;
    xg_text_init(&text, storage, sizeof(storage));
    calls_left = allowed;
    bool is_good = xg_ledger_open(path, true, &ledger, &trouble);
    if (is_read) {
        is_good =
            is_good && xg_ledger_check(ledger, &trouble) && xg_ledger_each(ledger, &all, take_copy, &text, &trouble);
    } else {
        is_good = is_good && xg_ledger_record(ledger, &entry, 1, &trouble);
    }
    calls_left = -1;
    xg_ledger_close(ledger);
    if (!is_good) {
        assert_int_equal(trouble.kind, XG_TROUBLE_IO);
        assert_string_not_equal(trouble.summary, "");
    } else if (is_read) {
        assert_non_null(strstr(storage, "|a|1|" KEY_A));
    }
    return is_good;
}

static void test_memory_that_runs_out_is_a_refusal_wherever_it_does(void **state)
{
    (void)state;
    long num_refused[2] = {0, 0};
    for (int is_read = 0; is_read < 2; is_read++) {
        for (long n = 1; !work(n, is_read == 1); n++) {
            num_refused[is_read]++;
            assert_int_equal(count_now(), is_read);
        }
        assert_int_equal(count_now(), 1);
        assert_int_equal(num_files(), 1);
    }
    assert_true(num_refused[0] > 20);
    assert_true(num_refused[1] > 20);
}

/* ---- keys ---- */

static bool take_key(void *arg, const xg_ledger_key *key)
{
    xg_text_printf(arg, "%.*s %.*s %.1s %s %lld\n", (int)key->set.len, key->set.ptr, (int)key->kid.len, key->kid.ptr,
                   key->key.ptr, xg_ledger_state_name(key->state), (long long)key->since);
    return true;
}

static void assert_keys(xg_ledger *ledger, const char *set, const char *expected)
{
    char storage[1024];
    xg_text text;
    xg_trouble trouble = {0};
    xg_text_init(&text, storage, sizeof(storage));
    assert_true(xg_ledger_each_key(ledger, xg_str_of(set), take_key, &text, &trouble));
    assert_string_equal(storage, expected);
}

static xg_ledger_key key_of(const char *set, const char *kid, xg_ledger_state state)
{
    return (xg_ledger_key){xg_str_of(set), xg_str_of(kid), XG_STR(KEY_A), state, 7};
}

static void test_keys_come_in_the_order_of_their_serials(void **state)
{
    (void)state;
    xg_trouble trouble = {0};
    xg_ledger *ledger = open_made();
    const xg_ledger_key keys[] = {
        key_of("zone", "1", XG_LEDGER_SIGNING),       key_of("mesh/m1", "named", XG_LEDGER_DRAINING),
        key_of("mesh/m1", "10", XG_LEDGER_PUBLISHED), key_of("mesh/m1", "9", XG_LEDGER_SIGNING),
        key_of("mesh/m1", "2", XG_LEDGER_RETIRED),
    };
    assert_true(xg_ledger_put_keys(ledger, keys, XG_ARRAY_LEN(keys), &trouble));
    assert_keys(ledger, "",
                "mesh/m1 2 a retired 7\nmesh/m1 9 a signing 7\nmesh/m1 10 a published 7\n"
                "mesh/m1 named a draining 7\nzone 1 a signing 7\n");
    assert_keys(ledger, "zone", "zone 1 a signing 7\n");
    assert_keys(ledger, "mesh/m", "");
    xg_ledger_close(ledger);
}

static void test_one_key_of_a_set_signs_and_a_kid_names_one_key(void **state)
{
    (void)state;
    xg_trouble trouble = {0};
    xg_ledger *ledger = open_made();
    const xg_ledger_key first = key_of("zone", "1", XG_LEDGER_SIGNING);
    const xg_ledger_key both[] = {key_of("zone", "3", XG_LEDGER_PUBLISHED), key_of("zone", "2", XG_LEDGER_SIGNING)};
    const xg_ledger_key handover[] = {both[1], key_of("zone", "1", XG_LEDGER_DRAINING)};
    xg_ledger_key other = key_of("zone", "1", XG_LEDGER_RETIRED);
    other.key = XG_STR(KEY_B);
    assert_true(xg_ledger_put_keys(ledger, &first, 1, &trouble));

    assert_false(xg_ledger_put_keys(ledger, both, 2, &trouble));
    assert_int_equal(trouble.kind, XG_TROUBLE_KEY);
    assert_string_equal(trouble.summary, "zone already has a key that signs");
    assert_false(xg_ledger_put_keys(ledger, &other, 1, &trouble));
    assert_int_equal(trouble.kind, XG_TROUBLE_KEY);
    assert_string_equal(trouble.summary, "kid '1' of zone already names another key");
    assert_keys(ledger, "", "zone 1 a signing 7\n");

    assert_true(xg_ledger_put_keys(ledger, handover, 2, &trouble));
    assert_keys(ledger, "", "zone 1 a draining 7\nzone 2 a signing 7\n");
    xg_ledger_close(ledger);
}

static void test_a_key_that_cannot_be_right_is_refused(void **state)
{
    (void)state;
    xg_trouble trouble = {0};
    xg_ledger *ledger = open_made();
    xg_ledger_key keys[] = {
        key_of("", "1", XG_LEDGER_SIGNING),       key_of("zone", "", XG_LEDGER_SIGNING),
        key_of("zone", "1", XG_LEDGER_UNKNOWN),   key_of("zone", "1", (xg_ledger_state)5),
        key_of("zone", "1\n", XG_LEDGER_SIGNING), key_of("zone", "1", XG_LEDGER_SIGNING),
    };
    keys[XG_ARRAY_LEN(keys) - 1].key.len--;
    for (size_t i = 0; i < XG_ARRAY_LEN(keys); i++) {
        assert_false(xg_ledger_put_keys(ledger, &keys[i], 1, &trouble));
        assert_int_equal(trouble.kind, XG_TROUBLE_INPUT);
        assert_string_equal(trouble.summary,
                            "cannot write the states of the keys into the ledger: a key is not what a ledger holds");
    }
    assert_keys(ledger, "", "");
    assert_string_equal(xg_ledger_state_name((xg_ledger_state)5), "unknown");
    xg_ledger_close(ledger);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_absent_is_told_apart_from_broken),
        TEST(test_made_closed_whatever_the_umask),
        TEST(test_opened_by_a_name_without_directory),
        TEST(test_a_link_on_the_way_is_no_link_to_the_ledger),
        TEST(test_what_is_not_a_safe_ledger_is_refused_and_left_alone),
        TEST(test_a_directory_of_somebody_else_is_refused),
        TEST(test_every_member_comes_back),
        TEST(test_a_filter_lets_through_what_it_says_in_order),
        TEST(test_a_visit_that_says_no_is_the_last),
        TEST(test_a_token_is_recorded_once),
        TEST(test_an_entry_that_cannot_be_right_takes_all_with_it),
        TEST(test_processes_at_once_record_everything_of_each),
        TEST(test_a_ledger_that_stays_busy_is_refused),
        TEST(test_who_decided_by_an_older_state_records_nothing),
        TEST(test_what_others_record_for_another_purpose_is_no_hindrance),
        TEST(test_a_kill_in_the_middle_leaves_none),
        TEST(test_a_file_that_cannot_grow_keeps_what_it_had),
        TEST(test_a_directory_that_cannot_be_written_can_be_read),
        TEST(test_damage_inside_is_found),
        TEST(test_a_row_that_nobody_recorded_so_is_damage),
        TEST(test_memory_that_runs_out_is_a_refusal_wherever_it_does),
        TEST(test_keys_come_in_the_order_of_their_serials),
        TEST(test_one_key_of_a_set_signs_and_a_kid_names_one_key),
        TEST(test_a_key_that_cannot_be_right_is_refused),
    };
    if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_memory) != SQLITE_OK) {
        return 1;
    }
    sqlite3_mem_methods scarce = real_memory;
    scarce.xMalloc = scarce_malloc;
    scarce.xRealloc = scarce_realloc;
    if (sqlite3_config(SQLITE_CONFIG_MALLOC, &scarce) != SQLITE_OK ||
        sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0) != SQLITE_OK) { /* every allocation is one that can fail */
        return 1;
    }
    return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
