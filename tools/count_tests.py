# SPDX-License-Identifier: Apache-2.0
"""count_tests.py LOG STATUS: the closing line of test.sh, counted from meson's testlog.json.

Owns the rule what counts as passed. Exits with 0 only if something passed, nothing failed, and meson itself (STATUS)
agrees.
"""

import json
import os
import sys


def main() -> int:
    path, status = sys.argv[1], int(sys.argv[2])
    results: dict[str, list[str]] = {}
    try:
        with open(path, encoding="utf-8") as log:
            for line in log:
                test = json.loads(line)
                results.setdefault(test["result"], []).append(test["name"])
    except OSError as error:
        print(f"no test log: {error}", file=sys.stderr)
    passed = len(results.pop("OK", [])) + len(results.pop("EXPECTEDFAIL", []))
    skipped = results.pop("SKIP", [])
    failed = sum(len(names) for names in results.values())
    for name in skipped:
        print(f"skipped: {name}")
    if os.environ.get("CI") == "true":
        failed += len(skipped)
    if failed == 0 and (status != 0 or passed == 0):
        failed = 1  # meson could not say which: a test that was not run is not a pass
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
