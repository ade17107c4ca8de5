/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xg_plugin_check.c: xg-plugin-check [--sha256 HEX] FILE.so: says what a plugin is, and checks those rules of ABI.md
 * that need neither keys nor tokens. Also an example of a host: reference loader, negotiation, calls.
 *
 * Exit code: 0 every check holds, 1 one does not, 2 usage, 3 the file cannot be loaded as a plugin. The name of a check
 * is printed before it runs, so that a plugin that crashes shows where. Must never ask for more than the contract
 * promises. One thread.
 */
#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "xdsgate_loader.h"

#define PATTERN     0xa5
#define ERR_SIZE    512
#define BEYOND      64 /* bytes behind a buffer that are watched */
#define FINDING_MAX 400

/* Up to here a decision must reach to be answered in (rule A3). */
#define DECISION_MIN (offsetof(xg_decision, reason) + sizeof(uint32_t))
/* The same for statistics. */
#define STATS_MIN (offsetof(xg_stats, flags) + sizeof(uint32_t))

typedef const void *query_function(const char *iface, uint32_t abi_min, uint32_t abi_max, uint32_t *abi_have);
typedef uint32_t entry_function(xg_ctx *ctx, const xg_request *req, xg_decision *out);

typedef struct subject {
    xg_loader loader;
    query_function *query;
    char finding[FINDING_MAX]; /* why the present check fails */
} subject;

__attribute__((format(printf, 2, 3))) static bool refuse(subject *plugin, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(plugin->finding, sizeof(plugin->finding), format, args);
    va_end(args);
    return false;
}

static bool is_untouched(const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)bytes[i] != PATTERN) {
            return false;
        }
    }
    return true;
}

static xg_str str(const char *text)
{
    return (xg_str){text, strlen(text)};
}

/* ---- query ---- */

static bool check_answer(subject *plugin, const char *iface, uint32_t abi_min, uint32_t abi_max, uint32_t expected_have)
{
    uint32_t have = 0xa5a5a5a5;
    const void *table = plugin->query(iface, abi_min, abi_max, &have);
    if (table == NULL && have == expected_have) {
        return true;
    }
    return refuse(plugin, "expected no table and the newest version %u.%u, found %s and %u.%u; see rule A2",
                  expected_have >> 16, expected_have & 0xffffu, table == NULL ? "none" : "a table", have >> 16,
                  have & 0xffffu);
}

static bool check_no_interface(subject *plugin)
{
    return check_answer(plugin, NULL, 0, UINT32_MAX, 0);
}

static bool check_unknown_interface(subject *plugin)
{
    return check_answer(plugin, "xdsgate.unknown/1", 0, UINT32_MAX, 0);
}

static bool check_longer_interface(subject *plugin)
{
    return check_answer(plugin, XG_IFACE_AUTH "0", 0, UINT32_MAX, 0);
}

static bool check_range_below(subject *plugin)
{
    return check_answer(plugin, XG_IFACE_AUTH, 0, XG_ABI(0, 65535), plugin->loader.abi_have);
}

static bool check_range_above(subject *plugin)
{
    return check_answer(plugin, XG_IFACE_AUTH, plugin->loader.abi_have + 1, UINT32_MAX, plugin->loader.abi_have);
}

static bool check_same_table(subject *plugin)
{
    uint32_t have = 0;
    const void *first = plugin->query(XG_IFACE_AUTH, plugin->loader.abi, plugin->loader.abi, &have);
    const void *again = plugin->query(XG_IFACE_AUTH, plugin->loader.abi, plugin->loader.abi, NULL);
    if (first == NULL || first != again) {
        return refuse(plugin,
                      "expected the same table twice, also without a place for the newest version, found %s; "
                      "return one constant table (rule A1)",
                      first == NULL || again == NULL ? "none" : "two");
    }
    return true;
}

/* ---- create ---- */

/* One refusal, with room for cap bytes of the sentence. */
static bool check_refusal(subject *plugin, const xg_host *host, xg_str config, size_t cap)
{
    char err[ERR_SIZE + BEYOND];
    memset(err, PATTERN, sizeof(err));
    xg_ctx *ctx = plugin->loader.auth.create(host, config, err, cap);
    if (ctx != NULL) {
        (void)plugin->loader.auth.destroy(ctx);
        return refuse(plugin, "expected NULL, found a context (room for %zu bytes of the sentence); refuse it", cap);
    }
    if (!is_untouched(err + cap, sizeof(err) - cap)) {
        return refuse(plugin, "expected at most %zu bytes in err, found more; never write beyond err_cap", cap);
    }
    if (cap > 0 && memchr(err, '\0', cap) == NULL) {
        return refuse(plugin, "expected a sentence that ends with a NUL within %zu bytes, found none; cut it there",
                      cap);
    }
    if (cap == ERR_SIZE && err[0] == '\0') {
        return refuse(plugin, "expected a sentence that says why, found an empty one; put the reason into err");
    }
    return true;
}

static bool check_create(subject *plugin, const xg_host *host, xg_str config)
{
    xg_ctx *ctx = plugin->loader.auth.create(host, config, NULL, 0);
    if (ctx != NULL) {
        (void)plugin->loader.auth.destroy(ctx);
        return refuse(plugin, "expected NULL, found a context (no err); refuse it whether err is given or not");
    }
    return check_refusal(plugin, host, config, ERR_SIZE) && check_refusal(plugin, host, config, 1) &&
           check_refusal(plugin, host, config, 0);
}

static xg_host make_host(const subject *plugin)
{
    return (xg_host){.struct_size = sizeof(xg_host), .abi = plugin->loader.abi};
}

static bool check_create_without_host(subject *plugin)
{
    return check_create(plugin, NULL, str("{}"));
}

static bool check_create_with_short_host(subject *plugin)
{
    xg_host host = make_host(plugin);
    host.struct_size = offsetof(xg_host, now);
    return check_create(plugin, &host, str("{}"));
}

static bool check_create_for_another_abi(subject *plugin)
{
    xg_host host = make_host(plugin);
    host.abi = XG_ABI((plugin->loader.abi >> 16) + 1, 0);
    return check_create(plugin, &host, str("{}"));
}

static bool check_create_with_empty_config(subject *plugin)
{
    xg_host host = make_host(plugin);
    return check_create(plugin, &host, (xg_str){NULL, 0}) && check_create(plugin, &host, str(""));
}

static bool check_create_with_other_text(subject *plugin)
{
    xg_host host = make_host(plugin);
    return check_create(plugin, &host, str("store=/etc")) && check_create(plugin, &host, str("{\"store\":"));
}

static bool check_create_with_unknown_member(subject *plugin)
{
    xg_host host = make_host(plugin);
    return check_create(plugin, &host, str("{\"store\":\"/\",\"no-such-member\":1}"));
}

/* ---- workload_for_scope ---- */

/* The reason expected, and the name that goes with OK; any other reason goes with an empty name. */
static bool check_workload(subject *plugin, const char *mesh, uint32_t scopes, uint32_t reason, const char *name)
{
    char out[64 + BEYOND];
    memset(out, PATTERN, sizeof(out));
    uint32_t found = plugin->loader.auth.workload_for_scope(str(mesh), scopes, out, 64);
    if (!is_untouched(out + 64, BEYOND) || memchr(out, '\0', 64) == NULL) {
        return refuse(plugin,
                      "expected a name that ends with a NUL within 64 bytes, found none; never write beyond cap");
    }
    if (found != reason || strcmp(out, name) != 0) {
        return refuse(plugin, "mesh '%s', scopes %u: expected reason %u and '%s', found %u and '%s'; see the header",
                      mesh, scopes, reason, name, found, out);
    }
    return true;
}

static bool check_workload_names(subject *plugin)
{
    return check_workload(plugin, "m1", XG_SCOPE_INGRESS, XG_REASON_OK, "zone-proxy-m1-ingress") &&
           check_workload(plugin, "m1", XG_SCOPE_EGRESS, XG_REASON_OK, "zone-proxy-m1-egress") &&
           check_workload(plugin, "m1", XG_SCOPE_INGRESS | XG_SCOPE_EGRESS, XG_REASON_OK, "zone-proxy-m1-all");
}

static bool check_workload_scopes(subject *plugin)
{
    return check_workload(plugin, "m1", 0, XG_REASON_WORKLOAD_SCOPE, "") &&
           check_workload(plugin, "m1", 4, XG_REASON_WORKLOAD_SCOPE, "") &&
           check_workload(plugin, "m1", UINT32_MAX, XG_REASON_WORKLOAD_SCOPE, "");
}

/* A name is a DNS label, 63 characters with prefix and role: the longest mesh fits, one more does not. */
static bool check_workload_budget(subject *plugin)
{
    static const struct {
        uint32_t scopes;
        size_t longest;
        const char *role;
    } rows[] = {{XG_SCOPE_INGRESS, 44, "ingress"}, {XG_SCOPE_EGRESS, 45, "egress"}, {3, 48, "all"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char mesh[64];
        char name[128];
        memset(mesh, 'm', sizeof(mesh));
        mesh[rows[i].longest] = '\0';
        (void)snprintf(name, sizeof(name), "zone-proxy-%s-%s", mesh, rows[i].role);
        if (!check_workload(plugin, mesh, rows[i].scopes, XG_REASON_OK, name)) {
            return false;
        }
        mesh[rows[i].longest] = 'm';
        mesh[rows[i].longest + 1] = '\0';
        if (!check_workload(plugin, mesh, rows[i].scopes, XG_REASON_WORKLOAD_MESH, "")) {
            return false;
        }
    }
    return true;
}

/* Room that is too small is said; room for the name and its NUL may be enough, 64 bytes always are. */
static bool check_workload_space(subject *plugin)
{
    static const char name[] = "zone-proxy-m1-all";
    for (size_t cap = 0; cap <= 64; cap++) {
        char out[64 + BEYOND];
        memset(out, PATTERN, sizeof(out));
        uint32_t reason = plugin->loader.auth.workload_for_scope(str("m1"), 3, out, cap);
        bool is_whole = reason == XG_REASON_OK && cap >= sizeof(name) && memcmp(out, name, sizeof(name)) == 0;
        bool is_empty = reason == XG_REASON_WORKLOAD_SPACE && cap < 64 && (cap == 0 || out[0] == '\0');
        if ((!is_whole && !is_empty) || !is_untouched(out + cap, sizeof(out) - cap)) {
            return refuse(
                plugin,
                "cap %zu: expected '%s' or reason %d and an empty string, and nothing beyond; found reason %u; "
                "never cut a name",
                cap, name, XG_REASON_WORKLOAD_SPACE, reason);
        }
    }
    return true;
}

/* ---- authenticate, without a context ---- */

/* A decision of `size` bytes, preset to "allowed" where that fits: the answer must be a denial, within the size. */
static bool check_denial(subject *plugin, entry_function *entry, const xg_request *request, uint32_t size)
{
    union {
        xg_decision decision;
        char bytes[sizeof(xg_decision) + BEYOND];
    } at;
    memset(&at, PATTERN, sizeof(at));
    at.decision.struct_size = size;
    if (size >= DECISION_MIN) {
        at.decision.outcome = XG_OUTCOME_ALLOWED;
    }
    uint32_t allowed = entry(NULL, request, &at.decision);
    size_t written = size < DECISION_MIN ? sizeof(size) : size;
    if (allowed != 0) {
        return refuse(plugin, "a decision of %u bytes: expected 0, found %u; deny without a context", size, allowed);
    }
    if (!is_untouched(at.bytes + written, sizeof(at) - written)) {
        return refuse(plugin, "a decision of %u bytes: expected no byte written beyond %zu, found one; see rule A3",
                      size, written);
    }
    if (size >= DECISION_MIN && at.decision.outcome == XG_OUTCOME_ALLOWED) {
        return refuse(
            plugin,
            "a decision of %u bytes: expected a denial in it, found the 'allowed' of before; write the denial "
            "first (rule A4)",
            size);
    }
    return true;
}

static bool check_entry(subject *plugin, entry_function *entry)
{
    static const xg_tag tag = {{"k", 1}, {"v", 1}};
    const xg_request request = {
        .struct_size = sizeof(request),
        .kind = XG_KIND_DATAPLANE,
        .credential = str("e30.e30.e30"),
        .mesh = str("m1"),
        .name = str("web-1"),
        .tags = &tag,
        .num_tags = 1,
    };
    if (entry(NULL, NULL, NULL) != 0 || entry(NULL, &request, NULL) != 0) {
        return refuse(plugin, "no decision: expected 0, found another value; deny when there is no room for an answer");
    }
    for (uint32_t size = 0; size <= sizeof(xg_decision); size++) {
        if (!check_denial(plugin, entry, NULL, size) || !check_denial(plugin, entry, &request, size)) {
            return false;
        }
    }
    return true;
}

static bool check_authenticate(subject *plugin)
{
    return check_entry(plugin, plugin->loader.auth.authenticate);
}

static bool check_auth_dataplane(subject *plugin)
{
    return check_entry(plugin, plugin->loader.auth.auth_dataplane);
}

static bool check_auth_zone_entity(subject *plugin)
{
    return check_entry(plugin, plugin->loader.auth.auth_zone_entity);
}

static bool check_destroy_nothing(subject *plugin)
{
    uint32_t reason = plugin->loader.auth.destroy(NULL);
    return reason == XG_REASON_OK || refuse(plugin, "expected 0, found %u; there is nothing to destroy", reason);
}

/* ---- xdsgate.stats/1, if the plugin has it ---- */

static bool has_stats(subject *plugin)
{
    return plugin->loader.stats.read != NULL ||
           refuse(plugin,
                  "expected a table of a version from 1.0 to %u.%u with every function, found %u.%u and less; "
                  "complete it, or do not know the interface",
                  XG_ABI_STATS_CURRENT >> 16, XG_ABI_STATS_CURRENT & 0xffffu, plugin->loader.stats_have >> 16,
                  plugin->loader.stats_have & 0xffffu);
}

static bool check_stats_table(subject *plugin)
{
    uint32_t have = plugin->loader.stats_have;
    if (!has_stats(plugin) || !check_answer(plugin, XG_IFACE_STATS "0", 0, UINT32_MAX, 0) ||
        !check_answer(plugin, XG_IFACE_STATS, 0, XG_ABI(0, 65535), have) ||
        !check_answer(plugin, XG_IFACE_STATS, have + 1, UINT32_MAX, have)) {
        return false;
    }
    uint32_t abi = plugin->loader.stats.abi;
    const void *first = plugin->query(XG_IFACE_STATS, abi, abi, NULL);
    return (first != NULL && first == plugin->query(XG_IFACE_STATS, abi, abi, NULL)) ||
           refuse(plugin, "expected the same table twice, found others; return one constant table (rule A1)");
}

/* Statistics of `size` bytes without a context: a reason, and zeros as far as they reach. */
static bool check_stats_of_size(subject *plugin, uint32_t size)
{
    union {
        xg_stats stats;
        char bytes[sizeof(xg_stats) + BEYOND];
    } at;
    memset(&at, PATTERN, sizeof(at));
    at.stats.struct_size = size;
    uint32_t reason = plugin->loader.stats.read(NULL, &at.stats);
    size_t written = size < STATS_MIN ? sizeof(size) : size;
    if (reason == XG_REASON_OK) {
        return refuse(plugin, "%u bytes: expected a reason, found 0; there is nothing to read without a context", size);
    }
    if (!is_untouched(at.bytes + written, sizeof(at) - written)) {
        return refuse(plugin, "%u bytes: expected no byte written beyond %zu, found one; see rule A3", size, written);
    }
    for (size_t i = sizeof(size); i < written; i++) {
        if (at.bytes[i] != 0) {
            return refuse(plugin, "%u bytes: expected zeros, found what was there before; write them first", size);
        }
    }
    return true;
}

static bool check_stats_read(subject *plugin)
{
    if (!has_stats(plugin)) {
        return false;
    }
    if (plugin->loader.stats.read(NULL, NULL) == XG_REASON_OK) {
        return refuse(plugin, "expected a reason, found 0; there is no room for an answer");
    }
    for (uint32_t size = 0; size <= sizeof(xg_stats); size++) {
        if (!check_stats_of_size(plugin, size)) {
            return false;
        }
    }
    return true;
}

static bool check_stats_denials(subject *plugin)
{
    char rows[2 * sizeof(xg_denial_count) + BEYOND];
    xg_denial_count *out = (xg_denial_count *)(void *)rows;
    memset(rows, PATTERN, sizeof(rows));
    if (!has_stats(plugin)) {
        return false;
    }
    size_t num_reasons = plugin->loader.stats.denials(NULL, NULL, 0);
    num_reasons += plugin->loader.stats.denials(NULL, out, 2);
    if (num_reasons != 0 || !is_untouched(rows, sizeof(rows))) {
        return refuse(plugin, "expected 0 and nothing written, found something; nothing was denied without a context");
    }
    return true;
}

/* ---- the list ---- */

typedef struct check_row {
    const char *name;
    bool (*check)(subject *plugin);
} check_row;

static const check_row CHECKS[] = {
    {"query without an interface", check_no_interface},
    {"query for an unknown interface", check_unknown_interface},
    {"query for an id that only begins like ours", check_longer_interface},
    {"query for older versions than the plugin has", check_range_below},
    {"query for newer versions than the plugin has", check_range_above},
    {"query gives one table", check_same_table},
    {"create without a host", check_create_without_host},
    {"create with a host table that is too short", check_create_with_short_host},
    {"create for another major version", check_create_for_another_abi},
    {"create with an empty configuration", check_create_with_empty_config},
    {"create with a text that is no JSON", check_create_with_other_text},
    {"create with a member that is not known", check_create_with_unknown_member},
    {"workload_for_scope makes the three names", check_workload_names},
    {"workload_for_scope refuses other scopes", check_workload_scopes},
    {"workload_for_scope keeps to 63 characters", check_workload_budget},
    {"workload_for_scope with little room", check_workload_space},
    {"authenticate without a context denies", check_authenticate},
    {"auth_dataplane without a context denies", check_auth_dataplane},
    {"auth_zone_entity without a context denies", check_auth_zone_entity},
    {"destroy without a context", check_destroy_nothing},
};

#define NUM_CHECKS (sizeof(CHECKS) / sizeof(CHECKS[0]))

/* For plugins that know xdsgate.stats/1. */
static const check_row STATS_CHECKS[] = {
    {"query for the statistics gives one table", check_stats_table},
    {"stats.read without a context", check_stats_read},
    {"stats.denials without a context", check_stats_denials},
};

#define NUM_STATS_CHECKS (sizeof(STATS_CHECKS) / sizeof(STATS_CHECKS[0]))

static size_t run_checks(subject *plugin, const check_row *checks, size_t num_checks)
{
    size_t num_failed = 0;
    for (size_t i = 0; i < num_checks; i++) {
        plugin->finding[0] = '\0';
        printf("%s: ", checks[i].name);
        (void)fflush(stdout);
        if (checks[i].check(plugin)) {
            printf("ok\n");
        } else {
            printf("FAILED: %s\n", plugin->finding);
            num_failed++;
        }
    }
    return num_failed;
}

/* ---- what it is ---- */

static void describe(const xg_loader *loader)
{
    uint64_t unknown = loader->auth.features & ~XG_FEATURE_SESSIONS;
    bool has_sessions = (loader->auth.features & XG_FEATURE_SESSIONS) != 0;
    printf("interface:  " XG_IFACE_AUTH "\n");
    printf("version:    %u.%u negotiated, %u.%u is the newest it has\n", loader->abi >> 16, loader->abi & 0xffffu,
           loader->abi_have >> 16, loader->abi_have & 0xffffu);
    printf("table:      %u bytes, %zu in this program's header\n", loader->table_size, sizeof(xg_auth));
    printf("features:   %s", has_sessions ? "sessions" : unknown == 0 ? "none" : "");
    if (unknown != 0) {
        printf("%sunknown bits 0x%llx", has_sessions ? ", " : "", (unsigned long long)unknown);
    }
    printf("\nstats:      ");
    if (loader->stats_have == 0) {
        printf("not offered\n\n");
    } else {
        printf(XG_IFACE_STATS " %u.%u%s\n\n", loader->stats_have >> 16, loader->stats_have & 0xffffu,
               loader->stats.read == NULL ? ", not usable" : "");
    }
}

static bool load(const char *path, const char *sha256, subject *plugin)
{
    const xg_loader_options options = {.sha256 = sha256, .resolve_path = true};
    char err[XG_LOADER_ERROR_SIZE];
    if (!xg_loader_open(path, &options, &plugin->loader, err, sizeof(err))) {
        (void)fprintf(stderr, "xg-plugin-check: %s\n", err);
        return false;
    }
    void *symbol = dlsym(plugin->loader.handle, "xdsgate_plugin_query");
    if (symbol == NULL) {
        (void)fprintf(stderr, "xg-plugin-check: '%s' has lost its xdsgate_plugin_query; load it again\n", path);
        return false;
    }
    memcpy(&plugin->query, &symbol, sizeof(plugin->query)); /* ISO C has no cast from object to function pointer */
    return true;
}

static const char USAGE[] =
    "usage: xg-plugin-check [--sha256 HEX] FILE.so\n"
    "Loads an xdsgate plugin as a host does and checks the part of its contract that needs no keys (ABI.md).\n"
    "  --sha256 HEX   64 hexadecimal digits that the file must have\n"
    "Exit code: 0 every check holds, 1 one does not, 2 usage, 3 the file cannot be loaded as a plugin.\n";

int main(int argc, char **argv)
{
    static subject plugin;
    const char *sha256 = NULL;
    int at = 1;
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        (void)fputs(USAGE, stdout);
        return 0;
    }
    if (argc == 4 && strcmp(argv[1], "--sha256") == 0) {
        sha256 = argv[2];
        at = 3;
    }
    if (argc != at + 1 || argv[at][0] == '-') {
        (void)fputs(USAGE, stderr);
        return 2;
    }
    if (!load(argv[at], sha256, &plugin)) {
        return 3;
    }
    describe(&plugin.loader);
    size_t num_checks = NUM_CHECKS;
    size_t num_failed = run_checks(&plugin, CHECKS, NUM_CHECKS);
    if (plugin.loader.stats_have != 0) {
        num_checks += NUM_STATS_CHECKS;
        num_failed += run_checks(&plugin, STATS_CHECKS, NUM_STATS_CHECKS);
    }
    printf("\n%zu checks, %zu failed\n", num_checks, num_failed);
    xg_loader_close(&plugin.loader);
    return num_failed == 0 ? 0 : 1;
}
