#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# replay_must_catch.sh REPLAY INPUT: passes only if replaying the input ends in a broken property, so that the way from
# a property to a failed test is itself tested.
set -u
if output=$("$1" "$2" 2>&1); then
    echo "replay_must_catch.sh: the negative control passed" >&2
    exit 1
fi
printf '%s\n' "$output" | grep 'property broken: accepted text encodes back to itself'
