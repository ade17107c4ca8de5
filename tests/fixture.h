/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fixture.h: a store, tokens and a configuration for tests of the whole decision.
 *
 * The store lives in a fresh directory: mesh "m1" kid 1, mesh "m2" kid 1 (another key), the zone's kid 1. Tokens are
 * signed here with libcrypto alone, so nothing that is tested is trusted. Every function ends the process with a
 * sentence when the machine does not play along; none returns a failure. Thread rule: signing and configuration texts
 * from any thread; everything that writes to the directory from one at a time.
 */
#ifndef XDSGATE_TESTS_FIXTURE_H
#define XDSGATE_TESTS_FIXTURE_H

#include <stddef.h>
#include <stdint.h>

#include "xdsgate_plugin.h"

/* The clock of every test: 2027-01-15T08:00:00Z. */
#define FIXTURE_NOW INT64_C(1800000000)

typedef enum fixture_key { FIXTURE_KEY_M1 = 0, FIXTURE_KEY_M2 = 1, FIXTURE_KEY_ZONE = 2 } fixture_key;

typedef struct fixture {
    char dir[96];    /* everything below is removed by fixture_done */
    char store[112]; /* dir/store */
} fixture;

void fixture_init(fixture *fx);
void fixture_done(fixture *fx);

/* PEM of a key: "RSA PUBLIC KEY", or "RSA PRIVATE KEY" (TEST KEY, NOT A SECRET). Lives for ever. */
const char *fixture_public_pem(fixture_key key);
const char *fixture_private_pem(fixture_key key);

/* Writes a file of the store (path relative to it), by rename, with the folders it needs. */
void fixture_write(const fixture *fx, const char *path, const void *bytes, size_t len);
void fixture_remove(const fixture *fx, const char *path);

/*
 * The configuration for create and reload: this store, zone "east", and `more`, which is either "" or members that
 * begin with a comma, as in ",\"profile\":\"kuma-3.0\"". Free with free.
 */
char *fixture_config(const fixture *fx, const char *more);

/* A token: any header, any claims, any bytes. Free with free. */
char *fixture_sign(fixture_key key, const char *header, const void *payload, size_t payload_len);
/* The same with the usual header: RS256, kid 1. */
char *fixture_sign_claims(fixture_key key, const char *claims);

/*
 * Usual tokens, in Kuma's layout, valid for an hour from FIXTURE_NOW: mesh m1, name "web-1", workload "web",
 * tag kuma.io/service = web; and zone "east" with scope ingress. The jti is `jti`.
 */
char *fixture_dataplane_token(const char *jti);
char *fixture_zone_token(const char *jti);

/* The requests that these tokens admit. The tags and labels inside are constants. */
xg_request fixture_dataplane_request(const char *token);
xg_request fixture_zone_request(const char *token);

xg_str fixture_str(const char *text);

/* A host: clock at FIXTURE_NOW (or wherever fixture_set_now puts it, for all threads), no log. */
xg_host fixture_host(uint32_t abi);
void fixture_set_now(int64_t now);

#endif /* XDSGATE_TESTS_FIXTURE_H */
