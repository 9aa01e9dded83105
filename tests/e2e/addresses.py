#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""msg.name and msg.summary of real messages: this program receives them under `recvguard trace`, and says itself what each
must show (TAP). Every address family whose sockets receive on this machine; the others are unit tests.

usage: addresses.py RECVGUARD | addresses.py --program EXPECTED
"""
import ctypes, json, os, socket, struct, subprocess, sys, tempfile

AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET = 1, 2, 10, 16, 17
DGRAM = socket.SOCK_DGRAM


def program(out):
    libc = ctypes.CDLL(None, use_errno=True)
    expected = []

    def receive(sock, name, text, summary=None, **fields):
        sock.settimeout(5)
        sock.recvmsg(4096)
        expected.append({"fd": sock.fileno(), "name": name, "text": text, "summary": summary, "fields": fields})

    def unix(bind, name, text, **fields):
        s = socket.socket(AF_UNIX, DGRAM)
        if isinstance(bind, bytes) and len(bind) == 108:  # fills sun_path: no room for a NUL, which Python refuses
            sa = struct.pack("=H", AF_UNIX) + bind
            assert libc.bind(s.fileno(), sa, len(sa)) == 0
        elif bind:
            s.bind(bind)
        s.sendto(b"<13>hello", "r")
        receive(r, name, text, "syslog user.notice hello", **fields)

    os.chdir(os.path.dirname(out))
    r = socket.socket(AF_UNIX, DGRAM)
    r.bind("r")
    unix("plain", "unix path", "plain", path="plain")
    unix(b"\0abs\0x", "unix abstract with a NUL", "@abs\0x", path="@abs\0x")
    unix(b"\0" + b"a" * 107, "unix abstract, longest", "@" + "a" * 107)
    unix(b"p" * 108, "unix path that fills sun_path", "p" * 108, path="p" * 108)
    unix("@x", "unix path that looks abstract", "./@x", path="./@x")
    unix("(unnamed)", "unix path that looks unnamed", "./(unnamed)")
    unix(None, "unix unnamed", None)
    a = socket.socket(AF_INET, DGRAM)
    a.bind(("127.0.0.1", 0))
    a.sendto(b"x", a.getsockname())
    port = a.getsockname()[1]
    receive(a, "inet", f"127.0.0.1:{port}", addr="127.0.0.1", port=port)
    b = socket.socket(AF_INET6, DGRAM)
    b.bind(("::", 0))
    b.sendto(b"x", ("::1", b.getsockname()[1]))
    receive(b, "inet6", f"[::1]:{b.getsockname()[1]}", addr="::1", port=b.getsockname()[1], scope=0)
    a.sendto(b"x", ("127.0.0.1", b.getsockname()[1]))
    receive(b, "inet6, IPv4-mapped", f"[::ffff:127.0.0.1]:{port}", addr="::ffff:127.0.0.1")
    n = socket.socket(AF_NETLINK, socket.SOCK_RAW, 0)
    n.bind((0, 0))
    n.send(struct.pack("=IHHIIBBHiII", 32, 17, 5, 77, 0, 0, 0, 0, 99999, 0, 0))
    receive(n, "netlink", "netlink pid 0", "NLMSG_ERROR ENODEV for RTM_DELLINK seq 77", pid=0)
    query = struct.pack(">HHHHHH", 0x1234, 0x100, 1, 0, 0, 0) + b"\7example\3org\0\0\1\0\1"
    a.sendto(query, a.getsockname())
    receive(a, "inet, DNS on any port", f"127.0.0.1:{port}", "DNS query 0x1234 example.org A")
    if os.geteuid() == 0:
        for kind, name, fields in ((socket.SOCK_RAW, "packet, raw", {"pkttype": "host", "hatype": "loopback", "protocol": "ip"}),
                                   (10, "packet, SOCK_PACKET", {"dev": "lo", "hatype": "loopback", "protocol": "ip"})):
            p = socket.socket(AF_PACKET, kind, socket.htons(0x800))
            if kind == socket.SOCK_RAW:
                p.bind(("lo", 0x800))
            a.sendto(b"x", ("127.0.0.1", port))
            receive(p, name, "packet dev lo protocol ip" if kind == 10 else None, **fields)
            p.close()
    with open(out, "w") as f:
        json.dump(expected, f)


def main(recvguard):
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import tap
    with tempfile.TemporaryDirectory() as tmp:
        out, trace = os.path.join(tmp, "expected"), os.path.join(tmp, "trace.json")
        code, _, err = tap.run(recvguard, "trace", "-o", f"json={trace}", "--snaplen", "4096", "--", sys.executable,
                               os.path.abspath(__file__), "--program", out)
        if not os.path.exists(out):
            if code == 0 or "Traceback" in err:
                tap.check("the program runs under trace", False, err)
            else:
                tap.skip("addresses of real messages", f"recvguard trace: {err.strip()[:200]}")
            tap.done()
        events = [json.loads(l) for l in open(trace)]
        expected = json.load(open(out))
    got = [e for e in events if e.get("route") == "recvmsg" and not e.get("peek") and e["proc"]["comm"].startswith("python")]
    tap.check("an event for each message", len(got) == len(expected), f"{len(got)} of {len(expected)}")
    for e, w in zip(got, expected):
        name, summary = e["msg"].get("name"), e["msg"].get("summary")
        text = name.get("text") if name else None
        ok = (w["text"] is None or text == w["text"]) and all(name.get(k) == v for k, v in w["fields"].items())
        if w["name"] == "unix unnamed":
            ok = not name or name.get("text") == "(unnamed)"
        tap.check(f"{w['name']}: address", ok and "malformed" not in (name or {}), f"{name}\nwanted {w}")
        if w["summary"]:
            tap.check(f"{w['name']}: summary", summary == w["summary"], f"{summary}\nwanted {w['summary']}")
    tap.done()


if sys.argv[1] == "--program":
    program(sys.argv[2])
else:
    main(sys.argv[1])
