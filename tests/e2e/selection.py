#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Selections and their combinations: two talkers receive the same kinds of messages, exactly the asked-for ones show.

usage: selection.py RECVGUARD TALKER
"""
import contextlib, json, os, shutil, signal, subprocess, sys, tempfile, time

ENDS = ["unix pair", "pathname", "abstract name", "udp", "udp6"]


class Talker:
    def __init__(self, exe, name, uid=None):
        self.p = subprocess.Popen([exe, name] + ([str(uid)] if uid else []), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.i = json.loads(self.p.stdout.readline())
        self.pid = self.i["pid"]

    def talk(self):
        self.p.stdin.write("x\n")
        self.p.stdin.flush()
        assert self.p.stdout.readline() == "done\n"

    def end(self):
        self.p.stdin.close()
        self.p.wait()


def trace(recvguard, args, talkers, folder):
    """What is shown while the talkers talk: a set of (pid, end)."""
    out, err = os.path.join(folder, "ev.json"), os.path.join(folder, "err")
    with open(err, "w") as e:
        p = subprocess.Popen([recvguard, "trace", "-o", f"json={out}", *args], stderr=e, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    for _ in range(600): # the notes come once it is attached
        if "tier" in open(err).read() or p.poll() is not None:
            break
        time.sleep(0.05)
    time.sleep(0.1)
    for t in talkers:
        t.talk()
    time.sleep(0.1)
    if p.poll() is None:
        p.send_signal(signal.SIGINT)
    code = p.wait(30)
    if code:
        raise RuntimeError(f"exit {code}: {open(err).read().strip()[-400:]}")
    by_cookie = {t.i[e]["cookie"]: (t.pid, e) for t in talkers for e in ENDS}
    events = [json.loads(l) for l in open(out)]
    shown = [by_cookie.get(ev.get("sock", {}).get("cookie"), (ev["proc"]["pid"], "other")) for ev in events if ev["event"] != "lost"]
    ours = {t.pid for t in talkers}
    return [s for s in shown if s[0] in ours]


def cgroup2():
    for line in open("/proc/self/mounts"):
        _, point, kind = line.split()[:3]
        if kind == "cgroup2":
            return point
    return None


@contextlib.contextmanager
def contained(t, id):
    """The talker in a control group named as a container runtime would name it; yields (its folder, the one above)."""
    above = os.path.join(cgroup2(), f"rg-select-{os.getpid()}")
    here = os.path.join(above, f"docker-{id}.scope")
    home = os.path.join(cgroup2(), [l for l in open(f"/proc/{t.pid}/cgroup") if l.startswith("0::")][0][4:].strip())
    os.makedirs(here)
    try:
        with open(os.path.join(here, "cgroup.procs"), "w") as f:
            f.write(str(t.pid))
        yield here, above
    finally:
        with open(os.path.join(home, "cgroup.procs"), "w") as f:
            f.write(str(t.pid))
        os.rmdir(here)
        os.rmdir(above)


CONTAINER = "5e1ec7ed" * 8


def container_cases(b, here, above):
    yield "--cgroup of one", ["--cgroup", here], all_of(b)
    yield "--cgroup selects what is below", ["--cgroup", above], all_of(b)
    yield "--container by the whole id", ["--container", CONTAINER], all_of(b)
    yield "--container by the id's beginning, and --family", ["--container", CONTAINER[:12], "--family", "unix"], all_of(b, ENDS[:3])


def all_of(t, ends=ENDS):
    return [(t.pid, e) for e in ends]


def cases(a, b):
    """(name, options, what must be shown)"""
    i = a.i
    yield "-p PID", ["-p", str(a.pid)], all_of(a)
    yield "-p of both", ["-p", str(a.pid), "-p", str(b.pid)], all_of(a) + all_of(b)
    yield "--comm", ["--comm", "talker-a"], all_of(a)
    yield "--uid", ["--uid", "65534"], all_of(b)
    yield "--exe", ["--exe", os.readlink(f"/proc/{b.pid}/exe")], all_of(b)
    yield "--family unix, -p", ["--family", "unix", "-p", str(a.pid)], all_of(a, ENDS[:3])
    yield "--family inet --family inet6, -p", ["--family", "inet", "--family", "inet6", "-p", str(a.pid)], all_of(a, ENDS[3:])
    yield "--socket unix:PATH", ["--socket", "unix:" + i["path"]], all_of(a, ["pathname"])
    yield "--socket @ABSTRACT", ["--socket", i["abstract"]], all_of(a, ["abstract name"])
    yield "--socket udp:ADDR:PORT", ["--socket", f"udp:127.0.0.1:{i['port']}"], all_of(a, ["udp"])
    yield "--socket udp:*:PORT of the other", ["--socket", f"udp:*:{b.i['port']}"], all_of(b, ["udp"])
    yield "--socket inode:N", ["--socket", f"inode:{i['unix pair']['inode']}"], all_of(a, ["unix pair"])
    yield "--socket cookie:N", ["--socket", f"cookie:{i['udp6']['cookie']}"], all_of(a, ["udp6"])
    yield "two --socket", ["--socket", f"cookie:{i['udp6']['cookie']}", "--socket", "unix:" + b.i["path"]], all_of(a, ["udp6"]) + all_of(b, ["pathname"])
    yield "--fd with -p", ["-p", str(a.pid), "--fd", str(i["udp"]["fd"])], all_of(a, ["udp"])
    yield "--comm and --uid that exclude each other", ["--comm", "talker-a", "--uid", "65534"], []
    yield "--uid, --family and --socket", ["--uid", "65534", "--family", "unix", "--socket", b.i["abstract"]], all_of(b, ["abstract name"])
    yield "--filter", ["-p", str(a.pid), "--filter", 'sock.family == unix and msg.data contains "pat"'], all_of(a, ["pathname"])


def judge(recvguard, case, talkers, folder):
    name, args, want = case
    try:
        got = trace(recvguard, args, talkers, folder)
        return name, sorted(got) == sorted(want), f"shown {sorted(got)}, must be {sorted(want)}"
    except (RuntimeError, OSError, ValueError, subprocess.TimeoutExpired) as e:
        return name, False, str(e)


def older(recvguard, talkers, folder):
    """Connections that are older than recvguard: who is at the other end is known all the same."""
    trace(recvguard, [o for t in talkers for o in ("-p", str(t.pid))], talkers, folder)
    with open(os.path.join(folder, "ev.json")) as f:
        said = {ev["sock"]["cookie"]: ev.get("sender") for ev in map(json.loads, f) if ev["event"] != "lost"}
    ok = True
    for t, uid in zip(talkers, (0, 65534)):
        who = said.get(t.i["unix pair"]["cookie"]) or {}
        ok &= (who.get("pid"), who.get("uid"), who.get("how"), who.get("comm")) == (t.pid, uid, "connect", t.i["name"])
    return "the sender over a connection that is older than recvguard", ok, str(said)


def wrong(recvguard):
    """Selections that cannot be met are refused in one line, with a non-zero exit."""
    for name, args in (("a process that is not there", ["-p", "4194303"]), ("an unknown family", ["--family", "nosuch"]),
                       ("a user that is not there", ["--uid", "no-such-user"]), ("a socket that says nothing", ["--socket", "nonsense"]),
                       ("a command that is not there", ["--", "/no/such/command"]), ("an unknown format", ["-o", "nosuch", "--", "true"]),
                       ("a folder that is not there", ["-o", "json=/no/such/folder/x", "--", "true"]), ("a bad filter", ["-f", "sock.famly == unix", "--", "true"])):
        try:
            p = subprocess.run([recvguard, "trace", *args], capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            yield f"refused: {name}", False, "traces on and on"
            continue
        lines = [l for l in p.stderr.splitlines() if l.startswith("recvguard") and "tier" not in l]
        ok = p.returncode != 0 and len(lines) >= 1 and not p.stdout
        yield f"refused: {name}", ok, f"exit {p.returncode}: {p.stderr.strip()[:300]}"


def namespace(recvguard, folder):
    """In a pid namespace of its own: a command is followed by the number that the kernel's programs know; one that is given is refused."""
    out = os.path.join(folder, "namespace.json")
    inside = ["unshare", "--pid", "--fork", "--mount-proc", recvguard, "trace"]
    code = "import os, socket; a, b = socket.socketpair(); a.send(b'inside'); b.recv(9); os._exit(os.getpid())"
    p = subprocess.run([*inside, "-o", f"json={out}", "--", sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    events = [json.loads(l) for l in open(out)] if os.path.exists(out) else []
    mine = [e for e in events if e.get("msg", {}).get("data") == "inside"]
    yield ("in a pid namespace: the command's message is seen", len(mine) == 1 and mine[0]["proc"]["ns"]["pid"] == p.returncode
           and mine[0]["proc"]["pid"] != p.returncode, f"{events} exit {p.returncode}: {p.stderr}")
    yield "and the kernel's msghdr is found", "read back from user memory" not in p.stderr, p.stderr
    p = subprocess.run([*inside, "-p", "1"], capture_output=True, text=True, timeout=60)
    yield ("refused there: a process by its number there", p.returncode == 1 and p.stderr.count("\n") == 1 and "pid namespace" in p.stderr
           and not p.stdout, f"exit {p.returncode}: {p.stderr}")


def main():
    recvguard, exe = sys.argv[1:3]
    tests = []
    with tempfile.TemporaryDirectory(prefix="rg-select-") as folder:
        os.chmod(folder, 0o755)
        copy = os.path.join(folder, "other-talker")
        shutil.copy(exe, copy)
        a, b = Talker(exe, "talker-a"), Talker(copy, "talker-b", 65534)
        tests += [judge(recvguard, c, (a, b), folder) for c in cases(a, b)]
        if cgroup2():
            with contained(b, CONTAINER) as (here, above):
                tests += [judge(recvguard, c, (a, b), folder) for c in container_cases(b, here, above)]
        else:
            tests.append(("--cgroup, --container # SKIP no cgroup2 is mounted", True, ""))
        tests.append(older(recvguard, (a, b), folder))
        tests += list(namespace(recvguard, folder))
        a.end()
        b.end()
    tests += list(wrong(recvguard))
    print(f"1..{len(tests)}")
    for n, (name, ok, why) in enumerate(tests, 1):
        print(f"{'' if ok else 'not '}ok {n} - {name}")
        if not ok:
            print("\n".join("# " + l for l in why.splitlines()))
    return 0 if all(t[1] for t in tests) else 1


if __name__ == "__main__":
    sys.exit(main())
