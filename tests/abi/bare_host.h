/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bare_host.h: a host that links neither libcrypto nor jansson nor libsodium, so that the plugin brings them along and
 * takes them away. Works on the folder that fixture_make wrote. Thread rule: any thread after bare_host_init.
 */
#ifndef XDSGATE_TESTS_BARE_HOST_H
#define XDSGATE_TESTS_BARE_HOST_H

#include "xdsgate_loader.h"

typedef struct bare_host {
    char *config;
    char *token;
    char *forged;
} bare_host;

void bare_host_init(bare_host *host, const char *folder);
void bare_host_done(bare_host *host);

/* Ends the process with a sentence. */
_Noreturn void bare_host_give_up(const char *what);

void bare_host_load(xg_loader *plugin);

/* NULL with the plugin's sentence in err if it refuses. */
xg_ctx *bare_host_create(const bare_host *host, const xg_loader *plugin, char *err, size_t err_cap);

/* Asks for web-1 of m1 with that token; returns the reason, and checks that value and outcome agree. */
uint32_t bare_host_ask(const xg_loader *plugin, xg_ctx *ctx, const char *token);

#endif /* XDSGATE_TESTS_BARE_HOST_H */
