# SPDX-License-Identifier: Apache-2.0
"""xdsgate key new, rotate, retire, import, export: encrypted keys, and the life of a key from publishing to its end.

Keys are encrypted with age's own work factor, so each passphrase that is tried costs a second: most tests go without.
"""

import base64
import glob
import json
import os
import re
import resource
import shutil
import signal
import sqlite3
import stat
import subprocess

from cli_support import CLI, DENIED, DONE, IO, KEY, NOBODY, NOW, PLUGIN, USAGE, CliTest, main, tree
from tty_support import Terminal, run_age

PHRASE = "TEST PASSPHRASE, NOT A SECRET"
OTHER = "TEST PASSPHRASE, NOT A SECRET EITHER"
PLACES = ["--authority", "authority", "--store", "store"]
M1 = ["--mesh", "m1", *PLACES]


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def openssl(*args, stdin=b""):
    return subprocess.run(["openssl", *args], input=stdin, capture_output=True, check=True).stdout


class KeyCase(CliTest):
    def phrase(self, content=PHRASE + "\n", bits=0o600):
        self.write("phrase", content, bits)
        return ["--passphrase-file", "phrase"]

    def states(self, key_set="mesh/m1"):
        """What the ledger knows: kid -> state."""
        rows = json.loads(self.run_cli("key", "list", "--store", "store", "--authority", "authority", "--json").out)
        return {row["kid"]: row["state"] for row in rows if row["set"] == key_set}

    def ledger_keys(self):
        with sqlite3.connect(self.path("authority/ledger.db")) as database:
            rows = database.execute("SELECT key_set, kid, state FROM signing_key").fetchall()
        database.close()
        return rows

    def decide(self, token, mesh="m1"):
        """The reason that the plugin gives with this store."""
        self.write("token", token)
        answer = self.run_cli("try", "--plugin", PLUGIN, "--store", "store", "--now", str(NOW), "--token-file", "token",
                              "--mesh", mesh, "--name", "web", "--json")
        return json.loads(answer.out)["reason_name"]


class Passphrase(KeyCase):
    """Where a passphrase comes from, and what is none."""

    def test_keys_are_encrypted_unless_it_is_said(self):
        answer = self.good("key", "new", *M1, *self.phrase())
        self.assertIn("private half in authority/meshes/m1/3.pem.age, ", answer.out)
        self.assertFalse(os.path.exists(self.path("authority/meshes/m1/3.pem")))
        self.assertEqual(mode(self.path("authority/meshes/m1/3.pem.age")), 0o600)
        text = self.read("authority/meshes/m1/3.pem.age")
        self.assertTrue(text.startswith("-----BEGIN AGE ENCRYPTED FILE-----\n"))
        self.assertNotIn("RSA", base64.b64decode("".join(text.splitlines()[1:-1])).decode("latin-1"))
        # ... and stock age opens it
        code, said = run_age(PHRASE, "-d", "-o", "plain.pem", "authority/meshes/m1/3.pem.age", cwd=self.dir)
        self.assertEqual(code, 0, said)
        self.assertTrue(self.read("plain.pem").startswith("-----BEGIN RSA PRIVATE KEY-----\n"))
        os.chmod(self.path("plain.pem"), 0o600)
        self.assertEqual(self.good("key", "public", "--key", "plain.pem").out, self.read("store/meshes/m1/keys/3.pem"))
        self.assertEqual(self.good("key", "public", "--key", "authority/meshes/m1/3.pem.age", *self.phrase()).out,
                         self.read("store/meshes/m1/keys/3.pem"))

    def test_wrong_passphrase_is_refused_and_the_right_one_mints(self):
        self.good("key", "new", "--mesh", "m5", *PLACES, *self.phrase())
        mint = ["mint", "dataplane", "--mesh", "m5", "--name", "web", "--valid-for", "1h", "--now", str(NOW),
                "--authority", "authority"]
        self.phrase(OTHER)
        self.refused(KEY, ["the passphrase is wrong", "m5/1.pem.age", "nothing was changed"], *mint, "--passphrase-file",
                     "phrase")
        self.refused(KEY, ["a passphrase is needed for key 1 of mesh 'm5'", "--passphrase-file FILE or --passphrase-fd"],
                     *mint, start_new_session=True)
        token = self.good(*mint, *self.phrase()).out
        self.assertEqual(self.decide(token, "m5"), "ok")

    def test_first_line_of_the_file_is_the_passphrase(self):
        self.good("key", "new", "--mesh", "m5", *PLACES, *self.phrase("12345678"))
        for content in ("12345678\n", "12345678\r\n", "12345678\nand more", "12345678\r\n\0"):
            self.good("key", "export", "--mesh", "m5", "--authority", "authority", "--out", "out.pem",
                      *self.phrase(content))
            os.remove(self.path("out.pem"))
        self.phrase("12345678 ")
        self.refused(KEY, "the passphrase is wrong", "key", "export", "--mesh", "m5", "--authority", "authority", "--out",
                     "out.pem", "--passphrase-file", "phrase")

    def test_what_is_no_passphrase_is_refused(self):
        for content, text in (
                ("", "the passphrase is empty"), ("\n" + PHRASE, "the passphrase is empty"),
                ("\r\n", "the passphrase is empty"), ("1234567\n", "the passphrase is shorter than 8 bytes"),
                ("1234567\nlonger", "the passphrase is shorter than 8 bytes"),
                ("x" * 1025, "the passphrase is longer than 1024 bytes"),
                ("x" * 1025 + "\n", "the passphrase is longer than 1024 bytes"),
                ("12345678\0\n", "the passphrase holds a NUL byte"),
                (PHRASE.encode("utf-16"), "the passphrase holds a NUL byte")):
            answer = self.refused(KEY, [text, "where: phrase", "  help: "], "key", "new", *M1, *self.phrase(content))
            self.assertNotIn("1234567", answer.err)
        answer = self.refused(IO, ["cannot read: File too large", "where: phrase"], "key", "new", *M1,
                              *self.phrase("x" * 70000))
        self.good("key", "new", *M1, *self.phrase("x" * 1024))

    def test_file_that_others_can_read_is_refused(self):
        for bits in (0o640, 0o604, 0o644, 0o602):
            self.refused(KEY, [f"the passphrase file is open to group or others (mode {bits:03o})", "chmod 600"],
                         "key", "new", *M1, *self.phrase(bits=bits))
        self.refused(KEY, ["cannot read the passphrase: No such file", "absent"], "key", "new", *M1,
                     "--passphrase-file", "absent")
        self.phrase()
        os.symlink("phrase", self.path("link"))
        self.refused(IO, "symbolic links are not followed", "key", "new", *M1, "--passphrase-file", "link")
        self.refused(KEY, ["the passphrase is not a regular file", "--passphrase-fd"], "key", "new", *M1,
                     "--passphrase-file", "authority")
        if os.geteuid() == 0:
            os.chown(self.path("phrase"), NOBODY, NOBODY)
            self.refused(KEY, f"the passphrase file belongs to another user (uid {NOBODY})", "key", "new", *M1,
                         "--passphrase-file", "phrase")

    def test_descriptor_gives_the_passphrase(self):
        self.good("key", "new", "--mesh", "m5", *PLACES, "--passphrase-fd", "0", stdin=PHRASE.encode() + b"\nmore")
        reader, writer = os.pipe()
        os.write(writer, PHRASE.encode())
        os.close(writer)
        self.good("key", "export", "--mesh", "m5", "--authority", "authority", "--out", "out.pem", "--passphrase-fd",
                  str(reader), pass_fds=[reader])
        os.close(reader)
        self.good("key", "export", "--mesh", "m5", "--authority", "authority", "--out", "more.pem",
                  "--passphrase-file", "-", stdin=PHRASE.encode())
        self.refused(KEY, ["the passphrase is empty", "where: -"], "key", "new", *M1, "--passphrase-file", "-",
                     stdin=b"")
        self.refused(KEY, ["the passphrase is empty", "where: the file descriptor"], "key", "new", *M1,
                     "--passphrase-fd", "0", stdin=b"")

    def test_descriptor_that_is_none_is_refused(self):
        self.refused(USAGE, ["file descriptor 9 is not open", "--passphrase-fd 9 9< FILE"], "key", "new", *M1,
                     "--passphrase-fd", "9")
        for text in ("", "x", "-1", "3x", " 3", "1024", "99999999999999999999", PHRASE):
            answer = self.refused(USAGE, ["--passphrase-fd is not a file descriptor", "like --passphrase-fd 3 with"],
                                  "key", "new", *M1, f"--passphrase-fd={text}")
            self.assertNotIn(PHRASE, answer.err)
        self.refused(IO, ["cannot read: Bad file descriptor", "the passphrase"], "key", "new", *M1, "--passphrase-fd",
                     "1")

    def test_flags_that_exclude_each_other(self):
        self.phrase()
        both = ["--passphrase-file", "phrase", "--passphrase-fd", "0"]
        for args in (["key", "new", *M1], ["key", "rotate", *M1]):
            self.refused(USAGE, "--passphrase-file and --passphrase-fd exclude each other", *args, *both)
            for flag in (both[:2], both[2:], both):
                self.refused(USAGE, ["--plain and a passphrase exclude each other", "unencrypted"], *args, "--plain",
                             *flag)

    def test_without_terminal_file_or_descriptor_nothing_is_made(self):
        for args, what in ((["key", "new", *M1], "mesh 'm1'"), (["key", "rotate", *M1], "mesh 'm1'"),
                           (["key", "new", "--for-zone", *PLACES], "the zone"),
                           (["key", "new", "--any-mesh", *PLACES], "every mesh"),
                           (["key", "import", "--key", "authority/meshes/m1/1.pem", "--kid", "9", *M1], "mesh 'm1'")):
            self.refused(KEY, [f"a passphrase is needed for the key of {what}, and there is no terminal to ask at",
                               "--passphrase-file FILE or --passphrase-fd N; or --plain"], *args,
                         start_new_session=True)

    def test_neither_arguments_nor_environment_give_it(self):
        for name in ("XDSGATE_PASSPHRASE", "AGE_PASSPHRASE", "PASSPHRASE"):
            self.refused(KEY, "a passphrase is needed", "key", "new", *M1, start_new_session=True,
                         env={**os.environ, name: PHRASE})
        self.refused(USAGE, "unknown flag --passphrase", "key", "new", *M1, "--passphrase", PHRASE)

    def test_damaged_and_foreign_files_are_refused(self):
        self.good("key", "new", "--mesh", "m5", *PLACES, *self.phrase())
        name = "authority/meshes/m5/1.pem.age"
        good = self.read(name)
        export = ["key", "export", "--mesh", "m5", "--authority", "authority", "--passphrase-file", "phrase"]
        armor = good.splitlines()
        body = bytearray(base64.b64decode("".join(armor[1:-1])))

        def armored(content):
            text = base64.b64encode(content).decode()
            return "\n".join([armor[0], *re.findall(".{1,64}", text), armor[-1], ""])

        self.assertEqual(armored(body), good)
        payload = bytearray(body)
        payload[-1] ^= 1
        for content, text in (
                (good[:200], "the encrypted key file is damaged\n"),
                (armored(body[:40]), "the encrypted key file is damaged\n"),
                (good.replace("\n-----END", "\n!\n-----END"), "the encrypted key file is damaged\n"),
                (armored(payload), "the encrypted key file is damaged: it was altered or cut"),
                (armored(body[:-1]), "the encrypted key file is damaged: it was altered or cut"),
                (armored(body.replace(b" 18\n", b" 21\n", 1)), "asks for more or less work"),
                (armored(body.replace(b" 18\n", b" 14\n", 1)), "asks for more or less work")):
            self.write(name, content)
            self.refused(KEY, [text, f"where: {name}", "  help: "], *export)
        subprocess.run(["age-keygen", "-o", self.path("identity")], check=True, capture_output=True)
        to = subprocess.run(["age-keygen", "-y", self.path("identity")], check=True, capture_output=True).stdout
        plain = self.write("plain", "x")
        subprocess.run(["age", "-a", "-r", to.decode().strip(), "-o", self.path(name + ".new"), plain], check=True)
        os.replace(self.path(name + ".new"), self.path(name))
        os.chmod(self.path(name), 0o600)
        self.refused(KEY, ["not encrypted with a passphrase alone", "xdsgate key import"], *export)
        code, said = run_age(PHRASE, "-p", "-a", "-o", name + ".new", "store/meshes/m5/keys/1.pem", cwd=self.dir)
        self.assertEqual(code, 0, said)
        os.replace(self.path(name + ".new"), self.path(name))
        os.chmod(self.path(name), 0o600)
        self.refused(KEY, "not exactly one unencrypted RSA private key", *export)


class AtTheTerminal(KeyCase):
    def at(self, *args, **options):
        options.setdefault("cwd", self.dir)
        options.setdefault("env", {**os.environ, "NO_COLOR": "1"})
        return Terminal([options.pop("program", CLI), *args], **options)

    def test_new_passphrase_is_asked_for_twice_and_never_shown(self):
        with self.at("key", "new", *M1) as terminal:
            terminal.expect("New passphrase for the key of mesh 'm1': ")
            self.assertFalse(terminal.has_echo())
            terminal.type(PHRASE + "\n")
            terminal.expect("The same again for the key of mesh 'm1': ")
            self.assertFalse(terminal.has_echo())
            terminal.type(PHRASE + "\n")
            code, said = terminal.end()
            self.assertTrue(terminal.has_echo())
        self.assertEqual(code, DONE, said)
        self.assertNotIn(PHRASE, said)
        # ... and once when it is there already
        with self.at("key", "export", "--mesh", "m1", "--kid", "3", "--authority", "authority", "--out",
                     "out.pem") as terminal:
            terminal.expect("Passphrase for key 3 of mesh 'm1': ")
            terminal.type(PHRASE + "\n")
            code, said = terminal.end()
            self.assertTrue(terminal.has_echo())
        self.assertEqual(code, DONE, said)
        self.assertEqual(said.count("assphrase for"), 1)
        self.assertNotIn(PHRASE, said)

    def refuse(self, replies, texts, *args):
        before = tree(self.dir)
        with self.at(*(args or ("key", "new", *M1))) as terminal:
            for reply in replies:
                terminal.expect(": ")
                terminal.type(reply)
            code, said = terminal.end()
            self.assertTrue(terminal.has_echo())
        self.assertEqual(code, KEY, said)
        for text in texts:
            self.assertIn(text, said)
        self.assertEqual(tree(self.dir), before)
        return said

    def test_two_that_differ_are_refused(self):
        for again in (OTHER, PHRASE[:-1], PHRASE + " ", ""):
            said = self.refuse([PHRASE + "\n", again + "\n"], ["the two passphrases differ", "type the same one twice"])
            self.assertNotIn(PHRASE, said)

    def test_none_and_short_and_long_ones_are_refused(self):
        self.refuse(["\n", "\n"], ["the passphrase is empty", "where: the terminal"])
        self.refuse(["1234567\n"] * 2, ["the passphrase is shorter than 8 bytes", "where: the terminal"])
        self.refuse(["x" * 1025 + "\n"] * 2, ["the passphrase is longer than 1024 bytes", "where: the terminal"])
        self.refuse(["x" * 3000 + "\n"] * 2, ["the passphrase is longer than 1024 bytes", "where: the terminal"])

    def test_end_of_file_is_no_passphrase(self):
        self.refuse([b"\x04"], ["the passphrase was not typed to its end", "Enter"])
        self.refuse([PHRASE + "\n", b"\x04"], ["the passphrase was not typed to its end"])

    def test_a_signal_restores_the_echo_and_ends_the_program(self):
        before = tree(self.dir)
        for number, key in ((signal.SIGINT, b"\x03"), (signal.SIGQUIT, b"\x1c"), (signal.SIGTERM, None),
                            (signal.SIGHUP, None)):
            for typed in (0, 1):
                with self.at("key", "new", *M1) as terminal:
                    for _ in range(typed):
                        terminal.expect(": ")
                        terminal.type(PHRASE + "\n")
                    terminal.expect(": ")
                    self.assertFalse(terminal.has_echo())
                    if key is not None:
                        terminal.type(key)
                    else:
                        terminal.process.send_signal(number)
                    code, said = terminal.end()
                    self.assertEqual(code, -number, said)
                    self.assertTrue(terminal.has_echo())
                    self.assertNotIn("error", said)
        self.assertEqual(tree(self.dir), before)

    def test_a_signal_that_does_not_end_the_program_ends_the_asking(self):
        with self.at("key", "new", *M1, restore_signals=False,
                     program=self.ignoring(signal.SIGHUP)) as terminal:
            terminal.expect(": ")
            terminal.process.send_signal(signal.SIGHUP)
            code, said = terminal.end()
            self.assertTrue(terminal.has_echo())
        self.assertEqual(code, KEY, said)
        self.assertIn("a signal came while the passphrase was typed", said)

    def ignoring(self, number):
        """A program that runs xdsgate with a signal ignored, as nohup does."""
        return self.write("ignoring", f"#!/bin/sh\ntrap '' {int(number)}\nexec {CLI} \"$@\"\n", 0o700)

    def test_nobody_can_look_into_a_waiting_process(self):
        user = self.as_nobody()
        with self.at("key", "new", *M1, **user) as terminal:
            terminal.expect(": ")
            terminal.type(PHRASE + "\n")
            terminal.expect("The same again for")
            terminal.expect(": ")
            proc = f"/proc/{terminal.process.pid}"
            with open(f"{proc}/limits", encoding="utf-8") as file:
                self.assertRegex(file.read(), r"Max core file size +0 +0 ")
            for name in ("cmdline", "environ"):
                with open(f"{proc}/{name}", "rb") as file:
                    content = file.read()
                self.assertNotEqual(content, b"")
                self.assertNotIn(PHRASE.encode(), content)
            if "XG_SANITIZED" not in os.environ:  # whose leak check has to look into it
                self.assertEqual(os.stat(f"{proc}/environ").st_uid, 0)
                self.assertEqual(os.stat("/proc/self/environ").st_uid, os.geteuid())
            terminal.type(b"\x03")
            self.assertEqual(terminal.end()[0], -signal.SIGINT)

    def test_private_keys_are_not_shown_unless_it_is_said(self):
        export = ["key", "export", "--mesh", "m1", "--authority", "authority"]
        with self.at(*export) as terminal:
            code, said = terminal.end()
        self.assertEqual(code, USAGE)
        self.assertIn("a private key is not shown on a terminal", said)
        self.assertIn("--out FILE or a pipe; or --terminal", said)
        self.assertNotIn("BEGIN", said)
        with self.at(*export, "--terminal") as terminal:
            code, said = terminal.end()
        self.assertEqual((code, said), (DONE, self.read("authority/meshes/m1/2.pem")))
        with self.at(*export, "--out", "out.pem") as terminal:
            self.assertEqual(terminal.end(), (DONE, ""))
        self.assertEqual(self.read("out.pem"), said)


class Rotation(KeyCase):
    def test_from_publishing_to_the_end(self):
        tokens = {}

        def mint(kid, *args):
            tokens[kid] = self.mint("--name", "web", *args)
            self.assertIn(f'"kid":"{kid}"', base64.urlsafe_b64decode(tokens[kid].split(".")[0] + "==").decode())

        def decide():
            return {kid: self.decide(token) for kid, token in tokens.items()}

        self.assertEqual(self.states(), {"1": "draining", "2": "signing"})
        mint("2")
        answer = self.good("key", "rotate", *M1, "--plain")
        self.assertIn("key 3 of mesh 'm1': private half in ", answer.out)
        self.assertIn("key 3 is published and signs nothing yet", answer.out)
        self.assertEqual(self.states(), {"1": "draining", "2": "signing", "3": "published"})
        mint("2")  # still
        mint("3", "--kid", "3")  # by name
        self.assertEqual(decide(), {"2": "ok", "3": "ok"})
        answer = self.good("key", "rotate", *M1, "--plain")
        self.assertEqual(answer.out, "key 3 of mesh 'm1' signs from now on\nkey 2 drains: its tokens count until they "
                                     "expire; then 'xdsgate key retire --kid 2'\n")
        self.assertEqual(self.states(), {"1": "draining", "2": "draining", "3": "signing"})
        mint("3")
        self.assertEqual(decide(), {"2": "ok", "3": "ok"})
        retire = ["key", "retire", "--kid", "2", *M1]
        # minted twice with random jtis: two tokens are alive until an hour after NOW
        answer = self.refused(DENIED, ["2 tokens of key '2' are alive", "the last one expires at 2027-01-15T09:00:00Z",
                                       "xdsgate ledger list --authority DIR --kid 2 --live", "--force 2"], *retire, "--now", str(NOW))
        self.refused(DENIED, "2 tokens of key '2' are alive", *retire, "--now", str(NOW), "--dry-run")
        self.refused(DENIED, "2 tokens of key '2' are alive", *retire, "--now", str(NOW + 3599))
        self.assertEqual(decide(), {"2": "ok", "3": "ok"})
        before = tree(self.dir)
        answer = self.good(*retire, "--now", str(NOW + 3600), "--dry-run")
        self.assertEqual(answer.out, "key 2 of mesh 'm1' can be retired\n")
        self.assertEqual(tree(self.dir), before)
        answer = self.good(*retire, "--now", str(NOW + 3600))
        self.assertEqual(answer.out,
                         "key 2 of mesh 'm1' is retired: its tokens are denied, its private half is removed\n")
        self.assertEqual(decide(), {"2": "key_retired", "3": "ok"})
        self.assertEqual(self.states(), {"1": "draining", "2": "retired", "3": "signing"})
        self.assertIn(("mesh/m1", "2", 4), self.ledger_keys())
        self.assertEqual(sorted(os.listdir(self.path("authority/meshes/m1"))), ["1.pem", "3.pem"])
        self.assertEqual(sorted(os.listdir(self.path("store/meshes/m1/keys"))), ["1.pem", "2.retired", "3.pem"])
        # the kid is gone for ever
        self.refused(KEY, "no key '2' of mesh 'm1'", "mint", "dataplane", "--mesh", "m1", "--name", "web", "--kid", "2",
                     "--valid-for", "1h", "--authority", "authority")
        self.refused(KEY, "already has a key '2'", "key", "new", *M1, "--kid", "2", "--plain")
        self.assertIn("key 4 of", self.good("key", "rotate", *M1, "--plain").out)

    def test_one_live_token_is_told_as_one(self):
        self.mint("--name", "web", "--kid", "1")
        self.refused(DENIED, ["1 token of key '1' is alive"], "key", "retire", "--kid", "1", *M1, "--now", str(NOW))

    def test_a_step_that_is_not_next_is_refused(self):
        rotate = ["key", "rotate", *M1, "--plain"]
        self.refused(DENIED, ["no key is published, so none can begin to sign", "--step publish"], *rotate, "--step",
                     "sign")
        self.good(*rotate, "--step", "publish")
        self.refused(DENIED, ["key '3' is published already", "--step sign"], *rotate, "--step", "publish")
        self.refused(DENIED, ["the next step is to let key '3' sign, and --kid names another", "leave --kid out"],
                     *rotate, "--kid", "4")
        self.good(*rotate, "--step", "sign", "--kid", "3")
        self.refused(DENIED, "no key is published", *rotate, "--step", "sign")
        for text in ("", "drain", "Sign", "retire"):
            self.refused(USAGE, ["invalid --step value", "steps: publish, sign", "xdsgate key retire"], *rotate,
                         f"--step={text}")

    def test_flags_must_be_there_and_fit_together(self):
        for verb, more in (("rotate", []), ("retire", ["--kid", "1"])):
            which = "exactly one of --mesh, --for-zone and --any-mesh"
            self.refused(USAGE, which, "key", verb, *PLACES, *more)
            self.refused(USAGE, which, "key", verb, *M1, *more, "--any-mesh")
            self.refused(USAGE, "--store is required", "key", verb, "--mesh", "m1", "--authority", "authority", *more)
            self.refused(USAGE, "--authority is required", "key", verb, "--mesh", "m1", "--store", "store", *more)
            self.refused(USAGE, "cannot be a mesh name", "key", verb, "--mesh", "../m1", *PLACES, *more)
        self.refused(USAGE, "--kid is required", "key", "retire", *M1)
        self.refused(USAGE, "cannot be a kid", "key", "retire", *M1, "--kid", "../1")
        self.refused(USAGE, ["leading zeros", "write 1\n"], "key", "retire", *M1, "--kid", "01")
        self.refused(USAGE, ["leading zeros", "write 7\n"], "key", "rotate", *M1, "--kid", "007", "--plain")
        self.refused(USAGE, "cannot be a kid", "key", "rotate", *M1, "--kid", "a b", "--plain")
        self.refused(USAGE, "--bits must be 2048, 3072 or 4096", "key", "rotate", *M1, "--bits", "1024", "--plain")

    def test_dry_run_changes_nothing(self):
        rotate = ["key", "rotate", *M1, "--plain"]
        for said in ("next step: publish\n", "next step: sign with key 3\n"):
            before = tree(self.dir)
            self.assertEqual(self.good(*rotate, "--dry-run").out, said)
            self.assertEqual(tree(self.dir), before)
            self.good(*rotate)

    def test_a_set_without_keys_has_nothing_to_rotate(self):
        self.refused(KEY, ["no key of mesh 'm7'", "xdsgate key new --mesh"], "key", "rotate", "--mesh", "m7", *PLACES,
                     "--plain")
        self.refused(KEY, ["no key of every mesh", "xdsgate key new --any-mesh"], "key", "rotate", "--any-mesh",
                     *PLACES, "--plain")
        self.refused(KEY, "no key of mesh 'm1'", "key", "rotate", "--mesh", "m1", "--authority", "nowhere", "--store",
                     "store", "--plain")

    def test_a_key_signs_only_with_both_halves_in_place(self):
        rotate = ["key", "rotate", *M1, "--plain"]
        self.good(*rotate)
        os.rename(self.path("store/meshes/m1/keys/3.pem"), self.path("moved"))
        self.refused(KEY, ["the store has no public half of key '3'", "no control plane could verify",
                           "xdsgate key public"], *rotate)
        os.rename(self.path("moved"), self.path("store/meshes/m1/keys/3.pem"))
        os.rename(self.path("authority/meshes/m1/3.pem"), self.path("moved"))
        self.refused(KEY, ["the authority has no private half of key '3'", "it could sign nothing",
                           "restore it from a backup"], *rotate)
        os.rename(self.path("moved"), self.path("authority/meshes/m1/3.pem"))
        self.good(*rotate)

    def test_the_oldest_published_key_signs_next(self):
        for kid in ("zeta", "alpha"):
            self.good("key", "new", *M1, "--kid", kid, "--plain")
            with sqlite3.connect(self.path("authority/ledger.db")) as database:
                database.execute("UPDATE signing_key SET since = since - 10 WHERE kid = 'zeta'")
            database.close()
        self.assertIn("key zeta of mesh 'm1' signs", self.good("key", "rotate", *M1).out)
        self.assertIn("key alpha of mesh 'm1' signs", self.good("key", "rotate", *M1).out)
        self.assertEqual(self.states(), {"1": "draining", "2": "draining", "alpha": "signing", "zeta": "draining"})

    def test_keys_older_than_the_ledger_are_adopted(self):
        os.remove(self.path("authority/ledger.db"))
        self.assertEqual(self.states(), {"1": "active", "2": "active"})
        self.good("key", "rotate", *M1, "--plain")
        self.assertEqual(self.states(), {"1": "active", "2": "signing", "3": "published"})
        self.good("key", "rotate", *M1, "--plain")
        self.assertEqual(self.states(), {"1": "active", "2": "draining", "3": "signing"})
        self.refused(DENIED, ["nobody knows which tokens of key '1' are alive", "older than the authority's ledger",
                              "--force 1"], "key", "retire", *M1, "--kid", "1")
        self.good("key", "retire", *M1, "--kid", "1", "--force", "1")
        self.assertEqual(self.states(), {"1": "retired", "2": "draining", "3": "signing"})

    def test_a_kid_that_the_ledger_knows_is_never_given_again(self):
        self.good("key", "rotate", *M1, "--plain")
        os.remove(self.path("authority/meshes/m1/3.pem"))
        os.remove(self.path("store/meshes/m1/keys/3.pem"))
        self.refused(KEY, ["kid '3' of mesh/m1 already names another key", "never used again"], "key", "new", *M1,
                     "--kid", "3", "--plain")
        self.assertIn("key 4 of", self.good("key", "new", *M1, "--plain").out)

    def race(self, num, *args):
        """So many runs at once; their exit codes."""
        runs = [subprocess.Popen([CLI, *args], cwd=self.dir, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
                for _ in range(num)]
        said = [run.communicate(timeout=120)[1] for run in runs]
        return [run.returncode for run in runs], said

    def test_two_at_once_never_give_two_keys_that_sign(self):
        for _ in range(3):
            for step in ("publish", "sign"):
                codes, said = self.race(4, "key", "rotate", *M1, "--plain", "--step", step)
                self.assertIn(DONE, codes, said)
                self.assertLessEqual(set(codes), {DONE, DENIED, KEY}, said)
                signing = [row for row in self.ledger_keys() if row[0] == "mesh/m1" and row[2] == 2]
                self.assertEqual(len(signing), 1)
                self.assertEqual(self.decide(self.mint("--name", "web")), "ok")

    def test_the_first_key_made_by_many_at_once_is_in_the_ledger(self):
        for place in ("a", "b", "c"):
            where = ["--authority", place, "--store", place + "-store"]
            codes, said = self.race(4, "key", "new", "--mesh", "m1", "--kid", "1", *where, "--plain")
            self.assertEqual(sorted(codes), [DONE, KEY, KEY, KEY], said)
            with sqlite3.connect(self.path(place, "ledger.db")) as database:
                rows = database.execute("SELECT kid, state FROM signing_key").fetchall()
            database.close()
            self.assertEqual(rows, [("1", 2)])

    def test_encrypted_rotation(self):
        self.good("key", "rotate", "--for-zone", *PLACES, *self.phrase())
        self.assertEqual(sorted(os.listdir(self.path("authority/zone"))), ["1.pem", "2.pem.age"])
        self.good("key", "rotate", "--for-zone", *PLACES)  # nothing is opened to let it sign
        token = self.good("mint", "zone", "--zone", "east", "--valid-for", "1h", "--authority", "authority",
                          *self.phrase()).out
        self.assertIn('"kid":"2"', base64.urlsafe_b64decode(token.split(".")[0] + "==").decode())
        self.good("key", "retire", "--for-zone", *PLACES, "--kid", "2", "--force", "2")
        self.assertEqual(sorted(os.listdir(self.path("authority/zone"))), ["1.pem"])

    def test_full_disk_leaves_a_rotation_where_it_was(self):
        def small_files():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))

        rotate = ["key", "rotate", *M1, "--plain"]
        self.refused(IO, "cannot write the states of the keys into the ledger", *rotate, preexec_fn=small_files)
        self.good(*rotate)
        self.refused(IO, "cannot write the states of the keys into the ledger", *rotate, preexec_fn=small_files)
        self.assertEqual(self.states(), {"1": "draining", "2": "signing", "3": "published"})
        self.refused(IO, "cannot write the key", "key", "new", "--mesh", "m7", "--authority", "fresh", "--store",
                     "fresh-store", "--plain", preexec_fn=lambda: (small_files(), resource.setrlimit(
                         resource.RLIMIT_FSIZE, (100, 100))))
        self.refused(IO, "cannot ", "key", "new", "--mesh", "m7", "--authority", "fresh", "--store", "fresh-store",
                     "--plain", preexec_fn=small_files)

    def test_unwritable_ledger_leaves_a_rotation_where_it_was(self):
        user = self.as_nobody()
        os.chmod(self.path("authority"), 0o500)
        self.refused(IO, "cannot ", "key", "rotate", *M1, "--plain", **user)
        os.chmod(self.path("authority"), 0o700)
        self.assertEqual(self.run_cli("key", "rotate", *M1, "--plain", **user).code, DONE)


class Retiring(KeyCase):
    RETIRE = ["key", "retire", *M1]

    def test_signing_key_is_kept_unless_it_is_named_twice(self):
        retire = [*self.RETIRE, "--kid", "2"]
        self.refused(DENIED, ["key '2' signs", "nothing could be minted", "xdsgate key rotate; or --force 2"], *retire)
        for other in ("1", "", "02", "2 "):
            self.refused(USAGE, ["--force names another key than --kid", "name it in both"], *retire,
                         f"--force={other}")
        self.good(*retire, "--force", "2")
        self.refused(KEY, ["no key of mesh 'm1' signs at present", "xdsgate key rotate"], "mint",
                     "dataplane", "--mesh", "m1", "--name", "web", "--valid-for", "1h", "--authority", "authority")

    def test_live_tokens_are_denied_when_it_is_forced(self):
        token = self.mint("--name", "web", "--kid", "1")
        self.assertEqual(self.decide(token), "ok")
        self.good(*self.RETIRE, "--kid", "1", "--now", str(NOW), "--force", "1")
        self.assertEqual(self.decide(token), "key_retired")

    def test_key_of_no_ledger_is_kept_unless_it_is_forced(self):
        os.remove(self.path("authority/ledger.db"))
        self.refused(DENIED, ["nobody knows which tokens of key '1' are alive", "the authority has no ledger",
                              "--force 1"], *self.RETIRE, "--kid", "1")
        self.good(*self.RETIRE, "--kid", "1", "--force", "1")
        self.assertFalse(os.path.exists(self.path("authority/ledger.db")))

    def test_key_that_is_not_there_is_refused(self):
        self.refused(KEY, ["the store has no key '9' of mesh 'm1'", "where: store/meshes/m1/keys", "xdsgate key list"],
                     *self.RETIRE, "--kid", "9")
        self.refused(KEY, "the store has no key '9'", *self.RETIRE, "--kid", "9", "--force", "9")
        self.refused(KEY, "the store has no key '1' of mesh 'm7'", "key", "retire", "--mesh", "m7", *PLACES, "--kid",
                     "1")

    def test_time_must_be_a_time(self):
        for text in ("", "soon", "1e9", "2027-01-15"):
            self.refused(USAGE, ["--now is not a time", "seconds since 1970"], *self.RETIRE, "--kid", "1",
                         f"--now={text}")

    def test_retired_twice_is_retired(self):
        self.good(*self.RETIRE, "--kid", "1")
        before = tree(self.dir)
        answer = self.good(*self.RETIRE, "--kid", "1")
        self.assertIn("key 1 of mesh 'm1' is retired", answer.out)
        self.assertEqual(tree(self.dir), before)

    def test_a_run_that_was_cut_short_is_finished(self):
        # After the store: the ledger and the private half are as they were.
        os.rename(self.path("store/meshes/m1/keys/1.pem"), self.path("store/meshes/m1/keys/1.retired"))
        self.good(*self.RETIRE, "--kid", "1")
        self.assertIn(("mesh/m1", "1", 4), self.ledger_keys())
        self.assertEqual(os.listdir(self.path("authority/meshes/m1")), ["2.pem"])
        # After the ledger: only the private half is there yet.
        os.rename(self.path("authority/meshes/m1/2.pem"), self.path("authority/meshes/m1/1.pem"))
        self.good(*self.RETIRE, "--kid", "1")
        self.assertEqual(os.listdir(self.path("authority/meshes/m1")), [])
        # Without a ledger too.
        os.remove(self.path("authority/ledger.db"))
        self.write("authority/meshes/m1/1.pem", "x")
        self.good(*self.RETIRE, "--kid", "1")
        self.assertEqual(os.listdir(self.path("authority/meshes/m1")), [])

    def test_no_private_half_stays(self):
        self.write("authority/meshes/m1/1.pem.age", "x")
        self.good(*self.RETIRE, "--kid", "1")
        self.assertEqual(os.listdir(self.path("authority/meshes/m1")), ["2.pem"])

    def test_another_key_under_the_kid_is_refused(self):
        self.write("store/meshes/m1/keys/1.pem", self.read("store/meshes/m2/keys/1.pem"), 0o644)
        self.refused(KEY, ["key '1' of the store is another one than the ledger's", "where: store/meshes/m1/keys",
                           "xdsgate key public"], *self.RETIRE, "--kid", "1")
        self.refused(KEY, "is another one than the ledger's", *self.RETIRE, "--kid", "1", "--force", "1")
        self.write("store/meshes/m1/keys/1.pem", "no key\n", 0o644)
        self.refused(KEY, ["the public key cannot be read", "key_file"], *self.RETIRE, "--kid", "1")

    def test_damaged_ledger_retires_nothing(self):
        for i in range(40):
            self.mint("--name", f"web-{i}", "--kid", "1")
        path = self.path("authority/ledger.db")
        with open(path, "rb") as file:
            content = bytearray(file.read())
        with sqlite3.connect(path) as database:
            page = database.execute("SELECT rootpage FROM sqlite_master WHERE name LIKE '%mint%' AND type = 'index'"
                                    ).fetchall()[0][0]
            size = database.execute("PRAGMA page_size").fetchone()[0]
        database.close()
        content[(page - 1) * size + 200:page * size] = b"\xff" * (size - 200)
        self.write("authority/ledger.db", bytes(content))
        self.refused(IO, ["the ledger is damaged"], *self.RETIRE, "--kid", "1", "--now", str(NOW + 7200))
        self.write("authority/ledger.db", "")
        self.refused(IO, "the ledger is empty", *self.RETIRE, "--kid", "1")
        self.write("authority/ledger.db", "no ledger\n" * 1000)
        self.refused(IO, "this is not a ledger", *self.RETIRE, "--kid", "1")

    def test_places_that_others_can_enter_are_refused(self):
        os.chmod(self.path("authority"), 0o755)
        self.refused(KEY, "open to group or others (mode 755)", *self.RETIRE, "--kid", "1")

    def test_unwritable_places_are_refused(self):
        user = self.as_nobody()
        for name in ("store/meshes/m1/keys", "authority/meshes/m1"):
            os.chmod(self.path(name), 0o500)
        self.refused(IO, ["cannot retire the key in the store: Permission denied", "where: store"], *self.RETIRE,
                     "--kid", "1", **user)
        os.chmod(self.path("store/meshes/m1/keys"), 0o700)
        answer = self.run_cli(*self.RETIRE, "--kid", "1", **user)
        self.assertEqual((answer.code, answer.out), (IO, ""))
        self.assertIn("cannot remove the private half: Permission denied", answer.err)
        os.chmod(self.path("authority/meshes/m1"), 0o700)
        self.assertEqual(self.run_cli(*self.RETIRE, "--kid", "1", **user).code, DONE)
        self.assertEqual(os.listdir(self.path("authority/meshes/m1")), ["2.pem"])


class Import(KeyCase):
    def setUp(self):
        super().setUp()
        # A key from elsewhere.
        self.pem = self.read("authority/meshes/m2/1.pem").encode()
        self.public = self.read("store/meshes/m2/keys/1.pem")
        shutil.rmtree(self.path("store/meshes/m2"))

    def take(self, name, content, *args, bits=0o600, **options):
        """Takes it in under the next kid, alone: the one before goes from the store, where a key stands once."""
        for old in glob.glob(self.path("store/meshes/m9/keys/*")):
            os.remove(old)
        self.write(name, content, bits)
        return self.good("key", "import", "--mesh", "m9", "--key", name, *PLACES, *args, **options)

    def check(self, kid):
        self.assertEqual(self.read(f"authority/meshes/m9/{kid}.pem").encode(), self.pem)
        self.assertEqual(self.read(f"store/meshes/m9/keys/{kid}.pem"), self.public)

    def test_private_key_in_each_form(self):
        pkcs8 = openssl("pkcs8", "-topk8", "-nocrypt", stdin=self.pem)
        self.assertIn(b"-----BEGIN PRIVATE KEY-----", pkcs8)
        wrapped = base64.encodebytes(self.pem)
        answer = self.take("key", self.pem, "--plain")
        self.assertIn("key 1 of mesh 'm9': private half in authority/meshes/m9/1.pem, ", answer.out)
        self.assertIn("key 1 signs from now on", answer.out)
        self.check("1")
        for kid, content in (("2", pkcs8), ("3", base64.b64encode(self.pem)), ("4", wrapped),
                             ("5", base64.b64encode(self.pem) + b"\n"), ("6", base64.b64encode(pkcs8))):
            answer = self.take("key", content, "--plain")
            self.assertIn(f"key {kid} is published and signs nothing yet", answer.out)
            self.check(kid)
        os.remove(self.path("store/meshes/m9/keys/6.pem"))
        self.good("key", "import", "--mesh", "m9", "--signing-key-path", "-", *PLACES, "--plain", "--kid", "blue",
                  stdin=self.pem)
        self.check("blue")

    def test_it_is_encrypted_unless_it_is_said(self):
        self.take("key", self.pem, *self.phrase())
        self.assertEqual(os.listdir(self.path("authority/meshes/m9")), ["1.pem.age"])
        self.good("key", "export", "--mesh", "m9", "--authority", "authority", "--out", "out.pem", *self.phrase())
        self.assertEqual(self.read("out.pem").encode(), self.pem)

    def test_file_of_stock_age(self):
        self.write("key", self.pem)
        for kid, flags in (("1", ["-p"]), ("2", ["-p", "-a"])):
            code, said = run_age(PHRASE, *flags, "-o", f"key{kid}.age", "key", cwd=self.dir)
            self.assertEqual(code, 0, said)
            where = ["key", "import", "--mesh", "m9", "--key", f"key{kid}.age", *PLACES]
            self.phrase(OTHER)
            self.refused(KEY, ["the passphrase is wrong", f"key{kid}.age"], *where, "--passphrase-file", "phrase")
            self.good(*where, "--passphrase-fd", "0", stdin=PHRASE.encode())
            self.assertEqual(self.read(f"store/meshes/m9/keys/{kid}.pem"), self.public)
            os.remove(self.path(f"store/meshes/m9/keys/{kid}.pem"))
        self.assertEqual(sorted(os.listdir(self.path("authority/meshes/m9"))), ["1.pem.age", "2.pem.age"])
        with Terminal([CLI, "key", "import", "--mesh", "m9", "--key", "key1.age", *PLACES, "--plain"],
                      cwd=self.dir) as terminal:
            terminal.expect("Passphrase for the key to import: ")
            terminal.type(PHRASE + "\n")
            self.assertEqual(terminal.end()[0], DONE)
        self.check("3")
        os.remove(self.path("store/meshes/m9/keys/3.pem"))
        with Terminal([CLI, "key", "import", "--mesh", "m9", "--key", "key1.age", *PLACES], cwd=self.dir) as terminal:
            terminal.expect("New passphrase for the key of mesh 'm9': ")
            terminal.type(OTHER + "\n")
            terminal.expect("The same again for the key of mesh 'm9': ")
            terminal.type(OTHER + "\n")
            terminal.expect("Passphrase for the key to import: ")
            terminal.type(PHRASE + "\n")
            self.assertEqual(terminal.end()[0], DONE)
        self.good("key", "export", "--mesh", "m9", "--kid", "4", "--authority", "authority", "--out", "out.pem",
                  *self.phrase(OTHER))
        self.assertEqual(self.read("out.pem").encode(), self.pem)

    def test_public_key_is_the_half_in_the_store(self):
        spki = openssl("rsa", "-RSAPublicKey_in", "-pubout", stdin=self.public.encode())
        self.assertIn(b"-----BEGIN PUBLIC KEY-----", spki)
        for content in (self.public, spki, base64.b64encode(spki), base64.b64encode(self.public.encode())):
            answer = self.take("key", content, bits=0o644)  # no passphrase, and others may read it
            self.assertEqual(answer.out, "key 1 of mesh 'm9': public half in store/meshes/m9/keys/1.pem\n")
            self.assertEqual(self.read("store/meshes/m9/keys/1.pem"), self.public)
        self.assertEqual(os.listdir(self.path("authority/meshes/m9")), [])
        self.assertEqual([row for row in self.ledger_keys() if row[0] == "mesh/m9"], [])
        token = self.good("mint", "dataplane", "--mesh", "m9", "--name", "web", "--valid-for", "1h", "--now", str(NOW),
                          "--key", "authority/meshes/m2/1.pem", "--kid", "1").out
        self.assertEqual(self.decide(token, "m9"), "ok")
        self.refused(KEY, "no key of mesh 'm9'", "mint", "dataplane", "--mesh", "m9", "--name", "web", "--valid-for",
                     "1h", "--authority", "authority")

    def test_what_is_no_rsa_private_key_of_its_size_is_refused(self):
        ec = openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout")
        small = openssl("genrsa", "-traditional", "1024")
        locked = openssl("rsa", "-aes128", "-traditional", "-passout", "pass:12345678", stdin=self.pem)
        cut = self.pem[:-100]
        for content, text in (
                (ec, "not exactly one unencrypted RSA private key"),
                (openssl("pkcs8", "-topk8", "-nocrypt", stdin=ec), "the signing key cannot be used"),
                (small, "key_size"), (self.pem + self.pem, "not exactly one unencrypted RSA private key"),
                (locked, "not exactly one unencrypted RSA private key"),
                (cut, "not exactly one unencrypted RSA private key"), (b"", "the key cannot be used"),
                (b"garbage\n", "the key cannot be used"), (self.public.encode() * 2, "the key cannot be used"),
                (base64.b64encode(b"garbage"), "the key cannot be used"),
                (base64.b64encode(ec), "not exactly one unencrypted RSA private key"),
                (b"-----BEGIN AGE ENCRYPTED FILE-----\n", "the encrypted key file is damaged")):
            self.write("key", content)
            how = ["--plain"] if b"AGE" not in content else ["--passphrase-file", "phrase"]
            self.phrase()
            self.refused(KEY, [text, "where: key"], "key", "import", "--mesh", "m9", "--key", "key", *PLACES, *how)
        self.write("key", b"x" * 70000)
        self.refused(IO, "File too large", "key", "import", "--mesh", "m9", "--key", "key", *PLACES, "--plain")

    def test_private_key_that_others_can_read_is_refused(self):
        pkcs8 = openssl("pkcs8", "-topk8", "-nocrypt", stdin=self.pem)
        for content in (self.pem, pkcs8, base64.b64encode(self.pem), base64.encodebytes(pkcs8)):
            for bits in (0o644, 0o640, 0o602):
                self.write("key", content, bits)
                self.refused(KEY, f"the private key is open to group or others (mode {bits:03o})", "key", "import",
                             "--mesh", "m9", "--key", "key", *PLACES, "--plain")

    def test_existing_kid_and_missing_file_are_refused(self):
        self.write("key", self.pem)
        self.refused(KEY, ["already has a key '1'", "nothing was changed"], "key", "import", *M1, "--kid", "1", "--key",
                     "key", "--plain")
        self.refused(USAGE, "leading zeros", "key", "import", *M1, "--kid", "007", "--key", "key", "--plain")
        self.refused(USAGE, "--key is required", "key", "import", *M1, "--plain")
        self.refused(KEY, "cannot read the key: No such file", "key", "import", *M1, "--key", "absent", "--plain")
        os.symlink("key", self.path("link"))
        self.refused(IO, "symbolic links are not followed", "key", "import", *M1, "--key", "link", "--plain")
        self.refused(USAGE, "--plain and a passphrase", "key", "import", *M1, "--key", "key", "--plain", *self.phrase())

    def test_key_that_the_store_has_is_refused(self):
        args = ["--kid", "77", "--plain", *PLACES]
        self.good("key", "new", "--any-mesh", *PLACES, "--plain", "--kid", "shared")
        for source, said in (("meshes/m1/1.pem", "key '1' of mesh m1"), ("zone/1.pem", "key '1' of the zone"),
                             ("any-mesh/shared.pem", "key 'shared' of every mesh")):
            public = self.good("key", "public", "--key", f"authority/{source}").out
            self.write("public", public, 0o644)
            for name in (f"authority/{source}", "public"):
                for where in (["--mesh", "m1"], ["--mesh", "m9"], ["--for-zone"], ["--any-mesh"]):
                    self.refused(KEY, ["the store has this key already", f"where: {said}\n",
                                       "makes xdsgate.so refuse the set", "keys of its own"],
                                 "key", "import", *where, "--key", name, *args)

    def test_first_key_of_a_store_may_be_an_imported_one(self):
        self.write("key", self.pem)
        for where in (["--for-zone"], ["--mesh", "m1"], ["--any-mesh"]):
            self.good("key", "import", *where, "--key", "key", "--authority", "a", "--store", "s", "--plain")
            self.assertIn("signing", self.good("key", "list", "--store", "s", "--authority", "a").out)
            shutil.rmtree(self.path("a"))
            shutil.rmtree(self.path("s"))

    def test_retired_key_does_not_come_back_under_another_meaning(self):
        self.write("key", self.pem)
        self.good("key", "retire", *M1, "--kid", "1")
        os.remove(self.path("store/meshes/m1/keys/1.retired"))
        self.refused(KEY, "kid '1' of mesh/m1 already names another key", "key", "import", *M1, "--kid", "1", "--key",
                     "key", "--plain")


class Export(KeyCase):
    EXPORT = ["key", "export", "--mesh", "m1", "--authority", "authority"]

    def export(self, *args, **options):
        """What a pipe gets. Private keys on stdout are what is asked for here."""
        return subprocess.run([CLI, *self.EXPORT, *args], cwd=self.dir, capture_output=True, check=False, timeout=120,
                              **options)

    def test_pem_is_the_key_as_it_was_taken_in(self):
        for kid in ("1", "2"):
            done = self.export("--kid", kid)
            self.assertEqual((done.returncode, done.stderr), (DONE, b""))
            self.assertEqual(done.stdout.decode(), self.read(f"authority/meshes/m1/{kid}.pem"))
        self.assertEqual(self.export().stdout.decode(), self.read("authority/meshes/m1/2.pem"))  # the one that signs
        self.assertEqual(self.export("--format", "pem").stdout.decode(), self.read("authority/meshes/m1/2.pem"))

    def test_base64_is_that_of_kumactl(self):
        done = self.export("--format", "pem-base64")
        self.assertEqual(done.stdout, base64.b64encode(self.read("authority/meshes/m1/2.pem").encode()))

    def test_file_is_new_and_closed_to_others(self):
        for umask in (0o000, 0o077):
            self.good(*self.EXPORT, "--out", "out.pem", umask=umask)
            self.assertEqual(mode(self.path("out.pem")), 0o600)
            self.assertEqual(self.read("out.pem"), self.read("authority/meshes/m1/2.pem"))
            self.refused(IO, ["cannot make the file: File exists", "where: out.pem"], *self.EXPORT, "--out", "out.pem")
            os.remove(self.path("out.pem"))
        os.symlink("elsewhere", self.path("out.pem"))
        self.refused(IO, "cannot make the file: File exists", *self.EXPORT, "--out", "out.pem")
        self.refused(IO, "cannot make the file: No such file", *self.EXPORT, "--out", "no/such/place")
        self.refused(IO, "cannot make the file", *self.EXPORT, "--out", "authority")

    def test_full_disk_leaves_no_file(self):
        def small_files():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

        self.refused(IO, ["cannot write the key: File too large", "where: out.pem"], *self.EXPORT, "--out", "out.pem",
                     preexec_fn=small_files)
        with open("/dev/full", "wb") as full:
            done = subprocess.run([CLI, *self.EXPORT], cwd=self.dir, stdout=full, stderr=subprocess.PIPE, check=False)
        self.assertEqual(done.returncode, IO)
        self.assertIn(b"cannot write the key: No space left", done.stderr)

    def test_key_that_is_not_there_is_refused(self):
        self.refused(KEY, ["no key '9' of mesh 'm1'", "where: authority/meshes/m1"], *self.EXPORT, "--kid", "9")
        self.refused(KEY, ["no key of mesh 'm7'", "xdsgate key new"], "key", "export", "--mesh", "m7", "--authority",
                     "authority")
        self.refused(KEY, "no key '1' of every mesh", "key", "export", "--any-mesh", "--kid", "1", "--authority",
                     "authority")
        self.refused(KEY, "no key of mesh 'm1'", "key", "export", "--mesh", "m1", "--authority", "nowhere")

    def test_flags_must_be_right(self):
        for text in ("", "der", "PEM", "pem-base64 "):
            self.refused(USAGE, ["invalid --format value", "formats: pem, pem-base64"], *self.EXPORT,
                         f"--format={text}")
        self.refused(USAGE, "--authority is required", "key", "export", "--mesh", "m1")
        self.refused(USAGE, "exactly one of --mesh", "key", "export", "--authority", "authority")
        self.refused(USAGE, "leading zeros", *self.EXPORT, "--kid", "007")
        self.refused(USAGE, "cannot be a kid", *self.EXPORT, "--kid", "../2")
        self.write("authority/meshes/m1/2.pem.age", "-----BEGIN AGE ENCRYPTED FILE-----\n")
        self.refused(USAGE, "--passphrase-file and --passphrase-fd exclude each other", *self.EXPORT,
                     *self.phrase(), "--passphrase-fd", "0")


class AnyMesh(KeyCase):
    ANY = ["--any-mesh", *PLACES]

    def mint_for(self, mesh, *args):
        return ["mint", "dataplane", "--mesh", mesh, "--name", "web", "--valid-for", "1h", "--now", str(NOW),
                "--authority", "authority", *args]

    def test_keys_for_every_mesh_serve_those_without_their_own(self):
        self.refused(KEY, "no key of mesh 'm9'", *self.mint_for("m9"))
        self.good("key", "new", *self.ANY, "--plain", "--kid", "shared")
        for mesh in ("m9", "m10"):  # a mesh is known by its directory
            os.makedirs(self.path("store/meshes", mesh, "keys"))
        self.assertEqual(mode(self.path("authority/any-mesh/shared.pem")), 0o600)
        for mesh in ("m9", "m10"):
            token = self.good(*self.mint_for(mesh)).out
            self.assertIn('"kid":"shared"', base64.urlsafe_b64decode(token.split(".")[0] + "==").decode())
            self.assertEqual(self.decide(token, mesh), "ok")
            self.assertEqual(self.decide(self.good(*self.mint_for(mesh, "--kid", "shared")).out, mesh), "ok")
        self.refused(KEY, "no key '9' of every mesh", *self.mint_for("m9", "--kid", "9"))
        os.makedirs(self.path("authority/meshes/m9"), mode=0o700)
        self.assertEqual(self.decide(self.good(*self.mint_for("m9")).out, "m9"), "ok")  # an empty set is none

    def test_a_mesh_with_its_own_keys_signs_with_them(self):
        self.good("key", "new", *self.ANY, "--plain", "--kid", "shared")
        token = self.good(*self.mint_for("m1")).out
        self.assertIn('"kid":"2"', base64.urlsafe_b64decode(token.split(".")[0] + "==").decode())
        self.refused(KEY, "no key 'shared' of mesh 'm1'", *self.mint_for("m1", "--kid", "shared"))
        self.good("key", "retire", *M1, "--kid", "2", "--force", "2")
        self.refused(KEY, "no key of mesh 'm1' signs at present", *self.mint_for("m1"))

    def test_zone_tokens_are_not_signed_with_them(self):
        self.good("key", "new", *self.ANY, "--plain", "--kid", "shared")
        for name in os.listdir(self.path("authority/zone")):
            os.remove(self.path("authority/zone", name))
        self.refused(KEY, "no key of the zone", "mint", "zone", "--zone", "east", "--valid-for", "1h", "--authority",
                     "authority")

    def test_they_rotate_and_retire_like_the_others(self):
        self.good("key", "new", *self.ANY, "--plain")
        os.makedirs(self.path("store/meshes/m9/keys"))
        old = self.good(*self.mint_for("m9")).out
        for _ in range(2):
            self.good("key", "rotate", *self.ANY, "--plain")
        self.assertEqual(self.states("any-mesh"), {"1": "draining", "2": "signing"})
        new = self.good(*self.mint_for("m9")).out
        self.assertIn('"kid":"2"', base64.urlsafe_b64decode(new.split(".")[0] + "==").decode())
        self.assertEqual((self.decide(old, "m9"), self.decide(new, "m9")), ("ok", "ok"))
        retire = ["key", "retire", *self.ANY, "--kid", "1"]
        self.refused(DENIED, "1 token of key '1' is alive", *retire, "--now", str(NOW))
        self.good(*retire, "--now", str(NOW + 3600))
        self.assertEqual((self.decide(old, "m9"), self.decide(new, "m9")), ("key_retired", "ok"))


if __name__ == "__main__":
    main()
