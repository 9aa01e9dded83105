# SPDX-License-Identifier: BSD-2-Clause
"""What a tier cannot show, each with its reason. Only for values that are absent: a wrong value never passes."""
import re


def early(t, ev):
    """The call failed before a socket's own hook ran."""
    return t["ret"] < 0 and "cookie" not in ev.get("sock", {})


def no_msghdr(t, ev):
    """io_uring keeps its msghdr in the request; which one is at work is not sure while several are in flight."""
    return "out_flags" not in ev.get("msg", {}) and t["route"].startswith("io_uring")


def metadata(t, ev):
    return ev.get("detail") == "metadata"


def cut_udp(t, ev):
    return t.get("family") in (2, 10) and (t.get("size", 0) > t["ret"] or no_msghdr(t, ev))


# (fields as a regular expression, condition on the program's view and the event, tiers or None, reason)
ABSENT = [
    (r"msg\.(out_flags|truncated|control_truncated|controllen|namelen|name.*|iov)|cmsg|fd\[\]\.fd", no_msghdr,
     ("auto", "tracepoint"), "which request of io_uring is at work is not sure while several are in flight on a socket"),
    (r"msg\.iov", lambda t, ev: t["ret"] < 0 or t["route"] == "io_uring:readv", ("auto", "tracepoint"),
     "the iovecs are read as data is copied into them, or of native calls"),
    (r"msg\.data", lambda t, ev: t.get("family") in (2, 10) and no_msghdr(t, ev), ("auto", "tracepoint"),
     "a linear datagram passes no tracepoint, and the buffers are not known without the msghdr"),
    (r"msg\.size", cut_udp, ("auto", "tracepoint"), "no tracepoint passes the full length of a datagram that was cut"),
    (r"sock\.fd", lambda t, ev: t["route"].startswith("io_uring"), ("legacy",),
     "before Linux 5.19 io_uring's tracepoints do not pass the request"),
    (r"proc\.exe", metadata, None, "--metadata: by /proc alone, where a process may be gone"),
    (r"wait", lambda t, ev: True, None, "told with --duration only: sched_switch costs every task"),
    (r"fd\[\d+\]\.cookie", lambda t, ev: True, None, "a socket has no cookie until something asks for it"),
    (r"sock\.(?!fd).*|sender\..*|msg\.(iov|name.*)", early, None, "the call failed before it reached a socket: only its registers are known"),
]


def absent(field, t, ev, tier):
    for pattern, cond, tiers, reason in ABSENT:
        if re.fullmatch(pattern, field) and (tiers is None or tier in tiers) and cond(t, ev):
            return reason
    return None
