#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Runs inside the test machine (tools/vm/init): TAP lines without numbers, tests/kernel/matrix.sh numbers them.
# A test is an executable /rg/bin/ktest-* (C, built by tests/kernel/meson.build) or /rg/tests/t-*.sh; it prints TAP.
set -u

yes() { echo "ok - $1"; }
no() { echo "not ok - $1"; }
check() { # NAME COMMAND…
	name=$1
	shift
	if "$@" >/tmp/check.log 2>&1; then yes "$name"; else no "$name"; sed 's/^/# /' /tmp/check.log; fi
}
started() { "$@"; [ $? -lt 126 ]; }
mounted() { grep -q "^[^ ]* $2 $1 " /proc/mounts; }

for fs in "proc /proc" "sysfs /sys" "bpf /sys/fs/bpf" "tracefs /sys/kernel/tracing" "cgroup2 /sys/fs/cgroup"; do
	check "mounted: $fs" mounted $fs
done
check "loopback is up" ping -c 1 -W 5 127.0.0.1
check "the kernel describes its types (BTF)" test -s /sys/kernel/btf/vmlinux
check "recvguard and its libraries start" started recvguard

for t in /rg/bin/ktest-* /rg/tests/t-*.sh; do
	[ -e "$t" ] || continue
	name=$(basename "$t" .sh)
	case $t in *.sh) set -- sh "$t" ;; *) set -- "$t" ;; esac
	"$@" >/tmp/tap 2>&1
	status=$?
	sed -n "s/^\(not ok\|ok\)[ 0-9]*-* */\1 - ${name#ktest-}: /p; s/^#/#/p; s/^1\.\.0/ok - ${name#ktest-}/p" /tmp/tap
	# A test that died says so even when all it printed was good.
	if [ $status -ne 0 ] && ! grep -q '^not ok' /tmp/tap; then
		no "${name#ktest-}: exit status $status"
		sed 's/^/# /' /tmp/tap | tail -20
	fi
	grep -q '^\(not \)\?ok\|^1\.\.0' /tmp/tap || no "${name#ktest-}: printed no test"
done
echo "# end"
