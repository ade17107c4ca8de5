/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xdsgate_loader.c: opens the file safely, maps that very file, and takes a checked copy of the plugin's table.
 *
 * Must never trust a path twice, call through the plugin's own table, or accept an entry point that came from another
 * object. The only file of this tree that calls dlopen. Thread rule: no state outside the caller's structures.
 */
#include "xdsgate_loader.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef XG_LOADER_WITHOUT_PIN
#include <openssl/evp.h>
#endif

#define ENTRY_POINT "xdsgate_plugin_query"
#define SHA256_LEN  32

/* "/proc/self/fd/", 64 times "./" or ".//", a number */
#define PROC_NAME_SIZE 256

typedef const void *query_function(const char *iface, uint32_t abi_min, uint32_t abi_max, uint32_t *abi_have);

/* Where sentences go. */
typedef struct sentence {
    char *ptr;
    size_t cap;
} sentence;

__attribute__((format(printf, 2, 3))) static bool fail(sentence err, const char *format, ...)
{
    if (err.cap > 0) {
        va_list args;
        va_start(args, format);
        (void)vsnprintf(err.ptr, err.cap, format, args);
        va_end(args);
    }
    return false;
}

static bool check_file(int fd, const char *path, sentence err)
{
    struct stat st;
    if (fstat(fd, &st) != 0) {
        return fail(err, "cannot examine '%s': %s", path, strerror(errno));
    }
    if (!S_ISREG(st.st_mode)) {
        return fail(err, "'%s' is not a regular file: name the plugin's .so", path);
    }
    if (st.st_uid != 0 && st.st_uid != geteuid()) {
        return fail(err, "'%s' belongs to user %u; it must belong to root or to user %u, as whom this process runs",
                    path, (unsigned)st.st_uid, (unsigned)geteuid());
    }
    if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return fail(err, "'%s' is writable by others (mode %04o): run 'chmod go-w' on it", path,
                    (unsigned)(st.st_mode & 07777));
    }
    return true;
}

static int open_file(const char *path, sentence err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        if (errno == ELOOP) {
            (void)fail(err, "'%s' is a symbolic link: name the file itself, or ask the loader to resolve the path",
                       path);
        } else {
            (void)fail(err, "cannot open '%s': %s", path, strerror(errno));
        }
        return -1;
    }
    if (!check_file(fd, path, err)) {
        close(fd);
        return -1;
    }
    return fd;
}

#ifdef XG_LOADER_WITHOUT_PIN
static bool check_pin(int fd, const char *path, const char *pin, sentence err)
{
    (void)fd;
    (void)pin;
    return fail(err, "cannot check '%s': this loader was built without SHA-256 pins (XG_LOADER_WITHOUT_PIN)", path);
}
#else
static bool digest_file(int fd, uint8_t digest[SHA256_LEN])
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1;
    uint8_t block[16384];
    off_t offset = 0;
    while (ok) {
        ssize_t n = pread(fd, block, sizeof(block), offset);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            ok = n == 0;
            break;
        }
        offset += n;
        ok = EVP_DigestUpdate(ctx, block, (size_t)n) == 1;
    }
    ok = ok && EVP_DigestFinal_ex(ctx, digest, NULL) == 1;
    EVP_MD_CTX_free(ctx);
    return ok;
}

static bool check_pin(int fd, const char *path, const char *pin, sentence err)
{
    if (strspn(pin, "0123456789abcdefABCDEF") != (size_t)2 * SHA256_LEN || strlen(pin) != (size_t)2 * SHA256_LEN) {
        return fail(err, "the SHA-256 pin must be 64 hexadecimal digits; it has %zu characters", strlen(pin));
    }
    uint8_t digest[SHA256_LEN];
    if (!digest_file(fd, digest)) {
        return fail(err, "cannot compute the SHA-256 of '%s'", path);
    }
    char found[2 * SHA256_LEN + 1];
    for (size_t i = 0; i < SHA256_LEN; i++) {
        (void)snprintf(found + 2 * i, 3, "%02x", digest[i]);
    }
    if (strcasecmp(pin, found) != 0) {
        return fail(err, "'%s' is not the pinned file: SHA-256 %s expected, %s found", path, pin, found);
    }
    return true;
}

#endif

/*
 * A name of descriptor fd that no one used before. The C library looks among the names of the libraries it has before
 * it opens a file, and goes on knowing "/proc/self/fd/7" after the descriptor was closed and 7 became another file. So
 * each load gets a name of its own: 64 random bits, spelled in slashes.
 */
static bool make_proc_name(int fd, char name[PROC_NAME_SIZE])
{
    uint64_t nonce = 0;
    if (getrandom(&nonce, sizeof(nonce), 0) != (ssize_t)sizeof(nonce)) {
        return false;
    }
    char *end = stpcpy(name, "/proc/self/fd/");
    for (unsigned bit = 0; bit < 64; bit++) {
        end = stpcpy(end, ((nonce >> bit) & 1) != 0 ? ".//" : "./");
    }
    (void)snprintf(end, PROC_NAME_SIZE - (size_t)(end - name), "%d", fd);
    return true;
}

static void *map_file(int fd, const char *path, const xg_loader_options *options, sentence err)
{
    char proc_name[PROC_NAME_SIZE];
    const char *name = proc_name;
    if (!make_proc_name(fd, proc_name)) {
        (void)fail(err, "cannot load '%s': no random bytes from the kernel", path);
        return NULL;
    }
    if (access(name, F_OK) != 0) {
        if (!options->allow_without_proc) {
            (void)fail(err, "cannot load '%s': /proc is not mounted; mount it, or set allow_without_proc", path);
            return NULL;
        }
        name = path;
    }
    void *handle = dlopen(name, RTLD_NOW | RTLD_LOCAL | (options->keep_loaded ? RTLD_NODELETE : 0));
    if (handle == NULL) {
        const char *why = dlerror();
        if (why != NULL && strncmp(why, name, strlen(name)) == 0) {
            why += strlen(name) + strspn(why + strlen(name), ": "); /* nobody should have to read that name */
        }
        (void)fail(err, "cannot load '%s': %s", path, why != NULL ? why : "the C library gives no reason");
    }
    return handle;
}

/* The entry point must be the library's own: dlsym also finds a symbol of one of its dependencies. */
static query_function *find_entry(void *handle, const char *path, sentence err)
{
    void *symbol = dlsym(handle, ENTRY_POINT);
    if (symbol == NULL) {
        (void)fail(err, "'%s' is not an xdsgate plugin: it does not export " ENTRY_POINT, path);
        return NULL;
    }
    struct link_map *library = NULL;
    void *owner = NULL;
    Dl_info info;
    if (dlinfo(handle, RTLD_DI_LINKMAP, &library) != 0 || dladdr1(symbol, &info, &owner, RTLD_DL_LINKMAP) == 0 ||
        owner != (void *)library) {
        (void)fail(err, "'%s' is not an xdsgate plugin: its " ENTRY_POINT " comes from another library%s%s", path,
                   owner != NULL ? ", " : "", owner != NULL ? ((struct link_map *)owner)->l_name : "");
        return NULL;
    }
    query_function *query = NULL;
    memcpy(&query, &symbol, sizeof(query)); /* ISO C has no cast from object to function pointer */
    return query;
}

/* The first slot of version 1.0 that is NULL. Slots of later minors may be. */
static const char *find_missing_slot(const xg_auth *auth)
{
#define SLOT(name)                                                                                                     \
    if (auth->name == NULL) {                                                                                          \
        return #name;                                                                                                  \
    }
    SLOT(create)
    SLOT(authenticate)
    SLOT(auth_dataplane)
    SLOT(auth_zone_entity)
    SLOT(workload_for_scope)
    SLOT(session_close)
    SLOT(reload)
    SLOT(tick)
    SLOT(destroy)
#undef SLOT
    return NULL;
}

/* Zero, copy what both sides know, then check: from here on nobody looks at the plugin's own table. */
static bool copy_table(const void *table, uint32_t abi_min, uint32_t abi_max, xg_loader *loader, const char *path,
                       sentence err)
{
    memcpy(&loader->table_size, table, sizeof(loader->table_size));
    if (loader->table_size < offsetof(xg_auth, create)) {
        return fail(err, "'%s' returned a table of %u bytes; the smallest has %zu: it is damaged or no xdsgate plugin",
                    path, loader->table_size, sizeof(xg_auth));
    }
    size_t len = loader->table_size < sizeof(loader->auth) ? loader->table_size : sizeof(loader->auth);
    memcpy(&loader->auth, table, len);
    loader->auth.struct_size = (uint32_t)len;
    loader->abi = loader->auth.abi;
    if (loader->abi < abi_min || loader->abi > abi_max) {
        return fail(err, "'%s' answered with version %u.%u outside the range asked for, %u.%u to %u.%u", path,
                    loader->abi >> 16, loader->abi & 0xffffu, abi_min >> 16, abi_min & 0xffffu, abi_max >> 16,
                    abi_max & 0xffffu);
    }
    const char *missing = find_missing_slot(&loader->auth);
    if (missing != NULL) {
        return fail(err, "'%s' lacks the function '%s' that version %u.%u demands: install a complete xdsgate.so", path,
                    missing, loader->abi >> 16, loader->abi & 0xffffu);
    }
    return true;
}

/* Left out as a whole unless it is sound: a plugin that decides well is not refused for how it counts. */
static void take_stats(query_function *query, xg_loader *loader)
{
    const void *table = query(XG_IFACE_STATS, XG_ABI(1, 0), XG_ABI_STATS_CURRENT, &loader->stats_have);
    uint32_t size = 0;
    xg_stats_table stats = {0};
    if (table == NULL) {
        return;
    }
    memcpy(&size, table, sizeof(size));
    size = size < sizeof(stats) ? size : (uint32_t)sizeof(stats);
    memcpy(&stats, table, size < sizeof(size) ? sizeof(size) : size);
    stats.struct_size = size;
    if (stats.abi >= XG_ABI(1, 0) && stats.abi <= XG_ABI_STATS_CURRENT && stats.read != NULL && stats.denials != NULL) {
        loader->stats = stats;
    }
}

static bool negotiate(query_function *query, const xg_loader_options *options, xg_loader *loader, const char *path,
                      sentence err)
{
    uint32_t abi_min = options->abi_min != 0 ? options->abi_min : XG_ABI(1, 0);
    uint32_t abi_max = options->abi_max != 0 ? options->abi_max : XG_ABI_CURRENT;
    const void *table = query(XG_IFACE_AUTH, abi_min, abi_max, &loader->abi_have);
    if (table != NULL) {
        return copy_table(table, abi_min, abi_max, loader, path, err);
    }
    if (loader->abi_have == 0) {
        return fail(err, "'%s' does not have the interface " XG_IFACE_AUTH ": install a matching xdsgate.so", path);
    }
    return fail(err,
                "'%s' has version %u.%u of " XG_IFACE_AUTH ", this host needs %u.%u to %u.%u: update the older side",
                path, loader->abi_have >> 16, loader->abi_have & 0xffffu, abi_min >> 16, abi_min & 0xffffu,
                abi_max >> 16, abi_max & 0xffffu);
}

static bool load_descriptor(int fd, const char *path, const xg_loader_options *options, xg_loader *loader, sentence err)
{
    if (options->sha256 != NULL && !check_pin(fd, path, options->sha256, err)) {
        return false;
    }
    loader->handle = map_file(fd, path, options, err);
    if (loader->handle == NULL) {
        return false;
    }
    query_function *query = find_entry(loader->handle, path, err);
    if (query == NULL || !negotiate(query, options, loader, path, err)) {
        return false;
    }
    take_stats(query, loader);
    return true;
}

bool xg_loader_open(const char *path, const xg_loader_options *options, xg_loader *ret_loader, char *err,
                    size_t err_cap)
{
    static const xg_loader_options strict;
    const xg_loader_options *asked = options != NULL ? options : &strict;
    sentence sink = {err, err != NULL ? err_cap : 0};
    (void)fail(sink, "%s", "");
    *ret_loader = (xg_loader){0};
    if (path == NULL || path[0] == '\0') {
        return fail(sink, "no plugin named: give the path of xdsgate.so");
    }
    char resolved[PATH_MAX];
    if (asked->resolve_path) {
        if (realpath(path, resolved) == NULL) {
            return fail(sink, "cannot find '%s': %s", path, strerror(errno));
        }
        path = resolved;
    }
    if (path[0] != '/') {
        return fail(sink, "'%s' is not an absolute path: begin it with '/'", path);
    }
    int fd = open_file(path, sink);
    if (fd < 0) {
        return false;
    }
    bool ok = load_descriptor(fd, path, asked, ret_loader, sink);
    close(fd);
    if (!ok) {
        if (ret_loader->handle != NULL) {
            (void)dlclose(ret_loader->handle);
        }
        *ret_loader = (xg_loader){0};
    }
    return ok;
}

void xg_loader_close(xg_loader *loader)
{
    if (loader == NULL) {
        return;
    }
    if (loader->handle != NULL) {
        (void)dlclose(loader->handle);
    }
    *loader = (xg_loader){0};
}
