/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_table.h: what the benchmarks of decisions share: rounds in turn, medians, one table, one JSON line a figure;
 * and the peers that every figure is a ratio to.
 *
 * Machines are shared and noisy: all rows take turns in short rounds, and the median round of each is told. Owns no
 * verdict. One thread.
 */
#ifndef XDSGATE_BENCH_TABLE_H
#define XDSGATE_BENCH_TABLE_H

#include <stddef.h>
#include <stdint.h>

typedef struct bench_row {
    const char *name; /* in JSON */
    const char *what; /* in the table */
    unsigned calls;   /* in one round */
    void (*run)(const void *arg);
    const void *arg;
    double ns; /* of one call: the median round */
} bench_row;

double bench_now(void); /* nanoseconds */
/* Sorts the samples. share is from 0 to 1. */
double bench_quantile(double *samples, size_t num_samples, double share);
void bench_measure(bench_row *rows, size_t num_rows, unsigned rounds);

/* The same token for everyone. libjwt and EVP_DigestVerify as a program would use them; "bare" with every context
 * ready, which is the least OpenSSL 3 can do for RS256. */
void bench_peers_init(const char *token);
void bench_peers_done(void);
#define BENCH_NUM_PEERS 3
extern const bench_row BENCH_PEERS[BENCH_NUM_PEERS]; /* bare, digest_verify, libjwt */

/* Rows 0 and 2 must be the peers "bare" and "libjwt". */
void bench_print(const char *bench, const char *title, const bench_row *rows, size_t num_rows);
/* One figure more, of the same run: a JSON line. */
void bench_print_figure(const char *bench, const char *name, double value, const char *unit, const bench_row *peers);

#endif /* XDSGATE_BENCH_TABLE_H */
