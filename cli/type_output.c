/* SPDX-License-Identifier: BSD-2-Clause */
/* The type of --output: FORMAT[=FILE], checked before anything is started. */
#include <errno.h>
#include <string.h>

#include <recvguard/sink.h>

#include "cli.h"

static const char *format_choice(const struct cli_opt *o, unsigned i)
{
	return rg_sink_formats[i].name;
}

static const char *format_name(const void *arg, unsigned i)
{
	return rg_sink_formats[i].name;
}

static int unknown_format(const char *text, size_t len, struct rg_err *err)
{
	char word[32], list[256];
	const char *near;
	size_t n = 0;

	snprintf(word, sizeof(word), "%.*s", (int)len, text);
	near = cli_nearest(word, format_name, NULL);
	if (near)
		return rg_fail(err, -EINVAL, "no format is called '%s'; did you mean '%s'?", word, near);
	list[0] = 0;
	for (unsigned i = 0; rg_sink_formats[i].name && n < sizeof(list); i++)
		n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s", i ? ", " : "",
				      rg_sink_formats[i].name);
	return rg_fail(err, -EINVAL, "no format is called '%s'; known are %s", word, list);
}

static int parse_output(const struct cli_opt *o, const char *text, void *dest, struct rg_err *err)
{
	size_t len = strcspn(text, "=");

	if (text[len] && !text[len + 1])
		return rg_fail(err, -EINVAL, "a file name is missing after '='");
	for (unsigned i = 0; rg_sink_formats[i].name; i++)
		if (strlen(rg_sink_formats[i].name) == len && !memcmp(rg_sink_formats[i].name, text, len))
			return cli_strs.parse(o, text, dest, err);
	return unknown_format(text, len, err);
}

static void release(void *dest)
{
	cli_strs.release(dest);
}

const struct cli_type cli_outputs = {
	.parse = parse_output, .release = release, .choice = format_choice, .many = true};
