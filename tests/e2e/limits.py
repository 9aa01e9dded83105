# SPDX-License-Identifier: BSD-2-Clause
"""What a tier cannot show, each with its reason. Only for values that are absent: a wrong value never passes."""
import re


def early(t, ev):
    """The call failed before a socket's own hook ran."""
    return t["ret"] < 0 and "cookie" not in ev.get("sock", {})


# (fields as a regular expression, condition on the program's view and the event, tiers or None, reason)
ABSENT = [
    (r"fd\[\d+\]\.cookie", lambda t, ev: True, None, "a socket has no cookie until something asks for it"),
    (r"sock\.(?!fd).*|sender\..*|msg\.(iov|name.*)", early, None, "the call failed before it reached a socket: only its registers are known"),
]
# (condition on the program's view, tiers or None, reason)
UNSEEN = [
    (lambda t: t["route"] == "splice", ("auto", "tracepoint", "legacy"), "splice_read has no tracepoint (recvguard doctor says so)"),
]


def absent(field, t, ev, tier):
    for pattern, cond, tiers, reason in ABSENT:
        if re.fullmatch(pattern, field) and (tiers is None or tier in tiers) and cond(t, ev):
            return reason
    return None


def unseen(t, tier):
    """Reason why a message of this kind has no event, or None."""
    for cond, tiers, reason in UNSEEN:
        if (tiers is None or tier in tiers) and cond(t):
            return reason
    return None
