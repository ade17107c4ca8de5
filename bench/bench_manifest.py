# SPDX-License-Identifier: Apache-2.0
"""mint manifest on thousands of meshes, beside what OpenSSL alone could sign in the same minutes on the same machine.

Machines are shared and noisy: all take turns in rounds, and the best round of each is told, with the ratios. "By the
clock" is what a person sees; "by the processor" is what all processors could do if nobody else used them: tokens for
each second of processor time, times the processors. For
"each mesh's own key" a few keys are copied into the directories of all meshes, which costs the program as much as if
each were another: nothing is remembered from one mesh to the next.

bench_manifest.py XDSGATE BENCH_SIGN [MESHES [ROUNDS]]
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time

NUM_KEYS = 20
SECONDS = "2"


class Bench:
    def __init__(self, cli, sign, num):
        self.cli, self.sign, self.num = cli, sign, num
        memory = "/dev/shm"
        self.dir = tempfile.mkdtemp(prefix="xdsgate-bench-", dir=memory if os.access(memory, os.W_OK) else None)

    def run(self, *args):
        return subprocess.run(args, cwd=self.dir, check=True, stdout=subprocess.PIPE, text=True).stdout

    def prepare(self):
        for i in range(NUM_KEYS):
            self.run(self.cli, "key", "new", "--mesh", f"seed{i}", "--authority", "seed", "--store", "store", "--plain")
        self.keys = [os.path.join(self.dir, f"seed/meshes/seed{i}/1.pem") for i in range(NUM_KEYS)]
        os.makedirs(os.path.join(self.dir, "authority/meshes"), 0o700)
        os.chmod(os.path.join(self.dir, "authority"), 0o700)
        with open(os.path.join(self.dir, "values.yaml"), "w", encoding="utf-8") as file:
            file.write("controlPlane: {mode: zone, zone: bench}\nmeshes:\n")
            for i in range(self.num):
                file.write(f"  - {{name: mesh-{i}, role: all}}\n")
                mesh = os.path.join(self.dir, f"authority/meshes/mesh-{i}")
                os.mkdir(mesh, 0o700)
                shutil.copy(self.keys[i % NUM_KEYS], os.path.join(mesh, "1.pem"))

    def openssl(self, how):
        """Signatures a second by the clock, and by the processor."""
        before = used()
        rate = float(self.run(self.sign, how, SECONDS, *self.keys))
        return rate, rate * float(SECONDS) / (used() - before) * os.cpu_count()

    def clear(self):
        shutil.rmtree(os.path.join(self.dir, "out"), True)
        for name in ("ledger.db", "authority/ledger.db"):
            if os.path.exists(os.path.join(self.dir, name)):
                os.remove(os.path.join(self.dir, name))

    def manifest(self, *source):
        """Tokens a second, the same way."""
        before = used()
        begun = time.monotonic()
        self.run(self.cli, "mint", "manifest", "-f", "values.yaml", "--out", "out", "--valid-for", "90d", "--quiet",
                 *source)
        rate = self.num / (time.monotonic() - begun)
        assert len(os.listdir(os.path.join(self.dir, "out"))) == self.num
        return rate, self.num / (used() - before) * os.cpu_count()

    def anew(self, *source):
        self.clear()
        return self.manifest(*source)


def used():
    """Processor time of all that was run, in seconds."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def ratio(seen, pair, kind):
    return seen[pair[0]][kind] / seen[pair[2]][kind]


def main():
    cli, sign = (os.path.abspath(path) for path in sys.argv[1:3])
    num = int(sys.argv[3]) if len(sys.argv) > 3 else 5000
    rounds = int(sys.argv[4]) if len(sys.argv) > 4 else 5
    bench = Bench(cli, sign, num)
    try:
        bench.prepare()
        runs = {
            "a": ("OpenSSL alone, one key, ready", lambda: bench.openssl("ready")),
            "b": ("OpenSSL alone, read a key, sign once", lambda: bench.openssl("fresh")),
            "c": ("mint manifest --key: one key",
                  lambda: bench.anew("--key", bench.keys[0], "--kid", "1", "--ledger", "ledger.db")),
            "d": ("mint manifest --authority: a key for each", lambda: bench.anew("--authority", "authority")),
            "e": ("the same again: nothing to mint", lambda: bench.manifest("--authority", "authority")),
        }
        seen = [{name: run() for name, (_, run) in runs.items()} for _ in range(rounds)]
        best = {name: tuple(max(one[name][kind] for one in seen) for kind in (0, 1)) for name in runs}
        print(f"{num} meshes, RSA 2048, {os.cpu_count()} processors, {rounds} rounds in {os.path.dirname(bench.dir)}\n"
              f"a second, in the best round{'':21}by the clock  by the processor")
        for name, (what, _) in runs.items():
            print(f"  {name}  {what:<44}{best[name][0]:11.0f}{best[name][1]:18.0f}")
        for pair in ("c/a", "d/b", "d/a"):
            rows = [[ratio(one, pair, kind) for one in seen] for kind in (0, 1)]
            print(f"  {pair}  {'of the best; in one round':<42}" + "".join(
                f"{ratio(best, pair, kind):7.2f}; {min(row):.2f}-{max(row):.2f}" for kind, row in enumerate(rows)))
    finally:
        shutil.rmtree(bench.dir)


main()
