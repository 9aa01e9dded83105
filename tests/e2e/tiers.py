# SPDX-License-Identifier: BSD-2-Clause
"""Do a tier's events keep to its column of docs/tiers.md (printed from tiers.def, which the program goes by)?

As a program, on many runs of one tier at once: also whether what the column claims ever comes.
usage: tiers.py TIER EVENTS.json...
"""
import collections, json, os, re, sys

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "tiers.md")
NONE = "\N{EN DASH}"
WHOLE = ("msg.name", "msg.data")  # objects that are one value
# no program of tests/e2e/prog is traced while it sends these
UNTRIED = {(True, "cmsg"), (True, "msg.controllen")}


def column(tier):
    """{(sent, field): set of K, U} of one tier."""
    out, sent, at = {}, None, None
    for line in open(PAGE, encoding="utf-8"):
        cells = [c.strip() for c in line.strip().strip("|").split("|")]
        if line.startswith("## "):
            sent = {"## Values of sent messages": True, "## Values of received messages": False}.get(line.strip())
        elif sent is not None and line.startswith("|") and cells[0] == "field":
            at = cells.index(tier)
        elif sent is not None and line.startswith("| `"):
            out[sent, cells[0].strip("`")] = set() if cells[at] == NONE else set(cells[at].split(", "))
    return out


def is_sent(ev):
    return ev["event"].startswith(("send", "write"))


def values(ev):
    """(field, tag) of every value that the event has; of list elements only the descriptors' numbers."""
    tags = ev.get("tags", {})

    def walk(v, name, tag):
        tag = tags.get(name, tag)
        if isinstance(v, dict) and name not in WHOLE:
            for k, x in v.items():
                yield from walk(x, f"{name}.{k}" if name else k, tag)
            return
        yield name, tag
        if name == "fd":
            for i, x in enumerate(v):
                if "fd" in x:
                    yield "fd[].fd", tags.get(f"fd[{i}].fd", tags.get(f"fd[{i}]", tag))
    yield from walk({k: v for k, v in ev.items() if k not in ("tags", "id")}, "", "K")


def kinds(tag):
    return {"U" if "U" in tag.split(",") else "K"} if tag != "LATE" else set()


def strays(events, tier):
    """What is there and must not be: {text: how often}."""
    col, bad = column(tier), collections.Counter()
    for ev in events:
        if ev["event"] == "lost":
            continue
        for field, tag in values(ev):
            may = col.get((is_sent(ev), field), {"K"})
            if not kinds(tag) <= may:
                bad[f"{'sent' if is_sent(ev) else 'received'} {field} is {tag}, the {tier} column has {', '.join(sorted(may)) or 'none'}"] += 1
    return bad


def unmet(events, tier):
    """Best tags that the column claims and no event has."""
    col, met = column(tier), collections.defaultdict(set)
    for ev in events:
        if ev["event"] != "lost":
            for field, tag in values(ev):
                met[is_sent(ev), field] |= kinds(tag)
    return [f"{'sent' if s else 'received'} {f} is never {min(may)}" for (s, f), may in col.items()
            if may and min(may) not in met[s, f] and (s, f) not in UNTRIED]


def main():
    tier, *paths = sys.argv[1:]
    events = []
    for path in paths:
        with open(path, encoding="utf-8") as f:
            events += [json.loads(l) for l in f if l.strip()]
    tests = [(f"every value and tag of {len(events)} events is in the tier's column of docs/tiers.md", strays(events, tier).items()),
             ("what that column claims is met", [(t, 1) for t in unmet(events, tier)])]
    print(f"1..{len(tests)}")
    for i, (name, bad) in enumerate(tests, 1):
        print(f"{'not ' if bad else ''}ok {i} - {name}")
        for text, n in sorted(bad):
            print(f"# {text}" + (f", {n} times" if n > 1 else ""))
    return 1 if any(bad for _, bad in tests) else 0


if __name__ == "__main__":
    sys.exit(main())
