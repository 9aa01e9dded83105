/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_ENRICH_USERS_H
#define RG_ENRICH_USERS_H

#include <stddef.h>
#include <stdint.h>

/* uid -> name, from /etc/passwd alone, read once: the name service may wait for a server. */
struct rg_users {
	struct rg_user {
		uint32_t uid;
		char *name;
	} * v;
	size_t n;
};
void rg_users_init(struct rg_users *u, const char *state_root);
void rg_users_free(struct rg_users *u);
const char *rg_users_name(const struct rg_users *u, uint32_t uid); /* NULL: unknown */

#endif
