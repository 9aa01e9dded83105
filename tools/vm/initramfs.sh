#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# usage: tools/vm/initramfs.sh BUILD CMDFILE [HOSTPATH[=GUESTPATH]…] >image
#
# The test machine's whole user space as a cpio archive: busybox, our program, the test programs, the named extra
# files (folders whole), and the shared libraries that any of them needs. Our own programs go to /rg/bin.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
build=$1 cmd=$2
shift 2
root=$(mktemp -d)
chmod 755 "$root" # or nobody but root finds a file
trap 'rm -rf "$root"' EXIT
mkdir -p "$root"/{bin,rg/bin,etc,lib64,usr/share/doc,usr/bin}

# The same of a 32-bit program, where this kernel runs none and so ldd neither
libs32() {
	{ readelf -ld "$1" 2>/dev/null || true; } | sed -n 's/.*program interpreter: \(.*\)]/\1/p; s/.*(NEEDED).*\[\(.*\)\]/\1/p' | while read -r lib; do
		case $lib in
		/lib/ld-linux.so.2) echo "$lib" ;;
		*) [ ! -e "/lib32/$lib" ] || echo "$lib => /lib32/$lib" ;;
		esac
	done
}
libs() { # FILE: its libraries, at the paths where its loader looks for them
	local lib
	{ ldd "$1" 2>/dev/null || libs32 "$1"; } | awk '$2 == "=>" && $3 ~ /^\// { print $3 } $1 ~ /^\// { print $1 }' | while read -r lib; do
		[ -e "$root$lib" ] || install -D -m 755 "$lib" "$root$lib"
	done
}
put() { # HOSTPATH GUESTPATH
	local f
	mkdir -p "$(dirname "$root$2")"
	cp -rL "$1" "$root$2"
	find "$root$2" -type f -perm -u+x | while read -r f; do libs "$f"; done
}

cp "$(command -v busybox)" "$root/bin/busybox"
ln -s busybox "$root/bin/sh"
install -m 755 "$top/tools/vm/init" "$root/init"
printf 'root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n' >"$root/etc/passwd"
printf 'root:x:0:\ndaemon:x:1:\nnogroup:x:65534:\n' >"$root/etc/group"
printf '127.0.0.1 localhost\n::1 localhost\n' >"$root/etc/hosts"
[ -x "$build/cli/recvguard" ] && put "$build/cli/recvguard" /rg/bin/recvguard
if [ -d "$build/tests/kernel" ]; then
	find "$build/tests/kernel" -maxdepth 1 -type f -perm -u+x | while read -r f; do put "$f" "/rg/bin/$(basename "$f")"; done
fi
put "$top/tests/kernel" /rg/tests
for extra in "$@"; do
	host=${extra%%=*}
	put "$host" "$([ "$extra" = "$host" ] && realpath "$host" || echo "${extra#*=}")"
done
cp "$cmd" "$root/rg/cmd"
cd "$root"
find . | cpio --quiet -o -H newc -R 0:0
