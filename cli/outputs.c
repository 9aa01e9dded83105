/* SPDX-License-Identifier: BSD-2-Clause */
#include "outputs.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <string.h>
#include <sys/utsname.h>

static bool on_stdout(const char *spec)
{
	const char *file = strchr(spec, '=');

	return !file || !strcmp(file, "=-");
}

bool cli_on_stdout(const struct cli_str_list *specs)
{
	for (unsigned i = 0; i < specs->n; i++)
		if (on_stdout(specs->v[i]))
			return true;
	return false;
}

bool cli_data_on_stdout(const struct cli_str_list *specs)
{
	for (unsigned i = 0; i < specs->n; i++)
		if (on_stdout(specs->v[i]) && strcmp(specs->v[i], "text") != 0 &&
		    strcmp(specs->v[i], "text=-") != 0)
			return true;
	return false;
}

static bool utf8(void)
{
	setlocale(LC_CTYPE, "");
	return !strcmp(nl_langinfo(CODESET), "UTF-8");
}

static int check(const struct cli_str_list *specs, struct rg_err *err)
{
	unsigned to_stdout = 0;

	if (specs->n > CLI_OUTPUTS_MAX)
		return rg_fail(err, -EINVAL, "--output: at most %d outputs", CLI_OUTPUTS_MAX);
	for (unsigned i = 0; i < specs->n; i++)
		to_stdout += on_stdout(specs->v[i]);
	if (to_stdout > 1)
		return rg_fail(
			err, -EINVAL,
			"--output: %u formats for standard output; give all but one a file: FORMAT=FILE",
			to_stdout);
	return 0;
}

int cli_sinks_open(struct cli_sinks *s, const struct cli_str_list *specs, const struct cli_str_list *redact,
		   struct rg_sink_opts opts, const struct cli_taker *taker, struct rg_err *err)
{
	static const char *const text[] = {"text"};
	const struct cli_str_list plain = {(const char **)text, 1};
	static struct utsname u;
	int r = taker ? 0 : check(specs, err);

	*s = (struct cli_sinks){.taker = taker};
	if (r == 0 && redact && redact->n)
		r = rg_redact_new(redact->v, redact->n, &s->redact, err);
	if (r < 0 || taker)
		return r;
	if (!specs->n)
		specs = &plain;
	uname(&u);
	opts.host = u.nodename;
	for (unsigned i = 0; i < specs->n; i++) {
		bool term = on_stdout(specs->v[i]);

		opts.color = term && cli_color(1);
		opts.width = term ? cli_width(1) : 0;
		opts.ascii = term && !utf8();
		opts.header = opts.width > 0;
		r = rg_sink_open(specs->v[i], &opts, &s->v[s->n], err);
		if (r < 0) {
			cli_sinks_close(s, NULL);
			return r;
		}
		s->n++;
	}
	return 0;
}

int cli_sinks_write(struct cli_sinks *s, struct rg_event *ev, struct rg_err *err)
{
	int first = 0;

	if (s->redact)
		rg_redact_event(s->redact, ev);
	for (unsigned i = 0; i < s->n; i++) {
		int r = rg_sink_write(s->v[i], ev, first ? NULL : err);

		first = first ? first : r;
	}
	if (s->taker) {
		int r = s->taker->take(s->taker->arg, ev, first ? NULL : err);

		first = first ? first : r;
	}
	return first;
}

int cli_sinks_flush(struct cli_sinks *s, struct rg_err *err)
{
	for (unsigned i = 0; i < s->n; i++) {
		int r = rg_sink_flush(s->v[i], err);

		if (r < 0)
			return r;
	}
	return 0;
}

int cli_sinks_close(struct cli_sinks *s, struct rg_err *err)
{
	int first = 0;

	for (unsigned i = 0; i < s->n; i++) {
		int r = rg_sink_close(s->v[i], first ? NULL : err);

		first = first ? first : r;
	}
	rg_redact_free(s->redact);
	*s = (struct cli_sinks){.n = 0};
	return first;
}
