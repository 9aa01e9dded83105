#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Receives a few messages from itself: credentials, UDP, descriptors. --show prints what arrived."""
import os, socket, struct, sys

SHOW = "--show" in sys.argv


def say(what):
    if SHOW:
        print(what, flush=True)


def credentials():
    a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    b.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    a.send(b"who sent me?")
    data, anc, _, _ = b.recvmsg(200, socket.CMSG_SPACE(12))
    pid, uid, gid = struct.unpack("3i", anc[0][2])
    say(f"credentials: pid {'mine' if pid == os.getpid() else pid}, uid {uid}")


def datagrams():
    r = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    r.bind(("127.0.0.1", 0))
    r.setsockopt(socket.IPPROTO_IP, 8, 1) # IP_PKTINFO
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for name, size in (("small", 20), ("large", 500)):
        s.sendto(b"x" * size, r.getsockname())
        try:
            data = r.recvmsg(2000, 100)[0]
            say(f"{name} datagram: delivered, {len(data)} bytes")
        except OSError as e:
            say(f"{name} datagram: refused, {os.strerror(e.errno)}")


def descriptors():
    a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    files = (("memfd", os.memfd_create("shared")), ("file", os.open("/etc/passwd", os.O_RDONLY)))
    for name, fd in files:
        socket.send_fds(a, [name.encode()], [fd])
        data, fds, flags, _ = socket.recv_fds(b, 100, 4)
        lost = " (MSG_CTRUNC)" if flags & socket.MSG_CTRUNC else ""
        say(f"{name}: {'arrived' if fds else 'stripped' + lost}")


credentials()
datagrams()
descriptors()
