/* SPDX-License-Identifier: Apache-2.0 */
/*
 * count_calls.c: does one thing with the plugin a number of times, for tools/instruction_counts.py to count under
 * callgrind.
 *
 * count_calls SCENARIO CALLS; without arguments it lists the scenarios. Everything that is to be counted happens below
 * counted_call, which callgrind is told to watch; whatever prepares a call stands outside. Must never depend on a
 * clock, on what the machine is, or on what happened in an earlier run. One thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"
#include "xdsgate/base.h"
#include "xdsgate_loader.h"

#ifdef __clang__
#define KEPT __attribute__((noinline))
#else
#define KEPT __attribute__((noipa)) /* under its own name, whatever the compiler knows of it */
#endif

#define EXIT_ABSENT  77 /* the plugin has no such feature (yet) */
#define EXIT_BROKEN  1
#define WARM_UP      4 /* so that scratch space has its size and caches are filled */
#define NUM_MESHES   64
#define POLL_SECONDS 10

typedef struct bench_setup {
    xg_loader plugin;
    fixture store;
    xg_ctx *ctx;
    char *token;
    xg_request request;
    xg_decision decision;
} bench_setup;

typedef struct scenario {
    const char *name;
    bool is_cached; /* the cache of verified tokens is on, where there is one */
    bool has_sessions;
    void (*prepare)(bench_setup *b, unsigned round); /* not counted; may be NULL */
    void (*call)(bench_setup *b);
    uint32_t reason; /* what each call must answer */
} scenario;

static bench_setup bench;

static _Noreturn void give_up(const char *what)
{
    (void)fprintf(stderr, "count_calls: %s\n", what);
    exit(EXIT_BROKEN);
}

/* ---- what is counted ---- */

static void authenticate(bench_setup *b)
{
    (void)b->plugin.auth.authenticate(b->ctx, &b->request, &b->decision);
}

static void register_and_close(bench_setup *b)
{
    (void)b->plugin.auth.authenticate(b->ctx, &b->request, &b->decision);
    b->plugin.auth.session_close(b->ctx, b->request.session);
}

static void reload(bench_setup *b)
{
    b->decision.reason = b->plugin.auth.reload(b->ctx, (xg_str){0}, NULL, 0);
}

static void tick(bench_setup *b)
{
    b->decision.reason = b->plugin.auth.tick(b->ctx, 0) > 0 ? XG_REASON_OK : XG_REASON_INTERNAL;
}

/* ---- what comes before it ---- */

static void set_session(bench_setup *b, unsigned round)
{
    b->request.session = round + 1;
}

/* Its list is what row 10 looks into. */
static void revoke(bench_setup *b, unsigned round)
{
    if (round == 0) {
        free(b->token);
        b->token = fixture_dataplane_token("revoked-1");
        b->request.credential = fixture_str(b->token);
    }
}

static void expire(bench_setup *b, unsigned round)
{
    (void)b;
    (void)round;
    fixture_set_now(FIXTURE_NOW + 7200);
}

static void present_half(bench_setup *b, unsigned round)
{
    (void)round;
    b->request.credential.len = (size_t)(strrchr(b->token, '.') - b->token); /* one dot is missing */
}

static void name_other_mesh(bench_setup *b, unsigned round)
{
    (void)round;
    b->request.mesh = fixture_str("unheard-of");
    b->request.node_id = (xg_str){0};
}

static void present_header(bench_setup *b, const char *header)
{
    free(b->token);
    b->token = fixture_sign(FIXTURE_KEY_M1, header, "{}", 2);
    b->request.credential = fixture_str(b->token);
}

/* As many members as a header may have. */
static void present_long_header(bench_setup *b, unsigned round)
{
    char header[1024];
    xg_text text;
    if (round > 0) {
        return;
    }
    xg_text_init(&text, header, sizeof(header));
    xg_text_add(&text, XG_STR("{\"alg\":\"none\""));
    for (char name = 'a'; name <= 'o'; name++) {
        xg_text_printf(&text, ",\"member-of-%c\":\"as many as there may be: %c\"", name, name);
    }
    xg_text_add(&text, XG_STR("}"));
    present_header(b, header);
}

/* Long names that differ late, and that bytes alone cannot compare: the dearest to read before a signature. */
static void present_escapes(bench_setup *b, unsigned round)
{
    char header[1024];
    xg_text text;
    if (round > 0) {
        return;
    }
    xg_text_init(&text, header, sizeof(header));
    xg_text_add(&text, XG_STR("{\"alg\":\"RS256\""));
    for (char name = 'a'; name <= 'n'; name++) {
        xg_text_printf(&text, ",\"%s-name-that-goes-on-for-a-while-before-it-is-%c\":1", name % 2 ? "a" : "\\u0061",
                       name);
    }
    xg_text_add(&text, XG_STR("}"));
    present_header(b, header);
}

static void forge(bench_setup *b, unsigned round)
{
    char *second = strrchr(b->token, '.') + 1;
    second[round % 2] = second[round % 2] == 'A' ? 'B' : 'A'; /* of a number below the modulus, as before */
}

/* Mesh m1's only key is another one each time. */
static void change_key(bench_setup *b, unsigned round)
{
    static const char *const PATHS[] = {"meshes/m1/keys/2.pem", "meshes/m1/keys/1.pem"};
    const char *pem = fixture_public_pem(FIXTURE_KEY_M1);
    fixture_write(&b->store, PATHS[round % 2], pem, strlen(pem));
    fixture_remove(&b->store, PATHS[(round + 1) % 2]);
}

/* So late that the store is walked, whatever inotify says. */
static void let_time_pass(bench_setup *b, unsigned round)
{
    (void)b;
    fixture_set_now(FIXTURE_NOW + (int64_t)(round + 1) * (POLL_SECONDS + 1));
}

static const scenario SCENARIOS[] = {
    {"first_sight", false, false, NULL, authenticate, XG_REASON_OK},
    {"seen_before", true, false, NULL, authenticate, XG_REASON_OK},
    {"session_and_close", true, true, set_session, register_and_close, XG_REASON_OK},
    {"refused_dots", true, false, present_half, authenticate, XG_REASON_CREDENTIAL_SEGMENTS},
    {"refused_header", true, false, present_long_header, authenticate, XG_REASON_ALG_REFUSED},
    {"refused_escapes", true, false, present_escapes, authenticate, XG_REASON_HEADER_JSON},
    {"refused_mesh", true, false, name_other_mesh, authenticate, XG_REASON_MESH_UNKNOWN},
    {"refused_signature", true, false, forge, authenticate, XG_REASON_SIGNATURE_INVALID},
    {"refused_expired", true, false, expire, authenticate, XG_REASON_EXPIRED},
    {"refused_revoked", true, false, revoke, authenticate, XG_REASON_REVOKED_JTI},
    {"reload_one_key", true, false, change_key, reload, XG_REASON_OK},
    {"tick_idle", true, false, NULL, tick, XG_REASON_OK},
    {"tick_walk", true, false, let_time_pass, tick, XG_REASON_OK},
};
#define NUM_SCENARIOS XG_ARRAY_LEN(SCENARIOS)

/* ---- the store ---- */

/* Sets of which none changes: each has a list, and one kid that is retired. */
static void write_meshes(const fixture *store)
{
    char path[64];
    for (int i = 0; i < NUM_MESHES; i++) {
        (void)snprintf(path, sizeof(path), "meshes/quiet-%02d/keys/1.retired", i);
        fixture_write(store, path, "", 0);
        (void)snprintf(path, sizeof(path), "meshes/quiet-%02d/revoked", i);
        fixture_write(store, path, "some-id\n", 8);
    }
}

static void be_told(uintptr_t cookie, const xg_invalidation *items, size_t n)
{
    (void)cookie, (void)items, (void)n;
}

static xg_ctx *create(const bench_setup *b, const char *more, char *err, size_t err_cap)
{
    xg_host host = fixture_host(b->plugin.abi);
    host.on_session_invalidated = be_told;
    char *config = fixture_config(&b->store, more);
    xg_ctx *ctx = b->plugin.auth.create(&host, fixture_str(config), err, err_cap);
    free(config);
    return ctx;
}

static void set_up(bench_setup *b, const scenario *s)
{
    char err[XG_LOADER_ERROR_SIZE] = "XG_PLUGIN is not set";
    const xg_loader_options options = {.resolve_path = true};
    const char *path = getenv("XG_PLUGIN");
    if (path == NULL || !xg_loader_open(path, &options, &b->plugin, err, sizeof(err))) {
        give_up(err);
    }
    if (s->has_sessions && (b->plugin.auth.features & XG_FEATURE_SESSIONS) == 0) {
        exit(EXIT_ABSENT);
    }
    fixture_init(&b->store);
    write_meshes(&b->store);
    /* One id: in a long list, what a look-up costs would vary with the random key of its hashes. */
    fixture_write(&b->store, "meshes/m1/revoked", "revoked-1\n", 10);
    /* A plugin without a cache does not know the member, and needs none. */
    b->ctx = s->is_cached ? NULL : create(b, ",\"limits\":{\"cached_tokens\":0}", err, sizeof(err));
    b->ctx = b->ctx != NULL ? b->ctx : create(b, "", err, sizeof(err));
    if (b->ctx == NULL) {
        give_up(err);
    }
    b->token = fixture_dataplane_token("counted-1");
    b->request = fixture_dataplane_request(b->token);
    b->decision.struct_size = sizeof(b->decision);
}

static void tear_down(bench_setup *b)
{
    (void)b->plugin.auth.destroy(b->ctx);
    fixture_done(&b->store);
    free(b->token);
    xg_loader_close(&b->plugin);
}

/* ---- the calls ---- */

/* callgrind counts from here on, by this name. */
KEPT static void counted_call(const scenario *s)
{
    s->call(&bench);
}

static void run(const scenario *s, unsigned calls)
{
    for (unsigned round = 0; round < WARM_UP + calls; round++) {
        if (s->prepare != NULL) {
            s->prepare(&bench, round);
        }
        if (round < WARM_UP) {
            s->call(&bench);
        } else {
            counted_call(s);
        }
        if (bench.decision.reason != s->reason) {
            (void)fprintf(stderr, "count_calls: %s, call %u: reason %u, expected %u\n", s->name, round,
                          bench.decision.reason, s->reason);
            exit(EXIT_BROKEN);
        }
    }
}

int main(int argc, char **argv)
{
    unsigned long calls = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
    for (size_t i = 0; i < NUM_SCENARIOS; i++) {
        if (argc == 1) {
            (void)puts(SCENARIOS[i].name);
        } else if (strcmp(argv[1], SCENARIOS[i].name) == 0 && calls > 0 && calls <= 100000) {
            set_up(&bench, &SCENARIOS[i]);
            run(&SCENARIOS[i], (unsigned)calls);
            tear_down(&bench);
            return 0;
        }
    }
    if (argc == 1) {
        return 0;
    }
    give_up("usage: count_calls [SCENARIO CALLS]");
}
