/* SPDX-License-Identifier: Apache-2.0 */
/*
 * generate_key.c: a private key in a file, as kumactl reads it, for the `generate` commands alone.
 *
 * A script that worked with kumactl has to go on working: links, pipes, files open to others, text before the key and
 * Windows line ends are fine here. What makes kumactl panic (a file without PEM) is a plain refusal. The rest of the
 * command line is stricter: secret.c. Must never print anything of a key, or keep it outside guarded memory. One
 * thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "generate.h"

#define LABEL_MAX    64
#define LINE_LETTERS 64

static const xg_str BEGIN = XG_STR_INIT("-----BEGIN ");
static const xg_str END = XG_STR_INIT("-----END ");
static const xg_str DASHES = XG_STR_INIT("-----");
static const xg_str PKCS1 = XG_STR_INIT("RSA PRIVATE KEY");

/* A PEM block: slices of the text it was found in, and what its base64 stands for. */
typedef struct block {
    xg_str label;
    xg_str body; /* base64 with its blanks, without headers */
    bool is_encrypted;
    unsigned char *der; /* from sodium_malloc */
    size_t der_len;
} block;

/* ---- the file ---- */

static void warn_if_open(int fd, const char *path)
{
    struct stat status;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        return; /* a pipe has no mode that means anything */
    }
    if ((status.st_mode & 077) != 0) {
        xg_errors_warning("the private key is open to group or others (mode %03o)", (unsigned)(status.st_mode & 0777));
        xg_errors_where("%s", path);
        xg_errors_help("close it: chmod 600 FILE; the other commands of xdsgate refuse it as it is");
    } else if (status.st_uid != geteuid() && status.st_uid != 0) {
        xg_errors_warning("the private key belongs to another user (uid %u)", (unsigned)status.st_uid);
        xg_errors_where("%s", path);
        xg_errors_help("whoever owns the file can replace the key: make it yours with chown");
    }
}

/* Up to cap bytes; an errno value. */
static int read_all(int fd, char *buffer, size_t cap, size_t *ret_len)
{
    size_t len = 0;
    while (len < cap) {
        ssize_t got = read(fd, buffer + len, cap - len);
        if (got < 0 && errno != EINTR) {
            return errno;
        }
        if (got == 0) {
            *ret_len = len;
            return 0;
        }
        len += got > 0 ? (size_t)got : 0;
    }
    return EFBIG;
}

static int read_file(const char *path, xg_secret *ret_text)
{
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        int error = errno;
        xg_errors_io("read the key", path, error);
        return error == ENOENT ? XG_EXIT_KEY : XG_EXIT_IO;
    }
    size_t len = 0;
    char *buffer = sodium_malloc(XG_SECRET_MAX + 1);
    int error = buffer != NULL ? read_all(fd, buffer, XG_SECRET_MAX + 1, &len) : ENOMEM;
    if (error == 0) {
        warn_if_open(fd, is_stdin ? "stdin" : path);
        *ret_text = (xg_secret){buffer, len};
    } else {
        sodium_free(buffer);
    }
    if (!is_stdin) {
        close(fd);
    }
    return error == 0 ? XG_EXIT_OK : xg_errors_io("read the key", is_stdin ? "stdin" : path, error);
}

/* ---- the first well-formed block ---- */

/* The next line, without its end and the blanks before that. */
static bool take_line(xg_str *text, xg_str *ret_line)
{
    if (text->len == 0) {
        return false;
    }
    const char *newline = memchr(text->ptr, '\n', text->len);
    size_t len = newline != NULL ? (size_t)(newline - text->ptr) : text->len;
    *ret_line = (xg_str){text->ptr, len};
    *text = xg_str_skip(*text, newline != NULL ? len + 1 : len);
    while (ret_line->len > 0 && memchr(" \t\r", ret_line->ptr[ret_line->len - 1], 3) != NULL) {
        ret_line->len--;
    }
    return true;
}

/* The words between the dashes of a line that begins with intro. */
static bool take_label(xg_str line, xg_str intro, xg_str *ret_label)
{
    if (line.len < intro.len + DASHES.len || !xg_str_starts_with(line, intro) ||
        !xg_str_eq(xg_str_skip(line, line.len - DASHES.len), DASHES)) {
        return false;
    }
    *ret_label = (xg_str){line.ptr + intro.len, line.len - intro.len - DASHES.len};
    return true;
}

/* RFC 1421 headers go before the base64; an encrypted traditional key has some. */
static void skip_headers(block *found)
{
    xg_str rest = found->body;
    xg_str line;
    while (take_line(&rest, &line) && line.len > 0 && memchr(line.ptr, ':', line.len) != NULL) {
        found->is_encrypted = found->is_encrypted || memmem(line.ptr, line.len, "ENCRYPTED", 9) != NULL;
        found->body = rest;
    }
}

/* False when what is between the lines is no base64. */
static bool decode(block *found)
{
    size_t cap = found->body.len / 4 * 3 + 3;
    skip_headers(found);
    found->der = sodium_malloc(cap);
    if (found->der == NULL || sodium_base642bin(found->der, cap, found->body.ptr, found->body.len, " \t\r\n",
                                                &found->der_len, NULL, sodium_base64_VARIANT_ORIGINAL) != 0) {
        sodium_free(found->der);
        found->der = NULL;
        return false;
    }
    return true;
}

/* Blocks begin at the start of a line; one that is damaged counts as text. */
static bool find_block(xg_str text, block *ret_found)
{
    block current = {0};
    xg_str line, label;
    bool is_open = false;
    while (take_line(&text, &line)) {
        if (take_label(line, BEGIN, &label)) {
            current = (block){.label = label, .body = text};
            is_open = true;
            continue;
        }
        if (!is_open || !xg_str_starts_with(line, END)) {
            continue;
        }
        is_open = false;
        current.body.len = (size_t)(line.ptr - current.body.ptr);
        if (take_label(line, END, &label) && xg_str_eq(label, current.label) && decode(&current)) {
            *ret_found = current;
            return true;
        }
    }
    return false;
}

/* ---- what it is ---- */

static int refuse_label(const block *found, const char *path)
{
    xg_errors_summary("the signing key is not an RSA PRIVATE KEY block: the first block is '%.*s'",
                      (int)(found->label.len < LABEL_MAX ? found->label.len : LABEL_MAX), found->label.ptr);
    xg_errors_where("%s", path);
    if (xg_str_eq(found->label, XG_STR("PRIVATE KEY"))) {
        xg_errors_note("that is PKCS#8, which kumactl refuses too; 'xdsgate mint' reads it");
        xg_errors_help("convert it: openssl rsa -traditional -in FILE -out NEW");
    } else {
        xg_errors_help("give the file that 'xdsgate generate signing-key --format pem' writes");
    }
    return XG_EXIT_KEY;
}

static int refuse_nothing(xg_str text, const char *path)
{
    xg_errors_summary("the signing key is not in PEM: no block begins and ends at the start of a line");
    xg_errors_where("%s", path);
    if (text.len == 0) {
        xg_errors_note("nothing is in it");
    } else if (xg_str_starts_with(text, XG_STR("LS0tLS1CRUdJTi"))) {
        xg_errors_note("it looks like PEM in base64, as 'generate signing-key' prints it for a Secret");
        xg_errors_help("decode it first: base64 -d; or make keys for files with --format pem");
        return XG_EXIT_KEY;
    }
    xg_errors_help("give the file that 'xdsgate generate signing-key --format pem' writes");
    return XG_EXIT_KEY;
}

static int check_block(const block *found, const char *path)
{
    if (!xg_str_eq(found->label, PKCS1)) {
        return refuse_label(found, path);
    }
    if (found->is_encrypted) {
        xg_errors_summary("the signing key is encrypted");
        xg_errors_where("%s", path);
        xg_errors_note("kumactl cannot read it either: the flags have no place for a passphrase");
        xg_errors_help("decrypt it: openssl rsa -traditional -in FILE -out NEW; or use 'xdsgate mint'");
        return XG_EXIT_KEY;
    }
    return XG_EXIT_OK;
}

static void add(char *out, size_t *len, xg_str s)
{
    memcpy(out + *len, s.ptr, s.len);
    *len += s.len;
}

/* The block alone, in lines of 64 letters: every reader of PEM takes that. */
static bool write_tidy(const block *found, xg_secret *ret_pem)
{
    size_t letters = sodium_base64_ENCODED_LEN(found->der_len, sodium_base64_VARIANT_ORIGINAL) - 1;
    char *base64 = sodium_malloc(letters + 1);
    char *out = sodium_malloc(letters + letters / LINE_LETTERS + 128);
    size_t len = 0;
    if (base64 == NULL || out == NULL) {
        sodium_free(base64);
        sodium_free(out);
        return false;
    }
    sodium_bin2base64(base64, letters + 1, found->der, found->der_len, sodium_base64_VARIANT_ORIGINAL);
    add(out, &len, XG_STR("-----BEGIN RSA PRIVATE KEY-----\n"));
    for (size_t i = 0; i < letters; i += LINE_LETTERS) {
        add(out, &len, (xg_str){base64 + i, letters - i < LINE_LETTERS ? letters - i : LINE_LETTERS});
        add(out, &len, XG_STR("\n"));
    }
    add(out, &len, XG_STR("-----END RSA PRIVATE KEY-----\n"));
    sodium_free(base64);
    *ret_pem = (xg_secret){out, len};
    return true;
}

static int parse(const xg_secret *pem, const char *path, xg_signer **ret_signer)
{
    xg_result result = xg_signer_parse((xg_str){pem->ptr, pem->len}, ret_signer);
    if (xg_result_reason(result) == XG_REASON_KEY_FILE) {
        xg_errors_summary("the signing key is damaged: its block holds no RSA private key");
        xg_errors_where("%s", path);
        xg_errors_help("restore it from a copy; a new one would need its public half spread first");
        return XG_EXIT_KEY;
    }
    return xg_is_ok(result) ? XG_EXIT_OK : xg_errors_reason("the signing key cannot be used", path, result);
}

int xg_generate_key_read(const char *path, xg_secret *ret_pem, xg_signer **ret_signer)
{
    xg_secret text = {0};
    block found = {0};
    int code = read_file(path, &text);
    if (code != XG_EXIT_OK) {
        return code;
    }
    xg_str whole = {text.ptr, text.len};
    code = find_block(whole, &found) ? check_block(&found, path) : refuse_nothing(whole, path);
    if (code == XG_EXIT_OK && !write_tidy(&found, ret_pem)) {
        code = xg_errors_io("reserve guarded memory for", path, ENOMEM);
    }
    sodium_free(found.der);
    xg_secret_done(&text);
    return code == XG_EXIT_OK ? parse(ret_pem, path, ret_signer) : code;
}
