#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The report's page, put together into one C file: pieces of HTML, with names of what comes between them.

usage: gen-page.py VERSION PAGE.html PAGE.css PAGE.js LIBRARY.js LIBRARY.css LIBRARY.LICENSE OUT.c

%%NAME%% is filled here; %%=name%% is a hole that the program fills. Scripts and styles are allowed by their
hashes and nothing else is: what was received could not run even if it came to stand there unescaped.
"""
import base64, hashlib, re, sys


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def source(text):
    """'sha256-...' of an inline script or style, as a Content-Security-Policy names it."""
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


def c_string(text):
    """Text as a C string literal, a line each; no line may be too long for readers and compilers."""
    out = []
    for line in re.findall(r".{1,400}|\n", text, re.S):
        b = "".join(chr(c) if 32 <= c < 127 and c not in b'"\\?' else f"\\{c:03o}" for c in line.encode())
        out.append(f'\t"{b}"')
    return "\n".join(out) or '\t""'


def main():
    version, page, css, js, lib, lib_css, licence, out = sys.argv[1:]
    page, css, js, lib, lib_css, licence = map(read, (page, css, js, lib, lib_css, licence))
    uplot = re.search(r"\(v([\d.]+)\)", lib).group(1)
    library = f"/* uPlot {uplot}\n\n{licence.strip()}\n*/\n{lib.strip()}\n"
    style = lib_css.strip() + "\n" + css
    for name, text in ("library", library), ("script", js):
        if re.search(r"</script|<!--", text, re.I):
            sys.exit(f"gen-page: the {name} would end its element")
    csp = f"default-src 'none'; script-src {source(library)} {source(js)}; style-src {source(style)}; img-src data:; " \
          "base-uri 'none'; form-action 'none'"
    fill = {"CSP": csp, "VERSION": version, "UPLOT": uplot, "STYLE": style, "LIBRARY": library, "SCRIPT": js}
    page = re.sub(r"%%([A-Z]+)%%", lambda m: fill[m.group(1)], page)
    parts = re.split(r"%%=(\w+)%%", page)
    pieces, rows = [], []
    for i in range(0, len(parts), 2):
        name = f'"{parts[i + 1]}"' if i + 1 < len(parts) else "NULL"
        pieces.append(f"static const char piece{i // 2}[] =\n{c_string(parts[i])};\n")
        rows.append(f"\t{{piece{i // 2}, sizeof(piece{i // 2}) - 1, {name}}},\n")
    with open(out, "w", encoding="ascii") as f:
        f.write('/* made by tools/gen-page.py */\n#include "report/report.h"\n\n' + "".join(pieces)
                + "\nconst struct page_piece rg_report_page[] = {\n" + "".join(rows) + "};\n")


main()
