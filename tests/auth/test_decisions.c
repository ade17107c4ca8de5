/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_decisions.c: runs the decision vectors (*.txt beside this file) through the loaded plugin.
 *
 * Owns the little format of the vectors, described at the head of decisions.txt. Every case is one request that differs
 * from the admitted one by what it states; the expected reason is compared by name, and a denial must be complete. What
 * is admitted must also verify with libjwt, the independent oracle.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jwt.h>

#include "../fixture.h"
#include "xdsgate/base.h"
#include "xdsgate_loader.h"

#define LINE_MAX_LEN 16384
#define TAGS_MAX     300

typedef struct vector {
    char *title;
    char *kind;
    char *key;
    char *config;
    char *header;
    char *claims;
    char *claims_escaped;
    char *credential;
    char *mesh;
    char *name;
    char *node_id;
    char *zone;
    char *flags;
    char *session;
    char *now;
    char *entry;
    char *file;
    char *expect;
    char *binding;
    char *warnings;
    char *text;
    char *tags[TAGS_MAX];
    size_t num_tags;
    char *labels[TAGS_MAX];
    size_t num_labels;
    bool has_own_tags;
    bool has_own_labels;
} vector;

static const xg_auth *plugin;
static xg_loader loader;
static fixture store;

/* ---- the format ---- */

static char **slot_of(vector *v, const char *key)
{
    const struct {
        const char *key;
        char **slot;
    } slots[] = {
        {"kind", &v->kind},
        {"key", &v->key},
        {"config", &v->config},
        {"header", &v->header},
        {"claims", &v->claims},
        {"claims_escaped", &v->claims_escaped},
        {"credential", &v->credential},
        {"mesh", &v->mesh},
        {"name", &v->name},
        {"node_id", &v->node_id},
        {"zone", &v->zone},
        {"flags", &v->flags},
        {"session", &v->session},
        {"now", &v->now},
        {"entry", &v->entry},
        {"file", &v->file},
        {"expect", &v->expect},
        {"binding", &v->binding},
        {"warnings", &v->warnings},
        {"text", &v->text},
    };
    for (size_t i = 0; i < XG_ARRAY_LEN(slots); i++) {
        if (strcmp(slots[i].key, key) == 0) {
            return slots[i].slot;
        }
    }
    fail_msg("unknown key in vector: %s", key);
    return NULL;
}

static void add_line(vector *v, char *line)
{
    char *equals = strstr(line, " =");
    assert_non_null(equals);
    *equals = '\0';
    const char *value = equals[2] == ' ' ? equals + 3 : equals + 2;
    if (strcmp(line, "tag") == 0 || strcmp(line, "label") == 0) {
        bool is_tag = line[0] == 't';
        *(is_tag ? &v->has_own_tags : &v->has_own_labels) = true;
        if (value[0] != '\0') {
            *(is_tag ? &v->tags[v->num_tags++] : &v->labels[v->num_labels++]) = strdup(value);
        }
        return;
    }
    char **slot = slot_of(v, line);
    assert_null(*slot);
    *slot = strdup(value);
}

/* \n \r \t \\ and \xNN become bytes. Returns the length. */
static size_t unescape(char *text)
{
    char *out = text;
    for (const char *in = text; *in != '\0';) {
        if (*in != '\\') {
            *out++ = *in++;
            continue;
        }
        switch (in[1]) {
        case 'n':
            *out++ = '\n';
            break;
        case 'r':
            *out++ = '\r';
            break;
        case 't':
            *out++ = '\t';
            break;
        case 'x': {
            char hex[3] = {in[2], in[3], '\0'};
            *out++ = (char)strtoul(hex, NULL, 16);
            in += 2;
            break;
        }
        default:
            *out++ = in[1];
            break;
        }
        in += 2;
    }
    *out = '\0';
    return (size_t)(out - text);
}

/* ---- making the request ---- */

static fixture_key key_of(const char *key)
{
    if (key == NULL || strcmp(key, "m1") == 0) {
        return FIXTURE_KEY_M1;
    }
    return strcmp(key, "m2") == 0 ? FIXTURE_KEY_M2 : FIXTURE_KEY_ZONE;
}

static char *make_token(vector *v, bool is_zone)
{
    static const char DATAPLANE[] = "{\"Name\":\"web-1\",\"Mesh\":\"m1\",\"Tags\":{\"kuma.io/"
                                    "service\":[\"web\"]},\"Type\":\"\",\"Workload\":\"web\","
                                    "\"exp\":1800003600,\"nbf\":1799999995,\"iat\":1799999995,\"jti\":\"j-1\"}";
    static const char ZONE[] = "{\"Zone\":\"east\",\"Scope\":[\"ingress\"],\"exp\":1800003600,\"nbf\":1799999995,"
                               "\"iat\":1799999995,\"jti\":\"j-2\"}";
    const char *header = v->header != NULL ? v->header : "{\"alg\":\"RS256\",\"kid\":\"1\",\"typ\":\"JWT\"}";
    const char *claims = v->claims != NULL ? v->claims : is_zone ? ZONE : DATAPLANE;
    size_t len = strlen(claims);
    if (v->claims_escaped != NULL) {
        len = unescape(v->claims_escaped);
        claims = v->claims_escaped;
    }
    return fixture_sign(v->key == NULL && is_zone ? FIXTURE_KEY_ZONE : key_of(v->key), header, claims, len);
}

/* The credential: the token, or the template with its placeholders filled in. */
static char *make_credential(vector *v, const char *token, size_t *ret_len)
{
    if (v->credential == NULL) {
        *ret_len = strlen(token);
        return strdup(token);
    }
    char *out = calloc(1, 3 * LINE_MAX_LEN);
    assert_non_null(out);
    size_t template_len = unescape(v->credential);
    const char *first = strchr(token, '.');
    const char *second = strchr(first + 1, '.');
    size_t len = 0;
    for (size_t i = 0; i < template_len;) {
        const char *rest = v->credential + i;
        const char *piece = NULL;
        size_t piece_len = 0, step = 3;
        if (strncmp(rest, "{t}", 3) == 0) {
            piece = token;
            piece_len = strlen(token);
        } else if (strncmp(rest, "{h}", 3) == 0) {
            piece = token;
            piece_len = (size_t)(first - token);
        } else if (strncmp(rest, "{p}", 3) == 0) {
            piece = first + 1;
            piece_len = (size_t)(second - first - 1);
        } else if (strncmp(rest, "{s}", 3) == 0) {
            piece = second + 1;
            piece_len = strlen(piece);
        } else if (strncmp(rest, "{s*}", 4) == 0) { /* the same signature bytes, other unused bits */
            piece = second + 1;
            piece_len = strlen(piece);
            step = 4;
        } else if (strncmp(rest, "{A*", 3) == 0) { /* {A*N}: N times the letter A */
            char *end;
            piece_len = strtoul(rest + 3, &end, 10);
            memset(out + len, 'A', piece_len);
            len += piece_len;
            i += (size_t)(end - rest) + 1;
            continue;
        } else {
            out[len++] = *rest;
            i++;
            continue;
        }
        memcpy(out + len, piece, piece_len);
        len += piece_len;
        if (step == 4) {
            out[len - 1] = (char)(out[len - 1] + 1); /* A, Q, g or w: the next letter has one more bit */
        }
        i += step;
    }
    *ret_len = len;
    return out;
}

static size_t make_tags(char *const *texts, size_t num, xg_tag *tags)
{
    for (size_t i = 0; i < num; i++) {
        char *equals = strchr(texts[i], '=');
        assert_non_null(equals);
        tags[i] = (xg_tag){{texts[i], (size_t)(equals - texts[i])}, fixture_str(equals + 1)};
    }
    return num;
}

static void fill_request(vector *v, xg_request *request, xg_tag *tags, xg_tag *labels)
{
    if (v->mesh != NULL) {
        request->mesh = (xg_str){v->mesh, unescape(v->mesh)};
    }
    if (v->name != NULL) {
        request->name = (xg_str){v->name, unescape(v->name)};
    }
    if (v->node_id != NULL) {
        request->node_id = fixture_str(v->node_id);
    }
    if (v->zone != NULL) {
        request->zone = fixture_str(v->zone);
    }
    if (v->flags != NULL) {
        request->flags = (uint32_t)strtoul(v->flags, NULL, 0);
    }
    if (v->session != NULL) {
        request->session = strtoull(v->session, NULL, 0);
    }
    if (v->has_own_tags) {
        request->num_tags = make_tags(v->tags, v->num_tags, tags);
        request->tags = tags;
    }
    if (v->has_own_labels) {
        request->num_labels = make_tags(v->labels, v->num_labels, labels);
        request->labels = labels;
    }
}

/* ---- judging ---- */

static void check_number(const vector *v, const char *what, const char *expected, uint32_t found)
{
    if (expected != NULL && (uint32_t)strtoul(expected, NULL, 0) != found) {
        fail_msg("[%s] expected %s %s, got %u", v->title, what, expected, found);
    }
}

/* Before the signature held, a kid is the peer's invention, and is not shown. 12x is a verified token's bad claims. */
static bool is_before_signature(uint32_t reason)
{
    return reason != XG_REASON_OK && reason < XG_REASON_EXPIRED && reason / 10 != 12;
}

static void check_decision(const vector *v, uint32_t returned, const xg_decision *d)
{
    const char *reason = xg_reason_find(d->reason)->name;
    bool is_allowed = strcmp(v->expect, "ok") == 0;
    if (strcmp(reason, v->expect) != 0) {
        fail_msg("[%s] expected %s, got %s: %s", v->title, v->expect, reason, d->text);
    }
    assert_int_equal(returned, is_allowed ? 1 : 0);
    assert_int_equal(d->outcome, is_allowed ? XG_OUTCOME_ALLOWED : XG_OUTCOME_DENIED);
    assert_int_equal(d->grpc_status, xg_reason_find(d->reason)->grpc_status);
    assert_int_equal(d->text_len, strlen(d->text));
    assert_true(d->text_len > 0);
    if (!is_allowed) {
        assert_int_equal(d->not_after, 0);
        assert_int_equal(d->warnings, 0);
    }
    assert_true(d->kid_len == 0 || !is_before_signature(d->reason));
    check_number(v, "binding", v->binding, d->failed_binding);
    check_number(v, "warnings", v->warnings, d->warnings);
    if (v->text != NULL && strstr(d->text, v->text) == NULL) {
        fail_msg("[%s] expected the text to contain <%s>, got <%s>", v->title, v->text, d->text);
    }
}

static void write_extra_file(vector *v)
{
    char *colon = strchr(v->file, ':');
    if (colon == NULL) {
        fail_msg("[%s] file without a colon", v->title);
    }
    *colon = '\0';
    size_t len = unescape(colon + 1);
    fixture_write(&store, v->file, colon + 1, len);
}

static xg_ctx *create(const vector *v)
{
    char err[512];
    char *config = fixture_config(&store, v->config != NULL ? v->config : "");
    xg_host host = fixture_host(plugin->abi);
    xg_ctx *ctx = plugin->create(&host, fixture_str(config), err, sizeof(err));
    if (ctx == NULL) {
        fail_msg("[%s] create: %s", v->title, err);
    }
    free(config);
    return ctx;
}

static xg_request make_request(const vector *v, bool is_zone)
{
    xg_request request = is_zone ? fixture_zone_request("") : fixture_dataplane_request("");
    if (is_zone && strcmp(v->kind, "zone-egress") == 0) {
        request.kind = XG_KIND_ZONE_EGRESS;
    } else if (v->kind != NULL && v->kind[0] >= '0' && v->kind[0] <= '9') {
        request.kind = (uint32_t)strtoul(v->kind, NULL, 0);
    }
    return request;
}

/* Asks twice: same input, same answer. */
static void ask(const vector *v, xg_ctx *ctx, const xg_request *request)
{
    xg_decision first = {.struct_size = sizeof(first)}, again = {.struct_size = sizeof(again)};
    uint32_t (*entry)(xg_ctx *, const xg_request *, xg_decision *) = plugin->authenticate;
    if (v->entry != NULL) {
        entry = strcmp(v->entry, "dataplane") == 0 ? plugin->auth_dataplane : plugin->auth_zone_entity;
    }
    check_decision(v, entry(ctx, request, &first), &first);
    check_decision(v, entry(ctx, request, &again), &again);
    assert_memory_equal(&first, &again, sizeof(first));
}

/* libjwt is the more lenient one: what is admitted here, it must verify too. Returns whether it does. */
static bool libjwt_verifies(const vector *v, const char *credential, bool is_zone)
{
    const char *pem = fixture_public_pem(v->key == NULL && is_zone ? FIXTURE_KEY_ZONE : key_of(v->key));
    jwt_t *jwt = NULL;
    bool is_good = jwt_decode(&jwt, credential, (const unsigned char *)pem, (int)strlen(pem)) == 0 &&
                   jwt_get_alg(jwt) == JWT_ALG_RS256;
    jwt_free(jwt);
    return is_good;
}

static void run_vector(vector *v)
{
    xg_tag tags[TAGS_MAX], labels[TAGS_MAX];
    bool is_zone = v->kind != NULL && strncmp(v->kind, "zone", 4) == 0;
    size_t credential_len;

    assert_non_null(v->expect);
    fixture_set_now(v->now != NULL ? strtoll(v->now, NULL, 10) : FIXTURE_NOW);
    if (v->file != NULL) {
        write_extra_file(v);
    }
    xg_ctx *ctx = create(v);
    char *token = make_token(v, is_zone);
    char *credential = make_credential(v, token, &credential_len);
    xg_request request = make_request(v, is_zone);
    request.credential = (xg_str){credential, credential_len};
    fill_request(v, &request, tags, labels);
    ask(v, ctx, &request);
    if (strcmp(v->expect, "ok") == 0 && !libjwt_verifies(v, credential, is_zone)) {
        fail_msg("[%s] admitted, but libjwt does not verify it", v->title);
    }
    assert_int_equal(plugin->destroy(ctx), XG_REASON_OK);
    if (v->file != NULL) {
        fixture_remove(&store, v->file);
    }
    free(token);
    free(credential);
}

static void free_vector(vector *v)
{
    char **const single[] = {&v->title,          &v->kind,       &v->key,  &v->config, &v->header,  &v->claims,
                             &v->claims_escaped, &v->credential, &v->mesh, &v->name,   &v->node_id, &v->zone,
                             &v->flags,          &v->session,    &v->now,  &v->entry,  &v->file,    &v->expect,
                             &v->binding,        &v->warnings,   &v->text};
    for (size_t i = 0; i < XG_ARRAY_LEN(single); i++) {
        free(*single[i]);
    }
    for (size_t i = 0; i < v->num_tags; i++) {
        free(v->tags[i]);
    }
    for (size_t i = 0; i < v->num_labels; i++) {
        free(v->labels[i]);
    }
    memset(v, 0, sizeof(*v));
}

/* After a failed test the next file starts from a store of its own. */
static int fresh_store(void **state)
{
    (void)state;
    fixture_init(&store);
    return 0;
}

static int remove_store(void **state)
{
    (void)state;
    fixture_done(&store);
    return 0;
}

static void run_file(const char *name, size_t min_cases)
{
    static char line[LINE_MAX_LEN];
    char path[512];
    static vector v;
    size_t num_cases = 0;
    const char *folder = getenv("XG_TESTS");
    assert_non_null(folder);
    (void)snprintf(path, sizeof(path), "%s/auth/%s", folder, name);
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    while (fgets(line, sizeof(line), in) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '#' || line[0] == '\0') {
            continue;
        }
        if (line[0] != '[') {
            add_line(&v, line);
            continue;
        }
        if (v.title != NULL) {
            run_vector(&v);
            free_vector(&v);
        }
        num_cases++;
        v.title = strndup(line + 1, strlen(line) - 2);
    }
    run_vector(&v);
    free_vector(&v);
    (void)fclose(in);
    print_message("%s: %zu cases\n", name, num_cases);
    assert_true(num_cases >= min_cases); /* a truncated file is no success */
}

static void test_every_row_of_the_decision_admits_and_refuses_as_written(void **state)
{
    (void)state;
    run_file("decisions.txt", 100);
}

static void test_malformed_and_hostile_tokens_are_refused_in_every_profile(void **state)
{
    (void)state;
    run_file("hostile.txt", 100);
}

static void test_each_profile_gives_the_verdict_of_its_kuma_version(void **state)
{
    (void)state;
    run_file("kuma.txt", 40);
}

/* T9: what has expired once stays expired in this context; a token that is not yet valid waits for the real clock. */
static void test_a_clock_that_steps_back_revives_no_token(void **state)
{
    static const struct {
        int64_t now;
        uint32_t reason;
    } STEPS[] = {
        {FIXTURE_NOW, XG_REASON_OK},
        {FIXTURE_NOW + 3600, XG_REASON_EXPIRED},
        {FIXTURE_NOW + 3599, XG_REASON_EXPIRED},
        {FIXTURE_NOW, XG_REASON_EXPIRED},
        {FIXTURE_NOW - 6, XG_REASON_EXPIRED},
    };
    (void)state;
    char err[512];
    char *config = fixture_config(&store, "");
    char *token = fixture_dataplane_token("t9");
    xg_host host = fixture_host(plugin->abi);
    fixture_set_now(FIXTURE_NOW);
    xg_ctx *ctx = plugin->create(&host, fixture_str(config), err, sizeof(err));
    assert_non_null(ctx);
    xg_request request = fixture_dataplane_request(token);
    for (size_t i = 0; i < XG_ARRAY_LEN(STEPS); i++) {
        xg_decision d = {.struct_size = sizeof(d)};
        fixture_set_now(STEPS[i].now);
        assert_int_equal(plugin->authenticate(ctx, &request, &d), STEPS[i].reason == XG_REASON_OK ? 1 : 0);
        assert_int_equal(d.reason, STEPS[i].reason);
    }
    fixture_set_now(FIXTURE_NOW);
    assert_int_equal(plugin->destroy(ctx), XG_REASON_OK);
    free(config);
    free(token);
}

static int open_plugin(void **state)
{
    (void)state;
    char err[512];
    const char *path = getenv("XG_PLUGIN");
    (void)snprintf(err, sizeof(err), "XG_PLUGIN is not set");
    const xg_loader_options options = {.resolve_path = true};
    if (path == NULL || !xg_loader_open(path, &options, &loader, err, sizeof(err))) {
        print_error("cannot load the plugin: %s\n", err);
        return -1;
    }
    plugin = &loader.auth;
    return 0;
}

static int close_plugin(void **state)
{
    (void)state;
    xg_loader_close(&loader);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_row_of_the_decision_admits_and_refuses_as_written, fresh_store,
                                        remove_store),
        cmocka_unit_test_setup_teardown(test_malformed_and_hostile_tokens_are_refused_in_every_profile, fresh_store,
                                        remove_store),
        cmocka_unit_test_setup_teardown(test_each_profile_gives_the_verdict_of_its_kuma_version, fresh_store,
                                        remove_store),
        cmocka_unit_test_setup_teardown(test_a_clock_that_steps_back_revives_no_token, fresh_store, remove_store),
    };
    return cmocka_run_group_tests_name("decisions", tests, open_plugin, close_plugin);
}
