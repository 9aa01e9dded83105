#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The service of packaging/ under the real systemd, as the first process of a machine: tests/kernel/systemd/guest.sh.
# usage: tests/kernel/systemd.sh BUILDDIR [KERNEL]
set -uo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
build=$1 kernel=${2:-6.1}
for f in /lib/systemd/systemd /lib/systemd/systemd-journald /bin/systemctl /bin/journalctl; do
	[ -e "$f" ] || { echo "1..0 # SKIP $f is missing (tools/packages-vm.txt: systemd)"; exit 0; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# As few units as will do: what the service, and journald, are ordered after, and one that runs the test.
units=$work/system
mkdir -p "$units" "$work/policies" "$work/etc"
for t in sysinit basic local-fs multi-user shutdown umount final; do
	printf '[Unit]\nDescription=%s\nDefaultDependencies=no\n' "$t" >"$units/$t.target"
done
printf 'Requires=sysinit.target\nAfter=sysinit.target\n' >>"$units/basic.target"
printf 'Requires=basic.target test.service\nAfter=basic.target\n' >>"$units/multi-user.target"
cp "$units/multi-user.target" "$units/default.target"
cp /lib/systemd/system/systemd-journald.service /lib/systemd/system/systemd-journald{,-dev-log}.socket "$units/"
cp "$top/packaging/recvguard-enforce.service" "$units/"
cat >"$units/test.service" <<-UNIT
	[Unit]
	Requires=systemd-journald.socket
	After=basic.target systemd-journald.socket
	[Service]
	Type=simple
	StandardOutput=file:/dev/ttyS1
	StandardError=file:/dev/ttyS1
	Environment=PATH=/rg/bin:/usr/bin:/bin TMPDIR=/tmp LC_ALL=C.UTF-8
	ExecStart=/bin/sh /rg/tests/systemd/guest.sh
UNIT
cp "$top/tests/kernel/systemd/machine.yaml" "$work/policies/"
echo 'ID=recvguard-vm' >"$work/etc/os-release"
"$top/tools/vm.sh" --build "$build" --timeout 400 --one-cpu --append rdinit=/lib/systemd/systemd \
	--add "$build/cli/recvguard=/usr/bin/recvguard" --add "$work/policies=/etc/recvguard/policies" \
	--add "$units=/lib/systemd/system" --add "$work/etc/os-release=/etc/os-release" \
	--add /lib/systemd/systemd=/lib/systemd/systemd --add /lib/systemd/systemd-journald=/lib/systemd/systemd-journald \
	--add /bin/systemctl=/usr/bin/systemctl --add /bin/journalctl=/usr/bin/journalctl \
	"$kernel" 'run by test.service'
