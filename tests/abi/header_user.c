/* SPDX-License-Identifier: Apache-2.0 */
/*
 * header_user.c: a host in a few lines, to be compiled as C99, C11, C17, C++11 and C++20 with nothing included before
 * the header. It is never run.
 */
#include "xdsgate_plugin.h"

int use_plugin(const xg_auth *auth, xg_ctx *ctx);

int use_plugin(const xg_auth *auth, xg_ctx *ctx)
{
    xg_request request;
    xg_decision decision;
    request.struct_size = sizeof(request);
    request.kind = XG_KIND_DATAPLANE;
    decision.struct_size = sizeof(decision);
    if (!XG_HAS(auth, destroy) || auth->abi < XG_ABI(1, 0)) {
        return -1;
    }
    return auth->authenticate(ctx, &request, &decision) == 1 && decision.reason == XG_REASON_OK ? 1 : 0;
}
