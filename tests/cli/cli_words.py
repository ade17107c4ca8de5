# SPDX-License-Identifier: Apache-2.0
"""What is made from the table of commands: help topics; and when there are
colours."""

import glob
import os
import pty
import re
import subprocess

from cli_support import CLI, USAGE, CliTest, main

HELP = subprocess.run([CLI, "--help"], check=True, capture_output=True, text=True).stdout
COMMANDS = tuple(tuple(line.split()) for line in re.findall(r"(?m)^  ([a-z]\S*(?: [a-z]\S*)?)  +[a-z]", HELP))
SUMMARIES = dict(re.findall(r"(?m)^  ([a-z]\S*(?: [a-z]\S*)?)  +([a-z].*)", HELP))
NOUNS = list(dict.fromkeys(command[0] for command in COMMANDS))
TOPICS = ("exit-codes", "environment", "formatting")


def verbs(noun):
    return [command[1] for command in COMMANDS if command[0] == noun and len(command) == 2]


def flags_of(text):
    """Letter, name, placeholder and help of each flag in a command's help."""
    part = text[text.index("\nflags:\n") + 1:].split("\n\n")[0]
    return re.findall(r"(?m)^  (?:-(.), |    )--([a-z0-9-]+)(?: ([A-Z]\S*))? +(\S.*)$", part)


class Help(CliTest):
    def test_help_of_words_is_the_help_of_the_command(self):
        for command in COMMANDS:
            self.assertEqual(self.good("help", *command).out, self.good(*command, "--help").out)
        for noun in NOUNS:
            if verbs(noun):
                self.assertEqual(self.good("help", noun).out, self.good(noun, "--help").out)
        self.assertEqual(self.good("help").out, HELP)

    def test_every_topic_is_named_in_the_help(self):
        self.assertIn("more of: " + ", ".join(TOPICS) + ".", HELP)
        for topic in TOPICS:
            text = self.good("help", topic).out
            self.assertTrue(text.startswith(topic + ": "), text)
            self.assertLessEqual(max(map(len, text.splitlines())), 120)

    def test_exit_codes_are_those_of_the_source(self):
        header = os.path.join(os.environ["XG_TESTS"], "..", "src", "cli", "cli.h")
        with open(header, encoding="utf-8") as file:
            codes = re.findall(r"XG_EXIT_[A-Z]+ = (\d+)", file.read())
        self.assertEqual(codes, list("0123456"))
        rows = re.findall(r"(?m)^  (\d+) +\S", self.good("help", "exit-codes").out)
        self.assertEqual(rows, codes)
        self.assertEqual(re.findall(r"(\d) [a-z]", HELP[HELP.index("Exit codes:"):]), codes)

    def test_environment_names_every_variable_that_the_source_reads(self):
        source = os.path.join(os.environ["XG_TESTS"], "..", "src")
        read = set()
        for path in glob.glob(os.path.join(source, "**", "*.c"), recursive=True):
            with open(path, encoding="utf-8") as file:
                read |= set(re.findall(r'getenv\("([A-Z_]+)"\)', file.read()))
        rows = re.findall(r"(?m)^  ([A-Z_]+) +\S", self.good("help", "environment").out)
        self.assertEqual(set(rows), read)

    def test_words_that_have_no_help_are_refused(self):
        for words, texts in (
                (["exit-code"], ["unknown help topic 'exit-code'\n", "did you mean 'xdsgate help exit-codes'?"]),
                (["environ"], ["unknown help topic", "did you mean 'xdsgate help environment'?"]),
                (["format"], ["unknown help topic", "did you mean 'xdsgate help formatting'?"]),
                (["kye"], ["unknown command 'kye'\n", "did you mean 'xdsgate key'?"]),
                (["frobnicate"], ["unknown command 'frobnicate'\n", "see 'xdsgate --help'"]),
                ([""], ["unknown command ''\n", "see 'xdsgate --help'"]),
                (["key", "neww"], ["unknown command 'key neww'\n", "did you mean 'xdsgate key new'?"]),
                (["key", "frobnicate"], ["unknown command 'key frobnicate'\n", "see 'xdsgate key --help'"]),
                (["kye", "new"], ["unknown command 'kye'\n"]),
                (["exit-codes", "key"], ["unknown command 'exit-codes'\n"]),
                (["key", "new", "x"], ["'xdsgate help' takes one command or one topic\n", "see 'xdsgate --help'"]),
                (["try", "x"], ["'xdsgate help' takes one command or one topic\n"])):
            self.refused(USAGE, texts, "help", *words)


class Colour(CliTest):
    def on_terminal(self, *args, **variables):
        """Output and errors of a run with both on a terminal, or, with is_piped, errors alone on one."""
        main_fd, terminal = pty.openpty()
        is_piped = variables.pop("is_piped", False)
        env = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "TERM")}
        env.update({"TERM": "xterm", **variables})
        env = {name: value for name, value in env.items() if value is not None}
        done = subprocess.run([CLI, *args], cwd=self.dir, stdin=subprocess.DEVNULL, stderr=terminal,
                              stdout=subprocess.PIPE if is_piped else terminal, env=env, check=False)
        os.close(terminal)
        text = b""
        while True:
            try:
                chunk = os.read(main_fd, 4096)
            except OSError:
                break
            text += chunk
        os.close(main_fd)
        return done.stdout if is_piped else None, text.decode().replace("\r\n", "\n")

    RED = "\x1b[1;31merror: \x1b[0m"

    def test_errors_are_coloured_on_a_terminal(self):
        for args in (["kye"], ["key", "lst"], ["explain", "0x"], ["try", "--frobnicate"]):
            _, text = self.on_terminal(*args)
            self.assertTrue(text.startswith(self.RED), text)
            self.assertIn("\x1b[1m  help: \x1b[0m", text)

    def test_each_switch_turns_colours_off(self):
        plain = "error: unknown command 'kye'\n  help: did you mean 'xdsgate key'?\n"
        for variables in ({"NO_COLOR": "1"}, {"NO_COLOR": "0"}, {"TERM": "dumb"}, {"TERM": None}):
            self.assertEqual(self.on_terminal("kye", **variables)[1], plain)
        for variables in ({"NO_COLOR": ""}, {"TERM": "vt100"}, {"TERM": ""}):
            self.assertTrue(self.on_terminal("kye", **variables)[1].startswith(self.RED))
        for args in (["--no-color", "kye"], ["kye", "--no-color"], ["kye", "new", "--no-color"]):
            self.assertEqual(self.on_terminal(*args)[1], plain)
        for args in (["--no-color", "key", "lst"], ["key", "--no-color", "lst"], ["key", "lst", "--no-color"],
                     ["try", "--frobnicate", "--no-color"], ["try", "--no-color", "--frobnicate"]):
            self.assertTrue(self.on_terminal(*args)[1].startswith("error: "))
        # Behind "--" it is no flag.
        self.assertTrue(self.on_terminal("explain", "--", "--no-color")[1].startswith(self.RED))

    def test_pipes_are_never_coloured(self):
        answer = self.run_cli("kye", env={**os.environ, "TERM": "xterm"})
        self.assertEqual(answer.err, "error: unknown command 'kye'\n  help: did you mean 'xdsgate key'?\n")

    def test_stdout_is_never_coloured(self):
        for args in (["key", "list", "--store", "store"], ["explain"], ["--help"], ["help", "formatting"]):
            _, text = self.on_terminal(*args)
            self.assertNotIn("\x1b", text)
            piped, text = self.on_terminal(*args, is_piped=True)
            self.assertNotIn(b"\x1b", piped)
            self.assertEqual(text, "")

    def test_every_command_takes_no_color(self):
        for command in COMMANDS:
            names = [flag[1] for flag in flags_of(self.good(*command, "--help").out)]
            self.assertIn("no-color", names)
            self.assertEqual(self.good(*command, "--no-color", "--help").out, self.good(*command, "--help").out)
            self.refused(USAGE, "--no-color takes no value", *command, "--no-color=yes")
            self.refused(USAGE, ["unknown flag --no-colo\n", "did you mean --no-color?"], *command, "--no-colo")


class Operands(CliTest):
    def test_secrets_as_operands_are_told_what_is_wanted(self):
        pem = self.read("authority/meshes/m1/1.pem")
        for command, name in ((["ledger", "show"], "JTI"), (["explain"], "CODE")):
            for secret, what in (("eyJsecret", "token"), (pem, "key")):
                answer = self.refused(USAGE, [
                    f"error: {name}: that is a {what}\n", "visible to other users of this machine",
                    f"help: give the {name} itself; a token or a key is given by the name of the file that holds it\n"],
                    *command, secret)
                self.assertNotIn(secret[:9] + secret[9:], answer.err)
        for command in (["inspect"], ["verify"], ["config", "check"], ["revoke", "import"]):
            self.refused(USAGE, ["error: FILE: that is a token, not a file\n",
                                 "help: give the name of a file that holds it"], *command, "eyJsecret")
        for flag in ("store", "authority"):
            self.refused(USAGE, [f"--{flag}: that is a token, not a directory\n", "help: give the path of a directory"],
                         "doctor", f"--{flag}=eyJsecret")

    def test_secrets_in_the_place_of_any_word_are_never_repeated(self):
        pem = self.read("authority/meshes/m1/1.pem")
        for secret, what in (("eyJhbGciOiJSUzI1NiJ9.e30.AA", "token"), (pem, "key")):
            lines = [[secret], ["key", secret], ["help", secret], ["help", "key", secret], ["--no-color", secret],
                     ["generate", secret]]
            for command in lines + [[*command, secret] for command in COMMANDS]:
                answer = self.run_cli(*command)
                self.assertEqual(answer.code, USAGE)
                self.assertRegex(answer.err, rf"that is a {what}|never from arguments")
                for part in (secret[:12], secret[-12:].strip(), secret[40:52] or "AA"):
                    self.assertNotIn(part, answer.err)
            self.refused(USAGE, [f"error: COMMAND: that is a {what}\n", "help: give the COMMAND itself;"], secret)
            self.refused(USAGE, [f"error: COMMAND: that is a {what}\n"], "key", secret)
        self.refused(USAGE, ["error: argument: that is a key, not a file\n", "help: give the name of a file"], "mint",
                     "zone", pem)

    def test_there_is_room_for_as_many_words_as_help_says(self):
        self.refused(USAGE, ["more than one CODE\n", "see 'xdsgate explain --help'"], "explain", "501", "502")


if __name__ == "__main__":
    main()
