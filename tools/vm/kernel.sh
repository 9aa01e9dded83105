#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# usage: tools/vm/kernel.sh KERNEL   prints the folder that holds vmlinuz (and version) of one of Debian's kernels.
#
# The package comes from the same mirror as this machine's own Debian packages, through a private apt state: apt
# verifies it with the archive's keyring, nothing is installed and the machine's own lists stay as they are. What was
# fetched once is used from the cache; RG_VM_REFRESH=1 looks for a newer one.
# Exit 77: it cannot be had here (the reason is on stderr); anything else but 0 is an error.
set -euo pipefail

die() { echo "vm: $1" >&2; exit "${2:-1}"; }

flavour=cloud-amd64
case ${1:-} in
5.10) suite=bullseye ;;
6.1) suite=bookworm ;;
6.12) suite=trixie ;;
6.12-full) suite=trixie flavour=amd64 ;;
sid) suite=sid ;;
*) die "no such kernel: '${1:-}'; known: 5.10 6.1 6.12 6.12-full sid" 2 ;;
esac
[ "$(dpkg --print-architecture)" = amd64 ] || die "Debian's amd64 kernels are run on amd64 only" 77

cache=${XDG_CACHE_HOME:-$HOME/.cache}/recvguard/vm
dir=$cache/$1
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
mkdir -p "$cache"

ready() { [ -s "$dir/vmlinuz" ] && [ -z "${RG_VM_REFRESH:-}" ] && echo "$dir"; }
ready && exit 0
exec 9>"$cache/$1.lock"
flock 9
ready && exit 0

# The mirror that serves this machine's own main archive (not the security one), as apt itself expanded it.
mirror=$(apt-get indextargets --format '$(ORIGIN)/$(LABEL)/$(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
	awk '$1 == "Debian/Debian/main" { print $2; exit }')
[ -n "$mirror" ] || die "apt here knows no Debian main archive: cannot fetch a kernel of $suite" 77
[ -r $keyring ] || die "$keyring is missing (package debian-archive-keyring)" 77

state=$cache/apt-$suite
mkdir -p "$state"/lists/partial "$state"/cache/archives/partial
echo "deb [signed-by=$keyring] $mirror $suite main" >"$state/sources.list"
opts=(-q -o "Dir::Etc::sourcelist=$state/sources.list" -o Dir::Etc::sourceparts=/dev/null
	-o "Dir::State::lists=$state/lists" -o Dir::State::status=/dev/null -o "Dir::Cache=$state/cache"
	-o Acquire::Languages=none -o APT::Sandbox::User=root)
log=$state/log
apt-get "${opts[@]}" -o APT::Update::Error-Mode=any update >"$log" 2>&1 ||
	die "package lists of $suite could not be fetched: $(grep -m1 '^[EW]:' "$log" || tail -1 "$log")" 77

# Debian 14 moved the image out of linux-image-… into linux-binary-…; where both exist the latter holds it.
pick() { apt-cache "${opts[@]}" pkgnames "linux-$1-" | grep -E "^linux-$1-[0-9][^-]*(-[0-9]+)?-$flavour\$" | sort -V | tail -1; }
pkg=$(pick binary || true)
[ -n "$pkg" ] || pkg=$(pick image || true)
[ -n "$pkg" ] || die "$suite has no kernel package of flavour $flavour" 77

tmp=$(mktemp -d "$cache/$1.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
(cd "$tmp" && apt-get "${opts[@]}" download "$pkg" >"$log" 2>&1) ||
	die "$pkg could not be downloaded: $(grep -m1 '^[EW]:' "$log" || tail -1 "$log")" 77
dpkg -x "$tmp"/*.deb "$tmp/root"
image=$(find "$tmp/root" -name 'vmlinuz*' -type f | head -1)
[ -n "$image" ] || die "$pkg holds no vmlinuz"
mkdir "$tmp/new"
cp "$image" "$tmp/new/vmlinuz"
echo "$pkg $(dpkg-deb -f "$tmp"/*.deb Version)" >"$tmp/new/version"
modules=$(find "$tmp/root" -type d -path '*/lib/modules/*' -prune | head -1)
[ -z "$modules" ] || cp -r "$modules" "$tmp/new/modules"
rm -rf "$dir"
mv "$tmp/new" "$dir"
echo "$dir"
