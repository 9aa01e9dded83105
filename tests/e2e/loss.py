# SPDX-License-Identifier: BSD-2-Clause
"""Loss is never silent: what is recorded and what is said to be lost add up to what was received.

usage: loss.py RECVGUARD
"""
import json, os, sys

from tap import check, done, run, skip

program = sys.argv[1]
N = 30000
FLOOD = ("import socket; a,b=socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
         f"for i in range({N}): a.send(b'x'); b.recv(1)")
if os.geteuid() != 0:
    skip("all", "tracing needs root")
    done()


def flood(*args):
    code, out, err = run(program, "trace", "-o", "json", "--no-enrich", *args, "--", sys.executable, "-c", FLOOD)
    events = [json.loads(line) for line in out.splitlines()]
    kept = [e for e in events if e["event"] != "lost" and e["proc"]["comm"].startswith("python") and e["ret"] == 1]
    lost = {}
    for e in events:
        if e["event"] == "lost":
            lost[e["lost"]["reason"]] = lost.get(e["lost"]["reason"], 0) + e["lost"]["count"]
    return code, events, kept, lost, err


code, events, kept, lost, err = flood("--ring", "64MiB")
check("the default ring takes a flood whole", code == 0 and len(kept) == N and not lost, (code, len(kept), lost, err))

code, events, kept, lost, err = flood("--ring", "4KiB")
check("a ring of one page loses, and says how much: the sum is exact",
      len(kept) + lost.get("ring_full", 0) == N and lost.get("ring_full", 0) > 0, (len(kept), lost))
where = [e for e in events if e["event"] == "lost"]
check("a loss names the processor, the process and the socket",
      all("cpu" in e and e.get("proc", {}).get("pid") and e.get("sock", {}).get("cookie") for e in where), where[:1])
check("the end summary says it too", str(lost.get("ring_full")) in err, err)
ids = [e["id"] for e in events]
check("events are numbered without a gap", ids == list(range(1, len(ids) + 1)))
seqs = [e["seq"] for e in kept]
check("per-socket numbers show where messages are missing", seqs == sorted(seqs) and seqs[-1] <= N and len(set(seqs)) == len(seqs))

code, events, kept, lost, err = flood("--ring", "256KiB", "--on-full", "sample")
check("--on-full sample leaves messages out before the ring is full, and counts them",
      len(kept) + sum(lost.values()) == N and lost.get("sampled", 0) > 0, (len(kept), lost))
done()
