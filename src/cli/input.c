/* SPDX-License-Identifier: Apache-2.0 */
/*
 * input.c: a whole file, pipe or stdin, for what is not secret.
 *
 * Must not be used for keys and tokens: see secret.c. One thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

#define INPUT_MAX 16777216

static int read_all(int fd, char *buffer, size_t *ret_len)
{
    size_t len = 0;
    for (;;) {
        ssize_t got = read(fd, buffer + len, INPUT_MAX + 1 - len);
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
        if (len > INPUT_MAX) {
            return EFBIG;
        }
    }
    buffer[len] = '\0';
    *ret_len = len;
    return 0;
}

int xg_input_read(const char *action, const char *path, char **ret_text, size_t *ret_len)
{
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    char *buffer = fd >= 0 ? malloc(INPUT_MAX + 2) : NULL;
    int error = buffer != NULL ? read_all(fd, buffer, ret_len) : errno;
    if (fd >= 0 && !is_stdin) {
        close(fd);
    }
    if (error != 0) {
        free(buffer);
        return xg_errors_io(action, is_stdin ? "stdin" : path, error);
    }
    *ret_text = buffer;
    return XG_EXIT_OK;
}
