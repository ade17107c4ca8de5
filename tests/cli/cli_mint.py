# SPDX-License-Identifier: Apache-2.0
"""xdsgate mint dataplane, zone: what goes into a token, and what is not minted."""

import json
import os
import pty
import re
import shutil
import subprocess
import time

from cli_support import CLI, DONE, IO, KEY, NOW, USAGE, CliTest, decode, main

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


if __name__ == "__main__":
    main()
