#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The kernel suite: tests/kernel/guest.sh under every kernel of the matrix, side by side (tools/vm.sh says how many);
# TAP, each line with its kernel. usage: tests/kernel/matrix.sh BUILDDIR [KERNEL…]
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
		part "$1" "legacy: loss" python3 "$top/tests/kernel/loss.py" "$work/$1.out/legacy-loss/whole.json" "$work/$1.out/legacy-loss/tight.json"
	for truth in "$work/$1.out"/*-filter; do
		[ -e "$truth" ] || continue
		tier=$(basename "$truth" -filter)
		python3 "$top/tests/e2e/filter.py" "$build/cli/recvguard" --compare "$truth" >"$work/$1.cmp" 2>&1 || true
		grep -q '^ok\|^not ok' "$work/$1.cmp" || echo "not ok - $tier: filters could not be compared: $(tail -1 "$work/$1.cmp")"
		sed -n "s/^\(not ok\|ok\) [0-9]* - /\1 - $tier: filter: /p; s/^#/#/p" "$work/$1.cmp"
	done
}
one() {
	local try
	for try in 1 2; do
		"$top/tools/vm.sh" --build "$build" --timeout 1300 --out "$work/$1.out" "${oracles[@]}" \
			--add "$top/tests/e2e/filter.exprs=/rg/tests/filter.exprs" "$1" "${narrow}sh /rg/tests/guest.sh" \
			>"$work/$1.tap" 2>"$work/$1.err"
		echo $? >"$work/$1.status"
		grep -q '^# end' "$work/$1.tap" && break
		case $(cat "$work/$1.status") in 77 | 124) break ;; esac
		# Patching code of a running kernel is not sure under emulation with several threads: one that died is
		# started again, once, and it is said.
		[ $try = 2 ] || { echo "#: kernel $1: its machine died and was started again:"; grep -m1 RIP "$work/$1.err"; } >"$work/$1.again"
	done
	compare "$1" >>"$work/$1.tap"
}
# the newest have the most tests: first, so that no long one runs alone at the end
for ((i = ${#kernels[@]} - 1; i >= 0; i--)); do
	one "${kernels[i]}" &
	sleep 0.1
done
wait

n=0 bad=0
line() { # RESULT NAME
	n=$((n + 1))
	echo "$1 $n - $2"
	[ "$1" = ok ] || bad=$((bad + 1))
}
for k in "${kernels[@]}"; do
	status=$(cat "$work/$k.status") before=$n bad_before=$bad
	if [ "$status" = 77 ]; then
		line ok "$k # SKIP $(tr '\n' ' ' <"$work/$k.err")"
		continue
	fi
	while IFS= read -r l; do
		case $l in
		"ok - "*) line ok "$k: ${l#ok - }" ;;
		"not ok - "*) line "not ok" "$k: ${l#not ok - }" ;;
		*) echo "# $k: ${l#\# }" ;;
		esac
	done <"$work/$k.tap"
	if ! grep -q '^# end' "$work/$k.tap"; then
		line "not ok" "$k: the machine's tests came to their end (exit $status)"
		sed "s/^/# $k: /" "$work/$k.err"
	fi
	[ ! -e "$work/$k.again" ] || paste -s -d' ' "$work/$k.again"
	echo "#: kernel $k ($(sed 's/ .*//' "${XDG_CACHE_HOME:-$HOME/.cache}/recvguard/vm/$k/version")): $((n - before)) tests, $((bad - bad_before)) failed"
done
echo "1..$n"
[ $bad -eq 0 ]
