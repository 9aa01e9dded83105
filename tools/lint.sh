#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Every rule of tools/lint.py over this tree; TAP out, non-zero when one fails.
exec "$(dirname "$(readlink -f "$0")")"/lint.py "$@"
