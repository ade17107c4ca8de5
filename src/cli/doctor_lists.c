/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor_lists.c: what revocation lists say that they should not: repeats, rules that can match nothing, rules that
 * match everything.
 *
 * A list that does not parse makes its set refused, which the loader says (doctor_keys.c). One thread.
 */
#include <jansson.h>
#include <stdlib.h>

#include "doctor_report.h"
#include "revoked_file.h"
#include "revoked_lines.h"

#define SHOWN_MAX  60
#define WHERE_SIZE (XG_CUSTODY_PATH_SIZE + 32)

typedef struct linter {
    xg_doctor_report *report;
    const xg_revoked_set *set;
    const xg_keyset *keys;
    const xg_keyset *any_mesh;
    const xg_revoked_file *file;
    xg_revoked_entry *entries;
    size_t num_entries;
    size_t max_entries;
    int64_t now;
    int64_t latest; /* of the times that the list names */
    bool has_failed;
} linter;

static bool collect(void *arg, const xg_revoked_entry *entry)
{
    linter *l = arg;
    if (l->num_entries == l->max_entries) {
        size_t max = l->max_entries * 2 + 64;
        xg_revoked_entry *entries = reallocarray(l->entries, max, sizeof(entries[0]));
        if (entries == NULL) {
            l->has_failed = true;
            return false;
        }
        l->entries = entries;
        l->max_entries = max;
    }
    l->entries[l->num_entries++] = *entry;
    if (entry->kind == XG_REVOKED_ISSUED_BEFORE && entry->seconds > l->latest) {
        l->latest = entry->seconds;
    }
    return true;
}

static void warn(const linter *l, const xg_revoked_entry *entry, const char *help, const char *found)
{
    char where[WHERE_SIZE];
    char line[SHOWN_MAX + 8];
    xg_text text;
    xg_text_init(&text, where, sizeof(where));
    xg_text_add(&text, xg_str_of(l->file->path));
    xg_text_printf(&text, ":%zu", entry->line);
    xg_text_init(&text, line, sizeof(line));
    xg_text_quote(&text, entry->value, SHOWN_MAX);
    xg_doctor_report_add(l->report, XG_DOCTOR_WARN, where, help, "%s %s %s", xg_revoked_lines_kind_name(entry->kind),
                         line, found);
}

static bool has_kid(const xg_keyset *set, xg_str kid)
{
    xg_pubkey *key = NULL;
    return set != NULL && set->ring != NULL &&
           xg_result_reason(xg_keyring_find(set->ring, kid, &key)) != XG_REASON_KEY_UNKNOWN;
}

/* What any-mesh says counts for the keys of every mesh, also of those that are still to come. */
static void check_kid(const linter *l, const xg_revoked_entry *entry)
{
    bool is_any = l->set->folder[0] == 'a';
    if (!is_any && !has_kid(l->keys, entry->value) && !(l->set->mesh != NULL && has_kid(l->any_mesh, entry->value))) {
        warn(l, entry, "check the spelling; if the key is gone for good, take the rule off the list",
             "names a key that the set does not have");
    }
}

static void check_time(const linter *l, const xg_revoked_entry *entry)
{
    if (entry->seconds > l->now) {
        warn(l, entry, "if nobody shall come in until then, that is as it should be; else put an earlier time",
             "is still to come: every token is dead until then");
    } else if (entry->seconds < l->latest) {
        warn(l, entry, "take it off the list", "says nothing beside the later time on the list");
    }
}

static void check_entry(const linter *l, const xg_revoked_entry *entry)
{
    switch (entry->kind) {
    case XG_REVOKED_KID:
        check_kid(l, entry);
        break;
    case XG_REVOKED_NAME:
    case XG_REVOKED_WORKLOAD:
        if (l->set->folder[0] == 'z') {
            warn(l, entry, "take it off the list; to revoke one zone token, name its jti",
                 "can match nothing: zone tokens have neither name nor workload");
        }
        break;
    case XG_REVOKED_ISSUED_BEFORE:
        check_time(l, entry);
        break;
    case XG_REVOKED_JTI:
    case XG_REVOKED_NO_JTI:
        break;
    }
}

static int compare(const void *a, const void *b)
{
    const xg_revoked_entry *left = a;
    const xg_revoked_entry *right = b;
    int order = (int)left->kind - (int)right->kind;
    order = order != 0 ? order : xg_str_cmp(left->value, right->value);
    return order != 0 ? order : (left->line > right->line) - (left->line < right->line);
}

static void check_repeats(const linter *l)
{
    if (l->num_entries > 1) {
        qsort(l->entries, l->num_entries, sizeof(l->entries[0]), compare);
    }
    for (size_t i = 1; i < l->num_entries; i++) {
        const xg_revoked_entry *before = &l->entries[i - 1];
        if (xg_revoked_lines_is_same(before, &l->entries[i])) {
            char found[64];
            xg_text text;
            xg_text_init(&text, found, sizeof(found));
            xg_text_printf(&text, "stands on line %zu too", before->line);
            warn(l, &l->entries[i], "once is enough", found);
        }
    }
}

static void check_list(linter *l)
{
    if (l->file->len > 0) {
        xg_revoked_lines_each((xg_str){l->file->text, l->file->len}, collect, l);
    } else {
        xg_doctor_report_add(l->report, XG_DOCTOR_WARN, l->file->path, "write the line '# none'",
                             "an empty file: xdsgate.so refuses one that becomes empty");
    }
    for (size_t i = 0; i < l->num_entries; i++) {
        check_entry(l, &l->entries[i]);
    }
    check_repeats(l);
    if (l->has_failed) {
        xg_doctor_report_add(l->report, XG_DOCTOR_FAIL, l->file->path, NULL, "there is no memory to look at it");
    }
}

/* A set that was refused has been reported, list and all. */
static void check_set(xg_doctor_report *report, const char *root, const xg_revoked_set *set, const xg_keyset *keys,
                      const xg_keyset *any_mesh)
{
    xg_revoked_file file;
    bool is_absent = false;
    if (keys == NULL || keys->ring == NULL || keys->revoked == NULL) {
        return;
    }
    if (xg_revoked_file_look(root, set, &file, &is_absent) != XG_EXIT_OK) {
        xg_doctor_report_add(report, XG_DOCTOR_FAIL, root, "run this again", "a list cannot be read any more");
        return;
    }
    linter l = {
        .report = report, .set = set, .keys = keys, .any_mesh = any_mesh, .file = &file, .now = xg_clock_wall()};
    check_list(&l);
    free(l.entries);
    xg_revoked_file_close(&file);
}

void xg_doctor_lists_check(xg_doctor_report *report, const char *root, const xg_snapshot *snapshot)
{
    const xg_keyset *any = xg_snapshot_any_mesh(snapshot);
    const xg_revoked_set zone = {.folder = "zone"};
    const xg_revoked_set any_mesh = {.folder = "any-mesh"};
    xg_doctor_report_begin(report, "revocation lists");
    check_set(report, root, &zone, xg_snapshot_zone(snapshot), any);
    check_set(report, root, &any_mesh, any, any);
    for (size_t i = 0; i < xg_snapshot_num_meshes(snapshot); i++) {
        const xg_keyset *keys = xg_snapshot_mesh_at(snapshot, i);
        char mesh[XG_MESH_NAME_MAX + 3];
        xg_text text;
        xg_text_init(&text, mesh, sizeof(mesh));
        xg_text_add(&text, keys->name);
        const xg_revoked_set set = {.folder = "meshes", .mesh = mesh};
        check_set(report, root, &set, keys, any);
    }
    xg_doctor_report_end(report, root, "nothing to remark");
}
