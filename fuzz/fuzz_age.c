/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_age.c: files in the age format. Input: 'f', then a file, armored or not; or 's', a place (4 bytes, big endian),
 * a change to the byte there, a number of repetitions, then a plain text that is sealed here. Not thread-safe.
 *
 * The passphrase's scrypt is left out, for it would cost all of the time: the file key is given. Its stanza is parsed.
 *
 * Targets: xg_age_is, xg_age_armor_is, xg_age_armor_read, xg_age_armor_write, xg_age_text_take_line,
 * xg_age_text_decode, xg_age_header_parse, xg_age_header_scrypt, xg_age_header_write, xg_age_header_finish,
 * xg_age_payload_mac, xg_age_payload_size, xg_age_payload_measure, xg_age_payload_seal, xg_age_payload_open,
 * xg_age_decrypt_with_key.
 * Properties: armor that is read is what OpenSSL's base64 writes, but for line ends and blanks around it; a header that
 * is read is what its parts write; a file that OpenSSL sealed is opened, and ours is the same to the byte; a file with
 * one byte changed is not opened, in armor not to anything else; the same answer twice.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "age_internal.h"
#include "fuzz.h"

#define BEGIN     "-----BEGIN AGE ENCRYPTED FILE-----\n"
#define END       "-----END AGE ENCRYPTED FILE-----"
#define PLAIN_MAX ((size_t)XG_AGE_CHUNK_SIZE + 4096)
#define ARMOR_MAX 8192 /* what is longer is sealed without armor: it would only cost time */

static const xg_age_limits LIMITS = {1, 20, PLAIN_MAX};
static const uint8_t FILE_KEY[XG_AGE_FILE_KEY_SIZE] = "TEST KEY, NO SEC";

/* ---- oracles ---- */

static char *allocate(size_t len)
{
    char *bytes = malloc(len + 1);
    FUZZ_REQUIRE(bytes != NULL, "harness: memory");
    return bytes;
}

/* Blanks at both ends and carriage returns before line feeds taken away. Free with free. */
static xg_str plain_lines(xg_str text)
{
    char *out = allocate(text.len);
    size_t len = 0;
    size_t start = 0;
    while (start < text.len && strchr(" \t\r\n", text.ptr[start]) != NULL) {
        start++;
    }
    for (size_t i = start; i < text.len; i++) {
        if (text.ptr[i] != '\r' || i + 1 == text.len || text.ptr[i + 1] != '\n') {
            out[len++] = text.ptr[i];
        }
    }
    while (len > 0 && strchr(" \t\r\n", out[len - 1]) != NULL) {
        len--;
    }
    return (xg_str){out, len};
}

static size_t openssl_armor(const uint8_t *bytes, size_t len, char *out)
{
    size_t at = strlen(BEGIN);
    memcpy(out, BEGIN, at);
    for (size_t i = 0; i < len; i += 48) {
        at += (size_t)EVP_EncodeBlock((uint8_t *)out + at, bytes + i, (int)(len - i < 48 ? len - i : 48));
        out[at++] = '\n';
    }
    memcpy(out + at, END, strlen(END));
    return at + strlen(END);
}

static void openssl_hmac(const uint8_t *key, size_t key_len, const void *data, size_t len, uint8_t out[32])
{
    FUZZ_REQUIRE(HMAC(EVP_sha256(), key, (int)key_len, data, len, out, NULL) != NULL, "harness: HMAC");
}

static void openssl_derive(const uint8_t *salt, size_t salt_len, xg_str info_and_one, uint8_t key[32])
{
    uint8_t extracted[32];
    openssl_hmac(salt, salt_len, FILE_KEY, sizeof(FILE_KEY), extracted);
    openssl_hmac(extracted, sizeof(extracted), info_and_one.ptr, info_and_one.len, key);
}

static void openssl_seal_chunk(const uint8_t key[32], const uint8_t nonce[12], xg_str plain, uint8_t *out)
{
    int len = 0;
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    FUZZ_REQUIRE(EVP_EncryptInit_ex2(cipher, EVP_chacha20_poly1305(), key, nonce, NULL) == 1 &&
                     EVP_EncryptUpdate(cipher, out, &len, (const uint8_t *)plain.ptr, (int)plain.len) == 1 &&
                     EVP_EncryptFinal_ex(cipher, out + plain.len, &len) == 1 &&
                     EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, 16, out + plain.len) == 1,
                 "harness: ChaCha20-Poly1305");
    EVP_CIPHER_CTX_free(cipher);
}

/* The payload behind the nonce that out begins with. Returns its length. */
static size_t openssl_seal(xg_str plain, uint8_t *out)
{
    uint8_t key[32];
    uint8_t nonce[12] = {0};
    size_t at = XG_AGE_NONCE_SIZE;
    openssl_derive(out, XG_AGE_NONCE_SIZE, XG_STR("payload\x01"), key);
    while (nonce[11] == 0) {
        size_t len = plain.len < XG_AGE_CHUNK_SIZE ? plain.len : XG_AGE_CHUNK_SIZE;
        nonce[11] = len == plain.len;
        openssl_seal_chunk(key, nonce, (xg_str){plain.ptr, len}, out + at);
        nonce[10]++;
        at += len + XG_AGE_TAG_SIZE;
        plain = xg_str_skip(plain, len);
    }
    return at;
}

/* ---- a file from outside ---- */

static size_t count_stanzas(xg_str sealed)
{
    size_t num = 0;
    for (size_t i = 0; i + 4 <= sealed.len; i++) {
        num += memcmp(sealed.ptr + i, "\n-> ", 4) == 0 ? 1 : 0;
    }
    return num;
}

static bool has_args(xg_str args, size_t num_args)
{
    size_t num_blanks = 0;
    for (size_t i = 0; i < args.len; i++) {
        if (args.ptr[i] != ' ' && (args.ptr[i] < '!' || args.ptr[i] > '~')) {
            return false;
        }
        num_blanks += args.ptr[i] == ' ' ? 1 : 0;
    }
    return args.len > 0 && args.ptr[0] != ' ' && args.ptr[args.len - 1] != ' ' && num_args == num_blanks + 1 &&
           memmem(args.ptr, args.len, "  ", 2) == NULL;
}

static void check_scrypt(const xg_age_header *header)
{
    char storage[XG_AGE_HEADER_SIZE];
    xg_text text;
    xg_age_scrypt scrypt;
    if (xg_age_header_scrypt(header, &LIMITS, &scrypt) != XG_AGE_OK) {
        return;
    }
    xg_text_init(&text, storage, sizeof(storage));
    xg_age_header_write(&scrypt, &text);
    FUZZ_REQUIRE(!text.is_cut && xg_str_eq((xg_str){text.ptr, text.len}, header->sealed),
                 "a passphrase stanza that is read is what its parts write");
}

static void check_header(xg_str file)
{
    char storage[XG_AGE_HEADER_SIZE];
    xg_text text;
    xg_age_header header;
    if (!xg_age_header_parse(file, &header)) {
        return;
    }
    xg_text_init(&text, storage, sizeof(storage));
    xg_age_header_finish(header.mac, &text);
    size_t len = header.sealed.len + text.len;
    FUZZ_REQUIRE(header.sealed.ptr == file.ptr && len + header.payload.len == file.len &&
                     memcmp(file.ptr + header.sealed.len, text.ptr, text.len) == 0 &&
                     header.payload.ptr == file.ptr + len,
                 "header and payload are the file");
    FUZZ_REQUIRE(header.num_stanzas == count_stanzas(header.sealed), "no stanza is missed");
    FUZZ_REQUIRE(has_args(header.first.args, header.first.num_args), "arguments are visible, between single blanks");
    check_scrypt(&header);
}

static xg_age_status open_file(xg_str text, char **ret_plain, size_t *ret_len)
{
    *ret_plain = NULL;
    *ret_len = 0;
    xg_age_status status = xg_age_decrypt_with_key(&LIMITS, text, FILE_KEY, ret_plain, ret_len);
    FUZZ_REQUIRE((status == XG_AGE_OK) == (*ret_plain != NULL), "a result on success alone");
    return status;
}

static void check_file(xg_str text)
{
    char *plain = NULL;
    size_t len = 0;
    if (xg_age_armor_is(text)) {
        uint8_t *bytes = malloc(text.len);
        FUZZ_REQUIRE(bytes != NULL, "harness: memory");
        if (xg_age_armor_read(text, bytes, &len)) {
            char *again = allocate(len * 2 + 256);
            xg_str lines = plain_lines(text);
            FUZZ_REQUIRE(xg_str_eq((xg_str){again, openssl_armor(bytes, len, again)}, lines),
                         "armor that is read is canonical");
            check_header((xg_str){(const char *)bytes, len});
            memcpy(&plain, &lines.ptr, sizeof(plain));
            free(plain);
            free(again);
        }
        free(bytes);
    } else {
        check_header(text);
    }
    xg_age_status status = open_file(text, &plain, &len);
    FUZZ_REQUIRE(status == XG_AGE_FORMAT || xg_age_is(text), "what is an age file looks like one");
    sodium_free(plain);
    FUZZ_REQUIRE(open_file(text, &plain, &len) == status, "the same answer twice");
    sodium_free(plain);
}

/* ---- a file sealed here ---- */

/* A whole file of plain, sealed by OpenSSL under a stanza that nobody can use. Free with free. */
static xg_str seal_file(xg_str plain)
{
    static const char sealed[] = "age-encryption.org/v1\n-> fuzz\n\n---";
    uint8_t key[32];
    uint8_t mac[32];
    char *file = allocate(256 + xg_age_payload_size(plain.len));
    size_t at = sizeof(sealed) - 1;
    memcpy(file, sealed, at);
    openssl_derive((const uint8_t *)"", 0, XG_STR("header\x01"), key);
    openssl_hmac(key, sizeof(key), sealed, at, mac);
    file[at++] = ' ';
    (void)EVP_EncodeBlock((uint8_t *)file + at, mac, sizeof(mac)); /* 43 characters and one of padding */
    at += 43;
    file[at++] = '\n';
    memset(file + at, 0xa5, XG_AGE_NONCE_SIZE);
    size_t len = openssl_seal(plain, (uint8_t *)file + at);

    xg_age_keys keys;
    uint8_t *ours = malloc(len);
    FUZZ_REQUIRE(ours != NULL && len == xg_age_payload_size(plain.len), "the payload is as long as it is said to be");
    memcpy(keys.file, FILE_KEY, sizeof(FILE_KEY));
    memset(ours, 0xa5, XG_AGE_NONCE_SIZE);
    xg_age_payload_seal(&keys, plain, ours);
    FUZZ_REQUIRE(memcmp(ours, file + at, len) == 0, "OpenSSL seals to the same bytes");
    free(ours);
    return (xg_str){file, at + len};
}

static bool opens_to(xg_str text, xg_str plain)
{
    char *opened = NULL;
    size_t len = 0;
    xg_age_status status = open_file(text, &opened, &len);
    FUZZ_REQUIRE(status != XG_AGE_OK || xg_str_eq((xg_str){opened, len}, plain), "nothing else comes out");
    sodium_free(opened);
    return status == XG_AGE_OK;
}

static void check_armored(xg_str file, xg_str plain, size_t place, char change)
{
    size_t len = 0;
    char *armored = xg_age_armor_write((const uint8_t *)file.ptr, file.len, &len);
    FUZZ_REQUIRE(armored != NULL, "harness: memory");
    FUZZ_REQUIRE(opens_to((xg_str){armored, len}, plain), "a sealed file is opened in armor");
    armored[place % len] = (char)(armored[place % len] ^ change);
    (void)opens_to((xg_str){armored, len}, plain); /* line ends may differ */
    free(armored);
}

static void check_sealed(xg_str plain, size_t place, char change)
{
    xg_str sealed = seal_file(plain);
    char *file = NULL;
    memcpy(&file, &sealed.ptr, sizeof(file));
    FUZZ_REQUIRE(opens_to(sealed, plain), "a sealed file is opened");
    if (sealed.len <= ARMOR_MAX) {
        check_armored(sealed, plain, place, change);
    }
    if (change != 0) {
        file[place % sealed.len] = (char)(file[place % sealed.len] ^ change);
        FUZZ_REQUIRE(!opens_to(sealed, plain), "every byte of a file counts");
    }
    free(file);
}

static void read_sealed(const uint8_t *data, size_t size)
{
    size_t place = (size_t)data[0] << 24 | (size_t)data[1] << 16 | (size_t)data[2] << 8 | data[3];
    size_t text_len = size - 6;
    size_t num_times = text_len == 0 ? 0 : (size_t)data[5] + 1;
    char *plain = allocate(PLAIN_MAX);
    size_t len = 0;
    for (size_t i = 0; i < num_times && len + text_len <= PLAIN_MAX; i++) {
        memcpy(plain + len, data + 6, text_len);
        len += text_len;
    }
    check_sealed((xg_str){plain, len}, place, (char)data[4]);
    free(plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FUZZ_REQUIRE(sodium_init() >= 0, "harness: libsodium");
    if (size > 0 && data[0] == 'f') {
        check_file((xg_str){(const char *)data + 1, size - 1});
    } else if (size >= 7 && data[0] == 's') {
        read_sealed(data + 1, size - 1);
    }
    return 0;
}
