/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_verify.c GROUP...: what decisions cost, as ratios to a bare OpenSSL verify of the same bytes, and to libjwt, in
 * the same run. Groups: verify, refusals, revoked, threads, reload, sessions.
 *
 * Owns no verdict but one: a call that does not answer as it must ends the program.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_table.h"
#include "fixture.h"
#include "xdsgate/base.h"
#include "xdsgate/token.h"
#include "xdsgate_loader.h"

#define ROUNDS       31
#define ROWS_MAX     32
#define NUM_FEWER    28000u
#define NUM_MANY     10000000u
#define NUM_SESSIONS 100000u

static xg_loader loader;
static fixture store;
static char *token;

/* One question to one context, and its right answer. */
typedef struct question {
    xg_ctx *ctx;
    xg_request request;
    uint32_t reason;
    char *token; /* owned; may be NULL */
} question;

static _Noreturn void give_up(const char *what)
{
    (void)fprintf(stderr, "bench: %s\n", what);
    exit(2);
}

static atomic_uint_least64_t num_told;
static double last_told_at;

static void be_told(uintptr_t cookie, const xg_invalidation *items, size_t n)
{
    (void)cookie, (void)items;
    atomic_fetch_add(&num_told, n);
    last_told_at = bench_now();
}

static xg_ctx *create(const char *more)
{
    char err[512] = "";
    char *config = fixture_config(&store, more);
    xg_host host = fixture_host(loader.abi);
    host.on_session_invalidated = be_told;
    xg_ctx *ctx = loader.auth.create(&host, fixture_str(config), err, sizeof(err));
    free(config);
    if (ctx == NULL) {
        give_up(err);
    }
    return ctx;
}

static xg_ctx *create_uncached(void)
{
    return create(",\"limits\":{\"cached_tokens\":0}");
}

static question ask_for(xg_ctx *ctx, const char *text, uint32_t reason)
{
    question q = {.ctx = ctx, .request = fixture_dataplane_request(text), .reason = reason};
    return q;
}

static void ask(const void *arg)
{
    const question *q = arg;
    xg_decision decision = {.struct_size = sizeof(decision)};
    (void)loader.auth.authenticate(q->ctx, &q->request, &decision);
    if (decision.reason != q->reason) {
        give_up(decision.text);
    }
}

static void ask_and_close(const void *arg)
{
    const question *q = arg;
    ask(arg);
    loader.auth.session_close(q->ctx, q->request.session);
}

static size_t begin_rows(bench_row *rows)
{
    memcpy(rows, BENCH_PEERS, sizeof(BENCH_PEERS));
    return BENCH_NUM_PEERS;
}

static void reload(xg_ctx *ctx)
{
    if (loader.auth.reload(ctx, fixture_str(""), NULL, 0) != XG_REASON_OK) {
        give_up("reload failed");
    }
}

/* ---- verify ---- */

static void run_verify(void)
{
    bench_row rows[ROWS_MAX];
    question first = ask_for(create_uncached(), token, XG_REASON_OK);
    question seen = ask_for(create(""), token, XG_REASON_OK);
    question session = seen;
    session.request.session = 1;
    size_t n = begin_rows(rows);
    rows[n++] = (bench_row){"first_sight", "authenticate, token never seen", 100, ask, &first, 0};
    rows[n++] = (bench_row){"seen_before", "authenticate, token seen before", 1000, ask, &seen, 0};
    rows[n++] = (bench_row){
        "seen_before_session", "the same with a session, registered and closed", 1000, ask_and_close, &session, 0};
    bench_measure(rows, n, ROUNDS);
    bench_print("verify", "RSA-2048, one thread, median of rounds", rows, n);
    bench_print_figure("verify", "first_sight_to_seen_before", rows[3].ns / rows[4].ns, "ratio", rows);
    (void)loader.auth.destroy(first.ctx);
    (void)loader.auth.destroy(seen.ctx);
}

/* ---- refusals ---- */

static char *repeat(const char *part, size_t len)
{
    char *text = malloc(len + 1);
    size_t part_len = strlen(part);
    for (size_t i = 0; text != NULL && i < len; i++) {
        text[i] = part[i % part_len];
    }
    if (text == NULL) {
        give_up("memory");
    }
    text[len] = '\0';
    return text;
}

/* A header of at most 1 KiB with as many members as there may be. */
static char *sign_long_header(void)
{
    char header[1024];
    xg_text text;
    xg_text_init(&text, header, sizeof(header));
    xg_text_printf(&text, "{\"alg\":\"none\"");
    for (char name = 'a'; name <= 'o'; name++) {
        xg_text_printf(&text, ",\"member-of-%c\":\"as many as there may be: %c\"", name, name);
    }
    xg_text_printf(&text, "}");
    return fixture_sign(FIXTURE_KEY_M1, header, "{}", 2);
}

static const char USUAL[] = "{\"alg\":\"RS256\",\"kid\":\"1\",\"typ\":\"JWT\"}";
static const char OTHER_KID[] = "{\"alg\":\"RS256\",\"kid\":\"2\",\"typ\":\"JWT\"}";
static const char NO_ALG[] = "{\"alg\":\"none\",\"kid\":\"1\",\"typ\":\"JWT\"}";

/* As long as a credential may be; is_forged: one letter of its signature is another. */
static char *sign_long_claims(const char *header, bool is_forged)
{
    char *filling = repeat("abcdefgh", 5400);
    char *claims = malloc(6200);
    if (claims == NULL) {
        give_up("memory");
    }
    (void)snprintf(claims, 6200, "{\"Name\":\"web-1\",\"Mesh\":\"m1\",\"exp\":1800003600,\"jti\":\"j\",\"x\":\"%s\"}",
                   filling);
    char *signed_token = fixture_sign(FIXTURE_KEY_M1, header, claims, strlen(claims));
    char *letter = strrchr(signed_token, '.') + 20;
    if (is_forged) {
        *letter = *letter == 'A' ? 'B' : 'A';
    }
    free(claims);
    free(filling);
    return signed_token;
}

static char *forge(const char *text)
{
    char *forged = strdup(text);
    if (forged == NULL) {
        give_up("memory");
    }
    char *letter = strrchr(forged, '.') + 20;
    *letter = *letter == 'A' ? 'B' : 'A';
    return forged;
}

enum { NUM_REFUSALS = 13 };

static const struct {
    const char *name;
    const char *what;
    uint32_t reason;
} REFUSALS[NUM_REFUSALS] = {
    {"refused_dots", "refused: one dot short", XG_REASON_CREDENTIAL_SEGMENTS},
    {"refused_8k_letters", "refused: 8 KiB without a dot", XG_REASON_CREDENTIAL_SEGMENTS},
    {"refused_8k_dots", "refused: 8 KiB full of dots", XG_REASON_CREDENTIAL_SEGMENTS},
    {"refused_header", "refused: a header as full as it may be", XG_REASON_ALG_REFUSED},
    {"refused_alg", "refused: alg none", XG_REASON_ALG_REFUSED},
    {"refused_kid", "refused: unknown kid", XG_REASON_KEY_UNKNOWN},
    {"refused_8k_kid", "refused: 8 KiB, unknown kid", XG_REASON_KEY_UNKNOWN},
    {"refused_mesh", "refused: unknown mesh", XG_REASON_MESH_UNKNOWN},
    {"refused_forged", "refused: forged signature", XG_REASON_SIGNATURE_INVALID},
    {"refused_8k_forged", "refused: 8 KiB, forged signature", XG_REASON_SIGNATURE_INVALID},
    {"refused_revoked", "refused: revoked", XG_REASON_REVOKED_JTI},
    {"refused_name", "refused: another proxy's name", XG_REASON_BINDING_NAME},
    {"valid_8k", "admitted: a valid token of 8 KiB", XG_REASON_OK},
};

/* In the order of the table. */
static void make_refusals(char *texts[NUM_REFUSALS])
{
    char *const made[NUM_REFUSALS] = {
        repeat(token, (size_t)(strrchr(token, '.') - token)),
        repeat("A", XG_CREDENTIAL_MAX),
        repeat("A.A", XG_CREDENTIAL_MAX),
        sign_long_header(),
        fixture_sign(FIXTURE_KEY_M1, NO_ALG, "{}", 2),
        fixture_sign(FIXTURE_KEY_M1, OTHER_KID, "{}", 2),
        sign_long_claims(OTHER_KID, false),
        repeat(token, strlen(token)),
        forge(token),
        sign_long_claims(USUAL, true),
        fixture_dataplane_token("revoked"),
        repeat(token, strlen(token)),
        sign_long_claims(USUAL, false),
    };
    memcpy(texts, made, sizeof(made));
}

static question ask_to_be_refused(xg_ctx *ctx, const char *text, uint32_t reason)
{
    question q = ask_for(ctx, text, reason);
    if (reason == XG_REASON_MESH_UNKNOWN) {
        q.request.mesh = fixture_str("unheard-of");
        q.request.node_id = fixture_str("");
    } else if (reason == XG_REASON_BINDING_NAME) {
        q.request.name = fixture_str("web-2");
        q.request.node_id = fixture_str("m1.web-2");
    }
    return q;
}

static void run_refusals(void)
{
    static const char LIST[] = "revoked\n";
    bench_row rows[ROWS_MAX];
    question questions[NUM_REFUSALS];
    char *texts[NUM_REFUSALS];
    fixture_write(&store, "meshes/m1/revoked", LIST, strlen(LIST));
    xg_ctx *ctx = create("");
    make_refusals(texts);
    size_t n = begin_rows(rows);
    for (size_t i = 0; i < NUM_REFUSALS; i++) {
        questions[i] = ask_to_be_refused(ctx, texts[i], REFUSALS[i].reason);
        rows[n++] = (bench_row){REFUSALS[i].name, REFUSALS[i].what, 100, ask, &questions[i], 0};
    }
    bench_measure(rows, n, ROUNDS);
    bench_print("refusals", "RSA-2048, one thread, median of rounds", rows, n);
    size_t worst = BENCH_NUM_PEERS;
    for (size_t i = BENCH_NUM_PEERS; i + 1 < n; i++) {
        worst = rows[i].ns > rows[worst].ns ? i : worst;
    }
    (void)printf("the dearest refusal is '%s': %.2f of admitting a token of that size\n", rows[worst].name,
                 rows[worst].ns / rows[n - 1].ns);
    bench_print_figure("refusals", "worst_refusal_to_valid_8k", rows[worst].ns / rows[n - 1].ns, "ratio", rows);
    for (size_t i = 0; i < NUM_REFUSALS; i++) {
        free(texts[i]);
    }
    (void)loader.auth.destroy(ctx);
    fixture_remove(&store, "meshes/m1/revoked");
}

/* ---- revoked ---- */

static void write_list(unsigned num_ids)
{
    enum { LINE = 37 }; /* as long as a UUID and a line end */
    char *list = malloc((size_t)num_ids * LINE + 64);
    char *at = list;
    if (list == NULL) {
        give_up("memory");
    }
    for (unsigned i = 0; i < num_ids; i++) {
        at += snprintf(at, LINE + 1, "%08x-0000-4000-8000-%012x\n", i, i);
    }
    fixture_write(&store, "meshes/m1/revoked", list, (size_t)(at - list));
    free(list);
}

static void run_revoked(void)
{
    static const struct {
        unsigned num_ids;
        const char *first, *first_what, *seen, *seen_what;
    } LISTS[] = {
        {0, "first_sight_0", "first sight, nothing revoked", "seen_before_0", "seen before, nothing revoked"},
        {NUM_FEWER, "first_sight_28k", "first sight, 28,000 ids", "seen_before_28k", "seen before, 28,000 ids"},
        {NUM_MANY, "first_sight_10m", "first sight, 10 million ids", "seen_before_10m", "seen before, 10 million ids"},
    };
    bench_row rows[ROWS_MAX];
    question questions[2 * XG_ARRAY_LEN(LISTS)];
    size_t n = begin_rows(rows);
    for (size_t i = 0; i < XG_ARRAY_LEN(LISTS); i++) {
        if (LISTS[i].num_ids > 0) {
            write_list(LISTS[i].num_ids);
        }
        questions[2 * i] = ask_for(create_uncached(), token, XG_REASON_OK);
        questions[2 * i + 1] = ask_for(create(""), token, XG_REASON_OK);
        rows[n++] = (bench_row){LISTS[i].first, LISTS[i].first_what, 100, ask, &questions[2 * i], 0};
        rows[n++] = (bench_row){LISTS[i].seen, LISTS[i].seen_what, 1000, ask, &questions[2 * i + 1], 0};
    }
    bench_measure(rows, n, ROUNDS);
    bench_print("revoked", "RSA-2048, one thread, median of rounds", rows, n);
    bench_print_figure("revoked", "first_sight_10m_to_0", rows[7].ns / rows[3].ns, "ratio", rows);
    bench_print_figure("revoked", "seen_before_10m_to_0", rows[8].ns / rows[4].ns, "ratio", rows);
    for (size_t i = 0; i < XG_ARRAY_LEN(questions); i++) {
        (void)loader.auth.destroy(questions[i].ctx);
    }
    fixture_remove(&store, "meshes/m1/revoked");
}

/* ---- threads ---- */

#define THREAD_NANOS 150e6

typedef struct runner {
    const question *question;
    void (*run)(const void *arg);
    uint64_t num_calls;
    double nanos;
} runner;

static atomic_uint num_ready;

static void *run_for_a_while(void *arg)
{
    runner *r = arg;
    atomic_fetch_sub(&num_ready, 1);
    while (atomic_load(&num_ready) > 0) {
    }
    double start = bench_now();
    for (r->nanos = 0; r->nanos < THREAD_NANOS; r->nanos = bench_now() - start) {
        for (unsigned i = 0; i < 64; i++) {
            r->run(r->question);
        }
        r->num_calls += 64;
    }
    return NULL;
}

/* Calls a second of that many threads together. */
static double measure_threads(const question *questions, unsigned num_threads, void (*run)(const void *arg))
{
    runner runners[2] = {{&questions[0], run, 0, 0}, {&questions[1], run, 0, 0}};
    pthread_t threads[2];
    double rate = 0;
    atomic_store(&num_ready, num_threads);
    for (unsigned i = 0; i < num_threads; i++) {
        if (pthread_create(&threads[i], NULL, run_for_a_while, &runners[i]) != 0) {
            give_up("threads");
        }
    }
    for (unsigned i = 0; i < num_threads; i++) {
        (void)pthread_join(threads[i], NULL);
        rate += (double)runners[i].num_calls / runners[i].nanos * 1e9;
    }
    return rate;
}

static void run_threads(void)
{
    static const struct {
        const char *name;
        const char *what;
        bool is_cached;
        uint64_t session;
        void (*run)(const void *arg);
    } KINDS[] = {
        {"first_sight_two_threads", "authenticate, token never seen", false, 0, ask},
        {"seen_before_two_threads", "authenticate, token seen before", true, 0, ask},
        {"session_two_threads", "the same with a session, registered and closed", true, 1, ask_and_close},
    };
    (void)printf("%-56s %12s %12s %8s\n", "calls a second, median of rounds", "one thread", "two", "ratio");
    for (size_t k = 0; k < XG_ARRAY_LEN(KINDS); k++) {
        double one[9], two[9], ratios[9];
        xg_ctx *ctx = KINDS[k].is_cached ? create("") : create_uncached();
        question questions[2] = {ask_for(ctx, token, XG_REASON_OK), ask_for(ctx, token, XG_REASON_OK)};
        questions[0].request.session = KINDS[k].session;
        questions[1].request.session = KINDS[k].session * 2;
        for (size_t r = 0; r < XG_ARRAY_LEN(one); r++) {
            one[r] = measure_threads(questions, 1, KINDS[k].run);
            two[r] = measure_threads(questions, 2, KINDS[k].run);
            ratios[r] = two[r] / one[r];
        }
        double ratio = bench_quantile(ratios, XG_ARRAY_LEN(ratios), 0.5);
        (void)printf("%-56s %12.0f %12.0f %8.2f\n", KINDS[k].what, bench_quantile(one, 9, 0.5),
                     bench_quantile(two, 9, 0.5), ratio);
        bench_print_figure("threads", KINDS[k].name, ratio, "ratio", NULL);
        (void)loader.auth.destroy(ctx);
    }
}

/* ---- reload ---- */

#define NUM_SAMPLES 20000

static atomic_bool is_over;
static atomic_uint num_reloads;

static void *reload_in_a_loop(void *arg)
{
    static const char *const LISTS[] = {"a\n", "b,c\n"};
    for (unsigned i = 0; !atomic_load(&is_over); i++) {
        fixture_write(&store, "meshes/m1/revoked", LISTS[i % 2], strlen(LISTS[i % 2]));
        reload(arg);
        atomic_fetch_add(&num_reloads, 1);
    }
    return NULL;
}

static double measure_p99(const question *q)
{
    static double samples[NUM_SAMPLES];
    for (size_t i = 0; i < NUM_SAMPLES; i++) {
        double start = bench_now();
        ask(q);
        samples[i] = bench_now() - start;
    }
    return bench_quantile(samples, NUM_SAMPLES, 0.99);
}

static double measure_p99_while_reloading(const question *q, xg_ctx *reloaded)
{
    pthread_t thread;
    atomic_store(&is_over, false);
    if (pthread_create(&thread, NULL, reload_in_a_loop, reloaded) != 0) {
        give_up("threads");
    }
    double p99 = measure_p99(q);
    atomic_store(&is_over, true);
    (void)pthread_join(thread, NULL);
    return p99;
}

/* Against another context being reloaded as well, so that what a busy neighbour costs on this machine is no part of the
 * ratio. */
static void run_reload(void)
{
    enum { TIMES = 9 };
    static const struct {
        const char *name;
        const char *what;
        bool is_cached;
    } KINDS[] = {{"first_sight_p99", "authenticate, token never seen", false},
                 {"seen_before_p99", "authenticate, token seen before", true}};
    bench_row peers[ROWS_MAX];
    bench_measure(peers, begin_rows(peers), ROUNDS);
    xg_ctx *other = create("");
    (void)printf("%-40s %10s %14s %14s %8s\n", "p99 in ns, median of rounds", "alone", "other reloads", "this reloads",
                 "ratio");
    for (size_t k = 0; k < XG_ARRAY_LEN(KINDS); k++) {
        double alone[TIMES], other_reloads[TIMES], this_reloads[TIMES], ratios[TIMES];
        question q = ask_for(KINDS[k].is_cached ? create("") : create_uncached(), token, XG_REASON_OK);
        for (size_t r = 0; r < TIMES; r++) {
            alone[r] = measure_p99(&q);
            other_reloads[r] = measure_p99_while_reloading(&q, other);
            this_reloads[r] = measure_p99_while_reloading(&q, q.ctx);
            ratios[r] = this_reloads[r] / other_reloads[r];
        }
        double ratio = bench_quantile(ratios, TIMES, 0.5), p99 = bench_quantile(this_reloads, TIMES, 0.5);
        (void)printf("%-40s %10.0f %14.0f %14.0f %8.2f\n", KINDS[k].what, bench_quantile(alone, TIMES, 0.5),
                     bench_quantile(other_reloads, TIMES, 0.5), p99, ratio);
        bench_print_figure("reload", KINDS[k].name, p99, "ns", peers);
        bench_print_figure("reload", KINDS[k].name, ratio, "ratio", peers);
        (void)loader.auth.destroy(q.ctx);
    }
    (void)loader.auth.destroy(other);
    (void)printf("%u reloads meanwhile\n", atomic_load(&num_reloads));
    fixture_remove(&store, "meshes/m1/revoked");
}

/* ---- sessions ---- */

/* The fixture's waiting for stamps is none of ours: files are written well before they are read. */
static double time_reload(xg_ctx *ctx, const char *path, const char *list)
{
    const struct timespec settle = {.tv_nsec = 30000000};
    fixture_write(&store, path, list, strlen(list));
    (void)nanosleep(&settle, NULL);
    atomic_store(&num_told, 0);
    double start = bench_now();
    reload(ctx);
    double end = bench_now();
    return (atomic_load(&num_told) > 0 ? last_told_at : end) - start;
}

static void register_sessions(const question *q)
{
    question each = *q;
    for (uint64_t session = 1; session <= NUM_SESSIONS; session++) {
        each.request.session = session;
        ask(&each);
    }
}

static void run_sessions(void)
{
    enum { TIMES = 7 };
    static const struct {
        const char *name;
        const char *what;
        const char *path;
        const char *list;
        uint64_t told;
    } CHANGES[] = {
        {"revoke_nobody", "a list that names none of them", "meshes/m1/revoked", "nobody\n", 0},
        {"revoke_all", "a list that names all: until the host knows the last", "meshes/m1/revoked", "@kid 1\n",
         NUM_SESSIONS},
        {"revoke_elsewhere", "another mesh's list", "meshes/m2/revoked", "@kid 1\n", 0},
    };
    bench_row peers[ROWS_MAX];
    bench_measure(peers, begin_rows(peers), ROUNDS);
    (void)printf("%-56s %10s\n", "reload with 100,000 live sessions in mesh m1", "ms");
    for (size_t k = 0; k < XG_ARRAY_LEN(CHANGES); k++) {
        double samples[TIMES];
        for (size_t i = 0; i < TIMES; i++) {
            question q = ask_for(create(""), token, XG_REASON_OK);
            register_sessions(&q);
            samples[i] = time_reload(q.ctx, CHANGES[k].path, CHANGES[k].list);
            if (atomic_load(&num_told) != CHANGES[k].told) {
                give_up("told of the wrong number of sessions");
            }
            (void)loader.auth.destroy(q.ctx);
            fixture_remove(&store, CHANGES[k].path);
        }
        double ms = bench_quantile(samples, TIMES, 0.5) / 1e6;
        (void)printf("%-56s %10.2f\n", CHANGES[k].what, ms);
        bench_print_figure("sessions", CHANGES[k].name, ms, "ms", peers);
    }
}

/* ---- all of it ---- */

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } GROUPS[] = {
        {"verify", run_verify},   {"refusals", run_refusals}, {"revoked", run_revoked},
        {"threads", run_threads}, {"reload", run_reload},     {"sessions", run_sessions},
    };
    char err[512];
    const xg_loader_options options = {.resolve_path = true};
    const char *path = getenv("XG_PLUGIN");
    if (path == NULL || !xg_loader_open(path, &options, &loader, err, sizeof(err))) {
        give_up(path == NULL ? "XG_PLUGIN is not set" : err);
    }
    fixture_init(&store);
    token = fixture_dataplane_token("bench-1");
    bench_peers_init(token);
    for (size_t i = 0; i < XG_ARRAY_LEN(GROUPS); i++) {
        bool is_wanted = argc == 1;
        for (int a = 1; a < argc; a++) {
            is_wanted = is_wanted || strcmp(argv[a], GROUPS[i].name) == 0;
        }
        if (is_wanted) {
            GROUPS[i].run();
        }
    }
    bench_peers_done();
    fixture_done(&store);
    free(token);
    xg_loader_close(&loader);
    return 0;
}
