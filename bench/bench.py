#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What watching costs: every arm in turn, round after round, so that the machine's moods hit all alike.

The watched program times itself (bench/work.c) on the last CPU; watchers run on the first. What a watcher adds is
taken against the bare program run just before it; given are medians of these over the rounds, the spread (half the
distance between the quartiles), and the ratio to the bare program. Text goes to the terminal, everything with plots to build/bench/report.html.

  --quick (default)  some minutes on an idle machine        --full  more rounds, at most a quarter of an hour
"""
import argparse, os, platform, re, resource, shutil, signal, statistics, subprocess, sys, tempfile, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import servers
from report import Report, bars, curve, ns

ROOT = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
BUILD = os.path.join(ROOT, "build/bench")
WORK, RG = os.path.join(BUILD, "bench-work"), os.path.join(ROOT, "build/cli/recvguard")
HOOK = os.path.join(BUILD, "bench-hook")
FIRST, LAST = "0", str(os.cpu_count() - 1)
MATCH_OBJECT = os.path.join(ROOT, "build/tests/e2e/match/match.bpf.o")
HOOKS = "skb_copy_datagram_iovec,sock_recv_length"
STALL_RATE = 300000  # messages a second while the reader stands still
BARE_EACH = 4  # arms between two runs of the bare program
RECEIVES = "recvmsg,recvmmsg,recvfrom"
COUNT = "tracepoint:syscalls:sys_exit_recvmsg /pid == cpid/ { @ = count(); }"
PRINTF = ("tracepoint:syscalls:sys_enter_recvmsg /pid == cpid/ { @m[tid] = args->msg; } "
          "tracepoint:syscalls:sys_exit_recvmsg /pid == cpid/ { printf(\"%s %d %d\\n\", comm, pid, args->ret); }")
OUTPUTS = (("JSON", ["-o", "json=/dev/null"]), ("text", ["-o", "text=/dev/null"]), ("SQLite", ["-o", "sqlite=SCRATCH"]),
           ("metadata only", ["--snaplen", "0", "--no-enrich", "-o", "json=/dev/null"]),
           ("selection that rejects", ["--comm", "nobody-is-called", "-o", "json=/dev/null"]))
TARGETS = (("full decode, stream", "JSON", "stream", 550), ("full decode, datagram", "JSON", "dgram", 550),
           ("full decode, descriptor", "JSON", "descriptor", 800), ("full decode, UDP with control", "JSON", "udp-control", 800),
           ("metadata only, stream", "metadata only", "stream", 220), ("a call that receives nothing", "JSON", "getpid", 5))


class Arm:
    """cmd is put before the command; beside: it runs beside it, watching the whole machine."""

    def __init__(self, name, cmd, tool=None, beside=False):
        self.name, self.cmd, self.tool, self.beside = name, cmd, tool, beside
        self.ours = name.startswith("recvguard")


def tiers():
    """Those that run here, and why the others do not."""
    good, why = [], {}
    for t in ("trampoline", "tracepoint", "legacy"):
        p = subprocess.run([RG, "trace", "--tier", t, "-q", "-o", "json=/dev/null", "--", "true"], capture_output=True, text=True)
        if p.returncode == 0:
            good.append(t)
        else:
            why[t] = (p.stderr.strip().splitlines() or ["?"])[-1]
    return good, why


def arms(good):
    on, same = ["taskset", "-c", FIRST], ["taskset", "-c", LAST]
    st = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=" + RECEIVES]
    out = [Arm("bare", [])]
    for t in good:
        out += [Arm(f"recvguard {t}: {name}", on + [RG, "trace", "-q", "--tier", t] + args + ["--"]) for name, args in OUTPUTS]
        # a command would be selected as well, by look-ups that are no part of the filter's cost
        out += [Arm(f"recvguard {t}: filter that rejects", on + [RG, "trace", "--tier", t, "--filter", "proc.pid == 1", "-o", "json=/dev/null"], beside=True)]
    if "tracepoint" in good:
        out += [Arm("empty hooks", [HOOK, HOOKS]), Arm("empty hook at the end only", [HOOK, HOOKS.split(",")[1]])]
    return out + [Arm("bpftrace, count", on + ["bpftrace", "-o", "/dev/null", "-e", COUNT, "-c"], "bpftrace"),
                  Arm("bpftrace, printf", on + ["bpftrace", "-o", "/dev/null", "-e", PRINTF, "-c"], "bpftrace"),
                  Arm("perf trace", on + ["perf", "trace", "-o", "/dev/null", "-e", RECEIVES], "perf"),
                  Arm("strace, same CPU", same + st, "strace"), Arm("strace, other CPU", on + st, "strace"),
                  Arm("strace --seccomp-bpf", on + st + ["--seccomp-bpf"], "strace")]


def unlimited():
    """Locked memory for watchers that count it; where it may not be had they say so and go on."""
    try:
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    except (OSError, ValueError):
        pass


def stand_still(p, stall):
    """Stop the watcher alone for a while: (seconds from its start, seconds)."""
    for pause, sig in zip(stall, (signal.SIGSTOP, signal.SIGCONT)):
        time.sleep(pause)
        p.send_signal(sig)


def started(p, err):
    """A watcher of the whole machine says so when it watches."""
    end = time.time() + 30
    while time.time() < end and p.poll() is None:
        if "decided in the kernel" in open(err.name).read():
            return
        time.sleep(0.05)
    raise RuntimeError("the watcher does not start: " + open(err.name).read()[-200:])


def run(arm, work, pinned=True, stall=None):
    """One watched run: the program's own figures, the watcher's CPU seconds and peak memory, its words."""
    with tempfile.TemporaryDirectory(prefix="rg-bench-") as d:
        out = os.path.join(d, "figures")
        cmd = [c.replace("SCRATCH", os.path.join(d, "rec.db")) for c in (arm.cmd if pinned else arm.cmd[3:])]
        if not arm.beside:
            cmd += [" ".join(work)] if "bpftrace" in cmd else work
        env = dict(os.environ, RG_BENCH_OUT=out)
        with open(os.path.join(d, "err"), "w+") as err:
            p = subprocess.Popen(cmd, stdout=subprocess.DEVNULL, stderr=err, stdin=subprocess.DEVNULL, env=env,
                                 preexec_fn=unlimited)
            try:
                if stall:
                    stand_still(p, stall)
                if arm.beside:
                    started(p, err)
                    subprocess.run(work, stdout=subprocess.DEVNULL, env=env, timeout=120)
                    p.send_signal(signal.SIGINT)
                _, status, use = os.wait4(p.pid, 0)
            except RuntimeError as e:
                p.kill()
                p.wait()
                return {}, {}, str(e), 1
            except BaseException:
                p.kill()
                raise
            p.returncode = os.waitstatus_to_exitcode(status)
            err.seek(0)
            said = err.read()
        figures = {}
        if os.path.exists(out):
            figures = {k: float(v) for k, v in (l.split() for l in open(out) if l.strip())}
        self_cpu = figures.pop("cpu", 0)
        figures_watcher = {"cpu": max(use.ru_utime + use.ru_stime - (0 if arm.beside else self_cpu), 0) if arm.cmd else 0, "rss": use.ru_maxrss / 1024}
        return figures, figures_watcher, said, p.returncode


def spread(v):
    if len(v) < 4:
        return (max(v) - min(v)) / 2
    q = statistics.quantiles(v, n=4)
    return (q[2] - q[0]) / 2


def version(cmd):
    try:
        p = subprocess.run(cmd, capture_output=True, text=True, timeout=20)
        return (p.stdout + p.stderr).strip().splitlines()[0]
    except (OSError, IndexError, subprocess.TimeoutExpired):
        return "not installed"


def machine(rep):
    model = next((l.split(":", 1)[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), "?")
    rows = [("", ""), ("machine", f"{os.cpu_count()} x {model}"), ("load at the start", f"{os.getloadavg()[0]:.1f}"), ("kernel", platform.release())]
    for name, cmd in (("recvguard", [RG, "--version"]), ("strace", ["strace", "-V"]), ("perf", ["perf", "version"]), ("bpftrace", ["bpftrace", "--version"]),
                      ("nginx", ["nginx", "-v"]), ("wrk", ["wrk", "-v"]), ("redis", ["redis-server", "--version"]), ("dbus", ["dbus-daemon", "--version"])):
        rows.append((name, version(cmd)))
    note = "" if os.getloadavg()[0] < 0.5 * os.cpu_count() else "The machine was busy when this began: look at ratios and spreads only."
    rep.section("Where this was measured", rows=rows, note=note)


def collect(todo, rounds, work, failed, pinned=True, stall=None):
    """{arm: {figure: [one a round]}}; what fails is noted and left out from then on."""
    data, before = {}, {}
    for r in range(rounds):
        for arm in todo:
            if arm.name in failed:
                continue
            figures, watcher, said, code = run(arm, work, pinned, stall)
            if code or not figures:
                failed[arm.name] = f"exit {code}: {said.strip()[:160]}"
                continue
            m = re.search(r"LOST (\d[\d,]*)", said)
            watcher["lost"] = float(m.group(1).replace(",", "")) if m else 0
            if arm.name == "bare":
                before = figures
            for k, v in list(figures.items()) + [("watcher " + k, v) for k, v in watcher.items()]:
                data.setdefault(arm.name, {}).setdefault(k, []).append(v)
            for k in figures:
                if k in before:
                    data[arm.name].setdefault("added " + k, []).append(figures[k] - before[k])
        if sys.stderr.isatty():
            print(f"\rround {r + 1} of {rounds} ", end="", file=sys.stderr)
    return data


def often_bare(todo):
    """The bare program again after every few arms."""
    bare, others = todo[0], todo[1:]
    out = []
    for i in range(0, len(others), BARE_EACH):
        out += [bare] + others[i:i + BARE_EACH]
    return out or [bare]


def kinds_of(figures):
    return [k for k in figures if not k.startswith(("watcher", "added"))]


def pairs(rep, todo, a, failed):
    data = collect(often_bare(todo), a.rounds, [WORK, "pairs", str(a.ms), LAST], failed)
    if "bare" not in data:
        sys.exit("bench: the bare program does not run: " + failed.get("bare", "?"))
    kinds = kinds_of(data["bare"])
    med = {n: {k: statistics.median(v) for k, v in f.items()} for n, f in data.items()}
    rows = [["ns per send+recvmsg pair"] + kinds]
    for n, f in data.items():
        rows.append([n] + [f"{ns(med[n][k])} ±{ns(spread(f[k]))}" if n == "bare" else
                           f"{ns(med[n]['added ' + k], '+')} ±{ns(spread(f['added ' + k]))} {med[n][k] / med['bare'][k]:.2f}x" for k in kinds])
    plots = [(f"Added to one pair, {k}, ns (logarithmic)", bars([(n, med[n]["added " + k], spread(data[n]["added " + k])) for n in data if n != "bare"], "ns"))
             for k in kinds if k != "getpid"]
    rep.section("One program that sends to itself", rows=rows, plots=plots, note="The bare program, then what each watcher adds (x: ratio to bare). "
                "getpid is a call that receives nothing. ±: half the distance between the quartiles of the rounds.")
    rep.section("Watchers: memory and CPU", rows=[["", "peak memory, MiB", "CPU seconds a run"]] +
                [[n, f"{med[n]['watcher rss']:.1f}", f"{med[n]['watcher cpu']:.2f}"] for n in data if n != "bare"],
                note="Loading included. In the kernel recvguard adds its ring (64 MiB unless --ring says otherwise), 8 KiB for a receiving thread "
                "and 16 bytes for a socket, and tables of fixed size.")
    targets(rep, data, med)
    return med


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


def throughput(rep, todo, a, failed):
    todo = [t for t in todo if t.name == "bare" or t.ours]
    rows = [["two producers share all CPUs with the watcher", "events/s", "spread", "lost", "of", "ratio", "CPU s of the watcher"]]
    data = collect(todo, a.rounds, [WORK, "flood", str(a.flood_ms)], failed, pinned=False)
    # the watcher stands still for 300 ms in the middle, with its default ring
    json = [t for t in todo if t.name.endswith(": JSON")]
    for rate, words in ((str(STALL_RATE), f", {STALL_RATE:,} a second"), ("0", ", no limit")):
        stalled = collect(json, a.rounds, [WORK, "flood", "1500", "0", rate], failed, pinned=False, stall=(1.3, 0.3))
        data.update({n + ", reader stopped 300 ms" + words: f for n, f in stalled.items()})
    bare = None
    for n, f in data.items():
        rates = [m / s for m, s in zip(f["messages"], f["seconds"])]
        rate = statistics.median(rates)
        bare = bare or rate
        rows.append([n, f"{rate:,.0f}", f"±{spread(rates):,.0f}", f"{sum(f['watcher lost']):,.0f}", f"{sum(f['messages']):,.0f}", f"{rate / bare:.2f}x",
                     f"{statistics.median(f['watcher cpu']):.2f}"])
    rep.section("Throughput", rows=rows)


def growth(rep, todo, a, failed):
    """Curves: message size, sockets, traced processes, rate."""
    bare = next(t for t in todo if t.name == "bare")
    ours = [t for t in todo if t.ours and t.name.endswith((": JSON", ": metadata only"))]
    for mode, xname in (("sizes", "bytes a message"), ("sockets", "sockets in turn"), ("processes", "receiving processes in turn"), ("rates", "messages a second")):
        data = collect([bare] + ours, max(a.rounds // 2, 1), [WORK, mode, str(a.ms), LAST], failed)
        if "bare" not in data:
            rep.section(f"Growth: {xname}", note="not measured: " + failed.get("bare", "?"))
            continue
        xs = kinds_of(data["bare"])
        lines = {n: [(int(k), statistics.median(f["added " + k])) for k in xs] for n, f in data.items() if n != "bare"}
        rows = [["added ns a pair, by " + xname] + xs] + [[n] + [ns(y, "+") for _, y in l] for n, l in lines.items()]
        rep.section(f"Growth: {xname}", rows=rows, plots=[(f"Added ns a pair, by {xname}", curve(lines, xname, "ns"))])


def external(rep, title, cmd, note=""):
    """A bench of another part, with its own text."""
    try:
        p = subprocess.run(cmd, capture_output=True, text=True, timeout=300)
    except (OSError, subprocess.TimeoutExpired) as e:
        rep.section(title, note=f"not measured: {e}")
        return
    rows = [l.split("\t") if "\t" in l else [l] for l in p.stdout.splitlines() if l.strip()]
    rep.section(title, rows=rows or None, note=note if p.returncode == 0 else f"not measured: exit {p.returncode}: {p.stderr.strip()[:200]}")


def instructions(rep):
    """Times in an emulated machine mean nothing, instructions do: the trampoline tier and the kernel's enforcement, counted
    by the very tests that hold them."""
    title, rows, notes = "Instructions a message, Linux 6.1 in QEMU (-icount)", [["arm", "instructions added", "to"]], []
    counts = [("recvguard trampoline: ", "cost-capture /rg/tests/capture-cost.tsv", r"ok \d+ - (\S+): (-?\d+) instructions added to (\d+)"),
              ("recvguard enforce: ", "cost-enforce", r"# (\w+: 1 rule) \+(\d+)(), 1,000 rules"),
              ("recvguard enforce: ", None, r"# (\w+): 1 rule \+\d+, 1,000 rules \+(\d+)()")]
    out = ""
    for prefix, command, line in counts:
        if command:
            try:
                p = subprocess.run([os.path.join(ROOT, "tools/vm.sh"), "--build", os.path.join(ROOT, "build"), "--icount", "--timeout", "550", "6.1", command],
                                   capture_output=True, text=True, timeout=600)
                out = p.stdout
                if p.returncode:
                    notes.append(f"{command}: exit {p.returncode}: {(p.stderr or out).strip()[-200:]}")
            except (OSError, subprocess.TimeoutExpired) as e:
                notes.append(f"{command}: not measured: {e}")
                out = ""
        rows += [[prefix + m[0] + ("" if command else ": 1,000 rules"), f"+{int(m[1]):,}", f"{int(m[2]):,}" if m[2] else ""] for m in re.findall(line, out)]
    rep.section(title, rows=rows if len(rows) > 1 else None, note="; ".join(notes))


def real_servers(rep, a, good):
    watchers = [("bare", None)]
    for t in good:
        watchers += [(f"recvguard {t}: JSON", [RG, "trace", "--tier", t, "--pid", "PID", "-o", "json=/dev/null"])]
    watchers += [("strace", ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=" + RECEIVES + ",read,readv", "-p", "PID"]),
                 ("bpftrace, count", ["bpftrace", "-e", 'tracepoint:syscalls:sys_exit_recvfrom,tracepoint:syscalls:sys_exit_recvmsg,tracepoint:syscalls:sys_exit_read /comm == "COMM"/ { @ = count(); }'])]
    rows = [["server", "watcher", "per second", "ratio", "p99, us", "ratio"]]
    notes = []
    for title, server, tools in servers.SERVERS:
        if servers.missing(tools):
            notes.append(f"{title}: {', '.join(servers.missing(tools))} not installed")
            continue
        data = {}
        for _ in range(max(a.rounds // 2, 1)):
            for name, cmd in watchers:
                if cmd and cmd[0] != RG and not shutil.which(cmd[0]):
                    continue
                try:
                    with server() as (p, comm, load), servers.watched(cmd, pid_of(p.pid, comm), comm):
                        for k, v in load(a.seconds).items():
                            data.setdefault(name, {}).setdefault(k, []).append(v)
                except (RuntimeError, OSError, AttributeError, IndexError, ValueError) as e:
                    notes.append(f"{title}, {name}: {e}")
        med = {n: {k: statistics.median(v) for k, v in f.items()} for n, f in data.items()}
        for n, f in med.items():
            b = med.get("bare", f)
            rows.append([title, n, f"{f['per second']:,.0f} ±{spread(data[n]['per second']):,.0f}", f"{f['per second'] / b['per second']:.2f}x",
                         f"{f['p99 us']:,.0f}", f"{f['p99 us'] / b['p99 us']:.2f}x"])
    rep.section("Real servers", rows=rows, note="; ".join(notes))


def pid_of(pid, comm):
    """The process that serves: nginx's worker, else the server itself."""
    children = open(f"/proc/{pid}/task/{pid}/children").read().split()
    return int(children[0]) if comm == "nginx" and children else pid


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--full", action="store_true")
    ap.add_argument("--quick", action="store_true", help="the default")
    ap.add_argument("--rounds", type=int)
    ap.add_argument("--ms", type=int, help="per workload, arm and round")
    ap.add_argument("--only", help="arms whose name contains this (and the bare one)")
    ap.add_argument("--part", action="append", choices=["pairs", "throughput", "growth", "servers", "parts", "instructions"], help="only this part of the report")
    a = ap.parse_args()
    a.rounds = a.rounds or (9 if a.full else 3)
    a.ms = a.ms or (100 if a.full else 60)
    a.flood_ms, a.seconds = (1000, 3) if a.full else (500, 2)
    for f in (WORK, RG):
        if not os.path.exists(f):
            sys.exit(f"bench: {os.path.relpath(f)} is not built: ./dev build")
    if os.geteuid():
        sys.exit("bench: the watchers need root")
    good, why = tiers()
    absent = {}
    todo = [t for t in arms(good) if not a.only or t.name == "bare" or a.only in t.name]
    for t in [t for t in todo if t.tool and not shutil.which(t.tool)]:
        absent[t.name] = f"{t.tool} is not installed"
    failed = dict(absent)
    rep = Report("recvguard: what watching costs")
    want = lambda part: not a.part or part in a.part
    machine(rep)
    if want("pairs"):
        pairs(rep, todo, a, failed)
    if want("throughput"):
        throughput(rep, todo, a, failed)
    if want("growth"):
        growth(rep, todo, a, failed)
    if want("servers"):
        real_servers(rep, a, good)
    if want("parts"):
        external(rep, "Consumer: JSON writer, ns an event", [os.path.join(BUILD, "bench-json"), "5000"])
        external(rep, "Policy: ns a decision, by number of rules", [os.path.join(BUILD, "bench-policy")])
        external(rep, "Filters decided in the kernel: ns a receive over an empty hook", [os.path.join(BUILD, "bench-match"), MATCH_OBJECT, "30"])
        external(rep, "Broker", [os.path.join(BUILD, "bench-broker"), "--tsv", RG, "3"],
                 "arm, kind, bytes, descriptors, ns (median), best ns, rounds, messages a round")
    if want("instructions"):
        instructions(rep)
    rep.section("Not measured", rows=[["arm", "why"]] + [[f"tier {k}", v] for k, v in why.items()] + [list(x) for x in failed.items()])
    page = os.path.join(BUILD, "report.html")
    with open(page, "w") as f:
        f.write(rep.page())
    print(f"\nwith plots: {os.path.relpath(page)}")
    return 1 if any(n.startswith("recvguard") for n in failed if n not in absent) else 0


if __name__ == "__main__":
    sys.exit(main())
