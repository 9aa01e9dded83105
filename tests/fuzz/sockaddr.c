/* SPDX-License-Identifier: BSD-2-Clause */
/* Socket addresses: two bytes of socket family, one of type, one of protocol, then the address. */
#include <stdlib.h>
#include <string.h>

#include "decode/sockaddr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rg_event *ev;
	char text[RG_SOCKADDR_TEXT_MAX];
	struct rg_builder b;
	uint16_t family;
	int32_t port;

	if (size < 4)
		return 0;
	if (!ev)
		ev = rg_event_new();
	memcpy(&family, data, 2);
	rg_event_reset(ev);
	rg_set_i(ev, RG_F_SOCK_FAMILY, family, RG_TAG_K);
	rg_set_i(ev, RG_F_SOCK_TYPE, data[2], RG_TAG_K);
	if (data[3] != 0xff)
		rg_set_i(ev, RG_F_SOCK_PROTOCOL, data[3], RG_TAG_K);
	rg_build_field(&b, ev, RG_F_MSG_NAME, RG_TAG_U);
	rg_decode_sockaddr(data + 4, size - 4, family, &b);
	for (const struct rg_node *n = ev->v[RG_F_MSG_NAME].node; n; n = n->next)
		if (n->type == RG_T_STR && n->v.len > 2 * RG_SOCKADDR_TEXT_MAX)
			abort();
	rg_sockaddr_addr(ev, data + 4, size - 4, &port);
	if (rg_sockaddr_text(data + 4, size - 4, family, text, sizeof(text)) > sizeof(text))
		abort();
	return 0;
}
