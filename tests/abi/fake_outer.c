/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_outer.c: a library that is no plugin but depends on one, so that dlsym finds the entry point in the dependency.
 * A loader must refuse it (rule M8 of the ABI's history: a module whose dependency answered for it).
 */
#include "xdsgate_plugin.h"

XG_EXPORT int outer_uses_a_plugin(void);

int outer_uses_a_plugin(void)
{
    return xdsgate_plugin_query("", 0, 0, (uint32_t *)0) != (const void *)0;
}
