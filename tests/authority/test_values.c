/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_values.c: how a values file may be written, and the whole text of what is said when it is not so. One thread.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "manifest_dump.h"

#define M      "meshes: [{name: m}]\n"
#define RENDER "  help: render the template first, then give the rendered file\n"

typedef struct row {
    const char *values;
    const char *expected;
} row;

static xg_manifest_plan *plan_of(xg_str values)
{
    xg_manifest_options options = {.file = "v.yaml"};
    xg_manifest_plan *plan = xg_manifest_plan_new(values, &options);
    assert_non_null(plan);
    return plan;
}

static void compare(const char *values, const char *found, const char *expected)
{
    if (strcmp(found, expected) != 0) {
        fprintf(stderr, "%.400s\nfound\n%s\nexpected\n%s\n", values, found, expected); /* cmocka would cut it */
        fail_msg("other reports than expected");
    }
}

/* Each is refused, with exactly these reports. */
static void refuse_all(const row *rows, size_t num)
{
    for (size_t i = 0; i < num; i++) {
        xg_manifest_plan *plan = plan_of(xg_str_of(rows[i].values));
        char *found = manifest_dump_reports(&plan->troubles, "error");
        assert_true(plan->troubles.total > 0);
        assert_int_equal(plan->num_proxies, 0);
        assert_int_equal(plan->troubles.items[0].kind, XG_TROUBLE_CONFIG);
        compare(rows[i].values, found, rows[i].expected);
        free(found);
        xg_manifest_plan_free(plan);
    }
}

/* Each is accepted; expected is the plan's dump without its first line. */
static void accept_all(const row *rows, size_t num)
{
    for (size_t i = 0; i < num; i++) {
        xg_manifest_plan *plan = plan_of(xg_str_of(rows[i].values));
        char *found = manifest_dump_plan(plan);
        compare(rows[i].values, strchr(found, '\n') + 1, rows[i].expected);
        free(found);
        xg_manifest_plan_free(plan);
    }
}

#define REFUSE(rows) refuse_all(rows, XG_ARRAY_LEN(rows))
#define ACCEPT(rows) accept_all(rows, XG_ARRAY_LEN(rows))

static void test_yaml_errors_have_line_and_column(void **state)
{
    static const row ROWS[] = {
        {"", "error: the file holds no values\n  where: v.yaml\n  help: give the values.yaml of the deployment\n"},
        {"# nothing\n---\n~\n", "error: the file holds no values\n  where: v.yaml\n  help: give the values.yaml of the "
                                "deployment\n"},
        {"- a\n", "error: 'the file' must be a map, and is a list\n  where: v.yaml:1:1\n"},
        {"a: 1\n\tb: 2\n", "error: the file is not YAML\n  where: v.yaml:1:4\n  note: invalid multiline plain key\n"
                           "  help: check the indentation there and in the line before\n"},
        {"a: [1,\n", "error: the file is not YAML\n  where: v.yaml:2:1\n  note: did not find expected node content\n"
                     "  help: check the indentation there and in the line before\n"},
        {"a: 1\n---\nb: 2\n", "error: the file holds more than one YAML document\n  where: v.yaml:3:1\n"},
        {"a: 1\nb: 2\na: 3\n", "error: the key 'a' stands twice in one map\n  where: v.yaml:3:1\n"
                               "  note: it stands first at 1:1\n"
                               "  help: keep one of the two: of such a pair Helm and kubectl take either\n"},
        {"x: {a: 1, 'a': 3}\n", "error: the key 'a' stands twice in one map\n  where: v.yaml:1:11\n"
                                "  note: it stands first at 1:5\n"
                                "  help: keep one of the two: of such a pair Helm and kubectl take either\n"},
        {"a: !x 1\n", "error: a YAML tag is not understood here\n  where: v.yaml:1:7\n"
                      "  help: leave the tag out, and quote the value if it is to stay a text\n"},
        {"a: b\nc: \xff\n", "error: this line is not UTF-8 text\n  where: v.yaml:2:1\n"},
        {"? [a]\n: 1\n", "error: a key is a list or a map\n  where: v.yaml:1:3\n"
                         "  note: '{{' in a value begins an expression of a template, which YAML cannot know\n" RENDER},
    };
    (void)state;
    REFUSE(ROWS);
    xg_manifest_plan *plan = plan_of(XG_STR("a: b\nc: d\n\0"));
    assert_string_equal(plan->troubles.items[0].where, "v.yaml:3:1");
    assert_string_equal(plan->troubles.items[0].summary, "this line is not UTF-8 text");
    xg_manifest_plan_free(plan);
}

static void test_aliases_and_merges_are_bounded(void **state)
{
    static const row BAD[] = {
        {"a: *x\n", "error: an alias names an anchor that does not stand before it\n  where: v.yaml:1:5\n"},
        {"a: &x [*x]\n", "error: an alias stands within what it names\n  where: v.yaml:1:9\n"},
        {"a: &x {b: 1}\n? *x\n: 1\n", "error: a key is a list or a map\n  where: v.yaml:2:4\n"},
        {"a: {<<: 1}\n", "error: '<<' merges something else than a map, or up to 16 maps, that merge nothing\n"
                         "  where: v.yaml:1:9\n"},
        {"a: &a {b: 1}\nc: &c {<<: *a}\ne: {<<: *c}\n",
         "error: '<<' merges something else than a map, or up to 16 maps, that merge nothing\n  where: v.yaml:3:10\n"},
        {"a: &a {b: 1}\nc: {<<: [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]}\n",
         "error: '<<' merges something else than a map, or up to 16 maps, that merge nothing\n  where: v.yaml:2:9\n"},
    };
    static const row GOOD[] = {
        {"a: &a {role: ingress}\nb: &b {role: egress, namespace: n}\nmeshes: [{name: m, <<: [*a, *b]}]\n",
         "mesh m, draft, at 3:17\n  ingress zone-proxy-m-ingress\n    namespace n, replicas 1, at 3:17\n"
         "    service kuma-m-zoneproxy, in the chart the same\n"
         "    address <>, advertised <> 0, ports 10001 10002\n1 proxies\n"},
    };
    char *text = NULL;
    size_t len = 0;
    (void)state;
    REFUSE(BAD);
    ACCEPT(GOOD);
    /* A billion laughs: each list holds the one before ten times. Nothing is expanded. */
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    fputs("a0: &a0 [x]\n", out);
    for (int i = 1; i < 40; i++) {
        fprintf(out, "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i, i - 1, i - 1, i - 1,
                i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    }
    fputs(M, out);
    fclose(out);
    xg_manifest_plan *plan = plan_of((xg_str){text, len});
    assert_int_equal(plan->troubles.total, 0);
    assert_int_equal(plan->num_proxies, 1);
    xg_manifest_plan_free(plan);
    free(text);
}

/* before, num times unit, after. */
static char *repeat(const char *before, const char *unit, size_t num, const char *after, size_t num_after)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    fputs(before, out);
    for (size_t i = 0; i < num; i++) {
        fputs(unit, out);
    }
    for (size_t i = 0; i < num_after; i++) {
        fputs(after, out);
    }
    fclose(out);
    return text;
}

/* The last that is read, and the first that is not. */
static void test_depth_anchors_values_and_length_are_bounded(void **state)
{
    static const struct {
        const char *before;
        const char *unit;
        size_t most;
        const char *after; /* as often as unit, or once */
        bool is_paired;
        const char *summary;
    } ROWS[] = {
        {M "x: ", "[", 47, "]", true, "lists and maps stand more than 48 deep in one another"},
        {M "x:\n", "- &a b\n", 64, "", false, "the file holds too many anchors: at most 64 are read"},
        /* The root, two keys, the list with its entry of three, and the list that holds the rest. */
        {M "x: [", "y,", 4000000 - 8, "]", false, "the file holds too many values: at most 4000000 are read"},
        {M "#", "#", 16 * 1024 * 1024 - sizeof(M), "", false, "the file is longer than 16 MiB"},
    };
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        if (ROWS[i].most > 1000 && getenv("XG_VALGRIND_PRELOAD") != NULL) {
            continue; /* minutes there, and nothing that the short rows do not run through */
        }
        for (size_t more = 0; more < 2; more++) {
            size_t num = ROWS[i].most + more;
            char *text = repeat(ROWS[i].before, ROWS[i].unit, num, ROWS[i].after, ROWS[i].is_paired ? num : 1);
            xg_manifest_plan *plan = plan_of(xg_str_of(text));
            assert_int_equal(plan->troubles.total, more);
            assert_string_equal(plan->troubles.items[0].summary, more == 0 ? "" : ROWS[i].summary);
            assert_int_equal(plan->num_proxies, 1 - more);
            xg_manifest_plan_free(plan);
            free(text);
        }
    }
}

static void test_a_template_that_was_not_rendered_is_told(void **state)
{
    static const row ROWS[] = {
        {"meshes:\n- name: ${mesh}\n",
         "error: the value is '${mesh}': the template was not rendered, in 'name'\n  where: v.yaml:2:9\n" RENDER},
        {"meshes:\n- name: \"{{ .mesh }}\"\n",
         "error: the value is '{{ .mesh }}': the template was not rendered, in 'name'\n  where: v.yaml:2:9\n" RENDER},
        {"meshes: ${jsonencode(meshes)}\n", "error: the value is '${jsonencode(meshes)}': the template was not "
                                            "rendered, in 'meshes'\n  where: v.yaml:1:9\n" RENDER},
        {"meshes: ['${m}']\n",
         "error: the value is '${m}': the template was not rendered, in 'meshes'\n  where: v.yaml:1:10\n" RENDER},
        {"controlPlane: {zone: 'a-${z}'}\n" M,
         "error: the value is 'a-${z}': the template was not rendered, in 'controlPlane.zone'\n"
         "  where: v.yaml:1:22\n" RENDER},
        {"meshes:\n- name: m\n  ingress:\n    enabled: ${on}\n",
         "error: the value is '${on}': the template was not rendered, in 'ingress.enabled'\n  where: "
         "v.yaml:4:14\n" RENDER},
        {"meshes:\n- {name: m, replicas: '%{ if x }2%{ endif }'}\n",
         "error: the value is '%{ if x }2%{ endif }': the template was not rendered, in 'replicas'\n"
         "  where: v.yaml:2:23\n" RENDER},
        {"meshes:\n- {name: m, role: '${role}'}\n",
         "error: the value is '${role}': the template was not rendered, in 'role'\n  where: v.yaml:2:19\n" RENDER},
        {"meshes:\n- {name: m, labels: {kuma.io/ingress-public-address: '${a}'}}\n",
         "error: the value is '${a}': the template was not rendered, in 'kuma.io/ingress-public-address'\n"
         "  where: v.yaml:2:54\n" RENDER},
        {"meshes:\n- name: {{ mesh }}\n",
         "error: a key is a list or a map\n  where: v.yaml:2:10\n"
         "  note: '{{' in a value begins an expression of a template, which YAML cannot know\n" RENDER},
        {"meshes:\n%{ for m in meshes ~}\n- name: ${m}\n%{ endfor ~}\n",
         "error: the file is not YAML\n  where: v.yaml:2:2\n"
         "  note: Unsupported directive; the line holds an expression of a template\n" RENDER},
    };
    static const row GOOD[] = {
        {"{\n\t\"meshes\": [\n\t\t{\"name\": \"m\", \"egress\": {}}\n\t]\n}\n",
         "mesh m, shipped, at 3:12\n0 proxies\n"
         "warning: the mesh 'm' enables no zone proxy: nothing is planned for it\n  where: v.yaml:3:12\n"
         "  help: set 'ingress.enabled' or 'egress.enabled' in its entry if it is to have one\n"},
        {"x: ${y}\nmeshes: [{name: m, ingress: {podSpec: {a: '{{ b }}'}, enabled: false}}]\n",
         "mesh m, shipped, at 2:17\n0 proxies\n"
         "warning: the mesh 'm' enables no zone proxy: nothing is planned for it\n  where: v.yaml:2:17\n"
         "  help: set 'ingress.enabled' or 'egress.enabled' in its entry if it is to have one\n"},
    };
    (void)state;
    REFUSE(ROWS);
    ACCEPT(GOOD); /* what is not read may hold anything */
}

static void test_wrong_types_say_what_was_expected_and_found(void **state)
{
#define QUOTES "  help: put it in quotes if the text is meant: YAML takes it for something else\n"
    static const row ROWS[] = {
        {"meshes: {m: 1}\n", "error: 'meshes' must be a list, and is a map\n  where: v.yaml:1:9\n"},
        {"meshes: m\n", "error: 'meshes' must be a list, and is the text 'm'\n  where: v.yaml:1:9\n"},
        {"meshes: [m]\n", "error: 'an entry of meshes' must be a map, and is the text 'm'\n  where: v.yaml:1:10\n"},
        {"meshes: [~]\n", "error: 'an entry of meshes' must be a map, and is nothing\n  where: v.yaml:1:10\n"},
        {"meshes: [{name: no}]\n",
         "error: 'name' must be a text, and is the truth value 'no'\n  where: v.yaml:1:17\n" QUOTES},
        {"meshes: [{name: 1e3}]\n",
         "error: 'name' must be a text, and is the number '1e3'\n  where: v.yaml:1:17\n" QUOTES},
        {"meshes: [{name: [m]}]\n", "error: 'name' must be a text, and is a list\n  where: v.yaml:1:17\n"},
        {"meshes: [{name: m, role: 3}]\n", "error: 'role' must be all, ingress, egress or separate, and is the number "
                                           "'3'\n  where: v.yaml:1:26\n" QUOTES},
        {"meshes: [{name: m, replicas: two}]\n",
         "error: 'replicas' must be a whole number up to 10000, and is the text 'two'\n  where: v.yaml:1:30\n"},
        {"meshes: [{name: m, replicas: -1}]\n",
         "error: 'replicas' must be a whole number up to 10000, and is '-1'\n  where: v.yaml:1:30\n"},
        {"meshes: [{name: m, replicas: 10001}]\n",
         "error: 'replicas' must be a whole number up to 10000, and is '10001'\n  where: v.yaml:1:30\n"},
        {"meshes: [{name: m, replicas: 1.5}]\n",
         "error: 'replicas' must be a whole number up to 10000, and is '1.5'\n  where: v.yaml:1:30\n"},
        {"meshes: [{name: m, advertisedPort: 65536}]\n",
         "error: 'advertisedPort' must be a whole number up to 65535, and is '65536'\n  where: v.yaml:1:36\n"},
        {"meshes: [{name: m, advertisedAddress: a, advertisedPort: 0}]\n",
         "error: 'advertisedPort' must be a port from 1 to 65535, and is 0\n  where: v.yaml:1:58\n"},
        {"meshes: [{name: m, namespace: 0x1f}]\n",
         "error: 'namespace' must be a text, and is the number '0x1f'\n  where: v.yaml:1:31\n" QUOTES},
        {"meshes: [{name: m, ingress: true}]\n", "error: 'ingress' must be a map, and is the truth value 'true'\n"
                                                 "  where: v.yaml:1:29\n" QUOTES},
        {"meshes: [{name: m, egress: {enabled: 'false'}}]\n",
         "error: 'egress.enabled' must be true or false, and is the text 'false'\n  where: v.yaml:1:38\n"},
        {"meshes: [{name: m, egress: {enabled: 1}}]\n",
         "error: 'egress.enabled' must be true or false, and is the number '1'\n  where: v.yaml:1:38\n" QUOTES},
        {"meshes: [{name: m, combinedProxies: {service: x}}]\n",
         "error: 'combinedProxies.service' must be a map, and is the text 'x'\n  where: v.yaml:1:47\n"},
        {"meshes: [{name: m, ingress: {deployment: {replicas: []}}}]\n",
         "error: 'ingress.deployment.replicas' must be a whole number up to 10000, and is a list\n"
         "  where: v.yaml:1:53\n"},
        {"meshes: [{name: m, annotations: {kuma.io/ingress-public-address: 5}}]\n",
         "error: 'kuma.io/ingress-public-address' must be a text, and is the number '5'\n"
         "  where: v.yaml:1:66\n" QUOTES},
        {"meshes: [{name: m, annotations: {kuma.io/ingress-public-address: a, kuma.io/ingress-public-port: x}}]\n",
         "error: 'kuma.io/ingress-public-port' must be a port from 1 to 65535, and is the text 'x'\n"
         "  where: v.yaml:1:98\n"},
        {"controlPlane: zone\n" M,
         "error: 'controlPlane' must be a map, and is the text 'zone'\n  where: v.yaml:1:15\n"},
        {"controlPlane: {zone: 1}\n" M,
         "error: 'controlPlane.zone' must be a text, and is the number '1'\n  where: v.yaml:1:22\n" QUOTES},
        {"nameOverride: [x]\n" M, "error: 'nameOverride' must be a text, and is a list\n  where: v.yaml:1:15\n"},
    };
    (void)state;
    REFUSE(ROWS);
}

static void test_a_number_is_what_yaml_takes_for_one(void **state)
{
    static const char *const NUMBERS[] = {"1", "-1", "+1", "1.5", ".5", "5.", "1e3", "1.5E-7", "1_000", "0x1F", "0o17"};
    static const char *const TEXTS[] = {"a1", "1a", "1-2", "10.0.0.1", "1e", "0x", "0o9z", "e1"};
    char values[64];
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(NUMBERS) + XG_ARRAY_LEN(TEXTS); i++) {
        bool is_number = i < XG_ARRAY_LEN(NUMBERS);
        (void)snprintf(values, sizeof(values), "controlPlane: {zone: %s}\n" M,
                       is_number ? NUMBERS[i] : TEXTS[i - XG_ARRAY_LEN(NUMBERS)]);
        xg_manifest_plan *plan = plan_of(xg_str_of(values));
        assert_int_equal(plan->troubles.total, is_number ? 1 : 0);
        assert_true(!is_number || strstr(plan->troubles.items[0].summary, "is the number") != NULL);
        xg_manifest_plan_free(plan);
    }
}

static void test_entries_that_say_too_little_or_too_much(void **state)
{
#define NAME "  help: give the name of the mesh: '- name: default'\n"
    static const row ROWS[] = {
        {"a: 1\n", "error: the file has no 'meshes' list\n  where: v.yaml:1:1\n"
                   "  help: write 'meshes: [{name: default, role: separate}]', or give the file that has it\n"},
        {"a: 1\nmeshs: []\n", "error: the file has no 'meshes' list\n  where: v.yaml:2:1\n"
                              "  help: did you mean 'meshes' by 'meshs'?\n"},
        {"meshes:\n- role: all\n", "error: this entry has no 'name'\n  where: v.yaml:2:3\n" NAME},
        {"meshes:\n- {name: '', role: all}\n", "error: 'name' is empty\n  where: v.yaml:2:10\n" NAME},
        {"meshes:\n- {name: , role: all}\n", "error: 'name' is empty\n  where: v.yaml:2:4\n" NAME},
        {"meshes: [{name: m, role: al}]\n",
         "error: unknown role 'al'\n  where: v.yaml:1:26\n"
         "  note: the roles are all, ingress, egress and separate, which is one proxy of each\n"
         "  help: did you mean 'all'?\n"},
        {"meshes: [{name: m, role: ''}]\n",
         "error: unknown role ''\n  where: v.yaml:1:26\n"
         "  note: the roles are all, ingress, egress and separate, which is one proxy of each\n"},
        {"meshes: [{name: m, role: combined}]\n",
         "error: unknown role 'combined'\n  where: v.yaml:1:26\n"
         "  note: the roles are all, ingress, egress and separate, which is one proxy of each\n"},
        {"meshes:\n- name: m\n  replicas: 2\n  egress: {enabled: true}\n",
         "error: this entry has members of both shapes\n  where: v.yaml:2:3\n"
         "  note: 'replicas' at 3:13 is of {name, role, replicas, namespace}, 'egress' at 4:11 of the chart's {name, "
         "ingress, egress, combinedProxies}\n"
         "  help: write the entry in one of the two; entries of both may stand in one list\n"},
        {"meshes:\n- name: m\n  combinedProxies: {enabled: true}\n  egress: {enabled: true}\n",
         "error: 'combinedProxies' stands for ingress and egress in one proxy: it cannot be enabled beside either\n"
         "  where: v.yaml:3:30\n  note: 'egress.enabled' is enabled at 4:21\n"
         "  help: enable combinedProxies, or ingress and egress\n"},
        {"controlPlane: {mode: global}\n" M,
         "error: 'controlPlane.mode' is global: no zone proxy runs there\n  where: v.yaml:1:22\n"
         "  note: the chart refuses 'meshes' beside it\n  help: give the values of a zone\n"},
        {"controlPlane: {mode: zones}\n" M, "error: unknown 'controlPlane.mode' 'zones'\n  where: v.yaml:1:22\n"
                                            "  note: the modes are zone and global\n  help: did you mean 'zone'?\n"},
        {"kuma: {meshes: []}\nkong-mesh: {meshes: []}\n",
         "error: 'kuma' and 'kong-mesh' stand side by side\n  where: v.yaml:2:12\n  note: 'kuma' is at 1:7\n"
         "  help: give a file that has the values of one of them\n"},
        /* All of a file's troubles in one run. */
        {"controlPlane: {mode: global}\nmeshes:\n- role: x\n- {name: a.b, replicas: x}\n",
         "error: 'controlPlane.mode' is global: no zone proxy runs there\n  where: v.yaml:1:22\n"
         "  note: the chart refuses 'meshes' beside it\n  help: give the values of a zone\n"
         "error: this entry has no 'name'\n  where: v.yaml:3:3\n" NAME "error: unknown role 'x'\n  where: v.yaml:3:9\n"
         "  note: the roles are all, ingress, egress and separate, which is one proxy of each\n"
         "error: 'replicas' must be a whole number up to 10000, and is the text 'x'\n  where: v.yaml:4:25\n"
         "error: the mesh name 'a.b' cannot stand in the name of a workload\n  where: v.yaml:4:10\n"
         "  note: 'kuma.io/workload' takes letters in lower case, digits and '-', beginning with a letter and ending "
         "with a letter or digit (DNS-1035)\n"
         "  help: mint this mesh's tokens one by one, bound to the proxy's name: mint dataplane --name\n"},
    };
    (void)state;
    REFUSE(ROWS);
}

#define PROXY(role)                                                                                                    \
    "  " role " zone-proxy-m-" role "\n    namespace kuma-system, replicas 1, at 1:17\n"                               \
    "    service kuma-m-zoneproxy, in the chart the same\n"
#define NOWHERE "    address <>, advertised <> 0, ports 10001 10002\n"

static void test_both_shapes_say_the_same(void **state)
{
    static const row ROWS[] = {
        {"meshes: [{name: m}]", "mesh m, draft, at 1:17\n" PROXY("all") NOWHERE "1 proxies\n"},
        {"meshes: [{name: m, role: all}]", "mesh m, draft, at 1:17\n" PROXY("all") NOWHERE "1 proxies\n"},
        {"meshes: [{name: m, role: ~}]", "mesh m, draft, at 1:17\n" PROXY("all") NOWHERE "1 proxies\n"},
        {"meshes: [{name: m, combinedProxies: {enabled: true}}]",
         "mesh m, shipped, at 1:17\n" PROXY("all") NOWHERE "1 proxies\n"},
        {"meshes: [{name: m, role: ingress}]", "mesh m, draft, at 1:17\n" PROXY("ingress") NOWHERE "1 proxies\n"},
        {"meshes: [{name: m, role: egress}]", "mesh m, draft, at 1:17\n" PROXY("egress") NOWHERE "1 proxies\n"},
        {"meshes: [{name: m, role: separate}]",
         "mesh m, draft, at 1:17\n" PROXY("ingress") NOWHERE PROXY("egress") NOWHERE "2 proxies\n"},
        {"meshes: []", "0 proxies\n"},
    };
    (void)state;
    ACCEPT(ROWS);
}

/* A bare entry is of the draft, unless all others are of the chart. */
static void test_a_bare_entry_follows_the_file(void **state)
{
    static const struct {
        const char *values;
        size_t num_proxies;
    } ROWS[] = {
        {"meshes: [{name: a}, {name: b}]", 2},
        {"meshes: [{name: a}, {name: b, role: egress}]", 2},
        {"meshes: [{name: a}, {name: b, egress: {enabled: true}}]", 1},
        {"meshes: [{name: a}, {name: b, egress: {enabled: true}}, {name: c, replicas: 1}]", 3},
    };
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        xg_manifest_plan *plan = plan_of(xg_str_of(ROWS[i].values));
        assert_int_equal(plan->troubles.total, 0);
        assert_int_equal(plan->num_proxies, ROWS[i].num_proxies);
        xg_manifest_plan_free(plan);
    }
}

static void test_where_an_ingress_is_reached(void **state)
{
    static const row ROWS[] = {
        {"meshes: [{name: m, advertisedAddress: a.b, advertisedPort: 7}]",
         "mesh m, draft, at 1:17\n" PROXY("all") "    address <>, advertised <a.b> 7, ports 10001 10002\n1 proxies\n"},
        {"meshes: [{name: m, labels: {kuma.io/ingress-public-address: a.b, kuma.io/ingress-public-port: 7}}]",
         "mesh m, draft, at 1:17\n" PROXY(
             "all") "    address <>, advertised <a.b> 7, ports 10001 10002\n1 proxies\n"
                    "warning: 'kuma.io/ingress-public-address' is deprecated, and taken as 'advertisedAddress'\n"
                    "  where: v.yaml:1:61\n"
                    "  help: write 'advertisedAddress' and 'advertisedPort' in the mesh's entry instead\n"},
        {"meshes: [{name: m, advertisedAddress: x, podAnnotations: {kuma.io/ingress-public-address: a.b}}]",
         "mesh m, draft, at 1:17\n" PROXY(
             "all") "    address <>, advertised <x> 10001, ports 10001 10002\n1 proxies\n"
                    "warning: 'kuma.io/ingress-public-address' is deprecated, and left aside for 'advertisedAddress'\n"
                    "  where: v.yaml:1:91\n"
                    "  help: write 'advertisedAddress' and 'advertisedPort' in the mesh's entry instead\n"},
    };
    (void)state;
    ACCEPT(ROWS);
}

static void test_what_nobody_knows_is_warned_about(void **state)
{
    static const row ROWS[] = {
        {"meshes: [{name: m, Role: egress, aMemberThatIsLongerThanAnyKnownWord: red}]",
         "mesh m, draft, at 1:17\n" PROXY("all") NOWHERE
         "1 proxies\n"
         "warning: unknown member 'Role' of an entry of meshes\n  where: v.yaml:1:20\n  help: did you mean 'role'?\n"
         "warning: unknown member 'aMemberThatIsLongerThanAnyKnownWord' of an entry of meshes\n  where: v.yaml:1:34\n"},
        {"meshes: [{name: m, combinedProxies: {enabled: true, service: {namee: x}, deployment: {replica: 2}}}]",
         "mesh m, shipped, at 1:17\n" PROXY("all") NOWHERE
         "1 proxies\n"
         "warning: unknown member 'namee' of a service\n  where: v.yaml:1:63\n  help: did you mean 'name'?\n"
         "warning: unknown member 'replica' of a deployment\n  where: v.yaml:1:87\n  help: did you mean 'replicas'?\n"},
        /* What the chart knows beside is taken in silence. */
        {"meshes: [{name: m, createMesh: true, createPolicies: [x], combinedProxies: {enabled: true, podSpec: {}, hpa: "
         "{}, pdb: {}, resources: {}, image: {}, restartPolicy: Always, terminationGracePeriodSeconds: 5, "
         "automountServiceAccountToken: true, imagePullPolicy: Always, serviceAccountAnnotations: {}}}]",
         "mesh m, shipped, at 1:17\n" PROXY("all") NOWHERE "1 proxies\n"},
    };
    (void)state;
    ACCEPT(ROWS);
}

int main(void)
{
    static const struct CMUnitTest TESTS[] = {
        cmocka_unit_test(test_yaml_errors_have_line_and_column),
        cmocka_unit_test(test_aliases_and_merges_are_bounded),
        cmocka_unit_test(test_depth_anchors_values_and_length_are_bounded),
        cmocka_unit_test(test_a_template_that_was_not_rendered_is_told),
        cmocka_unit_test(test_wrong_types_say_what_was_expected_and_found),
        cmocka_unit_test(test_a_number_is_what_yaml_takes_for_one),
        cmocka_unit_test(test_entries_that_say_too_little_or_too_much),
        cmocka_unit_test(test_both_shapes_say_the_same),
        cmocka_unit_test(test_a_bare_entry_follows_the_file),
        cmocka_unit_test(test_where_an_ingress_is_reached),
        cmocka_unit_test(test_what_nobody_knows_is_warned_about),
    };
    return cmocka_run_group_tests_name("values", TESTS, NULL, NULL);
}
