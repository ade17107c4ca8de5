/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger_db.c: the ledger's file: opened only when it is ours, made whole or not at all, and SQLite's failures in
 * words.
 *
 * Must never open a ledger that somebody else could have put there, and never leave a half-made one under its name.
 * Thread rule: a ledger belongs to one thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger_db.h"

#define BUSY_SECONDS 5
#define VALUE_MAX    1048576 /* bytes of one value or statement: far more than a token has room for */
#define TEMP_SIZE    (NAME_MAX + 64)

/*
 * The rollback journal, not WAL: between two commands the ledger is one file, which can be copied, needs no shared
 * memory, works on any file system and can be read where nothing can be written. Writers wait for each other and for
 * readers, who are quick: whoever prints the ledger reads it first. EXTRA also syncs the directory after the journal
 * went: a token that was released stays recorded when the power fails.
 */
static const char SETTINGS[] = "PRAGMA trusted_schema = OFF;"
                               "PRAGMA foreign_keys = ON;"
                               "PRAGMA cell_size_check = ON;"
                               "PRAGMA temp_store = MEMORY;"
                               "PRAGMA synchronous = EXTRA;"
                               "PRAGMA journal_mode = DELETE;";

/* Where the ledger is: its directory, open, and its name there. */
typedef struct place {
    const char *path; /* as it was given */
    const char *name;
    int fd;
    char dir[PATH_MAX]; /* without symbolic links: SQLite is told to follow none */
} place;

bool xg_ledger_db_fail(const xg_ledger *ledger, const char *action, xg_trouble *trouble)
{
    char words[128];
    int code = sqlite3_extended_errcode(ledger->db);
    int error = sqlite3_system_errno(ledger->db);
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        xg_trouble_say(trouble, XG_TROUBLE_IO, "cannot %s: another process is using the ledger", action);
        xg_trouble_note(trouble, "waited %d seconds for it", BUSY_SECONDS);
        xg_trouble_help(trouble, "try again when the other has finished; 'fuser FILE' shows which it is");
        break;
    case SQLITE_NOTADB:
        xg_trouble_say(trouble, XG_TROUBLE_IO, "this is not a ledger");
        xg_trouble_note(trouble, "expected an SQLite file, found something else");
        xg_trouble_help(trouble, "check the path; a ledger that was overwritten has to come from a backup");
        break;
    case SQLITE_CORRUPT:
        xg_trouble_say(trouble, XG_TROUBLE_IO, "the ledger is damaged");
        xg_trouble_note(trouble, "%s", sqlite3_errmsg(ledger->db));
        xg_trouble_help(trouble, "take it from a backup; until then nothing is minted");
        break;
    case SQLITE_FULL:
        xg_trouble_say(trouble, XG_TROUBLE_IO, "cannot %s: %s", action, sqlite3_errstr(code));
        xg_trouble_help(trouble, "make room on the file system");
        break;
    default:
        xg_trouble_say(trouble, XG_TROUBLE_IO, "cannot %s: %s", action, sqlite3_errstr(code));
        if (error != 0) {
            xg_trouble_note(trouble, "the system says: %s", strerror_r(error, words, sizeof(words)));
        }
        xg_trouble_help(trouble, "check the owner and mode of the file and its directory, and the room that is left");
        break;
    }
    return xg_trouble_where(trouble, "%s", ledger->path);
}

bool xg_ledger_db_run(const xg_ledger *ledger, const char *action, const char *sql, xg_trouble *trouble)
{
    return sqlite3_exec(ledger->db, sql, NULL, NULL, NULL) == SQLITE_OK || xg_ledger_db_fail(ledger, action, trouble);
}

sqlite3_stmt *xg_ledger_db_prepare(const xg_ledger *ledger, const char *action, const char *sql, xg_trouble *trouble)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(ledger->db, sql, -1, &statement, NULL) != SQLITE_OK || statement == NULL) {
        xg_ledger_db_fail(ledger, action, trouble);
        return NULL;
    }
    return statement;
}

bool xg_ledger_db_begin(const xg_ledger *ledger, const char *action, xg_trouble *trouble)
{
    /* The write lock at once: two that read first and write later could not both go on. */
    return xg_ledger_db_run(ledger, action, "BEGIN IMMEDIATE", trouble);
}

bool xg_ledger_db_end(const xg_ledger *ledger, const char *action, bool is_good, xg_trouble *trouble)
{
    bool is_done = is_good && xg_ledger_db_run(ledger, action, "COMMIT", trouble);
    if (!is_done && sqlite3_get_autocommit(ledger->db) == 0) {
        /* What cannot be undone now is undone from the journal by whoever opens the file next. */
        (void)sqlite3_exec(ledger->db, "ROLLBACK", NULL, NULL, NULL);
    }
    return is_done;
}

int xg_ledger_db_bind(sqlite3_stmt *statement, int position, xg_str text)
{
    return sqlite3_bind_text64(statement, position, text.len > 0 ? text.ptr : "", text.len, SQLITE_TRANSIENT,
                               SQLITE_UTF8);
}

xg_str xg_ledger_db_text(sqlite3_stmt *statement, int column)
{
    const unsigned char *bytes = sqlite3_column_text(statement, column);
    int len = sqlite3_column_bytes(statement, column);
    return bytes != NULL ? (xg_str){(const char *)bytes, (size_t)len} : (xg_str){"", 0};
}

static bool refuse(xg_trouble *trouble, const char *where, const char *summary, const char *help)
{
    xg_trouble_say(trouble, XG_TROUBLE_IO, "%s", summary);
    xg_trouble_help(trouble, "%s", help);
    return xg_trouble_where(trouble, "%s", where);
}

/* Whoever can write to the directory can replace the ledger, or put a journal beside it that SQLite would replay. */
static bool check_dir(const place *at, xg_trouble *trouble)
{
    struct stat status;
    if (fstat(at->fd, &status) != 0) {
        return xg_trouble_io(trouble, "read the directory", at->dir, errno);
    }
    if (status.st_uid != geteuid() && status.st_uid != 0) {
        refuse(trouble, at->dir, "the directory of the ledger belongs to another user",
               "whoever owns it can replace the ledger: make it yours with chown, or use your own");
        return xg_trouble_note(trouble, "expected uid %u, found %u", (unsigned)geteuid(), (unsigned)status.st_uid);
    }
    if ((status.st_mode & 022) != 0) {
        refuse(trouble, at->dir, "others can write to the directory of the ledger", "close it: chmod 700 DIR");
        return xg_trouble_note(trouble, "its mode is %03o", (unsigned)(status.st_mode & 07777));
    }
    return true;
}

static bool check_file(const char *path, const struct stat *status, xg_trouble *trouble)
{
    if (S_ISLNK(status->st_mode)) {
        return refuse(trouble, path, "the ledger is a symbolic link", "give the file itself: links are not followed");
    }
    if (!S_ISREG(status->st_mode)) {
        return refuse(trouble, path, "the ledger is not a regular file", "give the path of a file");
    }
    if (status->st_uid != geteuid()) {
        refuse(trouble, path, "the ledger belongs to another user",
               "whoever owns it can change it: work as that user, or make it yours with chown");
        return xg_trouble_note(trouble, "expected uid %u, found %u", (unsigned)geteuid(), (unsigned)status->st_uid);
    }
    if ((status->st_mode & 077) != 0) {
        refuse(trouble, path, "the ledger is open to group or others", "close it: chmod 600 FILE");
        return xg_trouble_note(trouble, "its mode is %03o", (unsigned)(status->st_mode & 07777));
    }
    if (status->st_size == 0) {
        refuse(trouble, path, "the ledger is empty",
               "take it from a backup, or remove the file if nothing was ever minted");
        return xg_trouble_note(trouble, "a ledger gets its name when its tables stand: this one was emptied");
    }
    return true;
}

/* Finds the directory. *ret_is_absent when it does not exist. */
static bool find_place(const char *path, place *ret_at, bool *ret_is_absent, xg_trouble *trouble)
{
    char given[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t len = slash != NULL ? (size_t)(slash - path) : 1;
    *ret_at = (place){.path = path, .name = slash != NULL ? slash + 1 : path, .fd = -1};
    *ret_is_absent = false;
    if (len >= sizeof(given)) {
        return xg_trouble_io(trouble, "open the ledger", path, ENAMETOOLONG);
    }
    if (ret_at->name[0] == '\0') {
        return refuse(trouble, path, "the ledger is not a regular file", "give the path of a file");
    }
    memcpy(given, slash != NULL ? path : ".", len);
    given[len] = '\0';
    if (realpath(len > 0 ? given : "/", ret_at->dir) != NULL) {
        ret_at->fd = open(ret_at->dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    }
    if (ret_at->fd < 0 && errno == ENOENT) {
        *ret_is_absent = true;
        return true;
    }
    return ret_at->fd >= 0 ? check_dir(ret_at, trouble)
                           : xg_trouble_io(trouble, "open the directory of the ledger", path, errno);
}

/* Looks at the name without opening it: to close a file would drop the locks that SQLite has on it. */
static bool look(const place *at, bool *ret_is_absent, xg_trouble *trouble)
{
    struct stat status;
    *ret_is_absent = false;
    if (fstatat(at->fd, at->name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
        return check_file(at->path, &status, trouble);
    }
    *ret_is_absent = errno == ENOENT;
    return *ret_is_absent || xg_trouble_io(trouble, "open the ledger", at->path, errno);
}

/* The connection to one name of the directory, set up. ledger->db is to be closed on failure too. */
static bool connect_to(const place *at, const char *name, xg_ledger *ledger, xg_trouble *trouble)
{
    static const struct {
        int option;
        int value;
    } SWITCHES[] = {{SQLITE_DBCONFIG_DEFENSIVE, 1},      {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
                    {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0}, {SQLITE_DBCONFIG_ENABLE_VIEW, 0},
                    {SQLITE_DBCONFIG_DQS_DML, 0},        {SQLITE_DBCONFIG_DQS_DDL, 0}};
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    char full[PATH_MAX + TEMP_SIZE + 2];
    xg_text text;
    xg_text_init(&text, full, sizeof(full));
    xg_text_add(&text, xg_str_of(at->dir));
    xg_text_add(&text, XG_STR("/"));
    xg_text_add(&text, xg_str_of(name));
    if (text.is_cut) {
        return xg_trouble_io(trouble, "open the ledger", at->path, ENAMETOOLONG);
    }
    int code = sqlite3_open_v2(full, &ledger->db, flags, NULL);
    for (size_t i = 0; code == SQLITE_OK && i < XG_ARRAY_LEN(SWITCHES); i++) {
        code = sqlite3_db_config(ledger->db, SWITCHES[i].option, SWITCHES[i].value, NULL);
    }
    if (code == SQLITE_OK) {
        (void)sqlite3_limit(ledger->db, SQLITE_LIMIT_LENGTH, VALUE_MAX);
        (void)sqlite3_limit(ledger->db, SQLITE_LIMIT_ATTACHED, 0);
        code = sqlite3_busy_timeout(ledger->db, BUSY_SECONDS * 1000);
    }
    if (code != SQLITE_OK) {
        return xg_ledger_db_fail(ledger, "open the ledger", trouble);
    }
    return xg_ledger_db_run(ledger, "open the ledger", SETTINGS, trouble);
}

static void disconnect(xg_ledger *ledger)
{
    (void)sqlite3_close(ledger->db);
    ledger->db = NULL;
}

/* An empty file of ours under a name that nobody else has. An errno value. */
static int make_file(const place *at, char temp[TEMP_SIZE])
{
    uint64_t random = 0;
    if (strlen(at->name) > NAME_MAX) {
        return ENAMETOOLONG;
    }
    if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random)) {
        return EIO;
    }
    snprintf(temp, TEMP_SIZE, ".%.*s.%016llx", NAME_MAX, at->name, (unsigned long long)random);
    int fd = openat(at->fd, temp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return errno;
    }
    int error = fchmod(fd, 0600) == 0 ? 0 : errno; /* a umask may have taken more away */
    close(fd);
    return error;
}

/* Gives the file its name, unless somebody else was faster, which is as good. An errno value. */
static int name_file(const place *at, const char *temp)
{
    int error = renameat2(at->fd, temp, at->fd, at->name, RENAME_NOREPLACE) == 0 ? 0 : errno;
    bool is_moved = error == 0;
    if (error == EINVAL || error == ENOSYS) { /* not every file system can */
        error = linkat(at->fd, temp, at->fd, at->name, 0) == 0 ? 0 : errno;
    }
    if (error != 0 && error != EEXIST) {
        return error;
    }
    if (!is_moved && unlinkat(at->fd, temp, 0) != 0) {
        return errno;
    }
    return fsync(at->fd) == 0 ? 0 : errno;
}

/*
 * Makes the ledger beside its name and moves it there when its tables are on the disk: an empty file that bears the
 * name is therefore never one that was about to be filled.
 */
static bool make(const place *at, xg_ledger *ledger, xg_trouble *trouble)
{
    char temp[TEMP_SIZE] = "";
    int error = make_file(at, temp);
    bool is_good = error == 0 && connect_to(at, temp, ledger, trouble) && xg_ledger_schema_make(ledger, trouble);
    disconnect(ledger);
    if (is_good) {
        error = name_file(at, temp);
    }
    if (temp[0] != '\0' && (error != 0 || !is_good)) {
        (void)unlinkat(at->fd, temp, 0); /* the first failure is the one that is told */
    }
    return error == 0 ? is_good : xg_trouble_io(trouble, "make the ledger", at->path, error);
}

static bool open_at(const place *at, bool is_made, xg_ledger *ledger, bool *ret_is_absent, xg_trouble *trouble)
{
    if (!look(at, ret_is_absent, trouble)) {
        return false;
    }
    if (*ret_is_absent) {
        if (!is_made) {
            return true;
        }
        if (!make(at, ledger, trouble) || !look(at, ret_is_absent, trouble)) {
            return false;
        }
    }
    return connect_to(at, at->name, ledger, trouble) && xg_ledger_schema_check(ledger, trouble);
}

bool xg_ledger_open(const char *path, bool is_made, xg_ledger **ret_ledger, xg_trouble *trouble)
{
    place at;
    bool is_absent = false;
    bool is_good = find_place(path, &at, &is_absent, trouble);
    xg_ledger *ledger = NULL;
    *ret_ledger = NULL;
    if (is_good && is_absent && is_made) {
        is_good = xg_trouble_io(trouble, "open the directory of the ledger", path, ENOENT);
    }
    if (is_good && !is_absent) {
        ledger = calloc(1, sizeof(*ledger));
        char *copy = strdup(path);
        if (ledger == NULL || copy == NULL) {
            free(copy);
            is_good = xg_trouble_io(trouble, "open the ledger", path, ENOMEM);
        } else {
            ledger->path = copy;
            is_good = open_at(&at, is_made, ledger, &is_absent, trouble);
        }
    }
    if (at.fd >= 0) {
        close(at.fd);
    }
    if (is_good && !is_absent) {
        *ret_ledger = ledger;
    } else {
        xg_ledger_close(ledger);
    }
    return is_good;
}

void xg_ledger_close(xg_ledger *ledger)
{
    if (ledger != NULL) {
        disconnect(ledger);
        free(ledger->path);
        free(ledger);
    }
}
