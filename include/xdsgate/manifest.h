/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest.h: what a deployment's values file asks for in zone proxies, as a plan and as the texts of files.
 * Room: src/authority.
 *
 * Pure: no file is read or written, nothing is signed, nothing is printed. A plan with troubles holds no proxy: there
 * is no half of a plan. Nothing here ever shortens a name. The token passes through xg_manifest_render_secret alone.
 * Thread rule: a plan is immutable once made; everything else works on the caller's memory.
 *
 * The two shapes of an entry of `meshes:` may stand side by side in one file, never in one entry:
 *   draft    {name, role: all|ingress|egress|separate, replicas, namespace}; role is all unless it says otherwise
 *   shipped  {name, ingress.enabled, egress.enabled, combinedProxies.enabled, ...service.name, ...deployment.replicas}
 * An entry that has only a name is of the draft shape, unless every entry with a shape is of the shipped one: there a
 * bare entry enables nothing, as in the chart. Beside these, an entry of either shape may say address,
 * advertisedAddress and advertisedPort.
 */
#ifndef XDSGATE_MANIFEST_H
#define XDSGATE_MANIFEST_H

#include "xdsgate/auth.h"
#include "xdsgate/authority.h"

#define XG_MANIFEST_MESHES_MAX  100000u
#define XG_MANIFEST_REPORTS_MAX 20u
#define XG_MANIFEST_NAME_SIZE   64u /* a DNS label and its NUL */

/* Where in the values file; both count from 1. */
typedef struct xg_manifest_at {
    uint32_t line;
    uint32_t column;
} xg_manifest_at;

typedef enum xg_manifest_role {
    XG_MANIFEST_INGRESS = 0,
    XG_MANIFEST_EGRESS = 1,
    XG_MANIFEST_ALL = 2 /* both listeners in one proxy: role all of the draft, combinedProxies of the chart */
} xg_manifest_role;
#define XG_MANIFEST_NUM_ROLES 3u

typedef enum xg_manifest_shape {
    XG_MANIFEST_BARE = 0,
    XG_MANIFEST_DRAFT = 1,
    XG_MANIFEST_SHIPPED = 2
} xg_manifest_shape;

/* The first of what is to be said; total counts all of it ("and N more"). */
typedef struct xg_manifest_reports {
    xg_trouble items[XG_MANIFEST_REPORTS_MAX + 1]; /* the last is scratch for what is only counted */
    size_t num;
    size_t total;
} xg_manifest_reports;

/* What the command line says beside the file. An empty text or 0 means the default. All texts outlive the plan. */
typedef struct xg_manifest_options {
    const char *file;          /* as reports call it */
    xg_str release;            /* of Helm: kuma */
    xg_str space;              /* the namespace of entries that name none: kuma-system */
    xg_str address;            /* networking.address of Dataplanes whose entry has none; no default */
    xg_str advertised_address; /* of ingresses whose entry has none; none */
    uint16_t advertised_port;  /* the ingress port */
    uint16_t ingress_port;     /* 10001 */
    uint16_t egress_port;      /* 10002 */
    bool wants_dataplanes;     /* Dataplane resources will be rendered: every proxy needs an address */
} xg_manifest_options;

typedef struct xg_manifest_mesh {
    xg_str name;
    xg_manifest_at at;
    xg_manifest_shape shape;
    size_t first_proxy;
    size_t num_proxies; /* 0: nothing is enabled for it */
} xg_manifest_mesh;

/* One zone proxy: one token. */
typedef struct xg_manifest_proxy {
    xg_str mesh;
    xg_manifest_role role;
    xg_manifest_at at;
    char workload[XG_WORKLOAD_SIZE]; /* zone-proxy-<mesh>-<role>; also the name of the Dataplane */
    xg_str space;                    /* namespace */
    uint32_t replicas;
    /* service.name of the entry, else <release>-<mesh>-zoneproxy: the mesh's Service */
    char service[XG_MANIFEST_NAME_SIZE];
    /* What today's chart calls the Service, <nameOverride or kuma>-<mesh>-<role>, where that is another name: an
     * ingress or egress of the shipped shape without service.name. Else empty. */
    char chart_service[XG_MANIFEST_NAME_SIZE];
    xg_str address;            /* may be empty unless wants_dataplanes */
    xg_str advertised_address; /* empty: none. Never for an egress. */
    uint16_t advertised_port;
    uint16_t ports[2]; /* by role */
} xg_manifest_proxy;

typedef struct xg_manifest_plan {
    xg_manifest_mesh *meshes;
    size_t num_meshes;
    xg_manifest_proxy *proxies; /* in the order of the file; ingress before egress */
    size_t num_proxies;
    xg_str zone;           /* controlPlane.zone; may be empty */
    xg_str global_address; /* controlPlane.kdsGlobalAddress; may be empty */
    bool is_federated;     /* the zone gets its meshes from a global control plane: it needs no Mesh resource */
    xg_manifest_reports troubles;
    xg_manifest_reports warnings;
    struct xg_yaml_input *input; /* what the texts are borrowed from */
} xg_manifest_plan;

/* ---- manifest_plan.c ---- */

/*
 * The plan of a values file's text (at most 16 MiB, which may go away afterwards). Never holds a proxy when
 * troubles.total > 0: what is wrong with the file is all in there, memory running out included. NULL only if there is
 * no memory for the plan itself. Free with xg_manifest_plan_free.
 */
xg_manifest_plan *xg_manifest_plan_new(xg_str text, const xg_manifest_options *options) XG_MUST_USE;
void xg_manifest_plan_free(xg_manifest_plan *plan);
/* "ingress", "egress" or "all": as in the workload's name and in the label kuma.io/zone-proxy-role. */
xg_str xg_manifest_plan_role(xg_manifest_role role);
/* The scope that a zone token would need to be such a proxy: XG_SCOPE_*. */
uint32_t xg_manifest_plan_scope(xg_manifest_role role);

/* ---- manifest_render.c: each adds one whole file to text ---- */

/*
 * All of them: true on success; false if the storage of text is too small, or if a value cannot stand in such a file
 * (nothing but printable ASCII can; a plan without troubles holds nothing else). On false text holds what it held
 * before. XG_MANIFEST_RENDER_SIZE bytes are always enough.
 */
#define XG_MANIFEST_RENDER_SIZE ((size_t)16 * 1024)

typedef enum xg_manifest_file {
    XG_MANIFEST_TOKEN_FILE = 0, /* zone-proxy-<mesh>-<role>.token */
    XG_MANIFEST_SECRET_FILE,    /* zone-proxy-<mesh>-<role>.secret.yaml */
    XG_MANIFEST_DATAPLANE_FILE, /* zone-proxy-<mesh>-<role>.dataplane.yaml */
    XG_MANIFEST_MESH_FILE,      /* <mesh>.mesh.yaml, Universal */
    XG_MANIFEST_MESH_KUBE_FILE  /* <mesh>.mesh.kubernetes.yaml */
} xg_manifest_file;

/* The name under which a file of the proxy, or of its mesh, is to be kept. No directory; at most 127 characters. */
bool xg_manifest_render_name(const xg_manifest_proxy *proxy, xg_manifest_file file, xg_text *text) XG_MUST_USE;
/*
 * A Kubernetes Secret: name zone-proxy-<mesh>-<role>-token in the proxy's namespace, label kuma.io/mesh, type Opaque,
 * the token under data.token in base64. text then holds the secret: its storage is the caller's to wipe. On false,
 * what was begun is wiped.
 */
bool xg_manifest_render_secret(const xg_manifest_proxy *proxy, xg_str token, xg_text *text) XG_MUST_USE;
/* The Dataplane resource in the Universal form. False also if the proxy has no address. */
bool xg_manifest_render_dataplane(const xg_manifest_proxy *proxy, xg_text *text) XG_MUST_USE;
/* The Mesh resource that an unfederated zone needs, in the Universal or the Kubernetes form. */
bool xg_manifest_render_mesh(xg_str mesh, bool is_kubernetes, xg_text *text) XG_MUST_USE;

#endif /* XDSGATE_MANIFEST_H */
