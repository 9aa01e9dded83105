/* SPDX-License-Identifier: BSD-2-Clause */
#include <recvguard/event.h>

#define rg_names_none	    NULL
#define rg_names_cmsglevels NULL /* names travel with the decoded node: level 0 is four protocols' level */
#define rg_names_cmsgtypes  NULL

/* One row per RG_ELEM; rows of one field stand together in elems.def. */
static const struct {
	enum rg_field field;
	struct rg_elem_info info;
} rows[] = {
#define RG_ELEM(FIELD, name, type, names, unit, doc) \
	{RG_F_##FIELD, {name, RG_T_##type, rg_names_##names, unit, doc}},
#include <recvguard/elems.def>
#undef RG_ELEM
};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

size_t rg_field_elem_count(enum rg_field f)
{
	size_t n = 0;

	for (size_t i = 0; i < N_ROWS; i++)
		n += rows[i].field == f;
	return n;
}

const struct rg_elem_info *rg_field_elem(enum rg_field f, size_t index)
{
	for (size_t i = 0; i < N_ROWS; i++)
		if (rows[i].field == f && index-- == 0)
			return &rows[i].info;
	return NULL;
}
