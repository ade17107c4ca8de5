/* SPDX-License-Identifier: Apache-2.0 */
/*
 * b64url.c: base64url without padding, canonical form only (RFC 4648 sections 3.5 and 5, RFC 7515 section 2).
 *
 * Ours and not libsodium's because it stands before the signature check, on every byte a hostile peer sends: one table
 * look-up a byte instead of a constant-time computation, which has no secret to protect here. libsodium's decoder is
 * the oracle in the tests and the fuzz target. Must never accept two spellings of the same bytes. Pure, thread-safe.
 */
#include "xdsgate/base.h"

static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* 0 to 63, or -1 for a byte outside the alphabet, so that the sign of a combination tells if any was. */
#define NO -1
/* clang-format off */
static const int8_t VALUES[256] = {
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, 62, NO, NO,
    52, 53, 54, 55, 56, 57, 58, 59, 60, 61, NO, NO, NO, NO, NO, NO,
    NO,  0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14,
    15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, NO, NO, NO, NO, 63,
    NO, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
    41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, NO, NO, NO, NO, NO,
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
};
/* clang-format on */
#undef NO

static int value_of(xg_str s, size_t i)
{
    return VALUES[(unsigned char)s.ptr[i]];
}

/* The last two or three characters: one or two bytes, whose unused bits must be zero. */
static bool decode_tail(xg_str tail, uint8_t *out)
{
    int a = value_of(tail, 0);
    int b = value_of(tail, 1);
    if (tail.len == 2) {
        if ((a | b) < 0 || (b & 15) != 0) {
            return false;
        }
        out[0] = (uint8_t)(a << 2 | b >> 4);
        return true;
    }
    int c = value_of(tail, 2);
    if ((a | b | c) < 0 || (c & 3) != 0) {
        return false;
    }
    out[0] = (uint8_t)(a << 2 | b >> 4);
    out[1] = (uint8_t)((b & 15) << 4 | c >> 2);
    return true;
}

bool xg_b64url_decode(xg_str s, uint8_t *out, size_t *ret_len)
{
    size_t whole = s.len / 4 * 4;
    size_t rest = s.len - whole;
    uint8_t *at = out;
    if (rest == 1) {
        return false;
    }
    int any = 0; /* negative once a byte was outside the alphabet */
    for (size_t i = 0; i < whole; i += 4, at += 3) {
        int a = value_of(s, i);
        int b = value_of(s, i + 1);
        int c = value_of(s, i + 2);
        int d = value_of(s, i + 3);
        any |= a | b | c | d;
        at[0] = (uint8_t)((unsigned)a << 2 | (unsigned)b >> 4);
        at[1] = (uint8_t)((unsigned)b << 4 | (unsigned)c >> 2);
        at[2] = (uint8_t)((unsigned)c << 6 | (unsigned)d);
    }
    if (any < 0) {
        return false;
    }
    if (rest != 0) {
        if (!decode_tail(xg_str_skip(s, whole), at)) {
            return false;
        }
        at += rest - 1;
    }
    *ret_len = (size_t)(at - out);
    return true;
}

size_t xg_b64url_encode(const uint8_t *bytes, size_t len, char *out)
{
    size_t at = 0;
    for (size_t i = 0; i < len; i += 3) {
        size_t left = len - i;
        unsigned group = (unsigned)bytes[i] << 16;
        group |= left > 1 ? (unsigned)bytes[i + 1] << 8 : 0;
        group |= left > 2 ? (unsigned)bytes[i + 2] : 0;
        out[at++] = ALPHABET[group >> 18];
        out[at++] = ALPHABET[group >> 12 & 63];
        if (left > 1) {
            out[at++] = ALPHABET[group >> 6 & 63];
        }
        if (left > 2) {
            out[at++] = ALPHABET[group & 63];
        }
    }
    out[at] = '\0';
    return at;
}
