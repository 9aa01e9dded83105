#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""outputs.py RECVGUARD: every output works under the supervisor's own filter, and from a folder it has left."""
import json, os, subprocess, sys, tempfile

RG = os.path.abspath(sys.argv[1])
CODE = "import socket;a,b=socket.socketpair();a.send(b'one');b.recv(9);a.send(b'two');b.recv(9)"
FILES = {"text": "x.txt", "json": "x.json", "tracee": "x.tracee", "pcapng": "x.pcapng", "sqlite": "x.db"}

bad = n = 0


def ok(good, name, why=""):
    global bad, n
    n += 1
    bad += not good
    print(("" if good else "not ") + f"ok {n} - {name}\n" + "".join(f"# {l}\n" for l in why.splitlines() if not good), end="", flush=True)


def run(d, formats):
    """With these outputs, until the supervisor has finished them: what was said, and the status."""
    outs = sum((["-o", f"{k}={FILES[k]}"] for k in formats), [])
    p = subprocess.run([RG, "run", "-a"] + outs + ["--", sys.executable, "-c", CODE], cwd=d, stdout=subprocess.DEVNULL,
                       stderr=subprocess.PIPE, text=True, timeout=60)  # the supervisor holds the pipe to its end
    return p.stderr, p.returncode


def check(d, k):
    path = os.path.join(d, FILES[k])
    if k == "sqlite":
        r = subprocess.run([RG, "replay", path, "-o", "text"], capture_output=True, text=True)
        return '"one"' in r.stdout and '"two"' in r.stdout and not os.path.exists(path + "-wal")
    if k == "json":
        return len([json.loads(l) for l in open(path)]) >= 2
    return os.path.getsize(path) > 0


# Each alone as well: what the supervisor may do to files depends on which outputs there are.
for formats in [list(FILES), *([k] for k in FILES)]:
    with tempfile.TemporaryDirectory() as d:
        said, status = run(d, formats)
        for k in formats:
            ok(check(d, k), k + (" with the others" if len(formats) > 1 else ""))
        ok(not said and status == 0, f"and nothing is said: {', '.join(formats)}", f"{said} {status}")
print(f"1..{n}")
sys.exit(bad > 0)
