/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unload_host.c ROUNDS KIB FOLDER: loads the plugin, uses it and unloads it, ROUNDS times, each time on a fresh thread,
 * and checks that nothing stays behind: no mapping, no descriptor, no thread-specific key, no growing memory (rule
 * A21). The process's data may grow by KIB at most; 0 where that means nothing, since a checker keeps books in it.
 *
 * What OpenSSL pins on first use (itself) is there after the first rounds and is not counted again.
 */
#include <dirent.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bare_host.h"

#define WARM_UP 3

/* What the process holds. */
typedef struct holdings {
    unsigned fds;
    unsigned keys;      /* thread-specific keys that are still free */
    unsigned libraries; /* mappings of shared objects */
    unsigned plugins;   /* mappings of the plugin */
    unsigned long heap_kib;
} holdings;

static void *use_once(void *arg)
{
    const bare_host *host = arg;
    xg_loader plugin;
    char err[512];
    bare_host_load(&plugin);
    xg_ctx *ctx = bare_host_create(host, &plugin, err, sizeof(err));
    if (ctx == NULL) {
        bare_host_give_up(err);
    }
    if (bare_host_ask(&plugin, ctx, host->token) != XG_REASON_OK ||
        bare_host_ask(&plugin, ctx, host->forged) != XG_REASON_SIGNATURE_INVALID ||
        plugin.auth.reload(ctx, (xg_str){NULL, 0}, NULL, 0) != XG_REASON_OK || plugin.auth.tick(ctx, 0) < 0 ||
        plugin.auth.destroy(ctx) != XG_REASON_OK) {
        bare_host_give_up("the plugin decided wrongly");
    }
    xg_loader_close(&plugin);
    return NULL;
}

static void use_on_fresh_thread(bare_host *host)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, use_once, host) != 0 || pthread_join(thread, NULL) != 0) {
        bare_host_give_up("cannot run a thread");
    }
}

static unsigned count_free_keys(void)
{
    static pthread_key_t keys[PTHREAD_KEYS_MAX];
    unsigned count = 0;
    while (count < PTHREAD_KEYS_MAX && pthread_key_create(&keys[count], NULL) == 0) {
        count++;
    }
    for (unsigned i = 0; i < count; i++) {
        (void)pthread_key_delete(keys[i]);
    }
    return count;
}

static unsigned count_fds(void)
{
    unsigned count = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (dir != NULL && readdir(dir) != NULL) {
        count++;
    }
    closedir(dir);
    return count;
}

static unsigned long read_heap(void)
{
    char line[256];
    unsigned long kib = 0;
    FILE *status = fopen("/proc/self/status", "re");
    while (status != NULL && fgets(line, sizeof(line), status) != NULL) {
        if (strncmp(line, "VmData:", 7) == 0) {
            kib = strtoul(line + 7, NULL, 10);
        }
    }
    (void)fclose(status);
    return kib;
}

static holdings look(void)
{
    holdings now = {.fds = count_fds(), .keys = count_free_keys(), .heap_kib = read_heap()};
    char line[4200];
    FILE *maps = fopen("/proc/self/maps", "re");
    while (maps != NULL && fgets(line, sizeof(line), maps) != NULL) {
        now.libraries += strstr(line, ".so") != NULL ? 1u : 0u;
        now.plugins += strstr(line, "/xdsgate.so") != NULL ? 1u : 0u;
    }
    (void)fclose(maps);
    return now;
}

int main(int argc, char **argv)
{
    bare_host host;
    if (argc != 4) {
        bare_host_give_up("usage: unload_host ROUNDS KIB FOLDER");
    }
    unsigned long rounds = strtoul(argv[1], NULL, 10);
    unsigned long max_kib = strtoul(argv[2], NULL, 10);
    bare_host_init(&host, argv[3]);
    for (unsigned i = 0; i < WARM_UP; i++) {
        use_on_fresh_thread(&host);
    }
    holdings before = look();
    for (unsigned long i = 0; i < rounds; i++) {
        use_on_fresh_thread(&host);
    }
    holdings after = look();
    bare_host_done(&host);
    printf("%lu rounds: descriptors %u -> %u, free keys %u -> %u, library mappings %u -> %u, plugin mappings %u, "
           "data %lu -> %lu KiB\n",
           rounds, before.fds, after.fds, before.keys, after.keys, before.libraries, after.libraries, after.plugins,
           before.heap_kib, after.heap_kib);
    bool has_grown = max_kib != 0 && after.heap_kib > before.heap_kib + max_kib;
    return before.fds == after.fds && before.keys == after.keys && before.libraries == after.libraries &&
                   after.plugins == 0 && !has_grown
               ? 0
               : 1;
}
