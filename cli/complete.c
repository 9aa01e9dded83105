/* SPDX-License-Identifier: BSD-2-Clause */
/* Completion for bash, zsh and fish, from the tables. */
#include <errno.h>
#include <string.h>

#include "cli.h"

const char *const cli_shells[] = {"bash", "zsh", "fish", NULL};

/* Copy s, putting a backslash before every character of special. */
static void escaped(FILE *f, const char *s, const char *special)
{
	for (; *s; s++) {
		if (strchr(special, *s))
			fputc('\\', f);
		fputc(*s, f);
	}
}

/* Inside '...' of a shell. */
static void quoted(FILE *f, const char *s)
{
	for (; *s; s++)
		if (*s == '\'')
			fputs("'\\''", f);
		else
			fputc(*s, f);
}

static void choices(FILE *f, const struct cli_opt *o, const char *between)
{
	const char *c;

	for (unsigned i = 0; (c = o->type->choice(o, i)); i++)
		fprintf(f, "%s%s", i ? between : "", c);
}

/* The first words of the verbs, each once: "trace doctor policy". */
static void verb_words(FILE *f)
{
	for (const struct cli_verb *const *v = cli_verbs; *v; v++) {
		size_t len = strcspn((*v)->name, " ");
		bool again = v != cli_verbs && !strncmp(v[-1]->name, (*v)->name, len) &&
			     (v[-1]->name[len] == ' ' || !v[-1]->name[len]);

		if (!(*v)->hidden && !again)
			fprintf(f, "%.*s ", (int)len, (*v)->name);
	}
}

static const char *second_word(const struct cli_verb *v)
{
	const char *space = strchr(v->name, ' ');

	return space ? space + 1 : NULL;
}

static void bash_value(FILE *f, const struct cli_verb *v, const struct cli_opt *o)
{
	if (!o->arg)
		return;
	fprintf(f, "\t'%s --%s'", v->name, o->name);
	if (o->letter)
		fprintf(f, " | '%s -%c'", v->name, o->letter);
	fputs(") ", f);
	if (o->type->choice) {
		fputs("COMPREPLY=($(compgen -W '", f);
		choices(f, o, " ");
		fputs("' -- \"$cur\"))", f);
	} else if (o->type->complete == CLI_COMP_FILE) {
		fputs("COMPREPLY=($(compgen -f -- \"$cur\"))", f);
	} else if (o->type->complete == CLI_COMP_DIR) {
		fputs("COMPREPLY=($(compgen -d -- \"$cur\"))", f);
	} else if (o->type->complete == CLI_COMP_PID) {
		fputs("COMPREPLY=($(compgen -W \"$(cd /proc && echo [0-9]*)\" -- \"$cur\"))", f);
	} else if (o->type->complete == CLI_COMP_USER) {
		fputs("COMPREPLY=($(compgen -u -- \"$cur\"))", f);
	} else {
		fputs("COMPREPLY=()", f);
	}
	fputs("; return ;;\n", f);
}

static void bash_words(FILE *f, const struct cli_verb *v)
{
	fprintf(f, "\t'%s') words='", v->name);
	for (const struct cli_opt *o = v->opts; o && o->name; o++)
		fprintf(f, "--%s ", o->name);
	fputs("--help' ;;\n", f);
}

static void bash(FILE *f)
{
	fputs("# bash completion for recvguard, generated from its tables\n"
	      "_recvguard() {\n"
	      "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} verb=${COMP_WORDS[1]} "
	      "words i\n"
	      "\tif ((COMP_CWORD == 1)); then COMPREPLY=($(compgen -W '",
	      f);
	verb_words(f);
	fputs("--help --version' -- \"$cur\")); return; fi\n", f);
	fputs("\tfor ((i = 2; i < COMP_CWORD; i++)); do\n"
	      "\t\tif [[ ${COMP_WORDS[i]} == -- ]]; then\n"
	      "\t\t\tif declare -F _command_offset >/dev/null; then _command_offset $((i + 1))\n"
	      "\t\t\telse COMPREPLY=($(compgen -c -f -- \"$cur\")); fi\n"
	      "\t\t\treturn\n\t\tfi\n\tdone\n\tcase $verb in\n",
	      f);
	for (const struct cli_verb *const *v = cli_verbs; *v; v++) {
		const char *second = second_word(*v);

		if (second && !(*v)->hidden)
			fprintf(f,
				"\t%.*s) ((COMP_CWORD == 2)) && words+=' %s'; [[ ${COMP_WORDS[2]} == %s ]] "
				"&& verb='%s' ;;&\n",
				(int)(second - 1 - (*v)->name), (*v)->name, second, second, (*v)->name);
	}
	fputs("\tesac\n\tcase \"$verb $prev\" in\n\t'help '*) COMPREPLY=($(compgen -W '", f);
	verb_words(f);
	fputs("' -- \"$cur\")); return ;;\n", f);
	for (const struct cli_verb *const *v = cli_verbs; *v; v++)
		for (const struct cli_opt *o = (*v)->opts; !(*v)->hidden && o && o->name; o++)
			bash_value(f, *v, o);
	fputs("\tesac\n\tcase $verb in\n", f);
	for (const struct cli_verb *const *v = cli_verbs; *v; v++)
		if (!(*v)->hidden)
			bash_words(f, *v);
	fputs("\tesac\n"
	      "\tif [[ $cur == -* || $words != --* ]]; then COMPREPLY=($(compgen -W \"$words\" -- "
	      "\"$cur\"))\n"
	      "\telse COMPREPLY=($(compgen -f -- \"$cur\")); fi\n"
	      "}\ncomplete -o filenames -F _recvguard recvguard\n",
	      f);
}

static void zsh_opt(FILE *f, const struct cli_opt *o)
{
	static const char *const how[] = {[CLI_COMP_NONE] = " ",
					  [CLI_COMP_FILE] = "_files",
					  [CLI_COMP_DIR] = "_files -/",
					  [CLI_COMP_PID] = "_pids",
					  [CLI_COMP_USER] = "_users"};

	for (int letter = 0; letter < 2; letter++) {
		if (letter && !o->letter)
			break;
		fprintf(f, "\t\t\t'%s", o->type && o->type->many ? "*" : "");
		if (letter)
			fprintf(f, "-%c", o->letter);
		else
			fprintf(f, "--%s", o->name);
		fputc('[', f);
		for (const char *c = o->help; *c; c++) {
			if (strchr("[]:\\", *c))
				fputc('\\', f);
			if (*c == '\'')
				fputs("'\\''", f);
			else
				fputc(*c, f);
		}
		fputc(']', f);
		if (o->arg && o->type->choice) {
			fprintf(f, ":%s:(", o->arg);
			choices(f, o, " ");
			fputc(')', f);
		} else if (o->arg) {
			fputc(':', f);
			escaped(f, o->arg, ":[]");
			fprintf(f, ":%s", how[o->type->complete]);
		}
		fputs("' \\\n", f);
	}
}

static void zsh_verb(FILE *f, const struct cli_verb *v)
{
	fprintf(f, "\t'%s')\n\t\t_arguments -S \\\n", v->name);
	for (const struct cli_opt *o = v->opts; o && o->name; o++)
		zsh_opt(f, o);
	zsh_opt(f, cli_common_opts);
	fprintf(f, "\t\t\t'*::argument:%s' ;;\n", v->takes_command ? "_normal" : "_files");
}

static void zsh(FILE *f)
{
	fputs("#compdef recvguard\n# zsh completion for recvguard, generated from its tables\n"
	      "_recvguard() {\n\tlocal verb=$words[2]\n\tif ((CURRENT == 2)); then\n\t\tlocal -a verbs=(\n",
	      f);
	for (const struct cli_verb *const *v = cli_verbs; *v; v++)
		if (!(*v)->hidden) {
			fprintf(f, "\t\t\t'%.*s:", (int)strcspn((*v)->name, " "), (*v)->name);
			quoted(f, (*v)->summary);
			fputs("'\n", f);
		}
	fputs("\t\t)\n\t\t_describe verb verbs\n\t\treturn\n\tfi\n", f);
	for (const struct cli_verb *const *v = cli_verbs; *v; v++) {
		const char *second = second_word(*v);

		if (second && !(*v)->hidden) {
			fprintf(f, "\tif [[ $verb == %.*s ]] && ((CURRENT == 3)); then compadd %s; fi\n",
				(int)(second - 1 - (*v)->name), (*v)->name, second);
			fprintf(f, "\t[[ \"$words[2] $words[3]\" == '%s' ]] && verb='%s'\n", (*v)->name,
				(*v)->name);
		}
	}
	fputs("\tshift words; ((CURRENT--))\n\tcase $verb in\n\thelp) compadd ", f);
	verb_words(f);
	fputs(";;\n", f);
	for (const struct cli_verb *const *v = cli_verbs; *v; v++)
		if (!(*v)->hidden && strcmp((*v)->name, "help") != 0)
			zsh_verb(f, *v);
	fputs("\tesac\n}\n_recvguard \"$@\"\n", f);
}

static void fish_opt(FILE *f, const struct cli_verb *v, const struct cli_opt *o)
{
	fprintf(f, "complete -c recvguard -n '__recvguard_verb \"%s\"' -l %s", v->name, o->name);
	if (o->letter)
		fprintf(f, " -s %c", o->letter);
	fputs(" -d '", f);
	escaped(f, o->help, "'\\");
	fputc('\'', f);
	if (!o->arg) {
		fputc('\n', f);
		return;
	}
	if (o->type->choice) {
		fputs(" -x -a '", f);
		choices(f, o, " ");
		fputc('\'', f);
	} else if (o->type->complete == CLI_COMP_FILE) {
		fputs(" -r -F", f);
	} else if (o->type->complete == CLI_COMP_DIR) {
		fputs(" -x -a '(__fish_complete_directories)'", f);
	} else if (o->type->complete == CLI_COMP_PID) {
		fputs(" -x -a '(__fish_complete_pids)'", f);
	} else if (o->type->complete == CLI_COMP_USER) {
		fputs(" -x -a '(__fish_complete_users)'", f);
	} else {
		fputs(" -x", f);
	}
	fputc('\n', f);
}

static void fish(FILE *f)
{
	fputs("# fish completion for recvguard, generated from its tables\n"
	      "function __recvguard_verb\n"
	      "\tset -l words (commandline -opc) ''\n"
	      "\tif string match -q '* *' -- $argv[1]; test \"$words[2] $words[3]\" = $argv[1]\n"
	      "\telse; test \"$words[2]\" = $argv[1]; end\n"
	      "end\ncomplete -c recvguard -n __fish_use_subcommand -l version -d 'Show the version and build "
	      "facts'\n"
	      "complete -c recvguard -n __fish_use_subcommand -l help -d 'List the verbs'\n",
	      f);
	for (const struct cli_verb *const *v = cli_verbs; *v; v++) {
		const char *second = second_word(*v);

		if ((*v)->hidden)
			continue;
		if (second)
			fprintf(f, "complete -c recvguard -n '__recvguard_verb \"%.*s\"' -f -a %s\n",
				(int)(second - 1 - (*v)->name), (*v)->name, second);
		fprintf(f, "complete -c recvguard -n __fish_use_subcommand -f -a %.*s -d '",
			(int)strcspn((*v)->name, " "), (*v)->name);
		escaped(f, (*v)->summary, "'\\");
		fputs("'\n", f);
		for (const struct cli_opt *o = (*v)->opts; o && o->name; o++)
			fish_opt(f, *v, o);
		fish_opt(f, *v, cli_common_opts);
	}
	fputs("complete -c recvguard -n '__recvguard_verb \"help\"' -f -a '", f);
	verb_words(f);
	fputs("'\n", f);
}

int cli_completion(FILE *f, const char *shell)
{
	static void (*const writers[])(FILE *) = {bash, zsh, fish};

	for (unsigned i = 0; cli_shells[i]; i++)
		if (!strcmp(cli_shells[i], shell)) {
			writers[i](f);
			return 0;
		}
	return -EINVAL;
}
