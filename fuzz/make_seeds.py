# SPDX-License-Identifier: Apache-2.0
"""make_seeds.py [--check]: writes the seed corpora and the dictionaries of the fuzz targets.

Owns the files corpus/TARGET/seed-* and dict/TARGET.dict; files of other names in a corpus are findings, kept by hand.
Everything is computed from this text and from the test keys in fuzz_keys.h, so a run always gives the same bytes; with
--check nothing is written, and a difference is an error. Needs Python's standard library alone.
"""

import base64
import hashlib
import json
import pathlib
import re
import struct
import sys

HERE = pathlib.Path(__file__).resolve().parent
NOW = 1767323045  # FUZZ_NOW

# ---- keys and tokens ----


def read_der(data: bytes, at: int) -> tuple[int, bytes, int]:
    """The tag, the content and the end of the DER element at `at`."""
    tag, length, at = data[at], data[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        length = int.from_bytes(data[at : at + count], "big")
        at += count
    return tag, data[at : at + length], at + length


def read_integers(data: bytes) -> list[int]:
    at, found = 0, []
    while at < len(data):
        _, content, at = read_der(data, at)
        found.append(int.from_bytes(content, "big"))
    return found


def der(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + content


def der_integer(number: int) -> bytes:
    return der(2, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def pem(label: str, data: bytes) -> str:
    text = base64.b64encode(data).decode()
    lines = "".join(text[i : i + 64] + "\n" for i in range(0, len(text), 64))
    return f"-----BEGIN {label}-----\n{lines}-----END {label}-----\n"


class Key:
    """A test key of fuzz_keys.h."""

    def __init__(self, role: str) -> None:
        source = (HERE / "fuzz_keys.h").read_text(encoding="ascii")
        macro = source.split(f"#define FUZZ_{role}_PRIVATE_PEM")[1].split("#define")[0]
        self.private_pem = "".join(line + "\n" for line in re.findall(r'"(.*)\\n"', macro))
        body = "".join(line for line in self.private_pem.splitlines() if not line.startswith("-"))
        self.private_der = base64.b64decode(body)
        numbers = read_integers(read_der(self.private_der, 0)[1])
        self.n, self.e, self.d = numbers[1], numbers[2], numbers[3]

    def sign(self, header: str | bytes, payload: str | bytes) -> str:
        text = b64url(header) + "." + b64url(payload)
        prefix = bytes.fromhex("3031300d060960864801650304020105000420")
        size = (self.n.bit_length() + 7) // 8
        info = prefix + hashlib.sha256(text.encode()).digest()
        block = b"\x00\x01" + b"\xff" * (size - len(info) - 3) + b"\x00" + info
        signature = pow(int.from_bytes(block, "big"), self.d, self.n).to_bytes(size, "big")
        return text + "." + b64url(signature)


def b64url(data: str | bytes) -> str:
    raw = data.encode() if isinstance(data, str) else data
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


MESH, ZONE = Key("MESH"), Key("ZONE")
HEADER = '{"alg":"RS256","kid":"1","typ":"JWT"}'


def dataplane(**changes: object) -> str:
    claims = {
        "Name": "dp-1",
        "Mesh": "payments-mesh",
        "Tags": {},
        "Type": "",
        "Workload": "zone-proxy-payments-mesh-all",
        "exp": NOW + 3600,
        "nbf": NOW - 5,
        "iat": NOW - 5,
        "jti": "00000000-0000-4000-8000-000000000001",
    }
    claims.update(changes)
    return json.dumps({k: v for k, v in claims.items() if v is not ...}, separators=(",", ":"))


def zone(**changes: object) -> str:
    claims = {
        "Zone": "east",
        "Scope": ["ingress", "egress"],
        "exp": NOW + 3600,
        "nbf": NOW - 5,
        "iat": NOW - 5,
        "jti": "00000000-0000-4000-8000-000000000002",
    }
    claims.update(changes)
    return json.dumps({k: v for k, v in claims.items() if v is not ...}, separators=(",", ":"))


# ---- seeds: for each target a list; the number in the file name is the position ----

HEADERS = [
    HEADER,
    '{"kid":"1","alg":"RS256"}',
    ' { "alg" : "RS256" , "kid" : "a" , "x" : [ 1 , { "y" : null } ] } ',
    '{"alg":"RS256"}',
    '{"\\u0061lg":"RS256","kid":"\\u0031"}',
    '{"alg":"RS256","kid":"\\ud83d\\ude00"}',
    '{"alg":"RS256","kid":"' + "k" * 63 + '"}',
    '{"alg":"RS256","kid":"' + "k" * 64 + '"}',
    '{"alg":"RS256","kid":"1","n":[1,-0.5e+10,true,false,null,1e400]}',
    '{"alg":"none","kid":"1"}',
    '{"alg":"rs256","kid":"1"}',
    '{"alg":"HS256","kid":"1"}',
    '{"ALG":"RS256","kid":"1"}',
    '{"alg":"RS256","alg":"RS256","kid":"1"}',
    '{"alg":"RS256","kid":1}',
    '{"alg":"RS256","kid":""}',
    '{"alg":"RS256","kid":"1\\u0000"}',
    '{"alg":"RS256","kid":"\\ud800"}',
    '{"alg":"RS256","kid":"1","crit":["exp"]}',
    '{"alg":"RS256","kid":"1","b64":false}',
    '{"alg":"RS256","kid":"1","jwk":{"kty":"RSA"}}',
    '{"alg":"RS256","kid":"1","x5t#S256":"AA"}',
    '{"alg":"RS256","kid":"1","a":[[[[[[[[1]]]]]]]]}',
    '{"alg":"RS256","kid":"1"}x',
    "null",
    "[]",
    "",
]

PAYLOADS = [
    ("d", dataplane()),
    ("d", dataplane(Tags={"kuma.io/service": ["web", "web-api"], "team": ["a"]})),
    ("d", "{}"),
    ("d", ' {"Name":"\\u0061\\ud83d\\ude00","aud":["x","y"],"extra":{"a":[null,1.5e3]}} '),
    ("d", dataplane(exp=9223372036854775807, nbf=-9223372036854775808)),
    ("d", dataplane(exp=...).replace('"nbf"', '"exp":1.5,"nbf"')),
    ("d", dataplane(exp="4102444800")),
    ("d", dataplane(exp=None)),
    ("d", '{"exp":9223372036854775808}'),
    ("d", '{"name":"a"}'),
    ("d", '{"Work\\u006coad":"w","\u212aid":1}'),
    ("d", '{"Tag\u017f":{}}'),
    ("d", '{"Name":"a","Name":"b"}'),
    ("d", '{"Tags":{"a":["1"],"a":["2"]}}'),
    ("d", dataplane(Tags={"team": []})),
    ("d", dataplane(Tags={"team": [None]})),
    ("d", dataplane(Tags="x")),
    ("d", dataplane(Name="a\0b")),
    ("d", dataplane(jti="a,b")),
    ("d", dataplane(Scope=["ingress"])),
    ("d", "null"),
    ("d", "[" * 9 + "]" * 9),
    ("z", zone()),
    ("z", zone(Scope=None)),
    ("z", zone(Scope=[])),
    ("z", zone(Scope="ingress")),
    ("z", zone(Workload="w")),
    ("z", zone(zone="east")),
]

B64URL = ["", "A", "AA", "AB", "AAA", "AAB", "AAAA", "AAAAA", "Zm9vYmFy", "_-8", "+/8", "AA==", "A A", "AA\n", "\xff\xfe"]


def jws_seeds() -> list[str]:
    good = MESH.sign(HEADER, dataplane())
    header, payload, signature = good.split(".")
    tokens = [good, MESH.sign(HEADER, zone()), ZONE.sign(HEADER, dataplane())]
    tokens += [MESH.sign(HEADERS[i], "{}") for i in (1, 2, 4, 8)]
    tokens += [MESH.sign(HEADER, PAYLOADS[i][1]) for i in (1, 2, 3, 4)]
    tokens += [f"{header}.{payload}.", f".{payload}.{signature}", f"{header}..{signature}", good + ".x", "..", "a.b"]
    tokens += [good + "=", good + "\n", "Bearer " + good, good[:-1] + chr(ord(good[-1]) + 1), good[:-4]]
    tokens += [f"{b64url(HEADERS[9])}.{payload}.", header + "." + payload]
    return tokens


def keyfile_seeds() -> list[str]:
    rsa_id = der(6, bytes.fromhex("2a864886f70d010101"))
    pss_id = der(6, bytes.fromhex("2a864886f70d01010a"))

    def pkcs1(n: int, e: int) -> bytes:
        return der(0x30, der_integer(n) + der_integer(e))

    def spki(algorithm: bytes, key: bytes) -> bytes:
        return der(0x30, der(0x30, algorithm + der(5, b"")) + der(3, b"\0" + key))

    n, e = MESH.n, MESH.e
    public1 = pem("RSA PUBLIC KEY", pkcs1(n, e))
    public8 = pem("PUBLIC KEY", spki(rsa_id, pkcs1(n, e)))
    private8 = pem("PRIVATE KEY", der(0x30, der_integer(0) + der(0x30, rsa_id + der(5, b"")) + der(4, MESH.private_der)))
    seeds = [public1, public8, MESH.private_pem, private8, "# a comment\n" + public1, public1.replace("\n", "\r\n")]
    seeds += [pem("RSA PUBLIC KEY", pkcs1(n, bad)) for bad in (1, 3, 65536, 65539, 2**32 - 1, 2**32 + 1, 2**64 + 13)]
    seeds += [pem("RSA PUBLIC KEY", pkcs1(bad, e)) for bad in (n + 1, n >> 1024 | 1, n << 1024 | 1, 3 * n, 2**2048 - 1)]
    seeds += [pem("PUBLIC KEY", spki(pss_id, pkcs1(n, e))), public1 + public8, pem("RSA PUBLIC KEY", pkcs1(n, e) + b"\0")]
    seeds += [pem("CERTIFICATE", pkcs1(n, e)), public1[:-20], public1.replace("M", "!", 1), "not a key\n", ""]
    seeds += [MESH.private_pem.replace("-----\n", "-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n", 1)]
    return seeds


REVOCATIONS = [
    "",
    "a",
    "a,b\nc\r\n d \n",
    "\ufeffa, b ,c",
    "a,,b",
    ",",
    "# a comment\na # and another\n#b\n",
    "@kid 2\n@name web-1\n@workload w\n@issued-before 2026-11-01T00:00:00Z\n",
    "@kid\n",
    "@unknown x\n",
    "@issued-before yesterday\n",
    "a\nb,@kid 2\n",
    "00000000-0000-4000-8000-000000000001\n00000000-0000-4000-8000-000000000002\n",
    "a b\n",
    "x" * 127 + "," + "x" * 128,
    "a\0b",
    "\t a\t,\tb \r\n",
]

CONFIGS = [
    '{"store":"/etc/xdsgate/store"}',
    '{"store":"/s","profile":"kuma-2.14","zone":"east","leeway_seconds":30,"store_poll_seconds":5}',
    '{"store":"/s","profile":"strict","switches":{"tag_source":"labels","exp_required":false,"zone_entities":true}}',
    '{"store":"/s","limits":{"credential_bytes":4096,"kid_bytes":8,"json_depth":4,"meshes":1,"revoked_ids":1}}',
    '{"store":"/s","limits":{"credential_bytes":8193}}',
    '{"store":"/s","limits":{"credential_bytes":0}}',
    '{"store":"/s","limits":{"unknown":1}}',
    '{"store":"/s","limits":[]}',
    '{"store":"/s","switches":{"exp_required":1}}',
    '{"store":"/s","leeway_seconds":61}',
    '{"store":"/s","leeway_seconds":"1"}',
    '{"store":"/s","leeway_seconds":-1}',
    '{"store":"/s","profile":"kuma-9"}',
    '{"store":"/s","unknown":1}',
    '{"store":"/s","store":"/t"}',
    '{"store":""}',
    '{"store":"relative"}',
    '{"store":"/s\\u0000"}',
    '{"store":"/s","zone":"\\n"}',
    '{"store":"/s","allow_mesh_wide":true,"legacy_zone_tokens":"deny"}',
    '{"store":"/s","legacy_zone_tokens":"warn","legacy_zone_tokens_deny_after":"2026-11-01T00:00:00Z"}',
    '{"store":"/s","legacy_zone_tokens_deny_after":"2026-13-01T00:00:00Z"}',
    '{"store":"/s","legacy_zone_tokens":"never"}',
    "{}",
    "",
    "[]",
]

AUTHENTICATE_BASE = {
    "kind": "1",
    "mesh": "payments-mesh",
    "name": "dp-1",
    "node": "payments-mesh.dp-1",
    "label": "kuma.io/workload=zone-proxy-payments-mesh-all",
    "claims": dataplane(),
}
AUTHENTICATE_ZONE = {"kind": "2", "signer": "zone", "zone": "east", "name": "ingress-1", "claims": zone()}


def authenticate_seeds() -> list[str]:
    tags = {"tag": "kuma.io/service=web", "claims": dataplane(Tags={"kuma.io/service": ["web"]})}
    changes = [
        {},
        {"profile": "kuma-3.0"},
        {"profile": "kuma-2.14"},
        {"profile": "kuma-2.13"},
        {"profile": "kuma-2.12"},
        tags,
        {**tags, "tag": "kuma.io/service=db"},
        {**tags, "tag": "other=web"},
        {**tags, "profile": "kuma-3.0", "label": "kuma.io/service=web"},
        {"name": "dp-2", "node": ""},
        {"mesh": "other-mesh", "node": ""},
        {"node": "payments-mesh.dp-2"},
        {"label": "kuma.io/workload=web"},
        {"label": "kuma.io/workload="},
        {"flags": "1"},
        {"flags": "1", "profile": "kuma-2.14", "claims": dataplane(Workload="")},
        {"flags": "2"},
        {"kind": "7"},
        {"claims": dataplane(exp=NOW)},
        {"claims": dataplane(exp=NOW), "leeway": "60"},
        {"claims": dataplane(exp=...)},
        {"claims": dataplane(exp=...), "profile": "kuma-2.14"},
        {"claims": dataplane(nbf=NOW + 1)},
        {"claims": dataplane(jti="revoked-jti")},
        {"claims": dataplane(jti=...)},
        {"claims": dataplane(Name="revoked-name"), "name": "revoked-name", "node": ""},
        {"claims": dataplane(Workload="revoked-workload"), "label": "kuma.io/workload=revoked-workload"},
        {"claims": dataplane(Type="dataplane")},
        {"claims": dataplane(Type="ingress")},
        {"claims": dataplane(Name="", Workload="", Tags={})},
        {"claims": dataplane(Name="", Workload="", Tags={}), "switch": "allow_mesh_wide"},
        {"claims": dataplane(Mesh="")},
        {"claims": dataplane(Tags={"team": []})},
        {"claims": zone()},
        {"claims": "{}", "profile": "kuma-2.12"},
        {"signer": "zone"},
        {"damage": "40"},
        {"damage": "300"},
        {"header": '{"alg":"none","kid":"1"}'},
        {"header": '{"alg":"RS256","kid":"7"}'},
        {"header": '{"alg":"RS256","kid":"9"}'},
        {"header": '{"alg":"RS256","kid":"1","crit":[]}'},
        {"header": '{"alg":"RS256"}'},
        {"credential": MESH.sign(HEADER, dataplane())},
        {"credential": "a.b.c"},
    ]
    zone_changes = [
        {},
        {"profile": "kuma-2.14"},
        {"profile": "kuma-3.0"},
        {"kind": "3"},
        {"legacy": "0"},
        {"legacy": "2"},
        {"deny-after": "0"},
        {"deny-after": "1"},
        {"zone": "west"},
        {"zone": "", "own-zone": "east"},
        {"zone": ""},
        {"claims": zone(Scope=["egress"])},
        {"claims": zone(Scope=None)},
        {"claims": zone(Zone="")},
        {"claims": dataplane()},
        {"signer": "mesh"},
    ]
    scenes = [{**AUTHENTICATE_BASE, **change} for change in changes]
    scenes += [{**AUTHENTICATE_ZONE, **change} for change in zone_changes]
    return ["".join(f"{word} {value}\n" for word, value in scene.items()) for scene in scenes]


def struct_sizes_seeds() -> list[bytes]:
    request, decision, host = 136, 496, 40  # the sizes of the 1.0 layout

    def choose(entry: int, kind: int, in_size: int, out_size: int, tail: bytes = b"") -> bytes:
        return struct.pack("<BBBBHH", entry, kind, 0, 0, in_size, out_size) + tail

    seeds = [choose(0, 1, request, decision), choose(1, 1, request, decision), choose(2, 2, request, decision)]
    seeds += [choose(0, 2, request + 64, decision + 64, b"\xff" * 64), choose(0, 3, request, decision)]
    seeds += [choose(0, 1, size, decision) for size in (0, 4, 40, request - 1, request + 1, 4096)]
    seeds += [choose(0, 1, request, size) for size in (0, 3, 4, 11, 12, 16, 48, decision - 1, decision + 1, 4096)]
    seeds += [choose(4, 0, size, 256) for size in (0, host - 1, host, host + 8, 4096)]
    seeds += [choose(3, scope, 0, cap, b"payments-mesh") for scope in (0, 1, 2, 3, 4) for cap in (64, 20, 0)]
    seeds += [choose(3, 3, 0, 64, b"m" * 48), choose(3, 3, 0, 64, b"m" * 49), choose(3, 1, 0, 64, b"M_1")]
    return seeds


def age_seeds() -> list[bytes]:
    version, mac = b"age-encryption.org/v1\n", b"--- " + b"M" * 42 + b"A\n"
    salt, body = b"S" * 21 + b"A", b"B" * 42 + b"A"
    stanza = b"-> scrypt " + salt + b" 18\n" + body + b"\n"
    payload = bytes(range(16)) + b"\x80" * 28
    whole = version + stanza + mac + payload

    def sealed(place: int, change: int, times: int, plain: bytes) -> bytes:
        return b"s" + struct.pack(">IBB", place, change, times - 1) + plain

    binary = [
        whole,
        version + stanza + mac,
        version + stanza + mac + payload[:20],
        version + b"-> X25519 " + body + b"\n" + body + b"\n" + mac + payload,
        version + b"-> grease a b c\n" + b"C" * 64 + b"\n\n" + stanza + mac + payload,
        version + b"-> !~\n" + b"C" * 64 + b"\n" + b"C" * 64 + b"\n" + b"CCCC\n" + mac + payload,
        version + stanza + stanza + mac + payload,
        whole.replace(b" 18\n", b" 018\n"),
        whole.replace(b" 18\n", b" 18 1\n"),
        whole.replace(b" 18\n", b" 99\n"),
        whole.replace(salt, salt[:-1] + b"B"),
        whole.replace(salt, salt[:-2]),
        whole.replace(body, body[:-1] + b"B"),
        whole.replace(body, b""),
        whole.replace(b"--- ", b"---"),
        whole.replace(b"/v1", b"/v2"),
        whole.replace(b"\n", b"\r\n"),
        version + mac + payload,
        *(version + b"-> " + args + b"\n\n" + mac for args in (b"a b", b"a  b", b"a ", b" a", b"a\tb", b"a\x7f", b"\xff")),
        b"",
    ]
    armored = pem("AGE ENCRYPTED FILE", whole).encode()
    texts = [
        armored,
        b" \t\n" + armored.replace(b"\n", b"\r\n") + b"\n\n",
        armored.replace(b"\n", b"\r\n", 1),
        armored.replace(b"-----END", b"=AAAA\n-----END"),
        armored.replace(b"=\n", b"\n"),
        armored + b"x",
        armored.replace(b"\n", b"\nYWdl\n", 1),
        armored.replace(b"\n-----END", b"\n\n-----END"),
        armored.replace(b"YWdl", b"\xffWdl"),
        pem("AGE ENCRYPTED FILE", b"").encode(),
        pem("AGE ENCRYPTED FILE", whole + b"xx").encode(),
    ]
    texts += [pem("AGE ENCRYPTED FILE", file).encode() for file in binary[1:5]]
    return [b"f" + text for text in binary + texts] + [
        sealed(0, 0, 1, b""),
        sealed(0, 0, 1, b"twelve bytes"),
        sealed(34, 1, 1, b"twelve bytes"),
        sealed(40, 0x80, 1, b"twelve bytes"),
        *(sealed(place, 1, 1, b"twelve bytes") for place in range(50, 58)),
        sealed(95, 1, 1, b"twelve bytes"),
        sealed(110, 1, 1, b"twelve bytes"),
        sealed(0, 0, 256, b"p" * 256),
        sealed(65640, 4, 256, b"p" * 257),
        sealed(0, 0, 256, b"p" * 512),
        sealed(65630, 2, 256, b"p" * 700),
    ]


def make_all() -> dict[str, bytes]:
    """Every file this script owns, by its path below fuzz/."""
    jws_words = [".", "eyJ", b64url(HEADER), '{"', '":', "RS256", "none", "HS256"]
    members = [f'"{word}"' for word in ("alg", "kid", "typ", "crit", "b64", "zip", "enc", "jwk", "jku", "x5u", "x5c")]
    claim_names = "Name Mesh Tags Type Workload Zone Scope Groups iss sub aud exp nbf iat jti".split()
    claims = [f'"{word}"' for word in claim_names] + ["\u017f", "\u212a", "\\u0000", "\\ud800", "null", "9223372036854775807"]
    pem_words = [f"-----{edge} {kind}-----\n" for edge in ("BEGIN", "END") for kind in
                 ("RSA PUBLIC KEY", "PUBLIC KEY", "RSA PRIVATE KEY", "PRIVATE KEY", "CERTIFICATE")]
    rules = ["@kid ", "@name ", "@workload ", "@issued-before ", "2026-11-01T00:00:00Z", "#", ",", "\n", "\r\n", "\ufeff"]
    config = [f'"{word}"' for word in (
        "store profile zone leeway_seconds legacy_zone_tokens legacy_zone_tokens_deny_after allow_mesh_wide limits switches "
        "store_poll_seconds tag_source workload_enforced zone_entities exp_required jti_required mesh_required "
        "binding_required type_checked shared_revocations "
        "credential_bytes header_bytes kid_bytes jti_bytes json_depth tag_keys tag_values request_tags meshes revoked_ids "
        "strict kuma-3.0 kuma-2.14 kuma-2.13 kuma-2.12 inbound labels union allow warn deny").split()]
    words = [f"\n{word} " for word in (
        "kind flags mesh name node zone tag label profile switch legacy deny-after leeway own-zone signer damage header claims "
        "credential").split()] + ["kuma.io/workload=", "payments-mesh", "revoked-jti", str(NOW), str(NOW + 1)]
    targets: dict[str, tuple[list, list[str]]] = {
        "b64url": (B64URL, ["A", "_", "-", "=", "+", "/", "\n"]),
        "negative": ([text for text in B64URL if text not in ("AB", "AAB")], ["A", "_", "-"]),
        "jws": (jws_seeds(), jws_words),
        "header": (HEADERS, members + ['"RS256"', "\\u0061", "\\ud83d\\ude00", "{", "}", "[", "]", "null"]),
        "claims": ([kind + text for kind, text in PAYLOADS], claims),
        "keyfile": (keyfile_seeds(), pem_words),
        "revocations": (REVOCATIONS, rules),
        "config": (CONFIGS, config),
        "authenticate": (authenticate_seeds(), words + claims),
        "struct_sizes": (struct_sizes_seeds(), []),
        "age": (age_seeds(), ["age-encryption.org/v1\n", "-> ", "-> scrypt ", "--- ", " 18\n", "\n", "\r\n",
                             "-----BEGIN AGE ENCRYPTED FILE-----\n", "-----END AGE ENCRYPTED FILE-----\n", "="]),
    }
    files = {}
    for target, (seeds, tokens) in targets.items():
        for number, seed in enumerate(seeds):
            raw = seed if isinstance(seed, bytes) else seed.encode("latin-1" if target in ("b64url", "negative") else "utf-8")
            files[f"corpus/{target}/seed-{number:02d}"] = raw
        lines = ["# SPDX-License-Identifier: Apache-2.0", f"# Words for fuzz_{target}, written by make_seeds.py."]
        for token in tokens:
            quoted = "".join(
                chr(c) if 0x20 <= c < 0x7F and c not in b'"\\' else f"\\x{c:02x}" for c in token.encode())
            lines.append(f'"{quoted}"')
        files[f"dict/{target}.dict"] = ("\n".join(lines) + "\n").encode()
    files["caught_negative"] = b"AB"
    return files


def main() -> int:
    wanted = make_all()
    owned = [HERE / "caught_negative", *HERE.glob("corpus/*/seed-*"), *HERE.glob("dict/*.dict")]
    present = {str(path.relative_to(HERE)): path.read_bytes() for path in owned if path.is_file()}
    differing = sorted(name for name in wanted.keys() | present.keys() if wanted.get(name) != present.get(name))
    if sys.argv[1:] == ["--check"]:
        for name in differing:
            print(f"fuzz/{name} is not what make_seeds.py writes: run it, or mend it")
        return 1 if differing else 0
    for name in differing:
        path = HERE / name
        if name not in wanted:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(wanted[name])
    print(f"{len(wanted)} files, {len(differing)} changed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
