#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A filter decided in the kernel shows what user space alone would show, and what it rejects never comes out.

usage: filter.py RECVGUARD PROGRAM...      trace the programs by each line of filter.exprs
       filter.py RECVGUARD --compare DIR DB   the files that tests/kernel/guest.sh left of it, and what a trace of these
                                  and other programs recorded, calls that failed too

The same programs run once untouched by a filter, into a recording; each expression is put to it (user space), then
to a trace of its own (the kernel first). Both must tell of the same messages.
"""
import collections, json, os, re, subprocess, sys

from tap import check, done, run, skip

here = os.path.dirname(os.path.abspath(__file__))


def cases():
    for line in open(os.path.join(here, "filter.exprs")):
        if not line.startswith("#"):
            where, options, expr = line.rstrip("\n").split("|", 2)
            yield where, options.split(), expr


def shape(ev):
    """A message without what differs from run to run; user memory may be paged out, the kernel's own payload may not."""
    s, m = ev.get("sock", {}), ev.get("msg", {})
    return json.dumps([ev["proc"]["comm"], ev["event"], ev.get("route"), ev.get("ret"), ev.get("peek"), s.get("family"), s.get("type"),
                       s.get("path", "").split(".")[0][:6], m.get("size"), m.get("flags"), m.get("out_flags"), len(ev.get("fd", [])),
                       [c.get("type") for c in ev.get("cmsg", [])], ev.get("sender", {}).get("uid"),
                       bool(m.get("data")) and "msg.data" not in ev.get("tags", {})])


def shapes(text):
    return collections.Counter(shape(e) for e in map(json.loads, text.splitlines()) if e["event"] != "lost")


def numbers(err):
    """Messages that came out of the kernel, and those left out there."""
    came = re.search(r"(\d+) messages?", err)
    left = re.search(r"(\d+) left out in the kernel", err)
    return int(came.group(1)) if came else -1, int(left.group(1)) if left else 0


def judge(name, where, base, shown, err):
    """base: what user space chooses of the unfiltered run; shown: what the filtered one showed."""
    came, left = numbers(err)
    n = sum(shown.values())
    differ = [f"{'only with' if v > 0 else 'only without'} the kernel's filter, {abs(v)} x: {k}"
              for k, v in {k: shown[k] - base[k] for k in shown | base}.items() if v]
    check(f"{name}: the same {sum(base.values())} messages", not differ, "\n".join(differ[:8]) + "\n" + err)
    words = {"kernel": "filter: decided in the kernel by", "part": "the rest is decided in user space", "user": "decided in user space"}[where]
    check(f"{name}: the start says where it is decided", words in err, err)
    if where == "kernel":
        check(f"{name}: nothing else came out of the kernel", came == n and left > 0, (came, n, left, err))
    elif where == "part":
        check(f"{name}: less came out of the kernel", came >= n and left > 0, (came, n, left, err))
    else:
        check(f"{name}: everything came out of the kernel", left == 0, (came, n, left, err))


def query(recvguard, db, expr):
    code, out, err = run(recvguard, "query", db, expr, "-q", "-o", "json")
    if code:
        raise SystemExit(f"query: {err}")
    return shapes(out)


def tag(options):
    return re.sub(r"\W+", "", "".join(options)) or "plain"


def compare(recvguard, folder, db):
    for n, (where, _, expr) in enumerate(cases(), 1):
        out, err = (os.path.join(folder, f"{n}.{kind}") for kind in ("json", "err"))
        if not os.path.exists(err):
            continue
        shown = shapes(open(out).read()) if os.path.exists(out) else collections.Counter()
        base = query(recvguard, db, f'({expr}) and ret >= 0 and proc.comm in {{"oracle-unix", "oracle-fds", "oracle-creds"}}')
        judge(expr, where, base, shown, open(err).read())
    done()


def natively(recvguard, programs, folder):
    script = "{ " + "; ".join(programs) + "; } >/dev/null"
    base = {}
    for where, options, expr in cases():
        if tag(options) not in base:
            db = os.path.join(folder, tag(options) + ".db")
            code, _, err = run(recvguard, "record", db, *options, "--", "sh", "-c", script, timeout=120)
            if not check(f"recorded without a filter: {' '.join(options) or 'no options'}", os.path.exists(db) and "messages" in err, err):
                done()
            base[tag(options)] = db
        code, out, err = run(recvguard, "trace", "-o", "json", *options, "--filter", expr, "--", "sh", "-c", script, timeout=120)
        judge(expr, where, query(recvguard, base[tag(options)], expr), shapes(out), err)
    env = dict(os.environ, RECVGUARD_FORCE="no-match")
    code, out, err = run(recvguard, "trace", "-o", "json", "--filter", 'proc.comm == "oracle-fds"', "--", "sh", "-c", script, env=env, timeout=120)
    came, left = numbers(err)
    check("forced: user space alone decides, and says so", "decided in user space: forced" in err and left == 0 and came > sum(shapes(out).values()) > 0, err)
    scopes(recvguard, script, base["plain"], folder)
    done()


def scopes(recvguard, script, db, folder):
    """What no policy's scope holds is left out in the kernel too; what is in scope keeps its verdict."""
    path = os.path.join(folder, "scope.yaml")
    with open(path, "w") as f:
        f.write("apiVersion: recvguard/v1\nkind: Policy\nmetadata: {name: only-unix}\nspec:\n  scope: [comm=oracle-unix]\n  mode: audit\n"
                "  rules:\n    - {name: small, when: ret < 6, then: deny}\n")
    code, out, err = run(recvguard, "trace", "-o", "json", "--policy", path, "--", "sh", "-c", script, timeout=120)
    events = [json.loads(l) for l in out.splitlines()]
    came, left = numbers(err)
    check("a policy's scope: the same messages", shapes(out) == query(recvguard, db, 'proc.comm == "oracle-unix"'), err)
    check("a policy's scope: the others stay in the kernel", came == len(events) > 0 and left > 0, err)
    check("a policy's scope: verdicts, by rule and by default",
          {(e["ret"] < 6, e["verdict"]["action"]) for e in events} == {(True, "deny"), (False, "allow")}, events[:1])


if sys.argv[2] == "--compare":
    compare(sys.argv[1], sys.argv[3], sys.argv[4])
if os.geteuid() != 0:
    skip("all", "tracing needs root")
    done()
import tempfile
with tempfile.TemporaryDirectory(prefix="rg-filter-") as folder:
    natively(sys.argv[1], sys.argv[2:], folder)
