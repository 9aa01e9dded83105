#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Two views of one run: recvguard traces `strace -f PROGRAM`, then both lists of receives are compared.

usage: strace_compare.py RECVGUARD [--suite quick|test_socket] [--keep DIR] [-- PROGRAM ARGS...]

Per thread and in order: call, socket inode, returned value, flags given, flags returned, descriptors received.
What differs must be explained by one of RULES, each of which is counted and described in docs/strace-compare.md;
anything else fails.
"""
import argparse, collections, difflib, errno, json, os, re, subprocess, sys, tempfile

CALLS = {"recvmsg": "recvmsg", "recvmmsg": "recvmmsg", "recvfrom": "recvfrom", "read": "read", "pread64": "read",
         "readv": "readv", "preadv": "readv", "preadv2": "readv"}
RULES = {
    "restarted": "strace shows ERESTARTSYS at the stop; the program sees EINTR or the call is restarted",
    "before the socket": "the call failed before it reached a socket (EBADF, ENOTSOCK, EFAULT); shown by --errors only",
    "killed in the call": "the task died inside the call: strace shows it unfinished, nothing was delivered",
    "no out flags": "recvfrom and read return no flags to the program; recvguard shows the kernel's",
}
Rec = collections.namedtuple("Rec", "call inode ret flags out fds why")


def split_args(s):
    out, depth, start = [], 0, 0
    for i, c in enumerate(s):
        if c in "[{(<":
            depth += 1
        elif c in "]})" or c == ">" and s[i - 1] != "=":
            depth -= 1
        elif c == "," and depth == 0:
            out.append(s[start:i].strip())
            start = i + 1
    return out + [s[start:].strip()]


def flag_set(text):
    return frozenset(f for f in text.split("|") if f and f != "0") if text and not text.startswith("0x7") else frozenset()


def inner(s, at):
    """Text of the bracket that opens at s[at]."""
    depth = 0
    for i in range(at, len(s)):
        depth += s[i] in "[{" and 1 or s[i] in "]}" and -1 or 0
        if depth == 0:
            return s[at + 1:i]
    return s[at + 1:]


def rights(s):
    out = []
    for m in re.finditer(r"cmsg_type=SCM_RIGHTS, cmsg_data=\[", s):
        out += [int(n) for n in re.findall(r"(?:^|, )(\d+)(?=<|,|$)", inner(s, m.end() - 1))]
    return tuple(out)


def out_flags(s):
    m = re.findall(r"(?<!nl)msg_flags=([A-Z_0-9a-zx|]+)", s) # netlink payload is decoded and has flags too
    return flag_set(m[-1]) if m else None


def messages(call, args, ret, inode):
    """One record per message of a successful or failed call."""
    if call == "recvmmsg" and ret > 0:
        parts = re.split(r"(?=\{msg_hdr=)", args[1])[1:] if args[1].startswith("[") else []
        for p in parts[:ret]:
            m = re.search(r"msg_len=(\d+)", p)
            if m:
                yield Rec(call, inode, int(m.group(1)), flag_set(args[3]), out_flags(p), rights(p), "")
        return
    flags = frozenset()
    if call == "recvmsg" and len(args) >= 3:
        flags = flag_set(args[2])
    elif call in ("recvfrom", "recvmmsg") and len(args) >= 4:
        flags = flag_set(args[3])
    msg = args[1] if call == "recvmsg" and len(args) > 1 else ""
    ok = ret >= 0
    yield Rec(call, inode, ret, flags, out_flags(msg) if ok and msg else None, rights(msg) if ok else (), "")


LINE = re.compile(r"^(\w+)\((-?\d+)(?:<([^>]*)>)?(?:, (.*))?\)\s+= (-?\d+|\?)(?:<[^>]*>)?(?: (E\w+))?")


def parse_strace(path):
    """{tid: [Rec]} and the tids that died inside a call."""
    out, waiting, died = collections.defaultdict(list), {}, set()
    with open(path, encoding="utf-8", errors="replace") as f:
        for line in f:
            tid, text = line.rstrip("\n").split(None, 1)
            tid = int(tid)
            if text.endswith("<unfinished ...>"):
                waiting[tid] = text[:-len("<unfinished ...>")].rstrip()
                continue
            m = re.match(r"<\.\.\. \w+ resumed>(.*)", text)
            if m:
                text = waiting.pop(tid, "") + " " + m.group(1).lstrip() if not m.group(1).startswith(")") \
                    else waiting.pop(tid, "").rstrip(", ") + m.group(1)
            m = LINE.match(text)
            if not m or m.group(1) not in CALLS:
                continue
            name, link = m.group(1), re.sub(r"\\x(..)", lambda h: chr(int(h.group(1), 16)), m.group(3) or "")
            sock = re.match(r"socket:\[(\d+)\]", link)
            if not sock and not name.startswith("recv"):
                continue
            inode = int(sock.group(1)) if sock else 0
            if m.group(5) == "?" or m.group(6) and m.group(6).startswith("ERESTART"):
                out[tid].append(Rec(CALLS[name], inode, -errno.EINTR, frozenset(), None, (), "restarted"))
                continue
            ret = -getattr(errno, m.group(6), 0) if m.group(6) else int(m.group(5))
            args = [""] + split_args(m.group(4) or "")
            out[tid] += list(messages(CALLS[name], args, ret, inode))
    died = {t for t, text in waiting.items() if text.split("(")[0] in CALLS}
    return out, died


def parse_events(path):
    out = collections.defaultdict(list)
    with open(path, encoding="utf-8") as f:
        for line in f:
            ev = json.loads(line)
            if ev["event"] == "lost":
                raise SystemExit(f"not ok 1 - events lost: {line.strip()}")
            if ev["proc"]["comm"] == "strace" or ev["route"].startswith("io_uring"):
                continue
            m = ev.get("msg", {})
            flags = frozenset(m.get("flags", []))
            res = frozenset(m["out_flags"]) if "out_flags" in m else None
            fds = tuple(f.get("fd") for f in ev.get("fd", []) if not f.get("lost"))
            out[ev["proc"]["tid"]].append(Rec(ev["event"], ev.get("sock", {}).get("inode", 0), ev["ret"], flags, res, fds, ""))
    return out


def explain(a, b):
    """Rule that explains a difference of one pair (a of strace, b of recvguard), "" if none, None if equal."""
    if a.flags != b.flags and a.call not in ("read", "readv"):
        return ""
    if a.fds != b.fds:
        return ""
    if a.out is not None and a.out != b.out:
        return ""
    return None


def compare_thread(tid, st, rg, info):
    bad = []
    k = lambda r: (r.call, r.inode, r.ret)
    for op, i1, i2, j1, j2 in difflib.SequenceMatcher(None, [k(r) for r in st], [k(r) for r in rg], False).get_opcodes():
        if op == "equal":
            for a, b in zip(st[i1:i2], rg[j1:j2]):
                info["agree"] += 1
                if explain(a, b) == "":
                    bad.append(f"thread {tid}: strace {show(a)}, recvguard {show(b)}")
            continue
        only_rg = list(rg[j1:j2])
        for a in st[i1:i2]:
            why = "restarted" if a.why else "before the socket" if a.ret < 0 and not a.inode else ""
            if a.why: # recvguard may show the interrupted wait as an error
                twin = next((b for b in only_rg if b.call == a.call and b.ret in (-errno.EINTR, -512, -516)), None)
                if twin:
                    only_rg.remove(twin)
            if why:
                info[why] += 1
            else:
                bad.append(f"thread {tid}: only strace shows {show(a)}")
        bad += [f"thread {tid}: only recvguard shows {show(b)}" for b in only_rg]
    return bad


def show(r):
    return (f"{r.call} inode {r.inode} = {r.ret} {'|'.join(sorted(r.flags)) or 0}"
            + (f" out {'|'.join(sorted(r.out)) or 0}" if r.out is not None else "") + (f" fds {list(r.fds)}" if r.fds else ""))


def both_views(recvguard, argv, folder, name):
    st, ev = os.path.join(folder, f"{name}.strace"), os.path.join(folder, f"{name}.json")
    cmd = [recvguard, "trace", "--errors", "--snaplen", "0", "-o", f"json={ev}", "--", "strace", "-f", "-y", "-xx", "-s", "300", "-o", st,
           "-e", "trace=" + ",".join(CALLS), "-e", "signal=none", *argv]
    p = subprocess.run(cmd, capture_output=True, text=True, errors="replace", timeout=600, stdin=subprocess.DEVNULL)
    if not os.path.exists(st) or not os.path.exists(ev):
        return [f"exit {p.returncode}: {p.stderr.strip()[-500:]}"], collections.Counter()
    strace, died = parse_strace(st)
    events = parse_events(ev)
    info, bad = collections.Counter(), []
    info["killed in the call"] += len(died)
    for tid in sorted(set(strace) | set(events)):
        bad += compare_thread(tid, strace[tid], events[tid], info)
    if not info["agree"]:
        bad.append("not one receive in both views")
    return bad, info


SCM = "test.test_socket."
QUICK = [
    ("ip link", ["ip", "link", "show"]),
    ("ping", ["ping", "-c", "2", "-i", "0.2", "127.0.0.1"]),
    ("dbus", ["dbus-run-session", "--", "dbus-send", "--session", "--print-reply", "--dest=org.freedesktop.DBus",
              "/org/freedesktop/DBus", "org.freedesktop.DBus.ListNames"]),
    ("tmux", ["sh", "-c", "tmux -L rg-st -f /dev/null new-session -d cat && tmux -L rg-st list-sessions && tmux -L rg-st kill-server"]),
    ("test_socket, part", [sys.executable, "-m", "unittest", "-q"] + [SCM + c for c in (
        "RecvmsgSCMRightsStreamTest", "RecvmsgUDPTest", "RecvmsgIntoTCPTest", "RecvmsgRFC3542AncillaryUDP6Test", "SendRecvFdsTests",
        "BasicSocketPairTest", "BasicUDPTest")]),
]
WHOLE = [("test_socket", [sys.executable, "-m", "test", "-i", "*VSOCK*", "test_socket"])]


def main():
    argv, extra = sys.argv[1:], []
    if "--" in argv:
        argv, extra = argv[:argv.index("--")], argv[argv.index("--") + 1:]
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("recvguard")
    ap.add_argument("--suite", choices=["quick", "test_socket"], default="quick")
    ap.add_argument("--keep")
    a = ap.parse_args(argv)
    todo = [("command", extra)] if extra else QUICK if a.suite == "quick" else WHOLE
    failed = 0
    print(f"1..{len(todo)}")
    with tempfile.TemporaryDirectory(prefix="rg-strace-") as folder:
        folder = a.keep or folder
        os.makedirs(folder, exist_ok=True)
        for i, (name, cmd) in enumerate(todo, 1):
            if "test.test_socket" in str(cmd) and subprocess.run([sys.executable, "-c", "import test.test_socket"],
                                                                 capture_output=True).returncode:
                print(f"ok {i} - {name} # SKIP this Python has no test package (libpython3.11-testsuite)")
                continue
            bad, info = both_views(a.recvguard, cmd, folder, re.sub(r"\W+", "-", name))
            failed += bool(bad)
            print(f"{'not ' if bad else ''}ok {i} - {name}: {info['agree']} receives agree with strace's view")
            for k, n in info.items():
                if k != "agree" and n:
                    print(f"# {n} explained: {RULES[k]}")
            for b in bad[:25]:
                print(f"# {b}")
            if len(bad) > 25:
                print(f"# and {len(bad) - 25} more")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
