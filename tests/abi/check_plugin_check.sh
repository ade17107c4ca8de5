#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check_plugin_check.sh PROGRAM PLUGIN FAKES: what xg-plugin-check (PROGRAM) says of xdsgate.so (PLUGIN) and of the fake
# and bad plugins in the folder FAKES: exit codes, and the lines that matter.
set -eu
export LC_ALL=C
program=$1
plugin=$2
fakes=$3
failed=0

# expect CODE LINE ARGUMENT...: the program ends with CODE and prints a line that matches the expression LINE.
expect()
{
    code=$1
    line=$2
    shift 2
    found=0
    printed=$("$program" "$@" 2>&1) || found=$?
    if [ "$found" -ne "$code" ] || ! printf '%s\n' "$printed" | grep -Eq -- "$line"; then
        printf 'xg-plugin-check %s\nexpected exit code %s and a line like <%s>, found exit code %s and:\n%s\n' \
            "$*" "$code" "$line" "$found" "$printed" >&2
        failed=1
    fi
}

pin=$(sha256sum "$plugin" | cut -d' ' -f1)
other_pin=$(printf '%s' "$pin" | tr 0123456789abcdef 123456789abcdef0)

expect 0 '^[0-9]+ checks, 0 failed$' "$plugin"
expect 0 '^version: +1\.0 negotiated, 1\.0 is the newest' "$plugin"
expect 0 '^features: +sessions$' "$plugin"
expect 0 '^stats: +xdsgate\.stats/1 1\.0$' "$plugin"
expect 0 ', 0 failed$' --sha256 "$pin" "$plugin"
expect 3 'is not the pinned file' --sha256 "$other_pin" "$plugin"
expect 3 '64 hexadecimal digits' --sha256 "" "$plugin"

expect 1 '^create with an empty configuration: FAILED: expected NULL, found a context' "$fakes/fake.so"
expect 1 '^stats: +not offered$' "$fakes/fake.so"
expect 1 '^stats: +xdsgate\.stats/1 1\.7, not usable$' "$fakes/fake_stats_1_7.so"
expect 1 '^stats\.denials without a context: ok$' "$fakes/fake_stats.so"
expect 1 '^query for the statistics gives one table: FAILED: expected a table' "$fakes/fake_stats_null_1.so"
expect 1 '^table: +96 bytes, 88 in' "$fakes/fake_larger.so"
expect 3 'version 1\.7 outside the range asked for' "$fakes/fake_lawless.so"
expect 3 "lacks the function 'authenticate'" "$fakes/fake_null_1.so"
expect 3 'comes from another library' "$fakes/fake_outer.so"
expect 3 'does not export' "$fakes/no_plugin.so"
expect 3 'No such file' "$fakes/no_such_file.so"

# Every check can fail; and each that gives room for an answer sees what is written beyond it.
expect 1 '^([0-9]+) checks, \1 failed$' "$fakes/bad_lenient.so"
expect 1 'never write beyond err_cap' "$fakes/bad_greedy.so"
expect 1 'never write beyond cap' "$fakes/bad_greedy.so"
expect 1 'cap 0: expected' "$fakes/bad_greedy.so"
expect 1 'expected no byte written beyond 4' "$fakes/bad_greedy.so"

expect 2 '^usage: '
expect 2 '^usage: ' "$plugin" "$plugin"
expect 2 '^usage: ' --sha256 "$plugin"
expect 2 '^usage: ' --unknown
expect 0 '^usage: ' --help
exit "$failed"
