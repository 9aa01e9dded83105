/* SPDX-License-Identifier: BSD-2-Clause */
/* The short way (abi/enforce.h): written in place, since a word of it is turned by itself. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "enforce/load.h"

static struct rg_enf_fronts *map(const struct rg_enf_fds *f)
{
	void *p = mmap(NULL, sizeof(struct rg_enf_fronts), PROT_READ | PROT_WRITE, MAP_SHARED, f->front, 0);

	return p == MAP_FAILED ? NULL : p;
}

int rg_enf_front_write(const struct rg_enf_fds *f, const struct rg_enf_image *img, uint32_t gen,
		       uint32_t *held)
{
	struct rg_enf_fronts *p = map(f);

	*held = 0;
	if (!p)
		return -errno;
	*held = __atomic_exchange_n(&p->gen[0].now, 0, __ATOMIC_SEQ_CST);
	rg_enf_grace();
	memcpy(&p->gen[gen], &img->front, sizeof(img->front)); /* its now is 0, as the one here */
	munmap(p, sizeof(*p));
	/* this generation's own was left in force by a loader that died: it is none any more */
	if ((*held & 0xffffff) == RG_FRONT_NOW(gen, 0))
		*held = 0;
	return 0;
}

int rg_enf_front_now(const struct rg_enf_fds *f, uint32_t now)
{
	struct rg_enf_fronts *p = map(f);

	if (!p)
		return -errno;
	__atomic_store_n(&p->gen[0].now, now, __ATOMIC_SEQ_CST);
	munmap(p, sizeof(*p));
	return 0;
}
