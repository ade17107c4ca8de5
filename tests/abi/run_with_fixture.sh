#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run_with_fixture.sh MAKER COMMAND...: makes a fixture, runs COMMAND... with its folder as last argument, removes it.
set -eu
maker=$1
shift
folder=$("$maker")
trap 'rm -rf -- "$folder"' EXIT
"$@" "$folder"
