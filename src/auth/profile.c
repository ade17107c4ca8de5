/* SPDX-License-Identifier: Apache-2.0 */
/*
 * profile.c: which Kuma's semantics, as one table of data (design, section 6).
 *
 * Owns the table. Must never hold code: a difference between versions that is not a cell here does not exist. The
 * host's demand "identity comes from the workload" has no cell, since a demand is never ignored, and neither have empty
 * tag lists or another kind's claims, which are refused everywhere. Constant, thread-safe.
 */
#include "xdsgate/auth.h"

/* clang-format off */
static const xg_profile PROFILES[] = {
    /* name       tag source         workload zone    exp    jti    mesh   binding type   shared
     *                               enforced entities required ...  ...   required checked revocations */
    {"strict",    XG_TAGS_UNION,     true,    true,   true,  true,  true,  true,   true,  true},
    {"kuma-3.0",  XG_TAGS_LABELS,    true,    false,  false, false, false, false,  false, true},
    {"kuma-2.14", XG_TAGS_INBOUND,   true,    true,   false, false, false, false,  false, true},
    {"kuma-2.13", XG_TAGS_INBOUND,   true,    true,   false, false, false, false,  false, true},
    {"kuma-2.12", XG_TAGS_INBOUND,   false,   true,   false, false, false, false,  false, true},
};
/* clang-format on */

const xg_profile *xg_profile_find(xg_str name)
{
    for (size_t i = 0; i < XG_ARRAY_LEN(PROFILES); i++) {
        if (xg_str_eq(name, xg_str_of(PROFILES[i].name))) {
            return &PROFILES[i];
        }
    }
    return NULL;
}

const xg_profile *xg_profile_at(size_t index)
{
    return index < XG_ARRAY_LEN(PROFILES) ? &PROFILES[index] : NULL;
}
