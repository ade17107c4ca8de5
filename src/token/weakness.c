/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weakness.c: moduli that factor too easily.
 *
 * Owns three residue tests. A store has tens of thousands of keys, and these tests were half of what starting took when
 * each residue was a division of the whole modulus; now many small numbers share one pass over it, and a pass divides
 * nothing. Must never be the reason to trust a key: it only finds what generators got wrong. Thread-safe.
 */
#include <endian.h>
#include <openssl/bn.h>
#include <string.h>

#include "weakness.h"

#define DIGITS_MAX       (8192 / 64)
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

static bool is_prime(unsigned value) /* below 1000^2 */
{
    for (size_t i = 0; i < XG_ARRAY_LEN(PRIMES) && PRIMES[i] * PRIMES[i] <= value; i++) {
        if (value % PRIMES[i] == 0) {
            return false;
        }
    }
    return value > 1;
}

/* ---- residues ---- */

__extension__ typedef unsigned __int128 wide;

/* The modulus in 64-bit digits, the lowest first. */
typedef struct digits {
    size_t num;
    uint64_t at[DIGITS_MAX];
} digits;

static bool take_digits(const BIGNUM *n, digits *ret)
{
    uint8_t bytes[DIGITS_MAX * 8];
    if (BN_bn2binpad(n, bytes, sizeof(bytes)) != (int)sizeof(bytes)) {
        return false;
    }
    ret->num = 0;
    for (size_t i = 0; i < DIGITS_MAX; i++) {
        uint64_t digit;
        memcpy(&digit, bytes + sizeof(bytes) - (i + 1) * 8, 8);
        ret->at[i] = be64toh(digit);
        ret->num = ret->at[i] != 0 ? i + 1 : ret->num;
    }
    return true;
}

/* Arithmetic modulo an odd number below 2^63, after Montgomery: what is divided by is 2^64, and that is a shift. */
typedef struct field {
    uint64_t modulus;
    uint64_t inverse; /* of -modulus, modulo 2^64 */
} field;

static field field_of(uint64_t modulus)
{
    uint64_t inverse = modulus; /* right in its three lowest bits; each step doubles that */
    for (int i = 0; i < 5; i++) {
        inverse *= 2 - modulus * inverse;
    }
    return (field){.modulus = modulus, .inverse = 0 - inverse};
}

/* value / 2^64 modulo the field's, for value < 2^64 * modulus; not above it by more than 1. */
static uint64_t reduce(const field *fld, wide value)
{
    uint64_t zeroes = (uint64_t)value * fld->inverse; /* this many moduli more end in 64 bits of zero */
    return (uint64_t)((value + (wide)zeroes * fld->modulus) >> 64);
}

static uint64_t multiply(const field *fld, uint64_t a, uint64_t b)
{
    uint64_t product = reduce(fld, (wide)a * b);
    return product >= fld->modulus ? product - fld->modulus : product;
}

/*
 * n / 2^(64 * its digits) modulo the modulus of each field: zero modulo a prime exactly where n is. Each step needs the
 * one before it; several fields side by side keep the processor busy meanwhile.
 */
#define NUM_LANES 4
static void shrink_all(const field fields[NUM_LANES], const digits *n, uint64_t ret_rests[NUM_LANES])
{
    uint64_t rests[NUM_LANES] = {0};
    for (size_t i = 0; i < n->num; i++) {
        for (size_t lane = 0; lane < NUM_LANES; lane++) {
            rests[lane] = reduce(&fields[lane], (wide)rests[lane] + n->at[i]);
        }
    }
    for (size_t lane = 0; lane < NUM_LANES; lane++) {
        uint64_t modulus = fields[lane].modulus;
        ret_rests[lane] = rests[lane] >= modulus ? rests[lane] - modulus : rests[lane];
    }
}

/* The same of one field. */
static uint64_t shrink(const field *fld, const digits *n)
{
    uint64_t rest = 0;
    for (size_t i = 0; i < n->num; i++) {
        rest = reduce(fld, (wide)rest + n->at[i]);
    }
    return rest >= fld->modulus ? rest - fld->modulus : rest;
}

/* n modulo the field's. */
static uint64_t residue(const field *fld, const digits *n)
{
    uint64_t one = (0 - fld->modulus) % fld->modulus; /* 2^64: what stands for 1 here */
    uint64_t base = (uint64_t)((wide)one * one % fld->modulus);
    uint64_t scale = one;
    for (size_t exponent = n->num; exponent > 0; exponent >>= 1) {
        if ((exponent & 1) != 0) {
            scale = multiply(fld, scale, base);
        }
        base = multiply(fld, base, base);
    }
    return multiply(fld, shrink(fld, n), scale);
}

/* Takes another factor into the product of a field, if it fits. */
static bool grow(uint64_t *product, uint64_t factor)
{
    uint64_t grown;
    bool fits = !__builtin_mul_overflow(*product, factor, &grown) && grown <= UINT64_MAX / 2;
    *product = fits ? grown : *product;
    return fits;
}

/* ---- the tests ---- */

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

/* One of the primes from first on, before end, divides what left this rest. */
static bool has_factor(uint64_t rest, size_t first, size_t end)
{
    for (size_t i = first; i < end; i++) {
        if (rest % PRIMES[i] == 0) {
            return true;
        }
    }
    return false;
}

static bool has_small_factor(const digits *n)
{
    if (n->num == 0 || (n->at[0] & 1) == 0) {
        return true;
    }
    for (size_t first = 1; first < XG_ARRAY_LEN(PRIMES);) {
        field fields[NUM_LANES];
        uint64_t rests[NUM_LANES];
        size_t ends[NUM_LANES];
        size_t end = first;
        for (size_t lane = 0; lane < NUM_LANES; lane++) { /* the last ones may be left with no prime */
            uint64_t product = 1;
            while (end < XG_ARRAY_LEN(PRIMES) && grow(&product, PRIMES[end])) {
                end++;
            }
            fields[lane] = field_of(product);
            ends[lane] = end;
        }
        shrink_all(fields, n, rests);
        for (size_t lane = 0; lane < NUM_LANES; lane++) {
            if (has_factor(rests[lane], first, ends[lane])) {
                return true;
            }
            first = ends[lane];
        }
    }
    return false;
}

/*
 * For a prime q with k dividing q - 1, a k-th power is a k-th power modulo q too, which one number in k is. These are
 * such primes, one after the other.
 */
static unsigned next_witness(unsigned k, unsigned q)
{
    do {
        q += k == 2 ? 2 : 2 * k;
    } while (!is_prime(q));
    return q;
}

static unsigned first_witness(unsigned k)
{
    return next_witness(k, k == 2 ? 3 : 1);
}

static bool may_be_power(unsigned rest, unsigned k, unsigned q)
{
    return rest == 0 || power_modulo(rest, (q - 1) / k, q) == 1;
}

/* False if n is certainly not a k-th power, k prime. Enough witnesses leave a chance of 2^-40 for a good key to be
 * refused. */
static bool is_power_of_degree(const digits *n, unsigned k)
{
    double doubt = 1;
    for (unsigned q = first_witness(k); doubt > 0x1p-40; q = next_witness(k, q)) {
        field fld = field_of(q);
        if (!may_be_power((unsigned)residue(&fld, n), k, q)) {
            return false;
        }
        doubt /= k;
    }
    return true;
}

/*
 * A root of n is above 997 > 2^9, or n would have a small factor: that bounds the degree. The first witnesses of
 * several degrees share one pass; few degrees are left after them.
 */
static bool is_perfect_power(const digits *n, unsigned num_bits)
{
    enum { BATCH_MAX = 32 };
    size_t end = 0;
    while (end < XG_ARRAY_LEN(PRIMES) && PRIMES[end] <= num_bits / 9) {
        end++;
    }
    for (size_t first = 0; first < end;) {
        unsigned witnesses[BATCH_MAX];
        uint64_t product = 1;
        size_t num = 0;
        for (; num < BATCH_MAX && first + num < end; num++) {
            witnesses[num] = first_witness(PRIMES[first + num]);
            if (!grow(&product, witnesses[num])) {
                break;
            }
        }
        field fld = field_of(product);
        uint64_t rest = residue(&fld, n);
        for (size_t i = 0; i < num; i++, first++) {
            unsigned k = PRIMES[first];
            if (may_be_power((unsigned)(rest % witnesses[i]), k, witnesses[i]) && is_power_of_degree(n, k)) {
                return true;
            }
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
static bool is_roca(const digits *n)
{
    /* Modulo 2, 3, 5 and 7, everything that those do not divide is a power of 65537. */
    for (size_t i = 4; PRIMES[i] <= ROCA_PRIME_LIMIT; i++) {
        field fld = field_of(PRIMES[i]);
        if (!is_in_subgroup((unsigned)residue(&fld, n), ROCA_GENERATOR % PRIMES[i], PRIMES[i])) {
            return false;
        }
    }
    return true;
}

xg_result xg_weakness_check(const BIGNUM *number)
{
    digits n;
    unsigned num_bits = (unsigned)BN_num_bits(number);
    XG_CHECK(take_digits(number, &n), KEY_WEAK);
    XG_CHECK(!has_small_factor(&n) && !is_perfect_power(&n, num_bits) && !is_roca(&n), KEY_WEAK);
    return XG_OK;
}
