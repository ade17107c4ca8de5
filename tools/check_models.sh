#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# check_models.sh: searches the models in tools/models with spin, exhaustively, and each again with one step broken at a
# time. Fails if a right model is refused, searched in part, or has a step that is never taken; and if a broken one
# passes, or fails for another cause than the oracle's. Works in a directory of its own, about 20 s and 300 MB at most.
set -uo pipefail
cd "$(dirname "$0")/models" || exit 1
models=$PWD
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
num_failed=0

# search MODEL PAN_OPTIONS GCC_OPTIONS DEFINITION...: what pan reports, in $report; false if it did not get that far.
report=
search() {
    local model=$1 pan=$2 gcc=$3
    shift 3
    rm -rf "$dir/run" && mkdir "$dir/run" && cd "$dir/run" || return 1
    # shellcheck disable=SC2086 # options are words
    spin "${@/#/-D}" -a "$models/$model.pml" >spin.log 2>&1 &&
        gcc -O1 -w -DMEMLIM=900 -DCOLLAPSE $gcc -o pan pan.c >gcc.log 2>&1 &&
        timeout -s KILL 100 ./pan -m1000000 $pan >pan.log 2>&1
    local status=$?
    report=$(cat spin.log gcc.log pan.log 2>/dev/null)
    return "$status"
}

is_complete() {
    grep -q 'errors: 0$' <<<"$report" && grep -q '^pan: elapsed time' <<<"$report" &&
        ! grep -Eqi 'search not completed|depth too small|out of memory|MEMLIM|bitstate|violated|spin: .*error' <<<"$report"
}

# verdict IS_GOOD MODEL WHAT: one line; of a bad one, the report with it.
verdict() {
    local states
    states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' <<<"$report")
    printf '%-9s %-28s %-16s %s states\n' "$2" "$3" "$([ "$1" = 0 ] && echo "$4" || echo WRONG)" "${states:-no}"
    if [ "$1" != 0 ]; then
        num_failed=$((num_failed + 1))
        printf '%s\n' "$report"
    fi
}

# holds MODEL DEFINITION...: nothing is found, and every step is taken, but for the end of what never ends.
holds() {
    local status=1
    search "$1" "" -DSAFETY "${@:2}" && is_complete &&
        ! grep 'state [0-9]*, "' <<<"$report" | grep -v '"-end-"' && status=0
    verdict "$status" "$1" "${*:2}" holds
}

# holds_in_part: as holds, with processes left out.
holds_in_part() {
    local status=1
    search "$1" "" -DSAFETY "${@:2}" && is_complete && status=0
    verdict "$status" "$1" "${*:2}" holds
}

# ends: what the model's ltl claim says comes about, if no process that could go on is held up for ever.
ends() {
    local status=1
    search "$1" "-a -f" "" "${@:2}" && is_complete && grep -q 'fairness enabled' <<<"$report" && status=0
    verdict "$status" "$1" "${*:2}" "comes to its end"
}

# breaks: an assertion is found violated. Any other error would say that the model is wrong, not the step.
breaks() {
    local status=1
    search "$1" "" -DSAFETY "${@:2}"
    grep -q '^pan:1: assertion violated' <<<"$report" && grep -q 'errors: 1$' <<<"$report" && status=0
    verdict "$status" "$1" "${*:2}" "found broken"
}

# never_ends: a cycle without the claimed end is found.
never_ends() {
    local status=1
    search "$1" "-a -f" "" "${@:2}"
    grep -q '^pan:1: acceptance cycle' <<<"$report" && grep -q 'errors: 1$' <<<"$report" && status=0
    verdict "$status" "$1" "${*:2}" "found endless"
}

holds readers
ends readers ENDS
for step in DRAIN_OLD_ONLY DRAIN_OTHER_ONLY COUNT_LATE PUBLISH_LATE; do
    breaks readers "$step"
done
never_ends readers ENDS NO_FLIP

holds empty
for step in ONE_LOOK NO_SUM; do
    breaks empty "$step"
done

holds sessions
holds_in_part sessions CALLERS=3 CHANGES_ALONE LAST_KIND=3
for step in UNCHECKED CHECK_UNLOCKED JUDGE_ONCE GENERATION_LATE SKIP_EMPTY CLOSE_UNLOCKED UNSWEPT SWEPT_LATE; do
    breaks sessions "$step"
done

[ "$num_failed" -eq 0 ]
