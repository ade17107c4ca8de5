/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_environment.c: the same verdicts on a small stack and in every locale.
 *
 * stack    the whole life of a context on a thread with 64 KiB
 * locales  create, authenticate and reload in five locales, for the process and for the thread alone; one has a decimal
 *          point of two bytes, one folds "I" to a letter outside ASCII. run_with_locales.sh builds them.
 */
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi_support.h"

#define SMALL_STACK 65536

static fixture fx;
static xg_loader plugin;

/* A token's claims and the verdict; the request is the fixture's. */
typedef struct verdict_row {
    const char *claims;
    uint32_t reason;
} verdict_row;

#define TIMES "\"exp\":1800003600,\"nbf\":1799999995,\"iat\":1799999995,\"jti\":\"j\""
#define BOUND "\"Name\":\"web-1\",\"Mesh\":\"m1\",\"Tags\":{},\"Type\":\"\",\"Workload\":\"web\""

static const verdict_row rows[] = {
    {"{" BOUND "," TIMES "}", XG_REASON_OK},
    {"{" BOUND ",\"extra\":[1,-2,9007199254740993]," TIMES "}", XG_REASON_OK},
    {"{" BOUND ",\"extra\":1.5," TIMES "}", XG_REASON_CLAIMS_JSON},
    {"{" BOUND ",\"extra\":1,5," TIMES "}", XG_REASON_CLAIMS_JSON},
    {"{" BOUND ",\"extra\":1\u066b5," TIMES "}", XG_REASON_CLAIMS_JSON},
    {"{" BOUND ",\"extra\":1e2," TIMES "}", XG_REASON_CLAIMS_JSON},
    {"{" BOUND ",\"extra\":1.0e-400," TIMES "}", XG_REASON_CLAIMS_JSON},
    {"{" BOUND ",\"exp\":1800003600.5,\"jti\":\"j\"}", XG_REASON_CLAIMS_JSON},
    {"{" BOUND ",\"EXP\":1," TIMES "}", XG_REASON_CLAIMS_CASE},
    {"{" BOUND ",\"JTI\":\"k\"," TIMES "}", XG_REASON_CLAIMS_CASE},
    {"{" BOUND ",\"\u0130at\":1," TIMES "}",
     XG_REASON_OK}, /* folds to "iat" in Turkish only, which nobody may notice */
    {"{" BOUND ",\"exp\":1799999999,\"jti\":\"j\"}", XG_REASON_EXPIRED},
};

static unsigned check_rows(xg_ctx *ctx, const char *where)
{
    unsigned num_wrong = 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *token = fixture_sign_claims(FIXTURE_KEY_M1, rows[i].claims);
        xg_request request = fixture_dataplane_request(token);
        xg_decision decision = support_ask(&plugin, ctx, &request);
        if (decision.reason != rows[i].reason) {
            (void)fprintf(stderr, "%s, row %zu: reason %u, expected %u: %s\n", where, i, decision.reason,
                          rows[i].reason, decision.text);
            num_wrong++;
        }
        free(token);
    }
    return num_wrong;
}

static unsigned live_through(const char *where)
{
    char err[512] = "";
    xg_ctx *ctx = support_create(&plugin, &fx);
    unsigned num_wrong = check_rows(ctx, where);
    if (plugin.auth.reload(ctx, fixture_str(""), err, sizeof(err)) != XG_REASON_OK || plugin.auth.tick(ctx, 0) < 0 ||
        plugin.auth.reload(ctx, fixture_str("{\"leeway_seconds\":1.5}"), err, sizeof(err)) == XG_REASON_OK) {
        (void)fprintf(stderr, "%s: reload or tick went wrong: %s\n", where, err);
        num_wrong++;
    }
    num_wrong += check_rows(ctx, where);
    return num_wrong + (plugin.auth.destroy(ctx) == XG_REASON_OK ? 0 : 1);
}

/* ---- locales ---- */

static const char *const locales[] = {"C", "de_DE.UTF-8", "ps_AF.UTF-8", "tr_TR.UTF-8", "fa_IR.UTF-8"};

static void *live_through_thread_locale(void *locale)
{
    (void)uselocale(locale);
    unsigned num_wrong = live_through("a thread's own locale");
    (void)uselocale(LC_GLOBAL_LOCALE);
    return (void *)(uintptr_t)num_wrong;
}

static unsigned check_locale(const char *name, bool *ret_has_long_point)
{
    if (setlocale(LC_ALL, name) == NULL) {
        support_give_up("set a locale: run by run_with_locales.sh");
    }
    *ret_has_long_point = strlen(localeconv()->decimal_point) > 1;
    unsigned num_wrong = live_through(name);
    num_wrong += strcmp(setlocale(LC_ALL, NULL), name) == 0 ? 0 : 1; /* rule A18 */
    /* Not newlocale: with LOCPATH the C library's own leaks. */
    locale_t locale = duplocale(LC_GLOBAL_LOCALE);
    (void)setlocale(LC_ALL, "C");
    num_wrong += (unsigned)(uintptr_t)support_on_thread(live_through_thread_locale, locale, 0);
    freelocale(locale);
    return num_wrong;
}

static unsigned check_locales(void)
{
    unsigned num_wrong = 0;
    unsigned num_long_points = 0;
    for (size_t i = 0; i < sizeof(locales) / sizeof(locales[0]); i++) {
        bool has_long_point = false;
        num_wrong += check_locale(locales[i], &has_long_point);
        num_long_points += has_long_point ? 1u : 0u;
    }
    if (num_long_points == 0) {
        support_give_up("find a locale whose decimal point has two bytes: the test would prove nothing");
    }
    return num_wrong;
}

/* ---- the small stack ---- */

/* Tokens are signed on the big stack: only the plugin's own use counts. */
static char *signed_rows[sizeof(rows) / sizeof(rows[0])];

static void *live_through_small_stack(void *arg)
{
    (void)arg;
    unsigned num_wrong = 0;
    char err[512] = "";
    xg_ctx *ctx = support_create(&plugin, &fx);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        xg_request request = fixture_dataplane_request(signed_rows[i]);
        num_wrong += support_ask(&plugin, ctx, &request).reason == rows[i].reason ? 0 : 1;
    }
    num_wrong += plugin.auth.reload(ctx, fixture_str(""), err, sizeof(err)) == XG_REASON_OK ? 0 : 1;
    fixture_write(&fx, "meshes/m1/revoked", "other\n", 6);
    num_wrong += plugin.auth.tick(ctx, FIXTURE_NOW) > 0 ? 0 : 1;
    num_wrong += plugin.auth.destroy(ctx) == XG_REASON_OK ? 0 : 1;
    return (void *)(uintptr_t)num_wrong;
}

static unsigned check_small_stack(void)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        signed_rows[i] = fixture_sign_claims(FIXTURE_KEY_M1, rows[i].claims);
    }
    unsigned num_wrong = (unsigned)(uintptr_t)support_on_thread(live_through_small_stack, NULL, SMALL_STACK);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        free(signed_rows[i]);
    }
    return num_wrong;
}

int main(int argc, char **argv)
{
    bool is_stack = argc == 2 && strcmp(argv[1], "stack") == 0;
    if (argc != 2 || (!is_stack && strcmp(argv[1], "locales") != 0)) {
        support_give_up("run: name what to check, 'stack' or 'locales'");
    }
    fixture_init(&fx);
    support_load(&plugin);
    unsigned num_wrong = is_stack ? check_small_stack() : check_locales();
    xg_loader_close(&plugin);
    fixture_done(&fx);
    printf("%u wrong\n", num_wrong);
    return num_wrong == 0 ? 0 : 1;
}
