/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_revocations.c: one revocation list. Input: the list's text. Not thread-safe.
 *
 * Targets: xg_revocations_parse, xg_revocations_check, xg_revocations_count, xg_revocations_unref.
 * Properties: a splitter written here, from the words of keys.h alone, finds the same ids: each of them is revoked by
 * an accepted list, and a neighbour of each, one byte longer, is not unless it is listed too; an empty element revokes
 * tokens without jti; an accepted list holds no control bytes; the same answer twice.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "xdsgate/keys.h"

#define IDS_MAX 512

typedef struct list_model {
    xg_str ids[IDS_MAX];
    size_t num_ids;
    bool is_complete; /* nothing was left out for lack of room */
    bool has_rules;
} list_model;

static xg_str trim(xg_str s)
{
    while (s.len > 0 && strchr(" \t\r", s.ptr[0]) != NULL && s.ptr[0] != '\0') {
        s = (xg_str){s.ptr + 1, s.len - 1};
    }
    while (s.len > 0 && strchr(" \t\r", s.ptr[s.len - 1]) != NULL && s.ptr[s.len - 1] != '\0') {
        s.len--;
    }
    return s;
}

/* The part of *rest before the first of separator, which is taken away with it. */
static xg_str take_until(xg_str *rest, char separator)
{
    const char *end = rest->len == 0 ? NULL : memchr(rest->ptr, separator, rest->len);
    xg_str part = *rest;
    if (end == NULL) {
        *rest = (xg_str){rest->ptr + rest->len, 0};
    } else {
        part.len = (size_t)(end - rest->ptr);
        *rest = (xg_str){end + 1, rest->len - part.len - 1};
    }
    return part;
}

/* A '#' begins a comment at the start of a line and behind a blank. */
static xg_str before_comment(xg_str line)
{
    for (size_t i = 0; i < line.len; i++) {
        if (line.ptr[i] == '#' && (i == 0 || memchr(" \t\r", line.ptr[i - 1], 3) != NULL)) {
            return (xg_str){line.ptr, i};
        }
    }
    return line;
}

static void read_line(xg_str line, list_model *model)
{
    xg_str rest = before_comment(line);
    if (trim(rest).len > 0 && trim(rest).ptr[0] == '@') {
        model->has_rules = true;
        return;
    }
    while (rest.len > 0) {
        xg_str id = trim(take_until(&rest, ','));
        if (id.len == 0) {
            continue;
        }
        model->is_complete = model->is_complete && model->num_ids < IDS_MAX;
        if (model->num_ids < IDS_MAX) {
            model->ids[model->num_ids++] = id;
        }
    }
}

static void read_list(xg_str text, list_model *model)
{
    *model = (list_model){.is_complete = true};
    if (text.len >= 3 && memcmp(text.ptr, "\xef\xbb\xbf", 3) == 0) {
        text = (xg_str){text.ptr + 3, text.len - 3};
    }
    while (text.len > 0) {
        read_line(take_until(&text, '\n'), model);
    }
}

static bool is_listed(const list_model *model, xg_str id)
{
    for (size_t i = 0; i < model->num_ids; i++) {
        if (model->ids[i].len == id.len && memcmp(model->ids[i].ptr, id.ptr, id.len) == 0) {
            return true;
        }
    }
    return false;
}

static uint32_t check(const xg_revocations *list, xg_str jti)
{
    int64_t issued_before = 0;
    xg_revocable token = {.jti = jti, .has_iat = true, .iat = INT64_MAX};
    return xg_result_reason(xg_revocations_check(list, &token, &issued_before));
}

static void check_ids(const xg_revocations *list, const list_model *model)
{
    for (size_t i = 0; i < model->num_ids; i++) {
        FUZZ_REQUIRE(check(list, model->ids[i]) == XG_REASON_REVOKED_JTI, "every listed id is revoked");
        char neighbour[XG_JTI_MAX + 2];
        size_t len = model->ids[i].len;
        FUZZ_REQUIRE(len <= XG_JTI_MAX, "an over-long id is refused");
        memcpy(neighbour, model->ids[i].ptr, len);
        neighbour[len] = 'x';
        xg_str other = {neighbour, len + 1};
        FUZZ_REQUIRE(is_listed(model, other) || !model->is_complete || check(list, other) == XG_REASON_OK,
                     "what is not listed is not revoked");
    }
    FUZZ_REQUIRE(xg_revocations_count(list) <= model->num_ids || !model->is_complete, "no id is made up");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    xg_str text = {(const char *)data, size};
    char sentence[256];
    xg_text reterr;
    xg_revocations *list = NULL;
    xg_revocations *again = NULL;
    xg_text_init(&reterr, sentence, sizeof sentence);
    xg_result result = xg_revocations_parse(text, IDS_MAX * 4ul, &list, &reterr);
    FUZZ_REQUIRE(strlen(sentence) == reterr.len && reterr.len < sizeof sentence, "the sentence is terminated");
    FUZZ_REQUIRE(xg_revocations_parse(text, IDS_MAX * 4ul, &again, &reterr).code == result.code,
                 "the same answer twice");
    if (!xg_is_ok(result)) {
        return 0;
    }
    FUZZ_REQUIRE(size == 0 || memchr(data, '\0', size) == NULL, "no control bytes");

    list_model *model = malloc(sizeof *model);
    FUZZ_REQUIRE(model != NULL, "harness: memory");
    read_list(text, model);
    check_ids(list, model);
    uint32_t unnamed = check(list, (xg_str){NULL, 0});
    FUZZ_REQUIRE(unnamed == XG_REASON_OK || unnamed == XG_REASON_REVOKED_NO_JTI, "an empty element, or none");
    FUZZ_REQUIRE(xg_revocations_count(list) == xg_revocations_count(again), "the same count twice");
    free(model);
    xg_revocations_unref(list);
    xg_revocations_unref(again);
    return 0;
}
