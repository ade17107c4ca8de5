# SPDX-License-Identifier: Apache-2.0
"""check_style.py: the house rules that a machine can read off the tracked files.

Owns: licence lines, file heads, file names, banned calls (banned_calls.txt), raw returns, comment style, machine paths,
coverage exclusions with a reason. Prints each finding as path:line and exits with 1 if there is any. Needs Python's
standard library and git.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LICENCE = "SPDX-License-Identifier: Apache-2.0"
# Data that is compared or fed byte for byte, and files whose format has no comments.
GOLDEN = r"tests/abi/(constants|exports|forbidden_imports|layout)\.txt$"
PLAIN = r"LICENSE$|LICENSES/|\.reuse/|\.gitignore$|\.clang-format$|fuzz/corpus/|fuzz/caught_negative$|.*\.(patch|json)$"
DATA = re.compile(f"{GOLDEN}|{PLAIN}")
# What points into one machine's folders means nothing on the next.
MACHINE_PATH = re.compile(r"(?<![\w.$}/-])/(?:home|root|Users|work|build)/\w")

# Comments and literals of C, so that neither hides the other.
TOKENS = re.compile(r"""/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])+'""", re.S)

findings: list[str] = []


def report(path: str, line: int, message: str) -> None:
    findings.append(f"{path}:{line}: {message}")


def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
    return [path for path in listed.split("\0") if path and (ROOT / path).is_file()]


def blank_out(text: str) -> str:
    """C source with comments and literals replaced by blanks; line numbers stay."""
    return TOKENS.sub(lambda match: re.sub(r"[^\n]", " ", match.group(0)), text)


def read_table(name: str) -> list[list[str]]:
    lines = (ROOT / "tools" / name).read_text(encoding="utf-8").splitlines()
    return [line.split("\t") for line in lines if line and not line.startswith("#")]


def check_head(path: str, text: str) -> None:
    lines = text.splitlines()
    at = 1 if lines and lines[0].startswith("#!") else 0
    if len(lines) <= at or LICENCE not in lines[at]:
        report(path, at + 1, f"the first line says: {LICENCE}")
    elif path.endswith((".c", ".h")) and (len(lines) < 3 or not lines[1].startswith("/*")):
        report(path, 2, "a head comment says what the file owns, what it must never do, and its thread rule")


def check_names(paths: list[str]) -> None:
    seen: dict[str, str] = {}
    for path in paths:
        name = pathlib.Path(path).name
        if not path.endswith((".c", ".h")) or path.startswith("plugin-api/frozen/"):
            continue
        if not re.fullmatch(r"[a-z][a-z0-9_]*\.[ch]", name):
            report(path, 1, "file names are snake_case")
        if name in seen:
            report(path, 1, f"file names are unique in the tree, and {seen[name]} has this one")
        seen[name] = path


def check_banned(path: str, code: str, table: list[list[str]], allowed: dict[tuple[str, str], bool]) -> None:
    for folders, pattern, why in table:
        if not any(path == folder or path.startswith(folder + "/") for folder in folders.split(",")):
            continue
        for match in re.finditer(pattern, code):
            call = match.group(0).rstrip("(")
            if (path, call) in allowed:
                allowed[(path, call)] = True
            else:
                report(path, code.count("\n", 0, match.start()) + 1, f"{call}: {why}")


def check_c(path: str, text: str) -> None:
    code = blank_out(text)
    is_core = path.startswith(("src/base/", "src/token/", "src/auth/", "keys/"))
    for number, line in enumerate(code.splitlines(), 1):
        if re.search(r";\s*;", line) and "for" not in line:
            report(path, number, "double semicolon")
        if is_core and re.search(r"\breturn\s+(\(xg_result\)\s*\{\s*XG_REASON|\(xg_result\)\s*\{\s*\d)", line):
            report(path, number, "no raw codes: XG_FAIL(NAME), XG_CHECK or XG_TRY")
    for match in TOKENS.finditer(text):
        if match.group(0).startswith("//"):
            report(path, text.count("\n", 0, match.start()) + 1, "comments are /* */")
    for number, line in enumerate(text.splitlines(), 1):
        if re.search(r"GCOVR?_EXCL|LCOV_EXCL", line) and not re.search(r"EXCL_(LINE|START|BR_LINE|STOP):? .*[a-z]{3}", line):
            report(path, number, "a coverage exclusion says why on the same line")
        if len(line) > 120 and not line.lstrip().startswith('"'):
            report(path, number, "at most 120 columns")
        if re.search(r"\b(TODO|FIXME|XXX)\b", line):
            report(path, number, "finish it, or open an issue")


def main() -> int:
    paths = tracked()
    table = read_table("banned_calls.txt")
    allowed = {(path, call): False for path, call, _why in read_table("banned_calls_allowed.txt")}
    check_names(paths)
    for path in paths:
        if DATA.match(path):
            continue
        try:
            text = (ROOT / path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            report(path, 1, "not UTF-8")
            continue
        check_head(path, text)
        if path != "tools/check_style.py":
            for number, line in enumerate(text.splitlines(), 1):
                if MACHINE_PATH.search(line):
                    report(path, number, "a path of one machine")
        if path.endswith((".c", ".h")):
            check_c(path, text)
            check_banned(path, blank_out(text), table, allowed)
    for (path, call), is_used in allowed.items():
        if not is_used:
            report("tools/banned_calls_allowed.txt", 1, f"{path} no longer uses {call}: remove the entry")
    print("\n".join(findings) if findings else f"{len(paths)} files, no findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
