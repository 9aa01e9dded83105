/* SPDX-License-Identifier: BSD-2-Clause */
/* The broker's events, enriched: the only file that knows both rooms. */
#include "broker/hooks.h"
#include "enrich/enrich.h"

static int begin(void *arg, struct rg_err *err)
{
	return rg_enrich_new(NULL, arg, err);
}

static void enrich(void *arg, struct rg_event *ev, int pid)
{
	rg_enrich_held(*(struct rg_enrich **)arg, ev, (uint32_t)pid);
}

int rg_run(const struct rg_run_opts *opts, struct rg_err *err)
{
	struct rg_enrich *e = NULL; /* made in the supervisor, and there for its life: this frame stays */
	struct rg_broker_hooks hooks = {begin, enrich, &e};

	return rg_broker_run(opts, &hooks, err);
}
