#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What watching costs: every arm in turn, round after round, so that the machine's moods hit all alike.

The watched program times itself (bench/work.c) on the last CPU; watchers run on the first. What a watcher adds is
taken against the bare program run just before it; given are medians of these over the rounds, the spread (half the
distance between the quartiles), and the ratio to the bare program. Text goes to the terminal, everything with plots to
build/bench/report.html, the same tables to report.json.

  --quick (default)  some minutes on an idle machine        --full  more rounds, at most 20 minutes

Each part has a share of the time: on a slow machine it makes fewer rounds, and says how many. An arm that fails, or does
not end, is left out of its part and listed at the end with the reason.
"""
import argparse, os, platform, re, statistics, subprocess, sys, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import servers
from arms import BUILD, LAST, RG, ROOT, WORK, Absent, arms, collect, contained, spread, tiers
from memory import memory
from report import Report, bars, curve, ns

MATCH_OBJECT = os.path.join(ROOT, "build/tests/e2e/match/match.bpf.o")
STALL_RATE = 300000  # messages a second while the reader stands still
BARE_EACH = 4  # arms between two runs of the bare program
# part: seconds it may take, in the quick run and in the full one; those without rounds have limits of their own
PARTS = {"pairs": (110, 300), "latency": (40, 80), "throughput": (80, 180), "growth": (80, 180), "memory": (0, 0), "servers": (80, 240),
         "parts": (0, 0), "instructions": (0, 0)}
WHOLE = 1200  # seconds that all of it may take: the last parts are cut by it
VM_LIMIT = 120  # seconds of one count in the emulated machine; it takes 30
TARGETS = (("full decode, stream", "JSON", "stream", 550), ("full decode, datagram", "JSON", "dgram", 550),
           ("full decode, descriptor", "JSON", "descriptor", 800), ("full decode, UDP with control", "JSON", "udp-control", 800),
           ("metadata only, stream", "metadata only", "stream", 220), ("a call that receives nothing", "JSON", "getpid", 5))
GROWING = (": JSON", ": metadata only", ": both directions, JSON", "bpftrace, count", "bpftrace, printf", "perf trace", "strace, same CPU")


def version(cmd):
    try:
        p = subprocess.run(cmd, capture_output=True, text=True, timeout=20)
        return (p.stdout + p.stderr).strip().splitlines()[0]
    except (OSError, IndexError, subprocess.TimeoutExpired):
        return "not installed"


def first(path, key):
    try:
        return next((l.split(":", 1)[1].strip() for l in open(path) if l.startswith(key)), "?")
    except OSError:
        return "?"


def mitigations():
    """What makes system calls and returns dear here."""
    folder, out = "/sys/devices/system/cpu/vulnerabilities", []
    for f in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
        said = open(os.path.join(folder, f)).read().strip()
        if said.startswith("Mitigation"):
            out.append(f"{f} ({said[12:]})")
    return "; ".join(out) or "none"


def machine(rep, a):
    try:
        said = subprocess.run([RG, "--version"], capture_output=True, text=True, timeout=20).stdout
    except subprocess.TimeoutExpired:
        said = ""
    own = "; ".join(" ".join(l.split()) for l in said.splitlines()[:5])
    rows = [("", ""), ("date", time.strftime("%Y-%m-%d %H:%M %Z")),
            ("machine", f"{os.cpu_count()} x {first('/proc/cpuinfo', 'model name')}, {first('/proc/meminfo', 'MemTotal')}"),
            ("virtual", version(["systemd-detect-virt"])), ("load at the start", f"{os.getloadavg()[0]:.1f}"),
            ("kernel", f"{platform.release()} {platform.version()}"), ("mitigations", mitigations()), ("recvguard", own),
            ("run", f"{'full' if a.full else 'quick'}: at most {a.rounds} rounds, {a.ms} ms a workload, floods of {a.flood_ms} ms, servers {a.seconds} s")]
    for name, cmd in (("strace", ["strace", "-V"]), ("perf", ["perf", "version"]), ("bpftrace", ["bpftrace", "--version"]),
                      ("nginx", ["nginx", "-v"]), ("wrk", ["wrk", "-v"]), ("redis", ["redis-server", "--version"]), ("dbus", ["dbus-daemon", "--version"]),
                      ("qemu", ["qemu-system-x86_64", "--version"])):
        rows.append((name, version(cmd)))
    note = "" if os.getloadavg()[0] < 0.5 * os.cpu_count() else "The machine was busy when this began: look at ratios and spreads only."
    rep.section("Where this was measured", rows=rows, note=note)


def often_bare(todo):
    """The bare program again after every few arms."""
    bare, others = todo[0], todo[1:]
    out = []
    for i in range(0, len(others), BARE_EACH):
        out += [bare] + others[i:i + BARE_EACH]
    return out or [bare]


def kinds_of(figures):
    return [k for k in figures if not k.startswith(("watcher", "added"))]


def rounds_of(data):
    n = sorted({len(next(iter(f.values()))) for name, f in data.items() if name != "bare"} or {0})
    return f"rounds: {n[0]}" + ("" if len(n) == 1 else f" to {n[-1]}")


def medians(data):
    return {n: {k: statistics.median(v) for k, v in f.items()} for n, f in data.items()}


def added_table(rep, title, head, data, note, logarithmic=()):
    """What each arm adds to each kind, beside the bare program; one plot a kind named in `logarithmic`."""
    med, kinds = medians(data), kinds_of(data["bare"])
    rows = [[head] + kinds]
    for n, f in data.items():
        rows.append([n] + [f"{ns(med[n][k])} ±{ns(spread(f[k]))}" if n == "bare" else
                           f"{ns(med[n]['added ' + k], '+')} ±{ns(spread(f['added ' + k]))} {med[n][k] / med['bare'][k]:.2f}x" for k in kinds])
    plots = [(f"Added to one pair, {k}, ns (logarithmic)", bars([(n, med[n]["added " + k], spread(data[n]["added " + k])) for n in data if n != "bare"], "ns"))
             for k in kinds if k in logarithmic]
    rep.section(title, rows=rows, plots=plots, note=f"{note} ±: half the distance between the quartiles of the rounds ({rounds_of(data)}).")


def pairs(rep, todo, a, absent, until):
    title = "One program that sends to itself"
    data = collect("pairs", often_bare(todo), a.rounds, [WORK, "pairs", str(a.ms), LAST], absent, until)
    if "bare" not in data:
        rep.section(title, note="not measured: the bare program does not run")
        return
    added_table(rep, title, "ns per send+recvmsg pair", data,
                "The bare program, then what each watcher adds (x: ratio to bare). getpid is a call that receives nothing. Where others are "
                "selected the program is none of those watched: what is added is what everybody else pays.",
                [k for k in kinds_of(data["bare"]) if k != "getpid"])
    med = medians(data)
    rep.section("Watchers: memory and CPU", rows=[["", "peak memory, MiB", "CPU seconds a run", "lost"]] +
                [[n, f"{med[n]['watcher rss']:.1f}", f"{med[n]['watcher cpu']:.2f}", f"{sum(data[n]['watcher lost']):,.0f}" if n.startswith("recvguard") else ""]
                 for n in data if n != "bare"],
                note="Loading included. What recvguard has in the kernel: see Memory.")
    targets(rep, data, med)


def latency(rep, todo, a, absent, until):
    title = "Latency of single messages"
    data = collect("latency", often_bare(todo), a.rounds, [WORK, "latency", str(a.ms), LAST], absent, until)
    if "bare" not in data:
        rep.section(title, note="not measured: the bare program does not run")
        return
    added_table(rep, title, "ns, percentiles of send+recvmsg", data,
                "Each pair timed for itself, the clock included: what a watcher adds to the percentile of the bare program.", ("stream-p50", "stream-p99", "stream-p99.9"))


def targets(rep, data, med):
    rows = [["target", "ns at most", "measured", "spread", ""]]
    for what, output, kind, limit in TARGETS:
        n = f"recvguard tracepoint: {output}"
        if n in med:
            v = med[n]["added " + kind]
            rows.append([what, limit, ns(v, "+"), "±" + ns(spread(data[n]["added " + kind])), "met" if v <= limit else "not met"])
    rejects, floor = med.get("recvguard tracepoint: filter that rejects"), med.get("empty hooks")
    if rejects and floor:
        v = rejects["added stream"] - floor["added stream"]
        rows.append(["filter that rejects, over the empty hooks", 60, ns(v, "+"), "", "met" if v <= 60 else "not met"])
    rep.section("Targets", rows=rows)


def throughput(rep, todo, a, absent, until):
    todo = [t for t in todo if not t.beside]
    for producers, part in ((1, "one producer"), (2, "two producers")):
        end = until if producers == 2 else (time.monotonic() + until) / 2
        data = collect(part, todo, a.rounds, [WORK, "flood", str(a.flood_ms), "0", "0", str(producers)], absent, end, pinned=False, alone=False)
        if producers == 2:
            # the watcher stands still for 300 ms in the middle, with its default ring
            json = [t for t in todo if t.name.endswith(": JSON") and "both" not in t.name]
            for rate, words in ((str(STALL_RATE), f", {STALL_RATE:,} a second"), ("0", ", no limit")):
                stalled = collect("reader stopped", json, min(a.rounds, 3), [WORK, "flood", "1500", "0", rate], absent, until,
                                  pinned=False, alone=False, stall=(1.3, 0.3))
                data.update({n + ", reader stopped 300 ms" + words: f for n, f in stalled.items()})
        throughput_table(rep, f"Throughput, {part}", data)


def throughput_table(rep, title, data):
    rows = [["all share all processors with the watcher", "messages/s", "spread", "ratio", "lost", "of", "watcher's CPU s", "peak MiB"]]
    bare, plot = None, []
    for n, f in data.items():
        rates = [m / s for m, s in zip(f["messages"], f["seconds"])]
        rate = statistics.median(rates)
        bare = rate if n == "bare" else bare
        plot.append((n, rate, spread(rates)))
        rows.append([n, f"{rate:,.0f}", f"±{spread(rates):,.0f}", f"{rate / bare:.2f}x" if bare else "?", f"{sum(f['watcher lost']):,.0f}",
                     f"{sum(f['messages']):,.0f}", f"{statistics.median(f['watcher cpu']):.2f}", f"{max(f['watcher rss']):.1f}"])
    rep.section(title, rows=rows, plots=[("Messages a second", bars(plot, "/s"))], note=f"{rounds_of(data)}; lost: what the watcher itself says.")


def growth(rep, todo, a, absent, until):
    """Curves: message size, sockets, traced processes, rate."""
    todo = [t for t in todo if t.name == "bare" or t.name.endswith(GROWING)]
    modes = (("sizes", "bytes a message"), ("sockets", "sockets in turn"), ("processes", "receiving processes in turn"), ("rates", "messages a second"))
    for left, (mode, xname) in zip(range(len(modes), 0, -1), modes):
        end = time.monotonic() + max(until - time.monotonic(), 0) / left
        data = collect(f"growth: {xname}", todo, max(a.rounds // 2, 1), [WORK, mode, str(a.ms), LAST], absent, end, alone=False)
        if "bare" not in data:
            rep.section(f"Growth: {xname}", note="not measured: the bare program does not run")
            continue
        med, xs = medians(data), kinds_of(data["bare"])
        lines = {n: [(int(k), med[n]["added " + k]) for k in xs] for n in data if n != "bare"}
        rows = [["added ns a pair, by " + xname] + xs + ["peak MiB"], ["bare"] + [ns(med["bare"][k]) for k in xs]]
        rows += [[n] + [f"{ns(y, '+')} ±{ns(spread(data[n][f'added {x}']))}" for x, y in l] + [f"{med[n]['watcher rss']:.1f}"] for n, l in lines.items()]
        ours = {n: l for n, l in lines.items() if n.startswith("recvguard")}
        rep.section(f"Growth: {xname}", rows=rows, note=f"{rounds_of(data)}.",
                    plots=[(f"Added ns a pair, by {xname}: recvguard", curve(ours, xname, "ns")), ("All", curve(lines, xname, "ns"))])


def external(rep, end, title, cmd, note="", by_rules=False):
    """A bench of another part, with its own text; by_rules: its lines are curves over the number of rules."""
    try:
        code, out, err = contained(cmd, max(min(120, end - time.monotonic()), 1))
    except OSError as e:
        code, out, err = 1, "", str(e)
    rows = [l.split("\t") if "\t" in l else [l] for l in out.splitlines() if l.strip()]
    plots = []
    if by_rules:
        lines = {m[0]: [(10 ** i, float(v)) for i, v in enumerate(m[1].split())] for m in re.findall(r"(?m)^(\w+)((?: +-?[\d.]+){4})$", out)}
        lines.pop("rules", None)
        plots = [(title, curve(lines, "rules", "ns"))]
    if code:
        note = "; ".join(filter(None, (note, f"not measured{' to the end' if rows else ''}: exit {code}: {err.strip()[:200]}")))
    rep.section(title, rows=rows or None, note=note, plots=plots)


def inner_parts(rep, end):
    bench = lambda name: os.path.join(BUILD, "bench-" + name)
    external(rep, end, "Consumer: JSON writer, ns an event", [bench("json"), "5000"])
    external(rep, end, "Consumer: recordings", ["sh", "-c", 'f=$(mktemp -u) && "$1" "$f"; s=$?; rm -f "$f"*; exit $s', "sh", bench("record")])
    external(rep, end, "Growth: rules of a policy in user space, ns a decision", [bench("policy")], by_rules=True)
    external(rep, end, "Growth: rules decided in the kernel, ns a receive over an empty hook", [bench("match"), MATCH_OBJECT, "20"], by_rules=True)
    external(rep, end, "Broker", [bench("broker"), "--tsv", RG, "3"], "arm, kind, bytes, descriptors, ns (median), best ns, rounds, messages a round")


COUNTS = (("recvguard trampoline: ", "cost-capture /rg/tests/capture-cost.tsv", r"ok \d+ - (\S+): (-?\d+) instructions added to (\d+)"),
          ("recvguard legacy: ", "cost-capture /rg/tests/capture-cost.tsv legacy", r"ok \d+ - legacy/(\S+): (-?\d+) instructions added to (\d+)"),
          ("recvguard enforce (LSM): ", "cost-enforce", r"# ([^:\n]+: 1 rule) \+(\d+)(), 1,000 rules"),
          ("recvguard enforce (LSM): ", None, r"# ([^:\n]+): 1 rule \+\d+, 1,000 rules \+(\d+)()"))


def instructions(rep, end):
    """Times in an emulated machine mean nothing, instructions do: the tiers that load there and the kernel's enforcement,
    counted by the very tests that hold them."""
    title, rows, notes, out, bare = "Instructions a message, Linux 6.1 in QEMU (-icount)", [["arm", "instructions added", "to"]], [], "", ""
    for prefix, command, line in COUNTS:
        if command:
            code, out, err = contained([os.path.join(ROOT, "tools/vm.sh"), "--build", os.path.join(ROOT, "build"), "--icount",
                                        "--timeout", str(VM_LIMIT), "6.1", command],
                                       max(min(2 * VM_LIMIT, end - time.monotonic()), 1))
            bare = next(iter(re.findall(r"# bare (\d+)[, ]", out)), "")
            if code:
                notes.append(f"{command}: exit {code}: {(err or out).strip()[-200:]}")
        found = re.findall(line, out)
        if not found:
            notes.append(f"{prefix}no figure")
        rows += [[prefix + m[0] + ("" if command else ": 1,000 rules"), f"+{int(m[1]):,}", f"{int(m[2] or bare or 0):,}"] for m in found]
    rep.section(title, rows=rows if len(rows) > 1 else None, note="; ".join(notes))


def options():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--full", action="store_true")
    ap.add_argument("--quick", action="store_true", help="the default")
    ap.add_argument("--rounds", type=int)
    ap.add_argument("--ms", type=int, help="per workload, arm and round")
    ap.add_argument("--only", metavar="REGEX", help="arms whose name matches (and the bare one)")
    ap.add_argument("--part", action="append", choices=list(PARTS), help="only this part of the report")
    ap.add_argument("--out", default=BUILD, help="where report.html and report.json go")
    a = ap.parse_args()
    a.rounds = a.rounds or (9 if a.full else 3)
    a.ms = a.ms or (100 if a.full else 60)
    # asked for something short: floods and servers follow
    a.flood_ms, a.seconds = (1000, 2) if a.full else (min(500, 10 * a.ms), 1)
    return a


def measure(rep, a):
    """Each part; one that fails in a way nobody thought of is said, and the others go on."""
    good, why = tiers()
    todo = [t for t in arms(good) if not a.only or t.name == "bare" or re.search(a.only, t.name)]
    absent = Absent(todo)
    whole = time.monotonic() + WHOLE
    run = {"pairs": lambda end: pairs(rep, todo, a, absent, end), "latency": lambda end: latency(rep, todo, a, absent, end),
           "throughput": lambda end: throughput(rep, todo, a, absent, end), "growth": lambda end: growth(rep, todo, a, absent, end),
           "memory": lambda end: memory(rep, good, absent, a.ms < 20), "servers": lambda end: servers.measure(rep, a, good, absent, end),
           "parts": lambda end: inner_parts(rep, whole), "instructions": lambda end: instructions(rep, whole)}
    broken = 0
    for part, shares in PARTS.items():
        if a.part and part not in a.part:
            continue
        begin = time.monotonic()
        try:
            run[part](min(begin + shares[a.full], whole))
        except (OSError, ValueError, KeyError, IndexError, RuntimeError, subprocess.SubprocessError, statistics.StatisticsError) as e:
            broken += 1
            rep.section(f"{part}: broken off", note=f"{type(e).__name__}: {e}")
        rep.took.append([part, f"{time.monotonic() - begin:.0f}"])
    rows = [["part", "arm", "why"]] + [["all", f"tier {k}", v] for k, v in why.items()]
    rep.section("Not measured", rows=rows + [list(x) for x in absent.by_part])
    return broken or any(n.startswith("recvguard") for _, n, _ in absent.by_part)


def main():
    a = options()
    for f in (WORK, RG):
        if not os.path.exists(f):
            sys.exit(f"bench: {os.path.relpath(f)} is not built: ./dev build")
    if os.geteuid():
        sys.exit("bench: the watchers need root")
    rep = Report("recvguard: what watching costs")
    machine(rep, a)
    failed = measure(rep, a)
    rep.section("Time taken", rows=[["part", "seconds"]] + rep.took)
    pages = rep.write(a.out)
    print(f"\nwith plots: {os.path.relpath(pages)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
