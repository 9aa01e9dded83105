/* SPDX-License-Identifier: BSD-2-Clause */
/* More families that are modules: CAN, J1939, Bluetooth HCI, LLC, QIPCRTR. Played in a machine, on vcan0. */
#include <errno.h>
#include <fcntl.h>
#include <linux/can.h>
#include <linux/can/isotp.h>
#include <linux/can/j1939.h>
#include <linux/can/raw.h>
#include <linux/if_tun.h>
#include <linux/llc.h>
#include <linux/net_tstamp.h>
#include <linux/qrtr.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "make.h"

#define SCENE_END                                      \
	{                                              \
		NULL, NULL, 0, false, NULL, NULL, NULL \
	}
#define SOL_LLC 268

/* net/if.h, which linux/llc.h does not bear beside it */
extern unsigned int if_nametoindex(const char *name);

static int can_index(void)
{
	return (int)if_nametoindex("vcan0");
}

/* --- raw frames */
static int can_raw(struct state *s)
{
	struct sockaddr_can a = {.can_family = AF_CAN, .can_ifindex = can_index()};
	int fd = socket(AF_CAN, SOCK_RAW | SOCK_CLOEXEC, CAN_RAW);

	if (fd < 0 || bind(fd, (void *)&a, sizeof(a)))
		cannot(s, "CAN_RAW");
	return fd;
}
static int setup_can(struct state *s)
{
	s->rx = can_raw(s);
	s->tx = can_raw(s);
	return s->why[0] ? -1 : 0;
}
static int send_frame(int fd)
{
	struct can_frame f = {.can_id = 0x123, .can_dlc = 2, .data = "hi"};

	return write(fd, &f, sizeof(f)) == sizeof(f) ? 0 : -1;
}
static int send_can(struct state *s)
{
	return send_frame(s->tx) ? cannot(s, "send a frame") : 0;
}
static void expect_can(struct state *s)
{
	snprintf(s->name, sizeof(s->name), "can if %d", can_index());
}
static int setup_can_sent(struct state *s)
{
	s->rx = can_raw(s);
	if (s->why[0])
		return -1;
	return turn_on(s, s->rx, SOL_SOCKET, N_TIMESTAMPING_OLD,
		       SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_OPT_ID |
			       SOF_TIMESTAMPING_OPT_TSONLY,
		       "SO_TIMESTAMPING");
}
static int send_can_sent(struct state *s)
{
	return send_frame(s->rx) ? cannot(s, "send a frame") : 0;
}
static void expect_can_sent(struct state *s)
{
	expect(s, "{level=SOL_SOCKET type=SO_TIMESTAMPING_OLD len=%u software=%%<%llu:%llu>}", LONGS(6),
	       (unsigned long long)s->before, (unsigned long long)s->after);
	expect(s,
	       "{level=SOL_CAN_RAW type=SCM_CAN_RAW_ERRQUEUE len=%u errno=ENOMSG origin=timestamping "
	       "ee_type=0 "
	       "ee_code=0 ee_info=0 ee_data=%u stamp=sent key=%u}",
	       LEN(16), s->value, s->value);
	s->value++;
}

/* --- ISO 15765-2: its addresses are two identifiers */
static int isotp(struct state *s, uint32_t rx, uint32_t tx)
{
	struct sockaddr_can a = {.can_family = AF_CAN, .can_ifindex = can_index()};
	int fd = socket(AF_CAN, SOCK_DGRAM | SOCK_CLOEXEC, CAN_ISOTP);

	a.can_addr.tp.rx_id = rx;
	a.can_addr.tp.tx_id = tx;
	if (fd < 0 || bind(fd, (void *)&a, sizeof(a)))
		cannot(s, "CAN_ISOTP");
	return fd;
}
static int setup_isotp(struct state *s)
{
	s->rx = isotp(s, 0x701, 0x702);
	s->tx = isotp(s, 0x702, 0x701);
	return s->why[0] ? -1 : 0;
}
static void expect_isotp(struct state *s)
{
	/* the kernel tells the interface alone */
	snprintf(s->name, sizeof(s->name), "can if %d rx 0x0 tx 0x0", can_index());
}

/* --- J1939: from one address to another */
#define PGN 0x12300u
static int j1939(struct state *s, uint64_t name, uint8_t addr)
{
	struct sockaddr_can a = {.can_family = AF_CAN, .can_ifindex = can_index()};
	int fd = socket(AF_CAN, SOCK_DGRAM | SOCK_CLOEXEC, CAN_J1939);

	a.can_addr.j1939.name = name;
	a.can_addr.j1939.pgn = J1939_NO_PGN;
	a.can_addr.j1939.addr = addr;
	if (fd < 0 || bind(fd, (void *)&a, sizeof(a)))
		cannot(s, "CAN_J1939");
	return fd;
}
static int setup_j1939(struct state *s)
{
	s->rx = j1939(s, J1939_NO_NAME, 0x20);
	s->tx = j1939(s, J1939_NO_NAME, 0x30);
	return s->why[0] ? -1 : 0;
}
static int j1939_to(int fd, uint64_t name, uint32_t pgn, uint8_t addr, const void *data, size_t len)
{
	struct sockaddr_can a = {.can_family = AF_CAN, .can_ifindex = can_index()};

	a.can_addr.j1939.name = name;
	a.can_addr.j1939.pgn = pgn;
	a.can_addr.j1939.addr = addr;
	return sendto(fd, data, len, 0, (void *)&a, sizeof(a)) == (ssize_t)len ? 0 : -1;
}
static int send_j1939(struct state *s)
{
	return j1939_to(s->tx, J1939_NO_NAME, PGN, 0x20, "x", 1) ? cannot(s, "send by J1939") : 0;
}
static void expect_j1939(struct state *s)
{
	snprintf(s->name, sizeof(s->name), "j1939 if %d name 0x0 pgn 0x12300 addr 0x30", can_index());
	expect(s, "{level=SOL_CAN_J1939 type=SCM_J1939_DEST_ADDR len=%u addr=%%*}", LEN(1));
	expect(s, "{level=SOL_CAN_J1939 type=SCM_J1939_PRIO len=%u priority=6}", LEN(1));
}

/* --- a Bluetooth controller that is this program */
#define N_BLUETOOTH 31
struct sockaddr_hci {
	uint16_t family, dev, channel;
};
static int hci_socket(uint16_t dev, uint16_t channel)
{
	struct sockaddr_hci a = {N_BLUETOOTH, dev, channel};
	int fd = socket(N_BLUETOOTH, SOCK_RAW | SOCK_CLOEXEC, 1 /* BTPROTO_HCI */);

	if (fd >= 0 && bind(fd, (void *)&a, sizeof(a))) {
		close(fd);
		return -1;
	}
	return fd;
}
static int setup_hci(struct state *s)
{
	struct {
		uint32_t type_mask, event_mask[2];
		uint16_t opcode;
	} all = {~0u, {~0u, ~0u}, 0};
	uint8_t make[2] = {0xff, 0x80}, made[4]; /* a raw device: nobody asks it anything */
	int user;

	s->tx = open("/dev/vhci", O_RDWR | O_CLOEXEC);
	if (s->tx < 0 || write(s->tx, make, 2) != 2 || read(s->tx, made, 4) != 4)
		return cannot(s, "/dev/vhci");
	/* it is up while somebody has it for himself; it may still be being set up */
	for (int i = 0; (user = hci_socket(made[2], 1)) < 0 && errno == EBUSY && i < 200; i++)
		poll(NULL, 0, 10);
	s->extra = user;
	s->rx = hci_socket(made[2], 0);
	if (user < 0 || s->rx < 0)
		return cannot(s, "HCI");
	return setsockopt(s->rx, 0, 2 /* HCI_FILTER */, &all, sizeof(all)) ||
			       ON(s->rx, 0, 1 /* HCI_DATA_DIR */) || ON(s->rx, 0, 3 /* HCI_TIME_STAMP */)
		       ? cannot(s, "HCI options")
		       : 0;
}
static int send_hci(struct state *s)
{
	uint8_t event[] = {4, 0xff, 1, 42}; /* a vendor's event of one byte */

	return write(s->tx, event, sizeof(event)) == sizeof(event) ? 0 : cannot(s, "an event");
}
static void expect_hci(struct state *s)
{
	expect(s, "{level=SOL_HCI type=HCI_CMSG_DIR len=%u incoming=true}", LEN(4));
	expect(s, "{level=SOL_HCI type=HCI_CMSG_TSTAMP len=%u time=%%<%llu:%llu>}", LONGS(2),
	       (unsigned long long)s->before / 1000 * 1000, (unsigned long long)s->after);
}

/* --- 802.2 LLC: an Ethernet device whose other end is this program */
static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1}, other_mac[6] = {2, 0, 0, 0, 0, 2};
static int tap(void)
{
	struct ifreq r = {.ifr_name = "tap0", .ifr_flags = IFF_TAP | IFF_NO_PI};
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC),
	    ctl = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int rc = ioctl(fd, TUNSETIFF, &r);

	r.ifr_hwaddr.sa_family = 1 /* ARPHRD_ETHER */;
	memcpy(r.ifr_hwaddr.sa_data, mac, 6);
	rc = rc || ioctl(ctl, SIOCSIFHWADDR, &r);
	r.ifr_flags = IFF_UP;
	rc = rc || ioctl(ctl, SIOCSIFFLAGS, &r);
	close(ctl);
	if (!rc)
		return fd;
	close(fd);
	return -1;
}
static int setup_llc(struct state *s)
{
	struct sockaddr_llc a = {.sllc_family = AF_LLC, .sllc_arphrd = 1, .sllc_sap = 0x40};

	memcpy(a.sllc_mac, mac, 6);
	s->tx = tap();
	if (s->tx < 0)
		return cannot(s, "a tap device");
	s->rx = socket(AF_LLC, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s->rx < 0 || bind(s->rx, (void *)&a, sizeof(a)))
		return cannot(s, "LLC");
	return ON(s->rx, SOL_LLC, LLC_OPT_PKTINFO);
}
static int send_llc(struct state *s)
{
	uint8_t frame[60] = {0};

	memcpy(frame, mac, 6);
	memcpy(frame + 6, other_mac, 6);
	memcpy(frame + 12, (uint8_t[]){0, 4, 0x40, 0x44, 3, 'x'}, 6); /* length; to, from, UI; data */
	return write(s->tx, frame, sizeof(frame)) == sizeof(frame) ? 0 : cannot(s, "a frame");
}
static void expect_llc(struct state *s)
{
	snprintf(s->name, sizeof(s->name), "llc 02:00:00:00:00:02 sap 0x44");
	expect(s, "{level=SOL_LLC type=LLC_OPT_PKTINFO len=%u ifindex=%u sap=%%* mac=\"02:00:00:00:00:01\"}",
	       LEN(12), if_nametoindex("tap0"));
}

/* --- QIPCRTR: from a port to another one of this node */
static int setup_qrtr(struct state *s)
{
	struct sockaddr_qrtr a = {.sq_family = AF_QIPCRTR, .sq_node = 1};

	s->rx = socket(AF_QIPCRTR, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	s->tx = socket(AF_QIPCRTR, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	/* it has a port once it is bound */
	return s->rx < 0 || s->tx < 0 || bind(s->rx, (void *)&a, sizeof(a)) ? cannot(s, "QIPCRTR") : 0;
}
static int send_qrtr(struct state *s)
{
	struct sockaddr_qrtr a;
	socklen_t len = sizeof(a);

	if (getsockname(s->rx, (void *)&a, &len) || sendto(s->tx, "text", 4, 0, (void *)&a, sizeof(a)) != 4)
		return cannot(s, "send by QIPCRTR");
	return 0;
}
static void expect_qrtr(struct state *s)
{
	struct sockaddr_qrtr a;
	socklen_t len = sizeof(a);

	getsockname(s->tx, (void *)&a, &len);
	snprintf(s->name, sizeof(s->name), "qrtr node %u port %u", a.sq_node, a.sq_port);
}

const struct scene link_scenes[] = {
	{"can raw", "", AF_CAN, false, setup_can, send_can, expect_can},
	{"can raw, sent", "SOL_CAN_RAW/SCM_CAN_RAW_ERRQUEUE", AF_CAN, true, setup_can_sent, send_can_sent,
	 expect_can_sent},
	{"can isotp", "", AF_CAN, false, setup_isotp, send_byte, expect_isotp},
	{"j1939", "SOL_CAN_J1939/SCM_J1939_DEST_ADDR SOL_CAN_J1939/SCM_J1939_PRIO", AF_CAN, false,
	 setup_j1939, send_j1939, expect_j1939},
	{"bluetooth hci", "SOL_HCI/HCI_CMSG_DIR SOL_HCI/HCI_CMSG_TSTAMP", N_BLUETOOTH, false, setup_hci,
	 send_hci, expect_hci},
	{"llc", "SOL_LLC/LLC_OPT_PKTINFO", AF_LLC, false, setup_llc, send_llc, expect_llc},
	{"qrtr", "", AF_QIPCRTR, false, setup_qrtr, send_qrtr, expect_qrtr},
	SCENE_END};
