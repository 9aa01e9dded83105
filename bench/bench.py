#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What watching costs: every arm in turn, round after round, so that the machine's moods hit all alike.

The watched program times itself (bench/work.c) on the last CPU; watchers run on the first. Printed: median ns
per send+recvmsg pair over the rounds, what the watcher adds to it, the ratio to the bare program, and the
spread (half the distance between the quartiles). Then two producers at full speed: events a second and loss.
"""
import argparse, os, platform, re, shutil, statistics, subprocess, sys, tempfile

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
WORK = os.path.join(ROOT, "build/bench/bench-work")
RG = os.path.join(ROOT, "build/cli/recvguard")
RECEIVES = "recvmsg,recvmmsg,recvfrom"
COUNT = "tracepoint:syscalls:sys_exit_recvmsg /pid == cpid/ { @ = count(); }"
PRINTF = ("tracepoint:syscalls:sys_enter_recvmsg /pid == cpid/ { @m[tid] = args->msg; } "
          "tracepoint:syscalls:sys_exit_recvmsg /pid == cpid/ { printf(\"%s %d %d\\n\", comm, pid, args->ret); }")


def arms(cpus, quick):
    first, last = "0", str(cpus - 1)
    out = [("bare", [], None)]
    rg = ["taskset", "-c", first, RG, "trace", "-q"]
    out += [("recvguard, full decode to JSON", rg + ["-o", "json=/dev/null", "--"], RG),
            ("recvguard, metadata (snaplen 0)", rg + ["--snaplen", "0", "--no-enrich", "-o", "json=/dev/null", "--"], RG)]
    st = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=" + RECEIVES]
    out += [("strace, same CPU", ["taskset", "-c", last] + st, "strace"),
            ("strace, other CPU", ["taskset", "-c", first] + st, "strace"),
            ("strace --seccomp-bpf", ["taskset", "-c", first] + st + ["--seccomp-bpf"], "strace"),
            ("perf trace", ["taskset", "-c", first, "perf", "trace", "-o", "/dev/null", "-e", RECEIVES], "perf"),
            ("bpftrace, count", ["taskset", "-c", first, "bpftrace", "-o", "/dev/null", "-e", COUNT, "-c"], "bpftrace"),
            ("bpftrace, printf", ["taskset", "-c", first, "bpftrace", "-o", "/dev/null", "-e", PRINTF, "-c"], "bpftrace")]
    return out


def run(arm, work):
    """Figures and outcome of one watched run; the program writes its figures to a file of its own."""
    with tempfile.NamedTemporaryFile("r", prefix="rg-bench-") as f:
        cmd = arm[1] + ([" ".join(work)] if "bpftrace" in arm[1] else work)
        p = subprocess.run(cmd, capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL, timeout=120,
                           env=dict(os.environ, RG_BENCH_OUT=f.name))
        figures = {k: float(v) for k, v in (l.split() for l in f.read().splitlines() if l.strip())}
        return figures, p


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


def machine():
    model = next((l.split(":", 1)[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), "?")
    print(f"machine  {os.cpu_count()} x {model}, load {os.getloadavg()[0]:.1f}")
    print(f"kernel   {platform.release()}")
    for name, cmd in (("recvguard", [RG, "--version"]), ("strace", ["strace", "-V"]), ("perf", ["perf", "version"]),
                      ("bpftrace", ["bpftrace", "--version"])):
        print(f"{name:9}{version(cmd)}")


def pairs(a, todo):
    data, failed = {}, {}
    for r in range(a.rounds):
        for arm in todo:
            if arm[0] in failed:
                continue
            try:
                figures, p = run(arm, [WORK, "pairs", str(a.ms), str(os.cpu_count() - 1)])
            except subprocess.TimeoutExpired:
                failed[arm[0]] = "took longer than 120 s"
                continue
            if len(figures) < 6:
                failed[arm[0]] = f"exit {p.returncode}: {(p.stderr or p.stdout).strip()[:200]}"
                continue
            for k, v in figures.items():
                data.setdefault(arm[0], {}).setdefault(k, []).append(v)
        if sys.stderr.isatty():
            print(f"\rround {r + 1} of {a.rounds}", end="", file=sys.stderr)
    return data, failed


def ns(v, sign=""):
    """ns, and larger units where a watcher is slow, so that columns hold."""
    for limit, div, unit in ((1e6, 1e6, " ms"), (1e5, 1e3, " us")):
        if abs(v) >= limit:
            return f"{v / div:{sign}.1f}{unit}"
    return f"{v:{sign},.0f}"


def table(data, failed):
    bare = {k: statistics.median(v) for k, v in data["bare"].items()}
    print("\nns per send+recvmsg pair: the bare program, then what each watcher adds (x: ratio to bare)")
    print(f"{'':34}" + "".join(f"{k:>26}" for k in bare))
    for name, figures in data.items():
        row = f"{name:34}"
        for k in bare:
            m, s = statistics.median(figures[k]), spread(figures[k])
            cell = f"{ns(m)} ±{ns(s)}" if name == "bare" else f"{ns(m - bare[k], '+')} ±{ns(s)} {m / bare[k]:.1f}x"
            row += f"{cell:>26}"
        print(row)
    for name, why in failed.items():
        print(f"{name:34}  not measured: {why}")
    print("getpid is a call that receives nothing. ±: half the distance between the quartiles of the rounds.")


def throughput(a, todo):
    print(f"\n{'two producers, both CPUs':36}{'events/s':>12}{'lost':>12}{'of':>12}{'ratio':>8}")
    bare = None
    for name, cmd, tool in todo:
        if not (name == "bare" or name.startswith("recvguard")):
            continue
        cmd = cmd[3:] if cmd else cmd # not pinned: shares both CPUs with the producers
        rates, lost, total = [], 0, 0
        for _ in range(a.rounds):
            figures, p = run((name, cmd, tool), [WORK, "flood", str(a.flood_ms)])
            if "messages" not in figures:
                rates = []
                print(f"{name:36}  not measured: exit {p.returncode}: {p.stderr.strip()[:200]}")
                break
            rates.append(figures["messages"] / figures["seconds"])
            total += int(figures["messages"])
            m = re.search(r"(\d[\d,]*)\s+lost", p.stderr)
            lost += int(m.group(1).replace(",", "")) if m else 0
        if not rates:
            continue
        rate = statistics.median(rates)
        bare = bare or rate
        print(f"{name:36}{rate:12,.0f}{lost if cmd else '-':>12}{total:12,}{rate / bare:7.2f}x")


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--rounds", type=int, default=7)
    ap.add_argument("--ms", type=int, default=90, help="per workload, arm and round")
    ap.add_argument("--flood-ms", type=int, default=1000)
    ap.add_argument("--only", help="arms whose name contains this (and the bare one)")
    a = ap.parse_args()
    for f in (WORK, RG):
        if not os.path.exists(f):
            sys.exit(f"bench: {os.path.relpath(f)} is not built: ./dev build")
    if os.geteuid():
        sys.exit("bench: the watchers need root")
    todo = [arm for arm in arms(os.cpu_count(), False) if not a.only or arm[0] == "bare" or a.only in arm[0]]
    todo = [arm for arm in todo if arm[2] is None or shutil.which(arm[2]) or os.path.exists(arm[2]) or
            print(f"{arm[0]}: {arm[2]} is not installed")]
    machine()
    data, failed = pairs(a, todo)
    table(data, failed)
    throughput(a, todo)
    return 1 if any(n.startswith("recvguard") for n in failed) else 0


if __name__ == "__main__":
    sys.exit(main())
