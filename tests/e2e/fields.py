# SPDX-License-Identifier: BSD-2-Clause
"""The table of fields (fields.def), as far as tests ask it: which ones only the full record has."""
import os, re

TABLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "include", "recvguard", "fields.def")
FULL = {m.group(1) for m in re.finditer(r'^RG_FIELD\(\w+,\s*"([^"]+)",\s*\w+,\s*"\w*",\s*[A-Z|]*\bFULL\b', open(TABLE, encoding="utf-8").read(), re.M)}


def is_full(field):
    """fd, fd[0].path, msg.name.port: what belongs to a field of the full record."""
    return any(field == f or field.startswith((f + ".", f + "[")) for f in FULL)


def present(ev):
    """Those of them that an event has."""
    def has(v, parts):
        return not parts or isinstance(v, dict) and parts[0] in v and has(v[parts[0]], parts[1:])
    return sorted(f for f in FULL if has(ev, f.split(".")))
