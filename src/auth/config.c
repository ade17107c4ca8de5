/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.c: the JSON text of create and reload.
 *
 * Owns the table of members: name, type, range, place. plugin-api/ABI.md repeats it, with the defaults, for people.
 * Must never skip a member that it does not know: a misspelt restriction would be no restriction. Pure, thread-safe.
 */
#include <assert.h>
#include <string.h>

#include "xdsgate/auth.h"

#define CONFIG_MAX       65536u
#define CONFIG_DEPTH     4u
#define LEEWAY_MAX       60
#define POLL_SECONDS_MAX 3600
#define POLL_SECONDS     10
#define REQUEST_TAGS_MAX 256
#define SESSIONS_MAX     1000000
#define CACHED_TOKENS    65536

typedef enum value_kind {
    VALUE_BOOL,    /* bool */
    VALUE_SIZE,    /* size_t from min to max */
    VALUE_INTEGER, /* int64_t from min to max */
    VALUE_TEXT,    /* char[max + 1]: min to max clean bytes */
    VALUE_PATH,    /* the same, absolute */
    VALUE_WORD,    /* an enum: the position in words, from 1 */
    VALUE_TIME,    /* int64_t */
    VALUE_PROFILE, /* applied before everything else, see apply_profile */
    VALUE_OBJECT
} value_kind;

typedef struct config_member {
    const char *name;
    value_kind kind;
    size_t offset; /* in xg_config */
    int64_t min;
    int64_t max;
    const char *words[4];
    const struct config_member *members;
} config_member;

#define AT(field) offsetof(xg_config, field)

static_assert(sizeof(xg_legacy) == sizeof(uint32_t) && sizeof(xg_tag_source) == sizeof(uint32_t) &&
                  sizeof(xg_expiry) == sizeof(uint32_t),
              "see store_word");

static const config_member SWITCHES[] = {
    {"tag_source", VALUE_WORD, AT(policy.profile.tag_source), 0, 0, {"inbound", "labels", "union"}, NULL},
    {"workload_enforced", VALUE_BOOL, AT(policy.profile.workload_enforced), 0, 0, {NULL}, NULL},
    {"zone_entities", VALUE_BOOL, AT(policy.profile.zone_entities), 0, 0, {NULL}, NULL},
    {"exp_required", VALUE_BOOL, AT(policy.profile.exp_required), 0, 0, {NULL}, NULL},
    {"jti_required", VALUE_BOOL, AT(policy.profile.jti_required), 0, 0, {NULL}, NULL},
    {"mesh_required", VALUE_BOOL, AT(policy.profile.mesh_required), 0, 0, {NULL}, NULL},
    {"binding_required", VALUE_BOOL, AT(policy.profile.binding_required), 0, 0, {NULL}, NULL},
    {"type_checked", VALUE_BOOL, AT(policy.profile.type_checked), 0, 0, {NULL}, NULL},
    {"shared_revocations", VALUE_BOOL, AT(policy.profile.shared_revocations), 0, 0, {NULL}, NULL},
    {NULL, VALUE_BOOL, 0, 0, 0, {NULL}, NULL},
};

static const config_member LIMITS[] = {
    {"credential_bytes", VALUE_SIZE, AT(policy.token.credential_bytes), 1, XG_CREDENTIAL_MAX, {NULL}, NULL},
    {"header_bytes", VALUE_SIZE, AT(policy.token.header_bytes), 1, XG_HEADER_MAX, {NULL}, NULL},
    {"kid_bytes", VALUE_SIZE, AT(policy.token.kid_bytes), 1, XG_KID_MAX, {NULL}, NULL},
    {"jti_bytes", VALUE_SIZE, AT(policy.token.jti_bytes), 1, XG_JTI_MAX, {NULL}, NULL},
    {"json_depth", VALUE_SIZE, AT(policy.token.json_depth), 1, XG_JSON_DEPTH_MAX, {NULL}, NULL},
    {"tag_keys", VALUE_SIZE, AT(policy.token.tag_keys), 1, XG_TAG_KEYS_MAX, {NULL}, NULL},
    {"tag_values", VALUE_SIZE, AT(policy.token.tag_values), 1, XG_TAG_VALUES_MAX, {NULL}, NULL},
    {"request_tags", VALUE_SIZE, AT(policy.request_tags), 1, REQUEST_TAGS_MAX, {NULL}, NULL},
    {"revoked_ids", VALUE_SIZE, AT(store.revoked_ids), 1, XG_REVOKED_MAX, {NULL}, NULL},
    {"meshes", VALUE_SIZE, AT(store.meshes), 1, XG_MESHES_MAX, {NULL}, NULL},
    {"sessions", VALUE_SIZE, AT(sessions), 1, SESSIONS_MAX, {NULL}, NULL},
    {"cached_tokens", VALUE_SIZE, AT(cached_tokens), 0, XG_VERIFIED_MAX, {NULL}, NULL},
    {NULL, VALUE_BOOL, 0, 0, 0, {NULL}, NULL},
};

static const config_member MEMBERS[] = {
    {"store", VALUE_PATH, AT(store_path), 1, XG_STORE_PATH_MAX, {NULL}, NULL},
    {"store_poll_seconds", VALUE_INTEGER, AT(poll_seconds), 0, POLL_SECONDS_MAX, {NULL}, NULL},
    {"profile", VALUE_PROFILE, 0, 0, 0, {NULL}, NULL},
    {"switches", VALUE_OBJECT, 0, 0, 0, {NULL}, SWITCHES},
    {"zone", VALUE_TEXT, AT(policy.zone), 0, XG_MESH_NAME_MAX, {NULL}, NULL},
    {"legacy_zone_tokens", VALUE_WORD, AT(policy.legacy_zone_tokens), 0, 0, {"allow", "warn", "deny"}, NULL},
    {"legacy_zone_tokens_deny_after", VALUE_TIME, AT(policy.deny_after), 0, 0, {NULL}, NULL},
    {"allow_mesh_wide", VALUE_BOOL, AT(policy.allow_mesh_wide), 0, 0, {NULL}, NULL},
    {"expiry", VALUE_WORD, AT(policy.expiry), 0, 0, {"end", "bar-new"}, NULL},
    {"leeway_seconds", VALUE_INTEGER, AT(policy.leeway), 0, LEEWAY_MAX, {NULL}, NULL},
    {"limits", VALUE_OBJECT, 0, 0, 0, {NULL}, LIMITS},
    {NULL, VALUE_BOOL, 0, 0, 0, {NULL}, NULL},
};

typedef struct reader {
    xg_config config;
    xg_text *reterr;
} reader;

static void store_at(reader *r, const config_member *member, const void *bytes, size_t len)
{
    memcpy((char *)&r->config + member->offset, bytes, len);
}

static bool read_bool(reader *r, const config_member *member, const xg_json *value)
{
    bool is_true = value->kind == XG_JSON_TRUE;
    store_at(r, member, &is_true, sizeof(is_true));
    return is_true || value->kind == XG_JSON_FALSE;
}

static bool read_number(reader *r, const config_member *member, const xg_json *value)
{
    int64_t number;
    if (!xg_json_to_int64(value, &number) || number < member->min || number > member->max) {
        return false;
    }
    if (member->kind == VALUE_SIZE) {
        size_t size = (size_t)number;
        store_at(r, member, &size, sizeof(size));
    } else {
        store_at(r, member, &number, sizeof(number));
    }
    return true;
}

static bool read_text(reader *r, const config_member *member, const xg_json *value)
{
    xg_text text;
    xg_text_init(&text, (char *)&r->config + member->offset, (size_t)member->max + 1);
    if (value->kind != XG_JSON_STRING) {
        return false;
    }
    xg_json_decode(value, &text);
    bool is_good = !text.is_cut && text.len >= (size_t)member->min && xg_str_is_clean((xg_str){text.ptr, text.len});
    return is_good && (member->kind != VALUE_PATH || text.ptr[0] == '/');
}

static bool read_word(reader *r, const config_member *member, const xg_json *value)
{
    for (uint32_t i = 0; i < XG_ARRAY_LEN(member->words) && member->words[i] != NULL; i++) {
        if (xg_json_is(value, xg_str_of(member->words[i]))) {
            uint32_t word = i + 1;
            store_at(r, member, &word, sizeof(word));
            return true;
        }
    }
    return false;
}

static bool read_time(reader *r, const config_member *member, const xg_json *value)
{
    char storage[32];
    xg_text text;
    int64_t seconds;
    xg_text_init(&text, storage, sizeof(storage));
    if (value->kind == XG_JSON_STRING) {
        xg_json_decode(value, &text);
    }
    if (!xg_clock_parse((xg_str){text.ptr, text.len}, &seconds)) {
        return false;
    }
    store_at(r, member, &seconds, sizeof(seconds));
    return true;
}

static const xg_profile *find_profile(const xg_json *value)
{
    char storage[32];
    xg_text name;
    xg_text_init(&name, storage, sizeof(storage));
    if (value->kind != XG_JSON_STRING) {
        return NULL;
    }
    xg_json_decode(value, &name);
    return name.is_cut ? NULL : xg_profile_find((xg_str){name.ptr, name.len});
}

static bool read_members(reader *r, const config_member *parent, const config_member *members, const xg_json *object);

static bool read_value(reader *r, const config_member *member, const xg_json *value)
{
    switch (member->kind) {
    case VALUE_BOOL:
        return read_bool(r, member, value);
    case VALUE_SIZE:
    case VALUE_INTEGER:
        return read_number(r, member, value);
    case VALUE_TEXT:
    case VALUE_PATH:
        return read_text(r, member, value);
    case VALUE_WORD:
        return read_word(r, member, value);
    case VALUE_TIME:
        return read_time(r, member, value);
    case VALUE_PROFILE:
        return find_profile(value) != NULL;
    case VALUE_OBJECT:
        return value->kind == XG_JSON_OBJECT && read_members(r, member, member->members, value);
    default:
        return false;
    }
}

/* ---- errors: where, what was expected, what was found ---- */

static void add_words(xg_text *text, const char *const words[4])
{
    for (size_t i = 0; i < 4 && words[i] != NULL; i++) {
        xg_text_printf(text, "%s\"%s\"", i == 0 ? "" : words[i + 1] == NULL ? " or " : ", ", words[i]);
    }
}

static void add_expected(xg_text *text, const config_member *member)
{
    switch (member->kind) {
    case VALUE_BOOL:
        xg_text_printf(text, "true or false");
        break;
    case VALUE_SIZE:
    case VALUE_INTEGER:
        xg_text_printf(text, "an integer from %lld to %lld", (long long)member->min, (long long)member->max);
        break;
    case VALUE_TEXT:
        xg_text_printf(text, "a string of at most %lld bytes without control bytes", (long long)member->max);
        break;
    case VALUE_PATH:
        xg_text_printf(text, "the absolute path of a directory");
        break;
    case VALUE_WORD:
        add_words(text, member->words);
        break;
    case VALUE_TIME:
        xg_text_printf(text, "a time like \"2027-01-01T00:00:00Z\"");
        break;
    case VALUE_PROFILE:
        for (size_t i = 0; xg_profile_at(i) != NULL; i++) {
            xg_text_printf(text, "%s\"%s\"", i == 0 ? "" : ", ", xg_profile_at(i)->name);
        }
        break;
    case VALUE_OBJECT:
    default:
        xg_text_printf(text, "an object");
        break;
    }
}

static void add_quoted(xg_text *text, const xg_json *string, size_t max_len)
{
    char storage[XG_STORE_PATH_MAX + 1]; /* the longest that is right: both ends of it are to be seen */
    xg_text decoded;
    xg_text_init(&decoded, storage, sizeof(storage));
    xg_json_decode(string, &decoded);
    xg_text_quote(text, (xg_str){decoded.ptr, decoded.len}, max_len);
}

static void add_found(xg_text *text, const xg_json *value)
{
    static const char *const KINDS[] = {
        [XG_JSON_NULL] = "null",          [XG_JSON_FALSE] = "false",     [XG_JSON_TRUE] = "true",
        [XG_JSON_INTEGER] = "an integer", [XG_JSON_STRING] = "a string", [XG_JSON_ARRAY] = "an array",
        [XG_JSON_OBJECT] = "an object",
    };
    if (value->kind == XG_JSON_STRING) {
        add_quoted(text, value, 80);
    } else if (value->kind == XG_JSON_INTEGER) {
        xg_text_add(text, value->raw);
    } else {
        xg_text_add(text, xg_str_of(KINDS[value->kind]));
    }
}

static bool refuse(reader *r, const config_member *parent, const xg_json *name, const config_member *member,
                   const xg_json *value)
{
    if (r->reterr->len > 0) { /* an inner object has said it already */
        return false;
    }
    xg_text_printf(r->reterr, "configuration: ");
    if (parent != NULL) {
        xg_text_printf(r->reterr, "%s: ", parent->name);
    }
    add_quoted(r->reterr, name, 60);
    if (member == NULL) {
        xg_text_printf(r->reterr, " is not a known member; ABI.md lists them");
        return false;
    }
    xg_text_printf(r->reterr, ": expected ");
    add_expected(r->reterr, member);
    xg_text_printf(r->reterr, ", found ");
    add_found(r->reterr, value);
    return false;
}

static const config_member *find_member(const config_member *members, const xg_json *name)
{
    while (members->name != NULL && !xg_json_is(name, xg_str_of(members->name))) {
        members++;
    }
    return members->name == NULL ? NULL : members;
}

static bool read_members(reader *r, const config_member *parent, const config_member *members, const xg_json *object)
{
    xg_json name, value;
    for (xg_str rest = object->raw; xg_json_next_member(&rest, &name, &value);) {
        const config_member *member = find_member(members, &name);
        if (member == NULL || !read_value(r, member, &value)) {
            return refuse(r, parent, &name, member, &value);
        }
    }
    return true;
}

/* Single switches change the profile, so it comes first, wherever it stands in the text. An unknown one is refused by
 * read_value, in its turn. */
static void apply_profile(reader *r, const xg_json *root)
{
    xg_json name, value;
    r->config.policy.profile = *xg_profile_at(0);
    for (xg_str rest = root->raw; xg_json_next_member(&rest, &name, &value);) {
        const xg_profile *profile = xg_json_is(&name, XG_STR("profile")) ? find_profile(&value) : NULL;
        if (profile != NULL) {
            r->config.policy.profile = *profile;
        }
    }
}

static bool check_store(reader *r)
{
    if (r->config.store_path[0] == '\0') {
        xg_text_printf(r->reterr, "configuration: 'store' is missing: expected the absolute path of a directory");
        return false;
    }
    return true;
}

xg_result xg_config_parse(xg_str json, xg_config *ret_config, xg_text *reterr)
{
    static const xg_json_limits SHAPE = {.depth = CONFIG_DEPTH, .members = XG_JSON_MEMBERS_MAX};
    xg_json root;
    char message[256];
    xg_text text;
    reader r = {.reterr = reterr};

    r.config.poll_seconds = POLL_SECONDS;
    r.config.policy.legacy_zone_tokens = XG_LEGACY_WARN;
    r.config.policy.deny_after = INT64_MAX;
    r.config.policy.token = XG_TOKEN_LIMITS_DEFAULT;
    r.config.policy.request_tags = REQUEST_TAGS_MAX;
    r.config.policy.expiry = XG_EXPIRY_END;
    r.config.sessions = SESSIONS_MAX;
    r.config.cached_tokens = CACHED_TOKENS;
    r.config.store = (xg_dirstore_limits){.meshes = XG_MESHES_MAX, .revoked_ids = XG_REVOKED_MAX};

    xg_text_init(&text, message, sizeof(message));
    xg_result checked = XG_FAIL(CONFIG_JSON);
    if (json.len > CONFIG_MAX) {
        xg_text_printf(&text, "%zu bytes", json.len);
    } else {
        checked = xg_json_check_object(json, SHAPE, XG_REASON_CONFIG_JSON, &root, &text);
    }
    if (!xg_is_ok(checked)) {
        xg_text_printf(reterr, "configuration: expected one JSON object of at most %u bytes, found: ", CONFIG_MAX);
        xg_text_add(reterr, (xg_str){text.ptr, text.len});
        return checked;
    }
    apply_profile(&r, &root);
    XG_CHECK(read_members(&r, NULL, MEMBERS, &root) && check_store(&r), CONFIG_MEMBER);
    *ret_config = r.config;
    return XG_OK;
}

/* ---- the table for people ---- */

/* What a member is in config, as it would be written into the text. */
static void show_value(const xg_config *config, const config_member *member, xg_text *text)
{
    const char *at = (const char *)config + member->offset;
    int64_t number = 0;
    uint32_t word = 0;
    size_t size = 0;
    char storage[XG_CLOCK_TEXT_SIZE];
    switch (member->kind) {
    case VALUE_BOOL:
        xg_text_add(text, *at != 0 ? XG_STR("true") : XG_STR("false"));
        break;
    case VALUE_SIZE:
        memcpy(&size, at, sizeof(size));
        xg_text_printf(text, "%zu", size);
        break;
    case VALUE_INTEGER:
        memcpy(&number, at, sizeof(number));
        xg_text_printf(text, "%lld", (long long)number);
        break;
    case VALUE_WORD:
        memcpy(&word, at, sizeof(word));
        xg_text_add(text, xg_str_of(word > 0 ? member->words[word - 1] : NULL));
        break;
    case VALUE_TIME:
        memcpy(&number, at, sizeof(number));
        xg_text_add(text, number == INT64_MAX ? XG_STR("never") : xg_clock_format(number, storage));
        break;
    case VALUE_PROFILE:
        xg_text_add(text, xg_str_of(config->policy.profile.name));
        break;
    case VALUE_TEXT:
    case VALUE_PATH:
    case VALUE_OBJECT:
    default:
        xg_text_add(text, xg_str_of(at));
        break;
    }
}

static void describe(const xg_config *config, const char *parent, const config_member *members, xg_config_visit *visit,
                     void *arg)
{
    char storage[XG_STORE_PATH_MAX + 1];
    for (; members->name != NULL; members++) {
        xg_text value;
        if (members->kind == VALUE_OBJECT) {
            describe(config, members->name, members->members, visit, arg);
            continue;
        }
        xg_text_init(&value, storage, sizeof(storage));
        show_value(config, members, &value);
        visit(arg, parent, members->name, (xg_str){value.ptr, value.len});
    }
}

void xg_config_describe(const xg_config *config, xg_config_visit *visit, void *arg)
{
    describe(config, NULL, MEMBERS, visit, arg);
}
