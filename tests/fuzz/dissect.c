/* SPDX-License-Identifier: BSD-2-Clause */
/* Dissectors: a byte that chooses the socket, two of what snaplen cut off, then the payload. The line said of
 * it must be printable ASCII within its bound. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "decode/dissect/dissect.h"

static const struct {
	uint8_t family, type, protocol;
	uint16_t local, remote;
	const char *path;
} sockets[] = {
	{AF_NETLINK, SOCK_RAW, 0, 0, 0, NULL},
	{AF_NETLINK, SOCK_RAW, 4, 0, 0, NULL},
	{AF_NETLINK, SOCK_RAW, 9, 0, 0, NULL},
	{AF_NETLINK, SOCK_RAW, 12, 0, 0, NULL},
	{AF_NETLINK, SOCK_RAW, 15, 0, 0, NULL},
	{AF_NETLINK, SOCK_RAW, 16, 0, 0, NULL},
	{AF_UNIX, SOCK_STREAM, 0, 0, 0, "/run/dbus/system_bus_socket"},
	{AF_UNIX, SOCK_STREAM, 0, 0, 0, "/run/user/1000/wayland-0"},
	{AF_UNIX, SOCK_STREAM, 0, 0, 0, "@/tmp/.X11-unix/X0"},
	{AF_UNIX, SOCK_DGRAM, 0, 0, 0, "/run/systemd/journal/socket"},
	{AF_UNIX, SOCK_DGRAM, 0, 0, 0, "/run/systemd/notify"},
	{AF_INET, SOCK_DGRAM, IPPROTO_UDP, 40000, 53, NULL},
	{AF_INET, SOCK_DGRAM, IPPROTO_UDP, 40000, 4000, NULL},
	{AF_INET6, SOCK_STREAM, IPPROTO_TCP, 40000, 53, NULL},
	{AF_INET6, SOCK_STREAM, IPPROTO_TCP, 80, 40000, NULL},
	{AF_INET6, SOCK_DGRAM, IPPROTO_UDP, 5353, 5353, NULL},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void set_socket(struct rg_event *ev, unsigned choice)
{
	static struct rg_addr local;
	unsigned i = choice % (sizeof(sockets) / sizeof(sockets[0]));
	const char *path = sockets[i].path;

	rg_set_i(ev, RG_F_EVENT, RG_EV_RECVMSG, RG_TAG_K);
	rg_set_i(ev, RG_F_SOCK_FAMILY, sockets[i].family, RG_TAG_K);
	rg_set_i(ev, RG_F_SOCK_TYPE, sockets[i].type, RG_TAG_K);
	rg_set_i(ev, RG_F_SOCK_PROTOCOL, sockets[i].protocol, RG_TAG_K);
	rg_set_u(ev, RG_F_SOCK_LOCAL_PORT, sockets[i].local, RG_TAG_K);
	rg_set_u(ev, RG_F_SOCK_REMOTE_PORT, sockets[i].remote, RG_TAG_K);
	if (!path)
		return;
	rg_set_str(ev, RG_F_SOCK_PATH, path, (uint32_t)strlen(path), RG_TAG_K);
	local = (struct rg_addr){.family = AF_UNIX, .text = path, .text_len = (uint32_t)strlen(path)};
	ev->v[RG_F_SOCK_LOCAL_ADDR].addr = &local;
	ev->tag[RG_F_SOCK_LOCAL_ADDR] = choice & 0x80 ? RG_TAG_K : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rg_event *ev;
	const struct rg_value *v;
	uint16_t more;

	if (size < 3)
		return 0;
	if (!ev)
		ev = rg_event_new();
	memcpy(&more, data + 1, 2);
	rg_event_reset(ev);
	set_socket(ev, data[0]);
	rg_set_bytes(ev, RG_F_MSG_DATA, data + 3, (uint32_t)(size - 3), (uint32_t)(size - 3 + more),
		     RG_TAG_U);
	rg_dissect(ev);
	v = &ev->v[RG_F_MSG_SUMMARY];
	if (!rg_has(ev, RG_F_MSG_SUMMARY))
		return 0;
	if (v->len > RG_SUMMARY_MAX)
		abort();
	for (uint32_t i = 0; i < v->len; i++)
		if ((uint8_t)v->p[i] < ' ' || (uint8_t)v->p[i] > '~')
			abort();
	return 0;
}
