#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# check_headers.sh: every header compiles alone, with either compiler, so that no file depends on the order of its
# includes.
set -eu
cd "$(dirname "$0")/.."
status=0
for header in $(git ls-files '*.h' ':!plugin-api/frozen'); do
    for compiler in gcc clang-14; do
        printf '#include "%s"\n' "$header" |
            "$compiler" -std=gnu17 -D_GNU_SOURCE -Wall -Wextra -Werror -I. -Iinclude -Iplugin-api -Iplugin-api/loader \
                -I"$(dirname "$header")" -Itests -fsyntax-only -x c - || status=1
    done
done
exit "$status"
