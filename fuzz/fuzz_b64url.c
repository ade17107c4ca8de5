/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_b64url.c: strict base64url. Input: the text to decode. Not thread-safe.
 *
 * Targets: xg_b64url_decode, xg_b64url_encode.
 * Properties: libsodium's strict decoder agrees, both ways; what is accepted encodes back to itself; any bytes survive
 * encoding and decoding; nothing beyond the documented room is written.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    xg_str text = {(const char *)data, size};
    size_t len = 0;
    size_t sodium_len = 0;
    uint8_t *out = malloc(size / 4 * 3 + 2);
    uint8_t *sodium_out = malloc(size + 1);
    char *again = malloc((size * 4 + 2) / 3 + 1);
    FUZZ_REQUIRE(out != NULL && sodium_out != NULL && again != NULL, "harness: memory");

    bool is_accepted = xg_b64url_decode(text, out, &len);
    FUZZ_REQUIRE(is_accepted == fuzz_sodium_decode(text, sodium_out, &sodium_len), "libsodium agrees");
    if (is_accepted) {
        FUZZ_REQUIRE(len == sodium_len && memcmp(out, sodium_out, len) == 0, "libsodium decodes to the same bytes");
        FUZZ_REQUIRE(xg_b64url_encode(out, len, again) == size && memcmp(again, data, size) == 0,
                     "accepted text encodes back to itself");
    }

    /* The other way round: the input as bytes. */
    size_t encoded_len = xg_b64url_encode(data, size, again);
    FUZZ_REQUIRE(encoded_len == (size * 4 + 2) / 3 && again[encoded_len] == '\0', "encoded length");
    uint8_t *back = malloc(encoded_len / 4 * 3 + 2);
    FUZZ_REQUIRE(back != NULL, "harness: memory");
    FUZZ_REQUIRE(xg_b64url_decode((xg_str){again, encoded_len}, back, &len) && len == size &&
                     memcmp(back, data, size) == 0,
                 "encoded bytes decode back to themselves");
    free(back);
    free(again);
    free(sodium_out);
    free(out);
    return 0;
}
