# SPDX-License-Identifier: BSD-2-Clause
"""./dev bench itself, with next to no rounds: every arm of every part has a figure or a printed reason; a peer that fails, hangs
or is missing is said and ends nothing. Times are not looked at.

usage: bench.py SOURCE RECVGUARD
"""
import importlib, json, os, re, sys, tempfile, time

from tap import check, done, run, skip

source = sys.argv[1]
sys.path.insert(0, os.path.join(source, "bench"))
if os.geteuid() != 0:
    skip("all", "tracing needs root")
    done()
if os.path.realpath(os.path.join(source, "build/cli/recvguard")) != os.path.realpath(sys.argv[2]):
    skip("all", "bench/ measures build/ and this is another build")
    done()
import arms, servers

FIGURE = re.compile(r"[+±-]?\d[\d,.]*( us| ms)?( ±|$)")


def bench(*args, env=None):
    """(exit status, {title: rows below the head}, text, page)"""
    with tempfile.TemporaryDirectory(prefix="rg-bench-test-") as d:
        code, out, err = run(os.path.join(source, "bench/run.sh"), "--rounds", "1", "--ms", "2", "--out", d, *args, env=env, timeout=560)
        path = os.path.join(d, "report.json")
        parts = {p["title"]: p for p in json.load(open(path))} if os.path.exists(path) else {}
        page = open(os.path.join(d, "report.html")).read() if parts else ""
    return code, {t: p["rows"][1:] for t, p in parts.items()}, out + err, page


def told(rows, part):
    return {r[1]: r[2] for r in rows.get("Not measured", []) if r[0] == part}


def whole(what, rows, title, part, expected, text):
    """Each arm once: with figures in all columns, or with its reason."""
    here, why = {r[0]: r for r in rows.get(title, [])}, told(rows, part)
    missing = [n for n in expected if not (n in here and all(FIGURE.match(c) for c in here[n][1:3])) and not why.get(n)]
    check(f"{what}: every arm has a figure or a reason", expected and not missing, (missing, text[-1500:]))
    return here


good, _ = arms.tiers()
names = [a.name for a in arms.arms(good)]
for t in arms.TIERS:  # those that do not load here are told below
    check(f"tier {t} has arms, or is said not to run", any(n.startswith(f"recvguard {t}:") for n in names) == (t in good))

code, rows, text, page = bench("--part", "pairs", "--part", "latency", "--part", "memory", "--part", "throughput", "--only", "bare|: JSON|others|bpftrace, count|strace, same|empty hooks$")
some = [n for n in names if re.search("bare|: JSON|others|bpftrace, count|strace, same|empty hooks$", n)]
here = whole("pairs", rows, "One program that sends to itself", "pairs", some, text)
whole("one producer", rows, "Throughput, one producer", "one producer", [n for n in some if "others" not in n], text)
whole("two producers", rows, "Throughput, two producers", "two producers", [n for n in some if "others" not in n], text)
whole("latency", rows, "Latency of single messages", "latency", some, text)
check("the bare program and recvguard do have figures", "bare" in here and (not good or f"recvguard {good[0]}: JSON" in here), text[-1500:])
check("a run in which recvguard did its work succeeds", code == 0, (code, text[-1500:]))
check("tiers that do not run are said with their reason", all(told(rows, "all").get(f"tier {t}") for t in arms.TIERS if t not in good), rows.get("Not measured"))
check("memory: its own and the kernel's, at the start and after each load", len(rows.get("Memory", [])) == 2 * len(good) * 6, rows.get("Memory"))
machine = {r[0]: r[1] for r in rows.get("Where this was measured", [])}
check("machine, kernel, versions and mitigations are in it",
      all(machine.get(k) for k in ("machine", "kernel", "mitigations", "recvguard", "strace", "perf", "bpftrace", "nginx", "wrk", "redis", "dbus", "qemu", "run")), machine)
check("the page has plots and needs no other file", "<svg" in page and not re.search(r"(src|href)=|url\(|@import", page))

# peers that fail, hang, and one that is not there
with tempfile.TemporaryDirectory(prefix="rg-bench-peers-") as d:
    for name, script in (("strace", "echo broken >&2; exit 3"), ("bpftrace", "exit 0")):
        with open(os.path.join(d, name), "w") as f:
            f.write(f"#!/bin/sh\n{script}\n")
        os.chmod(os.path.join(d, name), 0o755)
    code, rows, text, _ = bench("--part", "pairs", "--part", "growth", "--only", "recvguard [a-z]+: JSON|bpftrace, count|strace, same", env=dict(os.environ, PATH=d + ":" + os.environ["PATH"]))
    why = told(rows, "pairs")
    check("a peer that fails is said with its status and words", "exit 3: broken" in why.get("strace, same CPU", ""), why)
    check("a peer that runs nothing has no figure and is said", "no figures" in why.get("bpftrace, count", ""), why)
    check("what failed in one part is tried, and said, in the next", "exit 3: broken" in told(rows, "growth: bytes a message").get("strace, same CPU", ""), rows.get("Not measured"))
    curves = ("bytes a message", "sockets in turn", "receiving processes in turn", "messages a second")
    for c in curves:
        whole(f"growth by {c}", rows, f"Growth: {c}", f"growth: {c}", ["bare"] + [f"recvguard {t}: JSON" for t in good] + ["bpftrace, count", "strace, same CPU"], text)
    check("a failing peer does not fail the bench", code == 0, (code, text[-1000:]))

    # straight, with a limit that a test can wait for
    with open(os.path.join(d, "hang"), "w") as f:
        f.write("#!/bin/sh\nsleep 1000 &\necho $! >$0.pid\nwait\n")
    os.chmod(os.path.join(d, "hang"), 0o755)
    arms.LIMIT, todo = 1, [arms.Arm("hang", [os.path.join(d, "hang")], None)]
    arms.Limit.__init__.__defaults__ = (1,)
    absent, before = arms.Absent(todo), time.time()
    data = [arms.collect(part, todo, 2, [arms.WORK, "pairs", "1"], absent, 0) for part in ("a part", "the next")]
    check("a peer that hangs is ended, said, and not tried again", data == [{}, {}] and time.time() - before < 15
          and [p for p, n, w in absent.by_part if "not finished" in w] == ["a part", "the next"], (data, absent.by_part))
    left = int(open(os.path.join(d, "hang.pid")).read())
    for _ in range(100):  # killed, and not yet gone
        if os.path.exists(f"/proc/{left}"):
            time.sleep(0.05)
    check("and what it started is gone", not os.path.exists(f"/proc/{left}") or " Z " in open(f"/proc/{left}/stat").read())
    gone = arms.Absent([arms.Arm("nothing", ["no-such-tool"])])
    arms.collect("a part", [arms.Arm("nothing", ["no-such-tool"])], 1, [arms.WORK], gone, 0)
    check("a tool that is not there is said", gone.by_part == [("a part", "nothing", "no-such-tool is not installed")], gone.by_part)

code, rows, text, _ = bench("--part", "servers", "--only", ": JSON|bpftrace, count|--seccomp")
expected = [n for n, *_ in servers.watchers(good) if re.search("bare|: JSON|bpftrace, count|--seccomp", n)]
for title, _, tools in servers.SERVERS:
    if servers.missing(tools):
        check(f"{title}: what is missing is said", told(rows, f"server: {title}").get("all"), rows.get("Not measured"))
        continue
    here, why = [r[1] for r in rows.get("Real servers", []) if r[0] == title and all(FIGURE.match(r[i]) for i in (2, 4, 6))], told(rows, f"server: {title}")
    check(f"{title}: every watcher has throughput and latency, or a reason", all(n in here or why.get(n) for n in expected), (here, why, text[-800:]))
    check(f"{title}: the bare server has figures", "bare" in here, why)

# ---- what is counted in a machine is read by the lines that its programs print
counter = importlib.import_module("bench")
with open(os.path.join(source, "tests/kernel/enforce_cost.c")) as f:
    printed = f.read()
with open(os.path.join(source, "tests/kernel/capture_cost.c")) as f:
    printed += f.read()
line = re.search(r'"(# %s, %s: 1 rule [^"]*)\\n"', printed)
shown = line.group(1).replace("%ld", "%d") % ("path", "unix with a name", 247, 248) if line else ""
found = [re.findall(row[2], shown) for row in counter.COUNTS[2:]]
check("of one rule and of 1,000 in the kernel", found == [[("path, unix with a name: 1 rule", "247", "")], [("path, unix with a name", "248", "")]], (shown, found))
check("and of a message that is traced", '"%s: %ld instructions added to %ld' in printed and
      re.findall(counter.COUNTS[0][2], "ok 1 - stream-64-full: 4176 instructions added to 5030, at most") == [("stream-64-full", "4176", "5030")])
done()
