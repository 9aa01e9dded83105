/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_ENFORCE_PINS_H
#define RG_ENFORCE_PINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <recvguard/error.h>

#include "abi/enforce.h"

/* The folder of a bpf file system in which everything stands: maps by their names, programs as prog_NAME,
 * links as link_NAME (those of the guard: guard_NAME). All functions: -errno. */
struct rg_pins {
	char dir[200];
	int lock;	  /* the folder, held exclusively while something is changed; -1 */
	int turn;	  /* orphans.c: nobody else in this kernel takes up what was left; -1 */
	uint64_t fs, ino; /* st_dev and st_ino of the locked folder; 0 not locked */
};

/* dir NULL: the usual one. */
int rg_pins_init(struct rg_pins *p, const char *dir, struct rg_err *err);
/* Make the folder if it is not there and take its lock. -EBUSY: somebody else is changing it. */
int rg_pins_lock(struct rg_pins *p, struct rg_err *err);
void rg_pins_unlock(struct rg_pins *p);
/* A number for the folder: two rarely have the same. */
uint32_t rg_pins_home(const struct rg_pins *p);
/* A descriptor of what is pinned. -ENOENT. */
int rg_pins_get(const struct rg_pins *p, const char *kind, const char *name);
int rg_pins_put(const struct rg_pins *p, const char *kind, const char *name, int fd);
bool rg_pins_has(const struct rg_pins *p, const char *kind, const char *name);
int rg_pins_rename(const struct rg_pins *p, const char *from, const char *to);
int rg_pins_drop(const struct rg_pins *p, const char *kind, const char *name);
void rg_pins_drop_all(const struct rg_pins *p, const char *kind);
/* Take everything out, links first; clear: the folder too. */
void rg_pins_empty(const struct rg_pins *p);
void rg_pins_clear(const struct rg_pins *p);

/* What stands there for us, opened: the maps that user space reads and writes. */
struct rg_enf_fds {
	int ctl, sets, rows, clauses, rules, code, keys, lpms, paths, path_lpms, counts, tree, kin, guarded,
		front, ring;
};
/* -ENOENT: nothing is enforced; -EPROTO: by another version of recvguard. */
int rg_enf_fds_open(const struct rg_pins *p, struct rg_enf_fds *ret, struct rg_err *err);
void rg_enf_fds_close(struct rg_enf_fds *f);

#endif
