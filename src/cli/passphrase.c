/* SPDX-License-Identifier: Apache-2.0 */
/*
 * passphrase.c: the passphrase of encrypted private keys, from a file, a descriptor or the terminal.
 *
 * Must never take it from an argument or the environment, echo it, or leave a copy outside guarded memory. One thread.
 */
#include "passphrase.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <sodium.h>

/* Cuts at the end of the first line. What follows it in a file is a comment, or another program's business. */
static void cut_line(xg_secret *secret)
{
    const char *end = memchr(secret->ptr, '\n', secret->len);
    secret->len = end != NULL ? (size_t)(end - secret->ptr) : secret->len;
    if (secret->len > 0 && secret->ptr[secret->len - 1] == '\r') {
        secret->len--;
    }
}

static int check_phrase(const xg_secret *secret, const char *where, bool is_new)
{
    bool is_typed = where == NULL;
    where = is_typed ? "the terminal" : where;
    if (secret->len == 0) {
        xg_errors_summary("the passphrase is empty");
        xg_errors_where("%s", where);
        xg_errors_help(is_typed ? "type it, and then Enter" : "write it into the first line");
        return XG_EXIT_KEY;
    }
    if (secret->len > XG_PASSPHRASE_MAX) {
        xg_errors_summary("the passphrase is longer than %d bytes", XG_PASSPHRASE_MAX);
        xg_errors_where("%s", where);
        xg_errors_help(is_typed ? "take fewer words"
                                : "give the file that holds the passphrase, not the one that holds the key");
        return XG_EXIT_KEY;
    }
    if (memchr(secret->ptr, '\0', secret->len) != NULL) {
        xg_errors_summary("the passphrase holds a NUL byte");
        xg_errors_where("%s", where);
        xg_errors_help("give plain text, UTF-8 at best: nobody could type this into age");
        return XG_EXIT_KEY;
    }
    if (is_new && secret->len < XG_PASSPHRASE_MIN) {
        xg_errors_summary("the passphrase is shorter than %d bytes", XG_PASSPHRASE_MIN);
        xg_errors_where("%s", where);
        xg_errors_help("whoever gets the file can try for as long as they like: take several words");
        return XG_EXIT_KEY;
    }
    return XG_EXIT_OK;
}

static int read_from_fd(const char *number, xg_secret *secret)
{
    uint64_t fd = 0;
    if (!xg_str_to_u64(xg_str_of(number), 1023, &fd)) {
        xg_errors_summary("--passphrase-fd is not a file descriptor");
        xg_errors_help("give its number, like --passphrase-fd 3 with 3< FILE");
        return XG_EXIT_USAGE;
    }
    if (fcntl((int)fd, F_GETFD) < 0) {
        xg_errors_summary("file descriptor %u is not open", (unsigned)fd);
        xg_errors_help("open it in the shell: xdsgate ... --passphrase-fd %u %u< FILE", (unsigned)fd, (unsigned)fd);
        return XG_EXIT_USAGE;
    }
    return xg_secret_read_fd((int)fd, "the passphrase", secret);
}

static volatile sig_atomic_t pending_signal;

static void note_signal(int number)
{
    pending_signal = number;
}

/* Reads one line. 0, or an errno value; ENODATA at the end of file, EINTR when somebody wants to end the program. */
static int read_line(int tty, char *line, size_t *ret_len)
{
    size_t len = 0;
    while (pending_signal == 0) {
        char c = '\0';
        ssize_t got = read(tty, &c, 1);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return got < 0 ? errno : ENODATA;
        }
        if (c == '\n') {
            *ret_len = len;
            return 0;
        }
        if (len <= XG_PASSPHRASE_MAX) {
            line[len++] = c;
        }
    }
    return EINTR;
}

static void say(int tty, const char *text)
{
    ssize_t put = write(tty, text, strlen(text));
    (void)put; /* a prompt that cannot be written shows in the read that follows */
}

static void prompt(int tty, const char *again, const char *purpose)
{
    say(tty, again);
    say(tty, purpose); /* made of names that are plain letters: see xg_custody_is_name */
    say(tty, ": ");
}

static int ask_once(int tty, const char *again, const char *purpose, xg_secret *secret)
{
    secret->ptr = sodium_malloc(XG_PASSPHRASE_MAX + 1);
    if (secret->ptr == NULL) {
        return ENOMEM;
    }
    prompt(tty, again, purpose);
    int error = read_line(tty, secret->ptr, &secret->len);
    say(tty, "\n");
    return error;
}

static int ask_quietly(int tty, const char *purpose, bool is_new, xg_secret *secret)
{
    xg_secret again = {0};
    int error = ask_once(tty, is_new ? "New passphrase for " : "Passphrase for ", purpose, secret);
    if (error == 0 && is_new) {
        error = ask_once(tty, "The same again for ", purpose, &again);
    }
    bool is_same =
        !is_new || (again.len == secret->len && error == 0 && sodium_memcmp(again.ptr, secret->ptr, secret->len) == 0);
    xg_secret_done(&again);
    if (error == ENODATA) {
        xg_errors_summary("the passphrase was not typed to its end");
        xg_errors_help("type it, and then Enter");
        return XG_EXIT_KEY;
    }
    if (error == EINTR) {
        return XG_EXIT_KEY; /* ask_interruptibly goes on */
    }
    if (error != 0) {
        return xg_errors_io("read the passphrase", "the terminal", error);
    }
    if (!is_same) {
        xg_errors_summary("the two passphrases differ");
        xg_errors_help("type the same one twice");
        return XG_EXIT_KEY;
    }
    return XG_EXIT_OK;
}

static int ask_with_echo_off(int tty, const char *purpose, bool is_new, xg_secret *secret)
{
    struct termios before;
    if (tcgetattr(tty, &before) != 0) {
        return xg_errors_io("turn the echo off", "the terminal", errno);
    }
    struct termios quiet = before;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    int code = tcsetattr(tty, TCSAFLUSH, &quiet) == 0 ? ask_quietly(tty, purpose, is_new, secret)
                                                      : xg_errors_io("turn the echo off", "the terminal", errno);
    tcsetattr(tty, TCSAFLUSH, &before);
    return code;
}

/* The terminal gets its echo back before a signal ends the program. */
static int ask_interruptibly(int tty, const char *purpose, bool is_new, xg_secret *secret)
{
    static const int SIGNALS[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    struct sigaction old[XG_ARRAY_LEN(SIGNALS)];
    const struct sigaction noting = {.sa_handler = note_signal}; /* no SA_RESTART: it has to wake the read */
    for (size_t i = 0; i < XG_ARRAY_LEN(SIGNALS); i++) {
        sigaction(SIGNALS[i], &noting, &old[i]);
    }
    int code = ask_with_echo_off(tty, purpose, is_new, secret);
    for (size_t i = 0; i < XG_ARRAY_LEN(SIGNALS); i++) {
        sigaction(SIGNALS[i], &old[i], NULL);
    }
    if (pending_signal != 0) {
        xg_secret_done(secret);
        raise(pending_signal);
        xg_errors_summary("a signal came while the passphrase was typed"); /* one that does not end this program */
        xg_errors_help("run the command again");
    }
    return code;
}

static int ask(const char *purpose, bool is_new, xg_secret *secret)
{
    int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (tty < 0) {
        xg_errors_summary("a passphrase is needed for %s, and there is no terminal to ask at", purpose);
        xg_errors_help("give --passphrase-file FILE or --passphrase-fd N%s", is_new ? "; or --plain, to leave the key"
                                                                                      " unencrypted"
                                                                                    : "");
        return XG_EXIT_KEY;
    }
    int code = ask_interruptibly(tty, purpose, is_new, secret);
    close(tty);
    return code;
}

int xg_passphrase_read(const xg_args *args, const char *purpose, bool is_new, xg_secret *ret_secret)
{
    const char *file = xg_args_value(args, "passphrase-file");
    const char *fd = xg_args_value(args, "passphrase-fd");
    xg_secret secret = {0};
    int code = XG_EXIT_OK;
    if (file != NULL && fd != NULL) {
        xg_errors_summary("--passphrase-file and --passphrase-fd exclude each other");
        xg_errors_help("give one of them");
        return XG_EXIT_USAGE;
    }
    if (file != NULL) {
        code = xg_secret_read_key(AT_FDCWD, file, file, XG_SECRET_PHRASE, &secret);
    } else if (fd != NULL) {
        code = read_from_fd(fd, &secret);
    } else {
        code = ask(purpose, is_new, &secret);
    }
    if (code == XG_EXIT_OK) {
        cut_line(&secret);
        code = check_phrase(&secret, file != NULL ? file : fd != NULL ? "the file descriptor" : NULL, is_new);
    }
    if (code != XG_EXIT_OK) {
        xg_secret_done(&secret);
        return code;
    }
    *ret_secret = secret;
    return XG_EXIT_OK;
}
