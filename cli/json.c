/* SPDX-License-Identifier: BSD-2-Clause */
#include "json.h"

#include <string.h>

/* Bytes of the UTF-8 sequence at s, 0: not one. */
static int utf8_len(const unsigned char *s)
{
	int n = s[0] < 0x80 ? 1 : s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 : 0;

	for (int i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

void cli_json_str(FILE *f, const char *s)
{
	fputc('"', f);
	while (*s) {
		int n = utf8_len((const unsigned char *)s);

		if (n == 0) {
			fputs("\xef\xbf\xbd", f);
			n = 1;
		} else if (*s == '"' || *s == '\\') {
			fprintf(f, "\\%c", *s);
		} else if ((unsigned char)*s < 0x20) {
			fprintf(f, "\\u%04x", *s);
		} else {
			fwrite(s, 1, (size_t)n, f);
		}
		s += n;
	}
	fputc('"', f);
}
