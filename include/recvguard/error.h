/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RECVGUARD_ERROR_H
#define RECVGUARD_ERROR_H

/*
 * How every function of the library that can fail reports it: it returns a negative errno and, where the
 * caller passed a struct rg_err, one line that says what, where and what to do. The library never prints.
 */

#define RG_ERR_MSG_MAX 1024

struct rg_err {
	int code;		  /* negative errno of the first failure, 0 while there is none */
	char msg[RG_ERR_MSG_MAX]; /* one line (a policy error: message, source line and caret), NUL-terminated
				   */
};

/* Set *err (which may be NULL) to code and the formatted message. Returns code, so that a caller can write
 * `return rg_fail(err, -EINVAL, "...")`. A code of 0 is taken as -EINVAL. */
int rg_fail(struct rg_err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Put "context: " in front of what *err already says. Returns err->code. */
int rg_err_wrap(struct rg_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
