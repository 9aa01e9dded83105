#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""--direction both while only some of the processes that share a sending socket are selected: a receipt has the msg.id
of its own send or of none that is shown, and a sender that is told by the send is the right one (TAP).

usage: shared.py RECVGUARD
"""
import json, os, sys, tempfile

from tap import check, done, run, skip

PROGRAM = """
import os, socket, sys
def name(n):
    open('/proc/self/comm', 'w').write(n)
kind, order = sys.argv[1:]
name('traced')
if kind == 'tcp':
    l = socket.socket(); l.bind(('127.0.0.1', 0)); l.listen()
    a = socket.create_connection(l.getsockname()); b, _ = l.accept()
else:
    a, b = socket.socketpair(socket.AF_UNIX, {'stream': socket.SOCK_STREAM, 'dgram': socket.SOCK_DGRAM}[kind])
who = {}
def send(n, text):
    pid = os.fork()
    if pid == 0:
        name(n); a.send(text.encode()); os._exit(0)
    os.waitpid(pid, 0)
    who[text] = pid
for i in range(6):
    for n in ('hidden', 'traced') if i % 2 else ('traced', 'hidden'):
        send(n, '%s %d' % (n, i))
        if order == 'each':
            b.recv(8)
if order == 'all':
    for i in range(12):
        b.recv(8)
for text, pid in who.items():
    print(pid, text)
"""


def judge(kind, order, d):
    out = f"{d}/{kind}-{order}.json"
    code, told, err = run(sys.argv[1], "trace", "-q", "--comm", "traced", "--direction", "both", "-o", f"json={out}", "--",
                          sys.executable, "-c", PROGRAM, kind, order)
    name = f"{kind}, received {'one by one' if order == 'each' else 'at the end'}"
    if not check(f"{name}: the program runs", code == 0, err):
        return
    who = {text: int(pid) for pid, text in (l.split(" ", 1) for l in told.splitlines())}
    sent, got = {}, {}
    for e in map(json.loads, open(out)):
        if e["event"] != "lost" and e["msg"].get("data") in who:
            (sent if e["event"].startswith(("send", "write")) else got)[e["msg"]["data"]] = e
    check(f"{name}: selected sends and all receipts are shown", set(sent) == {t for t in who if t[0] == "t"} and set(got) == set(who), (sent, got))
    ids = {e["msg"].get("id"): t for t, e in sent.items()}
    wrong = [(t, ids[e["msg"]["id"]]) for t, e in got.items() if ids.get(e["msg"].get("id"), t) != t]
    check(f"{name}: no receipt has another's msg.id", not wrong, wrong)
    check(f"{name}: those of selected sends are joined", all(got[t]["msg"].get("id") == e["msg"].get("id") is not None for t, e in sent.items()))
    said = {t: e["sender"]["pid"] for t, e in got.items() if e.get("sender", {}).get("how") == "send"}
    check(f"{name}: the sender told by the send is who sent", set(said) == set(sent) and all(who[t] == p for t, p in said.items()), said)


if os.geteuid() != 0:
    skip("shared", "tracing needs root")
    done()
with tempfile.TemporaryDirectory(prefix="rg-shared-") as d:
    for kind in ("dgram", "stream", "tcp"):
        for order in ("each", "all"):
            judge(kind, order, d)
done()
