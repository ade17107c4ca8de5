/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_policy.c: what each rule of a policy allows and forbids, and which policies are none: the table policies.txt.
 * One thread.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "xdsgate/policy.h"

#define HOUR      INT64_C(3600000000000)
#define LINE_SIZE 256
#define FILE_NAME "policy.yaml"

/* A policy as it is gathered from the table, and the requests behind it. */
typedef struct reading {
    char yaml[2048];
    size_t len;
    unsigned line; /* of the table, for reports */
    bool is_whole; /* a verdict stood behind it: the next line of a policy begins another */
    unsigned num_allowed;
    unsigned num_forbidden;
    unsigned num_refused;
} reading;

static xg_policy *parse(const reading *r, xg_trouble *trouble)
{
    xg_policy *policy = NULL;
    *trouble = (xg_trouble){0};
    if (!xg_policy_parse((xg_str){r->yaml, r->len}, FILE_NAME, &policy, trouble)) {
        assert_null(policy);
        return NULL;
    }
    assert_non_null(policy);
    return policy;
}

/* Reads name=value; the words live in the line. */
static void fill(char *word, xg_mint_request *request, unsigned line)
{
    static const xg_mint_tag TAGS[] = {{.key = XG_STR_INIT("a")}, {.key = XG_STR_INIT("b")}, {.key = XG_STR_INIT("c")}};
    char *value = strchr(word, '=');
    if (value == NULL) {
        fail_msg("policies.txt:%u: '%s' is not name=value", line, word);
        abort();
    }
    *value++ = '\0';
    const struct {
        const char *name;
        xg_str *member;
    } members[] = {
        {"name", &request->name}, {"workload", &request->workload}, {"mesh", &request->mesh}, {"type", &request->type}};
    for (size_t i = 0; i < XG_ARRAY_LEN(members); i++) {
        if (strcmp(word, members[i].name) == 0) {
            *members[i].member = xg_str_of(value);
            return;
        }
    }
    if (strcmp(word, "kind") == 0) {
        assert_string_equal(value, "zone");
        request->kind = XG_TOKEN_ZONE;
        request->zone = XG_STR("east");
        request->mesh = (xg_str){NULL, 0};
    } else if (strcmp(word, "tags") == 0) {
        request->tags = TAGS;
        request->num_tags = (size_t)(value[0] - '0');
        assert_in_range(request->num_tags, 1, XG_ARRAY_LEN(TAGS));
    } else if (strcmp(word, "ns") == 0) {
        uint64_t nanos = 0;
        bool is_negative = value[0] == '-';
        assert_true(xg_str_to_u64(xg_str_of(value + (is_negative ? 1 : 0)), INT64_MAX, &nanos));
        request->valid_for_nanos = is_negative ? -(int64_t)nanos : (int64_t)nanos;
    } else {
        fail_msg("policies.txt:%u: unknown member '%s'", line, word);
    }
}

static void check_forbidden(const xg_trouble *trouble, const char *rule, unsigned line)
{
    char where[LINE_SIZE];
    (void)snprintf(where, sizeof(where), FILE_NAME ": %s", rule);
    if (trouble->kind != XG_TROUBLE_NO || strcmp(trouble->where, where) != 0) {
        fail_msg("policies.txt:%u: forbidden by '%s', kind %d", line, trouble->where, (int)trouble->kind);
    }
    assert_non_null(strstr(trouble->summary, "the policy "));
    assert_non_null(strstr(trouble->help, "whoever answers for it"));
}

/* "+ ..." and "- rule ..." */
static void check_request(const reading *r, char *line)
{
    xg_mint_request request = {.kind = XG_TOKEN_DATAPLANE, .mesh = XG_STR("m1"), .valid_for_nanos = HOUR};
    xg_trouble trouble;
    char *rest = NULL;
    bool is_allowed = line[0] == '+';
    char *word = strtok_r(line + 1, " \n", &rest);
    const char *rule = is_allowed ? "" : word;
    word = is_allowed ? word : strtok_r(NULL, " \n", &rest);
    for (; word != NULL; word = strtok_r(NULL, " \n", &rest)) {
        fill(word, &request, r->line);
    }
    xg_policy *policy = parse(r, &trouble);
    if (policy == NULL) {
        fail_msg("policies.txt:%u: the policy is refused: %s", r->line, trouble.summary);
        abort();
    }
    bool is_good = xg_policy_check(policy, &request, &trouble);
    if (is_good != is_allowed) {
        fail_msg("policies.txt:%u: %s", r->line, is_good ? "allowed" : trouble.summary);
    }
    if (!is_good) {
        check_forbidden(&trouble, rule, r->line);
    }
    xg_policy_free(policy);
}

/* "! line:column words" */
static void check_refused(const reading *r, const char *line)
{
    char at[32] = "";
    char where[64];
    xg_trouble trouble;
    size_t len = strcspn(line + 2, " ");
    char words[LINE_SIZE] = "";
    assert_in_range(len, 1, sizeof(at) - 1);
    memcpy(at, line + 2, len);
    memcpy(words, line + 2 + len + 1, strcspn(line + 2 + len + 1, "\n"));
    (void)snprintf(where, sizeof(where), "%s%s%s", FILE_NAME, at[0] == '*' ? "" : ":", at[0] == '*' ? "" : at);
    xg_policy *policy = parse(r, &trouble);
    if (policy != NULL || strcmp(trouble.where, where) != 0 || strstr(trouble.summary, words) == NULL) {
        fail_msg("policies.txt:%u: %s at '%s', '%s'", r->line, policy != NULL ? "taken" : "refused", trouble.where,
                 trouble.summary);
    }
    assert_int_equal(trouble.kind, XG_TROUBLE_CONFIG);
    xg_policy_free(policy);
}

static void take_line(reading *r, char *line)
{
    switch (line[0]) {
    case '|':
        r->len = r->is_whole ? 0 : r->len;
        r->is_whole = false;
        assert_true(r->len + strlen(line) < sizeof(r->yaml));
        memcpy(r->yaml + r->len, line + 1, strlen(line + 1));
        r->len += strlen(line + 1);
        return;
    case '+':
        r->num_allowed++;
        check_request(r, line);
        break;
    case '-':
        r->num_forbidden++;
        check_request(r, line);
        break;
    case '!':
        r->num_refused++;
        check_refused(r, line);
        break;
    default:
        assert_true(line[0] == '#' || line[0] == '\n');
        return;
    }
    r->is_whole = true;
}

static void test_each_rule_allows_and_forbids_what_the_table_says(void **state)
{
    char path[512];
    char line[LINE_SIZE];
    reading r = {.is_whole = true};
    (void)state;
    (void)snprintf(path, sizeof(path), "%s/authority/policies.txt", getenv("XG_TESTS"));
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        fail_msg("%s cannot be read", path);
        abort();
    }
    while (fgets(line, sizeof(line), file) != NULL) {
        r.line++;
        assert_non_null(strchr(line, '\n'));
        take_line(&r, line);
    }
    fclose(file);
    assert_true(r.is_whole); /* nothing stands without a verdict */
    assert_true(r.num_allowed > 30 && r.num_forbidden > 30 && r.num_refused > 20);
}

static bool allows(const char *yaml, size_t yaml_len, xg_str name)
{
    const xg_mint_request request = {
        .kind = XG_TOKEN_DATAPLANE, .mesh = XG_STR("m1"), .name = name, .valid_for_nanos = HOUR};
    xg_policy *policy = NULL;
    xg_trouble trouble = {0};
    assert_true(xg_policy_parse((xg_str){yaml, yaml_len}, FILE_NAME, &policy, &trouble));
    bool is_good = xg_policy_check(policy, &request, &trouble);
    xg_policy_free(policy);
    return is_good;
}

static void test_names_that_a_pattern_cannot_read_are_forbidden(void **state)
{
    static const char ANY[] = "name_pattern: '.*'\n";
    char name[600];
    (void)state;
    memset(name, 'a', sizeof(name));
    assert_true(allows(ANY, strlen(ANY), (xg_str){name, 511}));
    assert_false(allows(ANY, strlen(ANY), (xg_str){name, 512}));
    name[3] = '\0';
    assert_true(allows(ANY, strlen(ANY), (xg_str){name, 3}));
    assert_false(allows(ANY, strlen(ANY), (xg_str){name, 4}));
    assert_false(allows(ANY, strlen(ANY), (xg_str){name, 5}));
}

static void test_patterns_have_a_longest_length(void **state)
{
    char yaml[1100] = "name_pattern: \"";
    size_t begin = strlen(yaml);
    xg_policy *policy = NULL;
    xg_trouble trouble = {0};
    (void)state;
    for (size_t len = 1000; len <= 1001; len++) {
        memset(yaml + begin, 'a', len);
        memcpy(yaml + begin + len, "\"\n", 3);
        policy = NULL;
        assert_int_equal(xg_policy_parse(xg_str_of(yaml), FILE_NAME, &policy, &trouble), len == 1000);
        xg_policy_free(policy);
    }
    assert_string_equal(trouble.summary, "name_pattern must have 1 to 1000 bytes");
}

static void test_only_a_policy_that_names_a_lifetime_has_one(void **state)
{
    static const struct {
        const char *yaml;
        bool has;
    } ROWS[] = {{"{}\n", false},
                {"mesh_wide: false\nzone_tokens: false\n", false},
                {"longest_lifetime: 1h\n", true},
                {"mesh_wide: true\nlongest_lifetime: 100000d\n", true}};
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        xg_policy *policy = NULL;
        xg_trouble trouble = {0};
        assert_true(xg_policy_parse(xg_str_of(ROWS[i].yaml), FILE_NAME, &policy, &trouble));
        assert_int_equal(xg_policy_has_lifetime(policy), ROWS[i].has);
        xg_policy_free(policy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_rule_allows_and_forbids_what_the_table_says),
        cmocka_unit_test(test_names_that_a_pattern_cannot_read_are_forbidden),
        cmocka_unit_test(test_patterns_have_a_longest_length),
        cmocka_unit_test(test_only_a_policy_that_names_a_lifetime_has_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
