/* SPDX-License-Identifier: Apache-2.0 */
/*
 * revoked_lines.c: the text of a revocation list, entry by entry, and changes to it.
 *
 * Owns where things stand in the text, never what they mean: meaning is asked of the plugin's own parser. Must never
 * lose or rewrite a byte that it was not asked to change. Thread rule: works on the caller's memory only.
 */
#include "revoked_lines.h"

#include <stdlib.h>

#define MARK         XG_STR("\xef\xbb\xbf")
#define NOTHING_LINE XG_STR("# none\n")
#define QUOTE_MAX    60

static const struct {
    const char *name;
    xg_str rule; /* empty: no rule */
} KINDS[] = {
    [XG_REVOKED_JTI] = {"jti", {NULL, 0}},
    [XG_REVOKED_KID] = {"kid", XG_STR_INIT("@kid")},
    [XG_REVOKED_NAME] = {"name", XG_STR_INIT("@name")},
    [XG_REVOKED_WORKLOAD] = {"workload", XG_STR_INIT("@workload")},
    [XG_REVOKED_ISSUED_BEFORE] = {"issued-before", XG_STR_INIT("@issued-before")},
    [XG_REVOKED_NO_JTI] = {"no-jti", {NULL, 0}},
};

/* One line: what counts on it, and the comment behind that. Both borrow from the list. */
typedef struct line_parts {
    xg_str whole;   /* with its line end, if it has one */
    xg_str body;    /* before the comment, blanks and all */
    xg_str text;    /* body without the blanks around it */
    xg_str comment; /* from the '#' on, with the line end */
} line_parts;

const char *xg_revoked_lines_kind_name(xg_revoked_kind kind)
{
    return KINDS[kind].name;
}

void xg_revoked_lines_write(const xg_revoked_entry *entry, xg_text *text)
{
    if (entry->kind == XG_REVOKED_NO_JTI) {
        xg_text_add(text, XG_STR(","));
        return;
    }
    if (KINDS[entry->kind].rule.len > 0) {
        xg_text_add(text, KINDS[entry->kind].rule);
        xg_text_add(text, XG_STR(" "));
    }
    xg_text_add(text, entry->value);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static xg_str trim(xg_str s)
{
    while (s.len > 0 && is_blank(s.ptr[0])) {
        s = xg_str_skip(s, 1);
    }
    while (s.len > 0 && is_blank(s.ptr[s.len - 1])) {
        s.len--;
    }
    return s;
}

static xg_str take_line(xg_str *list)
{
    const char *end = memchr(list->ptr, '\n', list->len);
    xg_str line = {list->ptr, end != NULL ? (size_t)(end - list->ptr) + 1 : list->len};
    *list = xg_str_skip(*list, line.len);
    return line;
}

static line_parts take_parts(xg_str *list)
{
    line_parts parts = {.whole = take_line(list)};
    bool has_end = parts.whole.ptr[parts.whole.len - 1] == '\n';
    size_t len = parts.whole.len - (has_end ? 1 : 0);
    size_t at = 0;
    while (at < len && !(parts.whole.ptr[at] == '#' && (at == 0 || is_blank(parts.whole.ptr[at - 1])))) {
        at++;
    }
    parts.body = (xg_str){parts.whole.ptr, at};
    parts.comment = at < len ? xg_str_skip(parts.whole, at) : (xg_str){NULL, 0};
    parts.text = trim(parts.body);
    return parts;
}

static bool parse_rule(xg_str text, xg_revoked_entry *ret_entry)
{
    size_t name_len = 0;
    while (name_len < text.len && !is_blank(text.ptr[name_len])) {
        name_len++;
    }
    for (size_t i = 0; i < XG_ARRAY_LEN(KINDS); i++) {
        if (KINDS[i].rule.len > 0 && xg_str_eq(KINDS[i].rule, (xg_str){text.ptr, name_len})) {
            ret_entry->kind = (xg_revoked_kind)i;
            ret_entry->value = trim(xg_str_skip(text, name_len));
            return ret_entry->kind != XG_REVOKED_ISSUED_BEFORE || xg_clock_parse(ret_entry->value, &ret_entry->seconds);
        }
    }
    return false;
}

/* The next element of a line of ids, blanks and all. False when there is none; *rest.ptr is NULL at the end. */
static bool take_piece(xg_str *rest, xg_str *ret_piece)
{
    if (rest->ptr == NULL) {
        return false;
    }
    const char *end = rest->len > 0 ? memchr(rest->ptr, ',', rest->len) : NULL;
    if (end == NULL) {
        *ret_piece = *rest;
        *rest = (xg_str){NULL, 0};
        return true;
    }
    *ret_piece = (xg_str){rest->ptr, (size_t)(end - rest->ptr)};
    *rest = xg_str_skip(*rest, ret_piece->len + 1);
    return true;
}

static xg_revoked_entry entry_of_piece(xg_str piece, size_t line)
{
    xg_str value = trim(piece);
    return (xg_revoked_entry){.kind = value.len > 0 ? XG_REVOKED_JTI : XG_REVOKED_NO_JTI, .value = value, .line = line};
}

static bool visit_ids(xg_str text, size_t line, xg_revoked_lines_visit *visit, void *arg)
{
    xg_str piece = {0};
    bool has_empty = false;
    while (take_piece(&text, &piece)) {
        const xg_revoked_entry entry = entry_of_piece(piece, line);
        bool is_repeated = entry.kind == XG_REVOKED_NO_JTI && has_empty;
        has_empty = has_empty || entry.kind == XG_REVOKED_NO_JTI;
        if (!is_repeated && !visit(arg, &entry)) {
            return false;
        }
    }
    return true;
}

void xg_revoked_lines_each(xg_str list, xg_revoked_lines_visit *visit, void *arg)
{
    if (xg_str_eq(list, XG_STR("\n"))) {
        const xg_revoked_entry entry = {.kind = XG_REVOKED_NO_JTI, .line = 1};
        visit(arg, &entry);
        return;
    }
    if (xg_str_starts_with(list, MARK)) {
        list = xg_str_skip(list, MARK.len);
    }
    bool is_wanted = true;
    for (size_t line = 1; list.len > 0 && is_wanted; line++) {
        line_parts parts = take_parts(&list);
        xg_revoked_entry rule = {.line = line};
        if (parts.text.len == 0) {
            continue;
        }
        if (parts.text.ptr[0] != '@') {
            is_wanted = visit_ids(parts.text, line, visit, arg);
        } else if (parse_rule(parts.text, &rule)) {
            is_wanted = visit(arg, &rule);
        }
    }
}

bool xg_revoked_lines_is_same(const xg_revoked_entry *a, const xg_revoked_entry *b)
{
    if (a->kind != b->kind) {
        return false;
    }
    return a->kind == XG_REVOKED_ISSUED_BEFORE ? a->seconds == b->seconds : xg_str_eq(a->value, b->value);
}

/* What a line turned out to hold. */
typedef struct reading {
    const xg_revoked_entry *wanted;
    size_t num;
    size_t num_same;
} reading;

static bool read_entry(void *arg, const xg_revoked_entry *entry)
{
    reading *r = arg;
    r->num++;
    r->num_same += xg_revoked_lines_is_same(entry, r->wanted) ? 1 : 0;
    return true;
}

bool xg_revoked_lines_is_valid(const xg_revoked_entry *entry, xg_text *reterr)
{
    char storage[XG_REVOKED_LINE_SIZE];
    xg_revocations *list = NULL;
    xg_text line;
    xg_text_init(&line, storage, sizeof(storage));
    xg_revoked_lines_write(entry, &line);
    if (line.is_cut) {
        xg_text_add(reterr, XG_STR("it is too long for any list"));
        return false;
    }
    xg_result result = xg_revocations_parse((xg_str){line.ptr, line.len}, 1, &list, reterr);
    if (!xg_is_ok(result)) {
        return false;
    }
    reading found = {.wanted = entry};
    xg_revoked_lines_each((xg_str){line.ptr, line.len}, read_entry, &found);
    bool is_covered = xg_revoked_lines_is_covered(list, entry);
    xg_revocations_unref(list);
    if (found.num != 1 || found.num_same != 1 || !is_covered) {
        xg_text_add(reterr, XG_STR("a list would not read "));
        xg_text_quote(reterr, entry->value, QUOTE_MAX);
        xg_text_add(reterr, XG_STR(" as one value"));
        return false;
    }
    return true;
}

bool xg_revoked_lines_is_covered(const xg_revocations *list, const xg_revoked_entry *entry)
{
    /* A jti that no list can name and the latest of all times: nothing but the entry's own kind can answer. */
    xg_revocable token = {.jti = XG_STR(" "), .has_iat = true, .iat = INT64_MAX};
    int64_t issued_before = 0;
    switch (entry->kind) {
    case XG_REVOKED_JTI:
        token.jti = entry->value;
        break;
    case XG_REVOKED_KID:
        token.kid = entry->value;
        break;
    case XG_REVOKED_NAME:
        token.name = entry->value;
        break;
    case XG_REVOKED_WORKLOAD:
        token.workload = entry->value;
        break;
    case XG_REVOKED_ISSUED_BEFORE:
        token.iat = entry->seconds - 1;
        break;
    case XG_REVOKED_NO_JTI:
        token.jti = (xg_str){NULL, 0};
        break;
    }
    return !xg_is_ok(xg_revocations_check(list, &token, &issued_before));
}

char *xg_revoked_lines_add(xg_str list, xg_str comment, const xg_revoked_entry *entries, size_t num_entries,
                           size_t *ret_len)
{
    size_t cap = list.len + comment.len + 16;
    xg_text text;
    for (size_t i = 0; i < num_entries; i++) {
        cap += entries[i].value.len + XG_REVOKED_LINE_SIZE - XG_MESH_NAME_MAX;
    }
    char *bytes = malloc(cap);
    if (bytes == NULL) {
        return NULL;
    }
    xg_text_init(&text, bytes, cap);
    if (xg_str_eq(list, XG_STR("\n"))) {
        xg_text_add(&text, XG_STR(",")); /* a lone line end is an empty element only while nothing follows */
    }
    xg_text_add(&text, list);
    if (list.len > 0 && list.ptr[list.len - 1] != '\n') {
        xg_text_add(&text, XG_STR("\n"));
    }
    if (comment.len > 0) {
        xg_text_add(&text, XG_STR("# "));
        xg_text_add(&text, comment);
        xg_text_add(&text, XG_STR("\n"));
    }
    for (size_t i = 0; i < num_entries; i++) {
        xg_revoked_lines_write(&entries[i], &text);
        xg_text_add(&text, XG_STR("\n"));
    }
    *ret_len = text.len;
    return bytes;
}

/* A removal under way. */
typedef struct removal {
    const xg_revoked_entry *entries;
    size_t num_entries;
    size_t num_removed;
    xg_text text;
} removal;

static bool is_to_go(const removal *r, const xg_revoked_entry *entry)
{
    for (size_t i = 0; i < r->num_entries; i++) {
        if (xg_revoked_lines_is_same(&r->entries[i], entry)) {
            return true;
        }
    }
    return false;
}

/* What is left of a line whose body has become `body` long: its comment must not grow onto the last word. */
static void close_line(removal *r, const line_parts *parts, size_t body_at)
{
    bool has_body = r->text.len > body_at;
    if (parts->comment.len > 0) {
        bool is_glued = has_body && !is_blank(r->text.ptr[r->text.len - 1]);
        xg_text_add(&r->text, is_glued ? XG_STR(" ") : XG_STR(""));
        xg_text_add(&r->text, parts->comment);
    } else if (has_body && parts->whole.ptr[parts->whole.len - 1] == '\n') {
        xg_text_add(&r->text, XG_STR("\n"));
    }
}

static void keep_ids(removal *r, const line_parts *parts)
{
    size_t body_at = r->text.len;
    size_t num_kept = 0;
    bool has_id = false;
    xg_str rest = parts->body;
    xg_str piece = {0};
    while (take_piece(&rest, &piece)) {
        const xg_revoked_entry entry = entry_of_piece(piece, 0);
        if (is_to_go(r, &entry)) {
            r->num_removed++;
            continue;
        }
        xg_text_add(&r->text, num_kept > 0 ? XG_STR(",") : XG_STR(""));
        xg_text_add(&r->text, piece);
        has_id = has_id || entry.kind == XG_REVOKED_JTI;
        num_kept++;
    }
    if (num_kept == 1 && !has_id) { /* one empty element is none without its comma */
        xg_text_add(&r->text, XG_STR(","));
    }
    close_line(r, parts, body_at);
}

static bool has_any(removal *r, const line_parts *parts)
{
    xg_str rest = parts->text;
    xg_str piece = {0};
    xg_revoked_entry rule = {0};
    if (parts->text.len == 0) {
        return false;
    }
    if (parts->text.ptr[0] == '@') {
        return parse_rule(parts->text, &rule) && is_to_go(r, &rule);
    }
    while (take_piece(&rest, &piece)) {
        const xg_revoked_entry entry = entry_of_piece(piece, 0);
        if (is_to_go(r, &entry)) {
            return true;
        }
    }
    return false;
}

static void remove_from_line(removal *r, const line_parts *parts)
{
    if (!has_any(r, parts)) {
        xg_text_add(&r->text, parts->whole);
    } else if (parts->text.ptr[0] == '@') {
        r->num_removed++;
        close_line(r, parts, r->text.len);
    } else {
        keep_ids(r, parts);
    }
}

char *xg_revoked_lines_remove(xg_str list, const xg_revoked_entry *entries, size_t num_entries, size_t *ret_len,
                              size_t *ret_num_removed)
{
    removal r = {.entries = entries, .num_entries = num_entries};
    const xg_revoked_entry no_jti = {.kind = XG_REVOKED_NO_JTI};
    size_t cap = list.len + 16;
    char *bytes = malloc(cap);
    if (bytes == NULL) {
        return NULL;
    }
    xg_text_init(&r.text, bytes, cap);
    if (xg_str_eq(list, XG_STR("\n")) && is_to_go(&r, &no_jti)) {
        r.num_removed = 1;
        list = (xg_str){NULL, 0};
    } else if (xg_str_starts_with(list, MARK)) {
        xg_text_add(&r.text, MARK);
        list = xg_str_skip(list, MARK.len);
    }
    while (list.len > 0) {
        line_parts parts = take_parts(&list);
        remove_from_line(&r, &parts);
    }
    /* An empty file lifts nothing, and a lone line end would revoke tokens without jti. */
    if (r.num_removed > 0 && (r.text.len == 0 || xg_str_eq((xg_str){bytes, r.text.len}, XG_STR("\n")))) {
        xg_text_add(&r.text, NOTHING_LINE);
    }
    *ret_len = r.text.len;
    *ret_num_removed = r.num_removed;
    return bytes;
}
