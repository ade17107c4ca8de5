/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_view.c: a store as xdsgate.so would load it, to be looked at.
 *
 * Must never judge by itself: what is refused, the plugin's own code refuses. One thread.
 */
#include "store_view.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

xg_result xg_store_view_open(const char *path, xg_dirstore_report *report, void *report_arg, xg_store_view *ret_view,
                             xg_text *reterr)
{
    const xg_dirstore_limits limits = {XG_MESHES_MAX, XG_REVOKED_MAX};
    char absolute[PATH_MAX];
    *ret_view = (xg_store_view){0};
    if (realpath(path, absolute) == NULL) {
        const char *words = strerrordesc_np(errno);
        xg_text_printf(reterr, "it cannot be opened: %s", words != NULL ? words : "unknown error");
        return XG_FAIL(STORE_UNREADABLE);
    }
    XG_TRY(xg_crypto_new(&ret_view->crypto));
    XG_TRY(xg_dirstore_open(absolute, ret_view->crypto, &limits, &ret_view->store, reterr));
    return xg_dirstore_load(ret_view->store, NULL, report, report_arg, &ret_view->snapshot, reterr);
}

void xg_store_view_close(xg_store_view *view)
{
    if (view->snapshot != NULL) {
        xg_snapshot_unref(view->snapshot);
    }
    if (view->store != NULL) {
        xg_dirstore_close(view->store);
    }
    if (view->crypto != NULL) {
        xg_crypto_free(view->crypto);
    }
    *view = (xg_store_view){0};
}
