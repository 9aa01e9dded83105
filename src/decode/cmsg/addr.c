/* SPDX-License-Identifier: BSD-2-Clause */
/* IP addresses inside control messages: values that expressions compare, with their text. */
#include <sys/socket.h>

#include "base/text.h"
#include "decode/cmsg/row.h"

void rg_cm_add_ip4(struct rg_builder *b, const char *name, const uint8_t ip[4])
{
	char text[16];
	struct rg_text t = {.p = text, .cap = sizeof(text)};
	struct rg_addr a = {.family = AF_INET, .ip_len = 4, .text = text};

	memcpy(a.ip, ip, 4);
	rg_text_ip4(&t, ip);
	a.text_len = (uint32_t)t.len;
	rg_add_addr(b, name, &a);
}

void rg_cm_add_ip6(struct rg_builder *b, const char *name, const uint8_t ip[16])
{
	char text[48];
	struct rg_text t = {.p = text, .cap = sizeof(text)};
	struct rg_addr a = {.family = AF_INET6, .ip_len = 16, .text = text};

	memcpy(a.ip, ip, 16);
	rg_text_ip6(&t, ip);
	a.text_len = (uint32_t)t.len;
	rg_add_addr(b, name, &a);
}
