# SPDX-License-Identifier: BSD-2-Clause
"""Each fallback of the tracepoint tier, forced: what it gives must still be true, and tagged for what it is.

usage: fallbacks.py RECVGUARD
"""
import json, os, sys

from tap import check, done, run, skip

program = sys.argv[1]
SCRIPT = r'''
import array, os, socket
a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
b.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
f = open("/etc/passwd")
socket.send_fds(a, [b"with a file"], [f.fileno()])
b.recvmsg(100, 200)
a.send(b"cut off here")
b.recvmsg(3, 200)
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(("127.0.0.1", 0))
v = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); v.bind(("127.0.0.1", 0))
v.sendto(b"datagram", u.getsockname())
u.recvfrom(100)
c, d = socket.socketpair()
c.sendall(bytes(range(256)) * 400)
n = 0
while n < 102400: n += len(d.recv(min(65536, 102400 - n), socket.MSG_WAITALL))
'''
if os.geteuid() != 0:
    skip("all", "tracing needs root")
    done()


def trace(force):
    env = dict(os.environ, RECVGUARD_FORCE=force)
    code, out, err = run(program, "trace", "--tier", "tracepoint", "--snaplen", "all", "-o", "json", "--", sys.executable,
                         "-c", SCRIPT, env=env)
    return code, [json.loads(line) for line in out.splitlines()], err


def data(e):
    import base64
    d = e["msg"].get("data", "")
    return base64.b64decode(d["base64"]) if isinstance(d, dict) else d.encode()


for force in ("", "no-stack", "no-dynptr", "no-stack,no-dynptr"):
    code, events, err = trace(force)
    what = force or "nothing forced"
    if not check(f"{what}: traced", code == 0 and len(events) >= 5, (code, err)):
        continue
    by_stack = "no-stack" not in force
    check(f"{what}: the start says what every system call pays", ("every system call" in err) == (not by_stack), err)
    fds, cut, udp = events[0], events[1], [e for e in events if e["sock"]["family"] == "inet"][0]
    check(f"{what}: the descriptor and its number", fds["fd"][0]["path"] == "/etc/passwd" and fds["fd"][0]["fd"] > 2, fds)
    check(f"{what}: credentials decoded", any(c["type"] == "SCM_CREDENTIALS" for c in fds["cmsg"]), fds)
    check(f"{what}: flags are the kernel's word, or marked as not",
          fds["tags"].get("msg.out_flags") == (None if by_stack else "U,TOCTOU"), fds["tags"])
    check(f"{what}: truncation found", cut["msg"].get("truncated") is True and cut["msg"]["size"] == 12, cut)
    check(f"{what}: the sender's address", udp["msg"]["name"]["addr"] == "127.0.0.1" and udp["msg"]["name"]["port"] > 0, udp)
    check(f"{what}: its tag", udp["tags"].get("msg.name") == (None if by_stack else "U,TOCTOU"), udp["tags"])
    check(f"{what}: a datagram's payload", data(udp) == b"datagram", udp)
    stream = b"".join(data(e) for e in events if e["sock"]["type"] == "stream" and e["sock"]["family"] == "unix")
    check(f"{what}: a long stream, whole", stream == bytes(range(256)) * 400, len(stream))
done()
