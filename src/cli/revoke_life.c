/* SPDX-License-Identifier: Apache-2.0 */
/*
 * revoke_life.c: whether the tokens that lists name still live, as far as the ledger knows them.
 *
 * Must never call a token dead that the ledger does not know: such an entry stays. One thread.
 */
#include "revoke_life.h"

#include <jansson.h>
#include <string.h>

static xg_ledger_filter filter_of(const json_t *row)
{
    const char *set = json_string_value(json_object_get(row, "set"));
    const json_t *jti = json_object_get(row, "value");
    bool is_zone = strcmp(set, "zone") == 0;
    xg_ledger_filter filter = {.purpose = is_zone ? XG_STR("zone") : XG_STR("dataplane"),
                               .jti = {json_string_value(jti), json_string_length(jti)}};
    if (strncmp(set, "mesh/", 5) == 0) {
        filter.mesh = xg_str_of(set + 5);
    }
    return filter;
}

static int add_to_row(const xg_ledger_view *view, json_t *row)
{
    char storage[XG_CLOCK_TEXT_SIZE];
    uint64_t num = 0;
    int64_t latest = 0;
    xg_trouble trouble = {0};
    const char *kind = json_string_value(json_object_get(row, "kind"));
    if (strcmp(kind, "jti") != 0) {
        json_object_set_new(row, "token", json_null());
        json_object_set_new(row, "expires_at", json_null());
        return XG_EXIT_OK;
    }
    const xg_ledger_filter filter = filter_of(row);
    if (!xg_ledger_count(view->ledger, &filter, &num, &latest, &trouble)) {
        return xg_errors_trouble(&trouble);
    }
    xg_str time = xg_clock_format(latest, storage);
    const char *known = latest > view->now ? "live" : "expired";
    json_object_set_new(row, "token", json_string(num > 0 ? known : "unknown"));
    json_object_set_new(row, "expires_at", num > 0 ? json_stringn(time.ptr, time.len) : json_null());
    return XG_EXIT_OK;
}

int xg_revoke_life_add(const xg_args *args, json_t *rows)
{
    xg_ledger_view view;
    int code = xg_ledger_view_open(args, &view);
    for (size_t i = 0; i < json_array_size(rows) && code == XG_EXIT_OK; i++) {
        code = add_to_row(&view, json_array_get(rows, i));
    }
    xg_ledger_view_close(&view);
    return code;
}
