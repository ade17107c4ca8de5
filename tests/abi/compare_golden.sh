#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# compare_golden.sh GOLDEN PROGRAM: what PROGRAM prints must be what the committed file GOLDEN holds.
set -eu
golden=$1
program=$2
if "$program" | diff -u "$golden" -; then
    exit 0
fi
echo "The ABI's $(basename "$golden") changed. A line that changed or went breaks every host: undo it." >&2
echo "Lines that were only added: raise the minor, write the entry in plugin-api/ABI.md, and add them to $golden." >&2
exit 1
