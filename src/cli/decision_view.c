/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decision_view.c: a decision in words and as a document.
 *
 * Owns how a decision looks. Must never print a credential, nor a byte that could steer the terminal. One thread.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#include "decision_view.h"

static const struct {
    uint32_t bit;
    const char *name;
    const char *text;
} WARNINGS[] = {
    {XG_WARN_LEGACY_ZONE_TOKEN, "legacy_zone_token", "admitted by a zone token, which is on its way out"},
    {XG_WARN_EXPIRES_SOON, "expires_soon", "less than a day is left"},
    {XG_WARN_MESH_WIDE, "mesh_wide", "the token admits every proxy of the mesh"},
    {XG_WARN_NO_EXPIRY, "no_expiry", "the token never expires"},
    {XG_WARN_STALE_KEYS, "stale_keys", "the store's newer keys are unusable: the last good ones answered"},
    {XG_WARN_NO_WORKLOAD, "no_workload", "the token is bound to no workload"},
};

/* token_id and kid are UTF-8 that somebody else chose: nothing of it may steer the terminal. */
static void print_id(const char *label, const char *bytes, size_t len)
{
    char storage[512];
    xg_text text;
    if (len == 0) {
        return;
    }
    xg_text_init(&text, storage, sizeof(storage));
    xg_text_quote(&text, (xg_str){bytes, len}, 160);
    printf("%s%s\n", label, storage);
}

static void print_until(int64_t not_after)
{
    char storage[XG_CLOCK_TEXT_SIZE];
    if (not_after == INT64_MAX) {
        printf("until:    for ever\n");
        return;
    }
    xg_str until = xg_clock_format(not_after, storage);
    printf("until:    %.*s\n", (int)until.len, until.ptr);
}

static void print_rows(const json_t *rows)
{
    static const xg_output_column COLUMNS[] = {
        {"BINDING", "binding"}, {"EXPECTED", "expected"}, {"PRESENTED", "presented"}, {"VERDICT", "verdict"}};
    if (json_array_size(rows) > 0) {
        putchar('\n');
        xg_output_table(rows, COLUMNS, XG_ARRAY_LEN(COLUMNS), "");
        putchar('\n');
    }
}

void xg_decision_view_print(const xg_decision *d, const json_t *rows)
{
    bool is_allowed = d->outcome == XG_OUTCOME_ALLOWED;
    printf("%s\n", is_allowed ? "allowed" : "denied");
    printf("reason:   %" PRIu32 " %s\n", d->reason, xg_reason_find(d->reason)->name);
    if (d->failed_binding != XG_BINDING_NONE) {
        printf("binding:  %s\n", xg_output_binding_name(d->failed_binding));
    }
    print_id("token id: ", d->token_id, d->token_id_len);
    print_id("kid:      ", d->kid, d->kid_len);
    if (is_allowed) {
        print_until(d->not_after);
    } else {
        printf("gRPC:     %" PRIu32 "\n", d->grpc_status);
    }
    print_rows(rows);
    printf("text:     %.*s\n", (int)d->text_len, d->text);
    for (size_t i = 0; i < XG_ARRAY_LEN(WARNINGS); i++) {
        if ((d->warnings & WARNINGS[i].bit) != 0) {
            printf("warning:  %s (%s)\n", WARNINGS[i].text, WARNINGS[i].name);
        }
    }
}

static json_t *warnings_json(uint32_t bits)
{
    json_t *names = json_array();
    for (size_t i = 0; i < XG_ARRAY_LEN(WARNINGS); i++) {
        if ((bits & WARNINGS[i].bit) != 0) {
            json_array_append_new(names, json_string(WARNINGS[i].name));
        }
    }
    return names;
}

static json_t *until_json(const xg_decision *d)
{
    char storage[XG_CLOCK_TEXT_SIZE];
    if (d->outcome != XG_OUTCOME_ALLOWED || d->not_after == INT64_MAX) {
        return json_null();
    }
    xg_str until = xg_clock_format(d->not_after, storage);
    return json_stringn(until.ptr, until.len);
}

json_t *xg_decision_view_document(const char *schema, const xg_decision *decision, json_t *rows)
{
    json_t *document = json_pack("{s:s}", "schema", schema);
    json_t *members = xg_output_decision(decision);
    bool is_whole = members != NULL && json_object_update(document, members) == 0 &&
                    json_object_set_new(document, "until", until_json(decision)) == 0 &&
                    json_object_set_new(document, "warnings", warnings_json(decision->warnings)) == 0;
    json_decref(members);
    if (is_whole && rows != NULL) {
        is_whole = json_object_set(document, "rows", rows) == 0;
    }
    json_decref(rows);
    if (!is_whole) {
        json_decref(document);
        return NULL;
    }
    return document;
}
