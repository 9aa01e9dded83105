#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Runs inside the test machine (tools/vm/init): TAP lines without numbers, tests/kernel/matrix.sh numbers them.
# usage: guest.sh one|two: the part for a machine of one processor, in which most tests are, or that of those that
# need two: races, and in each tier what is sent while another receives.
# A test is an executable /rg/bin/ktest-* (C, built by tests/kernel/meson.build) or /rg/tests/t-*.sh; it prints TAP.
# RG_TIERS, RG_ORACLES and RG_KTESTS in the environment (names, separated by blanks) narrow what is run; among the
# oracles two more names stand for what the second part has of each tier: filters, loss.
set -u
: "${RG_TIERS=trampoline tracepoint legacy}" "${RG_ORACLES=*}" "${RG_KTESTS=*}"
part=$1

among() { # NAME LIST: is it in the list, or is that *?
	case " $2 " in *" $1 "* | " * ") return 0 ;; esac
	return 1
}

yes() { echo "ok - $*"; }
no() { echo "not ok - $*"; }
check() { # NAME COMMAND…
	name=$1
	shift
	if "$@" >/tmp/check.log 2>&1; then yes "$name"; else no "$name"; sed 's/^/# /' /tmp/check.log; fi
}
started() { "$@"; [ $? -lt 126 ]; }
mounted() { grep -q "^[^ ]* $2 $1 " /proc/mounts; }

basics() {
	for fs in "proc /proc" "sysfs /sys" "bpf /sys/fs/bpf" "tracefs /sys/kernel/tracing" "cgroup2 /sys/fs/cgroup"; do
		check "mounted: $fs" mounted $fs
	done
	check "loopback is up" ping -c 1 -W 5 127.0.0.1
	check "the kernel describes its types (BTF)" test -s /sys/kernel/btf/vmlinux
	check "recvguard and its libraries start" recvguard --version
	# 5.10 has a lesser tier than the best: doctor says so by its exit status. What it says: tests/kernel/since.py
	case $(uname -r) in
	5.10.*) check "doctor" sh -c "recvguard doctor --json >/out/doctor.json; [ \$? = 1 ]" ;;
	*) check "doctor" sh -c "recvguard doctor --json >/out/doctor.json" ;;
	esac
}

# Those that set several receivers, or a load and a flood, against one another
case $part in
one) ktests='/rg/bin/ktest-* /rg/tests/t-*.sh' ;;
two) ktests='/rg/bin/ktest-reload /rg/bin/ktest-enforce' ;;
esac
ktest() { # FILE
	local name status
	[ -e "$1" ] || return
	name=$(basename "$1" .sh)
	name=${name#ktest-}
	among "$name" "$RG_KTESTS" || return
	case $part-$name in
	one-reload) return ;;
	two-enforce) set -- "$1" races ;;
	*-*.sh) set -- sh "$1" ;;
	esac
	"$@" >/tmp/tap 2>&1
	status=$?
	sed -n "s/^\(not ok\|ok\)[ 0-9]*-* */\1 - $name: /p; s/^#/#/p; s/^1\.\.0/ok - $name/p" /tmp/tap
	# A test that died says so even when all it printed was good.
	if [ $status -ne 0 ] && ! grep -q '^not ok' /tmp/tap; then
		no "$name: exit status $status"
		sed 's/^/# /' /tmp/tap | tail -20
	fi
	grep -q '^\(not \)\?ok\|^1\.\.0' /tmp/tap || no "$name: printed no test"
}

# Which oracles a direction is for, and RG_ORACLES asks for; what stands at the filters and the loss is compared with
# what the first of them showed.
oracles() { # WAY
	for prog in /rg/bin/oracle-*; do
		name=${prog##*/oracle-}
		case $1:$name in
		recv:send | metadata:send) ;;
		recv:unix) among loss "$RG_ORACLES" || among filters "$RG_ORACLES" || among unix "$RG_ORACLES" && echo "$name" ;;
		recv:fds | recv:creds) among filters "$RG_ORACLES" || among "$name" "$RG_ORACLES" && echo "$name" ;;
		recv:* | both:send | metadata:*) among "$name" "$RG_ORACLES" && echo "$name" ;;
		esac
	done
}

# One loading for all programs, which takes longer here than they do: matrix.sh tells them apart by pid and socket.
trace() { # TIER WAY NAME…
	local tier=$1 way=$2 out=/out/$1 options status
	shift 2
	options="--errors --snaplen all --direction $way"
	[ $way = metadata ] && out=/out/$tier-metadata options=--metadata
	[ $way = recv ] && options="$options -o sqlite=$out/recv.db"
	mkdir -p "$out"
	timeout 400 recvguard trace $options --tier "$tier" -o json="$out/$way.json" -- sh -c '
		dir=$0
		for name; do
			RG_ORACLE=$dir/$name.truth timeout 100 /rg/bin/oracle-$name >/dev/null 2>$dir/$name.err
			echo $? >$dir/$name.status
		done
		: >$dir/ran' "$out" "$@" >/dev/null 2>"$out/$way.log"
	status=$?
	[ $status != 0 ] || return 0
	[ -e "$out/ran" ] || return 1
	no "$tier: trace of $* ($way) ended with status $status"
	sed 's/^/# /' "$out/$way.log" | tail -5
}

# The programs that know what they receive (tests/e2e/prog), in every tier that loads here: both views are left in
# /out, tests/kernel/matrix.sh compares them outside, where Python is.
tier_one() { # TIER
	local names
	if ! trace "$1" recv $(oracles recv) || ! grep -q "tier $1" "/out/$1/recv.log"; then
		echo "ok - tier $1 # SKIP not on this kernel: $(grep -v '^$' "/out/$1/recv.log" | tail -1)"
		rm -rf "/out/$1"
		return
	fi
	yes "tier $1 loads and attaches"
	if [ "$1" = legacy ]; then
		check "legacy: --metadata is refused, and why" sh -c "! recvguard trace --tier legacy --metadata -- true 2>/tmp/why && grep -q 'would miss receives of io_uring' /tmp/why"
		return
	fi
	names=$(oracles metadata)
	[ -z "$names" ] || trace "$1" metadata $names || no "$1: trace of" $names "(metadata) ended without them"
}

tier_two() { # TIER
	local names tier out n
	names=$(oracles both)
	if [ -n "$names" ] && ! trace "$1" both $names; then
		echo "# tier $1: $(grep -v '^$' "/out/$1/both.log" | tail -1)"
		rm -rf "/out/$1"
		return
	fi
	# Losses are counted in other ways where nothing can be taken out of a map whole (before 5.14). The reader
	# stands still meanwhile: a ring of one page is full then, however fast it is otherwise. 5.10 has no other tier.
	if [ "$1" = legacy ] && among loss "$RG_ORACLES"; then
		case $(uname -r) in 5.10.*) tier= ;; *) tier='--tier legacy' ;; esac
		mkdir -p /out/legacy-loss
		timeout 200 recvguard trace $tier --snaplen 0 --ring 4KiB -o json=/out/legacy-loss/tight.json -- \
			sh -c 'kill -STOP $PPID; /rg/bin/oracle-unix; kill -CONT $PPID' >/dev/null 2>/tmp/why
		[ -n "$tier" ] || check "trace takes the legacy tier by itself" grep 'tier legacy' /tmp/why
	fi
	among filters "$RG_ORACLES" || return
	# What a filter shows that is decided in the kernel: tests/e2e/filter.py compares it with what user space would.
	# Three of them: each loads the tier anew, which takes long in emulation; the rest runs natively.
	out=/out/$1-filter n=0
	mkdir -p "$out"
	grep -v '^#' /rg/tests/filter.exprs | while IFS='|' read -r where options expr; do
		n=$((n + 1))
		case $n in 1 | 2 | 6) ;; *) continue ;; esac
		timeout 200 recvguard trace --tier "$1" -o "json=$out/$n.json" --filter "$expr" -- \
			sh -c 'for p in unix fds creds; do /rg/bin/oracle-$p >/dev/null; done' >/dev/null 2>"$out/$n.err"
		grep -q "tier $1" "$out/$n.err" || break
	done
}

[ $part = two ] || basics
for t in $ktests; do ktest $t; done
for t in $RG_TIERS; do tier_$part $t; done
echo "# end"
