/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_CLI_CLI_H
#define RG_CLI_CLI_H

/*
 * The command line as tables: every verb is one struct cli_verb with one table of options, and parsing,
 * --help, man pages and shell completion all read that table. A verb is added with a row in verbs.def and a
 * file.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <recvguard/error.h>

/* Exit statuses of all verbs unless a verb's own table says otherwise. */
enum cli_exit { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

struct cli_opt;

/* What shell completion offers for a value that is not one of a fixed list. */
enum cli_complete { CLI_COMP_NONE, CLI_COMP_FILE, CLI_COMP_DIR, CLI_COMP_PID, CLI_COMP_USER };

/* How the text after an option becomes a value. */
struct cli_type {
	/* Write the value to dest. text is NULL for options without an argument. Errors: negative errno, err
	 * says what was expected (the option's name is put in front by the caller). */
	int (*parse)(const struct cli_opt *o, const char *text, void *dest, struct rg_err *err);
	/* Free what parse allocated in dest; NULL: nothing. */
	void (*release)(void *dest);
	/* The i-th word that may be given, or NULL past the last; NULL: no fixed list. */
	const char *(*choice)(const struct cli_opt *o, unsigned i);
	enum cli_complete complete;
	bool many; /* may be given several times, values add up */
};

/* One option. Ends with a row without a name. */
struct cli_opt {
	const char *name;	     /* without its dashes */
	char letter;		     /* short form, or 0 */
	const char *arg;	     /* the argument's name in help (PID, FILE), NULL: takes none */
	const struct cli_type *type; /* see below, or the verb's own */
	size_t at;		     /* offset of the destination in the verb's struct: offsetof(...) */
	const char *help;	     /* one sentence, without a full stop */
	const char *example;	     /* `recvguard VERB example`, or NULL */
	const void *data;	     /* of the type: cli_choice, cli_names */
};

/* Types, and what `at` points to. */
extern const struct cli_type cli_flag;	   /* bool, set to true */
extern const struct cli_type cli_str;	   /* const char *, borrowed from argv */
extern const struct cli_type cli_file;	   /* the same, completed as a file */
extern const struct cli_type cli_dir;	   /* the same, completed as a folder */
extern const struct cli_type cli_u32;	   /* uint32_t */
extern const struct cli_type cli_pid;	   /* uint32_t, from 1 */
extern const struct cli_type cli_u64;	   /* uint64_t */
extern const struct cli_type cli_size;	   /* uint64_t, bytes: 64KiB, 10M, 4096 */
extern const struct cli_type cli_duration; /* uint64_t, ns: 10s, 500ms, 2m; a bare number is seconds */
extern const struct cli_type cli_choice;   /* int, index into data: const char *const *, NULL-terminated */
extern const struct cli_type cli_strs;	   /* struct cli_str_list */
extern const struct cli_type cli_files;	   /* struct cli_str_list, completed as files */
extern const struct cli_type cli_nums;	   /* struct cli_u32_list; commas separate several */
extern const struct cli_type cli_pids;	   /* the same, completed as process ids */
extern const struct cli_type cli_uids;	   /* the same, user names too */
extern const struct cli_type cli_names;	   /* struct cli_u32_list; data: const struct rg_name * */
extern const struct cli_type cli_redact;   /* struct cli_str_list of patterns, see recvguard/redact.h */
extern const struct cli_type cli_outputs;  /* struct cli_str_list of FORMAT[=FILE], see recvguard/sink.h */

struct cli_str_list {
	const char **v;
	unsigned n;
};
struct cli_u32_list {
	uint32_t *v;
	unsigned n;
};
int cli_str_list_add(struct cli_str_list *l, const char *s); /* -ENOMEM */

/* Text to number with the checks a command line needs: -EINVAL (not one), -ERANGE (above max). Decimal, 0x….
 */
int cli_parse_u64(const char *text, uint64_t max, uint64_t *ret);

/* A line of the EXAMPLES section. Ends with a row without a command. */
struct cli_example {
	const char *command; /* the whole line, starting with recvguard */
	const char *what;    /* what it shows */
};
struct cli_status {
	int code;
	const char *meaning;
};

struct cli_verb;

/* One parsed command line. Everything is borrowed and lives until run returns. */
struct cli_call {
	const struct cli_verb *verb;
	char *const *args; /* words that are no options, NULL-terminated */
	unsigned n_args;
	char *const *command; /* what follows `--`, NULL when there was none */
};

struct cli_verb {
	const char *name;     /* as typed; "policy check" for a verb of two words */
	const char *synopsis; /* what follows the options: "[-- COMMAND [ARG]...]", "FILE EXPR" */
	const char *summary;  /* one line, lower case, no full stop */
	const char *about;    /* paragraphs separated by an empty line */
	const struct cli_opt *opts;
	const struct cli_example *examples;
	const struct cli_status *statuses; /* beyond 0, 1, 2; ends with a row without meaning; NULL: none */
	const char *see_also;		   /* other verbs, separated by spaces */
	size_t opts_size;		   /* of the struct the options' `at` points into */
	const void *defaults;		   /* copied into it first; NULL: zeroes */
	unsigned min_args, max_args;	   /* words that are no options */
	bool takes_command;		   /* `--` starts a command */
	bool hidden;			   /* left out of help and completion */
	/* Do it. opts: the verb's struct. Returns the exit status. */
	int (*run)(const struct cli_call *call, const void *opts);
};

extern const struct cli_verb *const cli_verbs[]; /* NULL-terminated, in the order of verbs.def */
/* The verb that the words start with, NULL if none; *used: how many of them name it (1 or 2). */
const struct cli_verb *cli_verb_find(int n, char *const *words, int *used);

/* "recvguard VERB: message", one line on standard error. */
void cli_say(const struct cli_verb *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same for an error of the library. Returns CLI_FAILED. */
int cli_fail(const struct cli_verb *v, const struct rg_err *err);
/* The same, with a pointer to the verb's help. Returns CLI_USAGE. */
int cli_usage(const struct cli_verb *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* After printing to standard output: flush, and report what went wrong (a closed pipe, a full disk). Returns
 * status, or CLI_FAILED. */
int cli_finish(const struct cli_verb *v, int status);

/* Parse words (those after the verb) into opts. 0, or CLI_USAGE + 1 style: a negative errno with err set.
 * command/args in call are filled; args is allocated, freed with cli_parse_free. */
int cli_parse(const struct cli_verb *v, int n, char *const *words, void *opts, struct cli_call *ret,
	      struct rg_err *err);
void cli_parse_free(const struct cli_verb *v, void *opts, struct cli_call *call);

/* The word nearest to text among choice(arg, 0), choice(arg, 1)... up to NULL; NULL when none is near. */
const char *cli_nearest(const char *text, const char *(*choice)(const void *arg, unsigned i),
			const void *arg);

void cli_help(FILE *f, const struct cli_verb *v, unsigned width);
void cli_help_all(FILE *f, unsigned width);
void cli_usage_line(FILE *f, const struct cli_verb *v);
/* roff; v NULL: recvguard(1). */
void cli_man(FILE *f, const struct cli_verb *v);
/* shell: bash, zsh, fish. -EINVAL for another. */
int cli_completion(FILE *f, const char *shell);
extern const char *const cli_shells[];
void cli_version(FILE *f);
/* Print text wrapped at width, every line after the first indented; col: where the first line stands. */
void cli_wrap(FILE *f, const char *text, unsigned indent, unsigned col, unsigned width);

/* Options that every verb has beside its own: --help. */
extern const struct cli_opt cli_common_opts[];

/* Terminal facts. */
unsigned cli_width(int fd); /* columns, 0: not a terminal */
bool cli_color(int fd);	    /* a terminal, and NO_COLOR is not set, and TERM is not dumb */
/* Turn SIGPIPE into EPIPE without changing what a started command inherits. */
void cli_no_sigpipe(void);

#endif
