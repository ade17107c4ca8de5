/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base.h: results, slices, bounded text, strict base64url, strict JSON, safe files. Room: src/base.
 *
 * The bottom room. It knows nothing of tokens or meshes; of plugin-api it uses the vocabulary alone (xg_str and the
 * reason numbers). Must never log and never touch process-wide state. Thread rule: all functions are pure or work on
 * the caller's memory only.
 */
#ifndef XDSGATE_BASE_H
#define XDSGATE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "xdsgate_plugin.h"

#define XG_MUST_USE          __attribute__((warn_unused_result))
#define XG_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define XG_ARRAY_LEN(a)      (sizeof(a) / sizeof((a)[0]))
#define XG_UNSET             __attribute__((uninitialized)) /* kilobytes that are written before they are read */

/*
 * xg_result: the outcome of a step that can fail. A zero-initialised result is a failure: success has to be said.
 * Failures carry the ABI's reason number, XG_REASON_*.
 */
typedef struct xg_result {
    uint32_t code;
} xg_result;

#define XG_RESULT_SUCCESS 1u /* no reason has this number: reasons other than OK begin at 100 */
#define XG_OK             ((xg_result){XG_RESULT_SUCCESS})
#define XG_FAIL(NAME)     ((xg_result){XG_REASON_##NAME})

/* Leaves the calling function with the failure of expr, if it failed. */
#define XG_TRY(expr)                                                                                                   \
    do {                                                                                                               \
        xg_result xg_try_result_ = (expr);                                                                             \
        if (!xg_is_ok(xg_try_result_)) {                                                                               \
            return xg_try_result_;                                                                                     \
        }                                                                                                              \
    } while (0)

/* Leaves the calling function with reason NAME unless cond holds. */
#define XG_CHECK(cond, NAME)                                                                                           \
    do {                                                                                                               \
        if (!(cond)) {                                                                                                 \
            return XG_FAIL(NAME);                                                                                      \
        }                                                                                                              \
    } while (0)

static inline bool xg_is_ok(xg_result result)
{
    return result.code == XG_RESULT_SUCCESS;
}

/* The ABI's reason number of a result. A result that was never set is XG_REASON_INTERNAL. */
static inline uint32_t xg_result_reason(xg_result result)
{
    if (xg_is_ok(result)) {
        return XG_REASON_OK;
    }
    return result.code == 0 ? XG_REASON_INTERNAL : result.code;
}

/* ---- reason.c: the table made from reasons.def ---- */

typedef struct xg_reason_info {
    uint32_t number;
    uint32_t grpc_status;
    const char *name;
    const char *text;
    const char *help;
} xg_reason_info;

/* The entry of `number`; of XG_REASON_INTERNAL if there is none. Never NULL. */
const xg_reason_info *xg_reason_find(uint32_t number);

/* ---- str.c: slices ---- */

#define XG_STR(literal) ((xg_str)XG_STR_INIT(literal))
#define XG_STR_INIT(literal)                                                                                           \
    {                                                                                                                  \
        "" literal, sizeof(literal) - 1                                                                                \
    } /* for tables of constants */

xg_str xg_str_of(const char *text); /* NULL gives an empty slice */
int xg_str_cmp(xg_str a, xg_str b); /* byte order; a prefix sorts first */

static inline bool xg_str_eq(xg_str a, xg_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool xg_str_starts_with(xg_str s, xg_str prefix)
{
    return s.len >= prefix.len && xg_str_eq((xg_str){s.ptr, prefix.len}, prefix);
}

static inline xg_str xg_str_skip(xg_str s, size_t n) /* n <= s.len */
{
    return n == 0 ? s : (xg_str){s.ptr + n, s.len - n};
}

/* Valid UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF). */
bool xg_str_is_utf8(xg_str s);
/* Valid UTF-8 without C0 control bytes and DEL: what a name may hold. */
bool xg_str_is_clean(xg_str s);
/* How many bytes s begins with that are ASCII, no C0 control bytes, and not `except` (which is ASCII too). Eight at a
 * time: practically all that is read is of such. */
size_t xg_str_count_plain(xg_str s, char except);
/* A decimal number of an integer type, no sign, no leading zero, no more than max. */
bool xg_str_to_u64(xg_str s, uint64_t max, uint64_t *ret_value);

/* ---- text.c: bounded text for people ---- */

/*
 * xg_text: a NUL-terminated ASCII text in caller storage. What does not fit is cut and `is_cut` says so; the buffer
 * always stays terminated. A capacity of 0 is allowed and stores nothing.
 */
typedef struct xg_text {
    char *ptr;
    size_t cap;
    size_t len;
    bool is_cut;
} xg_text;

void xg_text_init(xg_text *text, char *storage, size_t cap);
void xg_text_add(xg_text *text, xg_str s); /* bytes as they are: trusted text only */
void xg_text_printf(xg_text *text, const char *format, ...) XG_PRINTF(2, 3);
/*
 * Adds s between single quotes. Anything but printable ASCII, the quote and the backslash becomes \xNN; if the escaped
 * form is longer than max_len characters its middle is replaced by "...", so both ends stay readable.
 */
void xg_text_quote(xg_text *text, xg_str s, size_t max_len);

/* ---- b64url.c: RFC 4648 section 5 without padding, canonical form only (RFC 7515 section 2) ---- */

/*
 * Decodes s. Refuses any byte outside the alphabet (so also padding, blanks and line ends), a length of 1 modulo 4,
 * and final bits that are not zero. out must have room for s.len / 4 * 3 + 2 bytes; nothing is said about its content
 * on failure. True on success.
 */
bool xg_b64url_decode(xg_str s, uint8_t *out, size_t *ret_len) XG_MUST_USE;
/* Encodes len bytes. out must have room for (len * 4 + 2) / 3 + 1 characters; NUL-terminated. Returns the length. */
size_t xg_b64url_encode(const uint8_t *bytes, size_t len, char *out);

/* ---- json.c: strict JSON, read where it lies, without allocation ---- */

typedef enum xg_json_kind {
    XG_JSON_NULL = 1,
    XG_JSON_FALSE,
    XG_JSON_TRUE,
    XG_JSON_INTEGER,
    XG_JSON_STRING,
    XG_JSON_ARRAY,
    XG_JSON_OBJECT
} xg_json_kind;

/* One value of a checked text, borrowed from it: what stands between its quotes or brackets, or its letters. Of a
 * string, escapes are still in it. */
typedef struct xg_json {
    xg_json_kind kind;
    xg_str raw;
} xg_json;

typedef struct xg_json_limits {
    size_t depth;   /* of nesting, the object itself counting 1 */
    size_t members; /* of all objects that are open at one place, XG_JSON_MEMBERS_MAX at most */
} xg_json_limits;

#define XG_JSON_MEMBERS_MAX 256

/*
 * Checks that text is one JSON object (RFC 8259) and nothing else. Refused, for the reason `refusal`: members that
 * repeat at any depth, also by other escapes; what is beyond the limits; numbers with a fraction or exponent, and
 * integers beyond 64 bits; invalid UTF-8, NUL in any form, lone surrogates. *ret_object only on success. reterr (may be
 * NULL) receives line, column and what is wrong.
 */
xg_result xg_json_check_object(xg_str text, xg_json_limits limits, uint32_t refusal, xg_json *ret_object,
                               xg_text *reterr) XG_MUST_USE;

/* The values of a checked array one by one: *rest begins as its raw. False at the end. */
bool xg_json_next(xg_str *rest, xg_json *ret_value);
/* The members of a checked object one by one: *rest begins as its raw. False at the end. */
bool xg_json_next_member(xg_str *rest, xg_json *ret_name, xg_json *ret_value);
size_t xg_json_count(const xg_json *container); /* members or items */

/* Whether value is a string that stands for exactly these bytes. */
bool xg_json_is(const xg_json *value, xg_str text);
int xg_json_cmp(const xg_json *a, const xg_json *b); /* of two strings: the byte order of what they stand for */
bool xg_json_has_escape(const xg_json *string);
/* Adds the bytes that a string stands for, as they are. */
void xg_json_decode(const xg_json *string, xg_text *text);
bool xg_json_to_int64(const xg_json *value, int64_t *ret_value); /* false if it is no integer */

/* ---- file.c: files that others may be writing to ---- */

/*
 * Opens path, relative to directory dirfd and not above it: symbolic links are followed as long as they stay below
 * (Kubernetes projects Secrets through ..data links), everything is O_CLOEXEC|O_NONBLOCK. Needs
 * openat2 (Linux 5.6): without it nothing opens (ENOSYS). Returns the descriptor, or -1 with errno.
 */
int xg_file_open_beneath(int dirfd, const char *path, int flags) XG_MUST_USE;
/*
 * Reads a whole regular file of at most max bytes into fresh memory (free with free; NUL-terminated beyond len).
 * 0, or an errno value: EFBIG too long, EINVAL not a regular file, ESTALE changed while it was read.
 */
int xg_file_read_all(int fd, size_t max, char **ret_bytes, size_t *ret_len) XG_MUST_USE;

/* ---- clock.c ---- */

int64_t xg_clock_wall(void); /* CLOCK_REALTIME, whole seconds rounded down */

/* "2026-01-02T03:04:05Z"; years outside 0 to 9999 are written as plain seconds. */
#define XG_CLOCK_TEXT_SIZE 80
xg_str xg_clock_format(int64_t seconds, char storage[XG_CLOCK_TEXT_SIZE]);
/* RFC 3339 in UTC, whole seconds ("…Z"). */
bool xg_clock_parse(xg_str s, int64_t *ret_seconds) XG_MUST_USE;

/* ---- duration.c: Go's time.ParseDuration, and instants ---- */

/* Go's syntax with d = 24 h in addition. Nanoseconds; false when it is none or does not fit. */
bool xg_duration_parse(xg_str s, int64_t *ret_nanos) XG_MUST_USE;
/* UNIX[.nanos]: seconds rounded down and the fraction above them, 0 to 999,999,999. */
bool xg_duration_parse_instant(xg_str s, int64_t *ret_seconds, int64_t *ret_nanos) XG_MUST_USE;

#endif /* XDSGATE_BASE_H */
