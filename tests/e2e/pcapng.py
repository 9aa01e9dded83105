#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""pcapng as stock tshark reads it: dissected protocols, addresses, process ids, comments, losses; live too (TAP).

usage: pcapng.py DISSECT CASES... [RECVGUARD]
DISSECT (tests/golden/dissect.c) writes an event for each case of a file through the sink. The blocks are also read
here, by a reader that knows nothing of the writer. With RECVGUARD a real session is traced.
"""
import os, select, shutil, stat, struct, subprocess, sys, tempfile, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tap

DRIVER, GOLDEN, HERE = sys.argv[1:4]
RECVGUARD = sys.argv[4] if len(sys.argv) > 4 else None
SHB, IDB, ISB, EPB = 0x0A0D0D0A, 1, 5, 6


def options(raw):
    found, at = {}, 0
    while at + 4 <= len(raw):
        code, n = struct.unpack_from("=HH", raw, at)
        if code == 0:
            break
        found.setdefault(code, []).append(raw[at + 4:at + 4 + n])
        at += 4 + (n + 3 & ~3)
    return found


def blocks(data):
    """Every block: its type, fields, options. Raises on anything a strict reader would refuse."""
    at = 0
    while at < len(data):
        kind, n = struct.unpack_from("=II", data, at)
        assert n % 4 == 0 and n >= 12 and at + n <= len(data), f"block length {n} at {at}"
        assert struct.unpack_from("=I", data, at + n - 4)[0] == n, f"trailing length at {at}"
        body = data[at + 8:at + n - 4]
        if kind == SHB:
            magic, major, minor, size = struct.unpack_from("=IHHq", body)
            yield kind, {"magic": magic, "version": (major, minor), "size": size}, options(body[16:])
        elif kind == IDB:
            link, _, snap = struct.unpack_from("=HHI", body)
            yield kind, {"link": link, "snaplen": snap}, options(body[8:])
        elif kind == EPB:
            iface, high, low, cap, full = struct.unpack_from("=IIIII", body)
            yield kind, {"iface": iface, "time": high << 32 | low, "full": full, "data": body[20:20 + cap]}, \
                options(body[20 + (cap + 3 & ~3):])
        else:
            assert kind == ISB, f"block of kind {kind}"
            iface, high, low = struct.unpack_from("=III", body)
            yield kind, {"iface": iface}, options(body[12:])
        at += n


def u64(opts, code):
    return struct.unpack("=Q", opts[code][0])[0] if code in opts else None


def check_blocks(path, cases):
    data = open(path, "rb").read()
    try:
        all_blocks = list(blocks(data))
    except AssertionError as e:
        return tap.check("blocks are well formed", False, e)
    tap.check("blocks are well formed", True)
    kind, first, opts = all_blocks[0]
    tap.check("section: magic, version, tool", kind == SHB and first["magic"] == 0x1A2B3C4D and first["version"] == (1, 0)
              and first["size"] == -1 and opts[4][0].startswith(b"recvguard "), opts)
    ifaces = [(f["link"], o[2][0].decode(), o[9][0]) for k, f, o in all_blocks if k == IDB]
    links = {name: link for link, name, _ in ifaces}
    tap.check("one interface per family and link type, described once", len(ifaces) == len(set(ifaces)) and
              (links["netlink"], links["unix"], links["inet"], links["unix-dbus"]) == (253, 252, 252, 231), ifaces)
    tap.check("nanoseconds everywhere", all(r == b"\x09" for _, _, r in ifaces))
    seen = 0
    for k, f, _ in all_blocks:
        seen += k == IDB
        if k in (EPB, ISB) and f["iface"] >= seen:
            return tap.check("interfaces are described before they are used", False, f)
    tap.check("interfaces are described before they are used", True)
    packets = [(f, o) for k, f, o in all_blocks if k == EPB]
    per_case = {}
    for f, o in packets:
        per_case.setdefault((f["time"] - 1795467812123456789) // 1000000, []).append((f, o))
    tap.check("every event is a packet, in order, at its time", sorted(per_case) == list(range(cases)), f"{sorted(per_case)} of {cases}")
    tap.check("process and thread id", all(struct.unpack("=II", o[8][0]) == (1000 + n, 2000 + n)
                                           for n, l in per_case.items() for _, o in l))
    tap.check("direction", all(o[2][0] == struct.pack("=I", 1) for _, o in packets))
    comments = [o[1][0].decode("ascii") for _, o in packets]
    tap.check("comments: process, sender, verdict", all(
        c.startswith(f"client[{1000 + n}/{2000 + n}]; recvmsg ") and "; from server[4242] (by message)" in c and
        ("; verdict deny" if n % 2 else "; verdict allow") in c for n, l in per_case.items()
        for c in [o[1][0].decode() for _, o in l]), comments[0])
    tap.check("comments are printable", all(c.isprintable() and c.isascii() and "\\x1b[2J" in c for c in comments))
    lost = [(f, o) for k, f, o in all_blocks if k == ISB]
    said = [o[1][0].decode() for _, o in lost if 1 in o]
    tap.check("a loss stands where it happened", said == ["lost 17: ring_full"] and [k for k, _, o in all_blocks if k == EPB or
              1 in o and k == ISB].index(ISB) == sum(len(per_case[n]) for n in range(10)), said)
    drops = [u64(o, 4) for _, o in packets if 4 in o]
    tap.check("the next packet counts it", drops == [17], drops)
    last = {f["iface"]: o for f, o in lost}
    unix = [i for i, (_, name, _) in enumerate(ifaces) if name == "unix"][0]
    tap.check("closing statistics of every interface", sorted(last) == list(range(len(ifaces))) and
              all(u64(o, 8) == sum(f["iface"] == i for f, _ in packets) and u64(o, 4) == u64(o, 5) + u64(o, 8)
                  for i, o in last.items()) and u64(last[unix], 5) == 17 and sum(u64(o, 5) for o in last.values()) == 17)


def tshark(path, *args):
    env = dict(os.environ, HOME=TMP, XDG_CONFIG_HOME=TMP, LC_ALL="C.UTF-8")
    return subprocess.run(["tshark", "-n", "-r", path, *args], env=env, capture_output=True, text=True,
                          errors="replace", timeout=120)


def table(path, names):
    """One row of those fields for each packet: tshark is asked once."""
    args = [a for n in names for a in ("-e", n)]
    out = tshark(path, "-T", "fields", "-E", "separator=/t", *args)
    return [dict(zip(names, l.split("\t"))) for l in out.stdout.splitlines()] if out.returncode == 0 else [{"": out.stderr}]


def check_fields(path, wanted):
    names = sorted({n for _, w in wanted for n in w} | {"frame.comment", "_ws.malformed"})
    rows = table(path, names)
    for name, want in wanted:
        near = [str({k: r.get(k) for k in want}) for r in rows if r.get(next(iter(want)))]
        tap.check(f"tshark: {name}", any(all(r.get(k) == v for k, v in want.items()) for r in rows),
                  f"wanted {want} among\n" + "\n".join(near))
    return rows


DISSECTED = [
    ("D-Bus method call", {"dbus.member": "Hello", "dbus.interface": "org.freedesktop.DBus", "dbus.path": "/org/freedesktop/DBus",
                           "frame.interface_name": "unix-dbus"}),
    ("D-Bus signal with descriptors, big endian", {"dbus.member": "Changed", "dbus.unix_fds": "2", "dbus.endianness": "66"}),
    ("D-Bus without its body is short, not malformed", {"dbus.member": "NameHasOwner", "frame.len": "136", "frame.cap_len": "128",
                                                       "_ws.malformed": ""}),
    ("D-Bus handshake is left as data", {"data.data": "4e45474f54494154455f554e49585f46440d0a", "frame.interface_name": "unix"}),
    ("netlink link message", {"netlink-route.nltype": "16", "netlink-route.ifla_ifname": "lo", "frame.interface_name": "netlink"}),
    ("netlink error", {"netlink.error": "-19"}),
    ("generic netlink", {"genl.ctrl.family_name": "nlctrl"}),
    ("DNS question", {"dns.id": "0x1234", "dns.qry.name": "example.org", "dns.flags.response": "0"}),
    ("DNS answer", {"dns.a": "192.0.2.1", "dns.flags.response": "1"}),
    ("mDNS", {"dns.qry.name": "_ipp._tcp.local,x.local"}),
    ("HTTP request", {"http.request.method": "GET", "http.request.uri": "/index.html", "http.host": "example.org"}),
    ("HTTP over a unix socket", {"http.request.uri": "/v1.41/containers/create", "frame.interface_name": "unix"}),
    ("HTTP response", {"http.response.code": "404"}),
    ("syslog", {"syslog.facility": "3", "syslog.level": "6"}),
    ("X11 requests", {"x11.opcode": "16,8,43,135"}),
    ("X11 error", {"x11.errorcode": "3"}),
    ("TLS server name", {"tls.handshake.extensions_server_name": "example.org"}),
    ("SSH version", {"ssh.protocol": "SSH-2.0-OpenSSH_9.2p1 Debian-2"}),
    ("varlink as JSON", {"json.key": "method,method,parameters"}),
    ("what snaplen cut is known as cut", {"http.host": "", "frame.len": "4036", "frame.cap_len": "76"}),
]


def check_dissected(path):
    rows = check_fields(path, DISSECTED)
    n = [l[5:].strip() for l in open(GOLDEN) if l.startswith("case ")].index("dbus two messages in one read")
    got = [r["dbus.member"] for r in rows if f"[{1000 + n}/{2000 + n}]" in r["frame.comment"]]
    tap.check("tshark: two D-Bus messages of one read are two packets", got == ["Changed", "Changed"], got)
    hostile = ("malformed", "nothing", "uevent", "lies", "NXDOMAIN", "bytes left over", "D-Bus signal serial 77", "; netlink raw")
    odd = [r["frame.comment"] for r in rows if r["_ws.malformed"] and not any(h in r["frame.comment"] for h in hostile)]
    tap.check("tshark: only what is malformed is malformed", not odd, "\n".join(odd))


def ends(src, dst, sport, dport, v=4):
    return {f"exported_pdu.ipv{v}_src": src, f"exported_pdu.ipv{v}_dst": dst, "exported_pdu.src_port": sport,
            "exported_pdu.dst_port": dport}


ADDRESSES = [
    ("a received message comes from the peer", {"dns.flags.response": "1", **ends("127.0.0.53", "127.0.0.1", "53", "40000")}),
    ("a sent one goes to it", {"dns.flags.response": "0", **ends("127.0.0.1", "127.0.0.53", "40000", "53")}),
    ("DNS over TCP is found behind its length", {"dns.length": "29"}),
    ("IPv6", {"http.request.uri": "/six", **ends("fe80::1", "::1", "50000", "80", 6)}),
    ("an unconnected socket: the message's own sender", {"ntp.flags.mode": "4", **ends("10.0.0.1", "0.0.0.0", "123", "123")}),
    ("packet socket: Ethernet", {"eth.src": "02:00:00:00:00:01", "arp.dst.proto_ipv4": "10.0.0.2"}),
    ("packet socket: ARP without a header", {"arp.dst.proto_ipv4": "10.0.0.2", "eth.src": ""}),
    ("packet socket: IPv6 without a header", {"ipv6.src": "::1", "ipv6.nxt": "59"}),
    ("raw socket: IPv4 and ICMP", {"ip.proto": "1", "icmp.type": "0", "icmp.seq": "1"}),
    ("ping socket: ICMP", {"icmp.type": "0", "icmp.seq": "2", "ip.proto": ""}),
    ("ping socket: ICMPv6", {"icmpv6.type": "129"}),
    ("a netlink request sent", {"netlink-route.nltype": "18"}),
    ("a netlink call that brought no payload is no netlink message", {"frame.interface_name": "netlink-empty", "_ws.malformed": ""}),
]


def check_addresses(path):
    rows = check_fields(path, ADDRESSES)
    tap.check("tshark: a hostile path is escaped in the comment", "/run/\\x1b[2J" in rows[-1]["frame.comment"], rows[-1])
    packets = [(f, o) for k, f, o in blocks(open(path, "rb").read()) if k == EPB]
    tap.check("tshark: nothing is malformed", not any(r["_ws.malformed"] for r in rows), rows)
    tap.check("direction: two were sent", [o[2][0] for _, o in packets].count(struct.pack("=I", 2)) == 2)
    big = [f for f, o in packets if f["full"] > 400000]
    tap.check("a huge message keeps its size", len(big) == 1, big)


def check_live(path):
    """tshark follows a pipe: what is flushed is shown before the stream ends."""
    data = open(path, "rb").read()
    at, epbs = 0, 0
    while epbs < 3:
        kind, n = struct.unpack_from("=II", data, at)
        epbs += kind == EPB
        at += n
    env = dict(os.environ, HOME=TMP, XDG_CONFIG_HOME=TMP)
    p = subprocess.Popen(["tshark", "-n", "-l", "-i", "-", "-T", "fields", "-e", "frame.number", "-e", "dbus.member"],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)
    p.stdin.write(data[:at])
    p.stdin.flush()
    early, end = b"", time.time() + 30
    while b"NameAcquired" not in early and time.time() < end:
        if select.select([p.stdout], [], [], 1)[0]:
            chunk = os.read(p.stdout.fileno(), 65536)
            if not chunk:
                break
            early += chunk
    tap.check("live: packets are shown while the stream is open", early.split() == b"1 Hello 2 3 NameAcquired".split(), early)
    p.stdin.write(data[at:])
    p.stdin.close()
    p.stdin = None
    rest, errors = p.communicate(timeout=60)
    n = len((early + rest).splitlines())
    want = sum(k == EPB for k, _, _ in blocks(data))
    tap.check("live: all of them in the end", n == want, f"{n} of {want}\n{errors.decode()}")


def check_cut(path):
    """What a killed writer leaves is readable up to the last whole packet."""
    data = open(path, "rb").read()
    cut = os.path.join(TMP, "cut.pcapng")
    with open(cut, "wb") as f:
        f.write(data[:len(data) * 2 // 3 | 1])
    lines = tshark(cut, "-T", "fields", "-e", "frame.number").stdout.splitlines()
    tap.check("a file cut short is readable up to the cut", len(lines) > 30, len(lines))


def check_real():
    path = os.path.join(TMP, "real.pcapng")
    cmd = [RECVGUARD, "trace", "--snaplen", "65536", "-o", f"pcapng={path}", "--", "dbus-run-session", "--", "dbus-send", "--session",
           "--print-reply", "--dest=org.freedesktop.DBus", "/", "org.freedesktop.DBus.GetId"]
    r = subprocess.run(cmd, capture_output=True, text=True, timeout=60)
    if r.returncode or not os.path.exists(path):
        return tap.skip("a traced D-Bus session", f"recvguard trace: {r.stderr.strip()[:200]}")
    got = [(r["frame.comment"], r["dbus.member"]) for r in table(path, ["frame.comment", "dbus.member"])]
    tap.check("a traced D-Bus session: what the daemon received", any("dbus-daemon" in c and m == "GetId" for c, m in got), got)
    tap.check("a traced D-Bus session: what the client received", any("dbus-send" in c and "D-Bus return" in c for c, m in got), got)


TALK = """
import socket, time
print("what the command says is no packet", flush=True)
a = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); a.bind(("127.0.0.1", 0))
for size in (10, 500): a.sendto(b"x" * size, a.getsockname()); a.recv(600)
n = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
n.send(bytes.fromhex("20000000120001030100000000000000" "00000000000000000000000000000000")); n.recv(65536)
"""
POLICY = """apiVersion: recvguard/v1
kind: Policy
metadata: {name: small}
spec:
  default: allow
  rules:
    - {name: too large, when: msg.size > 100 and sock.family == inet, then: deny EMSGSIZE}
"""


def check_pipe():
    """trace -o pcapng=- into tshark -i -, with a policy: what a person would type."""
    policy = os.path.join(TMP, "p.yaml")
    open(policy, "w").write(POLICY)
    env = dict(os.environ, HOME=TMP, XDG_CONFIG_HOME=TMP, LC_ALL="C.UTF-8")
    trace = subprocess.Popen([RECVGUARD, "trace", "-q", "--policy", policy, "-o", "pcapng=-", "--", sys.executable, "-c", TALK],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    p = subprocess.run(["tshark", "-n", "-l", "-i", "-", "-T", "fields", "-e", "frame.interface_name", "-e", "frame.comment", "-e",
                        "netlink-route.nltype", "-e", "exported_pdu.ipv4_dst"], stdin=trace.stdout, capture_output=True, text=True, env=env, timeout=120)
    err = trace.communicate()[1].decode()
    rows = [l.split("\t") for l in p.stdout.splitlines()]
    if trace.returncode and not rows:
        return tap.skip("a trace into tshark", f"recvguard trace: {err.strip()[:200]}")
    tap.check("trace | tshark: what the command prints goes to standard error", "what the command says is no packet" in err, err)
    inet = [r for r in rows if r[0] == "inet"]
    tap.check("trace | tshark: packets of the datagrams, from where to where", len(inet) == 2 and all(r[3] == "127.0.0.1" for r in inet), f"{rows}\n{err}{p.stderr}")
    tap.check("trace | tshark: the verdict of a policy", len(inet) == 2 and "; verdict deny EMSGSIZE by small / too large" in inet[1][1]
              and "verdict deny" not in inet[0][1], inet)
    tap.check("trace | tshark: netlink is netlink", any(r[0] == "netlink" and r[2] for r in rows), rows)
    tap.check("trace | tshark: the process of each", rows and all(r[1].startswith("python3[") for r in rows), rows)


def main():
    if not shutil.which("tshark"):
        print("1..0 # skip tshark is needed (Debian: tshark)")
        return
    paths = []
    for cases in (GOLDEN, HERE):
        path = os.path.join(TMP, os.path.basename(cases) + ".pcapng")
        r = subprocess.run([DRIVER, f"--sink=pcapng={path}", cases], capture_output=True, text=True)
        tap.check(f"{os.path.basename(cases)} is written", r.returncode == 0, r.stderr)
        paths.append(path)
    tap.check("the file is closed to others", stat.S_IMODE(os.stat(paths[0]).st_mode) == 0o600)
    check_blocks(paths[0], sum(l.startswith("case ") for l in open(GOLDEN)))
    check_dissected(paths[0])
    check_addresses(paths[1])
    check_live(paths[0])
    check_cut(paths[0])
    if RECVGUARD:
        check_real()
        check_pipe()
    tap.done()


with tempfile.TemporaryDirectory() as TMP:
    main()
