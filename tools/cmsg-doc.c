/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Prints docs/cmsg.md from the table of control messages. With a file as argument: TAP, whether that file is
 * what would be printed; to bring it up to date:
 *
 *     build/tests/golden/cmsg-doc > docs/cmsg.md
 */
#include <stdio.h>
#include <string.h>

#include <recvguard/cmsg.h>

#include "doc.h"

static const char intro[] =
	"# Control messages\n"
	"\n"
	"Every type that Linux passes with a received message (and, marked *sent*, those a program can pass "
	"with one it\n"
	"sends), what recvguard decodes from it, and how that is tested. Printed from the program's own "
	"table by\n"
	"`tools/cmsg-doc.c`; `recvguard events --cmsg NAME` has each field's unit and meaning.\n"
	"\n"
	"- *Bytes*: size of the payload, without header; where the 32-bit ABI differs it follows the slash. "
	"Headers are 16\n"
	"  bytes, aligned to 8; 12 and 4 in the 32-bit ABI.\n"
	"- *Tested*: **unit**: byte by byte in both ABIs, cut and stretched to every length, against a "
	"page's edge\n"
	"  (`tests/unit/cmsg_types.c`). **live**: received from the running kernel by a program that knows "
	"what must come,\n"
	"  with every control length from 0 up to complete (`tests/e2e/cmsg/`); **live 32**: the same by a "
	"32-bit program.\n"
	"  **machine**, **machine 32**: the same in a machine whose kernel has the protocol's module "
	"(`tests/kernel/families.sh`).\n"
	"  All are fuzzed (`tests/fuzz/cmsg.c`).\n"
	"- *Since*: first Linux version, as best known; not every one was tried.\n"
	"- A type that is not here is kept as level, type and bytes (`data`). One that the kernel cut for "
	"want of room has\n"
	"  `cut`, its bytes, and the fields that are whole. One that the kernel cannot have written so has "
	"`malformed`, in\n"
	"  words, and its bytes.\n"
	"- Level 0 belongs to four protocols; the socket's family says which is meant.\n";

static void size_text(struct rg_buf *b, unsigned min, unsigned max)
{
	if (min == max)
		rg_buf_printf(b, "%u", min);
	else if (max == RG_CMSG_ANY)
		rg_buf_printf(b, min ? "%u or more" : "any", min);
	else
		rg_buf_printf(b, "%u to %u", min, max);
}

static void tests_text(struct rg_buf *b, uint8_t tests)
{
	rg_buf_str(b, tests & RG_CMSG_UNIT ? "unit" : "");
	rg_buf_str(b, tests & RG_CMSG_LIVE ? ", live" : "");
	rg_buf_str(b, tests & RG_CMSG_LIVE32 ? ", live 32" : "");
	rg_buf_str(b, tests & RG_CMSG_MACHINE ? ", machine" : "");
	rg_buf_str(b, tests & RG_CMSG_MACHINE32 ? ", machine 32" : "");
}

static void row_text(struct rg_buf *b, const struct rg_cmsg_type *t)
{
	rg_buf_printf(b, "| %s | %d | ", t->name, t->type_nr);
	size_text(b, t->min64, t->max64);
	if (t->min64 != t->min32 || t->max64 != t->max32) {
		rg_buf_str(b, " / ");
		size_text(b, t->min32, t->max32);
	}
	rg_buf_str(b, " | ");
	for (size_t i = 0; i < t->n_fields; i++)
		rg_buf_printf(b, "%s%s", i ? ", " : "", t->fields[i].name);
	rg_buf_printf(b, " | %s | %s | %s | ", t->dirs & RG_CMSG_RECV ? t->enabled : "*sent*", t->since,
		      t->doc);
	tests_text(b, t->tests);
	rg_buf_str(b, " |\n");
}

static void whole_text(struct rg_buf *b)
{
	const struct rg_cmsg_type *t, *before = NULL;

	rg_buf_str(b, intro);
	for (size_t i = 0; (t = rg_cmsg_type_at(i)); i++, before = t) {
		if (!before || strcmp(before->level, t->level)) {
			rg_buf_printf(b, "\n## %s (%d)\n\n", t->level, t->level_nr);
			rg_buf_str(b, "| type | number | bytes | fields | turned on by | since | what it is "
				      "| tested |\n"
				      "|---|---|---|---|---|---|---|---|\n");
		}
		row_text(b, t);
	}
}

int main(int argc, char **argv)
{
	rg_auto_buf b = {0};

	whole_text(&b);
	return doc_main(&b, "cmsg-doc", "cmsg.md", argc, argv);
}
