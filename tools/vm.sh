#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Run a command, or a shell, under one of Debian's kernels in QEMU (emulated: no KVM needed, no root needed).
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)

usage() {
	cat <<-TXT
	usage: ./dev vm [OPTIONS] KERNEL [CMD [ARG…]]
	  KERNEL          5.10 (bullseye), 6.1 (bookworm), 6.12 (trixie), sid (the newest), or all;
	                  6.12-full: trixie's with the modules of every family and device
	  CMD             run in the machine by sh; without it: a shell, when this is a terminal
	  --build DIR     whose programs to take (default: build)
	  --add H[=G]     also put host file or folder H into the machine, at G (default: the same path)
	  --out DIR       what the command leaves in /out is unpacked here
	  --timeout SEC   give up after this long (default 300)
	  --icount        one instruction is one nanosecond: exact counts, one CPU
	  --one-cpu       sure, and less work: with two, emulation now and then trips over code that the kernel patches
	  --cpu MODEL     (default Nehalem: wider registers, page tables of five levels cost more where they are emulated;
	                  max: all that is emulated; --icount always has that)
	  --append TEXT   more on the kernel's command line
	  --mem MIB       (default 1024)
	The exit status is the command's own; 77: the kernel cannot be had here; 124: it took too long.
	In the machine: our programs in /rg/bin, tests/kernel in /rg/tests.
	TXT
}

die() { echo "vm: $1" >&2; exit "${2:-1}"; }

build=$top/build out='' limit=300 icount='' one='' cpu=Nehalem,-vmx append='' mem=1024 extras=()
while [ $# -gt 0 ]; do
	case $1 in
	--build) build=$2; shift 2 ;;
	--add) extras+=("$2"); shift 2 ;;
	--out) out=$2; shift 2 ;;
	--timeout) limit=$2; shift 2 ;;
	--icount) icount=1; shift ;;
	--one-cpu) one=1; shift ;;
	--cpu) cpu=$2; shift 2 ;;
	--append) append=$2; shift 2 ;;
	--mem) mem=$2; shift 2 ;;
	-h | --help) usage; exit 0 ;;
	-*) die "no such option: $1 (--help)" 2 ;;
	*) break ;;
	esac
done
[ $# -gt 0 ] || { usage >&2; exit 2; }
kernel=$1
shift
case $kernel in
bullseye) kernel=5.10 ;;
bookworm) kernel=6.1 ;;
trixie) kernel=6.12 ;;
newest) kernel=sid ;;
esac

work=$(mktemp -d "${TMPDIR:-/tmp}/rg-vm.XXXXXX")
trap 'rm -rf "$work"' EXIT
cmd=$*
printf '%s\n' "$cmd" >"$work/cmd"
[ -n "$cmd" ] || : >"$work/cmd"

if [ "$kernel" = all ]; then
	[ -n "$cmd" ] || die "all: a command is needed" 2
	add=()
	for e in "${extras[@]}"; do add+=(--add "$e"); done
	one() { # KERNEL: its lines, each with the kernel before it
		local status=0
		"$top/tools/vm.sh" --build "$build" --timeout "$limit" --mem "$mem" --cpu "$cpu" ${icount:+--icount} ${one:+--one-cpu} ${append:+--append "$append"} \
			${out:+--out "$out/$1"} "${add[@]}" "$1" "$cmd" 2>&1 </dev/null | sed -u "s/^/$1: /" || status=$?
		echo "$status" >"$work/status.$1"
	}
	for k in 5.10 6.1 6.12 sid; do
		one "$k" &
	done
	wait
	worst=0
	for k in 5.10 6.1 6.12 sid; do
		[ "$(cat "$work/status.$k")" = 0 ] || { worst=1; echo "vm: $k: exit $(cat "$work/status.$k")" >&2; }
	done
	exit $worst
fi

dir=$("$top/tools/vm/kernel.sh" "$kernel")
command -v qemu-system-x86_64 >/dev/null || die "qemu-system-x86_64 is missing (tools/packages-vm.txt)" 77

# As many machines at a time as there are processors; who came first goes first. Their time begins when they do.
slot() { # takes a lock, as descriptor 8, that ends with this process
	local i gate
	exec {gate}>"$dir/../machines.lock"
	flock "$gate"
	while :; do
		for i in $(seq "$(nproc)"); do
			exec 8>"$dir/../machine.$i.lock"
			if flock -n 8; then
				exec {gate}>&-
				return
			fi
		done
		sleep 0.5
	done
}
[ -z "$cmd" ] || slot
"$top/tools/vm/initramfs.sh" "$build" "$work/cmd" "${extras[@]}" >"$work/initrd"

[ -z "$icount" ] || cpu=max
line="console=ttyS0 quiet loglevel=3 panic=-1 mitigations=off lsm=lockdown,capability,landlock,bpf $append"
qemu=(qemu-system-x86_64 -cpu "$cpu" -m "$mem" -nodefaults -no-reboot -display none -kernel "$dir/vmlinuz" -initrd "$work/initrd")
if [ -n "$icount" ]; then
	qemu+=(-accel tcg,thread=single -smp 1 -icount "shift=0,sleep=off")
elif [ -n "$one" ]; then
	qemu+=(-accel tcg,thread=single -smp 1)
else
	qemu+=(-accel tcg,thread=multi -smp 2)
fi
if [ -z "$cmd" ]; then
	[ -t 0 ] || die "no command, and no terminal for a shell" 2
	echo "vm: $(cat "$dir/version"); 'exit' ends it" >&2
	"${qemu[@]}" -serial mon:stdio -append "$line"
	exit 0
fi

: >"$work/stdout"
for port in console stdout status files; do qemu+=(-serial "file:$work/$port"); done
(
	TIMEFORMAT='%1R s, %1U and %1S s of processor'
	{ time nice -n 10 timeout -k 5 "$limit" "${qemu[@]}" -append "$line" </dev/null >"$work/qemu" 2>&1; } 2>"$work/time"
) &
vm=$!
tail -n +1 -q -f --pid=$vm -s 0.2 "$work/stdout"
late=0
wait $vm || late=$?
echo "#: $kernel${icount:+, counting}: $(cat "$work/time")" >&2
if [ -n "$out" ] && [ -s "$work/files" ]; then
	mkdir -p "$out"
	tar -C "$out" -xzf "$work/files"
fi
status=$(sed -n 's/^exit //p' "$work/status")
[ -n "$status" ] && exit "$status"
[ $late = 124 ] && die "$kernel: not finished after $limit s; the console's end: $(tail -5 "$work/console")" 124
die "$kernel: the machine ended without a result; the console's end: $(cat "$work/console" "$work/qemu" | tail -20)"
