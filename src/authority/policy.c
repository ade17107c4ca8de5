/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy.c: guard rails that a token must keep before it is minted.
 *
 * Must never ignore a rule that it does not understand. Thread rule: see policy.h.
 */
#include <inttypes.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>

#include "xdsgate/policy.h"
#include "yaml_input.h"

#define PATTERN_MAX 1000

/* A pattern as it was written, and as it is matched. */
typedef struct pattern {
    char *text; /* NULL: no such rule */
    regex_t compiled;
} pattern;

struct xg_policy {
    char *path;
    int64_t longest_lifetime; /* nanoseconds; 0: no such rule */
    bool forbids_mesh_wide;
    bool requires_workload;
    bool forbids_zone_tokens;
    pattern name;
    pattern workload;
    pattern mesh;
};

/* One rule as it is read. */
typedef struct rule {
    xg_policy *policy;
    const xg_yaml_input *input;
    const xg_yaml_node *value;
    const char *name;
    xg_trouble *trouble;
} rule;

static bool at(const rule *r, const xg_yaml_node *node)
{
    return xg_trouble_where(r->trouble, "%s:%" PRIu32 ":%" PRIu32, r->policy->path, node->line, node->column);
}

static bool read_bool(const rule *r, bool *ret_value)
{
    if (r->value->kind != XG_YAML_BOOL) {
        xg_trouble_say(r->trouble, XG_TROUBLE_CONFIG, "%s must be true or false", r->name);
        return at(r, r->value);
    }
    *ret_value = r->value->is_true;
    return true;
}

static bool read_lifetime(const rule *r)
{
    int64_t nanos = 0;
    bool is_scalar = r->value->kind == XG_YAML_TEXT || r->value->kind == XG_YAML_NUMBER;
    if (!is_scalar || !xg_duration_parse(xg_yaml_input_text(r->input, r->value), &nanos) || nanos <= 0) {
        xg_trouble_say(r->trouble, XG_TROUBLE_CONFIG, "%s must be a duration above zero", r->name);
        xg_trouble_help(r->trouble, "write it like 24h, 1h30m or 90d");
        return at(r, r->value);
    }
    r->policy->longest_lifetime = nanos;
    return true;
}

/* The whole claim has to match, so that a forgotten '$' lets nothing through. */
static bool compile(const rule *r, xg_str text, pattern *p)
{
    char whole[PATTERN_MAX + 8];
    char words[128];
    xg_text pattern_text;
    xg_text_init(&pattern_text, whole, sizeof(whole));
    xg_text_add(&pattern_text, XG_STR("^("));
    xg_text_add(&pattern_text, text);
    xg_text_add(&pattern_text, XG_STR(")$"));
    int error = regcomp(&p->compiled, whole, REG_EXTENDED);
    if (error != 0) {
        regerror(error, &p->compiled, words, sizeof(words));
        xg_trouble_say(r->trouble, XG_TROUBLE_CONFIG, "%s is no extended regular expression: %s", r->name, words);
        xg_trouble_help(r->trouble, "write it as for grep -E; it has to match the whole of the claim");
        return at(r, r->value);
    }
    p->text = strndup(text.ptr, text.len);
    if (p->text == NULL) {
        regfree(&p->compiled);
        return xg_trouble_say(r->trouble, XG_TROUBLE_IO, "memory ran out");
    }
    return true;
}

static bool read_pattern(const rule *r, pattern *p)
{
    if (r->value->kind != XG_YAML_TEXT) {
        xg_trouble_say(r->trouble, XG_TROUBLE_CONFIG, "%s must be a regular expression in quotes", r->name);
        return at(r, r->value);
    }
    xg_str text = xg_yaml_input_text(r->input, r->value);
    if (text.len == 0 || text.len > PATTERN_MAX || memchr(text.ptr, '\0', text.len) != NULL) {
        xg_trouble_say(r->trouble, XG_TROUBLE_CONFIG, "%s must have 1 to %d bytes", r->name, PATTERN_MAX);
        return at(r, r->value);
    }
    return compile(r, text, p);
}

static const char *const MEMBERS[] = {"longest_lifetime", "mesh_wide",        "workload_required", "zone_tokens",
                                      "name_pattern",     "workload_pattern", "mesh_pattern"};

static bool read_rule(const rule *r)
{
    xg_policy *policy = r->policy;
    xg_str name = xg_str_of(r->name);
    bool is_allowed = true;
    if (xg_str_eq(name, XG_STR("longest_lifetime"))) {
        return read_lifetime(r);
    }
    if (xg_str_eq(name, XG_STR("mesh_wide"))) {
        bool is_read = read_bool(r, &is_allowed);
        policy->forbids_mesh_wide = !is_allowed;
        return is_read;
    }
    if (xg_str_eq(name, XG_STR("zone_tokens"))) {
        bool is_read = read_bool(r, &is_allowed);
        policy->forbids_zone_tokens = !is_allowed;
        return is_read;
    }
    if (xg_str_eq(name, XG_STR("workload_required"))) {
        return read_bool(r, &policy->requires_workload);
    }
    if (xg_str_eq(name, XG_STR("name_pattern"))) {
        return read_pattern(r, &policy->name);
    }
    if (xg_str_eq(name, XG_STR("workload_pattern"))) {
        return read_pattern(r, &policy->workload);
    }
    return read_pattern(r, &policy->mesh);
}

static const char *member_of(xg_str key)
{
    for (size_t i = 0; i < XG_ARRAY_LEN(MEMBERS); i++) {
        if (xg_str_eq(key, xg_str_of(MEMBERS[i]))) {
            return MEMBERS[i];
        }
    }
    return NULL;
}

static bool read_members(rule *r, const xg_yaml_node *root)
{
    const xg_yaml_node *key = xg_yaml_input_first(r->input, root);
    for (; key != NULL; key = xg_yaml_input_next(r->input, r->value)) {
        xg_str name = xg_yaml_input_text(r->input, key);
        r->value = xg_yaml_input_next(r->input, key);
        r->name = member_of(name);
        if (r->name == NULL) {
            xg_trouble_say(r->trouble, XG_TROUBLE_CONFIG, "unknown rule '%.*s'", (int)(name.len < 60 ? name.len : 60),
                           name.ptr);
            xg_trouble_note(r->trouble, "a rule that is not understood would not be kept");
            xg_trouble_help(r->trouble, "rules: longest_lifetime, mesh_wide, workload_required, name_pattern, "
                                        "workload_pattern, mesh_pattern, zone_tokens");
            return at(r, key);
        }
        if (!read_rule(r)) {
            return false;
        }
    }
    return true;
}

static bool read_document(xg_policy *policy, const xg_yaml_input *input, xg_trouble *trouble)
{
    const xg_yaml_node *root = xg_yaml_input_root(input);
    rule r = {.policy = policy, .input = input, .trouble = trouble};
    if (root == NULL || root->kind != XG_YAML_MAP) {
        xg_trouble_say(trouble, XG_TROUBLE_CONFIG, "a policy is a mapping of rules, and this is none");
        xg_trouble_where(trouble, "%s", policy->path);
        return xg_trouble_help(trouble, "write one rule a line, like longest_lifetime: 90d");
    }
    return read_members(&r, root);
}

bool xg_policy_parse(xg_str text, const char *path, xg_policy **ret_policy, xg_trouble *trouble)
{
    xg_yaml_input *input = NULL;
    xg_policy *policy = calloc(1, sizeof(*policy));
    if (policy == NULL || (policy->path = strdup(path)) == NULL) {
        free(policy);
        return xg_trouble_say(trouble, XG_TROUBLE_IO, "memory ran out");
    }
    bool is_read = xg_yaml_input_parse(text, path, &input, trouble) && read_document(policy, input, trouble);
    xg_yaml_input_free(input);
    if (!is_read) {
        xg_policy_free(policy);
        return false;
    }
    *ret_policy = policy;
    return true;
}

static void pattern_done(pattern *p)
{
    if (p->text != NULL) {
        regfree(&p->compiled);
        free(p->text);
    }
}

void xg_policy_free(xg_policy *policy)
{
    if (policy == NULL) {
        return;
    }
    pattern_done(&policy->name);
    pattern_done(&policy->workload);
    pattern_done(&policy->mesh);
    free(policy->path);
    free(policy);
}

bool xg_policy_has_lifetime(const xg_policy *policy)
{
    return policy->longest_lifetime != 0;
}

static bool refuse(const xg_policy *policy, const char *rule_name, xg_trouble *trouble)
{
    xg_trouble_where(trouble, "%s: %s", policy->path, rule_name);
    return xg_trouble_help(trouble, "change the request, or have the policy changed by whoever answers for it");
}

static bool check_pattern(const xg_policy *policy, const pattern *p, const char *rule_name, const char *what,
                          xg_str value, xg_trouble *trouble)
{
    char text[512];
    if (p->text == NULL || value.len == 0) {
        return true;
    }
    /* regexec reads C strings; names are at most 253 bytes and hold no NUL. */
    bool fits = value.len < sizeof(text) && memchr(value.ptr, '\0', value.len) == NULL;
    if (fits) {
        memcpy(text, value.ptr, value.len);
        text[value.len] = '\0';
        /* A pattern like a)|(b gets out of the brackets that were put around it. */
        regmatch_t match = {0};
        if (regexec(&p->compiled, text, 1, &match, 0) == 0 && match.rm_so == 0 && (size_t)match.rm_eo == value.len) {
            return true;
        }
    }
    xg_trouble_say(trouble, XG_TROUBLE_NO, "the policy forbids the %s '%.*s'", what,
                   (int)(value.len < 120 ? value.len : 120), value.ptr);
    xg_trouble_note(trouble, "it must match %.400s", p->text);
    return refuse(policy, rule_name, trouble);
}

static bool check_lifetime(const xg_policy *policy, const xg_mint_request *request, xg_trouble *trouble)
{
    if (policy->longest_lifetime == 0 || request->valid_for_nanos <= policy->longest_lifetime) {
        return true;
    }
    xg_trouble_say(trouble, XG_TROUBLE_NO, "the policy forbids a token that is valid for so long");
    xg_trouble_note(trouble, "asked for: %" PRId64 " s; the longest lifetime: %" PRId64 " s",
                    request->valid_for_nanos / INT64_C(1000000000), policy->longest_lifetime / INT64_C(1000000000));
    return refuse(policy, "longest_lifetime", trouble);
}

static bool check_bindings(const xg_policy *policy, const xg_mint_request *request, xg_trouble *trouble)
{
    bool is_bound = request->name.len > 0 || request->workload.len > 0 || request->num_tags > 0;
    if (policy->forbids_mesh_wide && !is_bound) {
        xg_trouble_say(trouble, XG_TROUBLE_NO, "the policy forbids a token that admits every proxy of its mesh");
        xg_trouble_note(trouble, "it is bound to no name, workload or tag");
        return refuse(policy, "mesh_wide", trouble);
    }
    if (policy->requires_workload && request->workload.len == 0) {
        xg_trouble_say(trouble, XG_TROUBLE_NO, "the policy demands a workload, and the token would have none");
        return refuse(policy, "workload_required", trouble);
    }
    return check_pattern(policy, &policy->mesh, "mesh_pattern", "mesh", request->mesh, trouble) &&
           check_pattern(policy, &policy->name, "name_pattern", "name", request->name, trouble) &&
           check_pattern(policy, &policy->workload, "workload_pattern", "workload", request->workload, trouble);
}

bool xg_policy_check(const xg_policy *policy, const xg_mint_request *request, xg_trouble *trouble)
{
    if (!check_lifetime(policy, request, trouble)) {
        return false;
    }
    if (request->kind != XG_TOKEN_ZONE) {
        return check_bindings(policy, request, trouble);
    }
    if (policy->forbids_zone_tokens) {
        xg_trouble_say(trouble, XG_TROUBLE_NO, "the policy forbids zone tokens");
        return refuse(policy, "zone_tokens", trouble);
    }
    return true;
}
