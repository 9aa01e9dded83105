/* SPDX-License-Identifier: BSD-2-Clause */
/* The types of option values. */
#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include <recvguard/event.h>

#include "cli.h"

static int parse_flag(const struct cli_opt *o, const char *text, void *dest, struct rg_err *err)
{
	*(bool *)dest = true;
	return 0;
}
const struct cli_type cli_flag = {.parse = parse_flag};

static int parse_str(const struct cli_opt *o, const char *text, void *dest, struct rg_err *err)
{
	*(const char **)dest = text;
	return 0;
}
const struct cli_type cli_str = {.parse = parse_str};
const struct cli_type cli_file = {.parse = parse_str, .complete = CLI_COMP_FILE};
const struct cli_type cli_dir = {.parse = parse_str, .complete = CLI_COMP_DIR};

int cli_parse_u64(const char *text, uint64_t max, uint64_t *ret)
{
	char *end;
	unsigned long long n;

	if (text[0] < '0' || text[0] > '9')
		return -EINVAL;
	errno = 0;
	n = strtoull(text, &end, !strncmp(text, "0x", 2) ? 16 : 10);
	if (*end)
		return -EINVAL;
	if (errno == ERANGE || n > max)
		return -ERANGE;
	*ret = n;
	return 0;
}

static int number(const char *text, uint64_t max, uint64_t *ret, struct rg_err *err)
{
	int r = cli_parse_u64(text, max, ret);

	if (r == -ERANGE)
		return rg_fail(err, r, "too large, at most %" PRIu64, max);
	return r < 0 ? rg_fail(err, r, "expected a number") : 0;
}

static int parse_u32(const struct cli_opt *o, const char *text, void *dest, struct rg_err *err)
{
	uint64_t n;
	int r = number(text, UINT32_MAX, &n, err);

	if (r == 0)
		*(uint32_t *)dest = (uint32_t)n;
	return r;
}
const struct cli_type cli_u32 = {.parse = parse_u32};

/* 0 means that none was given to whoever takes it. */
static int parse_pid(const struct cli_opt *o, const char *text, void *dest, struct rg_err *err)
{
	uint64_t n;
	int r = number(text, INT32_MAX, &n, err);

	if (r == 0 && !n)
		return rg_fail(err, -EINVAL, "expected the number of a process, from 1");
	if (r == 0)
		*(uint32_t *)dest = (uint32_t)n;
	return r;
}
const struct cli_type cli_pid = {.parse = parse_pid, .complete = CLI_COMP_PID};

static int parse_u64(const struct cli_opt *o, const char *text, void *dest, struct rg_err *err)
{
	return number(text, UINT64_MAX, dest, err);
}
const struct cli_type cli_u64 = {.parse = parse_u64};

/* A number with one of the units, which ends with a NULL name; the row "" is for no unit. */
struct unit {
	const char *name;
	uint64_t factor;
};

static int with_unit(const char *text, const struct unit *units, const char *like, uint64_t *ret,
		     struct rg_err *err)
{
	char digits[24];
	size_t len = strspn(text, "0123456789");
	uint64_t n;

	if (len == 0 || len >= sizeof(digits))
		return rg_fail(err, -EINVAL, "expected a number with a unit, as in %s", like);
	memcpy(digits, text, len);
	digits[len] = 0;
	if (cli_parse_u64(digits, UINT64_MAX, &n) < 0)
		return rg_fail(err, -ERANGE, "too large");
	for (const struct unit *u = units; u->name; u++) {
		if (strcmp(u->name, text + len) != 0)
			continue;
		if (__builtin_mul_overflow(n, u->factor, ret))
			return rg_fail(err, -ERANGE, "too large");
		return 0;
	}
	return rg_fail(err, -EINVAL, "unknown unit '%s'; write it as in %s", text + len, like);
}

static int parse_size(const struct cli_opt *o, const char *text, void *dest, struct rg_err *err)
{
	static const struct unit units[] = {
		{"", 1},	  {"B", 1},	      {"K", 1 << 10},	{"k", 1 << 10},	 {"KiB", 1 << 10},
		{"kB", 1000},	  {"M", 1 << 20},     {"MiB", 1 << 20}, {"MB", 1000000}, {"G", 1 << 30},
		{"GiB", 1 << 30}, {"GB", 1000000000}, {NULL, 0}};

	return with_unit(text, units, "4096, 64KiB, 10M", dest, err);
}
const struct cli_type cli_size = {.parse = parse_size};

static int parse_duration(const struct cli_opt *o, const char *text, void *dest, struct rg_err *err)
{
	static const struct unit units[] = {{"", 1000000000},
					    {"ns", 1},
					    {"us", 1000},
					    {"ms", 1000000},
					    {"s", 1000000000},
					    {"m", 60000000000ull},
					    {"h", 3600000000000ull},
					    {"d", 86400000000000ull},
					    {NULL, 0}};

	return with_unit(text, units, "10s, 500ms, 2m", dest, err);
}
const struct cli_type cli_duration = {.parse = parse_duration};

/* Say which words would have done. */
static int not_a_choice(const struct cli_opt *o, struct rg_err *err)
{
	char list[512];
	size_t n = 0;
	const char *c;

	list[0] = 0;
	for (unsigned i = 0; (c = o->type->choice(o, i)) && n < sizeof(list) - 1; i++)
		n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s", i ? ", " : "", c);
	return rg_fail(err, -EINVAL, "expected one of: %s", list);
}

static const char *word_choice(const struct cli_opt *o, unsigned i)
{
	return ((const char *const *)o->data)[i];
}

static int parse_choice(const struct cli_opt *o, const char *text, void *dest, struct rg_err *err)
{
	const char *c;

	for (unsigned i = 0; (c = word_choice(o, i)); i++)
		if (!strcmp(c, text)) {
			*(int *)dest = (int)i;
			return 0;
		}
	return not_a_choice(o, err);
}
const struct cli_type cli_choice = {.parse = parse_choice, .choice = word_choice};

int cli_str_list_add(struct cli_str_list *l, const char *s)
{
	const char **v = realloc(l->v, (l->n + 1) * sizeof(*v));

	if (!v)
		return -ENOMEM;
	v[l->n++] = s;
	l->v = v;
	return 0;
}

static int parse_strs(const struct cli_opt *o, const char *text, void *dest, struct rg_err *err)
{
	if (!*text)
		return rg_fail(err, -EINVAL, "is empty");
	return cli_str_list_add(dest, text) < 0 ? rg_fail(err, -ENOMEM, "out of memory") : 0;
}

/* Both list structs start with the one pointer they own. */
static void release_list(void *dest)
{
	free(*(void **)dest);
	*(void **)dest = NULL;
}
const struct cli_type cli_strs = {.parse = parse_strs, .release = release_list, .many = true};
const struct cli_type cli_files = {
	.parse = parse_strs, .release = release_list, .many = true, .complete = CLI_COMP_FILE};

/* One element of a comma-separated list. */
typedef int (*item_fn)(const struct cli_opt *o, const char *item, uint32_t *ret, struct rg_err *err);

static int add_item(const struct cli_opt *o, const char *item, item_fn fn, struct cli_u32_list *l,
		    struct rg_err *err)
{
	uint32_t *v, one;
	int r = fn(o, item, &one, err);

	if (r < 0)
		return r;
	v = realloc(l->v, (l->n + 1) * sizeof(*v));
	if (!v)
		return rg_fail(err, -ENOMEM, "out of memory");
	l->v = v;
	v[l->n++] = one;
	return 0;
}

static int parse_items(const struct cli_opt *o, const char *text, item_fn fn, struct cli_u32_list *l,
		       struct rg_err *err)
{
	char *copy = strdup(text), *rest = copy, *item;
	int r = 0;

	if (!copy)
		return rg_fail(err, -ENOMEM, "out of memory");
	while (r == 0 && (item = strsep(&rest, ",")))
		r = add_item(o, item, fn, l, err);
	free(copy);
	return r;
}

static int item_num(const struct cli_opt *o, const char *item, uint32_t *ret, struct rg_err *err)
{
	uint64_t n;
	int r = number(item, INT32_MAX, &n, err);

	if (r == 0)
		*ret = (uint32_t)n;
	return r;
}

static int parse_nums(const struct cli_opt *o, const char *text, void *dest, struct rg_err *err)
{
	return parse_items(o, text, item_num, dest, err);
}
const struct cli_type cli_nums = {.parse = parse_nums, .release = release_list, .many = true};
const struct cli_type cli_pids = {
	.parse = parse_nums, .release = release_list, .many = true, .complete = CLI_COMP_PID};

static int item_uid(const struct cli_opt *o, const char *item, uint32_t *ret, struct rg_err *err)
{
	const struct passwd *pw;
	uint64_t n;

	if (cli_parse_u64(item, UINT32_MAX - 1, &n) == 0) {
		*ret = (uint32_t)n;
		return 0;
	}
	pw = getpwnam(item);
	if (!pw)
		return rg_fail(err, -EINVAL, "no user has this name");
	*ret = pw->pw_uid;
	return 0;
}

static int parse_uids(const struct cli_opt *o, const char *text, void *dest, struct rg_err *err)
{
	return parse_items(o, text, item_uid, dest, err);
}
const struct cli_type cli_uids = {
	.parse = parse_uids, .release = release_list, .many = true, .complete = CLI_COMP_USER};

static const char *name_choice(const struct cli_opt *o, unsigned i)
{
	return ((const struct rg_name *)o->data)[i].name;
}

static int item_name(const struct cli_opt *o, const char *item, uint32_t *ret, struct rg_err *err)
{
	uint64_t n;

	if (rg_name_value(o->data, item, strlen(item), &n) < 0 && cli_parse_u64(item, INT32_MAX, &n) < 0)
		return not_a_choice(o, err);
	*ret = (uint32_t)n;
	return 0;
}

static int parse_names(const struct cli_opt *o, const char *text, void *dest, struct rg_err *err)
{
	return parse_items(o, text, item_name, dest, err);
}
const struct cli_type cli_names = {
	.parse = parse_names, .release = release_list, .choice = name_choice, .many = true};
