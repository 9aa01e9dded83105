#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""meson install into a folder: the program, a manual page for each verb, completion of three shells (TAP).

usage: install.py BUILD
"""
import glob, os, re, subprocess, sys, tempfile

from tap import check, done, run

BUILD = os.path.abspath(sys.argv[1])

with tempfile.TemporaryDirectory(prefix="rg-install-") as dest:
    p = subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--quiet"], env=dict(os.environ, DESTDIR=dest), capture_output=True, text=True)
    check("meson install succeeds", p.returncode == 0, p.stdout + p.stderr)
    files = {os.path.relpath(os.path.join(d, f), dest) for d, _, fs in os.walk(dest) for f in fs}
    one = lambda end: [f for f in files if f.endswith(end)]
    program = one("bin/recvguard")
    check("the program is installed, executable", len(program) == 1 and os.access(os.path.join(dest, program[0]), os.X_OK), files)
    code, out, err = run(os.path.join(dest, program[0]), "--version")
    check("it runs from there, and tells how it was built", code == 0 and all(w in out for w in ("commit", "compiler", "libraries", "sqlite3", "ncurses")), out + err)
    verbs = re.findall(r"^  (\w[\w -]*?)  +\S", run(os.path.join(dest, program[0]), "help")[1].split("Verbs:")[1], re.M)
    pages = {os.path.basename(f) for f in files if "/man1/" in f}
    want = {"recvguard.1"} | {f"recvguard-{v.replace(' ', '-')}.1" for v in verbs}
    check("a manual page for each verb, and none more", pages == want, pages ^ want)
    empty = [f for f in files if os.path.getsize(os.path.join(dest, f)) < 200]
    check("nothing is empty", not empty, empty)
    for end in ("bash-completion/completions/recvguard", "zsh/site-functions/_recvguard", "fish/vendor_completions.d/recvguard.fish"):
        found = [f for f in files if end in f]
        check(f"completion: {end}", len(found) == 1 and "replay" in open(os.path.join(dest, found[0])).read(), files)
done()
