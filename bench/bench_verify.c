/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_verify.c: what a decision costs, as ratios to a bare OpenSSL verify of the same bytes in the same run.
 *
 * Owns no verdict: it prints. Machines are shared and noisy, so all variants take turns in short rounds and the median
 * round of each is told. "bare" reuses contexts for everything, which is the least OpenSSL 3 can do for RS256.
 */
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
#include "xdsgate_loader.h"

#define ROUNDS    61
#define CALLS     100
#define TOKEN_MAX 4096

static xg_loader loader;
static xg_ctx *ctx;
static char *token;
static size_t input_len;
static uint8_t signature[1024];
static size_t signature_len;
static EVP_PKEY *key;
static EVP_PKEY_CTX *ready_key;
static EVP_MD_CTX *ready_digest;
static EVP_MD *sha256;
static const char *pem;

static void bare(void)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned hash_len = 0;
    (void)EVP_DigestInit_ex2(ready_digest, sha256, NULL);
    (void)EVP_DigestUpdate(ready_digest, token, input_len);
    (void)EVP_DigestFinal_ex(ready_digest, hash, &hash_len);
    if (EVP_PKEY_verify(ready_key, signature, signature_len, hash, hash_len) != 1) {
        abort();
    }
}

static void digest_verify(void)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (EVP_DigestVerifyInit(context, NULL, sha256, NULL, key) != 1 ||
        EVP_DigestVerify(context, signature, signature_len, (const unsigned char *)token, input_len) != 1) {
        abort();
    }
    EVP_MD_CTX_free(context);
}

static void decide(void)
{
    xg_request request = fixture_dataplane_request(token);
    xg_decision decision = {.struct_size = sizeof(decision)};
    if (loader.auth.authenticate(ctx, &request, &decision) != 1) {
        abort();
    }
}

static void refuse_early(void)
{
    xg_request request = fixture_dataplane_request(token);
    xg_decision decision = {.struct_size = sizeof(decision)};
    request.mesh = fixture_str("m2");
    request.node_id = fixture_str("m2.web-1");
    request.credential = (xg_str){token, input_len}; /* one dot short: refused at row 3 */
    if (loader.auth.authenticate(ctx, &request, &decision) != 0) {
        abort();
    }
}

static void libjwt(void)
{
    jwt_t *jwt = NULL;
    if (jwt_decode(&jwt, token, (const unsigned char *)pem, (int)strlen(pem)) != 0) {
        abort();
    }
    jwt_free(jwt);
}

static double nanos_per_call(void (*run)(void))
{
    struct timespec start, end;
    (void)clock_gettime(CLOCK_MONOTONIC, &start);
    for (int i = 0; i < CALLS; i++) {
        run();
    }
    (void)clock_gettime(CLOCK_MONOTONIC, &end);
    return ((double)(end.tv_sec - start.tv_sec) * 1e9 + (double)(end.tv_nsec - start.tv_nsec)) / CALLS;
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static void prepare_openssl(void)
{
    const char *second = strrchr(token, '.');
    pem = fixture_public_pem(FIXTURE_KEY_M1);
    BIO *in = BIO_new_mem_buf(fixture_private_pem(FIXTURE_KEY_M1), -1);
    key = PEM_read_bio_PrivateKey(in, NULL, NULL, NULL);
    BIO_free(in);
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    ready_key = EVP_PKEY_CTX_new(key, NULL);
    ready_digest = EVP_MD_CTX_new();
    input_len = (size_t)(second - token);
    if (EVP_PKEY_verify_init(ready_key) != 1 || EVP_PKEY_CTX_set_rsa_padding(ready_key, RSA_PKCS1_PADDING) != 1 ||
        EVP_PKEY_CTX_set_signature_md(ready_key, sha256) != 1 ||
        !xg_b64url_decode(xg_str_of(second + 1), signature, &signature_len)) {
        abort();
    }
}

int main(void)
{
    static const struct {
        const char *name;
        const char *what;
        void (*run)(void);
    } VARIANTS[] = {
        {"bare", "OpenSSL verify, all contexts ready", bare},
        {"digest_verify", "EVP_DigestVerify, key ready", digest_verify},
        {"first_sight", "xdsgate authenticate, token never seen", decide},
        {"refused_early", "xdsgate refusal before the signature", refuse_early},
        {"libjwt", "libjwt jwt_decode", libjwt},
    };
    static double rounds[XG_ARRAY_LEN(VARIANTS)][ROUNDS];
    char err[512];
    fixture store;
    const xg_loader_options options = {.resolve_path = true};
    const char *path = getenv("XG_PLUGIN");

    if (path == NULL || !xg_loader_open(path, &options, &loader, err, sizeof(err))) {
        (void)fprintf(stderr, "bench: %s\n", path == NULL ? "XG_PLUGIN is not set" : err);
        return 2;
    }
    fixture_init(&store);
    char *config = fixture_config(&store, "");
    xg_host host = fixture_host(loader.abi);
    ctx = loader.auth.create(&host, fixture_str(config), err, sizeof(err));
    token = fixture_dataplane_token("bench-1");
    prepare_openssl();
    for (int r = 0; r < ROUNDS; r++) {
        for (size_t v = 0; v < XG_ARRAY_LEN(VARIANTS); v++) {
            rounds[v][r] = nanos_per_call(VARIANTS[v].run);
        }
    }
    (void)printf("%-40s %10s %8s\n", "RSA-2048, one thread, median of rounds", "ns/call", "x bare");
    for (size_t v = 0; v < XG_ARRAY_LEN(VARIANTS); v++) {
        qsort(rounds[v], ROUNDS, sizeof(double), compare);
        (void)printf("%-40s %10.0f %8.2f\n", VARIANTS[v].what, rounds[v][ROUNDS / 2],
                     rounds[v][ROUNDS / 2] / rounds[0][ROUNDS / 2]);
    }
    for (size_t v = 0; v < XG_ARRAY_LEN(VARIANTS); v++) {
        (void)printf("{\"bench\":\"verify\",\"variant\":\"%s\",\"ns\":%.0f,\"ratio_to_bare\":%.3f}\n", VARIANTS[v].name,
                     rounds[v][ROUNDS / 2], rounds[v][ROUNDS / 2] / rounds[0][ROUNDS / 2]);
    }
    (void)loader.auth.destroy(ctx);
    fixture_done(&store);
    free(config);
    free(token);
    EVP_PKEY_CTX_free(ready_key);
    EVP_MD_CTX_free(ready_digest);
    EVP_MD_free(sha256);
    EVP_PKEY_free(key);
    xg_loader_close(&loader);
    return 0;
}
