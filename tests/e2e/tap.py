# SPDX-License-Identifier: BSD-2-Clause
"""Small TAP printer for end-to-end tests: check(name, condition, detail), skip(name, why), skip_all(why), done()."""
import subprocess
import sys

_count = 0
_failed = 0


def check(name, ok, detail=""):
    global _count, _failed
    _count += 1
    if not ok:
        _failed += 1
    print(f"{'ok' if ok else 'not ok'} {_count} - {name}", flush=True)
    if not ok and detail:
        for line in str(detail).splitlines()[:30]:
            print(f"# {line}", flush=True)
    return ok


def skip(name, why):
    global _count
    _count += 1
    print(f"ok {_count} - {name} # SKIP {why}", flush=True)


def skip_all(why):
    print(f"1..0 # SKIP {why}")
    sys.exit(0)


def done():
    print(f"1..{_count}", flush=True)
    sys.exit(1 if _failed else 0)


def run(*argv, env=None, timeout=60, **kw):
    """Run a program; its exit status, standard output and standard error as text."""
    p = subprocess.run(argv, env=env, timeout=timeout, capture_output=True, text=True, errors="replace", **kw)
    return p.returncode, p.stdout, p.stderr
