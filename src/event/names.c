/* SPDX-License-Identifier: BSD-2-Clause */
/* Looking names up, and the small tables that are recvguard's own. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <recvguard/event.h>

#include "event/names_index.h"

/* In a table sorted by value: the first row of this value. */
static const char *halve(const struct rg_name *names, size_t n, uint64_t value)
{
	const struct rg_name *low = names;

	for (; n > 1; n -= n / 2)
		if (low[n / 2 - 1].value < value)
			low += n / 2;
	return low->value == value ? low->name : NULL;
}

/* Most tables are short and most values early in them; the long ones are halved. */
#define LINEAR 8
const char *rg_name_of(const struct rg_name *names, uint64_t value)
{
	const struct rg_name *r = names;

	for (; r && r->name && r < names + LINEAR; r++)
		if (r->value == value)
			return r->name;
	if (!r || !r->name)
		return NULL;
	for (const struct rg_names_sorted *s = rg_names_sorted; s->names; s++)
		if (s->names == names)
			return halve(names, s->n, value);
	for (; r->name; r++)
		if (r->value == value)
			return r->name;
	return NULL;
}

int rg_name_value(const struct rg_name *names, const char *name, size_t len, uint64_t *ret)
{
	for (; names && names->name; names++)
		if (strlen(names->name) == len && !memcmp(names->name, name, len)) {
			*ret = names->value;
			return 0;
		}
	return -ENOENT;
}

const struct rg_name *rg_event_names(const struct rg_event *ev, enum rg_field f)
{
	if (f != RG_F_SOCK_PROTOCOL)
		return rg_fields[f].names;
	if (!rg_has(ev, RG_F_SOCK_FAMILY))
		return NULL;
	switch (ev->v[RG_F_SOCK_FAMILY].i) {
	case AF_INET:
	case AF_INET6: return rg_names_ipprotos;
	case AF_NETLINK: return rg_names_netlink_protos;
	case AF_PACKET: return rg_names_etherprotos;
	default: return NULL;
	}
}

const struct rg_name rg_names_details[] = {{RG_DETAIL_METADATA, "metadata"}, {0, NULL}};

const struct rg_name rg_names_hows[] = {
	{RG_HOW_MESSAGE, "message"}, /* credentials that travelled with this message */
	{RG_HOW_CONNECT, "connect"}, /* the peer's credentials when the connection was made */
	{RG_HOW_KERNEL, "kernel"},   /* the kernel itself (netlink) */
	{RG_HOW_MSGID, "send"},	     /* the send of this very message was seen (msg.id) */
	{0, NULL}};

const struct rg_name rg_names_actions[] = {{RG_ACT_ALLOW, "allow"},
					   {RG_ACT_DENY, "deny"},
					   {RG_ACT_DROP, "drop"},
					   {RG_ACT_STRIP, "strip"},
					   {RG_ACT_KILL, "kill"},
					   {RG_ACT_LOG, "log"},
					   {0, NULL}};

const struct rg_name rg_names_losses[] = {
	{RG_LOSS_RING_FULL, "ring_full"}, {RG_LOSS_PART, "part"},
	{RG_LOSS_NO_STATE, "no_state"},	  {RG_LOSS_BAD_RECORD, "bad_record"},
	{RG_LOSS_SINK, "sink"},		  {RG_LOSS_SAMPLED, "sampled"},
	{RG_LOSS_SKIPPED, "skipped"},	  {0, NULL}};

const struct rg_name rg_names_fdkinds[] = {{RG_FDK_UNKNOWN, "unknown"},
					   {RG_FDK_FILE, "file"},
					   {RG_FDK_DIRECTORY, "directory"},
					   {RG_FDK_CHARDEV, "chardev"},
					   {RG_FDK_BLOCKDEV, "blockdev"},
					   {RG_FDK_SYMLINK, "symlink"},
					   {RG_FDK_FIFO, "fifo"},
					   {RG_FDK_PIPE, "pipe"},
					   {RG_FDK_SOCKET, "socket"},
					   {RG_FDK_MEMFD, "memfd"},
					   {RG_FDK_EVENTFD, "eventfd"},
					   {RG_FDK_EVENTPOLL, "eventpoll"},
					   {RG_FDK_TIMERFD, "timerfd"},
					   {RG_FDK_SIGNALFD, "signalfd"},
					   {RG_FDK_INOTIFY, "inotify"},
					   {RG_FDK_FANOTIFY, "fanotify"},
					   {RG_FDK_PIDFD, "pidfd"},
					   {RG_FDK_IO_URING, "io_uring"},
					   {RG_FDK_USERFAULTFD, "userfaultfd"},
					   {RG_FDK_BPF, "bpf"},
					   {RG_FDK_PERF_EVENT, "perf_event"},
					   {RG_FDK_DMABUF, "dma-buf"},
					   {RG_FDK_SYNC_FILE, "sync_file"},
					   {RG_FDK_NAMESPACE, "namespace"},
					   {RG_FDK_SECCOMP, "seccomp"},
					   {RG_FDK_KVM, "kvm"},
					   {RG_FDK_ANON, "anon"},
					   {0, NULL}};
_Static_assert(sizeof(rg_names_fdkinds) / sizeof(rg_names_fdkinds[0]) == RG_FDK__COUNT + 1,
	       "a name for every fd kind");
