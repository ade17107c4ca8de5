#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# hammer.sh [SECONDS]: the search for a lost invalidation, long: tests/abi/test_hammer_sessions.c under ThreadSanitizer,
# for ten minutes unless told otherwise. Builds into build-hammer/. The suite runs the same for two seconds.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-600}
./tools/deps.sh test
# ThreadSanitizer of gcc 12 cannot place its shadow under the widest address randomisation; setarch -R turns it off.
plain=()
! setarch -R true 2>/dev/null || plain=(setarch -R)
[ -d build-hammer ] ||
    meson setup build-hammer -Db_sanitize=thread -Dbuildtype=debug -Doptimization=1 -Dbench=false >/dev/null
ninja -C build-hammer src/plugin/xdsgate.so tests/abi/test_hammer_sessions >/dev/null
XG_PLUGIN=$PWD/build-hammer/src/plugin/xdsgate.so TSAN_OPTIONS=halt_on_error=1 \
    "${plain[@]}" build-hammer/tests/abi/test_hammer_sessions "$seconds"
