/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workload.c: a zone token's scope as the workload of a mesh-scoped zone proxy.
 *
 * Owns the name zone-proxy-<mesh>-<role>. Must never shorten a name: two meshes would share a workload. Pure.
 */

#include "xdsgate/auth.h"

#define WORKLOAD_MAX 63u /* a Kubernetes label value, and a DNS-1035 label */

static bool is_lower_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* RFC 1035 section 2.3.1, lower case as Kubernetes has it: [a-z]([-a-z0-9]*[a-z0-9])? */
static bool is_dns_label(xg_str s)
{
    if (s.len == 0 || s.ptr[0] < 'a' || s.ptr[0] > 'z' || !is_lower_or_digit(s.ptr[s.len - 1])) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] != '-' && !is_lower_or_digit(s.ptr[i])) {
            return false;
        }
    }
    return true;
}

static xg_str role_of(uint32_t scope_bits)
{
    switch (scope_bits) {
    case XG_SCOPE_INGRESS:
        return XG_STR("-ingress");
    case XG_SCOPE_EGRESS:
        return XG_STR("-egress");
    case XG_SCOPE_INGRESS | XG_SCOPE_EGRESS:
        return XG_STR("-all");
    default:
        return (xg_str){NULL, 0};
    }
}

xg_result xg_workload_for_scope(xg_str mesh, uint32_t scope_bits, char *out, size_t cap)
{
    static const xg_str PREFIX = XG_STR_INIT("zone-proxy-");
    xg_str role = role_of(scope_bits);
    xg_text text;

    xg_text_init(&text, out, cap);
    XG_CHECK(role.len > 0, WORKLOAD_SCOPE);
    XG_CHECK(mesh.ptr != NULL, WORKLOAD_MESH);
    XG_CHECK(is_dns_label(mesh) && mesh.len <= WORKLOAD_MAX - PREFIX.len - role.len, WORKLOAD_MESH);
    XG_CHECK(text.cap > PREFIX.len + mesh.len + role.len, WORKLOAD_SPACE);
    xg_text_add(&text, PREFIX);
    xg_text_add(&text, mesh);
    xg_text_add(&text, role);
    return XG_OK;
}
