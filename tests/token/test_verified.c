/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_verified.c: what the table of verified tokens finds, what it forgets, and that nobody reads half of a token.
 *
 * Tokens are told apart by their bytes alone here: no signature is needed to try the table.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>

#include "xdsgate/token.h"

#define EPOCH 7

static const char CLAIMS[] =
    "{\"Name\":\"web-1\",\"Mesh\":\"m1\",\"Tags\":{\"team\":[\"a\",\"b\"]},\"Type\":\"dataplane\","
    "\"Workload\":\"w\\u0065b\",\"exp\":1800003600,\"nbf\":1799999995,\"jti\":\"j-1\"}";
static const char ZONE_CLAIMS[] = "{\"Zone\":\"east\",\"Scope\":[\"ingress\"],\"iat\":1799999995,\"jti\":\"j-2\"}";

/* A token as the engine would hand it over. */
typedef struct sample {
    xg_header header;
    xg_claims claims;
    xg_verified_token token;
} sample;

static void fill(sample *s, const char *kid, const char *claims, xg_token_kind kind, uint8_t key)
{
    char field[XG_CLAIM_FIELD_SIZE];
    memset(&s->header, 0, sizeof(s->header));
    s->header.has_kid = true;
    s->header.kid_len = strlen(kid);
    memcpy(s->header.kid, kid, s->header.kid_len);
    assert_true(xg_is_ok(xg_claims_parse(xg_str_of(claims), kind, &XG_TOKEN_LIMITS_DEFAULT, &s->claims, field)));
    s->token = (xg_verified_token){.header = &s->header, .claims = &s->claims};
    memset(s->token.fingerprint, key, sizeof(s->token.fingerprint));
}

static xg_verified *make(size_t capacity)
{
    xg_verified *cache = NULL;
    assert_true(xg_is_ok(xg_verified_new(capacity, &cache)));
    return cache;
}

static void add(xg_verified *cache, const char *text, xg_token_kind kind, uint64_t epoch, const sample *s)
{
    xg_token_mark mark;
    xg_verified_mark(cache, xg_str_of(text), &mark);
    xg_verified_add(cache, &mark, kind, epoch, &s->token);
}

static bool find(xg_verified *cache, const char *text, xg_token_kind kind, uint64_t epoch, sample *ret_found)
{
    xg_token_mark mark;
    memset(ret_found, 0x5a, sizeof(*ret_found));
    ret_found->token = (xg_verified_token){.header = &ret_found->header, .claims = &ret_found->claims};
    xg_verified_mark(cache, xg_str_of(text), &mark);
    return xg_verified_find(cache, &mark, kind, epoch, &ret_found->token);
}

static void assert_str_equal(xg_str found, xg_str expected)
{
    assert_int_equal(found.len, expected.len);
    assert_memory_equal(found.len > 0 ? found.ptr : "", expected.len > 0 ? expected.ptr : "", found.len);
}

static void assert_same(const sample *found, const sample *expected)
{
    const xg_claims *a = &found->claims, *b = &expected->claims;
    assert_true(found->header.has_kid);
    assert_int_equal(found->header.kid_len, expected->header.kid_len);
    assert_string_equal(found->header.kid, expected->header.kid);
    assert_str_equal(a->name, b->name);
    assert_str_equal(a->mesh, b->mesh);
    assert_str_equal(a->type, b->type);
    assert_str_equal(a->workload, b->workload);
    assert_str_equal(a->zone, b->zone);
    assert_str_equal(a->tags, b->tags);
    assert_str_equal(a->scope, b->scope);
    assert_str_equal(a->jti, b->jti);
    assert_int_equal(a->has_exp, b->has_exp);
    assert_int_equal(a->has_nbf, b->has_nbf);
    assert_int_equal(a->has_iat, b->has_iat);
    assert_int_equal(a->exp, b->exp);
    assert_int_equal(a->nbf, b->nbf);
    assert_int_equal(a->iat, b->iat);
    assert_memory_equal(found->token.fingerprint, expected->token.fingerprint, XG_FINGERPRINT_LEN);
}

static void test_what_was_added_comes_back_whole(void **state)
{
    static const struct {
        const char *claims;
        xg_token_kind kind;
    } ROWS[] = {{CLAIMS, XG_TOKEN_DATAPLANE}, {ZONE_CLAIMS, XG_TOKEN_ZONE}, {"{}", XG_TOKEN_DATAPLANE}};
    (void)state;
    static sample given, found;
    xg_verified *cache = make(64);
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        fill(&given, "key-1", ROWS[i].claims, ROWS[i].kind, 1);
        add(cache, ROWS[i].claims, ROWS[i].kind, EPOCH, &given);
        assert_true(find(cache, ROWS[i].claims, ROWS[i].kind, EPOCH, &found));
        assert_same(&found, &given);
    }
    xg_verified_free(cache);
}

static void test_only_the_same_bytes_kind_and_epoch_find_it(void **state)
{
    static const struct {
        const char *text;
        xg_token_kind kind;
        uint64_t epoch;
        bool is_found;
    } ROWS[] = {
        {"a.b.c", XG_TOKEN_DATAPLANE, EPOCH, true},      {"a.b.d", XG_TOKEN_DATAPLANE, EPOCH, false},
        {"a.b.", XG_TOKEN_DATAPLANE, EPOCH, false},      {"a.b.cc", XG_TOKEN_DATAPLANE, EPOCH, false},
        {"", XG_TOKEN_DATAPLANE, EPOCH, false},          {"a.b.c", XG_TOKEN_ZONE, EPOCH, false},
        {"a.b.c", XG_TOKEN_DATAPLANE, EPOCH + 1, false}, {"a.b.c", XG_TOKEN_DATAPLANE, EPOCH - 1, false},
    };
    (void)state;
    static sample given, found;
    xg_verified *cache = make(64);
    fill(&given, "1", CLAIMS, XG_TOKEN_DATAPLANE, 1);
    add(cache, "a.b.c", XG_TOKEN_DATAPLANE, EPOCH, &given);
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        assert_int_equal(find(cache, ROWS[i].text, ROWS[i].kind, ROWS[i].epoch, &found), ROWS[i].is_found);
    }
    xg_verified_free(cache);
}

/* Of the 256 bits, some pick the place and some more are compared there first: all of them must be right. */
static void test_every_bit_of_the_mark_counts(void **state)
{
    (void)state;
    static sample given, found;
    xg_token_mark mark;
    xg_verified *cache = make(8);
    fill(&given, "1", CLAIMS, XG_TOKEN_DATAPLANE, 1);
    found.token = (xg_verified_token){.header = &found.header, .claims = &found.claims};
    xg_verified_mark(cache, XG_STR("a.b.c"), &mark);
    xg_verified_add(cache, &mark, XG_TOKEN_DATAPLANE, EPOCH, &given.token);
    for (unsigned bit = 0; bit < 256; bit++) {
        xg_token_mark other = mark;
        other.words[bit / 64] ^= UINT64_C(1) << bit % 64;
        assert_false(xg_verified_find(cache, &other, XG_TOKEN_DATAPLANE, EPOCH, &found.token));
    }
    assert_true(xg_verified_find(cache, &mark, XG_TOKEN_DATAPLANE, EPOCH, &found.token));
    xg_verified_free(cache);
}

static void test_the_latest_verification_of_a_token_counts(void **state)
{
    (void)state;
    static sample given, found;
    xg_verified_counts counts;
    xg_verified *cache = make(8);
    fill(&given, "1", CLAIMS, XG_TOKEN_DATAPLANE, 1);
    add(cache, "t", XG_TOKEN_DATAPLANE, EPOCH, &given);
    fill(&given, "1", CLAIMS, XG_TOKEN_DATAPLANE, 2);
    add(cache, "t", XG_TOKEN_DATAPLANE, EPOCH + 1, &given);
    assert_false(find(cache, "t", XG_TOKEN_DATAPLANE, EPOCH, &found));
    assert_true(find(cache, "t", XG_TOKEN_DATAPLANE, EPOCH + 1, &found));
    assert_same(&found, &given);
    xg_verified_read_counts(cache, &counts);
    assert_int_equal(counts.tokens, 1);
    assert_int_equal(counts.evictions, 0);
    xg_verified_free(cache);
}

/* A place holds so much; what is one byte longer than fits is verified each time, and nobody makes room for it. */
static void test_a_token_that_says_too_much_is_not_kept(void **state)
{
    (void)state;
    static sample given, found;
    char claims[2048];
    xg_verified *cache = make(8);
    bool was_kept = true;
    size_t len = 700;
    for (; len < 1024 && was_kept; len++) {
        char workload[1025];
        memset(workload, 'w', len);
        workload[len] = '\0';
        (void)snprintf(claims, sizeof(claims), "{\"Workload\":\"%s\"}", workload);
        fill(&given, "1", claims, XG_TOKEN_DATAPLANE, 1);
        add(cache, workload, XG_TOKEN_DATAPLANE, EPOCH, &given);
        was_kept = find(cache, workload, XG_TOKEN_DATAPLANE, EPOCH, &found);
        if (was_kept) {
            assert_same(&found, &given);
        }
    }
    assert_false(was_kept);
    assert_true(len > 750);
    xg_verified_free(cache);

    static const char *const KEPT[] = {"1", "2", "3", "4", "5", "6", "7", "8"};
    static sample large;
    xg_verified_counts counts;
    cache = make(XG_ARRAY_LEN(KEPT));
    fill(&given, "1", CLAIMS, XG_TOKEN_DATAPLANE, 1);
    (void)snprintf(claims, sizeof(claims), "{\"Name\":\"%0500u\",\"Workload\":\"%0500u\"}", 1u, 2u);
    fill(&large, "1", claims, XG_TOKEN_DATAPLANE, 1);
    for (size_t i = 0; i < XG_ARRAY_LEN(KEPT); i++) {
        add(cache, KEPT[i], XG_TOKEN_DATAPLANE, EPOCH, &given);
    }
    add(cache, "large", XG_TOKEN_DATAPLANE, EPOCH, &large);
    xg_verified_read_counts(cache, &counts);
    assert_int_equal(counts.evictions, 0);
    xg_verified_free(cache);
}

/* One set of eight: whoever answered since the hand passed stays, whatever else comes. */
static void test_tokens_that_come_once_do_not_drive_out_those_that_come_back(void **state)
{
    (void)state;
    static sample given, found;
    xg_verified_counts counts;
    xg_verified *cache = make(8);
    fill(&given, "1", CLAIMS, XG_TOKEN_DATAPLANE, 1);
    static const char *const HONEST[] = {"h1", "h2", "h3", "h4"};
    for (size_t i = 0; i < XG_ARRAY_LEN(HONEST); i++) {
        add(cache, HONEST[i], XG_TOKEN_DATAPLANE, EPOCH, &given);
    }
    for (unsigned flood = 0; flood < 1000; flood++) {
        char text[16];
        (void)snprintf(text, sizeof(text), "f%u", flood);
        for (size_t i = 0; i < XG_ARRAY_LEN(HONEST); i++) {
            assert_true(find(cache, HONEST[i], XG_TOKEN_DATAPLANE, EPOCH, &found));
        }
        add(cache, text, XG_TOKEN_DATAPLANE, EPOCH, &given);
    }
    xg_verified_read_counts(cache, &counts);
    assert_int_equal(counts.tokens, 8);
    assert_int_equal(counts.capacity, 8);
    assert_int_equal(counts.evictions, 1000 - 4);
    xg_verified_free(cache);
}

static void test_the_table_never_holds_more_than_its_capacity(void **state)
{
    static const struct {
        size_t asked;
        size_t capacity;
    } ROWS[] = {{1, 8}, {8, 8}, {9, 16}, {1000, 1000}};
    (void)state;
    static sample given;
    fill(&given, "1", CLAIMS, XG_TOKEN_DATAPLANE, 1);
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        xg_verified_counts counts;
        xg_verified *cache = make(ROWS[i].asked);
        for (unsigned n = 0; n < 3000; n++) {
            char text[16];
            (void)snprintf(text, sizeof(text), "t%u", n);
            add(cache, text, XG_TOKEN_DATAPLANE, EPOCH, &given);
        }
        xg_verified_read_counts(cache, &counts);
        assert_int_equal(counts.capacity, ROWS[i].capacity);
        assert_true(counts.tokens <= counts.capacity);
        assert_int_equal(counts.tokens + counts.evictions, 3000);
        xg_verified_free(cache);
    }
    xg_verified *none = NULL;
    assert_false(xg_is_ok(xg_verified_new(0, &none)));
    assert_false(xg_is_ok(xg_verified_new(XG_VERIFIED_MAX + 1, &none)));
    assert_null(none);
}

static void test_marks_are_keyed_for_each_table(void **state)
{
    (void)state;
    xg_verified *a = make(8), *b = make(8);
    xg_token_mark of_a, again, of_b;
    xg_verified_mark(a, XG_STR("token"), &of_a);
    xg_verified_mark(a, XG_STR("token"), &again);
    xg_verified_mark(b, XG_STR("token"), &of_b);
    assert_memory_equal(&of_a, &again, sizeof(of_a));
    assert_memory_not_equal(&of_a, &of_b, sizeof(of_a));
    xg_verified_free(a);
    xg_verified_free(b);
}

static void test_hits_and_misses_are_counted(void **state)
{
    (void)state;
    xg_verified_counts counts;
    xg_verified *cache = make(8);
    for (unsigned i = 0; i < 5; i++) {
        xg_verified_count(cache, i < 3);
    }
    xg_verified_read_counts(cache, &counts);
    assert_int_equal(counts.hits, 3);
    assert_int_equal(counts.misses, 2);
    xg_verified_free(cache);
}

/* ---- several threads over one set: each token says its own number everywhere, so that a mixture would show ---- */

#define NUM_THREADS 4
#define NUM_TOKENS  12 /* more than a set has places */
#define NUM_ROUNDS  20000
#define CLAIMS_SIZE 512

static xg_verified *shared;
static atomic_uint num_mixed;
static atomic_uint num_found;
static atomic_uint num_over;

static void say_number(sample *s, unsigned number, char claims[CLAIMS_SIZE])
{
    char kid[8];
    (void)snprintf(kid, sizeof(kid), "%u", number % 1000);
    (void)snprintf(claims, CLAIMS_SIZE, "{\"Name\":\"%u\",\"Mesh\":\"%0*u\",\"exp\":%u,\"jti\":\"%u\"}", number,
                   (int)(number % 7 + 1) * 20, number, number, number);
    fill(s, kid, claims, XG_TOKEN_DATAPLANE, (uint8_t)number);
}

static bool is_number(const sample *s, const sample *expected)
{
    return s->header.kid_len == expected->header.kid_len &&
           memcmp(s->header.kid, expected->header.kid, s->header.kid_len) == 0 &&
           xg_str_eq(s->claims.name, expected->claims.name) && xg_str_eq(s->claims.mesh, expected->claims.mesh) &&
           xg_str_eq(s->claims.jti, expected->claims.jti) && s->claims.exp == expected->claims.exp &&
           s->token.fingerprint[0] == expected->token.fingerprint[0] &&
           s->token.fingerprint[31] == expected->token.fingerprint[31];
}

static void *come_and_go(void *arg)
{
    sample given, found;
    unsigned number = (unsigned)(uintptr_t)arg;
    for (unsigned round = 0; round < NUM_ROUNDS; round++) {
        char text[16], claims[CLAIMS_SIZE];
        number = (number * 5 + 3 + round % 2) % NUM_TOKENS;
        (void)snprintf(text, sizeof(text), "t%u", number);
        say_number(&given, number, claims);
        if (find(shared, text, XG_TOKEN_DATAPLANE, EPOCH, &found)) {
            atomic_fetch_add(&num_found, 1);
            atomic_fetch_add(&num_mixed, is_number(&found, &given) ? 0 : 1);
        } else {
            add(shared, text, XG_TOKEN_DATAPLANE, EPOCH, &given);
        }
    }
    return NULL;
}

static void test_nobody_reads_half_of_a_token(void **state)
{
    (void)state;
    pthread_t threads[NUM_THREADS];
    shared = make(8);
    for (uintptr_t i = 0; i < NUM_THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, (void *)i), 0);
    }
    for (unsigned i = 0; i < NUM_THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(atomic_load(&num_mixed), 0);
    assert_true(atomic_load(&num_found) > 0);
    xg_verified_free(shared);
}

/* One token only, whose place two threads write again and again while it is read: its mark tells no difference. */
static void *write_again(void *arg)
{
    sample given[2];
    char claims[CLAIMS_SIZE];
    (void)arg;
    say_number(&given[0], 0, claims);
    say_number(&given[1], 1, claims);
    for (unsigned round = 0; round < 60 * NUM_ROUNDS; round++) {
        add(shared, "t", XG_TOKEN_DATAPLANE, EPOCH, &given[round % 2]);
    }
    atomic_fetch_add(&num_over, 1);
    return NULL;
}

static void test_nobody_reads_half_of_a_token_that_is_written_again(void **state)
{
    (void)state;
    static sample given[2], found;
    char claims[CLAIMS_SIZE];
    pthread_t writers[2];
    unsigned num_whole = 0;
    shared = make(8);
    say_number(&given[0], 0, claims);
    say_number(&given[1], 1, claims);
    add(shared, "t", XG_TOKEN_DATAPLANE, EPOCH, &given[0]);
    for (size_t i = 0; i < XG_ARRAY_LEN(writers); i++) {
        assert_int_equal(pthread_create(&writers[i], NULL, write_again, NULL), 0);
    }
    do {
        if (find(shared, "t", XG_TOKEN_DATAPLANE, EPOCH, &found)) {
            assert_true(is_number(&found, &given[0]) || is_number(&found, &given[1]));
            num_whole++;
        }
    } while (atomic_load(&num_over) < XG_ARRAY_LEN(writers));
    for (size_t i = 0; i < XG_ARRAY_LEN(writers); i++) {
        assert_int_equal(pthread_join(writers[i], NULL), 0);
    }
    assert_true(find(shared, "t", XG_TOKEN_DATAPLANE, EPOCH, &found));
    assert_true(num_whole > 0);
    xg_verified_free(shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_added_comes_back_whole),
        cmocka_unit_test(test_only_the_same_bytes_kind_and_epoch_find_it),
        cmocka_unit_test(test_every_bit_of_the_mark_counts),
        cmocka_unit_test(test_the_latest_verification_of_a_token_counts),
        cmocka_unit_test(test_a_token_that_says_too_much_is_not_kept),
        cmocka_unit_test(test_tokens_that_come_once_do_not_drive_out_those_that_come_back),
        cmocka_unit_test(test_the_table_never_holds_more_than_its_capacity),
        cmocka_unit_test(test_marks_are_keyed_for_each_table),
        cmocka_unit_test(test_hits_and_misses_are_counted),
        cmocka_unit_test(test_nobody_reads_half_of_a_token),
        cmocka_unit_test(test_nobody_reads_half_of_a_token_that_is_written_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
