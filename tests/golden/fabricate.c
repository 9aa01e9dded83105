/* SPDX-License-Identifier: BSD-2-Clause */
/* The fixed events of tests/lib/fabricate.c through one output, to standard output.
 * usage: fabricate schema | bytes | list | page EVENT | cmsg [NAME] | graph FORM [BY [NODES]] | FORMAT
 * [plain] [color] [ascii] [header] [hex] [pointers] [width=N] plain: without the events made of every field's
 * extremes, which change whenever a field is added. */
#include <recvguard/events.h>
#include <recvguard/graph.h>
#include <recvguard/schema.h>
#include <recvguard/sink.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sink/json.h"
#include "tests/lib/fabricate.h"

static void one_string(const unsigned char *s, size_t n)
{
	rg_auto_buf b = {0};

	rg_json_bytes(&b, (const char *)s, n);
	putchar('x');
	for (size_t i = 0; i < n; i++)
		printf("%02x", s[i]);
	printf(" %s\n", rg_buf_cstr(&b));
}

/* Every pair of bytes among the interesting ones, at every place around a word's edge, and random lengths. */
static int bytes(void)
{
	static const unsigned char odd[] = {0,	  1,	0x1f, ' ',  '"',  '\\', 'a',  0x7e,
					    0x7f, 0x80, 0x9b, 0xa8, 0xbf, 0xc0, 0xc2, 0xe0,
					    0xe2, 0xed, 0xef, 0xf0, 0xf4, 0xf5, 0xff};
	unsigned char s[300];
	unsigned seed = 1;

	for (size_t at = 0; at < 10; at += 3)
		for (size_t i = 0; i < sizeof(odd); i++)
			for (size_t j = 0; j < sizeof(odd); j++) {
				memset(s, 'x', 20);
				s[at] = odd[i];
				s[at + 1] = odd[j];
				s[at + 2] = 0x80;
				one_string(s, at + 2 + (i & 1));
			}
	for (size_t n = 0; n < sizeof(s); n++) {
		for (size_t i = 0; i < n; i++) {
			seed = seed * 1103515245 + 12345;
			s[i] = n & 1 ? (unsigned char)(seed >> 16)
				     : (unsigned char)(0x20 + (seed >> 16) % 0x5f);
		}
		one_string(s, n);
	}
	one_string((const unsigned char *)"\xe2\x80\xa8\xf3\xa0\x80\x81\xf0\x9f\x98\x80\xef\xbb\xbf", 14);
	return 0;
}

static int text(char *s)
{
	if (s)
		fputs(s, stdout);
	free(s);
	return s ? 0 : 1;
}

static int complain(const struct rg_err *err)
{
	fprintf(stderr, "fabricate: %s\n", err->msg);
	return 1;
}

static int graph(const char *form, const struct rg_graph_opts *opts)
{
	struct rg_event *ev = rg_event_new();
	struct rg_err err = {0};
	struct rg_graph *g;
	int r = rg_graph_new(opts, &g, &err);

	for (unsigned i = 0; r == 0 && i < fab_plain_count(); i++) {
		fab_event(i, ev);
		r = rg_graph_add(g, ev, &err);
	}
	r = r ? r : rg_graph_save(g, form, &err);
	rg_graph_free(g);
	rg_event_free(ev);
	return r ? complain(&err) : 0;
}

static int events(const char *format, const struct rg_sink_opts *opts, bool plain)
{
	struct rg_event *ev = rg_event_new();
	struct rg_err err = {0};
	struct rg_sink *s;
	int r = rg_sink_open(format, opts, &s, &err);

	for (unsigned i = 0; r == 0 && i < (plain ? fab_plain_count() : fab_count()); i++) {
		fab_event(i, ev);
		r = rg_sink_write(s, ev, &err);
	}
	rg_event_free(ev);
	if (r == 0)
		r = rg_sink_close(s, &err);
	return r ? complain(&err) : 0;
}

int main(int argc, char **argv)
{
	struct rg_sink_opts opts = {.host = "bench"};
	bool plain = false;

	if (argc < 2)
		return 2;
	for (int i = 2; i < argc; i++) {
		opts.color |= !strcmp(argv[i], "color");
		plain |= !strcmp(argv[i], "plain");
		opts.ascii |= !strcmp(argv[i], "ascii");
		opts.header |= !strcmp(argv[i], "header");
		opts.hex |= !strcmp(argv[i], "hex");
		opts.tracee_pointers |= !strcmp(argv[i], "pointers");
		if (!strncmp(argv[i], "width=", 6))
			opts.width = (unsigned)atoi(argv[i] + 6);
	}
	if (!strcmp(argv[1], "schema"))
		return text(rg_schema_json(NULL));
	if (!strcmp(argv[1], "list"))
		return text(rg_events_list(NULL));
	if (!strcmp(argv[1], "page"))
		return text(rg_events_page(argc > 2 ? argv[2] : "recvmsg", NULL));
	if (!strcmp(argv[1], "cmsg"))
		return text(rg_events_cmsg(argc > 2 ? argv[2] : NULL, NULL));
	if (!strcmp(argv[1], "bytes"))
		return bytes();
	if (!strcmp(argv[1], "graph") && argc > 2) {
		struct rg_graph_opts g = {.by = argc > 3 ? (enum rg_graph_by)atoi(argv[3]) : 0,
					  .max_nodes = argc > 4 ? (unsigned)atoi(argv[4]) : 0};

		return graph(argv[2], &g);
	}
	return events(argv[1], &opts, plain);
}
