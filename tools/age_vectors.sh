#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# age_vectors.sh [TOOL]: runs the age test vectors of C2SP's CCTV. Fetches them as a Go module, checked against the hash
# below, into a directory that is removed again; nothing of them is kept in the tree. Needs `go` and its module proxy.
# TOOL is the age_tool of a build (build/tests/authority/age_tool).
set -euo pipefail
cd "$(dirname "$0")/.."

module='c2sp.org/CCTV/age'
version='v0.0.0-20251208015420-e9274a7bdbfd'
sum='h1:ZLsPO6WdZ5zatV4UfVpr7oAwLGRZ+sebTUruuM4Ra3M='
tool=${1:-build/tests/authority/age_tool}

[ -x "$tool" ] || { echo "age_vectors.sh: $tool not found: build it first (ninja -C build tests/authority/age_tool)" >&2; exit 1; }
command -v go >/dev/null || { echo "age_vectors.sh: go not found: the vectors come as a Go module" >&2; exit 1; }

work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
answer=$(cd "$work" && GOFLAGS=-mod=mod GOMODCACHE="$work/modules" go mod download -json "$module@$version")
field() { sed -n "s/^[[:space:]]*\"$1\": \"\(.*\)\",\{0,1\}\$/\1/p" <<<"$answer"; }
[ "$(field Sum)" = "$sum" ] || { echo "age_vectors.sh: $module@$version is not what it was: $(field Sum)" >&2; exit 1; }
python3 tests/authority/age_cctv.py "$tool" "$(field Dir)/testdata"
