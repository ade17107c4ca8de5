#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# kumactl_compare.sh [VERSION]: runs the real kumactl beside `xdsgate generate` over a table of command lines
# (tests/cli/kumactl_compare.py). Builds kumactl of VERSION (default v2.14.3) from the Go module proxy in a temporary
# directory; KUMACTL=PATH takes a ready program instead. Needs Go, python3 and openssl, and build/ with the xdsgate that
# is to be compared. Never passes without a kumactl: if none can be had, it fails and says why.
set -euo pipefail
cd "$(dirname "$0")/.."

version=${1:-v2.14.3}
module=github.com/kumahq/kuma/v2
export XG_CLI=${XG_CLI:-$PWD/build/src/cli/xdsgate}

[[ -x $XG_CLI ]] || { echo "no $XG_CLI: run ninja -C build src/cli/xdsgate first, or set XG_CLI" >&2; exit 2; }
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT

if [[ -z ${KUMACTL:-} ]]; then
    # Kuma's own go.mod has replacements, which count only when it is the main module: so its tree is copied and built.
    if ! (cd "$work" && go mod init compare && go mod download -json "$module@$version") >"$work/module.json" \
        2>"$work/log"; then
        echo "kumactl $version cannot be had from the Go module proxy:" >&2
        cat "$work/log" "$work/module.json" >&2
        echo "give a ready program: KUMACTL=PATH $0" >&2
        exit 1
    fi
    source=$(python3 -c 'import json, sys; print(json.load(sys.stdin)["Dir"])' <"$work/module.json")
    cp -r "$source" "$work/kuma"
    chmod -R u+w "$work/kuma"
    (cd "$work/kuma" && CGO_ENABLED=0 timeout -s KILL 1800 go build -o "$work/kumactl" ./app/kumactl)
    KUMACTL=$work/kumactl
fi
export KUMACTL
exec_path=$(command -v "$KUMACTL")
KUMACTL=$(realpath "$exec_path")
"$KUMACTL" version 2>/dev/null | head -n 1 || true
python3 tests/cli/kumactl_compare.py
