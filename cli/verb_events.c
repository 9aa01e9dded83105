/* SPDX-License-Identifier: BSD-2-Clause */
/* events: the event tables as pages and as a schema. */
#include <stdlib.h>

#include <recvguard/event.h>
#include <recvguard/events.h>
#include <recvguard/schema.h>

#include "cli.h"

struct events_opts {
	bool schema, cmsg;
};

static const struct cli_opt options[] = {
	{"json-schema", 0, NULL, &cli_flag, offsetof(struct events_opts, schema),
	 "Print the JSON Schema of `-o json`", "--json-schema"},
	{"cmsg", 0, NULL, &cli_flag, offsetof(struct events_opts, cmsg),
	 "Control messages: all types, or with a name the page of that type or level", "--cmsg SCM_RIGHTS"},
	{0},
};

static const char *event_choice(const void *arg, unsigned i)
{
	return i < RG_EV__COUNT ? rg_events[i].name : NULL;
}

static int unknown(const struct cli_call *call, bool cmsg, const struct rg_err *err)
{
	const char *near = cmsg ? NULL : cli_nearest(call->args[0], event_choice, NULL);

	if (near)
		cli_say(call->verb, "no event is called '%s'; did you mean '%s'?", call->args[0], near);
	else
		cli_say(call->verb, "%s", err->msg);
	return CLI_USAGE;
}

static int events_run(const struct cli_call *call, const void *opts)
{
	const struct events_opts *o = opts;
	const char *name = call->n_args ? call->args[0] : NULL;
	struct rg_err err = {0};
	char *text;

	if (o->schema && (o->cmsg || name))
		return cli_usage(call->verb, "--json-schema stands alone");
	if (o->schema)
		text = rg_schema_json(&err);
	else if (o->cmsg)
		text = rg_events_cmsg(name, &err);
	else
		text = name ? rg_events_page(name, &err) : rg_events_list(&err);
	if (!text && name)
		return unknown(call, o->cmsg, &err);
	if (!text)
		return cli_fail(call->verb, &err);
	fputs(text, stdout);
	free(text);
	return cli_finish(call->verb, CLI_OK);
}

const struct cli_verb cli_verb_events = {
	.name = "events",
	.synopsis = "[NAME]",
	.summary = "describe the events, their fields and control messages",
	.about = "Without a name, lists the events. With one, prints its page: what it is, every field with "
		 "its type, "
		 "unit, tags and meaning, the flags by name, an example, related events, known limits. The "
		 "pages, the "
		 "JSON Schema and the names that expressions know come from the same tables as the events "
		 "themselves.",
	.opts = options,
	.opts_size = sizeof(struct events_opts),
	.examples = (const struct cli_example[]){{"recvguard events", "what there is"},
						 {"recvguard events recvmsg", "the page of one event"},
						 {0}},
	.see_also = "trace",
	.max_args = 1,
	.run = events_run,
};
