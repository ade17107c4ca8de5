#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# test.sh [MESON-TEST-ARGUMENT...]: installs what is missing, builds into build/ and runs every test. Owns nothing but
# the order of these steps. The last line, "N passed, N failed", is counted from meson's own log; the exit code is zero
# only if nothing failed. A skipped test is named, and is a failure when CI=true.
set -eu
cd "$(dirname "$0")/.."

./tools/deps.sh test
if [ ! -f build/build.ninja ]; then
    meson setup build
fi
ninja -C build

# The log of an earlier run must not be counted if this one does not get as far as writing its own.
rm -f build/meson-logs/testlog.json
status=0
meson test -C build --no-rebuild --print-errorlogs "$@" || status=$?
python3 tools/count_tests.py build/meson-logs/testlog.json "$status"
