/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_CLI_PLAYBACK_H
#define RG_CLI_PLAYBACK_H

/* From a recording to outputs: what replay and query share. */
#include <recvguard/recording.h>
#include <recvguard/sink.h>

#include "cli.h"
#include "outputs.h"

struct cli_playback {
	const struct cli_verb *verb;
	const char *const *files;		     /* NULL-terminated */
	const char *filter;			     /* NULL: everything */
	const char *origin;			     /* of the filter, for messages */
	const struct cli_str_list *outputs, *redact; /* redact NULL: nothing is hidden */
	const struct cli_taker *taker;		     /* in place of outputs, NULL: none */
	struct rg_sink_opts opts;
	uint64_t count; /* stop after so many, 0: never */
	bool follow;	/* wait for more at the end */
	bool quiet;
};

/* Returns the exit status. */
int cli_play(const struct cli_playback *p);

#endif
