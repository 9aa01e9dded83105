/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_BASE_CLEANUP_H
#define RG_BASE_CLEANUP_H

/*
 * Cleanup that can be checked by reading one function: a variable declared with one of these is released when
 * its scope ends; RG_TAKE moves it out (to a caller or a struct).
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define RG_CLEANUP(fn) __attribute__((cleanup(fn)))

#define RG_TAKE(p)                          \
	({                                  \
		__typeof__(p) taken_ = (p); \
		(p) = NULL;                 \
		taken_;                     \
	})
#define RG_TAKE_FD(fd)             \
	({                         \
		int taken_ = (fd); \
		(fd) = -1;         \
		taken_;            \
	})

static inline void rg_cleanup_free(void *p)
{
	free(*(void **)p);
}
static inline void rg_cleanup_close(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
static inline void rg_cleanup_fclose(FILE **f)
{
	if (*f)
		fclose(*f);
}
static inline void rg_cleanup_closedir(DIR **d)
{
	if (*d)
		closedir(*d);
}

#define rg_auto_free	 RG_CLEANUP(rg_cleanup_free)
#define rg_auto_close	 RG_CLEANUP(rg_cleanup_close)
#define rg_auto_fclose	 RG_CLEANUP(rg_cleanup_fclose)
#define rg_auto_closedir RG_CLEANUP(rg_cleanup_closedir)

#define RG_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
