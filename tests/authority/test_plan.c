/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_plan.c: from a deployment's values to its zone proxies: whole files of the four flows against their plans, and
 * every name that is too long, that two would share, or that cannot be. One thread.
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

static char *read_file(const char *name, const char *ending)
{
    char path[512];
    char *text = calloc(1, 65536);
    (void)snprintf(path, sizeof(path), "%s/authority/manifest/%s%s", getenv("XG_TESTS"), name, ending);
    FILE *file = fopen(path, "r");
    if (file == NULL || text == NULL) {
        fail_msg("%s cannot be read", path);
        abort();
    }
    assert_true(fread(text, 1, 65535, file) > 0);
    fclose(file);
    return text;
}

/* The word behind " <key>=" in the options line of a values file. */
static xg_str option(const char *line, const char *key)
{
    char wanted[64];
    (void)snprintf(wanted, sizeof(wanted), " %s=", key);
    const char *found = line == NULL ? NULL : strstr(line, wanted);
    if (found == NULL || found > line + strcspn(line, "\n")) {
        return (xg_str){NULL, 0};
    }
    found += strlen(wanted);
    return (xg_str){found, strcspn(found, " \n")};
}

static void check_flow(const char *name)
{
    char *values = read_file(name, ".yaml");
    char *expected = read_file(name, ".txt");
    const char *line = strstr(values, "# options:");
    uint64_t port = 0;
    xg_manifest_options options = {.file = "values.yaml",
                                   .release = option(line, "release"),
                                   .address = option(line, "address"),
                                   .advertised_address = option(line, "advertised"),
                                   .wants_dataplanes = line != NULL && strstr(line, " dataplanes ") != NULL};
    (void)xg_str_to_u64(option(line, "advertised-port"), 65535, &port);
    options.advertised_port = (uint16_t)port;
    xg_manifest_plan *plan = xg_manifest_plan_new(xg_str_of(values), &options);
    assert_non_null(plan);
    char *found = manifest_dump_plan(plan);
    const char *body = strchr(expected, '\n') + 1; /* behind the licence line */
    if (strcmp(found, body) != 0) {
        fprintf(stderr, "%s.yaml:\n%s", name, found); /* cmocka would cut it */
        fail_msg("the plan of %s.yaml is another", name);
    }
    free(found);
    xg_manifest_plan_free(plan);
    free(values);
    free(expected);
}

static void test_each_flow_has_its_plan(void **state)
{
    static const char *const FLOWS[] = {"konnect", "helm", "unfederated", "terraform", "kong-mesh"};
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(FLOWS); i++) {
        check_flow(FLOWS[i]);
    }
}

static xg_manifest_plan *plan_of(const char *values, const xg_manifest_options *options)
{
    xg_manifest_options plain = {.file = "v.yaml"};
    xg_manifest_plan *plan = xg_manifest_plan_new(xg_str_of(values), options == NULL ? &plain : options);
    assert_non_null(plan);
    return plan;
}

/* Refused, with exactly these reports and no proxy. */
static void refuse(const char *values, const xg_manifest_options *options, const char *expected)
{
    xg_manifest_plan *plan = plan_of(values, options);
    char *found = manifest_dump_reports(&plan->troubles, "error");
    if (strcmp(found, expected) != 0) {
        fail_msg("%s\nfound\n%s\nand expected\n%s", values, found, expected);
    }
    assert_true(plan->troubles.total > 0);
    assert_int_equal(plan->num_proxies, 0);
    assert_int_equal(plan->num_meshes, 0);
    free(found);
    xg_manifest_plan_free(plan);
}

static void accept(const char *values, const xg_manifest_options *options, size_t num_proxies)
{
    xg_manifest_plan *plan = plan_of(values, options);
    if (plan->troubles.total > 0) {
        fail_msg("%s\nis refused: %s", values, plan->troubles.items[0].summary);
    }
    assert_int_equal(plan->num_proxies, num_proxies);
    xg_manifest_plan_free(plan);
}

/* A name of len letters: a, then b, with a last letter of its own. */
static const char *name_of(size_t len, char last)
{
    static char names[4][128];
    static size_t turn = 0;
    char *name = names[turn++ % 4];
    memset(name, 'b', len);
    name[0] = 'a';
    name[len - 1] = last;
    name[len] = '\0';
    return name;
}

#define B20 "bbbbbbbbbbbbbbbbbbbb"
#define L50 B20 "." B20 ".bbbbbbb." /* labels, with their dots */

static void test_a_workload_of_63_characters_is_the_longest(void **state)
{
    static const struct {
        const char *role;
        size_t longest;
        size_t num_proxies;
        const char *whole;
        const char *cut;
    } ROWS[] = {
        {"all", 48, 1, "zone-proxy-a" B20 B20 "bbbbbbbz-all", "zone-proxy-a" B20 B20 "bbbbbbbz-al"},
        {"ingress", 44, 1, "zone-proxy-a" B20 B20 "bbbz-ingress", "zone-proxy-a" B20 B20 "bbbz-ingres"},
        {"egress", 45, 1, "zone-proxy-a" B20 B20 "bbbbz-egress", "zone-proxy-a" B20 B20 "bbbbz-egres"},
    };
    xg_manifest_options options = {.file = "v.yaml", .release = XG_STR("k")};
    char values[256];
    char expected[1024];
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        (void)snprintf(values, sizeof(values), "meshes: [{name: %s, role: %s}]", name_of(ROWS[i].longest, 'z'),
                       ROWS[i].role);
        accept(values, &options, ROWS[i].num_proxies);
        (void)snprintf(values, sizeof(values), "meshes: [{name: %s, role: %s}]", name_of(ROWS[i].longest + 1, 'z'),
                       ROWS[i].role);
        (void)snprintf(expected, sizeof(expected),
                       "error: the workload name '%s' has 64 characters, and 63 are allowed\n"
                       "  where: v.yaml:1:17\n"
                       "  note: cut, it would be '%s', which other meshes could have too\n"
                       "  help: a mesh with a proxy of role %s has at most %zu characters in its name\n",
                       ROWS[i].whole, ROWS[i].cut, ROWS[i].role, ROWS[i].longest);
        refuse(values, &options, expected);
    }
}

static void test_separate_and_combined_have_the_bounds_of_their_roles(void **state)
{
    xg_manifest_options options = {.file = "v.yaml", .release = XG_STR("k")};
    char values[256];
    (void)state;
    (void)snprintf(values, sizeof(values), "meshes: [{name: %s, role: separate}]", name_of(44, 'z'));
    accept(values, &options, 2);
    (void)snprintf(values, sizeof(values), "meshes: [{name: %s, combinedProxies: {enabled: true}}]", name_of(48, 'z'));
    accept(values, &options, 1);
    (void)snprintf(values, sizeof(values), "meshes: [{name: %s, role: separate}]", name_of(45, 'z'));
    refuse(values, &options,
           "error: the workload name 'zone-proxy-a" B20 B20 "bbbz-ingress' has 64 characters, and 63 are allowed\n"
           "  where: v.yaml:1:17\n"
           "  note: cut, it would be 'zone-proxy-a" B20 B20 "bbbz-ingres', which other meshes could have too\n"
           "  help: a mesh with a proxy of role ingress has at most 44 characters in its name\n");
    (void)snprintf(values, sizeof(values), "meshes: [{name: %s, combinedProxies: {enabled: true}}]", name_of(49, 'z'));
    xg_manifest_plan *plan = plan_of(values, &options);
    assert_int_equal(plan->troubles.total, 1);
    xg_manifest_plan_free(plan);
}

/* release-<10 letters>-zoneproxy: the release fills up what is left. */
static void test_a_service_name_of_63_characters_is_the_longest(void **state)
{
    xg_manifest_options options = {.file = "v.yaml"};
    (void)state;
    options.release = xg_str_of(name_of(42, 'z'));
    accept("meshes: [{name: aaaaaaaaaa}]", &options, 1);
    options.release = xg_str_of(name_of(43, 'z'));
    refuse("meshes: [{name: aaaaaaaaaa}]", &options,
           "error: the Service name 'a" B20 B20 "bz-aaaaaaaaaa-zoneproxy' has 64 characters, and 63 are allowed\n"
           "  where: v.yaml:1:17\n"
           "  note: Helm would cut it to 'a" B20 B20 "bz-aaaaaaaaaa-zoneprox' without a word\n"
           "  help: give the mesh or the release a shorter name, or set 'service.name'\n");
    refuse("meshes: [{name: aaaaaaaaaa, role: separate}]", &options,
           "error: the Service name 'a" B20 B20 "bz-aaaaaaaaaa-zoneproxy' has 64 characters, and 63 are allowed\n"
           "  where: v.yaml:1:17\n"
           "  note: Helm would cut it to 'a" B20 B20 "bz-aaaaaaaaaa-zoneprox' without a word\n"
           "  help: give the mesh or the release a shorter name, or set 'service.name'\n");
    accept("meshes: [{name: aaaaaaaaaa, egress: {enabled: true, service: {name: short}}}]", &options, 1);
    options.release = XG_STR("k");
    accept("meshes: [{name: m, egress: {enabled: true, service: {name: a" B20 B20 B20 "bz}}}]", &options, 1);
    refuse("meshes: [{name: m, egress: {enabled: true, service: {name: a" B20 B20 B20 "bbz}}}]", &options,
           "error: the Service name 'a" B20 B20 B20 "bbz' has 64 characters, and 63 are allowed\n"
           "  where: v.yaml:1:60\n"
           "  note: Helm would cut it to 'a" B20 B20 B20 "bb' without a word\n"
           "  help: give the mesh or the release a shorter name, or set 'service.name'\n");
}

/* nameOverride begins the names that the chart makes. */
static void test_the_charts_own_names_are_bounded_too(void **state)
{
    (void)state;
    accept("nameOverride: a" B20 B20 "bbbbbbbbbbbz\nmeshes: [{name: m, ingress: {enabled: true}}]", NULL, 1);
    refuse("nameOverride: a" B20 B20 "bbbbbbbbbbbbz\nmeshes: [{name: m, ingress: {enabled: true}}]", NULL,
           "error: the Service name 'a" B20 B20 "bbbbbbbbbbbbz-m-ingress' has 64 characters, and 63 are allowed\n"
           "  where: v.yaml:2:17\n"
           "  note: Helm would cut it to 'a" B20 B20 "bbbbbbbbbbbbz-m-ingres' without a word\n"
           "  help: give the mesh or the release a shorter name, or set 'service.name'\n");
    accept("nameOverride: a" B20 B20 "bbbbbbbbbbbbz\nmeshes: [{name: m, combinedProxies: {enabled: true}}]", NULL, 1);
}

static void test_names_that_helm_would_cut_into_one_are_both_shown(void **state)
{
    xg_manifest_options options = {.file = "v.yaml", .release = XG_STR("a" B20 B20 "bbbbz")};
    (void)state;
    /* 46 + 17 characters, and then the first that differs. */
    refuse("meshes:\n- name: mesh-of-the-east\n- name: mesh-of-the-east-two\n- name: other\n", &options,
           "error: two Services would both be named 'a" B20 B20 "bbbbz-mesh-of-the-east'\n"
           "  where: v.yaml:3:9\n"
           "  note: the one asked for at 2:9 is 'a" B20 B20 "bbbbz-mesh-of-the-east-zoneproxy' (73 long); the one "
           "at 3:9 is 'a" B20 B20 "bbbbz-mesh-of-the-east-two-zoneproxy' (77 long); Helm cuts names at 63\n"
           "  help: give one of them a 'service.name' of its own, or one of the meshes a shorter name\n");
    /* In two namespaces they do not meet, yet each is too long. */
    xg_manifest_plan *plan = plan_of("meshes:\n- {name: mesh-of-the-east, namespace: a}\n"
                                     "- {name: mesh-of-the-east-two, namespace: b}\n",
                                     &options);
    assert_int_equal(plan->troubles.total, 2);
    assert_non_null(strstr(plan->troubles.items[0].summary, "has 73 characters, and 63 are allowed"));
    assert_non_null(strstr(plan->troubles.items[1].summary, "has 77 characters, and 63 are allowed"));
    xg_manifest_plan_free(plan);
}

/* Ingress and egress of one mesh: the chart's helper leaves nothing of what tells them apart. */
static void test_the_two_proxies_of_one_mesh_may_not_share_a_name(void **state)
{
    (void)state;
    refuse("nameOverride: a" B20 B20 B20 "z\nmeshes:\n- {name: m, ingress: {enabled: true}, egress: {enabled: on}}\n",
           NULL,
           "error: two Services would both be named 'a" B20 B20 B20 "z'\n"
           "  where: v.yaml:3:10\n"
           "  note: the one asked for at 3:10 is 'a" B20 B20 B20 "z-m-egress' (71 long); the one at 3:10 is "
           "'a" B20 B20 B20 "z-m-ingress' (72 long); Helm cuts names at 63\n"
           "  help: give one of them a 'service.name' of its own, or one of the meshes a shorter name\n");
    refuse("meshes:\n- name: m\n  ingress: {enabled: true, service: {name: x}}\n"
           "  egress: {enabled: true, service: {name: x}}\n",
           NULL,
           "error: two Services would both be named 'x'\n"
           "  where: v.yaml:4:43\n"
           "  note: the one asked for at 3:44 is 'x' (1 long); the one at 4:43 is 'x' (1 long)\n"
           "  help: give one of them a 'service.name' of its own, or one of the meshes a shorter name\n");
    refuse(
        "meshes:\n- name: m\n  ingress: {enabled: true, service: {name: kuma-n-zoneproxy}}\n- {name: n, role: all}\n",
        NULL,
        "error: two Services would both be named 'kuma-n-zoneproxy'\n"
        "  where: v.yaml:4:10\n"
        "  note: the one asked for at 3:44 is 'kuma-n-zoneproxy' (16 long); the one at 4:10 is "
        "'kuma-n-zoneproxy' (16 long)\n"
        "  help: give one of them a 'service.name' of its own, or one of the meshes a shorter name\n");
    accept("meshes:\n- name: m\n  ingress: {enabled: true, service: {name: kuma-n-zoneproxy}}\n"
           "- {name: n, role: all, namespace: other}\n",
           NULL, 2);
}

static void test_a_mesh_stands_once(void **state)
{
    (void)state;
    refuse("meshes:\n- name: a\n- name: b\n- name: a\n- name: a\n", NULL,
           "error: the mesh 'a' stands twice in 'meshes'\n"
           "  where: v.yaml:4:9\n"
           "  note: it stands first at 2:9\n"
           "  help: make one entry of the two\n"
           "error: the mesh 'a' stands twice in 'meshes'\n"
           "  where: v.yaml:5:9\n"
           "  note: it stands first at 4:9\n"
           "  help: make one entry of the two\n");
    accept("meshes:\n- name: a\n- name: b\n- name: aa\n", NULL, 3);
}

static void test_a_mesh_name_can_stand_in_a_workload(void **state)
{
    static const char *const BAD[] = {"a.b", "a_b", "A", "1a", "-a", "a-", "a b", "a/b", "\xc3\xa9"};
    static const char *const GOOD[] = {"a", "a1", "a--b", "z9-z"};
    char values[128];
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(BAD); i++) {
        (void)snprintf(values, sizeof(values), "meshes: [{name: \"%s\", role: separate}]", BAD[i]);
        xg_manifest_plan *plan = plan_of(values, NULL);
        assert_int_equal(plan->troubles.total, 1);
        assert_string_equal(plan->troubles.items[0].where, "v.yaml:1:17");
        assert_non_null(strstr(plan->troubles.items[0].summary, "cannot stand in the name of a workload"));
        xg_manifest_plan_free(plan);
    }
    for (size_t i = 0; i < XG_ARRAY_LEN(GOOD); i++) {
        (void)snprintf(values, sizeof(values), "meshes: [{name: \"%s\", role: separate}]", GOOD[i]);
        accept(values, NULL, 2);
    }
    refuse("meshes: [{name: a.b}]", NULL,
           "error: the mesh name 'a.b' cannot stand in the name of a workload\n"
           "  where: v.yaml:1:17\n"
           "  note: 'kuma.io/workload' takes letters in lower case, digits and '-', beginning with a letter and ending "
           "with a letter or digit (DNS-1035)\n"
           "  help: mint this mesh's tokens one by one, bound to the proxy's name: mint dataplane --name\n");
}

static void test_texts_of_an_entry_are_what_they_are_to_be(void **state)
{
    static const struct {
        const char *values;
        const char *expected;
    } ROWS[] = {
        {"meshes: [{name: a, namespace: Kuma}]",
         "error: the namespace 'Kuma' is no DNS label: letters in lower case, digits and '-', at most 63\n"
         "  where: v.yaml:1:31\n"},
        {"meshes: [{name: a, namespace: a" B20 B20 B20 "bbb}]",
         "error: the namespace 'a" B20 B20 B20 "bbb' is no DNS label: letters in lower case, digits and '-', at most "
         "63\n  where: v.yaml:1:31\n"},
        {"meshes: [{name: a, address: 0.0.0.0}]",
         "error: the address '0.0.0.0' is neither an IP address that can be reached nor a DNS name\n"
         "  where: v.yaml:1:29\n"},
        {"meshes: [{name: a, address: 10.0.0.256}]",
         "error: the address '10.0.0.256' is neither an IP address that can be reached nor a DNS name\n"
         "  where: v.yaml:1:29\n"},
        {"meshes: [{name: a, address: '::'}]",
         "error: the address '::' is neither an IP address that can be reached nor a DNS name\n"
         "  where: v.yaml:1:29\n"},
        {"meshes: [{name: a, address: 'a..b'}]",
         "error: the address 'a..b' is neither an IP address that can be reached nor a DNS name\n"
         "  where: v.yaml:1:29\n"},
        {"meshes: [{name: a, address: a" B20 B20 B20 "bbb.z}]",
         "error: the address 'a" B20 B20 B20 "bbb.z' is neither an IP address that can be reached nor a DNS name\n"
         "  where: v.yaml:1:29\n"},
        {"meshes: [{name: a, advertisedAddress: 'a.'}]",
         "error: the advertised address 'a.' is neither an IP address that can be reached nor a DNS name\n"
         "  where: v.yaml:1:39\n"},
        {"meshes: [{name: a, advertisedAddress: 'http://a'}]",
         "error: the advertised address 'http://a' is neither an IP address that can be reached nor a DNS name\n"
         "  where: v.yaml:1:39\n"},
        {"meshes: [{name: a, advertisedPort: 5}]",
         "error: 'advertisedPort' stands without an advertised address\n"
         "  where: v.yaml:1:36\n"
         "  help: write 'advertisedAddress' beside it, or give one for all on the command line\n"},
        {"meshes: [{name: a, ingress: {enabled: true, service: {name: A}}}]",
         "error: the Service name 'A' is no DNS label: letters in lower case, digits and '-', beginning with a "
         "letter\n  where: v.yaml:1:61\n"},
        {"nameOverride: a.b\nmeshes: [{name: a}]",
         "error: 'nameOverride' 'a.b' is no DNS label: letters in lower case, digits and '-', beginning with a "
         "letter\n  where: v.yaml:1:15\n"},
    };
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        refuse(ROWS[i].values, NULL, ROWS[i].expected);
    }
    accept("meshes: [{name: a, namespace: 1a, address: 10.0.0.255, advertisedAddress: a.b, advertisedPort: 5}]", NULL,
           1);
    accept("meshes: [{name: a, role: egress, advertisedPort: 5}]", NULL, 1);
    accept("meshes: [{name: a, address: a" B20 B20 B20 "bb." B20 B20 B20 "bbb.z}]", NULL, 1);
    /* 253 characters, and one more. */
    accept("meshes: [{name: a, address: " L50 L50 L50 L50 L50 "abc}]", NULL, 1);
    refuse("meshes: [{name: a, address: " L50 L50 L50 L50 L50 "abcd}]", NULL,
           "error: the address '" B20 "." B20 ".bbbbbbb.bbbbbbbb...bbb." B20 "." B20 ".bbbbbbb.abcd' is neither an IP "
           "address that can be reached nor a DNS name\n"
           "  where: v.yaml:1:29\n");
}

static void test_options_are_what_they_are_to_be(void **state)
{
    static const struct {
        xg_manifest_options options;
        const char *expected;
    } ROWS[] = {
        {{.release = XG_STR_INIT("A")},
         "error: the release 'A' is no DNS label: letters in lower case, digits and '-', beginning with a letter\n"},
        {{.space = XG_STR_INIT("a.b")},
         "error: the namespace 'a.b' is no DNS label: letters in lower case, digits and '-', at most 63\n"},
        {{.address = XG_STR_INIT("1.2.3")}, "error: the address '1.2.3' is neither an IP address nor a DNS name\n"},
        {{.advertised_address = XG_STR_INIT("a b")},
         "error: the advertised address 'a b' is neither an IP address nor a DNS name\n"},
        {{.ingress_port = 10002}, "error: the listeners of ingress and egress have one 'port'\n"},
    };
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        xg_manifest_options options = ROWS[i].options;
        options.file = "v.yaml";
        refuse("meshes: [{name: a}]", &options, ROWS[i].expected);
    }
    xg_manifest_plan *plan =
        plan_of("meshes: [{name: a}]", &(xg_manifest_options){.file = "v", .release = XG_STR("A")});
    assert_int_equal(plan->troubles.items[0].kind, XG_TROUBLE_INPUT);
    xg_manifest_plan_free(plan);
}

static void test_a_dataplane_needs_an_address(void **state)
{
    xg_manifest_options options = {.file = "v.yaml", .wants_dataplanes = true};
    (void)state;
    refuse("meshes:\n- {name: a, address: a.b}\n- name: b\n", &options,
           "error: the Dataplane of mesh 'b' has no address\n"
           "  where: v.yaml:3:9\n"
           "  help: write 'address' into the mesh's entry, or give one for all on the command line\n");
    refuse("meshes:\n- {name: b, role: separate}\n- name: c\n", &options,
           "error: the Dataplane of mesh 'b' has no address\n"
           "  where: v.yaml:2:10\n"
           "  note: so have 2 others\n"
           "  help: write 'address' into the mesh's entry, or give one for all on the command line\n");
    options.address = XG_STR("10.0.0.1");
    accept("meshes:\n- {name: b, role: separate}\n- name: c\n", &options, 3);
}

static void test_a_zone_is_federated_when_all_three_say_so(void **state)
{
    static const struct {
        const char *values;
        bool is_federated;
    } ROWS[] = {
        {"controlPlane: {mode: zone, zone: east, kdsGlobalAddress: 'grpcs://g:5685'}", true},
        {"controlPlane: {zone: east, kdsGlobalAddress: 'grpcs://g:5685'}", true},
        {"controlPlane: {mode: zone, kdsGlobalAddress: 'grpcs://g:5685'}", false},
        {"controlPlane: {mode: zone, zone: east}", false},
        {"controlPlane: {mode: zone, zone: east, kdsGlobalAddress: ''}", false},
        {"controlPlane: {mode: zone, zone: '', kdsGlobalAddress: 'grpcs://g:5685'}", false},
        {"controlPlane:", false},
    };
    char values[256];
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        (void)snprintf(values, sizeof(values), "%s\nmeshes: [{name: a}]", ROWS[i].values);
        xg_manifest_plan *plan = plan_of(values, NULL);
        assert_int_equal(plan->troubles.total, 0);
        assert_int_equal(plan->is_federated, ROWS[i].is_federated);
        xg_manifest_plan_free(plan);
    }
}

/* A values file of num meshes, each entry printed from format. */
static char *many(size_t num, const char *head, const char *format)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (out == NULL) {
        abort();
    }
    fputs(head, out);
    for (size_t i = 0; i < num; i++) {
        for (const char *c = format; *c != '\0'; c++) {
            if (*c == '#') {
                fprintf(out, "%06zu", i);
            } else {
                fputc(*c, out);
            }
        }
    }
    fclose(out);
    return text;
}

static void test_a_hundred_thousand_meshes_are_planned_and_no_more(void **state)
{
    (void)state;
    if (getenv("XG_VALGRIND_PRELOAD") == NULL) { /* minutes there, and nothing that the smaller file does not reach */
        char *full = many(100000, "meshes:\n", "- {name: m-#, role: separate}\n");
        accept(full, NULL, 200000);
        free(full);
        full = many(100001, "meshes:\n", "- {name: m-#}\n");
        refuse(full, NULL, "error: there are more than 100000 meshes\n  where: v.yaml:2:1\n");
        free(full);
    }
    char *values = many(2000, "meshes:\n", "- {name: m-#, ingress: {enabled: true}, egress: {enabled: true}}\n");
    accept(values, NULL, 4000);
    free(values);
}

static void test_twenty_reports_are_shown_and_the_rest_is_counted(void **state)
{
    (void)state;
    char *values = many(1000, "meshes:\n", "- {name: same}\n");
    xg_manifest_plan *plan = plan_of(values, NULL);
    assert_int_equal(plan->troubles.num, XG_MANIFEST_REPORTS_MAX);
    assert_int_equal(plan->troubles.total, 999);
    assert_string_equal(plan->troubles.items[0].where, "v.yaml:3:10");
    assert_string_equal(plan->troubles.items[19].where, "v.yaml:22:10");
    char *found = manifest_dump_reports(&plan->troubles, "error");
    assert_non_null(strstr(found, "\nand 979 more\n"));
    free(found);
    xg_manifest_plan_free(plan);
    free(values);
    values = many(21, "meshes:\n", "- {name: m-#, colour: red}\n");
    plan = plan_of(values, NULL);
    assert_int_equal(plan->warnings.num, XG_MANIFEST_REPORTS_MAX);
    assert_int_equal(plan->warnings.total, 21);
    assert_int_equal(plan->num_proxies, 21);
    xg_manifest_plan_free(plan);
    free(values);
}

int main(void)
{
    static const struct CMUnitTest TESTS[] = {
        cmocka_unit_test(test_each_flow_has_its_plan),
        cmocka_unit_test(test_a_workload_of_63_characters_is_the_longest),
        cmocka_unit_test(test_separate_and_combined_have_the_bounds_of_their_roles),
        cmocka_unit_test(test_a_service_name_of_63_characters_is_the_longest),
        cmocka_unit_test(test_the_charts_own_names_are_bounded_too),
        cmocka_unit_test(test_names_that_helm_would_cut_into_one_are_both_shown),
        cmocka_unit_test(test_the_two_proxies_of_one_mesh_may_not_share_a_name),
        cmocka_unit_test(test_a_mesh_stands_once),
        cmocka_unit_test(test_a_mesh_name_can_stand_in_a_workload),
        cmocka_unit_test(test_texts_of_an_entry_are_what_they_are_to_be),
        cmocka_unit_test(test_options_are_what_they_are_to_be),
        cmocka_unit_test(test_a_dataplane_needs_an_address),
        cmocka_unit_test(test_a_zone_is_federated_when_all_three_say_so),
        cmocka_unit_test(test_a_hundred_thousand_meshes_are_planned_and_no_more),
        cmocka_unit_test(test_twenty_reports_are_shown_and_the_rest_is_counted),
    };
    return cmocka_run_group_tests_name("plan", TESTS, NULL, NULL);
}
