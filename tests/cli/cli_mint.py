# SPDX-License-Identifier: Apache-2.0
"""xdsgate mint dataplane, zone: what goes into a token, and what is not minted."""

import base64
import hashlib
import json
import os
import pty
import re
import resource
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import time

from cli_support import CLI, CONFIG, DENIED, DONE, IO, KEY, NOBODY, NOW, USAGE, CliTest, decode, main, tree

JTI = "00000000-0000-4000-8000-000000000001"
WHEN = ["--now", "1767323045.678", "--valid-for", "1h", "--jti", JTI]
TAIL = f'"exp":1767326645,"nbf":1767323040,"iat":1767323040,"jti":"{JTI}"}}'
FROM = ["--authority", "authority"]


class MintDataplane(CliTest):
    def claims(self, *args):
        answer = self.good("mint", "dataplane", *args, *WHEN, *FROM)
        header, claims = decode(answer.out)
        self.assertEqual(header, '{"alg":"RS256","kid":"2","typ":"JWT"}')
        return claims

    def test_reference_example(self):
        self.good("key", "new", "--mesh", "default", *FROM, "--store", "store", "--plain")
        token = self.good("mint", "dataplane", "--mesh", "default", "--unbound", *WHEN, *FROM).out
        self.assertEqual(decode(token)[0], '{"alg":"RS256","kid":"1","typ":"JWT"}')
        self.assertEqual(decode(token)[1],
                         '{"Name":"","Mesh":"default","Tags":{},"Type":"","Workload":"",' + TAIL)

    def test_no_openssl_configuration_is_read(self):
        os.mkfifo(self.path("openssl.cnf"))  # whoever opens it waits for ever
        token = self.good("mint", "dataplane", "--mesh", "m1", "--name", "web-1", *WHEN, *FROM,
                          env={**os.environ, "OPENSSL_CONF": self.path("openssl.cnf")}).out
        self.assertEqual(token.count("."), 2)

    def test_every_flag_has_its_claim(self):
        self.assertEqual(
            self.claims("--mesh", "m1", "--name", "web-1", "--workload", "web", "--type", "dataplane",
                        "--tag", "kuma.io/service=web,api,web", "--tag", "env="),
            '{"Name":"web-1","Mesh":"m1","Tags":{"env":[""],"kuma.io/service":["api","web"]},"Type":"dataplane",'
            '"Workload":"web",' + TAIL)
        self.assertEqual(self.claims("-m", "m1", "--name", "é<\"", "--proxy-type", "ingress"),
                         '{"Name":"é\\u003c\\"","Mesh":"m1","Tags":{},"Type":"ingress","Workload":"",' + TAIL)

    def test_role_names_the_workload_of_a_zone_proxy(self):
        for role in ("ingress", "egress", "all"):
            self.assertIn(f'"Workload":"zone-proxy-m1-{role}"', self.claims("--mesh", "m1", "--role", role))

    def test_equal_input_gives_equal_bytes_and_stdout_holds_nothing_else(self):
        args = ["mint", "dataplane", "--mesh", "m1", "--name", "a", *WHEN, *FROM]
        first = self.good(*args)
        self.assertEqual(first.raw, self.good(*args).raw)
        self.assertRegex(first.out, r"\A[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\Z")

    def test_a_terminal_gets_a_newline(self):
        parent, child = pty.openpty()
        with subprocess.Popen([CLI, "mint", "dataplane", "--mesh", "m1", "--name", "a", *WHEN, *FROM], cwd=self.dir,
                              stdout=child) as process:
            process.wait(60)
        os.close(child)
        self.assertTrue(os.read(parent, 65536).endswith(b"\r\n"))
        os.close(parent)

    def test_jti_is_a_random_uuid_and_the_clock_the_real_one(self):
        seen = set()
        for _ in range(3):
            before = int(time.time())
            token = self.good("mint", "dataplane", "--mesh", "m1", "--name", "a", "--valid-for", "90s", *FROM).out
            claims = json.loads(decode(token)[1])
            self.assertRegex(claims["jti"], r"\A[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\Z")
            self.assertEqual(claims["exp"] - claims["iat"], 95)
            self.assertIn(claims["iat"] + 5 - before, range(0, 60))
            seen.add(claims["jti"])
        self.assertEqual(len(seen), 3)

    def test_newest_key_signs_where_no_ledger_knows_better(self):
        os.remove(self.path("authority/ledger.db"))
        args = ["mint", "dataplane", "--mesh", "m1", "--name", "a", *WHEN, *FROM]
        self.assertIn('"kid":"2"', decode(self.good(*args).out)[0])
        self.assertIn('"kid":"1"', decode(self.good(*args, "--kid", "1").out)[0])
        shutil.copy(self.path("authority/meshes/m1/1.pem"), self.path("authority/meshes/m1/10.pem"))
        shutil.copy(self.path("authority/meshes/m1/1.pem"), self.path("authority/meshes/m1/zz.pem"))
        self.assertIn('"kid":"10"', decode(self.good(*args).out)[0])
        for kid in ("1", "2", "10"):
            os.remove(self.path("authority/meshes/m1", kid + ".pem"))
        self.assertIn('"kid":"zz"', decode(self.good(*args).out)[0])
        os.rename(self.path("authority/meshes/m1/zz.pem"), self.path("authority/meshes/m1/0.pem"))
        self.assertIn('"kid":"0"', decode(self.good(*args).out)[0])

    def test_key_file_signs_like_the_authority(self):
        args = ["mint", "dataplane", "--mesh", "m1", "--name", "a", *WHEN]
        wanted = self.good(*args, *FROM, "--kid", "1").out
        self.assertEqual(self.good(*args, "--key", "authority/meshes/m1/1.pem", "--kid", "1").out, wanted)
        private = self.read("authority/meshes/m1/1.pem").encode()
        self.assertEqual(self.good(*args, "--key", "-", "--kid", "1", stdin=private).out, wanted)
        self.good(*args, "--key", "-", "--kid", "k" * 63, stdin=private)

    def test_binding_is_demanded(self):
        args = ["mint", "dataplane", "--mesh", "m1", *WHEN, *FROM]
        for unbound in ([], ["--name", ""], ["--workload", ""], ["--type", "dataplane"]):
            self.refused(USAGE, ["bound to no name, workload or tag", "--unbound"], *args, *unbound)
        for bound in (["--name", "a"], ["--workload", "a"], ["--role", "all"], ["--tag", "a=b"]):
            self.good(*args, *bound)
            self.refused(USAGE, "--unbound contradicts", *args, *bound, "--unbound")
        self.good(*args, "--unbound")

    def test_flags_must_be_there_and_fit_together(self):
        args = ["mint", "dataplane", "--name", "a"]
        self.refused(USAGE, "--mesh is required", *args, *WHEN, *FROM)
        self.refused(USAGE, "--mesh is empty", *args, "--mesh", "", *WHEN, *FROM)
        self.refused(USAGE, "--valid-for is required", *args, "--mesh", "m1", *FROM)
        args += ["--mesh", "m1", *WHEN]
        self.refused(USAGE, "exactly one of --authority and --key", *args)
        self.refused(USAGE, "exactly one of --authority and --key", *args, *FROM, "--key", "x", "--kid", "1")
        self.refused(USAGE, "--kid is required with --key", *args, "--key", "authority/meshes/m1/1.pem")
        self.refused(USAGE, "--kid is required with --key", *args, "--key", "authority/meshes/m1/1.pem", "--kid", "")
        self.refused(USAGE, "--kid is longer than 63 bytes", *args, "--key", "authority/meshes/m1/1.pem",
                     "--kid", "k" * 64)
        for source in (FROM, ["--key", "authority/meshes/m1/1.pem"]):
            for kid, plain in (("007", "7"), ("00", "0")):
                self.refused(USAGE, [f"the serial '{kid}' has leading zeros", f"write {plain}\n"], *args, *source,
                             "--kid", kid)
        self.refused(USAGE, "--role and --workload exclude each other", *args, *FROM, "--role", "all",
                     "--workload", "w")

    def test_roles_are_three_and_the_workload_must_fit_a_dns_label(self):
        for role in ("", "All", "ingress,egress", "both"):
            self.refused(USAGE, "invalid --role value", "mint", "dataplane", "--mesh", "m1", "--role", role, *WHEN,
                         *FROM)
        pem = ["--key", "authority/meshes/m1/1.pem", "--kid", "1"]
        for role, most in (("all", 48), ("egress", 45), ("ingress", 44)):
            args = ["mint", "dataplane", "--role", role, *WHEN, *pem]
            self.good(*args, "--mesh", "m" * most)
            self.refused(USAGE, ["no workload name can be made", "workload_mesh"], *args, "--mesh", "m" * (most + 1))
        for mesh in ("M1", "1m", "m_1", "m.1", "m-"):
            self.refused(USAGE, "workload_mesh", "mint", "dataplane", "--role", "all", "--mesh", mesh, *WHEN, *pem)

    def test_texts_that_no_token_should_hold_are_refused(self):
        base = ["mint", "dataplane", "--mesh", "m1", *WHEN, *FROM]
        for flag, limit in (("name", 253), ("workload", 253), ("type", 63)):
            self.refused(USAGE, f"--{flag} is longer than {limit} bytes", *base, f"--{flag}", "x" * (limit + 1))
            for bad in ("a\n", "\x1b[31m", "\x7f", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xc0\xaf"):
                self.refused(USAGE, f"--{flag} holds control bytes or is not UTF-8", *base, f"--{flag}", bad)
        self.refused(USAGE, "--mesh is longer than 253 bytes", "mint", "dataplane", "--name", "a",
                     "--mesh", "x" * 254, *WHEN, *FROM)
        self.refused(USAGE, "not of the form key=value", *base, "--tag", "novalue")
        self.refused(USAGE, "the same key twice", *base, "--tag", "a=1", "--tag", "a=2")

    def test_jti_must_be_something_a_revocation_list_can_name(self):
        base = ["mint", "dataplane", "--mesh", "m1", "--name", "a", "--valid-for", "1h", *FROM]
        self.good(*base, "--jti", "x" * 127)
        self.refused(USAGE, "--jti is longer than 127 bytes", *base, "--jti", "x" * 128)
        self.refused(USAGE, "--jti is empty", *base, "--jti", "")
        self.refused(USAGE, "--jti holds control bytes", *base, "--jti", "a\nb")
        for jti in ("a,b", "a b", "#a", "@kid", "é"):
            answer = self.refused(USAGE, ["no xdsgate.so would read this token", "  note: Claim 'jti' has the wrong type",
                                          "claims_type", "a jti is printable ASCII"], *base, "--jti", jti)
            self.assertNotIn("{", answer.err)

    def test_tokens_too_large_to_be_read_are_refused(self):
        tags = [arg for i in range(32) for arg in ("--tag", f"k{i}=" + ",".join(f"{j:05}" for j in range(64)))]
        answer = self.refused(USAGE, ["no xdsgate.so would read this token", "credential_too_long"],
                              "mint", "dataplane", "--mesh", "m1", *tags, *WHEN, *FROM)
        self.assertNotIn("jti", answer.err)

    def test_times_must_be_times(self):
        base = ["mint", "dataplane", "--mesh", "m1", "--name", "a", *FROM]
        for text in ("", "24", "1 h", "1w", "h", "300y", "3000000h"):
            self.refused(USAGE, "--valid-for is not a duration", *base, "--valid-for", text)
        for text in ("", "now", "1.", "1e9", "2026-01-02T03:04:05Z", "1.0000000001"):
            self.refused(USAGE, "--now is not a time", *base, "--valid-for", "1h", "--now", text)
        for now, valid, message in (
                ("9223372036854775807", "1h", "expire past the end of time"),
                ("9223372036854775807", "-1h", "expire past the end of time"),
                ("9223372036854772198", "1h", "expire past the end of time"),
                ("-9223372036854775807", "1h", "before the beginning of time"),
                ("-9223372036854772199", "-1h", "before the beginning of time")):
            answer = self.refused(USAGE, [message, "  help: "], *base, f"--valid-for={valid}", f"--now={now}")
            self.assertNotIn("jti", answer.err)
        for now, valid, exp in ((9223372036854772197, "1h", 9223372036854775797),
                                (-9223372036854772198, "1h", -9223372036854768598)):
            token = self.good(*base, "--valid-for", valid, f"--now={now}").out
            self.assertEqual(json.loads(decode(token)[1])["exp"], exp)
        for text, exp in (("0", NOW), ("-1h", NOW - 3600), ("1d", NOW + 86400), ("1.5d", NOW + 129600)):
            answer = self.run_cli(*base, "--valid-for", text, "--now", str(NOW))
            dead = "warning: the token has expired already: --valid-for is not above zero\n" if exp <= NOW else ""
            self.assertEqual((answer.code, answer.err), (DONE, dead))
            self.assertEqual(json.loads(decode(answer.out)[1])["exp"], exp)

    def test_authority_without_the_key_says_how_to_make_one(self):
        args = ["mint", "dataplane", "--name", "a", *WHEN, "--mesh"]
        self.refused(KEY, ["no key of mesh 'm3'", "xdsgate key new --mesh"], *args, "m3", *FROM)
        self.refused(KEY, "no key '3' of mesh 'm1'", *args, "m1", "--kid", "3", *FROM)
        self.refused(KEY, "no key '../m2/1' of mesh 'm1'", *args, "m1", "--kid", "../m2/1", *FROM)
        self.refused(KEY, "no key of mesh '../m2'", *args, "../m2", *FROM)
        self.refused(KEY, "no key of mesh 'm1'", *args, "m1", "--authority", "nowhere")
        os.remove(self.path("authority/ledger.db"))
        for kid in ("1", "2"):
            os.rename(self.path(f"authority/meshes/m1/{kid}.pem"), self.path(f"authority/meshes/m1/k{kid}.pem"))
        self.refused(KEY, ["several keys and none is the newest", "--kid"], *args, "m1", *FROM)
        os.remove(self.path("authority/meshes/m1/k1.pem"))
        os.remove(self.path("authority/meshes/m1/k2.pem"))
        self.refused(KEY, "no key of mesh 'm1'", *args, "m1", *FROM)

    def test_keys_that_are_not_well_kept_do_not_sign(self):
        args = ["mint", "dataplane", "--mesh", "m1", "--name", "a", *WHEN]
        key = self.path("authority/meshes/m1/2.pem")
        for bits in (0o640, 0o604, 0o622):
            os.chmod(key, bits)
            for source in (FROM, ["--key", "authority/meshes/m1/2.pem", "--kid", "2"]):
                self.refused(KEY, f"open to group or others (mode {bits:03o})", *args, *source)
        os.chmod(key, 0o600)
        os.chmod(self.path("authority/meshes"), 0o755)
        self.refused(KEY, "open to group or others (mode 755)", *args, *FROM)
        os.chmod(self.path("authority/meshes"), 0o700)
        os.rename(key, self.path("moved.pem"))
        os.symlink(self.path("moved.pem"), key)
        self.refused(IO, "symbolic links are not followed", *args, *FROM)
        os.remove(key)
        self.write("authority/meshes/m1/2.pem", "no key\n")
        self.refused(KEY, ["not exactly one unencrypted RSA private key", "authority/meshes/m1/2.pem"], *args, *FROM)
        self.write("authority/meshes/m1/2.pem", self.read("store/meshes/m1/keys/2.pem"))
        self.refused(KEY, "not exactly one unencrypted RSA private key", *args, *FROM)
        self.write("authority/meshes/m1/2.pem", self.read("moved.pem") + self.read("authority/meshes/m1/1.pem"))
        self.refused(KEY, "not exactly one unencrypted RSA private key", *args, *FROM)
        self.refused(KEY, "No such file", *args, "--key", "absent.pem", "--kid", "1")


class MintZone(CliTest):
    def claims(self, *args):
        header, claims = decode(self.good("mint", "zone", *args, *WHEN, *FROM).out)
        self.assertEqual(header, '{"alg":"RS256","kid":"1","typ":"JWT"}')
        return claims

    def test_scope_is_kept_in_order_and_defaults_to_both(self):
        for flags, scope in (
                ([], '["ingress","egress"]'),
                (["--scope", "ingress"], '["ingress"]'),
                (["--scope", "egress"], '["egress"]'),
                (["--scope", "egress,ingress"], '["egress","ingress"]'),
                (["--scope", "ingress", "--scope", "egress"], '["ingress","egress"]')):
            self.assertEqual(self.claims("--zone", "east", *flags), '{"Zone":"east","Scope":' + scope + "," + TAIL)

    def test_other_scopes_are_refused(self):
        for scope in ("", "Ingress", "cp", "ingress,", ",ingress", "ingress egress", "ingress,all", "*"):
            self.refused(USAGE, ["invalid --scope value", "supported scopes: ingress, egress"],
                         "mint", "zone", "--zone", "east", "--scope", scope, *WHEN, *FROM)
        for scope in (["ingress,ingress"], ["egress", "--scope", "egress"]):
            self.refused(USAGE, "twice", "mint", "zone", "--zone", "east", "--scope", *scope, *WHEN, *FROM)

    def test_zone_is_demanded(self):
        self.refused(USAGE, "--zone is required", "mint", "zone", *WHEN, *FROM)
        self.refused(USAGE, "--zone is empty", "mint", "zone", "--zone", "", *WHEN, *FROM)
        self.refused(USAGE, "--zone holds control bytes", "mint", "zone", "--zone", "a\n", *WHEN, *FROM)
        self.refused(USAGE, "--zone is longer", "mint", "zone", "--zone", "z" * 254, *WHEN, *FROM)
        self.refused(USAGE, "--valid-for is required", "mint", "zone", "--zone", "east", *FROM)

    def test_zone_keys_sign_and_no_others(self):
        shutil.rmtree(self.path("authority/zone"))
        self.refused(KEY, ["no key of the zone", "xdsgate key new --for-zone"], "mint", "zone", "--zone", "east", *WHEN,
                     *FROM)

    def test_flags_of_the_other_kind_are_unknown(self):
        for flag in ("--mesh", "--name", "--workload", "--tag", "--role"):
            answer = self.refused(USAGE, f"unknown flag {flag}", "mint", "zone", "--zone", "east", flag, "x", *WHEN,
                                  *FROM)
            self.assertTrue(re.search("  help: ", answer.err))


# The example of Kuma's own format, as its issuer writes it.
GOLDEN = ("eyJhbGciOiJSUzI1NiIsImtpZCI6IjEiLCJ0eXAiOiJKV1QifQ."
          "eyJOYW1lIjoiIiwiTWVzaCI6ImRlZmF1bHQiLCJUYWdzIjp7fSwiVHlwZSI6IiIsIldvcmtsb2FkIjoiIiwiZXhwIjoxNzY3MzI2NjQ1LCJu"
          "YmYiOjE3NjczMjMwNDAsImlhdCI6MTc2NzMyMzA0MCwianRpIjoiMDAwMDAwMDAtMDAwMC00MDAwLTgwMDAtMDAwMDAwMDAwMDAxIn0")


class Ledgers(CliTest):
    """What is recorded, where, and that nothing leaves that is not."""

    ARGS = ["mint", "dataplane", "--mesh", "m1", "--name", "web", *WHEN]
    PEM = ["--key", "authority/meshes/m1/2.pem", "--kid", "2"]

    def rows(self, name="authority/ledger.db"):
        with sqlite3.connect(self.path(name)) as database:
            database.row_factory = sqlite3.Row
            found = [dict(row) for row in database.execute("SELECT * FROM mint ORDER BY id")]
        database.close()
        return found

    def test_golden_token(self):
        self.good("key", "new", "--mesh", "default", *FROM, "--store", "store", "--plain")
        token = self.good("mint", "dataplane", "--mesh", "default", "--unbound", *WHEN, *FROM).out
        signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.path("authority/meshes/default/1.pem")],
                                   input=GOLDEN.encode(), capture_output=True, check=True).stdout
        self.assertEqual(token, GOLDEN + "." + base64.urlsafe_b64encode(signature).decode().rstrip("="))

    def test_a_mint_is_recorded_without_its_token(self):
        before = int(time.time())
        token = self.good(*self.ARGS, "--tag", "a=b", *FROM).out
        row, = self.rows()
        self.assertLessEqual(before, row.pop("minted_at"))
        key = subprocess.run(["openssl", "rsa", "-RSAPublicKey_in", "-in", self.path("store/meshes/m1/keys/2.pem"),
                              "-RSAPublicKey_out", "-outform", "DER"], capture_output=True, check=True).stdout
        self.assertEqual(row, {
            "id": 1, "purpose": "dataplane", "mesh": "m1", "zone": "", "name": "web", "workload": "",
            "tags": '{"a":["b"]}', "jti": JTI, "kid": "2", "key": hashlib.sha256(key).hexdigest(),
            "claims": decode(token)[1], "fingerprint": hashlib.sha256(token.encode()).hexdigest(), "origin": "mint",
            "issued_at": 1767323040, "expires_at": 1767326645})
        with open(self.path("authority/ledger.db"), "rb") as file:
            content = file.read()
        for part in token.split("."):
            self.assertNotIn(part.encode(), content)
        self.good("mint", "zone", "--zone", "east", "--scope", "egress", *WHEN, *FROM)
        row = self.rows()[1]
        self.assertEqual((row["purpose"], row["zone"], row["mesh"], row["tags"]), ("zone", "east", "", '["egress"]'))

    def test_equal_mints_are_one_entry_and_others_are_not(self):
        first = self.good(*self.ARGS, *FROM).raw
        self.assertEqual(self.good(*self.ARGS, *FROM).raw, first)
        self.assertEqual(len(self.rows()), 1)
        for more in (["--kid", "1"], ["--workload", "w"], ["--type", "dataplane"]):
            self.good(*self.ARGS, *FROM, *more)
        self.assertEqual({row["jti"] for row in self.rows()}, {JTI})
        self.assertEqual(len(self.rows()), 4)

    def test_no_token_leaves_when_the_ledger_cannot_be_written(self):
        user = self.as_nobody()
        os.chmod(self.path("authority"), 0o500)  # where SQLite's journal would be
        self.refused(IO, "cannot record the tokens in the ledger", *self.ARGS, *FROM, **user)
        os.remove(self.path("authority/ledger.db"))
        self.refused(IO, "cannot ", *self.ARGS, *FROM, **user)
        os.chmod(self.path("authority"), 0o700)
        self.assertEqual(self.run_cli(*self.ARGS, *FROM, **user).code, DONE)
        os.mkdir(self.path("closed"), 0o500)
        os.chown(self.path("closed"), NOBODY if user else -1, -1)
        self.refused(IO, "Permission denied", *self.ARGS, *self.PEM, "--ledger", "closed/ledger.db", **user)

    def test_no_token_leaves_when_the_disk_is_full(self):
        for limit in (0, 100, 5000):

            def small_files(size=limit):
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

            self.refused(IO, "cannot record the tokens in the ledger", *self.ARGS, *FROM, preexec_fn=small_files)
            self.refused(IO, "cannot ", *self.ARGS, *self.PEM, "--ledger", "new.db", preexec_fn=small_files)
        self.assertEqual(self.rows(), [])

    def test_no_token_leaves_while_another_holds_the_ledger(self):
        # In a process of its own: whoever looks at a file drops the locks that the same process has on it.
        hold = ("import sqlite3, sys; database = sqlite3.connect(sys.argv[1], isolation_level=None); "
                "database.execute('BEGIN IMMEDIATE'); print('held', flush=True); sys.stdin.read()")
        with subprocess.Popen([sys.executable, "-c", hold, self.path("authority/ledger.db")], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE) as holder:
            self.assertEqual(holder.stdout.readline(), b"held\n")
            self.refused(IO, ["cannot record the tokens in the ledger: another process is using the ledger", "waited",
                              "fuser"], *self.ARGS, *FROM)
            holder.stdin.close()
            holder.wait(60)
        self.good(*self.ARGS, *FROM)

    def test_a_mint_that_nobody_can_read_is_recorded_and_is_a_failure(self):
        with open("/dev/full", "wb") as full:
            for more in ([], ["-o", "json"]):
                done = subprocess.run([CLI, *self.ARGS, *FROM, *more], cwd=self.dir, stdout=full,
                                      stderr=subprocess.PIPE, check=False)
                self.assertEqual(done.returncode, IO)
                self.assertIn(b"No space left", done.stderr)
        self.assertEqual(len(self.rows()), 1)
        with open(self.path("err"), "wb") as err:
            done = subprocess.run([CLI, *self.ARGS, *FROM, "--kid", "1"], cwd=self.dir, stderr=err, check=False,
                                  preexec_fn=lambda: os.close(1))
        self.assertEqual(done.returncode, IO)
        self.assertEqual([row["kid"] for row in self.rows()], ["2", "1"])
        self.good("ledger", "list", *FROM)  # whatever was opened in place of stdout, the token is not in it
        for name in tree(self.dir):
            if os.path.isfile(self.path(name)):
                with open(self.path(name), "rb") as file:
                    self.assertNotIn(b"eyJ", file.read(), name)

    def test_places_of_the_ledger_in_their_order(self):
        home = {"PATH": os.environ["PATH"], "HOME": self.path("home")}
        state = {**home, "XDG_STATE_HOME": self.path("state")}
        named = {**state, "XDSGATE_LEDGER": self.path("named.db")}
        os.mkdir(self.path("home"), 0o700)
        args = [*self.ARGS, *self.PEM]
        for env, more, where in (
                (home, [], "home/.local/state/xdsgate/ledger.db"), (state, [], "state/xdsgate/ledger.db"),
                ({**home, "XDG_STATE_HOME": ""}, [], "home/.local/state/xdsgate/ledger.db"),
                ({**home, "XDG_STATE_HOME": "relative"}, [], "home/.local/state/xdsgate/ledger.db"),
                ({**state, "XDSGATE_LEDGER": ""}, [], "state/xdsgate/ledger.db"),
                (named, [], "named.db"), (named, ["--ledger", "flag.db"], "flag.db")):
            before = set(tree(self.dir))
            self.good(*args, *more, env=env)
            self.assertEqual(len(self.rows(where)), 1, where)
            os.remove(self.path(where))
            for name in set(tree(self.dir)) - before:
                self.assertEqual(stat.S_IMODE(os.stat(self.path(name)).st_mode), 0o700, name)
        # An authority has its own.
        self.good(*self.ARGS, *FROM, env=named)
        self.assertEqual(len(self.rows()), 1)
        self.assertFalse(os.path.exists(self.path("named.db")))

    def test_without_a_place_for_the_ledger_nothing_is_minted(self):
        args = [*self.ARGS, *self.PEM]
        path = {"PATH": os.environ["PATH"]}
        for env in (path, {**path, "HOME": ""}, {**path, "HOME": "here", "XDG_STATE_HOME": "there"},
                    {**path, "HOME": "/" + "x" * 5000}):
            self.refused(IO, ["no place to record the mint", "neither XDG_STATE_HOME nor HOME is a directory",
                              "--ledger FILE or XDSGATE_LEDGER"], *args, env=env)
        self.write("file", "")
        self.refused(IO, ["cannot make the ledger's directory: Not a directory", "name another ledger"], *args,
                     env={**path, "HOME": self.path("file")})

    def test_ledgers_that_are_none_are_refused(self):
        args = [*self.ARGS, *self.PEM, "--ledger"]
        self.refused(USAGE, ["--ledger and --authority exclude each other", "DIR/ledger.db"], *self.ARGS, *FROM,
                     "--ledger", "x.db")
        self.refused(USAGE, "--ledger and --authority exclude each other", *self.ARGS, *FROM, "--ledger", "x.db",
                     "--dry-run")
        self.write("empty.db", "")
        self.write("text.db", "no ledger\n" * 1000)
        shutil.copy(self.path("authority/ledger.db"), self.path("open.db"))
        os.chmod(self.path("open.db"), 0o640)
        os.symlink("authority/ledger.db", self.path("link.db"))
        for name, text in (("empty.db", "the ledger is empty"), ("text.db", "this is not a ledger"),
                           ("open.db", "the ledger is open to group or others"),
                           ("link.db", "the ledger is a symbolic link"), ("authority", "not a regular file"),
                           ("", "not a regular file"), ("no/such/place", "No such file")):
            self.refused(IO, text, *args, name)
        os.mkdir(self.path("shared"))
        os.chmod(self.path("shared"), 0o777)
        self.refused(IO, ["others can write to the directory of the ledger", "chmod 700"], *args, "shared/ledger.db")

    def test_dry_run_checks_everything_and_records_nothing(self):
        token = self.mint("--name", "web", "--jti", JTI)
        os.remove(self.path("authority/ledger.db"))
        before = tree(self.dir)
        answer = self.good("mint", "dataplane", "--mesh", "m1", "--name", "web", "--jti", JTI, "--valid-for", "1h",
                           "--now", str(NOW), *FROM, "--dry-run")
        self.assertEqual(answer.out, decode(token)[1] + "\n")
        self.good(*self.ARGS, *self.PEM, "--dry-run")
        self.assertEqual(tree(self.dir), before)
        self.refused(USAGE, ["no xdsgate.so would read this token", "a jti is printable"], *self.ARGS[:-2], "--jti", "a b",
                     *FROM, "--dry-run")
        tags = [arg for i in range(32) for arg in ("--tag", f"k{i}=" + ",".join(f"{j:05}" for j in range(64)))]
        self.refused(USAGE, "credential_too_long", *self.ARGS, *tags, *FROM, "--dry-run")
        self.refused(KEY, "no key '9'", *self.ARGS, *FROM, "--kid", "9", "--dry-run")
        self.refused(DENIED, "longer than ten years", *self.ARGS[:-4], "--valid-for", "87601h", *FROM, "--dry-run")
        answer = self.run_cli(*self.ARGS[:-4], "--valid-for", "0s", *FROM, "--dry-run")
        self.assertEqual(answer.code, DONE)
        self.assertEqual(answer.err, "warning: the token has expired already: --valid-for is not above zero\n")

    def test_documents_hold_the_token_and_what_it_says(self):
        token = self.good(*self.ARGS, "--workload", "w", "--tag", "a=b,c", *FROM).out
        document = json.loads(self.good(*self.ARGS, "--workload", "w", "--tag", "a=b,c", *FROM, "-o", "json").out)
        self.assertEqual(list(document.items()), [
            ("schema", "xdsgate.mint/1"), ("purpose", "dataplane"), ("jti", JTI), ("kid", "2"), ("mesh", "m1"),
            ("zone", ""), ("name", "web"), ("workload", "w"), ("bindings", {"a": ["b", "c"]}),
            ("issued_at", "2026-01-02T03:04:00Z"), ("issued_unix", 1767323040),
            ("expires_at", "2026-01-02T04:04:05Z"), ("expires_unix", 1767326645),
            ("fingerprint", hashlib.sha256(token.encode()).hexdigest()), ("key", self.rows()[0]["key"]),
            ("token", token)])
        text = self.good(*self.ARGS, "--workload", "w", "--tag", "a=b,c", *FROM, "-o", "yaml").out
        self.assertTrue(text.startswith('schema: "xdsgate.mint/1"\npurpose: "dataplane"\n'))
        self.assertIn(f'\ntoken: "{token}"\n', text)
        self.assertEqual(self.good(*self.ARGS, "--workload", "w", "--tag", "a=b,c", *FROM, "-o", "token").out, token)
        zone = json.loads(self.good("mint", "zone", "--zone", "east", *WHEN, *FROM, "-o", "json").out)
        self.assertEqual((zone["zone"], zone["bindings"]), ("east", ["ingress", "egress"]))
        self.assertEqual(len(self.rows()), 2)
        for text in ("", "table", "JSON", "jwt"):
            self.refused(USAGE, "", *self.ARGS, *FROM, f"--output={text}")


class Policies(CliTest):
    ARGS = ["mint", "dataplane", "--mesh", "m1", "--now", str(NOW), *FROM]
    ZONE = ["mint", "zone", "--zone", "east", "--now", str(NOW), *FROM]

    def test_each_rule_has_its_refusal_and_its_neighbour_that_passes(self):
        web = ["--name", "web-1", "--valid-for"]
        for rule, bad, texts, good in (
                ("longest_lifetime: 24h", [*self.ARGS, *web, "24h1s"],
                 ["the policy forbids a token that is valid for so long",
                  "asked for: 86401 s; the longest lifetime: 86400 s"], [*self.ARGS, *web, "24h"]),
                ("longest_lifetime: 24h", [*self.ZONE, "--valid-for", "24h1s"], ["valid for so long"],
                 [*self.ZONE, "--valid-for", "1d"]),
                ("mesh_wide: false", [*self.ARGS, "--unbound", "--valid-for", "1h"],
                 ["the policy forbids a token that admits every proxy of its mesh",
                  "bound to no name, workload or tag"], [*self.ARGS, "--tag", "a=b", "--valid-for", "1h"]),
                ("mesh_wide: false", [*self.ARGS, "--unbound", "--type", "dataplane", "--valid-for", "1h"],
                 ["every proxy of its mesh"], [*self.ZONE, "--valid-for", "1h"]),
                ("workload_required: true", [*self.ARGS, *web, "1h"],
                 ["the policy demands a workload, and the token would have none"],
                 [*self.ARGS, *web, "1h", "--workload", "w"]),
                ("zone_tokens: false", [*self.ZONE, "--valid-for", "1h"], ["the policy forbids zone tokens"],
                 [*self.ARGS, *web, "1h"]),
                ('name_pattern: "[a-z]+-[0-9]+"', [*self.ARGS, "--name", "web-1x", "--valid-for", "1h"],
                 ["the policy forbids the name 'web-1x'", "it must match [a-z]+-[0-9]+"], [*self.ARGS, *web, "1h"]),
                ('workload_pattern: "web|api"', [*self.ARGS, "--workload", "webapi", "--valid-for", "1h"],
                 ["the policy forbids the workload 'webapi'", "it must match web|api"],
                 [*self.ARGS, "--workload", "api", "--valid-for", "1h"]),
                ('mesh_pattern: "m[2-9]"', [*self.ARGS, *web, "1h"],
                 ["the policy forbids the mesh 'm1'", "it must match m[2-9]"], [*self.ZONE, "--valid-for", "1h"])):
            name = rule.split(":", maxsplit=1)[0]
            self.write("p.yaml", rule + "\n")
            self.refused(DENIED, [*texts, f"where: p.yaml: {name}", "whoever answers for it"], *bad, "--policy",
                         "p.yaml")
            self.good(*good, "--policy", "p.yaml")
            self.write("authority/policy.yaml", rule + "\n")
            self.refused(DENIED, [*texts, f"where: authority/policy.yaml: {name}"], *bad)
            self.good(*good)
            os.remove(self.path("authority/policy.yaml"))

    def test_both_policies_count(self):
        self.write("authority/policy.yaml", "longest_lifetime: 2h\n")
        self.write("p.yaml", "longest_lifetime: 1h\nname_pattern: web\n")
        args = [*self.ARGS, "--policy", "p.yaml", "--name"]
        self.good(*args, "web", "--valid-for", "1h")
        self.refused(DENIED, "where: p.yaml: longest_lifetime", *args, "web", "--valid-for", "2h")
        self.refused(DENIED, "where: authority/policy.yaml: longest_lifetime", *args, "web", "--valid-for", "3h")
        self.refused(DENIED, "where: p.yaml: name_pattern", *args, "api", "--valid-for", "1h")
        self.write("p.yaml", "longest_lifetime: 9h\n")
        self.refused(DENIED, "where: authority/policy.yaml: longest_lifetime", *args, "web", "--valid-for", "3h")

    def test_ten_years_are_the_most_unless_a_policy_says_so(self):
        args = [*self.ARGS, "--name", "web", "--valid-for"]
        for text in ("87600h", "3650d"):
            self.good(*args, text)
        self.refused(USAGE, "--valid-for is not a duration", *args, "200000d")
        for text in ("87600h0m1s", "3651d"):
            self.refused(DENIED, ["--valid-for is longer than ten years", "cannot be taken back by waiting",
                                  "longest_lifetime"], *args, text)
        self.write("p.yaml", "longest_lifetime: 7300d\n")
        self.good(*args, "7300d", "--policy", "p.yaml")
        self.refused(DENIED, "valid for so long", *args, "7301d", "--policy", "p.yaml")
        self.write("p.yaml", "mesh_wide: false\n")
        self.refused(DENIED, "longer than ten years", *args, "3651d", "--policy", "p.yaml")

    def test_a_policy_that_is_not_understood_mints_nothing(self):
        args = [*self.ARGS, "--name", "web", "--valid-for", "1h"]
        for content, texts in (
                ("longest_life: 1h\n", ["unknown rule 'longest_life'", ":1:1", "would not be kept",
                                        "rules: longest_lifetime, "]),
                ("mesh_wide: false\nMesh_wide: false\n", ["unknown rule 'Mesh_wide'", ":2:1"]),
                ("longest_lifetime: 24\n", ["longest_lifetime must be a duration above zero", ":1:19", "90d"]),
                ("mesh_wide: 'false'\n", ["mesh_wide must be true or false", ":1:12"]),
                ("name_pattern: '('\n", ["name_pattern is no extended regular expression: ", ":1:15", "grep -E"]),
                ("mesh_wide: false\nx: [1\n", ["the file is not YAML", ":3:1"]),
                ("mesh_wide: false\nmesh_wide: true\n", ["stands twice", ":2:1"]),
                ("", ["a policy is a mapping of rules"]), ("[]\n", ["a policy is a mapping of rules"])):
            self.write("p.yaml", content)
            self.refused(CONFIG, ["where: p.yaml", *texts], *args, "--policy", "p.yaml")
            self.refused(CONFIG, texts, *args, "--policy", "-", stdin=content.encode())
            self.write("authority/policy.yaml", content)
            self.refused(CONFIG, ["where: authority/policy.yaml", *texts], *args)
            self.refused(CONFIG, texts, *args, "--dry-run")
            os.remove(self.path("authority/policy.yaml"))
        self.good(*args)

    def test_a_policy_that_cannot_be_read_mints_nothing(self):
        args = [*self.ARGS, "--name", "web", "--valid-for", "1h"]
        self.refused(IO, ["cannot read the policy: No such file", "absent"], *args, "--policy", "absent")
        self.refused(IO, "cannot read the policy", *args, "--policy", "authority")
        self.write("huge", "#" * (17 << 20))
        self.refused(IO, "cannot read the policy: File too large", *args, "--policy", "huge")
        os.mkfifo(self.path("authority/policy.yaml"))
        self.refused(CONFIG, "the authority's policy is not a regular file", *args)
        os.remove(self.path("authority/policy.yaml"))
        os.symlink("nowhere", self.path("authority/policy.yaml"))
        self.refused(IO, "cannot read the policy: No such file", *args)
        self.write("elsewhere.yaml", "name_pattern: api\n")
        os.remove(self.path("authority/policy.yaml"))
        os.symlink("../elsewhere.yaml", self.path("authority/policy.yaml"))
        self.refused(DENIED, "forbids the name", *args)  # a link counts as what it leads to
        os.chmod(self.path("elsewhere.yaml"), 0o666)
        self.refused(CONFIG, "can be written by group or others", *args)
        os.remove(self.path("authority/policy.yaml"))
        user = self.as_nobody()
        self.write("authority/policy.yaml", "mesh_wide: false\n", 0)
        if user:
            os.chown(self.path("authority/policy.yaml"), NOBODY, NOBODY)
        self.refused(IO, "cannot read the policy: Permission denied", *args, **user)

    def test_a_policy_that_others_can_change_mints_nothing(self):
        args = [*self.ARGS, "--name", "web", "--valid-for", "1h"]
        for name, more in (("p.yaml", ["--policy", "p.yaml"]), ("authority/policy.yaml", [])):
            for bits in (0o664, 0o646, 0o622):
                self.write(name, "mesh_wide: false\n", bits)
                self.refused(CONFIG, [f"the policy can be written by group or others (mode {bits:03o})",
                                      f"where: {name}", "chmod 644"], *args, *more)
            self.write(name, "mesh_wide: false\n", 0o644)
            self.good(*args, *more)
            if os.geteuid() == 0:
                os.chown(self.path(name), NOBODY, NOBODY)
                self.refused(CONFIG, [f"the policy belongs to another user (uid {NOBODY})", f"where: {name}"], *args,
                             *more)
                os.remove(self.path(name))
        if os.geteuid() == 0:
            user = self.as_nobody()
            self.write("authority/policy.yaml", "name_pattern: api\n", 0o644)  # root's
            self.refused(DENIED, "forbids the name", *args, **user)


if __name__ == "__main__":
    main()
