/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_engines.c: whoever sets the process's default engines and methods of OpenSSL, before a context is made or after,
 * decides nothing: the forged token is refused, the good one admitted, and nobody was asked.
 *
 * The engines here say of every signature that it is that of the forged token's input, and of all bytes that their
 * digest is that of the good token's input. An openssl.cnf can set the same.
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* engines are what this is about */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/engine.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>

#include "abi_support.h"

static fixture fx;
static xg_loader plugin;
static char *good;
static char *forged;        /* signed by the key of another mesh */
static char *other_payload; /* the good token's signature under other claims */
static unsigned num_asked;
static unsigned char good_digest[SHA256_DIGEST_LENGTH];

static size_t input_len(const char *token)
{
    return (size_t)(strrchr(token, '.') - token);
}

static int say_digest_of_forged(int len, const unsigned char *from, unsigned char *to, RSA *rsa, int padding)
{
    static const unsigned char INFO[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                         0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
    (void)len;
    (void)from;
    (void)rsa;
    (void)padding;
    num_asked++;
    memcpy(to, INFO, sizeof(INFO));
    (void)SHA256((const unsigned char *)forged, input_len(forged), to + sizeof(INFO));
    return (int)(sizeof(INFO) + SHA256_DIGEST_LENGTH);
}

static int digest_nothing(EVP_MD_CTX *context)
{
    (void)context;
    num_asked++;
    return 1;
}

static int digest_no_bytes(EVP_MD_CTX *context, const void *bytes, size_t len)
{
    (void)context;
    (void)bytes;
    (void)len;
    return 1;
}

static int say_digest_of_good(EVP_MD_CTX *context, unsigned char *out)
{
    (void)context;
    memcpy(out, good_digest, sizeof(good_digest));
    return 1;
}

static EVP_MD *lying_digest;

static int list_digests(ENGINE *engine, const EVP_MD **ret_digest, const int **ret_ids, int id)
{
    static const int IDS[] = {NID_sha256};
    (void)engine;
    if (ret_digest == NULL) {
        *ret_ids = IDS;
        return 1;
    }
    *ret_digest = id == NID_sha256 ? lying_digest : NULL;
    return id == NID_sha256 ? 1 : 0;
}

static void set_engines(void)
{
    RSA_METHOD *method = RSA_meth_dup(RSA_PKCS1_OpenSSL());
    ENGINE *engine = ENGINE_new();
    lying_digest = EVP_MD_meth_new(NID_sha256, NID_sha256WithRSAEncryption);
    assert_non_null(method);
    assert_non_null(engine);
    assert_non_null(lying_digest);
    (void)RSA_meth_set_pub_dec(method, say_digest_of_forged);
    (void)EVP_MD_meth_set_init(lying_digest, digest_nothing);
    (void)EVP_MD_meth_set_update(lying_digest, digest_no_bytes);
    (void)EVP_MD_meth_set_final(lying_digest, say_digest_of_good);
    (void)EVP_MD_meth_set_result_size(lying_digest, SHA256_DIGEST_LENGTH);
    (void)EVP_MD_meth_set_input_blocksize(lying_digest, SHA256_CBLOCK);
    (void)EVP_MD_meth_set_app_datasize(lying_digest, sizeof(SHA256_CTX));
    assert_true(ENGINE_set_id(engine, "liar") == 1 && ENGINE_set_name(engine, "liar") == 1);
    assert_true(ENGINE_set_RSA(engine, method) == 1 && ENGINE_set_digests(engine, list_digests) == 1);
    assert_true(ENGINE_add(engine) == 1 && ENGINE_set_default(engine, ENGINE_METHOD_ALL) == 1);
    RSA_set_default_method(method);
    (void)ENGINE_free(engine); /* the list of engines has it now, until the process ends */
}

static void assert_judged_alike(xg_ctx *ctx)
{
    xg_request request = fixture_dataplane_request(good);
    assert_int_equal(support_ask(&plugin, ctx, &request).reason, XG_REASON_OK);
    request = fixture_dataplane_request(forged);
    assert_int_equal(support_ask(&plugin, ctx, &request).reason, XG_REASON_SIGNATURE_INVALID);
    request = fixture_dataplane_request(other_payload);
    assert_int_equal(support_ask(&plugin, ctx, &request).reason, XG_REASON_SIGNATURE_INVALID);
}

static void test_default_engines_and_methods_decide_nothing(void **state)
{
    (void)state;
    xg_ctx *before = support_create(&plugin, &fx);
    assert_judged_alike(before);
    set_engines();
    num_asked = 0;
    assert_judged_alike(before);
    xg_ctx *after = support_create(&plugin, &fx);
    assert_judged_alike(after);
    assert_int_equal(num_asked, 0);

    /* The control: who asks OpenSSL the usual way is lied to. */
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    assert_int_equal(EVP_Digest("x", 1, digest, &len, EVP_sha256(), NULL), 1);
    assert_memory_equal(digest, good_digest, sizeof(good_digest));
    assert_true(num_asked > 0);
    assert_int_equal(plugin.auth.destroy(before), XG_REASON_OK);
    assert_int_equal(plugin.auth.destroy(after), XG_REASON_OK);
}

static char *join(const char *head, size_t head_len, const char *tail)
{
    size_t size = head_len + strlen(tail) + 1;
    char *text = malloc(size);
    assert_non_null(text);
    memcpy(text, head, head_len);
    memcpy(text + head_len, tail, size - head_len);
    return text;
}

static int set_up(void **state)
{
    static const char CLAIMS[] = "{\"Name\":\"web-1\",\"Mesh\":\"m1\",\"Workload\":\"web\",\"exp\":1800003600,"
                                 "\"jti\":\"forged\"}";
    (void)state;
    fixture_init(&fx);
    support_load(&plugin);
    good = fixture_dataplane_token("good");
    forged = fixture_sign_claims(FIXTURE_KEY_M2, CLAIMS);
    other_payload = join(forged, input_len(forged), strrchr(good, '.'));
    (void)SHA256((const unsigned char *)good, input_len(good), good_digest);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(good);
    free(forged);
    free(other_payload);
    xg_loader_close(&plugin);
    fixture_done(&fx);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_default_engines_and_methods_decide_nothing),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
