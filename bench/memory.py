# SPDX-License-Identifier: BSD-2-Clause
"""What recvguard holds while the traced system grows: its own memory, and that of its tables in the kernel."""
import os, re, signal, subprocess, tempfile, time

from arms import JSON, LAST, RG, WORK, Limit, contained, ended, prepared, read
from report import curve

MIB = 1 << 20
MESSAGES = (50000, 200000, 800000)
SHORT = 50  # a short run makes so many times fewer


def loads(short):
    """[(what, arguments of bench-work)]"""
    few = [n // SHORT if short else n for n in MESSAGES]
    return [("after 1,000 sockets", ["sockets", "10", LAST]), ("after 111 processes", ["processes", "10", LAST])] + [
        (f"after {n:,} {'more' if i else 'messages'}", ["flood", "1", str(n // 2)]) for i, n in enumerate(few)]


def held(pid):
    """MiB: (its own, all that is resident, its tables in the kernel)"""
    said = read(f"/proc/{pid}/status")
    sizes = [int(m.group(1)) / 1024 if m else 0 for m in (re.search(rf"{k}:\s+(\d+) kB", said) for k in ("RssAnon", "VmRSS"))]
    return (*sizes, tables(pid))


def tables(pid):
    """MiB that the kernel accounts for its BPF maps; the same map by two descriptors counts once."""
    found = {}
    for fd in os.listdir(f"/proc/{pid}/fdinfo"):
        said = read(f"/proc/{pid}/fdinfo/{fd}")
        bytes_, ident = re.search(r"memlock:\s+(\d+)", said), re.search(r"map_id:\s+(\d+)", said)
        if bytes_ and ident:
            found[ident.group(1)] = int(bytes_.group(1))
    return sum(found.values()) / MIB


def grown(tier, extra, short):
    """[(what, MiB as held() says)]"""
    out = []
    with tempfile.TemporaryDirectory(prefix="rg-bench-") as d:
        err = os.path.join(d, "err")
        with open(err, "w") as f:
            p = subprocess.Popen([RG, "trace", "--tier", tier, "--comm", "bench-work"] + extra + JSON, stdout=subprocess.DEVNULL, stderr=f, stdin=subprocess.DEVNULL,
                                 preexec_fn=prepared, start_new_session=True)
        with Limit(p, 120):
            while not ended(p) and "recvguard: tier" not in read(err):
                time.sleep(0.05)
            if not ended(p):
                time.sleep(0.3)
                out.append(("at the start", *held(p.pid)))
            for what, work in loads(short):
                if ended(p):
                    break
                contained([WORK] + work, 60)
                out.append((what, *held(p.pid)))
            if ended(p):
                raise RuntimeError(f"recvguard ended: {read(err).strip()[-200:]}")
            os.kill(p.pid, signal.SIGINT)
            p.wait()
    return out


def memory(rep, good, absent, short):
    rows, lines = [["MiB", "its own (anonymous)", "resident", "its tables and ring in the kernel"]], {}
    for tier in good:
        for name, extra in ((f"recvguard {tier}: JSON", []), (f"recvguard {tier}: both directions, JSON", ["--direction", "both"])):
            try:
                got = grown(tier, extra, short)
            except (RuntimeError, OSError) as e:
                absent.by_part.append(("memory", name, str(e)))
                continue
            rows += [[f"{name}, {what}"] + [f"{v:.1f}" for v in mib] for what, *mib in got]
            total = [sum(MESSAGES[:i + 1]) // (SHORT if short else 1) for i in range(len(MESSAGES))]
            lines[name + ": itself"] = list(zip(total, (own for _, own, *_ in got[-3:])))
            lines[name + ": kernel"] = list(zip(total, (kernel for *_, kernel in got[-3:])))
    rep.section("Memory", rows=rows if len(rows) > 1 else None, plots=[("MiB, by messages recorded so far", curve(lines, "messages", "MiB"))],
                note="Resident counts the ring twice: it is mapped twice, so that a record that wraps around reads in one piece. The kernel's as it accounts for maps (memlock of their descriptors): ring and tables of fixed size. Not in it: 7.6 KiB for a thread that has "
                "received and 16 bytes for a socket, freed with them (docs/cost.md, What stays bounded).")
