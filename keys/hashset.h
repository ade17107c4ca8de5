/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hashset.h: keyed 128-bit hashes and a compact set of them. Private to keys/.
 *
 * The key is drawn at random for each table, so whoever writes names or ids into a store cannot aim for collisions.
 * Must never keep the hashed text. Thread rule: a set that is no longer added to may be read by any number of threads.
 */
#ifndef XDSGATE_KEYS_HASHSET_H
#define XDSGATE_KEYS_HASHSET_H

#include "xdsgate/base.h"

#define XG_HASH_KEY_LEN 16

typedef struct xg_digest {
    uint64_t a;
    uint64_t b;
} xg_digest;

/* A fresh random key. INTERNAL if the kernel gives none. */
xg_result xg_hashset_draw_key(uint8_t key[XG_HASH_KEY_LEN]) XG_MUST_USE;
/* SipHash-2-4 with 128 bits of output; never the all-zero digest. */
xg_digest xg_hashset_digest(const uint8_t key[XG_HASH_KEY_LEN], xg_str text);

/* Open addressing with linear probing, at most 71 % full. Zeroed memory is the empty set. */
typedef struct xg_hashset {
    xg_digest *slots;
    size_t num_slots;
    size_t count;
} xg_hashset;

/* Room for `max_count` digests, which is never exceeded. NO_MEMORY. */
xg_result xg_hashset_init(xg_hashset *set, size_t max_count) XG_MUST_USE;
void xg_hashset_done(xg_hashset *set);
void xg_hashset_add(xg_hashset *set, xg_digest digest);
bool xg_hashset_has(const xg_hashset *set, xg_digest digest);
/* Asks the processor for the memory that add and has will look at first. */
void xg_hashset_prefetch(const xg_hashset *set, xg_digest digest);

#endif /* XDSGATE_KEYS_HASHSET_H */
