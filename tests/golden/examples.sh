#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Every example policy decides its recorded events as they say. usage: examples.sh RECVGUARD FOLDER
n=0 bad=0
for f in "$2"/*.yaml; do
	n=$((n + 1))
	if out=$("$1" policy test "$f" --events "${f%.yaml}.jsonl" --expect 2>&1); then
		echo "ok $n - $(basename "$f"): $(echo "$out" | tail -1)"
	else
		bad=1
		echo "not ok $n - $(basename "$f")"
		echo "$out" | sed 's/^/# /'
	fi
done
echo "1..$n"
exit $bad
