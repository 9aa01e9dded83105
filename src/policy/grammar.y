/* SPDX-License-Identifier: BSD-2-Clause */
/* Tokens to the tree. No conflicts, every node with its location. docs/expressions.md describes the language. */
%expect 0
%locations
%define api.pure full
%define api.prefix {rg_yy}
%define api.token.prefix {RG_TOK_}
%define api.location.type {struct rg_loc}
%define parse.error custom
%define parse.lac full
%lex-param { void *scanner }
%parse-param { void *scanner } { struct rg_lex *lx }

%initial-action { @$ = (struct rg_loc){lx->src, 0, 0}; }

%code requires {
#include "policy/ast.h"
struct rg_lex;
}
%code {
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#include "policy/lex.h"

#define YYLLOC_DEFAULT(cur, rhs, n)                                                     \
	do {                                                                            \
		(cur).src = lx->src;                                                    \
		(cur).first = (n) ? YYRHSLOC(rhs, 1).first : YYRHSLOC(rhs, 0).last;     \
		(cur).last = (n) ? YYRHSLOC(rhs, n).last : YYRHSLOC(rhs, 0).last;       \
	} while (0)
#define YYMALLOC malloc
#define YYFREE free

static void rg_yyerror(const struct rg_loc *loc, void *scanner, struct rg_lex *lx, const char *msg)
{
	rg_diag(lx->c, *loc, "%s", msg);
}

/* A node of kind with up to two children; aborts the parse when there is no memory or too much nesting. */
static struct rg_ast *node(struct rg_lex *lx, enum rg_ast_kind kind, struct rg_loc loc, int op, struct rg_ast *a,
			   struct rg_ast *b)
{
	struct rg_ast *n = rg_ast_new(lx->c, kind, loc);

	if (!n)
		return NULL;
	n->op = (uint8_t)op;
	if (a && !rg_ast_add(lx->c, n, a))
		return NULL;
	if (b && !rg_ast_add(lx->c, n, b))
		return NULL;
	return n;
}

/* and, or: one node however many operands */
static struct rg_ast *join(struct rg_lex *lx, enum rg_ast_kind kind, struct rg_loc loc, struct rg_ast *a,
			   struct rg_ast *b)
{
	if (a->kind != kind || a->paren)
		return node(lx, kind, loc, 0, a, b);
	a->loc = loc;
	return rg_ast_add(lx->c, a, b);
}

static struct rg_ast *text(struct rg_lex *lx, enum rg_ast_kind kind, struct rg_loc loc, const char *p, size_t len)
{
	struct rg_ast *n = rg_ast_new(lx->c, kind, loc);

	if (n) {
		n->str = p;
		n->len = len;
	}
	return n;
}

static struct rg_ast *number(struct rg_lex *lx, struct rg_loc loc, uint64_t v, uint8_t unit)
{
	struct rg_ast *n = rg_ast_new(lx->c, RG_A_INT, loc);

	if (n) {
		n->num = v;
		n->unit = unit;
	}
	return n;
}

#define CHECK(n)            \
	do {                \
		if (!(n))   \
			YYABORT; \
	} while (0)
}

%union {
	struct rg_ast *n;
	struct {
		const char *p;
		size_t len;
	} text;
	struct {
		uint64_t v;
		uint8_t unit;
	} num;
	struct {
		uint8_t ip[16], len, prefix;
	} addr;
	int op;
}

%token END 0 "the end"
%token OR "or" AND "and" NOT "not" IN "in" HAS "has" ANY "any" ALL "all" NONE "none" EXISTS "exists"
%token CONTAINS "contains" STARTS "startswith" ENDS "endswith" GLOB "glob" MATCHES "matches"
%token TRUE "true" FALSE "false"
%token EQ "==" NE "!=" LT "<" LE "<=" GT ">" GE ">=" DOTS ".."
%token BAD "an invalid token"
%token <text> NAME "a name" STR "a string" BYTES "bytes"
%token <num> INT "a number"
%token <addr> ADDR "an address"

%type <n> expr set items item primary literal args slice bound
%type <op> relop strop quant

%left OR
%left AND
%right NOT
%nonassoc EQ NE LT LE GT GE IN HAS EXISTS CONTAINS STARTS ENDS GLOB MATCHES
%left '|'
%left '+' '-'
%left '*' '/' '%'
%precedence NEG

%%
start: expr			{ lx->result = $1; }

expr:	  expr OR expr		{ $$ = join(lx, RG_A_OR, @$, $1, $3); CHECK($$); }
	| expr AND expr		{ $$ = join(lx, RG_A_AND, @$, $1, $3); CHECK($$); }
	| NOT expr		{ $$ = node(lx, RG_A_NOT, @$, 0, $2, NULL); CHECK($$); }
	| expr relop expr %prec EQ	{ $$ = node(lx, RG_A_CMP, @$, $2, $1, $3); CHECK($$); }
	| expr strop expr %prec EQ	{ $$ = node(lx, RG_A_STROP, @$, $2, $1, $3); CHECK($$); }
	| expr IN set		{ $$ = node(lx, RG_A_IN, @$, 0, $1, $3); CHECK($$); }
	| expr NOT IN set	{ $$ = node(lx, RG_A_IN, @$, 0, $1, $4); CHECK($$);
				  $$ = node(lx, RG_A_NOT, @$, 0, $$, NULL); CHECK($$); }
	| expr HAS set		{ $$ = node(lx, RG_A_HAS, @$, RG_ALL, $1, $3); CHECK($$); }
	| expr HAS quant set	{ $$ = node(lx, RG_A_HAS, @$, $3, $1, $4); CHECK($$); }
	| expr EXISTS		{ $$ = node(lx, RG_A_EXISTS, @$, 0, $1, NULL); CHECK($$); }
	| expr '|' expr		{ $$ = node(lx, RG_A_ARITH, @$, '|', $1, $3); CHECK($$); }
	| expr '+' expr		{ $$ = node(lx, RG_A_ARITH, @$, '+', $1, $3); CHECK($$); }
	| expr '-' expr		{ $$ = node(lx, RG_A_ARITH, @$, '-', $1, $3); CHECK($$); }
	| expr '*' expr		{ $$ = node(lx, RG_A_ARITH, @$, '*', $1, $3); CHECK($$); }
	| expr '/' expr		{ $$ = node(lx, RG_A_ARITH, @$, '/', $1, $3); CHECK($$); }
	| expr '%' expr		{ $$ = node(lx, RG_A_ARITH, @$, '%', $1, $3); CHECK($$); }
	| '-' expr %prec NEG	{ $$ = node(lx, RG_A_ARITH, @$, 'n', $2, NULL); CHECK($$); }
	| primary

relop: EQ { $$ = RG_EQ; } | NE { $$ = RG_NE; } | LT { $$ = RG_LT; } | LE { $$ = RG_LE; } | GT { $$ = RG_GT; } | GE { $$ = RG_GE; }
strop:	  CONTAINS { $$ = RG_S_CONTAINS; } | STARTS { $$ = RG_S_STARTS; } | ENDS { $$ = RG_S_ENDS; }
	| GLOB { $$ = RG_S_GLOB; } | MATCHES { $$ = RG_S_MATCHES; }
quant: ANY { $$ = RG_ANY; } | ALL { $$ = RG_ALL; } | NONE { $$ = RG_NONE; }

primary:  '(' expr ')'		{ $$ = $2; $$->paren = true; $$->loc = @$; }
	| literal
	| NAME			{ $$ = text(lx, RG_A_NAME, @$, $1.p, $1.len); CHECK($$); }
	| NAME '(' args ')'	{ $$ = text(lx, RG_A_CALL, @$, $1.p, $1.len); CHECK($$); CHECK(rg_ast_add(lx->c, $$, $3->kids)); }
	| quant '(' NAME ',' expr ')'	{ struct rg_ast *list = text(lx, RG_A_NAME, @3, $3.p, $3.len); CHECK(list);
				  $$ = node(lx, RG_A_QUANT, @$, $1, list, $5); CHECK($$); }
	| primary '[' slice ']'	{ $$ = $3; $$->loc = @$; CHECK(rg_ast_add(lx->c, $$, $1)); }

/* children: the bounds were put into from and to; the operand becomes the only child */
slice:	  bound ':' bound	{ $$ = rg_ast_new(lx->c, RG_A_SLICE, @$); CHECK($$);
				  $$->from = $1 ? (uint32_t)$1->num : 0; $$->to = $3 ? (uint32_t)$3->num : UINT32_MAX;
				  if ($$->from > $$->to) { rg_diag(lx->c, @$, "a slice ends after its beginning"); YYABORT; } }
	| bound			{ $$ = rg_ast_new(lx->c, RG_A_SLICE, @$); CHECK($$);
				  if (!$1) { rg_diag(lx->c, @$, "[...] takes an index or a slice from:to"); YYABORT; }
				  $$->from = (uint32_t)$1->num; $$->to = $$->from + 1; }
bound:	  %empty		{ $$ = NULL; }
	| INT			{ if ($1.v > 0x7fffffff) { rg_diag(lx->c, @1, "offset is too large"); YYABORT; }
				  $$ = number(lx, @$, $1.v, $1.unit); CHECK($$); }

literal:  INT			{ $$ = number(lx, @$, $1.v, $1.unit); CHECK($$); }
	| STR			{ $$ = text(lx, RG_A_STR, @$, $1.p, $1.len); CHECK($$); }
	| BYTES			{ $$ = text(lx, RG_A_BYTES, @$, $1.p, $1.len); CHECK($$); }
	| ADDR			{ $$ = rg_ast_new(lx->c, RG_A_ADDR, @$); CHECK($$);
				  memcpy($$->ip, $1.ip, 16); $$->ip_len = $1.len; $$->width = $1.prefix; }
	| TRUE			{ $$ = rg_ast_new(lx->c, RG_A_BOOL, @$); CHECK($$); $$->num = 1; }
	| FALSE			{ $$ = rg_ast_new(lx->c, RG_A_BOOL, @$); CHECK($$); }

args:	  expr			{ $$ = node(lx, RG_A_SET, @$, 0, $1, NULL); CHECK($$); }
	| args ',' expr		{ $$ = rg_ast_add(lx->c, $1, $3); CHECK($$); }

/* what stands right of in and has: one item, or several in braces */
set:	  '{' '}'		{ $$ = rg_ast_new(lx->c, RG_A_SET, @$); CHECK($$); }
	| '{' items '}'		{ $$ = $2; $$->loc = @$; }
	| '{' items ',' '}'	{ $$ = $2; $$->loc = @$; }
	| item %prec IN		{ $$ = node(lx, RG_A_SET, @$, 0, $1, NULL); CHECK($$); }
items:	  item			{ $$ = node(lx, RG_A_SET, @$, 0, $1, NULL); CHECK($$); }
	| items ',' item	{ $$ = rg_ast_add(lx->c, $1, $3); CHECK($$); }
item:	  primary
	| '-' primary		{ $$ = node(lx, RG_A_ARITH, @$, 'n', $2, NULL); CHECK($$); }
	| primary DOTS primary	{ $$ = node(lx, RG_A_RANGE, @$, 0, $1, $3); CHECK($$); }
	| '-' primary DOTS primary	{ $$ = node(lx, RG_A_ARITH, @1, 'n', $2, NULL); CHECK($$);
				  $$ = node(lx, RG_A_RANGE, @$, 0, $$, $4); CHECK($$); }
	| '-' primary DOTS '-' primary	{ struct rg_ast *a = node(lx, RG_A_ARITH, @1, 'n', $2, NULL), *b; CHECK(a);
				  b = node(lx, RG_A_ARITH, @4, 'n', $5, NULL); CHECK(b);
				  $$ = node(lx, RG_A_RANGE, @$, 0, a, b); CHECK($$); }
%%

#define EXPECTED_SHOWN 5

static int yyreport_syntax_error(const yypcontext_t *ctx, void *scanner, struct rg_lex *lx)
{
	yysymbol_kind_t want[YYNTOKENS], found = yypcontext_token(ctx);
	int n = yypcontext_expected_tokens(ctx, want, YYNTOKENS);
	const struct rg_loc *loc = yypcontext_location(ctx);
	rg_auto_buf b = {0};

	for (int i = 0; i < n && n <= EXPECTED_SHOWN; i++)
		rg_buf_printf(&b, "%s%s", i == 0 ? "; expected " : i == n - 1 ? " or " : ", ", yysymbol_name(want[i]));
	if (n > EXPECTED_SHOWN)
		for (int i = 0; i < n; i++)
			if (want[i] == YYSYMBOL_NAME || want[i] == YYSYMBOL_AND) {
				rg_buf_str(&b, want[i] == YYSYMBOL_NAME ? "; expected a field, value or condition"
									: "; expected an operator, \"and\", \"or\" or the end");
				break;
			}
	rg_diag(lx->c, *loc, "%s is not expected here%s", found == YYSYMBOL_YYEMPTY ? "this" : yysymbol_name(found),
		rg_buf_cstr(&b));
	return 0;
}

int rg_parse(struct rg_comp *c, const struct rg_src *src, struct rg_ast **ret)
{
	struct rg_lex lx = {.c = c, .src = src};
	int r;

	*ret = NULL;
	if (src->len > 16u << 20)
		return rg_diag(c, (struct rg_loc){src, 0, 0}, "expression is longer than 16 MiB");
	if (rg_lex_start(&lx))
		return rg_fail(c->err, -ENOMEM, "out of memory");
	r = rg_yyparse(lx.scanner, &lx);
	rg_lex_end(&lx);
	if (r == 2 && !c->failed)
		rg_diag(c, (struct rg_loc){src, 0, 0}, "expression is nested too deep or memory is out");
	if (r || c->failed)
		return -EINVAL;
	*ret = lx.result;
	return 0;
}
