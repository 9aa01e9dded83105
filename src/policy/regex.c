/* SPDX-License-Identifier: BSD-2-Clause */
/* Pattern to tree to non-deterministic automaton. dfa.c makes that deterministic. */
#include "policy/regex.h"

#include <errno.h>
#include <string.h>

#include "policy/nfa.h"

struct parse {
	const char *p;
	size_t len, at;
	struct rg_nfa *nfa;
	struct rg_regex_err *e;
	int depth;
	bool icase, dotall;
	bool no_repeat; /* what atom() returned last can't be repeated: ^, $, (?i) */
};

static int bad(struct parse *ps, const char *what)
{
	ps->e->at = ps->at > ps->len ? ps->len : ps->at;
	ps->e->what = what;
	return -1;
}

static int tree(struct parse *ps, int kind, int a, int b)
{
	struct rg_nfa *n = ps->nfa;

	if (n->n_trees >= RG_NFA_TREES)
		return bad(ps, "pattern is too long");
	n->trees[n->n_trees] = (struct rg_re_tree){.kind = (uint8_t)kind, .a = a, .b = b};
	return n->n_trees++;
}

static void set_bit(uint32_t *cls, unsigned b)
{
	cls[b / 32] |= 1u << (b % 32);
}

static void set_range(struct parse *ps, uint32_t *cls, unsigned lo, unsigned hi)
{
	for (unsigned b = lo; b <= hi; b++) {
		set_bit(cls, b);
		if (ps->icase && ((b | 0x20) >= 'a' && (b | 0x20) <= 'z'))
			set_bit(cls, b ^ 0x20);
	}
}

static int tree_class(struct parse *ps, const uint32_t *cls)
{
	int t = tree(ps, RG_RE_CLASS, 0, 0);

	if (t >= 0)
		memcpy(ps->nfa->trees[t].cls, cls, sizeof(ps->nfa->trees[t].cls));
	return t;
}

static void named_class(uint32_t *cls, char c)
{
	uint32_t set[8] = {0};
	bool neg = c < 'a';

	for (unsigned b = 0; b < 256; b++) {
		bool digit = b >= '0' && b <= '9', alpha = (b | 0x20) >= 'a' && (b | 0x20) <= 'z' && b < 128;
		bool in = (c | 0x20) == 'd'   ? digit
			  : (c | 0x20) == 'w' ? digit || alpha || b == '_'
			  : (c | 0x20) == 's' ? b == ' ' || (b >= 9 && b <= 13)
					      : b == ' ' || b == '\t';

		if (in != neg)
			set_bit(set, b);
	}
	for (int i = 0; i < 8; i++)
		cls[i] |= set[i];
}

static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

/* \0 and up to two more octal digits, as in PCRE2 */
static int octal(struct parse *ps)
{
	int v = 0;

	for (int i = 0; i < 2 && ps->at < ps->len && ps->p[ps->at] >= '0' && ps->p[ps->at] <= '7'; i++)
		v = v * 8 + (ps->p[ps->at++] - '0');
	return v;
}

/* After a backslash: adds to cls; returns the byte when it was a single one, -2 for a class, -1 on error. */
static int escape(struct parse *ps, uint32_t *cls)
{
	char c = ps->at < ps->len ? ps->p[ps->at] : 0;
	static const char from[] = "ntrfae", to[] = "\n\t\r\f\a\x1b";
	const char *f;

	if (ps->at >= ps->len)
		return bad(ps, "nothing follows the backslash");
	ps->at++;
	if (c && strchr("dDwWsShH", c)) {
		named_class(cls, c);
		return -2;
	}
	f = strchr(from, c);
	if (c && f)
		return to[f - from];
	if (c == 'x') {
		if (ps->at + 1 >= ps->len || hex(ps->p[ps->at]) < 0 || hex(ps->p[ps->at + 1]) < 0)
			return bad(ps, "\\x takes two hexadecimal digits");
		ps->at += 2;
		return hex(ps->p[ps->at - 2]) << 4 | hex(ps->p[ps->at - 1]);
	}
	if (c == '0')
		return octal(ps);
	if ((c | 32) == 'v')
		return bad(ps, "\\v is a byte here and a class there; spell it \\x0b or [\\n-\\r]");
	if ((c >= '1' && c <= '9') || (c | 32) == 'k' || (c | 32) == 'g')
		return bad(ps, "back-references are not available: they can't be matched in linear time");
	if ((c | 32) == 'b')
		return bad(ps, "\\b is not available; spell the neighbours as classes");
	if (((c | 32) >= 'a' && (c | 32) <= 'z'))
		return bad(ps, "unknown escape");
	return (unsigned char)c;
}

static int posix_class(struct parse *ps, uint32_t *cls)
{
	static const struct {
		const char *name;
		const char *ranges;
	} t[] = {{"alpha:]", "AZaz"},	 {"digit:]", "09"},	  {"alnum:]", "AZaz09"},
		 {"space:]", "\t\r  "},	 {"upper:]", "AZ"},	  {"lower:]", "az"},
		 {"xdigit:]", "09AFaf"}, {"punct:]", "!/:@[`{~"}, {"print:]", " ~"}};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		size_t n = strlen(t[i].name);

		if (ps->len - ps->at < n || memcmp(ps->p + ps->at, t[i].name, n))
			continue;
		for (const char *r = t[i].ranges; *r; r += 2)
			set_range(ps, cls, (unsigned char)r[0], (unsigned char)r[1]);
		ps->at += n;
		return 0;
	}
	return bad(ps, "unknown class name");
}

/* One end of a range inside [...]; -2 when it was a class of its own. */
static int bracket_item(struct parse *ps, uint32_t *cls)
{
	char c = ps->p[ps->at++], next = ps->at < ps->len ? ps->p[ps->at] : 0;

	if (c == '\\')
		return escape(ps, cls);
	if (c == '[' && next == ':') {
		ps->at++;
		return posix_class(ps, cls) ? -1 : -2;
	}
	if (c == '[' && (next == '.' || next == '='))
		return bad(ps, "collating elements are not available; write \\[ for the bracket itself");
	return (unsigned char)c;
}

/* Is there a - that makes a range of what is before it and what follows? */
static bool range_follows(const struct parse *ps)
{
	return ps->at + 1 < ps->len && ps->p[ps->at] == '-' && ps->p[ps->at + 1] != ']';
}

/* at: after the [ */
static int bracket(struct parse *ps, bool glob)
{
	uint32_t cls[8] = {0};
	bool neg = false, first = true;

	if (ps->at < ps->len && (ps->p[ps->at] == '^' || (glob && ps->p[ps->at] == '!'))) {
		neg = true;
		ps->at++;
	}
	for (;; first = false) {
		int lo, hi;

		if (ps->at >= ps->len)
			return bad(ps, "[ without its ]");
		if (ps->p[ps->at] == ']' && !first)
			break;
		lo = hi = bracket_item(ps, cls);
		if (lo == -1)
			return -1;
		if (range_follows(ps)) {
			if (lo < 0)
				return bad(ps, "a class can't begin a range; write \\- for the hyphen");
			ps->at++;
			hi = bracket_item(ps, cls);
			if (hi == -1)
				return -1;
			if (hi < lo)
				return bad(ps, "range in [...] is out of order");
		}
		if (lo >= 0)
			set_range(ps, cls, (unsigned)lo, (unsigned)hi);
	}
	ps->at++;
	for (int i = 0; i < 8; i++)
		cls[i] = neg ? ~cls[i] : cls[i];
	return tree_class(ps, cls);
}

static int single(struct parse *ps, unsigned b)
{
	uint32_t cls[8] = {0};

	set_range(ps, cls, b, b);
	return tree_class(ps, cls);
}

static int dot(struct parse *ps, bool all)
{
	uint32_t cls[8];

	memset(cls, 0xff, sizeof(cls));
	if (!all)
		cls['\n' / 32] &= ~(1u << ('\n' % 32));
	return tree_class(ps, cls);
}

static int alternatives(struct parse *ps);

static int group(struct parse *ps)
{
	bool icase = ps->icase, dotall = ps->dotall;
	int t;

	if (ps->at < ps->len && ps->p[ps->at] == '?') {
		ps->at++;
		while (ps->at < ps->len && (ps->p[ps->at] == 'i' || ps->p[ps->at] == 's')) {
			ps->icase |= ps->p[ps->at] == 'i';
			ps->dotall |= ps->p[ps->at++] == 's';
		}
		if (ps->at < ps->len && ps->p[ps->at] == ')') { /* (?i): to the end of the enclosing group */
			ps->at++;
			ps->no_repeat = true;
			return tree(ps, RG_RE_EMPTY, 0, 0);
		}
		if (ps->at >= ps->len || ps->p[ps->at] != ':')
			return bad(ps, "of (?...) only (?:...), (?i) and (?s) are available: look-around "
				       "can't be matched in linear time");
		ps->at++;
	}
	if (++ps->depth > 50)
		return bad(ps, "groups are nested too deep");
	t = alternatives(ps);
	if (t < 0)
		return t;
	ps->depth--;
	ps->icase = icase;
	ps->dotall = dotall;
	ps->no_repeat = false;
	if (ps->at >= ps->len || ps->p[ps->at] != ')')
		return bad(ps, "( without its )");
	ps->at++;
	return t;
}

static bool number(struct parse *ps, int *ret)
{
	size_t from = ps->at;

	*ret = 0;
	while (ps->at < ps->len && ps->p[ps->at] >= '0' && ps->p[ps->at] <= '9' && *ret < 10000)
		*ret = *ret * 10 + (ps->p[ps->at++] - '0');
	return ps->at > from;
}

/* {m}, {m,}, {m,n} at ps->at, after the brace; false: it is literal text. */
static bool braces(struct parse *ps, int *lo, int *hi)
{
	size_t from = ps->at;

	if (!number(ps, lo))
		goto literal;
	*hi = *lo;
	if (ps->at < ps->len && ps->p[ps->at] == ',') {
		ps->at++;
		if (!number(ps, hi))
			*hi = -1;
	}
	if (ps->at < ps->len && ps->p[ps->at] == '}') {
		ps->at++;
		return true;
	}
literal:
	ps->at = from;
	return false;
}

static int atom(struct parse *ps)
{
	uint32_t cls[8] = {0};
	char c = ps->p[ps->at++];
	int b, lo, hi;

	ps->no_repeat = c == '^' || c == '$';
	switch (c) {
	case '(': return group(ps);
	case '[': return bracket(ps, false);
	case '.': return dot(ps, ps->dotall);
	case '^': return tree(ps, RG_RE_BOL, 0, 0);
	case '$': return tree(ps, RG_RE_EOL, 0, 0);
	case '*':
	case '+':
	case '?': ps->at--; return bad(ps, "nothing to repeat");
	case '{': /* text, unless it is a repetition */
		if (braces(ps, &lo, &hi))
			return bad(ps, "nothing to repeat; write \\{ for the brace itself");
		return single(ps, '{');
	case '\\':
		b = escape(ps, cls);
		return b == -1 ? -1 : b == -2 ? tree_class(ps, cls) : single(ps, (unsigned)b & 0xff);
	default: return single(ps, (unsigned char)c);
	}
}

/* The repetition at ps->at, if there is one: 1, none 0, error -1. */
static int repetition(struct parse *ps, int *lo, int *hi)
{
	char c = ps->at < ps->len ? ps->p[ps->at] : 0;

	if (c != '*' && c != '+' && c != '?' && c != '{')
		return 0;
	ps->at++;
	*lo = c == '+';
	*hi = c == '?' ? 1 : -1;
	if (c == '{' && !braces(ps, lo, hi)) {
		ps->at--; /* text */
		return 0;
	}
	if (ps->no_repeat)
		return bad(ps, "nothing to repeat: ^, $ and a repetition can be repeated in (?:...) only");
	if (*hi >= 0 && *hi < *lo)
		return bad(ps, "{m,n} needs m <= n");
	if (*lo > 1000 || *hi > 1000)
		return bad(ps, "at most 1000 repetitions");
	return 1;
}

static int repeated(struct parse *ps)
{
	int t = atom(ps), lo, hi, r;

	while (t >= 0 && (r = repetition(ps, &lo, &hi))) {
		t = r < 0 ? -1 : tree(ps, RG_RE_REPEAT, t, 0);
		if (t < 0)
			return t;
		ps->nfa->trees[t].lo = lo;
		ps->nfa->trees[t].hi = hi;
		ps->no_repeat = true;
		if (ps->at < ps->len && ps->p[ps->at] == '?') /* lazy: the same for "does it match" */
			ps->at++;
		else if (ps->at < ps->len && ps->p[ps->at] == '+')
			return bad(ps, "possessive repetition is not available");
	}
	return t;
}

static int sequence(struct parse *ps)
{
	int t = tree(ps, RG_RE_EMPTY, 0, 0);

	while (t >= 0 && ps->at < ps->len && ps->p[ps->at] != '|' && ps->p[ps->at] != ')') {
		int next = repeated(ps);

		t = next < 0 ? -1 : tree(ps, RG_RE_CAT, t, next);
	}
	return t;
}

static int alternatives(struct parse *ps)
{
	int t = sequence(ps);

	while (t >= 0 && ps->at < ps->len && ps->p[ps->at] == '|') {
		int next;

		ps->at++;
		next = sequence(ps);
		t = next < 0 ? -1 : tree(ps, RG_RE_ALT, t, next);
	}
	return t;
}

static int glob_tree(struct parse *ps)
{
	int t = tree(ps, RG_RE_BOL, 0, 0);

	while (t >= 0 && ps->at < ps->len) {
		char c = ps->p[ps->at++];
		int next;

		if (c == '*') {
			next = dot(ps, true);
			next = next < 0 ? -1 : tree(ps, RG_RE_REPEAT, next, 0);
			if (next >= 0)
				ps->nfa->trees[next].hi = -1;
		} else if (c == '?') {
			next = dot(ps, true);
		} else if (c == '[') {
			next = bracket(ps, true);
		} else if (c == '\\' && ps->at < ps->len) {
			next = single(ps, (unsigned char)ps->p[ps->at++]);
		} else {
			next = single(ps, (unsigned char)c);
		}
		t = next < 0 ? -1 : tree(ps, RG_RE_CAT, t, next);
	}
	return t < 0 ? t : tree(ps, RG_RE_CAT, t, tree(ps, RG_RE_EOL, 0, 0));
}

int rg_nfa_parse(struct rg_nfa *n, const char *p, size_t len, bool glob, struct rg_regex_err *e)
{
	struct parse ps = {.p = p, .len = len, .nfa = n, .e = e};
	int t;

	*e = (struct rg_regex_err){0, "pattern is too large"};
	t = glob ? glob_tree(&ps) : alternatives(&ps);
	if (t < 0)
		return -EINVAL;
	if (ps.at < ps.len) {
		bad(&ps, ") without its (");
		return -EINVAL;
	}
	return rg_nfa_build(n, t, !glob) ? rg_regex_too_big(e) : 0;
}
