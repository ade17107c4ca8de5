/* SPDX-License-Identifier: Apache-2.0 */
/*
 * age_tool.c: age files from standard input to standard output, for the tests that compare us with others.
 *
 *   age_tool encrypt|decrypt PASSPHRASE_FILE      as age.h does it
 *   age_tool vector PASSPHRASE_FILE               decrypts with wider limits: foreign vectors are cheap, and long
 *   age_tool vector-key HEX_FILE                  the same with the file key, whatever the recipients are
 *
 * Exits with 0, or with the number of the status (2 is XG_AGE_FORMAT) and its name on standard error; 99 if it was
 * called wrongly. One thread.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "age_internal.h"

#define INPUT_MAX ((size_t)64 << 20)
#define MISUSED   99

static const xg_age_limits VECTOR_LIMITS = {1, 22, (size_t)32 << 20};

static const char *const NAMES[] = {
    [XG_AGE_OK] = "OK",
    [XG_AGE_FORMAT] = "FORMAT",
    [XG_AGE_RECIPIENT] = "RECIPIENT",
    [XG_AGE_WORK] = "WORK",
    [XG_AGE_PASSPHRASE] = "PASSPHRASE",
    [XG_AGE_DAMAGED] = "DAMAGED",
    [XG_AGE_TOO_LONG] = "TOO_LONG",
    [XG_AGE_NO_MEMORY] = "NO_MEMORY",
};

static bool read_all(int fd, char **ret_bytes, size_t *ret_len)
{
    size_t len = 0;
    char *bytes = malloc(INPUT_MAX);
    while (bytes != NULL && len < INPUT_MAX) {
        ssize_t got = read(fd, bytes + len, INPUT_MAX - len);
        if (got < 0) {
            break;
        }
        if (got == 0) {
            *ret_bytes = bytes;
            *ret_len = len;
            return true;
        }
        len += (size_t)got;
    }
    free(bytes);
    return false;
}

static xg_age_status decrypt_vector_key(xg_str input, xg_str hex, char **ret_output, size_t *ret_len)
{
    uint8_t key[XG_AGE_FILE_KEY_SIZE];
    size_t len = 0;
    if (sodium_hex2bin(key, sizeof(key), hex.ptr, hex.len, NULL, &len, NULL) != 0 || len != sizeof(key)) {
        exit(MISUSED);
    }
    return xg_age_decrypt_with_key(&VECTOR_LIMITS, input, key, ret_output, ret_len);
}

static xg_age_status run(const char *verb, xg_str input, xg_str secret, char **ret_output, size_t *ret_len)
{
    if (strcmp(verb, "encrypt") == 0) {
        return xg_age_encrypt(input, secret, XG_AGE_WORK_DEFAULT, ret_output, ret_len);
    }
    if (strcmp(verb, "decrypt") == 0) {
        return xg_age_decrypt(input, secret, ret_output, ret_len);
    }
    if (strcmp(verb, "vector") == 0) {
        return xg_age_decrypt_within(&VECTOR_LIMITS, input, secret, ret_output, ret_len);
    }
    if (strcmp(verb, "vector-key") == 0) {
        return decrypt_vector_key(input, secret, ret_output, ret_len);
    }
    exit(MISUSED);
}

int main(int argc, char **argv)
{
    char *secret = NULL;
    char *input = NULL;
    char *output = NULL;
    size_t secret_len = 0;
    size_t input_len = 0;
    size_t output_len = 0;
    if (argc != 3 || sodium_init() < 0) {
        return MISUSED;
    }
    int fd = open(argv[2], O_RDONLY | O_CLOEXEC);
    if (fd < 0 || !read_all(fd, &secret, &secret_len) || !read_all(STDIN_FILENO, &input, &input_len)) {
        return MISUSED;
    }
    xg_age_status status = run(argv[1], (xg_str){input, input_len}, (xg_str){secret, secret_len}, &output, &output_len);
    bool is_written = true;
    if (status != XG_AGE_OK) {
        (void)fprintf(stderr, "%s\n", NAMES[status]);
    } else {
        is_written = fwrite(output, 1, output_len, stdout) == output_len && fflush(stdout) == 0;
    }
    if (strcmp(argv[1], "encrypt") == 0) {
        free(output);
    } else {
        sodium_free(output);
    }
    free(input);
    free(secret);
    (void)close(fd);
    if (!is_written) {
        return MISUSED;
    }
    return status == XG_AGE_OK ? 0 : (int)status;
}
