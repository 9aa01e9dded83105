# SPDX-License-Identifier: BSD-2-Clause
"""Real servers under real load, with and without a watcher attached to the server.

Each function makes one measurement and returns {figure: value}; a server lives as long as its `with` block.
"""
import contextlib, os, re, shutil, socket, struct, subprocess, tempfile, time


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
def started(cmd, **kw):
    p = subprocess.Popen(cmd, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, **kw)
    try:
        yield p
    finally:
        p.terminate()
        p.wait()


@contextlib.contextmanager
def nginx():
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
        with started(["nginx", "-c", f"{d}/conf"]) as p:
            if not wait_for(port):
                raise RuntimeError("nginx does not answer")

            def load(seconds):
                out = subprocess.run(["wrk", "-t1", "-c8", f"-d{seconds}", "--latency", f"http://127.0.0.1:{port}/"], capture_output=True,
                                     text=True).stdout
                unit = {"us": 1, "ms": 1e3, "s": 1e6}
                p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", out)
                return {"per second": float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)),
                        "p99 us": float(p99.group(1)) * unit[p99.group(2)]}
            yield p, "nginx", load


@contextlib.contextmanager
def redis():
    port = free_port()
    with started(["redis-server", "--port", str(port), "--save", "", "--appendonly", "no"]) as p:
        if not wait_for(port):
            raise RuntimeError("redis does not answer")

        def load(seconds):
            out = subprocess.run(["redis-benchmark", "-p", str(port), "-t", "get", "-n", str(30000 * seconds), "-c", "8", "--csv"],
                                 capture_output=True, text=True).stdout
            row = out.splitlines()[1].replace('"', "").split(",")
            return {"per second": float(row[1]), "p99 us": float(row[6]) * 1e3}
        yield p, "redis-server", load


class Bus:
    """As much of D-Bus as a ping needs."""

    def __init__(self, path):
        self.s = socket.socket(socket.AF_UNIX)
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
def dbus():
    with tempfile.TemporaryDirectory(prefix="rg-bench-") as d:
        with started(["dbus-daemon", "--session", "--nofork", f"--address=unix:path={d}/bus"]) as p:
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
                return {"per second": len(took) / seconds, "p99 us": took[int(len(took) * 0.99)]}
            yield p, "dbus-daemon", load


SERVERS = (("nginx, wrk 8 connections", nginx, ("nginx", "wrk")), ("redis GET, 8 clients", redis, ("redis-server", "redis-benchmark")),
           ("D-Bus ping-pong", dbus, ("dbus-daemon",)))


def missing(tools):
    return [t for t in tools if not shutil.which(t)]


@contextlib.contextmanager
def watched(cmd, pid, comm):
    """A watcher attached to the server; cmd holds PID and COMM where they go. None: the bare server."""
    if not cmd:
        yield
        return
    p = subprocess.Popen([c.replace("PID", str(pid)).replace("COMM", comm) for c in cmd], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                         stdin=subprocess.DEVNULL, text=True)
    first = ""
    if "recvguard" in " ".join(cmd):
        first = p.stderr.readline()  # the tier, or what is wrong
        time.sleep(0.5)
    else:
        time.sleep(1.8)
    try:
        if p.poll() is not None:
            raise RuntimeError(f"the watcher ended: {(first + p.stderr.read()).strip()[:120]}")
        yield
    finally:
        p.terminate()
        p.communicate()
