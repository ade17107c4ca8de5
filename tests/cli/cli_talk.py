# SPDX-License-Identifier: Apache-2.0
"""How the command line is spelt, what it says when it is not understood, and what it keeps to itself."""

import json
import os
import re
import shutil
import subprocess

from cli_support import CLI, DENIED, DONE, IO, NOW, PLUGIN, USAGE, CliTest, main

HELP = subprocess.run([CLI, "--help"], check=True, capture_output=True, text=True).stdout
COMMANDS = tuple(line.split() for line in re.findall(r"(?m)^  ([a-z]\S*(?: [a-z]\S*)?)  +[a-z]", HELP))
# Those that take one word that is no flag.
OPERANDS = (["ledger", "show"], ["revoke", "import"], ["inspect"], ["verify"], ["explain"], ["config", "check"], ["completion"], ["man"])


class Spelling(CliTest):
    def test_version(self):
        self.assertRegex(self.good("--version").out, r"\Axdsgate [0-9]+\.[0-9]+\.[0-9]+\n\Z")

    def test_help_lists_every_command(self):
        self.assertGreaterEqual(len(COMMANDS), 14)
        for word in ("--help", "-h", "help"):
            self.assertEqual(self.good(word).out, HELP)
        for noun in {command[0] for command in COMMANDS if len(command) == 2}:
            text = self.good(noun, "--help").out
            for command in COMMANDS:
                self.assertEqual("  " + " ".join(command) + " " in text, command[0] == noun)

    def test_every_command_has_help_with_flags_and_an_example(self):
        for command in COMMANDS:
            for flag in ("--help", "-h"):
                text = self.good(*command, flag).out
                self.assertTrue(text.startswith("xdsgate " + " ".join(command) + ": "))
                self.assertIn("\nusage: xdsgate " + " ".join(command), text)
                self.assertIn("\nexample:\n  xdsgate " + " ".join(command), text)
                known = set(re.findall(r"(?m)^  (?:-., |    )--([a-z0-9-]+)", text))
                self.assertIn("help", known)
                self.assertGreater(len(known), 1)
                # What the usage line and the example use, exists.
                used = set(re.findall(r"--([a-z0-9-]+)", text[text.index("usage:"):text.index("flags:")]))
                used |= set(re.findall(r"--([a-z0-9-]+)", text[text.index("example:"):]))
                self.assertLessEqual(used, known)
                self.assertLessEqual(max(map(len, text.splitlines())), 120)

    def test_help_of_a_flag_is_true(self):
        """Every flag that help names is taken; a value flag demands its value."""
        for command in COMMANDS:
            text = self.good(*command, "--help").out
            for name, value in re.findall(r"(?m)^  (?:-., |    )--([a-z0-9-]+)( [A-Z])?", text):
                if value:
                    self.refused(USAGE, f"--{name} needs a value", *command, f"--{name}")
                elif name != "help":
                    answer = self.run_cli(*command, f"--{name}")
                    self.assertNotIn("unknown flag", answer.err)

    def test_words_that_are_no_command_get_the_nearest_one(self):
        for words, near in (
                (["mnt"], "xdsgate mint"), (["kye"], "xdsgate key"), (["tyr"], "xdsgate try"),
                (["keys"], "xdsgate key"),
                (["key", "neww"], "xdsgate key new"), (["key", "lst"], "xdsgate key list"),
                (["inspct"], "xdsgate inspect"), (["config", "czeck"], "xdsgate config check"),
                (["key", "pub"], "xdsgate key public"), (["mint", "dataplan"], "xdsgate mint dataplane"),
                (["mint", "zones"], "xdsgate mint zone"), (["revok"], "xdsgate revoke"),
                (["revoke", "ad"], "xdsgate revoke add"), (["revoke", "remvee"], "xdsgate revoke remove"),
                (["doctr"], "xdsgate doctor")):
            self.refused(USAGE, ["unknown command", f"did you mean '{near}'?"], *words)
        for words in (["frobnicate"], [""], ["key", "frobnicate"], ["mint", ""], ["-x"], ["--store", "x"]):
            self.refused(USAGE, ["unknown command", "--help'"], *words)
        self.refused(USAGE, "no command given")
        self.refused(USAGE, "'xdsgate key' needs a verb", "key")

    def test_flags_that_are_none_get_the_nearest_one(self):
        for command, flag, near in (
                (["mint", "dataplane"], "--mehs", "--mesh"), (["mint", "dataplane"], "--work-load", "--workload"),
                (["mint", "zone"], "--scopes=x", "--scope"), (["key", "new"], "--bit", "--bits"),
                (["inspect"], "--stor", "--store"), (["verify"], "--zone-tokn", "--zone-token"),
                (["try"], "--token-fiel", "--token-file"), (["try"], "--jsn", "--json")):
            self.refused(USAGE, [f"unknown flag {flag.split('=')[0]}\n", f"did you mean {near}?"], *command, flag)
        for flag in ("--frobnicate", "-x", "-", "--"):
            self.assertEqual(self.run_cli("mint", "zone", flag).code, USAGE)

    def test_switches_take_no_value(self):
        self.refused(USAGE, "--json takes no value", "try", "--json=yes")
        self.refused(USAGE, "--help takes no value", "mint", "zone", "--help=all")

    def test_abbreviations_are_not_taken(self):
        for flag in ("--mes", "--mes=m1", "--val", "--auth"):
            self.refused(USAGE, "unknown flag", "mint", "dataplane", flag, "x")

    def test_a_flag_counts_once(self):
        self.refused(USAGE, ["--mesh was given twice"], "mint", "dataplane", "--mesh", "a", "-m", "b")
        self.refused(USAGE, ["--type was given twice"], "mint", "dataplane", "--type", "a", "--proxy-type", "b")
        self.refused(USAGE, ["--json was given twice"], "try", "--json", "--json")

    def test_values_may_stand_behind_an_equals_sign(self):
        for args in (["--zone=east", "--valid-for=1h"], ["--zone", "east", "--valid-for", "1h"]):
            self.good("mint", "zone", *args, "--authority=authority")

    def test_other_arguments_are_refused_and_never_repeated(self):
        for command in COMMANDS:
            text = "that is a token" if command in OPERANDS else "never from arguments"
            answer = self.refused(USAGE, text, *command, "eyJsecret")
            self.assertNotIn("eyJ", answer.err)
        self.refused(USAGE, "unexpected argument", "mint", "zone", "--zone", "east", "west")


class Discretion(CliTest):
    def test_secrets_where_a_path_should_stand_are_never_repeated(self):
        token = self.mint("--name", "a")
        public = self.read("store/meshes/m1/keys/1.pem")
        private = self.read("authority/meshes/m1/1.pem")
        paths = {
            ("try",): ("token-file", "file", "config", "store", "plugin", "batch"),
            ("inspect",): ("token-file", "store", "key"),
            ("verify",): ("token-file", "store", "plugin"),
            ("config", "check"): ("plugin",),
            ("key", "public"): ("key", "signing-key-path"),
            ("key", "new"): ("authority", "store"),
            ("key", "list"): ("authority", "store"),
            ("mint", "dataplane"): ("authority", "key"),
            ("mint", "zone"): ("authority", "key"),
            ("ledger", "list"): ("authority", "ledger"),
            ("ledger", "show"): ("authority", "ledger"),
            ("ledger", "expiring"): ("authority", "ledger"),
            ("ledger", "export"): ("authority", "ledger"),
            ("revoke", "add"): ("store", "token-file"),
            ("revoke", "remove"): ("store", "token-file"),
            ("revoke", "list"): ("store", "authority", "ledger"),
            ("revoke", "import"): ("store",),
            ("revoke", "check"): ("store", "token-file"),
            ("doctor",): ("store", "authority", "config"),
            ("generate", "dataplane-token"): ("authority", "signing-key-path", "config-file"),
            ("generate", "zone-token"): ("authority", "signing-key-path", "config-file"),
            ("generate", "public-key"): ("signing-key-path", "config-file"),
            ("generate", "signing-key"): ("config-file",),
        }
        for command, flags in paths.items():
            for flag in flags:
                for secret, what in ((token, "token"), ("\n" + token, "token"), (token[:20], "token"),
                                     (public, "key"), (private, "key"), ("x\n" + private, "key")):
                    answer = self.refused(USAGE, [f": that is a {what}, not a ", "  help: give the "],
                                          *command, f"--{flag}={secret}")
                    for part in ("eyJ", "BEGIN", secret.strip()[-20:]):
                        self.assertNotIn(part, answer.err)
        os.mkdir(self.path("eyJ"))
        self.write("eyJ/eyJ", token)
        for name in ("./eyJ/eyJ", "store/../eyJ/eyJ"):
            self.assertEqual(self.run_cli("try", "--plugin", PLUGIN, "--store", "store", "--now", str(NOW), "--mesh",
                                          "m1", "--name", "a", "--token-file", name).code, DONE)

    def test_errors_cannot_steer_the_terminal(self):
        for name in ("\x1b[2J", "a\rb", "\x07", "\x9b31m", "\u202e"):
            for args in ([name], ["key", name], ["mint", "zone", "--" + name], ["key", "public", "--key", name],
                         ["key", "new", "--mesh", name, "--authority", "a", "--store", "b"]):
                answer = self.run_cli(*args)
                self.assertNotEqual(answer.code, DONE)
                self.assertRegex(answer.err, r"\A[\x20-\x7e\n]+\Z")
                self.assertIn("\\x", answer.err)

    def test_key_ids_of_strangers_cannot_steer_the_terminal(self):
        self.write("dp.yaml", "type: Dataplane\nmesh: m1\nname: a\n")
        private = self.read("authority/meshes/m1/1.pem").encode()
        kid = "k\u202e"
        token = self.good("mint", "dataplane", "--mesh", "m1", "--name", "a", "--valid-for", "1h", "--key", "-",
                          "--kid", kid, "--now", str(NOW), stdin=private).out
        self.write("token", token)
        os.rename(self.path("store/meshes/m1/keys/1.pem"), self.path("store/meshes/m1/keys", kid + ".pem"))
        answer = self.run_cli("try", "--plugin", PLUGIN, "--store", "store", "--now", str(NOW), "--token-file", "token",
                              "-f", "dp.yaml")
        self.assertIn(answer.code, (DONE, DENIED))
        self.assertRegex(answer.out, r"\A[\x20-\x7e\n]+\Z")
        self.assertIn("kid:      'k\\xe2\\x80\\xae'", answer.out)

    def test_a_full_disk_is_noticed(self):
        for args in (["--help"], ["--version"], ["mint", "zone", "--zone", "a", "--valid-for", "1h", "--authority",
                                                 "authority"], ["key", "list", "--store", "store"]):
            with open("/dev/full", "wb") as full:
                done = subprocess.run([CLI, *args], cwd=self.dir, stdout=full, stderr=subprocess.PIPE, check=False)
            self.assertEqual(done.returncode, IO)
            self.assertIn(b"error: cannot write the output: No space left on device", done.stderr)

    def test_process_leaves_no_core_and_cannot_be_looked_into(self):
        plugin = shutil.copy(PLUGIN, self.path("plugin.so"))  # that user may not be let into the build directory
        user = self.as_nobody()
        program = user.pop("program", CLI)
        command = [program, "try", "--plugin", plugin, "--store", "store", "--batch", "-"]
        with subprocess.Popen(command, cwd=self.dir, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **user) as process:
            process.stdin.write(b"{}\n")
            process.stdin.flush()
            self.assertEqual(json.loads(process.stdout.readline())["outcome"], "denied")
            with open(f"/proc/{process.pid}/limits", encoding="ascii") as limits:
                self.assertRegex(limits.read(), r"Max core file size +0 +0 ")
            owner = os.stat(f"/proc/{process.pid}/environ").st_uid
            process.stdin.close()
            process.wait(60)
        # The kernel gives the files of a process that is not dumpable to root. A build with a leak check must stay
        # open.
        if "XG_SANITIZED" not in os.environ:
            self.assertEqual(owner, 0)


if __name__ == "__main__":
    main()
