/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The automata of regex.h against PCRE2: patterns over the whole syntax and subjects at random, compiled and
 * run by both. RG_SEED (a number, or time) and RG_PAIRS choose another run. Globs the same against
 * fnmatch(3).
 */
#include "tests/lib/unit.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <errno.h>
#include <fnmatch.h>
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "policy/regex.h"

static uint64_t rng_state;
static unsigned rnd(unsigned n)
{
	rng_state = rng_state * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(rng_state >> 33) % n;
}

/* ---- the two sides */

static const char *why; /* the last refusal of ours */

/* The automaton, verified; NULL when the pattern is refused. */
static struct rg_dfa *ours(const char *p, size_t len, bool glob, struct rg_buf *out)
{
	struct rg_regex_err e = {0};
	int r = rg_regex_compile(p, len, glob, out, &e);

	why = e.what;
	if (r) {
		assert_non_null(e.what);
		assert_true(e.at <= len);
		assert_true(r == -EINVAL || r == -E2BIG);
		return NULL;
	}
	assert_true(rg_dfa_verify(out->data, out->len));
	return (void *)out->data;
}

/* Bytes, "." is not \n, "$" is the very end: as regex.h means them. */
static pcre2_code *theirs(const char *p, size_t len)
{
	pcre2_compile_context *cx = pcre2_compile_context_create(NULL);
	pcre2_code *re;
	PCRE2_SIZE at;
	int err;

	pcre2_set_newline(cx, PCRE2_NEWLINE_LF);
	re = pcre2_compile((PCRE2_SPTR)p, len, PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_UTF, &err, &at, cx);
	pcre2_compile_context_free(cx);
	return re;
}

/* 1, 0, or -1 when PCRE2 gives up (its limit of backtracking). */
static int their_match(const pcre2_code *re, const char *s, size_t len)
{
	pcre2_match_data *md = pcre2_match_data_create(1, NULL);
	int r = pcre2_match(re, (PCRE2_SPTR)s, len, 0, 0, md, NULL);

	pcre2_match_data_free(md);
	return r >= 0 ? 1 : r == PCRE2_ERROR_NOMATCH ? 0 : -1;
}

static void show(const char *label, const char *p, size_t len)
{
	fprintf(stderr, "# %s \"", label);
	for (size_t i = 0; i < len; i++)
		fprintf(stderr, p[i] >= 32 && p[i] < 127 ? "%c" : "<%02x>", (unsigned char)p[i]);
	fputs("\"\n", stderr);
}

/* ---- patterns and subjects */

static char pat[4096];
static size_t n_pat;

static void put(const char *s, size_t len)
{
	assert_true(n_pat + len <= sizeof(pat));
	memcpy(pat + n_pat, s, len);
	n_pat += len;
}
#define PUT(s) put(s, sizeof(s) - 1)

static void put_str(const char *s)
{
	put(s, strlen(s));
}

/* Few different ones, so that subjects hit them. */
static const char letters[] = {'a',  'b', 'A',	  'B',	  '1',	  '_', ' ', '\n',
			       '\t', 0,	  '\x80', '\xe9', '\xff', '-', ']', '{'};

static char letter(void)
{
	return letters[rnd(3) ? rnd(5) : rnd(sizeof(letters))];
}

/* One byte, in one of its spellings. */
static void put_byte(char c, bool in_class)
{
	static const char meta[] = "\\^$.[]|()*+?{}-";
	char t[8];

	if (rnd(6) == 0)
		put(t, (size_t)snprintf(t, sizeof(t), rnd(2) ? "\\x%02x" : "\\x%02X", (unsigned char)c));
	else if (c == '\n' && rnd(2))
		PUT("\\n");
	else if (c == '\t' && rnd(2))
		PUT("\\t");
	else if (!c && rnd(3) == 0)
		put("\\000", 2 + rnd(3)); /* what follows may be a digit: octal */
	else if ((c && strchr(meta, c) && (in_class || rnd(8))) || (!(c & 0x60) && rnd(4) == 0))
		put((char[]){'\\', c}, 2);
	else
		put(&c, 1);
}

static void put_class(void)
{
	static const char *const named[] = {"[:alpha:]", "[:digit:]",  "[:alnum:]", "[:space:]", "[:upper:]",
					    "[:lower:]", "[:xdigit:]", "[:punct:]", "[:print:]"};
	static const char *const esc[] = {"\\d", "\\D", "\\w", "\\W", "\\s", "\\S"};

	PUT("[");
	if (rnd(3) == 0)
		PUT("^");
	if (rnd(8) == 0)
		PUT("]");
	for (unsigned i = 1 + rnd(3); i; i--) {
		char lo = letter(), hi = letter();

		switch (rnd(6)) {
		case 0: put_str(named[rnd(9)]); break;
		case 1: put(esc[rnd(6)], 2); break;
		case 2:
		case 3:
			put_byte((unsigned char)lo < (unsigned char)hi ? lo : hi, true);
			PUT("-");
			put_byte((unsigned char)lo < (unsigned char)hi ? hi : lo, true);
			break;
		default: put_byte(lo, true);
		}
		if (rnd(12) == 0)
			PUT("-");
	}
	PUT("]");
}

static void put_repeat(void)
{
	char t[32];
	unsigned lo = rnd(4), hi = lo + rnd(3);

	if (!hi) /* PCRE2 10.42 finds no "b" for (?:a|^.|$){0}b; regex_known.c asks about {0} */
		hi = lo = 1;
	switch (rnd(8)) {
	case 0: PUT("*"); break;
	case 1: PUT("+"); break;
	case 2: PUT("?"); break;
	case 3: put(t, (size_t)snprintf(t, sizeof(t), "{%u}", hi)); break;
	case 4: put(t, (size_t)snprintf(t, sizeof(t), "{%u,}", lo)); break;
	case 5: put(t, (size_t)snprintf(t, sizeof(t), "{%u,%u}", lo, hi)); break;
	case 6: put("{1,x}{", 1 + rnd(6)); return; /* not a repetition: text, or the beginning of one */
	default: return;
	}
	if (rnd(4) == 0)
		PUT("?");
}

static void put_alternatives(int depth);

static void put_atom(int depth)
{
	static const char *const esc[] = {"\\d", "\\D", "\\w", "\\W", "\\s", "\\S"};
	static const char *const open[] = {"(", "(?:", "(?i:", "(?s:", "(?is:"};
	unsigned k = rnd(depth ? 16 : 12);

	if (k < 6)
		put_byte(letter(), false);
	else if (k == 6)
		PUT(".");
	else if (k == 7)
		put(esc[rnd(6)], 2);
	else if (k == 8)
		put_class();
	else if (k == 9)
		put(rnd(2) ? "^" : "$", 1);
	else if (k == 10)
		rnd(3) ? put_byte(letter(), false) : PUT("(?i)");
	else if (k == 11)
		put_class();
	else {
		put_str(open[rnd(5)]);
		put_alternatives(depth - 1);
		PUT(")");
	}
}

static void put_alternatives(int depth)
{
	for (unsigned i = 1 + (rnd(3) == 0) + (rnd(6) == 0); i; i--) {
		for (unsigned k = rnd(5); k; k--) {
			put_atom(depth);
			if (rnd(3) == 0)
				put_repeat();
		}
		if (i > 1)
			PUT("|");
	}
}

static size_t subject(char *s, size_t max)
{
	size_t n = rnd(3) ? rnd(6) : rnd((unsigned)max + 1);

	for (size_t i = 0; i < n; i++)
		s[i] = rnd(12) ? letter() : (char)rnd(256);
	return n;
}

/* ---- tests */

struct tally {
	long pairs, matched, patterns, refused, both_refused, gave_up;
};

/* A pattern ours takes and PCRE2 doesn't, or another answer: false. Part of the subject first: what the
 * automaton is sure of must hold whatever follows. */
static bool agree(struct tally *t)
{
	rg_auto_buf out = {0};
	struct rg_dfa *d = ours(pat, n_pat, false, &out);
	pcre2_code *re = theirs(pat, n_pat);
	bool ok = !d || re;

	t->patterns++;
	t->refused += !d && re;
	t->both_refused += !d && !re;
	if (!ok)
		show("PCRE2 refuses pattern", pat, n_pat);
	for (int i = 0; d && re && ok && i < 8; i++) {
		char s[24];
		size_t n = subject(s, sizeof(s)), part = rnd((unsigned)n + 1);
		int want = their_match(re, s, n), got = rg_dfa_run(d, s, n, false),
		    early = rg_dfa_run(d, s, part, true);

		if (want < 0) {
			t->gave_up++;
			continue;
		}
		t->pairs++;
		t->matched += want;
		ok = got == want && (early < 0 || early == want);
		if (ok)
			continue;
		show("pattern", pat, n_pat);
		show("subject", s, n);
		fprintf(stderr, "# PCRE2 %d, ours %d, after %zu bytes %d\n", want, got, part, early);
	}
	pcre2_code_free(re);
	return ok;
}

static long wanted(void)
{
	return getenv("RG_PAIRS") ? atol(getenv("RG_PAIRS")) : 40000;
}

static uint64_t seed(void)
{
	const char *s = getenv("RG_SEED");

	return rng_state = !s ? 20261126 : !strcmp(s, "time") ? (uint64_t)time(NULL) : strtoull(s, NULL, 0);
}

static void random_patterns(void **state)
{
	struct tally t = {0};
	uint64_t from = seed();

	(void)state;
	while (t.pairs < wanted()) {
		n_pat = 0;
		put_alternatives(3);
		if (!agree(&t))
			fail_msg("another answer than PCRE2: RG_SEED=%llu", (unsigned long long)from);
	}
	printf("# seed %llu: %ld patterns, %ld pairs (%ld match); refused by us alone %ld, by both %ld; "
	       "PCRE2 gave up %ld\n",
	       (unsigned long long)from, t.patterns, t.pairs, t.matched, t.refused, t.both_refused,
	       t.gave_up);
	/* the answers must not come from refusing, or from never matching */
	assert_true(t.refused < t.patterns / 5);
	assert_true(t.matched > t.pairs / 10 && t.matched < t.pairs * 9 / 10);
	assert_true(t.gave_up < t.pairs / 100);
}

/* What random patterns meet too seldom: each of the patterns against every subject. */
static const struct {
	const char *p;
	size_t n;
} chosen_p[] = {
#define P(s)                     \
	{                        \
		s, sizeof(s) - 1 \
	}
	P(""),
	P("|"),
	P("()"),
	P("^$"),
	P("$^"),
	P("a$"),
	P("^a"),
	P("a^"),
	P("$a"),
	P("(^|a)b"),
	P("b($|a)"),

	P("(?:^a)*b"),
	P("(?:^)*a"),
	P("(?:a$)*"),
	P("(a$)?b"),
	P("."),
	P("(?s)."),
	P("(?i)aB"),
	P("a(?i)b|c"),
	P("(a(?i)b)c"),
	P("(?i:a)b"),
	P("(?i)[^a]"),
	P("(?i)[A-b]"),
	P("(?i)[[:upper:]]"),
	P("[]a]"),
	P("[^]a]"),
	P("[a-]"),
	P("[-a]"),
	P("[a\\-c]"),
	P("[+--]"),
	P("[a-b-d]"),
	P("[\\x00-\\x1f]"),
	P("[\x80-\xff]"),
	P("[^\x80-\xff]"),
	P("\\\x80"),
	P("\\\0"),
	P("[\\\0]"),
	P("\0"),
	P("a\0b"),
	P("\\0"),
	P("\\012"),
	P("\\0019"),
	P("\\x0a"),
	P("a{2}"),
	P("^a{2}$"),
	P("^a{1,2}$"),
	P("^a{0}$"),
	P("^a{2,}$"),
	P("^(ab){2}$"),
	P("(?:a{2}){2}"),
	P("a{,2}"),
	P("a{"),
	P("a{1"),
	P("a{1,"),
	P("a{x}"),
	P("a{{2}"),
	P("x{{2}"),
	P("{a"),
	P("a{*"),

	P("^(a?){3}$"),
	P("^(a*)*$"),
	P("(a|b)*1"),
	P("a??b"),
	P("a+?b"),
	P("a*?$"),
	P("a]"),
	P("a}"),
	P("\\}\\]"),
	P("[[:space:]]"),
	P("[^[:print:]]"),
	P("[\\d_]"),
	P("[^\\W]"),
	P("\\a|\\e|\\f"),
#undef P
};

static const struct {
	const char *s;
	size_t n;
} chosen_s[] = {
#define S(s)                     \
	{                        \
		s, sizeof(s) - 1 \
	}
	S(""),
	S("a"),
	S("b"),
	S("c"),
	S("A"),
	S("aa"),
	S("aaa"),
	S("aaaa"),
	S("ab"),
	S("aB"),
	S("AB"),
	S("Ab"),
	S("abab"),
	S("abc"),
	S("ABc"),
	S("aBC"),
	S("b1"),
	S("\n"),
	S("a\n"),
	S("\na"),
	S("\0"),
	S("a\0b"),
	S("\x01"
	  "9"),
	S("\x80"),
	S("\xff"),
	S("\x7f"),
	S("-"),
	S("]"),
	S("a]"),
	S("a}"),
	S("}]"),
	S("a{"),
	S("a{1"),
	S("a{1,"),
	S("a{,2}"),
	S("a{x}"),
	S("a{{"),
	S("x{{"),
	S("x{{2}"),
	S("{{"),
	S("{a"),
	S("{{2}"),
	S("12"),
	S("\0"
	  "12"),
	S("\\"),
	S("\a"),
	S("\x1b"),
	S("\f"),
	S("\v"),
	S(" "),
	S("_"),
	S("9"),
	S("+"),
	S(","),
	S("d"),
	S("\x85"),
	S("\xa0"),
	S("{2}"),
#undef S
};

/* On both sides. */
static void chosen_patterns(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(chosen_p) / sizeof(chosen_p[0]); i++) {
		rg_auto_buf out = {0};
		struct rg_dfa *d = ours(chosen_p[i].p, chosen_p[i].n, false, &out);
		pcre2_code *re = theirs(chosen_p[i].p, chosen_p[i].n);

		if (!d || !re)
			show(d ? "PCRE2 refuses" : why, chosen_p[i].p, chosen_p[i].n);
		assert_true(d && re);
		for (size_t k = 0; k < sizeof(chosen_s) / sizeof(chosen_s[0]); k++) {
			int want = their_match(re, chosen_s[k].s, chosen_s[k].n),
			    got = rg_dfa_run(d, chosen_s[k].s, chosen_s[k].n, false);

			if (want != got) {
				show("pattern", chosen_p[i].p, chosen_p[i].n);
				show("subject", chosen_s[k].s, chosen_s[k].n);
			}
			assert_int_equal(got, want);
		}
		pcre2_code_free(re);
	}
}

/* Refused: by PCRE2 too, or because an automaton can't, or because it means different things elsewhere. */
static void refusals(void **state)
{
	static const char *const p[] = {"*",	      "a|*",
					"(+)",	      "{2}",
					"a|{2}",      "({1,})",
					"(?i)*",      "(?i){2}",
					"a*+",	      "a{2}+",
					"a{2,1}",     "a{1001}",
					"(",	      ")",
					"a)",	      "[",
					"[a",	      "[]",
					"[b-a]",      "[a-\\d]",
					"[\\d-z]",    "[[:alpha:]-z]",
					"[[.a.]]",    "[[=a=]]",
					"[[:nope:]]", "\\",
					"[\\",	      "\\x",
					"\\x1",	      "\\1",
					"(a)\\1",     "\\b",
					"\\B",	      "\\k<a>",
					"\\v",	      "\\Q",
					"\\A",	      "\\z",
					"(?=a)",      "(?!a)",
					"(?<=a)",     "(?>a)",
					"(?-i)a",     "(?#a)",
					"(*UTF)a",    "(?",
					"(?i",	      "((((a{99}){99}){99}){99})"};

	(void)state;
	for (size_t i = 0; i < sizeof(p) / sizeof(p[0]); i++) {
		rg_auto_buf out = {0};

		if (ours(p[i], strlen(p[i]), false, &out))
			fail_msg("%s is taken", p[i]);
	}
}

/* The one known difference: \h is ASCII here; PCRE2 counts the byte A0 in. */
static void horizontal_space(void **state)
{
	rg_auto_buf out = {0};
	struct rg_dfa *d = ours("\\h", 2, false, &out);

	(void)state;
	assert_non_null(d);
	for (int c = 0; c < 256; c++)
		assert_int_equal(rg_dfa_run(d, (char[]){(char)c}, 1, false), c == ' ' || c == '\t');
}

static void globs(void **state)
{
	static const char *const parts[] = {"*",   "?",	  "a", "b", "ab", "[ab]", "[!a]", "[^b]", "[a-c]",
					    "\\*", "\\?", "]", "/", ".",  "{",	  "^",	  "$"};
	static const char in[] = "abcA*?]/.^${";
	uint64_t from = seed();
	long matched = 0, n = 20000;

	(void)state;
	for (long i = 0; i < n; i++) {
		rg_auto_buf out = {0};
		struct rg_dfa *d;
		char s[8] = {0};
		int want;

		n_pat = 0;
		for (unsigned k = rnd(6); k; k--)
			put_str(parts[rnd(sizeof(parts) / sizeof(parts[0]))]);
		pat[n_pat] = 0;
		d = ours(pat, n_pat, true, &out);
		assert_non_null(d);
		for (unsigned k = rnd(7), at = 0; k; k--)
			s[at++] = in[rnd(3) ? rnd(2) : rnd(sizeof(in) - 1)];
		want = !fnmatch(pat, s, 0);
		matched += want;
		if (rg_dfa_run(d, s, strlen(s), false) != want)
			fail_msg("glob %s on %s: fnmatch says %d: RG_SEED=%llu", pat, s, want,
				 (unsigned long long)from);
	}
	assert_true(matched > n / 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chosen_patterns), cmocka_unit_test(refusals),

		cmocka_unit_test(random_patterns), cmocka_unit_test(horizontal_space),
		cmocka_unit_test(globs),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
