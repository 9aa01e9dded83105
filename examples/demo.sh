#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# A tour of a minute: what real programs receive, then one program's messages allowed and refused by a policy.
# Every part is checked against what it must show; the exit status is 0 only if all of them did.
set -uo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
rg=${RECVGUARD:-build/cli/recvguard}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
failed=0

[ -x "$rg" ] || { echo "demo: $rg is not built: ./dev build" >&2; exit 1; }
[ "$(id -u)" -eq 0 ] || { echo "demo: tracing needs root" >&2; exit 1; }
bold= plain=
[ -t 1 ] && [ -z "${NO_COLOR:-}" ] && bold=$'\e[1m' plain=$'\e[0m'

heading() {
	printf '\n%s%s%s\n' "$bold" "$1" "$plain"
	shift
	printf '  %s\n' "$@"
	echo
}

# part NAME CHECK ARGS...: trace, show the first lines, require that CHECK (a Python expression over
# the list `ev` of events) holds.
part() {
	local name=$1 check=$2
	shift 2
	echo "\$ recvguard trace $*"
	timeout 20 "$rg" trace -o text -o "json=$tmp/$name.json" "$@" </dev/null >"$tmp/$name.txt" 2>"$tmp/$name.err"
	local status=$?
	head -n 14 "$tmp/$name.txt"
	local n
	n=$(wc -l <"$tmp/$name.txt")
	[ "$n" -gt 14 ] && echo "... and $((n - 14)) lines more"
	tail -n 1 "$tmp/$name.err"
	if ! python3 - "$tmp/$name.json" "$check" <<-'PY'; then
		import json, sys
		ev = [json.loads(l) for l in open(sys.argv[1], encoding="utf-8")]
		def has(e, *path):
		    for p in path:
		        e = e.get(p) if isinstance(e, dict) else None
		    return e
		sys.exit(0 if eval(sys.argv[2]) else 1)
	PY
		echo "demo: $name (exit $status) did not show: $check" >&2
		tail -n 3 "$tmp/$name.err" >&2
		failed=1
	fi
}

heading "netlink" "ip asks the kernel for its links; each answer is peeked at for its size, then received."
part netlink 'any(has(e, "sock", "family") == "netlink" for e in ev)' -- ip link show lo

heading "unix: a D-Bus call" "The client's and the daemon's side of one method call; who is at the other end is the kernel's word." \
	"(shown: the messages over 100 bytes)"
part dbus 'any(has(e, "sock", "family") == "unix" and has(e, "sender", "pid") for e in ev)' --filter 'msg.size > 100' -- \
	dbus-run-session -- dbus-send --session --print-reply=literal --dest=org.freedesktop.DBus /org/freedesktop/DBus \
	org.freedesktop.DBus.GetId

heading "descriptors" "tmux hands its terminal to its server: which descriptors arrive, what they are, under which number."
part tmux 'any(e.get("fd") for e in ev)' --filter 'fd.count > 0' -- \
	sh -c 'tmux -L rg-demo -f /dev/null new-session -d cat && tmux -L rg-demo kill-server'

heading "inet: ping" "One echo over loopback, with the control messages that ping asks for."
part ping 'any(has(e, "sock", "family") == "inet" for e in ev)' -- ping -c 1 -W 2 127.0.0.1

heading "credentials, and UDP" "A receiver that asks who sent (SCM_CREDENTIALS), and which address a datagram was sent to (IP_PKTINFO)."
part credentials 'any("SCM_CREDENTIALS" in str(e.get("cmsg")) for e in ev) and any("IP_PKTINFO" in str(e.get("cmsg")) for e in ev)' \
	-- python3 examples/receiver.py

heading "a recording, drawn" "The credentials example once more, recorded with both ends of each message; then who talks to whom, and one page of it all."
echo "\$ recvguard record both.db --direction both -- python3 examples/receiver.py"
timeout 20 "$rg" record "$tmp/both.db" -q --direction both -- python3 examples/receiver.py </dev/null >/dev/null 2>"$tmp/both.err"
echo "\$ recvguard graph both.db"
"$rg" graph "$tmp/both.db" | tee "$tmp/graph.txt"
echo "\$ recvguard report both.db -o report.html"
report=${RECVGUARD_DEMO_REPORT:-build/demo-report.html}
"$rg" report "$tmp/both.db" -o "$report"
grep -q '2 descriptors (1 file, 1 memfd)' "$tmp/graph.txt" && grep -q '<svg' "$report" ||
	{ echo "demo: the graph or the report does not show the descriptors" >&2; cat "$tmp/both.err" >&2; failed=1; }

if "$rg" help 2>/dev/null | grep -qw run; then
	heading "decide" "The same program under a policy: datagrams of more than 100 bytes are refused, descriptors other than memfds do not arrive." \
		"No privileges are needed for this; the program sees only what was checked."
	cat examples/demo-policy.yaml
	echo
	echo "\$ recvguard run --policy examples/demo-policy.yaml -- python3 examples/receiver.py --show"
	timeout 20 "$rg" run --policy examples/demo-policy.yaml -- python3 examples/receiver.py --show </dev/null >"$tmp/run.txt" 2>"$tmp/run.err"
	cat "$tmp/run.txt"
	tail -n 5 "$tmp/run.err"
	grep -q 'small datagram: delivered' "$tmp/run.txt" && grep -q 'large datagram: refused' "$tmp/run.txt" &&
		grep -q 'memfd: arrived' "$tmp/run.txt" && grep -q 'file: stripped' "$tmp/run.txt" ||
		{ echo "demo: the policy was not applied as written" >&2; failed=1; }
fi

heading "next" "recvguard events recvmsg     what an event holds, field by field" \
	"recvguard doctor             what this kernel allows" \
	"recvguard trace --help       selecting, filtering, outputs"
exit $failed
