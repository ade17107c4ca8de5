/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyfile.c: PEM to public key.
 *
 * Owns the armour (OpenSSL's) and a strict reader for the four DER shapes an RSA key comes in. OpenSSL's own decoder
 * chain costs about 260 us a key, which a store of 20,000 keys cannot afford; the shapes are four, and the fuzz target
 * holds this reader against it. Must never keep private key bytes longer than the call. Thread-safe.
 */
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#include "xdsgate/token.h"

#define TAG_INTEGER      0x02
#define TAG_BIT_STRING   0x03
#define TAG_OCTET_STRING 0x04
#define TAG_SEQUENCE     0x30

/* SEQUENCE { OID rsaEncryption, NULL }, RFC 8017 A.1: the only algorithm of an RSA key without restrictions. */
static const uint8_t RSA_ENCRYPTION[] = {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                         0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00};

static uint8_t byte_at(xg_str s, size_t i)
{
    return (uint8_t)s.ptr[i];
}

/* Reads the length at the front of *in (X.690 section 10.1: definite, shortest form; below 65536 here) and steps
 * over it. */
static bool take_length(xg_str *in, size_t *ret_len)
{
    size_t len = in->len == 0 ? 0x80 : byte_at(*in, 0);
    size_t num_more = len < 0x80 ? 0 : len & 0x7f;
    if (len == 0x80 || num_more > 2 || in->len < 1 + num_more) {
        return false;
    }
    if (num_more > 0) {
        len = num_more == 1 ? byte_at(*in, 1) : (size_t)byte_at(*in, 1) << 8 | byte_at(*in, 2);
    }
    *in = xg_str_skip(*in, 1 + num_more);
    *ret_len = len;
    return num_more == 0 || len >= (num_more == 1 ? 0x80u : 0x100u);
}

/* Takes one DER element with this tag off the front of *in. */
static bool take(xg_str *in, uint8_t tag, xg_str *ret_content)
{
    size_t len = 0;
    if (in->len == 0 || byte_at(*in, 0) != tag) {
        return false;
    }
    *in = xg_str_skip(*in, 1);
    if (!take_length(in, &len) || len > in->len) {
        return false;
    }
    *ret_content = (xg_str){in->ptr, len};
    *in = xg_str_skip(*in, len);
    return true;
}

/* A non-negative INTEGER in its shortest form, without the sign byte. */
static bool take_unsigned(xg_str *in, xg_str *ret_value)
{
    if (!take(in, TAG_INTEGER, ret_value) || ret_value->len == 0 || byte_at(*ret_value, 0) >= 0x80) {
        return false;
    }
    if (byte_at(*ret_value, 0) == 0 && ret_value->len > 1) {
        *ret_value = xg_str_skip(*ret_value, 1);
        return byte_at(*ret_value, 0) >= 0x80;
    }
    return true;
}

static bool take_zero(xg_str *in)
{
    xg_str value;
    return take_unsigned(in, &value) && value.len == 1 && byte_at(value, 0) == 0;
}

typedef struct public_half {
    xg_str n;
    xg_str e;
} public_half;

/* RFC 8017 A.1.1: RSAPublicKey. */
static xg_result read_rsa_public(xg_str der, public_half *ret)
{
    xg_str body;
    XG_CHECK(take(&der, TAG_SEQUENCE, &body) && der.len == 0, KEY_FILE);
    XG_CHECK(take_unsigned(&body, &ret->n) && take_unsigned(&body, &ret->e) && body.len == 0, KEY_FILE);
    return XG_OK;
}

/* RFC 8017 A.1.2: RSAPrivateKey with two primes: version 0, n, e, and six numbers that are none of our business. */
static xg_result read_rsa_private(xg_str der, public_half *ret)
{
    xg_str body, skipped;
    XG_CHECK(take(&der, TAG_SEQUENCE, &body) && der.len == 0 && take_zero(&body), KEY_FILE);
    XG_CHECK(take_unsigned(&body, &ret->n) && take_unsigned(&body, &ret->e), KEY_FILE);
    for (int i = 0; i < 6; i++) {
        XG_CHECK(take_unsigned(&body, &skipped), KEY_FILE);
    }
    XG_CHECK(body.len == 0, KEY_FILE);
    return XG_OK;
}

static xg_result take_rsa_algorithm(xg_str *in)
{
    xg_str start = *in, skipped;
    XG_CHECK(take(in, TAG_SEQUENCE, &skipped), KEY_FILE);
    XG_CHECK(xg_str_starts_with(start, (xg_str){(const char *)RSA_ENCRYPTION, sizeof(RSA_ENCRYPTION)}), KEY_TYPE);
    return XG_OK;
}

/* RFC 5280 section 4.1: SubjectPublicKeyInfo. */
static xg_result read_spki(xg_str der, public_half *ret)
{
    xg_str body, bits;
    XG_CHECK(take(&der, TAG_SEQUENCE, &body) && der.len == 0, KEY_FILE);
    XG_TRY(take_rsa_algorithm(&body));
    XG_CHECK(take(&body, TAG_BIT_STRING, &bits) && body.len == 0, KEY_FILE);
    XG_CHECK(bits.len > 0 && byte_at(bits, 0) == 0, KEY_FILE); /* no unused bits */
    return read_rsa_public(xg_str_skip(bits, 1), ret);
}

/* RFC 5208: PrivateKeyInfo, without attributes. */
static xg_result read_pkcs8(xg_str der, public_half *ret)
{
    xg_str body, inner;
    XG_CHECK(take(&der, TAG_SEQUENCE, &body) && der.len == 0 && take_zero(&body), KEY_FILE);
    XG_TRY(take_rsa_algorithm(&body));
    XG_CHECK(take(&body, TAG_OCTET_STRING, &inner) && body.len == 0, KEY_FILE);
    return read_rsa_private(inner, ret);
}

static xg_result read_der(const char *block, xg_str der, public_half *ret)
{
    static const struct {
        const char *block;
        xg_result (*read)(xg_str der, public_half *ret);
    } READERS[] = {
        {"RSA PUBLIC KEY", read_rsa_public},
        {"PUBLIC KEY", read_spki},
        {"RSA PRIVATE KEY", read_rsa_private},
        {"PRIVATE KEY", read_pkcs8},
    };
    for (size_t i = 0; i < XG_ARRAY_LEN(READERS); i++) {
        if (strcmp(block, READERS[i].block) == 0) {
            return READERS[i].read(der, ret);
        }
    }
    return XG_FAIL(KEY_TYPE);
}

/*
 * One PEM block off the armour. PEM_FLAG_SECURE wipes OpenSSL's own buffers, which may have held a private key. The
 * other flag is what OpenSSL's readers use: without it, control bytes inside the base64 would count as blanks.
 */
typedef struct pem_block {
    char *name;
    char *header;
    unsigned char *der;
    long len;
} pem_block;

static bool read_block(BIO *armour, pem_block *ret)
{
    const unsigned flags = PEM_FLAG_SECURE | PEM_FLAG_EAY_COMPATIBLE;
    return PEM_read_bio_ex(armour, &ret->name, &ret->header, &ret->der, &ret->len, flags) == 1;
}

static void free_block(pem_block *block)
{
    size_t len = block->len > 0 ? (size_t)block->len : 0;
    OPENSSL_secure_free(block->name);
    OPENSSL_secure_free(block->header);
    OPENSSL_secure_clear_free(block->der, len);
}

/* True if no PEM block, not even a damaged one, follows the one that was read. */
static bool is_last_block(xg_str pem)
{
    static const char BEGIN[] = "-----BEGIN ";
    const char *first = memmem(pem.ptr, pem.len, BEGIN, sizeof(BEGIN) - 1);
    if (first == NULL) {
        return false;
    }
    xg_str rest = xg_str_skip(pem, (size_t)(first - pem.ptr) + 1);
    return memmem(rest.ptr, rest.len, BEGIN, sizeof(BEGIN) - 1) == NULL;
}

static xg_result parse_armour(xg_crypto *crypto, BIO *armour, xg_pubkey **ret_key)
{
    pem_block block = {0};
    public_half half = {0};
    xg_result result = XG_FAIL(KEY_FILE);
    if (read_block(armour, &block) && block.header[0] == '\0') {
        result = read_der(block.name, (xg_str){(const char *)block.der, (size_t)block.len}, &half);
    }
    if (xg_is_ok(result)) {
        result = xg_pubkey_new(crypto, (const uint8_t *)half.n.ptr, half.n.len, (const uint8_t *)half.e.ptr, half.e.len,
                               ret_key);
    }
    free_block(&block);
    return result;
}

xg_result xg_keyfile_parse(xg_crypto *crypto, xg_str pem, xg_pubkey **ret_key)
{
    XG_CHECK(pem.len > 0 && pem.len <= INT_MAX && is_last_block(pem), KEY_FILE);
    bool was_queue_empty = ERR_peek_error() == 0; /* else the host's errors could be taken for ours */
    (void)ERR_set_mark();
    BIO *armour = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    xg_result result = armour == NULL ? XG_FAIL(NO_MEMORY) : parse_armour(crypto, armour, ret_key);
    if (!xg_is_ok(result) && was_queue_empty && ERR_GET_REASON(ERR_peek_error()) == ERR_R_MALLOC_FAILURE) {
        result = XG_FAIL(NO_MEMORY);
    }
    BIO_free(armour);
    (void)ERR_pop_to_mark();
    return result;
}
