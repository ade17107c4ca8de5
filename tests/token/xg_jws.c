/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xg_jws.c: the signature layer alone, as a filter, so that public JWS vectors whose payload is no JSON can be run.
 *
 *   xg-jws --key FILE.pem [--key KID=FILE.pem]...    one compact JWS a line on stdin
 *
 * Prints "ok <base64url payload>" or "no <reason name>" a line. A key without KID serves every token whose kid has no
 * key of its own, and tokens without kid. A key file that the lint refuses is no error here: its tokens are refused
 * with the lint's reason. Exit 0; 2 for wrong arguments or an unreadable file.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "xdsgate/token.h"

#define KEYS_MAX 64
#define FILE_MAX 65536u

typedef struct jws_key {
    xg_str kid;
    bool has_kid;
    xg_pubkey *key;
    xg_result lint;
} jws_key;

static jws_key keys[KEYS_MAX];
static size_t num_keys;

static bool add_key(xg_crypto *crypto, const char *argument)
{
    const char *equals = strchr(argument, '=');
    const char *path = equals == NULL ? argument : equals + 1;
    char *pem = NULL;
    size_t len = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (num_keys == KEYS_MAX || fd < 0 || xg_file_read_all(fd, FILE_MAX, &pem, &len) != 0) {
        (void)fprintf(stderr, "xg-jws: cannot read key file %s, or more than %d keys\n", path, KEYS_MAX);
        return false;
    }
    (void)close(fd);
    jws_key *entry = &keys[num_keys++];
    entry->has_kid = equals != NULL;
    entry->kid = (xg_str){argument, equals == NULL ? 0 : (size_t)(equals - argument)};
    entry->lint = xg_keyfile_parse(crypto, (xg_str){pem, len}, &entry->key);
    free(pem);
    return true;
}

static const jws_key *find_key(const xg_header *header)
{
    const jws_key *any = NULL;
    for (size_t i = 0; i < num_keys; i++) {
        if (!keys[i].has_kid) {
            any = &keys[i];
        } else if (header->has_kid && xg_str_eq(keys[i].kid, (xg_str){header->kid, header->kid_len})) {
            return &keys[i];
        }
    }
    return any;
}

static xg_result verify(xg_str line, xg_jws *jws)
{
    xg_header header;
    XG_TRY(xg_jws_split(line, &XG_TOKEN_LIMITS_DEFAULT, jws));
    XG_TRY(xg_header_scan(jws->header, &XG_TOKEN_LIMITS_DEFAULT, &header));
    const jws_key *entry = find_key(&header);
    XG_CHECK(entry != NULL, KEY_UNKNOWN);
    XG_TRY(entry->lint);
    return xg_pubkey_verify(entry->key, jws->signing_input, jws->signature);
}

static void answer(xg_str line)
{
    static char payload[XG_CREDENTIAL_MAX + 8];
    xg_jws jws;
    xg_result result = verify(line, &jws);
    if (xg_is_ok(result)) {
        (void)xg_b64url_encode((const uint8_t *)jws.payload.ptr, jws.payload.len, payload);
        (void)printf("ok %s\n", payload);
    } else {
        (void)printf("no %s\n", xg_reason_find(xg_result_reason(result))->name);
    }
    (void)fflush(stdout);
}

static void answer_all(void)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;
    while ((len = getline(&line, &cap, stdin)) >= 0) {
        size_t used = (size_t)len;
        if (used > 0 && line[used - 1] == '\n') {
            used--;
        }
        answer((xg_str){line, used});
    }
    free(line);
}

int main(int argc, char **argv)
{
    xg_crypto *crypto = NULL;
    bool is_set_up = true;
    if (argc < 3 || argc % 2 == 0 || !xg_is_ok(xg_crypto_new(&crypto))) {
        (void)fprintf(stderr, "usage: xg-jws --key FILE.pem [--key KID=FILE.pem]... < tokens\n");
        return 2;
    }
    for (int i = 1; i < argc; i += 2) {
        is_set_up = is_set_up && strcmp(argv[i], "--key") == 0 && add_key(crypto, argv[i + 1]);
    }
    if (is_set_up) {
        answer_all();
    }
    for (size_t i = 0; i < num_keys; i++) {
        xg_pubkey_unref(keys[i].key);
    }
    xg_crypto_free(crypto);
    return is_set_up ? 0 : 2;
}
