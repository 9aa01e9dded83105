#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""top: driven in tmux at 80x24 and wider, live and from a recording, with programs that try to reach the terminal (TAP).

usage: top.py RECVGUARD SAMPLE
"""
import os, re, shutil, signal, subprocess, sys, tempfile, time

from tap import check, done, run, skip

RG, SAMPLE = map(os.path.abspath, sys.argv[1:3])
SOCKET = f"rg-top-{os.getpid()}"
# Names and payloads that a terminal would obey, were they let through: a title, a clear screen, C1, a line feed.
HOSTILE = r"""
import ctypes, os, socket, sys
ctypes.CDLL(None).prctl(15, b"\x1b]2;pwned\x07", 0, 0, 0)
path = os.path.join(sys.argv[1], "\x1b]2;owned\x07\x1b[2J\u009b1m\n.sock")
a = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); a.bind(path)
b = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); b.connect(path)
for i in range(40):
    b.send(b"\x1b]2;taken\x07\x1b[2J\x1b[31m payload %d\r\n\x9b\xff" % i); a.recv(200)
"""
QUIET = """
import socket
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(("127.0.0.1", 0))
for i in range(7): u.sendto(b"x" * 1000, u.getsockname()); u.recv(10)
"""
TALK = """
import os, socket, sys, time
a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
r, w = os.pipe()
while True:
    a.send(b"hello there"); b.recv(100)
    socket.send_fds(a, [b"take"], [r]); _, fds, _, _ = socket.recv_fds(b, 10, 4)
    for f in fds: os.close(f)
    time.sleep(0.01)
"""


def tmux(*args, **kw):
    env = dict(os.environ, LC_ALL="C.UTF-8", TERM="xterm")
    env.pop("TMUX", None)
    return subprocess.run(["tmux", "-L", SOCKET, "-f", "/dev/null", *args], capture_output=True, text=True, env=env, **kw)


class Screen:
    """One program in a tmux of its own."""

    def __init__(self, width, height, *argv):
        tmux("kill-server")
        r = tmux("new-session", "-d", "-x", str(width), "-y", str(height), *argv)
        self.error = r.stderr

    def text(self):
        return tmux("capture-pane", "-p").stdout

    def title(self):
        return tmux("display", "-p", "#{pane_title}").stdout

    def keys(self, *keys):
        tmux("send-keys", *keys)

    def until(self, pattern, limit=60):
        """Wait for what is expected: as long as the machine needs, not longer than it could."""
        end = time.time() + limit
        while time.time() < end:
            text = self.text()
            if re.search(pattern, text, re.M):
                return text
            time.sleep(0.1)
        return None

    def close(self):
        tmux("kill-server")


def sees(name, s, pattern, *keys, limit=60):
    s.keys(*keys)
    got = s.until(pattern, limit)
    check(name, got is not None, f"{pattern}\n{s.error}{s.text()}")
    return got or s.text()


def from_recording(d, db):
    s = Screen(80, 24, RG, "top", "--from", db)
    text = sees("80x24: rows of a recording are shown", s, r"^python3\[\d+\]")
    lines = text.splitlines()
    check("80x24: nothing is wider, titles and last line stand in their places", all(len(l) <= 80 for l in lines) and len(lines) <= 24
          and lines[2].startswith("process") and lines[2].rstrip().endswith("LOST") and "q" in lines[-1], text)
    check("80x24: the head counts losses", re.search(r"LOST \d", lines[0]), lines[0])
    s.keys("Enter")
    sees("Enter: the last messages of a row", s, r"last messages of ")
    text = sees("Enter again: all that was decoded of one", s, r"^msg\.size +\d+|^event +\"rec", "Enter")
    check("message and its fields", "proc.pid" in text and "message 1 of" in text, text)
    sees("it scrolls", s, r"from line 11", "NPage")
    sees("q goes back", s, r"last messages of ", "q")
    sees("and back to the table", s, r"^process .*LOST", "q")
    sees("2: by socket", s, r"^unix dgram .*|^udp 127", "2")
    sees("3: by peer", s, r"by peer", "3")
    sees("4: by container", s, r"^host ", "4")
    sees("1: by process again", s, r"^python3", "1")
    sees("> sorts by the next column", s, r"sort byte-rate", ">")
    first = sees("r turns the order round", s, r"sort byte-rate \(reversed\)", "r").splitlines()[3]
    second = sees("and back", s, r"sort byte-rate  ", "r").splitlines()[3]
    check("another row is first then", first.split()[0] != second.split()[0], f"{first}\n{second}")
    sees("t changes what is measured", s, r"time duration", "t")
    sees("?: help", s, r"freeze what is shown", "?")
    sees("any key leaves it", s, r"^process .*LOST", "x")
    s.keys("q")
    end = time.time() + 20
    while tmux("list-sessions").returncode == 0 and time.time() < end:
        time.sleep(0.1)
    check("q ends it", tmux("list-sessions").returncode != 0)
    s.close()


def narrow(d, db):
    """80 columns, large numbers, long names: nothing that matters is cut."""
    big = f"{d}/big.db"
    code, _, err = run(SAMPLE, big, "20000")
    lost = run(RG, "query", big, "-q", "--sql", 'SELECT sum("lost.count") FROM loss')[1].strip()
    check("a larger recording is made", code == 0 and lost.isdigit(), err)
    s = Screen(80, 24, RG, "top", "--from", big, "--by", "socket")
    head, state, titles, *rows = sees("80x24: sockets of a larger recording", s, r"^unix stream ").splitlines()
    check("the head ends with the whole number of losses", head.endswith(f"LOST {lost}"), head)
    check("latencies were recorded: they are shown", "time latency" in state and re.search(r"P50 +P99 +ERR TRUNC DENY LOST$", titles), f"{state}\n{titles}")
    names = [r[:30].split(" ")[0] for r in rows if r]
    check("long names keep both ends", sum(bool(re.match(r"\S.{12,14}\.\..*\] ", r[:31])) for r in rows) > 3 and "tcp" in names, "\n".join(rows))
    sees("help fits: its longest lines are whole", s, r"control data, descriptors cut$", "?")
    check("all of them", {"sort by the column to the left, to the right", "as in trace --filter;", "--direction both"} <=
          {e for e in ("sort by the column to the left, to the right", "as in trace --filter;", "--direction both") if e + "\n" in s.text()}, s.text())
    s.close()
    s = Screen(80, 24, RG, "top", "--from", db, "--filter", "fd.count > 1000 or sock.family == inet", "--sort", "p99")
    titles = sees("without a denial or an error", s, r"^python3").splitlines()[2]
    check("their columns leave the room to the name, what is sorted by stays", "P99" in titles and "P50" not in titles and "DENY" not in titles, titles)
    s.close()


def hostile(d, db):
    s = Screen(200, 40, RG, "top", "--from", db)
    text = sees("hostile names are shown escaped", s, r"\\x1b\]2;pwned\\(a|x07)\[\d+\]")
    before = s.title()
    text += sees("hostile socket names too", s, r"\\x1b\]2;owned.*\\x1b\[2J", "2")
    s.keys("/")
    s.keys("-l", 'sock.path contains "owned"')
    s.keys("Enter")
    time.sleep(0.2)
    s.keys("q")
    s.close()
    s = Screen(132, 40, RG, "top", "--from", db, "--by", "socket", "--filter", 'sock.path contains "owned"')
    sees("a filter on the command line leaves one row", s, r"rows 1 ")
    sees("hostile payloads in the list", s, r"\\x1b\]2;taken", "Enter")
    sees("and in the detail", s, r'^msg\.data +"\\x1b\]2;taken', "Enter", "NPage", "NPage")
    check("the terminal obeyed none of it: its title is as it was", s.title() == before and "pwned" not in before and
          "taken" not in s.title(), (before, s.title()))
    s.close()
    for by in ("process", "socket", "peer", "container"):
        p = subprocess.run([RG, "top", "--from", db, "--batch", "1", "--by", by], capture_output=True, env=dict(os.environ, LC_ALL="C.UTF-8"))
        raw = [c for c in p.stdout.decode("utf-8") if (ord(c) < 32 and c != "\n") or 127 <= ord(c) < 160]
        check(f"--batch by {by}: no control reaches the output", p.returncode == 0 and not raw and p.stdout, (p.stderr, raw))


def batch(d, db):
    code, out, err = run(RG, "top", "--from", db, "--batch", "1", "--sort", "bytes")
    rows = [l.split() for l in out.splitlines()]
    code2, total, _ = run(RG, "query", db, "--sql", "SELECT count(*), sum(max(ret, 0)) FROM event WHERE event <> 'lost' AND NOT peek", "-q")
    n, size = total.split()
    check("--batch 1 prints one table and ends", code == 0 and rows[0][0] == "process" and rows[-1][0] == "all", f"{err}{out}")
    check("its sum is what SQL counts", rows[-1][rows[0].index("MSGS")] == n, f"{out}{total}")
    quiet = next((r for r in rows if r[0].startswith("python3[")), None)
    check("truncated datagrams are counted", quiet and quiet[rows[0].index("TRUNC")] == "7", out)
    code, out, err = run(RG, "top", "--from", db, "--batch", "1", "--filter", "sock.family == inet", "--by", "socket")
    check("--filter", code == 0 and "udp 127.0.0.1:" in out and "unix" not in out, f"{err}{out}")
    code, out, err = run(RG, "top", "--from", db, "--filter", "ret >", "--batch", "1")
    check("a wrong filter is shown with a caret, status 2", code == 2 and "^" in err and not out, err)
    code, out, err = run(RG, "top", "--from", db, stdin=subprocess.DEVNULL)
    check("without a terminal it is one line that names --batch", code == 1 and "--batch" in err and err.count("\n") == 1, err)
    code, out, err = run(RG, "top", "--from", f"{d}/none.db", "--batch", "1")
    check("a missing recording is one line", code == 1 and err.count("\n") == 1, err)


def live(d):
    talk = subprocess.Popen([sys.executable, "-c", TALK])
    try:
        s = Screen(100, 24, RG, "top", "-p", str(talk.pid), "-i", "200ms", "--duration")
        sees("live: the process appears, with a rate", s, rf"^python3\[{talk.pid}\] +[\d.]+k? +\d")
        sees("live: descriptors are counted", s, r"fds [1-9]")
        sees("live: times are measured", s, rf"^python3\[{talk.pid}\].* \d+(\.\d)?(ns|us|ms)", "t")
        s.keys("/")
        sees("a filter is checked while it is typed", s, r"filter \(not yet one\): ret >_", "-l", "ret >")
        s.keys("C-u")
        s.keys("-l", "fd.count > 0")
        sees("until it is one", s, r"filter: fd.count > 0_")
        text = sees("and then used: counting begins anew", s, r"filter: fd.count > 0$", "Enter")
        text = sees("only messages with descriptors are left: as many as descriptors", s, rf"^python3\[{talk.pid}\]")
        row = next((l for l in text.splitlines() if l.startswith("python3[")), "").split()
        check("counted so", len(row) > 4 and row[3] == row[4] or row[4] == row[5], text)
        frozen = sees("Space freezes", s, r"FROZEN", "Space")
        number = lambda t: re.search(r"(\d\S*) msgs", t)[1]
        a = number(s.text())
        time.sleep(1)
        check("what is shown then stays", number(s.text()) == a, s.text())
        s.keys("Space")
        s.until(r"^(?!.*FROZEN)by ")
        got = None
        end = time.time() + 30
        while time.time() < end and (got is None or got == a):
            got = number(s.text())
            time.sleep(0.1)
        check("and goes on after", got != a, (a, got))
        s.keys("2")
        sees("drill: the message with its descriptor", s, r"^fd\[0\]\.kind +\"pipe\"", "Enter", "Enter", "NPage", "NPage", "NPage", "NPage")
        talk.send_signal(signal.SIGSTOP)
        s.keys("q", "q", "q")
        s.close()
    finally:
        talk.kill()
        talk.wait()
    code, out, err = run(RG, "top", "--batch", "3", "-i", "300ms", "--", sys.executable, "-c", QUIET)
    check("--batch with a command ends with it", code == 0 and out.count("process  ") >= 1 and "python3[" in out, f"{err}{out}")


def main():
    if os.geteuid() != 0:
        skip("top", "tracing needs root")
        done()
    if not shutil.which("tmux"):
        skip("top", "tmux is not installed")
        done()
    with tempfile.TemporaryDirectory(prefix="rg-top-") as d:
        db = f"{d}/r.db"
        code, _, err = run(RG, "record", db, "-q", "--", "sh", "-c", 'exec 3>&1; "$0" -c "$1" "$3"; "$0" -c "$2"', sys.executable, HOSTILE, QUIET, d)
        check("a session is recorded", code == 0, err)
        try:
            from_recording(d, db)
            narrow(d, db)
            hostile(d, db)
            batch(d, db)
            live(d)
        finally:
            tmux("kill-server")
    done()


main()
