/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reason.c: the table of reasons, made from plugin-api/reasons.def.
 *
 * Owns nothing but constant data. Must never know what a reason means: explain.c does. Thread-safe.
 */
#include "xdsgate/base.h"

static const xg_reason_info REASONS[] = {
#define XG_REASON(number, NAME, name, grpc, text, help) {number, grpc, name, text, help},
#include "reasons.def"
#undef XG_REASON
};

static const xg_reason_info *find_exact(uint32_t number)
{
    for (size_t i = 0; i < XG_ARRAY_LEN(REASONS); i++) {
        if (REASONS[i].number == number) {
            return &REASONS[i];
        }
    }
    return NULL;
}

const xg_reason_info *xg_reason_find(uint32_t number)
{
    const xg_reason_info *info = find_exact(number);
    return info != NULL ? info : find_exact(XG_REASON_INTERNAL);
}
