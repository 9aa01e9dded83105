#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""`recvguard run` in front of a command is as env(1) in front of it: terminal, job control, signals, status. And the
errors where it cannot work. TAP. usage: terminal.py RECVGUARD"""
import ctypes, errno, os, pty, re, select, shutil, signal, struct, subprocess, sys, tempfile, termios, time

RG = os.path.abspath(sys.argv[1])
count = failed = 0


def ok(good, name, why="", skip=""):
    global count, failed
    count += 1
    failed += not good
    print(f"{'' if good else 'not '}ok {count} - {name}" + (f" # SKIP {skip}" if skip else f": {why}" if why and not good else ""), flush=True)


class Shell:
    """An interactive shell on a terminal of its own."""

    def __init__(self):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(PS1="READY> ", PS2="", TERM="dumb", HISTFILE="/dev/null", LC_ALL="C")
            os.execvp("bash", ["bash", "--norc", "--noprofile", "--noediting", "-i"])
        self.text = ""
        self.wait("READY> ")

    def wait(self, what, seconds=30):
        """All text up to and with `what` (a regular expression) that has not been returned before."""
        end = time.time() + seconds
        while True:
            m = re.search(what, self.text)
            if m:
                got, self.text = self.text[:m.end()], self.text[m.end():]
                return got
            if time.time() > end or not select.select([self.fd], [], [], 1)[0] and time.time() > end:
                got, self.text = self.text, ""
                return got + f"<no {what}>"
            if select.select([self.fd], [], [], 0.1)[0]:
                try:
                    self.text += os.read(self.fd, 4096).decode(errors="replace")
                except OSError:
                    self.text += "<closed>"
                    end = 0

    def put(self, text):
        os.write(self.fd, text.encode())

    def do(self, line, what="READY> "):
        self.put(line + "\n")
        return self.wait(what)

    def close(self):
        os.close(self.fd)
        for _ in range(400):
            if os.waitpid(self.pid, os.WNOHANG)[0]:
                return
            time.sleep(0.05)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def clean(text):
    text = re.sub(r"(env --|[^\s(]+recvguard run -q --)", "W", text.replace("\r", ""))
    text = re.sub(r"\[\d+\]\S? +Killed .*\n", "", text)  # bash says so when it comes to it
    return re.sub(r"\[\d+\] \d+|/dev/pts/\d+", "~", text)


def until(shell, what, state=""):
    """Until the command `what` is the shell's foreground job, whoever it was started by; or its state has this letter."""
    for _ in range(600):
        out = subprocess.run(["ps", "-o", "pgid=,tpgid=,stat=,args=", "--ppid", str(shell.pid)], capture_output=True, text=True).stdout
        for pgid, tpgid, stat, args in (l.split(None, 3) for l in out.splitlines() if len(l.split(None, 3)) == 4):
            if what in args and not args.startswith("env ") and "recvguard" not in args and \
                    (state in stat if state else pgid == tpgid and "T" not in stat):
                return
        time.sleep(0.05)


def asleep(shell, what):
    """Until the command that was started sleeps in what was asked of it."""
    until(shell, what)
    time.sleep(0.1)


def session(w):
    """What a person sees who works with jobs that stand behind w."""
    s, seen = Shell(), []
    seen.append(s.do(f"{w} sh -c 'tty >/dev/null && echo terminal; stty size; test -t 0 -a -t 1 -a -t 2 && echo all three'"))
    s.put(f"{w} sh -c 'read x; echo \"got $x\"'\n")
    asleep(s, "read x")
    seen.append(s.do("a line"))
    for name, key in (("interrupt", "\x03"), ("quit", "\x1c")):
        s.put(f"{w} sleep 300\n")
        asleep(s, "sleep 300")
        s.put(key)
        s.wait("READY> ")
        seen.append(name + s.do("echo status $?", r"status \d+\s[\s\S]*READY> "))
    s.put(f"{w} sleep 301\n")
    asleep(s, "sleep 301")
    s.put("\x1a")
    seen.append(s.wait("READY> "))
    seen.append(s.do("jobs | sed 's/  *&*$//'"))
    seen.append(s.do("kill -CONT %1; bg >/dev/null 2>&1; jobs -r | wc -l"))
    s.put("fg\n")
    until(s, "sleep 301")  # a Ctrl-C before that would be the shell's, and nothing would end the job
    s.put("\x03")
    s.wait("READY> ")
    seen.append("after fg" + s.do("echo status $?", r"status \d+\s[\s\S]*READY> "))
    s.do(f"{w} cat &")
    until(s, "cat", "T")
    s.do("true")
    seen.append("background read" + s.do("jobs | grep -o 'Stopped'"))
    s.do("kill -9 %1; wait 2>/dev/null")
    seen.append(s.do(f"{w} sh -c 'trap \"echo changed; exit 4\" WINCH; echo now; while :; do sleep 0.1; done'", "now[\\s\\S]*now"))
    os.set_blocking(s.fd, True)
    import fcntl
    fcntl.ioctl(s.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    seen.append("window" + s.wait("READY> "))
    seen.append(s.do("echo status $?", r"status \d+\s[\s\S]*READY> "))
    seen.append(s.do(f"echo piped | {w} tr a-z A-Z | {w} cat; echo ${{PIPESTATUS[@]}}", r"\d+ \d+ \d+\s[\s\S]*READY> "))
    seen.append(s.do(f"({w} sh -c 'kill -TERM $$'); echo status $?", r"status \d+\s[\s\S]*READY> "))
    s.close()
    return [clean(x) for x in seen]


def jobs():
    if not shutil.which("bash") or not shutil.which("ps"):
        return ok(True, "job control", skip="no bash or ps")
    native, broker = session("env --"), session(f"{RG} run -q --")
    names = ["terminal and its size", "a line that is read", "Ctrl-C", "Ctrl-\\", "Ctrl-Z", "the stopped job", "bg", "fg and Ctrl-C",
             "a background job that reads stops", "starting", "window size changes", "its status", "pipes", "a signal's status"]
    for n, a, b in zip(names, native, broker):
        ok(a == b and "<no" not in a, f"as with env(1): {n}", f"{a!r} {b!r}")
    ok(len(native) == len(names), "every step was compared")


def hangup():
    """The terminal goes away: the command gets SIGHUP, and the supervisor ends with it."""
    d = tempfile.mkdtemp()
    pid, fd = pty.fork()
    if pid == 0:
        os.execv(RG, [RG, "run", "-q", "--pid-file", d + "/pid", "--", "sleep", "300"])
    for _ in range(400):
        if os.path.exists(d + "/pid") and os.path.getsize(d + "/pid"):
            break
        time.sleep(0.05)
    for _ in range(400):
        if open(f"/proc/{pid}/comm").read() == "sleep\n":
            break
        time.sleep(0.05)
    sup = int(open(d + "/pid").read())
    os.close(fd)
    status = os.waitpid(pid, 0)[1]
    for _ in range(400):
        if not os.path.exists(f"/proc/{sup}"):
            break
        time.sleep(0.05)
    ok(os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGHUP, "the terminal hangs up: SIGHUP", str(status))
    ok(not os.path.exists(f"/proc/{sup}"), "and the supervisor is gone")
    shutil.rmtree(d)


# Errors. A kernel that lacks something is made by a filter of our own: the call fails as it would there.
NR = {"seccomp": 317, "pidfd_open": 434, "pidfd_getfd": 438}


def without(nr, err, arg1_bit=0):
    """Runs in the child before exec: calls of number nr (with the bit in the second argument) fail."""
    def ins(code, k, jt=0, jf=0):
        return struct.pack("HBBI", code, jt, jf, k)
    prog = ins(0x20, 0) + (ins(0x15, nr, 0, 3 if arg1_bit else 1))
    if arg1_bit:
        prog += ins(0x20, 24) + ins(0x45, arg1_bit, 0, 1)
    prog += ins(0x06, 0x50000 | err) + ins(0x06, 0x7fff0000)
    buf = ctypes.create_string_buffer(prog)
    fprog = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(prog) // 8, ctypes.addressof(buf)))

    def apply():
        libc, kept = ctypes.CDLL(None), buf
        libc.prctl(38, 1, 0, 0, 0)
        if libc.prctl(22, 2, fprog, 0, 0):
            os._exit(99)
    return apply


def errors():
    for name, apply, words in (
            ("a kernel before 5.19", without(NR["seccomp"], errno.EINVAL, 0x20), ("WAIT_KILLABLE_RECV", "5.19")),
            ("no seccomp", without(NR["seccomp"], errno.ENOSYS), ("no seccomp filters",)),
            ("no pidfd_getfd", without(NR["pidfd_getfd"], errno.ENOSYS), ("pidfd_getfd", "5.6")),
            ("ptrace forbidden (Yama)", without(NR["pidfd_getfd"], errno.EPERM), ("ptrace_scope",)),
            ("a listener above", without(NR["seccomp"], errno.EBUSY, 8), ("already under a seccomp supervisor",))):
        r = subprocess.run([RG, "run", "-q", "--", "echo", "ran"], capture_output=True, text=True, preexec_fn=apply, timeout=30)
        ok(r.returncode == 125 and not r.stdout and all(w in r.stderr for w in words) and r.stderr.count("\n") <= 2,
           f"clear error: {name}", f"{r.returncode} {r.stdout} {r.stderr}")
    if os.geteuid() or not shutil.which("setpriv"):
        return ok(True, "set-user-id", skip="not root, or no setpriv")
    d = tempfile.mkdtemp()
    os.chmod(d, 0o755)
    shutil.copy(RG, d + "/rg")
    shutil.copy("/usr/bin/id", d + "/id")
    os.chmod(d + "/id", 0o4755)
    user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    env = dict(os.environ, PATH=d + ":" + os.environ["PATH"])
    r = subprocess.run([*user, d + "/rg", "run", "--", "id", "-u"], capture_output=True, text=True, env=env)
    ok(r.stdout == "65534\n" and "set-user-id" in r.stderr and "no effect" in r.stderr, "a set-user-id program: it is said that this has no effect", r.stdout + r.stderr)
    shutil.rmtree(d)


jobs()
hangup()
errors()
print(f"1..{count}")
sys.exit(failed > 0)
