/* SPDX-License-Identifier: BSD-2-Clause */
/* --help, from the tables. */
#include <ctype.h>
#include <string.h>

#include "cli.h"

#define HELP_COL   28  /* where an option's text starts */
#define HELP_WIDTH 100 /* without a terminal, and at most */

static unsigned sane_width(unsigned width)
{
	if (!width || width > HELP_WIDTH)
		return HELP_WIDTH;
	return width < HELP_COL + 20 ? HELP_COL + 20 : width;
}

void cli_wrap(FILE *f, const char *text, unsigned indent, unsigned col, unsigned width)
{
	bool first = true;

	while (*text) {
		size_t len = strcspn(text, " \n");

		if (!first && col + 1 + len > width) {
			fprintf(f, "\n%*s", (int)indent, "");
			col = indent;
		} else if (!first && len) {
			fputc(' ', f);
			col++;
		}
		fwrite(text, 1, len, f);
		col += (unsigned)len;
		first = false;
		text += len;
		if (!strncmp(text, "\n\n", 2)) {
			fprintf(f, "\n\n%*s", (int)indent, "");
			col = indent;
			first = true;
			text += 2;
		} else if (*text) {
			text++;
		}
	}
	fputc('\n', f);
}

void cli_usage_line(FILE *f, const struct cli_verb *v)
{
	fprintf(f, "recvguard %s", v->name);
	if (v->opts && v->opts->name)
		fputs(" [OPTION]...", f);
	if (v->synopsis && *v->synopsis)
		fprintf(f, " %s", v->synopsis);
}

/* The words an option takes, where they are few. */
static void choice_help(FILE *f, const struct cli_opt *o, unsigned width)
{
	char list[256] = "One of: ";
	size_t n = strlen(list);
	const char *c;

	if (!o->type || !o->type->choice)
		return;
	for (unsigned i = 0; (c = o->type->choice(o, i)); i++) {
		n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s", i ? ", " : "", c);
		if (n >= sizeof(list))
			return;
	}
	fprintf(f, "%*s", HELP_COL, "");
	cli_wrap(f, list, HELP_COL, HELP_COL, width);
}

static void opt_help(FILE *f, const struct cli_opt *o, unsigned width)
{
	int col = 0;

	if (o->letter)
		col += fprintf(f, "  -%c, ", o->letter);
	else
		col += fprintf(f, "      ");
	col += fprintf(f, "--%s", o->name);
	if (o->arg)
		col += fprintf(f, " %s", o->arg);
	if (col > HELP_COL - 2) {
		fputc('\n', f);
		col = 0;
	}
	fprintf(f, "%*s", HELP_COL - col, "");
	cli_wrap(f, o->help, HELP_COL, HELP_COL, width);
	choice_help(f, o, width);
	if (o->type && o->type->many)
		fprintf(f, "%*s(may be given several times)\n", HELP_COL, "");
}

static void status_help(FILE *f, const struct cli_verb *v, unsigned width)
{
	if (!v->statuses)
		return;
	fputs("\nExit status:\n", f);
	for (const struct cli_status *s = v->statuses; s->meaning; s++) {
		fprintf(f, "  %3d  ", s->code);
		cli_wrap(f, s->meaning, 7, 7, width);
	}
}

/* Option examples and the verb's own, each once. */
static void examples_help(FILE *f, const struct cli_verb *v, unsigned width)
{
	fputs("\nExamples:\n", f);
	for (const struct cli_example *e = v->examples; e && e->command; e++) {
		fprintf(f, "  %s\n      ", e->command);
		cli_wrap(f, e->what, 6, 6, width);
	}
	for (const struct cli_opt *o = v->opts; o && o->name; o++)
		if (o->example)
			fprintf(f, "  recvguard %s %s\n", v->name, o->example);
}

/* As a sentence. */
static void summary_help(FILE *f, const char *summary, unsigned width)
{
	char text[256];

	snprintf(text, sizeof(text), "%c%s.", toupper((unsigned char)summary[0]), summary + 1);
	cli_wrap(f, text, 0, 0, width);
	fputc('\n', f);
}

void cli_help(FILE *f, const struct cli_verb *v, unsigned width)
{
	width = sane_width(width);
	fputs("usage: ", f);
	cli_usage_line(f, v);
	fputs("\n\n", f);
	summary_help(f, v->summary, width);
	cli_wrap(f, v->about, 0, 0, width);
	fputs("\nOptions:\n", f);
	for (const struct cli_opt *o = v->opts; o && o->name; o++)
		opt_help(f, o, width);
	opt_help(f, cli_common_opts, width);
	status_help(f, v, width);
	examples_help(f, v, width);
	fprintf(f, "\nThe manual page: man recvguard-%.*s%s%s\n", (int)strcspn(v->name, " "), v->name,
		strchr(v->name, ' ') ? "-" : "", strchr(v->name, ' ') ? strchr(v->name, ' ') + 1 : "");
}

void cli_help_all(FILE *f, unsigned width)
{
	width = sane_width(width);
	fputs("recvguard: see, and decide, what every process on a Linux machine receives\n\n"
	      "usage: recvguard VERB [OPTION]... [ARGUMENT]...\n"
	      "       recvguard help VERB\n"
	      "       recvguard --version\n\nVerbs:\n",
	      f);
	for (const struct cli_verb *const *v = cli_verbs; *v; v++) {
		if ((*v)->hidden)
			continue;
		fprintf(f, "  %-16s ", (*v)->name);
		cli_wrap(f, (*v)->summary, 19, 19, width);
	}
	fputs("\nStart with: recvguard trace -- COMMAND\n", f);
}
