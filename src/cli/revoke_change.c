/* SPDX-License-Identifier: Apache-2.0 */
/*
 * revoke_change.c: one change of a revocation list, proved before it is written.
 *
 * Must never write a list that lifts or makes a revocation which was not asked for. One thread.
 */
#include "revoke_change.h"

#include <errno.h>
#include <stdlib.h>

#define SENTENCE_SIZE 512
#define SHOWN_MAX     20

/* Every entry of one list must be revoked by the other, or be one of those that the change is about. */
typedef struct comparison {
    const xg_revoke_change *change;
    const xg_revocations *other;
    size_t next; /* behind the entry that was found last */
    bool may_differ;
    bool is_good;
} comparison;

/* The list holds what was added in the order of the change: each search begins where the last one ended. */
static bool is_named(comparison *c, const xg_revoked_entry *entry)
{
    const xg_revoke_change *change = c->change;
    for (size_t i = 0; i < change->num_entries; i++) {
        size_t at = (c->next + i) % change->num_entries;
        if (xg_revoked_lines_is_same(&change->entries[at], entry)) {
            c->next = at + 1;
            return true;
        }
    }
    return false;
}

static bool compare(void *arg, const xg_revoked_entry *entry)
{
    comparison *c = arg;
    c->is_good = xg_revoked_lines_is_covered(c->other, entry) || (c->may_differ && is_named(c, entry));
    return c->is_good;
}

static bool is_within(const xg_revoke_change *change, xg_str text, const xg_revocations *other, bool may_differ)
{
    comparison c = {.change = change, .other = other, .may_differ = may_differ, .is_good = true};
    if (text.len > 0) {
        xg_revoked_lines_each(text, compare, &c);
    }
    return c.is_good;
}

/* An older @issued-before stays covered when it goes, as long as a later one is there. */
static bool is_done(const xg_revoke_change *change)
{
    for (size_t i = 0; i < change->num_entries; i++) {
        const xg_revoked_entry *entry = &change->entries[i];
        bool is_covered = xg_revoked_lines_is_covered(change->list, entry);
        if (is_covered == change->is_removal && entry->kind != XG_REVOKED_ISSUED_BEFORE) {
            return false;
        }
    }
    return true;
}

static int prove(xg_revoke_change *change)
{
    const xg_revoked_file *file = change->file;
    char storage[SENTENCE_SIZE];
    xg_text why;
    xg_text_init(&why, storage, sizeof(storage));
    xg_result result = xg_revoked_file_parse((xg_str){change->text, change->len}, &change->list, &why);
    if (xg_is_ok(result) && is_done(change) &&
        is_within(change, (xg_str){file->text, file->len}, change->list, change->is_removal) &&
        is_within(change, (xg_str){change->text, change->len}, file->list, !change->is_removal)) {
        return XG_EXIT_OK;
    }
    xg_errors_summary("the list cannot be changed that way");
    xg_errors_where("%s", file->path);
    xg_errors_note("%s", why.len > 0 ? storage : "the new list would lift or make a revocation that was not asked for");
    xg_errors_help("nothing was changed: edit the line by hand");
    return XG_EXIT_IO;
}

int xg_revoke_change_begin(const xg_revoked_file *file, xg_str comment, const xg_revoked_entry *entries,
                           size_t num_entries, bool is_removal, xg_revoke_change *ret_change)
{
    const xg_str old = {file->text, file->len};
    size_t num_removed = 0;
    *ret_change =
        (xg_revoke_change){.file = file, .entries = entries, .num_entries = num_entries, .is_removal = is_removal};
    if (is_removal) {
        ret_change->text = xg_revoked_lines_remove(old, entries, num_entries, &ret_change->len, &num_removed);
    } else {
        ret_change->text = xg_revoked_lines_add(old, comment, entries, num_entries, &ret_change->len);
    }
    if (ret_change->text == NULL) {
        return xg_errors_io("make the new list", file->path, ENOMEM);
    }
    return prove(ret_change);
}

static void show(const xg_revoke_change *change)
{
    xg_errors_where("%s", change->file->path);
    for (size_t i = 0; i < change->num_entries && i < SHOWN_MAX; i++) {
        char storage[XG_REVOKED_LINE_SIZE];
        xg_text line;
        xg_text_init(&line, storage, sizeof(storage));
        xg_revoked_lines_write(&change->entries[i], &line);
        xg_errors_note("%s %s", change->is_removal ? "-" : "+", storage);
    }
    if (change->num_entries > SHOWN_MAX) {
        xg_errors_note("%s and %zu more", change->is_removal ? "-" : "+", change->num_entries - SHOWN_MAX);
    }
}

int xg_revoke_change_commit(const xg_revoke_change *change, bool is_dry_run)
{
    if (is_dry_run) {
        show(change);
        xg_errors_note("dry run: nothing was written");
        return XG_EXIT_OK;
    }
    int code = xg_revoked_file_replace(change->file, change->text, change->len);
    if (code == XG_EXIT_OK) {
        show(change);
    }
    return code;
}

void xg_revoke_change_done(xg_revoke_change *change)
{
    xg_revocations_unref(change->list);
    free(change->text);
    *change = (xg_revoke_change){0};
}
