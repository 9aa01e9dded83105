# SPDX-License-Identifier: BSD-2-Clause
"""recvguard doctor: what it says agrees with what other tools find here, and every fallback can be forced.

usage: doctor.py RECVGUARD CAPABILITIES.DEF
"""
import json
import os
import re
import shutil
import subprocess
import sys
import time

from tap import check, done, run, skip

program, table = sys.argv[1:3]
names = re.findall(r'^RG_CAP\(\w+,\s*"(\w+)"', open(table).read(), re.M)
NEEDS = {"trampoline": ["fentry", "fexit", "task_storage", "bpf_loop"], "tracepoint": ["tp_recv_length", "task_storage", "bpf_loop"],
         "legacy": ["fentry", "fexit"]}
COMMON = ["privilege", "memlock", "ringbuf", "read_kernel", "btf", "tp_btf"]


def doctor(deny="", *args):
    env = dict(os.environ, RECVGUARD_PROBE_DENY=deny)
    if not deny:
        del env["RECVGUARD_PROBE_DENY"]
    code, out, err = run(program, "doctor", "--json", *args, env=env)
    return code, json.loads(out), err


def bpf_programs():
    out = subprocess.run(["bpftool", "prog", "show", "-j"], capture_output=True, text=True).stdout
    return sorted(p.get("name", "") for p in json.loads(out or "[]"))


before = bpf_programs() if shutil.which("bpftool") else None
code, here, err = doctor()
caps = {c["name"]: c for c in here["capabilities"]}
tiers = {t["name"]: t for t in here["tiers"]}
check("every capability of the table is reported, in its order", [c["name"] for c in here["capabilities"]] == names)
check("nothing on standard error", err == "", err)
check("what is missing has errno, reason and consequence",
      all(c["present"] or (c["errno"] > 0 and c["reason"] and c["consequence"]) for c in caps.values()), caps)
for tier, needs in NEEDS.items():
    there = all(caps[c]["present"] for c in COMMON + needs)
    check(f"{tier} is usable only when what it needs is there", tiers[tier]["usable"] <= there, tiers[tier])
    check(f"{tier}: when it is not, the reason is said",
          tiers[tier]["usable"] or tiers[tier]["reason"].startswith("needs ") != there, tiers[tier])
    code, out, err = run(program, "trace", "--tier", tier, "--", "true")
    check(f"trace --tier {tier} agrees", (code == 0) == tiers[tier]["usable"], err)
code, out, err = run(program, "trace", "--", "true")
check("trace takes the tier that doctor names", (f"tier {here['tier']}" in err) if here["tier"] else code == 1, err)
code, here, err = doctor()
best = next((t for t in NEEDS if tiers[t]["usable"]), None)
check("the best usable tier is named", here["tier"] == best, here["tier"])
check("the exit status says how good it is", code == {"trampoline": 0, None: 2}.get(best, 1), code)

# Against facts got in another way.
status = dict(l.split(":\t", 1) for l in open("/proc/self/status").read().splitlines() if ":\t" in l)
eff = int(status["CapEff"], 16)
check("privilege agrees with /proc/self/status",
      caps["privilege"]["present"] == bool(eff >> 21 & 1 or (eff >> 39 & 1 and eff >> 38 & 1)))
check("btf agrees with /sys", caps["btf"]["present"] == os.path.exists("/sys/kernel/btf/vmlinux"))
check("cgroup2 agrees with /proc/mounts", caps["cgroup2"]["present"] ==
      any(l.split()[2] == "cgroup2" for l in open("/proc/self/mounts")))
check("the machine's facts are those of uname and /proc", here["machine"]["kernel"].startswith(os.uname().release)
      and here["machine"]["uid"] == str(os.geteuid()))
try:
    actions = open("/proc/sys/kernel/seccomp/actions_avail").read().split()
    check("seccomp_notify agrees with the kernel's list of actions",
          caps["seccomp_notify"]["present"] <= ("user_notif" in actions))
except OSError as e:
    skip("seccomp_notify agrees with the kernel's list of actions", f"the list cannot be read: {e}")
if hasattr(os, "pidfd_open"):
    try:
        os.close(os.pidfd_open(os.getpid(), os.O_EXCL))
        thread = True
    except OSError:
        thread = False
    check("pidfd_thread agrees with Python's try", caps["pidfd_thread"]["present"] == thread)

# Every fallback forced.
for name in names:
    _, forced, _ = doctor(name, "--quick")
    got = {c["name"]: c for c in forced["capabilities"]}
    if not check(f"{name} can be denied", not got[name]["present"] and "RECVGUARD_PROBE_DENY" in got[name]["reason"]):
        continue
    wrong = [n for n in names if n != name and got[n]["present"] != caps[n]["present"]]
    check(f"denying {name} changes no other answer", not wrong, wrong)
# what is denied, a tier that needs its last
chain = [(["fentry"], "trampoline"), (["fentry"], "legacy"), (["fentry", "tp_recv_length"], "tracepoint"),
         (["task_storage"], "trampoline"), (["bpf_loop"], "tracepoint"), (["task_storage", "fexit"], "legacy")]
for deny, tier in chain:
    name = deny[-1]
    code, forced, _ = doctor(",".join(deny))
    rest = [t for t in NEEDS if tiers[t]["usable"] and not set(deny) & set(NEEDS[t])]
    check(f"without {','.join(deny)} the tier is {rest[0] if rest else None}",
          forced["tier"] == (rest[0] if rest else None) and code == (1 if rest else 2), (forced["tier"], code))
    got, _, err = run(program, "trace", "--", "true", env=dict(os.environ, RECVGUARD_PROBE_DENY=",".join(deny)))
    check(f"and trace falls back to it", (got == 0 and f"tier {rest[0]}" in err) if rest else
          (got == 1 and err.count("\n") == 1), (got, err))
    reason = [t for t in forced["tiers"] if t["name"] == tier][0].get("reason", "")
    check(f"and {tier} says that it needs {name}", any(f"needs {n}" in reason for n in deny) or not tiers[tier]["usable"], reason)
code, forced, _ = doctor("btf")
check("without btf there is no tier and the status is 2", forced["tier"] is None and code == 2, code)
code, out, err = run(program, "doctor", env=dict(os.environ, RECVGUARD_PROBE_DENY="fentri"))
check("an unknown name in RECVGUARD_PROBE_DENY is refused", code == 2 and "fentri" in err and not out, (code, err))

# As nobody.
if os.geteuid() == 0 and shutil.which("setpriv"):
    code, out, err = run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all",
                         program, "doctor", "--json")
    if code == 126 or "Permission denied" in err and not out:
        skip("without privileges", f"the program cannot be read by nobody here: {err.strip()}")
    else:
        low = json.loads(out)
        got = {c["name"]: c for c in low["capabilities"]}
        check("without privileges there is no tier and the status is 2", code == 2 and low["tier"] is None, code)
        check("without privileges the reason is said", "65534" in got["privilege"].get("reason", ""), got["privilege"])
        check("without privileges the broker is still there",
              got["seccomp_notify"]["present"] == caps["seccomp_notify"]["present"])
else:
    skip("without privileges", "not root, or no setpriv")

code, text, err = run(program, "doctor")
check("the text names every capability", all(re.search(rf"^  (yes|no )\s+{n} ", text, re.M) for n in names), text)
check("the text says yes and no as the JSON does",
      all(re.search(rf"^  {'yes' if caps[n]['present'] else 'no '} {n} ", text, re.M) for n in names), text)
check("no colour without a terminal", "\033" not in text)
code, text, err = run(program, "doctor", "--missing")
check("--missing lists only what is missing",
      set(re.findall(r"^  no  (\w+) ", text.split("Capture tiers")[0], re.M)) == {n for n in names if not caps[n]["present"]}
      and not re.search(r"^  yes", text.split("Capture tiers")[0], re.M), text)
if before is None:
    skip("nothing is left in the kernel", "no bpftool")
else:
    for _ in range(50):  # the kernel frees programs a little later
        left = [p for p in bpf_programs() if p == "rg_probe"]
        if not left:
            break
        time.sleep(0.1)
    check("nothing is left in the kernel", not left, left)
done()
