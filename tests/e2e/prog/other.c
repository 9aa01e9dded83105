/* SPDX-License-Identifier: BSD-2-Clause */
/* netlink, packet, vsock. */
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/vm_sockets.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "oracle.h"

static void dump(int protocol, const char *name, const void *req, size_t len)
{
	struct sockaddr_nl sa = {.nl_family = AF_NETLINK};
	int s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);

	if (s < 0) {
		o_skip(name, "socket: %s", strerror(errno));
		return;
	}
	o_case("netlink %s", name);
	O_OK(bind(s, (void *)&sa, sizeof(sa)));
	O_OK(send(s, req, len, 0));
	O_HINT(.how = "kernel");
	o_take(s, 65536, 256, MSG_PEEK | MSG_DONTWAIT);
	while (o_take(s, 65536, 256, MSG_DONTWAIT) > 0)
		;
	close(s);
}

static void route(void)
{
	struct {
		struct nlmsghdr h;
		struct ifinfomsg i;
	} req = {{sizeof(req), RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 7, 0}, {0}};

	dump(NETLINK_ROUTE, "route: dump of links", &req, sizeof(req));
	req.h.nlmsg_type = 9999; /* answered by an error message */
	req.h.nlmsg_flags = NLM_F_REQUEST;
	dump(NETLINK_ROUTE, "route: refused request", &req, sizeof(req));
}

static void generic(void)
{
	struct {
		struct nlmsghdr h;
		struct genlmsghdr g;
	} req = {{sizeof(req), GENL_ID_CTRL, NLM_F_REQUEST | NLM_F_DUMP, 1, 0}, {CTRL_CMD_GETFAMILY, 1, 0}};

	dump(NETLINK_GENERIC, "generic: families", &req, sizeof(req));
}

/* A user process as sender, to a group: what udev does. */
static void uevent(void)
{
	struct sockaddr_nl sa = {.nl_family = AF_NETLINK, .nl_groups = 1 << 5}, to = sa;
	int r = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT), s;

	if (r < 0) {
		o_skip("uevent", "socket: %s", strerror(errno));
		return;
	}
	o_case("netlink uevent from user space to a group");
	O_OK(bind(r, (void *)&sa, sizeof(sa)));
	on(r, SOL_SOCKET, SO_PASSCRED);
	s = O_OK(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT));
	if (sendto(s, "add@/devices/rg\0ACTION=add", 26, 0, (void *)&to, sizeof(to)) == 26) {
		O_HINT(.sender = getpid(), .how = "message");
		o_take(r, 4096, 256, 0);
	} else {
		o_skip("uevent", "sendto: %s", strerror(errno));
	}
	close(r);
	close(s);
}

static void packet(int type, const char *name)
{
	struct sockaddr_ll sll = {.sll_family = AF_PACKET,
				  .sll_protocol = htons(0x88b5),
				  .sll_ifindex = (int)if_nametoindex("lo"),
				  .sll_halen = 6};
	unsigned char frame[64] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x88, 0xb5, 'p', 'k', 't'};
	int r = socket(AF_PACKET, type | SOCK_CLOEXEC, htons(0x88b5)); /* local experimental ethertype */

	if (r < 0) {
		o_skip("packet", "socket: %s", strerror(errno));
		return;
	}
	o_case("packet %s", name);
	O_OK(bind(r, (void *)&sll, sizeof(sll)));
	on(r, SOL_PACKET, PACKET_AUXDATA);
	int s = O_OK(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
	O_OK(sendto(s, frame, sizeof(frame), 0, (void *)&sll, sizeof(sll)));
	o_take(r, 200, 256, MSG_DONTWAIT);
	o_take(r, 200, 256, MSG_DONTWAIT);
	o_take(r, 200, 256, MSG_DONTWAIT);
	close(r);
	close(s);
}

static void vsock(void)
{
	struct sockaddr_vm vm = {
		.svm_family = AF_VSOCK, .svm_port = VMADDR_PORT_ANY, .svm_cid = VMADDR_CID_ANY};
	int l = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0), c;
	socklen_t len = sizeof(vm);

	if (l < 0) {
		o_skip("vsock", "socket: %s", strerror(errno));
		return;
	}
	O_OK(bind(l, (void *)&vm, sizeof(vm)));
	O_OK(getsockname(l, (void *)&vm, &len));
	O_OK(listen(l, 1));
	vm.svm_cid = VMADDR_CID_LOCAL;
	c = O_OK(socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0));
	O_OK(setsockopt(c, AF_VSOCK, SO_VM_SOCKETS_CONNECT_TIMEOUT, &(struct timeval){0, 200000},
			sizeof(struct timeval)));
	if (connect(c, (void *)&vm, sizeof(vm))) {
		o_skip("vsock data", "no loopback transport: connect: %s", strerror(errno));
		o_case("vsock, not connected");
		o_take(c, 10, 0, MSG_DONTWAIT);
	} else {
		o_case("vsock stream");
		int a = O_OK(accept4(l, NULL, NULL, SOCK_CLOEXEC));
		put(c, "over vsock", 10);
		o_take(a, 100, 0, 0);
		close(a);
	}
	close(c);
	close(l);
}

int main(void)
{
	route();
	generic();
	uevent();
	packet(SOCK_RAW, "raw");
	packet(SOCK_DGRAM, "dgram");
	vsock();
	return 0;
}
