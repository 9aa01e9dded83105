# SPDX-License-Identifier: BSD-2-Clause
"""Are the versions in capabilities.def (docs/tiers.md shows them) those at which the probes begin to say yes?

usage: since.py DOCTOR.json     what `recvguard doctor --json` said on a kernel that is not locked down; TAP
"""
import json, os, re, sys

TABLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "include", "recvguard", "capabilities.def")
TIERS = ("trampoline", "tracepoint", "legacy")
caps = {}
for name, needs, since in re.findall(r'^RG_CAP\(\w+,\s*"(\w+)",\s*\w+,\s*([^,]+?),\s*(\d+),', open(TABLE).read(), re.M):
    tiers = set(TIERS) if needs == "RG_NEEDED_BY_ALL" else {t.lower() for t in re.findall(r"RG_NEEDED_BY\((\w+)\)", needs)}
    caps[name] = (int(since), tiers)
said = json.load(open(sys.argv[1]))
major, minor = map(int, re.match(r"(\d+)\.(\d+)", said["machine"]["kernel"]).groups())
here = major * 100 + minor
wrong = [f"{c['name']}: {'there' if c['present'] else 'not there: ' + c['reason']}, the table says since {caps[c['name']][0]}"
         for c in said["capabilities"] if caps[c["name"]][0] and c["present"] != (here >= caps[c["name"]][0])]
tiers = [f"{t['name']}: {'usable' if t['usable'] else 'not usable: ' + t['reason']}" for t in said["tiers"]
         if t["usable"] != all(since <= here for since, needed in caps.values() if t["name"] in needed)]
missing = set(caps) ^ {c["name"] for c in said["capabilities"]}
tests = [("every capability is in the table and answered", sorted(missing)),
         (f"each is there since the version that the table says ({here // 100}.{here % 100})", wrong),
         ("and so is each tier", tiers)]
print(f"1..{len(tests)}")
for i, (name, bad) in enumerate(tests, 1):
    print(f"{'not ' if bad else ''}ok {i} - {name}")
    for b in bad:
        print(f"# {b}")
sys.exit(any(bad for _, bad in tests))
