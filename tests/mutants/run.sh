#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Every patch beside this file removes one check. For each: the sources with the patch must build, and at least one test
# must fail. A patch that no longer applies or builds, or that no test notices, fails the run and is named.
#
#   run.sh SOURCE_DIR WORK_DIR
set -euo pipefail
source_dir=$(cd "$1" && pwd)
mkdir -p "$2"
work=$(cd "$2" && pwd)
num_workers=2
tests=(tests/auth/test_decisions tests/token/test_keyfile)

prepare() { # a copy of the tree, built once, in $1
    rm -rf "$1"
    mkdir -p "$1/tree"
    (cd "$source_dir" && cp -R meson.build meson_options.txt include src keys plugin-api tests tools "$1/tree")
    sed -i "/^foreach room/s/\[.*\]/['token', 'auth']/" "$1/tree/tests/meson.build"
    sed -i "s/get_option('fuzz') or get_option('tests')/get_option('fuzz')/" "$1/tree/meson.build"
    meson setup "$1/build" "$1/tree" --buildtype=debug -Dhardening=false -Dwerror=false -Dcli=false -Dbench=false >"$1/log" 2>&1
    ninja -C "$1/build" -j1 src/plugin/xdsgate.so "${tests[@]}" >>"$1/log" 2>&1
}

# Runs the tests of the build in $1; the exit status is that of the first that fails.
run_tests() {
    local t
    for t in "${tests[@]}"; do
        (cd "$1/build" && XG_TESTS="$1/tree/tests" XG_PLUGIN="$1/build/src/plugin/xdsgate.so" timeout 60 "./$t" \
            >"$1/test-log" 2>&1) || return 1
    done
}

try_patch() { # prints one word for patch $2 in worker directory $1
    if ! patch -d "$1/tree" -p1 --quiet --forward <"$2" >"$1/log" 2>&1; then
        echo "does-not-apply"
        (cd "$source_dir" && cp -R include src keys "$1/tree") # whatever the half-applied patch left
        return
    fi
    if ! ninja -C "$1/build" -j1 src/plugin/xdsgate.so "${tests[@]}" >"$1/log" 2>&1; then
        echo "does-not-build"
    elif run_tests "$1"; then
        echo "survived"
    else
        echo "killed"
    fi
    patch -d "$1/tree" -p1 --quiet -R <"$2" >/dev/null
}

worker() { # number $1 takes every num_workers-th patch
    local i=0 patch_file
    for patch_file in "$source_dir"/tests/mutants/*.patch; do
        if [ $((i++ % num_workers)) -eq "$1" ]; then
            echo "$(basename "$patch_file" .patch) $(try_patch "$work/$1" "$patch_file")"
        fi
    done >"$work/result-$1"
}

for n in $(seq 0 $((num_workers - 1))); do
    prepare "$work/$n" || { cat "$work/$n/log"; exit 1; }
done
if ! run_tests "$work/0"; then
    echo "the tests fail without any patch:"
    cat "$work/0/test-log"
    exit 1
fi
for n in $(seq 0 $((num_workers - 1))); do
    worker "$n" &
done
wait
cat "$work"/result-* | sort >"$work/result"
grep -v ' killed$' "$work/result" || true
total=$(find "$source_dir/tests/mutants" -name '*.patch' | wc -l)
killed=$(grep -c ' killed$' "$work/result" || true)
echo "$killed of $total mutants killed"
[ "$killed" -eq "$total" ] && [ "$total" -gt 50 ]
