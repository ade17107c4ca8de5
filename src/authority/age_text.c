/* SPDX-License-Identifier: Apache-2.0 */
/*
 * age_text.c: lines and base64, as armor and header of an age file need them.
 *
 * Must never accept two spellings of the same bytes, and never be given a secret. Pure, thread-safe.
 */
#include "age_internal.h"

bool xg_age_text_take_line(xg_str *rest, xg_str *ret_line)
{
    const char *end = rest->len == 0 ? NULL : memchr(rest->ptr, '\n', rest->len);
    if (end == NULL) {
        return false;
    }
    *ret_line = (xg_str){rest->ptr, (size_t)(end - rest->ptr)};
    *rest = xg_str_skip(*rest, ret_line->len + 1);
    return true;
}

bool xg_age_text_decode(xg_str s, int variant, uint8_t *out, size_t cap, size_t *ret_len)
{
    *ret_len = 0;
    for (size_t i = 0; i < s.len; i++) {
        /* libsodium 1.0.18 takes bytes from 0x80 on, as char is signed, for letters. */
        if ((unsigned char)s.ptr[i] >= 0x80) {
            return false;
        }
    }
    return s.len == 0 || sodium_base642bin(out, cap, s.ptr, s.len, NULL, ret_len, NULL, variant) == 0;
}
