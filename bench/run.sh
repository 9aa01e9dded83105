#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Cost of watching, beside strace, perf trace and bpftrace, in one interleaved run; see bench/bench.py --help.
cd "$(dirname "$(readlink -f "$0")")/.."
exec python3 bench/bench.py "$@"
