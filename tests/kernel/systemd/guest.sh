#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Runs as a unit beside recvguard-enforce.service (tests/kernel/systemd.sh). Prints TAP; ends the machine.
/bin/busybox --install -s /bin
mkdir -p /tmp
for port in 1 2; do stty -F /dev/ttyS$port raw -echo; done
unit=recvguard-enforce.service n=0 bad=0
result() { # STATUS NAME
	n=$((n + 1))
	if [ "$1" = 0 ]; then echo "ok $n - $2"; else
		echo "not ok $n - $2"
		bad=1
		{ systemctl status $unit; journalctl -n 20 --no-pager; } 2>&1 | sed 's/^/# /'
	fi
}
is() { # WANTED COMMAND…: its exit status
	want=$1
	shift
	"$@" >/tmp/out 2>&1
	[ $? = "$want" ]
}
refused() { is 1 ktest-enforce try "$1"; }
let_through() { is 0 ktest-enforce try "$1"; }
until_true() { # COMMAND…
	i=0
	until "$@"; do
		i=$((i + 1))
		[ $i -lt 600 ] || return 1
		sleep 0.1
	done
}
main_pid() { systemctl show -P MainPID $unit; }
again() { [ "$(main_pid)" != "$1" ] && systemctl is-active -q $unit; }
in_journal() { journalctl -u $unit -o cat --no-pager | grep -q "$1"; }

let_through ktest-victim
result $? "before the service: let through"
systemctl start $unit
result $? "systemctl start: it is told when the policy holds"
refused ktest-victim && let_through ktest-other
result $? "what the policy names is refused, others are not"
until_true in_journal '"rule":"victim"'
result $? "the verdict is in the journal"
echo 'kind: nonsense' >/etc/recvguard/policies/wrong.yaml
! systemctl reload $unit 2>/dev/null && refused ktest-victim && systemctl is-active -q $unit
result $? "reload with a wrong policy fails, the old one stays, the service goes on"
rm /etc/recvguard/policies/wrong.yaml
sed -i 's/ktest-victim/ktest-second/' /etc/recvguard/policies/machine.yaml
systemctl reload $unit && refused ktest-second && let_through ktest-victim
result $? "reload: the new policy in place of the old"
pid=$(main_pid)
kill -9 "$pid"
refused ktest-second
result $? "kill -9: it is enforced all the same"
until_true again "$pid" && refused ktest-second
result $? "systemd starts it again"
! umount /sys/fs/bpf 2>/dev/null && refused ktest-second && /usr/bin/recvguard enforce status | grep -q '^guarded   yes'
result $? "guarded: the machine's bpf file system can't be unmounted, though the service has a namespace of its own"
systemctl stop $unit && let_through ktest-second && ! /usr/bin/recvguard enforce status >/dev/null 2>&1
result $? "systemctl stop: let through, nothing is left"
echo "1..$n"
stty -F /dev/ttyS1 drain 2>/dev/null
echo "exit $bad" >/dev/ttyS2
sync
stty -F /dev/ttyS2 drain 2>/dev/null
poweroff -f
