/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fixture.c: a store, tokens and a configuration for tests of the whole decision. See fixture.h.
 *
 * Must never use what is tested: signatures and base64url come from libcrypto, JSON from format strings.
 */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "fixture_keys.h"

static _Atomic int64_t clock_now = FIXTURE_NOW;

static _Noreturn void give_up(const char *what)
{
    (void)fprintf(stderr, "fixture: cannot %s: %s\n", what, strerror(errno));
    exit(99);
}

__attribute__((format(printf, 1, 2))) static char *format_text(const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0) {
        give_up("allocate");
    }
    va_end(args);
    return text;
}

const char *fixture_public_pem(fixture_key key)
{
    static const char *const pems[] = {PUBLIC_M1, PUBLIC_M2, PUBLIC_ZONE};
    return pems[key];
}

const char *fixture_private_pem(fixture_key key)
{
    static const char *const pems[] = {PRIVATE_M1, PRIVATE_M2, PRIVATE_ZONE};
    return pems[key];
}

/* ---- the directory ---- */

static void make_folders(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, 0755) != 0 && errno != EEXIST) {
            give_up("make a folder");
        }
        *slash = '/';
    }
}

void fixture_write(const fixture *fx, const char *path, const void *bytes, size_t len)
{
    char *target = format_text("%s/%s", fx->store, path);
    make_folders(target);
    const char *name = strrchr(target, '/') + 1;
    char *temporary = format_text("%.*s.tmp-%s", (int)(name - target), target, name);
    FILE *file = fopen(temporary, "we");
    if (file == NULL || fwrite(bytes, 1, len, file) != len || fclose(file) != 0 || rename(temporary, target) != 0) {
        give_up("write a file of the store");
    }
    free(temporary);
    free(target);
}

void fixture_remove(const fixture *fx, const char *path)
{
    char *target = format_text("%s/%s", fx->store, path);
    if (remove(target) != 0) {
        give_up("remove a file of the store");
    }
    free(target);
}

static void write_key(const fixture *fx, const char *path, fixture_key key)
{
    fixture_write(fx, path, fixture_public_pem(key), strlen(fixture_public_pem(key)));
}

void fixture_init(fixture *fx)
{
    const char *parent = getenv("TMPDIR");
    (void)snprintf(fx->dir, sizeof(fx->dir), "%s/xdsgate-test-XXXXXX",
                   parent != NULL && strlen(parent) < 64 ? parent : "/tmp");
    if (mkdtemp(fx->dir) == NULL) {
        give_up("make a temporary folder");
    }
    (void)snprintf(fx->store, sizeof(fx->store), "%s/store", fx->dir);
    write_key(fx, "meshes/m1/keys/1.pem", FIXTURE_KEY_M1);
    write_key(fx, "meshes/m2/keys/1.pem", FIXTURE_KEY_M2);
    write_key(fx, "zone/keys/1.pem", FIXTURE_KEY_ZONE);
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *position)
{
    (void)st;
    (void)kind;
    (void)position;
    return remove(path);
}

void fixture_done(fixture *fx)
{
    if (nftw(fx->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS) != 0) {
        give_up("remove the temporary folder");
    }
}

char *fixture_config(const fixture *fx, const char *more)
{
    return format_text("{\"store\":\"%s\",\"zone\":\"east\"%s}", fx->store, more);
}

/* ---- tokens ---- */

static char *encode(const void *bytes, size_t len)
{
    char *text = malloc((len + 2) / 3 * 4 + 1);
    if (text == NULL) {
        give_up("allocate");
    }
    int n = EVP_EncodeBlock((unsigned char *)text, bytes, (int)len);
    while (n > 0 && text[n - 1] == '=') {
        text[--n] = '\0';
    }
    for (char *c = text; *c != '\0'; c++) {
        *c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
    }
    return text;
}

static EVP_PKEY *load_key(fixture_key key)
{
    BIO *bio = BIO_new_mem_buf(fixture_private_pem(key), -1);
    EVP_PKEY *pkey = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    if (pkey == NULL) {
        give_up("read the test key");
    }
    return pkey;
}

static char *sign_text(fixture_key key, const char *text)
{
    unsigned char signature[1024];
    size_t len = sizeof(signature);
    EVP_PKEY *pkey = load_key(key);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (ctx == NULL || EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, pkey) != 1 ||
        EVP_DigestSign(ctx, signature, &len, (const unsigned char *)text, strlen(text)) != 1) {
        give_up("sign");
    }
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(pkey);
    return encode(signature, len);
}

char *fixture_sign(fixture_key key, const char *header, const void *payload, size_t payload_len)
{
    char *header_text = encode(header, strlen(header));
    char *payload_text = encode(payload, payload_len);
    char *input = format_text("%s.%s", header_text, payload_text);
    char *signature = sign_text(key, input);
    char *token = format_text("%s.%s", input, signature);
    free(header_text);
    free(payload_text);
    free(input);
    free(signature);
    return token;
}

char *fixture_sign_claims(fixture_key key, const char *claims)
{
    return fixture_sign(key, "{\"alg\":\"RS256\",\"kid\":\"1\",\"typ\":\"JWT\"}", claims, strlen(claims));
}

/* Takes `claims` over. The times and the jti close every token, as Kuma writes them. */
static char *finish_token(fixture_key key, char *claims, const char *jti)
{
    char *whole =
        format_text("%s,\"exp\":%lld,\"nbf\":%lld,\"iat\":%lld,\"jti\":\"%s\"}", claims, (long long)FIXTURE_NOW + 3600,
                    (long long)FIXTURE_NOW - 5, (long long)FIXTURE_NOW - 5, jti);
    char *token = fixture_sign_claims(key, whole);
    free(claims);
    free(whole);
    return token;
}

char *fixture_dataplane_token(const char *jti)
{
    return finish_token(FIXTURE_KEY_M1,
                        format_text("{\"Name\":\"web-1\",\"Mesh\":\"m1\",\"Tags\":{\"kuma.io/service\":[\"web\"]},"
                                    "\"Type\":\"\",\"Workload\":\"web\""),
                        jti);
}

char *fixture_zone_token(const char *jti)
{
    return finish_token(FIXTURE_KEY_ZONE, format_text("{\"Zone\":\"east\",\"Scope\":[\"ingress\"]"), jti);
}

/* ---- requests, host ---- */

xg_str fixture_str(const char *text)
{
    return (xg_str){text, strlen(text)};
}

#define CONSTANT(text)                                                                                                 \
    {                                                                                                                  \
        text, sizeof(text) - 1                                                                                         \
    }

xg_request fixture_dataplane_request(const char *token)
{
    static const xg_tag tags[] = {{CONSTANT("kuma.io/service"), CONSTANT("web")}};
    static const xg_tag labels[] = {{CONSTANT("kuma.io/workload"), CONSTANT("web")},
                                    {CONSTANT("kuma.io/service"), CONSTANT("web")}};
    return (xg_request){
        .struct_size = sizeof(xg_request),
        .kind = XG_KIND_DATAPLANE,
        .credential = fixture_str(token),
        .node_id = CONSTANT("m1.web-1"),
        .mesh = CONSTANT("m1"),
        .name = CONSTANT("web-1"),
        .tags = tags,
        .num_tags = sizeof(tags) / sizeof(tags[0]),
        .labels = labels,
        .num_labels = sizeof(labels) / sizeof(labels[0]),
    };
}

xg_request fixture_zone_request(const char *token)
{
    return (xg_request){
        .struct_size = sizeof(xg_request),
        .kind = XG_KIND_ZONE_INGRESS,
        .credential = fixture_str(token),
        .name = CONSTANT("ingress-1"),
        .zone = CONSTANT("east"),
    };
}

static int64_t tell_time(uintptr_t cookie)
{
    (void)cookie;
    return atomic_load(&clock_now);
}

void fixture_set_now(int64_t now)
{
    atomic_store(&clock_now, now);
}

xg_host fixture_host(uint32_t abi)
{
    return (xg_host){.struct_size = sizeof(xg_host), .abi = abi, .now = tell_time};
}
