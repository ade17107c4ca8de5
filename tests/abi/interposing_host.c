/* SPDX-License-Identifier: Apache-2.0 */
/*
 * interposing_host.c [refuse|deny] FOLDER: a host that exports a function of a library the plugin verifies with, which
 * says yes to everything. The plugin's calls may then end up here (rule A23).
 *   refuse  create must fail and name the function
 *   deny    the function is none the plugin could call: create may succeed, the forged token must be denied
 * Which function: INTERPOSED, and INTERPOSED_2, INTERPOSED_3.
 */
#include <stdio.h>
#include <string.h>

#include "bare_host.h"

#define EXPORTED_YES(name)                                                                                             \
    XG_EXPORT int name(void);                                                                                          \
    XG_EXPORT int name(void)                                                                                           \
    {                                                                                                                  \
        return 1;                                                                                                      \
    }

EXPORTED_YES(INTERPOSED)
#ifdef INTERPOSED_2
EXPORTED_YES(INTERPOSED_2)
EXPORTED_YES(INTERPOSED_3)
#endif

#define TEXT_OF(name)     #name
#define TEXT_OF_VALUE(of) TEXT_OF(of)

int main(int argc, char **argv)
{
    bare_host host;
    xg_loader plugin;
    char err[512] = "";
    if (argc != 3) {
        bare_host_give_up("usage: interposing_host refuse|deny FOLDER");
    }
    bare_host_init(&host, argv[2]);
    bare_host_load(&plugin);
    xg_ctx *ctx = bare_host_create(&host, &plugin, err, sizeof(err));
    if (ctx == NULL) {
        printf("create: %s\n", err);
        return strstr(err, TEXT_OF_VALUE(INTERPOSED)) != NULL ? 0 : 1;
    }
    uint32_t forged = bare_host_ask(&plugin, ctx, host.forged);
    uint32_t good = bare_host_ask(&plugin, ctx, host.token);
    printf("create succeeded; forged token: %u, good token: %u\n", forged, good);
    (void)plugin.auth.destroy(ctx);
    bare_host_done(&host);
    return strcmp(argv[1], "deny") == 0 && forged == XG_REASON_SIGNATURE_INVALID && good == XG_REASON_OK ? 0 : 1;
}
