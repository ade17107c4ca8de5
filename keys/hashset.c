/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hashset.c: keyed 128-bit hashes and a compact set of them. See hashset.h.
 *
 * Must never call sodium_init: SipHash is a pure function, and the plugin leaves process-wide state alone. Thread rule:
 * no shared state.
 */
#include "hashset.h"

#include <errno.h>
#include <sodium/crypto_shorthash_siphash24.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

_Static_assert(sizeof(xg_digest) == crypto_shorthash_siphashx24_BYTES, "a digest is what SipHash writes");
_Static_assert(XG_HASH_KEY_LEN == crypto_shorthash_siphashx24_KEYBYTES, "key lengths agree");

xg_result xg_hashset_draw_key(uint8_t key[XG_HASH_KEY_LEN])
{
    ssize_t got;
    do {
        got = getrandom(key, XG_HASH_KEY_LEN, 0);
    } while (got < 0 && errno == EINTR);
    XG_CHECK(got == XG_HASH_KEY_LEN, INTERNAL);
    return XG_OK;
}

xg_digest xg_hashset_digest(const uint8_t key[XG_HASH_KEY_LEN], xg_str text)
{
    uint8_t out[sizeof(xg_digest)];
    const char *bytes = text.len > 0 ? text.ptr : "";
    crypto_shorthash_siphashx24(out, (const unsigned char *)bytes, text.len, key);
    xg_digest digest;
    memcpy(&digest, out, sizeof(digest));
    if (digest.a == 0 && digest.b == 0) {
        digest.b = 1; /* all zero marks a free slot */
    }
    return digest;
}

xg_result xg_hashset_init(xg_hashset *set, size_t max_count)
{
    *set = (xg_hashset){0};
    if (max_count == 0) {
        return XG_OK;
    }
    /* 1.4 slots an id: 22.4 bytes an id, and a miss looks at six slots, two cache lines, on average. */
    size_t num_slots = max_count + max_count / 5 * 2 + max_count % 5 * 2 / 5 + 1;
    set->slots = calloc(num_slots, sizeof(*set->slots));
    XG_CHECK(set->slots != NULL, NO_MEMORY);
    set->num_slots = num_slots;
    return XG_OK;
}

void xg_hashset_done(xg_hashset *set)
{
    free(set->slots);
    *set = (xg_hashset){0};
}

/* Maps the digest to [0, num_slots) by its high bits: the number of slots need not be a power of two. */
static size_t home_slot(const xg_hashset *set, xg_digest digest)
{
    __extension__ typedef unsigned __int128 wide;
    return (size_t)(((wide)digest.a * set->num_slots) >> 64);
}

/* The slot that holds the digest, or the free one where it belongs. There is always a free one. */
static size_t find_slot(const xg_hashset *set, xg_digest digest)
{
    size_t at = home_slot(set, digest);
    for (;;) {
        const xg_digest *slot = &set->slots[at];
        bool is_free = slot->a == 0 && slot->b == 0;
        if (is_free || (slot->a == digest.a && slot->b == digest.b)) {
            return at;
        }
        at = at + 1 == set->num_slots ? 0 : at + 1;
    }
}

void xg_hashset_add(xg_hashset *set, xg_digest digest)
{
    xg_digest *slot = &set->slots[find_slot(set, digest)];
    if (slot->a == 0 && slot->b == 0) {
        *slot = digest;
        set->count++;
    }
}

bool xg_hashset_has(const xg_hashset *set, xg_digest digest)
{
    if (set->count == 0) {
        return false;
    }
    const xg_digest *slot = &set->slots[find_slot(set, digest)];
    return slot->a == digest.a && slot->b == digest.b;
}

void xg_hashset_prefetch(const xg_hashset *set, xg_digest digest)
{
    __builtin_prefetch(&set->slots[home_slot(set, digest)], 1);
}
