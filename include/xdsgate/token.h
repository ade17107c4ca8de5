/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token.h: compact JWS, RS256 keys and verification, claims. Room: src/token.
 *
 * Knows tokens, not meshes: which key may verify a token, and what its claims must say, is decided above. The order of
 * use is the order below: split, header, key, signature, and only then claims ("verify first, parse after").
 *
 * Everything under "minting" at the end can hold private keys and is not linked into xdsgate.so.
 */
#ifndef XDSGATE_TOKEN_H
#define XDSGATE_TOKEN_H

#include "xdsgate/base.h"

/* The ABI's ceilings; configuration may lower each of them, never raise it. */
#define XG_CREDENTIAL_MAX 8192
#define XG_HEADER_MAX     1024
#define XG_KID_MAX        63
#define XG_JTI_MAX        127
#define XG_JSON_DEPTH_MAX 8
#define XG_TAG_KEYS_MAX   64
#define XG_TAG_VALUES_MAX 64

typedef struct xg_token_limits {
    size_t credential_bytes;
    size_t header_bytes; /* decoded */
    size_t kid_bytes;
    size_t jti_bytes;
    size_t json_depth;
    size_t tag_keys;
    size_t tag_values; /* of one key; also the entries of Scope */
} xg_token_limits;

extern const xg_token_limits XG_TOKEN_LIMITS_DEFAULT;

/* ---- jws.c: RFC 7515 section 7.1, compact serialization ---- */

/* A token taken apart. Holds its own decoded bytes (6 KiB): keep it on the stack of one call, do not copy it. */
typedef struct xg_jws {
    xg_str signing_input; /* borrowed from the credential: header segment, dot, payload segment */
    xg_str header;        /* decoded; these three point into bytes */
    xg_str payload;
    xg_str signature;
    uint8_t bytes[XG_CREDENTIAL_MAX / 4 * 3 + 8];
} xg_jws;

/* Three non-empty canonical base64url segments joined by two dots, within the limits. No allocation. Thread-safe. */
xg_result xg_jws_split(xg_str compact, const xg_token_limits *limits, xg_jws *ret_jws) XG_MUST_USE;

/* ---- header.c: the JOSE header, RFC 7515 section 4 ---- */

typedef struct xg_header {
    bool has_kid;
    size_t kid_len;
    char kid[XG_KID_MAX + 1]; /* unescaped, NUL-terminated too */
} xg_header;

/*
 * Reads the decoded header, without allocation. Demands one JSON object (see xg_json_check_object), alg exactly
 * "RS256", kid (if present) a string of 1 to kid_bytes bytes; refuses crit, b64, zip, enc, and every member that
 * carries or points to a key (jwk, jku, x5u, x5c, x5t, x5t#S256), and case variants of all of these. Other members are
 * ignored if they are strings, numbers or literals. The caller decides whether a missing kid matters. Thread-safe.
 */
xg_result xg_header_scan(xg_str json, const xg_token_limits *limits, xg_header *ret_header) XG_MUST_USE;

/* ---- crypto.c: what verifying needs beside a key ---- */

/*
 * Scratch numbers, one set for each processor. Nothing of it depends on the process's OpenSSL: neither openssl.cnf nor
 * a default engine or method changes a verdict. Create and free from any thread; use from all.
 */
typedef struct xg_crypto xg_crypto;

xg_result xg_crypto_new(xg_crypto **ret_crypto) XG_MUST_USE;
void xg_crypto_free(xg_crypto *crypto); /* every key made with it must be gone */

/* ---- pubkey.c: an RSA public key ---- */

typedef struct xg_pubkey xg_pubkey;

#define XG_FINGERPRINT_LEN 32

/*
 * A key from big-endian modulus and exponent. Lints: 2048 to 8192 bits, odd exponent from 65537 below 2^32, modulus
 * odd, no perfect power, no small factor, not of the ROCA form (hostile-input R3 to R7). That it is no prime is not
 * looked at: it would cost a hundred times the rest together. KEY_SIZE,
 * KEY_EXPONENT, KEY_WEAK, NO_MEMORY. Counted: one reference belongs to the caller.
 */
xg_result xg_pubkey_new(xg_crypto *crypto, const uint8_t *n, size_t n_len, const uint8_t *e, size_t e_len,
                        xg_pubkey **ret_key) XG_MUST_USE;
xg_pubkey *xg_pubkey_ref(xg_pubkey *key);
void xg_pubkey_unref(xg_pubkey *key);

/* SHA-256 over the DER of RSAPublicKey (RFC 8017 A.1.1): the same key has the same fingerprint in every encoding. */
const uint8_t *xg_pubkey_fingerprint(const xg_pubkey *key);
unsigned xg_pubkey_bits(const xg_pubkey *key);

/*
 * RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 section 3.3). The signature must be exactly as long as the modulus.
 * SIGNATURE_LENGTH, SIGNATURE_INVALID, NO_MEMORY or INTERNAL. No allocation once its scratch has grown to the key's
 * size. Any thread at once. Leaves OpenSSL's error queue as it was.
 */
xg_result xg_pubkey_verify(const xg_pubkey *key, xg_str signing_input, xg_str signature) XG_MUST_USE;

/* ---- keyfile.c: PEM to public key ---- */

/*
 * The one RSA key in a PEM text: RSA PUBLIC KEY (PKCS#1) or PUBLIC KEY (SPKI). RSA PRIVATE KEY and PRIVATE KEY are
 * accepted too and reduced to their public half; the private half is wiped. Two blocks, other block types, encrypted
 * keys, trailing DER bytes, id-RSASSA-PSS and every lint of xg_pubkey_new are refusals: KEY_FILE, KEY_TYPE, KEY_*.
 */
xg_result xg_keyfile_parse(xg_crypto *crypto, xg_str pem, xg_pubkey **ret_key) XG_MUST_USE;

/* ---- claims.c: the payload, after the signature held ---- */

typedef enum xg_token_kind { XG_TOKEN_DATAPLANE = 1, XG_TOKEN_ZONE = 2 } xg_token_kind;

/*
 * The claims of one token. Slices borrow from the text that was parsed, or from storage: keep it on the stack of one
 * call, do not copy it. Nothing to release.
 */
typedef struct xg_claims {
    xg_str name;     /* dataplane; empty = unbound, as Kuma writes it */
    xg_str mesh;     /* dataplane */
    xg_str type;     /* dataplane */
    xg_str workload; /* dataplane */
    xg_str zone;     /* zone */
    xg_str tags;     /* dataplane: the inside of a checked object of arrays of strings; empty if it holds none */
    xg_str scope;    /* zone: the inside of a checked array of strings; empty if absent or null */
    xg_str jti;      /* empty if absent */
    bool has_exp;
    bool has_nbf;
    bool has_iat;
    int64_t exp;
    int64_t nbf;
    int64_t iat;
    xg_text unescaped; /* what of storage is in use */
    char storage[XG_CREDENTIAL_MAX / 4 * 3 + 8];
} xg_claims;

/*
 * One JSON object (see xg_json_check_object) whose known members have exactly the right name and type. Refused: a
 * member that differs from a known one only by case (Kuma folds U+017F and U+212A too), a member of another token kind,
 * null where a value belongs (Scope alone may be null: Kuma's issuer writes that), a NUL, a jti that no revocation list
 * could name. Unknown members are ignored. reterr_field receives the offending member's name, cut to its size; on
 * failure *ret_claims is empty. No allocation. Thread-safe.
 */
#define XG_CLAIM_FIELD_SIZE 64
xg_result xg_claims_parse(xg_str json, xg_token_kind kind, const xg_token_limits *limits, xg_claims *ret_claims,
                          char reterr_field[XG_CLAIM_FIELD_SIZE]) XG_MUST_USE;

/* ---- verified.c: tokens that verified before ---- */

/*
 * A bounded table from a token's bytes to what its verification established: that it is well-formed, that its signature
 * holds under the key of a fingerprint, and what it claims. Time, revocation, bindings are no part of that: they are
 * checked at every use. Everything here but new works without allocation, from any thread at once, and waits for
 * nobody.
 */
typedef struct xg_verified xg_verified;

#define XG_VERIFIED_MAX 1000000

xg_result xg_verified_new(size_t capacity, xg_verified **ret_cache) XG_MUST_USE; /* 1 to XG_VERIFIED_MAX; NO_MEMORY */
void xg_verified_free(xg_verified *cache);

/* SHA-256 of a token, keyed for one table. */
typedef struct xg_token_mark {
    uint64_t words[4];
} xg_token_mark;

void xg_verified_mark(const xg_verified *cache, xg_str token, xg_token_mark *ret_mark);

typedef struct xg_verified_token {
    xg_header *header;
    xg_claims *claims;
    uint8_t fingerprint[XG_FINGERPRINT_LEN]; /* of the key under which the signature holds */
} xg_verified_token;

/*
 * The token of this mark, if it was added for the same kind and epoch: fills the header and the claims that ret_token
 * points to (claims borrow from their own storage), and the fingerprint. When false, they hold nothing of use. The
 * epoch stands for the limits under which a token is read: it changes when they do, and what was added before is found
 * no more.
 */
bool xg_verified_find(xg_verified *cache, const xg_token_mark *mark, xg_token_kind kind, uint64_t epoch,
                      xg_verified_token *ret_token) XG_MUST_USE;
/* Adds a token whose signature held and whose claims were read. Too long a one, or one that comes while another is
 * being added to the same place, is not: it will be verified again. */
void xg_verified_add(xg_verified *cache, const xg_token_mark *mark, xg_token_kind kind, uint64_t epoch,
                     const xg_verified_token *token);

typedef struct xg_verified_counts {
    uint64_t hits;
    uint64_t misses;
    uint64_t evictions;
    size_t tokens;
    size_t capacity;
} xg_verified_counts;

void xg_verified_count(xg_verified *cache, bool is_hit); /* whether it spared a verification */
void xg_verified_read_counts(const xg_verified *cache, xg_verified_counts *ret_counts);

/* ---- minting: sign.c, mint.c; not in xdsgate.so ---- */

/* A private RSA key. Lives in memory that is not dumped; wiped by free. */
typedef struct xg_signer xg_signer;

xg_result xg_signer_generate(unsigned bits, xg_signer **ret_signer) XG_MUST_USE;
/* From a PEM text: RSA PRIVATE KEY or PRIVATE KEY, unencrypted. The caller wipes its own copy of the text. */
xg_result xg_signer_parse(xg_str pem, xg_signer **ret_signer) XG_MUST_USE;
/* The same, verifying with crypto, which must outlive the signer: for thousands of keys at once. */
xg_result xg_signer_parse_with(xg_crypto *crypto, xg_str pem, xg_signer **ret_signer) XG_MUST_USE;
void xg_signer_free(xg_signer *signer);
/* PEM of the private (RSA PRIVATE KEY, PKCS#1) or public (RSA PUBLIC KEY) half; from OpenSSL's secure functions, to be
 * wiped and freed with xg_signer_pem_free. */
xg_result xg_signer_private_pem(const xg_signer *signer, char **ret_pem, size_t *ret_len) XG_MUST_USE;
xg_result xg_signer_public_pem(const xg_signer *signer, char **ret_pem, size_t *ret_len) XG_MUST_USE;
void xg_signer_pem_free(char *pem, size_t len);
/* RSA PUBLIC KEY (PKCS#1) from whatever xg_keyfile_parse takes, under its rules; to be freed with
 * xg_signer_pem_free. */
xg_result xg_signer_public_of(xg_str pem, char **ret_pem, size_t *ret_len) XG_MUST_USE;
unsigned xg_signer_bits(const xg_signer *signer);
/* The public half, borrowed: it passed every lint of xg_pubkey_new. */
xg_pubkey *xg_signer_pubkey(const xg_signer *signer);
/* RSASSA-PKCS1-v1_5 with SHA-256 over input, verified with the public half before it is returned. ret_signature needs
 * room for XG_SIGNATURE_MAX bytes. Any thread at once. */
#define XG_SIGNATURE_MAX 1024
xg_result xg_signer_sign(const xg_signer *signer, xg_str input, uint8_t *ret_signature, size_t *ret_len) XG_MUST_USE;

/* What to put into a token; kuma-tokens 1.1. Empty slices and zero counts mean unbound. */
typedef struct xg_mint_tag {
    xg_str key;
    const xg_str *values;
    size_t num_values;
} xg_mint_tag;

typedef struct xg_mint_request {
    xg_token_kind kind;
    xg_str kid;
    xg_str name;
    xg_str mesh;
    xg_str type;
    xg_str workload;
    xg_str zone;
    const xg_mint_tag *tags; /* any order: written sorted, values sorted and without repeats */
    size_t num_tags;
    const xg_str *scopes; /* kept in order; num_scopes 0 with scopes NULL writes null, else [] */
    size_t num_scopes;
    int64_t now;             /* seconds; iat = nbf = now - 5, exp = now + valid_for, each rounded down */
    int64_t now_nanos;       /* 0 to 999,999,999: the fraction of now, which moves iat and nbf as Kuma's floor does */
    int64_t valid_for_nanos; /* Go's time.Duration; negative and zero give an expired token */
    xg_str jti;
} xg_mint_request;

/* Header and claims exactly as Kuma's issuer writes them (Go's encoder rules). Allocated; free with free. */
xg_result xg_mint_claims_json(const xg_mint_request *request, char **ret_json, size_t *ret_len) XG_MUST_USE;
/* The token of claims that were made before, by xg_mint_claims_json: with the same key the same bytes. Allocated; free
 * with free. */
xg_result xg_mint_sign_claims(xg_str kid, xg_str claims, const xg_signer *signer, char **ret_token,
                              size_t *ret_len) XG_MUST_USE;
/* The compact token, verified with the public half before it is returned. Allocated; free with free. */
xg_result xg_mint_token(const xg_mint_request *request, const xg_signer *signer, char **ret_token,
                        size_t *ret_len) XG_MUST_USE;

#endif /* XDSGATE_TOKEN_H */
