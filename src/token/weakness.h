/* SPDX-License-Identifier: Apache-2.0 */
/* weakness.h: the lint of RSA moduli, for this room alone. */
#ifndef XDSGATE_TOKEN_WEAKNESS_H
#define XDSGATE_TOKEN_WEAKNESS_H

#include <openssl/types.h>

#include "xdsgate/base.h"

/*
 * KEY_WEAK if it is above 8192 bits, even, has a prime factor below 1000, is a perfect power, or has the form that the
 * ROCA generator gave its moduli (CVE-2017-15361). OpenSSL's EVP_PKEY_public_check finds small factors and powers too,
 * in 4.5 ms a key; this takes less than a hundredth of that. Pure, thread-safe.
 */
xg_result xg_weakness_check(const BIGNUM *number) XG_MUST_USE;

#endif /* XDSGATE_TOKEN_WEAKNESS_H */
