# SPDX-License-Identifier: BSD-2-Clause
"""What is compared, and how one of it runs: every watcher around (or beside) bench/work.c, with a time limit each."""
import os, re, resource, shutil, signal, statistics, subprocess, tempfile, threading, time

ROOT = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
BUILD = os.path.join(ROOT, "build/bench")
WORK, RG = os.path.join(BUILD, "bench-work"), os.path.join(ROOT, "build/cli/recvguard")
HOOK = os.path.join(BUILD, "bench-hook")
FIRST, LAST = "0", str(os.cpu_count() - 1)
HOOKS = "skb_copy_datagram_iovec,sock_recv_length"
TIERS = ("trampoline", "tracepoint", "legacy")
RECEIVES = "recvmsg,recvmmsg,recvfrom"
# SELECT: one process while it is alone, else all of that name
COUNT = "tracepoint:syscalls:sys_exit_recvmsg /SELECT/ { @ = count(); }"
PRINTF = ("tracepoint:syscalls:sys_enter_recvmsg /SELECT/ { @m[tid] = args->msg; } "
          "tracepoint:syscalls:sys_exit_recvmsg /SELECT/ { printf(\"%s %d %d\\n\", comm, pid, args->ret); }")
NOBODY = ["--comm", "nobody-is-called"]
JSON = ["-o", "json=/dev/null"]
OUTPUTS = (("JSON", JSON), ("text", ["-o", "text=/dev/null"]), ("SQLite", ["-o", "sqlite=SCRATCH"]),
           ("pcapng", ["-o", "pcapng=/dev/null"]), ("Tracee", ["-o", "tracee=/dev/null"]),
           ("Tracee v1beta1", ["-o", "tracee-v1beta1=/dev/null"]), ("metadata only", ["--metadata", "--no-enrich"] + JSON),
           ("both directions, JSON", ["--direction", "both"] + JSON), ("selection that rejects", NOBODY + JSON))
# These watch the whole machine, from beside: what is measured was not started by them.
BESIDE = (("filter that rejects", ["--filter", "proc.pid == 1"] + JSON), ("others are selected", NOBODY + JSON),
          ("others are selected, both directions", NOBODY + ["--direction", "both"] + JSON))
LIMIT = 60  # seconds that one run may take
LOST = re.compile(r"\b(?:LOST|Lost) (\d[\d,]*)")


class Arm:
    """cmd is put before the command, on a processor of its own or that of the command; beside: it runs beside it."""

    def __init__(self, name, cmd, cpu=FIRST, beside=False):
        self.name, self.cmd, self.cpu, self.beside = name, cmd, cpu, beside
        self.ours = name.startswith("recvguard")
        self.tool = cmd[0] if cmd else None

    def command(self, pinned, alone, d):
        """Without a processor where several processes use all of them; d: a folder for what it leaves."""
        cmd = [c.replace("SCRATCH", os.path.join(d, "rec.db")).replace("SELECT", "pid == cpid" if alone else 'comm == "bench-work"')
               for c in self.cmd]
        if not pinned and self.tool in ("perf", "bpftrace"):  # they say what was lost among the rest
            cmd = [os.path.join(d, "said") if c == "/dev/null" else c for c in cmd]
        return (["taskset", "-c", self.cpu] if pinned and cmd and self.cpu else []) + cmd


def tiers():
    """Those that run here, and why the others do not."""
    good, why = [], {}
    for t in TIERS:
        try:
            p = subprocess.run([RG, "trace", "--tier", t, "-q"] + JSON + ["--", "true"], capture_output=True, text=True, timeout=60)
            said = (p.stderr.strip().splitlines() or ["?"])[-1]
        except subprocess.TimeoutExpired as e:
            p, said = None, str(e)
        if p and p.returncode == 0:
            good.append(t)
        else:
            why[t] = said
    return good, why


def arms(good):
    st = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=" + RECEIVES]
    out = [Arm("bare", [])]
    for t in good:
        out += [Arm(f"recvguard {t}: {name}", [RG, "trace", "-q", "--tier", t] + args + ["--"]) for name, args in OUTPUTS]
        out += [Arm(f"recvguard {t}: {name}", [RG, "trace", "--tier", t] + args, beside=True) for name, args in BESIDE]
    if "tracepoint" in good:
        out += [Arm("empty hooks", [HOOK, HOOKS], None), Arm("empty hook at the end only", [HOOK, HOOKS.split(",")[1]], None)]
    return out + [Arm("bpftrace, count", ["bpftrace", "-o", "/dev/null", "-e", COUNT, "-c"]),
                  Arm("bpftrace, printf", ["bpftrace", "-o", "/dev/null", "-e", PRINTF, "-c"]),
                  Arm("perf trace", ["perf", "trace", "-o", "/dev/null", "-e", RECEIVES]),
                  Arm("strace, same CPU", st, LAST), Arm("strace, other CPU", st),
                  Arm("strace --seccomp-bpf", st + ["--seccomp-bpf"])]


def prepared():
    """Locked memory for watchers that count it: as much as this session may have."""
    _, most = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    for limit in (resource.RLIM_INFINITY, most):
        try:
            resource.setrlimit(resource.RLIMIT_MEMLOCK, (limit, limit))
            return
        except (OSError, ValueError):
            pass


class Limit:
    """Ends a process and all that it started when the time is over, or an exception passes."""

    def __init__(self, p, seconds=LIMIT):
        self.p, self.late = p, False
        self.timer = threading.Timer(seconds, self.over)

    def over(self):
        self.late = True
        self.end()

    def end(self):
        try:
            os.killpg(self.p.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def __enter__(self):
        self.timer.start()
        return self

    def __exit__(self, *_):
        self.timer.cancel()
        self.end()  # by now itself has been waited for; what it left behind is not
        if self.p.returncode is None:
            self.p.wait()


def contained(cmd, seconds):
    """(exit status, output, errors) of a command; it and what it started are gone after so many seconds."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        p = subprocess.Popen(cmd, stdout=out, stderr=err, stdin=subprocess.DEVNULL, start_new_session=True)
        with Limit(p, seconds) as limit:
            p.wait()
        out.seek(0)
        err.seek(0)
        return p.returncode, out.read(), f"not finished after {seconds} s" if limit.late else err.read()


def ended(p):
    """Without taking its status: that comes with what it used, by wait4."""
    return os.waitid(os.P_PID, p.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def stand_still(p, stall):
    """Stop the watcher alone for a while: (seconds from its start, seconds)."""
    for pause, sig in zip(stall, (signal.SIGSTOP, signal.SIGCONT)):
        time.sleep(pause)
        if not ended(p):
            os.kill(p.pid, sig)


def started(p, err, limit):
    """A watcher beside says its tier once everything is attached."""
    while not ended(p) and not limit.late:
        if "recvguard: tier" in open(err.name).read():
            return True
        time.sleep(0.05)
    return False


class Result:
    """The program's own figures, the watcher's CPU seconds, peak memory (MiB) and losses, and why it failed, if so."""

    def __init__(self):
        self.figures, self.watcher, self.why, self.late = {}, {}, "", False


def read(path):
    """Empty where it is missing, or its process is gone."""
    try:
        with open(path, errors="replace") as f:
            return f.read()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def why_not(p, said, late, figures):
    if late:
        return f"not finished after {LIMIT} s"
    lines = [l for l in said.strip().splitlines() if "RLIMIT_MEMLOCK" not in l]  # said and survived; the cause comes after
    if p.returncode:
        return f"exit {p.returncode}: {' / '.join(lines)[:240] or 'nothing said'}"
    return "" if figures else "the program left no figures"


class Peak(threading.Thread):
    """The peak memory of a process, MiB, looked at from outside while it runs: what wait4 says is at least what this program
    had when it forked."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.mib, self.over = pid, 0, threading.Event()

    def run(self):
        while not self.over.wait(0.1):
            m = re.search(r"VmHWM:\s+(\d+) kB", read(f"/proc/{self.pid}/status"))
            self.mib = int(m.group(1)) / 1024 if m else self.mib

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()


def run(arm, work, *, pinned=True, alone=True, stall=None):
    """One watched run."""
    r = Result()
    with tempfile.TemporaryDirectory(prefix="rg-bench-") as d:
        out, env = os.path.join(d, "figures"), dict(os.environ, RG_BENCH_OUT=os.path.join(d, "figures"))
        cmd = arm.command(pinned, alone, d)
        if not arm.beside:
            cmd = cmd + ([" ".join(work)] if arm.tool == "bpftrace" else work)
        with open(os.path.join(d, "err"), "w+") as err:
            p = subprocess.Popen(cmd, stdout=subprocess.DEVNULL, stderr=err, stdin=subprocess.DEVNULL, env=env,
                                 preexec_fn=prepared, start_new_session=True)
            with Limit(p) as limit, Peak(p.pid) as peak:
                if stall:
                    stand_still(p, stall)
                if arm.beside and started(p, err, limit):
                    subprocess.run(work, stdout=subprocess.DEVNULL, env=env, timeout=LIMIT)
                    os.kill(p.pid, signal.SIGINT)
                _, status, use = os.wait4(p.pid, 0)
                p.returncode = os.waitstatus_to_exitcode(status)
        said = read(os.path.join(d, "err"))
        r.figures = {k: float(v) for k, v in (l.split() for l in read(out).splitlines() if l.strip())}
        own = 0 if arm.beside else r.figures.get("cpu", 0)
        r.figures.pop("cpu", None)
        lost = sum(int(n.replace(",", "")) for n in LOST.findall(said + read(os.path.join(d, "said"))))
        r.watcher = {"cpu": max(use.ru_utime + use.ru_stime - own, 0) if cmd is not work else 0, "rss": peak.mib, "lost": lost}
        r.why, r.late = why_not(p, said, limit.late, r.figures), limit.late
    return r


def spread(v):
    """Half the distance between the quartiles; of few values between the least and the largest."""
    if len(v) < 4:
        return (max(v) - min(v)) / 2
    q = statistics.quantiles(v, n=4)
    return (q[2] - q[0]) / 2


class Absent(dict):
    """{arm: why} of those that are not tried again: the tool is missing, or did not end. by_part: (part, arm, why), all that
    has no figure."""

    def __init__(self, todo):
        super().__init__({a.name: f"{a.tool} is not installed" for a in todo if a.tool and not shutil.which(a.tool)})
        self.by_part = []

    def out(self, part, arm, result):
        self.by_part.append((part, arm.name, result.why))
        if result.late:
            self[arm.name] = f"{part}: {result.why}"


def collect(part, todo, rounds, work, absent, until, **how):
    """{arm: {figure: [one a round]}}, as many rounds as the time allows; what fails is noted and left out of this part."""
    data, before, gone, took = {}, {}, set(absent), 0
    absent.by_part += [(part, n, absent[n]) for n in dict.fromkeys(t.name for t in todo) if n in absent]
    for n in range(rounds):
        begin = time.monotonic()
        if n and begin + took > until:
            break
        for arm in todo:
            if arm.name in gone:
                continue
            r = run(arm, work, **how)
            if r.why:
                gone.add(arm.name)
                absent.out(part, arm, r)
                continue
            if arm.name == "bare":
                before = r.figures
            d = data.setdefault(arm.name, {})
            for k, v in list(r.figures.items()) + [("watcher " + k, v) for k, v in r.watcher.items()]:
                d.setdefault(k, []).append(v)
            for k in r.figures:
                if k in before:
                    d.setdefault("added " + k, []).append(r.figures[k] - before[k])
        took = time.monotonic() - begin
    return data
