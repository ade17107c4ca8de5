/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_render.c: the texts of a zone proxy's files, byte for byte; that they are YAML which says what was meant; and
 * that nothing is left of a file that could not be written whole. One thread.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "xdsgate/manifest.h"
#include "yaml_input.h"

/* TEST TOKEN, NOT A SECRET */
static const char TOKEN[] = "eyJhbGciOiJSUzI1NiJ9.e30.AAAA";

static const xg_manifest_proxy ALL = {
    .mesh = XG_STR_INIT("m1"),
    .role = XG_MANIFEST_ALL,
    .workload = "zone-proxy-m1-all",
    .space = XG_STR_INIT("kuma-system"),
    .address = XG_STR_INIT("10.0.0.1"),
    .advertised_address = XG_STR_INIT("ingress.example.com"),
    .advertised_port = 30001,
    .ports = {10001, 10002},
};

static xg_manifest_proxy with_role(xg_manifest_role role, const char *workload)
{
    xg_manifest_proxy proxy = ALL;
    proxy.role = role;
    memset(proxy.workload, 0, sizeof(proxy.workload));
    memcpy(proxy.workload, workload, strlen(workload));
    return proxy;
}

static void test_a_dataplane_has_the_listeners_of_its_role(void **state)
{
    char storage[XG_MANIFEST_RENDER_SIZE];
    xg_text text;
    xg_manifest_proxy proxy = ALL;
    (void)state;
    xg_text_init(&text, storage, sizeof(storage));
    assert_true(xg_manifest_render_dataplane(&proxy, &text));
    assert_string_equal(storage, "type: Dataplane\n"
                                 "mesh: \"m1\"\n"
                                 "name: \"zone-proxy-m1-all\"\n"
                                 "labels:\n"
                                 "  kuma.io/proxy-type: zoneproxy\n"
                                 "  kuma.io/zone-proxy-role: \"all\"\n"
                                 "  kuma.io/workload: \"zone-proxy-m1-all\"\n"
                                 "networking:\n"
                                 "  address: \"10.0.0.1\"\n"
                                 "  advertisedAddress: \"ingress.example.com\"\n"
                                 "  advertisedPort: 30001\n"
                                 "  listeners:\n"
                                 "    - type: ZoneIngress\n"
                                 "      name: \"ingress\"\n"
                                 "      address: \"10.0.0.1\"\n"
                                 "      port: 10001\n"
                                 "    - type: ZoneEgress\n"
                                 "      name: \"egress\"\n"
                                 "      address: \"10.0.0.1\"\n"
                                 "      port: 10002\n");
    proxy = with_role(XG_MANIFEST_INGRESS, "zone-proxy-m1-ingress");
    proxy.advertised_address = (xg_str){NULL, 0};
    xg_text_init(&text, storage, sizeof(storage));
    assert_true(xg_manifest_render_dataplane(&proxy, &text));
    assert_string_equal(storage, "type: Dataplane\n"
                                 "mesh: \"m1\"\n"
                                 "name: \"zone-proxy-m1-ingress\"\n"
                                 "labels:\n"
                                 "  kuma.io/proxy-type: zoneproxy\n"
                                 "  kuma.io/zone-proxy-role: \"ingress\"\n"
                                 "  kuma.io/workload: \"zone-proxy-m1-ingress\"\n"
                                 "networking:\n"
                                 "  address: \"10.0.0.1\"\n"
                                 "  listeners:\n"
                                 "    - type: ZoneIngress\n"
                                 "      name: \"ingress\"\n"
                                 "      address: \"10.0.0.1\"\n"
                                 "      port: 10001\n");
    proxy = with_role(XG_MANIFEST_EGRESS, "zone-proxy-m1-egress");
    proxy.advertised_address = (xg_str){NULL, 0};
    xg_text_init(&text, storage, sizeof(storage));
    assert_true(xg_manifest_render_dataplane(&proxy, &text));
    assert_non_null(strstr(storage, "kuma.io/zone-proxy-role: \"egress\"\n"));
    assert_non_null(strstr(storage, "  listeners:\n    - type: ZoneEgress\n      name: \"egress\"\n"));
    assert_null(strstr(storage, "ZoneIngress"));
}

static void test_a_secret_holds_the_token_in_base64(void **state)
{
    char storage[XG_MANIFEST_RENDER_SIZE];
    xg_text text;
    (void)state;
    xg_text_init(&text, storage, sizeof(storage));
    assert_true(xg_manifest_render_secret(&ALL, xg_str_of(TOKEN), &text));
    assert_string_equal(storage, "apiVersion: v1\n"
                                 "kind: Secret\n"
                                 "metadata:\n"
                                 "  name: \"zone-proxy-m1-all-token\"\n"
                                 "  namespace: \"kuma-system\"\n"
                                 "  labels:\n"
                                 "    kuma.io/mesh: \"m1\"\n"
                                 "type: Opaque\n"
                                 "data:\n"
                                 "  token: ZXlKaGJHY2lPaUpTVXpJMU5pSjkuZTMwLkFBQUE=\n");
    assert_int_equal(text.len, strlen(storage));
}

static void test_a_mesh_has_two_forms(void **state)
{
    char storage[256];
    xg_text text;
    (void)state;
    xg_text_init(&text, storage, sizeof(storage));
    assert_true(xg_manifest_render_mesh(XG_STR("m1"), false, &text));
    assert_string_equal(storage, "type: Mesh\nname: \"m1\"\n");
    xg_text_init(&text, storage, sizeof(storage));
    assert_true(xg_manifest_render_mesh(XG_STR("m1"), true, &text));
    assert_string_equal(storage, "apiVersion: kuma.io/v1alpha1\nkind: Mesh\nmetadata:\n  name: \"m1\"\n");
}

static void test_files_are_named_after_workload_or_mesh(void **state)
{
    static const struct {
        xg_manifest_file file;
        const char *name;
    } ROWS[] = {
        {XG_MANIFEST_TOKEN_FILE, "zone-proxy-m1-all.token"},
        {XG_MANIFEST_SECRET_FILE, "zone-proxy-m1-all.secret.yaml"},
        {XG_MANIFEST_DATAPLANE_FILE, "zone-proxy-m1-all.dataplane.yaml"},
        {XG_MANIFEST_MESH_FILE, "m1.mesh.yaml"},
        {XG_MANIFEST_MESH_KUBE_FILE, "m1.mesh.kubernetes.yaml"},
    };
    static const xg_str BAD[] = {XG_STR_INIT(""), XG_STR_INIT(".."), XG_STR_INIT("a/b"), XG_STR_INIT("a\0b"),
                                 XG_STR_INIT("A")};
    char storage[128];
    xg_text text;
    xg_manifest_proxy proxy = ALL;
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        xg_text_init(&text, storage, sizeof(storage));
        assert_true(xg_manifest_render_name(&ALL, ROWS[i].file, &text));
        assert_string_equal(storage, ROWS[i].name);
    }
    for (size_t i = 0; i < XG_ARRAY_LEN(BAD); i++) {
        proxy.mesh = BAD[i];
        xg_text_init(&text, storage, sizeof(storage));
        assert_false(xg_manifest_render_name(&proxy, XG_MANIFEST_MESH_FILE, &text));
        assert_string_equal(storage, "");
    }
    proxy = with_role(XG_MANIFEST_ALL, "a/../b");
    assert_false(xg_manifest_render_name(&proxy, XG_MANIFEST_TOKEN_FILE, &text));
}

/* The value of a member two steps down; it has to be a text. */
static xg_str read_back(const xg_yaml_input *input, const char *outer, const char *inner)
{
    const xg_yaml_node *root = xg_yaml_input_root(input);
    const xg_yaml_node *node = outer == NULL ? root : xg_yaml_input_member(input, root, xg_str_of(outer));
    node = xg_yaml_input_member(input, node, xg_str_of(inner));
    assert_non_null(node);
    assert_int_equal(node->kind, XG_YAML_TEXT);
    return xg_yaml_input_text(input, node);
}

/* What a value says to YAML must never matter: it stays the text it was. */
static void test_no_value_speaks_yaml(void **state)
{
    static const xg_str VALUES[] = {
        XG_STR_INIT("true"), XG_STR_INIT("null"),  XG_STR_INIT("1"),       XG_STR_INIT("a\"b"),   XG_STR_INIT("a\\"),
        XG_STR_INIT("\\"),   XG_STR_INIT("\"\""),  XG_STR_INIT("a: b"),    XG_STR_INIT("{x: y}"), XG_STR_INIT("*a"),
        XG_STR_INIT("&a b"), XG_STR_INIT("# no"),  XG_STR_INIT("- a"),     XG_STR_INIT("\\n"),    XG_STR_INIT("!x"),
        XG_STR_INIT("'"),    XG_STR_INIT("a, b]"), XG_STR_INIT("{{ x }}"), XG_STR_INIT("%TAG"),
    };
    char storage[XG_MANIFEST_RENDER_SIZE];
    xg_text text;
    xg_trouble trouble;
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(VALUES); i++) {
        xg_manifest_proxy proxy = ALL;
        xg_yaml_input *input = NULL;
        proxy.mesh = VALUES[i];
        proxy.address = VALUES[i];
        proxy.space = VALUES[i];
        xg_text_init(&text, storage, sizeof(storage));
        assert_true(xg_manifest_render_dataplane(&proxy, &text));
        assert_true(xg_yaml_input_parse((xg_str){text.ptr, text.len}, "d", &input, &trouble));
        assert_true(xg_str_eq(read_back(input, NULL, "mesh"), VALUES[i]));
        assert_true(xg_str_eq(read_back(input, "networking", "address"), VALUES[i]));
        assert_true(xg_str_eq(read_back(input, "labels", "kuma.io/proxy-type"), XG_STR("zoneproxy")));
        xg_yaml_input_free(input);
        xg_text_init(&text, storage, sizeof(storage));
        assert_true(xg_manifest_render_secret(&proxy, XG_STR("t"), &text));
        assert_true(xg_yaml_input_parse((xg_str){text.ptr, text.len}, "s", &input, &trouble));
        assert_true(xg_str_eq(read_back(input, "metadata", "namespace"), VALUES[i]));
        assert_true(xg_str_eq(read_back(input, "data", "token"), XG_STR("dA==")));
        xg_yaml_input_free(input);
        xg_text_init(&text, storage, sizeof(storage));
        assert_true(xg_manifest_render_mesh(VALUES[i], true, &text));
        assert_true(xg_yaml_input_parse((xg_str){text.ptr, text.len}, "m", &input, &trouble));
        assert_true(xg_str_eq(read_back(input, "metadata", "name"), VALUES[i]));
        xg_yaml_input_free(input);
    }
}

static void test_values_that_cannot_stand_in_a_file_are_refused(void **state)
{
    static const xg_str BAD[] = {XG_STR_INIT(""),     XG_STR_INIT("a\nb"),     XG_STR_INIT("a\0b"),
                                 XG_STR_INIT("\x7f"), XG_STR_INIT("\xc3\xa9"), XG_STR_INIT("\t")};
    char storage[XG_MANIFEST_RENDER_SIZE];
    xg_text text;
    xg_manifest_proxy proxy;
    (void)state;
    xg_text_init(&text, storage, sizeof(storage));
    xg_text_add(&text, XG_STR("before"));
    for (size_t i = 0; i < XG_ARRAY_LEN(BAD); i++) {
        proxy = ALL;
        proxy.mesh = BAD[i];
        assert_false(xg_manifest_render_dataplane(&proxy, &text));
        assert_false(xg_manifest_render_secret(&proxy, XG_STR("t"), &text));
        assert_false(xg_manifest_render_mesh(BAD[i], true, &text));
        assert_false(xg_manifest_render_mesh(BAD[i], false, &text));
        proxy = ALL;
        proxy.address = BAD[i];
        assert_false(xg_manifest_render_dataplane(&proxy, &text));
        proxy = ALL;
        proxy.space = BAD[i];
        assert_false(xg_manifest_render_secret(&proxy, XG_STR("t"), &text));
    }
    proxy = with_role(XG_MANIFEST_ALL, "");
    assert_false(xg_manifest_render_dataplane(&proxy, &text));
    assert_false(xg_manifest_render_secret(&proxy, XG_STR("t"), &text));
    assert_false(xg_manifest_render_secret(&ALL, XG_STR(""), &text));
    proxy = ALL;
    proxy.advertised_port = 0;
    assert_false(xg_manifest_render_dataplane(&proxy, &text));
    proxy = ALL;
    proxy.ports[XG_MANIFEST_EGRESS] = 0;
    assert_false(xg_manifest_render_dataplane(&proxy, &text));
    assert_string_equal(storage, "before");
    assert_int_equal(text.len, 6);
    assert_false(text.is_cut);
}

/* Every size up to the one that is enough: whole or nothing, and no byte of the token is left behind. */
static void test_a_file_that_does_not_fit_leaves_nothing(void **state)
{
    char whole[1024];
    xg_text text;
    (void)state;
    xg_text_init(&text, whole, sizeof(whole));
    assert_true(xg_manifest_render_secret(&ALL, xg_str_of(TOKEN), &text));
    for (size_t cap = 0; cap <= text.len + 1; cap++) {
        char *storage = calloc(1, cap + 1);
        xg_text part;
        assert_non_null(storage);
        xg_text_init(&part, cap == 0 ? NULL : storage, cap);
        bool is_whole = xg_manifest_render_secret(&ALL, xg_str_of(TOKEN), &part);
        assert_int_equal(is_whole, cap == text.len + 1);
        assert_true(is_whole || cap == 0 || storage[0] == '\0');
        if (is_whole) {
            assert_string_equal(storage, whole);
        } else if (cap > 16) {
            assert_null(memmem(storage, cap - 1, "ZXlK", 4));
            assert_null(memmem(storage, cap - 1, "apiVersion", 10));
        }
        free(storage);
    }
}

/* The longest of everything, and a token of the largest size. */
static void test_the_promised_size_is_enough(void **state)
{
    static char storage[XG_MANIFEST_RENDER_SIZE];
    static char token[8192];
    static char host[253];
    xg_text text;
    xg_manifest_proxy proxy = ALL;
    (void)state;
    memset(token, 't', sizeof(token));
    memset(host, 'h', sizeof(host));
    memset(proxy.workload, 'w', sizeof(proxy.workload) - 1);
    proxy.mesh = (xg_str){host, 63};
    proxy.space = (xg_str){host, 63};
    proxy.address = (xg_str){host, sizeof(host)};
    proxy.advertised_address = (xg_str){host, sizeof(host)};
    xg_text_init(&text, storage, sizeof(storage));
    assert_true(xg_manifest_render_secret(&proxy, (xg_str){token, sizeof(token)}, &text));
    xg_text_init(&text, storage, sizeof(storage));
    assert_true(xg_manifest_render_dataplane(&proxy, &text));
}

int main(void)
{
    static const struct CMUnitTest TESTS[] = {
        cmocka_unit_test(test_a_dataplane_has_the_listeners_of_its_role),
        cmocka_unit_test(test_a_secret_holds_the_token_in_base64),
        cmocka_unit_test(test_a_mesh_has_two_forms),
        cmocka_unit_test(test_files_are_named_after_workload_or_mesh),
        cmocka_unit_test(test_no_value_speaks_yaml),
        cmocka_unit_test(test_values_that_cannot_stand_in_a_file_are_refused),
        cmocka_unit_test(test_a_file_that_does_not_fit_leaves_nothing),
        cmocka_unit_test(test_the_promised_size_is_enough),
    };
    return cmocka_run_group_tests_name("render", TESTS, NULL, NULL);
}
