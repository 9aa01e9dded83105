#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The kernel suite: both parts of tests/kernel/guest.sh under every kernel of the matrix, side by side (tools/vm.sh says
# how many); TAP, each line with its kernel. usage: tests/kernel/matrix.sh BUILDDIR [KERNEL…]
# While one works on a tier: RG_TIERS, RG_ORACLES, RG_KTESTS (guest.sh) narrow it, as in
#   RG_TIERS=legacy RG_ORACLES='unix fds' RG_KTESTS= tests/kernel/matrix.sh build 5.10
set -uo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
build=$1
shift
kernels=("$@")
narrow=''
for v in RG_TIERS RG_ORACLES RG_KTESTS; do
	[ -z "${!v+set}" ] || narrow+="$v='${!v}' "
done
[ ${#kernels[@]} -gt 0 ] || kernels=(5.10 6.1 6.12 sid)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

oracles=()
for p in "$build"/tests/e2e/prog/oracle-*; do
	[ ! -x "$p" ] || [ -d "$p" ] || oracles+=(--add "$p=/rg/bin/$(basename "$p")")
done
part() { # KERNEL NAME COMMAND…: lines of a test of its own, each with its name
	local k=$1 name=$2
	shift 2
	"$@" >"$work/$k.cmp" 2>&1 || true
	grep -q '^ok\|^not ok' "$work/$k.cmp" || echo "not ok - $name: ended without a result: $(tail -1 "$work/$k.cmp")"
	sed -n "s/^\(not ok\|ok\) [0-9]* - /\1 - $name: /p; s/^#/#/p" "$work/$k.cmp"
}
# What the programs in the machine saw against what recvguard showed: TAP as guest.sh prints it.
compare() { # KERNEL
	local truth tier name events way kind
	for tier in {trampoline,tracepoint,legacy}{,-metadata}; do
		local recv=() both=() errors=() kind=${tier#*-}
		# guest.sh leaves a status for every program that it ran
		for truth in "$work/$1.out/$tier"/*.status; do
			[ -e "$truth" ] || continue
			truth=${truth%.status}.truth name=$(basename "${truth%.truth}")
			if [ ! -s "$truth" ] || [ "$(cat "${truth%.truth}.status")" != 0 ]; then
				echo "not ok - $tier: $name: ended with status $(cat "${truth%.truth}.status")"
				sed 's/^/# /' "${truth%.truth}.err" | tail -5
				continue
			fi
			case $kind:$name in
			metadata:*) recv+=("$truth") ;;
			*:send) both+=("$truth") ;;
			*:routes | *:falco | *:uring) errors+=("$truth") ;;
			*) recv+=("$truth") ;;
			esac
		done
		events=$work/$1.out/$tier way=(--tier "${tier%-metadata}" --truths)
		[ "$kind" = metadata ] || kind=recv
		[ ${#recv[@]} = 0 ] || part "$1" "$tier" python3 "$top/tests/e2e/oracle.py" --events "$events/$kind.json" "${way[@]}" "${recv[@]}"
		[ ${#errors[@]} = 0 ] ||
			part "$1" "$tier" python3 "$top/tests/e2e/oracle.py" --events "$events/recv.json" --errors "${way[@]}" "${errors[@]}"
		[ "$kind-${#both[@]}" != recv-0 ] || [ ! -e "$events/recv.db" ] || ! asks RG_ORACLES send || echo "not ok - $tier: send: it did not run"
		[ ${#both[@]} = 0 ] ||
			part "$1" "$tier" python3 "$top/tests/e2e/oracle.py" --events "$events/both.json" --direction both "${way[@]}" "${both[@]}"
	done
	[ ! -s "$work/$1.out/doctor.json" ] || part "$1" doctor python3 "$top/tests/kernel/since.py" "$work/$1.out/doctor.json"
	# All that a tier showed against its column of docs/tiers.md
	for tier in trampoline tracepoint legacy; do
		[ -z "${RG_ORACLES+set}" ] && [ -d "$work/$1.out/$tier" ] || continue
		part "$1" "$tier: tiers" python3 "$top/tests/e2e/tiers.py" "$tier" "$work/$1.out/$tier"/*.json
	done
	[ ! -d "$work/$1.out/legacy-loss" ] ||
		part "$1" "legacy: loss" python3 "$top/tests/kernel/loss.py" "$work/$1.out/legacy/recv.json" "$work/$1.out/legacy-loss/tight.json"
	for truth in "$work/$1.out"/*/recv.db; do
		[ -e "$truth" ] && asks RG_ORACLES filters || continue
		tier=$(basename "$(dirname "$truth")")
		part "$1" "$tier: filter" python3 "$top/tests/e2e/filter.py" "$build/cli/recvguard" --compare "$work/$1.out/$tier-filter" "$truth"
	done
}
machine() { # KERNEL PART
	local try m=$work/$1.$2 way=()
	# One processor is less work, and sure. 6.1 and 5.10 find payload by the direct map: the one with page tables of
	# five levels (and all else that is emulated), the other of four.
	[ "$2" = two ] || way=(--one-cpu)
	[ "$1.$2" != 6.1.one ] || way+=(--cpu max)
	for try in 1 2; do
		"$top/tools/vm.sh" --build "$build" --timeout 1300 --out "$work/$1.out" "${way[@]}" "${oracles[@]}" \
			--add "$top/tests/e2e/filter.exprs=/rg/tests/filter.exprs" "$1" "${narrow}sh /rg/tests/guest.sh $2" >"$m.tap" 2>"$m.err"
		echo $? >"$m.status"
		grep -q '^# end' "$m.tap" && break
		case $(cat "$m.status") in 77 | 124) break ;; esac
		# Patching code of a running kernel is not sure under emulation with several threads: one that died is
		# started again, once, and it is said.
		[ $try = 2 ] || { echo "#: kernel $1: its machine died and was started again:"; grep -m1 RIP "$m.err"; } >"$m.again"
	done
}
asks() { # VARIABLE NAME…: does it name one of them, or is not set?
	local name v=$1
	[ -n "${!v+set}" ] || return 0
	shift
	for name; do case " ${!v} " in *" $name "* | " * ") return 0 ;; esac; done
	return 1
}
parts=(one)
! { asks RG_KTESTS reload enforce || asks RG_ORACLES send filters loss; } || parts+=(two)
one() { # KERNEL
	local p
	for p in "${parts[@]}"; do
		machine "$1" "$p" &
		sleep 0.1
	done
	wait
	compare "$1" >"$work/$1.compared"
}
# the newest have the most tests: first, so that no long one runs alone at the end
for ((i = ${#kernels[@]} - 1; i >= 0; i--)); do
	one "${kernels[i]}" &
	sleep 0.3
done
wait

n=0 bad=0
line() { # RESULT NAME
	n=$((n + 1))
	echo "$1 $n - $2"
	[ "$1" = ok ] || bad=$((bad + 1))
}
told() { # KERNEL FILE: lines as the guest or a comparison printed them
	local l
	while IFS= read -r l; do
		case $l in
		"ok - "*) line ok "$1: ${l#ok - }" ;;
		"not ok - "*) line "not ok" "$1: ${l#not ok - }" ;;
		*) echo "# $1: ${l#\# }" ;;
		esac
	done <"$2"
}
for k in "${kernels[@]}"; do
	before=$n bad_before=$bad
	if [ "$(cat "$work/$k.one.status")" = 77 ]; then
		line ok "$k # SKIP $(tr '\n' ' ' <"$work/$k.one.err")"
		continue
	fi
	for p in "${parts[@]}"; do
		m=$work/$k.$p
		told "$k" "$m.tap"
		if ! grep -q '^# end' "$m.tap"; then
			line "not ok" "$k: the machine's tests came to their end (part $p, exit $(cat "$m.status"))"
			sed "s/^/# $k: /" "$m.err"
		fi
		[ ! -e "$m.again" ] || paste -s -d' ' "$m.again"
		grep '^#: ' "$m.err"
	done
	told "$k" "$work/$k.compared"
	echo "#: kernel $k ($(sed 's/ .*//' "${XDG_CACHE_HOME:-$HOME/.cache}/recvguard/vm/$k/version")): $((n - before)) tests, $((bad - bad_before)) failed"
done
echo "1..$n"
[ $bad -eq 0 ]
