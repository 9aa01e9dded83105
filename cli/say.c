/* SPDX-License-Identifier: BSD-2-Clause */
/* What the program says to people: errors on standard error, and the facts about the terminal it says it on.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli.h"

static void say(const struct cli_verb *v, const char *fmt, va_list ap)
{
	fprintf(stderr, v ? "recvguard %s: " : "recvguard: ", v ? v->name : "");
	vfprintf(stderr, fmt, ap);
}

void cli_say(const struct cli_verb *v, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(v, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

int cli_fail(const struct cli_verb *v, const struct rg_err *err)
{
	cli_say(v, "%s", err->msg[0] ? err->msg : strerror(err->code ? -err->code : EIO));
	return CLI_FAILED;
}

int cli_usage(const struct cli_verb *v, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(v, fmt, ap);
	va_end(ap);
	fprintf(stderr, " (recvguard help%s%s)\n", v ? " " : "", v ? v->name : "");
	return CLI_USAGE;
}

int cli_finish(const struct cli_verb *v, int status)
{
	if (!ferror(stdout) && fflush(stdout) == 0)
		return status;
	cli_say(v, "standard output: %s", strerror(errno));
	return CLI_FAILED;
}

unsigned cli_width(int fd)
{
	struct winsize ws;
	const char *columns = getenv("COLUMNS");
	uint64_t n;

	if (!isatty(fd))
		return 0;
	if (ioctl(fd, TIOCGWINSZ, &ws) == 0 && ws.ws_col)
		return ws.ws_col;
	return columns && cli_parse_u64(columns, 10000, &n) == 0 && n ? (unsigned)n : 80;
}

bool cli_color(int fd)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(fd) && !(no && *no) && term && strcmp(term, "dumb") != 0;
}

static void on_sigpipe(int sig)
{
}

/* A handler, not SIG_IGN: an ignored signal stays ignored in the command that trace or run starts. */
void cli_no_sigpipe(void)
{
	struct sigaction sa = {.sa_handler = on_sigpipe, .sa_flags = SA_RESTART};

	sigaction(SIGPIPE, &sa, NULL);
}
