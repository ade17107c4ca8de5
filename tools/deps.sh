#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# deps.sh [build|test|ci]: installs the Debian 12 packages that are missing for building (the default), testing or the
# whole gate. Owns the one list of packages. Must work with a shell and apt alone, and must say nothing and touch
# nothing when everything is there.
set -eu

build="gcc libc6-dev meson ninja-build pkg-config libssl-dev libjansson-dev libsodium-dev libfyaml-dev
    libsmartcols-dev uuid-dev libsqlite3-dev"
test="libcmocka-dev libjwt-dev openssl python3 locales valgrind abigail-tools binutils g++ clang-14 patch age
    bash zsh fish mandoc"
ci="libclang-rt-14-dev clang-tidy-14 llvm-14 cppcheck clang-format-14 pmccabe codespell shellcheck reuse gcovr git
    spin liburcu-dev"

# What fetches the test vectors of age: any version will do.
command -v go >/dev/null 2>&1 || ci="$ci golang-go"

case "${1:-build}" in
build) wanted="$build" ;;
test) wanted="$build $test" ;;
ci) wanted="$build $test $ci" ;;
*)
    echo "usage: tools/deps.sh [build|test|ci]" >&2
    exit 2
    ;;
esac

missing=""
for package in $wanted; do
    # shellcheck disable=SC2016 # the dollar belongs to dpkg-query
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    case "$status" in
    installed*) ;;
    *) missing="$missing $package" ;;
    esac
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "deps.sh: apt-get not found: this script serves Debian 12. Install the like of:$missing" >&2
    exit 1
fi
if [ "$(id -u)" -eq 0 ]; then
    as_root=""
elif command -v sudo >/dev/null 2>&1; then
    as_root="sudo"
else
    echo "deps.sh: these packages are missing, and installing them needs root or sudo:$missing" >&2
    echo "deps.sh: run this as root: apt-get install$missing" >&2
    exit 1
fi

echo "deps.sh: installing$missing" >&2
apt() {
    # Words of $as_root are meant to split: it is empty or one word.
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@" \
        </dev/null
}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086 # package names are words
if ! { apt update && apt install --no-install-recommends $missing; } >"$log" 2>&1; then
    cat "$log" >&2
    echo "deps.sh: apt-get failed, see above" >&2
    exit 1
fi
