# SPDX-License-Identifier: Apache-2.0
"""xdsgate against careless operators and bad nights: the wrong store, a clock that was wrong, two runs at once."""

import json
import os
import shutil
import subprocess

from cli_support import CLI, CONFIG, DENIED, DONE, IO, KEY, NOW, CliTest, decode, main, tree

PLACES = ["--authority", "authority", "--store", "store"]


class WrongStore(CliTest):
    """Two environments have keys of the same names: what belongs to one is never done to the other."""

    def test_key_whose_public_half_is_another_one_does_not_begin_to_sign(self):
        rotate = ["key", "rotate", "--mesh", "m1", "--plain", "--authority", "authority", "--store"]
        self.good(*rotate, "store")
        shutil.copytree(self.path("store"), self.path("other"))
        shutil.copy(self.path("store/meshes/m2/keys/1.pem"), self.path("other/meshes/m1/keys/3.pem"))
        self.refused(KEY, ["key '3' of the store is another one than the authority's", "where: other/meshes/m1/keys",
                           "the ledger knows SHA-256 ", "give the store that belongs to this authority"],
                     *rotate, "other")
        self.write("other/meshes/m1/keys/3.pem", "no key\n", 0o644)
        self.refused(KEY, "the public key cannot be read", *rotate, "other")
        self.assertIn("key 3 of mesh 'm1' signs from now on", self.good(*rotate, "store").out)
    def test_key_that_another_store_has_retired_is_kept(self):
        retire = ["key", "retire", "--mesh", "m1", "--authority", "authority", "--store", "other", "--kid"]
        shutil.copytree(self.path("store"), self.path("other"))
        for kid in ("1", "2"):
            os.rename(self.path(f"other/meshes/m1/keys/{kid}.pem"), self.path(f"other/meshes/m1/keys/{kid}.retired"))
        self.mint("--name", "web", "--kid", "1")
        self.refused(DENIED, "key '2' signs", *retire, "2")
        self.refused(DENIED, "1 token of key '1' is alive", *retire, "1", "--now", str(NOW))
        self.assertIn("key 1 of mesh 'm1' is retired", self.good(*retire, "1", "--now", str(NOW), "--force", "1").out)
        self.assertIn("key 2 of mesh 'm1' is retired", self.good(*retire, "2", "--force", "2").out)
        self.assertEqual(os.listdir(self.path("authority/meshes/m1")), [])

    def test_nothing_is_said_of_a_private_half_that_was_not_there(self):
        answer = self.good("key", "retire", "--mesh", "m1", "--authority", "typo", "--store", "store", "--kid", "2",
                           "--force", "2")
        self.assertEqual(answer.out, "key 2 of mesh 'm1' is retired: its tokens are denied; "
                                     "the authority has no private half of it\n")
        self.assertTrue(os.path.exists(self.path("authority/meshes/m1/2.pem")))


VALUES = """controlPlane:
  mode: zone
  zone: z1
  kdsGlobalAddress: grpcs://global:5685
meshes:
  - name: m1
    role: all
"""


class Manifests(CliTest):
    TOKEN = "out/zone-proxy-m1-all.token"

    def setUp(self):
        super().setUp()
        self.write("values.yaml", VALUES)

    def manifest(self, *args):
        return ["mint", "manifest", "-f", "values.yaml", "--out", "out", "--authority", "authority",
                "--valid-for", "90d", "--quiet", *args]

    def test_token_of_a_clock_that_was_ahead_is_neither_kept_nor_replaced(self):
        self.good(*self.manifest("--now", str(NOW + 5 * 365 * 86400)))
        refusal = ["the newest token of 'zone-proxy-m1-all' was issued in the future: 2032-01-14T07:59:55Z",
                   "a clock is wrong", "now it is 2027-01-15T08:00:00Z", "--renew"]
        self.refused(CONFIG, refusal, *self.manifest("--now", str(NOW)))
        self.refused(CONFIG, refusal, *self.manifest("--now", str(NOW), "--dry-run"))
        os.remove(self.path(self.TOKEN))
        self.refused(CONFIG, refusal, *self.manifest("--now", str(NOW)))
        self.good(*self.manifest("--now", str(NOW), "--renew"))
        token = self.read(self.TOKEN)
        self.assertEqual(json.loads(decode(token)[1])["iat"], NOW - 5)
        for later in (0, 1):
            self.good(*self.manifest("--now", str(NOW + later)))
            self.assertEqual(self.read(self.TOKEN), token)

    def test_runs_at_once_on_one_ledger_mint_each_token_once(self):
        shutil.copy(self.path("authority/meshes/m1/2.pem"), self.path("key.pem"))
        signed_with = (["--key", "key.pem", "--kid", "2", "--ledger", "authority/ledger.db"], ["--authority", "authority"])
        runs = [subprocess.Popen([CLI, "mint", "manifest", "-f", "values.yaml", "--out", f"out{i}", "--valid-for", "90d",
                                  "--quiet", *signed_with[i % 2]], cwd=self.dir, stderr=subprocess.PIPE)
                for i in range(6)]
        for run in runs:
            _, err = run.communicate(timeout=60)
            self.assertIn(run.returncode, (DONE, IO), err)
            if run.returncode == IO:
                self.assertRegex(err, b"another run has minted the like meanwhile|is at work here|is using the ledger")
        self.assertIn(DONE, [run.returncode for run in runs])
        rows = json.loads(self.good("ledger", "list", "--authority", "authority", "-o", "json").out)["entries"]
        self.assertEqual([row["workload"] for row in rows], ["zone-proxy-m1-all"])

    def test_second_token_of_a_mesh_is_made_although_its_first_is_kept(self):
        self.write("values.yaml", VALUES.replace("role: all", "role: separate").replace("name: m1", "name: m5"))
        self.run_cli("key", "new", "--any-mesh", *PLACES, "--plain")
        shutil.copy(self.path("authority/meshes/m1/2.pem"), self.path("key.pem"))
        for out, signed_with in (("out1", ["--authority", "authority"]),
                                 ("out2", ["--key", "key.pem", "--kid", "2", "--ledger", "ledger.db"])):
            run = ["mint", "manifest", "-f", "values.yaml", "--out", out, "--valid-for", "90d", "--quiet", *signed_with]
            os.chmod(self.dir, 0o700)
            self.good(*run)
            whole = tree(self.path(out))
            self.assertEqual(len(whole), 2)
            for name in whole:
                os.remove(self.path(out, name))
                self.good(*run)
                self.assertEqual({name: entry[:3] for name, entry in tree(self.path(out)).items()},
                                 {name: entry[:3] for name, entry in whole.items()})


class ClosedDescriptors(CliTest):
    """A script that closes stdin, stdout or stderr: what is said there must not go into the next file that is opened."""

    def test_what_is_said_goes_into_no_file(self):
        self.run_cli("key", "new", "--any-mesh", *PLACES, "--plain")
        for closed in ((2,), (1,), (0,), (0, 2), (1, 2), (0, 1, 2)):
            victim = self.write("victim", "precious\n")
            os.link(victim, self.path("store/any-mesh/.revoked.lock"))

            def close_some(closed=closed):
                for fd in closed:
                    os.close(fd)

            subprocess.run([CLI, "revoke", "add", "--store", "store", "--any-mesh", "--kid", "1", "--force", "--yes", "-o",
                            "json"], cwd=self.dir, preexec_fn=close_some, capture_output=True, check=False)
            self.assertEqual(self.read("victim"), "precious\n", closed)
            self.assertEqual(self.read("store/any-mesh/revoked"), "@kid 1\n", closed)
            os.remove(self.path("store/any-mesh/revoked"))

    def test_what_is_closed_is_reported_as_before(self):
        for args in (["mint", "dataplane", "--mesh", "m1", "--name", "web", "--valid-for", "1h", "--authority", "authority"],
                     ["key", "export", "--mesh", "m1", "--authority", "authority"]):
            done = subprocess.run([CLI, *args], cwd=self.dir, preexec_fn=lambda: os.close(1), stderr=subprocess.PIPE,
                                  check=False)
            self.assertEqual(done.returncode, IO)
            self.assertIn(b"Bad file descriptor", done.stderr)
        done = subprocess.run([CLI, "inspect", "-"], cwd=self.dir, preexec_fn=lambda: os.close(0), capture_output=True,
                              check=False)
        self.assertEqual((done.returncode, done.stdout), (IO, b""))
        self.assertIn(b"Bad file descriptor", done.stderr)


class PlantedLinks(CliTest):
    """A name that somebody put there beforehand leads to no other file."""

    def test_man_pages_go_into_no_linked_file(self):
        victim = self.write("victim", "precious\n")
        os.mkdir(self.path("man1"))
        os.link(victim, self.path("man1/.xdsgate.1.new"))
        os.mkfifo(self.path("man1/.xdsgate-key-new.1.new"))
        os.link(victim, self.path("man1/xdsgate-key-list.1"))
        os.symlink(victim, self.path("man1/xdsgate-key-rotate.1"))
        self.good("man", "--all", "--out", "man1")
        self.assertEqual(self.read("victim"), "precious\n")
        self.assertEqual([name for name in os.listdir(self.path("man1")) if name.startswith(".")], [])
        for name in ("xdsgate", "xdsgate-key-new", "xdsgate-key-list", "xdsgate-key-rotate"):
            self.assertIn(".TH ", self.read(f"man1/{name}.1"))
            self.assertFalse(os.path.islink(self.path(f"man1/{name}.1")))


class LongLists(CliTest):
    def test_list_of_many_ids_is_imported_and_grows(self):
        def ids(begin, end):
            return b",".join(b"%08x-0000-4000-8000-%012x" % (i, i) for i in range(begin, end))

        self.write("first", ids(0, 250000))
        self.write("second", ids(200000, 300000))
        self.assertIn("imported 250000, already there 0",
                      self.run_cli("revoke", "import", "first", "--store", "store", "--mesh", "m1").err)
        self.assertIn("imported 50000, already there 50000",
                      self.run_cli("revoke", "import", "second", "--store", "store", "--mesh", "m1").err)
        lines = self.read("store/meshes/m1/revoked").splitlines()
        self.assertEqual((len(lines), len(set(lines))), (300000, 300000))
        self.good("revoke", "check", "--store", "store", "--mesh", "m1", "--jti", "no-such-id")
        for number in (0, 249999, 299999):
            self.assertIn(f"{number:08x}-0000-4000-8000-{number:012x}", lines)


class MisnamedPolicy(CliTest):
    def test_policy_under_the_other_spelling_is_not_passed_over(self):
        for mint in (["dataplane", "--mesh", "m1", "--unbound"], ["zone", "--zone", "z", "--scope", "ingress"],
                     ["manifest", "-f", "values.yaml", "--out", "out"]):
            mint = ["mint", *mint, "--valid-for", "1h", "--authority", "authority"]
            self.write("values.yaml", VALUES)
            self.write("authority/policy.yml", "mesh_wide: false\n")
            self.refused(CONFIG, ["must be called policy.yaml", "where: authority/policy.yml", "rename it"], *mint)
            os.rename(self.path("authority/policy.yml"), self.path("authority/policy.yaml"))
            self.write("authority/policy.yml", "anything\n")
            self.assertIn(self.run_cli(*mint).code, (DONE, DENIED))
            os.remove(self.path("authority/policy.yaml"))


if __name__ == "__main__":
    main()
