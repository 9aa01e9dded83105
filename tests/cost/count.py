# SPDX-License-Identifier: BSD-2-Clause
"""Instructions of our own code for one event of fixed work, counted by valgrind, against what the tree records.

Times here are noisy, counts are not. Counted is what the program's own object executes: libc and SQLite choose
routines by the processor, and are not ours. Two runs of N and 2N events are subtracted, so that the start does not
count. Tolerance: 6 % either way, because compilers of one release differ a little in what they inline. Fewer is
reported too: then the record is to be renewed (--record), or the gain could be lost again unseen.

usage: count.py BENCH-COUNT counts.tsv [--record]
"""
import os, re, shutil, subprocess, sys, tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../e2e"))
from tap import check, done, skip

TOLERANCE = 0.06
WORK = (("stream", 1000), ("udp", 1000), ("policy", 1000), ("sqlite", 1000))
program, table = os.path.realpath(sys.argv[1]), sys.argv[2]


def own(path):
    """Instructions executed in the program's object, from callgrind's file: cost lines after its ob=, without those
    that only repeat what a called function took."""
    total, ours, names, called = 0, False, {}, False
    for line in open(path):
        m = re.match(r"ob=\((\d+)\)(?: (.*))?", line)
        if m:
            if m.group(2):
                names[m.group(1)] = m.group(2).strip()
            ours = names[m.group(1)] == program
        elif re.match(r"cob=\((\d+)\) ", line):
            m = re.match(r"cob=\((\d+)\) (.*)", line)
            names[m.group(1)] = m.group(2).strip()
        elif line.startswith("calls="):
            called = True
        elif re.match(r"[+*\-0-9]", line):
            if ours and not called:
                total += int(line.split()[1])
            called = False
    return total


def count(what, n):
    with tempfile.TemporaryDirectory(prefix="rg-count-") as d:
        out = os.path.join(d, "out")
        p = subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", program, what, str(n), os.path.join(d, "rec.db")],
                           capture_output=True, text=True, timeout=300)
        if p.returncode:
            raise RuntimeError(p.stderr.strip()[-400:])
        return own(out)


if not shutil.which("valgrind"):
    skip("all", "valgrind is not installed")
    done()
recorded = {l.split("\t")[0]: float(l.split("\t")[1]) for l in open(table) if l.strip() and not l.startswith("#")} if os.path.exists(table) else {}
found = {}
for what, n in WORK:
    try:
        found[what] = (count(what, 2 * n) - count(what, n)) / n
    except RuntimeError as e:
        check(f"{what}: counted", False, e)
        continue
    print(f"#: {what}: {found[what]:.0f} instructions an event, recorded {recorded.get(what, 0):.0f}")
    if "--record" not in sys.argv:
        check(f"{what}: within {TOLERANCE:.0%} of what is recorded", what in recorded and
              abs(found[what] / recorded[what] - 1) <= TOLERANCE, f"{found[what]:.0f} instructions an event, recorded {recorded.get(what)}")
if "--record" in sys.argv:
    with open(table, "w") as f:
        f.write("# instructions of our own code for one event: tests/cost/count.py, renewed by its --record\n")
        f.writelines(f"{k}\t{v:.0f}\n" for k, v in found.items())
    check("recorded", len(found) == len(WORK))
done()
