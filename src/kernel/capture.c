/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/capture.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <recvguard/tiers.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/forced.h"
#include "base/libbpf.h"
#include "base/preempt.h"
#include "kernel/match.h"

#define RING_DEFAULT_KIB (64u << 10)

const char *const rg_tier_names[RG_TIER__COUNT] = {"auto", "trampoline", "tracepoint", "legacy"};

const struct rg_tier_impl *const rg_capture_tiers[] = {&rg_tier_trampoline, &rg_tier_tracepoint,
						       &rg_tier_legacy, NULL};

static const char *libbpf_line(void)
{
	return rg_libbpf_said()[0] ? rg_libbpf_said() : "no further word";
}

void rg_capture_note(struct rg_capture *c, const char *fmt, ...)
{
	va_list ap;

	for (size_t i = 0; i + 1 < RG_ARRAY_LEN(c->notes); i++) {
		if (c->notes[i])
			continue;
		va_start(ap, fmt);
		if (vasprintf(&c->notes[i], fmt, ap) < 0)
			c->notes[i] = NULL;
		va_end(ap);
		return;
	}
}

static int ring_size(struct bpf_object *obj, const struct rg_trace_opts *opts, struct rg_err *err)
{
	uint64_t want = (uint64_t)(opts->ring_kib ? opts->ring_kib : RING_DEFAULT_KIB) << 10;
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), size = page;
	struct bpf_map *map = bpf_object__find_map_by_name(obj, "ring");

	while (size < want && size < 1u << 31)
		size <<= 1;
	if (size < want)
		return rg_fail(err, -EINVAL, "--ring: at most 2 GiB");
	return map ? bpf_map__set_max_entries(map, (uint32_t)size) : -ENOENT;
}

/* A test has not as many processes as sel_pids takes. */
static int few_pids(struct bpf_object *obj)
{
	struct bpf_map *map = rg_forced("few-pids") ? bpf_object__find_map_by_name(obj, "sel_pids") : NULL;

	return map ? bpf_map__set_max_entries(map, 2) : 0;
}

static void unload(struct rg_capture *c)
{
	if (c->instance)
		c->impl->destroy(c->instance);
	c->instance = NULL;
	c->obj = NULL;
	c->calibrated = false;
}

/* What the kernel said of a program or a map is no user's mistake (is_users): another tier may be had. */
static int refused(int r)
{
	return r == -EPERM || r == -EACCES ? r : -EOPNOTSUPP;
}

/* Everything up to attached; the reason in err when this tier cannot be had. */
static int try_tier(struct rg_capture *c, const struct rg_tier_impl *impl, const struct rg_trace_opts *opts,
		    struct rg_err *err)
{
	struct rg_config *config;
	int r;

	c->impl = impl;
	rg_libbpf_forget();
	r = impl->open(&c->instance, &c->obj, &config, err);
	if (r)
		return r;
	r = rg_select_config(opts, c->match, config, err);
	if (!rg_tier_features[RG_CAN_EARLY].has[impl->tier])
		config->match_at &= RG_MA_END | RG_MA_ASKED;
	if (opts->metadata)
		config->match_at &= RG_MA_SOCK;
	if (!r)
		r = rg_match_size(c->obj, c->match, err);
	if (!r)
		r = ring_size(c->obj, opts, err) ?: few_pids(c->obj);
	if (!r)
		r = impl->prepare(c->instance, opts, err);
	if (r)
		return r;
	r = impl->load(c->instance);
	if (r)
		return rg_fail(err, refused(r), "does not load: %s (%s)", strerror(-r), libbpf_line());
	r = rg_select_maps(opts, c->obj, err);
	if (!r)
		r = rg_match_fill(c->obj, c->match, err);
	if (r)
		return r;
	r = impl->attach(c->instance);
	if (r)
		return rg_fail(err, refused(r), "does not attach: %s (%s)", strerror(-r), libbpf_line());
	return impl->settle ? impl->settle(c->instance, c, err) : 0;
}

/* A user's mistake is the same in every tier: do not go on to the next. */
static bool is_users(int r)
{
	return r == -EINVAL || r == -ENOENT || r == -EPERM;
}

/* Trampolines' programs can be preempted where the kernel can; tracepoints' not before Linux 7. */
static bool is_skipped(const struct rg_tier_impl *impl)
{
	return rg_preempt() == RG_PREEMPT_YES && !impl->steady &&
	       (impl->tier != RG_TIER_TRACEPOINT || rg_preempt_tracepoints());
}

/* Where the kernel preempts, what it leaves nothing out of comes first. */
static const struct rg_tier_impl *const *tier_order(void)
{
	static const struct rg_tier_impl *const held[] = {&rg_tier_fprobe, &rg_tier_tracepoint,
							  &rg_tier_trampoline, &rg_tier_legacy, NULL};
	static const struct rg_tier_impl *const all[] = {&rg_tier_fprobe, &rg_tier_trampoline,
							 &rg_tier_tracepoint, &rg_tier_legacy, NULL};

	if (!is_skipped(&rg_tier_trampoline) || rg_forced("no-fprobe"))
		return rg_capture_tiers;
	return is_skipped(&rg_tier_tracepoint) ? all : held;
}

static int choose_tier(struct rg_capture *c, const struct rg_trace_opts *opts, struct rg_err *err)
{
	const struct rg_tier_impl *const *order = tier_order();
	rg_auto_buf why = {0};
	struct rg_err one = {0};
	int r = -EOPNOTSUPP;

	for (const struct rg_tier_impl *const *t = order; *t; t++) {
		if (opts->tier != RG_TIER_AUTO && opts->tier != (*t)->tier)
			continue;
		r = try_tier(c, *t, opts, &one);
		if (!r)
			break;
		unload(c);
		if (geteuid() && (r == -EPERM || r == -EACCES))
			return rg_fail(err, -EPERM,
				       "tracing needs root (or CAP_BPF, CAP_PERFMON and CAP_SYS_RESOURCE)");
		if (is_users(r) && r != -EPERM)
			return rg_fail(err, r, "%s", one.msg);
		rg_buf_printf(&why, "%s%s tier: %s", why.len ? "; " : "", (*t)->name, one.msg);
	}
	if (!c->instance)
		return rg_fail(err, -EOPNOTSUPP,
			       "no capture tier can be had here: %s ('recvguard doctor' tells more)",
			       why.len ? rg_buf_cstr(&why) : "none is called so in this build");
	rg_capture_note(c, "tier %s%s%s%s", c->impl->name, why.len ? " (" : "", rg_buf_cstr(&why),
			why.len ? ")" : "");
	if (is_skipped(c->impl))
		rg_capture_note(
			c, "this kernel preempts programs at hooks and leaves out their other runs on that "
			   "processor: where several receive on one, messages can be missing (counted as "
			   "skipped)");
	return 0;
}

int rg_tracepoint_args(const char *name)
{
	struct btf *btf = btf__load_vmlinux_btf();
	const struct btf_type *t = NULL;
	char full[128];
	int id, n = -1;

	snprintf(full, sizeof(full), "btf_trace_%s", name);
	id = btf ? btf__find_by_name_kind(btf, full, BTF_KIND_TYPEDEF) : -1;
	/* typedef -> pointer -> function; its first parameter is the tracepoint's own data */
	for (int depth = 0; id > 0 && depth < 3; depth++) {
		t = btf__type_by_id(btf, (uint32_t)id);
		if (btf_is_func_proto(t))
			n = btf_vlen(t) - 1;
		id = (int)t->type;
	}
	btf__free(btf);
	return n;
}

struct ring_reader {
	rg_record_fn fn;
	void *arg;
};

static int read_record(void *arg, void *data, size_t size)
{
	struct ring_reader *rr = arg;
	const struct rg_rec_hdr *h = data;

	size_t len = size < sizeof(*h) || h->len > size ? 0 : h->len;

	/* len is what the writer filled, size what it reserved; libbpf stops at a negative number only */
	return rr->fn(rr->arg, h, len) ? -ECANCELED : 0;
}

int rg_capture_open(const struct rg_trace_opts *opts, const struct rg_match *match, rg_record_fn fn,
		    void *arg, struct rg_capture **ret, struct rg_err *err)
{
	struct rg_capture *c = calloc(1, sizeof(*c) + sizeof(struct ring_reader));
	struct ring_reader *rr = (struct ring_reader *)(c + 1);
	int r, fd;

	if (!c)
		return rg_fail(err, -ENOMEM, "out of memory");
	rg_libbpf_listen();
	*rr = (struct ring_reader){fn, arg};
	c->match = match;
	c->opts = opts;
	r = choose_tier(c, opts, err);
	if (!r) {
		fd = bpf_object__find_map_fd_by_name(c->obj, "ring");
		c->ring = ring_buffer__new(fd, read_record, rr, NULL);
		if (!c->ring)
			r = rg_fail(err, -errno, "ring buffer: %s", strerror(errno));
	}
	rg_libbpf_unlisten();
	c->match = NULL;
	c->opts = NULL;
	if (r) {
		rg_capture_close(c);
		return r;
	}
	*ret = c;
	return 0;
}

int rg_capture_consume(struct rg_capture *c)
{
	return ring_buffer__consume(c->ring);
}

int rg_capture_follow(struct rg_capture *c, int pid, struct rg_err *err)
{
	return rg_select_pid(c->obj, (uint32_t)pid, err);
}

void rg_capture_tend(struct rg_capture *c)
{
	if (c->impl->settle)
		c->impl->settle(c->instance, c, NULL);
}

static void losses_rest(struct rg_capture *c, rg_loss_fn fn, void *arg)
{
	int fd = bpf_object__find_map_fd_by_name(c->obj, "losses_rest"), cpus = libbpf_num_possible_cpus();
	rg_auto_free uint64_t *n = cpus > 0 ? calloc((size_t)cpus, sizeof(*n)) : NULL;
	rg_auto_free uint64_t *zero = cpus > 0 ? calloc((size_t)cpus, sizeof(*zero)) : NULL;

	for (uint32_t reason = 0; n && zero && reason < RG_LOSS_SLOTS; reason++) {
		if (bpf_map_lookup_elem(fd, &reason, n))
			continue;
		for (int cpu = 0; cpu < cpus; cpu++) {
			struct rg_loss_key key = {.reason = reason, .cpu = (uint32_t)cpu};

			if (n[cpu])
				fn(arg, &key, n[cpu]);
		}
		bpf_map_update_elem(fd, &reason, zero, BPF_ANY);
	}
}

/* Before 5.14 ("bpf: Add lookup_and_delete_elem support to hashtab") nothing can be taken out whole: the
 * entries stay, and what was told of each is remembered. */
static void loss_since(struct rg_capture *c, const struct rg_loss_key *key, uint64_t n, rg_loss_fn fn,
		       void *arg)
{
	struct rg_loss_told *t;
	size_t i = 0;

	while (i < c->n_told && memcmp(&c->told[i].key, key, sizeof(*key)))
		i++;
	if (i == c->n_told) {
		t = realloc(c->told, (i + 1) * sizeof(*t));
		if (!t)
			return; /* told the next time */
		c->told = t;
		c->told[c->n_told++] = (struct rg_loss_told){.key = *key};
	}
	t = &c->told[i];
	if (n > t->n)
		fn(arg, key, n - t->n);
	t->n = n;
}

/* Linux 5.12 ("bpf: Count the number of times recursion was prevented"): a program that is under way on a
 * processor is not run there a second time. Where the kernel preempts, trampolines' programs are left out so
 * while a thread that is in one of them waits for the processor. */
static void losses_skipped(struct rg_capture *c, rg_loss_fn fn, void *arg)
{
	struct rg_loss_key key = {.reason = RG_LOSS_SKIPPED};
	struct bpf_program *p;
	uint64_t sum = c->impl->missed ? c->impl->missed(c->instance) : 0;

	bpf_object__for_each_program(p, c->obj)
	{
		struct bpf_prog_info info = {0};
		uint32_t len = sizeof(info);

		if (!strncmp(bpf_program__name(p), "rg_cookie", strlen("rg_cookie")))
			continue; /* no message is lost by it */
		if (bpf_program__fd(p) >= 0 && !bpf_obj_get_info_by_fd(bpf_program__fd(p), &info, &len))
			sum += info.recursion_misses;
	}
	if (sum > c->skipped)
		fn(arg, &key, sum - c->skipped);
	c->skipped = sum;
}

void rg_capture_losses(struct rg_capture *c, rg_loss_fn fn, void *arg)
{
	int fd = bpf_object__find_map_fd_by_name(c->obj, "losses");
	struct rg_loss_key key, next;
	bool more = !bpf_map_get_next_key(fd, NULL, &key);

	while (more) {
		uint64_t n = 0;

		more = !bpf_map_get_next_key(fd, &key, &next);
		/* taken out whole: what is counted after this makes a new entry */
		if (!bpf_map_lookup_and_delete_elem(fd, &key, &n) && n)
			fn(arg, &key, n);
		else if (errno != ENOENT && !bpf_map_lookup_elem(fd, &key, &n))
			loss_since(c, &key, n, fn, arg);
		key = next;
	}
	losses_rest(c, fn, arg);
	losses_skipped(c, fn, arg);
}

uint64_t rg_capture_rejected(struct rg_capture *c)
{
	int fd = bpf_object__find_map_fd_by_name(c->obj, "rg_rejected"), cpus = libbpf_num_possible_cpus();
	rg_auto_free uint64_t *n = cpus > 0 ? calloc((size_t)cpus, sizeof(*n)) : NULL;
	uint32_t zero = 0;
	uint64_t sum = 0;

	if (!n || bpf_map_lookup_elem(fd, &zero, n))
		return 0;
	for (int cpu = 0; cpu < cpus; cpu++)
		sum += n[cpu];
	return sum;
}

void rg_capture_close(struct rg_capture *c)
{
	if (!c)
		return;
	ring_buffer__free(c->ring);
	unload(c);
	for (size_t i = 0; i < RG_ARRAY_LEN(c->notes); i++)
		free(c->notes[i]);
	free(c->told);
	free(c);
}
