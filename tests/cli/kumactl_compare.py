# SPDX-License-Identifier: Apache-2.0
"""The real kumactl beside `xdsgate generate`: the same command lines, the same bytes.

Not part of the test suite: kumactl is no dependency. tools/kumactl_compare.sh builds it and runs this. Environment:
XG_CLI and KUMACTL, the two programs.
"""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

XDSGATE = os.environ["XG_CLI"]
KUMACTL = os.environ["KUMACTL"]
HERE = os.path.dirname(os.path.abspath(__file__))
KEY = ["--signing-key-path", "key.pem", "--kid", "1"]
HOUR = ["--valid-for", "1h"]
DATAPLANE = ["dataplane-token", *HOUR, *KEY]
ZONE = ["zone-token", *HOUR, *KEY]

# Command lines that both take: the token is the same to the last byte of its signature.
TOKENS = [
    DATAPLANE,
    [*DATAPLANE, "--name", "web-01"],
    [*DATAPLANE, "--name", "é<>&\"\\/"],
    [*DATAPLANE, "--mesh", "demo"],
    [*DATAPLANE, "--mesh=demo"],
    [*DATAPLANE, "--mesh", ""],
    [*DATAPLANE, "-m", "demo"],
    [*DATAPLANE, "-mdemo"],
    [*DATAPLANE, "-m=demo"],
    [*DATAPLANE, "--mesh", "a", "-m", "b", "--name", "x", "--name", "y"],
    [*DATAPLANE, "--workload", "backend"],
    [*DATAPLANE, "--proxy-type", "dataplane"],
    [*DATAPLANE, "--type", "ingress"],
    [*DATAPLANE, "--type", "a", "--proxy-type", "b"],
    [*DATAPLANE, "--tag", "kuma.io/service=web,web-api"],
    [*DATAPLANE, "--tag", "kuma.io/service=web", "--tag", "env=prod"],
    [*DATAPLANE, "--tag", "a=2,1,2"],
    [*DATAPLANE, "--tag", "a="],
    [*DATAPLANE, "--tag", "a=,"],
    [*DATAPLANE, "--tag", "a= x ,y"],
    [*DATAPLANE, "--tag", "a=1", "--tag", "a=2"],
    [*DATAPLANE, "--tag", "a=1,b=2"],
    [*DATAPLANE, "--tag", "a=1,b=2,a=3"],
    [*DATAPLANE, "--tag", "a=1,b=2", "--tag", "b=3", "--tag", "c=4,5"],
    [*DATAPLANE, "--tag", "a=b=c"],
    [*DATAPLANE, "--tag", "\"a=1,2\",b=3"],
    [*DATAPLANE, "--tag", "\"a=1,2\",\"b=\"\"3\"\"\""],
    [*DATAPLANE, "--tag", "\"a=1,2\""],
    [*DATAPLANE, "--tag", "a=\"1\""],
    [*DATAPLANE, "--tag", "a=1\"2"],
    [*DATAPLANE, "--tag", "a==,b="],
    [*DATAPLANE, "--tag", "b=1", "--tag", "a=1", "--tag", "B=1", "--tag", "é=1"],
    [*DATAPLANE, "--kid", "key-2"],
    [*DATAPLANE, "--kid", "0002"],
    [*DATAPLANE, "--no-config", "--log-level", "debug", "--api-timeout", "5s", "--config-file", "config"],
    ["dataplane-token", *KEY, "--valid-for", "-1h"],
    ["dataplane-token", "--signing-key-path=key.pem", "--kid=1", "--valid-for=1h"],
    ["dataplane-token", *HOUR, *KEY, "--signing-key-path", "key.pem"],
    *[["dataplane-token", *KEY, f"--valid-for={length}"] for length in (
        "24h", "1.5h", "1h30m", "-1h", "0", "+2m", "1ms", "999999999ns", "1500ms", "90s", "87600h", "1us", "1µs", ".5h",
        "1.h", "2562047h47m16.854775807s")],
    [*ZONE, "--zone", "east"],
    [*ZONE, "--zone", ""],
    [*ZONE, "--zone", "a", "--zone", "b"],
    *[[*ZONE, "--zone", "east", *scope] for scope in (
        ["--scope", "ingress"], ["--scope", "egress"], ["--scope", "ingress,egress"], ["--scope", "egress,ingress"],
        ["--scope", "egress", "--scope", "ingress"], ["--scope", ""], ["--scope", "", "--scope", "egress"],
        ["--scope", "egress,egress"], ["--scope", "\"ingress\",egress"])],
    *[[*DATAPLANE, "--signing-key-path", path] for path in (
        "open.pem", "link.pem", "text.pem", "dos.pem", "damaged.pem", "two.pem", "long.pem", "blank.pem", "tail.pem",
        "headers.pem")],
]

# Command lines that neither takes.
REFUSALS = [
    ["dataplane-token", *KEY],
    ["zone-token", *HOUR, *KEY],
    ["zone-token", "--zone", "east", *KEY],
    ["dataplane-token", *HOUR, "--kid", "1"],
    ["dataplane-token", *HOUR, "--signing-key-path", "key.pem"],
    ["dataplane-token", *HOUR, "--signing-key-path", "key.pem", "--kid", ""],
    ["dataplane-token", *HOUR, "--signing-key-path", "", "--kid", "1"],
    ["zone-token", *HOUR, "--zone", "east", "--kid", "1"],
    ["zone-token", *HOUR, "--zone", "east", "--signing-key-path", "key.pem"],
    ["dataplane-token", *HOUR],
    [*DATAPLANE, "--tag", "a"],
    [*DATAPLANE, "--tag", ""],
    [*DATAPLANE, "--tag", "a=1,b,c=2"],
    [*DATAPLANE, "--tag", "a=1,b=\"2\""],
    [*DATAPLANE, "--tag", "\"a=1,b=2"],
    [*DATAPLANE, "--tag", "\"a=1\"x,b=2"],
    [*DATAPLANE, "--tag"],
    [*DATAPLANE, "--frobnicate"],
    [*DATAPLANE, "--mes", "x"],
    [*DATAPLANE, "word"],
    [*DATAPLANE, "--valid-for"],
    *[["dataplane-token", *KEY, f"--valid-for={length}"] for length in (
        "", "1", "1y", "h", "1h1", "1 h", "2562047h47m16.854775808s", "forever", "--1h")],
    *[[*ZONE, "--zone", "east", "--scope", scope] for scope in (
        "cp", "ingress,", ",", " egress", "Ingress", "ingress egress", "\"ingress", "in\"gress", "ingress,cp")],
    *[[*DATAPLANE, "--signing-key-path", path] for path in (
        "missing.pem", "pkcs8.pem", "public.pem", "empty.pem", "junk.pem", "indented.pem", "mismatch.pem", ".",
        "key.der")],
    *[["public-key", "--signing-key-path", path] for path in (
        "missing.pem", "pkcs8.pem", "public.pem", "empty.pem", "junk.pem", "indented.pem", "mismatch.pem", "key.der")],
    ["public-key"],
    ["signing-key", "--format", "der"],
    ["signing-key", "--format", ""],
    ["signing-key", "--format", "PEM"],
    [*DATAPLANE, "--log-level", "loud"],
    [*DATAPLANE, "--api-timeout", "soon"],
]

# What kumactl takes and xdsgate does not, on purpose: see the head of src/cli/generate.c.
STRICTER = [
    [*DATAPLANE, "--tag", "=v"],  # no proxy has a tag without a name
    [*DATAPLANE, "--name", "a\nb"],  # control bytes
    [*DATAPLANE, "--kid", "k" * 64],  # xdsgate.so would refuse the token
    [*DATAPLANE, "--signing-key-path", "weak.pem"],  # 1024 bits
    [*DATAPLANE, "--no-config=true"],  # a switch is a switch
]
# And the other way round.
LAXER = [
    ["dataplane-token", *KEY, "--valid-for", "1d"],
    ["dataplane-token", *HOUR, "--authority", "authority"],
    ["public-key", "--signing-key-path", "inside.pem"],  # PKCS#8 under the name of PKCS#1
]


def text(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)).decode()


def tidy(claims):
    """Claims without what the clock and chance decide."""
    claims = re.sub(r'"(exp|nbf|iat)":-?[0-9]+', r'"\1":0', claims)
    return re.sub(r'"jti":"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"', '"jti":""', claims)


class Compare(unittest.TestCase):
    maxDiff = None

    def run_one(self, program, *args):
        env = {**os.environ, "HOME": self.dir, "PROGRAM": program}
        return subprocess.run([program, *args], cwd=self.dir, capture_output=True, timeout=120, check=False, env=env)

    def openssl(self, *args):
        subprocess.run(["openssl", *args], cwd=self.dir, check=True, capture_output=True)

    def write(self, name, content, mode=0o600):
        with open(os.path.join(self.dir, name), "w", encoding="utf-8", newline="") as file:
            file.write(content)
        os.chmod(os.path.join(self.dir, name), mode)

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="kumactl-compare-")
        self.addCleanup(shutil.rmtree, self.dir)
        made = self.run_one(KUMACTL, "generate", "signing-key", "--format", "pem")
        self.assertEqual(made.returncode, 0, made.stderr)
        key = made.stdout.decode()
        body = "".join(key.splitlines()[1:-1])
        begin, end = key.splitlines()[0], key.splitlines()[-1]
        self.write("key.pem", key)
        self.write("open.pem", key, 0o644)
        os.symlink("key.pem", os.path.join(self.dir, "link.pem"))
        self.write("text.pem", "some text\nmore: text\n" + key)
        self.write("dos.pem", key.replace("\n", "\r\n"))
        self.write("damaged.pem", f"{begin}\n!!!!\n{end}\n{key}")
        self.openssl("genrsa", "-traditional", "-out", "other.pem", "2048")
        with open(os.path.join(self.dir, "other.pem"), encoding="ascii") as other:
            self.write("two.pem", key + other.read())
        self.write("long.pem", f"{begin}\n{body}\n{end}")
        self.write("blank.pem", key.replace("\n", " \t\n"))
        self.write("tail.pem", key + "trailing text")
        self.write("headers.pem", key.replace(begin, begin + "\nComment: none\n"))
        self.openssl("pkcs8", "-topk8", "-nocrypt", "-in", "key.pem", "-out", "pkcs8.pem")
        with open(os.path.join(self.dir, "pkcs8.pem"), encoding="ascii") as other:
            self.write("inside.pem", other.read().replace("PRIVATE KEY", "RSA PRIVATE KEY"))
        self.openssl("rsa", "-in", "key.pem", "-RSAPublicKey_out", "-out", "public.pem")
        self.openssl("rsa", "-in", "key.pem", "-traditional", "-outform", "DER", "-out", "key.der")
        self.openssl("genrsa", "-traditional", "-out", "weak.pem", "1024")
        self.write("empty.pem", "")
        self.write("junk.pem", "junk\n")
        self.write("indented.pem", " " + key)
        self.write("mismatch.pem", key.replace(end, "-----END PRIVATE KEY-----"))
        done = self.run_one(XDSGATE, "key", "new", "--mesh", "default", "--authority", "authority", "--store", "store",
                            "--plain")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_tokens_are_the_same_bytes(self):
        for args in TOKENS:
            with self.subTest(args=args):
                theirs = self.run_one(KUMACTL, "generate", *args)
                self.assertEqual(theirs.returncode, 0, theirs.stderr)
                ours = self.run_one(XDSGATE, "generate", *args)
                self.assertEqual(ours.returncode, 0, ours.stderr)
                wanted = theirs.stdout.decode()
                got = ours.stdout.decode()
                self.assertEqual(got.split(".")[0], wanted.split(".")[0])
                self.assertEqual(tidy(text(got.split(".")[1])), tidy(text(wanted.split(".")[1])))
                claims = json.loads(text(wanted.split(".")[1]))
                # The clock within its second is unknown: with a fraction in --valid-for it decides about exp.
                same = []
                for fraction in ("", ".5", ".999999999"):
                    done = self.run_one(XDSGATE, "generate", *args, "--jti", claims["jti"], "--now",
                                        str(claims["iat"] + 5) + fraction)
                    same.append(done.stdout.decode() == wanted)
                self.assertTrue(any(same), wanted)

    def test_what_kumactl_refuses_is_refused(self):
        for args in REFUSALS:
            with self.subTest(args=args):
                for program in (KUMACTL, XDSGATE):
                    done = self.run_one(program, "generate", *args)
                    self.assertNotEqual(done.returncode, 0, program)
                    self.assertEqual(done.stdout, b"", program)

    def test_differences_are_these(self):
        for table, fine, refusing in ((STRICTER, KUMACTL, XDSGATE), (LAXER, XDSGATE, KUMACTL)):
            for args in table:
                with self.subTest(args=args):
                    self.assertEqual(self.run_one(fine, "generate", *args).returncode, 0)
                    self.assertNotEqual(self.run_one(refusing, "generate", *args).returncode, 0)

    def test_flags_before_the_command(self):
        common = ["--no-config", "--log-level", "info", "--config-file=config", "--api-timeout=1s"]
        for args in ([*common, "generate"], ["generate", *common], ["--no-config", "generate", "--log-level", "off"]):
            for program in (KUMACTL, XDSGATE):
                done = self.run_one(program, *args, "public-key", "--signing-key-path", "key.pem")
                self.assertEqual(done.returncode, 0, (program, args, done.stderr))
                self.assertIn(b"-----BEGIN RSA PUBLIC KEY-----\n", done.stdout)

    def test_public_keys_are_the_same_bytes(self):
        for path in ("key.pem", "open.pem", "link.pem", "text.pem", "dos.pem", "damaged.pem", "two.pem", "long.pem",
                     "blank.pem", "tail.pem", "headers.pem", "other.pem"):
            with self.subTest(path=path):
                theirs, ours = [self.run_one(program, "generate", "public-key", "--signing-key-path", path)
                                for program in (KUMACTL, XDSGATE)]
                self.assertEqual((theirs.returncode, ours.returncode), (0, 0), (theirs.stderr, ours.stderr))
                self.assertEqual(ours.stdout, theirs.stdout)

    def test_each_reads_the_signing_keys_of_the_other(self):
        for maker, reader in ((KUMACTL, XDSGATE), (XDSGATE, KUMACTL)):
            for options in ([], ["--format", "pem-base64"], ["--format=pem"], ["--format", "pem-base64", "--format",
                                                                               "pem"]):
                made = self.run_one(maker, "generate", "signing-key", *options)
                self.assertEqual(made.returncode, 0, made.stderr)
                out = made.stdout.decode()
                if "pem" not in options and "--format=pem" not in options:
                    self.assertRegex(out, r"\A[A-Za-z0-9+/]+=*\Z")
                    out = base64.b64decode(out, validate=True).decode()
                self.assertRegex(out, r"\A-----BEGIN RSA PRIVATE KEY-----\n([A-Za-z0-9+/]{64}\n)+[A-Za-z0-9+/]{1,64}=*\n"
                                      r"-----END RSA PRIVATE KEY-----\n\Z")
                self.write("made.pem", out)
                keys = [self.run_one(program, "generate", "public-key", "--signing-key-path", "made.pem")
                        for program in (maker, reader)]
                self.assertEqual([done.returncode for done in keys], [0, 0])
                self.assertEqual(keys[0].stdout, keys[1].stdout)

    def test_a_script_runs_with_either(self):
        outputs = []
        for program in (KUMACTL, XDSGATE):
            place = os.path.join(self.dir, os.path.basename(program))
            os.mkdir(place)
            done = subprocess.run([os.path.join(HERE, "kumactl_script.sh")], cwd=place, capture_output=True, timeout=300,
                                  check=False, env={**os.environ, "HOME": place, "PROGRAM": program})
            self.assertEqual(done.returncode, 0, (program, done.stderr))
            outputs.append(done.stdout.decode())
        self.assertEqual(outputs[0], outputs[1])
        self.assertEqual(outputs[0].count("Verified OK"), 2)


if __name__ == "__main__":
    print(f"{KUMACTL} and {XDSGATE}", file=sys.stderr)
    unittest.main()
