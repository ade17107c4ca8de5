/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_revoke_list.c: `xdsgate revoke list`: what the revocation lists of a store say, and where.
 *
 * A list that the plugin would refuse is reported, never shown in part. One thread.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "revoke_life.h"
#include "revoke_picks.h"

static const xg_flag FLAGS[] = {
    {"store", "DIR", "where xdsgate.so reads keys and lists; required", NULL, 0, false},
    {"mesh", "NAME", "only the list of this mesh", NULL, 'm', false},
    {"for-zone", NULL, "only the list for zone tokens", NULL, 0, false},
    {"any-mesh", NULL, "only the list that counts for every mesh", NULL, 0, false},
    XG_LEDGER_VIEW_PLACE,
    XG_OUTPUT_FLAG("table (default), json or yaml"),
};

typedef struct listing {
    const char *store;
    json_t *entries;
    const char *label; /* of the list at hand */
    int code;          /* the first that was not OK */
} listing;

static bool add_entry(void *arg, const xg_revoked_entry *entry)
{
    listing *list = arg;
    json_t *row =
        json_pack("{s:s, s:s, s:s%, s:I}", "set", list->label, "kind", xg_revoked_lines_kind_name(entry->kind), "value",
                  entry->value.ptr != NULL ? entry->value.ptr : "", entry->value.len, "line", (json_int_t)entry->line);
    if (json_array_append_new(list->entries, row) != 0) {
        list->code = xg_errors_io("list", "memory", ENOMEM);
        return false;
    }
    return true;
}

static void add_set(listing *list, const xg_revoked_set *set, bool may_be_absent)
{
    xg_revoked_file file;
    bool is_absent = false;
    int code = xg_revoked_file_look(list->store, set, &file, may_be_absent ? &is_absent : NULL);
    if (code != XG_EXIT_OK) {
        list->code = list->code == XG_EXIT_OK ? code : list->code;
        return;
    }
    list->label = file.label;
    if (file.len > 0) {
        xg_revoked_lines_each((xg_str){file.text, file.len}, add_entry, list);
    }
    list->label = NULL;
    xg_revoked_file_close(&file);
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void add_meshes(listing *list)
{
    struct dirent **names = NULL;
    int rootfd = open(list->store, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd = rootfd >= 0 ? xg_file_open_beneath(rootfd, "meshes", O_RDONLY | O_DIRECTORY) : -1;
    int num = fd >= 0 ? scandirat(fd, ".", &names, is_visible, compare_names) : -1;
    if (num < 0) {
        int code = xg_errors_io("list the meshes of the store", list->store, errno);
        list->code = list->code == XG_EXIT_OK ? code : list->code;
    }
    for (int i = 0; i < num; i++) {
        const xg_revoked_set set = {.folder = "meshes", .mesh = names[i]->d_name};
        add_set(list, &set, true);
        free(names[i]);
    }
    free(names);
    if (fd >= 0) {
        close(fd);
    }
    if (rootfd >= 0) {
        close(rootfd);
    }
}

static void add_all(listing *list)
{
    const xg_revoked_set zone = {.folder = "zone"};
    const xg_revoked_set any_mesh = {.folder = "any-mesh"};
    add_set(list, &zone, true);
    add_set(list, &any_mesh, true);
    add_meshes(list);
}

static void print(const listing *list, xg_output_format format, bool with_life)
{
    static const xg_output_column COLUMNS[] = {{"SET", "set"},   {"KIND", "kind"},   {"VALUE", "value"},
                                               {"LINE", "line"}, {"TOKEN", "token"}, {"EXPIRES", "expires_at"}};
    if (format == XG_OUTPUT_TABLE) {
        xg_output_table(list->entries, COLUMNS, XG_ARRAY_LEN(COLUMNS) - (with_life ? 0 : 2), "nothing is revoked");
        return;
    }
    json_t *document = json_pack("{s:s, s:O}", "schema", "xdsgate.revocations/1", "entries", list->entries);
    xg_output_document(format, document);
    json_decref(document);
}

/* set: the one that is asked for, or NULL. */
static int list_sets(const xg_args *args, const xg_revoked_set *set, xg_output_format format)
{
    listing list = {.store = xg_args_value(args, "store"), .entries = json_array()};
    bool with_life = xg_args_has(args, "authority") || xg_args_has(args, "ledger");
    if (list.entries == NULL) {
        return xg_errors_io("list", "memory", ENOMEM);
    }
    if (set != NULL) {
        add_set(&list, set, false);
    } else {
        add_all(&list);
    }
    int life = with_life ? xg_revoke_life_add(args, list.entries) : XG_EXIT_OK;
    if (life != XG_EXIT_OK) {
        list.code = life;
    } else if (list.code == XG_EXIT_OK || json_array_size(list.entries) > 0) {
        print(&list, format, with_life);
    }
    json_decref(list.entries);
    return list.code;
}

static int run(const xg_args *args)
{
    static const char *const REQUIRED[] = {"store"};
    xg_output_format format = XG_OUTPUT_TABLE;
    xg_revoked_set set = {0};
    bool is_one = xg_args_has(args, "mesh") || xg_args_has(args, "for-zone") || xg_args_has(args, "any-mesh");
    if (!xg_output_pick(args, XG_OUTPUT_TABLE | XG_OUTPUT_JSON | XG_OUTPUT_YAML, XG_OUTPUT_TABLE, &format) ||
        !xg_args_require(args, REQUIRED, XG_ARRAY_LEN(REQUIRED)) ||
        (is_one && xg_revoke_picks_set(args, &set) != XG_EXIT_OK)) {
        return XG_EXIT_USAGE;
    }
    return list_sets(args, is_one ? &set : NULL, format);
}

const xg_command XG_CMD_REVOKE_LIST = {
    .noun = "revoke",
    .verb = "list",
    .summary = "list what is revoked",
    .usage = "--store DIR [--mesh NAME | --for-zone | --any-mesh] [--authority DIR] [-o FORMAT]",
    .detail =
        "Shows every entry of every list with its line. A list that xdsgate.so would refuse is reported and left out,\n"
        "and the exit code is 4. With --authority, the ledger says whether the token still lives: an entry whose "
        "token\n"
        "has expired can go.\n",
    .example = "  xdsgate revoke list --store ./store --mesh payments-mesh --authority ./authority\n",
    .flags = FLAGS,
    .num_flags = XG_ARRAY_LEN(FLAGS),
    .run = run,
};
