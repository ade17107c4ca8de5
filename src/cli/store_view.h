/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_view.h: a store as xdsgate.so would load it, to be looked at.
 *
 * Thread rule: one thread.
 */
#ifndef XDSGATE_STORE_VIEW_H
#define XDSGATE_STORE_VIEW_H

#include "cli.h"
#include "xdsgate/keys.h"

typedef struct xg_store_view {
    xg_crypto *crypto;
    xg_dirstore *store;
    xg_snapshot *snapshot;
} xg_store_view;

/* Loads it with the plugin's own code; `report` hears of every set that is refused. reterr: why it cannot be loaded at
 * all. To be released with xg_store_view_close, on failure too. */
xg_result xg_store_view_open(const char *path, xg_dirstore_report *report, void *report_arg, xg_store_view *ret_view,
                             xg_text *reterr) XG_MUST_USE;
void xg_store_view_close(xg_store_view *view);

#endif /* XDSGATE_STORE_VIEW_H */
