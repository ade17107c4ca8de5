#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Every patch beside this file removes one check. For each: the sources with the patch must build, and at least one test
# must fail. A patch that no longer applies or builds, or that no test notices, fails the run and is named; so does a
# patch that rows.txt does not assign to a row, and a row without a patch.
#
#   run.sh SOURCE_DIR WORK_DIR [PATTERN]     with PATTERN: only the patches whose names match
set -euo pipefail
source_dir=$(cd "$1" && pwd)
mkdir -p "$2"
work=$(cd "$2" && pwd)
pattern=${3:-*}
num_workers=2

# Which tests judge a patch, by the file that it changes and, where a file holds several matters, by its own name: those
# nearest to it first, then the whole decision.
tests_for() { # for file $1 and patch $2
    case $1:$2 in
    src/base/json.c:*) echo base/test_json token/test_header token/test_claims auth/test_config auth/test_decisions ;;
    src/token/header.c:*) echo token/test_header auth/test_decisions ;;
    src/token/claims.c:*) echo token/test_claims auth/test_decisions ;;
    src/token/keyfile.c:*) echo token/test_keyfile auth/test_decisions ;;
    src/token/pubkey.c:*) echo token/test_keyfile token/test_pubkey auth/test_decisions ;;
    src/token/verified.c:*) echo token/test_verified abi/test_sessions ;;
    src/base/*:* | src/token/*:*) echo token/test_jws token/test_keyfile auth/test_decisions ;;
    src/auth/config.c:*) echo auth/test_config auth/test_decisions ;;
    src/auth/session*.c:*) echo auth/test_session abi/test_sessions ;;
    src/auth/*:cache_* | src/auth/*:row_13_* | src/auth/*:rejudge_*) echo abi/test_sessions auth/test_decisions ;;
    src/auth/*:*) echo auth/test_decisions abi/test_sessions ;;
    keys/*:*) echo keys/test_keyring keys/test_revocations keys/test_snapshot auth/test_decisions keys/test_dirstore ;;
    src/plugin/*:cache_* | src/plugin/*:row_13_* | src/plugin/*:live_* | src/plugin/*:abi_state_*)
        echo abi/test_live abi/test_sessions abi/test_hammer_sessions # the last sees what only threads that meet can see
        ;;
    src/plugin/*:*)
        echo abi/test_contract abi/test_events abi/test_process abi/test_sizes abi/test_sessions auth/test_decisions
        ;;
    esac
}
files=(src/base/json.c src/base/b64url.c src/token/header.c src/token/claims.c src/token/keyfile.c src/token/pubkey.c
    src/token/verified.c src/auth/config.c src/auth/engine.c src/auth/session.c keys/scan.c src/plugin/context.c)
mapfile -t all_tests < <(for file in "${files[@]}"; do
    tests_for "$file" row_13_
    tests_for "$file" ""
done | tr ' ' '\n' | sort -u)

check_rows() {
    diff <(sed -n 's/^[^#]*: *//p' "$source_dir/tests/mutants/rows.txt" | tr ' ' '\n' | grep . | sort -u) \
        <(find "$source_dir/tests/mutants" -name '*.patch' -printf '%f\n' | sed 's/\.patch$//' | sort) ||
        { echo "rows.txt and the patches differ: < has no patch, > has no row"; return 1; }
}

prepare() { # a copy of the tree, built once, in $1
    rm -rf "$1"
    mkdir -p "$1/tree"
    (cd "$source_dir" && cp -R meson.build meson_options.txt include src keys plugin-api tests tools "$1/tree")
    sed -i "/^foreach room/s/\[.*\]/['base', 'token', 'keys', 'auth', 'abi']/" "$1/tree/tests/meson.build"
    sed -i "s/get_option('fuzz') or get_option('tests')/get_option('fuzz')/" "$1/tree/meson.build"
    meson setup "$1/build" "$1/tree" --buildtype=debug -Dhardening=false -Dwerror=false -Dcli=false -Dbench=false >"$1/log" 2>&1
    build_tests "$1" "${all_tests[@]}" >>"$1/log" 2>&1
}

build_tests() { # in $1, the tests named
    local dir=$1
    shift
    ninja -C "$dir/build" -j1 src/plugin/xdsgate.so "${@/#/tests/}"
}

# Runs tests of the build in $1. Prints "killed", "timed-out" (which proves nothing) or "survived".
run_tests() {
    local dir=$1 t status
    shift
    for t in "$@"; do
        (cd "$dir/build" && XG_TESTS="$dir/tree/tests" XG_PLUGIN="$dir/build/src/plugin/xdsgate.so" \
            XG_FAKES="$dir/build/tests/abi" MALLOC_PERTURB_=165 timeout 120 "./tests/$t" >"$dir/test-log" 2>&1) && continue
        status=$?
        if [ "$status" -eq 124 ]; then echo "timed-out"; else echo "killed"; fi
        return
    done
    echo "survived"
}

try_patch() { # prints one word for patch $2 in worker directory $1
    local wanted
    if ! patch -d "$1/tree" -p1 --quiet --forward <"$2" >"$1/log" 2>&1; then
        echo "does-not-apply"
        (cd "$source_dir" && cp -R include src keys "$1/tree") # whatever the half-applied patch left
        return
    fi
    read -ra wanted < <(tests_for "$(sed -n 's/^+++ b\///p' "$2")" "$(basename "$2")")
    if ! build_tests "$1" "${wanted[@]}" >"$1/log" 2>&1; then
        echo "does-not-build"
    else
        run_tests "$1" "${wanted[@]}"
    fi
    patch -d "$1/tree" -p1 --quiet -R <"$2" >/dev/null
}

worker() { # number $1 takes every num_workers-th patch
    local i=0 patch_file
    for patch_file in "$source_dir"/tests/mutants/$pattern.patch; do
        if [ $((i++ % num_workers)) -eq "$1" ]; then
            echo "$(basename "$patch_file" .patch) $(try_patch "$work/$1" "$patch_file")"
        fi
    done >"$work/result-$1"
}

check_rows
for n in $(seq 0 $((num_workers - 1))); do
    prepare "$work/$n" || { cat "$work/$n/log"; exit 1; }
done
if [ "$(run_tests "$work/0" "${all_tests[@]}")" != survived ]; then
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
total=$(wc -l <"$work/result")
killed=$(grep -c ' killed$' "$work/result" || true)
echo "$killed of $total mutants killed"
[ "$killed" -eq "$total" ] && { [ "$pattern" != '*' ] || [ "$total" -gt 100 ]; }
