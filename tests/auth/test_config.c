/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_config.c: every member of the configuration: its default, what it takes, and the sentence that refuses the rest
 * (plugin-api/ABI.md, section 8).
 *
 * A configuration is compared as a whole, written out, so that a member which changes another one shows. Texts lie in
 * memory of exactly their length. A refusal must leave the caller's configuration as it was. One thread.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "xdsgate/auth.h"

#define S(text) XG_STR_INIT(text)

/* What {"store":"/s"} means. */
static const char DEFAULTS[] =
    " store=/s store_poll_seconds=10 profile=strict tag_source=3 workload_enforced=1 zone_entities=1 exp_required=1"
    " jti_required=1 mesh_required=1 binding_required=1 type_checked=1 shared_revocations=1 zone= legacy_zone_tokens=2"
    " legacy_zone_tokens_deny_after=9223372036854775807 allow_mesh_wide=0 leeway_seconds=0 credential_bytes=8192"
    " header_bytes=1024 kid_bytes=63 jti_bytes=127 json_depth=8 tag_keys=64 tag_values=64 request_tags=256"
    " revoked_ids=16000000 meshes=100000 ";

/* ---- one text, one verdict ---- */

typedef struct outcome {
    uint32_t reason;
    char config[2 * XG_STORE_PATH_MAX]; /* written out; empty after a refusal */
    char sentence[1024];                /* empty unless refused */
} outcome;

static void describe(const xg_config *c, char *out, size_t cap)
{
    const xg_policy *p = &c->policy;
    const xg_profile *f = &p->profile;
    const xg_token_limits *t = &p->token;
    xg_text text;
    xg_text_init(&text, out, cap);
    xg_text_add(&text, XG_STR(" store="));
    xg_text_add(&text, xg_str_of(c->store_path));
    xg_text_printf(&text, " store_poll_seconds=%lld profile=%s tag_source=%d workload_enforced=%d zone_entities=%d",
                   (long long)c->poll_seconds, f->name, (int)f->tag_source, f->workload_enforced, f->zone_entities);
    xg_text_printf(&text, " exp_required=%d jti_required=%d mesh_required=%d binding_required=%d type_checked=%d",
                   f->exp_required, f->jti_required, f->mesh_required, f->binding_required, f->type_checked);
    xg_text_printf(&text,
                   " shared_revocations=%d zone=%s legacy_zone_tokens=%d legacy_zone_tokens_deny_after=%lld "
                   "allow_mesh_wide=%d leeway_seconds=%lld",
                   f->shared_revocations, p->zone, (int)p->legacy_zone_tokens, (long long)p->deny_after,
                   p->allow_mesh_wide, (long long)p->leeway);
    xg_text_printf(&text, " credential_bytes=%zu header_bytes=%zu kid_bytes=%zu jti_bytes=%zu json_depth=%zu",
                   t->credential_bytes, t->header_bytes, t->kid_bytes, t->jti_bytes, t->json_depth);
    xg_text_printf(&text, " tag_keys=%zu tag_values=%zu request_tags=%zu revoked_ids=%zu meshes=%zu ", t->tag_keys,
                   t->tag_values, p->request_tags, c->store.revoked_ids, c->store.meshes);
    assert_false(text.is_cut);
}

static const outcome *parse(xg_str json)
{
    static outcome o;
    static xg_config config, untouched;
    char *copy = malloc(json.len > 0 ? json.len : 1);
    xg_text text;
    assert_non_null(copy);
    if (json.len > 0) {
        memcpy(copy, json.ptr, json.len);
    }
    memset(&untouched, 0xa5, sizeof(untouched));
    config = untouched;
    o.config[0] = '\0';
    xg_text_init(&text, o.sentence, sizeof(o.sentence));
    o.reason = xg_result_reason(xg_config_parse((xg_str){copy, json.len}, &config, &text));
    free(copy);
    if (o.reason == XG_REASON_OK) {
        describe(&config, o.config, sizeof(o.config));
        assert_string_equal(o.sentence, "");
    } else {
        assert_memory_equal(&config, &untouched, sizeof(untouched));
        assert_true(xg_str_starts_with(xg_str_of(o.sentence), XG_STR("configuration: ")));
        assert_false(text.is_cut);
    }
    return &o;
}

static void assert_refused(xg_str json, uint32_t reason, const char *sentence)
{
    const outcome *o = parse(json);
    if (o->reason != reason || strcmp(o->sentence, sentence) != 0) {
        fail_msg("%.*s: expected %s <%s>, found %s <%s>", (int)json.len, json.ptr, xg_reason_find(reason)->name,
                 sentence, xg_reason_find(o->reason)->name, o->sentence);
    }
}

/* Accepted, and the defaults but for the part `from`, which is `to`. */
static void assert_changes(xg_str json, const char *from, const char *to)
{
    static char expected[2 * XG_STORE_PATH_MAX];
    const outcome *o = parse(json);
    const char *at = strstr(DEFAULTS, from);
    assert_non_null(at);
    (void)snprintf(expected, sizeof(expected), "%.*s%s%s", (int)(at - DEFAULTS), DEFAULTS, to, at + strlen(from));
    if (o->reason != XG_REASON_OK || strcmp(o->config, expected) != 0) {
        fail_msg("%.*s: expected <%s>, found %s <%s> <%s>", (int)json.len, json.ptr, expected,
                 xg_reason_find(o->reason)->name, o->config, o->sentence);
    }
}

/* Accepted, and the defaults but for that member. */
static void assert_sets(xg_str json, const char *name, const char *value)
{
    char from[128] = "", to[128];
    int len = snprintf(to, sizeof(to), " %s=", name);
    const char *at = strstr(DEFAULTS, to);
    assert_non_null(at);
    memcpy(from, at, (size_t)len + strcspn(at + len, " ") + 1);
    (void)snprintf(to + len, sizeof(to) - (size_t)len, "%s ", value);
    assert_changes(json, from, to);
}

/* ---- the members ---- */

/* Values of every type, and how a sentence names them. */
static const struct {
    const char *json;
    const char *found;
} VALUES[] = {
    {"null", "null"},    {"true", "true"},       {"false", "false"}, {"5", "5"},
    {"-5", "-5"},        {"\"x\"", "'x'"},       {"\"\"", "''"},     {"[]", "an array"},
    {"{}", "an object"}, {"[true]", "an array"}, {"\"5\"", "'5'"},   {"\"true\"", "'true'"},
};

#define BOOL(parent, name)                                                                                             \
    {                                                                                                                  \
        parent, name, "true or false", "-++---------", 0, 0                                                            \
    }
#define NUMBER(parent, name, min, max)                                                                                 \
    {                                                                                                                  \
        parent, name, "an integer from " #min " to " #max, "---+--------", min, max                                    \
    }
#define WORDS(parent, name, expected)                                                                                  \
    {                                                                                                                  \
        parent, name, expected, "------------", 0, 0                                                                   \
    }
#define OTHER(name, expected, taken)                                                                                   \
    {                                                                                                                  \
        "", name, expected, taken, 0, 0                                                                                \
    }

/* Every member: where it stands, what a sentence says was expected, which of VALUES it takes, and the range. */
static const struct {
    const char *parent;
    const char *name;
    const char *expected;
    const char *taken;
    int64_t min;
    int64_t max;
} MEMBERS[] = {
    OTHER("store", "the absolute path of a directory", "------------"),
    NUMBER("", "store_poll_seconds", 0, 3600),
    WORDS("", "profile", "\"strict\", \"kuma-3.0\", \"kuma-2.14\", \"kuma-2.13\", \"kuma-2.12\""),
    OTHER("switches", "an object", "--------+---"),
    OTHER("zone", "a string of at most 253 bytes without control bytes", "-----++---++"),
    WORDS("", "legacy_zone_tokens", "\"allow\", \"warn\" or \"deny\""),
    WORDS("", "legacy_zone_tokens_deny_after", "a time like \"2027-01-01T00:00:00Z\""),
    BOOL("", "allow_mesh_wide"),
    NUMBER("", "leeway_seconds", 0, 60),
    OTHER("limits", "an object", "--------+---"),
    WORDS("switches", "tag_source", "\"inbound\", \"labels\" or \"union\""),
    BOOL("switches", "workload_enforced"),
    BOOL("switches", "zone_entities"),
    BOOL("switches", "exp_required"),
    BOOL("switches", "jti_required"),
    BOOL("switches", "mesh_required"),
    BOOL("switches", "binding_required"),
    BOOL("switches", "type_checked"),
    BOOL("switches", "shared_revocations"),
    NUMBER("limits", "credential_bytes", 1, 8192),
    NUMBER("limits", "header_bytes", 1, 1024),
    NUMBER("limits", "kid_bytes", 1, 63),
    NUMBER("limits", "jti_bytes", 1, 127),
    NUMBER("limits", "json_depth", 1, 8),
    NUMBER("limits", "tag_keys", 1, 64),
    NUMBER("limits", "tag_values", 1, 64),
    NUMBER("limits", "request_tags", 1, 256),
    NUMBER("limits", "revoked_ids", 1, 16000000),
    NUMBER("limits", "meshes", 1, 100000),
};

/* A configuration with that member, and nothing else but the store. */
static xg_str make_json(size_t member, const char *value)
{
    static char json[256];
    const char *parent = MEMBERS[member].parent, *name = MEMBERS[member].name;
    bool is_inner = parent[0] != '\0';
    int len =
        snprintf(json, sizeof(json), "{%s%s%s%s\"%s\":%s%s}", strcmp(name, "store") == 0 ? "" : "\"store\":\"/s\",",
                 is_inner ? "\"" : "", parent, is_inner ? "\":{" : "", name, value, is_inner ? "}" : "");
    return (xg_str){json, (size_t)len};
}

static void assert_member_refused(size_t member, const char *value, const char *found)
{
    char sentence[256];
    const char *parent = MEMBERS[member].parent;
    (void)snprintf(sentence, sizeof(sentence), "configuration: %s%s'%s': expected %s, found %s", parent,
                   parent[0] == '\0' ? "" : ": ", MEMBERS[member].name, MEMBERS[member].expected, found);
    assert_refused(make_json(member, value), XG_REASON_CONFIG_MEMBER, sentence);
}

static void test_each_member_refuses_other_types_by_its_path(void **state)
{
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(MEMBERS); i++) {
        assert_int_equal(strlen(MEMBERS[i].taken), XG_ARRAY_LEN(VALUES));
        for (size_t k = 0; k < XG_ARRAY_LEN(VALUES); k++) {
            if (MEMBERS[i].taken[k] == '+') {
                assert_int_equal(parse(make_json(i, VALUES[k].json))->reason, XG_REASON_OK);
            } else {
                assert_member_refused(i, VALUES[k].json, VALUES[k].found);
            }
        }
    }
}

static void check_number(size_t member, int64_t number)
{
    char digits[32];
    (void)snprintf(digits, sizeof(digits), "%lld", (long long)number);
    if (number < MEMBERS[member].min || number > MEMBERS[member].max) {
        assert_member_refused(member, digits, digits);
        return;
    }
    assert_sets(make_json(member, digits), MEMBERS[member].name, digits);
}

static void test_each_number_ends_at_its_range(void **state)
{
    size_t num_numbers = 0;
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(MEMBERS); i++) {
        if (MEMBERS[i].max == 0) {
            continue;
        }
        const int64_t min = MEMBERS[i].min, max = MEMBERS[i].max;
        const int64_t numbers[] = {min,       min + 1,  max - 1, max,  min - 1,
                                   max + 1,   2 * max,  -1,      -max, max + (INT64_C(1) << 32),
                                   INT64_MAX, INT64_MIN};
        for (size_t k = 0; k < XG_ARRAY_LEN(numbers); k++) {
            check_number(i, numbers[k]);
        }
        num_numbers++;
    }
    assert_int_equal(num_numbers, 12);
}

/* ---- defaults, and what each value changes ---- */

static void test_what_is_not_said_has_its_default(void **state)
{
    static const xg_str TEXTS[] = {
        S("{\"store\":\"/s\"}"),
        S(" {\n\t\"store\" : \"/s\"\r\n} "),
        S("{\"store\":\"\\u002fs\"}"),
        S("{\"\\u0073tore\":\"\\/s\"}"),
        S("{\"store\":\"/s\",\"switches\":{},\"limits\":{}}"),
        S("{\"store\":\"/s\",\"zone\":\"\",\"profile\":\"strict\",\"legacy_zone_tokens\":\"warn\"}"),
        S("{\"limits\":{\"meshes\":100000},\"leeway_seconds\":0,\"store\":\"/s\",\"allow_mesh_wide\":false}"),
    };
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(TEXTS); i++) {
        assert_changes(TEXTS[i], "", "");
    }
}

static void test_each_word_is_taken_letter_by_letter(void **state)
{
    static const struct {
        xg_str json;
        const char *name;
        const char *value;
    } ROWS[] = {
        {S("{\"store\":\"/s\",\"legacy_zone_tokens\":\"allow\"}"), "legacy_zone_tokens", "1"},
        {S("{\"store\":\"/s\",\"legacy_zone_tokens\":\"warn\"}"), "legacy_zone_tokens", "2"},
        {S("{\"store\":\"/s\",\"legacy_zone_tokens\":\"deny\"}"), "legacy_zone_tokens", "3"},
        {S("{\"store\":\"/s\",\"legacy_zone_tokens\":\"den\\u0079\"}"), "legacy_zone_tokens", "3"},
        {S("{\"store\":\"/s\",\"switches\":{\"tag_source\":\"inbound\"}}"), "tag_source", "1"},
        {S("{\"store\":\"/s\",\"switches\":{\"tag_source\":\"labels\"}}"), "tag_source", "2"},
        {S("{\"store\":\"/s\",\"switches\":{\"tag_source\":\"union\"}}"), "tag_source", "3"},
    };
    static const char *const BAD[] = {"Allow", "allo", "allow ", "denyy", "inbounds", "LABELS", "label", "1", ""};
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        assert_sets(ROWS[i].json, ROWS[i].name, ROWS[i].value);
    }
    for (size_t i = 0; i < XG_ARRAY_LEN(MEMBERS); i++) {
        bool is_word = strcmp(MEMBERS[i].name, "legacy_zone_tokens") == 0 || strcmp(MEMBERS[i].name, "tag_source") == 0;
        for (size_t k = 0; is_word && k < XG_ARRAY_LEN(BAD); k++) {
            char value[16], found[16];
            (void)snprintf(value, sizeof(value), "\"%s\"", BAD[k]);
            (void)snprintf(found, sizeof(found), "'%s'", BAD[k]);
            assert_member_refused(i, value, found);
        }
    }
}

static void test_each_boolean_changes_itself_alone(void **state)
{
    size_t num_booleans = 0;
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(MEMBERS); i++) {
        if (strcmp(MEMBERS[i].expected, "true or false") == 0) {
            assert_sets(make_json(i, "false"), MEMBERS[i].name, "0");
            assert_sets(make_json(i, "true"), MEMBERS[i].name, "1");
            num_booleans++;
        }
    }
    assert_int_equal(num_booleans, 9);
}

static void test_times_are_utc_to_the_second(void **state)
{
    static const struct {
        const char *text;
        const char *seconds;
    } GOOD[] = {
        {"2027-01-01T00:00:00Z", "1798761600"},   {"1970-01-01T00:00:00Z", "0"},
        {"1969-12-31T23:59:59Z", "-1"},           {"2028-02-29T12:00:01Z", "1835438401"},
        {"9999-12-31T23:59:59Z", "253402300799"},
    };
    static const char *const BAD[] = {"2027-01-01",
                                      "2027-01-01T00:00:00",
                                      "2027-01-01T00:00:00+00:00",
                                      "2027-01-01T00:00:00.0Z",
                                      "2027-01-01T00:00:00z",
                                      "2027-01-01t00:00:00Z",
                                      "2027-01-01 00:00:00Z",
                                      "2027-13-01T00:00:00Z",
                                      "2027-02-29T00:00:00Z",
                                      "2027-01-01T24:00:00Z",
                                      "2027-01-01T00:00:60Z",
                                      " 2027-01-01T00:00:00Z",
                                      "2027-00-01T00:00:00Z",
                                      "2027-01-00T00:00:00Z",
                                      "1798761600",
                                      "never"};
    char json[128], sentence[192];
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(GOOD); i++) {
        int len =
            snprintf(json, sizeof(json), "{\"legacy_zone_tokens_deny_after\":\"%s\",\"store\":\"/s\"}", GOOD[i].text);
        assert_sets((xg_str){json, (size_t)len}, "legacy_zone_tokens_deny_after", GOOD[i].seconds);
    }
    for (size_t i = 0; i < XG_ARRAY_LEN(BAD); i++) {
        int len = snprintf(json, sizeof(json), "{\"legacy_zone_tokens_deny_after\":\"%s\",\"store\":\"/s\"}", BAD[i]);
        (void)snprintf(sentence, sizeof(sentence),
                       "configuration: 'legacy_zone_tokens_deny_after': expected a time like \"2027-01-01T00:00:00Z\", "
                       "found '%s'",
                       BAD[i]);
        assert_refused((xg_str){json, (size_t)len}, XG_REASON_CONFIG_MEMBER, sentence);
    }
}

/* `len` bytes that begin with head. */
static xg_str fill(const char *before, const char *head, size_t len, const char *behind)
{
    static char json[3 * XG_STORE_PATH_MAX];
    char *at = stpcpy(stpcpy(json, before), head);
    memset(at, 'x', len - strlen(head));
    at += len - strlen(head);
    at = stpcpy(at, behind);
    return (xg_str){json, (size_t)(at - json)};
}

static void test_the_store_is_an_absolute_path_and_required(void **state)
{
    static const struct {
        xg_str json;
        const char *found; /* NULL: taken */
    } ROWS[] = {
        {S("{\"store\":\"/\"}"), NULL},
        {S("{\"store\":\"/a b\xc3\xa9\"}"), NULL},
        {S("{\"store\":\"/a/../b\"}"), NULL},
        {S("{\"store\":\"\"}"), "''"},
        {S("{\"store\":\"s\"}"), "'s'"},
        {S("{\"store\":\"./s\"}"), "'./s'"},
        {S("{\"store\":\" /s\"}"), "' /s'"},
        {S("{\"store\":\"~/s\"}"), "'~/s'"},
        {S("{\"store\":\"/s\\n\"}"), "'/s\\x0a'"},
        {S("{\"store\":\"/s\x7f\"}"), "'/s\\x7f'"},
        {S("{\"store\":\"\\u0001/s\"}"), "'\\x01/s'"},
        {S("{\"store\":\"file:///s\"}"), "'file:///s'"},
    };
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        if (ROWS[i].found == NULL) {
            assert_int_equal(parse(ROWS[i].json)->reason, XG_REASON_OK);
            continue;
        }
        char sentence[128];
        (void)snprintf(sentence, sizeof(sentence),
                       "configuration: 'store': expected the absolute path of a directory, found %s", ROWS[i].found);
        assert_refused(ROWS[i].json, XG_REASON_CONFIG_MEMBER, sentence);
    }
    static const char MISSING[] = "configuration: 'store' is missing: expected the absolute path of a directory";
    assert_refused(XG_STR("{}"), XG_REASON_CONFIG_MEMBER, MISSING);
    assert_refused(XG_STR("{\"profile\":\"strict\",\"zone\":\"/s\"}"), XG_REASON_CONFIG_MEMBER, MISSING);
    assert_refused(XG_STR("{\"switches\":{},\"limits\":{}}"), XG_REASON_CONFIG_MEMBER, MISSING);
}

static void test_texts_end_at_their_length_in_bytes_they_stand_for(void **state)
{
    (void)state;
    assert_int_equal(parse(fill("{\"store\":\"", "/", XG_STORE_PATH_MAX, "\"}"))->reason, XG_REASON_OK);
    assert_int_equal(parse(fill("{\"store\":\"", "/", XG_STORE_PATH_MAX - 1, "\\u0078\"}"))->reason, XG_REASON_OK);
    assert_int_equal(parse(fill("{\"store\":\"", "/", XG_STORE_PATH_MAX + 1, "\"}"))->reason, XG_REASON_CONFIG_MEMBER);
    assert_int_equal(parse(fill("{\"store\":\"", "/", XG_STORE_PATH_MAX, "\\u0078\"}"))->reason,
                     XG_REASON_CONFIG_MEMBER);
    assert_int_equal(parse(fill("{\"store\":\"", "/", 2 * XG_STORE_PATH_MAX, "\"}"))->reason, XG_REASON_CONFIG_MEMBER);

    static const char ZONE[] = "{\"store\":\"/s\",\"zone\":\"";
    assert_int_equal(parse(fill(ZONE, "", XG_MESH_NAME_MAX, "\"}"))->reason, XG_REASON_OK);
    assert_int_equal(parse(fill(ZONE, "", XG_MESH_NAME_MAX - 2, "\xc3\xa9\"}"))->reason, XG_REASON_OK);
    assert_int_equal(parse(fill(ZONE, "", XG_MESH_NAME_MAX + 1, "\"}"))->reason, XG_REASON_CONFIG_MEMBER);
    assert_int_equal(parse(fill(ZONE, "", XG_MESH_NAME_MAX - 1, "\xc3\xa9\"}"))->reason, XG_REASON_CONFIG_MEMBER);
    assert_int_equal(parse(fill(ZONE, "", XG_MESH_NAME_MAX, "\\u0078\"}"))->reason, XG_REASON_CONFIG_MEMBER);
}

static void test_the_zone_holds_no_control_bytes(void **state)
{
    (void)state;
    assert_sets(XG_STR("{\"store\":\"/s\",\"zone\":\"east\"}"), "zone", "east");
    assert_sets(XG_STR("{\"store\":\"/s\",\"zone\":\"\\u00e9 x\"}"), "zone", "\xc3\xa9 x");
    static const char EXPECTED[] =
        "configuration: 'zone': expected a string of at most 253 bytes without control bytes, "
        "found '%s'";
    static const struct {
        xg_str json;
        const char *found;
    } BAD[] = {
        {S("{\"store\":\"/s\",\"zone\":\"a\\n\"}"), "a\\x0a"},
        {S("{\"store\":\"/s\",\"zone\":\"\\u001f\"}"), "\\x1f"},
        {S("{\"store\":\"/s\",\"zone\":\"a\\u007fb\"}"), "a\\x7fb"},
    };
    for (size_t i = 0; i < XG_ARRAY_LEN(BAD); i++) {
        char sentence[192];
        size_t head = sizeof(EXPECTED) - 1 - strlen("%s'");
        (void)snprintf(sentence, sizeof(sentence), "%.*s%s'", (int)head, EXPECTED, BAD[i].found);
        assert_refused(BAD[i].json, XG_REASON_CONFIG_MEMBER, sentence);
    }
}

static void test_leeway_is_at_most_a_minute(void **state)
{
    (void)state;
    assert_sets(XG_STR("{\"store\":\"/s\",\"leeway_seconds\":60}"), "leeway_seconds", "60");
    assert_refused(XG_STR("{\"store\":\"/s\",\"leeway_seconds\":61}"), XG_REASON_CONFIG_MEMBER,
                   "configuration: 'leeway_seconds': expected an integer from 0 to 60, found 61");
    assert_refused(XG_STR("{\"store\":\"/s\",\"leeway_seconds\":-1}"), XG_REASON_CONFIG_MEMBER,
                   "configuration: 'leeway_seconds': expected an integer from 0 to 60, found -1");
    assert_refused(XG_STR("{\"store\":\"/s\",\"leeway_seconds\":\"60\"}"), XG_REASON_CONFIG_MEMBER,
                   "configuration: 'leeway_seconds': expected an integer from 0 to 60, found '60'");
    assert_refused(
        XG_STR("{\"store\":\"/s\",\"leeway_seconds\":60.0}"), XG_REASON_CONFIG_JSON,
        "configuration: expected one JSON object of at most 65536 bytes, found: line 1, column 32: a number with a "
        "fraction or an exponent");
}

/* ---- profiles and switches ---- */

#define KUMA_2_12                                                                                                      \
    " profile=kuma-2.12 tag_source=1 workload_enforced=0 zone_entities=1 exp_required=0 jti_required=0"                \
    " mesh_required=0 binding_required=0 type_checked=0 shared_revocations=1 "
#define STRICT                                                                                                         \
    " profile=strict tag_source=3 workload_enforced=1 zone_entities=1 exp_required=1 jti_required=1 mesh_required=1"   \
    " binding_required=1 type_checked=1 shared_revocations=1 "

static void test_a_profile_is_taken_whole_by_its_name(void **state)
{
    static const struct {
        const char *name;
        const char *to;
    } ROWS[] = {
        {"strict", STRICT},
        {"kuma-3.0", " profile=kuma-3.0 tag_source=2 workload_enforced=1 zone_entities=0 exp_required=0 jti_required=0 "
                     "mesh_required=0 binding_required=0 type_checked=0 shared_revocations=1 "},
        {"kuma-2.14",
         " profile=kuma-2.14 tag_source=1 workload_enforced=1 zone_entities=1 exp_required=0 jti_required=0 "
         "mesh_required=0 binding_required=0 type_checked=0 shared_revocations=1 "},
        {"kuma-2.13",
         " profile=kuma-2.13 tag_source=1 workload_enforced=1 zone_entities=1 exp_required=0 jti_required=0 "
         "mesh_required=0 binding_required=0 type_checked=0 shared_revocations=1 "},
        {"kuma-2.12", KUMA_2_12},
        {"\\u006buma-2.12", KUMA_2_12},
    };
    static const char *const BAD[] = {"Strict", "strict ", "stric", "kuma-2.15", "kuma-2", "kuma", "lenient", "none"};
    char json[128], sentence[192];
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        int len = snprintf(json, sizeof(json), "{\"store\":\"/s\",\"profile\":\"%s\"}", ROWS[i].name);
        assert_changes((xg_str){json, (size_t)len}, STRICT, ROWS[i].to);
    }
    for (size_t i = 0; i < XG_ARRAY_LEN(BAD); i++) {
        int len = snprintf(json, sizeof(json), "{\"store\":\"/s\",\"profile\":\"%s\"}", BAD[i]);
        (void)snprintf(sentence, sizeof(sentence),
                       "configuration: 'profile': expected \"strict\", \"kuma-3.0\", \"kuma-2.14\", \"kuma-2.13\", "
                       "\"kuma-2.12\", found '%s'",
                       BAD[i]);
        assert_refused((xg_str){json, (size_t)len}, XG_REASON_CONFIG_MEMBER, sentence);
    }
}

/* All six orders of three members. */
static void test_the_profile_comes_before_switches_wherever_it_stands(void **state)
{
    static const struct {
        const char *profile;
        const char *switches;
        const char *to;
    } ROWS[] = {
        {"\"profile\":\"kuma-2.12\"", "\"switches\":{\"exp_required\":true,\"tag_source\":\"union\"}",
         " profile=kuma-2.12 tag_source=3 workload_enforced=0 zone_entities=1 exp_required=1 jti_required=0 "
         "mesh_required=0 binding_required=0 type_checked=0 shared_revocations=1 "},
        {"\"pro\\u0066ile\":\"kuma-2\\u002e12\"", "\"switches\":{\"exp_required\":true,\"tag_source\":\"union\"}",
         " profile=kuma-2.12 tag_source=3 workload_enforced=0 zone_entities=1 exp_required=1 jti_required=0 "
         "mesh_required=0 binding_required=0 type_checked=0 shared_revocations=1 "},
        {"\"profile\":\"strict\"", "\"switches\":{\"jti_required\":false,\"zone_entities\":false}",
         " profile=strict tag_source=3 workload_enforced=1 zone_entities=0 exp_required=1 jti_required=0 "
         "mesh_required=1 binding_required=1 type_checked=1 shared_revocations=1 "},
    };
    static const size_t ORDERS[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS) * XG_ARRAY_LEN(ORDERS); i++) {
        size_t row = i / XG_ARRAY_LEN(ORDERS);
        const size_t *order = ORDERS[i % XG_ARRAY_LEN(ORDERS)];
        const char *const members[] = {"\"store\":\"/s\"", ROWS[row].profile, ROWS[row].switches};
        char json[256];
        int len = snprintf(json, sizeof(json), "{%s,%s,%s}", members[order[0]], members[order[1]], members[order[2]]);
        assert_changes((xg_str){json, (size_t)len}, STRICT, ROWS[row].to);
    }
}

/* A "profile" that is no member of the object itself changes nothing. */
static void test_only_the_member_itself_is_the_profile(void **state)
{
    (void)state;
    assert_sets(XG_STR("{\"store\":\"/s\",\"zone\":\"profile\"}"), "zone", "profile");
    assert_refused(XG_STR("{\"store\":\"/s\",\"switches\":{\"profile\":\"kuma-2.12\"}}"), XG_REASON_CONFIG_MEMBER,
                   "configuration: switches: 'profile' is not a known member; ABI.md lists them");
    assert_refused(XG_STR("{\"store\":\"/s\",\"Profile\":\"kuma-2.12\"}"), XG_REASON_CONFIG_MEMBER,
                   "configuration: 'Profile' is not a known member; ABI.md lists them");
    assert_refused(
        XG_STR("{\"store\":\"/s\",\"profile\":\"kuma-2.12\",\"profile\":\"strict\"}"), XG_REASON_CONFIG_JSON,
        "configuration: expected one JSON object of at most 65536 bytes, found: line 1, column 46: a member that was "
        "there before");
}

/* ---- names ---- */

static void test_an_unknown_member_is_refused_at_every_level(void **state)
{
    static const struct {
        const char *parent;
        const char *name;
        const char *shown;
    } ROWS[] = {
        {"", "profil", "'profil'"},
        {"", "stores", "'stores'"},
        {"", "Zone", "'Zone'"},
        {"", "zone ", "'zone '"},
        {"", "", "''"},
        {"", "exp_required", "'exp_required'"}, /* known, but elsewhere */
        {"", "kid_bytes", "'kid_bytes'"},
        {"", "//", "'//'"},
        {"", "a'\\n\xc3\xa9", "'a\\x27\\x0a\\xc3\\xa9'"},
        {"", "0123456789012345678901234567890123456789012345678901234567890123456789",
         "'0123456789012345678901234567...2345678901234567890123456789'"},
        {"switches", "exp_require", "'exp_require'"},
        {"switches", "expRequired", "'expRequired'"},
        {"switches", "tag_sources", "'tag_sources'"},
        {"switches", "zone", "'zone'"},
        {"switches", "kid_bytes", "'kid_bytes'"},
        {"switches", "switches", "'switches'"},
        {"limits", "kid_byte", "'kid_byte'"},
        {"limits", "KID_BYTES", "'KID_BYTES'"},
        {"limits", "store", "'store'"},
        {"limits", "exp_required", "'exp_required'"},
        {"limits", "limits", "'limits'"},
    };
    static const char *const OTHERS[] = {"null", "true", "1", "\"x\"", "[]", "{}"};
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS) * XG_ARRAY_LEN(OTHERS); i++) {
        char json[192], sentence[192];
        size_t k = i / XG_ARRAY_LEN(OTHERS);
        bool is_inner = ROWS[k].parent[0] != '\0';
        int len =
            snprintf(json, sizeof(json), "{\"store\":\"/s\",%s%s%s\"%s\":%s%s}", is_inner ? "\"" : "", ROWS[k].parent,
                     is_inner ? "\":{" : "", ROWS[k].name, OTHERS[i % XG_ARRAY_LEN(OTHERS)], is_inner ? "}" : "");
        (void)snprintf(sentence, sizeof(sentence), "configuration: %s%s%s is not a known member; ABI.md lists them",
                       ROWS[k].parent, is_inner ? ": " : "", ROWS[k].shown);
        assert_refused((xg_str){json, (size_t)len}, XG_REASON_CONFIG_MEMBER, sentence);
    }
}

static void test_the_first_offence_is_named(void **state)
{
    (void)state;
    assert_refused(XG_STR("{\"zone\":1,\"profile\":\"x\",\"other\":0}"), XG_REASON_CONFIG_MEMBER,
                   "configuration: 'zone': expected a string of at most 253 bytes without control bytes, found 1");
    assert_refused(XG_STR("{\"other\":0,\"zone\":1,\"profile\":\"x\"}"), XG_REASON_CONFIG_MEMBER,
                   "configuration: 'other' is not a known member; ABI.md lists them");
    assert_refused(XG_STR("{\"switches\":{\"exp_required\":true,\"jti_required\":1,\"other\":0},\"zone\":1}"),
                   XG_REASON_CONFIG_MEMBER, "configuration: switches: 'jti_required': expected true or false, found 1");
    assert_refused(XG_STR("{\"limits\":{\"kid_bytes\":64},\"zone\":1}"), XG_REASON_CONFIG_MEMBER,
                   "configuration: limits: 'kid_bytes': expected an integer from 1 to 63, found 64");
    assert_refused(
        XG_STR("{\"zone\":1}x"), XG_REASON_CONFIG_JSON,
        "configuration: expected one JSON object of at most 65536 bytes, found: line 1, column 11: something behind "
        "the object");
}

/* ---- the text as a whole ---- */

static void test_the_text_is_one_object_with_unique_members(void **state)
{
    static const struct {
        xg_str json;
        const char *complaint;
    } ROWS[] = {
        {S(""), "line 1, column 1: expected an object"},
        {S("[]"), "line 1, column 1: expected an object"},
        {S("{\"store\":\"/s\",}"), "line 1, column 15: expected a string"},
        {S("{\n \"store\": \"/s\"\n"), NULL},
        {S("{\"store\":\"/s\"}\0"), "line 1, column 15: something behind the object"},
        {S("{\"store\":\"/s\"}{}"), "line 1, column 15: something behind the object"},
        {S("\xef\xbb\xbf{\"store\":\"/s\"}"), "line 1, column 1: expected an object"},
        {S("{\"store\":\"/s\",\"store\":\"/s\"}"), "line 1, column 22: a member that was there before"},
        {S("{\"store\":\"/s\",\"switches\":{\"exp_required\":true,\n\"exp_required\":true}}"),
         "line 2, column 15: a member that was there before"},
        {S("{\"store\":\"/s\",\"zone\":\"\\u0000\"}"),
         "line 1, column 30: an escape that is none, or a NUL, in a string"},
        {S("{\"store\":\"/s\xff\"}"), "line 1, column 15: a string that is not UTF-8"},
        {S("{\"store\":\"/s\" // here\n}"), NULL},
        {S("{\"store\":\"/s\",\"limits\":{\"kid_bytes\":63.0}}"),
         "line 1, column 37: a number with a fraction or an exponent"},
        {S("{\"store\":\"/s\",\"limits\":{\"kid_bytes\":1e1}}"),
         "line 1, column 37: a number with a fraction or an exponent"},
        {S("{\"store\":\"/s\",\"a\":[[[[1]]]]}"), "line 1, column 22: nested too deep"},
    };
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        char sentence[192];
        if (ROWS[i].complaint == NULL) { /* refused, whatever is said of it */
            assert_int_equal(parse(ROWS[i].json)->reason, XG_REASON_CONFIG_JSON);
            continue;
        }
        (void)snprintf(sentence, sizeof(sentence),
                       "configuration: expected one JSON object of at most 65536 bytes, found: %s", ROWS[i].complaint);
        assert_refused(ROWS[i].json, XG_REASON_CONFIG_JSON, sentence);
    }
}

static void test_nesting_ends_at_four(void **state)
{
    static const char *const VALUES_OF_4[] = {"[[[1]]]", "{\"b\":{\"c\":{}}}", "[[{}]]"};
    static const char *const VALUES_OF_5[] = {"[[[[1]]]]", "{\"b\":{\"c\":{\"d\":[]}}}", "[[{\"b\":{}}]]"};
    char json[64];
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(VALUES_OF_4); i++) {
        int len = snprintf(json, sizeof(json), "{\"store\":\"/s\",\"a\":%s}", VALUES_OF_4[i]);
        assert_refused((xg_str){json, (size_t)len}, XG_REASON_CONFIG_MEMBER,
                       "configuration: 'a' is not a known member; ABI.md lists them");
        len = snprintf(json, sizeof(json), "{\"store\":\"/s\",\"a\":%s}", VALUES_OF_5[i]);
        assert_int_equal(parse((xg_str){json, (size_t)len})->reason, XG_REASON_CONFIG_JSON);
    }
}

static void test_the_text_ends_at_64_kib(void **state)
{
    enum { CAP = 65536, ROOM = 2 * CAP };
    static const char TEXT[] = "{\"store\":\"/s\"}";
    static const size_t LENGTHS[] = {CAP - 1, CAP, CAP + 1, CAP + 2, ROOM};
    char *json = malloc(ROOM);
    (void)state;
    assert_non_null(json);
    memset(json, ' ', ROOM);
    for (size_t i = 0; i < XG_ARRAY_LEN(LENGTHS); i++) {
        bool is_good = LENGTHS[i] <= CAP;
        memcpy(json, TEXT, sizeof(TEXT) - 1);
        assert_int_equal(parse((xg_str){json, LENGTHS[i]})->reason, is_good ? XG_REASON_OK : XG_REASON_CONFIG_JSON);
        memset(json, ' ', sizeof(TEXT));
        memcpy(json + LENGTHS[i] - (sizeof(TEXT) - 1), TEXT, sizeof(TEXT) - 1);
        const outcome *o = parse((xg_str){json, LENGTHS[i]});
        assert_int_equal(o->reason, is_good ? XG_REASON_OK : XG_REASON_CONFIG_JSON);
        assert_true(is_good || strstr(o->sentence, "of at most 65536 bytes") != NULL);
        memset(json + LENGTHS[i] - sizeof(TEXT), ' ', sizeof(TEXT));
    }
    free(json);
}

static void test_the_sentence_is_cut_to_its_room_and_the_reason_stays(void **state)
{
    static const char WHOLE[] = "configuration: switches: 'exp_required': expected true or false, found 1";
    static xg_config config;
    (void)state;
    for (size_t cap = 0; cap <= sizeof(WHOLE) + 1; cap++) {
        char *storage = malloc(cap > 0 ? cap : 1);
        xg_text text;
        assert_non_null(storage);
        xg_text_init(&text, storage, cap);
        assert_int_equal(
            xg_result_reason(xg_config_parse(XG_STR("{\"switches\":{\"exp_required\":1}}"), &config, &text)),
            XG_REASON_CONFIG_MEMBER);
        assert_int_equal(text.len, cap == 0 ? 0 : cap < sizeof(WHOLE) ? cap - 1 : sizeof(WHOLE) - 1);
        assert_memory_equal(storage, WHOLE, text.len);
        assert_int_equal(text.is_cut, cap < sizeof(WHOLE));
        free(storage);
    }
}

/* ---- shown to people ---- */

typedef struct shown {
    xg_text text;
    const char *parent; /* of the member before */
} shown;

static void close_parent(shown *s, const char *parent)
{
    if (s->parent != NULL && (parent == NULL || strcmp(s->parent, parent) != 0)) {
        xg_text_add(&s->text, XG_STR("}"));
    }
}

/* Writes a member as the text of a configuration has it. */
static void write_member(void *arg, const char *parent, const char *name, xg_str value)
{
    shown *s = arg;
    uint64_t number;
    bool is_bare = xg_str_eq(value, XG_STR("true")) || xg_str_eq(value, XG_STR("false")) ||
                   xg_str_to_u64(value, UINT64_MAX, &number);
    if (xg_str_eq(value, XG_STR("never"))) {
        return;
    }
    close_parent(s, parent);
    xg_text_add(&s->text, s->text.len > 1 ? XG_STR(",") : XG_STR(""));
    if (parent != NULL && (s->parent == NULL || strcmp(s->parent, parent) != 0)) {
        xg_text_printf(&s->text, "\"%s\":{", parent);
    }
    s->parent = parent;
    xg_text_printf(&s->text, is_bare ? "\"%s\":%.*s" : "\"%s\":\"%.*s\"", name, (int)value.len, value.ptr);
}

static void test_what_is_shown_of_a_configuration_makes_the_same_one_again(void **state)
{
    static const char *const TEXTS[] = {
        "{\"store\":\"/s\"}",
        "{\"store\":\"/s\",\"profile\":\"kuma-3.0\",\"zone\":\"east\",\"switches\":{\"exp_required\":true},"
        "\"legacy_zone_tokens\":\"deny\",\"legacy_zone_tokens_deny_after\":\"2027-01-01T00:00:00Z\"}",
        "{\"store\":\"/s\",\"allow_mesh_wide\":true,\"leeway_seconds\":60,\"store_poll_seconds\":0,"
        "\"limits\":{\"kid_bytes\":1,\"meshes\":2},\"switches\":{\"tag_source\":\"inbound\"}}",
    };
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(TEXTS); i++) {
        char storage[4096], sentence[256], first[2 * XG_STORE_PATH_MAX], second[2 * XG_STORE_PATH_MAX];
        xg_config config;
        xg_text error;
        shown s = {.parent = NULL};
        xg_text_init(&error, sentence, sizeof(sentence));
        assert_true(xg_is_ok(xg_config_parse(xg_str_of(TEXTS[i]), &config, &error)));
        describe(&config, first, sizeof(first));
        xg_text_init(&s.text, storage, sizeof(storage));
        xg_text_add(&s.text, XG_STR("{"));
        xg_config_describe(&config, write_member, &s);
        close_parent(&s, NULL);
        xg_text_add(&s.text, XG_STR("}"));
        xg_result again = xg_config_parse((xg_str){storage, s.text.len}, &config, &error);
        if (!xg_is_ok(again)) {
            fail_msg("%s: %s", storage, sentence);
        }
        describe(&config, second, sizeof(second));
        assert_string_equal(first, second);
    }
}

static void test_long_values_are_shown_by_both_ends(void **state)
{
    (void)state;
    assert_refused(
        XG_STR("{\"profile\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
               "bbbbbbbbbbbbbb\"}"),
        XG_REASON_CONFIG_MEMBER,
        "configuration: 'profile': expected \"strict\", \"kuma-3.0\", \"kuma-2.14\", \"kuma-2.13\", "
        "\"kuma-2.12\", found 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb'");
    assert_refused(XG_STR("{\"store\":\"\\n\x7f'\\\\\"}"), XG_REASON_CONFIG_MEMBER,
                   "configuration: 'store': expected the absolute path of a directory, found '\\x0a\\x7f\\x27\\x5c'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_member_refuses_other_types_by_its_path),
        cmocka_unit_test(test_each_number_ends_at_its_range),
        cmocka_unit_test(test_what_is_not_said_has_its_default),
        cmocka_unit_test(test_each_word_is_taken_letter_by_letter),
        cmocka_unit_test(test_each_boolean_changes_itself_alone),
        cmocka_unit_test(test_times_are_utc_to_the_second),
        cmocka_unit_test(test_the_store_is_an_absolute_path_and_required),
        cmocka_unit_test(test_texts_end_at_their_length_in_bytes_they_stand_for),
        cmocka_unit_test(test_the_zone_holds_no_control_bytes),
        cmocka_unit_test(test_leeway_is_at_most_a_minute),
        cmocka_unit_test(test_a_profile_is_taken_whole_by_its_name),
        cmocka_unit_test(test_the_profile_comes_before_switches_wherever_it_stands),
        cmocka_unit_test(test_only_the_member_itself_is_the_profile),
        cmocka_unit_test(test_an_unknown_member_is_refused_at_every_level),
        cmocka_unit_test(test_the_first_offence_is_named),
        cmocka_unit_test(test_the_text_is_one_object_with_unique_members),
        cmocka_unit_test(test_nesting_ends_at_four),
        cmocka_unit_test(test_the_text_ends_at_64_kib),
        cmocka_unit_test(test_the_sentence_is_cut_to_its_room_and_the_reason_stays),
        cmocka_unit_test(test_what_is_shown_of_a_configuration_makes_the_same_one_again),
        cmocka_unit_test(test_long_values_are_shown_by_both_ends),
    };
    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
