# SPDX-License-Identifier: Apache-2.0
"""xdsgate revoke add, remove, list, import, check: what they do, and that every refusal leaves everything as it was."""

import base64
import json
import os
import resource
import signal
import stat
import subprocess

from cli_support import CLI, DENIED, DONE, IO, KEY, NOW, PLUGIN, USAGE, CliTest, main, tree

M1 = ["--store", "store", "--mesh", "m1"]
ZONE = ["--store", "store", "--for-zone"]
LIST = "store/meshes/m1/revoked"


class RevokeTest(CliTest):
    def done(self, texts, *args, code=DONE, **options):
        """The run ends with code and says each of texts on stderr; returns the answer."""
        answer = self.run_cli(*args, **options)
        self.assertEqual(answer.code, code, (args, answer.err))
        for text in [texts] if isinstance(texts, str) else texts:
            self.assertIn(text, answer.err, args)
        return answer

    def add(self, *args, **options):
        return self.done("  where: " + LIST, "revoke", "add", *M1, *args, **options)

    def list(self, content, mode=0o644):
        self.write(LIST, content, mode)

    def entries(self, *args):
        out = json.loads(self.good("revoke", "list", "--store", "store", "-o", "json", *args).out)
        self.assertEqual(out["schema"], "xdsgate.revocations/1")
        return [(row["set"], row["kind"], row["value"], row["line"]) for row in out["entries"]]

    def hidden(self):
        return [name for name in tree(self.dir) if os.path.basename(name).startswith(".")]

    def token(self, *args):
        self.write("token", self.mint(*args))
        return "token"


class Add(RevokeTest):
    def test_every_kind_makes_the_line_that_the_plugin_reads(self):
        for flags, line, kind, value in (
                (["--jti", "6f1c"], "6f1c", "jti", "6f1c"),
                (["--kid", "1"], "@kid 1", "kid", "1"),
                (["--name", "web-01"], "@name web-01", "name", "web-01"),
                (["--workload", "card-api"], "@workload card-api", "workload", "card-api"),
                (["--issued-before", "2026-01-01T00:00:00Z"], "@issued-before 2026-01-01T00:00:00Z", "issued-before",
                 "2026-01-01T00:00:00Z"),
                (["--issued-before", "1700000000"], "@issued-before 2023-11-14T22:13:20Z", "issued-before",
                 "2023-11-14T22:13:20Z"),
                (["--no-jti"], ",", "no-jti", "")):
            answer = self.add(*flags)
            self.assertEqual(answer.out, "")
            self.assertIn(f"  note: + {line}\n", answer.err)
            self.assertEqual(self.read(LIST), line + "\n")
            self.assertEqual(self.entries("--mesh", "m1"), [("mesh/m1", kind, value, 1)])
            self.assertEqual(stat.S_IMODE(os.stat(self.path(LIST)).st_mode), 0o644)
            os.remove(self.path(LIST))
        self.assertEqual(self.hidden(), [])

    def test_several_at_once_in_one_change(self):
        self.add("--jti", "a", "--jti", "b", "--kid", "1", "--name", "n", "--jti", "a", "--reason", "stolen laptop")
        self.assertRegex(self.read(LIST), r"\A# 20[0-9-]{8} stolen laptop\na\nb\n@kid 1\n@name n\n\Z")

    def test_zone_has_its_own_list(self):
        self.done("where: store/zone/revoked", "revoke", "add", *ZONE, "--jti", "z")
        self.assertEqual(self.entries(), [("zone", "jti", "z", 1)])

    def test_list_for_every_mesh_has_its_own_flag(self):
        self.refused(KEY, ["the store has no set 'any-mesh'", "key list"],
                     "revoke", "add", "--store", "store", "--any-mesh", "--jti", "a")
        os.makedirs(self.path("store/any-mesh/keys"))
        self.token("--name", "a", "--jti", "t1")
        self.done("where: store/any-mesh/revoked", "revoke", "add", "--store", "store", "--any-mesh", "--token-file",
                  "token", "--name", "n")
        self.assertEqual(self.entries("--any-mesh"), [("any-mesh", "name", "n", 1), ("any-mesh", "jti", "t1", 2)])
        self.done("- t1", "revoke", "remove", "--store", "store", "--any-mesh", "--jti", "t1")
        self.done("imported 1", "revoke", "import", "--store", "store", "--any-mesh", stdin=b"x")
        self.assertEqual(self.read("store/any-mesh/revoked"), "@name n\nx\n")
        self.done("+ @kid 1", "revoke", "add", "--store", "store", "--any-mesh", "--kid", "1", "--force")
        self.done("warning: in the list for every mesh, @kid 2 ends the tokens of each mesh's own key 2 too",
                  "revoke", "add", "--store", "store", "--any-mesh", "--kid", "2", code=KEY)

    def test_what_stood_there_stays_byte_for_byte(self):
        for old, middle in ((b"# why\r\na , b\t# two\n\n@kid 9   # gone\n", b""), (b"a,b", b"\n"), (b"a,", b"\n"),
                            (b"\xef\xbb\xbfa\n", b""), (b"  \n", b""), (b"# none\n", b"")):
            self.list(old)
            self.add("--jti", "new")
            with open(self.path(LIST), "rb") as file:
                self.assertEqual(file.read(), old + middle + b"new\n")

    def test_a_list_of_one_line_end_goes_on_revoking_tokens_without_jti(self):
        self.list("\n")
        self.add("--jti", "new")
        self.assertEqual(self.entries(), [("mesh/m1", "no-jti", "", 1), ("mesh/m1", "jti", "new", 2)])

    def test_token_file_is_revoked_by_its_jti_alone(self):
        name = self.token("--name", "a", "--jti", "the-one")
        answer = self.add("--token-file", name)
        self.assertEqual(self.read(LIST), "the-one\n")
        self.assertNotIn("eyJ", answer.err)
        with open(self.path(name), "rb") as file:
            self.done("already revoked: the-one", "revoke", "add", *M1, "--token-file", "-", stdin=file.read())
        self.write("zone-token", self.mint("zone", "--zone", "east", "--jti", "zz"))
        self.done("+ zz", "revoke", "add", *ZONE, "--token-file", "zone-token")

    def test_token_that_is_none_or_another_s_is_refused(self):
        name = self.token("--name", "a")
        self.refused(USAGE, ["the token is for mesh 'm1', not for mesh 'm2'", "help: give the mesh"],
                     "revoke", "add", "--store", "store", "--mesh", "m2", "--token-file", name)
        self.refused(USAGE, ["that is no zone token", "help: "], "revoke", "add", *ZONE, "--token-file", name)
        for text in ("", "x", "a.b", "eyJ.eyJ.eyJ", self.read(name)[:-400]):
            self.write("bad", text)
            answer = self.refused(USAGE, "that is no dataplane token", "revoke", "add", *M1, "--token-file", "bad")
            self.assertNotIn("eyJ", answer.err)
        self.refused(IO, "cannot read the token: No such file", "revoke", "add", *M1, "--token-file", "nowhere")

    def test_token_without_jti_is_refused_with_what_to_do(self):
        header, _, _ = self.read(self.token("--name", "a")).split(".")
        claims = base64.urlsafe_b64encode(b'{"Name":"a","Mesh":"m1"}').rstrip(b"=").decode()
        self.write("token", f"{header}.{claims}.{'A' * 342}")
        self.refused(USAGE, ["the token has no jti", "--issued-before TIME", "--kid KID", "--no-jti"],
                     "revoke", "add", *M1, "--token-file", "token")

    def test_what_is_revoked_already_is_left_untouched(self):
        self.list("a, b # two\n@kid 1\n@name n\n@issued-before 2026-01-02T00:00:00Z\n,\n")
        before = tree(self.dir)
        for flags, text in ((["--jti", "a"], "a"), (["--jti", "b"], "b"), (["--kid", "1"], "@kid 1"),
                            (["--name", "n"], "@name n"), (["--no-jti"], ","),
                            (["--issued-before", "2026-01-02T00:00:00Z"], "@issued-before 2026-01-02T00:00:00Z"),
                            (["--issued-before", "2026-01-01T00:00:00Z"], "@issued-before 2026-01-01T00:00:00Z")):
            answer = self.done(f"  note: already revoked: {text}\n", "revoke", "add", *M1, *flags)
            self.assertEqual((answer.out, tree(self.dir)), ("", before))
        answer = self.add("--jti", "a", "--jti", "c")
        self.assertIn("already revoked: a\n", answer.err)
        self.assertTrue(self.read(LIST).endswith(",\nc\n"))

    def test_document_says_what_became_of_each(self):
        self.list("a\n")
        for form in ("json", "yaml"):
            answer = self.done("+ b", "revoke", "add", *M1, "--jti", "a", "--jti", "b", "--dry-run", "-o", form)
            if form == "json":
                self.assertEqual(json.loads(answer.out), {
                    "schema": "xdsgate.revoke/1", "action": "add", "set": "mesh/m1", "dry_run": True,
                    "entries": [{"kind": "jti", "value": "a", "result": "already"},
                                {"kind": "jti", "value": "b", "result": "added"}]})
            else:
                self.assertTrue(answer.out.startswith('schema: "xdsgate.revoke/1"\naction: "add"\n'))

    def test_dry_run_writes_nothing(self):
        before = tree(self.dir)
        self.done(["+ a", "dry run: nothing was written"], "revoke", "add", *M1, "--jti", "a", "--dry-run")
        self.assertEqual(tree(self.dir), before)

    def test_flags_must_fit_together(self):
        for args, text in (
                (["--mesh", "m1", "--jti", "a"], "--store is required"),
                (["--store", "store", "--jti", "a"], "exactly one of --mesh, --for-zone and --any-mesh"),
                ([*M1, "--for-zone", "--jti", "a"], "exactly one of --mesh, --for-zone and --any-mesh"),
                ([*M1], "nothing is named"),
                ([*M1, "--reason", "x"], "nothing is named"),
                (["--store", "store", "--mesh", "../m1", "--jti", "a"], "cannot be a mesh name"),
                ([*M1, "--jti", "a", "-o", "table"], "invalid --output value"),
                ([*M1, "--jti", "a", "-o", "token"], "invalid --output value")):
            self.refused(USAGE, [text, "help: "], "revoke", "add", *args)

    def test_values_that_no_list_could_hold_are_refused(self):
        for value in ("", "a b", "a,b", "a\nb", "a\t", " a", "@kid", "#a", "a #b", "é", "a\x7f", "x" * 128):
            self.refused(USAGE, ["--jti: this value cannot stand on a list", "  note: ", "  help: "],
                         "revoke", "add", *M1, "--jti=" + value)
        for flag, bad in (("kid", "01"), ("kid", "x" * 64), ("kid", ""), ("name", "a b"), ("name", "a,b"),
                          ("name", "x" * 254), ("workload", ""), ("workload", "a\nb"), ("name", "x" * 5000)):
            self.refused(USAGE, f"--{flag}: this value cannot stand on a list", "revoke", "add", *M1,
                         f"--{flag}={bad}", "--force")
        for value in ("", "yesterday", "2026-01-01", "2026-01-01T00:00:00", "2026-01-01T00:00:00+01:00", "-1", "1.5",
                      "99999999999999999999"):
            self.refused(USAGE, ["--issued-before is no time", "write 2026-11-01T00:00:00Z"],
                         "revoke", "add", *M1, "--issued-before=" + value)
        for value in ("x" * 127, "a#b", "a@b", "~"):
            self.add("--jti", value)

    def test_reasons_are_one_line_of_text(self):
        for reason, text in (("a\nb", "control bytes"), ("a\x1b[2J", "control bytes"), ("x" * 257, "longer than 256")):
            self.refused(USAGE, "--reason", "revoke", "add", *M1, "--jti", "a", "--reason", reason)
            self.refused(USAGE, text, "revoke", "add", *M1, "--jti", "a", "--reason", reason)
        self.add("--jti", "a", "--reason", "x" * 256)

    def test_key_that_the_set_does_not_have_is_refused_unless_forced(self):
        for kid, text in (("33", "--force"), ("zzz", "--force")):
            self.refused(KEY, [f"the set has no key '{kid}'", text], "revoke", "add", *M1, "--kid", kid)
        self.good("key", "new", "--mesh", "m1", "--kid", "blue", "--authority", "authority", "--store", "store",
                  "--plain")
        self.refused(KEY, ["the set has no key 'bleu'", "did you mean --kid blue?"],
                     "revoke", "add", *M1, "--kid", "bleu")
        self.write("store/meshes/m1/keys/7.retired", "")
        self.write("store/any-mesh/keys/shared.retired", "")
        for kid in ("7", "shared", "blue"):
            self.add("--kid", kid)
        self.add("--kid", "33", "--force")
        self.assertIn("@kid 33\n", self.read(LIST))

    def test_rule_that_would_end_every_token_needs_a_yes(self):
        self.refused(DENIED, ["that would end every token", "no key would be left", "say --yes"],
                     "revoke", "add", *M1, "--kid", "1", "--kid", "2")
        self.add("--kid", "1")
        self.refused(DENIED, "no key would be left", "revoke", "add", *M1, "--kid", "2", "--jti", "a")
        self.refused(DENIED, "no key would be left", "revoke", "add", *ZONE, "--kid", "1")
        for time in ("2100-01-01T00:00:00Z", "4102444800"):
            self.refused(DENIED, ["that would end every token", "not in the past", "say --yes"],
                         "revoke", "add", *M1, "--issued-before", time)
        self.add("--issued-before", "2100-01-01T00:00:00Z", "--yes")
        self.add("--kid", "2", "--yes")
        self.assertEqual(len(self.entries()), 3)

    def test_store_or_set_that_is_not_there(self):
        self.refused(IO, ["cannot open the store", "nowhere"],
                     "revoke", "add", "--store", "nowhere", "--mesh", "m1", "--jti", "a")
        self.refused(KEY, ["the store has no set 'mesh/m7'", "key list"],
                     "revoke", "add", "--store", "store", "--mesh", "m7", "--jti", "a")
        os.rename(self.path("store/zone"), self.path("gone"))
        self.refused(KEY, "the store has no set 'zone'", "revoke", "add", *ZONE, "--jti", "a")

    def test_links_are_not_followed(self):
        self.write("store/meshes/m1/..data/revoked", "a\n", 0o644)
        os.symlink("..data/revoked", self.path(LIST))
        for args in (["add", "--jti", "b"], ["add", "--jti", "b", "--dry-run"], ["remove", "--jti", "a"]):
            self.refused(IO, ["the list is a symbolic link", "Kubernetes", "change the Secret"],
                         "revoke", args[0], *M1, *args[1:])
        self.assertEqual(self.entries(), [("mesh/m1", "jti", "a", 1)])
        os.rename(self.path("store/meshes/m2"), self.path("elsewhere"))
        os.symlink(self.path("elsewhere"), self.path("store/meshes/m2"))
        self.refused(IO, "cannot open the set", "revoke", "add", "--store", "store", "--mesh", "m2", "--jti", "a")

    def test_list_that_the_plugin_refuses_is_left_for_hands(self):
        for content, text in (("a\nb c\n", "line 2: expected ids"), ("@kidd 1\n", "line 1: expected @kid"),
                              ("a\x01\n", "line 1"), ("x" * 128, "line 1: expected an id of at most")):
            self.list(content)
            for args in (["add", "--jti", "b"], ["remove", "--jti", "a"]):
                self.refused(KEY, ["the list is damaged", LIST, text, "repair that line by hand"],
                             "revoke", args[0], *M1, *args[1:])
        self.list("a\n", 0o666)
        self.refused(KEY, ["may be written by everyone (mode 666)", "chmod o-w"], "revoke", "add", *M1, "--jti", "b")

    def test_what_is_no_file_is_refused(self):
        os.mkdir(self.path(LIST))
        self.refused(IO, "cannot read the list", "revoke", "add", *M1, "--jti", "b")
        os.rmdir(self.path(LIST))
        os.mkfifo(self.path(LIST))
        self.refused(IO, "cannot read the list: Invalid argument", "revoke", "add", *M1, "--jti", "b")

    def test_directory_that_cannot_be_written(self):
        self.list("a\n")
        options = self.as_nobody()
        os.chmod(self.path("store/meshes/m1"), 0o555)
        self.refused(IO, ["cannot lock the list: Permission denied", "check its owner"],
                     "revoke", "add", *M1, "--jti", "b", **options)
        self.refused(IO, "cannot lock the list: Permission denied", "revoke", "remove", *M1, "--jti", "a", **options)
        os.chmod(self.path("store/meshes/m1"), 0o755)
        os.chmod(self.path(LIST), 0o000)
        self.refused(IO, "cannot read the list: Permission denied", "revoke", "add", *M1, "--jti", "b", **options)

    def test_full_disk_leaves_everything_as_it_was(self):
        self.list("a\n" * 100)
        for limit in (0, 10, 100):

            def small_files(size=limit):
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

            for args in (["add", *M1, "--jti", "b" * 60, "--reason", "x" * 90], ["add", *ZONE, "--jti", "b" * 120]):
                if limit < 100 or "--for-zone" not in args or len(args[-1]) > 100:
                    self.refused(IO, "cannot replace the list, which is as it was: File too large",
                                 "revoke", *args, preexec_fn=small_files)

    def test_leftovers_of_other_runs_do_no_harm(self):
        self.write("store/meshes/m1/.revoked.0123456789abcdef", "half a l")
        self.write("store/meshes/m1/.revoked.lock", "")
        self.add("--jti", "a")
        self.assertEqual(self.read(LIST), "a\n")
        self.assertEqual(self.hidden(), ["store/meshes/m1/.revoked.0123456789abcdef"])

    def test_owner_and_mode_stay(self):
        self.list("a\n", 0o640)
        if os.geteuid() == 0:
            os.chown(self.path(LIST), 1234, 2345)
        before = os.stat(self.path(LIST))
        self.add("--jti", "b")
        after = os.stat(self.path(LIST))
        self.assertEqual((after.st_mode, after.st_uid, after.st_gid), (before.st_mode, before.st_uid, before.st_gid))
        self.assertNotEqual(after.st_ino, before.st_ino)

    def test_twenty_at_once_lose_nothing(self):
        self.list("# kept\nfirst\n")
        runs = [subprocess.Popen([CLI, "revoke", "add", *M1, "--jti", f"id-{i}"], cwd=self.dir,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for i in range(20)]
        self.assertEqual([run.wait(120) for run in runs], [DONE] * 20)
        found = self.read(LIST).splitlines()
        self.assertEqual(found[:2], ["# kept", "first"])
        self.assertEqual(sorted(found[2:]), sorted(f"id-{i}" for i in range(20)))
        self.assertEqual(self.hidden(), [])

    def test_plugin_denies_what_was_revoked_and_nothing_else(self):
        self.write("dp.yaml", "type: Dataplane\nmesh: m1\nname: a\n")
        self.token("--name", "a", "--jti", "t1")
        ask = ["try", "--plugin", PLUGIN, "--store", "store", "--now", str(NOW), "--token-file", "token", "-f",
               "dp.yaml"]
        self.assertEqual(self.run_cli(*ask).code, DONE)
        self.add("--jti", "t2")
        self.assertEqual(self.run_cli(*ask).code, DONE)
        self.add("--jti", "t1")
        answer = self.run_cli(*ask)
        self.assertEqual(answer.code, DENIED)
        self.assertIn("revoked_jti", answer.out)
        self.done("admitted again", "revoke", "remove", *M1, "--jti", "t1", "--jti", "t2")
        self.assertEqual(self.run_cli(*ask).code, DONE)


class Remove(RevokeTest):
    CASES = (
        # before, flags, after
        ("a\nb\n", ["--jti", "a"], "b\n"),
        ("a\nb\n", ["--jti", "b"], "a\n"),
        ("a\n", ["--jti", "a"], "# none\n"),
        ("a", ["--jti", "a"], "# none\n"),
        ("\na\n", ["--jti", "a"], "\n# none\n"),
        ("\n\na\n", ["--jti", "a"], "\n\n"),
        ("a,b,c\n", ["--jti", "b"], "a,c\n"),
        ("a, b , c\n", ["--jti", "a"], " b , c\n"),
        ("a,b   # two\n", ["--jti", "b"], "a # two\n"),
        ("a,b\t# two\n", ["--jti", "a"], "b\t# two\n"),
        ("a # one\nb\n", ["--jti", "a"], "# one\nb\n"),
        ("a # one", ["--jti", "a"], "# one"),
        ("a,\n", ["--jti", "a"], ",\n"),
        (",a\n", ["--jti", "a"], ",\n"),
        ("a,,b\n", ["--jti", "a"], ",b\n"),
        ("a,,b\n", ["--no-jti"], "a,b\n"),
        ("a,\n", ["--no-jti"], "a\n"),
        (",\n", ["--no-jti"], "# none\n"),
        ("\n", ["--no-jti"], "# none\n"),
        ("a,a\nb\na\n", ["--jti", "a"], "b\n"),
        ("a\r\nb\r\n", ["--jti", "a"], "b\r\n"),
        ("@kid 1\na\n", ["--kid", "1"], "a\n"),
        ("@kid 1 # gone\na\n", ["--kid", "1"], "# gone\na\n"),
        ("@kid 1\n@kid 11\n", ["--kid", "1"], "@kid 11\n"),
        ("@name x\n@workload x\nx\n", ["--name", "x"], "@workload x\nx\n"),
        ("@name x\n@workload x\nx\n", ["--workload", "x"], "@name x\nx\n"),
        ("@name x\n@workload x\nx\n", ["--jti", "x", "--name", "x"], "@workload x\n"),
        ("@issued-before 2026-01-01T00:00:00Z\n@issued-before 2026-02-01T00:00:00Z\n",
         ["--issued-before", "2026-01-01T00:00:00Z"], "@issued-before 2026-02-01T00:00:00Z\n"),
        ("@issued-before 2026-01-01T00:00:00Z\na\n", ["--issued-before", "1767225600"], "a\n"),
        ("\ufeffa\nb\n", ["--jti", "a"], "\ufeffb\n"),
        ("# a\na\n", ["--jti", "a"], "# a\n"),
        ("ab,a,ba\n", ["--jti", "a"], "ab,ba\n"),
    )

    def test_just_what_is_named_goes_and_every_other_byte_stays(self):
        for before, flags, after in self.CASES:
            self.list(before)
            self.done(["warning: what this takes off the list is admitted again", "  note: - "],
                      "revoke", "remove", *M1, *flags)
            with open(self.path(LIST), "rb") as file:
                self.assertEqual(file.read().decode(), after, (before, flags))
        self.assertEqual(self.hidden(), [])

    def test_what_is_not_on_the_list_is_an_answer_of_no(self):
        for content, flags in (("b\n", ["--jti", "a"]), ("# a\n", ["--jti", "a"]), ("a\n", ["--kid", "a"]),
                               ("@kid 1\n", ["--jti", "1"]), ("@name x\n", ["--workload", "x"]),
                               ("a\n", ["--no-jti"]), ("a\n", ["--jti", "a", "--jti", "b"]),
                               ("@issued-before 2026-02-01T00:00:00Z\n", ["--issued-before", "2026-01-01T00:00:00Z"])):
            self.list(content)
            self.refused(DENIED, ["the list does not say that: ", LIST, "nothing was changed"],
                         "revoke", "remove", *M1, *flags)
        os.remove(self.path(LIST))
        self.refused(DENIED, "the list does not say that: a", "revoke", "remove", *M1, "--jti", "a")

    def test_change_that_would_turn_an_id_into_a_comment_is_left_for_hands(self):
        self.list("a,#b\n")
        self.refused(IO, ["the list cannot be changed that way", "edit the line by hand"],
                     "revoke", "remove", *M1, "--jti", "a")

    def test_dry_run_and_document(self):
        self.list("a\n@kid 1\n")
        before = tree(self.dir)
        answer = self.done(["- @kid 1", "dry run: nothing was written"], "revoke", "remove", *M1, "--kid", "1",
                           "--dry-run", "-o", "json")
        self.assertEqual(json.loads(answer.out), {
            "schema": "xdsgate.revoke/1", "action": "remove", "set": "mesh/m1", "dry_run": True,
            "entries": [{"kind": "kid", "value": "1", "result": "removed"}]})
        self.assertEqual(tree(self.dir), before)

    def test_flags_are_refused_as_those_of_add(self):
        for args, text in ((["--mesh", "m1", "--jti", "a"], "--store is required"), ([*M1], "nothing is named"),
                           ([*M1, "--jti", "a b"], "cannot stand on a list"),
                           ([*M1, "--token-file", "nowhere", "-o", "table"], "invalid --output value")):
            self.refused(USAGE, text, "revoke", "remove", *args)


class List(RevokeTest):
    def test_every_list_is_shown_with_kinds_and_lines(self):
        self.list("# why\na, b\n\n@kid 2 # x\n@issued-before 2026-01-01T00:00:00Z\nc,\n")
        self.write("store/any-mesh/revoked", "@workload w\n", 0o644)
        os.mkdir(self.path("store/any-mesh/keys"))
        self.write("store/zone/revoked", "z\n", 0o644)
        wanted = [("zone", "jti", "z", 1), ("any-mesh", "workload", "w", 1), ("mesh/m1", "jti", "a", 2),
                  ("mesh/m1", "jti", "b", 2), ("mesh/m1", "kid", "2", 4),
                  ("mesh/m1", "issued-before", "2026-01-01T00:00:00Z", 5), ("mesh/m1", "jti", "c", 6),
                  ("mesh/m1", "no-jti", "", 6)]
        self.assertEqual(self.entries(), wanted)
        self.assertEqual(self.entries("--mesh", "m1"), wanted[2:])
        self.assertEqual(self.entries("--for-zone"), wanted[:1])
        self.assertEqual(self.entries("--mesh", "m2"), [])
        table = self.good("revoke", "list", "--store", "store").out.splitlines()
        self.assertEqual(table[0].split(), ["SET", "KIND", "VALUE", "LINE"])
        self.assertEqual([tuple(line.split()) for line in table[1:4]],
                         [tuple(map(str, row)) for row in wanted[:3]])
        self.assertIn('kind: "workload"', self.good("revoke", "list", "--store", "store", "-o", "yaml").out)

    def test_nothing_is_said_to_be_nothing(self):
        self.assertEqual(self.good("revoke", "list", "--store", "store").out, "nothing is revoked\n")
        self.assertEqual(self.entries(), [])

    def test_damaged_list_is_reported_and_the_others_shown(self):
        self.list("a\nb c\n")
        self.write("store/zone/revoked", "z\n", 0o644)
        answer = self.done(["the list is damaged", "line 2"], "revoke", "list", "--store", "store", "-o", "json",
                           code=KEY)
        self.assertEqual([row["set"] for row in json.loads(answer.out)["entries"]], ["zone"])
        self.refused(KEY, "the list is damaged", "revoke", "list", *M1)

    def test_ledger_says_which_tokens_still_live(self):
        self.record(["jti=live", "mesh=m1", f"expires_at={NOW + 1}"], ["jti=dead", "mesh=m1", f"expires_at={NOW}"],
                    ["jti=twice", "mesh=m1", "kid=1", f"expires_at={NOW - 9}"],
                    ["jti=twice", "mesh=m1", "kid=2", "key=" + "b" * 64, "fingerprint=" + "c" * 64,
                     f"expires_at={NOW + 9}"],
                    ["jti=other", "mesh=m2", f"expires_at={NOW + 1}"],
                    ["jti=z", "purpose=zone", "zone=east", f"expires_at={NOW - 1}"])
        self.list("live,dead\ntwice\nother\nz\n@kid 1\n")
        self.write("store/zone/revoked", "z\nlive\n", 0o644)
        self.write("store/any-mesh/revoked", "dead\nother\n", 0o644)
        os.mkdir(self.path("store/any-mesh/keys"))
        args = ["revoke", "list", "--store", "store", "--authority", "authority", "--now", str(NOW)]
        rows = json.loads(self.good(*args, "-o", "json").out)["entries"]
        self.assertEqual([(row["set"], row["value"], row["token"], row["expires_at"]) for row in rows], [
            ("zone", "z", "expired", "2027-01-15T07:59:59Z"), ("zone", "live", "unknown", None),
            ("any-mesh", "dead", "expired", "2027-01-15T08:00:00Z"),
            ("any-mesh", "other", "live", "2027-01-15T08:00:01Z"),
            ("mesh/m1", "live", "live", "2027-01-15T08:00:01Z"), ("mesh/m1", "dead", "expired", "2027-01-15T08:00:00Z"),
            ("mesh/m1", "twice", "live", "2027-01-15T08:00:09Z"), ("mesh/m1", "other", "unknown", None),
            ("mesh/m1", "z", "unknown", None), ("mesh/m1", "1", None, None)])
        table = self.good(*args).out.splitlines()
        self.assertEqual(table[0].split(), ["SET", "KIND", "VALUE", "LINE", "TOKEN", "EXPIRES"])
        self.assertEqual(table[-1].split(), ["mesh/m1", "kid", "1", "5", "-", "-"])

    def record(self, *entries):
        words = []
        for entry in entries:
            words += ([","] if words else []) + entry
        done = subprocess.run([os.environ["XG_LEDGER_TOOL"], self.path("authority/ledger.db"), *words],
                              capture_output=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, b""))

    def test_ledger_that_cannot_be_asked_is_no_answer(self):
        self.list("a\n")
        os.remove(self.path("authority/ledger.db"))
        self.refused(IO, "there is no ledger", "revoke", "list", "--store", "store", "--authority", "authority")
        self.write("authority/ledger.db", "no database")
        self.refused(IO, "ledger", "revoke", "list", "--store", "store", "--authority", "authority")
        self.refused(USAGE, "--now is not a time", "revoke", "list", "--store", "store", "--authority", "authority",
                     "--now", "soon")

    def test_refusals(self):
        self.refused(USAGE, "--store is required", "revoke", "list")
        self.refused(USAGE, "exactly one of", "revoke", "list", *M1, "--for-zone")
        self.refused(USAGE, "invalid --output value", "revoke", "list", "--store", "store", "-o", "token")
        self.refused(KEY, "no set 'mesh/m9'", "revoke", "list", "--store", "store", "--mesh", "m9")
        self.refused(IO, "cannot open the store", "revoke", "list", "--store", "nowhere")
        os.rename(self.path("store/meshes"), self.path("gone"))
        self.refused(IO, "cannot list the meshes", "revoke", "list", "--store", "store")
        os.symlink("/etc", self.path("store/zone/revoked"))
        self.refused(IO, "cannot read the list", "revoke", "list", "--store", "store", "--for-zone")


class Import(RevokeTest):
    def load(self, content, texts, *args):
        return self.done(texts, "revoke", "import", *M1, *args, stdin=content)

    def test_plain_list_comes_over_without_a_remark(self):
        for content in (b"a,b,c", b"a,b,c\n"):
            answer = self.load(content, "imported 3, already there 0, blanks trimmed 0, repeated 0")
            self.assertNotIn("warning", answer.err)
            self.assertEqual(self.read(LIST), "a\nb\nc\n")
            os.remove(self.path(LIST))

    def test_each_oddity_is_named_with_its_place(self):
        for content, texts, wanted in (
                (b"a, b", ["line 1, column 3 (byte 2): ' b' has blanks", "was alive until now", "trimmed 1"], "a\nb\n"),
                (b"a ,b", ["line 1, column 1 (byte 0): 'a ' has blanks"], "a\nb\n"),
                (b"a\t,b", ["(byte 0): 'a\\x09' has blanks"], "a\nb\n"),
                (b"a,b\r\n", ["(byte 2): 'b\\x0d' has blanks or line ends"], "a\nb\n"),
                (b"a,b\n\n", ["(byte 2): 'b\\x0a' has blanks or line ends"], "a\nb\n"),
                (b"a,,b", ["line 1, column 3 (byte 2): '' is an empty element", "without jti"], "a\nb\n,\n"),
                (b"a,", ["(byte 2): '' is an empty element"], "a\n,\n"),
                (b"a,\n", ["(byte 2): '' is an empty element"], "a\n,\n"),
                (b"\n", ["(byte 0): '' is an empty element"], ",\n"),
                (b"a, ,b", ["(byte 2): ' ' is nothing but blanks", "left out"], "a\nb\n"),
                (b"a\nb\nc\n", ["(byte 0): 'a\\x0ab\\x0ac' goes over a line end", "commas alone"], "a\nb\nc\n"),
                (b"x,a\nb,y", ["line 1, column 3 (byte 2): 'a\\x0ab' goes over a line end"], "a\nb\nx\ny\n"),
                (b"x,\ny , z", ["line 2, column 4 (byte 6): ' z' has blanks"], "x\ny\nz\n"),
                (b"b,a,b", ["line 1, column 5 (byte 4): 'b' stands there more than once", "repeated 1"], "a\nb\n")):
            self.load(content, texts)
            self.assertEqual(self.read(LIST), wanted, content)
            os.remove(self.path(LIST))

    def test_what_is_there_already_is_not_written_again(self):
        self.list("b\n")
        self.load(b"a,b,c", "imported 2, already there 1")
        self.assertEqual(self.read(LIST), "b\na\nc\n")
        before = tree(self.dir)
        self.load(b"a,b,c", "imported 0, already there 3")
        self.assertEqual(tree(self.dir), before)

    def test_ids_that_can_be_none_stop_everything(self):
        for content, texts in (
                (b"a,b c,d", ["line 1, column 3 (byte 2): 'b c' can be no jti", "1 of the ids"]),
                (b"a,\x01,d", ["(byte 2): '\\x01' can be no jti"]),
                (b"a,\x00,d", ["(byte 2): '\\x00' can be no jti"]),
                (b"a," + b"x" * 128, ["(byte 2): ", "an id of at most 127 bytes"]),
                ("é,a".encode(), ["(byte 0): '\\xc3\\xa9' can be no jti"]),
                (b"\xef\xbb\xbfa,b", ["(byte 0): ", "can be no jti"]),
                (b"@kid 1,a", ["(byte 0): '@kid 1' can be no jti"]),
                (b"#a,@b,c", ["2 of the ids", "'#a' can be no jti", "'@b' can be no jti"]),
                (b"a\nb c\n", ["line 2, column 1 (byte 2): 'b c' can be no jti"]),
                (b'{"data": "a"}', ["can be no jti", "nothing was changed"])):
            before = tree(self.dir)
            self.done([*texts, "nothing was changed"], "revoke", "import", *M1, code=USAGE, stdin=content)
            self.assertEqual(tree(self.dir), before)

    def test_base64_is_decoded_strictly(self):
        text = base64.b64encode(b"aaaa,bbbb,cccc")
        for content in (text, text + b"\n", text[:8] + b"\n" + text[8:]):
            self.load(content, "imported 3", "--base64", "-")
            self.assertEqual(self.read(LIST), "aaaa\nbbbb\ncccc\n")
            os.remove(self.path(LIST))
        for content in (text[:-1], text[:-2], text + b"x", b"a,b", text[:4] + b"!" + text[4:], b"=", b"_-__"):
            self.refused(USAGE, ["the input is no base64", "without --base64"],
                         "revoke", "import", *M1, "--base64", stdin=content)

    def test_empty_inputs_are_no_lists(self):
        for args, content, text in (([], b"", "the list is empty"), (["--base64"], b"", "the list is empty"),
                                    (["--base64"], b"\n", "the list is empty")):
            self.refused(USAGE, [text, "nothing was changed"], "revoke", "import", *M1, *args, stdin=content)
        for content in (b" ", b" , ", b"\t\n"):
            self.refused(USAGE, "nothing but blanks", "revoke", "import", *M1, stdin=content)

    def test_files_reasons_dry_runs_and_documents(self):
        self.write("list", "a,b")
        answer = self.done(["+ a", "would import 2", "dry run"], "revoke", "import", *M1, "--dry-run", "-o", "json",
                           "list")
        document = json.loads(answer.out)
        self.assertEqual((document["schema"], document["action"], document["dry_run"]),
                         ("xdsgate.revoke/1", "import", True))
        self.assertFalse(os.path.exists(self.path(LIST)))
        self.done("imported 2", "revoke", "import", *M1, "list", "--reason", "from Kuma")
        self.assertRegex(self.read(LIST), r"\A# 20[0-9-]{8} from Kuma\na\nb\n\Z")

    def test_many_ids_are_shown_in_part(self):
        answer = self.load(b",".join(b"id-%d" % i for i in range(5000)), ["imported 5000", "and 4980 more"])
        self.assertLess(len(answer.err.splitlines()), 40)
        self.assertEqual(len(self.read(LIST).splitlines()), 5000)
        answer = self.load(b",".join(b" x-%d" % i for i in range(50)), ["30 more remarks are not shown"])

    def test_refusals(self):
        self.write("list", "a,b")
        self.refused(USAGE, "--store is required", "revoke", "import", "--mesh", "m1", "list")
        self.refused(USAGE, "exactly one of", "revoke", "import", "--store", "store", "list")
        self.refused(USAGE, "invalid --output value", "revoke", "import", *M1, "-o", "table", "list")
        self.refused(USAGE, "more than one FILE", "revoke", "import", *M1, "list", "list")
        self.refused(USAGE, "--reason holds control bytes", "revoke", "import", *M1, "--reason", "a\nb", "list")
        self.refused(USAGE, "that is a token, not a file", "revoke", "import", *M1, "eyJhbGciOi")
        self.refused(IO, "cannot read the list: No such file", "revoke", "import", *M1, "nowhere")
        self.refused(IO, "cannot read the list: File too large", "revoke", "import", *M1, stdin=b"a," * (9 << 20))
        self.refused(KEY, "no set 'mesh/m9'", "revoke", "import", "--store", "store", "--mesh", "m9", "list")


class Check(RevokeTest):
    def ask(self, *args, code=DENIED):
        answer = self.run_cli("revoke", "check", *M1, "-o", "json", *args)
        self.assertEqual((answer.code, answer.err), (code, ""), args)
        document = json.loads(answer.out)
        self.assertEqual(document["schema"], "xdsgate.revocation/1")
        self.assertEqual(document["revoked"], code == DENIED)
        return document

    def test_the_line_that_revokes_is_found(self):
        self.token("--name", "web", "--workload", "w", "--jti", "t1", "--kid", "2")
        for content, lines in (
                ("t1\n", [(1, "revoked_jti")]), ("# x\na,\nb , t1 # y\n", [(3, "revoked_jti")]),
                ("a\nb\nc\nd\n@kid 2\n", [(5, "revoked_kid")]), ("@name web\nz\n", [(1, "revoked_name")]),
                ("\n\n@workload w", [(3, "revoked_workload")]),
                ("a\n@issued-before 2100-01-01T00:00:00Z\n", [(2, "revoked_issued_before")]),
                ("t1\nx\n@kid 2\nt1\n", [(1, "revoked_jti"), (3, "revoked_kid"), (4, "revoked_jti")]),
                ("\ufefft1\n", [(1, "revoked_jti")]),
                ("\n".join(f"id-{i}" for i in range(3000)) + "\nt1\n", [(3001, "revoked_jti")])):
            self.list(content)
            found = self.ask("--token-file", "token")
            self.assertEqual([(line["line"], line["reason"]) for line in found["lines"]], lines, content)
            self.assertEqual({line["file"] for line in found["lines"]}, {LIST})
            self.assertEqual((found["jti"], found["kid"], found["token_seen"]), ("t1", "2", True))

    def test_what_names_something_else_revokes_nothing(self):
        self.token("--name", "web", "--workload", "w", "--jti", "t1", "--kid", "2")
        for content in ("", "t\nt11\nT1\n", "@kid 1\n", "@name w\n@workload web\n", "a,\n", "\n",
                        "@issued-before 2020-01-01T00:00:00Z\n", "# t1\n", "@kid t1\n"):
            self.list(content)
            found = self.ask("--token-file", "token", code=DONE)
            self.assertEqual((found["lines"], found["denied_for"]), ([], ["not_yet_valid"]), content)

    def test_list_for_every_mesh_counts_too(self):
        self.token("--name", "web", "--jti", "t1")
        self.write("store/any-mesh/revoked", "t1\n", 0o644)
        found = self.ask("--token-file", "token")
        self.assertEqual([(line["set"], line["line"]) for line in found["lines"]], [("any-mesh", 1)])

    def test_words_say_the_same(self):
        self.token("--name", "web", "--jti", "t1")
        self.list("x\nt1\n")
        answer = self.run_cli("revoke", "check", *M1, "--token-file", "token")
        self.assertEqual(answer.code, DENIED)
        self.assertEqual(answer.out.splitlines()[:4],
                         ["revoked", "token id: 't1'", "kid:      '2'", f"by:       {LIST} line 2 (revoked_jti)"])
        self.assertNotIn("eyJ", answer.out)
        self.list("x\n")
        answer = self.run_cli("revoke", "check", *M1, "--token-file", "token")
        self.assertEqual((answer.code, answer.out.splitlines()[0]), (DONE, "not revoked"))

    def test_other_ends_of_a_token_are_said_without_changing_the_answer(self):
        self.write("token", self.good("mint", "dataplane", "--mesh", "m1", "--name", "a", "--valid-for", "1h", "--now",
                                      "1600000000", "--authority", "authority", "--kid", "1").out)
        self.assertEqual(self.ask("--token-file", "token", code=DONE)["denied_for"], ["expired"])
        os.rename(self.path("store/meshes/m1/keys/1.pem"), self.path("store/meshes/m1/keys/1.retired"))
        self.assertEqual(self.ask("--token-file", "token", code=DONE)["denied_for"], ["key_retired", "expired"])
        os.remove(self.path("store/meshes/m1/keys/1.retired"))
        self.assertEqual(self.ask("--token-file", "token", code=DONE)["denied_for"], ["key_unknown", "expired"])
        os.rename(self.path("store/meshes/m1/keys/2.pem"), self.path("store/meshes/m1/keys/1.pem"))
        self.assertEqual(self.ask("--token-file", "token", code=DONE)["denied_for"], ["signature_invalid", "expired"])
        out = self.run_cli("revoke", "check", *M1, "--token-file", "token").out
        self.assertIn("denied all the same: signature_invalid\n", out)

    def test_id_alone_can_be_asked_for(self):
        self.list("t1\n@kid 2\n@name n\n@workload w\n@issued-before 2026-01-01T00:00:00Z\n")
        for args, line in ((["t1"], 1), (["x", "--kid", "2"], 2), (["x", "--name", "n"], 3),
                           (["x", "--workload", "w"], 4), (["x", "--issued-at", "2025-12-31T23:59:59Z"], 5),
                           (["x", "--issued-at", "1"], 5)):
            found = self.ask("--jti", *args)
            self.assertEqual(([row["line"] for row in found["lines"]], found["token_seen"]), ([line], False), args)
        for args in (["x", "--issued-at", "2026-01-01T00:00:00Z"],
                     ["x", "--kid", "1", "--name", "w", "--workload", "n", "--issued-at", "2026-01-01T00:00:00Z"]):
            self.ask("--jti", *args, code=DONE)
        answer = self.run_cli("revoke", "check", *M1, "--jti", "x")
        self.assertEqual(answer.code, DONE)
        self.assertIn("note: tokens issued before 2026-01-01T00:00:00Z are revoked too: say --issued-at", answer.err)
        self.assertEqual(self.run_cli("revoke", "check", *M1, "--jti", "x", "--kid", "7", "-o", "json").code, DONE)

    def test_zone_tokens_are_asked_of_the_zone(self):
        self.write("token", self.mint("zone", "--zone", "east", "--jti", "zz"))
        self.done("", "revoke", "add", *ZONE, "--jti", "zz")
        answer = self.run_cli("revoke", "check", *ZONE, "--token-file", "token")
        self.assertEqual((answer.code, answer.out.splitlines()[0]), (DENIED, "revoked"))
        self.assertIn("store/zone/revoked line 1", answer.out)

    def test_refusals(self):
        token = self.token("--name", "a")
        self.write("store/meshes/m2/revoked", "a b\n", 0o644)
        for code, texts, args in (
                (USAGE, "--store is required", ["--mesh", "m1", "--jti", "a"]),
                (USAGE, "exactly one of --mesh and --for-zone is required", ["--store", "store", "--jti", "a"]),
                (USAGE, "exactly one of --token-file and --jti", [*M1]),
                (USAGE, "exactly one of --token-file and --jti", [*M1, "--jti", "a", "--token-file", token]),
                (USAGE, "--kid goes with --jti", [*M1, "--kid", "a", "--token-file", token]),
                (USAGE, "--issued-at goes with --jti", [*M1, "--issued-at", "1", "--token-file", token]),
                (USAGE, "--issued-at is no time", [*M1, "--jti", "a", "--issued-at", "now"]),
                (USAGE, "--jti is longer than 127", [*M1, "--jti", "a" * 128]),
                (USAGE, "--kid holds control bytes", [*M1, "--jti", "a", "--kid", "\x01"]),
                (USAGE, "invalid --output value", [*M1, "--jti", "a", "-o", "token"]),
                (USAGE, "that is no zone token", [*ZONE, "--token-file", token]),
                (IO, "cannot read the token", [*M1, "--token-file", "nowhere"]),
                (IO, ["the store cannot answer", "cannot be opened"], ["--store", "nowhere", "--mesh", "m1", "--jti",
                                                                      "a"]),
                (KEY, ["the store cannot answer", "Mesh 'm9' not found"], ["--store", "store", "--mesh", "m9", "--jti", "a"]),
                (KEY, ["the store cannot answer", "mesh 'm2'", "line 1", "xdsgate doctor"],
                 ["--store", "store", "--mesh", "m2", "--jti", "a"])):
            self.refused(code, texts, "revoke", "check", *args)
        self.assertEqual(self.run_cli("revoke", "check", *M1, "--token-file", token).code, DONE)
        self.write("store/any-mesh/revoked", "a b\n", 0o644)
        self.refused(KEY, ["the store cannot answer", "any-mesh"], "revoke", "check", *M1, "--token-file", token)


if __name__ == "__main__":
    main()
