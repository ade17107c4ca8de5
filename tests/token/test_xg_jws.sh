#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# xg-jws answers one line for one line: keys by kid, a key for all, a lint's reason, payloads that are no JSON.
set -eu
jws=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
b64() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }
token() { # header, payload, key
    input=$(printf %s "$1" | b64).$(printf %s "$2" | b64)
    printf '%s.%s\n' "$input" "$(printf %s "$input" | openssl dgst -sha256 -sign "$3" | b64)"
}
for k in a b; do
    openssl genrsa -out "$dir/$k.pem" 2048 2>/dev/null
    openssl rsa -in "$dir/$k.pem" -pubout -out "$dir/$k.pub" 2>/dev/null
done
openssl genrsa -out "$dir/small.pem" 1024 2>/dev/null
openssl rsa -in "$dir/small.pem" -pubout -out "$dir/small.pub" 2>/dev/null
{
    token '{"alg":"RS256"}' 'not json' "$dir/a.pem"
    token '{"alg":"RS256","kid":"b"}' 'x' "$dir/b.pem"
    token '{"alg":"RS256","kid":"b"}' 'x' "$dir/a.pem"
    token '{"alg":"RS256","kid":"s"}' 'x' "$dir/small.pem"
    token '{"alg":"none"}' 'x' "$dir/a.pem"
    echo 'a.b'
    echo
} >"$dir/in"
"$jws" --key "$dir/a.pub" --key "b=$dir/b.pub" --key "s=$dir/small.pub" <"$dir/in" >"$dir/out"
cat >"$dir/expected" <<'END'
ok bm90IGpzb24
ok eA
no signature_invalid
no key_size
no alg_refused
no credential_segments
no credential_empty
END
diff "$dir/expected" "$dir/out"
status=0
"$jws" --key "$dir/absent.pem" </dev/null 2>"$dir/err" || status=$?
test "$status" -eq 2
grep -q 'cannot read key file' "$dir/err"
echo "xg-jws: 7 answers as expected"
