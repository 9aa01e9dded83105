#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""kinds.py RECVGUARD: a file that bears a memfd's name is no memfd to a policy that admits memfds only."""
import subprocess, sys, tempfile

RG = sys.argv[1]
POLICY = """apiVersion: recvguard/v1
kind: Policy
metadata: {name: kinds}
spec:
  default: allow
  rules:
    - {name: only memfds, when: 'any(fd, kind != memfd)', then: strip}
"""
# A mount namespace whose root is a tmpfs: a file there is called /memfd:x, as seen by the supervisor.
PROGRAM = """
import array, ctypes, os, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
def must(rc, what):
    if rc: print("cannot", what, os.strerror(ctypes.get_errno())); sys.exit(3)
a, b = socket.socketpair()
def passes(fd):
    a.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))])
    data, anc, flags, _ = b.recvmsg(1, 64)
    return len(anc)
print("memfd", passes(os.memfd_create("x")))
if os.geteuid():
    must(libc.unshare(0x10000000), "unshare user")
must(libc.unshare(0x20000), "unshare mounts")
must(libc.mount(None, b"/", None, 0x44000, None), "make private")
must(libc.mount(b"none", b"/mnt", b"tmpfs", 0, None), "mount")
os.mkdir("/mnt/old"); os.chdir("/mnt")
must(libc.syscall(155, b".", b"old"), "pivot_root")
os.chdir("/")
fd = os.open("/memfd:x", os.O_RDWR | os.O_CREAT)
print("name", os.readlink("/old/proc/self/fd/%d" % fd))
print("file", passes(fd))
"""

with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
    f.write(POLICY)
    f.flush()
    r = subprocess.run([RG, "run", "-q", "-p", f.name, "--", sys.executable, "-c", PROGRAM], capture_output=True, text=True)
print("1..2")
if "cannot" in r.stdout:
    why = r.stdout.strip().splitlines()[-1]
    print(f"ok 1 - memfds pass # SKIP {why}")
    print(f"ok 2 - a file with a memfd's name does not # SKIP {why}")
    sys.exit(0)
good = ["memfd 1" in r.stdout, "name /memfd:x\nfile 0\n" in r.stdout]
print(("" if good[0] else "not ") + "ok 1 - memfds pass")
print(("" if good[1] else "not ") + "ok 2 - a file with a memfd's name does not")
if not all(good):
    print("\n".join("# " + l for l in (r.stdout + r.stderr).splitlines()))
sys.exit(not all(good))
