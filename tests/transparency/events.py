#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What the broker reports, what rules may ask of it, and what it takes away: TAP. usage: events.py RECVGUARD"""
import json, os, re, shutil, signal, subprocess, sys, tempfile

RG = os.path.abspath(sys.argv[1])
PY = sys.executable
count = failed = 0
tmp = tempfile.mkdtemp(prefix="rg-events-")


def ok(good, name, why="", skip=""):
    global count, failed
    count += 1
    failed += not good
    print(f"{'' if good else 'not '}ok {count} - {name}" + (f" # SKIP {skip}" if skip else f": {why}" if why and not good else ""), flush=True)


def policy(*rules, default="allow", scope="", file="p.yaml"):
    path = os.path.join(tmp, file)
    with open(path, "w") as f:
        f.write(f"apiVersion: recvguard/v1\nkind: Policy\nmetadata: {{name: p}}\nspec:\n{scope}  default: {default}\n  rules:\n" +
                "".join(f"    - {{name: r{i}, when: '{w}', then: {t}}}\n" for i, (w, t) in enumerate(rules)))
    return path


def run(args, code, before=(), q=True):
    return subprocess.run([*before, RG, "run", *(["-q"] if q else []), *args, "--", PY, "-c", code], capture_output=True, text=True,
                          timeout=60, stdin=subprocess.DEVNULL)


PAIR = "import os,socket,struct,array,sys\na,b=socket.socketpair(socket.AF_UNIX,socket.SOCK_DGRAM)\n"
ASK = PAIR + "a.send(b'hello')\ntry: print(b.recv(99))\nexcept OSError as e: print('errno',e.errno)\n"


def verdicts():
    out = os.path.join(tmp, "v.json")
    p = policy(("msg.size > 3", "deny EMSGSIZE"))
    r = run(["-p", p, "-o", "json=" + out], ASK + "a.send(b'ok')\nprint(b.recv(9))\nprint(os.getpid())")
    ev = [json.loads(l) for l in open(out)]
    ok(r.stdout.startswith("errno 90\nb'ok'\n") and len(ev) == 1, "one verdict is reported, of the message that a rule met", f"{r.stdout} {ev} {r.stderr}")
    v = ev[0]["verdict"] if ev else {}
    ok((v.get("policy"), v.get("rule"), v.get("action"), v.get("errno"), v.get("backend")) == ("p", "r0", "deny", "EMSGSIZE", "broker")
       and "matched" in v.get("reason", ""), "with policy, rule, action, errno and reason", str(v))
    proc = ev[0]["proc"] if ev else {}
    import pwd
    ok(proc.get("user") == pwd.getpwuid(os.getuid()).pw_name and proc.get("pid") == int(r.stdout.split()[-1]) and
       proc.get("ns", {}).get("pidns") == os.stat("/proc/self/ns/pid").st_ino and
       proc.get("ns", {}).get("mntns") == os.stat("/proc/self/ns/mnt").st_ino, "who: user, pid, namespaces", str(proc))
    group = [l.split(":", 2)[2].rstrip() for l in open("/proc/self/cgroup") if l.startswith("0::")]
    ok(not group or proc.get("cgroup") == group[0], "the control group", f"{proc.get('cgroup')} {group}")
    r = run(["-a", "-o", "json=" + out], PAIR + "a.send(b'GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n')\nb.recv(99)")
    ev = [json.loads(l) for l in open(out)]
    ok(any(e["msg"].get("protocol") == "http" for e in ev), "the payload's protocol is named", str([e["msg"].get("protocol") for e in ev]))


def containers():
    """A control group that bears a container's name: its id is known, and rules on it work."""
    name = "ab" * 32
    made = None
    for top in ("/sys/fs/cgroup/unified", "/sys/fs/cgroup", "/sys/fs/cgroup/pids"):
        try:
            made = f"{top}/docker-{name}.scope"
            os.mkdir(made)
            break
        except OSError:
            made = None
    if not made:
        ok(True, "rules on control group and container", skip="no control group can be made here")
        return
    enter = ["sh", "-c", f'echo $$ >{made}/cgroup.procs && exec "$@"', "sh"]
    try:
        for when, want in ((f'container.id == "{name}"', "errno 1"), ("container.runtime == docker", "errno 1"),
                           (f'proc.cgroup endswith "docker-{name}.scope"', "errno 1"), ('container.id == "other"', "b'hello'"),
                           ("container.id exists", "errno 1")):
            r = run(["-p", policy((when.replace("== docker", '== "docker"'), "deny EPERM"))], ASK, before=enter)
            ok(r.stdout.strip() == want, f"inside a container: {when[:40]}", r.stdout + r.stderr)
        r = run(["-p", policy(("container.id exists", "deny EPERM"))], ASK)
        ok(r.stdout.strip() == "b'hello'", "outside: no container", r.stdout + r.stderr)
    finally:
        os.rmdir(made)


def never():
    """Rules on what the broker never knows are refused when they are loaded, with the reason."""
    for when, word in (("duration > 1ms", "duration"), ("seq == 1", "seq"), ("msg.id == 1", "msg.id"), ("error == EAGAIN", "error"),
                       ("any(fd, fd == 3)", "fd.fd"), ("any(fd, lost)", "fd.lost"), ("any(cmsg, cut)", "cmsg.cut"),
                       ("msg.control_truncated", "control_truncated"), ("msg.fds_lost > 0", "fds_lost"), ("sock.netns == 1", "netns"),
                       ("any(msg.iov, len > 3)", "msg.iov"), ('proc.host == "x"', "proc.host"), ("proc.ns.ppid == 1", "ppid"),
                       ("not proc.cgroup_id == 1", "cgroup_id"), ('verdict.policy == "x"', "verdict")):
        r = run(["-p", policy((when, "deny"))], ASK)
        ok(r.returncode == 125 and word in r.stderr and "r0" in r.stderr and not r.stdout, f"refused at load: {when}", f"{r.returncode} {r.stderr}")
    r = run(["-p", policy(("msg.size > 1", "deny"), scope="  scope: [container=started]\n")], ASK)
    ok(r.returncode == 125 and not r.stdout, "a scope that cannot be decided is refused", f"{r.returncode} {r.stderr}")
    r = run(["-p", policy(("msg.size > 1", "drop"))], ASK)
    ok(r.returncode == 125 and "stream" in r.stderr, "drop is refused where a stream could be meant", f"{r.returncode} {r.stderr}")


def notices():
    """At most five a second; what is left out is counted, to the end."""
    n = 300
    r = run(["-p", policy(("msg.size == 5", "deny EPERM"))], PAIR + f"for i in range({n}):\n a.send(b'xxxxx')\n try: b.recv(9)\n except OSError: pass\n", q=False)
    said = len(re.findall(r": deny: process", r.stderr))
    more = sum(map(int, re.findall(r"(\d+) more notices suppressed", r.stderr)))
    ok(said >= 5 and said < n / 2 and said + more == n, f"{n} refusals: {said} notices, {more} counted as suppressed", r.stderr[-500:])


TAKE = """
def take(f=0):
    try: return b.recv(99, f).decode()
    except OSError as e: return e.errno
"""
EVIL = 'msg.data contains "EVIL"'
# What each program prints when EVIL meets a rule with this action.
ACTIONS = (
    ("deny EPERM: consumed, a look leaves it and is refused again", "deny EPERM", PAIR + TAKE +
     "a.send(b'EVIL'); a.send(b'next')\nprint(take(socket.MSG_PEEK), take(socket.MSG_PEEK), take(), take(), take(socket.MSG_DONTWAIT))", "1 1 1 next 11"),
    ("drop: what does not wait finds the next, or nothing", "drop", PAIR + TAKE +
     "a.send(b'EVIL'); a.send(b'next')\nprint(take(socket.MSG_PEEK), take(), end=' ')\na.send(b'EVIL'); print(take(socket.MSG_DONTWAIT), end=' ')\n"
     "b.setblocking(False); a.send(b'EVIL'); print(take())", "next next 11 11"),
    ("drop: what waits goes on waiting, for the next or for its time", "drop", PAIR + TAKE +
     "import threading,time\ngot=[]\nt=threading.Thread(target=lambda: got.append(take()))\nt.start()\n"
     "for i in range(50): a.send(b'EVIL'); time.sleep(0.002)\nassert t.is_alive() and not got\na.send(b'next'); t.join(); print(got[0], end=' ')\n"
     "b.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack('ll', 0, 200000)); a.send(b'EVIL'); s=time.monotonic(); print(take(), time.monotonic()-s >= 0.2)",
     "next 11 True"),
    ("drop, in a batch", "drop", PAIR + "import ctypes\nfor m in (b'EVIL', b'1', b'EVIL', b'2'): a.send(m)\n"
     "class iov(ctypes.Structure): _fields_=[('b',ctypes.c_void_p),('n',ctypes.c_size_t)]\n"
     "class hdr(ctypes.Structure): _fields_=[('name',ctypes.c_void_p),('nl',ctypes.c_uint),('iov',ctypes.c_void_p),('iovlen',ctypes.c_size_t),"
     "('ctl',ctypes.c_void_p),('cl',ctypes.c_size_t),('fl',ctypes.c_size_t),('len',ctypes.c_size_t)]\n"
     "bufs=[ctypes.create_string_buffer(9) for _ in range(4)]; v=(iov*4)(*[(ctypes.addressof(x),9) for x in bufs])\n"
     "h=(hdr*4)(); \nfor i in range(4): h[i].iov=ctypes.addressof(v)+16*i; h[i].iovlen=1\n"
     "print(ctypes.CDLL(None).recvmmsg(b.fileno(), h, 4, socket.MSG_DONTWAIT, None), bufs[0].value.decode(), bufs[1].value.decode())", "2 1 2"),
    ("log: delivered", "log", PAIR + TAKE + "a.send(b'EVIL'); print(take())", "EVIL"),
)


def actions():
    """Each action, as the program sees it and as it is reported."""
    out = os.path.join(tmp, "a.json")
    for name, then, code, want in ACTIONS:
        r = run(["-p", policy(('sock.type == dgram and ' + EVIL, then)), "-o", "json=" + out], code)
        ev = [json.loads(l)["verdict"] for l in open(out)]
        ok(r.stdout.strip() == want and not r.stderr and ev and {e["action"] for e in ev} == {then.split()[0]}, name, f"{r.stdout} {r.stderr} {ev}")
    code = PAIR + TAKE + "print('up', flush=True)\na.send(b'EVIL')\nprint(take(), flush=True)"
    p = policy((EVIL, "kill"))
    r = run(["-p", p, "-o", "json=" + out], code)
    ev = [json.loads(l)["verdict"] for l in open(out)]
    ok(r.returncode == -signal.SIGKILL and r.stdout == "up\n" and not r.stderr and [e["action"] for e in ev] == ["kill"], "kill: before it sees a byte, and reported",
       f"{r.returncode} {r.stdout} {r.stderr} {ev}")
    for then in ("kill", "deny EPERM", "drop"):
        p = policy(('sock.type == dgram and ' + EVIL, then))
        r = run(["-p", p, "--audit", "-o", "json=" + out], code)
        ev = [json.loads(l)["verdict"] for l in open(out)]
        ok(r.stdout == "up\nEVIL\n" and [(e["action"], e["reason"][:5]) for e in ev] == [(then.split()[0], "audit")] and not r.stderr, f"audit: {then} is reported, and all delivered",
           f"{r.stdout} {r.stderr} {ev}")


STRIP = PAIR + """
b.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
a.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [0, 1]))])
d, anc, fl, _ = b.recvmsg(9, 999)
print(sorted((t, len(v)) for l, t, v in anc), bool(fl & socket.MSG_CTRUNC))
"""
INET = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('127.0.0.1', 0))
s.setsockopt(0, 12, 1); s.setsockopt(0, 8, 1)
s.sendto(b'x', s.getsockname())
d, anc, fl, _ = s.recvmsg(9, 999)
print(sorted(t for l, t, v in anc), bool(fl & socket.MSG_CTRUNC))
"""


def strip():
    """strip takes away what any(fd, ...) or any(cmsg, ...) names, by kind or by type, and nothing else."""
    for code, when, want, name in (
            (STRIP, "any(cmsg, type == SCM_CREDENTIALS)", "[(1, 8)] True", "credentials, the descriptors stay"),
            (STRIP, "any(cmsg, type == SCM_RIGHTS)", "[(2, 12)] True", "all descriptors by their control message"),
            (STRIP, "any(cmsg, level == SOL_SOCKET)", "[] True", "a whole level"),
            (STRIP, "any(cmsg, type == IP_TTL)", "[(1, 8), (2, 12)] False", "nothing where none is of the type"),
            (STRIP, "any(cmsg, type == SCM_CREDENTIALS) or any(fd, kind exists)", "[] True", "two lists in one rule"),
            (INET, "any(cmsg, type == IP_TTL)", "[8] True", "the hop count, the address stays"),
            (INET, "any(cmsg, type == IP_PKTINFO)", "[2] True", "the address, the hop count stays"),
            (INET, "any(cmsg, type == IP_PKTINFO and spec_dst == 10.0.0.1)", "[2, 8] False", "by a value inside it")):
        r = run(["-p", policy((when, "strip"))], code)
        ok(r.stdout.strip() == want, f"strip {name}", r.stdout + r.stderr)
    r = run(["-p", policy(("msg.size > 0", "strip"))], STRIP)
    ok(r.returncode == 125 and "any(" in r.stderr, "strip without any(fd, …) or any(cmsg, …) is refused", f"{r.returncode} {r.stdout} {r.stderr}")


try:
    verdicts()
    containers()
    never()
    notices()
    strip()
    actions()
finally:
    shutil.rmtree(tmp)
print(f"1..{count}")
sys.exit(failed > 0)
