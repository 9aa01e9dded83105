#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Golden tests of the policy compiler: every pass, every message.

usage: policy.py RECVGUARD [--update]

tests/golden/policy/*.cases hold cases, separated by a line of "=====". A case is a line "# name", a line
"$ ARGUMENTS" for recvguard (shell words), optionally lines "| text" that become the file FILE in the
arguments, then the expected output: standard output and standard error, and "exit N" when N is not 0.
"""
import os, shlex, subprocess, sys, tempfile

here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "policy")
binary, update = sys.argv[1], "--update" in sys.argv
number = failed = 0
results = []


def run(words, text):
    with tempfile.TemporaryDirectory() as d:
        with open(os.path.join(d, "FILE"), "w") as f:
            f.write(text)
        p = subprocess.run([os.path.abspath(binary), *words], cwd=d, capture_output=True, text=True, timeout=20,
                           env=dict(os.environ, LC_ALL="C", NO_COLOR="1"), stdin=subprocess.DEVNULL)
    out = p.stdout + p.stderr
    return out + (f"exit {p.returncode}\n" if p.returncode else "")


for name in sorted(os.listdir(here)):
    if not name.endswith(".cases"):
        continue
    path = os.path.join(here, name)
    cases = open(path).read().split("=====\n")
    new = []
    for case in cases:
        lines = case.splitlines()
        title, command = lines[0], lines[1]
        assert title.startswith("# ") and command.startswith("$ "), f"{name}: {title!r}"
        text = [l for l in lines[2:] if l.startswith("| ") or l == "|"]
        want = "\n".join(lines[2 + len(text):]) + "\n"
        got = run(shlex.split(command[2:]), "\n".join(l[2:] for l in text) + "\n")
        new.append("\n".join([title, command, *text]) + "\n" + got)
        number += 1
        ok = got == want
        failed += not ok
        print(("ok" if ok or update else "not ok"), number, "-", f"{name}: {title[2:]}")
        if not ok and not update:
            for side, t in (("want", want), ("got ", got)):
                for line in t.splitlines():
                    print(f"# {side} {line}")
    if update:
        open(path, "w").write("=====\n".join(new))
print(f"1..{number}")
sys.exit(bool(failed) and not update)
