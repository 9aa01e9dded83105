#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Run a self-oracle program under recvguard and compare the two views of every message; one TAP line a case.

usage: oracle.py RECVGUARD PROGRAM [--errors|--metadata] [--opt=OPTION]... [--tier T] [--keep DIR]
       oracle.py --events FILE [--errors] [--tier T] --truths NAME.truth...
           what one recvguard showed elsewhere (in a VM) of several programs; each line begins with the program's NAME

A value tagged K must equal the truth. One tagged U must too, unless the case says that another thread was
swapping pointers (racy). A value that is absent fails as well, unless limits.py names the field, route and
tier with the reason; those are printed.
"""
import argparse, collections, json, os, subprocess, sys, tempfile
import compare, fields, limits

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import elf32


def lines(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(l) for l in f if l.strip()]


def run(a, folder):
    events, truth = os.path.join(folder, "events.json"), os.path.join(folder, "truth.json")
    cmd = [a.recvguard, "trace", *(["--metadata"] if a.metadata else ["--snaplen", "all"]), "-o", f"json={events}"]
    cmd += ["--tier", a.tier] if a.tier else []
    cmd += ["--errors"] if a.errors else []
    p = subprocess.run(cmd + a.opt + ["--", a.program], env=dict(os.environ, RG_ORACLE=truth), capture_output=True,
                       text=True, errors="replace", timeout=a.timeout, stdin=subprocess.DEVNULL)
    if p.returncode:
        print(f"Bail out! exit {p.returncode}: {' '.join(cmd)} -- {a.program}")
        print("\n".join("# " + l for l in (p.stdout + p.stderr).splitlines()[-20:]))
        print("1..1\nnot ok 1 - the program runs under recvguard")
        sys.exit(1)
    return lines(events), lines(truth)


def key(pid, cookie, fd, direction):
    """Messages of one socket of one process are in order; a call that never reached a socket has only its fd."""
    return (pid, cookie or f"fd {-1 if fd is None else fd}", direction)


def queues(events):
    q = collections.defaultdict(list)
    for ev in events:
        if ev["event"] == "lost":
            continue
        sending = ev["event"].startswith(("send", "write"))
        ns = ev["proc"].get("ns", {})
        pid = ns.get("pid", ev["proc"]["pid"])  # --metadata: the initial namespace's, which main() asks for
        s = ev.get("sock", {})
        q[key(pid, s.get("cookie"), s.get("fd"), "send" if sending else "recv")].append(ev)
    return q


def returned(t):
    """The values of `ret` that stand for what the program saw."""
    if t["ret"] >= 0:
        return (t["ret"],)
    # what the socket returned when a signal came; the program gets EINTR, or the call is made again
    return (-4, -512, -516) if t["errno"] == 4 else (-t["errno"],)


def take(t, q, same_event):
    for cookie in (t.get("cookie"), None) if same_event else (t.get("cookie"),):
        here = q.get(key(t["key"], cookie, t["fd"], t["dir"])) or []
        for i, ev in enumerate(here):
            if ev["ret"] in returned(t) and (ev["event"] == t["event"] or not same_event):
                return here.pop(i)
    return None


def pair_up(truths, q):
    """Yield (truth, event or None); what is left in q afterwards is extra."""
    for t in truths:
        yield t, take(t, q, True) or take(t, q, False)


def judge(t, ev, tier, init_ns, info):
    """Reasons why this event is wrong."""
    if ev is None:
        return [f"{t['event']} fd {t['fd']} ret {t['ret']} errno {t['errno']}: no event"]
    bad, seen = compare.compare(t, ev, init_ns)
    info["values compared"] += seen
    out = []
    declared = set((t.get("absent") or "").split(","))
    for field, tag, want, got in bad:
        if got is compare.ABSENT or field == "sock.fd" and "fd" not in ev.get("sock", {}):
            why = limits.absent(field, t, ev, tier)
            if field in declared or why:
                info[f"absent: {field}: {why or 'as the case says'}"] += 1
                continue
        elif t.get("racy") and "U" in tag.split(","):
            info[f"racy and tagged {tag}: {field} was wrong"] += 1
            continue
        got = "absent" if got is compare.ABSENT else got
        out.append(f"{t['event']} fd {t['fd']}: {field} [{tag}] is {short(got)}, must be {short(want)}")
    return out


def short(v):
    s = repr(v)
    return s if len(s) < 300 else f"{s[:140]} ... {s[-100:]} ({len(v) if hasattr(v, '__len__') else ''})"


def sequence(events):
    """seq counts each socket's delivered messages without a gap."""
    last, bad = {}, []
    for ev in events:
        s = ev.get("sock", {})
        if "seq" not in ev or "cookie" not in s:
            continue
        k = (s["cookie"], ev["event"].startswith(("send", "write")))
        if k in last and ev["seq"] != last[k] + 1:
            bad.append(f"socket {s['cookie']}: seq {last[k]} is followed by {ev['seq']}")
        last[k] = ev["seq"]
    return bad


def joins(pairs, tier, info):
    """A send and its receipt carry one msg.id that nothing else carries, peeks aside; a case sends each text once."""
    bad, sent = [], {}
    ids = collections.Counter(ev["msg"]["id"] for _, ev in pairs if ev and "id" in ev.get("msg", {}) and not ev.get("peek"))
    for t, ev in pairs:
        if t["dir"] == "send" and t["ret"] >= 0 and ev and "data" in t:
            sent[(t["case"], t["data"])] = ev
    for t, ev in pairs:
        there = sent.get((t["case"], t.get("data")))
        if t["dir"] != "recv" or t["ret"] < 0 or not ev or not there:
            continue
        here, id = ev["msg"].get("id"), there["msg"].get("id")
        why = limits.absent("msg.id", t, ev, tier) or "msg.id" in t.get("absent", "") and "as the case says" if here is None else None
        if why:
            info[f"absent: msg.id: {why}"] += 1
        elif here is None or here != id or ids[id] != 2:
            bad.append(f"{t['case']}: msg.id {here} of the receipt, {id} of its send, seen {ids[id]} times")
        elif "latency" in ev["msg"] and not 0 <= ev["msg"]["latency"] < 10**10:
            bad.append(f"{t['case']}: latency {ev['msg']['latency']}")
        else:
            info["sends joined with their receipts"] += 1
    return bad


def report(tests, info):
    print(f"1..{len(tests)}")
    failed = 0
    for i, (name, bad, skip) in enumerate(tests, 1):
        failed += bool(bad)
        print(f"{'not ' if bad else ''}ok {i} - {name}" + (f" # SKIP {skip}" if skip else ""))
        for b in bad[:12]:
            print(f"# {b}")
    for k, n in sorted(info.items()):
        print(f"# {n} {k}")
    return 1 if failed else 0


def initial_ns():
    return os.stat("/proc/self/ns/pid").st_ino == 0xeffffffc


def evaluate(events, truths, tier, direction, errors, info):
    """Tests of one program's messages; events may hold those of others too."""
    cases = collections.OrderedDict()
    init_ns = initial_ns()
    skips = [(t["case"], [], t["skip"]) for t in truths if "skip" in t]
    truths = [t for t in truths if "skip" not in t and (direction == "both" or t["dir"] == direction)]
    q = queues(events)
    # A call that failed need not be shown without --errors; what is shown of it must be true all the same.
    lean = any("detail" in e for e in events)
    for t in truths:
        t["key"] = t["host"][0] if lean else t["pid"]
    pairs = [(t, ev) for t, ev in pair_up(truths, q) if ev or errors or t["ret"] >= 0]
    if lean and tier in ("auto", "tracepoint"):  # docs/tiers.md, Routes
        pairs = [(t, ev) for t, ev in pairs if ev or t["route"] not in ("splice", "sendfile")]
    for t, ev in pairs:
        cases.setdefault(t["case"], []).extend(judge(t, ev, tier, init_ns, info))
    sockets = {t["cookie"] for t in truths if "cookie" in t}
    extra = [f"{ev['event']} {ev['route']} ret {ev['ret']} fd {ev.get('sock', {}).get('fd')}"
             for k, evs in q.items() for ev in evs if k[1] in sockets and (direction == "both" or k[2] == direction)]
    tests = [(n, b, None) for n, b in cases.items()]
    tests.append(("nothing more than what was received is shown", extra, None))
    if direction == "both":
        tests.append(("a send and its receipt have the same msg.id", joins(pairs, tier, info), None))
    return tests + skips


def whole(events):
    """Tests of all that one recvguard showed."""
    lean = [e for e in events if "detail" in e]
    more = [f"{e['event']} {e['id']} has {', '.join(fields.present(e))}" for e in lean if fields.present(e)]
    lost = [e for e in events if e["event"] == "lost"]
    left_out = sum(e["lost"]["count"] for e in lost if e["lost"]["reason"] == "skipped")
    return [("metadata: what only the full record has is absent", more, None)] * bool(lean) + [("seq has no gap", sequence(events), None),
            ("nothing lost", [json.dumps(e) for e in lost if e["lost"]["reason"] != "skipped"], left_out and
             f"{left_out} runs of programs left out by a kernel that preempts them (docs/tiers.md)")]


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("recvguard", nargs="?")
    ap.add_argument("program", nargs="?")
    ap.add_argument("--opt", action="append", default=[])
    ap.add_argument("--tier", default="")
    ap.add_argument("--direction", default="recv")
    ap.add_argument("--errors", action="store_true", help="calls that never reached a socket are expected too")
    ap.add_argument("--metadata", action="store_true")
    ap.add_argument("--events")
    ap.add_argument("--truths", nargs="+")
    ap.add_argument("--keep")
    ap.add_argument("--timeout", type=int, default=100)
    a = ap.parse_args()
    if a.direction != "recv":
        a.opt += ["--direction", a.direction]
    info, tests = collections.Counter(), []
    if a.metadata and not initial_ns():
        print("ok 1 - metadata # SKIP in a pid namespace its process ids are not those of the programs\n1..1")
        return 0
    why = None if a.events else elf32.refused(a.program)
    if why:
        print(f"ok 1 - {os.path.basename(a.program)} # SKIP {why}\n1..1")
        return 0
    if a.events:
        events = lines(a.events)
        for truth in a.truths:
            name = os.path.basename(truth).rsplit(".", 1)[0]
            tests += [(f"{name}: {test}", bad, skip)
                      for test, bad, skip in evaluate(events, lines(truth), a.tier, a.direction, a.errors, info)]
    else:
        with tempfile.TemporaryDirectory(prefix="rg-oracle-") as folder:
            if a.keep:
                os.makedirs(a.keep, exist_ok=True)
                for f in os.listdir(a.keep):
                    os.unlink(os.path.join(a.keep, f))
            events, truths = run(a, a.keep or folder)
        if a.metadata and not all("detail" in e for e in events if e["event"] != "lost"):
            tests.append(("every event says that it is metadata", ["it does not"], None))
        tests += evaluate(events, truths, a.tier or "auto", a.direction, a.errors, info)
    return report(tests + whole(events), info)


if __name__ == "__main__":
    sys.exit(main())
