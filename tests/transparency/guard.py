#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""recvguard guard on sockets of a running process (this one): TAP. usage: guard.py RECVGUARD"""
import os, socket, subprocess, sys, tempfile

RG = sys.argv[1]
count = failed = 0


def ok(good, name, why=""):
    global count, failed
    count += 1
    failed += not good
    print(f"{'' if good else 'not '}ok {count} - {name}" + (f": {why}" if why and not good else ""), flush=True)


def guard(sock, rules, *more, default="allow"):
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
        f.write("apiVersion: recvguard/v1\nkind: Policy\nmetadata: {name: g}\nspec:\n  default: " + default + "\n  rules:\n" +
                "".join(f"    - {{name: r{i}, when: '{when}', then: {then}}}\n" for i, (when, then) in enumerate(rules)))
        f.flush()
        return subprocess.run([RG, "guard", "--pid", str(os.getpid()), "--fd", str(sock.fileno()), "-p", f.name, *more],
                              capture_output=True, text=True)


def got(sock):
    sock.setblocking(False)
    out = []
    while True:
        try:
            out.append(sock.recv(1000))
        except BlockingIOError:
            return out


RULES = [('msg.data[0:4] == x"676f6f64"', "allow"), ("msg.size > 10", "drop"), ('msg.data[0:4] == x"4556494c"', "drop")]
SENT = [b"good and very long", b"EVIL", b"short", b"much too long for it", b"x"]
WANT = [b"good and very long", b"short", b"x"]
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("127.0.0.1", 0))
for name, (a, b) in (("unix datagram", socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)),
                     ("unix seqpacket", socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)),
                     ("UDP", (socket.socket(socket.AF_INET, socket.SOCK_DGRAM), udp))):
    if b is udp:
        a.connect(udp.getsockname())
    r = guard(b, RULES)
    for m in SENT:
        a.send(m)
    seen = got(b)
    ok(r.returncode == 0 and seen == WANT, f"{name}: first match wins, what is dropped never arrives", f"{seen} {r.stderr}")
    r = guard(b, RULES)
    ok(r.returncode == 1 and "locked" in r.stderr, f"{name}: the filter is locked", r.stderr)
    try:
        b.setsockopt(socket.SOL_SOCKET, 27, 0)  # SO_DETACH_FILTER
        ok(False, f"{name}: the process cannot take it off")
    except OSError as e:
        ok(e.errno == 1, f"{name}: the process cannot take it off", str(e))

a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
r = guard(b, RULES)
ok(r.returncode == 1 and "stream" in r.stderr, "a stream is refused with the reason", r.stderr)
a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
r = guard(b, [("any(fd, kind != memfd)", "strip")])
ok(r.returncode == 1 and "descriptors" in r.stderr, "a rule that does not fit is refused with the reason", r.stderr)
r = guard(b, [("sender.uid != 0", "drop")])
ok(r.returncode == 1 and "r0" in r.stderr, "a test that a filter cannot make is refused with the reason", r.stderr)
r = guard(b, [("sender.uid != 0", "allow"), ("msg.size > 3", "drop")], "--partial")
ok(r.returncode == 1, "an allowing rule that does not fit is never left out", r.stderr)
a.send(b"12345")
ok(got(b) == [b"12345"], "after a refusal the socket is as it was")
r = guard(b, [("sender.uid != 0", "drop"), ("msg.size > 3", "drop")], "--partial")
a.send(b"12345")
a.send(b"123")
ok(r.returncode == 0 and "left out" in r.stderr and got(b) == [b"123"], "--partial leaves it out and says so", r.stderr)
r = subprocess.run([RG, "guard", "--pid", str(os.getpid()), "--fd", "9999", "-p", "/dev/null"], capture_output=True, text=True)
ok(r.returncode == 1 and "9999" in r.stderr, "a number that is no descriptor is named", r.stderr)
print(f"1..{count}")
sys.exit(failed > 0)
