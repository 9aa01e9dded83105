/* SPDX-License-Identifier: BSD-2-Clause */
/* Dimensions whose values have names: paths of sockets, executables, control groups. */
#include <errno.h>
#include <string.h>

#include "policy/ast.h"
#include "policy/lower/tables.h"

#define OBJECTS_MAX 64 /* kernel objects of one name */

typedef void (*each_fn)(struct rg_tables *t, const char *text, size_t len, bool starts);

/* Every constant of the tests on this dimension. */
static void each_const(struct rg_tables *t, each_fn fn)
{
	for (uint32_t i = 0; i < t->n_entries && !t->r; i++) {
		const struct rg_enf_lit *l = t->entry[i].lit;
		const struct rg_ir_insn *in = &rg_ir_insns(l->ir)[l->pc];
		const struct rg_ir_const *k;
		const struct rg_ir_slot *slot;
		const char *data;

		if (in->op != RG_IR_STR && in->op != RG_IR_STRSET)
			continue; /* no constant: whether there is a value at all */
		k = &rg_ir_consts(l->ir)[in->k];
		data = rg_ir_data(l->ir) + k->off;
		slot = (const void *)data;
		if (in->op == RG_IR_STR)
			fn(t, data, k->len, in->sub == RG_S_STARTS);
		for (uint32_t s = 0; in->op == RG_IR_STRSET && s < k->n; s++)
			if (slot[s].off)
				fn(t, data + slot[s].off, slot[s].len, false);
	}
}

static void one_path(struct rg_tables *t, const char *text, size_t len, bool starts)
{
	struct rg_enf_path_entry e = {.key = {.set = (uint8_t)t->stage}};
	bool lpm = t->img->set[t->stage].dim[RG_D_PATH].n_masks == 0;
	char sample[RG_ENF_PATH + 2] = {0};

	if (len > RG_ENF_PATH - 2)
		return;
	memcpy(sample, text, len);
	if (starts) /* longer than the beginning, and no other constant's */
		sample[len] = '\x01';
	rg_sample_text(&t->sample, RG_D_PATH, sample);
	e.row = rg_tables_sampled(t);
	memcpy(e.key.path, text, len);
	e.key.prefixlen = lpm ? 32 + 8 * (uint32_t)(len + !starts) : RG_ENF_PATH_WHOLE;
	rg_buf_add(lpm ? &t->img->path_lpms : &t->img->paths, &e, sizeof(e));
}

void rg_tables_paths(struct rg_tables *t)
{
	struct rg_enf_dimension *d = &t->img->set[t->stage].dim[RG_D_PATH];

	d->n_masks = 1;
	for (uint32_t i = 0; i < t->n_entries; i++) {
		const struct rg_ir_insn *in = &rg_ir_insns(t->entry[i].lit->ir)[t->entry[i].lit->pc];

		if (in->op == RG_IR_STR && in->sub == RG_S_STARTS)
			d->n_masks = 0;
	}
	rg_sample_text(&t->sample, RG_D_PATH, "\x01");
	d->dflt = rg_tables_sampled(t);
	each_const(t, one_path);
}

static void unknown(struct rg_tables *t, const char *what, const char *text, size_t len)
{
	rg_buf_printf(&t->img->unknown, "%s%s %.*s", t->img->unknown.len ? ", " : "", what, (int)len, text);
}

static bool is_container(const struct rg_enf_lit *l)
{
	return rg_ir_vals(l->ir)[rg_ir_insns(l->ir)[l->pc].a].field == RG_F_CONTAINER_ID;
}

static unsigned find_group(struct rg_tables *t, const char *text, size_t len, bool container,
			   uint64_t (*ret)[2])
{
	char path[4096];

	if (len >= sizeof(path) || !t->names->cgroup)
		return 0;
	memcpy(path, text, len);
	path[len] = '\0';
	if (!container && len > 1 && path[len - 1] == '/')
		path[len - 1] = '\0';
	return t->names->cgroup(t->names->arg, path, container, ret, OBJECTS_MAX);
}

int rg_tables_tree(struct rg_tables *t, const struct rg_enf_lit *lit)
{
	const struct rg_ir_const *k = &rg_ir_consts(lit->ir)[rg_ir_insns(lit->ir)[lit->pc].k];
	uint64_t obj[OBJECTS_MAX][2];
	unsigned n = find_group(t, rg_ir_data(lit->ir) + k->off, k->len, is_container(lit), obj);
	uint32_t *level = t->img->set[t->stage].level;

	if (!n)
		return -1;
	for (unsigned i = 1; i < n; i++)
		if (obj[i][1] != obj[0][1])
			return -2;
	for (int i = 0; i < 4; i++) {
		if (!level[i])
			level[i] = (uint32_t)obj[0][1] + 1; /* 0: unused */
		if (level[i] == obj[0][1] + 1)
			return RG_D_CGTREE + i;
	}
	return -2;
}

static void one_name(struct rg_tables *t, const char *text, size_t len, bool starts)
{
	uint64_t obj[OBJECTS_MAX][2];
	char path[4096] = {0};
	unsigned n = 0;
	uint32_t row;

	if (len >= sizeof(path) - 1)
		return;
	memcpy(path, text, len);
	if (t->dim == RG_D_EXE && t->names->exe)
		n = t->names->exe(t->names->arg, path, obj, OBJECTS_MAX);
	else if (t->dim != RG_D_EXE)
		n = find_group(t, text, len, starts && text[0] != '/', obj);
	if (!n)
		unknown(t, t->dim == RG_D_EXE ? "executable" : "control group", text, len);
	if (starts && text[0] == '/')
		path[len] = '\x01';
	rg_sample_text(&t->sample, t->dim, path);
	if (t->dim == RG_D_CGROUP)
		rg_set_u(t->sample.ev, RG_F_PROC_CGROUP_ID, n ? obj[0][0] : 0, RG_TAG_K);
	row = rg_tables_sampled(t);
	for (unsigned i = 0; i < n; i++)
		rg_tables_key(t, 0, t->dim == RG_D_EXE ? (rg_u128)obj[i][0] << 64 | obj[i][1] : obj[i][0],
			      row);
}

/* Numbers of control groups beside their names. */
static void group_numbers(struct rg_tables *t)
{
	for (uint32_t i = 0; i < t->n_entries && !t->r; i++) {
		rg_auto_buf cuts = {0};
		const struct rg_cut *c;

		if (rg_ir_insns(t->entry[i].lit->ir)[t->entry[i].lit->pc].op == RG_IR_STR ||
		    rg_ir_insns(t->entry[i].lit->ir)[t->entry[i].lit->pc].op == RG_IR_STRSET)
			continue;
		if (!rg_cuts_points(t->entry[i].lit, t->dim, i, &cuts))
			t->r = rg_fail(t->err, -EOPNOTSUPP,
				       "proc.cgroup_id: groups are compared one by one (==, in)");
		c = (const void *)cuts.data;
		for (size_t k = 0; k < cuts.len / sizeof(*c); k++) {
			rg_sample_number(&t->sample, t->dim, c[k].at);
			rg_set_str(t->sample.ev, RG_F_PROC_CGROUP, "\x01", 1, RG_TAG_K);
			rg_tables_key(t, 0, c[k].at, rg_tables_sampled(t));
		}
		t->oom |= cuts.oom;
	}
}

void rg_tables_names(struct rg_tables *t)
{
	struct rg_enf_dimension *d = &t->img->set[t->stage].dim[t->dim];

	rg_sample_text(&t->sample, t->dim, "\x01");
	if (t->dim == RG_D_CGROUP)
		rg_set_u(t->sample.ev, RG_F_PROC_CGROUP_ID, 0, RG_TAG_K);
	d->dflt = rg_tables_sampled(t);
	rg_tables_mask(t, ~(rg_u128)0);
	if (t->dim == RG_D_CGROUP)
		group_numbers(t);
	each_const(t, one_name);
}
