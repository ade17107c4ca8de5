/* SPDX-License-Identifier: Apache-2.0 */
/*
 * abi_support.c: see abi_support.h. Must never load the plugin by other means than the reference loader.
 */
#include "abi_support.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define GUARDED_MAX 4096

void support_give_up(const char *what)
{
    (void)fprintf(stderr, "test: cannot %s\n", what);
    exit(99);
}

const char *support_plugin_path(void)
{
    const char *path = getenv("XG_PLUGIN");
    if (path == NULL) {
        support_give_up("go on: XG_PLUGIN must name xdsgate.so");
    }
    return path;
}

void support_load(xg_loader *plugin)
{
    char err[XG_LOADER_ERROR_SIZE];
    if (!xg_loader_open(support_plugin_path(), NULL, plugin, err, sizeof(err))) {
        support_give_up(err);
    }
}

xg_ctx *support_create(const xg_loader *plugin, const fixture *fx)
{
    char err[512];
    char *config = fixture_config(fx, "");
    xg_host host = fixture_host(plugin->abi);
    xg_ctx *ctx = plugin->auth.create(&host, fixture_str(config), err, sizeof(err));
    if (ctx == NULL) {
        support_give_up(err);
    }
    free(config);
    return ctx;
}

xg_decision support_ask(const xg_loader *plugin, xg_ctx *ctx, const xg_request *request)
{
    xg_decision decision;
    memset(&decision, 0xa5, sizeof(decision));
    decision.struct_size = sizeof(decision);
    uint32_t allowed = plugin->auth.authenticate(ctx, request, &decision);
    if (allowed > 1 || (allowed == 1) != (decision.outcome == XG_OUTCOME_ALLOWED)) {
        support_give_up("accept a returned value that contradicts the outcome (rule A5)");
    }
    return decision;
}

void *support_guarded(size_t len, unsigned char fill)
{
    static unsigned char *area;
    if (area == NULL) {
        area = mmap(NULL, (size_t)2 * GUARDED_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (area == MAP_FAILED || mprotect(area + GUARDED_MAX, GUARDED_MAX, PROT_NONE) != 0) {
            support_give_up("make a guard page");
        }
    }
    if (len > GUARDED_MAX) {
        support_give_up("guard so many bytes");
    }
    memset(area + GUARDED_MAX - len, fill, len);
    return area + GUARDED_MAX - len;
}

unsigned support_count_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    if (dir == NULL) {
        support_give_up("read /proc/self/fd");
    }
    unsigned count = 0;
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        count += entry->d_name[0] != '.' ? 1u : 0u;
    }
    closedir(dir);
    return count - 1; /* the folder itself was open */
}

unsigned support_count_maps(const char *part)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    if (maps == NULL) {
        support_give_up("read /proc/self/maps");
    }
    unsigned count = 0;
    char line[4200];
    while (fgets(line, sizeof(line), maps) != NULL) {
        const char *name = strchr(line, '/');
        count += name != NULL && strstr(name, part) != NULL ? 1u : 0u;
    }
    (void)fclose(maps);
    return count;
}

void *support_on_thread(void *(*function)(void *), void *arg, size_t stack_size)
{
    pthread_attr_t attributes;
    pthread_t thread;
    void *result = NULL;
    if (pthread_attr_init(&attributes) != 0 ||
        (stack_size != 0 && pthread_attr_setstacksize(&attributes, stack_size) != 0) ||
        pthread_create(&thread, &attributes, function, arg) != 0 || pthread_join(thread, &result) != 0) {
        support_give_up("run a thread");
    }
    pthread_attr_destroy(&attributes);
    return result;
}
