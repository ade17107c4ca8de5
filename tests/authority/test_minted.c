/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_minted.c: a token that was made is read back as the plugin reads it, and its row in the ledger says the same;
 * from the row come the same bytes again; what no plugin would read is no token. One thread.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "../fixture.h"
#include "xdsgate/minted.h"

#define HOUR INT64_C(3600000000000)

static xg_signer *signer;
static xg_signer *other_signer;
static xg_minted minted; /* too large for a stack */
static xg_minted again;

static xg_mint_request dataplane(void)
{
    static const xg_str VALUES[] = {XG_STR_INIT("web"), XG_STR_INIT("api")};
    static const xg_mint_tag TAGS[] = {{.key = XG_STR_INIT("kuma.io/service"), .values = VALUES, .num_values = 2}};
    return (xg_mint_request){.kind = XG_TOKEN_DATAPLANE,
                             .kid = XG_STR("1"),
                             .mesh = XG_STR("m1"),
                             .name = XG_STR("web-1"),
                             .workload = XG_STR("web"),
                             .tags = TAGS,
                             .num_tags = 1,
                             .now = 1800000000,
                             .valid_for_nanos = HOUR,
                             .jti = XG_STR("j-1")};
}

static xg_mint_request zone(void)
{
    static const xg_str SCOPES[] = {XG_STR_INIT("egress"), XG_STR_INIT("ingress")};
    return (xg_mint_request){.kind = XG_TOKEN_ZONE,
                             .kid = XG_STR("k"),
                             .zone = XG_STR("east"),
                             .scopes = SCOPES,
                             .num_scopes = 2,
                             .now = 1800000000,
                             .valid_for_nanos = HOUR,
                             .jti = XG_STR("j-2")};
}

static void assert_text(xg_str text, const char *expected)
{
    assert_int_equal(text.len, strlen(expected));
    assert_memory_equal(text.ptr, expected, text.len);
}

static void assert_digest(const char *hex, const void *bytes, size_t len)
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    char expected[crypto_hash_sha256_BYTES * 2 + 1];
    crypto_hash_sha256(digest, bytes, len);
    sodium_bin2hex(expected, sizeof(expected), digest, sizeof(digest));
    assert_string_equal(hex, expected);
}

static void test_the_row_says_what_the_token_says(void **state)
{
    xg_mint_request request = dataplane();
    xg_ledger_entry entry;
    (void)state;
    assert_true(xg_is_ok(xg_minted_make(&request, signer, &minted)));
    xg_minted_entry(&minted, XG_TOKEN_DATAPLANE, XG_STR("mint"), 1800000007, &entry);
    assert_text(entry.purpose, "dataplane");
    assert_text(entry.mesh, "m1");
    assert_text(entry.zone, "");
    assert_text(entry.name, "web-1");
    assert_text(entry.workload, "web");
    assert_text(entry.tags, "{\"kuma.io/service\":[\"api\",\"web\"]}");
    assert_text(entry.jti, "j-1");
    assert_text(entry.kid, "1");
    assert_text(entry.origin, "mint");
    assert_int_equal(entry.minted_at, 1800000007);
    assert_int_equal(entry.issued_at, 1799999995);
    assert_int_equal(entry.expires_at, 1800003600);
    assert_digest(minted.fingerprint, minted.token, minted.len);
    assert_text(entry.fingerprint, minted.fingerprint);
    assert_int_equal(entry.key.len, 64);
    char *claims = NULL;
    size_t len = 0;
    assert_true(xg_is_ok(xg_mint_claims_json(&request, &claims, &len)));
    assert_text(entry.claims, claims);
    free(claims);
    xg_minted_done(&minted);
    assert_null(minted.token);
}

static void test_the_row_of_a_zone_token_holds_its_scope(void **state)
{
    xg_mint_request request = zone();
    xg_ledger_entry entry;
    (void)state;
    assert_true(xg_is_ok(xg_minted_make(&request, signer, &minted)));
    xg_minted_entry(&minted, XG_TOKEN_ZONE, XG_STR("generate"), 1, &entry);
    assert_text(entry.purpose, "zone");
    assert_text(entry.zone, "east");
    assert_text(entry.mesh, "");
    assert_text(entry.tags, "[\"egress\",\"ingress\"]");
    assert_text(entry.kid, "k");
    xg_minted_done(&minted);
}

static void test_no_bindings_are_an_empty_object(void **state)
{
    xg_mint_request request = dataplane();
    xg_ledger_entry entry;
    (void)state;
    request.num_tags = 0;
    request.name = request.workload = (xg_str){NULL, 0};
    assert_true(xg_is_ok(xg_minted_make(&request, signer, &minted)));
    xg_minted_entry(&minted, XG_TOKEN_DATAPLANE, XG_STR("mint"), 1, &entry);
    assert_text(entry.tags, "{}");
    assert_int_equal(entry.name.len, 0);
    assert_int_equal(entry.workload.len, 0);
    xg_minted_done(&minted);
}

static void test_the_row_gives_the_same_bytes_again(void **state)
{
    const xg_mint_request requests[] = {dataplane(), zone()};
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(requests); i++) {
        xg_ledger_entry entry;
        assert_true(xg_is_ok(xg_minted_make(&requests[i], signer, &minted)));
        xg_minted_entry(&minted, requests[i].kind, XG_STR("mint"), 1, &entry);
        assert_true(xg_is_ok(xg_minted_repeat(&entry, signer, &again)));
        assert_int_equal(again.len, minted.len);
        assert_memory_equal(again.token, minted.token, minted.len);
        assert_string_equal(again.fingerprint, minted.fingerprint);
        assert_string_equal(again.key, minted.key);
        xg_minted_done(&again);
        /* Another key makes another token, and says so. */
        assert_true(xg_is_ok(xg_minted_repeat(&entry, other_signer, &again)));
        assert_string_not_equal(again.fingerprint, minted.fingerprint);
        assert_string_not_equal(again.key, minted.key);
        xg_minted_done(&again);
        xg_minted_done(&minted);
    }
}

static void assert_no_token(const xg_mint_request *request, uint32_t reason, const char *field)
{
    xg_result result = xg_minted_make(request, signer, &minted);
    assert_int_equal(xg_result_reason(result), reason);
    assert_string_equal(minted.field, field);
    assert_null(minted.token);
}

static void test_what_no_plugin_would_read_is_no_token(void **state)
{
    char long_name[8192];
    static const xg_str JTIS[] = {XG_STR_INIT("a b"), XG_STR_INIT("a,b"), XG_STR_INIT("@a"), XG_STR_INIT("#a")};
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(JTIS); i++) {
        xg_mint_request request = dataplane();
        request.jti = JTIS[i];
        assert_no_token(&request, XG_REASON_CLAIMS_TYPE, "jti");
        request = zone();
        request.jti = JTIS[i];
        assert_no_token(&request, XG_REASON_CLAIMS_TYPE, "jti");
    }
    memset(long_name, 'a', sizeof(long_name));
    xg_mint_request request = dataplane();
    request.name = (xg_str){long_name, 253};
    assert_true(xg_is_ok(xg_minted_make(&request, signer, &minted)));
    xg_minted_done(&minted);
    request.name = (xg_str){long_name, sizeof(long_name)};
    xg_result result = xg_minted_make(&request, signer, &minted);
    assert_false(xg_is_ok(result));
    assert_null(minted.token);
}

static void test_a_damaged_row_gives_no_token(void **state)
{
    static const struct {
        const char *purpose;
        const char *claims;
    } ROWS[] = {
        {"dataplane", ""},
        {"dataplane", "{"},
        {"dataplane", "[]"},
        {"dataplane", "{\"Zone\":\"east\"}"},
        {"zone", "{\"Name\":\"\",\"Mesh\":\"m1\"}"},
        {"dataplane", "{\"Name\":\"\",\"Mesh\":\"m1\",\"Mesh\":\"m2\"}"},
    };
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        const xg_ledger_entry entry = {
            .purpose = xg_str_of(ROWS[i].purpose), .claims = xg_str_of(ROWS[i].claims), .kid = XG_STR("1")};
        assert_false(xg_is_ok(xg_minted_repeat(&entry, signer, &again)));
        assert_null(again.token);
    }
}

static void test_done_wipes_the_signature(void **state)
{
    static const xg_jws NOTHING;
    xg_mint_request request = dataplane();
    (void)state;
    assert_true(xg_is_ok(xg_minted_make(&request, signer, &minted)));
    assert_memory_not_equal(&minted.jws, &NOTHING, sizeof(NOTHING));
    xg_minted_done(&minted);
    assert_memory_equal(&minted.jws, &NOTHING, sizeof(NOTHING));
    xg_minted_done(&minted); /* twice is fine */
}

static int set_up(void **state)
{
    (void)state;
    return sodium_init() >= 0 && xg_is_ok(xg_signer_parse(xg_str_of(fixture_private_pem(FIXTURE_KEY_M1)), &signer)) &&
                   xg_is_ok(xg_signer_parse(xg_str_of(fixture_private_pem(FIXTURE_KEY_M2)), &other_signer))
               ? 0
               : -1;
}

static int tear_down(void **state)
{
    (void)state;
    xg_signer_free(signer);
    xg_signer_free(other_signer);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_row_says_what_the_token_says),
        cmocka_unit_test(test_the_row_of_a_zone_token_holds_its_scope),
        cmocka_unit_test(test_no_bindings_are_an_empty_object),
        cmocka_unit_test(test_the_row_gives_the_same_bytes_again),
        cmocka_unit_test(test_what_no_plugin_would_read_is_no_token),
        cmocka_unit_test(test_a_damaged_row_gives_no_token),
        cmocka_unit_test(test_done_wipes_the_signature),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
