#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The kernel suite: tests/kernel/guest.sh under every kernel of the matrix, two machines at a time; TAP, each line
# with its kernel. usage: tests/kernel/matrix.sh BUILDDIR [KERNEL…]
set -uo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
build=$1
shift
kernels=("$@")
[ ${#kernels[@]} -gt 0 ] || kernels=(5.10 6.1 6.12 sid)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

one() {
	"$top/tools/vm.sh" --build "$build" --timeout 300 "$1" 'sh /rg/tests/guest.sh' >"$work/$1.tap" 2>"$work/$1.err"
	echo $? >"$work/$1.status"
}
for k in "${kernels[@]}"; do
	one "$k" &
	[ "$(jobs -rp | wc -l)" -lt 2 ] || wait -n
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
	echo "#: kernel $k ($(sed 's/ .*//' "${XDG_CACHE_HOME:-$HOME/.cache}/recvguard/vm/$k/version")): $((n - before)) tests, $((bad - bad_before)) failed"
done
echo "1..$n"
[ $bad -eq 0 ]
