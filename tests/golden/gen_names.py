#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The generator of names (tools/gen-names.py) on headers of our own: what newer kernels may bring, and mistakes.

usage: gen_names.py GEN-NAMES CC...
"""
import os
import re
import subprocess
import sys
import tempfile

HEADER = """
#define E_ONE 1
#define E_FIRST E_ONE
enum { E_TWO = 2, E_BIG = 0x80000000u };
#define E_TWO E_TWO
#define E_BIG E_BIG
#define E_UNO 1
#define E_MAX 9
#define E_NOT_A(x) (x)
#define F_A 1
#define F_B 2
#define F_AB (F_A | F_B)
"""
SPEC = """
table errs lower
include rg_test.h
match E_(\\w+)
skip E_MAX
add E_TWO 7  # ignored: the header has it
add E_LATE 0x10  # Linux 9.9
table flags bits
include rg_test.h
match F_\\w+
"""
WANT = {"errs": [(1, "one"), (1, "uno"), (1, "first"), (2, "two"), (16, "late"), (0x80000000, "big")],
        "flags": [(3, "F_AB"), (1, "F_A"), (2, "F_B")]}


def generate(gen, cc, folder, spec):
    paths = [os.path.join(folder, n) for n in ("rg_test.h", "spec", "out.c")]
    for path, text in zip(paths, (HEADER, spec)):
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
    p = subprocess.run([sys.executable, gen, paths[1], paths[2], *cc, "-I" + folder], capture_output=True, text=True,
                       check=False)
    tables, name = {}, None
    if not p.returncode:
        with open(paths[2], encoding="utf-8") as f:
            for line in f:
                m = re.match(r"const struct rg_name rg_names_(\w+)\[\]", line)
                name = m.group(1) if m else name
                m = re.match(r'\t\{(0x[0-9a-f]+), "(\w+)"\}', line)
                if m:
                    tables.setdefault(name, []).append((int(m.group(1), 16), m.group(2)))
    return p, tables


def main():
    gen, cc, bad = sys.argv[1], sys.argv[2:], 0
    with tempfile.TemporaryDirectory() as folder:
        p, tables = generate(gen, cc, folder, SPEC)
        checks = [("values, second names, what headers lack, composites first", tables == WANT, f"{tables} {p.stderr}"),
                  ("two names of one value are told", "E_ONE and E_UNO are both 1" in p.stderr, p.stderr)]
        for name, spec, said in [
                ("a line that is not understood is refused", SPEC + "frob x\n", "spec:"),
                ("an addition without its source is refused", SPEC + "add F_C 4\n", "spec:"),
                ("a table that nothing matches is refused", "table x\ninclude rg_test.h\nmatch Z_\\w+\n", "defines nothing"),
                ("a header that is not there is refused", "table x\ninclude rg_none.h\nmatch Z\n", "rg_none.h")]:
            p, _ = generate(gen, cc, folder, spec)
            checks.append((name, p.returncode != 0 and said in p.stderr, p.stderr))
    print(f"1..{len(checks)}")
    for n, (name, ok, why) in enumerate(checks, 1):
        bad += not ok
        print(f"{'' if ok else 'not '}ok {n} - {name}" + ("" if ok else "\n# " + why.replace("\n", "\n# ")))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
