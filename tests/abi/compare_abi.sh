#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# compare_abi.sh ABIDIFF FROZEN.so CURRENT.so CHANGED.so: the header of today describes what the frozen one describes.
# CHANGED.so is built from a header with one member moved, and must be told apart: else this test could not fail.
set -eu
abidiff=$1
frozen=$2
current=$3
changed=$4
if ! "$abidiff" --no-unreferenced-symbols "$frozen" "$current"; then
    echo "xdsgate_plugin.h no longer describes the frozen ABI: undo the change, or append and raise the minor." >&2
    exit 1
fi
if "$abidiff" --no-unreferenced-symbols "$frozen" "$changed" >/dev/null; then
    echo "abidiff did not see a moved member: are the probe libraries built with debug information (-g)?" >&2
    exit 1
fi
