/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_TEST_EARLY_H
#define RG_TEST_EARLY_H

/* A record as an early run of the filter sees it (abi/match.h, RG_MA_*): what is not known by then is noise.
 */
#include <stdlib.h>
#include <string.h>

#include "policy/lower/match.h"

#define KEEP(field) (void)memcpy(&to->field, &from->field, sizeof(to->field))

static inline uint32_t early_record(struct rg_rec_msg *to, const struct rg_rec_msg *from, uint32_t at)
{
	bool sock = at != RG_MA_TASK && (from->has & RG_HAS_SOCK);

	for (size_t i = 0; i < sizeof(*to); i++)
		((unsigned char *)to)[i] = (unsigned char)rand();
	to->has = sock ? RG_HAS_SOCK : 0;
	KEEP(h.tid), KEEP(pid), KEEP(uid), KEEP(gid);
	KEEP(ns_pid), KEEP(ns_tid), KEEP(ns_mnt), KEEP(ns_pidns);
	if (sock)
		KEEP(family), KEEP(type), KEEP(protocol), KEEP(netns);
	if (at == RG_MA_BEGIN)
		return 0;
	KEEP(ppid), KEEP(ns_ppid), KEEP(cgroup_id), KEEP(comm);
	if (!sock)
		return RG_KNOWN_TASK;
	KEEP(local), KEEP(remote);
	return RG_KNOWN_TASK | RG_KNOWN_ENDS;
}

/* Does an early run reject what the last one accepts, or where the program says it can't? */
static inline bool early_is_wrong(const struct rg_match *m, const struct rg_rec_msg *rec, bool accepted,
				  unsigned *rejected)
{
	static const uint32_t points[] = {RG_MA_BEGIN, RG_MA_TASK, RG_MA_SOCK};
	struct rg_rec_msg *early = malloc(sizeof(*early));
	bool wrong = !early || (!accepted && !(m->prog.at & RG_MA_END));

	for (size_t i = 0; i < 3 && !wrong; i++) {
		uint32_t known = early_record(early, rec, points[i]);

		if (rg_match_run(m, early, known))
			continue;
		++*rejected;
		wrong = accepted || !(m->prog.at & points[i]);
	}
	free(early);
	return wrong;
}

#endif
