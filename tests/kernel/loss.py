# SPDX-License-Identifier: BSD-2-Clause
"""A ring of one page loses, and every message is shown or counted: two runs of oracle-unix. Prints TAP.

usage: loss.py WHOLE.json TIGHT.json     the first may have other programs too, and calls that failed
"""
import json, sys

whole, tight = ([json.loads(l) for l in open(p)] for p in sys.argv[1:3])
whole = [e for e in whole if e["event"] != "lost" and e["ret"] >= 0 and e["proc"]["comm"] == "oracle-unix"]
shown = [e for e in tight if e["event"] != "lost"]
lost = {}
for e in tight:
    if e["event"] == "lost":
        lost[e["lost"]["reason"]] = lost.get(e["lost"]["reason"], 0) + e["lost"]["count"]
good = lost.get("ring_full", 0) > 0 and len(shown) + lost["ring_full"] == len(whole)
print(f"1..1\n{'' if good else 'not '}ok 1 - {len(shown)} shown and {lost} lost are the {len(whole)} messages there were")
sys.exit(not good)
