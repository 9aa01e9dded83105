/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_TESTS_UNIT_RECORDING_H
#define RG_TESTS_UNIT_RECORDING_H

/* A folder with a recording in it: what both programs that test recordings start from. */
#include "tests/lib/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <recvguard/recording.h>
#include <recvguard/sink.h>

#include "base/cleanup.h"
#include "sink/json.h"
#include "sink/pack.h"
#include "tests/lib/fabricate.h"

static char dir[32], path[64], spec[80];
static struct rg_event *ev, *back;

static int setup(void **state)
{
	strcpy(dir, "/tmp/rg-rec-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/r.db", dir);
	snprintf(spec, sizeof(spec), "sqlite=%s", path);
	ev = rg_event_new();
	back = rg_event_new();
	return !ev || !back;
}

static int teardown(void **state)
{
	static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
	char name[96];

	for (size_t i = 0; i < RG_ARRAY_LEN(suffixes); i++) {
		snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
		unlink(name);
	}
	rmdir(dir);
	rg_event_free(ev);
	rg_event_free(back);
	return 0;
}

static void ok(int r, const struct rg_err *err)
{
	if (r < 0)
		fail_msg("%d: %s", r, err->msg);
}

__attribute__((unused)) static void json_of(struct rg_buf *b, const struct rg_event *e)
{
	struct rg_json j = {0};

	assert_int_equal(rg_json_event(&j, b, e), 0);
}

__attribute__((unused)) static void big_payload(struct rg_event *e, size_t n, bool random)
{
	static char data[1 << 20];

	for (size_t i = 0; i < n; i++)
		data[i] = random ? (char)(rand() >> 7) : "HTTP/1.1 200 OK\r\n"[i % 17];
	rg_set_bytes(e, RG_F_MSG_DATA, data, (uint32_t)n, (uint32_t)n * 2, RG_TAG_U);
}

__attribute__((unused)) static int first_int(void *arg, uint64_t row, int n, const char *const *names,
					     const struct rg_cell *cells)
{
	*(int64_t *)arg = cells[0].i;
	return 0;
}

__attribute__((unused)) static int64_t ask(struct rg_recording *rec, const char *sql)
{
	struct rg_err err = {0};
	int64_t answer = -1;
	int r = rg_recording_sql(rec, sql, first_int, &answer, &err);

	if (r)
		fail_msg("%s: %s", sql, err.msg);
	return answer;
}

#endif
