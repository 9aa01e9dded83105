/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/unit.h"

#include <stdlib.h>
#include <string.h>

#include <recvguard/event.h>

#include "cli/cli.h"

struct sample {
	bool quiet, hex;
	const char *file;
	uint32_t count;
	uint64_t size, duration;
	int tier;
	struct cli_str_list comms;
	struct cli_u32_list pids, uids, families;
};

static const char *const tiers[] = {"auto", "trampoline", "tracepoint", NULL};

#define AT(member) offsetof(struct sample, member)
static const struct cli_opt opts[] = {
	{"quiet", 'q', NULL, &cli_flag, AT(quiet), "Say less", "--quiet"},
	{"hex", 'x', NULL, &cli_flag, AT(hex), "Show bytes"},
	{"file", 'f', "FILE", &cli_file, AT(file), "Read it's [content]: all"},
	{"count", 'n', "N", &cli_u32, AT(count), "So many"},
	{"size", 0, "BYTES", &cli_size, AT(size), "A size"},
	{"duration", 0, "TIME", &cli_duration, AT(duration), "A time"},
	{"tier", 0, "TIER", &cli_choice, AT(tier), "A tier", NULL, tiers},
	{"comm", 0, "NAME", &cli_strs, AT(comms), "A name"},
	{"pid", 'p', "PID", &cli_pids, AT(pids), "A process"},
	{"uid", 0, "UID", &cli_uids, AT(uids), "A user"},
	{"family", 0, "FAMILY", &cli_names, AT(families), "A family", NULL, rg_names_families},
	{0},
};

static const struct cli_verb verb = {
	.name = "sample",
	.synopsis = "[FILE] [-- COMMAND]",
	.summary = "a sample",
	.about = "About it.",
	.opts = opts,
	.opts_size = sizeof(struct sample),
	.max_args = 1,
	.takes_command = true,
};

struct fixture {
	struct sample s;
	struct cli_call call;
	struct rg_err err;
};

/* Split line at spaces and parse it. Returns what cli_parse returned. */
static int parse(struct fixture *f, const struct cli_verb *v, const char *line)
{
	static char buf[512];
	static char *words[32];
	int n = 0;

	memset(f, 0, sizeof(*f));
	snprintf(buf, sizeof(buf), "%s", line);
	for (char *w = strtok(buf, " "); w; w = strtok(NULL, " "))
		words[n++] = w;
	words[n] = NULL;
	return cli_parse(v, n, words, &f->s, &f->call, &f->err);
}

static void done(struct fixture *f)
{
	cli_parse_free(&verb, &f->s, &f->call);
}

static void every_form_of_an_option_is_read(void **state)
{
	struct fixture f;

	assert_int_equal(parse(&f, &verb, "--quiet --file=a -n 3 --size 64KiB --duration 500ms"), 0);
	assert_true(f.s.quiet);
	assert_string_equal(f.s.file, "a");
	assert_int_equal(f.s.count, 3);
	assert_int_equal(f.s.size, 65536);
	assert_int_equal(f.s.duration, 500000000);
	done(&f);
	assert_int_equal(parse(&f, &verb, "-qxn7 -fb"), 0);
	assert_true(f.s.quiet && f.s.hex);
	assert_int_equal(f.s.count, 7);
	assert_string_equal(f.s.file, "b");
	done(&f);
	assert_int_equal(parse(&f, &verb, "--tier tracepoint"), 0);
	assert_int_equal(f.s.tier, 2);
	done(&f);
}

static void lists_add_up(void **state)
{
	struct fixture f;

	assert_int_equal(parse(&f, &verb, "--comm a,b --comm c -p 1,2 -p 3 --uid root,7 --family unix,inet6"),
			 0);
	assert_int_equal(f.s.comms.n, 2); /* a command name may hold a comma */
	assert_string_equal(f.s.comms.v[0], "a,b");
	assert_int_equal(f.s.pids.n, 3);
	assert_int_equal(f.s.pids.v[2], 3);
	assert_int_equal(f.s.uids.v[0], 0);
	assert_int_equal(f.s.uids.v[1], 7);
	assert_int_equal(f.s.families.v[0], 1);
	assert_int_equal(f.s.families.v[1], 10);
	done(&f);
}

static void words_and_command_are_told_apart(void **state)
{
	struct fixture f;
	struct cli_verb plain = verb;

	assert_int_equal(parse(&f, &verb, "in -q -- ls -l --file"), 0);
	assert_int_equal(f.call.n_args, 1);
	assert_string_equal(f.call.args[0], "in");
	assert_string_equal(f.call.command[1], "-l");
	assert_null(f.s.file);
	done(&f);
	plain.takes_command = false;
	plain.max_args = 3;
	assert_int_equal(parse(&f, &plain, "- -- -q -x"), 0); /* a lone dash is a word */
	assert_int_equal(f.call.n_args, 3);
	assert_string_equal(f.call.args[1], "-q");
	assert_false(f.s.quiet);
	done(&f);
}

static void bad_lines_are_refused_with_help(void **state)
{
	static const struct {
		const char *line, *says;
	} bad[] = {
		{"--quite", "unknown option --quite; did you mean --quiet?"},
		{"--fil=x", "did you mean --file?"},
		{"--hlep", "did you mean --help?"},
		{"--zzzzzzzz", "unknown option --zzzzzzzz"},
		{"-Z", "unknown option -Z"},
		{"--file", "--file needs an argument: FILE"},
		{"--quiet=1", "--quiet takes no argument"},
		{"-n x", "--count x: expected a number"},
		{"-n 4294967296", "too large, at most 4294967295"},
		{"-n -1", "expected a number"},
		{"--size 5parsecs", "unknown unit 'parsecs'"},
		{"--size 99999999999GiB", "too large"},
		{"--duration soon", "expected a number with a unit"},
		{"--tier best", "--tier best: expected one of: auto, trampoline, tracepoint"},
		{"--pid 1,,2", "expected a number"},
		{"--uid no-such-user-here", "no user has this name"},
		{"--family unics", "expected one of: "},
		{"a b", "unexpected 'b'"},
		{"--", "no command after --"},
	};
	struct fixture f;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_true(parse(&f, &verb, bad[i].line) < 0);
		if (!strstr(f.err.msg, bad[i].says))
			fail_msg("%s: %s", bad[i].line, f.err.msg);
		assert_null(strchr(f.err.msg, '\n'));
		done(&f);
	}
}

/* What write prints, to be freed. */
static char *printed(void (*write)(FILE *, const struct cli_verb *), const struct cli_verb *v)
{
	char *text = NULL;
	size_t n;
	FILE *m = open_memstream(&text, &n);

	write(m, v);
	fclose(m);
	return text;
}

static void help80(FILE *m, const struct cli_verb *v)
{
	cli_help(m, v, 80);
}

static void help_keeps_to_its_width_and_names_all(void **state)
{
	for (const struct cli_verb *const *v = cli_verbs; *v; v++) {
		char *text = printed(help80, *v);

		for (const struct cli_opt *o = (*v)->opts; o && o->name; o++)
			assert_non_null(strstr(text, o->name));
		for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
			if (strlen(line) > 80 && strncmp(line, "  recvguard", 11) != 0 && line[0] != 'u')
				fail_msg("%s: wider than 80: %s", (*v)->name, line);
		free(text);
	}
}

static void every_verb_is_complete(void **state)
{
	for (const struct cli_verb *const *v = cli_verbs; *v; v++) {
		assert_non_null((*v)->run);
		assert_true(strlen((*v)->summary) > 10 && strlen((*v)->about) > 10);
		assert_int_not_equal((*v)->summary[strlen((*v)->summary) - 1], '.');
		assert_non_null((*v)->examples);
		for (const struct cli_opt *o = (*v)->opts; o && o->name; o++) {
			assert_non_null(o->type);
			assert_true(o->at < (*v)->opts_size);
			assert_true(strlen(o->help) > 8);
			assert_int_not_equal(o->help[strlen(o->help) - 1], '.');
			assert_string_not_equal(o->name, "help");
			assert_int_not_equal(o->letter, 'h');
			for (const struct cli_opt *p = (*v)->opts; p < o; p++) {
				assert_string_not_equal(p->name, o->name);
				assert_true(!o->letter || p->letter != o->letter);
			}
		}
	}
}

static void man_pages_escape_what_roff_reads(void **state)
{
	char *text = printed(cli_man, &verb);

	assert_non_null(strstr(text, "\\fB\\-\\-tier\\fR \\fITIER\\fR"));
	assert_non_null(strstr(text, "One of: auto, trampoline, tracepoint."));
	free(text);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(every_form_of_an_option_is_read),
	cmocka_unit_test(lists_add_up),
	cmocka_unit_test(words_and_command_are_told_apart),
	cmocka_unit_test(bad_lines_are_refused_with_help),
	cmocka_unit_test(help_keeps_to_its_width_and_names_all),
	cmocka_unit_test(every_verb_is_complete),
	cmocka_unit_test(man_pages_escape_what_roff_reads),
};
RG_UNIT_MAIN(tests)
