/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xdsgate_loader.h: the reference host loader: from a file name to a checked copy of the plugin's table.
 *
 * Made to be copied into a host as it is: xdsgate_loader.{h,c} need xdsgate_plugin.h, libc and libcrypto, nothing else
 * of this project. Hosts that do not want libcrypto compile it with XG_LOADER_WITHOUT_PIN and do without the SHA-256
 * pin. It decides nothing about proxies and keeps no state of its own.
 *
 * Thread rule: all functions from any thread; one xg_loader must not be opened and closed at the same time.
 */
#ifndef XDSGATE_LOADER_H
#define XDSGATE_LOADER_H

#include <stdbool.h>

#include "xdsgate_plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What the host asks of the file. All zero is the strict and usual choice; a NULL pointer means the same. */
typedef struct xg_loader_options {
    uint32_t abi_min;        /* oldest version the host can use; 0 = XG_ABI(1, 0) */
    uint32_t abi_max;        /* newest version the host knows; 0 = XG_ABI_CURRENT */
    const char *sha256;      /* 64 hexadecimal digits the file must have; NULL = any content */
    bool resolve_path;       /* accept relative paths and symbolic links: the path is resolved first, then checked */
    bool keep_loaded;        /* never unmap the library, as is best for hosts: xg_loader_close leaves it in place */
    bool allow_without_proc; /* where /proc is not mounted, open the path a second time instead of refusing */
} xg_loader_options;

/* A loaded plugin. Only `auth`, `stats` and the versions are the host's business. */
typedef struct xg_loader {
    xg_auth auth;         /* a copy: what the plugin has and this header does not know is cut, what it lacks is NULL */
    xg_stats_table stats; /* the same for xdsgate.stats/1; all zero if the plugin has none that this host can use */
    uint32_t abi;         /* the version negotiated: put it into xg_host.abi */
    uint32_t abi_have;    /* the newest version the plugin has */
    uint32_t table_size;  /* struct_size as the plugin declared it */
    uint32_t stats_have;  /* the newest version the plugin has of xdsgate.stats/1; 0 = it does not know it */
    void *handle;
} xg_loader;

/* Room for every sentence of xg_loader_open, with a path of usual length. Longer ones are cut. */
#define XG_LOADER_ERROR_SIZE 512

/*
 * Loads the plugin at path. In this order: the path must be absolute (or resolve_path set), the file regular, no
 * symbolic link, owned by root or by us, not writable by group or others, with the pinned content; that very file is
 * mapped, whatever stands at the path by then; it must define xdsgate_plugin_query itself (not one of its
 * dependencies), agree on a version, and fill every slot of that version.
 *
 * The statistics are optional and decide nothing: a table of theirs that is damaged, of another version or incomplete
 * is left out (stats.read is NULL while stats_have is not 0), and the plugin loads all the same.
 *
 * True on success. Otherwise false, *ret_loader is all zero, nothing stays loaded, and err (err_cap bytes, may be
 * NULL when 0) holds a NUL-terminated sentence that says what was expected, what was found and what to do.
 */
bool xg_loader_open(const char *path, const xg_loader_options *options, xg_loader *ret_loader, char *err,
                    size_t err_cap);

/* Unloads (unless keep_loaded) and zeroes *loader. Every context must be destroyed. NULL and all-zero are fine. */
void xg_loader_close(xg_loader *loader);

#ifdef __cplusplus
}
#endif

#endif /* XDSGATE_LOADER_H */
