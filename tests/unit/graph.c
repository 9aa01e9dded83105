/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/unit.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "graph/graph.h"

#define K RG_TAG_K

static struct rg_event *ev;
static struct rg_graph *g;
static struct drawn d;

static int setup(void **state)
{
	ev = rg_event_new();
	return !ev || rg_graph_new(NULL, &g, NULL);
}

static int teardown(void **state)
{
	rg_drawn_free(&d);
	rg_graph_free(g);
	rg_event_free(ev);
	return 0;
}

static void str(enum rg_field f, const char *s)
{
	rg_set_str(ev, f, s, (uint32_t)strlen(s), K);
}

/* A unix message of 10 bytes received (or sent) by pid on a socket; sender 0: not known. */
static void message(bool send, unsigned pid, unsigned cookie, unsigned sender)
{
	rg_event_reset(ev);
	rg_set_i(ev, RG_F_EVENT, send ? RG_EV_SENDMSG : RG_EV_RECVMSG, K);
	rg_set_u(ev, RG_F_TIME, 1000, K);
	rg_set_u(ev, RG_F_PROC_PID, pid, K);
	rg_set_u(ev, RG_F_PROC_TID, pid, K);
	rg_set_u(ev, RG_F_PROC_LEADER_START, 5000000000000u, K);
	str(RG_F_PROC_COMM, "prog");
	rg_set_i(ev, RG_F_RET, 10, K);
	rg_set_i(ev, RG_F_SOCK_FAMILY, AF_UNIX, K);
	rg_set_i(ev, RG_F_SOCK_TYPE, SOCK_STREAM, K);
	rg_set_u(ev, RG_F_SOCK_COOKIE, cookie, K);
	if (sender) {
		rg_set_u(ev, RG_F_SENDER_PID, sender, K);
		rg_set_i(ev, RG_F_SENDER_HOW, RG_HOW_CONNECT, K);
	}
}

static void set_ip(enum rg_field addr, enum rg_field port, uint32_t ip, unsigned n)
{
	struct rg_addr *a = rg_event_alloc(ev, sizeof(*a));

	ip = htonl(ip);
	*a = (struct rg_addr){.family = AF_INET, .ip_len = 4, .text = "an address", .text_len = 10};
	memcpy(a->ip, &ip, 4);
	ev->v[addr].addr = a;
	ev->tag[addr] = K;
	rg_set_u(ev, port, n, K);
}

/* A TCP message of 10 bytes received by pid, on a socket between two ports of 127.0.0.1. */
static void tcp(unsigned pid, unsigned cookie, uint32_t local_ip, unsigned local, unsigned remote)
{
	message(false, pid, cookie, 0);
	rg_set_i(ev, RG_F_SOCK_FAMILY, AF_INET, K);
	rg_set_i(ev, RG_F_SOCK_PROTOCOL, IPPROTO_TCP, K);
	rg_set_u(ev, RG_F_SOCK_NETNS, 7, K);
	set_ip(RG_F_SOCK_LOCAL_ADDR, RG_F_SOCK_LOCAL_PORT, local_ip, local);
	set_ip(RG_F_SOCK_REMOTE_ADDR, RG_F_SOCK_REMOTE_PORT, INADDR_LOOPBACK, remote);
}

static void add(void)
{
	assert_int_equal(rg_graph_add(g, ev, NULL), 0);
}

static void fold(void)
{
	rg_drawn_free(&d);
	assert_int_equal(rg_graph_fold(g, &d, NULL), 0);
}

static const char *name(uint32_t node)
{
	static char text[2][64];
	static int turn;
	rg_auto_buf b = {0};

	name_node(&b, &d.nodes[node], 0);
	turn = !turn;
	snprintf(text[turn], sizeof(text[turn]), "%s", rg_buf_cstr(&b));
	return text[turn];
}

static const struct edge *edge(const char *from, const char *to)
{
	for (uint32_t i = 0; i < d.n_edges; i++)
		if (!strcmp(name(d.edges[i].from), from) && !strcmp(name(d.edges[i].to), to))
			return &d.edges[i];
	fail_msg("no edge from %s to %s", from, to);
	return NULL;
}

static void from_sender_to_receiver(void **state)
{
	message(false, 10, 1, 20);
	str(RG_F_SENDER_COMM, "server");
	add();
	add();
	fold();
	assert_int_equal(d.n_nodes, 2);
	assert_int_equal(d.n_edges, 1);
	assert_int_equal(edge("server[20]", "prog[10]")->t.received.messages, 2);
	assert_int_equal(edge("server[20]", "prog[10]")->t.received.bytes, 20);
}

/* The sending and the receiving event are one message, and the send names the process that really sent,
 * where the connection's credentials are those of another. */
static void both_ends_of_a_message(void **state)
{
	message(true, 20, 2, 0);
	rg_set_u(ev, RG_F_MSG_ID, 77, K);
	add();
	message(false, 10, 1, 10);
	rg_set_u(ev, RG_F_MSG_ID, 77, K);
	add();
	fold();
	assert_int_equal(d.n_edges, 1);
	assert_int_equal(d.n_nodes, 2);
	assert_int_equal(edge("prog[20]", "prog[10]")->t.received.messages, 1);
	assert_int_equal(edge("prog[20]", "prog[10]")->t.sent.messages, 1);
	assert_int_equal(tally_way(&d.edges[0].t).messages, 1);
}

/* The same, when the receipt is recorded first. */
static void receipt_before_send(void **state)
{
	message(false, 10, 1, 0);
	rg_set_u(ev, RG_F_MSG_ID, 78, K);
	add();
	message(true, 20, 2, 0);
	rg_set_u(ev, RG_F_MSG_ID, 78, K);
	add();
	fold();
	assert_int_equal(d.n_edges, 1);
	assert_non_null(edge("prog[20]", "prog[10]"));
}

/* A socket that several processes received from is not given to one of them. */
static void several_receivers(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		message(true, 20, 2, 0);
		rg_set_u(ev, RG_F_MSG_ID, 100 + i, K);
		add();
		message(false, 10 + i, 3 + i, 0);
		rg_set_u(ev, RG_F_MSG_ID, 100 + i, K);
		add();
	}
	fold();
	assert_int_equal(edge("prog[20]", "unknown, unix")->t.sent.messages, 2);
	assert_int_equal(edge("prog[20]", "prog[10]")->t.received.messages, 1);
	assert_int_equal(edge("prog[20]", "prog[11]")->t.received.messages, 1);
}

static void process_behind_an_address(void **state)
{
	tcp(10, 1, INADDR_LOOPBACK, 40000, 80);
	add();
	tcp(20, 2, INADDR_LOOPBACK, 80, 40000);
	add();
	fold();
	assert_int_equal(d.n_nodes, 2);
	assert_true(edge("prog[20]", "prog[10]")->by_address);
	assert_true(edge("prog[10]", "prog[20]")->by_address);
}

/* A socket bound to every address answers on loopback, yet not in another network namespace. */
static void behind_any_address(void **state)
{
	tcp(10, 1, INADDR_LOOPBACK, 40000, 80);
	add();
	tcp(20, 2, INADDR_ANY, 80, 40000);
	add();
	tcp(30, 3, INADDR_LOOPBACK, 40001, 80);
	rg_set_u(ev, RG_F_SOCK_NETNS, 8, K);
	add();
	fold();
	assert_non_null(edge("prog[20]", "prog[10]"));
	assert_non_null(edge("an address", "prog[30]"));
	assert_false(edge("an address", "prog[30]")->by_address);
}

static void number_used_again(void **state)
{
	message(false, 10, 1, 20);
	add();
	rg_set_u(ev, RG_F_PROC_LEADER_START, 5000000000001u, K); /* the same, reckoned again */
	add();
	rg_set_u(ev, RG_F_PROC_LEADER_START, 6000000000000u, K);
	rg_set_u(ev, RG_F_SOCK_COOKIE, 2, K);
	add();
	fold();
	assert_int_equal(d.n_nodes, 3);
	assert_int_equal(d.n_edges, 2);
	assert_int_equal(d.edges[0].t.received.messages, 2);
}

static void counted_apart(void **state)
{
	message(false, 10, 1, 20);
	rg_set_u(ev, RG_F_PEEK, 1, K);
	add();
	message(false, 10, 1, 20);
	rg_set_i(ev, RG_F_RET, -11, K);
	add();
	message(false, 10, 1, 20);
	rg_set_i(ev, RG_F_RET, -90, K);
	rg_set_i(ev, RG_F_VERDICT_ACTION, RG_ACT_DENY, K);
	add();
	message(false, 10, 1, 20);
	rg_set_u(ev, RG_F_MSG_TRUNCATED, 1, K);
	add();
	fold();
	assert_int_equal(d.edges[0].t.received.messages, 1);
	assert_int_equal(d.edges[0].t.peeks, 1);
	assert_int_equal(d.edges[0].t.denied, 1);
	assert_int_equal(d.edges[0].t.truncated, 1);
	assert_int_equal(g->actors[0].errors, 2);
}

static uint64_t messages(void)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < d.n_edges; i++)
		n += tally_way(&d.edges[i].t).messages;
	return n;
}

/* However few are drawn, no message is left out. */
static void others(void **state)
{
	for (unsigned i = 0; i < 1000; i++) {
		message(false, 10 + i % 100, 1 + i, 500 + i % 7);
		str(RG_F_SOCK_PATH, i % 2 ? "/a" : "/b");
		add();
	}
	for (unsigned max = 1; max < 130; max += 9) {
		g->opts.max_nodes = max;
		g->opts.max_edges = max;
		fold();
		assert_true(d.n_nodes == (max < 107 ? max : 107));
		assert_int_equal(messages(), 1000);
		assert_int_equal(d.total.received.messages, 1000);
		if (max < 107) {
			assert_int_equal(d.nodes[max - 1].kind, NODE_OTHERS);
			assert_int_equal(d.nodes[max - 1].members, 107 - (max - 1));
		}
	}
}

/* Beyond the limits of memory everything is still counted, only no longer told apart. */
static void limits(void **state)
{
	g->max_actors = 20;
	g->max_links = 30;
	for (unsigned i = 0; i < 1000; i++) {
		if (i % 2)
			message(false, 10 + i, 1 + i, 5000 + i);
		else
			tcp(10 + i, 1 + i, INADDR_LOOPBACK, 1 + i, 10000 + i);
		add();
	}
	fold();
	assert_true(g->merged);
	assert_true(g->n_actors < 60);
	assert_true(g->n_links < 200);
	assert_int_equal(messages(), 1000);
}

/* Names end no string and mean nothing in DOT. */
static void hostile_names(void **state)
{
	rg_auto_buf b = {0};

	message(false, 10, 1, 20);
	str(RG_F_PROC_COMM, "\"];x\\N&lt;<i>");
	str(RG_F_SOCK_PATH, "/tmp/\"\n\xff\\");
	add();
	fold();
	rg_graph_dot(&b, &d);
	assert_non_null(strstr(rg_buf_cstr(&b), "label=\"\\\"];x\\\\\\\\N&amp;lt;<i>[10]\""));
	assert_non_null(strstr(rg_buf_cstr(&b), "/tmp/\\\"\\\\n\\\\xff\\\\\\\\\\n1"));
}

/* In a recording that was made up, elements and their fields are of any type. */
static void elements_of_another_type(void **state)
{
	struct rg_builder list, o;

	message(false, 10, 1, 20);
	rg_build_field(&list, ev, RG_F_FD, K);
	rg_add_u(&list, NULL, RG_T_UINT, 0x4141414141414141u);
	rg_add_object(&list, NULL, &o);
	rg_add_u(&o, "path", RG_T_UINT, 0x4141414141414141u)->v.len = 100;
	rg_add_str(&o, "kind", "no number", 9);
	rg_add_str(&o, "lost", "", 0);
	add();
	fold();
	assert_int_equal(d.edges[0].t.n_paths, 0);
}

static void bad_dot_is_an_error(void **state)
{
	rg_auto_buf b = {0};
	struct rg_err err = {0};

	assert_int_equal(rg_graph_svg(&b, "digraph {", 1, &err), -EIO);
	assert_non_null(strstr(err.msg, "Graphviz could not lay out"));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(from_sender_to_receiver),
		T(both_ends_of_a_message),
		T(receipt_before_send),
		T(several_receivers),
		T(process_behind_an_address),
		T(behind_any_address),
		T(number_used_again),
		T(counted_apart),
		T(others),
		T(limits),
		T(hostile_names),
		T(bad_dot_is_an_error),
		T(elements_of_another_type),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
