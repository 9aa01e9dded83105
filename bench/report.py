# SPDX-License-Identifier: BSD-2-Clause
"""The report of ./dev bench: text for the terminal, one HTML page without any other file for the browser."""
import html, json, math, os, sys

CSS = ("body{font:15px/1.45 system-ui,sans-serif;max-width:62em;margin:2em auto;padding:0 1em;color:#1b1f24;background:#fff}"
       "table{border-collapse:collapse;margin:.8em 0;font-size:13px}td,th{border-bottom:1px solid #d8dee4;padding:.25em .6em;text-align:right}"
       "td:first-child,th:first-child,.words{text-align:left}h1{font-size:1.6em}h2{font-size:1.2em;margin-top:2em}"
       "pre{background:#f4f6f8;padding:.7em;overflow:auto;font-size:12px}.met{color:#116329}.not{color:#a40e26}svg{max-width:100%;height:auto}"
       "svg text{font:11px system-ui,sans-serif;fill:#1b1f24}")
COLORS = ["#0b62c4", "#c2410c", "#15803d", "#7e22ce", "#b91c1c", "#0e7490", "#a16207", "#475569"]


def ns(v, sign=""):
    """Nanoseconds, in larger units where a watcher is slow, so that columns hold."""
    for limit, div, unit in ((1e6, 1e6, " ms"), (1e5, 1e3, " us")):
        if abs(v) >= limit:
            return f"{v / div:{sign}.1f}{unit}"
    return f"{v:{sign},.0f}"


def words(rows):
    """Columns that hold sentences."""
    return {i for r in rows for i, c in enumerate(r) if len(str(c)) > 40}


def text_table(rows):
    """Columns as wide as they need to be; the first and those of words to the left."""
    widths = [max(len(str(r[i])) if i < len(r) else 0 for r in rows) for i in range(max(map(len, rows)))]
    left = {0} | words(rows)
    return "\n".join("  ".join(f"{str(c):<{w}}" if i in left else f"{str(c):>{w}}" for i, (c, w) in enumerate(zip(r, widths))).rstrip()
                     for r in rows)


def html_table(rows):
    left = words(rows)
    cell = lambda tag, i, c: f"<{tag}{' class=words' if i in left else ''}>{html.escape(str(c))}</{tag}>"
    out = ["<table><tr>" + "".join(cell("th", i, c) for i, c in enumerate(rows[0])) + "</tr>"]
    out += ["<tr>" + "".join(cell("td", i, c) for i, c in enumerate(r)) + "</tr>" for r in rows[1:]]
    return "\n".join(out) + "</table>"


def bars(values, unit, width=880):
    """Horizontal bars on a logarithmic axis: (name, value, spread)."""
    values = [(n, v, s) for n, v, s in values if v > 0]
    if not values:
        return "<p>Nothing was measured.</p>"
    left, right, row = 250, 110, 22
    low, high = 10 ** math.floor(math.log10(min(v for _, v, _ in values))), max(v for _, v, _ in values)
    scale = (width - left - right) / max(math.log10(high / low), 0.3)
    out = [f'<svg viewBox="0 0 {width} {row * len(values) + 30}" role="img">']
    decade = low
    while decade <= high * 1.01:
        x = left + math.log10(decade / low) * scale
        out.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{row * len(values)}" stroke="#d8dee4"/>'
                   f'<text x="{x:.1f}" y="{row * len(values) + 16}" text-anchor="middle">{decade:,.0f} {unit}</text>')
        decade *= 10
    for i, (name, v, s) in enumerate(values):
        w = max(math.log10(v / low) * scale, 1)
        ours = name.startswith("recvguard")
        out.append(f'<text x="{left - 8}" y="{i * row + 15}" text-anchor="end">{html.escape(name)}</text>'
                   f'<rect x="{left}" y="{i * row + 3}" width="{w:.1f}" height="{row - 7}" fill="{COLORS[0] if ours else "#94a3b8"}"/>'
                   f'<text x="{left + w + 6:.1f}" y="{i * row + 15}">{ns(v)} ±{ns(s)}</text>')
    return "\n".join(out) + "</svg>"


def curve(lines, xname, yname, width=880, height=300):
    """Lines over a logarithmic x axis: {name: [(x, y)…]}."""
    points = [p for l in lines.values() for p in l]
    if not points:
        return "<p>Nothing was measured.</p>"
    left, right, top, bottom = 70, 200, 10, 40
    lx = lambda x: math.log10(max(x, 1))
    x0, x1 = min(lx(x) for x, _ in points), max(lx(x) for x, _ in points)
    y1 = max(max(y for _, y in points), 1e-9) * 1.1
    y0 = min(0, min(y for _, y in points) * 1.1)
    px = lambda x: left + (lx(x) - x0) / max(x1 - x0, 1e-9) * (width - left - right)
    py = lambda y: height - bottom - (y - y0) / (y1 - y0) * (height - top - bottom)
    out = [f'<svg viewBox="0 0 {width} {height}" role="img">']
    for i in range(5):
        y = y0 + (y1 - y0) * i / 4
        out.append(f'<line x1="{left}" x2="{width - right}" y1="{py(y):.1f}" y2="{py(y):.1f}" stroke="#d8dee4"/>'
                   f'<text x="{left - 6}" y="{py(y) + 4:.1f}" text-anchor="end">{ns(y)}</text>')
    for x in sorted({x for x, _ in points}):
        out.append(f'<text x="{px(x):.1f}" y="{height - bottom + 16}" text-anchor="middle">{x:,}</text>')
    out.append(f'<text x="{left}" y="{height - 6}">{html.escape(xname)} (logarithmic); vertical: {html.escape(yname)}</text>')
    for i, (name, l) in enumerate(lines.items()):
        c = COLORS[i % len(COLORS)]
        out.append(f'<polyline fill="none" stroke="{c}" stroke-width="2" points="{" ".join(f"{px(x):.1f},{py(y):.1f}" for x, y in l)}"/>')
        out += [f'<circle cx="{px(x):.1f}" cy="{py(y):.1f}" r="3" fill="{c}"/>' for x, y in l]
        out.append(f'<text x="{width - right + 10}" y="{top + 14 + i * 18}" style="fill:{c}">{html.escape(name)}</text>')
    return "\n".join(out) + "</svg>"


class Report:
    """Sections in order; each has text rows and, for the page, plots."""

    def __init__(self, title):
        self.title, self.parts, self.took = title, [], []

    def section(self, title, *, rows=None, note="", plots=(), echo=True):
        self.parts.append((title, rows, note, list(plots)))
        if echo:
            print(f"\n{title}")
            if rows:
                print(text_table(rows))
            if note:
                print(note)
            sys.stdout.flush()

    def write(self, folder):
        """report.html and, for programs, report.json; the page's path."""
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "report.json"), "w") as f:
            json.dump([{"title": t, "rows": [[str(c) for c in r] for r in rows or []], "note": n} for t, rows, n, _ in self.parts], f, indent=1)
        page = os.path.join(folder, "report.html")
        with open(page, "w") as f:
            f.write(self.page())
        return page

    def page(self):
        out = [f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>{html.escape(self.title)}</title>'
               f"<style>{CSS}</style><h1>{html.escape(self.title)}</h1>"]
        for title, rows, note, plots in self.parts:
            out.append(f"<h2>{html.escape(title)}</h2>")
            for caption, svg in plots:
                out.append(f"<p>{html.escape(caption)}</p>{svg}")
            if rows:
                out.append(html_table(rows))
            if note:
                out.append(f"<p>{html.escape(note)}</p>")
        return "\n".join(out) + "</html>\n"
