#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The project's rules, one TAP line each.

usage: tools/lint.py [--root DIR] [--build DIR] [--rule NAME]... [--list]

Looks at the files git would commit (tracked, or untracked and not ignored). A violation is printed as
"# FILE:LINE: what, what to do". To add a rule: one function decorated with @rule, and one seeded
violation in tests/lint/selftest.py, which fails without it.
"""
import argparse, json, os, re, shlex, subprocess, sys
from concurrent.futures import ThreadPoolExecutor

# Which rooms a room may include (itself always, the public API always). The arrows of DESIGN/ARCHITECTURE.md.
ARROWS = {
    "src/base": [],
    "src/event": ["base"],
    "src/probe": ["base", "abi"],
    "src/kernel": ["base", "abi"],
    "src/decode": ["base", "event", "abi"],
    "src/enrich": ["base", "event"],
    "src/policy": ["base", "event", "abi"],
    "src/enforce": ["base", "event", "policy", "abi"],
    "src/sink": ["base", "event"],
    "src/stat": ["base", "event", "sink"],
    "src/graph": ["base", "event", "sink"],
    "src/report": ["base", "event", "sink", "graph"],
    "src/redact": ["base", "event", "decode"],
    "src/broker": ["base", "event", "decode", "policy", "abi"],
    "src/pipeline": ["base", "event", "probe", "kernel", "decode", "enrich", "policy", "enforce", "broker", "sink", "graph", "report", "abi"],
    "cli": [],
    "include/recvguard": [],
    "abi": [],
    "bpf": ["abi"],
    "examples": [],
}
MAX_FILE, MAX_FUNCTION = 600, 80
MADE = ("version.inc",)  # by the build, for cli/
CODE = (".c", ".h", ".y", ".l")
PRINTERS = re.compile(r"(?<![\w.>])(?:(v?printf|perror|psignal|puts|putchar|v?syslog|v?warnx?|v?errx?)\s*\(|"
                      r"(v?fprintf|v?dprintf|fputs|fputc|putc)\s*\((?=[^;]*\b(?:stderr|stdout|STD(?:ERR|OUT)_FILENO)\b))")
# Paths that exist on one machine only. The patterns are split so that this file does not match itself.
LOCAL = re.compile(r"(?<![\w.$}])/(?:wo" r"rk/|home/(?!user\b)[a-z]|ro" r"ot/|tmp/(?:wt|brief)\b|Us" r"ers/)")
REGISTRY = re.compile(r"\b(?:pypi\.org|files\.pythonhosted\.org|registry\.npmjs\.org|crates\.io|proxy\.golang\.org|"
                      r"docker\.io|ghcr\.io|quay\.io|artifactory|nexus\.)")
GENERATED = re.compile(r"(^|/)(vmlinux\.h|compile_commands\.json|[^/]*\.skel\.h|[^/]*\.tab\.[ch]|lex\.yy\.c|[^/]*\.pyc|"
                       r"core(\.\d+)?)$|\.(o|a|so|d|gch|swp|bak|orig|rej|log)$|(^|/)(build[^/]*|__pycache__|node_modules)/")
TEXT = re.compile(r"\.(c|h|y|l|def|py|sh|build|md|txt|json|yaml|yml|svg|toml|service|1|8)$|(^|/)(dev|\.ci/run)$")

RULES = {}


def rule(fn):
    RULES[fn.__name__.replace("_", "-")] = fn
    return fn


class Tree:
    """The files under the rules, read once."""

    def __init__(self, root, build):
        self.root, self.build = root, build
        out = subprocess.run(["git", "-C", root, "ls-files", "-co", "--exclude-standard"], check=True,
                             capture_output=True, text=True).stdout
        self.files = sorted(f for f in out.splitlines() if os.path.isfile(os.path.join(root, f)))
        self.cache = {}

    def lines(self, f):
        if f not in self.cache:
            with open(os.path.join(self.root, f), encoding="utf-8", errors="replace") as h:
                self.cache[f] = h.read().split("\n")
        return self.cache[f]

    def under(self, *folders, ext=CODE):
        return [f for f in self.files if f.endswith(ext) and any(f.startswith(d + "/") for d in folders)]

    def text(self):
        return [f for f in self.files if TEXT.search(f)]


def room_of(f):
    return max((r for r in ARROWS if f.startswith(r + "/")), key=len, default=None)


def includes(t, f):
    for n, line in enumerate(t.lines(f), 1):
        m = re.match(r'\s*#\s*include\s*(["<])([^">]+)[">]', line)
        if m:
            yield n, m.group(1), m.group(2)


def strip_code(lines):
    """Lines without comments and the contents of strings, numbering kept."""
    text = "\n".join(lines)
    blank = lambda m: re.sub(r"[^\n]", " ", m.group(0)) if m.group(0)[0] == "/" else '""'
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', blank, text, flags=re.S).split("\n")


@rule
def arrows(t):
    """each room includes only the rooms its arrow points to"""
    rooms = {r.split("/")[-1] for r in ARROWS if r.startswith("src/")} | {"abi"}
    for f in t.under(*ARROWS):
        room = room_of(f)
        own = room.split("/")[-1]
        for n, kind, name in includes(t, f):
            if kind != '"' or name.startswith("recvguard/"):
                continue
            target = name.split("/")[0]
            if "/" not in name or target == own or target in ARROWS[room]:
                continue
            if target in rooms or name.startswith(("src/", "../")):
                yield f, n, f'includes "{name}": {room} may see {", ".join(ARROWS[room]) or "only include/"}'


@rule
def cli_on_api_only(t):
    """cli/ and examples/ include <recvguard/...> and their own files, nothing of src/"""
    for f in t.under("cli", "examples"):
        folder = os.path.dirname(f)
        for n, kind, name in includes(t, f):
            if kind == '"' and os.path.join(folder, name) not in t.files and os.path.join("cli", name) not in t.files \
                    and name not in t.files and os.path.join("cli", name + ".in") not in t.files and name not in MADE:
                yield f, n, f'includes "{name}": the command line is built on the public API alone'


@rule
def library_never_prints(t):
    """src/ returns errors and never prints"""
    for f in t.under("src"):
        for n, line in enumerate(strip_code(t.lines(f)), 1):
            m = PRINTERS.search(line)
            if m and not re.match(r"\s*#", line):
                yield f, n, f"calls {m.group(1) or m.group(2)}(): return a negative errno with rg_fail() instead"


@rule
def file_length(t):
    """no source file over 600 lines"""
    for f in t.files:
        if f.endswith(CODE + (".py", ".sh")) or f == "dev":
            n = len(t.lines(f)) - 1
            if n > MAX_FILE:
                yield f, n, f"{n} lines: split it (at most {MAX_FILE})"


def functions(lines):
    """(name, first line, length) of each C function: a body that opens and closes in column 0."""
    start = name = None
    for n, line in enumerate(lines, 1):
        if line == "{" and start is None:
            head = " ".join(lines[max(0, n - 8):n - 1])
            m = re.findall(r"(\w+)\s*\(", head)
            start, name = n, m[-1] if m else "?"
        elif line.startswith("}") and start is not None:
            yield name, start, n - start + 2
            start = None


@rule
def function_length(t):
    """no function over 80 lines"""
    for f in t.files:
        if not f.endswith((".c", ".h")):
            continue
        for name, start, length in functions(t.lines(f)):
            if length > MAX_FUNCTION:
                yield f, start, f"{name}() has {length} lines (at most {MAX_FUNCTION})"


@rule
def spdx(t):
    """the first line (after #!) names the licence; bpf/ is GPL-2.0-or-later"""
    for f in t.files:
        if not f.endswith(CODE + (".py", ".sh", ".def")) and f != "dev":
            continue
        head = t.lines(f)[:2]
        line = next((l for l in head if "SPDX-License-Identifier" in l), "")
        if not line or (line != head[0] and not head[0].startswith("#!")):
            yield f, 1, "no SPDX-License-Identifier in the first line"
        elif f.startswith("bpf/") and f.endswith((".c", ".h")) and "GPL-2.0-or-later" not in line:
            yield f, 1, "bpf/ is GPL-2.0-or-later (the kernel's helpers ask for it)"


@rule
def no_local_paths(t):
    """no path of one machine, no package registry's host"""
    for f in t.text():
        for n, line in enumerate(t.lines(f), 1):
            m = LOCAL.search(line) or (REGISTRY.search(line) if f != "tools/lint.py" else None)
            if m:
                yield f, n, f"names {m.group(0)}: works on one machine only"


@rule
def nothing_generated(t):
    """no generated, binary or oversized file is committed"""
    for f in t.files:
        if GENERATED.search(f):
            yield f, 1, "is generated: leave it to the build"
        elif os.path.getsize(os.path.join(t.root, f)) > (1 << 20):
            yield f, 1, "is larger than 1 MiB"


@rule
def unit_tests_registered(t):
    """every tests/unit/*.c is built and run"""
    meson = "tests/unit/meson.build"
    text = "\n".join(t.lines(meson)) if meson in t.files else ""
    for f in t.under("tests/unit", ext=(".c",)):
        stem = os.path.basename(f)[:-2]
        if f"'{stem}'" not in text and f"{stem}.c" not in text:
            yield f, 1, f"is not in {meson}: it would never run"


@rule
def no_skip_without_reason(t):
    """no test skips silently or is switched off"""
    pat = re.compile(r"#\s*(?:SKIP|TODO)\s*(?:\\n)?[\"']|\bskip\(\);|#if 0\b")
    for f in t.under("tests", ext=(".c", ".h", ".py", ".sh")):
        if f.startswith("tests/lint/"):
            continue
        lines = t.lines(f)
        for n, line in enumerate(lines, 1):
            told = any("print_message" in l for l in lines[max(0, n - 4):n - 1]) # cmocka's skip() has no reason of its own
            if pat.search(line) and not told:
                yield f, n, "skips without a reason"


def run_tool(cmd, **kw):
    return subprocess.run(cmd, capture_output=True, text=True, errors="replace", **kw)


@rule
def clang_format(t):
    """C sources are as clang-format writes them (./dev fmt)"""
    files = [f for f in t.files if f.endswith((".c", ".h"))]
    bad = {}
    for i in range(0, len(files), 20):
        p = run_tool(["clang-format", "--dry-run", "-Werror", *files[i:i + 20]], cwd=t.root)
        for m in re.finditer(r"^([^\s:]+):(\d+):\d+: error", p.stderr, re.M):
            bad.setdefault(m.group(1), int(m.group(2)))
        if p.returncode and not bad:
            yield "clang-format", 0, p.stderr.strip()[:200]
    for f, n in bad.items():
        yield f, n, "is not formatted: ./dev fmt"


def commands(t):
    """compile_commands.json of the build, BPF sources included, as {source: argv}."""
    build = os.path.join(t.root, t.build)
    p = run_tool([sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)), "compile-commands.py"), build])
    if p.returncode:
        raise RuntimeError(p.stderr.strip() or "no compile commands: build first")
    out = {}
    for c in json.loads(p.stdout):
        src = os.path.relpath(os.path.realpath(os.path.join(c["directory"], c["file"])), os.path.realpath(t.root))
        out[src] = (c["directory"], c.get("arguments") or shlex.split(c["command"]))
    return out


@rule
def compile_commands(t):
    """compile_commands.json knows every C source that is built, BPF included"""
    known = commands(t)
    for f in t.under("src", "cli", ext=(".c",)) + [f for f in t.files if re.match(r"bpf/.*\.bpf\.c$", f)]:
        if f not in known:
            yield f, 1, "is in no build target: build it or remove it"


@rule
def cppcheck(t):
    """cppcheck finds nothing (warning, performance, portability)"""
    files = t.under("src", "cli", "bench", ext=(".c",))
    if not files:
        return
    cache = os.path.join(t.root, t.build, "cppcheck")
    os.makedirs(cache, exist_ok=True)
    cmd = ["cppcheck", "-q", "-j2", "--enable=warning,performance,portability", "--inline-suppr", "--std=c11",
           "--template={file}:{line}: {id}: {message}", f"--cppcheck-build-dir={cache}", "--check-level=normal",
           "-Iinclude", "-Isrc", "-I.", "-D_GNU_SOURCE", "-D__x86_64__",
           # libbpf's, or it gives up on the files that use them
           "-Dbpf_object__for_each_program(pos,obj)=while(((pos)=bpf_object__next_program((obj),(pos))))",
           "-Dbpf_object__for_each_map(pos,obj)=while(((pos)=bpf_object__next_map((obj),(pos))))",
           "-DLIBBPF_OPTS(type,name,...)=struct type name={.sz=sizeof(struct type),__VA_ARGS__}"]
    if "check-level" not in run_tool(["cppcheck", "--help"]).stdout:
        cmd.remove("--check-level=normal")
    supp = os.path.join(t.root, "tools/cppcheck.supp")
    if os.path.exists(supp):
        cmd.append(f"--suppressions-list={supp}")
    p = run_tool(cmd + files, cwd=t.root)
    if p.returncode:
        yield "cppcheck", 0, (p.stderr or p.stdout).strip()[:200]
    for line in p.stderr.splitlines():
        m = re.match(r"([^:\s]+):(\d+): (.*)", line)
        if m:
            yield m.group(1), int(m.group(2)), m.group(3)


TIDY = "-*,bugprone-*,-bugprone-easily-swappable-parameters,-bugprone-reserved-identifier," \
       "-bugprone-narrowing-conversions,-bugprone-assignment-in-if-condition,-bugprone-implicit-widening-of-multiplication-result," \
       "-bugprone-branch-clone,-bugprone-suspicious-string-compare,-bugprone-not-null-terminated-result,-bugprone-sizeof-expression,-bugprone-macro-parentheses,-bugprone-signal-handler,-bugprone-multi-level-implicit-pointer-conversion," \
       "misc-redundant-expression,misc-static-assert,performance-*,-performance-no-int-to-ptr"


def tidy_one(t, f, directory, argv):
    import hashlib
    skip = {"-MD", "-MQ", "-MF", "-MT", "-o", "-c"}
    args, drop = [], False
    for a in argv[1:]:
        if drop:
            drop = False
        elif a in skip:
            drop = a not in ("-MD", "-c")
        elif not a.endswith(".c") and not a.startswith(("-fsanitize", "-Werror")):
            args.append(a)
    pre = run_tool(["clang", "-E", "-P", *args, os.path.join(t.root, f)], cwd=directory)
    key = hashlib.sha256((TIDY + pre.stdout + str(t.lines(f))).encode()).hexdigest()
    mark = os.path.join(t.root, t.build, "tidy", key)
    if pre.returncode == 0 and os.path.exists(mark):
        return []
    p = run_tool(["nice", "clang-tidy", "--quiet", f"--checks={TIDY}", os.path.join(t.root, f), "--", *args], cwd=directory)
    out = [(f, int(m.group(1)), m.group(2)) for m in
           re.finditer(re.escape(f) + r":(\d+):\d+: (?:warning|error): (.*)", p.stdout)]
    if not out:
        os.makedirs(os.path.dirname(mark), exist_ok=True)
        open(mark, "w").close()
    return out


@rule
def clang_tidy(t):
    """clang-tidy finds nothing (bugprone, performance; unchanged files are remembered)"""
    known = commands(t)
    files = [f for f in t.under("src", "cli", ext=(".c",)) if f in known]
    with ThreadPoolExecutor(2) as pool:
        for found in pool.map(lambda f: tidy_one(t, f, *known[f]), files):
            yield from found


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--root", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    ap.add_argument("--build", default="build")
    ap.add_argument("--rule", action="append")
    ap.add_argument("--list", action="store_true")
    a = ap.parse_args()
    if a.list:
        print("\n".join(f"{n:24} {f.__doc__}" for n, f in RULES.items()))
        return 0
    names = a.rule or list(RULES)
    unknown = [n for n in names if n not in RULES]
    if unknown:
        sys.exit(f"lint: no rule {unknown[0]}; --list names them")
    tree = Tree(os.path.abspath(a.root), a.build)
    print(f"1..{len(names)}")
    bad = 0
    for i, name in enumerate(names, 1):
        try:
            found = list(RULES[name](tree))
        except (RuntimeError, OSError) as e:
            found = [("lint", 0, str(e))]
        bad += bool(found)
        print(f"{'not ' if found else ''}ok {i} - {name}: {RULES[name].__doc__}", flush=True)
        for f, n, what in found[:40]:
            print(f"# {f}:{n}: {what}")
        if len(found) > 40:
            print(f"# and {len(found) - 40} more")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
