#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# hammer.sh [SECONDS]: builds with ThreadSanitizer into build-hammer/ and runs tests/abi/test_hammer_sessions for so many
# seconds (600): threads register and close sessions, one revokes and reloads, one ticks. Prints the line of the test,
# and fails if it counts anything wrong (a lost invalidation, one told twice or for a reason that does not fit) or if the
# sanitizer reports a race. Writes nothing to the tree.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-600}
if [ $# -gt 1 ] || [[ ! $seconds =~ ^[1-9][0-9]{0,5}$ ]]; then
    echo "usage: tools/hammer.sh [SECONDS]" >&2
    exit 2
fi
build='build-hammer'

# ThreadSanitizer of gcc 12 cannot place its shadow under the widest address randomisation; setarch -R turns it off.
plain=()
! setarch -R true 2>/dev/null || plain=(setarch -R)

./tools/deps.sh test
if [ ! -f "$build/build.ninja" ]; then
    meson setup "$build" -Db_sanitize=thread -Dbuildtype=debug -Doptimization=1 -Dbench=false
fi
"${plain[@]}" ninja -C "$build" src/plugin/xdsgate.so tests/abi/test_hammer_sessions

# A run that hangs is a failure too: what the test does at its end takes seconds.
TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1 XG_PLUGIN="$PWD/$build/src/plugin/xdsgate.so" \
    "${plain[@]}" timeout -s KILL $((seconds + 120)) "$build/tests/abi/test_hammer_sessions" "$seconds"
