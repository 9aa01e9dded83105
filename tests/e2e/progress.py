#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Progress on long work: on a terminal, erased at the end, not when told to be quiet, not in a file (TAP).

usage: progress.py RECVGUARD SAMPLE
"""
import os, pty, re, subprocess, sys, tempfile, threading

from tap import check, done, run

RG, SAMPLE = sys.argv[1:3]
EVENTS = 400000  # a second's work and more


def on_terminal(*argv):
    """Exit status and what a terminal on standard error was sent; standard output is a file."""
    ours, theirs = pty.openpty()
    got = bytearray()

    def listen():
        while True:
            try:
                b = os.read(ours, 65536)
            except OSError:
                return
            if not b:
                return
            got.extend(b)

    t = threading.Thread(target=listen)
    t.start()
    p = subprocess.run([RG, *argv], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=theirs, timeout=300)
    os.close(theirs)
    t.join()
    os.close(ours)
    return p.returncode, got.decode()


def percents(text):
    return [int(n) for n in re.findall(r"\r\x1b\[K *(\d+)% of \d+ messages", text)]


with tempfile.TemporaryDirectory(prefix="rg-progress-") as d:
    db = f"{d}/r.db"
    code, out, err = run(SAMPLE, db, str(EVENTS), timeout=300)
    if not check("a recording is made", code == 0, err):
        done()
    long = {
        "replay": ("replay", db, "-o", "json"),
        "query": ("query", db, 'msg.data contains "nowhere to be found"', "-o", "json"),
        "report": ("report", db, "-o", f"{d}/r.html"),
        "graph": ("graph", db, "-o", f"json={d}/g.json"),
    }
    for name, argv in long.items():
        code, text = on_terminal(*argv)
        seen = percents(text)
        check(f"{name}: says how far it is", code == 0 and seen and seen == sorted(seen) and seen[-1] <= 100, (code, text[:300]))
        # what is drawn last is erased again; only lines of the end follow
        check(f"{name}: nothing of it stays", "%" not in text.rsplit("\r\x1b[K", 1)[-1], text[-200:])
        code, text = on_terminal(*argv, "-q")
        check(f"{name} -q: not a word of progress", code == 0 and not percents(text), text[:300])
        code, out, err = run(RG, *argv, timeout=300)
        check(f"{name}: none where standard error is no terminal", code == 0 and "\x1b" not in err and "%" not in err, err[:300])
    slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000000) SELECT max(i) FROM n"
    code, text = on_terminal("query", db, "--sql", slow)
    check("query --sql: counts rows and seconds", code == 0 and re.search(r"\r\x1b\[K\d+ rows, \d+ s", text), (code, text[:300]))
done()
