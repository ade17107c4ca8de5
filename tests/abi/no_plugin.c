/* SPDX-License-Identifier: Apache-2.0 */
/* no_plugin.c: a library with nothing in it that a loader could want. */
__attribute__((visibility("default"))) int no_plugin_here(void);

int no_plugin_here(void)
{
    return 0;
}
