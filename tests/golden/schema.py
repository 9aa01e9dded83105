#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Every fabricated event as JSON against the generated JSON Schema, and byte strings there and back (TAP).

usage: schema.py FABRICATE   (the driver: `FABRICATE schema`, `FABRICATE json`, `FABRICATE bytes`)
"""
import base64, json, subprocess, sys

n = 0


def test(ok, name, why=""):
    global n
    n += 1
    print(f"{'ok' if ok else 'not ok'} {n} - {name}")
    if not ok:
        print(f"# {why}")


def run(*args):
    return subprocess.run([sys.argv[1], *args], check=True, capture_output=True).stdout


def no_twice(pairs):
    keys = [k for k, _ in pairs]
    assert len(keys) == len(set(keys)), f"key twice: {keys}"
    return dict(pairs)


def back(v):
    return base64.b64decode(v["base64"], validate=True) if isinstance(v, dict) else v.encode()


import jsonschema

schema = json.loads(run("schema"))
jsonschema.Draft202012Validator.check_schema(schema)
test(True, "the schema is a schema")
V = jsonschema.Draft202012Validator
check = V(schema, format_checker=getattr(V, "FORMAT_CHECKER", None) or jsonschema.draft202012_format_checker)

for line in run("json").decode().splitlines():
    event = json.loads(line, object_pairs_hook=no_twice)
    errors = [f"{'/'.join(map(str, e.absolute_path))}: {e.message[:200]}" for e in check.iter_errors(event)]
    # extreme events carry enumerators and routes that do not exist, as integers: the schema allows them
    test(not errors, f"event {event['id']} is valid", "; ".join(errors[:5]))
    test(all(0x20 <= ord(c) and not 0x7f <= ord(c) <= 0x9f and c not in "\u2028\u2029\u202e" for c in line),
         f"event {event['id']} has no control character")

for spoil in ({"id": -1}, {"time": "yesterday"}, {"proc": {"pid": "1"}}, {"sock": {"port": 1}}, {"surprise": 1},
              {"msg": {"data": {"base64": "***"}}}, {"route": "pigeon"}, {"peek": 1}, {"tags": {"id": "X"}}):
    event = json.loads(run("json").decode().splitlines()[0])
    for k, v in spoil.items():
        event[k] = {**event[k], **v} if isinstance(v, dict) and k in event else v
    test(list(check.iter_errors(event)), f"the schema refuses {spoil}")

bad = []
for line in run("bytes").decode().splitlines():
    want, value = line.split(" ", 1)
    if back(json.loads(value)) != bytes.fromhex(want.removeprefix("x")):
        bad.append(line[:80])
test(not bad, "every byte string comes back as it was", str(bad[:3]))
print(f"1..{n}")
