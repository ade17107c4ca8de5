/* SPDX-License-Identifier: Apache-2.0 */
/*
 * abi_support.h: what the ABI tests share: the plugin under test, guard pages, a look at the process from outside.
 *
 * Functions end the process with a sentence when the machine does not play along. Thread rule: as each says.
 */
#ifndef XDSGATE_TESTS_ABI_SUPPORT_H
#define XDSGATE_TESTS_ABI_SUPPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "fixture.h"
#include "xdsgate_loader.h"

_Noreturn void support_give_up(const char *what);

/* The plugin that is tested: $XG_PLUGIN. Any thread. */
const char *support_plugin_path(void);
void support_load(xg_loader *plugin);

/* A context over the fixture's store; ends the process when create fails. Any thread. */
xg_ctx *support_create(const xg_loader *plugin, const fixture *fx);

/* Asks and returns the decision; checks that the returned value and the outcome agree (rule A5). */
xg_decision support_ask(const xg_loader *plugin, xg_ctx *ctx, const xg_request *request);

/* len bytes, all of value fill, followed at once by a page that must not be touched (4096 at most). One at a time. */
void *support_guarded(size_t len, unsigned char fill);

/* Open descriptors of this process. */
unsigned support_count_fds(void);

/* Mappings of files of this process, as in /proc/self/maps: how many lines name a file whose name holds `part`. */
unsigned support_count_maps(const char *part);

/* Runs function(arg) on a fresh thread with a stack of stack_size bytes (0 = usual) and returns its result. */
void *support_on_thread(void *(*function)(void *), void *arg, size_t stack_size);

#endif /* XDSGATE_TESTS_ABI_SUPPORT_H */
