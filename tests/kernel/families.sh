#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Address families and control messages of protocols that are modules, in a machine whose kernel has them: what the
# programs of tests/e2e/cmsg/ know, against what is decoded of it and what is traced of it in two tiers.
# usage: tests/kernel/families.sh BUILDDIR
set -uo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
build=$1 kernel=6.12-full
made=$build/tests/e2e/cmsg
dir=$("$top/tools/vm/kernel.sh" $kernel 2>&1) || { echo "1..0 # SKIP ${dir##*$'\n'}"; exit 0; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/modules"
: >"$work/modules/list"

# The module, after what it stands on; a name that is no module's is part of the kernel.
module() {
	local name=${1//-/_} file dep
	grep -qx "$name" "$work/modules/list" && return
	file=$(find "$dir/modules" -name "${name//_/[-_]}.ko*" | head -1)
	[ -n "$file" ] || return 0
	case $file in
	*.xz) xz -dc "$file" ;;
	*.zst) zstd -qdc "$file" ;;
	*) cat "$file" ;;
	esac >"$work/modules/$name.ko"
	for dep in $(tr '\0' '\n' <"$work/modules/$name.ko" | sed -n 's/^depends=//p' | tr ',' ' '); do module "$dep"; done
	echo "$name" >>"$work/modules/list"
}
for m in crc32c_generic sctp tls gcm ghash_generic ctr tipc vsock_loopback rds fcrypt pcbc rxrpc af_alg algif_hash sha256_generic can_raw can_isotp can_j1939 vcan \
	bluetooth hci_vhci tun llc2 qrtr; do
	module $m
done

cat >"$work/guest.sh" <<'GUEST'
while read -r m; do insmod /rg/modules/$m.ko 2>&1 | sed "s/^/# $m: /"; done </rg/modules/list
ip link add vcan0 type vcan && ip link set vcan0 up
/rg/bin/cmsg-check families /rg/bin/cmsg-make*
for tier in trampoline tracepoint; do
	timeout 120 recvguard trace --tier $tier -o json=/out/$tier.json -- sh -c "/rg/bin/cmsg-make families >/out/$tier.shots" >/dev/null 2>/out/$tier.err ||
		sed 's/^/# /' /out/$tier.err
done
echo "# end"
GUEST
add=()
for f in "$made"/cmsg-check "$made"/cmsg-make "$made"/cmsg-make32; do
	[ ! -e "$f" ] || add+=(--add "$f=/rg/bin/$(basename "$f")")
done
"$top/tools/vm.sh" --build "$build" --timeout 500 --one-cpu --out "$work/out" --add "$work/modules=/rg/modules" --add "$work/guest.sh=/rg/guest.sh" \
	"${add[@]}" $kernel 'sh /rg/guest.sh' >"$work/tap" 2>"$work/err"
n=0 bad=0
tell() { # PREFIX: TAP of one part, numbered anew
	local l
	while IFS= read -r l; do
		case $l in
		"ok "*) n=$((n + 1)); echo "ok $n - $1${l#* - }" ;;
		"not ok "*) n=$((n + 1)) bad=$((bad + 1)); echo "not ok $n - $1${l#* - }" ;;
		1..*) ;;
		*) echo "# ${l#\# }" ;;
		esac
	done
}
tell "" <"$work/tap"
grep '^#: ' "$work/err"
if ! grep -q '^# end' "$work/tap"; then
	n=$((n + 1)) bad=$((bad + 1))
	echo "not ok $n - the machine's tests came to their end"
	sed 's/^/# /' "$work/err"
fi
for tier in trampoline tracepoint; do
	python3 "$top/tests/e2e/cmsg/traced.py" --compare "$work/out/$tier.shots" "$work/out/$tier.json" >"$work/cmp" 2>&1 ||
		grep -q '^not ok' "$work/cmp" || echo "not ok - compared: $(tail -1 "$work/cmp")" >>"$work/cmp"
	tell "$tier: " <"$work/cmp"
done
echo "1..$n"
[ $bad -eq 0 ]
