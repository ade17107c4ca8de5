#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run_with_locales.sh COMMAND...: builds the locales that test_environment.c wants into a temporary folder and runs
# COMMAND... with LOCPATH set to it. Needs the package `locales` for its sources.
set -eu
folder=$(mktemp -d)
trap 'rm -rf -- "$folder"' EXIT
for locale in de_DE ps_AF tr_TR fa_IR; do
    # localedef exits with 1 when it only warned.
    localedef --no-archive -f UTF-8 -i "$locale" "$folder/$locale.UTF-8" >"$folder/log" 2>&1 || true
    if [ ! -e "$folder/$locale.UTF-8/LC_NUMERIC" ]; then
        cat "$folder/log" >&2
        echo "cannot build the locale $locale: install the package 'locales'" >&2
        exit 1
    fi
done
LOCPATH=$folder "$@"
