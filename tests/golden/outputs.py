#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The fixed events of tests/lib/fabricate.c through every output, compared with tests/golden/expected/ (TAP).

usage: outputs.py FABRICATE [--update]

--update writes the expected files anew: look at the difference (git diff) before committing it.
"""
import difflib, os, subprocess, sys

HERE = os.path.dirname(os.path.abspath(__file__))
# file: arguments of the driver. Lines end where the program ends them; times are shown in UTC.
CASES = {
    "json": ["json", "plain"],
    "text": ["text", "plain"],
    "text-80": ["text", "plain", "width=80", "header"],
    "text-120": ["text", "plain", "width=120", "header", "color"],
    "tracee": ["tracee", "plain"],
    "tracee-pointers": ["tracee", "plain", "pointers"],
    "tracee-v1beta1": ["tracee-v1beta1", "plain"],
    "tracee-v1beta1-pointers": ["tracee-v1beta1", "plain", "pointers"],
    "text-hex": ["text", "plain", "hex"],
    "graph-text": ["graph", "text"],
    "graph-dot": ["graph", "dot"],
    "graph-json": ["graph", "json"],
    "graph-by-exe": ["graph", "text", "1"],
    "graph-by-container": ["graph", "text", "2"],
    "graph-others": ["graph", "json", "0", "3"],
    "text-ascii": ["text", "plain", "width=160", "ascii"],
}


def main():
    driver, update = sys.argv[1], "--update" in sys.argv[2:]
    env = {**os.environ, "TZ": "UTC"}
    print(f"1..{len(CASES)}")
    for i, (name, args) in enumerate(CASES.items(), 1):
        path = os.path.join(HERE, "expected", name)
        got = subprocess.run([driver, *args], env=env, check=True, capture_output=True).stdout.decode()
        if update:
            with open(path, "w") as f:
                f.write(got)
        with open(path) as f:
            want = f.read()
        print(f"{'ok' if got == want else 'not ok'} {i} - {name} is as expected")
        if got != want:
            diff = difflib.unified_diff(want.splitlines(), got.splitlines(), "expected", "got", lineterm="")
            print("\n".join("# " + l[:400] for l in list(diff)[:30]))
            print("# wanted? run: tests/golden/outputs.py build/tests/golden/fabricate --update")


main()
