/* SPDX-License-Identifier: Apache-2.0 */
/*
 * age_armor.c: the text form of an age file: strict PEM (RFC 7468, figure 3) with padded base64 in 64 columns.
 *
 * Read is the one canonical form, with LF or CRLF as line ends throughout, and blanks before and after it. Must never
 * accept anything else inside: armor is what keeps a copied file from being altered unseen. Pure, thread-safe.
 */
#include <stdlib.h>

#include "age_internal.h"

static const xg_str BEGIN = XG_STR_INIT("-----BEGIN AGE ENCRYPTED FILE-----");
static const xg_str END = XG_STR_INIT("-----END AGE ENCRYPTED FILE-----");

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
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

bool xg_age_armor_is(xg_str text)
{
    return xg_str_starts_with(trim(text), BEGIN);
}

static bool take_cr(xg_str *line)
{
    if (line->len == 0 || line->ptr[line->len - 1] != '\r') {
        return false;
    }
    line->len--;
    return true;
}

bool xg_age_armor_read(xg_str text, uint8_t *out, size_t *ret_len)
{
    xg_str rest = trim(text);
    xg_str line = {NULL, 0};
    size_t len = 0;
    size_t line_len = XG_AGE_LINE_BYTES;
    if (!xg_age_text_take_line(&rest, &line)) {
        return false;
    }
    bool has_cr = take_cr(&line);
    if (!xg_str_eq(line, BEGIN)) {
        return false;
    }
    while (!xg_str_eq(rest, END)) {
        /* Only the last line may be shorter, and none is empty. */
        if (line_len != XG_AGE_LINE_BYTES || !xg_age_text_take_line(&rest, &line) || (has_cr && !take_cr(&line)) ||
            line.len == 0 || line.len > XG_AGE_COLUMNS ||
            !xg_age_text_decode(line, sodium_base64_VARIANT_ORIGINAL, out + len, XG_AGE_LINE_BYTES, &line_len)) {
            return false;
        }
        len += line_len;
    }
    *ret_len = len;
    return len > 0;
}

static size_t put(char *text, size_t at, xg_str line)
{
    memcpy(text + at, line.ptr, line.len);
    text[at + line.len] = '\n';
    return at + line.len + 1;
}

char *xg_age_armor_write(const uint8_t *bytes, size_t len, size_t *ret_len)
{
    size_t num_lines = (len + XG_AGE_LINE_BYTES - 1) / XG_AGE_LINE_BYTES;
    char *text = malloc(BEGIN.len + 1 + num_lines * (XG_AGE_COLUMNS + 1) + END.len + 2);
    if (text == NULL) {
        return NULL;
    }
    size_t at = put(text, 0, BEGIN);
    for (size_t i = 0; i < len; i += XG_AGE_LINE_BYTES) {
        size_t line_len = len - i < XG_AGE_LINE_BYTES ? len - i : XG_AGE_LINE_BYTES;
        (void)sodium_bin2base64(text + at, XG_AGE_COLUMNS + 1, bytes + i, line_len, sodium_base64_VARIANT_ORIGINAL);
        at += (line_len + 2) / 3 * 4;
        text[at++] = '\n';
    }
    at = put(text, at, END);
    text[at] = '\0';
    *ret_len = at;
    return text;
}
