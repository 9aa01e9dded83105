/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_POLICY_LEX_H
#define RG_POLICY_LEX_H

#include "policy/ast.h"

/* State of one scan. */
struct rg_lex {
	struct rg_comp *c;
	const struct rg_src *src;
	uint32_t pos;
	void *scanner;
	struct rg_ast *result;
};

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <recvguard/error.h>

#include "grammar.tab.h"

int rg_lex_start(struct rg_lex *lx);
void rg_lex_end(struct rg_lex *lx);
int rg_yylex(RG_YYSTYPE *val, struct rg_loc *loc, void *scanner);

/* Token makers (token.c); each returns the token, or RG_TOK_BAD with the error set. */
int rg_lex_name(struct rg_lex *lx, RG_YYSTYPE *val, const char *s, size_t len);
int rg_lex_hex(struct rg_lex *lx, RG_YYSTYPE *val, struct rg_loc *loc, const char *s, size_t len);
int rg_lex_string(struct rg_lex *lx, RG_YYSTYPE *val, struct rg_loc *loc, const char *s, size_t len);
int rg_lex_addr(struct rg_lex *lx, RG_YYSTYPE *val, struct rg_loc *loc, const char *s, size_t len);
int rg_lex_number(struct rg_lex *lx, RG_YYSTYPE *val, struct rg_loc *loc, const char *s, size_t len);
int rg_lex_bad(struct rg_lex *lx, struct rg_loc *loc, const char *why);

#endif
