# SPDX-License-Identifier: Apache-2.0
"""age_cctv.py TOOL DIR: runs the age test vectors of C2SP's CCTV (DIR is their testdata) through age_tool.

What each vector is about is judged in up to two ways:
  file key     armor, header and payload alone, with the file key that the vector tells; recipients do not matter then
  passphrase   all of it, with the vector's passphrase or, if its recipients are others, with any: such a file must be
               refused for them
A vector that cannot be judged is printed with the reason. Ends with the counts; fails if any answer was wrong, or if DIR
holds too few vectors to be what it should be.
"""

import collections
import hashlib
import pathlib
import subprocess
import sys
import tempfile
import zlib

OK, FORMAT, RECIPIENT, WORK, PASSPHRASE, DAMAGED, TOO_LONG, NO_MEMORY = range(1, 9)
NAMES = "- OK FORMAT RECIPIENT WORK PASSPHRASE DAMAGED TOO_LONG NO_MEMORY".split()

# What must follow from each kind of vector.
WITH_KEY = {
    "success": {OK},
    "armor failure": {FORMAT},
    "HMAC failure": {DAMAGED},
    "payload failure": {DAMAGED},
}
WITH_PASSPHRASE = WITH_KEY | {"header failure": {FORMAT}, "no match": {PASSPHRASE}}
# Failures of the header that are about its grammar, by the first word of the vector's name; all others are about one
# kind of recipient.
GRAMMAR = {
    "armor": {FORMAT}, "empty": {FORMAT}, "header": {FORMAT}, "hmac": {FORMAT}, "stanza": {FORMAT}, "version": {FORMAT},
    "stream": {DAMAGED},  # of the payload, to us: its nonce
}
# Headers with a passphrase that are more than badly written.
BY_NAME = {
    "scrypt_and_x25519": {RECIPIENT}, "scrypt_double": {RECIPIENT}, "scrypt_uppercase": {RECIPIENT},
    "scrypt_work_factor_23": {WORK}, "scrypt_work_factor_overflow": {WORK},
}
KNOWN_KEYS = {"expect", "payload", "file key", "passphrase", "identity", "armored", "compressed", "comment"}


class Vector:
    def __init__(self, path: pathlib.Path) -> None:
        head, self.file = path.read_bytes().split(b"\n\n", 1)
        self.name = path.name
        self.keys: dict[str, list[str]] = {}
        for line in head.decode().split("\n"):
            name, value = line.split(": ", 1)
            self.keys.setdefault(name, []).append(value)
        if self.keys.get("compressed") == ["zlib"]:
            self.file = zlib.decompress(self.file)
        self.expect = self.keys["expect"][0]
        self.has_passphrase = "passphrase" in self.keys

    def wanted(self, with_key: bool) -> set[int] | None:
        """The statuses that are right, or None if this way says nothing about the vector."""
        if with_key and "file key" not in self.keys:
            return None
        grammar = GRAMMAR.get(self.name.split("_")[0]) if self.expect == "header failure" else None
        if with_key:
            # What is wrong with one recipient's stanza, the file key cannot show.
            return grammar or WITH_KEY.get(self.expect)
        if self.has_passphrase:
            return BY_NAME.get(self.name) or WITH_PASSPHRASE[self.expect]
        if self.expect == "armor failure" or grammar == {FORMAT}:
            return {FORMAT}
        return {FORMAT} if self.name.endswith("_not_canonical_body") else {RECIPIENT}

    def payload_is(self, output: bytes) -> bool:
        return hashlib.sha256(output).hexdigest() == self.keys["payload"][0]


def run(tool: str, verb: str, secret: str, vector: Vector) -> tuple[int, bytes]:
    with tempfile.NamedTemporaryFile() as file:
        file.write(secret.encode())
        file.flush()
        done = subprocess.run([tool, verb, file.name], input=vector.file, capture_output=True, check=False, timeout=300)
    return (OK if done.returncode == 0 else done.returncode), done.stdout


def judge(tool: str, vector: Vector, with_key: bool) -> str | None:
    """What is wrong, or None."""
    wanted = vector.wanted(with_key)
    if with_key:
        status, output = run(tool, "vector-key", vector.keys["file key"][0], vector)
    else:
        status, output = run(tool, "vector", vector.keys.get("passphrase", ["any"])[0], vector)
    if status not in wanted:
        name = NAMES[status] if 0 < status < len(NAMES) else f"exit code {status}"
        return f"{name} instead of {' or '.join(NAMES[number] for number in sorted(wanted))} ({vector.expect})"
    if status != OK:
        return "a refusal with output" if output else None
    return None if vector.payload_is(output) else "another payload than it should be"


def main() -> int:
    tool, folder = sys.argv[1:]
    counts: collections.Counter = collections.Counter()
    for path in sorted(pathlib.Path(folder).iterdir()):
        vector = Vector(path)
        counts["vectors"] += 1
        unknown = vector.keys.keys() - KNOWN_KEYS
        ways = [] if unknown else [way for way in (True, False) if vector.wanted(way) is not None]
        if not ways:
            counts["not applicable"] += 1
            print(f"{vector.name}: does not apply: unknown keys {sorted(unknown)}")
            continue
        for way in ways:
            counts["with the file key" if way else "with a passphrase"] += 1
            wrong = judge(tool, vector, way)
            if wrong is not None:
                counts["wrong"] += 1
                print(f"{vector.name}: {'file key' if way else 'passphrase'}: {wrong}")
        if not vector.has_passphrase and vector.wanted(False) == {RECIPIENT}:
            counts["for other recipients, so refused by us"] += 1
    for name, count in counts.items():
        print(f"{count:4d} {name}")
    return 1 if counts["wrong"] or counts["vectors"] < 100 else 0


if __name__ == "__main__":
    sys.exit(main())
