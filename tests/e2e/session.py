#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A recording of a session of real programs (examples/session.sh) taken through every verb that reads one, and through tshark:
what docs/tutorial-record.md shows (TAP).

usage: session.py RECVGUARD SOURCE
"""
import json, os, re, shutil, subprocess, sys, tempfile

from tap import check, done, run, skip

RG, SOURCE = os.path.abspath(sys.argv[1]), sys.argv[2]
SESSION = os.path.join(SOURCE, "examples/session.sh")


def dissected(d, db, parts):
    if not shutil.which("tshark"):
        return skip("tshark", "tshark is not installed")
    code, _, err = run(RG, "replay", db, "-o", f"pcapng={d}/s.pcapng")
    env = dict(os.environ, HOME=d, XDG_CONFIG_HOME=d)
    out = subprocess.run(["tshark", "-n", "-r", f"{d}/s.pcapng", "-T", "fields", "-E", "separator=\t", "-E", "occurrence=a", "-e", "frame.interface_name",
                          "-e", "_ws.col.Protocol", "-e", "frame.comment", "-e", "dns.a", "-e", "http.request.uri", "-e", "http.response.code",
                          "-e", "dbus.member"], capture_output=True, text=True, env=env)
    rows = [l.split("\t") for l in out.stdout.splitlines()]
    check("replay -o pcapng opens in tshark", code == 0 and out.returncode == 0 and len(rows) > 50, err + out.stderr)
    check("every packet says which process received it", all(re.match(r"\S.*\[\d+", r[2]) for r in rows), [r for r in rows if not re.match(r"\S.*\[\d+", r[2])][:3])
    check("an interface for each family", {"unix", "inet"} <= {r[0] for r in rows}, {r[0] for r in rows})
    if "dns" in parts:
        check("tshark: the DNS answer", any("192.0.2.7" in r[3] for r in rows))
    if "http" in parts:
        check("tshark: the HTTP request and its answer", any("/hello.txt" in r[4] for r in rows) and any(r[5] == "200" for r in rows))
    if "dbus" in parts:
        check("tshark: the D-Bus call", any("ListNames" in r[6] for r in rows))


def asked(db, events, parts):
    for part, expr in (("dns", 'msg.protocol == "dns"'), ("http", 'msg.protocol == "http" and msg.summary contains "hello.txt"'),
                       ("dbus", 'msg.summary contains "ListNames"'), ("tmux", 'fd.count > 0 and proc.comm startswith "tmux"')):
        if part in parts:
            code, out, err = run(RG, "query", db, expr, "-o", "json")
            check(f"query: {expr}", code == 0 and out, err)
    code, out, err = run(RG, "query", db, "--sql", "SELECT \"proc.comm\", messages FROM process ORDER BY messages DESC LIMIT 3", "-q")
    check("query --sql: the busiest processes", code == 0 and len(out.splitlines()) == 3, err + out)
    code, out, err = run(RG, "top", "--from", db, "--batch", "1", "--by", "socket")
    check("top --from: its sockets", code == 0 and ("udp 127.0.0.1:" in out or "dns" not in parts), err + out)
    starts = {}
    for e in events:
        if e["event"] != "lost":
            starts.setdefault(e["proc"]["pid"], set()).add(e["proc"]["leader_start"])
    check("a process was started once", all(len(s) == 1 for s in starts.values()), {p: s for p, s in starts.items() if len(s) > 1})


def drawn(d, db, events, parts):
    """graph and report: the same messages, the same programs."""
    received = sum(e["event"] != "lost" and not e.get("peek") for e in events)
    code, out, err = run(RG, "graph", db, "--by", "exe", "-o", f"json={d}/g.json", "-o", f"svg={d}/g.svg", "-o", "text")
    graph = json.load(open(f"{d}/g.json"))
    names = {n["name"].rsplit("/", 1)[-1] for n in graph["nodes"]}
    check("graph: every message received", code == 0 and graph["received"]["messages"] == received, (err, graph["received"], received))
    for part, (a, b) in {"dbus": ("dbus-send", "dbus-daemon"), "dns": ("dig", "dnsmasq"), "http": ("curl", "nginx"), "ssh": ("ssh", "sshd")}.items():
        if part in parts:
            check(f"graph: {a} talks to {b}", {a, b} <= names and re.search(rf"/{a} +→ \S*/{b} ", out), (names, out))
    check("graph: an SVG picture", re.match(r"<\?xml", open(f"{d}/g.svg").read()) is not None)
    code, out, err = run(RG, "report", db, "-o", f"{d}/r.html")
    page = open(f"{d}/r.html").read()
    n = sum(e["event"] != "lost" for e in events)
    check("report: one page of all messages", code == 0 and f"{n} messages" in out + err and page.lstrip().lower().startswith("<!doctype html"), out + err)


def main():
    if os.geteuid() != 0:
        skip("session", "tracing needs root")
        done()
    with tempfile.TemporaryDirectory(prefix="rg-session-") as d:
        db = f"{d}/s.db"
        code, out, err = run(RG, "record", db, "--snaplen", "4096", "-o", f"json={d}/live.json", "--redact", "@http", "--", "bash", SESSION, timeout=200)
        check("the session is recorded", code == 0, err + out)
        parts = {p for p, line in (("dbus", "dbus: "), ("tmux", "tmux: "), ("dns", "dig: recorded.test is 192.0.2.7"), ("http", "hello from nginx"),
                                   ("ssh", "ssh: logged in")) if line in out}
        for p in {"dbus", "tmux", "dns", "http", "ssh"} - parts:
            missing = re.search(r"session: (\S+) is not installed", err)
            (skip(p, missing[0]) if missing else check(f"the session has its part {p}", False, err + out))
        live = open(f"{d}/live.json").read()
        code, out, err = run(RG, "replay", db, "-o", "json")
        check("replay is the live trace, byte for byte", code == 0 and out == live, f"{len(out)} {len(live)} {err}")
        check("the password of the HTTP request was not recorded", "c2VjcmV0OmhpZGRlbg" not in live and ("http" not in parts or '"redacted":' in live))
        events = [json.loads(l) for l in live.splitlines()]
        asked(db, events, parts)
        dissected(d, db, parts)
        drawn(d, db, events, parts)
    done()


main()
