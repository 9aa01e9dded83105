#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Runs inside the test machine (tools/vm/init): TAP lines without numbers, tests/kernel/matrix.sh numbers them.
# A test is an executable /rg/bin/ktest-* (C, built by tests/kernel/meson.build) or /rg/tests/t-*.sh; it prints TAP.
# RG_TIERS, RG_ORACLES and RG_KTESTS in the environment (names, separated by blanks) narrow what is run.
set -u
: "${RG_TIERS=trampoline tracepoint legacy}" "${RG_ORACLES=*}" "${RG_KTESTS=*}"

among() { # NAME LIST: is it in the list, or is that *?
	case " $2 " in *" $1 "* | " * ") return 0 ;; esac
	return 1
}

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
check "recvguard and its libraries start" recvguard --version
# 5.10 has a lesser tier than the best: doctor says so by its exit status. What it says: tests/kernel/since.py
case $(uname -r) in
5.10.*)
	check "doctor" sh -c "recvguard doctor --json >/out/doctor.json; [ \$? = 1 ]"
	check "trace takes the legacy tier by itself" sh -c "recvguard trace -- true 2>&1 | grep 'tier legacy'"
	;;
*) check "doctor" sh -c "recvguard doctor --json >/out/doctor.json" ;;
esac

for t in /rg/bin/ktest-* /rg/tests/t-*.sh; do
	[ -e "$t" ] || continue
	name=$(basename "$t" .sh)
	among "${name#ktest-}" "$RG_KTESTS" || continue
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
# The programs that know what they receive (tests/e2e/prog), in every tier that loads here: both views are left in
# /out, tests/kernel/matrix.sh compares them outside, where Python is.
for tier in $RG_TIERS; do
	recvguard trace --tier "$tier" -- true >/dev/null 2>/tmp/why
	if [ $? -ne 0 ] || ! grep -q "tier $tier" /tmp/why; then
		echo "ok - tier $tier # SKIP not on this kernel: $(grep -v '^$' /tmp/why | tail -1)"
		continue
	fi
	yes "tier $tier loads and attaches"
	# One loading for all programs, which takes longer here than they do: matrix.sh tells them apart by pid and socket
	for way in recv both metadata; do
		if [ $tier-$way = legacy-metadata ]; then
			check "legacy: --metadata is refused, and why" sh -c "! recvguard trace --tier legacy --metadata -- true 2>/tmp/why && grep -q 'would miss receives of io_uring' /tmp/why"
			continue
		fi
		names= out=/out/$tier
		set -- --errors --snaplen all --direction $way
		[ $way = metadata ] && out=/out/$tier-metadata && set -- --metadata
		for prog in /rg/bin/oracle-*; do
			name=${prog##*/oracle-}
			case $way:$name in
			recv:send | metadata:send) ;;
			recv:* | both:send | metadata:*) among "$name" "$RG_ORACLES" && names="$names $name" ;;
			esac
		done
		[ -n "$names" ] || continue
		mkdir -p "$out"
		timeout 400 recvguard trace "$@" --tier "$tier" -o json="$out/$way.json" -- sh -c '
			dir=$0
			for name; do
				RG_ORACLE=$dir/$name.truth timeout 100 /rg/bin/oracle-$name >/dev/null 2>$dir/$name.err
				echo $? >$dir/$name.status
			done' "$out" $names >/dev/null 2>"$out/$way.log"
		status=$?
		[ $status = 0 ] || { no "$tier: trace of$names ($way) ended with status $status"; sed 's/^/# /' "$out/$way.log" | tail -5; }
	done
	# Losses are counted in other ways where nothing can be taken out of a map whole (before 5.14). The reader
	# stands still meanwhile: a ring of one page is full then, however fast it is otherwise.
	if [ "$tier" = legacy ] && among loss "$RG_ORACLES"; then
		mkdir -p /out/legacy-loss
		for ring in whole=64MiB tight=4KiB; do
			timeout 200 recvguard trace --tier legacy --snaplen 0 --ring ${ring#*=} -o json="/out/legacy-loss/${ring%=*}.json" -- \
				sh -c 'kill -STOP $PPID; /rg/bin/oracle-unix; kill -CONT $PPID' >/dev/null 2>&1
		done
	fi
	# What a filter shows that is decided in the kernel: tests/e2e/filter.py compares it with what user space would.
	# Three of them: each loads the tier anew, which takes long in emulation; the rest runs natively.
	script='for p in unix fds creds; do /rg/bin/oracle-$p >/dev/null; done'
	mkdir -p "/out/$tier-filter"
	timeout 200 recvguard record "/out/$tier-filter/plain.db" -q --tier "$tier" -- sh -c "$script"
	n=0
	grep -v '^#' /rg/tests/filter.exprs | while IFS='|' read -r where options expr; do
		n=$((n + 1))
		case $n in 1 | 2 | 6) ;; *) continue ;; esac
		timeout 200 recvguard trace --tier "$tier" -o "json=/out/$tier-filter/$n.json" --filter "$expr" -- \
			sh -c "$script" >/dev/null 2>"/out/$tier-filter/$n.err"
	done
done
echo "# end"
