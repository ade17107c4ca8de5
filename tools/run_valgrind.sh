#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# run_valgrind.sh PROGRAM [ARGUMENT...]: the program under valgrind's memcheck. Fails on an error, a leak, or a file
# descriptor left open. The last needs this wrapper: valgrind 3.19 lists such descriptors but exits with 0. Preloads
# $XG_VALGRIND_PRELOAD, for a system call that this valgrind does not know (tests/openat2_shim.c).
set -u
log=$(mktemp)
trap 'rm -f "$log"' EXIT
LD_PRELOAD=${XG_VALGRIND_PRELOAD:-} valgrind --quiet --error-exitcode=99 --leak-check=full --show-leak-kinds=definite,indirect \
    --errors-for-leak-kinds=definite,indirect --track-fds=yes --child-silent-after-fork=yes --log-file="$log" "$@"
status=$?
cat "$log" >&2
if [ "$status" -eq 0 ] && grep -A1 'Open .*file descriptor\|Open .*socket' "$log" | grep -v '<inherited from parent>' |
    grep -q 'at 0x'; then
    echo "run_valgrind.sh: a file descriptor was left open" >&2
    status=98
fi
exit "$status"
