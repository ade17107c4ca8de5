/* SPDX-License-Identifier: Apache-2.0 */
/*
 * minted.c: a token that was just made, read back as xdsgate.so will read it, and its row in the ledger.
 *
 * Must never let a token through that the plugin's own parsers refuse. Any thread at once.
 */
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "xdsgate/minted.h"

static void fingerprint_of(xg_str bytes, char text[XG_LEDGER_FINGERPRINT_SIZE])
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(digest, (const unsigned char *)bytes.ptr, bytes.len);
    sodium_bin2hex(text, XG_LEDGER_FINGERPRINT_SIZE, digest, sizeof(digest));
}

static xg_result read_back(xg_token_kind kind, xg_minted *minted)
{
    xg_header header;
    xg_text text;
    bool is_zone = kind == XG_TOKEN_ZONE;
    const xg_token_limits *limits = &XG_TOKEN_LIMITS_DEFAULT;
    XG_TRY(xg_jws_split((xg_str){minted->token, minted->len}, limits, &minted->jws));
    XG_TRY(xg_header_scan(minted->jws.header, limits, &header));
    XG_TRY(xg_claims_parse(minted->jws.payload, kind, limits, &minted->claims, minted->field));
    memcpy(minted->kid, header.kid, sizeof(minted->kid));
    xg_text_init(&text, minted->tags, sizeof(minted->tags));
    xg_text_add(&text, is_zone ? XG_STR("[") : XG_STR("{"));
    xg_text_add(&text, is_zone ? minted->claims.scope : minted->claims.tags);
    xg_text_add(&text, is_zone ? XG_STR("]") : XG_STR("}"));
    XG_CHECK(!text.is_cut, INTERNAL);
    return XG_OK;
}

static xg_result finish(xg_result made, xg_token_kind kind, const xg_signer *signer, xg_minted *minted)
{
    xg_result result = xg_is_ok(made) ? read_back(kind, minted) : made;
    if (!xg_is_ok(result)) {
        xg_minted_done(minted);
        return result;
    }
    fingerprint_of((xg_str){minted->token, minted->len}, minted->fingerprint);
    sodium_bin2hex(minted->key, sizeof(minted->key), xg_pubkey_fingerprint(xg_signer_pubkey(signer)),
                   XG_FINGERPRINT_LEN);
    return XG_OK;
}

xg_result xg_minted_make(const xg_mint_request *request, const xg_signer *signer, xg_minted *ret_minted)
{
    ret_minted->token = NULL;
    ret_minted->field[0] = '\0';
    xg_result made = xg_mint_token(request, signer, &ret_minted->token, &ret_minted->len);
    return finish(made, request->kind, signer, ret_minted);
}

xg_result xg_minted_repeat(const xg_ledger_entry *entry, const xg_signer *signer, xg_minted *ret_minted)
{
    xg_token_kind kind = xg_str_eq(entry->purpose, XG_STR("zone")) ? XG_TOKEN_ZONE : XG_TOKEN_DATAPLANE;
    ret_minted->token = NULL;
    ret_minted->field[0] = '\0';
    xg_result made = xg_mint_sign_claims(entry->kid, entry->claims, signer, &ret_minted->token, &ret_minted->len);
    return finish(made, kind, signer, ret_minted);
}

void xg_minted_entry(const xg_minted *minted, xg_token_kind kind, xg_str origin, int64_t now,
                     xg_ledger_entry *ret_entry)
{
    const xg_claims *claims = &minted->claims;
    *ret_entry = (xg_ledger_entry){
        .purpose = kind == XG_TOKEN_ZONE ? XG_STR("zone") : XG_STR("dataplane"),
        .mesh = claims->mesh,
        .zone = claims->zone,
        .name = claims->name,
        .workload = claims->workload,
        .tags = xg_str_of(minted->tags),
        .jti = claims->jti,
        .kid = xg_str_of(minted->kid),
        .key = xg_str_of(minted->key),
        .claims = minted->jws.payload,
        .fingerprint = xg_str_of(minted->fingerprint),
        .origin = origin,
        .minted_at = now,
        .issued_at = claims->iat,
        .expires_at = claims->exp,
    };
}

void xg_minted_done(xg_minted *minted)
{
    if (minted->token != NULL) {
        sodium_memzero(minted->token, minted->len);
        free(minted->token);
    }
    sodium_memzero(&minted->jws, sizeof(minted->jws)); /* holds the signature */
    minted->token = NULL;
}
