# SPDX-License-Identifier: BSD-2-Clause
# Floods: descriptors, pairs, datagrams, netlink, many connections, pipes.
# suite: quick
# needs: stress-ng
# seconds: 120
# clean: \[\d+\]
# clean: in \d+\.\d+ ?s.*
# clean: completed.*
for s in "sockfd 1 --sockfd-ops 300" "sock 1 --sock-ops 3" "sock 1 --sock-opts sendmmsg --sock-ops 3" "sockpair 1 --sockpair-ops 300" \
	"udp 1 --udp-ops 300" "sockdiag 1 --sockdiag-ops 50" "sockabuse 1 --sockabuse-ops 20" "sockmany 1 --sockmany-ops 20" \
	"netlink-task 1 --netlink-task-ops 20" "pipe 2 --pipe-ops 1000" "epoll 1 --epoll-ops 300" "sendfile 1 --sendfile-ops 50" \
	"splice 1 --splice-ops 50" "dccp 1 --dccp-ops 5" "io-uring 1 --io-uring-ops 5" "eventfd 1 --eventfd-ops 500" "timerfd 1 --timerfd-ops 20" \
	"signalfd 1 --signalfd-ops 100"; do
	stress-ng --temp-path $T -t 20 --$s >log 2>&1; echo "$s: $?"
done
