/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text.c: bounded text for people.
 *
 * Owns nothing: the storage is the caller's. Must never let a byte that came from outside through unescaped, except by
 * xg_text_add, which is for trusted text. Thread rule: one text, one thread.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "xdsgate/base.h"

void xg_text_init(xg_text *text, char *storage, size_t cap)
{
    *text = (xg_text){.ptr = storage, .cap = storage == NULL ? 0 : cap};
    if (text->cap > 0) {
        text->ptr[0] = '\0';
    }
}

void xg_text_add(xg_text *text, xg_str s)
{
    size_t room = text->cap == 0 ? 0 : text->cap - 1 - text->len;
    if (s.len > room) {
        text->is_cut = true;
        s.len = room;
    }
    if (s.len == 0) {
        return;
    }
    memcpy(text->ptr + text->len, s.ptr, s.len);
    text->len += s.len;
    text->ptr[text->len] = '\0';
}

void xg_text_printf(xg_text *text, const char *format, ...)
{
    char line[1024];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    if (length < 0) {
        text->is_cut = true;
        return;
    }
    if ((size_t)length >= sizeof(line)) {
        text->is_cut = true;
        length = (int)sizeof(line) - 1;
    }
    xg_text_add(text, (xg_str){line, (size_t)length});
}

/* The escaped form of one byte: itself, or \xNN. Returns its length. */
static size_t escape(char c, char out[4])
{
    static const char HEX[] = "0123456789abcdef";
    unsigned char u = (unsigned char)c;
    if (u >= 0x20 && u < 0x7f && u != '\'' && u != '\\') {
        out[0] = c;
        return 1;
    }
    out[0] = '\\';
    out[1] = 'x';
    out[2] = HEX[u >> 4];
    out[3] = HEX[u & 15];
    return 4;
}

static size_t escaped_len(xg_str s)
{
    size_t total = 0;
    char out[4];
    for (size_t i = 0; i < s.len; i++) {
        total += escape(s.ptr[i], out);
    }
    return total;
}

static void add_escaped(xg_text *text, xg_str s)
{
    char out[4];
    for (size_t i = 0; i < s.len; i++) {
        size_t len = escape(s.ptr[i], out);
        xg_text_add(text, (xg_str){out, len});
    }
}

void xg_text_quote(xg_text *text, xg_str s, size_t max_len)
{
    xg_text_add(text, XG_STR("'"));
    if (escaped_len(s) <= max_len) {
        add_escaped(text, s);
    } else {
        /* Both ends carry meaning: names share a prefix, and differ at the end. */
        size_t half = max_len < 5 ? 1 : (max_len - 3) / 2;
        xg_str head = {s.ptr, s.len < half ? s.len : half};
        while (head.len > 1 && escaped_len(head) > half) {
            head.len--;
        }
        xg_str tail = xg_str_skip(s, s.len - (s.len < half ? s.len : half));
        while (tail.len > 1 && escaped_len(tail) > half) {
            tail = xg_str_skip(tail, 1);
        }
        add_escaped(text, head);
        xg_text_add(text, XG_STR("..."));
        add_escaped(text, tail);
    }
    xg_text_add(text, XG_STR("'"));
}
