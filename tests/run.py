#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Run every test of a build folder: fast suites first, TAP in, one closing line out.

usage: tests/run.py BUILDDIR [--suite S]... [--match TEXT] [--label L]

A test is a program that prints TAP ("ok 1 - name", "not ok ...", "ok ... # SKIP reason"). One that exits
non-zero without a "not ok", prints no test, or prints fewer than its plan says, fails as a whole. Every skip
is printed with its reason. Results are also appended to BUILDDIR/results.tsv for ./dev test to sum up.

The suites of TOGETHER run side by side: their machines wait for one another by themselves (tools/vm.sh), those of a
test with a priority before the others.
"""
import argparse, concurrent.futures, itertools, json, os, re, signal, subprocess, sys, time

ORDER = ["unit", "golden", "lint", "e2e", "attack", "transparency", "kernel", "fuzz"]
ASKED = ["long"]  # run only when named by --suite
TOGETHER = ["kernel"]
LINE = re.compile(r"^(not )?ok\b\s*(\d+)?\s*(?:-\s*)?(.*?)(?:\s*#\s*(skip|todo)\b\s*(.*))?$", re.I)


def introspect(build):
    out = subprocess.run(["meson", "introspect", "--tests", build], check=True, capture_output=True, text=True)
    tests = json.loads(out.stdout)
    for t in tests:
        t["s"] = (t["suite"] or ["unit"])[0].split(":")[-1]
    return sorted(tests, key=lambda t: (ORDER.index(t["s"]) if t["s"] in ORDER else 99, -t["priority"], t["name"]))


def run(test, build):  # in the build folder, as meson test does: arguments are relative to it
    env = dict(os.environ, **test["env"])
    limit = max(test["timeout"], 30)
    p = subprocess.Popen(test["cmd"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         env=env, cwd=test["workdir"] or build, start_new_session=True)
    try:
        out, _ = p.communicate(timeout=limit)
        late = False
    except subprocess.TimeoutExpired:
        os.killpg(p.pid, signal.SIGKILL)
        out, _ = p.communicate()
        late = True
    return p.returncode, out.decode("utf-8", "replace"), limit if late else 0


def judge(code, text, late):
    ok, bad, skip, plan = [], [], [], None
    for line in text.splitlines():
        m = re.match(r"^1\.\.(\d+)(?:\s*#\s*skip\s*(.*))?", line, re.I)
        if m:
            plan = int(m.group(1))
            if plan == 0:
                skip.append(("all", m.group(2) or "no reason printed"))
            continue
        m = LINE.match(line)
        if not m:
            continue
        name = m.group(3) or m.group(2) or "?"
        if m.group(4) and m.group(4).lower() == "skip":
            (skip if m.group(5) else bad).append((name, m.group(5) or "skipped without a reason"))
        else:
            (bad if m.group(1) else ok).append((name, ""))
    n = len(ok) + len(bad) + len(skip)
    if late:
        bad.append(("time", f"not finished after {late} s"))
    elif n == 0:
        bad.append(("output", f"no test ran (exit {code})"))
    elif plan and n < plan:
        bad.append(("plan", f"{n} of {plan} tests ran (exit {code})"))
    elif code != 0 and not bad:
        bad.append(("exit", f"exit status {code} though no test failed"))
    return ok, bad, skip


def timed(test, build):
    start = time.time()
    return test, run(test, build), time.time() - start


def tell(t, text, ok, bad, skip, took, label):
    lines = [f"{label}{t['s']}/{t['name']}: {len(ok)} ok" + (f", {len(bad)} FAILED" if bad else "")
             + (f", {len(skip)} skipped" if skip else "") + f" ({took:.1f} s)"]
    lines += ["  " + l[3:] for l in text.splitlines() if l.startswith("#: ")]  # what a test wants read in the summary
    lines += [f"  skipped: {name}: {why}" for name, why in skip]
    if bad:
        lines += [f"  FAILED: {name} {why}" for name, why in bad]
        lines += ["  | " + l for l in text.splitlines()[-60:]]
    sys.stdout.write("\n".join(lines) + "\n")  # at once: others may print beside
    sys.stdout.flush()


def outcomes(tests, build):
    """(test, (code, text, late), seconds), as they end."""
    for suite, group in itertools.groupby(tests, lambda t: t["s"]):
        if suite not in TOGETHER:
            yield from (timed(t, build) for t in group)
            continue
        group = list(group)
        with concurrent.futures.ThreadPoolExecutor(len(group)) as pool:
            started = []
            for t in group:
                started.append(pool.submit(timed, t, build))
                time.sleep(4 if t["priority"] else 0)  # all its machines are in the queue by then
            for f in concurrent.futures.as_completed(started):
                yield f.result()


def main():
    for ignored in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):  # as in a shell's background; tests of terminals would wait for ever
        if signal.getsignal(ignored) == signal.SIG_IGN:
            signal.signal(ignored, signal.SIG_DFL)
    ap = argparse.ArgumentParser()
    ap.add_argument("build")
    ap.add_argument("--suite", action="append")
    ap.add_argument("--match")
    ap.add_argument("--label", default="")
    a = ap.parse_args()
    total = [0, 0, 0]
    tests = [t for t in introspect(a.build) if (t["s"] in a.suite if a.suite else t["s"] not in ASKED)
             and (not a.match or a.match in t["name"])]
    with open(os.path.join(a.build, "results.tsv"), "a") as res:
        for t, (code, text, late), took in outcomes(tests, a.build):
            ok, bad, skip = judge(code, text, late)
            tell(t, text, ok, bad, skip, took, a.label)
            for i, l in enumerate((ok, bad, skip)):
                total[i] += len(l)
            res.write(f"{a.label}\t{t['s']}/{t['name']}\t{len(ok)}\t{len(bad)}\t{len(skip)}\n")
    print(f"{total[0]} passed, {total[1]} failed, {total[2]} skipped")
    return 1 if total[1] or not total[0] else 0


if __name__ == "__main__":
    sys.exit(main())
