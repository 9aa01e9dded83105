#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# tools/vm.sh for tests that need two processors: with two, emulation now and then trips over code that the kernel
# patches, and the machine dies in the middle. Once it is started again, and that is said. usage: again.sh VM.SH [ARG...]
set -uo pipefail
out=$(mktemp)
trap 'rm -f "$out"' EXIT
"$@" >"$out" 2>&1
status=$?
if [ $status != 0 ] && grep -q 'the machine ended without a result' "$out"; then
	echo "#: its machine died and was started again: $(grep -m1 -o 'RIP:.*' "$out")"
	"$@" >"$out" 2>&1
	status=$?
fi
cat "$out"
exit $status
