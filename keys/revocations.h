/* SPDX-License-Identifier: Apache-2.0 */
/*
 * revocations.h: what the rest of keys/ and its tests need of revocations.c beside keys.h.
 */
#ifndef XDSGATE_KEYS_REVOCATIONS_H
#define XDSGATE_KEYS_REVOCATIONS_H

#include "xdsgate/keys.h"

/* The list revokes nothing at all: no id, no rule. */
bool xg_revocations_is_blank(const xg_revocations *list);
/* Bytes held, all in all. */
size_t xg_revocations_bytes(const xg_revocations *list);

#endif /* XDSGATE_KEYS_REVOCATIONS_H */
