/* SPDX-License-Identifier: BSD-2-Clause */
/* Where there are no trampolines: the ingress program on a control group. */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "enforce/load.h"

#define LINK "link_cg_ingress"
#define NEXT "link_cg_next"

static bool holds_for(const struct rg_enf_image *img, uint32_t row)
{
	return ((const struct rg_enf_row *)(const void *)img->rows.data)[row].sum;
}

bool rg_enf_concerns(const struct rg_enf_image *img, unsigned family)
{
	const struct rg_enf_set *s = &img->set[RG_ST_QUEUE];
	const struct rg_enf_key_entry *e = (const void *)img->keys.data;
	bool found;

	if (!s->sum || !(s->need & RG_D_BIT(RG_D_FAMILY)))
		return s->sum;
	found = holds_for(img, s->dim[RG_D_FAMILY].dflt);
	for (size_t i = 0; i < img->keys.len / sizeof(*e); i++)
		if (e[i].key.set == RG_ST_QUEUE && e[i].key.dim == RG_D_FAMILY &&
		    e[i].key.v[0] == __builtin_bswap64(family))
			found = holds_for(img, e[i].row);
	return found;
}

/* The group that a pinned link is on; 0: none, or it is gone. */
static uint64_t group_of(const struct rg_pins *p, const char *name)
{
	rg_auto_close int fd = rg_pins_get(p, "", name);
	struct bpf_link_info info = {0};
	uint32_t size = sizeof(info);

	return fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size) ? 0 : info.cgroup.cgroup_id;
}

bool rg_enf_group_holds(const struct rg_pins *p)
{
	return !rg_pins_has(p, "", LINK) || group_of(p, LINK);
}

static bool is_inet(const struct rg_enf_load *l)
{
	return rg_enf_concerns(l->img, AF_INET) || rg_enf_concerns(l->img, AF_INET6);
}

int rg_enf_group_attach(const struct rg_pins *p, const struct rg_enf_load *l, struct rg_err *err)
{
	rg_auto_close int dir = l->group ? open(l->group, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	rg_auto_close int prog = rg_pins_get(p, "prog_", "cg_ingress");
	rg_auto_close int link = -1;
	struct stat st;
	int r;

	rg_pins_drop(p, "", NEXT); /* of one who died on the way */
	if (!l->group)
		return rg_fail(err, -ENOENT, "no control group hierarchy of version 2 is mounted");
	if (dir < 0 || fstat(dir, &st))
		return rg_fail(err, -errno, "%s: %s", l->group, strerror(errno));
	/* the same group twice would report everything twice meanwhile */
	if (!is_inet(l) || group_of(p, LINK) == st.st_ino)
		return 0;
	if (prog < 0)
		return rg_fail(err, prog, "%s: %s", p->dir, strerror(-prog));
	link = bpf_link_create(prog, dir, BPF_CGROUP_INET_INGRESS, NULL);
	if (link < 0)
		return rg_fail(err, -errno, "%s: the ingress hook does not attach: %s", l->group,
			       strerror(errno));
	r = rg_pins_put(p, "", NEXT, link);
	return r ? rg_fail(err, r, "%s: cannot pin: %s", p->dir, strerror(-r)) : 0;
}

void rg_enf_group_settle(const struct rg_pins *p, const struct rg_enf_load *l)
{
	if (rg_pins_has(p, "", NEXT)) {
		rg_pins_drop(p, "", LINK);
		rg_pins_rename(p, NEXT, LINK);
	} else if (!is_inet(l)) {
		rg_pins_drop(p, "", LINK);
	}
}
