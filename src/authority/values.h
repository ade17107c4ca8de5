/* SPDX-License-Identifier: Apache-2.0 */
/*
 * values.h: what stands in a deployment's values file, both shapes made one. Room: src/authority.
 *
 * Between values.c, which knows how such a file may be written, and manifest_plan.c, which knows what follows from it.
 * Thread rule: works on the caller's memory only.
 */
#ifndef XDSGATE_VALUES_H
#define XDSGATE_VALUES_H

#include "xdsgate/manifest.h"
#include "yaml_input.h"

/* A text and where it stands. A line of 0: it does not stand there. */
typedef struct xg_values_text {
    xg_str text;
    xg_manifest_at at;
} xg_values_text;

typedef struct xg_values_part {
    bool is_on;
    xg_manifest_at at;
    uint32_t replicas;
    xg_values_text service; /* service.name */
} xg_values_part;

typedef struct xg_values_mesh {
    xg_values_text name;
    xg_manifest_shape shape; /* never bare once read */
    xg_values_part parts[XG_MANIFEST_NUM_ROLES];
    xg_values_text space;
    xg_values_text address;
    xg_values_text advertised;
    uint32_t advertised_port;
    xg_manifest_at advertised_port_at;
} xg_values_mesh;

typedef struct xg_values {
    xg_yaml_input *input; /* owns the texts */
    xg_values_mesh *meshes;
    size_t num_meshes;
    xg_values_text zone;
    xg_values_text global_address;
    xg_values_text name_override;
} xg_values;

/* Adds what is wrong to troubles, and reads on as far as that makes sense. Release with xg_values_done in any case. */
void xg_values_read(xg_str text, const char *file, xg_values *values, xg_manifest_reports *troubles,
                    xg_manifest_reports *warnings);
void xg_values_done(xg_values *values);
/* A further report about a place in the file, for note and help. Line 0: about the file as a whole. Never NULL. */
xg_trouble *xg_values_report(xg_manifest_reports *reports, const char *file, xg_manifest_at at, const char *summary);

#endif /* XDSGATE_VALUES_H */
