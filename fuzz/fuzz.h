/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz.h: what the fuzz targets share: libFuzzer's entry points, properties, the fixed keys, and the oracles.
 *
 * A target is one file that defines LLVMFuzzerTestOneInput; see README.md. Everything here is deterministic: the same
 * input gives the same run, so that a finding can be replayed. The oracles use OpenSSL, jansson, libsodium and libjwt
 * directly and nothing of src/. Not thread-safe: libFuzzer runs one input at a time.
 */
#ifndef XDSGATE_FUZZ_H
#define XDSGATE_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "xdsgate/base.h"
#include "xdsgate/token.h"

struct json_t;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size); /* libFuzzer's; replay_main.c never calls it */

/* 2026-01-02T03:04:05Z: the clock of every target. */
#define FUZZ_NOW 1767323045

/* A broken property ends the run with a line that names it; checks of the harness itself use it too. */
#define FUZZ_REQUIRE(cond, property)                                                                                   \
    do {                                                                                                               \
        if (!(cond)) {                                                                                                 \
            fuzz_broken(__FILE__, __LINE__, property);                                                                 \
        }                                                                                                              \
    } while (0)
void fuzz_broken(const char *file, int line, const char *property) __attribute__((noreturn));

/* ---- the fixed keys (fuzz_keys.h) ---- */

typedef enum fuzz_role { FUZZ_MESH = 0, FUZZ_ZONE = 1 } fuzz_role;

xg_crypto *fuzz_crypto(void);
xg_pubkey *fuzz_pubkey(fuzz_role role); /* borrowed */
xg_str fuzz_public_pem(fuzz_role role);

/* ---- oracles ---- */

/* The compact token of these header and payload bytes, signed RS256 by OpenSSL; free with free. */
char *fuzz_sign(fuzz_role role, xg_str header, xg_str payload, size_t *ret_len);
/* OpenSSL's word on the signature alone. */
bool fuzz_signature_holds(fuzz_role role, xg_str compact);
/* libsodium's decoder in its strict form, without blanks to ignore. out has room for s.len bytes. */
bool fuzz_sodium_decode(xg_str s, uint8_t *out, size_t *ret_len);
/* Segment 0, 1 or 2 of a compact token, decoded by libsodium; free with free. NULL if it is not there. */
char *fuzz_segment(xg_str compact, unsigned index, size_t *ret_len);

typedef enum fuzz_verdict { FUZZ_REJECTS = 0, FUZZ_ACCEPTS = 1, FUZZ_NO_OPINION = 2 } fuzz_verdict;

/* jansson with JSON_REJECT_DUPLICATES. NO_OPINION: a number that overflows, which jansson alone calls an error. */
fuzz_verdict fuzz_jansson_load(xg_str text, struct json_t **ret_object);
/* libjwt with the role's public key. NO_OPINION: what libjwt refuses by a rule of its own (typ, number overflow). */
fuzz_verdict fuzz_libjwt_decode(fuzz_role role, xg_str compact);

#endif /* XDSGATE_FUZZ_H */
