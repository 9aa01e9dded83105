#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""--redact: what it hides is in no output and no recording; and whatever a payload holds, no byte of it reaches a text output
unescaped (TAP).

usage: redact.py RECVGUARD
"""
import base64, glob, json, os, subprocess, sys, tempfile

from tap import check, done, run, skip

RG = os.path.abspath(sys.argv[1])
SECRET = "hunter2-is-mine"
TALK = r"""
import os, socket, sys
secret, d = sys.argv[1], sys.argv[2]
a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
def say(data): a.send(data); b.recv(70000)
say(("GET /x?token=%s HTTP/1.1\r\nHost: h\r\nCookie: sid=%s\r\n\r\n" % (secret, secret)).encode())
say(b"\xff\xfe binary password=" + secret.encode() + b"\x00 \x1b[31m")
say(b"x" * 3000 + b" secret: " + secret.encode() + b" " + b"y" * 3000)
say(b"nothing to hide")
# a socket's name and a file's name, both chosen by somebody else
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(os.path.join(d, "token=" + secret))
c = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); c.connect(s.getsockname()); c.send(b"named"); s.recv(10)
f = os.open(os.path.join(d, "pwd=" + secret + ".txt"), os.O_CREAT | os.O_RDWR)
socket.send_fds(a, [b"a file"], [f]); socket.recv_fds(b, 10, 2)
# what a terminal, a log or a page would obey
say(bytes(range(256)))
say("\u202e\u2028\u0085\u200b".encode() + b"\x1b]0;title\x07\x9b2J</script><b>&")
"""
FORMATS = ("text", "json", "tracee", "tracee-v1beta1", "pcapng")


def data_of(e):
    d = e.get("msg", {}).get("data", "")
    return base64.b64decode(d["base64"]) if isinstance(d, dict) else d.encode()


def events(path):
    return [json.loads(l) for l in open(path, encoding="utf-8")]


def raw_controls(data):
    """Bytes that a terminal obeys, C1 in UTF-8 and bidirectional marks included."""
    bad = [b for b in data if (b < 32 and b != 10) or b == 127]
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as e:
        return f"not UTF-8: {e}"
    bad += [c for c in text if 0x80 <= ord(c) < 0xa0 or c in "\u202a\u202b\u202c\u202d\u202e\u2028\u2029\u2066\u2067\u2068\u2069\u200b\u200e\u200f"]
    return bad


def traced(d):
    talk = ["--", sys.executable, "-c", TALK, SECRET, d]
    outs = sum((["-o", f"{f}={d}/out.{f}"] for f in FORMATS), [])
    code, out, err = run(RG, "trace", "-q", "--snaplen", "all", "-x", "--redact", "@password", "--redact", "@http", *outs, "-o",
                         f"sqlite={d}/out.db", "--filter", "sock.family == unix", *talk)
    check("a trace with --redact runs", code == 0, err)
    run(RG, "replay", f"{d}/out.db", "-o", f"json={d}/out.replayed")
    secret = SECRET.encode()
    hexed = [secret.hex().encode(), b" ".join(b"%02x" % b for b in secret[:8]), base64.b64encode(secret)]
    for path in sorted(glob.glob(f"{d}/out.*")):
        blob = open(path, "rb").read()
        found = [w for w in [secret, *hexed] if w in blob]
        check(f"the secret is not in {os.path.basename(path)}", blob and not found, found)
    ev = events(f"{d}/out.json")
    check("nor in any payload behind base64", not any(secret in data_of(e) for e in ev))
    check("a recording replays the same, byte for byte", open(f"{d}/out.json").read() == open(f"{d}/out.replayed").read())
    http = [e for e in ev if b"GET /x" in data_of(e)]
    check("lengths stay, and the rest of the message", http and len(data_of(http[0])) == http[0]["ret"] and
          b"Host: h" in data_of(http[0]) and b"token=" + b"*" * len(SECRET) in data_of(http[0]), http[:1])
    check("the event says how much was hidden", http and http[0]["msg"]["redacted"] >= 2 * len(SECRET), http[:1])
    check("its summary is made of what is left", http and "GET /x" in http[0]["msg"].get("summary", "") and SECRET not in json.dumps(http[0]))
    plain = [e for e in ev if data_of(e) == b"nothing to hide"]
    check("what matches nothing is as it was", plain and "redacted" not in plain[0]["msg"], plain)
    named = [e for e in ev if data_of(e) == b"named"]
    check("names of sockets are hidden", named and named[0]["sock"]["path"].endswith("token=" + "*" * len(SECRET)), named)
    passed = [e for e in ev if e.get("fd")]
    check("names of passed files are hidden", passed and "pwd=***" in passed[0]["fd"][0]["path"], passed)
    check("text marks it", b"redacted " in open(f"{d}/out.text", "rb").read())
    for f in ("text", "json", "tracee", "tracee-v1beta1"):
        bad = raw_controls(open(f"{d}/out.{f}", "rb").read())
        check(f"no byte of a hostile payload is unescaped in {f}", not bad, bad)


def unhidden(d):
    os.mkdir(f"{d}/b")
    talk = ["--", sys.executable, "-c", TALK, SECRET, f"{d}/b"]
    code, _, err = run(RG, "trace", "-q", "--snaplen", "all", "-o", f"json={d}/plain.json", "-o", f"sqlite={d}/plain.db", *talk)
    check("without --redact it is all there (so that the test can see it)", code == 0 and SECRET in open(f"{d}/plain.json").read(), err)
    code, out, err = run(RG, "replay", f"{d}/plain.db", "--redact", "@password", "--redact", r"sid=([^\s]+)", "-o", f"sqlite={d}/shared.db")
    code2, out, _ = run(RG, "replay", f"{d}/shared.db", "-o", "json")
    check("replay --redact makes a recording that can be shared", code == code2 == 0 and out and SECRET not in out, err)
    code, out, err = run(RG, "query", f"{d}/plain.db", f'msg.data contains "{SECRET}"', "--redact", SECRET, "-o", "json")
    check("a filter sees what is hidden from outputs", code == 0 and out and SECRET not in out, err)
    for by in ("text", "pcapng"):
        p = subprocess.run([RG, "query", f"{d}/plain.db", "ret > 0", "-o", by], capture_output=True)
        if by == "text":
            check("query: no byte of a hostile payload is unescaped", not raw_controls(p.stdout), raw_controls(p.stdout))
    p = subprocess.run([RG, "query", f"{d}/plain.db", "--sql", 'SELECT "msg.data", "sock.path", "msg.summary" FROM event'], capture_output=True)
    bad = [b for b in raw_controls(p.stdout) if b != 9]
    check("query --sql: neither", p.returncode == 0 and not bad, bad)
    p = subprocess.run([RG, "query", f"{d}/plain.db", "--json", "--sql", "SELECT * FROM event"], capture_output=True)
    check("query --sql --json: neither", p.returncode == 0 and not raw_controls(p.stdout), raw_controls(p.stdout))


def mistakes():
    code, _, err = run(RG, "replay", "x.db", "--redact", "a(b")
    check("a wrong pattern is one line that shows where", code == 2 and err.count("\n") == 1 and "--redact" in err and "character" in err, err)
    code, _, err = run(RG, "replay", "x.db", "--redact", "@nosuch")
    check("an unknown set too", code == 2 and err.count("\n") == 1 and "@nosuch" in err, err)


def main():
    mistakes()
    if os.geteuid() != 0:
        skip("redact", "tracing needs root")
        done()
    with tempfile.TemporaryDirectory(prefix="rg-redact-") as d:
        os.mkdir(f"{d}/a")
        traced(d)
        unhidden(d)
    done()


main()
