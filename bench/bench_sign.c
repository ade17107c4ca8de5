/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_sign.c: how many tokens a second OpenSSL alone could sign on all processors: the measure for `mint manifest`.
 *
 * bench_sign ready|fresh SECONDS FILE...: with "ready" each thread signs with the key of the first file, which all of
 * them share; with "fresh" it takes one PEM file after the other, and for each reads the key, signs once and forgets
 * it. The files are read into memory before. Prints signatures a second. Blinding is on, as everywhere.
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* as in sign.c: they read a key in ten us, EVP in half a millisecond */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#define FILES_MAX   1024
#define THREADS_MAX 256
#define PEM_MAX     16384
#define NANOS       1e9

static char pems[FILES_MAX][PEM_MAX];
static int lens[FILES_MAX];
static size_t num_files;
static RSA *ready;
static double until;
static atomic_size_t num_signed;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / NANOS;
}

static RSA *read_key(size_t at)
{
    unsigned char *der = NULL;
    long len = 0;
    BIO *bio = BIO_new_mem_buf(pems[at % num_files], lens[at % num_files]);
    RSA *rsa = NULL;
    if (bio != NULL && PEM_bytes_read_bio(&der, &len, NULL, PEM_STRING_RSA, bio, NULL, NULL) == 1) {
        const unsigned char *at_der = der;
        rsa = d2i_RSAPrivateKey(NULL, &at_der, len);
    }
    OPENSSL_free(der);
    BIO_free(bio);
    return rsa;
}

static void *work(void *arg)
{
    unsigned char digest[32] = {1};
    unsigned char signature[2048];
    size_t at = (size_t)(uintptr_t)arg;
    size_t done = 0;
    for (; now() < until; at++, done++) {
        unsigned len = 0;
        RSA *rsa = ready != NULL ? ready : read_key(at);
        if (rsa == NULL || RSA_sign(NID_sha256, digest, sizeof(digest), signature, &len, rsa) != 1) {
            abort();
        }
        if (ready == NULL) {
            RSA_free(rsa);
        }
    }
    atomic_fetch_add(&num_signed, done);
    return NULL;
}

static bool load(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL || num_files == FILES_MAX) {
        return false;
    }
    lens[num_files] = (int)fread(pems[num_files], 1, PEM_MAX, file);
    fclose(file);
    return lens[num_files++] > 0;
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS_MAX];
    long num_threads = sysconf(_SC_NPROCESSORS_ONLN);
    double seconds = argc > 3 ? strtod(argv[2], NULL) : 0;
    if (seconds <= 0 || num_threads < 1 || num_threads > THREADS_MAX) {
        fputs("usage: bench_sign ready|fresh SECONDS FILE...\n", stderr);
        return 2;
    }
    for (int i = 3; i < argc; i++) {
        if (!load(argv[i])) {
            perror(argv[i]);
            return 5;
        }
    }
    ready = strcmp(argv[1], "ready") == 0 ? read_key(0) : NULL;
    double begun = now();
    until = begun + seconds;
    for (long i = 0; i < num_threads; i++) {
        /* Each begins with another key. */
        if (pthread_create(&threads[i], NULL, work, (void *)(uintptr_t)(i * 7)) != 0) {
            return 5;
        }
    }
    for (long i = 0; i < num_threads; i++) {
        pthread_join(threads[i], NULL);
    }
    printf("%.1f\n", (double)atomic_load(&num_signed) / (now() - begun));
    RSA_free(ready);
    return 0;
}
