/* SPDX-License-Identifier: Apache-2.0 */
/*
 * revocations.c: one revocation list, from text to a set of hashes.
 *
 * The text is walked twice: first every element is checked and counted, then the tables are made at their final size
 * and filled. A list with one bad element is refused whole: half a list would let revoked tokens in. Must never keep a
 * reference into the text. Thread rule: counted; immutable and shared freely once parsed.
 */
#include "revocations.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "hashset.h"

/* What a rule can name. Each kind is hashed under a key of its own, so that one table holds them all. */
typedef enum rule_kind { RULE_KID, RULE_NAME, RULE_WORKLOAD, NUM_RULE_KINDS } rule_kind;

#define RULE_VALUE_MAX XG_MESH_NAME_MAX
#define QUOTE_MAX      40

struct xg_revocations {
    atomic_size_t refs;
    xg_hashset ids;
    xg_hashset rules;
    bool has_rule[NUM_RULE_KINDS];
    bool is_blank_revoked; /* tokens without jti are revoked */
    bool has_issued_before;
    int64_t issued_before;
    uint8_t id_key[XG_HASH_KEY_LEN];
    uint8_t rule_keys[NUM_RULE_KINDS][XG_HASH_KEY_LEN];
};

/* Elements on their way into a set: the memory each will touch is asked for NUM_PENDING elements ahead. */
#define NUM_PENDING 16
typedef struct filler {
    xg_hashset *set;
    size_t count;
    xg_digest pending[NUM_PENDING];
} filler;

static void filler_push(filler *fill, xg_digest digest)
{
    xg_digest *place = &fill->pending[fill->count % NUM_PENDING];
    if (fill->count >= NUM_PENDING) {
        xg_hashset_add(fill->set, *place);
    }
    *place = digest;
    xg_hashset_prefetch(fill->set, digest);
    fill->count++;
}

static void filler_flush(filler *fill)
{
    size_t num_pending = fill->count < NUM_PENDING ? fill->count : NUM_PENDING;
    for (size_t i = 0; i < num_pending; i++) {
        xg_hashset_add(fill->set, fill->pending[i]);
    }
    fill->count = 0;
}

/* One walk over the text. */
typedef struct walk {
    xg_revocations *list;
    bool is_filling; /* second walk: everything has been checked */
    size_t max_ids;
    size_t num_ids;
    size_t num_rules;
    size_t line;
    filler ids;
    xg_text *reterr;
} walk;

static xg_result refuse(const walk *w, const char *expected, xg_str found)
{
    if (w->reterr != NULL) {
        xg_text_printf(w->reterr, "line %zu: expected %s, found ", w->line, expected);
        xg_text_quote(w->reterr, found, QUOTE_MAX);
    }
    return XG_FAIL(LIST_INVALID);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static xg_str trim(xg_str s)
{
    while (s.len > 0 && is_blank(s.ptr[0])) {
        s = xg_str_skip(s, 1);
    }
    while (s.len > 0 && is_blank(s.ptr[s.len - 1])) {
        s.len--;
    }
    return s;
}

/* Takes what stands before the first `separator` off the text; everything if there is none. */
static xg_str take_until(xg_str *text, char separator)
{
    const char *end = text->len > 0 ? memchr(text->ptr, separator, text->len) : NULL;
    if (end == NULL) {
        xg_str all = *text;
        *text = xg_str_skip(*text, text->len);
        return all;
    }
    xg_str taken = {text->ptr, (size_t)(end - text->ptr)};
    *text = xg_str_skip(*text, taken.len + 1);
    return taken;
}

static bool is_printable_ascii(xg_str s)
{
    return xg_str_count_plain(s, 0x7f) == s.len;
}

static bool has_control_bytes(xg_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if ((c < 0x20 && !is_blank(s.ptr[i])) || c == 0x7f) {
            return true;
        }
    }
    return false;
}

static xg_result check_id(const walk *w, xg_str id)
{
    if (id.len > XG_JTI_MAX) {
        return refuse(w, "an id of at most 127 bytes", id);
    }
    if (id.ptr[0] == '@') {
        return refuse(w, "rules on lines of their own", id);
    }
    /* No other jti is ever accepted: the line would revoke nothing, and nobody would know. */
    if (!is_printable_ascii(id) || memchr(id.ptr, ' ', id.len) != NULL) {
        return refuse(w, "ids separated by commas or line ends, of printable ASCII without blanks", id);
    }
    return XG_OK;
}

static xg_result visit_id(walk *w, xg_str id)
{
    if (w->is_filling) {
        filler_push(&w->ids, xg_hashset_digest(w->list->id_key, id));
        return XG_OK;
    }
    XG_TRY(check_id(w, id));
    w->num_ids++;
    if (w->num_ids > w->max_ids) {
        if (w->reterr != NULL) {
            xg_text_printf(w->reterr, "line %zu: the list holds more than the %zu ids allowed", w->line, w->max_ids);
        }
        return XG_FAIL(LIST_INVALID);
    }
    return XG_OK;
}

static xg_result visit_value_rule(walk *w, rule_kind kind, xg_str value)
{
    size_t max_len = kind == RULE_KID ? XG_KID_MAX : RULE_VALUE_MAX;
    if (w->is_filling) {
        xg_hashset_add(&w->list->rules, xg_hashset_digest(w->list->rule_keys[kind], value));
        return XG_OK;
    }
    if (value.len == 0 || value.len > max_len || !xg_str_is_clean(value) || memchr(value.ptr, ',', value.len) != NULL ||
        memchr(value.ptr, ' ', value.len) != NULL) {
        return refuse(w, "one value after the rule's name", value);
    }
    if (kind == RULE_KID && xg_keyring_is_padded(value)) {
        return refuse(w, "a key serial without leading zeros", value);
    }
    w->num_rules++;
    w->list->has_rule[kind] = true;
    return XG_OK;
}

static xg_result visit_issued_before(walk *w, xg_str value)
{
    int64_t seconds = 0;
    if (!xg_clock_parse(value, &seconds)) {
        return refuse(w, "a time such as 2026-11-01T00:00:00Z", value);
    }
    xg_revocations *list = w->list;
    if (!list->has_issued_before || seconds > list->issued_before) {
        list->issued_before = seconds; /* several rules add up to the latest one */
    }
    list->has_issued_before = true;
    return XG_OK;
}

static xg_result visit_rule(walk *w, xg_str line)
{
    size_t name_len = 0;
    while (name_len < line.len && !is_blank(line.ptr[name_len])) {
        name_len++;
    }
    xg_str name = {line.ptr, name_len};
    xg_str value = trim(xg_str_skip(line, name_len));
    if (xg_str_eq(name, XG_STR("@kid"))) {
        return visit_value_rule(w, RULE_KID, value);
    }
    if (xg_str_eq(name, XG_STR("@name"))) {
        return visit_value_rule(w, RULE_NAME, value);
    }
    if (xg_str_eq(name, XG_STR("@workload"))) {
        return visit_value_rule(w, RULE_WORKLOAD, value);
    }
    if (xg_str_eq(name, XG_STR("@issued-before"))) {
        return visit_issued_before(w, value);
    }
    return refuse(w, "@kid, @name, @workload or @issued-before", name);
}

/*
 * Where the comment of a line begins; its length if it has none. A '#' inside a word is part of an id: cut there,
 * Kuma's "a#1,b" would leave a#1 and b alive.
 */
static size_t find_comment(xg_str line)
{
    size_t at = 0;
    while (at < line.len && !(line.ptr[at] == '#' && (at == 0 || is_blank(line.ptr[at - 1])))) {
        at++;
    }
    return at;
}

static xg_result visit_line(walk *w, xg_str line)
{
    size_t comment_at = find_comment(line);
    xg_str comment = xg_str_skip(line, comment_at);
    xg_str text = trim((xg_str){line.ptr, comment_at});
    if (has_control_bytes(comment)) {
        return refuse(w, "a comment without control bytes", comment);
    }
    if (text.len == 0) {
        return XG_OK;
    }
    if (text.ptr[0] == '@') {
        return visit_rule(w, text);
    }
    bool has_comma = text.ptr[text.len - 1] == ',';
    if (has_comma) {
        w->list->is_blank_revoked = true; /* what follows the last comma is an empty element too */
    }
    while (text.len > 0) {
        xg_str id = trim(take_until(&text, ','));
        if (id.len > 0) {
            XG_TRY(visit_id(w, id));
        } else {
            w->list->is_blank_revoked = true;
        }
    }
    return XG_OK;
}

static xg_result walk_text(walk *w, xg_str text)
{
    w->line = 0;
    while (text.len > 0) {
        w->line++;
        XG_TRY(visit_line(w, take_until(&text, '\n')));
    }
    return XG_OK;
}

static xg_result draw_keys(xg_revocations *list)
{
    XG_TRY(xg_hashset_draw_key(list->id_key));
    for (size_t i = 0; i < NUM_RULE_KINDS; i++) {
        XG_TRY(xg_hashset_draw_key(list->rule_keys[i]));
    }
    return XG_OK;
}

static xg_result parse_into(xg_revocations *list, xg_str text, size_t max_ids, xg_text *reterr)
{
    /* Kuma strips one final line end and splits at commas: a lone line end is one empty element. */
    list->is_blank_revoked = xg_str_eq(text, XG_STR("\n"));
    if (xg_str_starts_with(text, XG_STR("\xef\xbb\xbf"))) {
        text = xg_str_skip(text, 3);
    }
    walk w = {.list = list, .max_ids = max_ids, .reterr = reterr};
    XG_TRY(walk_text(&w, text));
    XG_TRY(draw_keys(list));
    XG_TRY(xg_hashset_init(&list->ids, w.num_ids));
    XG_TRY(xg_hashset_init(&list->rules, w.num_rules));
    w.is_filling = true;
    w.ids.set = &list->ids;
    XG_TRY(walk_text(&w, text));
    filler_flush(&w.ids);
    return XG_OK;
}

xg_result xg_revocations_parse(xg_str list, size_t max_ids, xg_revocations **ret_list, xg_text *reterr)
{
    xg_revocations *parsed = calloc(1, sizeof(*parsed));
    XG_CHECK(parsed != NULL, NO_MEMORY);
    atomic_init(&parsed->refs, 1);
    xg_result result = parse_into(parsed, list, max_ids, reterr);
    if (!xg_is_ok(result)) {
        xg_revocations_unref(parsed);
        return result;
    }
    *ret_list = parsed;
    return XG_OK;
}

xg_revocations *xg_revocations_ref(xg_revocations *list)
{
    if (list != NULL) {
        atomic_fetch_add_explicit(&list->refs, 1, memory_order_relaxed);
    }
    return list;
}

void xg_revocations_unref(xg_revocations *list)
{
    if (list == NULL || atomic_fetch_sub_explicit(&list->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    xg_hashset_done(&list->ids);
    xg_hashset_done(&list->rules);
    free(list);
}

size_t xg_revocations_count(const xg_revocations *list)
{
    return list != NULL ? list->ids.count : 0;
}

bool xg_revocations_is_blank(const xg_revocations *list)
{
    return list->ids.count == 0 && list->rules.count == 0 && !list->is_blank_revoked && !list->has_issued_before;
}

size_t xg_revocations_bytes(const xg_revocations *list)
{
    return sizeof(*list) + (list->ids.num_slots + list->rules.num_slots) * sizeof(xg_digest);
}

static bool has_rule(const xg_revocations *list, rule_kind kind, xg_str value)
{
    return list->has_rule[kind] && value.len > 0 &&
           xg_hashset_has(&list->rules, xg_hashset_digest(list->rule_keys[kind], value));
}

xg_result xg_revocations_check(const xg_revocations *list, const xg_revocable *token, int64_t *ret_issued_before)
{
    if (list == NULL) {
        return XG_OK;
    }
    XG_CHECK(token->jti.len > 0 || !list->is_blank_revoked, REVOKED_NO_JTI);
    if (token->jti.len > 0 && list->ids.count > 0) {
        XG_CHECK(!xg_hashset_has(&list->ids, xg_hashset_digest(list->id_key, token->jti)), REVOKED_JTI);
    }
    XG_CHECK(!has_rule(list, RULE_KID, token->kid), REVOKED_KID);
    if (list->has_issued_before && (!token->has_iat || token->iat < list->issued_before)) {
        *ret_issued_before = list->issued_before;
        return XG_FAIL(REVOKED_ISSUED_BEFORE);
    }
    XG_CHECK(!has_rule(list, RULE_NAME, token->name), REVOKED_NAME);
    XG_CHECK(!has_rule(list, RULE_WORKLOAD, token->workload), REVOKED_WORKLOAD);
    return XG_OK;
}
