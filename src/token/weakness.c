/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weakness.c: moduli that factor too easily.
 *
 * Owns three residue tests. Must never be the reason to trust a key: it only finds what generators got wrong.
 */
#include <openssl/bn.h>

#include "weakness.h"

#define FACTOR_LIMIT     1000u
#define ROCA_PRIME_LIMIT 167u
#define ROCA_GENERATOR   65537u

static bool is_prime(unsigned value)
{
    for (unsigned d = 2; d * d <= value; d++) {
        if (value % d == 0) {
            return false;
        }
    }
    return value > 1;
}

static unsigned residue(const BIGNUM *n, unsigned modulus)
{
    return (unsigned)BN_mod_word(n, modulus);
}

static uint64_t power_modulo(uint64_t base, unsigned exponent, unsigned modulus)
{
    uint64_t result = 1;
    for (; exponent > 0; exponent >>= 1) {
        if ((exponent & 1) != 0) {
            result = result * base % modulus;
        }
        base = base * base % modulus;
    }
    return result;
}

static bool has_small_factor(const BIGNUM *n)
{
    for (unsigned p = 2; p < FACTOR_LIMIT; p++) {
        if (is_prime(p) && residue(n, p) == 0) {
            return true;
        }
    }
    return false;
}

/*
 * False if n is certainly not a k-th power, k prime: for a prime q with k dividing q - 1, a k-th power is a k-th power
 * modulo q too, which one number in k is. Enough such q leave a chance of 2^-40 for a good key to be refused.
 */
static bool is_power_of_degree(const BIGNUM *n, unsigned k)
{
    double doubt = 1;
    for (unsigned q = 2 * k + 1; doubt > 0x1p-40; q += k == 2 ? 2 : 2 * k) {
        if (!is_prime(q)) {
            continue;
        }
        unsigned r = residue(n, q);
        if (r != 0 && power_modulo(r, (q - 1) / k, q) != 1) {
            return false;
        }
        doubt /= k;
    }
    return true;
}

/* A root of n is above FACTOR_LIMIT > 2^9, or n would have a small factor: that bounds the degree. */
static bool is_perfect_power(const BIGNUM *n)
{
    unsigned max_degree = (unsigned)BN_num_bits(n) / 9;
    for (unsigned k = 2; k <= max_degree; k++) {
        if (is_prime(k) && is_power_of_degree(n, k)) {
            return true;
        }
    }
    return false;
}

static bool is_in_subgroup(unsigned value, unsigned generator, unsigned p)
{
    unsigned element = 1;
    do {
        if (element == value) {
            return true;
        }
        element = element * generator % p;
    } while (element != 1);
    return false;
}

/* Both ROCA primes are powers of 65537 modulo each small prime, so their product is one too. A sound modulus is so for
 * all of these primes at once by chance in 2^-27 cases. */
static bool is_roca(const BIGNUM *n)
{
    for (unsigned p = 3; p <= ROCA_PRIME_LIMIT; p++) {
        if (is_prime(p) && !is_in_subgroup(residue(n, p), ROCA_GENERATOR % p, p)) {
            return false;
        }
    }
    return true;
}

xg_result xg_weakness_check(const BIGNUM *n)
{
    XG_CHECK(!has_small_factor(n) && !is_perfect_power(n) && !is_roca(n), KEY_WEAK);
    return XG_OK;
}
