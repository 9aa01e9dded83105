# SPDX-License-Identifier: BSD-2-Clause
"""The command line: every verb and option stands in help, manual page and the completion of each shell; errors are
one clear line; what the documents name exists.

usage: cli.py RECVGUARD SOURCE
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

from tap import check, done, run, skip

program, source = sys.argv[1:3]


def ask(*args, **kw):
    return run(program, *args, **kw)


def one_line(name, args, code, *says, **kw):
    got, out, err = ask(*args, **kw)
    check(name, got == code and err.count("\n") == 1 and err.endswith("\n") and all(s in err for s in says),
          f"status {got}\n{err}")


# ---- tables ----
code, text, err = ask("help")
verbs = re.findall(r"^  (\w[\w -]*?)  +\S", text.split("Verbs:")[1], re.M)
check("help lists verbs", code == 0 and "doctor" in verbs and "help" in verbs, text)
rows = re.findall(r"^RG_VERB\((\w+),", open(os.path.join(source, "cli/verbs.def")).read(), re.M)
check("every row of verbs.def is listed or hidden",
      sorted(v.replace(" ", "_") for v in verbs) == sorted(set(rows) - {"man", "completion"}), (verbs, rows))
shells = {s: ask("__completion", s)[1] for s in ("bash", "zsh", "fish")}
_, top_page, _ = ask("__man")
options = {}
for verb in verbs:
    code, text, err = ask("help", *verb.split())
    again = ask(*verb.split(), "--help")
    check(f"{verb}: help VERB and VERB --help are the same", code == 0 and again == (0, text, ""), again)
    options[verb] = re.findall(r"^  (?:-(\w), |    )--([\w-]+)( \S+)?", text, re.M)
    check(f"{verb}: has examples that name real verbs and options", "Examples:" in text, text)
    for line in re.findall(r"^  .*?recvguard (.*)", text.split("Examples:")[1], re.M):
        if line.startswith(verb):
            for o in re.findall(r"(?<![\w-])--([a-z][\w-]*)", line.split(" -- ")[0].split("|")[0].split("'")[0].split("  #")[0]):
                check(f"{verb}: the example's --{o} exists", o in [x[1] for x in options[verb]], line)
    code, page, err = ask("__man", *verb.split())
    page = page.replace("\\-", "-").replace("\\fB", "").replace("\\fR", "").replace("\\fI", "")
    check(f"{verb}: stands in recvguard(1)", f"\n.B {verb}\n" in top_page)
    for letter, name, arg in options[verb]:
        where = [w for w, ok in (
            ("man", re.search(rf"^(-\w, )?--{re.escape(name)}( |$)", page, re.M) and (not letter or f"-{letter}, --{name}" in page)),
            ("bash", verb == "help" or re.search(rf"'{verb}'\) words='[^']*--{re.escape(name)} ?", shells["bash"])),
            ("zsh", verb == "help" or f"--{name}[" in shells["zsh"]),
            ("fish", re.search(rf"__recvguard_verb \"{verb}\"' -l {re.escape(name)}( |$)", shells["fish"], re.M)),
        ) if not ok]
        check(f"{verb}: --{name} stands in man, bash, zsh and fish", not where, f"missing in {where}")

# ---- shells and roff accept what is generated ----
with tempfile.TemporaryDirectory() as tmp:
    for shell, args in (("bash", ["-n"]), ("zsh", ["-n"]), ("fish", ["--no-execute"])):
        path = os.path.join(tmp, shell)
        open(path, "w").write(shells[shell])
        if not shutil.which(shell):
            skip(f"{shell} parses its completion", f"{shell} is not installed")
            continue
        code, out, err = run(shell, *args, path)
        check(f"{shell} parses its completion", code == 0 and not err, err)
    complete = ("source {0}; COMP_WORDS=({1}); COMP_CWORD=$((${{#COMP_WORDS[@]}}-1)); _recvguard 2>/dev/null; "
                "echo ${{COMPREPLY[@]}}")
    for words, want in (("recvguard tr", "trace"), ("recvguard trace --tier t", "tracepoint"), ("recvguard trace -o js", "json"), ("recvguard doctor --js", "--json"), ("recvguard help doc", "doctor")):
        code, out, err = run("bash", "-c", complete.format(os.path.join(tmp, "bash"), words))
        check(f"bash completes '{words}'", want in out.split(), out + err)
    if shutil.which("fish"):
        for words, want in (("recvguard tr", "trace"), ("recvguard trace --tier tr", "trampoline"), ("recvguard help doc", "doctor")):
            code, out, err = run("fish", "--no-config", "-c", f"source {tmp}/fish; complete -C '{words}'", env=dict(os.environ, HOME=tmp))
            check(f"fish completes '{words}'", want in [l.split("\t")[0] for l in out.splitlines()], out + err)
    else:
        skip("fish completes", "fish is not installed")
    for verb in [None] + verbs:
        if not shutil.which("man"):
            skip("man pages format without warnings", "man is not installed")
            break
        page = os.path.join(tmp, "page.1")
        open(page, "w").write(ask("__man", *(verb.split() if verb else []))[1])
        p = subprocess.run(["man", "--warnings", "-l", page], capture_output=True, text=True,
                           env=dict(os.environ, MANWIDTH="80", LC_ALL="C.UTF-8", PAGER="cat"))
        check(f"man page of {verb or 'recvguard'} formats without warnings", p.returncode == 0 and not p.stderr, p.stderr)

# ---- errors ----
one_line("an unknown verb names the nearest", ["doctr"], 2, "'doctr'", "'doctor'")
one_line("an unknown option names the nearest", ["doctor", "--jsn"], 2, "--jsn", "--json", "recvguard help doctor")
one_line("a superfluous word is named", ["doctor", "now"], 2, "'now'")
one_line("help of an unknown verb", ["help", "docter"], 2, "docter", "doctor")
if "policy check" in verbs:
    one_line("half a verb names the rest", ["policy"], 2, "check", "test")
    one_line("half a verb and a mistake name the nearest", ["policy", "chek"], 2, "'policy check'")
    check("half a verb has help", ask("policy", "--help") == ask("help", "policy") and ask("help", "policy")[0] == 0)
code, out, err = ask()
check("without a verb the verbs are listed, status 2", code == 2 and "Verbs:" in err and not out, err)
for args in (["help"], ["doctor", "--json"], ["--version"], ["__man", "doctor"]):
    with open("/dev/full", "w") as full:
        p = subprocess.run([program, *args], stdout=full, stderr=subprocess.PIPE, text=True)
    check(f"{' '.join(args)}: a full disk is one line and status 1",
          p.returncode == 1 and p.stderr.count("\n") == 1 and "No space left" in p.stderr, (p.returncode, p.stderr))
r, w = os.pipe()
os.close(r)
p = subprocess.run([program, "help"], stdout=w, stderr=subprocess.PIPE, text=True)
os.close(w)
check("a closed pipe is one line and status 1", p.returncode == 1 and "Broken pipe" in p.stderr, (p.returncode, p.stderr))
code, out, err = ask("--version")
check("--version tells version, commit, compiler and libraries",
      code == 0 and re.match(r"recvguard \d+\.\d+\.\d+\n", out) and all(w in out for w in ("commit", "gcc", "libbpf")), out)

# ---- documents ----
docs = [os.path.join(source, f) for f in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md")]
docs += [os.path.join(source, "docs", f) for f in sorted(os.listdir(os.path.join(source, "docs"))) if f.endswith(".md")]
tracked = [os.path.join(d, f) for room in ("abi", "bpf", "cli", "include", "src", "tests", "tools", "bench") for d, _, fs in os.walk(os.path.join(source, room))
           for f in fs if f.endswith((".c", ".h", ".def", ".y", ".l", ".py"))]
code_text = "\n".join(open(f, errors="replace").read() for f in tracked)
symbols = set(re.findall(r"\b\w+\b", code_text))
for doc in docs:
    name = os.path.relpath(doc, source)
    if not check(f"{name} is there", os.path.exists(doc)):
        continue
    text = open(doc).read()
    missing = [p for p in re.findall(r"\]\(([^)#]+)", text) if "://" not in p
               and not os.path.exists(os.path.join(os.path.dirname(doc), p))]
    check(f"{name}: its links lead to files", not missing, missing)
    unknown = []
    shown = re.findall(r"```sh\n(.*?)```", text, re.S) + re.findall(r"`(recvguard [^`\n]*)`", text)
    for block in re.findall(r"```console\n(.*?)```", text, re.S):
        shown += re.findall(r"^[$#] (.*)", block, re.M)
    for line in re.findall(r"^recvguard ([a-z_]+[^\n]*)", "\n".join(shown), re.M):
        words = line.split()
        verb = " ".join(words[:2]) if " ".join(words[:2]) in verbs else words[0]
        if verb not in verbs and not any(v.startswith(verb + " ") for v in verbs):
            unknown.append(line)
            continue
        for o in re.findall(r"(?<![\w-])--([a-z][\w-]*)", line.split(" -- ")[0].split("|")[0].split("'")[0].split("  #")[0]):
            if verb in options and o not in [x[1] for x in options[verb]]:
                unknown.append(f"--{o} in: {line}")
    check(f"{name}: the commands it shows exist", not unknown, "\n".join(unknown))
    gone = [n for n in re.findall(r"`((?:rg|cli)_\w+|RG_\w+)`", text) if n not in symbols and not n.isupper() and "SYMBOL" not in n
            and not n.startswith("cli_verb_count")]
    check(f"{name}: the functions it names exist", not gone, gone)
    files = [p for p in re.findall(r"`((?:abi|bench|bpf|cli|docs|examples|include|src|tests|tools)/[\w./*-]+\.(?:c|h|def|py|sh|md|build|yaml))`", text)
             if "*" not in p and "NAME" not in p and not os.path.exists(os.path.join(source, p))]
    check(f"{name}: the files it names exist", not files, files)
done()
