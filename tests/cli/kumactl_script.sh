#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A script as somebody writes it for kumactl: keys, tokens and their check, with all four `generate` commands. It runs
# unchanged with PROGRAM=kumactl and PROGRAM=xdsgate; what it prints holds nothing random, so that the two can be
# compared. Works in the current directory.
set -eu

"$PROGRAM" generate signing-key --format=pem >key.pem
"$PROGRAM" generate public-key --signing-key-path=key.pem >key.pub

"$PROGRAM" --no-config generate dataplane-token -m demo --name web-01 --tag kuma.io/service=web,web-api --tag env=prod \
    --valid-for 24h --signing-key-path key.pem --kid 1 >dataplane.token
"$PROGRAM" generate zone-token --zone east --scope ingress --scope egress --valid-for 1h30m --kid 7 \
    --signing-key-path key.pem >zone.token

echo "signing key:"
head -n 1 key.pem
echo "public key:"
sed -n '1p;$p' key.pub

# Base64url to bytes.
decode() {
    text=$(tr '_-' '/+')
    while [ $((${#text} % 4)) -ne 0 ]; do text="$text="; done
    printf %s "$text" | base64 -d
}

for token in dataplane.token zone.token; do
    echo "$token: $(wc -l <$token) lines"
    cut -d. -f1 $token | decode
    echo
    cut -d. -f2 $token | decode | sed 's/"jti":"[0-9a-f-]*"/"jti":"ID"/; s/:[0-9][0-9]*/:TIME/g'
    echo
    cut -d. -f3 $token | tr -d '\n' | decode >signature
    printf %s "$(cut -d. -f1,2 $token)" >signed
    openssl rsa -RSAPublicKey_in -in key.pub -pubout -out verify.pem 2>/dev/null
    openssl dgst -sha256 -verify verify.pem -signature signature signed
done

# A Secret as `kumactl apply` takes it.
data=$("$PROGRAM" generate signing-key)
printf 'type: Secret\nmesh: demo\nname: dataplane-token-signing-key-demo-2\ndata: %s\n' "$data" >secret.yaml
sed -n 's/^data: //p' secret.yaml | base64 -d >second.pem
"$PROGRAM" generate public-key --signing-key-path second.pem | head -n 1

if "$PROGRAM" generate zone-token --zone east --signing-key-path key.pem --kid 1 2>/dev/null; then
    echo "a token without --valid-for"
fi
