/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verified.c: tokens that verified before, so that a proxy that comes back costs a hash instead of a signature.
 *
 * Owns one table of a fixed size: sets of eight places, each place a copy of what a token said. Must never hold
 * anything that did not verify, answer for other bytes than it was told of, or allocate after it is made. The mark of a
 * token is SHA-256 over 64 random bytes and the token: nobody outside can tell which place a token will take. Who makes
 * room is found by the clock algorithm inside a set: a place that answered since the hand passed is passed once more,
 * so tokens that come once cannot drive out those that come back.
 *
 * Thread rule: find and add from any thread at once. Readers take no lock and write nothing but the bit that says "it
 * answered", once; they copy a place and then look whether it was written meanwhile (its sequence number is odd while
 * it is). A writer that finds the set being written gives up: its token is verified once more, that is all.
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* the SHA256_ functions; why not EVP: see crypto.c */

#include <errno.h>
#include <openssl/sha.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "crypto.h"
#include "xdsgate/readers.h"

#define WAYS        8u
#define PLACE_WORDS ((size_t)127) /* and the sequence number: 1 KiB */
#define TEXT_MAX    (PLACE_WORDS * 8 - sizeof(facts))

/* The texts of a token, in the order in which they lie behind its facts. */
enum {
    TEXT_KID,
    TEXT_NAME,
    TEXT_MESH,
    TEXT_TYPE,
    TEXT_WORKLOAD,
    TEXT_ZONE,
    TEXT_TAGS,
    TEXT_SCOPE,
    TEXT_JTI,
    NUM_TEXTS
};

/* What is kept of a token beside its texts. */
typedef struct facts {
    xg_token_mark mark;
    uint64_t epoch;
    uint8_t fingerprint[XG_FINGERPRINT_LEN];
    int64_t exp;
    int64_t nbf;
    int64_t iat;
    uint16_t lens[NUM_TEXTS];
    uint8_t kind;
    bool has_exp;
    bool has_nbf;
    bool has_iat;
    uint8_t reserved[2]; /* whole words */
} facts;

#define FACTS_WORDS (sizeof(facts) / 8)
_Static_assert(sizeof(facts) % 8 == 0, "facts are copied as words");

typedef struct place {
    atomic_uint_least64_t sequence; /* odd while it is being written */
    atomic_uint_least64_t words[PLACE_WORDS];
} place;

typedef struct set {
    alignas(64) atomic_uint_least64_t marks[WAYS]; /* one word of each place's mark; 0 = free */
    alignas(64) atomic_uint referenced;            /* one bit for each place that answered since the hand passed */
    atomic_bool is_being_written;
    uint8_t hand; /* of whoever writes */
} set;

/* What happened, in stripes; each on a line of its own. */
typedef struct tally {
    alignas(64) atomic_uint_least64_t num_hits;
    atomic_uint_least64_t num_misses;
} tally;

/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): what is written has a line of its own */
struct xg_verified {
    size_t num_sets;
    set *sets;
    place *places; /* WAYS for each set */
    unsigned num_stripes;
    tally *tallies;
    SHA256_CTX start; /* SHA-256 that has taken in the random bytes */
    alignas(64) atomic_size_t num_tokens;
    atomic_uint_least64_t num_evictions;
};

/* ---- making and freeing ---- */

static xg_result draw_start(SHA256_CTX *start)
{
    uint8_t key[SHA256_CBLOCK]; /* a whole block: it costs nothing per token */
    ssize_t got;
    do {
        got = getrandom(key, sizeof(key), 0);
    } while (got < 0 && errno == EINTR);
    XG_CHECK(got == (ssize_t)sizeof(key), INTERNAL);
    (void)SHA256_Init(start);
    (void)SHA256_Update(start, key, sizeof(key));
    explicit_bzero(key, sizeof(key));
    return XG_OK;
}

static void *zeroed_lines(size_t count, size_t size)
{
    void *lines = aligned_alloc(64, count * size);
    if (lines != NULL) {
        memset(lines, 0, count * size);
    }
    return lines;
}

/* On failure what there is stays for xg_verified_free. */
static xg_result set_up(xg_verified *cache, size_t capacity)
{
    cache->num_sets = (capacity + WAYS - 1) / WAYS;
    cache->num_stripes = xg_stripe_count();
    cache->sets = zeroed_lines(cache->num_sets, sizeof(set));
    XG_CHECK(cache->sets != NULL, NO_MEMORY);
    cache->places = calloc(cache->num_sets * WAYS, sizeof(place)); /* the kernel gives its pages as they fill */
    XG_CHECK(cache->places != NULL, NO_MEMORY);
    cache->tallies = zeroed_lines(cache->num_stripes, sizeof(tally));
    XG_CHECK(cache->tallies != NULL, NO_MEMORY);
    return draw_start(&cache->start);
}

xg_result xg_verified_new(size_t capacity, xg_verified **ret_cache)
{
    XG_CHECK(capacity > 0 && capacity <= XG_VERIFIED_MAX, INTERNAL);
    xg_verified *cache = zeroed_lines(1, sizeof(*cache));
    XG_CHECK(cache != NULL, NO_MEMORY);
    xg_result result = set_up(cache, capacity);
    if (!xg_is_ok(result)) {
        xg_verified_free(cache);
        return result;
    }
    *ret_cache = cache;
    return XG_OK;
}

void xg_verified_free(xg_verified *cache)
{
    if (cache != NULL) {
        free(cache->sets);
        free(cache->places);
        free(cache->tallies);
        free(cache);
    }
}

/* ---- which place ---- */

void xg_verified_mark(const xg_verified *cache, xg_str token, xg_token_mark *ret_mark)
{
    SHA256_CTX context = cache->start;
    uint8_t digest[XG_SHA256_LEN];
    (void)SHA256_Update(&context, token.ptr, token.len);
    (void)SHA256_Final(digest, &context);
    memcpy(ret_mark, digest, sizeof(*ret_mark));
    ret_mark->words[1] |= 1; /* never 0, which marks a free place */
}

static size_t find_set(const xg_verified *cache, const xg_token_mark *mark)
{
    __extension__ typedef unsigned __int128 wide;
    return (size_t)(((wide)mark->words[0] * cache->num_sets) >> 64);
}

/* The place with this word of the mark, or WAYS. */
static unsigned find_way(const set *in, const xg_token_mark *mark)
{
    unsigned way = 0;
    while (way < WAYS && atomic_load_explicit(&in->marks[way], memory_order_acquire) != mark->words[1]) {
        way++;
    }
    return way;
}

/* Without a branch on where they differ. */
static bool is_same_mark(const xg_token_mark *a, const xg_token_mark *b)
{
    uint64_t difference = 0;
    for (size_t i = 0; i < XG_ARRAY_LEN(a->words); i++) {
        difference |= a->words[i] ^ b->words[i];
    }
    return difference == 0;
}

/* ---- reading a place ---- */

/* Acquire, so that what is loaded after it is not older: the sequence number last of all. */
static void load_words(const place *from, size_t first, size_t num_words, void *to)
{
    for (size_t i = 0; i < num_words; i++) {
        uint64_t word = atomic_load_explicit(&from->words[first + i], memory_order_acquire);
        memcpy((char *)to + i * 8, &word, 8);
    }
}

static size_t sum_lens(const facts *of)
{
    size_t sum = 0;
    for (size_t i = 0; i < NUM_TEXTS; i++) {
        sum += of->lens[i];
    }
    return sum;
}

/* Copies the place. False if it is another token's, or was written meanwhile. */
static bool copy_place(const place *from, const xg_token_mark *mark, facts *ret_facts, char *ret_text)
{
    uint64_t sequence = atomic_load_explicit(&from->sequence, memory_order_acquire);
    load_words(from, 0, FACTS_WORDS, ret_facts);
    size_t text_len = sum_lens(ret_facts);
    if (sequence % 2 != 0 || text_len > TEXT_MAX || !is_same_mark(&ret_facts->mark, mark)) {
        return false;
    }
    load_words(from, FACTS_WORDS, (text_len + 7) / 8, ret_text);
    return atomic_load_explicit(&from->sequence, memory_order_relaxed) == sequence;
}

static xg_str next_text(const facts *of, unsigned which, const char **at)
{
    xg_str text = {*at, of->lens[which]};
    *at += text.len;
    return text;
}

static void tell_facts(const facts *found, xg_verified_token *ret_token)
{
    xg_claims *claims = ret_token->claims;
    const char *at = claims->storage;
    xg_str kid = next_text(found, TEXT_KID, &at);
    ret_token->header->has_kid = true;
    ret_token->header->kid_len = kid.len;
    memcpy(ret_token->header->kid, kid.ptr, kid.len);
    ret_token->header->kid[kid.len] = '\0';
    claims->name = next_text(found, TEXT_NAME, &at);
    claims->mesh = next_text(found, TEXT_MESH, &at);
    claims->type = next_text(found, TEXT_TYPE, &at);
    claims->workload = next_text(found, TEXT_WORKLOAD, &at);
    claims->zone = next_text(found, TEXT_ZONE, &at);
    claims->tags = next_text(found, TEXT_TAGS, &at);
    claims->scope = next_text(found, TEXT_SCOPE, &at);
    claims->jti = next_text(found, TEXT_JTI, &at);
    claims->has_exp = found->has_exp;
    claims->has_nbf = found->has_nbf;
    claims->has_iat = found->has_iat;
    claims->exp = found->exp;
    claims->nbf = found->nbf;
    claims->iat = found->iat;
    memcpy(ret_token->fingerprint, found->fingerprint, sizeof(ret_token->fingerprint));
}

bool xg_verified_find(xg_verified *cache, const xg_token_mark *mark, xg_token_kind kind, uint64_t epoch,
                      xg_verified_token *ret_token)
{
    facts found;
    size_t at = find_set(cache, mark);
    set *in = &cache->sets[at];
    unsigned way = find_way(in, mark);
    if (way == WAYS || !copy_place(&cache->places[at * WAYS + way], mark, &found, ret_token->claims->storage) ||
        found.kind != kind || found.epoch != epoch || found.lens[TEXT_KID] > XG_KID_MAX) {
        return false;
    }
    tell_facts(&found, ret_token);
    if ((atomic_load_explicit(&in->referenced, memory_order_relaxed) & 1u << way) == 0) {
        atomic_fetch_or_explicit(&in->referenced, 1u << way, memory_order_relaxed);
    }
    return true;
}

/* ---- writing a place ---- */

/* Release, so that whoever sees a new word sees the odd sequence number that was stored before it. */
static void store_words(place *to, size_t first, size_t num_words, const void *from)
{
    for (size_t i = 0; i < num_words; i++) {
        uint64_t word;
        memcpy(&word, (const char *)from + i * 8, 8);
        atomic_store_explicit(&to->words[first + i], word, memory_order_release);
    }
}

static void write_place(place *to, const facts *of, const char *text, size_t text_len)
{
    uint64_t sequence = atomic_load_explicit(&to->sequence, memory_order_relaxed);
    atomic_store_explicit(&to->sequence, sequence + 1, memory_order_relaxed);
    store_words(to, 0, FACTS_WORDS, of);
    store_words(to, FACTS_WORDS, (text_len + 7) / 8, text);
    atomic_store_explicit(&to->sequence, sequence + 2, memory_order_release);
}

/* The place to write: the token's own, a free one, or the first under the hand that did not answer of late. */
static unsigned choose_way(xg_verified *cache, set *in, const xg_token_mark *mark)
{
    static const xg_token_mark FREE = {{0}};
    unsigned way = find_way(in, mark);
    way = way < WAYS ? way : find_way(in, &FREE);
    if (way < WAYS) {
        return way;
    }
    bool has_answered = true;
    for (unsigned i = 0; i <= WAYS && has_answered; i++) { /* one turn takes every bit away */
        way = in->hand;
        in->hand = (uint8_t)((way + 1) % WAYS);
        has_answered =
            (atomic_fetch_and_explicit(&in->referenced, ~(1u << way), memory_order_relaxed) & 1u << way) != 0;
    }
    atomic_fetch_add_explicit(&cache->num_evictions, 1, memory_order_relaxed);
    return way;
}

/* False if the token says more than a place holds. */
static bool collect(const xg_verified_token *token, facts *ret_facts, char text[TEXT_MAX], size_t *ret_text_len)
{
    const xg_claims *claims = token->claims;
    const xg_str texts[NUM_TEXTS] = {
        [TEXT_KID] = {token->header->kid, token->header->kid_len},
        [TEXT_NAME] = claims->name,
        [TEXT_MESH] = claims->mesh,
        [TEXT_TYPE] = claims->type,
        [TEXT_WORKLOAD] = claims->workload,
        [TEXT_ZONE] = claims->zone,
        [TEXT_TAGS] = claims->tags,
        [TEXT_SCOPE] = claims->scope,
        [TEXT_JTI] = claims->jti,
    };
    size_t len = 0;
    for (size_t i = 0; i < NUM_TEXTS; i++) {
        if (texts[i].len > TEXT_MAX - len) {
            return false;
        }
        memcpy(text + len, texts[i].len > 0 ? texts[i].ptr : "", texts[i].len);
        ret_facts->lens[i] = (uint16_t)texts[i].len;
        len += texts[i].len;
    }
    ret_facts->has_exp = claims->has_exp;
    ret_facts->has_nbf = claims->has_nbf;
    ret_facts->has_iat = claims->has_iat;
    ret_facts->exp = claims->exp;
    ret_facts->nbf = claims->nbf;
    ret_facts->iat = claims->iat;
    memcpy(ret_facts->fingerprint, token->fingerprint, sizeof(ret_facts->fingerprint));
    *ret_text_len = len;
    return true;
}

void xg_verified_add(xg_verified *cache, const xg_token_mark *mark, xg_token_kind kind, uint64_t epoch,
                     const xg_verified_token *token)
{
    facts of = {.mark = *mark, .epoch = epoch, .kind = (uint8_t)kind};
    char text[TEXT_MAX] = {0};
    size_t text_len = 0;
    size_t at = find_set(cache, mark);
    set *in = &cache->sets[at];
    if (!collect(token, &of, text, &text_len) ||
        atomic_exchange_explicit(&in->is_being_written, true, memory_order_acquire)) {
        return;
    }
    unsigned way = choose_way(cache, in, mark);
    if (atomic_load_explicit(&in->marks[way], memory_order_relaxed) == 0) {
        atomic_fetch_add_explicit(&cache->num_tokens, 1, memory_order_relaxed);
    }
    write_place(&cache->places[at * WAYS + way], &of, text, text_len);
    atomic_store_explicit(&in->marks[way], mark->words[1], memory_order_release);
    atomic_store_explicit(&in->is_being_written, false, memory_order_release);
}

/* ---- counting ---- */

void xg_verified_count(xg_verified *cache, bool is_hit)
{
    tally *here = &cache->tallies[xg_stripe_here(cache->num_stripes)];
    atomic_fetch_add_explicit(is_hit ? &here->num_hits : &here->num_misses, 1, memory_order_relaxed);
}

void xg_verified_read_counts(const xg_verified *cache, xg_verified_counts *ret_counts)
{
    *ret_counts = (xg_verified_counts){
        .capacity = cache->num_sets * WAYS,
        .tokens = atomic_load_explicit(&cache->num_tokens, memory_order_relaxed),
        .evictions = atomic_load_explicit(&cache->num_evictions, memory_order_relaxed),
    };
    for (unsigned i = 0; i < cache->num_stripes; i++) {
        ret_counts->hits += atomic_load_explicit(&cache->tallies[i].num_hits, memory_order_relaxed);
        ret_counts->misses += atomic_load_explicit(&cache->tallies[i].num_misses, memory_order_relaxed);
    }
}
