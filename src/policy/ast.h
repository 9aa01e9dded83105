/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_POLICY_AST_H
#define RG_POLICY_AST_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <recvguard/event.h>
#include <recvguard/policy.h>

#include "base/arena.h"
#include "base/buf.h"

/* The syntax tree of an expression, and the texts it came from. Everything lives in the compiler's arena. */

/* A piece of text that expressions are in: a --filter argument, or one scalar of a YAML file. */
struct rg_src {
	const char *origin; /* name in messages */
	const char *text;
	size_t len;
	unsigned line, col; /* of text[0] in origin, from 1 */
	unsigned indent;    /* columns before the second and later lines of text in origin */
	bool inexact;	    /* YAML folded or escaped it: only the scalar's first line can be given */
};

struct rg_loc {
	const struct rg_src *src;
	uint32_t first, last; /* byte offsets into src->text, last is exclusive */
};

enum rg_ast_kind {
#define RG_AST(ID, name) RG_A_##ID,
#include "policy/ast.def"
#undef RG_AST
	RG_A__COUNT
};
extern const char *const rg_ast_names[RG_A__COUNT];

enum rg_cmp { RG_EQ, RG_NE, RG_LT, RG_LE, RG_GT, RG_GE };
enum rg_strop { RG_S_EQ, RG_S_CONTAINS, RG_S_STARTS, RG_S_ENDS, RG_S_GLOB, RG_S_MATCHES };
enum rg_mode { RG_ANY, RG_ALL, RG_NONE };
enum rg_unit { RG_UNIT_NONE, RG_UNIT_SIZE, RG_UNIT_TIME };
extern const char *const rg_cmp_names[], *const rg_strop_names[], *const rg_mode_names[];

/* Arenas align to 8. */
typedef __int128 rg_i128 __attribute__((aligned(8)));

struct rg_ast {
	enum rg_ast_kind kind;
	struct rg_loc loc;
	struct rg_ast *kids, *last, *next; /* children in order; last of them; next sibling */
	uint16_t depth;
	uint8_t op;   /* enum rg_cmp, rg_strop or rg_mode, or the character of an arithmetic operator */
	uint8_t unit; /* INT: enum rg_unit */
	bool paren;   /* was in parentheses: and/or are not merged with it */
	/* set by the passes */
	bool typed;
	enum rg_type type; /* of a value, once typed; conditions are RG_T_BOOL with cond set */
	bool cond;
	bool dyn;		     /* the type is known only when the element is there (cmsg fields) */
	const struct rg_name *names; /* ENUM, FLAGS */
	int field;		     /* FIELD, COUNT, QUANT, SUB: enum rg_field */
	rg_i128 num;		     /* INT, TRUE/FALSE (1, 0) */
	const char *str; /* NAME, STR, BYTES, ELEM, SUB, CALL: not NUL-terminated for STR, BYTES */
	size_t len;
	uint32_t from, to;	/* SLICE; LOADINT: from = offset */
	uint8_t width, endian;	/* LOADINT: bytes, 'b' or 'l'; ADDR: prefix length in width */
	bool sign;		/* LOADINT */
	uint8_t ip[16], ip_len; /* ADDR */
};

#define RG_AST_DEPTH_MAX 200

/* Macros and lists: names that stand for an expression or for set items. */
struct rg_def {
	struct rg_def *next;
	const char *name;
	bool is_list;
	bool busy; /* being expanded: finds recursion */
	struct rg_ast *body;
	struct rg_loc loc;
};

/* What one compilation shares. */
struct rg_comp {
	struct rg_arena *arena;
	struct rg_err *err;
	struct rg_def *defs;
	bool failed;
	int scope; /* list field whose element is in scope, or -1 */
};

int rg_comp_init(struct rg_comp *c, struct rg_err *err);
void rg_comp_done(struct rg_comp *c);
struct rg_src *rg_src_new(struct rg_comp *c, const char *origin, const char *text, size_t len);
/* NULL when out of memory (the error is set). */
struct rg_ast *rg_ast_new(struct rg_comp *c, enum rg_ast_kind kind, struct rg_loc loc);
/* Append kid (and its siblings) to n. NULL when it would nest too deep (the error is set). */
struct rg_ast *rg_ast_add(struct rg_comp *c, struct rg_ast *n, struct rg_ast *kid);
struct rg_ast *rg_ast_clone(struct rg_comp *c, const struct rg_ast *n);
char *rg_comp_dup(struct rg_comp *c, const char *s, size_t len);
struct rg_def *rg_def_find(const struct rg_comp *c, const char *name, size_t len);

/* diag.c: "origin:line:col: error: ...", source line, caret. Returns -EINVAL; only the first one is kept. */
int rg_diag(struct rg_comp *c, struct rg_loc loc, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void rg_loc_linecol(struct rg_loc loc, unsigned *line, unsigned *col);
/* The nearest of several names to a misspelt one. */
struct rg_near {
	const char *name;
	size_t len;
	const char *best;
	unsigned dist;
};
static inline struct rg_near rg_near(const char *name, size_t len)
{
	return (struct rg_near){.name = name, .len = len, .dist = ~0u};
}
void rg_near_try(struct rg_near *n, const char *candidate);
void rg_near_names(struct rg_near *n, const struct rg_name *names);
/* "; did you mean "x"?" or "", in buf. */
const char *rg_near_hint(const struct rg_near *n, char *buf, size_t size);

/* The passes, in order. */
int rg_parse(struct rg_comp *c, const struct rg_src *src, struct rg_ast **ret);
int rg_pass_names(struct rg_comp *c, struct rg_ast **n);
int rg_pass_types(struct rg_comp *c, struct rg_ast *n);
int rg_pass_fold(struct rg_comp *c, struct rg_ast **n);
/* Value of a constant number, folded; used by types. */
int rg_const_num(struct rg_comp *c, struct rg_ast *n, const struct rg_name *names, __int128 *ret,
		 uint8_t *unit);

/* Field of the elements of a list or object field by name, or NULL. */
const struct rg_elem_info *rg_elem_find(int field, const char *name, size_t len);
/* Is this the name of a decoded field of some control message? */
bool rg_cmsg_field_known(const char *name, size_t len);

/* dump.c */
void rg_dump_tokens(struct rg_comp *c, const struct rg_src *src, struct rg_buf *b);
void rg_dump_ast(const struct rg_ast *n, bool types, struct rg_buf *b);
const char *rg_type_word(enum rg_type t);

#endif
