# SPDX-License-Identifier: Apache-2.0
"""What is made from the table of commands: help topics, completion for three shells, man pages; and when there are
colours."""

import glob
import os
import pty
import re
import select
import shutil
import subprocess
import time

from cli_support import CLI, CONFIG, DENIED, DONE, IO, PLUGIN, USAGE, CliTest, main

HELP = subprocess.run([CLI, "--help"], check=True, capture_output=True, text=True).stdout
COMMANDS = tuple(tuple(line.split()) for line in re.findall(r"(?m)^  ([a-z]\S*(?: [a-z]\S*)?)  +[a-z]", HELP))
SUMMARIES = dict(re.findall(r"(?m)^  ([a-z]\S*(?: [a-z]\S*)?)  +([a-z].*)", HELP))
NOUNS = list(dict.fromkeys(command[0] for command in COMMANDS))
TOPICS = ("exit-codes", "environment", "formatting")
SHELLS = ("bash", "zsh", "fish")
# Other spellings of flags, which help does not list.
ALIASES = {"signing-key-path", "proxy-type", "type", "values"}


def verbs(noun):
    return [command[1] for command in COMMANDS if command[0] == noun and len(command) == 2]


def flags_of(text):
    """Letter, name, placeholder and help of each flag in a command's help."""
    part = text[text.index("\nflags:\n") + 1:].split("\n\n")[0]
    return re.findall(r"(?m)^  (?:-(.), |    )--([a-z0-9-]+)(?: ([A-Z]\S*))? +(\S.*)$", part)


class Words(CliTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.scripts = {}
        for shell in SHELLS:
            done = subprocess.run([CLI, "completion", shell], check=True, capture_output=True)
            cls.scripts[shell] = done.stdout

    def setUp(self):
        super().setUp()
        # The shells find the program by its name.
        os.mkdir(self.path("bin"))
        os.symlink(CLI, self.path("bin", "xdsgate"))
        self.env = {"PATH": self.path("bin") + os.pathsep + os.environ["PATH"], "HOME": self.dir, "TERM": "dumb",
                    "LC_ALL": "C.UTF-8"}
        for name in os.environ:
            if name.endswith("SAN_OPTIONS"):
                self.env[name] = os.environ[name]
        for shell, script in self.scripts.items():
            self.write("_xdsgate" if shell == "zsh" else "xdsgate." + shell, script, 0o644)


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
        for command, name in ((["ledger", "show"], "JTI"), (["explain"], "CODE"), (["completion"], "SHELL"),
                              (["man"], "NOUN")):
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
            lines = [[secret], ["key", secret], ["help", secret], ["help", "key", secret], ["man", "key", secret],
                     ["--no-color", secret], ["generate", secret]]
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
        self.refused(USAGE, ["more than one SHELL\n"], "completion", "bash", "zsh")
        self.refused(USAGE, ["more than one VERB\n"], "man", "key", "new", "x")
        self.refused(USAGE, "VERB: that is a token\n", "man", "key", "eyJsecret")


class Completion(Words):
    # What is typed, with the unfinished word last, and what may follow: for bash and fish.
    LINES = (
        (["k"], {"key"}),
        (["he"], {"help"}),
        (["key", "ex"], {"export"}),
        (["mint", ""], set(verbs("mint"))),
        (["key", ""], set(verbs("key"))),
        (["generate", "public"], {"public-key"}),
        (["help", "exit"], {"exit-codes"}),
        (["help", "key", "ro"], {"rotate"}),
        (["help", "key", "rotate", ""], set()),
        (["man", "gen"], {"generate"}),
        (["man", "revoke", "ch"], {"check"}),
        (["man", "exit"], set()),
        (["completion", ""], set(SHELLS)),
        (["completion", "f"], {"fish"}),
        (["explain", "binding_n"], {"binding_name", "binding_node"}),
        (["key", "export", "--format", ""], {"pem", "pem-base64"}),
        (["key", "rotate", "--mesh", "m1", "--step", ""], {"publish", "sign"}),
        (["mint", "dataplane", "-o", ""], {"token", "json", "yaml"}),
        (["mint", "dataplane", "--role", "e"], {"egress"}),
        (["try", "--profile", "kuma-2"], {"kuma-2.14", "kuma-2.13", "kuma-2.12"}),
        (["key", "new", "--bits", ""], {"2048", "3072", "4096"}),
        (["mint", "dataplane", "--valid-for", ""], set()),
        (["key", "new", "--dry"], set()),
        (["key", "rotate", "--dry"], {"--dry-run"}),
        (["key", "rotate", "--no-c"], {"--no-color"}),
        (["key", "import", "--signing"], {"--signing-key-path"}),
        (["key", "new", "--for-zone", "--pla"], {"--plain"}),
        (["frobnicate", "x"], set()),
        # Names of what is there.
        (["key", "rotate", "--store", "store", "--mesh", ""], {"m1", "m2"}),
        (["key", "rotate", "--mesh", ""], set()),
        (["key", "rotate", "--store", "nowhere", "--mesh", ""], set()),
        (["key", "rotate", "--authority", "authority", "--mesh", "m"], {"m1", "m2"}),
        (["key", "rotate", "--authority", "authority", "-m", "m1"], {"m1"}),
        (["key", "retire", "--store", "store", "--mesh", "m1", "--kid", ""], {"1", "2"}),
        (["key", "retire", "--store", "store", "--mesh", "m2", "--kid", ""], {"1"}),
        (["key", "retire", "--store", "store", "--kid", ""], set()),
        (["key", "retire", "--store", "store", "--mesh", "m3", "--kid", ""], set()),
        (["key", "retire", "--store", "store", "--mesh", "../meshes/m1", "--kid", ""], set()),
        (["key", "retire", "--store", "store", "--for-zone", "--kid", ""], {"1"}),
        (["key", "retire", "--store", "store", "--any-mesh", "--kid", ""], set()),
        (["mint", "dataplane", "--authority", "authority", "--mesh", "m1", "--kid", ""], {"1", "2"}),
        (["mint", "zone", "--authority", "authority", "--kid", ""], set()),
        (["key", "new", "--store", "store", "--mesh", "m1", "--kid", ""], set()),
        # Files and directories.
        (["inspect", "tok"], {"token file"}),
        (["inspect", "--token-file", "tok"], {"token file"}),
        (["key", "list", "--store", "sto"], {"store"}),
        (["key", "list", "--store", "tok"], set()),
    )

    def bash(self, *words):
        script = ('source ./xdsgate.bash; COMP_WORDS=(xdsgate "$@"); COMP_CWORD=$#; _xdsgate; '
                  '[[ ${#COMPREPLY[@]} == 0 ]] || printf "%s\\n" "${COMPREPLY[@]}"')
        done = subprocess.run(["bash", "--norc", "-c", script, "bash", *words], cwd=self.dir, env=self.env, check=True,
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.stderr.replace("bash: warning", ""), "")
        return done.stdout.splitlines()

    def fish(self, *words):
        """Words and their descriptions."""
        line = "xdsgate " + " ".join(words)
        done = subprocess.run(["fish", "--no-config", "-c", "source ./xdsgate.fish; complete -C $argv[1]", line],
                              cwd=self.dir, env=self.env, check=True, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.stderr, "")
        found = dict((line.split("\t") + [""])[:2] for line in done.stdout.splitlines())
        return {word.rstrip("/"): text for word, text in found.items()}

    def typed(self, shell, start, lines):
        """Types lines (with tabs in them) to an interactive shell, and returns what xdsgate was called with each
        time."""
        log = self.path("log")
        self.write("log", "")
        main_fd, terminal = pty.openpty()
        with subprocess.Popen(shell, cwd=self.dir, env={**self.env, "LOG": log, "PS1": "", "PS2": ""}, stdin=terminal,
                              stdout=terminal, stderr=terminal, start_new_session=True) as process:
            os.close(terminal)
            shown = b""
            calls = []

            def until(is_done):
                nonlocal shown
                end = time.monotonic() + 60
                while not is_done():
                    self.assertLess(time.monotonic(), end, shown.decode(errors="replace"))
                    if select.select([main_fd], [], [], 0.05)[0]:
                        shown += os.read(main_fd, 4096)

            def num_logged():
                return len(self.read("log").splitlines())

            for line in [*start, 'xdsgate() { if [[ $1 == completion-words ]]; then command xdsgate "$@"; '
                                 'else echo "$*" >>"$LOG"; fi; }', "xdsgate ready"]:
                os.write(main_fd, line.encode() + b"\n")
            until(lambda: num_logged() == 1)
            for line in lines:
                before = num_logged()
                os.write(main_fd, line.encode() + b"\n")
                until(lambda: num_logged() == before + 1)  # pylint: disable=cell-var-from-loop
                calls.append(self.read("log").splitlines()[-1])
            os.write(main_fd, b"exit\n")
            process.wait(60)
            os.close(main_fd)
        return calls

    # Each tab completes a word that is the only one; then the line is run.
    TYPED = (
        ("xdsgate ke\texpo\t--format=pem-\t", "key export --format=pem-base64"),
        ("xdsgate key rota\t--step pub\t", "key rotate --step publish"),
        ("xdsgate key rotate --dry\t", "key rotate --dry-run"),
        ("xdsgate mint data\t--role ing\t", "mint dataplane --role ingress"),
        ("xdsgate help form\t", "help formatting"),
        ("xdsgate help key rot\t", "help key rotate"),
        ("xdsgate man key rot\t", "man key rotate"),
        ("xdsgate completion z\t", "completion zsh"),
        ("xdsgate explain binding_na\t", "explain binding_name"),
        ("xdsgate try --profile stri\t", "try --profile strict"),
        ("xdsgate key retire --store store --mesh m2 --kid \t", "key retire --store store --mesh m2 --kid 1"),
        ("xdsgate key retire --store=store --for-zone --kid=\t", "key retire --store=store --for-zone --kid=1"),
        ("xdsgate key retire --store ~/store -m other\t", "key retire --store HOME/store -m other-mesh"),
        ("xdsgate key retire --authority 'an authority' --mesh pay\t",
         "key retire --authority an authority --mesh payments"),
        ("xdsgate inspect tok\t", "inspect token file"),
        ("xdsgate key list --store sto\t", "key list --store store"),
    )

    def typed_lines(self, shell, start):
        os.mkdir(self.path("store/meshes/other-mesh"))
        os.makedirs(self.path("an authority/meshes/payments"))
        self.write("token file", "x")
        self.write("stone", "x")
        called = self.typed(shell, start, [line for line, _ in self.TYPED])
        expected = [said.replace("HOME", self.dir) for _, said in self.TYPED]
        self.assertEqual([call.rstrip(" /") for call in called], expected)

    def test_bash_completes_what_is_typed(self):
        self.typed_lines(["bash", "--norc", "--noprofile", "-i"], ["source ./xdsgate.bash"])

    def test_zsh_completes_what_is_typed(self):
        self.typed_lines(["zsh", "-f", "-i"], ["PS1= PS2=", "fpath=($PWD $fpath)", "autoload -Uz compinit",
                                               "compinit -u -D", "unsetopt beep"])

    def test_bash_and_fish_offer_what_can_follow(self):
        self.write("token file", "x")
        for words, expected in self.LINES:
            with self.subTest(line=" ".join(words)):
                self.assertEqual(set(self.bash(*words)), expected)
                self.assertEqual(set(self.fish(*words)), expected)

    def test_bash_takes_values_behind_an_equals_sign(self):
        for words, expected in (
                (["key", "export", "--format", "="], {"pem", "pem-base64"}),
                (["key", "export", "--format", "=", "pem-"], {"pem-base64"}),
                (["key", "retire", "--store", "=", "store", "--mesh", "=", "m2", "--kid", "="], {"1"}),
                (["key", "retire", "--store", "=", "nowhere", "--mesh", "=", "m2", "--kid", "="], set())):
            self.assertEqual(set(self.bash(*words)), expected)
        self.assertEqual(set(self.fish("key", "export", "--format=")), {"--format=pem", "--format=pem-base64"})

    def test_all_nouns_are_offered(self):
        self.assertEqual(set(self.bash("")), {*NOUNS, "help", "--help", "--version"})
        self.assertEqual(set(self.fish("")), {*NOUNS, "help"})
        self.assertEqual(set(self.fish("--")), {"--help", "--no-color", "--version"})
        self.assertEqual(set(self.bash("help", "")), {*NOUNS, *TOPICS})
        self.assertEqual(set(self.fish("help", "")), {*NOUNS, *TOPICS})
        self.assertEqual(set(self.bash("man", "")), set(NOUNS))
        self.assertEqual(set(self.fish("man", "")), set(NOUNS))

    def test_all_flags_of_every_command_are_offered_with_their_help(self):
        zsh = self.scripts["zsh"].decode()
        for command in COMMANDS:
            flags = flags_of(self.good(*command, "--help").out)
            names = {"--" + name for _, name, _, _ in flags}
            letters = {"-" + letter for letter, *_ in flags if letter}
            offered = self.fish(*command, "--")
            extra = {"--" + name for name in ALIASES} - names
            self.assertEqual(set(offered) - extra, names)
            arguments = zsh[zsh.index(f"    '{' '.join(command)}')\n        _arguments"):]
            arguments = arguments[:arguments.index(";;")]
            for _, name, _, text in flags:
                self.assertEqual(offered["--" + name], text)
                self.assertRegex(arguments, rf"'(\*|\([^)]*\))?--{name}=?\[")
                escaped = re.sub(r"([\\:\[\]])", r"\\\1", text).replace("'", "'\\''")
                self.assertIn("[" + escaped + "]", arguments)
            found = set(self.bash(*command, "-"))
            self.assertEqual(found - extra - {"-h"}, (names | letters) - {"-h"})

    def test_verbs_come_with_what_they_do(self):
        for noun in NOUNS:
            if verbs(noun):
                self.assertEqual(self.fish(noun, ""), {verb: SUMMARIES[f"{noun} {verb}"] for verb in verbs(noun)})
                self.assertEqual(set(self.bash(noun, "")), set(verbs(noun)))

    def test_an_unknown_shell_is_refused(self):
        for word in ("tcsh", "", "Bash", "bash "):
            self.refused(USAGE, [f"unknown shell '{word}'\n", "help: shells: bash, zsh, fish\n"], "completion", word)
        self.refused(USAGE, ["SHELL is missing\n", "see 'xdsgate completion --help'"], "completion")


class FixedWords(Words):
    """The words that completion offers are the ones that the command takes."""

    MINT = ["mint", "dataplane", "--mesh", "m1", "--name", "a", "--valid-for", "1h", "--authority", "authority"]
    ZONE = ["mint", "zone", "--zone", "z", "--valid-for", "1h", "--authority", "authority"]
    MANIFEST = ["mint", "manifest", "-f", "x", "--out", "out", "--valid-for", "1h", "--authority", "authority"]
    SIGN = ["--signing-key-path", "authority/meshes/m1/1.pem", "--kid", "1"]
    KEYS = ["--mesh", "m1", "--authority", "authority", "--store", "store", "--plain"]
    TRY = ["try", "--token-file", "token", "--store", "store", "--mesh", "m1", "--name", "a"]
    # A line that lacks nothing but the flag, the flag, and what the refusal of a wrong word says before the words.
    REFUSALS = (
        (MINT, "output", "formats of this command: "),
        (ZONE, "output", "formats of this command: "),
        (MANIFEST, "output", "formats of this command: "),
        (MANIFEST, "meshes", "forms: "),
        (["key", "list", "--store", "store"], "output", "formats of this command: "),
        (["ledger", "list", "--authority", "authority"], "output", "formats of this command: "),
        (["ledger", "show", "x", "--authority", "authority"], "output", "formats of this command: "),
        (["ledger", "expiring", "--authority", "authority"], "output", "formats of this command: "),
        (["inspect"], "output", "formats of this command: "),
        (["verify", "--store", "store"], "output", "formats of this command: "),
        (TRY, "output", "formats of this command: "),
        (["explain"], "output", "formats of this command: "),
        (["revoke", "add"], "output", "formats of this command: "),
        (["revoke", "remove"], "output", "formats of this command: "),
        (["revoke", "list"], "output", "formats of this command: "),
        (["revoke", "import"], "output", "formats of this command: "),
        (["revoke", "check"], "output", "formats of this command: "),
        (["config", "check"], "output", "formats of this command: "),
        (["doctor"], "output", "formats of this command: "),
        (["key", "export", "--mesh", "m1", "--authority", "authority"], "format", "formats: "),
        (["ledger", "export", "--authority", "authority"], "format", "formats of this command: "),
        (["generate", "signing-key"], "format", "formats: "),
        (["generate", "signing-key"], "log-level", "levels: "),
        (["generate", "public-key", "--signing-key-path", "authority/meshes/m1/1.pem"], "log-level", "levels: "),
        (["generate", "dataplane-token", "--mesh", "m1", "--valid-for", "1h", *SIGN], "log-level", "levels: "),
        (["generate", "zone-token", "--zone", "z", "--valid-for", "1h", *SIGN], "log-level", "levels: "),
        (["key", "rotate", *KEYS], "step", "steps: "),
        (["key", "new", *KEYS], "bits", "--bits must be "),
        (["key", "rotate", *KEYS], "bits", "--bits must be "),
        (MINT, "role", "roles: "),
        (ZONE, "scope", "supported scopes: "),
        (["generate", "zone-token", "--zone", "z", "--valid-for", "1h", *SIGN], "scope", "scopes: "),
        (TRY, "kind", "kinds: "),
        ([*TRY, "--plugin", PLUGIN], "profile", "'profile': expected "),
        (["verify", "token", "--store", "store", "--plugin", PLUGIN], "profile", "'profile': expected "),
    )
    # The refusal names no words: each of them is tried instead.
    TRIED = (
        ("ledger list", "purpose"), ("ledger expiring", "purpose"), ("ledger export", "purpose"),
    )

    def offered(self):
        """The fixed words of each command and flag, as the bash script has them."""
        found = {}
        for labels, words in re.findall(r"(?m)^    ('.*')\) kind='words' words='([^']*)' ;;$",
                                        self.scripts["bash"].decode()):
            for label in re.findall(r"'([^']*) --([^' ]*)'", labels):
                found[label] = words.split()
        return found

    def test_words_are_those_of_the_refusals(self):
        offered = self.offered()
        self.write("token", self.mint("--name", "a"))
        left = set(offered)
        for args, flag, before in self.REFUSALS:
            command = next(name for name in COMMANDS if tuple(args[:len(name)]) == name)
            words = [word for word in offered[(" ".join(command), flag)] if "," not in word]
            with self.subTest(command=command, flag=flag):
                answer = self.run_cli(*args, f"--{flag}", "nonsense")
                self.assertIn(answer.code, (USAGE, CONFIG))
                line = next(line for line in answer.err.splitlines() if before in line and words[0] in line)
                listed = re.split(r";|, found", line[line.index(before) + len(before):])[0]
                self.assertEqual({word.strip('"') for word in re.split(r", | or ", listed)}, set(words), answer.err)
            left.discard((" ".join(command), flag))
        self.assertEqual(left, set(self.TRIED))

    def test_words_that_no_refusal_lists_are_taken(self):
        self.mint("--name", "a")
        offered = self.offered()
        for name, flag in self.TRIED:
            for word in offered[(name, flag)]:
                args = [*name.split(), "--authority", "authority", f"--{flag}", word]
                self.good(*args, *(["--format", "jsonl"] if name == "ledger export" else []))
                self.refused(USAGE, f"unknown --{flag}", *args[:-1], word + "x",
                             *(["--format", "jsonl"] if name == "ledger export" else []))

    def test_lists_of_scopes_are_taken(self):
        for word in self.offered()[("mint zone", "scope")]:
            self.good(*self.ZONE, "--scope", word)

    def test_no_flag_with_fixed_words_is_left_out(self):
        offered = self.offered()
        for command in COMMANDS:
            for _, name, value, _ in flags_of(self.good(*command, "--help").out):
                if value in ("FORMAT", "STEP", "ROLE", "KIND", "LEVEL", "PURPOSE", "FORM"):
                    self.assertIn((" ".join(command), name), offered)


class Names(Words):
    """xdsgate completion-words: what the scripts ask."""

    def names(self, *words, **options):
        answer = self.run_cli("completion-words", *words, **options)
        self.assertEqual(answer.err, "")
        self.assertEqual(answer.code, DONE if answer.out else DENIED)
        return set(answer.out.split())

    def test_names_come_from_the_directories_on_the_line(self):
        line = ["key", "retire", "--store", "store"]
        for words, expected in (
                (["mesh", "", *line], {"m1", "m2"}),
                (["mesh", "m2", *line], {"m2"}),
                (["mesh", "x", *line], set()),
                (["mesh", "", "--store=store"], {"m1", "m2"}),
                (["mesh", "", "--store", "=", "store"], {"m1", "m2"}),
                (["mesh", "", "--store", '"store"'], {"m1", "m2"}),
                (["mesh", "", "--store", "sto\\re"], {"m1", "m2"}),
                (["mesh", "", "--store", "~/store"], {"m1", "m2"}),
                (["mesh", "", "--authority", "authority"], {"m1", "m2"}),
                (["mesh", "", "--stores", "store"], set()),
                (["mesh", "", "store"], set()),
                (["mesh", "", "--store"], set()),
                (["mesh", "", "--store", "x" * 5000], set()),
                (["kid", "", *line, "--mesh", "m1"], {"1", "2"}),
                (["kid", "2", *line, "-m", "m1"], {"2"}),
                (["kid", "", *line, "--mesh=m2"], {"1"}),
                (["kid", "", "--authority", "authority", "--mesh", "m1"], {"1", "2"}),
                (["kid", "", "--authority", "authority", "--for-zone"], {"1"}),
                (["kid", "", *line, "--any-mesh"], set()),
                (["kid", "", *line, "--mesh", ".."], set()),
                (["kid", "", *line, "--mesh", "x" * 300], set()),
                (["kid", "", *line], set()),
                (["frobnicate", "", *line, "--mesh", "m1"], set())):
            with self.subTest(words=words):
                self.assertEqual(self.names(*words, env=self.env), expected)
        for words in ([], ["mesh"]):
            answer = self.run_cli("completion-words", *words)
            self.assertEqual((answer.code, answer.out, answer.err), (USAGE, "", ""))

    def test_key_files_are_listed_and_never_opened(self):
        keys = self.path("authority/meshes/m1")
        os.mkfifo(os.path.join(keys, "3.pem"), 0o600)  # opening it would wait for ever
        self.write("authority/meshes/m1/4.pem.age", "no key at all", 0o000)
        self.write("authority/meshes/m1/.5.pem", "x")
        self.write("authority/meshes/m1/a\x1b[2J.pem", "x")
        self.write("authority/meshes/m1/notes", "x")
        os.makedirs(self.path("authority/meshes/$(touch x)"))
        os.makedirs(self.path("authority/meshes/-m9"))
        self.write("authority/meshes/readme", "x")
        user = self.as_nobody()
        self.assertEqual(self.names("kid", "", "--authority", "authority", "--mesh", "m1", **user),
                         {"1", "2", "3", "4"})
        self.assertEqual(self.names("mesh", "", "--authority", "authority", **user), {"m1", "m2"})
        shutil.move(self.path("store/meshes/m1/keys/1.pem"), self.path("store/meshes/m1/keys/1.retired"))
        self.assertEqual(self.names("kid", "", "--store", "store", "--mesh", "m1", **user), {"2"})

    def test_a_closed_directory_offers_nothing(self):
        user = self.as_nobody()
        if not user and os.geteuid() == 0:
            self.fail("root reads everything")
        os.chmod(self.path("authority"), 0)
        self.assertEqual(self.names("mesh", "", "--authority", "authority", **user), set())
        self.assertEqual(self.names("kid", "", "--authority", "authority", "--mesh", "m1", **user), set())
        os.chmod(self.path("authority"), 0o700)


def shown(page):
    """A page as a terminal shows it, without overstrikes, on long lines."""
    done = subprocess.run(["mandoc", "-T", "ascii", "-O", "width=1000"], input=page, check=True, capture_output=True,
                          text=True)
    return re.sub(r".\x08", "", done.stdout)


def one_line(text):
    return " ".join(text.split())


class Man(CliTest):
    def pages(self):
        self.good("man", "--all", "--out", "man1")
        return {name: self.read(os.path.join("man1", name)) for name in sorted(os.listdir(self.path("man1")))}

    def test_every_command_has_a_page_and_there_is_one_of_all(self):
        pages = self.pages()
        self.assertEqual(set(pages), {"xdsgate.1"} | {"xdsgate-" + "-".join(command) + ".1" for command in COMMANDS})
        for command in COMMANDS:
            page = pages["xdsgate-" + "-".join(command) + ".1"]
            for words in (command, ["-".join(command)], ["xdsgate-" + "-".join(command)]):
                self.assertEqual(self.good("man", *words).out, page)
        self.assertEqual(self.good("man").out, pages["xdsgate.1"])
        self.assertEqual(self.good("man", "xdsgate").out, pages["xdsgate.1"])

    def test_pages_have_no_fault_that_mandoc_knows(self):
        self.pages()
        files = sorted(glob.glob(self.path("man1", "*.1")))
        done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", *files], capture_output=True, text=True,
                              check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (DONE, "", ""))
        # The check does find faults.
        broken = self.write("broken.1", self.read("man1/xdsgate.1") + ".frobnicate\n")
        self.assertNotEqual(subprocess.run(["mandoc", "-T", "lint", "-W", "warning", broken], capture_output=True,
                                           check=False).returncode, DONE)

    def test_a_page_says_what_help_says(self):
        """Whatever is lost in a page, escaped wrongly or taken for a request, is missing here."""
        for command in COMMANDS:
            text = self.good(*command, "--help").out
            page = shown(self.good("man", *command).out)
            flat = one_line(page)
            head, example = text.split("\nexample:\n")
            self.assertIn(one_line(text[text.index("usage: ") + 7:text.index("\n\nflags:")]), flat)
            self.assertIn(f"xdsgate-{'-'.join(command)} - {SUMMARIES[' '.join(command)]}", flat)
            for letter, name, value, words in flags_of(head):
                option = (f"-{letter}, " if letter else "") + "--" + name + (" " + value if value else "")
                self.assertIn(one_line(f"{option} {words}"), flat)
            parts = re.split(r"\n\n", head[head.index("\nflags:\n") + 1:])[1:]
            for part in parts:
                self.assertIn(one_line(part), flat)
            indented = [line.strip() for line in example.splitlines()]
            lines = [line.strip() for line in page.splitlines()]
            self.assertTrue(any(lines[i:i + len(indented)] == indented for i in range(len(lines))), page)
            for section in ("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXAMPLES", "EXIT STATUS", "ENVIRONMENT",
                            "SEE ALSO"):
                self.assertIn(section, lines)
            self.assertEqual("FILES" in lines, "--authority DIR" in head or "--store DIR" in head)
            self.assertIn("xdsgate(1)", flat)
            for verb in verbs(command[0]):
                self.assertEqual(f"xdsgate-{command[0]}-{verb}(1)" in flat, verb != command[-1])

    def test_pages_have_the_tables_of_the_topics(self):
        page = one_line(shown(self.good("man").out))
        for topic in ("exit-codes", "environment"):
            rows = re.findall(r"(?m)^  (\S+) +(\S.*)$", self.good("help", topic).out)
            self.assertGreaterEqual(len(rows), 5)
            for command in COMMANDS:
                text = one_line(shown(self.good("man", *command).out))
                for name, words in rows:
                    self.assertIn(f"{name} {words}", text)
            for name, words in rows:
                self.assertIn(f"{name} {words}", page)
        for command in COMMANDS:
            self.assertIn(f"xdsgate-{'-'.join(command)}(1) {SUMMARIES[' '.join(command)]}", page)

    def test_other_spellings_of_flags_are_in_the_page(self):
        for command, name in (("key import", "signing-key-path"), ("mint dataplane", "proxy-type"),
                              ("generate dataplane-token", "type")):
            self.assertIn(f"Also spelt --{name}.", shown(self.good("man", *command.split()).out))

    def test_equal_programs_write_equal_pages(self):
        first = self.pages()
        env = {**os.environ, "TZ": "Asia/Tokyo", "SOURCE_DATE_EPOCH": "1", "LC_ALL": "C", "COLUMNS": "40"}
        self.good("man", "--all", "--out", "again", env=env)
        again = {name: self.read(os.path.join("again", name)) for name in os.listdir(self.path("again"))}
        self.assertEqual(first, again)

    def test_pages_are_replaced_and_other_files_left_alone(self):
        self.write("man1/xdsgate.1", "old")
        self.write("man1/other.1", "mine")
        pages = self.pages()
        self.assertTrue(pages["xdsgate.1"].startswith(".\\\""))
        self.assertEqual(pages["other.1"], "mine")
        self.assertEqual([name for name in pages if name.startswith(".")], [])
        mode = os.stat(self.path("man1", "xdsgate.1")).st_mode & 0o777
        self.assertEqual(mode & 0o600, 0o600)

    def test_links_are_replaced_and_not_followed(self):
        self.write("victim", "keep")
        os.mkdir(self.path("man1"))
        os.symlink("../victim", self.path("man1", "xdsgate.1"))
        self.pages()
        self.assertEqual(self.read("victim"), "keep")
        self.assertFalse(os.path.islink(self.path("man1", "xdsgate.1")))
        os.symlink("../victim", self.path("man1", ".xdsgate.1.new"))
        self.pages()
        self.assertEqual(self.read("victim"), "keep")
        os.mkdir(self.path("man1", ".xdsgate.1.new"))
        self.refused(IO, ["cannot write the man pages", "where: man1"], "man", "--all", "--out", "man1")

    def test_words_that_have_no_page_are_refused(self):
        for words, texts in (
                (["key"], ["'xdsgate key' needs a verb\n", "see 'xdsgate key --help'"]),
                (["kye"], ["unknown command 'kye'\n", "did you mean 'xdsgate key'?"]),
                (["key", "neww"], ["unknown command 'key neww'\n", "did you mean 'xdsgate key new'?"]),
                (["key", "frobnicate"], ["unknown command 'key frobnicate'\n", "see 'xdsgate key --help'"]),
                (["key-neww"], ["unknown command 'key-neww'\n"]),
                (["try", "x"], ["unknown command 'try x'\n"]),
                (["xdsgate", "key"], ["unknown command 'xdsgate'\n"]),
                ([""], ["unknown command ''\n"]),
                (["exit-codes"], ["unknown command 'exit-codes'\n"])):
            self.refused(USAGE, texts, "man", *words)

    def test_all_and_out_go_together(self):
        self.refused(USAGE, ["--all needs --out DIR\n", "help: name the directory"], "man", "--all")
        self.refused(USAGE, ["--out needs --all\n", "redirect it to a file"], "man", "--out", "man1")
        self.refused(USAGE, ["--out needs --all\n"], "man", "key", "new", "--out", "man1")
        self.refused(USAGE, ["--all and a command exclude each other\n", "help: --all writes the page of every"], "man",
                     "try", "--all", "--out", "man1")
        self.refused(USAGE, "--out needs a value\n", "man", "--all", "--out")

    def test_places_that_cannot_be_written_are_refused(self):
        self.write("file", "x")
        self.refused(IO, ["cannot open the directory: Not a directory\n", "where: file\n", "help: "], "man", "--all",
                     "--out", "file")
        self.refused(IO, ["cannot make the directory: No such file or directory\n", "where: no/man1\n", "help: "],
                     "man", "--all", "--out", "no/man1")
        self.refused(IO, ["cannot make the directory: No such file or directory\n"], "man", "--all", "--out", "")
        os.mkdir(self.path("closed"))
        user = self.as_nobody()
        os.chmod(self.path("closed"), 0o500)
        self.refused(IO, ["cannot write the man pages: Permission denied\n", "where: closed\n", "help: check its"],
                     "man", "--all", "--out", "closed", **user)
        self.refused(IO, ["cannot make the directory: Permission denied\n"], "man", "--all", "--out", "closed/man1",
                     **user)


class Installed(CliTest):
    def test_scripts_and_pages_are_installed_where_they_are_looked_for(self):
        build = os.environ.get("XG_BUILD")
        if build is None:  # a sanitized build makes no files for packages
            self.assertIn("XG_SANITIZED", os.environ)
            return
        subprocess.run(["meson", "install", "-C", build, "--no-rebuild", "--quiet", "--destdir",
                        self.path("root"), "--tags", "man,completion"], check=True, stdout=subprocess.DEVNULL)
        found = {os.path.join(root, name) for root, _, names in os.walk(self.path("root")) for name in names}
        share = next(path for path in found if path.endswith("/xdsgate.fish")).split("/fish/")[0]
        places = {"bash-completion/completions/xdsgate": ["completion", "bash"],
                  "zsh/vendor-completions/_xdsgate": ["completion", "zsh"],
                  "fish/vendor_completions.d/xdsgate.fish": ["completion", "fish"], "man/man1/xdsgate.1": ["man"]}
        places.update({f"man/man1/xdsgate-{'-'.join(words)}.1": ["man", *words] for words in COMMANDS})
        self.assertEqual({os.path.relpath(path, share) for path in found}, set(places))
        self.assertTrue(share.endswith("/share"), share)
        for place, words in places.items():
            with open(os.path.join(share, place), "rb") as file:
                self.assertEqual(file.read(), self.good(*words).raw, place)


if __name__ == "__main__":
    main()
