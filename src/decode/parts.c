/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "decode/record.h"

#define BUCKETS	  1024
#define FILES_MAX 256 /* SCM_MAX_FD is 253 */
/* A message's payload beyond this is not kept: --snaplen all on a stream read of gigabytes must not eat
 * memory. */
#define DATA_MAX (16u << 20)

struct pending {
	struct pending *next;	       /* in the bucket */
	struct pending *newer, *older; /* by use */
	uint32_t tid;
	uint64_t msg_no;
	struct rg_buf data, records;
	uint64_t data_at;
	size_t file_at[FILES_MAX]; /* offsets into records: it moves when it grows */
	const struct rg_rec_file *files[FILES_MAX];
	struct rg_part_set set;
	unsigned n_parts;
};

struct rg_parts {
	struct pending *bucket[BUCKETS];
	struct pending *newest, *oldest;
	unsigned n;
	uint64_t dropped;
};

struct rg_parts *rg_parts_new(void)
{
	return calloc(1, sizeof(struct rg_parts));
}

static void use_unlink(struct rg_parts *p, struct pending *q)
{
	if (q->newer)
		q->newer->older = q->older;
	else
		p->newest = q->older;
	if (q->older)
		q->older->newer = q->newer;
	else
		p->oldest = q->newer;
}

static void use_first(struct rg_parts *p, struct pending *q)
{
	q->newer = NULL;
	q->older = p->newest;
	if (p->newest)
		p->newest->newer = q;
	p->newest = q;
	if (!p->oldest)
		p->oldest = q;
}

static void pending_free(struct rg_parts *p, struct pending *q)
{
	struct pending **at = &p->bucket[q->tid % BUCKETS];

	while (*at != q)
		at = &(*at)->next;
	*at = q->next;
	use_unlink(p, q);
	rg_buf_free(&q->data);
	rg_buf_free(&q->records);
	free(q);
	p->n--;
}

void rg_parts_free(struct rg_parts *p)
{
	if (!p)
		return;
	while (p->oldest)
		pending_free(p, p->oldest);
	free(p);
}

static struct pending *pending_find(struct rg_parts *p, uint32_t tid)
{
	struct pending *q = p->bucket[tid % BUCKETS];

	while (q && q->tid != tid)
		q = q->next;
	return q;
}

static void pending_clear(struct rg_parts *p, struct pending *q)
{
	p->dropped += q->n_parts;
	rg_buf_reset(&q->data);
	rg_buf_reset(&q->records);
	q->set = (struct rg_part_set){0};
	q->n_parts = 0;
}

static struct pending *pending_get(struct rg_parts *p, uint32_t tid, uint64_t msg_no)
{
	struct pending *q = pending_find(p, tid);

	if (!q) {
		if (p->n >= RG_PARTS_THREADS) {
			p->dropped += p->oldest->n_parts;
			pending_free(p, p->oldest);
		}
		q = calloc(1, sizeof(*q));
		if (!q)
			return NULL;
		q->tid = tid;
		q->next = p->bucket[tid % BUCKETS];
		p->bucket[tid % BUCKETS] = q;
		p->n++;
	} else {
		use_unlink(p, q);
	}
	use_first(p, q);
	if (q->msg_no != msg_no) {
		pending_clear(p, q);
		q->msg_no = msg_no;
	}
	return q;
}

static int add_data(struct rg_parts *p, const struct rg_rec_data *d, size_t size)
{
	struct pending *q;

	if (size < sizeof(*d) || d->len > size - sizeof(*d))
		return -EINVAL;
	q = pending_get(p, d->h.tid, d->h.msg_no);
	if (!q)
		return -ENOMEM;
	if (!q->data.len)
		q->data_at = d->offset;
	/* after a gap nothing is kept: what is shown is always a prefix */
	if (d->offset != q->data_at + q->data.len || q->data.len + d->len > DATA_MAX) {
		p->dropped++;
		return 0;
	}
	rg_buf_add(&q->data, d->bytes, d->len);
	q->n_parts++;
	return q->data.oom ? -ENOMEM : 0;
}

static int add_file(struct rg_parts *p, const struct rg_rec_file *f, size_t size)
{
	struct pending *q;
	size_t at;

	if (size < __builtin_offsetof(struct rg_rec_file, path) || size > sizeof(*f))
		return -EINVAL;
	q = pending_get(p, f->h.tid, f->h.msg_no);
	if (!q)
		return -ENOMEM;
	at = q->records.len;
	if (q->set.n_files >= FILES_MAX || !rg_buf_room(&q->records, sizeof(*f))) {
		p->dropped++;
		return 0;
	}
	memset(q->records.data + at, 0, sizeof(*f));
	memcpy(q->records.data + at, f, size);
	q->records.len = at + sizeof(*f);
	q->file_at[q->set.n_files++] = at;
	q->n_parts++;
	return 0;
}

int rg_parts_add(struct rg_parts *p, const struct rg_rec_hdr *rec, size_t size)
{
	switch (rec->type) {
	case RG_REC_DATA: return add_data(p, (const struct rg_rec_data *)rec, size);
	case RG_REC_FILE: return add_file(p, (const struct rg_rec_file *)rec, size);
	default: return -EINVAL;
	}
}

const struct rg_part_set *rg_parts_take(struct rg_parts *p, uint32_t tid, uint64_t msg_no)
{
	struct pending *q = p ? pending_find(p, tid) : NULL;

	if (!q)
		return NULL;
	if (q->msg_no != msg_no) {
		/* parts of an earlier message that was filtered out at its end: not a loss */
		if (q->msg_no < msg_no) {
			q->n_parts = 0;
			pending_clear(p, q);
		}
		return NULL;
	}
	if (!q->n_parts)
		return NULL;
	q->set.data = (const uint8_t *)q->data.data;
	q->set.data_at = q->data_at;
	q->set.data_len = q->data.len;
	for (unsigned i = 0; i < q->set.n_files; i++)
		q->files[i] = (const struct rg_rec_file *)(q->records.data + q->file_at[i]);
	q->set.files = q->files;
	q->n_parts = 0;
	q->msg_no = 0; /* taken: valid until this thread's next part */
	return &q->set;
}

uint64_t rg_parts_dropped(struct rg_parts *p)
{
	uint64_t n = p->dropped;

	p->dropped = 0;
	return n;
}
