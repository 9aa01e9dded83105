/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's tables against the reference: random policies over random events must come to the same
 * decision. The tables are read here as bpf/lib/enf_match.h reads them. */
#include "tests/lib/unit.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "policy/lower/classes.h"
#include "policy/lower/enforce.h"

/* ---- the tables, looked up */

struct eval {
	const struct rg_enf_image *img;
	unsigned stage;
	uint64_t left[RG_ENF_WORDS];
};

static void and_row(struct eval *e, uint32_t row)
{
	const struct rg_enf_row *r = (const struct rg_enf_row *)(const void *)e->img->rows.data + row;

	assert_true(row < e->img->rows.len / sizeof(*r));
	for (int i = 0; i < RG_ENF_WORDS; i++) {
		assert_true(!r->w[i] == !(r->sum >> i & 1));
		e->left[i] &= r->w[i];
	}
}

static bool starts(const void *a, const void *b, unsigned bits)
{
	const uint8_t *x = a, *y = b;

	for (unsigned i = 0; i < bits; i++)
		if ((x[i / 8] ^ y[i / 8]) >> (7 - i % 8) & 1)
			return false;
	return true;
}

static void step(struct eval *e, unsigned dim, uint64_t v0, uint64_t v1)
{
	const struct rg_enf_dimension *d = &e->img->set[e->stage].dim[dim];
	const struct rg_enf_key_entry *k = (const void *)e->img->keys.data;
	const struct rg_enf_lpm_entry *l = (const void *)e->img->lpms.data;
	uint64_t v[2] = {v0, v1};
	uint32_t row = d->dflt;
	int best = -1;

	if (!(e->img->set[e->stage].need & RG_D_BIT(dim)))
		return;
	for (unsigned m = 0; m < d->n_masks; m++)
		for (size_t i = 0; i < e->img->keys.len / sizeof(*k); i++)
			if (k[i].key.set == e->stage && k[i].key.dim == dim && k[i].key.mask == m &&
			    k[i].key.v[0] == (v0 & d->mask[m][0]) && k[i].key.v[1] == (v1 & d->mask[m][1])) {
				and_row(e, k[i].row);
				return;
			}
	for (size_t i = 0; !d->n_masks && i < e->img->lpms.len / sizeof(*l); i++)
		if (l[i].key.set == e->stage && l[i].key.dim == dim && (int)l[i].key.prefixlen > best &&
		    starts(l[i].key.v, v, l[i].key.prefixlen - 32)) {
			best = (int)l[i].key.prefixlen;
			row = l[i].row;
		}
	and_row(e, row);
}

static void number(struct eval *e, unsigned dim, uint64_t v)
{
	step(e, dim, htobe64(v), 0);
}

static void none(struct eval *e, unsigned dim)
{
	if (e->img->set[e->stage].need & RG_D_BIT(dim))
		and_row(e, e->img->set[e->stage].dim[dim].absent);
}

static void path(struct eval *e, const char *s, size_t len)
{
	const struct rg_enf_dimension *d = &e->img->set[e->stage].dim[RG_D_PATH];
	const struct rg_buf *from = d->n_masks ? &e->img->paths : &e->img->path_lpms;
	const struct rg_enf_path_entry *p = (const void *)from->data;
	uint8_t key[RG_ENF_PATH] = {0};
	uint32_t row = d->dflt;
	int best = -1;

	if (!(e->img->set[e->stage].need & RG_D_BIT(RG_D_PATH)))
		return;
	memcpy(key, s, len);
	for (size_t i = 0; i < from->len / sizeof(*p); i++)
		if (p[i].key.set == e->stage && (int)p[i].key.prefixlen > best &&
		    starts(p[i].key.path, key, p[i].key.prefixlen - 32)) {
			best = (int)p[i].key.prefixlen;
			row = p[i].row;
		}
	and_row(e, row);
}

static void address(struct eval *e, const struct rg_event *ev, enum rg_field f, unsigned dim)
{
	const struct rg_addr *a = rg_has(ev, f) ? ev->v[f].addr : NULL;
	uint64_t w[2];
	uint32_t v4;

	if (!a) {
		none(e, dim);
	} else if (a->ip_len == 16) {
		memcpy(w, a->ip, 16);
		step(e, dim + 1, w[0], w[1]);
	} else {
		memcpy(&v4, a->ip, 4);
		number(e, dim, a->ip_len ? ntohl(v4) : ~0ull);
	}
}

static void field(struct eval *e, const struct rg_event *ev, enum rg_field f, unsigned dim)
{
	if (rg_has(ev, f))
		number(e, dim, ev->v[f].u);
	else
		none(e, dim);
}

/* The clause that decides, or NULL. */
static const struct rg_enf_clause *decide(const struct rg_enf_image *img, unsigned stage,
					  const struct rg_event *ev)
{
	struct eval e = {.img = img, .stage = stage};
	uint64_t comm[2] = {0, 0};

	for (int i = 0; i < RG_ENF_WORDS; i++)
		e.left[i] = img->set[stage].sum >> i & 1 ? ~0ull : 0;
	memcpy(comm, ev->v[RG_F_PROC_COMM].p, ev->v[RG_F_PROC_COMM].len);
	field(&e, ev, RG_F_PROC_PID, RG_D_PID);
	field(&e, ev, RG_F_PROC_UID, RG_D_UID);
	step(&e, RG_D_COMM, comm[0], comm[1]);
	field(&e, ev, RG_F_MSG_FLAGS, RG_D_FLAGS);
	field(&e, ev, RG_F_SOCK_FAMILY, RG_D_FAMILY);
	field(&e, ev, RG_F_SOCK_TYPE, RG_D_TYPE);
	field(&e, ev, RG_F_SOCK_REMOTE_PORT, RG_D_RPORT);
	address(&e, ev, RG_F_SOCK_REMOTE_ADDR, RG_D_RADDR4);
	field(&e, ev, RG_F_MSG_SIZE, RG_D_SIZE);
	field(&e, ev, RG_F_SENDER_UID, RG_D_SUID);
	if (rg_has(ev, RG_F_SOCK_PATH))
		path(&e, ev->v[RG_F_SOCK_PATH].p, ev->v[RG_F_SOCK_PATH].len);
	else
		none(&e, RG_D_PATH);
	for (unsigned i = 0; i < img->n_clauses[stage]; i++)
		if (e.left[i / 64] >> i % 64 & 1)
			return &img->clause[stage][i];
	return NULL;
}

/* ---- the short way, as bpf/lib/enf_front.h takes it */

static bool flagged(const struct rg_enf_front *f, uint64_t dims, unsigned dim, uint64_t v)
{
	return (dims & RG_D_BIT(dim)) && f->flag[RG_FRONT_HASH(dim, v)];
}

static bool front_task(const struct rg_enf_front *f, uint64_t dims, const struct rg_event *ev)
{
	uint64_t comm = 0;

	memcpy(&comm, ev->v[RG_F_PROC_COMM].p, ev->v[RG_F_PROC_COMM].len < 8 ? ev->v[RG_F_PROC_COMM].len : 8);
	return flagged(f, dims, RG_D_PID, ev->v[RG_F_PROC_PID].u) ||
	       flagged(f, dims, RG_D_UID, ev->v[RG_F_PROC_UID].u) ||
	       flagged(f, dims, RG_D_COMM, comm & f->comm);
}

/* whole: as RG_FRONT_PATH asks. */
static bool front_path(const struct rg_enf_front *f, const struct rg_event *ev, bool whole)
{
	uint32_t n = ev->v[RG_F_SOCK_PATH].len, abstract;
	char name[RG_ENF_PATH + 8] = "";
	uint64_t first;

	memcpy(name, ev->v[RG_F_SOCK_PATH].p, n);
	abstract = name[0] == '@';
	name[0] = abstract ? '\0' : name[0];
	n += abstract ? 2 : 3;
	memcpy(&first, name, sizeof(first)); /* a NUL is the eighth at least, or whatever is behind it */
	if (whole)
		return f->flag[RG_FRONT_HASH(RG_D_PATH, first + n)];
	if (n < RG_FRONT_PATH_MIN || abstract)
		return true;
	return f->flag[RG_FRONT_HASH(RG_D_PATH, (first & f->path) + (n & f->path_len))];
}

static bool front_socket(const struct rg_enf_front *f, uint64_t dims, const struct rg_event *ev)
{
	bool port = rg_has(ev, RG_F_SOCK_REMOTE_PORT), addr = rg_has(ev, RG_F_SOCK_REMOTE_ADDR);
	uint32_t v4 = 0;

	if (ev->v[RG_F_SOCK_FAMILY].i == AF_UNIX) /* the socket's path, its peer's name */
		return (dims & RG_D_BIT(RG_D_PATH) && rg_has(ev, RG_F_SOCK_PATH) &&
			front_path(f, ev, false)) ||
		       (dims & RG_D_BIT(RG_D_RADDR4) && addr);
	if (flagged(f, dims, RG_D_RPORT, port ? htons((uint16_t)ev->v[RG_F_SOCK_REMOTE_PORT].u) : 0))
		return true;
	if (ev->v[RG_F_SOCK_FAMILY].i == AF_INET6)
		return dims & RG_D_BIT(RG_D_RADDR4) && addr;
	if (addr)
		memcpy(&v4, ev->v[RG_F_SOCK_REMOTE_ADDR].addr->ip, 4);
	return flagged(f, dims, RG_D_RADDR4, v4 & f->raddr);
}

/* Is it certain that no rule holds? */
static bool front(const struct rg_enf_image *img, const struct rg_event *ev)
{
	const struct rg_enf_front *f = &img->front;
	unsigned family = (unsigned)ev->v[RG_F_SOCK_FAMILY].i;

	if (!img->front_only)
		return false;
	if (img->front_only == RG_FRONT_PATH)
		return family != AF_UNIX || !rg_has(ev, RG_F_SOCK_PATH) || !front_path(f, ev, true);
	if (img->front_only != RG_FRONT_SOME)
		return !front_task(f, RG_D_BIT(img->front_only - 1), ev);
	if (f->way[family] == RG_FW_LONG || f->way[family] == RG_FW_PASS)
		return f->way[family] == RG_FW_PASS;
	return !front_task(f, f->dims[family], ev) && !front_socket(f, f->dims[family], ev);
}

/* ---- random policies and events over the same few values */

static unsigned seed;

static unsigned rnd(unsigned n)
{
	seed = seed * 1103515245u + 12345u;
	return (seed >> 16) % n;
}

static const char *pick(const char *const *words, unsigned n)
{
	return words[rnd(n)];
}

static const char *const comms[] = {"nc", "ncat", "n", "a-15-bytes-name", "zz", "nc\x01"};
static const char *const paths[] = {
	"/run/x",      "/run/xy",     "/run",	      "@abs",	 "/tmp/a",
	"/run/user/1", "/run/user/2", "/run/user/10", "/run/us", "/run/a/very/long/one"};
static const char *const nets[] = {"10.0.0.0/8", "10.1.0.0/16", "10.1.2.3",	      "fe80::/10",
				   "::/0",	 "0.0.0.0/0",	"::ffff:10.0.0.0/104"};
static const int families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};
static const char *const ips[] = {"10.0.0.1", "10.1.2.3", "10.1.9.9",	    "192.168.0.1",
				  "fe80::1",  "::1",	  "::ffff:10.1.2.3"};

static void leaf(struct rg_buf *b, bool queue)
{
	static const char *const cmp[] = {"==", "!=", "<", "<=", ">", ">="},
				 *const flags[] = {"MSG_PEEK", "MSG_TRUNC", "MSG_OOB"},
				 *const eq[] = {"==", "startswith"}, *const fam[] = {"unix", "inet", "inet6"},
				 *const types[] = {"stream", "dgram", "seqpacket"};

	switch (rnd(12)) {
	case 0: rg_buf_printf(b, "%s %s %u", queue ? "msg.size" : "proc.pid", pick(cmp, 6), rnd(8)); break;
	case 1: rg_buf_printf(b, "%s %s %u", queue ? "sender.uid" : "proc.uid", pick(cmp, 6), rnd(8)); break;
	case 2:
		rg_buf_printf(b, "%s in {%u, %u..%u}", queue ? "msg.size" : "proc.uid", rnd(8), 3u,
			      3 + rnd(4));
		break;
	case 3: rg_buf_printf(b, "%s in {%u, %u}", queue ? "msg.size" : "proc.pid", rnd(8), rnd(8)); break;
	case 4:
		if (queue)
			rg_buf_printf(b, "sock.type != %s", pick(types, 3));
		else
			rg_buf_printf(b, "proc.comm %s \"%s\"", pick(eq, 2), pick(comms, 5));
		break;
	case 5: rg_buf_printf(b, "sock.family == %s", pick(fam, 3)); break;
	case 6: rg_buf_printf(b, "sock.type == %s", pick(types, 3)); break;
	case 7: rg_buf_printf(b, "sock.remote.port %s %u", pick(cmp, 6), 20 + rnd(8)); break;
	case 8: rg_buf_printf(b, "sock.remote.addr in {%s, %s}", pick(nets, 7), pick(nets, 7)); break;
	case 9: rg_buf_printf(b, "sock.path %s \"%s\"", pick(eq, 2), pick(paths, RG_ARRAY_LEN(paths))); break;
	case 10:
		if (queue)
			rg_buf_printf(b, "sender.uid exists");
		else if (rnd(3))
			rg_buf_printf(b, "msg.flags has %s {%s, %s}", rnd(2) ? "any" : "all", pick(flags, 3),
				      pick(flags, 3));
		else
			rg_buf_str(b, "peek");
		break;
	default: rg_buf_printf(b, "sock.path exists"); break;
	}
}

static void cond(struct rg_buf *b, unsigned depth, bool queue)
{
	if (!depth || !rnd(3)) {
		leaf(b, queue);
		return;
	}
	rg_buf_str(b, rnd(4) ? "(" : "not (");
	cond(b, depth - 1, queue);
	rg_buf_str(b, rnd(2) ? " and " : " or ");
	cond(b, depth - 1, queue);
	rg_buf_char(b, ')');
}

static void policy(struct rg_buf *b, bool queue)
{
	static const char *const acts[] = {"deny EACCES", "deny ENOMSG", "kill", "allow", "allow"};
	unsigned n = 1 + rnd(5);

	rg_buf_printf(b,
		      "apiVersion: recvguard/v1\nkind: Policy\nmetadata: {name: p}\nspec:\n  default: %s\n",
		      queue || rnd(2) ? "allow" : "deny EIO");
	rg_buf_str(b, "  rules:\n");
	for (unsigned i = 0; i < n; i++) {
		rg_buf_printf(b, "    - name: r%u\n      then: %s\n      when: '", i,
			      queue ? rnd(3) ? "drop" : "allow" : pick(acts, 5));
		if (queue)
			rg_buf_str(b, "sock.type in {dgram, seqpacket} and sock.family in {unix, inet} and ");
		cond(b, 3, queue);
		rg_buf_str(b, "'\n");
	}
}

/* What a socket of some family has. */
static void socket_of(struct rg_event *ev, struct rg_addr *a)
{
	int family = families[rnd(4)];
	const char *p = pick(paths, RG_ARRAY_LEN(paths)), *ip;

	rg_set_i(ev, RG_F_SOCK_FAMILY, family, RG_TAG_K);
	if (family == AF_NETLINK || !rnd(4))
		return;
	*a = (struct rg_addr){.family = family, .text = p, .text_len = (uint32_t)strlen(p)};
	if (family == AF_UNIX) {
		if (rnd(2))
			rg_set_str(ev, RG_F_SOCK_PATH, p, (uint32_t)strlen(p), RG_TAG_K);
		if (rnd(2))
			return;
	} else {
		do
			ip = pick(ips, 7);
		while (!strchr(ip, ':') != (family == AF_INET));
		a->ip_len = family == AF_INET ? 4 : 16;
		assert_int_equal(inet_pton(family, ip, a->ip), 1);
		rg_set_u(ev, RG_F_SOCK_REMOTE_PORT, 20 + rnd(9), RG_TAG_K);
	}
	ev->v[RG_F_SOCK_REMOTE_ADDR].addr = a;
	ev->tag[RG_F_SOCK_REMOTE_ADDR] = RG_TAG_K;
}

static void event(struct rg_event *ev, struct rg_addr *a)
{
	const char *comm = pick(comms, 6);
	static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};

	rg_event_reset(ev);
	rg_set_i(ev, RG_F_EVENT, RG_EV_RECVMSG, RG_TAG_K);
	rg_set_u(ev, RG_F_PROC_PID, rnd(9), RG_TAG_K);
	rg_set_u(ev, RG_F_PROC_UID, rnd(9), RG_TAG_K);
	rg_set_str(ev, RG_F_PROC_COMM, comm, (uint32_t)strlen(comm), RG_TAG_K);
	rg_set_u(ev, RG_F_MSG_FLAGS,
		 (rnd(2) ? MSG_PEEK : 0) | (rnd(2) ? MSG_TRUNC : 0) | (rnd(2) ? MSG_OOB : 0), RG_TAG_K);
	rg_set_u(ev, RG_F_PEEK, (ev->v[RG_F_MSG_FLAGS].u & MSG_PEEK) != 0, RG_TAG_K);
	rg_set_i(ev, RG_F_SOCK_TYPE, types[rnd(3)], RG_TAG_K);
	rg_set_u(ev, RG_F_MSG_SIZE, rnd(9), RG_TAG_K);
	if (rnd(2))
		rg_set_u(ev, RG_F_SENDER_UID, rnd(9), RG_TAG_K);
	socket_of(ev, a);
}

/* Returns whether the policy was one that the kernel takes. */
static bool one(bool queue, struct rg_event *ev, unsigned *fronts)
{
	const struct rg_enf_names names = {.arg = NULL};
	unsigned stage = queue ? RG_ST_QUEUE : RG_ST_RECV;
	struct rg_enf_image *img = NULL;
	struct rg_policy *p = NULL;
	struct rg_err err = {0};
	rg_auto_buf text = {0};

	policy(&text, queue);
	if (rg_policy_parse(rg_buf_cstr(&text), "random", &p, &err))
		fail_msg("%s\n%s", err.msg, text.data);
	if (rg_lower_enforce(p, RG_BACKEND_LSM, &names, &img, &err)) {
		assert_true(err.code == -EOPNOTSUPP || err.code == -E2BIG);
		rg_policy_free(p);
		return false;
	}
	for (int i = 0; i < 60; i++) {
		const struct rg_enf_clause *c;
		struct rg_decision d;
		struct rg_addr a;

		event(ev, &a);
		rg_policy_decide(p, ev, &d);
		c = decide(img, stage, ev);
		if (!queue && front(img, ev)) {
			++fronts[ev->v[RG_F_SOCK_FAMILY].i % RG_FRONT_FAMILIES];
			if (c)
				fail_msg("the short way lets through what %s refuses:\n%s",
					 ((const struct rg_enf_rule *)(const void *)img->rules.data)[c->rule]
						 .rule,
					 text.data);
		}
		if ((c ? c->action : RG_ACT_ALLOW) != (int)d.action ||
		    (d.action == RG_ACT_DENY && c && c->err_no != d.err_no) ||
		    (c && d.rule &&
		     strcmp(((const struct rg_enf_rule *)(const void *)img->rules.data)[c->rule].rule,
			    d.rule)))
			fail_msg("the tables say %d, the reference %d (rule %s):\n%s", c ? c->action : 0,
				 d.action, d.rule ? d.rule : "default", text.data);
	}
	rg_enf_image_free(img);
	rg_policy_free(p);
	return true;
}

static void agree(bool queue, unsigned rounds)
{
	struct rg_event *ev = rg_event_new();
	unsigned taken = 0, fronts[RG_FRONT_FAMILIES] = {0};

	seed = getenv("RG_SEED") ? (unsigned)atoi(getenv("RG_SEED")) : 20261126;
	print_message("# RG_SEED=%u\n", seed);
	for (unsigned i = 0; i < rounds; i++)
		taken += one(queue, ev, fronts);
	assert_true(taken > rounds / 2);
	for (unsigned i = 0; i < RG_ARRAY_LEN(families) && !queue; i++) /* it is gone, and often */
		assert_true(fronts[families[i]] > rounds / 3);
	rg_event_free(ev);
}

static void receiving(void **state)
{
	agree(false, 1500);
}

static void queueing(void **state)
{
	agree(true, 1500);
}

/* A policy of these rules, for BPF LSM. */
static int lowered(const char *rules, struct rg_policy **p, struct rg_enf_image **img, struct rg_err *err)
{
	const struct rg_enf_names names = {.arg = NULL};
	rg_auto_buf text = {0};

	rg_buf_printf(
		&text,
		"apiVersion: recvguard/v1\nkind: Policy\nmetadata: {name: p}\nspec:\n  default: allow\n  "
		"rules: [%s]\n",
		rules);
	if (rg_policy_parse(rg_buf_cstr(&text), "t", p, err))
		fail_msg("%s", err->msg);
	return rg_lower_enforce(*p, RG_BACKEND_LSM, &names, img, err);
}

/* Which rules have the shortest way by path: of whole paths alone, none short, none abstract. */
static void whole_paths(void **state)
{
	static const struct {
		const char *cond;
		unsigned only;
	} all[] = {{"sock.path == \"/run/so\"", RG_FRONT_PATH},
		   {"sock.path in {\"/run/some\", \"/run/other\"} and msg.flags has MSG_PEEK", RG_FRONT_PATH},
		   {"sock.path == \"/run/s\"", RG_FRONT_SOME},
		   {"sock.path == \"@run/some\"", RG_FRONT_SOME},
		   {"sock.path in {\"/run/some\", \"@run/some\"}", RG_FRONT_SOME},
		   {"sock.path startswith \"/run/some\"", RG_FRONT_SOME},
		   {"sock.path == \"/run/some\" or sock.remote.port == 9", RG_FRONT_SOME},
		   {"sock.path == \"/run/some\" and proc.pid == 9", RG_D_PID + 1}};

	for (unsigned i = 0; i < RG_ARRAY_LEN(all); i++) {
		struct rg_enf_image *img = NULL;
		struct rg_policy *p = NULL;
		struct rg_err err = {0};
		char rule[256];

		snprintf(rule, sizeof(rule), "{name: r, when: '%s', then: deny}", all[i].cond);
		if (lowered(rule, &p, &img, &err))
			fail_msg("%s", err.msg);
		if (img->front_only != all[i].only)
			fail_msg("%s: %u", all[i].cond, img->front_only);
		rg_enf_image_free(img);
		rg_policy_free(p);
	}
}

/* Many rules flag few values: the short way stays short. */
static void short_way(void **state)
{
	static const char *const shapes[] = {"proc.comm == \"c%\"", "proc.pid == 40%", "proc.uid == %",
					     "sock.remote.port == %", "sock.path == \"/run/some/%\""};
	static const unsigned dims[] = {RG_D_COMM, RG_D_PID, RG_D_UID, RG_D_RPORT, RG_D_PATH};

	for (unsigned k = 0; k < RG_ARRAY_LEN(shapes); k++) {
		const struct rg_enf_names names = {.arg = NULL};
		struct rg_enf_image *img = NULL;
		struct rg_policy *p = NULL;
		struct rg_err err = {0};
		rg_auto_buf text = {0};
		unsigned n = 0;

		rg_buf_str(&text, "apiVersion: recvguard/v1\nkind: Policy\nmetadata: {name: p}\nspec:\n  "
				  "default: allow\n  rules:\n");
		for (unsigned i = 0; i < 1000; i++) {
			int at = (int)strcspn(shapes[k], "%");

			rg_buf_printf(&text, "    - {name: r%u, when: '%.*s%u%s', then: deny}\n", i, at,
				      shapes[k], i, shapes[k] + at + 1);
		}
		if (rg_policy_parse(rg_buf_cstr(&text), "t", &p, &err) ||
		    rg_lower_enforce(p, RG_BACKEND_LSM, &names, &img, &err))
			fail_msg("%s", err.msg);
		assert_int_equal(img->front_only, dims[k] == RG_D_RPORT	 ? RG_FRONT_SOME
						  : dims[k] == RG_D_PATH ? RG_FRONT_PATH
									 : dims[k] + 1);
		if (dims[k] == RG_D_RPORT) {
			assert_int_equal(img->front.way[AF_UNIX], RG_FW_PASS);
			assert_int_equal(img->front.way[AF_INET], RG_FW_RPORT);
			assert_int_equal(img->front.way[AF_INET6], RG_FW_RPORT);
			assert_int_equal(img->front.dims[AF_INET], RG_D_BIT(RG_D_RPORT) | RG_FRONT_BATCH);
		}
		for (unsigned i = 0; i < RG_FRONT_FLAGS; i++)
			n += img->front.flag[i];
		if (dims[k] == RG_D_PATH) { /* by the beginning and the length alone */
			assert_in_range(n, 3, 13);
			rg_enf_image_free(img);
			rg_policy_free(p);
			continue;
		}
		assert_in_range(n, 950, 1010);
		rg_enf_image_free(img);
		rg_policy_free(p);
	}
}

/* ---- what is refused, and by which words */

static void refused(void **state)
{
	static const struct {
		const char *rules, *why;
	} all[] = {
		{"{name: r, when: 'msg.size > 5', then: deny}", "before the message exists"},
		{"{name: r, when: 'msg.size > 5', then: drop}", "say sock.type"},
		{"{name: r, when: 'sock.type == dgram and msg.size > 5', then: drop}", "say sock.family"},
		{"{name: r, when: 'proc.uid == 0 and sock.type == dgram and sock.family == unix and msg.size "
		 "> 5', then: drop}",
		 "who will receive"},
		{"{name: r, when: 'any(fd, kind == file)', then: deny}", "before the message exists"},
		{"{name: r, when: 'sock.family == unix and any(fd, kind == file)', then: strip}",
		 "where socket, sender and content"},
		{"{name: r, when: 'proc.comm matches \"^x\"', then: deny}", "whole or by its beginning"},
		{"{name: r, when: 'msg.flags has MSG_DONTWAIT', then: deny}", "O_NONBLOCK"},
		{"{name: a, when: 'proc.uid == 0', then: deny}, {name: r, when: 'sock.family == unix and "
		 "sock.type == dgram', then: "
		 "drop}",
		 "put drop before"},
		{"{name: a, when: 'msg.size == 1', then: allow}, {name: r, when: 'proc.uid == 0', then: "
		 "deny}",
		 "can't be decided at that point"},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct rg_enf_image *img = NULL;
		struct rg_policy *p = NULL;
		struct rg_err err = {0};

		assert_int_equal(lowered(all[i].rules, &p, &img, &err), -EOPNOTSUPP);
		if (!strstr(err.msg, all[i].why))
			fail_msg("%s: %s", all[i].rules, err.msg);
		rg_policy_free(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(receiving),   cmocka_unit_test(queueing), cmocka_unit_test(short_way),
		cmocka_unit_test(whole_paths), cmocka_unit_test(refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
