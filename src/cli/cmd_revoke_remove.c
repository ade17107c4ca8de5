/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_revoke_remove.c: `xdsgate revoke remove`: takes ids and rules off the revocation list of a set.
 *
 * All that are named go, or none. Must never leave a list that reads as damaged or emptied. One thread.
 */
#include <jansson.h>

#include "revoke_change.h"

static const xg_flag FLAGS[] = {
    XG_REVOKE_SET_FLAGS,
    XG_REVOKE_PICK_FLAGS,
    {"token-file", "FILE", "the token in this file ('-' = stdin), by its jti", NULL, 0, false},
    {"dry-run", NULL, "show what would be taken off, and write nothing", NULL, 0, false},
    XG_OUTPUT_FLAG("json or yaml: print a document about the change (default: nothing)"),
};

/* Whether an entry stands in the list, not just what it says: of two times the earlier one can go too. */
typedef struct search {
    const xg_revoked_entry *wanted;
    bool is_found;
} search;

static bool look(void *arg, const xg_revoked_entry *entry)
{
    search *s = arg;
    s->is_found = xg_revoked_lines_is_same(entry, s->wanted);
    return !s->is_found;
}

static bool stands_in(const xg_revoked_file *file, const xg_revoked_entry *entry)
{
    search s = {.wanted = entry};
    if (entry->kind != XG_REVOKED_ISSUED_BEFORE) {
        return xg_revoked_lines_is_covered(file->list, entry);
    }
    if (file->len > 0) {
        xg_revoked_lines_each((xg_str){file->text, file->len}, look, &s);
    }
    return s.is_found;
}

static int check_there(const xg_revoked_file *file, const xg_revoke_picks *picks, json_t *document)
{
    for (size_t i = 0; i < picks->num; i++) {
        char storage[XG_REVOKED_LINE_SIZE];
        xg_text line;
        xg_revoke_picks_tell(document, &picks->items[i], "removed");
        if (stands_in(file, &picks->items[i])) {
            continue;
        }
        xg_text_init(&line, storage, sizeof(storage));
        xg_revoked_lines_write(&picks->items[i], &line);
        xg_errors_summary("the list does not say that: %s", storage);
        xg_errors_where("%s", file->path);
        xg_errors_help("nothing was changed: 'xdsgate revoke list --store DIR' shows what the lists say");
        return XG_EXIT_NO;
    }
    return XG_EXIT_OK;
}

static int take_off(const xg_args *args, const xg_revoked_set *set, const xg_revoked_file *file, xg_revoke_picks *picks,
                    json_t *document)
{
    xg_revoke_change change = {0};
    (void)set;
    int code = check_there(file, picks, document);
    if (code != XG_EXIT_OK) {
        return code;
    }
    code = xg_revoke_change_begin(file, (xg_str){NULL, 0}, picks->items, picks->num, true, &change);
    if (code == XG_EXIT_OK) {
        xg_errors_warning("what this takes off the list is admitted again, as far as it has not expired");
        code = xg_revoke_change_commit(&change, xg_args_has(args, "dry-run"));
    }
    xg_revoke_change_done(&change);
    return code;
}

static int run(const xg_args *args)
{
    return xg_revoke_picks_run(args, "remove", take_off);
}

const xg_command XG_CMD_REVOKE_REMOVE = {
    .noun = "revoke",
    .verb = "remove",
    .summary = "take ids and rules off a revocation list",
    .usage = "--store DIR (--mesh NAME | --for-zone | --any-mesh) (--jti ID | --token-file FILE) [flags]",
    .detail = "Tokens that nothing else revokes are admitted again until they expire. Comments stay where they are. "
              "When one\n"
              "of the entries is not on the list, nothing is changed and the exit code is 1.\n",
    .example =
        "  xdsgate revoke remove --store ./store --mesh payments-mesh --jti 6f1c9a52-8f0e-4a39-9d0e-0d9c8f5f7b11\n",
    .flags = FLAGS,
    .num_flags = XG_ARRAY_LEN(FLAGS),
    .run = run,
};
