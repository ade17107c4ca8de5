#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# fuzz.sh [SECONDS [TARGET...]]: builds the libFuzzer targets and runs each for so many seconds (20) from its corpus and
# dictionary. Owns the flags that the targets need. Fails if a property breaks, if a function that a target's head names
# is not reached by its corpus, or if the negative control is not caught.
#
# New inputs go to build-fuzz/new/TARGET, findings to build-fuzz/findings; nothing is written to the tree.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-20}
[ $# -eq 0 ] || shift
build='build-fuzz'
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
    for source in fuzz/fuzz_*.c; do
        name=$(basename "$source" .c)
        [ "$name" = fuzz_common ] || targets+=("${name#fuzz_}")
    done
fi

./tools/deps.sh ci
if [ ! -f "$build/build.ninja" ]; then
    CC=clang-14 meson setup "$build" -Dfuzz=true -Dtests=false -Dcli=false -Dbench=false \
        -Db_sanitize=address,undefined -Dc_link_args=-fsanitize=address \
        "-Dc_args=['-fsanitize=fuzzer-no-link','-fno-sanitize-recover=all']"
fi
ninja -C "$build" "${targets[@]/#/fuzz/fuzz_}"
mkdir -p "$build/findings" "$build/new" "$build/logs"

run_target() {
    local target=$1 seconds=$2 log="build-fuzz/logs/$1.log" new="build-fuzz/new/$1" reached function status=0
    rm -rf "$new"
    mkdir -p "$new"
    ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1 UBSAN_OPTIONS=print_stacktrace=1 \
        "build-fuzz/fuzz/fuzz_$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -seed=1 \
        -max_len=16384 -dict="fuzz/dict/$target.dict" -artifact_prefix="build-fuzz/findings/$target-" \
        "$new" "fuzz/corpus/$target" >"$log" 2>&1 || status=$?
    if [ "$target" = negative ]; then
        if ! grep -q 'property broken: accepted text encodes back to itself' "$log"; then
            echo "fuzz_negative: FAIL: the fault put in on purpose was not found"
            return 1
        fi
        rm -f build-fuzz/findings/negative-*
        echo "fuzz_negative: the fault put in on purpose was found"
        return 0
    fi
    if [ "$status" -ne 0 ]; then
        echo "fuzz_$target: FAIL"
        grep -E 'property broken|ERROR|SUMMARY|runtime error' "$log" | head -5
        tail -3 "$log"
        return 1
    fi
    # What the head comment promises ("Targets: a, b, c.") must be reached by the corpus in the tree alone.
    reached=$("build-fuzz/fuzz/fuzz_$target" -runs=0 -print_coverage=1 "fuzz/corpus/$target" 2>&1 |
        sed -n 's/^COVERED_FUNC: .*edges: [0-9/]* \([^ ]*\) .*/\1/p')
    while read -r function; do
        if ! grep -qx "$function" <<<"$reached"; then
            echo "fuzz_$target: FAIL: its corpus does not reach $function"
            return 1
        fi
    done < <(awk '/^ \* Targets: /{on = 1} on{print} on && /\.$/{exit}' "fuzz/fuzz_$target.c" |
        grep -o '[a-z0-9]*_[a-z_0-9]*')
    echo "fuzz_$target: $(sed -n 's/^Done \([0-9]*\) runs.*/\1/p' "$log") runs in $seconds s"
}
export -f run_target
printf '%s\n' "${targets[@]}" | xargs -P "$(nproc)" -I{} bash -c 'run_target {} '"$seconds"
