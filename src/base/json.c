/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json.c: JSON read where it lies, without allocation.
 *
 * Owns one strict grammar for the header, the claims and the configuration. A text is checked whole before anything of
 * it is looked at; afterwards its members are found by walking it. Ours and not a library's, because a decision rests
 * on it: jansson 2.14 goes on when its string buffer cannot grow (the result of strbuffer_append_byte is dropped), so
 * that under lack of memory a claim loses bytes, and a revoked id is no longer the one on the list. Here nothing can
 * run out. jansson is the oracle of the fuzz targets. Must never allocate, convert through the locale, or nest deeper
 * than told. Pure, thread-safe.
 */
#include <string.h>

#include "xdsgate/base.h"

/* ---- strings and their escapes ---- */

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The code unit of the four hex digits that s begins with; -1 if it does not. */
static int code_unit(xg_str s)
{
    int value = 0;
    for (size_t i = 0; i < 4; i++) {
        int digit = i < s.len ? hex_value(s.ptr[i]) : -1;
        if (digit < 0) {
            return -1;
        }
        value = value << 4 | digit;
    }
    return value;
}

static size_t put_utf8(uint32_t code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 63));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xe0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 63));
        out[2] = (char)(0x80 | (code & 63));
        return 3;
    }
    out[0] = (char)(0xf0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 63));
    out[2] = (char)(0x80 | (code >> 6 & 63));
    out[3] = (char)(0x80 | (code & 63));
    return 4;
}

/* \uXXXX, with its second half if it is a surrogate; *s stands behind the 'u'. NUL and lone halves are none. */
static size_t take_unicode_escape(xg_str *s, char out[4])
{
    int unit = code_unit(*s);
    if (unit <= 0 || (unit >= 0xdc00 && unit <= 0xdfff)) {
        return 0;
    }
    *s = xg_str_skip(*s, 4);
    if (unit < 0xd800 || unit > 0xdbff) {
        return put_utf8((uint32_t)unit, out);
    }
    int low = xg_str_starts_with(*s, XG_STR("\\u")) ? code_unit(xg_str_skip(*s, 2)) : -1;
    if (low < 0xdc00 || low > 0xdfff) {
        return 0;
    }
    *s = xg_str_skip(*s, 6);
    return put_utf8(0x10000 + ((uint32_t)(unit - 0xd800) << 10 | (uint32_t)(low - 0xdc00)), out);
}

/* Takes one byte, or one whole escape, off the inside of a string: its bytes in UTF-8. 0 if it is no escape. */
static size_t take_piece(xg_str *s, char out[4])
{
    static const char NAMES[] = "\"\\/bfnrt";
    static const char MEANINGS[] = "\"\\/\b\f\n\r\t";
    out[0] = s->ptr[0];
    *s = xg_str_skip(*s, 1);
    if (out[0] != '\\') {
        return 1;
    }
    if (s->len == 0) {
        return 0;
    }
    char c = s->ptr[0];
    *s = xg_str_skip(*s, 1);
    if (c == 'u') {
        return take_unicode_escape(s, out);
    }
    const char *name = c == '\0' ? NULL : strchr(NAMES, c);
    if (name == NULL) {
        return 0;
    }
    out[0] = MEANINGS[name - NAMES];
    return 1;
}

static bool has_escape(xg_str raw)
{
    return raw.len > 0 && memchr(raw.ptr, '\\', raw.len) != NULL;
}

/* Where a walk through what stands in a string is. */
typedef struct cursor {
    xg_str rest;
    char piece[4];
    size_t len;
    size_t at; /* in piece */
} cursor;

/* -1 at the end. */
static int next_byte(cursor *c)
{
    if (c->at == c->len) {
        c->len = c->rest.len > 0 ? take_piece(&c->rest, c->piece) : 0;
        c->at = 0;
    }
    return c->len > 0 ? (unsigned char)c->piece[c->at++] : -1;
}

/* Cuts off what both begin with, up to an escape. */
static void skip_common(xg_str *a, xg_str *b)
{
    size_t common = 0;
    while (common < a->len && common < b->len && a->ptr[common] == b->ptr[common] && a->ptr[common] != '\\') {
        common++;
    }
    *a = xg_str_skip(*a, common);
    *b = xg_str_skip(*b, common);
}

/* What stands in two strings, escapes or not: byte order, as xg_str_cmp. */
static int compare_raw(xg_str a, xg_str b)
{
    cursor left = {.rest = a}, right = {.rest = b};
    if (!has_escape(a) && !has_escape(b)) {
        return xg_str_cmp(a, b);
    }
    for (;;) {
        if (left.at == left.len && right.at == right.len) {
            skip_common(&left.rest, &right.rest);
        }
        int left_byte = next_byte(&left);
        int right_byte = next_byte(&right);
        if (left_byte != right_byte) {
            return left_byte < right_byte ? -1 : 1;
        }
        if (left_byte < 0) {
            return 0;
        }
    }
}

/* The same number for strings in which the same stands. Quick, not strong: anyone can make others that share it. */
static uint32_t mark_of(xg_str raw)
{
    uint32_t mark = 0;
    char piece[4];
    while (raw.len > 0) {
        size_t len = 1;
        piece[0] = raw.ptr[0];
        if (piece[0] == '\\') {
            len = take_piece(&raw, piece);
        } else {
            raw = xg_str_skip(raw, 1);
        }
        for (size_t i = 0; i < len; i++) {
            mark = (mark << 5 | mark >> 27) ^ (unsigned char)piece[i];
        }
    }
    return mark;
}

/* ---- the check ---- */

typedef struct reader {
    xg_str rest;
    xg_json_limits limits;
    const char *complaint; /* the first thing wrong, where rest begins */
    size_t num_names;
    xg_str names[XG_JSON_MEMBERS_MAX];   /* raw, of the objects that are open */
    uint32_t marks[XG_JSON_MEMBERS_MAX]; /* of these names: most differ, and need not be compared */
} reader;

static bool complain(reader *r, const char *complaint)
{
    r->complaint = complaint;
    return false;
}

static void skip_space(xg_str *s)
{
    while (s->len > 0 && (s->ptr[0] == ' ' || s->ptr[0] == '\t' || s->ptr[0] == '\r' || s->ptr[0] == '\n')) {
        *s = xg_str_skip(*s, 1);
    }
}

/* The next byte that is not white space, or NUL at the end (which no grammar rule accepts). */
static char peek(reader *r)
{
    skip_space(&r->rest);
    if (r->rest.len == 0) {
        return '\0';
    }
    return r->rest.ptr[0];
}

static bool take(reader *r, char c)
{
    if (peek(r) != c) {
        return false;
    }
    r->rest = xg_str_skip(r->rest, 1);
    return true;
}

/* The inside of a string up to its closing quote, which must be there; *s is left behind it. */
static bool take_raw(xg_str *s, xg_str *ret_raw)
{
    const char *quote = s->len > 0 ? memchr(s->ptr, '"', s->len) : NULL;
    if (quote == NULL) {
        return false;
    }
    size_t i = (size_t)(quote - s->ptr);
    if (has_escape((xg_str){s->ptr, i})) { /* the quote may be one of the string's own */
        for (i = 0; i < s->len && s->ptr[i] != '"';) {
            i += s->ptr[i] == '\\' ? 2 : 1;
        }
    }
    if (i >= s->len) {
        return false;
    }
    *ret_raw = (xg_str){s->ptr, i};
    *s = xg_str_skip(*s, i + 1);
    return true;
}

static bool check_raw(reader *r, xg_str raw)
{
    bool is_ascii = true;
    for (xg_str rest = xg_str_skip(raw, xg_str_count_plain(raw, '\\')); rest.len > 0;
         rest = xg_str_skip(rest, xg_str_count_plain(rest, '\\'))) {
        char piece[4];
        unsigned char c = (unsigned char)rest.ptr[0];
        if (c < 0x20) {
            return complain(r, "a control byte in a string");
        }
        is_ascii = is_ascii && c < 0x80;
        if (take_piece(&rest, piece) == 0) {
            return complain(r, "an escape that is none, or a NUL, in a string");
        }
    }
    return is_ascii || xg_str_is_utf8(raw) || complain(r, "a string that is not UTF-8");
}

static bool check_string(reader *r, xg_str *ret_raw)
{
    if (!take(r, '"')) {
        return complain(r, "expected a string");
    }
    if (!take_raw(&r->rest, ret_raw)) {
        return complain(r, "a string without end");
    }
    return check_raw(r, *ret_raw);
}

/* Digits that an int64_t holds; a text that claims more must not be read as less. */
static bool parse_integer(xg_str raw, int64_t *ret_value)
{
    bool is_negative = raw.len > 0 && raw.ptr[0] == '-';
    int64_t value = 0;
    for (size_t i = is_negative ? 1 : 0; i < raw.len; i++) {
        int64_t digit = raw.ptr[i] - '0';
        if (__builtin_mul_overflow(value, 10, &value) || (is_negative ? __builtin_sub_overflow(value, digit, &value)
                                                                      : __builtin_add_overflow(value, digit, &value))) {
            return false;
        }
    }
    *ret_value = value;
    return true;
}

static bool is_digit(xg_str s, size_t i)
{
    return i < s.len && s.ptr[i] >= '0' && s.ptr[i] <= '9';
}

/* RFC 8259 section 6, but for fractions and exponents: nothing of ours has any, and a double would not be exact. */
static bool check_integer(reader *r)
{
    xg_str s = r->rest;
    int64_t unused;
    size_t start = s.len > 0 && s.ptr[0] == '-' ? 1 : 0;
    size_t end = start;
    while (is_digit(s, end)) {
        end++;
    }
    if (end == start || (s.ptr[start] == '0' && end > start + 1)) {
        return complain(r, "expected a value");
    }
    if (end < s.len && (s.ptr[end] == '.' || (s.ptr[end] | 0x20) == 'e')) {
        return complain(r, "a number with a fraction or an exponent");
    }
    if (!parse_integer((xg_str){s.ptr, end}, &unused)) {
        return complain(r, "an integer of more than 64 bits");
    }
    r->rest = xg_str_skip(s, end);
    return true;
}

static bool check_literal(reader *r)
{
    static const xg_str LITERALS[] = {XG_STR_INIT("true"), XG_STR_INIT("false"), XG_STR_INIT("null")};
    for (size_t i = 0; i < XG_ARRAY_LEN(LITERALS); i++) {
        if (xg_str_starts_with(r->rest, LITERALS[i])) {
            r->rest = xg_str_skip(r->rest, LITERALS[i].len);
            return true;
        }
    }
    return complain(r, "expected a value");
}

static bool check_name(reader *r, size_t first)
{
    xg_str name;
    if (!check_string(r, &name)) {
        return false;
    }
    uint32_t mark = mark_of(name);
    for (size_t i = first; i < r->num_names; i++) {
        if (r->marks[i] == mark && compare_raw(r->names[i], name) == 0) {
            return complain(r, "a member that was there before");
        }
    }
    if (r->num_names >= r->limits.members || r->num_names == XG_JSON_MEMBERS_MAX) {
        return complain(r, "too many members");
    }
    r->marks[r->num_names] = mark;
    r->names[r->num_names++] = name;
    return true;
}

static bool check_value(reader *r, size_t depth);

/* Behind the opening brace of an object at `depth`. Its members' names are unique, whatever their escapes. */
static bool check_members(reader *r, size_t depth)
{
    size_t first = r->num_names;
    if (peek(r) != '}') {
        do {
            if (!check_name(r, first)) {
                return false;
            }
            if (!take(r, ':')) {
                return complain(r, "expected ':'");
            }
            if (!check_value(r, depth)) {
                return false;
            }
        } while (take(r, ','));
    }
    r->num_names = first;
    return take(r, '}') || complain(r, "expected ',' or '}'");
}

static bool check_items(reader *r, size_t depth)
{
    if (peek(r) != ']') {
        do {
            if (!check_value(r, depth)) {
                return false;
            }
        } while (take(r, ','));
    }
    return take(r, ']') || complain(r, "expected ',' or ']'");
}

/* A value inside `depth` containers. The recursion ends at limits.depth. */
static bool check_value(reader *r, size_t depth)
{
    xg_str unused;
    char c = peek(r);
    if (c == '"') {
        return check_string(r, &unused);
    }
    if (c != '{' && c != '[') {
        return c == '-' || (c >= '0' && c <= '9') ? check_integer(r) : check_literal(r);
    }
    if (depth >= r->limits.depth) {
        return complain(r, "nested too deep");
    }
    (void)take(r, c);
    return c == '{' ? check_members(r, depth + 1) : check_items(r, depth + 1);
}

static bool check_text(reader *r)
{
    if (peek(r) != '{') {
        return complain(r, "expected an object");
    }
    if (!check_value(r, 0)) {
        return false;
    }
    return (peek(r) == '\0' && r->rest.len == 0) || complain(r, "something behind the object");
}

static void explain(const reader *r, xg_str text, xg_text *reterr)
{
    size_t line = 1, column = 1;
    for (size_t i = 0; i < text.len - r->rest.len; i++) {
        column = text.ptr[i] == '\n' ? 1 : column + 1;
        line += text.ptr[i] == '\n' ? 1 : 0;
    }
    xg_text_printf(reterr, "line %zu, column %zu: %s", line, column, r->complaint);
}

xg_result xg_json_check_object(xg_str text, xg_json_limits limits, uint32_t refusal, xg_json *ret_object,
                               xg_text *reterr)
{
    reader r;
    r.rest = text;
    r.limits = limits;
    r.complaint = "";
    r.num_names = 0;
    if (!check_text(&r)) {
        if (reterr != NULL) {
            explain(&r, text, reterr);
        }
        return (xg_result){refusal};
    }
    xg_str rest = text;
    skip_space(&rest);
    (void)xg_json_next(&rest, ret_object);
    return XG_OK;
}

/* ---- walking a text that was checked ---- */

/* How long the container is that s begins with, its brackets included. Brackets in strings do not count. */
static size_t container_len(xg_str s)
{
    size_t depth = 0;
    xg_str rest = s;
    while (rest.len > 0) {
        xg_str skipped;
        char c = rest.ptr[0];
        rest = xg_str_skip(rest, 1);
        if (c == '"') {
            (void)take_raw(&rest, &skipped);
        } else if (c == '{' || c == '[') {
            depth++;
        } else if ((c == '}' || c == ']') && --depth == 0) {
            break;
        }
    }
    return s.len - rest.len;
}

static size_t scalar_len(xg_str s)
{
    size_t len = 0;
    while (len < s.len && memchr(",]} \t\r\n", s.ptr[len], 7) == NULL) {
        len++;
    }
    return len;
}

static xg_json_kind scalar_kind(char c)
{
    switch (c) {
    case 't':
        return XG_JSON_TRUE;
    case 'f':
        return XG_JSON_FALSE;
    case 'n':
        return XG_JSON_NULL;
    default:
        return XG_JSON_INTEGER;
    }
}

bool xg_json_next(xg_str *rest, xg_json *ret_value)
{
    while (rest->len > 0 && memchr(",: \t\r\n", rest->ptr[0], 6) != NULL) {
        *rest = xg_str_skip(*rest, 1);
    }
    if (rest->len == 0) {
        return false;
    }
    char c = rest->ptr[0];
    if (c == '"') {
        *rest = xg_str_skip(*rest, 1);
        ret_value->kind = XG_JSON_STRING;
        return take_raw(rest, &ret_value->raw);
    }
    bool is_container = c == '{' || c == '[';
    size_t len = is_container ? container_len(*rest) : scalar_len(*rest);
    ret_value->kind = c == '{' ? XG_JSON_OBJECT : c == '[' ? XG_JSON_ARRAY : scalar_kind(c);
    ret_value->raw = is_container ? (xg_str){rest->ptr + 1, len - 2} : (xg_str){rest->ptr, len};
    *rest = xg_str_skip(*rest, len);
    return true;
}

bool xg_json_next_member(xg_str *rest, xg_json *ret_name, xg_json *ret_value)
{
    return xg_json_next(rest, ret_name) && xg_json_next(rest, ret_value);
}

size_t xg_json_count(const xg_json *container)
{
    size_t count = 0;
    xg_json unused;
    xg_str rest = container->raw;
    while (xg_json_next(&rest, &unused)) {
        count++;
    }
    return container->kind == XG_JSON_OBJECT ? count / 2 : count;
}

bool xg_json_is(const xg_json *value, xg_str text)
{
    char piece[4];
    if (value->kind != XG_JSON_STRING) {
        return false;
    }
    if (!has_escape(value->raw)) {
        return xg_str_eq(value->raw, text);
    }
    for (xg_str rest = value->raw; rest.len > 0;) {
        size_t len = take_piece(&rest, piece);
        if (!xg_str_starts_with(text, (xg_str){piece, len})) {
            return false;
        }
        text = xg_str_skip(text, len);
    }
    return text.len == 0;
}

int xg_json_cmp(const xg_json *a, const xg_json *b)
{
    return compare_raw(a->raw, b->raw);
}

bool xg_json_has_escape(const xg_json *string)
{
    return has_escape(string->raw);
}

void xg_json_decode(const xg_json *string, xg_text *text)
{
    char piece[4];
    for (xg_str rest = string->raw; rest.len > 0;) {
        size_t len = take_piece(&rest, piece);
        xg_text_add(text, (xg_str){piece, len});
    }
}

bool xg_json_to_int64(const xg_json *value, int64_t *ret_value)
{
    return value->kind == XG_JSON_INTEGER && parse_integer(value->raw, ret_value);
}
