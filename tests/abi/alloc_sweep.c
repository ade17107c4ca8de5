/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alloc_sweep.c create|authenticate|reload|tick|sessions|told-by-reload|told-by-tick: every allocation inside one call
 * (of "sessions": inside the life of a hundred sessions) fails, one after the other: once only the n-th, once the n-th
 * and all later ones, for every n until the call does without.
 *
 * The allocator of this program replaces the C library's for all libraries, so OpenSSL's allocations fail like ours.
 * After each call: nothing is allowed that is not allowed without faults; nothing has leaked, neither memory nor
 * descriptors; what served before still serves; every session that was admitted and has to end was told, once, and no
 * other; and the same call without faults works.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "abi_support.h"

/* ---- the allocator ---- */

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *ptr);

static struct {
    unsigned long countdown; /* 0: no fault planned; n: the n-th allocation from now fails */
    bool is_lasting;         /* and all after it */
    bool has_failed;
    long num_live;
} allocator;

static bool is_refused(void)
{
    if (allocator.countdown == 0) {
        return false;
    }
    if (allocator.countdown > 1) {
        allocator.countdown--;
        return false;
    }
    if (!allocator.is_lasting) {
        allocator.countdown = 0;
    }
    allocator.has_failed = true;
    errno = ENOMEM;
    return true;
}

static void *count(void *ptr)
{
    allocator.num_live += ptr != NULL ? 1 : 0;
    return ptr;
}

XG_EXPORT void *malloc(size_t size)
{
    return is_refused() ? NULL : count(__libc_malloc(size));
}

XG_EXPORT void *calloc(size_t num, size_t size)
{
    return is_refused() ? NULL : count(__libc_calloc(num, size));
}

XG_EXPORT void *realloc(void *old, size_t size)
{
    if (is_refused()) {
        return NULL;
    }
    bool is_new = old == NULL;
    void *ptr = __libc_realloc(old, size);
    if (is_new) {
        return count(ptr);
    }
    allocator.num_live -= size == 0 ? 1 : 0;
    return ptr;
}

XG_EXPORT void *aligned_alloc(size_t alignment, size_t size)
{
    return is_refused() ? NULL : count(__libc_memalign(alignment, size));
}

XG_EXPORT int posix_memalign(void **ret_ptr, size_t alignment, size_t size)
{
    void *ptr = aligned_alloc(alignment, size);
    if (ptr == NULL) {
        return ENOMEM;
    }
    *ret_ptr = ptr;
    return 0;
}

XG_EXPORT void free(void *ptr)
{
    allocator.num_live -= ptr != NULL ? 1 : 0;
    __libc_free(ptr);
}

/* ---- the subject ---- */

/* As long as they are in the wild: a reader that loses a byte when memory runs out would not find them on the list. */
#define JTI_GOOD  "00000000-0000-4000-8000-00000000000a"
#define JTI_OTHER "00000000-0000-4000-8000-0000000000000b"

#define TOKENS_END (FIXTURE_NOW + 3600) /* of the fixture's tokens */

typedef enum verdict_token {
    GOOD,
    OTHER,
    FORGED,
    WRONG_NAME,
    EXPIRED,
    ZONE,
    NUM_VERDICTS,
    LONG_GOOD = NUM_VERDICTS, /* on the lists as GOOD and OTHER are; these three end years later */
    LONG_OTHER,
    LONG_KEPT, /* on no list */
    NUM_TOKENS
} verdict_token;

static fixture fx;
static xg_loader plugin;
static char *tokens[NUM_TOKENS];
static char *config;
static unsigned num_wrong;
static unsigned long current;

static void wrong(const char *what, unsigned detail)
{
    if (num_wrong++ < 20) {
        (void)fprintf(stderr, "allocation %lu%s: %s (%u)\n", current, allocator.is_lasting ? " and later" : "", what,
                      detail);
    }
}

static void report_crash(int signal_number)
{
    char text[] = "crash at allocation 0000000000\n";
    unsigned long n = current;
    for (size_t i = sizeof(text) - 3; n > 0; i--, n /= 10) {
        text[i] = (char)('0' + n % 10);
    }
    (void)!write(STDERR_FILENO, text, sizeof(text) - 1);
    _exit(128 + signal_number);
}

static uint32_t ask_for(xg_ctx *ctx, verdict_token which, uint64_t session)
{
    xg_request request = which == ZONE ? fixture_zone_request(tokens[which]) : fixture_dataplane_request(tokens[which]);
    if (which == WRONG_NAME) {
        request.name = fixture_str("web-2");
        request.node_id = fixture_str("");
    }
    request.session = session;
    return support_ask(&plugin, ctx, &request).reason;
}

static uint32_t ask(xg_ctx *ctx, verdict_token which)
{
    return ask_for(ctx, which, 0);
}

/* Tokens that are bad whatever the store holds. */
static void check_never_allowed(xg_ctx *ctx)
{
    static const verdict_token bad[] = {FORGED, WRONG_NAME, EXPIRED};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (ask(ctx, bad[i]) == XG_REASON_OK) {
            wrong("a bad token is admitted", (unsigned)bad[i]);
        }
    }
}

/* Which of the two lists serves: 'A' revokes OTHER, 'B' revokes GOOD; '?' if neither or both. */
static char serving_list(xg_ctx *ctx)
{
    uint32_t good = ask(ctx, GOOD);
    uint32_t other = ask(ctx, OTHER);
    if (good == XG_REASON_OK && other == XG_REASON_REVOKED_JTI) {
        return 'A';
    }
    return good == XG_REASON_REVOKED_JTI && other == XG_REASON_OK ? 'B' : '?';
}

static void write_store(char list)
{
    const char *ids = list == 'A' ? JTI_OTHER "\n" : JTI_GOOD "\n";
    fixture_write(&fx, "meshes/m1/revoked", ids, strlen(ids));
    fixture_write(&fx, "meshes/m1/keys/1.pem", fixture_public_pem(FIXTURE_KEY_M1),
                  strlen(fixture_public_pem(FIXTURE_KEY_M1)));
}

static void arm(bool is_lasting)
{
    allocator.is_lasting = is_lasting;
    allocator.has_failed = false;
    allocator.countdown = current;
}

/* ---- one step of each sweep; each leaves as many live allocations as it found ---- */

static xg_ctx *subject;
static char store_list = 'A';

static void step_create(bool is_lasting)
{
    char err[512] = "";
    xg_host host = fixture_host(plugin.abi);
    arm(is_lasting);
    xg_ctx *ctx = plugin.auth.create(&host, fixture_str(config), err, sizeof(err));
    allocator.countdown = 0;
    if (ctx == NULL) {
        if (err[0] == '\0') {
            wrong("create fails without a sentence", 0);
        }
        return;
    }
    check_never_allowed(ctx);
    if (ask(ctx, OTHER) == XG_REASON_OK) {
        wrong("a revoked token is admitted", 0);
    }
    if (plugin.auth.destroy(ctx) != XG_REASON_OK) {
        wrong("destroy fails", 0);
    }
}

static void step_authenticate(bool is_lasting)
{
    static const uint32_t expected[NUM_VERDICTS] = {
        XG_REASON_OK,           XG_REASON_REVOKED_JTI, XG_REASON_SIGNATURE_INVALID,
        XG_REASON_BINDING_NAME, XG_REASON_EXPIRED,     XG_REASON_OK,
    };
    bool has_failed = false;
    for (unsigned i = 0; i < NUM_VERDICTS; i++) {
        arm(is_lasting);
        uint32_t reason = ask(subject, (verdict_token)i);
        allocator.countdown = 0;
        has_failed = has_failed || allocator.has_failed;
        if (reason != expected[i] && (reason == XG_REASON_OK || !allocator.has_failed)) {
            wrong("another verdict", reason);
        }
        if (reason != expected[i] && reason != XG_REASON_NO_MEMORY) {
            wrong("lack of memory has another name", reason);
        }
        reason = ask(subject, (verdict_token)i);
        if (reason != expected[i]) {
            wrong("the next call does not work", reason);
        }
    }
    allocator.has_failed = has_failed;
}

static int64_t change_of(xg_ctx *ctx, bool is_tick, const char *text, char *err, size_t err_cap)
{
    static int64_t now = FIXTURE_NOW;
    if (is_tick) {
        now += 2; /* more than store_poll_seconds: what failed is tried again by then */
        return plugin.auth.tick(ctx, now);
    }
    return -(int64_t)plugin.auth.reload(ctx, fixture_str(text), err, err_cap);
}

static int64_t change(bool is_tick, char *err, size_t err_cap)
{
    return change_of(subject, is_tick, config, err, err_cap);
}

/* What reload and tick have in common: the store changed, the call may fail, the next one must not. */
static void step_change(bool is_lasting, bool is_tick)
{
    char err[512] = "";
    char before = store_list;
    store_list = before == 'A' ? 'B' : 'A';
    write_store(store_list);
    arm(is_lasting);
    int64_t result = change(is_tick, err, sizeof(err));
    allocator.countdown = 0;
    char serving = serving_list(subject);
    if (serving != before && serving != store_list) {
        wrong("neither the old nor the new list serves", (unsigned)-result);
    }
    if (result < 0 && (serving != before || (!is_tick && err[0] == '\0'))) {
        wrong("a failure changed something, or has no sentence", (unsigned)-result);
    }
    check_never_allowed(subject);
    result = change(is_tick, err, sizeof(err));
    if (result < 0 || serving_list(subject) != store_list || ask(subject, ZONE) != XG_REASON_OK) {
        wrong("the next call does not work", (unsigned)-result);
    }
}

static void step_reload(bool is_lasting)
{
    step_change(is_lasting, false);
}

static void step_tick(bool is_lasting)
{
    step_change(is_lasting, true);
}

/* ---- sessions ---- */

#define NUM_SESSIONS 100u /* some shards get several: their indexes and heaps grow */
#define NUM_LISTED   20u

static xg_ctx *listener;
static char *cache_configs[2]; /* their caches differ, so that each reload makes one */
static unsigned times_told[NUM_SESSIONS + 2];

static void note_told(uintptr_t cookie, const xg_invalidation *items, size_t n)
{
    (void)cookie;
    for (size_t i = 0; i < n; i++) {
        if (items[i].session > NUM_SESSIONS) {
            wrong("a session is told that nobody has", (unsigned)items[i].session);
        } else {
            times_told[items[i].session]++;
        }
    }
}

static xg_ctx *create_listener(void)
{
    char err[512] = "";
    xg_host host = fixture_host(plugin.abi);
    host.on_session_invalidated = note_told;
    xg_ctx *ctx = plugin.auth.create(&host, fixture_str(config), err, sizeof(err));
    if (ctx == NULL) {
        support_give_up(err);
    }
    return ctx;
}

/* True if it was admitted. */
static bool admit(xg_ctx *ctx, verdict_token which, uint64_t session)
{
    uint32_t reason = ask_for(ctx, which, session);
    if (reason != XG_REASON_OK && (reason != XG_REASON_NO_MEMORY || !allocator.has_failed)) {
        wrong("a session gets another verdict", reason);
    }
    return reason == XG_REASON_OK;
}

/* What is to become of each session while allocations fail: it ends with its token, or was moved to a later one. */
typedef struct book {
    bool is_ending[NUM_SESSIONS + 1];
    bool is_lasting[NUM_SESSIONS + 1];
} book;

static void live_and_end(xg_ctx *ctx, book *sessions)
{
    for (uint64_t id = 1; id <= NUM_SESSIONS; id++) {
        sessions->is_ending[id] = admit(ctx, id % 4 == 0 ? ZONE : GOOD, id);
    }
    check_never_allowed(ctx);
    if (ask_for(ctx, OTHER, NUM_SESSIONS + 1) == XG_REASON_OK ||
        ask_for(ctx, FORGED, NUM_SESSIONS + 1) == XG_REASON_OK) {
        wrong("a bad token gets a session", 0);
    }
    for (uint64_t id = 1; id <= NUM_SESSIONS; id += 4) {
        if (admit(ctx, LONG_KEPT, id)) { /* moves the session over, or is its first token */
            sessions->is_ending[id] = false;
            sessions->is_lasting[id] = true;
        }
    }
    for (uint64_t id = 2; id <= NUM_SESSIONS; id += 4) {
        plugin.auth.session_close(ctx, id);
        sessions->is_ending[id] = false;
    }
    if (plugin.auth.tick(ctx, TOKENS_END) < 0) {
        wrong("tick fails", 0);
    }
}

static void step_sessions(bool is_lasting)
{
    book sessions = {{false}, {false}};
    xg_ctx *ctx = create_listener();
    memset(times_told, 0, sizeof(times_told));
    arm(is_lasting);
    live_and_end(ctx, &sessions);
    allocator.countdown = 0;
    for (uint64_t id = 1; id <= NUM_SESSIONS; id++) {
        if (times_told[id] != (sessions.is_ending[id] ? 1u : 0u)) {
            wrong("told too often, or not at all", (unsigned)id);
        }
        uint32_t expected = sessions.is_lasting[id] ? XG_REASON_SESSION_DUPLICATE : XG_REASON_OK;
        if (ask_for(ctx, LONG_KEPT, id) != expected) {
            wrong("the table does not work afterwards", (unsigned)id);
        }
    }
    if (plugin.auth.destroy(ctx) != XG_REASON_OK) {
        wrong("destroy fails", 0);
    }
}

static void check_told(bool is_expected, const char *what)
{
    for (uint64_t id = 1; id <= NUM_SESSIONS; id++) {
        if (times_told[id] != (is_expected && id <= NUM_LISTED ? 1u : 0u)) {
            wrong(what, (unsigned)id);
        }
    }
}

/* The tokens of some sessions are revoked: told with the call that follows the store, or with the next one. */
static void step_told(bool is_lasting, bool is_tick)
{
    static unsigned turn;
    char err[512] = "";
    const char *text = cache_configs[turn++ % 2];
    verdict_token listed = store_list == 'A' ? LONG_GOOD : LONG_OTHER;
    for (uint64_t id = 1; id <= NUM_LISTED + 1; id++) {
        uint32_t reason = ask_for(listener, id <= NUM_LISTED ? listed : LONG_KEPT, id);
        if (reason != XG_REASON_OK) {
            wrong("a session is refused without faults", reason);
        }
    }
    memset(times_told, 0, sizeof(times_told));
    store_list = store_list == 'A' ? 'B' : 'A';
    write_store(store_list);
    arm(is_lasting);
    (void)change_of(listener, is_tick, text, err, sizeof(err));
    allocator.countdown = 0;
    check_told(serving_list(listener) == store_list, "what is told is not what serves");
    check_never_allowed(listener);
    if (change_of(listener, is_tick, text, err, sizeof(err)) < 0 || serving_list(listener) != store_list) {
        wrong("the next call does not work", 0);
    }
    check_told(true, "an invalidation is lost, or came twice");
    if (ask_for(listener, LONG_KEPT, NUM_LISTED + 1) != XG_REASON_SESSION_DUPLICATE) {
        wrong("a session is gone that was not to end", 0);
    }
    plugin.auth.session_close(listener, NUM_LISTED + 1);
}

static void step_told_by_reload(bool is_lasting)
{
    step_told(is_lasting, false);
}

static void step_told_by_tick(bool is_lasting)
{
    step_told(is_lasting, true);
}

/* ---- the sweep ---- */

static unsigned long sweep(void (*step)(bool is_lasting), bool is_lasting)
{
    /* What the libraries make once and keep is made here: a number no call reaches. */
    for (unsigned i = 0; i < 4; i++) {
        current = 1000000000;
        step(is_lasting);
    }
    unsigned fds = support_count_fds();
    allocator.has_failed = true;
    for (current = 1; allocator.has_failed && num_wrong < 20; current++) {
        long live = allocator.num_live;
        step(is_lasting);
        bool has_failed = allocator.has_failed;
        if (allocator.num_live != live) {
            wrong("memory is left", (unsigned)(allocator.num_live - live));
        }
        if (support_count_fds() != fds) {
            wrong("a descriptor is left", support_count_fds());
            fds = support_count_fds();
        }
        allocator.has_failed = has_failed;
    }
    return current - 2;
}

/* Scratch is kept by processor: a thread that moves would make more of it, which is not a leak. */
static void pin_to_one_cpu(void)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    int cpu = sched_getcpu();
    CPU_SET((size_t)(cpu < 0 ? 0 : cpu), &one);
    if (sched_setaffinity(0, sizeof(one), &one) != 0) {
        support_give_up("stay on one processor");
    }
}

static void set_up(void)
{
    fixture_init(&fx);
    write_store('A');
    tokens[GOOD] = fixture_dataplane_token(JTI_GOOD);
    tokens[OTHER] = fixture_dataplane_token(JTI_OTHER);
    tokens[FORGED] = fixture_dataplane_token("forged");
    char *flipped = tokens[FORGED] + strlen(tokens[FORGED]) - 10;
    *flipped = *flipped == 'A' ? 'B' : 'A';
    tokens[WRONG_NAME] = fixture_dataplane_token("name");
    tokens[EXPIRED] = fixture_sign_claims(FIXTURE_KEY_M1, "{\"Mesh\":\"m1\",\"Name\":\"web-1\",\"exp\":1799999999,"
                                                          "\"jti\":\"expired\"}");
    tokens[ZONE] = fixture_zone_token("zone");
    static const char *const LONG_JTIS[] = {JTI_GOOD, JTI_OTHER, "kept"};
    for (unsigned i = 0; i < NUM_TOKENS - LONG_GOOD; i++) {
        char claims[256];
        (void)snprintf(claims, sizeof(claims), "{\"Mesh\":\"m1\",\"Name\":\"web-1\",\"exp\":1999999999,\"jti\":\"%s\"}",
                       LONG_JTIS[i]);
        tokens[LONG_GOOD + i] = fixture_sign_claims(FIXTURE_KEY_M1, claims);
    }
    config = fixture_config(&fx, ",\"store_poll_seconds\":1");
    support_load(&plugin);
    subject = support_create(&plugin, &fx);
    if (plugin.auth.reload(subject, fixture_str(config), NULL, 0) != XG_REASON_OK) {
        support_give_up("take the configuration over");
    }
    cache_configs[0] = fixture_config(&fx, ",\"store_poll_seconds\":1,\"limits\":{\"cached_tokens\":8}");
    cache_configs[1] = fixture_config(&fx, ",\"store_poll_seconds\":1,\"limits\":{\"cached_tokens\":16}");
    listener = create_listener();
}

static void tear_down(void)
{
    if (plugin.auth.destroy(subject) != XG_REASON_OK) {
        wrong("destroy fails at the end", 0);
    }
    if (plugin.auth.destroy(listener) != XG_REASON_OK) {
        wrong("destroy of the listener fails at the end", 0);
    }
    free(cache_configs[0]);
    free(cache_configs[1]);
    for (unsigned i = 0; i < NUM_TOKENS; i++) {
        free(tokens[i]);
    }
    free(config);
    xg_loader_close(&plugin);
    fixture_done(&fx);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*step)(bool is_lasting);
    } entries[] = {
        {"create", step_create},
        {"authenticate", step_authenticate},
        {"reload", step_reload},
        {"tick", step_tick},
        {"sessions", step_sessions},
        {"told-by-reload", step_told_by_reload},
        {"told-by-tick", step_told_by_tick},
    };
    void (*step)(bool is_lasting) = NULL;
    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
        step = argc == 2 && strcmp(argv[1], entries[i].name) == 0 ? entries[i].step : step;
    }
    if (step == NULL) {
        support_give_up("run: name an entry; they stand at the head of alloc_sweep.c");
    }
    (void)signal(SIGSEGV, report_crash);
    (void)signal(SIGABRT, report_crash);
    pin_to_one_cpu();
    set_up();
    unsigned long once = sweep(step, false);
    unsigned long lasting = sweep(step, true);
    tear_down();
    printf("%s: %lu allocations failed once, %lu for good; %u wrong\n", argv[1], once, lasting, num_wrong);
    bool is_as_expected = step == step_authenticate ? once == 0 && lasting == 0 : once > 0 && lasting > 0;
    return num_wrong == 0 && is_as_expected ? 0 : 1;
}
