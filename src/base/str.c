/* SPDX-License-Identifier: Apache-2.0 */
/*
 * str.c: slices of bytes with a length.
 *
 * Owns no memory. Must never look for a NUL: the length is the truth (a claim may carry one). Pure, thread-safe.
 */
#include <string.h>

#include "xdsgate/base.h"

xg_str xg_str_of(const char *text)
{
    return (xg_str){text, text == NULL ? 0 : strlen(text)};
}

int xg_str_cmp(xg_str a, xg_str b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common == 0 ? 0 : memcmp(a.ptr, b.ptr, common);
    if (order != 0) {
        return order;
    }
    return (a.len > b.len) - (a.len < b.len);
}

/* The bytes that may follow a lead byte: their number, and the range of the first of them, which is where overlong
 * forms, surrogates and code points above U+10FFFF are told apart (RFC 3629 section 4). */
typedef struct utf8_lead {
    unsigned char first;
    unsigned char last;
    unsigned char num_more;
    unsigned char more_min;
    unsigned char more_max;
} utf8_lead;

static const utf8_lead UTF8_LEADS[] = {
    {0xc2, 0xdf, 1, 0x80, 0xbf}, {0xe0, 0xe0, 2, 0xa0, 0xbf}, {0xe1, 0xec, 2, 0x80, 0xbf}, {0xed, 0xed, 2, 0x80, 0x9f},
    {0xee, 0xef, 2, 0x80, 0xbf}, {0xf0, 0xf0, 3, 0x90, 0xbf}, {0xf1, 0xf3, 3, 0x80, 0xbf}, {0xf4, 0xf4, 3, 0x80, 0x8f},
};

/* The length of the multi-byte sequence at the start of s, or 0 if it is not a valid one. */
static size_t utf8_sequence(xg_str s)
{
    unsigned char lead = (unsigned char)s.ptr[0];
    for (size_t i = 0; i < XG_ARRAY_LEN(UTF8_LEADS); i++) {
        const utf8_lead *l = &UTF8_LEADS[i];
        if (lead < l->first || lead > l->last) {
            continue;
        }
        if (s.len <= l->num_more || (unsigned char)s.ptr[1] < l->more_min || (unsigned char)s.ptr[1] > l->more_max) {
            return 0;
        }
        for (size_t k = 2; k <= l->num_more; k++) {
            if (((unsigned char)s.ptr[k] & 0xc0) != 0x80) {
                return 0;
            }
        }
        return (size_t)l->num_more + 1;
    }
    return 0;
}

static bool is_utf8_from(xg_str s, unsigned char lowest)
{
    while (s.len > 0) {
        unsigned char c = (unsigned char)s.ptr[0];
        size_t step = 1;
        if (c >= 0x80) {
            step = utf8_sequence(s);
        } else if (c < lowest || (lowest > 0 && c == 0x7f)) {
            return false;
        }
        if (step == 0) {
            return false;
        }
        s = xg_str_skip(s, step);
    }
    return true;
}

bool xg_str_is_utf8(xg_str s)
{
    return is_utf8_from(s, 0);
}

bool xg_str_is_clean(xg_str s)
{
    return is_utf8_from(s, 0x20);
}

bool xg_str_to_u64(xg_str s, uint64_t max, uint64_t *ret_value)
{
    uint64_t value = 0;
    if (s.len == 0 || (s.len > 1 && s.ptr[0] == '0')) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9') {
            return false;
        }
        uint64_t digit = (uint64_t)(s.ptr[i] - '0');
        if (digit > max || value > (max - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *ret_value = value;
    return true;
}

size_t xg_str_count_plain(xg_str s, char except)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint64_t highs = UINT64_C(0x8080808080808080);
    size_t i = 0;
    for (; i + 8 <= s.len; i += 8) {
        uint64_t word;
        memcpy(&word, s.ptr + i, 8);
        uint64_t excepted = word ^ (ones * (unsigned char)except);
        /* A byte's high bit ends up set if it is above 0x7f, below 0x20, or excepted; at times one too many. */
        if (((word | (word - ones * 0x20) | (excepted - ones)) & highs) != 0) {
            break;
        }
    }
    while (i < s.len && (unsigned char)s.ptr[i] >= 0x20 && (unsigned char)s.ptr[i] < 0x80 && s.ptr[i] != except) {
        i++;
    }
    return i;
}
