#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Filters that outlive their pins (enforce --backend cgroup), and several loaders: each obeys one alone.
usage: enforce_orphans.py RECVGUARD"""
import atexit, json, os, shutil, socket, subprocess, sys, tempfile

from tap import check, done, skip_all

binary = os.path.abspath(sys.argv[1])
CHILD = r"""
import os, socket, sys
open(sys.argv[1], "w").write(str(os.getpid()))
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[2])
s.setblocking(False)
print(flush=True)
for line in sys.stdin:
    try: print(s.recv(64).hex(), flush=True)
    except BlockingIOError: print(flush=True)
"""


def result(ok, name, why=""):
    check(name, ok, why)


def mounted(kind):
    return next((line.split()[1] for line in open("/proc/self/mounts") if line.split()[2] == kind), None)


class Holder:
    """A process in a control group that holds a unix datagram socket and receives when asked."""

    def __init__(self, group, name):
        self.path = os.path.join(work, name)
        self.p = subprocess.Popen([sys.executable, "-c", CHILD, group + "/cgroup.procs", self.path], text=True, stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE)
        self.p.stdout.readline()
        atexit.register(self.end)

    def passes(self, text):
        """Does it arrive? The sender of one that is dropped sees success too."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.sendto(text, self.path)
        self.p.stdin.write("\n")
        self.p.stdin.flush()
        return bytes.fromhex(self.p.stdout.readline()) == text

    def end(self):
        if self.p.poll() is None:
            self.p.stdin.close()
            self.p.wait()


def folder(name):
    return os.path.join(work, "bpf", name)


def arguments(word, where, group):
    path = os.path.join(work, word + ".yaml")
    with open(path, "w") as f:
        f.write('apiVersion: recvguard/v1\nkind: Policy\nmetadata: {name: %s}\nspec:\n  default: allow\n  rules:\n    - {name: it, when: '
                '\'sock.family == unix and sock.type == dgram and msg.data[0:1] == "%s"\', then: drop}\n' % (word, word))
    return [binary, "enforce", "-q", "-p", path, "--no-wait", "--backend", "cgroup", "--cgroup", group, "--dir", where]


def load(word, where, group="/", **more):
    return subprocess.run(arguments(word, where, group), capture_output=True, text=True, timeout=120, **more)


def stop(where, **more):
    return subprocess.run([binary, "enforce", "stop", "--dir", where], capture_output=True, text=True, timeout=60, **more)


def map_id(where, name="enf_ctl"):
    out = subprocess.run(["bpftool", "-j", "map", "show", "pinned", os.path.join(where, name)], capture_output=True, text=True).stdout
    return json.loads(out)["id"] if out else None


def change(where, at, value):
    """Another word into the pinned control."""
    pin = os.path.join(where, "enf_ctl")
    old = json.loads(subprocess.run(["bpftool", "-j", "map", "lookup", "pinned", pin, "key", "0", "0", "0", "0"], capture_output=True,
                                    text=True, check=True).stdout)["value"]
    new = [int(b, 16) for b in old]
    new[at:at + 4] = value.to_bytes(4, sys.byteorder)
    subprocess.run(["bpftool", "map", "update", "pinned", pin, "key", "0", "0", "0", "0", "value", *map(str, new)], check=True)


if os.geteuid():
    skip_all("needs root: programs of the kernel, a control group")
if not mounted("cgroup2"):
    skip_all("no control group hierarchy of version 2 is mounted")
if not shutil.which("bpftool"):
    skip_all("bpftool is not installed")
work = tempfile.mkdtemp()
atexit.register(shutil.rmtree, work, True)
os.mkdir(work + "/bpf")
if subprocess.run(["mount", "-t", "bpf", "bpf", work + "/bpf"], capture_output=True).returncode:
    skip_all("a bpf file system can't be mounted here")
atexit.register(subprocess.run, ["umount", work + "/bpf"])
names = [f"recvguard-orphans-{os.getpid()}-{c}" for c in "ab"]
groups = [os.path.join(mounted("cgroup2"), n) for n in names]
for g in groups:
    os.mkdir(g)
    atexit.register(os.rmdir, g)
a, b = ["/" + n for n in names]
one, two, old = folder("one"), folder("two"), folder("old")
holder = Holder(groups[0], "s1")
p = load("O", old, a)
if p.returncode and ("kern_ctx" in p.stderr or "does not load" in p.stderr):
    skip_all("the programs do not load here: " + p.stderr.strip())
result(p.returncode == 0 and not holder.passes(b"O") and holder.passes(b"x"), "a socket has its filter", p.stderr)
stop(old)
result(holder.passes(b"O"), "stopped: its filter lets pass")

# ---- one at a time takes up what was left
for i in range(4):
    both = [subprocess.Popen(arguments(w, d, a), stderr=subprocess.PIPE, text=True) for w, d in (("1", one), ("2", two))]
    said = [p.communicate(timeout=120)[1] for p in both]
    ids = map_id(one), map_id(two)
    result(all(p.returncode == 0 for p in both) and None not in ids and ids[0] != ids[1],
           f"two loaders at once, round {i + 1}: each has maps of its own", (ids, said))
    got = holder.passes(b"1"), holder.passes(b"2")
    result(sorted(got) == [False, True], f"round {i + 1}: the filter obeys one of them", got)
    mine, other = (one, two) if not got[0] else (two, one)
    word = b"1" if not got[0] else b"2"
    stop(other)
    result(not holder.passes(word), f"round {i + 1}: the other's end changes nothing for it")
    stop(mine)
    result(holder.passes(word), f"round {i + 1}: its own does")

# ---- who died with the maps in hand
load("1", one, a)
os.mkdir(two)
for pin in os.listdir(one):
    kind = "prog" if pin.startswith("prog_") else "link" if pin.startswith("link_") else "map"
    subprocess.run(["bpftool", kind, "pin", "pinned", os.path.join(one, pin), os.path.join(two, pin)], check=True)
result(map_id(one) == map_id(two), "a second folder with the first one's pins, as a loader leaves it that dies before its policy holds")
p = load("2", two, a)
result(p.returncode == 0 and map_id(one) != map_id(two) and not holder.passes(b"1") and holder.passes(b"2"),
       "loaded there: the first's maps are left to it", (p.stderr, holder.passes(b"1")))
stop(two)
os.mkdir(two)
subprocess.run(["bpftool", "map", "pin", "pinned", one + "/enf_ctl", two + "/enf_ctl"], check=True)
p = stop(two)
result(not os.path.exists(two) and not holder.passes(b"1"), "stopped there: neither", p.stderr)
stop(one)

# ---- one folder, written in several ways
load("1", one, a)
was = map_id(one)
p = load("2", one + "/", a)
result(p.returncode == 0 and map_id(one) == was and holder.passes(b"1") and not holder.passes(b"2"),
       "loaded by another spelling of the folder's path: its policy is replaced, not begun anew", p.stderr)
p = stop(folder(".") + "/../bpf/one/")
result(p.returncode == 0 and not os.path.exists(one) and holder.passes(b"2"), "stopped by a third: its filters let pass", p.stderr)

# ---- for whom a filter was put on a socket
p = load("B", two, b)
result(p.returncode == 0 and holder.passes(b"B"), "a policy for another group does not come to hold for this group's sockets by their old filters",
       p.stderr)
stop(two)
p = load("A", two, "/")
result(p.returncode == 0 and not holder.passes(b"A"), "one for a group above does", p.stderr)
stop(two)

p = load("C", two, a)
result(p.returncode == 0 and holder.passes(b"C"), "what was put on for the group above stays away from one for less", p.stderr)
stop(two)

# ---- the same path in another bpf file system: another container's
holder = Holder(groups[0], "s3")
load("1", one, a)
result(not holder.passes(b"1"), "another socket has its filter")
script = "mount -t bpf bpf '%s/bpf' && \"$@\"" % work
p = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", *arguments("2", one, a)], capture_output=True, text=True)
result(p.returncode == 0 and not holder.passes(b"1") and holder.passes(b"2"), "another's policy under the same path leaves ours in force", p.stderr)
p = subprocess.run(["unshare", "-m", "sh", "-c", "mount -t bpf bpf '%s/bpf' && mkdir '%s' && \"$@\"" % (work, one), "sh", binary, "enforce", "stop",
                    "--dir", one], capture_output=True, text=True)
result(not holder.passes(b"1"), "and its stop", p.stderr)

# ---- the same folder by another path
script = "mount --bind '%s/bpf' /mnt && \"$@\"" % work
p = subprocess.Popen(["unshare", "-m", "sh", "-c", script, "sh", *arguments("1", "/mnt/" + os.path.basename(one), a)], stderr=subprocess.PIPE, text=True)
was, passed = map_id(one), 0
while p.poll() is None:
    passed += holder.passes(b"1")
result(p.returncode == 0 and not passed and map_id(one) == was, "replaced through a bind mount: the same maps, no gap", (passed, map_id(one), was, p.stderr.read()))

shutil.rmtree(one)
result(not holder.passes(b"1") and stop(one).returncode == 0 and holder.passes(b"1"),
       "pins removed by hand: the filter holds until the folder's policy is stopped")

# ---- another version's
load("1", one, a)
change(one, 0, 1000)
p = load("2", one, a)
result(p.returncode == 1 and "another version" in p.stderr and not holder.passes(b"1"), "another version's policy is not replaced", p.stderr)
p = stop(one)
result(p.returncode == 0 and holder.passes(b"1"), "it is stopped, with its filters", p.stderr)
done()
