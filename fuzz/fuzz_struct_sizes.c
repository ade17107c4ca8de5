/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_struct_sizes.c: every size that a host, older or newer than the plugin, may declare. Input: eight bytes that
 * choose the entry point, the sizes and some fields (fuzz_choice), then bytes for the parts of a structure that this
 * version does not know. Structures end at a page that must not be touched. Not thread-safe.
 *
 * Targets: xdsgate_plugin_query, xg_context_create, xg_context_destroy, xg_adapter_authenticate,
 * xg_adapter_auth_dataplane, xg_adapter_auth_zone_entity, xg_adapter_workload_for_scope.
 * Properties (ABI.md, A3 to A5): nothing beyond a declared size is read or written; what is too small is denied, and
 * otherwise the size does not change the answer; the return value is 1 if and only if the outcome is; reserved fields
 * are ignored.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"

#define AREA         8192 /* bytes before the guard page */
#define DECISION_MIN (offsetof(xg_decision, reason) + sizeof(uint32_t))
#define CANARY       0xA5

typedef struct fuzz_choice {
    uint8_t entry;
    uint8_t kind;
    uint8_t flags;
    uint8_t reserved;
    uint16_t in_size;
    uint16_t out_size;
} fuzz_choice;

static const xg_auth *table;
static xg_ctx *context;
static char store[64] = "/tmp/xdsgate-fuzz-XXXXXX";
static char config[256];
static char *dataplane_token;
static char *zone_token;

/* ---- memory that ends at a guard page ---- */

/* Place 0 or 1: `size` bytes, aligned, so that at most seven slack bytes, filled with CANARY, follow before the
 * guard. */
static uint8_t *guarded(int place, size_t size)
{
    static uint8_t *areas[2];
    if (areas[place] == NULL) {
        void *map = mmap(NULL, AREA + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        FUZZ_REQUIRE(map != MAP_FAILED && mprotect((uint8_t *)map + AREA, 4096, PROT_NONE) == 0, "harness: guard");
        areas[place] = map;
    }
    memset(areas[place], CANARY, AREA);
    return areas[place] + AREA - (size + 7) / 8 * 8;
}

static bool is_canary(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != CANARY) {
            return false;
        }
    }
    return true;
}

/* A structure of `known` bytes as a peer that declares `size` would lay it out; the rest comes from the tail. */
static void *lay_out(int place, const void *source, size_t known, size_t size, xg_str tail)
{
    uint8_t *bytes = guarded(place, size);
    memcpy(bytes, source, size < known ? size : known);
    if (size > known && tail.len > 0) {
        memcpy(bytes + known, tail.ptr, size - known < tail.len ? size - known : tail.len);
    }
    return bytes;
}

/* ---- the world ---- */

static int64_t now(uintptr_t cookie)
{
    (void)cookie;
    return FUZZ_NOW;
}

static void tear_down(void)
{
    static const char *const paths[] = {"/meshes/payments-mesh/keys/1.pem",
                                        "/zone/keys/1.pem",
                                        "/meshes/payments-mesh/keys",
                                        "/meshes/payments-mesh",
                                        "/meshes",
                                        "/zone/keys",
                                        "/zone",
                                        ""};
    for (size_t i = 0; i < XG_ARRAY_LEN(paths); i++) {
        char path[128];
        (void)snprintf(path, sizeof path, "%s%s", store, paths[i]);
        (void)remove(path);
    }
    (void)table->destroy(context);
}

static void write_key(const char *folder, fuzz_role role)
{
    char path[128];
    int len = snprintf(path, sizeof path, "%s%s", store, folder);
    for (char *slash = path + strlen(store) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        (void)mkdir(path, 0700);
        *slash = '/';
    }
    FUZZ_REQUIRE(mkdir(path, 0700) == 0, "harness: folder");
    (void)snprintf(path + len, sizeof path - (size_t)len, "/1.pem");
    FILE *file = fopen(path, "we");
    xg_str pem = fuzz_public_pem(role);
    FUZZ_REQUIRE(file != NULL && fwrite(pem.ptr, 1, pem.len, file) == pem.len && fclose(file) == 0, "harness: key");
}

static xg_host make_host(void)
{
    return (xg_host){.struct_size = sizeof(xg_host), .abi = XG_ABI_CURRENT, .now = now};
}

static void set_up(void)
{
    char err[256] = "";
    size_t len = 0;
    FUZZ_REQUIRE(mkdtemp(store) != NULL && atexit(tear_down) == 0, "harness: store");
    write_key("/meshes/payments-mesh/keys", FUZZ_MESH);
    write_key("/zone/keys", FUZZ_ZONE);
    (void)snprintf(config, sizeof config, "{\"store\":\"%s\",\"zone\":\"east\"}", store);
    xg_str header = XG_STR("{\"alg\":\"RS256\",\"kid\":\"1\",\"typ\":\"JWT\"}");
    dataplane_token = fuzz_sign(FUZZ_MESH, header,
                                XG_STR("{\"Name\":\"dp-1\",\"Mesh\":\"payments-mesh\",\"Tags\":{},\"Type\":\"\","
                                       "\"Workload\":\"w\",\"exp\":1767326645,\"jti\":\"id-1\"}"),
                                &len);
    zone_token =
        fuzz_sign(FUZZ_ZONE, header,
                  XG_STR("{\"Zone\":\"east\",\"Scope\":[\"ingress\"],\"exp\":1767326645,\"jti\":\"id-2\"}"), &len);
    table = xdsgate_plugin_query(XG_IFACE_AUTH, XG_ABI_CURRENT, XG_ABI_CURRENT, NULL);
    FUZZ_REQUIRE(table != NULL, "harness: table");
    xg_host host = make_host();
    context = table->create(&host, xg_str_of(config), err, sizeof err);
    if (context == NULL) {
        (void)fprintf(stderr, "create: %s\n", err);
    }
    FUZZ_REQUIRE(context != NULL, "harness: context");
}

/* ---- the entry points ---- */

static bool is_served(const fuzz_choice *choice, bool is_zone)
{
    bool has_kind = is_zone ? choice->kind == XG_KIND_ZONE_INGRESS : choice->kind == XG_KIND_DATAPLANE;
    unsigned highest_flag = is_zone ? 0 : XG_FLAG_IDENTITY_FROM_WORKLOAD; /* which no zone token can meet */
    return has_kind && choice->flags <= highest_flag && choice->in_size >= sizeof(xg_request) &&
           choice->out_size >= DECISION_MIN;
}

static void check_decision(const fuzz_choice *choice, const uint8_t *bytes, uint32_t returned, bool is_expected)
{
    xg_decision decision = {0};
    size_t size = choice->out_size;
    size_t rounded = (size + 7) / 8 * 8;
    memcpy(&decision, bytes, size < sizeof decision ? size : sizeof decision);
    FUZZ_REQUIRE(returned <= 1, "returns 0 or 1");
    FUZZ_REQUIRE(size < DECISION_MIN || decision.struct_size == size, "struct_size is left alone");
    FUZZ_REQUIRE(size < DECISION_MIN || (returned == 1) == (decision.outcome == XG_OUTCOME_ALLOWED),
                 "returns 1 if and only if the outcome is 1");
    FUZZ_REQUIRE((returned == 1) == is_expected, "no size changes the answer");
    FUZZ_REQUIRE(is_canary(bytes + size, rounded - size), "nothing behind the structure is written");
    FUZZ_REQUIRE(is_canary(bytes + rounded - AREA, AREA - rounded), "nothing before the structure is written");
}

static void call_authenticate(const fuzz_choice *choice, xg_str tail)
{
    const xg_tag label = {XG_STR("kuma.io/workload"), XG_STR("w")};
    bool is_zone = choice->entry % 8 == 2 || (choice->entry % 8 == 0 && choice->kind != XG_KIND_DATAPLANE);
    const xg_request request = {
        .struct_size = choice->in_size,
        .kind = choice->kind,
        .flags = choice->flags,
        .reserved = choice->reserved,
        .credential = xg_str_of(is_zone ? zone_token : dataplane_token),
        .mesh = XG_STR("payments-mesh"),
        .name = XG_STR("dp-1"),
        .labels = &label,
        .num_labels = 1,
    };
    size_t out_size = choice->out_size;
    xg_request *in = lay_out(0, &request, sizeof request, choice->in_size < 4 ? 4 : choice->in_size, tail);
    uint8_t *out = guarded(1, out_size < 4 ? 4 : out_size);
    uint32_t out_struct_size = choice->out_size;
    memcpy(in, &request.struct_size, sizeof request.struct_size);
    memcpy(out, &out_struct_size, sizeof out_struct_size);

    uint32_t returned = 0;
    switch (choice->entry % 8) {
    case 1:
        returned = table->auth_dataplane(context, in, (xg_decision *)(void *)out);
        break;
    case 2:
        returned = table->auth_zone_entity(context, in, (xg_decision *)(void *)out);
        break;
    default:
        returned = table->authenticate(context, in, (xg_decision *)(void *)out);
        break;
    }
    if (out_size < 4) { /* too small to hold its own size: the four bytes are ours */
        FUZZ_REQUIRE(returned == 0 && memcmp(out, &out_struct_size, 4) == 0 && is_canary(out + 4, 4),
                     "denied, untouched");
        return;
    }
    check_decision(choice, out, returned, is_served(choice, is_zone));
}

static void call_create(const fuzz_choice *choice, xg_str tail)
{
    const size_t err_max = 256;
    xg_host host = make_host();
    size_t size = choice->in_size < 4 ? 4 : choice->in_size;
    host.struct_size = choice->in_size;
    xg_host *in = lay_out(0, &host, sizeof host, size, tail);
    memcpy(in, &host.struct_size, sizeof host.struct_size);
    size_t err_cap = choice->out_size < err_max ? choice->out_size : err_max;
    uint8_t *err_bytes = guarded(1, err_cap);
    xg_ctx *made = table->create(in, xg_str_of(config), (char *)err_bytes, err_cap);
    FUZZ_REQUIRE((made != NULL) == (choice->in_size >= sizeof(xg_host)), "create takes every size from 1.0 on");
    FUZZ_REQUIRE(made != NULL || err_cap == 0 || memchr(err_bytes, '\0', err_cap) != NULL, "the error is terminated");
    FUZZ_REQUIRE(made == NULL || table->destroy(made) == XG_REASON_OK, "destroy");
}

static void call_workload(const fuzz_choice *choice, xg_str tail)
{
    size_t cap = choice->out_size;
    uint8_t *out = guarded(1, cap);
    uint32_t reason = table->workload_for_scope(tail, choice->kind, (char *)out, cap);
    FUZZ_REQUIRE(is_canary(out + cap, (cap + 7) / 8 * 8 - cap), "nothing behind the buffer is written");
    FUZZ_REQUIRE(cap == 0 || memchr(out, '\0', cap) != NULL, "the workload is terminated");
    if (reason == XG_REASON_OK) {
        static const char *const roles[] = {"", "-ingress", "-egress", "-all"};
        char expected[128];
        FUZZ_REQUIRE(choice->kind >= 1 && choice->kind <= 3 && tail.len <= 48,
                     "scope and mesh are within their limits");
        int len = snprintf(expected, sizeof expected, "zone-proxy-%.*s%s", (int)(tail.len < 64 ? tail.len : 64),
                           tail.ptr, roles[choice->kind]);
        FUZZ_REQUIRE(len <= 63 && strcmp(expected, (const char *)out) == 0, "the workload is that of the scope");
    } else {
        FUZZ_REQUIRE(cap == 0 || out[0] == '\0', "no workload on failure");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_choice choice;
    if (table == NULL) {
        set_up();
    }
    if (size < sizeof choice) {
        return 0;
    }
    memcpy(&choice, data, sizeof choice);
    /* Every range of versions that a host may ask for: the table, or nothing, and always the plugin's own version. */
    uint32_t have = 0;
    const void *answer = xdsgate_plugin_query(XG_IFACE_AUTH, XG_ABI(choice.kind, choice.flags),
                                              XG_ABI(choice.entry, choice.reserved), &have);
    bool is_in_range =
        XG_ABI(choice.kind, choice.flags) <= XG_ABI_CURRENT && XG_ABI_CURRENT <= XG_ABI(choice.entry, choice.reserved);
    FUZZ_REQUIRE(answer == (is_in_range ? table : NULL) && have == XG_ABI_CURRENT, "the table, if in range");
    choice.in_size %= 4097;
    choice.out_size %= 4097;
    xg_str tail = {(const char *)data + sizeof choice, size - sizeof choice};
    if (choice.entry % 8 == 3) {
        call_workload(&choice, tail);
    } else if (choice.entry % 8 == 4) {
        call_create(&choice, tail);
    } else {
        call_authenticate(&choice, tail);
    }
    return 0;
}
