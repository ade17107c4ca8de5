/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_process.c: rule A16 and the exec leak: what becomes of a context when its process forks or executes.
 *
 * With the argument --count-fds it is the program that is executed: it exits with the number of descriptors it
 * inherited.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "abi_support.h"

static fixture fx;
static xg_loader plugin;
static xg_ctx *ctx;
static char *token;

/* Runs check in a child; returns its exit status. */
static int in_child(int (*check)(void))
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        _exit(check());
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int child_is_denied(void)
{
    char err[256] = "";
    xg_request request = fixture_dataplane_request(token);
    xg_decision decision = support_ask(&plugin, ctx, &request);
    if (decision.outcome != XG_OUTCOME_DENIED || decision.reason != XG_REASON_FORKED) {
        return 1;
    }
    if (plugin.auth.reload(ctx, fixture_str(""), err, sizeof(err)) != XG_REASON_FORKED) {
        return 2;
    }
    if (plugin.auth.tick(ctx, FIXTURE_NOW) != -(int64_t)XG_REASON_FORKED) {
        return 3;
    }
    plugin.auth.session_close(ctx, 1);
    return plugin.auth.destroy(ctx) == XG_REASON_FORKED ? 0 : 4;
}

static int grandchild_is_denied(void)
{
    return in_child(child_is_denied);
}

static int child_can_create_its_own(void)
{
    xg_request request = fixture_dataplane_request(token);
    xg_ctx *own = support_create(&plugin, &fx);
    if (support_ask(&plugin, own, &request).reason != XG_REASON_OK) {
        return 1;
    }
    return plugin.auth.destroy(own) == XG_REASON_OK ? 0 : 2;
}

static void assert_parent_is_served(void)
{
    xg_request request = fixture_dataplane_request(token);
    assert_int_equal(support_ask(&plugin, ctx, &request).reason, XG_REASON_OK);
    assert_int_equal(plugin.auth.reload(ctx, fixture_str(""), NULL, 0), XG_REASON_OK);
    assert_true(plugin.auth.tick(ctx, FIXTURE_NOW) > 0);
}

static void test_a_forked_child_is_denied_and_the_parent_goes_on(void **state)
{
    (void)state;
    assert_parent_is_served();
    assert_int_equal(in_child(child_is_denied), 0);
    assert_parent_is_served();
    assert_int_equal(in_child(grandchild_is_denied), 0);
    assert_parent_is_served();
}

static void test_a_forked_child_can_create_its_own_context(void **state)
{
    (void)state;
    assert_int_equal(in_child(child_can_create_its_own), 0);
    assert_parent_is_served();
}

/* By its path, which valgrind answers readlink with: executed as such, /proc/self/exe would be valgrind itself. */
static int exec_and_count(void)
{
    char path[PATH_MAX] = "";
    ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);
    if (len > 0) {
        execl(path, "test_process", "--count-fds", (char *)NULL);
    }
    return 255;
}

static void test_no_descriptor_survives_exec(void **state)
{
    (void)state;
    unsigned before_load = *(unsigned *)*state;
    int leak = open("/dev/null", O_RDONLY); /* control: without O_CLOEXEC it must be counted */
    assert_true(leak >= 0);
    assert_int_equal(in_child(exec_and_count), before_load + 1);
    assert_int_equal(close(leak), 0);
    assert_parent_is_served();
    assert_int_equal(in_child(exec_and_count), before_load);
}

static void test_every_descriptor_of_a_context_closes_on_exec(void **state)
{
    (void)state;
    bool is_open_before[256];
    for (int fd = 0; fd < 256; fd++) {
        is_open_before[fd] = fcntl(fd, F_GETFD) >= 0;
    }
    xg_ctx *second = support_create(&plugin, &fx);
    for (int fd = 0; fd < 256; fd++) {
        int flags = fcntl(fd, F_GETFD);
        assert_true(is_open_before[fd] || flags < 0 || (flags & FD_CLOEXEC) != 0);
    }
    unsigned fds = support_count_fds();
    assert_int_equal(plugin.auth.destroy(second), XG_REASON_OK);
    assert_true(support_count_fds() < fds);
}

static unsigned inherited_fds;

static int set_up(void **state)
{
    *state = &inherited_fds;
    inherited_fds = (unsigned)in_child(exec_and_count);
    fixture_init(&fx);
    support_load(&plugin);
    ctx = support_create(&plugin, &fx);
    token = fixture_dataplane_token("process");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(token);
    uint32_t reason = plugin.auth.destroy(ctx);
    xg_loader_close(&plugin);
    fixture_done(&fx);
    return reason == XG_REASON_OK ? 0 : -1;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--count-fds") == 0) {
        return (int)support_count_fds();
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_forked_child_is_denied_and_the_parent_goes_on),
        cmocka_unit_test(test_a_forked_child_can_create_its_own_context),
        cmocka_unit_test(test_no_descriptor_survives_exec),
        cmocka_unit_test(test_every_descriptor_of_a_context_closes_on_exec),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
