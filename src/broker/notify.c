/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdarg.h>
#include <stdio.h>

#include "broker/broker.h"
#include "broker/sys.h"

#define PER_WINDOW 5u
#define WINDOW	   1000000000u /* ns */

static void __attribute__((format(printf, 2, 0))) say(struct rg_broker *b, const char *fmt, va_list ap)
{
	char line[1536];
	int n = vsnprintf(line, sizeof(line), fmt, ap);

	/* A policy error has three lines; nothing that was received stands in a notice. */
	for (int i = 0; i < n && i < (int)sizeof(line) - 1; i++)
		if (((unsigned char)line[i] < 0x20 && line[i] != '\n') || line[i] == 0x7f)
			line[i] = '?';
	b->opts.notice(b->opts.arg, line);
}

void rg_notices_told(struct rg_broker *b)
{
	char line[64];

	if (!b->notices_hidden || !b->opts.notice)
		return;
	snprintf(line, sizeof(line), "%u more notices suppressed", b->notices_hidden);
	b->opts.notice(b->opts.arg, line);
	b->notices_hidden = 0;
}

void rg_notice(struct rg_broker *b, const char *fmt, ...)
{
	uint64_t now = rg_now();
	va_list ap;

	if (!b->opts.notice)
		return;
	if (now - b->notice_window > WINDOW) {
		rg_notices_told(b);
		b->notice_window = now;
		b->notices = 0;
	}
	if (b->notices++ >= PER_WINDOW) {
		b->notices_hidden++;
		return;
	}
	va_start(ap, fmt);
	say(b, fmt, ap);
	va_end(ap);
}

void rg_say(struct rg_broker *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (b->opts.notice)
		say(b, fmt, ap);
	va_end(ap);
}
