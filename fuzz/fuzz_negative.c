/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_negative.c: the negative control. A decoder with a fault put in on purpose: it masks the unused bits of the last
 * character away instead of refusing them, so that one text has several spellings. Input: the text to decode.
 *
 * Its corpus is free of such texts, so a fuzz run that does not report "accepted text encodes back to itself" within
 * its seconds is itself broken: wrong flags, no instrumentation, a property that no longer ends the process.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

static bool decode_carelessly(xg_str text, uint8_t *out, size_t *ret_len)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint32_t bits = 0;
    unsigned num_bits = 0;
    *ret_len = 0;
    for (size_t i = 0; i < text.len; i++) {
        const char *found = text.ptr[i] == '\0' ? NULL : strchr(alphabet, text.ptr[i]);
        if (found == NULL) {
            return false;
        }
        bits = (bits << 6 | (uint32_t)(found - alphabet)) & 0xFFFF;
        num_bits += 6;
        if (num_bits >= 8) {
            num_bits -= 8;
            out[(*ret_len)++] = (uint8_t)(bits >> num_bits);
        }
    }
    return text.len % 4 != 1; /* the fault: what is left in bits may be anything */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t len = 0;
    uint8_t *out = calloc(size + 1, 1);
    char *again = malloc((size * 4 + 2) / 3 + 1);
    FUZZ_REQUIRE(out != NULL && again != NULL, "harness: memory");
    if (decode_carelessly((xg_str){(const char *)data, size}, out, &len)) {
        FUZZ_REQUIRE(xg_b64url_encode(out, len, again) == size && memcmp(again, data, size) == 0,
                     "accepted text encodes back to itself");
    }
    free(again);
    free(out);
    return 0;
}
