# SPDX-License-Identifier: Apache-2.0
"""A program at a terminal of its own: what it asks, what is typed, whether that is echoed. Standard library only."""

import fcntl
import os
import pty
import select
import signal
import subprocess
import termios
import time

PATIENCE = 120  # seconds until a run is given up: a guard against hanging, no measure


class Terminal:
    """One run. The terminal outlives the program, so that it can be looked at afterwards."""

    def __init__(self, argv, **options):
        self.said = b""
        self.seen = 0
        self.parent, self.child = pty.openpty()
        os.set_inheritable(self.child, True)
        options.setdefault("stdout", self.child)
        self.process = subprocess.Popen(argv, stdin=self.child, stderr=self.child, start_new_session=True,
                                        preexec_fn=self.prepare, **options)

    def prepare(self):
        fcntl.ioctl(self.child, termios.TIOCSCTTY, 0)
        # Whoever runs the tests in the background may have these ignored.
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        os.close(self.child)
        os.close(self.parent)

    def listen(self, seconds):
        """Takes what the program says within so many seconds. Whether it said anything."""
        if not select.select([self.parent], [], [], seconds)[0]:
            return False
        self.said += os.read(self.parent, 65536)
        return True

    def expect(self, text):
        """Waits until the program says text, behind what was waited for before."""
        give_up = time.monotonic() + PATIENCE
        while text.encode() not in self.said[self.seen:]:
            if time.monotonic() > give_up or (self.process.poll() is not None and not self.listen(0)):
                raise AssertionError(f"{text!r} was not said, but {self.said!r}")
            self.listen(0.1)
        self.seen = self.said.index(text.encode(), self.seen) + len(text.encode())

    def type(self, text):
        os.write(self.parent, text if isinstance(text, bytes) else text.encode())

    def has_echo(self):
        return bool(termios.tcgetattr(self.child)[3] & termios.ECHO)

    def end(self):
        """Exit code (negative: the signal that ended it) and what stood on the terminal."""
        give_up = time.monotonic() + PATIENCE
        while self.process.poll() is None:
            if time.monotonic() > give_up:
                raise AssertionError(f"the program does not end: {self.said!r}")
            self.listen(0.1)
        while self.listen(0):
            pass
        return self.process.returncode, self.said.decode("utf-8", "backslashreplace").replace("\r\n", "\n")


def run_age(passphrase, *args, cwd):
    """Stock age, which asks at its terminal and nowhere else. Exit code, and what it said."""
    with Terminal(["age", *args], cwd=cwd) as terminal:
        for _ in range(2 if "-p" in args else 1):
            terminal.expect("passphrase")
            terminal.expect(": ")
            terminal.type(passphrase + "\n")
        return terminal.end()
