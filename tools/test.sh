#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# All tests: the plain build, then the sanitizer build on what runs under it; one closing line over all.
# The emulated machines of the kernel suite fill what the others leave of the processors (tools/vm.sh: nice). Beside
# them runs what measures nothing; what does, in the plain build, has run before they start.
set -uo pipefail
cd "$(dirname "$0")/.."
if [ $# -gt 0 ]; then
	exec tests/run.py build "$@"
fi
rm -f build/results.tsv build-asan/results.tsv
part() { # ARGS: tests/run.py's, without its own closing line
	tests/run.py "$@" | sed -u '/^[0-9]* passed, [0-9]* failed, [0-9]* skipped$/d'
}
part build --suite unit --suite golden --suite e2e --suite attack
trap 'kill 0' INT # what runs in the background would not be interrupted
part build --suite kernel &
part build --suite lint --suite transparency --suite fuzz
[ -f build-asan/build.ninja ] || meson setup build-asan -Db_sanitize=address,undefined -Db_lundef=false >/dev/null
if ninja -C build-asan --quiet; then
	UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 part build-asan --label 'asan ' --suite unit --suite golden --suite e2e
else
	printf 'asan\tbuild\t0\t1\t0\n' >>build/results.tsv
fi
wait
cat build/results.tsv build-asan/results.tsv 2>/dev/null | awk -F'\t' '
	{ ok += $3; bad += $4; skip += $5; if ($4) names = names " " $2 }
	END { if (names) print "failed in:" names
	      printf "%d passed, %d failed, %d skipped\n", ok, bad, skip
	      exit bad > 0 || ok == 0 }'
