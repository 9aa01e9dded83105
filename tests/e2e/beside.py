# SPDX-License-Identifier: BSD-2-Clause
"""Other programs come to the same tracepoint and go: what stands on the kernel's stack moves, and no message may
lack its flags, its name or its control data for it.

usage: beside.py RECVGUARD
"""
import json, os, subprocess, sys, tempfile

from tap import check, done, skip

program = sys.argv[1]
COMES_AND_GOES = 3
ROUTES = ("recvmsg", "recvfrom", "read", "recvmmsg")
# Every shape of call, until the file is gone; what was done is said at the end.
SCRIPT = r'''
import ctypes, os, socket, struct, sys, time
a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
b.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(("127.0.0.1", 0))
v = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
c, d = socket.socketpair()
libc = ctypes.CDLL(None)
class Iov(ctypes.Structure): _fields_ = [("base", ctypes.c_void_p), ("len", ctypes.c_size_t)]
class Msg(ctypes.Structure): _fields_ = [("name", ctypes.c_void_p), ("namelen", ctypes.c_uint), ("iov", ctypes.c_void_p),
    ("iovlen", ctypes.c_size_t), ("control", ctypes.c_void_p), ("controllen", ctypes.c_size_t), ("flags", ctypes.c_int), ("pad", ctypes.c_uint), ("n", ctypes.c_size_t)]
room, control = ctypes.create_string_buffer(64), ctypes.create_string_buffer(256)
iov = Iov(ctypes.addressof(room), 64)
n = 0
while os.path.exists(sys.argv[1]):
    a.send(b"recvmsg"); b.recvmsg(100, 200)
    v.sendto(b"recvfrom", u.getsockname()); u.recvfrom(100)
    c.send(b"read"); os.read(d.fileno(), 100)
    a.send(b"first"); a.send(b"second")
    m = (Msg * 2)(*[Msg(0, 0, ctypes.addressof(iov), 1, ctypes.addressof(control), 256, 0, 0) for _ in range(2)])
    if libc.recvmmsg(b.fileno(), m, 2, 0, None) != 2: sys.exit("recvmmsg")
    n += 5
    time.sleep(0.0005)
print(n)
'''
if os.geteuid() != 0:
    skip("all", "tracing needs root")
    done()


def lacks(e):
    """What a message of the workload does not tell from the kernel."""
    what = []
    if "out_flags" not in e["msg"] or "msg.out_flags" in e.get("tags", {}):
        what.append("flags")
    if e["route"] == "recvfrom" and e["msg"].get("name", {}).get("addr") != "127.0.0.1":
        what.append("name")
    if e["route"] in ("recvmsg", "recvmmsg") and not any(c["type"] == "SCM_CREDENTIALS" for c in e.get("cmsg", [])):
        what.append("control")
    return what


def other():
    """Another trace on the same tracepoint, of nothing, that has attached its programs."""
    p = subprocess.Popen([program, "trace", "--tier", "tracepoint", "--comm", "nobody-is-called", "-o", "json"],
                         stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    return p if p.stderr.readline() else None


def leave(p):
    p.terminate()
    p.communicate()


def trace(what, first):
    """A trace that starts with another one attached already (first) or not; others come and go meanwhile."""
    with tempfile.TemporaryDirectory() as d, tempfile.TemporaryFile("w+") as out:
        go = os.path.join(d, "go")
        open(go, "w").close()
        before = other() if first else None
        p = subprocess.Popen([program, "trace", "--tier", "tracepoint", "-o", "json", "--", sys.executable, "-c", SCRIPT, go],
                             stdout=out, stderr=subprocess.PIPE, text=True)
        p.stderr.readline()
        if before:
            leave(before)
        for _ in range(COMES_AND_GOES):
            o = other()
            if not check(f"{what}: another trace attaches", o):
                break
            leave(o)
        os.unlink(go)
        _, err = p.communicate()
        out.seek(0)
        events = [json.loads(l) for l in out if l.startswith("{")]
    mine = [e for e in events if e.get("route") in ROUTES and e["sock"]["family"] in ("unix", "inet") and e["ret"] > 0]
    check(f"{what}: traced", p.returncode == 0 and len(mine) > 100, (p.returncode, len(mine), err))
    lacking = [(e["id"], e["route"], lacks(e)) for e in mine if lacks(e)]
    check(f"{what}: none of {len(mine)} messages lacks flags, name or control data", not lacking, (len(lacking), lacking[:10]))


trace("alone at the start", False)
trace("beside another at the start", True)
done()
