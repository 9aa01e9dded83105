#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Recordings of real programs: record, replay, query, kill -9 of the recorder, a full disk (TAP).

usage: record.py RECVGUARD
"""
import glob, json, os, random, re, shutil, signal, socket, struct, subprocess, sys, tempfile, time

from tap import check, done, run, skip

RG = os.path.abspath(sys.argv[1])
TALK = """
import os, socket, array
a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
for i in range(50):
    a.send(b'message %d \\xff\\x1b[2J' % i); b.recv(100)
r, w = os.pipe()
socket.send_fds(a, [b'take these'], [r, w]); socket.recv_fds(b, 100, 4)
a.send(b'x' * 20000); b.recv(65536)
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(('127.0.0.1', 0))
u.sendto(b'datagram', u.getsockname()); u.recv(4)
"""
COMMAND = ["--", sys.executable, "-c", TALK]


def lines(text):
    return [json.loads(l) for l in text.splitlines()]


def round_trip(d):
    db, live = f"{d}/r.db", f"{d}/live.json"
    code, out, err = run(RG, "record", db, "-q", "--snaplen", "all", "-o", f"json={live}", *COMMAND)
    check("record runs the command", code == 0, err)
    code, out, err = run(RG, "replay", db, "-o", "json")
    want = open(live).read()
    check("replay -o json is the live trace, byte for byte", code == 0 and out == want and len(want) > 10000,
          f"{err}{len(out)} against {len(want)} bytes")
    check("the recording is its owner's alone", os.stat(db).st_mode & 0o777 == 0o600)
    check("one file is left", sorted(os.listdir(d)) == ["live.json", "r.db"], os.listdir(d))
    events = lines(want)
    check("payloads of 20,000 bytes are whole", any(len(e["msg"].get("data", "")) == 20000 for e in events
                                                     if isinstance(e.get("msg", {}).get("data"), str)))
    for expr, keep in {
        "fd.count > 0": lambda e: len(e.get("fd", [])) > 0,
        "sock.family == inet": lambda e: e["sock"].get("family") == "inet",
        "msg.truncated": lambda e: e["msg"].get("truncated", False),
        'msg.data contains "message 7"': lambda e: b"message 7" in data(e),
    }.items():
        code, out, err = run(RG, "query", db, expr, "-o", "json")
        expected = [e["id"] for e in events if keep(e)]
        check(f"query {expr}", code == 0 and [e["id"] for e in lines(out)] == expected and expected, f"{err}{expected}")
        code, out, _ = run(RG, "replay", db, "--filter", expr, "-o", "json")
        check(f"replay --filter {expr}", [e["id"] for e in lines(out)] == expected)
    sql(db, events)
    return db


def data(e):
    d = e.get("msg", {}).get("data", "")
    if isinstance(d, dict):
        import base64
        return base64.b64decode(d["base64"])
    return d.encode()


def sql(db, events):
    def ask(q):
        code, out, err = run(RG, "query", db, "--sql", q, "--json")
        return lines(out) if code == 0 else err
    rows = ask('SELECT count(*) AS n, sum("fd.count") AS fds FROM event')
    check("SQL counts what the trace saw", rows == [{"n": len(events), "fds": sum(len(e.get("fd", [])) for e in events)}],
          rows)
    rows = ask("SELECT kind FROM fd ORDER BY message, i")
    check("SQL lists the descriptors", rows == [{"kind": f["kind"]} for e in events for f in e.get("fd", [])], rows)
    rows = ask('SELECT length(payload("msg.data", data_zstd)) AS n, length("msg.data") AS kept FROM event WHERE data_zstd')
    check("large payloads are compressed and come back", rows and rows[0]["n"] == 20000 and rows[0]["kept"] < 1000, rows)
    code, out, err = run(RG, "query", db, "--sql", "DELETE FROM message")
    check("SQL that writes is refused", code == 2 and "read only" in err, err)
    code, out, err = run(RG, "query", db, "--sql", 'SELECT "msg.data" FROM event')
    check("no raw byte reaches the terminal", "\x1b" not in out and code == 0)
    for wrong in ("proc.com", "unix"):
        code, out, err = run(RG, "query", db, "--sql", f'SELECT count(*) FROM event WHERE "sock.family" = "{wrong}"')
        check(f'SQL: "{wrong}" is no column, and no text either', code == 2 and not out and f"no such column: {wrong}" in err
              and "single quotes" in err, out + err)
    code, out, err = run(RG, "query", db, "ret >")
    check("a wrong expression is shown with a caret", code == 2 and "^" in err, err)
    py = subprocess.run([sys.executable, "-c", "import sqlite3,sys; print(sqlite3.connect(sys.argv[1]).execute("
                         "'select count(*) from conversation').fetchone()[0])", db], capture_output=True, text=True)
    check("another SQLite program reads it too", py.returncode == 0 and int(py.stdout) > 0, py.stderr)


def wait_count(db, n, limit=20):
    end = time.time() + limit
    while time.time() < end:
        code, out, _ = run(RG, "query", db, "--sql", "SELECT count(*) FROM message", "-q")
        if code == 0 and out.strip() and int(out) >= n:
            return int(out)
        time.sleep(0.1)
    return 0


def killed(d):
    db = f"{d}/k.db"
    a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    rec = subprocess.Popen([RG, "record", db, "-p", str(os.getpid())], stderr=subprocess.DEVNULL)
    n, end = 0, time.time() + 60
    while n < 200 and time.time() < end:  # until it sees us
        for _ in range(100):
            a.send(b"ping"), b.recv(10)
        n = wait_count(db, 1, 0.5)
    check("a recording is readable while it is written", n >= 1, n)
    rec.send_signal(signal.SIGKILL)
    rec.wait()
    code, out, err = run(RG, "replay", db, "-o", "json")
    got = lines(out)
    check("after kill -9 of the recorder what was committed is there", code == 0 and len(got) >= n, f"{err}{len(got)} {n}")
    ids = [e["id"] for e in got]
    check("and it has no hole", ids == list(range(ids[0], ids[0] + len(ids))) if ids else False)


FLOOD = """
import os, socket, sys
a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
print("up", flush=True)
while True:
    for i in range(8): a.send(b"flood " * 20)
    for i in range(8): b.recv(200)
"""


def killed_anywhere(d):
    """kill -9 at random moments of a recorder at work, rotation included: always readable, never a hole."""
    rng = random.Random(os.environ.get("SEED", "1"))
    bad, idle = [], 0  # idle: on a machine so busy that it was killed before its first message
    for n in range(5):
        db = f"{d}/any{n}.db"
        flood = subprocess.Popen([sys.executable, "-c", FLOOD], stdout=subprocess.PIPE)
        flood.stdout.readline()
        rec = subprocess.Popen([RG, "record", db, "-q", "-p", str(flood.pid)] + (["--rotate-size", "400KiB"] if n % 2 else []),
                               stderr=subprocess.DEVNULL)
        started = wait_count(db, 1, 60) > 0
        time.sleep(rng.random())
        rec.send_signal(signal.SIGKILL)
        rec.wait()
        flood.kill()
        flood.wait()
        if not started:
            idle += 1
            continue
        code, out, err = run(RG, "replay", db, "-o", "json")
        files = [f for f in glob.glob(db + "*") if re.search(r"db(\.\d+)?$", f) and os.path.getsize(f)]
        ids = [e["id"] for e in lines(out)]
        sound = all(subprocess.run([sys.executable, "-c", "import sqlite3,sys; print(sqlite3.connect(sys.argv[1]).execute("
                    "'pragma integrity_check').fetchone()[0])", f], capture_output=True, text=True).stdout == "ok\n"
                    for f in files)
        if code or not ids or ids != list(range(ids[0], ids[0] + len(ids))) or not sound:
            bad.append(f"round {n}: exit {code} {err.strip()} {len(ids)} events, sound {sound}")
    check("kill -9 at 5 random moments: all is readable, sound and without a hole", not bad and idle < 5, "\n".join(bad) or f"{idle} idle")


FEW = """
import socket
a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
for j in range(400):
    for i in range(8): a.send(b"%d" % j * 80)
    for i in range(8): b.recv(400)
"""


def killed_at(d):
    """kill -9 as a file is removed, renamed or linked: at a recorder's beginning, at its end and when it rotates.
    What was recorded is there for a reader; or, before its first message, it is said to be empty."""
    if not shutil.which("strace"):
        print("# skip: no strace: recorders are not killed at chosen calls")
        return
    bad, killed = [], 0
    for options, calls in (([], {"unlink": (5, 6, 7, 8)}),
                           (["--rotate-size", "400KiB"], {"unlink": (7, 9, 12, 15, 18), "rename": (1,), "link": (1, 2)})):
        for call, ns in calls.items():
            for n in ns:
                db = f"{d}/at.db"
                for f in glob.glob(db + "*"):
                    os.unlink(f)
                subprocess.run(["strace", "-f", "-qq", "-o", f"{d}/at.strace", "-e", f"trace={call}", "-e",
                                f"inject={call}:signal=SIGKILL:when={n}", RG, "record", db, "-q", *options, "--",
                                sys.executable, "-c", FEW], capture_output=True)
                if "killed by SIGKILL" not in open(f"{d}/at.strace").read():
                    break
                killed += 1
                code, out, err = run(RG, "replay", db, "-o", "json")
                ids = [e["id"] for e in lines(out)]
                none = code == 1 and not ids and ("is empty" in err or "No such file" in err) and not glob.glob(db + ".*")
                if not none and (code or ids != list(range(1, len(ids) + 1))):
                    bad.append(f"{call} {n} {options}: exit {code} {err.strip()} {len(ids)} events")
    check("kill -9 as files are removed, renamed, linked: nothing that was written is lost to readers",
          not bad and killed >= 8, "\n".join(bad) or f"{killed} killed")


def foreign_journal(d):
    """A recording whose journal was prepared by somebody: SQLite would delete the file that it names."""
    db, victim = f"{d}/bait.db", f"{d}/victim"
    if not shutil.which("strace"):
        print("# skip: no strace: no recorder is killed for a journal")
        return
    subprocess.run(["strace", "-f", "-qq", "-o", f"{d}/bait.strace", "-e", "trace=unlink", "-e", "inject=unlink:signal=SIGKILL:when=8",
                    RG, "record", db, "-q", "--", sys.executable, "-c", FEW], capture_output=True)
    name = os.path.abspath(victim).encode()
    sealed = struct.pack(">I", 1 << 30 >> 13) + name + struct.pack(">II", len(name), sum(name)) + bytes.fromhex("d9d505f920a163d7")
    if not check("a recorder killed at its end leaves a journal", os.path.exists(db + "-journal")):
        return
    for what, change in (("names a file", lambda: open(db + "-journal", "ab").write(sealed)),
                         ("is another's", lambda: os.chown(db + "-journal", 65534, 65534))):
        keep = [open(f, "rb").read() for f in (db, db + "-journal")]
        open(victim, "w").write("precious")
        change()
        code, out, err = run(RG, "replay", db, "-o", "json")
        check(f"a journal that {what} is not undone", code == 1 and not out and err.count("\n") == 1 and "journal" in err
              and os.path.exists(victim) and os.path.exists(db + "-journal"), f"{code} {err}")
        os.unlink(db + "-journal")
        for f, data in zip((db, db + "-journal"), keep):
            open(f, "wb").write(data)
    code, out, err = run(RG, "replay", db, "-o", "json")
    check("the recorder's own is", code == 0 and len(lines(out)) > 3000, f"{code} {err}")


def rotated(d):
    db, live = f"{d}/set.db", f"{d}/set.json"
    code, _, err = run(RG, "record", db, "-q", "--snaplen", "all", "--rotate-size", "300KiB", "-o", f"json={live}", "--",
                       sys.executable, "-c", "import os,socket\na,b=socket.socketpair()\n"
                       "for i in range(3000): a.send(os.urandom(400)); b.recv(500)")
    files = glob.glob(db + ".[0-9]*")
    want = open(live).read()
    check("--rotate-size puts files aside", code == 0 and len(files) >= 3, f"{err}{os.listdir(d)}")
    sizes = [os.path.getsize(f) for f in files]
    check("none is much larger than was asked for", max(sizes) < 1.5 * 300 * 1024, sizes)
    check("they are their owner's alone", all(os.stat(f).st_mode & 0o777 == 0o600 for f in files))
    code, out, err = run(RG, "replay", db, "-o", "json")
    check("replay finds them by itself: all together are the live trace, byte for byte", code == 0 and out == want,
          f"{err}{len(out)} against {len(want)}")
    order = [f"{db}.{i}" for i in range(1, len(files) + 1)] + [db]
    one = [run(RG, "replay", f, "-o", "json")[1] for f in order[:-1]]
    check("a file put aside stands for itself", "".join(one) == want[:sum(map(len, one))] and all(one))
    code, out, err = run(RG, "query", *order[:3], "event != lost", "-o", "json")
    check("several files are asked in their order", code == 0 and out == "".join(one[:3]), f"{err}{len(out)}")
    n = len(want.splitlines())
    few = subprocess.run([RG, "query", db, "--sql", 'SELECT count(*), count(DISTINCT n) FROM event', "-q"], capture_output=True, text=True)
    if len(order) <= 11:
        check("SQL sees all files as one", few.stdout == f"{n}\t{n}\n", few)
    else:
        check("SQL over too many files is refused with a way out", few.returncode == 1 and "replay FILE --filter" in few.stderr, few)
    code, out, err = run(RG, "query", order[0], order[1], "--sql", "SELECT sum(messages) FROM conversation", "-q")
    check("views too", code == 0 and int(out) == sum(o.count("\n") for o in one[:2]), err + out)
    code, _, err = run(RG, "record", f"{d}/t.db", "-q", "--rotate-time", "200ms", "--", sys.executable, "-c",
                       "import socket,time\na,b=socket.socketpair()\nfor i in range(30): a.send(b'x'); b.recv(5); time.sleep(.05)")
    check("--rotate-time does too", code == 0 and len(glob.glob(f"{d}/t.db.[0-9]")) >= 2, f"{err}{os.listdir(d)}")


def damaged(d):
    db, cut = f"{d}/whole.db", f"{d}/cut.db"
    run(RG, "record", db, "-q", "--", sys.executable, "-c", "import socket\na,b=socket.socketpair()\n"
        "for i in range(5000): a.send(b'y'*300); b.recv(500)")
    want = run(RG, "replay", db, "-o", "json")[1]
    size = os.path.getsize(db)
    shutil.copy(db, cut)
    os.truncate(cut, size // 2)
    code, out, err = run(RG, "replay", cut, "-o", "json")
    whole = set(want.splitlines())
    check("a file cut short: what is there is shown, one line says that it is damaged, and where",
          code == 1 and len(err.splitlines()) == 1 and re.search("damaged (after|at) message", err) and cut in err and
          all(l in whole for l in out.splitlines()) and out.count("\n") > 500, f"{code} {err} {len(out)} of {len(want)}")
    open(cut, "wb").write(os.urandom(50000))
    code, out, err = run(RG, "replay", cut, "-o", "json")
    check("garbage is one line", code == 1 and not out and len(err.splitlines()) == 1 and "not a recording" in err, err)
    open(cut, "wb").write(b"")
    code, out, err = run(RG, "query", cut, "ret > 0")
    check("an empty file is one line", code == 1 and not out and len(err.splitlines()) == 1, err)
    shutil.copy(db, cut)
    subprocess.run([sys.executable, "-c", "import sqlite3,sys; c=sqlite3.connect(sys.argv[1]); c.execute(\"update recording set "
                    "value=7 where key='format'\"); c.commit()", cut], check=True)
    code, out, err = run(RG, "replay", cut)
    check("another format is one line that names it", code == 1 and not out and "format 7" in err and len(err.splitlines()) == 1, err)


def full(d):
    small = f"{d}/small"
    os.mkdir(small)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", small]).returncode:
        return skip("a full disk", "cannot mount a tmpfs here")
    try:
        flood = "import socket\na,b=socket.socketpair()\nfor i in range(20000): a.send(b'y'*500); b.recv(500)\nimport time; time.sleep(1)"
        code, _, err = run(RG, "record", f"{small}/f.db", "--snaplen", "all", "--", sys.executable, "-c", flood)
        check("a full disk is one line with the file's name, and an exit status", code != 0 and
              sum("No space left" in l for l in err.splitlines()) == 1 and f"{small}/f.db" in err, err)
        check("it says how much is recorded", "messages are in it" in err, err)
        told = re.search(r"\((\d+) messages are in it, (\d+) could not be kept", err)
        code, out, err2 = run(RG, "replay", f"{small}/f.db", "-o", "json")
        got = lines(out)
        check("what was recorded before is readable", code == 0 and len(got) > 100, err2)
        lost = [e for e in got if e["event"] == "lost"]
        check("the recording itself says what is missing", len(lost) == 1 and got[-1] == lost[0] and told and
              lost[0]["lost"] == {"count": int(told[2]), "reason": "sink"} and len(got) - 1 == int(told[1]), f"{got[-1]}\n{err}")
        check("that the command goes on untraced is said", "goes on without being traced" in err, err)
        check("the summary counts it", told and f"{told[2]} sink" in err and "nothing lost" not in err, err)
    finally:
        subprocess.run(["umount", small])


def main():
    if os.geteuid() != 0:
        skip("record", "tracing needs root")
        done()
    with tempfile.TemporaryDirectory(prefix="rg-record-") as d:
        round_trip(d)
        killed(d)
        killed_anywhere(d)
        killed_at(d)
        foreign_journal(d)
        rotated(d)
        damaged(d)
        full(d)
    code, _, err = run(RG, "replay", "/nonexistent.db")
    check("a missing recording is one line", code == 1 and len(err.splitlines()) == 1 and "/nonexistent.db" in err, err)
    done()


main()
