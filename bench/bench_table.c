/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_table.c: see bench_table.h.
 */
#include "bench_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jwt.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "fixture.h"
#include "xdsgate/base.h"

#define ROUNDS_MAX 101

double bench_now(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

double bench_quantile(double *samples, size_t num_samples, double share)
{
    qsort(samples, num_samples, sizeof(*samples), compare);
    return samples[(size_t)(share * (double)(num_samples - 1))];
}

static double nanos_per_call(const bench_row *row)
{
    double start = bench_now();
    for (unsigned i = 0; i < row->calls; i++) {
        row->run(row->arg);
    }
    return (bench_now() - start) / row->calls;
}

void bench_measure(bench_row *rows, size_t num_rows, unsigned rounds)
{
    double *samples = calloc(num_rows * ROUNDS_MAX, sizeof(*samples));
    if (samples == NULL || rounds > ROUNDS_MAX) {
        abort();
    }
    for (unsigned round = 0; round < rounds; round++) {
        for (size_t i = 0; i < num_rows; i++) {
            samples[i * ROUNDS_MAX + round] = nanos_per_call(&rows[i]);
        }
    }
    for (size_t i = 0; i < num_rows; i++) {
        rows[i].ns = bench_quantile(samples + i * ROUNDS_MAX, rounds, 0.5);
    }
    free(samples);
}

/* ---- the peers ---- */

static struct {
    const char *token;
    const char *pem;
    size_t input_len;
    uint8_t signature[1024];
    size_t signature_len;
    EVP_PKEY *key;
    EVP_PKEY_CTX *ready_key;
    EVP_MD_CTX *ready_digest;
    EVP_MD *sha256;
} peers;

static void bare(const void *arg)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned hash_len = 0;
    (void)arg;
    (void)EVP_DigestInit_ex2(peers.ready_digest, peers.sha256, NULL);
    (void)EVP_DigestUpdate(peers.ready_digest, peers.token, peers.input_len);
    (void)EVP_DigestFinal_ex(peers.ready_digest, hash, &hash_len);
    if (EVP_PKEY_verify(peers.ready_key, peers.signature, peers.signature_len, hash, hash_len) != 1) {
        abort();
    }
}

static void digest_verify(const void *arg)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    (void)arg;
    if (EVP_DigestVerifyInit(context, NULL, peers.sha256, NULL, peers.key) != 1 ||
        EVP_DigestVerify(context, peers.signature, peers.signature_len, (const unsigned char *)peers.token,
                         peers.input_len) != 1) {
        abort();
    }
    EVP_MD_CTX_free(context);
}

static void libjwt(const void *arg)
{
    jwt_t *jwt = NULL;
    (void)arg;
    if (jwt_decode(&jwt, peers.token, (const unsigned char *)peers.pem, (int)strlen(peers.pem)) != 0) {
        abort();
    }
    jwt_free(jwt);
}

const bench_row BENCH_PEERS[BENCH_NUM_PEERS] = {
    {.name = "bare", .what = "OpenSSL verify, all contexts ready", .calls = 100, .run = bare},
    {.name = "digest_verify", .what = "EVP_DigestVerify, key ready", .calls = 100, .run = digest_verify},
    {.name = "libjwt", .what = "libjwt jwt_decode", .calls = 10, .run = libjwt},
};

void bench_peers_init(const char *token)
{
    const char *second = strrchr(token, '.');
    BIO *in = BIO_new_mem_buf(fixture_private_pem(FIXTURE_KEY_M1), -1);
    peers.token = token;
    peers.pem = fixture_public_pem(FIXTURE_KEY_M1);
    peers.input_len = (size_t)(second - token);
    peers.key = PEM_read_bio_PrivateKey(in, NULL, NULL, NULL);
    BIO_free(in);
    peers.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    peers.ready_key = EVP_PKEY_CTX_new(peers.key, NULL);
    peers.ready_digest = EVP_MD_CTX_new();
    if (EVP_PKEY_verify_init(peers.ready_key) != 1 ||
        EVP_PKEY_CTX_set_rsa_padding(peers.ready_key, RSA_PKCS1_PADDING) != 1 ||
        EVP_PKEY_CTX_set_signature_md(peers.ready_key, peers.sha256) != 1 ||
        !xg_b64url_decode(xg_str_of(second + 1), peers.signature, &peers.signature_len)) {
        abort();
    }
}

void bench_peers_done(void)
{
    EVP_PKEY_CTX_free(peers.ready_key);
    EVP_MD_CTX_free(peers.ready_digest);
    EVP_MD_free(peers.sha256);
    EVP_PKEY_free(peers.key);
}

/* ---- telling ---- */

void bench_print(const char *bench, const char *title, const bench_row *rows, size_t num_rows)
{
    const double of_bare = rows[0].ns, of_libjwt = rows[2].ns;
    (void)printf("%-56s %10s %9s %9s\n", title, "ns/call", "x bare", "x libjwt");
    for (size_t i = 0; i < num_rows; i++) {
        (void)printf("%-56s %10.0f %9.3f %9.4f\n", rows[i].what, rows[i].ns, rows[i].ns / of_bare,
                     rows[i].ns / of_libjwt);
    }
    for (size_t i = 0; i < num_rows; i++) {
        (void)printf(
            "{\"bench\":\"%s\",\"variant\":\"%s\",\"ns\":%.0f,\"ratio_to_bare\":%.3f,\"ratio_to_libjwt\":%.4f}\n",
            bench, rows[i].name, rows[i].ns, rows[i].ns / of_bare, rows[i].ns / of_libjwt);
    }
}

void bench_print_figure(const char *bench, const char *name, double value, const char *unit, const bench_row *rows)
{
    double ns = strcmp(unit, "ms") == 0 ? value * 1e6 : value;
    if (strcmp(unit, "ratio") == 0) {
        (void)printf("{\"bench\":\"%s\",\"variant\":\"%s\",\"ratio\":%.3f}\n", bench, name, value);
        return;
    }
    (void)printf("{\"bench\":\"%s\",\"variant\":\"%s\",\"%s\":%.3f,\"ratio_to_bare\":%.3f,\"ratio_to_libjwt\":%.4f}\n",
                 bench, name, unit, value, ns / rows[0].ns, ns / rows[2].ns);
}
