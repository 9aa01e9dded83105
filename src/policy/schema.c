/* SPDX-License-Identifier: BSD-2-Clause */
/* The JSON Schema of policy files, from the loader's own tables of keys. */
#include <errno.h>
#include <string.h>

#include "policy/keys.h"

static void object(struct rg_buf *b, const struct rg_yaml_key *keys);

static void names(struct rg_buf *b, const struct rg_name *n)
{
	for (bool first = true; n->name; n++) {
		if (!n->value)
			continue;
		rg_buf_printf(b, "%s%s", first ? "" : "|", n->name);
		first = false;
	}
}

static void action(struct rg_buf *b)
{
	rg_buf_str(b, "\"type\":\"string\",\"pattern\":\"^(allow|drop|strip|kill|log|deny( (");
	names(b, rg_names_errnos);
	rg_buf_str(b, "))?)$\"");
}

static void value(struct rg_buf *b, const char *kind)
{
	static const struct {
		const char *kind, *schema;
	} plain[] = {
		{"string", "\"type\":\"string\",\"minLength\":1"},
		{"expression", "\"type\":\"string\",\"minLength\":1"},
		{"object", "\"type\":\"object\""},
		{"strings", "\"type\":\"array\",\"items\":{\"type\":\"string\"}"},
		{"lists", "\"type\":\"object\",\"additionalProperties\":{\"type\":\"array\",\"items\":{"
			  "\"type\":[\"string\",\"integer\"]}}"},
		{"macros", "\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}"},
		{"mode", "\"enum\":[\"enforce\",\"audit\"]"},
		{"api", "\"const\":\"" RG_POLICY_API "\""},
	};

	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		if (!strcmp(kind, plain[i].kind))
			rg_buf_str(b, plain[i].schema);
	if (!strcmp(kind, "action"))
		action(b);
	if (!strcmp(kind, "metadata"))
		object(b, rg_keys_metadata);
	if (!strcmp(kind, "spec"))
		object(b, rg_keys_spec);
	if (!strcmp(kind, "rules")) {
		rg_buf_str(b, "\"type\":\"array\",\"items\":{");
		object(b, rg_keys_rule);
		rg_buf_char(b, '}');
	}
}

static void object(struct rg_buf *b, const struct rg_yaml_key *keys)
{
	bool first = true;

	rg_buf_str(b, "\"type\":\"object\",\"additionalProperties\":false,\"properties\":{");
	for (const struct rg_yaml_key *k = keys; k->name; k++) {
		rg_buf_printf(b, "%s\"%s\":{\"description\":\"%s\",", k == keys ? "" : ",", k->name, k->doc);
		if (!strcmp(k->schema, "kind"))
			rg_buf_printf(b, "\"const\":\"%s\"", k->doc);
		else
			value(b, k->schema);
		rg_buf_char(b, '}');
	}
	rg_buf_str(b, "},\"required\":[");
	for (; keys->name; keys++)
		if (keys->required) {
			rg_buf_printf(b, "%s\"%s\"", first ? "" : ",", keys->name);
			first = false;
		}
	rg_buf_char(b, ']');
}

int rg_policy_schema(char **ret, struct rg_err *err)
{
	struct rg_buf b = {0};

	rg_buf_str(&b, "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"title\":\"recvguard "
		       "policy\",\"oneOf\":[{");
	object(&b, rg_keys_policy);
	rg_buf_str(&b, "},{");
	object(&b, rg_keys_library);
	rg_buf_str(&b, "}]}\n");
	rg_buf_cstr(&b);
	*ret = b.data;
	return b.oom ? rg_fail(err, -ENOMEM, "out of memory") : 0;
}
