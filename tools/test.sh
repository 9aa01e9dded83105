#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# All tests: the plain build, then the sanitizer build on what runs under it; one closing line over all.
set -uo pipefail
cd "$(dirname "$0")/.."
if [ $# -gt 0 ]; then
	exec tests/run.py build "$@"
fi
rm -f build/results.tsv build-asan/results.tsv
tests/run.py build || true
[ -f build-asan/build.ninja ] || meson setup build-asan -Db_sanitize=address,undefined -Db_lundef=false >/dev/null
if ninja -C build-asan --quiet; then
	UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 tests/run.py build-asan --label 'asan ' \
		--suite unit --suite golden --suite e2e || true
else
	printf 'asan\tbuild\t0\t1\t0\n' >>build/results.tsv
fi
cat build/results.tsv build-asan/results.tsv 2>/dev/null | awk -F'\t' '
	{ ok += $3; bad += $4; skip += $5; if ($4) names = names " " $2 }
	END { if (names) print "failed in:" names
	      printf "%d passed, %d failed, %d skipped\n", ok, bad, skip
	      exit bad > 0 || ok == 0 }'
