/* SPDX-License-Identifier: BSD-2-Clause */
/* The blocks that the pcapng output writes, whatever the event. What tshark makes of them:
 * tests/e2e/pcapng.py. */
#include "tests/lib/unit.h"

#include <recvguard/sink.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sink/pcapng_block.h"
#include "tests/lib/fabricate.h"

#define READER_MAX (256u * 1024) /* wiretap/wtap.h: larger packets are refused */

struct file {
	char path[64];
	struct rg_sink *sink;
	uint8_t *data;
	size_t len;
};

static void open_file(struct file *f)
{
	char spec[80];

	strcpy(f->path, "/tmp/recvguard-pcapng-XXXXXX");
	close(mkstemp(f->path));
	snprintf(spec, sizeof(spec), "pcapng=%s", f->path);
	assert_int_equal(rg_sink_open(spec, NULL, &f->sink, NULL), 0);
}

static void close_file(struct file *f)
{
	rg_auto_fclose FILE *in = NULL;

	assert_int_equal(rg_sink_close(f->sink, NULL), 0);
	in = fopen(f->path, "re");
	f->data = malloc(16 << 20);
	f->len = fread(f->data, 1, 16 << 20, in);
	unlink(f->path);
}

static uint32_t word(const struct file *f, size_t at)
{
	uint32_t v;

	assert_true(at + 4 <= f->len);
	memcpy(&v, f->data + at, 4);
	return v;
}

/* Options end with their end mark, exactly where the block does. */
static void walk_options(const struct file *f, size_t at, size_t end)
{
	for (;;) {
		uint32_t head = word(f, at);

		at += 4 + (((head >> 16) + 3) & ~3u);
		assert_true(at <= end);
		if (!(head & 0xffff))
			break;
	}
	assert_int_equal(at, end);
}

struct counts {
	unsigned sections, interfaces, packets, statistics;
	uint32_t captured, original; /* of the last packet */
};

static struct counts walk(const struct file *f)
{
	struct counts c = {0};

	for (size_t at = 0; at < f->len;) {
		uint32_t type = word(f, at), len = word(f, at + 4);

		assert_int_equal(len % 4, 0);
		assert_int_equal(word(f, at + len - 4), len);
		if (type == RG_NG_EPB) {
			c.packets++;
			assert_true(word(f, at + 8) < c.interfaces);
			c.captured = word(f, at + 20);
			c.original = word(f, at + 24);
			assert_true(c.captured <= c.original && c.captured <= READER_MAX &&
				    len <= READER_MAX);
			walk_options(f, at + 28 + ((c.captured + 3) & ~3u), at + len - 4);
		} else if (type == RG_NG_ISB) {
			c.statistics++;
			assert_true(word(f, at + 8) < c.interfaces);
			walk_options(f, at + 20, at + len - 4);
		} else if (type == RG_NG_IDB) {
			c.interfaces++;
			walk_options(f, at + 16, at + len - 4);
		} else {
			assert_int_equal(type, RG_NG_SHB);
			assert_int_equal(c.sections++, 0);
			walk_options(f, at + 24, at + len - 4);
		}
		at += len;
	}
	return c;
}

static void every_fabricated_event(void **state)
{
	struct rg_event *ev = rg_event_new();
	unsigned packets = 0, lost = 0;
	struct counts c;
	struct file f;

	open_file(&f);
	for (unsigned i = 0; i < fab_count(); i++) {
		fab_event(i, ev);
		if (ev->v[RG_F_EVENT].i == RG_EV_LOST)
			lost++;
		else
			packets++;
		assert_int_equal(rg_sink_write(f.sink, ev, NULL), 0);
	}
	close_file(&f);
	c = walk(&f);
	assert_int_equal(c.sections, 1);
	assert_true(c.packets >= packets && lost);
	assert_int_equal(c.statistics, lost + c.interfaces);
	free(f.data);
	rg_event_free(ev);
}

static void no_packet_larger_than_readers_take(void **state)
{
	struct rg_event *ev = rg_event_new();
	static char big[300000];
	struct counts c;
	struct file f;

	open_file(&f);
	rg_set_i(ev, RG_F_EVENT, RG_EV_RECVMSG, RG_TAG_K);
	rg_set_i(ev, RG_F_SOCK_FAMILY, AF_UNIX, RG_TAG_K);
	rg_set_bytes(ev, RG_F_MSG_DATA, big, sizeof(big), sizeof(big), RG_TAG_K);
	assert_int_equal(rg_sink_write(f.sink, ev, NULL), 0);
	close_file(&f);
	c = walk(&f);
	assert_true(c.captured > 250000 && c.captured < sizeof(big));
	assert_true(c.original > sizeof(big) && c.original < sizeof(big) + 1024);
	free(f.data);
	rg_event_free(ev);
}

/* Families are the program's numbers where a tier reads them from user memory: any may come. */
static void more_families_than_there_are(void **state)
{
	struct rg_event *ev = rg_event_new();
	struct counts c;
	struct file f;

	open_file(&f);
	for (int family = 0; family < 1000; family++) {
		rg_event_reset(ev);
		rg_set_i(ev, RG_F_EVENT, RG_EV_RECVMSG, RG_TAG_K);
		rg_set_i(ev, RG_F_SOCK_FAMILY, family * 65 + 1, RG_TAG_K);
		rg_set_bytes(ev, RG_F_MSG_DATA, "x", 1, 1, RG_TAG_K);
		assert_int_equal(rg_sink_write(f.sink, ev, NULL), 0);
	}
	close_file(&f);
	c = walk(&f);
	assert_int_equal(c.packets, 1000);
	assert_true(c.interfaces <= 128);
	free(f.data);
	rg_event_free(ev);
}

static void dbus_lengths_that_lie(void **state)
{
	static const uint8_t huge[20] = {'l', 1, 0, 1, 0xff, 0xff, 0xff, 0xff,
					 1,   0, 0, 0, 0xff, 0xff, 0xff, 0xff};
	struct rg_event *ev = rg_event_new();
	struct counts c;
	struct file f;

	open_file(&f);
	for (uint32_t len = 1; len <= sizeof(huge); len++) {
		rg_event_reset(ev);
		rg_set_i(ev, RG_F_EVENT, RG_EV_RECVMSG, RG_TAG_K);
		rg_set_i(ev, RG_F_SOCK_FAMILY, AF_UNIX, RG_TAG_K);
		rg_set_str(ev, RG_F_MSG_PROTOCOL, "dbus", 4, RG_TAG_K);
		rg_set_bytes(ev, RG_F_MSG_DATA, huge, len, sizeof(huge), RG_TAG_K);
		assert_int_equal(rg_sink_write(f.sink, ev, NULL), 0);
	}
	close_file(&f);
	c = walk(&f);
	assert_int_equal(c.packets, sizeof(huge));
	free(f.data);
	rg_event_free(ev);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(every_fabricated_event),
	cmocka_unit_test(no_packet_larger_than_readers_take),
	cmocka_unit_test(more_families_than_there_are),
	cmocka_unit_test(dbus_lengths_that_lie),
};
RG_UNIT_MAIN(tests)
