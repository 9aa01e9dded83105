#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Real programs, with and without `recvguard run` (everything allowed): they must not tell the difference. TAP.

usage: programs.py RECVGUARD quick|long [NAME]...

A case is a file in programs/: shell text that is run twice, each time in an empty folder $T and with free ports in
$PORT and $PORT2. Its output, error output and exit status must be the same. Comments say the rest:
  # suite: quick|long     # needs: COMMAND...     # seconds: LIMIT     # clean: REGEX (what may differ; several)
The suites of CPython and systemd are compared test by test.
"""
import difflib, os, random, re, shutil, signal, socket, subprocess, sys, tempfile

RG, SUITE, NAMES = os.path.abspath(sys.argv[1]), sys.argv[2], sys.argv[3:]
HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "programs")
count = failed = 0


def say(good, name, why="", skip=""):
    global count, failed
    count += 1
    failed += not good
    tail = f" # SKIP {skip}" if skip else f": {why}" if not good else ""
    print(f"{'' if good else 'not '}ok {count} - {name}{tail}", flush=True)


def ports(n):
    """Free ones below those that the kernel gives to connections, so that none is taken before it is used."""
    socks = []
    while len(socks) < n:
        socks.append(socket.socket())
        try:
            socks[-1].bind(("127.0.0.1", random.randrange(10000, 32000)))
        except OSError:
            socks.pop().close()
    got = [str(s.getsockname()[1]) for s in socks]
    for s in socks:
        s.close()
    return got


def run(prefix, argv, seconds, **env):
    """Status, output, error output. What is left of the process group is ended."""
    tmp = tempfile.mkdtemp(prefix="rg-prog-")
    if prefix[:1] == ["setpriv"]:
        os.chown(tmp, 65534, 65534)
    port = ports(2)
    env = dict(os.environ, T=tmp, PORT=port[0], PORT2=port[1], LC_ALL="C", XDG_RUNTIME_DIR=tmp, HOME=tmp, TERM="xterm", **env)
    env.pop("PYTHONPATH", None)
    with open(tmp + "/.out", "w+") as out, open(tmp + "/.err", "w+") as err:
        p = subprocess.Popen([*prefix, *argv], stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=tmp, env=env,
                             start_new_session=True)
        try:
            p.wait(seconds)
            code = p.returncode
        except subprocess.TimeoutExpired:
            code = f"not finished after {seconds} s"
        try:
            os.killpg(p.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        p.wait()
        text = [open(tmp + f, errors="replace").read() for f in ("/.out", "/.err")]
    shutil.rmtree(tmp, ignore_errors=True)
    for i in (0, 1):
        for word, name in ((tmp, "$T"), (port[0], "$PORT"), (port[1], "$PORT2")):
            text[i] = text[i].replace(word, name)
    return code, *text


BROKER = [RG, "run", "-q", "--"]


def header(text, key):
    return re.findall(rf"^# {key}: (.*)$", text, re.M)


NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


def compare(name, file, user=()):
    text = open(file).read()
    missing = [c for c in " ".join(header(text, "needs")).split() if not shutil.which(c)]
    if missing:
        return say(True, name, skip=f"not installed: {' '.join(missing)}")
    seconds = int((header(text, "seconds") or ["60"])[0])
    both = [run([*user, *prefix], ["sh", "-c", text], seconds) for prefix in ([], BROKER)]
    for what in header(text, "clean"):
        both = [(c, *(re.sub(what, "~", t, flags=re.M) for t in texts)) for c, *texts in both]
    lines = [[f"status {c}", *o.splitlines(), "-- stderr", *e.splitlines()] for c, o, e in both]
    diff = list(difflib.unified_diff(*lines, "native", "broker", n=0, lineterm=""))[2:]
    idle = [l for l in lines[0][1:] if l != "-- stderr"] == [] or isinstance(both[0][0], str)
    if isinstance(both[0][0], str):
        return say(True, name, skip=f"natively too it does not end here within {seconds} s: nothing to compare")
    say(not diff and not idle, f"{name} behaves the same",
        "natively it says nothing or does not end: " + str(lines[0][:20]) if idle else " | ".join(diff[:16]))


# Prints one line a test: its id and what became of it. Arguments: modules, then -NAME of what is left out.
PYTHON = r"""
import sys, unittest
class R(unittest.TestResult):
    def put(self, t, what): print('@', t.id(), what, flush=True)
    def addSuccess(self, t): self.put(t, 'ok')
    def addError(self, t, e): super().addError(t, e); self.put(t, 'error'); print(self.errors[-1][1], file=sys.stderr)
    def addFailure(self, t, e): super().addFailure(t, e); self.put(t, 'failure'); print(self.failures[-1][1], file=sys.stderr)
    def addSkip(self, t, why): self.put(t, 'skipped')
    def addExpectedFailure(self, t, e): self.put(t, 'expected failure')
    def addSubTest(self, t, s, e):
        super().addSubTest(t, s, e)
        if e: self.put(s, 'failure'); print(self.failures[-1:] or self.errors[-1:], file=sys.stderr)
def walk(s):
    for x in s:
        if isinstance(x, unittest.TestSuite): yield from walk(x)
        else: yield x
out = [a[1:] for a in sys.argv[1:] if a[0] == '-']
only = [a[1:] for a in sys.argv[1:] if a[0] == '+']
suite = unittest.TestSuite(x for x in walk(unittest.defaultTestLoader.loadTestsFromNames([a for a in sys.argv[1:] if a[0] not in '-+']))
                           if not any(o in x.id() for o in out) and (not only or any(o in x.id() for o in only)))
suite.run(R())
"""
# name, suite, seconds, arguments
CPYTHON = [
    ("test_socket (a part)", "quick", 60, ["test.test_socket", "-VSOCK", "+SCM", "+RecvmsgInto", "+Sendmsg", "+BasicUDP",
                                           "+BasicSocketPair", "+Interrupted", "+NonBlocking"]),
    ("test_socket", "long", 300, ["test.test_socket", "-VSOCK"]),
    ("asyncio's sockets (a part)", "quick", 60, ["test.test_asyncio.test_sock_lowlevel", "-huge", "-HUGE"]),
    ("asyncio", "long", 300, ["test.test_asyncio." + m for m in ("test_sock_lowlevel", "test_unix_events", "test_streams", "test_server",
                              "test_sendfile", "test_ssl", "test_subprocess", "test_events", "test_buffered_proto")]),
    ("multiprocessing by fork", "long", 600, ["test.test_multiprocessing_fork"]),
    ("multiprocessing by fork server", "long", 600, ["test.test_multiprocessing_forkserver"]),
    ("multiprocessing by spawn", "long", 600, ["test.test_multiprocessing_spawn"]),
    ("select, poll, epoll, selectors", "quick", 60, ["test.test_select", "test.test_poll", "test.test_epoll", "test.test_selectors",
                                                     "-test_timeout", "-above_fd_setsize"]),
    ("socketserver, ssl, http, ftp, smtp, xmlrpc", "long", 300, ["test.test_socketserver", "test.test_ssl", "test.test_httplib",
     "test.test_ftplib", "test.test_smtplib", "test.test_xmlrpc", "test.test_urllib2_localnet", "test.test_httpservers"]),
    ("subprocess, threading, io, pty, signals", "long", 600, ["test.test_subprocess", "test.test_threading", "test.test_io",
     "test.test_pty", "test.test_signal", "test.test_pipes", "test.test_os", "test.test_fork1", "test.test_wait4", "test.test_eintr"]),
]


def interpreter():
    for py in (sys.executable, "/usr/bin/python3"):
        if subprocess.run([py, "-c", "import test.test_socket, test.test_multiprocessing_fork"], capture_output=True).returncode == 0:
            return py
    return None


def by_test(name, outcomes, stderr):
    """outcomes: native, broker: {test: result}."""
    a, b = outcomes
    diff = [f"{t}: {a.get(t)} natively, {b.get(t)} under it" for t in sorted(set(a) | set(b)) if a.get(t) != b.get(t)]
    say(not diff and len(a) > 3, f"{name}: {len(a)} tests, each with the same result",
        " | ".join(diff[:12]) + "\n" + "\n".join("# " + l for l in stderr.splitlines()[-60:]))


def again(py, seconds, test):
    """One test alone, natively and under it: some depend on how busy the machine is. What became of it, each."""
    test = re.sub(r"^__main__\.|^unittest\.loader\._FailedTest\.", "", test)
    out = []
    for prefix in ([], BROKER):
        _, o, _ = run(prefix, [py, "-c", PYTHON, test], seconds)
        out += [re.findall(r"^@ .* (ok|error|failure|skipped|expected failure)$", o, re.M)]
    return out


def cpython(name, seconds, args, py):
    name = "CPython " + name
    if not py:
        return say(True, name, skip="no interpreter with the test package (libpython3.11-testsuite)")
    both = [run(prefix, [py, "-c", PYTHON, *args], seconds) for prefix in ([], BROKER)]
    late = [c for c, *_ in both if isinstance(c, str)]
    if late:
        last = both[1][1].splitlines()[-1:] or "nothing"
        return say(False, name, f"natively {both[0][0]}, under it {both[1][0]}; last: {last}")
    found = [dict(re.findall(r"^@ (.*) (ok|error|failure|skipped|expected failure)$", o, re.M)) for _, o, _ in both]
    for t in [t for t in set(found[0]) | set(found[1]) if found[0].get(t) != found[1].get(t)][:8]:
        for _ in range(3):
            results = again(py, seconds, t)
            if results[0] == results[1] != []:
                print(f"#: {name}: {t} differed once ({found[0].get(t)}, {found[1].get(t)}); alone both are {results[0]}", flush=True)
                found[0].pop(t, None)
                found[1].pop(t, None)
                break
    by_test(name, found, both[1][2])


SYSTEMD = "/usr/lib/systemd/tests"
SYSTEMD_TESTS = """socket-util socket-netlink netlink sd-device-monitor sd-device-thread bus-chat bus-creds bus-server bus-objects
 bus-watch-bind bus-track bus-cleanup bus-vtable varlink event resolved-stream journal-send journal-stream local-addresses
 ndisc-ra ndisc-rs dhcp-client dhcp-server dhcp6-client ipv4ll lldp-rx async barrier fdset fileio io-util copy daemon exec-util
 process-util terminal-util data-fd-util watch-pid serialize""".split()


def systemd():
    if not os.path.isdir(SYSTEMD):
        return say(True, "systemd's tests", skip="not installed (systemd-tests)")
    found = [{}, {}]
    for i, prefix in enumerate(([], BROKER)):
        for t in SYSTEMD_TESTS:
            if os.path.exists(f"{SYSTEMD}/test-{t}"):
                found[i][t] = run(prefix, [f"{SYSTEMD}/test-{t}"], 60, SYSTEMD_LOG_LEVEL="err")[0]
    by_test("systemd's tests", found, "")


def wanted(name, suite):
    return name in NAMES if NAMES else suite == SUITE


for file in sorted(os.listdir(HERE)):
    name = file.removesuffix(".sh")
    path = os.path.join(HERE, file)
    if file.endswith(".sh") and wanted(name, (header(open(path).read(), "suite") or ["?"])[0]):
        compare(name, path)
if SUITE == "long" and not NAMES and os.geteuid() == 0 and shutil.which("setpriv"):
    # The same without privileges: the supervisor then reaches its programs by other means.
    public = tempfile.mkdtemp(prefix="rg-public-")
    os.chmod(public, 0o755)
    BROKER[0] = shutil.copy(RG, public)
    for name in ("dbus", "dns", "net", "nginx", "redis", "sshd", "tmux", "weston"):
        compare(f"as nobody, {name}", f"{HERE}/{name}.sh", NOBODY)
    shutil.rmtree(public)
    BROKER[0] = RG
py = interpreter()
for name, suite, seconds, args in CPYTHON:
    if wanted(name, suite):
        cpython(name, seconds, args, py)
if wanted("systemd", "long"):
    systemd()
print(f"1..{count}")
sys.exit(failed > 0)
