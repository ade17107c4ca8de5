#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check_header.sh FOLDER USER.c COMPILER...: xdsgate_plugin.h of FOLDER compiles alone, in every language version a
# host may use, without padding that a compiler invented and without a warning. Each COMPILER is a C or C++ compiler.
set -eu
folder=$1
user=$2
shift 2
flags="-Wall -Wextra -pedantic -Wpadded -Wconversion -Wundef -Wshadow -Werror -fsyntax-only -I$folder"
failed=0
for compiler in "$@"; do
    case $compiler in
    *++*) language=c++ versions="c++11 c++20" ;;
    *) language=c versions="c99 c11 c17" ;;
    esac
    for version in $versions; do
        # shellcheck disable=SC2086 # the flags are several words
        if "$compiler" -x "$language" -std="$version" $flags "$user"; then
            echo "ok: $compiler -std=$version"
        else
            echo "FAILED: $compiler -std=$version" >&2
            failed=1
        fi
    done
done
exit "$failed"
