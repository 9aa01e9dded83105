#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Policies that change while messages come: all or nothing, and nothing passes in between. TAP. usage: reload.py RECVGUARD"""
import os, re, shutil, signal, subprocess, sys, tempfile, time

RG = os.path.abspath(sys.argv[1])
count = failed = 0
tmp = tempfile.mkdtemp(prefix="rg-reload-")
HEAD = "apiVersion: recvguard/v1\nkind: Policy\nmetadata: {name: %s}\nspec:\n  default: allow\n  rules:\n"
RULE = "    - {name: no evil, when: 'msg.data contains \"%s\"', then: deny %s}\n"


def ok(good, name, why=""):
    global count, failed
    count += 1
    failed += not good
    print(f"{'' if good else 'not '}ok {count} - {name}" + (f": {why}" if why and not good else ""), flush=True)


# Three processes with two threads each; every message is EVIL or GOOD, numbered; each answer is one letter.
LOAD = r"""
import os,socket,sys,threading,collections
stop=sys.argv[1]
def one(c):
    a,b=socket.socketpair(socket.AF_UNIX,socket.SOCK_DGRAM)
    i=0
    while i%2 or not os.path.exists(stop):
        m=b'%s %d'%((b'EVIL',b'GOOD')[i&1],i)
        a.send(m)
        try: r='delivered' if b.recv(99)==m else 'wrong'
        except OSError as e: r=str(e.errno)
        c[m[:4].decode()+' '+r]+=1
        i+=1
    try: b.recv(9,socket.MSG_DONTWAIT); c['left over']+=1
    except BlockingIOError: pass
def work():
    cs=[collections.Counter() for _ in range(2)]
    ts=[threading.Thread(target=one,args=(c,)) for c in cs]
    [t.start() for t in ts]; [t.join() for t in ts]
    for k,v in (cs[0]+cs[1]).items(): os.write(1,b'%s=%d\n'%(k.encode(),v))
kids=[]
for _ in range(3):
    p=os.fork()
    if p==0: work(); os._exit(0)
    kids.append(p)
print('started',flush=True)
for p in kids: os.waitpid(p,0)
"""


def put(name, text):
    with open(f"{tmp}/new", "w") as f:
        f.write(text)
    os.rename(f"{tmp}/new", f"{tmp}/p/{name}")


def wait_lines(path, pattern, n, seconds=30):
    end = time.time() + seconds
    while time.time() < end:
        if len(re.findall(pattern, open(path).read())) >= n:
            return True
        time.sleep(0.02)
    return False


def under_load():
    os.mkdir(f"{tmp}/p")
    put("a.yaml", HEAD % "a" + RULE % ("EVIL", "EMSGSIZE"))
    put("b.yaml", HEAD % "b" + RULE % ("never", "EPERM"))
    err, pid = f"{tmp}/err", f"{tmp}/pid"
    with open(err, "w") as e:
        p = subprocess.Popen([RG, "run", "--pid-file", pid, "-p", f"{tmp}/p", "--", sys.executable, "-c", LOAD, f"{tmp}/stop"],
                             stdout=subprocess.PIPE, stderr=e, text=True, stdin=subprocess.DEVNULL)
    p.stdout.readline()
    sup = int(open(pid).read())
    good = bad = 0
    for i in range(20):
        put("a.yaml", HEAD % "a" + RULE % ("EVIL", ("EPERM", "EMSGSIZE")[i % 2]))
        good += 1
        loaded = wait_lines(err, "policy loaded", good)
        if not loaded:
            break
        # One file of the two is wrong: neither is taken, though the other lets all pass now.
        now = HEAD % "a" + RULE % ("EVIL", ("EPERM", "EMSGSIZE")[i % 2])
        refused = True
        for name, text in (("b.yaml", HEAD % "b" + "    - {name: x, when: 'msg.nonsense == 1', then: deny}\n"),
                           ("a.yaml", HEAD % "a" + RULE % ("nobody", "EPERM")), ("a.yaml", now)):
            put(name, text)
            bad += 1
            refused = refused and wait_lines(err, "the old one stays", bad)
        if not refused:
            break
        put("b.yaml", HEAD % "b" + RULE % ("never", "EPERM"))
        good += 1
        wait_lines(err, "policy loaded", good)
        os.kill(sup, signal.SIGHUP)
        good += 1
        wait_lines(err, "policy loaded", good)
    open(f"{tmp}/stop", "w").close()
    out = p.communicate(timeout=60)[0]
    seen = {}
    for k, v in re.findall(r"^(.*)=(\d+)$", out, re.M):
        seen[k] = seen.get(k, 0) + int(v)
    text = open(err).read()
    ok(loaded and refused and bad == 60, "40 changes, 60 refused, 20 SIGHUPs: each said", text[-600:])
    ok("nonsense" in text and "b.yaml" in text, "a wrong policy is named, with what is wrong", text[-600:])
    ok(set(seen) <= {"EVIL 1", "EVIL 90", "GOOD delivered"}, "meanwhile no refused message passed, no good one was lost or changed", str(seen))
    ok(seen.get("EVIL 1", 0) > 20 and seen.get("EVIL 90", 0) > 20, "both policies were in force in turn", str(seen))
    ok(seen.get("EVIL 1", 0) + seen.get("EVIL 90", 0) == seen.get("GOOD delivered"), "every message has one answer", str(seen))
    print(f"#: reload under load: {sum(seen.values())} messages, {good} loads, {bad} refused")


def unsuitable():
    """A policy that is well-formed and that the broker cannot carry out is refused at reload as it is at the start."""
    path, err = f"{tmp}/q.yaml", f"{tmp}/err2"
    with open(path, "w") as f:
        f.write(HEAD % "q" + RULE % ("EVIL", "EPERM"))
    code = ("import socket,sys\na,b=socket.socketpair(socket.AF_UNIX,socket.SOCK_DGRAM)\nprint('up',flush=True)\nsys.stdin.readline()\n"
            "a.send(b'EVIL')\ntry: print(b.recv(9))\nexcept OSError as e: print(e.errno)\n")
    with open(err, "w") as e:
        p = subprocess.Popen([RG, "run", "-p", path, "--", sys.executable, "-u", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=e, text=True)
    p.stdout.readline()
    with open(path + ".new", "w") as f:
        f.write(HEAD % "q" + "    - {name: slow, when: duration > 1s, then: deny}\n")
    os.rename(path + ".new", path)
    said = wait_lines(err, "the old one stays", 1)
    out = p.communicate("go\n", timeout=20)[0]
    ok(said and "duration" in open(err).read() and out.strip() == "1", "a rule that cannot be carried out: refused, the old one stays",
       out + open(err).read())


try:
    under_load()
    unsuitable()
finally:
    shutil.rmtree(tmp)
print(f"1..{count}")
sys.exit(failed > 0)
