# SPDX-License-Identifier: BSD-2-Clause
"""One event of recvguard held against what the program itself saw: a list of (field, tag, expected, got)."""
import datetime
import fields, truth

ABSENT = object()


def get(ev, dotted):
    v = ev
    for part in dotted.split("."):
        if not isinstance(v, dict) or part not in v:
            return ABSENT
        v = v[part]
    return v


def tag(ev, field):
    """The tag of a value: its own, else that of the nearest list or object above it, else K."""
    tags = ev.get("tags", {})
    while field:
        if field in tags:
            return tags[field]
        if field.endswith("]"):
            field = field[:field.rindex("[")]
        elif "." in field:
            field = field[:field.rindex(".")]
        else:
            break
    return "K"


class Diff:
    def __init__(self, t, ev):
        self.t, self.ev, self.out, self.seen = t, ev, [], 0

    def want(self, field, expected, convert=None, absent_is=ABSENT):
        """expected None: nothing is claimed about the field."""
        if expected is None:
            return
        got = get(self.ev, field)
        self.judge(field, expected, got, convert, absent_is)

    def judge(self, field, expected, got, convert=None, absent_is=ABSENT):
        if self.ev.get("detail") == "metadata" and fields.is_full(field):
            return  # that there is none of these is oracle.py's own test
        self.seen += 1
        if got is ABSENT:
            got = absent_is
        elif convert:
            try:
                got = convert(got)
            except (ValueError, TypeError, KeyError, AttributeError) as e:
                got = f"{got!r} ({e})"
        if got is ABSENT or got != expected:
            self.out.append((field, tag(self.ev, field), expected, got))


def when(text):
    """RFC 3339 with nanoseconds as ns since the epoch."""
    whole, frac = text.rstrip("Z").split(".")
    s = datetime.datetime.fromisoformat(whole + "+00:00").timestamp()
    return int(s) * 1000000000 + int(frac.ljust(9, "0")[:9])


def who(d, t, init_ns):
    # a worker or SQPOLL thread of the ring's owner may have received: the process is the same, the thread is not
    any_thread = t["route"].startswith("io_uring")
    for f, host in zip(("pid", "tid", "ppid"), t["host"]) if init_ns else ():
        d.want(f"proc.{f}", None if any_thread and f == "tid" else host)
    for f in ("pid", "tid"):
        d.want(f"proc.ns.{f}", None if any_thread and f == "tid" else t[f])
    d.want("proc.uid", t["uid"])
    d.want("proc.gid", t["gid"])
    d.want("proc.comm", None if any_thread else bytes.fromhex(t["comm"]), truth.as_bytes)
    d.want("proc.exe", bytes.fromhex(t["exe"]), truth.as_bytes)
    d.want("proc.compat", t["compat"], None, False)


def endpoint(d, side, raw, family):
    if raw is None:
        return
    a = truth.address(bytes.fromhex(raw))
    if family == 1:
        if "path" in a:
            d.want(f"sock.{side}.addr", a["path"], truth.as_bytes)
    elif family in (2, 10) and a.get("port") is not None:
        any_addr = a["addr"] in (b"0.0.0.0", b"::")
        d.want(f"sock.{side}.addr", a["addr"], truth.as_bytes, a["addr"] if any_addr else ABSENT)
        d.want(f"sock.{side}.port", a["port"], None, 0 if a["port"] == 0 else ABSENT)


def sock(d, t):
    d.want("sock.fd", t["fd"], None, -1)
    if "cookie" not in t:
        return
    d.want("sock.cookie", t["cookie"])
    d.want("sock.inode", t["inode"])
    d.want("sock.family", truth.FAMILIES.get(t["family"]))
    d.want("sock.type", truth.TYPES.get(t["socktype"]))
    d.want("sock.protocol", truth.protocol(t))
    endpoint(d, "local", t.get("local"), t["family"])
    if not (t["family"] in (2, 10) and t["socktype"] == 3):
        endpoint(d, "remote", t.get("remote"), t["family"])
    if t["family"] == 1:
        paths = [truth.address(bytes.fromhex(t[s])).get("path") for s in ("local", "remote") if s in t]
        path = next((p for p in paths if p), None)
        d.want("sock.path", path, truth.as_bytes)


def message(d, t):
    ev, size = d.ev, t.get("size", t["ret"] if t["ret"] >= 0 else None)
    stream = t.get("socktype") == 1
    if t["ret"] >= 0 and not (stream and t.get("flags", 0) & 0x2 and "size" not in t):
        d.want("msg.size", size)
    if t["ret"] >= 0 and "data" in t:
        data = bytes.fromhex(t["data"])
        d.want("msg.data", data, truth.as_bytes, b"" if not data else ABSENT)
    if "flags" in t:
        d.want("msg.flags", truth.flags(t["flags"], truth.FLAGS), set, set() if not t["flags"] else ABSENT)
    if "out_flags" in t:
        known = get(ev, "msg.out_flags") is not ABSENT # else nothing is claimed about truncation either
        d.want("msg.out_flags", truth.flags(t["out_flags"], truth.FLAGS), set)
        d.want("msg.truncated", bool(t["out_flags"] & 0x20), None, False if known else ABSENT)
        d.want("msg.control_truncated", bool(t["out_flags"] & 0x8), None, False if known else ABSENT)
        d.want("msg.controllen", t["controllen"], None, 0 if not t["controllen"] else ABSENT)
    elif "MSG_DONTWAIT" in (get(ev, "msg.out_flags") if "msg" in ev and "out_flags" in ev["msg"] else []):
        d.judge("msg.out_flags", "without what no call returns", ev["msg"]["out_flags"])
    elif "size" in t and not stream:
        d.want("msg.truncated", t["size"] > t["ret"], None, False)
    if t.get("name"):
        for k, v in truth.address(bytes.fromhex(t["name"])).items():
            d.want(f"msg.name.{k}", v, truth.as_bytes if isinstance(v, bytes) else None)
    if "namelen" in t and t["namelen"]:
        d.want("msg.namelen", t["namelen"])
    if "iov" in t and not t["event"].startswith(("recvfrom", "read")) or t["event"] == "readv":
        iov = t.get("iov", [])[:16]
        d.want("msg.iov", iov, lambda l: [[e["base"], e["len"]] for e in l][:16], [] if not iov else ABSENT)


def cmsgs(d, t):
    if "cmsgs" not in t:
        return
    got = get(d.ev, "cmsg")
    if got is ABSENT and get(d.ev, "msg.out_flags") is ABSENT and t["cmsgs"]:
        d.judge("cmsg", t["cmsgs"], ABSENT)
        return
    got = [] if got is ABSENT else got
    want = [(truth.LEVELS.get(c["level"], c["level"]), truth.CMSGS.get((c["level"], c["type"]), c["type"]), c["len"])
            for c in t["cmsgs"]]
    d.judge("cmsg", want, [(c.get("level"), c.get("type"), c.get("len")) for c in got])
    for c in got: # a pidfd has come: it is the sender's
        if "pidfd" in c:
            d.judge("cmsg", get(d.ev, "sender.pid"), c.get("process", ABSENT))


def fds(d, t):
    if "fds" not in t:
        if t.get("fds_sent"):
            d.want("msg.fds_lost", t["fds_sent"])
        return
    got = get(d.ev, "fd")
    got = [] if got is ABSENT else got
    if got and get(d.ev, "msg.out_flags") is ABSENT and not any("fd" in f for f in got):
        d.judge("fd[].fd", [f["fd"] for f in t["fds"]], ABSENT) # what was sent is known, what arrived is not
        return
    arrived = [f for f in got if not f.get("lost")]
    d.judge("fd", len(t["fds"]), len(arrived))
    if "fds_sent" in t:
        d.want("msg.fds_lost", t["fds_sent"] - len(t["fds"]), None, 0)
    for i, (w, g) in enumerate(zip(t["fds"], arrived)):
        one_fd(d, f"fd[{i}]", w, g)


def one_fd(d, at, w, g):
    def want(key, expected, convert=None):
        if expected is not None:
            d.judge(f"{at}.{key}", expected, g.get(key, ABSENT), convert)

    kind = truth.kind(w)
    path = bytes.fromhex(w["path"])
    want("fd", w["fd"])
    want("kind", kind)
    want("inode", w["inode"])
    want("dev", w["major"] << 8 | w["minor"] if w["minor"] < 256 else None)
    # fstat hides the file type of some anonymous files, the inode has it
    want("mode", w["mode"] & 0o7777 if kind == "pidfd" else w["mode"], lambda m: m & 0o7777 if kind == "pidfd" else m)
    if kind in ("file", "directory", "chardev") and not path.endswith(b" (deleted)"):
        want("path", path, truth.as_bytes)
    if kind in ("file", "memfd"):
        want("size", w["size"])
    if kind == "memfd":
        want("seals", truth.flags(max(w["seals"], 0), truth.SEALS), set)
    if kind == "pidfd":
        want("pid", w["pid"])
    if kind == "chardev":
        want("rdev", w["rdev"][0] << 8 | w["rdev"][1])
    if kind == "socket":
        want("family", truth.FAMILIES[w["family"]])
        want("socktype", truth.TYPES[w["socktype"]])
        want("cookie", w["cookie"])
        if w["family"] == 2:
            want("local", truth.address(bytes.fromhex(w["local"]))["addr"], truth.as_bytes)
            want("local_port", truth.address(bytes.fromhex(w["local"]))["port"])
    if w["flags"] >= 0:
        named = truth.flags(w["flags"], truth.OPEN)
        want("flags", {n for n in named if not n.startswith("0x")},
             lambda l: {n for n in l if n in truth.OPEN.values()})
    want("cloexec", w["cloexec"])


def times(d, t, slack):
    ev = d.ev
    d.judge("time", True, t["t0"] - slack <= when(ev["time"]) <= t["t1"] + slack)
    if isinstance(get(ev, "duration"), int):
        d.judge("duration", True, 0 < ev["duration"] <= t["took"] + slack)
        if t.get("slept"):
            d.want("wait", True, lambda w: 0 < w <= ev["duration"])


def compare(t, ev, init_ns=True, slack=2000000):
    """(mismatches, values compared) for one truth line and one event."""
    if ev.get("detail") == "metadata" and t["route"].startswith("io_uring"):
        # one hook knows no more of it
        t = {k: v for k, v in t.items() if k != "flags"} | {"event": "recvmsg", "route": "io_uring", "fd": None}
    d = Diff(t, ev)
    d.want("event", t["event"])
    d.want("route", t["route"])
    who(d, t, init_ns)
    sock(d, t)
    if t["ret"] >= 0:
        d.want("ret", t["ret"])
    elif t["errno"] != 4: # EINTR: oracle.py matched what the socket returned
        d.want("ret", -t["errno"])
        d.want("error", truth.error(t["errno"]))
    if t["dir"] == "recv":
        d.want("peek", bool(t.get("flags", 0) & 0x2), None, False)
    d.want("batch", t.get("batch") if t["ret"] >= 0 else None)
    message(d, t)
    cmsgs(d, t)
    fds(d, t)
    times(d, t, slack)
    if init_ns:
        d.want("sender.pid", t.get("sender"))
    d.want("sender.how", t.get("how"))
    return d.out, d.seen
