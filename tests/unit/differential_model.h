/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_TESTS_DIFFERENTIAL_MODEL_H
#define RG_TESTS_DIFFERENTIAL_MODEL_H

/*
 * The events of differential.c: made at random as a plain model, which the oracle reads, and filled from it
 * into an event and into a kernel record.
 */
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

#include <recvguard/event.h>

#include "abi/record.h"

static uint64_t rng_state;
static unsigned rnd(unsigned n)
{
	rng_state = rng_state * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(rng_state >> 33) % n;
}

struct model {
	int64_t num[7];
	bool has[7];
	const char *comm;
	uint8_t ip[16];
	int ip_len; /* 0: none */
	uint64_t flags;
	uint8_t data[16];
	uint32_t len, full;
	bool has_data;
	int n_fds, kinds[3];
};

static const struct {
	const char *name;
	enum rg_field field;
	bool sign;
} nums[7] = {{"proc.pid", RG_F_PROC_PID, false},
	     {"proc.uid", RG_F_PROC_UID, false},
	     {"ret", RG_F_RET, true},
	     {"sock.remote.port", RG_F_SOCK_REMOTE_PORT, false},
	     {"msg.size", RG_F_MSG_SIZE, false},
	     {"sender.uid", RG_F_SENDER_UID, false},
	     {"sock.fd", RG_F_SOCK_FD, true}};
static const char *const comms[] = {"nc", "ncat", "cat", "sh", "a-long-name-153"};
static const char *const kinds[] = {"file", "memfd", "socket"};
static uint64_t kind_values[3];

static void gen_model(struct model *m)
{
	*m = (struct model){.comm = comms[rnd(5)], .flags = rnd(4) * 0x20u | rnd(2) * 2u};
	for (int i = 0; i < 7; i++) {
		m->has[i] = i < 3 || rnd(4);
		m->num[i] = (int)rnd(12) - (nums[i].sign && i == 2 ? 4 : 0);
	}
	m->ip_len = rnd(3) ? rnd(2) ? 4 : 16 : 0;
	if (m->ip_len == 4) {
		m->ip[0] = (uint8_t)(10 + rnd(2));
		m->ip[1] = (uint8_t)rnd(3);
		m->ip[3] = (uint8_t)rnd(3);
	} else if (m->ip_len == 16 && rnd(2)) {
		m->ip[10] = m->ip[11] = 0xff;
		m->ip[12] = 10;
		m->ip[13] = (uint8_t)rnd(3);
	} else {
		m->ip[0] = 0xfe;
		m->ip[1] = (uint8_t)(0x80 + rnd(2));
	}
	m->has[3] = m->ip_len != 0;
	m->has_data = rnd(5);
	m->full = rnd(12);
	m->len = rnd(4) ? m->full : rnd(m->full + 1);
	for (int i = 0; i < 16; i++)
		m->data[i] = (uint8_t)rnd(3);
	m->n_fds = (int)rnd(4);
	for (int i = 0; i < 3; i++)
		m->kinds[i] = (int)rnd(3);
}

static void fill_event(const struct model *m, struct rg_event *ev)
{
	struct rg_addr *a;
	struct rg_builder list, o;

	rg_event_reset(ev);
	for (int i = 0; i < 7; i++)
		if (m->has[i])
			rg_set_i(ev, nums[i].field, m->num[i], RG_TAG_K);
	rg_set_str(ev, RG_F_PROC_COMM, m->comm, (uint32_t)strlen(m->comm), RG_TAG_K);
	if (m->ip_len) {
		a = rg_event_alloc(ev, sizeof(*a));
		*a = (struct rg_addr){.ip_len = (uint8_t)m->ip_len,
				      .family = m->ip_len == 4 ? AF_INET : AF_INET6,
				      .text = ""};
		memcpy(a->ip, m->ip, 16);
		ev->v[RG_F_SOCK_REMOTE_ADDR].addr = a;
		ev->tag[RG_F_SOCK_REMOTE_ADDR] = RG_TAG_K;
	}
	rg_set_u(ev, RG_F_MSG_FLAGS, m->flags, RG_TAG_K);
	if (m->has_data)
		rg_set_bytes(ev, RG_F_MSG_DATA, m->data, m->len, m->full, RG_TAG_K);
	if (m->n_fds)
		rg_build_field(&list, ev, RG_F_FD, RG_TAG_K);
	for (int i = 0; i < m->n_fds; i++) {
		rg_add_object(&list, NULL, &o);
		rg_add_i(&o, "fd", i);
		rg_add_enum(&o, "kind", (int64_t)kind_values[m->kinds[i]], rg_names_fdkinds);
	}
}

static void fill_record(const struct model *m, struct rg_rec_msg *r)
{
	memset(r, 0, sizeof(*r));
	r->has = RG_HAS_SOCK | RG_HAS_FLAGS;
	r->pid = (uint32_t)m->num[0];
	r->uid = (uint32_t)m->num[1];
	r->ret = m->num[2];
	r->fd = m->has[6] ? (int32_t)m->num[6] : -1;
	r->flags = (uint32_t)m->flags;
	strcpy(r->comm, m->comm);
	if (m->has[5]) {
		r->has |= rnd(2) ? RG_HAS_CRED | RG_HAS_PEER : RG_HAS_PEER;
		r->cred_uid = r->has & RG_HAS_CRED ? (uint32_t)m->num[5] : 999;
		r->peer_uid = r->has & RG_HAS_CRED ? 999 : (uint32_t)m->num[5];
	}
	if (m->ip_len) {
		uint16_t family = m->ip_len == 4 ? AF_INET : AF_INET6, port = htons((uint16_t)m->num[3]);

		r->family = family;
		r->remote.len = m->ip_len == 4 ? 16 : 28;
		memcpy(r->remote.sa, &family, 2);
		memcpy(r->remote.sa + 2, &port, 2);
		memcpy(r->remote.sa + (m->ip_len == 4 ? 4 : 8), m->ip, (size_t)m->ip_len);
	}
}

#endif
