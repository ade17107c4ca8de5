/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_fixture.c: a directory store in a temporary folder, and any number of keys for it. See store_fixture.h.
 *
 * Must never use what is tested to make its input.
 */
#include "store_fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/bn.h>
#include <openssl/evp.h>

#define MODULUS_LEN 256

/* ---- keys ---- */

static uint64_t next_random(uint64_t *state)
{
    *state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static bool has_small_factor(const BIGNUM *n)
{
    for (BN_ULONG p = 3; p < 1000; p += 2) {
        if (BN_mod_word(n, p) == 0) {
            return true;
        }
    }
    return false;
}

static void make_modulus(unsigned number, uint8_t n[MODULUS_LEN])
{
    uint64_t state = (uint64_t)number << 32;
    for (size_t i = 0; i < MODULUS_LEN; i += 8) {
        uint64_t random = next_random(&state);
        memcpy(n + i, &random, 8);
    }
    n[0] |= 0x80;
    n[MODULUS_LEN - 1] |= 1;
    BIGNUM *value = BN_bin2bn(n, MODULUS_LEN, NULL);
    assert_non_null(value);
    while (has_small_factor(value)) {
        assert_int_equal(BN_add_word(value, 2), 1);
    }
    assert_int_equal(BN_bn2binpad(value, n, MODULUS_LEN), MODULUS_LEN);
    BN_free(value);
}

const char *key_pem(unsigned number)
{
    /* RFC 8017 A.1.1: SEQUENCE { INTEGER n, INTEGER 65537 } */
    static const uint8_t head[] = {0x30, 0x82, 0x01, 0x0a, 0x02, 0x82, 0x01, 0x01, 0x00};
    static const uint8_t tail[] = {0x02, 0x03, 0x01, 0x00, 0x01};
    static char pem[512];
    uint8_t der[sizeof(head) + MODULUS_LEN + sizeof(tail)];
    memcpy(der, head, sizeof(head));
    make_modulus(number, der + sizeof(head));
    memcpy(der + sizeof(head) + MODULUS_LEN, tail, sizeof(tail));
    unsigned char text[400];
    int len = EVP_EncodeBlock(text, der, sizeof(der));
    int at = snprintf(pem, sizeof(pem), "-----BEGIN RSA PUBLIC KEY-----\n");
    for (int i = 0; i < len; i += 64) {
        at += snprintf(pem + at, sizeof(pem) - (size_t)at, "%.64s\n", (const char *)text + i);
    }
    snprintf(pem + at, sizeof(pem) - (size_t)at, "-----END RSA PUBLIC KEY-----\n");
    return pem;
}

xg_pubkey *key_new(xg_crypto *crypto, unsigned number)
{
    static const uint8_t e[] = {1, 0, 1};
    uint8_t n[MODULUS_LEN];
    make_modulus(number, n);
    xg_pubkey *key = NULL;
    assert_ok(xg_pubkey_new(crypto, n, sizeof(n), e, sizeof(e), &key));
    return key;
}

/* ---- the directory ---- */

static const char *full_path(const store_fixture *fx, const char *path)
{
    static char paths[2][512]; /* two paths may be in use at once */
    static unsigned turn;
    char *full = paths[turn++ % 2];
    assert_in_range(snprintf(full, sizeof(paths[0]), "%s/%s", fx->root, path), 1, sizeof(paths[0]) - 1);
    return full;
}

static void make_parents(const char *path)
{
    char copy[512];
    snprintf(copy, sizeof(copy), "%s", path);
    for (char *slash = strchr(copy + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(copy, 0755); /* usually there already; the write that follows would fail */
        *slash = '/';
    }
}

static void write_file(const char *path, int flags, const char *text)
{
    int fd = open(path, flags | O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    size_t len = strlen(text);
    assert_int_equal(write(fd, text, len), (ssize_t)len);
    close(fd);
}

void store_write(const store_fixture *fx, const char *path, const char *text)
{
    const char *target = full_path(fx, path);
    make_parents(target);
    char temporary[128];
    snprintf(temporary, sizeof(temporary), "%s/new", fx->dir);
    write_file(temporary, O_TRUNC, text);
    assert_int_equal(rename(temporary, target), 0);
}

void store_write_in_place(const store_fixture *fx, const char *path, const char *text)
{
    write_file(full_path(fx, path), O_TRUNC, text);
}

void store_key(const store_fixture *fx, const char *path, unsigned number)
{
    store_write(fx, path, key_pem(number));
}

void store_mkdir(const store_fixture *fx, const char *path)
{
    const char *full = full_path(fx, path);
    make_parents(full);
    assert_int_equal(mkdir(full, 0755), 0);
}

void store_link(const store_fixture *fx, const char *target, const char *path)
{
    const char *full = full_path(fx, path);
    make_parents(full);
    assert_int_equal(symlink(target, full), 0);
}

void store_rename(const store_fixture *fx, const char *from, const char *to)
{
    assert_int_equal(rename(full_path(fx, from), full_path(fx, to)), 0);
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *position)
{
    (void)st;
    (void)kind;
    (void)position;
    return remove(path);
}

void store_remove(const store_fixture *fx, const char *path)
{
    assert_int_equal(nftw(full_path(fx, path), remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
}

void store_chmod(const store_fixture *fx, const char *path, unsigned mode)
{
    assert_int_equal(chmod(full_path(fx, path), (mode_t)mode), 0);
}

/* ---- the store ---- */

static size_t count_descriptors(void)
{
    DIR *fds = opendir("/proc/self/fd");
    assert_non_null(fds);
    size_t count = 0;
    while (readdir(fds) != NULL) {
        count++;
    }
    closedir(fds);
    return count;
}

static void take_report(void *arg, uint32_t reason, const char *sentence, size_t len)
{
    store_fixture *fx = arg;
    assert_int_equal(strlen(sentence), len);
    size_t used = strlen(fx->words);
    snprintf(fx->words + used, sizeof(fx->words) - used, "%s\n", sentence);
    if (reason == XG_REASON_OK) {
        fx->num_warnings++;
        return;
    }
    fx->num_refusals++;
    fx->last_reason = reason;
}

void store_init(store_fixture *fx)
{
    *fx = (store_fixture){.num_descriptors = count_descriptors()};
    snprintf(fx->dir, sizeof(fx->dir), "/tmp/xdsgate-keys-XXXXXX");
    assert_non_null(mkdtemp(fx->dir));
    snprintf(fx->root, sizeof(fx->root), "%s/store", fx->dir);
    assert_int_equal(mkdir(fx->root, 0755), 0);
    store_mkdir(fx, "meshes");
    assert_ok(xg_crypto_new(&fx->crypto));
    xg_dirstore_limits limits = {.meshes = 1000, .revoked_ids = 100};
    xg_text text;
    xg_text_init(&text, fx->error, sizeof(fx->error));
    assert_ok(xg_dirstore_open(fx->root, fx->crypto, &limits, &fx->store, &text));
}

void store_done(store_fixture *fx)
{
    xg_dirstore_close(fx->store);
    xg_snapshot_unref(fx->snapshot);
    xg_crypto_free(fx->crypto);
    assert_int_equal(count_descriptors(), fx->num_descriptors);
    assert_int_equal(nftw(fx->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
}

xg_result store_load(store_fixture *fx)
{
    fx->num_refusals = 0;
    fx->num_warnings = 0;
    fx->last_reason = XG_REASON_OK;
    fx->words[0] = '\0';
    xg_text text;
    xg_text_init(&text, fx->error, sizeof(fx->error));
    xg_snapshot *loaded = NULL;
    xg_result result = xg_dirstore_load(fx->store, fx->snapshot, take_report, fx, &loaded, &text);
    if (xg_is_ok(result)) {
        assert_non_null(loaded);
        xg_snapshot_unref(fx->snapshot);
        fx->snapshot = loaded;
    } else {
        assert_null(loaded);
    }
    return result;
}

bool store_has_changed(const store_fixture *fx, bool by_poll)
{
    return xg_dirstore_has_changed(fx->store, 0, by_poll ? 0 : INT64_MAX);
}

const xg_keyset *store_set(const store_fixture *fx, const char *set)
{
    if (strcmp(set, "zone") == 0) {
        return xg_snapshot_zone(fx->snapshot);
    }
    if (strcmp(set, "any-mesh") == 0) {
        return xg_snapshot_any_mesh(fx->snapshot);
    }
    for (size_t i = 0; i < xg_snapshot_num_meshes(fx->snapshot); i++) {
        const xg_keyset *mesh = xg_snapshot_mesh_at(fx->snapshot, i);
        if (xg_str_eq(mesh->name, xg_str_of(set))) {
            return mesh;
        }
    }
    return NULL;
}

int store_num_keys(const store_fixture *fx, const char *set)
{
    const xg_keyset *keyset = store_set(fx, set);
    if (keyset == NULL) {
        return -1;
    }
    return keyset->ring != NULL ? (int)xg_keyring_count(keyset->ring) : 0;
}

bool store_has_kid(const store_fixture *fx, const char *set, const char *kid)
{
    const xg_keyset *keyset = store_set(fx, set);
    xg_pubkey *key = NULL;
    return keyset != NULL && keyset->ring != NULL && xg_is_ok(xg_keyring_find(keyset->ring, xg_str_of(kid), &key));
}

bool store_is_revoked(const store_fixture *fx, const char *set, const char *jti)
{
    const xg_keyset *keyset = store_set(fx, set);
    xg_revocable token = {.jti = xg_str_of(jti)};
    int64_t before = 0;
    return keyset != NULL && !xg_is_ok(xg_revocations_check(keyset->revoked, &token, &before));
}
