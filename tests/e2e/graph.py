#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""recvguard graph: of a recording and live, every form, hostile names, bad command lines.

usage: graph.py RECVGUARD
"""
import json, os, subprocess, sys, tempfile
import xml.etree.ElementTree as ET

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import check, done, run

rg = os.path.abspath(sys.argv[1])
SVG = "{http://www.w3.org/2000/svg}"

# Two processes: the parent sends to a named child a message and a descriptor, over a socket of a hostile path.
TALK = r"""
import array, ctypes, os, socket, sys
path = sys.argv[1]
srv = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
srv.bind(path)
srv.listen()
if os.fork() == 0:
    ctypes.CDLL(None).prctl(15, b'"<b>&lt;\\N</g>')
    s, _ = srv.accept()
    s.recv(100)
    s.recvmsg(100, 100)
    s.send(b"ok")
    os._exit(0)
c = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
c.connect(path)
c.send(b"hello")
c.sendmsg([b"take"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [os.open("/etc/passwd", 0)]))])
c.recv(100)
os.wait()
"""


def graph(*args):
    code, out, err = run(rg, "graph", *args)
    return out if code == 0 else f"exit {code}: {err}"


def edges(g):
    names = {n["id"]: n for n in g["nodes"]}
    return [(names[e["from"]], names[e["to"]], e) for e in g["edges"]]


with tempfile.TemporaryDirectory() as d:
    db, sock = os.path.join(d, "m.db"), os.path.join(d, '"><script>x&amp;\\n')
    talk = ["python3", "-c", TALK, sock]
    code, _, err = run(rg, "record", db, "-q", "--", *talk)
    check("a recording is made", code == 0, err)

    g = json.loads(graph(db, "-o", "json"))
    evil = '"<b>&lt;\\N</g>'
    to = [(a, b, e) for a, b, e in edges(g) if b.get("comm") == evil]
    check("the child received two messages, 9 bytes, from its parent", len(to) == 1
          and to[0][2]["received"] == {"messages": 2, "bytes": 9} and to[0][0]["kind"] == "process"
          and to[0][0]["pid"] != to[0][1]["pid"], g)
    check("over the socket of that path", to and to[0][2]["path"] == sock, to)
    check("with a descriptor, which is told", to and to[0][2].get("descriptors")
          == {"passed": 1, "kinds": {"file": 1}, "paths": ["/etc/passwd"]}, to)
    check("totals are those of the edges", g["received"]["messages"]
          == sum(e["received"]["messages"] for e in g["edges"]), g)

    svg = graph(db, "-o", "svg")
    root = ET.fromstring(svg.encode())
    texts = ["".join(t.itertext()) for t in root.iter(SVG + "text")]
    kinds = {e.tag for e in root.iter()}
    check("the picture is well-formed and shows the name as it is, escaped for show",
          any(t.startswith('"<b>&lt;\\\\N</g>[') for t in texts), texts)
    check("nothing received became an element",
          kinds <= {SVG + t for t in ("svg", "g", "title", "polygon", "path", "text", "ellipse", "a", "polyline")}, kinds)
    check("descriptors are drawn as an edge of their own",
          any("descriptors" in e.get("class", "") for e in root.iter(SVG + "g")), svg[:500])
    dot = graph(db, "-o", "dot")
    p = subprocess.run(["dot", "-Tplain"], input=dot, text=True, capture_output=True)
    check("the DOT is what Graphviz reads, without a complaint", p.returncode == 0 and not p.stderr, p.stderr)
    text = graph(db)
    check("the text has a line for each edge", len(text.splitlines()) == len(g["edges"]) and "1 descriptor (1 file)" in text, text)
    check("a filter leaves the rest out", json.loads(graph(db, "-o", "json", "--filter", "fd.count > 0"))
          ["received"] == {"messages": 1, "bytes": 4})
    by_exe = json.loads(graph(db, "-o", "json", "--by", "exe"))
    check("by executable both are one node", [n["members"] for n in by_exe["nodes"]] == [2], by_exe)
    few = json.loads(graph(db, "-o", "json", "--max-nodes", "1"))
    check("the rest is folded, counted and said", few["nodes"][0]["kind"] == "others" and few["nodes"][0]["members"] == 2
          and few["received"] == g["received"], few)

    # live: the command's own traffic, several forms at once
    out = {f: os.path.join(d, "g." + f) for f in ("json", "svg", "dot")}
    code, _, err = run(rg, "graph", "-q", *[a for f, p in out.items() for a in ("-o", f"{f}={p}")], "--",
                       "python3", "-c", TALK, os.path.join(d, "s2"))
    live = json.load(open(out["json"])) if os.path.exists(out["json"]) else {}
    check("live, the same is seen", code == 0 and live.get("received") == g["received"], f"{err}\n{live}")
    check("files are their owner's only", all(os.stat(p).st_mode & 0o77 == 0 for p in out.values()))
    code, _, err = run(rg, "graph", "-q", "--", "sh", "-c", "exit 7")
    check("the command's exit status is passed on", code == 7, err)
    code, stdout, err = run(rg, "graph", "--timeout", "300ms", "-q", "-o", "json", "--comm", "nobody-is-called")
    check("a selection for a time", code == 0 and json.loads(stdout)["nodes"] == [], err)

    for name, args, status, says in [
            ("a file that is not there", ["/nonexistent.db"], 1, "/nonexistent.db"),
            ("a file that is no recording", [os.path.abspath(__file__)], 1, "recording"),
            ("an unknown form", [db, "-o", "png"], 2, "text, dot, svg, json"),
            ("a filter that cannot be understood", [db, "--filter", "nonsense =="], 2, "nonsense"),
            ("a live option with a recording", [db, "--pid", "1"], 2, "--pid"),
            ("a recording and a command", [db, "--", "true"], 2, "not both"),
            ("a folder that is not there", [db, "-o", "dot=/nonexistent/x"], 1, "/nonexistent/x")]:
        code, _, err = run(rg, "graph", *args)
        lines = [l for l in err.splitlines() if l.startswith("recvguard")]
        check(f"{name}: one line, status {status}", code == status and len(lines) == 1 and says in err, f"{code}: {err}")
done()
