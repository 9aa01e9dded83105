# SPDX-License-Identifier: BSD-2-Clause
"""recvguard trace as a command: exit statuses, signals, outputs that fail, terminals, options that select nothing.

usage: trace_cli.py RECVGUARD
"""
import atexit
import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from tap import check, done, run, skip

program = sys.argv[1]
RECEIVE = "import socket; a,b=socket.socketpair(); a.send(b'hello'); b.recv(9)"
PY = [sys.executable, "-c"]
if os.geteuid() != 0:
    skip("all", "tracing needs root")
    done()

tmp = tempfile.mkdtemp(prefix="rg-cli-")
started = []


@atexit.register
def clean_up():
    for p in started:
        if p.poll() is None:
            p.kill()
    shutil.rmtree(tmp, ignore_errors=True)


def start(*argv, **kw):
    started.append(subprocess.Popen(argv, **kw))
    return started[-1]


def start_trace(*args, **kw):
    """A trace that has said that it is attached; what it said before is in .said."""
    p = start(program, "trace", *args, stderr=subprocess.PIPE, text=True, **kw)
    p.said = p.stderr.readline()
    return p



def path(name):
    return os.path.join(tmp, name)


def trace(*args, **kw):
    return run(program, "trace", *args, **kw)


def lines(name):
    return [json.loads(l) for l in open(path(name), encoding="utf-8")]


# ---- the command's own status ----
for want, code in ((0, "pass"), (7, "raise SystemExit(7)"), (128 + 9, "import os; os.kill(os.getpid(), 9)"),
                   (128 + 15, "import os; os.kill(os.getpid(), 15)")):
    got, out, err = trace("--quiet", "-o", f"json={path('s.json')}", "--", *PY, code)
    check(f"the command's status {want} is passed on, nothing is said with --quiet", got == want and not err and not out,
          (got, out, err))
got, out, err = trace("--", "/nonexistent/command")
check("a missing command: 127, and said once", got == 127 and err.count("nonexistent") == 1, (got, err))
open(path("noexec"), "w").write("text")
got, out, err = trace("--", path("noexec"))
check("a file that cannot be executed: 126", got == 126 and "noexec" in err, (got, err))
got, out, err = trace("--quiet", "--", *PY, "import signal,sys; sys.exit(0 if signal.getsignal(signal.SIGPIPE) in "
                      "(signal.SIG_IGN, signal.SIG_DFL) and not signal.pthread_sigmask(signal.SIG_BLOCK, []) else 1)")
check("the command starts with default signals and an empty mask", got == 0, (got, err))
got, out, err = trace("--quiet", "-o", f"json={path('s.json')}", "--", "sh", "-c", "ls -l /proc/$$/fd | grep -c bpf")
check("the command inherits nothing of the tracer", out.strip() == "0", out)

# ---- notes and summary ----
got, out, err = trace("-o", f"json={path('n.json')}", "--", *PY, RECEIVE)
events = lines("n.json")
check("the tier is named at the start", re.search(r"^recvguard: tier \w+", err, re.M), err)
m = re.search(r"^recvguard: (\d+) messages?(?: \((\d+) shown\))?, (\d+) bytes, (\d+) peeks, (\d+) errors; nothing lost$", err, re.M)
check("the summary counts what was written", m and int(m[1]) == len(events)
      and int(m[3]) == sum(e["ret"] for e in events if e["ret"] > 0 and not e.get("peek")), (err, len(events)))
check("the message is there, with its payload", any(e.get("ret") == 5 for e in events), events)
check("standard output belongs to the command when files are given", out == "", out)
SAYS = RECEIVE + "; print('said')"
for args in (["-o", "json"], ["-o", "json=-", "-o", f"text={path('d.txt')}"]):
    got, out, err = trace(*args, "--", *PY, SAYS)
    shown = [json.loads(l) for l in out.splitlines() if l.startswith("{")]
    check(f"{args[0]} {args[1]}: nothing but data on standard output, what the command says on standard error",
          got == 0 and shown and len(shown) == len(out.splitlines()) and "said" in err.splitlines(), (out, err))
got, out, err = trace("--", *PY, SAYS)
check("text: both on standard output", got == 0 and "said" in out.splitlines() and "said" not in err.splitlines(), (out, err))
got, out, err = run(program, "run", "--all", "-o", "json", "--", *PY, SAYS)
check("run -o json: the same", got == 0 and [json.loads(l) for l in out.splitlines()] and "said" in err.splitlines(), (out, err))

# ---- several outputs ----
got, out, err = trace("-o", "text", "-o", f"json={path('a.json')}", "-o", f"text={path('b.txt')}", "--", *PY, RECEIVE)
check("several outputs get the same messages", got == 0 and len(lines("a.json")) >= 1
      and len([l for l in open(path("b.txt")) if re.match(r"\d\d:\d\d:\d\d", l)]) == len(lines("a.json")), (out, err))
check("output files are for their owner only", all(os.stat(path(f)).st_mode & 0o777 == 0o600 for f in ("a.json", "b.txt")))
check("no colour but on a terminal", "\033" not in out and "\033" not in open(path("b.txt")).read())
got, out, err = trace("-o", "json", "-o", "text", "--", "true")
check("two formats for standard output are refused", got != 0 and err.count("\n") == 1 and "standard output" in err, err)

# ---- bad command lines: one line, 2 ----
for args, says in ((["--snaplne", "3"], "--snaplen"), (["--snaplen", "much"], "--snaplen much"),
                   (["--tier", "best"], "trampoline"), (["-o", "jsn"], "'json'"), (["-o", "json="], "file name"),
                   (["--family", "unics"], "expected one of"), (["--uid", "nobody-at-all"], "no user"),
                   (["--direction", "up"], "recv, send, both"), (["--fd", "3"], "--pid"), (["--pid", "x"], "a number"),
                   (["ls"], "after --"), (["--"], "no command"), (["--count"], "needs an argument"),
                   (["--ring", "8GiB"], "at most")):
    got, out, err = trace(*args)
    check(f"{' '.join(args)}: one line, status 2", got == 2 and err.count("\n") == 1 and says in err and not out, (got, err))
for args, says in ((["--socket", "nonsense"], "--socket"), (["--cgroup", "/no/such/group"], "--cgroup"),
                   (["--exe", "/no/such/file"], "--exe"), (["--container", "abc"], "--container"),
                   (["-o", "json=/no/such/folder/x"], "/no/such/folder/x")):
    got, out, err = trace("--quiet", *args, "--timeout", "1s")
    check(f"{' '.join(args)}: one line, status not 0", got in (1, 2) and err.count("\n") == 1 and says in err, (got, err))
got, out, err = trace("--filter", "sock.famly == unix", "--", "true")
if "built without expressions" in err:
    skip("a mistake in a filter", "expressions are not built in yet")
else:
    check("a mistake in a filter is shown where it is, status 2", got == 2 and "famly" in err and "^" in err, (got, err))
    got, out, err = trace("--filter", "msg.size == 5", "-o", f"json={path('f.json')}", "--", *PY, RECEIVE +
                          "; a.send(b'x'); b.recv(9)")
    check("a filter selects, and the summary says how many were shown",
          [e["ret"] for e in lines("f.json")] == [5] and "(1 shown)" in err, (err, lines("f.json")))

# ---- outputs that fail ----
got, out, err = trace("-o", "json=/dev/full", "--snaplen", "all", "--", *PY,
                      "import socket; a,b=socket.socketpair()\nfor i in range(2000): a.send(b'x'*500); b.recv(999)")
check("a full disk: said once, status 1", got == 1 and err.count("No space left") == 1, (got, err))
p = start(program, "trace", "-o", "json", "--", *PY,
                      "import socket,time; a,b=socket.socketpair()\nfor i in range(400): a.send(b'x'*500); b.recv(999); time.sleep(.005)",
          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
first = p.stdout.readline()
p.stdout.close()
err = p.stderr.read()
code = p.wait(30)
check("a reader that goes away: one line, status 1", code == 1 and json.loads(first) and "gone" in err, (code, err))

# ---- selection by process, and signals ----
child = start(*PY, "import socket,time; a,b=socket.socketpair()\nwhile 1: a.send(b'tick'); b.recv(9); time.sleep(.02)",
              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def traced(name, *args, sig=signal.SIGINT):
    p = start_trace("-o", f"json={path(name)}", *args, stdout=subprocess.DEVNULL)
    time.sleep(0.7)
    p.send_signal(sig)
    _, err = p.communicate(timeout=20)
    return p.returncode, p.said, err


for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    code, out, err = traced("sig.json", "-p", str(child.pid), sig=sig)
    got = lines("sig.json")
    check(f"{sig.name} ends the trace of a process cleanly with a summary",
          code == 0 and "nothing lost" in err and got and {e["proc"]["pid"] for e in got} == {child.pid}, (code, err, got[:1]))
code, out, err = trace("-p", str(child.pid), "--count", "3", "-o", f"json={path('c.json')}")
check("--count stops after so many", code == 0 and len(lines("c.json")) == 3, err)
began = time.monotonic()
code, out, err = trace("-p", str(child.pid), "--timeout", "500ms", "-o", f"json={path('t.json')}")
check("--timeout stops after so long", code == 0 and lines("t.json") and time.monotonic() - began < 20, err)
code, out, err = trace("-p", str(child.pid), "--family", "inet", "--timeout", "700ms", "-o", f"json={path('i.json')}")
check("kinds of selection are both required", code == 0 and not lines("i.json"), lines("i.json")[:1])
code, out, err = trace("--quiet", "-p", str(child.pid), "--snaplen", "0", "--count", "1", "-o", f"json={path('z.json')}")
data = lines("z.json")[0]["msg"]
check("--snaplen 0 keeps no payload and the size", data.get("size") == 4 and not data.get("data"), data)
code, out, err = trace("--quiet", "-p", str(child.pid), "--no-enrich", "--count", "1", "-o", f"json={path('e.json')}")
event = lines("e.json")[0]
check("--no-enrich leaves out what is not the kernel's", not {"user", "cgroup"} & set(event["proc"]) and event["proc"]["pid"] == child.pid, event)
code, out, err = trace("--quiet", "-p", str(child.pid), "--count", "1", "-o", f"json={path('e.json')}")
event = lines("e.json")[0]
check("exe and user are found", event["proc"].get("exe") == os.path.realpath(f"/proc/{child.pid}/exe")
      and event["proc"].get("user") == "root", event["proc"])
check("what was read later says so", all("LATE" in event["tags"].get(f, "") for f in ("proc.user", "proc.cgroup", "sender.exe")),
      event["tags"])
check("the sender is found too", event.get("sender", {}).get("exe") == event["proc"]["exe"], event.get("sender"))

p = start_trace("-o", f"json={path('r.json')}", "--", "sleep", "8", stdout=subprocess.DEVNULL)
time.sleep(0.5)
p.send_signal(signal.SIGINT)
_, err = p.communicate(timeout=20)
check("a command that goes on is left alone, and that is said", p.returncode == 130 and "still running" in err, (p.returncode, err))
p = start_trace("-o", f"json={path('r.json')}", "--", *PY, RECEIVE + "; import time; time.sleep(30)",
                stdout=subprocess.DEVNULL, start_new_session=True)
time.sleep(1.5)
os.killpg(p.pid, signal.SIGINT)
_, err = p.communicate(timeout=20)
check("^C reaches both: the command's status counts, nothing is lost of the end",
      p.returncode in (1, 130) and "still running" not in err and any(e["ret"] == 5 for e in lines("r.json")), (p.returncode, err))

# ---- a terminal ----
def on_terminal(env, *args):
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(program, [program, "trace", *args], env)
    out = b""
    while True:
        r, _, _ = select.select([fd], [], [], 15)
        try:
            piece = os.read(fd, 65536) if r else b""
        except OSError:
            piece = b""
        if not piece:
            break
        out += piece
    os.waitpid(pid, 0)
    os.close(fd)
    return out.decode("utf-8", "replace")


plain = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
args = ["-p", str(child.pid), "--count", "2"]
check("colour on a terminal", "\033[" in on_terminal(dict(plain, TERM="xterm"), *args))
check("NO_COLOR is obeyed", "\033" not in on_terminal(dict(plain, TERM="xterm", NO_COLOR="1"), *args))
check("a dumb terminal gets none", "\033" not in on_terminal(dict(plain, TERM="dumb"), *args))

# ---- nothing hostile reaches the terminal ----
evil = "import socket; a,b=socket.socketpair(); a.send(b'\\x1b]0;owned\\x07\\x9b31m\\r\\nok'); b.recv(99)"
got, out, err = trace("--quiet", "--", *PY, evil)
check("received bytes are escaped", not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", out) and "owned" in out, repr(out))

# ---- privileges and missing features ----
if shutil.which("setpriv"):
    shutil.copy(program, path("recvguard"))
    os.chmod(tmp, 0o755)
    os.chmod(path("recvguard"), 0o755)
    got, out, err = run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all",
                        path("recvguard"), "trace", "--", "true", cwd="/")
    check("without privileges: one line that says what to do", got == 1 and err.count("\n") == 1 and "root" in err, (got, err))
else:
    skip("without privileges", "no setpriv")
got, out, err = trace("--tier", "trampoline", "--", "true")
if got == 0:
    skip("a tier that this kernel lacks", "this kernel has all tiers")
else:
    check("a forced tier that this kernel lacks: one line with the reason",
          got == 1 and err.count("\n") == 1 and "trampoline" in err, (got, err))
done()
