/* SPDX-License-Identifier: Apache-2.0 */
/*
 * duration.c: lengths of time as Go writes them, and points in time.
 *
 * What a duration comes to has to agree with Go to the last nanosecond, or tokens would differ from Kuma's; so
 * fractions are scaled in binary64 in the very order Go does it. No strtod: the locale must not matter. Pure.
 */
#include "xdsgate/base.h"

/* Magnitudes go up to 2^63: the most negative duration has one more than the most positive. */
#define MAGNITUDE_MAX (UINT64_C(1) << 63)

typedef struct unit {
    xg_str name;
    uint64_t nanos;
} unit;

#define UNIT(name, nanos)                                                                                              \
    {                                                                                                                  \
        {"" name, sizeof(name) - 1}, UINT64_C(nanos)                                                                   \
    }
static const unit UNITS[] = {
    UNIT("ns", 1),
    UNIT("us", 1000),
    UNIT("\xc2\xb5s", 1000), /* micro sign */
    UNIT("\xce\xbcs", 1000), /* Greek mu */
    UNIT("ms", 1000000),
    UNIT("s", 1000000000),
    UNIT("m", 60000000000),
    UNIT("h", 3600000000000),
    UNIT("d", 86400000000000), /* not in Go */
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits before the point; false when they do not fit. */
static bool take_whole(xg_str *s, uint64_t *ret_value)
{
    uint64_t value = 0;
    while (s->len > 0 && is_digit(s->ptr[0])) {
        if (__builtin_mul_overflow(value, UINT64_C(10), &value) ||
            __builtin_add_overflow(value, (uint64_t)(s->ptr[0] - '0'), &value) || value > MAGNITUDE_MAX) {
            return false;
        }
        *s = xg_str_skip(*s, 1);
    }
    *ret_value = value;
    return true;
}

/* Digits after the point, as value / scale; digits beyond what fits are dropped, as Go does. */
static void take_fraction(xg_str *s, uint64_t *ret_value, double *ret_scale)
{
    uint64_t value = 0;
    double scale = 1;
    bool is_full = false;
    for (; s->len > 0 && is_digit(s->ptr[0]); *s = xg_str_skip(*s, 1)) {
        is_full = is_full || value > (MAGNITUDE_MAX - 1) / 10;
        if (!is_full) {
            value = value * 10 + (uint64_t)(s->ptr[0] - '0');
            scale *= 10;
        }
    }
    *ret_value = value;
    *ret_scale = scale;
}

/* The unit is everything up to the next digit or point: "1hour" is not 1h. */
static bool take_unit(xg_str *s, uint64_t *ret_nanos)
{
    size_t len = 0;
    while (len < s->len && s->ptr[len] != '.' && !is_digit(s->ptr[len])) {
        len++;
    }
    for (size_t i = 0; i < XG_ARRAY_LEN(UNITS); i++) {
        if (xg_str_eq((xg_str){s->ptr, len}, UNITS[i].name)) {
            *s = xg_str_skip(*s, len);
            *ret_nanos = UNITS[i].nanos;
            return true;
        }
    }
    return false;
}

/* One number with its unit, added to *total. */
static bool take_part(xg_str *s, uint64_t *total)
{
    uint64_t whole = 0;
    uint64_t fraction = 0;
    double scale = 1;
    uint64_t nanos = 0;
    size_t before = s->len;

    if (!take_whole(s, &whole)) {
        return false;
    }
    bool has_digits = s->len != before;
    if (s->len > 0 && s->ptr[0] == '.') {
        *s = xg_str_skip(*s, 1);
        before = s->len;
        take_fraction(s, &fraction, &scale);
        has_digits = has_digits || s->len != before;
    }
    if (!has_digits || !take_unit(s, &nanos) || __builtin_mul_overflow(whole, nanos, &whole)) {
        return false;
    }
    return !__builtin_add_overflow(whole, (uint64_t)((double)fraction * ((double)nanos / scale)), &whole) &&
           !__builtin_add_overflow(*total, whole, total) && *total <= MAGNITUDE_MAX;
}

static bool take_sign(xg_str *s)
{
    bool is_negative = s->len > 0 && s->ptr[0] == '-';
    if (is_negative || (s->len > 0 && s->ptr[0] == '+')) {
        *s = xg_str_skip(*s, 1);
    }
    return is_negative;
}

bool xg_duration_parse(xg_str s, int64_t *ret_nanos)
{
    uint64_t total = 0;
    bool is_negative = take_sign(&s);
    if (xg_str_eq(s, XG_STR("0"))) {
        *ret_nanos = 0;
        return true;
    }
    if (s.len == 0) {
        return false;
    }
    while (s.len > 0) {
        if (!take_part(&s, &total)) {
            return false;
        }
    }
    if (total > (is_negative ? MAGNITUDE_MAX : MAGNITUDE_MAX - 1)) {
        return false;
    }
    *ret_nanos = total == MAGNITUDE_MAX ? INT64_MIN : is_negative ? -(int64_t)total : (int64_t)total;
    return true;
}

/* Up to nine digits after the point, as nanoseconds. */
static bool take_nanos(xg_str *s, int64_t *ret_nanos)
{
    int64_t nanos = 0;
    int64_t weight = 100000000;
    if (s->len == 0 || s->len > 9) {
        return false;
    }
    for (; s->len > 0 && is_digit(s->ptr[0]); *s = xg_str_skip(*s, 1)) {
        nanos += weight * (s->ptr[0] - '0');
        weight /= 10;
    }
    *ret_nanos = nanos;
    return s->len == 0;
}

bool xg_duration_parse_instant(xg_str s, int64_t *ret_seconds, int64_t *ret_nanos)
{
    uint64_t whole = 0;
    int64_t nanos = 0;
    bool is_negative = take_sign(&s);
    size_t before = s.len;

    if (!take_whole(&s, &whole) || s.len == before || whole >= MAGNITUDE_MAX) {
        return false;
    }
    if (s.len > 0 && s.ptr[0] == '.') {
        s = xg_str_skip(s, 1);
        if (!take_nanos(&s, &nanos)) {
            return false;
        }
    }
    if (s.len > 0) {
        return false;
    }
    int64_t seconds = is_negative ? -(int64_t)whole : (int64_t)whole;
    if (is_negative && nanos > 0) {
        seconds -= 1; /* -1.5 is half a second above -2 */
        nanos = INT64_C(1000000000) - nanos;
    }
    *ret_seconds = seconds;
    *ret_nanos = nanos;
    return true;
}
