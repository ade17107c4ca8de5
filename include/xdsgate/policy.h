/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy.h: guard rails that a token must keep before it is minted, from a file in YAML. Room: src/authority.
 *
 * Members, all of them optional; an unknown one is an error, since a rule that is not understood would not be kept:
 *
 *   longest_lifetime: 90d            how long a token may be valid
 *   mesh_wide: false                 whether a token without name, workload and tags may be minted (default: true)
 *   workload_required: true          every dataplane token is bound to a workload (default: false)
 *   name_pattern: "[a-z]+-[0-9]+"    extended regular expression (POSIX) that the whole of the Name claim must match
 *   workload_pattern: "..."          the same for the Workload claim
 *   mesh_pattern: "..."              the same for the mesh of dataplane tokens
 *   zone_tokens: false               whether zone tokens may be minted at all (default: true)
 *
 * A pattern counts for claims that are not empty. Thread rule: immutable once loaded; any number of threads check.
 */
#ifndef XDSGATE_POLICY_H
#define XDSGATE_POLICY_H

#include "xdsgate/authority.h"
#include "xdsgate/token.h"

typedef struct xg_policy xg_policy;

/* Reads a policy; path is for reports. */
bool xg_policy_parse(xg_str text, const char *path, xg_policy **ret_policy, xg_trouble *trouble) XG_MUST_USE;
void xg_policy_free(xg_policy *policy);
/* Whether it says how long a token may be valid. */
bool xg_policy_has_lifetime(const xg_policy *policy);
/* Whether the token may be minted. On refusal the rule, what it demands, what the token would have. */
bool xg_policy_check(const xg_policy *policy, const xg_mint_request *request, xg_trouble *trouble) XG_MUST_USE;

#endif /* XDSGATE_POLICY_H */
