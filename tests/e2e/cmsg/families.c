/* SPDX-License-Identifier: BSD-2-Clause */
/* Families that are modules of a kernel: SCTP, TLS, TIPC, vsock, RDS, RxRPC, AF_ALG. Played in a machine. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_alg.h>
#include <linux/rds.h>
#include <linux/rxrpc.h>
#include <linux/tipc.h>
#include <linux/tls.h>
#include <linux/vm_sockets.h>
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
#define SOL_SCTP	 132
#define SCTP_EVENTS	 11
#define SCTP_RECVRCVINFO 32
#define SCTP_RECVNXTINFO 33
#define SOL_VSOCK	 287

static struct sockaddr_in loopback(uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* --- SCTP: one association */
static int sctp(struct state *s, int option, const char *name)
{
	if (tcp_pair(s, AF_INET, IPPROTO_SCTP))
		return -1;
	s->value = 0;
	return turn_on(s, s->rx, SOL_SCTP, option, 1, name);
}
static int setup_sndrcv(struct state *s)
{
	return sctp(s, SCTP_EVENTS, "SCTP_EVENTS");
}
static int setup_rcvinfo(struct state *s)
{
	return sctp(s, SCTP_RECVRCVINFO, "SCTP_RECVRCVINFO");
}
static int setup_nxtinfo(struct state *s)
{
	/* the next one has come for sure: three are under way */
	if (sctp(s, SCTP_RECVNXTINFO, "SCTP_RECVNXTINFO") || ON(s->tx, SOL_SCTP, 3 /* SCTP_NODELAY */))
		return -1;
	return send_byte(s) || send_byte(s) ? -1 : 0;
}
static void sctp_name(struct state *s)
{
	snprintf(s->name, sizeof(s->name), "127.0.0.1:%u", port_of(s->tx));
}
static void expect_sndrcv(struct state *s)
{
	sctp_name(s);
	expect(s,
	       "{level=SOL_SCTP type=SCTP_SNDRCV len=%u stream=0 ssn=%u flags=0x0 ppid=0 context=0 "
	       "timetolive=0 "
	       "tsn=%%d cumtsn=%%d assoc_id=%%d}",
	       LEN(32), s->value++);
}
static void expect_rcvinfo(struct state *s)
{
	sctp_name(s);
	expect(s,
	       "{level=SOL_SCTP type=SCTP_RCVINFO len=%u stream=0 ssn=%u flags=0x0 ppid=0 tsn=%%d cumtsn=%%d "
	       "context=0 assoc_id=%%d}",
	       LEN(28), s->value++);
}
static void expect_nxtinfo(struct state *s)
{
	sctp_name(s);
	expect(s, "{level=SOL_SCTP type=SCTP_NXTINFO len=%u stream=0 flags=0x0 ppid=0 length=1 assoc_id=%%d}",
	       LEN(16));
}

/* --- TLS: both ends with the same key; one record of data */
static int setup_tls(struct state *s)
{
	struct tls12_crypto_info_aes_gcm_128 k = {
		.info = {.version = TLS_1_2_VERSION, .cipher_type = TLS_CIPHER_AES_GCM_128}};

	if (tcp_pair(s, AF_INET, 0))
		return -1;
	for (int i = 0; i < 2; i++)
		if (setsockopt(i ? s->rx : s->tx, IPPROTO_TCP, TCP_ULP, "tls", 4) ||
		    setsockopt(i ? s->rx : s->tx, 282 /* SOL_TLS */, i ? TLS_RX : TLS_TX, &k, sizeof(k)))
			return cannot(s, "kernel TLS");
	return 0;
}
static void expect_tls(struct state *s)
{
	expect(s, "{level=SOL_TLS type=TLS_GET_RECORD_TYPE len=%u record=application_data}", LEN(1));
}

/* --- TIPC: by the name of a service; and what comes back of one that is gone */
#define SERVICE 4711
static struct sockaddr_tipc service(uint32_t instance, bool range)
{
	struct sockaddr_tipc a = {.family = AF_TIPC, .scope = TIPC_NODE_SCOPE};

	a.addrtype = range ? TIPC_SERVICE_RANGE : TIPC_SERVICE_ADDR;
	if (range)
		a.addr.nameseq = (struct tipc_name_seq){SERVICE, instance, instance + 1};
	else
		a.addr.name.name = (struct tipc_name){SERVICE, instance};
	return a;
}
static int setup_tipc(struct state *s)
{
	struct sockaddr_tipc a = service(20, true);

	s->rx = socket(AF_TIPC, SOCK_RDM | SOCK_CLOEXEC, 0);
	s->tx = socket(AF_TIPC, SOCK_RDM | SOCK_CLOEXEC, 0);
	return s->rx < 0 || s->tx < 0 || bind(s->rx, (void *)&a, sizeof(a)) ? cannot(s, "TIPC") : 0;
}
static int send_tipc(struct state *s)
{
	struct sockaddr_tipc a = service(21, false);

	return sendto(s->tx, "x", 1, 0, (void *)&a, sizeof(a)) == 1 ? 0 : cannot(s, "send to a service");
}
static void expect_tipc(struct state *s)
{
	snprintf(s->name, sizeof(s->name), "tipc node %%* socket %%d");
	expect(s, "{level=SOL_TIPC type=TIPC_DESTNAME len=%u service=%d lower=21 upper=21}", LEN(12),
	       SERVICE);
}
static int setup_tipc_back(struct state *s)
{
	s->rx = socket(AF_TIPC, SOCK_RDM | SOCK_CLOEXEC, 0);
	return s->rx < 0 ? cannot(s, "TIPC")
			 : turn_on(s, s->rx, SOL_TIPC, TIPC_DEST_DROPPABLE, 0, "TIPC_DEST_DROPPABLE");
}
static int send_tipc_back(struct state *s)
{
	struct sockaddr_tipc range = service(30, true), a = service(30, false);
	int other = socket(AF_TIPC, SOCK_RDM | SOCK_CLOEXEC, 0);
	bool ok = other >= 0 && !bind(other, (void *)&range, sizeof(range)) &&
		  sendto(s->rx, "back", 4, 0, (void *)&a, sizeof(a)) == 4;

	close(other);
	return ok ? 0 : cannot(s, "send to a service that goes");
}
static void expect_tipc_back(struct state *s)
{
	snprintf(s->name, sizeof(s->name), "tipc node %%* socket %%d");
	expect(s, "{level=SOL_TIPC type=TIPC_ERRINFO len=%u error=no_port returned=4}", LEN(8));
	expect(s, "{level=SOL_TIPC type=TIPC_RETDATA len=%u returned_data=%%*}", LEN(4));
	expect(s, "{level=SOL_TIPC type=TIPC_DESTNAME len=%u service=%d lower=30 upper=30}", LEN(12),
	       SERVICE);
}

/* --- vsock, this machine with itself */
static int vsock_pair(struct state *s, int type)
{
	struct sockaddr_vm a = {
		.svm_family = AF_VSOCK, .svm_port = VMADDR_PORT_ANY, .svm_cid = VMADDR_CID_ANY};
	socklen_t len = sizeof(a);

	s->extra = socket(AF_VSOCK, type | SOCK_CLOEXEC, 0);
	s->tx = socket(AF_VSOCK, type | SOCK_CLOEXEC, 0);
	if (bind(s->extra, (void *)&a, sizeof(a)) || getsockname(s->extra, (void *)&a, &len) ||
	    listen(s->extra, 1))
		return cannot(s, "vsock");
	a.svm_cid = VMADDR_CID_LOCAL;
	if (connect(s->tx, (void *)&a, sizeof(a)))
		return cannot(s, "vsock connect");
	s->rx = accept4(s->extra, NULL, NULL, SOCK_CLOEXEC);
	return s->rx < 0 ? cannot(s, "accept") : 0;
}
static int setup_vsock_stream(struct state *s)
{
	return vsock_pair(s, SOCK_STREAM);
}
static int setup_vsock_seqpacket(struct state *s)
{
	return vsock_pair(s, SOCK_SEQPACKET);
}
static void expect_nothing(struct state *s)
{
}
static int setup_vsock_zerocopy(struct state *s)
{
	int rx;

	if (vsock_pair(s, SOCK_STREAM) || ON(s->tx, SOL_SOCKET, SO_ZEROCOPY))
		return -1;
	rx = s->rx; /* the sender is told */
	s->rx = s->tx;
	s->tx = rx;
	return 0;
}
static int send_vsock_zerocopy(struct state *s)
{
	static char data[8192] __attribute__((aligned(4096)));
	char got[8192];

	if (send(s->rx, data, sizeof(data), MSG_ZEROCOPY) != sizeof(data))
		return cannot(s, "send without a copy");
	return recv(s->tx, got, sizeof(got), MSG_WAITALL) == sizeof(got) ? 0 : cannot(s, "receive it");
}
static void expect_vsock_zerocopy(struct state *s)
{
	expect(s,
	       "{level=SOL_VSOCK type=VSOCK_RECVERR len=%u errno=0 origin=zerocopy ee_type=0 ee_code=%%d "
	       "ee_info=%u ee_data=%u first=%u last=%u copied=%%*}",
	       LEN(16), s->value, s->value, s->value, s->value);
	s->value++;
}

/* --- RDS on the loopback */
static int rds_socket(struct state *s, uint16_t port)
{
	struct sockaddr_in a = loopback(port);
	int fd = socket(AF_RDS, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (void *)&a, sizeof(a)))
		cannot(s, "RDS");
	return fd;
}
static int setup_rds(struct state *s)
{
	struct rds_rx_trace_so t = {.rx_traces = 2, .rx_trace_pos = {0, 1}};

	s->rx = rds_socket(s, 4001);
	s->tx = rds_socket(s, 4002);
	if (s->why[0])
		return -1;
	return setsockopt(s->rx, SOL_RDS, SO_RDS_MSG_RXPATH_LATENCY, &t, sizeof(t))
		       ? cannot(s, "SO_RDS_MSG_RXPATH_LATENCY")
		       : 0;
}
static int send_rds(struct state *s)
{
	struct sockaddr_in a = loopback(4001);

	return sendto(s->tx, "x", 1, 0, (void *)&a, sizeof(a)) == 1 ? 0 : cannot(s, "send by RDS");
}
static void expect_rds(struct state *s)
{
	snprintf(s->name, sizeof(s->name), "127.0.0.1:4002");
	expect(s,
	       "{level=SOL_RDS type=RDS_CMSG_RXPATH_LATENCY len=%u traces=2 pos0=0 latency0=%%d pos1=1 "
	       "latency1=%%d pos2=0 latency2=0}",
	       LEN(32));
}

/* --- RxRPC: a call, which its server aborts */
#define RX_SERVICE 4242
static int rx_control(int fd, unsigned long id, int type, const void *value, size_t len,
		      const struct sockaddr_rxrpc *to, const char *data)
{
	char control[128] = {0};
	struct iovec iov = {(char *)data, data ? strlen(data) : 0};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = data ? 1 : 0,
			   .msg_name = (void *)to,
			   .msg_namelen = to ? sizeof(*to) : 0,
			   .msg_control = control,
			   .msg_controllen = CMSG_SPACE(sizeof(id)) + (type ? CMSG_SPACE(len) : 0)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_RXRPC;
	c->cmsg_type = RXRPC_USER_CALL_ID;
	c->cmsg_len = CMSG_LEN(sizeof(id));
	memcpy(CMSG_DATA(c), &id, sizeof(id));
	if (type) {
		c = CMSG_NXTHDR(&m, c);
		c->cmsg_level = SOL_RXRPC;
		c->cmsg_type = type;
		c->cmsg_len = CMSG_LEN(len);
		memcpy(CMSG_DATA(c), value, len);
	}
	return sendmsg(fd, &m, 0) < 0 ? -1 : 0;
}
static struct sockaddr_rxrpc rx_address(uint16_t port, uint16_t id)
{
	return (struct sockaddr_rxrpc){.srx_family = AF_RXRPC,
				       .srx_service = id,
				       .transport_type = SOCK_DGRAM,
				       .transport_len = sizeof(struct sockaddr_in),
				       .transport.sin = loopback(port)};
}
/* Sockets of their own for each call: nothing of the call before is left in their queues. */
static int rxrpc_pair(struct state *s, int *server, int *client)
{
	struct sockaddr_rxrpc a, b;

	close(*server);
	close(*client);
	s->value += 2;
	a = rx_address(7000 + s->value, RX_SERVICE);
	b = rx_address(7001 + s->value, 0);
	*server = socket(AF_RXRPC, SOCK_DGRAM | SOCK_CLOEXEC, PF_INET);
	*client = socket(AF_RXRPC, SOCK_DGRAM | SOCK_CLOEXEC, PF_INET);
	if (*server < 0 || *client < 0 || bind(*server, (void *)&a, sizeof(a)) || listen(*server, 2) ||
	    bind(*client, (void *)&b, sizeof(b)))
		return cannot(s, "RxRPC");
	return rx_control(*server, s->value, RXRPC_CHARGE_ACCEPT, "", 0, NULL, NULL) ||
			       rx_control(*client, s->value, 0, NULL, 0, &a, "x")
		       ? cannot(s, "call")
		       : 0;
}
static int rx_wait(int fd)
{
	struct pollfd p = {fd, POLLIN, 0};
	char data[64], control[128];
	struct iovec iov = {data, sizeof(data)};
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};

	return poll(&p, 1, 2000) == 1 && recvmsg(fd, &m, 0) >= 0 ? 0 : -1;
}
static int setup_rxrpc(struct state *s)
{
	return 0;
}
static int send_rxrpc(struct state *s)
{
	return rxrpc_pair(s, &s->rx, &s->tx);
}
static void rx_expect(struct state *s, unsigned port)
{
	snprintf(s->name, sizeof(s->name), "rxrpc service %d %%*127.0.0.1:%u%%*", RX_SERVICE, port);
	expect(s, "{level=SOL_RXRPC type=RXRPC_USER_CALL_ID len=%u call_id=%u}", LONGS(1), s->value);
}
static void expect_rxrpc(struct state *s)
{
	rx_expect(s, 7001 + s->value);
}
static int send_rxrpc_abort(struct state *s)
{
	uint32_t code = 77;

	if (rxrpc_pair(s, &s->tx, &s->rx))
		return -1;
	if (rx_wait(s->tx) || rx_control(s->tx, s->value, RXRPC_ABORT, &code, 4, NULL, NULL))
		return cannot(s, "abort");
	return 0;
}
static void expect_rxrpc_abort(struct state *s)
{
	rx_expect(s, 7000 + s->value);
	expect(s, "{level=SOL_RXRPC type=RXRPC_ABORT len=%u abort_code=77}", LEN(4));
}

/* The reply has been taken: the server is told. */
static int send_rxrpc_ack(struct state *s)
{
	if (rxrpc_pair(s, &s->rx, &s->tx))
		return -1;
	if (rx_wait(s->rx) || rx_control(s->rx, s->value, 0, NULL, 0, NULL, "reply") || rx_wait(s->tx))
		return cannot(s, "reply");
	return 0;
}
static void expect_rxrpc_ack(struct state *s)
{
	expect_rxrpc(s);
	expect(s, "{level=SOL_RXRPC type=RXRPC_ACK len=%u}", LEN(0));
}
/* --- AF_ALG: a digest is received */
static int setup_alg(struct state *s)
{
	struct sockaddr_alg a = {.salg_family = AF_ALG, .salg_type = "hash", .salg_name = "sha256"};

	s->extra = socket(AF_ALG, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (s->extra < 0 || bind(s->extra, (void *)&a, sizeof(a)))
		return cannot(s, "AF_ALG");
	s->tx = accept4(s->extra, NULL, NULL, SOCK_CLOEXEC);
	s->rx = s->tx < 0 ? -1 : dup(s->tx);
	return s->rx < 0 ? cannot(s, "accept") : 0;
}

const struct scene family_scenes[] = {
	{"sctp, as long ago", "SOL_SCTP/SCTP_SNDRCV", AF_INET, false, setup_sndrcv, send_byte, expect_sndrcv},
	{"sctp", "SOL_SCTP/SCTP_RCVINFO", AF_INET, false, setup_rcvinfo, send_byte, expect_rcvinfo},
	{"sctp, what is next", "SOL_SCTP/SCTP_NXTINFO", AF_INET, false, setup_nxtinfo, send_byte,
	 expect_nxtinfo},
	{"kernel TLS", "SOL_TLS/TLS_GET_RECORD_TYPE", AF_INET, false, setup_tls, send_byte, expect_tls},
	{"tipc service", "SOL_TIPC/TIPC_DESTNAME", AF_TIPC, false, setup_tipc, send_tipc, expect_tipc},
	{"tipc, returned", "SOL_TIPC/TIPC_ERRINFO SOL_TIPC/TIPC_RETDATA", AF_TIPC, false, setup_tipc_back,
	 send_tipc_back, expect_tipc_back},
	{"vsock stream", "", AF_VSOCK, false, setup_vsock_stream, send_byte, expect_nothing},
	{"vsock seqpacket", "", AF_VSOCK, false, setup_vsock_seqpacket, send_byte, expect_nothing},
	{"vsock zero-copy", "SOL_VSOCK/VSOCK_RECVERR", AF_VSOCK, true, setup_vsock_zerocopy,
	 send_vsock_zerocopy, expect_vsock_zerocopy},
	{"rds", "SOL_RDS/RDS_CMSG_RXPATH_LATENCY", AF_RDS, false, setup_rds, send_rds, expect_rds},
	{"rxrpc call", "SOL_RXRPC/RXRPC_USER_CALL_ID", AF_RXRPC, false, setup_rxrpc, send_rxrpc,
	 expect_rxrpc},
	{"rxrpc abort", "SOL_RXRPC/RXRPC_ABORT", AF_RXRPC, false, setup_rxrpc, send_rxrpc_abort,
	 expect_rxrpc_abort},
	{"rxrpc reply", "SOL_RXRPC/RXRPC_ACK", AF_RXRPC, false, setup_rxrpc, send_rxrpc_ack,
	 expect_rxrpc_ack},
	{"alg", "", AF_ALG, false, setup_alg, send_byte, expect_nothing},
	SCENE_END};
