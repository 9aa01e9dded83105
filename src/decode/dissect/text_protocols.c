/* SPDX-License-Identifier: BSD-2-Clause */
/* Small ones: varlink and JSON, the SSH version line, TLS records. */
#include "decode/dissect/dissector.h"

/* ---- JSON; varlink is JSON ended by a NUL (varlink.org) ---- */

/* The string value of a key of the outermost object; escapes stay as they are. */
static bool json_string(const struct rg_payload *p, const char *key, struct rg_payload *ret)
{
	size_t klen = strlen(key), depth = 0;
	bool in_string = false, found;

	for (size_t at = 0; at < p->len; at++) {
		uint8_t ch = p->p[at];

		if (in_string) {
			at += ch == '\\';
			in_string = ch != '"';
		} else if (ch == '{' || ch == '[') {
			depth++;
		} else if ((ch == '}' || ch == ']') && depth) {
			depth--;
		} else if (ch == '"') {
			in_string = true;
			if (depth != 1 || !rg_pl_has(p, at + 1, klen + 1) ||
			    memcmp(p->p + at + 1, key, klen) != 0 || p->p[at + 1 + klen] != '"')
				continue;
			at += klen + 2;
			while (at < p->len && (p->p[at] == ' ' || p->p[at] == ':'))
				at++;
			if (at >= p->len || p->p[at] != '"')
				return false;
			*ret = rg_pl_sub(p, at + 1, rg_pl_until(p, at + 1, '"', &found));
			return found;
		}
	}
	return false;
}

static bool varlink_match(const struct rg_dissect_ctx *c, const struct rg_payload *p)
{
	return p->p[0] == '{' && p->len >= 2 && c->type == SOCK_STREAM &&
	       (rg_pl_cut(p) ? c->path && rg_ctx_base_starts(c, "io.") : !p->p[p->len - 1]);
}

static bool varlink_summary(const struct rg_dissect_ctx *c, const struct rg_payload *p, struct rg_text *t)
{
	struct rg_payload v;

	if (json_string(p, "method", &v)) {
		rg_text_str(t, "varlink call ");
		rg_pl_text(t, v.p, v.len, 160);
	} else if (json_string(p, "error", &v)) {
		rg_text_str(t, "varlink error ");
		rg_pl_text(t, v.p, v.len, 160);
	} else {
		rg_text_str(t, "varlink reply ");
		rg_pl_text(t, p->p, p->len - !p->p[p->len - 1], 160);
	}
	return true;
}

const struct rg_dissector rg_dissect_varlink = {"varlink", varlink_match, varlink_summary};

static bool json_match(const struct rg_dissect_ctx *c, const struct rg_payload *p)
{
	size_t i = 1;

	if (p->p[0] != '{' || (c->family != AF_UNIX && c->family != AF_VSOCK && !rg_ctx_inet(c)))
		return false;
	while (i < p->len && (p->p[i] == ' ' || p->p[i] == '\n' || p->p[i] == '\r' || p->p[i] == '\t'))
		i++;
	return i < p->len && (p->p[i] == '"' || p->p[i] == '}');
}

static bool json_summary(const struct rg_dissect_ctx *c, const struct rg_payload *p, struct rg_text *t)
{
	struct rg_payload v;
	size_t end = p->len;

	rg_text_str(t, "JSON ");
	if (json_string(p, "method", &v)) { /* JSON-RPC, and much that looks like it (QMP: "execute") */
		rg_text_str(t, "method ");
		rg_pl_text(t, v.p, v.len, 80);
		return true;
	}
	while (end && (p->p[end - 1] == '\n' || p->p[end - 1] == '\r'))
		end--;
	rg_pl_text(t, p->p, end, 120);
	return true;
}

const struct rg_dissector rg_dissect_json = {"json", json_match, json_summary};

/* ---- SSH (RFC 4253, 4.2): only the line is in clear ---- */

static bool ssh_match(const struct rg_dissect_ctx *c, const struct rg_payload *p)
{
	return c->type == SOCK_STREAM && RG_PL_STARTS(p, "SSH-2.0-");
}

static bool ssh_summary(const struct rg_dissect_ctx *c, const struct rg_payload *p, struct rg_text *t)
{
	bool whole;
	size_t n = rg_pl_until(p, 0, '\n', &whole);

	rg_text_str(t, "SSH version ");
	rg_pl_text(t, p->p, n && p->p[n - 1] == '\r' ? n - 1 : n, 80);
	return true;
}

const struct rg_dissector rg_dissect_ssh = {"ssh", ssh_match, ssh_summary};

/* ---- TLS records (RFC 8446, 5.1) ---- */

static const struct rg_name tls_types[] = {
	{20, "change_cipher_spec"}, {21, "alert"}, {22, "handshake"}, {23, "application_data"}, {0, NULL}};
static const struct rg_name tls_handshakes[] = {{0, "hello_request"},	     {1, "client_hello"},
						{2, "server_hello"},	     {4, "new_session_ticket"},
						{8, "encrypted_extensions"}, {11, "certificate"},
						{12, "server_key_exchange"}, {13, "certificate_request"},
						{14, "server_hello_done"},   {15, "certificate_verify"},
						{16, "client_key_exchange"}, {20, "finished"},
						{24, "key_update"},	     {0, NULL}};

static bool tls_match(const struct rg_dissect_ctx *c, const struct rg_payload *p)
{
	return p->p[0] >= 20 && p->p[0] <= 23 && c->type == SOCK_STREAM && p->len >= 5 && p->p[1] == 3 &&
	       p->p[2] <= 4 && rg_be16(p->p + 3) <= 0x4100 && rg_be16(p->p + 3);
}

/* server_name of a client hello (RFC 6066, 3), at the start of the handshake's body. */
static bool server_name(const struct rg_payload *p, size_t at, struct rg_payload *ret)
{
	at += 2 + 32; /* version, random */
	if (!rg_pl_has(p, at, 1))
		return false;
	at += 1u + p->p[at]; /* session id */
	if (!rg_pl_has(p, at, 2))
		return false;
	at += 2u + rg_be16(p->p + at); /* cipher suites */
	if (!rg_pl_has(p, at, 1))
		return false;
	at += 1u + p->p[at]; /* compression methods */
	at += 2;	     /* length of the extensions */
	while (rg_pl_has(p, at, 4)) {
		uint16_t type = rg_be16(p->p + at), len = rg_be16(p->p + at + 2);

		if (type == 0 && rg_pl_has(p, at, 9)) {
			*ret = rg_pl_sub(p, at + 9, rg_be16(p->p + at + 7));
			return ret->len == ret->full;
		}
		at += 4u + len;
	}
	return false;
}

static bool tls_summary(const struct rg_dissect_ctx *c, const struct rg_payload *p, struct rg_text *t)
{
	const char *handshake = NULL;
	struct rg_payload host;

	rg_text_str(t, "TLS ");
	rg_text_str(t, rg_name_of(tls_types, p->p[0]));
	/* Encrypted handshake records have a random first byte: a known type with a plausible length is in
	 * clear. */
	if (p->p[0] == 22 && rg_pl_has(p, 5, 4) && !p->p[6] && rg_be16(p->p + 7) <= 0x4000)
		handshake = rg_name_of(tls_handshakes, p->p[5]);
	if (handshake) {
		rg_text_char(t, ' ');
		rg_text_str(t, handshake);
	}
	if (handshake && p->p[5] == 1 && server_name(p, 9, &host)) {
		rg_text_str(t, " for ");
		rg_pl_text(t, host.p, host.len, 120);
	}
	if (!handshake) {
		rg_text_str(t, " length ");
		rg_text_u64(t, rg_be16(p->p + 3));
	}
	return true;
}

const struct rg_dissector rg_dissect_tls = {"tls", tls_match, tls_summary};
