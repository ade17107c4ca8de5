/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_store.c: what a large store costs: start, a change, ten million revoked ids, and a look-up among them.
 *
 * Owns no verdict: it prints, each time also as a ratio to a bare OpenSSL verify in the same run. What a host sees is
 * measured through xdsgate.so; what no host sees by itself, in the keys room. Times are the median of several. Keys are
 * made, not generated: they pass every lint and have no private half.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "bench_table.h"
#include "fixture.h"
#include "revocations.h"
#include "xdsgate/keys.h"
#include "xdsgate_loader.h"

#define NUM_MESHES    10000
#define KEYS_A_MESH   2
#define NUM_IDS       10000000
#define NUM_FEWER_IDS 28000
#define NUM_PROBES    262144
#define ID_SIZE       37 /* a UUID, and what ends it */
#define MODULUS_LEN   256
#define STARTS        5
#define CHANGES       21
#define LOADS         3
#define ROUNDS        9
#define VERIFIES      200
/* Until a file is that old, the store waits for the clock that stamps files. */
#define SETTLE_NANOS 20000000

static xg_loader loader;
static fixture store;
static xg_ctx *ctx;

static void check(bool is_ok, const char *what)
{
    if (!is_ok) {
        (void)fprintf(stderr, "bench: cannot %s\n", what);
        abort();
    }
}

/* ---- time, and what is told ---- */

static double median(double *values, size_t num)
{
    return bench_quantile(values, num, 0.5);
}

static struct {
    const char *name;
    const char *what;
    double value;
    bool is_time; /* in nanoseconds; else it is a number of bytes */
} figures[32];
static size_t num_figures;

static void tell(const char *name, const char *what, double value, bool is_time)
{
    check(num_figures < XG_ARRAY_LEN(figures), "hold so many figures");
    figures[num_figures].name = name;
    figures[num_figures].what = what;
    figures[num_figures].value = value;
    figures[num_figures++].is_time = is_time;
}

static void tell_time(const char *name, const char *what, double nanos)
{
    tell(name, what, nanos, true);
}

static void print_figures(const bench_row *peers)
{
    const double bare = peers[0].ns, libjwt = peers[2].ns;
    (void)printf("%-56s %14s %10s %10s\n", "median", "us or bytes", "x bare", "x libjwt");
    for (size_t i = 0; i < num_figures; i++) {
        double value = figures[i].value;
        if (figures[i].is_time) {
            (void)printf("%-56s %14.3f %10.3f %10.4f\n", figures[i].what, value / 1e3, value / bare, value / libjwt);
        } else {
            (void)printf("%-56s %14.1f\n", figures[i].what, value);
        }
    }
    for (size_t i = 0; i < num_figures; i++) {
        if (figures[i].is_time) {
            bench_print_figure("store", figures[i].name, figures[i].value, "ns", peers);
        } else {
            (void)printf("{\"bench\":\"store\",\"variant\":\"%s\",\"bytes\":%.2f}\n", figures[i].name,
                         figures[i].value);
        }
    }
}

/* ---- keys by the thousand ---- */

static uint64_t random_state = 1;

static uint64_t next_random(void)
{
    random_state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = random_state;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* One modulus without small factors, and what may be added to it any number of times without giving it one. */
static BIGNUM *first_modulus;
static BIGNUM *step;

static void make_first_modulus(const char *pem)
{
    BIO *in = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(in, NULL, NULL, NULL);
    check(EVP_PKEY_get_bn_param(key, "n", &first_modulus) == 1, "read the modulus");
    step = BN_new();
    check(step != NULL && BN_set_word(step, 1) == 1, "make numbers");
    for (BN_ULONG p = 2; p < 1000; p++) {
        bool is_prime = true;
        for (BN_ULONG d = 2; d * d <= p && is_prime; d++) {
            is_prime = p % d != 0;
        }
        check(!is_prime || BN_mul_word(step, p) == 1, "multiply");
    }
    EVP_PKEY_free(key);
    BIO_free(in);
}

static void write_key(const char *path)
{
    /* RFC 8017 A.1.1: SEQUENCE { INTEGER n, INTEGER 65537 } */
    static const uint8_t head[] = {0x30, 0x82, 0x01, 0x0a, 0x02, 0x82, 0x01, 0x01, 0x00};
    static const uint8_t tail[] = {0x02, 0x03, 0x01, 0x00, 0x01};
    uint8_t der[sizeof(head) + MODULUS_LEN + sizeof(tail)];
    unsigned char base64[400];
    char pem[512];
    BIGNUM *n = BN_dup(step);
    check(n != NULL && BN_mul_word(n, next_random() >> 1) == 1 && BN_add(n, n, first_modulus) == 1, "make a key");
    memcpy(der, head, sizeof(head));
    check(BN_num_bits(n) == MODULUS_LEN * 8 && BN_bn2binpad(n, der + sizeof(head), MODULUS_LEN) == MODULUS_LEN,
          "make a key");
    memcpy(der + sizeof(head) + MODULUS_LEN, tail, sizeof(tail));
    BN_free(n);
    int len = EVP_EncodeBlock(base64, der, sizeof(der));
    xg_text text;
    xg_text_init(&text, pem, sizeof(pem));
    xg_text_add(&text, XG_STR("-----BEGIN RSA PUBLIC KEY-----\n"));
    for (int at = 0; at < len; at += 64) {
        xg_text_printf(&text, "%.64s\n", (const char *)base64 + at);
    }
    xg_text_add(&text, XG_STR("-----END RSA PUBLIC KEY-----\n"));
    fixture_write(&store, path, pem, text.len);
}

static void write_mesh_key(unsigned mesh, unsigned kid)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "meshes/mesh-%05u/keys/%u.pem", mesh, kid);
    write_key(path);
}

static void write_mesh_list(unsigned mesh, unsigned num)
{
    char path[64], text[64];
    (void)snprintf(path, sizeof(path), "meshes/mesh-%05u/revoked", mesh);
    (void)snprintf(text, sizeof(text), "revoked-%u\n", num);
    fixture_write(&store, path, text, strlen(text));
}

/* ---- start and changes, as a host sees them ---- */

static void open_context(void)
{
    char err[512];
    char *config = fixture_config(&store, "");
    xg_host host = fixture_host(loader.abi);
    ctx = loader.auth.create(&host, fixture_str(config), err, sizeof(err));
    if (ctx == NULL) {
        (void)fprintf(stderr, "bench: %s\n", err);
        abort();
    }
    free(config);
}

static void measure_start(void)
{
    double times[STARTS];
    for (size_t i = 0; i < STARTS; i++) {
        double start = bench_now();
        open_context();
        times[i] = bench_now() - start;
        check(loader.auth.destroy(ctx) == 0, "destroy");
    }
    tell_time("start", "start: 10,000 meshes x 2 keys", median(times, STARTS));
}

static double time_tick(void)
{
    double start = bench_now();
    check(loader.auth.tick(ctx, FIXTURE_NOW) > 0, "tick");
    return bench_now() - start;
}

static void wait_until_settled(void)
{
    (void)nanosleep(&(struct timespec){.tv_nsec = SETTLE_NANOS}, NULL);
}

static void measure_changes(void)
{
    double quiet[CHANGES], keys[CHANGES], young[CHANGES], lists[CHANGES], reloads[STARTS];
    char err[256];
    open_context();
    (void)time_tick(); /* the first one walks */
    for (unsigned i = 0; i < CHANGES; i++) {
        quiet[i] = time_tick();
        write_mesh_key(i * 400, 1 + i % KEYS_A_MESH);
        wait_until_settled();
        keys[i] = time_tick();
        write_mesh_list(i * 400 + 100, i);
        wait_until_settled();
        lists[i] = time_tick();
        write_mesh_key(i * 400 + 200, 1);
        young[i] = time_tick();
    }
    for (size_t i = 0; i < STARTS; i++) {
        double start = bench_now();
        check(loader.auth.reload(ctx, (xg_str){0}, err, sizeof(err)) == 0, "reload");
        reloads[i] = bench_now() - start;
    }
    check(loader.auth.destroy(ctx) == 0, "destroy");
    tell_time("tick_quiet", "tick, nothing changed", median(quiet, CHANGES));
    tell_time("tick_key", "tick after one key changed", median(keys, CHANGES));
    tell_time("tick_list", "tick after one list changed", median(lists, CHANGES));
    tell_time("tick_key_young", "the same, called at once: waits for the file's clock", median(young, CHANGES));
    tell_time("reload", "reload, nothing changed: every file looked at", median(reloads, STARTS));
}

/* ---- parts of it, in the keys room ---- */

static void count_change(void *arg, xg_changed what, xg_str mesh)
{
    (void)what;
    (void)mesh;
    (*(size_t *)arg)++;
}

static xg_snapshot *load(xg_dirstore *dir, xg_snapshot *previous)
{
    xg_snapshot *loaded = NULL;
    check(xg_is_ok(xg_dirstore_load(dir, previous, NULL, NULL, &loaded, NULL)), "load");
    return loaded;
}

static void measure_parts(void)
{
    const xg_dirstore_limits limits = {.meshes = XG_MESHES_MAX, .revoked_ids = XG_REVOKED_MAX};
    double loads[CHANGES], differences[CHANGES], walks[STARTS];
    xg_crypto *crypto = NULL;
    xg_dirstore *dir = NULL;
    check(xg_is_ok(xg_crypto_new(&crypto)), "make scratch");
    check(xg_is_ok(xg_dirstore_open(store.store, crypto, &limits, &dir, NULL)), "open the store");
    xg_snapshot *snapshot = load(dir, NULL);
    for (size_t i = 0; i < STARTS; i++) {
        double start = bench_now();
        check(!xg_dirstore_has_changed(dir, 0, 0), "leave the store alone");
        walks[i] = bench_now() - start;
    }
    for (unsigned i = 0; i < CHANGES; i++) {
        write_mesh_key(i * 400 + 300, 1);
        wait_until_settled();
        check(xg_dirstore_has_changed(dir, 0, INT64_MAX), "see a change");
        double start = bench_now();
        xg_snapshot *loaded = load(dir, snapshot);
        loads[i] = bench_now() - start;
        size_t num_changes = 0;
        start = bench_now();
        xg_difference_find(snapshot, loaded, count_change, &num_changes);
        differences[i] = bench_now() - start;
        check(num_changes == 1, "find the change");
        xg_snapshot_unref(snapshot);
        snapshot = loaded;
    }
    xg_snapshot_unref(snapshot);
    xg_dirstore_close(dir);
    xg_crypto_free(crypto);
    tell_time("load_key", "of that: a new snapshot for one key", median(loads, CHANGES));
    tell_time("difference", "the difference of two snapshots, one mesh changed", median(differences, CHANGES));
    tell_time("walk", "a stat walk, nothing changed", median(walks, STARTS));
}

/* ---- revoked ids ---- */

/* Id `number` in UUID's form; a line of its own. */
static void write_id(uint64_t number, char out[ID_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    random_state = number << 8;
    uint64_t halves[2] = {next_random(), next_random()};
    size_t nibble = 0;
    for (size_t i = 0; i < ID_SIZE - 1; i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            out[i] = '-';
        } else {
            out[i] = digits[halves[nibble / 16] >> (nibble % 16 * 4) & 15];
            nibble++;
        }
    }
    out[ID_SIZE - 1] = '\n';
}

static char *make_ids(uint64_t first, size_t num)
{
    char *ids = malloc(num * ID_SIZE);
    check(ids != NULL, "hold the ids");
    for (size_t i = 0; i < num; i++) {
        write_id(first + i, ids + i * ID_SIZE);
    }
    return ids;
}

/* Ids from all over the list, in no order. */
static char *pick_ids(const char *ids, size_t num)
{
    char *picked = malloc((size_t)NUM_PROBES * ID_SIZE);
    check(picked != NULL, "hold the ids");
    for (size_t i = 0; i < NUM_PROBES; i++) {
        memcpy(picked + i * ID_SIZE, ids + next_random() % num * ID_SIZE, ID_SIZE);
    }
    return picked;
}

/* Looks up so many different ids that the processor's caches cannot hold what they touch. */
static double time_lookups(const xg_revocations *list, const char *ids, uint32_t expected)
{
    double rounds[ROUNDS];
    int64_t before = 0;
    for (size_t r = 0; r < ROUNDS; r++) {
        size_t num_expected = 0;
        double start = bench_now();
        for (size_t i = 0; i < NUM_PROBES; i++) {
            xg_revocable token = {.jti = {ids + i * ID_SIZE, ID_SIZE - 1}};
            num_expected += xg_result_reason(xg_revocations_check(list, &token, &before)) == expected ? 1 : 0;
        }
        rounds[r] = (bench_now() - start) / NUM_PROBES;
        check(num_expected == NUM_PROBES, "find what is revoked, and nothing else");
    }
    return median(rounds, ROUNDS);
}

static xg_revocations *parse(const char *ids, size_t num)
{
    xg_revocations *list = NULL;
    check(xg_is_ok(xg_revocations_parse((xg_str){ids, num * ID_SIZE}, XG_REVOKED_MAX, &list, NULL)), "parse");
    return list;
}

static void measure_lookups(const char *ids)
{
    static const struct {
        size_t num_ids;
        const char *miss;
        const char *miss_what;
        const char *hit; /* NULL: there is nothing to hit */
        const char *hit_what;
    } LISTS[] = {
        {0, "miss_0", "look-up among none: miss", NULL, NULL},
        {NUM_FEWER_IDS, "miss_28k", "look-up among 28,000: miss", "hit_28k", "look-up among 28,000: hit"},
        {NUM_IDS, "miss_10m", "look-up among 10 M: miss", "hit_10m", "look-up among 10 M: hit"},
    };
    char *others = make_ids(NUM_IDS, NUM_PROBES);
    for (size_t i = 0; i < XG_ARRAY_LEN(LISTS); i++) {
        xg_revocations *list = parse(ids, LISTS[i].num_ids);
        tell_time(LISTS[i].miss, LISTS[i].miss_what, time_lookups(list, others, XG_REASON_OK));
        if (LISTS[i].hit != NULL) {
            char *picked = pick_ids(ids, LISTS[i].num_ids);
            tell_time(LISTS[i].hit, LISTS[i].hit_what, time_lookups(list, picked, XG_REASON_REVOKED_JTI));
            free(picked);
        }
        xg_revocations_unref(list);
    }
    free(others);
}

static void measure_ids(void)
{
    char *ids = make_ids(0, NUM_IDS);
    double parses[LOADS];
    double bytes = 0;
    for (size_t i = 0; i < LOADS; i++) {
        double start = bench_now();
        xg_revocations *list = parse(ids, NUM_IDS);
        parses[i] = bench_now() - start;
        check(xg_revocations_count(list) == NUM_IDS, "count the ids");
        bytes = (double)xg_revocations_bytes(list) / NUM_IDS;
        xg_revocations_unref(list);
    }
    tell_time("parse_10m", "10 M ids: text in memory to list", median(parses, LOADS));
    tell("bytes_an_id", "10 M ids: bytes an id", bytes, false);
    measure_lookups(ids);
    free(ids);
}

static double time_decision(void)
{
    double rounds[ROUNDS];
    char *token = fixture_dataplane_token("bench-1");
    for (size_t r = 0; r < ROUNDS; r++) {
        double start = bench_now();
        for (size_t i = 0; i < VERIFIES; i++) {
            xg_request request = fixture_dataplane_request(token);
            xg_decision decision = {.struct_size = sizeof(decision)};
            check(loader.auth.authenticate(ctx, &request, &decision) == 1, "authenticate");
        }
        rounds[r] = (bench_now() - start) / VERIFIES;
    }
    free(token);
    return median(rounds, ROUNDS);
}

/* The list as a file of mesh m1, which the fixture's tokens are for, among the 10,000 others. */
static void measure_list_of_ids(void)
{
    double ticks[LOADS];
    open_context();
    (void)time_tick();
    tell_time("decision_0", "a decision, nothing revoked", time_decision());
    for (uint64_t i = 0; i < LOADS; i++) {
        char *ids = make_ids(i * NUM_IDS, NUM_IDS);
        fixture_write(&store, "meshes/m1/revoked", ids, (size_t)NUM_IDS * ID_SIZE);
        free(ids);
        wait_until_settled();
        ticks[i] = time_tick();
    }
    tell_time("decision_10m", "a decision, 10 M revoked", time_decision());
    check(loader.auth.destroy(ctx) == 0, "destroy");
    tell_time("tick_10m", "tick after a list of 10 M ids was written", median(ticks, LOADS));
}

int main(void)
{
    char err[512];
    const xg_loader_options options = {.resolve_path = true};
    const char *path = getenv("XG_PLUGIN");
    if (path == NULL || !xg_loader_open(path, &options, &loader, err, sizeof(err))) {
        (void)fprintf(stderr, "bench: %s\n", path == NULL ? "XG_PLUGIN is not set" : err);
        return 2;
    }
    fixture_init(&store);
    char *token = fixture_dataplane_token("bench-1");
    bench_row peers[BENCH_NUM_PEERS];
    memcpy(peers, BENCH_PEERS, sizeof(peers));
    bench_peers_init(token);
    bench_measure(peers, BENCH_NUM_PEERS, ROUNDS);
    bench_peers_done();
    tell_time("bare", peers[0].what, peers[0].ns);
    make_first_modulus(fixture_private_pem(FIXTURE_KEY_M1));
    for (unsigned mesh = 0; mesh < NUM_MESHES; mesh++) {
        for (unsigned kid = 1; kid <= KEYS_A_MESH; kid++) {
            write_mesh_key(mesh, kid);
        }
    }
    measure_start();
    measure_changes();
    measure_parts();
    measure_ids();
    measure_list_of_ids();
    print_figures(peers);
    fixture_done(&store);
    free(token);
    BN_free(first_modulus);
    BN_free(step);
    xg_loader_close(&loader);
    return 0;
}
