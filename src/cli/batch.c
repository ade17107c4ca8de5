/* SPDX-License-Identifier: Apache-2.0 */
/*
 * batch.c: `xdsgate try --batch`: one question per line of JSON, one decision per line of JSON.
 *
 * Line n of the output answers line n of the input, also when that is malformed. Must never stop before the end of the
 * input. Lines hold credentials: they are wiped when done. One thread.
 */
#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <sodium.h>

#include "cli.h"

#define LINE_MAX_BYTES   (4u << 20)
#define ERROR_SIZE       256
#define CREDENTIAL_BYTES 65536

typedef struct batch {
    const xg_gate *gate;
    xg_proxy proxy;
    uint8_t *credential; /* CREDENTIAL_BYTES of room */
    size_t num_lines;
    bool has_malformed;
    bool is_eager; /* somebody waits for each answer */
    char error[ERROR_SIZE];
} batch;

XG_PRINTF(2, 3)
static bool refuse(batch *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (vsnprintf(b->error, sizeof(b->error), format, args) < 0) {
        b->error[0] = '\0';
    }
    va_end(args);
    return false;
}

typedef enum place {
    PLACE_KIND,
    PLACE_MESH,
    PLACE_NAME,
    PLACE_ZONE,
    PLACE_NODE_ID,
    PLACE_LABELS,
    PLACE_TAGS,
    PLACE_IDENTITY,
    PLACE_CREDENTIAL,
    PLACE_CREDENTIAL_BASE64
} place;

static const char *const MEMBERS[] = {
    [PLACE_KIND] = "kind",
    [PLACE_MESH] = "mesh",
    [PLACE_NAME] = "name",
    [PLACE_ZONE] = "zone",
    [PLACE_NODE_ID] = "node_id",
    [PLACE_LABELS] = "labels",
    [PLACE_TAGS] = "tags",
    [PLACE_IDENTITY] = "identity_from_workload",
    [PLACE_CREDENTIAL] = "credential",
    [PLACE_CREDENTIAL_BASE64] = "credential_base64",
};

static xg_str *text_of(xg_request *request, place at)
{
    switch (at) {
    case PLACE_MESH:
        return &request->mesh;
    case PLACE_NAME:
        return &request->name;
    case PLACE_ZONE:
        return &request->zone;
    case PLACE_NODE_ID:
        return &request->node_id;
    case PLACE_CREDENTIAL:
        return &request->credential;
    case PLACE_KIND:
    case PLACE_LABELS:
    case PLACE_TAGS:
    case PLACE_IDENTITY:
    case PLACE_CREDENTIAL_BASE64:
    default:
        return NULL;
    }
}

/* The bytes of a JSON string; an empty slice for any other value. */
static xg_str string_of(const json_t *value)
{
    return (xg_str){json_string_value(value), json_string_length(value)};
}

static bool read_kind(batch *b, const json_t *value)
{
    xg_str kind = string_of(value);
    if (!json_is_string(value) || (kind.len > 0 && !xg_proxy_kind(kind, &b->proxy.request.kind))) {
        return refuse(b, "member 'kind' must be \"dataplane\", \"zone-ingress\" or \"zone-egress\"");
    }
    return true;
}

static bool add_pair(batch *b, xg_proxy_tags *tags, const char *member, xg_str key, const json_t *value)
{
    if (!json_is_string(value)) {
        return refuse(b, "values in member '%s' must be strings", member);
    }
    return xg_proxy_add(tags, key, string_of(value)) || refuse(b, "member '%s' holds too much", member);
}

static bool read_labels(batch *b, json_t *value)
{
    const char *key = NULL;
    size_t key_len = 0;
    json_t *label = NULL;
    if (!json_is_object(value)) {
        return refuse(b, "member 'labels' must be an object of strings");
    }
    json_object_keylen_foreach(value, key, key_len, label)
    {
        if (!add_pair(b, &b->proxy.labels, "labels", (xg_str){key, key_len}, label)) {
            return false;
        }
    }
    return true;
}

static bool read_tags(batch *b, json_t *value)
{
    const char *key = NULL;
    size_t key_len = 0;
    json_t *values = NULL;
    if (!json_is_object(value)) {
        return refuse(b, "member 'tags' must be an object of lists of strings");
    }
    json_object_keylen_foreach(value, key, key_len, values)
    {
        if (!json_is_array(values)) {
            return refuse(b, "member 'tags' must be an object of lists of strings");
        }
        for (size_t i = 0; i < json_array_size(values); i++) {
            if (!add_pair(b, &b->proxy.tags, "tags", (xg_str){key, key_len}, json_array_get(values, i))) {
                return false;
            }
        }
    }
    return true;
}

static bool read_base64(batch *b, const json_t *value)
{
    xg_str text = string_of(value);
    size_t len = 0;
    const char *end = NULL;
    if (text.ptr == NULL ||
        sodium_base642bin(b->credential, CREDENTIAL_BYTES, text.ptr, text.len, NULL, &len, &end,
                          sodium_base64_VARIANT_ORIGINAL) != 0 ||
        end != text.ptr + text.len) {
        return refuse(b, "member 'credential_base64' must be padded standard base64 of at most %d bytes",
                      CREDENTIAL_BYTES);
    }
    b->proxy.request.credential = (xg_str){(const char *)b->credential, len};
    return true;
}

static bool read_identity(batch *b, const json_t *value)
{
    if (!json_is_boolean(value)) {
        return refuse(b, "member 'identity_from_workload' must be true or false");
    }
    b->proxy.request.flags = json_is_true(value) ? XG_FLAG_IDENTITY_FROM_WORKLOAD : 0;
    return true;
}

static bool read_text(batch *b, place at, const json_t *value)
{
    xg_str *text = text_of(&b->proxy.request, at);
    if (!json_is_string(value) || text == NULL) {
        return refuse(b, "member '%s' must be a string", MEMBERS[at]);
    }
    *text = string_of(value);
    return true;
}

static bool read_member(batch *b, place at, json_t *value)
{
    switch (at) {
    case PLACE_KIND:
        return read_kind(b, value);
    case PLACE_LABELS:
        return read_labels(b, value);
    case PLACE_TAGS:
        return read_tags(b, value);
    case PLACE_IDENTITY:
        return read_identity(b, value);
    case PLACE_CREDENTIAL_BASE64:
        return read_base64(b, value);
    case PLACE_MESH:
    case PLACE_NAME:
    case PLACE_ZONE:
    case PLACE_NODE_ID:
    case PLACE_CREDENTIAL:
    default:
        return read_text(b, at, value);
    }
}

/* A misspelt member would silently ask another question, so it is refused. */
static bool refuse_unknown(batch *b, const char *key)
{
    for (size_t i = 0; i < XG_ARRAY_LEN(MEMBERS); i++) {
        if (xg_errors_is_near(key, MEMBERS[i])) {
            return refuse(b, "unknown member '%.60s'; did you mean '%s'?", key, MEMBERS[i]);
        }
    }
    return refuse(b, "unknown member '%.60s'", key);
}

static bool find_member(const char *key, place *ret_at)
{
    for (size_t i = 0; i < XG_ARRAY_LEN(MEMBERS); i++) {
        if (strcmp(key, MEMBERS[i]) == 0) {
            *ret_at = (place)i;
            return true;
        }
    }
    return false;
}

static bool read_question(batch *b, json_t *question)
{
    const char *key = NULL;
    json_t *value = NULL;
    place at = PLACE_KIND;
    xg_proxy_clear(&b->proxy);
    b->proxy.request.kind = XG_KIND_DATAPLANE; /* unless a member says otherwise, as without --kind */
    if (!json_is_object(question)) {
        return refuse(b, "a line must be one JSON object");
    }
    if (json_object_get(question, "credential") != NULL && json_object_get(question, "credential_base64") != NULL) {
        return refuse(b, "'credential' and 'credential_base64' exclude each other");
    }
    json_object_foreach(question, key, value)
    {
        if (!find_member(key, &at)) {
            return refuse_unknown(b, key);
        }
        if (!read_member(b, at, value)) {
            return false;
        }
    }
    return true;
}

static void print_malformed(batch *b)
{
    const xg_decision refusal = {
        .outcome = XG_OUTCOME_DENIED,
        .reason = XG_REASON_REQUEST_FIELD,
        .grpc_status = xg_reason_find(XG_REASON_REQUEST_FIELD)->grpc_status,
    };
    char sentence[ERROR_SIZE + 32];
    json_t *line = xg_output_decision(&refusal);
    snprintf(sentence, sizeof(sentence), "line %zu: %s", b->num_lines, b->error);
    json_object_set_new(line, "error", json_string(sentence));
    xg_output_json(line);
    json_decref(line);
    b->has_malformed = true;
}

static void answer(batch *b, json_t *question)
{
    xg_decision decision;
    if (!read_question(b, question)) {
        print_malformed(b);
        return;
    }
    xg_gate_decide(b->gate, xg_proxy_request(&b->proxy), &decision);
    json_t *line = xg_output_decision(&decision);
    xg_output_json(line);
    json_decref(line);
}

static void answer_line(batch *b, const char *text, size_t len)
{
    json_error_t error;
    b->num_lines++;
    if (len > LINE_MAX_BYTES) {
        refuse(b, "longer than %u bytes", LINE_MAX_BYTES);
        print_malformed(b);
        return;
    }
    json_t *question = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (question == NULL) {
        refuse(b, "not JSON, at column %d: %.160s", error.column, error.text);
        print_malformed(b);
        return;
    }
    answer(b, question);
    json_decref(question);
}

static int answer_all(batch *b, FILE *input, const char *path)
{
    char *line = NULL;
    size_t cap = 0;
    errno = 0;
    for (;;) {
        ssize_t len = getline(&line, &cap, input);
        if (len < 0) {
            break;
        }
        answer_line(b, line, (size_t)len - (line[len - 1] == '\n' ? 1 : 0));
        sodium_memzero(line, (size_t)len);
        if (b->is_eager) {
            fflush(stdout);
        }
        if (ferror(stdout)) {
            break; /* nobody reads on; xg_output_finish says so */
        }
        errno = 0;
    }
    int error = ferror(input) ? errno : 0;
    free(line);
    if (error != 0) {
        return xg_errors_io("read the batch", path, error);
    }
    return XG_EXIT_OK;
}

static int run_on(const xg_gate *gate, FILE *input, const char *path)
{
    struct stat status;
    uint8_t *credential = sodium_malloc(CREDENTIAL_BYTES);
    if (credential == NULL) {
        return xg_errors_io("read the batch", path, ENOMEM);
    }
    batch b = {.gate = gate, .credential = credential};
    b.is_eager = fstat(fileno(input), &status) != 0 || !S_ISREG(status.st_mode);
    xg_proxy_init(&b.proxy);
    int code = answer_all(&b, input, path);
    if (code == XG_EXIT_OK && b.has_malformed) {
        xg_errors_summary("some lines are malformed");
        xg_errors_help("look for \"error\" in the output");
        code = XG_EXIT_USAGE;
    }
    xg_proxy_done(&b.proxy);
    sodium_free(credential);
    return code;
}

int xg_batch_run(const xg_gate *gate, const char *path)
{
    if (strcmp(path, "-") == 0) {
        return run_on(gate, stdin, "stdin");
    }
    FILE *input = fopen(path, "re");
    if (input == NULL) {
        return xg_errors_io("read the batch", path, errno);
    }
    int code = run_on(gate, input, path);
    fclose(input);
    return code;
}
