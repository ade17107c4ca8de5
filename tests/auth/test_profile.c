/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_profile.c: the table of profiles, frozen. A cell that changes here changes what a running control plane admits.
 * One thread.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "xdsgate/auth.h"

/* name, tag source, then 1 or 0 in the order of xg_profile; the first is the default. */
static const char *const GOLDEN[] = {
    "strict union workload_enforced=1 zone_entities=1 exp=1 jti=1 mesh=1 binding=1 type=1 shared=1",
    "kuma-3.0 labels workload_enforced=1 zone_entities=0 exp=0 jti=0 mesh=0 binding=0 type=0 shared=1",
    "kuma-2.14 inbound workload_enforced=1 zone_entities=1 exp=0 jti=0 mesh=0 binding=0 type=0 shared=1",
    "kuma-2.13 inbound workload_enforced=1 zone_entities=1 exp=0 jti=0 mesh=0 binding=0 type=0 shared=1",
    "kuma-2.12 inbound workload_enforced=0 zone_entities=1 exp=0 jti=0 mesh=0 binding=0 type=0 shared=1",
};

static const char *describe(const xg_profile *p)
{
    static const char *const SOURCES[] = {
        [XG_TAGS_INBOUND] = "inbound", [XG_TAGS_LABELS] = "labels", [XG_TAGS_UNION] = "union"};
    static char text[256];
    assert_non_null(p);
    assert_in_range(p->tag_source, XG_TAGS_INBOUND, XG_TAGS_UNION);
    (void)snprintf(text, sizeof(text),
                   "%s %s workload_enforced=%d zone_entities=%d exp=%d jti=%d mesh=%d binding=%d type=%d shared=%d",
                   p->name, SOURCES[p->tag_source], p->workload_enforced, p->zone_entities, p->exp_required,
                   p->jti_required, p->mesh_required, p->binding_required, p->type_checked, p->shared_revocations);
    return text;
}

static void test_every_cell_is_frozen(void **state)
{
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(GOLDEN); i++) {
        assert_string_equal(describe(xg_profile_at(i)), GOLDEN[i]);
    }
    assert_null(xg_profile_at(XG_ARRAY_LEN(GOLDEN)));
    assert_null(xg_profile_at(XG_ARRAY_LEN(GOLDEN) + 1));
    assert_null(xg_profile_at(SIZE_MAX));
}

static void test_a_profile_is_found_by_exactly_its_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(GOLDEN); i++) {
        char name[16] = "";
        size_t len = strcspn(GOLDEN[i], " ");
        assert_true(len < sizeof(name));
        memcpy(name, GOLDEN[i], len);
        assert_ptr_equal(xg_profile_find((xg_str){name, len}), xg_profile_at(i));
        assert_null(xg_profile_find((xg_str){name, len - 1}));
        assert_null(xg_profile_find((xg_str){name, len + 1})); /* with its NUL */
        assert_null(xg_profile_find((xg_str){name + 1, len - 1}));
        name[0] = (char)(name[0] ^ 0x20);
        assert_null(xg_profile_find((xg_str){name, len}));
    }
}

static void test_no_other_name_is_a_profile(void **state)
{
    static const xg_str NAMES[] = {
        XG_STR_INIT(""),           XG_STR_INIT("kuma-2.11"), XG_STR_INIT("kuma-2.15"), XG_STR_INIT("kuma-2.1"),
        XG_STR_INIT("kuma-3"),     XG_STR_INIT("kuma-3.1"),  XG_STR_INIT("kuma-3_0"),  XG_STR_INIT("kuma-2.13.1"),
        XG_STR_INIT("kuma-2.14 "), XG_STR_INIT(" strict"),   XG_STR_INIT("STRICT"),    XG_STR_INIT("default"),
        XG_STR_INIT("lenient"),    XG_STR_INIT("kuma"),
    };
    (void)state;
    for (size_t i = 0; i < XG_ARRAY_LEN(NAMES); i++) {
        assert_null(xg_profile_find(NAMES[i]));
    }
    assert_null(xg_profile_find((xg_str){NULL, 0}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_cell_is_frozen),
        cmocka_unit_test(test_a_profile_is_found_by_exactly_its_name),
        cmocka_unit_test(test_no_other_name_is_a_profile),
    };
    return cmocka_run_group_tests_name("profile", tests, NULL, NULL);
}
