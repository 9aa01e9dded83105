/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ways by which messages come past every hook of a receive: rings of packet and XDP sockets, io_uring's
 * receive without copies, programs that take messages to other sockets (sockmap). Their set-up is refused to
 * whom the receive would be; what was set up before goes on, and that is shown too.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <liburing.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_xdp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "enforce.h"

#define ME    "ktest-victim"
#define OTHER "ktest-other"
#define WHO   "    - {name: who, when: 'proc.comm == \"" ME "\"', then: deny ENOMSG}\n"
#define BLOCK 4096

/* Call it as the one whom the rules name: 0 or a negative errno. */
static long as_victim(long (*fn)(int arg), int arg)
{
	long r;

	k_name(ME);
	r = fn(arg);
	k_name(OTHER);
	return r;
}

static void expect(const char *what, long victim, long want, long other)
{
	k_result(victim == want && other >= 0, "%s: %s to whom the rule names, had by others", what,
		 want ? "refused" : "had");
	if (victim != want || other < 0)
		printf("# %ld, another %ld\n", victim, other);
}

/* ---- rings */

static long packet_ring(int s)
{
	struct tpacket_req req = {
		.tp_block_size = BLOCK, .tp_block_nr = 4, .tp_frame_size = 2048, .tp_frame_nr = 8};

	return setsockopt(s, SOL_PACKET, PACKET_RX_RING, &req, sizeof(req)) ? -errno : 0;
}

static int packet_socket(void)
{
	struct sockaddr_ll a = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP)};
	int s = socket(AF_PACKET, SOCK_RAW, 0);

	a.sll_ifindex = (int)if_nametoindex("lo");
	if (s < 0 || bind(s, (void *)&a, sizeof(a)))
		perror("# a packet socket");
	return s;
}

/* Does a frame with that text come into the ring, without any call? */
static bool ring_has(const char *ring, const char *text)
{
	for (int i = 0; i < 5000; i++) {
		for (unsigned f = 0; f < 8; f++) {
			const volatile struct tpacket_hdr *h = (const volatile void *)(ring + f * 2048ul);

			if (h->tp_status & TP_STATUS_USER &&
			    memmem((const char *)h + h->tp_mac, h->tp_snaplen, text, strlen(text)))
				return true;
		}
		usleep(1000);
	}
	return false;
}

static void from_before(void)
{
	int s = packet_socket(), udp[2];
	long made = packet_ring(s);
	const char *ring = mmap(NULL, 4 * BLOCK, PROT_READ, MAP_SHARED, s, 0);
	char b[8];
	long asked;

	k_pair(K_UDP, udp);
	k_enforce(WHO, "--no-wait");
	k_name(ME);
	k_send(udp[0], "ktest-ring", 10);
	asked = recv(s, b, sizeof(b), MSG_DONTWAIT) < 0 ? -errno : 0;
	k_result(!made && ring != MAP_FAILED && ring_has(ring, "ktest-ring") && asked == -ENOMSG,
		 "a packet ring from before the policy: not mediated, it fills; a receive is refused");
	k_name(OTHER);
	if (ring != MAP_FAILED)
		munmap((void *)(uintptr_t)ring, 4 * BLOCK);
	k_close(udp);
	close(s);
}

static long xdp_ring(int s)
{
	int n = 64;

	return setsockopt(s, SOL_XDP, XDP_RX_RING, &n, sizeof(n)) ? -errno : 0;
}

static void rings(void)
{
	int p = packet_socket(), x[2] = {socket(AF_XDP, SOCK_RAW, 0), socket(AF_XDP, SOCK_RAW, 0)}, q;

	/* WHO holds, of from_before */
	expect("PACKET_RX_RING", as_victim(packet_ring, p), -ENOMSG, packet_ring(p));
	expect("XDP_RX_RING", as_victim(xdp_ring, x[0]), -ENOMSG, xdp_ring(x[1]));
	k_result(k_status("denied") >= 3, "and each refusal is counted as a verdict");
	close(p), close(x[0]), close(x[1]);
	k_enforce("    - {name: packet, when: 'sock.family == packet', then: deny}\n", "--no-wait --audit");
	p = packet_socket();
	k_result(!packet_ring(p), "audit: a ring that would be refused is had");
	close(p);
	k_enforce("    - {name: inet, when: 'proc.comm == \"" ME
		  "\" and sock.family in {inet, inet6, unix}', then: deny}\n",
		  "--no-wait");
	p = packet_socket(), q = packet_socket();
	expect("PACKET_RX_RING, rules about other families", as_victim(packet_ring, p), 0, packet_ring(q));
	close(p), close(q);
}

/* ---- io_uring's receive without copies */

/* Registering nothing: EINVAL or the like when it is let through to where it is looked at. high: by a number
 * beyond what the kernel takes of it. */
static long zcrx(int high)
{
	struct io_uring_params p = {.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
					     IORING_SETUP_CQE32};
	char reg[256] = {0};
	int ring = (int)syscall(SYS_io_uring_setup, 4, &p);
	long r = ring < 0								  ? -errno
		 : syscall(SYS_io_uring_register | (high ? K_HIGH : 0), ring, 32, reg, 1) ? -errno
											  : 0;

	close(ring);
	return r;
}

static bool has_zcrx(void)
{
	struct io_uring ring;
	struct io_uring_probe *p;
	bool has = false;

	if (io_uring_queue_init(1, &ring, 0))
		return false;
	p = io_uring_get_probe_ring(&ring);
	if (p) {
		has = p->last_op >= 58 && p->ops_len > 58 && p->ops[58].flags & IO_URING_OP_SUPPORTED;
		io_uring_free_probe(p);
	}
	io_uring_queue_exit(&ring);
	return has;
}

static void uring_zcrx(void)
{
	long victim, other, high;

	if (!has_zcrx()) {
		k_skip("io_recvzc", "this kernel has it not (6.15)");
		return;
	}
	k_enforce("    - {name: port, when: 'proc.comm == \"" ME
		  "\" and sock.remote.port == 9', then: deny}\n",
		  "--no-wait");
	victim = as_victim(zcrx, 0);
	high = as_victim(zcrx, 1);
	other = zcrx(0);
	k_result(
		victim == -EPERM && high == -EPERM && other != -EPERM && zcrx(1) == other,
		"io_recvzc: its set-up is refused to whom any rule could refuse a receive, others get to it");
	if (victim != -EPERM || high != -EPERM || other == -EPERM)
		printf("# %ld, by a high number %ld, another %ld\n", victim, high, other);
	k_enforce("    - {name: me, when: 'proc.comm == \"" ME "\"', then: allow}\n"
		  "    - {name: port, when: 'sock.remote.port == 9', then: deny}\n",
		  "--no-wait");
	victim = as_victim(zcrx, 0);
	k_result(victim != -EPERM && zcrx(0) == -EPERM, "an exception by who receives lets it be set up: %ld",
		 victim);
}

/* ---- sockmap */

static int map_fd, prog_fd;

static long attach(int arg)
{
	return bpf_prog_attach(prog_fd, map_fd, BPF_SK_SKB_STREAM_VERDICT, 0) ? -errno : 0;
}

/* What arrives at a socket of the map goes into the queue of its first. */
static bool load_redirect(void)
{
	struct bpf_insn code[] = {
		{.code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = 2, .src_reg = BPF_PSEUDO_MAP_FD},
		{0},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 3, .imm = 0},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 4, .imm = BPF_F_INGRESS},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_sk_redirect_map},
		{.code = BPF_JMP | BPF_EXIT},
	};

	map_fd = bpf_map_create(BPF_MAP_TYPE_SOCKMAP, "ktest", 4, 4, 2, NULL);
	code[0].imm = map_fd;
	prog_fd = map_fd < 0 ? -1 : bpf_prog_load(BPF_PROG_TYPE_SK_SKB, "ktest", "GPL", code, 6, NULL);
	return prog_fd >= 0;
}

static long receive(int fd)
{
	char b[16];

	return recv(fd, b, sizeof(b), MSG_DONTWAIT) < 0 ? -errno : 0;
}

static void sockmap(void)
{
	int a[2], b[2];
	__u32 key[2] = {0, 1};
	struct sockaddr_in addr;
	socklen_t len = sizeof(addr);
	char rules[200];
	long early;

	if (!load_redirect()) {
		k_skip("sockmap", strerror(errno));
		return;
	}
	k_pair(K_TCP, a);
	k_pair(K_TCP, b);
	k_stop();
	early = attach(0); /* a socket has the program that its map had as it came in */
	if (bpf_map_update_elem(map_fd, &key[0], &b[1], BPF_ANY) ||
	    bpf_map_update_elem(map_fd, &key[1], &a[1], BPF_ANY))
		perror("# sockmap");
	getsockname(a[0], (void *)&addr, &len);
	snprintf(rules, sizeof(rules),
		 "    - {name: it, when: 'proc.comm == \"" ME
		 "\" and sock.remote.port == %d', then: deny ENOMSG}\n",
		 ntohs(addr.sin_port));
	k_enforce(WHO, "--no-wait");
	k_send(a[0], "y", 1);
	k_result(!early && k_readable(b[1]) && as_victim(receive, b[1]) == -ENOMSG && receive(b[1]) == 0,
		 "sockmap: who receives from the other socket is asked as ever");
	k_enforce(rules, "--no-wait");
	k_send(a[0], "x", 1);
	k_result(k_readable(b[1]) && as_victim(receive, b[1]) == 0,
		 "sockmap from before the policy: not mediated, the message arrives by the other socket");
	bpf_prog_detach2(prog_fd, map_fd, BPF_SK_SKB_STREAM_VERDICT);
	expect("sockmap: attaching", as_victim(attach, 0), -EPERM, attach(0));
	close(prog_fd), close(map_fd);
	k_close(a);
	k_close(b);
}

void enforce_setups(void)
{
	k_stop();
	from_before();
	rings();
	uring_zcrx();
	sockmap();
}
