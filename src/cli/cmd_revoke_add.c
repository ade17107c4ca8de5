/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_revoke_add.c: `xdsgate revoke add`: puts ids and rules on the revocation list of a set.
 *
 * Must never write a rule that names a key nobody has, or one that ends every token, without being told to. One thread.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "revoke_change.h"

static const xg_flag FLAGS[] = {
    XG_REVOKE_SET_FLAGS,
    XG_REVOKE_PICK_FLAGS,
    {"token-file", "FILE", "the token in this file ('-' = stdin), by its jti", NULL, 0, false},
    {"reason", "TEXT", "put a comment with the date and this text above the new lines", NULL, 0, false},
    {"force", NULL, "take a --kid that the store does not know", NULL, 0, false},
    {"yes", NULL, "take a rule that ends every token of the set", NULL, 0, false},
    {"dry-run", NULL, "show what would be written, and write nothing", NULL, 0, false},
    XG_OUTPUT_FLAG("json or yaml: print a document about the change (default: nothing)"),
};

/* What the store knows of the keys, and what would be left of them. */
typedef struct survey {
    const xg_revoked_entry *wanted; /* a rule about a kid, or NULL */
    const xg_revocations *list;
    bool is_known;
    char near[XG_KID_MAX + 1];
    size_t num_keys; /* that still verify: not retired */
    size_t num_left; /* the same, without those that the list revokes */
} survey;

static void look_at_kid(survey *s, xg_str kid, bool is_retired)
{
    const xg_revoked_entry rule = {.kind = XG_REVOKED_KID, .value = kid};
    char name[XG_KID_MAX + 1];
    xg_text text;
    if (!is_retired) {
        s->num_keys++;
        s->num_left += xg_revoked_lines_is_covered(s->list, &rule) ? 0 : 1;
    }
    if (s->wanted == NULL) {
        return;
    }
    s->is_known = s->is_known || xg_str_eq(s->wanted->value, kid);
    xg_text_init(&text, name, sizeof(name));
    xg_text_add(&text, kid);
    if (xg_errors_is_near(s->wanted->value.ptr, name)) {
        memcpy(s->near, name, sizeof(name));
    }
}

/* As the plugin names its files: <kid>.pem, <kid>.retired. */
static void look_at_name(survey *s, xg_str name)
{
    static const xg_str SUFFIXES[] = {XG_STR_INIT(".pem"), XG_STR_INIT(".retired")};
    for (size_t i = 0; i < XG_ARRAY_LEN(SUFFIXES); i++) {
        size_t stem = name.len > SUFFIXES[i].len ? name.len - SUFFIXES[i].len : 0;
        if (stem > 0 && stem <= XG_KID_MAX && name.ptr[0] != '.' && xg_str_eq(xg_str_skip(name, stem), SUFFIXES[i])) {
            look_at_kid(s, (xg_str){name.ptr, stem}, i == 1);
        }
    }
}

/* The keys of one directory; one that is not there has none. */
static int look_at_keys(int dirfd, const char *path, const char *shown, survey *s)
{
    int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry = NULL;
    if (stream == NULL) {
        int error = errno;
        if (fd >= 0) {
            close(fd);
        }
        return error == ENOENT ? XG_EXIT_OK : xg_errors_io("open the keys of", shown, error);
    }
    errno = 0;
    while ((entry = readdir(stream)) != NULL) {
        look_at_name(s, xg_str_of(entry->d_name));
        errno = 0;
    }
    int error = errno;
    closedir(stream);
    return error == 0 ? XG_EXIT_OK : xg_errors_io("list the keys of", shown, error);
}

/* The set's own keys and, for a mesh, those that count for any. */
static int survey_keys(const xg_revoked_set *set, const xg_revoked_file *file, survey *s)
{
    int code = look_at_keys(file->dirfd, "keys", file->path, s);
    if (code == XG_EXIT_OK && set->mesh != NULL) {
        code = look_at_keys(file->dirfd, "../../any-mesh/keys", "any-mesh", s);
    }
    return code;
}

static int refuse_kid(const xg_revoked_file *file, const survey *s)
{
    xg_errors_summary("the set has no key '%s'", s->wanted->value.ptr);
    xg_errors_where("%s", file->path);
    if (s->near[0] != '\0') {
        xg_errors_help("did you mean --kid %s?", s->near);
    } else {
        xg_errors_help("'xdsgate key list --store DIR' shows its keys; --force writes the rule all the same");
    }
    return XG_EXIT_KEY;
}

static int check_kids(const xg_args *args, const xg_revoked_set *set, const xg_revoked_file *file,
                      const xg_revoke_picks *picks)
{
    for (size_t i = 0; i < picks->num; i++) {
        survey s = {.wanted = &picks->items[i]};
        if (picks->items[i].kind != XG_REVOKED_KID) {
            continue;
        }
        if (strcmp(set->folder, "any-mesh") == 0) {
            xg_errors_warning("in the list for every mesh, @kid %s ends the tokens of each mesh's own key %s too",
                              s.wanted->value.ptr, s.wanted->value.ptr);
        }
        if (xg_args_has(args, "force")) {
            continue;
        }
        int code = survey_keys(set, file, &s);
        if (code != XG_EXIT_OK) {
            return code;
        }
        if (!s.is_known) {
            return refuse_kid(file, &s);
        }
    }
    return XG_EXIT_OK;
}

static int refuse_all(const xg_revoked_file *file, const char *why)
{
    xg_errors_summary("that would end every token of the set");
    xg_errors_where("%s", file->path);
    xg_errors_note("%s", why);
    xg_errors_help("nothing was changed; if every proxy of it shall be cut off, say --yes");
    return XG_EXIT_NO;
}

static int check_reach(const xg_args *args, const xg_revoked_set *set, const xg_revoke_change *change)
{
    survey s = {.list = change->list};
    bool has_kid = false;
    if (xg_args_has(args, "yes")) {
        return XG_EXIT_OK;
    }
    for (size_t i = 0; i < change->num_entries; i++) {
        has_kid = has_kid || change->entries[i].kind == XG_REVOKED_KID;
        if (change->entries[i].kind == XG_REVOKED_ISSUED_BEFORE && change->entries[i].seconds >= xg_clock_wall()) {
            return refuse_all(change->file, "--issued-before is not in the past: tokens that are minted until then "
                                            "would be dead from the start");
        }
    }
    int code = has_kid ? survey_keys(set, change->file, &s) : XG_EXIT_OK;
    if (code == XG_EXIT_OK && has_kid && s.num_keys > 0 && s.num_left == 0) {
        return refuse_all(change->file,
                          "no key would be left that the list does not revoke: publish another one first");
    }
    return code;
}

/* Moves what the list has already out of the picks, and says so. */
static void drop_known(const xg_revoked_file *file, xg_revoke_picks *picks, json_t *document)
{
    size_t num_new = 0;
    for (size_t i = 0; i < picks->num; i++) {
        const xg_revoked_entry entry = picks->items[i];
        bool is_known = xg_revoked_lines_is_covered(file->list, &entry);
        xg_revoke_picks_tell(document, &entry, is_known ? "already" : "added");
        if (!is_known) {
            picks->items[num_new++] = entry;
            continue;
        }
        char storage[XG_REVOKED_LINE_SIZE];
        xg_text line;
        xg_text_init(&line, storage, sizeof(storage));
        xg_revoked_lines_write(&entry, &line);
        xg_errors_note("already revoked: %s", storage);
    }
    picks->num = num_new;
}

static int add(const xg_args *args, const xg_revoked_set *set, const xg_revoked_file *file, xg_revoke_picks *picks,
               json_t *document)
{
    char comment[XG_REVOKE_COMMENT_SIZE];
    xg_revoke_change change = {0};
    int code = xg_revoke_picks_reason(args, comment);
    if (code == XG_EXIT_OK) {
        code = check_kids(args, set, file, picks);
    }
    if (code != XG_EXIT_OK) {
        return code;
    }
    drop_known(file, picks, document);
    if (picks->num == 0) {
        return XG_EXIT_OK;
    }
    code = xg_revoke_change_begin(file, xg_str_of(comment), picks->items, picks->num, false, &change);
    if (code == XG_EXIT_OK) {
        code = check_reach(args, set, &change);
    }
    if (code == XG_EXIT_OK) {
        code = xg_revoke_change_commit(&change, xg_args_has(args, "dry-run"));
    }
    xg_revoke_change_done(&change);
    return code;
}

static int run(const xg_args *args)
{
    return xg_revoke_picks_run(args, "add", add);
}

const xg_command XG_CMD_REVOKE_ADD = {
    .noun = "revoke",
    .verb = "add",
    .summary = "revoke tokens: by id, key, name, workload or age",
    .usage = "--store DIR (--mesh NAME | --for-zone | --any-mesh) (--jti ID | --token-file FILE) [flags]",
    .detail = "Adds lines to the list that xdsgate.so reads, behind what stands there. What is revoked already is left "
              "as it\n"
              "is. The new list is proved with the plugin's own parser and takes the old one's place as a whole.\n",
    .example =
        "  xdsgate revoke add --store ./store --mesh payments-mesh --token-file ./token --reason 'stolen laptop'\n",
    .flags = FLAGS,
    .num_flags = XG_ARRAY_LEN(FLAGS),
    .run = run,
};
