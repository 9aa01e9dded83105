/* SPDX-License-Identifier: BSD-2-Clause */
/* Native JSON back to events, driven by the field table. */
#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <recvguard/cmsg.h>
#include <recvguard/json.h>

struct reader {
	struct rg_event *ev;
	struct rg_err *err;
	const char *where; /* field being read */
};

static int bad(struct reader *r, const char *what)
{
	return rg_fail(r->err, -EINVAL, "%s: %s", r->where, what);
}

static int read_time(const char *s, uint64_t *ret)
{
	struct tm tm = {0};
	uint64_t ns = 0, digit = 100000000;
	const char *end = strptime(s, "%Y-%m-%dT%H:%M:%S", &tm);

	if (!end)
		return -EINVAL;
	if (*end == '.')
		for (end++; *end >= '0' && *end <= '9'; end++, digit /= 10)
			ns += (uint64_t)(*end - '0') * digit;
	if (strcmp(end, "Z"))
		return -EINVAL;
	*ret = (uint64_t)timegm(&tm) * 1000000000 + ns;
	return 0;
}

static int b64(char c)
{
	static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(set, c) : NULL;

	return at ? (int)(at - set) : -1;
}

static int read_base64(struct reader *r, const char *s, size_t len, struct rg_value *v)
{
	char *out = rg_event_alloc(r->ev, len + 1);
	uint32_t acc = 0, bits = 0, n = 0;

	if (!out)
		return bad(r, "out of memory");
	for (size_t i = 0; i < len && s[i] != '='; i++) {
		int d = b64(s[i]);

		if (d < 0)
			return bad(r, "not base64");
		acc = acc << 6 | (uint32_t)d;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			out[n++] = (char)(acc >> bits);
		}
	}
	v->p = out;
	v->len = v->full = n;
	return 0;
}

static int read_span(struct reader *r, const json_t *j, struct rg_value *v)
{
	const json_t *raw = json_is_object(j) ? json_object_get(j, "base64") : NULL;
	char *copy;

	if (json_is_string(raw)) /* NULL is none */
		return read_base64(r, json_string_value(raw), json_string_length(raw), v);
	if (!json_is_string(j))
		return bad(r, "text or {\"base64\": ...} is expected");
	copy = rg_event_alloc(r->ev, json_string_length(j) + 1);
	if (!copy)
		return bad(r, "out of memory");
	memcpy(copy, json_string_value(j), json_string_length(j) + 1);
	v->p = copy;
	v->len = v->full = (uint32_t)json_string_length(j);
	return 0;
}

static int read_addr(struct reader *r, const json_t *j, struct rg_value *v)
{
	struct rg_addr *a = rg_event_alloc(r->ev, sizeof(*a));
	struct rg_value text;
	char ip[64];
	size_t n;

	if (!a)
		return bad(r, "out of memory");
	if (read_span(r, j, &text))
		return -EINVAL;
	*a = (struct rg_addr){.text = text.p, .text_len = text.len};
	n = strcspn(text.p, "%");
	if (n < sizeof(ip)) {
		memcpy(ip, text.p, n);
		ip[n] = 0;
		if (inet_pton(AF_INET, ip, a->ip) == 1) {
			a->family = AF_INET;
			a->ip_len = 4;
		} else if (inet_pton(AF_INET6, ip, a->ip) == 1) {
			a->family = AF_INET6;
			a->ip_len = 16;
		}
	}
	if (!a->family && (*a->text == '/' || *a->text == '@'))
		a->family = AF_UNIX;
	v->addr = a;
	return 0;
}

static int read_flags(struct reader *r, const json_t *j, const struct rg_name *names, uint64_t *ret)
{
	const json_t *it;
	size_t i;

	*ret = 0;
	if (json_is_integer(j)) {
		*ret = (uint64_t)json_integer_value(j);
		return 0;
	}
	if (!json_is_array(j))
		return bad(r, "a list of flag names is expected");
	json_array_foreach(j, i, it)
	{
		const char *s = json_string_value(it);
		unsigned long long hex;
		uint64_t u;
		char end;

		if (s && !rg_name_value(names, s, strlen(s), &u))
			*ret |= u;
		else if (s && sscanf(s, "0x%llx%c", &hex, &end) == 1)
			*ret |= hex;
		else
			return bad(r, "unknown flag");
	}
	return 0;
}

static int read_enum(struct reader *r, const json_t *j, const struct rg_name *names, struct rg_value *v)
{
	const char *s = json_string_value(j);
	uint64_t u;

	if (json_is_integer(j)) {
		v->i = json_integer_value(j);
		return 0;
	}
	if (!s || rg_name_value(names, s, strlen(s), &u))
		return bad(r, s ? "unknown name" : "a name is expected");
	v->u = u;
	return 0;
}

static int read_scalar(struct reader *r, const json_t *j, enum rg_type type, const struct rg_name *names,
		       struct rg_value *v)
{
	switch (type) {
	case RG_T_BOOL:
		if (!json_is_boolean(j))
			return bad(r, "true or false is expected");
		v->u = json_is_true(j);
		return 0;
	case RG_T_TIME:
		if (json_is_string(j) && !read_time(json_string_value(j), &v->u))
			return 0;
		return bad(r, "a time as 2026-01-31T12:00:00.000000000Z is expected");
	case RG_T_ENUM: return read_enum(r, j, names, v);
	case RG_T_FLAGS: return read_flags(r, j, names, &v->u);
	case RG_T_STR:
	case RG_T_BYTES: return read_span(r, j, v);
	case RG_T_ADDR: return read_addr(r, j, v);
	default:
		if (json_is_real(j)) { /* beyond 63 bits */
			v->u = (uint64_t)json_real_value(j);
			return 0;
		}
		if (!json_is_integer(j))
			return bad(r, "a number is expected");
		v->i = json_integer_value(j);
		return 0;
	}
}

/* A control message's level and type carry their own name. */
static const struct rg_name *own_name(struct reader *r, const char *key, const json_t *j)
{
	struct rg_name *t = rg_event_alloc(r->ev, 2 * sizeof(*t));
	const char *s = json_string_value(j);
	int32_t level = 0, nr = 0;
	struct rg_value copy;

	if (!t || !s || read_span(r, j, &copy))
		return NULL;
	if (!strcmp(key, "level"))
		rg_cmsg_level_value(s, strlen(s), &nr);
	else
		rg_cmsg_type_value(s, strlen(s), &level, &nr);
	t[0] = (struct rg_name){(uint64_t)nr, copy.p};
	t[1] = (struct rg_name){0, NULL};
	return t;
}

static enum rg_type guess(const json_t *j)
{
	if (json_is_boolean(j))
		return RG_T_BOOL;
	if (json_is_integer(j))
		return RG_T_INT;
	if (json_is_object(j) && json_object_get(j, "base64"))
		return RG_T_BYTES;
	return json_is_string(j) ? RG_T_STR : json_is_array(j) ? RG_T_LIST : RG_T_OBJECT;
}

static const struct rg_elem_info *elem_find(int field, const char *name)
{
	const struct rg_elem_info *e;

	for (size_t i = 0; (e = rg_field_elem((enum rg_field)field, i)); i++)
		if (!strcmp(e->name, name))
			return e;
	return NULL;
}

static int add_member(struct reader *r, struct rg_builder *b, int field, const char *key, const json_t *j)
{
	const struct rg_elem_info *e = elem_find(field, key);
	enum rg_type type = e ? e->type : guess(j);
	const struct rg_name *names = e ? e->names : NULL;
	struct rg_value name, v = {.u = 0};
	json_t *json_key;
	struct rg_node *n;
	int bad_key;

	if (field == RG_F_CMSG && type == RG_T_ENUM && json_is_string(j))
		names = own_name(r, key, j);
	if (type == RG_T_LIST || type == RG_T_OBJECT)
		return 0; /* expressions don't look into these */
	if (read_scalar(r, j, type, names, &v))
		return -EINVAL;
	json_key = json_string(key);
	bad_key = !json_key || read_span(r, json_key, &name);
	json_decref(json_key);
	if (bad_key)
		return -EINVAL;
	n = rg_add_u(b, name.p, type, 0);
	if (!n)
		return bad(r, "out of memory");
	n->v = v;
	n->names = names;
	return 0;
}

static int add_members(struct reader *r, struct rg_builder *b, int field, const json_t *obj)
{
	const char *key;
	json_t *v;

	if (!json_is_object(obj))
		return bad(r, "an object is expected");
	json_object_foreach((json_t *)(uintptr_t)obj, key,
			    v) if (add_member(r, b, field, key, v)) return -EINVAL;
	return 0;
}

static int read_list(struct reader *r, int field, const json_t *j)
{
	struct rg_builder list, o;
	const json_t *it;
	size_t i;

	rg_build_field(&list, r->ev, (enum rg_field)field, RG_TAG_K);
	if (rg_fields[field].type == RG_T_OBJECT)
		return add_members(r, &list, field, j);
	if (!json_is_array(j))
		return bad(r, "a list is expected");
	json_array_foreach(j, i, it)
	{
		rg_add_object(&list, NULL, &o);
		if (add_members(r, &o, field, it))
			return -EINVAL;
	}
	return 0;
}

static int read_field(struct reader *r, int f, const json_t *j)
{
	const struct rg_name *names = rg_fields[f].names;
	struct rg_value v = {.u = 0};

	r->where = rg_fields[f].name;
	if (rg_fields[f].type == RG_T_LIST || rg_fields[f].type == RG_T_OBJECT)
		return read_list(r, f, j);
	if (f == RG_F_SOCK_PROTOCOL)
		names = rg_event_names(r->ev, RG_F_SOCK_PROTOCOL);
	if (read_scalar(r, j, rg_fields[f].type, names, &v))
		return -EINVAL;
	r->ev->v[f] = v;
	r->ev->tag[f] = RG_TAG_K;
	return 0;
}

static int read_object(struct reader *r, const json_t *obj, const char *prefix)
{
	char name[128];
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)obj, key, v)
	{
		int f;

		if ((size_t)snprintf(name, sizeof(name), "%s%s", prefix, key) >= sizeof(name) - 1)
			return rg_fail(r->err, -EINVAL, "no field \"%.80s...\"", key);
		f = rg_field_find(name, strlen(name));
		if (!strcmp(name, "tags"))
			continue;
		if (f >= 0 ? read_field(r, f, v) : json_is_object(v) ? 0 : -ENOENT)
			return f >= 0 ? -EINVAL : rg_fail(r->err, -EINVAL, "no field \"%s\"", name);
		if (f >= 0)
			continue;
		strcat(name, ".");
		if (read_object(r, v, name))
			return -EINVAL;
	}
	return 0;
}

static void read_tags(struct reader *r, const json_t *tags)
{
	static const struct {
		const char *name;
		uint8_t bit;
	} bits[] = {{"TOCTOU", RG_TAG_TOCTOU},
		    {"LATE", RG_TAG_LATE},
		    {"OPT", RG_TAG_OPT},
		    {"K", RG_TAG_K},
		    {"U", RG_TAG_U}};
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)tags, key, v)
	{
		int f = rg_field_find(key, strlen(key));
		uint8_t tag = 0;

		for (const char *s = json_string_value(v); s && *s; s += strcspn(s, ","), s += *s == ',')
			for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
				if (strcspn(s, ",") == strlen(bits[i].name) &&
				    !strncmp(s, bits[i].name, strlen(bits[i].name)))
					tag |= bits[i].bit;
		if (f >= 0 && rg_has(r->ev, f) && tag)
			r->ev->tag[f] = tag;
	}
}

static void payload_length(struct rg_event *ev)
{
	struct rg_value *d = &ev->v[RG_F_MSG_DATA];

	if (rg_has(ev, RG_F_MSG_DATA) && rg_has(ev, RG_F_RET) && ev->v[RG_F_RET].i > (int64_t)d->len &&
	    ev->v[RG_F_RET].i <= INT32_MAX)
		d->full = (uint32_t)ev->v[RG_F_RET].i;
}

int rg_event_from_json(struct rg_event *ev, const char *line, size_t len, struct rg_err *err)
{
	struct reader r = {.ev = ev, .err = err, .where = "event"};
	json_error_t je;
	json_t *root = json_loadb(line, len, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &je);
	int ret;

	rg_event_reset(ev);
	if (!root)
		return rg_fail(err, -EINVAL, "column %d: %s", je.column, je.text);
	if (!json_is_object(root)) {
		ret = rg_fail(err, -EINVAL, "an event is a JSON object");
	} else {
		const json_t *sock = json_object_get(root, "sock");
		const json_t *family = json_is_object(sock) ? json_object_get(sock, "family") : NULL;

		/* the protocol's names depend on it */
		ret = family ? read_field(&r, RG_F_SOCK_FAMILY, family) : 0;
		ret = ret ? ret : read_object(&r, root, "");
	}
	if (!ret && json_is_object(json_object_get(root, "tags")))
		read_tags(&r, json_object_get(root, "tags"));
	payload_length(ev);
	json_decref(root);
	return ret;
}
