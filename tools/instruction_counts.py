# SPDX-License-Identifier: Apache-2.0
"""instruction_counts.py [--update] [COUNT_CALLS [OPENAT2_SHIM]]: what a call costs, told without a clock.

Runs each scenario of bench/count_calls.c under callgrind and compares, for each call, with bench/counts.txt:

    instructions  those that lie in xdsgate.so itself
    libcrypto     calls from xdsgate.so into it, and libsodium likewise; what happens there depends on the processor
    allocations   calls of malloc and its like, whoever makes them; releases: of free
    locks         calls that take a lock, whoever makes them

More than 3 % above is a regression and fails. More than 3 % below fails too: --update writes down what is true now, so
that the gain is kept. With --update everything is written anew. The figures are those of gcc 12 and of the options of a
plain `meson setup build`; without arguments the programs are taken from build/. Needs valgrind. Standard library only.
"""

import concurrent.futures
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "bench/counts.txt"
PLUGIN = "xdsgate.so"
TOLERANCE = 0.03
WATCHED = "counted_call"  # the function of bench/count_calls.c below which everything is counted
CALLS = 15
ABSENT = 77  # the program's exit code where the plugin has no such feature
COLUMNS = ["instructions", "libcrypto", "libsodium", "allocations", "releases", "locks"]
HEAD = """# SPDX-License-Identifier: Apache-2.0
#
# For each call: instructions of xdsgate.so itself, and calls, as tools/instruction_counts.py explains. Written by
# `ninja -C build && python3 tools/instruction_counts.py --update`; compared by the test "instruction counts".
"""

ALLOCATIONS = re.compile(r"(malloc|calloc|realloc|reallocarray|aligned_alloc|memalign|posix_memalign)$")
RELEASES = re.compile(r"(free|cfree)$")
LOCKS = re.compile(r"(__)?pthread_(mutex_(try|timed)?lock|rwlock_(try|timed)?(rd|wr)lock|spin_(try)?lock)$")


def give_up(message):
    print(f"instruction_counts.py: {message}", file=sys.stderr)
    sys.exit(2)


def name_of(path):
    """The library or program, without directory and version."""
    return re.sub(r"\.so\..*$", ".so", os.path.basename(path))


def count_call(counts, caller, library, function, calls):
    """One function called another. Names carry versions, as in malloc@@GLIBC_2.2.5."""
    function = function.split("@")[0].split("'")[0]
    if caller == PLUGIN and library in ("libcrypto.so", "libsodium.so"):
        counts[library[:-3]] += calls
    if library == "libc.so":
        counts["allocations"] += calls if ALLOCATIONS.match(function) else 0
        counts["releases"] += calls if RELEASES.match(function) else 0
        counts["locks"] += calls if LOCKS.match(function) else 0


def parse(text):
    """The sums of one file of callgrind's, written without compression of names and positions."""
    counts = dict.fromkeys(COLUMNS, 0)
    library = called = callee = ""
    is_inclusive = False  # the line behind "calls=" says what the callee cost, which is counted where it lies
    for line in text.split("\n"):
        key, equals, value = line.partition("=")
        if re.match(r"\d", line):
            if not is_inclusive and library == PLUGIN:
                counts["instructions"] += int(line.split()[1])
            is_inclusive = False
        elif not equals:
            continue
        elif key == "ob":
            library = called = name_of(value)
        elif key == "fn":
            called = library
        elif key == "cob":
            called = name_of(value)
        elif key == "cfn":
            callee = value
        elif key == "calls":
            count_call(counts, library, called, callee, int(value.split()[0]))
            called, is_inclusive = library, True
    return counts


def measure(program, shim, name):
    """What one call of a scenario costs, the median of several; None if the plugin has no such feature."""
    with tempfile.TemporaryDirectory(prefix="xdsgate-counts-") as directory:
        # A dump before each call takes away what came before, whose calls count even where callgrind does not collect.
        command = ["valgrind", "--quiet", "--tool=callgrind", "--compress-strings=no", "--compress-pos=no",
                   f"--dump-before={WATCHED}", f"--dump-after={WATCHED}", f"--callgrind-out-file={directory}/out",
                   program, name, str(CALLS)]
        # Bound at the start, or the first call of each function would be dearer; the shim knows a call that valgrind
        # does not.
        env = dict(os.environ, LD_BIND_NOW="1", LD_PRELOAD=shim, TMPDIR=directory)
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=150)
        if done.returncode == ABSENT:
            return None
        if done.returncode != 0:
            give_up(f"scenario {name} ended with {done.returncode}:\n{done.stderr}")
        dumps = [path.read_text(encoding="utf-8") for path in pathlib.Path(directory).glob("out.*")]
    counted = [parse(dump) for dump in dumps if f"--dump-after={WATCHED}" in dump]
    if len(counted) != CALLS or any(counts["instructions"] == 0 for counts in counted):
        give_up(f"scenario {name}: callgrind counted nothing in {PLUGIN}: was it built without symbols?")
    return {column: statistics.median_low(counts[column] for counts in counted) for column in COLUMNS}


def measure_all(program, shim):
    names = subprocess.run([program], capture_output=True, text=True, check=True).stdout.split()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(names, pool.map(lambda name: measure(program, shim, name), names)))


def write_golden(found):
    lines = [HEAD + f"{'# scenario':<20}" + "".join(f"{column:>14}" for column in COLUMNS)]
    for name, counts in found.items():
        cells = [f"{counts[column]}" for column in COLUMNS] if counts else ["absent"]
        lines.append(f"{name:<20}" + "".join(f"{cell:>14}" for cell in cells))
    GOLDEN.write_text("\n".join(lines) + "\n", encoding="utf-8")


def read_golden():
    golden = {}
    for line in GOLDEN.read_text(encoding="utf-8").splitlines() if GOLDEN.exists() else []:
        if line and not line.startswith("#"):
            name, *cells = line.split()
            golden[name] = None if cells == ["absent"] else dict(zip(COLUMNS, map(int, cells)))
    return golden


def compare(golden, found):
    """Sentences, one for each figure that is not what the tree says."""
    for name in golden.keys() | found.keys():
        if name not in golden:
            yield f"{name}: a new scenario"
        elif name not in found:
            yield f"{name}: bench/count_calls.c has no such scenario any more"
        elif (golden[name] is None) != (found[name] is None):
            yield f"{name}: the plugin {'lost' if found[name] is None else 'now has'} what this scenario needs"
        elif golden[name] is not None:
            yield from compare_counts(name, golden[name], found[name])


def compare_counts(name, golden, found):
    for column in COLUMNS:
        expected, now = golden.get(column, -1), found[column]
        if abs(now - expected) > expected * TOLERANCE:
            percent = f", {(now - expected) / expected * 100:+.1f} %" if expected > 0 else ""
            verdict = "DEARER" if now > expected else "cheaper"
            yield f"{name}: {column} for each call: expected {expected}, found {now}{percent}: {verdict}"


def main():
    arguments = [argument for argument in sys.argv[1:] if argument != "--update"]
    program = arguments[0] if arguments else str(ROOT / "build/bench/count_calls")
    shim = arguments[1] if len(arguments) > 1 else str(ROOT / "build/tests/openat2_shim.so")
    os.environ.setdefault("XG_PLUGIN", str(ROOT / "build/src/plugin/xdsgate.so"))
    for path in (program, shim, os.environ["XG_PLUGIN"]):
        if not os.path.exists(path):
            give_up(f"{path} is not there: build it first (ninja -C build)")
    found = measure_all(program, shim)
    if len(arguments) < len(sys.argv) - 1:
        write_golden(found)
        print(f"wrote {GOLDEN.relative_to(ROOT)}: look at its diff")
        return 0
    differences = sorted(compare(read_golden(), found))
    print("\n".join(differences) if differences else f"{len(found)} scenarios cost what bench/counts.txt says")
    if differences:
        print("\nDearer: look at what changed since (git diff, callgrind_annotate), and undo it or say in the commit why it"
              " is worth it.\nThen, or if it is cheaper: ninja -C build && python3 tools/instruction_counts.py --update")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
