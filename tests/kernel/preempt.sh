#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A kernel that preempts (preempt=full, or Linux 7): nothing is lost by that in the tier that is taken, and every value
# is its own message's; in the others what is left out is told. No verdict is another's. Prints TAP. usage: preempt.sh,
# in a machine
n=0
bad=0
is() {
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
		bad=1
		sed 's/^/# /' /tmp/said
	fi
}
# Each message says who receives it and which one it is: how many are what was recorded of them, and how many not?
# In a tier that loses some, the numbers that recvguard gives are others, and a payload can be absent.
true_ones() { # FILE
	awk '
		function value(name) { return match($0, "\"" name "\":[0-9]+") ? substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 3) : "" }
		/"event":"recv/ {
			pid = value("pid")
			nr = value("seq")
			right = 0
			if (match($0, /"data":"[0-9]+:[0-9]+:[a-z]*"/)) {
				data = substr($0, RSTART + 8, RLENGTH - 9)
				split(data, part, ":")
				letters = ""
				for (i = part[2] % 100; i > 0; i--)
					letters = letters sprintf("%c", 97 + pid % 26)
				right = part[1] == pid && part[3] == letters && value("ret") == length(data)
				wrong += !right
			} else if (match($0, /"data":/))
				wrong++
			good += right && part[2] == nr && !((pid, nr) in had)
			had[pid, nr] = 1
		}
		END { print good + 0, wrong + 0 }' "$1"
}
major=$(uname -r | cut -d. -f1)
mount -t debugfs debugfs /sys/kernel/debug 2>/dev/null
# by fprobe, where it has room for all that wait: Linux 6.14
steady=tracepoint
[ $major -lt 7 ] || steady=trampoline
for tier in auto trampoline tracepoint legacy left-out; do
	each=1000
	[ $tier != auto ] || each=4000
	all=$((4 * each))
	if [ $tier = left-out ]; then # what became of the others on a kernel that has no fprobe
		RECVGUARD_FORCE=no-fprobe recvguard trace --tier trampoline -o json=/tmp/out -- crowd 4 $each >/tmp/sent 2>/tmp/said
	else
		recvguard trace --tier $tier -o json=/tmp/out -- crowd 4 $each >/tmp/sent 2>/tmp/said
	fi
	messages=$(grep -c '"event":"recv' /tmp/out)
	set -- $(true_ones /tmp/out)
	grep -q "this kernel preempts programs at hooks" /tmp/said
	told=$?
	if [ $tier = auto ] || [ $tier = $steady ]; then
		[ "$messages" = $all ] && grep -q "tier $steady" /tmp/said && grep -q "nothing lost" /tmp/said && [ $told = 1 ]
		is $? "$tier: taken by the $steady tier, $messages of $all"
	else
		{ [ "$messages" = $all ] || grep -q "LOST .* skipped" /tmp/said; } && grep -q '"reason":"skipped"' /tmp/out && [ $told = 0 ]
		is $? "$tier: $messages of $all, and that there were more is told, at the start and in the stream"
	fi
	[ "$2" = 0 ] && { [ $told = 0 ] || [ "$1" = $all ]; }
	is $? "$tier: $1 with their own values and numbers, $2 with what is another's"
	rm -f /tmp/out
done
recvguard trace --metadata -o json=/tmp/out -- crowd 4 4000 >/tmp/sent 2>/tmp/said
[ "$(grep -c '"event":"recv' /tmp/out)" = 16000 ] && grep -q "nothing lost" /tmp/said
is $? "--metadata: 16000 of 16000"
rm -f /tmp/out
recvguard trace --direction both -o json=/tmp/out -- crowd 4 1000 >/tmp/sent 2>/tmp/said
[ "$(grep -c '"event":"recv' /tmp/out)" = 4000 ] && [ "$(grep -c '"event":"send' /tmp/out)" = 4000 ] && grep -q "nothing lost" /tmp/said
is $? "--direction both: 4000 and 4000"
rm -f /tmp/out
policy() { # RULE…
	printf 'apiVersion: recvguard/v1\nkind: Policy\nmetadata: {name: p}\nspec:\n  default: allow\n  rules:\n' >/tmp/p.yaml
	for rule in "$@"; do
		echo "    - {$rule}"
	done >>/tmp/p.yaml
}
policy "name: dgram, when: 'sock.type == dgram', then: deny EACCES" \
	"name: packets, when: 'sock.type == seqpacket and proc.comm == \"crowd\"', then: deny EMSGSIZE"
recvguard enforce -p /tmp/p.yaml --no-wait --backend lsm 2>/tmp/said
wrong=$(crowd 4 20000 verdicts)
recvguard enforce status >>/tmp/said
denied=$(sed -n 's/^verdicts *\([0-9]*\) denied.*/\1/p' /tmp/said)
[ "$wrong" = 0 ]
is $? "BPF LSM: of 80000 tries on sockets with different verdicts $wrong had another's"
# 6667 and 6667 of each 20000
[ "$denied" = 53336 ]
is $? "and each refusal was counted: $denied of 53336"
recvguard enforce stop
policy "name: dgram, when: 'sock.type == dgram', then: deny"
rm -f /tmp/go
crowd 4 1500 tree >/tmp/passed &
tree=$!
recvguard enforce -p /tmp/p.yaml --no-wait --backend lsm --tree $tree 2>/tmp/said
: >/tmp/go
wait $tree
passed=$(cat /tmp/passed)
recvguard enforce status >>/tmp/said
[ "$passed" = 0 ] && ! grep -q '^unchecked' /tmp/said
is $? "BPF LSM, --tree: of 6000 forked processes $passed were not covered"
recvguard enforce stop
policy "name: crowd, when: 'proc.comm == \"crowd\"', then: deny"
recvguard enforce -p /tmp/p.yaml --no-wait --backend lsm 2>/tmp/said
passed=$(crowd 4 20000 deny)
[ "$passed" = 0 ] && ! recvguard enforce status | grep -q '^unchecked'
is $? "BPF LSM: of 80000 tries $passed passed"
recvguard enforce stop
recvguard enforce -p /tmp/p.yaml --no-wait --backend fmod_ret 2>/tmp/said
is $? "fmod_ret, as it was asked for"
grep -q "not covered: this kernel preempts" /tmp/said
is $? "it says what is not covered"
passed=$(crowd 4 20000 deny)
[ "$passed" = 0 ] || recvguard enforce status | grep -q '^unchecked'
is $? "of 80000 tries $passed passed: told by enforce status"
recvguard enforce status >/tmp/said
recvguard enforce stop
RECVGUARD_FORCE=no-lsm recvguard enforce -p /tmp/p.yaml --no-wait 2>/tmp/said
[ $? = 1 ] && grep -q "fmod_ret: this kernel preempts" /tmp/said
is $? "by itself fmod_ret is not taken, and why"
recvguard doctor >/tmp/said
used=$(recvguard trace -- true 2>&1 | sed -n 's/.*: tier \([a-z]*\).*/\1/p')
[ -n "$used" ] && grep -q "yes $used .*used by" /tmp/said && [ "$(grep -c 'used by' /tmp/said)" = 1 ]
is $? "doctor names the tier that trace takes ($used)"
dmesg >/tmp/said
! grep -E '(traps|segfault).*recvguard|recvguard.*(traps|segfault)' /tmp/said
is $? "looking whether 32-bit programs run is no crash"
echo "1..$n"
exit $bad
