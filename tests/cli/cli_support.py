# SPDX-License-Identifier: Apache-2.0
"""What the tests of the command line share: running it, looking at files, an authority with keys. Standard library
only.

Every test works in a fresh directory. All keys are TEST KEYS, NOT SECRETS, made for the run and removed with it.
"""

import base64
import hashlib
import json
import os
import shutil
import stat
import subprocess
import tempfile
import unittest

CLI = os.environ["XG_CLI"]
PLUGIN = os.environ["XG_PLUGIN"]

DONE, DENIED, USAGE, CONFIG, KEY, IO = range(6)
NOBODY = 65534

# A fixed clock: 2027-01-15T08:00:00Z.
NOW = 1800000000


class Answer:
    """How a run ended."""

    def __init__(self, code, out, err):
        self.code = code
        self.raw = out
        self.out = out.decode("utf-8", "backslashreplace")
        self.err = err.decode("utf-8", "backslashreplace")


def tree(path):
    """Everything below path: kind and mode of each entry; of files, a digest of the content and the time too."""
    found = {}
    for root, dirs, files in os.walk(path):
        for name in dirs + files:
            full = os.path.join(root, name)
            status = os.lstat(full)
            entry = [stat.filemode(status.st_mode), status.st_uid]
            if stat.S_ISREG(status.st_mode):
                with open(full, "rb") as file:
                    entry += [hashlib.sha256(file.read()).hexdigest(), status.st_mtime_ns]
            found[os.path.relpath(full, path)] = entry
    return found


def decode(token):
    """Header and claims of a token, as text."""
    header, claims, _ = token.split(".")

    def text(part):
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)).decode()

    return text(header), text(claims)


class CliTest(unittest.TestCase):
    """A test in a directory of its own, with an authority and a store that hold keys."""

    maxDiff = None
    seed = None

    @classmethod
    def setUpClass(cls):
        # Keys are dear: made once, copied for each test.
        cls.seed = tempfile.mkdtemp(prefix="xdsgate-cli-")
        for verb, *where in (("new", "--mesh", "m1"), ("rotate", "--mesh", "m1"), ("rotate", "--mesh", "m1"),
                             ("new", "--mesh", "m2"), ("new", "--for-zone")):
            subprocess.run(
                [CLI, "key", verb, *where, "--authority", "authority", "--store", "store", "--plain"],
                cwd=cls.seed, check=True, stdout=subprocess.DEVNULL)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.seed)

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="xdsgate-cli-")
        self.addCleanup(shutil.rmtree, self.dir, True)
        for name in ("authority", "store"):
            shutil.copytree(os.path.join(self.seed, name), os.path.join(self.dir, name))

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def write(self, name, content, mode=0o600):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        os.chmod(path, mode)
        return path

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def run_cli(self, *args, stdin=b"", **options):
        """Runs xdsgate in the test's directory. No run may ever show private key text."""
        program = options.pop("program", CLI)
        # Mints with --key are recorded somewhere: not in the home of whoever runs the tests.
        options.setdefault("env", {**os.environ, "XDG_STATE_HOME": os.path.join(self.dir, "state")})
        done = subprocess.run([program, *args], cwd=self.dir, input=stdin, capture_output=True, timeout=120,
                              check=False, **options)
        self.assertNotIn(b"PRIVATE KEY-----", done.stdout + done.stderr)
        return Answer(done.returncode, done.stdout, done.stderr)

    def good(self, *args, **options):
        answer = self.run_cli(*args, **options)
        self.assertEqual((answer.code, answer.err), (DONE, ""), args)
        return answer

    def refused(self, code, texts, *args, **options):
        """The run ends with code, says each of texts on stderr, nothing on stdout, and leaves every file alone."""
        before = tree(self.dir)
        answer = self.run_cli(*args, **options)
        self.assertEqual(answer.code, code, (args, answer.err))
        self.assertEqual(answer.out, "", args)
        self.assertTrue(answer.err.startswith(("error: ", "warning: ")), answer.err)
        for text in [texts] if isinstance(texts, str) else texts:
            self.assertIn(text, answer.err)
        self.assertEqual(tree(self.dir), before, args)
        return answer

    def mint(self, *args):
        """A token of mesh m1 (or whatever args say), minted at the fixed clock."""
        kind = [] if args[0] in ("dataplane", "zone") else ["dataplane", "--mesh", "m1"]
        return self.good("mint", *kind, *args, "--valid-for", "1h", "--now", str(NOW), "--authority", "authority").out

    def as_nobody(self):
        """Options to run a copy of the program as a user without privileges; the directory becomes that user's."""
        if os.geteuid() != 0:
            return {}
        program = self.path("xdsgate")
        shutil.copy(CLI, program)
        for root, dirs, files in os.walk(self.dir):
            for name in dirs + files:
                os.chown(os.path.join(root, name), NOBODY, NOBODY)
        os.chown(self.dir, NOBODY, NOBODY)
        return {"program": program, "user": NOBODY, "group": NOBODY, "extra_groups": []}


def lines(answer):
    return [json.loads(line) for line in answer.out.splitlines()]


main = unittest.main
