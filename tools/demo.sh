#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# demo.sh: from a bare machine to a table of decisions: installs what building needs, builds xdsgate.so and the command
# line into build-demo/, makes keys, mints tokens, and asks the plugin about proxies that should be admitted and proxies
# that should not. Owns what each case must come to: any other answer is an error, so the table cannot lie.
set -eu
umask 022 # the plugin's loader refuses a file that a group can write to
cd "$(dirname "$0")/.."

./tools/deps.sh build

build="build-demo"
if [ ! -f "$build/build.ninja" ]; then
    log=$(meson setup "$build" -Dtests=false -Dbench=false 2>&1) || {
        printf '%s\n' "$log" >&2
        exit 1
    }
fi
echo "Building xdsgate.so and xdsgate in $build/ ..."
if ! ninja -C "$build" src/cli/xdsgate src/plugin/xdsgate.so >"$build/build.log" 2>&1; then
    cat "$build/build.log" >&2
    exit 1
fi

work=$(mktemp -d "$build/run.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
authority="$work/authority" # private keys; stays with the operator
store="$work/store"         # public keys and revocations; what the control plane reads
failures=0
cases=0

xdsgate() {
    "$build/src/cli/xdsgate" "$@"
}

# say NOTE ARGUMENT...: shows a command as a reader would type it; NOTE stands behind it.
say() {
    note=$1
    shift
    printf '  $ xdsgate'
    for word in "$@"; do
        printf ' %s' "${word#"$work/"}"
    done
    printf '%s\n' "$note"
}

new_key() {
    say '' key new "$@" --authority "$authority" --store "$store" --plain
    xdsgate key new "$@" --authority "$authority" --store "$store" --plain >"$work/answer"
}

# mint FILE ARGUMENT...: a token, into a file.
mint() {
    file=$1
    shift
    xdsgate mint "$@" >"$work/$file"
}

# shown_mint FILE ARGUMENT...: the same, and shows the command.
shown_mint() {
    say " > $1" mint "$2" "$3" "$4" "$5" "$6" --valid-for 24h --authority "$authority"
    mint "$@" --valid-for 24h --authority "$authority"
}

# dataplane FILE MESH NAME WORKLOAD SERVICE: a proxy as Kuma describes it.
dataplane() {
    cat >"$work/$1" <<EOF
type: Dataplane
mesh: $2
name: $3
labels:
  kuma.io/workload: $4
networking:
  address: 192.0.2.10
  inbound:
  - port: 10001
    tags:
      kuma.io/service: $5
EOF
}

# row CASE OUTCOME REASON SENTENCE: one case of the table, the sentence wrapped into the last column.
row() {
    printf '%s\n' "$4" | fold -s -w 58 | sed 's/ *$//' | {
        IFS= read -r line || true
        printf '%-34s %-8s %-25s %s\n' "$1" "$2" "$3" "$line"
        while IFS= read -r line; do
            printf '%-34s %-8s %-25s %s\n' '' '' '' "$line"
        done
    }
}

# expect CASE OUTCOME REASON TOKEN ARGUMENT...: asks the plugin, prints its answer, and compares.
expect() {
    title=$1
    wanted="$2 $3"
    token=$4
    shift 4
    cases=$((cases + 1))
    code=0
    xdsgate try --plugin "$build/src/plugin/xdsgate.so" --store "$store" --token-file "$work/$token" "$@" \
        >"$work/answer" 2>"$work/errors" || code=$?
    outcome=$(sed -n 1p "$work/answer")
    reason=$(sed -n 's/^reason: *[0-9]* //p' "$work/answer")
    sentence=$(sed -n 's/^text: *//p' "$work/answer")
    row "$title" "$outcome" "$reason" "$sentence"
    case "$outcome $code" in
    'allowed 0' | 'denied 1') ;;
    *)
        echo "demo.sh: '$title': no decision was made (exit code $code)" >&2
        cat "$work/errors" >&2
        failures=$((failures + 1))
        return
        ;;
    esac
    if [ "$outcome $reason" != "$wanted" ]; then
        echo "demo.sh: '$title' should have been: $wanted" >&2
        failures=$((failures + 1))
    fi
}


echo
echo "1. Keys. Private halves stay in the authority, public halves go into the store that the control plane reads."
new_key --mesh payments-mesh
new_key --mesh orders-mesh
new_key --for-zone

echo
echo "2. Tokens. One for the zone proxy of a mesh (new), one for the zone ingress of a whole zone (legacy)."
shown_mint zone-proxy.token dataplane --mesh payments-mesh --role all
shown_mint zone-ingress.token zone --zone east --scope ingress
sed -n 's/^/  /p' <<'EOF'
The first one is bound to the workload zone-proxy-payments-mesh-all. More tokens, for what follows: bound to a tag,
expired, revoked, altered on the way, and signed with a key that serves several meshes.
EOF

day="--valid-for 24h --authority $authority"
# shellcheck disable=SC2086 # the words of $day are flags
{
    mint tag.token dataplane --mesh payments-mesh --workload card --tag kuma.io/service=card-api,card-web $day
    mint revoked.token dataplane --mesh payments-mesh --role all --jti stolen-laptop-7 $day
    mint expired.token dataplane --mesh payments-mesh --role all --valid-for 1h --now "$(($(date +%s) - 7200))" \
        --authority "$authority"
}
echo "stolen-laptop-7" >"$store/meshes/payments-mesh/revoked"

# One letter of the claims, changed: base64url stays base64url, but the signature is over other bytes.
sed 's/^\([^.]*\..\{60\}\)A/\1B/; t; s/^\([^.]*\..\{60\}\)./\1A/' "$work/zone-proxy.token" >"$work/altered.token"

# A key that serves every mesh, as an operator may choose to have: only the token's own Mesh tells meshes apart then.
xdsgate key new --mesh every --kid every-1 --authority "$authority" --store "$work/other" --plain >"$work/answer"
mkdir -p "$store/any-mesh/keys"
cp "$work/other/meshes/every/keys/every-1.pem" "$store/any-mesh/keys/"
mint any-mesh.token dataplane --mesh payments-mesh --role all --valid-for 24h \
    --key "$authority/meshes/every/every-1.pem" --kid every-1
mint mesh-signed.token zone --zone east --valid-for 24h --key "$authority/meshes/payments-mesh/1.pem" --kid 1

dataplane proxy.yaml payments-mesh zone-proxy-1 zone-proxy-payments-mesh-all zone-proxy
dataplane card.yaml payments-mesh card-1 card card-api
dataplane other-workload.yaml payments-mesh card-1 card card-api
dataplane other-mesh.yaml orders-mesh zone-proxy-1 zone-proxy-payments-mesh-all zone-proxy
dataplane other-tag.yaml payments-mesh card-1 card ledger
dataplane lost-mesh.yaml shipping-mesh zone-proxy-1 zone-proxy-payments-mesh-all zone-proxy
: >"$work/empty.token"

echo
echo "3. Decisions. Each line is one proxy that connects; xdsgate.so is loaded through dlopen and asked."
echo
printf '%-34s %-8s %-25s %s\n' 'CASE' 'OUTCOME' 'REASON' 'WHAT THE OPERATOR READS'
expect 'zone proxy, its own token' allowed ok zone-proxy.token --file "$work/proxy.yaml"
expect 'service, its own token' allowed ok tag.token --file "$work/card.yaml"
expect 'zone ingress, its zone token' allowed ok zone-ingress.token --zone east --kind zone-ingress
expect 'wrong workload' denied binding_workload zone-proxy.token --file "$work/other-workload.yaml"
expect 'wrong mesh' denied binding_mesh any-mesh.token --file "$work/other-mesh.yaml"
expect 'wrong mesh, with its own key' denied signature_invalid zone-proxy.token --file "$work/other-mesh.yaml"
expect 'mesh that nobody knows' denied mesh_unknown zone-proxy.token --file "$work/lost-mesh.yaml"
expect 'wrong tag' denied binding_tag_value tag.token --file "$work/other-tag.yaml"
expect 'expired' denied expired expired.token --file "$work/proxy.yaml"
expect 'revoked' denied revoked_jti revoked.token --file "$work/proxy.yaml"
expect 'tampered' denied signature_invalid altered.token --file "$work/proxy.yaml"
expect 'no token' denied credential_empty empty.token --file "$work/proxy.yaml"
expect 'zone token on a dataplane' denied signature_invalid zone-ingress.token --file "$work/proxy.yaml"
expect 'the same, by the key of the mesh' denied claims_other_kind mesh-signed.token --file "$work/proxy.yaml"
expect 'zone token in the wrong zone' denied binding_zone zone-ingress.token --zone west --kind zone-ingress
expect 'scope missing' denied binding_scope zone-ingress.token --zone east --kind zone-egress
echo
if [ "$failures" -ne 0 ]; then
    echo "$failures of $cases cases came out other than expected." >&2
    exit 1
fi
echo "All $cases cases came out as expected."
