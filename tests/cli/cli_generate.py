# SPDX-License-Identifier: Apache-2.0
"""xdsgate generate: kumactl's spelling, kumactl's bytes, and better words when it is not understood.

The digests under GOLDEN were computed with Go's crypto and golang-jwt 5.3.1, whose tokens kumactl prints; what --tag and
--scope come to was read off pflag 1.0.10. tools/kumactl_compare.sh asks kumactl itself.
"""

import base64
import fcntl
import hashlib
import os
import pty
import re
import shutil
import stat
import subprocess

from cli_support import CLI, DONE, IO, KEY, NOBODY, USAGE, CliTest, decode, main

HERE = os.path.dirname(os.path.abspath(__file__))
JTI = "00000000-0000-4000-8000-000000000001"
WHEN = ["--now", "1767323045.678", "--jti", JTI]
TAIL = f'"exp":1767326645,"nbf":1767323040,"iat":1767323040,"jti":"{JTI}"}}'
SIGN = ["--signing-key-path", "key.pem", "--kid", "1"]
DATAPLANE = ["generate", "dataplane-token", "--valid-for", "1h", *WHEN, *SIGN]
ZONE = ["generate", "zone-token", "--valid-for", "1h", *WHEN, *SIGN]
UNBOUND = "warning: the token is bound to no name, workload or tag"
BEGIN = "-----BEGIN RSA PRIVATE KEY-----"
END = "-----END RSA PRIVATE KEY-----"


def test_key():
    """TEST KEY, NOT A SECRET: the one of the fuzz targets."""
    with open(os.path.join(HERE, "../../fuzz/fuzz_keys.h"), encoding="ascii") as file:
        text = re.search(r'FUZZ_MESH_PRIVATE_PEM \\\n((?:\s+"[^"]*"\s*\\?\n)+)', file.read()).group(1)
    return "".join(re.findall(r'"([^"]*)"', text)).replace("\\n", "\n")


class GenerateTest(CliTest):
    def setUp(self):
        super().setUp()
        self.key = test_key()
        self.write("key.pem", self.key)

    def warned(self, warnings, *args, **options):
        """The run succeeds, and stderr is these warnings, in this order, and nothing else of the kind."""
        answer = self.run_cli(*args, **options)
        self.assertEqual(answer.code, DONE, (args, answer.err))
        self.assertNotIn("error:", answer.err)
        found = [line for line in answer.err.splitlines() if line.startswith("warning: ")]
        self.assertEqual(len(found), len(warnings), answer.err)
        for line, warning in zip(found, warnings):
            self.assertTrue(line.startswith(warning), line)
        return answer

    def claims(self, *args, warnings=()):
        return decode(self.warned(warnings, *args).out)[1]

    def secret(self, *args):
        """A run that prints a private key, which no other run may."""
        return subprocess.run([CLI, *args], cwd=self.dir, capture_output=True, timeout=120, check=False)

    def openssl(self, *args):
        subprocess.run(["openssl", *args], cwd=self.dir, check=True, capture_output=True)


class Golden(GenerateTest):
    def test_tokens_are_kumas_to_the_last_byte(self):
        for args, warnings, digest in (
                (DATAPLANE, [UNBOUND], "d1d97bcb4f3471b8b8222bba4bc05eb8312a6ab0dc3a34e2304272819608e526"),
                ([*DATAPLANE, "--name", "web-01", "--mesh", "demo", "--tag", "kuma.io/service=web-api,web", "--type",
                  "dataplane", "--workload", "web"], [],
                 "9cad5a624510fac2138784979f2170865e67a623277a4a7e9f89889613c319e0"),
                ([*ZONE, "--zone", "east"], [], "761f72cb62bcae59b73be3a05c3b5e8383551c5f768ccd82333efdc4a9e4094b"),
                ([*ZONE, "--zone", "east", "--scope", ""], ["warning: --scope is empty"],
                 "84307a65541cfe02634201d55b246a83bbf4cbdae4ff14e5791f8813094c5a27")):
            token = self.warned(warnings, *args).raw
            self.assertEqual(hashlib.sha256(token).hexdigest(), digest, token)

    def test_reference_example(self):
        token = self.warned([UNBOUND], *DATAPLANE).out
        self.assertEqual(token.split(".")[0], "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEiLCJ0eXAiOiJKV1QifQ")
        self.assertEqual(
            token.split(".")[1],
            "eyJOYW1lIjoiIiwiTWVzaCI6ImRlZmF1bHQiLCJUYWdzIjp7fSwiVHlwZSI6IiIsIldvcmtsb2FkIjoiIiwiZXhwIjoxNzY3MzI2NjQ1LCJ"
            "uYmYiOjE3NjczMjMwNDAsImlhdCI6MTc2NzMyMzA0MCwianRpIjoiMDAwMDAwMDAtMDAwMC00MDAwLTgwMDAtMDAwMDAwMDAwMDAxIn0")

    def test_public_key_is_kumas_to_the_last_byte(self):
        pem = self.good("generate", "public-key", "--signing-key-path", "key.pem").raw
        self.assertEqual(hashlib.sha256(pem).hexdigest(),
                         "f1245930fb87ea1d514e689cf89e323cc16a2d7d4479fcdad38719d1f0604c28")

    def test_jti_is_a_random_uuid_unless_given(self):
        seen = {re.search(r'"jti":"([0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})"}\Z', decode(
            self.good("generate", "zone-token", "--zone", "a", "--valid-for", "1h", *SIGN).out)[1]).group(1)
                for _ in range(3)}
        self.assertEqual(len(seen), 3)

    def test_no_newline_follows_even_on_a_terminal(self):
        parent, child = pty.openpty()
        with subprocess.Popen([CLI, *ZONE, "--zone", "east"], cwd=self.dir, stdout=child) as process:
            process.wait(60)
        os.close(child)
        self.assertEqual(os.read(parent, 65536), self.good(*ZONE, "--zone", "east").raw)
        os.close(parent)


class Flags(GenerateTest):
    def test_every_flag_has_its_claim(self):
        for args, wanted in (
                (["--name", "a"], '"Name":"a","Mesh":"default","Tags":{},"Type":"","Workload":""'),
                (["--name", "a", "--mesh", "m"], '"Name":"a","Mesh":"m","Tags":{},"Type":"","Workload":""'),
                (["--name", "a", "-m", "m"], '"Name":"a","Mesh":"m","Tags":{},"Type":"","Workload":""'),
                (["--name", "a", "-mm"], '"Name":"a","Mesh":"m","Tags":{},"Type":"","Workload":""'),
                (["--name", "a", "-m=m"], '"Name":"a","Mesh":"m","Tags":{},"Type":"","Workload":""'),
                (["--name", "a", "--mesh", ""], '"Name":"a","Mesh":"default","Tags":{},"Type":"","Workload":""'),
                (["--name", "a", "-m="], '"Name":"a","Mesh":"default","Tags":{},"Type":"","Workload":""'),
                (["--workload", "w"], '"Name":"","Mesh":"default","Tags":{},"Type":"","Workload":"w"'),
                (["--name", "a", "--proxy-type", "ingress"],
                 '"Name":"a","Mesh":"default","Tags":{},"Type":"ingress","Workload":""'),
                (["--name", "a", "--type", "x", "--proxy-type", "y"],
                 '"Name":"a","Mesh":"default","Tags":{},"Type":"y","Workload":""'),
                (["--tag", "a=b"], '"Name":"","Mesh":"default","Tags":{"a":["b"]},"Type":"","Workload":""')):
            self.assertEqual(self.claims(*DATAPLANE, *args), "{" + wanted + "," + TAIL, args)
        for args, kid in ((["--kid", "0002"], "0002"), (["--kid", "key-2"], "key-2")):
            self.assertEqual(decode(self.good(*ZONE, "--zone", "a", *args).out)[0],
                             f'{{"alg":"RS256","kid":"{kid}","typ":"JWT"}}')

    def test_the_last_of_a_repeated_flag_counts(self):
        self.assertIn('"Name":"b","Mesh":"n",', self.claims(*DATAPLANE, "--name", "a", "--name", "b", "--mesh", "m", "-m",
                                                           "n"))
        self.assertIn('"Zone":"b"', self.claims(*ZONE, "--zone", "a", "--zone", "b"))
        self.good(*ZONE, "--zone", "a", "--signing-key-path", "missing", "--signing-key-path", "key.pem")

    def test_tags_are_read_as_pflag_reads_them(self):
        for tags, wanted in (
                (["a=1"], '{"a":["1"]}'),
                (["a="], '{"a":[""]}'),
                (["a=,"], '{"a":[""]}'),
                (["a=2,1,2"], '{"a":["1","2"]}'),
                (["a= x ,y"], '{"a":[" x ","y"]}'),
                (["a=1", "b=2"], '{"a":["1"],"b":["2"]}'),
                (["a=1,2", "a=3"], '{"a":["3"]}'),
                (["a=1,b=2"], '{"a":["1"],"b":["2"]}'),
                (["a=1,b=2,a=3"], '{"a":["3"],"b":["2"]}'),
                (["a=1,b=2", "b=3"], '{"a":["1"],"b":["3"]}'),
                (["a=b=c"], '{"a":["b=c"]}'),
                (["a==,b="], '{"a":["="],"b":[""]}'),
                (['"a=1,2",b=3'], '{"a":["1","2"],"b":["3"]}'),
                (['"a=1","b=""2"""'], '{"a":["1"],"b":["\\"2\\""]}'),
                (['"a=1,2"'], '{"a":["1","2"]}'),
                (['a="1"'], '{"a":["\\"1"]}'),
                (['a=1"2'], '{"a":["1\\"2"]}'),
                (["é=1", "B=1", "a=1"], '{"B":["1"],"a":["1"],"é":["1"]}')):
            args = [word for tag in tags for word in ("--tag", tag)]
            self.assertIn(f'"Tags":{wanted},"Type"', self.claims(*DATAPLANE, *args), tags)

    def test_tags_that_are_none(self):
        for tags, text in (
                (["a"], "--tag: not of the form key=value"), ([""], "--tag: not of the form key=value"),
                (["a=1,b,c=2"], "--tag: not of the form key=value"), (["=v"], "--tag: a key is empty"),
                (["a=1,=2"], "--tag: a key is empty"), (['a=1,b="2"'], "--tag: misplaced quotes"),
                (['"a=1,b=2'], "--tag: misplaced quotes"), (['"a=1"x,b=2'], "--tag: misplaced quotes"),
                (["a=\x01"], "--tag: holds control bytes"), (["a=1\n"], "--tag: holds control bytes"),
                ([f"k{i}=v" for i in range(65)], "--tag: more than 64 keys"),
                (["a=" + "," * 64], "--tag: more than 64 values for one key"),
                (["a=" + "x" * 65536], "--tag: too long")):
            args = [word for tag in tags for word in ("--tag", tag)]
            self.refused(USAGE, [text, "  help: "], *DATAPLANE, *args)
        keys = [word for i in range(64) for word in ("--tag", f"k{i}=v")]
        self.good(*DATAPLANE, *keys, "--tag", "k0=" + ",".join(str(i) for i in range(64)))

    def test_scopes_are_read_as_pflag_reads_them(self):
        for scopes, wanted in (
                ([], '["ingress","egress"]'), (["ingress"], '["ingress"]'), (["egress,ingress"], '["egress","ingress"]'),
                (["egress", "ingress"], '["egress","ingress"]'), (["", "egress"], '["egress"]'),
                (["egress,egress"], '["egress","egress"]'), (['"ingress",egress'], '["ingress","egress"]')):
            args = [word for scope in scopes for word in ("--scope", scope)]
            self.assertEqual(self.claims(*ZONE, "--zone", "east", *args),
                             f'{{"Zone":"east","Scope":{wanted},{TAIL}')

    def test_scopes_that_are_none(self):
        for scope, text in (
                ("cp", "invalid --scope value 'cp'"), ("ingress,", "invalid --scope value ''"),
                (",", "invalid --scope value ''"), (" egress", "invalid --scope value ' egress'"),
                ("Ingress", "invalid --scope value 'Ingress'"), ('"ingress', "--scope: misplaced quotes"),
                ('in"gress', "--scope: misplaced quotes"), ("egress\n", "--scope: holds control bytes"),
                ("x" * 1024, "--scope: too long"), (",".join(["egress"] * 65), "--scope: more than 64 scopes")):
            self.refused(USAGE, [text, "  help: "], *ZONE, "--zone", "east", "--scope", scope)

    def test_durations(self):
        begin = ["generate", "zone-token", "--zone", "a", *SIGN, *WHEN]
        for length, exp in (("24h", 1767409445), ("1.5h", 1767328445), ("1h30m", 1767328445), ("500ms", 1767323046),
                            ("100ms", 1767323045), ("30d", 1769915045), ("+2m", 1767323165)):
            self.assertIn(f'"exp":{exp},"nbf":1767323040,', self.claims(*begin, "--valid-for", length))
        dead = "warning: the token has expired already: --valid-for is not above zero"
        for length, exp in (("0", 1767323045), ("-1h", 1767319445), ("0h", 1767323045), ("-1ns", 1767323045)):
            self.assertIn(f'"exp":{exp},', self.claims(*begin, f"--valid-for={length}", warnings=[dead]))
        for length in ("", "1", "1y", "h", "1h1", "1 h", "forever", "2562047h47m16.854775808s"):
            self.refused(USAGE, "--valid-for is not a duration", *begin, f"--valid-for={length}")

    def test_tokens_that_admit_too_much_are_warned_about(self):
        for bound in (["--name", "a"], ["--workload", "a"], ["--tag", "a=b"]):
            self.good(*DATAPLANE, *bound)
        for unbound in ([], ["--name", ""], ["--mesh", "m"], ["--type", "dataplane"]):
            self.warned([UNBOUND], *DATAPLANE, *unbound)
        self.assertTrue(self.claims(*ZONE, "--zone", "", warnings=["warning: --zone is empty: the token serves in every"])
                        .startswith('{"Zone":"","Scope":["ingress","egress"],'))

    def test_kumactls_own_flags_are_taken_before_and_behind_the_command(self):
        wanted = self.good(*ZONE, "--zone", "a").raw
        common = ["--config-file", "missing", "--api-timeout=5s", "--log-level", "debug", "--no-config"]
        for args in ([*ZONE, *common], [*common, *ZONE], [ZONE[0], *common, *ZONE[1:]],
                     [*common, ZONE[0], "--no-config", *ZONE[1:]], [*ZONE, *common, *common],
                     *[[*ZONE, "--log-level", level] for level in ("off", "info", "debug")]):
            self.assertEqual(self.good(*args, "--zone", "a").raw, wanted)
        for verb in (["dataplane-token", "--valid-for", "1h", *SIGN], ["zone-token", "--zone", "a", "--valid-for", "1h"],
                     ["signing-key"], ["public-key", "--signing-key-path", "key.pem"]):
            self.refused(USAGE, ["invalid --log-level value 'loud'", "levels: off, info, debug"], "generate", *verb,
                         "--log-level", "loud")
            self.refused(USAGE, ["--api-timeout is not a duration", "  help: "], "generate", *verb, "--api-timeout", "x")

    def test_kumactls_own_flags_belong_to_generate_alone(self):
        for args in (["--no-config", "mint", "zone"], ["--log-level", "off", "key", "list"], ["--no-config"],
                     ["--config-file"], ["--config-file", "generate"], ["--log-levels", "off", "generate"],
                     ["--no-config=x", "generate"]):
            self.refused(USAGE, f"unknown command '{args[0]}'", *args)
        for args in (["mint", "zone", "--no-config"], ["key", "list", "--log-level", "off"]):
            self.refused(USAGE, "unknown flag --", *args)
        self.refused(USAGE, "unknown command 'generate --no-config'", "--no-config", "generate")
        self.refused(USAGE, "'xdsgate generate' needs a verb", "generate")

    def test_words_that_are_none_get_the_nearest_one(self):
        for args, near in ((["generatt"], "xdsgate generate"), (["generate", "zone-tokens"], "xdsgate generate zone-token"),
                           (["generate", "publickey"], "xdsgate generate public-key"),
                           (["generate", "signing"], "xdsgate generate signing-key")):
            self.refused(USAGE, ["unknown command", f"did you mean '{near}'?"], *args)
        self.refused(USAGE, ["unknown command 'generate user-token'", "--help'"], "generate", "user-token")
        self.refused(USAGE, ["unknown flag --mes", "did you mean --mesh?"], *DATAPLANE, "--mes", "x")
        self.refused(USAGE, "unknown flag --scope", *DATAPLANE, "--scope", "ingress")
        self.refused(USAGE, "unexpected argument", *DATAPLANE, "word")

    def test_flags_that_must_be_there(self):
        for verb, args, text in (
                ("dataplane-token", SIGN, "--valid-for is required"),
                ("zone-token", SIGN, "--zone is required"),
                ("zone-token", ["--valid-for", "1h", *SIGN], "--zone is required"),
                ("zone-token", ["--zone", "a", *SIGN], "--valid-for is required"),
                ("public-key", [], "--signing-key-path is required")):
            self.refused(USAGE, [text, "  help: "], "generate", verb, *args)

    def test_names_have_limits(self):
        for flag, longest in (("--mesh", 253), ("--name", 253), ("--workload", 253), ("--proxy-type", 63)):
            self.refused(USAGE, f"{flag} is longer than", *DATAPLANE, flag, "x" * (longest + 1))
            self.refused(USAGE, f"{flag} holds control bytes", *DATAPLANE, flag, "a\x1b")
        self.refused(USAGE, "--zone is longer than", *ZONE, "--zone", "x" * 254)
        self.refused(USAGE, "--zone holds control bytes", *ZONE, "--zone", "a\n")
        self.refused(USAGE, "--kid is longer than 63 bytes", *ZONE, "--zone", "a", "--kid", "k" * 64)
        self.refused(USAGE, "--kid holds control bytes", *ZONE, "--zone", "a", "--kid", "k\n")

    def test_our_own_flags(self):
        self.refused(USAGE, "--now is not a time", *ZONE, "--zone", "a", "--now", "today")
        self.refused(USAGE, "--jti is empty", *ZONE, "--zone", "a", "--jti", "")
        self.refused(USAGE, "no xdsgate.so would read this token", *ZONE, "--zone", "a", "--jti", "a,b")
        self.refused(USAGE, "past the end of time", *ZONE, "--zone", "a", "--now", "9223372036854775807")


class Keys(GenerateTest):
    def test_which_key_signs_must_be_said(self):
        for begin in (["generate", "dataplane-token", "--name", "a"], ["generate", "zone-token", "--zone", "a"]):
            begin += ["--valid-for", "1h"]
            for args, texts in (
                    ([], ["no signing key: neither --signing-key-path nor --authority is given",
                          "here kumactl would ask the control plane", "add --signing-key-path FILE --kid KID"]),
                    (["--signing-key-path", ""], ["no signing key: neither"]),
                    (["--authority", ""], ["no signing key: neither"]),
                    (["--kid", ""], ["no signing key: neither"]),
                    (["--kid", "1"], ["--kid cannot be used without --signing-key-path or --authority",
                                      "add --signing-key-path FILE"]),
                    (["--kid", "1", "--signing-key-path", ""], ["--kid cannot be used without"]),
                    (["--signing-key-path", "key.pem"], ["--kid is required when --signing-key-path is used", "--kid KID"]),
                    (["--signing-key-path", "key.pem", "--kid", ""], ["--kid is required when --signing-key-path"]),
                    (["--signing-key-path", "key.pem", "--kid", "1", "--authority", "authority"],
                     ["--signing-key-path and --authority exclude each other"])):
                self.refused(USAGE, texts, *begin, *args)

    def test_an_authority_signs_too(self):
        args = ["--name", "a", "--mesh", "m1", "--valid-for", "1h", *WHEN, "--authority", "authority"]
        for kid in ([], ["--kid", "1"], ["--kid", "2"]):
            self.assertEqual(self.good("generate", "dataplane-token", *args, *kid).raw,
                             self.good("mint", "dataplane", *args, *kid).raw)
        self.refused(KEY, "the authority has no key '3' of mesh 'm1'", "generate", "dataplane-token", *args, "--kid", "3")
        self.refused(KEY, "the authority has no key of mesh 'm9'", "generate", "dataplane-token", *args, "-m", "m9")
        args = ["--zone", "a", "--valid-for", "1h", *WHEN, "--authority", "authority"]
        self.assertEqual(self.good("generate", "zone-token", *args).raw, self.good("mint", "zone", *args).raw)

    def test_key_files_are_read_as_kumactl_reads_them(self):
        wanted = self.good(*ZONE, "--zone", "a").raw
        public = self.good("generate", "public-key", "--signing-key-path", "key.pem").raw
        body = "".join(self.key.splitlines()[1:-1])
        other = self.secret("generate", "signing-key", "--format", "pem").stdout.decode()
        for name, content in (
                ("text before", "some text\nmore: text\n" + self.key),
                ("carriage returns", self.key.replace("\n", "\r\n")),
                ("damaged block before", f"{BEGIN}\n!!!!\n{END}\n" + self.key),
                ("unfinished block before", f"{BEGIN}\nAAAA\n" + self.key),
                ("mismatched block before", f"{BEGIN}\nAAAA\n-----END X-----\n" + self.key),
                ("another key behind", self.key + other),
                ("one long line, no line end", f"{BEGIN}\n{body}\n{END}"),
                ("blanks at line ends", self.key.replace("\n", " \t\n")),
                ("text behind", self.key + "text"),
                ("headers", self.key.replace(BEGIN, BEGIN + "\nComment: none\n"))):
            self.write("k.pem", content)
            self.assertEqual(self.good(*ZONE, "--zone", "a", "--signing-key-path", "k.pem").raw, wanted, name)
            self.assertEqual(self.good("generate", "public-key", "--signing-key-path", "k.pem").raw, public, name)
        os.symlink("key.pem", self.path("link"))
        for path in ("link", "./key.pem", self.path("key.pem")):
            self.assertEqual(self.good(*ZONE, "--zone", "a", "--signing-key-path", path).raw, wanted)
        for path in ("-", "/dev/stdin"):
            self.assertEqual(self.good(*ZONE, "--zone", "a", "--signing-key-path", path, stdin=self.key.encode()).raw,
                             wanted)
            self.assertEqual(self.good("generate", "public-key", "--signing-key-path", path,
                                       stdin=self.key.encode()).raw, public)

    def test_without_stdin_too(self):
        shut = "exec \"$0\" \"$@\" <&-"
        done = subprocess.run(["sh", "-c", shut, CLI, *ZONE, "--zone", "a"], cwd=self.dir, capture_output=True,
                              timeout=60, check=False)
        self.assertEqual((done.returncode, done.stdout), (DONE, self.good(*ZONE, "--zone", "a").raw))

    def test_stdin_of_the_caller_is_left_alone(self):
        read, write = os.pipe()
        os.write(write, b"for the next command\n")
        os.close(write)
        flags = fcntl.fcntl(read, fcntl.F_GETFL)
        done = subprocess.run([CLI, *ZONE, "--zone", "a"], cwd=self.dir, stdin=read, capture_output=True, timeout=60,
                              check=False)
        self.assertEqual(done.returncode, DONE)
        self.assertEqual(fcntl.fcntl(read, fcntl.F_GETFL), flags)
        self.assertEqual(os.read(read, 100), b"for the next command\n")
        os.close(read)

    def test_open_key_files_are_warned_about(self):
        for mode in (0o644, 0o640, 0o604, 0o660):
            os.chmod(self.path("key.pem"), mode)
            for args in ([*ZONE, "--zone", "a"], ["generate", "public-key", "--signing-key-path", "key.pem"]):
                answer = self.warned([f"warning: the private key is open to group or others (mode {mode:03o})"], *args)
                for text in ("where: key.pem", "chmod 600 FILE", "the other commands of xdsgate refuse"):
                    self.assertIn(text, answer.err)
                self.assertEqual(answer.out.count("\n") == 0, args[1] == "zone-token")
            self.refused(KEY, "open to group or others", "mint", "zone", "--zone", "a", "--valid-for", "1h", "--key",
                         "key.pem", "--kid", "1")
        for mode in (0o600, 0o400):
            os.chmod(self.path("key.pem"), mode)
            self.good(*ZONE, "--zone", "a")

    def test_a_key_of_another_user_is_warned_about(self):
        self.good(*ZONE, "--zone", "a")
        if os.geteuid() == 0:  # nobody else can give a file away
            os.chown(self.path("key.pem"), NOBODY, NOBODY)
            answer = self.warned([f"warning: the private key belongs to another user (uid {NOBODY})"], *ZONE, "--zone",
                                 "a")
            self.assertIn("make it yours with chown", answer.err)

    def test_key_files_that_are_none(self):
        self.openssl("pkcs8", "-topk8", "-nocrypt", "-in", "key.pem", "-out", "pkcs8.pem")
        self.openssl("pkcs8", "-topk8", "-passout", "pass:x", "-in", "key.pem", "-out", "locked8.pem")
        self.openssl("rsa", "-traditional", "-aes128", "-passout", "pass:x", "-in", "key.pem", "-out", "locked.pem")
        self.openssl("rsa", "-in", "key.pem", "-RSAPublicKey_out", "-out", "public.pem")
        self.openssl("rsa", "-in", "key.pem", "-traditional", "-outform", "DER", "-out", "key.der")
        self.openssl("genrsa", "-traditional", "-out", "weak.pem", "1024")
        for name, content in (
                ("empty", ""), ("junk", "junk\n"), ("indented", " " + self.key), ("bom", "\ufeff" + self.key),
                ("mismatch", self.key.replace(END, "-----END PRIVATE KEY-----")),
                ("cut", self.key[:-40]), ("line", self.key.replace("\n", "")),
                ("damaged", self.key.replace("\nMII", "\n!!!", 1)),
                ("base64", base64.b64encode(self.key.encode())),
                ("short", f"{BEGIN}\nAAAA\n{END}\n"), ("hollow", f"{BEGIN}\n{END}\n"),
                ("longer", self.key.replace("\nMIIEpQ", "\nMIIEpg", 1)),
                ("shorter", self.key.replace("\nMIIEpQ", "\nMIIEpA", 1))):
            self.write(name, content)
        no_pem = ["the signing key is not in PEM", "  where: ", "  help: give the file that 'xdsgate generate signing-key"]
        for name, texts in (
                ("empty", [*no_pem, "nothing is in it"]), ("junk", no_pem), ("indented", no_pem), ("bom", no_pem),
                ("mismatch", no_pem), ("cut", no_pem), ("line", no_pem), ("damaged", no_pem), ("key.der", no_pem),
                ("base64", ["the signing key is not in PEM", "looks like PEM in base64", "base64 -d"]),
                ("short", ["the signing key is damaged", "where: short", "restore it"]),
                ("hollow", ["the signing key is damaged"]), ("longer", ["the signing key is damaged"]),
                ("shorter", ["the signing key is damaged"]),
                ("pkcs8.pem", ["the first block is 'PRIVATE KEY'", "PKCS#8", "openssl rsa -traditional"]),
                ("locked8.pem", ["the first block is 'ENCRYPTED PRIVATE KEY'", "  help: "]),
                ("locked.pem", ["the signing key is encrypted", "no place for a passphrase", "openssl rsa"]),
                ("public.pem", ["the first block is 'RSA PUBLIC KEY'", "  help: "]),
                ("weak.pem", ["the signing key cannot be used", "where: weak.pem", "(key_size)"]),
                ("missing", ["cannot read the key: No such file or directory", "where: missing"])):
            if os.path.exists(self.path(name)):
                os.chmod(self.path(name), 0o600)
            for args in ([*ZONE, "--zone", "a"], [*DATAPLANE, "--name", "a"], ["generate", "public-key"]):
                self.refused(KEY, texts, *args, "--signing-key-path", name)
        for stdin, text in ((b"", "nothing is in it"), (b"junk", "not in PEM")):
            self.refused(KEY, text, *ZONE, "--zone", "a", "--signing-key-path", "-", stdin=stdin)

    def test_key_files_that_cannot_be_read(self):
        os.mkdir(self.path("folder"))
        self.write("huge", "x" * 65537)
        for name, text in (("folder", "cannot read the key: Is a directory"), ("huge", "cannot read the key: File too")):
            for args in ([*ZONE, "--zone", "a"], ["generate", "public-key"]):
                self.refused(IO, [text, f"where: {name}"], *args, "--signing-key-path", name)
        self.write("fits", self.key + "x" * (65536 - len(self.key)))
        self.good(*ZONE, "--zone", "a", "--signing-key-path", "fits")
        user = self.as_nobody()
        if user:
            os.chown(self.path("key.pem"), 0, 0)
            self.refused(IO, ["cannot read the key: Permission denied", "check its owner"], *ZONE, "--zone", "a", **user)


class SigningKey(GenerateTest):
    def test_forms(self):
        for options, is_pem in (([], False), (["--format", "pem-base64"], False), (["--format=pem"], True),
                                (["--format", "pem-base64", "--format", "pem"], True), (["--no-config"], False)):
            done = self.secret("generate", "signing-key", *options)
            self.assertEqual((done.returncode, done.stderr), (DONE, b""))
            text = done.stdout.decode()
            if not is_pem:
                self.assertRegex(text, r"\A[A-Za-z0-9+/]+=*\Z")
                text = base64.b64decode(text, validate=True).decode()
            self.assertRegex(text, r"\A-----BEGIN RSA PRIVATE KEY-----\n([A-Za-z0-9+/]{64}\n)+[A-Za-z0-9+/]{1,64}=*\n"
                                   r"-----END RSA PRIVATE KEY-----\n\Z")
            self.write("made.pem", text)
            size = subprocess.run(["openssl", "rsa", "-in", "made.pem", "-noout", "-text", "-check"], cwd=self.dir,
                                  capture_output=True, check=True).stdout
            self.assertIn(b"(2048 bit, 2 primes)", size)
            self.assertIn(b"RSA key ok", size)
            self.assertIn(b"publicExponent: 65537 ", size)

    def test_every_key_is_new(self):
        self.assertEqual(len({self.secret("generate", "signing-key").stdout for _ in range(3)}), 3)

    def test_formats_that_are_none(self):
        for form in ("der", "", "PEM", "pem,pem-base64"):
            self.refused(USAGE, [f"invalid --format value '{form}'", "formats: pem-base64, pem"], "generate",
                         "signing-key", "--format", form)

    def test_a_full_disk_is_noticed(self):
        for form in ("pem", "pem-base64"):
            with open("/dev/full", "wb") as full:
                done = subprocess.run([CLI, "generate", "signing-key", "--format", form], stdout=full,
                                      stderr=subprocess.PIPE, check=False)
            self.assertEqual(done.returncode, IO)
            self.assertEqual(done.stderr.count(b"error: "), 1)
            self.assertIn(b"error: cannot write the output: No space left on device", done.stderr)

    def test_help_names_no_secret_that_kuma_cannot_find(self):
        text = self.good("generate", "signing-key", "--help").out
        self.assertIn("dataplane-token-signing-key-demo-2.", text)
        self.assertNotRegex(text, r"signing-key-0")


class Script(GenerateTest):
    def test_a_script_written_for_kumactl(self):
        work = self.path("work")
        os.mkdir(work)
        done = subprocess.run([os.path.join(HERE, "kumactl_script.sh")], cwd=work, capture_output=True, timeout=120,
                              check=False, env={**os.environ, "PROGRAM": CLI})
        self.assertEqual(done.returncode, 0, done.stderr)
        header = '{"alg":"RS256","kid":"%s","typ":"JWT"}\n'
        times = '"exp":TIME,"nbf":TIME,"iat":TIME,"jti":"ID"}\nVerified OK\n'
        self.assertEqual(done.stdout.decode(), (
            f"signing key:\n{BEGIN}\npublic key:\n-----BEGIN RSA PUBLIC KEY-----\n-----END RSA PUBLIC KEY-----\n"
            "dataplane.token: 0 lines\n" + header % 1 +
            '{"Name":"web-01","Mesh":"demo","Tags":{"env":["prod"],"kuma.io/service":["web","web-api"]},"Type":"",'
            '"Workload":"",' + times + "zone.token: 0 lines\n" + header % 7 +
            '{"Zone":"east","Scope":["ingress","egress"],' + times + "-----BEGIN RSA PUBLIC KEY-----\n"))
        self.assertEqual(stat.S_IMODE(os.stat(os.path.join(work, "key.pem")).st_mode) & 0o600, 0o600)
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
