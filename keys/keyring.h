/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyring.h: what the rest of keys/ needs of keyring.c beside keys.h.
 */
#ifndef XDSGATE_KEYS_KEYRING_H
#define XDSGATE_KEYS_KEYRING_H

#include "xdsgate/keys.h"

/*
 * A decimal serial with leading zeros. Kuma's issuer would sign with the plain number, which then names another key
 * (kuma-tokens 2.2), so neither a key nor a rule may be written that way.
 */
bool xg_keyring_is_padded(xg_str kid);

#endif /* XDSGATE_KEYS_KEYRING_H */
