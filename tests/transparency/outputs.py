#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""outputs.py RECVGUARD: every output works under the supervisor's own filter, and from a folder it has left."""
import json, os, subprocess, sys, tempfile, time

RG = os.path.abspath(sys.argv[1])
CODE = "import socket;a,b=socket.socketpair();a.send(b'one');b.recv(9);a.send(b'two');b.recv(9)"
FILES = {"text": "x.txt", "json": "x.json", "tracee": "x.tracee", "pcapng": "x.pcapng", "sqlite": "x.db"}

bad = 0
print(f"1..{len(FILES) + 1}")
with tempfile.TemporaryDirectory() as d:
    outs = sum((["-o", f"{k}={v}"] for k, v in FILES.items()), [])
    p = subprocess.run([RG, "run", "-a", "--pid-file", "pid"] + outs + ["--", sys.executable, "-c", CODE], cwd=d,
                       stdout=subprocess.DEVNULL, stderr=open(os.path.join(d, "err"), "w"))
    pid = open(os.path.join(d, "pid")).read().strip()
    for _ in range(1000):  # the supervisor finishes its outputs after the command has ended
        if not os.path.exists(f"/proc/{pid}"):
            break
        time.sleep(0.02)
    said = open(os.path.join(d, "err")).read()
    for n, (k, v) in enumerate(FILES.items(), 1):
        path = os.path.join(d, v)
        if k == "sqlite":
            r = subprocess.run([RG, "replay", path, "-o", "text"], capture_output=True, text=True)
            good = '"one"' in r.stdout and '"two"' in r.stdout and not os.path.exists(path + "-wal")
        elif k == "json":
            good = len([json.loads(l) for l in open(path)]) >= 2
        else:
            good = os.path.getsize(path) > 0
        bad += not good
        print(("" if good else "not ") + f"ok {n} - {k}")
    bad += bool(said or p.returncode)
    print(("not " if said or p.returncode else "") + f"ok {len(FILES) + 1} - and nothing is said")
    print("".join(f"# {l}\n" for l in said.splitlines()), end="")
sys.exit(bad > 0)
