/* SPDX-License-Identifier: BSD-2-Clause */
/* Every stage as text. */
#include "policy/dump.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "policy/expr.h"
#include "policy/lex.h"
#include "policy/lower/cbpf.h"
#include "policy/lower/match.h"

static void text(struct rg_buf *b, const char *s, size_t len)
{
	rg_buf_char(b, '"');
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c < ' ' || c > '~' || c == '"' || c == '\\')
			rg_buf_printf(b, "\\x%02x", c);
		else
			rg_buf_char(b, (char)c);
	}
	rg_buf_char(b, '"');
}

/* Tokens are printed by what they are made of: their text. */
static const char *token_kind(int t)
{
	switch (t) {
	case RG_TOK_NAME: return "name";
	case RG_TOK_STR: return "string";
	case RG_TOK_BYTES: return "bytes";
	case RG_TOK_INT: return "number";
	case RG_TOK_ADDR: return "address";
	case RG_TOK_BAD: return "bad";
	default: return t < 256 ? "punct" : "keyword";
	}
}

void rg_dump_tokens(struct rg_comp *c, const struct rg_src *src, struct rg_buf *b)
{
	struct rg_lex lx = {.c = c, .src = src};
	struct rg_loc loc = {src, 0, 0};
	RG_YYSTYPE val;
	int t;

	if (rg_lex_start(&lx))
		return;
	while ((t = rg_yylex(&val, &loc, lx.scanner)) > 0) {
		unsigned line, col;

		rg_loc_linecol(loc, &line, &col);
		rg_buf_printf(b, "%u:%u\t%s\t%.*s", line, col, token_kind(t), (int)(loc.last - loc.first),
			      src->text + loc.first);
		if (t == RG_TOK_INT && (val.num.unit || src->text[loc.first] == '0'))
			rg_buf_printf(b, "\t= %llu", (unsigned long long)val.num.v);
		rg_buf_char(b, '\n');
		if (t == RG_TOK_BAD)
			break;
	}
	rg_lex_end(&lx);
}

static void dump_num(struct rg_buf *b, __int128 v)
{
	if (v < 0)
		rg_buf_i64(b, (int64_t)v);
	else
		rg_buf_u64(b, (uint64_t)v);
}

static void dump_addr(struct rg_buf *b, const struct rg_ast *n)
{
	char tmp[INET6_ADDRSTRLEN];

	inet_ntop(n->ip_len == 16 ? AF_INET6 : AF_INET, n->ip, tmp, sizeof(tmp));
	rg_buf_printf(b, " %s/%u", tmp, n->width);
}

static void dump_detail(const struct rg_ast *n, struct rg_buf *b)
{
	const char *name;

	switch (n->kind) {
	case RG_A_CMP: rg_buf_printf(b, " %s", rg_cmp_names[n->op]); break;
	case RG_A_STROP: rg_buf_printf(b, " %s", rg_strop_names[n->op]); break;
	case RG_A_HAS:
	case RG_A_QUANT: rg_buf_printf(b, " %s", rg_mode_names[n->op]); break;
	case RG_A_NAME:
	case RG_A_CALL:
	case RG_A_ELEM: rg_buf_printf(b, " %.*s", (int)n->len, n->str); break;
	case RG_A_SUB: rg_buf_printf(b, " %s.%s", rg_fields[n->field].name, n->str); break;
	case RG_A_STR:
	case RG_A_BYTES:
		rg_buf_char(b, ' ');
		text(b, n->str, n->len);
		break;
	case RG_A_INT:
		rg_buf_char(b, ' ');
		dump_num(b, n->num);
		name = n->names && n->type == RG_T_ENUM ? rg_name_of(n->names, (uint64_t)n->num) : NULL;
		if (name)
			rg_buf_printf(b, " (%s)", name);
		break;
	case RG_A_BOOL: rg_buf_str(b, n->num ? " true" : " false"); break;
	case RG_A_ADDR: dump_addr(b, n); break;
	case RG_A_FIELD:
	case RG_A_COUNT: rg_buf_printf(b, " %s", rg_fields[n->field].name); break;
	case RG_A_SLICE:
		rg_buf_printf(b, " %u:", n->from);
		if (n->to != UINT32_MAX)
			rg_buf_u64(b, n->to);
		break;
	case RG_A_LOADINT:
		rg_buf_printf(b, " %s%ce%u at %u", n->sign ? "i" : "", n->endian, n->width * 8, n->from);
		break;
	case RG_A_ARITH: rg_buf_printf(b, " %c", n->op == 'n' ? '-' : n->op); break;
	default: break;
	}
}

static void dump_node(const struct rg_ast *n, bool types, unsigned depth, struct rg_buf *b)
{
	for (unsigned i = 0; i < depth; i++)
		rg_buf_str(b, "  ");
	rg_buf_printf(b, "(%s", rg_ast_names[n->kind]);
	dump_detail(n, b);
	if (types && n->typed)
		rg_buf_printf(b, " : %s%s", n->cond ? "condition" : rg_type_word(n->type),
			      n->dyn ? ", known at run time" : "");
	for (const struct rg_ast *k = n->kids; k; k = k->next) {
		rg_buf_char(b, '\n');
		dump_node(k, types, depth + 1, b);
	}
	rg_buf_char(b, ')');
}

void rg_dump_ast(const struct rg_ast *n, bool types, struct rg_buf *b)
{
	dump_node(n, types, 0, b);
	rg_buf_char(b, '\n');
}

const char *const rg_stage_names[RG_STAGE__COUNT + 1] = {"tokens", "ast", "types", "ir", "bpf", "cbpf", NULL};

static int dump_ir_stages(struct rg_comp *c, const struct rg_ast *n, enum rg_use use, enum rg_stage stage,
			  struct rg_buf *out)
{
	struct rg_ir *ir = NULL;
	struct rg_match m;
	int r = rg_lower_ir(c, n, use, &ir);

	if (r)
		return r;
	if (stage == RG_STAGE_IR) {
		rg_ir_disasm(ir, out);
	} else if (stage == RG_STAGE_BPF) {
		r = rg_lower_match(ir, &m, c->err);
		if (!r) {
			rg_match_disasm(&m, out);
			rg_match_free(&m);
		}
	} else {
		struct rg_cbpf f;

		r = rg_lower_cbpf(ir, &f, c->err);
		if (!r)
			rg_cbpf_disasm(&f, out);
	}
	free(ir);
	return r;
}

int rg_dump_src(struct rg_comp *c, const struct rg_src *src, enum rg_use use, enum rg_stage stage,
		struct rg_buf *out)
{
	struct rg_ast *n = NULL;
	int r;

	if (stage == RG_STAGE_TOKENS) {
		rg_dump_tokens(c, src, out);
		return c->failed ? -EINVAL : 0;
	}
	r = stage == RG_STAGE_AST ? rg_parse(c, src, &n) : rg_compile_tree(c, src, &n);
	if (r)
		return r;
	if (stage <= RG_STAGE_TYPES) {
		rg_dump_ast(n, stage == RG_STAGE_TYPES, out);
		return 0;
	}
	return dump_ir_stages(c, n, use, stage, out);
}

int rg_expr_dump(const char *expr, const char *origin, enum rg_stage stage, char **ret, struct rg_err *err)
{
	struct rg_buf out = {0};
	struct rg_src *src;
	struct rg_comp c;
	int r = rg_comp_init(&c, err);

	*ret = NULL;
	if (r)
		return r;
	src = rg_src_new(&c, origin, expr, strlen(expr));
	r = src ? rg_dump_src(&c, src, RG_USE_FILTER, stage, &out) : -ENOMEM;
	rg_comp_done(&c);
	rg_buf_cstr(&out);
	if (!r && out.oom)
		r = rg_fail(err, -ENOMEM, "out of memory");
	if (r)
		rg_buf_free(&out);
	*ret = out.data;
	return r;
}
