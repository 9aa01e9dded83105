/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables into the maps: a generation beside the one that holds. */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/membarrier.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "enforce/load.h"

static int failed(struct rg_err *err, const char *what)
{
	return rg_fail(err, -errno, "the kernel's table of %s: %s", what, strerror(errno));
}

/* ARRAY maps: n values from index at on. */
static int put_array(int fd, uint32_t at, const void *values, size_t size, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t key = at + i;

		if (bpf_map_update_elem(fd, &key, (const char *)values + i * size, BPF_ANY))
			return -errno;
	}
	return 0;
}

/* Entries of key and row; the key's set (at set_at) gets its generation. */
static int put_keys(int fd, const struct rg_buf *entries, size_t size, size_t key_size, size_t set_at,
		    uint32_t gen)
{
	uint8_t key[sizeof(struct rg_enf_path)];

	for (size_t at = 0; at + size <= entries->len; at += size) {
		const char *e = entries->data + at;

		memcpy(key, e, key_size);
		key[set_at] = (uint8_t)RG_ENF_SET(gen, key[set_at]);
		if (bpf_map_update_elem(fd, key, e + key_size, BPF_ANY))
			return -errno;
	}
	return 0;
}

/* Take the entries of one generation out. */
static void drop_keys(int fd, size_t key_size, size_t set_at, uint32_t gen)
{
	uint8_t key[sizeof(struct rg_enf_path)], next[sizeof(struct rg_enf_path)];
	int more = bpf_map_get_next_key(fd, NULL, next);

	while (!more) {
		memcpy(key, next, key_size);
		more = bpf_map_get_next_key(fd, key, next);
		if (key[set_at] >> 2 == gen && !bpf_map_delete_elem(fd, key) && more)
			more = bpf_map_get_next_key(fd, NULL, next); /* what moved meanwhile */
	}
}

#define SET_AT(type) offsetof(struct type, set)

void rg_enf_tables_drop(const struct rg_enf_fds *f, uint32_t gen)
{
	const struct rg_enf_set none = {.need = 0};

	for (uint32_t s = 0; s < 4; s++) {
		uint32_t set = RG_ENF_SET(gen, s);

		bpf_map_update_elem(f->sets, &set, &none, BPF_ANY);
	}
	drop_keys(f->keys, sizeof(struct rg_enf_key), SET_AT(rg_enf_key), gen);
	drop_keys(f->lpms, sizeof(struct rg_enf_lpm), SET_AT(rg_enf_lpm), gen);
	drop_keys(f->paths, sizeof(struct rg_enf_path), SET_AT(rg_enf_path), gen);
	drop_keys(f->path_lpms, sizeof(struct rg_enf_path), SET_AT(rg_enf_path), gen);
}

/* Rules that are no longer there must not be named by a status. */
static int put_rules(const struct rg_enf_fds *f, const struct rg_enf_image *img, uint32_t gen)
{
	const struct rg_enf_rule none = {.policy = ""};
	uint32_t n = (uint32_t)(img->rules.len / sizeof(none)), key = gen * RG_ENF_RULES + n;
	int r = put_array(f->rules, gen * RG_ENF_RULES, img->rules.data, sizeof(none), n);

	if (!r && n < RG_ENF_RULES && bpf_map_update_elem(f->rules, &key, &none, BPF_ANY))
		r = -errno;
	return r;
}

int rg_enf_tables_write(const struct rg_enf_fds *f, const struct rg_enf_image *img, uint32_t gen,
			struct rg_err *err)
{
	rg_enf_tables_drop(f, gen);
	if (put_array(f->rows, gen * RG_ENF_ROWS, img->rows.data, sizeof(struct rg_enf_row),
		      (uint32_t)(img->rows.len / sizeof(struct rg_enf_row))))
		return failed(err, "rows");
	if (put_rules(f, img, gen))
		return failed(err, "rules");
	if (put_array(f->code, gen * RG_ENF_CODE, img->code.data, sizeof(struct rg_enf_code),
		      (uint32_t)(img->code.len / sizeof(struct rg_enf_code))))
		return failed(err, "content programs");
	if (put_keys(f->keys, &img->keys, sizeof(struct rg_enf_key_entry), sizeof(struct rg_enf_key),
		     SET_AT(rg_enf_key), gen) ||
	    put_keys(f->lpms, &img->lpms, sizeof(struct rg_enf_lpm_entry), sizeof(struct rg_enf_lpm),
		     SET_AT(rg_enf_lpm), gen) ||
	    put_keys(f->paths, &img->paths, sizeof(struct rg_enf_path_entry), sizeof(struct rg_enf_path),
		     SET_AT(rg_enf_path), gen) ||
	    put_keys(f->path_lpms, &img->path_lpms, sizeof(struct rg_enf_path_entry),
		     sizeof(struct rg_enf_path), SET_AT(rg_enf_path), gen))
		return failed(err, "values");
	for (uint32_t s = 0; s < RG_ST__COUNT; s++) {
		uint32_t set = RG_ENF_SET(gen, s);

		if (put_array(f->clauses, set * RG_ENF_BITS, img->clause[s], sizeof(struct rg_enf_clause),
			      img->n_clauses[s]))
			return failed(err, "clauses");
		if (bpf_map_update_elem(f->sets, &set, &img->set[s], BPF_ANY))
			return failed(err, "sets");
	}
	return 0;
}

int rg_enf_ctl_read(const struct rg_enf_fds *f, struct rg_enf_ctl *ret)
{
	uint32_t zero = 0;

	return bpf_map_lookup_elem(f->ctl, &zero, ret) ? -errno : 0;
}

int rg_enf_ctl_write(const struct rg_enf_fds *f, const struct rg_enf_ctl *ctl)
{
	uint32_t zero = 0;

	return bpf_map_update_elem(f->ctl, &zero, ctl, BPF_ANY) ? -errno : 0;
}

/* A map of maps is what the kernel itself waits after, as it is written to (maybe_wait_bpf_programs). */
static bool grace_by_map(void)
{
	rg_auto_close int inner = bpf_map_create(BPF_MAP_TYPE_ARRAY, NULL, 4, 4, 1, NULL);
	LIBBPF_OPTS(bpf_map_create_opts, o, .inner_map_fd = (uint32_t)inner);
	rg_auto_close int outer =
		inner < 0 ? -1 : bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, NULL, 4, 4, 1, &o);
	uint32_t zero = 0;

	return outer >= 0 && !bpf_map_update_elem(outer, &zero, &inner, BPF_ANY);
}

/* Programs that began before now have ended when this returns: they run inside an RCU read-side section.
 * Where one processor is online membarrier does not wait at all, which is not enough where the kernel
 * preempts: a program that waits for that processor would go on with tables that were written over. */
void rg_enf_grace(void)
{
	bool waits =
		sysconf(_SC_NPROCESSORS_ONLN) > 1 && !syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);

	if (!waits && !grace_by_map())
		usleep(100000);
}
