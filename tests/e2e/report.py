#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""recvguard report: the page in headless Chromium. What it shows is what the recording holds; it asks the
network for nothing; hostile names and payloads stay text.

usage: report.py RECVGUARD SAMPLE
"""
import json, os, re, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "lib")]
from browser import Browser, program
from tap import check, done, run, skip

rg, sample = map(os.path.abspath, sys.argv[1:3])
READY = "document.documentElement.dataset.ready === 'yes'"
CARDS = "Object.fromEntries([...document.querySelectorAll('#totals div')].map(d => [d.children[0].textContent, d.children[1].textContent]))"
FOUND = "document.getElementById('found').textContent"


def number(text):
    """0 where there is none: the check then fails by what it compares."""
    return int(re.sub(r"[^\d]", "", text) or 0)


def sql(db, what):
    code, out, err = run(rg, "query", db, "-q", "--sql", f"SELECT {what}")
    return [int(x or 0) for x in out.strip().split("\t")] if code == 0 else err


def opened(b, page, what):
    b.told.clear()
    b.requests.clear()
    b.open(page)
    ok = b.wait(READY)
    check(f"{what}: opens, and has nothing to complain about", ok and not b.told, b.told)
    check(f"{what}: asks for nothing but itself", all(u.startswith("data:") or u.startswith("file://") and "html" in u for u in b.requests)
          and len([u for u in b.requests if u.startswith("file:")]) == 1, b.requests)


def find(b, text):
    b.js(f"(() => {{ const f = document.getElementById('find'); f.value = {json.dumps(text)}; f.dispatchEvent(new Event('input')); }})()")
    before = b.js("document.getElementById('page').textContent")
    b.js("new Promise(r => setTimeout(r, 250))")  # longer than the page waits for more typing
    return number(b.js(FOUND).split(" of ")[0]), before


def totals(b, db):
    got = {k: v for k, v in b.js(CARDS).items()}
    where = "FROM event WHERE event <> 'lost' AND ret >= 0"
    messages, size = sql(db, f"count(*), sum(ret) {where}")
    truncated, = sql(db, "count(*) FROM finding")
    denied, = sql(db, "count(*) FROM denial")
    lost, = sql(db, 'sum("lost.count") FROM loss')
    fds, = sql(db, "count(*) FROM fd")
    failed, = sql(db, "count(*) FROM event WHERE ret < 0")
    want = {"Received": messages, "Truncated": truncated, "Denied": denied, "Lost": lost, "Descriptors": fds, "Failed calls": failed}
    check("the totals are those of the recording", {k: number(got[k]) for k in want} == want and min(want.values()) > 0, f"{got}\n{want}")
    check("losses are said at the top", b.js("!document.getElementById('losses').hidden && document.getElementById('losses').textContent").startswith(f"{lost:,} "))
    edges = b.js("JSON.parse(document.getElementById('data').textContent).graph.edges.reduce((a, e) => a + e.received.messages, 0)")
    check("the graph has every message", edges == messages, f"{edges} {messages}")
    series = b.js("(() => { const s = JSON.parse(document.getElementById('data').textContent).series; return s.rows.reduce((a, r) => a + r[0] + r[1] + r[2] + r[3], 0); })()")
    check("the rates have every message", series == messages, f"{series} {messages}")
    hist = b.js("JSON.parse(document.getElementById('data').textContent).size.buckets.reduce((a, r) => a + r[2], 0)")
    check("the distribution of sizes has every message", hist == messages, f"{hist} {messages}")
    return got, size


def charts(b):
    drawn = b.js("""[...document.querySelectorAll('.plot canvas')].map(c =>
        c.width && c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(x => x))""")
    check("six charts are drawn", len(drawn) == 6 and all(drawn), drawn)
    check("each says in words what it shows", b.js("[...document.querySelectorAll('.plot')].every(p => p.getAttribute('aria-label').length > 20)"))
    b.js("document.querySelector('.chart details').open = true")
    check("and is there as a table", b.wait("document.querySelector('.chart details tbody tr') !== null", 5))
    nodes = b.js("[document.querySelectorAll('#picture g.node').length, JSON.parse(document.getElementById('data').textContent).graph.nodes.length]")
    check("the graph has its nodes", nodes[0] == nodes[1] > 10, nodes)
    check("descriptors and denials are drawn as such", b.js("document.querySelectorAll('#picture g.descriptors').length > 0 && document.querySelectorAll('#picture g.edge.denied').length > 0"))


def messages(b, events):
    n = len(events)
    check("all messages are there, a hundred to a page", b.js("document.querySelectorAll('tr.row').length") == 100 and b.js(FOUND) == f"{n:,} of {n:,}", b.js(FOUND))
    b.js("document.getElementById('next').click()")
    check("the next page follows", number(b.js("document.querySelector('tr.row td').textContent")) == events[100]["id"])
    path = "/run/service-5"
    want = sum(path in str(e.get("sock", {}).get("path")) for e in events)
    check("a search finds what holds the text", find(b, path)[0] == want > 0, f"{b.js(FOUND)} {want}")
    want = sum(path in str(e.get("sock", {}).get("path")) and "broker-0" in (e["proc"]["comm"], e.get("sender", {}).get("comm"))
               for e in events if "proc" in e)
    check("several words must all be there", find(b, "broker-0[1000] " + path)[0] == want > 0, f"{b.js(FOUND)} {want}")
    find(b, "")
    b.js("document.querySelector('[data-only=denied]').click()")
    want = sum("verdict" in e for e in events)
    check("only the denied", number(b.js(FOUND).split(" of ")[0]) == want > 0, f"{b.js(FOUND)} {want}")
    b.js("document.querySelector('[data-only=denied]').click()")
    check("a node of the graph leads to its messages", b.js("""(() => { const g = document.querySelector('#picture g.node.process');
        g.dispatchEvent(new MouseEvent('click', {bubbles: true})); return document.getElementById('find').value; })()""").endswith("]")
        and 0 < number(b.js(FOUND).split(" of ")[0]) < n, b.js(FOUND))
    find(b, "")
    b.js("document.querySelector('tr.row').focus()")
    for kind in "keyDown", "keyUp":
        b.call("Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", windowsVirtualKeyCode=13)
    detail = b.js("(document.querySelector('td.detail') || {}).textContent || ''")
    e = events[0]
    check("a message opens by the keyboard, decoded", e["proc"]["exe"] in detail and e["msg"]["summary"] in detail and "leader_start" in detail, detail)
    check("numbers beyond JavaScript's are exact", str(e["sock"]["inode"]) in detail and e["sock"]["inode"] > 2 ** 53, detail)
    check("its payload stands in hexadecimal", e["msg"]["data"].encode()[:16].hex(" ") in detail, detail)


def looks(b, page):
    dark = "(() => { const [r, g, b] = getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number); return r + g + b < 200; })()"
    axis = "getComputedStyle(document.documentElement).getPropertyValue('--ink').trim()"
    check("light by default", b.js(dark) is False)
    ink = b.js(axis)
    b.screen(1280, 900, dark=True)
    check("dark where the system is", b.js(dark) is True and b.js(axis) != ink)
    check("charts are drawn anew for it", b.js("document.querySelectorAll('.plot canvas').length") == 6)
    b.js("document.getElementById('theme').click()")
    check("light by choice", b.js(dark) is False and b.js("document.getElementById('theme').textContent") == "Theme: light")
    b.screen(390, 844, mobile=True)
    b.open(page)
    b.wait(READY)
    check("a phone's width is enough", b.js("document.documentElement.scrollWidth") <= 390, b.js("document.documentElement.scrollWidth"))
    b.screen(1280, 900)
    b.open(page)
    b.wait(READY)
    b.screen(390, 844)  # a window made narrow: charts follow
    b.js("new Promise(r => setTimeout(r, 300))")
    wide = b.js("""[...document.querySelectorAll('main *')].filter(e => !e.closest('.scroll, .picture') &&
        e.getBoundingClientRect().right > innerWidth).map(e => `${e.tagName} ${e.className} ${e.getBoundingClientRect().right}`)""")
    check("and nothing is cut there: charts and their words fit, only tables and the picture scroll", wide == [], wide)
    broken = b.js("""[...document.querySelectorAll('main td:not(.path)')].filter(e => e.children.length == 0 && /^\\w+$/.test(e.textContent) &&
        (r => (r.selectNodeContents(e), r.getClientRects().length > 1))(document.createRange())).map(e => e.textContent)""")
    check("no word is broken to make a table narrow", broken == [], broken)
    b.screen(1280, 900)
    b.js("try { localStorage.clear() } catch {}")


def closed(b):
    """Even a script that came to stand in the page would neither run nor reach the network."""
    ran = b.js("""(async () => { const s = document.createElement('script'); s.textContent = 'window.ran = 1';
        document.body.append(s); let out = 'refused';
        try { await fetch('https://example.org/'); out = 'sent'; } catch {}
        const i = new Image(); const tried = new Promise(r => { i.onerror = () => r('refused'); i.onload = () => r('sent'); });
        i.src = 'http://127.0.0.1:9/x.png'; return [window.ran || 0, out, await tried]; })()""")
    check("the page forbids itself scripts and the network", ran == [0, "refused", "refused"], ran)
    check("and said so", sum("Content Security Policy" in t for t in b.told) >= 2, b.told)


def hostile(b, d):
    db = os.path.join(d, "<img src=x id=pwn onerror=\"document.title='pwned'\">.db")
    page = os.path.join(d, "hostile.html")
    code, _, err = run(sample, db, "3000", "hostile")
    check("a hostile recording is made", code == 0, err)
    code, _, err = run(rg, "report", db, "-o", page, "--filter", "proc.comm != \"<b id=pwn>\"")
    check("and reported", code == 0, err)
    opened(b, page, "hostile")
    b.js("[...document.querySelectorAll('details')].forEach(x => x.open = true)")
    b.js("[...document.querySelectorAll('main section button')].filter(x => x.textContent.startsWith('Show all')).forEach(x => x.click())")
    b.js("[...document.querySelectorAll('tr.row')].slice(0, 40).forEach(x => x.click())")
    b.js("document.getElementById('next').click()")
    find(b, "<img")
    shown = b.js("document.getElementById('rows').textContent")
    check("nothing of it became an element", b.js("document.querySelectorAll('[id=pwn], [onerror], [onload], b, img, main script').length") == 0)
    check("nothing of it ran", "pwned" not in b.js("document.title").split(".db")[-1] and not b.told and b.js("document.title").startswith("<img src=x"), f"{b.js('document.title')} {b.told}")
    check("it is shown as what it is", "<img src=x id=pwn onerror=\"document.title='pwned'\">" in shown, shown)
    check("and found", number(b.js(FOUND).split(" of ")[0]) > 0, b.js(FOUND))
    check("directions and escapes are shown, not obeyed", b.js("!/[\\u202e\\u001b\\u0007]/.test(document.body.innerText)")
          and b.js("document.body.textContent.includes('\\\\u{202e}')"))
    source = open(page, encoding="utf-8").read()
    check("the file itself has no such byte", not re.search("[\\u202e\\x1b\\x07]|<img|<b id", source))


def kept(b, d, db, events):
    page = os.path.join(d, "few.html")
    code, out, err = run(rg, "report", db, "-o", page, "--rows", "50")
    check("so many rows, as asked", code == 0 and "50 of them" in out, out + err)
    opened(b, page, "few")
    check("the page says that they are the first", "The first 50 of" in b.js("document.getElementById('kept').textContent"), b.js("document.getElementById('kept').textContent"))
    run(rg, "report", db, "-o", page, "--rows", "50", "--last", "-q")
    opened(b, page, "last")
    ids = b.js("[...document.querySelectorAll('tr.row td:first-child')].map(x => x.textContent)")
    check("or the last", [number(i) for i in ids] == [e["id"] for e in events[-50:]], ids)
    code, out, err = run(rg, "report", db, "-o", page, "--filter", "ret > 1000000000")
    opened(b, page, "empty")
    check("nothing matches: the page says so", code == 0 and b.js("document.body.innerText.includes('No messages.')"), err)


def apart(source):
    """Without the picture: how Graphviz bends an edge depends on where its memory lies."""
    return re.sub(r"<svg.*?</svg>", "", source, flags=re.S)


def documented(db):
    """The questions of docs/report.md are answered, each with rows."""
    with open(os.path.join(HERE, "..", "..", "docs", "report.md"), encoding="utf-8") as f:
        block = re.search(r"```sql\n(.*?)```", f.read(), re.S).group(1)
    questions = [l for l in block.splitlines() if l.startswith("SELECT")]
    check("the manual has questions", len(questions) >= 6)
    for q in questions:
        code, out, err = run(rg, "query", db, "-q", "--sql", q.replace("dbus-daemon", "broker-0"))
        check(f"as in the manual: {q}", code == 0 and out.strip(), err)


def main():
    if not program():
        skip("all", "chromium is not installed (tools/packages-test.txt)")
        return done()
    with tempfile.TemporaryDirectory() as d:
        db, page = os.path.join(d, "m.db"), os.path.join(d, "page.html")
        code, _, err = run(sample, db, "4800")
        check("a recording is made", code == 0, err)
        code, out, err = run(rg, "report", db)
        beside = os.path.join(d, "m.html")
        check("the page stands beside it, by the same name", code == 0 and os.path.exists(beside) and beside in out, out + err)
        code, out, err = run(rg, "report", db, "-q", "-o", page)
        check("or where it is wanted, for its owner only", code == 0 and not out and os.stat(page).st_mode & 0o77 == 0, out + err)
        source = open(page, encoding="utf-8").read()
        check("the same recording gives the same page, but for the picture", apart(source) == apart(open(beside, encoding="utf-8").read()))
        check("the library's notice is in it", "Permission is hereby granted" in source and "uPlot" in source)
        events = [json.loads(l) for l in run(rg, "replay", db, "-q", "-o", "json")[1].splitlines()]
        b = Browser()
        try:
            b.screen(1280, 900)
            opened(b, page, "report")
            totals(b, db)
            charts(b)
            messages(b, events)
            looks(b, page)
            closed(b)
            kept(b, d, db, events)
            hostile(b, d)
        finally:
            b.close()
        documented(db)
        for name, args, status, says in [
                ("a file that is not there", ["/nonexistent.db"], 1, "/nonexistent.db"),
                ("a file that is no recording", [page, "-o", page + "2"], 1, "recording"),
                ("a filter that cannot be understood", [db, "--filter", "nonsense =="], 2, "nonsense"),
                ("a folder that is not there", [db, "-o", "/nonexistent/x.html"], 1, "/nonexistent/x.html"),
                ("a full disk", [db, "-o", "/dev/full"], 1, "/dev/full")]:
            code, _, err = run(rg, "report", *args)
            lines = [l for l in err.splitlines() if l.startswith("recvguard")]
            check(f"{name}: one line, status {status}", code == status and len(lines) == 1 and says in err, f"{code}: {err}")
    done()


main()
