/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain.c: reason and finding to the operator's sentence.
 *
 * Owns the expansion of reasons.def's braces. Must never let a byte of token or proxy through unescaped, and never
 * decide anything. Pure, thread-safe.
 */
#include <string.h>

#include "xdsgate/auth.h"

/* Characters of a quoted value: as many as fit into xg_decision.text with the sentence around them. */
#define VALUE_MAX       60
#define VALUE_MAX_THREE 44 /* where the sentence names three */

typedef struct value {
    xg_str name;
    xg_str value;
} value;

/* Expands the brace expression at the start of *rest, which holds its closing brace, and steps over it. */
static void expand_one(xg_str *rest, size_t len, const value *values, size_t num_values, size_t max_len, xg_text *text)
{
    xg_str name = {rest->ptr + 1, len - 2};
    for (size_t i = 0; i < num_values; i++) {
        if (xg_str_eq(name, values[i].name)) {
            xg_text_quote(text, values[i].value, max_len);
        }
    }
    *rest = xg_str_skip(*rest, len);
}

static size_t count_braces(const char *template)
{
    size_t count = 0;
    for (const char *p = template; *p != '\0'; p++) {
        count += *p == '{' ? 1 : 0;
    }
    return count;
}

static void expand(const char *template, const value *values, size_t num_values, xg_text *text)
{
    size_t max_len = count_braces(template) < 3 ? VALUE_MAX : VALUE_MAX_THREE;
    xg_str rest = xg_str_of(template);
    while (rest.len > 0) {
        const char *open = memchr(rest.ptr, '{', rest.len);
        size_t plain = open == NULL ? rest.len : (size_t)(open - rest.ptr);
        xg_text_add(text, (xg_str){rest.ptr, plain});
        rest = xg_str_skip(rest, plain);
        const char *close = rest.len == 0 ? NULL : memchr(rest.ptr, '}', rest.len);
        if (close != NULL) {
            expand_one(&rest, (size_t)(close - rest.ptr) + 1, values, num_values, max_len, text);
        } else { /* a brace that is none of ours */
            xg_text_add(text, rest);
            rest.len = 0;
        }
    }
}

void xg_explain(uint32_t reason, const xg_finding *finding, xg_str mesh, xg_str kid, xg_text *text)
{
    const xg_reason_info *info = xg_reason_find(reason);
    const value values[] = {
        {XG_STR("token"), finding->token},
        {XG_STR("proxy"), finding->proxy},
        {XG_STR("field"), finding->field},
        {XG_STR("mesh"), mesh},
        {XG_STR("kid"), kid},
    };
    expand(info->text, values, XG_ARRAY_LEN(values), text);
    if (info->help[0] != '\0') {
        xg_text_add(text, XG_STR(" "));
        expand(info->help, values, XG_ARRAY_LEN(values), text);
    }
}
