/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>

#include <recvguard/event.h>
#include <recvguard/schema.h>

#include "sink/json.h"

/* Where in the tree of objects the writer is: fields of one object stand together in the table. */
struct tree {
	struct rg_buf *b;
	const char *path; /* the object that is open */
	size_t len;
};

static void quoted(struct rg_buf *b, const char *s)
{
	rg_json_bytes(b, s, strlen(s));
}

static void enum_schema(struct rg_buf *b, const struct rg_name *names)
{
	if (!names) {
		rg_buf_str(b, "\"type\":[\"string\",\"integer\"]");
		return;
	}
	rg_buf_str(b, "\"anyOf\":[{\"enum\":[");
	for (const struct rg_name *n = names; n->name; n++) {
		bool twice = false;

		for (const struct rg_name *m = names; m < n && !twice; m++)
			twice = !strcmp(m->name, n->name);
		if (twice)
			continue;
		rg_buf_str(b, n == names ? "" : ",");
		quoted(b, n->name);
	}
	rg_buf_str(b, "]},{\"type\":\"integer\"}]");
}

static void flags_schema(struct rg_buf *b, const struct rg_name *names)
{
	rg_buf_str(b, "\"type\":\"array\",\"uniqueItems\":true,\"items\":{\"anyOf\":[");
	if (names && names->name) {
		rg_buf_str(b, "{\"enum\":[");
		for (const struct rg_name *n = names; n->name; n++) {
			rg_buf_str(b, n == names ? "" : ",");
			quoted(b, n->name);
		}
		rg_buf_str(b, "]},");
	} else if (!names) {
		rg_buf_str(b, "{\"type\":\"string\"},");
	}
	rg_buf_str(b, "{\"type\":\"string\",\"pattern\":\"^0x[0-9a-f]+$\"}]}");
}

static void elems_schema(struct rg_buf *b, enum rg_field f);

static void type_schema(struct rg_buf *b, enum rg_type type, const struct rg_name *names)
{
	switch (type) {
	case RG_T_BOOL: rg_buf_str(b, "\"type\":\"boolean\""); break;
	case RG_T_INT: rg_buf_str(b, "\"type\":\"integer\""); break;
	case RG_T_UINT:
	case RG_T_SIZE:
	case RG_T_DURATION: rg_buf_str(b, "\"type\":\"integer\",\"minimum\":0"); break;
	case RG_T_TIME:
		rg_buf_str(b, "\"type\":\"string\",\"format\":\"date-time\",\"pattern\":"
			      "\"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\\\.[0-9]{9}Z$\"");
		break;
	case RG_T_ENUM: enum_schema(b, names); break;
	case RG_T_FLAGS: flags_schema(b, names); break;
	default: rg_buf_str(b, "\"$ref\":\"#/$defs/bytes\""); break;
	}
}

static void described(struct rg_buf *b, const char *doc, const char *unit, const char *tags)
{
	rg_buf_str(b, ",\"description\":");
	quoted(b, doc);
	if (unit && *unit) {
		rg_buf_str(b, ",\"x-unit\":");
		quoted(b, unit);
	}
	if (tags) {
		rg_buf_str(b, ",\"x-tags\":");
		quoted(b, tags);
	}
}

static void field_schema(struct rg_buf *b, enum rg_field f)
{
	const struct rg_field_info *i = &rg_fields[f];
	rg_auto_buf tags = {0};

	rg_buf_char(b, '{');
	if (i->type == RG_T_LIST) {
		rg_buf_str(b, "\"type\":\"array\",\"items\":{");
		elems_schema(b, f);
		rg_buf_char(b, '}');
	} else if (i->type == RG_T_OBJECT) {
		elems_schema(b, f);
	} else {
		type_schema(b, i->type, i->names);
	}
	rg_tag_text(&tags, i->tags);
	described(b, i->doc, i->unit, rg_buf_cstr(&tags));
	rg_buf_char(b, '}');
}

/* Control messages have further fields by type: those are open, all else is closed. */
static void elems_schema(struct rg_buf *b, enum rg_field f)
{
	rg_buf_str(b, "\"type\":\"object\",\"properties\":{");
	for (size_t i = 0; i < rg_field_elem_count(f); i++) {
		const struct rg_elem_info *e = rg_field_elem(f, i);

		rg_buf_str(b, i ? "," : "");
		quoted(b, e->name);
		rg_buf_str(b, ":{");
		type_schema(b, e->type, e->names);
		described(b, e->doc, e->unit, NULL);
		rg_buf_char(b, '}');
	}
	rg_buf_str(b, "},\"additionalProperties\":");
	rg_buf_str(b, f == RG_F_CMSG ? "true" : "false");
}

/* Names directly inside the object path[0..len) that are never absent. An object counts when one of its own
 * fields is never absent. */
static void required(struct rg_buf *b, const char *path, size_t len)
{
	const char *last = NULL;
	size_t last_len = 0;
	bool any = false;

	rg_buf_str(b, "\"required\":[");
	for (int f = 0; f < RG_F__COUNT; f++) {
		const char *name = rg_fields[f].name, *rest;
		size_t n;

		if (strncmp(name, path, len) != 0 || (len && name[len] != '.') ||
		    rg_fields[f].tags & (RG_TAG_OPT | RG_TAG_FULL))
			continue;
		rest = name + len + (len > 0);
		n = strcspn(rest, ".");
		if (last && n == last_len && !memcmp(rest, last, n))
			continue;
		rg_buf_str(b, any ? "," : "");
		rg_json_bytes(b, rest, n);
		any = true;
		last = rest;
		last_len = n;
	}
	rg_buf_char(b, ']');
}

static void close_object(struct tree *t)
{
	rg_buf_str(t->b, "},\"additionalProperties\":false,");
	required(t->b, t->path, t->len);
	rg_buf_char(t->b, '}');
	while (t->len && t->path[--t->len] != '.')
		;
}

/* Close objects until the open one contains name, then open the rest of name's objects. */
static bool go_to(struct tree *t, const char *name)
{
	bool opened = false;
	const char *dot;

	while (t->len && (strncmp(name, t->path, t->len) != 0 || name[t->len] != '.'))
		close_object(t);
	for (dot = strchr(name + t->len + (t->len > 0), '.'); dot; dot = strchr(dot + 1, '.')) {
		const char *from = name + t->len + (t->len > 0);

		rg_buf_str(t->b, opened ? "" : ",");
		rg_json_bytes(t->b, from, (size_t)(dot - from));
		rg_buf_str(t->b, ":{\"type\":\"object\",\"properties\":{");
		t->path = name;
		t->len = (size_t)(dot - name);
		opened = true;
	}
	return opened;
}

static void properties(struct rg_buf *b)
{
	struct tree t = {.b = b, .path = ""};

	for (int f = 0; f < RG_F__COUNT; f++) {
		const char *name = rg_fields[f].name, *dot = strrchr(name, '.');

		if (!go_to(&t, name) && f)
			rg_buf_char(b, ',');
		quoted(b, dot ? dot + 1 : name);
		rg_buf_char(b, ':');
		field_schema(b, f);
	}
	while (t.len)
		close_object(&t);
}

static const char head[] =
	"{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"title\":\"recvguard event\","
	"\"description\":\"One message that a process received or sent; one object per line. Times are RFC "
	"3339 in UTC, "
	"sizes are bytes and durations nanoseconds. Numbers go up to 64 bits. Enumerations are names, or the "
	"number "
	"where it has no name; flags are arrays of names, unknown bits as one 0x "
	"element.\",\"type\":\"object\","
	"\"properties\":{";

static const char tail[] =
	",\"tags\":{\"type\":\"object\",\"description\":\"How values were obtained: name of a value to a "
	"comma list of K "
	"(the kernel's own copy), U (read from user memory), TOCTOU (the program could have changed it "
	"between the "
	"kernel's use and our reading), LATE (read after the event, may show a later state). Values not "
	"named here "
	"are plain K. Elements of lists are named like "
	"fd[0].path.\",\"additionalProperties\":{\"type\":\"string\","
	"\"pattern\":\"^(K|U|TOCTOU|OPT|LATE)(,(K|U|TOCTOU|OPT|LATE))*$\"}}},\"additionalProperties\":false,"
	"\"required\":[\"event\",\"id\",\"time\"],"
	"\"if\":{\"properties\":{\"event\":{\"const\":\"lost\"}}},\"then\":{\"required\":[\"lost\"]},"
	"\"else\":{";

static const char defs[] =
	"},\"$defs\":{\"bytes\":{\"description\":\"Bytes that are valid UTF-8 are a string; any others an "
	"object with "
	"their base64 (RFC 4648, padded): either way all of them can be had "
	"back.\",\"anyOf\":[{\"type\":\"string\"},"
	"{\"type\":\"object\",\"properties\":{\"base64\":{\"type\":\"string\",\"contentEncoding\":\"base64\","
	"\"pattern\":\"^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/"
	"]{3}=)?$\"}},\"required\":[\"base64\"],"
	"\"additionalProperties\":false}]}}}\n";

char *rg_schema_json(struct rg_err *err)
{
	rg_auto_buf b = {0};
	char *text;

	rg_buf_str(&b, head);
	properties(&b);
	rg_buf_str(&b, tail);
	required(&b, "", 0);
	rg_buf_str(&b, defs);
	rg_buf_cstr(&b);
	if (b.oom) {
		rg_fail(err, -ENOMEM, "out of memory for the schema");
		return NULL;
	}
	text = b.data;
	b = (struct rg_buf){0};
	return text;
}
