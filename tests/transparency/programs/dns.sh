# SPDX-License-Identifier: BSD-2-Clause
# dig asks dnsmasq: UDP, TCP, IPv6, what is not there, a long answer.
# suite: quick
# needs: dnsmasq dig
# clean: ^;; Query time: .*$
# clean: ^;; WHEN: .*$
# clean: id: \d+
# clean: COOKIE: .*
dnsmasq -C /dev/null --port=$PORT --listen-address=127.0.0.1,::1 --bind-interfaces --no-resolv --no-hosts --user=$(id -un) \
	--address=/a.test/10.1.2.3 --address=/a.test/fd00::1 --txt-record=t.test,one,two --txt-record=long.test,$(head -c 240 /dev/zero | tr '\0' q),$(head -c 240 /dev/zero | tr '\0' r),$(head -c 240 /dev/zero | tr '\0' s) \
	--mx-host=m.test,a.test,5 --pid-file=$T/pid --log-facility=$T/log || exit 1
d="dig -p $PORT +tries=1 +time=20"
$d @127.0.0.1 a.test A; $d @127.0.0.1 a.test AAAA +short; $d @::1 t.test TXT +short; $d @127.0.0.1 m.test MX +short
$d @127.0.0.1 +tcp a.test +short; $d @127.0.0.1 long.test TXT +short +bufsize=512; $d @127.0.0.1 nothing.invalid +noall +comments
for i in $(seq 20); do echo "x$i.a.test A"; done >batch
$d @127.0.0.1 -f batch +short | sort | uniq -c
p=$(cat pid); kill $p
for i in $(seq 200); do [ -d /proc/$p ] || break; sleep 0.05; done
$d @127.0.0.1 a.test +short; echo "status $?"
