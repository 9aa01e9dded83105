#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Print compile_commands.json of a build folder, BPF sources included (Meson leaves custom targets out).

usage: tools/compile-commands.py BUILDDIR > compile_commands.json
"""
import json, os, re, shlex, subprocess, sys


def main():
    if len(sys.argv) != 2 or not os.path.exists(os.path.join(sys.argv[1], "build.ninja")):
        sys.exit("usage: compile-commands.py BUILDDIR (one that meson has set up)")
    build = os.path.abspath(sys.argv[1])
    with open(os.path.join(build, "compile_commands.json")) as f:
        out = json.load(f)
    p = subprocess.run(["ninja", "-C", build, "-t", "compdb", "CUSTOM_COMMAND", "CUSTOM_COMMAND_DEP"],
                       check=True, capture_output=True, text=True)
    for c in json.loads(p.stdout[p.stdout.index("["):]):
        argv = shlex.split(c["command"])
        if "bpf" in argv and "-target" in argv:
            src = next((a for a in argv if re.search(r"\.bpf\.c$|/bpf/.*\.c$", a)), None)
            if src:
                out.append({"directory": build, "arguments": argv, "file": src, "output": c["output"]})
    json.dump(out, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
