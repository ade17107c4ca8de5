/* SPDX-License-Identifier: Apache-2.0 */
/*
 * age.h: files in the age format, version 1, encrypted to one passphrase (C2SP age.md). Room: src/authority.
 *
 * Stock `age -d` opens what this writes, and this opens what `age -p` writes, armored or not. Plain text comes in
 * guarded memory (sodium_malloc). The results are written on XG_AGE_OK alone. Thread rule: pure functions, any thread
 * at once; each call needs the memory that its work factor asks for, 256 MiB at the default.
 */
#ifndef XDSGATE_AGE_H
#define XDSGATE_AGE_H

#include "xdsgate/base.h"

#define XG_AGE_WORK_DEFAULT 18 /* log2 of scrypt's N, with r = 8 and p = 1: what age itself takes */
#define XG_AGE_WORK_MIN     15 /* a file that asks for less is refused: it would not have been made with care */
#define XG_AGE_WORK_MAX     20 /* one that asks for more, too: 1 GiB is the most that a hostile file can cost */
#define XG_AGE_PLAIN_MAX    65536

typedef enum xg_age_status {
    XG_AGE_OK = 1,
    XG_AGE_FORMAT,     /* no age file, or a damaged header */
    XG_AGE_RECIPIENT,  /* an age file, but not for a passphrase alone */
    XG_AGE_WORK,       /* the work factor is outside the bounds above */
    XG_AGE_PASSPHRASE, /* none, or a wrong one (or its stanza was altered: that cannot be told apart) */
    XG_AGE_DAMAGED,    /* the passphrase is right, but what follows its stanza was altered or cut */
    XG_AGE_TOO_LONG,   /* more than XG_AGE_PLAIN_MAX bytes of plain text; seen before the passphrase is tried */
    XG_AGE_NO_MEMORY
} xg_age_status;

/* Whether text begins like an age file of any version: the binary header, or blanks and the first line of the armor. */
bool xg_age_is(xg_str text);
/* Armored text of plain, with a NUL behind it, to be released with free. The passphrase is any non-empty bytes. */
xg_age_status xg_age_encrypt(xg_str plain, xg_str passphrase, unsigned work, char **ret_text,
                             size_t *ret_len) XG_MUST_USE;
/* Plain text in guarded memory, with a NUL behind it, to be released with sodium_free. */
xg_age_status xg_age_decrypt(xg_str text, xg_str passphrase, char **ret_plain, size_t *ret_len) XG_MUST_USE;

#endif /* XDSGATE_AGE_H */
