#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""transcripts.py [--check] [FILE...]: runs the terminal sessions of the documents.

In a document, a block

    ```console
    $ xdsgate key list --store store
    SET  ...
    ```

is a session: a line that begins with "$ " is a command, lines with "> " right below it go on with it, the rest is what
it printed, stdout and stderr as a terminal shows them. All blocks of one document are one session, in a directory that
is fresh and empty; its name is shown as "~". Without FILE: README.md and docs/*.md.

Without --check what was printed is written into the documents: into each FILE that is named, or else into those that
differ. With --check nothing is written, and the exit code is 1 if any document differs from what its commands print
now. What is new with each run (ids, digests, times) does not count as a difference: see VOLATILE.

Two rules keep a session honest. A command that ends with another exit code than 0 is followed by "$ echo $?", so that
the reader sees it. Nothing that was printed may hold a whole token or a private key.

Environment: XG_CLI is the xdsgate to run (default: build/src/cli/xdsgate). Standard library only.
"""

import concurrent.futures
import difflib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
CLI = pathlib.Path(os.environ.get("XG_CLI", ROOT / "build/src/cli/xdsgate")).resolve()
FENCE = "```"
WRITTEN = ": written\n"
LONGEST_RUN = 300  # seconds for one command, sanitizers included

# What differs from run to run, and what stands for it when two runs are compared.
VOLATILE = [
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "<jti>"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "<sha-256>"),
    (re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "<time>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d\b"), "<date>"),
    (re.compile(r"\b[12]\d{9}\b"), "<unix time>"),
    (re.compile(r"\b(?:\d+[smhd] ?)+ago\b|\bin \d+[smhd](?: ?\d+[smhd])*\b"), "<a while>"),
    # Columns are as wide as what stands in them: the name of the directory, what a machine's doctor has to say.
    (re.compile(r"  +"), " "),
]
SECRET = re.compile(r"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{100,}|PRIVATE KEY-----\n\S{40,}|AGE-SECRET-KEY-1")


class Failure(Exception):
    """A document that cannot be a transcript."""


class Session:
    """One shell user in an empty home."""

    def __init__(self, home: pathlib.Path, programs: pathlib.Path):
        self.home = home
        self.status = 0
        self.env = {"PATH": f"{programs}:/usr/local/bin:/usr/bin:/bin", "HOME": str(home), "LC_ALL": "C.UTF-8",
                    "TZ": "UTC", "TERM": "dumb"}
        self.env.update({name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")})

    def run(self, command: str) -> str:
        """What the command prints. `$?` in it is the exit code of the one before."""
        done = subprocess.run(["bash", "-c", f"(exit {self.status})\n{command}"], cwd=self.home, env=self.env,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, umask=0o022,
                              start_new_session=True, timeout=LONGEST_RUN, check=False)
        self.status = done.returncode
        printed = self.shown(done.stdout.decode("utf-8", "backslashreplace"))
        if SECRET.search(printed):
            raise Failure(f"'{command}' prints a secret: cut it, or send it to a file")
        if printed.startswith("> ") or any(line.startswith(("$ ", FENCE)) for line in printed.splitlines()):
            raise Failure(f"'{command}' prints what looks like a prompt")
        return printed

    def shown(self, printed: str) -> str:
        """The directory's name as "~", where it stands in a column with the blanks that this takes."""
        name = re.escape(str(self.home))
        lost = " " * (len(str(self.home)) - 1)
        return re.sub(name, "~", re.sub(rf"{name}(\S*)(?= +\S)", rf"~\1{lost}", printed))


def replay(lines: list[str], session: Session) -> list[str]:
    """The lines of a document, its sessions as they are now."""
    new: list[str] = []
    is_session = is_owed = False
    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        new.append(line)
        if line.startswith(FENCE):
            is_session = line == FENCE + "console"
        if not is_session or line == FENCE + "console":
            continue
        if not line.startswith("$ "):
            raise Failure(f"line {at}: a session begins with a command")
        command = line[2:]
        while at < len(lines) and lines[at].startswith("> "):
            command += "\n" + lines[at][2:]
            new.append(lines[at])
            at += 1
        if is_owed and command != "echo $?":
            raise Failure(f"line {at}: the command before ended with {session.status}: show it with '$ echo $?'")
        while at < len(lines) and not lines[at].startswith(("$ ", FENCE)):
            at += 1
        new += [now.rstrip() for now in session.run(command).splitlines()]
        is_owed = session.status != 0
    if is_owed:
        raise Failure(f"the last command ended with {session.status}: show it with '$ echo $?'")
    return new


def settled(lines: list[str]) -> list[str]:
    """Lines without what differs from run to run."""
    text = "\n".join(lines)
    for pattern, name in VOLATILE:
        text = pattern.sub(name, text)
    return text.split("\n")


def rerun(path: pathlib.Path, is_check: bool, is_named: bool) -> str:
    """Empty if the document is as its commands print; otherwise what differs, or that it was written."""
    name = str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
    work = pathlib.Path(tempfile.mkdtemp(prefix="xdsgate-docs-"))
    try:
        (work / "bin").mkdir()
        (work / "ops").mkdir()
        (work / "bin" / "xdsgate").symlink_to(CLI)
        old = path.read_text(encoding="utf-8").splitlines()
        new = replay(old, Session(work / "ops", work / "bin"))
    except (Failure, OSError, subprocess.TimeoutExpired) as failure:
        return f"{name}: {failure}\n"
    finally:
        shutil.rmtree(work, ignore_errors=True)
    if settled(old) == settled(new) and (is_check or not is_named):
        return ""
    if is_check:
        return "\n".join(difflib.unified_diff(settled(old), settled(new), name, "what its commands print now",
                                              lineterm="")) + "\n"
    path.write_text("\n".join(new) + "\n", encoding="utf-8")
    return f"{name}{WRITTEN}"


def main() -> int:
    words = sys.argv[1:]
    if any(word.startswith("-") and word != "--check" for word in words):
        print(__doc__, file=sys.stderr)
        return 2
    is_check = "--check" in words
    paths = [pathlib.Path(word).resolve() for word in words if word != "--check"]
    is_named = paths != []
    paths = paths or [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    if not os.access(CLI, os.X_OK):
        print(f"no {CLI}: run ninja -C build src/cli/xdsgate src/plugin/xdsgate.so first, or set XG_CLI",
              file=sys.stderr)
        return 2
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        findings = [text for text in pool.map(lambda path: rerun(path, is_check, is_named), paths) if text]
    print("".join(findings) or f"{len(paths)} documents are as their commands print\n", end="")
    if any(text.startswith("--- ") for text in findings):
        print("Run tools/transcripts.py, and read what it changed before it is committed.")
    return 1 if any(not text.endswith(WRITTEN) for text in findings) else 0


if __name__ == "__main__":
    sys.exit(main())
