/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_workload.c: the workload that stands for a zone token's scope: its roles, which meshes can have one, how long it
 * gets, and that nothing but a whole name is ever written. One thread.
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

#define INGRESS XG_SCOPE_INGRESS
#define EGRESS  XG_SCOPE_EGRESS
#define BOTH    (XG_SCOPE_INGRESS | XG_SCOPE_EGRESS)

/* Runs with a buffer of exactly cap bytes, and compares all of them. expected NULL: refused, and the name is empty. */
static void check(xg_str mesh, uint32_t scopes, size_t cap, uint32_t reason, const char *expected)
{
    char *out = malloc(cap > 0 ? cap : 1);
    assert_non_null(out);
    memset(out, 0x5a, cap > 0 ? cap : 1);
    uint32_t found = xg_result_reason(xg_workload_for_scope(mesh, scopes, out, cap));
    if (found != reason) {
        fail_msg("<%.*s>, scopes %u, %zu bytes: expected %s, found %s", (int)mesh.len, mesh.ptr, scopes, cap,
                 xg_reason_find(reason)->name, xg_reason_find(found)->name);
    }
    if (cap > 0) {
        assert_string_equal(out, expected == NULL ? "" : expected);
    } else {
        assert_int_equal(out[0], 0x5a);
    }
    free(out);
}

static void test_the_name_is_zone_proxy_mesh_and_role(void **state)
{
    (void)state;
    check(XG_STR("m1"), INGRESS, XG_WORKLOAD_SIZE, XG_REASON_OK, "zone-proxy-m1-ingress");
    check(XG_STR("m1"), EGRESS, XG_WORKLOAD_SIZE, XG_REASON_OK, "zone-proxy-m1-egress");
    check(XG_STR("m1"), BOTH, XG_WORKLOAD_SIZE, XG_REASON_OK, "zone-proxy-m1-all");
    check(XG_STR("all"), BOTH, XG_WORKLOAD_SIZE, XG_REASON_OK, "zone-proxy-all-all");
    check(XG_STR("m1-ingress"), EGRESS, XG_WORKLOAD_SIZE, XG_REASON_OK, "zone-proxy-m1-ingress-egress");
}

static void test_other_scopes_are_refused(void **state)
{
    static const uint32_t SCOPES[] = {0, 4, 5, 6, 7, 8, UINT32_C(1) << 31, (UINT32_C(1) << 31) | INGRESS, UINT32_MAX};
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(SCOPES); i++) {
        check(XG_STR("m1"), SCOPES[i], XG_WORKLOAD_SIZE, XG_REASON_WORKLOAD_SCOPE, NULL);
    }
}

static void test_the_mesh_is_a_dns_1035_label(void **state)
{
    static const xg_str GOOD[] = {XG_STR_INIT("a"),   XG_STR_INIT("a1"),   XG_STR_INIT("a-b"),
                                  XG_STR_INIT("a-1"), XG_STR_INIT("a--b"), XG_STR_INIT("z9-z")};
    static const xg_str BAD[] = {
        XG_STR_INIT(""),     XG_STR_INIT("1"),   XG_STR_INIT("1a"),       XG_STR_INIT("-a"),        XG_STR_INIT("a-"),
        XG_STR_INIT("-"),    XG_STR_INIT("A"),   XG_STR_INIT("aB"),       XG_STR_INIT("a.b"),       XG_STR_INIT("a_b"),
        XG_STR_INIT("a b"),  XG_STR_INIT(" a"),  XG_STR_INIT("a "),       XG_STR_INIT("a/b"),       XG_STR_INIT("a\0"),
        XG_STR_INIT("a\0b"), XG_STR_INIT("a\n"), XG_STR_INIT("\xc3\xa9"), XG_STR_INIT("a\xc3\xa9"), XG_STR_INIT("a:b"),
        XG_STR_INIT("a@b"),  XG_STR_INIT("`"),   XG_STR_INIT("{"),        XG_STR_INIT("a\xff"),     XG_STR_INIT("a1-"),
    };
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(GOOD); i++) {
        char expected[XG_WORKLOAD_SIZE];
        (void)snprintf(expected, sizeof(expected), "zone-proxy-%s-all", GOOD[i].ptr);
        check(GOOD[i], BOTH, XG_WORKLOAD_SIZE, XG_REASON_OK, expected);
    }
    for (size_t i = 0; i < XG_ARRAY_LEN(BAD); i++) {
        check(BAD[i], BOTH, XG_WORKLOAD_SIZE, XG_REASON_WORKLOAD_MESH, NULL);
    }
    check((xg_str){NULL, 0}, BOTH, XG_WORKLOAD_SIZE, XG_REASON_WORKLOAD_MESH, NULL);
    check((xg_str){NULL, 2}, BOTH, XG_WORKLOAD_SIZE, XG_REASON_WORKLOAD_MESH, NULL); /* a host's mistake */
}

/* Every byte in the middle and at the ends. */
static void test_every_byte_of_the_mesh_counts(void **state)
{
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        bool is_letter = byte >= 'a' && byte <= 'z';
        bool is_end = is_letter || (byte >= '0' && byte <= '9');
        for (size_t at = 0; at < 3; at++) {
            char mesh[] = "abc", expected[XG_WORKLOAD_SIZE];
            mesh[at] = (char)byte;
            bool is_good = at == 0 ? is_letter : is_end || (at == 1 && byte == '-');
            (void)snprintf(expected, sizeof(expected), "zone-proxy-%s-egress", mesh);
            check((xg_str){mesh, 3}, EGRESS, XG_WORKLOAD_SIZE, is_good ? XG_REASON_OK : XG_REASON_WORKLOAD_MESH,
                  is_good ? expected : NULL);
        }
    }
}

/* 63 characters in all: nothing is ever shortened, or two meshes would share a workload. */
static void test_the_mesh_ends_where_63_characters_end(void **state)
{
    static const struct {
        uint32_t scopes;
        const char *role;
        size_t budget;
    } ROWS[] = {{BOTH, "all", 48}, {EGRESS, "egress", 45}, {INGRESS, "ingress", 44}};
    char mesh[XG_MESH_NAME_MAX], expected[2 * XG_MESH_NAME_MAX];
    (void)state;
    memset(mesh, 'm', sizeof(mesh));
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        for (size_t len = 1; len <= sizeof(mesh); len++) {
            bool is_good = len <= ROWS[i].budget;
            (void)snprintf(expected, sizeof(expected), "zone-proxy-%.*s-%s", (int)len, mesh, ROWS[i].role);
            assert_int_equal(strlen(expected) <= 63, is_good);
            check((xg_str){mesh, len}, ROWS[i].scopes, 512, is_good ? XG_REASON_OK : XG_REASON_WORKLOAD_MESH,
                  is_good ? expected : NULL);
        }
        assert_int_equal(strlen("zone-proxy-") + ROWS[i].budget + 1 + strlen(ROWS[i].role), 63);
    }
}

static void test_the_name_fits_with_its_nul_or_is_not_written(void **state)
{
    static const struct {
        uint32_t scopes;
        const char *expected;
    } ROWS[] = {{BOTH, "zone-proxy-m1-all"}, {EGRESS, "zone-proxy-m1-egress"}, {INGRESS, "zone-proxy-m1-ingress"}};
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(ROWS); i++) {
        size_t len = strlen(ROWS[i].expected);
        for (size_t cap = 0; cap <= XG_WORKLOAD_SIZE + 1; cap++) {
            bool is_good = cap > len;
            check(XG_STR("m1"), ROWS[i].scopes, cap, is_good ? XG_REASON_OK : XG_REASON_WORKLOAD_SPACE,
                  is_good ? ROWS[i].expected : NULL);
        }
        assert_int_equal(xg_result_reason(xg_workload_for_scope(XG_STR("m1"), ROWS[i].scopes, NULL, 0)),
                         XG_REASON_WORKLOAD_SPACE);
        assert_int_equal(xg_result_reason(xg_workload_for_scope(XG_STR("m1"), ROWS[i].scopes, NULL, XG_WORKLOAD_SIZE)),
                         XG_REASON_WORKLOAD_SPACE);
    }
}

static void test_scope_counts_before_mesh_and_mesh_before_space(void **state)
{
    (void)state;
    check(XG_STR("m1"), BOTH, 18, XG_REASON_OK, "zone-proxy-m1-all");
    check(XG_STR("M1"), 0, 17, XG_REASON_WORKLOAD_SCOPE, NULL);
    check(XG_STR("M1"), BOTH, 17, XG_REASON_WORKLOAD_MESH, NULL);
    check(XG_STR("m1"), BOTH, 17, XG_REASON_WORKLOAD_SPACE, NULL);
    check(XG_STR("m1"), 0, 0, XG_REASON_WORKLOAD_SCOPE, NULL);
    check(XG_STR("M1"), BOTH, 0, XG_REASON_WORKLOAD_MESH, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_name_is_zone_proxy_mesh_and_role),
        cmocka_unit_test(test_other_scopes_are_refused),
        cmocka_unit_test(test_the_mesh_is_a_dns_1035_label),
        cmocka_unit_test(test_every_byte_of_the_mesh_counts),
        cmocka_unit_test(test_the_mesh_ends_where_63_characters_end),
        cmocka_unit_test(test_the_name_fits_with_its_nul_or_is_not_written),
        cmocka_unit_test(test_scope_counts_before_mesh_and_mesh_before_space),
    };
    return cmocka_run_group_tests_name("workload", tests, NULL, NULL);
}
