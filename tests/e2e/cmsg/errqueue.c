/* SPDX-License-Identifier: BSD-2-Clause */
/* The error queue: refused and oversized datagrams, transmit stamps with the connection's state, completions.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "make.h"

#define SCENE_END                                      \
	{                                              \
		NULL, NULL, 0, false, NULL, NULL, NULL \
	}

#define TX_SOFTWARE (1 << 1 | 1 << 4)
#define OPT_ID	    (1 << 7)
#define TX_SCHED    (1 << 8)
#define TX_ACK	    (1 << 9)
#define OPT_TSONLY  (1 << 11)
#define OPT_STATS   (1 << 12)
#define N_ZEROCOPY  60
#define F_ZEROCOPY  0x4000000
#define EE(errno_, origin, type, code, info, data)                                                  \
	"errno=" errno_ " origin=" origin " ee_type=" type " ee_code=" code " ee_info=" info " ee_" \
	"data=" data

/* The one that sends is the one that is told. */
static int swapped_pair(struct state *s, int family)
{
	int rc = udp_pair(s, family), rx = s->rx;

	s->rx = s->tx;
	s->tx = rx;
	return rc;
}

/* --- a closed port: the first send fails later, the error waits in the queue */
static int setup_refused(struct state *s)
{
	if (swapped_pair(s, AF_INET) || ON(s->rx, IPPROTO_IP, IP_RECVERR))
		return -1;
	close(s->tx);
	s->tx = -1;
	return 0;
}
static int setup_refused6(struct state *s)
{
	if (swapped_pair(s, AF_INET6) || ON(s->rx, IPPROTO_IPV6, IPV6_RECVERR))
		return -1;
	close(s->tx);
	s->tx = -1;
	return 0;
}
static int send_refused(struct state *s)
{
	int pending;
	socklen_t len = sizeof(pending);

	getsockopt(s->rx, SOL_SOCKET, SO_ERROR, &pending, &len); /* of the shot before */
	return send(s->rx, "x", 1, 0) == 1 ? 0 : cannot(s, "send");
}
static void expect_refused(struct state *s)
{
	expect(s,
	       "{level=SOL_IP type=IP_RECVERR len=%u " EE("ECONNREFUSED", "icmp", "3", "3", "0",
							  "0") " meaning=\"port "
							       "unreachable"
							       "\" "
							       "offender="
							       "127.0.0.1}",
	       LEN(32));
}
static void expect_refused6(struct state *s)
{
	expect(s,
	       "{level=SOL_IPV6 type=IPV6_RECVERR len=%u " EE(
		       "ECONNREFUSED", "icmp6", "1", "4", "0",
		       "0") " meaning=\"port unreachable\" offender=::1}",
	       LEN(44));
}

/* --- too big for the loopback and not to be fragmented */
static int setup_big(struct state *s)
{
	if (lo_mtu(1400))
		return cannot(s, "loopback's MTU");
	lo_mtu(65536);
	return swapped_pair(s, AF_INET) || ON(s->rx, IPPROTO_IP, IP_RECVERR) ||
	       turn_on(s, s->rx, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO, "IP_MTU_DISCOVER");
}
static int setup_big6(struct state *s)
{
	if (lo_mtu(1400))
		return cannot(s, "loopback's MTU");
	lo_mtu(65536);
	return swapped_pair(s, AF_INET6) || ON(s->rx, IPPROTO_IPV6, IPV6_RECVERR) ||
	       turn_on(s, s->rx, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO, "IPV6_MTU_DISCOVER");
}
static int send_big(struct state *s)
{
	static const char data[5000];
	long n;

	lo_mtu(1400);
	n = send(s->rx, data, sizeof(data), 0);
	lo_mtu(65536);
	if (n < 0 && errno == EMSGSIZE)
		return 0;
	return cannot(s, "a send that must be too big");
}
static void expect_big(struct state *s)
{
	expect(s,
	       "{level=SOL_IP type=IP_RECVERR len=%u " EE("EMSGSIZE", "local", "0", "0", "1400",
							  "0") " mtu=1400}",
	       LEN(32));
}
/* The kernel names the destination as the offender of a local error. */
static void expect_big6(struct state *s)
{
	expect(s,
	       "{level=SOL_IPV6 type=IPV6_RECVERR len=%u " EE("EMSGSIZE", "local", "0", "0", "1400",
							      "0") " mtu=1400%%*}",
	       LEN(44));
}

/* --- transmit stamps */
static int setup_tx(struct state *s)
{
	return swapped_pair(s, AF_INET) || turn_on(s, s->rx, SOL_SOCKET, N_TIMESTAMPING_OLD,
						   TX_SOFTWARE | OPT_ID | OPT_TSONLY, "SO_TIMESTAMPING");
}
static int send_tx(struct state *s)
{
	return send(s->rx, "x", 1, 0) == 1 ? 0 : cannot(s, "send");
}
static void expect_tx(struct state *s)
{
	expect(s, "{level=SOL_SOCKET type=SO_TIMESTAMPING_OLD len=%u software=%%<%llu:%llu>}", LONGS(6),
	       (unsigned long long)s->before, (unsigned long long)s->after);
	expect(s,
	       "{level=SOL_IP type=IP_RECVERR len=%u errno=ENOMSG origin=timestamping ee_type=0 ee_code=0 "
	       "ee_info=0 "
	       "ee_data=%u stamp=sent key=%u}",
	       LEN(32), s->value, s->value);
	s->value++;
}

/* TCP: the peer's acknowledgement is stamped, and the state of the connection comes with it. */
static int setup_ack(struct state *s)
{
	int rx;

	if (tcp_pair(s, AF_INET, 0))
		return -1;
	rx = s->rx;
	s->rx = s->tx;
	s->tx = rx;
	return turn_on(s, s->rx, SOL_SOCKET, N_TIMESTAMPING_NEW,
		       TX_ACK | 1 << 4 | OPT_ID | OPT_TSONLY | OPT_STATS, "SO_TIMESTAMPING with OPT_STATS");
}
static int send_ack(struct state *s)
{
	int quick = 1;
	char sink[5];

	s->value += 5;
	if (send(s->rx, "hello", 5, 0) != 5 || recv(s->tx, sink, 5, MSG_WAITALL) != 5)
		return cannot(s, "send");
	/* Left alone the peer would take its time to acknowledge. */
	setsockopt(s->tx, IPPROTO_TCP, TCP_QUICKACK, &quick, sizeof(quick));
	return 0;
}
static void expect_ack(struct state *s)
{
	expect(s, "{level=SOL_SOCKET type=SO_TIMESTAMPING_NEW len=%u software=%%<%llu:%llu>}", LEN(48),
	       (unsigned long long)s->before, (unsigned long long)s->after);
	expect(s,
	       "{level=SOL_SOCKET type=SCM_TIMESTAMPING_OPT_STATS len=%%d busy=%%d rwnd_limited=0 "
	       "sndbuf_limited=0 "
	       "data_segs_out=%u total_retrans=0 pacing_rate=%%d delivery_rate=%%d snd_cwnd=%%<10:1000> "
	       "reordering=3 "
	       "min_rtt=%%d recur_retrans=0 app_limited=%%* snd_ssthresh=%%d delivered=%%d delivered_ce=0 "
	       "sndq_size=%%d "
	       "ca_state=open bytes_sent=%u bytes_retrans=0 dsack_dups=0 reord_seen=0 srtt=%%d%%*}",
	       s->value / 5, s->value);
	expect(s,
	       "{level=SOL_IP type=IP_RECVERR len=%u errno=ENOMSG origin=timestamping ee_type=0 ee_code=0 "
	       "ee_info=2 "
	       "ee_data=%u stamp=acknowledged key=%u}",
	       LEN(32), s->value - 1, s->value - 1);
}

/* Scheduled, in IPv6. */
static int setup_sched6(struct state *s)
{
	return swapped_pair(s, AF_INET6) ||
	       turn_on(s, s->rx, SOL_SOCKET, N_TIMESTAMPING_OLD, TX_SCHED | 1 << 4 | OPT_ID | OPT_TSONLY,
		       "SO_TIMESTAMPING");
}
static void expect_sched6(struct state *s)
{
	expect(s, "{level=SOL_SOCKET type=SO_TIMESTAMPING_OLD len=%u software=%%<%llu:%llu>}", LONGS(6),
	       (unsigned long long)s->before, (unsigned long long)s->after);
	expect(s,
	       "{level=SOL_IPV6 type=IPV6_RECVERR len=%u errno=ENOMSG origin=timestamping ee_type=0 "
	       "ee_code=0 ee_info=1 "
	       "ee_data=%u stamp=scheduled key=%u}",
	       LEN(44), s->value, s->value);
	s->value++;
}

/* --- zero-copy: on the loopback the kernel copies after all */
static int setup_zerocopy(struct state *s)
{
	int rx;

	if (tcp_pair(s, AF_INET, 0))
		return -1;
	rx = s->rx;
	s->rx = s->tx;
	s->tx = rx;
	return turn_on(s, s->rx, SOL_SOCKET, N_ZEROCOPY, 1, "SO_ZEROCOPY");
}
static int send_zerocopy(struct state *s)
{
	static const char data[1000];
	char sink[1000];

	if (send(s->rx, data, sizeof(data), F_ZEROCOPY) != sizeof(data))
		return cannot(s, "MSG_ZEROCOPY");
	return recv(s->tx, sink, sizeof(sink), MSG_WAITALL) == sizeof(sink) ? 0 : cannot(s, "recv");
}
static void expect_zerocopy(struct state *s)
{
	expect(s,
	       "{level=SOL_IP type=IP_RECVERR len=%u errno=0 origin=zerocopy ee_type=0 ee_code=1 ee_info=%u "
	       "ee_data=%u "
	       "first=%u last=%u copied=true}",
	       LEN(32), s->value, s->value, s->value, s->value);
	s->value++;
}

const struct scene errqueue_scenes[] = {
	{"ip refused", "SOL_IP/IP_RECVERR", AF_INET, true, setup_refused, send_refused, expect_refused},
	{"ipv6 refused", "SOL_IPV6/IPV6_RECVERR", AF_INET6, true, setup_refused6, send_refused,
	 expect_refused6},
	{"ip too big", "", AF_INET, true, setup_big, send_big, expect_big},
	{"ipv6 too big", "", AF_INET6, true, setup_big6, send_big, expect_big6},
	{"udp sent", "", AF_INET, true, setup_tx, send_tx, expect_tx},
	{"udp6 scheduled", "", AF_INET6, true, setup_sched6, send_tx, expect_sched6},
	{"tcp acknowledged", "SOL_SOCKET/SCM_TIMESTAMPING_OPT_STATS", AF_INET, true, setup_ack, send_ack,
	 expect_ack},
	{"tcp zerocopy", "", AF_INET, true, setup_zerocopy, send_zerocopy, expect_zerocopy},
	SCENE_END};
