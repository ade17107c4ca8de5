#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check_object.sh exports|imports|elf|providers OBJECT LIST: what the linked plugin exports, imports and is made of.
#   exports  defined dynamic symbols are exactly the lines of LIST
#   imports  no undefined dynamic symbol matches a line of LIST
#   elf      hardening and loadability; LIST is not read
#   providers  every function of libcrypto and libsodium that is imported stands in the self-test's table (LIST), and
#              nothing else of them does
set -eu
export LC_ALL=C
rule=$1
object=$2
list=$3
failed=0

fail()
{
    echo "$(basename "$object"): $*" >&2
    failed=1
}

# Columns of readelf: number, value, size, type, bind, visibility, section, name[@version]. A version script also
# defines one absolute symbol for its version node; that one is no export.
dynamic_symbols()
{
    readelf -W --dyn-syms "$object" | awk -v want="$1" '
        $1 ~ /^[0-9]+:$/ && NF >= 8 {
            name = $8
            sub(/@.*/, "", name)
            kind = $7 == "UND" ? "undefined" : $7 == "ABS" ? "absolute" : "defined"
            if (kind == want) {
                print name
            }
        }' | sort -u
}

check_exports()
{
    dynamic_symbols defined | diff -u "$list" - >&2 || fail "exports differ from $(basename "$list") (+ is what is too many)"
}

check_imports()
{
    imports=$(dynamic_symbols undefined)
    [ -n "$imports" ] || fail "no import found: is this a linked shared object?"
    patterns=$(grep -Ev '^[[:space:]]*(#|$)' "$list")
    found=$(printf '%s\n' "$imports" | grep -Ex "$patterns" || true)
    for symbol in $found; do
        fail "imports $symbol, which $(basename "$list") forbids"
    done
    # The list itself must be able to catch something.
    for symbol in atexit __cxa_atexit pthread_key_create setenv printf __printf_chk strtod HMAC_Init_ex jwt_decode; do
        printf '%s\n' "$symbol" | grep -Exq "$patterns" || fail "the list does not catch $symbol"
    done
}

# All undefined symbols but those of the C library and the compiler.
library_imports()
{
    readelf -W --dyn-syms "$object" | awk '$7 == "UND" && NF >= 8 && $8 !~ /@GLIBC|^_ITM_|^__gmon/ {
        sub(/@.*/, "", $8)
        print $8
    }' | sort -u
}

check_providers()
{
    expected=$(sed -n 's/^ *OURS(\([A-Za-z0-9_]*\), .*/\1/p' "$list" | sort -u)
    imports=$(library_imports)
    if [ "$(printf '%s\n' "$imports" | wc -l)" -lt 10 ] || [ "$imports" != "$expected" ]; then
        fail "the self-test's table and the imports differ: $(printf '%s\n%s\n' "$imports" "$expected" | sort | uniq -u | tr '\n' ' ')"
    fi
}

# want TEXT WHY / refuse TEXT WHY: a line of $facts matches, or none does
want()
{
    printf '%s\n' "$facts" | grep -Eq -- "$1" || fail "$2"
}

refuse()
{
    if printf '%s\n' "$facts" | grep -Eq -- "$1"; then
        fail "$2"
    fi
}

check_elf()
{
    facts=$(readelf -W --file-header "$object")
    want 'Type: +DYN' 'is not a shared object'
    facts=$(readelf -W --program-headers "$object")
    want 'GNU_RELRO' 'has no RELRO: link with -z relro'
    want 'GNU_STACK.* RW +0x' 'has no statement on its stack, or an executable one: link with -z noexecstack'
    refuse '^ +TLS ' 'has a thread-local segment: static mutable state is not allowed'
    refuse 'LOAD.* RWE ' 'has a segment that is writable and executable'
    facts=$(readelf -W --dynamic "$object")
    want '\(BIND_NOW\)|FLAGS.*(BIND_NOW|NOW)' 'is not bound at load: link with -z now'
    refuse '\(TEXTREL\)|FLAGS.*TEXTREL' 'has text relocations: compile with -fPIC'
    refuse '\((RPATH|RUNPATH)\)' 'has a library search path'
    refuse '\((INIT|FINI)_ARRAYSZ\) +([^8 ]|8[0-9])' 'has constructors or destructors beyond the one of the compiler'
    refuse 'NEEDED.*(libjwt|libpthread|libstdc)' 'needs a library that it must not need'
    facts=$(readelf -W --notes "$object")
    want 'Build ID: [0-9a-f]{16}' 'has no build id: link with --build-id'
    check_writable_data
}

# Writable data that is not const after relocation: the C runtime has a byte and a pointer there, we have nothing.
check_writable_data()
{
    sizes=$(readelf -W --sections "$object" | sed 's/^ *\[ *[0-9]*\] *//' | awk '$1 == ".data" || $1 == ".bss" { print $5 }')
    for size in $sizes; do
        if [ $((0x$size)) -gt 16 ]; then
            fail "has $((0x$size)) bytes of writable static data: state belongs into the context"
        fi
    done
}

case $rule in
exports) check_exports ;;
imports) check_imports ;;
elf) check_elf ;;
providers) check_providers ;;
*) fail "unknown rule '$rule': exports, imports, elf or providers" ;;
esac
exit "$failed"
