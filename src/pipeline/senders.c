/* SPDX-License-Identifier: BSD-2-Clause */
#include "pipeline/senders.h"

#include <stdlib.h>
#include <string.h>

#include "policy/policy.h"

#define SLOTS	 4096
#define EXE_ROOM 232 /* of a longer path nothing is kept: half a name would be another's */

struct sender {
	uint64_t id; /* 0: empty */
	uint32_t pid, uid, gid;
	uint8_t comm_len, exe_len, exe_tag;
	char comm[16], exe[EXE_ROOM];
};

struct rg_senders {
	struct sender slot[SLOTS];
};

struct rg_senders *rg_senders_new(void)
{
	return calloc(1, sizeof(struct rg_senders));
}

void rg_senders_free(struct rg_senders *s)
{
	free(s);
}

/* Ids are a flow's number and a count: neighbours lie beside each other. */
static struct sender *slot_of(struct rg_senders *s, uint64_t id)
{
	return &s->slot[(id + (id >> 32) * 2654435761u) % SLOTS];
}

static uint8_t keep(const struct rg_event *ev, enum rg_field f, char *room, size_t size)
{
	const struct rg_value *v = &ev->v[f];

	if (!rg_has(ev, f) || v->len > size)
		return 0;
	memcpy(room, v->p, v->len);
	return (uint8_t)v->len;
}

static void remember(struct rg_senders *s, const struct rg_event *ev, uint64_t id)
{
	struct sender *x = slot_of(s, id);

	x->id = id;
	x->pid = (uint32_t)ev->v[RG_F_PROC_PID].u;
	x->uid = (uint32_t)ev->v[RG_F_PROC_UID].u;
	x->gid = (uint32_t)ev->v[RG_F_PROC_GID].u;
	x->comm_len = keep(ev, RG_F_PROC_COMM, x->comm, sizeof(x->comm));
	x->exe_len = keep(ev, RG_F_PROC_EXE, x->exe, sizeof(x->exe));
	x->exe_tag = ev->tag[RG_F_PROC_EXE];
}

static void tell(const struct sender *x, struct rg_event *ev)
{
	uint8_t tag = ev->tag[RG_F_MSG_ID]; /* as sure as the join */

	rg_set_u(ev, RG_F_SENDER_PID, x->pid, tag);
	rg_set_u(ev, RG_F_SENDER_UID, x->uid, tag);
	rg_set_u(ev, RG_F_SENDER_GID, x->gid, tag);
	rg_set_i(ev, RG_F_SENDER_HOW, RG_HOW_MSGID, tag);
	ev->tag[RG_F_SENDER_COMM] = 0;
	ev->tag[RG_F_SENDER_EXE] = 0;
	if (x->comm_len)
		rg_set_str(ev, RG_F_SENDER_COMM, x->comm, x->comm_len, tag);
	if (x->exe_len)
		rg_set_str(ev, RG_F_SENDER_EXE, x->exe, x->exe_len, x->exe_tag | tag);
}

void rg_senders_event(struct rg_senders *s, struct rg_event *ev, bool send)
{
	uint64_t id = rg_has(ev, RG_F_MSG_ID) ? ev->v[RG_F_MSG_ID].u : 0;
	const struct sender *x;

	if (!id)
		return;
	if (send) {
		remember(s, ev, id);
		return;
	}
	x = slot_of(s, id);
	if (x->id == id && !(rg_has(ev, RG_F_SENDER_HOW) && ev->v[RG_F_SENDER_HOW].i == RG_HOW_MESSAGE))
		tell(x, ev);
}

bool rg_senders_asked(const struct rg_ir *p)
{
	const struct rg_ir_val *v = p ? rg_ir_vals(p) : NULL;

	for (uint32_t i = 0; p && i < p->n_vals; i++)
		if (v[i].kind == RG_V_FIELD && v[i].field >= RG_F_SENDER_PID && v[i].field <= RG_F_SENDER_HOW)
			return true;
	return false;
}

bool rg_senders_asked_by(const struct rg_policy *p)
{
	bool asked = false;

	for (unsigned i = 0; p && i < p->n && !asked; i++) {
		asked = rg_senders_asked(p->pols[i].scope_ir);
		for (unsigned r = 0; r < p->pols[i].n_rules && !asked; r++)
			asked = rg_senders_asked(p->pols[i].rules[r].ir);
	}
	return asked;
}
