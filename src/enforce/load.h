/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_ENFORCE_LOAD_H
#define RG_ENFORCE_LOAD_H

#include "enforce/pins.h"
#include "policy/lower/enforce.h"

/* tables.c: write img as generation gen, which nobody uses yet; take the entries of a generation out. */
int rg_enf_tables_write(const struct rg_enf_fds *f, const struct rg_enf_image *img, uint32_t gen,
			struct rg_err *err);
void rg_enf_tables_drop(const struct rg_enf_fds *f, uint32_t gen);
int rg_enf_ctl_read(const struct rg_enf_fds *f, struct rg_enf_ctl *ret);
int rg_enf_ctl_write(const struct rg_enf_fds *f, const struct rg_enf_ctl *ctl);
void rg_enf_grace(void);

/* front.c: take the short way that holds out of force (*held: RG_FRONT_NOW, 0 none) and write the one of a
 * generation beside it: 0, -errno. Put one in force: RG_FRONT_NOW, 0 none. */
int rg_enf_front_write(const struct rg_enf_fds *f, const struct rg_enf_image *img, uint32_t gen,
		       uint32_t *held);
int rg_enf_front_now(const struct rg_enf_fds *f, uint32_t now);

/* tree.c: who is below root (0: no --tree), as generation gen, which nobody uses yet; the hooks that follow
 * forks are attached. *start: as in rg_enf_ctl, which tells of the generation in force. Then, when gen holds:
 * forget the other one's. */
int rg_enf_tree_begin(const struct rg_enf_fds *f, const struct rg_enf_ctl *ctl, uint32_t gen, int root,
		      uint64_t *start, struct rg_err *err);
void rg_enf_tree_end(const struct rg_enf_fds *f, uint32_t gen);

/* hooks.c: load the programs and maps and pin them, nothing attached but what was needed to see that hooks
 * are called. -EOPNOTSUPP: this kernel calls none of them. */
struct rg_enf_load;
int rg_enf_hooks_load(struct rg_pins *p, struct rg_enf_load *l, enum rg_enf_backend *ret, struct rg_err *err);
/* Attach what the image needs; detach the rest. */
int rg_enf_hooks_attach(const struct rg_pins *p, enum rg_enf_backend be, const struct rg_enf_load *l,
			struct rg_err *err);
/* Into *ctl: that this process is never asked, where the hooks see it receive. */
void rg_enf_hooks_tell_self(const struct rg_enf_fds *f, struct rg_enf_ctl *ctl);
void rg_enf_hooks_detach(const struct rg_pins *p, enum rg_enf_backend be, const struct rg_enf_load *l);

/* guard.c: from here on other programs get no descriptor of the maps and programs that this thread makes or
 * opens, and take no pin away. */
int rg_enf_guard_begin(const struct rg_pins *p, enum rg_enf_backend be, struct rg_err *err);
/* What this thread opens from here on is not ours any more; until the deadline, as in rg_enf_ctl. */
void rg_enf_guard_set(const struct rg_pins *p, bool on, uint64_t deadline);
bool rg_enf_guard_is_on(const struct rg_pins *p);

/* group.c: the back-end without trampolines. A link on the control group l->group: the new one stands beside
 * the old until it is settled. */
int rg_enf_group_attach(const struct rg_pins *p, const struct rg_enf_load *l, struct rg_err *err);
void rg_enf_group_settle(const struct rg_pins *p, const struct rg_enf_load *l);
/* Is the pinned link still on its control group? */
bool rg_enf_group_holds(const struct rg_pins *p);
/* Can rules of the image that are decided as a datagram is queued hold for sockets of this family? */
bool rg_enf_concerns(const struct rg_enf_image *img, unsigned family);

/* sockets.c: our filter onto the unix datagram and seqpacket sockets which processes in l->group hold now:
 * how many have it, how many were left without. */
void rg_enf_sockets_put(const struct rg_pins *p, const struct rg_enf_fds *f, const struct rg_enf_load *l,
			struct rg_enf_ctl *ctl);

/* orphans.c: filters stay on their sockets when the pins are gone, and so do the maps that they use. Have obj
 * use the maps of such filters: this folder's, or switched off ones of a control group that is l's or below
 * it (others' sockets are none of its). 1: it does, 0: there are none, -EBUSY: somebody else is at it. Until
 * the lock of the folder is given back no other loader takes any up. */
struct bpf_object;
int rg_enf_orphans_adopt(struct rg_pins *p, const struct rg_enf_load *l, struct bpf_object *obj,
			 struct rg_err *err);
/* Let them pass everything, of whatever version: how many there were. Of this folder; where it is not locked,
 * because it is not there, of every folder that has had its path. */
unsigned rg_enf_orphans_off(const struct rg_pins *p);
/* Is what *ctl tells of in force from this folder? */
bool rg_enf_is_ours(const struct rg_pins *p, const struct rg_enf_ctl *ctl);

/* load.c: compile nothing, put an image in force. */
struct rg_enf_load {
	const struct rg_enf_image *img;
	bool audit;
	uint64_t for_ns;
	int tree;
	uint64_t tree_start;	  /* out: as in struct rg_enf_ctl */
	enum rg_enf_backend want; /* NONE: the best there is */
	const char *group;	  /* folder of a control group: RG_EB_CGROUP */
	const char *scope;	  /* to whom the policies are narrowed; for people */
	/* Asked before anything is changed whether this back-end can carry the policies out; img is not
	 * looked at before, and may be set there. */
	int (*admit)(void *arg, enum rg_enf_backend be, const char *why, struct rg_err *err);
	void *arg;
	enum rg_enf_backend backend; /* out: what carries them out */
	char why[640];		     /* out: why not a better one, "" */
	char unguarded[200];	     /* out: why other programs are not kept from it, "" */
	uint32_t filters, bare;	     /* out: as in struct rg_enf_ctl */
};
int rg_enf_load(struct rg_pins *p, struct rg_enf_load *l, struct rg_err *err);

/* status.c */
struct rg_enforce_status;
int rg_enf_status(const struct rg_pins *p, struct rg_enforce_status *ret, struct rg_err *err);
int rg_enf_stop(struct rg_pins *p, struct rg_err *err);

#endif
