#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""enforce without trampolines (--backend cgroup): UDP by a control group's ingress hook, unix datagram and seqpacket
sockets by filters on them. The sockets belong to a child in a control group of its own. usage: enforce_cgroup.py RECVGUARD"""
import array, atexit, json, os, shutil, signal, socket, subprocess, sys, tempfile, time

from tap import check, done, skip_all

binary = os.path.abspath(sys.argv[1])

# The receiver: commands on standard input, one line of JSON for each.
CHILD = r"""
import array, json, os, socket, sys
with open(sys.argv[1], "w") as f: f.write(str(os.getpid()))
socks, keep = {}, []
def make(name, kind):
    if kind == "udp" or kind == "udp6":
        s = socket.socket(socket.AF_INET6 if kind == "udp6" else socket.AF_INET, socket.SOCK_DGRAM)
        s.bind(("::1" if kind == "udp6" else "127.0.0.1", 0)); at = s.getsockname()[1]
    elif kind == "dgram":
        s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); at = sys.argv[2] + "/" + name; s.bind(at)
    else:
        l = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); at = sys.argv[2] + "/" + name
        l.bind(at); l.listen(); print(json.dumps(at), flush=True); s, _ = l.accept(); at = True
    s.setblocking(False); socks[name] = s
    return at
def got(name):
    out = []
    while True:
        try: d = socks[name].recvmsg(65536, 4096)
        except BlockingIOError: return out
        for c in d[1]: [os.close(x) for x in array.array("i", c[2])]
        out.append(d[0].decode("latin1"))
def detach(name):
    try: socks[name].setsockopt(socket.SOL_SOCKET, 27, 0); return "gone"
    except OSError as e: return e.errno
def own(name):
    import ctypes, struct
    code = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0xffffffff))
    socks[name].setsockopt(socket.SOL_SOCKET, 26, struct.pack("HL", 1, ctypes.addressof(code)))
    return True
print(json.dumps(os.getpid()), flush=True)
for line in sys.stdin:
    word, *args = line.split()
    print(json.dumps({"make": make, "got": got, "detach": detach, "own": own}[word](*args)), flush=True)
"""


def result(ok, name, why=""):
    check(name, ok, why)


def mounted(kind):
    for line in open("/proc/self/mounts"):
        if line.split()[2] == kind:
            return line.split()[1]
    return None


class Child:
    def __init__(self, group, folder):
        self.p = subprocess.Popen([sys.executable, "-c", CHILD, group + "/cgroup.procs", folder], text=True,
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.pid = json.loads(self.p.stdout.readline())

    def read(self):
        return json.loads(self.p.stdout.readline())

    def say(self, *words):
        self.p.stdin.write(" ".join(words) + "\n")
        self.p.stdin.flush()
        return self.read()

    def end(self):
        self.p.stdin.close()
        self.p.wait()


def policy(rules, default="allow"):
    path = os.path.join(work, "p.yaml")
    with open(path, "w") as f:
        f.write("apiVersion: recvguard/v1\nkind: Policy\nmetadata: {name: e2e}\nspec:\n  default: %s\n  rules:\n" % default)
        f.writelines("    - {name: %s, when: '%s', then: %s}\n" % r for r in rules)
    return path


def run(*args, **env):
    return subprocess.run([binary, "enforce", *args, "--dir", pins], capture_output=True, text=True, timeout=120,
                          env=dict(os.environ, **env))


def load(rules, *args, default="allow"):
    return run("-p", policy(rules, default), "--no-wait", "--backend", "cgroup", "--cgroup", "/" + name, *args)


def stop():
    return run("stop")


def verdicts(n):
    """The next n verdicts."""
    p = run("-q", "-n", str(n), "-o", "json")
    return [json.loads(line) for line in p.stdout.splitlines()]


def drain():
    """Verdicts that nobody read wait for the next reader: read those of the tests before."""
    p = subprocess.Popen([binary, "enforce", "-q", "-o", "json", "--dir", pins], stdout=subprocess.DEVNULL)
    time.sleep(0.5)
    p.send_signal(signal.SIGINT)
    p.wait()


def count(word):
    for line in run("status").stdout.splitlines():
        if line.startswith("verdicts"):
            words = line.replace(",", "").replace(";", "").split()
            return int(words[words.index(word) - 1])
    return -1


def programs():
    out = subprocess.run(["bpftool", "prog", "list"], capture_output=True, text=True).stdout
    return sum(" name " + p + " " in line for line in out.splitlines() for p in ("cg_ingress", "unix_filter"))


group_root = mounted("cgroup2")
if os.geteuid():
    skip_all("needs root: programs of the kernel, a control group")
if not group_root:
    skip_all("no control group hierarchy of version 2 is mounted")
work = tempfile.mkdtemp()
atexit.register(shutil.rmtree, work, True)
os.mkdir(work + "/bpf")
if subprocess.run(["mount", "-t", "bpf", "bpf", work + "/bpf"], capture_output=True).returncode:
    skip_all("a bpf file system can't be mounted here")
atexit.register(subprocess.run, ["umount", work + "/bpf"])
pins = work + "/bpf/recvguard"
name = f"recvguard-e2e-{os.getpid()}"
group = os.path.join(group_root, name)
os.mkdir(group)
atexit.register(lambda: os.path.isdir(group) and os.rmdir(group))
BIG = ("big", "sock.family in {inet, inet6} and sock.type == dgram and msg.size > 5", "drop")
BAD = ("bad", 'sock.family in {unix, inet, inet6} and sock.type in {dgram, seqpacket} and msg.data[0:3] == "BAD"', "drop")
before = programs()
first = load([BIG])
if first.returncode and ("kern_ctx" in first.stderr or "does not load" in first.stderr):
    skip_all("the programs do not load here: " + first.stderr.strip())
result(first.returncode == 0 and "covered: UDP sockets made in " + group in first.stderr and
       "not covered: sockets made outside" in first.stderr, "loaded, and what is covered and what is not is said", first.stderr)
stop()
result(programs() == before, "stopped: no program is left", programs())

# ---- what it cannot do is refused, with who can
for rule, what in ((("x", 'proc.comm == "a"', "deny"), "a receiver's name"),
                   (("x", "sock.family == unix", "deny EACCES"), "deny"),
                   (("x", "sock.family == unix", "kill"), "kill"),
                   (("x", "any(fd, kind != memfd)", "strip"), "descriptors"),
                   (("x", "sock.family == inet and sock.type == stream and msg.size > 5", "drop"), "streams"),
                   (("x", 'proc.comm == "a" and sock.family == inet and sock.type == dgram', "drop"), "who receives")):
    p = load([rule])
    result(p.returncode == 1 and 'rule "x" can\'t be enforced by cgroup' in p.stderr and ("recvguard run" in p.stderr or "stream" in p.stderr) and
           not os.path.exists(pins), "refused: " + what, p.stderr)
p = load([BIG], default="deny")
result(p.returncode == 1 and "its default is decided as a process receives" in p.stderr, "refused: a default of deny", p.stderr)
p = load([BIG], "--tree", "1")
result(p.returncode == 1 and "--tree" in p.stderr, "refused: --tree", p.stderr)
for args, what in ((["--uid", "0"], "a user"), (["--comm", "nc"], "a command"), (["--exe", "/bin/sh"], "an executable"),
                   (["--pid", str(os.getpid())], "a process"), (["--uid", "0", "--comm", "nc"], "two kinds")):
    p = load([BIG], *args)
    told = " ".join(f"{o[2:]}={v}" for o, v in zip(args[::2], args[1::2]))
    result(p.returncode == 1 and p.stderr.startswith(f"recvguard enforce: narrowed to ") and told in p.stderr.split(": ")[1] and
           "who will receive it is not known then" in p.stderr and p.stderr.count("\n") == 1 and not os.path.exists(pins),
           "refused: narrowed to " + what, p.stderr)
for args, why in ((["--cgroup", "/no/such/group"], "no such control group"), (["--exe", "/no/such/file"], "no such file"),
                  (["--exe", "sh"], "does not begin at the root"), (["--pid", "4194304"], "there is no process"),
                  (["--container", "12345"], "at least 6 characters"), (["--container", "0123456789abcdef"], "no control group"),
                  (["--comm", "a-name-too-long-"], "at most 15 bytes"), (["--cgroup", "/"], "one control group, not several")):
    p = load([BIG], *args)
    result(p.returncode == 1 and why in p.stderr and p.stderr.count("\n") == 1 and not os.path.exists(pins), "refused: " + " ".join(args), p.stderr)
p = subprocess.run(["unshare", "--pid", "--fork", "--mount-proc", binary, "enforce", "-p", policy([BIG]), "--no-wait", "--pid", "1", "--dir", pins],
                   capture_output=True, text=True, timeout=120)
result(p.returncode == 1 and "pid namespace" in p.stderr and p.stderr.count("\n") == 1, "refused: --pid in a pid namespace", p.stderr)
p = run("--uid", "0")
result(p.returncode == 2 and "--policy" in p.stderr, "--uid without a policy is a mistake", p.stderr)
p = run("-p", policy([BIG]), "--no-wait", "--backend", "lsm", "--cgroup", "/" + name)
result(p.returncode == 1 and "narrowed to cgroup=/" + name in p.stderr and "--backend cgroup can" in p.stderr and not os.path.exists(pins),
       "refused: --cgroup on who receives, where a datagram is dropped; who can", p.stderr)

# ---- UDP
child = Child(group, work)
atexit.register(lambda: child.p.poll() is None and child.end())
port = {k: child.say("make", k, k) for k in ("udp", "udp6")}
out4, out6 = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
out4.bind(("127.0.0.1", 0))
outside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
outside.bind(("127.0.0.1", 0))
outside.setblocking(False)


def send4(*texts):
    for t in texts:
        assert out4.sendto(t.encode("latin1"), ("127.0.0.1", port["udp"])) == len(t)


def send6(*texts):
    for t in texts:
        assert out6.sendto(t.encode("latin1"), ("::1", port["udp6"])) == len(t)


p = run("-p", policy([BIG]), "--no-wait", "--cgroup", group, RECVGUARD_FORCE="no-lsm,no-fmod_ret")
status = run("status").stdout
send4("a", "123456")
outside.sendto(b"1234567", outside.getsockname())
got = child.say("got", "udp"), outside.recv(64)
result(p.returncode == 0 and got == (["a"], b"1234567") and f"for cgroup=/{name}" in p.stderr and f"scope     cgroup=/{name}, beside" in status and
       f"group     {group}" in status, "--cgroup, by its folder, where no better back-end can be had: that group's sockets; the status tells it", (got, p.stderr, status))
stop()
load([BIG, BAD])
send4("a", "123456", "BAD", "BA", "12345")
send6("b", "1234567", "BADx", "xBAD")
got = child.say("got", "udp"), child.say("got", "udp6")
result(got == (["a", "BA", "12345"], ["b", "xBAD"]), "UDP: by size and content, IPv4 and IPv6; the sender sees success", got)
outside.sendto(b"1234567", outside.getsockname())
time.sleep(0.01)
result(outside.recv(64) == b"1234567", "a socket made outside the group is left alone")
result(count("dropped") == 4, "four drops are counted", count("dropped"))
v = verdicts(4)
one = v[0] if v else {}
result(len(v) == 4 and [e["verdict"]["rule"] for e in v] == ["big", "bad", "big", "bad"] and
       all(e["verdict"]["backend"] == "cgroup" and e["verdict"]["action"] == "drop" for e in v) and
       one["msg"]["size"] == 6 and one["sock"]["local"]["port"] == port["udp"] and
       one["msg"]["name"]["port"] == out4.getsockname()[1] and "pid" not in one.get("proc", {}),
       "verdicts name rule, back-end, size, socket and sender, and no receiver", json.dumps(v, indent=1))
load([("size", "sock.family in {inet, inet6} and sock.type == dgram and msg.size == 3", "drop")])
send4("a" * 3, "a" * 4, "a" * 2, "")
send6("b" * 3, "b" * 4)
got = child.say("got", "udp"), child.say("got", "udp6")
result(got == (["aaaa", "aa", ""], ["bbbb"]), "sizes are exact, 0 too", got)
load([("from", "sock.family == inet and sock.type == dgram and msg.name.port == %d" % out4.getsockname()[1], "drop")])
other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
send4("one")
other.sendto(b"two", ("127.0.0.1", port["udp"]))
got = child.say("got", "udp")
result(got == ["two"], "by the sender's port", got)
load([("to", "sock.family == inet and sock.type == dgram and sock.local.port == %d" % port["udp"], "drop")])
send4("one")
send6("two")
got = child.say("got", "udp"), child.say("got", "udp6")
result(got == ([], ["two"]), "by the receiving socket's port", got)
load([("but", 'sock.family == inet and sock.type == dgram and msg.data[0:1] == "!"', "allow"), BIG])
send4("!234567", "x234567")
got = child.say("got", "udp")
result(got == ["!234567"], "an exception before a rule", got)

# ---- audit, log
load([BAD], "--audit")
send4("BAD")
result(child.say("got", "udp") == ["BAD"] and count("audited") == 1, "--audit: delivered and counted")
load([("note", "sock.family == inet and sock.type == dgram and msg.size == 2", "log")])
send4("ab", "abc")
result(child.say("got", "udp") == ["ab", "abc"] and count("logged") == 1, "log: delivered and counted")
stop()

# ---- unix
paths = {k: child.say("make", k, kind) for k, kind in (("d", "dgram"), ("own", "dgram"), ("q", "seqpacket"))}
d = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
q = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
q.connect(paths["q"])
child.read()
child.say("own", "own")
p = load([BAD])
result(p.returncode == 0 and "and 2 unix datagram and seqpacket sockets" in p.stderr and "1 unix sockets have a filter of their own" in p.stderr,
       "filters on the sockets that are there; one with a filter of its own is left to it, and it is said", p.stderr)


def unix(*texts):
    for t in texts:
        assert d.sendto(t.encode(), paths["d"]) == len(t) and q.send(t.encode()) == len(t)
        d.sendto(t.encode(), paths["own"])
    return [child.say("got", k) for k in ("d", "q", "own")]


got = unix("good", "BAD", "ok")
result(got == [["good", "ok"], ["good", "ok"], ["good", "BAD", "ok"]], "unix datagram and seqpacket by content", got)
drain()
unix("BAD")
v = verdicts(2)
result(len(v) == 2 and all(e["verdict"]["backend"] == "filter" and e["sender"]["pid"] == os.getpid() and e["sock"]["family"] == "unix"
                           for e in v) and v[0]["sock"]["path"] == paths["d"], "verdicts name the sender", json.dumps(v))
got = child.say("detach", "d"), child.say("detach", "q")
result(got == (1, 1) and unix("BAD")[:2] == [[], []], "the program cannot take its filter off (EPERM)", got)
load([("fds", "sock.family == unix and sock.type == dgram and fd.count > 0", "drop")])
r, w = os.pipe()
fds = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [r, w]))]
d.sendmsg([b"with"], fds, 0, paths["d"])
d.sendmsg([b"without"], [], 0, paths["d"])
got = child.say("got", "d")
result(got == ["without"], "by the number of descriptors", got)
load([("me", "sock.family == unix and sock.type == dgram and sender.pid == %d" % os.getpid(), "drop")])
subprocess.run([sys.executable, "-c", "import socket, sys; socket.socket(1, 2).sendto(b'other', sys.argv[1])", paths["d"]])
d.sendto(b"mine", paths["d"])
got = child.say("got", "d")
result(got == ["other"], "by the sender's process", got)
load([BAD])
paths["late"] = child.say("make", "late", "dgram")
d.sendto(b"BAD", paths["late"])
got = child.say("got", "late")
load([BAD])
d.sendto(b"BAD", paths["late"])
result(got == ["BAD"] and child.say("got", "late") == [], "a socket made later is not covered, as said, until it is loaded again", got)

# ---- operation
ok = True
for i in range(40):
    if i % 2 == 0:
        busy = subprocess.Popen([binary, "enforce", "-q", "-p", policy([BAD, BIG] if i % 4 else [BAD]), "--no-wait", "--backend", "cgroup",
                                 "--cgroup", "/" + name, "--dir", pins])
    while True:
        send4("BAD")
        d.sendto(b"BAD", paths["d"])
        if i % 2 == 0 or busy.poll() is not None:
            break
    ok &= child.say("got", "udp") == [] and child.say("got", "d") == []
result(ok and busy.returncode == 0, "replaced 20 times under load: nothing got through")
rounds = int(os.environ.get("RG_ROUNDS", "12"))
for i in range(rounds):
    p = subprocess.Popen([binary, "enforce", "-q", "-p", policy([BAD]), "--backend", "cgroup", "--cgroup", "/" + name, "--dir", pins,
                          "-o", "json=/dev/null"])
    time.sleep(0.5 * i / rounds)
    p.send_signal(signal.SIGKILL)
    p.wait()
    send4("BAD")
    d.sendto(b"BAD", paths["d"])
got = child.say("got", "udp"), child.say("got", "d")
result(got == ([], []) and run("status").returncode == 0, "recvguard killed at %d moments: it holds" % rounds, got)
p = run("-p", policy([BAD]), "--no-wait", "--backend", "lsm")
result(p.returncode == 1 and "by cgroup: stop it before lsm" in p.stderr, "another back-end does not take over by itself", p.stderr)
p = load([BAD], "--for", "1s")
send4("BAD")
held = child.say("got", "udp") == []
time.sleep(1.2)
send4("BAD")
got = child.say("got", "udp") + unix("BAD")[0]
result(held and got == ["BAD", "BAD"], "--for: the kernel lets go by itself", got)
load([BAD])
p = stop()
send4("BAD")
got = child.say("got", "udp"), unix("BAD")
result(p.returncode == 0 and got == (["BAD"], [["BAD"], ["BAD"], ["BAD"]]) and not os.path.exists(pins) and stop().returncode == 1,
       "stopped: everything passes, the filters that cannot be taken off too", got)
p = load([BAD])
got = unix("BAD", "ok")[:2]
result(got == [["ok"], ["ok"]] and count("dropped") == 2, "loaded again: filters of before obey, counts begin anew", (got, p.stderr))
shutil.rmtree(pins, ignore_errors=True)
for _ in range(200):  # the kernel detaches a little later
    send4("BAD")
    got = child.say("got", "udp"), unix("BAD")[:2]
    if got[0]:
        break
    time.sleep(0.05)
p = stop()
after = unix("BAD")[:2]
result(got == (["BAD"], [[], []]) and p.returncode == 0 and after == [["BAD"], ["BAD"]],
       "the folder removed by hand: UDP is let through, filters by `enforce stop`", (got, p.stderr, after))
load([BAD])
child.end()
q.close()  # keeps its peer, which has a filter
os.rmdir(group)
for _ in range(200):
    p = run("status")
    if "removed since" in p.stdout:
        break
    time.sleep(0.05)
result("removed since" in p.stdout, "a control group that is gone is said", p.stdout)
stop()
for _ in range(200):
    if programs() == before:
        break
    time.sleep(0.05)
result(programs() == before, "with the sockets the last programs went", programs())
p = run("-p", policy([BAD]), "--no-wait", "--backend", "lsm", RECVGUARD_FORCE="no-lsm")
result(p.returncode == 1 and "switched off" in p.stderr and "fmod_ret" not in p.stderr, "--backend lsm tries no other", p.stderr)
done()
