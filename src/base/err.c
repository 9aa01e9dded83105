/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <recvguard/error.h>

int rg_fail(struct rg_err *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (code == 0)
		code = -EINVAL;
	if (!err)
		return code;
	err->code = code;
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	return code;
}

int rg_err_wrap(struct rg_err *err, const char *fmt, ...)
{
	char inner[RG_ERR_MSG_MAX];
	va_list ap;
	size_t n;

	if (!err)
		return -EINVAL;
	memcpy(inner, err->msg, sizeof(inner));
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	n = strlen(err->msg);
	snprintf(err->msg + n, sizeof(err->msg) - n, ": %s", inner);
	return err->code;
}
