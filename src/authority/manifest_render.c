/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest_render.c: the texts of the files that a planned zone proxy needs.
 *
 * The same input gives the same bytes. Must never let a value from outside speak YAML: each stands in double quotes,
 * and one that is not printable ASCII is refused. The token goes into the Secret and nowhere else. Thread rule: works
 * on the caller's memory only.
 */
#include <sodium.h>

#include "xdsgate/manifest.h"

/* A file begun at the end of text: taken back unless all of it went in. */
typedef struct sheet {
    xg_text *text;
    size_t start;
    bool was_cut;
    bool is_good;
} sheet;

static sheet begin(xg_text *text)
{
    sheet s = {.text = text, .start = text->len, .was_cut = text->is_cut, .is_good = true};
    text->is_cut = false;
    return s;
}

static bool finish(sheet *s)
{
    bool is_good = s->is_good && !s->text->is_cut;
    if (!is_good && s->text->cap > 0) {
        sodium_memzero(s->text->ptr + s->start, s->text->len - s->start);
        s->text->len = s->start;
    }
    s->text->is_cut = s->was_cut;
    return is_good;
}

static void put(sheet *s, const char *words)
{
    xg_text_add(s->text, xg_str_of(words));
}

/* A mesh may be named true or null, and a quote in a value must not end it. */
static void put_quoted(sheet *s, xg_str value)
{
    xg_text_add(s->text, XG_STR("\""));
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        s->is_good = s->is_good && c >= 0x20 && c < 0x7f;
        if (c == '"' || c == '\\') {
            xg_text_add(s->text, XG_STR("\\"));
        }
        xg_text_add(s->text, (xg_str){&c, 1});
    }
    xg_text_add(s->text, XG_STR("\""));
    s->is_good = s->is_good && value.len > 0;
}

static void put_member(sheet *s, const char *key, xg_str value)
{
    put(s, key);
    put(s, ": ");
    put_quoted(s, value);
    put(s, "\n");
}

static void put_port(sheet *s, const char *key, uint16_t port)
{
    xg_text_printf(s->text, "%s: %u\n", key, (unsigned)port);
    s->is_good = s->is_good && port > 0;
}

bool xg_manifest_render_name(const xg_manifest_proxy *proxy, xg_manifest_file file, xg_text *text)
{
    static const char *const ENDINGS[] = {
        [XG_MANIFEST_TOKEN_FILE] = ".token",
        [XG_MANIFEST_SECRET_FILE] = ".secret.yaml",
        [XG_MANIFEST_DATAPLANE_FILE] = ".dataplane.yaml",
        [XG_MANIFEST_MESH_FILE] = ".mesh.yaml",
        [XG_MANIFEST_MESH_KUBE_FILE] = ".mesh.kubernetes.yaml",
    };
    sheet s = begin(text);
    xg_str name = file < XG_MANIFEST_MESH_FILE ? xg_str_of(proxy->workload) : proxy->mesh;
    for (size_t i = 0; i < name.len; i++) {
        s.is_good = s.is_good && ((name.ptr[i] >= 'a' && name.ptr[i] <= 'z') ||
                                  (name.ptr[i] >= '0' && name.ptr[i] <= '9') || name.ptr[i] == '-');
    }
    s.is_good = s.is_good && name.len > 0;
    xg_text_add(text, name);
    put(&s, ENDINGS[file]);
    return finish(&s);
}

static void put_base64(sheet *s, xg_str bytes)
{
    xg_text *text = s->text;
    size_t size = sodium_base64_encoded_len(bytes.len, sodium_base64_VARIANT_ORIGINAL);
    if (bytes.len == 0 || text->cap == 0 || text->cap - text->len < size) {
        s->is_good = false;
        return;
    }
    sodium_bin2base64(text->ptr + text->len, size, (const unsigned char *)bytes.ptr, bytes.len,
                      sodium_base64_VARIANT_ORIGINAL);
    text->len += size - 1;
}

bool xg_manifest_render_secret(const xg_manifest_proxy *proxy, xg_str token, xg_text *text)
{
    sheet s = begin(text);
    char storage[XG_WORKLOAD_SIZE + 8];
    xg_text name;
    xg_text_init(&name, storage, sizeof(storage));
    xg_text_add(&name, xg_str_of(proxy->workload));
    s.is_good = name.len > 0;
    xg_text_add(&name, XG_STR("-token"));
    put(&s, "apiVersion: v1\nkind: Secret\nmetadata:\n");
    put_member(&s, "  name", (xg_str){name.ptr, name.len});
    put_member(&s, "  namespace", proxy->space);
    put(&s, "  labels:\n");
    put_member(&s, "    kuma.io/mesh", proxy->mesh);
    put(&s, "type: Opaque\ndata:\n  token: ");
    put_base64(&s, token);
    put(&s, "\n");
    return finish(&s);
}

static void put_listener(sheet *s, const xg_manifest_proxy *proxy, xg_manifest_role role)
{
    static const char *const TYPES[] = {"ZoneIngress", "ZoneEgress"};
    xg_text_printf(s->text, "    - type: %s\n", TYPES[role]);
    put_member(s, "      name", xg_manifest_plan_role(role));
    put_member(s, "      address", proxy->address);
    put_port(s, "      port", proxy->ports[role]);
}

bool xg_manifest_render_dataplane(const xg_manifest_proxy *proxy, xg_text *text)
{
    sheet s = begin(text);
    put(&s, "type: Dataplane\n");
    put_member(&s, "mesh", proxy->mesh);
    put_member(&s, "name", xg_str_of(proxy->workload));
    put(&s, "labels:\n  kuma.io/proxy-type: zoneproxy\n");
    put_member(&s, "  kuma.io/zone-proxy-role", xg_manifest_plan_role(proxy->role));
    put_member(&s, "  kuma.io/workload", xg_str_of(proxy->workload));
    put(&s, "networking:\n");
    put_member(&s, "  address", proxy->address);
    if (proxy->advertised_address.len > 0) {
        put_member(&s, "  advertisedAddress", proxy->advertised_address);
        put_port(&s, "  advertisedPort", proxy->advertised_port);
    }
    put(&s, "  listeners:\n");
    if (proxy->role != XG_MANIFEST_EGRESS) {
        put_listener(&s, proxy, XG_MANIFEST_INGRESS);
    }
    if (proxy->role != XG_MANIFEST_INGRESS) {
        put_listener(&s, proxy, XG_MANIFEST_EGRESS);
    }
    return finish(&s);
}

bool xg_manifest_render_mesh(xg_str mesh, bool is_kubernetes, xg_text *text)
{
    sheet s = begin(text);
    if (is_kubernetes) {
        put(&s, "apiVersion: kuma.io/v1alpha1\nkind: Mesh\nmetadata:\n");
        put_member(&s, "  name", mesh);
    } else {
        put(&s, "type: Mesh\n");
        put_member(&s, "name", mesh);
    }
    return finish(&s);
}
