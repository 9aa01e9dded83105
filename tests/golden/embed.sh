#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The embedding example says of each event what its own verdict says. usage: embed.sh EMBED FOLDER
echo 1..1
want="does not match, strip by only memfds from the compositor
does not match, allow by default
matches, deny by no oversized messages
matches, allow by default"
got=$("$1" 'msg.size > 64KiB' "$2/compositor-client.yaml" <"$2/compositor-client.jsonl" | tail -4)
[ "$got" = "$want" ] && echo "ok 1 - embed" && exit 0
echo "not ok 1 - embed"
echo "$got" | sed 's/^/# /'
exit 1
