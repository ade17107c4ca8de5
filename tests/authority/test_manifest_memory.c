/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_manifest_memory.c: every allocation that the reading and planning of a values file makes fails once, alone and
 * with all later ones: no crash, no leak, no proxy, and a report that says so.
 *
 * The allocator below stands in front of libc's. It fails this program's own calls only: libfyaml ends in a crash when
 * one of two of its own fails, which is its business. Not built with sanitizers, which bring an allocator of their own.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "xdsgate/manifest.h"

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void __libc_free(void *block);
extern const char __executable_start[];
extern const char etext[];

static volatile long fail_at = -1; /* own allocations left until one fails; below 0: none does */
static volatile bool is_failing_on;
static volatile bool has_failed;
static volatile long num_live;

static bool must_fail(const void *caller)
{
    if (fail_at < 0 || (const char *)caller < __executable_start || (const char *)caller >= etext) {
        return false;
    }
    if (fail_at > 0) {
        fail_at--;
        return false;
    }
    fail_at = is_failing_on ? 0 : -1;
    has_failed = true;
    errno = ENOMEM;
    return true;
}

static void *count(void *block)
{
    num_live += block != NULL ? 1 : 0;
    return block;
}

XG_EXPORT void *malloc(size_t size)
{
    return must_fail(__builtin_return_address(0)) ? NULL : count(__libc_malloc(size));
}

XG_EXPORT void *calloc(size_t num, size_t size)
{
    return must_fail(__builtin_return_address(0)) ? NULL : count(__libc_calloc(num, size));
}

XG_EXPORT void *realloc(void *old, size_t size)
{
    if (must_fail(__builtin_return_address(0))) {
        return NULL;
    }
    void *block = __libc_realloc(old, size);
    return old == NULL ? count(block) : block;
}

XG_EXPORT void free(void *block)
{
    num_live -= block != NULL ? 1 : 0;
    __libc_free(block);
}

static bool is_intercepted(void)
{
    xg_manifest_options options = {.file = "v.yaml"};
    is_failing_on = false;
    fail_at = 0;
    xg_manifest_plan *plan = xg_manifest_plan_new(XG_STR(""), &options);
    fail_at = -1;
    bool is_ours = plan == NULL;
    xg_manifest_plan_free(plan);
    return is_ours;
}

/* Enough entries to make every array grow beyond its first size. */
static char *make_values(void)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    fputs("x: &x {egress: {enabled: true}}\nmeshes:\n- name: bare\n", out);
    for (int i = 0; i < 200; i++) {
        fprintf(out, "- {name: m%d, <<: *x, ingress: {enabled: true, service: {name: s%d}}}\n", i, i);
    }
    fclose(out);
    return text;
}

static long sweep(const char *values, bool is_failing_on_too)
{
    xg_manifest_options options = {.file = "v.yaml"};
    is_failing_on = is_failing_on_too;
    for (long n = 0;; n++) {
        long before = num_live;
        has_failed = false;
        fail_at = n;
        xg_manifest_plan *plan = xg_manifest_plan_new(xg_str_of(values), &options);
        fail_at = -1;
        if (!has_failed) {
            assert_non_null(plan);
            assert_int_equal(plan->num_proxies, 400);
            xg_manifest_plan_free(plan);
            return n;
        }
        assert_true(plan == NULL || plan->num_proxies == 0);
        assert_true(plan == NULL || plan->num_meshes == 0);
        assert_true(plan == NULL || plan->troubles.total > 0);
        assert_true(plan == NULL || plan->troubles.items[0].kind == XG_TROUBLE_IO);
        xg_manifest_plan_free(plan);
        assert_int_equal(num_live, before);
    }
}

static void test_no_failed_allocation_leaves_a_plan_or_a_leak(void **state)
{
    (void)state;
    if (!is_intercepted()) {
        assert_non_null(getenv("XG_VALGRIND_PRELOAD")); /* valgrind puts its own allocator in front of ours */
        skip();
    }
    char *values = make_values();
    assert_true(sweep(values, false) > 10);
    assert_true(sweep(values, true) > 10);
    free(values);
}

int main(void)
{
    static const struct CMUnitTest TESTS[] = {
        cmocka_unit_test(test_no_failed_allocation_leaves_a_plan_or_a_leak),
    };
    return cmocka_run_group_tests_name("manifest memory", TESTS, NULL, NULL);
}
