#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""enforce on this machine: where trampolines are refused it says so, names who can, and leaves nothing behind; where they
are not, the kernel suite's own test runs here too. The service file is one that systemd reads. usage: enforce.py RECVGUARD TOP"""
import os, shutil, subprocess, sys, tempfile

binary, top = os.path.abspath(sys.argv[1]), sys.argv[2]
POLICY = """apiVersion: recvguard/v1
kind: Policy
metadata: {name: e2e}
spec:
  default: allow
  rules: [{name: nobody, when: 'proc.comm == "no-such-name"', then: deny}]
"""
number = 0


def result(ok, name, why=""):
    global number
    number += 1
    print(f"{'ok' if ok else 'not ok'} {number} - {name}", flush=True)
    for line in why.splitlines() if not ok else []:
        print("#", line)


def run(*args):
    return subprocess.run([binary, *args], capture_output=True, text=True, timeout=120)


with tempfile.TemporaryDirectory() as d:
    policy = os.path.join(d, "p.yaml")
    with open(policy, "w") as f:
        f.write(POLICY)
    fs = os.path.join(d, "bpf")
    os.mkdir(fs)
    mounted = not subprocess.run(["mount", "-t", "bpf", "bpf", fs], capture_output=True).returncode
    pins = os.path.join(fs, "recvguard")
    p = run("enforce", "status", "--dir", pins)
    result(p.returncode == 1 and "nothing is enforced" in p.stderr, "status where nothing is enforced", p.stderr)
    p = run("enforce", "--audit")
    result(p.returncode == 2, "--audit without a policy is a mistake", p.stderr)
    p = run("enforce", "-p", policy, "--no-wait", "--dir", pins, "--tree", "0")
    result(p.returncode == 2 and "--tree 0" in p.stderr and p.stderr.count("\n") == 1 and not os.path.exists(pins),
           "--tree 0 is a mistake, not a policy for everybody", p.stderr)
    with open(os.path.join(d, "bad.yaml"), "w") as f:
        f.write(POLICY.replace('proc.comm == "no-such-name"', "msg.size > 5"))
    p = run("enforce", "-p", os.path.join(d, "bad.yaml"), "--no-wait", "--dir", pins)
    result(p.returncode == 1 and "before the message exists" in p.stderr and p.stderr.count("\n") == 1,
           "a rule that no hook can decide is refused, with the reason", p.stderr)
    result(not os.path.exists(pins), "and nothing was pinned")
    if not mounted:
        number += 1
        print("ok", number, "- loading # SKIP a bpf file system can't be mounted here (needs root)")
    else:
        p = run("enforce", "-p", policy, "--no-wait", "--dir", pins)
        if p.returncode:
            # the back-end without trampolines can drop alone (enforce_cgroup.py); or it cannot be had either
            result(("hooks cannot be used" in p.stderr or "not to be had here" in p.stderr) and "recvguard run" in p.stderr and
                   p.stderr.count("\n") == 1, "where the kernel refuses the hooks it is said, and who can do without", p.stderr)
        else:
            s = run("enforce", "status", "--dir", pins)
            result(s.returncode == 0 and "enforcing" in s.stdout, "enforcing", s.stdout + s.stderr)
            result(run("enforce", "stop", "--dir", pins).returncode == 0, "stopped")
        result(not os.path.exists(pins), "nothing is left in the bpf file system")
        subprocess.run(["umount", fs])
    unit = os.path.join(top, "packaging/recvguard-enforce.service")
    if shutil.which("systemd-analyze"):
        copy = os.path.join(d, "recvguard-enforce.service")
        with open(unit) as f, open(copy, "w") as out:
            out.write(f.read().replace("/usr/bin/recvguard", binary))
        p = subprocess.run(["systemd-analyze", "verify", "--man=no", copy], capture_output=True, text=True)
        mine = [l for l in p.stderr.splitlines() if "recvguard" in l]
        result(not mine, "systemd reads the service file", "\n".join(mine))
        for line in open(unit):
            if line.startswith(("ExecStart=", "ExecReload=", "ExecStop=")):
                words = line.strip().split("=", 1)[1].split()[1:]
                verb = words[:2] if words[1] in ("stop", "status") else words[:1]
                h = run(*verb, "--help")
                options = [w for w in words if w.startswith("--")]
                result(h.returncode == 0 and all(o in h.stdout for o in options), line.strip(), h.stdout + h.stderr)
    else:
        number += 1
        print(f"ok {number} - the service file # SKIP no systemd-analyze here")
print(f"1..{number}")
