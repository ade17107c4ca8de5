/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_claims.c: which payloads are claims, under which name and type each claim stands, and what a refusal leaves
 * behind (hostile-input, section 1.3).
 *
 * Tables of texts, each with its reason and the member that is named. Claims are poisoned before every call, so that
 * what is not set shows; texts lie in memory of exactly their length. One thread.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "xdsgate/token.h"

#define S(text) XG_STR_INIT(text)
#define D       XG_TOKEN_DATAPLANE
#define Z       XG_TOKEN_ZONE

/* ---- one payload, one verdict ---- */

typedef struct fixture {
    xg_claims claims;
    char field[XG_CLAIM_FIELD_SIZE];
    char *json; /* the claims borrow from it until the next call */
    size_t json_len;
} fixture;

static fixture fx;

static int tear_down(void **state)
{
    (void)state;
    free(fx.json);
    fx.json = NULL;
    return 0;
}

static bool is_empty(const xg_str *s)
{
    return s->ptr == NULL && s->len == 0;
}

static void assert_empty(const xg_claims *c)
{
    const xg_str *const slices[] = {&c->name, &c->mesh, &c->type, &c->workload, &c->zone, &c->tags, &c->scope, &c->jti};
    for (size_t i = 0; i < XG_ARRAY_LEN(slices); i++) {
        assert_true(is_empty(slices[i]));
    }
    assert_false(c->has_exp || c->has_nbf || c->has_iat);
    assert_true(c->exp == 0 && c->nbf == 0 && c->iat == 0);
    assert_int_equal(c->unescaped.len, 0);
}

static uint32_t parse(xg_str json, xg_token_kind kind, const xg_token_limits *limits)
{
    free(fx.json);
    fx.json = malloc(json.len > 0 ? json.len : 1);
    fx.json_len = json.len;
    assert_non_null(fx.json);
    if (json.len > 0) {
        memcpy(fx.json, json.ptr, json.len);
    }
    memset(&fx.claims, 0xa5, sizeof(fx.claims));
    memset(fx.field, 0, sizeof(fx.field));
    uint32_t reason =
        xg_result_reason(xg_claims_parse((xg_str){fx.json, json.len}, kind, limits, &fx.claims, fx.field));
    if (reason != XG_REASON_OK) {
        assert_empty(&fx.claims);
    }
    return reason;
}

/* field NULL: it says nothing, because the text is accepted or no JSON. */
static void assert_verdict(xg_str json, xg_token_kind kind, const xg_token_limits *limits, uint32_t expected,
                           const char *field)
{
    uint32_t found = parse(json, kind, limits);
    if (found != expected || (field != NULL && strcmp(fx.field, field) != 0)) {
        char shown[1024];
        xg_text text;
        xg_text_init(&text, shown, sizeof(shown));
        xg_text_quote(&text, json, 600);
        fail_msg("%s of kind %d: expected %s %s, found %s %s", shown, (int)kind, xg_reason_find(expected)->name,
                 field == NULL ? "" : field, xg_reason_find(found)->name, fx.field);
    }
}

typedef struct row {
    xg_token_kind kind;
    xg_str json;
    uint32_t reason;
    const char *field;
} row;

static void check_rows(const row *rows, size_t num_rows)
{
    for (size_t i = 0; i < num_rows; i++) {
        assert_verdict(rows[i].json, rows[i].kind, &XG_TOKEN_LIMITS_DEFAULT, rows[i].reason, rows[i].field);
    }
}

#define CHECK_ROWS(table) check_rows(table, XG_ARRAY_LEN(table))

static void assert_slice(xg_str found, xg_str expected)
{
    assert_int_equal(found.len, expected.len);
    assert_true(xg_str_eq(found, expected));
}

static bool is_borrowed(xg_str s)
{
    return s.ptr >= fx.json && s.ptr + s.len <= fx.json + fx.json_len;
}

static bool is_stored(xg_str s)
{
    return s.ptr >= fx.claims.storage && s.ptr + s.len <= fx.claims.storage + sizeof(fx.claims.storage);
}

/* ---- what accepted claims hold ---- */

static void test_every_dataplane_claim_is_read(void **state)
{
    static const char JSON[] =
        "{\"Name\":\"web-1\",\"Mesh\":\"m1\",\"Tags\":{\"a\":[\"b\",\"c\"]},\"Type\":\"dataplane\","
        "\"Workload\":\"web\",\"exp\":30,\"nbf\":20,\"iat\":10,\"jti\":\"j-1\"}";
    const xg_claims *c = &fx.claims;
    (void)state;
    assert_int_equal(parse(xg_str_of(JSON), D, &XG_TOKEN_LIMITS_DEFAULT), XG_REASON_OK);
    assert_slice(c->name, XG_STR("web-1"));
    assert_slice(c->mesh, XG_STR("m1"));
    assert_slice(c->tags, XG_STR("\"a\":[\"b\",\"c\"]"));
    assert_slice(c->type, XG_STR("dataplane"));
    assert_slice(c->workload, XG_STR("web"));
    assert_slice(c->jti, XG_STR("j-1"));
    assert_true(c->has_exp && c->has_nbf && c->has_iat);
    assert_true(c->exp == 30 && c->nbf == 20 && c->iat == 10);
    assert_true(is_empty(&c->zone) && is_empty(&c->scope));
    assert_true(is_borrowed(c->name) && is_borrowed(c->mesh) && is_borrowed(c->tags) && is_borrowed(c->jti));
}

static void test_every_zone_claim_is_read(void **state)
{
    static const char JSON[] =
        "{ \"jti\" : \"j-2\" , \"iat\" : 1 , \"Scope\" : [ \"ingress\" ] , \"Zone\" : \"east\" }";
    const xg_claims *c = &fx.claims;
    (void)state;
    assert_int_equal(parse(xg_str_of(JSON), Z, &XG_TOKEN_LIMITS_DEFAULT), XG_REASON_OK);
    assert_slice(c->zone, XG_STR("east"));
    assert_slice(c->scope, XG_STR(" \"ingress\" "));
    assert_slice(c->jti, XG_STR("j-2"));
    assert_true(c->has_iat && c->iat == 1);
    assert_false(c->has_exp || c->has_nbf);
    assert_true(is_empty(&c->name) && is_empty(&c->mesh) && is_empty(&c->tags) && is_empty(&c->type) &&
                is_empty(&c->workload));
}

static void test_what_is_absent_is_empty(void **state)
{
    (void)state;
    assert_int_equal(parse(XG_STR("{}"), D, &XG_TOKEN_LIMITS_DEFAULT), XG_REASON_OK);
    assert_empty(&fx.claims);
    assert_int_equal(parse(XG_STR("{\"other\":1}"), Z, &XG_TOKEN_LIMITS_DEFAULT), XG_REASON_OK);
    assert_empty(&fx.claims);
    /* As Kuma's issuer writes an unbound token. */
    assert_int_equal(parse(XG_STR("{\"Name\":\"\",\"Mesh\":\"\",\"Tags\":{},\"Type\":\"\",\"Workload\":\"\"}"), D,
                           &XG_TOKEN_LIMITS_DEFAULT),
                     XG_REASON_OK);
    assert_int_equal(fx.claims.name.len + fx.claims.mesh.len + fx.claims.type.len + fx.claims.workload.len, 0);
    assert_true(is_empty(&fx.claims.tags));
    assert_int_equal(parse(XG_STR("{\"Zone\":\"\",\"Scope\":null}"), Z, &XG_TOKEN_LIMITS_DEFAULT), XG_REASON_OK);
    assert_int_equal(fx.claims.zone.len, 0);
    assert_true(is_empty(&fx.claims.scope));
}

static void test_tags_of_blanks_are_no_tags(void **state)
{
    static const struct {
        xg_str json;
        xg_str tags;
    } ROWS[] = {
        {S("{\"Tags\":{}}"), {NULL, 0}},
        {S("{\"Tags\":{ }}"), {NULL, 0}},
        {S("{\"Tags\":{\n\t\r }}"), {NULL, 0}},
        {S("{\"Tags\":{\"a\":[]}}"), S("\"a\":[]")}, /* a tag that no value satisfies */
        {S("{\"Tags\":{\"\":[]}}"), S("\"\":[]")},
        {S("{\"Tags\":{ \"a\" : [ \"b\" ] }}"), S(" \"a\" : [ \"b\" ] ")},
    };
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        assert_int_equal(parse(ROWS[i].json, D, &XG_TOKEN_LIMITS_DEFAULT), XG_REASON_OK);
        assert_slice(fx.claims.tags, ROWS[i].tags);
    }
}

/* ---- types ---- */

/* Every claim with every type of value: '+' where it is taken. */
static const char *const VALUES[] = {"null",
                                     "true",
                                     "false",
                                     "5",
                                     "\"5\"",
                                     "\"\"",
                                     "[]",
                                     "[\"a\"]",
                                     "[5]",
                                     "[[\"a\"]]",
                                     "[null]",
                                     "[\"a\",{}]",
                                     "{}",
                                     "{\"a\":[\"b\"]}",
                                     "{\"a\":\"b\"}",
                                     "{\"a\":[5]}",
                                     "{\"a\":null}",
                                     "{\"a\":[\"b\"],\"c\":{}}"};

static const struct {
    const char *name;
    const char *kinds; /* of token: d, z */
    const char *taken;
} CLAIMS[] = {
    {"Name", "d", "----++------------"},     {"Mesh", "d", "----++------------"},  {"Type", "d", "----++------------"},
    {"Workload", "d", "----++------------"}, {"Tags", "d", "------------++----"},  {"Zone", "z", "----++------------"},
    {"Scope", "z", "+-----++----------"},    {"Groups", "", "------------------"}, {"iss", "dz", "----++------------"},
    {"sub", "dz", "----++------------"},     {"aud", "dz", "----++++----------"},  {"exp", "dz", "---+--------------"},
    {"nbf", "dz", "---+--------------"},     {"iat", "dz", "---+--------------"},  {"jti", "dz", "----+-------------"},
};

/* The reason for a claim of CLAIMS with a value of VALUES in a token of that kind. */
static uint32_t expected_reason(size_t claim, size_t value, xg_token_kind kind)
{
    if (strchr(CLAIMS[claim].kinds, kind == D ? 'd' : 'z') == NULL) {
        return XG_REASON_CLAIMS_OTHER_KIND;
    }
    return CLAIMS[claim].taken[value] == '+' ? XG_REASON_OK : XG_REASON_CLAIMS_TYPE;
}

static void check_value(size_t claim, size_t value, xg_token_kind kind)
{
    static const char *const PLACES[][3] = {
        {"{", ":", "}"}, {"{\"other\":1,", ":", "}"}, {"{", ":", ",\"other\":[]}"}, {" { ", " : ", " } "}};
    for (size_t i = 0; i < XG_ARRAY_LEN(PLACES); i++) {
        char json[128];
        uint32_t expected = expected_reason(claim, value, kind);
        int len = snprintf(json, sizeof(json), "%s\"%s\"%s%s%s", PLACES[i][0], CLAIMS[claim].name, PLACES[i][1],
                           VALUES[value], PLACES[i][2]);
        assert_verdict((xg_str){json, (size_t)len}, kind, &XG_TOKEN_LIMITS_DEFAULT, expected,
                       expected == XG_REASON_OK ? NULL : CLAIMS[claim].name);
    }
}

static void test_a_claim_has_its_type_or_the_token_is_refused(void **state)
{
    (void)state;
    for (size_t claim = 0; claim < XG_ARRAY_LEN(CLAIMS); claim++) {
        assert_int_equal(strlen(CLAIMS[claim].taken), XG_ARRAY_LEN(VALUES));
        for (size_t value = 0; value < XG_ARRAY_LEN(VALUES); value++) {
            check_value(claim, value, D);
            check_value(claim, value, Z);
        }
    }
}

static void test_times_are_integers_of_64_bits(void **state)
{
    static const struct {
        const char *text;
        bool is_taken;
        int64_t time;
    } ROWS[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"-1", true, -1},
        {"1800003600", true, 1800003600},
        {"4294967297", true, INT64_C(4294967297)},
        {"9007199254740993", true, INT64_C(9007199254740993)}, /* 2^53 + 1: no double has it */
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"18446744073709551617", false, 0},
        {"1800003600.0", false, 0},
        {"18e8", false, 0},
        {"1e-400", false, 0},
        {"01800003600", false, 0},
        {"+1800003600", false, 0},
        {"0x6b49d200", false, 0},
    };
    static const char *const NAMES[] = {"exp", "nbf", "iat"};
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS) * XG_ARRAY_LEN(NAMES); i++) {
        char json[64];
        size_t k = i / XG_ARRAY_LEN(NAMES), which = i % XG_ARRAY_LEN(NAMES);
        int len = snprintf(json, sizeof(json), "{\"%s\":%s}", NAMES[which], ROWS[k].text);
        assert_verdict((xg_str){json, (size_t)len}, D, &XG_TOKEN_LIMITS_DEFAULT,
                       ROWS[k].is_taken ? XG_REASON_OK : XG_REASON_CLAIMS_JSON, NULL);
        const bool has[] = {fx.claims.has_exp, fx.claims.has_nbf, fx.claims.has_iat};
        const int64_t times[] = {fx.claims.exp, fx.claims.nbf, fx.claims.iat};
        for (size_t m = 0; m < XG_ARRAY_LEN(NAMES); m++) {
            assert_int_equal(has[m], m == which && ROWS[k].is_taken);
            assert_true(times[m] == (m == which ? ROWS[k].time : 0));
        }
    }
}

/* ---- names ---- */

/* "{<name>:"a"}", with the name as it is or in escapes; it must be named, decoded, as a misspelling in both kinds. */
static void assert_misspelt(const char *spelling, const char *decoded)
{
    char json[160];
    int len = snprintf(json, sizeof(json), "{\"%s\":\"a\"}", spelling);
    assert_verdict((xg_str){json, (size_t)len}, D, &XG_TOKEN_LIMITS_DEFAULT, XG_REASON_CLAIMS_CASE, decoded);
    assert_verdict((xg_str){json, (size_t)len}, Z, &XG_TOKEN_LIMITS_DEFAULT, XG_REASON_CLAIMS_CASE, decoded);
    len = snprintf(json, sizeof(json), "{\"x\":{},\"%s\":null}", spelling);
    assert_verdict((xg_str){json, (size_t)len}, D, &XG_TOKEN_LIMITS_DEFAULT, XG_REASON_CLAIMS_CASE, decoded);
}

static void replace_at(char out[64], const char *name, size_t at, const char *by)
{
    memcpy(out, name, at);
    (void)stpcpy(stpcpy(out + at, by), name + at + 1);
}

/* name with its byte at `at` replaced by the two spellings of one other character. */
static void check_variant(const char *name, size_t at, const char *raw, const char *escaped)
{
    char decoded[64], spelling[64];
    replace_at(decoded, name, at, raw);
    replace_at(spelling, name, at, escaped);
    assert_misspelt(decoded, decoded);
    assert_misspelt(spelling, decoded);
}

static void check_case_at(const char *name, size_t at)
{
    char raw[2] = {(char)(name[at] ^ 0x20), '\0'};
    char escaped[16];
    (void)snprintf(escaped, sizeof(escaped), "\\u%04x", (unsigned)raw[0]);
    check_variant(name, at, raw, escaped);
    if ((name[at] | 0x20) == 's') {
        check_variant(name, at, "\xc5\xbf", "\\u017f");
        check_variant(name, at, "\xc5\xbf", "\\u017F");
    }
    if ((name[at] | 0x20) == 'k') {
        check_variant(name, at, "\xe2\x84\xaa", "\\u212a");
        check_variant(name, at, "\xe2\x84\xaa", "\\u212A");
    }
}

static void test_another_case_of_a_known_name_is_refused(void **state)
{
    size_t num_folded = 0;
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(CLAIMS); i++) {
        char whole[16] = "";
        for (size_t at = 0; CLAIMS[i].name[at] != '\0'; at++) {
            check_case_at(CLAIMS[i].name, at);
            whole[at] = (char)(CLAIMS[i].name[at] ^ 0x20);
            num_folded += strchr("sSkK", CLAIMS[i].name[at]) != NULL;
        }
        assert_misspelt(whole, whole);
    }
    /* Mesh, Tags, Workload, Scope, Groups, iss (2), sub: where Go folds beyond ASCII. */
    assert_int_equal(num_folded, 8);
    assert_misspelt("\\u0057\\u006f\\u0072\\u212a\\u006c\\u006f\\u0061\\u0064", "Wor\xe2\x84\xaaload");
    assert_misspelt("\\u0049\\u017f\xc5\xbf", "I\xc5\xbf\xc5\xbf");
}

/* The same name may be written with escapes: then it is the claim. */
static void test_a_known_name_in_escapes_is_the_claim(void **state)
{
    static const row ROWS[] = {
        {D, S("{\"\\u004eame\":\"a\"}"), XG_REASON_OK, NULL},
        {D, S("{\"N\\u0061\\u006d\\u0065\":\"a\"}"), XG_REASON_OK, NULL},
        {D, S("{\"\\u004eame\":5}"), XG_REASON_CLAIMS_TYPE, "Name"},
        {D, S("{\"Name\":\"a\",\"\\u004eame\":\"a\"}"), XG_REASON_CLAIMS_JSON, NULL},
        {D, S("{\"\\u004Eame\":\"a\",\"\\u004eame\":\"a\"}"), XG_REASON_CLAIMS_JSON, NULL},
        {Z, S("{\"\\u004eame\":\"a\"}"), XG_REASON_CLAIMS_OTHER_KIND, "Name"},
        {D, S("{\"\\u006eame\":\"a\"}"), XG_REASON_CLAIMS_CASE, "name"},
    };
    (void)state;
    CHECK_ROWS(ROWS);
    assert_int_equal(parse(ROWS[1].json, D, &XG_TOKEN_LIMITS_DEFAULT), XG_REASON_OK);
    assert_slice(fx.claims.name, XG_STR("a"));
}

static void test_names_that_only_look_like_a_claim_are_ignored(void **state)
{
    static const char *const NAMES[] = {"Mes",
                                        "Names",
                                        "N",
                                        "",
                                        "Name ",
                                        " Name",
                                        "N4me",
                                        "Name\\n",
                                        "Na\\u200bme",
                                        "Na\\u0301me",
                                        "Tag",
                                        "Tags:",
                                        "ex",
                                        "expi",
                                        "jt",
                                        "Scop",
                                        "scopes",
                                        "kid",
                                        "user",
                                        "N\303\241me",
                                        "Na\305\277e",
                                        "Ma\342\204\252e",
                                        "Me\305\275h",
                                        "Wor\342\204\253load",
                                        "Wor\304\270load",
                                        "i\303\237",
                                        "\305\277",
                                        "\342\204\252"};
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(NAMES); i++) {
        char json[64];
        int len = snprintf(json, sizeof(json), "{\"%s\":[5]}", NAMES[i]);
        assert_verdict((xg_str){json, (size_t)len}, D, &XG_TOKEN_LIMITS_DEFAULT, XG_REASON_OK, NULL);
        assert_empty(&fx.claims);
        assert_verdict((xg_str){json, (size_t)len}, Z, &XG_TOKEN_LIMITS_DEFAULT, XG_REASON_OK, NULL);
    }
}

/* reterr_field has 64 bytes: a name that begins like a claim and is longer is none, and nothing is written beyond. */
static void test_a_long_name_is_ignored_whatever_it_begins_with(void **state)
{
    static const char *const HEADS[] = {"Name", "exp", "\xe2\x84\xaa", "\\u004eame"};
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(HEADS); i++) {
        for (size_t len = 55; len < 80; len++) {
            char json[160];
            int total = snprintf(json, sizeof(json), "{\"%s%0*d\":5,\"Name\":\"a\"}", HEADS[i], (int)len, 0);
            assert_verdict((xg_str){json, (size_t)total}, D, &XG_TOKEN_LIMITS_DEFAULT, XG_REASON_OK, NULL);
            assert_slice(fx.claims.name, XG_STR("a"));
        }
    }
}

static void test_claims_of_another_kind_are_refused_before_their_value(void **state)
{
    static const row ROWS[] = {
        {D, S("{\"Name\":\"a\",\"Mesh\":\"b\"}"), XG_REASON_OK, NULL},
        {Z, S("{\"Name\":\"a\",\"Mesh\":\"b\"}"), XG_REASON_CLAIMS_OTHER_KIND, "Name"},
        {D, S("{\"Name\":\"a\",\"Zone\":\"b\"}"), XG_REASON_CLAIMS_OTHER_KIND, "Zone"},
        {D, S("{\"Name\":\"a\",\"Groups\":\"b\"}"), XG_REASON_CLAIMS_OTHER_KIND, "Groups"},
        {D, S("{\"Name\":\"a\",\"Scope\":null}"), XG_REASON_CLAIMS_OTHER_KIND, "Scope"},
        {Z, S("{\"Zone\":\"a\",\"Scope\":[]}"), XG_REASON_OK, NULL},
        {D, S("{\"Zone\":\"a\",\"Scope\":[]}"), XG_REASON_CLAIMS_OTHER_KIND, "Zone"},
        {Z, S("{\"Zone\":\"a\",\"Tags\":{}}"), XG_REASON_CLAIMS_OTHER_KIND, "Tags"},
        {Z, S("{\"Zone\":\"a\",\"Type\":\"\"}"), XG_REASON_CLAIMS_OTHER_KIND, "Type"},
        {Z, S("{\"Zone\":\"a\",\"Workload\":\"\"}"), XG_REASON_CLAIMS_OTHER_KIND, "Workload"},
        {Z, S("{\"Zone\":\"a\",\"Groups\":[]}"), XG_REASON_CLAIMS_OTHER_KIND, "Groups"},
    };
    (void)state;
    CHECK_ROWS(ROWS);
}

/* ---- values with escapes ---- */

static void test_values_are_the_bytes_they_stand_for(void **state)
{
    static const struct {
        xg_str json;
        xg_str name;
        bool is_stored;
    } ROWS[] = {
        {S("{\"Name\":\"a b\xc3\xa9\x7f\"}"), S("a b\xc3\xa9\x7f"), false},
        {S("{\"Name\":\"web\\u002d1\"}"), S("web-1"), true},
        {S("{\"Name\":\"\\u0077eb\"}"), S("web"), true},
        {S("{\"Name\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}"), S("\"\\/\b\f\n\r\t"), true},
        {S("{\"Name\":\"\\u0001\\u00e9\\u20ac\\ud83d\\ude00\"}"), S("\x01\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"), true},
        {S("{\"Name\":\"\\\\u0041\"}"), S("\\u0041"), true},
    };
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        assert_int_equal(parse(ROWS[i].json, D, &XG_TOKEN_LIMITS_DEFAULT), XG_REASON_OK);
        assert_slice(fx.claims.name, ROWS[i].name);
        assert_int_equal(is_stored(fx.claims.name), ROWS[i].is_stored);
        assert_int_equal(is_borrowed(fx.claims.name), !ROWS[i].is_stored);
        assert_int_equal(fx.claims.unescaped.len, ROWS[i].is_stored ? ROWS[i].name.len : 0);
    }
}

static void test_unescaped_values_lie_beside_each_other(void **state)
{
    static const char JSON[] = "{\"Name\":\"\\u0061b\",\"Mesh\":\"plain\",\"Type\":\"\\n\",\"Workload\":"
                               "\"\\u00e9\\u00e9\",\"jti\":\"\\u006a-1\","
                               "\"Tags\":{\"\\u0061\":[\"\\u0062\"]},\"iss\":\"\\u0061\"}";
    (void)state;
    assert_int_equal(parse(xg_str_of(JSON), D, &XG_TOKEN_LIMITS_DEFAULT), XG_REASON_OK);
    assert_slice(fx.claims.name, XG_STR("ab"));
    assert_slice(fx.claims.mesh, XG_STR("plain"));
    assert_slice(fx.claims.type, XG_STR("\n"));
    assert_slice(fx.claims.workload, XG_STR("\xc3\xa9\xc3\xa9"));
    assert_slice(fx.claims.jti, XG_STR("j-1"));
    assert_slice(fx.claims.tags, XG_STR("\"\\u0061\":[\"\\u0062\"]")); /* unescaped where it is compared */
    assert_int_equal(fx.claims.unescaped.len, 2 + 1 + 4 + 3);
    assert_true(is_stored(fx.claims.name) && is_stored(fx.claims.type) && is_stored(fx.claims.workload));
    assert_true(is_borrowed(fx.claims.mesh) && is_borrowed(fx.claims.tags));
}

static void test_nul_in_a_value_is_refused(void **state)
{
    static const row ROWS[] = {
        {D, S("{\"Name\":\"a\\u0001\"}"), XG_REASON_OK, NULL},
        {D, S("{\"Name\":\"a\\u0000\"}"), XG_REASON_CLAIMS_JSON, NULL},
        {D, S("{\"Name\":\"a\0\"}"), XG_REASON_CLAIMS_JSON, NULL},
        {D, S("{\"Name\":\"\\u0000\"}"), XG_REASON_CLAIMS_JSON, NULL},
        {D, S("{\"Tags\":{\"a\\u0000\":[]}}"), XG_REASON_CLAIMS_JSON, NULL},
        {D, S("{\"Tags\":{\"a\":[\"\\u0000\"]}}"), XG_REASON_CLAIMS_JSON, NULL},
        {D, S("{\"other\":\"\\u0000\"}"), XG_REASON_CLAIMS_JSON, NULL},
        {D, S("{\"Name\\u0000\":\"a\"}"), XG_REASON_CLAIMS_JSON, NULL},
    };
    (void)state;
    CHECK_ROWS(ROWS);
}

/* A payload cannot be as long as this; if it ever is, a value is refused and not cut. */
static void test_a_value_that_does_not_fit_is_refused_whole(void **state)
{
    static char json[2 * sizeof(fx.claims.storage)];
    static const char HEAD[] = "{\"Name\":\"\\n", TAIL[] = "\",\"Mesh\":\"\\n\"}";
    const size_t room = sizeof(fx.claims.storage) - 1;
    (void)state;
    for (size_t len = room - 3; len <= room + 2; len++) {
        char *at = mempcpy(json, HEAD, sizeof(HEAD) - 1);
        memset(at, 'x', len - 1); /* the line end is one byte */
        at = mempcpy(at + len - 1, TAIL, sizeof(TAIL) - 1);
        uint32_t expected = len + 1 <= room ? XG_REASON_OK : XG_REASON_CLAIMS_TYPE;
        assert_verdict((xg_str){json, (size_t)(at - json)}, D, &XG_TOKEN_LIMITS_DEFAULT, expected,
                       expected == XG_REASON_OK ? NULL
                       : len <= room            ? "Mesh"
                                                : "Name");
    }
}

/* ---- jti ---- */

static void test_jti_is_what_a_revocation_list_can_name(void **state)
{
    (void)state;
    for (unsigned byte = 1; byte < 0x80; byte++) {
        static const char *const AROUND[][2] = {{"", "j"}, {"j", ""}, {"j", "j"}};
        for (size_t i = 0; i < XG_ARRAY_LEN(AROUND); i++) {
            char json[64];
            bool is_good = byte > ' ' && byte < 0x7f && byte != ',' && (i != 0 || (byte != '#' && byte != '@'));
            int len = snprintf(json, sizeof(json), "{\"jti\":\"%s\\u%04x%s\"}", AROUND[i][0], byte, AROUND[i][1]);
            assert_verdict((xg_str){json, (size_t)len}, D, &XG_TOKEN_LIMITS_DEFAULT,
                           is_good ? XG_REASON_OK : XG_REASON_CLAIMS_TYPE, is_good ? NULL : "jti");
        }
    }
    static const row ROWS[] = {
        {D, S("{\"jti\":\"j\"}"), XG_REASON_OK, NULL},
        {D, S("{\"jti\":\"\"}"), XG_REASON_CLAIMS_TYPE, "jti"},
        {Z, S("{\"jti\":\"\"}"), XG_REASON_CLAIMS_TYPE, "jti"},
        {D, S("{\"jti\":\"\xc3\xa9\"}"), XG_REASON_CLAIMS_TYPE, "jti"},
        {D, S("{\"jti\":\"j\\u00e9\"}"), XG_REASON_CLAIMS_TYPE, "jti"},
        {D, S("{\"jti\":\"j\\u00a0\"}"), XG_REASON_CLAIMS_TYPE, "jti"},
        {D, S("{\"jti\":\"#\"}"), XG_REASON_CLAIMS_TYPE, "jti"},
        {D, S("{\"jti\":\"@kid\"}"), XG_REASON_CLAIMS_TYPE, "jti"},
        {D, S("{\"jti\":\"a#b@c\"}"), XG_REASON_OK, NULL},
        {D, S("{\"jti\":\"\\u0000\"}"), XG_REASON_CLAIMS_JSON, NULL},
    };
    CHECK_ROWS(ROWS);
}

static void check_jti(size_t len, const char *last, size_t limit, uint32_t expected)
{
    char json[512];
    xg_token_limits limits = XG_TOKEN_LIMITS_DEFAULT;
    limits.jti_bytes = limit;
    xg_text text;
    xg_text_init(&text, json, sizeof(json));
    xg_text_add(&text, XG_STR("{\"jti\":\""));
    for (size_t i = 1; i < len; i++) {
        xg_text_add(&text, XG_STR("0"));
    }
    xg_text_printf(&text, "%s\"}", last);
    assert_false(text.is_cut);
    assert_verdict((xg_str){text.ptr, text.len}, D, &limits, expected, expected == XG_REASON_OK ? NULL : "jti");
    assert_int_equal(fx.claims.jti.len, expected == XG_REASON_OK ? len : 0);
}

static void test_jti_ends_at_its_limit_in_bytes_it_stands_for(void **state)
{
    (void)state;
    check_jti(XG_JTI_MAX - 1, "j", XG_JTI_MAX, XG_REASON_OK);
    check_jti(XG_JTI_MAX, "j", XG_JTI_MAX, XG_REASON_OK);
    check_jti(XG_JTI_MAX, "\\u006a", XG_JTI_MAX, XG_REASON_OK);
    check_jti(XG_JTI_MAX + 1, "j", XG_JTI_MAX, XG_REASON_CLAIMS_TYPE);
    check_jti(XG_JTI_MAX + 1, "\\u006a", XG_JTI_MAX, XG_REASON_CLAIMS_TYPE);
    check_jti(XG_JTI_MAX + 2, "j", XG_JTI_MAX, XG_REASON_CLAIMS_TYPE);
    check_jti(2 * XG_JTI_MAX, "j", XG_JTI_MAX, XG_REASON_CLAIMS_TYPE);
    check_jti(5, "j", 5, XG_REASON_OK);
    check_jti(5, "\\u006a", 5, XG_REASON_OK);
    check_jti(6, "j", 5, XG_REASON_CLAIMS_TYPE);
    check_jti(6, "\\u006a", 5, XG_REASON_CLAIMS_TYPE);
    check_jti(7, "j", 5, XG_REASON_CLAIMS_TYPE);
    check_jti(XG_JTI_MAX, "j", SIZE_MAX, XG_REASON_OK); /* a decision has room for no more */
    check_jti(XG_JTI_MAX + 1, "j", SIZE_MAX, XG_REASON_CLAIMS_TYPE);
}

/* ---- limits ---- */

/* "{<head>"0"<between>,"1"<between>...<tail>}" with `count` entries. */
static xg_str make_entries(const char *head, const char *behind, size_t count, const char *tail)
{
    static char json[4096];
    size_t len = (size_t)snprintf(json, sizeof(json), "{%s", head);
    for (size_t i = 0; i < count; i++) {
        len += (size_t)snprintf(json + len, sizeof(json) - len, "%s\"%zu\"%s", i == 0 ? "" : ", ", i, behind);
    }
    len += (size_t)snprintf(json + len, sizeof(json) - len, "%s}", tail);
    assert_true(len < sizeof(json));
    return (xg_str){json, len};
}

static void check_count(size_t count, size_t limit)
{
    xg_token_limits keys = XG_TOKEN_LIMITS_DEFAULT, values = XG_TOKEN_LIMITS_DEFAULT;
    uint32_t expected = count <= limit ? XG_REASON_OK : XG_REASON_CLAIMS_TOO_MANY;
    bool is_refused = count > limit;
    keys.tag_keys = limit;
    keys.tag_values = 1;
    values.tag_keys = 2;
    values.tag_values = limit;
    assert_verdict(make_entries("\"Tags\":{", ":[\"v\"]", count, "}"), D, &keys, expected, is_refused ? "Tags" : NULL);
    assert_verdict(make_entries("\"Tags\":{\"a\":[", "", count, "]}"), D, &values, expected,
                   is_refused ? "Tags" : NULL);
    assert_verdict(make_entries("\"Tags\":{\"a\":[],\"b\":[", "", count, "]}"), D, &values, expected,
                   is_refused ? "Tags" : NULL);
    assert_verdict(make_entries("\"Scope\":[", "", count, "]"), Z, &values, expected, is_refused ? "Scope" : NULL);
}

static void test_tags_and_scopes_end_at_their_limits(void **state)
{
    static const size_t LIMITS[] = {1, 2, 3, 10, 63, 64};
    (void)state;
    assert_int_equal(XG_TOKEN_LIMITS_DEFAULT.tag_keys, 64);
    assert_int_equal(XG_TOKEN_LIMITS_DEFAULT.tag_values, 64);
    for (size_t i = 0; i < XG_ARRAY_LEN(LIMITS); i++) {
        check_count(0, LIMITS[i]);
        check_count(LIMITS[i] - 1, LIMITS[i]);
        check_count(LIMITS[i], LIMITS[i]);
        check_count(LIMITS[i] + 1, LIMITS[i]);
        check_count(LIMITS[i] + 2, LIMITS[i]);
        check_count(2 * LIMITS[i] + 1, LIMITS[i]);
    }
}

static void test_other_lists_have_no_limit_of_their_own(void **state)
{
    (void)state;
    assert_verdict(make_entries("\"aud\":[", "", 100, "]"), D, &XG_TOKEN_LIMITS_DEFAULT, XG_REASON_OK, NULL);
    assert_verdict(make_entries("\"other\":[", "", 100, "]"), Z, &XG_TOKEN_LIMITS_DEFAULT, XG_REASON_OK, NULL);
    assert_verdict(make_entries("", ":1", XG_JSON_MEMBERS_MAX, ""), D, &XG_TOKEN_LIMITS_DEFAULT, XG_REASON_OK, NULL);
    assert_verdict(make_entries("", ":1", XG_JSON_MEMBERS_MAX + 1, ""), D, &XG_TOKEN_LIMITS_DEFAULT,
                   XG_REASON_CLAIMS_JSON, NULL);
}

static void test_nesting_ends_at_the_limit(void **state)
{
    static const struct {
        size_t depth;
        xg_token_kind kind;
        xg_str json;
        uint32_t reason;
    } ROWS[] = {
        {3, D, S("{\"Tags\":{\"a\":[\"b\"]}}"), XG_REASON_OK},
        {2, D, S("{\"Tags\":{\"a\":[\"b\"]}}"), XG_REASON_CLAIMS_JSON},
        {2, D, S("{\"Tags\":{\"a\":[]}}"), XG_REASON_CLAIMS_JSON},
        {1, D, S("{\"Tags\":{}}"), XG_REASON_CLAIMS_JSON},
        {2, Z, S("{\"Scope\":[\"ingress\"]}"), XG_REASON_OK},
        {1, Z, S("{\"Scope\":[\"ingress\"]}"), XG_REASON_CLAIMS_JSON},
        {1, D, S("{\"Name\":\"a\"}"), XG_REASON_OK},
        {0, D, S("{\"Name\":\"a\"}"), XG_REASON_CLAIMS_JSON},
        {0, D, S("{}"), XG_REASON_CLAIMS_JSON},
        {XG_JSON_DEPTH_MAX, D, S("{\"other\":[[[[[[[]]]]]]]}"), XG_REASON_OK},
        {XG_JSON_DEPTH_MAX, D, S("{\"other\":[[[[[[[[]]]]]]]]}"), XG_REASON_CLAIMS_JSON},
        {XG_JSON_DEPTH_MAX, D, S("{\"other\":[[[[[[[{}]]]]]]]}"), XG_REASON_CLAIMS_JSON},
        {XG_JSON_DEPTH_MAX, D, S("{\"other\":{\"a\":[[[[[[[]]]]]]]}}"), XG_REASON_CLAIMS_JSON},
    };
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        xg_token_limits limits = XG_TOKEN_LIMITS_DEFAULT;
        limits.json_depth = ROWS[i].depth;
        assert_verdict(ROWS[i].json, ROWS[i].kind, &limits, ROWS[i].reason, NULL);
    }
}

/* ---- the text as a whole, and what a refusal leaves ---- */

static void test_the_payload_is_one_object_with_unique_members(void **state)
{
    static const row ROWS[] = {
        {D, S("{\"Name\":\"a\",\"Mesh\":\"b\"}"), XG_REASON_OK, NULL},
        {D, S("{\"Name\":\"a\",\"Name\":\"a\"}"), XG_REASON_CLAIMS_JSON, NULL},
        {D, S("{\"Name\":\"a\",\"Mesh\":\"b\"}{}"), XG_REASON_CLAIMS_JSON, NULL},
        {D, S("{\"Name\":\"a\",\"Mesh\":\"b\"}\0"), XG_REASON_CLAIMS_JSON, NULL},
        {D, S("{\"Name\":\"a\",\"Mesh\":\"b\",}"), XG_REASON_CLAIMS_JSON, NULL},
        {D, S("{\"Name\":\"a\",\"Mesh\":\"b\""), XG_REASON_CLAIMS_JSON, NULL},
        {D, S("[{\"Name\":\"a\",\"Mesh\":\"b\"}]"), XG_REASON_CLAIMS_JSON, NULL},
        {D, S("\xef\xbb\xbf{\"Name\":\"a\",\"Mesh\":\"b\"}"), XG_REASON_CLAIMS_JSON, NULL},
        {D, S("{\"Tags\":{\"a\":[],\"b\":[]}}"), XG_REASON_OK, NULL},
        {D, S("{\"Tags\":{\"a\":[],\"a\":[]}}"), XG_REASON_CLAIMS_JSON, NULL},
        {D, S("{\"Tags\":{\"a\":[],\"\\u0061\":[]}}"), XG_REASON_CLAIMS_JSON, NULL},
        {D, S("{\"Tags\":{\"a\":[]},\"Tags\":{\"b\":[]}}"), XG_REASON_CLAIMS_JSON, NULL},
        {D, S("{\"other\":{\"a\":1,\"a\":1}}"), XG_REASON_CLAIMS_JSON, NULL},
        {D, S("{\"other\":1.5}"), XG_REASON_CLAIMS_JSON, NULL},
        {D, S("{\"Name\":\"a\xc3\"}"), XG_REASON_CLAIMS_JSON, NULL},
        {D, S("{\"Name\":\"\\ud83d\"}"), XG_REASON_CLAIMS_JSON, NULL},
        {D, S(""), XG_REASON_CLAIMS_JSON, NULL},
        {Z, S("null"), XG_REASON_CLAIMS_JSON, NULL},
    };
    (void)state;
    CHECK_ROWS(ROWS);
}

/* parse checks after each refusal that nothing is left; here everything was read before it comes. */
static void test_claims_are_empty_after_a_refusal(void **state)
{
    static const row ROWS[] = {
        {D,
         S("{\"Name\":\"\\u0061\",\"Mesh\":\"b\",\"Tags\":{\"a\":[\"b\"]},\"Type\":\"\\u0061\",\"Workload\":\"c\","
           "\"exp\":3,\"nbf\":2,\"iat\":1,"
           "\"jti\":\"j\",\"iss\":\"i\"}"),
         XG_REASON_OK, NULL},
        {D,
         S("{\"Name\":\"\\u0061\",\"Mesh\":\"b\",\"Tags\":{\"a\":[\"b\"]},\"Type\":\"\\u0061\",\"Workload\":\"c\","
           "\"exp\":3,\"nbf\":2,\"iat\":1,"
           "\"jti\":\"j\",\"iss\":5}"),
         XG_REASON_CLAIMS_TYPE, "iss"},
        {D,
         S("{\"Name\":\"\\u0061\",\"Mesh\":\"b\",\"Tags\":{\"a\":[\"b\"]},\"Type\":\"\\u0061\",\"Workload\":\"c\","
           "\"exp\":3,\"nbf\":2,\"iat\":1,"
           "\"jti\":\"j\",\"Iss\":\"i\"}"),
         XG_REASON_CLAIMS_CASE, "Iss"},
        {D,
         S("{\"Name\":\"\\u0061\",\"Mesh\":\"b\",\"Tags\":{\"a\":[\"b\"]},\"Type\":\"\\u0061\",\"Workload\":\"c\","
           "\"exp\":3,\"nbf\":2,\"iat\":1,"
           "\"jti\":\"j\",\"Zone\":\"i\"}"),
         XG_REASON_CLAIMS_OTHER_KIND, "Zone"},
        {Z, S("{\"Zone\":\"\\u0061\",\"Scope\":[\"ingress\"],\"exp\":3,\"jti\":\"j\",\"nbf\":2}"), XG_REASON_OK, NULL},
        {Z, S("{\"Zone\":\"\\u0061\",\"Scope\":[\"ingress\"],\"exp\":3,\"jti\":\"j\",\"nbf\":\"2\"}"),
         XG_REASON_CLAIMS_TYPE, "nbf"},
        {Z, S("{\"Zone\":\"\\u0061\",\"Scope\":[\"ingress\"],\"exp\":3,\"jti\":\"j,\",\"nbf\":2}"),
         XG_REASON_CLAIMS_TYPE, "jti"},
        {Z, S("{\"Zone\":\"\\u0061\",\"Scope\":[\"ingress\"],\"exp\":3,\"jti\":\"j\",\"nbf\":2"), XG_REASON_CLAIMS_JSON,
         NULL},
    };
    (void)state;
    CHECK_ROWS(ROWS);
}

/* The first offence of the text is the one that is named. */
static void test_the_first_offence_is_named(void **state)
{
    static const row ROWS[] = {
        {D, S("{\"Name\":5,\"mesh\":\"b\",\"Zone\":\"c\"}"), XG_REASON_CLAIMS_TYPE, "Name"},
        {D, S("{\"mesh\":\"b\",\"Name\":5,\"Zone\":\"c\"}"), XG_REASON_CLAIMS_CASE, "mesh"},
        {D, S("{\"Zone\":\"c\",\"Name\":5,\"mesh\":\"b\"}"), XG_REASON_CLAIMS_OTHER_KIND, "Zone"},
        {D, S("{\"zone\":5}"), XG_REASON_CLAIMS_CASE, "zone"},
        {D, S("{\"Name\":5,\"mesh\":\"b\",\"Zone\":\"c\"}x"), XG_REASON_CLAIMS_JSON, NULL},
    };
    (void)state;
    CHECK_ROWS(ROWS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_dataplane_claim_is_read),
        cmocka_unit_test(test_every_zone_claim_is_read),
        cmocka_unit_test(test_what_is_absent_is_empty),
        cmocka_unit_test(test_tags_of_blanks_are_no_tags),
        cmocka_unit_test(test_a_claim_has_its_type_or_the_token_is_refused),
        cmocka_unit_test(test_times_are_integers_of_64_bits),
        cmocka_unit_test(test_another_case_of_a_known_name_is_refused),
        cmocka_unit_test(test_a_known_name_in_escapes_is_the_claim),
        cmocka_unit_test(test_names_that_only_look_like_a_claim_are_ignored),
        cmocka_unit_test(test_a_long_name_is_ignored_whatever_it_begins_with),
        cmocka_unit_test(test_claims_of_another_kind_are_refused_before_their_value),
        cmocka_unit_test(test_values_are_the_bytes_they_stand_for),
        cmocka_unit_test(test_unescaped_values_lie_beside_each_other),
        cmocka_unit_test(test_nul_in_a_value_is_refused),
        cmocka_unit_test(test_a_value_that_does_not_fit_is_refused_whole),
        cmocka_unit_test(test_jti_is_what_a_revocation_list_can_name),
        cmocka_unit_test(test_jti_ends_at_its_limit_in_bytes_it_stands_for),
        cmocka_unit_test(test_tags_and_scopes_end_at_their_limits),
        cmocka_unit_test(test_other_lists_have_no_limit_of_their_own),
        cmocka_unit_test(test_nesting_ends_at_the_limit),
        cmocka_unit_test(test_the_payload_is_one_object_with_unique_members),
        cmocka_unit_test(test_claims_are_empty_after_a_refusal),
        cmocka_unit_test(test_the_first_offence_is_named),
    };
    return cmocka_run_group_tests_name("claims", tests, NULL, tear_down);
}
