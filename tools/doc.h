/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_TOOLS_DOC_H
#define RG_TOOLS_DOC_H

/* Pages of docs/ that are printed from tables: printed, or (with a file as argument, as TAP) held against it.
 */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"

static int doc_compare(const struct rg_buf *b, const char *tool, const char *page, const char *path)
{
	rg_auto_buf is = {0};
	char part[4096];
	FILE *f = fopen(path, "r");
	bool same;

	for (size_t n; f && (n = fread(part, 1, sizeof(part), f)) > 0;)
		rg_buf_add(&is, part, n);
	if (f)
		fclose(f);
	same = is.len == b->len && !memcmp(is.data, b->data, b->len);
	printf("1..1\n%sok 1 - docs/%s says what the table says\n", same ? "" : "not ", page);
	if (!same)
		printf("# bring it up to date: build/tests/golden/%s > docs/%s\n", tool, page);
	return !same;
}

/* main() of such a tool. */
static int doc_main(const struct rg_buf *b, const char *tool, const char *page, int argc, char **argv)
{
	if (b->oom)
		return 1;
	if (argc > 1)
		return doc_compare(b, tool, page, argv[1]);
	return fwrite(b->data, 1, b->len, stdout) != b->len;
}

#endif
