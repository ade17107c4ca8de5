/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weakness.c: moduli that factor too easily.
 *
 * Owns three residue tests. Must never be the reason to trust a key: it only finds what generators got wrong.
 */
#include <openssl/bn.h>

#include "weakness.h"

#define ROCA_PRIME_LIMIT 167u
#define ROCA_GENERATOR   65537u

/* All primes below 1000. */
static const uint16_t PRIMES[] = {
    2,   3,   5,   7,   11,  13,  17,  19,  23,  29,  31,  37,  41,  43,  47,  53,  59,  61,  67,  71,  73,
    79,  83,  89,  97,  101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167, 173, 179, 181,
    191, 193, 197, 199, 211, 223, 227, 229, 233, 239, 241, 251, 257, 263, 269, 271, 277, 281, 283, 293, 307,
    311, 313, 317, 331, 337, 347, 349, 353, 359, 367, 373, 379, 383, 389, 397, 401, 409, 419, 421, 431, 433,
    439, 443, 449, 457, 461, 463, 467, 479, 487, 491, 499, 503, 509, 521, 523, 541, 547, 557, 563, 569, 571,
    577, 587, 593, 599, 601, 607, 613, 617, 619, 631, 641, 643, 647, 653, 659, 661, 673, 677, 683, 691, 701,
    709, 719, 727, 733, 739, 743, 751, 757, 761, 769, 773, 787, 797, 809, 811, 821, 823, 827, 829, 839, 853,
    857, 859, 863, 877, 881, 883, 887, 907, 911, 919, 929, 937, 941, 947, 953, 967, 971, 977, 983, 991, 997};

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

/* Several primes share one pass over the modulus: their product fits BN_mod_word's quick path, 32 bits. */
static bool has_small_factor(const BIGNUM *n)
{
    for (size_t first = 0; first < XG_ARRAY_LEN(PRIMES);) {
        uint64_t product = 1;
        size_t end = first;
        while (end < XG_ARRAY_LEN(PRIMES) && product * PRIMES[end] <= UINT32_MAX) {
            product *= PRIMES[end++];
        }
        unsigned r = residue(n, (unsigned)product);
        for (; first < end; first++) {
            if (r % PRIMES[first] == 0) {
                return true;
            }
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

/* A root of n is above 997 > 2^9, or n would have a small factor: that bounds the degree. */
static bool is_perfect_power(const BIGNUM *n)
{
    unsigned max_degree = (unsigned)BN_num_bits(n) / 9;
    for (size_t i = 0; i < XG_ARRAY_LEN(PRIMES) && PRIMES[i] <= max_degree; i++) {
        if (is_power_of_degree(n, PRIMES[i])) {
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
    for (size_t i = 1; PRIMES[i] <= ROCA_PRIME_LIMIT; i++) { /* without 2 */
        if (!is_in_subgroup(residue(n, PRIMES[i]), ROCA_GENERATOR % PRIMES[i], PRIMES[i])) {
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
