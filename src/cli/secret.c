/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secret.c: keys and tokens read into guarded memory (no core dump, guard pages, wiped on release).
 *
 * Must never copy what it read anywhere else, print it or follow a symbolic link to it. Any number of threads.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "cli.h"

/*
 * Guarded memory costs ten system calls each time, more than all else that is done about a key file. What fits a slot
 * comes from one, which is wiped when it is given back and then used again.
 */
#define SLOT_SIZE 8192
#define NUM_SLOTS 32
static struct {
    atomic_bool is_taken;
    char *_Atomic ptr; /* made by whoever took the slot first; stays */
} slots[NUM_SLOTS];

static char *slot_of(size_t at)
{
    char *ptr = atomic_load(&slots[at].ptr);
    if (ptr == NULL) {
        ptr = sodium_malloc(SLOT_SIZE);
        atomic_store(&slots[at].ptr, ptr);
    }
    return ptr;
}

static char *guarded(size_t size)
{
    for (size_t i = 0; size <= SLOT_SIZE && i < NUM_SLOTS; i++) {
        bool is_taken = false;
        if (!atomic_compare_exchange_strong(&slots[i].is_taken, &is_taken, true)) {
            continue;
        }
        char *ptr = slot_of(i);
        if (ptr == NULL) {
            atomic_store(&slots[i].is_taken, false);
        }
        return ptr;
    }
    return sodium_malloc(size);
}

static void release(char *ptr)
{
    for (size_t i = 0; ptr != NULL && i < NUM_SLOTS; i++) {
        if (atomic_load(&slots[i].ptr) == ptr) {
            sodium_memzero(ptr, SLOT_SIZE);
            atomic_store(&slots[i].is_taken, false);
            return;
        }
    }
    sodium_free(ptr);
}

static int read_some(int fd, char *buffer, size_t cap, size_t *ret_len)
{
    size_t len = 0;
    while (len < cap) {
        ssize_t got = read(fd, buffer + len, cap - len);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return errno;
        }
        if (got == 0) {
            break;
        }
        len += (size_t)got;
    }
    *ret_len = len;
    return len == cap ? EFBIG : 0;
}

/* Of a regular file as much as it has, and one byte more, which shows that it is all; of everything else up to the most
 * that a secret may have. Guarded memory is dear by the page. */
static size_t room_for(int fd)
{
    struct stat status;
    bool is_known =
        fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size >= 0 && status.st_size < XG_SECRET_MAX;
    return is_known ? (size_t)status.st_size + 1 : XG_SECRET_MAX + 1;
}

int xg_secret_read_fd(int fd, const char *path, xg_secret *ret_secret)
{
    size_t cap = room_for(fd);
    char *buffer = guarded(cap);
    size_t len = 0;
    if (buffer == NULL) {
        return xg_errors_io("reserve guarded memory for", path, ENOMEM);
    }
    int error = read_some(fd, buffer, cap, &len);
    if (error != 0) {
        release(buffer);
        return xg_errors_io("read", path, error);
    }
    *ret_secret = (xg_secret){buffer, len};
    return XG_EXIT_OK;
}

static int check_private(const struct stat *status, const char *path, bool is_phrase)
{
    const char *what = is_phrase ? "passphrase file" : "private key";
    if (status->st_uid != geteuid()) {
        xg_errors_summary("the %s belongs to another user (uid %u)", what, (unsigned)status->st_uid);
        xg_errors_where("%s", path);
        xg_errors_help("whoever owns the file can replace the %s: make it yours with chown, or use your own",
                       is_phrase ? "passphrase" : "key");
        return XG_EXIT_KEY;
    }
    if ((status->st_mode & 077) != 0) {
        xg_errors_summary("the %s is open to group or others (mode %03o)", what, (unsigned)(status->st_mode & 0777));
        xg_errors_where("%s", path);
        xg_errors_help("close it: chmod 600 FILE; if others could read it until now, make a new %s",
                       is_phrase ? "one" : "key");
        return XG_EXIT_KEY;
    }
    return XG_EXIT_OK;
}

/* PEM, or kumactl's base64 of it: any that does not say that it is public. */
static bool is_private_text(const xg_secret *secret)
{
    static const xg_str BASE64 = XG_STR_INIT("LS0tLS1CRUdJTi");               /* -----BEGIN */
    static const xg_str PUBLIC = XG_STR_INIT("LS0tLS1CRUdJTiBQVUJM");         /* -----BEGIN PUBL */
    static const xg_str RSA_PUBLIC = XG_STR_INIT("LS0tLS1CRUdJTiBSU0EgUFVC"); /* -----BEGIN RSA PUB */
    xg_str text = {secret->ptr, secret->len};
    if (text.len > 0 && memmem(text.ptr, text.len, "PRIVATE KEY", 11) != NULL) {
        return true;
    }
    return xg_str_starts_with(text, BASE64) && !xg_str_starts_with(text, PUBLIC) &&
           !xg_str_starts_with(text, RSA_PUBLIC);
}

static int read_checked(int fd, const char *path, xg_secret_rule rule, xg_secret *ret_secret)
{
    struct stat status;
    xg_secret secret = {0};
    bool is_phrase = rule == XG_SECRET_PHRASE;
    if (fstat(fd, &status) != 0) {
        return xg_errors_io("read", path, errno);
    }
    if (!S_ISREG(status.st_mode)) {
        xg_errors_summary("the %s is not a regular file", is_phrase ? "passphrase" : "key");
        xg_errors_where("%s", path);
        xg_errors_help("%s", is_phrase ? "to pass one through a pipe, use --passphrase-fd"
                                       : "to pass a key through a pipe, use '-' and stdin");
        return XG_EXIT_KEY;
    }
    int code = rule != XG_SECRET_EITHER ? check_private(&status, path, is_phrase) : XG_EXIT_OK;
    if (code == XG_EXIT_OK) {
        code = xg_secret_read_fd(fd, path, &secret);
    }
    if (code == XG_EXIT_OK && rule == XG_SECRET_EITHER && is_private_text(&secret)) {
        code = check_private(&status, path, false);
    }
    if (code != XG_EXIT_OK) {
        xg_secret_done(&secret);
        return code;
    }
    *ret_secret = secret;
    return XG_EXIT_OK;
}

int xg_secret_read_key(int dirfd, const char *name, const char *path, xg_secret_rule rule, xg_secret *ret_secret)
{
    if (dirfd == AT_FDCWD && strcmp(name, "-") == 0) {
        return xg_secret_read_fd(STDIN_FILENO, "stdin", ret_secret);
    }
    int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        int error = errno;
        xg_errors_io(rule == XG_SECRET_PHRASE ? "read the passphrase" : "read the key", path, error);
        return error == ENOENT ? XG_EXIT_KEY : XG_EXIT_IO;
    }
    int code = read_checked(fd, path, rule, ret_secret);
    close(fd);
    return code;
}

static void trim_line_ends(xg_secret *secret)
{
    size_t begin = 0;
    while (secret->len > 0 && (secret->ptr[secret->len - 1] == '\n' || secret->ptr[secret->len - 1] == '\r')) {
        secret->len--;
    }
    while (begin < secret->len && (secret->ptr[begin] == '\n' || secret->ptr[begin] == '\r')) {
        begin++;
    }
    memmove(secret->ptr, secret->ptr + begin, secret->len - begin);
    secret->len -= begin;
}

int xg_secret_read_token(const char *path, xg_secret *ret_secret)
{
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return xg_errors_io("read the token", path, errno);
    }
    int code = xg_secret_read_fd(fd, is_stdin ? "stdin" : path, ret_secret);
    if (!is_stdin) {
        close(fd);
    }
    if (code == XG_EXIT_OK) {
        trim_line_ends(ret_secret);
    }
    return code;
}

void xg_secret_done(xg_secret *secret)
{
    release(secret->ptr);
    *secret = (xg_secret){0};
}
