# SPDX-License-Identifier: BSD-2-Clause
"""Real servers under real load, with and without a watcher attached to the server.

A server, alone or under a command that is put before it, lives as long as its `with` block; its load makes one
measurement and returns {figure: value}.
"""
import contextlib, os, re, shutil, signal, socket, statistics, struct, subprocess, tempfile, time

from arms import FIRST, JSON, LAST, LOST, RECEIVES, RG, Limit, Peak, contained, ended, prepared, read, spread
from report import bars

SERVER_LIMIT = 60  # seconds of one server's life
LOAD_LIMIT = 30
REDIS_A_SECOND = 15000  # requests; its load is a number of them, and under strace they take ten times as long
UNITS = {"us": 1, "ms": 1e3, "s": 1e6, "m": 6e7}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(port, family=socket.AF_INET):
    for _ in range(200):
        with socket.socket(family) as s:
            try:
                s.connect(("127.0.0.1", port) if family == socket.AF_INET else port)
                return True
            except OSError:
                time.sleep(0.02)
    return False


@contextlib.contextmanager
def started(cmd):
    p = subprocess.Popen(cmd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, start_new_session=True)
    with Limit(p, SERVER_LIMIT):
        try:
            yield p
        finally:
            p.terminate()
            try:
                p.wait(5)
            except subprocess.TimeoutExpired:
                pass  # Limit ends it


def loaded(cmd):
    code, out, err = contained(cmd, LOAD_LIMIT)
    if code:
        raise RuntimeError(f"{cmd[0]}: exit {code}: {err.strip()[:120]}")
    return out


@contextlib.contextmanager
def nginx(under):
    """(server, load): load() returns requests a second and the 99th percentile of latency."""
    with tempfile.TemporaryDirectory(prefix="rg-bench-") as d:
        os.chmod(d, 0o755)
        port = free_port()
        with open(f"{d}/index.html", "w") as f:
            f.write("x" * 1024)
        with open(f"{d}/conf", "w") as f:
            f.write(f"daemon off; worker_processes 1; pid {d}/pid; error_log /dev/null; events {{}}\n"
                    f"http {{ access_log off; client_body_temp_path {d}; proxy_temp_path {d}; fastcgi_temp_path {d}; uwsgi_temp_path {d};"
                    f" scgi_temp_path {d}; server {{ listen 127.0.0.1:{port}; root {d}; }} }}\n")
        with started(under + ["nginx", "-c", f"{d}/conf"]) as p:
            if not wait_for(port):
                raise RuntimeError("nginx does not answer")

            def load(seconds):
                out = loaded(["wrk", "-t1", "-c8", f"-d{seconds}", "--latency", f"http://127.0.0.1:{port}/"])
                at = {p: float(v) * UNITS[unit] for p, v, unit in re.findall(r"(50|99)%\s+([\d.]+)(us|ms|s|m)\b", out)}
                return {"per second": float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)), "p50 us": at["50"], "p99 us": at["99"]}
            yield p, "nginx", load


@contextlib.contextmanager
def redis(under):
    port = free_port()
    with started(under + ["redis-server", "--port", str(port), "--save", "", "--appendonly", "no"]) as p:
        if not wait_for(port):
            raise RuntimeError("redis does not answer")

        def load(seconds):
            out = loaded(["redis-benchmark", "-p", str(port), "-t", "get", "-n", str(REDIS_A_SECOND * seconds), "-c", "8", "--csv"])
            row = out.splitlines()[1].replace('"', "").split(",")
            return {"per second": float(row[1]), "p50 us": float(row[4]) * 1e3, "p99 us": float(row[6]) * 1e3}
        yield p, "redis-server", load


class Bus:
    """As much of D-Bus as a ping needs."""

    def __init__(self, path):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(10)
        self.s.connect(path)
        self.s.sendall(b"\0AUTH EXTERNAL " + str(os.getuid()).encode().hex().encode() + b"\r\n")
        if not self.s.recv(256).startswith(b"OK"):
            raise RuntimeError("the bus refuses")
        self.s.sendall(b"BEGIN\r\n")
        self.serial = 0
        self.call("org.freedesktop.DBus", "Hello")

    def call(self, interface, member):
        self.serial += 1
        fields = b""
        for code, sig, v in ((1, b"o", "/org/freedesktop/DBus"), (2, b"s", interface), (3, b"s", member), (6, b"s", "org.freedesktop.DBus")):
            fields += b"\0" * (-len(fields) % 8) + struct.pack("<BB2sI", code, 1, sig + b"\0", len(v)) + v.encode() + b"\0"
        m = struct.pack("<cBBBIII", b"l", 1, 0, 1, 0, self.serial, len(fields)) + fields
        self.s.sendall(m + b"\0" * (-len(m) % 8))
        want = struct.pack("<BB2sI", 5, 1, b"u\0", self.serial)
        got = b""
        while want not in got:
            part = self.s.recv(4096)
            if not part:
                raise RuntimeError("the bus hung up")
            got += part


@contextlib.contextmanager
def dbus(under):
    with tempfile.TemporaryDirectory(prefix="rg-bench-") as d:
        with started(under + ["dbus-daemon", "--session", "--nofork", f"--address=unix:path={d}/bus"]) as p:
            if not wait_for(f"{d}/bus", socket.AF_UNIX):
                raise RuntimeError("dbus-daemon does not answer")
            bus = Bus(f"{d}/bus")

            def load(seconds):
                took, end = [], time.monotonic() + seconds
                while time.monotonic() < end:
                    t = time.monotonic_ns()
                    bus.call("org.freedesktop.DBus.Peer", "Ping")
                    took.append((time.monotonic_ns() - t) / 1e3)
                took.sort()
                return {"per second": len(took) / seconds, "p50 us": took[len(took) // 2], "p99 us": took[int(len(took) * 0.99)]}
            yield p, "dbus-daemon", load


SERVERS = (("nginx, wrk 8 connections", nginx, ("nginx", "wrk")), ("redis GET, 8 clients", redis, ("redis-server", "redis-benchmark")),
           ("D-Bus ping-pong", dbus, ("dbus-daemon",)))


STRACE = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=" + RECEIVES + ",read,readv"]
CALLS = ("recvfrom", "recvmsg", "read")
PROBES = ",".join("tracepoint:syscalls:sys_exit_" + c for c in CALLS) + ' /comm == "COMM"/ '
PRINTED = '{ printf("%s %d %d\\n", comm, pid, args->ret); }'


def watchers(good):
    """(name, command, whether the server is started under it). PID and COMM: the server's; SCRATCH: a file."""
    out = [("bare", None, False)]
    for t in good:
        for name, args in (("JSON", JSON), ("SQLite", ["-o", "sqlite=SCRATCH"]), ("both directions, JSON", ["--direction", "both"] + JSON)):
            out.append((f"recvguard {t}: {name}", [RG, "trace", "--tier", t, "--pid", "PID"] + args, False))
    on, same = ["taskset", "-c", FIRST], ["taskset", "-c", LAST]
    return out + [("strace, any CPU", STRACE + ["-p", "PID"], False), ("strace, both on one CPU", same + STRACE, True),
                  ("strace, other CPU", on + STRACE + ["-p", "PID"], False), ("strace --seccomp-bpf", STRACE + ["--seccomp-bpf"], True),
                  ("perf trace", ["perf", "trace", "-o", "/dev/null", "-e", RECEIVES + ",read,readv", "-p", "PID"], False),
                  ("bpftrace, count", ["bpftrace", "-o", "/dev/null", "-e", PROBES + "{ @ = count(); }"], False),
                  ("bpftrace, printf", ["bpftrace", "-o", "/dev/null", "-e", PROBES + PRINTED], False)]


def tool_of(cmd):
    return cmd[3] if cmd[0] == "taskset" else cmd[0]


def settled(p, err, ours):
    """recvguard says its tier once everything is attached; the others say nothing: two seconds, and being still there."""
    end = time.monotonic() + (30 if ours else 2)
    while time.monotonic() < end and not ended(p):
        if ours and "recvguard: tier" in read(err):
            return
        time.sleep(0.05)
    if ours or ended(p):
        raise RuntimeError(f"the watcher {'ended' if ended(p) else 'does not start'}: {read(err).strip()[-200:]}")


@contextlib.contextmanager
def watched(cmd, pid, comm, used):
    """A watcher attached to the server; what it used goes into `used` when it ends. None: nobody watches."""
    if not cmd:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="rg-bench-") as d:
        err, words = os.path.join(d, "err"), (("PID", str(pid)), ("COMM", comm), ("SCRATCH", os.path.join(d, "rec.db")))
        for word, value in words:
            cmd = [c.replace(word, value) for c in cmd]
        with open(err, "w") as f:
            p = subprocess.Popen(cmd, stdout=subprocess.DEVNULL, stderr=f, stdin=subprocess.DEVNULL, preexec_fn=prepared, start_new_session=True)
        with Limit(p, SERVER_LIMIT) as limit, Peak(p.pid) as peak:
            settled(p, err, cmd[0] == RG)
            yield
            if not ended(p):
                os.kill(p.pid, signal.SIGINT)
            _, status, use = os.wait4(p.pid, 0)
            p.returncode = os.waitstatus_to_exitcode(status)
        if limit.late:
            raise RuntimeError(f"the watcher did not end in {SERVER_LIMIT} s")
        lost = sum(int(n.replace(",", "")) for n in LOST.findall(read(err)))
        used.update({"watcher cpu": use.ru_utime + use.ru_stime, "watcher rss": peak.mib, "watcher lost": lost})


def pid_of(pid, comm):
    """The process that serves: nginx's worker, else the server itself."""
    end = time.monotonic() + 5
    while comm == "nginx" and time.monotonic() < end:
        children = read(f"/proc/{pid}/task/{pid}/children").split()
        if children:
            return int(children[0])
        time.sleep(0.02)
    return pid


def once(server, cmd, under, seconds):
    used = {}
    with server(cmd if under else []) as (p, comm, load):
        with watched(None if under else cmd, pid_of(p.pid, comm), comm, used):
            figures = load(seconds)
    return dict(figures, **used)


def table(title, data):
    med = {n: {k: statistics.median(v) for k, v in f.items()} for n, f in data.items()}
    rows, bare = [], med.get("bare")
    ratio = lambda m, k: f"{m[k] / bare[k]:.2f}x" if bare and bare[k] else "?"
    for n, m in med.items():
        rows.append([title, n, f"{m['per second']:,.0f} ±{spread(data[n]['per second']):,.0f}", ratio(m, "per second"),
                     f"{m['p50 us']:,.0f}", ratio(m, "p50 us"), f"{m['p99 us']:,.0f}", ratio(m, "p99 us")]
                    + ([f"{m['watcher cpu']:.2f}", f"{m['watcher rss']:.1f}", f"{sum(data[n]['watcher lost']):,.0f}"] if "watcher cpu" in m else ["", "", ""]))
    return rows, [(n, m["per second"], spread(data[n]["per second"])) for n, m in med.items()]


def measure(rep, a, good, absent, until):
    """Every server under load, bare and with each watcher in turn, until the time is over."""
    rows = [["server", "watcher", "per second", "ratio", "p50, us", "ratio", "p99, us", "ratio", "watcher's CPU s", "peak MiB", "lost"]]
    todo = [w for w in watchers(good) if not a.only or w[0] == "bare" or re.search(a.only, w[0])]
    plots, done = [], {}
    here = [s for s in SERVERS if not missing(s[2])]
    for title, _, tools in SERVERS:
        if missing(tools):
            absent.by_part.append((f"server: {title}", "all", f"{', '.join(missing(tools))} not installed"))
    gone, took = set(), 0
    for n in range(max(a.rounds // 2, 1)):
        begin = time.monotonic()
        if n and begin + took > until:
            break
        for title, server, _ in here:
            for name, cmd, under in todo:
                if (title, name) in gone:
                    continue
                why = f"{tool_of(cmd)} is not installed" if cmd and missing([tool_of(cmd)]) else ""
                try:
                    figures = {} if why else once(server, cmd, under, a.seconds)
                except (RuntimeError, OSError, subprocess.SubprocessError, AttributeError, KeyError, IndexError, ValueError) as e:
                    why = f"{type(e).__name__}: {e}"
                if why:
                    gone.add((title, name))
                    absent.by_part.append((f"server: {title}", name, why))
                    continue
                for k, v in figures.items():
                    done.setdefault(title, {}).setdefault(name, {}).setdefault(k, []).append(v)
        took = time.monotonic() - begin
    for title, data in done.items():
        more, plot = table(title, data)
        rows += more
        plots.append((f"{title}: a second", bars(plot, "/s")))
    rounds = {len(next(iter(f.values()))) for data in done.values() for f in data.values()}
    rep.section("Real servers", rows=rows, plots=plots, note=f"rounds: {max(rounds or {0})}. Watchers are attached to the server, starting them is not in "
                "its figures; strace on one CPU and with --seccomp-bpf (which cannot attach) start it. CPU: loading included.")


def missing(tools):
    return [t for t in tools if not shutil.which(t)]
