/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mint_tags.c: --tag, by kumactl's rules (kuma-tokens 2.6).
 *
 * With one '=' the whole value is one tag: the part behind it is split at commas, nothing is trimmed. With two or more,
 * the value is one line of CSV whose fields are key=value pairs. Other than kumactl, a tag given twice is refused:
 * kumactl silently keeps the last one. Pure but for its reports.
 */
#include "mint_tags.h"

#include <string.h>

static bool refuse(const char *summary, const char *help)
{
    xg_errors_summary("--tag: %s", summary);
    xg_errors_help("%s", help);
    return false;
}

static const char *const FORM = "write --tag key=value1,value2, once for each key";

static bool add_values(mint_tags *tags, xg_mint_tag *tag, xg_str list)
{
    xg_str *values = tags->values[tags->num];
    tag->values = values;
    for (;;) {
        const char *comma = memchr(list.ptr, ',', list.len);
        size_t len = comma != NULL ? (size_t)(comma - list.ptr) : list.len;
        if (tag->num_values == XG_TAG_VALUES_MAX) {
            return refuse("more than 64 values for one key",
                          "a token that needs so many is better bound to a workload");
        }
        values[tag->num_values++] = (xg_str){list.ptr, len};
        if (comma == NULL) {
            return true;
        }
        list = xg_str_skip(list, len + 1);
    }
}

static bool add_pair(mint_tags *tags, xg_str pair)
{
    const char *equals = memchr(pair.ptr, '=', pair.len);
    if (equals == NULL || equals == pair.ptr) {
        return refuse("not of the form key=value", FORM);
    }
    xg_mint_tag tag = {.key = {pair.ptr, (size_t)(equals - pair.ptr)}};
    for (size_t i = 0; i < tags->num; i++) {
        if (xg_str_eq(tags->tags[i].key, tag.key)) {
            return refuse("the same key twice", FORM);
        }
    }
    if (tags->num == XG_TAG_KEYS_MAX) {
        return refuse("more than 64 keys", "a token that needs so many is better bound to a workload");
    }
    if (!add_values(tags, &tag, xg_str_skip(pair, tag.key.len + 1))) {
        return false;
    }
    tags->tags[tags->num++] = tag;
    return true;
}

static size_t count_equals(xg_str s)
{
    size_t num = 0;
    for (size_t i = 0; i < s.len; i++) {
        num += s.ptr[i] == '=' ? 1 : 0;
    }
    return num;
}

/* One quoted field, from behind its opening quote; "" stands for one quote. *in is left behind the closing one. */
static bool unquote(xg_str *in, char *out, size_t *ret_len)
{
    size_t len = 0;
    while (in->len > 0) {
        bool is_quote = in->ptr[0] == '"';
        bool is_doubled = is_quote && in->len > 1 && in->ptr[1] == '"';
        if (is_quote && !is_doubled) {
            *in = xg_str_skip(*in, 1);
            *ret_len = len;
            return in->len == 0 || in->ptr[0] == ',';
        }
        out[len++] = in->ptr[0];
        *in = xg_str_skip(*in, is_doubled ? 2 : 1);
    }
    return false;
}

static bool take_plain(xg_str *in, char *out, size_t *ret_len)
{
    const char *comma = memchr(in->ptr, ',', in->len);
    size_t len = comma != NULL ? (size_t)(comma - in->ptr) : in->len;
    if (memchr(in->ptr, '"', len) != NULL) {
        return false;
    }
    memcpy(out, in->ptr, len);
    *in = xg_str_skip(*in, len);
    *ret_len = len;
    return true;
}

static bool add_csv(mint_tags *tags, xg_str line)
{
    for (;;) {
        char *field = tags->text + tags->text_len;
        size_t len = 0;
        bool is_quoted = line.len > 0 && line.ptr[0] == '"';
        if (is_quoted) {
            line = xg_str_skip(line, 1);
        }
        if (!(is_quoted ? unquote(&line, field, &len) : take_plain(&line, field, &len))) {
            return refuse("misplaced quotes", "quote whole pairs: --tag '\"a=1,2\",\"b=3\"'");
        }
        tags->text_len += len;
        if (!add_pair(tags, (xg_str){field, len})) {
            return false;
        }
        if (line.len == 0) {
            return true;
        }
        line = xg_str_skip(line, 1);
    }
}

bool xg_mint_tags_add(mint_tags *tags, const char *value)
{
    xg_str line = xg_str_of(value);
    if (!xg_str_is_clean(line)) {
        return refuse("holds control bytes or is not UTF-8", "check the script or the terminal that it came from");
    }
    if (line.len >= sizeof(tags->text) - tags->text_len) {
        return refuse("too long", "a token that needs so many tags is better bound to a workload");
    }
    return count_equals(line) >= 2 ? add_csv(tags, line) : add_pair(tags, line);
}
