/* SPDX-License-Identifier: BSD-2-Clause */
/* Constants: numbers with units, names of enumerations and flags, times, addresses. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <recvguard/cmsg.h>

#include "policy/regex.h"
#include "policy/types.h"

bool rg_cmsg_field_known(const char *name, size_t len)
{
	for (size_t i = 0; i < rg_cmsg_type_count(); i++) {
		const struct rg_cmsg_type *t = rg_cmsg_type_at(i);

		for (size_t k = 0; k < t->n_fields; k++)
			if (strlen(t->fields[k].name) == len && !memcmp(t->fields[k].name, name, len))
				return true;
	}
	return false;
}

void rg_cmsg_field_near(struct rg_near *near)
{
	for (size_t i = 0; i < rg_cmsg_type_count(); i++) {
		const struct rg_cmsg_type *t = rg_cmsg_type_at(i);

		for (size_t k = 0; k < t->n_fields; k++)
			rg_near_try(near, t->fields[k].name);
	}
}

static int arith(struct rg_comp *c, struct rg_ast *n, __int128 a, __int128 b, __int128 *ret)
{
	switch (n->op) {
	case '+': *ret = a + b; break;
	case '-': *ret = a - b; break;
	case '*': *ret = a * b; break;
	case '|': *ret = a | b; break;
	case '/':
	case '%':
		if (!b)
			return rg_diag(c, n->loc, "division by zero");
		*ret = n->op == '/' ? a / b : a % b;
		break;
	default: return rg_diag(c, n->loc, "not a constant");
	}
	if (*ret > UINT64_MAX || *ret < INT64_MIN)
		return rg_diag(c, n->loc, "number needs more than 64 bits");
	return 0;
}

static int unknown_const(struct rg_comp *c, struct rg_ast *n, const struct rg_name *names)
{
	struct rg_near near = rg_near(n->str, n->len);
	char hint[96];

	if (!names)
		return rg_diag(c, n->loc, "a number is expected, \"%s\" is a name", n->str);
	rg_near_names(&near, names);
	return rg_diag(c, n->loc, "\"%s\" is not one of its names%s", n->str,
		       rg_near_hint(&near, hint, sizeof(hint)));
}

int rg_const_num(struct rg_comp *c, struct rg_ast *n, const struct rg_name *names, __int128 *ret,
		 uint8_t *unit)
{
	uint8_t unit2 = RG_UNIT_NONE;
	__int128 a, b;
	uint64_t u;

	switch (n->kind) {
	case RG_A_INT:
		*ret = n->num;
		*unit = n->unit;
		return 0;
	case RG_A_NAME:
	case RG_A_STR:
		*unit = RG_UNIT_NONE;
		if (rg_name_value(names, n->str, n->len, &u))
			return unknown_const(c, n, names);
		*ret = u;
		return 0;
	case RG_A_ARITH:
		if (rg_const_num(c, n->kids, names, &a, unit))
			return -EINVAL;
		if (n->op == 'n') {
			*ret = -a;
			return 0;
		}
		if (rg_const_num(c, n->kids->next, names, &b, &unit2))
			return -EINVAL;
		if (*unit == RG_UNIT_NONE)
			*unit = unit2;
		else if (unit2 != RG_UNIT_NONE && unit2 != *unit)
			return rg_diag(c, n->loc, "a size and a duration don't mix");
		return arith(c, n, a, b, ret);
	default: return rg_diag(c, n->loc, "a constant number is expected here");
	}
}

/* RFC 3339, in UTC or with an offset, or a bare date. */
static int parse_time(const char *s, size_t len, __int128 *ret)
{
	struct tm tm = {0};
	char buf[64], *end;
	int64_t ns = 0, digit = 100000000, off = 0;
	int h, m;

	if (len >= sizeof(buf))
		return -EINVAL;
	memcpy(buf, s, len);
	buf[len] = 0;
	end = strptime(buf, "%Y-%m-%d", &tm);
	if (!end)
		return -EINVAL;
	if (*end == 'T' || *end == ' ') {
		end = strptime(end + 1, "%H:%M:%S", &tm);
		if (!end)
			return -EINVAL;
		if (*end == '.')
			for (end++; *end >= '0' && *end <= '9'; end++, digit /= 10)
				ns += (*end - '0') * digit;
		if (*end == 'Z')
			end++;
		else if ((*end == '+' || *end == '-') && sscanf(end + 1, "%2d:%2d", &h, &m) == 2) {
			off = (*end == '-' ? -1 : 1) * (h * 3600 + m * 60);
			end += 6;
		}
	}
	if (*end)
		return -EINVAL;
	*ret = ((__int128)timegm(&tm) - off) * 1000000000 + ns;
	return *ret < 0 ? -ERANGE : 0;
}

static void become_num(struct rg_ast *n, __int128 v, enum rg_type type)
{
	n->kind = RG_A_INT;
	n->num = v;
	n->type = type;
	n->typed = true;
	n->kids = n->last = NULL;
}

static int const_number(struct rg_comp *c, struct rg_ast *n, const struct rg_ast *value)
{
	enum rg_type t = value->type;
	uint8_t unit;
	__int128 v;

	if (n->kind == RG_A_BYTES || n->kind == RG_A_ADDR || n->kind == RG_A_BOOL)
		return rg_diag(c, n->loc, "%s is expected here", rg_type_word(t));
	if (t == RG_T_TIME && n->kind == RG_A_STR) {
		if (parse_time(n->str, n->len, &v))
			return rg_diag(c, n->loc, "a time is written \"2026-01-31T12:00:00Z\" (RFC 3339)");
		become_num(n, v, t);
		return 0;
	}
	if (n->kind == RG_A_STR && t != RG_T_INT)
		return rg_diag(c, n->loc, "%s is expected here, not text", rg_type_word(t));
	if (rg_const_num(c, n, t == RG_T_INT ? rg_names_errnos : NULL, &v, &unit))
		return -EINVAL;
	if (unit == RG_UNIT_TIME && t != RG_T_DURATION && t != RG_T_TIME)
		return rg_diag(c, n->loc, "%s is expected here, not a duration", rg_type_word(t));
	if (unit == RG_UNIT_SIZE && (t == RG_T_DURATION || t == RG_T_TIME))
		return rg_diag(c, n->loc, "%s is expected here, not a size", rg_type_word(t));
	if (t == RG_T_DURATION && unit == RG_UNIT_NONE && v)
		return rg_diag(c, n->loc, "a duration needs a unit: ns, us, ms, s, min, h or d");
	if (v < 0 && t != RG_T_INT)
		return rg_diag(c, n->loc, "this can't be met: the value is never negative");
	if (t == RG_T_INT && v > INT64_MAX)
		return rg_diag(c, n->loc, "number needs more than 64 bits");
	become_num(n, v, t);
	return 0;
}

/* ENUM and FLAGS, with a known table. */
static int const_named(struct rg_comp *c, struct rg_ast *n, const struct rg_ast *value)
{
	uint8_t unit;
	__int128 v;

	if (n->kind == RG_A_BYTES || n->kind == RG_A_ADDR || n->kind == RG_A_BOOL)
		return rg_diag(c, n->loc, "a name is expected here");
	if (rg_const_num(c, n, value->names, &v, &unit))
		return -EINVAL;
	if (unit != RG_UNIT_NONE)
		return rg_diag(c, n->loc, "a name is expected here, not a quantity");
	if (value->type == RG_T_FLAGS && v < 0)
		return rg_diag(c, n->loc, "flags are never negative");
	if (v > INT64_MAX && value->type == RG_T_ENUM)
		return rg_diag(c, n->loc, "number is too large");
	n->names = value->names;
	become_num(n, v, value->type);
	return 0;
}

static int const_text(struct rg_comp *c, struct rg_ast *n, const struct rg_ast *value)
{
	if (n->kind == RG_A_NAME && n->dyn)
		n->kind = RG_A_STR; /* from a list in YAML, which has quotes of its own */
	if (n->kind == RG_A_NAME)
		return rg_diag(c, n->loc, "text is quoted: \"%s\"", n->str);
	if (n->kind != RG_A_STR && n->kind != RG_A_BYTES)
		return rg_diag(c, n->loc, "%s is expected here",
			       value->type == RG_T_STR ? "text in quotes" : "x\"...\" or text in quotes");
	n->type = value->type;
	n->typed = true;
	return 0;
}

static int const_addr(struct rg_comp *c, struct rg_ast *n)
{
	char buf[64];

	n->type = RG_T_ADDR;
	n->typed = true;
	if (n->kind == RG_A_ADDR)
		return 0;
	if (n->kind != RG_A_STR)
		return rg_diag(c, n->loc,
			       "an address is expected here: 10.0.0.0/8, fe80::/10, or text in quotes");
	if (n->len >= sizeof(buf))
		return 0;
	memcpy(buf, n->str, n->len);
	buf[n->len] = 0;
	if (inet_pton(AF_INET, buf, n->ip) == 1)
		n->ip_len = 4;
	else if (inet_pton(AF_INET6, buf, n->ip) == 1)
		n->ip_len = 16;
	else
		return 0;
	n->kind = RG_A_ADDR;
	n->width = (uint8_t)(n->ip_len * 8);
	return 0;
}

static bool dyn_name_known(const struct rg_ast *n, const struct rg_ast *value)
{
	int32_t a, b;
	uint64_t u;

	if (value->kind == RG_A_FIELD) /* sock.protocol */
		return !rg_name_value(rg_names_ipprotos, n->str, n->len, &u) ||
		       !rg_name_value(rg_names_netlink_protos, n->str, n->len, &u) ||
		       !rg_name_value(rg_names_etherprotos, n->str, n->len, &u);
	if (!strcmp(value->str, "level"))
		return !rg_cmsg_level_value(n->str, n->len, &a);
	if (!strcmp(value->str, "type"))
		return !rg_cmsg_type_value(n->str, n->len, &a, &b);
	return true;
}

static int dyn_name_unknown(struct rg_comp *c, const struct rg_ast *n, const struct rg_ast *value)
{
	struct rg_near near = rg_near(n->str, n->len);
	char hint[96];

	rg_near_names(&near, rg_names_ipprotos);
	rg_near_names(&near, rg_names_netlink_protos);
	rg_near_names(&near, rg_names_etherprotos);
	for (size_t i = 0; i < rg_cmsg_type_count(); i++) {
		rg_near_try(&near, rg_cmsg_type_at(i)->name);
		rg_near_try(&near, rg_cmsg_type_at(i)->level);
	}
	return rg_diag(c, n->loc, "\"%s\" is not one of its names%s", n->str,
		       rg_near_hint(&near, hint, sizeof(hint)));
}

/* The type is known only at run time: the constant keeps its own. */
static int const_dyn(struct rg_comp *c, struct rg_ast *n, const struct rg_ast *value)
{
	uint8_t unit;
	__int128 v;

	if (value->type == RG_T_ENUM && (n->kind == RG_A_NAME || n->kind == RG_A_STR)) {
		if (!dyn_name_known(n, value))
			return dyn_name_unknown(c, n, value);
		n->kind = RG_A_NAME;
		return 0;
	}
	switch (n->kind) {
	case RG_A_NAME:
	case RG_A_STR: n->type = RG_T_STR; return 0;
	case RG_A_BYTES: n->type = RG_T_BYTES; return 0;
	case RG_A_ADDR: n->type = RG_T_ADDR; return 0;
	case RG_A_BOOL: become_num(n, n->num, RG_T_BOOL); return 0;
	default: break;
	}
	if (rg_const_num(c, n, NULL, &v, &unit))
		return -EINVAL;
	become_num(n, v, RG_T_INT);
	return 0;
}

static int const_range(struct rg_comp *c, struct rg_ast *n, const struct rg_ast *value)
{
	struct rg_ast *lo = n->kids, *hi = lo->next;

	if (rg_type_const(c, lo, value) || rg_type_const(c, hi, value))
		return -EINVAL;
	n->typed = true;
	n->type = lo->type;
	if (lo->kind == RG_A_INT && hi->kind == RG_A_INT)
		return lo->num <= hi->num
			       ? 0
			       : rg_diag(c, n->loc, "the range is empty: its end is below its beginning");
	if (lo->kind != RG_A_ADDR || hi->kind != RG_A_ADDR || lo->ip_len != hi->ip_len)
		return rg_diag(c, n->loc, "a range has two numbers or two addresses of one family");
	return memcmp(lo->ip, hi->ip, lo->ip_len) <= 0
		       ? 0
		       : rg_diag(c, n->loc, "the range is empty: its end is below its beginning");
}

int rg_type_const(struct rg_comp *c, struct rg_ast *n, const struct rg_ast *value)
{
	if (n->kind == RG_A_RANGE)
		return const_range(c, n, value);
	if (value->dyn)
		return const_dyn(c, n, value);
	switch (value->type) {
	case RG_T_BOOL:
		if (n->kind != RG_A_BOOL)
			return rg_diag(c, n->loc, "true or false is expected here");
		become_num(n, n->num, RG_T_BOOL);
		return 0;
	case RG_T_ENUM:
	case RG_T_FLAGS: return const_named(c, n, value);
	case RG_T_STR:
	case RG_T_BYTES: return const_text(c, n, value);
	case RG_T_ADDR: return const_addr(c, n);
	default: return const_number(c, n, value);
	}
}

int rg_type_consts(struct rg_comp *c, struct rg_ast *cmp)
{
	struct rg_ast *a = cmp->kids, *b = a->next;
	uint8_t unit;
	__int128 x, y;
	bool r;

	if (a->kind == RG_A_NAME) /* most likely a misspelt field */
		return rg_type_value(c, a);
	if (rg_const_num(c, a, NULL, &x, &unit) || rg_const_num(c, b, NULL, &y, &unit))
		return -EINVAL;
	switch (cmp->op) {
	case RG_EQ: r = x == y; break;
	case RG_NE: r = x != y; break;
	case RG_LT: r = x < y; break;
	case RG_LE: r = x <= y; break;
	case RG_GT: r = x > y; break;
	default: r = x >= y; break;
	}
	cmp->kind = RG_A_BOOL;
	cmp->num = r;
	cmp->kids = cmp->last = NULL;
	return 0;
}

int rg_type_pattern(struct rg_comp *c, struct rg_ast *n, enum rg_strop op)
{
	struct rg_regex_err e;

	if (!rg_regex_check(n->str, n->len, op == RG_S_GLOB, &e))
		return 0;
	return rg_diag(c, n->loc, "in the %s, at \"%.*s\": %s",
		       op == RG_S_GLOB ? "glob" : "regular expression",
		       (int)(n->len - e.at > 20 ? 20 : n->len - e.at), n->str + e.at, e.what);
}
