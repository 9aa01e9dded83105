#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Cost of watching, beside strace, perf trace and bpftrace, in one interleaved run; see bench/bench.py --help.
cd "$(dirname "$(readlink -f "$0")")/.."
# bpftrace finds its probes in tracefs and perf mounts it where it is missing: here, and only for these processes.
if unshare -m true 2>/dev/null; then
	exec unshare -m sh -c '
		mountpoint -q /sys/kernel/tracing || mount -t tracefs tracefs /sys/kernel/tracing ||
			echo "bench: tracefs cannot be mounted: bpftrace and perf trace will find no tracepoints" >&2
		exec python3 bench/bench.py "$@"' sh "$@"
fi
exec python3 bench/bench.py "$@"
