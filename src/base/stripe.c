/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stripe.c: which of several equal places a thread should use, by the processor it runs on.
 *
 * Owns nothing. Must never use thread-locals of ours: their destructors would outlive the library. Thread rule: pure
 * but for the machine's own answer.
 */
#include <sched.h>
#include <unistd.h>

#include "xdsgate/readers.h"

unsigned xg_stripe_count(void)
{
    long num_cpus = sysconf(_SC_NPROCESSORS_CONF);
    return num_cpus < 1 ? 1 : num_cpus > (long)XG_STRIPES_MAX ? XG_STRIPES_MAX : (unsigned)num_cpus;
}

unsigned xg_stripe_here(unsigned count)
{
    int cpu = sched_getcpu();
    return cpu < 0 ? 0 : (unsigned)cpu % count;
}
