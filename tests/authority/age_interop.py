# SPDX-License-Identifier: Apache-2.0
"""age_interop.py TOOL: stock age opens what we write, and we open what it writes. TOOL is age_tool.

age asks for a passphrase on its terminal and nowhere else, so it is run on a pseudo terminal of its own. Needs Debian's
package age; without it the tests fail, they do not skip themselves.
"""

import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

TOOL = os.path.abspath(sys.argv.pop(1))
PASSPHRASE = "TEST PASSPHRASE, NOT A SECRET: häßlich"
OTHER = "TEST PASSPHRASE, NOT A SECRET: häßlicher"
RECIPIENT, PASSPHRASE_WRONG, DAMAGED = 3, 5, 6  # of xg_age_status
PATIENCE = 240  # seconds until a run is given up: a guard against hanging, no measure


def answer_prompts(fd, passphrase):
    """Types passphrase behind every prompt that ends in a colon, until the other side hangs up. What it said."""
    said, answered, give_up = b"", 0, time.monotonic() + PATIENCE
    while time.monotonic() < give_up:
        if not select.select([fd], [], [], 1)[0]:
            continue
        try:
            some = os.read(fd, 4096)
        except OSError:  # EIO: nobody holds the terminal any more
            return said
        if not some:
            return said
        said += some
        prompts = said.count(b"assphrase: ") + said.count(b"one): ")
        for _ in range(prompts - answered):
            os.write(fd, passphrase.encode() + b"\n")
        answered = prompts
    raise AssertionError(f"age does not end: {said!r}")


def run_age(passphrase, *args):
    """Exit code of age, and what it wrote to its terminal."""
    age = shutil.which("age")
    if age is None:
        raise AssertionError("age not found: tools/deps.sh test installs it")
    pid, fd = pty.fork()
    if pid == 0:
        try:
            os.execv(age, ["age", *args])
        finally:
            os._exit(127)
    ended = False
    try:
        said = answer_prompts(fd, passphrase)
        _, status = os.waitpid(pid, 0)
        ended = True
    finally:
        os.close(fd)
        if not ended:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), said


class Interop(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="xdsgate-age-")
        self.addCleanup(shutil.rmtree, self.dir)

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, content):
        with open(self.path(name), "wb") as file:
            file.write(content)
        return self.path(name)

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def tool(self, verb, content, passphrase=PASSPHRASE):
        secret = self.write("passphrase", passphrase.encode())
        return subprocess.run([TOOL, verb, secret], input=content, capture_output=True, check=False, timeout=PATIENCE)

    def test_age_opens_what_we_write(self):
        for plain in (b"", b"twelve bytes", bytes(range(256)) * 256):
            with self.subTest(len(plain)):
                done = self.tool("encrypt", plain)
                self.assertEqual((done.returncode, done.stderr), (0, b""))
                self.assertTrue(done.stdout.startswith(b"-----BEGIN AGE ENCRYPTED FILE-----\n"))
                self.write("ours.age", done.stdout)
                code, said = run_age(PASSPHRASE, "-d", "-o", self.path("plain"), self.path("ours.age"))
                self.assertEqual(code, 0, said)
                if plain:  # for an empty text, age leaves no file
                    self.assertEqual(self.read("plain"), plain)
                    os.unlink(self.path("plain"))
                self.assertFalse(os.path.exists(self.path("plain")))

    def test_age_needs_the_passphrase_for_what_we_write(self):
        self.write("ours.age", self.tool("encrypt", b"twelve bytes").stdout)
        code, said = run_age(OTHER, "-d", "-o", self.path("plain"), self.path("ours.age"))
        self.assertEqual(code, 1)
        self.assertIn(b"incorrect passphrase", said)
        self.assertFalse(os.path.exists(self.path("plain")))

    def test_we_open_what_age_writes(self):
        for flags, plain in ((["-p"], b"twelve bytes"), (["-p"], bytes(range(256)) * 256), (["-p", "-a"], b""),
                             (["-p", "-a"], b"twelve bytes")):
            with self.subTest((flags, len(plain))):
                self.write("plain", plain)
                code, said = run_age(PASSPHRASE, *flags, "-o", self.path("theirs.age"), self.path("plain"))
                self.assertEqual(code, 0, said)
                done = self.tool("decrypt", self.read("theirs.age"))
                self.assertEqual((done.returncode, done.stderr, done.stdout), (0, b"", plain))
                os.unlink(self.path("theirs.age"))

    def test_we_need_the_passphrase_and_the_whole_file_of_what_age_writes(self):
        self.write("plain", b"twelve bytes")
        code, said = run_age(PASSPHRASE, "-p", "-o", self.path("theirs.age"), self.path("plain"))
        self.assertEqual(code, 0, said)
        theirs = self.read("theirs.age")
        for content, passphrase, status in ((theirs, OTHER, PASSPHRASE_WRONG), (theirs[:-1], PASSPHRASE, DAMAGED),
                                            (theirs + b"\n", PASSPHRASE, DAMAGED)):
            done = self.tool("decrypt", content, passphrase)
            self.assertEqual((done.returncode, done.stdout), (status, b""))

    def test_a_file_for_a_recipient_is_not_ours(self):
        subprocess.run(["age-keygen", "-o", self.path("identity")], check=True, capture_output=True)
        recipient = subprocess.run(["age-keygen", "-y", self.path("identity")], check=True, capture_output=True).stdout
        self.write("plain", b"twelve bytes")
        code, said = run_age("", "-r", recipient.decode().strip(), "-o", self.path("theirs.age"), self.path("plain"))
        self.assertEqual(code, 0, said)
        done = self.tool("decrypt", self.read("theirs.age"))
        self.assertEqual((done.returncode, done.stdout), (RECIPIENT, b""))


if __name__ == "__main__":
    unittest.main()
