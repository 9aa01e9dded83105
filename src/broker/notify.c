/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdarg.h>
#include <stdio.h>

#include "broker/broker.h"
#include "broker/sys.h"

#define PER_WINDOW 5u
#define WINDOW	   1000000000u /* ns */

void rg_notice(struct rg_broker *b, const char *fmt, ...)
{
	uint64_t now = rg_now();
	char line[512];
	va_list ap;
	int n;

	if (!b->opts.notice)
		return;
	if (now - b->notice_window > WINDOW) {
		if (b->notices_hidden) {
			snprintf(line, sizeof(line), "%u more notices suppressed", b->notices_hidden);
			b->opts.notice(b->opts.arg, line);
		}
		b->notice_window = now;
		b->notices = b->notices_hidden = 0;
	}
	if (b->notices++ >= PER_WINDOW) {
		b->notices_hidden++;
		return;
	}
	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	for (int i = 0; i < n && i < (int)sizeof(line) - 1; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	b->opts.notice(b->opts.arg, line);
}
