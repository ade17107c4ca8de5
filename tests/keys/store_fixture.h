/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_fixture.h: a directory store in a temporary folder, and any number of keys for it.
 *
 * Keys are made, not generated: their moduli are random odd numbers without small factors, which pass every lint and
 * have no private half anywhere. Every function fails the running test when the machine does not play along. Thread
 * rule: one thread.
 */
#ifndef XDSGATE_TESTS_STORE_FIXTURE_H
#define XDSGATE_TESTS_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "xdsgate/keys.h"

#define assert_ok(result)           assert_int_equal(xg_result_reason(result), XG_REASON_OK)
#define assert_reason(result, NAME) assert_int_equal(xg_result_reason(result), XG_REASON_##NAME)

/* The PEM (RSA PUBLIC KEY) of test key `number`: the same for the same number. Valid until the next call. */
const char *key_pem(unsigned number);
/* The key itself; one reference. */
xg_pubkey *key_new(xg_crypto *crypto, unsigned number);

typedef struct store_fixture {
    char dir[64];
    char root[80]; /* dir/store */
    xg_crypto *crypto;
    xg_dirstore *store;
    xg_snapshot *snapshot; /* what store_load gave last, or NULL */
    /* What was reported during the last load. */
    size_t num_refusals;
    size_t num_warnings;
    uint32_t last_reason;
    char words[4096];
    char error[512];
    size_t num_descriptors; /* open before: store_done finds every leak */
} store_fixture;

/* An empty store: only `meshes` is there. */
void store_init(store_fixture *fx);
void store_done(store_fixture *fx);

/* Loads on top of the last snapshot; on success the result becomes the last snapshot. */
xg_result store_load(store_fixture *fx);
/* Asks the store, by its stat walk or (after the first call) by inotify alone. */
bool store_has_changed(const store_fixture *fx, bool by_poll);

/* Paths are relative to the root of the store. Folders are made as needed; writing is by rename. */
void store_write(const store_fixture *fx, const char *path, const char *text);
void store_write_in_place(const store_fixture *fx, const char *path, const char *text);
void store_key(const store_fixture *fx, const char *path, unsigned number);
void store_mkdir(const store_fixture *fx, const char *path);
void store_link(const store_fixture *fx, const char *target, const char *path);
void store_rename(const store_fixture *fx, const char *from, const char *to);
void store_remove(const store_fixture *fx, const char *path); /* with everything below it */
void store_chmod(const store_fixture *fx, const char *path, unsigned mode);

/* The number of keys (0 for a refused set) and of revoked ids that serve; -1: no such set. */
int store_num_keys(const store_fixture *fx, const char *set);
const xg_keyset *store_set(const store_fixture *fx, const char *set); /* "zone", "any-mesh" or a mesh */
bool store_has_kid(const store_fixture *fx, const char *set, const char *kid);
bool store_is_revoked(const store_fixture *fx, const char *set, const char *jti);

#endif /* XDSGATE_TESTS_STORE_FIXTURE_H */
