# SPDX-License-Identifier: BSD-2-Clause
"""--metadata: one hook, events that are right as far as they go and say where that is, and nothing asked of them that
they do not know. That every value is right: the oracle programs, with --metadata (meson.build).

usage: metadata.py RECVGUARD
"""
import datetime, json, os, re, signal, subprocess, sys, tempfile, time

import fields
from tap import check, done, run, skip

RG = os.path.abspath(sys.argv[1])
TALK = r'''
import array, os, socket, sys
n = int(sys.argv[1])
a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
b.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
for i in range(n):
    a.sendmsg([b"x" * 600], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0]))])
    _, control, _, _ = b.recvmsg(100, 200)  # cut, with credentials and a descriptor
    for level, kind, data in control:
        if kind == socket.SCM_RIGHTS: os.close(array.array("i", data)[0])
print(os.getpid())
'''
WAITS = r'''
import socket, sys
a, b = socket.socketpair()
print("ready", flush=True)
for line in sys.stdin:
    a.send(b"selected"); b.recv(100)
    print("done", flush=True)
'''
# three sockets: one with a name, one on descriptor 40, one whose descriptor is another socket's before its message comes
SOCKETS = r'''
import os, socket, sys, threading, time
named = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); named.bind("\0" + sys.argv[1])
out = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
a, b = socket.socketpair(); os.dup2(b.fileno(), 40)
c, d = socket.socketpair(); other, _ = socket.socketpair(); os.dup2(d.fileno(), 50); d.close()
t = threading.Thread(target=lambda: socket.socket(fileno=50).recv(100)); t.start()
while "unix_stream" not in open("/proc/self/task/%d/wchan" % t.native_id).read() and open("/proc/self/task/%d/stat" % t.native_id).read().split()[2] != "S": time.sleep(0.01)
time.sleep(0.2)
os.dup2(other.fileno(), 50)
c.send(b"c" * 33); t.join()
out.sendto(b"n" * 11, named.getsockname()); named.recv(100)
a.send(b"a" * 22); os.read(40, 100)
'''


def trace(*options, command=(sys.executable, "-c", TALK, "5"), verb="trace"):
    return run(RG, verb, *options, "--", *command, stdin=subprocess.DEVNULL)


def events(out):
    return [json.loads(l) for l in out.splitlines() if l.startswith("{")]


def said_last(err):
    return (err.strip().splitlines() or [""])[-1]


def hooks(pid):
    """Tracepoints and functions on which a process has programs."""
    out, base = [], f"/proc/{pid}/fdinfo"
    for fd in os.listdir(base):
        text = open(f"{base}/{fd}").read()
        if "link_type:" in text:
            m = re.search(r"^tp_name:\s*(\S+)", text, re.M)
            out.append(m.group(1) if m else "another kind of hook")
    return sorted(out)


def attached(*options):
    p = subprocess.Popen([RG, "trace", "--tier", "tracepoint", *options, "--comm", "nobody-is-called", "-o", "json=/dev/null"],
                         stderr=subprocess.PIPE, text=True)
    first = p.stderr.readline()
    found = hooks(p.pid) if "tier tracepoint" in first else first
    p.terminate()
    p.communicate()
    return found


def refusals():
    policy = "apiVersion: recvguard/v1\nkind: Policy\nmetadata: {name: sized}\nspec:\n  rules:\n    - {name: large, when: '%s', then: log}\n"
    with tempfile.TemporaryDirectory() as d:
        asks, plain = os.path.join(d, "asks.yaml"), os.path.join(d, "plain.yaml")
        open(asks, "w").write(policy % "msg.size > 10")
        open(plain, "w").write(policy % "ret > 10 and proc.uid >= 0")
        for options, words in (
                (["--filter", "fd.count > 0"], "the filter asks for fd, which only the full record has"),
                (["--filter", "none(fd, kind == memfd)"], "the filter asks for fd, which only the full record has"),
                (["--filter", "msg.name.port == 53"], "the filter asks for msg.name, which only the full record has"),
                (["--filter", "ret > 1 or not sender.uid in {0}"], "the filter asks for sender.uid, which only the full record has"),
                (["--policy", asks], "rule 'large' of policy sized asks for msg.size, which only the full record has"),
                (["--errors"], "--errors"), (["--duration"], "--duration"), (["--direction", "both"], "--direction recv"),
                (["--direction", "send"], "--direction recv"), (["--snaplen", "0"], "leave out --snaplen"),
                (["-o", f"pcapng={d}/x"], "is made of what only the full record has"), (["-o", "tracee"], "is made of what only the full record has")):
            status, out, err = trace("--metadata", *options)
            check(f"refused beside {' '.join(options[:2]).replace(d, 'DIR')}", status == 2 and len(err.splitlines()) == 1 and "--metadata" in err and words in err,
                  (status, out, err))
        for verb in ("record", "top"):
            more = ["--batch", "1"] if verb == "top" else [os.path.join(d, "never.db")]
            status, out, err = trace("--metadata", "--filter", "fd.count == 0", *more, verb=verb)
            check(f"{verb}: refused beside a filter that needs more", status == 2 and "the filter asks for fd" in err, (status, err))
        check("what is refused replaces no file", not os.path.exists(os.path.join(d, "never.db")))
        status, out, err = trace("--metadata", "--policy", plain, "-o", "json")
        check("a policy that asks for no more goes", status == 0 and [e["verdict"]["rule"] for e in events(out)] == ["large"] * 5, (status, err))


def shape():
    status, out, err = trace("--metadata", "-o", "json")
    pid, evs = int(re.search(r"^(\d+)$", out + err, re.M).group(1)), events(out)
    check("five messages", status == 0 and len(evs) == 5, (status, err))
    check("the start says what is not known", "metadata only: nothing is known of senders" in err, err)
    check("each says that it is metadata", all(e["detail"] == "metadata" for e in evs), out)
    more = {f for e in evs for f in fields.present(e)}
    check("what only the full record has is absent, not 0", not more, more)
    right = [e["proc"]["pid"] == pid and e["ret"] == 100 and e["route"] == "recvmsg" and e["sock"]["type"] == "seqpacket" and
             e["sock"]["cookie"] > 0 and e["sock"]["inode"] > 0 and e["proc"]["comm"].startswith("python") and not e["peek"] for e in evs]
    check("what it does know is right", all(right), out)
    times = [[datetime.datetime.fromisoformat(e["proc"][of][:26]).timestamp() for of in ("start", "leader_start", "parent_start")] for e in evs]
    check("threads, leaders and parents have started when they did", all(own == leader and 0 <= own - parent < 60 for own, leader, parent in times), times)
    check("nothing lost", "nothing lost" in err, err)
    status, schema, _ = run(RG, "events", "--json-schema")
    try:
        import jsonschema
    except ImportError:
        skip("events are as the JSON Schema says", "python3-jsonschema is not installed")
    else:
        bad = [e.message for ev in evs for e in jsonschema.Draft202012Validator(json.loads(schema)).iter_errors(ev)]
        check("events are as the JSON Schema says", not bad, bad[:3])
    status, out, err = trace("-o", "json")
    full = [e for e in events(out) if e["sock"]["type"] == "seqpacket"]
    check("without it there are sender, size and descriptors, and no detail", len(full) == 5 and
          all(e["sender"]["how"] == "message" and e["msg"]["size"] == 600 and len(e["fd"]) == 1 and "detail" not in e for e in full), out)


def recordings():
    with tempfile.TemporaryDirectory() as d:
        db = os.path.join(d, "m.db")
        status, out, err = trace("--metadata", db, "-o", f"json={d}/live", verb="record")
        live = open(f"{d}/live").read()
        status2, replayed, err2 = run(RG, "replay", db, "-o", "json")
        check("a recording of it replays the same", status == status2 == 0 and live and replayed == live, (err, err2, live[:300], replayed[:300]))
        status, out, err = run(RG, "query", db, "detail == metadata and ret == 100")
        check("a query can ask for detail", status == 0 and len(out.splitlines()) >= 5, (status, out, err))
        every = len(run(RG, "query", db, "ret >= 0")[1].splitlines())
        for what in ("fd.count == 0", "fd.count > 0", "any(fd, true)", "not any(fd, true)", "all(fd, false)", "sender.uid exists", "not sender.uid exists", "msg.data contains \"x\""):
            status, out, err = run(RG, "query", db, what)
            check(f"what was not recorded is in doubt, and that is shown: {what}", status == 0 and len(out.splitlines()) == every > 0, (status, every, out, err))
        for what, args in (("live", ["--metadata"]), ("from a recording", None)):
            argv = [RG, "top", "--batch", "1", "--by", "process"]
            argv += ["--from", db] if args is None else args + ["--", sys.executable, "-c", TALK, "5"]
            env = dict(os.environ, COLUMNS="140")
            status, out, err = run(*argv, env=env, stdin=subprocess.DEVNULL)
            head, *rows = out.splitlines() or [""]
            row = next((r for r in rows if "python" in r), "")
            # from the right: FDS P50 P99 ERR TRUNC DENY LOST
            cells = row.split()[-7:]
            check(f"top, {what}: descriptors and truncations are not known, not 0", len(cells) == 7 and cells[0] == "-" and cells[4] == "-", (head, row, err))


def losses():
    n = 3000
    script = f"kill -STOP $PPID; '{sys.executable}' -c '{TALK}' {n}; kill -CONT $PPID"
    status, out, err = trace("--metadata", "--ring", "4KiB", "-o", "json=/dev/null", command=("sh", "-c", script))
    m = re.search(r"(\d+) messages?,.*?(?:LOST (\d+)|nothing lost)", err)
    got, lost = (int(m.group(1)), int(m.group(2) or 0)) if m else (0, 0)
    check("each of many messages is recorded or counted as lost", m and lost > 0 and got > 0 and got + lost >= n and got + lost <= n + 50, err)
    status, out, err = trace("--metadata", "--ring", "4KiB", "--on-full", "sample", "-o", "json=/dev/null", command=("sh", "-c", script))
    m = re.search(r"(\d+) messages?,.*?(?:LOST (\d+)|nothing lost)", err)
    got, lost = (int(m.group(1)), int(m.group(2) or 0)) if m else (0, 0)
    check("sampled: each is recorded or counted as lost", m and "sampled" in err and got > 0 and got + lost >= n and got + lost <= n + 50, err)


def selected():
    """By socket and descriptor: shown sizes, and that the kernel selects (nothing else comes to user space)."""
    name = f"rg-metadata-{os.getpid()}"
    command = (sys.executable, "-c", SOCKETS, name)
    for options, want in (([], [11, 22, 33]), (["--socket", "@" + name], [11]), (["--socket", "@" + name + "x"], []), (["--fd", "40"], [22]), (["--fd", "50"], []),
                          (["--family", "unix"], [11, 22, 33])):
        for lean in (["--metadata"], []):
            status, out, err = trace(*lean, *options, "-o", "json", command=command)
            got = sorted(e["ret"] for e in events(out))
            check(f"{' '.join(lean + options) or 'everything'}: {want}", status == 0 and got == want, (status, got, err))
            if not options:
                fds = {e["ret"]: e["sock"].get("fd") for e in events(out)}
                check(f"{' '.join(lean)}: a descriptor that became another socket's is not told", fds.get(22) == 40 and fds.get(33) is None, fds)


def by_number():
    """Two processes whose numbers fall into one slot of the table of hints (abi/config.h, RG_SEL_HINTS)."""
    first = subprocess.Popen([sys.executable, "-c", WAITS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    first.stdout.readline()
    want, second = (first.pid + 16384) % 32768, None
    try:
        for _ in range(20 if want > 300 else 0):
            with open("/proc/sys/kernel/ns_last_pid", "w") as f:
                f.write(str(want - 1))
            second = subprocess.Popen([sys.executable, "-c", WAITS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            second.stdout.readline()
            if second.pid == want:
                break
            second.kill(); second.communicate(); second = None
    except OSError as e:
        second = None
    if not second:
        skip("processes of one slot", "process numbers cannot be chosen here")
    for chosen in ([first], [second], [first, second]) if second else ([first],):
        for lean in (["--metadata"], []):
            p = subprocess.Popen([RG, "trace", *lean, *[x for c in chosen for x in ("--pid", str(c.pid))], "-o", "json"], stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True)
            p.stderr.readline()
            for talker in [first] + ([second] if second else []):
                talker.stdin.write("go\n"); talker.stdin.flush(); talker.stdout.readline()
            p.send_signal(signal.SIGINT)
            out, err = p.communicate(timeout=30)
            seen = sorted(e["proc"]["pid"] for e in events(out))
            check(f"{' '.join(lean) or 'full'}: {len(chosen)} of {1 + bool(second)} processes selected by number", seen == sorted(c.pid for c in chosen), (seen, [c.pid for c in chosen], err))
    for talker in [first] + ([second] if second else []):
        talker.stdin.close(); talker.wait()


if os.geteuid() != 0:
    skip("all", "tracing needs root")
    done()
refusals()
shape()
recordings()
losses()
selected()
by_number()
alone = attached("--metadata")
if isinstance(alone, str):
    skip("hooks", f"no tracepoint tier here: {alone.strip()}")
else:
    follow = ["sched_process_exit", "sched_process_fork"]
    check("one hook sees messages, two follow processes", alone == sorted(follow + ["sock_recv_length"]), alone)
    both = attached()
    check("without it there are more", {"skb_copy_datagram_iovec", "sock_recv_length"} <= set(both) and "rg_meta" not in both, both)
done()
