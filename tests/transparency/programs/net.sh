# SPDX-License-Identifier: BSD-2-Clause
# What asks the kernel: ip, ss, ping, tracepath.
# suite: quick
# needs: ip ss ping
# clean: time=.*$
# clean:  \s+
# clean: , time.*$
# clean: ^rtt.*$
# clean: \d+\.\d+ ?ms
ip -o addr show dev lo; ip -s -s link show dev lo >/dev/null; echo $?
ip route show table local | grep -c 127; ip -6 route show table all >/dev/null; echo $?; ip rule; ip -j link | head -c 20; echo
ip link show dev nonesuch; echo $?
ss -tuln >/dev/null; echo $?; ss -xH state closed >/dev/null; ss -s >/dev/null; echo $?
# Without privileges ping lives by its file's capability, which has no effect under a supervisor.
if [ "$(id -u)" = 0 ]; then
	ping -n -c 3 -i 0.2 127.0.0.1; ping -n -c 2 -i 0.2 ::1; ping -n -c 1 -W 10 -s 4000 127.0.0.1
	ping -n -c 1 -W 10 -t 1 127.0.0.1; echo $?
fi
command -v tracepath >/dev/null && tracepath -n -m 3 127.0.0.1
ip monitor link >mon 2>&1 & m=$!; sleep 0.3; kill $m; wait $m; echo $?
true
