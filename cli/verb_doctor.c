/* SPDX-License-Identifier: BSD-2-Clause */
/* doctor: what this kernel allows, why not more, and what that costs. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <recvguard/doctor.h>

#include "cli.h"
#include "json.h"

struct doctor_opts {
	bool json, missing, quick;
};

static const struct cli_opt options[] = {
	{"json", 0, NULL, &cli_flag, offsetof(struct doctor_opts, json), "Print one JSON object", "--json"},
	{"missing", 'm', NULL, &cli_flag, offsetof(struct doctor_opts, missing),
	 "List only what this kernel lacks", "--missing"},
	{"quick", 0, NULL, &cli_flag, offsetof(struct doctor_opts, quick),
	 "Judge the tiers by the capabilities they need, without loading them", "--quick"},
	{0},
};

static const char *const group_names[] = {"trace", "control", "broker"};
static const char *const group_titles[] = {
	"Watching (recvguard trace)",
	"Control in the kernel (recvguard enforce, recvguard guard)",
	"Control by the broker (recvguard run)",
};

/* Is the tier to be had? What its capabilities promise is then proved with the tier itself: loaded, attached
 * for a moment on this process alone, and dropped. */
static int tier_try(enum rg_tier tier, bool quick, enum rg_tier *taken, struct rg_err *err)
{
	const int self = (int)getpid();
	const struct rg_trace_opts o = {
		.select = {.pids = &self, .n_pids = 1},
		.tier = tier,
		.direction = RG_WAY_RECV,
		.no_enrich = true,
		.ring_kib = 64,
	};
	struct rg_trace *t = NULL;
	int r = tier == RG_TIER_AUTO ? 0 : rg_probe_tier(tier, err);

	*taken = tier;
	if (r == 0 && !quick)
		r = rg_trace_open(&o, &t, err);
	if (t)
		*taken = rg_trace_tier(t);
	rg_trace_close(t);
	return r;
}

/* Answers for every tier, and the best of them (RG_TIER_AUTO: none). */
struct tiers {
	struct rg_err err[RG_TIER__COUNT]; /* code 0: yes */
	enum rg_tier best;
};

static void tiers_try(struct tiers *ts, bool quick)
{
	enum rg_tier taken;
	struct rg_err err = {0};

	*ts = (struct tiers){.best = RG_TIER_AUTO};
	for (enum rg_tier t = RG_TIER__COUNT - 1; t > RG_TIER_AUTO; t--)
		if (tier_try(t, quick, &taken, &ts->err[t]) == 0) {
			ts->err[t].code = 0;
			ts->best = t;
		}
	/* where the kernel preempts, the first of them is passed over if it would lose messages */
	if (ts->best == RG_TIER_TRAMPOLINE && !quick && tier_try(RG_TIER_AUTO, false, &taken, &err) == 0)
		ts->best = taken;
}

/* The exit status: 0 all, 1 less, 2 nothing. */
static int verdict(enum rg_tier best)
{
	return best == RG_TIER_TRAMPOLINE ? 0 : best == RG_TIER_AUTO ? 2 : 1;
}

static void capability_text(enum rg_capability c, bool color, bool missing_only)
{
	const struct rg_cap_info *i = &rg_capabilities[c];
	struct rg_err err = {0};
	bool yes = rg_probe(c, &err) == 0;

	if (yes && missing_only)
		return;
	printf("  %s%s%s %-15s %s\n", color ? (yes ? "\033[32m" : "\033[31m") : "", yes ? "yes" : "no ",
	       color ? "\033[0m" : "", i->name, i->what);
	if (!yes)
		printf("      %-15s why:  %s\n      %-15s then: %s\n", "", err.msg, "", i->without);
}

static void tiers_text(const struct tiers *ts, bool quick)
{
	puts("\nCapture tiers, the best first");
	for (enum rg_tier t = RG_TIER_AUTO + 1; t < RG_TIER__COUNT; t++) {
		if (!ts->err[t].code)
			printf("  yes %-15s %s\n", rg_tier_names[t],
			       quick	       ? "what it needs is there (not loaded: --quick)"
			       : t == ts->best ? "used by `recvguard trace`"
			       : t < ts->best ? "loads, but loses messages where the kernel preempts: can be "
						"forced with --tier"
					      : "can be forced with --tier");
		else
			printf("  no  %-15s %s\n", rg_tier_names[t], ts->err[t].msg);
	}
}

static void doctor_text(const struct tiers *ts, const struct doctor_opts *o)
{
	struct rg_machine_fact facts[RG_MACHINE_FACTS];
	bool color = cli_color(1);

	rg_machine_facts(facts);
	puts("This machine");
	for (unsigned i = 0; i < RG_MACHINE_FACTS; i++)
		printf("  %-26s %s\n", facts[i].name, facts[i].value);
	for (unsigned g = 0; g < sizeof(group_names) / sizeof(group_names[0]); g++) {
		printf("\n%s\n", group_titles[g]);
		for (int c = 0; c < RG_CAP__COUNT; c++)
			if (rg_capabilities[c].group == g)
				capability_text((enum rg_capability)c, color, o->missing);
	}
	tiers_text(ts, o->quick);
}

static void capability_json(enum rg_capability c)
{
	const struct rg_cap_info *i = &rg_capabilities[c];
	struct rg_err err = {0};
	bool yes = rg_probe(c, &err) == 0;

	printf("%s{\"name\":", c ? "," : "");
	cli_json_str(stdout, i->name);
	printf(",\"group\":\"%s\",\"present\":%s,\"what\":", group_names[i->group], yes ? "true" : "false");
	cli_json_str(stdout, i->what);
	if (!yes) {
		printf(",\"errno\":%d,\"reason\":", -err.code);
		cli_json_str(stdout, err.msg);
		fputs(",\"consequence\":", stdout);
		cli_json_str(stdout, i->without);
	}
	putchar('}');
}

static void doctor_json(const struct tiers *ts)
{
	struct rg_machine_fact facts[RG_MACHINE_FACTS];

	rg_machine_facts(facts);
	fputs("{\"machine\":{", stdout);
	for (unsigned i = 0; i < RG_MACHINE_FACTS; i++) {
		fputs(i ? "," : "", stdout);
		cli_json_str(stdout, facts[i].name);
		putchar(':');
		cli_json_str(stdout, facts[i].value);
	}
	fputs("},\"capabilities\":[", stdout);
	for (int c = 0; c < RG_CAP__COUNT; c++)
		capability_json((enum rg_capability)c);
	fputs("],\"tiers\":[", stdout);
	for (enum rg_tier t = RG_TIER_AUTO + 1; t < RG_TIER__COUNT; t++) {
		bool yes = !ts->err[t].code;

		printf("%s{\"name\":\"%s\",\"usable\":%s", t > RG_TIER_AUTO + 1 ? "," : "", rg_tier_names[t],
		       yes ? "true" : "false");
		if (!yes) {
			fputs(",\"reason\":", stdout);
			cli_json_str(stdout, ts->err[t].msg);
		}
		putchar('}');
	}
	if (ts->best == RG_TIER_AUTO)
		puts("],\"tier\":null}");
	else
		printf("],\"tier\":\"%s\"}\n", rg_tier_names[ts->best]);
}

static int doctor_run(const struct cli_call *call, const void *opts)
{
	const struct doctor_opts *o = opts;
	struct rg_err err = {0};
	struct tiers ts;

	if (rg_probe_check_deny(&err) < 0)
		return cli_usage(call->verb, "%s", err.msg);
	tiers_try(&ts, o->quick);
	if (o->json)
		doctor_json(&ts);
	else
		doctor_text(&ts, o);
	return cli_finish(call->verb, verdict(ts.best));
}

const struct cli_verb cli_verb_doctor = {
	.name = "doctor",
	.synopsis = "",
	.summary = "say what this kernel allows, which capture tier is used and why not a better one",
	.about =
		"Tries every capability that recvguard can use by really using it once: it loads and "
		"attaches an "
		"empty program, makes a map, takes a descriptor of a child. Nothing is decided by version or "
		"configuration. For what is missing it prints the reason (the error, and what the verifier "
		"said) "
		"and what is lost by it.\n\n"
		"RECVGUARD_PROBE_DENY in the environment, a list of the names below separated by commas, "
		"makes "
		"capabilities fail, so that every fallback can be tried on any kernel.",
	.opts = options,
	.opts_size = sizeof(struct doctor_opts),
	.examples =
		(const struct cli_example[]){{"recvguard doctor || echo 'not the best tier'", "in a script"},
					     {"RECVGUARD_PROBE_DENY=fentry recvguard doctor",
					      "as if this kernel had no fentry programs"},
					     {0}},
	.statuses =
		(const struct cli_status[]){
			{0, "everything that the best capture tier needs is there"},
			{1, "traces can be taken, by a lesser tier"},
			{2, "traces cannot be taken (or the command line cannot be understood)"},
			{0}},
	.see_also = "trace",
	.run = doctor_run,
};
