/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest_dump.h: a plan as lines of text, for tests that compare all of it. One thread.
 */
#ifndef XDSGATE_TESTS_MANIFEST_DUMP_H
#define XDSGATE_TESTS_MANIFEST_DUMP_H

#include "xdsgate/manifest.h"

/* Every report in the shape that the command line prints, then "and N more" if there are. Free with free. */
char *manifest_dump_reports(const xg_manifest_reports *reports, const char *label);
/* The zone, each mesh, each proxy with all it has, warnings and errors. Free with free. */
char *manifest_dump_plan(const xg_manifest_plan *plan);

#endif /* XDSGATE_TESTS_MANIFEST_DUMP_H */
