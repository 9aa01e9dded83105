#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A kernel that preempts (preempt=full, or Linux 7): what it leaves out of the programs' runs is told, and where
# something does without, that is taken. Prints TAP. usage: preempt.sh, in a machine
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
major=$(uname -r | cut -d. -f1)
mount -t debugfs debugfs /sys/kernel/debug 2>/dev/null
for tier in auto trampoline tracepoint legacy; do
	recvguard trace --tier $tier -o json=/tmp/out -- crowd 4 4000 >/tmp/sent 2>/tmp/said
	messages=$(grep -c '"event":"recv' /tmp/out)
	grep -q "this kernel preempts" /tmp/said
	told=$?
	if [ $major -lt 7 ] && { [ $tier = auto ] || [ $tier = tracepoint ]; }; then
		[ "$messages" = 16000 ] && grep -q "tier tracepoint" /tmp/said && grep -q "nothing lost" /tmp/said
		is $? "$tier: taken by the tracepoint tier, $messages of 16000"
	else
		{ [ "$messages" = 16000 ] || grep -q "LOST .* skipped" /tmp/said; } && grep -q '"reason":"skipped"' /tmp/out && [ $told = 0 ]
		is $? "$tier: $messages of 16000, and that there were more is told, at the start and in the stream"
	fi
	rm -f /tmp/out
done
cat >/tmp/p.yaml <<'EOF'
apiVersion: recvguard/v1
kind: Policy
metadata: {name: p}
spec:
  default: allow
  rules:
    - {name: crowd, when: 'proc.comm == "crowd"', then: deny}
EOF
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
dmesg >/tmp/said
! grep -E '(traps|segfault).*recvguard|recvguard.*(traps|segfault)' /tmp/said
is $? "looking whether 32-bit programs run is no crash"
echo "1..$n"
exit $bad
