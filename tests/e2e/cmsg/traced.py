#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Trace the programs that know their control messages (make.c), and compare every event with what they know.

usage: traced.py RECVGUARD MAKE...
       traced.py --compare SHOTS EVENTS...     what was made in a machine, and what was shown of it

For each scene one line of TAP: with room for everything each control message has the fields expected; with less
room there are as many as the program itself was given, and MSG_CTRUNC is seen as the program saw it.
"""
import datetime
import json
import os
import re
import struct
import subprocess
import sys
import tempfile

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "lib"))
import elf32

HEAD = struct.Struct("=32s256s96sHBBIIIiI")
SKIPPED, CONTROL_MAX = 0xFFFFFFFF, 1024
MSG_CTRUNC, LIMIT = 8, 200


def shots(data):
    at = 0
    while at < len(data):
        scene, _, name, _, compat, _, given, length, flags, ret, text = HEAD.unpack_from(data, at)
        at += HEAD.size
        if given == SKIPPED:
            length = 0
        control, words = data[at:at + length], data[at + length:at + length + text].decode()
        at += length + text
        yield {"scene": scene.rstrip(b"\0").decode() + (", 32-bit" if compat else ""), "given": given,
               "control": control, "flags": flags, "compat": compat, "text": words, "ret": ret,
               "name": name.rstrip(b"\0").decode()}


def count(shot):
    """Control messages in the bytes the program was given."""
    head, align, at, n = (12, 4, 0, 0) if shot["compat"] else (16, 8, 0, 0)
    while at + head <= len(shot["control"]):
        (size,) = struct.unpack_from("=I" if shot["compat"] else "=Q", shot["control"], at)
        at += (size + align - 1) & -align
        n += 1
    return n


class Want:
    """The expectation's text, read back: name=value chains in {}, lists in [], tokens with patterns."""

    def __init__(self, text):
        self.text, self.at = text, 0

    def peek(self):
        return self.text[self.at] if self.at < len(self.text) else ""

    def value(self):
        if self.peek() == "{":
            return self.chain("}")
        if self.peek() == "[":
            return self.items()
        m = re.compile(r'x?"([^"]*)"|[^ \]}]*').match(self.text, self.at)
        self.at = m.end()
        return m.group(0)

    def chain(self, close):
        fields = {}
        self.at += 1
        while self.peek() != close:
            m = re.compile(r" ?([a-z0-9_]+)=").match(self.text, self.at)
            self.at = m.end()
            fields[m.group(1)] = self.value()
        self.at += 1
        return fields

    def items(self):
        out = []
        self.at += 1
        while self.peek() != "]":
            out.append(self.value())
            self.at += self.peek() == " "
        self.at += 1
        return out


def nanoseconds(text):
    m = re.fullmatch(r"(\d+-\d+-\d+T\d+:\d+:\d+)\.(\d{9})Z", text)
    if not m:
        return text
    t = datetime.datetime.fromisoformat(m.group(1) + "+00:00")
    return str(int(t.timestamp()) * 10**9 + int(m.group(2)))


def token(want, got):
    if want.startswith('x"'):
        return isinstance(got, (str, dict))  # the form of bytes is the outputs' own, tested there
    if isinstance(got, list):
        got = "|".join(str(g) for g in got) or "0x0"
    text = nanoseconds(str(got).lower() if isinstance(got, bool) else str(got))
    m = re.fullmatch(r"%<(\d+):(\d+)>", want)
    if m:
        return text.isdigit() and int(m.group(1)) <= int(text) <= int(m.group(2))
    parts = re.split(r"(%d|%\*)", want.strip('"'))
    return re.fullmatch("".join({"%d": r"\d+", "%*": ".*"}.get(p, re.escape(p)) for p in parts), text) is not None


def same(want, got):
    if isinstance(want, dict):
        open_end = any(isinstance(w, str) and w.endswith("%*") for w in want.values())
        return isinstance(got, dict) and all(k in got and same(w, got[k]) for k, w in want.items()) and (
            open_end or set(want) == set(got))
    if isinstance(want, list):
        return isinstance(got, list) and (want == ["%*"] or len(want) == len(got) and all(map(same, want, got)))
    return token(want, got)


def compare(shot, event):
    got = event.get("cmsg", [])
    if event["ret"] != shot["ret"]:
        return f"{event['ret']} received, the program has {shot['ret']}"
    if shot["name"] and not token(shot["name"], event["msg"].get("name", {}).get("text")):
        return f"from {event['msg'].get('name')}, expected {shot['name']}"
    if len(got) != count(shot):
        return f"{len(got)} control messages, the program has {count(shot)}"
    if ("MSG_CTRUNC" in event["msg"].get("out_flags", [])) != bool(shot["flags"] & MSG_CTRUNC):
        return f"out_flags {event['msg'].get('out_flags')}, the program has {shot['flags']:#x}"
    if shot["given"] == CONTROL_MAX:
        for line, g in zip(shot["text"].splitlines(), got):
            if not same(Want(line).value(), g):
                return f"{json.dumps(g)}, expected {line}"
    return None


def trace(recvguard, make, folder):
    events = os.path.join(folder, "events.json")
    p = subprocess.run([recvguard, "trace", "-o", f"json={events}", "--", make], stdin=subprocess.DEVNULL,
                       capture_output=True, timeout=LIMIT, check=False)
    said = p.stderr.decode(errors="replace").strip()
    if p.returncode:
        return None, None, said
    return list(shots(p.stdout)), mine(events), said


def mine(events):
    with open(events, encoding="utf-8") as f:
        rows = [json.loads(line) for line in f if line.strip()]
    return [e for e in rows if e["event"] == "recvmsg" and e["ret"] >= 0 and "MSG_DONTWAIT" in e["msg"].get("flags", [])]


def main():
    number, bad = 0, 0

    def tap(ok, name, why=""):
        nonlocal number, bad
        number += 1
        bad += not ok
        print(f"{'' if ok else 'not '}ok {number} - {name}")
        if why:
            print("# " + why.replace("\n", "\n# "))

    def source():
        if sys.argv[1] == "--compare":
            with open(sys.argv[2], "rb") as f:
                made = list(shots(f.read()))
            for events in sys.argv[3:]:
                yield os.path.basename(events), made, mine(events), ""
            return
        for make in sys.argv[2:]:
            why = elf32.refused(make)
            if why:
                yield make, [], None, why
                continue
            with tempfile.TemporaryDirectory() as folder:
                yield make, *trace(sys.argv[1], make, folder)

    for make, taken, events, said in source():
        if events is None and taken is not None:
            number += 1
            print(f"ok {number} - {os.path.basename(make)} # SKIP {said}")
            continue
        if taken is None:
            tap(False, f"{os.path.basename(make)} runs under recvguard", said)
            continue
        played = [s for s in taken if s["given"] != SKIPPED]
        tap(len(played) == len(events), f"{os.path.basename(make)}: one event for each receive",
            "" if len(played) == len(events) else f"{len(played)} receives, {len(events)} events\n{said}")
        scenes = {}
        for shot, event in zip(played, events):
            scenes.setdefault(shot["scene"], []).append(compare(shot, event))
        for name, results in scenes.items():
            wrong = [r for r in results if r]
            tap(not wrong, f"{name}: {len(results)} receives traced", wrong[0] if wrong else "")
        for s in taken:
            if s["given"] == SKIPPED:
                number += 1
                print(f"ok {number} - {s['scene']} # SKIP {s['text']}")
    print(f"1..{number}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
