#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What `recvguard run` must not change, and what it must: TAP.

usage: run.py RECVGUARD SEMANTICS64 SEMANTICS32|none PATHS NAMESPACES SOCKETS
Real programs: programs.py.
"""
import ctypes, difflib, os, re, resource, shutil, signal, socket, struct, subprocess, sys, tempfile, time

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import elf32

RG, SEM64, SEM32, PATHS, NAMESPACES, SOCKETS = sys.argv[1:7]
count = failed = 0
tmp = tempfile.mkdtemp(prefix="rg-transparency-")
PATHS_TRIED = 80
EVIL = """apiVersion: recvguard/v1
kind: Policy
metadata: {name: evil}
spec:
  default: allow
  rules:
    - {name: no evil, when: 'msg.data contains "EVIL"', then: deny EMSGSIZE}
"""


def ok(good, name, why=""):
    global count, failed
    count += 1
    failed += not good
    print(f"{'' if good else 'not '}ok {count} - {name}" + (f": {why}" if why and not good else ""), flush=True)


def skip(name, why):
    global count
    count += 1
    print(f"ok {count} - {name} # SKIP {why}", flush=True)


def sh(argv, **kw):
    kw.setdefault("timeout", 60)
    kw.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run(argv, capture_output=True, text=True, **kw)


def policy(text, name="p.yaml"):
    path = os.path.join(tmp, name)
    with open(path, "w") as f:
        f.write(text)
    return path


def same(name, prog, least=100):
    native, broker = sh([prog]), sh([RG, "run", "-q", "--", prog])
    diff = list(difflib.unified_diff(native.stdout.splitlines(), broker.stdout.splitlines(), "native", "broker", n=0, lineterm=""))
    ok(not diff and native.stdout.count("\n") > least and native.returncode == broker.returncode == 0,
       f"{name}: {native.stdout.count(chr(10))} lines of behaviour are the same", " | ".join(diff[:12]))


def closed():
    p = policy(EVIL)
    out = sh([RG, "run", "-q", "-p", p, "--", PATHS]).stdout
    for m in re.finditer(r"^(not )?ok \d+ - (.*)$", out, re.M):
        ok(not m.group(1), "path " + m.group(2))
    ok(len(re.findall(r"^(?:not )?ok", out, re.M)) == PATHS_TRIED, f"all {PATHS_TRIED} paths were tried")


def uring():
    """A descriptor of a ring whose thread in the kernel would go on receiving (IORING_SETUP_SQPOLL), or None."""
    params = bytearray(120)
    struct.pack_into("I", params, 8, 2)
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.syscall(425, 4, (ctypes.c_char * 120).from_buffer(params))
    return fd if fd >= 0 else None


def packet_ring():
    """A packet socket whose packets could be read by mmap; None where that is not allowed."""
    try:
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        s.setsockopt(263, 5, struct.pack("IIII", 4096, 1, 2048, 2))
        return s
    except OSError:
        return None


def inherited():
    """What receives without a call is not handed to the program; sockets are, and are checked."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    high = min(hard, 4096) - 1
    resource.setrlimit(resource.RLIMIT_NOFILE, (high + 1, hard))
    show = [sys.executable, "-c", "import os\nfor f in sorted(map(int,os.listdir('/proc/self/fd'))):\n"
            " try: print(f, os.readlink('/proc/self/fd/%d'%f))\n except OSError: pass\n"]
    ring, name = uring(), "rings that are open at the start are closed, and it is said"
    if ring is None:
        skip(name, "no io_uring here (kernel.io_uring_disabled?)")
    else:
        os.dup2(ring, high)
        n, r = sh(show, pass_fds=(ring, high)), sh([RG, "run", "--", *show], pass_fds=(ring, high))
        os.close(ring)
        os.close(high)
        ok(n.stdout.count("io_uring") == 2 and "io_uring" not in r.stdout and r.stderr.count("an io_uring ring, is closed") == 2
           and f"descriptor {high}," in r.stderr, name, n.stdout + r.stdout + r.stderr)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    ring, name = packet_ring(), "a packet socket with a ring: closed at the start, not handed on in a message"
    if ring is None:
        skip(name, "packet sockets are not allowed here")
    else:
        plain = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        for f in (ring, plain):
            socket.send_fds(a, [b"m"], [f.fileno()])
        code = ("import os,socket,sys\nfor n in (%d,%d):\n try: os.fstat(n); print('open')\n"
                " except OSError: print('closed')\ns=socket.socket(fileno=%d)\nfor i in range(2):\n d,f,l,a=socket.recv_fds(s,9,4)\n"
                " print(d,len(f),bool(l&socket.MSG_CTRUNC))\n" % (ring.fileno(), plain.fileno(), b.fileno()))
        r = sh([RG, "run", "--", sys.executable, "-c", code], pass_fds=(b.fileno(), ring.fileno(), plain.fileno()))
        ok(r.stdout == "closed\nopen\nb'm' 0 True\nb'm' 1 False\n" and "was sent a packet socket with a ring" in r.stderr, name,
           r.stdout + r.stderr)
    a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    a.send(b"EVIL")
    a.send(b"GOOD")
    code = "import os\nfor i in range(2):\n try: print(os.read(%d,9))\n except OSError as e: print(e.errno)\n" % b.fileno()
    r = sh([RG, "run", "-q", "-p", policy(EVIL), "--", sys.executable, "-c", code], pass_fds=(b.fileno(),))
    ok(r.stdout == "90\nb'GOOD'\n", "an inherited socket is checked as any other", r.stdout + r.stderr)


def statuses():
    for cmd, want in ((["true"], 0), (["sh", "-c", "exit 42"], 42), (["sh", "-c", "kill -SEGV $$"], -signal.SIGSEGV),
                      (["sh", "-c", "kill -TERM $$"], -signal.SIGTERM), (["/nonexistent"], 127), (["/etc/passwd"], 126)):
        r = sh([RG, "run", "-q", "--", *cmd])
        ok(r.returncode == want, f"status of {' '.join(cmd)} is {want}", f"{r.returncode} {r.stderr}")
    r = sh([RG, "run", "-q", "--", "sh", "-c", "echo $$; exec cat"], stdin=None, input="through\n")
    p = subprocess.Popen([RG, "run", "-q", "--", "sh", "-c", "echo $$"], stdout=subprocess.PIPE, text=True)
    ok(p.communicate()[0].strip() == str(p.pid), "the command has the pid that recvguard was started with")
    ok(r.stdout.endswith("through\n"), "standard input and output pass through")
    r = sh([RG, "run", "-q", "-p", policy("nonsense: ["), "--", "true"])
    ok(r.returncode == 125 and "p.yaml" in r.stderr, "a bad policy starts nothing and is named", r.stderr)
    r = sh([RG, "run", "-q", "--", RG, "run", "-q", "--", "true"])
    ok(r.returncode == 125 and "already under" in r.stderr, "a supervisor inside a supervisor is refused with the reason", r.stderr)


def unprivileged():
    if os.geteuid() or not shutil.which("setpriv"):
        skip("as an unprivileged user", "not root, or no setpriv")
        return
    pub = tempfile.mkdtemp(prefix="rg-unprivileged-")
    os.chmod(pub, 0o755)
    for f in (RG, PATHS, SEM64):
        shutil.copy(f, pub)
    with open(os.path.join(pub, "p.yaml"), "w") as f:
        f.write(EVIL)
    user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"]
    rg, sem, paths = (os.path.join(pub, os.path.basename(f)) for f in (RG, SEM64, PATHS))
    r = sh([*user, rg, "run", "-q", "-p", pub + "/p.yaml", "--", paths])
    ok("not ok" not in r.stdout and r.stdout.count("ok ") == PATHS_TRIED, "all paths as nobody, without any privilege", r.stdout + r.stderr)
    r, n = sh([*user, rg, "run", "-q", "--", sem]), sh([*user, sem])
    ok(r.stdout == n.stdout and r.returncode == 0, "the same behaviour as nobody")
    code = ("import ctypes,os,socket;ctypes.CDLL(None).prctl(4,0,0,0,0);a,b=socket.socketpair();a.send(b'x');print(b.recv(9));"
            "\ndef name(p):\n try: return open('/proc/'+p+'/comm').read()\n except OSError: return ''\n"
            "print([p for p in os.listdir('/proc') if p.isdigit() and name(p)=='recvguard\\n' and os.access('/proc/'+p+'/mem',os.W_OK)])")
    py = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable
    r = sh([*user, rg, "run", "-q", "--", py, "-c", code])
    ok(r.stdout == "b'x'\n[]\n", "PR_SET_DUMPABLE 0 does not cut the program off; the supervisor's memory is closed to it", r.stdout + r.stderr)
    shutil.rmtree(pub)


def dies():
    """kill -9 of the supervisor: the program fails closed."""
    code = ("import socket,sys,os,time\n"
            "a,b=socket.socketpair(socket.AF_UNIX,socket.SOCK_DGRAM)\n"
            "a.send(b'secret')\n"
            "os.kill(int(open(sys.argv[1]).read()),9)\n"
            "time.sleep(0.2)\n"
            "try: print('got',b.recv(9))\n"
            "except OSError as e: print('errno',e.errno)\n")
    pidfile = os.path.join(tmp, "pid")
    r = sh([RG, "run", "-q", "--pid-file", pidfile, "--", sys.executable, "-c", code, pidfile])
    ok(r.stdout == "errno 38\n", "kill -9 of the supervisor: ENOSYS, not one byte", r.stdout + r.stderr)


def said(path, what, seconds=30):
    end = time.time() + seconds
    while what not in open(path).read() and time.time() < end:
        time.sleep(0.02)


def reload():
    p, pidfile = policy(EVIL, "r.yaml"), os.path.join(tmp, "pid2")
    code = ("import socket,sys\na,b=socket.socketpair(socket.AF_UNIX,socket.SOCK_DGRAM)\n"
            "def t():\n a.send(b'EVIL')\n try: return b.recv(9)\n except OSError as e: return e.errno\n"
            "for l in sys.stdin:\n print(t(),flush=True)\n")
    errfile = os.path.join(tmp, "err")
    with open(errfile, "w") as e:
        q = subprocess.Popen([RG, "run", "-p", p, "--pid-file", pidfile, "--", sys.executable, "-u", "-c", code], text=True,
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=e)

    def ask():
        q.stdin.write("x\n")
        q.stdin.flush()
        return q.stdout.readline().strip()

    first = ask()
    pid = int(open(pidfile).read())
    os.kill(pid, signal.SIGHUP)  # unchanged
    said(errfile, "SIGHUP: policy loaded")
    again = ask()
    tmpfile = p + ".new"
    with open(tmpfile, "w") as f:
        f.write(EVIL.replace("EMSGSIZE", "EPERM"))
    os.rename(tmpfile, p)
    said(errfile, "policy changed: policy loaded")
    changed = ask()
    with open(p, "w") as f:
        f.write("broken: [")
    said(errfile, "the old one stays")
    kept = ask()
    q.stdin.close()
    q.wait(60)
    err = open(errfile).read()
    ok((first, again) == ("90", "90"), "SIGHUP loads the policy anew", f"{first} {again}")
    ok(changed == "1", "a changed file is followed", changed)
    ok(kept == "1" and "the old one stays" in err, "a wrong policy is refused, and the old one stays", f"{kept} {err}")


def many():
    """Blocked receives: none holds another; beyond the bound there is an error, not a hang."""
    code = ("import socket,threading,sys\nn=int(sys.argv[1])\nr=[]\ndef w(s):\n try: r.append(s.recv(9))\n except OSError as e: r.append(e.errno)\n"
            "p=[socket.socketpair() for _ in range(n)]\nt=[threading.Thread(target=w,args=(b,)) for a,b in p]\n[x.start() for x in t]\n"
            "import time;end=time.time()+30\nwhile len(r)<n-int(sys.argv[2]) and time.time()<end: time.sleep(0.01)\ntime.sleep(0.5)\n[a.send(b'x') for a,b in reversed(p)]\n[x.join(20) for x in t]\nprint(r.count(b'x'),r.count(105))\n")
    r = sh([RG, "run", "-q", "--", sys.executable, "-c", code, "200", "200"])
    ok(r.stdout == "200 0\n", "200 receives wait at a time and all are served, last come first", r.stdout + r.stderr)
    r = sh([RG, "run", "--max-blocked", "50", "--", sys.executable, "-c", code, "60", "50"])
    got, refused = map(int, r.stdout.split()) if r.stdout else (0, 0)
    ok(got + refused == 60 and got >= 50 and "--max-blocked" in r.stderr, "beyond --max-blocked: ENOBUFS and a notice", r.stdout + r.stderr)


def many_reads():
    """Reads of pipes that block, in a process with threads: 256 at a time, then an error; the others are served."""
    code = ("import os,threading,time\nr=[]\ndef w(f):\n try: r.append(os.read(f,9))\n except OSError as e: r.append(e.errno)\n"
            "p=[os.pipe() for _ in range(280)]\nt=[threading.Thread(target=w,args=(a,)) for a,b in p]\n[x.start() for x in t]\nend=time.time()+30\n"
            "while len(r)<24 and time.time()<end: time.sleep(0.01)\nearly=len(r)\n[os.write(b,b'x') for a,b in p]\n[x.join(30) for x in t]\n"
            "print(early,r.count(b'x'),r.count(105))\n")
    r = sh([RG, "run", "--", sys.executable, "-c", code])
    ok(r.stdout == "24 256 24\n" and "more than 256 reads" in r.stderr, "280 reads block: 256 wait and are served, 24 fail with ENOBUFS and a notice",
       r.stdout + r.stderr[-600:])


def killed():
    """A killed receiver leaves nothing behind: its port is free at once, its peer sees the end."""
    code = ("import os,signal,socket,time\nfree=0\nfor i in range(20):\n s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM);s.bind(('127.0.0.1',0));"
            "port=s.getsockname()[1];p=os.fork()\n if p==0: s.recv(9)\n s.close();time.sleep(0.02);os.kill(p,9);os.waitpid(p,0);end=time.time()+20\n"
            " while time.time()<end:\n  t=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)\n  try: t.bind(('127.0.0.1',port));free+=1;break\n"
            "  except OSError: time.sleep(0.005)\n  finally: t.close()\nprint(free)\n")
    r = sh([RG, "run", "-q", "--", sys.executable, "-c", code])
    ok(r.stdout == "20\n", "a receiver killed while it waits: its port becomes free", r.stdout + r.stderr)


def learn():
    """The policy that one run teaches admits the next, and refuses what was never seen."""
    p = os.path.join(tmp, "learnt.yaml")
    code = ("import socket,sys\na,b=socket.socketpair(socket.AF_UNIX,socket.SOCK_DGRAM)\na.send(b'x'*int(sys.argv[1]))\n"
            "try: print(len(b.recv(9999)))\nexcept OSError as e: print('errno',e.errno)\n")
    cmd = [sys.executable, "-c", code]
    r = sh([RG, "learn", "-w", p, "--", *cmd, "100"])
    text = open(p).read() if os.path.exists(p) else ""
    ok(r.returncode == 0 and "msg.size <= 128" in text, "learn writes the policy before it returns", r.stderr + text)
    r = sh([RG, "run", "-q", "-p", p, "--", *cmd, "100"])
    ok(r.stdout == "100\n", "the program runs under what was learnt", r.stdout + r.stderr)
    r = sh([RG, "run", "-q", "-p", p, "--", *cmd, "1000"])
    ok(r.stdout.startswith("errno"), "what was never seen is refused", r.stdout + r.stderr)


try:
    learn()
    same("x86-64", SEM64)
    no32 = "no 32-bit compiler (gcc-multilib)" if SEM32 == "none" else elf32.refused(SEM32)
    if no32:
        skip("i386", no32)
    else:
        same("i386", SEM32)
    same("namespaces, tables, many processes", NAMESPACES, 40)
    same("TCP and UDP", SOCKETS, 50)
    closed()
    inherited()
    statuses()
    unprivileged()
    dies()
    reload()
    many()
    many_reads()
    killed()
finally:
    shutil.rmtree(tmp)
print(f"1..{count}")
sys.exit(failed > 0)
