/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Socket addresses: one engine over the layouts of sockaddr_layouts.c. Only unix sockets, whose address is a
 * string of any length, have code of their own.
 */
#include "decode/sockaddr.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/text.h"
#include "decode/sockaddr_layouts.h"

#define UNIX_PATH_OFF offsetof(struct sockaddr_un, sun_path)
/* The kernel appends a NUL to a path that fills sun_path: net/unix/af_unix.c, unix_mkname_bsd(). */
#define UNIX_LEN_MAX (sizeof(struct sockaddr_un) + 1)

#define SOCK_PACKET_TYPE 10 /* SOCK_PACKET of linux/net.h */

struct span {
	const uint8_t *p;
	size_t len;
	uint16_t sock_family;
	int32_t type, protocol; /* of the socket, -1 unknown */
};

static bool fits(const struct span *s, size_t off, size_t size)
{
	return off <= s->len && size <= s->len - off;
}

static uint64_t native(const uint8_t *p, size_t size)
{
	uint64_t v64;
	uint32_t v32;
	uint16_t v16;

	switch (size) {
	case 1: return *p;
	case 2: memcpy(&v16, p, 2); return v16;
	case 4: memcpy(&v32, p, 4); return v32;
	default: memcpy(&v64, p, 8); return v64;
	}
}

static uint64_t big_endian(const uint8_t *p, size_t size)
{
	uint64_t v = 0;

	while (size--)
		v = v << 8 | *p++;
	return v;
}

static uint64_t little_endian(const uint8_t *p, size_t size)
{
	uint64_t v = 0;

	while (size--)
		v = v << 8 | p[size];
	return v;
}

static int64_t sign_extend(uint64_t v, size_t size)
{
	unsigned shift = 64 - 8 * (unsigned)size;

	return (int64_t)(v << shift) >> shift;
}

static uint16_t family_of(const struct span *s)
{
	return fits(s, 0, 2) ? (uint16_t)native(s->p, 2) : s->sock_family;
}

/* ---- which layout ---- */

/* Does the member that tells layouts of a family apart select this one? True while it is not there yet. */
static bool selected(const struct rg_sa_layout *l, const struct span *s)
{
	return !l->sel_size || !fits(s, l->sel_off, l->sel_size) ||
	       sign_extend(native(s->p + l->sel_off, l->sel_size), l->sel_size) == l->sel_val;
}

/* The largest layout that the bytes fill, else the first. */
static const struct rg_sa_layout *by_length(const struct span *s, uint16_t family, bool by_protocol)
{
	const struct rg_sa_layout *best = NULL;

	for (size_t i = 0; i < rg_sa_n_layouts; i++) {
		const struct rg_sa_layout *l = &rg_sa_layouts[i];

		if (l->family != family || !selected(l, s))
			continue;
		if (by_protocol && l->protocol != RG_SA_ANY && l->protocol != s->protocol)
			continue;
		if (!best || (l->size <= s->len && (best->size > s->len || l->size > best->size)))
			best = l;
	}
	return best;
}

static bool all_zero(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

static const struct rg_sa_layout *layout_of(const struct span *s)
{
	uint16_t family = family_of(s);
	const struct rg_sa_layout *l;

	if (s->sock_family == AF_PACKET && s->type == SOCK_PACKET_TYPE)
		return &rg_sa_layout_pkt;
	/* An IPv4 socket takes AF_UNSPEC for AF_INET (net/ipv4/udp.c); without an address it means none. */
	if (family == AF_UNSPEC && s->sock_family == AF_INET && s->len >= sizeof(struct sockaddr_in) &&
	    !all_zero(s->p + 2, 6))
		family = AF_INET;
	/* RxRPC leaves the family of a call that came in unset (net/rxrpc/conn_service.c) */
	if (family == AF_UNSPEC && s->sock_family == AF_RXRPC && s->len >= 8 + sizeof(struct sockaddr_in) &&
	    !all_zero(s->p + 2, 6))
		family = AF_RXRPC;
	l = s->protocol >= 0 ? by_length(s, family, true) : NULL;
	return l ? l : by_length(s, family, false);
}

/* ---- one member ---- */

/* Bytes of a RG_SA_HW member: the sender's own claim, checked. */
static bool hw_len(const struct rg_sa_row *r, const struct span *s, size_t *ret)
{
	if (!fits(s, r->aux, 1))
		return false;
	*ret = s->p[r->aux];
	return *ret <= r->size && fits(s, r->off, *ret);
}

/* A list of call signs: how many are claimed, and all there. */
static bool calls_n(const struct rg_sa_row *r, const struct span *s, size_t *ret)
{
	uint64_t n;

	if (!fits(s, r->aux, 4))
		return false;
	n = native(s->p + r->aux, 4);
	*ret = (size_t)n;
	return n <= r->size && (n == 0 || fits(s, r->off, 7 * (size_t)n));
}

static struct span inner(const struct rg_sa_row *r, const struct span *s)
{
	size_t claimed = fits(s, r->aux, 2) ? native(s->p + r->aux, 2) : 0;
	size_t room = s->len > r->off ? s->len - r->off : 0;

	return (struct span){s->len > r->off ? s->p + r->off : s->p, claimed < room ? claimed : room,
			     AF_UNSPEC, -1, -1};
}

static bool inner_is_inet(const struct span *in)
{
	uint16_t family = in->len >= 2 ? (uint16_t)native(in->p, 2) : AF_UNSPEC;

	return (family == AF_INET && in->len >= 8) || (family == AF_INET6 && in->len >= 24);
}

static bool row_fits(const struct rg_sa_row *r, const struct span *s)
{
	struct span in;
	size_t n;

	switch (r->kind) {
	case RG_SA_HW: return hw_len(r, s, &n);
	case RG_SA_CALLS: return calls_n(r, s, &n);
	case RG_SA_INET: in = inner(r, s); return inner_is_inet(&in);
	default: return fits(s, r->off, r->size);
	}
}

static size_t str_len(const uint8_t *p, size_t size)
{
	const uint8_t *nul = memchr(p, 0, size);
	size_t n = nul ? (size_t)(nul - p) : size;

	while (n && p[n - 1] == ' ')
		n--;
	return n;
}

/* AX.25: six characters shifted left by one, blank padded, and a byte with the SSID in bits 1 to 4. */
static void text_call(struct rg_text *t, const uint8_t *p)
{
	for (int i = 0; i < 6 && (p[i] >> 1) != ' ' && p[i]; i++)
		rg_text_char(t, (char)(p[i] >> 1));
	rg_text_char(t, '-');
	rg_text_u64(t, p[6] >> 1 & 15);
}

static void text_calls(struct rg_text *t, const struct rg_sa_row *r, const struct span *s)
{
	size_t n = 0;

	(void)calls_n(r, s, &n);
	for (size_t i = 0; i < n; i++) {
		rg_text_str(t, i ? "," : "via ");
		text_call(t, s->p + r->off + 7 * i);
	}
}

static void text_bdaddr(struct rg_text *t, const uint8_t *p)
{
	for (int i = 5; i >= 0; i--) {
		rg_text_hexbytes(t, p + i, 1, 0);
		if (i)
			rg_text_char(t, ':');
	}
}

static uint64_t row_number(const struct rg_sa_row *r, const struct span *s)
{
	const uint8_t *p = s->p + r->off;

	switch (r->kind) {
	case RG_SA_BE:
	case RG_SA_FLOW:
	case RG_SA_ENUMBE: return big_endian(p, r->size);
	case RG_SA_LE: return little_endian(p, r->size);
	case RG_SA_I: return (uint64_t)sign_extend(native(p, r->size), r->size);
	default: return native(p, r->size);
	}
}

static void text_sockaddr(struct rg_text *t, const struct span *s);

static void text_inner(struct rg_text *t, const struct rg_sa_row *r, const struct span *s)
{
	struct span in = inner(r, s);

	text_sockaddr(t, &in);
}

static void text_row(struct rg_text *t, const struct rg_sa_row *r, const struct span *s)
{
	const uint8_t *p = s->p + r->off;
	const char *name;
	size_t n = 0;

	if (!row_fits(r, s)) {
		rg_text_char(t, '?');
		return;
	}
	switch (r->kind) {
	case RG_SA_IP4: rg_text_ip4(t, p); break;
	case RG_SA_IP6: rg_text_ip6(t, p); break;
	case RG_SA_HW:
		(void)hw_len(r, s, &n);
		rg_text_hexbytes(t, p, n, ':');
		break;
	case RG_SA_MAC: rg_text_hexbytes(t, p, r->size, ':'); break;
	case RG_SA_HEX: rg_text_hexbytes(t, p, r->size, 0); break;
	case RG_SA_BDADDR: text_bdaddr(t, p); break;
	case RG_SA_STR: rg_text_add(t, p, str_len(p, r->size)); break;
	case RG_SA_CALL: text_call(t, p); break;
	case RG_SA_CALLS: text_calls(t, r, s); break;
	case RG_SA_INET: text_inner(t, r, s); break;
	case RG_SA_I: rg_text_i64(t, (int64_t)row_number(r, s)); break;
	case RG_SA_X:
	case RG_SA_FLOW: rg_text_hex(t, row_number(r, s)); break;
	default:
		name = rg_name_of(r->names, row_number(r, s));
		if (name)
			rg_text_str(t, name);
		else
			rg_text_u64(t, row_number(r, s));
	}
}

/* Templates (sockaddr_layouts.h): returns where it stopped, at the end or behind the closing brace. */
static const char *text_template(struct rg_text *t, const char *tpl, const struct rg_sa_layout *l,
				 const struct span *s, bool on)
{
	while (*tpl && *tpl != '}') {
		if (*tpl == '{') {
			if (on)
				text_row(t, &l->rows[tpl[1] - '0'], s);
			tpl += 3;
		} else if (*tpl == '?') {
			const struct rg_sa_row *r = &l->rows[tpl[1] - '0'];

			tpl = text_template(t, tpl + 3, l, s, on && row_fits(r, s) && row_number(r, s));
		} else {
			if (on)
				rg_text_char(t, *tpl);
			tpl++;
		}
	}
	return *tpl ? tpl + 1 : tpl;
}

/* ---- unix ---- */

/* The name as it is printed, without "(unnamed)". */
static void text_unix_path(struct rg_text *t, const struct span *s)
{
	const uint8_t *path = s->p + UNIX_PATH_OFF, *nul;
	size_t n = s->len > UNIX_PATH_OFF ? s->len - UNIX_PATH_OFF : 0;

	if (!n)
		return;
	if (!path[0]) { /* abstract: every byte counts, NULs too (unix(7)) */
		rg_text_char(t, '@');
		rg_text_add(t, path + 1, n - 1);
		return;
	}
	if (path[0] == '@' || path[0] == '(')
		rg_text_add(t, "./", 2);
	nul = memchr(path, 0, n);
	rg_text_add(t, path, nul ? (size_t)(nul - path) : n);
}

/* ---- whole addresses ---- */

static void text_sockaddr(struct rg_text *t, const struct span *s)
{
	uint16_t family = family_of(s);
	const struct rg_sa_layout *l;
	const char *name;

	if (family == AF_UNIX && !(s->sock_family == AF_PACKET && s->type == SOCK_PACKET_TYPE)) {
		if (s->len > UNIX_PATH_OFF)
			text_unix_path(t, s);
		else
			rg_text_str(t, "(unnamed)");
		return;
	}
	l = layout_of(s);
	if (l && s->len >= 2) {
		text_template(t, l->text, l, s, true);
		return;
	}
	name = rg_name_of(rg_names_families, family);
	rg_text_str(t, name ? name : "family ");
	if (!name)
		rg_text_u64(t, family);
	if (s->len > 2 && !all_zero(s->p + 2, s->len - 2)) {
		rg_text_char(t, ' ');
		rg_text_hexbytes(t, s->p + 2, s->len - 2 < 128 ? s->len - 2 : 128, 0);
	}
}

static void add_calls(struct rg_builder *b, const struct rg_sa_row *r, const struct span *s)
{
	struct rg_builder list;
	size_t n = 0;

	(void)calls_n(r, s, &n);
	rg_add_list(b, r->name, &list);
	for (size_t i = 0; i < n; i++) {
		char buf[16];
		struct rg_text t = {.p = buf, .cap = sizeof(buf)};

		text_call(&t, s->p + r->off + 7 * i);
		rg_add_str(&list, NULL, t.p, t.len);
	}
}

static void add_ip(struct rg_builder *b, const struct rg_sa_row *r, const struct span *s)
{
	bool v6 = r->kind == RG_SA_IP6;
	char buf[64];
	struct rg_text t = {.p = buf, .cap = sizeof(buf)};
	struct rg_addr a = {.family = v6 ? AF_INET6 : AF_INET, .ip_len = v6 ? 16 : 4};

	memcpy(a.ip, s->p + r->off, a.ip_len);
	text_row(&t, r, s);
	a.text = t.p;
	a.text_len = (uint32_t)t.len;
	rg_add_addr(b, r->name, &a);
}

static void add_rows(struct rg_builder *b, const struct rg_sa_layout *l, const struct span *s);

static void add_inner(struct rg_builder *b, const struct rg_sa_row *r, const struct span *s)
{
	struct span in = inner(r, s);
	const struct rg_sa_layout *l = layout_of(&in);

	if (l)
		add_rows(b, l, &in);
}

static void add_row(struct rg_builder *b, const struct rg_sa_row *r, const struct span *s)
{
	char buf[RG_SOCKADDR_TEXT_MAX];
	struct rg_text t = {.p = buf, .cap = sizeof(buf)};

	switch (r->kind) {
	case RG_SA_IP4:
	case RG_SA_IP6: add_ip(b, r, s); break;
	case RG_SA_CALLS: add_calls(b, r, s); break;
	case RG_SA_INET: add_inner(b, r, s); break;
	case RG_SA_I: rg_add_i(b, r->name, (int64_t)row_number(r, s)); break;
	case RG_SA_ENUM:
	case RG_SA_ENUMBE: rg_add_enum(b, r->name, (int64_t)row_number(r, s), r->names); break;
	case RG_SA_U:
	case RG_SA_X:
	case RG_SA_BE:
	case RG_SA_LE:
	case RG_SA_FLOW: rg_add_u(b, r->name, RG_T_UINT, row_number(r, s)); break;
	default: text_row(&t, r, s); rg_add_str(b, r->name, t.p, t.len);
	}
}

static void add_rows(struct rg_builder *b, const struct rg_sa_layout *l, const struct span *s)
{
	for (const struct rg_sa_row *r = l->rows; r < l->rows + 8 && r->kind != RG_SA_END; r++)
		if (row_fits(r, s))
			add_row(b, r, s);
}

/* A member inside the mandatory part that could not be read although its place is there: a length that lies.
 */
static const struct rg_sa_row *lying_row(const struct rg_sa_layout *l, const struct span *s)
{
	for (const struct rg_sa_row *r = l->rows; r < l->rows + 8 && r->kind != RG_SA_END; r++)
		if (!row_fits(r, s) &&
		    (r->kind == RG_SA_HW || r->kind == RG_SA_CALLS || r->kind == RG_SA_INET))
			return r;
	return NULL;
}

/* What is wrong with the address, in words; nothing when it is sound. full: its length as the kernel said. */
static void complain(struct rg_text *t, const struct rg_sa_layout *l, const struct span *s, uint64_t full)
{
	const struct rg_sa_row *lie;

	if (full > s->len) {
		rg_text_str(t, "cut: ");
		rg_text_u64(t, s->len);
		rg_text_str(t, " of ");
		rg_text_u64(t, full);
		rg_text_str(t, " bytes");
	} else if (s->len < 2) {
		rg_text_str(t, "too short for a family");
	} else if (l && s->len < l->size) {
		rg_text_u64(t, s->len);
		rg_text_str(t, " bytes, ");
		rg_text_str(t, l->name);
		rg_text_str(t, " needs ");
		rg_text_u64(t, l->size);
	} else if (l && (lie = lying_row(l, s))) {
		rg_text_str(t, lie->name);
		rg_text_str(t, ": its length goes past the address");
	} else if (!l && family_of(s) == AF_UNIX && s->len > UNIX_LEN_MAX) {
		rg_text_u64(t, s->len);
		rg_text_str(t, " bytes, sockaddr_un has at most ");
		rg_text_u64(t, UNIX_LEN_MAX);
	}
}

static struct span span_of(const struct rg_event *ev, const uint8_t *sa, size_t len, uint16_t sock_family)
{
	struct span s = {sa, len, sock_family, -1, -1};

	if (ev && rg_has(ev, RG_F_SOCK_TYPE))
		s.type = (int32_t)ev->v[RG_F_SOCK_TYPE].i;
	if (ev && rg_has(ev, RG_F_SOCK_PROTOCOL))
		s.protocol = (int32_t)ev->v[RG_F_SOCK_PROTOCOL].i;
	return s;
}

/* TIPC group messages bring the socket's and the member's address (net/tipc/socket.c, tipc_sockaddr_pair). */
static void add_tipc_member(struct rg_builder *b, const struct span *s)
{
	struct span m = {s->p + 16, s->len - 16, AF_TIPC, -1, -1};
	const struct rg_sa_layout *l = layout_of(&m);
	struct rg_builder sub;

	if (l && rg_add_object(b, "member", &sub))
		add_rows(&sub, l, &m);
}

void rg_decode_sockaddr(const uint8_t *sa, size_t len, uint16_t sock_family, struct rg_builder *b)
{
	struct span s = span_of(b->ev, sa, len, sock_family);
	uint16_t family = family_of(&s);
	bool pkt = sock_family == AF_PACKET && s.type == SOCK_PACKET_TYPE;
	bool is_unix = family == AF_UNIX && !pkt;
	const struct rg_sa_layout *l = len < 2 || is_unix ? NULL : layout_of(&s);
	char buf[RG_SOCKADDR_TEXT_MAX];
	struct rg_text t = {.p = buf, .cap = sizeof(buf)};
	/* Only msg.name itself is what msg.namelen speaks of. */
	bool is_name = b->tail == &b->ev->v[RG_F_MSG_NAME].node && rg_has(b->ev, RG_F_MSG_NAMELEN);
	uint64_t full = is_name ? b->ev->v[RG_F_MSG_NAMELEN].u : 0;

	rg_add_enum(b, "family", pkt ? AF_PACKET : family, rg_names_families);
	if (is_unix && len > UNIX_PATH_OFF) {
		text_unix_path(&t, &s);
		rg_add_str(b, "path", t.p, t.len);
		t.len = 0;
	}
	if (l)
		add_rows(b, l, &s);
	if (family == AF_TIPC && len >= 32)
		add_tipc_member(b, &s);
	text_sockaddr(&t, &s);
	rg_add_str(b, "text", t.p, t.len);
	t.len = 0;
	if (len || full)
		complain(&t, l, &s, full);
	if (t.len)
		rg_add_str(b, "malformed", t.p, t.len);
	if (len > 2 && (t.len || (!l && !is_unix)))
		rg_add_bytes(b, "bytes", sa + 2, len - 2, full > len ? full - 2 : len - 2);
}

static void addr_part(struct rg_addr *a, struct rg_text *t, const struct rg_sa_layout *l,
		      const struct span *s)
{
	const struct rg_sa_row *r = l->rows;

	for (; r < l->rows + 8 && r->kind != RG_SA_END; r++) {
		struct span in;

		if (r->kind == RG_SA_INET && row_fits(r, s)) {
			in = inner(r, s);
			addr_part(a, t, layout_of(&in), &in);
			return;
		}
		if ((r->kind == RG_SA_IP4 || r->kind == RG_SA_IP6) && row_fits(r, s)) {
			a->ip_len = r->kind == RG_SA_IP4 ? 4 : 16;
			memcpy(a->ip, s->p + r->off, a->ip_len);
		}
	}
	text_template(t, l->addr ? l->addr : l->text, l, s, true);
}

const struct rg_addr *rg_sockaddr_addr(struct rg_event *ev, const uint8_t *sa, size_t len, int32_t *ret_port)
{
	uint16_t sock_family = rg_has(ev, RG_F_SOCK_FAMILY) ? (uint16_t)ev->v[RG_F_SOCK_FAMILY].i : AF_UNSPEC;
	struct span s = span_of(ev, sa, len, sock_family);
	const struct rg_sa_layout *l = NULL;
	char buf[RG_SOCKADDR_TEXT_MAX];
	struct rg_text t = {.p = buf, .cap = sizeof(buf)};
	struct rg_addr *a;

	if (ret_port)
		*ret_port = -1;
	if (len <= 2)
		return NULL;
	if (family_of(&s) != AF_UNIX) {
		l = layout_of(&s);
		if (!l || len < l->size)
			return NULL;
	}
	a = rg_event_alloc(ev, sizeof(*a) + sizeof(buf));
	if (!a)
		return NULL;
	*a = (struct rg_addr){.family = l ? l->family : AF_UNIX};
	if (l) {
		addr_part(a, &t, l, &s);
		if (ret_port && l->port >= 0)
			*ret_port = (int32_t)row_number(&l->rows[l->port], &s);
	} else {
		text_unix_path(&t, &s);
	}
	memcpy(a + 1, buf, t.len);
	a->text = (char *)(a + 1);
	a->text_len = (uint32_t)t.len;
	return a;
}

size_t rg_sockaddr_text(const uint8_t *sa, size_t len, uint16_t sock_family, char *out, size_t cap)
{
	struct span s = span_of(NULL, sa, len, sock_family);
	struct rg_text t = {.p = out, .cap = cap};

	text_sockaddr(&t, &s);
	return t.len;
}
