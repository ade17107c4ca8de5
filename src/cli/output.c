/* SPDX-License-Identifier: Apache-2.0 */
/*
 * output.c: what goes to stdout: tokens, decisions, JSON.
 *
 * Owns stdout and how a decision looks. Must never print a credential other than a token that was just minted. One
 * thread.
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

#include "cli.h"

static const char *const BINDINGS[] = {"none", "node", "name", "mesh", "tag", "workload", "zone", "scope", "type"};

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

void xg_output_token(xg_str token)
{
    fwrite(token.ptr, 1, token.len, stdout);
    if (isatty(STDOUT_FILENO)) {
        putchar('\n');
    }
}

int xg_output_finish(void)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout)) {
        return XG_EXIT_OK;
    }
    return xg_errors_io("write the output", "stdout", errno != 0 ? errno : EIO);
}

const char *xg_output_binding_name(uint32_t binding)
{
    return binding < XG_ARRAY_LEN(BINDINGS) ? BINDINGS[binding] : "unknown";
}

/* A string of the decision; what is not UTF-8, which the plugin never writes, becomes an empty one. */
static json_t *text_json(const char *bytes, size_t len)
{
    json_t *text = json_stringn(bytes, len);
    return text != NULL ? text : json_string("");
}

json_t *xg_output_decision(const xg_decision *d)
{
    return json_pack("{s:s, s:I, s:s, s:s, s:I, s:o, s:o, s:o}", "outcome",
                     d->outcome == XG_OUTCOME_ALLOWED ? "allowed" : "denied", "reason", (json_int_t)d->reason,
                     "reason_name", xg_reason_find(d->reason)->name, "binding",
                     xg_output_binding_name(d->failed_binding), "grpc", (json_int_t)d->grpc_status, "token_id",
                     text_json(d->token_id, d->token_id_len), "kid", text_json(d->kid, d->kid_len), "text",
                     text_json(d->text, d->text_len));
}

void xg_output_json(const json_t *value)
{
    if (value == NULL || json_dumpf(value, stdout, JSON_COMPACT | JSON_ENSURE_ASCII) != 0) {
        fputs("{\"outcome\":\"denied\",\"reason\":902,\"reason_name\":\"no_memory\",\"binding\":\"none\",\"grpc\":13,"
              "\"token_id\":\"\",\"kid\":\"\",\"text\":\"\",\"error\":\"memory ran out\"}",
              stdout);
    }
    putchar('\n');
}

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

void xg_output_decision_text(const xg_decision *d)
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
    printf("text:     %.*s\n", (int)d->text_len, d->text);
    for (size_t i = 0; i < XG_ARRAY_LEN(WARNINGS); i++) {
        if ((d->warnings & WARNINGS[i].bit) != 0) {
            printf("warning:  %s (%s)\n", WARNINGS[i].text, WARNINGS[i].name);
        }
    }
}
