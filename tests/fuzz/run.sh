#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Fuzz every decoder and parser: libFuzzer with the address and undefined-behaviour sanitizers.
#
# usage: tests/fuzz/run.sh [SECONDS] [TARGET]...    each target for SECONDS (60)
#        tests/fuzz/run.sh --tap SECONDS            the same as a test; a target is one line of TAP
#        tests/fuzz/run.sh --replay TARGET FILE     one input again
#
# A target is tests/fuzz/TARGET.c; its seeds are tests/fuzz/seeds/TARGET/, its dictionary tests/fuzz/TARGET.dict.
# What a run learns stays in .cache/fuzz/TARGET/, what it finds in build-fuzz/findings/, the time spent without
# a finding in .cache/fuzz/time.tsv.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
build=build-fuzz
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1

no_clang() {
	[ "$(clang -x c -fsanitize=fuzzer -c -o /dev/null - <<<'int x;' 2>&1)" ] && return
	local rt
	rt=$(clang -print-file-name="libclang_rt.fuzzer-$(uname -m).a")
	[ ! -e "$rt" ]
}

prepare() {
	if [ -f $build/build.ninja ]; then
		meson setup --reconfigure $build >/dev/null # a new target may have come
	else
		CC=clang meson setup $build -Dfuzz=true -Dwerror=false -Db_sanitize=address,undefined -Db_lundef=false \
			-Db_pie=false -Dbuildtype=debugoptimized >/dev/null
	fi
	ninja -C $build --quiet fuzz >&2
	mkdir -p $build/findings
}

targets() {
	(cd tests/fuzz && ls -- *.c) | sed 's/\.c$//'
}

# One target for some seconds; its whole output in build-fuzz/TARGET.log. False on a finding.
fuzz() {
	local t=$1 seconds=$2 corpus=.cache/fuzz/$1 log=$build/$1.log args=()
	mkdir -p "$corpus"
	[ -d "tests/fuzz/seeds/$t" ] && args+=("tests/fuzz/seeds/$t")
	[ -f "tests/fuzz/$t.dict" ] && args+=("-dict=tests/fuzz/$t.dict")
	nice -n 19 $build/tests/fuzz/fuzz-"$t" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=8192 \
		-print_final_stats=1 -artifact_prefix=$build/findings/"$t"- "$corpus" "${args[@]}" >"$log" 2>&1 || return 1
	printf '%s\t%s\t%s\n' "$(date -u +%FT%TZ)" "$t" "$seconds" >>.cache/fuzz/time.tsv
}

stats() {
	local runs cov
	runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$build/$1.log")
	cov=$(grep -o 'cov: [0-9]*' "$build/$1.log" | tail -1)
	echo "${runs:-?} inputs, $cov edges"
}

case ${1:-} in
--replay)
	prepare
	exec $build/tests/fuzz/fuzz-"$2" "$3"
	;;
--tap)
	if no_clang; then
		echo "1..0 # skip clang with libFuzzer is needed (Debian: libclang-rt-dev)"
		exit 0
	fi
	if ! prepare; then
		echo "not ok 1 - the fuzz targets build"
		exit 1
	fi
	n=0 bad=0
	echo "1..$(targets | wc -l)"
	for t in $(targets); do
		n=$((n + 1))
		if fuzz "$t" "$2"; then
			echo "ok $n - $t: $(stats "$t")"
		else
			bad=1
			echo "not ok $n - $t: a finding"
			tail -40 "$build/$t.log" | sed 's/^/# /'
		fi
	done
	exit $bad
	;;
*)
	seconds=${1:-60}
	[ $# -gt 0 ] && shift
	[[ $seconds =~ ^[0-9]+$ ]] || {
		echo "run.sh: not a number of seconds: $seconds" >&2
		exit 2
	}
	prepare
	bad=0
	for t in ${*:-$(targets)}; do
		if fuzz "$t" "$seconds"; then
			echo "$t: no finding in $seconds s ($(stats "$t")); in all $(awk -v t="$t" '$2 == t { s += $3 } END { print s }' .cache/fuzz/time.tsv) s"
		else
			bad=1
			echo "$t: a finding"
			tail -60 "$build/$t.log"
			ls $build/findings/"$t"-* 2>/dev/null
		fi
	done
	exit $bad
	;;
esac
