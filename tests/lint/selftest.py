#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Each rule of tools/lint.py passes a clean small tree and fails on one seeded violation of it."""
import os, subprocess, sys, tempfile

LINT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools/lint.py")
FORMAT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../.clang-format")
HEAD = "/* SPDX-License-Identifier: BSD-2-Clause */\n"
GPL = "/* SPDX-License-Identifier: GPL-2.0-or-later */\n"
SH, HOME = "#!/bin/sh\n# SPDX-License-Identifier: BSD-2-Clause\n", "/ho" "me/"
MESON = """project('t', 'c')
clang = find_program('clang')
executable('t', 'src/base/a.c', 'cli/main.c', include_directories: include_directories('src', 'include'))
custom_target('t.bpf.o', input: 'bpf/t.bpf.c', output: 't.bpf.o', build_by_default: true,
  command: [clang, '-target', 'bpf', '-c', '@INPUT@', '-o', '@OUTPUT@'])
"""
CLEAN = {
    "meson.build": MESON,
    "include/recvguard/x.h": HEAD + "int rg_a(void);\n",
    "src/base/a.h": HEAD + "int rg_b(void);\n",
    "src/base/a.c": HEAD + '#include <recvguard/x.h>\n\n#include "base/a.h"\n\n'
                    "/* printf( in a comment is no call */\nint rg_a(void)\n{\n\treturn rg_b();\n}\n\n"
                    "int rg_b(void)\n{\n\treturn 0;\n}\n",
    "src/sink/s.h": HEAD + "int rg_s(void);\n",
    "cli/main.c": HEAD + '#include <recvguard/x.h>\n\nint main(void)\n{\n\treturn rg_a();\n}\n',
    "bpf/t.bpf.c": GPL + 'char license[] __attribute__((section("license"))) = "GPL";\n',
    "tests/unit/meson.build": "unit_tests = ['one']\n",
    "tests/unit/one.c": HEAD + "int one;\n",
    "tools/x.sh": SH + "ls /tmp\n",
}
# rule -> files added or replaced that break it
SEEDS = {
    "arrows": {"src/base/b.h": HEAD + '#include "sink/s.h"\n'},
    "cli-on-api-only": {"cli/v.c": HEAD + '#include "base/a.h"\n'},
    "library-never-prints": {"src/base/b.h": HEAD + 'static inline void f(void) { perror("x"); }\n'},
    "file-length": {"src/base/b.h": HEAD + "\n" * 600},
    "function-length": {"src/base/b.h": HEAD + "static inline void f(void)\n{\n" + "\t;\n" * 78 + "}\n"},
    "spdx": {"bpf/u.h": HEAD},
    "no-local-paths": {"tools/x.sh": SH + f"ls {HOME}someone/src\n"},
    "nothing-generated": {"src/kernel/t.skel.h": HEAD},
    "unit-tests-registered": {"tests/unit/two.c": HEAD + "int two;\n"},
    "no-skip-without-reason": {"tests/e2e/t.py": SH + 'print("ok 1 - x # ' + 'SKIP")\n'},
    "clang-format": {"src/base/b.h": HEAD + "int  rg_c( void );\n"},
    "compile-commands": {"bpf/u.bpf.c": GPL + "int u;\n"},
    "cppcheck": {"src/base/a.c": HEAD + "int rg_a(void);\n\nint rg_a(void)\n{\n\tint a[2] = {0, 0};\n\n\treturn a[2];\n}\n"},
    "clang-tidy": {"src/base/a.c": HEAD + "#include <string.h>\n\nint rg_a(void)\n{\n\tchar b[8];\n\n"
                   "\tmemset(b, 0, 8 == 8 && 8 == 8);\n\treturn sizeof(sizeof(b)) > 0 ? 1 : 1;\n}\n"},
}


def tree(folder, files):
    for name, text in files.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)
    with open(FORMAT) as src, open(os.path.join(folder, ".clang-format"), "w") as dst:
        dst.write(src.read())
    subprocess.run(["git", "init", "-q", folder], check=True)
    with open(os.path.join(folder, ".git/info/exclude"), "a") as f:
        f.write("/build/\n")
    subprocess.run(["meson", "setup", os.path.join(folder, "build"), folder], check=True, capture_output=True)


def lint(folder, *args):
    p = subprocess.run([sys.executable, LINT, "--root", folder, *args], capture_output=True, text=True)
    return p.returncode, p.stdout + p.stderr


def main():
    rules = [l.split()[0] for l in lint(".", "--list")[1].splitlines() if l.strip()]
    tests = []
    with tempfile.TemporaryDirectory(prefix="rg-lint-") as top:
        clean = os.path.join(top, "clean")
        tree(clean, CLEAN)
        code, out = lint(clean)
        tests.append(("a clean tree passes every rule", code == 0, out))
        for rule in rules:
            if rule not in SEEDS:
                tests.append((f"{rule}: has a seeded violation here", False, "add one to SEEDS"))
                continue
            folder = os.path.join(top, rule)
            tree(folder, dict(CLEAN, **SEEDS[rule]))
            code, out = lint(folder, "--rule", rule)
            tests.append((f"{rule}: a seeded violation fails", code == 1 and "not ok" in out, out))
    print(f"1..{len(tests)}")
    for i, (name, ok, out) in enumerate(tests, 1):
        print(f"{'' if ok else 'not '}ok {i} - {name}")
        if not ok:
            print("\n".join("# " + l for l in out.splitlines()))
    return 0 if all(t[1] for t in tests) else 1


if __name__ == "__main__":
    sys.exit(main())
