/* SPDX-License-Identifier: Apache-2.0 */
/*
 * generate_lists.c: --tag and --scope of the `generate` commands, as the flag library of kumactl (pflag) reads them.
 *
 * --tag with one '=' is one pair as it stands, less the double quotes at its ends; with two or more it is a line of CSV
 * whose fields are pairs. A key given again replaces what it had. Values are split at commas, nothing is trimmed.
 * --scope is a line of CSV. Pure but for its reports.
 */
#include <string.h>

#include "generate.h"

typedef bool take_field(void *arg, xg_str field);

static bool refuse(const char *flag, const char *summary, const char *help)
{
    xg_errors_summary("--%s: %s", flag, summary);
    xg_errors_help("%s", help);
    return false;
}

static const char *const TAG_FORM = "write --tag key=value1,value2";
static const char *const TOO_MANY = "a token that needs so many is better bound to a workload";

static bool check_clean(const char *flag, xg_str line)
{
    return xg_str_is_clean(line) ||
           refuse(flag, "holds control bytes or is not UTF-8", "check the script or the terminal that it came from");
}

/* One field in quotes, from behind the opening one; two quotes stand for one. *line is left behind the closing one. */
static bool take_quoted(xg_str *line, char *out, size_t *ret_len)
{
    size_t len = 0;
    while (line->len > 0) {
        bool is_quote = line->ptr[0] == '"';
        bool is_doubled = is_quote && line->len > 1 && line->ptr[1] == '"';
        if (is_quote && !is_doubled) {
            *line = xg_str_skip(*line, 1);
            *ret_len = len;
            return line->len == 0 || line->ptr[0] == ',';
        }
        out[len++] = line->ptr[0];
        *line = xg_str_skip(*line, is_doubled ? 2 : 1);
    }
    return false;
}

static bool take_bare(xg_str *line, char *out, size_t *ret_len)
{
    size_t len = 0;
    for (; len < line->len && line->ptr[len] != ','; len++) {
        if (line->ptr[len] == '"') {
            return false;
        }
        out[len] = line->ptr[len];
    }
    *line = xg_str_skip(*line, len);
    *ret_len = len;
    return true;
}

/* A line of CSV, field by field; the fields are written to out, which has room for all of line. */
static bool read_csv(const char *flag, xg_str line, char *out, take_field *take, void *arg)
{
    for (;;) {
        size_t len = 0;
        bool is_quoted = line.len > 0 && line.ptr[0] == '"';
        if (is_quoted) {
            line = xg_str_skip(line, 1);
        }
        if (!(is_quoted ? take_quoted(&line, out, &len) : take_bare(&line, out, &len))) {
            return refuse(flag, "misplaced quotes", "quote whole fields, and double a quote inside them");
        }
        if (!take(arg, (xg_str){out, len})) {
            return false;
        }
        if (line.len == 0) {
            return true;
        }
        out += len;
        line = xg_str_skip(line, 1);
    }
}

static xg_mint_tag *tag_for(xg_generate_tags *tags, xg_str key)
{
    for (size_t i = 0; i < tags->num; i++) {
        if (xg_str_eq(tags->tags[i].key, key)) {
            return &tags->tags[i];
        }
    }
    if (tags->num == XG_TAG_KEYS_MAX) {
        return NULL;
    }
    tags->tags[tags->num] = (xg_mint_tag){.key = key, .values = tags->values[tags->num]};
    return &tags->tags[tags->num++];
}

static bool set_values(xg_str *values, xg_mint_tag *tag, xg_str list)
{
    tag->num_values = 0;
    for (;;) {
        const char *comma = list.len > 0 ? memchr(list.ptr, ',', list.len) : NULL;
        size_t len = comma != NULL ? (size_t)(comma - list.ptr) : list.len;
        if (tag->num_values == XG_TAG_VALUES_MAX) {
            return refuse("tag", "more than 64 values for one key", TOO_MANY);
        }
        values[tag->num_values++] = (xg_str){list.ptr, len};
        if (comma == NULL) {
            return true;
        }
        list = xg_str_skip(list, len + 1);
    }
}

static bool take_pair(void *arg, xg_str pair)
{
    xg_generate_tags *tags = arg;
    const char *equals = pair.len > 0 ? memchr(pair.ptr, '=', pair.len) : NULL;
    if (equals == NULL) {
        return refuse("tag", "not of the form key=value", TAG_FORM);
    }
    xg_str key = {pair.ptr, (size_t)(equals - pair.ptr)};
    if (key.len == 0) {
        /* kumactl takes it; but no proxy can have a tag without a name, so the token would admit none. */
        return refuse("tag", "a key is empty", TAG_FORM);
    }
    xg_mint_tag *tag = tag_for(tags, key);
    if (tag == NULL) {
        return refuse("tag", "more than 64 keys", TOO_MANY);
    }
    return set_values(tags->values[tag - tags->tags], tag, xg_str_skip(pair, key.len + 1));
}

static size_t count_equals(xg_str s)
{
    size_t num = 0;
    for (size_t i = 0; i < s.len; i++) {
        num += s.ptr[i] == '=' ? 1 : 0;
    }
    return num;
}

static xg_str trim_quotes(xg_str s)
{
    while (s.len > 0 && s.ptr[0] == '"') {
        s = xg_str_skip(s, 1);
    }
    while (s.len > 0 && s.ptr[s.len - 1] == '"') {
        s.len--;
    }
    return s;
}

bool xg_generate_lists_add_tag(xg_generate_tags *tags, const char *value)
{
    xg_str line = xg_str_of(value);
    if (!check_clean("tag", line)) {
        return false;
    }
    if (line.len >= sizeof(tags->text) - tags->text_len) {
        return refuse("tag", "too long", TOO_MANY);
    }
    if (count_equals(line) < 2) {
        return take_pair(tags, trim_quotes(line));
    }
    char *out = tags->text + tags->text_len;
    tags->text_len += line.len;
    return read_csv("tag", line, out, take_pair, tags);
}

static bool take_scope(void *arg, xg_str scope)
{
    xg_generate_scopes *scopes = arg;
    static const xg_str SUPPORTED[] = {XG_STR_INIT("ingress"), XG_STR_INIT("egress")};
    for (size_t i = 0; i < XG_ARRAY_LEN(SUPPORTED); i++) {
        if (!xg_str_eq(scope, SUPPORTED[i])) {
            continue;
        }
        if (scopes->num == XG_ARRAY_LEN(scopes->items)) {
            return refuse("scope", "more than 64 scopes", "name each one once");
        }
        scopes->items[scopes->num++] = SUPPORTED[i];
        return true;
    }
    xg_errors_summary("invalid --scope value '%.*s'", (int)(scope.len < 40 ? scope.len : 40), scope.ptr);
    xg_errors_help("supported scopes: ingress, egress");
    return false;
}

bool xg_generate_lists_add_scopes(xg_generate_scopes *scopes, const char *value)
{
    char out[1024];
    xg_str line = xg_str_of(value);
    if (!check_clean("scope", line)) {
        return false;
    }
    if (line.len >= sizeof(out)) {
        return refuse("scope", "too long", "supported scopes: ingress, egress");
    }
    return line.len == 0 || read_csv("scope", line, out, take_scope, scopes);
}
