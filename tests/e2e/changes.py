#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Who is selected changes while it is traced: name, user, executable, control group, children. What is received shows exactly
from and until the change, whatever the kernel side remembers of the thread. usage: changes.py RECVGUARD SHIFTER"""
import json, os, shutil, signal, subprocess, sys, tempfile, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tap

recvguard, shifter = sys.argv[1:3]


class Shifter:
    """A program that changes when it is told to (prog/shifter.c)."""

    def __init__(self, run, exe):
        self.run = run
        self.p = subprocess.Popen([exe], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.pid = int(self.p.stdout.readline())

    def do(self, command):
        """Carried out; the number of the process that answers."""
        self.p.stdin.write(command.encode() + b"\n")
        self.p.stdin.flush()
        line = self.p.stdout.readline()
        if not line:
            raise RuntimeError(f"{command}: the program ended")
        return int(line)

    def yes(self, what):
        self.run.want.append(f"yes, {what}")
        self.do(f"say yes, {what}")

    def no(self, what):
        self.do(f"say no, {what}")

    def end(self):
        self.p.stdin.close()
        self.p.stdout.read()  # until the last of them has ended
        self.p.wait()


class Run:
    """One trace, and the shifters it may see."""

    def __init__(self, folder):
        self.folder, self.want, self.lost, self.shifters, self.p = folder, [], [], [], None

    def shifter(self, exe=shifter):
        self.shifters.append(Shifter(self, exe))
        return self.shifters[-1]

    def trace(self, *args, **env):
        self.out, err = os.path.join(self.folder, "ev.json"), os.path.join(self.folder, "err")
        if os.path.exists(self.out):
            os.unlink(self.out)
        with open(err, "w") as e:
            self.p = subprocess.Popen([recvguard, "trace", "-o", f"json={self.out}", *args], stderr=e, stdin=subprocess.DEVNULL,
                                      stdout=subprocess.DEVNULL, env=dict(os.environ, **env))
        for _ in range(600):  # the notes come once it is attached
            if "tier" in open(err).read() or self.p.poll() is not None:
                break
            time.sleep(0.05)
        time.sleep(0.1)
        if self.p.poll() is not None:
            raise RuntimeError(open(err).read())

    def shown(self):
        """Ends the trace: the texts received, as they were told."""
        time.sleep(0.1)
        self.p.send_signal(signal.SIGINT)
        self.p.wait(30)
        events = [json.loads(line) for line in open(self.out)]
        lost = [e for e in events if e["event"] == "lost"]
        told = [(e["lost"]["reason"], e["proc"]["pid"]) for e in lost]
        if told != self.lost:
            raise RuntimeError(f"lost: {lost}, must be {self.lost}")
        texts = [e.get("msg", {}).get("data", "") for e in events if e["event"].startswith("recv")]
        return [t for t in texts if t.startswith(("yes, ", "no, "))]

    def close(self):
        if self.p and self.p.poll() is None:
            self.p.kill()
            self.p.wait()
        for s in self.shifters:
            try:
                s.end()
            except BrokenPipeError:
                pass


def comm(run, *args):
    s = run.shifter()
    run.trace(*args)
    s.no("its first name")
    s.do("comm wanted")
    s.yes("named so")
    s.yes("once more")
    s.do("comm wanted-not")
    s.no("named otherwise")
    s.do("comm wanted")
    s.yes("named so again")
    s.do("thread")
    s.yes("a thread, named as its maker")
    s.do("comm other")
    s.no("the thread has another name")
    s.do("end")
    s.yes("the maker keeps his")
    s.do("comm other")
    s.do("thread")
    s.no("a thread of one that is not named so")
    s.do("comm wanted")
    s.yes("the thread alone is named so")
    s.do("end")
    s.no("not its maker")
    s.do("comm wanted")
    s.do("thread")
    s.do("rename renamed")
    s.yes("who renames the first thread")
    s.do("end")
    s.no("the first thread, renamed by another")
    s.do("comm wanted")
    s.do(f"exec {shifter}")
    s.no("named as its program after exec")


def user(run, *args):
    s = run.shifter()
    run.trace(*args)
    s.no("as root")
    s.do("uid 65534")
    s.yes("as another user")
    s.do("uid 0")
    s.no("as root again")
    s.do("thread")
    s.do("uid 65534")
    s.yes("one thread alone is another user")
    s.do("end")
    s.no("the other thread is not")
    s.do("fork")
    s.do("uid 65534")
    s.yes("a child as another user")
    s.do("fork")
    s.yes("its child, the same user")
    s.do("uid 0")
    s.no("who becomes root again")
    s.do("end")
    s.do("end")
    s.no("the parent is root")


def executable(run, *args):
    copy = os.path.join(run.folder, "shifter-copy")
    s = run.shifter()
    run.trace(*args)
    s.no("another file")
    s.do("fork")
    s.do(f"exec {copy}")
    s.yes("a child after exec of the file")
    s.do("thread")
    s.yes("a thread")
    s.do(f"exec {shifter}")
    s.no("the thread becomes another file")
    s.do(f"exec {copy}")
    s.yes("and the first again")
    s.do("end")
    s.no("the parent")
    s.do(f"exec {copy}")
    s.yes("the parent after exec")
    s.do("comm elsewise")
    s.yes("its name doesn't matter")
    s.do(f"exec {shifter}")
    s.no("back")


def group(run, folder, home):
    def move(pid, to):
        with open(os.path.join(to, "cgroup.procs"), "w") as f:
            f.write(str(pid))

    s = run.shifter()
    below = os.path.join(folder, "below")
    try:
        run.trace("--cgroup", folder)
        s.no("elsewhere")
        move(s.pid, folder)
        s.yes("moved in")
        move(s.pid, below)
        s.yes("moved below it")
        child = s.do("fork")
        s.yes("a child is born there")
        move(child, home)
        s.no("the child is moved out")
        s.do("end")
        s.yes("the parent stays")
        s.do("thread")
        s.yes("a thread")
        move(s.pid, home)
        s.no("its process is moved out")
        s.do("end")
        s.no("all of it")
        move(s.pid, folder)
        s.yes("moved in again")
    finally:
        move(s.pid, home)


def tree(run):
    s, old, stranger = run.shifter(), run.shifter(), run.shifter()
    old.do("fork")
    s.do("thread")
    run.trace("-p", str(s.pid), "-p", str(old.pid))
    stranger.no("a stranger")
    old.no("a child that was there before")
    old.do("fork")
    old.no("what that one forks")
    old.do("end")
    old.do("end")
    old.yes("the process itself, late")
    s.yes("a thread that was there before")
    s.do("end")
    s.yes("the process")
    s.do("comm other")
    s.do("uid 65534")
    s.yes("whatever its name and user")
    s.do("uid 0")
    child = s.do("fork")
    s.yes("a child")
    s.do(f"exec {shifter}")
    s.yes("the child after exec")
    s.do("fork")
    s.yes("a grandchild")
    s.do("thread")
    s.do(f"exec {shifter}")
    s.yes("the grandchild after exec in a thread")
    s.do("end")
    s.yes("the child when that is gone")
    s.do("end")
    s.yes("the process when they are gone")
    stranger.do(f"fork {child}")
    stranger.no("a stranger's child of the same number as one that was selected")
    stranger.do("thread")
    stranger.no("its thread")
    stranger.do("end")
    stranger.do("end")
    foreign = stranger.do("fork")
    stranger.no("another child of his")
    stranger.do("end")
    s.do(f"fork {foreign}")
    s.yes("a child of the same number as one that was not")
    s.do("end")
    s.do("fork")
    s.do("orphan")
    s.yes("a grandchild without a parent")
    s.do("desert")
    s.yes("its second thread when the first has ended")
    s.do("fork")
    s.yes("and what that forks")
    s.do("end")


def too_many(run):
    """More children than the kernel's table takes."""
    s = run.shifter()
    run.trace("-p", str(s.pid), RECVGUARD_FORCE="few-pids")
    s.do("fork")
    s.yes("a child for which there is room")
    run.lost.append(("no_state", s.do("fork")))
    s.no("its child, for which there is none")
    s.do("end")
    s.do("end")
    s.do("fork")
    s.yes("a child when there is room again")
    s.do("end")


def both(run):
    """Two kinds at once."""
    s = run.shifter()
    run.trace("-p", str(s.pid), "--comm", "wanted", "--uid", "65534")
    s.no("by number alone")
    s.do("comm wanted")
    s.no("by number and name")
    s.do("uid 65534")
    s.yes("all three")
    s.do("fork")
    s.yes("a child like this")
    s.do("comm other")
    s.no("a child of another name")
    s.do("end")
    s.do("uid 0")
    s.no("another user")


def cgroup2():
    for line in open("/proc/self/mounts"):
        if line.split()[2] == "cgroup2":
            return line.split()[1]
    return None


def judge(name, folder, scene, *args):
    run = Run(folder)
    try:
        scene(run, *args)
        got = run.shown()
        missing, extra = [w for w in run.want if w not in got], [g for g in got if g not in run.want]
        tap.check(name, got == run.want and len(got) > 0, f"not shown: {missing}\nshown beyond: {extra}\n{got}")
    except (RuntimeError, OSError, ValueError, subprocess.TimeoutExpired) as e:
        tap.check(name, False, repr(e))
    finally:
        run.close()


def main():
    if os.geteuid():
        print("1..0 # SKIP needs root")
        return
    with tempfile.TemporaryDirectory(prefix="rg-changes-") as folder:
        os.chmod(folder, 0o755)
        copy = os.path.join(folder, "shifter-copy")
        shutil.copy(shifter, copy)
        judge("--comm: from and until the name changes", folder, comm, "--comm", "wanted")
        judge("--comm with --direction both", folder, comm, "--comm", "wanted", "--direction", "both")
        judge("--filter by name", folder, comm, "--filter", 'proc.comm == "wanted"')
        judge("--uid: from and until the user changes", folder, user, "--uid", "65534")
        judge("--filter by user", folder, user, "--filter", "proc.uid == 65534")
        judge("--exe: from and until exec", folder, executable, "--exe", copy)
        judge("-p: what is forked from now on, through exec, threads and numbers used again", folder, tree)
        judge("-p: a child that cannot be followed is told as lost", folder, too_many)
        judge("-p, --comm and --uid together", folder, both)
        point = cgroup2()
        if not point:
            tap.skip("--cgroup", "no cgroup2 is mounted")
            return tap.done()
        here = os.path.join(point, f"rg-changes-{os.getpid()}")
        home = os.path.join(point, [l for l in open("/proc/self/cgroup") if l.startswith("0::")][0][4:].strip())
        os.makedirs(os.path.join(here, "below"))
        try:
            judge("--cgroup: from and until it is moved", folder, group, here, home)
        finally:
            os.rmdir(os.path.join(here, "below"))
            os.rmdir(here)
    tap.done()


main()
